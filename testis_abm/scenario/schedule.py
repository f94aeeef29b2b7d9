"""Days on which samples are taken: a list of days, or one at an interval."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

from testis_abm.scenario.amounts import parse_day
from testis_abm.scenario.prescription import parse_every
from testis_abm.scenario.section import missing_key, unknown_key
from testis_abm.support.errors import Problem, ScenarioError, shown

MOST_DOSES = 250_000  # of a scenario, and of a history: one an hour for the longest plan there is
_KEYS = ("every", "from", "until")
_EXAMPLES = {"every": "4 weeks", "until": "day 150"}


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
    days, problems = set(), []
    for i, item in enumerate(value):
        try:
            days.add(_whole_day(item))
        except ScenarioError as error:
            problems.append(Problem((i,), str(error)))
    if problems:
        raise ScenarioError(problems)
    return tuple(sorted(days))


Days = Annotated[tuple[int, ...], BeforeValidator(parse_days)]


def _whole_day(value: object) -> int:
    day = parse_day(value)
    if not day.is_integer():
        raise ScenarioError(f"{shown(value)} is not a whole day; the model's step is a day")
    return int(day)


def _at_interval(table: Mapping[str, Any]) -> tuple[int, ...]:
    problems = [Problem((key,), unknown_key(key, _KEYS), named=True) for key in table if key not in _KEYS]
    parsed = {"from": 0.0}
    for key in _KEYS:
        if key in table:
            try:
                parsed[key] = parse_every(table[key]) if key == "every" else parse_day(table[key])
            except ScenarioError as error:
                problems.append(Problem((key,), str(error)))
        elif key != "from":
            problems.append(Problem((key,), missing_key(key, _EXAMPLES[key]), named=True))
    if parsed.get("every", 1.0) < 1:
        text = f"{shown(table['every'])} is too short; samples are a day or more apart"
        problems.append(Problem(("every",), text))
    if not problems and parsed["until"] < parsed["from"]:
        text = f"day {parsed['until']:g} is before from (day {parsed['from']:g})"
        problems.append(Problem(("until",), text))
    if problems:
        raise ScenarioError(problems)
    count = int((parsed["until"] - parsed["from"]) / parsed["every"] + 1e-9) + 1
    return tuple(sorted({round(parsed["from"] + i * parsed["every"]) for i in range(count)}))


def too_many_doses(counts: Iterable[int]) -> str | None:
    """Return why the doses of all therapies together are too many, None if they are not."""
    doses = sum(counts)
    if doses <= MOST_DOSES:
        return None
    return f"{doses:,} doses are too many; allowed: up to {MOST_DOSES:,}: give fewer therapies, less often or for a shorter time"
