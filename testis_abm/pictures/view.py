"""The field of view on a periodic section: as in a microscope, a window on tissue that goes on beyond it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

_ROW = 0.866  # rows of a triangular lattice, in units of the distance between neighbours


@dataclass(frozen=True)
class View:
    """A window, um.

    Attributes:
        left, bottom, width, height: of the window.
        period: width and height of the patch that repeats.
    """

    left: float
    bottom: float
    width: float
    height: float
    period: tuple[float, float]

    @classmethod
    def of(cls, section: Mapping[str, Any], across: float) -> View:
        """Return a window on two rows of tubules, `across` times the distance between neighbours wide."""
        width, height = (float(side) for side in section["extent"])
        x, y = (np.atleast_1d(section[f"tubule_{axis}"]) for axis in "xy")
        radius = float(np.max(section["tubule_radius"]))
        spacing = _spacing(x, y, (width, height), radius)
        first = np.argmin(x + y)
        margin = 1.04 * radius
        return cls(
            float(x[first]) - margin,
            float(y[first]) - margin,
            across * spacing,
            _ROW * spacing + 2.0 * margin,
            (width, height),
        )

    def tile(self, x: np.ndarray, y: np.ndarray, margin: float) -> tuple[np.ndarray, np.ndarray]:
        """Return places in the window or at most `margin` outside, and the index in `x` of what is there.

        What repeats appears as often as it is seen.
        """
        x, y = np.atleast_1d(x) % self.period[0], np.atleast_1d(y) % self.period[1]
        places, indices = [np.empty((0, 2))], [np.empty(0, dtype=np.intp)]
        for i in self._shifts(0, self.left, self.width, margin):
            for j in self._shifts(1, self.bottom, self.height, margin):
                there = np.stack([x + i * self.period[0], y + j * self.period[1]], axis=-1)
                seen = np.flatnonzero(
                    (np.abs(there[:, 0] - self.left - 0.5 * self.width) <= 0.5 * self.width + margin)
                    & (np.abs(there[:, 1] - self.bottom - 0.5 * self.height) <= 0.5 * self.height + margin)
                )
                places.append(there[seen])
                indices.append(seen)
        return np.concatenate(places), np.concatenate(indices)

    def _shifts(self, axis: int, start: float, length: float, margin: float) -> range:
        period = self.period[axis]
        return range(math.floor((start - margin) / period), math.floor((start + length + margin) / period) + 1)


def _spacing(x: np.ndarray, y: np.ndarray, period: tuple[float, float], radius: float) -> float:
    """Return the distance from the first tubule to its nearest neighbour, its own images included."""
    dx = (x - x[0] + 0.5 * period[0]) % period[0] - 0.5 * period[0]
    dy = (y - y[0] + 0.5 * period[1]) % period[1] - 0.5 * period[1]
    near = np.r_[np.hypot(dx, dy)[1:], period]
    return float(np.clip(near.min(), 2.05 * radius, 3.0 * radius))
