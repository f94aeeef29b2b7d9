"""How long an experiment takes on this machine: one run is timed, and the experiment is so many of them."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from testis_abm.app.experiments.asked import Asked
from testis_abm.app.jobs import limits
from testis_abm.choices import CELLS, EXPECTED, TREATED, UNTREATED
from testis_abm.scenario import Scenario

START = 1.6  # seconds of a process before its first run, and after its last: imports, the store, tables
_POOL = 2.5  # seconds until worker processes are warm
ALONE = 8.0  # seconds of work that one process does sooner than others are warm (as experiments.runner)
_TIMED = 60  # days of a tissue of cells that are timed; the rest take as long each
_REPEATED, _MOST_STRAIN = 2, 10.0  # runs that are timed; a stall of a moment tells no more
_MEN = 110.0  # clamped men of a surface, and of a replay, that a core does in a second
_SHARE = 0.85  # of another core that a second worker brings


@dataclass(frozen=True)
class Pace:
    """How long a run takes here.

    Attributes:
        once: seconds of it that do not depend on its length; day: seconds of each of its days, of each of its arms.
        strain: how much longer it took than its work, as others use the machine too.
    """

    once: float
    day: float
    strain: float = 1.0

    def seconds(self, days: float) -> float:
        """Return the seconds of a run of so many days, of all its arms together."""
        return self.once + self.day * days


def pace(scenario: Scenario, engine: str) -> Pace:
    """Time a run of a scenario: the first compiles and loads, the second counts.

    Raises:
        TestisError: it cannot be run.
    """
    from testis_abm.experiments.task import Job, Task, perform

    arms = (UNTREATED, TREATED) if scenario.treated else (UNTREATED,)
    plan = scenario.plan
    whole = plan.baseline_days + plan.duration_days
    last = min(_TIMED, plan.duration_days) if engine == CELLS else plan.duration_days
    ends = (0, last) if engine == CELLS else (last,)
    taken, worked = [], 0.0
    for end in ends:
        job = Job({"": scenario.as_dict()}, (end,), engine, arms)
        perform(job, Task(0, 0))
        began, busy = time.perf_counter(), time.thread_time()
        for k in range(_REPEATED):
            perform(job, Task(0, k + 1))  # of other random draws, so that no steady state is at hand
        taken.append((time.perf_counter() - began) / _REPEATED)
        worked += (time.thread_time() - busy) / _REPEATED
    strain = min(_MOST_STRAIN, max(1.0, sum(taken) / max(worked, 1e-6)))
    if engine == EXPECTED:
        return Pace(0.3 * taken[0], 0.7 * taken[0] / (whole * len(arms)), strain)
    return Pace(taken[0], max(0.0, taken[1] - taken[0]) / (last * len(arms)), strain)


def seconds(asked: Asked, of: Pace, here: bool) -> float:
    """Return about how long an experiment takes; `here`: only this machine listens, and a job has all cores."""
    many = 1.0 + _SHARE * (cores(asked, of, here) - 1)
    if asked.kind in ("surface", "studies"):
        return of.strain * (START + asked.size.runs / (_MEN * many))
    work, warm = asked.size.runs * of.seconds(asked.size.days), 0.0 if many == 1.0 else _POOL
    return of.strain * (START + warm + asked.extra) + work / many


def cores(asked: Asked, of: Pace | None, here: bool) -> int:
    """Return on how many cores an experiment runs."""
    if asked.kind in ("surface", "studies"):  # threads of one process
        return limits.places()
    return 1 if alone(asked, of) else limits.workers(here)


def alone(asked: Asked, of: Pace | None) -> bool:
    """Return whether one process does an experiment sooner than several are warm."""
    return of is not None and asked.size.runs * of.seconds(asked.size.days) < ALONE


def about(value: float) -> str:
    """Return a time in words, as exactly as it is known: "about 20 s", "about 4 min"."""
    if not math.isfinite(value):
        return "a long time"
    if value < 55.0:
        step = 1 if value < 4.5 else 5
        return f"about {max(step, step * round(value / step))} s"
    minutes = value / 60.0
    if minutes < 90.0:
        return f"about {max(1, round(minutes)) if minutes < 10 else 5 * round(minutes / 5)} min"
    return f"about {minutes / 60.0:.1f} h"
