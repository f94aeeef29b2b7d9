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
    of the mean before, its interval cut at -100. NaN where a level before lies under `least`, or none is above 0: nothing has no percentage.

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
    return centre, _possible(centre - half), centre + half


def _possible(percent: float) -> float:
    """Return the end of an interval of a change in %; a level falls by all of itself at most."""
    return percent if np.isnan(percent) else max(percent, -100.0)


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
    percent = plain.scaled(lambda x: _possible(100.0 * x / means[0])) if measurable else Effect()
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


class _Pattern(NamedTuple):
    """Men who have the same visits: which (k,), how many, and sums over them of outer products of regressors and levels."""

    there: np.ndarray
    men: int
    xx: np.ndarray
    yx: np.ndarray
    yy: np.ndarray


def repeated_measures(levels: np.ndarray, treated: np.ndarray, before: np.ndarray) -> Effect:
    """Return the effect of an arm at the last visit by a mixed model for repeated measures (MMRM).

    Every visit has its own mean, effect of the arm and slope on the baseline, and the covariance of a man's visits is
    unstructured, found by restricted maximum likelihood; a man with some visits contributes these, so that visits may be
    missing at random (Mallinckrodt et al., Drug Inf J 2008). Student's t with the men of the last visit less three as
    degrees of freedom, no correction for small samples: without missing visits it is ANCOVA of the last visit, exactly.

    Args:
        levels: (men, visits) on the scale of normal errors, NaN where missing; men without any are left out.
        treated: (men,) of the arm, or of the control; before: (men,) baselines on that scale, their mean for a missing one.
    """
    from scipy.optimize import minimize
    from scipy.stats import t as student

    some = np.isfinite(levels).any(axis=1)
    y, own, base = levels[some], treated[some].astype(float), before[some]
    base = np.where(np.isfinite(base), base, nanmean(base)) if len(y) else base
    columns = [np.ones(len(y)), own]
    if len(y) and np.isfinite(base).all() and np.ptp(base) > 1e-9:
        columns.append((base - base.mean()) / base.std())
    x = np.column_stack(columns)
    last = np.isfinite(y[:, -1])
    free = int(last.sum()) - x.shape[1]
    if free < 1 or len({*own[last]}) != 2:
        return Effect()
    # A visit that too few have has no place in the model; the last is never left out.
    kept = [k for k in range(y.shape[1]) if min(np.isfinite(y[own == arm, k]).sum() for arm in (0.0, 1.0)) >= LEAST_MEN]
    y = y[:, [*(k for k in kept if k != y.shape[1] - 1), y.shape[1] - 1]]
    scale = float(np.nanstd(y))
    if not scale > 0.0:
        return Effect()
    y, visits = y / scale, y.shape[1]
    there, index = np.unique(np.isfinite(y), axis=0, return_inverse=True)
    filled, patterns = np.nan_to_num(y), []
    for k, present in enumerate(there):
        if present.any():
            men = index.ravel() == k
            yy, yx = filled[men].T @ filled[men], filled[men].T @ x[men]
            patterns.append(_Pattern(np.flatnonzero(present), int(men.sum()), x[men].T @ x[men], yx, yy))
    lower = np.tril_indices(visits)

    def fitted(theta: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        """Return -2 log restricted likelihood, coefficients (visits * x) and their information."""
        root = np.zeros((visits, visits))
        root[lower] = theta
        root[np.diag_indices(visits)] = np.exp(np.clip(np.diag(root), -12.0, 12.0))
        covariance, information = root @ root.T, np.zeros((visits * x.shape[1],) * 2)
        pull, rest = np.zeros((visits, x.shape[1])), 0.0
        for part in patterns:
            inverse, of = np.zeros((visits, visits)), np.ix_(part.there, part.there)
            inverse[of] = np.linalg.inv(covariance[of])
            information += np.kron(inverse, part.xx)
            pull += inverse @ part.yx
            rest += part.men * float(np.linalg.slogdet(covariance[of])[1]) + float((inverse * part.yy).sum())
        found = np.linalg.solve(information, pull.ravel())
        return rest + float(np.linalg.slogdet(information)[1]) - float(found @ pull.ravel()), found, information

    start = np.zeros((visits, visits))
    for k in range(visits):
        seen = np.isfinite(y[:, k])
        off = y[seen, k] - x[seen] @ np.linalg.lstsq(x[seen], y[seen, k], rcond=None)[0]
        start[k, k] = np.log(max(float(np.sqrt((off**2).mean())), 1e-4))
    with np.errstate(all="ignore"):
        try:
            best = minimize(lambda theta: fitted(theta)[0], start[lower], method="BFGS", options={"gtol": 1e-5})
            _, found, information = fitted(best.x)
            error = float(
                np.sqrt(np.linalg.inv(information)[(visits - 1) * x.shape[1] + 1][(visits - 1) * x.shape[1] + 1])
            )
        except np.linalg.LinAlgError:
            return Effect()
    centre = scale * float(found[(visits - 1) * x.shape[1] + 1])
    error *= scale
    if not np.isfinite([centre, error]).all() or error <= 0.0:
        return Effect()
    half = float(student.ppf(0.5 + _LEVEL / 2.0, free)) * error
    return Effect(centre, centre - half, centre + half, float(2.0 * student.sf(abs(centre) / error, free)), float(free))


class Crossed(NamedTuple):
    """What a cross-over found: the effect of each treatment against the first, p of period and of carry-over."""

    effects: tuple[Effect, ...]
    period: float
    carry_over: float


def crossed_over(levels: np.ndarray, given: np.ndarray, arms: int) -> Crossed:
    """Return the effects of treatments that each man had in turn, by comparison within men.

    Least squares with an effect of every man, of period and of treatment (Jones and Kenward, Design and Analysis of
    Cross-Over Trials). Carry-over is the effect of the treatment of the period before: an F test within men where the
    sequences tell it from treatment and period, else (two treatments in two periods) a t test of the men's totals between
    the sequences, which has little power. Effects are not adjusted for it.

    Args:
        levels: (men, periods) on the scale of normal errors, NaN where missing.
        given: (men, periods) number of the treatment; arms: how many there are.
    """
    from scipy.stats import ttest_ind
    from statsmodels.regression.linear_model import OLS

    none = Crossed((Effect(),) * (arms - 1), float("nan"), float("nan"))
    whole = np.isfinite(levels).sum(axis=1) >= 2  # a man with one period has nothing to compare
    levels, given = levels[whole], given[whole]
    men, periods = np.nonzero(np.isfinite(levels))
    if len({*men}) < LEAST_MEN or np.ptp(levels[men, periods]) == 0.0:
        return none
    before = np.where(periods > 0, given[men, periods - 1], -1)
    of_men = (men[:, None] == np.arange(len(levels))).astype(float)
    treatment = (given[men, periods][:, None] == np.arange(1, arms)).astype(float)
    period = (periods[:, None] == np.arange(1, levels.shape[1])).astype(float)
    carried = (before[:, None] == np.arange(1, arms)).astype(float)
    y, x = levels[men, periods], np.hstack([treatment, period, of_men])
    if np.linalg.matrix_rank(x) < x.shape[1] or len(y) <= x.shape[1]:
        return none
    fit = OLS(y, x).fit()
    if not fit.scale > 1e-20 * float(np.var(y)):
        return none
    ends = fit.conf_int(1.0 - _LEVEL)
    effects = tuple(
        Effect(float(fit.params[k]), float(ends[k][0]), float(ends[k][1]), float(fit.pvalues[k]), float(fit.df_resid))
        for k in range(arms - 1)
    )
    steps = np.eye(x.shape[1])[arms - 1 : arms - 1 + period.shape[1]]
    wider, carry_over = np.hstack([x, carried]), float("nan")
    if np.linalg.matrix_rank(wider) == wider.shape[1] and len(y) > wider.shape[1]:
        carry_over = float(OLS(y, wider).fit().compare_f_test(fit)[1])
    elif arms == 2 and levels.shape[1] == 2:
        totals, first = levels.sum(axis=1), given[:, 0]
        carry_over = float(ttest_ind(totals[first == 0], totals[first == 1]).pvalue)
    return Crossed(effects, float(fit.f_test(steps).pvalue), carry_over)


SPENDING = ("obrien_fleming", "pocock")
_NODES = 201  # of a quadrature over what lies between two boundaries


def spent(share: float, spending: str, alpha: float) -> float:
    """Return the two-sided alpha spent when a `share` of the information is there (Lan and DeMets, Biometrika 1983)."""
    from scipy.stats import norm

    if spending == "pocock":
        return float(alpha * np.log1p((np.e - 1.0) * share))
    return float(4.0 * norm.sf(norm.isf(alpha / 4.0) / np.sqrt(share)))  # both sides spend half of alpha


def stopping(looks: Sequence[float], limits: Sequence[float], drift: float = 0.0) -> list[float]:
    """Return the chance to pass the limits, |z| >= limit, first at each look.

    Recursion over the independent increments of the score (Armitage, McPherson and Rowe, J R Stat Soc A 1969).

    Args:
        looks: shares of the information, rising; limits: of z; drift: mean of z at all information.
    """
    from scipy.stats import norm

    nodes, weights = np.polynomial.legendre.leggauss(_NODES)
    at, density, before = np.zeros(1), np.ones(1), 0.0  # density times weight of the score while it goes on
    chances = []
    for share, limit in zip(looks, limits, strict=True):
        end, step = limit * np.sqrt(share), np.sqrt(share - before)
        mean = at + drift * (share - before)
        chances.append(float(density @ (norm.sf((end - mean) / step) + norm.cdf((-end - mean) / step))))
        score = end * nodes
        moved = norm.pdf((score[:, None] - mean) / step) / step @ density
        at, density, before = score, end * weights * moved, share
    return chances


def stopping_limits(looks: Sequence[float], spending: str, alpha: float = 1.0 - _LEVEL) -> list[float]:
    """Return the limits of |z| at looks after rising shares of the information that spend alpha two-sided by `spending`."""
    from scipy.optimize import brentq

    limits: list[float] = []
    used = 0.0
    for k, share in enumerate(looks, 1):
        wanted = spent(share, spending, alpha) - used
        used += wanted

        def excess(limit: float, k: int = k, wanted: float = wanted) -> float:
            return stopping(looks[:k], [*limits, limit])[-1] - wanted

        limits.append(float(brentq(excess, 1e-3, 12.0, xtol=1e-9)) if excess(12.0) < 0.0 else 12.0)
    return limits


MULTIPLICITY = ("holm", "hochberg", "bonferroni", "hierarchical", "none")
_LIBRARY = {"holm": "holm", "hochberg": "simes-hochberg", "bonferroni": "bonferroni"}


def adjusted(p: Sequence[float], method: str) -> list[float]:
    """Return p of a family adjusted for it, in its order; "hierarchical" tests in that order and stops at the first failure.

    A missing p counts in the family and stays missing; what stands after it in a hierarchy fails.
    """
    from statsmodels.stats.multitest import multipletests

    given = np.asarray(p, dtype=float)
    filled = np.where(np.isfinite(given), given, 1.0)
    if method in _LIBRARY and len(given):
        filled = multipletests(filled, method=_LIBRARY[method])[1]
    elif method == "hierarchical":
        filled = np.maximum.accumulate(filled)
    return [float(one) if there else float("nan") for one, there in zip(filled, np.isfinite(given))]


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


_FAR_OUT = 8.0  # SD of the difference beyond which a test does not miss it


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
    found = float(TTestIndPower().power(size, wanted, 1.0 - _LEVEL, df=2.0 * wanted - 3.0))
    # Far out the noncentral t has no number any more.
    return 1.0 if np.isnan(found) and size * np.sqrt(wanted / 2.0) > _FAR_OUT else found


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
