"""What a treatment does to a man under each answer to the questions that the data do not decide (parameters/hypotheses.toml).

Under every combination of answers some plausible parameter sets, calibrated with these answers (studies.ensemble), take the
mean-field man through the scenario, untreated and treated; of an infertile man an answer that speaks of several kinds of
men is the mean of them. What the scenario sets itself is not open any more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.one_at_a_time import Swing, numbers, one_at_a_time
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected, output
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.parameter_set import ParameterSet, of_kinds, untreated_sperm
from testis_abm.man.physiology import complete, is_adult
from testis_abm.man.treat import Treatment
from testis_abm.parameters import hypotheses
from testis_abm.results import plausible, report
from testis_abm.results.plausible import SAME
from testis_abm.results.treatment import Treatment as Span
from testis_abm.scenario import Scenario, load
from testis_abm.statistics import nanmean, weighted_quantiles
from testis_abm.studies.ensemble import shipped
from testis_abm.studies.replay import configuration
from testis_abm.support import guard
from testis_abm.support.cores import each
from testis_abm.support.errors import ScenarioError

DEFAULT = ("daily sperm production", "sperm concentration", "total motile count")
SETS = 6  # parameter sets of a combination of answers
_NAMED = 2  # numbers that are assumed, of those that move an output most
# Numbers that the hormone rules of the germ line assume, and that neither data nor an answer moves.
_ASSUMED = ("germ.room", "receptor.spermiation_half_ratio")


Columns = Mapping[str, tuple[str, int]]  # heading -> output (a key of OUTPUTS), and the place of the arm


class Combination(NamedTuple):
    """One answer to every open question, its weight, and the outputs of every arm, (arms, sets, COLUMNS)."""

    answers: Mapping[str, str]
    weight: float
    levels: np.ndarray

    def changes(self, word: str, arm: int = -1) -> np.ndarray:
        """Return the change of an output (a key of OUTPUTS) against the first arm under each set, %; NaN of nothing."""
        levels = self.levels[:, :, COLUMNS.index(OUTPUTS[word].column)]
        before = np.where(levels[0] > 0.0, levels[0], np.nan)
        return np.asarray(100.0 * (levels[arm] / before - 1.0))

    def change(self, word: str, arm: int = -1) -> float:
        """Return the median over the parameter sets."""
        return float(np.median(self.changes(word, arm)))


class Change(NamedTuple):
    """Median change and the ends of its 90 % interval, %."""

    median: float
    low: float
    high: float

    def text(self) -> str:
        """Return it as "+14 (-3 to +30)"."""
        return f"{self.median:+.0f} ({self.low:+.0f} to {self.high:+.0f})"


@dataclass(frozen=True)
class UnderHypotheses:
    """Arms under every combination of answers.

    Attributes:
        title: of the scenario. arms: names, the first is what the others are compared with.
        combinations: all of them; weights add up to 1.
        assumed: what hangs on each number that is assumed, and that neither calibration nor an answer moves.
        day: of the plan, on whose morning the men are looked at.
    """

    title: str
    arms: tuple[str, ...]
    combinations: tuple[Combination, ...]
    assumed: tuple[Swing, ...]
    day: int

    @cached_property
    def open(self) -> tuple[str, ...]:
        """Return the questions that are open, of this man."""
        first, *others = (one.answers for one in self.combinations)
        return tuple(name for name in first if any(other[name] != first[name] for other in others))

    @property
    def sets(self) -> int:
        """Return how many parameter sets were lived, those of one combination of answers apart from those of others."""
        return sum(one.levels.shape[1] for one in self.combinations)

    def change(self, word: str, question: str = "", answer: str = "", arm: int = -1) -> Change:
        """Return the change of an output over parameter sets and combinations with that answer (default: all), by weight.

        NaN of an output that an arm has not.
        """
        return self._spread(lambda one: one.changes(word, arm), question, answer)

    def level(self, word: str, question: str = "", answer: str = "", arm: int = -1) -> Change:
        """Return an output's level over parameter sets and combinations with that answer, by weight."""
        column = COLUMNS.index(OUTPUTS[word].column)
        return self._spread(lambda one: one.levels[arm, :, column], question, answer)

    def _spread(self, read: Callable[[Combination], np.ndarray], question: str, answer: str) -> Change:
        """Return the spread of what is read of the combinations with an answer, (sets,) each; NaN where a set has none."""
        chosen = [one for one in self.combinations if not question or one.answers[question] == answer]
        values = np.concatenate([read(one) for one in chosen])
        weights = np.concatenate([np.full(one.levels.shape[1], one.weight / one.levels.shape[1]) for one in chosen])
        there = np.isfinite(values)
        if not there.any():
            return Change(np.nan, np.nan, np.nan)
        return Change(*map(float, weighted_quantiles(values[there], weights[there], (0.5, 0.05, 0.95))))

    def table(self) -> pd.DataFrame:
        """Return all of it as a table (results.plausible.COLUMNS)."""
        rows = []
        answers = [(name, answer) for name in self.open for answer in hypotheses()[name].answers]
        for arm, of in enumerate(self.arms):
            for word, quantity in OUTPUTS.items():
                signs = self.signs(word, arm) if arm else (np.nan,) * 3
                turning = self.turning(word, arm) if arm else []
                for question, answer in (("", ""), *answers):
                    alike = [one for one in self.combinations if not question or one.answers[question] == answer]
                    if not alike:
                        continue
                    change = self.change(word, question, answer, arm) if arm else Change(np.nan, np.nan, np.nan)
                    weight, sets = sum(one.weight for one in alike), sum(one.levels.shape[1] for one in alike)
                    row = (of, quantity.column, question, answer, weight, *self.level(word, question, answer, arm))
                    rows.append((*row, *change, *signs, question in turning, sets))
        return pd.DataFrame(rows, columns=list(plausible.COLUMNS))

    def signs(self, word: str, arm: int = -1) -> tuple[float, float, float]:
        """Return the weight under which an output falls, stays within 2 %, and rises."""
        weight = np.zeros(3)
        for one in self.combinations:
            changes = one.changes(word, arm)
            signs = np.where(np.abs(changes) < SAME, 0, np.sign(np.nan_to_num(changes))).astype(int)
            weight += one.weight * np.bincount(signs + 1, minlength=3) / len(changes)
        return float(weight[0]), float(weight[1]), float(weight[2])

    def turning(self, word: str, arm: int = -1) -> list[str]:
        """Return the questions whose answer alone turns the sign of an output in some combination of the others."""
        found = []
        for question in self.open:
            others: dict[Any, set[bool]] = {}
            for one in self.combinations:
                rest = tuple(answer for name, answer in one.answers.items() if name != question)
                if abs(change := one.change(word, arm)) >= SAME:
                    others.setdefault(rest, set()).add(change > 0.0)
            if any(len(signs) == 2 for signs in others.values()):
                found.append(question)
        return found

    def text(self, words: tuple[str, ...] = DEFAULT) -> str:
        """Return the changes under each answer as a table, the weight of each sign, and what would decide.

        Raises:
            ScenarioError: a word that is no output.
        """
        words = tuple(output(word) for word in guard.texts(words, "words", '["LH", "total motile count"]'))
        columns = {word: (word, -1) for word in words}
        verdicts = [report.note(self.verdict(word)) for word in words]
        after = [*verdicts, *self.deciding(columns), *self._assumptions(words), *self._note()]
        return "\n".join([self.title, "", self.by_answer(columns), "", *after])

    def by_answer(self, columns: Columns) -> str:
        """Return the changes under each answer as a table."""
        rows = [["change, % (90 % interval)", "weight", *columns]]
        for question in self.open:
            of = hypotheses()[question]
            rows.append([f"{question}: {of.question}"])
            for name, answer in of.answers.items():
                if not any(one.answers[question] == name for one in self.combinations):
                    continue
                mark = " (in the tables)" if name == of.default else ""
                changes = [self.change(word, question, name, arm).text() for word, arm in columns.values()]
                rows.append([f"  {name}{mark}", f"{answer.weight:.2f}", *changes])
        rows.append(["all, by weight", "1.00", *(self.change(word, arm=arm).text() for word, arm in columns.values())])
        return _table(rows)

    def verdict(self, word: str, arm: int = -1) -> str:
        """Return the weight of each sign in words, and the questions that it hangs on."""
        return plausible.verdict(word, *self.signs(word, arm), self.turning(word, arm))

    def deciding(self, columns: Columns) -> list[str]:
        """Return what would decide the questions on which a sign hangs."""
        turning = dict.fromkeys(question for of in columns.values() for question in self.turning(*of))
        told = [f"What would decide {question}: {hypotheses()[question].decided_by}." for question in turning]
        return [report.note(text) for text in told]

    def _assumptions(self, words: tuple[str, ...]) -> Iterator[str]:
        """Yield what the changes are at the ends of the assumed numbers that move some output most, or turn its sign."""
        most = {id(swing) for word in words for swing in sorted(self.assumed, key=lambda one: -one.span(word))[:_NAMED]}
        for swing in self.assumed:
            turned = [word for word in words if swing.turns(word)]
            if not turned and (id(swing) not in most or max(map(swing.span, words)) < SAME):
                continue
            ends = ((word, swing.of(word)) for word in words)
            told = ", ".join(f"{word} {low:+.0f} % and {high:+.0f} %" for word, (low, _, high) in ends)
            where = f"at {swing.number.low:g} and {swing.number.high:g}, else as the tables have him"
            sign = f" It alone turns the sign of {' and '.join(turned)}." if turned else ""
            yield report.note(f"Assumed, and moved by nothing: {swing.name}; {where}: {told}.{sign}")

    def _note(self) -> Iterator[str]:
        yield report.note(
            f"Expected change by the morning of day {self.day} against no treatment, mean-field man. {len(self.combinations)} "
            f"combinations of answers, {self.sets} lives under plausible parameter sets that were calibrated with these answers; weights "
            "and their sources: testis_abm/parameters/hypotheses.toml. What the scenario sets itself is taken as known."
        )


def _table(rows: list[list[str]]) -> str:
    """Return rows as text; a row of one cell is a heading."""
    whole = [row for row in rows if len(row) > 1]
    lines = iter(report.aligned(whole).split("\n"))
    return "\n".join(f"  {row[0]}" if len(row) == 1 else next(lines) for row in rows)


def under_hypotheses(
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any], *, sets: int = SETS
) -> UnderHypotheses:
    """Let a scenario's man live untreated and treated under every combination of answers, on all cores.

    Args:
        scenario: a Scenario, a mapping, or the path of a scenario file, with a treatment.
        sets: parameter sets of the shipped ensemble under each combination of answers about all men.

    Raises:
        TestisError: a scenario that cannot be understood, or has no treatment.
    """
    case = load(Path(scenario) if isinstance(scenario, os.PathLike) else scenario)
    if not case.treated:
        raise ScenarioError(f"{case.title}: has no treatment to weigh; add a [[therapy]], [[weight]] or [[clamp]]")
    arms = {UNTREATED: untreated(case), TREATED: case}
    found = arms_under_hypotheses(arms, sets=sets, title=case.title)
    return replace(found, assumed=one_at_a_time(case, _assumed(case)))


def _assumed(case: Scenario) -> list[str]:
    """Return the numbers of the model and of the scenario's drugs that are assumed and that nothing moves."""
    moved = {name for of in hypotheses().values() for name in of.parameters}.union(configuration()["parameters"])
    return [name for name, row in numbers(case).items() if row.confidence == "assumed" and name not in moved]


def untreated(case: Scenario) -> Scenario:
    """Return a scenario without what is done to its man."""
    return case.model_copy(update={"therapy": (), "weight": (), "clamp": ()})


def arms_under_hypotheses(
    arms: Mapping[str, Scenario],
    *,
    men: Sequence[Mapping[str, float]] = (),
    sets: int = SETS,
    day: int | None = None,
    title: str = "",
) -> UnderHypotheses:
    """Let the men of scenarios live under every combination of answers, on all cores; see under_hypotheses.

    Args:
        arms: name -> scenario; what the first sets under [parameters] is known in all.
        men: physiology of men who live in every arm instead of the scenarios' own; levels are means over them.
        sets: parameter sets under each combination of answers about all men.
        day: on whose morning they are looked at (default: the end of treatment).
    """
    sets = guard.argument("sets", sets)
    cases = list(arms.values())
    ends = [max(1, round(Span.planned(case, case.plan.duration_days).end)) for case in cases if case.treated]
    day = max(ends, default=cases[0].plan.duration_days) if day is None else day
    found = shipped().knowing(cases[0].parameters).by_answers(sets)
    chosen = [(weight / len(alike), own) for weight, alike in found for own in alike]
    groups = [men or [case.man.physiology] for case in cases]
    asked = {of.name for group in groups for man in group for of in chosen[0][1].asked(man)}
    # What answers about some men say is lived once for all sets of the same numbers.
    same: dict[int, list[int]] = {}
    for k, (_, own) in enumerate(chosen):
        same.setdefault(id(own.values), []).append(k)

    def lived(places: list[int]) -> list[np.ndarray]:
        own = [chosen[k][1] for k in places]
        return list(np.stack([_levels(case, group, own, day) for case, group in zip(cases, groups)], axis=1))

    made = chain.from_iterable(each(lived, list(same.values())))
    levels = dict(zip(chain.from_iterable(same.values()), made, strict=True))
    together: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for k, (_, own) in enumerate(chosen):
        # An answer about men who are not here is no answer: a set has one life whatever it is.
        answers = ((name, of) for name, of in own.answers.items() if name in asked or name not in own.of_some)
        together.setdefault(tuple(answers), []).append(k)
    combinations = tuple(
        Combination(
            dict(answers),
            sum(chosen[k][0] for k in of),
            np.stack([levels[k] for k in {id(chosen[k][1].values): k for k in of}.values()], axis=1),
        )
        for answers, of in together.items()
    )
    return UnderHypotheses(title, tuple(arms), combinations, (), day)


def _levels(case: Scenario, men: Sequence[Mapping[str, float]], alike: Sequence[ParameterSet], day: int) -> np.ndarray:
    """Return the outputs of a scenario on a day, means over men, under parameter sets of the same numbers, (sets, COLUMNS).

    Of each man under a set it is the mean over the kinds that the set's answers may have him.
    """
    own = alike[0]
    if case.parameters:
        own = replace(own, values=complete({**own.values, **case.parameters}))
    columns = {field: np.array([man[field] for man in men]) for field in men[0]}
    sperm = untreated_sperm([own.whole] * len(men), columns).tolist()
    kinds = [[list(one.kinds(man, of)) for man, of in zip(men, sperm)] for one in alike]
    lives = list(dict.fromkeys((i, of) for by_man in kinds for i, shares in enumerate(by_man) for _, of in shares))
    at, which = [i for i, _ in lives], [of for _, of in lives]
    bodies, values = of_kinds({field: column[at] for field, column in columns.items()}, [own] * len(lives), which)
    treatment = Treatment(case, own.drugs, history=True)
    lived = {}
    for k, (i, of) in enumerate(lives):
        man = ExpectedMan(values[k], {field: float(body[k]) for field, body in bodies.items()}, treatment.kinetics)
        still = not case.treated and not case.man.history and is_adult(man.man)  # he stays as he is
        if not still:
            treatment.follow(man, (case.plan.seed, i) if i else (case.plan.seed,))
        lived[i, of] = np.array(of_expected(man, 0 if still else day, case.samples.abstinence_days))
    means = [
        nanmean(np.array([sum(share * lived[i, of] for share, of in shares) for i, shares in enumerate(by_man)]))
        for by_man in kinds
    ]
    return np.array(means)
