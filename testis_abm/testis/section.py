"""A cross-section of the tissue as arrays, ready to be drawn."""

from __future__ import annotations

from typing import Any

import numpy as np

from testis_abm.biology.steps import A_PALE
from testis_abm.testis.fields import draw_field
from testis_abm.testis.geometry import CORNERS
from testis_abm.testis.kinds import KINDS
from testis_abm.testis.places import germ_niche, leydig_places, sertoli_places, tubules_there
from testis_abm.testis.tissue import Tissue

_GRID = 160
_LUMEN = 0.30


def cross_section(tissue: Tissue, day: int) -> dict[str, Any]:
    """Return the cells and fields of `tissue` for a picture: positions in um, fields in nmol/L on a grid over the extent.

    The cells are those of the middle section of each tubule; the fields, those of all sections together. Of a testis that
    has been taken away only the place of its tubules is told (`tubule_removed`), and no cells.
    """
    geometry, scale, columns = tissue.geometry, tissue.scale, tissue.columns
    shown = {kind.name: kind.in_section(tissue) for kind in KINDS}
    cells = {
        f"{kind.name}_{what}": place
        for kind in KINDS
        for what, place in zip(("x", "y", "angle"), kind.places(tissue, shown[kind.name]), strict=False)
    }
    leydig = np.column_stack(leydig_places(tissue, columns.leydig.rows()))
    niches = np.column_stack(sertoli_places(tissue, columns.sertoli.rows()))
    there = tubules_there(tissue)
    centres, corners = geometry.centres(), geometry.corners()[np.repeat(there, CORNERS)]
    kernels = tissue.levels.testosterone_kernel, tissue.levels.oestradiol_kernel
    testosterone = draw_field(
        geometry,
        leydig,
        columns.leydig.testosterone_secretion,
        kernels[0].length,
        scale.softening,
        float(tissue.testosterone.mean()),
        _GRID,
    )
    made = np.concatenate([columns.leydig.oestradiol_secretion, columns.sertoli.oestradiol_secretion])
    oestradiol = draw_field(
        geometry,
        np.vstack([leydig, niches]),
        made,
        kernels[1].length,
        scale.softening,
        float(tissue.oestradiol.mean()),
        _GRID,
    )
    return {
        "day": day,
        "extent": np.array(geometry.extent),
        "tubule_x": centres[:, 0],
        "tubule_y": centres[:, 1],
        "tubule_radius": np.full(geometry.tubules, geometry.radius),
        "tubule_removed": (~there).astype(np.uint8),
        "lumen_radius": _LUMEN * geometry.radius,
        **cells,
        "capillary_x": corners[:, 0],
        "capillary_y": corners[:, 1],
        "germ_step": columns.germ.step[shown["germ"]],
        **_walls(tissue),
        "field_testosterone": testosterone,
        "field_oestradiol": oestradiol,
    }


def _walls(tissue: Tissue) -> dict[str, Any]:
    """Return the walls of the tubules, (tubules, rows along, around), and which row is the section shown (pictures/wall.py)."""
    stage, sertoli = tissue.stages(), tissue.columns.sertoli
    walls = {
        "stage": stage,
        "a_pale": sertoli.counts[:, A_PALE],
        "empty": (sertoli.counts.sum(axis=1) == 0).astype(np.uint8),
        "blocked": (sertoli.blocked_until > tissue.now).astype(np.uint8),
        "founder": _founders(tissue),
    }
    return {
        "row": tissue.geometry.middle,
        **{f"wall_{name}": wall.reshape(stage.shape) for name, wall in walls.items()},
    }


def _founders(tissue: Tissue) -> np.ndarray:
    """Return the founder of an A-pale of each niche, -1 where there is none, (niches,)."""
    germ = tissue.columns.germ
    rows = germ.rows()
    rows = rows[germ.step[rows] == A_PALE]
    found = np.full(tissue.sertoli_count, -1, dtype=np.int64)
    found[germ_niche(tissue, rows)] = germ.founder[rows]
    return found
