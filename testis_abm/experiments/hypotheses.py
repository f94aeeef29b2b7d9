"""What a treatment does to a man under each answer to the questions that the data do not decide (parameters/hypotheses.toml).

Under every combination of answers some plausible parameter sets, calibrated with these answers (studies.ensemble), take the
mean-field man through the scenario, untreated and treated; of an infertile man an answer that speaks of several kinds of
men is the mean of them. What the scenario sets itself is not open any more.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.one_at_a_time import Swing, numbers, one_at_a_time
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected, output
from testis_abm.man.injuries import left_out, warn_if_cells_are_needed
from testis_abm.man.parameter_set import Kinds, ParameterSet, of_kinds, untreated_sperm
from testis_abm.man.physiology import complete, is_adult
from testis_abm.man.treat import Treatment
from testis_abm.parameters import FrozenMapping, ManKind, hypotheses
from testis_abm.parameters.tables import NONE, using
from testis_abm.results import plausible, report
from testis_abm.results.plausible import SAME, Change, Lives
from testis_abm.results.shown import Shown
from testis_abm.results.treatment import Treatment as Span
from testis_abm.scenario import Scenario, load
from testis_abm.statistics import nanmean
from testis_abm.studies.ensemble import shipped
from testis_abm.studies.score import configuration
from testis_abm.support import guard
from testis_abm.support.cores import counted, each
from testis_abm.support.errors import ScenarioError, TestisError

DEFAULT = ("daily sperm production", "sperm concentration", "total motile count")
SETS: int | None = (
    None  # parameter sets of a combination of answers; all: with few, single sets decide on the ends of an interval
)
_NAMED = 2  # numbers that are assumed, of those that move an output most
# Numbers that the hormone rules of the germ line assume, and that neither data nor an answer moves.
_ASSUMED = ("germ.room", "receptor.spermiation_half_ratio")


class Combination(NamedTuple):
    """One answer to every open question, its weight, and the outputs of every arm, (arms, sets, COLUMNS)."""

    answers: Mapping[str, str]
    weight: float
    levels: np.ndarray


@dataclass(frozen=True)
class UnderHypotheses(Shown):
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
    def _lives(self) -> Lives:
        answers = [one.answers for one in self.combinations for _ in range(one.levels.shape[1])]
        shares = [np.full(one.levels.shape[1], one.weight / one.levels.shape[1]) for one in self.combinations]
        levels = np.concatenate([one.levels for one in self.combinations], axis=1)
        by_column = {name: levels[:, :, k] for k, name in enumerate(COLUMNS)}
        return Lives(
            pd.DataFrame(answers, dtype=object).fillna(""), self.arms, by_column, _least(), np.concatenate(shares)
        )

    @cached_property
    def _table(self) -> pd.DataFrame:
        return self._lives.table()

    @property
    def open(self) -> tuple[str, ...]:
        """Return the questions that are open, of this man."""
        return self._lives.open

    @property
    def sets(self) -> int:
        """Return how many parameter sets were lived, those of one combination of answers apart from those of others."""
        return sum(one.levels.shape[1] for one in self.combinations)

    def table(self) -> pd.DataFrame:
        """Return all of it as a table (results.plausible.COLUMNS)."""
        return self._table.copy()

    def change(self, word: str, question: str = "", answer: str = "", arm: int = -1) -> Change:
        """Return the change of an output over parameter sets and combinations with that answer (default: all), by weight.

        NaN of an output that an arm has not.
        """
        return Change(*self._row(word, arm, question, answer)[["change_pct", "low_pct", "high_pct"]])

    def signs(self, word: str) -> tuple[float, float, float]:
        """Return the weight under which an output falls, stays within 2 %, and rises; NaN of one that nobody has."""
        falls, stays, rises = self._row(word, -1)[["falls", "stays", "rises"]]
        return falls, stays, rises

    def turning(self, word: str, arm: int = -1) -> list[str]:
        """Return the questions whose answer turns the sign of an output, alone or in some combination of the others."""
        return plausible.turning(self._table, self.arms[arm], [OUTPUTS[word].column])

    def _row(self, word: str, arm: int, question: str = "", answer: str = "") -> pd.Series:
        rows = self._table[["arm", "column", "question", "answer"]]
        here = (rows == [self.arms[arm], OUTPUTS[word].column, question, answer]).all(axis=1)
        return self._table[here].iloc[0]

    def text(self, words: tuple[str, ...] = DEFAULT) -> str:
        """Return the changes under each answer as a table, the weight of each sign, and what would decide.

        Raises:
            ScenarioError: a word that is no output.
        """
        words = tuple(output(word) for word in guard.texts(words, "words", '["LH", "total motile count"]'))
        what = self._table, self.arms[-1], [OUTPUTS[word].column for word in words]
        notes = [report.note(text) for text in (*plausible.verdicts(*what), *plausible.deciding(*what))]
        after = [*notes, *self._assumptions(words), *self._note()]
        return "\n".join([self.title, "", plausible.answered(plausible.by_answer(*what)), "", *after])

    def verdict(self, word: str) -> str:
        """Return the weight of each sign in words, and the questions that it hangs on."""
        return next(plausible.verdicts(self._table, self.arms[-1], [OUTPUTS[word].column]))

    def _assumptions(self, words: tuple[str, ...]) -> Iterator[str]:
        """Yield what the changes are at the ends of the assumed numbers that move some output most, or turn its sign."""
        words = tuple(
            word for word in words if math.isfinite(self.change(word).median)
        )  # of nothing there is no change
        most = {id(swing) for word in words for swing in sorted(self.assumed, key=lambda one: -one.span(word))[:_NAMED]}
        for swing in self.assumed:
            turned = [word for word in words if swing.turns(word)]
            if not turned and (id(swing) not in most or max(map(swing.span, words), default=0.0) < SAME):
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


class _ArmError(TestisError):
    """An arm that cannot be lived under some plausible parameter set."""

    def __init__(self, arm: str, error: TestisError) -> None:
        super().__init__(f"{arm}: {error}" if arm else str(error))
        self.arm, self.why = arm, str(error)


@cache
def _least() -> Mapping[str, float]:
    """Return the least of each output that is told from none."""
    with using(NONE):
        laboratory = Laboratory(parameters.values())
    return {name: laboratory.limit(name) for name in COLUMNS}


def under_hypotheses(
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any], *, sets: int | None = None
) -> UnderHypotheses:
    """Let a scenario's man live untreated and treated under every combination of answers, on all cores.

    Args:
        scenario: a Scenario, a mapping, or the path of a scenario file, with a treatment.
        sets: parameter sets of the shipped ensemble under each combination of answers about all men, at most (default: all).

    Raises:
        TestisError: a scenario that cannot be understood, or has no treatment.
    """
    case = load(Path(scenario) if isinstance(scenario, os.PathLike) else scenario)
    if not case.treated:
        raise ScenarioError(
            f"{case.title}: has no treatment to weigh; add a [[therapy]], [[weight]], [[clamp]] or [[insult]]"
        )
    warn_if_cells_are_needed([case])
    arms = {UNTREATED: untreated(case), TREATED: case}
    found = arms_under_hypotheses(arms, sets=sets, first=began(case), title=case.heading)
    return replace(found, assumed=one_at_a_time(case, _assumed(case)))


def _assumed(case: Scenario) -> list[str]:
    """Return the numbers of the model and of the scenario's drugs that are assumed and that nothing moves."""
    moved = {name for of in hypotheses().values() for name in of.parameters}.union(configuration()["parameters"])
    return [name for name, row in numbers(case).items() if row.confidence == "assumed" and name not in moved]


def untreated(case: Scenario) -> Scenario:
    """Return a scenario without what is done to its man."""
    return case.untreated()


def began(case: Scenario) -> int:
    """Return the morning on which the treatment of a scenario begins."""
    return max(0, int(Span.planned(case, case.plan.duration_days).start))


def arms_under_hypotheses(
    arms: Mapping[str, Scenario],
    *,
    men: Sequence[Mapping[str, float]] = (),
    sets: int | None = None,
    day: int | None = None,
    first: int = 0,
    title: str = "",
    progress: Callable[[int, int], None] | None = None,
) -> UnderHypotheses:
    """Let the men of scenarios live under every combination of answers, on all cores; see under_hypotheses.

    Args:
        arms: name -> scenario; what the first sets under [parameters] is known in all.
        men: physiology of men who live in every arm instead of the scenarios' own; levels are means over them.
        sets: parameter sets under each combination of answers about all men, at most (default: all).
        day: on whose morning they are looked at (default: the end of treatment).
        first: hormones are means of mornings after it, as those of a run are of mornings after its treatment began.
        progress: called with the parameter sets begun and all of them, from several threads; what it raises ends the work.
    """
    sets = SETS if sets is None else guard.argument("sets", sets)
    cases = list(arms.values())
    ends = [max(1, round(Span.planned(case, case.plan.duration_days).end)) for case in cases if case.treated]
    day = max(ends, default=cases[0].plan.duration_days) if day is None else day
    with using(cases[0].own_tables):
        found = shipped().knowing(cases[0].parameters).by_answers(sets)
    chosen = [(weight / len(alike), own) for weight, alike in found for own in alike]
    groups = [men or [case.man.physiology] for case in cases]
    asked = {of.name for group in groups for man in group for of in chosen[0][1].asked(man)}
    # What answers about some men say is lived once for all sets of the same numbers.
    same: dict[int, list[int]] = {}
    for k, (_, own) in enumerate(chosen):
        same.setdefault(id(own.values), []).append(k)

    tell = counted(progress, len(same))

    def lived(places: list[int]) -> list[np.ndarray]:
        tell()
        own, levels = [chosen[k][1] for k in places], []
        for arm, case, group in zip(arms, cases, groups):
            try:
                levels.append(_levels(case, group, own, day, first))
            except TestisError as error:
                raise _ArmError(arm, error) from error
        return list(np.stack(levels, axis=1))

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


def over_models_of(arms: Mapping[str, Scenario], **how: Any) -> tuple[dict[str, str], pd.DataFrame | None]:
    """Return why arms are left out of plausible models, and the levels and changes of the others (results.plausible.COLUMNS).

    Arms that need cells are left out; without the first of them, or any other, there are no changes: None.

    Args:
        arms: name -> scenario. how: see arms_under_hypotheses.
    """
    left = {name: why for name, case in arms.items() if (why := left_out(case))}
    while True:
        sound = {name: case for name, case in arms.items() if name not in left}
        if len(sound) < 2 or next(iter(arms)) in left:
            return left, None
        try:
            return left, arms_under_hypotheses(sound, **how).table()
        except _ArmError as error:  # one arm is no reason to say nothing of the others
            left[error.arm] = f"cannot be lived under a plausible parameter set: {error.why}"


def _levels(
    case: Scenario, men: Sequence[Mapping[str, float]], alike: Sequence[ParameterSet], day: int, first: int
) -> np.ndarray:
    """Return the outputs of a scenario on a day, means over men, under parameter sets of the same numbers, (sets, COLUMNS).

    Of each man under a set it is the mean over the kinds that the set's answers may have him.
    """
    own = alike[0]
    if case.parameters:
        own = replace(own, values=complete({**own.values, **case.parameters}))
    columns = {field: np.array([man[field] for man in men]) for field in men[0]}
    sperm = untreated_sperm([own.whole] * len(men), columns).tolist()
    kinds = [
        [[(share, _traits(of, case)) for share, of in one.kinds(man, n)] for man, n in zip(men, sperm)] for one in alike
    ]
    lives = list(dict.fromkeys((i, of) for by_man in kinds for i, shares in enumerate(by_man) for _, of in shares))
    at, which = [i for i, _ in lives], [of for _, of in lives]
    bodies, values = of_kinds({field: column[at] for field, column in columns.items()}, [own] * len(lives), which)
    treatment = Treatment(case, own.drugs_of(case), history=True)
    lived = {}
    for k, (i, of) in enumerate(lives):
        man = treatment.man(values[k], {field: float(body[k]) for field, body in bodies.items()})
        still = not case.treated and not case.insult and not case.man.history and is_adult(man.man)  # he stays as he is
        if not still:
            treatment.follow(man, (case.plan.seed, i) if i else (case.plan.seed,))
        lived[i, of] = np.array(of_expected(man, 0 if still else day, case, first))
    means = [
        nanmean(np.array([sum(share * lived[i, of] for share, of in shares) for i, shares in enumerate(by_man)]))
        for by_man in kinds
    ]
    return np.array(means)


def _traits(kinds: Kinds, case: Scenario) -> Kinds:
    """Return kinds of men by what is other in them: not how many they are, nor what the scenario itself states of all."""

    def left(kind: ManKind) -> FrozenMapping[float]:
        return FrozenMapping({name: of for name, of in kind.parameters.items() if name not in case.parameters})

    return tuple(replace(kind, share=1.0, parameters=left(kind)) for kind in kinds)
