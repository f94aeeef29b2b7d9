"""A drug that is given: at one dose, once or at an interval, always or while a condition holds."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    PrivateAttr,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from testis_abm import parameters
from testis_abm.parameters import Drug
from testis_abm.scenario.amounts import PER, comma_note, number_in, parse_dose, parse_duration, parted_dose, plain
from testis_abm.scenario.condition import Condition, parse_condition
from testis_abm.scenario.prescription import amount, parse_every, rhythm
from testis_abm.scenario.schedule import TIMES, Day, TreatmentDay, parse_days, parse_times
from testis_abm.scenario.section import Section, one_of, text
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, shown, written

# Doses enter the body at the hour, so nothing can be given more often.
_SHORTEST_INTERVAL = 1 / 24
_LONGEST_INTERVAL = 3653.0


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


def _share(value: object) -> float:
    """Return a share of doses."""
    if isinstance(value, str) and plain(value).endswith("%"):
        return guard.number(number_in(plain(value)[:-1]), 0.0, 100.0) / 100.0
    return guard.number(value, 0.0, 1.0)


def _unless(value: float, usual: float) -> float | None:
    """Return a value that is written, None for the usual one."""
    return None if value == usual else value


_DAYS = PlainSerializer(lambda days: [f"day {written(day)}" for day in days] or None)


class Therapy(Section, init=False):
    """One drug at one dose, once or at an interval, always or while a condition holds.

    `Therapy("anastrozole", dose="1 mg", every="1 day", until="day 150")`

    A condition with `at day N` is decided once, on the sample of that morning; without, it is decided again on each
    day with a dose, on the sample of the morning before. The result of a sample is known the next day: a therapy that
    starts on the day of its own sample, `from = "day 30"` with `at day 30`, gives its first dose on day 31, and the
    rest of its doses with it. While its condition holds it takes the place of earlier-listed therapies of the same
    drug; a dose once begun (an infusion, a depot) runs its time.

    "mg/kg" and "mg/m2" are resolved by the weight or body surface (Mosteller) with which each man begins. Doses are taken at
    an interval, or on listed `days`. One that is `missed`, or that chance leaves out where `adherence` is under 1, is not
    made up for.

    Attributes:
        drug: name in the drug table.
        dose: in `dose_unit`, for each `per` ("kg", "m2"; "": in all).
        every_days: interval between doses; None is a single dose.
        over_hours: time over which each dose is infused evenly; None gives it at once.
        from_day: day of the first dose, at least 0.
        until_day: no dose on this day or after; infinite until a scenario sets it to the end of its plan.
        days: of the doses, instead of every, from and until: a list of days, or one at an interval.
        missed: days whose doses are not taken: a list, or such a table.
        adherence: chance that a dose is taken, each by itself, other doses in each man.
        when: the condition under which it is given; None is always.
        adds: whether it adds to earlier-listed therapies of the same drug while `when` holds, instead of taking their
            place.
        route: one of the drug's routes.
    """

    drug: str = Field(examples=["anastrozole"])
    per: Annotated[str, one_of("", *PER)] = Field("", exclude=True)
    dose: float = Field(examples=["1 mg"])
    every_days: Annotated[float | None, BeforeValidator(_every), text("{} days")] = Field(None, alias="every")
    over_hours: Annotated[float | None, BeforeValidator(_over), text("{} hours")] = Field(None, alias="over")
    from_day: TreatmentDay = Field(0.0, alias="from")
    until_day: Day = Field(math.inf, alias="until")
    days: Annotated[tuple[float, ...], BeforeValidator(parse_times, json_schema_input_type=TIMES), _DAYS] = ()
    missed: Annotated[tuple[int, ...], BeforeValidator(parse_days, json_schema_input_type=TIMES), _DAYS] = ()
    adherence: Annotated[
        float, BeforeValidator(_share, json_schema_input_type=float), PlainSerializer(lambda share: _unless(share, 1.0))
    ] = 1.0
    when: Annotated[
        Condition | None,
        BeforeValidator(parse_condition, json_schema_input_type=str),
        PlainSerializer(lambda when: when and str(when)),
    ] = None
    adds: Annotated[bool, BeforeValidator(partial(guard.flag, name="")), PlainSerializer(lambda adds: adds or None)] = (
        False
    )
    route: Annotated[str, Field(validate_default=True)] = ""
    _row: Drug = PrivateAttr()

    def __init__(self, /, *drug_and_dose: object, **given: Any) -> None:
        super().__init__(**self._placed(("drug", "dose"), drug_and_dose, given))

    @property
    def row(self) -> Drug:
        """The drug's row of the table that was in force when the therapy was made."""
        return self._row

    @property
    def dose_unit(self) -> str:
        """Unit of the dose: "mg" or "IU"."""
        return self.row.dose_unit

    @property
    def label(self) -> str:
        """Dose and rhythm: "1000 mg every 12 weeks", "1 mg daily, 80 % of doses taken"."""
        infused = f" over {self.over_hours:g} h" if self.over_hours else ""
        often = f"on {len(self.days)} day{'s' * (len(self.days) > 1)}" if self.days else rhythm(self.every_days)
        taken = f", {100.0 * self.adherence:g} % of doses taken" if self.adherence < 1.0 else ""
        taken += f", none on {len(self.missed)} day{'s' * (len(self.missed) > 1)}" if self.missed else ""
        return f"{self.amount} {often}{infused}{taken}"

    @property
    def amount(self) -> str:
        """The dose with its unit: "1 mg", "1.5 mg/kg"."""
        return amount(self.dose, self.dose_unit) + (f"/{self.per}" if self.per else "")

    def dose_for(self, man: Mapping[str, float] | None = None) -> float:
        """Return one dose of a man (physiology by field; None: the reference man), in `dose_unit`."""
        if not self.per:
            return self.dose
        height, bmi = (parameters.physiology()[name].value if man is None else man[name] for name in ("height", "bmi"))
        return self.dose * PER[self.per](height, bmi)

    @property
    def title(self) -> str:
        """Drug, dose and rhythm: "testosterone undecanoate 1000 mg every 12 weeks"."""
        return f"{self.row.label} {self.label}"

    @property
    def first_day(self) -> float:
        """Day of the first dose: `from_day`, or a day later if a sample of that day decides on it."""
        decided = max(self.when.days, default=-math.inf) if self.when else -math.inf
        if self.days:
            return next((day for day in self.days if math.floor(day) > decided), self.days[-1])
        return self.from_day + (1.0 if decided >= math.floor(self.from_day) else 0.0)

    @property
    def last_effect_day(self) -> float:
        """Day from which it gives and releases nothing more: its end, or that of the depot of its last dose."""
        last = self._dose_day(self.dose_count - 1)
        planned = self.until_day if self.every_days is not None else last + 1.0
        return max(planned, last + (self.over_hours or 0.0) / 24.0, last + self.row.release_days)

    @property
    def dose_count(self) -> int:
        """How many doses are planned: one, and every `every_days` after it before `until_day`.

        Raises:
            ScenarioError: the therapy has no end because no scenario holds it yet.
        """
        if self.days:
            return sum(day >= self.first_day for day in self.days)
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
        if self.days:
            return self.days[len(self.days) - self.dose_count + i]
        return self.first_day + i * (self.every_days or 0.0)

    def covers(self, day: float) -> bool:
        """Return whether `day` lies in the time of the therapy (that of a single dose is its day)."""
        if self.every_days is None:
            return math.floor(day) in {math.floor(own) for own in self.dose_days()}
        return self.first_day <= day < self.until_day

    @model_validator(mode="before")
    @classmethod
    def _per_what(cls, given: Any) -> Any:
        """Part "1.5 mg/kg" into the dose and what it is for each of."""
        if not isinstance(given, dict) or "dose" not in given:
            return given
        dose, per = parted_dose(given["dose"])
        return {**given, "dose": dose, "per": per} if per else given

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
        size = (
            PER[per](*(parameters.physiology()[name].value for name in ("height", "bmi")))
            if (per := info.data.get("per"))
            else 1.0
        )
        if dose * size > drug.most:
            largest = f"{drug.most:g} {drug.dose_unit}"
            read = comma_note(value)
            raise ScenarioError(f"{shown(value)} is too much{read}; a single dose may be up to {largest}{usual}")
        return dose

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
    def _is_possible(self) -> Self:
        self._row = parameters.drugs()[self.drug]
        for key, fault in self._faults():
            raise ScenarioError(fault, key)
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        """Yield keys that do not go together with others, each with the reason."""
        drug, first, end = self.row, self.from_day, self.until_day
        if self.days:
            given = {"every": self.every_days is not None, "from": first != 0.0, "until": math.isfinite(end)}
            for key in (key for key, there in given.items() if there):
                yield key, "does not go with days, which say when doses are given; leave one of them out"
            if self.when and max(self.when.days, default=-1) >= math.floor(self.days[-1]):
                yield "when", "its sample is known a day later, when no dose is left"
            first = self.days[0]
        elif self.every_days is None and math.isfinite(end):
            yield "until", 'a single dose has no end; add every = "1 day" or remove until'
        if end <= first:
            yield "until", f"day {end:g} is not after from (day {first:g}); no dose would be given"
        if self.adds and self.when is None:
            yield "adds", "goes with when; doses of therapies without when add by themselves"
        for day in self.when.days if self.when else ():
            if day > first:
                yield "when", f"day {day} is after from (day {first:g}); a sample can decide on later doses only"
        if self.when and end <= self.first_day:
            day = max(self.when.days)
            yield "until", f"day {end:g} leaves no dose: the sample of day {day} is known a day later"
        if self.over_hours is None:
            return
        if any("release_days" in part.numbers for part in drug.substances):
            yield "over", f"{drug.name} is a depot that releases by itself; remove over"
        if self.every_days is not None and self.over_hours > 24.0 * self.every_days + 1e-6:
            interval = f"every ({24 * self.every_days:g} hours)"
            yield "over", f"{self.over_hours:g} hours is longer than {interval}; the next dose begins then"

    @field_serializer("dose")
    def _dose_with_unit(self, dose: float) -> str:
        return f"{written(dose)} {self.dose_unit}" + (f"/{self.per}" if self.per else "")

    @field_serializer("until_day")
    def _end_of_several(self, day: float) -> str | None:
        return None if self.every_days is None or math.isinf(day) else f"day {written(day)}"


def _drug_of(info: ValidationInfo) -> Drug | None:
    name = info.data.get("drug")
    return None if name is None else parameters.drugs()[name]
