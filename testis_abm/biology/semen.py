"""The semen analysis."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Semen:
    """A semen analysis: mL, million/mL, million, %; fragmented DNA and immature germ cells are NaN where nobody has looked."""

    volume_ml: float
    concentration_million_ml: float
    total_count_million: float
    progressive_motility_pct: float
    normal_forms_pct: float
    total_motile_count_million: float
    dna_fragmentation_pct: float = math.nan
    immature_germ_cells_million_ml: float = math.nan
    immature_germ_cells_million: float = math.nan

    @classmethod
    def of(
        cls,
        volume: float,
        concentration: float,
        motility: float,
        normal: float,
        fragmented: float = math.nan,
        immature: float = math.nan,
    ) -> Semen:
        """Return the analysis that follows from volume (mL), concentrations of sperm and immature germ cells (million/mL) and shares (0 to 1)."""
        total = volume * concentration
        # Percentages of no sperm are missing (NaN); the motile among none are none.
        motile: Any = np.where(np.asarray(concentration) > 0.0, total * motility, 0.0)[()]
        shares = 100.0 * motility, 100.0 * normal, motile, 100.0 * fragmented
        return cls(volume, concentration, total, *shares, immature, volume * immature)
