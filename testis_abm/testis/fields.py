"""Testosterone and oestradiol between the cells: quasi-steady diffusion with capillary clearance.

Across 100 um a steroid diffuses in under a minute, so each day's field is the superposition of the steady response to
every source: K0(r / lambda) with lambda = sqrt(D / clearance). Kernels are shared by all tubules and each row is scaled
to sum to 1, which keeps the mass balance (mean level = production / clearance) exact on the full lattice. All lie in the plane of a
section: interstices run along the tubules, so the sections of one share what Leydig cells make, and what niches make
spreads around their own section.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.support.compile import compiled
from testis_abm.support.special import k0
from testis_abm.testis.geometry import CORNERS, Geometry

_SECONDS = 86400.0
_AT_ONCE = 4  # offsets that `interstitial_fields` takes in one pass over the targets
TOGETHER = 4  # tubules that it takes at a time


def screening_length(diffusion: float, clearance_per_day: float) -> float:
    """Return lambda in um for a diffusion coefficient in um2/s and a clearance in 1/day."""
    return float(np.sqrt(diffusion * _SECONDS / clearance_per_day))


def kernel(distance: np.ndarray, length: float, softening: float) -> np.ndarray:
    """Return normalised weights (last axis sums to 1) of sources at `distance` um."""
    weight = k0(np.sqrt(distance**2 + softening**2) / length)
    return np.ascontiguousarray(weight / weight.sum(axis=-1, keepdims=True))


class Weights(NamedTuple):
    """What corner sources give to the niches of a tubule and to its own two corners, as a kernel takes it.

    Attributes:
        of: (offsets, filled up with zeros, around + 2), what a source at each offset gives to each of the targets of a
            section.
        share: (tubules, around + 2), one over the weight of the sources that exist.
        reach: (corners + 1, 2), what a source gives to all niches and to all corners together.
    """

    of: np.ndarray
    share: np.ndarray
    reach: np.ndarray


def _weights(geometry: Geometry, length: float, softening: float) -> Weights:
    distance = np.vstack([geometry.niche_offset, geometry.corner_offset])
    of = kernel(distance, length, softening).T
    exists = geometry.neighbours >= 0
    share = 1.0 / (exists @ of) if not exists.all() else np.ones((geometry.tubules, of.shape[1]))
    reach = np.zeros((CORNERS * geometry.tubules + 1, 2))
    niches = geometry.around
    for k, weight in enumerate(of):
        given = share * weight
        np.add.at(reach[:, 0], geometry.neighbours[:, k], given[:, :niches].sum(axis=1))
        np.add.at(reach[:, 1], geometry.neighbours[:, k], given[:, niches:].sum(axis=1))
    return Weights(np.concatenate([of, np.zeros((-len(of) % _AT_ONCE, of.shape[1]))]), share, reach)


def sources_of(geometry: Geometry) -> np.ndarray:
    """Return `geometry.neighbours` with empty sites added until the offsets can be taken `_AT_ONCE`."""
    missing = -geometry.neighbours.shape[1] % _AT_ONCE
    return np.pad(geometry.neighbours, ((0, 0), (0, missing)), constant_values=-1)


class Kernels:
    """The kernels of one steroid: from the corners to niches and corners, and between the niches of a section."""

    def __init__(self, geometry: Geometry, length: float, softening: float) -> None:
        self.length = length
        self.weights = _weights(geometry, length, softening)
        # A niche's two neighbours at the same distance are added first; it has one self and, if even, one opposite.
        half = len(geometry.ring) // 2
        ring = kernel(geometry.ring, length, softening)[: half + 1]
        ring[0] *= 0.5
        if len(geometry.ring) % 2 == 0:
            ring[half] *= 0.5
        self.ring = np.concatenate([ring, np.zeros(len(ring) % 2)])  # two distances at a time


@compiled
def conserving(reach, sources, kind, targets):
    """Return the factor that makes the mean over `targets` that of the sources (a lattice with empty sites misses it)."""
    given, total = 0.0, 0.0
    for corner in range(sources.size - 1):
        given += reach[corner, kind] * sources[corner]
        total += sources[corner]
    return (total / (sources.size - 1)) / (given / targets) if given > 0.0 else 0.0


@compiled
def interstitial_fields(first, last, weights, neighbours, sources, rows):
    """Write into `rows` (TOGETHER, around + 2) the field of the corner sources at the targets of tubules `first` to `last`.

    At most TOGETHER tubules: they share each look at the weights. `sources` ends with a zero, the source of every empty
    site (neighbour -1). The inner loop runs over targets, so that it vectorises without reordering any sum; four
    offsets at a time (see `sources_of`).
    """
    second, third, fourth = min(first + 1, last - 1), min(first + 2, last - 1), min(first + 3, last - 1)
    rows[:, :] = 0.0
    r0, r1, r2, r3 = rows[0], rows[1], rows[2], rows[3]
    for k in range(0, neighbours.shape[1], 4):
        a0, b0, c0, d0 = _four(first, k, neighbours, sources)
        a1, b1, c1, d1 = _four(second, k, neighbours, sources)
        a2, b2, c2, d2 = _four(third, k, neighbours, sources)
        a3, b3, c3, d3 = _four(fourth, k, neighbours, sources)
        w, x, y, z = weights.of[k], weights.of[k + 1], weights.of[k + 2], weights.of[k + 3]
        for target in range(r0.size):
            r0[target] += (w[target] * a0 + x[target] * b0) + (y[target] * c0 + z[target] * d0)
            r1[target] += (w[target] * a1 + x[target] * b1) + (y[target] * c1 + z[target] * d1)
            r2[target] += (w[target] * a2 + x[target] * b2) + (y[target] * c2 + z[target] * d2)
            r3[target] += (w[target] * a3 + x[target] * b3) + (y[target] * c3 + z[target] * d3)
    for one in range(last - first):
        for target in range(r0.size):
            rows[one, target] *= weights.share[first + one, target]


@register_jitable
def _four(tubule, k, neighbours, sources):
    """Return the sources at four offsets of a tubule."""
    return (
        sources[neighbours[tubule, k]],
        sources[neighbours[tubule, k + 1]],
        sources[neighbours[tubule, k + 2]],
        sources[neighbours[tubule, k + 3]],
    )


@compiled
def ring_field(ring, made, around, row):
    """Add to `row` (at least niches) the field of what the niches of a section have `made` (niches,).

    `ring` is (niches // 2 + 1,) made even, see Kernels; `around` is room for three times the niches.
    """
    niches = made.size
    for turn in range(3):
        for k in range(niches):
            around[turn * niches + k] = made[k]
    for k in range(0, ring.size, 2):
        near, far = ring[k], ring[k + 1]
        # Cut out, so that no index can be below zero, which would keep the loop from vectorising.
        before, after = around[niches - k : 2 * niches - k], around[niches + k : 2 * niches + k]
        further, beyond = around[niches - k - 1 : 2 * niches], around[niches + k + 1 : 3 * niches]
        for target in range(niches):
            row[target] += near * (before[target] + after[target]) + far * (further[target] + beyond[target])


def draw_field(
    geometry: Geometry,
    sources: np.ndarray,
    strength: np.ndarray,
    length: float,
    softening: float,
    mean: float,
    cells: int,
) -> np.ndarray:
    """Return the field on a fine grid for a picture, (rows, columns) with origin below, scaled to `mean`.

    Args:
        geometry: the lattice, periodic.
        sources: (n, 2) um; strength: (n,).
        length, softening: um.
        mean: level that production and clearance fix.
        cells: grid cells along the width.
    """
    width, height = geometry.extent
    rows = max(1, round(height * cells / width))
    # Whole cells fill the height, or the field would not be periodic with the lattice: they are squares but for that.
    across, up = width / cells, height / rows
    density = np.zeros((rows, cells))
    column = (sources[:, 0] % width / across).astype(int) % cells
    row = (sources[:, 1] % height / up).astype(int) % rows
    np.add.at(density, (row, column), strength)
    x, y = np.arange(cells) * across, np.arange(rows) * up
    dx, dy = np.minimum(x, width - x), np.minimum(y, height - y)
    response = k0(np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2 + softening**2) / length)
    field = np.fft.irfft2(np.fft.rfft2(density) * np.fft.rfft2(response), s=density.shape)
    # A man without the enzyme has none of it anywhere.
    return np.asarray(field * (mean / field.mean())) if field.mean() > 0.0 else np.full_like(field, mean)
