"""Where the cells of a tissue are, in um: what pictures and `position` show.

A germ cell lies in the sector of its Sertoli cell, at a depth that its step and progress fix: spermatogonia
on the basement membrane, spermatocytes between, elongated spermatids at the lumen. Keyed draws scatter them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from testis_abm.biology.draws import PLACE, uniforms
from testis_abm.biology.germ import durations, on_entering
from testis_abm.biology.steps import A_PALE
from testis_abm.parameters.tubules import HYALINISED
from testis_abm.support.compile import compiled
from testis_abm.testis.geometry import CORNERS

Tissue = Any  # of tissue.py, which lists the kinds

# Distance from the axis over tubule radius when a step begins; it ends at the next. Lumen: below 0.30.
_DEPTH = np.array([0.95, 0.95, 0.95, 0.92, 0.90, 0.87, 0.84, 0.70, 0.68, 0.65, 0.50, 0.42, 0.34])
_RADIAL_SCATTER = 0.02
_SECTOR = 0.9  # share of a Sertoli cell's sector over which its germ cells scatter
_CAPILLARY = 0.15  # share of an interstice's area that is left to its capillary
_SIDEWAYS, _ACROSS, _ALONG = 1, 2, 3  # which of a cell's draws of its place
NOTHING_LEFT = "both testes taken away"  # instead of a picture of nothing


@compiled
def _progress(lineage, step, remaining, mean_days, variation):
    """Return how far each cell is through its time as its type, 0 to 1; stem cells stay at the start."""
    progress = np.zeros(lineage.size)
    for i in range(lineage.size):
        if step[i] > A_PALE:
            days = on_entering(lineage[i], 0, np.int64(step[i]), mean_days, variation, 0.0)[0]
            progress[i] = min(1.0, max(0.0, 1.0 - remaining[i] / days))
    return progress


def germ_progress(tissue: Tissue, rows: np.ndarray) -> np.ndarray:
    """Return how far the germ cells in `rows` of the columns are through their time as their type, 0 to 1 (stem cells 0)."""
    germ, p = tissue.columns.germ, tissue.p
    remaining, mean_days = germ.ends[rows] - tissue.now, np.array(durations(p))
    step = germ.step[rows].astype(np.intp)
    return np.asarray(_progress(germ.lineage[rows], step, remaining, mean_days, p.germ.duration_variation))


def germ_places(tissue: Tissue, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y (um) and angle around the tubule (radians) of the germ cells in `rows` of the columns."""
    germ, geometry = tissue.columns.germ, tissue.geometry
    lineage, step = germ.lineage[rows], germ.step[rows].astype(np.intp)
    progress = germ_progress(tissue, rows)
    across = uniforms(lineage, _ACROSS, PLACE) - 0.5
    radial = _DEPTH[step] + progress * (_DEPTH[step + 1] - _DEPTH[step]) + 2.0 * _RADIAL_SCATTER * across
    sideways = uniforms(lineage, _SIDEWAYS, PLACE) - 0.5
    around = geometry.around
    angle = geometry.niche_angle[germ.niche[rows] % around] + sideways * _SECTOR * 2.0 * np.pi / around
    centre = geometry.centres()[germ.tubule_of(rows)]
    distance = radial * geometry.radius
    return centre[:, 0] + distance * np.cos(angle), centre[:, 1] + distance * np.sin(angle), angle


def sertoli_places(tissue: Tissue, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x, y (um) of the feet of the Sertoli cells in `rows`, on the basement membrane."""
    geometry = tissue.geometry
    angle = geometry.niche_angle[rows % geometry.around]
    centre = geometry.centres()[rows // geometry.sertoli_per_tubule]
    return centre[:, 0] + geometry.radius * np.cos(angle), centre[:, 1] + geometry.radius * np.sin(angle)


def leydig_places(tissue: Tissue, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x, y (um) of the Leydig cells in `rows`: around their capillary, clear of the tubules."""
    geometry, leydig = tissue.geometry, tissue.columns.leydig
    room = max(0.0, geometry.spacing / math.sqrt(3.0) - geometry.radius - tissue.scale.softening)
    corner = geometry.corners()[leydig.corner[rows]]
    lineages = leydig.lineage[rows]
    angle = 2.0 * np.pi * uniforms(lineages, _SIDEWAYS, PLACE)
    area = uniforms(lineages, _ACROSS, PLACE)
    distance = room * np.sqrt(_CAPILLARY + (1.0 - _CAPILLARY) * area)
    return corner[:, 0] + distance * np.cos(angle), corner[:, 1] + distance * np.sin(angle)


def germ_niche(tissue: Tissue, rows: np.ndarray) -> np.ndarray:
    """Return the Sertoli cell, over the tissue, of the germ cells in `rows` of the columns."""
    germ = tissue.columns.germ
    return np.asarray(germ.tubule_of(rows) * tissue.geometry.sertoli_per_tubule + germ.niche[rows])


def leydig_row(tissue: Tissue, rows: np.ndarray) -> np.ndarray:
    """Return beside which section of the tubules each Leydig cell lies: a keyed draw, as its level is that of all."""
    length = tissue.geometry.length
    return np.asarray((uniforms(tissue.columns.leydig.lineage[rows], _ALONG, PLACE) * length).astype(np.int64))


def sertoli_there(tissue: Tissue) -> np.ndarray:
    """Return which Sertoli cells are there: hyalinised tubules have lost theirs, and a testis may have been taken away."""
    sertoli = tissue.columns.sertoli
    return np.asarray((sertoli.state != HYALINISED) & (sertoli.present > 0.0))


def tubules_there(tissue: Tissue) -> np.ndarray:
    """Return which tubules are there, (tubules,): none of a testis that has been taken away."""
    return np.asarray(tissue.columns.sertoli.present[:: tissue.geometry.sertoli_per_tubule] > 0.0)


def leydig_there(tissue: Tissue) -> np.ndarray:
    """Return which Leydig cells are there: those that lesions took have no size; a testis takes along those beside it."""
    leydig = tissue.columns.leydig
    return np.asarray((leydig.size > 0.0) & tubules_there(tissue)[leydig.corner // CORNERS])
