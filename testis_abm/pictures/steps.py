"""How the cells of a slide look: size, colour and chromatin, after haematoxylin-eosin stains.

On paper (`micrograph`) and in the browser (`app/tubule/draw.js`, which is given `slide()`).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from testis_abm.biology.stages import NAMES
from testis_abm.testis.kind import Look
from testis_abm.testis.kinds import FURTHER

STEPS = (
    Look("A dark spermatogonium", 8.0, 6.4, "#4B2A6B", "#2C1444", 1, 1.6, 0),
    Look("A pale spermatogonium", 8.0, 6.8, "#B79FD0", "#5A3A80", 2, 1.3, 0),
    Look("B spermatogonium", 7.0, 7.0, "#8C6BB1", "#46256B", 4, 1.5, 0),
    Look("preleptotene", 6.5, 6.5, "#7B4F9E", "#3F1D63", 5, 1.1, 1),
    Look("leptotene", 7.5, 7.5, "#8F4A97", "#4A1A55", 8, 0.9, 1),
    Look("zygotene", 7.5, 7.5, "#9C3F86", "#561347", 8, 1.2, 1),
    Look("pachytene", 9.5, 9.5, "#B65B9A", "#641650", 9, 1.6, 1),
    Look("diplotene", 10.0, 10.0, "#C77FA9", "#701F57", 8, 1.8, 1),
    Look("secondary spermatocyte", 7.0, 7.0, "#A88BC6", "#563380", 3, 1.2, 2),
    Look("round spermatid", 5.5, 5.5, "#8FA3D8", "#3A4E92", 1, 1.3, 3),
    Look("elongating spermatid", 5.2, 2.2, "#3F5FB0", "#24397A", 0, 0.0, 4),
    Look("elongated spermatid", 4.0, 1.6, "#1C2F6E", "#0E1B45", 0, 0.0, 4),
)
ELONGATING, ELONGATED = 10, 11
SERTOLI = Look("Sertoli cell (nucleus)", 8.8, 8.0, "#DDD0EA", "#6F5490", 1, 1.9)
LEYDIG = Look("Leydig cell", 5.8, 5.8, "#7B4A93", "#4A2763", 1, 1.4)
FURTHER_LOOKS = {kind.name: kind.look for kind in FURTHER if kind.look}
SHRUNKEN = 0.6  # radius of a hyalinised tubule over that of another (assumed; for pictures alone)
LEYDIG_RADIUS = 7.5  # um, of the whole cell, a polygon

# What is not the nucleus of a cell.
STAIN = {
    "stroma": "#FBF1F4",
    "fibre": "#F0D5DF",
    "epithelium": "#F1D3E0",
    "cleft": "#DDB4CB",
    "lumen": "#FEFBFC",
    "membrane": "#A94C7C",
    "myoid": "#6B3F78",
    "cytoplasm": "#F6E2EC",
    "cytoplasmEdge": "#D8AFC8",
    "eosin": "#EFA0A8",
    "eosinEdge": "#C4707F",
    "vessel": "#B3362B",
    "plasma": "#FDECEA",
    "blood": "#DF5A48",
    "tail": "#6C74A8",
}

# Stages of the cycle, of Okabe and Ito: dark and light in turn, so that neighbours differ without colour too; then
# niches without germ cells, and those whose stem cells have stopped for a time.
STAGE_COLOURS = ("#0072B2", "#56B4E9", "#009E73", "#F0E442", "#E69F00", "#D55E00")
EMPTY, BLOCKED = "#C9C9C9", "#000000"
NO_STAGE = (("no germ cells", EMPTY), ("stem cells blocked", BLOCKED))

# Groups for the composition over time, bottom to top.
GROUPS = (
    ("spermatogonia", "#5B3A8C"),
    ("primary spermatocytes", "#B65B9A"),
    ("secondary spermatocytes", "#E3A3C0"),
    ("round spermatids", "#8FA3D8"),
    ("elongating, elongated", "#1C2F6E"),
)


def slide() -> dict[str, Any]:
    """Return the looks as plain tables, for who draws elsewhere."""
    return {
        "cells": [asdict(look) for look in (*STEPS, SERTOLI, LEYDIG, *FURTHER_LOOKS.values())],
        "leydigRadius": LEYDIG_RADIUS,
        "shrunken": SHRUNKEN,
        "stain": STAIN,
        "stages": [{"name": name, "colour": colour} for name, colour in zip(NAMES, STAGE_COLOURS, strict=True)],
        "noStage": [{"name": name, "colour": colour} for name, colour in NO_STAGE],
    }
