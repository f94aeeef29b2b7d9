"""The search for a steady state: what each level asks of the next, solved by Broyden's method (compiled code calls it turn by turn)."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

_STEEPNESS = 6.0  # of feedback on testosterone about the reference man: one less what a level asks of itself
_LONGEST = 0.7  # step of a turn, on the scale of levels
_PATIENT = 40  # turns after which small steps are sure, though many
_LAST = 0.4


class Search(NamedTuple):
    """Where a search stands.

    Attributes:
        level: (n,), the first on a log scale.
        asked: (n,), what the last levels asked for, less the levels.
        inverse: (n, n), step per lack.
        step: (n,), last taken.
    """

    level: np.ndarray
    asked: np.ndarray
    inverse: np.ndarray
    step: np.ndarray


@register_jitable
def begin(search):
    """Begin at the levels of the reference man."""
    n = search.level.size
    search.asked[:], search.inverse[:], search.step[:] = 0.0, 0.0, 0.0
    search.level[:] = 1.0
    search.level[0] = 0.0
    for k in range(n):
        search.inverse[k, k] = 1.0
    search.inverse[0, 0] = 1.0 / _STEEPNESS


@register_jitable
def take(search, turn, asked):
    """Take the turn number `turn` of a search whose levels ask for other levels, `asked` (n,) less what they are."""
    level, inverse, step = search.level, search.inverse, search.step
    n = level.size
    if turn > 0 and turn < _PATIENT:
        _learn(search, asked)
    search.asked[:] = asked
    longest = 0.0
    for i in range(n):
        step[i] = 0.0
        if turn < _PATIENT:
            for j in range(n):
                step[i] += inverse[i, j] * asked[j]
        else:
            step[i] = _LAST * 0.5 ** (turn // 200) * asked[i]
        longest = max(longest, abs(step[i]) / (1.0 if i == 0 else level[i] + 0.05))
    shorter = min(1.0, _LONGEST / longest) if longest > 0.0 else 1.0
    for i in range(n):
        step[i] *= shorter
        level[i] += step[i]
    for i in range(1, n):
        if level[i] < 0.0:  # levels but the first, which is a log, are none at least
            step[i] -= level[i]
            level[i] = 0.0


@register_jitable
def _learn(search, asked):
    """Let the inverse take up what the last step did to what is asked for (Sherman and Morrison's update)."""
    inverse, step = search.inverse, search.step
    n = step.size
    by, down = np.zeros(n), np.zeros(n)
    for i in range(n):
        for j in range(n):
            by[i] += inverse[i, j] * (search.asked[j] - asked[j])
            down[i] += inverse[j, i] * step[j]
    scale = 0.0
    for j in range(n):
        scale += down[j] * (search.asked[j] - asked[j])
    if not abs(scale) > 1e-14 or not math.isfinite(scale):
        return
    for i in range(n):
        for j in range(n):
            inverse[i, j] += (step[i] - by[i]) * down[j] / scale
