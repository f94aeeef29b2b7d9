"""Room for nuclei: those that the model puts on one spot are nudged apart, to lie side by side."""

from __future__ import annotations

import numpy as np

_ROUNDS = 30
_TETHER = 0.03  # of the way back to where the model put a cell, per round


def spread(
    place: np.ndarray,
    radius: np.ndarray,
    group: np.ndarray,
    *,
    fixed: np.ndarray,
    centre: np.ndarray,
    inner: np.ndarray,
    outer: np.ndarray,
) -> np.ndarray:
    """Return `place` with cells of one group moved apart until they hardly overlap.

    Args:
        place: (cells, 2) um.
        radius: (cells,) um.
        group: (cells,) only cells of the same group meet.
        fixed: (cells,) whether a cell stays where it is and others give way.
        centre: (cells, 2) of the circles that hold each cell.
        inner, outer: (cells,) smallest and largest distance of a cell's edge from `centre`, um.
    """
    first, second = _neighbours(place, radius, group)
    moved = place.copy()
    share = np.where(fixed, 0.0, 1.0)
    total = np.maximum(share[first] + share[second], 1.0)
    wanted = radius[first] + radius[second]
    for _ in range(_ROUNDS):
        gap = moved[second] - moved[first]
        distance = np.maximum(np.hypot(gap[:, 0], gap[:, 1]), 1e-6)
        push = gap * (np.maximum(wanted - distance, 0.0) / distance / total)[:, None]
        for axis in (0, 1):
            moved[:, axis] -= np.bincount(first, push[:, axis] * share[first], len(moved))
            moved[:, axis] += np.bincount(second, push[:, axis] * share[second], len(moved))
        moved += _TETHER * (place - moved)
        moved = _confined(moved, centre, np.minimum(inner + radius, outer - radius), outer - radius)
    return np.where(fixed[:, None], place, moved)


def _neighbours(place: np.ndarray, radius: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the pairs of one group that could come to touch, as two arrays of indices."""
    reach = 4.0 * float(radius.max(initial=0.0))
    pairs = [np.empty((2, 0), dtype=np.intp)]
    for of in np.unique(group):
        members = np.flatnonzero(group == of)
        gap = place[members, None] - place[members]
        i, j = np.nonzero(np.triu(np.hypot(gap[..., 0], gap[..., 1]) < reach, 1))
        pairs.append(np.stack([members[i], members[j]]))
    first, second = np.concatenate(pairs, axis=1)
    return first, second


def _confined(place: np.ndarray, centre: np.ndarray, inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
    arm = place - centre
    distance = np.maximum(np.hypot(arm[:, 0], arm[:, 1]), 1e-6)
    return np.asarray(centre + arm * (np.clip(distance, inner, outer) / distance)[:, None])
