"""A clinic's table of men in the page: read in memory, shown as it was understood, and the reports of one of its men.

Only what shows or reads a table imports this: the first page does without.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

import numpy as np
import pandas as pd

from testis_abm.experiments.twins import reports
from testis_abm.population.given import labs
from testis_abm.population.headings import meanings
from testis_abm.population.table_file import read_bytes
from testis_abm.population.table_in import IGNORED, Column, Patient, Table, table_of
from testis_abm.quantities import GIVEN, KNOWN, Censored, title
from testis_abm.results.report import number
from testis_abm.support.errors import ScenarioError

_CALLED = {"id": "Identifier", "ignore": "Nothing"}
_READ = ("used", "read, not used")
_IN_ROWS = ("t", "e2", "lh", "fsh", "concentration", "tmc", "bmi", "age")  # values that tell one man from another
_WIDEST = 60  # characters of what stands in a file
MOST_COLUMNS, MOST_FAULTS, MOST_ASKED, MOST_MEN = 80, 50, 12, 300  # that are shown
# One table is read at a time: each takes much of the memory and of the interpreter, which all pages share.
_reading = threading.Lock()


@dataclass(frozen=True)
class Opened:
    """A table as it was read.

    Attributes:
        table: its men, columns and faults.
        said: number of a column -> meaning and unit ("" each where it is not said) that somebody gave it.
        decimal: sign, as said.
    """

    table: Table = field(repr=False)
    said: Mapping[int, tuple[str, str]] = field(default_factory=dict)
    decimal: str = ""


@dataclass(frozen=True)
class Reports:
    """What a table has of a man untreated.

    Attributes:
        name: his identifier; source: of the table; date: of the first report, "" where none is told.
        texts: name of quantities.GIVEN -> the first report's value as the form has it, in the unit in which it was read.
        again: more reports, in the units of the twin.
        left: in words, what of him is not used here.
    """

    name: str
    source: str
    date: str
    texts: Mapping[str, str]
    again: tuple[Mapping[str, float | Censored], ...] = ()
    left: str = ""

    def said(self) -> str:
        """Return whose values they are, in words."""
        first = f"{self.name} of {self.source}, untreated report{f' of {self.date}' if self.date else ''}."
        more = f"{len(self.again)} later untreated report{'s are' if len(self.again) > 1 else ' is'} matched with it."
        return " ".join(
            filter(None, (first, more if self.again else "", f"Not used: {self.left}." if self.left else ""))
        )


def opened(content: bytes, name: str) -> Opened:
    """Return the table in a file; nothing in it is run, and nothing of it is written to disk.

    Raises:
        TestisError: see table_file.read and table_in.read_table.
    """
    with _reading:
        return Opened(table_of(read_bytes(content, name)))


def read_again(now: Opened, *, said: Mapping[int, tuple[str, str]] | None = None, decimal: str | None = None) -> Opened:
    """Return a table read again, its columns as `said`, with another decimal sign.

    Raises:
        ScenarioError: it cannot be read so.
    """
    told = {k: of for k, of in (now.said if said is None else said).items() if of[0]}
    sign = now.decimal if decimal is None else decimal
    columns = [f"#{k}={meaning}{f':{unit}' if unit else ''}" for k, (meaning, unit) in told.items()]
    with _reading:
        return Opened(table_of(now.table.grid, columns=columns, decimal=sign), told, sign)


# ---- as shown


def in_words(meaning: str) -> str:
    """Return what a meaning of a column is called."""
    return title(meaning) if meaning in GIVEN else _CALLED.get(meaning, meaning.replace("_", " ").capitalize())


def _cut(text: str, widest: int = _WIDEST) -> str:
    return text if len(text) <= widest else f"{text[: widest - 1]}…"


def heading(column: Column) -> str:
    """Return how a column is called."""
    return _cut(column.heading) or f"column {column.number}"


def plan(table: Table) -> pd.DataFrame:
    """Return how each column was read: a row a heading, the first MOST_COLUMNS."""
    there = [column for column in table.columns if column.heading or column.meaning or column.note]
    rows = {"means": [], "unit": [], "values": [], "missing": [], "range": [], "use": []}  # type: dict[str, list[str]]
    for of in there[:MOST_COLUMNS]:
        read = of.use in _READ
        rows["means"].append(in_words(of.meaning) if of.meaning else "–")
        rows["unit"].append(f"{of.unit} ({of.said})" if of.unit else "")
        rows["values"].append(f"{of.values:,}" if read else "")
        rows["missing"].append(f"{of.missing:,}" if read else "")
        rows["range"].append(_range(of) if read else "")
        rows["use"].append(of.use)
    return pd.DataFrame(rows, index=[heading(of) for of in there[:MOST_COLUMNS]], dtype=object)


def _range(of: Column) -> str:
    """Return lowest and highest value in the unit in which they were read, and how many are beyond a limit."""
    beyond = f"{of.censored:,} given as < or >" if of.censored else ""
    if np.isnan(of.low):
        return beyond
    factor, unit = (1.0, of.kept_in) if np.isnan(of.factor) else (of.factor, of.unit)
    low, high = number(of.low / factor), number(of.high / factor)
    return "; ".join(filter(None, (f"{low} to {high} {unit}".strip(), beyond)))


def notes(table: Table) -> list[str]:
    """Return what else is to be said of columns that are read."""
    told = [(heading(of), _without_option(of.note)) for of in table.columns if of.use in _READ]
    return [f"{name}: {note}." for name, note in told if note]


def refused(now: Opened) -> list[Column]:
    """Return the columns that were left out or not understood, and those of which somebody said what they are."""
    return [
        of
        for of in now.table.columns
        if of.number in now.said or (of.use not in (*_READ, "ignored") and (of.heading or of.note))
    ]


def why(column: Column) -> str:
    """Return why a column was left out, or that it was not."""
    if column.use in _READ or column.meaning == IGNORED:
        return f"{column.use.capitalize()}, as said."
    own = meanings().get(column.meaning)
    if own is not None and own.either:
        return f"{column.use.capitalize()}: may mean {' or '.join(map(in_words, own.either)).lower()}."
    return f"{column.use.capitalize()}: {_without_option(column.note)}."


def _without_option(note: str) -> str:
    """Return a note without what it says of the command's option, whose place controls take."""
    before, option, _ = note.removeprefix("as said by --column").removeprefix("; ").partition("--column")
    if not option:
        return before
    for end in ("; if it is another, say it: ", "; say it: ", "; say which: ", ", said by "):
        before = before.removesuffix(end)
    return before


def choices(column: Column) -> list[tuple[str, str]]:
    """Return the meanings that a column may have, name and words, the likely ones first."""
    own = meanings().get(column.meaning)
    likely = list(own.either or (own.name,)) if own is not None else []
    names = [*likely, *(name for name, of in meanings().items() if not of.either and name not in likely)]
    return [*((name, in_words(name)) for name in names), (IGNORED, "Leave it out")]


def units(meaning: str) -> list[str]:
    """Return the units of a meaning, one of each that differ in spelling alone."""
    own = meanings().get(meaning)
    if own is None:
        return []
    by = {own.kept(unit): unit for unit in reversed([*own.units])}
    return [*reversed(by.values())]


def faults(table: Table) -> pd.DataFrame:
    """Return what was found and not used, a row each with its place, the first MOST_FAULTS."""
    rows = table.fault_table()
    rows = rows[rows["row"] > 0].head(MOST_FAULTS)
    shown = rows.drop(columns="row").map(lambda text: _cut(_without_option(text), 2 * _WIDEST))
    return shown.set_index("row " + rows["row"].astype(str))


def of_whole(table: Table) -> list[str]:
    """Return what was found of the file as a whole (macros, links) and what was done."""
    return [f"{fault.found}: {fault.done}." for fault in table.faults if not fault.row and not fault.column]


def counts(table: Table) -> str:
    """Return how many men and visits there are, and rows that are none."""
    visits = sum(len(man.visits) for man in table.men)
    treated = sum(bool(visit.on) for man in table.men for visit in man.visits)
    on = f", {treated:,} of them on a treatment" if treated else ""
    skipped = "".join(f"; {kind}: {count:,}" for kind, count in table.skipped.items() if count)
    return f"{len(table.men):,} men with {visits:,} visits{on}{skipped}."


def men(table: Table, like: str = "") -> list[Patient]:
    """Return the men whose identifier holds a text; one more than MOST_MEN if there are."""
    text = like.strip().casefold()
    return list(islice((man for man in table.men if text in man.name.casefold()), MOST_MEN + 1))


def rows(table: Table, shown: Sequence[Patient]) -> tuple[list[str], list[tuple[str, list[str]]]]:
    """Return headings, and of each man his identifier and cells: visits, date and values of the first report untreated."""
    by = _columns(table)
    named = [name for name in _IN_ROWS if name in by]
    found = []
    for man in shown:
        first = next((visit for visit in man.visits if not visit.on), None)
        cells = [_cut(man.name), str(len(man.visits)), first.date.isoformat() if first and first.date else ""]
        values = first.values if first else {}
        cells += [_as_written(name, values[name], by[name]) if name in values else "" for name in named]
        found.append((man.name, cells))
    return ["man", "visits", "first untreated", *map(title, named)], found


def _columns(table: Table) -> dict[str, Column]:
    """Return the first column of each meaning that is used."""
    return {of.meaning: of for of in reversed(table.columns) if of.use == "used"}


# ---- of one man


def reports_of(now: Opened, name: str) -> Reports:
    """Return the untreated reports of a man.

    Raises:
        ScenarioError: there is no such man, or he has none.
    """
    table = now.table
    man = table.man(name)
    rest, treated, left = reports(man)
    if not rest:
        raise ScenarioError(f"{man.name}: {left}; the form takes reports before a treatment")
    by = _columns(table)
    texts = {which: _as_written(which, rest[0][which], by.get(which)) for which in GIVEN if which in rest[0]}
    first = next(visit for visit in man.visits if not visit.on)
    on = "" if not treated else f"{len(treated)} on a treatment, which testis-abm twin --table follows"
    date = first.date.isoformat() if first.date else ""
    return Reports(man.name, table.grid.source, date, texts, tuple(rest[1:]), "; ".join(filter(None, (on, left))))


def _as_written(name: str, value: float | Censored, column: Column | None) -> str:
    """Return a value in the unit in which its column has it, as the form takes it; else in that of the twin."""
    measure = GIVEN[name]
    units_of = [("", 1.0)] if name in KNOWN and measure.assumed else []
    if column is not None and column.unit and np.isfinite(column.factor):
        units_of.append((column.unit, column.factor))
    sign, level = (value.sign, value.limit) if isinstance(value, Censored) else ("", value)
    for unit, factor in units_of:
        text = f"{sign}{level / factor:.{4 if name in KNOWN else 10}g} {unit}".strip()
        try:
            labs({name: text})
        except ScenarioError:  # a word of headings that is no unit of a report
            continue
        return text
    return f"{sign}{level:.10g} {measure.unit}"
