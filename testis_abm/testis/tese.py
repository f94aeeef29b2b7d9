"""A virtual extraction of sperm from the testis: tubule sections of the simulated tissue in which a surgeon would see them."""

from __future__ import annotations

import numpy as np

from testis_abm.biology import steps
from testis_abm.parameters.tubules import REDUCED


def sections_with_sperm(counts: np.ndarray, state: np.ndarray, around: int) -> tuple[int, int]:
    """Return how many sections hold an elongating or elongated spermatid, and of how many, in tubules whose germ cells pass.

    Args:
        counts: germ cells, (sertoli, steps); state: of the tubule of each Sertoli cell (tubules.COMPLETE, ...).
        around: Sertoli cells around a section.
    """
    passing = (state <= REDUCED).reshape(-1, around)[:, 0]
    late = counts[:, steps.ELONGATING_SPERMATID :].reshape(-1, around, steps.COUNT - steps.ELONGATING_SPERMATID)
    holds = late.any(axis=(1, 2))
    return int((holds & passing).sum()), int(passing.sum())
