"""A small man, a sweep of his and their stores, for the tests of experiments."""

from __future__ import annotations

from pathlib import Path

import pyarrow.parquet as pq

from testis_abm.experiments.store import sorted_table
from testis_abm.experiments.sweep import prepare

EXAMPLES = Path(__file__).parents[1] / "scenarios" / "experiments"


SMALL = {
    "title": "small",
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 2, "sertoli_per_tubule": 10},
    "plan": {"baseline": "2 days", "duration": "40 days", "seed": 3},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}


SWEEP = {
    **SMALL,
    "sweep": {
        "replicates": 2,
        "at": ["day 20", "end"],
        "over": {"man.bmi": [24, 32], "therapy.1.dose": ["0.5 mg", "1 mg"]},
    },
}


AXES = {"paths": [], "units": [], "log": [], "points": []}


ABOUT = {"kind": "sweep", "title": "small", "outputs": [], "design": AXES}


def runs_of(given):
    """Return job and tasks of a sweep."""
    experiment = prepare(given)
    return experiment.job, experiment.tasks


def same_bytes(folder, tmp_path):
    """Return the bytes of a store's sorted table."""
    path = tmp_path / "sorted.parquet"
    pq.write_table(sorted_table(folder), path)
    return path.read_bytes()


ONCE = {**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}
