"""The parameter table: reads and checks the TOML files beside this module.

`model/` holds the numbers of the model; men.toml, men_observed.toml, drugs.toml and hypotheses.toml are tables of their own. Each
function takes the folder to read; without one it reads the tables of the package, once per process.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache, wraps
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, cast

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from testis_abm.parameters.tables import in_force, whole
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, TestisError, gathered, nearest, printable, shown, unknown

FOLDER = Path(__file__).parent
_MODEL, _MEN, _DRUGS, _OBSERVED = "model", "men.toml", "drugs.toml", "men_observed.toml"
_HYPOTHESES, _INSULTS = "hypotheses.toml", "insults.toml"

Text = Annotated[str, Field(min_length=1)]
Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Positive = Annotated[Number, Field(gt=0)]


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


# Words of names as the field writes them.
_SPELT = {
    **{word.lower(): word for word in ("BMI", "CYP19A1", "FSH", "GnRH", "hCG", "HDL", "Km", "LH", "SHBG")},
    "er alpha": "ER-α",
    "er beta": "ER-β",
}
_SPELT_WORD = re.compile(rf"\b({'|'.join(_SPELT)})\b")


def in_words(name: str, *, heading: bool = False) -> str:
    """Return the name of a parameter or a group of them in words: "LH clearance per day" of "lh_clearance_per_day".

    A `heading` begins with a capital letter unless the field writes its first word otherwise.
    """
    words = name.replace("_", " ")
    spelt = _SPELT_WORD.sub(lambda word: _SPELT[word[0]], words)
    return spelt[0].upper() + spelt[1:] if heading and not _SPELT_WORD.match(words) else spelt


class _Entry:
    """What is read of a file, by the types of its fields (see `_made`)."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True)
class Parameter(_Entry):
    """One number of the model.

    Attributes:
        name: dotted name, such as "axis.lh_reference".
        value: in `unit`.
        unit: as printed in the table.
        low, high: plausible range, ends included; an override must stay inside.
        source: where the value comes from.
        note: what else a reader should know; may be empty.
    """

    name: str
    value: Number
    unit: Text
    low: Number
    high: Number
    source: Text
    confidence: Literal["measured", "derived", "fitted", "assumed"]
    note: str = ""

    @property
    def symbol(self) -> str:
        """Return the unit as it stands after a number: nothing for a plain number, whose unit is "1"."""
        return "" if self.unit == "1" else self.unit

    def checked(self, value: object) -> float:
        """Return a value for this parameter.

        Raises:
            ScenarioError: it is none, or out of range.
        """
        return guard.number(value, self.low, self.high, unit=f"({self.symbol})" if self.symbol else "")

    def fault(self, value: object) -> str | None:
        """Return what is wrong with `value` for this parameter, or None."""
        try:
            self.checked(value)
        except ScenarioError as error:
            return str(error)
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
    numbers: FrozenMapping[Parameter]


@dataclass(frozen=True)
class Course(_Entry):
    """A part of a drug's usual regimen; parts follow one another.

    Attributes:
        dose: in the drug's unit.
        days: how long this part lasts.
        every_hours: hours between doses; None is a single dose.
        over_hours: hours over which a dose is infused; None is at once.
    """

    dose: Positive
    days: Positive
    every_hours: Positive | None = None
    over_hours: Positive | None = None

    @property
    def every_days(self) -> float | None:
        """Return the days between doses; None is a single dose."""
        return None if self.every_hours is None else self.every_hours / 24.0


SLIP = 10.0  # times the largest dose that evidence covers


@dataclass(frozen=True)
class Drug(_Entry):
    """One row of the drug table.

    Attributes:
        name: as scenarios write it.
        title: for people.
        drug_class: pharmacological class.
        actions: the mechanisms that the body applies; those of a substance may differ.
        dose_unit: unit of every dose, "mg" or "IU".
        routes: possible routes, the usual one first.
        usual: usual dosing, for messages.
        largest_dose: the largest single dose that evidence covers, in `dose_unit`; a larger one is extrapolation, and one
            over `most` times that is taken for a slip.
        numbers: kinetic and dynamic constants by short name ("enclomiphene.half_life" where a drug has several
            substances).
        substances: what is in it, or comes of it in the body.
        regimen: usual dosing, for pictures.
        excludes: drug that must not act at the same time -> the reason.
        studied_with: drugs, or mechanisms of drugs, that it has been given together with; told at one of the two.
        names: generic and brand names that mean it too (see `drug_named`).
    """

    name: str
    title: Text
    drug_class: Text
    actions: Annotated[tuple[Text, ...], Field(min_length=1)]
    dose_unit: Literal["mg", "IU"]
    routes: Annotated[tuple[Text, ...], Field(min_length=1)]
    usual: Text
    largest_dose: Positive
    numbers: FrozenMapping[Parameter]
    substances: tuple[Substance, ...]
    regimen: tuple[Course, ...] = ()
    excludes: Annotated[Mapping[str, Text], AfterValidator(FrozenMapping)] = FrozenMapping()
    studied_with: tuple[Text, ...] = ()
    names: tuple[Text, ...] = ()

    @property
    def label(self) -> str:
        """Return its name in texts and pictures: "rFSH", "testosterone enanthate"."""
        return next((name for name in self.names if name.casefold() == self.name), self.name.replace("_", " "))

    @property
    def action(self) -> str:
        """Return the mechanism that it is known for."""
        return self.actions[0]

    @property
    def interval_days(self) -> float:
        """Return the shortest customary time between doses, days, in which evidence covers no more than the largest dose; 0: none is known."""
        return min((part.every_days or part.days for part in self.regimen), default=0.0)

    @property
    def release_days(self) -> float:
        """Return for how long a depot releases what is in it evenly, days; 0 if it does not."""
        released = (part.numbers["release_days"].value for part in self.substances if "release_days" in part.numbers)
        return max(released, default=0.0)

    @property
    def most(self) -> float:
        """Return the largest single dose that is taken as it is given, in `dose_unit`."""
        return SLIP * self.largest_dose

    def known_with(self, other: Drug) -> bool:
        """Return whether the two have been given together, or are one hormone from two depots."""
        pairs = ((self, other), (other, self))
        return self.action == other.action == "testosterone" or any(
            {one.name, one.action} & set(of.studied_with) for one, of in pairs
        )


@dataclass(frozen=True)
class Largest(_Entry):
    """The largest amount of an insult that evidence in men covers, in `unit`.

    Attributes:
        adds: whether what several insults do to one testis counts together.
    """

    largest: Positive
    unit: Text
    source: Text
    adds: bool = False

    @property
    def most(self) -> float:
        """Return the largest amount that is taken as it is given."""
        return SLIP * self.largest


@dataclass(frozen=True)
class Preset(_Entry):
    """A named man: the physiology fields in which he differs from the reference man, and what he was given before."""

    name: str
    title: Text
    source: Text
    values: FrozenMapping[float]
    history: tuple[Text, ...] = ()


@dataclass(frozen=True)
class Range(_Entry):
    """What was published of men like a preset: `low` to `high` of a quantity in the unit of its name."""

    quantity: str
    low: Number
    high: Number
    source: Text


@dataclass(frozen=True)
class ManKind(_Entry):
    """A kind of man: his share of the men whom an answer speaks of, and in what he is unlike the tables and his preset.

    Attributes:
        parameters: dotted parameter name -> value.
        man: physiology field -> factor of his own.
    """

    share: Annotated[Number, Field(gt=0, le=1)]
    parameters: FrozenMapping[float]
    man: FrozenMapping[float]


@dataclass(frozen=True)
class Answer(_Entry):
    """An answer to a question that the data do not decide; `weight` is its probability.

    Men of no kind of `kinds` are as the tables have them.
    """

    name: str
    weight: Annotated[Number, Field(ge=0, le=1)]
    source: Text
    kinds: tuple[ManKind, ...]

    @property
    def parameters(self) -> Mapping[str, float]:
        """Return what an answer about all men sets."""
        return self.kinds[0].parameters


@dataclass(frozen=True)
class Hypothesis(_Entry):
    """A question that the data do not decide, its answers by name, the one that the tables hold, and what would decide.

    Attributes:
        sperm_below: of men with fewer sperm than that untreated (million/mL), and some, the question is; None: of all.
    """

    name: str
    question: Text
    default: str
    decided_by: Text
    source: Text
    answers: FrozenMapping[Answer]
    sperm_below: Annotated[Number, Field(gt=0)] | None = None

    @property
    def parameters(self) -> frozenset[str]:
        """Return the parameters that answers set."""
        kinds = (kind for answer in self.answers.values() for kind in answer.kinds)
        return frozenset(name for kind in kinds for name in kind.parameters)


def _read_once[T](read: Callable[[Path], T]) -> Callable[..., T]:
    """Let a reader of a folder read each one once, and the package's own, with the tables in force, if none is given."""
    cached = cache(read)

    @wraps(read)
    def reader(folder: Path | None = None) -> T:
        tables = in_force()
        if tables and folder is None and (changed := whole(tables).get(read.__name__)) is not None:
            return cast(T, changed)
        return cached(folder or FOLDER)

    return reader


@_read_once
def load(folder: Path) -> Mapping[str, Parameter]:
    """Return every parameter of the model by dotted name; men and drugs have tables of their own.

    Raises:
        TestisError: a file of the table is missing or wrong.
    """
    parameters: dict[str, Parameter] = {}
    for path in sorted((folder / _MODEL).glob("*.toml")):
        for parameter in _parameters(path, "", _read(path)):
            if parameter.name in parameters:
                raise _fault(path, parameter.name, "is defined twice")
            parameters[parameter.name] = parameter
    if not parameters:
        raise TestisError(f"{folder / _MODEL}: no parameter tables (*.toml) here; install the package again")
    return FrozenMapping(parameters)


@_read_once
def physiology(folder: Path) -> Mapping[str, Parameter]:
    """Return the physiology fields of a man by short name; each value is the reference man's."""
    path = folder / _MEN
    return _short_names(_parameters(path, "man", _table(path, _read(path), "physiology")))


@_read_once
def presets(folder: Path) -> Mapping[str, Preset]:
    """Return the named men."""
    path, known = folder / _MEN, physiology(folder)
    rows = _table(path, _read(path), "preset")
    return FrozenMapping({name: preset_of(name, raw, known, path) for name, raw in rows.items()})


def preset_of(name: str, raw: object, known: Mapping[str, Parameter], path: Path | None = None) -> Preset:
    """Return the preset of a table, whose physiology fields are of those `known`.

    Raises:
        ScenarioError: it is none.
    """
    own, values = _parted(Preset, path, f"preset.{name}", raw)
    for key, value in values.items():
        if key not in known:
            raise _fault(path, f"preset.{name}.{key}", f"is no physiology field; nearest: {nearest(key, known)}")
        if fault := known[key].fault(value):
            raise _fault(path, f"preset.{name}.{key}", fault)
    own["values"] = FrozenMapping({key: float(value) for key, value in values.items()})
    return _made(Preset, path, f"preset.{name}", {"name": name, **own})


@_read_once
def drugs(folder: Path) -> Mapping[str, Drug]:
    """Return the drug table by name."""
    path = folder / _DRUGS
    table = {name: drug_of(name, raw, path) for name, raw in drug_rows(folder).items()}
    for drug in table.values():
        check_others(drug, table, path)
    return FrozenMapping(table)


@_read_once
def drug_rows(folder: Path) -> Mapping[str, dict[str, Any]]:
    """Return the drug table by name as it is written, which nobody changes."""
    return _read(folder / _DRUGS)


def check_others(drug: Drug, table: Mapping[str, Drug], path: Path | None = None) -> None:
    """Refuse a drug that speaks of others which are not in the table.

    Raises:
        ScenarioError: naming the first.
    """
    for other in drug.excludes:
        if other not in table:
            raise _fault(path, f"{drug.name}.excludes.{other}", f"is no drug; nearest: {nearest(other, table)}")
    known = {*table, *(action for other in table.values() for action in other.actions)}
    for other in drug.studied_with:
        if other not in known:
            text = f"{other!r} is no drug and no mechanism of one; nearest: {nearest(other, known)}"
            raise _fault(path, f"{drug.name}.studied_with", text)


@_read_once
def insults(folder: Path) -> Mapping[tuple[str, str], Largest]:
    """Return the largest amounts of insults that evidence covers, by kind and key of a scenario's [[insult]]."""
    path = folder / _INSULTS
    return {
        (kind, key): _made(Largest, path, f"{kind}.{key}", row)
        for kind, keys in _read(path).items()
        for key, row in keys.items()
    }


@_read_once
def hypotheses(folder: Path) -> Mapping[str, Hypothesis]:
    """Return the questions that the data do not decide, by name.

    Raises:
        TestisError: the file is wrong, names what does not exist, or weights do not add up to 1.
    """
    path = folder / _HYPOTHESES
    return FrozenMapping({name: _hypothesis(path, name, raw, folder) for name, raw in _read(path).items()})


def _hypothesis(path: Path, name: str, raw: object, folder: Path) -> Hypothesis:
    own, answers = _parted(Hypothesis, path, name, raw)
    named: dict[str, Answer] = {}
    for key, of in answers.items():
        where = f"{name}.{key}"
        own_of, rest = _parted(Answer, path, where, of)
        kinds = [_man_kind(path, where, kind, folder) for kind in own_of.get("kinds", ())]
        named[key] = _made(Answer, path, where, {"name": key, **own_of, **rest, "kinds": kinds})
        if sum(kind.share for kind in named[key].kinds) > 1.0:
            raise _fault(path, where, "shares of its kinds add up to more than 1")
    made = _made(Hypothesis, path, name, {"name": name, **own, "answers": FrozenMapping(named)})
    for key, answer in named.items():
        whole = len(answer.kinds) == 1 and answer.kinds[0].share == 1.0 and not answer.kinds[0].man
        if made.sperm_below is None and not whole:
            raise _fault(path, f"{name}.{key}", "is of all men: give it one kind with share = 1 and parameters alone")
    if made.default not in named:
        raise _fault(path, f"{name}.default", f"is no answer; nearest: {nearest(made.default, named)}")
    if abs(sum(answer.weight for answer in named.values()) - 1.0) > 1e-9:
        raise _fault(path, name, "weights must add up to 1")
    return made


def _man_kind(path: Path, name: str, raw: dict[str, Any], folder: Path) -> ManKind:
    for key, known in (("parameters", load(folder)), ("man", physiology(folder))):
        for field, value in raw.get(key, {}).items():
            if field not in known:
                raise _fault(path, f"{name}.{key}.{field}", f"is not known; nearest: {nearest(field, known)}")
            if text := known[field].fault(value):
                raise _fault(path, f"{name}.{key}.{field}", text)
    mappings = {key: FrozenMapping(raw.get(key, {})) for key in ("parameters", "man")}
    return _made(ManKind, path, name, {**raw, **mappings})


@_read_once
def _drug_names(folder: Path) -> Mapping[str, str]:
    return names_of(drugs(folder), folder / _DRUGS)


def names_of(table: Mapping[str, Drug], path: Path | None = None) -> dict[str, str]:
    """Return what each drug of a table may be called, bare -> its name there.

    Raises:
        ScenarioError: one is the name of two.
    """
    names: dict[str, str] = {}
    for drug in table.values():
        for name in (drug.name, *drug.names):
            if (other := names.setdefault(_bare(name), drug.name)) != drug.name:
                raise _fault(path, drug.name, f"{name!r} is a name of two drugs, of {other} too")
    return names


def drug_named(name: object, folder: Path | None = None) -> str:
    """Return the name in the drug table of a drug by that, a generic or a brand name: "hCG", "Gonal-F".

    Raises:
        ScenarioError: no drug has the name.
    """
    if isinstance(name, str) and (own := _drug_names(folder).get(_bare(name))):
        return own
    spelled = [*drugs(folder), *(other for drug in drugs(folder).values() for other in drug.names)]
    raise ScenarioError([Problem((), unknown("drug", name, spelled, see="testis-abm drugs"), named=True)])


def _bare(name: str) -> str:
    """Return a name without case, spaces, hyphens and underscores."""
    return "".join(sign for sign in name.casefold() if sign not in " -_\u2010\u2011\u00ae")


def observed_in(preset: str, folder: Path | None = None) -> Mapping[str, Range]:
    """Return the published ranges of men like a preset, by quantity; empty where there are none."""
    return _observed(folder).get(preset, {})


@_read_once
def _observed(folder: Path) -> Mapping[str, Mapping[str, Range]]:
    path = folder / _OBSERVED
    return {
        preset: {name: _made(Range, path, f"{preset}.{name}", {"quantity": name, **row}) for name, row in rows.items()}
        for preset, rows in _read(path).items()
    }


def values(overrides: Mapping[str, float] | None = None, *, folder: Path | None = None) -> dict[str, float]:
    """Return the value of every parameter by name, with overrides in place.

    Raises:
        ScenarioError: an override has an unknown name or a value out of range; one line each.
    """
    numbers = {name: parameter.value for name, parameter in load(folder).items()}
    changes = guard.changes(overrides)
    with gathered() as problems:
        for name, value in changes.items():
            if text := fault(name, value, folder=folder):
                problems.add(text, "parameters", name, named=name not in numbers)
    return numbers | {name: float(value) for name, value in changes.items()}


def all_values(given: object) -> Mapping[str, float]:
    """Return dotted parameters, each of the table's; the table's own for None.

    Raises:
        ScenarioError: one is missing.
    """
    return values() if given is None else guard.entries(given, load(), "values", "parameters.values()")


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
    if word is not None and not isinstance(word, str):
        raise ScenarioError(f'{shown(word)} is not text; write for example "aromatase"')
    every = [*load(folder).values(), *physiology(folder).values()]
    for drug in drugs(folder).values():
        every += drug.numbers.values()
    wanted = (word or "").lower()
    return [p for p in every if wanted in f"{p.name}\n{p.unit}\n{p.source}\n{p.note}".lower()]


# ---- from tables to objects


def drug_of(name: str, raw: object, path: Path | None = None) -> Drug:
    """Return the drug of a table.

    Raises:
        ScenarioError: it is none.
    """
    own, numbers = _parted(Drug, path, name, raw)
    own |= {"drug_class": numbers.pop("class", None), "actions": _actions(numbers)}
    substances = []
    for part, inner in numbers.get("substance", {name: numbers}).items():
        where = f"drug.{name}" if inner is numbers else f"drug.{name}.{part}"
        inner = dict(inner)  # of the table as it is written, which nobody changes
        actions = _actions(inner) or own["actions"]
        substances.append(Substance(part, tuple(actions), _short_names(_parameters(path, where, inner))))
    every = (entry for substance in substances for entry in substance.numbers.values())
    own["numbers"] = FrozenMapping({entry.name.removeprefix(f"drug.{name}."): entry for entry in every})
    drug = _made(Drug, path, name, {"name": name, "substances": substances, **own})
    for part in drug.regimen:
        if part.dose > drug.largest_dose:
            text = f"dose {part.dose:g} is above the largest dose, {drug.largest_dose:g}"
            raise _fault(path, f"{name}.regimen", text)
    return drug


def _actions(raw: dict[str, Any]) -> list[Any]:
    """Take the actions, one or a list, out of a table."""
    given = raw.pop("action", [])
    return [given] if isinstance(given, str) else given


def _parameters(path: Path | None, name: str, raw: object) -> Iterator[Parameter]:
    """Yield the parameters in a table and the tables inside it; a table with a value is a parameter."""
    if not isinstance(raw, dict):
        raise _fault(path, name, "must be a table with value, unit, range, source")
    if "value" not in raw:
        for key, inner in raw.items():
            yield from _parameters(path, f"{name}.{key}".lstrip("."), inner)
        return
    match raw.get("range"):
        case [low, high]:
            ends = {"low": low, "high": high}
        case _:
            raise _fault(path, name, "range must be [lowest, highest]")
    own = {key: value for key, value in raw.items() if key != "range"}
    parameter = _made(Parameter, path, name, {"name": name, **own, **ends})
    if wrong := parameter.fault(parameter.value):
        raise _fault(path, name, f"value {wrong}")
    yield parameter


_adapter: Callable[[Any], TypeAdapter[Any]] = cache(TypeAdapter)


def _made[T](kind: type[T], path: Path | None, name: str, raw: dict[str, Any]) -> T:
    """Return an object of a table whose keys are its fields.

    Raises:
        TestisError: with every key that is missing, not known, or of another type.
    """
    try:
        made: T = _adapter(kind).validate_python(raw)
    except ValidationError as error:
        lines = ((fault["loc"], f"{shown(fault['input'])}: {fault['msg']}") for fault in error.errors())
        raise ScenarioError(
            Problem((*_place(path, name), ".".join(map(str, loc))), printable(text)) for loc, text in lines
        ) from None
    return made


def _parted(kind: type[Any], path: Path | None, name: str, raw: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what a table says of the fields of `kind`, and the rest of it."""
    if not isinstance(raw, dict):
        raise _fault(path, name, "must be a table")
    own = {entry.name for entry in fields(kind)} & raw.keys()
    return {key: raw[key] for key in own}, {key: value for key, value in raw.items() if key not in own}


def _short_names(parameters: Iterable[Parameter]) -> FrozenMapping[Parameter]:
    return FrozenMapping({parameter.name.split(".")[-1]: parameter for parameter in parameters})


def _table(path: Path, raw: dict[str, Any], key: str) -> dict[str, Any]:
    if not isinstance(raw.get(key), dict):
        raise _fault(path, key, "must be a table")
    return dict(raw[key])


def _fault(path: Path | None, name: str, text: str) -> ScenarioError:
    return ScenarioError(text, *_place(path, name))


def _place(path: Path | None, name: str) -> tuple[str, ...]:
    """Return the place of a fault; a table that is given without a path is of the user's own (parameters/own.py)."""
    return (name,) if path is None else (str(path), name)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TestisError(f"{path}: {reason}; install the package again") from None
    except ValueError as error:
        raise TestisError(f"{path}: not a valid table: {error}") from None
