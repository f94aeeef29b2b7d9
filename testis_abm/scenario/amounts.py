"""Amounts as people write them: "28 days", "day 30", "1 mg", and the units of clinical reports.

Each function raises a ScenarioError for what it cannot read, in words that say what would be right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType

from testis_abm.quantities import QUANTITIES
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, nearest, shown

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
# A plan in days this far out is a slip of the pen.
LATEST_DAY = 36525

# A number as people write it; `number_in` reads it. Digits are 0 to 9 (see `plain`).
NUMBER = r"[+-]?(?:[0-9]+(?:[.,][0-9]+)*\.?|\.[0-9]+)(?:e[+-]?[0-9]+)?"
_QUANTITY = re.compile(f"({NUMBER})\\s*(.*)", re.IGNORECASE)
_DAY = re.compile(rf"(day|week|month)s?\s*({NUMBER})", re.IGNORECASE)
_THOUSANDS = re.compile(r"[+-]?[1-9][0-9]{0,2}(,[0-9]{3})+(\.[0-9]*)?")
_DECIMAL_COMMA = re.compile(r"[+-]?(?:[0-9]+|[1-9][0-9]{0,2}(?:\.[0-9]{3})+),[0-9]+")
_LONGEST = 500  # characters of one quantity or condition
# Signs that word processors and reports put in: minus, micro, times, comparisons, superscripts.
_SIGNS = str.maketrans(
    {"\u2212": "-", "\u2013": "-", "\u00b5": "u", "\u03bc": "u", "\u00d7": "x", "\u2264": "<=", "\u2265": ">="}
    | {sign: str(k) for k, sign in enumerate("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")}
)

_DURATIONS = {
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 1440),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), 1 / 24),
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("w", "wk", "wks", "week", "weeks"), 7.0),
    **dict.fromkeys(("month", "months"), DAYS_PER_MONTH),
    **dict.fromkeys(QUANTITIES["age"].units, DAYS_PER_YEAR),
}
_DOSES: Mapping[str, Mapping[str, float]] = {"mg": {"mg": 1.0, "g": 1e3, "ug": 1e-3}, "IU": {"iu": 1.0, "kiu": 1e3}}
_DOSE_UNITS = {"mg": "mg, g or ug", "IU": "IU or kIU"}

# Words for a unit, the whole of what stands before "/" or the end -> its key.
_UNIT_WORDS = (
    (r"x?\*?10e?6|mio|mill|mln|millions|m(?=/ml$|$)", "million"),
    (r"(m|k|u)?(?:ui|ie|u)|(?:international)?(m|k|u)?units?", r"\1\2iu"),
    (r"percent|pct", "%"),
)

# Column -> its units, of what may be published of a course, and of a man.
UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {column: row.units for column, row in QUANTITIES.items() if row.published}
)
UNITS_OF_MAN: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        **{name: QUANTITIES[name].units for name in ("bmi", "age")},
        "abstinence": QUANTITIES["abstinence_days"].units,
        "testis_volume": QUANTITIES["testis_volume_ml"].units,
    }
)


def parse_duration(value: object) -> float:
    """Return a length of time in days, from "28 days", "8 hours", "6 months" or a number of days."""
    if guard.is_number(value):
        days = _finite(value, value)
    else:
        number, unit = _split(value, 'a length of time, such as "28 days"')
        if unit.lower() not in _DURATIONS:
            guess = nearest(unit, _DURATIONS)
            hint = f'nearest: "{guess}"' if guess else "known: hours, days, weeks, months, years"
            raise ScenarioError(f"{shown(value)}: unit {shown(unit)} is not one of time; {hint}")
        days = _finite(number * _DURATIONS[unit.lower()], value)
    if days < 0:
        raise ScenarioError(f"{shown(value)} is negative; a length of time cannot be")
    return days


def parse_day(value: object) -> float:
    """Return a day of the plan from "day 30", "week 6", "month 3" or a number; day 0 is the end of baseline."""
    if guard.is_number(value):
        day = _finite(value, value)
    else:
        match = _DAY.fullmatch(plain(_text(value, 'a day, such as "day 30"')))
        if match is None:
            raise ScenarioError(f'{shown(value)} is not a day; write "day 30" or "week 6"')
        unit, number = match.groups()
        day = number_in(number) * _DURATIONS[unit.lower()]
    if not abs(day) <= LATEST_DAY:
        raise ScenarioError(f"{shown(value)} is not within a century of the start of treatment")
    return day


def parse_dose(value: object, unit: str = "mg") -> float:
    """Return a dose in `unit` ("mg" or "IU"), from "1 mg", "250 ug" or "1.5 kIU"."""
    if guard.is_number(value):
        raise ScenarioError(f'{shown(value)} has no unit; write it as text with one: "1 {unit}"')
    number, given = _split(value, f'a dose, such as "1 {unit}"')
    known = _DOSES.get(unit, {unit.lower(): 1.0})
    if unit_key(given) not in known:
        units = _DOSE_UNITS.get(unit, unit)
        raise ScenarioError(f"{shown(value)}: unit {shown(given)} does not fit; the dose is in {units}")
    dose = _finite(number * known[unit_key(given)], value)
    if dose <= 0:
        raise ScenarioError(f"{shown(value)} is {'negative' if dose else 'zero'}; a dose must be above 0 {unit}")
    return dose


# What a dose may be for each of -> how many a man of that height (m) and body mass index has; surface by Mosteller.
PER: Mapping[str, Callable[[float, float], float]] = {
    "kg": lambda height, bmi: bmi * height**2,
    "m2": lambda height, bmi: math.sqrt(100.0 * height * bmi * height**2 / 3600.0),
}
_PER = re.compile(r"(?:/| per )\s*(?:(kg)|(m2|m\u00b2|m\^2|sqm))$", re.IGNORECASE)


def parted_dose(value: object) -> tuple[object, str]:
    """Return a dose without what it is for each of, and that: ("1.5 mg", "kg") of "1.5 mg/kg"; of PER, "" for all else."""
    text = plain(value) if isinstance(value, str) else ""
    found = _PER.search(text)
    return (text[: found.start()].strip(), "kg" if found[1] else "m2") if found else (value, "")


def canonical_unit(variable: str) -> str:
    """Return the unit in which `variable` is stored, which its name ends in."""
    return QUANTITIES[guard.key(variable, UNITS, "variable")].unit


def parse_unit(variable: str, unit: object) -> str:
    """Return `unit` as UNITS spells it."""
    known = UNITS[variable]
    text = plain(_text(unit, f'a unit, such as "{canonical_unit(variable)}"'))
    if spelling := spelled(text, known):
        return spelling
    raise ScenarioError(f"{shown(unit)} is not a unit of {variable}; known: {', '.join(known)}")


def spelled(unit: str, known: Iterable[str]) -> str | None:
    """Return `unit` as `known` spells it, whatever way a laboratory writes it; None if it is not one of them."""
    known = tuple(known)
    same = [name for name in known if name.lower() == unit.lower()]
    return next(iter(same or [name for name in known if unit_key(name) == unit_key(unit)]), None)


@lru_cache(maxsize=1024)
def unit_key(unit: str) -> str:
    """Return a unit without what laboratories write differently: "mUI / mL" as "miu/ml", "x10^6/mL" as "million/ml"."""
    text = re.sub(r"\s+per\s+", "/", plain(unit).lower())
    text = re.sub(r"[\s^.\u00b7]", "", text)
    if text == "10e9/l" or text.removeprefix("x") == "109/l":
        return "million/ml"
    for pattern, own in _UNIT_WORDS:
        text = re.sub(rf"^(?:{pattern})(?=/|$)", own, text)
    return text.replace("mcg", "ug").replace("mcmol", "umol")


def convert(variable: str, value: float, unit_from: str, unit_to: str) -> float:
    """Return `value` of `variable`, a column name, in another of its units.

    Testosterone 1 nmol/L = 28.84 ng/dL (1 ng/mL = 3.467 nmol/L), oestradiol 1 pg/mL = 3.67 pmol/L.
    """
    guard.key(variable, UNITS, "variable")
    value = guard.real(value, "value")
    source, target = parse_unit(variable, unit_from), parse_unit(variable, unit_to)
    if source == target:
        return value
    return value * UNITS[variable][source] / UNITS[variable][target]


def plain(text: str) -> str:
    """Return `text` with one space between words and the signs of word processors written plainly."""
    if len(text) > _LONGEST:
        raise ScenarioError(f"{shown(text)} is longer than {_LONGEST} characters")
    text = " ".join(text.translate(_SIGNS).split())
    if any(sign.isdecimal() and not sign.isascii() for sign in text):
        raise ScenarioError(f"{shown(text)} has digits of another script; write 0 to 9")
    return text


def number_in(text: str) -> float:
    """Return the number that `text` (a NUMBER) spells: "4.5", "4,5", "1,500" (1500), "1,500.5", "1.500,5".

    A comma before one group of three digits separates thousands, as in "1,500 IU"; "0,125" can only be a decimal.
    """
    mantissa, e, exponent = text.lower().partition("e")
    if _THOUSANDS.fullmatch(mantissa):
        mantissa = mantissa.replace(",", "")
    elif _DECIMAL_COMMA.fullmatch(mantissa):
        mantissa = mantissa.replace(".", "").replace(",", ".")
    try:
        return float(mantissa + e + exponent)
    except ValueError:
        sign = "comma" if "," in text else "points"
        raise ScenarioError(f"{shown(text)}: its {sign} cannot be read; write 1.5 and 1500, without commas") from None


def comma_note(text: object) -> str:
    """Return how the comma of a refused quantity was read, for its message; empty where there is none."""
    match = _QUANTITY.match(plain(text)) if isinstance(text, str) else None
    if match is None or not _THOUSANDS.fullmatch(match[1]):
        return ""
    return f" ({match[1]} is read as {number_in(match[1]):g}; for a decimal write {match[1].replace(',', '.', 1)})"


def quantity(value: object, wanted: str) -> tuple[float, str]:
    """Return number and unit ("" where there is none) of text such as "4,5 mIU/mL"."""
    match = _QUANTITY.fullmatch(plain(_text(value, wanted)))
    if match is None:
        raise ScenarioError(f"{shown(value)} is not {wanted}")
    number, unit = match.groups()
    return number_in(number), unit


def _finite(number: object, value: object) -> float:
    try:
        result = float(number)  # type: ignore[arg-type]
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise ScenarioError(f"{shown(value)} is not a finite number")
    return result


def _text(value: object, wanted: str) -> str:
    if not isinstance(value, str):
        raise ScenarioError(f"{shown(value)} is not {wanted}")
    return value


def _split(value: object, wanted: str) -> tuple[float, str]:
    number, unit = quantity(value, wanted)
    if not unit:
        raise ScenarioError(f"{shown(value)} has no unit; write {wanted}")
    return number, unit
