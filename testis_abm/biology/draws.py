"""Keyed random draws: every draw is a hash of (lineage, stage, purpose), so order, threads and timing do not change it.

The lineage of a founder is a hash of the seed, a daughter's of her mother's: the seed is in every draw. uint64 needs
care: numba types `uint64 + int` as signed, so every literal and result passes through `u64`, which masks in plain
Python and casts in compiled code.
"""

from __future__ import annotations

import math

import numpy as np
from numba.extending import overload, register_jitable

from testis_abm.support.compile import compiled

_MASK = 0xFFFFFFFFFFFFFFFF

# Purposes of a draw.
ENTRY, COMMIT, STEM_LOSS, RELEASE, PLACE, SIZE = range(6)
CLONE = 7
USED, RENEW, ASIDE, WAKE, WHERE, RANK, NUMBER = range(8, 15)  # of stem cells, see niche.py
FREED, EXPECTED = 15, 16  # EXPECTED: germ cells of a niche before they live, see build.py
INJURY, HITS, BLOCK, NECROSIS = range(40, 44)  # see injury.py


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
def bits(lineage, stage, purpose):
    """Return the 64 random bits that belong to (lineage, stage, purpose)."""
    return mix(lineage, u64(u64(stage) * u64(64) + u64(purpose)))


@register_jitable
def uniform(lineage, stage, purpose):
    """Return the draw in [0, 1) that belongs to (lineage, stage, purpose)."""
    return float(bits(lineage, stage, purpose) >> u64(11)) * (1.0 / 9007199254740992.0)


@register_jitable
def halves(drawn):
    """Return two draws in [0, 1) from 64 bits, of 32 bits each: two for the price of one hash."""
    return float(drawn >> u64(32)) * (1.0 / 4294967296.0), float(drawn & u64(0xFFFFFFFF)) * (1.0 / 4294967296.0)


@register_jitable
def exponential(draw):
    """Return a unit-exponential value for a draw in [0, 1): the hazard that a cell can take in a stage before it dies."""
    return -math.log(1.0 - draw)


@register_jitable
def spread(draw, variation):
    """Return a value of mean 1 and coefficient of variation `variation` for a draw in [0, 1) (uniform, bounded)."""
    return 1.0 + variation * 1.7320508075688772 * (2.0 * draw - 1.0)


@compiled
def lineages(seed, stream, n):
    """Return the lineages of `n` founder cells of a kind, uint64 (n,); `stream` tells the kinds apart."""
    named = np.empty(n, np.uint64)
    for i in range(n):
        named[i] = mix(mix(seed, stream), i)
    return named


@compiled
def uniforms(lineage, stage, purpose):
    """Return one draw in [0, 1) for each lineage, float64."""
    drawn = np.empty(lineage.size, np.float64)
    for i in range(lineage.size):
        drawn[i] = uniform(lineage[i], stage, purpose)
    return drawn
