"""Bone, HDL, blood count, libido and flushes: simple readouts of serum testosterone and oestradiol, with sources.

They are trends for comparison of treatments, not diagnoses. What has no dose-response, and drugs whose effects serum does
not tell, are in quantities.EFFECTS and quantities.untold.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from testis_abm.biology.kinetics import hill, relative_hill, relax

_YEAR = 365.25


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
        testosterone, oestradiol: his untreated levels, nmol/L and pmol/L.
    """

    STATE = ("bone", "scanned", "hdl", "haematocrit", "own_testosterone", "own_loss")

    def __init__(self, values: Mapping[str, float], testosterone: float, oestradiol: float) -> None:
        self._number = {name.split(".")[1]: value for name, value in values.items() if name.startswith("safety.")}
        self._reference_t = values["axis.testosterone_reference"]
        self._reference_e = values["axis.oestradiol_reference"]
        self.own_testosterone = max(testosterone, 0.1)
        self.own_loss = self._bone_loss(testosterone, oestradiol)
        self.bone, self.scanned, self.hdl = 0.0, 0.0, 0.0
        self.haematocrit = self._haematocrit(testosterone)

    def day(self, testosterone: float, oestradiol: float) -> None:
        """Advance by one day at serum `testosterone` nmol/L and `oestradiol` pmol/L (true, not assay)."""
        number = self._number
        change = (self.own_loss - self._bone_loss(testosterone, oestradiol)) / _YEAR
        self.bone += change
        self.scanned += change + number["bone_placebo_trend"] / _YEAR
        change = number["hdl_slope"] * math.log(max(testosterone, 0.1) / self.own_testosterone)
        self.hdl = relax(self.hdl, change, number["hdl_days"], 1.0)
        self.haematocrit = relax(self.haematocrit, self._haematocrit(testosterone), number["haematocrit_days"], 1.0)

    def readout(self, testosterone: float, oestradiol: float) -> SafetyDay:
        """Return the readouts of the day that was lived at these levels.

        Scores, shares of visits and mg/dL are whole: their evidence carries no more.
        """
        return SafetyDay(
            self.bone,
            self.scanned,
            float(round(self.hdl)) + 0.0,
            self.haematocrit,
            float(round(self._libido(testosterone, oestradiol))),
            float(round(self._vasomotor(testosterone, oestradiol))),
            bool(oestradiol < self._number["oestradiol_low"]),
        )

    def _bone_loss(self, testosterone: float, oestradiol: float) -> float:
        number, n = self._number, self._number["bone_oestradiol_exponent"]
        by_oestradiol = 1.0 - hill(oestradiol, number["bone_oestradiol_half"], n)
        by_testosterone = 1.0 - hill(testosterone, number["bone_testosterone_half"], n)
        return float(
            number["bone_oestradiol_loss"] * by_oestradiol + number["bone_testosterone_loss"] * by_testosterone
        )

    def _haematocrit(self, testosterone: float) -> float:
        number = self._number
        room = number["haematocrit_ceiling"] - number["haematocrit_reference"]
        linear = number["haematocrit_slope"] * (testosterone / self._reference_t - 1.0)
        # The slope about the reference is the measured one; far above it the rise ends at the ceiling.
        return float(number["haematocrit_reference"] + room * math.tanh(linear / room))

    def _libido(self, testosterone: float, oestradiol: float) -> float:
        number = self._number
        by_t = relative_hill(testosterone, number["libido_testosterone_half"], 2.0, self._reference_t)
        by_e = relative_hill(oestradiol, number["libido_oestradiol_half"], 2.0, self._reference_e)
        share = number["libido_oestradiol_share"]
        return float(100.0 * min(1.0, by_t) * (1.0 - share + share * min(1.0, by_e)))

    def _vasomotor(self, testosterone: float, oestradiol: float) -> float:
        number = self._number
        lack = 1.0 - hill(oestradiol, number["vasomotor_oestradiol_half"], number["vasomotor_exponent"])
        shield = number["vasomotor_testosterone_half"] / (number["vasomotor_testosterone_half"] + testosterone)
        return float(number["vasomotor_top"] * lack * shield)
