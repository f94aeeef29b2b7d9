"""Several treatments of the same men side by side: what each does to one outcome, which does most, how sure that is, what it hangs on.

Men are paired: the same virtual patient under the same parameter set has each of the treatments, and none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.parameters import hypotheses
from testis_abm.population.predict import SPERM, with_sperm
from testis_abm.quantities import OESTRADIOL, QUANTITIES, clinical
from testis_abm.results import report
from testis_abm.results.plausible import asked
from testis_abm.results.report import number
from testis_abm.statistics import LEAST_MEN, cannot_say, share_of_men

NONE = "no treatment"
FALLS = frozenset(OESTRADIOL.values())  # of which less is what is wanted
RISE = 50.0  # %: an increase that is counted
_SAME = 1e-3  # share by which levels differ that count as the same
_EVEN = 50.0


class Paired(NamedTuple):
    """In which share of men, %, one treatment does more than another, does less, or both do the same.

    `median_pct` is the median difference of the level, % of that under the other. `low` and `high` are the ends of the 95 %
    interval of the share of those who differ in whom it does more; NaN of too few.
    """

    more: float
    less: float
    same: float
    median_pct: float
    low: float
    high: float
    men: int

    @property
    def clear(self) -> bool:
        """Return whether it does more in most men beyond chance."""
        return self.low > _EVEN

    @property
    def opposite(self) -> bool:
        """Return whether it does less in most men beyond chance."""
        return self.high < _EVEN


@dataclass(frozen=True)
class Candidates:
    """Treatments of the same men.

    Attributes:
        names: of the treatments.
        before: the men untreated; after: under each (predict.predict_each); answers: of each man.
        values: dotted parameters.
    """

    names: Sequence[str]
    before: pd.DataFrame
    after: Sequence[pd.DataFrame]
    answers: pd.DataFrame
    values: Mapping[str, float] = field(repr=False)

    @cached_property
    def _laboratory(self) -> Laboratory:
        return Laboratory(parameters.all_values(self.values))

    def _arm(self, arm: int) -> pd.DataFrame:
        """Return the men under a treatment, by its number from 1; untreated of 0."""
        return self.after[arm - 1] if arm else self.before

    def called(self, arm: int) -> str:
        """Return the name of a treatment, by its number from 1; of 0 that there is none."""
        return self.names[arm - 1] if arm else NONE

    def paired(self, column: str, one: int, other: int, men: np.ndarray | None = None) -> Paired:
        """Return in which share of `men` (default: all who have a level) treatment `one` does more for a quantity than `other`."""
        least = self._laboratory.limit(column)
        first, second = (self._arm(arm)[column].to_numpy() for arm in (one, other))
        there = np.isfinite(first) & np.isfinite(second) & (True if men is None else men)
        first, second = (np.where(level < least, 0.0, level)[there] for level in (first, second))
        apart = (first - second) * (-1.0 if column in FALLS else 1.0)
        differ = np.abs(apart) > _SAME * np.maximum(np.abs(first), np.abs(second))
        more, count = differ & (apart > 0.0), max(1, len(first))
        shares = [100.0 * float(hits.sum()) / count for hits in (more, differ & ~more, ~differ)]
        change = self._laboratory.percent_change(column, second, first)
        change = np.atleast_1d(change)[np.isfinite(np.atleast_1d(change))]
        median = float(np.median(change)) if len(change) else np.nan
        _, low, high = share_of_men(more[differ])
        return Paired(shares[0], shares[1], shares[2], median, low, high, len(first))

    def ranked(self, column: str) -> list[int]:
        """Return the treatments, and none (0), from that which does most for a quantity on: by the pairs that each wins."""
        arms = range(len(self.after) + 1)
        won = {
            one: sum(pair.more - pair.less for pair in (self.paired(column, one, other) for other in arms))
            for one in arms
        }
        return sorted(arms, key=lambda arm: (-won[arm], arm))

    def verdict(self, column: str) -> list[str]:
        """Return which treatment does most for a quantity, how sure that is and what it hangs on, in sentences."""
        first, second, *_ = self.ranked(column)
        pair, word = self.paired(column, first, second), QUANTITIES[column].label
        if pair.men < LEAST_MEN:
            return [f"Which candidate does most for {word}: {cannot_say(pair.men)}."]
        wanted, other = ("lower", "higher") if column in FALLS else ("higher", "lower")
        one, two = self.called(first), self.called(second)
        if first == 0:
            head = f"No candidate does more for {word} than {one}: untreated it is"
        elif not pair.clear:
            head = f"No clear difference for {word}: with {one} it is"
        else:
            head = f"{one} does most for {word}:"
        less = f"{other} in {pair.less:.0f} %{f', the same in {pair.same:.0f} %' if pair.same >= 0.5 else ''}"
        found = f"{head} {wanted} than with {two} in {pair.more:.0f} % of {pair.men} paired virtual patients, {less}."
        unit = f" {QUANTITIES[column].clinical_unit}" if QUANTITIES[column].clinical_unit else ""
        medians = "; ".join(
            f"{self.called(arm)} {self._median(column, arm)}" for arm in dict.fromkeys((first, second, 0))
        )
        size = f"Medians: {medians}{unit}"
        if np.isfinite(pair.median_pct):
            size += f"; man by man the median difference between the first two is {report.signed(pair.median_pct, 1)} %"
        if not np.isnan(pair.low):
            size += f". Of those who differ {wanted} in {pair.low:.0f} to {pair.high:.0f} % (95 % interval)"
        return [found, f"{size}.", *self._hangs(column, first, second)]

    def _median(self, column: str, arm: int) -> str:
        levels = clinical(column, self._arm(arm)[column].dropna().to_numpy())
        return number(float(np.median(levels))) if len(levels) else "-"

    def by_answer(self, column: str, one: int, other: int) -> dict[tuple[str, str], Paired]:
        """Return how treatment `one` compares with `other` in men with each answer, by (question, answer): LEAST_MEN or more."""
        found = {}
        for question in self.answers:
            for answer in hypotheses()[question].answers:
                men = (self.answers[question] == answer).to_numpy()
                pair = self.paired(column, one, other, men)
                if pair.men >= LEAST_MEN:
                    found[str(question), answer] = pair
        return found

    def _hangs(self, column: str, one: int, other: int) -> list[str]:
        pairs = {key: pair for key, pair in self.by_answer(column, one, other).items() if not np.isnan(pair.low)}
        if not pairs:
            return []
        turned = {key: pair for key, pair in pairs.items() if pair.opposite}
        (question, answer), least = min(pairs.items(), key=lambda item: item[1].more - item[1].less)
        if not turned:
            weakest = (
                f"it is weakest under the answer “{answer}” to {asked(question)}: {least.more:.0f} % of {least.men} men"
            )
            return [f"No answer to what the data do not decide turns this order beyond chance; {weakest}."]
        told = [
            f"The order turns under the answer “{answer}” to {asked(question)}: there {self.called(one)} does more in {pair.more:.0f} % "
            f"and less in {pair.less:.0f} % of {pair.men} men."
            for (question, answer), pair in turned.items()
        ]
        decide = dict.fromkeys(question for question, _ in turned)
        return told + [
            f"What would decide {asked(question)}: {hypotheses()[question].decided_by}." for question in decide
        ]

    # ---- shares of men

    def rising(self, column: str, arm: int, over: float = RISE) -> str:
        """Return the share of men whose level rises by over `over` % under a treatment; sperm where there were none are a rise."""
        first, last = (self._arm(k)[column].to_numpy() for k in (0, arm))
        there = np.isfinite(first) & np.isfinite(last)
        if column in SPERM:
            there &= with_sperm(self.before, self._arm(arm), self.values)
        change = np.asarray(self._laboratory.percent_change(column, first, last))
        rises = np.where(np.isfinite(change), change > over, last >= self._laboratory.limit(column))
        return _share(rises[there])

    def within(self, column: str, arm: int, low: float, high: float) -> str:
        """Return the share of men whose level lies within limits, in the unit of the column."""
        level = self._arm(arm)[column].to_numpy()
        level = level[np.isfinite(level)]
        return _share((level >= low) & (level <= high))

    def azoospermic(self, arm: int) -> str:
        """Return the share of men without sperm in their ejaculate."""
        least = parameters.all_values(self.values)["outcome.azoospermic_below"]
        return _share(self._arm(arm)["concentration_million_ml"].to_numpy() < least)


def _share(hits: np.ndarray) -> str:
    return cannot_say(len(hits)) if len(hits) < LEAST_MEN else f"{100.0 * float(hits.mean()):.0f} %"
