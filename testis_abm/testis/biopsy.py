"""A virtual biopsy: counts by step and the Johnsen score of each tubule section."""

from __future__ import annotations

import numpy as np

from testis_abm.biology import steps


def tubule_score(counts: np.ndarray, sertoli: int) -> int:
    """Return the Johnsen score (1970) of one tubule section, 2 to 10.

    Args:
        counts: germ cells by step, (steps,); sertoli: Sertoli cells in the section.

    10 full spermatogenesis; 9 many late spermatids, disorganised; 8 few late spermatids (under one for two Sertoli
    cells); 7 no late but many early spermatids; 6 few early; 5 no spermatids, many spermatocytes; 4 few; 3
    spermatogonia only; 2 Sertoli cells only. (1, a hyalinised tubule, does not arise here.)
    """
    late = counts[steps.ELONGATING_SPERMATID] + counts[steps.ELONGATED_SPERMATID]
    early = counts[steps.ROUND_SPERMATID]
    spermatocytes = counts[steps.PRELEPTOTENE : steps.SECONDARY_SPERMATOCYTE + 1].sum()
    if late >= 1.5 * sertoli:
        return 10
    if late >= 0.5 * sertoli:
        return 9
    if late > 0:
        return 8
    if early > 0:
        return 7 if early >= 0.5 * sertoli else 6
    if spermatocytes > 0:
        return 5 if spermatocytes >= 0.5 * sertoli else 4
    return 3 if counts[: steps.PRELEPTOTENE].sum() > 0 else 2


def johnsen_score(counts: np.ndarray, around: int) -> float:
    """Return the mean Johnsen score over all sections of `around` Sertoli cells; `counts` is (sertoli, steps)."""
    sections = counts.reshape(-1, around, steps.COUNT).sum(axis=1)
    return float(np.mean([tubule_score(section, around) for section in sections]))
