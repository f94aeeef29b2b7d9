"""LH and testosterone of a scenario's man through the minutes of one of its days."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm.biology import pulses as biology
from testis_abm.biology.pulses import DayMeans, Minutes, PulseParameters
from testis_abm.choices import ARMS, TREATED, UNTREATED
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.quantities import QUANTITIES
from testis_abm.results.shown import Shown
from testis_abm.scenario import load
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

EVERY, LEAST, MOST = 10, biology.STEP, 60  # minutes between samples
SAMPLED = 8.0, 16.0  # hours of the samples that are told
_DAYS = 300  # like the one drawn, for what is to be expected
_GIVEN = 0.01  # share of GnRH that is given, of which a report says that it is taken as steady


class Arm(NamedTuple):
    """An arm's day: its means, what was drawn about them, and many more days like it."""

    means: DayMeans
    minutes: Minutes
    many: Minutes


@dataclass(frozen=True)
class Pulses(Shown):
    """A day of pulses, drawn about the means of the mean-field man.

    Attributes:
        title: of the scenario; day: of its plan.
        seed: of the draws, in which the arms are alike.
        every: minutes between samples.
        arms: what each arm shows.
    """

    title: str
    day: int
    seed: int
    every: int
    arms: Mapping[str, Arm]

    def __repr__(self) -> str:
        return f"<Pulses of day {self.day}: {', '.join(self.arms)}>"

    def table(self) -> pd.DataFrame:
        """Return a row a sample: `arm`, `hour` of the clock, `lh_iu_l`, `testosterone_nmol_l`."""
        return pd.concat([self._samples(arm, of.minutes) for arm, of in self.arms.items()], ignore_index=True)

    def _samples(self, arm: str, minutes: Minutes) -> pd.DataFrame:
        taken = slice(None, None, self.every // biology.STEP)
        return pd.DataFrame(
            {
                "arm": arm,
                "hour": minutes.minute[taken] / 60.0,
                "lh_iu_l": minutes.lh_iu_l[taken],
                "testosterone_nmol_l": minutes.testosterone_nmol_l[taken],
            }
        )

    def summary(self) -> pd.DataFrame:
        """Return a row an arm: means of the day, and what is to be expected of pulses and of single samples on such days.

        Columns: `lh_iu_l`, `testosterone_nmol_l`; `pulses_per_12_h` sent, `pulses_found_per_12_h` by samples every so
        many minutes, `pulse_height_iu_l` of those found; `lh_cv_pct` and `testosterone_cv_pct` of one sample at 8 h;
        `testosterone_8_h_nmol_l`, `testosterone_16_h_nmol_l`.
        """
        return pd.DataFrame([{"arm": arm, **self._expected(of)} for arm, of in self.arms.items()])

    def _expected(self, of: Arm) -> dict[str, float]:
        days = (_DAYS, biology.DAY // biology.STEP)
        lh, testosterone = of.many.lh_iu_l, of.many.testosterone_nmol_l.reshape(days)
        early, late = (testosterone[:, round(hour * 60 / biology.STEP)] for hour in SAMPLED)
        sampled = lh.reshape(days)[:, round(SAMPLED[0] * 60 / biology.STEP)]
        heights = biology.rises(lh, self.every)
        return {
            "lh_iu_l": of.means.lh_iu_l,
            "testosterone_nmol_l": of.means.testosterone_nmol_l,
            "pulses_per_12_h": of.many.pulses.size / (2 * _DAYS),
            "pulses_found_per_12_h": heights.size / (2 * _DAYS),
            "pulse_height_iu_l": float(heights.mean()) if heights.size else np.nan,
            "lh_cv_pct": _cv(sampled),
            "testosterone_cv_pct": _cv(early),
            "testosterone_8_h_nmol_l": float(early.mean()),
            "testosterone_16_h_nmol_l": float(late.mean()),
        }

    def text(self) -> str:
        """Return what the day shows, for reading."""
        t = QUANTITIES["testosterone_nmol_l"]
        lines = []
        for row in self.summary().to_dict("records"):
            early, late = (f"{t.clinical(row[f'testosterone_{hour}_h_nmol_l']):.0f}" for hour in (8, 16))
            height = row["pulse_height_iu_l"]
            tall = f", {height:.2g} IU/L high" if np.isfinite(height) else ""
            given = self.arms[row["arm"]].means.given > _GIVEN
            whose = "GnRH that is given is taken as steady and its pulses are not drawn; his own: " if given else ""
            lines += [
                f"{row['arm']}: LH {row['lh_iu_l']:.3g} IU/L, {whose}{row['pulses_per_12_h']:.1f} pulses in 12 h "
                f"({row['pulses_found_per_12_h']:.1f} found by samples every {self.every} min{tall}); "
                f"testosterone {early} {t.clinical_unit} at 8 h, {late} at 16 h",
                f"  one sample at 8 h varies by {row['lh_cv_pct']:.0f} % (LH) and {row['testosterone_cv_pct']:.0f} % (testosterone)",
            ]
        return "\n".join(lines)


def _cv(levels: np.ndarray) -> float:
    return float(100.0 * levels.std() / levels.mean()) if levels.mean() > 0.0 else 0.0


def pulses(
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any],
    *,
    day: int | None = None,
    arm: str | None = None,
    every: int = EVERY,
) -> Pulses:
    """Draw pulses of LH, and the testosterone that follows them, through 24 hours of a scenario's man.

    They are drawn about the means of the mean-field man on that day, and nothing moves him.

    Args:
        scenario: a Scenario, a mapping, a path or the name of a shipped one; its seed is that of the draws.
        day: of the plan, whose means row `day` of the hormones tells (default: the last).
        arm: "untreated" or "treated" (default: both, where there is a therapy).
        every: minutes between samples, an even number from 2 to 60.

    Raises:
        TestisError: a scenario or an argument that cannot be understood.
    """
    case = load(scenario)
    day = case.plan.duration_days if day is None else guard.whole(day, 0, case.plan.duration_days, "day")
    with guard.at("every"):
        every = read_every(every)
    with guard.at("arm"):
        arms = read_arms(case, arm)
    values = complete(case.values())
    return Pulses(case.heading, day, case.plan.seed, every, {arm: _drawn(case, arm, day, values) for arm in arms})


def read_arms(case: Scenario, arm: Any) -> tuple[str, ...]:
    """Return the arms that are drawn (None: all that the scenario has).

    Raises:
        ScenarioError: it is none, or the scenario has no treatment.
    """
    if arm is None:
        return ARMS if case.treated else (UNTREATED,)
    if guard.word(arm, ARMS) == TREATED and not case.treated:
        raise ScenarioError(
            f'"{arm}": nothing is done to the man of this scenario; leave arm out, or write "{UNTREATED}"'
        )
    return (arm,)


def read_every(minutes: Any) -> int:
    """Return the minutes between samples.

    Raises:
        ScenarioError: they are no even number from 2 to 60.
    """
    if guard.whole(minutes, LEAST, MOST) % biology.STEP:
        raise ScenarioError(f"{minutes} is odd; samples are {LEAST} minutes apart, or a multiple of it up to {MOST}")
    return int(minutes)


def _drawn(case: Scenario, arm: str, day: int, values: Mapping[str, float]) -> Arm:
    treatment = Treatment(case if arm == TREATED else case.untreated(), history=True)
    man = treatment.follow(treatment.man(values, case.man.physiology), (case.plan.seed,))
    p = PulseParameters.of(values, man.man["age"])
    means, key = DayMeans.of(man.days[day], p, treatment.held(man, day - 1, 1)[0]), (case.plan.seed, day)
    return Arm(means, biology.draw(means, p, key), biology.draw(means, p, key, _DAYS))
