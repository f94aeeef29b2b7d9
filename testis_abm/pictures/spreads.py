"""Charts of how men differ, as described and on the screen: violins before and after, and reported values beside who matches them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape

import numpy as np

from testis_abm.pictures.reference import Range, as_published
from testis_abm.pictures.screen import box, line, mark, nice, text
from testis_abm.results.report import number, signed
from testis_abm.statistics import LEAST_MEN, spread_of_men

_SKEWED = 8.0  # times the 5th percentile from which the 95th on a scale is logarithmic
_LEAST = 1e-6  # of a level that is drawn
_POINTS = 80  # of an outline
_TOP, _FOOT, _HALF = 22.0, 40.0, 17.0  # px
_NARROW = 500.0  # px of width under which a name and what is said of it stand on two lines
_SIDE = 14.0  # px left and right of the axis
_FARTHEST = 8.0  # times the reported value, at which the axis of reported values ends
_STRIP, _STRIP_HIGH = 260.0, 26.0  # px


@dataclass(frozen=True)
class Violin:
    """Levels of men: what is done to them, and each man's level in the unit of the axis, (men,)."""

    name: str
    values: np.ndarray

    @property
    def spread(self) -> tuple[float, float, float]:
        """Return median and 90 % interval, NaN of too few men."""
        return spread_of_men(self.values)


@dataclass(frozen=True)
class Violins:
    """Distributions of one quantity over the same men, the first untreated, on one axis.

    Attributes:
        label, unit: of the axis.
        groups: one or more; reference: limits, in its unit.
        least: the least that is told from none; word: what stands for less.
    """

    label: str
    unit: str
    groups: tuple[Violin, ...]
    reference: Range | None = None
    least: float = 0.0
    word: str = "none"

    @cached_property
    def logarithmic(self) -> bool:
        """Return whether the axis is logarithmic: levels are skewed, as counts of sperm are."""
        levels = np.concatenate([group.values for group in self.groups])
        there = levels[levels > max(self.least, 0.0)]
        if len(there) < LEAST_MEN or (levels < 0.0).any():
            return False
        low, high = np.quantile(there, [0.05, 0.95])
        return bool(high > _SKEWED * low)

    @property
    def floor(self) -> float:
        """Return the level at which men under `least` are drawn on a logarithmic axis."""
        levels = np.concatenate([group.values for group in self.groups])
        return self.least or max(float(levels[levels > 0.0].min()), _LEAST * float(levels.max()))

    def ends(self) -> tuple[float, float]:
        """Return the ends of the axis: all men, and limits that are near them."""
        levels = np.concatenate([group.values for group in self.groups])
        if self.logarithmic:
            levels = np.maximum(levels, self.floor)
        low, high = (float(of) for of in np.quantile(levels, [0.002, 0.998])) if len(levels) else (0.0, 1.0)
        for limit in self.reference.limits if self.reference else ():
            if low / 3.0 <= limit <= 3.0 * high:
                low, high = min(low, limit / 1.1), max(high, limit * 1.1)
        if self.logarithmic:
            return low / 1.15, high * 1.15
        return (min(0.0, low), high * 1.04) if high > _LEAST else (low - 1.0, 1.0)

    def outline(self, group: Violin) -> tuple[np.ndarray, np.ndarray]:
        """Return levels and the density of a group's men there, highest 1; empty of too few, or all alike, or none there."""
        there = group.values[group.values >= self.least] if self.logarithmic else group.values
        at = np.log(np.maximum(there, self.floor)) if self.logarithmic else there
        if len(at) < LEAST_MEN or float(np.ptp(at)) < 1e-9 * max(1.0, float(np.abs(at).max())):
            return np.zeros(0), np.zeros(0)
        from scipy.stats import gaussian_kde

        levels = np.linspace(at.min(), at.max(), _POINTS)
        density = gaussian_kde(at)(levels)
        return np.exp(levels) if self.logarithmic else levels, density / density.max()

    def under(self, group: Violin) -> float:
        """Return the share of a group's men under the least that is told from none."""
        return float((group.values < self.least).mean()) if len(group.values) else 0.0


def violins_svg(chart: Violins, width: float = 760.0) -> str:
    """Return violins as SVG, a row each: outline of the men, bar of their 90 % interval, line at their median."""
    low, high = chart.ends()
    narrow = width < _NARROW
    row = 78.0 if narrow else 62.0
    right, bottom = width - _SIDE, _TOP + row * len(chart.groups)
    scale: Callable[[float], float] = math.log if chart.logarithmic else float

    def across(level: float) -> float:
        inside = min(max(level, low), high)
        return _SIDE + (scale(inside) - scale(low)) / (scale(high) - scale(low)) * (right - _SIDE)

    unit = f" ({chart.unit})" if chart.unit else ""
    kind = ", logarithmic scale" if chart.logarithmic else ""
    out = []
    for tick in _ticks(low, high, chart.logarithmic, 4 if narrow else 7):
        out.append(line((across(tick), across(tick)), (_TOP, bottom)))
        out.append(text(across(tick), bottom + 15, f"{tick:,g}", anchor="middle"))
    out.append(text(_SIDE, bottom + 32, f"{chart.label}{unit}{kind}", "ta-axis"))
    limits = [limit for limit in (chart.reference.limits if chart.reference else ()) if low <= limit <= high]
    for limit in limits:
        out.append(line((across(limit), across(limit)), (_TOP - 6, bottom), "ta-limit"))
        anchor = "end" if across(limit) > 0.7 * width else "start"
        out.append(
            text(
                across(limit) + (4 if anchor == "start" else -4),
                12,
                f"limit {as_published(limit)}",
                "ta-limit-text",
                anchor,
            )
        )
    said = []
    for k, group in enumerate(chart.groups):
        top = _TOP + row * k
        shape, words = _violin(chart, group, k, top + row - 22.0, across)
        out += [text(_SIDE, top + 16, group.name, "ta-name"), *shape]
        place = (_SIDE, top + 31, "start") if narrow else (right, top + 16, "end")
        out.append(text(place[0], place[1], words, "ta-tick ta-violin-text", place[2]))
        said.append(f"{group.name}: {words}")
    label = f"{chart.label}{unit}. {'; '.join(said)}"
    ends = f"{low!r},{high!r},{_SIDE:g},{right:g},{int(chart.logarithmic)}"
    return (
        f'<svg class="ta-chart ta-violins" role="img" aria-label="{escape(label, quote=True)}" data-axis="{ends}" '
        f'viewBox="0 0 {width:g} {bottom + _FOOT:g}" xmlns="http://www.w3.org/2000/svg">{"".join(out)}</svg>'
    )


def _violin(
    chart: Violins, group: Violin, k: int, middle: float, across: Callable[[float], float]
) -> tuple[list[str], str]:
    """Return the marks of a violin and what it says in words."""
    out, none = [], chart.under(group)
    levels, density = chart.outline(group)
    if len(levels):
        half = _HALF * density * math.sqrt(1.0 - none if chart.logarithmic else 1.0)
        x = [across(level) for level in (*levels, *levels[::-1])]
        y = (*(middle - half), *(middle + half)[::-1])
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))
        out.append(f'<polygon class="ta-violin ta-c{k}" points="{points}"/>')
    centre, low, high = group.spread
    if not math.isfinite(centre):
        return out, "nobody has a level"
    if math.isfinite(low):
        out.append(line((across(low), across(high)), (middle, middle), f"ta-violin-interval ta-s{k}"))
    out.append(line((across(centre), across(centre)), (middle - 11, middle + 11), "ta-violin-median"))
    words = f"median {_level(chart, centre)}"
    words += f" ({_level(chart, low)} to {_level(chart, high)})" if math.isfinite(low) else ""
    return out, words + (f", {chart.word} in {100.0 * none:.0f} %" if none >= 0.005 else "")


def _level(chart: Violins, level: float) -> str:
    return chart.word if chart.least and level < chart.least else number(level)


def _ticks(low: float, high: float, logarithmic: bool, most: int) -> list[float]:
    """Return round levels on an axis, about `most` of them."""
    if not logarithmic:
        return [tick for tick in nice(low, high, most) if low <= tick <= high]
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    found: list[float] = []
    for digits in ((1, 2, 5), (1, 3), (1,)):
        found = [digit * 10.0**power for power in powers for digit in digits if low <= digit * 10.0**power <= high]
        if len(found) <= most + 2:
            break
    return found


# ---- reported values beside who matches them


@dataclass(frozen=True)
class Reported:
    """One reported value beside the representative virtual patient and all who match, in one unit.

    Attributes:
        name, unit: of the value; given: as reported, `beyond` is "<" or ">" of a limit.
        own: of the representative; median, low, high: of all who match (the ends NaN without an interval).
        deviation: of their median in SD; NaN without one. strained: whether that is far.
        reference: limits in its unit, and whose.
    """

    name: str
    unit: str
    given: float
    beyond: str
    own: float
    median: float
    low: float
    high: float
    deviation: float
    strained: bool
    reference: Range | None = None


def reported_html(rows: Sequence[Reported], known: Sequence[tuple[str, str]], caption: str) -> str:
    """Return reported values as a table, each with a strip on one axis of multiples of the reported value.

    `known` are names and values that are taken as they are.
    """
    heads = ("", "patient", "representative", "all matching (90 %)", "", "reference", "deviation, SD")
    head = "".join(f'<th scope="col">{_axis() if k == 4 else escape(name)}</th>' for k, name in enumerate(heads))
    body = "".join(map(_reported_row, rows))
    for name, value in known:
        cells = [("patient", value), ("representative", value), ("all matching", "as given")]
        body += f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(*cell) for cell in cells)}<td></td><td></td><td></td></tr>'
    return (
        f'<table class="ta-table ta-reported"><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table>"
    )


def _cell(name: str, value: str, style: str = "") -> str:
    return f'<td data-name="{name}"{f" class={style!r}" if style else ""}>{escape(value)}</td>'


def _reported_row(row: Reported) -> str:
    interval = f" ({number(row.low)} to {number(row.high)})" if math.isfinite(row.low) else ""
    limits = f"{row.reference.printed}" if row.reference else ""
    if row.reference and len(row.reference.limits) == 1:
        limits = f"{'from' if row.reference.low > 0.0 else 'up to'} {limits}"
    sd = "-" if math.isnan(row.deviation) else signed(row.deviation, 1)
    return (
        f'<tr data-strained="{int(row.strained)}"><th scope="row">{escape(row.name)}{f" <span class=ta-unit>{escape(row.unit)}</span>" if row.unit else ""}</th>'
        f"{_cell('patient', f'{row.beyond}{number(row.given)}', 'ta-given')}{_cell('representative', number(row.own))}"
        f"{_cell('all matching', f'{number(row.median)}{interval}')}<td class='ta-strip'>{strip_svg(row)}</td>"
        f"{_cell('reference', limits)}{_cell('deviation, SD', sd, 'ta-strained' if row.strained else '')}</tr>"
    )


def _multiple(row: Reported, level: float) -> float:
    """Return where on the axis of multiples of the reported value a level lies, from 0 to 1; 1 and 0 of what is beyond."""
    if not level > 0.0:
        return 0.0
    share = 0.5 + math.log(level / row.given) / (2.0 * math.log(_FARTHEST))
    return min(max(share, 0.0), 1.0)


def _at(share: float) -> float:
    return 8.0 + share * (_STRIP - 16.0)


def strip_svg(row: Reported) -> str:
    """Return a reported value (line in the middle), the reference range, the interval of all who match and the representative."""
    if not row.given > 0.0:
        return '<span class="ta-unit">no multiples of none</span>'
    middle, out = _STRIP_HIGH / 2.0, []

    def x(level: float) -> float:
        return _at(_multiple(row, level))

    if row.reference is not None:
        low = x(row.reference.low) if row.reference.low > 0.0 else 0.0
        high = x(row.reference.high) if math.isfinite(row.reference.high) else _STRIP
        out.append(box(low, 3, max(1.0, high - low), _STRIP_HIGH - 6, "ta-usual"))
    out += [line((_at(share), _at(share)), (0, _STRIP_HIGH)) for share in (1 / 6, 1 / 3, 2 / 3, 5 / 6)]
    out.append(line((_at(0.5), _at(0.5)), (0, _STRIP_HIGH), "ta-given-line"))
    if math.isfinite(row.low):
        out.append(line((x(row.low), x(row.high)), (middle, middle), "ta-match-interval"))
    if math.isfinite(row.median):
        out.append(line((x(row.median), x(row.median)), (middle - 6, middle + 6), "ta-match-median"))
    if math.isfinite(row.own):
        out.append(mark(x(row.own), middle, 5, "ta-own-man"))
    label = f"{row.name}: patient {row.beyond}{number(row.given)}, representative {number(row.own)}, matching {number(row.median)}"
    return (
        f'<svg class="ta-chart" role="img" aria-label="{escape(label, quote=True)}" viewBox="0 0 {_STRIP:g} {_STRIP_HIGH:g}" '
        f'xmlns="http://www.w3.org/2000/svg">{"".join(out)}</svg>'
    )


def _axis() -> str:
    """Return the axis above the strips."""
    words = {1 / 6: "¼", 1 / 3: "½", 0.5: "× 1", 2 / 3: "× 2", 5 / 6: "× 4"}
    ticks = "".join(text(_at(share), 12, word, anchor="middle") for share, word in words.items())
    return (
        f'<svg class="ta-chart" role="img" aria-label="multiples of the reported value, a quarter to four times" '
        f'viewBox="0 0 {_STRIP:g} 16" xmlns="http://www.w3.org/2000/svg">{ticks}</svg>'
    )


REPORTED_LEGEND = (
    ('<line class="ta-given-line" x1="13" x2="13" y1="0" y2="10"/>', "the patient’s value"),
    (
        '<line class="ta-match-interval" x1="2" x2="24" y1="5" y2="5"/><line class="ta-match-median" x1="13" x2="13" y1="0" y2="10"/>',
        "all matching virtual patients: median, 90 % interval",
    ),
    (mark(13, 5, 4.5, "ta-own-man"), "the representative"),
    (box(1, 1, 24, 8, "ta-usual"), "reference range"),
)


def reported_legend() -> str:
    """Return what the marks of the strips are."""
    swatch = '<span><svg class="ta-swatch" viewBox="0 0 26 10" aria-hidden="true">{}</svg>{}</span>'
    return f'<div class="ta-legend">{"".join(swatch.format(shape, words) for shape, words in REPORTED_LEGEND)}</div>'
