"""Sweeps: a scenario run at every point of a design, with replicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments.design import Design, parse_design
from testis_abm.experiments.files import Experiment, Source, read_experiment
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.runner import Progress, execute
from testis_abm.experiments.store import Store, read, read_manifest
from testis_abm.experiments.task import TREATED, UNTREATED, Job, Task, essence
from testis_abm.scenario import load
from testis_abm.statistics import paired_change
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, TestisError

KEYS = ("over", "method", "samples", "seed", "replicates")
_FIXED = {
    "plan.duration": "name the days to look at in at",
    "plan.seed": "replicates have seeds of their own",
    "plan.replicates": "set replicates in the table",
    "plan.engine": "set engine in the table",
}


def prepare(
    source: Source, overrides: Mapping[str, object] | None = None
) -> tuple[Experiment, Design, Job, list[Task]]:
    """Read a sweep; check its paths at the first and last point, and return its tasks.

    Raises:
        ScenarioError: a path that does not exist, an empty design, a value that the scenario refuses.
    """
    experiment = read_experiment(source, "sweep", KEYS, overrides)
    try:
        design = parse_design(experiment.table)
        replicates = guard.argument("replicates", experiment.table.get("replicates", _replicates(experiment)))
        guard.few(len(design.points) * replicates, guard.MOST_RUNS, "runs", "use fewer points or replicates")
    except TestisError as error:
        raise ScenarioError(f"{experiment.name}: sweep: {error}") from None
    check_axes(experiment, design)
    arms = (UNTREATED, TREATED) if experiment.scenario.treated else (UNTREATED,)
    job = Job({"": essence(experiment.raw)}, experiment.days, experiment.table.get("engine", "cells"), arms)
    tasks = [Task(k, r, design.overrides(k)) for k in range(len(design.points)) for r in range(replicates)]
    return experiment, design, job, tasks


def _replicates(experiment: Experiment) -> int:
    """Return the replicates of a sweep that names none: a mean-field man has no random draws to repeat."""
    return 1 if experiment.table.get("engine") == "expected" else experiment.scenario.plan.replicates


def check_axes(experiment: Experiment, design: Design) -> None:
    """Put the ends of every axis into the scenario, so that a wrong path or value is told before anything runs.

    Raises:
        ScenarioError: what the scenario says of it.
    """
    base = experiment.raw
    problems: list[Problem] = []
    place = (experiment.name, experiment.kind, "over")
    for k, axis in enumerate(design.axes):
        if axis.path in _FIXED:
            problems.append(Problem((*place, axis.path), f"{axis.path} is not swept; {_FIXED[axis.path]}", named=True))
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
                problems += [problem.without("overrides").at(*place) for problem in error.problems]
                break
    if problems:
        raise ScenarioError(problems)


def about(experiment: Experiment, design: Design) -> dict[str, Any]:
    """Return what a store says of a sweep besides its runs."""
    return {
        "kind": experiment.kind,
        "title": experiment.scenario.title,
        "outputs": list(experiment.outputs),
        "asked": "outputs" in experiment.table,
        "design": {
            "method": experiment.table.get("method", "grid"),
            "paths": [axis.path for axis in design.axes],
            "units": [axis.unit for axis in design.axes],
            "log": [axis.log for axis in design.axes],
            "points": [list(point) for point in design.points],
        },
    }


def sweep(
    source: Source,
    folder: str | Path,
    *,
    overrides: Mapping[str, object] | None = None,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Run a sweep (what is missing of it) into a store; return `results`.

    Args:
        source: a scenario file with a [sweep] table, or such a mapping.
        folder: the store; runs that it holds are not repeated.
        overrides: dotted path -> value, as `--set` of the command: "man.bmi", "sweep.replicates".
        workers, dask, shard, progress: see runner.execute.

    Raises:
        TestisError: see prepare, Store and execute.
    """
    folder = guard.running(folder, workers, shard, dask)
    experiment, design, job, tasks = prepare(source, overrides)
    store = Store.of(folder, job, tasks, about(experiment, design))
    execute(job, tasks, store, workers=workers, dask=dask, shard=shard, progress=progress)
    return results(folder)


def results(folder: str | Path) -> pd.DataFrame:
    """Return the runs of a sweep's store with the values of its axes: a row a run, arm and day.

    Raises:
        TestisError: it is no store.
    """
    return read(guard.path(folder, "folder")).drop(columns=["run", "case"])


def summary(folder: str | Path, day: int | None = None) -> pd.DataFrame:
    """Return a row a point: axes, and of each output what `_levels` and `_changes` tell of its replicates.

    Args:
        folder: of the store; day: of those that were kept (default the last).

    Raises:
        TestisError: it is no store of a sweep, or another day.
    """
    found = read_manifest(folder)
    if found["kind"] != "sweep":
        raise TestisError(f"{folder}: holds a {found['kind']}, not a sweep")
    days = found["days"]
    if day is not None and guard.whole(day, min(days), max(days), "day") not in days:
        raise TestisError(f"day: {day} was not kept; kept were {', '.join(map(str, days))}")
    whole_table = results(folder)
    table = whole_table[(whole_table["day"] == (max(days) if day is None else day)) & (whole_table["error"] == "")]
    paths = found["design"]["paths"]
    if table.empty:
        return pd.DataFrame(columns=["point", *paths])
    columns = [OUTPUTS[word].column for word in found["outputs"]]
    runs = table.set_index(["point", "replicate", "arm"])[columns].unstack("arm")
    points = runs.index.get_level_values("point")
    rows = {path: [point[k] for point in found["design"]["points"]] for k, path in enumerate(paths)}
    frame = pd.DataFrame(rows).loc[np.unique(points)]
    parts, laboratory = [frame], Laboratory(parameters.values())
    for column in columns:
        arms = runs[column]
        parts += [_levels(arms[arm], f"{column}, {arm}") for arm in arms]
        if {UNTREATED, TREATED} <= set(arms):
            parts.append(_changes(arms, laboratory.limit(column), f"{column}, change"))
    parts.append(runs.groupby("point").size().rename("replicates"))
    return pd.concat(parts, axis=1).reset_index(names="point")


def _levels(level: pd.Series, name: str) -> pd.DataFrame:
    """Return mean, SD over replicates, and half of the mean's 95 % interval (NaN with one replicate)."""
    by = level.groupby("point")
    mean, spread, count = by.mean(), by.std(), by.count()
    return pd.DataFrame({name: mean, f"{name}_sd": spread, f"{name}_half": _half(spread, count)})


def _changes(arms: pd.DataFrame, least: float, name: str) -> pd.DataFrame:
    """Return the change in % of pairs of replicates with its 95 % interval (statistics.paired_change), a row a point."""
    change = {
        point: paired_change(pairs[UNTREATED].to_numpy(), pairs[TREATED].to_numpy(), least)
        for point, pairs in arms.groupby("point")
    }
    return pd.DataFrame.from_dict(
        change, orient="index", columns=[f"{name}_pct", f"{name}_low_pct", f"{name}_high_pct"]
    )


def _half(spread: pd.Series, count: pd.Series) -> pd.Series:
    """Return half of the 95 % interval of a mean (Student's t)."""
    from scipy.special import stdtrit

    return spread * stdtrit(np.maximum(count - 1, 1), 0.975) / np.sqrt(count)
