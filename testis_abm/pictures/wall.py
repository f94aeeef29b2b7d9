"""Figure: the wall of the tubules unrolled, around against along: the stage of each niche, and its A-pale spermatogonia.

Of a section (see `tubules`) it takes `wall_stage` (0 to 5, by its clock), `wall_a_pale` (cells), `wall_empty` and `wall_blocked` (flags: no germ
cells; stem cells that have stopped), and, where stem cells know it, `wall_founder` (name of the stem cell from which an A-pale
of the niche comes; -1 for none), each (tubules, rows along, around).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from testis_abm.biology.stages import NAMES
from testis_abm.pictures import paper, style
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.micrograph import removed
from testis_abm.pictures.stages import handles, titled
from testis_abm.pictures.steps import BLOCKED, EMPTY, STAGE_COLOURS
from testis_abm.testis.places import NOTHING_LEFT

_A_PALE_COLOURS = ("#FFFFFF", "#CFE1F2", "#93C3DF", "#4B97C9", "#1864AA", "#08306B")
# Tol's muted colours, which stay apart in colour blindness, and three darker.
_CLONE_COLOURS = (
    *("#CC6677", "#332288", "#DDCC77", "#117733", "#88CCEE", "#882255"),
    *("#44AA99", "#999933", "#AA4499", "#6699CC", "#994455", "#EE8866"),
)
_SCATTER = 7  # and the number of colours have no factor in common
_BACKGROUND = "#EFEFEF"
_GAP = 1  # niches between tubules
_MOST_TUBULES, _MOST_ROWS = 24, 240  # that a picture shows
_SHAPE = 1.25  # width over height of a map that is aimed at
_LEFT, _TOP, _KEY, _BETWEEN, _HIGHEST = 0.35, 0.62, 0.4, 0.3, 6.5  # inch


def draw(data: PlotData) -> Figure:
    """Return the figure of the unrolled walls: an arm a row; stages, A-pale and, if known, their clones side by side."""
    arms = [arm for arm in data.arms if "wall_stage" in data.sections.get(arm, {})]
    walls = {arm: _walls(data.sections[arm]) for arm in arms}
    maps = [paint for paint in _MAPS if all(paint in wall for wall in walls.values())]
    size = np.max([_laid(wall["stage"]).shape for wall in walls.values()], axis=0)
    width = (style.WIDTH - 2 * _LEFT - (len(maps) - 1) * _BETWEEN) / len(maps)
    height = min(_HIGHEST / len(arms), width * size[0] / size[1])
    total = _TOP + len(arms) * (height + _BETWEEN) + _KEY
    figure = paper.page(style.WIDTH, total)
    for k, arm in enumerate(arms):
        bottom = (total - _TOP - (k + 1) * height - k * _BETWEEN) / total
        for j, name in enumerate(maps):
            left = (_LEFT + j * (width + _BETWEEN)) / style.WIDTH
            axes = figure.add_axes((left, bottom, width / style.WIDTH, height / total))
            what, paint = _MAPS[name]
            if len(walls[arm]["stage"]):
                paint(axes, walls[arm])
            else:
                paper.say(axes, NOTHING_LEFT)
            _dress(axes, f"{data.called(arm)}, day {data.sections[arm]['day']}: {what}")
    _legends(figure, walls)
    about = "Wall of the tubules, unrolled: each square a Sertoli cell, around from left to right, along upwards"
    paper.write_frame(figure, data.title, about, data.footer)
    return figure


def _walls(section: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the part of the walls of a section that is shown, by name; none of a testis that was taken away."""
    return {
        name.removeprefix("wall_"): np.asarray(wall)[~removed(section)][:_MOST_TUBULES, :_MOST_ROWS]
        for name, wall in section.items()
        if name.startswith("wall_")
    }


def _laid(wall: np.ndarray) -> np.ndarray:
    """Return the walls of tubules, (tubules, length, around), side by side and over one another; NaN between them."""
    tubules, length, around = wall.shape
    if not tubules:
        return np.full((length, around), np.nan)
    across = _across(tubules, length, around)
    rows = -(-tubules // across)
    sheet = np.full((rows * (length + _GAP) - _GAP, across * (around + _GAP) - _GAP), np.nan)
    for k in range(tubules):
        row, column = divmod(k, across)
        bottom, left = row * (length + _GAP), column * (around + _GAP)
        sheet[bottom : bottom + length, left : left + around] = wall[k]
    return sheet


def _across(tubules: int, length: int, around: int) -> int:
    """Return how many tubules lie side by side for a map of about the usual shape."""

    def misfit(across: int) -> float:
        rows = -(-tubules // across)
        gaps = rows * across / tubules - 1.0
        return abs(math.log(across * (around + _GAP) / (rows * (length + _GAP)) / _SHAPE)) + gaps

    return min(range(1, tubules + 1), key=misfit)


def _paint_stages(axes: Axes, wall: Mapping[str, np.ndarray]) -> None:
    beyond = len(NAMES)
    stage = np.where(wall["blocked"] > 0, beyond, np.where(wall["empty"] > 0, beyond + 1, wall["stage"]))
    _show(axes, stage, ListedColormap([*STAGE_COLOURS, BLOCKED, EMPTY]))


def _paint_a_pale(axes: Axes, wall: Mapping[str, np.ndarray]) -> None:
    most = len(_A_PALE_COLOURS) - 1
    count = np.where(wall["empty"] > 0, most + 1, np.minimum(wall["a_pale"], most))
    _show(axes, count, ListedColormap([*_A_PALE_COLOURS, EMPTY]))


def _paint_clones(axes: Axes, wall: Mapping[str, np.ndarray]) -> None:
    """Give clones colours by their name, so that neighbours mostly differ; colours repeat."""
    founder = wall["founder"].astype(np.int64)
    colour = np.where(founder < 0, len(_CLONE_COLOURS), founder * _SCATTER % len(_CLONE_COLOURS))
    _show(axes, colour, ListedColormap([*_CLONE_COLOURS, "#FFFFFF"]))


# Wall -> what its map shows, and who paints it.
_MAPS = {"stage": ("stage", _paint_stages), "a_pale": ("A-pale", _paint_a_pale), "founder": ("clones", _paint_clones)}


def _show(axes: Axes, wall: np.ndarray, colours: ListedColormap) -> None:
    edges = np.arange(colours.N + 1) - 0.5
    axes.imshow(_laid(wall), cmap=colours, norm=BoundaryNorm(edges, colours.N), origin="lower", interpolation="nearest")


def _dress(axes: Axes, text: str) -> None:
    axes.set(xticks=[], yticks=[], facecolor=_BACKGROUND)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(text, loc="left", pad=2, weight="bold", size=7)


def _legends(figure: Figure, walls: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    empty, blocked = (any(wall[name].any() for wall in walls.values()) for name in ("empty", "blocked"))
    most = len(_A_PALE_COLOURS) - 1
    counts = [
        Patch(fc=colour, ec=style.DIM, lw=0.4, label=f"{k}{' or more' * (k == most)}")
        for k, colour in enumerate(_A_PALE_COLOURS)
    ]
    height = float(figure.get_size_inches()[1])
    rows = (titled("Stage:", handles(empty=empty, blocked=blocked)), titled("A-pale in a niche:", counts))
    for k, entries in enumerate(reversed(rows)):
        at = (0.5 * _LEFT / style.WIDTH, (0.17 + 0.17 * k) / height)
        figure.legend(
            handles=entries, ncols=len(entries), loc="lower left", bbox_to_anchor=at, fontsize=6.8, **paper.TIGHT
        )
