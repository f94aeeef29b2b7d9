"""Tables of men as clinics keep them: what each column means, in which unit, and the men with their reports.

A plan says how every column was read before anything is made of it. What headings are called is in words.toml, single
values are read by given.py, quantities and their units are those of quantities.py. A unit is never guessed in silence:
where neither heading, units row nor cells give one, it is taken from the values only if a single known unit makes all
of them plausible, and the plan says so.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.population.cells import (
    day_of,
    day_order,
    decimal_signs,
    number_of,
    prescription_of,
    since_of,
    unit_of_cell,
    value_of,
    with_point,
)
from testis_abm.population.given import as_number, labs
from testis_abm.population.headings import (
    Meaning,
    folded,
    has_units,
    lists,
    meanings,
    plain_words,
    understood,
    unit_within,
)
from testis_abm.population.table_file import Fault, Grid, as_text, read
from testis_abm.quantities import GIVEN, KNOWN, MEASURES, Censored
from testis_abm.results.shown import Shown
from testis_abm.scenario.amounts import NUMBER, parse_duration, plain
from testis_abm.support.errors import ScenarioError, nearest, printable, shown

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS_WITHIN = 40  # rows in which the headings are looked for
_AGREES = 0.05  # relative: two columns of one meaning, a count and concentration times volume (rounding)
_CONTRADICTS = 1.25  # times: a total count and what concentration times volume give
_APART = {"age": 1.5, "bmi": 5.0}  # years, kg/m2: more than what one man's visits of a day may differ by
_FEW = 3  # values from which a unit may be inferred
IGNORED = "ignore"
_SPEC = '--column "HEADING=meaning:unit", for example --column "Testo=t:nmol/L", or "HEADING=ignore"'


@dataclass
class Column:
    """How a column was read.

    Attributes:
        number: in the file, from 1; heading: as it stands there.
        meaning: its name, "" where it was not understood; unit: in which it is written; said: where the unit stands.
        kept_in: unit of the twin; factor: of those in one of `unit`.
        use: what becomes of it: "used", "read, not used", "left out" (with a fault) or "not understood".
        note: what else is to be said.
        values, missing, censored: how many; low, high: of the values, in `kept_in`; first: as they are written.
    """

    number: int
    heading: str
    meaning: str = ""
    unit: str = ""
    said: str = ""
    kept_in: str = ""
    factor: float = 1.0
    use: str = "not understood"
    note: str = ""
    values: int = 0
    missing: int = 0
    censored: int = 0
    low: float = np.nan
    high: float = np.nan
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class Visit:
    """What was reported of a man on one day.

    Attributes:
        row: of the file; date: None where there is none.
        values: name of quantities.GIVEN -> value in the unit of the twin.
        besides: what was read and is not used, in the units of words.toml (total_motility %).
        on: what he was given then, tables of therapies (prescription.parse_prescription); none untreated.
        days_on: days since that began, None if they are not known.
    """

    row: int
    date: date | None
    values: Mapping[str, float | Censored]
    besides: Mapping[str, float | Censored] = field(default_factory=dict)
    on: tuple[Mapping[str, Any], ...] = ()
    days_on: float | None = None


@dataclass(frozen=True)
class Patient:
    """A man of a table: his identifier and visits in the order of their dates."""

    name: str
    visits: tuple[Visit, ...]


@dataclass(frozen=True)
class Table(Shown):
    """A table of men as it was read.

    Attributes:
        grid: its cells; heading: row of the file in which the headings stand.
        columns: how each was read; men: those with at least one value; faults: all that was found and not used.
        skipped: rows that are no man: kind -> how many.
    """

    grid: Grid = field(repr=False)
    heading: int
    columns: tuple[Column, ...]
    men: tuple[Patient, ...]
    faults: tuple[Fault, ...]
    skipped: Mapping[str, int]

    def __repr__(self) -> str:
        return f"<Table {self.grid.source!r}: {len(self.men):,} men, {len(self.faults):,} faults; print(_)>"

    def man(self, name: str) -> Patient:
        """Return the man of an identifier.

        Raises:
            ScenarioError: there is none.
        """
        found = next((man for man in self.men if man.name == str(name).strip()), None)
        if found is None:
            names = [man.name for man in self.men]
            near = nearest(name, names)
            hint = (
                f'nearest: "{near}"'
                if near
                else f"known: {', '.join(names[:20])}" + (" ..." if len(names) > 20 else "")
            )
            raise ScenarioError(f"{shown(name)} is no man of {self.grid.source}; {hint}")
        return found

    def plan(self) -> pd.DataFrame:
        """Return how each column was read, a row a column."""
        import pandas as pd

        rows = [vars(column) | {"first": "; ".join(column.first)} for column in self.columns]
        return pd.DataFrame(rows, columns=[*Column.__dataclass_fields__])

    def fault_table(self) -> pd.DataFrame:
        """Return what was found and not used, a row a fault."""
        import pandas as pd

        return pd.DataFrame([vars(fault) for fault in self.faults], columns=[*Fault.__dataclass_fields__])

    def values(self) -> pd.DataFrame:
        """Return what was read, a row a visit: man, row, date, treatment, and each value as text in the twin's unit."""
        import pandas as pd

        rows = []
        for man in self.men:
            for visit in man.visits:
                said = {"man": man.name, "row": visit.row, "date": visit.date.isoformat() if visit.date else ""}
                said |= {"on": "; ".join(map(_said, visit.on)), "days_on": visit.days_on}
                rows.append(said | {name: str(value) for name, value in {**visit.values, **visit.besides}.items()})
        return pd.DataFrame(rows)

    def text(self) -> str:
        """Return the plan, what was not understood, the faults and the counts."""
        from testis_abm.population.report import table_plan

        return table_plan(self)


def _said(therapy: Mapping[str, Any]) -> str:
    return " ".join(str(therapy[key]) for key in ("drug", "dose", "every") if key in therapy)


def read_table(
    path: str | Path, *, columns: Sequence[str] = (), sheet: str = "", decimal: str = "", header: int = 0
) -> Table:
    """Read a table of men.

    Args:
        path: CSV text or .xlsx (table_file.read).
        columns: what columns mean where their headings do not say: "HEADING=meaning", "HEADING=meaning:unit",
            "#7=ignore" (the seventh column).
        sheet: of an Excel file.
        decimal: "comma" or "point" (default: as the file shows).
        header: row in which the headings stand (default: the one with most words that are known).

    Raises:
        ScenarioError: it is no table of men, or an argument is none.
    """
    return table_of(read(path, sheet), columns=columns, decimal=decimal, header=header)


def table_of(grid: Grid, *, columns: Sequence[str] = (), decimal: str = "", header: int = 0) -> Table:
    """Read a table of men from its cells, which stay as they are (see read_table).

    Raises:
        ScenarioError: as read_table.
    """
    if decimal not in ("", "comma", "point"):
        raise ScenarioError(f'decimal: {shown(decimal)} is not "comma" or "point"')
    return _Reader(grid, _specs(columns), decimal, header).table()


def _specs(columns: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Return folded heading or "#number" -> (meaning, unit)."""
    found = {}
    for text in [columns] if isinstance(columns, str) else columns:
        heading, equals, rest = str(text).rpartition("=")
        name, _, unit = rest.strip().partition(":")
        name = name.strip()
        if not equals or not heading.strip():
            raise ScenarioError(f"column {shown(text)}: write {_SPEC}")
        if name != IGNORED and (name not in meanings() or meanings()[name].either):
            known = [own for own, meaning in meanings().items() if not meaning.either]
            near = nearest(name, known)
            hint = f'nearest: "{near}"; ' if near else ""
            raise ScenarioError(
                f"column {shown(text)}: {shown(name)} is no meaning; {hint}known: {', '.join(known)}, {IGNORED}"
            )
        if unit.strip() and meanings()[name].unit_named(unit.strip()) is None:
            raise ScenarioError(
                f"column {shown(text)}: {shown(unit.strip())} is not a unit of {name}; known: {', '.join(meanings()[name].units) or 'none'}"
            )
        found[folded(heading)] = name, unit.strip()
    return found


class _Reader:
    """Reads a grid into men, column by column and then row by row."""

    def __init__(self, grid: Grid, specs: dict[str, tuple[str, str]], decimal: str, header: int) -> None:
        self.grid, self.specs, self.decimal = grid, specs, decimal
        self.faults: list[Fault] = []
        self.skipped: Counter[str] = Counter()
        self.heading = self._headings(header)
        above = self._group(self.heading)
        own = grid.rows[self.heading]
        self.columns = [self._column(k, as_text(cell), above[k]) for k, cell in enumerate(own)]
        wrong = [name for name in specs if name not in self._named()]
        if wrong:
            known = [column.heading for column in self.columns if column.heading]
            raise ScenarioError(
                f"column {shown(wrong[0])}: {grid.source} has no such heading; known: {', '.join(map(shown, known))}"
            )
        self.first = self.heading + 1
        self._units_row()
        self.rows = self._rows()
        self.cells = {
            column.number: [as_text(grid.rows[k][column.number - 1]) for k in self.rows] for column in self.columns
        }
        typed = {n: [isinstance(grid.rows[k][n - 1], float) for k in self.rows] for n in self.cells}
        self._readable()
        self._canonical(typed)
        for column in self.columns:
            self._unit(column)
        self._duplicates()

    # ---- headings

    def _named(self) -> set[str]:
        return {name for column in self.columns for name in (folded(column.heading), f"#{column.number}")}

    def _headings(self, header: int) -> int:
        """Return the place of the row of headings in the grid."""
        grid = self.grid
        if header:
            if header not in grid.numbers:
                raise ScenarioError(
                    f"header: {grid.source} has no row {header}; it has {grid.numbers[0]} to {grid.numbers[-1]}"
                )
            return grid.numbers.index(header)
        best, most = -1, 0
        for k, row in enumerate(grid.rows[:_HEADINGS_WITHIN]):
            above = self._group(k)
            texts = [as_text(cell) if isinstance(cell, str) else "" for cell in row]
            known = {self._meant(j, text, above[j])[0] for j, text in enumerate(texts) if text and len(text) < 120} - {
                ""
            }
            if len(known) > most:
                best, most = k, len(known)
        if most == 0:
            texts = [as_text(cell) for row in grid.rows[:1] for cell in row if cell is not None]
            raise ScenarioError(
                f"{grid.source}: no heading was understood in its first {_HEADINGS_WITHIN} rows (first row: "
                f"{', '.join(map(shown, texts[:8]))}); say what columns mean: {_SPEC}, with --header ROW"
            )
        self.skipped["rows above the headings"] += sum(
            any(cell is not None for cell in row) for row in grid.rows[:best]
        )
        return best

    def _group(self, k: int) -> list[str]:
        """Return what a row of merged headings above row `k` says of each column, "" where there is none."""
        width = len(self.grid.rows[k])
        if k == 0:
            return [""] * width
        above, current, filled = self.grid.rows[k - 1], "", []
        for cell in above:
            current = as_text(cell) or current
            filled.append(current)
        few = sum(cell is not None for cell in above)
        return filled if few > 1 or (few == 1 and above[0] is None) else [""] * width

    def _meant(self, k: int, heading: str, above: str = "") -> tuple[str, str]:
        """Return meaning and unit that a heading has, "" each where it has none."""
        for name in (folded(heading), f"#{k + 1}"):
            if name in self.specs:
                meant, unit = self.specs[name]
                return meant, unit or (unit_within(heading, [meant])[1] if meant != IGNORED else "")
        for text in filter(
            None, (heading, f"{above} {heading}" if above and heading else "", above if not heading else "")
        ):
            found = understood(text)
            if found[0]:
                return found
        return "", ""

    def _column(self, k: int, heading: str, above: str) -> Column:
        name, unit = self._meant(k, heading, above)
        column = Column(k + 1, heading or above, name, unit, "heading" if unit else "")
        if (folded(heading) in self.specs or f"#{k + 1}" in self.specs) and name != IGNORED:
            column.said = "as said" if unit else ""
            column.note = "as said by --column"
        return column

    def _units_row(self) -> None:
        """Read a row of units below the headings, if there is one."""
        place = self.heading + 1
        if place >= len(self.grid.rows):
            return
        cells = [as_text(cell) for cell in self.grid.rows[place]]
        found = {}
        for column, cell in zip(self.columns, cells, strict=True):
            text = cell.strip("[]() ")
            if not text or not re.search(r"[^\d.,\s-]", text) or re.match(NUMBER + r"\s", text):
                continue
            among = [meanings()[column.meaning]] if column.meaning in meanings() else []
            among = [meanings()[name] for own in among for name in (own.either or (own.name,))]
            if any(own.unit_named(text) for own in among):
                found[column.number] = text
        measured = [column for column in self.columns if column.meaning in meanings() and has_units(column.meaning)]
        filled = [cell for column, cell in zip(self.columns, cells, strict=True) if column in measured and cell]
        if found and len(found) >= 0.5 * len(filled):
            for column in self.columns:
                if column.number in found and not column.unit:
                    column.unit, column.said = found[column.number], "units row"
            self.first = place + 1

    def _rows(self) -> list[int]:
        """Return the places of rows of men; what other rows are is counted, and named where it holds anything."""
        measured = [column.number - 1 for column in self.columns if column.meaning and column.meaning != IGNORED]
        identifier = next((column.number - 1 for column in self.columns if column.meaning in ("id", "name")), None)
        kept = []
        for k in range(self.first, len(self.grid.rows)):
            row = self.grid.rows[k]
            filled = [j for j, cell in enumerate(row) if cell is not None]
            if not filled:
                self.skipped["empty rows"] += 1
                continue
            first = as_text(row[filled[0]])
            same = [as_text(cell) for cell in row] == [as_text(cell) for cell in self.grid.rows[self.heading]]
            alone = len(filled) == 1 and len(measured) > 1
            if same or first.startswith(("#", "//", "*")) or plain_words(first) in lists()["summary"] or alone:
                if (
                    alone
                    and identifier == filled[0]
                    and len(first) < 40
                    and not first.startswith(("#", "*"))
                    and " " not in first
                ):
                    self.skipped["rows of men without a value"] += 1
                    self.faults.append(Fault(self.grid.numbers[k], "", first, "at least one value", "left out", first))
                    continue
                what = "headings again" if same else first
                self.skipped["rows that are no man"] += 1
                self.faults.append(
                    Fault(self.grid.numbers[k], "", what, "a man", "left out: a note or a summary, no man")
                )
                continue
            kept.append(k)
        if not kept:
            raise ScenarioError(
                f"{self.grid.source}: has headings (row {self.grid.numbers[self.heading]}) and no row of a man below them"
            )
        return kept

    def _readable(self) -> None:
        """Name and blank cells that no value is read from: too long, or in digits of another script."""
        for column in self.columns:
            if column.meaning not in meanings() or column.meaning in ("id", "name"):
                continue
            for k, text in enumerate(self.cells[column.number]):
                try:
                    plain(text)
                except ScenarioError as error:
                    self._fault(k, column, text, str(error))
                    self.cells[column.number][k] = ""

    # ---- decimal signs

    def _canonical(self, typed: Mapping[int, list[bool]]) -> None:
        """Rewrite numbers in text with a decimal point."""
        measured = [column for column in self.columns if column.meaning in meanings() and has_units(column.meaning)]
        seen = {
            column.number: decimal_signs(
                text for text, is_number in zip(self.cells[column.number], typed[column.number]) if not is_number
            )
            for column in measured
        }
        commas, points = (any(sign[k] for sign in seen.values()) for k in (0, 1))
        for column in measured:
            comma, point, unclear = seen[column.number]
            if self.decimal:
                comma, point = self.decimal == "comma", self.decimal == "point"
            elif not comma and not point:
                comma, point = commas and not points, points and not commas
            for k, text in enumerate(self.cells[column.number]):
                if typed[column.number][k] or not text:
                    continue
                try:
                    self.cells[column.number][k] = with_point(text, comma, point)
                except ScenarioError as error:
                    self._fault(k, column, text, str(error))
                    self.cells[column.number][k] = ""
            if unclear and comma != point:
                column.note = _joined(column.note, f"{'commas' if comma else 'points'} are decimal signs")

    # ---- units

    def _unit(self, column: Column) -> None:
        """Settle meaning and unit of a column."""
        if column.meaning == IGNORED:
            column.use, column.note = "ignored", "as said by --column"
            return
        if not column.meaning:
            if column.heading or any(self.cells[column.number]):
                self._refuse(column, self._suggest(column), use="not understood")
            return
        own = meanings()[column.meaning]
        if own.either:
            self._either(column, own)
            if column.use == "left out":
                return
            own = meanings()[column.meaning]
        if not own.units:
            column.use = "used"
            return
        column.kept_in = own.unit
        written = {unit for text in self.cells[column.number] if (unit := unit_of_cell(text))}
        if column.unit:
            known = own.unit_named(column.unit)
            if known is None:
                self._refuse(column, f"{shown(column.unit)} is not a unit of {own.name}; known: {', '.join(own.units)}")
                return
            column.unit, column.factor = known, own.kept(known)
            if column.said != "as said":
                self._check_usual(column, own)
        elif (
            written
            and all(own.unit_named(unit) for unit in written)
            and all(unit_of_cell(text) for text in self.cells[column.number] if number_of(text))
        ):
            column.said, column.unit = "cells", " or ".join(sorted(written))
            column.factor = own.kept(str(own.unit_named(next(iter(written))))) if len(written) == 1 else np.nan
        else:
            self._infer(column, own)
        if column.use != "left out":
            column.use = "used" if column.meaning in GIVEN or column.meaning in _HELPERS else "read, not used"

    def _numbers(self, column: Column) -> np.ndarray:
        values = [number_of(text) for text in self.cells[column.number]]
        return np.array([value for value in values if value is not None], dtype=float)

    def _fits(self, numbers: np.ndarray, own: Meaning, unit: str) -> bool:
        """Return whether all values would be plausible in a unit, and their median a usual one."""
        low, high = (GIVEN[own.name].low, GIVEN[own.name].high) if own.name in GIVEN else own.allowed
        kept = numbers * own.kept(unit)
        some = kept[kept > 0.0]
        if not len(some) or not np.all((kept <= high) & ((kept >= low) | (kept == 0.0))):
            return False
        return bool(own.usual[0] <= np.median(some) <= own.usual[1])

    def _infer(self, column: Column, own: Meaning) -> None:
        """Take the unit from the values, if a single known one makes all of them plausible."""
        numbers = self._numbers(column)
        factors = {own.kept(unit): unit for unit in reversed([*own.units])}
        choices = ", ".join(own.units)
        how = f'say it: --column "{column.heading}={own.name}:{next(iter(own.units))}"'
        if len(factors) == 1:
            column.unit, column.said, column.factor = own.unit, "the only one known", 1.0
            return
        fitting = [
            (factor, unit) for factor, unit in factors.items() if len(numbers) and self._fits(numbers, own, unit)
        ]
        if len(numbers) < _FEW:
            self._refuse(
                column, f"no unit is given, and {len(numbers)} values are too few to tell it; {how} ({choices})"
            )
        elif len(fitting) == 1:
            column.factor, column.unit = fitting[0]
            column.said = "inferred"
            column.note = _joined(
                column.note, f"unit inferred: only in {column.unit} are all values plausible; if it is another, {how}"
            )
        else:
            found = f"values fit {' and '.join(unit for _, unit in fitting)}" if fitting else "values fit no known unit"
            self._refuse(
                column, f"no unit is given, and {found} ({numbers.min():g} to {numbers.max():g}); {how} ({choices})"
            )

    def _check_usual(self, column: Column, own: Meaning) -> None:
        numbers = self._numbers(column)
        if len(numbers) >= _FEW and not self._fits(numbers, own, column.unit):
            others = [unit for unit in dict.fromkeys(own.units) if self._fits(numbers, own, unit)]
            if others:
                column.note = _joined(
                    column.note, f"check the unit: values look unlike {column.unit} and like {' or '.join(others[:3])}"
                )

    def _either(self, column: Column, own: Meaning) -> None:
        """Choose among meanings that a heading does not tell apart, by its unit; refuse it if that does not tell."""
        able = [name for name in own.either if column.unit and meanings()[name].unit_named(column.unit)]
        if not column.unit:
            written = {unit for text in self.cells[column.number] if (unit := unit_of_cell(text))}
            able = [
                name for name in own.either if written and all(meanings()[name].unit_named(unit) for unit in written)
            ]
        if len(able) == 1:
            column.meaning = able[0]
            return
        choices = " or ".join(f'--column "{column.heading}={name}"' for name in own.either)
        self._refuse(column, f"may mean {' or '.join(own.either)}; say which: {choices}")

    def _suggest(self, column: Column) -> str:
        words = {word: name for name, own in meanings().items() for word in own.words}
        near = nearest(plain_words(column.heading), words)
        hint = (
            f'; nearest: {words[near]}, said by --column "{column.heading}={words[near]}"'
            if near and column.heading
            else ""
        )
        return f"is no heading that is known{hint}"

    def _duplicates(self) -> None:
        """Use the first of two columns of one meaning where they agree; refuse both where they do not."""
        by: dict[str, list[Column]] = {}
        for column in self.columns:
            if column.use in ("used", "read, not used"):
                by.setdefault(column.meaning, []).append(column)
        for meaning, several in by.items():
            first, *others = several
            for other in others:
                if self._agree(first, other):
                    other.use, other.note = "read, not used", f"agrees with column {first.number}, which is used"
                elif meaning in ("id", "name"):
                    other.use, other.note = "read, not used", f"column {first.number} identifies the men"
                else:
                    where = f"columns {first.number} and {other.number} both mean {meaning} and differ"
                    how = f'say which: --column "#{other.number}={IGNORED}" or --column "#{first.number}={IGNORED}"'
                    for column in (first, other):
                        if column.use != "left out":
                            self._refuse(column, f"{where}; {how}")

    def _agree(self, one: Column, other: Column) -> bool:
        if not meanings()[one.meaning].units:
            return self.cells[one.number] == self.cells[other.number]
        a, b = ([number_of(text) for text in self.cells[column.number]] for column in (one, other))
        both = [(x * one.factor, y * other.factor) for x, y in zip(a, b) if x is not None and y is not None]
        sole = any(x is None and y is not None for x, y in zip(a, b))
        return bool(both) and not sole and all(abs(x - y) <= _AGREES * max(abs(x), abs(y)) + 1e-9 for x, y in both)

    def _refuse(self, column: Column, why: str, use: str = "left out") -> None:
        column.use, column.note = use, why
        values = sum(bool(text) for text in self.cells[column.number])
        done = f"left out with its {values:,} values" if values else "left out"
        self.faults.append(Fault(0, column.heading or f"#{column.number}", column.heading, why, done))

    def _fault(self, k: int, column: Column, found: str, expected: str, done: str = "left out") -> None:
        self.faults.append(Fault(self.grid.numbers[self.rows[k]], column.heading, found, expected, done, self._name(k)))

    # ---- rows

    @cached_property
    def _by(self) -> dict[str, Column]:
        return {
            column.meaning: column
            for column in reversed(self.columns)
            if column.use in ("used", "read, not used")
            and "agrees" not in column.note
            and "identifies" not in column.note
        }

    def _name(self, k: int) -> str:
        # Of faults before it is settled what becomes of columns, too.
        for meaning in ("id", "name"):
            column = next((column for column in self.columns if column.meaning == meaning), None)
            if column is not None and self.cells[column.number][k]:
                return printable(self.cells[column.number][k])
        return f"row {self.grid.numbers[self.rows[k]]}"

    def table(self) -> Table:
        """Return the men."""
        dates: dict[str, list[Any]] = {
            name: self._dates(self._by[name]) for name in ("visit_date", "birth_date", "since") if name in self._by
        }
        if "id" in self._by and "name" in self._by:
            self._by["name"].use, self._by["name"].note = "read, not used", "the identifier tells men apart"
        self.read: dict[str, list[Any]] = {
            name: self._values(column) for name, column in self._by.items() if meanings()[name].units
        }
        for name in ("id", "name", "treatment", "drug", "dose", "often"):
            if name in self._by:
                self._count(self._by[name], [text or None for text in self.cells[self._by[name].number]])
        found: dict[str, list[tuple[Visit, int]]] = {}
        identified = "id" in self._by or "name" in self._by
        for k in range(len(self.rows)):
            visit = self._visit(k, dates)
            if visit is not None:
                found.setdefault(self._name(k), []).append((visit, k))
        visits = {name: self._each_once(name, several) for name, several in found.items()}
        if identified and "visit_date" not in self._by:
            for name, several in visits.items():
                if len(several) > 1:
                    rows = ", ".join(str(visit.row) for visit in several)
                    text = "counted as visits of one man, in the order of the rows, as untreated or treated as they say"
                    self.faults.append(
                        Fault(several[1].row, "", f"{name} again (rows {rows})", "a date of each visit", text, name)
                    )
        men = tuple(
            Patient(name, tuple(sorted(several, key=lambda visit: (visit.date or date.min, visit.row))))
            for name, several in visits.items()
        )
        if not men:
            faults = "; ".join(f"{fault.column}: {fault.expected}" for fault in self.faults[:3])
            raise ScenarioError(
                f"{self.grid.source}: no man has a value that can be used ({faults or 'no column of values'})"
            )
        at = {f"column {column.number}": column.heading for column in self.columns}
        whose = {self.grid.numbers[place]: self._name(k) for k, place in enumerate(self.rows)}
        cells = [
            replace(fault, column=at.get(fault.column) or fault.column, man=whose.get(fault.row, ""))
            for fault in self.grid.faults
        ]
        faults_in_order = sorted([*cells, *self.faults], key=lambda fault: fault.row)
        heading = self.grid.numbers[self.heading]
        # What a file holds reaches nobody's terminal as it stands: its signs may move the cursor.
        return Table(
            self.grid,
            heading,
            tuple(map(_printed, self.columns)),
            men,
            tuple(map(_printed, faults_in_order)),
            dict(self.skipped),
        )

    def _each_once(self, name: str, visits: Iterable[tuple[Visit, int]]) -> list[Visit]:
        """Return the visits of a man, each with its place in the rows, without those that stand there twice.

        Those of one day that contradict each other are noted.
        """
        kept: list[Visit] = []
        of_day: dict[date, Visit] = {}
        seen: dict[str, Visit] = {}
        for visit, k in visits:
            # Without a date only a row that is the same in every cell is the same visit.
            key = repr((replace(visit, row=0), self.grid.rows[self.rows[k]] if visit.date is None else None))
            same = seen.setdefault(key, visit)
            if same is not visit:
                self.skipped["rows that stand there twice"] += 1
                what, done = f"the same as row {same.row}", "left out: counted once"
                self.faults.append(Fault(visit.row, "", what, "each visit once", done, name))
                continue
            kept.append(visit)
            if visit.date is None:
                continue
            first = of_day.setdefault(visit.date, visit)
            for which, apart in _APART.items():
                here, there = (as_number(of.values[which]) if which in of.values else np.nan for of in (visit, first))
                if abs(here - there) > apart:
                    text = f"one {which} on one day; {there:.3g} in row {first.row}"
                    self.faults.append(
                        Fault(visit.row, which, f"{here:.3g}", text, "both are used; look at both rows", name)
                    )
        return kept

    def _count(self, column: Column, values: Sequence[Any]) -> None:
        there = [value for value in values if value is not None]
        column.values, column.missing = len(there), len(values) - len(there)
        column.censored = sum(isinstance(value, Censored) for value in there)
        numbers = [value for value in there if isinstance(value, float)]
        if numbers:
            column.low, column.high = min(numbers), max(numbers)
        written = [text for text, value in zip(self.cells[column.number], values) if value is not None]
        column.first = tuple(written[:3])

    def _values(self, column: Column) -> list[float | Censored | None]:
        """Return the values of a column in the unit of the twin."""
        own = meanings()[column.meaning]
        found: list[float | Censored | None] = []
        for k, text in enumerate(self.cells[column.number]):
            try:
                found.append(value_of(text, column.unit, own))
            except ScenarioError as error:
                self._fault(k, column, text, str(error).removeprefix(f"{own.name}: "))
                found.append(None)
        self._count(column, found)
        return found

    def _dates(self, column: Column) -> list[date | float | None]:
        """Return the days of a column; of `since` a length of time too, in days."""
        texts = self.cells[column.number]
        order = day_order(texts)
        found: list[date | float | None] = []
        for k, text in enumerate(texts):
            cell = self.grid.rows[self.rows[k]][column.number - 1]
            try:
                if isinstance(cell, date):
                    found.append(cell)
                elif not text or folded(text) in lists()["missing"]:
                    found.append(None)
                elif (
                    column.meaning == "since"
                    and (isinstance(cell, float) or re.fullmatch(NUMBER + r"\s*[a-zA-Z]*", text))
                    and not re.fullmatch(r"\d{8}|\d{1,2}\.\d{1,2}\.\d{2,4}", text)
                ):
                    spelled = re.sub(r"[a-zA-Z]+", lambda match: _TIMES.get(match[0].lower(), match[0]), text)
                    found.append(parse_duration(float(spelled) if re.fullmatch(NUMBER, spelled) else spelled))
                else:
                    found.append(day_of(text, order))
            except (ScenarioError, ValueError) as error:
                self._fault(k, column, text, str(error))
                found.append(None)
        self._count(column, found)
        if order == "?":
            column.note = "day and month cannot be told apart; write dates as YYYY-MM-DD"
        return found

    def _visit(self, k: int, dates: Mapping[str, list[Any]]) -> Visit | None:
        """Return what a row holds, None where that is no value of the twin."""
        number, name = self.grid.numbers[self.rows[k]], self._name(k)
        day = {which: of[k] for which, of in dates.items()}
        values = {which: of[k] for which, of in self.read.items() if of[k] is not None}
        when = day.get("visit_date")
        if "age" not in values and day.get("birth_date") is not None:
            if when is None:
                self._fault(
                    k, self._by["birth_date"], str(day["birth_date"]), "a date of the visit, from which age follows"
                )
            else:
                self._known(k, values, "age", (when - day["birth_date"]).days / 365.25, self._by["birth_date"])
        if "bmi" not in values and {"weight", "height"} <= values.keys():
            bmi = values["weight"] / (values["height"] / 100.0) ** 2
            self._known(k, values, "bmi", bmi, self._by["weight"])
        sides = [values[side] for side in ("testis_left", "testis_right") if side in values]
        if "testis_volume" not in values and sides and all(isinstance(side, float) for side in sides):
            self._known(k, values, "testis_volume", float(np.mean(sides)), self._by[f"testis_{_side(values)}"])
        self._count_consistent(k, values)
        used = {which: value for which, value in values.items() if which in GIVEN}
        besides = {which: value for which, value in values.items() if which not in GIVEN and which not in _HELPERS}
        if not used.keys() & MEASURES.keys():
            self.skipped["rows of men without a value"] += 1
            self.faults.append(
                Fault(
                    number,
                    "",
                    ", ".join(besides) or "nothing",
                    "at least one value of blood or semen",
                    "left out",
                    name,
                )
            )
            return None
        on, days_on = self._treatment(k, when, day.get("since"))
        if on is None:
            self.skipped["rows on a treatment that was not understood"] += 1
            return None
        return Visit(number, when, used, besides, on, days_on)

    def _known(self, k: int, values: dict[str, Any], name: str, value: float, column: Column) -> None:
        try:
            values[name] = labs({name: value})[name].value
        except ScenarioError as error:
            self._fault(k, column, f"{name} {value:.3g}", str(error))

    def _count_consistent(self, k: int, values: dict[str, Any]) -> None:
        """Name and leave out a total count that concentration and volume contradict."""
        three: list[Any] = [values.get(name) for name in ("concentration", "volume", "total_count")]
        if all(isinstance(value, float) for value in three):
            concentration, volume, total = three
            product = concentration * volume
            if max(product, total) > _CONTRADICTS * min(product, total) and abs(product - total) > 0.1:
                text = f"concentration times volume, {product:.3g} million"
                self._fault(k, self._by["total_count"], f"{total:g} million", text, "the count is left out")
                del values["total_count"]

    def _treatment(
        self, k: int, when: date | None, since: date | float | None
    ) -> tuple[tuple[Mapping[str, Any], ...] | None, float | None]:
        """Return what a man was given at a visit and for how many days; None where that was not understood."""
        text = {
            name: self.cells[self._by[name].number][k]
            for name in ("treatment", "drug", "dose", "often")
            if name in self._by
        }
        given = {
            name: "" if folded(of) in lists()["untreated"] | lists()["missing"] else of for name, of in text.items()
        }
        lines = []
        if given.get("drug"):
            lines.append(" ".join(filter(None, (given["drug"], given.get("dose"), given.get("often")))))
        elif given.get("treatment"):
            lines += re.split(r"\s*(?:;|\+|\bund\b|\band\b)\s*", given["treatment"])
        if not lines:
            return (), None
        column = self._by["drug" if given.get("drug") else "treatment"]
        found = []
        for line in filter(None, lines):
            began = re.search(r"\s*(?:,|\()?\s*(?:since|seit|from|ab|depuis|desde)\s+(.+?)\)?$", line, re.IGNORECASE)
            if began:
                line = line[: began.start()]
                since = since if since is not None else since_of(began[1])
            try:
                therapy, assumed = prescription_of(line)
                found.append(therapy)
                if assumed:
                    self._fault(k, column, line, "how often it was given", f"read as {assumed}, which is usual")
            except ScenarioError as error:
                self._fault(
                    k, column, line, str(error), "the whole row is left out, as what he was given acts on all of it"
                )
                return None, None
        if isinstance(since, date):
            days = float((when - since).days) if when is not None else None
        else:
            days = since
        if days is None or days < 0:
            what = (
                "a start of the treatment (a date or days), and a date of the visit"
                if days is None
                else "a start before the visit"
            )
            self._fault(k, column, "; ".join(lines), what, "not used: it cannot be compared with a predicted day")
            return tuple(found), None
        return tuple(found), days


_TIMES = {
    **dict.fromkeys(("tag", "tage", "tagen", "jours", "dias", "giorni"), "days"),
    **dict.fromkeys(("woche", "wochen", "semaines", "semanas", "settimane"), "weeks"),
    **dict.fromkeys(("monat", "monate", "monaten", "mois", "meses", "mesi"), "months"),
}
_HELPERS = ("weight", "height", "testis_left", "testis_right")


def _side(values: Mapping[str, Any]) -> str:
    return "left" if "testis_left" in values else "right"


def _printed[Row: (Column, Fault)](row: Row) -> Row:
    """Return what is told of a column or fault, every text of it on one line and without signs that cannot be printed."""
    texts: dict[str, Any] = {key: _on_line(of) for key, of in vars(row).items() if isinstance(of, str)}
    if isinstance(row, Column):
        texts["first"] = tuple(map(_on_line, row.first))
    return replace(row, **texts)


def _on_line(text: str) -> str:
    return printable(" ".join(text.split()))


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))


def unused(table: Table) -> dict[str, int]:
    """Return what men have that the twin does not take yet: meaning -> values."""
    counts = Counter(name for man in table.men for visit in man.visits for name in visit.besides)
    return dict(counts)


def known_of(visits: Iterable[Visit]) -> dict[str, float]:
    """Return what is known of a man besides (quantities.KNOWN), of the first visit that has it; prolactin of untreated ones."""
    found: dict[str, float] = {}
    for visit in visits:
        for name in KNOWN:
            value = visit.values.get(name)
            if isinstance(value, float | Censored) and not (name == "prolactin" and visit.on):
                found.setdefault(name, as_number(value))
    return found
