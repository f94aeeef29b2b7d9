"""The parts of a scenario: a man, a piece of tissue, a plan, therapies, samples, published values."""

from __future__ import annotations

import math
from collections.abc import Iterator
from numbers import Real
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from testis_abm import parameters
from testis_abm.parameters import Drug, FrozenMapping
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY
from testis_abm.scenario.amounts import (
    DAYS_PER_YEAR,
    UNITS,
    canonical_unit,
    comma_note,
    convert,
    parse_day,
    parse_dose,
    parse_duration,
    parse_unit,
    spelled,
)
from testis_abm.scenario.amounts import quantity as read_quantity
from testis_abm.scenario.condition import Condition, parse_condition
from testis_abm.scenario.history import PastTherapy, parse_history
from testis_abm.scenario.prescription import amount, parse_every, rhythm
from testis_abm.scenario.schedule import Days
from testis_abm.scenario.section import Line, Section, one_of, quantity, unknown_key, whole
from testis_abm.support.errors import Problem, ScenarioError, shown, unknown, written

# Doses enter the body at the hour, so nothing can be given more often.
_SHORTEST_INTERVAL = 1 / 24
_LONGEST_INTERVAL = 3653.0


def _whole_days(low: int, high: int) -> tuple[BeforeValidator, BeforeValidator]:
    # The model's step is a day; "6 months" is 183 of them. Pydantic applies the last one first.
    return BeforeValidator(round), quantity(parse_duration, low, high, "days")


def _every(value: object) -> float | None:
    if value is None:
        return None
    days = parse_every(value)
    if days <= 0:
        raise ScenarioError(f'{shown(value)} is not above 0; write every = "1 day", or no every for one dose')
    if not _SHORTEST_INTERVAL <= days <= _LONGEST_INTERVAL:
        raise ScenarioError(f"{shown(value)} is out of range; allowed: 1 hour to 10 years")
    return days


def _over(value: object) -> float | None:
    """Return hours."""
    if value is None:
        return None
    hours = 24.0 * parse_duration(value)
    # Doses enter the body hour by hour.
    if not 1.0 <= hours <= 24.0 * _LONGEST_INTERVAL:
        raise ScenarioError(
            f"{shown(value)} is out of range; allowed: 1 hour up to every; without over a dose is given at once"
        )
    return round(hours, 6)


def _yes_or_no(value: object) -> bool:
    if isinstance(value, bool):
        return value
    raise ScenarioError(f"{shown(value)} is not true or false")


class Man(Section):
    """A man's physiology: a preset, and the fields in which he differs from it.

    `Man(preset="obese_low_t_e2", bmi=33.5, age="34 years")`; a field is read as `man["bmi"]`.

    Attributes:
        preset: name of the preset he started from.
        physiology: every physiology field, resolved (unit in `parameters.physiology()`).
        history: what he was given before the plan begins (see history.PastTherapy); [] for none of the preset's.

    Raises:
        ScenarioError: unknown preset or field, or a value out of range.
    """

    preset: str
    physiology: FrozenMapping[float]
    history: tuple[PastTherapy, ...] = ()

    def __init__(self, /, preset: object = "fertile", history: object = None, **given: Any) -> None:
        fields = parameters.physiology()
        values = {name: field.value for name, field in fields.items()}
        problems = []
        past: tuple[PastTherapy, ...] = ()
        if isinstance(preset, str) and preset in parameters.presets():
            values.update(parameters.presets()[preset].values)
            history = parameters.presets()[preset].history if history is None else history
        else:
            text = unknown("preset", preset, parameters.presets(), see=self.listed_by())
            problems.append(Problem(("preset",), text, named=True))
        for name, value in given.items():
            if name not in fields:
                text = unknown_key(name, self.allowed_keys(), self.listed_by())
                problems.append(Problem((name,), text, named=True))
                continue
            number, fault = _with_unit(name, value)
            if fault := fault or fields[name].fault(number):
                problems.append(Problem((name,), fault))
            else:
                values[name] = float(number)
        try:
            past = parse_history(() if history is None else history)
        except ScenarioError as error:
            problems += [Problem(("history", *problem.path), problem.text) for problem in error.problems]
        if problems:
            raise ScenarioError(problems)
        super().__init__(preset=preset, physiology=FrozenMapping(values), history=past)

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

    @classmethod
    def allowed_keys(cls) -> list[str]:
        """Return "preset", "history" and the names of the physiology fields."""
        return ["preset", "history", *parameters.physiology()]

    @classmethod
    def listed_by(cls) -> str:
        """Return the command that lists presets and fields."""
        return "testis-abm men"

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it, every field included."""
        past = (
            {"history": [str(of) for of in self.history]}
            if self.history or parameters.presets()[self.preset].history
            else {}
        )
        return {"preset": self.preset, **past, **self.physiology}


def _with_unit(name: str, value: Any) -> tuple[Any, str | None]:
    """Return a field in its own unit, from "34 years", "33 kg/m2" or as given, and what is wrong with the text."""
    if not isinstance(value, str) or name not in ("age", "bmi"):
        return value, None
    try:
        if name == "bmi":
            number, unit = read_quantity(value, "a plain number")
            if unit and not spelled(unit, ("kg/m2",)):
                return None, f"{shown(value)}: unit {shown(unit)} is not one of BMI; known: kg/m2"
            return (number, None) if unit else (value, None)
        years = parse_duration(value) / DAYS_PER_YEAR
    except ScenarioError as error:
        return (value, None) if name == "bmi" else (None, str(error))
    return int(years) if years.is_integer() else years, None


class Tissue(Section):
    """How much of the testis is simulated, cell by cell.

    Attributes:
        tubules: cross-sections of tubules, 1 to 200000.
        sertoli_per_tubule: Sertoli cells along each, 1 to 200.
    """

    tubules: Annotated[int, whole(1, 200_000)] = 16
    sertoli_per_tubule: Annotated[int, whole(1, 200)] = 26

    def __init__(self, /, **given: Any) -> None:
        super().__init__(**given)

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it."""
        return self.model_dump()


class Plan(Section):
    """When the simulated time starts and ends, and how often it is repeated.

    `Plan(baseline="28 days", duration="6 months", replicates=8, seed=1)`

    Attributes:
        baseline_days: whole days before treatment, observed and untreated.
        duration_days: whole days from the morning of day 0 to that of the last day (see agents/model.py).
        replicates: repeats that differ in chance alone.
        seed: with the scenario it fixes every result.
        engine: "compiled", or "reference", the slow plain one.
    """

    baseline_days: Annotated[int, *_whole_days(0, 3653)] = Field(28, alias="baseline")
    duration_days: Annotated[int, *_whole_days(1, 9131)] = Field(180, alias="duration")
    replicates: Annotated[int, whole(1, 10_000)] = 8
    seed: Annotated[int, whole(0, 2**63 - 1)] = 1
    engine: Annotated[Literal["compiled", "reference"], one_of("compiled", "reference")] = "compiled"

    def __init__(self, /, **given: Any) -> None:
        super().__init__(**given)

    def outside(self, day: float) -> str | None:
        """Return the message that `day` is not in the plan, or None if it is."""
        if -self.baseline_days <= day <= self.duration_days:
            return None
        allowed = f"day {-self.baseline_days} to day {self.duration_days}"
        return f"day {day:g} is outside the plan; allowed: {allowed}"

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it."""
        days = {"baseline": f"{self.baseline_days} days", "duration": f"{self.duration_days} days"}
        return days | {"replicates": self.replicates, "seed": self.seed, "engine": self.engine}


class Therapy(Section):
    """One drug at one dose, once or at an interval, always or while a condition holds.

    `Therapy("anastrozole", dose="1 mg", every="1 day", until="day 150")`; for `from`, a word of Python's,
    write `from_="day 30"`.

    A condition with `at day N` is decided once, on the sample of that morning; without, it is decided anew on each day with a
    dose, on the sample of the morning before. The result of a sample is known the next day: a therapy that starts on the day
    of its own sample, `from = "day 30"` with `at day 30`, gives its first dose on day 31, and the rest of its doses with it.
    While its condition holds it takes the place of earlier-listed therapies of the same drug; a dose once begun (an infusion, a
    depot) runs its time.

    Attributes:
        drug: name in the drug table.
        dose: in `dose_unit`.
        every_days: interval between doses; None is a single dose.
        over_hours: time over which each dose is infused evenly; None gives it at once.
        from_day: day of the first dose, at least 0.
        until_day: no dose on this day or after; infinite until a scenario sets it to the end of its plan.
        when: the condition under which it is given; None is always.
        adds: whether it adds to earlier-listed therapies of the same drug while `when` holds, instead of taking their place.
        route: one of the drug's routes.
    """

    drug: str = Field(examples=["anastrozole"])
    dose: float = Field(examples=["1 mg"])
    every_days: Annotated[float | None, BeforeValidator(_every)] = Field(None, alias="every")
    over_hours: Annotated[float | None, BeforeValidator(_over)] = Field(None, alias="over")
    from_day: Annotated[float, BeforeValidator(parse_day)] = Field(0.0, alias="from")
    until_day: Annotated[float, BeforeValidator(parse_day)] = Field(math.inf, alias="until")
    when: Annotated[Condition | None, BeforeValidator(parse_condition)] = None
    adds: Annotated[bool, BeforeValidator(_yes_or_no)] = False
    route: Annotated[str, Field(validate_default=True)] = ""

    def __init__(self, /, *drug_and_dose: object, **given: Any) -> None:
        if len(drug_and_dose) > 2:
            raise TypeError("give what follows drug and dose by name, as in every=...")
        named = dict(zip(("drug", "dose"), drug_and_dose, strict=False)) | given
        if "from_" in named:
            named["from"] = named.pop("from_")
        super().__init__(**named)

    @property
    def dose_unit(self) -> str:
        """Unit of the dose: "mg" or "IU"."""
        return parameters.drugs()[self.drug].dose_unit

    @property
    def label(self) -> str:
        """Dose and rhythm: "1000 mg every 12 weeks"."""
        infused = f" over {self.over_hours:g} h" if self.over_hours else ""
        return f"{amount(self.dose, self.dose_unit)} {rhythm(self.every_days)}{infused}"

    @property
    def first_day(self) -> float:
        """Day of the first dose: `from_day`, or a day later if a sample of that day decides on it."""
        decided = max(self.when.days, default=-math.inf) if self.when else -math.inf
        return self.from_day + (1.0 if decided >= math.floor(self.from_day) else 0.0)

    @property
    def last_effect_day(self) -> float:
        """Day from which it gives and releases nothing more: its end, or that of the depot of its last dose."""
        last = self._dose_day(self.dose_count - 1)
        depots = [
            part.numbers["release_days"].value
            for part in parameters.drugs()[self.drug].substances
            if "release_days" in part.numbers
        ]
        planned = self.first_day + 1.0 if self.every_days is None else self.until_day
        return max([planned, last + (self.over_hours or 0.0) / 24.0, *(last + days for days in depots)])

    @property
    def dose_count(self) -> int:
        """How many doses are planned: one, and every `every_days` after it before `until_day`.

        Raises:
            ScenarioError: the therapy has no end because no scenario holds it yet.
        """
        if self.every_days is None:
            return 1
        if math.isinf(self.until_day):
            raise ScenarioError("the therapy has no end yet; give until, or put it in a scenario")
        # Rounding must not turn the excluded end into one more dose.
        return max(math.ceil((self.until_day - self.first_day) / self.every_days - 1e-9), 1)

    def dose_days(self) -> tuple[float, ...]:
        """Return the days of the doses.

        Raises:
            ScenarioError: the therapy has no end because no scenario holds it yet.
        """
        return tuple(self._dose_day(i) for i in range(self.dose_count))

    def _dose_day(self, i: int) -> float:
        return self.first_day + i * (self.every_days or 0.0)

    def covers(self, day: float) -> bool:
        """Return whether `day` lies in the time of the therapy (that of a single dose is its day)."""
        if self.every_days is None:
            return math.floor(self.first_day) == math.floor(day)
        return self.first_day <= day < self.until_day

    @field_validator("drug", mode="before")
    @classmethod
    def _known_drug(cls, value: object) -> str:
        return parameters.drug_named(value)

    @field_validator("dose", mode="before")
    @classmethod
    def _dose_of_drug(cls, value: object, info: ValidationInfo) -> float:
        drug = _drug_of(info)
        if drug is None:
            return 0.0
        usual = f" (usual for {drug.name}: {drug.usual})"
        try:
            dose = parse_dose(value, drug.dose_unit)
        except ScenarioError as error:
            raise ScenarioError(f"{error}{usual}") from None
        if dose > drug.largest_dose:
            largest = f"{drug.largest_dose:g} {drug.dose_unit}"
            read = comma_note(value)
            raise ScenarioError(f"{shown(value)} is too much{read}; a single dose may be up to {largest}{usual}")
        return dose

    @field_validator("from_day")
    @classmethod
    def _after_baseline(cls, day: float) -> float:
        if day < 0:
            raise ScenarioError(f"day {day:g} is in the baseline, which is untreated; start at day 0 or later")
        return day

    @field_validator("route", mode="before")
    @classmethod
    def _route_of_drug(cls, value: object, info: ValidationInfo) -> str:
        drug = _drug_of(info)
        if drug is None or value == "":
            return drug.routes[0] if drug else ""
        if not isinstance(value, str) or value not in drug.routes:
            routes = ", ".join(drug.routes)
            raise ScenarioError(f"{shown(value)} is not a route of {drug.name}; known: {routes}")
        return str(value)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.every_days is None and math.isfinite(self.until_day):
            text = 'a single dose has no end; add every = "1 day" or remove until'
            raise ScenarioError([Problem(("until",), text)])
        if self.until_day <= self.from_day:
            text = f"day {self.until_day:g} is not after from (day {self.from_day:g}); no dose would be given"
            raise ScenarioError([Problem(("until",), text)])
        return self

    @model_validator(mode="after")
    def _decided_before_it_starts(self) -> Self:
        if self.when is None:
            if self.adds:
                raise ScenarioError(
                    [Problem(("adds",), "goes with when; doses of therapies without when add by themselves")]
                )
            return self
        late = [day for day in self.when.days if day > self.from_day]
        if late:
            text = f"day {late[0]} is after from (day {self.from_day:g}); a sample can decide on later doses only"
            raise ScenarioError([Problem(("when",), text)])
        if self.until_day <= self.first_day:
            text = (
                f"day {self.until_day:g} leaves no dose: the sample of day {max(self.when.days)} is known a day later"
            )
            raise ScenarioError([Problem(("until",), text)])
        return self

    @model_validator(mode="after")
    def _infused_between_doses(self) -> Self:
        if self.over_hours is None:
            return self
        drug = parameters.drugs()[self.drug]
        if any("release_days" in part.numbers for part in drug.substances):
            raise ScenarioError([Problem(("over",), f"{drug.name} is a depot that releases by itself; remove over")])
        if self.every_days is not None and self.over_hours > 24.0 * self.every_days + 1e-6:
            text = f"{self.over_hours:g} hours is longer than every ({24 * self.every_days:g} hours); the next dose begins then"
            raise ScenarioError([Problem(("over",), text)])
        return self

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it."""
        table: dict[str, Any] = {"drug": self.drug, "dose": f"{written(self.dose)} {self.dose_unit}"}
        if self.every_days is not None:
            table["every"] = f"{written(self.every_days)} days"
        if self.over_hours is not None:
            table["over"] = f"{written(self.over_hours)} hours"
        table["from"] = f"day {written(self.from_day)}"
        if self.every_days is not None and math.isfinite(self.until_day):
            table["until"] = f"day {written(self.until_day)}"
        if self.when is not None:
            table["when"] = str(self.when)
        if self.adds:
            table["adds"] = True
        return table | {"route": self.route}


def _drug_of(info: ValidationInfo) -> Drug | None:
    name = info.data.get("drug")
    return None if name is None else parameters.drugs()[name]


class Samples(Section):
    """What is taken from the man, and when.

    Each of blood, semen and biopsy is a list of days or a table such as `{every="4 weeks", from="day 0"}`,
    ends included. A scenario fills in what is left out: blood every 4 weeks from day 0, semen every 2 weeks
    from the start of baseline, no biopsy.

    Attributes:
        blood, semen, biopsy: days, rising.
        abstinence_days: before each semen sample, 0.5 to 30.
        assay: of the oestradiol that conditions and observed values mean, "immunoassay" (as andrology clinics report) or "lc-ms".
    """

    blood: Days = ()
    semen: Days = ()
    biopsy: Days = ()
    abstinence_days: Annotated[float, quantity(parse_duration, 0.5, 30, "days")] = Field(3.0, alias="abstinence")
    assay: Annotated[Literal["immunoassay", "lc-ms"], one_of(*ASSAYS)] = DEFAULT_ASSAY  # type: ignore[assignment]

    def __init__(self, /, **given: Any) -> None:
        semen = given.get("semen")
        if isinstance(semen, dict) and "abstinence" in semen:
            if "abstinence" in given:
                text = "is given under samples too; remove one of them"
                raise ScenarioError([Problem(("semen", "abstinence"), text)])
            given["abstinence"] = semen["abstinence"]
            given["semen"] = {key: value for key, value in semen.items() if key != "abstinence"}
        super().__init__(**given)

    def days(self) -> Iterator[tuple[str, int]]:
        """Yield each kind of sample with each of its days."""
        for kind in ("blood", "semen", "biopsy"):
            for day in getattr(self, kind):
                yield kind, day

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it."""
        table: dict[str, Any] = {"blood": [], "semen": [], "biopsy": []}
        for kind, day in self.days():
            table[kind].append(f"day {day}")
        return table | {"abstinence": f"{written(self.abstinence_days)} days", "assay": self.assay}


class Observed(Section):
    """A published value to show beside the prediction.

    `Observed(variable="testosterone_nmol_l", day=30, value=480.4, unit="ng/dL", label="Shah 2021")`

    Attributes:
        variable: a column of the hormones or semen table.
        day: day of the plan.
        value: as published, in `unit`.
        label: the source, for pictures.
    """

    variable: Annotated[str, one_of(*UNITS)] = Field(examples=["testosterone_nmol_l"])
    day: Annotated[float, BeforeValidator(parse_day)] = Field(examples=["day 30"])
    value: float = Field(examples=[480.4])
    unit: str = Field(examples=["ng/dL"])
    label: Line = ""

    def __init__(self, /, **given: Any) -> None:
        super().__init__(**given)

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

    def as_dict(self) -> dict[str, Any]:
        """Return the table as a scenario file would have it."""
        return self.model_dump() | {"day": f"day {written(self.day)}"}
