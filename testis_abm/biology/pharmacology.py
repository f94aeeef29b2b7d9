"""Drugs in the body: each substance a depot and a compartment, and the matrix of what it acts on.

A substance's concentration (nmol/L, IU/L) over its constant, or the steroid that it releases, adds to an *exposure*; the
body and the testis read exposures and never drugs, so that any drugs combine, and a new drug is a new table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.parameters import Drug
    from testis_abm.parameters.table import Substance

# Exposures: what drugs do, summed over all of them.
(
    INHIBITOR,  # of aromatase, reversible: concentration over inhibition constant
    INACTIVATION,  # of aromatase, for good: share of the enzyme lost per day
    STEROID_BLOCK,  # of 17,20-lyase: concentration over inhibition constant
    RECEPTOR_BOUND,  # oestrogen receptor: concentration over binding constant
    PITUITARY_AGONIST,  # of that, weighted with what it does at hypothalamus and pituitary,
    LIVER_AGONIST,  # liver (SHBG)
    BONE_AGONIST,  # and bone
    GNRH,  # agonist: concentration over the half-maximal one, mean of the hour
    GNRH_TROUGH,  # the lowest of the hour: what a pulse leaves
    GNRH_BLOCK,  # antagonist: concentration over inhibition constant
    LH_IU,  # hCG-like activity, IU/L
    FSH_IU,  # IU/L
    TESTOSTERONE,  # released, nmol/day
    OESTRADIOL,  # released, nmol/day
) = range(14)
EXPOSURES = 14

# Action -> what a plot or table of its concentration is in.
UNITS: Mapping[str, str] = {
    "aromatase_inhibitor": "nmol/L",
    "aromatase_inactivator": "nmol/L",
    "lyase_inhibitor": "nmol/L",
    "oestrogen_receptor_modulator": "nmol/L",
    "gnrh_agonist": "nmol/L",
    "gnrh_antagonist": "nmol/L",
    "lh_activity": "IU/L",
    "fsh_activity": "IU/L",
    "testosterone": "nmol/day released",
    "oestradiol": "nmol/day released",
}
_STEROIDS = {"testosterone": TESTOSTERONE, "oestradiol": OESTRADIOL}
_CONSTANTS = {
    "aromatase_inhibitor": ("inhibition_constant", INHIBITOR),
    "lyase_inhibitor": ("lyase_constant", STEROID_BLOCK),
    "gnrh_agonist": ("gnrh_constant", GNRH),
    "gnrh_antagonist": ("block_constant", GNRH_BLOCK),
}
_HOURS = 24
_RAPID = math.log(2.0) / 0.25  # 1/h: what an implant has released is absorbed at once


@dataclass(frozen=True)
class Kinetics:
    """The substances of one run as arrays, one entry each.

    Attributes:
        names, drugs: of the substance, and of the drug that brings it.
        actions: what it does, for people.
        absorption, elimination: rate constants, 1/h. A released steroid joins the blood's: its elimination is that of its ester
            into it (0: at once).
        load: amount that reaches the absorption site per unit of dose: nmol per mg, or IU per IU.
        volume: litres (0 for a released steroid).
        release: hours over which a dose is released evenly (0: at once).
        effect: (substances, EXPOSURES), exposure per nmol/L or IU/L, or per nmol released in a day.
    """

    names: tuple[str, ...]
    drugs: tuple[str, ...]
    actions: tuple[tuple[str, ...], ...]
    absorption: np.ndarray
    elimination: np.ndarray
    load: np.ndarray
    volume: np.ndarray
    release: np.ndarray
    effect: np.ndarray

    @classmethod
    def of(cls, drugs: Sequence[Drug]) -> Kinetics:
        """Build the arrays from rows of the drug table."""
        pairs = [(drug, substance) for drug in drugs for substance in drug.substances]
        rows = [_row(drug.name, substance) for drug, substance in pairs]
        columns = [np.array([row[i] for row in rows], dtype=float) for i in range(5)]
        effect = np.array([row[5] for row in rows], dtype=float).reshape(len(rows), EXPOSURES)
        return cls(
            tuple(substance.name for _, substance in pairs),
            tuple(drug.name for drug, _ in pairs),
            tuple(substance.actions for _, substance in pairs),
            absorption=columns[0],
            elimination=columns[1],
            load=columns[2],
            volume=columns[3],
            release=columns[4],
            effect=effect,
        )

    @cached_property
    def brought(self) -> Mapping[str, tuple[tuple[int, float, int], ...]]:
        """Return what each drug brings: substance, load, and hours of release."""
        rows = list(zip(range(len(self.names)), self.load.tolist(), (round(hours) for hours in self.release.tolist())))
        return {drug: tuple(row for row in rows if self.drugs[row[0]] == drug) for drug in self.drugs}

    def releases(self, k: int) -> bool:
        """Return whether substance `k` is a depot of a steroid of the body."""
        return bool(self.volume[k] == 0.0)


def _row(drug: str, substance: Substance) -> tuple[float, float, float, float, float, np.ndarray]:
    number = {name: parameter.value for name, parameter in substance.numbers.items()}
    unknown = [action for action in substance.actions if action not in UNITS]
    if unknown:
        raise TestisError(f'drug "{drug}": action "{unknown[0]}" is not known; known: {", ".join(UNITS)}')
    try:
        release = number.get("release_days", 0.0) * _HOURS
        absorption = _RAPID if release else math.log(2.0) / number["absorption_half_life"]
        load = number["bioavailability"] * number.get("payload_fraction", 1.0) * number.get("share", 1.0)
        if "molar_mass" in number:
            load *= 1e6 / number["molar_mass"]
        effect = _effect(substance.actions, number)
        if any(action in _STEROIDS for action in substance.actions):
            ester = math.log(2.0) / number["uptake_half_life"] if "uptake_half_life" in number else 0.0
            return absorption, ester, load, 0.0, release, effect
        elimination = math.log(2.0) / number["half_life"]
        return absorption, elimination, load, number["clearance"] / elimination, release, effect
    except KeyError as missing:
        raise TestisError(
            f'drug "{drug}": the drug table lacks {missing} for action "{", ".join(substance.actions)}"'
        ) from None


def _effect(actions: Sequence[str], number: Mapping[str, float]) -> np.ndarray:
    effect = np.zeros(EXPOSURES)
    for action in actions:
        if action in _STEROIDS:
            effect[_STEROIDS[action]] = 1.0
        elif action == "lh_activity":
            effect[LH_IU] = 1.0
        elif action == "fsh_activity":
            effect[FSH_IU] = 1.0
        elif action == "aromatase_inactivator":
            effect[INACTIVATION] = number["inactivation_rate"]
        elif action == "oestrogen_receptor_modulator":
            bound = 1.0 / number["receptor_constant"]
            effect[RECEPTOR_BOUND] = bound
            for site, which in (("pituitary", PITUITARY_AGONIST), ("liver", LIVER_AGONIST), ("bone", BONE_AGONIST)):
                effect[which] = bound * number[f"{site}_activity"]
        else:
            constant, which = _CONSTANTS[action]
            effect[which] = 1.0 / number[constant]
    return effect


@register_jitable
def absorb_and_clear(depot, central, absorption, elimination, hours):
    """Advance one substance by `hours`; return depot, central amount and the amount absorbed.

    Exact for the linear chain depot -> central -> out (amounts in nmol or IU, rates in 1/h).
    """
    left = depot * math.exp(-absorption * hours)
    absorbed = depot - left
    if elimination == 0.0:
        return left, 0.0, absorbed
    stay = math.exp(-elimination * hours)
    difference = absorption - elimination
    if abs(difference) < 1e-9:
        entered = depot * absorption * hours * stay
    else:
        entered = depot * absorption / difference * (stay - math.exp(-absorption * hours))
    return left, central * stay + entered, absorbed


class Dose(NamedTuple):
    """One dose: day (with fraction), drug, amount in the drug's unit, hours over which it is infused (0: at once)."""

    day: float
    drug: str
    amount: float
    over_hours: float = 0.0


def day_of(when: float) -> int:
    """Return the day on which a dose enters the body: to the nearest hour, as thirds of a day are not exact."""
    return round(when * _HOURS) // _HOURS


@register_jitable
def clear_in_minutes(depot, central, at_once, evenly, absorption, elimination):
    """Advance one substance by an hour in steps of five minutes; return depot, central, and its mean, lowest, highest amount.

    For what comes and goes within the hour. `at_once` enters at its start, `evenly` all through it.
    """
    parts = 12
    start, lowest, highest = depot + at_once + evenly + central, math.inf, 0.0
    depot += at_once
    for _ in range(parts):
        depot += evenly / parts
        depot, central, _absorbed = absorb_and_clear(depot, central, absorption, elimination, 1.0 / parts)
        lowest, highest = min(lowest, central), max(highest, central)
    # What was cleared, over the rate of clearance.
    return depot, central, (start - depot - central) / elimination, lowest, highest


@register_jitable
def expose(exposure, levels, depot, central, at_once, evenly, absorption, elimination, volume, effect):
    """Advance every substance by an hour and sum up what they do into `exposure` (EXPOSURES,).

    `at_once` and `evenly` (substances,) are the amounts given at the start of the hour and all through it. `levels`
    (substances, 3) is filled with the amount cleared in the hour and the lowest and highest level: nmol/L or IU/L at its end (of
    what comes and goes within the hour, by five minutes), nmol/day of a released steroid; without rows, nobody asks for them.
    """
    exposure[:] = 0.0
    for k in range(depot.size):
        if effect[k, GNRH] > 0.0:
            depot[k], central[k], mean, lowest, highest = clear_in_minutes(
                depot[k], central[k], at_once[k], evenly[k], absorption[k], elimination[k]
            )
            if k < levels.shape[0]:
                levels[k, 0], levels[k, 1] = mean * elimination[k], lowest / volume[k]
                levels[k, 2] = highest / volume[k]
            exposure[GNRH] += effect[k, GNRH] * mean / volume[k]
            exposure[GNRH_TROUGH] += effect[k, GNRH] * lowest / volume[k]
            continue
        depot[k] += at_once[k] + evenly[k]
        held = central[k]
        depot[k], central[k], absorbed = absorb_and_clear(depot[k], central[k], absorption[k], elimination[k], 1.0)
        cleared = held + absorbed - central[k]
        level = cleared * _HOURS if volume[k] == 0.0 else central[k] / volume[k]
        if k < levels.shape[0]:
            levels[k, 0], levels[k, 1], levels[k, 2] = cleared, level, level
        for which in range(EXPOSURES):
            exposure[which] += effect[k, which] * level


@register_jitable
def gather_levels(levels, hourly, hour, elimination, volume):
    """Gather what `expose` found of hours 0 to 23 into the mean, lowest and highest level of the day, (substances, 3)."""
    for k in range(levels.shape[0]):
        if hour == 0:
            levels[k, 0], levels[k, 1], levels[k, 2] = 0.0, hourly[k, 1], hourly[k, 2]
        levels[k, 0] += hourly[k, 0]
        levels[k, 1] = min(levels[k, 1], hourly[k, 1])
        levels[k, 2] = max(levels[k, 2], hourly[k, 2])
        if hour == _HOURS - 1 and volume[k] > 0.0:
            # The area under the curve is what was cleared over the clearance.
            levels[k, 0] /= _HOURS * elimination[k] * volume[k]


def hourly_doses(kinetics: Kinetics, plan: Iterable[tuple[Any, ...]], day: int) -> np.ndarray:
    """Return the amounts that enter the depots on `day`, (48, substances), from the entries of `Dose`.

    Rows 0 to 23 are given at the start of that hour, rows 24 to 47 evenly through hours 0 to 23.
    """
    doses = np.zeros((2 * _HOURS, len(kinetics.names)))
    for when, name, dose, *over in plan:
        hour = round(when * _HOURS) - day * _HOURS
        if hour >= _HOURS:
            continue
        for k, load, hours in kinetics.brought.get(name, ()):
            release = hours or round(sum(over))
            if release == 0:
                if hour >= 0:
                    doses[hour, k] += dose * load
            elif hour + release > 0:
                doses[_HOURS + max(0, hour) : _HOURS + min(_HOURS, hour + release), k] += dose * load / release
    return doses
