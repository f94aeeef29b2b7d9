"""Changes in % as the page shows them: the one place that says when there is one.

A level under what a laboratory can see has no percentage: a thousandfold of nothing measured is nothing that anybody measures.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from testis_abm import parameters
from testis_abm.results.report import change, number

_LEAST = 1e-3  # of any unit in use


def visible(name: str, level: Any) -> Any:
    """Return whether a laboratory sees a level (a number or an array), of sperm from the least that is no azoospermia on.

    Args:
        name: of the column; level: in its unit or the one of clinical reports.
    """
    sperm = any(word in name for word in ("concentration", "count"))
    least = parameters.values()["outcome.azoospermic_below"] if sperm else _LEAST
    return np.asarray(level, dtype=float) >= least


def seen(name: str, before: Any, change_pct: Any) -> np.ndarray:
    """Return changes in %, NaN where the level before is none that a laboratory sees."""
    return np.where(visible(name, before), np.asarray(change_pct, dtype=float), np.nan)


def percent(name: str, before: float, centre: float, low: float = math.nan, high: float = math.nan) -> tuple[str, str]:
    """Return a change in % and its interval as text, "-" and "" where there is none.

    Args:
        name: of the column; before: its level without treatment; centre, low, high: of the change, %.
    """
    return change(float(seen(name, before, centre)), low, high)


def levels(before: float, after: float) -> str:
    """Return two levels as "before → after"."""
    return f"{number(before)} → {number(after)}"
