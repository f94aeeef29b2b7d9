"""How the steps of the germ line look: size, colour and chromatin, after haematoxylin-eosin stains."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Look:
    """One step as drawn.

    Attributes:
        name: for the legend.
        length, width: of the nucleus, um.
        fill, edge: colours of the nucleus.
        specks: number of dark chromatin clumps.
        speck: diameter of a clump, um.
        group: index into GROUPS.
    """

    name: str
    length: float
    width: float
    fill: str
    edge: str
    specks: int
    speck: float
    group: int


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

# Groups for the composition over time, bottom to top.
GROUPS = (
    ("spermatogonia", "#5B3A8C"),
    ("primary spermatocytes", "#B65B9A"),
    ("secondary spermatocytes", "#E3A3C0"),
    ("round spermatids", "#8FA3D8"),
    ("elongating, elongated", "#1C2F6E"),
)
