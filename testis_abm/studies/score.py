"""How a prediction is scored: between-study heterogeneity, folds, directions, log scores (calibration.toml)."""

from __future__ import annotations

import tomllib
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from testis_abm.quantities import Censored
from testis_abm.studies.study import Observation

CONFIGURATION = Path(__file__).with_name("calibration.toml")


@cache
def configuration() -> dict[str, Any]:
    """Return what calibration declares: parameters, studies set apart, spreads between studies (calibration.toml)."""
    return tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))


def between_studies(observation: Observation) -> float:
    """Return the SD on a log scale of between-study heterogeneity (laboratories, conduct; calibration.toml)."""
    spread = configuration()["spread"]
    return float(spread["weeks" if observation.timed else spread_name(observation.variable)])


def spread_name(variable: str) -> str:
    """Return under which name calibration.toml has a variable's spread."""
    return "free testosterone" if variable == "bioavailable testosterone" else variable


def between(observed: tuple[Observation, ...], drawn: np.ndarray, seed: int) -> np.ndarray:
    """Return the repeats as other studies of the same thing would have printed them."""
    other, spread = drawn.copy(), configuration()["spread"]
    for k, observation in enumerate(observed):
        own, stream = drawn[:, k], zlib.crc32(f"{observation.kind} {observation.label}".encode())
        normal = np.random.default_rng([seed, 19, stream]).standard_normal(len(drawn))
        if observation.is_share:
            other[:, k] = np.clip(own + 100.0 * spread["share"] * normal, 0.0, 100.0)
        elif observation.signed:
            size = np.abs(own[np.isfinite(own)])
            other[:, k] = own + spread["difference"] * (np.median(size) if len(size) else np.nan) * normal
        else:
            fold = np.exp(between_studies(observation) * normal)
            other[:, k] = 100.0 * ((1.0 + own / 100.0) * fold - 1.0) if observation.relative else own * fold
    return other


def inside(observation: Observation, low: float, high: float) -> bool:
    """Return whether what was observed lies in an interval; of what lies beyond a limit, whether the interval reaches there."""
    if isinstance(observation.value, Censored):
        return bool(low < observation.number if observation.value.below else high > observation.number)
    return bool(low <= observation.number <= high)


def as_fold(observation: Observation, value: float) -> float:
    """Return a value as a fold on its own scale: a change of -40 % is 0.6, a level or a time itself."""
    return 1.0 + value / 100.0 if observation.relative else value


def fold_error(observation: Observation, predicted: float) -> float:
    """Return predicted over observed or its inverse, at least 1 (within what is beyond a limit 1); NaN where a ratio means nothing."""
    seen, fold = as_fold(observation, observation.number), as_fold(observation, predicted)
    if _beyond(observation, predicted):
        return 1.0
    if observation.signed or not (seen > 0.0 and fold > 0.0):
        return float("nan")
    return float(np.exp(abs(np.log(fold / seen))))


def _beyond(observation: Observation, predicted: float) -> bool:
    """Return whether a prediction lies beyond the limit that what was observed lies beyond."""
    of = observation.value
    return isinstance(of, Censored) and (predicted < of.limit if of.below else predicted > of.limit)


def same_sign(observation: Observation, predicted: float) -> bool | None:
    """Return whether a change or difference has the observed sign; None where that is under its error, or 5 %."""
    if not (observation.relative or observation.signed) or isinstance(observation.value, Censored):
        return None
    least = observation.se if observation.se is not None else 5.0 if observation.relative else 0.0
    if abs(observation.number) <= least or np.isnan(predicted):
        return None
    return bool(np.sign(predicted) == np.sign(observation.number))


def scaled(observation: Observation, value: float) -> float:
    """Return a value on the scale it is compared on: log of a fold, or as it is (differences, shares of men)."""
    if observation.signed:
        return value
    if observation.is_share:
        return value / 100.0
    return float(np.log(max(as_fold(observation, value), 0.005)))


def from_scaled(observation: Observation, scaled_value: float) -> float:
    """Return a value on the scale of `scaled` as the observation prints it."""
    if observation.signed:
        return scaled_value
    if observation.is_share:
        return 100.0 * scaled_value
    fold = float(np.exp(scaled_value))
    return 100.0 * (fold - 1.0) if observation.relative else fold


def toward(observation: Observation, level: float) -> float:
    """Return a prediction on the scale of `scaled`, for a fit: one beyond the limit that the observed lies beyond is the limit."""
    return scaled(observation, observation.number if _beyond(observation, level) else level)


def error(observation: Observation, n: int) -> float:
    """Return the SD of an observation on the scale of `scaled`: its own error and what studies differ by."""
    spread, size = configuration()["spread"], 0.5 / np.sqrt(observation.n or n)
    if observation.is_share:
        return float(np.hypot(spread["share"], size))
    if observation.signed:
        own = abs(observation.number) * spread["difference"]
        return float(np.hypot(observation.se or own, own) + 1e-6)
    own = size
    if observation.se:
        fold = max(abs(as_fold(observation, observation.number)), 1e-6)
        own = (observation.se / (100.0 if observation.relative else 1.0)) / fold
    return float(np.hypot(own, between_studies(observation)))


def no_change(observation: Observation, n: int) -> float:
    """Return the log score of the forecast that nothing changes, as wide as such studies differ; NaN of what is no change."""
    if not (observation.relative or observation.signed) or isinstance(observation.value, Censored):
        return float("nan")
    sd = error(observation, n)
    return float(-0.5 * ((scaled(observation, observation.number) - scaled(observation, 0.0)) / sd) ** 2 - np.log(sd))


def width(observation: Observation, low: float, high: float) -> float:
    """Return how wide an interval is, as the fold between its middle and an end; NaN where a ratio means nothing."""
    ends = as_fold(observation, low), as_fold(observation, high)
    is_fold = 0.0 < ends[0] < np.inf and not observation.signed
    return float(np.sqrt(ends[1] / ends[0])) if is_fold else float("nan")


def log_score(observation: Observation, drawn: np.ndarray) -> float:
    """Return the log density of what was observed among predicted trials (normal on the scale of `scaled`).

    Of what lies beyond a limit it is the log of the chance to lie there. Trials in which a time was not reached by the
    end take their share from the density of the others, one trial more or less.
    """
    from testis_abm.support.special import log_ndtr

    printed = drawn[~np.isnan(drawn)]
    known = np.array([scaled(observation, value) for value in printed[np.isfinite(printed)]])
    if len(printed) < 2:
        return float("nan")
    reached = float(np.log((len(known) + 0.5) / (len(printed) + 1.0))) if len(known) < len(printed) else 0.0
    of, late = observation.value, len(printed) - len(known)
    if len(known) < 2:
        return reached if not isinstance(of, Censored) or of.below else 0.0
    sd = max(float(known.std()), 1e-3)
    off = (scaled(observation, observation.number) - known.mean()) / sd
    if isinstance(of, Censored):
        there = len(known) * np.exp(log_ndtr(off if of.below else -off)) + (0.0 if of.below else late)
        return float(np.log(max(there / len(printed), 1e-12)))
    return reached + float(-0.5 * off**2 - np.log(sd))
