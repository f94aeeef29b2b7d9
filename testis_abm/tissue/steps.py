"""The steps of a germ cell's life, in order, and the groups that share a hazard."""

from __future__ import annotations

import numpy as np

NAMES = (
    "a_dark",
    "a_pale",
    "b_spermatogonium",
    "preleptotene",
    "leptotene",
    "zygotene",
    "pachytene",
    "diplotene",
    "secondary_spermatocyte",
    "round_spermatid",
    "elongating_spermatid",
    "elongated_spermatid",
)
(
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    PRELEPTOTENE,
    LEPTOTENE,
    ZYGOTENE,
    PACHYTENE,
    DIPLOTENE,
    SECONDARY_SPERMATOCYTE,
    ROUND_SPERMATID,
    ELONGATING_SPERMATID,
    ELONGATED_SPERMATID,
) = range(12)
COUNT = len(NAMES)

# Columns of the support that a Sertoli cell gives (per day unless a share).
(
    COMMITMENT,
    SPERMATOGONIAL_HAZARD,
    PROPHASE_HAZARD,
    MEIOTIC_HAZARD,
    ROUND_HAZARD,
    ELONGATION_HAZARD,
    SPERMIATION,
    OESTROGEN_LACK_HAZARD,
) = range(8)
SUPPORT = (
    "commitment",
    "spermatogonial_hazard",
    "prophase_hazard",
    "meiotic_hazard",
    "round_hazard",
    "elongation_hazard",
    "spermiation",
    "oestrogen_lack_hazard",
)

# Which hazard acts on which step (-1: none; stem cells are lost at the turn of a cycle, see rules.stem_cell_turn).
HAZARD_OF_STEP = np.array([-1, -1, 1, 2, 2, 2, 2, 2, 3, 4, 5, 5], dtype=np.int64)
# Cells that a step's end yields, and the step they enter.
DAUGHTERS = np.array([1, 1, 2, 1, 1, 1, 1, 2, 2, 1, 1, 0], dtype=np.int64)
# Index of the oestrogen-receptor-beta expression and aromatase class of each step.
SPERMATOGONIUM, SPERMATOCYTE, SPERMATID, ELONGATED = range(4)
CLASS_OF_STEP = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 3], dtype=np.int64)
