"""Estimates and intervals that several commands share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

_LEVEL = 0.95
FEW = 5  # pairs under which an interval is rough
LEAST_MEN = 5  # under which men have neither an interval nor a share
_SAME = 1e-7  # %: SD between pairs under which they differ by rounding alone


class Effect(NamedTuple):
    """A difference with the ends of its 95 % interval and p; NaN where there is none to give."""

    centre: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p: float = float("nan")
    df: float = float("nan")

    def scaled(self, change: Callable[[float], float]) -> Effect:
        """Return it on another scale that keeps the order, p and degrees of freedom as they are."""
        return self._replace(centre=change(self.centre), low=change(self.low), high=change(self.high))


def nanmean(values: np.ndarray, axis: int = 0) -> np.ndarray:
    """Return the mean over `axis` of what is there, NaN where nothing is, without numpy's warning of that."""
    there = np.isfinite(values)
    count = there.sum(axis=axis)
    return np.where(count > 0, np.where(there, values, 0.0).sum(axis=axis) / np.maximum(count, 1), np.nan)


def paired_change(before: np.ndarray, after: np.ndarray, least: float = 0.0) -> tuple[float, float, float]:
    """Return the change in % of pairs of levels, and the ends of its 95 % interval (NaN for a single pair).

    The geometric mean of the ratios with Student's t on their logs; if some level after is 0, the mean difference in %
    of the mean before. NaN where a level before lies under `least`, or none is above 0: nothing has no percentage.

    Args:
        before, after: (pairs,) levels; pairs with a missing one are left out.
        least: the least that is distinguished from zero.
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


def deterministic(change: float, low: float, high: float, pairs: int) -> bool:
    """Return whether a change in % is the same in all pairs: its SD between them is no more than rounding.

    Args:
        change, low, high: from paired_change, or a level in % of itself with its interval; pairs: their number.
    """
    if pairs < 2 or not np.isfinite(high - low):
        return False
    spread = 0.5 * (high - low) / _quantile(pairs) * float(np.sqrt(pairs))
    return spread <= _SAME * max(1.0 + change / 100.0, 1e-9)


def _quantile(n: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(n - 1, 0.5 + _LEVEL / 2.0))


def mean_and_half(values: np.ndarray) -> tuple[float, float]:
    """Return a mean and half of its 95 % interval (Student's t; NaN for a single value)."""
    n = len(values)
    if n < 2:
        return float(values.mean()), float("nan")
    return float(values.mean()), _quantile(n) * float(values.std(ddof=1)) / float(np.sqrt(n))


def spread_of_men(values: np.ndarray, low: float = 0.05, high: float = 0.95) -> tuple[float, float, float]:
    """Return the median of men (n,), none missing, and two quantiles; these are NaN of under LEAST_MEN, all of none."""
    if not len(values):
        return float("nan"), float("nan"), float("nan")
    if len(values) < LEAST_MEN:
        return float(np.median(values)), float("nan"), float("nan")
    middle, first, last = np.quantile(values, [0.5, low, high]).tolist()
    return middle, first, last


def share_of_men(hits: np.ndarray) -> tuple[float, float, float]:
    """Return the share of men (n,) of whom something holds, in %, and the ends of its 95 % interval (Wilson's score).

    NaN of under LEAST_MEN.
    """
    from statsmodels.stats.proportion import proportion_confint

    if len(hits) < LEAST_MEN:
        return float("nan"), float("nan"), float("nan")
    low, high = proportion_confint(int(hits.sum()), len(hits), alpha=1.0 - _LEVEL, method="wilson")
    return 100.0 * float(np.mean(hits)), 100.0 * float(low), 100.0 * float(high)


def cannot_say(men: int) -> str:
    """Return that so few men have neither an interval nor a share."""
    return f"cannot say ({men} {'man' if men == 1 else 'men'})"


def kish(weights: np.ndarray) -> float:
    """Return the effective sample size of weights (n,): how many equal ones are as precise (Kish 1965)."""
    return float(weights.sum() ** 2 / np.sum(weights**2)) if len(weights) else 0.0


def pareto_smoothed(log_weights: np.ndarray) -> tuple[np.ndarray, float]:
    """Return importance weights (n,), sum 1, with a smoothed tail, and the tail's Pareto shape k.

    The largest weights become the expected order statistics of the generalised Pareto distribution fitted to them
    (Vehtari et al., Pareto smoothed importance sampling, JMLR 2024). Beyond k of 0.7 no practical number of draws makes
    an estimate dependable.

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
    """Return shape and scale of the distribution of `excess` (n,), ascending (Zhang and Stephens, Technometrics 2009).

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


def arm_effect(
    after: np.ndarray, treated: np.ndarray, before: np.ndarray, *, least: float, cv: float
) -> tuple[Effect, Effect]:
    """Return the effect of an arm on a level that may be 0: difference of means in % of the control's and in the unit.

    Negative binomial regression on the arm and the log of the baseline: the variance is that of a count of units of
    `least` times a factor with the CV `cv`, and errors are robust against both being wrong (HC3, Student's t). Nothing
    is added to the outcome,
    and the fold is one of means, so men without any stay in as what they are. Where the arm's mean is 0 a fold has no
    interval: the difference in the unit is fitted by least squares, and the one in % follows from it. There is no
    difference in % where the control's mean lies under `least`, and none at all where nobody has any.

    Args:
        after: (men,) levels, none missing; treated: (men,) of the arm, or of the control.
        before: (men,) baselines; a missing one stands for their mean, which in a randomised trial costs precision
            alone.
        least: the least that is distinguished from zero, in the unit.
        cv: of one measurement.
    """
    from statsmodels.genmod.families import Gaussian, NegativeBinomial

    treated = treated.astype(bool)
    if not after.max() > 0.5 * least:  # none in any, or half the limit, which stands for it
        return Effect(), Effect()
    means = [float(after[men].mean()) for men in (~treated, treated)]
    measurable = means[0] >= max(least, np.finfo(float).tiny)
    plain = _regressed(after, treated, before, Gaussian())
    percent = plain.scaled(lambda x: 100.0 * x / means[0]) if measurable else Effect()
    if measurable and means[1] > 0.0:
        unit = least or 1.0
        fold = _regressed(after / unit, treated, np.log(before + unit), NegativeBinomial(alpha=max(cv, 0.01) ** 2))
        if np.isfinite(fold.p):
            percent = fold.scaled(lambda x: 100.0 * float(np.expm1(x)))
    return percent, plain


def _regressed(y: np.ndarray, treated: np.ndarray, covariate: np.ndarray, family: Any) -> Effect:
    """Return the coefficient of the arm in a regression with robust errors."""
    from scipy.stats import t as student
    from statsmodels.genmod.generalized_linear_model import GLM

    columns = [np.ones(len(y)), treated.astype(float)]
    filled = np.where(np.isfinite(covariate), covariate, nanmean(covariate))
    if np.isfinite(filled).all() and np.ptp(filled) > 1e-9:
        columns.append(filled - filled.mean())
    x = np.column_stack(columns)
    free = len(y) - x.shape[1]
    if free < 1 or np.ptp(y) == 0.0:
        return Effect()
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that does not converge is none, see below
        try:
            fit = GLM(y, x, family=family).fit()
        except (ValueError, np.linalg.LinAlgError):
            return Effect()
        mean, leverage = fit.fittedvalues, np.minimum(fit.get_hat_matrix_diag(), 1.0 - 1e-9)
        slope = 1.0 / fit.family.link.deriv(mean)
        weight = slope / fit.family.variance(mean)
        # The sandwich of HC3; statsmodels' own cov_type of a GLM leaves the leverage out.
        bread = np.linalg.pinv((x * (weight * slope)[:, None]).T @ x)
        pull = x * (weight * (y - mean) / (1.0 - leverage))[:, None]
        error = float(np.sqrt((bread @ (pull.T @ pull) @ bread)[1, 1]))
        centre = float(fit.params[1])
    if not fit.converged or not np.isfinite([centre, error]).all() or error <= 1e-12 * max(1.0, abs(centre)):
        return Effect()
    half = float(student.ppf(0.5 + _LEVEL / 2.0, free)) * error
    return Effect(centre, centre - half, centre + half, float(2.0 * student.sf(abs(centre) / error, free)), float(free))


def share_difference(hits: int, n: int, hits_control: int, n_control: int) -> Effect:
    """Return the difference of two shares in percentage points, with Newcombe's interval of their score intervals."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    if not (n and n_control):
        return Effect()
    low, high = confint_proportions_2indep(hits, n, hits_control, n_control, method="newcomb")
    return Effect(100.0 * (hits / n - hits_control / n_control), 100.0 * float(low), 100.0 * float(high))


def auc(scores: np.ndarray, positive: np.ndarray, least: int = 5) -> Effect:
    """Return the ROC AUC and its 95 % interval (Brunner and Munzel); NaN with under `least` of either kind.

    Missing scores are left out. Kinds that do not overlap have no interval.
    """
    from statsmodels.stats.nonparametric import rank_compare_2indep

    there = np.isfinite(scores)
    high, low = scores[there & positive], scores[there & ~positive]
    if min(len(high), len(low)) < least:
        return Effect()
    with np.errstate(all="ignore"):
        found = rank_compare_2indep(high, low)
        ends = np.clip(found.conf_int(), 0.0, 1.0) if 0.0 < found.prob1 < 1.0 else (np.nan, np.nan)
    return Effect(float(found.prob1), float(ends[0]), float(ends[1]))


def power(effect: Effect, sizes: tuple[int, int], wanted: int) -> float:
    """Return the power with `wanted` measured men in each of two arms, effect and spread as in `sizes` men.

    `effect` is on the scale of its normal error (of a fold: its log).
    """
    from scipy.stats import t as student
    from statsmodels.stats.power import TTestIndPower

    if not np.isfinite(effect.p) or wanted < 2:
        return float("nan")
    error = (effect.high - effect.low) / 2.0 / float(student.ppf(0.5 + _LEVEL / 2.0, effect.df))
    size = abs(effect.centre) / error * float(np.sqrt(1.0 / sizes[0] + 1.0 / sizes[1]))
    return float(TTestIndPower().power(size, wanted, 1.0 - _LEVEL, df=2.0 * wanted - 3.0))


def variance_reduction(before: np.ndarray, after: np.ndarray) -> float:
    """Return the variance of an unpaired difference of levels over that of the paired one (pairs,), on a log scale."""
    if len(before) < 3 or not ((before > 0).all() and (after > 0).all()):
        return float("nan")
    unpaired = np.log(before).var(ddof=1) + np.log(after).var(ddof=1)
    paired = np.log(after / before).var(ddof=1)
    return float(unpaired / paired) if paired > 0 else float("nan")


def resampled(weights: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Return `n` indices drawn by weight (systematic resampling); `weights` (men,) have the sum 1."""
    points = (np.arange(n) + np.random.default_rng(seed).random()) / n
    return np.minimum(np.searchsorted(np.cumsum(weights), points), len(weights) - 1)


def weighted_quantiles(values: np.ndarray, weights: np.ndarray, at: Sequence[float]) -> np.ndarray:
    """Return quantiles of values (n,) with weights (n,), between the values by straight line."""
    order = np.argsort(values)
    cumulative = np.cumsum(weights[order])
    return np.asarray(np.interp(at, (cumulative - 0.5 * weights[order]) / cumulative[-1], values[order]))
