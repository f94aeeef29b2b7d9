"""A sensitivity analysis: inputs ranked by what they move, in words."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import pandas as pd
import solara

from testis_abm.app import widgets
from testis_abm.app.results import parts
from testis_abm.app.results.parts import Refused, lowered, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments.opened import Folder, arms_of
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.sensitivity import LEVEL, indices, samples_needed
from testis_abm.experiments.store import read_manifest
from testis_abm.pictures import rows_screen, sweeps
from testis_abm.pictures.plots import Row, Rows
from testis_abm.results.report import number
from testis_abm.scenario import Scenario
from testis_abm.support.errors import TestisError

_FIRST = ("total motile count", "sperm concentration")
_SOME = 0.5  # of the first: what is told after it


@dataclass(frozen=True)
class _Ranked:
    table: pd.DataFrame
    method: str
    samples: int
    case: Scenario


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show the ranks of inputs for one output."""
    found = solara.use_memo(lambda: tried(lambda: _ranked(folder), folder.folder), [folder, now])
    word, set_word = solara.use_state("")
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=not folder.missing)
        return
    words = list(dict.fromkeys(found.table["output"]))
    word = word if word in words else next((name for name in _FIRST if name in words), words[0])
    with solara.Div(classes=["ta-cells", "ta-choices"]):
        widgets.select("What moves", word, [(name, OUTPUTS[name].title) for name in words], set_word)
    table = found.table[found.table["output"] == word]
    parts.answer(answer(table, found.method, found.case))
    chart = bars(table, found.method, found.case)
    parts.painted(partial(rows_screen.rows, chart), f"{folder.title} {word}")
    widgets.paragraph(_basis(found), "ta-unit")
    shown = found.table.assign(input=[sweeps.title_of(path, found.case) for path in found.table["input"]])
    printed = (
        shown.rename(columns=_HEADS)
        .set_index("output")
        .map(lambda value: number(value) if isinstance(value, float) else str(value))
    )
    parts.table(printed, folder.title, "output", found.table, f"{folder.title} indices")


_HEADS = {
    "mu_star": "mean size of effect",
    "confidence": "± (95 %)",
    "first": "first-order",
    "first_confidence": "± (95 %), first-order",
}


def _ranked(folder: Folder) -> _Ranked:
    if folder.missing:
        raise TestisError("The method needs every run: ranks come with the last one.")
    manifest = read_manifest(folder.folder)
    table = indices(folder.folder)
    if table.empty:
        raise TestisError("No input moves any of the outputs.")
    return _Ranked(table, manifest["method"], manifest["samples"], next(iter(arms_of(folder.folder).values())))


def bars(table: pd.DataFrame, method: str, case: Scenario) -> Rows:
    """Return the inputs of one output as bars, the most important first."""
    size = "mu_star" if method == "morris" else "total"
    rows = []
    for row in table.itertuples():
        value, half = getattr(row, size), row.confidence
        rows.append(
            Row(
                _axis(row.input, case),
                value,
                max(0.0, value - half),
                value + half,
                detail=f"{number(value)} ± {number(half)}",
            )
        )
    unit = table["quantity"].iloc[0]
    of_unit = f" ({unit})" if unit else ""
    axis = (
        f"Mean size of the effect of crossing the range{of_unit}"
        if method == "morris"
        else "Share of variance, with all interactions"
    )
    return Rows(OUTPUTS[table["output"].iloc[0]].title, axis, [("", rows)], bars=True)


def _axis(path: str, case: Scenario) -> str:
    return sweeps.title_of(path, case)


def answer(table: pd.DataFrame, method: str, case: Scenario) -> str:
    """Return on what an output hangs most, and on what besides."""
    size, word = ("mu_star" if method == "morris" else "total"), OUTPUTS[table["output"].iloc[0]].title
    ranked = table.sort_values(size, ascending=False)
    values = ranked[size].tolist()
    names = [lowered(_axis(path, case)) for path in ranked["input"]]
    unit, level, _ = ranked["quantity"].iloc[0].partition(LEVEL)
    kind = f"The change in {lowered(word)}" if unit == "% change" else f"{word} when treated" if level else word
    about = (
        f"crossing its range moves it by {number(values[0])} {'points' if unit == '% change' else unit}".rstrip()
        if method == "morris"
        else f"{100 * values[0]:.0f} % of the variance, with interactions"
    )
    others = [name for name, value in zip(names[1:], values[1:]) if value >= _SOME * values[0]][:3]
    then = f", then on {', '.join(others)}" if others else "; every other input moves it by less than half of that"
    told = " Some samples leave too little to tell a change from, so that levels are ranked." if level else ""
    return f"{kind} hangs most on {names[0]} ({about}){then}.{told}"


def _basis(found: _Ranked) -> str:
    text = (
        f"{found.samples:,} samples; whiskers: 95 % intervals. Every number that is not varied is that of the tables."
    )
    if found.method == "sobol" and (least := samples_needed(found.table, found.samples)):
        text += f" Too few samples: ask for {least:,} at least."
    return text
