"""The six stages of the human cycle of the seminiferous epithelium, a property of place and time.

A stage is read off the clock of a niche and moves no cell. The cells of the model follow the durations of their types
(parameters/model/tissue.toml, [germ]), stages those of [stage] in histology.toml; the two come from tables that do not
quite agree. The zero is where spermatids, by which stages are told apart, agree best: `Clock.lateness` says how well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology.germ import durations
from testis_abm.biology.steps import (
    A_PALE,
    B_SPERMATOGONIUM,
    COUNT,
    ELONGATED_SPERMATID,
    ELONGATING_SPERMATID,
    LEPTOTENE,
    PACHYTENE,
    PRELEPTOTENE,
    ROUND_SPERMATID,
    SECONDARY_SPERMATOCYTE,
    ZYGOTENE,
)

NAMES = ("I", "II", "III", "IV", "V", "VI")
COUNT_OF_STAGES = len(NAMES)
NONE, NO_STAGE = -1, "none"  # of a niche without germ cells, which tell stages apart; its name in tables
STAGE_I, STAGE_II, STAGE_III, STAGE_IV, STAGE_V, STAGE_VI = range(COUNT_OF_STAGES)


class Landmark(NamedTuple):
    """An event of the germ line at the end of a stage: the type that ends then, and the stage that ends."""

    event: str
    ends: int
    stage: int


# Stages are told apart by their spermatids (Clermont 1963): new Sa begin I, Sd leave with II, Sc begin V, Sd VI.
SPERMATIDS = (
    Landmark("spermatids form", SECONDARY_SPERMATOCYTE, STAGE_VI),
    Landmark("round spermatids elongate", ROUND_SPERMATID, STAGE_IV),
    Landmark("spermatids have elongated", ELONGATING_SPERMATID, STAGE_V),
    Landmark("spermiation", ELONGATED_SPERMATID, STAGE_II),
)
OTHERS = (
    Landmark("A-pale found clones of B", A_PALE, STAGE_VI),
    Landmark("B become preleptotene", B_SPERMATOGONIUM, STAGE_II),
    Landmark("leptotene begins", PRELEPTOTENE, STAGE_III),
    Landmark("zygotene begins", LEPTOTENE, STAGE_V),
    Landmark("pachytene begins", ZYGOTENE, STAGE_VI),
    Landmark("pachytene ends", PACHYTENE, STAGE_V),
)


@dataclass(frozen=True, eq=False)
class Clock:
    """The cycle of one man's niches.

    Attributes:
        cycle_days: length of a turn.
        shares: (6,) of the cycle that each stage lasts, 1 in all.
        ages: (steps,) days from the founding of a clone to the end of each type.
        zero: day of a niche's own clock, on whose day 0 its A-pale found clones, on which stage I begins.
    """

    cycle_days: float
    shares: np.ndarray
    ages: np.ndarray
    zero: float

    @classmethod
    def of(cls, values: Mapping[str, float], p: Any) -> Clock:
        """Return the clock of a man with such parameters (dotted name -> value) and numbers of the tissue."""
        days = np.array([values[f"stage.{name.lower()}_days"] for name in NAMES])
        mean_days = np.array(durations(p), dtype=float)
        mean_days[: A_PALE + 1] = 0.0
        cycle = float(p.germ.cycle_days)
        clock = cls(cycle, days / days.sum(), mean_days.cumsum(), 0.0)
        turn = np.array([clock.lateness(mark) for mark in SPERMATIDS]) * 2.0 * np.pi / cycle
        mean = math.atan2(float(np.sin(turn).mean()), float(np.cos(turn).mean()))
        return cls(cycle, clock.shares, clock.ages, mean * cycle / (2.0 * np.pi))

    @property
    def ends(self) -> np.ndarray:
        """Return the share of the cycle, counted from the start of stage I, at which each stage ends, (6,)."""
        return np.asarray(self.shares.cumsum())

    def turned(self, phase: Any, now: float) -> np.ndarray:
        """Return the share of its cycle, counted from the start of stage I, that a niche has gone through on day `now`.

        Args:
            phase: of its clock on day 0 of the tissue, 0 to 1 (SertoliColumns.phase), of any shape.
            now: day of the tissue (Tissue.now).
        """
        return np.asarray((np.asarray(phase, dtype=float) + (now - self.zero) / self.cycle_days) % 1.0)

    def stage_at(self, phase: Any, now: float) -> np.ndarray:
        """Return the stage, 0 (I) to 5 (VI), of niches of such phases on day `now`; arguments as of `turned`."""
        found = np.searchsorted(self.ends[:-1], self.turned(phase, now), side="right")
        return np.asarray(found, dtype=np.int8)

    def lateness(self, mark: Landmark) -> float:
        """Return how many days after the end of its stage an event comes; before it if negative."""
        late = float(self.ages[mark.ends] - self.zero - self.ends[mark.stage] * self.cycle_days)
        half = 0.5 * self.cycle_days
        return (late + half) % self.cycle_days - half

    def present(self) -> np.ndarray:
        """Return the share of each stage's time in which germ cells of each type are there, (6, steps), stem cells always.

        As durations have it, of a niche that founds a clone in every cycle.
        """
        fine = (np.arange(16_000) + 0.5) / 16_000
        stage = np.searchsorted(self.ends[:-1], (fine - self.zero / self.cycle_days) % 1.0, side="right")
        here = np.ones((COUNT, len(fine)))
        for step in range(B_SPERMATOGONIUM, COUNT):
            begins, lasts = self.ages[step - 1], self.ages[step] - self.ages[step - 1]
            here[step] = (fine * self.cycle_days - begins) % self.cycle_days < lasts
        return np.array([here[:, stage == one].mean(axis=1) for one in range(COUNT_OF_STAGES)])


def stages_a_section(stages: np.ndarray) -> np.ndarray:
    """Return how many stages each section shows, (...), from the stages around it, (..., around); NONE is no stage."""
    return np.asarray(sum((stages == one).any(axis=-1).astype(int) for one in range(COUNT_OF_STAGES)))


def names(stages: np.ndarray) -> list[str]:
    """Return the names of stages, (niches,); NO_STAGE of NONE."""
    return [*np.array([*NAMES, NO_STAGE])[stages]]
