"""Kinds of values in the form: how what is typed becomes what a scenario file has, and back. Neither ever fails: what is wrong stays as it was typed, to be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from testis_abm.scenario.amounts import NUMBER, number_in
from testis_abm.scenario.amounts import plain as plain_text
from testis_abm.support.errors import ScenarioError, shown

NOTHING = "none"  # typed where an empty field is a default, and not nothing
_INTERVAL = re.compile(
    r"every (?P<every>.+?)(?:,? from (?P<from>.+?))?(?:,? (?:until|to) (?P<until>.+?))?", re.IGNORECASE
)
_BETWEEN_DAYS = re.compile(r"\s*(?:,|\band\b)\s*", re.IGNORECASE)
_LEVEL_OF_DAY = re.compile(r"((?:day|week|month)s?\s*[^:=,]+?)\s*[:=]\s*([^,]+?)\s*(?:,|$)", re.IGNORECASE)
_FEWEST = 4  # days that are told as an interval


class Kind(NamedTuple):
    """How a field's value is read from what was typed (no empty text), and how it is shown there."""

    read: Callable[[str], Any]
    show: Callable[[Any], str]


def number(value: object) -> float:
    """Return a number, or the one that was typed, as scenario files and commands read it.

    Raises:
        ValueError, TypeError, OverflowError: it is none.
    """
    if not isinstance(value, str):
        return float(value)  # type: ignore[arg-type]
    text = plain_text(value)
    if not re.fullmatch(NUMBER, text, re.IGNORECASE):
        raise ScenarioError(f"{shown(value)} is not a number")
    return number_in(text)


def is_number(text: str) -> bool:
    """Return whether a bare number was typed."""
    try:
        number(text)
    except ValueError:
        return False
    return True


def _plainly(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)


def _bare(before: str = "", after: str = "") -> Callable[[str], str]:
    """Return the reading of a bare number as one with its unit."""
    return lambda text: f"{before}{text}{after}" if is_number(text) else text


def _number(text: str) -> Any:
    if not is_number(text):
        return text
    value = number(text)
    return int(value) if value.is_integer() else value


def _whole(text: str) -> Any:
    return int(text) if re.fullmatch(r"[0-9]{1,18}", text) else text


def _share(text: str) -> Any:
    return number(text) if is_number(text) else text


def _of_a_day(value: Any) -> str:
    return _plainly(value).removeprefix("day ")


def _length(value: Any) -> str:
    text = _plainly(value)
    return "1 day" if text == "1 days" else text


def _day(text: str) -> Any:
    return f"day {text}" if is_number(text) else text


def _often(text: str) -> str:
    return f"{text} days" if is_number(text) else text if re.search("[0-9]", text) else f"every {text}"


def read_days(text: str) -> Any:
    """Return days from "0, 28, 56", "every 4 weeks from 0 until 180", several of these with ";" between, or "none"."""
    if text.lower() == NOTHING:
        return []
    parts: list[Any] = []
    for part in filter(None, (one.strip() for one in text.split(";"))):
        if match := _INTERVAL.fullmatch(part):
            given = {key: of for key, of in match.groupdict().items() if of is not None}
            parts.append({key: _often(of) if key == "every" else _day(of) for key, of in given.items()})
        else:
            parts += [_day(day) for day in _BETWEEN_DAYS.split(part) if day]
    return parts[0] if len(parts) == 1 and isinstance(parts[0], dict) else parts


def show_days(value: Any) -> str:
    """Return days as `read_days` reads them, at an interval where they are at one."""
    if isinstance(value, Mapping):
        parts = [
            f"{word} {_of_a_day(value[word]).removeprefix('every ')}"
            for word in ("every", "from", "until")
            if word in value
        ]
        return " ".join(parts)
    if not isinstance(value, Sequence) or isinstance(value, str):
        return _of_a_day(value)
    if not value:
        return NOTHING
    if any(isinstance(one, Mapping) for one in value):
        loose = ", ".join(_of_a_day(one) for one in value if not isinstance(one, Mapping))
        return "; ".join(filter(None, (*(show_days(one) for one in value if isinstance(one, Mapping)), loose)))
    days = [_of_a_day(one) for one in value]
    if len(days) >= _FEWEST and all(map(is_number, days)):
        numbers = [number(day) for day in days]
        steps = {round(later - earlier, 9) for earlier, later in pairwise(numbers)}
        if len(steps) == 1 and (step := steps.pop()) >= 1.0 and all(map(float.is_integer, (*numbers, step))):
            return f"every {'day' if step == 1.0 else f'{step:g} days'} from {days[0]} until {days[-1]}"
    return ", ".join(days)


def _read_course(text: str) -> Any:
    """Return a level, or levels of days: "day 0: 100 %, day 84: 10 %"."""
    found = _LEVEL_OF_DAY.findall(text)
    if found and re.fullmatch(f"(?:{_LEVEL_OF_DAY.pattern}\\s*)+", text, re.IGNORECASE):
        return dict(found)
    return 0 if is_number(text) and number(text) == 0.0 else text


def _show_course(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{day}: {level}" for day, level in value.items())
    return _plainly(value)


LINE = Kind(str, _plainly)
DAY = Kind(_day, _of_a_day)
LENGTH = Kind(_bare(after=" days"), _length)
HOURS = Kind(_bare(after=" hours"), _plainly)
NUMBER_OF = Kind(_number, _plainly)
WHOLE = Kind(_whole, _plainly)
SHARE = Kind(_share, lambda value: f"{100.0 * value:.12g} %" if isinstance(value, float) else _plainly(value))
FLAG = Kind(lambda text: True, lambda value: "yes" if value is True else _plainly(value or ""))
DAYS = Kind(read_days, show_days)
COURSE = Kind(_read_course, _show_course)
