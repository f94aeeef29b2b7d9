"""What insults do to cells, stored sperm and ducts: survival by type, hits that stop stem cells, harm that sperm carry.

An insult acts at the start of a day as one or more blows. Each cell lives with the chance of its type, by a draw keyed to
its lineage and the blow; a survivor may keep harm that it passes on to its daughters and to the sperm that it becomes. A
Sertoli cell that is hit stops its stem cells for a time. Numbers: parameters/model/injury.toml.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.draws import BLOCK, HITS, INJURY, NECROSIS, uniform
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COUNT,
    ELONGATED_SPERMATID,
    ELONGATING_SPERMATID,
    PACHYTENE,
    PRELEPTOTENE,
    ROUND_SPERMATID,
)
from testis_abm.choices import BLOWS_A_DAY

# Tubules belong to the left and the right testis in turn.
SIDES = ("left", "right")
# Kinds of blow, which key its draws.
IRRADIATION, CYTOTOXICS, HEAT, CRYPTORCHIDISM, TORSION, ORCHIECTOMY = range(6)
_KINDS = 8
_MOST_HITS = 60
_BY_CLASS = {
    "a_dark": (A_DARK, A_PALE),
    "a_pale": (A_PALE, B_SPERMATOGONIUM),
    "b_spermatogonium": (B_SPERMATOGONIUM, PRELEPTOTENE),
    "early_prophase": (PRELEPTOTENE, PACHYTENE),
    "pachytene": (PACHYTENE, ROUND_SPERMATID),
    "round_spermatid": (ROUND_SPERMATID, ELONGATING_SPERMATID),
    "elongating_spermatid": (ELONGATING_SPERMATID, ELONGATED_SPERMATID),
    "elongated_spermatid": (ELONGATED_SPERMATID, COUNT),
}


class Blow(NamedTuple):
    """What an insult does at the start of one day.

    Attributes:
        kind: of IRRADIATION to ORCHIECTOMY; repeat: which of its kind on that day.
        deadly: (2, steps), minus the log of the chance to live, by side and type.
        harm: (2, steps), what a surviving cell keeps.
        hits: (2,), mean hits on a Sertoli cell; hit_days: mean days that each stops its stem cells.
        necrosis: (2,), chance that a Sertoli cell will keep no germ cells any more.
        cycling: further sensitivity of stem cells where A-pale around them are missing.
        stored: harm to the sperm in epididymis and cauda.
        removed: (2,), whether the testis is taken away.
    """

    kind: int
    repeat: int
    deadly: np.ndarray
    harm: np.ndarray
    hits: np.ndarray
    hit_days: float
    necrosis: np.ndarray
    cycling: float
    stored: float
    removed: np.ndarray

    @property
    def lasting(self) -> bool:
        """Return whether it acts on Sertoli cells too."""
        return bool(np.any(self.hits > 0.0) or np.any(self.necrosis > 0.0) or np.any(self.removed))


# ---- rules of one cell


@register_jitable
def stage_of(day, kind, repeat):
    """Return the stage that keys the draws of a blow on `day` of the tissue's clock."""
    return (np.int64(day) * _KINDS + kind) * BLOWS_A_DAY + repeat


@register_jitable
def survival(deadly, cycling, density):
    """Return the chance to live where A-pale around are `density` of normal: stem cells that are called into cycle die sooner."""
    return math.exp(-deadly * (1.0 + cycling * (1.0 - min(1.0, density))))


@register_jitable
def lives(lineage, stage, chance):
    """Return whether a cell survives a blow: who survives a worse one survives this."""
    return uniform(lineage, stage, INJURY) < chance


@register_jitable
def blocked_days(lineage, stage, hits, hit_days):
    """Return for how many days a Sertoli cell stops its stem cells: of a Poisson number of hits each adds an exponential time."""
    days, seen = 0.0, 0.0
    for k in range(_MOST_HITS):
        seen -= math.log(1.0 - uniform(lineage, stage * 64 + k, HITS))
        if seen > hits:
            break
        days -= hit_days * math.log(1.0 - uniform(lineage, stage * 64 + k, BLOCK))
    return days


@register_jitable
def dies_off(lineage, stage, chance):
    """Return whether a Sertoli cell will keep no germ cells any more."""
    return uniform(lineage, stage, NECROSIS) < chance


# ---- the blows of each kind


def _by_class(values: Mapping[str, float], prefix: str) -> np.ndarray:
    """Return the numbers `prefix` + class for each type, (steps,)."""
    by_step = np.zeros(COUNT)
    for name, (first, last) in _BY_CLASS.items():
        by_step[first:last] = values[prefix + name]
    return by_step


def _harm(values: Mapping[str, float], room: str) -> np.ndarray:
    by_step = np.zeros(COUNT)
    by_step[PRELEPTOTENE:ROUND_SPERMATID] = values[f"{room}.harm_spermatocyte"]
    by_step[ROUND_SPERMATID:] = values[f"{room}.harm_spermatid"]
    return by_step


def _blow(kind: int, amount: np.ndarray, deadly: np.ndarray, harm: np.ndarray, **more: object) -> Blow:
    """Return a blow of an `amount` (2,) by side, of what one of it does."""
    none = np.zeros(len(SIDES))
    rest = {"hits": none, "hit_days": 0.0, "necrosis": none, "cycling": 0.0, "stored": 0.0, "removed": none}
    return Blow(kind, 0, np.outer(amount, deadly), np.outer(amount, harm), **{**rest, **more})  # type: ignore[arg-type]


def both(amount: float) -> np.ndarray:
    """Return an amount for each side, (2,)."""
    return np.full(len(SIDES), float(amount))


def sided(amount: float, side: str) -> np.ndarray:
    """Return an amount for a side, or for both, (2,)."""
    return np.array([amount if side in (name, "both") else 0.0 for name in SIDES])


def irradiation(gray: np.ndarray, values: Mapping[str, float]) -> Blow:
    """Return the blow of a dose at once by side, (2,) Gy: linear-quadratic survival by type."""
    beta = np.zeros(COUNT)
    beta[:B_SPERMATOGONIUM], beta[PACHYTENE:ROUND_SPERMATID] = (
        values["irradiation.beta_stem_cell"],
        values["irradiation.beta_pachytene"],
    )
    blow = _blow(
        IRRADIATION,
        gray,
        _by_class(values, "irradiation.alpha_"),
        _harm(values, "irradiation"),
        hits=gray / values["irradiation.gray_per_hit"],
        hit_days=values["injury.hit_days"],
        cycling=values["injury.cycling"],
        stored=float(gray.mean()) * values["irradiation.harm_stored"],
    )
    return blow._replace(deadly=blow.deadly + np.outer(gray * gray, beta))


def cytotoxics(hits: float, values: Mapping[str, float]) -> Blow:
    """Return the blow of a course of so many hits."""
    return _blow(
        CYTOTOXICS,
        both(hits),
        _by_class(values, "cytotoxic.kill_"),
        _harm(values, "cytotoxic"),
        hits=both(hits),
        hit_days=values["injury.hit_days"],
        cycling=values["injury.cycling"],
        stored=hits * values["cytotoxic.harm_stored"],
    )


def warmth(degrees: float, hours: float, values: Mapping[str, float]) -> float:
    """Return the degrees over a whole day that so many hours a day of `degrees` amount to."""
    return float(degrees * (hours / 24.0) ** values["heat.hours_exponent"])


def heat(degrees: np.ndarray, values: Mapping[str, float]) -> Blow:
    """Return the blow of one day of warmth over normal by side, (2,) degrees C."""
    deadly, harm = _by_class(values, "heat.kill_"), _harm(values, "heat")
    return _blow(HEAT, degrees, deadly, harm, stored=float(degrees.mean()) * values["heat.harm_stored"])


def cryptorchidism(side: str, values: Mapping[str, float]) -> tuple[Blow, ...]:
    """Return the blows of one day of a testis outside the scrotum: warmth, and the slow loss of niches."""
    lost = sided(values["cryptorchidism.niche_loss"], side)
    none = np.zeros(COUNT)
    slow = _blow(CRYPTORCHIDISM, both(0.0), none, none, necrosis=lost)
    return heat(sided(values["cryptorchidism.degrees"], side), values), slow


def torsion(hours: float, side: str, values: Mapping[str, float]) -> Blow:
    """Return the blow of hours without blood: germ cells die first, then the Sertoli cells that would keep new ones."""

    def survived(half: float) -> float:
        return float(1.0 / (1.0 + (hours / half) ** values["torsion.steepness"]))

    deadly, harm = np.full(COUNT, -math.log(survived(values["torsion.germ_cell_hours"]))), np.zeros(COUNT)
    harm[PACHYTENE:] = hours * values["torsion.harm_per_hour"]
    necrosis = 1.0 - survived(values["torsion.sertoli_cell_hours"])
    return _blow(TORSION, sided(1.0, side), deadly, harm, necrosis=sided(necrosis, side))


def orchiectomy(side: str) -> Blow:
    """Return the blow that takes a testis, or both, away."""
    gone = sided(1.0, side)
    return _blow(ORCHIECTOMY, gone, np.zeros(COUNT), np.zeros(COUNT), removed=gone)
