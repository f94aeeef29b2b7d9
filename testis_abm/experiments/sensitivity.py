"""Sensitivity: which of many inputs move an output, by Morris screening or Sobol indices (SALib), with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import guard
from testis_abm.errors import ScenarioError, TestisError
from testis_abm.experiments.design import Axis, Design, parse_design
from testis_abm.experiments.files import Experiment, Source, read_experiment
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.runner import Progress, execute
from testis_abm.experiments.store import Store, read, read_manifest
from testis_abm.experiments.sweep import about, check_axes
from testis_abm.experiments.task import TREATED, UNTREATED, Job, Task, essence

KEYS = ("over", "method", "samples", "seed", "of")
METHODS = ("morris", "sobol")
_LEVELS = 4


def prepare(
    source: Source, overrides: Mapping[str, object] | None = None
) -> tuple[Experiment, Design, Job, list[Task]]:
    """Read a sensitivity analysis and return its tasks.

    Raises:
        TestisError: SALib is missing; a wrong key, path or range.
    """
    experiment = read_experiment(source, "sensitivity", KEYS, overrides)
    table = experiment.table
    try:
        method = guard.word(table.get("method", "morris"), METHODS, "method")
        guard.word(table.get("of", "change"), ("change", "treated", "untreated"), "of")
        # Ranges as for a sampler; the sample itself is SALib's.
        axes = parse_design({"over": table.get("over"), "method": "latin_hypercube", "samples": 2}, sampler=method).axes
        if len(axes) < 2:
            raise ScenarioError("over: has one axis; name two or more to rank, or use [sweep]")
        samples = guard.whole(table.get("samples", 32), 4, 100_000, "samples")
        guard.few(samples * (len(axes) + 2), guard.MOST_RUNS, "runs", "use fewer samples or axes")
        if method == "sobol" and samples & (samples - 1):
            near = 1 << (samples.bit_length() - 1)
            raise ScenarioError(
                f"samples: {samples} is not a power of two, as Sobol's sequence needs to be even; use {near} or {2 * near}"
            )
        shares = _sample(method, axes, samples, guard.argument("seed", table.get("seed", 1)))
    except TestisError as error:
        raise ScenarioError(f"{experiment.name}: sensitivity: {error}") from None
    design = Design(axes, tuple(tuple(axis.at(x) for axis, x in zip(axes, row)) for row in shares))
    check_axes(experiment, design)
    of = table.get("of", "change" if experiment.scenario.treated else "untreated")
    if of != "untreated" and not experiment.scenario.treated:
        raise TestisError(f"{experiment.name}: sensitivity: of: {of} needs a therapy; the scenario has none")
    arms = {"change": (UNTREATED, TREATED), "treated": (TREATED,), "untreated": (UNTREATED,)}[of]
    job = Job(
        {"": essence(experiment.raw)},
        experiment.days[-1:],
        experiment.table.get("engine", "expected"),
        arms,
    )
    return experiment, design, job, [Task(k, 0, design.overrides(k)) for k in range(len(design.points))]


def _salib(name: str) -> Any:
    from importlib import import_module

    try:
        return import_module(f"SALib.{name}")
    except ImportError:
        raise TestisError('sensitivity needs one more package: pip install "testis_abm[sensitivity]"') from None


def _problem(axes: tuple[Axis, ...]) -> dict[str, Any]:
    return {"num_vars": len(axes), "names": [axis.path for axis in axes], "bounds": [[0.0, 1.0]] * len(axes)}


def _sample(method: str, axes: tuple[Axis, ...], samples: int, seed: int) -> np.ndarray:
    problem = _problem(axes)
    if method == "morris":
        return np.asarray(_salib("sample.morris").sample(problem, samples, num_levels=_LEVELS, seed=seed))
    return np.asarray(_salib("sample.sobol").sample(problem, samples, calc_second_order=False, seed=seed))


def sensitivity(
    source: Source,
    folder: str | Path,
    *,
    overrides: Mapping[str, object] | None = None,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[Progress], None] | None = None,
) -> pd.DataFrame:
    """Run a sensitivity analysis (what is missing of it) and return `indices`; arguments as `sweep.sweep`.

    Raises:
        TestisError: see prepare, Store, execute; runs failed.
    """
    folder = guard.running(folder, workers, shard, dask)
    experiment, design, job, tasks = prepare(source, overrides)
    table = experiment.table
    extra = {
        "method": table.get("method", "morris"),
        "of": job.arms,
        "samples": table.get("samples", 32),
        "seed": table.get("seed", 1),
    }
    store = Store.of(folder, job, tasks, about(experiment, design) | extra)
    execute(job, tasks, store, workers=workers, dask=dask, shard=shard, progress=progress)
    return pd.DataFrame() if shard != (1, 1) and store.missing() else indices(folder)


def indices(folder: str | Path) -> pd.DataFrame:
    """Return a row an output and input, most important first.

    Of Morris: `mu_star` (mean size of the effect of crossing the range, in the unit of `quantity`), its 95 % interval `confidence`,
    and `sigma`. Of Sobol: `first` (share of the variance by itself) and `total` (with all interactions), with their intervals.

    Raises:
        TestisError: it is no such store, or a run failed: the method needs every one.
    """
    found, table = read_manifest(folder), read(folder)
    if found.get("kind") != "sensitivity":
        raise TestisError(f"{folder}: is no sensitivity analysis")
    failed = table[table["error"] != ""]
    if len(failed):
        raise TestisError(
            f"{folder}: {len(failed)} runs failed, and the method needs all: {failed['error'].iloc[0]}; narrow the ranges"
        )
    if len(table["point"].unique()) < found["runs"]:
        raise TestisError(
            f"{folder}: {found['runs'] - table['point'].nunique():,} of {found['runs']:,} runs are still to come"
        )
    design, method, arms = found["design"], found["method"], found["of"]
    axes = tuple(Axis(path) for path in design["paths"])
    problem = _problem(axes)
    rows: list[tuple[Any, ...]] = []
    for word in found["outputs"]:
        column = OUTPUTS[word][0]
        level = table.pivot_table(index="point", columns="arm", values=column, dropna=False).sort_index()
        y = level[arms[0]].to_numpy(dtype=float) * OUTPUTS[word][2]
        unit = OUTPUTS[word][1]
        if len(arms) > 1:
            with np.errstate(invalid="ignore", divide="ignore"):
                y = np.where(level[UNTREATED] > 0, 100.0 * (level[TREATED] / level[UNTREATED] - 1.0), 0.0)
            unit = "% change"
        if not np.isfinite(y).all() or y.std() == 0.0:
            continue
        seed = found["seed"]
        if method == "morris":
            sample = _sample(method, axes, found["samples"], seed)
            of = _salib("analyze.morris").analyze(problem, sample, y, num_levels=_LEVELS, seed=seed)
            rows += [
                (word, unit, path, float(star), float(width), float(spread))
                for path, star, width, spread in zip(design["paths"], of["mu_star"], of["mu_star_conf"], of["sigma"])
            ]
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                of = _salib("analyze.sobol").analyze(problem, y, calc_second_order=False, seed=seed)
            rows += [
                (word, unit, path, float(s1), float(c1), float(st), float(ct))
                for path, s1, c1, st, ct in zip(design["paths"], of["S1"], of["S1_conf"], of["ST"], of["ST_conf"])
            ]
    names = (
        ["mu_star", "confidence", "sigma"]
        if method == "morris"
        else ["first", "first_confidence", "total", "confidence"]
    )
    frame = pd.DataFrame(rows, columns=["output", "quantity", "input", *names])
    rank = "mu_star" if method == "morris" else "total"
    order = {word: k for k, word in enumerate(found["outputs"])}
    return (
        frame.assign(_=frame["output"].map(order))
        .sort_values(["_", rank], ascending=[True, False])
        .drop(columns="_")
        .reset_index(drop=True)
    )
