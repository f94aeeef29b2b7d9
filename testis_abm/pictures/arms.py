"""What charts show of arms beside one another: changes with their intervals, courses, treatments."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

import numpy as np

from testis_abm.experiments.compare import Comparison
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.pictures import courses
from testis_abm.pictures.chart import Curve, Panel, Span
from testis_abm.pictures.plots import Row, Rows
from testis_abm.pictures.reference import reference_ranges
from testis_abm.results import report
from testis_abm.scenario import Scenario

MODELS, REPLICATES = "90 % interval over plausible models", "95 % interval over replicates"
# Curves of panels, by the order of which they are coloured: the first colour is that of nobody treated.
NOBODY = Curve("", np.zeros(0), np.zeros(0))


def colours(found: Comparison) -> dict[str, int]:
    """Return the colour of each arm: 0 of the first that is untreated, 1, 2 ... of the others."""
    bare = [name for name in found.arms if untreated(found, name)][:1]
    others = [name for name in found.arms if name not in bare]
    return {**dict.fromkeys(bare, 0), **{name: k for k, name in enumerate(others, 1)}}


def untreated(found: Comparison, name: str) -> bool:
    """Return whether nothing is done to the men of an arm."""
    case = found.scenarios.get(name)
    return case is not None and not case.treated


def changes(found: Comparison, word: str, *, keys: bool = False) -> Rows:
    """Return the change of an output in each arm against the first; `keys`: a click on a row reports its arm."""
    hue, rows, models = colours(found), [], False
    effects = found.effects[found.effects["output"] == word].set_index("arm")
    for name in found.arms[1:]:
        row = effects.loc[name]
        ends = row["plausible_low_pct"], row["plausible_high_pct"]
        models |= math.isfinite(sum(ends))
        low, high = ends if math.isfinite(sum(ends)) else (row["low_pct"], row["high_pct"])
        centre, interval = report.change(row["change_pct"], row["low_pct"], row["high_pct"], found.replicates)
        told = f"{centre} {interval} over replicates" if interval else centre
        told += (
            f"; {report.signed(ends[0])} to {report.signed(ends[1])} % over plausible models"
            if math.isfinite(sum(ends))
            else ""
        )
        rows.append(
            Row(name, row["change_pct"], low, high, colour=hue[name] % 8, key=name if keys else "", detail=told)
        )
    interval = MODELS if models else REPLICATES
    return Rows(OUTPUTS[word].title, f"Change against {found.arms[0]}, % ({interval})", [("", rows)], least=-100.0)


def panels(found: Comparison, words: Sequence[str]) -> list[Panel]:
    """Return the courses of some outputs in each arm, by week."""
    table, hue = found.courses, colours(found)
    order = sorted(found.arms, key=lambda name: hue[name])
    days = float(table["day"].min()), float(table["day"].max())
    made = []
    for word in words:
        row = OUTPUTS[word]
        curves = [] if hue[order[0]] == 0 else [NOBODY]
        for name in order[: 8 - len(curves)]:
            rows = table[table["arm"] == name]
            curves.append(Curve.of(name, *courses.matrix(rows, rows[row.column])))
        reference = reference_ranges().get(row.column)
        made.append(
            Panel(row.column, row.title, row.unit, tuple(curves), days, row.factor, row.clinical_unit, reference)
        )
    return made


def treatments(arms: Mapping[str, Scenario]) -> tuple[tuple[Span, ...], tuple[float, float]]:
    """Return what is done in each arm, by its name, and the days of all."""
    plans = [case.plan for case in arms.values()]
    days = -float(max(plan.baseline_days for plan in plans)), float(max(plan.duration_days for plan in plans))
    spans = [
        replace(span, label=f"{name}: {span.label}" if span.label.lower() not in name.lower() else name)
        for name, case in arms.items()
        for span in courses.spans(case)
    ]
    return tuple(spans), days


def with_first(panel: Panel, curves: Sequence[Curve]) -> Panel:
    """Return a panel with other curves before its own."""
    return replace(panel, curves=(*curves, *panel.curves))


def legend(hues: Mapping[str, int]) -> str:
    """Return names of curves beside their colours."""
    lines = (
        f'<svg class="ta-swatch" viewBox="0 0 26 10" aria-hidden="true"><polyline class="ta-line ta-c{hue}" points="1,5 25,5"/></svg>'
        for hue in hues.values()
    )
    return f'<div class="ta-legend">{"".join(f"<span>{line}{escape(name)}</span>" for name, line in zip(hues, lines))}</div>'
