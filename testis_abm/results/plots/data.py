"""What the figures need of a run: plain tables and texts, quick to send to another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from testis_abm.errors import TestisError
from testis_abm.results.run_result import RunResult
from testis_abm.results.tables import in_column_unit

_FEW = 20  # replicates below which a band shows the extremes


@dataclass(frozen=True)
class Span:
    """One therapy: its name with dose, and its first and last day (the same for a single dose)."""

    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Mark:
    """One observed value, in the unit of the column `variable`."""

    variable: str
    day: float
    value: float
    label: str


@dataclass(frozen=True)
class Curve:
    """One quantity over time: (days,) arrays of mean, low and high over replicates; low and high may be missing."""

    day: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None


@dataclass(frozen=True)
class PlotData:
    """A run as the figures see it."""

    title: str
    arms: tuple[str, ...]
    replicates: int
    seed: str
    tables: Mapping[str, pd.DataFrame]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    sections: Mapping[str, Mapping[str, Any]]

    @classmethod
    def of(cls, result: RunResult) -> PlotData:
        """Return what the figures need of `result`."""
        days = result.hormones["day"]
        last = float(days.max()) if len(days) else 0.0
        return cls(
            result.title,
            result.arms,
            result.replicates,
            str(result.provenance.get("seed", "")),
            {name: result.tables[name] for name in ("hormones", "tissue", "semen")},
            _spans(result, last) if "treated" in result.arms else (),
            _marks(result),
            result.sections,
        )

    @property
    def band(self) -> str:
        """Return what the bands show, in words; "" with one replicate."""
        if self.replicates < 2:
            return ""
        return "range of replicates" if self.replicates < _FEW else "central 95 % of replicates"

    @cached_property
    def days(self) -> tuple[float, float]:
        """Return the first and the last day."""
        day = self.tables["hormones"]["day"]
        return float(day.min()), float(day.max())

    def grid(self, table: str, arm: str, columns: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return the days, and the values of `columns` as (replicates, days, columns); NaN where there is none."""
        rows = self.tables[table]
        rows = rows[rows["arm"] == arm]
        day, at_day = np.unique(rows["day"].to_numpy(dtype=float), return_inverse=True)
        replicate, of_replicate = np.unique(rows["replicate"].to_numpy(), return_inverse=True)
        grid = np.full((len(replicate), len(day), len(columns)), np.nan)
        grid[of_replicate, at_day] = rows[columns].to_numpy(dtype=float)
        return day, grid

    def curve(self, day: np.ndarray, values: np.ndarray) -> Curve:
        """Return the course of `values`, (replicates, days), with the band that suits the number of replicates."""
        mean = np.nanmean(values, axis=0)
        if self.replicates < 2:
            return Curve(day, mean, None, None)
        if self.replicates < _FEW:
            return Curve(day, mean, np.nanmin(values, axis=0), np.nanmax(values, axis=0))
        low, high = np.nanpercentile(values, [2.5, 97.5], axis=0)
        return Curve(day, mean, low, high)


def _spans(result: RunResult, last: float) -> tuple[Span, ...]:
    spans = []
    for therapy in result.scenario.therapy:
        start, every = float(therapy.from_day), therapy.every_days
        end = start if every is None else min(last, float(therapy.until_day))
        if start < last:
            spans.append(Span(_label(therapy), start, end))
    return tuple(spans)


def _label(therapy: Any) -> str:
    from testis_abm.parameters import drugs

    drug = drugs().get(therapy.drug)
    name = drug.title if drug else therapy.drug.replace("_", " ")
    unit = f" {drug.dose_unit}" if drug else ""
    every = therapy.every_days
    rhythm = {None: "once", 1.0: "daily", 7.0: "weekly"}.get(every) or f"every {every:g} days"
    return f"{name} {therapy.dose:g}{unit} {rhythm}"


def _marks(result: RunResult) -> tuple[Mark, ...]:
    marks = []
    for entry in result.scenario.observed:
        try:
            value = in_column_unit(float(entry.value), entry.unit, entry.variable)
        except TestisError:
            # The closing text says that the run has nothing to compare; a figure has no place for it.
            continue
        marks.append(Mark(entry.variable, float(entry.day), value, entry.label))
    return tuple(marks)
