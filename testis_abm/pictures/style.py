"""The common look of charts: colours and type, for paper and screen.

Colours are those of Okabe and Ito, which stay apart in every common form of colour blindness.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

DPI = 150
WIDTH = 7.2  # inch: two columns of a journal
PALETTE = ("#6E6E6E", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")  # untreated first
GREY, BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = PALETTE
COLOUR = {"untreated": GREY, "treated": BLUE}
OBSERVED, REFERENCE = VERMILION, GREEN
LIMIT, DIM, FAINT = "#444444", "#555555", "#777777"
SPANS = (ORANGE, SKY, PURPLE, GREEN)
# Line styles differ too, for print without colour.
LINES: tuple[tuple[str, Any], ...] = (
    (BLUE, "-"),
    (VERMILION, (0, (5, 1.5))),
    (GREEN, (0, (1.2, 1.2))),
    (PURPLE, (0, (5, 1.2, 1.2, 1.2))),
)
# Brown to blue-green by way of grey-white, and viridis.
DIVERGING = ("#8C510A", "#D8B365", "#F6F1E6", "#5AB4AC", "#01665E")
RISING = ("#440154", "#3B528B", "#21918C", "#5EC962", "#FDE725")
# White to blue, light enough to be written on.
SHADES = ("#FFFFFF", "#DCE9F5", "#B5D0E8", "#84B3D9", "#5A97C8")
NOTE = "testis_abm: a simulation for research, not medical advice."

RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.fontsize": 7.5,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 2.8,
    "ytick.major.size": 2.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelpad": 3,
    "lines.linewidth": 1.4,
    "legend.frameon": False,
    # Names and titles are the user's: a $ in them begins no formula.
    "text.parse_math": False,
    # Text that journals can edit, and the same bytes from the same run.
    "svg.fonttype": "none",
    "svg.hashsalt": "testis_abm",
}


def colour(share: float, scale: Sequence[str]) -> tuple[str, str]:
    """Return a colour of a scale, and the one of text on it."""
    place = min(max(share, 0.0), 1.0) * (len(scale) - 1)
    k = min(int(place), len(scale) - 2)
    ends = [[int(scale[i][at : at + 2], 16) for at in (1, 3, 5)] for i in (k, k + 1)]
    red, green, blue = (round(a + (b - a) * (place - k)) for a, b in zip(*ends, strict=True))
    return f"rgb({red},{green},{blue})", "#000" if 0.299 * red + 0.587 * green + 0.114 * blue > 130 else "#fff"
