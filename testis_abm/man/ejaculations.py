"""How often a man ejaculates, day by day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from testis_abm.biology.tract import ABSTINENCE_REFERENCE

if TYPE_CHECKING:
    from testis_abm.scenario import Samples


def pace_of(samples: Samples, days: range) -> np.ndarray:
    """Return how often he ejaculates by the morning after each of such days, (days,), over once every three days."""
    usual = ABSTINENCE_REFERENCE / samples.abstinence_days
    if not samples.ejaculations:
        return np.full(len(days), usual)
    listed = samples.ejaculating
    on = {*listed}
    return np.array([usual if day + 1 < listed[0] else ABSTINENCE_REFERENCE * (day + 1 in on) for day in days])
