"""What is read of the cells of a testis: the signals of each kind and the rates that Sertoli cells set, one row each.

They are means over cells and, between niches, standard deviations, which one mean cell of each kind has not. They
follow the rules: a signal of sertoli.Signals and a rate of steps.RATES is a row as soon as it is declared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology.germ import rates_under
from testis_abm.biology.sertoli import Signals
from testis_abm.biology.steps import ELONGATED, FED, HAZARD, RATES, SPERMATID, SPERMATOCYTE, SPERMATOGONIUM
from testis_abm.quantities import Quantity

LEYDIG, SERTOLI = -2, -1  # beside the classes of germ cells, steps.SPERMATOGONIUM to ELONGATED
_KINDS: Mapping[int, str] = {
    LEYDIG: "Leydig",
    SERTOLI: "Sertoli",
    SPERMATOGONIUM: "spermatogonium",
    SPERMATOCYTE: "spermatocyte",
    SPERMATID: "round spermatid",
    ELONGATED: "elongated spermatid",
}
_SIGNALS: Mapping[str, str] = {
    "meiosis": "AR signal for meiosis",
    "androgen": "AR signal for entry and adhesion",
    "spermiation": "AR signal for spermiation",
    "fsh": "FSH signal",
    "lack": "lack of oestrogen",
    "pressure": "back-pressure",
    "er_alpha": "ER-alpha signal",
    "er_beta": "ER-beta signal",
}
_RATES: Mapping[str, str] = {
    "commitment": "A-pale commitment",
    "a_pale_fed": "A-pale that a niche feeds",
    "a_dark_hazard": "A-dark hazard",
    "a_pale_hazard": "A-pale hazard",
    "b_spermatogonium_hazard": "B spermatogonium hazard",
}
_SHARES = ("lack", "pressure")  # signals from 0 to 1, of which the reference man has none
OESTROGEN = ("er_alpha", "er_beta")  # what a receptor senses of local oestradiol, whether or not a rule takes it
EVERYWHERE = ("fsh", "pressure")  # signals of what blood and tract bring to all niches alike: without a spread
_LEAST = 1e-6  # of any of them; what is less is rounding
# Class of germ cells -> the signals that a rule for them takes (tests/test_readouts.py asks the rules).
HEEDED: Mapping[int, tuple[str, ...]] = {
    SPERMATOGONIUM: ("androgen", "fsh"),
    SPERMATOCYTE: ("meiosis", "pressure"),
    SPERMATID: ("androgen", "pressure"),
    ELONGATED: ("androgen", "spermiation", "lack", "pressure"),
}


class Readout(NamedTuple):
    """One number that is read of the cells.

    Attributes:
        row: its quantity.
        kind: of cell: LEYDIG, SERTOLI, or the class of germ cells in whose niches a signal is.
        signal: of Signals, or of OESTROGEN (a cell's own); "" for a rate.
        rate: of RATES; "" for a signal.
        spread: whether it is the standard deviation over cells, not the mean.
    """

    row: Quantity
    kind: int
    signal: str = ""
    rate: str = ""
    spread: bool = False

    @property
    def factor(self) -> float:
        """Return what a value of the rules is multiplied by: shares are in %."""
        return 100.0 if self.rate and RATES.index(self.rate) < HAZARD else 1.0

    def with_spread(self) -> tuple[Readout, ...]:
        """Return this mean and, where cells differ in it, its spread."""
        if self.signal in EVERYWHERE:
            return (self,)
        between = "Leydig cells" if self.kind == LEYDIG else "niches"
        row = _quantity(f"sd_{self.row.column}", f"{self.row.label}, SD between {between}", self.row.unit)
        return self, self._replace(row=row, spread=True)


def _quantity(column: str, label: str, unit: str) -> Quantity:
    return Quantity(column, label, unit, sample="testis", limit=_LEAST, published=False, asked_for=True)


def _signal(kind: int, signal: str) -> Readout:
    name, unit = _KINDS[kind], "0 to 1" if signal in _SHARES else "x reference man"
    column = f"{name.lower().replace(' ', '_')}_{signal}_signal"
    return Readout(_quantity(column, f"{name} {_SIGNALS.get(signal, f'{signal} signal')}", unit), kind, signal)


def _rate(rate: str) -> Readout:
    which = RATES.index(rate)
    column, unit = (f"{rate}_pct", "%") if which < HAZARD else (f"{rate}_per_day", "1/day")
    if which == FED:
        column, unit = rate, "cells per Sertoli cell"
    return Readout(_quantity(column, _RATES.get(rate, rate.replace("_", " ")), unit), SERTOLI, rate=rate)


_OF_ALL = (
    *(_signal(SERTOLI, signal) for signal in Signals._fields),
    *(_rate(rate) for rate in RATES),
    _signal(LEYDIG, "er_alpha"),
    *(_signal(SERTOLI, receptor) for receptor in OESTROGEN),
)
OF_GERM_CELLS = tuple(
    _signal(kind, signal) for kind, signals in HEEDED.items() for signal in signals if signal in Signals._fields
)
# In the order in which testis/survey.py takes them.
READOUTS = (*(one for readout in _OF_ALL for one in readout.with_spread()), *OF_GERM_CELLS)
ROWS: Mapping[str, Quantity] = MappingProxyType({readout.row.column: readout.row for readout in READOUTS})


def named(found: np.ndarray) -> dict[str, np.ndarray]:
    """Return what was found of the cells of some days, (days, READOUTS), by column, each (days,)."""
    return {readout.row.column: values * readout.factor for readout, values in zip(READOUTS, found.T, strict=True)}


def of_mean_cells(signals: Signals, oestrogen: Mapping[tuple[int, str], float], p: Any) -> dict[str, float]:
    """Return the readouts of one mean cell of each kind by column; NaN of what differs between niches.

    Args:
        oestrogen: kind of cell and receptor of OESTROGEN -> what it senses, 1 in the reference man.
    """
    rates = dict(zip(RATES, rates_under(signals, p), strict=True))

    def value(readout: Readout) -> float:
        if readout.spread:
            return math.nan
        if readout.signal in OESTROGEN:
            return oestrogen[readout.kind, readout.signal]
        return float(rates[readout.rate] if readout.rate else getattr(signals, readout.signal))

    return {readout.row.column: value(readout) * readout.factor for readout in READOUTS}


def of_aromatase(testis: Mapping[str, Any], blood: Mapping[str, Any], testicular_share: float) -> dict[str, Any]:
    """Return activity and inhibition of aromatase by site, by column, in %.

    Activity is what the enzyme makes, of all oestradiol that the reference man makes; fat uses adrenal precursor too.

    Args:
        testis: by names of TestisDay; blood: by names of axis.DAY.
        testicular_share: of the reference man's oestradiol.
    """
    made = {site: testicular_share * testis[f"from_{site}"] for site in ("leydig", "sertoli", "germ")}
    kept = {
        "fat": blood["inhibition_fat"],
        "testis": testis["aromatase_inhibition"],
        "leydig": testis["leydig_inhibition"],
        "niche": testis["niche_inhibition"],
    }
    return {
        **{f"aromatase_activity_{site}_pct": 100.0 * amount for site, amount in made.items()},
        "aromatase_activity_fat_pct": 100.0 * blood["peripheral_oestradiol"],
        **{f"aromatase_inhibition_{site}_pct": 100.0 * share for site, share in kept.items()},
    }
