"""What a paper prints of an observation: from what a laboratory reported of men to one number a repeat of the trial.

NaN is a number that no paper could print; an infinite time is one that was not reached by the end, and is censored there.
"""

from __future__ import annotations

import numpy as np

from testis_abm.statistics import nanmean
from testis_abm.studies.study import GEOMETRIC, MEAN, MEDIAN, Observation

STEP = 3  # days between the samples of a course that is searched for a crossing of the men's mean


def step(observation: Observation) -> int:
    """Return the days between the samples of men that an observation of a course rests on; 0 for one of a day."""
    if observation.kind.startswith("men_weeks") or observation.kind.endswith("_by"):
        return observation.samples_every
    return STEP if observation.timed else 0


def statistic(
    observation: Observation,
    least: float,
    before: np.ndarray,
    after: np.ndarray,
    beside: np.ndarray | None = None,
    among: np.ndarray | None = None,
) -> np.ndarray:
    """Return what papers would print of an observation: (repeats,), NaN where they could print none.

    Averages are of the men who have a value. A change and a ratio are of averages, and there is none in % of one that
    the laboratory cannot distinguish from zero; a man who has no such level himself is not among those who rise or do
    not. A time that most men, or their mean, do not reach by the end is infinite.

    Args:
        observation: what was seen; least: the least of its column that is distinguished from zero.
        before, after: (repeats, men) as reported, at baseline and at follow-up; of a course (repeats, men, days) after.
        beside: (repeats, men) of the arm that it is compared with.
        among: (repeats, men) who belong to the men that it is of (None: all).
    """
    kind, factor = observation.kind, observation.factor
    if kind == "contrast":
        if among is None:
            raise ValueError("a contrast is among men")
        inside, others = (_only(after, of) for of in (among, ~among))
        return 100.0 * (fold(_average(observation, inside, least), _average(observation, others, least), least) - 1.0)
    if among is not None:
        before, after = _only(before, among), _only(after, among)
    if step(observation):
        return _of_course(observation, after / factor, least / factor)
    if observation.is_share:
        return _share(observation, before / factor, after / factor, least / factor)
    middle = _average(observation, after, least)
    if kind == "level":
        return np.asarray(middle / factor)
    base = _average(observation, before if beside is None else beside, least)
    if observation.signed:
        return np.asarray((middle - base) / factor)
    folds = fold(middle, base, least)
    return 100.0 * (folds if kind in ("lowest", "highest") else folds - 1.0)


def fold(after: np.ndarray, before: np.ndarray, least: float) -> np.ndarray:
    """Return after over before, NaN where the laboratory cannot distinguish `before` from zero."""
    measurable = before >= max(least, np.finfo(float).tiny)
    return np.where(measurable, after / np.where(measurable, before, 1.0), np.nan)


def nanmedian(values: np.ndarray) -> np.ndarray:
    """Return the median over the last axis of what is no NaN, infinite values included; NaN where nothing is."""
    there = np.sort(values, axis=-1)  # NaN last
    count = (~np.isnan(values)).sum(axis=-1)
    ends = [np.maximum(at, 0)[..., None] for at in ((count - 1) // 2, count // 2)]
    low, high = (np.take_along_axis(there, np.minimum(at, values.shape[-1] - 1), axis=-1)[..., 0] for at in ends)
    with np.errstate(invalid="ignore"):  # between two infinite ones lies no half
        return np.where(count > 0, np.where(high > low, 0.5 * (low + high), low), np.nan)


def _only(levels: np.ndarray, men: np.ndarray) -> np.ndarray:
    """Return levels with those of other men missing."""
    return np.where(men.reshape(*men.shape, *(1,) * (levels.ndim - men.ndim)), levels, np.nan)


def _average(observation: Observation, levels: np.ndarray, least: float) -> np.ndarray:
    """Return the average over men, (repeats,); in a geometric mean half the least stands for what lies under it."""
    if observation.over == MEAN:
        return nanmean(levels, axis=1)
    if observation.over == MEDIAN:
        return nanmedian(levels)
    if observation.over != GEOMETRIC:
        raise ValueError(observation.over)
    return np.exp(nanmean(np.log(np.maximum(levels, max(0.5 * least, np.finfo(float).tiny))), axis=1))


def _of_course(observation: Observation, levels: np.ndarray, least: float) -> np.ndarray:
    """Return weeks, or the share of men, until a level lies beyond the limit: levels (repeats, men, days)."""
    kind, limit = observation.kind, observation.limit or 0.0
    days = np.arange(levels.shape[2]) * step(observation)
    counted = days >= observation.since
    if observation.day is not None:
        counted &= days <= observation.day[1]
    single = observation.kind.startswith(("men_weeks", "share"))
    if not single:
        # None counted stands for half a sperm in the chamber, as laboratories report what lies under a limit.
        levels = np.exp(nanmean(np.log(np.maximum(levels, 0.5 * least)), axis=1))
    with np.errstate(invalid="ignore"):
        beyond = (levels < limit if "below" in kind else levels >= limit if single else levels > limit) & counted
    ever = beyond.any(axis=-1)
    if kind.startswith("share"):
        known = ~np.isnan(levels).all(axis=-1)
        return 100.0 * nanmean(np.where(known, ever, np.nan), axis=1)
    weeks = np.where(ever, (days[beyond.argmax(axis=-1)] - observation.since) / 7.0, np.inf)
    weeks = np.where(np.isnan(levels).all(axis=-1), np.nan, weeks)
    if not single:
        return weeks
    return nanmedian(weeks) if observation.over == MEDIAN else _average(observation, weeks, 0.0)


def _share(observation: Observation, before: np.ndarray, after: np.ndarray, least: float) -> np.ndarray:
    """Return the share of men, %, of those of whom it can be said."""
    kind, limit = observation.kind, observation.limit or 0.0
    if kind == "share_conceiving":
        return 100.0 * nanmean(after, axis=1)
    if kind in ("share_rising", "share_falling"):
        folds = fold(after, before, least)
        known = np.isfinite(folds)
        hit = folds >= 1.0 + limit / 100.0 if kind == "share_rising" else folds <= 1.0 - limit / 100.0
    elif kind in ("share_upgraded", "share_downgraded"):
        known = np.isfinite(before) & np.isfinite(after)
        first, last = (np.digitize(np.nan_to_num(level), observation.limits) for level in (before, after))
        hit = last > first if kind == "share_upgraded" else last < first
    else:
        known = np.isfinite(after)
        hit = after < limit if kind == "share_below" else after >= limit
    return 100.0 * nanmean(np.where(known, hit, np.nan), axis=1)
