"""Changes in % on the page: from a level under what a laboratory tells from none there is none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from testis_abm import parameters
from testis_abm.laboratory import Laboratory
from testis_abm.results.report import change


def seen(column: str, before: Any, change_pct: Any, overrides: Mapping[str, float] | None = None) -> np.ndarray:
    """Return changes in % (any shape), NaN where the level before is under the laboratory's limit.

    Args:
        column: of the quantity; before: its levels without treatment, in the column's unit; overrides: of parameters.
    """
    least = max(Laboratory(parameters.values(overrides or {})).limit(column), float(np.finfo(float).tiny))
    return np.where(np.asarray(before, dtype=float) >= least, np.asarray(change_pct, dtype=float), np.nan)


def text(centre: float, low: float, high: float) -> tuple[str, str]:
    """Return a change in % and its interval as text, "-" and "" where there is none."""
    return change(centre, low, high)
