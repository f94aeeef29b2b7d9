"""Rows with intervals, and men by their change, on the screen: inline SVG, as plots_screen paints lines and maps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np

from testis_abm.pictures.plots import Row, Rows, Waterfall, log_ticks
from testis_abm.pictures.plots_screen import LETTER, WIDE, interval, place, plot, points
from testis_abm.pictures.screen import box, line, mark, nice, text, ticked
from testis_abm.results.report import number, signed

_HEAD = 60.0  # pixels above the bars of men


def rows(chart: Rows, width: float = WIDE) -> str:
    """Return rows with intervals on one axis; on a narrow screen each name stands above its row."""
    wide = width >= 560
    named = max([10, *(len(row.label) for _, of in chart.groups for row in of)])
    left = min(0.46 * width, 16.0 + LETTER * named) if wide else 12.0
    right, high = width - 18.0, 25.0 if wide else 40.0
    count = sum(len(of) for _, of in chart.groups)
    heads = sum(bool(head) for head, _ in chart.groups)
    top = 32.0
    bottom = top + high * count + 24.0 * heads
    low, most, ticks = _axis(chart)

    def across(value: float) -> float:
        ends = (math.log(low), math.log(most)) if chart.log else (low, most)
        at = math.log(max(value, 1e-300)) if chart.log else value
        return float(left + min(max((at - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0) * (right - left))

    out = [text(4, 16, chart.label, "ta-name")]
    for tick in ticks:
        out.append(line((across(tick), across(tick)), (top - 6, bottom), "ta-grid"))
        out.append(text(across(tick), bottom + 16, ticked(tick), anchor="middle"))
    if low <= chart.zero <= most:
        out.append(line((across(chart.zero),) * 2, (top - 6, bottom), "ta-zero"))
    out.append(text((left + right) / 2, bottom + 37, chart.axis, "ta-axis", "middle"))
    y, told = top, []
    for head, of in chart.groups:
        if head:
            out.append(text(4, y + 17, _cut(head, width), "ta-key ta-strong"))
            y += 24.0
        for row in of:
            at = y + (high / 2 if wide else high - 11.0)
            label = _cut(row.label, left - 10.0 if wide else width)
            inner = text(4, at + 4, label, "ta-key") if wide else text(4, y + 15, label, "ta-key")
            inner += "".join(_row(chart, row, at, across, right))
            words = _said(row)
            told.append(words)
            out.append(place(row.key, words, box(0, y, width, high, "ta-column") + inner))
            y += high
    return plot(
        (width, bottom + 46.0),
        f"{chart.label}; {chart.axis}: {'; '.join(told)}",
        out,
        clicked=any(r.key for _, of in chart.groups for r in of),
    )


def _cut(words: str, room: float) -> str:
    most = max(8, int(room / LETTER))
    return words if len(words) <= most else f"{words[: most - 1].rstrip()}…"


def _said(row: Row) -> str:
    if row.detail:
        return f"{row.label}: {row.detail}"
    if not math.isfinite(row.middle):
        return f"{row.label}: cannot say"
    seen = f"; observed {number(row.seen)}, {'inside' if row.inside else 'outside'}" if math.isfinite(row.seen) else ""
    return f"{row.label}: {interval(row.middle, row.low, row.high)}{seen}"


def _row(chart: Rows, row: Row, y: float, across: Callable[[float], float], right: float) -> Iterator[str]:
    if math.isfinite(row.middle) and chart.bars:
        ends = sorted((across(chart.zero), across(row.middle)))
        yield box(ends[0], y - 6.5, max(1.0, ends[1] - ends[0]), 13.0, f"ta-c{row.colour}")
    if not math.isnan(row.low + row.high):
        high = across(row.high) if math.isfinite(row.high) else right
        yield line(
            (across(row.low), high), (y, y), "ta-whisker ta-over" if chart.bars else f"ta-interval ta-s{row.colour}"
        )
    if math.isfinite(row.middle) and not chart.bars:
        yield f'<circle class="ta-c{row.colour}" cx="{across(row.middle):.1f}" cy="{y:.1f}" r="4.2"/>'
    if math.isfinite(row.seen):
        yield mark(across(row.seen), y, 6.5, "ta-mark" if row.inside else "ta-mark ta-outside")


def _axis(chart: Rows) -> tuple[float, float, list[float]]:
    """Return the ends of the axis and round numbers on it."""
    values = [value for _, of in chart.groups for row in of for value in (row.middle, row.low, row.high, row.seen)]
    seen = [value for value in [*values, chart.zero] if math.isfinite(value)]
    if chart.log:
        seen = [value for value in seen if value > 0.0]
    low, high = min(seen), max(seen)
    low, high = (given if math.isfinite(given) else found for given, found in zip(chart.ends, (low, high)))
    if chart.log:
        low, high = (low / 1.15, high * 1.15) if not math.isfinite(sum(chart.ends)) else (low, high)
        return low, high, log_ticks(low, high)
    ticks = nice(low, high if high > low else low + 1.0, 5)
    inside = [tick for tick in ticks if tick >= chart.least]
    return max(ticks[0], chart.least), ticks[-1], inside


# ---- men by their change


def waterfall(chart: Waterfall, width: float = WIDE) -> str:
    """Return men by their change, a bar a man, the arms beside each other (on a narrow screen below)."""
    beside = width >= 560 and len(chart.arms) <= 3
    count = max(1, len(chart.arms))
    left, high, gap = 56.0, 190.0, 60.0
    wide = (width - left - 10.0 - 14.0 * (count - 1)) / count if beside else width - left - 10.0
    seen = np.concatenate([changes[np.isfinite(changes)] for *_, changes in chart.arms] or [np.zeros(1)])
    most = min(chart.most, max(50.0, float(seen.max(initial=0.0))))
    ticks = [tick for tick in nice(-100.0, most, 5) if tick >= -100.0]
    most = max(most, ticks[-1])
    out, told = (
        [text(4, 16, f"{chart.label}: change of each man", "ta-name", inner='<tspan class="ta-dim"> %</tspan>')],
        [],
    )
    for k, (name, hue, changes) in enumerate(chart.arms):
        x0, y0 = (left + (wide + 14.0) * k, _HEAD) if beside else (left, _HEAD + (high + gap) * k)
        changes = np.sort(changes[~np.isnan(changes)])[::-1]

        def up(value: float, y0: float = y0) -> float:
            return y0 + high - (min(value, most) + 100.0) / (most + 100.0) * high

        for tick in ticks:
            out.append(line((x0, x0 + wide), (up(tick), up(tick)), "ta-zero" if tick == 0.0 else "ta-grid"))
            if k == 0 or not beside:
                out.append(text(x0 - 6, up(tick) + 4, ticked(tick, sign=True), anchor="end"))
        step = wide / max(1, len(changes))
        edge = [(x0, up(0.0))]
        for i, value in enumerate(changes.tolist()):
            edge += [(x0 + step * i, up(value)), (x0 + step * (i + 1), up(value))]
        out.append(f'<polygon class="ta-c{hue} ta-men" points="{points([*edge, (x0 + wide, up(0.0))])}"/>')
        if math.isfinite(chart.threshold) and chart.threshold <= most:
            out.append(line((x0, x0 + wide), (up(chart.threshold),) * 2, "ta-limit"))
        middle = float(np.median(changes)) if len(changes) else math.nan
        cut = int((changes > most).sum())
        words = f"{len(changes):,} men, median {signed(middle) if math.isfinite(middle) else '-'} %"
        words += f", {cut:,} over {ticked(most, sign=True)}" if cut else ""
        told.append(f"{name}: {words}")
        out += [text(x0, y0 - 24, _cut(name, wide), "ta-key ta-strong"), text(x0, y0 - 8, _cut(words, wide), "ta-key")]
    height = _HEAD + high + 14.0 if beside else _HEAD + (high + gap) * count - gap + 14.0
    return plot((width, height), f"{chart.label}, change of each man; {'; '.join(told)}", out)
