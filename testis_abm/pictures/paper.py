"""Charts on paper: matplotlib."""

from __future__ import annotations

import io
import math
import textwrap
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.registry import BackendFilter, backend_registry
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.font_manager import findfont, get_font
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, Rectangle
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.ticker import FuncFormatter, LogFormatter, LogLocator, MaxNLocator, MultipleLocator, NullFormatter

from testis_abm.pictures import style
from testis_abm.pictures.chart import Curve, Mark, Panel, Path, Scale, Span, SurfaceMap
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.reference import Range
from testis_abm.support.errors import TestisError
from testis_abm.support.outputs import SOFTWARE

_TICKS = (7, 14, 28, 56, 84, 168, 364, 728, 1820, 3640)
# Inches: height of the strip of one therapy, of a line of the legend, of the title, of the time axis; gap
# between rows; room left of a panel, and the distance from there to its label.
_LANE, _LINE, _TOP, _TIME, _GAP, _LEFT, _LABEL = 0.13, 0.17, 0.5, 0.36, 0.24, 0.7, 0.36
METADATA: dict[str, Any] = {
    "png": {"Software": SOFTWARE},
    "svg": {"Creator": SOFTWARE, "Date": None},
    "pdf": {"Creator": SOFTWARE, "CreationDate": None},
}
_SCREEN = 110  # pixels an inch, in notebooks
_WINDOWS = BackendFilter.INTERACTIVE
_MANY_SWINGS = 16
_LONG = 22  # letters of a label on one line
_MANY_DOTS = 250  # of a panel and arm, above which they shrink
PAPER = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.6}  # behind a label that lies on data
_NAME, _LETTER = 6.2, 0.05  # size of a therapy's name; width of a letter of it, inch
_READABLE, _MOST_LINES = 5.0, 4  # size under which a name is broken into lines, and how many at most
_DASHES = (0, (4, 3))
STRAIGHT: dict[str, Any] = {"shrinkA": 0, "shrinkB": 0}  # an arrow from end to end
TIGHT: Any = {
    "handlelength": 1.6,
    "columnspacing": 0.8,
    "borderaxespad": 0.1,
    "handletextpad": 0.4,
}  # a legend in a panel


@contextmanager
def looks() -> Iterator[None]:
    """Give the context in which figures are made and saved; of signs without a glyph tells `missing_signs`."""
    with rc_context(style.RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph \d+ ", UserWarning)
        yield


def missing_signs(figure: Figure) -> set[str]:
    """Return the signs in the texts of a figure that its fonts do not have: boxes stand in their place."""
    missing = set()
    for text in figure.findobj(Text):
        if signs := {sign for sign in text.get_text() if sign.isprintable() and not sign.isascii()}:
            font = get_font(findfont(text.get_fontproperties()))
            missing |= {sign for sign in signs if not font.get_char_index(ord(sign))}
    return missing


class PlainPowers(LogFormatter):
    """Names the ticks of a logarithmic axis that have a name in plain numbers."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        """Return the name of a tick."""
        return f"{x:,g}" if super().__call__(x, pos) else ""


class Picture(Figure):
    """A figure that shows itself: in a notebook as it is, from a script in a window by `show()`."""

    def _repr_png_(self) -> tuple[bytes, dict[str, float]]:
        """Return what notebooks show, as wide as on paper."""
        file = io.BytesIO()
        with looks():
            self.savefig(file, format="png", dpi=self.dpi, metadata=METADATA["png"])
        return file.getvalue(), {"width": round(self.get_figwidth() * _SCREEN)}

    def show(self, warn: bool = True) -> None:
        """Show it in a window, until that is closed.

        Raises:
            TestisError: there is no screen, or matplotlib is older than 3.11.
        """
        from matplotlib import pyplot

        if pyplot.get_backend().lower() not in {name.lower() for name in backend_registry.list_builtin(_WINDOWS)}:
            raise TestisError(
                f'no window can be opened ({pyplot.get_backend()}); write a file: plot(save="figure.png")'
            )
        try:
            pyplot.figure(self)
        except ValueError:
            raise TestisError('windows need matplotlib 3.11; write a file: plot(save="figure.png")') from None
        pyplot.show()


def page(width: float, height: float, dpi: int = style.DPI, **layout: Any) -> Picture:
    """Return an empty figure, in inches."""
    figure = Picture(figsize=(width, height), dpi=dpi, **layout)
    FigureCanvasAgg(figure)
    return figure


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
        self.figure = page(style.WIDTH, 1.0)
        self.panels = [self.figure.add_axes((0, 0, 1, 1), label=str(k)) for k in range(rows * columns)]

    def keep(self, count: int) -> None:
        """Leave out the panels of the grid beyond the first `count`."""
        for axes in self.panels[count:]:
            axes.remove()
        del self.panels[count:]

    def finish(self, *legend: Sequence[Any]) -> Figure:
        """Place and dress the panels, add title, footer and `legend`, row by row; return the figure."""
        bottom = 0.24 + _LINE * len(legend)
        width = style.WIDTH / self.columns - _LEFT - self.right
        spans, days = self.data.spans, self.data.days
        strip = strips_height(spans, days, width)
        total = _TOP + strip + self.rows * self.height + (self.rows - 1) * _GAP + _TIME + bottom
        self.figure.set_size_inches(style.WIDTH, total)
        for k, axes in enumerate(self.panels):
            row, column = divmod(k, self.columns)
            x = _LEFT + column * (width + _LEFT + self.right)
            y = bottom + _TIME + (self.rows - 1 - row) * (self.height + _GAP)
            axes.set_position((x / style.WIDTH, y / total, width / style.WIDTH, self.height / total))
            axes.yaxis.set_label_coords(-_LABEL / width, 0.5)
            _time_axis(axes, self.data.days, labelled=k + self.columns >= len(self.panels))
            letter(axes, k)
            if k not in self.untreated:
                mark_spans(axes, spans, (width, self.height) if row == 0 else None)
        for k, handles in enumerate(legend):
            self.figure.add_artist(
                Legend(
                    self.figure,
                    handles,
                    [handle.get_label() for handle in handles],
                    loc="lower left",
                    ncols=len(handles),
                    bbox_to_anchor=(0.005, (0.17 + _LINE * (len(legend) - 1 - k)) / total),
                    borderaxespad=0.0,
                    columnspacing=1.0,
                    handlelength=1.2,
                    bbox_transform=self.figure.transFigure,
                )
            )
        write_frame(self.figure, self.data.title, self.name, self.data.footer)
        return self.figure

    def legend(self, panels: Sequence[Panel] = ()) -> list[Any]:
        """Return the entries of arms and bands, and of what `panels` show besides."""
        arms = self.data.arms
        handles: list[Any] = [Line2D([], [], color=style.COLOUR[arm], label=self.data.called(arm)) for arm in arms]
        if any(curve.dots is not None for panel in panels for curve in panel.curves):
            handles.append(Line2D([], [], ls="", marker=".", ms=5, mew=0, color=style.DIM, label="measured sample"))
        if self.data.band:
            handles.append(Patch(color=style.COLOUR[arms[-1]], alpha=0.25, lw=0, label=self.data.band))
        if any(panel.reference and len(panel.reference.limits) > 1 for panel in panels):
            handles.append(Patch(fc="#E9F5F1", ec=style.REFERENCE, lw=0.6, ls="--", label="reference range"))
        if any(panel.marks for panel in panels):
            handles.append(Line2D([], [], label="observed", **_MARK))
        return handles


def write_frame(figure: Figure, title: str, about: str, footer: str = style.NOTE) -> None:
    """Write the title, what the figure shows, and the small print."""
    width, total = (float(side) for side in figure.get_size_inches())
    figure.text(0.09 / width, 1.0 - 0.08 / total, title, va="top", weight="bold", size=title_size(title, width))
    figure.text(0.09 / width, 1.0 - 0.25 / total, about, va="top", size=8, color=style.DIM)
    figure.text(1.0 - 0.09 / width, 0.05 / total, footer, ha="right", size=6.3, color=style.FAINT)


def title_size(title: str, inches: float) -> float:
    """Return the size of a title over `inches`: a long one shrinks before it leaves the page."""
    return min(9.5, 9.5 * 13.0 * inches / max(len(title), 1))


def letter(axes: Axes, k: int) -> None:
    """Mark a panel with its letter."""
    place: Any = {"xytext": (-45, -1), "xycoords": "axes fraction", "textcoords": "offset points"}
    axes.annotate("abcdefghijkl"[k], (0, 1), weight="bold", size=9.5, va="bottom", **place)


# Figure -> what it shows, rows and columns of panels, height of a row, room at the right.
_SHEETS = {
    "hormones": ("Hormones in blood", 4, 2, 1.55, 0.55),
    "intratesticular": ("Steroids inside the testis", 3, 1, 1.45, 0.6),
    "semen": ("Semen", 4, 2, 1.55, 0.1),
}


def draw_courses(data: PlotData, name: str) -> Figure:
    """Return a figure of courses over time: lines as expected, dots as the laboratory measured."""
    sheet, panels = Sheet(data, *_SHEETS[name]), data.panels[name]
    sheet.keep(len(panels))
    for axes, panel in zip(sheet.panels, panels, strict=True):
        draw_panel(axes, panel)
    return sheet.finish(sheet.legend(panels))


# ---- treatments


def mark_spans(axes: Axes, spans: Sequence[Span], inches: tuple[float, float] | None = None) -> None:
    """Shade the days of treatments and insults; of axes so many `inches` wide and high name each in a strip above."""
    _shade(axes, spans)
    if inches is not None:
        _strips(axes, lanes(spans, axes.get_xlim(), inches[0]), inches)


def strips_height(spans: Sequence[Span], days: tuple[float, float], inches: float) -> float:
    """Return the height of the strips above axes of `inches` that show `days`, inch."""
    return sum(_lane_height(row, days, inches) for row in lanes(spans, days, inches)) + 0.04


def lanes(spans: Sequence[Span], days: tuple[float, float], inches: float) -> list[list[Span]]:
    """Return the therapies in as few rows as they need so as not to cover one another, names included.

    `days` are the first and the last of an axis of `inches`.
    """
    rows: list[list[Span]] = []
    ends: list[float] = []
    for span in sorted(spans, key=lambda span: span.start):
        named, ended = name_days(span, days, inches)
        start, end = min(span.start, named), max(span.end, ended)
        free = next((k for k, taken in enumerate(ends) if taken <= start), len(rows))
        if free == len(rows):
            rows.append([])
            ends.append(end)
        rows[free].append(span)
        ends[free] = end
    return rows


def name_days(span: Span, days: tuple[float, float], inches: float) -> tuple[float, float]:
    """Return the days between which a therapy's name stands: in its bar, or beside a bar that is too short, behind or before it."""
    name = _placed(span, days, inches)
    return name.start, name.start + name.width


class _Name(NamedTuple):
    """A therapy's name on the page: its lines, the day where it starts, its width (days) and its size."""

    text: str
    start: float
    width: float
    size: float


def _placed(span: Span, days: tuple[float, float], inches: float) -> _Name:
    """Return a therapy's name in as few lines as it can be read in; smaller where it fits nowhere."""
    broken = (
        textwrap.fill(span.label, -(-len(span.label) // lines) + 2, break_long_words=False)
        for lines in range(1, _MOST_LINES + 1)
    )
    names = [_written(span, text, days, inches) for text in broken]
    return next((name for name in names if name.size >= _READABLE), max(names, key=lambda name: name.size))


def _written(span: Span, text: str, days: tuple[float, float], inches: float) -> _Name:
    """Return where a therapy's name in such lines stands."""
    first, last = days
    gap = 0.012 * (last - first)
    width = _LETTER * max(map(len, text.splitlines())) * (last - first) / inches
    # Room and start of a name of some width in its bar, behind and before it.
    rooms = {"in": span.end - span.start - gap, "behind": last - span.end - gap, "before": span.start - first - gap}
    place = next((name for name, room in rooms.items() if room >= width), max(rooms, key=lambda name: rooms[name]))
    size = min(1.0, rooms[place] / width)
    width *= size
    starts = {"in": span.start + gap, "behind": span.end + gap, "before": span.start - gap - width}
    return _Name(text, starts[place], width, _NAME * size)


def _lane_height(row: Sequence[Span], days: tuple[float, float], inches: float) -> float:
    """Return the height of a row of therapies, inch."""
    return _LANE * max(len(_placed(span, days, inches).text.splitlines()) for span in row)


def _span_colour(spans: Sequence[Span], span: Span) -> str:
    """Return the colour of a therapy: one a drug."""
    drugs = sorted({each.drug for each in spans})
    return style.SPANS[drugs.index(span.drug) % len(style.SPANS)]


def _shade(axes: Axes, spans: Sequence[Span]) -> None:
    """Shade the days of treatment; a single dose is a line."""
    for span in spans:
        colour = _span_colour(spans, span)
        if span.end > span.start:
            axes.axvspan(span.start, span.end, color=colour, alpha=0.07, lw=0, zorder=0)
        else:
            axes.axvline(span.start, color=colour, lw=0.9, alpha=0.9, zorder=0.5)


def _strips(axes: Axes, rows: Sequence[Sequence[Span]], inches: tuple[float, float]) -> None:
    """Draw each therapy as a named strip above the axes, which are `inches` wide and high."""
    first, last = axes.get_xlim()
    inches_wide, high = inches
    above: Any = {"transform": axes.get_xaxis_transform()}
    spans = [span for row in rows for span in row]
    y = 1.02
    for row in rows:
        height = _lane_height(row, (first, last), inches_wide) / high
        for span in row:
            width, colour = max(span.end - span.start, 0.006 * (last - first)), _span_colour(spans, span)
            bar = Rectangle(
                (span.start, y), width, 0.85 * height, clip_on=False, lw=0, color=colour, alpha=0.45, **above
            )
            axes.add_patch(bar)
            name = _placed(span, (first, last), inches_wide)
            axes.text(name.start, y + 0.4 * height, name.text, size=name.size, va="center", **above)
        y += height


def _time_axis(axes: Axes, days: tuple[float, float], *, labelled: bool) -> None:
    """Count days in whole weeks; day 0 starts the treatment."""
    first, last = days
    axes.set_xlim(first, last)
    base = next((ticks for ticks in _TICKS if (last - first) / ticks <= 9), _TICKS[-1])
    axes.xaxis.set_major_locator(MultipleLocator(base))
    if labelled:
        axes.set_xlabel("Day")
    else:
        axes.tick_params(labelbottom=False)


# ---- what a panel shows


def draw_panel(axes: Axes, panel: Panel) -> None:
    """Draw the courses of the arms of a run, reference limits and observed values, in the unit of the column."""
    for curve in panel.curves:
        draw_curve(axes, curve, style.COLOUR[curve.name])
    reference, least = panel.reference, panel.least
    if any(curve.dots is None for curve in panel.curves):
        _say_none(axes, panel)
    _draw_marks(axes, panel.marks)
    if panel.zero:
        from_zero(axes, reference.low if reference else 0.0, least)
    name, gap = (panel.label.replace(" ", "\n", 1), " ") if len(panel.label) > _LONG else (panel.label, "\n")
    axes.set_ylabel(f"{name}{gap}({panel.unit})")
    if reference:
        _draw_reference(axes, reference)
    if panel.factor != 1.0:
        second_axis(axes, panel.factor, panel.clinical_unit)


def draw_curve(axes: Axes, curve: Curve, colour: str, **look: Any) -> None:
    """Draw a mean with its band, and samples as dots."""
    treated = curve.name == "treated"
    look = {"color": colour, "zorder": 3 if treated else 2.5, "solid_capstyle": "round", **look}
    if _swings(curve.mean) > _MANY_SWINGS:
        look["linewidth"] = 0.7
    axes.plot(curve.x, curve.mean, **look)
    if curve.low is not None and curve.high is not None:
        axes.fill_between(curve.x, curve.low, curve.high, color=colour, alpha=0.2, lw=0, zorder=2)
    if curve.dots is not None:
        # The arms' dots stand a day apart, or one would hide the other.
        day, values = curve.dots[0] + (1.0 if treated else 0.0), curve.dots[1]
        size = 3.6 if len(values) < _MANY_DOTS else 2.2
        many = len(values) > 100 * len(curve.x)
        axes.plot(day, values, ".", ms=size, mew=0, color=colour, alpha=0.5, zorder=1.8, rasterized=many)


def _swings(values: np.ndarray) -> int:
    """Return how often a curve turns, small wobbles apart: injections make it swing."""
    step = np.diff(values)
    large = step[np.abs(step) > 0.04 * np.abs(values).max(initial=0.0)]
    return int((np.diff(np.sign(large)) != 0).sum())


def _draw_reference(axes: Axes, reference: Range) -> None:
    """Shade the range of healthy men, or draw the one limit there is, named at its left end, if it is in the panel."""
    if len(reference.limits) > 1:
        axes.axhspan(reference.low, reference.high, color=style.REFERENCE, alpha=0.07, lw=0, zorder=0.2)
        for edge in reference.limits:
            axes.axhline(edge, color=style.REFERENCE, alpha=0.45, lw=0.6, ls=_DASHES, zorder=0.3)
        return
    (limit,) = reference.limits
    if limit <= axes.get_ylim()[1]:
        axes.axhline(limit, color=style.LIMIT, lw=0.8, ls=_DASHES, zorder=1.5)
        text, place = f"{reference.author}: {reference.printed}", ("axes fraction", "data")
        note(axes, text, (0, limit), (3, -2), style.LIMIT, va="top", xycoords=place)


def note(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], colour: str, **look: Any) -> None:
    """Write beside a place of a panel, `offset` in points, so that it can be read on data."""
    look = {"size": 6.2, "zorder": 5, "bbox": PAPER, **look}
    axes.annotate(text, at, xytext=offset, textcoords="offset points", color=colour, **look)


_MARK: dict[str, Any] = {"marker": "D", "ms": 5, "mfc": "white", "mec": style.OBSERVED, "mew": 1.3, "ls": ""}


def _draw_marks(axes: Axes, marks: Iterable[Mark]) -> None:
    """Draw observed values as open diamonds with their labels."""
    first, last = axes.dataLim.x0, axes.dataLim.x1
    for mark in marks:
        axes.plot([mark.day], [mark.value], zorder=5, **_MARK)
        # Near the right axis the label stands to the left of its mark.
        late = mark.day - first > 0.7 * (last - first)
        side, align = (-6, "right") if late else (6, "left")
        note(axes, mark.label, (mark.day, mark.value), (side, -8), style.OBSERVED, ha=align)


def say(axes: Axes, text: str) -> None:
    """Write in an empty panel why it is empty."""
    middle: Any = {"transform": axes.transAxes, "ha": "center", "va": "center"}
    axes.text(0.5, 0.5, text, size=7, color=style.LIMIT, bbox=PAPER, zorder=6, **middle)


def _say_none(axes: Axes, panel: Panel) -> None:
    """Say of a panel without a level over the least why it shows nothing; a ratio has none without its denominator."""
    levels = np.concatenate([curve.mean for curve in panel.curves] or [np.zeros(0)])
    if panel.least > 0.0 and not (levels >= panel.least).any():
        say(axes, f"under the limit of quantitation ({panel.least:g} {panel.unit})")
    elif not np.isfinite(levels).any():
        say(axes, "none: E2 under the limit")


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
    both: Any = (lambda value: value * factor, lambda value: value / factor)
    right = axes.secondary_yaxis("right", functions=both)
    right.set_ylabel(label)
    right.spines["right"].set_visible(True)
    round_ticks(right.yaxis)


# ---- response surfaces

_SURFACE_HEIGHT = 7.0
_FINE = 240  # levels between which colours are drawn
_TREATED = style.VERMILION
_HALO = [withStroke(linewidth=3.0, foreground="white")]
_DOTS = (0, (1, 2))
_OWN: dict[str, Any] = {"ls": "", "marker": "D", "mfc": "white", "mec": style.BLACK, "zorder": 6}


def draw_surface(chart: SurfaceMap, title: str, caption: str) -> Figure:
    """Return the figure of a surface: its map with the path of treatment, slices along both scales, and the caption below."""
    with looks():
        figure = page(style.WIDTH, _SURFACE_HEIGHT, dpi=2 * style.DPI)
        above = figure.add_axes((0.105, 0.445, 0.63, 0.435))
        _draw_map(above, chart)
        letter(above, 0)
        slices = chart.slices()
        heights = np.concatenate([np.ravel([curve.mean, curve.high]) for _, curve in slices] + [[chart.own]])
        top = max(heights[np.isfinite(heights)], default=0.0)
        for k, (scale, curve) in enumerate(slices):
            below = figure.add_axes((0.105 + 0.475 * k, 0.17, 0.385, 0.185))
            _draw_slice(below, chart, scale, curve)
            below.set_ylim(0.0, 1.08 * top or 1.0)
            letter(below, k + 1)
        write_frame(figure, title, f"{chart.label} over the steroids within the testis", "")
        figure.text(0.012, 0.01, caption, size=5.8, va="bottom", color=style.LIMIT, linespacing=1.35)
    return figure


def _draw_map(axes: Axes, chart: SurfaceMap) -> None:
    x, y, values = chart.fine(_FINE)
    for axis, scale in ((axes.xaxis, chart.across), (axes.yaxis, chart.up)):
        _percent_scale(axis, scale)
        axis.set_label_text(f"{scale.name} (% of own)")
    _own_scale(axes.secondary_xaxis("top", functions=_times(chart.across.own / 100.0)), "top", chart.across)
    _own_scale(axes.secondary_yaxis("right", functions=_times(chart.up.own / 100.0)), "right", chart.up)
    if not np.nanmax(values, initial=0.0) > 0.0:
        say(axes, "none at any level")
        return
    colours = LinearSegmentedColormap.from_list("shades", style.SHADES)
    filled = axes.contourf(x, y, values, levels=chart.steps, cmap=colours)
    lines = axes.contour(x, y, values, levels=chart.steps[1:-1], colors=style.DIM, linewidths=0.5)
    axes.clabel(lines, fontsize=6.2, fmt="%g", colors=style.BLACK, inline_spacing=2)
    for limit in chart.reference.limits if chart.reference else ():
        if 0.0 < limit < np.nanmax(values):
            axes.contour(x, y, values, levels=[limit], colors=style.BLACK, linewidths=1.3, linestyles=[_DASHES])
    for line in (axes.axvline, axes.axhline):
        line(100.0, color=style.LIMIT, lw=0.6, ls=_DOTS, zorder=2.2)
    if chart.path is not None:
        _draw_path(axes, chart.path)
    axes.plot([100.0], [100.0], ms=6, mew=1.1, **_OWN)
    _draw_bar(axes, filled, chart)


def _draw_bar(axes: Axes, filled: Any, chart: SurfaceMap) -> None:
    """Draw the bar of colours, with the unit at its left and % of the man's own at its right."""
    bar: Any = axes.figure.colorbar(filled, cax=axes.inset_axes((1.235, 0.0, 0.04, 1.0)))
    bar.outline.set_linewidth(0.5)
    bar.ax.yaxis.set_ticks_position("left")
    bar.ax.annotate(chart.unit, (0.3, 1.03), xycoords="axes fraction", ha="right", size=7.5)
    if chart.own > 0.0:
        second = bar.ax.secondary_yaxis("right", functions=_times(100.0 / chart.own))
        second.yaxis.set_major_locator(MaxNLocator(9, steps=[1, 2, 2.5, 5, 10]))
        bar.ax.annotate("% of own", (0.7, 1.03), xycoords="axes fraction", size=7.5)


def _times(factor: float) -> Any:
    return lambda value: value * factor, lambda value: value / factor


def _percent_scale(axis: Axis, scale: Scale) -> None:
    """Count in % of his own on a logarithmic scale, in plain numbers."""
    across = axis is axis.axes.xaxis
    (axis.axes.set_xscale if across else axis.axes.set_yscale)("log")
    (axis.axes.set_xlim if across else axis.axes.set_ylim)(scale.levels[0], scale.levels[-1])
    _plain_numbers(axis, scale)


def _plain_numbers(axis: Axis, scale: Scale) -> None:
    wide = scale.levels[-1] / scale.levels[0] > 500.0
    axis.set_major_locator(LogLocator(10.0, subs=(1.0, 3.0) if wide else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
    axis.set_minor_formatter(NullFormatter())


def _own_scale(second: Any, side: str, scale: Scale) -> None:
    """Count in the unit, on the other side."""
    axis = second.xaxis if side == "top" else second.yaxis
    second.spines[side].set_visible(True)
    _plain_numbers(axis, scale)
    axis.set_label_text(scale.unit)


def _draw_path(axes: Axes, path: Path) -> None:
    """Draw the way of treatment with its direction, its day marks, and its end with the interval there."""
    axes.plot(path.x, path.y, lw=1.8, color=_TREATED, zorder=5, path_effects=_HALO)
    end = float(path.x[-1]), float(path.y[-1])
    if path.ends:
        (left, right), (low, high) = path.ends
        bars: Any = {"xerr": [[end[0] - left], [right - end[0]]], "yerr": [[end[1] - low], [high - end[1]]]}
        axes.errorbar(*end, **bars, fmt="none", elinewidth=0.8, capsize=1.8, ecolor=_TREATED, zorder=4.9)
    places = axes.transLimits.transform(axes.transScale.transform(np.column_stack([path.x, path.y])))
    way = np.hypot(*np.diff(places, axis=0).T).cumsum()
    if len(way) and way[-1] > 0.05:  # where it is too short for a head, the marks tell its direction
        k = int(np.searchsorted(way, 0.45 * way[-1]))
        head: Any = {"arrowstyle": "-|>,head_width=0.28,head_length=0.5", "color": _TREATED, "lw": 1.0, **STRAIGHT}
        axes.annotate("", (path.x[k + 1], path.y[k + 1]), (path.x[k], path.y[k]), arrowprops=head, zorder=5.2)
    for i, (day, label) in enumerate(path.marks):
        axes.plot(path.x[day], path.y[day], ls="", marker="o", ms=4.2, mfc=_TREATED, mec="white", mew=0.7, zorder=5.5)
        # In turn above and below, so that close ones do not meet; to the left near the right edge.
        late = places[day, 0] > 0.85
        offset, align = (
            (-3.0 if late else 3.0, 7.0 if (i + len(path.marks)) % 2 else -12.0),
            "right" if late else "left",
        )
        note(axes, label, (path.x[day], path.y[day]), offset, _TREATED, weight="bold", size=6.4, ha=align)


def _draw_slice(axes: Axes, chart: SurfaceMap, scale: Scale, curve: Curve) -> None:
    """Draw a cut through the surface with its interval, the man's own level, and where his path ends."""
    draw_curve(axes, curve, style.BLUE)
    _percent_scale(axes.xaxis, scale)
    axes.set_xlabel(f"{scale.name} (% of own)")
    axes.axvline(100.0, color=style.LIMIT, lw=0.6, ls=_DOTS, zorder=1.5)
    axes.plot([100.0], [chart.own], ms=4.5, mew=1.0, **_OWN)
    end = math.nan if chart.path is None else float((chart.path.x if scale is chart.across else chart.path.y)[-1])
    if scale.levels[0] <= end <= scale.levels[-1]:
        head: Any = {"arrowstyle": "-|>", "color": _TREATED, "lw": 1.2}
        axes.annotate("", (end, 0.0), (end, 0.16), xycoords=("data", "axes fraction"), arrowprops=head)
    if chart.reference and len(chart.reference.limits) == 1:
        _draw_reference(axes, chart.reference)
    round_ticks(axes.yaxis)
    if scale is chart.across:
        axes.set_ylabel(f"{chart.label}\n({chart.unit})")
