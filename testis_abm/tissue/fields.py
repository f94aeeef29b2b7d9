"""Testosterone and oestradiol between the cells: quasi-steady diffusion with capillary clearance.

Across 100 um a steroid diffuses in under a minute, so each day's field is the superposition of the steady response to
every source: K0(r / lambda) with lambda = sqrt(D / clearance). Kernels are shared by all tubules and each row is scaled to
sum to 1, which keeps the mass balance (mean level = production / clearance) exact on the full lattice.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from testis_abm.tissue.geometry import CORNERS, Geometry

_SECONDS = 86400.0


def screening_length(diffusion: float, clearance_per_day: float) -> float:
    """Return lambda in um for a diffusion coefficient in um2/s and a clearance in 1/day."""
    return float(np.sqrt(diffusion * _SECONDS / clearance_per_day))


def bessel_k0(x: np.ndarray) -> np.ndarray:
    """Return K0(x) for x > 0 from its integral, int_0^inf exp(-x cosh t) dt (error under 1e-6 for x above 0.01)."""
    t = np.linspace(0.0, 9.0, 361)
    return np.asarray(np.trapezoid(np.exp(-np.asarray(x)[..., None] * np.cosh(t)), t, axis=-1))


def kernel(distance: np.ndarray, length: float, softening: float) -> np.ndarray:
    """Return normalised weights (last axis sums to 1) of sources at `distance` um."""
    weight = bessel_k0(np.sqrt(distance**2 + softening**2) / length)
    return np.ascontiguousarray(weight / weight.sum(axis=-1, keepdims=True))


class Kernels:
    """The three kernels of one steroid: corners to niches, corners to corners, niches to niches of a tubule."""

    def __init__(self, geometry: Geometry, length: float, softening: float) -> None:
        self.length = length
        self.niche = kernel(geometry.niche_offset, length, softening)
        self.corner = kernel(geometry.corner_offset, length, softening)
        self.ring = kernel(geometry.ring, length, softening)


@njit(cache=True, nogil=True)
def spread_from_corners(weights, neighbours, source, level):
    """Add to `level` (tubules, targets) the field of corner sources; empty sites are skipped and their weight shared.

    Args:
        weights: (targets, offsets), rows sum to 1.
        neighbours: (tubules, offsets) corner index or -1.
        source: (corners,) strength.
        level: (tubules, targets), changed in place.
    """
    for tubule in range(neighbours.shape[0]):
        for target in range(weights.shape[0]):
            total, weight = 0.0, 0.0
            for k in range(neighbours.shape[1]):
                corner = neighbours[tubule, k]
                if corner >= 0:
                    total += weights[target, k] * source[corner]
                    weight += weights[target, k]
            level[tubule, target] += total / weight


@njit(cache=True, nogil=True)
def spread_from_niches(weights, source, level):
    """Add to `level` (tubules, niches) the field of sources in the niches of the same tubule (circulant weights)."""
    niches = weights.shape[0]
    for tubule in range(source.shape[0]):
        for target in range(niches):
            total = 0.0
            for k in range(niches - target):
                total += weights[k] * source[tubule, target + k]
            for k in range(niches - target, niches):
                total += weights[k] * source[tubule, target + k - niches]
            level[tubule, target] += total


@njit(cache=True, nogil=True)
def sum_to_corners(value, corner, total):
    """Add each Leydig cell's value to its corner."""
    for cell in range(value.size):
        total[corner[cell]] += value[cell]


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
    step = width / cells
    x = (np.arange(cells) + 0.5) * step
    y = (np.arange(max(1, round(height / step))) + 0.5) * step
    density = np.zeros((y.size, x.size))
    column = (sources[:, 0] % width / step).astype(int) % x.size
    row = (sources[:, 1] % height / step).astype(int) % y.size
    np.add.at(density, (row, column), strength)
    dx = np.minimum(x - x[0], width - (x - x[0]))
    dy = np.minimum(y - y[0], height - (y - y[0]))
    response = bessel_k0(np.sqrt(dx[None, :] ** 2 + dy[:, None] ** 2 + softening**2) / length)
    field = np.fft.irfft2(np.fft.rfft2(density) * np.fft.rfft2(response), s=density.shape)
    return np.asarray(field * (mean / field.mean()))


def corner_count(geometry: Geometry) -> int:
    """Return how many interstitial corners the tissue has."""
    return CORNERS * geometry.tubules
