"""Estimates and intervals that several commands share."""

from __future__ import annotations

import numpy as np

_LEVEL = 0.95


def nanmean(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the mean over `axis` of what is there, NaN where nothing is, without numpy's warning of that."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    return np.where(count > 0, np.where(there, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def paired_change(before: np.ndarray, after: np.ndarray, least: float = 0.0) -> tuple[float, float, float]:
    """Return the change in % of pairs of levels, and the ends of its 95 % interval (NaN for a single pair).

    The geometric mean of the ratios with Student's t on their logs; if some level after is 0, the mean difference in % of the
    mean before. NaN where a level before lies under `least`, or none is above 0: nothing has no percentage.

    Args:
        before, after: (pairs,) levels; pairs with a missing one are left out.
        least: the least that is told from none.
    """
    there = np.isfinite(before) & np.isfinite(after)
    first, last = np.asarray(before, dtype=float)[there], np.asarray(after, dtype=float)[there]
    if not len(first) or first.min() < least or not (first > 0.0).any():
        return float("nan"), float("nan"), float("nan")
    if (first > 0.0).all() and (last > 0.0).all():
        centre, half = mean_and_half(np.log(last / first))
        change, low, high = 100.0 * np.expm1([centre, centre - half, centre + half])
        return float(change), float(low), float(high)
    centre, half = mean_and_half(100.0 * (last - first) / first.mean())
    return centre, centre - half, centre + half


def mean_and_half(values: np.ndarray) -> tuple[float, float]:
    """Return a mean and half of its 95 % interval (Student's t; NaN for a single value)."""
    from scipy.special import stdtrit

    n = len(values)
    if n < 2:
        return float(values.mean()), float("nan")
    quantile = float(stdtrit(n - 1, 0.5 + _LEVEL / 2.0))
    return float(values.mean()), quantile * float(values.std(ddof=1)) / float(np.sqrt(n))
