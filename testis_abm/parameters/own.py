"""What follows from tables of a user's own: whole entries from short ones, checked as the shipped ones are.

An entry is of the shape of a shipped one, or says whom it is `like` and in what it differs. What it leaves out of a number is
that of its parent, or of the constant as shipped drugs have it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from typing import Any

from testis_abm.choices import PART_OF, POPULATIONS
from testis_abm.parameters import table
from testis_abm.parameters.table import FOLDER, Drug, FrozenMapping, Parameter, Preset
from testis_abm.parameters.tables import KINDS, Tables, building, in_force, using
from testis_abm.support import guard
from testis_abm.support.errors import Problem, Problems, ScenarioError, gathered, shown, unknown

OWN, ASSUMED = "own", "assumed"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_LONGEST, _MOST = 400, 300  # signs of a text; entries of a kind
_CONTROL = ("like", "replaces")
_OF_NUMBER = ("value", "range", "unit", "source", "confidence", "note")
# Keys of a drug's table that are none of its constants.
_OF_DRUG = {*(field.name for field in fields(Drug)), "class", "action", "substance"} - {"numbers", "substances"}
_NOT_INHERITED = ("title", "names", "source")
_SHARES = ("bioavailability", "payload_fraction", "share")
_DIVISORS = ("half_life", "_constant", "clearance", "molar_mass")
_FIELDS_OF = {"commitment": "spermatogonial_commitment"}  # of a population, where the table's name is shorter


@dataclass(frozen=True)
class OwnPopulation:
    """A population of men of a user's own.

    Attributes:
        name, title, source: as in the table.
        like: the population whose numbers it has where it has none of its own, the user's own or a shipped one.
        numbers: short name -> value, those in which it differs.
    """

    name: str
    title: str
    source: str
    like: str
    numbers: FrozenMapping[float]


@dataclass(frozen=True)
class Injury:
    """An insult of a user's own: a shipped kind, what its keys are unless the scenario says otherwise, and its own numbers.

    Attributes:
        name, title, source: as in the table.
        kind: of scenario.insult.KINDS.
        keys: as `[[insult]]` has them.
        numbers: dotted parameter name -> value, which hold for what this insult does alone.
    """

    name: str
    title: str
    source: str
    kind: str
    keys: FrozenMapping[Any]
    numbers: FrozenMapping[float]


@dataclass(frozen=True)
class Built:
    """What tables come to.

    Attributes:
        whole: reader of table.py -> what it returns with these tables beside the shipped ones.
        populations, injuries: the user's own by name.
        values: parameters whose value the tables set, by dotted name.
        replaced: kind and name of each entry that takes the place of a shipped one.
    """

    whole: Mapping[str, Mapping[str, Any]]
    populations: FrozenMapping[OwnPopulation]
    injuries: FrozenMapping[Injury]
    values: FrozenMapping[float]
    replaced: tuple[tuple[str, str], ...]


def populations() -> tuple[str, ...]:
    """Return the names of the populations, those of the tables in force after the shipped ones."""
    return (*POPULATIONS, *(name for name in built(in_force()).populations if name not in POPULATIONS))


def injuries() -> Mapping[str, Injury]:
    """Return the injuries of the tables in force."""
    return built(in_force()).injuries


def own_values() -> Mapping[str, float]:
    """Return the parameters whose value the tables in force set, by dotted name."""
    return built(in_force()).values


def states(tables: Tables, name: str) -> bool:
    """Return whether tables state a number by its dotted name: a parameter's value, a constant of a drug in a shipped one's place."""
    whole, (group, drug) = built(tables), (*name.split("."), "")[:2]
    return name in whole.values or (group == "drug" and ("drug", drug) in whole.replaced)


def is_own(kind: str, name: str) -> bool:
    """Return whether an entry (of KINDS, by name) is of the tables in force."""
    return in_force().has(kind, name)


def drugs_in(tables: Tables) -> Mapping[str, Drug]:
    """Return the drug table with tables of a user's own."""
    with using(tables):
        return table.drugs()


def from_raw(raw: Mapping[str, Any]) -> Tables:
    """Return the tables of a mapping, kind -> name -> table, checked but for what mechanisms and insults need.

    Raises:
        ScenarioError: with every fault, by kind, name and key.
    """
    with gathered() as problems:
        flat = {kind: _named(kind, raw[kind], problems) for kind in KINDS if raw.get(kind) not in (None, {})}
        with problems.at():
            tables = Tables.unchecked({kind: rows for kind, rows in flat.items() if rows})
            built(tables)
    return tables


def _named(kind: str, rows: object, problems: Problems) -> dict[str, Any]:
    """Return the entries of a kind by name, those of parameters by dotted name."""
    if not isinstance(rows, Mapping):
        problems.add(f"{shown(rows)} is not a table; write [{kind}.NAME] and its keys below it", kind)
        return {}
    found = dict(_dotted(rows)) if kind == "parameter" else dict(rows)
    good: dict[str, Any] = {}
    if len(found) > _MOST:
        problems.add(f"has {len(found):,} entries; allowed: up to {_MOST}", kind)
        return {}
    for name, row in found.items():
        if kind != "parameter" and not _NAME.fullmatch(name):
            text = f"{shown(name)} is no name; use up to 40 small letters, digits and _, a letter first"
            problems.add(text, kind, name, named=True)
        elif kind != "parameter" and not isinstance(row, Mapping):
            problems.add(f"{shown(row)} is not a table; write [{kind}.{name}] and its keys below it", kind, name)
        elif faults := [*_unwritable(row, (kind, name))]:
            problems.extend(faults)
        else:
            good[name] = row
    return good


def _dotted(rows: Mapping[str, Any], prefix: str = "") -> Any:
    for key, row in rows.items():
        if isinstance(row, Mapping) and row.keys().isdisjoint(_OF_NUMBER):
            yield from _dotted(row, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", row


def _unwritable(value: object, place: tuple[str | int, ...]) -> Any:
    """Yield a problem for each value that no table holds: dates, signs that move the cursor, endless texts, no numbers."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not str(key).isprintable() or len(str(key)) > _LONGEST:
                yield Problem((*place, str(key)), f"{shown(key)} is no key", named=True)
            else:
                yield from _unwritable(inner, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for k, inner in enumerate(value):
            yield from _unwritable(inner, (*place, k))
    elif isinstance(value, str):
        if not value.isprintable() or len(value) > _LONGEST:
            yield Problem(place, f"{shown(value)} must be one line of at most {_LONGEST} signs")
    elif isinstance(value, bool):
        pass
    elif not guard.is_number(value) or abs(value) > 1e300 or value != value:  # type: ignore[arg-type]
        yield Problem(place, f"{shown(value)} is no text, number or list of them")


@lru_cache(maxsize=64)
def built(tables: Tables) -> Built:
    """Return what tables come to beside the shipped ones.

    Raises:
        ScenarioError: with every fault, by kind, name and key.
    """
    raw, shipped = tables.as_dict(), _shipped()
    replaced = tuple((kind, name) for kind, rows in raw.items() for name in rows if name in shipped.get(kind, {}))
    made: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    ways = {"drug": _drug, "preset": _preset, "population": _population, "injury": _injury}
    with gathered() as problems:
        for kind in KINDS:
            make: Callable[..., Any] = ways.get(kind, _parameter)
            for name, row in raw.get(kind, {}).items():
                with _under(problems, kind, name):
                    if kind != "parameter":
                        _refuse_shadow(kind, name, row, shipped.get(kind, {}))
                        row = _whole(kind, name, raw[kind])
                    made[kind][name] = make(name, row)
        drugs = {**shipped["drug"], **made["drug"]}
        for name, drug in made["drug"].items():
            with _under(problems, "drug", name):
                table.check_others(drug, drugs)
        names: dict[str, str] = {}
        with _under(problems, "drug"):
            names = table.names_of(drugs)
    parameters = {**table.load(FOLDER), **made["parameter"]}
    values = {
        name: row.value
        for name, row in made["parameter"].items()
        if not isinstance(raw["parameter"][name], Mapping) or "value" in raw["parameter"][name]
    }
    whole: dict[str, Mapping[str, Any]] = {}
    if made["drug"]:
        whole |= {"drugs": FrozenMapping(drugs), "_drug_names": names}
    if made["preset"]:
        whole["presets"] = FrozenMapping({**shipped["preset"], **made["preset"]})
    if made["parameter"]:
        whole["load"] = FrozenMapping(parameters)
    return Built(
        whole, FrozenMapping(made["population"]), FrozenMapping(made["injury"]), FrozenMapping(values), replaced
    )


@building
def readers(tables: Tables) -> Mapping[str, Mapping[str, Any]]:
    """Return what readers of table.py return with tables beside the shipped ones, by the name of the reader."""
    return built(tables).whole


def _shipped() -> Mapping[str, Mapping[str, Any]]:
    return {"drug": table.drugs(FOLDER), "preset": table.presets(FOLDER), "population": dict.fromkeys(POPULATIONS)}


@contextmanager
def _under(problems: Problems, kind: str, name: str = "") -> Iterator[None]:
    """Note what is raised inside under a kind and a name, however table.py has called its place."""
    try:
        yield
    except ScenarioError as error:
        for problem in error.problems:
            first, *rest = problem.path or ("",)
            parts = str(first).split(".")
            parts = parts[1:] if parts[:1] == [kind] else parts
            of = name or parts[0]
            parts = parts[1:] if parts[:1] == [of] else parts
            inner = [part for part in (*parts, *map(str, rest)) if part]
            problems.append(Problem((kind, of, *inner), problem.text, problem.named))


def _refuse_shadow(kind: str, name: str, row: Mapping[str, Any], shipped: Mapping[str, Any]) -> None:
    replaces = row.get("replaces", False)
    if not isinstance(replaces, bool):
        raise ScenarioError(f"{shown(replaces)} is not true or false", "replaces")
    if name in shipped and not replaces:
        raise ScenarioError(
            f"is the name of a shipped {kind}; choose another, or write replaces = true to take its place"
        )
    if replaces and name not in shipped:
        raise ScenarioError(f"no shipped {kind} is called {name}; leave it out", "replaces")


def _whole(kind: str, name: str, rows: Mapping[str, Any]) -> dict[str, Any]:
    """Return the table of an entry with what it has of its parents."""
    raws: Mapping[str, Mapping[str, Any]] = {
        "drug": table.drug_rows(FOLDER),
        "preset": {name: _preset_row(row) for name, row in table.presets(FOLDER).items()},
        "population": {name: {} for name in POPULATIONS},
        "injury": {},
    }
    shipped, row, seen = raws[kind], dict(rows[name]), [name]
    of_name = shipped.get(name, {})
    while (like := row.pop("like", None)) is not None:
        last = seen[-1]
        if not isinstance(like, str) or (like not in shipped and like not in rows):
            raise ScenarioError(unknown(kind, like, {*shipped, *rows}), "like")
        from_shipped = like in shipped and (like not in rows or like == last)
        if not from_shipped and like in seen:
            raise ScenarioError(f"{' is like '.join([*seen, like])}: goes round in a circle", "like")
        seen.append(like)
        parent = dict(shipped[like] if from_shipped else rows[like])
        if from_shipped and kind == "population":
            row = {"base": like, **row}
        parent = {key: value for key, value in parent.items() if key not in (*_NOT_INHERITED, "replaces")}
        row = _merged(parent, row)
    row.pop("replaces", None)
    if kind == "drug" and of_name:  # it is called as the one whose place it takes
        row = {key: of_name[key] for key in _NOT_INHERITED if key in of_name} | row
    return row


def _preset_row(row: Preset) -> dict[str, Any]:
    return {"source": row.source, **row.values} | ({"history": list(row.history)} if row.history else {})


def _merged(parent: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table with what it has of its parent, in the parent's order; a changed number is the user's own."""
    whole = dict(parent)
    for key, value in own.items():
        usual = parent.get(key)
        if isinstance(usual, Mapping) and "value" in usual and key not in _OF_DRUG:
            given = value if isinstance(value, Mapping) else {"value": value}
            kept = {name: of for name, of in usual.items() if name not in ("note", "source", "confidence")}
            whole[key] = {**kept, "source": OWN, "confidence": ASSUMED, **given}
        elif isinstance(usual, Mapping) and isinstance(value, Mapping):
            whole[key] = _merged(usual, value)
        else:
            whole[key] = value
    return whole


# ---- each kind


def _texts(name: str, row: dict[str, Any]) -> dict[str, Any]:
    return {"title": table.in_words(name, heading=True), "source": OWN, **row}


@cache
def _units() -> Mapping[str, tuple[str, ...]]:
    """Return the units of each constant of drugs, by short name, as shipped drugs have them."""
    found: dict[str, dict[str, None]] = {}
    for drug in table.drugs(FOLDER).values():
        for part in drug.substances:
            for name, number in part.numbers.items():
                found.setdefault(name, {})[number.unit] = None
    return {name: tuple(units) for name, units in found.items()}


def unit_of(constant: str) -> str:
    """Return the unit of a constant of drugs as shipped drugs have it; "" of one that none has."""
    return next(iter(_units().get(constant, ())), "")


def _drug(name: str, row: dict[str, Any]) -> Drug:
    row = {key: value for key, value in row.items() if key != "source"}
    with gathered() as problems:
        row = _constants(row, problems, ())
        for part, inner in (row.get("substance") or {}).items() if isinstance(row.get("substance"), Mapping) else ():
            with problems.at("substance", part):
                if not isinstance(inner, Mapping):
                    raise ScenarioError("is not a table")
                row["substance"] = {**row["substance"], part: _constants(dict(inner), problems, ("substance", part))}
    regimen = row.get("regimen")
    doses = [part.get("dose") for part in regimen if isinstance(part, Mapping)] if isinstance(regimen, list) else []
    doses = [dose for dose in doses if guard.is_number(dose)]
    if "largest_dose" not in row and doses:
        row["largest_dose"] = max(doses)  # type: ignore[type-var]
    if "largest_dose" not in row:
        raise ScenarioError(
            "is missing: the largest single dose that evidence covers, for example largest_dose = 10", "largest_dose"
        )
    if "action" not in row and "substance" not in row:
        raise ScenarioError(f"is missing: what it does; known: {', '.join(actions())}", "action")
    row = {
        "title": table.in_words(name, heading=True),
        "class": "own drug",
        "dose_unit": "mg",
        "routes": ["oral"],
        **row,
    }
    row.setdefault("regimen", [{"dose": row["largest_dose"], "every_hours": 24, "days": 42}])
    row.setdefault("usual", f"up to {row['largest_dose']} {row['dose_unit']}")
    drug = table.drug_of(name, row)
    known = actions()
    for action in {*drug.actions, *(action for part in drug.substances for action in part.actions)}:
        if action not in known:
            raise ScenarioError(unknown("mechanism", action, known), "action")
    return drug


@cache
def actions() -> tuple[str, ...]:
    """Return the mechanisms that shipped drugs have, which are all there are."""
    every = (action for drug in table.drugs(FOLDER).values() for part in drug.substances for action in part.actions)
    return tuple(sorted(dict.fromkeys(every)))


def _constants(row: dict[str, Any], problems: Problems, place: tuple[str, ...]) -> dict[str, Any]:
    """Return the table of a drug or a substance with its constants whole."""
    whole = dict(row)
    for key, given in row.items():
        if key in _OF_DRUG:
            continue
        if key not in _units():
            problems.add(unknown("key", key, {*_units(), *_OF_DRUG, *_CONTROL}), *place, key, named=True)
            continue
        with problems.at(*place, key):
            whole[key] = _constant(key, given)
    return whole


def _constant(name: str, given: object) -> dict[str, Any]:
    row = _number(given)
    row = {"unit": unit_of(name), **row}
    if row["unit"] not in _units()[name]:
        raise ScenarioError(
            f"{shown(row['unit'])} is not its unit; write the value in {' or '.join(_units()[name])}", "unit"
        )
    low, value = row["range"][0], row["value"]
    if min(low, value) < 0.0 or (name.endswith(_DIVISORS) and min(low, value) <= 0.0):
        raise ScenarioError(
            f"{value:g} (range from {low:g}) must be {'above 0' if name.endswith(_DIVISORS) else '0 or more'}"
        )
    if name in _SHARES and row["unit"] == "1" and max(row["range"][1], value) > 1.0:
        raise ScenarioError(f"{value:g} (range to {row['range'][1]:g}) is a share and cannot be above 1")
    return row


def _number(given: object) -> dict[str, Any]:
    """Return a number of a table whole: value, range, source, confidence."""
    if guard.is_number(given):
        given = {"value": given}
    if not isinstance(given, Mapping) or "value" not in given:
        raise ScenarioError(f"{shown(given)} is no number; write for example 1.5, or {{ value = 1.5, range = [1, 2] }}")
    for key in given:
        guard.key(key, _OF_NUMBER, "key")
    value = given["value"]
    if not guard.is_number(value):
        raise ScenarioError(f"{shown(value)} is no number", "value")
    row = {"range": [value, value], "source": OWN, "confidence": ASSUMED, **given}
    low, high = ends(row["range"])
    if not low <= value <= high:
        text = f"{value:g} is out of range; allowed: {low:g} to {high:g}; give range = [lowest, highest] beside it if yours is wider"
        raise ScenarioError(text, "value")
    return row


def ends(given: object) -> tuple[float, float]:
    """Return the ends of a range.

    Raises:
        ScenarioError: it is none.
    """
    if (
        not isinstance(given, list | tuple)
        or len(given) != 2
        or not all(map(guard.is_number, given))
        or given[0] > given[1]
    ):
        raise ScenarioError(f"{shown(given)} is no range; write range = [lowest, highest]", "range")
    return float(given[0]), float(given[1])


def _preset(name: str, row: dict[str, Any]) -> Preset:
    return table.preset_of(name, _texts(name, row), table.physiology(FOLDER))


def _parameter(name: str, given: object) -> Parameter:
    known = table.load(FOLDER)
    if name not in known:
        if name.partition(".")[0] == "drug":
            raise ScenarioError("is a constant of a drug; give it in [drug.NAME], with like and replaces = true")
        raise ScenarioError(table.fault(name, 0.0, folder=FOLDER) or "is no parameter")
    usual = known[name]
    row = given if isinstance(given, Mapping) else {"value": given}
    for key in row:
        guard.key(key, tuple(of for of in _OF_NUMBER), "key")
    if row.get("unit", usual.unit) != usual.unit:
        raise ScenarioError(f"{shown(row['unit'])} is not its unit; write the value in {usual.unit}", "unit")
    low, high = ends(row["range"]) if "range" in row else (usual.low, usual.high)
    changed = {key: row[key] for key in ("source", "confidence", "note") if key in row}
    if "value" in row:
        changed = {"source": OWN, "confidence": ASSUMED, "note": ""} | changed
    whole = {
        **{field.name: getattr(usual, field.name) for field in fields(Parameter)},
        "value": row.get("value", usual.value),
        "low": low,
        "high": high,
        **changed,
    }
    made = table._made(Parameter, None, name, whole)
    if text := made.fault(made.value):
        fix = "" if "range" in row else "; give range = [lowest, highest] beside it if yours is wider"
        raise ScenarioError(f"{text}{fix}", "value")
    return replace(made, value=float(made.value))


def lineage(like: str) -> tuple[str, ...]:
    """Return a shipped population and the one that it is a part of."""
    return (like, PART_OF[like]) if like in PART_OF else (like,)


def _population(name: str, row: dict[str, Any]) -> OwnPopulation:
    row = _texts(name, row)
    title, source, base = row.pop("title"), row.pop("source"), row.pop("base", None)
    if base is None:
        raise ScenarioError(
            f'is missing: the population that it is like, for example like = "clinic"; known: {", ".join(POPULATIONS)}',
            "like",
        )
    numbers: dict[str, float] = {}
    with gathered() as problems:
        for key, given in row.items():
            with problems.at(key):
                entry = _of_population(key, base)
                if entry is None:
                    known = sorted(_short_names(base))
                    raise ScenarioError(
                        [Problem((), unknown("key", key, known, see="testis-abm parameters population"), named=True)]
                    )
                whole = given if isinstance(given, Mapping) else {"value": given}
                numbers[key] = _number({"range": [entry.low, entry.high], **whole})["value"]
    if "age_low" in numbers and "age_high" in numbers and numbers["age_low"] >= numbers["age_high"]:
        raise ScenarioError(f"{numbers['age_low']:g} is not below age_high, {numbers['age_high']:g}", "age_low")
    return OwnPopulation(
        name, title, source, base, FrozenMapping({key: float(value) for key, value in numbers.items()})
    )


def _short_names(base: str) -> set[str]:
    """Return the numbers that a population like `base` has, by short name."""
    names = {name.removeprefix("population.") for name in table.load(FOLDER) if name.startswith("population.")}
    own = {name.removeprefix(f"{of}_") for of in lineage(base) for name in names if name.startswith(f"{of}_")}
    traits = {_short for name in names if (_short := name.removesuffix("_spread")) != name}
    others = tuple(f"{of}_" for of in POPULATIONS if f"{of}_share" not in names)  # a lesion's is no population's own
    men = table.physiology(FOLDER)
    return {
        *own,
        *(name for name in names if not name.startswith(others)),
        *(
            name
            for name in traits
            if _FIELDS_OF.get(name, name) in men and not name.startswith(others) and name != "bmi"
        ),
    }


def _of_population(short: str, base: str) -> Parameter | None:
    """Return the entry whose range a number of a population keeps to."""
    known = table.load(FOLDER)
    if short not in _short_names(base):
        return None
    for name in (*(f"population.{of}_{short}" for of in lineage(base)), f"population.{short}"):
        if name in known:
            return known[name]
    return table.physiology(FOLDER).get(_FIELDS_OF.get(short, short))


def _injury(name: str, row: dict[str, Any]) -> Injury:
    row = _texts(name, row)
    title, source, kind, numbers = row.pop("title"), row.pop("source"), row.pop("kind", None), row.pop("numbers", {})
    if not isinstance(kind, str):
        raise ScenarioError('is missing: what it does, for example kind = "cytotoxics"', "kind")
    own: dict[str, float] = {}
    with gathered() as problems, problems.at("numbers"):
        for key, given in guard.mapping(
            dict(_dotted(numbers)) if isinstance(numbers, Mapping) else numbers, "", '{ "heat.kill_stem_cell" = 1 }'
        ).items():
            with problems.at(key):
                own[key] = _parameter(key, given).value
    return Injury(name, title, source, kind, FrozenMapping(row), FrozenMapping(own))
