"""Efferent ductules and epididymis: fluid uptake under ER-alpha, a chain of mixing compartments, maturation, the reserve."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from testis_abm.biology import tract as rules
from testis_abm.biology.tract import CHAIN, tract_parameters
from testis_abm.parameters.rooms import room

_EJACULATES = 6  # how many emptied ejaculates back a reserve still holds a trace of (0.2^6 < 1e-4)


class Epididymis:
    """The tract of one man from the efferent ductules to the store that an ejaculate empties.

    Counts are in millions of sperm of the whole man.

    Args:
        values: dotted parameter name -> value; man: physiology field -> value.
        reference_output: daily sperm production of the reference man, million.
    """

    def __init__(self, values: Mapping[str, float], man: Mapping[str, float], reference_output: float) -> None:
        self._of = room(values, "tract")
        self._p = tract_parameters(values, man)
        self._numbers = np.array(self._p)
        self._reference_output = reference_output
        self.chain = np.zeros((CHAIN, 2))
        self.motility = 1.0
        self.output = reference_output
        self.back_pressure = 0.0
        self.store: deque[tuple[float, float, float]] = deque(maxlen=400)
        self.dilution = 1.0

    def settle(self, released: float, normal: float, free_testosterone: float, testis_e2: float) -> None:
        """Bring the tract to its steady state under a constant daily release (million) of which `normal` are normal."""
        self.output = released
        self.motility = rules.motility_target(free_testosterone, testis_e2, self._p)
        self.back_pressure = self.pressure(testis_e2)
        for _ in range(200):
            self.day(released, normal, free_testosterone, testis_e2)

    def day(self, released: float, normal: float, free_testosterone: float, testis_e2: float) -> None:
        """Advance one day.

        Args:
            released: sperm released by the testes, million; normal: those of normal form, million.
            free_testosterone: of blood, relative to the reference man.
            testis_e2: intratesticular oestradiol, relative.
        """
        self.output, self.motility, self.back_pressure, self.dilution, sperm, normal_out = rules.tract_day(
            self.chain,
            self._numbers,
            float(self.output),
            float(self.motility),
            float(self.back_pressure),
            float(released),
            float(normal),
            float(free_testosterone),
            float(testis_e2),
            float(self._reference_output),
        )
        self.store.append((sperm, sperm * self.motility, normal_out))

    def reserve(self, abstinence: float) -> tuple[float, float, float]:
        """Return what an ejaculate after `abstinence` days holds: sperm, motile sperm, normal sperm, million."""
        days = np.array(self.store)[::-1]
        weights = reserve_weights(abstinence, self._of["reserve_days"], self._of["ejaculated"], len(days))
        return tuple(float(value) for value in weights @ days)  # type: ignore[return-value]

    def pressure(self, testis_e2: float) -> float:
        """Return the back-pressure, 0 to 1, that builds up in time at this intratesticular oestradiol (relative)."""
        return float(rules.pressure(testis_e2, self._p))


@lru_cache(maxsize=64)
def reserve_weights(abstinence: float, reserve_days: float, emptied: float, days: int) -> np.ndarray:
    """Return the share of what the cauda took in today, yesterday, ... (days,) that an ejaculate holds.

    The man is taken to ejaculate every `abstinence` days: each time the share `emptied` of the store leaves, the rest
    waits. Beyond `reserve_days` the store spills.
    """
    ago, length = np.arange(days), min(abstinence, reserve_days)
    weights = np.zeros(days)
    for ejaculate in range(_EJACULATES):
        start = ejaculate * abstinence
        share = np.clip(np.minimum(ago + 1.0, start + length) - np.maximum(ago, start), 0.0, 1.0)
        weights += emptied * (1.0 - emptied) ** ejaculate * share
    weights.flags.writeable = False
    return weights
