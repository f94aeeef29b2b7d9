"""Days: of the plan, of treatment, and those on which samples are taken: a list, or one at an interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from testis_abm.scenario.amounts import parse_day
from testis_abm.scenario.prescription import parse_every
from testis_abm.scenario.section import missing_key, text, unknown_key
from testis_abm.support.errors import ScenarioError, gathered, shown

MOST_DOSES = 250_000  # of a scenario, and of a history: one an hour for the longest plan there is
_KEYS = ("every", "from", "until")
_EXAMPLES = {"every": "4 weeks", "until": "day 150"}


def _after_baseline(day: float) -> float:
    if day < 0:
        raise ScenarioError(f"day {day:g} is in the baseline, which is untreated; start at day 0 or later")
    return day


Day = Annotated[float, BeforeValidator(parse_day), text("day {}")]
TreatmentDay = Annotated[Day, AfterValidator(_after_baseline)]


def parse_days(value: object) -> tuple[int, ...]:
    """Return whole days, rising and each once, from ["day 0", 30] or {every="4 weeks", from=..., until=...}.

    A table includes both its ends; `from` is day 0 unless given. An interval of months falls on the nearest
    day, since the model's step is a day.

    Raises:
        ScenarioError: with the position or key of each fault.
    """
    if isinstance(value, Mapping):
        return _at_interval(value)
    if not isinstance(value, list | tuple):
        usage = 'write ["day 0", "day 30"] or { every = "4 weeks" }'
        raise ScenarioError(f"{shown(value)} is not a list of days; {usage}")
    days = set()
    with gathered() as problems:
        for i, item in enumerate(value):
            with problems.at(i):
                days.add(_whole_day(item))
    return tuple(sorted(days))


def parse_ejaculations(value: object) -> tuple[int, ...]:
    """Return whole days as `parse_days`, from a table, or from a list of days and tables.

    Raises:
        ScenarioError: with the position or key of each fault.
    """
    if not isinstance(value, list | tuple):
        return parse_days(value)
    days: set[int] = set()
    with gathered() as problems:
        for i, item in enumerate(value):
            with problems.at(i):
                days |= {*_at_interval(item)} if isinstance(item, Mapping) else {_whole_day(item)}
    return tuple(sorted(days))


_Day = int | str
_Interval = dict[str, int | float | str]
_WRITTEN = PlainSerializer(lambda days: [f"day {d}" for d in days] or None)
Ejaculations = Annotated[
    tuple[int, ...],
    BeforeValidator(parse_ejaculations, json_schema_input_type=list[_Day | _Interval] | _Interval),
    _WRITTEN,
]
Days = Annotated[
    tuple[int, ...],
    BeforeValidator(parse_days, json_schema_input_type=list[_Day] | _Interval),
    PlainSerializer(lambda days: [f"day {d}" for d in days]),
]


def _whole_day(value: object) -> int:
    day = parse_day(value)
    if not day.is_integer():
        raise ScenarioError(f"{shown(value)} is not a whole day; the model's step is a day")
    return int(day)


def _at_interval(table: Mapping[str, Any]) -> tuple[int, ...]:
    first, every, last = 0.0, 1.0, 0.0
    with gathered() as problems:
        for key in table:
            if key not in _KEYS:
                problems.add(unknown_key(key, _KEYS), key, named=True)
        for key, example in _EXAMPLES.items():
            if key not in table:
                problems.add(missing_key(key, example), key, named=True)
        with problems.at("every"):
            every = parse_every(table.get("every", 1))
            if every < 1:
                raise ScenarioError(f"{shown(table['every'])} is too short; days are a day or more apart")
        with problems.at("from"):
            first = parse_day(table.get("from", 0))
        with problems.at("until"):
            last = parse_day(table.get("until", first))
            if not problems and last < first:
                raise ScenarioError(f"day {last:g} is before from (day {first:g})")
    count = int((last - first) / every + 1e-9) + 1
    return tuple(sorted({round(first + i * every) for i in range(count)}))


def check_dose_count(counts: Iterable[int]) -> None:
    """Make sure that the doses of all therapies together are not too many.

    Raises:
        ScenarioError: they are.
    """
    fix = "give fewer therapies, less often or for a shorter time"
    if (doses := sum(counts)) > MOST_DOSES:
        raise ScenarioError(f"{doses:,} doses are too many; allowed: up to {MOST_DOSES:,}: {fix}")
