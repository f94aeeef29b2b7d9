"""What a treatment does to a man under each answer to the questions that the data do not decide (parameters/hypotheses.toml).

Every combination of answers is lived by the mean-field man, untreated and treated; an answer that speaks of several kinds
of men is the mean of them. What the scenario sets itself is not open any more.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from testis_abm import parameters
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected, output
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.parameters import Answer, ManKind, hypotheses
from testis_abm.parameters.table import FrozenMapping
from testis_abm.results import report
from testis_abm.scenario import Scenario, load
from testis_abm.support import guard
from testis_abm.support.cores import each
from testis_abm.support.errors import ScenarioError

DEFAULT = ("daily sperm production", "sperm concentration", "total motile count")
_SAME = 2.0  # percent: a change of less than that has no sign
# Numbers that the hormone rules of the germ line assume, and that neither data nor an answer moves.
_ASSUMED = ("germ.room", "receptor.spermiation_half_ratio")
_PLAIN = ManKind(share=1.0, parameters=FrozenMapping({}), man=FrozenMapping({}))  # a man as the tables have him


class Combination(NamedTuple):
    """One answer to every question, its weight, and the man's outputs (COLUMNS) untreated and treated."""

    answers: Mapping[str, str]
    weight: float
    untreated: np.ndarray
    treated: np.ndarray

    def change(self, word: str) -> float:
        """Return the change of an output (a key of OUTPUTS), %; NaN of nothing."""
        column = COLUMNS.index(OUTPUTS[word].column)
        before, after = self.untreated[column], self.treated[column]
        return float(100.0 * (after / before - 1.0)) if before > 0.0 else math.nan


@dataclass(frozen=True)
class UnderHypotheses:
    """A scenario under every combination of answers.

    Attributes:
        scenario: whose man and treatment.
        combinations: all of them; weights add up to 1.
        assumed: name of a number that is assumed and that no answer sets -> the man at the ends of its range, else as the
            tables have him.
        day: of the plan, on whose morning the treated man is looked at.
    """

    scenario: Scenario
    combinations: tuple[Combination, ...]
    assumed: Mapping[str, tuple[Combination, Combination]]
    day: int

    def mean(self, word: str, question: str = "", answer: str = "") -> float:
        """Return the weighted mean change of an output, %, of the combinations with that answer (default: of all)."""
        chosen = [one for one in self.combinations if not question or one.answers[question] == answer]
        return float(np.average([one.change(word) for one in chosen], weights=[one.weight for one in chosen]))

    def signs(self, word: str) -> tuple[float, float, float]:
        """Return the weight of the combinations under which an output falls, stays within 2 %, and rises."""
        weight = {-1: 0.0, 0: 0.0, 1: 0.0}
        for one in self.combinations:
            change = one.change(word)
            weight[0 if abs(change) < _SAME else int(math.copysign(1, change))] += one.weight
        return weight[-1], weight[0], weight[1]

    def turning(self, word: str) -> list[str]:
        """Return the questions whose answer alone turns the sign of an output in some combination of the others."""
        found = []
        for question in self.combinations[0].answers:
            others: dict[Any, set[bool]] = {}
            for one in self.combinations:
                rest = tuple(answer for name, answer in one.answers.items() if name != question)
                if abs(change := one.change(word)) >= _SAME:
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
        rows = [["change, %", "weight", *words]]
        for question, of in hypotheses().items():
            if question not in self.combinations[0].answers:
                continue
            rows.append([f"{question}: {of.question}"])
            for name, answer in of.answers.items():
                mark = " (in the tables)" if name == of.default else ""
                changes = [f"{self.mean(word, question, name):+.0f}" for word in words]
                rows.append([f"  {name}{mark}", f"{answer.weight:.2f}", *changes])
        rows.append(["all, by weight", "1.00", *(f"{self.mean(word):+.0f}" for word in words)])
        rows.append(["range", "", *(self._range(word) for word in words)])
        verdicts = [report.note(self._verdict(word)) for word in words]
        after = [*verdicts, *self._deciding(words), *self._assumptions(words), *self._note()]
        return "\n".join([self.scenario.title, "", _table(rows), "", *after])

    def _range(self, word: str) -> str:
        changes = [one.change(word) for one in self.combinations]
        return f"{min(changes):+.0f} to {max(changes):+.0f}"

    def _verdict(self, word: str) -> str:
        falls, stays, rises = (100.0 * share for share in self.signs(word))
        told = f"{word[0].upper()}{word[1:]}: rises under {rises:.0f} % of the weight, within {_SAME:g} % under {stays:.0f} %, falls under {falls:.0f} %."
        turning = self.turning(word)
        hangs = f"Its sign hangs on {' and '.join(turning)}." if turning else "No answer turns its sign."
        return f"{told} {hangs}"

    def _deciding(self, words: tuple[str, ...]) -> list[str]:
        """Return what would decide the questions on which a sign hangs."""
        turning = dict.fromkeys(question for word in words for question in self.turning(word))
        told = [f"What would decide {question}: {hypotheses()[question].decided_by}." for question in turning]
        return [report.note(text) for text in told]

    def _assumptions(self, words: tuple[str, ...]) -> Iterator[str]:
        """Yield what the changes are at the ends of each number that is assumed."""
        for name, ends in self.assumed.items():
            row = parameters.load()[name]
            told = ", ".join(f"{word} " + " and ".join(f"{end.change(word):+.0f} %" for end in ends) for word in words)
            where = f"at {row.low:g} and {row.high:g}, with the answers of the tables"
            yield report.note(f"Assumed, and moved by nothing: {name}; {where}: {told}.")

    def _note(self) -> Iterator[str]:
        yield report.note(
            f"Expected change by the morning of day {self.day} against no treatment, mean-field man; each answer over all "
            f"answers to the other questions, by weight. {len(self.combinations)} combinations; weights and their sources: "
            "testis_abm/parameters/hypotheses.toml. What the scenario sets itself is taken as known."
        )


def _table(rows: list[list[str]]) -> str:
    """Return rows as text; a row of one cell is a heading."""
    whole = [row for row in rows if len(row) > 1]
    lines = iter(report.aligned(whole).split("\n"))
    return "\n".join(f"  {row[0]}" if len(row) == 1 else next(lines) for row in rows)


def under_hypotheses(scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any]) -> UnderHypotheses:
    """Let a scenario's man live untreated and treated under every combination of answers, on all cores.

    Args:
        scenario: a Scenario, a mapping, or the path of a scenario file, with a treatment.

    Raises:
        TestisError: a scenario that cannot be understood, or has no treatment.
    """
    case = load(Path(scenario) if isinstance(scenario, os.PathLike) else scenario)
    if not case.treated:
        raise ScenarioError(f"{case.title}: has no treatment to weigh; add a [[therapy]], [[weight]] or [[clamp]]")
    control = case.model_copy(update={"therapy": (), "weight": (), "clamp": ()})
    arms = tuple(Treatment(one, history=True) for one in (control, case))
    open_questions = {
        name: of
        for name, of in hypotheses().items()
        if not any(
            case.parameters.keys() & kind.parameters.keys() for answer in of.answers.values() for kind in answer.kinds
        )
    }
    chosen = list(itertools.product(*(of.answers.values() for of in open_questions.values())))

    def one(answers: tuple[Answer, ...], **assumed: float) -> Combination:
        untreated, treated = np.zeros(len(COLUMNS)), np.zeros(len(COLUMNS))
        for share, kinds in _kinds(answers):
            before, after = (np.array(_lived(case, arm, kinds, assumed)) for arm in arms)
            untreated, treated = untreated + share * before, treated + share * after
        weight = math.prod(answer.weight for answer in answers)
        names = dict(zip(open_questions, (answer.name for answer in answers), strict=True))
        return Combination(names, weight, untreated, treated)

    usual = tuple(of.answers[of.default] for of in open_questions.values())
    free = {name: parameters.load()[name] for name in _ASSUMED if name not in case.parameters}
    ends = {name: (one(usual, **{name: row.low}), one(usual, **{name: row.high})) for name, row in free.items()}
    return UnderHypotheses(case, tuple(each(one, chosen)), ends, case.plan.duration_days)


def _kinds(answers: tuple[Answer, ...]) -> Iterator[tuple[float, tuple[ManKind, ...]]]:
    """Yield the kinds of men that answers speak of together, with their share; men of no kind are as the tables have them."""
    each_of = []
    for answer in answers:
        rest = 1.0 - sum(kind.share for kind in answer.kinds)
        plain = [(rest, _PLAIN)] if rest > 1e-9 else []
        each_of.append([*((kind.share, kind) for kind in answer.kinds), *plain])
    for parts in itertools.product(*each_of):
        yield math.prod(share for share, _ in parts), tuple(kind for _, kind in parts)


def _lived(
    case: Scenario, treatment: Treatment, kinds: tuple[ManKind, ...], assumed: Mapping[str, float]
) -> list[float]:
    """Return the outputs of the scenario's man, if he is of these kinds, on the last morning of the plan."""
    set_there = {name: value for kind in kinds for name, value in kind.parameters.items()}
    values = complete(parameters.values({**assumed, **set_there, **case.parameters}))
    man = dict(case.man.physiology)
    for kind in kinds:
        for field, factor in kind.man.items():
            limits = parameters.physiology()[field]
            man[field] = min(limits.high, max(limits.low, man[field] * factor))
    lived = treatment.follow(ExpectedMan(values, man, treatment.kinetics), (case.plan.seed,))
    return of_expected(lived, case.plan.duration_days, case.samples.abstinence_days)
