"""Charts that answer: a level where one points, an enlarged figure, a file. The same drawing as anywhere else, with its numbers on demand.

What a chart shows is sent as one drawing; its numbers, its figure and its table only when somebody asks for them.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import solara

from testis_abm.app import vue
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.choices import DISCLAIMER
from testis_abm.pictures import screen
from testis_abm.pictures.chart import Panel, Span
from testis_abm.pictures.figure import NARROW, WIDE, figure
from testis_abm.quantities import in_units
from testis_abm.results.report import number
from testis_abm.support.tabular import defended

_FIGURE = 760  # pixels: as wide as a picture that is downloaded is drawn
_STEP = 40  # pixels: a chart that fills its column is drawn again once that is so much wider
_WANTED = ("levels", "figure", "csv")


@dataclass(frozen=True)
class About:
    """What a figure by itself says of its chart: title, treatments, and paragraphs under it."""

    title: str = ""
    spans: tuple[Span, ...] = ()
    notes: tuple[str, ...] = ()


@vue.component("chart")
def _Chart(  # noqa: N802
    svg: str,
    name: str,
    fills: bool,
    answer: Mapping[str, Any] | None,
    event_asked: Callable[[Any], None],
    event_sized: Callable[[Any], None],
) -> None:
    """Show a drawing that can be read, enlarged and saved.

    `answer` is to the last that was asked: {"n": its number, "kind": one of `_WANTED`, ...}. One that `fills` its column
    reports how wide that is.
    """


def grid(session: Session, panels: Sequence[Panel], about: About | None = None) -> None:
    """Show panels in the units of the page, as many beside each other as fit."""
    with solara.Div(classes=["ta-panels"]):
        for panel in panels:
            Chart(session, panel.clinical(), about or About()).key(panel.column)


@solara.component
@in_its_units
def Chart(session: Session, panel: Panel, about: About) -> None:  # noqa: N802
    """Show one of many charts; `panel` is in the units that are shown."""
    answer, set_answer = solara.use_state(None)
    _Chart(
        svg=screen.panel_svg(panel),
        name=panel.label,
        fills=False,
        answer=answer,
        event_asked=lambda asked: _reply(session, panel, about, asked, set_answer),
        event_sized=lambda _: None,
    )


@solara.component
@in_its_units
def Hero(session: Session, panel: Panel, about: About) -> None:  # noqa: N802
    """Show the chart of the page, as wide as its column, which the browser reports."""
    answer, set_answer = solara.use_state(None)
    _Chart(
        svg=figure(panel, session.width.value, about.spans),
        name=panel.label,
        fills=True,
        answer=answer,
        event_asked=lambda asked: _reply(session, panel, about, asked, set_answer),
        event_sized=lambda sent: session.width.set(stepped(sent)),
    )


def stepped(sent: object) -> int:
    """Return for which width a figure is drawn in a column of a width that a browser sent."""
    wide = float(sent) if isinstance(sent, int | float) and 0 <= sent < 1e6 else float(_FIGURE)
    return int(min(max(wide // _STEP * _STEP, NARROW), WIDE))


def _reply(session: Session, panel: Panel, about: About, asked: object, answer: Callable[[Any], None]) -> None:
    """Answer what a browser asks of a chart; what it cannot ask is not answered."""
    if not isinstance(asked, Mapping) or asked.get("kind") not in _WANTED or not isinstance(asked.get("n"), int):
        return
    kind = asked["kind"]
    with in_units(session.units.peek()):
        if kind == "levels":
            found: dict[str, Any] = {"levels": pointed(panel)}
        elif kind == "csv":
            found = {"text": csv_of(panel)}
        else:
            wide = _FIGURE if asked.get("width") is None else stepped(asked["width"])
            found = {"svg": figure(panel, wide, about.spans, about.title, (*about.notes, *_sources(panel), DISCLAIMER))}
    answer({"n": asked["n"], "kind": kind, **found})


def _sources(panel: Panel) -> list[str]:
    limits = screen.sources([panel])
    return [limits] if limits else []


# ---- numbers


def pointed(panel: Panel) -> dict[str, Any]:
    """Return what a chart says where one points: days, and by curve its levels (None: none that day) and these in words."""
    days = np.unique(np.concatenate([curve.x for curve in panel.curves] or [np.zeros(0)]))
    arms = []
    for curve in panel.curves:
        levels: list[float | None] = [None] * len(days)
        words = [""] * len(days)
        for i, k in enumerate(np.searchsorted(days, curve.x)):
            if np.isfinite(curve.mean[i]):
                levels[k], words[k] = float(f"{curve.mean[i]:.5g}"), _words(curve.mean[i], curve.low, curve.high, i)
        arms.append({"name": curve.name, "levels": levels, "words": words})
    return {"days": days.tolist(), "unit": panel.unit, "arms": arms}


def _words(mean: float, low: np.ndarray | None, high: np.ndarray | None, day: int) -> str:
    middle = number(float(mean))
    if low is None or high is None:
        return middle
    ends = number(float(low[day])), number(float(high[day]))
    return middle if ends[0] == ends[1] else f"{middle} ({ends[0]} to {ends[1]})"


def table(panel: Panel) -> pd.DataFrame:
    """Return what a chart draws as a table: a row a day and arm, exact, in the units shown."""
    unit = f" ({panel.unit})" if panel.unit else ""
    parts = []
    for curve in panel.curves:
        none = np.full(len(curve.x), np.nan)
        low, high = (none if end is None else end for end in (curve.low, curve.high))
        columns = {"day": curve.x, "arm": curve.name, f"{panel.label}, mean{unit}": curve.mean}
        parts.append(pd.DataFrame({**columns, f"low{unit}": low, f"high{unit}": high}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def csv_of(panel: Panel) -> str:
    """Return `table` as CSV; a name that a spreadsheet would take for a formula is text."""
    rows = table(panel)
    if "arm" in rows:
        rows["arm"] = [defended(name) for name in rows["arm"]]
    into = io.StringIO()
    rows.to_csv(into, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    return into.getvalue()
