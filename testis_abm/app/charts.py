"""Charts as inline SVG: courses of arms, treatments over time, heat maps, observed beside predicted.

Colours are CSS variables of the page (app.css), so that light and dark are the browser's business. Every chart is an image to a
screen reader, with a text that tells what it shows.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np

from testis_abm.results.report import number

_WIDTH, _HEIGHT = 340, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 10, 30, 24


@dataclass(frozen=True)
class Line:
    """One arm's course: mean, band over replicates (None without), dots of samples (x, y)."""

    name: str
    x: np.ndarray
    mean: np.ndarray
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    dots: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Panel:
    """One chart of lines over days.

    Attributes:
        label, unit: of what is drawn.
        lines: by arm, the k-th in the k-th colour.
        days: first and last day of the axis.
        limits, source: reference limits, none, one or two, and whose they are; upper: whether a single one is an upper limit.
        marks: published values, (day, value, label).
        zero: whether the axis begins at zero.
    """

    label: str
    unit: str
    lines: tuple[Line, ...]
    days: tuple[float, float]
    limits: tuple[float, ...] = ()
    source: str = ""
    marks: tuple[tuple[float, float, str], ...] = ()
    zero: bool = True
    colours: tuple[int, ...] = field(default=())
    upper: bool = False


def panel_svg(panel: Panel) -> str:
    """Return a panel as SVG."""
    low, high = _span(panel)
    ticks = nice(low, high, 4)
    low, high = min(low, ticks[0]), max(high, ticks[-1])
    first, last = panel.days
    width, height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def across(day: np.ndarray | float) -> np.ndarray:
        return np.asarray(_LEFT + (np.asarray(day, dtype=float) - first) / (last - first) * width)

    def up(value: np.ndarray | float) -> np.ndarray:
        return np.asarray(_TOP + height - (np.asarray(value, dtype=float) - low) / (high - low) * height)

    out = [
        f'<text class="ta-name" x="4" y="15">{escape(panel.label)}<tspan class="ta-dim"> {escape(panel.unit)}</tspan></text>'
    ]
    if first < 0.0:
        out.append(
            f'<rect class="ta-before" x="{_LEFT}" y="{_TOP}" width="{float(across(0.0)) - _LEFT:.1f}" height="{height}"/>'
        )
    for tick in ticks:
        y = float(up(tick))
        out.append(f'<line class="ta-grid" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        out.append(f'<text class="ta-tick" text-anchor="end" x="{_LEFT - 5}" y="{y + 3.5:.1f}">{_tick(tick)}</text>')
    for tick in nice(first, last, 5, whole=True):
        if first <= tick <= last:
            x, y = float(across(tick)), _HEIGHT - _BOTTOM + 13
            out.append(f'<text class="ta-tick" text-anchor="middle" x="{x:.1f}" y="{y}">{tick:g}</text>')
    limits: list[str] = []  # drawn last, so that no line hides the figure
    for limit in panel.limits:
        y = float(up(limit))
        out.append(f'<line class="ta-limit" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        limits.append(
            f'<text class="ta-limit-text" text-anchor="end" x="{_WIDTH - _RIGHT}" y="{y - 3:.1f}">{number(limit)}'
            f"<title>{escape(panel.source)}</title></text>"
        )
    for k, line in enumerate(panel.lines):
        colour = panel.colours[k] if panel.colours else k
        if line.low is not None and line.high is not None:
            edge = np.concatenate([line.low, line.high[::-1]])
            points = _points(across(np.concatenate([line.x, line.x[::-1]])), up(edge))
            out.append(f'<polygon class="ta-band ta-c{colour}" points="{points}"/>')
        if line.dots is not None:
            at = zip(across(line.dots[0]), up(line.dots[1]))
            out += [f'<circle class="ta-dot ta-c{colour}" cx="{x:.1f}" cy="{y:.1f}" r="1.7"/>' for x, y in at if y == y]
        out.append(f'<polyline class="ta-line ta-c{colour}" points="{_points(across(line.x), up(line.mean))}"/>')
    for day, value, label in panel.marks:
        x, y = float(across(day)), float(up(value))
        out.append(
            f'<path class="ta-mark" d="M{x:.1f} {y - 4:.1f}l4 4l-4 4l-4 -4z"><title>{escape(label)}</title></path>'
        )
    out += limits
    scale = f'data-days="{first:g},{last:g}" data-box="{_LEFT},{_RIGHT},{_WIDTH},{_TOP},{_HEIGHT - _BOTTOM}"'
    return _svg(_WIDTH, _HEIGHT, told(panel), "".join(out), scale)


def sources(panels: Iterable[Panel]) -> str:
    """Return whose the reference limits of some panels are; "" without any."""
    parts = [
        f"{panel.label} {_limits(panel)}{f' {panel.unit}' if panel.unit else ''} ({panel.source})"
        for panel in panels
        if panel.limits
    ]
    return f"Reference limits: {'; '.join(parts)}." if parts else ""


def _limits(panel: Panel) -> str:
    bound = "" if len(panel.limits) == 2 else "up to " if panel.upper else "from "
    return bound + " to ".join(number(limit) for limit in panel.limits)


def told(panel: Panel) -> str:
    """Return what a panel shows, in words."""
    unit = f" {panel.unit}" if panel.unit else ""
    parts = []
    for line in panel.lines:
        seen = line.mean[np.isfinite(line.mean)]
        if len(seen):
            parts.append(
                f"{line.name} from {number(float(seen[0]))} to {number(float(seen[-1]))}{unit} on day {line.x[-1]:g}"
            )
    limit = f"; {panel.source} {_limits(panel)}{unit}" if panel.limits else ""
    return f"{panel.label}: {', '.join(parts) or 'nothing yet'}{limit}"


def _span(panel: Panel) -> tuple[float, float]:
    values = [of for line in panel.lines for of in (line.mean, line.low, line.high) if of is not None]
    values += [line.dots[1] for line in panel.lines if line.dots is not None]
    seen = np.concatenate([*values, panel.limits, [value for _, value, _ in panel.marks]]) if values else np.array([])
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


def _tick(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000.0 else f"{value:.4g}"


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y) if b == b)


def _svg(width: float, height: float, label: str, inner: str, extra: str = "") -> str:
    return (
        f'<svg class="ta-chart" role="img" aria-label="{escape(label, quote=True)}" viewBox="0 0 {width:g} {height:g}" {extra} '
        f'xmlns="http://www.w3.org/2000/svg">{inner}</svg>'
    )


def grid(panels: Iterable[Panel]) -> str:
    """Return panels as HTML, as many beside each other as fit."""
    return f'<div class="ta-panels">{"".join(f"<div>{panel_svg(panel)}</div>" for panel in panels)}</div>'


def legend(names: Sequence[str], extra: Sequence[tuple[str, str]] = ()) -> str:
    """Return the arms' names beside a piece of their lines; `extra` are (class, text) of other marks."""
    swatch = '<svg class="ta-swatch" viewBox="0 0 26 10" aria-hidden="true">{}</svg>'
    rows = [
        swatch.format(f'<polyline class="ta-line ta-c{k}" points="1,5 25,5"/>') + escape(name)
        for k, name in enumerate(names)
    ]
    shapes = {
        "ta-limit": '<line class="ta-limit" x1="1" x2="25" y1="5" y2="5"/>',
        "ta-dot": '<circle class="ta-dot ta-c1" cx="13" cy="5" r="2.5"/>',
        "ta-band": '<rect class="ta-band ta-c1" x="1" y="1" width="24" height="8"/>',
        "ta-mark": '<path class="ta-mark" d="M13 1l4 4l-4 4l-4 -4z"/>',
    }
    rows += [swatch.format(shapes[of]) + escape(text) for of, text in extra]
    return f'<div class="ta-legend">{"".join(f"<span>{row}</span>" for row in rows)}</div>'


def timeline(spans: Sequence[tuple[str, float, float]], days: tuple[float, float]) -> str:
    """Return treatments as bars over the days of the plan: (label, first day, last day)."""
    first, last = days
    width, row = 720.0, 22.0
    height = row * max(1, len(spans)) + 22.0
    out = []

    def across(day: float) -> float:
        return 4.0 + (min(max(day, first), last) - first) / (last - first) * (width - 8.0)

    out.append(
        f'<rect class="ta-before" x="4" y="0" width="{max(0.0, across(0.0) - 4.0):.1f}" height="{height - 20:.1f}"/>'
    )
    for tick in nice(first, last, 8, whole=True):
        x = across(tick)
        out.append(f'<line class="ta-grid" x1="{x:.1f}" x2="{x:.1f}" y1="0" y2="{height - 20:.1f}"/>')
        anchor = "end" if x > width - 20 else "start" if x < 20 else "middle"
        text = f"day {tick:g}" if tick == 0 else f"{tick:g}"
        out.append(f'<text class="ta-tick" text-anchor="{anchor}" x="{x:.1f}" y="{height - 7:.1f}">{text}</text>')
    if not spans:
        out.append(f'<text class="ta-tick" x="{across(0.0) + 6:.1f}" y="15">no treatment</text>')
    for k, (label, start, end) in enumerate(spans):
        x, wide, y = across(start), max(4.0, across(end) - across(start)), row * k + 3.0
        out.append(f'<rect class="ta-bar" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{row - 6:.1f}" rx="3"/>')
        inside = wide > 6.2 * len(label)
        at, anchor = (x + 6, "start") if inside else (x + wide + 5, "start")
        if not inside and x + wide + 6.2 * len(label) > width:
            at, anchor = x - 5, "end"
        style = "ta-bar-text" if inside else "ta-tick"
        out.append(f'<text class="{style}" text-anchor="{anchor}" x="{at:.1f}" y="{y + 12:.1f}">{escape(label)}</text>')
    words = "; ".join(f"{label} from day {start:g} to {end:g}" for label, start, end in spans) or "no treatment"
    return _svg(width, height, f"Treatment: {words}", "".join(out)).replace('"ta-chart"', '"ta-chart ta-wide"')


# ---- heat map and intervals

# Brown to blue-green by way of grey-white: told apart by every kind of colour vision.
_DIVERGING = ((140, 81, 10), (216, 179, 101), (246, 241, 230), (90, 180, 172), (1, 102, 94))
_RISING = ((68, 1, 84), (59, 82, 139), (33, 145, 140), (94, 201, 98), (253, 231, 37))


def _colour(share: float, scale: Sequence[tuple[int, int, int]]) -> tuple[int, int, int]:
    place = min(max(share, 0.0), 1.0) * (len(scale) - 1)
    k = min(int(place), len(scale) - 2)
    return tuple(round(a + (b - a) * (place - k)) for a, b in zip(scale[k], scale[k + 1]))  # type: ignore[return-value]


def heat_map(
    values: np.ndarray, across: Sequence[str], up: Sequence[str], names: tuple[str, str], label: str, *, change: bool
) -> str:
    """Return a heat map: `values` (rows of `up`, columns of `across`), each cell with its number.

    Args:
        change: whether values are changes in %, drawn about zero.
    """
    left, top, wide, high = 84.0, 34.0, max(44.0, 560.0 / max(1, len(across))), 34.0
    width, height = left + wide * len(across) + 8.0, top + high * len(up) + 44.0
    seen = values[np.isfinite(values)]
    most = float(np.abs(seen).max()) if len(seen) else 1.0
    low, spread = (float(seen.min()), float(np.ptp(seen)) or 1.0) if len(seen) else (0.0, 1.0)
    out = [f'<text class="ta-name" x="4" y="16">{escape(label)}</text>']
    for i, name in enumerate(up):
        y = top + high * (len(up) - 1 - i)
        out.append(
            f'<text class="ta-tick" text-anchor="end" x="{left - 6}" y="{y + high / 2 + 4:.1f}">{escape(name)}</text>'
        )
        for k in range(len(across)):
            value, x = float(values[i, k]), left + wide * k
            if not math.isfinite(value):
                continue
            share = 0.5 + 0.5 * value / (most or 1.0) if change else (value - low) / spread
            red, green, blue = _colour(share, _DIVERGING if change else _RISING)
            ink = "#000" if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "#fff"
            text = f"{value:+.0f}" if change else number(value)
            place = f"{names[0]} {across[k]}, {names[1]} {name}: {text}"
            out.append(
                f'<g><title>{escape(place)}</title><rect x="{x:.1f}" y="{y:.1f}" width="{wide - 1:.1f}" height="{high - 1:.1f}" '
                f'fill="rgb({red},{green},{blue})"/><text text-anchor="middle" font-size="11" fill="{ink}" '
                f'x="{x + wide / 2:.1f}" y="{y + high / 2 + 4:.1f}">{text}</text></g>'
            )
    for k, name in enumerate(across):
        x, y = left + wide * (k + 0.5), top + high * len(up) + 15
        out.append(f'<text class="ta-tick" text-anchor="middle" x="{x:.1f}" y="{y:.1f}">{escape(name)}</text>')
    middle, bottom = left + wide * len(across) / 2, height - 8
    out.append(
        f'<text class="ta-axis" text-anchor="middle" x="{middle:.1f}" y="{bottom:.1f}">{escape(names[0])}</text>'
    )
    out.append(f'<text class="ta-axis" x="4" y="{top - 5:.1f}">{escape(names[1])}</text>')
    words = f"{label} over {names[0]} and {names[1]}"
    if len(seen):
        words += f": from {number(float(seen.min()))} to {number(float(seen.max()))}"
    return _svg(width, height, words, "".join(out)).replace('"ta-chart"', '"ta-chart ta-wide"')


def intervals(rows: Sequence[Mapping[str, object]]) -> str:
    """Return observed beside predicted: a row each of label, unit, observed, predicted, low, high, inside; each on its own scale."""
    row, left, width = 40.0, 330.0, 720.0
    height = row * len(rows) + 8.0
    out, words = [], []
    for k, of in enumerate(rows):
        low, high, middle, seen = (float(of[name]) for name in ("low", "high", "predicted", "observed"))  # type: ignore[arg-type]
        y = row * k + row / 2
        ends = [value for value in (low, high, seen) if math.isfinite(value)] or [0.0]
        near, far = min(*ends, 0.0), max(*ends, 0.0)
        room = (far - near) or 1.0

        def across(value: float, near: float = near, room: float = room) -> float:
            return left + (value - near) / room * (width - left - 60.0)

        text = f"{of['label']} ({of['unit']})" if of["unit"] else str(of["label"])
        out.append(f'<text class="ta-tick" x="4" y="{y + 4:.1f}">{escape(text)}</text>')
        out.append(
            f'<line class="ta-grid" x1="{across(0.0):.1f}" x2="{across(0.0):.1f}" y1="{y - 11:.1f}" y2="{y + 11:.1f}"/>'
            f'<text class="ta-tick" text-anchor="middle" x="{across(0.0):.1f}" y="{y + 20:.1f}">0</text>'
            f'<text class="ta-tick" x="{width - 52:.1f}" y="{y + 4:.1f}">{number(seen)}</text>'
        )
        if math.isfinite(low) and math.isfinite(high):
            out.append(
                f'<line class="ta-interval" x1="{across(low):.1f}" x2="{across(high):.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'
            )
            out.append(f'<circle class="ta-predicted" cx="{across(middle):.1f}" cy="{y:.1f}" r="4"/>')
        x = across(seen)
        style = "ta-mark" if of["inside"] else "ta-mark ta-outside"
        out.append(f'<path class="{style}" d="M{x:.1f} {y - 6:.1f}l6 6l-6 6l-6 -6z"/>')
        verdict = "inside" if of["inside"] else "outside"
        words.append(f"{text}: observed {seen:.3g}, predicted {middle:.3g} ({low:.3g} to {high:.3g}), {verdict}")
    return _svg(width, height, "; ".join(words), "".join(out)).replace('"ta-chart"', '"ta-chart ta-wide"')
