"""Quantities as people write them: "28 days", "day 30", "1 mg", and the units of clinical reports."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from numbers import Real
from types import MappingProxyType

from testis_abm.errors import ScenarioError, nearest, shown, unknown
from testis_abm.quantities import OESTRADIOL_PMOL_L, TESTOSTERONE_NG_DL

DAYS_PER_MONTH = 30.4375
DAYS_PER_YEAR = 365.25
# A plan in days this far out is a slip of the pen.
LATEST_DAY = 36525

_NUMBER = r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)"
_QUANTITY = re.compile(_NUMBER + r"\s*(.*)", re.IGNORECASE | re.DOTALL)
_DAY = re.compile(r"(day|week|month)s?\s*" + _NUMBER, re.IGNORECASE)
_DECIMAL_COMMA = re.compile(r"\s*[+-]?\d+,\d")

_DURATIONS = {
    **dict.fromkeys(("min", "minute", "minutes"), 1 / 1440),
    **dict.fromkeys(("h", "hour", "hours"), 1 / 24),
    **dict.fromkeys(("d", "day", "days"), 1.0),
    **dict.fromkeys(("w", "week", "weeks"), 7.0),
    **dict.fromkeys(("month", "months"), DAYS_PER_MONTH),
    **dict.fromkeys(("y", "year", "years"), DAYS_PER_YEAR),
}
_DOSES: Mapping[str, Mapping[str, float]] = {
    "mg": {"mg": 1.0, "g": 1e3, "ug": 1e-3, "mcg": 1e-3},
    "IU": {"iu": 1.0, "u": 1.0, "kiu": 1e3},
}
_DOSE_UNITS = {"mg": "mg, g or ug", "IU": "IU or kIU"}

# How many of each unit's canonical unit (the one in the column name) make one of it.
_TESTOSTERONE = {"nmol/L": 1.0, "pmol/L": 1e-3, "ng/dL": 1 / TESTOSTERONE_NG_DL}
_TESTOSTERONE |= {"ng/mL": 100 / TESTOSTERONE_NG_DL, "ug/L": 100 / TESTOSTERONE_NG_DL}
_FREE = {"pmol/L": 1.0, "nmol/L": 1e3, "pg/mL": 100 / TESTOSTERONE_NG_DL, "ng/dL": 1e3 / TESTOSTERONE_NG_DL}
_OESTRADIOL = {"pmol/L": 1.0, "nmol/L": 1e3, "pg/mL": OESTRADIOL_PMOL_L, "ng/L": OESTRADIOL_PMOL_L}
_OESTRADIOL |= {"ng/mL": 1e3 * OESTRADIOL_PMOL_L}
_GONADOTROPHIN = {"IU/L": 1.0, "mIU/mL": 1.0, "U/L": 1.0}
_SPERM = {"million": 1.0, "M": 1.0}

UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "testosterone_nmol_l": _TESTOSTERONE,
        "free_testosterone_pmol_l": _FREE,
        "oestradiol_pmol_l": _OESTRADIOL,
        "lh_iu_l": _GONADOTROPHIN,
        "fsh_iu_l": _GONADOTROPHIN,
        "hcg_iu_l": _GONADOTROPHIN,
        "inhibin_b_pg_ml": {"pg/mL": 1.0, "ng/L": 1.0},
        "shbg_nmol_l": {"nmol/L": 1.0},
        "intratesticular_testosterone_nmol_l": _TESTOSTERONE,
        "intratesticular_oestradiol_nmol_l": {
            "nmol/L": 1.0,
            **{unit: factor / 1e3 for unit, factor in _OESTRADIOL.items() if unit != "nmol/L"},
        },
        "volume_ml": {"mL": 1.0},
        "concentration_million_ml": {"million/mL": 1.0, "M/mL": 1.0, "10^6/mL": 1.0},
        "total_count_million": _SPERM,
        "progressive_motility_pct": {"%": 1.0},
        "normal_forms_pct": {"%": 1.0},
        "total_motile_count_million": _SPERM,
    }
)


def parse_duration(value: object) -> float:
    """Return a length of time in days, from "28 days", "8 hours", "6 months" or a number of days.

    Raises:
        ScenarioError: it is no length of time, or below 0.
    """
    if _is_number(value):
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
    """Return a day of the plan from "day 30", "week 6", "month 3" or a number; day 0 is the end of baseline.

    Raises:
        ScenarioError: it names no day, or one beyond a century.
    """
    if _is_number(value):
        day = _finite(value, value)
    else:
        found = _DAY.fullmatch(_text(value, 'a day, such as "day 30"').strip())
        if found is None:
            raise ScenarioError(f'{shown(value)} is not a day; write "day 30" or "week 6"')
        day = float(found[2]) * {"day": 1.0, "week": 7.0, "month": DAYS_PER_MONTH}[found[1].lower()]
    if not abs(day) <= LATEST_DAY:
        raise ScenarioError(f"{shown(value)} is not within a century of the start of treatment")
    return day


def parse_dose(value: object, unit: str = "mg") -> float:
    """Return a dose in `unit` ("mg" or "IU"), from "1 mg", "250 ug" or "1.5 kIU".

    Raises:
        ScenarioError: no unit, a unit of another kind, or not above 0.
    """
    if _is_number(value):
        raise ScenarioError(f'{shown(value)} has no unit; write it as text with one: "1 {unit}"')
    number, given = _split(value, f'a dose, such as "1 {unit}"')
    known = _DOSES.get(unit, {unit.lower(): 1.0})
    if given.lower() not in known:
        units = _DOSE_UNITS.get(unit, unit)
        raise ScenarioError(f"{shown(value)}: unit {shown(given)} does not fit; the dose is in {units}")
    dose = _finite(number * known[given.lower()], value)
    if dose < 0:
        raise ScenarioError(f"{shown(value)} is negative; a dose must be above 0 {unit}")
    if dose == 0:
        raise ScenarioError(f"{shown(value)} is zero; a dose must be above 0 {unit}")
    return dose


def canonical_unit(variable: str) -> str:
    """Return the unit in which `variable` is stored, which its name ends in."""
    return next(unit for unit, factor in UNITS[variable].items() if factor == 1.0)


def parse_unit(variable: str, unit: object) -> str:
    """Return `unit` as UNITS spells it.

    Raises:
        ScenarioError: `variable` is not measured in it.
    """
    known = UNITS[variable]
    text = _ascii(_text(unit, f'a unit, such as "{canonical_unit(variable)}"'))
    for spelling in known:
        if spelling.lower() == text.lower():
            return spelling
    raise ScenarioError(f"{shown(unit)} is not a unit of {variable}; known: {', '.join(known)}")


def convert(variable: str, value: float, unit_from: str, unit_to: str) -> float:
    """Return `value` of `variable`, a column name, in another of its units.

    Testosterone 1 nmol/L = 28.84 ng/dL (1 ng/mL = 3.467 nmol/L), oestradiol 1 pg/mL = 3.67 pmol/L.

    Raises:
        ScenarioError: unknown variable, or a unit of another kind.
    """
    if variable not in UNITS:
        raise ScenarioError(unknown("variable", variable, UNITS))
    source, target = parse_unit(variable, unit_from), parse_unit(variable, unit_to)
    if source == target:
        return value
    return value * UNITS[variable][source] / UNITS[variable][target]


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


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


def _ascii(text: str) -> str:
    """Return `text` with the signs that word processors put in written plainly: minus and micro."""
    return text.strip().replace("\u2212", "-").replace("\u00b5", "u").replace("\u03bc", "u")


def _split(value: object, wanted: str) -> tuple[float, str]:
    text = _ascii(_text(value, wanted))
    found = _QUANTITY.fullmatch(text)
    if found is None:
        raise ScenarioError(f"{shown(value)} is not {wanted}")
    if _DECIMAL_COMMA.match(text):
        raise ScenarioError(f"{shown(value)} has a comma; write 1.5 and 1000, without commas")
    if not found[2]:
        raise ScenarioError(f"{shown(value)} has no unit; write {wanted}")
    return float(found[1]), found[2].strip()
