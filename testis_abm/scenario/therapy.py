"""A drug that is given: at one dose, once or at an interval, always or while a condition holds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import Annotated, Any, Self

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationInfo,
    field_serializer,
    field_validator,
    model_validator,
)

from testis_abm import parameters
from testis_abm.parameters import Drug
from testis_abm.scenario.amounts import comma_note, parse_dose, parse_duration
from testis_abm.scenario.condition import Condition, parse_condition
from testis_abm.scenario.prescription import amount, parse_every, rhythm
from testis_abm.scenario.schedule import Day, TreatmentDay
from testis_abm.scenario.section import Section, text
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


class Therapy(Section, init=False):
    """One drug at one dose, once or at an interval, always or while a condition holds.

    `Therapy("anastrozole", dose="1 mg", every="1 day", until="day 150")`

    A condition with `at day N` is decided once, on the sample of that morning; without, it is decided again on each
    day with a dose, on the sample of the morning before. The result of a sample is known the next day: a therapy that
    starts on the day of its own sample, `from = "day 30"` with `at day 30`, gives its first dose on day 31, and the
    rest of its doses with it. While its condition holds it takes the place of earlier-listed therapies of the same
    drug; a dose once begun (an infusion, a depot) runs its time.

    Attributes:
        drug: name in the drug table.
        dose: in `dose_unit`.
        every_days: interval between doses; None is a single dose.
        over_hours: time over which each dose is infused evenly; None gives it at once.
        from_day: day of the first dose, at least 0.
        until_day: no dose on this day or after; infinite until a scenario sets it to the end of its plan.
        when: the condition under which it is given; None is always.
        adds: whether it adds to earlier-listed therapies of the same drug while `when` holds, instead of taking their
            place.
        route: one of the drug's routes.
    """

    drug: str = Field(examples=["anastrozole"])
    dose: float = Field(examples=["1 mg"])
    every_days: Annotated[float | None, BeforeValidator(_every), text("{} days")] = Field(None, alias="every")
    over_hours: Annotated[float | None, BeforeValidator(_over), text("{} hours")] = Field(None, alias="over")
    from_day: TreatmentDay = Field(0.0, alias="from")
    until_day: Day = Field(math.inf, alias="until")
    when: Annotated[
        Condition | None,
        BeforeValidator(parse_condition, json_schema_input_type=str),
        PlainSerializer(lambda when: when and str(when)),
    ] = None
    adds: Annotated[bool, BeforeValidator(partial(guard.flag, name="")), PlainSerializer(lambda adds: adds or None)] = (
        False
    )
    route: Annotated[str, Field(validate_default=True)] = ""

    def __init__(self, /, *drug_and_dose: object, **given: Any) -> None:
        if len(drug_and_dose) > 2:
            raise TypeError("give what follows drug and dose by name, as in every=...")
        super().__init__(**dict(zip(("drug", "dose"), drug_and_dose)), **given)

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
    def title(self) -> str:
        """Drug, dose and rhythm: "testosterone undecanoate 1000 mg every 12 weeks"."""
        return f"{parameters.drugs()[self.drug].label} {self.label}"

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
        if dose > drug.most:
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
        for key, fault in self._faults():
            raise ScenarioError(fault, key)
        return self

    def _faults(self) -> Iterator[tuple[str, str]]:
        """Yield keys that do not go together with others, each with the reason."""
        drug, first, end = parameters.drugs()[self.drug], self.from_day, self.until_day
        if self.every_days is None and math.isfinite(end):
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
        return f"{written(dose)} {self.dose_unit}"

    @field_serializer("until_day")
    def _end_of_several(self, day: float) -> str | None:
        return None if self.every_days is None or math.isinf(day) else f"day {written(day)}"


def _drug_of(info: ValidationInfo) -> Drug | None:
    name = info.data.get("drug")
    return None if name is None else parameters.drugs()[name]
