"""Drugs in the body: one compartment with first-order absorption, and what each kind of drug acts on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numba.extending import register_jitable

from testis_abm.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.parameters import Drug

AROMATASE_INHIBITOR, TESTOSTERONE, LH_ACTIVITY, FSH_ACTIVITY = range(4)
ACTIONS: Mapping[str, int] = {
    "aromatase_inhibitor": AROMATASE_INHIBITOR,
    "testosterone": TESTOSTERONE,
    "lh_activity": LH_ACTIVITY,
    "fsh_activity": FSH_ACTIVITY,
}
UNITS: Mapping[str, str] = {
    "aromatase_inhibitor": "nmol/L",
    "testosterone": "nmol/day released",
    "lh_activity": "IU/L",
    "fsh_activity": "IU/L",
}

_HOURS = 24


@dataclass(frozen=True)
class Kinetics:
    """The drugs of one run as arrays, one entry a drug.

    Attributes:
        names: drug names.
        action: code of the action of each drug.
        absorption, elimination: rate constants, 1/h (elimination is 0 for a testosterone ester: its load joins blood T).
        load: amount that reaches the absorption site per unit of dose: nmol per mg, or IU per IU.
        volume: litres (1 for a testosterone ester).
        inhibition_constant: nmol/L (1 where the drug inhibits nothing).
    """

    names: tuple[str, ...]
    action: np.ndarray
    absorption: np.ndarray
    elimination: np.ndarray
    load: np.ndarray
    volume: np.ndarray
    inhibition_constant: np.ndarray

    @classmethod
    def of(cls, drugs: Sequence[Drug]) -> Kinetics:
        """Build the arrays from rows of the drug table."""
        rows = [_row(drug) for drug in drugs]
        columns = np.array(rows, dtype=float).reshape(len(rows), 6).T
        return cls(
            tuple(drug.name for drug in drugs),
            np.ascontiguousarray(columns[0]).astype(np.int64),
            *(np.ascontiguousarray(column) for column in columns[1:]),
        )


def _row(drug: Drug) -> tuple[float, ...]:
    number = {name: parameter.value for name, parameter in drug.numbers.items()}
    try:
        action = ACTIONS[drug.action]
        absorption = math.log(2.0) / number["absorption_half_life"]
        load = number["bioavailability"] * number.get("payload_fraction", 1.0)
        if "molar_mass" in number:
            load *= 1e6 / number["molar_mass"]
        if action == TESTOSTERONE:
            return action, absorption, 0.0, load, 1.0, 1.0
        elimination = math.log(2.0) / number["half_life"]
        volume = number["clearance"] / elimination
        inhibition = number["inhibition_constant"] if action == AROMATASE_INHIBITOR else 1.0
    except KeyError as missing:
        raise TestisError(f'drug "{drug.name}": the drug table lacks {missing} for action "{drug.action}"') from None
    return action, absorption, elimination, load, volume, inhibition


@register_jitable
def absorb_and_clear(depot, central, absorption, elimination, hours):
    """Advance one drug by `hours`; return depot, central amount and the amount absorbed.

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


def hourly_doses(kinetics: Kinetics, plan: Sequence[tuple[float, str, float]], day: int) -> np.ndarray:
    """Return the amounts given in each hour of `day`, shape (24, drugs), from (day, drug, dose) entries."""
    doses = np.zeros((_HOURS, len(kinetics.names)))
    for when, name, dose in plan:
        # To the nearest hour: multiples of a third of a day are not exact.
        hour = round(when * _HOURS) - day * _HOURS
        if 0 <= hour < _HOURS:
            drug = kinetics.names.index(name)
            doses[hour, drug] += dose * kinetics.load[drug]
    return doses
