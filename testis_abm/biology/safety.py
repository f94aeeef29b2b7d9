"""Bone, HDL, blood count, libido and flushes: simple readouts of androgen and oestradiol in blood, with sources.

They are trends for comparison of treatments, not diagnoses. What has no dose-response, and drugs whose effects serum does
not tell, are in quantities.EFFECTS and quantities.untold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from testis_abm.biology.kinetics import hill, relative_hill, relax

_YEAR = 365.25
_NONE = 1e-12  # nmol/L of free testosterone


class Felt(NamedTuple):
    """What tissues beyond testis and tract feel in a day.

    Attributes:
        androgen: at its receptor, as so much total testosterone, nmol/L: his own, DHT and given androgens, less what a
            blocker keeps off.
        oestradiol: true, pmol/L; bone_oestradiol: as bone feels it among modulators of its receptor.
    """

    androgen: float
    oestradiol: float
    bone_oestradiol: float


def felt(day: Any, values: Mapping[str, float]) -> Felt:
    """Return what tissues feel on a day of such means (by names of axis.DAY); values: dotted parameter name -> value, completed."""
    total, free = float(day["testosterone_nmol_l"]), float(day["free_testosterone_nmol_l"])
    activity = float(day["blood_androgen"]) * values["axis.free_testosterone_reference"]
    over_free = (
        total / free
        if free > _NONE
        else values["axis.testosterone_reference"] / values["axis.free_testosterone_reference"]
    )
    return Felt(activity * over_free, float(day["oestradiol_pmol_l"]), float(day["bone_oestradiol_pmol_l"]))


@dataclass
class SafetyDay:
    """One day's readouts; names and units as the columns of the safety table."""

    bone_density_change_pct: float  # against the same man untreated
    bone_density_scan_pct: float  # as a scan would show it, with what men on placebo gain
    hdl_change_mg_dl: float
    haematocrit_pct: float
    libido_score: float
    vasomotor_pct: float
    oestradiol_low: bool


class Safety:
    """Follows one man's readouts from his own baseline.

    Args:
        values: dotted parameter name -> value.
        rest: what his tissues feel untreated.
    """

    STATE = ("bone", "scanned", "hdl", "haematocrit", "own_androgen", "own_loss")

    def __init__(self, values: Mapping[str, float], rest: Felt) -> None:
        self._number = {name.split(".")[1]: value for name, value in values.items() if name.startswith("safety.")}
        self._reference_t = values["axis.testosterone_reference"]
        self._reference_e = values["axis.oestradiol_reference"]
        self.own_androgen = max(rest.androgen, 0.1)
        self.own_loss = self._bone_loss(rest)
        self.bone, self.scanned, self.hdl = 0.0, 0.0, 0.0
        self.haematocrit = self._haematocrit(rest.androgen)

    def day(self, felt: Felt) -> None:
        """Advance by one day on which tissues feel this."""
        number = self._number
        change = (self.own_loss - self._bone_loss(felt)) / _YEAR
        self.bone += change
        self.scanned += change + number["bone_placebo_trend"] / _YEAR
        change = number["hdl_slope"] * math.log(max(felt.androgen, 0.1) / self.own_androgen)
        self.hdl = relax(self.hdl, change, number["hdl_days"], 1.0)
        self.haematocrit = relax(self.haematocrit, self._haematocrit(felt.androgen), number["haematocrit_days"], 1.0)

    def readout(self, felt: Felt) -> SafetyDay:
        """Return the readouts of the day on which tissues felt this.

        Scores, shares of visits and mg/dL are whole: their evidence carries no more.
        """
        return SafetyDay(
            self.bone,
            self.scanned,
            float(round(self.hdl)) + 0.0,
            self.haematocrit,
            float(round(self._libido(felt.androgen, felt.oestradiol))),
            float(round(self._vasomotor(felt.androgen, felt.oestradiol))),
            bool(felt.oestradiol < self._number["oestradiol_low"]),
        )

    def _bone_loss(self, felt: Felt) -> float:
        number, n = self._number, self._number["bone_oestradiol_exponent"]
        by_oestradiol = 1.0 - hill(felt.bone_oestradiol, number["bone_oestradiol_half"], n)
        by_androgen = 1.0 - hill(felt.androgen, number["bone_testosterone_half"], n)
        return float(number["bone_oestradiol_loss"] * by_oestradiol + number["bone_testosterone_loss"] * by_androgen)

    def _haematocrit(self, androgen: float) -> float:
        number = self._number
        room = number["haematocrit_ceiling"] - number["haematocrit_reference"]
        linear = number["haematocrit_slope"] * (androgen / self._reference_t - 1.0)
        # The slope about the reference is the measured one; far above it the rise ends at the ceiling.
        return float(number["haematocrit_reference"] + room * math.tanh(linear / room))

    def _libido(self, androgen: float, oestradiol: float) -> float:
        number = self._number
        by_t = relative_hill(androgen, number["libido_testosterone_half"], 2.0, self._reference_t)
        by_e = relative_hill(oestradiol, number["libido_oestradiol_half"], 2.0, self._reference_e)
        share = number["libido_oestradiol_share"]
        return float(100.0 * min(1.0, by_t) * (1.0 - share + share * min(1.0, by_e)))

    def _vasomotor(self, androgen: float, oestradiol: float) -> float:
        number = self._number
        lack = 1.0 - hill(oestradiol, number["vasomotor_oestradiol_half"], number["vasomotor_exponent"])
        shield = number["vasomotor_testosterone_half"] / (number["vasomotor_testosterone_half"] + androgen)
        return float(number["vasomotor_top"] * lack * shield)
