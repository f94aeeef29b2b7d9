"""What a treatment changes, by the answers to the questions that the data do not decide (parameters/hypotheses.toml)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm.parameters import hypotheses
from testis_abm.results import report
from testis_abm.statistics import LEAST_MEN, cannot_say, share_of_men, spread_of_men, weighted_quantiles

_SAME = 2.0  # percent: a change of less than that has no sign
_ALL = "all, by weight"


class Change(NamedTuple):
    """Median change and the ends of its 90 % interval, %; NaN where there is none."""

    median: float
    low: float
    high: float

    def text(self) -> str:
        """Return it as "+14 (-3 to +30)"."""
        if not math.isfinite(self.median):
            return "-"
        interval = f" ({round(self.low):+d} to {round(self.high):+d})" if math.isfinite(self.low + self.high) else ""
        return f"{round(self.median):+d}{interval}"


@dataclass(frozen=True)
class ByAnswer:
    """Changes, each with the answers under which it came about.

    Attributes:
        answers: a row a change, a column a question; "" where it is no question of that man, or the parameters of none
            of its answers are his.
        changes: label of an output -> change against no treatment, %, (rows,); NaN without a level to compare with,
            infinite where some came of none.
        weights: of the rows; None of men who were drawn: they count alike, and few of them have no interval.
    """

    answers: pd.DataFrame
    changes: Mapping[str, np.ndarray]
    weights: np.ndarray | None = None

    @cached_property
    def open(self) -> tuple[str, ...]:
        """Return the questions that have several answers here."""
        return tuple(name for name in hypotheses() if len(self.given(name)) > 1)

    def given(self, question: str) -> list[str]:
        """Return the answers to a question that are here, as the table of hypotheses has them in turn."""
        there = {*self.answers[question]} if question in self.answers else set()
        return [name for name in hypotheses()[question].answers if name in there]

    def rows(self, question: str = "", answer: str = "") -> np.ndarray:
        """Return which rows have an answer (default: all), (rows,)."""
        if not question:
            return np.ones(len(self.answers), dtype=bool)
        return (self.answers[question] == answer).to_numpy()

    def change(self, word: str, question: str = "", answer: str = "") -> Change:
        """Return the change of an output over the rows with an answer (default: all)."""
        values = self.changes[word]
        chosen = self.rows(question, answer) & np.isfinite(values)
        if self.weights is None:
            return Change(*spread_of_men(values[chosen]))
        if not chosen.any():
            return Change(math.nan, math.nan, math.nan)
        return Change(*weighted_quantiles(values[chosen], self.weights[chosen], (0.5, 0.05, 0.95)).tolist())

    def men(self, word: str, question: str = "", answer: str = "") -> int:
        """Return how many rows with an answer have a change of an output."""
        return int((self.rows(question, answer) & ~np.isnan(self.changes[word])).sum())

    def signs(self, word: str) -> tuple[float, float, float]:
        """Return the share of the weight under which an output falls, stays within 2 %, and rises; NaN if nobody has any."""
        values = self.changes[word]
        there = ~np.isnan(values)
        weights = (np.ones(len(values)) if self.weights is None else self.weights)[there]
        if not weights.sum() > 0.0:
            return math.nan, math.nan, math.nan
        signs = np.where(np.abs(values[there]) < _SAME, 0, np.sign(values[there])).astype(int)
        falls, stays, rises = (np.bincount(signs + 1, weights, minlength=3) / weights.sum()).tolist()
        return falls, stays, rises

    def turning(self, word: str) -> list[str]:
        """Return the questions whose answer turns the sign of an output, be the answers to some others the same or not."""
        others = {question: [name for name in self.open if name != question] for question in self.open}
        return [
            question
            for question in self.open
            if any(
                self._turns(word, question, same)
                for count in range(len(others[question]), -1, -1)
                for same in itertools.combinations(others[question], count)
            )
        ]

    def _turns(self, word: str, question: str, same: Sequence[str]) -> bool:
        """Return whether two answers to a question have signs that differ, among rows with the same answers to some others."""
        groups: dict[tuple[str, ...], list[int]] = {}
        for row, (*rest, answer) in enumerate(zip(*(self.answers[name] for name in (*same, question)), strict=True)):
            if answer:
                groups.setdefault((*rest, answer), []).append(row)
        signs: dict[tuple[str, ...], set[int]] = {}
        for (*rest, _), rows in groups.items():
            signs.setdefault(tuple(rest), set()).add(self._sign(word, rows))
        return any({-1, 1} <= found for found in signs.values())

    def _sign(self, word: str, rows: Sequence[int]) -> int:
        """Return the sign of more than half of some rows; of men drawn, by the 95 % interval of that share."""
        values = self.changes[word][rows]
        there = ~np.isnan(values)
        for sign in (-1, 1):
            beyond = sign * values[there] >= _SAME
            if self.weights is None:
                share = share_of_men(beyond)[1] / 100.0
            else:
                weights = self.weights[rows][there]
                share = float(weights[beyond].sum() / weights.sum()) if len(weights) else math.nan
            if share > 0.5:
                return sign
        return 0

    def verdict(self, word: str) -> str:
        """Return the share of each sign in words, and the questions that it hangs on."""
        head, count = f"{word[0].upper()}{word[1:]}:", self.men(word)
        if not count:
            return f"{head} none to compare with."
        if self.weights is None and count < LEAST_MEN:
            return f"{head} {cannot_say(count)}."
        within, of = ("under", "of the weight of plausible models") if self.weights is not None else ("in", "of the men")
        falls, stays, rises = (100.0 * share for share in self.signs(word))
        signs = f"rises {within} {rises:.0f} % {of}, within {_SAME:g} % {within} {stays:.0f} %, falls {within} {falls:.0f} %."
        turning = self.turning(word)
        none = "No answer turns its sign" if self.weights is not None else "No answer turns its sign in most of its men"
        hangs = f"Its sign hangs on {' and '.join(filter(None, (', '.join(turning[:-1]), *turning[-1:])))}"
        return f"{head} {signs} {hangs if turning else none}."

    def deciding(self, words: Sequence[str]) -> list[str]:
        """Return which observation would decide each question on which the sign of some output hangs."""
        turning = dict.fromkeys(question for word in words for question in self.turning(word))
        return [f"What would decide {question}: {hypotheses()[question].decided_by}." for question in turning]

    def table(self, words: Sequence[str]) -> pd.DataFrame:
        """Return weight and changes in print, a row an answer and one of all, by (question, answer); of men, how many they are."""
        found = dict(self._cells(words))
        columns = ["weight", *words, *(["men"] if self.weights is None else [])]
        return pd.DataFrame(found.values(), pd.MultiIndex.from_tuples(found), columns, dtype=object)

    def _cells(self, words: Sequence[str]) -> Iterator[tuple[tuple[str, str], list[str]]]:
        for question in self.open:
            of = hypotheses()[question]
            for name in self.given(question):
                label = f"{name} (in the tables)" if name == of.default else name
                yield (question, label), self._row(words, of.answers[name].weight, question, name)
        yield ("", _ALL), self._row(words, 1.0)

    def _row(self, words: Sequence[str], weight: float, question: str = "", answer: str = "") -> list[str]:
        men = [str(max(self.men(word, question, answer) for word in words))] if self.weights is None else []
        return [f"{weight:.2f}", *(self.change(word, question, answer).text() for word in words), *men]

    def text(self, words: Sequence[str], head: str = "change, % (90 % interval)") -> str:
        """Return the table as text, each question above its answers."""
        table = self.table(words)
        cells = [[head, *table.columns]]
        cells += [
            [f"  {answer}" if question else answer, *row]
            for (question, answer), row in zip(table.index, table.to_numpy().tolist(), strict=True)
        ]
        first, *lines = report.aligned(cells).split("\n")
        found, last = [first], ""
        for (question, _), line in zip(table.index, lines, strict=True):
            if question != last and question:
                found.append(f"  {question}: {hypotheses()[question].question}")
            found.append(line)
            last = question
        return "\n".join(found)

    def notes(self, words: Sequence[str]) -> list[str]:
        """Return what the table comes to: the verdict on each output, and what would decide."""
        return [*(self.verdict(word) for word in words), *self.deciding(words)]
