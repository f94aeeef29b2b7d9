"""Sweeps: a scenario run at every point of a design, with replicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.errors import ScenarioError
from testis_abm.experiments.design import Design, parse_design
from testis_abm.experiments.files import Experiment, read_experiment, whole
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.runner import Progress, execute
from testis_abm.experiments.store import Store, read, read_manifest
from testis_abm.experiments.task import TREATED, UNTREATED, Job, Task
from testis_abm.scenario import load

KEYS = ("over", "method", "samples", "seed", "replicates")
_FIXED = {
    "plan.duration": "name the days to look at in at",
    "plan.seed": "replicates have seeds of their own",
    "plan.replicates": "set replicates in the table",
    "plan.engine": "set engine in the table",
}


def prepare(source: str | Path | Mapping[str, Any]) -> tuple[Experiment, Design, Job, list[Task]]:
    """Read a sweep; check its paths at the first and last point, and return its tasks.

    Raises:
        ScenarioError: a path that does not exist, an empty design, a value that the scenario refuses.
    """
    experiment = read_experiment(source, "sweep", KEYS)
    try:
        design = parse_design(experiment.table)
        replicates = whole(experiment.table, "replicates", _replicates(experiment), 1, 10_000)
    except ScenarioError as error:
        raise ScenarioError(f"{experiment.name}: sweep: {error}") from None
    check_axes(experiment, design)
    arms = (UNTREATED, TREATED) if experiment.scenario.treated else (UNTREATED,)
    job = Job({"": experiment.scenario.as_dict()}, experiment.days, experiment.table.get("engine", "cells"), arms)
    tasks = [Task(k, r, design.overrides(k)) for k in range(len(design.points)) for r in range(replicates)]
    return experiment, design, job, tasks


def _replicates(experiment: Experiment) -> int:
    """Return the replicates of a sweep that names none: an expected man has no luck to repeat."""
    return 1 if experiment.table.get("engine") == "expected" else experiment.scenario.plan.replicates


def check_axes(experiment: Experiment, design: Design) -> None:
    """Put the ends of every axis into the scenario, so that a wrong path or value is told before anything runs.

    Raises:
        ScenarioError: what the scenario says of it.
    """
    base = experiment.scenario.as_dict()
    problems = []
    for k, axis in enumerate(design.axes):
        if axis.path in _FIXED:
            problems.append(
                f"{experiment.name}: {experiment.kind}: over: {axis.path} is not swept; {_FIXED[axis.path]}"
            )
            continue
        # Of a sampled range a value between the ends too: a field may want whole numbers (name them in a list then).
        sampled = axis.ranged and not axis.values
        ends = (
            (axis.at(0.0), axis.at(0.37), axis.at(1.0))
            if sampled
            else tuple(dict.fromkeys(point[k] for point in design.points))
        )
        for value in ends:
            try:
                load(base, overrides={axis.path: value})
            except ScenarioError as error:
                problems.append(f"{experiment.name}: {experiment.kind}: over: {str(error).removeprefix('--set ')}")
                break
    if problems:
        raise ScenarioError("\n".join(problems))


def manifest(experiment: Experiment, design: Design, job: Job, runs: int) -> dict[str, Any]:
    """Return what a store says of a sweep."""
    return {
        "kind": experiment.kind,
        "title": experiment.scenario.title,
        "scenario": experiment.scenario.as_dict(),
        "design": {"paths": [axis.path for axis in design.axes], "units": [axis.unit for axis in design.axes],
                   "log": [axis.log for axis in design.axes], "points": [list(point) for point in design.points]},
        "engine": job.engine, "days": list(job.days), "outputs": list(experiment.outputs), "runs": runs,
    }  # fmt: skip


def sweep(
    source: str | Path | Mapping[str, Any],
    folder: str | Path,
    *,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Run a sweep (what is missing of it) into a store; return `results`.

    Args:
        source: a scenario file with a [sweep] table, or such a mapping.
        folder: the store; runs that it holds are not repeated.
        workers, dask, shard, progress: see runner.execute.

    Raises:
        TestisError: see prepare, Store and execute.
    """
    experiment, design, job, tasks = prepare(source)
    store = Store(folder, manifest(experiment, design, job, len(tasks)))
    execute(job, tasks, store, workers=workers, dask=dask, shard=shard, progress=progress)
    return results(folder)


def results(folder: str | Path) -> pd.DataFrame:
    """Return the runs of a sweep's store with the values of its axes: a row a run, arm and day.

    Raises:
        TestisError: it is no store.
    """
    of, table = read_manifest(folder)["design"], read(folder)
    values = pd.DataFrame(of["points"], columns=of["paths"])
    return table.drop(columns=["run", "case"]).merge(values, left_on="point", right_index=True, how="left")


def summary(folder: str | Path, day: int | None = None) -> pd.DataFrame:
    """Return a row a point: axes, and of each output mean and SD of the arms over replicates and the change in %.

    Args:
        folder: of the store; day: of those that were kept (default the last).
    """
    whole_table = results(folder)
    found = read_manifest(folder)
    table = whole_table[
        (whole_table["day"] == (max(found["days"]) if day is None else day)) & (whole_table["error"] == "")
    ]
    columns = [OUTPUTS[word][0] for word in found["outputs"]]
    if table.empty:
        return pd.DataFrame(columns=["point", *found["design"]["paths"]])
    mean = table.groupby(["point", "arm"])[columns].mean().unstack("arm")
    spread = table.groupby(["point", "arm"])[columns].std().unstack("arm")
    rows = {path: [point[k] for point in found["design"]["points"]] for k, path in enumerate(found["design"]["paths"])}
    frame = pd.DataFrame(rows).loc[mean.index]
    for column in columns:
        arms = mean[column]
        for arm in arms:
            frame[f"{column}, {arm}"] = arms[arm]
            frame[f"{column}, {arm}_sd"] = spread[column][arm]  # over replicates, NaN with one
        if {UNTREATED, TREATED} <= set(arms):
            before = arms[UNTREATED].to_numpy()
            with np.errstate(invalid="ignore", divide="ignore"):
                frame[f"{column}, change_pct"] = np.where(before > 0, 100.0 * (arms[TREATED] / before - 1.0), np.nan)
    frame["replicates"] = table[table["arm"] == UNTREATED].groupby("point")["replicate"].nunique()
    return frame.reset_index(names="point")
