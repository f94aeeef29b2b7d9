"""One man's body: hormones and drugs through the hours of a day, and what his blood brings the testis."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.axis import BODY, DAY, AxisParameters, body_hour, body_night, brought, settle_body
from testis_abm.biology.clamp import hold_body, nothing
from testis_abm.biology.days import HOURS, BloodDay, TestisDay, packed
from testis_abm.biology.mechanisms import EXPOSURES, NO_DRUGS
from testis_abm.biology.pharmacology import Kinetics, expose
from testis_abm.support.compile import compiled


class Planned(NamedTuple):
    """What enters and what is held on some days.

    Attributes:
        doses: (days, 48, substances), see pharmacology.doses_by_day.
        held: (days,) of HELD.
        pace: of ejaculations, (days,), over one every three days.
    """

    doses: np.ndarray
    held: np.ndarray
    pace: np.ndarray

    @classmethod
    def of(cls, doses: np.ndarray, held: np.ndarray | None = None, pace: np.ndarray | None = None) -> Planned:
        """Return days of `doses`, by default such on which nothing is held and as many ejaculate as usual."""
        free = nothing(len(doses)) if held is None else held
        return cls(doses, free, np.ones(len(doses)) if pace is None else pace)

    def part(self, first: int, last: int) -> Planned:
        """Return the days from `first` to before `last`."""
        return Planned(self.doses[first:last], self.held[first:last], self.pace[first:last])


@register_jitable
def body_day(body, p, testis, drugs, doses, held, means):
    """Advance the body (BODY) and the drugs in it (Depots) by a day; add up its `means` (DAY).

    `testis` is the TestisDay of the day before; `doses` (48, substances) are a day of pharmacology.doses_by_day; `held`
    (HELD) is what is clamped.
    """
    hold_body(body, held, p)
    exposure, untreated = np.zeros(len(EXPOSURES)), doses.shape[1] == 0
    for hour in range(HOURS):
        given = NO_DRUGS if untreated else expose(drugs, doses, hour, exposure)
        body_hour(body, p, testis, given, held, means)
    body_night(body, p, means)


@compiled
def _day(body, p, testis, drugs, planned, means, back_pressure):
    body_day(body[0], p[0], testis, drugs, planned.doses[0], planned.held[0], means[0])
    return brought(means[0], back_pressure, planned.held[0], p[0])


@compiled
def _settle(body, p, testis):
    settle_body(body[0], testis, p[0])


class Body:
    """A man's body.

    Args:
        p: numbers of the axis.
        kinetics: of the drugs that he may be given.

    Attributes:
        state, means: (1,) of BODY and DAY.
        drugs: amounts and levels in him.
    """

    STATE = ("state", "means", "depot", "central", "levels")

    def __init__(self, p: AxisParameters, kinetics: Kinetics) -> None:
        self.change(p)
        self.kinetics = kinetics
        self.drugs = kinetics.depots()
        self.state, self.means = np.ones(1, BODY), np.zeros(1, DAY)
        self.state["testosterone_nmol_l"], self.state["shbg_nmol_l"] = p.testosterone_reference, p.shbg_production
        self.state["gnrh_tonic"] = self.state["gnrh_mean"] = 0.0

    def change(self, p: AxisParameters) -> None:
        """Give the body other numbers (as the man's weight changes)."""
        self.p, self.numbers = p, packed(p)

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

    @property
    def levels(self) -> np.ndarray:
        """Return mean, lowest and highest level of every substance in the day before, (substances, 3)."""
        return self.drugs.levels

    @levels.setter
    def levels(self, levels: np.ndarray) -> None:
        self.drugs.levels[: len(levels)] = levels

    def take(self, other: Body) -> None:
        """Take the state of another body, whose drugs are the first of this one's."""
        for name in self.STATE:
            setattr(self, name, copy.deepcopy(getattr(other, name)))

    def settle(self, testis: TestisDay) -> None:
        """Bring the body to its steady state without drugs beside a testis that stays as it is."""
        _settle(self.state, self.numbers, testis)

    def day(self, testis: TestisDay, planned: Planned, back_pressure: float) -> BloodDay:
        """Live the one day of `planned` beside the testis of the day before.

        Returns:
            What the blood brings the testis, whose tract is under `back_pressure`.
        """
        self.means = np.zeros(1, DAY)
        return BloodDay(*_day(self.state, self.numbers, testis, self.drugs, planned, self.means, back_pressure))
