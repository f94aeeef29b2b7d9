"""Room for the cells of a section, day after day: each keeps its place, drifts to where the model puts it, and yields."""

from __future__ import annotations

import numpy as np

from testis_abm.support.compile import compiled

# Radius of the room that a cell takes, um: germ cells by step, then the nucleus of a Sertoli cell and a Leydig cell.
ROOM = np.array([4.6, 4.6, 4.1, 3.8, 4.3, 4.3, 5.4, 5.7, 4.1, 3.3, 1.4, 1.1, 4.6, 7.0])
_REACH = 2.0  # um; cells further apart do not meet within a day
_NEIGHBOURS = 32
_DRIFT = 0.3  # of the way to where the model puts a cell, a day
_TETHER = 0.04  # of the same way, a round


@compiled
def pack(
    x: np.ndarray,
    y: np.ndarray,
    to_x: np.ndarray,
    to_y: np.ndarray,
    room: np.ndarray,
    fixed: np.ndarray,
    start: np.ndarray,
    centre: np.ndarray,
    nearest: np.ndarray,
    furthest: float,
    rounds: int,
) -> None:
    """Move the cells of each circle apart in place, um, until they hardly overlap.

    Args:
        x, y: where they are; to_x, to_y: where the model puts them.
        room: radius of each; fixed: whether it stays.
        start: (circles + 1,) the first cell of each circle; cells of different circles do not meet.
        centre: (circles, 2). nearest: least distance of each cell from it; furthest: of every cell's edge.
        rounds: how often they yield.
    """
    for circle in range(start.size - 1):
        first, last = start[circle], start[circle + 1]
        near = np.empty((last - first, _NEIGHBOURS), np.int64)
        found = np.zeros(last - first, np.int64)
        for i in range(first, last):
            if not fixed[i]:
                x[i] += _DRIFT * (to_x[i] - x[i])
                y[i] += _DRIFT * (to_y[i] - y[i])
        for i in range(first, last):
            for j in range(i + 1, last):
                reach = room[i] + room[j] + _REACH
                close = abs(x[i] - x[j]) < reach and abs(y[i] - y[j]) < reach
                if close and found[i - first] < _NEIGHBOURS:
                    near[i - first, found[i - first]] = j
                    found[i - first] += 1
        for _ in range(rounds):
            for i in range(first, last):
                for k in range(found[i - first]):
                    j = near[i - first, k]
                    dx, dy, wanted = x[j] - x[i], y[j] - y[i], room[i] + room[j]
                    square = dx * dx + dy * dy
                    if square < wanted * wanted and not (fixed[i] and fixed[j]):
                        distance = max(np.sqrt(square), 1e-3)
                        # Both give way by half, one alone by all of it.
                        push = (wanted - distance) / distance * (1.0 if fixed[i] or fixed[j] else 0.5)
                        if not fixed[i]:
                            x[i] -= push * dx
                            y[i] -= push * dy
                        if not fixed[j]:
                            x[j] += push * dx
                            y[j] += push * dy
            for i in range(first, last):
                if not fixed[i]:
                    x[i] += _TETHER * (to_x[i] - x[i])
                    y[i] += _TETHER * (to_y[i] - y[i])
                    dx, dy = x[i] - centre[circle, 0], y[i] - centre[circle, 1]
                    distance = max(np.sqrt(dx * dx + dy * dy), 1e-3)
                    held = min(max(distance, nearest[i]), furthest - room[i])
                    x[i] = centre[circle, 0] + dx * held / distance
                    y[i] = centre[circle, 1] + dy * held / distance
