"""What a result is worth over plausible models: parameter sets of the calibrated ensemble, each with answers to what the data do not decide.

A table of it has a row an arm, quantity and answer (`question` and `answer` are "" of all together).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from testis_abm.biology.readouts import ROWS as ROWS_OF_CELLS
from testis_abm.quantities import QUANTITIES
from testis_abm.results import report

SAME = 2.0  # percent: a change of less than that has no sign
COLUMNS = (
    "arm",
    "column",  # of the quantity
    "question",
    "answer",
    "weight",
    "level",  # median over parameter sets, and the ends of the 90 % interval, in the unit of the column
    "level_low",
    "level_high",
    "change_pct",  # against the first arm; missing in that
    "low_pct",
    "high_pct",
    "falls",  # weight under which it falls, stays within SAME, rises
    "stays",
    "rises",
    "turns",  # whether the answer to this question alone turns the sign of the change
    "sets",  # parameter sets
)
_VERDICT = ("concentration_million_ml", "total_motile_count_million")


def verdict(word: str, falls: float, stays: float, rises: float, turning: Sequence[str]) -> str:
    """Return in words the weight of each sign (shares of 1) of the change of an output, and the questions that it hangs on."""
    ways = (("rises under", rises), (f"stays within {SAME:g} % under", stays), ("falls under", falls))
    there = [f"{what} {100.0 * share:.0f} %" for what, share in ways if round(100.0 * share)]
    there[0] += " of the weight"
    hangs = f"Its sign hangs on {' and '.join(turning)}." if turning else "No answer turns its sign."
    return f"{word[0].upper()}{word[1:]} {', '.join(there)}. {hangs}"


def of_all(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return the rows of an arm over all answers together, by column of the quantity."""
    return table[(table["arm"] == arm) & (table["question"] == "")].set_index("column")


def verdicts(table: pd.DataFrame, arm: str, columns: Sequence[str] = _VERDICT) -> Iterator[str]:
    """Yield the verdict on each quantity of an arm."""
    whole = of_all(table, arm)
    for column in columns:
        row = whole.loc[column]
        turning = table[(table["arm"] == arm) & (table["column"] == column) & table["turns"]]
        word = (QUANTITIES.get(column) or ROWS_OF_CELLS[column]).label
        yield verdict(word, row["falls"], row["stays"], row["rises"], list(dict.fromkeys(turning["question"])))


def ends(low: float, high: float) -> str:
    """Return the ends of an interval of changes in % as text; nothing where they are missing."""
    return report.change(low, low, high)[1].strip("()") if math.isfinite(low + high) else ""


def basis(table: pd.DataFrame) -> str:
    """Return in words what an interval over plausible models holds."""
    sets = int(table.loc[table["question"] == "", "sets"].iloc[0])
    return (
        f"Plausible models: {sets} parameter sets that fit published studies, under every answer to what these do not decide "
        "(90 %, by weight; mean-field man; each answer: testis-abm hypotheses)."
    )


def note(table: pd.DataFrame, arm: str, compared: bool = True) -> str:
    """Return what stands under a table that shows the interval over plausible models, with the verdicts on sperm."""
    return "\n".join(map(report.note, (basis(table), *(verdicts(table, arm) if compared else ()))))
