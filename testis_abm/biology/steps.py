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

# What hormones make of a Sertoli cell's support, in the order of rules.sertoli_support.
SUPPORT = (
    "commitment",
    "spermiation",
    "spermatogonial_hazard",
    "prophase_hazard",
    "meiotic_hazard",
    "round_hazard",
    "elongation_hazard",
    "oestrogen_lack_hazard",
)
# Named rates that a Sertoli cell sets for its germ cells, one row each: two shares, then the hazard of each step, per day.
COMMITMENT, SPERMIATION, HAZARD = 0, 1, 2
RATES = ("commitment", "spermiation", *(f"{name}_hazard" for name in NAMES))

# Cells that a step's end yields, and the step they enter.
DAUGHTERS = np.array([1, 1, 2, 1, 1, 1, 1, 2, 2, 1, 1, 0], dtype=np.int64)
# Index of the oestrogen-receptor-beta expression and aromatase class of each step.
SPERMATOGONIUM, SPERMATOCYTE, SPERMATID, ELONGATED = range(4)
CLASS_OF_STEP = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 3], dtype=np.int64)
