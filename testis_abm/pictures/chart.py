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
class Whisker:
    """What lies about a curve on one day over plausible models: median and interval; `curve` is its place among the curves."""

    curve: int
    day: float
    level: float
    low: float
    high: float

    def scaled(self, factor: float) -> Whisker:
        """Return it in another unit."""
        return replace(self, level=self.level * factor, low=self.low * factor, high=self.high * factor)


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
        whiskers: intervals over plausible models, of some of the curves.
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
    whiskers: tuple[Whisker, ...] = ()

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
            whiskers=tuple(whisker.scaled(self.factor) for whisker in self.whiskers),
        )


@dataclass(frozen=True)
class HeatMap:
    """One value at each place of a grid of two axes, NaN where there is none.

    Attributes:
        label: of what is shown; unit: of the colours.
        values: (up, across). across, up: names of the places; names: of the axes.
        change: whether values are changes in %, coloured about zero.
        keys: what a click on each place reports, (up, across); () nothing.
    """

    label: str
    unit: str
    values: np.ndarray
    across: Sequence[str]
    up: Sequence[str]
    names: tuple[str, str]
    change: bool
    keys: Sequence[Sequence[str]] = ()


@dataclass(frozen=True)
class Scale:
    """An axis of multiples of a man's own level, on a logarithmic scale.

    Attributes:
        name: of the quantity. levels: those that were looked at, rising, in % of his own.
        own: his own level in `unit`.
    """

    name: str
    levels: np.ndarray
    own: float
    unit: str

    def share(self, percent: np.ndarray | float) -> np.ndarray | float:
        """Return how far along the scale a level in % of his own lies; from 0 to 1 if it is on it."""
        first, last = np.log(self.levels[0]), np.log(self.levels[-1])
        return (np.log(percent) - first) / (last - first)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Path:
    """A way over a surface, in % of the man's own; `marks` are days with their labels, `ends` the interval of its end.

    Attributes:
        x, y: (days,). marks: day -> label. ends: low and high of x and of y at the last day; None without.
    """

    x: np.ndarray
    y: np.ndarray
    marks: tuple[tuple[int, str], ...]
    ends: tuple[tuple[float, float], tuple[float, float]] | None


@dataclass(frozen=True)
class SurfaceMap:
    """A quantity over two scales, as bands of colour between `steps`.

    Attributes:
        label, unit: of what is shown.
        across, up: the scales. values, low, high: (up, across), NaN where there is none.
        steps: round values that rise, the first under all values and the last over them.
        own: the man's own value.
        path: what treatment does; None without.
        reference: limits of the quantity.
    """

    label: str
    unit: str
    across: Scale
    up: Scale
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    steps: tuple[float, ...]
    own: float
    path: Path | None = None
    reference: Range | None = None

    def fine(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return both scales with `count` levels, and the values between: monotone cubics over the logarithms."""
        from scipy.interpolate import PchipInterpolator

        x, y = (np.log(scale.levels) for scale in (self.across, self.up))
        across, up = (np.linspace(levels[0], levels[-1], count) for levels in (x, y))
        known = np.isfinite(self.values)

        def between(values: np.ndarray) -> np.ndarray:
            return np.asarray(PchipInterpolator(y, PchipInterpolator(x, values, axis=1)(across), axis=0)(up))

        values = between(np.where(known, self.values, 0.0))
        return np.exp(across), np.exp(up), np.where(between(known.astype(float)) > 0.99, values, np.nan)

    def slices(self) -> tuple[tuple[Scale, Curve], tuple[Scale, Curve]]:
        """Return the course along each scale where the other is the man's own."""
        i, k = (int(np.abs(scale.levels - 100.0).argmin()) for scale in (self.up, self.across))
        across = Curve("treated", self.across.levels, self.values[i], self.low[i], self.high[i])
        up = Curve("treated", self.up.levels, self.values[:, k], self.low[:, k], self.high[:, k])
        return (self.across, across), (self.up, up)
