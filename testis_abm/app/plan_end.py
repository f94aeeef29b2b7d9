"""What of a draft lies beyond the end of its plan, and the draft cut to that day: nothing that was typed goes without being asked."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from testis_abm.app.draft import Draft, with_entry, without
from testis_abm.app.fields import Path
from testis_abm.choices import TREATMENTS
from testis_abm.scenario import Insult, Plan, Rule, Weight, bmi_on
from testis_abm.scenario.amounts import parse_day, parse_duration
from testis_abm.support.errors import ScenarioError, written

_LISTED = (("samples", "blood"), ("samples", "semen"), ("samples", "biopsy"), ("samples", "ejaculations"))


def end(draft: Draft) -> float | None:
    """Return the last day of the plan of a draft; None while that cannot be read."""
    try:
        return float(round(parse_duration(draft.get("plan", {}).get("duration", f"{Plan().duration_days} days"))))
    except ScenarioError:
        return None


def beyond(draft: Draft) -> dict[Path, Draft]:
    """Return what lies beyond the end of a plan: the path of its field -> the draft in which it ends there."""
    last = end(draft)
    return {} if last is None or last < 1.0 else dict(_found(draft, last))


def cut(draft: Draft) -> Draft:
    """Return a draft of which nothing lies beyond the end of its plan."""
    while found := beyond(draft):
        draft = next(iter(found.values()))
    return draft


def _found(draft: Draft, last: float) -> Iterator[tuple[Path, Draft]]:
    for section in (*TREATMENTS, "observed"):
        for i, row in enumerate(draft.get(section, ())):
            if section == "rule":
                if _begins(row) >= last:
                    yield (section, i), without(draft, (section, i))
            else:
                yield from _of_row(draft, (section, i), row, last)
    for path in _LISTED:
        yield from _of_days(draft, path, draft.get(path[0], {}).get(path[1]), last)


def _begins(rule: Any) -> float:
    """Return the first day of a rule; of one that cannot be read, which is told elsewhere, before all."""
    try:
        return (Rule(**rule) if isinstance(rule, Mapping) else Rule.parse(str(rule))).begins
    except ScenarioError:
        return -math.inf


def _of_row(draft: Draft, path: Path, row: Mapping[str, Any], last: float) -> Iterator[tuple[Path, Draft]]:
    first = "day" if path[0] in ("insult", "observed") else "from"
    begins, ends = _day(row.get(first)), _day(row.get("until"))
    # What begins on the last morning does nothing; a value may be observed on it.
    if begins is not None and (begins > last or (begins == last and path[0] != "observed")):
        yield (*path, first), without(draft, path)
        return
    if path[0] == "therapy" and _all_late(
        row.get("days"), last
    ):  # without its days it would be given on the usual ones
        yield (*path, "days"), without(draft, path)
        return
    if path[0] == "insult":
        yield from _of_insult(draft, path, row, last)
    elif ends is not None and ends > last:
        changed = with_entry(draft, f"day {written(last)}", *path, "until")
        if path[0] == "weight":
            reached = _on(draft, last)
            if reached is None:
                return
            changed = with_entry(changed, reached, *path, "bmi")
        yield (*path, "until"), changed
    for key in ("days", "missed"):
        yield from _of_days(draft, (*path, key), row.get(key), last)


def _all_late(days: Any, last: float) -> bool:
    """Return whether the first of some listed days is the last morning or later."""
    if isinstance(days, Mapping):
        days = [days.get("from")]
    if not isinstance(days, list | tuple) or not days:
        return False
    firsts = [_day(day.get("from") if isinstance(day, Mapping) else day) for day in days]
    return all(first is not None and first >= last for first in firsts)


def _of_insult(draft: Draft, path: Path, row: Mapping[str, Any], last: float) -> Iterator[tuple[Path, Draft]]:
    """Yield the number of fractions or courses that fit the plan, if all do not."""
    key = next((name for name in ("fractions", "courses") if name in row), None)
    try:
        times = Insult(**row).times if key else ()
    except ScenarioError:
        return
    fit = sum(day < last for day in times)
    if key and fit < len(times):
        yield (*path, key), with_entry(draft, fit, *path, key)


def _of_days(draft: Draft, path: Path, days: Any, last: float) -> Iterator[tuple[Path, Draft]]:
    if isinstance(days, Mapping):
        begins, ends = _day(days.get("from")), _day(days.get("until"))
        if begins is not None and begins > last:
            yield path, with_entry(draft, None, *path)
        elif ends is not None and ends > last:
            yield path, with_entry(draft, {**days, "until": f"day {written(last)}"}, *path)
    elif isinstance(days, list | tuple):
        kept = [day for day in days if isinstance(day, Mapping) or (_day(day) or 0.0) <= last]
        if len(kept) < len(days):
            # No days are the default ones of therapies and none of samples.
            yield path, with_entry(draft, kept or (None if path[0] == "therapy" else []), *path)


def _day(value: Any) -> float | None:
    try:
        return None if value is None else parse_day(value)
    except ScenarioError:
        return None


def _on(draft: Draft, day: float) -> float | None:
    """Return the body mass index that a draft's man has on a day, kg/m2; None while that cannot be read."""
    try:
        changes = [Weight(**row) for row in draft.get("weight", ())]
        return round(bmi_on(day, float(draft["man"]["bmi"]), changes), 2)
    except (ScenarioError, KeyError, TypeError, ValueError):
        return None
