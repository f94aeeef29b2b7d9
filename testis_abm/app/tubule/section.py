"""Which part of a tissue is shown: some tubules, the interstices round them, their Leydig cells, the fields over them."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm.pictures.packing import Crowd, spread
from testis_abm.pictures.steps import LEYDIG_RADIUS
from testis_abm.testis.fields import kernel
from testis_abm.testis.kind import Kind
from testis_abm.testis.kinds import FURTHER
from testis_abm.testis.places import leydig_places, leydig_row, leydig_there
from testis_abm.testis.tissue import Tissue

LUMEN = 0.30  # its radius over that of the tubule, as in the other pictures
_MARGIN = 26.0  # um around the outermost tubules
_SERTOLI_DEPTH = 8.0  # um from the membrane to the middle of a Sertoli nucleus
_GRID = 20.0  # um between the points of a field
_REACH = 2.6  # spacings: as far as the sources of the model reach


@dataclass(frozen=True, eq=False)
class Section:
    """The shown part of a tissue, um.

    Attributes:
        tubules: indices, ascending; centres: (tubules, 2).
        corner: (interstices,) index of each that is shown; corner_place: (interstices, 2), next to the shown tubules.
        leydig: (cells,) rows of the columns; leydig_corner: which of `corner` each lies in; leydig_place: (cells, 2).
        niches: (tubules * around,) rows of the Sertoli cells of the middle section of each; sertoli_foot, sertoli_nucleus: (…, 2).
        window: x, y, width and height of what is seen.
        further: of each further kind of cell (kinds.FURTHER), the rows that are shown.
    """

    tubules: np.ndarray
    centres: np.ndarray
    radius: float
    corner: np.ndarray
    corner_place: np.ndarray
    leydig: np.ndarray
    leydig_corner: np.ndarray
    leydig_place: np.ndarray
    niches: np.ndarray
    sertoli_foot: np.ndarray
    sertoli_nucleus: np.ndarray
    window: tuple[float, float, float, float]
    further: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, tissue: Tissue, tubules: int) -> Section:
        """Return the section of so many tubules in the middle of the tissue."""
        geometry = tissue.geometry
        centres = geometry.centres()
        far = np.hypot(*(centres - np.array(geometry.extent) / 2.0).T)
        shown = np.sort(np.argsort(far, kind="stable")[:tubules])
        middle, radius = centres[shown], geometry.radius
        corner, place = _corners_round(tissue, middle)
        of, where = _leydig(tissue, corner)
        offset = np.stack(leydig_places(tissue, of), axis=-1) - geometry.corners()[corner[where]]
        wall = np.stack([np.cos(geometry.niche_angle), np.sin(geometry.niche_angle)], axis=-1)
        low, high = middle.min(axis=0) - radius - _MARGIN, middle.max(axis=0) + radius + _MARGIN
        per, around = geometry.sertoli_per_tubule, geometry.around
        return cls(
            shown,
            middle,
            radius,
            corner,
            place,
            of,
            where,
            _apart(place[where] + offset, place[where]),
            (shown[:, None] * per + geometry.middle * around + np.arange(around)).ravel(),
            (middle[:, None] + radius * wall).reshape(-1, 2),
            (middle[:, None] + (radius - _SERTOLI_DEPTH) * wall).reshape(-1, 2),
            (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1])),
            tuple(_in_tubules(tissue, kind, shown) for kind in FURTHER),
        )

    def pack(self) -> bytes:
        """Return the geometry as bytes: counts, window, radii, then tubule centres, interstices and feet (float32 x, y)."""
        counts = struct.pack("<4I", len(self.centres), len(self.corner_place), len(self.sertoli_foot), 0)
        sizes = struct.pack("<6f", *self.window, self.radius, LUMEN * self.radius)
        places = (self.centres, self.corner_place, self.sertoli_foot)
        return counts + sizes + b"".join(np.ascontiguousarray(of, dtype="<f4").tobytes() for of in places)


def _in_tubules(tissue: Tissue, kind: Kind, tubules: np.ndarray) -> np.ndarray:
    rows = kind.in_section(tissue)
    home = kind.niche(tissue, rows) // tissue.geometry.sertoli_per_tubule
    return np.asarray(rows[np.isin(home, tubules)])


def _corners_round(tissue: Tissue, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the interstices that touch the tubules at `centres`, and where: the tissue goes on beyond its edge."""
    geometry = tissue.geometry
    near = 1.05 * geometry.spacing / math.sqrt(3.0)
    low, high = centres.min(axis=0) - near, centres.max(axis=0) + near
    found: list[tuple[np.ndarray, np.ndarray]] = []
    for i in (-1, 0, 1):
        for j in (-1, 0, 1):
            place = geometry.corners() + np.array([i, j]) * geometry.extent
            which = np.flatnonzero(np.all((place > low) & (place < high), axis=1))
            gap = np.linalg.norm(place[which, None] - centres[None], axis=-1)
            which = which[gap.min(axis=1, initial=np.inf) < near]
            found.append((which, place[which]))
    return np.concatenate([of for of, _ in found]), np.concatenate([of for _, of in found])


def _leydig(tissue: Tissue, corner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the Leydig cells of the shown interstices, and in which each lies."""
    of = tissue.columns.leydig.corner
    beside = leydig_row(tissue, tissue.columns.leydig.rows()) == tissue.geometry.middle
    beside &= leydig_there(tissue)
    rows = [np.flatnonzero((of == one) & beside) for one in corner]
    where = np.repeat(np.arange(len(corner)), [len(some) for some in rows])
    return np.concatenate([np.zeros(0, dtype=np.int64), *rows]), where


def _apart(place: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """Return the places of Leydig cells once they have made room for each other and for their capillary, um."""
    one, radius = np.ones(len(place)), 0.9 * LEYDIG_RADIUS
    free = np.zeros(len(place), dtype=bool)
    return spread(Crowd(place, radius * one, 0.0 * one, free, corner, 13.0 * one, (26.0 + radius) * one), rounds=60)


class Fields:
    """Testosterone and oestradiol over the window, from the sources that the model has (see testis/fields.py)."""

    def __init__(self, tissue: Tissue, section: Section) -> None:
        geometry, softening = tissue.geometry, tissue.scale.softening
        left, bottom, width, height = section.window
        columns, rows = max(2, round(width / _GRID)), max(2, round(height / _GRID))
        x = left + (np.arange(columns) + 0.5) / columns * width
        y = bottom + (np.arange(rows) + 0.5) / rows * height
        self.shape = rows, columns
        points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
        middle = np.array([left + width / 2.0, bottom + height / 2.0])
        away = np.abs(_nearest(geometry.corners() - middle, geometry.extent))
        far = np.array([width, height]) / 2.0 + _REACH * geometry.spacing
        self.corners = np.flatnonzero(np.all(away < far, axis=1))
        targets = np.concatenate([points, section.sertoli_foot])
        levels = tissue.levels
        self._from_corners = [
            _weights(targets, geometry.corners()[self.corners], geometry.extent, of.length, softening)
            for of in (levels.testosterone_kernel, levels.oestradiol_kernel)
        ]
        # What the niches make reaches, in the model, those of their own tubule; between the tubules it is the mean.
        gap = np.linalg.norm(points[:, None] - section.centres[None], axis=-1)
        home = gap.argmin(axis=1)
        around = geometry.around
        feet = section.sertoli_foot.reshape(-1, around, 2)[home]
        apart = np.linalg.norm(points[:, None] - feet, axis=-1)
        self._ring = home[:, None] * around + np.arange(around)
        self._from_ring = kernel(apart, levels.oestradiol_kernel.length, softening)
        beyond = (gap.min(axis=1) - geometry.radius) / (geometry.spacing / math.sqrt(3.0) - geometry.radius)
        self._own = 1.0 - np.clip(beyond, 0.0, 1.0)
        self._section = section

    def today(self, tissue: Tissue) -> tuple[np.ndarray, np.ndarray]:
        """Return testosterone and oestradiol, nmol/L, (rows, columns), rows upwards."""
        levels, cells, niches = tissue.levels, tissue.columns, self._section.niches
        made = cells.sertoli.oestradiol_secretion[niches]
        mean = float(cells.sertoli.oestradiol_secretion.mean())
        by_ring = (made[self._ring] * self._from_ring).sum(axis=1)
        by_niches = levels.from_niches * (mean + self._own * (by_ring - mean))
        testosterone = levels.from_secretion * self._spread(0, cells.leydig.testosterone_secretion, cells.leydig.corner)
        oestradiol = levels.from_leydig * self._spread(1, cells.leydig.oestradiol_secretion, cells.leydig.corner)
        feet = len(niches)
        testosterone += float((tissue.testosterone.ravel()[niches] - testosterone[-feet:]).mean())  # from the blood
        return (
            np.maximum(testosterone[:-feet], 0.0).reshape(self.shape),
            (oestradiol[:-feet] + by_niches).reshape(self.shape),
        )

    def _spread(self, steroid: int, made: np.ndarray, corner: np.ndarray) -> Any:
        sources = np.bincount(corner, made, 1 + int(max(self.corners.max(), corner.max())))
        return self._from_corners[steroid] @ sources[self.corners].astype(np.float32)


def _nearest(gap: np.ndarray, extent: tuple[float, float]) -> np.ndarray:
    """Return the shortest of the vectors between two places of a tissue that repeats."""
    period = np.array(extent)
    return np.asarray((gap + 0.5 * period) % period - 0.5 * period)


def _weights(
    points: np.ndarray, sources: np.ndarray, extent: tuple[float, float], length: float, softening: float
) -> np.ndarray:
    """Return what each source gives to each point (float32; each row sums to 1)."""
    gap = _nearest(points[:, None] - sources[None], extent)
    return kernel(np.hypot(gap[..., 0], gap[..., 1]), length, softening).astype(np.float32)
