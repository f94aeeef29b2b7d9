"""Doses and observations in the convention of pharmacometrics: one table of records (ID, TIME, AMT, EVID, ...) for many subjects.

Columns that are read: ID; TIME (hours, or days with `time="d"`); AMT; EVID (0 observation, 1 dose); DRUG (a name of the drug
table; or CMT, whose numbers `drugs` names); UNIT (of AMT and RATE; default: that of the drug table); RATE (amount an hour, of an
infusion); ADDL and II (further doses, and hours between them); MDV, DV and others are kept for who asks for observations. "." is
missing. Skipped are empty lines, lines that begin with "#", and, where the first column is called C, rows whose first cell is "C".
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from testis_abm import parameters
from testis_abm.scenario.amounts import parse_dose
from testis_abm.scenario.schedule import MOST_DOSES
from testis_abm.support import files, guard
from testis_abm.support.errors import Problem, ScenarioError, gathered, printable, shown, written

_LARGEST = 100_000_000  # bytes
_MISSING = ("", ".", "NA", "na", "NaN", "nan")
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]+)?", re.IGNORECASE | re.ASCII)
_HOURS = {"h": 1.0, "d": 24.0}
_REFUSED = {
    2: "another event, which has no meaning here",
    3: "a reset, which no man has; give him another ID",
    4: "a reset and dose, which no man has; give him another ID",
}


@dataclass(frozen=True)
class Dosed:
    """One dose of a subject.

    Attributes:
        day: of the plan, parts of a day included.
        drug: name in the drug table; amount: in its unit.
        hours: over which it is infused; 0 at once.
        line: of the file, 0 if it is from none.
    """

    day: float
    drug: str
    amount: float
    hours: float = 0.0
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Subject:
    """What the records hold of one subject: doses, and observations as rows (column -> text) with their day."""

    id: str
    doses: tuple[Dosed, ...]
    observations: tuple[tuple[float, Mapping[str, str]], ...]

    def therapies(self) -> list[dict[str, Any]]:
        """Return the doses as the tables of therapies of a scenario: one a drug, amount and infusion."""
        return [
            _therapy(first.drug, first.amount, first.hours, [dose.day for dose in (first, *rest)])
            for first, *rest in self._groups()
        ]

    def _groups(self) -> list[list[Dosed]]:
        """Return the doses of each therapy by rising days, each day once; one that is there twice comes again in the next."""
        groups: dict[tuple[str, float, float, int], list[Dosed]] = {}
        seen: Counter[Dosed] = Counter()
        for dose in self.doses:
            groups.setdefault((dose.drug, dose.amount, dose.hours, seen[dose]), []).append(dose)
            seen[dose] += 1
        return [sorted(doses, key=lambda dose: dose.day) for doses in groups.values()]

    def placed(self, problem: Problem, name: str) -> Problem:
        """Return a problem of a scenario with these therapies; one of a therapy at the lines of its doses in the file `name`."""
        match problem.path:
            case (*_, "therapy", int(k), last) if k < len(groups := self._groups()):
                lines = sorted({dose.line for dose in groups[k]})
                where = f"line {lines[0]}" if len(lines) == 1 else f"lines {lines[0]} to {lines[-1]}"
                return problem._replace(path=(name, where, last))
        return problem


class Records(dict[str, Subject]):
    """Subjects by ID; `skipped` counts the lines of comments that were not read."""

    skipped = 0


def _therapy(drug: str, amount: float, hours: float, days: list[float]) -> dict[str, Any]:
    row = parameters.drugs()[drug]
    table: dict[str, Any] = {"drug": drug, "dose": f"{written(amount)} {row.dose_unit}"}
    if hours:
        table["over"] = f"{written(hours)} hours"
    gaps = {round(later - earlier, 6) for earlier, later in pairwise(days)}
    if len(days) > 2 and len(gaps) == 1:
        every = gaps.pop()
        # Half an interval more, so that the last dose is given and no further one.
        return table | {
            "every": f"{written(every)} days",
            "from": f"day {written(days[0])}",
            "until": f"day {written(days[-1] + every / 2.0)}",
        }
    return table | {"days": [f"day {written(day)}" for day in days]}


def read_records(
    source: str | Path, *, time: str = "h", drugs: Mapping[str, str] | None = None, drug: str | None = None
) -> Records:
    """Return the subjects of a table of records by ID.

    Args:
        source: a CSV file.
        time: of TIME, II and RATE: hours "h", or days "d"; day 0 is each subject's TIME 0.
        drugs: text of CMT (or DRUG) -> drug of the table.
        drug: what is given where neither column says.

    Raises:
        ScenarioError: with row and column of each fault: what stands there, what was expected.
    """
    path, unit = guard.path(source, "records"), _HOURS[guard.word(time, tuple(_HOURS), "time")]
    name = printable(str(path))
    rows, skipped = _rows(path, name)
    columns = {key for row in rows[:1] for key in row[1]}
    with guard.at(name):
        for needed in ("ID", "TIME"):
            if needed not in columns:
                raise ScenarioError(f"has no column {needed}; a table of records has ID, TIME, AMT and EVID")
    subjects: dict[str, tuple[list[Dosed], list[tuple[float, Mapping[str, str]]]]] = {}
    total = 0
    with gathered() as problems:
        for line, row in rows:
            with problems.at(name, f"line {line}"):
                if row["ID"] in _MISSING:
                    raise ScenarioError("is missing; each record says whose it is", "ID")
                doses, seen = subjects.setdefault(row["ID"], ([], []))
                day = _number(row, "TIME", -math.inf) * unit / 24.0
                amount = _number(row, "AMT", 0.0, default=0.0)
                evid = _whole(row, "EVID", default=int(amount > 0.0))
                if evid == 0 and amount > 0.0:
                    raise ScenarioError(f"{amount:g} beside EVID 0, an observation; a dose has EVID 1", "AMT")
                if evid == 0:
                    seen.append((day, row))
                    continue
                if evid != 1:
                    raise ScenarioError(f"{evid} is {_REFUSED.get(evid, 'no event that is known')}", "EVID")
                if _number(row, "SS", 0.0, default=0.0) > 0.0:
                    raise ScenarioError(
                        "a steady state of doses is not known here; write the doses before, or ADDL", "SS"
                    )
                given = _dose(row, unit, drugs or {}, drug)
                more, apart = _whole(row, "ADDL"), _number(row, "II", 0.0, default=0.0) * unit / 24.0
                if more and not apart:
                    raise ScenarioError(f"{more} further doses have no interval", "II")
                if (total := total + 1 + more) > MOST_DOSES:
                    raise ScenarioError(f"more than {MOST_DOSES:,} doses in all; split the table")
                if day < 0.0:
                    raise ScenarioError(
                        f"day {day:g} is before day 0; write what was given before as the man's history", "TIME"
                    )
                doses += [Dosed(round(day + i * apart, 9), *given, line) for i in range(1 + more)]
    found = Records({key: Subject(key, tuple(doses), tuple(seen)) for key, (doses, seen) in subjects.items()})
    found.skipped = skipped
    return found


def _rows(path: Path, name: str) -> tuple[list[tuple[int, dict[str, str]]], int]:
    """Return the rows of a table as column -> text, each with its line; and how many lines are comments."""
    try:
        content = files.content(path, _LARGEST)
        text = content.decode("utf-8-sig")
    except FileNotFoundError:
        raise ScenarioError(f"{name}: no such file") from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{name}: cannot be read: {files.reason(error)}") from None
    filled = [(k, line) for k, line in enumerate(text.splitlines(), 1) if line.strip()]
    lines = [(k, line) for k, line in filled if not line.startswith("#")]
    skipped = len(filled) - len(lines)
    if not lines:
        raise ScenarioError(f"{name}: is empty; a table of records begins with ID,TIME,AMT,EVID")
    separator = max(",;\t", key=lines[0][1].count)
    header = [cell.strip().upper() for cell in next(csv.reader([lines[0][1]], delimiter=separator))]
    if len(set(header)) < len(header) or len(header) > 200:
        raise ScenarioError(f"{name}: line {lines[0][0]}: columns are named twice, or are more than 200")
    found, problems = [], []
    for line, row in lines[1:]:
        cells = next(csv.reader([row], delimiter=separator))
        if header[0] == "C" and cells[0].strip() == "C":
            skipped += 1
            continue
        if len(cells) != len(header):
            problems.append(
                f"{name}: line {line}: {len(cells)} cells, expected {len(header)} ({', '.join(header)[:60]})"
            )
            continue
        found.append((line, {key: cell.strip() for key, cell in zip(header, cells, strict=True)}))
    if problems:
        raise ScenarioError("\n".join(problems[:20]))
    return found, skipped


def _number(row: Mapping[str, str], key: str, low: float, default: float | None = None) -> float:
    text = row.get(key, "")
    if text in _MISSING:
        if default is None:
            raise ScenarioError("is missing", key)
        return default
    if not _NUMBER.fullmatch(text):
        raise ScenarioError(f"{shown(text)} is no number; write it with digits and a decimal point", key)
    number = float(text)
    if not low <= number < 1e9:
        raise ScenarioError(f"{shown(text)} is out of range; allowed: {max(low, 0.0):g} to 1e9", key)
    return number


def _whole(row: Mapping[str, str], key: str, default: int = 0) -> int:
    number = _number(row, key, 0.0, default=default)
    if number != int(number):
        raise ScenarioError(f"{shown(row[key])} is no whole number", key)
    return int(number)


def _dose(row: Mapping[str, str], unit: float, drugs: Mapping[str, str], usual: str | None) -> tuple[str, float, float]:
    """Return drug, amount in its unit and hours of infusion of a dose."""
    key = next((key for key in ("DRUG", "CMT") if row.get(key, "") not in _MISSING), "DRUG")
    text = row.get(key, "")
    called = drugs.get(text) or (text if key == "DRUG" and text not in _MISSING else None) or usual
    if called is None:
        raise ScenarioError(f"no drug is named; add a column DRUG, or say what {key} {text or '1'} is", key)
    with guard.at(key):
        drug = parameters.drug_named(called)
    amount = _number(row, "AMT", 0.0)
    if not amount > 0.0:
        raise ScenarioError("0 is no dose", "AMT")
    rate = _number(row, "RATE", 0.0, default=0.0) / unit
    own = parameters.drugs()[drug].dose_unit
    given = own if row.get("UNIT", "") in _MISSING else row["UNIT"]
    with guard.at("UNIT"):
        dose = parse_dose(f"{written(amount)} {given}", own)
    # A rate is in the unit of the amount.
    return drug, dose, amount / rate if rate else 0.0


# ---- out

COLUMNS = ("ID", "TIME", "AMT", "RATE", "EVID", "MDV", "DRUG", "DVID", "DV", "UNIT")


def record_text(rows: Iterable[Mapping[str, object]]) -> str:
    """Return records as the text of a file: columns of COLUMNS, "." for what is missing."""
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow(COLUMNS)
    for row in rows:
        out.writerow([_cell(row.get(key)) for key in COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "."
    return repr(value) if isinstance(value, float) else str(value)
