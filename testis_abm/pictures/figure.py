"""One chart by itself, as large as there is room: names at the ends of lines, treatments under the curves, notes below."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence

import numpy as np

from testis_abm.pictures import screen
from testis_abm.pictures.chart import Panel, Span
from testis_abm.pictures.screen import Frame
from testis_abm.results.report import number

NARROW, WIDE = 320, 1280  # pixels: the least and the most that a figure is drawn for
_BESIDE = 560.0  # from this width on names stand beside the lines, else above their ends
_SHAPE, _LOWEST, _HIGHEST = 7.0 / 16.0, 250.0, 470.0  # of the box: height by width, and its ends in pixels
_ROW, _LINE, _MOST_ROWS = 19.0, 16.0, 5
_LETTER = 6.4  # pixels, on average, of the text of labels and notes


def figure(panel: Panel, width: float, spans: Sequence[Span] = (), title: str = "", notes: Sequence[str] = ()) -> str:
    """Return a panel as SVG of that width, at most `_MOST_ROWS` treatments as bars above the days.

    Args:
        panel: in the units that are shown.
        width: pixels, from NARROW to WIDE.
        spans: treatments.
        title: above it.
        notes: paragraphs under it.
    """
    rows = [*spans[:_MOST_ROWS]]
    top = 30.0 + (26.0 if title else 0.0)
    high = min(max(width * _SHAPE, _LOWEST), _HIGHEST)
    beside = width >= _BESIDE
    frame = Frame(width, top + high, 50.0, _room(panel) if beside else 22.0, top, 26.0 + _ROW * len(rows), large=True)
    lines = [line for note in notes for line in textwrap.wrap(note, int((width - 8.0) / (_LETTER * 0.92)))]
    height = frame.height + _LINE * len(lines) + (10.0 if lines else 0.0)
    out = [screen.text(4, 20, title, "ta-title")] if title else []
    out += [*screen.panel_parts(panel, frame), *_bars(panel, frame, rows, len(spans) - len(rows))]
    out += [screen.text(4, frame.height + _LINE * (k + 1), line, "ta-note-text") for k, line in enumerate(lines)]
    label = f"{title}. {screen.describe(panel)}" if title else screen.describe(panel)
    return screen.drawing((width, height), label, out, extra=screen.scales(panel, frame, height))


def _room(panel: Panel) -> float:
    """Return how wide the names beside the ends of lines are, in pixels."""
    levels = [curve.mean[np.isfinite(curve.mean)] for curve in panel.curves]
    words = [f"{curve.name} {number(float(of[-1]))}" for curve, of in zip(panel.curves, levels) if len(of)]
    return 16.0 + (20.0 if panel.whiskers else 0.0) + _LETTER * max(map(len, words), default=0)


def _bars(panel: Panel, frame: Frame, spans: Sequence[Span], more: int) -> Iterator[str]:
    """Yield a thin bar a treatment, between the curves and the days."""
    (first, last), right = panel.days, frame.width - frame.right
    for k, span in enumerate(spans):
        ends = [screen.across(panel, frame, min(max(day, first), last)) for day in (span.start, span.end)]
        y = frame.height - frame.bottom + _ROW * k + 5.0
        words = f"{span.label} (and {more} more)" if more and k == len(spans) - 1 else span.label
        fits = ends[0] + _LETTER * len(words) < right
        yield screen.text(ends[0] if fits else right, y + 6.0, words, anchor="start" if fits else "end")
        yield screen.box(ends[0], y + 9.0, max(3.0, ends[1] - ends[0]), 3.0, "ta-span")
