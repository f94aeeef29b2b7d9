"""The ejaculate and the laboratory that looks at it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm.kinetics import relax
from testis_abm.tract import rules
from testis_abm.tract.epididymis import Epididymis
from testis_abm.tract.rules import tract_parameters


@dataclass(frozen=True)
class Semen:
    """A semen analysis: mL, million/mL, million, %."""

    volume_ml: float
    concentration_million_ml: float
    total_count_million: float
    progressive_motility_pct: float
    normal_forms_pct: float
    total_motile_count_million: float

    @classmethod
    def of(cls, volume: float, concentration: float, motility: float, normal: float) -> Semen:
        """Return the analysis that follows from volume (mL), concentration (million/mL) and shares (0 to 1)."""
        total = volume * concentration
        return cls(volume, concentration, total, 100.0 * motility, 100.0 * normal, total * motility)


class Glands:
    """Seminal vesicles and prostate: ejaculate volume follows androgen over weeks."""

    def __init__(self, values: Mapping[str, float], man: Mapping[str, float], free_testosterone: float) -> None:
        self._p = tract_parameters(values, man)
        self._man = man
        self.size = float(rules.gland_target(free_testosterone, self._p))

    def day(self, free_testosterone: float) -> None:
        """Advance one day at relative free testosterone."""
        self.size = float(relax(self.size, rules.gland_target(free_testosterone, self._p), self._p.volume_days, 1.0))

    def volume(self, abstinence: float) -> float:
        """Return the expected ejaculate volume in mL after `abstinence` days."""
        return float(rules.volume(self.size, abstinence, self._man["bmi"], self._p))


def expected_semen(epididymis: Epididymis, glands: Glands, abstinence: float, slope: float) -> Semen:
    """Return the ejaculate that the man's tract would give, without day-to-day variation or counting error.

    `slope` is the change of motile share per day of abstinence beyond five.
    """
    sperm, motile, normal = epididymis.reserve(abstinence)
    volume = glands.volume(abstinence)
    share = max(0.0, motile / sperm + slope * max(0.0, abstinence - 5.0)) if sperm > 0 else 0.0
    return Semen.of(volume, sperm / volume, share, normal / sperm if sperm > 0 else 0.0)


def analyse(expected: Semen, values: Mapping[str, float], rng: np.random.Generator) -> Semen:
    """Return what a laboratory reports of one ejaculate: biological variation, technician, and Poisson counting.

    Args:
        expected: the man's expectation; of many men, with arrays for numbers.
        values: dotted parameter name -> value (semen_variation.*).
        rng: keyed to the man and the day, so that both arms of a comparison share the luck.
    """
    size = np.shape(expected.volume_ml)

    def vary(name: str) -> Any:
        cv = values[f"semen_variation.{name}"]
        sigma = math.sqrt(math.log(1.0 + cv * cv))
        return np.exp(sigma * rng.standard_normal(size) - 0.5 * sigma * sigma)

    volume = expected.volume_ml * vary("volume")
    concentration = expected.concentration_million_ml * vary("concentration") * vary("technician")
    counted = np.minimum(
        values["semen_variation.sperm_counted"], concentration * 1e3 * values["semen_variation.chamber_dilution"]
    )
    # A drawn uniform, not a drawn Poisson, keeps the stream in step between arms.
    seen = _poisson(counted, rng.random(size))
    concentration = concentration * seen / np.maximum(counted, 1e-300)
    motility = np.where(seen > 0, np.minimum(0.98, expected.progressive_motility_pct / 100.0 * vary("motility")), 0.0)
    normal = np.where(seen > 0, np.minimum(0.98, expected.normal_forms_pct / 100.0 * vary("morphology")), 0.0)
    report = (volume, concentration, motility, normal)
    return Semen.of(*(report if size else (float(value) for value in report)))


def _poisson(mean: Any, quantile: Any) -> Any:
    """Return the quantile of a Poisson distribution: the least whole number whose probability or less reaches it."""
    from scipy.special import pdtrik

    none = np.exp(-mean)
    # Beyond the chance of none the continuous inverse is defined; rounding up gives the quantile.
    return np.where(quantile <= none, 0.0, np.ceil(pdtrik(np.maximum(quantile, none), np.maximum(mean, 1e-300))))
