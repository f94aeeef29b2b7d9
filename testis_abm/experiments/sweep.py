"""Sweeps: a scenario run at every point of a design, with replicates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Unpack

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import CELLS, EXPECTED, PARAMETERS, PLAUSIBLE, TABLES, TREATED, UNTREATED
from testis_abm.experiments.design import Axis, Design, parse_design
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.files import ExperimentFile, Source, read_experiment
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.store import read, read_manifest
from testis_abm.experiments.task import Job, Task, essence
from testis_abm.man.injuries import warn_if_cells_are_needed
from testis_abm.parameters.tables import NONE, using
from testis_abm.quantities import Quantity
from testis_abm.results.report import aligned, change, level, note, number
from testis_abm.results.treatment import basis, last_window
from testis_abm.scenario import load
from testis_abm.scenario.scenario import marked
from testis_abm.statistics import FEW, deterministic, paired_change, spread_of_men
from testis_abm.studies.ensemble import shipped
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, TestisError, gathered

KEYS = ("over", "method", "samples", "seed", "replicates", "parameters")
_FIXED = {
    "plan.duration": "name the days to look at in at",
    "plan.seed": "replicates have seeds of their own",
    "plan.replicates": "set replicates in the table",
    "plan.engine": "set engine in the table",
}
_SETS = 20  # plausible parameter sets of a sweep of mean-field men
_MOST_POINTS, _WIDEST = 40, 150  # of a printed table; letters of its lines
_USUAL = ("testosterone", "T/E2 (immunoassay)", "LH", "sperm concentration", "total motile count")


@dataclass(frozen=True)
class Sweep(Experiment[pd.DataFrame]):
    """A sweep as it is run."""

    file: ExperimentFile
    design: Design
    job: Job
    tasks: list[Task]
    title: str

    def about(self) -> dict[str, Any]:
        """Return what its store says of it."""
        axes = self.design.axes
        return {
            "kind": self.file.kind,
            "title": self.title,
            "outputs": list(self.file.outputs),
            "asked": "outputs" in self.file.table,
            "done": self.file.scenario.done,
            "parameters": self.file.table.get("parameters", TABLES),
            "design": {
                "method": self.file.table.get("method", "grid"),
                "paths": [axis.path for axis in axes],
                "units": [axis.unit for axis in axes],
                "log": [axis.log for axis in axes],
                "points": [list(point) for point in self.design.points],
            },
        }

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> pd.DataFrame:
        """Return the runs."""
        return results(folder)

    def unfinished(self, folder: Path) -> pd.DataFrame:
        """Return the runs so far."""
        return results(folder)


def prepare(source: Source, overrides: Mapping[str, object] | None = None) -> Sweep:
    """Read a sweep; check its paths at the first and last point, and return its runs.

    Raises:
        ScenarioError: a path that does not exist, an empty design, a value that the scenario refuses.
    """
    file = read_experiment(source, "sweep", KEYS, overrides)
    with using(file.scenario.own_tables):
        return _prepared(file)


def _prepared(file: ExperimentFile) -> Sweep:
    engine = file.table.get("engine", CELLS)
    with guard.at(file.name, "sweep"):
        design = parse_design(file.table)
        plausible = guard.word(file.table.get("parameters", TABLES), PARAMETERS, "parameters") == PLAUSIBLE
        # A mean-field man has no random draws to repeat.
        usual = (_SETS if plausible else 1) if engine == EXPECTED else file.scenario.plan.replicates
        replicates = guard.argument("replicates", file.table.get("replicates", usual))
        guard.few(len(design.points) * replicates, guard.MOST_RUNS, "runs", "use fewer points or replicates")
    title = check_axes(file, design, engine)
    arms = (UNTREATED, TREATED) if file.scenario.treated else (UNTREATED,)
    job = Job({"": essence(file.raw)}, file.days, engine, arms)
    models: list[dict[str, Any]] = [{}] * replicates
    if plausible:  # replicate by replicate the same at every point, so that points are paired
        sets = shipped().knowing(file.scenario.parameters).drawn(replicates, file.scenario.plan.seed)
        models = [{"parameters": own.changed, "answers": own.of_some} for own in sets]
    points = range(len(design.points))
    tasks = [Task(k, r, design.overrides(k), **model) for k in points for r, model in enumerate(models)]
    return Sweep(file, design, job, tasks, title)


def check_axes(file: ExperimentFile, design: Design, engine: str) -> str:
    """Put the ends of every axis into the scenario, so that a wrong path or value is refused before anything runs.

    Returns the title, marked if some end lies beyond the evidence.

    Warns where mean-field men are asked about what needs cells.

    Raises:
        ScenarioError: what the scenario says of it.
    """
    place, cases = (file.name, file.kind, "over"), [file.scenario]
    with gathered() as problems:
        for k, axis in enumerate(design.axes):
            if axis.path in _FIXED:
                problems.add(f"{axis.path} is not swept; {_FIXED[axis.path]}", *place)
                continue
            # Of a sampled range a value between the ends too: a field may want whole numbers (name them in a list then).
            sampled = axis.ranged and not axis.values
            ends = [axis.at(x) for x in (0.0, 0.37, 1.0)] if sampled else dict.fromkeys(row[k] for row in design.points)
            try:
                for value in ends:
                    with using(NONE):  # a case carries its tables, which an axis may change
                        cases.append(load(file.raw, overrides={axis.path: value}))
            except ScenarioError as error:
                problems += [problem.without("overrides").at(*place) for problem in error.problems]
    if engine == EXPECTED:
        warn_if_cells_are_needed(cases)
    return marked(file.scenario.title, file.scenario, *cases)


def sweep(
    source: Source, folder: str | Path, *, overrides: Mapping[str, object] | None = None, **how: Unpack[How]
) -> pd.DataFrame | None:
    """Run a sweep (what is missing of it) into a store; return `results`, also while shards are missing.

    Args:
        source: a scenario file with a [sweep] table, or such a mapping.
        folder: the store; runs that it holds are not repeated.
        overrides: dotted path -> value, as `--set` of the command: "man.bmi", "sweep.replicates".
        how: workers, dask, shard, progress: see experiment.How.

    Raises:
        TestisError: see prepare and experiment.run.
    """
    return run(partial(prepare, source, overrides), folder, **how)


def results(folder: str | Path) -> pd.DataFrame:
    """Return the runs of a sweep's store with the values of its axes: a row a run, arm and day.

    Raises:
        TestisError: it is no store.
    """
    return read(guard.path(folder, "folder")).drop(columns=["run", "case"])


@dataclass(frozen=True)
class Swept:
    """A sweep's results folder.

    Attributes:
        folder, manifest: where it is, and what it says of itself.
        title: of the sweep, and the name of its folder.
        outputs, days: that were kept.
        axes: what was varied, with the values that it has.
    """

    folder: Path
    manifest: Any
    title: str
    outputs: list[str]
    days: list[int]
    axes: list[Axis]

    @property
    def plausible(self) -> bool:
        """Return whether each replicate lives under a plausible parameter set of its own; else all under the tables'."""
        return bool(self.manifest.get("parameters") == PLAUSIBLE)

    def called(self, arm: str) -> str:
        """Return the word in print for an arm: what is done to the man in it (Scenario.called); folders of before say "treated"."""
        return str(self.manifest.get("done", TREATED)) if arm == TREATED else arm

    @classmethod
    def of(cls, folder: str | Path) -> Swept:
        """Return the results folder of a sweep.

        Raises:
            TestisError: it is none, or not that of a sweep.
        """
        manifest = read_manifest(folder := guard.path(folder, "folder"))
        if manifest["kind"] != "sweep":
            raise TestisError(f"{folder}: holds a {manifest['kind']}, not a sweep")
        design = manifest["design"]
        named = zip(design["paths"], design["units"], design["log"], zip(*design["points"]), strict=True)
        axes = [Axis(path, unit, tuple(dict.fromkeys(values)), log=log) for path, unit, log, values in named]
        title = f"{manifest['title']} ({folder.name})"
        return cls(folder, manifest, title, manifest["outputs"], manifest["days"], axes)

    def summary(self, day: int | None = None) -> pd.DataFrame:
        """Return a row a point: axes, and of each output what `_levels` and `_changes` say of its replicates.

        Under plausible parameter sets the change is the median over them, with its 90 % interval.

        Args:
            day: of those that were kept (default the last).

        Raises:
            TestisError: another day.
        """
        days, paths = self.days, self.manifest["design"]["paths"]
        if day is not None and guard.whole(day, min(days), max(days), "day") not in days:
            raise TestisError(f"day: {day} was not kept; kept were {', '.join(map(str, days))}")
        table = results(self.folder)
        table = table[(table["day"] == (max(days) if day is None else day)) & (table["error"] == "")]
        if table.empty:
            return pd.DataFrame(columns=["point", *paths])
        columns = [OUTPUTS[word].column for word in self.outputs]
        runs = table.set_index(["point", "replicate", "arm"])[columns].unstack("arm")
        points = pd.DataFrame(self.manifest["design"]["points"], columns=paths)
        parts, laboratory = (
            [points.loc[np.unique(runs.index.get_level_values("point"))]],
            Laboratory(parameters.values()),
        )
        for column in columns:
            arms = runs[column]
            parts += [_levels(arms[arm], f"{column}, {arm}") for arm in arms]
            if {UNTREATED, TREATED} <= set(arms):
                of_pairs = _over_sets if self.plausible else paired_change
                parts.append(_changes(arms, laboratory.limit(column), f"{column}, change", of_pairs))
        parts.append(runs.groupby("point").size().rename("replicates"))
        return pd.concat(parts, axis=1).reset_index(names="point")

    def report(self, table: pd.DataFrame, failed: pd.DataFrame) -> str:
        """Return its `summary` as text: points, levels and changes on the last day, and the first run that failed."""
        manifest, last = self.manifest, max(self.days)
        paths, points = manifest["design"]["paths"], len(manifest["design"]["points"])
        outputs = [word for word in (self.outputs if manifest.get("asked") else _USUAL) if word in self.outputs]
        text = (
            f"{manifest['title']}: {points:,} points, {manifest['runs']:,} runs, {len(failed):,} failed, levels of day "
            f"{last}\n\n{_points(table, outputs, paths)}\n{_replicates(table, self.plausible, self.called(TREATED))}\n  {basis(*last_window(last))}"
        )
        return f"{text}\n\n  first failure: {failed['error'].iloc[0]}" if len(failed) else text


def summary(folder: str | Path, day: int | None = None) -> pd.DataFrame:
    """Return `Swept.summary` of a results folder."""
    return Swept.of(folder).summary(day)


def _levels(level: pd.Series, name: str) -> pd.DataFrame:
    """Return mean, SD over replicates, and half of the mean's 95 % interval (Student's t; NaN with one replicate)."""
    from testis_abm.support.special import stdtrit

    by = level.groupby("point")
    spread, count = by.std(), by.count()
    half = spread * stdtrit(np.maximum(count - 1, 1), 0.975) / np.sqrt(count)
    return pd.DataFrame({name: by.mean(), f"{name}_sd": spread, f"{name}_half": half})


Triple = tuple[float, float, float]


def _changes(
    arms: pd.DataFrame, least: float, name: str, of_pairs: Callable[[np.ndarray, np.ndarray, float], Triple]
) -> pd.DataFrame:
    """Return the change in % of pairs of replicates with its interval, a row a point."""
    change = {
        point: of_pairs(pairs[UNTREATED].to_numpy(), pairs[TREATED].to_numpy(), least)
        for point, pairs in arms.groupby("point")
    }
    return pd.DataFrame.from_dict(change, "index", columns=[f"{name}{end}_pct" for end in ("", "_low", "_high")])


def _over_sets(before: np.ndarray, after: np.ndarray, least: float) -> Triple:
    """Return the median change in % over parameter sets and its 90 % interval; NaN as of paired_change."""
    if np.isnan(paired_change(before, after, least)[0]):
        return float("nan"), float("nan"), float("nan")
    changes = 100.0 * (after / np.where(before > 0.0, before, np.nan) - 1.0)
    return spread_of_men(changes[np.isfinite(changes)])


# ---- in print


def _points(table: pd.DataFrame, words: Sequence[str], paths: Sequence[str]) -> str:
    """Return points and, of each output, level and change with their 95 % intervals; a wide table in parts."""
    rows = [row for _, row in table.head(_MOST_POINTS).iterrows()]
    points = [list(paths)]
    points += [[f"{row[path]:g}" if isinstance(row[path], float) else str(row[path]) for path in paths] for row in rows]
    parts: list[list[list[str]]] = []
    for word in words:
        cells = [OUTPUTS[word].heading, *(_level(row, OUTPUTS[word]) for row in rows)]
        wider = [[*line, cell] for line, cell in zip(parts[-1] if parts else points, cells)]
        if parts and max(map(len, aligned(wider).splitlines())) > _WIDEST:
            parts.append([[*line, cell] for line, cell in zip(points, cells)])
        else:
            parts[-1:] = [wider]
    text, more = "\n\n".join(map(aligned, parts)), len(table) - _MOST_POINTS
    return f"{text}\n  ... and {more:,} more points, in summary.parquet" if more > 0 else text


def _level(row: pd.Series, quantity: Quantity) -> str:
    """Return the treated level of a point with its change, or both levels where that has no percentage."""
    column = quantity.column
    pairs = int(row["replicates"])
    untreated, half, treated = (
        float(quantity.clinical(row.get(f"{column}, {end}", np.nan)))
        for end in (UNTREATED, f"{UNTREATED}_half", TREATED)
    )
    if f"{column}, {TREATED}" not in row:
        width = 100.0 * half / untreated if untreated else np.nan
        same = deterministic(0.0, -width, width, pairs)
        return level(column, untreated) + (f" ± {number(half)}" if half == half and not same else "")
    middle, low, high = (row[f"{column}, change{end}_pct"] for end in ("", "_low", "_high"))
    centre, interval = change(middle, low, high, pairs)
    if centre == "-":
        return f"{level(column, untreated)} -> {level(column, treated)}"
    return f"{level(column, treated)} ({centre}{', ' + interval.strip('()') if interval else ''})"


def _replicates(table: pd.DataFrame, plausible: bool, done: str) -> str:
    """Return what the levels and intervals of a sweep's summary are."""
    if table.empty:
        return ""
    text, both = "  Level", any(f", {TREATED}" in name for name in table)
    if both:
        text = f"  Level of the {done} man (change against untreated; levels untreated -> {done} where nothing has no percentage)"
    least, most = int(table["replicates"].min()), int(table["replicates"].max())
    count = f"{least}" if least == most else f"{least} to {most}"
    if plausible:
        what = "mean ± half of its 95 % interval"
        if both:
            what = "mean level, median change and its 90 % interval"
        return note(
            f"{text.strip()}: {what} over {count} parameter sets that fit published studies, with answers to what these do not "
            "decide; replicate k is set k at every point."
        )
    alone = note(
        "All under the parameters of the tables but for what is varied: nothing here holds how far these are known "
        '(parameters = "plausible" does).'
    )
    if most < 2:
        return f"{text}; 1 replicate a point: no interval.\n{alone}"
    rough = "; so few make it rough" if least < FEW else ""
    return (
        f"{text}, 95 % interval over {count} replicates a point{rough}; none where all replicates are the same "
        f"(deterministic).\n{alone}"
    )
