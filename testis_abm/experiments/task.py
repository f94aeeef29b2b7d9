"""One run of an experiment: a scenario with some values put in, a replicate, and the levels that are kept of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from testis_abm import __version__
from testis_abm.errors import TestisError

ENGINES = ("cells", "expected")
UNTREATED, TREATED = "untreated", "treated"

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Job:
    """What all runs of an experiment share; sent to workers once with each chunk.

    Attributes:
        cases: name -> scenario, as `Scenario.as_dict` gives it (the arms of a trial; one without a name for a sweep).
        days: on which levels are kept (0 is the end of baseline).
        engine: "cells" (a tissue of cells) or "expected" (the mean cell of each kind).
        arms: of ("untreated", "treated"), those that are run.
    """

    cases: Mapping[str, Mapping[str, Any]]
    days: tuple[int, ...]
    engine: str = "cells"
    arms: tuple[str, ...] = (UNTREATED, TREATED)

    @cached_property
    def text(self) -> str:
        """Return all that decides on results, as JSON."""
        return json.dumps([__version__, self.cases, self.days, self.engine, self.arms], sort_keys=True, default=str)


@dataclass(frozen=True)
class Task:
    """One run.

    Attributes:
        point: of the design, or number of the man; replicate: which of it, its luck.
        overrides: dotted path -> value, put into the scenario.
        man: physiology fields that replace those of the scenario's man (a drawn man of a cohort).
        case: of the job; arms: instead of the job's.
    """

    point: int
    replicate: int
    overrides: Mapping[str, Any] = field(default_factory=dict)
    man: Mapping[str, float] = field(default_factory=dict)
    case: str = ""
    arms: tuple[str, ...] = ()

    def name(self, job: Job) -> str:
        """Return the run's name: a hash of all that decides on its results."""
        own = json.dumps(
            [self.case, self.point, self.replicate, self.overrides, self.man, self.arms], sort_keys=True, default=str
        )
        return hashlib.blake2b(f"{job.text}\n{own}".encode(), digest_size=8).hexdigest()


def perform(job: Job, task: Task) -> list[Row]:
    """Run a task; return a row an arm and day: arm, day, outputs (outputs.COLUMNS).

    Raises:
        TestisError: the scenario cannot be run with these values.
    """
    from testis_abm.scenario import load
    from testis_abm.simulate import replicate_seed

    overrides = {**task.overrides, **{f"man.{name}": value for name, value in task.man.items()}}
    scenario = load(job.cases[task.case], overrides=overrides)
    seed = replicate_seed(scenario.plan.seed, task.replicate)
    arms = [arm for arm in (task.arms or job.arms) if arm == UNTREATED or scenario.treated]
    follow = _cells if job.engine == "cells" else _expected
    return follow(scenario, seed, arms, job.days)


def _cells(scenario: Any, seed: int, arms: Sequence[str], days: Sequence[int]) -> list[Row]:
    from testis_abm.experiments.outputs import of_cells
    from testis_abm.model import TestisModel

    twin = TestisModel(scenario, rng=seed, treated=False)
    men = {arm: twin if arm == UNTREATED else TestisModel(scenario, rng=seed, settled=twin) for arm in sorted(arms)}
    rows: list[Row] = []
    # The treated man is copied from the twin's first day, so he goes first.
    for arm, man in men.items():
        man.brief = True
        while man.running and man.day <= max(days):
            man.step()
            if man.day - 1 in days:
                rows.append((arm, man.day - 1, *of_cells(man)))
    return sorted(rows, key=lambda row: (arms.index(row[0]), row[1]))


def _expected(scenario: Any, seed: int, arms: Sequence[str], days: Sequence[int]) -> list[Row]:
    from testis_abm import parameters
    from testis_abm.expected.man import ExpectedMan
    from testis_abm.expected.treat import Treatment
    from testis_abm.experiments.outputs import of_expected
    from testis_abm.physiology import complete

    values = complete(parameters.values(scenario.parameters))
    samples = scenario.samples
    rows: list[Row] = []
    for arm in arms:
        case = scenario if arm == TREATED else scenario.model_copy(update={"therapy": (), "weight": ()})
        treatment = Treatment(case, history=True)
        man = ExpectedMan(values, scenario.man.physiology, treatment.drugs)
        treatment.follow(man, np.random.default_rng(seed))
        rows += [(arm, day, *of_expected(man, day, samples.abstinence_days, samples.assay)) for day in days]
    return rows


def attempt(job: Job, task: Task) -> tuple[str, list[Row], str]:
    """Run a task and never raise: return its name, its rows and, should it fail, the error in one line."""
    try:
        return task.name(job), perform(job, task), ""
    except TestisError as error:
        return task.name(job), [], str(error).splitlines()[0]
    except Exception as error:  # a run that fails is recorded and does not stop its neighbours
        return task.name(job), [], f"{type(error).__name__}: {error}".splitlines()[0]
