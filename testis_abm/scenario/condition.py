"""Conditions on what a laboratory measures: "oestradiol > 50 pg/mL at day 30", the rule of a dose by rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testis_abm.errors import ScenarioError, nearest, shown, written
from testis_abm.scenario.quantities import UNITS, parse_day

# Without an assay: that of the laboratory which measures (see laboratory.Laboratory.column).
_OESTRADIOL, _RATIO, _HAEMATOCRIT = "oestradiol", "testosterone_over_oestradiol", "haematocrit_pct"
_UNITS: Mapping[str, Mapping[str, float]] = {
    **UNITS,
    _OESTRADIOL: UNITS["oestradiol_pmol_l"],
    _RATIO: {"ng/dL per pg/mL": 1.0},
    _HAEMATOCRIT: {"%": 1.0},
}
# Column -> the words for it, the one that is printed first.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "testosterone_nmol_l": ("testosterone", "total testosterone"),
    "free_testosterone_pmol_l": ("free testosterone",),
    _OESTRADIOL: ("oestradiol", "estradiol", "E2"),
    _RATIO: ("T/E2", "testosterone/oestradiol", "testosterone/estradiol"),
    "lh_iu_l": ("LH", "luteinising hormone"),
    "fsh_iu_l": ("FSH", "follicle-stimulating hormone"),
    "inhibin_b_pg_ml": ("inhibin B",),
    "shbg_nmol_l": ("SHBG",),
    _HAEMATOCRIT: ("haematocrit", "hematocrit"),
    "volume_ml": ("ejaculate volume", "semen volume"),
    "concentration_million_ml": ("sperm concentration",),
    "total_count_million": ("total sperm count", "sperm count"),
    "progressive_motility_pct": ("progressive motility",),
    "normal_forms_pct": ("normal forms", "morphology"),
    "total_motile_count_million": ("total motile count", "motile count"),
}
_COLUMNS = {word.lower(): column for column, words in _WORDS.items() for word in words}
_SEMEN = frozenset(name for name in _WORDS if list(_WORDS).index(name) > list(_WORDS).index(_HAEMATOCRIT))
_OPERATORS = ("<=", ">=", "<", ">")
_JOINT = re.compile(r"\s+(and|or)\s+", re.IGNORECASE)
_CLAUSE = re.compile(
    r"(?P<quantity>[^<>=!]*?)\s*(?P<operator>[<>=!]+)\s*(?P<number>[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)"
    r"\s*(?P<unit>.*?)(?:(?:\s+|(?<=[\s\d]))at\s+(?P<day>.*))?",
    re.IGNORECASE | re.DOTALL,
)
_USAGE = 'write for example "oestradiol > 50 pg/mL at day 30"'


@dataclass(frozen=True)
class Clause:
    """One comparison.

    Attributes:
        column: what is measured, as the column of a table would be called.
        operator: one of < <= > >=.
        limit: in `unit`.
        unit: as UNITS spells it.
        day: the day of the sample that decides once; None if every dose is decided anew.
    """

    column: str
    operator: str
    limit: float
    unit: str
    day: int | None = None

    @property
    def quantity(self) -> str:
        """Return what is measured, in words."""
        return _WORDS[self.column][0]

    @property
    def in_semen(self) -> bool:
        """Return whether it takes a semen sample (else a blood sample)."""
        return self.column in _SEMEN

    def in_unit(self, value: float) -> float:
        """Return `value`, in the unit of the column, in the unit of the clause."""
        return value / _UNITS[self.column][self.unit]

    def holds(self, value: float) -> bool:
        """Return whether a measured `value`, in the unit of the clause, meets the clause."""
        above, equal = value > self.limit, value == self.limit
        return (above if self.operator[0] == ">" else value < self.limit) or (equal and "=" in self.operator)

    def __str__(self) -> str:
        """Return the clause as a scenario file would have it."""
        unit = "" if self.column == _RATIO else f" {self.unit}"
        day = "" if self.day is None else f" at day {self.day}"
        return f"{self.quantity} {self.operator} {written(self.limit)}{unit}{day}"


@dataclass(frozen=True)
class Condition:
    """One or more clauses, all of which ("and") or any of which ("or") must hold."""

    clauses: tuple[Clause, ...]
    joint: str = "and"

    @property
    def once(self) -> bool:
        """Return whether it is decided once: every clause names the day of its sample."""
        return all(clause.day is not None for clause in self.clauses)

    @property
    def days(self) -> tuple[int, ...]:
        """Return the days that its clauses name."""
        return tuple(clause.day for clause in self.clauses if clause.day is not None)

    def holds(self, met: tuple[bool, ...]) -> bool:
        """Return whether the condition holds, given which of its clauses do."""
        return all(met) if self.joint == "and" else any(met)

    def __str__(self) -> str:
        """Return the condition as a scenario file would have it."""
        return f" {self.joint} ".join(str(clause) for clause in self.clauses)


def parse_condition(value: object) -> Condition | None:
    """Return the condition that `value` spells; None stays None.

    Clauses `<quantity> <operator> <number> [unit] [at day N]` are joined by "and" or by "or", not by both. A unit may be left
    out where only one is in use.

    Raises:
        ScenarioError: it is no condition, or names no measured quantity, operator, unit or day.
    """
    if value is None or isinstance(value, Condition):
        return value
    if not isinstance(value, str) or not value.strip():
        raise ScenarioError(f"{shown(value)} is not a condition; {_USAGE}")
    # Of a run of spaces the patterns try each part, which takes minutes for a long one.
    text = " ".join(value.replace("\u2264", "<=").replace("\u2265", ">=").split())
    parts = _JOINT.split(text)
    joints = {joint.lower() for joint in parts[1::2]}
    if len(joints) > 1:
        raise ScenarioError(f'{shown(value)} mixes "and" with "or"; use one of them, or write two therapies')
    return Condition(tuple(_clause(part) for part in parts[::2]), joints.pop() if joints else "and")


def _clause(text: str) -> Clause:
    found = _CLAUSE.fullmatch(text.strip())
    if found is None:
        raise ScenarioError(f"{shown(text)} is not a comparison with a number; {_USAGE}")
    column = _column(found["quantity"])
    if found["operator"] not in _OPERATORS:
        raise ScenarioError(
            f"{shown(text)}: {shown(found['operator'])} is not a comparison that a measurement can meet; "
            f"use one of {', '.join(_OPERATORS)}"
        )
    limit = float(found["number"])
    if limit < 0 or limit > 1e12:
        raise ScenarioError(f"{shown(text)}: {shown(limit)} is out of range; a measured value is 0 or more")
    return Clause(
        column, found["operator"], limit, _unit(column, found["unit"].strip(), text), _day(found["day"], text)
    )


def _column(quantity: str) -> str:
    name = " ".join(quantity.split())
    if name.lower() in _COLUMNS:
        return _COLUMNS[name.lower()]
    spelled = {word: word for words in _WORDS.values() for word in words}
    guess = nearest(name, spelled)
    hint = f'nearest: "{guess}"' if guess else "measured are: " + ", ".join(words[0] for words in _WORDS.values())
    raise ScenarioError(f"{shown(name)}: a condition that names no measured quantity; {hint}")


def _unit(column: str, unit: str, text: str) -> str:
    known = _UNITS[column]
    if unit:
        plain = unit.replace("\u00b5", "u").replace("\u03bc", "u").lower()
        for spelling in known:
            if spelling.lower() == plain:
                return spelling
        guess = nearest(unit, known)
        hint = f'nearest: "{guess}"' if guess and len(known) > 3 else f"known: {', '.join(known)}"
        raise ScenarioError(f"{shown(text)}: unit {shown(unit)} is not one of {_WORDS[column][0]}; {hint}")
    if len(set(known.values())) > 1:
        raise ScenarioError(f"{shown(text)}: the limit has no unit; write one of {', '.join(known)}")
    return next(iter(known))


def _day(text: str | None, clause: str) -> int | None:
    if text is None:
        return None
    try:
        day = parse_day(text.strip())
    except ScenarioError as error:
        raise ScenarioError(f"{shown(clause)}: {error}") from None
    if not day.is_integer():
        raise ScenarioError(f"{shown(clause)}: day {day:g} is not a whole day; a sample is taken on one")
    return int(day)
