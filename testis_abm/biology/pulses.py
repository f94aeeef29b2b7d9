"""LH and testosterone through the minutes of a day: pulses of GnRH, drawn about the means of the day.

The axis advances by means, and nothing of the body follows what is drawn here; it is for a sample at an hour
(Sampled, which the laboratory reads), and for looking. A Weibull renewal process sends pulses at the frequency of the day, each brings LH of a log-normal mass, and
the masses are such that LH has the mean of the day on average. Testosterone follows LH with two lags, under a cosine
of the clock. Numbers and sources: parameters/model/pulses.toml.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology.kinetics import lh_response
from testis_abm.parameters.rooms import room

STEP = 2  # minutes
DAY = 24 * 60
_BEFORE = DAY // STEP  # steps in which what was there has been cleared
_MORNING = 8.0  # hour at which men are sampled who are sampled without an hour
_USUAL_DAYS = 2000  # of the reference man, from which the spread of his samples is known to 2 %
_LEAST = 1e-4  # relative frequency: none in a year
PULSING = "lh_iu_l", "testosterone_nmol_l"  # columns that an hour moves
_STREAM = zlib.crc32(b"pulses")


class PulseParameters(NamedTuple):
    """Numbers of pulses, of a man's age; names and units as in parameters/model (pulses.toml; axis and leydig for the last)."""

    interval: float
    interval_shape: float
    mass_spread: float
    burst: float
    half_life_fast: float
    half_life_slow: float
    fast_share: float
    basal_share: float
    leydig_lag: float
    testosterone_lag: float
    clock_amplitude: float
    clock_peak: float
    lh_reference: float
    lh_floor: float
    lh_saturation: float
    basal_secretion: float

    @classmethod
    def of(cls, values: Mapping[str, float], age: float) -> PulseParameters:
        """Return those of a man of `age` years, of dotted parameters."""
        numbers = room(values, "pulses")
        numbers |= {name: values[f"axis.{name}"] for name in ("lh_reference", "lh_floor")}
        numbers |= {name: values[f"leydig.{name}"] for name in ("lh_saturation", "basal_secretion")}
        clock = numbers["clock_amplitude"] + numbers["clock_age_slope"] * (age - values["axis.age_reference"])
        numbers["clock_amplitude"] = min(max(clock, 0.0), 1.0)
        return cls(**{name: numbers[name] for name in cls._fields})


class DayMeans(NamedTuple):
    """What pulses are drawn about.

    Attributes:
        lh_iu_l, testosterone_nmol_l: means of the day.
        frequency: of his own pulses of GnRH, relative.
        pulsed: share of LH that GnRH in these pulses calls forth; the rest is that of gonadotrophs without GnRH, and
            under GnRH that is given, whose rhythm is not followed.
        own_activity, hcg_activity: of LH and of hCG, relative.
        testicular: share of testosterone that the testes secrete.
        given: share of GnRH that is given.
    """

    lh_iu_l: float
    testosterone_nmol_l: float
    frequency: float
    pulsed: float
    own_activity: float
    hcg_activity: float
    testicular: float
    given: float

    @classmethod
    def of(cls, means: Mapping[str, Any] | np.void, p: PulseParameters, held: Mapping[str, Any] | np.void) -> DayMeans:
        """Return those of a day of the axis (axis.DAY); what was `held` then (clamp.HELD) is at its level at any hour."""
        lh, frequency, present = (float(means[name]) for name in ("lh_iu_l", "gnrh_frequency", "gnrh_present"))
        own = lh / p.lh_reference
        # An antagonist weakens all GnRH alike; more than his own is given.
        given = 1.0 - frequency / present if present > frequency else 0.0
        called_forth = max(0.0, 1.0 - p.lh_floor / own) if own > 0.0 else 0.0
        return cls(
            lh,
            float(means["testosterone_nmol_l"]),
            frequency,
            (1.0 - given) * called_forth if frequency > _LEAST and math.isnan(held["lh_iu_l"]) else 0.0,
            own,
            max(0.0, float(means["lh_activity"]) - own),
            float(means["testicular_testosterone_share"]) if math.isnan(held["testosterone_nmol_l"]) else 0.0,
            given,
        )


@dataclass(frozen=True)
class Minutes:
    """LH and testosterone through days.

    Attributes:
        minute: of the first day, from midnight on, every STEP minutes.
        lh_iu_l, testosterone_nmol_l: levels then.
        pulses: minutes at which pulses of his own began, of these days.
    """

    minute: np.ndarray
    lh_iu_l: np.ndarray
    testosterone_nmol_l: np.ndarray
    pulses: np.ndarray

    def at(self, hour: float) -> tuple[float, float]:
        """Return LH and testosterone at an hour of the first day."""
        k = min(round(hour * 60 / STEP), len(self.minute) - 1)
        return float(self.lh_iu_l[k]), float(self.testosterone_nmol_l[k])


@dataclass(frozen=True)
class Sampled:
    """The hour at which a man's blood is taken, and the day about whose means his pulses are drawn.

    Attributes:
        hour: of the clock, 0 to 24.
        means: of the day; p: of the man's age.
    """

    hour: float
    means: DayMeans
    p: PulseParameters

    def levels(self, key: Sequence[int]) -> dict[str, float]:
        """Return LH and testosterone then, by column, of the pulses that `key` draws."""
        return dict(zip(PULSING, draw(self.means, self.p, key).at(self.hour), strict=True))


def sampled(
    hour: float | None, means: Mapping[str, Any], values: Mapping[str, float], age: float, held: np.void
) -> Sampled | None:
    """Return a sample at an hour (None: none is asked for) of a day of the axis (axis.DAY) of a man of `age` years.

    Args:
        hour: of the clock; means: of the day.
        values: dotted parameter name -> value.
        age: years; held: on that day, clamp.HELD.
    """
    if hour is None:
        return None
    p = PulseParameters.of(values, age)
    return Sampled(hour, DayMeans.of(means, p, held), p)


def usual_log_variance(values: Mapping[str, float]) -> dict[str, float]:
    """Return the variance on a log scale that pulses make of the reference man's morning samples, by column of PULSING."""
    return dict(
        zip(
            PULSING,
            _usual_log_variance(
                PulseParameters.of(values, values["axis.age_reference"]), values["axis.testicular_testosterone_share"]
            ),
            strict=True,
        )
    )


@lru_cache(maxsize=16)
def _usual_log_variance(p: PulseParameters, testicular: float) -> tuple[float, ...]:
    means = DayMeans(1.0, 1.0, 1.0, 1.0 - p.lh_floor, 1.0, 0.0, testicular, 0.0)
    days = draw(means, p, (0,), _USUAL_DAYS)
    sampled = (level[round(_MORNING * 60 / STEP) :: DAY // STEP] for level in (days.lh_iu_l, days.testosterone_nmol_l))
    return tuple(math.log1p(float(level.var() / level.mean() ** 2)) for level in sampled)


def draw(means: DayMeans, p: PulseParameters, key: Sequence[int], days: int = 1) -> Minutes:
    """Draw the pulses of `days` like one another, from midnight on.

    The same `key` draws the same pulses, faster or slower, larger or smaller: arms of a man are paired.
    """
    rng = np.random.default_rng([*key, _STREAM])
    steps = days * DAY // STEP
    begun, lh = _lh(means, p, rng, steps)
    testosterone = _testosterone(means, p, lh)
    kept = slice(_BEFORE, None)
    minute = np.arange(steps) * float(STEP)
    pulses = begun - _BEFORE * STEP
    return Minutes(minute, lh[kept], testosterone[kept], pulses[pulses >= 0.0])


def rises(levels: np.ndarray, every: int = 10, rise: float = 0.2) -> np.ndarray:
    """Return the heights of the pulses that samples of a series every few minutes show.

    A pulse is a `rise` (a share of the lowest level before), then a fall of half as much.
    """
    heights, up, low, top = [], False, math.inf, 0.0
    for level in levels[:: every // STEP].tolist():
        if not up:
            low = min(low, level)
            if level > low * (1.0 + rise):
                up, top = True, level
        else:
            top = max(top, level)
            if level < top * (1.0 - rise / 2.0):
                heights.append(top - low)
                up, low = False, level
    return np.array(heights)


def _lh(means: DayMeans, p: PulseParameters, rng: np.random.Generator, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return when pulses began, minutes, and LH, both with the day before."""
    steps += _BEFORE
    if means.pulsed <= 0.0:
        return np.empty(0), np.full(steps, means.lh_iu_l)
    interval = p.interval / means.frequency
    begun = _renewals(interval, p.interval_shape, rng, steps * STEP)
    masses = np.exp(p.mass_spread * rng.standard_normal(begun.size) - 0.5 * p.mass_spread**2)
    secreted = np.zeros(steps)
    np.add.at(secreted, (begun / STEP).astype(int), masses)
    secreted = _spread_out(secreted, p.burst)
    pulsed = np.zeros(steps)
    for half_life, share in ((p.half_life_fast, p.fast_share), (p.half_life_slow, 1.0 - p.fast_share)):
        stays = 2.0 ** (-STEP / half_life)
        # Of a pulse an interval, so much is there on average.
        pulsed += share * _decaying(secreted, stays)
    mean = (
        p.fast_share / -math.expm1(-math.log(2.0) * STEP / p.half_life_fast)
        + (1.0 - p.fast_share) / -math.expm1(-math.log(2.0) * STEP / p.half_life_slow)
    ) * (STEP / interval)
    in_pulses = means.pulsed * (1.0 - p.basal_share)
    return begun, means.lh_iu_l * (1.0 - in_pulses + in_pulses * pulsed / mean)


def _renewals(interval: float, shape: float, rng: np.random.Generator, minutes: float) -> np.ndarray:
    """Return the times of a Weibull renewal process of that mean interval, as it is found at any time."""
    scale = interval / math.gamma(1.0 + 1.0 / shape)
    # The interval in which it is found is one of the long ones.
    first = rng.random() * scale * rng.gamma(1.0 + 1.0 / shape) ** (1.0 / shape)
    further = int(1.5 * minutes / interval) + 60
    times = first + np.concatenate([[0.0], np.cumsum(scale * rng.weibull(shape, further))])
    early: np.ndarray = times[times < minutes]
    return early


def _testosterone(means: DayMeans, p: PulseParameters, lh: np.ndarray) -> np.ndarray:
    """Return testosterone of a course of LH that begins a day before midnight, nmol/L."""
    activity = means.hcg_activity + (means.own_activity / means.lh_iu_l if means.lh_iu_l > 0.0 else 0.0) * lh
    usual = lh_response(means.hcg_activity + means.own_activity, p.lh_saturation, p.basal_secretion)
    response = lh_response(activity, p.lh_saturation, p.basal_secretion) / usual
    hour = np.arange(lh.size) * STEP / 60.0
    clock = 1.0 + p.clock_amplitude * np.cos(2.0 * np.pi * (hour - p.clock_peak) / 24.0)
    secreted = _lagging(_lagging(response, p.leydig_lag) * clock, p.testosterone_lag)
    testosterone: np.ndarray = means.testosterone_nmol_l * (1.0 - means.testicular + means.testicular * secreted)
    return testosterone


def _spread_out(amounts: np.ndarray, sd: float) -> np.ndarray:
    """Return amounts secreted through bursts (normal, of that SD in minutes) about their time."""
    reach = math.ceil(4.0 * sd / STEP)
    burst = np.exp(-0.5 * (np.arange(-reach, reach + 1) * STEP / sd) ** 2)
    spread: np.ndarray = np.convolve(amounts, burst / burst.sum())[reach : reach + amounts.size]
    return spread


def _decaying(entering: np.ndarray, stays: float) -> np.ndarray:
    """Return what is there of what enters at each step, of which a share `stays` until the next."""
    from scipy.signal import lfilter

    there: np.ndarray = lfilter([1.0], [1.0, -stays], entering)
    return there


def _lagging(levels: np.ndarray, minutes: float) -> np.ndarray:
    """Return levels that approach others with that time constant, from 1 on."""
    from scipy.signal import lfilter

    stays = math.exp(-STEP / minutes)
    lagging: np.ndarray = lfilter([1.0 - stays], [1.0, -stays], levels, zi=[stays])[0]
    return lagging
