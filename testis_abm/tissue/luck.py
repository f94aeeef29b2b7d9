"""Keyed luck: every draw is a hash of (seed, lineage, stage, purpose), so order, threads and timing do not change it.

uint64 needs care: numba types `uint64 + int` as signed, so every literal and result passes through `u64`, which masks in
plain Python and casts in compiled code.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numba.extending import overload, register_jitable

_MASK = 0xFFFFFFFFFFFFFFFF

# Purposes of a draw.
DURATION, SURVIVAL, COMMIT, STEM_LOSS, RELEASE, PLACE, SIZE, ENDOWMENT = range(8)


def u64(x):
    """Return x as an unsigned 64-bit integer."""
    return int(x) & _MASK


@overload(u64)
def _u64(x):
    return lambda x: np.uint64(x)


@register_jitable
def scramble(x):
    """Return the splitmix64 finaliser of x, a bijection with good avalanche (Steele 2014)."""
    x = u64(x ^ (x >> u64(30)))
    x = u64(x * u64(0xBF58476D1CE4E5B9))
    x = u64(x ^ (x >> u64(27)))
    x = u64(x * u64(0x94D049BB133111EB))
    return u64(x ^ (x >> u64(31)))


@register_jitable
def mix(a, b):
    """Return a hash of two unsigned integers."""
    return scramble(u64(u64(a) + u64(u64(b) * u64(0x9E3779B97F4A7C15))) ^ u64(0xD1B54A32D192ED03))


@register_jitable
def child(lineage, ordinal):
    """Return the lineage of the daughter `ordinal` of a cell."""
    return mix(lineage, u64(u64(ordinal) + u64(0x5851F42D)))


@register_jitable
def uniform(seed, lineage, stage, purpose):
    """Return the draw in [0, 1) that belongs to (seed, lineage, stage, purpose)."""
    key = u64(u64(stage) * u64(64) + u64(purpose))
    bits = mix(mix(u64(seed), u64(lineage)), key)
    return float(bits >> u64(11)) * (1.0 / 9007199254740992.0)


@register_jitable
def exponential(seed, lineage, stage, purpose):
    """Return a unit-exponential draw: the hazard that a cell can accumulate in a stage before it dies."""
    return -math.log(1.0 - uniform(seed, lineage, stage, purpose))


@register_jitable
def spread(seed, lineage, stage, purpose, variation):
    """Return a draw with mean 1 and coefficient of variation `variation` (uniform, so never negative below 0.57)."""
    return 1.0 + variation * 1.7320508075688772 * (2.0 * uniform(seed, lineage, stage, purpose) - 1.0)


@njit(cache=True, nogil=True)
def lineages(seed, stream, n):
    """Return the lineages of `n` founder cells of a kind, uint64 (n,); `stream` tells the kinds apart."""
    found = np.empty(n, np.uint64)
    for i in range(n):
        found[i] = mix(mix(seed, stream), i)
    return found


@njit(cache=True, nogil=True)
def uniforms(seed, of, stage, purpose):
    """Return one draw in [0, 1) for each lineage, float64."""
    drawn = np.empty(of.size, np.float64)
    for i in range(of.size):
        drawn[i] = uniform(seed, of[i], stage, purpose)
    return drawn
