"""Efferent ductules and epididymis: fluid uptake under ER-alpha, a chain of mixing compartments, maturation, the reserve."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import numpy as np

from testis_abm.kinetics import relative_hill, relax

_CHAIN = 5
_EJACULATES = 6  # how many emptied ejaculates back a reserve still holds a trace of (0.2^6 < 1e-4)


class Epididymis:
    """The tract of one man from the efferent ductules to the store that an ejaculate empties.

    Counts are in millions of sperm of the whole man.

    Args:
        values: dotted parameter name -> value; man: physiology field -> value.
        reference_output: daily sperm production of the reference man, million.
    """

    def __init__(self, values: Mapping[str, float], man: Mapping[str, float], reference_output: float) -> None:
        self._of = {name.split(".")[1]: value for name, value in values.items() if name.startswith("tract.")}
        self._man = man
        self._reference_output = reference_output
        self.chain = np.zeros((_CHAIN, 2))
        self.motility = 1.0
        self.output = reference_output
        self.back_pressure = 0.0
        self.store: deque[tuple[float, float, float]] = deque(maxlen=400)
        self.dilution = 1.0

    def settle(self, released: float, normal: float, free_testosterone: float, testis_e2: float) -> None:
        """Bring the tract to its steady state under a constant daily release (million) of which `normal` are normal."""
        self.output = released
        self.motility = self._motility_target(free_testosterone, testis_e2)
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
        of = self._of
        self.output = relax(self.output, released, of["transit_days"], 1.0)
        relative = min(3.0, max(0.1, self.output / self._reference_output))
        transit = of["transit_days"] * relative ** of["transit_output_exponent"]
        moved = min(1.0, _CHAIN / transit)
        leaving = moved * self.chain
        self.chain -= leaving
        self.chain[0] += (released, normal)
        self.chain[1:] += leaving[:-1]
        self.motility = relax(
            self.motility, self._motility_target(free_testosterone, testis_e2), of["motility_days"], 1.0
        )
        self.back_pressure = relax(self.back_pressure, self.pressure(testis_e2), of["back_pressure_days"], 1.0)
        uptake = self._uptake(testis_e2)
        self.dilution = ((1.0 - of["reabsorption"]) / (1.0 - uptake)) ** of["dilution_exponent"]
        kept = of["collected"] * min(1.0, self.dilution)
        sperm, normal_out = leaving[-1] * kept
        self.store.append((float(sperm), float(sperm) * self.motility, float(normal_out)))

    def reserve(self, abstinence: float) -> tuple[float, float, float]:
        """Return what an ejaculate after `abstinence` days holds: sperm, motile sperm, normal sperm, million.

        The man is taken to ejaculate at that interval: each time a share of the store leaves, the rest waits. Beyond
        `reserve_days` the store spills.
        """
        of = self._of
        emptied = of["ejaculated"]
        total = np.zeros(3)
        for ejaculate in range(_EJACULATES):
            window = self._window(ejaculate * abstinence, min(abstinence, of["reserve_days"]))
            total += emptied * (1.0 - emptied) ** ejaculate * window
        return tuple(float(value) for value in total)  # type: ignore[return-value]

    def _window(self, ago: float, length: float) -> np.ndarray:
        """Return the sum over `length` days of store that ended `ago` days ago, whole and part days."""
        days = np.array(self.store)[::-1]
        position = np.arange(len(days))
        share = np.clip(np.minimum(position + 1.0, ago + length) - np.maximum(position, ago), 0.0, 1.0)
        return np.asarray(share @ days)

    def _uptake(self, testis_e2: float) -> float:
        """Return the share of rete fluid taken up: part of the action of ER-alpha needs no oestradiol."""
        of = self._of
        ligand = relative_hill(testis_e2, of["reabsorption_er_half"], 1.0, 1.0)
        signal = of["reabsorption_ligand_free"] + (1.0 - of["reabsorption_ligand_free"]) * min(1.0, ligand)
        signal *= min(1.0, self._man["er_alpha_sensitivity"])
        return float(of["reabsorption"] * (1.0 - of["reabsorption_er_share"] * (1.0 - signal)))

    def pressure(self, testis_e2: float) -> float:
        """Return the back-pressure, 0 to 1, that builds up in time at this intratesticular oestradiol (relative)."""
        lacking = 1.0 - self._uptake(testis_e2) / self._of["reabsorption"]
        return float((lacking / self._of["reabsorption_er_share"]) ** 2)

    def _motility_target(self, free_testosterone: float, testis_e2: float) -> float:
        of = self._of
        by_androgen = relative_hill(free_testosterone, of["motility_androgen_half"], 1.0, 1.0)
        by_oestrogen = relative_hill(
            testis_e2 * self._man["er_alpha_sensitivity"], of["motility_oestrogen_half"], 1.0, 1.0
        )
        full = of["motility_reference"] * self._man["motility"]
        return float(min(0.95, full * by_androgen * min(1.0, by_oestrogen)))
