"""Conditions on a man and what is measured of him: "oestradiol > 50 pg/mL at day 30", "BMI > 25 and T/LH < 100".

One grammar for doses that depend on a measurement and for the criteria of a screening; what each can be asked is in
PLACES.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from testis_abm.quantities import DEFAULT_ASSAY, OESTRADIOL, QUANTITIES, RATIO, SI, Quantity, unit_system
from testis_abm.scenario.amounts import NUMBER, number_in, parse_day, plain, spelled
from testis_abm.support.errors import ScenarioError, nearest, shown, written

# Without an assay: those of the laboratory which measures (see laboratory.Laboratory.column).
OESTRADIOL_OF_ASSAY, RATIO_OF_ASSAY = "oestradiol", "testosterone_over_oestradiol"
_ANY_ASSAY = {OESTRADIOL_OF_ASSAY: OESTRADIOL[DEFAULT_ASSAY], RATIO_OF_ASSAY: RATIO[DEFAULT_ASSAY]}
_OF_AN_ASSAY = (*OESTRADIOL.values(), *RATIO.values())
_SAMPLED = [
    row.column
    for row in QUANTITIES.values()
    if row.sample in ("blood", "semen") and row.column not in (*_OF_AN_ASSAY, "hcg_iu_l")
]
# In the order in which a message lists them: what most conditions ask goes first.
_MEASURED = (*_SAMPLED[:2], *_ANY_ASSAY, *_SAMPLED[2:], "bmi", "age", *_OF_AN_ASSAY)


def _row(column: str) -> Quantity:
    return QUANTITIES[_ANY_ASSAY.get(column, column)]


# Column -> the words for it, the one that is printed first.
_WORDS: Mapping[str, tuple[str, ...]] = {
    **{column: (_row(column).label, *_row(column).words) for column in _MEASURED},
    OESTRADIOL_OF_ASSAY: ("oestradiol", "estradiol", "E2"),
    RATIO_OF_ASSAY: ("T/E2", "testosterone/oestradiol", "testosterone/estradiol"),
}
_COLUMNS = {word.lower(): column for column, words in _WORDS.items() for word in words}
# Where a condition is asked -> what it is called there, and what is not known there.
PLACES: Mapping[str, tuple[str, frozenset[str]]] = {
    "dose": ("when a dose is decided", frozenset({"bmi", "age"})),
    "visit": ("at a screening visit", frozenset({"haematocrit_pct"})),
}
_OPERATORS = ("<=", ">=", "<", ">")
_JOINT = re.compile(r" (and|or) ", re.IGNORECASE)
_CLAUSE = re.compile(
    rf"(?P<quantity>[^<>=!]*)(?P<operator>[<>=!]+) ?(?P<number>{NUMBER}) ?(?P<unit>.*?)"
    r"(?:(?: |(?<=[ 0-9]))at (?P<day>.*))?",
    re.IGNORECASE,
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
        day: the day of the sample that decides once; None if every dose is decided again.
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
        return _row(self.column).sample == "semen"

    def in_unit(self, value: float) -> float:
        """Return `value`, in the unit of the column, in the unit of the clause."""
        return value / _row(self.column).units[self.unit]

    def holds(self, value: float) -> bool:
        """Return whether a measured `value`, in the unit of the clause, meets the clause."""
        above, equal = value > self.limit, value == self.limit
        return (above if self.operator[0] == ">" else value < self.limit) or (equal and "=" in self.operator)

    @property
    def reported_unit(self) -> str:
        """Return the unit in which reports have it: as written, or under SI units that of the quantity there."""
        return _row(self.column).si[0] if unit_system() == SI else self.unit

    def reported(self, value: float) -> float:
        """Return a value in the unit of the clause in `reported_unit`."""
        row = _row(self.column)
        return value if self.reported_unit == self.unit else value * row.units[self.unit] * row.si[1]

    @property
    def told(self) -> str:
        """Return the clause as reports have it."""
        if self.reported_unit == self.unit:
            return str(self)
        day = "" if self.day is None else f" at day {self.day}"
        return f"{self.quantity} {self.operator} {self.reported(self.limit):.3g} {self.reported_unit}{day}"

    def __str__(self) -> str:
        """Return the clause as a scenario file would have it."""
        unit = "" if " per " in self.unit else f" {self.unit}"  # that of a ratio goes without saying
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

    @property
    def told(self) -> str:
        """Return the condition as reports have it."""
        return f" {self.joint} ".join(clause.told for clause in self.clauses)

    def __str__(self) -> str:
        """Return the condition as a scenario file would have it."""
        return f" {self.joint} ".join(str(clause) for clause in self.clauses)


def parse_condition(value: object, place: str = "dose") -> Condition | None:
    """Return the condition that `value` spells; None stays None.

    Clauses `<quantity> <operator> <number> [unit] [at day N]` are joined by "and" or by "or", not by both. A unit may
    be left out where only one is in use.

    Args:
        value: text, or a condition that is one already.
        place: of PLACES, where it will be asked.

    Raises:
        ScenarioError: it is no condition, or names no quantity that is known there, or no operator, unit or day.
    """
    if value is None:
        return None
    condition = value if isinstance(value, Condition) else _parsed(value, place)
    where, unknown_there = PLACES[place]
    for clause in condition.clauses:
        if clause.column in unknown_there:
            known = ", ".join(words[0] for column, words in _WORDS.items() if column not in unknown_there)
            raise ScenarioError(f"{clause.quantity} is not measured {where}; measured there: {known}")
    return condition


def _parsed(value: object, place: str) -> Condition:
    if not isinstance(value, str) or not value.strip():
        raise ScenarioError(f"{shown(value)} is not a condition; {_USAGE}")
    parts = _JOINT.split(plain(value))
    joints = {joint.lower() for joint in parts[1::2]}
    if len(joints) > 1:
        raise ScenarioError(f'{shown(value)} mixes "and" with "or"; use one of them, or write two therapies')
    return Condition(tuple(_clause(part, place) for part in parts[::2]), joints.pop() if joints else "and")


def _clause(text: str, place: str) -> Clause:
    match = _CLAUSE.fullmatch(text)
    if match is None:
        raise ScenarioError(f"{shown(text)} is not a comparison with a number; {_USAGE}")
    column, operator = _column(match["quantity"], place), match["operator"]
    if operator not in _OPERATORS:
        raise ScenarioError(
            f"{shown(text)}: {shown(operator)} is not a comparison that a measurement can meet; "
            f"use one of {', '.join(_OPERATORS)}"
        )
    limit = number_in(match["number"])
    if limit < 0 or limit > 1e12:
        raise ScenarioError(f"{shown(text)}: {shown(limit)} is out of range; a measured value is 0 or more")
    return Clause(column, operator, limit, _unit(column, match["unit"].strip(), text), _day(match["day"], text))


def _column(quantity: str, place: str) -> str:
    name = quantity.strip()
    if name.lower() in _COLUMNS:
        return _COLUMNS[name.lower()]
    guess = nearest(name, [word for words in _WORDS.values() for word in words])
    known = ", ".join(words[0] for column, words in _WORDS.items() if column not in PLACES[place][1])
    hint = f'nearest: "{guess}"' if guess else f"measured are: {known}"
    raise ScenarioError(f"{shown(name)}: a condition that names no measured quantity; {hint}")


def _unit(column: str, unit: str, text: str) -> str:
    known = _row(column).units
    if unit:
        if spelling := spelled(unit, known):
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
