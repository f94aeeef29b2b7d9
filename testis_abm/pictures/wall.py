"""Figure: the wall of the tubules unrolled, around against along: the stage of each niche, and its A-pale spermatogonia.

Of a section (see `tubules`) it takes `wall_stage` (0 to 5), `wall_a_pale` (cells), `wall_able` and `wall_blocked` (flags),
each (tubules, rows along, around).
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from testis_abm.biology.stages import NAMES
from testis_abm.pictures import paper, style
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.stages import handles, titled
from testis_abm.pictures.steps import BLOCKED, NOT_ABLE, STAGE_COLOURS

_A_PALE_COLOURS = ("#FFFFFF", "#CFE1F2", "#93C3DF", "#4B97C9", "#1864AA", "#08306B")
_BACKGROUND = "#EFEFEF"
_GAP = 1  # niches between tubules
_MOST_TUBULES, _MOST_ROWS = 24, 240  # that a picture shows
_SHAPE = 1.25  # width over height of a map that is aimed at
_LEFT, _TOP, _KEY, _BETWEEN, _HIGHEST = 0.35, 0.62, 0.4, 0.3, 6.5  # inch


def draw(data: PlotData) -> Figure:
    """Return the figure of the unrolled walls: an arm a row, stages at the left and A-pale at the right."""
    arms = [arm for arm in data.arms if "wall_stage" in data.sections.get(arm, {})]
    walls = {arm: {name: _shown(data.sections[arm][f"wall_{name}"]) for name in _WALLS} for arm in arms}
    size = _laid(next(iter(walls.values()))["stage"]).shape
    width = (style.WIDTH - 2 * _LEFT - _BETWEEN) / 2
    height = min(_HIGHEST / len(arms), width * size[0] / size[1])
    total = _TOP + len(arms) * (height + _BETWEEN) + _KEY
    figure = paper.page(style.WIDTH, total)
    for k, arm in enumerate(arms):
        bottom = (total - _TOP - (k + 1) * height - k * _BETWEEN) / total
        for j, (what, paint) in enumerate((("stage", _paint_stages), ("A-pale", _paint_a_pale))):
            left = (_LEFT + j * (width + _BETWEEN)) / style.WIDTH
            axes = figure.add_axes((left, bottom, width / style.WIDTH, height / total))
            paint(axes, walls[arm])
            _dress(axes, f"{arm}, day {data.sections[arm]['day']}: {what}")
    _legends(figure, walls)
    about = "Wall of the tubules, unrolled: each square a Sertoli cell, around from left to right, along upwards"
    paper.write_frame(figure, data.title, about, data.footer)
    return figure


_WALLS = ("stage", "a_pale", "able", "blocked")


def _shown(wall: np.ndarray) -> np.ndarray:
    return np.asarray(wall)[:_MOST_TUBULES, :_MOST_ROWS]


def _laid(wall: np.ndarray) -> np.ndarray:
    """Return the walls of tubules, (tubules, length, around), side by side and over one another; NaN between them."""
    tubules, length, around = wall.shape
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
        return abs(math.log(across * (around + _GAP) / (rows * (length + _GAP)) / _SHAPE))

    return min(range(1, tubules + 1), key=misfit)


def _paint_stages(axes: Axes, wall: Mapping[str, np.ndarray]) -> None:
    stage = np.where(wall["blocked"] > 0, len(NAMES), wall["stage"])
    _show(axes, np.where(wall["able"] > 0, stage, len(NAMES) + 1), ListedColormap([*STAGE_COLOURS, BLOCKED, NOT_ABLE]))


def _paint_a_pale(axes: Axes, wall: Mapping[str, np.ndarray]) -> None:
    most = len(_A_PALE_COLOURS) - 1
    count = np.where(wall["able"] > 0, np.minimum(wall["a_pale"], most), most + 1)
    _show(axes, count, ListedColormap([*_A_PALE_COLOURS, NOT_ABLE]))


def _show(axes: Axes, wall: np.ndarray, colours: ListedColormap) -> None:
    edges = np.arange(colours.N + 1) - 0.5
    axes.imshow(_laid(wall), cmap=colours, norm=BoundaryNorm(edges, colours.N), origin="lower", interpolation="nearest")


def _dress(axes: Axes, text: str) -> None:
    axes.set(xticks=[], yticks=[], facecolor=_BACKGROUND)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_title(text, loc="left", pad=2, weight="bold", size=7)


def _legends(figure: Figure, walls: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    able = all((wall["able"] > 0).all() for wall in walls.values())
    blocked = any(wall["blocked"].any() for wall in walls.values())
    most = len(_A_PALE_COLOURS) - 1
    counts = [
        Patch(fc=colour, ec=style.DIM, lw=0.4, label=f"{k}{' or more' * (k == most)}")
        for k, colour in enumerate(_A_PALE_COLOURS)
    ]
    height = float(figure.get_size_inches()[1])
    rows = (titled("Stage:", handles(empty=not able, blocked=blocked)), titled("A-pale in a niche:", counts))
    for k, entries in enumerate(reversed(rows)):
        at = (0.5 * _LEFT / style.WIDTH, (0.17 + 0.17 * k) / height)
        figure.legend(
            handles=entries, ncols=len(entries), loc="lower left", bbox_to_anchor=at, fontsize=6.8, **paper.TIGHT
        )
