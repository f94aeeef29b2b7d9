"""A chunk of runs that warn in Python's own words, as a library does; imported by worker processes too."""

from __future__ import annotations

import warnings
from unittest import mock

import numpy as np

from testis_abm.experiments import runner
from testis_abm.support.errors import Note

_WORK = runner.work


def _warns(job, task):
    for _ in range(3):
        np.log(np.zeros(1))
        warnings.warn(f"odd\nnumber {task.point % 2}", FutureWarning, stacklevel=1)
    warnings.warn("told where the scenario is read", Note, stacklevel=1)
    return task.name(job), [], "none"


def work(job, tasks):
    """Run a chunk, each task of which warns."""
    with mock.patch.object(runner, "attempt", _warns):
        return _WORK(job, tasks)
