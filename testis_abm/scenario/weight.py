"""Loss and regain of weight as a therapy: body mass index over the days of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from testis_abm import parameters
from testis_abm.scenario.schedule import Day, TreatmentDay
from testis_abm.scenario.section import Section
from testis_abm.support.errors import Problem, ScenarioError, shown


class Weight(Section, init=False):
    """A change of body mass index: in a straight line from what it is, and held afterwards.

    `Weight(bmi=28, until="day 180")`

    Attributes:
        bmi: kg/m2, reached on `until_day`.
        from_day: first day of the change, at least 0.
        until_day: day on which it is complete.
    """

    bmi: Annotated[float, BeforeValidator(lambda bmi: parameters.physiology()["bmi"].checked(bmi))] = Field(
        examples=[28]
    )
    from_day: TreatmentDay = Field(0.0, alias="from")
    until_day: Day = Field(alias="until", examples=["day 180"])

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if self.until_day <= self.from_day:
            text = f"day {self.until_day:g} is not after from (day {self.from_day:g}); weight changes over days"
            raise ScenarioError(text, "until")
        return self


def overlaps(changes: Sequence[Weight]) -> list[Problem]:
    """Return a problem for each change that begins before the one before it, in time, is complete."""
    order = sorted(range(len(changes)), key=lambda i: changes[i].from_day)
    return [
        Problem(
            (i, "from"),
            f"day {changes[i].from_day:g} is before weight {before + 1} is complete "
            f"(day {changes[before].until_day:g}); let one change follow the other",
        )
        for before, i in pairwise(order)
        if changes[i].from_day < changes[before].until_day
    ]


def bmi_on(day: float, present: float, changes: Sequence[Weight]) -> float:
    """Return the body mass index on `day` of a man whose `present` one changes as planned, kg/m2.

    Raises:
        ScenarioError: the changes are no Weights.
    """
    if not isinstance(changes, Sequence) or not all(isinstance(change, Weight) for change in changes):
        raise ScenarioError(f"changes: {shown(changes)} is not a list of Weights")
    bmi = present
    for change in sorted(changes, key=lambda change: change.from_day):
        if day <= change.from_day:
            break
        done = min(1.0, (day - change.from_day) / (change.until_day - change.from_day))
        bmi = change.bmi if done == 1.0 else bmi + (change.bmi - bmi) * done
    return bmi
