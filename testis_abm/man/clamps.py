"""What the clamps of a plan hold in one man, day by day: his own levels times theirs, or theirs as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology.clamp import HELD, nothing
from testis_abm.quantities import HELD as COLUMNS
from testis_abm.quantities import QUANTITIES
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.scenario import Clamp


def own_levels(levels: Mapping[str, Any]) -> np.ndarray:
    """Return a man's own levels, (1,) of HELD, from those of his untreated steady state by column."""
    own = np.zeros(1, HELD)
    for name in COLUMNS:
        own[name] = levels[name]
    return own


def held_by_day(clamps: Sequence[Clamp], own: np.ndarray, values: Mapping[str, float], days: range) -> np.ndarray:
    """Return what is held on each of `days`, (days,) of HELD.

    Args:
        clamps: of the plan.
        own: (1,) of HELD, the man's own levels.
        values: dotted parameter name -> value.
        days: a day is lived at the level of its morning.

    Raises:
        TestisError: a multiple of his own level is beyond the physical range.
    """
    held, on = nothing(len(days)), np.array(days, dtype=float)
    for i, clamp in enumerate(clamps, 1):
        for column in clamp.columns:
            level, most = clamp.levels(on, float(own[column][0]), column, values), QUANTITIES[column].most_held
            holds = (on >= clamp.from_day) & (on < clamp.until_day)
            if np.any(level[holds] > most):
                own_level, unit = float(own[column][0]), QUANTITIES[column].unit
                raise TestisError(
                    f"clamp {i}: {clamp.label}: his own is {own_level:.4g} {unit}, and it can be held at 0 to {most:g} {unit}; "
                    "use a smaller multiple"
                )
            held[column][holds] = level[holds]
    return held
