"""Room for cells: those that the model puts on one spot yield to one another, and lie side by side."""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from testis_abm.support.compile import compiled

# Radius of the room that a cell takes, um: germ cells by step, then the nucleus of a Sertoli cell and a Leydig cell.
ROOM = np.array([4.6, 4.6, 4.1, 3.8, 4.3, 4.3, 5.4, 5.7, 4.1, 3.3, 1.4, 1.1, 4.6, 7.0])
_REACH = 2.0  # um; cells further apart do not meet
_NEIGHBOURS = 32
_DRIFT = 0.3  # of the way to where the model puts a cell, before they yield
_TETHER = 0.04  # of the same way, a round


class Crowd(NamedTuple):
    """Cells within circles, um.

    Attributes:
        to: (cells, 2) where the model puts them.
        radius: (cells,) of the room of each.
        group: (cells,) only cells of the same group meet.
        fixed: (cells,) whether a cell stays where it is and others give way.
        centre: (cells, 2) of the circle that holds each.
        nearest: (cells,) least distance of a cell's middle from it; furthest: (cells,) of its edge.
    """

    to: np.ndarray
    radius: np.ndarray
    group: np.ndarray
    fixed: np.ndarray
    centre: np.ndarray
    nearest: np.ndarray
    furthest: np.ndarray


def spread(crowd: Crowd, rounds: int, place: np.ndarray | None = None) -> np.ndarray:
    """Return places, (cells, 2), at which cells hardly overlap.

    Args:
        crowd: the cells.
        rounds: how often they yield.
        place: (cells, 2) where they are now (default: where the model puts them).
    """
    order = np.argsort(crowd.group, kind="stable")
    cells = Crowd(*(np.ascontiguousarray(column[order]) for column in crowd))
    moved = (cells.to if place is None else place[order]).astype(float)
    bounds = np.concatenate([[0], np.flatnonzero(np.diff(cells.group)) + 1, [len(order)]])
    for first, last in itertools.pairwise(bounds):
        _yield(moved, cells, first, last, rounds)
    found = np.empty_like(moved)
    found[order] = moved
    return found


@compiled
def _yield(place: np.ndarray, cells: Crowd, first: int, last: int, rounds: int) -> None:
    """Move the cells of one group, rows `first` to `last`, apart in place."""
    near = np.empty((last - first, _NEIGHBOURS), np.int64)
    found = np.zeros(last - first, np.int64)
    radius, fixed = cells.radius, cells.fixed
    for i in range(first, last):
        if not fixed[i]:
            place[i] += _DRIFT * (cells.to[i] - place[i])
    for i in range(first, last):
        for j in range(i + 1, last):
            reach = radius[i] + radius[j] + _REACH
            close = abs(place[i, 0] - place[j, 0]) < reach and abs(place[i, 1] - place[j, 1]) < reach
            if close and found[i - first] < _NEIGHBOURS:
                near[i - first, found[i - first]] = j
                found[i - first] += 1
    for _ in range(rounds):
        for i in range(first, last):
            for k in range(found[i - first]):
                j = near[i - first, k]
                dx, dy = place[j, 0] - place[i, 0], place[j, 1] - place[i, 1]
                square, wanted = dx * dx + dy * dy, radius[i] + radius[j]
                if square < wanted * wanted and not (fixed[i] and fixed[j]):
                    distance = max(np.sqrt(square), 1e-3)
                    # Both give way by half, one alone by all of it.
                    push = (wanted - distance) / distance * (1.0 if fixed[i] or fixed[j] else 0.5)
                    if not fixed[i]:
                        place[i, 0] -= push * dx
                        place[i, 1] -= push * dy
                    if not fixed[j]:
                        place[j, 0] += push * dx
                        place[j, 1] += push * dy
        for i in range(first, last):
            if not fixed[i]:
                x = place[i, 0] + _TETHER * (cells.to[i, 0] - place[i, 0]) - cells.centre[i, 0]
                y = place[i, 1] + _TETHER * (cells.to[i, 1] - place[i, 1]) - cells.centre[i, 1]
                distance = max(np.sqrt(x * x + y * y), 1e-3)
                held = min(max(distance, cells.nearest[i]), cells.furthest[i] - radius[i]) / distance
                place[i, 0] = cells.centre[i, 0] + held * x
                place[i, 1] = cells.centre[i, 1] + held * y
