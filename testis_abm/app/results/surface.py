"""A response surface of the testis: the map, a click on which loads a clamp, and what treatment does on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import solara

from testis_abm.app import draft, widgets
from testis_abm.app.results import parts
from testis_abm.app.results.parts import Refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments import opened
from testis_abm.experiments.opened import Folder
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.surface import DEFAULT, E2, HELD, RATIO, Spread, Surface
from testis_abm.pictures import screen
from testis_abm.pictures.surface import surface_map
from testis_abm.results.report import number
from testis_abm.support.errors import written

if TYPE_CHECKING:
    from testis_abm.pictures.chart import SurfaceMap

SHOWN = (DEFAULT, "sperm concentration", "total motile count", "progressive motility", "normal forms")
_SPREAD = (
    "Intervals hold the spread of the model’s parameters and of the hypotheses: {sets} parameter sets, each with its answers to what "
    "the data do not decide. They hold no spread of men."
)


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show a surface, one output of it at a time."""
    found = solara.use_memo(lambda: tried(lambda: opened.surface(folder.folder), folder.folder), [folder, now])
    word, set_word = solara.use_state(DEFAULT)
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=True)
        return
    with solara.Div(classes=["ta-cells", "ta-choices"]):
        widgets.select("Output", word, [(name, OUTPUTS[name].title) for name in SHOWN], set_word)
    Found(session, found, word)


@solara.component
@in_its_units
def Found(session: Session, found: Surface, word: str) -> None:  # noqa: N802
    """Show a surface: what treatment does on it, the map, a click on which loads a clamp, the table."""
    chart = solara.use_memo(lambda: surface_map(found, word), [id(found), word, session.units.value])
    extra = [("ta-limit", f"reference limit ({chart.reference.author})")] if chart.reference else []
    parts.answer(answer(found, word))
    parts.picture(screen.surface(chart), f"surface {word}", lambda at: _load(session, found, at))
    if extra:
        widgets.html(screen.legend((), extra))
    widgets.paragraph(found.verdict(word))
    widgets.paragraph(_SPREAD.format(sets=found.sets), "ta-unit")
    parts.table(_table(chart), found.basis(), chart.across.name, found.points, f"surface {found.scenario.heading}")


def answer(found: Surface, word: str) -> str:
    """Return where an output is highest, beside the man's own."""
    row, spread = OUTPUTS[word], found.grid(word)
    own = float(row.clinical(found.state("untreated")[row.column].median()))
    if not np.isfinite(spread.median).any() or not found.told(row, float(np.nanmax(spread.median))):
        return f"{row.title}: nothing that a laboratory tells from none at any of these levels."
    i, k = np.unravel_index(np.nanargmax(spread.median), spread.median.shape)
    across, up = found.axes
    second = {E2: "oestradiol", RATIO: "T/E2"}[up.name]
    best = Spread(*(part[i, k] for part in spread)).text(f" {row.clinical_unit}")
    at = f"{number(100.0 * float(across.levels[k]))} % of his own testosterone and {number(100.0 * float(up.levels[i]))} % of his own {second}"
    return f"{row.title} is highest at {at} within the testis: {best}; untreated he has {number(own)}."


def _table(chart: SurfaceMap) -> pd.DataFrame:
    """Return the surface as a table: testosterone down, the other across."""
    parts = Spread(chart.values, chart.low, chart.high)
    cells = [
        [Spread(*(part[i, k] for part in parts)).text() for i in range(len(chart.up.levels))]
        for k in range(len(chart.across.levels))
    ]
    across, up = ([f"{number(float(level))} %" for level in scale.levels] for scale in (chart.across, chart.up))
    return pd.DataFrame(cells, index=across, columns=[f"{chart.up.name} {level}" for level in up])


def _load(session: Session, found: Surface, at: object) -> None:
    """Put the clamps of a place of the surface into the form; what names no place is not taken."""
    places = {f"{i},{k}": (i, k) for i in range(len(found.axes[1].levels)) for k in range(len(found.axes[0].levels))}
    if not isinstance(at, str) or at not in places:
        return
    i, k = places[at]
    clamps = clamps_at(found, i, k)
    session.edit(draft.with_clamps, clamps)
    levels = "; ".join(f"{row['quantity']} {row['level']}" for row in clamps)
    session.notice.value = ("info", f"Loaded into the form as clamps: {levels}. Run it under “What if”.")


def clamps_at(found: Surface, up: int, across: int) -> list[dict[str, str]]:
    """Return the clamps of a place of a surface, as rows of a scenario."""
    row = found.points.iloc[up * len(found.axes[0].levels) + across]
    rows = [
        {"quantity": "intratesticular testosterone", "level": f"{written(float(f'{row.t_own:.4g}'))} x own"},
        {"quantity": "intratesticular oestradiol", "level": f"{written(float(f'{row.e2_own:.4g}'))} x own"},
    ]
    return [{"quantity": "gonadotrophins", "level": "1 x own"}, *rows] if found.gonadotrophins == HELD else rows
