"""A sweep's results folder, read again: levels and changes at its points, the scenario of each, and what is printed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import PLAUSIBLE, TREATED, UNTREATED
from testis_abm.experiments.design import Axis, Value
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.store import read, read_manifest
from testis_abm.parameters.tables import NONE, using
from testis_abm.quantities import Quantity
from testis_abm.results.report import aligned, change, level, note, number
from testis_abm.results.treatment import basis, last_window
from testis_abm.scenario import Scenario, load
from testis_abm.statistics import FEW, deterministic, mean_and_half, paired_change, spread_of_men
from testis_abm.support import guard
from testis_abm.support.errors import TestisError

_MOST_POINTS, _WIDEST = 40, 150  # of a printed table; letters of its lines
_USUAL = ("testosterone", "T/E2 (immunoassay)", "LH", "sperm concentration", "total motile count")

Triple = tuple[float, float, float]


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

    @property
    def case(self) -> Scenario:
        """Return the scenario that is varied, under its title."""
        return self._case({}, self.manifest["title"])

    def values(self, point: int) -> dict[str, Value]:
        """Return what a point puts into the scenario, by path.

        Raises:
            TestisError: there is no such point.
        """
        points = self.manifest["design"]["points"]
        point = guard.whole(point, 0, len(points) - 1, "point")
        return dict(zip(self.manifest["design"]["paths"], points[point], strict=True))

    def scenario(self, point: int, told: str = "") -> Scenario:
        """Return the scenario of a point; its title ends with what is `told` of its values (default: paths and values).

        Raises:
            TestisError: there is no such point.
        """
        values = self.values(point)
        told = told or ", ".join(f"{path} {value}" for path, value in values.items())
        return self._case(values, f"{self.manifest['title']}: {told}"[:200])

    def _case(self, values: Mapping[str, Value], title: str) -> Scenario:
        with using(NONE):  # a case carries its tables
            return load({**self.manifest["scenario"][""], "title": title}, overrides=dict(values))

    def spread(self, word: str, day: int | None = None) -> pd.DataFrame:
        """Return an output at each point and, of each arm and of the change ("change", %), how it is spread.

        Returns:
            A row a point and kind: `point`, `kind`, `middle`, `low`, `high`, `replicates`; levels in the unit of the column. Over plausible
            parameter sets the median and the 90 % interval, over replicates the mean and its 95 % interval (NaN of one).

        Raises:
            TestisError: an output or day that was not kept, or no store.
        """
        quantity, runs = OUTPUTS[guard.word(word, self.outputs, "output")], self._runs(day)
        rows: list[tuple[Any, ...]] = []
        if not runs.empty:
            arms = runs[quantity.column]
            limit, of_pairs = Laboratory(parameters.values()).limit(quantity.column), self._of_pairs
            for point, of in arms.groupby("point"):
                for arm in of:
                    rows.append((point, arm, *self._level(of[arm].to_numpy()), len(of)))
                if {UNTREATED, TREATED} <= set(of):
                    change = of_pairs(of[UNTREATED].to_numpy(), of[TREATED].to_numpy(), limit)
                    rows.append((point, "change", *change, len(of)))
        return pd.DataFrame(rows, columns=["point", "kind", "middle", "low", "high", "replicates"])

    def _level(self, values: np.ndarray) -> Triple:
        there = values[np.isfinite(values)]
        if self.plausible or not len(there):
            return spread_of_men(there)
        middle, half = mean_and_half(there)
        return middle, middle - half, middle + half

    @property
    def _of_pairs(self) -> Callable[[np.ndarray, np.ndarray, float], Triple]:
        return _over_sets if self.plausible else paired_change

    def _runs(self, day: int | None) -> pd.DataFrame:
        """Return the runs that ended, a row a point and replicate, a column an output and arm, on one of the days that were kept (default the last).

        Raises:
            TestisError: another day.
        """
        days = self.days
        if day is not None and guard.whole(day, min(days), max(days), "day") not in days:
            raise TestisError(f"day: {day} was not kept; kept were {', '.join(map(str, days))}")
        table = results(self.folder)
        table = table[(table["day"] == (max(days) if day is None else day)) & (table["error"] == "")]
        columns = [OUTPUTS[word].column for word in self.outputs]
        return table.set_index(["point", "replicate", "arm"])[columns].unstack("arm")

    def summary(self, day: int | None = None) -> pd.DataFrame:
        """Return a row a point: axes, and of each output what `_levels` and `_changes` say of its replicates.

        Under plausible parameter sets the change is the median over them, with its 90 % interval.

        Args:
            day: of those that were kept (default the last).

        Raises:
            TestisError: another day.
        """
        paths, runs = self.manifest["design"]["paths"], self._runs(day)
        if runs.empty:
            return pd.DataFrame(columns=["point", *paths])
        columns = [OUTPUTS[word].column for word in self.outputs]
        points = pd.DataFrame(self.manifest["design"]["points"], columns=paths)
        parts, laboratory = (
            [points.loc[np.unique(runs.index.get_level_values("point"))]],
            Laboratory(parameters.values()),
        )
        for column in columns:
            arms = runs[column]
            parts += [_levels(arms[arm], f"{column}, {arm}") for arm in arms]
            if {UNTREATED, TREATED} <= set(arms):
                parts.append(_changes(arms, laboratory.limit(column), f"{column}, change", self._of_pairs))
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
