"""The parameter table: reads and checks the TOML files beside this module.

Each function takes the folder to read; without one it reads the tables of the package, once per process.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any, cast

from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, TestisError, nearest, shown, unknown

FOLDER = Path(__file__).parent
CONFIDENCE = ("measured", "derived", "fitted", "assumed")

_MEN, _DRUGS, _OBSERVED = "men.toml", "drugs.toml", "men_observed.toml"
_ENTRY_TEXTS = ("unit", "source", "confidence")
_ENTRY_KEYS = {"value", "range", "note", *_ENTRY_TEXTS}
_DRUG_TEXTS = ("title", "class", "dose_unit", "usual")


class FrozenMapping[V](Mapping[str, V]):
    """A mapping that cannot change, can be hashed if its values can, and can be sent to another process."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, V] | Iterable[tuple[str, V]] = ()) -> None:
        self._items = dict(items)

    def __getitem__(self, name: str) -> V:
        return self._items[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return repr(self._items)

    def __reduce__(self) -> tuple[type[FrozenMapping[V]], tuple[dict[str, V]]]:
        return FrozenMapping, (self._items,)


@dataclass(frozen=True)
class Parameter:
    """One number of the model.

    Attributes:
        name: dotted name, such as "axis.lh_reference".
        value: in `unit`.
        unit: as printed in the table.
        low, high: plausible range, ends included; an override must stay inside.
        source: where the value comes from.
        confidence: "measured", "derived", "fitted" or "assumed".
        note: what else a reader should know; may be empty.
    """

    name: str
    value: float
    unit: str
    low: float
    high: float
    source: str
    confidence: str
    note: str = ""

    @property
    def symbol(self) -> str:
        """Return the unit as it stands after a number: nothing for a plain number, whose unit is "1"."""
        return "" if self.unit == "1" else self.unit

    def fault(self, value: object) -> str | None:
        """Return what is wrong with `value` for this parameter, or None."""
        allowed = f"{self.low:g} to {self.high:g}" + (f" ({self.symbol})" if self.symbol else "")
        if isinstance(value, bool) or not isinstance(value, Real):
            return f"{shown(value)} is not a plain number; allowed: {allowed}"
        # Written so that NaN fails; not made a float first, so that a huge integer does.
        if not self.low <= cast(float, value) <= self.high:
            return f"{shown(value)} is out of range; allowed: {allowed}"
        return None


@dataclass(frozen=True)
class Substance:
    """A substance that a drug holds or turns into, or one of several depots of it.

    Attributes:
        name: of the substance.
        actions: the mechanisms that the body applies (see biology/pharmacology.py).
        numbers: its constants by short name.
    """

    name: str
    actions: tuple[str, ...]
    numbers: Mapping[str, Parameter]


@dataclass(frozen=True)
class Course:
    """A part of a drug's usual regimen; parts follow one another.

    Attributes:
        dose: in the drug's unit.
        every_hours: hours between doses; None is a single dose.
        over_hours: hours over which a dose is infused; None is at once.
        days: how long this part lasts.
    """

    dose: float
    every_hours: float | None
    over_hours: float | None
    days: float

    @property
    def every_days(self) -> float | None:
        """Return the days between doses; None is a single dose."""
        return None if self.every_hours is None else self.every_hours / 24.0


@dataclass(frozen=True)
class Drug:
    """One row of the drug table.

    Attributes:
        name: as scenarios write it.
        title: for people.
        drug_class: pharmacological class.
        action: the mechanism that the body applies.
        dose_unit: unit of every dose, "mg" or "IU".
        routes: possible routes, the usual one first.
        usual: usual dosing, for messages.
        largest_dose: in `dose_unit`; a larger single dose is taken for a slip.
        numbers: kinetic and dynamic constants by short name ("enclomiphene.half_life" where a drug has several substances).
        substances: what is in it, or comes of it in the body.
        regimen: usual dosing, for pictures.
        excludes: drug that must not act at the same time -> the reason.
        names: generic and brand names that mean it too (see `drug_named`).
    """

    name: str
    title: str
    drug_class: str
    action: str
    dose_unit: str
    routes: tuple[str, ...]
    usual: str
    largest_dose: float
    numbers: Mapping[str, Parameter]
    substances: tuple[Substance, ...]
    regimen: tuple[Course, ...] = ()
    excludes: Mapping[str, str] = FrozenMapping()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preset:
    """A named man: the physiology fields in which he differs from the reference man, and what he was given before."""

    name: str
    title: str
    source: str
    values: Mapping[str, float]
    history: tuple[str, ...] = ()


def load(folder: Path | None = None) -> Mapping[str, Parameter]:
    """Return every parameter of the model by dotted name; men and drugs have tables of their own.

    Raises:
        TestisError: a file of the table is missing or wrong.
    """
    return _load(folder or FOLDER)


def physiology(folder: Path | None = None) -> Mapping[str, Parameter]:
    """Return the physiology fields of a man by short name; each value is the reference man's."""
    return _physiology(folder or FOLDER)


def presets(folder: Path | None = None) -> Mapping[str, Preset]:
    """Return the named men."""
    return _presets(folder or FOLDER)


def drugs(folder: Path | None = None) -> Mapping[str, Drug]:
    """Return the drug table by name."""
    return _drugs(folder or FOLDER)


def drug_named(name: object, folder: Path | None = None) -> str:
    """Return the name in the drug table of a drug by that, a generic or a brand name: "hCG", "Gonal-F", "testosterone cypionate".

    Raises:
        ScenarioError: no drug has the name.
    """
    known = _drug_names(folder or FOLDER)
    if isinstance(name, str) and (own := known.get(_bare(name))):
        return own
    spelled = [*drugs(folder), *(other for drug in drugs(folder).values() for other in drug.names)]
    raise ScenarioError([Problem((), unknown("drug", name, spelled, see="testis-abm drugs"), named=True)])


def values(overrides: Mapping[str, float] | None = None, *, folder: Path | None = None) -> dict[str, float]:
    """Return the value of every parameter by name, with overrides in place.

    Raises:
        ScenarioError: an override has an unknown name or a value out of range; one line each.
    """
    numbers = {name: parameter.value for name, parameter in load(folder).items()}
    overrides = {str(name): value for name, value in guard.changes(overrides).items()}
    problems = []
    for name, value in overrides.items():
        if text := fault(name, value, folder=folder):
            problems.append(Problem(("parameters", name), text, named=name not in numbers))
    if problems:
        raise ScenarioError(problems)
    return numbers | {name: float(value) for name, value in overrides.items()}


def fault(name: str, value: object, *, folder: Path | None = None) -> str | None:
    """Return what is wrong with overriding parameter `name` by `value`, or None."""
    known = load(folder)
    if name in known:
        return known[name].fault(value)
    group, _, rest = name.partition(".")
    if group == "man" and rest in physiology(folder):
        return f"{shown(name)} belongs to the man; set {rest} under [man]"
    if group == "drug" and rest.partition(".")[0] in drugs(folder):
        return f"{shown(name)} belongs to the drug table and cannot be set in a scenario"
    return unknown("parameter", name, known, see="testis-abm parameters")


def search(word: str | None = None, *, folder: Path | None = None) -> list[Parameter]:
    """Return the parameters whose name, unit, source or note contains `word`, in any case; all without one.

    The physiology fields of a man (man.*) and the constants of the drugs (drug.*) are included.
    """
    every = [*load(folder).values(), *physiology(folder).values()]
    for drug in drugs(folder).values():
        every += drug.numbers.values()
    if word is not None and not isinstance(word, str):
        raise ScenarioError(f'{shown(word)} is not text; write for example "aromatase"')
    wanted = (word or "").lower()
    return [p for p in every if wanted in f"{p.name}\n{p.unit}\n{p.source}\n{p.note}".lower()]


@dataclass(frozen=True)
class Range:
    """What was published of men like a preset: `low` to `high` of a quantity in the unit of its name."""

    quantity: str
    low: float
    high: float
    source: str


def observed_in(preset: str, folder: Path | None = None) -> Mapping[str, Range]:
    """Return the published ranges of men like a preset, by quantity; empty where there are none."""
    path = (folder or FOLDER) / _OBSERVED
    raw = _read(path).get(preset, {})
    found = {}
    for quantity, entry in raw.items():
        good = isinstance(entry, dict) and entry.keys() == {"low", "high", "source"} and entry["low"] <= entry["high"]
        _check(good, path, f"{preset}.{quantity}", "must be a table with low, high and source")
        found[quantity] = Range(quantity, float(entry["low"]), float(entry["high"]), str(entry["source"]))
    return FrozenMapping(found)


@cache
def _load(folder: Path) -> Mapping[str, Parameter]:
    found: dict[str, Parameter] = {}
    for path in sorted(folder.glob("*.toml")):
        if path.name not in (_MEN, _DRUGS, _OBSERVED):
            for parameter in _entries(path, "", _read(path)):
                _check(parameter.name not in found, path, parameter.name, "is defined twice")
                found[parameter.name] = parameter
    if not found:
        raise TestisError(f"{folder}: no parameter tables (*.toml) here; install the package again")
    return FrozenMapping(found)


@cache
def _physiology(folder: Path) -> Mapping[str, Parameter]:
    path = folder / _MEN
    return _short_names(_entries(path, "man", _table(path, _read(path), "physiology")))


@cache
def _presets(folder: Path) -> Mapping[str, Preset]:
    path = folder / _MEN
    raw, fields = _table(path, _read(path), "preset"), _physiology(folder)
    return FrozenMapping({name: _preset(path, name, _table(path, raw, name), fields) for name in raw})


@cache
def _drugs(folder: Path) -> Mapping[str, Drug]:
    path = folder / _DRUGS
    raw = _read(path)
    found = {name: _drug(path, name, _table(path, raw, name)) for name in raw}
    for drug in found.values():
        for other in drug.excludes:
            _check(
                other in found, path, f"{drug.name}.excludes.{other}", f"is no drug; nearest: {nearest(other, found)}"
            )
    return FrozenMapping(found)


@cache
def _drug_names(folder: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for drug in _drugs(folder).values():
        for name in (drug.name, *drug.names):
            _check(
                found.setdefault(_bare(name), drug.name) == drug.name, folder / _DRUGS, name, "is a name of two drugs"
            )
    return FrozenMapping(found)


def _bare(name: str) -> str:
    """Return a name without case, spaces, hyphens and underscores."""
    return "".join(sign for sign in name.casefold() if sign not in " -_\u2010\u2011\u00ae")


def _preset(path: Path, name: str, raw: dict[str, Any], fields: Mapping[str, Parameter]) -> Preset:
    raw = dict(raw)
    title, source = (_text(path, f"preset.{name}", raw, key) for key in ("title", "source"))
    history = raw.pop("history", [])
    _check(isinstance(history, list), path, f"preset.{name}", "history must be a list of texts")
    for field, value in raw.items():
        where = f"preset.{name}.{field}"
        _check(field in fields, path, where, f"is no physiology field; nearest: {nearest(field, fields)}")
        wrong = fields[field].fault(value)
        _check(wrong is None, path, where, wrong or "")
    return Preset(
        name, title, source, FrozenMapping({field: float(value) for field, value in raw.items()}), tuple(history)
    )


def _drug(path: Path, name: str, raw: dict[str, Any]) -> Drug:
    raw = dict(raw)
    title, drug_class, dose_unit, usual = (_text(path, name, raw, key) for key in _DRUG_TEXTS)
    actions = _actions(path, name, raw)
    routes, largest = raw.pop("routes", None), raw.pop("largest_dose", None)
    good = isinstance(routes, list) and bool(routes) and all(isinstance(route, str) for route in routes)
    _check(good, path, name, "routes must be a list of names")
    _check(_is_number(largest) and largest > 0, path, name, "largest_dose must be a number above 0")
    regimen, excludes = _regimen(path, name, raw, float(largest)), _excludes(path, name, raw)
    names = raw.pop("names", [])
    good = isinstance(names, list) and all(isinstance(other, str) and other for other in names)
    _check(good, path, name, "names must be a list of texts")
    parts = _table(path, raw, "substance") if "substance" in raw else {name: raw}
    substances = []
    for part, inner in parts.items():
        _check(isinstance(inner, dict), path, f"{name}.{part}", "must be a table")
        own = _actions(path, f"{name}.{part}", inner) if "action" in inner else actions
        where = f"drug.{name}" if inner is raw else f"drug.{name}.{part}"
        substances.append(Substance(part, own, _short_names(_entries(path, where, inner))))
    prefix = f"drug.{name}."
    numbers = FrozenMapping(
        {entry.name.removeprefix(prefix): entry for of in substances for entry in of.numbers.values()}
    )
    return Drug(
        name,
        title,
        drug_class,
        actions[0],
        dose_unit,
        tuple(routes),
        usual,
        float(largest),
        numbers,
        tuple(substances),
        regimen,
        excludes,
        tuple(names),
    )


def _regimen(path: Path, name: str, raw: dict[str, Any], largest: float) -> tuple[Course, ...]:
    given = raw.pop("regimen", [])
    _check(isinstance(given, list), path, name, "regimen must be a list of tables")
    return tuple(_course(path, f"{name}.regimen", part, largest) for part in given)


def _course(path: Path, name: str, raw: object, largest: float) -> Course:
    if not isinstance(raw, dict):
        raise TestisError(f"{path}: {name}: must be a list of tables")
    surplus = sorted(raw.keys() - {"dose", "every_hours", "over_hours", "days"})
    _check(not surplus, path, name, f"has an unknown key: {', '.join(surplus)}")
    for key in ("dose", "days", *(raw.keys() & {"every_hours", "over_hours"})):
        value = raw.get(key)
        _check(_is_number(value) and cast(float, value) > 0, path, name, f"{key} must be a number above 0")
    _check(raw["dose"] <= largest, path, name, f"dose {raw['dose']:g} is above the largest dose, {largest:g}")
    hours = [float(raw[key]) if key in raw else None for key in ("every_hours", "over_hours")]
    return Course(float(raw["dose"]), hours[0], hours[1], float(raw["days"]))


def _excludes(path: Path, name: str, raw: dict[str, Any]) -> FrozenMapping[str]:
    given = raw.pop("excludes", {})
    good = isinstance(given, dict) and all(isinstance(reason, str) and reason for reason in given.values())
    _check(good, path, name, "excludes must be a table of drug = reason")
    return FrozenMapping(given)


def _actions(path: Path, name: str, raw: dict[str, Any]) -> tuple[str, ...]:
    given = raw.pop("action", None)
    actions = (given,) if isinstance(given, str) else tuple(given or ())
    _check(bool(actions) and all(isinstance(of, str) for of in actions), path, name, "action must be given, as text")
    return actions


def _entries(path: Path, name: str, raw: dict[str, Any]) -> Iterator[Parameter]:
    """Yield the parameters in a table and the tables inside it; a table with a value is a parameter."""
    if "value" in raw:
        yield _parameter(path, name, raw)
        return
    for key, inner in raw.items():
        dotted = f"{name}.{key}".lstrip(".")
        _check(isinstance(inner, dict), path, dotted, "must be a table with value, unit, range, source")
        yield from _entries(path, dotted, inner)


def _parameter(path: Path, name: str, raw: dict[str, Any]) -> Parameter:
    surplus = sorted(raw.keys() - _ENTRY_KEYS)
    _check(not surplus, path, name, f"has an unknown key: {', '.join(surplus)}")
    value, span = raw["value"], raw.get("range")
    _check(_is_number(value), path, name, "value must be a finite number")
    if not (isinstance(span, list) and len(span) == 2 and all(map(_is_number, span)) and span[0] <= span[1]):
        raise TestisError(f"{path}: {name}: range must be [lowest, highest]")
    low, high = span
    _check(low <= value <= high, path, name, f"value {value:g} is outside its range, {low:g} to {high:g}")
    unit, source, confidence = (_text(path, name, raw, key, keep=True) for key in _ENTRY_TEXTS)
    _check(confidence in CONFIDENCE, path, name, f'confidence "{confidence}"; known: {", ".join(CONFIDENCE)}')
    note = raw.get("note", "")
    _check(isinstance(note, str), path, name, "note must be text")
    return Parameter(name, float(value), unit, float(low), float(high), source, confidence, note)


def _short_names(parameters: Iterable[Parameter]) -> Mapping[str, Parameter]:
    return FrozenMapping({parameter.name.rpartition(".")[2]: parameter for parameter in parameters})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _text(path: Path, name: str, raw: dict[str, Any], key: str, *, keep: bool = False) -> str:
    get: Callable[[str, object], object] = raw.get if keep else raw.pop
    text = get(key, None)
    _check(isinstance(text, str) and bool(text), path, name, f"{key} must be given, as text")
    return str(text)


def _table(path: Path, raw: dict[str, Any], key: str) -> dict[str, Any]:
    inner = raw.get(key)
    if not isinstance(inner, dict):
        raise TestisError(f"{path}: {key}: must be a table")
    return inner


def _check(good: bool, path: Path, name: str, wrong: str) -> None:
    if not good:
        raise TestisError(f"{path}: {name}: {wrong}")


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TestisError(f"{path}: {reason}; install the package again") from None
    except ValueError as error:
        raise TestisError(f"{path}: not a valid table: {error}") from None
