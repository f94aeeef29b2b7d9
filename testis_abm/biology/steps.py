"""The types of germ cell, in the order of its life, and the rates that a Sertoli cell sets for them."""

from __future__ import annotations

from collections import namedtuple
from typing import NamedTuple

import numpy as np


class ByStep(NamedTuple):
    """One value for each type of germ cell; compiled code may index it by type."""

    a_dark: float
    a_pale: float
    b_spermatogonium: float
    preleptotene: float
    leptotene: float
    zygotene: float
    pachytene: float
    diplotene: float
    secondary_spermatocyte: float
    round_spermatid: float
    elongating_spermatid: float
    elongated_spermatid: float


NAMES = ByStep._fields
COUNT = len(NAMES)
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
) = range(COUNT)
PROPHASE = (PRELEPTOTENE, LEPTOTENE, ZYGOTENE, PACHYTENE, DIPLOTENE)

# Named rates that a Sertoli cell sets for its germ cells: two shares, the hazard of each type, per day, and how many A-pale
# it feeds.
COMMITMENT, SPERMIATION, HAZARD, FED = 0, 1, 2, 2 + COUNT
RATES = ("commitment", "spermiation", *(f"{name}_hazard" for name in NAMES), "a_pale_fed")
Rates = namedtuple("Rates", RATES)  # type: ignore[misc]

# Cells that the end of each type yields.
DAUGHTERS = np.array([1, 1, 2, 1, 1, 1, 1, 2, 2, 1, 1, 0], dtype=np.int64)
# Class of each type: what shares an activity of aromatase.
SPERMATOGONIUM, SPERMATOCYTE, SPERMATID, ELONGATED = range(4)
CLASS_OF_STEP = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 3, 3], dtype=np.int64)
