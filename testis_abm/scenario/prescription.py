"""Prescriptions as clinics write them: "anastrozole 1 mg daily", "hCG 1,500 IU three times weekly"."""

from __future__ import annotations

import re
from typing import Any

from testis_abm import parameters
from testis_abm.scenario.amounts import NUMBER, number_in, parse_duration, plain
from testis_abm.support.errors import ScenarioError, shown

_COUNTS = {
    "once": 1,
    "one": 1,
    "twice": 2,
    "two": 2,
    "thrice": 3,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "eight": 8,
}
_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0, "fortnight": 14.0, "month": 28.0}
# Latin and other abbreviations of prescriptions, without points, and words that say all -> days between doses.
_CODES = {
    **dict.fromkeys(("qd", "od", "qday", "daily", "nightly", "qhs", "qam", "qpm", "every morning", "every night"), 1.0),
    **dict.fromkeys(("bid", "bd"), 1 / 2),
    **dict.fromkeys(("tid", "tds"), 1 / 3),
    **dict.fromkeys(("qid", "qds"), 1 / 4),
    **dict.fromkeys(("qod", "eod", "qad", "alternate days", "on alternate days"), 2.0),
    **dict.fromkeys(("qw", "weekly", "qweek", "once weekly"), 7.0),
    "biw": 3.5,
    "tiw": 7 / 3,
    "fortnightly": 14.0,
    "monthly": 28.0,
}
_ONCE = ("once", "single dose", "one dose", "stat")
_NUMBER = rf"{NUMBER}|{'|'.join(_COUNTS)}"
_PERIOD = r"(?P<unit>hour|day|week|fortnight|month)"
# "three times weekly", "3x/week", "twice a day", "2 per week"; "2 weekly" is every two weeks to some, so it is refused.
_TIMES = re.compile(
    rf"(?:(?P<often>once|twice|thrice)\s*(?:x\b|times\b)?|(?P<count>{_NUMBER})\s*(?:x|times\b|(?=/|a\b|per\b)))"
    rf"\s*(?:/|a\b|per\b|each\b|every\b)?\s*(?:(?P<unit>day|week|month)(?:ly)?|(?P<daily>daily))"
)
# "every other day", "every 3 days", "every two weeks"
_EVERY = re.compile(
    rf"every\s+(?:(?P<other>other|second|2nd)|(?P<third>third|3rd)|(?P<count>{_NUMBER}))?\s*{_PERIOD}s?"
)
# "q12h", "12 hourly"
_LATIN = re.compile(r"q\s*(?P<count>[0-9]+)\s*(?P<unit>h|d|w|hours?|days?|weeks?|hrs?)|(?P<hours>[0-9]+)[\s-]*hourly")
PRESCRIPTION = re.compile(rf"(?P<drug>\S.*?)\s+(?P<dose>{NUMBER}\s*[^\s0-9]+)(?:\s+(?P<often>\S.*))?", re.IGNORECASE)
_USAGE = 'write drug, dose and how often, for example "anastrozole 1mg daily"'


def parse_every(value: object) -> float:
    """Return the days between doses, from a length of time or a prescription: "BID", "every other day", "3x/week".

    Doses of "three times weekly" are evenly spread, 56 hours apart.

    Raises:
        ScenarioError: it says no interval.
    """
    if not isinstance(value, str):
        return parse_duration(value)
    text = plain(value).lower().rstrip(".")
    if days := _CODES.get(text.replace(".", "")):
        return days
    if times := _TIMES.fullmatch(text):
        return _DAYS[times["unit"] or "day"] / _positive(times["often"] or times["count"], value)
    if every := _EVERY.fullmatch(text):
        count = 2.0 if every["other"] else 3.0 if every["third"] else _positive(every["count"] or "1", value)
        # "every month" is every four weeks, as "monthly" is; "every 2 months" is a length of time as anywhere else.
        calendar = every["unit"] == "month" and every["count"] is not None
        return parse_duration(f"{count!r} months") if calendar else count * _DAYS[every["unit"]]
    if latin := _LATIN.fullmatch(text):
        return parse_duration(f"{latin['hours']} h" if latin["hours"] else f"{latin['count']} {latin['unit']}")
    return parse_duration(plain(value).removeprefix("every "))


def _positive(text: str, value: object) -> float:
    number = float(_COUNTS[text]) if text in _COUNTS else number_in(text)
    if not number > 0:
        raise ScenarioError(f'{shown(value)} is not above 0; write for example every = "1 day"')
    return number


def parse_prescription(value: object) -> dict[str, Any]:
    """Return drug, dose and interval of a line, as the table of a therapy has them.

    Raises:
        ScenarioError: it is no such line, or does not say how often.
    """
    match = PRESCRIPTION.fullmatch(plain(value)) if isinstance(value, str) else None
    if match is None:
        raise ScenarioError(f"{shown(value)}: {_USAGE}")
    name, dose, often = match.group("drug", "dose", "often")
    if often is None:
        drug = parameters.drugs()[parameters.drug_named(name)]
        usual = rhythm(drug.regimen[-1].every_days) if drug.regimen else "daily"
        raise ScenarioError(
            f'{shown(value)} does not say how often; add "{usual}" or "once" (usual for {drug.name}: {drug.usual})'
        )
    table = {"drug": name, "dose": dose}
    return table if often.lower().rstrip(".") in _ONCE else table | {"every": often}


def rhythm(days: float | None) -> str:
    """Return an interval between doses as a prescription has it, "once" for None."""
    if days is None:
        return "once"
    if days < 1.0 or round(2.0 * days, 9) % 1.0:
        return f"every {24.0 * days:g} h"
    if days % 7.0 == 0.0 and days > 7.0:
        return f"every {days / 7.0:g} weeks"
    return {1.0: "daily", 7.0: "weekly"}.get(days) or f"every {days:g} days"


def amount(dose: float, unit: str) -> str:
    """Return a dose in words, small ones in µg."""
    return f"{1e3 * dose:g} µg" if unit == "mg" and dose < 0.1 else f"{dose:g} {unit}"
