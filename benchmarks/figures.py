"""What one core pays for a man, a day or a cell, each with its goal.

`engine.py` prints them, and compares them with another checkout's. What a figure needs is imported where it is made:
another checkout may lack it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from timing import Work

import testis_abm as ta

SIX_MONTHS = {
    "title": "six months",
    "man": {"preset": "obese_low_t_e2"},
    "plan": {"baseline": "28 days", "duration": "180 days"},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}
CELLS_A_SECTION = 298  # of the fertile man


def fertile(cells: int) -> dict[str, Any]:
    """Return an untreated fertile man of about so many germ cells, through more days than are asked for."""
    rows = getattr(ta.load({}).tissue, "rows", 1)  # an earlier checkout has tubules of one section
    tubules = max(2, round(cells / (CELLS_A_SECTION * rows)))
    plan = {"baseline": "2 days", "duration": "20 years", "replicates": 1}
    return {"title": "benchmark", "tissue": {"tubules": tubules}, "plan": plan}


def man_at_rest(cells: int, engine: str = "compiled") -> ta.TestisModel:
    """Return the fertile man in his steady state, who records little."""
    man = ta.TestisModel(ta.load(fertile(cells)), rng=1, engine=engine)
    man.brief = True
    return man


def living(cells: int, days: int, engine: str = "compiled") -> Work:
    """Return days of the fertile man, a unit a day of a germ cell."""
    man = man_at_rest(cells, engine)
    return Work(partial(man.run_for, days), days * man.tissue.columns.germ.total)


def _days(*, brief: bool = True, by_step: bool = False) -> Work:
    days, man = 60, ta.TestisModel(ta.load({**SIX_MONTHS, "plan": {"duration": "20 years"}}), rng=1)
    man.brief = brief

    def steps() -> None:
        for _ in range(days):
            man.step()

    return Work(steps if by_step else partial(man.run_for, days), days)


def _at_rest() -> Work:
    case = ta.load(SIX_MONTHS)
    return Work(lambda: ta.TestisModel(case, rng=1, treated=False))


def _six_months(engine: str, arms: tuple[str, ...]) -> Work:
    """Return men of an experiment: two, because a second run of the same man would find him at rest."""
    from testis_abm.experiments.task import Job, Task, perform

    job = Job({"": SIX_MONTHS}, (180,), engine, arms)
    return Work(lambda: [perform(job, Task(man, man)) for man in range(2)], 2)


def _clinic() -> Work:
    from testis_abm import parameters
    from testis_abm.population import cohort

    values, men = parameters.all_values(None), cohort.draw("clinic", 1200, seed=1).men
    return Work(partial(cohort.labs, men, values), len(men))


class Figure(NamedTuple):
    """A cost of one core.

    Attributes:
        what: is done.
        goal: the most of `unit` that it may take; of "men/s" the least; None if it is only told.
        prepare: makes the work; repeats: calls of it of which the least counts.
    """

    what: str
    goal: float | None
    unit: str
    prepare: Callable[[], Work]
    repeats: int

    def calls(self, share: float) -> int:
        """Return how many calls a share of the repeats is."""
        return max(2, round(self.repeats * share))

    def found(self, seconds: float) -> float:
        """Return what seconds a unit are in the figure's unit."""
        return 1.0 / seconds if self.unit == RATE else seconds * PER_SECOND[self.unit]

    def hit(self, seconds: float) -> bool | None:
        """Return whether the goal is reached."""
        if self.goal is None:
            return None
        return self.found(seconds) >= self.goal if self.unit == RATE else self.found(seconds) <= self.goal

    def text(self, seconds: float) -> str:
        """Return the cost as it is printed."""
        return f"{self.found(seconds):,.{0 if self.found(seconds) >= 1000 else 1}f} {self.unit}"

    @property
    def goal_text(self) -> str:
        """Return the goal as it is printed."""
        return "" if self.goal is None else f"{'>=' if self.unit == RATE else '<='} {self.goal:,g} {self.unit}"


RATE = "men/s"
PER_SECOND = {"ns": 1e9, "us": 1e6, "ms": 1e3}
BOTH = ("untreated", "treated")
ONE_ARM = "man of a trial, one arm, six months"
FIGURES = (
    Figure("day of the default man, run_for, brief", 50, "us", _days, 40),
    Figure("day of the default man, run_for, all records", None, "us", partial(_days, brief=False), 40),
    Figure("day of the default man, step()", None, "us", partial(_days, by_step=True), 20),
    Figure("man at his steady state", 8, "ms", _at_rest, 40),
    Figure("two arms, six months, default tissue", 30, RATE, partial(_six_months, "cells", BOTH), 10),
    Figure(ONE_ARM, None, "ms", partial(_six_months, "cells", BOTH[1:]), 10),
    Figure("mean-field men at their steady state", 15_000, RATE, _clinic, 20),
    Figure("mean-field men, two arms, six months", 300, RATE, partial(_six_months, "expected", BOTH), 40),
    Figure("day of a germ cell among 10,000", None, "ns", partial(living, 10_000, 20), 20),
    Figure("day of a germ cell among 100,000", 10, "ns", partial(living, 100_000, 10), 20),
    Figure("day of a germ cell among 1,000,000", 12, "ns", partial(living, 1_000_000, 5), 12),
)
LARGE = "1,000,000"  # in the name of a figure that --quick leaves out


def chosen(word: str, quick: bool) -> list[Figure]:
    """Return the figures whose name holds a word, without the large ones if it must be quick."""
    return [figure for figure in FIGURES if word in figure.what and not (quick and LARGE in figure.what)]
