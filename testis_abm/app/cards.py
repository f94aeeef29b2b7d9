"""What a run changes, a card a quantity: control and treated, size and direction of the change, and its interval."""

from __future__ import annotations

import math
from collections.abc import Iterator
from html import escape
from typing import Any

import pandas as pd

from testis_abm.pictures import courses
from testis_abm.results import report
from testis_abm.results.plausible import SAME
from testis_abm.results.run import Run
from testis_abm.results.summary import over_models
from testis_abm.results.verdict import over_replicates, percent

_FOLD = math.log(4.0)  # of a change: half the width of a bar


def shown(result: Run, summary: pd.DataFrame) -> str:
    """Return the cards of the headline quantities as HTML, in the units in force."""
    rows = summary.loc[[name for name in courses.headline(result) if name in summary.index]]
    return "".join(_card(row, "treated" in summary) for row in rows.itertuples())


def _card(row: Any, treated: bool) -> str:
    unit = f' <span class="ta-unit">{escape(row.unit)}</span>' if row.unit else ""
    levels = f"{report.number(row.untreated)} → {report.number(row.treated)}" if treated else report.number(row.mean)
    rest = "".join(_change(row) if treated else _level(row))
    label = f"{row.label[0].upper()}{row.label[1:]}"
    return f'<div class="ta-fact" data-name="{row.Index}"><h3>{escape(label)}{unit}</h3><b>{levels}</b>{rest}</div>'


def _level(row: Any) -> Iterator[str]:
    interval = over_models(row)
    yield f"<p>{f'plausible models: {interval}' if interval else 'this one man'}</p>"


def _change(row: Any) -> Iterator[str]:
    """Yield the change with its direction, a bar of its size, and the interval that says most: over plausible models if there is one."""
    centre = row.change_pct
    words = report.change(centre)[0]
    direction = "" if not abs(centre) >= SAME else "ta-up" if centre > 0.0 else "ta-down"
    sign = {"ta-up": "▲", "ta-down": "▼"}.get(direction, "")
    yield f'<p class="ta-change {direction}"><i aria-hidden="true">{sign}</i> {words}</p>'
    low, high = (getattr(row, f"plausible_{end}_pct", math.nan) for end in ("low", "high"))
    models = over_models(row, "_pct")
    chance = over_replicates(row) if math.isnan(low + high) else ""
    yield _bar(centre, *((row.low_pct, row.high_pct) if chance else (low, high)), direction)
    if models.strip("-"):
        yield f"<p>plausible: {percent(models)}</p>"
    elif chance:
        yield f"<p>replicates, 95 %: {chance}</p>"
    else:
        yield "<p>this one man, no interval</p>"


def _bar(centre: float, low: float, high: float, direction: str) -> str:
    """Return a bar from the middle (no change) to the change, on a scale of ratios up to fourfold, with the interval as a line."""

    def place(percent: float) -> float:
        ratio = max(1.0 + percent / 100.0, 1e-9)
        return 50.0 + 50.0 * min(max(math.log(ratio) / _FOLD, -1.0), 1.0)

    parts = ['<line class="ta-grid" x1="50" x2="50" y1="0" y2="12"/>']
    if math.isfinite(centre):
        ends = sorted((50.0, place(centre)))
        parts.append(
            f'<rect class="ta-bar-change {direction}" x="{ends[0]:.1f}" width="{ends[1] - ends[0]:.1f}" y="3" height="6"/>'
        )
        if math.isfinite(low + high):
            parts.append(f'<line class="ta-bar-interval" x1="{place(low):.1f}" x2="{place(high):.1f}" y1="6" y2="6"/>')
    return f'<svg class="ta-change-bar" viewBox="0 0 100 12" preserveAspectRatio="none" aria-hidden="true">{"".join(parts)}</svg>'
