"""The parts of a scenario besides its therapies: a man, a piece of tissue, a plan, samples, published values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from numbers import Real
from typing import TYPE_CHECKING, Annotated, Any, Self, cast, overload

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from testis_abm import parameters
from testis_abm.choices import CELL_ENGINES, COMPILED, PATCHES, STAGE_LAYOUTS
from testis_abm.parameters import FrozenMapping
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY
from testis_abm.scenario.amounts import (
    DAYS_PER_YEAR,
    UNITS,
    UNITS_OF_MAN,
    canonical_unit,
    convert,
    parse_duration,
    parse_unit,
    spelled,
)
from testis_abm.scenario.amounts import quantity as read_quantity
from testis_abm.scenario.history import PastTherapy, parse_history
from testis_abm.scenario.schedule import Day, Days, Ejaculations
from testis_abm.scenario.section import Line, Section, one_of, quantity, text, unknown_key, whole
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, gathered, shown, unknown, written


def _whole_days(low: int, high: int) -> tuple[BeforeValidator, BeforeValidator, PlainSerializer]:
    # The model's step is a day; "6 months" is 183 of them. Pydantic applies the last check first.
    return BeforeValidator(round), quantity(parse_duration, low, high, "days"), text("{} days")


_LISTED_BY = "testis-abm men"
_MOST_ROWS = 10_000
_CYCLE = 28.0  # days
MOST_ABSTINENCE = 30.0  # days
_REMEMBERED = 12  # ejaculations of whose sperm an ejaculate may still hold some
_NICHES = 65_536  # of a tubule, which a germ cell numbers in 16 bits


class _OfPreset:
    """`Man.preset("obese_low_t_e2", bmi=33.5)` makes a man; of a man it is the name of the preset he started from."""

    @overload
    def __get__(self, man: None, kind: type[Man]) -> Callable[..., Man]: ...
    @overload
    def __get__(self, man: Man, kind: type[Man]) -> str: ...
    def __get__(self, man: Man | None, kind: type[Man]) -> object:
        # Of a man Python finds his own field first: this has no __set__.
        def preset(name: object = "fertile", /, **differs: Any) -> Man:
            """Return a man of a preset (see: testis-abm men), and of the fields in which he differs from it."""
            if "preset" in differs:
                raise ScenarioError("is given twice; name it first, and then the fields in which he differs", "preset")
            return kind(preset=name, **differs)

        return preset


class Man(Section, init=False):
    """A man's physiology: a preset, and the fields in which he differs from it.

    `Man.preset("obese_low_t_e2", bmi=33.5, age="34 years")`, or the preset by name among the fields; a field is read as `man["bmi"]`.

    Attributes:
        preset: name of the preset he started from.
        physiology: every physiology field, resolved (unit in `parameters.physiology()`).
        history: what he was given before the plan begins (see history.PastTherapy); [] for none of the preset's.

    Raises:
        ScenarioError: unknown preset or field, or a value out of range.
    """

    if TYPE_CHECKING:
        preset = _OfPreset()
    else:
        preset: str
    physiology: FrozenMapping[float]
    history: tuple[PastTherapy, ...] = ()

    def __init__(self, /, preset: object = "fertile", history: object = None, **given: Any) -> None:
        fields, presets = parameters.physiology(), parameters.presets()
        values = {name: field.value for name, field in fields.items()}
        past: tuple[PastTherapy, ...] = ()
        with gathered() as problems:
            if isinstance(preset, str) and preset in presets:
                values.update(presets[preset].values)
                history = presets[preset].history if history is None else history
            else:
                problems.add(unknown("preset", preset, presets, see=_LISTED_BY), "preset", named=True)
            for name, value in given.items():
                if name not in fields:
                    problems.add(unknown_key(name, ("preset", "history", *fields), _LISTED_BY), name, named=True)
                    continue
                with problems.at(name):
                    values[name] = fields[name].checked(_in_own_unit(name, value))
            with problems.at("history"):
                past = parse_history(() if history is None else history)
        super().__init__(preset=preset, physiology=FrozenMapping(values), history=past)

    def __repr__(self) -> str:
        preset = parameters.presets().get(self.preset)
        fields = parameters.physiology()
        usual = {name: field.value for name, field in fields.items()} | dict(preset.values if preset else {})
        own = [f"{name}={written(value)}" for name, value in self.physiology.items() if value != usual[name]]
        return f"Man.preset({', '.join([repr(self.preset), *own])})"

    __str__ = __repr__

    def __getitem__(self, field: str) -> float:
        return self.physiology[field]

    @property
    def age(self) -> float:
        """Age in years."""
        return self.physiology["age"]

    @property
    def bmi(self) -> float:
        """Body mass index in kg/m2."""
        return self.physiology["bmi"]

    @model_serializer(mode="wrap")
    def _table(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Return every field, of the preset and of his own."""
        preset = parameters.presets().get(self.preset)
        has_past = self.history or (preset is not None and preset.history)
        past = {"history": [str(therapy) for therapy in self.history]} if has_past else {}
        return {"preset": self.preset, **past, **self.physiology}


Man.preset = _OfPreset()


def _in_own_unit(name: str, value: object) -> object:
    """Return a field in its own unit, from "34 years" or "33 kg/m2"; all else as it is."""
    if name == "age" and isinstance(value, str):
        years = parse_duration(value) / DAYS_PER_YEAR
        return int(years) if years.is_integer() else years
    if name == "bmi" and isinstance(value, str):
        try:
            number, unit = read_quantity(value, "a plain number")
        except ScenarioError:
            return value
        if unit and not spelled(unit, UNITS_OF_MAN[name]):
            raise ScenarioError(f"{shown(value)}: unit {shown(unit)} is not one of BMI; known: kg/m2")
        return number if unit else value
    return value


class Tissue(Section, init=False):
    """How much of the testis is simulated, cell by cell.

    Attributes:
        tubules: lengths of tubule, 1 to 200000.
        rows: sections along each, as far apart as Sertoli cells are (23.4 um in the reference man), 1 to 10000.
        sertoli_per_tubule: Sertoli cells around one section, 1 to 200.
        stages: of the cycle, of choices.STAGE_LAYOUTS: "patches" of neighbours at random, or along a "helix".

    A tubule holds at most 65,536 Sertoli cells.
    """

    tubules: Annotated[int, whole(1, 200_000)] = 6
    rows: Annotated[int, whole(1, _MOST_ROWS)] = 3
    sertoli_per_tubule: Annotated[int, whole(1, 200)] = 26
    stages: Annotated[str, one_of(*STAGE_LAYOUTS)] = PATCHES

    @model_validator(mode="after")
    def _can_be_numbered(self) -> Self:
        most = self.most_rows
        if self.rows > most:
            fault = (
                f"{self.rows} rows of {self.sertoli_per_tubule} Sertoli cells are too many for one tubule; up to {most}"
            )
            raise ScenarioError(f"{fault}, or more tubules", "rows")
        return self

    @property
    def most_rows(self) -> int:
        """Return how many rows a tubule of so many Sertoli cells around may have."""
        return min(_MOST_ROWS, _NICHES // self.sertoli_per_tubule)

    @property
    def sertoli(self) -> int:
        """Return the number of Sertoli cells."""
        return self.tubules * self.rows * self.sertoli_per_tubule


class Plan(Section, init=False):
    """When the simulated time starts and ends, and how often it is repeated.

    `Plan(baseline="28 days", duration="6 months", replicates=8, seed=1)`

    Attributes:
        baseline_days: whole days before treatment, observed and untreated.
        duration_days: whole days from the morning of day 0 to that of the last day (see agents/model.py).
        replicates: repeats that differ in chance alone.
        seed: with the scenario it fixes every result.
        engine: of choices.CELL_ENGINES: "compiled", or "reference", the slow plain one.
    """

    baseline_days: Annotated[int, *_whole_days(0, 3653)] = Field(28, alias="baseline")
    duration_days: Annotated[int, *_whole_days(1, 9131)] = Field(180, alias="duration")
    replicates: Annotated[int, whole(1, 10_000)] = 8
    seed: Annotated[int, whole(0, 2**63 - 1)] = 1
    engine: Annotated[str, one_of(*CELL_ENGINES)] = COMPILED

    def outside(self, day: float) -> str | None:
        """Return the message that `day` is not in the plan, or None if it is."""
        if -self.baseline_days <= day <= self.duration_days:
            return None
        allowed = f"day {-self.baseline_days} to day {self.duration_days}"
        return f"day {day:g} is outside the plan; allowed: {allowed}"


def _hour(value: object) -> float | None:
    return None if value is None else guard.hour(value)


class Samples(Section, init=False):
    """What is taken from the man, and when.

    Each of blood, semen and biopsy is a list of days or a table such as `{every="4 weeks", from="day 0"}`,
    ends included. A scenario fills in what is left out: blood every 4 weeks from day 0, semen every 2 weeks
    from the start of baseline, no biopsy.

    Attributes:
        blood, semen, biopsy: days, rising.
        abstinence_days: before each semen sample, 0.5 to 30; with a calendar of ejaculations, how often he ejaculated before it.
        ejaculations: days on which he ejaculates besides semen samples, rising: from a list of days, of such tables, or of both.
            Empty: every `abstinence_days`. The abstinence of a sample follows from them; after the last he abstains.
        blood_hour: of the clock, 0 to 24, at which blood is taken in the 24 h before each morning of `blood` (and for
            conditions): LH and testosterone of his pulses then. None: the means of those 24 h.
        assay: of the oestradiol that conditions and observed values mean, "immunoassay" (as andrology clinics report)
            or "lc-ms".
    """

    blood: Days = ()
    semen: Days = ()
    biopsy: Days = ()
    abstinence_days: Annotated[
        float, quantity(parse_duration, guard.SHORTEST_REST, MOST_ABSTINENCE, "days"), text("{} days")
    ] = Field(3.0, alias="abstinence")
    ejaculations: Ejaculations = ()
    blood_hour: Annotated[float | None, BeforeValidator(_hour)] = None
    assay: Annotated[str, one_of(*ASSAYS)] = DEFAULT_ASSAY

    def __init__(self, /, **given: Any) -> None:
        semen = given.get("semen")
        if isinstance(semen, dict) and "abstinence" in semen:
            if "abstinence" in given:
                raise ScenarioError("is given under samples too; remove one of them", "semen", "abstinence")
            given["abstinence"] = semen["abstinence"]
            given["semen"] = {key: value for key, value in semen.items() if key != "abstinence"}
        super().__init__(**given)

    def days(self) -> Iterator[tuple[str, int]]:
        """Yield each kind of sample, and ejaculations, with each of its days."""
        for kind in ("blood", "semen", "biopsy", "ejaculations"):
            for day in getattr(self, kind):
                yield kind, day

    def rested(self, day: int) -> tuple[float, ...]:
        """Return the days of abstinence before an ejaculate of `day`, the one before, ...; the last holds for all before."""
        before = [other for other in self.ejaculating if other < day][-_REMEMBERED:] if self.ejaculations else []
        if not before:
            return (self.abstinence_days,)
        gaps = (float(later - earlier) for earlier, later in pairwise((*before, day)))
        return (*reversed([*gaps]), self.abstinence_days)

    @property
    def ejaculating(self) -> list[int]:
        """Return the days of all ejaculations, those of semen samples included, rising."""
        return sorted({*self.ejaculations, *self.semen})


def _years(value: object) -> float:
    return parse_duration(value) / (DAYS_PER_YEAR if isinstance(value, str) else 1.0)  # a plain number is years


class Partner(Section, init=False):
    """The woman he wants a child with, for the chances of conception, IUI and ICSI; nothing else depends on her.

    `Partner(age="36 years", tried="18 months")`

    Attributes:
        age: years, 18 to 50.
        tried_days: for how long they have tried to conceive in vain, up to 20 years.
    """

    age: Annotated[float, quantity(_years, 18, 50, "years"), text("{} years")] = 30.0
    tried_days: Annotated[float, quantity(parse_duration, 0, 7305, "days"), text("{} days")] = Field(0.0, alias="tried")

    @property
    def cycles_tried(self) -> float:
        """Return the cycles in which they have tried in vain."""
        return self.tried_days / _CYCLE


class Observed(Section, init=False):
    """A published value to show beside the prediction.

    `Observed(variable="testosterone_nmol_l", day=30, value=480.4, unit="ng/dL", label="Shah 2021")`

    Attributes:
        variable: a column of the hormones or semen table.
        day: day of the plan.
        value: as published, in `unit`.
        label: the source, for pictures.
    """

    variable: Annotated[str, one_of(*UNITS)] = Field(examples=["testosterone_nmol_l"])
    day: Day = Field(examples=["day 30"])
    value: float = Field(examples=[480.4])
    unit: str = Field(examples=["ng/dL"])
    label: Line = ""

    @property
    def canonical_value(self) -> float:
        """The value in the unit of the column."""
        return convert(self.variable, self.value, self.unit, self.canonical_unit)

    @property
    def canonical_unit(self) -> str:
        """The unit of the column."""
        return canonical_unit(self.variable)

    @field_validator("value", mode="before")
    @classmethod
    def _plain_number(cls, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ScenarioError(f"{shown(value)} is not a plain number; its unit goes in unit")
        if not 0 <= cast(float, value) < 1e12:
            raise ScenarioError(f"{shown(value)} is out of range; a measured value is 0 or more")
        return float(value)

    @field_validator("unit", mode="before")
    @classmethod
    def _unit_of_variable(cls, value: object, info: ValidationInfo) -> str:
        variable = info.data.get("variable")
        return "" if variable is None else parse_unit(variable, value)
