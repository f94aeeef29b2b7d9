"""The ejaculate of one man: the glands that give its volume, and what the store of the epididymis brings into it."""

from __future__ import annotations

from collections.abc import Mapping

from testis_abm.biology import tract as rules
from testis_abm.biology.kinetics import relax
from testis_abm.biology.semen import Semen
from testis_abm.biology.tract import tract_parameters
from testis_abm.man.epididymis import Epididymis


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
