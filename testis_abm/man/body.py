"""One man's body: hormones and drugs through the hours of a day, and what his blood brings the testis."""

from __future__ import annotations

import copy

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.axis import BODY, DAY, EXPOSURES, HOURS, AxisParameters, body_hour, brought
from testis_abm.biology.days import BloodDay, TestisDay
from testis_abm.biology.pharmacology import Kinetics, expose
from testis_abm.support.compile import compiled


@register_jitable
def body_day(body, p, testis, drugs, doses, means):
    """Advance the body (BODY) and the drugs in it (Depots) by the hours of a day; add up its `means` (DAY).

    `testis` is the TestisDay of the day before; `doses` (48, substances) are those of pharmacology.hourly_doses.
    """
    exposure = np.zeros(len(EXPOSURES))
    for hour in range(HOURS):
        body_hour(body, p, testis, expose(drugs, doses, hour, exposure), means)


@compiled
def _day(body, p, testis, drugs, doses, means):
    body_day(body, p, testis, drugs, doses, means)


@compiled
def _brought(means, back_pressure, p):
    return brought(means, back_pressure, p)


class Body:
    """A man's body.

    Args:
        p: numbers of the axis.
        kinetics: of the drugs that he may be given.

    Attributes:
        state, means: records BODY and DAY.
        drugs: amounts and levels in him.
    """

    STATE = ("state", "means", "depot", "central")

    def __init__(self, p: AxisParameters, kinetics: Kinetics) -> None:
        self.p, self.kinetics = p, kinetics
        self.drugs = kinetics.depots()
        self.state, self.means = np.ones(1, BODY)[0], np.zeros(1, DAY)[0]
        self.state["testosterone_nmol_l"], self.state["shbg_nmol_l"] = p.testosterone_reference, p.shbg_production
        self.state["gnrh_tonic"] = 0.0

    @property
    def depot(self) -> np.ndarray:
        """Return the amount of every substance where it is absorbed, nmol or IU."""
        return self.drugs.depot

    @depot.setter
    def depot(self, amounts: np.ndarray) -> None:
        self.drugs.depot[: len(amounts)] = amounts

    @property
    def central(self) -> np.ndarray:
        """Return the amount of every substance in blood and tissues, nmol or IU."""
        return self.drugs.central

    @central.setter
    def central(self, amounts: np.ndarray) -> None:
        self.drugs.central[: len(amounts)] = amounts

    def take(self, other: Body) -> None:
        """Take the state of another body, whose drugs are the first of this one's."""
        for name in self.STATE:
            setattr(self, name, copy.deepcopy(getattr(other, name)))
        self.drugs.levels[: len(other.depot)] = other.drugs.levels

    def day(self, testis: TestisDay, doses: np.ndarray) -> None:
        """Live a day of `doses` (see body_day) beside the testis of the day before."""
        self.means = np.zeros(1, DAY)[0]
        _day(self.state, self.p, testis, self.drugs, doses, self.means)

    def brings(self, back_pressure: float) -> BloodDay:
        """Return what the day brings the testis, whose tract is under `back_pressure`."""
        return BloodDay(*_brought(self.means, float(back_pressure), self.p))
