"""The response surface of the testis: what a map of it shows, and its figure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.experiments.outputs import OUTPUTS, output
from testis_abm.experiments.surface import E2, RATIO, Axis, Spread, Surface, T, picture_name
from testis_abm.experiments.task import version
from testis_abm.pictures.chart import Path, Scale, SurfaceMap
from testis_abm.pictures.drawing import rendered
from testis_abm.pictures.reference import reference_ranges
from testis_abm.pictures.screen import nice
from testis_abm.quantities import QUANTITIES
from testis_abm.results import KINDS
from testis_abm.support import guard

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_NAMES = {T: "Intratesticular testosterone", E2: "Intratesticular oestradiol", RATIO: "Intratesticular T/E2"}
_UNITS = {RATIO: "mol/mol"}
_STEPS = 10
_MARKED = (7, 14, 28, 60, 90, 120, 180, 270, 360, 540, 720)  # days
_APART = 0.045  # of the length of a scale, between marks


def surface_map(found: Surface, word: str) -> SurfaceMap:
    """Return the map of an output.

    Raises:
        ScenarioError: there is no such output.
    """
    row, spread = OUTPUTS[output(word)], found.grid(word)
    top = float(spread.median[np.isfinite(spread.median)].max(initial=0.0))
    if not found.told(row, top):  # what no laboratory tells from none has no contours
        spread, top = Spread(*np.where(np.isfinite(spread), 0.0, np.nan)), 0.0
    reference = reference_ranges().get(row.column)
    across, up = (_scale(found, axis) for axis in found.axes)
    return SurfaceMap(
        row.title,
        row.clinical_unit,
        across,
        up,
        *spread,
        tuple(nice(0.0, top if top > 0.0 else 1.0, _STEPS)),
        float(np.median(row.clinical(found.state("untreated")[row.column]))),
        _path(found, across, up),
        reference and reference.scaled(row.factor),
    )


def _scale(found: Surface, axis: Axis) -> Scale:
    unit = _UNITS.get(axis.name, QUANTITIES[axis.quantity.column].unit)
    return Scale(_NAMES[axis.name], 100.0 * axis.levels, found.own[axis.name], unit)


def _path(found: Surface, across: Scale, up: Scale) -> Path | None:
    if not len(found.path):
        return None
    table = found.path.assign(second=found.path["e2_own"])
    if found.axes[1].name == RATIO:
        table["second"] = table["t_own"] / table["e2_own"]
    x, y = (
        Spread.of(100.0 * table.pivot(index="set", columns="day", values=name).to_numpy())
        for name in ("t_own", "second")
    )
    ends = None
    if np.isfinite([x.low[-1], y.low[-1]]).all():
        ends = (float(x.low[-1]), float(x.high[-1])), (float(y.low[-1]), float(y.high[-1]))
    return Path(x.median, y.median, _marks(x.median, y.median, across, up), ends)


def _marks(x: np.ndarray, y: np.ndarray, across: Scale, up: Scale) -> tuple[tuple[int, str], ...]:
    """Return days to be marked: the last, and others that lie apart from the origin, from it and from one another."""

    def place(level: np.ndarray, scale: Scale) -> np.ndarray:
        # None has no place on a scale of logs: the lower end stands for it.
        found = np.log(np.maximum(level, scale.levels[0])) / np.log(scale.levels[-1] / scale.levels[0])
        return np.asarray(found)

    places = [place(x, across), place(y, up)]
    at, end = np.stack(places, axis=-1), len(x) - 1
    marked = [0, end]
    for day in (day for day in _MARKED if day < end):
        if min(float(np.hypot(*(at[day] - at[other]))) for other in marked) > _APART:
            marked.append(day)
    return tuple((day, f"day {day}") for day in sorted(marked[1:]))


def caption(found: Surface, word: str) -> str:
    """Return what a figure shows, as a paper would print below it."""
    row, up = OUTPUTS[output(word)], found.axes[1]
    second = "oestradiol" if up.name == E2 else "the T/E2 ratio"
    parts = [
        f"(a) {row.title} over testosterone and {second} within the testis, % of the man's own level (white diamond; levels at "
        "top and right)."
    ]
    if len(found.path):
        parts.append(
            f"Arrow: his own path under {found.scenario.cause} to day {found.end}, means of a week, with the 90 % interval of its end; his "
            "gonadotrophins are then not those of the surface."
        )
    cuts = "oestradiol" if up.name == E2 else "T/E2"
    parts += [
        f"(b) Along testosterone at his own {cuts}. (c) Along {cuts} at his own testosterone; bands: 90 % interval."
    ]
    if len(found.path):
        parts[-1] = f"{parts[-1][:-1]}; arrowheads at the axis: the end of his path."
    if reference := reference_ranges().get(row.column):
        parts.append(f"Dashed: reference limit ({reference.source}, {reference.printed} {row.clinical_unit}).")
    return " ".join([*parts, found.basis(), f"testis_abm {version()}. A simulation for research, not medical advice."])


def draw(found: Surface, word: str) -> Figure:
    """Return the figure: the map with the path of treatment, and both slices below.

    Raises:
        TestisError: matplotlib is missing, or there is no such output.
    """
    guard.matplotlib()
    figure: Figure = import_module("testis_abm.pictures.paper").draw_surface(
        surface_map(found, word), found.scenario.heading, textwrap.fill(caption(found, word), 172)
    )
    return figure


def pictures(found: Surface, words: Sequence[str]) -> dict[str, bytes]:
    """Return the figures of outputs as files by name.

    Raises:
        TestisError: as `draw`.
    """
    return {
        f"{picture_name(output(word))}.{kind}": rendered(figure, kind)
        for word in words
        for figure in (draw(found, word),)
        for kind in KINDS
    }
