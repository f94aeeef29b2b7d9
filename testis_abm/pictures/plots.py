"""Plots of experiments as described: lines over what was varied, rows with intervals, men by their change. `plots_screen` paints them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from testis_abm.pictures.reference import Range

_CLOSEST = 0.03  # share by which a number in print may differ


@dataclass(frozen=True)
class Series:
    """One line: its name, colour (0 untreated, 1 treated, ...), middles with the ends of their intervals (NaN without), (x,)."""

    name: str
    colour: int
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class Lines:
    """A quantity over one thing that was varied.

    Attributes:
        label, unit: of the quantity. axis: what was varied, with its unit.
        x: (x,) places, rising numbers, or 0, 1, 2 ... of words. names: of each place in print. words: whether they are words.
        log: whether the axis is logarithmic.
        series: lines. keys: what a click on each place reports ("" nothing). reference: limits of the quantity.
        zero: whether zero is on the axis of the quantity; signed: whether values are told with their sign.
        spread: what intervals are, as "90 %" ("" where there are none).
    """

    label: str
    unit: str
    axis: str
    x: np.ndarray
    names: Sequence[str]
    series: Sequence[Series]
    words: bool = False
    log: bool = False
    keys: Sequence[str] = ()
    reference: Range | None = None
    zero: bool = True
    signed: bool = False
    spread: str = ""


@dataclass(frozen=True)
class Row:
    """One row of a plot of rows.

    Attributes:
        label: in words; detail: what is told of it where one points.
        middle, low, high: NaN where there is none; an infinite end goes on to the edge.
        seen: what was observed beside it (NaN: nothing); inside: whether that lies in the interval.
        colour: as of Series. key: what a click reports ("" nothing).
    """

    label: str
    middle: float
    low: float = math.nan
    high: float = math.nan
    seen: float = math.nan
    inside: bool = True
    colour: int = 1
    key: str = ""
    detail: str = ""


@dataclass(frozen=True)
class Rows:
    """Rows with intervals on one axis.

    Attributes:
        label: of all. axis: what is on it, with its unit. zero: of no effect, a line.
        groups: heading ("" none) and rows of each. bars: whether rows are bars from zero, else points.
        log: whether the axis is logarithmic. ends: of the axis (NaN: by what is shown). least: under which nothing can be.
    """

    label: str
    axis: str
    groups: Sequence[tuple[str, Sequence[Row]]]
    zero: float = 0.0
    bars: bool = False
    log: bool = False
    ends: tuple[float, float] = (math.nan, math.nan)
    least: float = -math.inf


@dataclass(frozen=True)
class Waterfall:
    """Men of each arm by their change, one bar a man.

    Attributes:
        label: of the quantity. arms: name, colour, changes in % (men,), infinite from none to some.
        threshold: change that makes a responder (NaN: another rule does). most: changes above it are cut, and counted.
    """

    label: str
    arms: Sequence[tuple[str, int, np.ndarray]]
    threshold: float = math.nan
    most: float = 300.0


def rounded(values: Sequence[float]) -> list[str]:
    """Return numbers in print: those of three figures as they are, longer ones with as few figures as tell all apart and lie within 3 % of them."""
    for figures in range(1, 7):
        short = [value if float(f"{value:.3g}") == value else float(f"{value:.{figures}g}") for value in values]
        near = all(abs(one - value) <= _CLOSEST * abs(value) for one, value in zip(short, values))
        if near and len({*short}) == len({*values}):
            return [f"{value:,.10g}" for value in short]
    return [f"{value:,.6g}" for value in values]


def log_ticks(low: float, high: float) -> list[float]:
    """Return round numbers, 1, 2 and 5 or fewer a decade, between two ends above zero."""
    decades = math.log10(high / low)
    steps = (1.0, 2.0, 5.0) if decades < 2.2 else (1.0, 3.0) if decades < 4.0 else (1.0,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    inside = [step * 10.0**power for power in powers for step in steps]
    found = [tick for tick in inside if low * 0.999 <= tick <= high * 1.001]
    return found if len(found) > 1 else [low, high]
