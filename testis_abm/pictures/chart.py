"""A chart as described: what it shows, in which unit, beside which limits. `paper` and `screen` paint it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from testis_abm.pictures.reference import Range
from testis_abm.statistics import nanmean

FEW = 20  # replicates below which a band shows the extremes


@dataclass(frozen=True)
class Mark:
    """One observed value."""

    day: float
    value: float
    label: str


@dataclass(frozen=True)
class Span:
    """One treatment: the drug, its name with dose, and its first and last day (the same for a single dose)."""

    drug: str
    label: str
    start: float
    end: float


@dataclass(frozen=True)
class Curve:
    """One arm's course: mean over replicates, band (None without), samples as days and values (None without)."""

    name: str
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dots: tuple[np.ndarray, np.ndarray] | None = None

    @classmethod
    def of(
        cls, name: str, x: np.ndarray, values: np.ndarray, dots: tuple[np.ndarray, np.ndarray] | None = None
    ) -> Curve:
        """Return the course of `values`, (replicates, x), NaN where there is none.

        The band holds the central 95 % of replicates; of fewer than FEW all of them.
        """
        if len(values) < 2:
            return cls(name, x, nanmean(values), dots=dots)
        there = np.isfinite(values)
        if len(values) < FEW:  # a page shows these while they are run: numpy's functions for gaps are slow
            low, high = np.where(there, values, np.inf).min(axis=0), np.where(there, values, -np.inf).max(axis=0)
        else:
            whole = np.where(there.any(axis=0), values, 0.0)
            low, high = np.nanpercentile(whole, [2.5, 97.5], axis=0)
        low, high = (np.where(there.any(axis=0), end, np.nan) for end in (low, high))
        return cls(name, x, nanmean(values), low, high, dots)

    def scaled(self, factor: float) -> Curve:
        """Return it in another unit."""
        low, high = (None if end is None else end * factor for end in (self.low, self.high))
        dots = None if self.dots is None else (self.dots[0], self.dots[1] * factor)
        return replace(self, mean=self.mean * factor, low=low, high=high, dots=dots)


def band(replicates: int) -> str:
    """Return what the band of a curve shows, in words; "" with one replicate."""
    if replicates < 2:
        return ""
    return "range of replicates" if replicates < FEW else "central 95 % of replicates"


@dataclass(frozen=True)
class Panel:
    """Courses of one quantity over days.

    Attributes:
        column: of the quantity. label, unit: of the axis.
        curves: by arm.
        days: first and last of the axis.
        factor, clinical_unit: to the unit of clinics.
        reference: limits beside which the courses are drawn.
        least: the least that a laboratory tells from none.
        zero: whether the axis begins at zero.
    """

    column: str
    label: str
    unit: str
    curves: tuple[Curve, ...]
    days: tuple[float, float]
    factor: float = 1.0
    clinical_unit: str = ""
    reference: Range | None = None
    marks: tuple[Mark, ...] = ()
    least: float = 0.0
    zero: bool = True

    def clinical(self) -> Panel:
        """Return the panel in the unit of clinics."""
        return replace(
            self,
            unit=self.clinical_unit or self.unit,
            curves=tuple(curve.scaled(self.factor) for curve in self.curves),
            factor=1.0,
            reference=self.reference and self.reference.scaled(self.factor),
            marks=tuple(replace(mark, value=mark.value * self.factor) for mark in self.marks),
            least=self.least * self.factor,
        )


@dataclass(frozen=True)
class HeatMap:
    """One value at each place of a grid of two axes, NaN where there is none.

    Attributes:
        label: of what is shown; unit: of the colours.
        values: (up, across). across, up: names of the places; names: of the axes.
        change: whether values are changes in %, coloured about zero.
    """

    label: str
    unit: str
    values: np.ndarray
    across: Sequence[str]
    up: Sequence[str]
    names: tuple[str, str]
    change: bool
