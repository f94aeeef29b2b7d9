"""The one shape of all experiments: runs, a store that keeps them, and what is made of it."""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict, Unpack

from testis_abm.experiments.runner import Progress, execute
from testis_abm.experiments.store import Store
from testis_abm.experiments.task import Job, Task
from testis_abm.support import guard
from testis_abm.support.errors import Note


class How(TypedDict, total=False):
    """How an experiment is run.

    Attributes:
        workers: local processes (1: this process alone; 0: one a core, or this one alone where there are few runs).
        dask: address of a Dask scheduler ("tcp://host:8786"), or "local" for a cluster on this machine.
        shard: (i, n), the i-th of n parts of the runs, for job arrays; shards may share a store.
        progress: called after every part; then for each plausible model that is worked out, from several threads.
    """

    workers: int
    dask: str
    shard: tuple[int, int]
    progress: Callable[[Progress], None] | None


class Experiment[R](ABC):
    """What is to be run and how it is analysed.

    Attributes:
        job, tasks: the runs.
    """

    job: Job
    tasks: list[Task]

    @abstractmethod
    def about(self) -> Mapping[str, Any]:
        """Return what its store says of it besides its runs (JSON): kind, title, outputs ..."""

    @abstractmethod
    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> R:
        """Return the outcome, from the store of all runs; `models` is told of plausible models (arms_under_hypotheses)."""

    def unfinished(self, folder: Path) -> R | None:
        """Return what can be said while shards of it are still to come."""
        return None


def run[R](prepare: Callable[[], Experiment[R]], folder: str | Path, **how: Unpack[How]) -> R | None:
    """Run what a store lacks of an experiment, and analyse it: the same for every experiment and every face.

    Raises:
        TestisError: an argument is none; the experiment, its store or its runs refuse.
    """
    shard = how.get("shard", (1, 1))
    folder = guard.running(folder, how.get("workers", 0), shard, how.get("dask", ""))
    told = guard.function(how.get("progress"), "progress")
    experiment = prepare()
    store = Store.of(folder, experiment.job, experiment.tasks, experiment.about())
    execute(experiment.job, experiment.tasks, store, **how)
    if tuple(shard) != (1, 1) and store.missing():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Note)  # that runs are missing is what a shard is
            return experiment.unfinished(folder)
    runs = len(experiment.tasks)

    def models(begun: int, wanted: int) -> None:
        if told is not None:
            told(Progress(runs, runs, models=(begun, wanted)))

    return experiment.analyse(folder, models)
