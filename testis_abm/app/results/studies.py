"""Replayed studies: what was observed beside what was predicted, on one axis."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pandas as pd
import solara

from testis_abm.app import widgets
from testis_abm.app.results import parts
from testis_abm.app.results.parts import Refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments.opened import Folder
from testis_abm.pictures import rows_screen
from testis_abm.pictures.plots import Row, Rows
from testis_abm.pictures.screen import legend
from testis_abm.results.report import number
from testis_abm.studies import report
from testis_abm.studies.study import CHANGES

MOST = 120  # observations that a picture shows
_MARKS = (
    ("ta-mark", "observed, inside the interval"),
    ("ta-outside", "observed, outside"),
    ("ta-predicted", "predicted, 95 % interval"),
)
_CAPTION = "95 % interval over men, measurement, parameters and between-study heterogeneity."
_FARTHEST = 10.0  # fold
_CAPITALS = {True: "inside", False: "outside"}


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show the replay of a folder."""
    found = solara.use_memo(lambda: tried(lambda: report.read(folder.folder), folder.folder), [folder, now])
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=True)
        return
    replayed(found, folder.title)


def replayed(table: pd.DataFrame, title: str) -> None:
    """Show observed beside predicted: changes on one axis of %, other levels on one of ratios to what was predicted."""
    for note in report.notes(table):
        widgets.note(note)
    parts.answer(answer(table))
    charts = [chart for chart in (changes(table.head(MOST)), ratios(table.head(MOST))) if chart is not None]
    if charts:
        widgets.html(legend((), _MARKS))
    for chart in charts:
        parts.painted(partial(rows_screen.rows, chart), f"{title} {chart.label}")
    if len(table) > MOST:
        widgets.paragraph(f"The first {MOST} of {len(table):,} observations are drawn; the table has all.", "ta-unit")
    parts.table(printed(table), _CAPTION, "observation", table, title)


def answer(table: pd.DataFrame) -> str:
    """Return how many observations lie inside their interval, and how far off the others are."""
    known = table[table["predicted"].notna()]
    if known.empty:
        return "No observation of this study can be predicted."
    inside = int(known["inside"].astype(bool).sum())
    text = f"{inside} of {len(known)} observations lie inside their 95 % prediction interval"
    signs = known["sign"].dropna().astype(bool)
    if len(signs):
        text += f"; the direction is right in {int(signs.sum())} of {len(signs)}"
    out = known[~known["inside"].astype(bool)]
    if 0 < len(out) <= 3:
        text += f". Outside: {'; '.join(f'{row.label} (observed {_value(row, row.observed)}, predicted {_value(row, row.predicted)})' for row in out.itertuples())}"
    return f"{text}."


def _value(row: object, value: float) -> str:
    text = report.reached(value, row.ends)  # type: ignore[attr-defined]
    return f"{text} {row.unit}".strip()  # type: ignore[attr-defined]


def changes(table: pd.DataFrame) -> Rows | None:
    """Return the changes in % on one axis; None without any."""
    rows = table[table["kind"].isin(CHANGES) & table["predicted"].notna()]
    if rows.empty:
        return None
    made = [
        (
            row,
            Row(
                str(row.label), row.predicted, row.low, row.high, row.observed, bool(row.inside), 1, detail=_detail(row)
            ),
        )
        for row in rows.itertuples()
    ]
    farthest = max(abs(value) for _, row in made for value in (row.middle, row.seen) if math.isfinite(value))
    ends = (math.nan, math.nan)
    wide = max((value for _, row in made for value in (row.low, row.high) if math.isfinite(value)), default=0.0)
    if wide > 4.0 * max(farthest, 50.0):  # one interval without end does not press the others together
        ends = (-100.0, 4.0 * max(farthest, 50.0))
    return Rows("Changes", "Change, %", _by_study(made), ends=ends, least=-100.0)


def ratios(table: pd.DataFrame) -> Rows | None:
    """Return levels as ratios to what was predicted, on one logarithmic axis; None without any."""
    rows = table[~table["kind"].isin(CHANGES)]
    positive = (rows[["observed", "predicted"]] > 0.0).all(axis=1) & np.isfinite(rows["predicted"])
    rows = rows[positive]
    if rows.empty:
        return None
    made = []
    for row in rows.itertuples():
        low, high, seen = (max(value, 0.0) / row.predicted for value in (row.low, row.high, row.observed))
        unit = f" ({row.unit})" if row.unit else ""
        made.append(
            (
                row,
                Row(
                    f"{row.label}{unit}",
                    1.0,
                    max(low, 1.0 / _FARTHEST),
                    high,
                    seen,
                    bool(row.inside),
                    1,
                    detail=_detail(row),
                ),
            )
        )
    most = min(
        _FARTHEST,
        max(
            1.5,
            *(
                1.1 * max(end, 1.0 / end)
                for _, of in made
                for end in (of.low, of.high, of.seen)
                if 0.0 < end < math.inf
            ),
        ),
    )
    return Rows(
        "Levels, over what was predicted",
        "Ratio to the predicted level",
        _by_study(made),
        zero=1.0,
        log=True,
        ends=(1.0 / most, most),
    )


def _by_study(made: list[tuple[object, Row]]) -> list[tuple[str, list[Row]]]:
    groups: dict[str, list[Row]] = {}
    for row, of in made:
        groups.setdefault(f"{row.citation}, n = {row.n}", []).append(of)  # type: ignore[attr-defined]
    return list(groups.items())


def _detail(row: object) -> str:
    low, middle, high = (_value(row, getattr(row, name)) for name in ("low", "predicted", "high"))
    seen = f"{row.beyond}{number(row.observed)} {row.unit}".strip()  # type: ignore[attr-defined]
    return f"observed {seen}, predicted {middle} ({low} to {high}), {_CAPITALS[bool(row.inside)]}"  # type: ignore[attr-defined]


def printed(table: pd.DataFrame) -> pd.DataFrame:
    """Return a replay as it is read: a time that is not reached by the end is longer than there was."""
    rows = []
    for row in table.itertuples():
        known = not math.isnan(row.predicted)
        ends = [report.reached(value, row.ends) if known else "-" for value in (row.predicted, row.low, row.high)]
        rows.append(
            [
                f"{row.beyond}{number(row.observed)}",
                ends[0],
                f"{ends[1]} to {ends[2]}" if known else "-",
                str(row.unit),
                "yes" if row.inside else "no" if known else "-",
            ]
        )
    names = ["observed", "predicted", "95 % interval", "unit", "inside"]
    return pd.DataFrame(rows, index=[str(label) for label in table["label"]], columns=names, dtype=object)
