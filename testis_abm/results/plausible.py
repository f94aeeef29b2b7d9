"""What a result is worth over plausible models: parameter sets of the calibrated ensemble, each with answers to what the data do not decide.

A table of it has a row an arm, quantity and answer (`question` and `answer` are "" of all together). `Lives` makes it of
one man who lived under each model, or of men who were drawn and lived under one each.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm.biology.readouts import ROWS as ROWS_OF_CELLS
from testis_abm.parameters import hypotheses
from testis_abm.quantities import QUANTITIES
from testis_abm.results import report
from testis_abm.statistics import LEAST_MEN, cannot_say, spread_of_men, weighted_quantiles

SAME = 2.0  # percent: a change of less than that has no sign
COLUMNS = (
    "arm",
    "column",  # of the quantity
    "question",
    "answer",
    "weight",  # of all lives; of men the probability of the answer
    "level",  # median over parameter sets, and the ends of the 90 % interval, in the unit of the column
    "level_low",
    "level_high",
    "change_pct",  # against the first arm; missing in that
    "low_pct",
    "high_pct",
    "falls",  # weight under which it falls, stays within SAME, rises
    "stays",
    "rises",
    "turns",  # whether the answer to this question turns the sign of the change
    "sets",  # parameter sets, or men
)
# Columns of a change in print, in every table of two arms.
CHANGE = ("change", "plausible models, 90 %", "(95 % interval)")
SPERM = ("concentration_million_ml", "total_motile_count_million")
_ALL = ("", "")
_EVERYTHING = "all, by weight"
_WIDTH = 0.98  # half of it: the 95 % score interval of a share of n lies above 1/2 from n/2 + 0.98 sqrt(n) hits on


class Change(NamedTuple):
    """Median and the ends of the 90 % interval; NaN where there is none."""

    median: float
    low: float
    high: float

    def text(self) -> str:
        """Return a change in % as "+14 (-3 to +30)"."""
        if not math.isfinite(self.median):
            return "-"
        interval = (
            f" ({report.signed(self.low)} to {report.signed(self.high)})" if math.isfinite(self.low + self.high) else ""
        )
        return f"{report.signed(self.median)}{interval}"


@dataclass(frozen=True)
class Lives:
    """Levels of lives under plausible models, each with its answers.

    Attributes:
        answers: a row a life, a column a question; "" where that is no question of the man, or the parameters hold none
            of its answers.
        arms: names, the first is what the others are compared with.
        levels: quantity (column) -> (arms, lives), in the unit of the column.
        least: quantity -> the least that is told from none.
        weights: (lives,), sum 1; None of men who were drawn, a life each: they count alike, few of them have no
            interval, and a sign is theirs if the 95 % interval of the share who have it lies above a half.
    """

    answers: pd.DataFrame
    arms: Sequence[str]
    levels: Mapping[str, np.ndarray]
    least: Mapping[str, float]
    weights: np.ndarray | None = None

    @cached_property
    def open(self) -> tuple[str, ...]:
        """Return the questions that have several answers here."""
        return tuple(name for name in hypotheses() if len(self._given(name)) > 1)

    def table(self) -> pd.DataFrame:
        """Return levels and changes of all lives and by answer (COLUMNS)."""
        rows: list[tuple[object, ...]] = []
        groups = {_ALL: np.ones(len(self.answers), dtype=bool)}
        for question in self.open:
            groups |= {(question, name): (self.answers[question] == name).to_numpy() for name in self._given(question)}
        for arm, of_arm in enumerate(self.arms):
            changes = self._changes(arm)
            signs, turning = (
                (_no_signs(len(self.levels)), {}) if arm == 0 else (self._signs(changes), self._turning(changes))
            )
            for k, (column, levels) in enumerate(self.levels.items()):
                for (question, answer), alike in groups.items():
                    head = of_arm, column, question, answer, self._weight(question, answer, alike)
                    change = self._spread(changes[:, k], alike) if arm else Change(math.nan, math.nan, math.nan)
                    turns = question in turning and bool(turning[question][k])
                    rows.append(
                        (*head, *self._spread(levels[arm], alike), *change, *signs[:, k], turns, int(alike.sum()))
                    )
        return pd.DataFrame(rows, columns=list(COLUMNS))

    def _given(self, question: str) -> list[str]:
        there = {*self.answers[question]} if question in self.answers else set()
        return [name for name in hypotheses()[question].answers if name in there]

    def _changes(self, arm: int) -> np.ndarray:
        """Return the changes of an arm, %, (lives, quantities): infinite where some came of none, NaN from none to none."""
        first, last = (np.stack([levels[k] for levels in self.levels.values()], axis=1) for k in (0, arm))
        least = np.array([max(self.least[name], np.finfo(float).tiny) for name in self.levels])
        with np.errstate(divide="ignore", invalid="ignore"):
            change = 100.0 * (last / first - 1.0)
        return np.where(first < least, np.where(last >= least, np.inf, np.nan), change)

    def _weight(self, question: str, answer: str, alike: np.ndarray) -> float:
        if self.weights is not None:
            return float(self.weights[alike].sum())
        return hypotheses()[question].answers[answer].weight if question else 1.0

    def _spread(self, values: np.ndarray, alike: np.ndarray) -> Change:
        there = alike & np.isfinite(values)
        if self.weights is None:
            return Change(*spread_of_men(values[there]))
        if not there.any():
            return Change(math.nan, math.nan, math.nan)
        return Change(*weighted_quantiles(values[there], self.weights[there], (0.5, 0.05, 0.95)).tolist())

    def _weights(self, changes: np.ndarray) -> np.ndarray:
        """Return the weight of each change, (lives, quantities); 0 of those that are missing."""
        weights = np.ones(len(changes)) if self.weights is None else self.weights
        return np.where(np.isnan(changes), 0.0, weights[:, None])

    def _signs(self, changes: np.ndarray) -> np.ndarray:
        """Return the share of the weight under which quantities fall, stay and rise, (3, quantities); NaN if nobody has any."""
        weights = self._weights(changes)
        kinds = changes <= -SAME, np.abs(changes) < SAME, changes >= SAME
        with np.errstate(invalid="ignore"):
            return np.asarray(np.stack([(weights * kind).sum(axis=0) for kind in kinds]) / weights.sum(axis=0))

    def _turning(self, changes: np.ndarray) -> dict[str, np.ndarray]:
        """Return of which quantities each question turns the sign, alone or where the answers to some others are the same."""
        weights, found = self._weights(changes), {}
        for question in self.open:
            others = [name for name in self.open if name != question]
            found[question] = np.zeros(changes.shape[1], dtype=bool)
            for count in range(len(others) + 1):
                for same in itertools.combinations(others, count):
                    signs: dict[tuple[str, ...], list[np.ndarray]] = {}
                    for (*rest, answer), rows in self._alike((*same, question)).items():
                        if answer:
                            signs.setdefault(tuple(rest), []).append(self._sign(changes[rows], weights[rows]))
                    for of in map(np.array, signs.values()):
                        found[question] |= (of > 0).any(axis=0) & (of < 0).any(axis=0)
        return found

    def _alike(self, questions: Sequence[str]) -> dict[tuple[str, ...], list[int]]:
        """Return the rows that have the same answers to some questions, by these."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for row, answers in enumerate(zip(*(self.answers[name] for name in questions), strict=True)):
            groups.setdefault(answers, []).append(row)
        return groups

    def _sign(self, changes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return the sign that more than half of the weight has, 0 for none, (quantities,)."""
        whole = weights.sum(axis=0)
        half = whole / 2.0 if self.weights is not None else whole / 2.0 + _WIDTH * np.sqrt(whole)
        rises, falls = ((weights * (sign * changes >= SAME)).sum(axis=0) > half for sign in (1, -1))
        enough = whole >= (LEAST_MEN if self.weights is None else 0.0)
        return np.where(enough, rises.astype(int) - falls, 0)


def _no_signs(quantities: int) -> np.ndarray:
    return np.full((3, quantities), np.nan)


# ---- in print


def verdict(word: str, falls: float, stays: float, rises: float, turning: Sequence[str], men: int = 0) -> str:
    """Return in words the weight of each sign (shares of 1) of the change of an output, and the questions that it hangs on.

    Of so many `men` who were drawn, the share of them.
    """
    head = f"{word[0].upper()}{word[1:]}"
    if men and men < LEAST_MEN:
        return f"{head}: {cannot_say(men)}."
    if math.isnan(rises):
        return f"{head}: none to compare with."
    within, of, none = ("in", "the men", " beyond chance") if men else ("under", "the weight", "")
    signs = ("rises", rises), (f"stays within {SAME:g} %", stays), ("falls", falls)
    told = [f"{what} {within} {100.0 * share:.0f} %" for what, share in signs if round(100.0 * share)]
    told[0] += f" of {of}"
    several = " and on ".join(map(asked, turning))
    return (
        f"{head} {', '.join(told)}. {f'Its sign hangs on {several}' if turning else f'No answer turns its sign{none}'}."
    )


def asked(name: str) -> str:
    """Return a question that the data do not decide in words, with its name in brackets."""
    return f'"{hypotheses()[name].question}" ({name})'


def of_all(table: pd.DataFrame, arm: str) -> pd.DataFrame:
    """Return the rows of an arm over all answers together, by column of the quantity."""
    return table[(table["arm"] == arm) & (table["question"] == "")].set_index("column")


def label(column: str) -> str:
    """Return the word for a quantity."""
    return (QUANTITIES.get(column) or ROWS_OF_CELLS[column]).label


def turning(table: pd.DataFrame, arm: str, columns: Sequence[str] = SPERM) -> list[str]:
    """Return the questions on which the sign of some of the quantities hangs."""
    rows = table[(table["arm"] == arm) & table["column"].isin(columns) & table["turns"]]
    return list(dict.fromkeys(rows["question"]))


def verdicts(table: pd.DataFrame, arm: str, columns: Sequence[str] = SPERM, *, men: bool = False) -> Iterator[str]:
    """Yield the verdict on each quantity of an arm; `men`: of men who were drawn."""
    whole = of_all(table, arm)
    for column in columns:
        row = whole.loc[column]
        signs = row["falls"], row["stays"], row["rises"]
        yield verdict(label(column), *signs, turning(table, arm, (column,)), int(row["sets"]) if men else 0)


def deciding(table: pd.DataFrame, arm: str, columns: Sequence[str] = SPERM) -> Iterator[str]:
    """Yield which observation would decide each question on which the sign of some of the quantities hangs."""
    for question in turning(table, arm, columns):
        yield f"What would decide {asked(question)}: {hypotheses()[question].decided_by}."


def by_answer(table: pd.DataFrame, arm: str, columns: Sequence[str] = SPERM, *, men: bool = False) -> pd.DataFrame:
    """Return weight and changes of an arm in print, a row an answer and the last of all, by (question, answer).

    `men`: of men who were drawn; how many they are is another column.
    """
    rows, found = table[(table["arm"] == arm) & table["column"].isin(columns)], {}
    for (question, answer), of in rows.groupby(["question", "answer"], sort=False):
        by_column = of.set_index("column")
        changes = (Change(*by_column.loc[name, ["change_pct", "low_pct", "high_pct"]]).text() for name in columns)
        default = question and answer == hypotheses()[question].default
        name = f"{answer} (in the tables)" if default else answer if question else _EVERYTHING
        first = by_column.iloc[0]
        found[question, name] = [f"{first['weight']:.2f}", *changes, *([str(first["sets"])] if men else [])]
    found["", _EVERYTHING] = found.pop(("", _EVERYTHING), ["1.00"])
    heads = ["weight", *map(label, columns), *(["men"] if men else [])]
    return pd.DataFrame(found.values(), pd.MultiIndex.from_tuples(found), heads, dtype=object)


def answered(rows: pd.DataFrame, head: str = "change, % (90 % interval)") -> str:
    """Return what `by_answer` gives as text, each question above its answers."""
    cells = [[f"  {answer}" if question else answer, *row] for (question, answer), *row in rows.itertuples()]
    first, *lines = report.aligned([[head, *rows.columns], *cells]).split("\n")
    found, above = [first], ""
    for (question, _), line in zip(rows.index, lines, strict=True):
        if question not in ("", above):
            found.append(f"  {question}: {hypotheses()[question].question}")
        found.append(line)
        above = question
    return "\n".join(found)


def ends(change: float, low: float, high: float) -> str:
    """Return the ends of an interval of changes in % as text, in the form of the `change` beside it.

    "-" where there is no change, and nothing where there is no interval.
    """
    if not math.isfinite(low + high):
        return ""
    if not math.isfinite(change):
        return "-"
    # A percentage has as many places as its own ends need.
    form = change if change >= report.TENFOLD else min(low, report.TENFOLD - 1.0)
    return report.change(form, low, high)[1].strip("()")


def basis(table: pd.DataFrame) -> str:
    """Return in words what an interval over plausible models holds."""
    sets = int(table.loc[table["question"] == "", "sets"].iloc[0])
    return (
        f"Plausible models: {sets}, of parameter sets that fit published studies, under every answer to what these do not decide "
        "(90 %, by weight; mean-field man; each answer: testis-abm hypotheses)."
    )


def note(table: pd.DataFrame, arm: str, compared: bool = True) -> str:
    """Return what stands under a table that shows the interval over plausible models, with the verdicts on sperm."""
    return "\n".join(map(report.note, (basis(table), *(verdicts(table, arm) if compared else ()))))
