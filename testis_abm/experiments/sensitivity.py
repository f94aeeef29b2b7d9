"""Sensitivity: which of many inputs move an output, by Morris screening or Sobol indices (SALib), with intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import EXPECTED, TREATED, UNTREATED
from testis_abm.experiments.design import Axis, design_at, parse_design
from testis_abm.experiments.experiment import How, run
from testis_abm.experiments.files import ExperimentFile, Source, read_experiment
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.store import read, read_manifest
from testis_abm.experiments.sweep import Sweep, check_axes
from testis_abm.experiments.task import Job, Task, essence
from testis_abm.parameters.tables import using
from testis_abm.results.report import note, number
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, TestisError

KEYS = ("over", "method", "samples", "seed", "of")
METHODS = ("morris", "sobol")
# What is ranked -> the arms that it takes.
_ARMS = {"change": (UNTREATED, TREATED), TREATED: (TREATED,), UNTREATED: (UNTREATED,)}
# Method -> SALib's name of an index, and the table's.
_COLUMNS = {
    "morris": {"mu_star": "mu_star", "mu_star_conf": "confidence", "sigma": "sigma"},
    "sobol": {"S1": "first", "S1_conf": "first_confidence", "ST": "total", "ST_conf": "confidence"},
}
_LEVELS = 4
LEVEL = ", treated level"  # after the unit of what is ranked where a change cannot be told
_WIDEST = 0.1  # half of the 95 % interval of a Sobol index
_CONSTANT = 1e-9


@dataclass(frozen=True)
class Sensitivity(Sweep):
    """A sensitivity analysis as it is run: a sweep whose sample is SALib's."""

    def about(self) -> dict[str, Any]:
        """Return what its store says of it."""
        table = self.file.table
        return super().about() | {
            "method": table.get("method", "morris"),
            "of": self.job.arms,
            "samples": table.get("samples", 32),
            "seed": table.get("seed", 1),
        }

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> pd.DataFrame:
        """Rank the inputs."""
        return indices(folder)

    def unfinished(self, folder: Path) -> pd.DataFrame:
        """Return nothing: the method needs every run."""
        return pd.DataFrame()


def prepare(source: Source, overrides: Mapping[str, object] | None = None) -> Sensitivity:
    """Read a sensitivity analysis and return its runs.

    Raises:
        TestisError: SALib is missing; a wrong key, path or range.
    """
    file = read_experiment(source, "sensitivity", KEYS, overrides)
    with using(file.scenario.own_tables):
        return _prepared(file)


def _prepared(file: ExperimentFile) -> Sensitivity:
    table = file.table
    with guard.at(file.name, "sensitivity"):
        method = guard.word(table.get("method", "morris"), METHODS, "method")
        usual = "change" if file.scenario.treated else UNTREATED
        level = guard.word(table.get("of", usual), _ARMS, "of")
        # Ranges as for a sampler; the sample itself is SALib's.
        axes = parse_design({"over": table.get("over"), "method": "latin_hypercube", "samples": 2}, sampler=method).axes
        if len(axes) < 2:
            raise ScenarioError("over: has one axis; name two or more to rank, or use [sweep]")
        samples = guard.whole(table.get("samples", 32), 4, 100_000, "samples")
        guard.few(samples * (len(axes) + 2), guard.MOST_RUNS, "runs", "use fewer samples or axes")
        if method == "sobol" and samples & (samples - 1):
            near = 1 << (samples.bit_length() - 1)
            raise ScenarioError(
                f"samples: {samples} is not a power of two, as Sobol's sequence needs to be even; use {near} or "
                f"{2 * near}"
            )
        shares = _sample(method, axes, samples, guard.argument("seed", table.get("seed", 1)))
    design = design_at(axes, shares)
    engine = table.get("engine", EXPECTED)
    title = check_axes(file, design, engine)
    if level != UNTREATED and not file.scenario.treated:
        raise TestisError(f"{file.name}: sensitivity: of: {level} needs a therapy; the scenario has none")
    job = Job({"": essence(file.raw)}, file.days[-1:], engine, _ARMS[level])
    tasks = [Task(k, 0, design.overrides(k)) for k in range(len(design.points))]
    return Sensitivity(file, design, job, tasks, title)


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
    source: Source, folder: str | Path, *, overrides: Mapping[str, object] | None = None, **how: Unpack[How]
) -> pd.DataFrame | None:
    """Run a sensitivity analysis (what is missing of it); return `indices`, an empty table while shards are missing.

    Arguments as `sweep.sweep`.

    Raises:
        TestisError: see prepare and experiment.run; runs failed.
    """
    return run(partial(prepare, source, overrides), folder, **how)


def indices(folder: str | Path) -> pd.DataFrame:
    """Return a row an output and input, most important first.

    Of Morris: `mu_star` (mean size of the effect of crossing the range, in the unit of `quantity`), its 95 % interval
    `confidence`, and `sigma`. Of Sobol: `first` (share of the variance by itself) and `total` (with all interactions),
    with their intervals.

    Raises:
        TestisError: it is no such store, or a run failed: the method needs every one.
    """
    folder = guard.path(folder, "folder")
    found, table = read_manifest(folder), read(folder)
    if found.get("kind") != "sensitivity":
        raise TestisError(f"{folder}: is no sensitivity analysis")
    failed = table[table["error"] != ""]
    if len(failed):
        raise TestisError(
            f"{folder}: {len(failed)} runs failed, and the method needs all: {failed['error'].iloc[0]}; narrow the "
            "ranges"
        )
    if len(table["point"].unique()) < found["runs"]:
        raise TestisError(
            f"{folder}: {found['runs'] - table['point'].nunique():,} of {found['runs']:,} runs are still to come"
        )
    method, seed, paths = found["method"], found["seed"], found["design"]["paths"]
    problem = _problem(tuple(Axis(path) for path in paths))
    frames = []
    for word, (unit, y) in _ranked(found, table).items():
        if method == "morris":
            sample = _sample(method, tuple(Axis(path) for path in paths), found["samples"], seed)
            fit = _salib("analyze.morris").analyze(problem, sample, y, num_levels=_LEVELS, seed=seed)
        else:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                fit = _salib("analyze.sobol").analyze(problem, y, calc_second_order=False, seed=seed)
        columns = {name: np.asarray(fit[key], dtype=float) for key, name in _COLUMNS[method].items()}
        frame = pd.DataFrame({"output": word, "quantity": unit, "input": paths, **columns})
        frames.append(frame.sort_values("mu_star" if method == "morris" else "total", ascending=False, kind="stable"))
    empty = pd.DataFrame(columns=["output", "quantity", "input", *_COLUMNS[method].values()])
    return pd.concat(frames, ignore_index=True) if frames else empty


def _ranked(found: Mapping[str, Any], table: pd.DataFrame) -> dict[str, tuple[str, np.ndarray]]:
    """Return what is explained of each output that can be: its unit, and a value a run.

    A change is in %; of an output that is under what a laboratory tells from none in some run it is the treated level.
    """
    laboratory, arms = Laboratory(parameters.values()), found["of"]
    ranked = {}
    for word in found["outputs"]:
        row = OUTPUTS[word]
        level = table.pivot_table(index="point", columns="arm", values=row.column, dropna=False).sort_index()
        y, unit = row.clinical(level[arms[-1]]), row.clinical_unit
        if len(arms) > 1:
            change = laboratory.percent_change(row.column, level[UNTREATED], level[TREATED])
            if np.isfinite(change).all():
                y, unit = change, "% change"
            else:
                unit = f"{unit}{LEVEL}"
        nothing = unit != "% change" and level[arms[-1]].max() < laboratory.limit(row.column)
        # Rounding of a constant is no variance.
        if not nothing and np.isfinite(y).all() and np.ptp(y) > _CONSTANT * np.abs(y).max():
            ranked[word] = (unit, y)
    return ranked


def report(folder: str | Path) -> str:
    """Return the indices of a finished analysis as text, what they rest on, and whether the samples are enough.

    Raises:
        TestisError: see indices.
    """
    table, found = indices(folder), read_manifest(folder)
    runs = read(folder)
    lines = []
    for word in found["outputs"]:
        rows = table[table["output"] == word]
        if rows.empty:
            lines.append(f"  {word}: {_unranked(runs.loc[runs['arm'] == found['of'][-1], OUTPUTS[word].column])}")
            continue
        lines.append(f"  {word} ({rows['quantity'].iloc[0]})".replace(" ()", ""))
        for row in rows.itertuples():
            if found["method"] == "morris":
                text = f"{number(row.mu_star):>10s} ± {number(row.confidence)}, sigma {number(row.sigma)}"
            else:
                first, total = (
                    f"{row.first:6.2f} ± {row.first_confidence:.2f}",
                    f"{row.total:6.2f} ± {row.confidence:.2f}",
                )
                text = f"first-order {first}, total {total}"
            lines.append(f"    {row.input:44s}{text}")
    what = "elementary effects, mean absolute" if found["method"] == "morris" else "Sobol indices, shares of variance"
    lines.append(
        f"  {what} ± half of the 95 % interval; {found['samples']:,} samples, {found['runs']:,} points, "
        f"{runs['run'].nunique():,} different runs."
    )
    lines.append(
        note("Every number that is not varied is that of the tables: nothing here holds how far the others are known.")
    )
    if found["method"] == "sobol" and (least := samples_needed(table, found["samples"])):
        lines.append(
            f"  Too few samples: indices lie outside 0 to 1 or have wide intervals (over ± {_WIDEST:g}); "
            f"use samples = {least:,} at least."
        )
    return "\n".join(lines)


def _unranked(level: pd.Series) -> str:
    """Return why an output has no ranks, from its level in each run."""
    missing, limit = int(level.isna().sum()), Laboratory(parameters.values()).limit(str(level.name))
    if missing:
        return f"not ranked, has no level in {missing:,} of {len(level):,} runs (no sperm, or no niches in a mean-field man)"
    return "not ranked, under the limit of quantitation in all runs" if level.max() < limit else "no input moves it"


def samples_needed(table: pd.DataFrame, samples: int) -> int:
    """Return how many samples Sobol indices need (a power of two), 0 if those that they rest on are enough.

    Too few are they where an index, or the sum of the first-order ones of an output, lies outside 0 to 1 by more than
    its interval, or where an interval is wide. Its width falls with the square root of the samples.
    """
    first, total = (
        table[[name, width]].to_numpy() for name, width in (("first", "first_confidence"), ("total", "confidence"))
    )
    both = np.concatenate([first, total])
    if not len(both):
        return 0
    by = table.groupby("output")
    over = by["first"].sum() - by["first_confidence"].apply(lambda width: float(np.sqrt((width**2).sum())))
    value, width = both.T
    impossible = bool(((value + width < 0.0) | (value - width > 1.0)).any() or (over > 1.0).any())
    widest = float(width.max())
    if not impossible and widest <= _WIDEST:
        return 0
    needed = max(2.0, (widest / _WIDEST) ** 2) * samples
    return 1 << int(np.ceil(np.log2(needed)))
