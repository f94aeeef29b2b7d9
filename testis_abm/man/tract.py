"""The tract of one man, day by day, from the sperm that his testes release to what an ejaculate holds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology import tract as rules
from testis_abm.biology.days import packed
from testis_abm.biology.semen import Semen
from testis_abm.biology.tract import COLLECTED, TRACT, Arriving, TractParameters
from testis_abm.support.compile import compiled

_REMEMBERED = 400  # days whose sperm an ejaculate may still hold


@register_jitable
def pass_day(tract, store, arriving, elongation, androgen, testis_e2, p):
    """Advance the tract (TRACT) one day, and its `store` of what the cauda took in by day; see biology.tract.tract_day."""
    for day in range(store.size - 1, 0, -1):
        store[day] = store[day - 1]
    rules.tract_day(tract, store[0], arriving, elongation, androgen, testis_e2, p)


@compiled
def _day(tract, store, arriving, elongation, androgen, testis_e2, p):
    pass_day(tract[0], store, arriving, elongation, androgen, testis_e2, p[0])


@compiled
def _settle(tract, store, arriving, elongation, androgen, testis_e2, p):
    rules.settle_tract(tract[0], arriving, elongation, androgen, testis_e2, p[0])
    for day in range(store.size):
        rules.collect_settled(store[day], tract[0], arriving, elongation, p[0])


@compiled
def _hurt(tract, store, harm, p):
    rules.hurt_stored(tract[0], store, harm, p[0])


def _arriving(given: Arriving | float) -> Arriving:
    return Arriving(*map(float, given if isinstance(given, Arriving) else Arriving(given)))


class Tract:
    """A man's ductules, epididymis and glands. Counts are in millions of sperm of the whole man.

    Attributes:
        p: its numbers.
        state: (1,) of TRACT.
        store: what the cauda took in (COLLECTED) by day, the newest first.
    """

    STATE = ("state", "store")

    def __init__(self, p: TractParameters) -> None:
        self.p, self.numbers = p, packed(p)
        self.state, self.store = np.zeros(1, TRACT), np.zeros(_REMEMBERED, COLLECTED)

    @property
    def back_pressure(self) -> float:
        """Return the back-pressure of fluid, 0 to 1."""
        return float(self.state["back_pressure"][0])

    def pressure(self, testis_e2: float) -> float:
        """Return the back-pressure that builds up in time at this intratesticular oestradiol (relative)."""
        return float(rules.pressure(testis_e2, self.p))

    def settle(self, arriving: Arriving | float, elongation: float, androgen: float, testis_e2: float) -> None:
        """Bring the tract to its steady state under the same `arriving` every day; see `day`, biology.tract.tract_day."""
        _settle(
            self.state, self.store, _arriving(arriving), *map(float, (elongation, androgen, testis_e2)), self.numbers
        )

    def day(self, arriving: Arriving | float, elongation: float, androgen: float, testis_e2: float) -> None:
        """Advance one day; see biology.tract.tract_day (a number is sperm that carry no harm, through open ducts)."""
        _day(self.state, self.store, _arriving(arriving), *map(float, (elongation, androgen, testis_e2)), self.numbers)

    def hurt(self, harm: float) -> None:
        """Let the sperm in store take harm (biology/injury.py)."""
        _hurt(self.state, self.store, float(harm), self.numbers)

    def semen(self, rested: float | Sequence[float], bmi: float) -> Semen:
        """Return the ejaculate after such days of abstinence (rules.intervals_of), without day-to-day variation or counting error."""
        glands, fluid = (float(self.state[name][0]) for name in ("glands", "fluid"))
        return rules.ejaculate(self.store, glands, fluid, rested, bmi, self.p)

    def spilled(self, rested: float | Sequence[float]) -> float:
        """Return how many million sperm have spilled into the urine since the last ejaculate."""
        return rules.spilled(self.store, rested, self.p)
