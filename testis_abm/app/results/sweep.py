"""A sweep: a line over one axis, a map over two, and where an output is highest."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import solara

from testis_abm.app import widgets
from testis_abm.app.results import parts, points
from testis_abm.app.results.parts import Refused, lowered, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.design import Axis
from testis_abm.experiments.opened import Folder
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.swept import Swept
from testis_abm.pictures import plots_screen, sweeps
from testis_abm.pictures.chart import HeatMap
from testis_abm.pictures.plots import Lines
from testis_abm.pictures.sweeps import CHANGE
from testis_abm.results import report
from testis_abm.statistics import FEW
from testis_abm.support.errors import TestisError

MOST_POINTS = 5_000  # that a picture shows
_FLAT = 0.02  # of the level: a range that is none
_NEAR = 0.85  # of the range, which is told once it is reached


@dataclass(frozen=True)
class _Shown:
    """What is shown of one output: a line or a map, the sentence that answers, the table."""

    chart: Lines | HeatMap
    answer: str
    table: pd.DataFrame
    note: str


@solara.component
@in_its_units
def View(session: Session, folder: Folder, now: tuple[int, ...]) -> None:  # noqa: N802
    """Show a sweep: which output, as what, on which day, over which axes."""
    found = solara.use_memo(lambda: tried(lambda: _opened(folder), folder.folder), [folder, now])
    word, set_word = solara.use_state("")
    kind, set_kind = solara.use_state("")
    day, set_day = solara.use_state("")
    axes, set_axes = solara.use_state("")
    held, set_held = solara.use_state(dict[str, str]())
    word = word or ("" if isinstance(found, Refused) else _first(found.outputs))
    how = word, kind, day, axes, tuple(held.items())
    shown = solara.use_memo(
        lambda: found if isinstance(found, Refused) else tried(lambda: _shown(found, *how), folder.folder),
        [folder, now, how, session.units.value],
    )
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=True)
        return
    with solara.Div(classes=["ta-cells", "ta-choices"]):
        widgets.select("Show", word, [(name, OUTPUTS[name].title) for name in found.outputs], set_word)
        if TREATED in _arms(found):
            names = [("", "level of both arms"), (CHANGE, "change against untreated")]
            widgets.select("As", kind, names if len(found.axes) == 1 else _kinds(found), set_kind)
        if len(found.days) > 1:
            days = [(str(k), f"day {k}") for k in found.days]
            widgets.select("On", day or str(max(found.days)), days, set_day)
        if len(found.axes) > 2:
            chosen = axes or "0,1"
            pairs = itertools.combinations(range(len(found.axes)), 2)
            called = [sweeps.title_of(axis.path, found.case) for axis in found.axes]
            widgets.select("Over", chosen, [(f"{i},{k}", f"{called[i]} and {called[k]}") for i, k in pairs], set_axes)
            for k, axis in enumerate(found.axes):
                if str(k) not in chosen.split(",") and _listed(found, axis):
                    values = [("", "mean over all"), *((str(value), str(value)) for value in axis.values)]
                    widgets.select(
                        called[k], held.get(axis.path, ""), values, partial(_hold, held, set_held, axis.path)
                    )
    if isinstance(shown, Refused):
        widgets.note(shown.why, wrong=True)
        return
    parts.answer(shown.answer)
    paint: Callable[[Any, float], str] = plots_screen.lines if isinstance(shown.chart, Lines) else plots_screen.heat_map
    parts.painted(
        partial(paint, shown.chart), f"{folder.title} {word}", lambda key: points.load(session, folder.folder, key)
    )
    widgets.paragraph(f"{shown.note} Click on a point, or press Enter on it, to load it into the form.", "ta-unit")
    printed = shown.table.rename(columns={"point": "number"}).set_index("number")
    parts.table(printed.map(_said), folder.title, "point", shown.table, f"{folder.title} {word}")


def _hold(held: dict[str, str], set_held: Callable[[dict[str, str]], None], path: str, value: str) -> None:
    set_held({**held, path: value})


def _opened(folder: Folder) -> Swept:
    found = Swept.of(folder.folder)
    if (count := len(found.manifest["design"]["points"])) > MOST_POINTS:
        text = f"{folder.folder.name}: {count:,} points are more than the page shows ({MOST_POINTS:,})"
        raise TestisError(f"{text}; sweep.png and summary.parquet in the folder have all")
    return found


def _arms(found: Swept) -> tuple[str, ...]:
    return (UNTREATED, TREATED) if found.case.treated else (UNTREATED,)


def _kinds(found: Swept) -> list[tuple[str, str]]:
    return [
        ("", "change against untreated"),
        *((name, f"level, {found.called(name)}") for name in (TREATED, UNTREATED)),
    ]


def _listed(found: Swept, axis: Axis) -> bool:
    return found.manifest["design"]["method"] == "grid" and len(axis.values) <= 60


def _first(outputs: list[str]) -> str:
    return next((word for word in parts.FIRST if word in outputs), outputs[0])


def _said(value: object) -> str:
    return report.number(value) if isinstance(value, float) else str(value)


def _shown(found: Swept, word: str, kind: str, day: str, axes: str, held: tuple[tuple[str, str], ...]) -> _Shown:
    spread = found.spread(word, int(day) if day else None)
    if spread.empty:
        raise TestisError("No run is finished yet.")
    table = _table(found, spread, word)
    among = [
        k
        for k, given in enumerate(found.manifest["design"]["points"])
        if all(not value or str(given[_at(found, path)]) == value for path, value in held)
    ]
    spread = spread[spread["point"].isin(among)]
    if spread.empty:
        raise TestisError("No run is finished with that value yet; choose another one.")
    levels = TREATED if TREATED in set(spread["kind"]) else UNTREATED
    if len(found.axes) == 1:
        chart = sweeps.curves(found, spread, found.axes[0], word, kind or levels)
        return _Shown(chart, of_lines(chart), table, _basis(found, spread))
    two = [found.axes[int(k)] for k in (axes or "0,1").split(",")]
    kind = kind or (CHANGE if "change" in set(spread["kind"]) else levels)
    if kind == CHANGE and not np.isfinite(spread.loc[spread["kind"] == "change", "middle"]).any():
        kind = levels  # nothing has no percentage
    chart_ = sweeps.mapped(found, spread, two, word, kind, among)
    # A cell of several points is none of them.
    several = any(
        np.isfinite(value) and not key
        for values, keys in zip(chart_.values, chart_.keys)
        for value, key in zip(values, keys)
    )
    more = " Each cell is the mean over what else was varied." if several else ""
    return _Shown(chart_, of_map(chart_), table, _basis(found, spread) + more)


def _at(found: Swept, path: str) -> int:
    return [axis.path for axis in found.axes].index(path)


def _basis(found: Swept, spread: pd.DataFrame) -> str:
    """Return what a point is, and what its interval holds."""
    counts = spread["replicates"]
    count = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    if found.plausible:
        return f"Median and 90 % interval over {count} parameter sets that fit published studies, the same at every point; they hold no spread of men."
    if counts.max() < 2:
        return "One run a point, under the parameters of the tables: no interval."
    rough = " (so few make it rough)" if counts.min() < FEW else ""
    return f"Mean and its 95 % interval over {count} replicates a point{rough}, all under the parameters of the tables."


def _table(found: Swept, spread: pd.DataFrame, word: str) -> pd.DataFrame:
    """Return points with their values, levels and changes, exact, in the units that are shown."""
    quantity, rows = OUTPUTS[word], dict[int, dict[str, Any]]()
    for row in spread.itertuples():
        cells = rows.setdefault(
            row.point,
            {
                "point": row.point,
                **{sweeps.title_of(path, found.case): value for path, value in found.values(row.point).items()},
            },
        )
        ends = (
            (row.middle, row.low, row.high)
            if row.kind == "change"
            else quantity.clinical([row.middle, row.low, row.high]).tolist()
        )
        name = (
            f"{word}, change (%)"
            if row.kind == "change"
            else f"{word}, {found.called(row.kind)} ({quantity.clinical_unit})"
        )
        cells |= dict(zip((name, f"{name}, low", f"{name}, high"), ends))
        cells["runs"] = row.replicates
    return pd.DataFrame(rows.values()).dropna(axis=1, how="all")


# ---- the sentence that answers


def of_lines(chart: Lines) -> str:
    """Return where a quantity is highest and lowest along an axis, and from where on little is gained."""
    of = chart.series[-1]
    there = np.flatnonzero(np.isfinite(of.middle))
    if not len(there):
        return "No point has a level yet."
    best, worst = (int(there[pick(of.middle[there])]) for pick in (np.argmax, np.argmin))
    name = f"{chart.label}{f' ({of.name})' if len(chart.series) > 1 else ''}"
    lowest, highest = float(of.middle[worst]), float(of.middle[best])
    size = max(abs(highest), abs(lowest))
    if len(there) < 2:
        return f"{name}: {_level(chart, best)} at {_where(chart, best)}."
    if highest - lowest <= (2.0 if chart.signed else _FLAT * size):
        return f"{name} hardly hangs on {_lower(chart.axis)}: {_level(chart, worst)} to {_level(chart, best)}."
    text = f"{name} is highest at {_where(chart, best)} ({_level(chart, best)}) and lowest at {_where(chart, worst)} ({_level(chart, worst)})"
    if chart.words:
        return f"{text}."
    enough = [int(k) for k in there if worst <= k <= best and of.middle[k] >= lowest + _NEAR * (highest - lowest)]
    if enough and enough[0] < best:
        share = 100.0 * (of.middle[enough[0]] - lowest) / (highest - lowest)
        text += f"; {share:.0f} % of that rise is reached at {_where(chart, enough[0])}"
    return f"{text}."


def _lower(axis: str) -> str:
    return lowered(axis.partition(" (")[0])


def _where(chart: Lines, k: int) -> str:
    unit = chart.axis[chart.axis.rfind(" (") + 2 : -1] if chart.axis.endswith(")") else ""
    return chart.names[k] if chart.words or not unit else f"{chart.names[k]} {unit}"


def _level(chart: Lines, k: int) -> str:
    of = chart.series[-1]
    middle, low, high = (float(end[k]) for end in (of.middle, of.low, of.high))
    if chart.signed:
        centre, ends = report.change(middle, low, high)
        return f"{centre}; {chart.spread} {ends.strip('()')}" if ends else centre
    ends = (
        f"; {chart.spread} {report.number(low)} to {report.number(high)}"
        if math.isfinite(low + high) and low < high
        else ""
    )
    return f"{report.number(middle)} {chart.unit}".strip() + ends


def of_map(chart: HeatMap) -> str:
    """Return where a quantity is highest and lowest over two axes, and on which of them it hangs more."""
    seen = np.isfinite(chart.values)
    if not seen.any():
        return "No cell has a level yet: nothing is finished, or no laboratory sees any."
    low, high = (
        np.unravel_index(pick(np.where(seen, chart.values, other)), seen.shape)
        for pick, other in ((np.argmin, np.inf), (np.argmax, -np.inf))
    )

    def told(at: tuple[np.intp, ...]) -> str:
        value = float(chart.values[at])
        level = report.change(value)[0] if chart.change else f"{report.number(value)} {chart.unit}".strip()
        places = [
            f"{_lower(name)} {of[int(k)]}{_unit(name)}"
            for name, of, k in zip(chart.names, (chart.across, chart.up), reversed(at))
            if name
        ]
        return f"{level} ({', '.join(places)})"

    highest, lowest = float(chart.values[high]), float(chart.values[low])
    if highest - lowest <= (2.0 if chart.change else _FLAT * max(abs(highest), abs(lowest))):
        return f"{chart.label} hardly hangs on either: from {told(low)} to {told(high)}."
    text = f"{chart.label}: {told(high)} at most, {told(low)} at least."
    ranges = [_range(chart.values, axis) for axis in (1, 0)]
    if all(map(math.isfinite, ranges)) and max(ranges) > 1.5 * min(ranges):
        more, less = (chart.names[k] for k in (int(np.argmax(ranges)), int(np.argmin(ranges))))
        text += f" It hangs more on {_lower(more)} than on {_lower(less)}."
    return text


def _unit(name: str) -> str:
    return f" {name[name.rfind(' (') + 2 : -1]}" if name.endswith(")") else ""


def _range(values: np.ndarray, axis: int) -> float:
    """Return the mean range along an axis, of rows that have two levels or more."""
    lines = values if axis == 1 else values.T
    found = [float(np.nanmax(row) - np.nanmin(row)) for row in lines if np.isfinite(row).sum() > 1]
    return float(np.mean(found)) if found else math.nan
