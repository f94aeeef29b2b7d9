"""Charts on the screen: inline SVG.

Colours are CSS variables of the page (app/styles), so that light and dark are the browser's business. Every chart is an
image to a screen reader, with a text of what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

import numpy as np

from testis_abm.pictures.chart import Panel, Scale, Span, SurfaceMap
from testis_abm.pictures.reference import as_published
from testis_abm.pictures.style import SHADES, colour
from testis_abm.results.report import number

_PLAN_ROWS, _PLAN_INSIDE = 3, 45.0  # bars of a plan; % of its width from which a name stands in its bar
_FEW_PLACES, _UNSEEN = 60, 0.2  # of a line that are drawn as they are; pixels
_APART = 15.0  # pixels between names at the ends of lines
_DOTS = 400  # of a curve, above which samples are not drawn
_DIAMOND = "l{0} {0}l-{0} {0}l-{0} -{0}z"


def text(x: float, y: float, words: str, style: str = "ta-tick", anchor: str = "start", inner: str = "") -> str:
    """Return a piece of text; `inner` is markup that follows it."""
    return f'<text class="{style}" text-anchor="{anchor}" x="{x:.1f}" y="{y:.1f}">{escape(words)}{inner}</text>'


def line(x: tuple[float, float], y: tuple[float, float], style: str = "ta-grid") -> str:
    """Return a straight line between two ends."""
    return f'<line class="{style}" x1="{x[0]:.1f}" x2="{x[1]:.1f}" y1="{y[0]:.1f}" y2="{y[1]:.1f}"/>'


def box(x: float, y: float, width: float, height: float, style: str) -> str:
    """Return a rectangle."""
    return f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}"/>'


def mark(x: float, y: float, half: float, style: str = "ta-mark", title: str = "") -> str:
    """Return a diamond."""
    inner = f"<title>{escape(title)}</title>" if title else ""
    return f'<path class="{style}" d="M{x:.1f} {y - half:.1f}{_DIAMOND.format(half)}">{inner}</path>'


class Frame(NamedTuple):
    """Where a panel stands: the size of a drawing in pixels, and the room about the box of its curves.

    Attributes:
        width, height: of all. left, right, top, bottom: from its edges to the box.
        large: whether it has room for names at the ends of lines and at limits.
    """

    width: float = 280.0
    height: float = 176.0
    left: float = 42.0
    right: float = 8.0
    top: float = 30.0
    bottom: float = 24.0
    large: bool = False


SMALL = Frame()


def panel_svg(panel: Panel, frame: Frame = SMALL) -> str:
    """Return a panel as SVG."""
    return drawing((frame.width, frame.height), describe(panel), panel_parts(panel, frame), extra=scales(panel, frame))


def scales(panel: Panel, frame: Frame, height: float | None = None) -> str:
    """Return, as attributes of a drawing, what turns a place in it into a day and a level: for who points at it.

    `height` of the drawing, if that is more than the panel.
    """
    low, high, _ = _axis(panel, frame)
    ends = frame.left, frame.right, frame.width, frame.top, frame.height - frame.bottom, height or frame.height
    days, levels = (f"{one:g},{other:g}" for one, other in (panel.days, (low, high)))
    return f'data-days="{days}" data-levels="{levels}" data-box="{",".join(f"{end:g}" for end in ends)}"'


def across(panel: Panel, frame: Frame, day: Any) -> Any:
    """Return how far from the left edge a day lies."""
    first, last = panel.days
    return frame.left + (day - first) / (last - first) * (frame.width - frame.right - frame.left)


def _axis(panel: Panel, frame: Frame) -> tuple[float, float, list[float]]:
    """Return both ends of the axis of levels, and its ticks."""
    low, high = _span(panel)
    ticks = nice(low, high, 6 if frame.height > 320.0 else 4)
    return min(low, ticks[0]), max(high, ticks[-1]), ticks


def panel_parts(panel: Panel, frame: Frame) -> list[str]:
    """Return what a panel consists of, as SVG."""
    low, high, ticks = _axis(panel, frame)
    first, last = panel.days
    right, bottom = frame.width - frame.right, frame.height - frame.bottom

    def along(day: Any) -> Any:
        return across(panel, frame, day)

    def up(value: Any) -> Any:
        return bottom - (value - low) / (high - low) * (bottom - frame.top)

    unit = f'<tspan class="ta-dim"> {escape(panel.unit)}</tspan>'
    out = [text(4, frame.top - 15, panel.label, "ta-name", inner=unit)]
    if first < 0.0:
        out.append(box(frame.left, frame.top, along(0.0) - frame.left, bottom - frame.top, "ta-before"))
    for tick in ticks:
        out.append(line((frame.left, right), (up(tick), up(tick))))
        out.append(text(frame.left - 5, up(tick) + 3.5, ticked(tick), anchor="end"))
    out += [
        text(along(tick), frame.height - 10, f"day {tick:g}" if tick == 0 else f"{tick:g}", anchor="middle")
        for tick in nice(first, last, round(min(frame.width, 960.0) / 68.0), whole=True)
        if first <= tick <= last
    ]
    limits = _limits(panel)
    out += [line((frame.left, right), (up(limit), up(limit)), "ta-limit") for limit in limits]
    for k, curve in enumerate(panel.curves):
        # One that is the same in all replicates has no band that anybody sees.
        if curve.low is not None and curve.high is not None and _widest(curve.low, curve.high) * 300.0 > high - low:
            low_side, high_side = ((along(curve.x), up(end)) for end in (curve.low, curve.high))
            x, y = simpler(*high_side)
            out.append(_path("polygon", f"ta-band ta-c{k}", low_side, (x[::-1], y[::-1])))
        if curve.dots is not None and len(curve.dots[0]) <= _DOTS:
            dots = zip(along(curve.dots[0]), up(curve.dots[1]), strict=True)
            out += [f'<circle class="ta-dot ta-c{k}" cx="{x:.1f}" cy="{y:.1f}" r="1.7"/>' for x, y in dots if y == y]
        out.append(_path("polyline", f"ta-line ta-c{k}", (along(curve.x), up(curve.mean))))
    out += [mark(along(point.day), up(point.value), 4, title=point.label) for point in panel.marks]
    for whisker in panel.whiskers:
        x = along(whisker.day) + 5.0 + 8.0 * whisker.curve
        ends = up(whisker.low), up(whisker.high)
        out.append(line((x, x), ends, f"ta-whisker ta-s{whisker.curve}"))
        out += [line((x - 3, x + 3), (end, end), f"ta-whisker ta-s{whisker.curve}") for end in ends]
        out.append(f'<circle class="ta-c{whisker.curve}" cx="{x:.1f}" cy="{up(whisker.level):.1f}" r="2.6"/>')
    for limit in limits:  # last, so that no line hides the figure
        author = panel.reference.author if panel.reference else ""
        if frame.large:
            words = f"{_which(panel, limit)} {as_published(limit)} ({author})"
            out.append(text(frame.left + 5, up(limit) - 4, words, "ta-limit-text"))
        else:
            title = f"<title>{escape(author)}</title>"
            out.append(text(right, up(limit) - 3, as_published(limit), "ta-limit-text", "end", title))
    return out + (list(_names(panel, frame, up)) if frame.large else [])


def _widest(low: np.ndarray, high: np.ndarray) -> float:
    width = high - low
    return float(width[np.isfinite(width)].max(initial=0.0))


def _which(panel: Panel, limit: float) -> str:
    return "lower limit" if panel.reference and limit == panel.reference.low else "upper limit"


def _names(panel: Panel, frame: Frame, up: Callable[[float], float]) -> Iterator[str]:
    """Yield the names of curves at their ends, parted where they would lie on each other."""
    ends: list[tuple[float, int, str, float]] = []
    for k, curve in enumerate(panel.curves):
        there = np.flatnonzero(np.isfinite(curve.mean))
        if len(there):
            level = float(curve.mean[there[-1]])
            ends.append((up(level) + 4.0, k, f"{curve.name} {number(level)}", float(curve.x[there[-1]])))
    ends.sort()
    heights = [end[0] for end in ends]
    for i in range(1, len(heights)):
        heights[i] = max(heights[i], heights[i - 1] + _APART)
    # What was pushed under the axis goes up again, and what is above it with it.
    floor = frame.height - frame.bottom - 2.0
    for i in reversed(range(len(heights))):
        heights[i] = min(heights[i], floor)
        floor = heights[i] - _APART
    beside = frame.right > 60.0
    for y, (_, k, words, day) in zip(heights, ends, strict=True):
        x = across(panel, frame, day)
        place = (x + (26.0 if panel.whiskers else 6.0), y) if beside else (min(x, frame.width - frame.right), y - 8.0)
        yield text(*place, words, f"ta-end ta-c{k}", "start" if beside else "end")


def sources(panels: Iterable[Panel]) -> str:
    """Return whose the reference limits of some panels are; "" without any."""
    parts = [
        f"{panel.label} {_bounds(panel)}{f' {panel.unit}' if panel.unit else ''} ({panel.reference.author})"
        for panel in map(Panel.clinical, panels)
        if panel.reference
    ]
    return f"Reference limits: {'; '.join(parts)}." if parts else ""


def _limits(panel: Panel) -> tuple[float, ...]:
    return panel.reference.limits if panel.reference else ()


def _bounds(panel: Panel) -> str:
    limits = _limits(panel)
    bound = "" if len(limits) == 2 else "from " if panel.reference and panel.reference.low > 0.0 else "up to "
    return bound + " to ".join(map(as_published, limits))


def describe(panel: Panel) -> str:
    """Return what a panel shows, in words."""
    unit = f" {panel.unit}" if panel.unit else ""
    parts = []
    for curve in panel.curves:
        seen = curve.mean[np.isfinite(curve.mean)]
        if len(seen):
            ends = f"from {number(float(seen[0]))} to {number(float(seen[-1]))}"
            parts.append(f"{curve.name} {ends}{unit} on day {curve.x[-1]:g}")
    limit = f"; {panel.reference.author} {_bounds(panel)}{unit}" if panel.reference else ""
    return f"{panel.label}: {', '.join(parts) or 'nothing yet'}{limit}"


def _span(panel: Panel) -> tuple[float, float]:
    values = [end for curve in panel.curves for end in (curve.mean, curve.low, curve.high) if end is not None]
    values += [curve.dots[1] for curve in panel.curves if curve.dots is not None]
    ends = [end for whisker in panel.whiskers for end in (whisker.low, whisker.high)]
    seen = np.concatenate([*values, _limits(panel), [point.value for point in panel.marks], ends])
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return 0.0, 1.0
    low, high = float(seen.min()), float(seen.max())
    low = min(low, 0.0) if panel.zero else low
    return (low, high) if high - low > 1e-9 * max(1.0, abs(high)) else (low - 0.5, high + 0.5)


def nice(low: float, high: float, count: int, *, whole: bool = False) -> list[float]:
    """Return about `count` round numbers from below `low` to above `high`; of an axis of days, whole ones."""
    rough = (high - low) / max(1, count)
    if whole:
        step = next((s for s in (1, 2, 5, 7, 10, 20, 30, 60, 90, 180, 360, 720, 1800) if s >= rough), 3600)
        begin = math.ceil(low / step) * step
        return [float(begin + i * step) for i in range(int((high - begin) / step + 1e-9) + 1)]
    power = 10.0 ** math.floor(math.log10(rough))
    size = next(m * power for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= rough * 0.999)
    begin, end = math.floor(low / size + 1e-9), math.ceil(high / size - 1e-9)
    return [i * size for i in range(begin, end + 1)]


def ticked(value: float, sign: bool = False) -> str:
    """Return a number on an axis."""
    words = f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"
    return f"+{words}" if sign and value > 0.0 else words


def _path(kind: str, style: str, *sides: tuple[np.ndarray, np.ndarray]) -> str:
    """Return a line, or an area between lines, through places (x, y); where there is none, it goes on to the next."""
    points = " ".join(f"{a:.1f},{b:.1f}" for x, y in sides for a, b in zip(*simpler(x, y), strict=True))
    return f'<{kind} class="{style}" points="{points}"/>'


def simpler(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the places of a line that are needed so that nobody sees a difference (Douglas and Peucker 1973); all of a few.

    Args:
        x, y: (places,) pixels; those without a `y` are left out.
    """
    there = np.isfinite(y)
    x, y = x[there], y[there]
    if len(x) <= _FEW_PLACES:
        return x, y
    kept = np.zeros(len(x), dtype=bool)
    kept[[0, -1]] = True
    open_ = [(0, len(x) - 1)]
    while open_:
        i, k = open_.pop()
        if k - i > 1:
            slope = (y[k] - y[i]) / (x[k] - x[i]) if x[k] != x[i] else 0.0
            off = np.abs(y[i + 1 : k] - y[i] - slope * (x[i + 1 : k] - x[i]))
            far = i + 1 + int(off.argmax())
            if off[far - i - 1] > _UNSEEN:
                kept[far] = True
                open_ += [(i, far), (far, k)]
    return x[kept], y[kept]


def drawing(
    size: tuple[float, float],
    label: str,
    parts: Iterable[str],
    style: str = "ta-chart",
    extra: str = "",
    role: str = "img",
) -> str:
    """Return a drawing of some parts; `label` is what it shows in words, `extra` further attributes.

    One with parts that can be clicked has the `role` of a group: within an image a screen reader sees nothing.
    """
    return (
        f'<svg class="{style}" role="{role}" aria-label="{escape(label, quote=True)}" viewBox="0 0 {size[0]:g} {size[1]:g}" '
        f'{extra} xmlns="http://www.w3.org/2000/svg">{"".join(parts)}</svg>'
    )


def grid(panels: Iterable[Panel]) -> str:
    """Return panels as HTML in clinical units, as many beside each other as fit."""
    return f'<div class="ta-panels">{"".join(f"<div>{panel_svg(panel.clinical())}</div>" for panel in panels)}</div>'


# What a legend shows of a mark, by its class.
_SWATCHES = {
    "ta-limit": line((1, 25), (5, 5), "ta-limit"),
    "ta-dot": '<circle class="ta-dot ta-c1" cx="13" cy="5" r="2.5"/>',
    "ta-band": box(1, 1, 24, 8, "ta-band ta-c1"),
    "ta-mark": mark(13, 5, 4),
    "ta-whisker": line((13, 13), (0, 10), "ta-whisker ta-s1") + '<circle class="ta-c1" cx="13" cy="5" r="2.6"/>',
    "ta-outside": mark(13, 5, 4, "ta-mark ta-outside"),
    "ta-predicted": line((3, 23), (5, 5), "ta-interval") + '<circle class="ta-predicted" cx="13" cy="5" r="4"/>',
}


def legend(names: Sequence[str], extra: Sequence[tuple[str, str]] = ()) -> str:
    """Return the arms' names beside a piece of their lines; `extra` are (class, text) of other marks."""
    rows = [(f'<polyline class="ta-line ta-c{k}" points="1,5 25,5"/>', name) for k, name in enumerate(names)]
    rows += [(_SWATCHES[style], words) for style, words in extra]
    swatch = '<svg class="ta-swatch" viewBox="0 0 26 10" aria-hidden="true">{}</svg>'
    return f'<div class="ta-legend">{"".join(f"<span>{swatch.format(shape)}{escape(words)}</span>" for shape, words in rows)}</div>'


def timeline(spans: Sequence[Span], days: tuple[float, float]) -> str:
    """Return treatments as bars over the days of the plan."""
    first, last = days
    width, row = 720.0, 22.0
    height = row * max(1, len(spans)) + 22.0

    def across(day: float) -> float:
        return 4.0 + (min(max(day, first), last) - first) / (last - first) * (width - 8.0)

    out = [box(4, 0, max(0.0, across(0.0) - 4.0), height - 20, "ta-before")]
    for tick in nice(first, last, 8, whole=True):
        x = across(tick)
        anchor = "end" if x > width - 20 else "start" if x < 20 else "middle"
        out.append(line((x, x), (0, height - 20)))
        out.append(text(x, height - 7, f"day {tick:g}" if tick == 0 else f"{tick:g}", anchor=anchor))
    if not spans:
        out.append(text(across(0.0) + 6, 15, "no treatment"))
    for k, span in enumerate(spans):
        x, wide, y = across(span.start), max(4.0, across(span.end) - across(span.start)), row * k + 3.0
        out.append(box(x, y, wide, row - 6, "ta-span"))
        needed = 6.2 * len(span.label)
        if wide > needed:
            out.append(text(x + 6, y + 12, span.label, "ta-span-text"))
        elif x + wide + needed > width:
            out.append(text(x - 5, y + 12, span.label, anchor="end"))
        else:
            out.append(text(x + wide + 5, y + 12, span.label))
    return drawing((width, height), f"Treatment: {_treatments(spans)}", out, "ta-chart ta-wide")


def plan(spans: Sequence[Span], days: tuple[float, float]) -> str:
    """Return treatments as bars over the days of the plan, in lines of text: readable at any width, a few of many."""
    first, last = days

    def along(day: float) -> float:
        return 100.0 * (min(max(day, first), last) - first) / (last - first)

    rows = []
    for span in spans[:_PLAN_ROWS]:
        left, wide = along(span.start), max(0.6, along(span.end) - along(span.start))
        inside, place = wide > _PLAN_INSIDE, ""
        if not inside:  # beside its bar, where there is more room
            place = f"left:{left + wide:.1f}%" if left + wide < 50.0 else f"right:{100.0 - left:.1f}%"
        name = f'<span class="{"ta-plan-in" if inside else "ta-plan-by"}" style="{place or f"left:{left:.1f}%"}">{escape(span.label)}</span>'
        rows.append(
            f'<div class="ta-plan-row"><i style="width:{along(0.0):.1f}%"></i><b style="left:{left:.1f}%;width:{wide:.1f}%"></b>{name}</div>'
        )
    if not spans:
        rows.append(
            f'<div class="ta-plan-row"><i style="width:{along(0.0):.1f}%"></i><span class="ta-plan-by" style="left:{along(0.0):.1f}%">no treatment</span></div>'
        )
    if (more := len(spans) - _PLAN_ROWS) > 0:
        rows.append(f'<div class="ta-plan-more">and {more} more</div>')
    ticks = [day for day in nice(first, last, 4, whole=True) if first <= day <= last and along(day) < 94.0]
    marks = "".join(
        f'<span style="left:{along(day):.1f}%">{"day 0" if day == 0 else f"{day:g}"}</span>'
        for day in ticks
        if day >= 0
    )
    words = escape(f"Treatment: {_treatments(spans)}", quote=True)
    return f'<div class="ta-plan" role="img" aria-label="{words}">{"".join(rows)}<div class="ta-plan-days">{marks}</div></div>'


def _treatments(spans: Sequence[Span]) -> str:
    words = "; ".join(f"{span.label} from day {span.start:g} to {span.end:g}" for span in spans)
    return words or "no treatment"


# ---- surfaces


# Of a surface: its box, and how many cells its bands are drawn with along each scale.
_MAP_WIDTH, _MAP_HEIGHT, _MAP_LEFT, _MAP_TOP, _MAP_EDGE, _MAP_CELLS = 720.0, 440.0, 70.0, 60.0, 560.0, 140
_MAP_LABEL = 22.0  # half the width of the name of a day
_DECADES = (1.0, 3.0)


def surface(chart: SurfaceMap) -> str:
    """Return a surface as bands of colour, with the man's own point, his path, and a place to point at for each level.

    Each place has `data-at`, its row and column of `chart.values`, for whoever listens to clicks.
    """
    bottom = _MAP_HEIGHT - 50.0

    def across(percent: Any) -> Any:
        return _MAP_LEFT + chart.across.share(percent) * (_MAP_EDGE - _MAP_LEFT)

    def up(percent: Any) -> Any:
        return bottom - chart.up.share(percent) * (bottom - _MAP_TOP)

    unit = f'<tspan class="ta-dim"> {escape(chart.unit)}</tspan>'
    out = [text(4, 16, chart.label, "ta-name", inner=unit), *_bands(chart, bottom), *_edges(chart, bottom)]
    for tick in _ticks_of(chart.across, 1.0):
        out.append(text(across(tick), bottom + 14, f"{tick:,g}", anchor="middle"))
    for tick in _ticks_of(chart.across, chart.across.own / 100.0):
        out.append(text(across(tick / chart.across.own * 100.0), _MAP_TOP - 5, f"{tick:,g}", anchor="middle"))
    for tick in _ticks_of(chart.up, 1.0):
        out.append(text(_MAP_LEFT - 5, up(tick) + 4, f"{tick:,g}", anchor="end"))
    for tick in _ticks_of(chart.up, chart.up.own / 100.0):
        out.append(text(_MAP_EDGE + 5, up(tick / chart.up.own * 100.0) + 4, f"{tick:,g}"))
    middle = (_MAP_LEFT + _MAP_EDGE) / 2.0
    out += [
        text(middle, bottom + 34, f"{chart.across.name} (% of own; above in {chart.across.unit})", "ta-axis", "middle"),
        text(4, _MAP_TOP - 22, f"{chart.up.name} (% of own; right in {chart.up.unit})", "ta-axis"),
        line((across(100.0),) * 2, (_MAP_TOP, bottom), "ta-own"),
        line((_MAP_LEFT, _MAP_EDGE), (up(100.0),) * 2, "ta-own"),
    ]
    if chart.path is not None:
        x, y = across(chart.path.x), up(chart.path.y)
        out.append(_path("polyline", "ta-way", (x, y)))
        for i, (day, label) in enumerate(chart.path.marks):  # names in turn above and below
            out.append(f'<circle class="ta-way-mark" cx="{x[day]:.1f}" cy="{y[day]:.1f}" r="4"/>')
            centre = min(max(x[day], _MAP_LEFT + _MAP_LABEL), _MAP_EDGE - _MAP_LABEL)  # over its mark, but on the map
            out.append(text(centre, y[day] + (16 if i % 2 else -7), label, "ta-way-text", "middle"))
    out.append(mark(across(100.0), up(100.0), 6, "ta-own-mark", "his own"))
    for i, second in enumerate(chart.up.levels):
        for k, first in enumerate(chart.across.levels):
            words = f"{chart.across.name} {first:.3g} %, {chart.up.name} {second:.3g} %: {number(float(chart.values[i, k]))}"
            if math.isfinite(chart.low[i, k]):
                words += f" ({number(float(chart.low[i, k]))} to {number(float(chart.high[i, k]))})"
            out.append(
                f'<circle class="ta-place" data-at="{i},{k}" tabindex="0" role="button" aria-label="{escape(words, quote=True)}" cx="{across(first):.1f}" cy="{up(second):.1f}" r="9">'
                f"<title>{escape(words)}</title></circle>"
            )
    return drawing((_MAP_WIDTH, _MAP_HEIGHT), _says(chart), out, "ta-chart ta-wide", role="group")


def _bands(chart: SurfaceMap, bottom: float) -> Iterator[str]:
    """Yield the colours, a rectangle a run of cells of one band, and the bar that explains them."""
    steps = np.array(chart.steps)
    values = chart.fine(_MAP_CELLS)[2]
    wide, high = (_MAP_EDGE - _MAP_LEFT) / _MAP_CELLS, (bottom - _MAP_TOP) / _MAP_CELLS
    colours = [colour((k + 0.5) / (len(steps) - 1), SHADES)[0] for k in range(len(steps) - 1)]
    bands = np.where(np.isfinite(values), np.clip(np.searchsorted(steps, values, "right") - 1, 0, len(colours) - 1), -1)
    for i, row in enumerate(bands):
        ends = np.flatnonzero(np.diff(row, append=-2)) + 1
        for begin, end in zip([0, *ends[:-1]], ends):
            if row[begin] >= 0:
                x, y = _MAP_LEFT + wide * begin, bottom - high * (i + 1)
                yield _filled(x, y, (wide * (end - begin) + 0.3, high + 0.3), colours[row[begin]])
    size = (bottom - _MAP_TOP) / len(colours)
    for k, shade in enumerate(colours):
        yield _filled(_MAP_EDGE + 62, bottom - size * (k + 1), (16.0, size), shade)
    for k, step in enumerate(chart.steps):
        share = f" ({100.0 * step / chart.own:.0f} % of own)" if chart.own > 0.0 and k == len(colours) else ""
        yield text(
            _MAP_EDGE + 82,
            bottom - size * k + 4,
            f"{step:,g}",
            inner=f"<title>{escape(share)}</title>" if share else "",
        )


def _filled(x: float, y: float, size: tuple[float, float], colour: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{size[0]:.1f}" height="{size[1]:.1f}" fill="{colour}" shape-rendering="crispEdges"/>'


def _edges(chart: SurfaceMap, bottom: float) -> Iterator[str]:
    """Yield the reference limits as lines, along the edges of the cells that they part."""
    values = np.nan_to_num(chart.fine(_MAP_CELLS)[2])
    wide, high = (_MAP_EDGE - _MAP_LEFT) / _MAP_CELLS, (bottom - _MAP_TOP) / _MAP_CELLS
    for limit in chart.reference.limits if chart.reference else ():
        over = values >= limit
        sides = [
            f"M{_MAP_LEFT + wide * (k + 1):.1f} {bottom - high * i:.1f}v{-high:.1f}"
            for i, k in np.argwhere(over[:, 1:] != over[:, :-1])
        ]
        sides += [
            f"M{_MAP_LEFT + wide * k:.1f} {bottom - high * (i + 1):.1f}h{wide:.1f}"
            for i, k in np.argwhere(over[1:] != over[:-1])
        ]
        if sides:
            yield f'<path class="ta-edge" d="{"".join(sides)}"/>'


def _ticks_of(scale: Scale, factor: float) -> list[float]:
    """Return round numbers on a logarithmic scale whose levels are multiplied by `factor`."""
    low, high = (float(end) * factor for end in (scale.levels[0], scale.levels[-1]))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [
        part * 10.0**power for power in powers for part in _DECADES if low * 0.999 <= part * 10.0**power <= high * 1.001
    ]


def _says(chart: SurfaceMap) -> str:
    seen = chart.values[np.isfinite(chart.values)]
    ends = f" from {number(float(seen.min()))} to {number(float(seen.max()))} {chart.unit}" if len(seen) else " nothing"
    return f"{chart.label} over {chart.across.name} and {chart.up.name}:{ends}; his own {number(chart.own)}"
