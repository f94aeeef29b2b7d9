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


def kish(weights: np.ndarray) -> float:
    """Return the effective sample size of weights (n,): how many equal ones are as precise (Kish 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2)) if len(weights) else 0.0


def pareto_smoothed(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return importance weights (n,), sum 1, with a smoothed tail, and the tail's Pareto shape k.

    The largest weights become the expected order statistics of the generalised Pareto distribution fitted to them (Vehtari et al.,
    Pareto smoothed importance sampling, JMLR 2024). Beyond k of 0.7 no practical number of draws makes an estimate dependable.

    Args:
        log_weights: (n,) up to a constant.
    """
    log = log_weights - log_weights.max()
    n = len(log)
    tail = int(np.ceil(min(0.2 * n, 3.0 * np.sqrt(n))))
    order = np.argsort(log)[-tail - 1 :]
    cut, largest = np.exp(log[order[0]]), np.exp(log[order[1:]])
    k = 0.0 if tail > 4 and largest[-1] == cut else float("inf")  # of equal weights there is no tail
    if tail > 4 and largest[int(tail / 4 + 0.5) - 1] > cut:
        k, scale = _generalised_pareto(largest - cut)
        at = (np.arange(1, tail + 1) - 0.5) / tail
        excess = scale * np.expm1(-k * np.log1p(-at)) / k if k else -scale * np.log1p(-at)
        log[order[1:]] = np.log(np.minimum(cut + excess, 1.0))
    weights = np.exp(log)
    return weights / weights.sum(), k


def _generalised_pareto(excess: np.ndarray) -> tuple[float, float]:
    """Return shape and scale of the distribution of `excess` (n,), ascending, by Zhang and Stephens (Technometrics 2009).

    The shape leans on a weak prior at 0.5, as in Vehtari et al.
    """
    n, many = len(excess), 30 + int(np.sqrt(len(excess)))
    guess = 1.0 - np.sqrt(many / (np.arange(1, many + 1) - 0.5))
    guess = guess / (3.0 * excess[int(n / 4 + 0.5) - 1]) + 1.0 / excess[-1]
    shape = np.log1p(-guess[:, None] * excess).mean(axis=1)
    log = n * (np.log(-guess / shape) - shape - 1.0)
    weights = 1.0 / np.exp(np.minimum(log - log[:, None], 700.0)).sum(axis=1)
    best = float((guess * weights).sum() / weights.sum())
    found = float(np.log1p(-best * excess).mean())
    return (n * found + 5.0) / (n + 10.0), -found / best
