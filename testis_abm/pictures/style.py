"""The common look of the figures: type, colours, and the parts that every panel shares.

Colours are those of Okabe and Ito, which stay apart in every common form of colour blindness.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator, MultipleLocator

from testis_abm.pictures.data import Curve, Mark, PlotData, Span

DPI = 150
WIDTH = 7.2  # inch: two columns of a journal
COLOUR = {"untreated": "#6E6E6E", "treated": "#0072B2"}
OBSERVED = "#D55E00"
LIMIT = "#444444"
REFERENCE = "#009E73"
SPANS = ("#E69F00", "#56B4E9", "#CC79A7", "#009E73")

RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 2.8,
    "ytick.major.size": 2.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 3,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    # Text that journals can edit, and the same bytes from the same run.
    "svg.fonttype": "none",
    "svg.hashsalt": "testis_abm",
}
_TICKS = (7, 14, 28, 56, 84, 168, 364, 728, 1820, 3640)
# Inches: height of the strip of one therapy, of a line of the legend, of the title, of the time axis; gap
# between rows; room left of a panel, and the distance from there to its label.
_LANE, _LINE, _TOP, _TIME, _GAP, _LEFT, _LABEL = 0.13, 0.17, 0.5, 0.36, 0.24, 0.7, 0.36
_MANY_SWINGS = 16
_PAPER = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.6}  # behind a label that lies on data
_NAME, _LETTER = 6.2, 0.05  # size of a therapy's name; width of a letter of it, inch


class Sheet:
    """A figure with a title, a grid of panels over time, a legend and a footer.

    Args:
        data: the run.
        name: what the figure shows, under the run's title.
        rows, columns: of the grid.
        height: of a row of panels, inch.
        right: room at the right of each panel for a second axis, inch.
    """

    def __init__(
        self, data: PlotData, name: str, rows: int, columns: int, height: float = 1.55, right: float = 0.55
    ) -> None:
        self.data, self.name, self.columns = data, name, columns
        self.rows, self.height, self.right = rows, height, right
        self.untreated: set[int] = set()  # panels that show no treatment
        self.figure = Figure(figsize=(WIDTH, 1.0), dpi=DPI)
        FigureCanvasAgg(self.figure)
        self.panels = [self.figure.add_axes((0, 0, 1, 1), label=str(k)) for k in range(rows * columns)]

    def finish(self, *legend: Sequence[Any]) -> Figure:
        """Place and dress the panels, add title, footer and `legend`, row by row; return the figure."""
        bottom = 0.24 + _LINE * len(legend)
        width = WIDTH / self.columns - _LEFT - self.right
        rows_of_spans = lanes(self.data.spans, self.data.days, width)
        strip = _LANE * len(rows_of_spans) + 0.04
        total = _TOP + strip + self.rows * self.height + (self.rows - 1) * _GAP + _TIME + bottom
        self.figure.set_size_inches(WIDTH, total)
        for k, axes in enumerate(self.panels):
            row, column = divmod(k, self.columns)
            x = _LEFT + column * (width + _LEFT + self.right)
            y = bottom + _TIME + (self.rows - 1 - row) * (self.height + _GAP)
            axes.set_position((x / WIDTH, y / total, width / WIDTH, self.height / total))
            axes.yaxis.set_label_coords(-_LABEL / width, 0.5)
            time_axis(axes, self.data, labelled=row == self.rows - 1)
            letter(axes, k)
            if k not in self.untreated:
                shade(axes, self.data.spans)
            if row == 0 and k not in self.untreated:
                strips(axes, rows_of_spans, self.height)
        for k, handles in enumerate(legend):
            self.figure.add_artist(
                Legend(
                    self.figure,
                    handles,
                    [of.get_label() for of in handles],
                    loc="lower left",
                    ncols=len(handles),
                    bbox_to_anchor=(0.005, (0.17 + _LINE * (len(legend) - 1 - k)) / total),
                    borderaxespad=0.0,
                    columnspacing=1.0,
                    handlelength=1.2,
                    bbox_transform=self.figure.transFigure,
                )
            )
        write_frame(self.figure, self.data, self.name)
        return self.figure


def write_frame(figure: Figure, data: PlotData, name: str) -> None:
    """Write the title, what the figure shows, and the small print."""
    width, total = (float(side) for side in figure.get_size_inches())
    # A long title shrinks before it leaves the page.
    size = min(9.5, 9.5 * 13.0 * width / max(len(data.title), 1))
    figure.text(0.09 / width, 1.0 - 0.08 / total, data.title, va="top", weight="bold", size=size)
    figure.text(0.09 / width, 1.0 - 0.25 / total, name, va="top", size=8, color="#555555")
    figure.text(1.0 - 0.09 / width, 0.05 / total, footer(data), ha="right", size=6.3, color="#777777")


def footer(data: PlotData) -> str:
    """Return the small print: replicates, seed, and what this is not."""
    plural = "s" if data.replicates != 1 else ""
    seed = f", seed {data.seed}" if data.seed else ""
    warning = "testis_abm: a simulation for research, not medical advice."
    return f"{data.replicates:,} replicate{plural}{seed}. {warning}"


def lanes(spans: Sequence[Span], days: tuple[float, float], inches: float) -> list[list[Span]]:
    """Return the therapies in as few rows as they need so as not to cover one another, names included.

    `days` are the first and the last of an axis of `inches`.
    """
    rows: list[list[Span]] = []
    ends: list[float] = []
    for span in sorted(spans, key=lambda of: of.start):
        named, ended = name_days(span, days, inches)
        start, end = min(span.start, named), max(span.end, ended)
        free = next((k for k, taken in enumerate(ends) if taken <= start), None)
        if free is None:
            rows.append([span])
            ends.append(end)
        else:
            rows[free].append(span)
            ends[free] = end
    return rows


def name_days(span: Span, days: tuple[float, float], inches: float) -> tuple[float, float]:
    """Return the days between which a therapy's name stands: in its bar, or beside a bar that is too short, behind or before it."""
    start, width, _ = _name_place(span, days, inches)
    return start, start + width


def _name_place(span: Span, days: tuple[float, float], inches: float) -> tuple[float, float, float]:
    """Return where a therapy's name starts, its width (days) and its size: smaller where it fits nowhere."""
    first, last = days
    gap = 0.012 * (last - first)
    width = _LETTER * len(span.label) * (last - first) / inches
    # Room and start of a name of some width in its bar, behind and before it.
    rooms = {"in": span.end - span.start - gap, "behind": last - span.end - gap, "before": span.start - first - gap}
    place = next((name for name, room in rooms.items() if room >= width), max(rooms, key=lambda name: rooms[name]))
    size = min(1.0, rooms[place] / width)
    width *= size
    starts = {"in": span.start + gap, "behind": span.end + gap, "before": span.start - gap - width}
    return starts[place], width, _NAME * size


def span_colour(spans: Sequence[Span], span: Span) -> str:
    """Return the colour of a therapy: one a drug."""
    drugs = sorted({of.drug for of in spans})
    return SPANS[drugs.index(span.drug) % len(SPANS)]


def shade(axes: Axes, spans: Sequence[Span]) -> None:
    """Shade the days of treatment; a single dose is a line."""
    for span in spans:
        colour = span_colour(spans, span)
        if span.end > span.start:
            axes.axvspan(span.start, span.end, color=colour, alpha=0.07, lw=0, zorder=0)
        else:
            axes.axvline(span.start, color=colour, lw=0.9, alpha=0.9, zorder=0.5)


def strips(axes: Axes, rows: Sequence[Sequence[Span]], inches: float) -> None:
    """Draw each therapy as a named strip above the axes, which are `inches` high."""
    height = _LANE / inches
    first, last = axes.get_xlim()
    inches_wide = axes.get_window_extent().width / DPI
    spans = [span for row in rows for span in row]
    for k, row in enumerate(rows):
        y = 1.02 + k * height
        for span in row:
            width = max(span.end - span.start, 0.006 * (last - first))
            axes.add_patch(
                Rectangle(
                    (span.start, y),
                    width,
                    0.85 * height,
                    transform=axes.get_xaxis_transform(),
                    clip_on=False,
                    lw=0,
                    color=span_colour(spans, span),
                    alpha=0.45,
                )
            )
            start, _, size = _name_place(span, (first, last), inches_wide)
            axes.text(start, y + 0.4 * height, span.label, size=size, va="center", transform=axes.get_xaxis_transform())


def time_axis(axes: Axes, data: PlotData, *, labelled: bool) -> None:
    """Count days in whole weeks; day 0 starts the treatment."""
    first, last = data.days
    axes.set_xlim(first, last)
    base = next((of for of in _TICKS if (last - first) / of <= 9), _TICKS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(base))
    if labelled:
        axes.set_xlabel("Day")
    else:
        axes.tick_params(labelbottom=False)


def letter(axes: Axes, k: int) -> None:
    """Mark a panel with its letter."""
    axes.annotate(
        "abcdefghijkl"[k],
        (0, 1),
        xytext=(-45, -1),
        xycoords="axes fraction",
        textcoords="offset points",
        weight="bold",
        size=9.5,
        va="bottom",
    )


def draw_curve(axes: Axes, curve: Curve, arm: str, **line: Any) -> None:
    """Draw a mean with its band."""
    look = {"color": COLOUR[arm], "zorder": 3 if arm == "treated" else 2.5, "solid_capstyle": "round", **line}
    if _swings(curve.mean) > _MANY_SWINGS:
        look["linewidth"] = 0.7
    axes.plot(curve.day, curve.mean, **look)
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.day, curve.low, curve.high, color=look["color"], alpha=0.2, lw=0, zorder=2)


def _swings(values: np.ndarray) -> int:
    """Return how often a curve turns, small wobbles apart: injections make it swing."""
    step = np.diff(values)
    large = step[np.abs(step) > 0.04 * np.abs(values).max()]
    return int((np.diff(np.sign(large)) != 0).sum())


def draw_reference(axes: Axes, low: float, high: float) -> None:
    """Shade the range of healthy men."""
    axes.axhspan(low, high, color=REFERENCE, alpha=0.07, lw=0, zorder=0.2)
    for edge in (low, high):
        axes.axhline(edge, color=REFERENCE, alpha=0.45, lw=0.6, ls=(0, (4, 3)), zorder=0.3)


def draw_limit(axes: Axes, value: float, text: str) -> None:
    """Draw a lower reference limit, named at its left end, if it is in the panel."""
    if value > axes.get_ylim()[1]:
        return
    axes.axhline(value, color=LIMIT, lw=0.8, ls=(0, (4, 3)), zorder=1.5)
    axes.annotate(
        text,
        (0, value),
        xytext=(3, -2),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        va="top",
        size=6.2,
        color=LIMIT,
        zorder=4,
        bbox=_PAPER,
    )


def draw_marks(axes: Axes, marks: Iterable[Mark]) -> None:
    """Draw observed values as open diamonds with their labels."""
    first, last = axes.dataLim.x0, axes.dataLim.x1
    for mark in marks:
        # Near the right axis the label stands to the left of its mark.
        late = mark.day - first > 0.7 * (last - first)
        axes.plot([mark.day], [mark.value], marker="D", ms=5, mfc="white", mec=OBSERVED, mew=1.3, ls="", zorder=5)
        axes.annotate(
            mark.label,
            (mark.day, mark.value),
            xytext=(-6 if late else 6, -8),
            ha="right" if late else "left",
            textcoords="offset points",
            size=6.2,
            color=OBSERVED,
            zorder=5,
            bbox=_PAPER,
        )


def say(axes: Axes, text: str) -> None:
    """Write in an empty panel why it is empty."""
    axes.text(
        0.5, 0.5, text, transform=axes.transAxes, ha="center", va="center", size=7, color=LIMIT, bbox=_PAPER, zorder=6
    )


def say_none(axes: Axes, least: float, unit: str, denominator: str) -> None:
    """Say of a panel without a level over `least` (0 of a ratio, which has none without its denominator) why it shows nothing."""
    curves = np.concatenate([np.asarray(line.get_ydata(), dtype=float) for line in axes.lines] or [np.zeros(0)])
    if least > 0.0 and not (curves >= least).any():
        say(axes, f"under the limit of quantitation ({least:g} {unit})")
    elif not np.isfinite(curves).any():
        say(axes, f"none: {denominator} under the limit")


def from_zero(axes: Axes, reference: float = 0.0, least: float = 0.0) -> None:
    """Start at zero, leave room at the top; `reference` shows too if that at most doubles the axis.

    Levels under `least`, of which a laboratory reports no more than that, do not stretch the axis.
    """
    top = float(axes.dataLim.y1)
    if not top > 0.0 or top < least:
        top = reference or least or 1.0
    elif top < reference <= 2.0 * top:
        top = reference
    axes.set_ylim(0.0, 1.12 * top)
    round_ticks(axes.yaxis)


def round_ticks(axis: Axis) -> None:
    """Put few ticks at round numbers."""
    axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10]))


def second_axis(axes: Axes, factor: float, label: str) -> None:
    """Put conventional units on the right: `factor` times the left ones."""

    def forth(value: Any) -> Any:
        return value * factor

    def back(value: Any) -> Any:
        return value / factor

    right = axes.secondary_yaxis("right", functions=(forth, back))
    right.set_ylabel(label)
    right.spines["right"].set_visible(True)
    round_ticks(right.yaxis)


def legend_of(data: PlotData, *, reference: bool = False, marks: bool = False) -> list[Any]:
    """Return the legend entries that most figures share."""
    handles: list[Any] = [Line2D([], [], color=COLOUR[arm], label=arm) for arm in data.arms]
    if data.band:
        handles.append(Patch(color=COLOUR[data.arms[-1]], alpha=0.25, lw=0, label=data.band))
    if reference:
        handles.append(Patch(fc="#E9F5F1", ec=REFERENCE, lw=0.6, ls="--", label="reference range"))
    if marks:
        handles.append(Line2D([], [], marker="D", ms=5, mfc="white", mec=OBSERVED, mew=1.3, ls="", label="observed"))
    return handles


def looks() -> Any:
    """Return the context in which figures are made and saved."""
    return rc_context(RC)
