"""Plots of experiments on the screen: inline SVG in the colours of the page, as wide as they are asked to be.

What can be clicked carries `data-at` and can be reached by the keyboard; what it shows stands in its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape

import numpy as np

from testis_abm.pictures.chart import HeatMap
from testis_abm.pictures.plots import Lines, Series, log_ticks
from testis_abm.pictures.reference import as_published
from testis_abm.pictures.screen import box, drawing, line, nice, text, ticked
from testis_abm.pictures.style import DIVERGING, RISING, colour
from testis_abm.results.report import number, signed

WIDE, NARROW = 760, 360
LETTER = 6.6  # pixels of a letter of a tick
_CELL = 30.0  # least width of a cell with a number


def plot(size: tuple[float, float], label: str, parts: Iterable[str], *, clicked: bool = False) -> str:
    """Return a plot that grows no wider than it was painted for; `clicked`: parts of it can be."""
    extra = f'style="max-width:{size[0]:g}px"'
    return drawing(size, label, parts, "ta-chart ta-plot", extra, "group" if clicked else "img")


def place(key: str, words: str, inner: str) -> str:
    """Return what stands at a place: with a key it can be clicked and reached by the keyboard."""
    title = f"<title>{escape(words)}</title>"
    if not key:
        return f"<g>{title}{inner}</g>"
    name = escape(f"{words}; load it into the form", quote=True)
    return f'<g class="ta-at" data-at="{escape(key, quote=True)}" tabindex="0" role="button" aria-label="{name}">{title}{inner}</g>'


def _value(value: float, sign: bool = False) -> str:
    if not sign or not math.isfinite(value):
        return number(value)
    return signed(value, 0 if abs(value) >= 9.95 else 1)


def interval(middle: float, low: float, high: float, sign: bool = False) -> str:
    """Return a value with its interval in print; without one where there is none, or where both ends are the same."""
    ends = f" ({_value(low, sign)} to {_value(high, sign)})" if math.isfinite(low + high) and low != high else ""
    return f"{_value(middle, sign)}{ends}"


def _legend(entries: Sequence[tuple[str, int]], y: float, width: float) -> tuple[list[str], float]:
    """Return names beside lines of their colours, in as many lines as they need, and where they end."""
    out, x = [], 4.0
    for name, hue in entries:
        room = 34.0 + LETTER * len(name)
        if x > 4.0 and x + room > width:
            x, y = 4.0, y + 17.0
        out += [line((x, x + 22.0), (y - 4.0, y - 4.0), f"ta-line ta-c{hue}"), text(x + 27.0, y, name, "ta-key")]
        x += room
    return out, y


# ---- lines


def lines(chart: Lines, width: float = WIDE) -> str:
    """Return lines over what was varied, with their intervals as bands (of words, and of few places, as whiskers)."""
    wide = width >= 560
    legend, top = (
        _legend([(one.name, one.colour) for one in chart.series], 36.0, width) if len(chart.series) > 1 else ([], 20.0)
    )
    left, right, top = 52.0, width - 16.0, top + 16.0
    bottom = top + (240.0 if wide else 190.0)
    low, high = _levels(chart)
    ticks = nice(low, high, 5)
    low, high = min(low, ticks[0]), max(high, ticks[-1])

    def up(value: float) -> float:
        return float(bottom - (value - low) / (high - low) * (bottom - top))

    across = _across(chart, left + 14.0, right - 14.0)
    unit = f'<tspan class="ta-dim"> {escape(chart.unit)}</tspan>'
    out = [text(4, 16, chart.label, "ta-name", inner=unit), *legend]
    for tick in ticks:
        style = "ta-zero" if chart.signed and abs(tick) < 1e-9 else "ta-grid"
        out += [
            line((left, right), (up(tick), up(tick)), style),
            text(left - 6, up(tick) + 4, ticked(tick, chart.signed), anchor="end"),
        ]
    for limit in chart.reference.limits if chart.reference else ():
        if low <= limit <= high:
            out.append(line((left, right), (up(limit), up(limit)), "ta-limit"))
            out.append(
                text(
                    right,
                    up(limit) - 4,
                    f"{as_published(limit)}, {chart.reference.author}" if chart.reference else "",
                    "ta-limit-text",
                    "end",
                )
            )
    out += [text(x, bottom + 16, name, anchor="middle") for x, name in _names_across(chart, across, left, right)]
    out.append(text((left + right) / 2, bottom + 37, chart.axis, "ta-axis", "middle"))
    for k, one in enumerate(chart.series):
        out += _one(chart, one, across, up, 5.0 * k if chart.words else 0.0)
    edges = [left, *((across[k] + across[k + 1]) / 2 for k in range(len(across) - 1)), right]
    for k, key in enumerate(chart.keys or [""] * len(across)):
        told = "; ".join(
            f"{one.name} {interval(one.middle[k], one.low[k], one.high[k], chart.signed)}" for one in chart.series
        )
        words = f"{chart.axis}: {chart.names[k]}: {told} {chart.unit}".strip()
        out.append(place(key, words, box(edges[k], top - 6, edges[k + 1] - edges[k], bottom - top + 22, "ta-column")))
    return plot((width, bottom + 46.0), _says_lines(chart), out, clicked=any(chart.keys))


def _one(
    chart: Lines, one: Series, across: Sequence[float], up: Callable[[float], float], aside: float
) -> Iterator[str]:
    there = [k for k in range(len(across)) if math.isfinite(one.middle[k])]
    spread = [k for k in there if math.isfinite(one.low[k] + one.high[k])]
    if not chart.words and len(spread) > 1:
        edge = [(across[k], up(one.low[k])) for k in spread] + [(across[k], up(one.high[k])) for k in reversed(spread)]
        yield f'<polygon class="ta-band ta-c{one.colour}" points="{points(edge)}"/>'
    if not chart.words:
        yield f'<polyline class="ta-line ta-c{one.colour}" points="{points((across[k], up(one.middle[k])) for k in there)}"/>'
    for k in there:
        x = across[k] + aside
        if chart.words and k in spread:
            yield line((x, x), (up(one.low[k]), up(one.high[k])), f"ta-whisker ta-s{one.colour}")
        yield f'<circle class="ta-c{one.colour}" cx="{x:.1f}" cy="{up(one.middle[k]):.1f}" r="3.4"/>'


def points(places: Iterable[tuple[float, float]]) -> str:
    """Return places as a polygon or line has them."""
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in places)


def _levels(chart: Lines) -> tuple[float, float]:
    """Return the least and the most that is shown; limits near it are."""
    seen = np.concatenate([np.concatenate([one.middle, one.low, one.high]) for one in chart.series] or [np.zeros(0)])
    seen = seen[np.isfinite(seen)]
    if not len(seen):
        return 0.0, 1.0
    low, high = float(seen.min()), float(seen.max())
    low, high = (min(low, 0.0), max(high, 0.0)) if chart.zero else (low, high)
    for limit in chart.reference.limits if chart.reference else ():
        if low - 0.6 * (high - low) <= limit <= high + 0.6 * (high - low):
            low, high = min(low, limit), max(high, limit)
    return (low, high) if high > low else (low - 0.5, high + 0.5)


def _across(chart: Lines, left: float, right: float) -> list[float]:
    x = np.asarray(chart.x, dtype=float)
    x = np.log(x) if chart.log else x
    if len(x) < 2 or x[-1] == x[0]:
        return [(left + right) / 2.0] * len(x)
    return [float(left + (value - x[0]) / (x[-1] - x[0]) * (right - left)) for value in x]


def _names_across(chart: Lines, across: Sequence[float], left: float, right: float) -> list[tuple[float, str]]:
    """Return where the axis is named: words at their places, numbers at round ones."""
    if chart.words or len(across) < 2:
        most = max(1, int((right - left) / (LETTER * max(map(len, chart.names), default=1) + 12.0)))
        step = max(1, math.ceil(len(across) / most))
        return [(across[k], chart.names[k]) for k in range(0, len(across), step)]
    first, last = float(chart.x[0]), float(chart.x[-1])
    ticks = (
        log_ticks(first, last)
        if chart.log
        else [tick for tick in nice(first, last, 6) if first - 1e-9 <= tick <= last + 1e-9]
    )
    scale = np.log if chart.log else np.asarray
    places = np.interp(scale(ticks), scale(np.asarray(chart.x, dtype=float)), across)
    return [(float(x), f"{tick:,.6g}") for x, tick in zip(places, ticks)]


def _says_lines(chart: Lines) -> str:
    parts = []
    for one in chart.series:
        there = np.flatnonzero(np.isfinite(one.middle))
        if len(there):
            first, last = (
                f"{_value(float(one.middle[k]), chart.signed)} at {chart.names[k]}" for k in (there[0], there[-1])
            )
            parts.append(f"{one.name} from {first} to {last}")
    return f"{chart.label} ({chart.unit}) over {chart.axis}: {'; '.join(parts) or 'nothing yet'}"


# ---- heat maps


def heat_map(chart: HeatMap, width: float = WIDE) -> str:
    """Return a heat map, each cell with its number, and the bar of its colours; changes are coloured about zero."""
    left = 14.0 + LETTER * max([4, *map(len, chart.up)])
    wide = max(_CELL, (width - left - 8.0) / max(1, len(chart.across)))
    width = max(width, left + wide * len(chart.across) + 8.0)
    high, top = 36.0, 76.0
    bottom = top + high * len(chart.up)
    seen = chart.values[np.isfinite(chart.values)]
    low, most = (float(seen.min()), float(seen.max())) if len(seen) else (0.0, 1.0)
    ticks = nice(
        *(
            (-(far := max(abs(low), abs(most), 1e-9)), far)
            if chart.change
            else (low, most if most > low else low + 1.0)
        ),
        4,
    )
    ends = ticks[0], ticks[-1]
    scale = DIVERGING if chart.change else RISING
    out = [text(4, 16, chart.label, "ta-name"), *_bar(ticks, scale, chart, left, min(260.0, width - left - 30.0))]
    out.append(text(4, top - 8, chart.names[1], "ta-axis"))
    keys = chart.keys or [[""] * len(chart.across)] * len(chart.up)
    for i, row in enumerate(chart.up):
        y = bottom - high * (i + 1)
        out.append(text(left - 6, y + high / 2 + 4, row, anchor="end"))
        for k, column in enumerate(chart.across):
            value, x = float(chart.values[i, k]), left + wide * k
            if not math.isfinite(value):
                out.append(box(x, y, wide - 1.5, high - 1.5, "ta-none"))
                continue
            fill, ink = colour((value - ends[0]) / (ends[1] - ends[0]), scale)
            said = _value(value, chart.change)
            at = "; ".join(f"{name}: {of}" for name, of in zip(chart.names, (column, row)) if name)
            words = f"{at}: {said} {chart.unit}".strip()
            inner = f'<rect class="ta-cell" x="{x:.1f}" y="{y:.1f}" width="{wide - 1.5:.1f}" height="{high - 1.5:.1f}" fill="{fill}"/>'
            if LETTER * len(said) < wide:
                inner += f'<text class="ta-cell-text" text-anchor="middle" fill="{ink}" x="{x + wide / 2:.1f}" y="{y + high / 2 + 4:.1f}">{said}</text>'
            out.append(place(keys[i][k], words, inner))
    step = max(1, math.ceil(LETTER * max([1, *map(len, chart.across)]) / wide))
    for k in range(0, len(chart.across), step):
        out.append(text(left + wide * (k + 0.5), bottom + 16, chart.across[k], anchor="middle"))
    out.append(text(left + wide * len(chart.across) / 2, bottom + 37, chart.names[0], "ta-axis", "middle"))
    words = f"{chart.label} over {' and '.join(filter(None, chart.names))}"
    words += (
        f": from {_value(low, chart.change)} to {_value(most, chart.change)} {chart.unit}"
        if len(seen)
        else ": nothing yet"
    )
    return plot((width, bottom + 46.0), words, out, clicked=bool(chart.keys))


def _bar(ticks: Sequence[float], scale: Sequence[str], chart: HeatMap, left: float, wide: float) -> Iterator[str]:
    """Yield the bar that explains colours, with round numbers and the unit below it."""
    pieces = 48
    for k in range(pieces):
        fill = colour((k + 0.5) / pieces, scale)[0]
        yield f'<rect x="{left + wide * k / pieces:.1f}" y="26" width="{wide / pieces + 0.4:.2f}" height="9" fill="{fill}"/>'
    for tick in ticks:
        x = left + (tick - ticks[0]) / (ticks[-1] - ticks[0]) * wide
        yield text(x, 48, ticked(tick, chart.change), anchor="middle")
    if chart.unit:
        yield text(left + wide + 16.0, 36, chart.unit, "ta-tick")
