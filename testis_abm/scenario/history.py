"""What a man was given before the plan begins: "testosterone_enanthate 200 mg every 7 days for 52 weeks"."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from testis_abm import parameters
from testis_abm.scenario.amounts import NUMBER, parse_dose, parse_duration, plain
from testis_abm.scenario.prescription import parse_every
from testis_abm.scenario.schedule import check_dose_count
from testis_abm.support.errors import ScenarioError, gathered, shown, written

_AMOUNT = rf"{NUMBER}\s*[^\s0-9,]+"
_PAST = re.compile(
    rf"(?P<drug>\S.*?) (?P<dose>{_AMOUNT}) (?P<every>\S.*?) for (?P<length>{_AMOUNT})"
    rf"(?:,? ended (?P<ended>{_AMOUNT}) before)?",
    re.IGNORECASE,
)
_USAGE = 'write for example "testosterone_enanthate 200 mg every 7 days for 52 weeks, ended 8 weeks before"'
_LONGEST_DAYS, _LONGEST_TEXT = 3653.0, 200


@dataclass(frozen=True)
class PastTherapy:
    """A drug at one dose and interval, that ended before the plan began.

    Attributes:
        drug: name in the drug table.
        dose: in its unit.
        every_days: between doses.
        length_days: from the first dose to the end.
        ended_days: how long before the first simulated day of the plan it ended.
        dose_unit: of the dose; "" is the drug table's.
    """

    drug: str
    dose: float
    every_days: float
    length_days: float
    ended_days: float = 0.0
    dose_unit: str = field(default="", compare=False)

    @property
    def begins(self) -> int:
        """Return the first day of it, counted from the first simulated day of the plan (negative)."""
        return -math.ceil(self.length_days + self.ended_days)

    @property
    def dose_count(self) -> int:
        """How many doses he was given."""
        return math.ceil(self.length_days / self.every_days - 1e-9)

    def doses(self) -> list[tuple[float, str, float]]:
        """Return (day, drug, dose), days counted from the first simulated day of the plan."""
        return [(self.begins + i * self.every_days, self.drug, self.dose) for i in range(self.dose_count)]

    def __str__(self) -> str:
        """Return it as a scenario file would have it."""
        unit = self.dose_unit or parameters.drugs()[self.drug].dose_unit
        ended = f", ended {written(self.ended_days)} days before" if self.ended_days else ""
        return (
            f"{self.drug} {written(self.dose)} {unit} every {written(self.every_days)} days "
            f"for {written(self.length_days)} days{ended}"
        )


def parse_history(value: object) -> tuple[PastTherapy, ...]:
    """Return past therapies from a line of text or a list of them.

    Raises:
        ScenarioError: with the position of each that is none.
    """
    if isinstance(value, str) and value.strip().lower() in ("", "none"):
        return ()
    items = [value] if isinstance(value, str | PastTherapy) else value
    if not isinstance(items, list | tuple):
        raise ScenarioError(f"{shown(value)} is not a past therapy; {_USAGE}")
    past = []
    with gathered() as problems:
        for i, item in enumerate(items):
            with problems.at(*([i] if len(items) > 1 else [])):
                past.append(item if isinstance(item, PastTherapy) else _one(item))
    check_dose_count(therapy.dose_count for therapy in past)
    return tuple(past)


def _one(text: object) -> PastTherapy:
    match = _PAST.fullmatch(plain(text)) if isinstance(text, str) else None
    if match is None:
        raise ScenarioError(f"{shown(text)} is not a past therapy; {_USAGE}")
    name, amount, interval, duration, end = match.group("drug", "dose", "every", "length", "ended")
    drug = parameters.drugs()[parameters.drug_named(name)]
    dose = parse_dose(amount, drug.dose_unit)
    if dose > drug.most:
        raise ScenarioError(f"{shown(amount)} is too much; a single dose may be up to {drug.most:g} {drug.dose_unit}")
    every, length = parse_every(interval), parse_duration(duration)
    ended = parse_duration(end) if end else 0.0
    if every < 1 / 24:
        raise ScenarioError(f"{shown(interval)} is too short; doses are an hour or more apart")
    if not 1.0 <= length + ended <= _LONGEST_DAYS:
        raise ScenarioError(f"{shown(text)} lies {length + ended:g} days back; allowed: 1 to {_LONGEST_DAYS:g}")
    return PastTherapy(drug.name, dose, every, length, ended, drug.dose_unit)


def past_doses(history: Iterable[PastTherapy]) -> tuple[int, list[tuple[float, str, float]]]:
    """Return the first day of a history and all its doses in time, counted from the first simulated day of the plan."""
    past = list(history)
    doses = sorted(dose for therapy in past for dose in therapy.doses())
    return min((therapy.begins for therapy in past), default=0), doses
