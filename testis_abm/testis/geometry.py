"""Where things are: tubules in hexagonal packing, Leydig clusters and capillaries in the corners between.

Tubules sit on a periodic triangular lattice; each site owns the two corners (interstices) up-right and above it. A tubule
is a row of sections along its length, whose Sertoli cells stand as far apart along as around it; its ends are closed. The
interstices run along it: all its sections share their steroids. Lengths in um.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

CORNERS = 2
_REACH = 2.6  # corners within this many lattice spacings act on a niche


@dataclass(frozen=True, eq=False)
class Geometry:
    """The lattice of one tissue.

    Attributes:
        tubules: their number; length: sections along each; around: Sertoli cells around a section. Niches are numbered
            around the first section of a tubule, then the next: section * around + place.
        spacing, radius: centre-to-centre distance and tubule radius, um.
        columns, rows: shape of the periodic lattice (rows even); sites beyond `tubules` are empty.
        neighbours: (tubules, offsets) index of each corner in reach, -1 where its site is empty.
        niche_offset: (around, offsets) distance from a niche to each corner, um.
        corner_offset: (2, offsets) distance from a tubule's own corners to each corner, um.
        ring: (around,) distance between niches k apart around one section, um.
    """

    tubules: int
    length: int
    around: int
    spacing: float
    radius: float
    columns: int
    rows: int
    neighbours: np.ndarray
    niche_offset: np.ndarray
    corner_offset: np.ndarray
    ring: np.ndarray

    @property
    def extent(self) -> tuple[float, float]:
        """Return width and height of the periodic patch, um."""
        return self.columns * self.spacing, self.rows * self.spacing * math.sqrt(3.0) / 2.0

    @property
    def sertoli_per_tubule(self) -> int:
        """Return the niches of a tubule: of all its sections."""
        return self.length * self.around

    @property
    def middle(self) -> int:
        """Return the section of each tubule that a picture shows."""
        return self.length // 2

    @property
    def niche_angle(self) -> np.ndarray:
        """Return the angle of each niche around its section, radians, (around,)."""
        return np.asarray(2.0 * np.pi * np.arange(self.around) / self.around)

    def along(self, niche: np.ndarray) -> np.ndarray:
        """Return in which section of its tubule each niche lies, from 0; `niche` counts over the tissue or within a tubule."""
        return np.asarray(niche % self.sertoli_per_tubule // self.around)

    def centres(self) -> np.ndarray:
        """Return tubule centres, (tubules, 2), um."""
        return _site(np.arange(self.tubules) % self.columns, np.arange(self.tubules) // self.columns, self.spacing)

    def corners(self) -> np.ndarray:
        """Return corner positions, (tubules * 2, 2), um; tubule i owns corners 2 i and 2 i + 1."""
        own = _own_corners(self.spacing)
        return np.asarray((self.centres()[:, None, :] + own[None]).reshape(-1, 2))


def _site(column: np.ndarray, row: np.ndarray, spacing: float) -> np.ndarray:
    x = (column + 0.5 + 0.5 * (row % 2)) * spacing
    y = (row + 0.5) * spacing * math.sqrt(3.0) / 2.0
    return np.stack([x, y], axis=-1).astype(float)


def _own_corners(spacing: float) -> np.ndarray:
    return np.array([[0.5, math.sqrt(3.0) / 6.0], [0.0, 1.0 / math.sqrt(3.0)]]) * spacing


def lattice(tubules: int, around: int, diameter: float, area_fraction: float, length: int = 1) -> Geometry:
    """Return the geometry of `tubules` tubules of `diameter` um and `length` sections that fill `area_fraction` of the tissue."""
    radius = diameter / 2.0
    spacing = math.sqrt(math.pi * radius**2 / area_fraction / (math.sqrt(3.0) / 2.0))
    rows = max(2, 2 * round(math.sqrt(tubules) / 2.0))
    columns = max(1, math.ceil(tubules / rows))
    offsets = _offsets(spacing)
    own = _own_corners(spacing)
    angle = 2.0 * np.pi * np.arange(around) / around
    niche = radius * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    target = np.array([vector for _, _, _, vector in offsets])
    return Geometry(
        tubules,
        length,
        around,
        spacing,
        radius,
        columns,
        rows,
        _neighbours(tubules, columns, rows, offsets),
        np.linalg.norm(niche[:, None] - target[None], axis=-1),
        np.linalg.norm(own[:, None] - target[None], axis=-1),
        2.0 * radius * np.sin(np.pi * np.arange(around) / around),
    )


def _offsets(spacing: float) -> list[tuple[int, int, int, np.ndarray]]:
    """List (axial column, row, corner, vector) of corners within reach of a site at the origin."""
    own = _own_corners(spacing)
    found = []
    for row in range(-4, 5):
        for axial in range(-6, 7):
            site = np.array([axial + 0.5 * row, row * math.sqrt(3.0) / 2.0]) * spacing
            for corner in range(CORNERS):
                vector = site + own[corner]
                if np.linalg.norm(vector) <= _REACH * spacing:
                    found.append((axial, row, corner, vector))
    return found


def _neighbours(tubules: int, columns: int, rows: int, offsets: list[tuple[int, int, int, np.ndarray]]) -> np.ndarray:
    site = np.arange(tubules)
    column, row = site % columns, site // columns
    table = np.empty((tubules, len(offsets)), dtype=np.int32)
    for k, (axial, up, corner, _) in enumerate(offsets):
        to_row = row + up
        # Odd rows are shifted half a spacing to the right, so an axial step becomes a column step by parity.
        to_column = (column + axial + (up + row % 2 - (to_row % 2)) // 2) % columns
        to_site = (to_row % rows) * columns + to_column
        table[:, k] = np.where(to_site < tubules, CORNERS * to_site + corner, -1)
    return table
