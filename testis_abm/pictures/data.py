"""What the figures need of a run: plain arrays and texts, quick to send to another process.

Free of pandas, so that the processes that draw start fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.results import FIGURES
from testis_abm.quantities import OESTRADIOL
from testis_abm.results.tables import SCHEMAS, STEPS

if TYPE_CHECKING:
    from testis_abm.results.run import Run
    from testis_abm.scenario import Scenario, Therapy

_FEW = 20  # replicates below which a band shows the extremes
_TABLES = {
    "hormones": tuple(SCHEMAS["hormones"])[3:],
    "tissue": (
        *STEPS,
        "sertoli",
        "apoptosis",
        "sperm_released",
        "meiotic_loss_pct",
        "androgen_signal",
        "er_alpha_signal",
        "er_beta_signal",
        "fsh_signal",
    ),
    "semen": tuple(SCHEMAS["semen"])[4:],
}
_TABLE_OF_FIGURE = {"intratesticular": "hormones"}


@dataclass(frozen=True)
class Span:
    """One therapy: the drug, its name with dose, and its first and last day (the same for a single dose)."""

    drug: str
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
    """One quantity over time: (days,) arrays of mean, low and high over replicates, these may be missing."""

    day: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None
    high: np.ndarray | None


@dataclass(frozen=True)
class Grid:
    """The columns of one table and arm.

    Attributes:
        day: (days,) rising.
        values: name -> (replicates, days), NaN where there is none.
    """

    day: np.ndarray
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class PlotData:
    """A run as the figures see it.

    Attributes:
        days: first and last day.
        grids: (table, arm) -> its columns.
        sections: arm -> arrays of a cross-section (see `tubules`).
        limits: column of the hormones -> the least that a laboratory tells from none.
    """

    title: str
    arms: tuple[str, ...]
    replicates: int
    seed: str
    days: tuple[float, float]
    grids: Mapping[tuple[str, str], Grid]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]
    sections: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, float]

    @classmethod
    def of(cls, result: Run) -> PlotData:
        """Return what the figures need of `result`."""
        days = result.hormones["day"]
        first, last = (float(days.min()), float(days.max())) if len(days) else (0.0, 1.0)
        return cls(
            result.title,
            result.arms,
            result.replicates,
            str(result.provenance.get("seed", "")),
            (first, last),
            {(table, arm): _grid(result, table, arm) for table in _TABLES for arm in result.arms},
            spans(result.scenario, last) if "treated" in result.arms else (),
            tuple(
                Mark(measured_as(of.variable, result.scenario), of.day, of.canonical_value, of.label)
                for of in result.scenario.observed
            ),
            result.sections,
            _limits(result),
        )

    @property
    def band(self) -> str:
        """Return what the bands show, in words; "" with one replicate."""
        if self.replicates < 2:
            return ""
        return "range of replicates" if self.replicates < _FEW else "central 95 % of replicates"

    def figures(self) -> tuple[str, ...]:
        """Return the names of the figures that this run has something for."""
        with_rows = {table for (table, _), grid in self.grids.items() if len(grid.day)}
        present = {"hormones", "intratesticular"} if "hormones" in with_rows else set()
        present |= with_rows | ({"tubules"} if self.sections else set())
        return tuple(name for name in FIGURES if name in present)

    def only(self, figure: str) -> PlotData:
        """Return a copy with no more than `figure` needs."""
        table = _TABLE_OF_FIGURE.get(figure, figure)
        grids = {key: grid for key, grid in self.grids.items() if key[0] == table}
        return replace(self, grids=grids, sections=self.sections if figure == "tubules" else {})

    def curve(self, day: np.ndarray, values: np.ndarray) -> Curve:
        """Return the course of `values`, (replicates, days), with a band that suits their number."""
        if np.isnan(values).all():
            return Curve(day, values[0], None, None)
        mean = np.nanmean(values, axis=0)
        if self.replicates < 2:
            return Curve(day, mean, None, None)
        if self.replicates < _FEW:
            return Curve(day, mean, np.nanmin(values, axis=0), np.nanmax(values, axis=0))
        low, high = np.nanpercentile(values, [2.5, 97.5], axis=0)
        return Curve(day, mean, low, high)


def _grid(result: Run, table: str, arm: str) -> Grid:
    rows = result.tables[table]
    rows = rows[rows["arm"] == arm]
    day, at_day = np.unique(rows["day"].to_numpy(dtype=float), return_inverse=True)
    replicate, of_replicate = np.unique(rows["replicate"].to_numpy(), return_inverse=True)
    values = {}
    for name in _TABLES[table]:
        values[name] = np.full((len(replicate), len(day)), np.nan)
        values[name][of_replicate, at_day] = rows[name].to_numpy(dtype=float)
    if table == "hormones":
        from testis_abm import parameters  # here, as the processes that draw do without the compiled rules
        from testis_abm.biology.laboratory import Laboratory

        values |= Laboratory(parameters.values(getattr(result.scenario, "parameters", None) or {})).by_assays(values)
    return Grid(day, values)


def _limits(result: Run) -> dict[str, float]:
    from testis_abm import parameters
    from testis_abm.biology.laboratory import Laboratory

    laboratory = Laboratory(parameters.values(result.scenario.parameters))
    return {name: laboratory.limit(name) for name in (*_TABLES["hormones"], *OESTRADIOL.values())}


def measured_as(variable: str, scenario: Scenario) -> str:
    """Return the column of an observed value: oestradiol is that of the scenario's assay."""
    return OESTRADIOL[scenario.samples.assay] if variable == OESTRADIOL["lc-ms"] else variable


def spans(scenario: Scenario, last: float) -> tuple[Span, ...]:
    """Return the treatments of a scenario as they are planned, up to day `last`."""
    weights = sorted(scenario.weight, key=lambda of: of.from_day)
    changes = tuple(Span("weight", f"to BMI {of.bmi:g} kg/m2", of.from_day, min(last, of.until_day)) for of in weights)
    return tuple(_span(of, last) for of in scenario.therapy) + changes


def _span(therapy: Therapy, last: float) -> Span:
    from testis_abm.parameters import drugs

    end = therapy.first_day if therapy.every_days is None else min(last, therapy.until_day)
    label = f"{drugs()[therapy.drug].title} {therapy.label}{' by rule' if therapy.when else ''}"
    return Span(therapy.drug, label, therapy.first_day, end)
