"""Drugs in the body: each substance a depot and a compartment, and the matrix of the exposures that it adds to.

A substance's concentration (nmol/L, IU/L), or the steroid that it releases, times its row of the matrix adds to the
exposures that the body reads (mechanisms.MECHANISMS); a new drug is a new table.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numba.extending import register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple

from testis_abm.biology.days import HOURS
from testis_abm.biology.mechanisms import EXPOSURES, MECHANISMS, Exposure
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.parameters import Drug
    from testis_abm.parameters.table import Substance

_RAPID = math.log(2.0) / 0.25  # 1/h: what an implant has released is absorbed at once
_PARTS = 12  # of an hour, in which what comes and goes within it is followed
_EXPOSURES = len(EXPOSURES)
_TROUGH = EXPOSURES.index("gnrh_trough")


class Depots(NamedTuple):
    """What is of every substance in the body, (substances,), changed in place, and how it moves (see Kinetics).

    Attributes:
        depot, central: amounts, nmol or IU.
        levels: (substances, 3), mean, lowest and highest level of the day; without rows, nobody asks for them.
    """

    depot: np.ndarray
    central: np.ndarray
    levels: np.ndarray
    absorption: np.ndarray
    elimination: np.ndarray
    volume: np.ndarray
    pulsed: np.ndarray
    effect: np.ndarray


@dataclass(frozen=True)
class Kinetics:
    """The substances of one run as arrays, one entry each.

    Attributes:
        names, drugs: of the substance, and of the drug that brings it.
        actions: what it does, keys of MECHANISMS.
        absorption, elimination: rate constants, 1/h. A released steroid joins the blood's: its elimination is that of
            its ester into it (0: at once).
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
        pairs = [(drug.name, substance) for drug in drugs for substance in drug.substances]
        rates = [_rates(name, substance) for name, substance in pairs]
        effects = [_effect(name, substance) for name, substance in pairs]
        return cls(
            tuple(substance.name for _, substance in pairs),
            tuple(name for name, _ in pairs),
            tuple(substance.actions for _, substance in pairs),
            **{field: np.array([getattr(row, field) for row in rates], dtype=float) for field in _Rates._fields},
            effect=np.array(effects, dtype=float).reshape(len(pairs), _EXPOSURES),
        )

    @cached_property
    def brought(self) -> Mapping[str, tuple[tuple[int, float, int], ...]]:
        """Return what each drug brings: substance, load, and hours of release."""
        rows = list(zip(range(len(self.names)), self.load.tolist(), (round(hours) for hours in self.release.tolist())))
        return {drug: tuple(row for row in rows if self.drugs[row[0]] == drug) for drug in self.drugs}

    def releases(self, k: int) -> bool:
        """Return whether substance `k` is a depot of a steroid of the body."""
        return bool(self.volume[k] == 0.0)

    def depots(self, *, levels: bool = True) -> Depots:
        """Return a body without any of the substances, which follows their `levels` or does not."""
        count = len(self.names)
        pulsed = np.array([any(MECHANISMS[name].pulsed for name in actions) for actions in self.actions], dtype=bool)
        return Depots(
            np.zeros(count),
            np.zeros(count),
            np.zeros((count if levels else 0, 3)),
            self.absorption,
            self.elimination,
            self.volume,
            pulsed,
            self.effect,
        )


def constants(actions: Sequence[str], dose_unit: str, given: Iterable[str] = ()) -> tuple[str, ...]:
    """Return the constants that a substance needs for its actions (keys of MECHANISMS); one that is `given` may stand for another."""
    rows = [MECHANISMS[action] for action in actions]
    depot = "release_days" if "release_days" in given else "absorption_half_life"
    mass = ("molar_mass",) if dose_unit == "mg" else ()
    cleared = () if any(row.released for row in rows) else ("half_life", "clearance")
    of_actions = [name for row in rows for part in row.exposed for name in (part.over, part.times) if name]
    return tuple(dict.fromkeys((depot, "bioavailability", *mass, *cleared, *of_actions)))


class _Rates(NamedTuple):
    absorption: float
    elimination: float
    load: float
    volume: float
    release: float


class _Numbers(dict[str, float]):
    """The constants of a substance; one that is lacking is a fault of the drug table."""

    def __init__(self, drug: str, substance: Substance) -> None:
        unknown = [action for action in substance.actions if action not in MECHANISMS]
        if unknown:
            raise TestisError(f'drug "{drug}": action "{unknown[0]}" is not known; known: {", ".join(MECHANISMS)}')
        super().__init__({name: parameter.value for name, parameter in substance.numbers.items()})
        self._where, self._actions = f'drug "{drug}": the drug table', ", ".join(substance.actions)

    def __missing__(self, name: str) -> float:
        raise TestisError(f'{self._where} lacks {name!r} for action "{self._actions}"')


def _rates(drug: str, substance: Substance) -> _Rates:
    number = _Numbers(drug, substance)
    release = number.get("release_days", 0.0) * HOURS
    absorption = _RAPID if release else math.log(2.0) / number["absorption_half_life"]
    load = number["bioavailability"] * number.get("payload_fraction", 1.0) * number.get("share", 1.0)
    if "molar_mass" in number:
        load *= 1e6 / number["molar_mass"]
    if any(MECHANISMS[action].released for action in substance.actions):
        ester = math.log(2.0) / number["uptake_half_life"] if "uptake_half_life" in number else 0.0
        return _Rates(absorption, ester, load, 0.0, release)
    elimination = math.log(2.0) / number["half_life"]
    return _Rates(absorption, elimination, load, number["clearance"] / elimination, release)


def _effect(drug: str, substance: Substance) -> list[float]:
    number, effect = _Numbers(drug, substance), dict.fromkeys(EXPOSURES, 0.0)
    for action in substance.actions:
        for part in MECHANISMS[action].exposed:
            strength = 1.0 / number[part.over] if part.over else 1.0
            effect[part.exposure] = strength * (number[part.times] if part.times else 1.0)
    return list(effect.values())


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
    return round(when * HOURS) // HOURS


@register_jitable
def _clear_in_minutes(drugs, k, at_once, evenly):
    """Advance substance `k` by an hour in steps of five minutes; return its mean, lowest and highest amount."""
    depot, central = drugs.depot[k], drugs.central[k]
    start, lowest, highest = depot + at_once + evenly + central, math.inf, 0.0
    depot += at_once
    for _ in range(_PARTS):
        depot += evenly / _PARTS
        depot, central, _absorbed = absorb_and_clear(
            depot, central, drugs.absorption[k], drugs.elimination[k], 1.0 / _PARTS
        )
        lowest, highest = min(lowest, central), max(highest, central)
    drugs.depot[k], drugs.central[k] = depot, central
    # What was cleared, over the rate of clearance.
    return (start - depot - central) / drugs.elimination[k], lowest, highest


@register_jitable
def expose(drugs, doses, hour, exposure):
    """Advance every substance by an hour of `doses` (a day of doses_by_day); return what they do as Exposure.

    `exposure` (EXPOSURES,) is where they are summed. The levels of a day are gathered hour by hour: nmol/L or IU/L at
    its end (of what comes and goes within the hour, by five minutes), nmol/day of a released steroid.
    """
    # Taken out once: an array taken out of a tuple within the loop would be counted there.
    depot, central, absorption, elimination = drugs.depot, drugs.central, drugs.absorption, drugs.elimination
    volume, pulsed, effect, levels = drugs.volume, drugs.pulsed, drugs.effect, drugs.levels
    exposure[:] = 0.0
    for k in range(depot.size):
        at_once, evenly = doses[hour, k], doses[HOURS + hour, k]
        if pulsed[k]:
            mean, lowest, highest = _clear_in_minutes(drugs, k, at_once, evenly)
            mean, lowest, highest = mean / volume[k], lowest / volume[k], highest / volume[k]
            cleared = mean * elimination[k] * volume[k]
        else:
            depot[k] += at_once + evenly
            held = central[k]
            depot[k], central[k], absorbed = absorb_and_clear(depot[k], held, absorption[k], elimination[k], 1.0)
            cleared = held + absorbed - central[k]
            mean = cleared * HOURS if volume[k] == 0.0 else central[k] / volume[k]
            lowest, highest = mean, mean
        for which in range(_EXPOSURES):
            exposure[which] += effect[k, which] * (lowest if which == _TROUGH else mean)
        if k < levels.shape[0]:
            _gather(levels[k], hour, cleared, lowest, highest, elimination[k], volume[k])
    return Exposure(*to_fixed_tuple(exposure, _EXPOSURES))  # type: ignore[call-arg]


@register_jitable
def _gather(day, hour, cleared, lowest, highest, elimination, volume):
    """Gather the levels of a substance in one of the hours 0 to 23 into those of the `day`."""
    if hour == 0:
        day[0], day[1], day[2] = 0.0, lowest, highest
    day[0] += cleared
    day[1] = min(day[1], lowest)
    day[2] = max(day[2], highest)
    if hour == HOURS - 1 and volume > 0.0:
        # The area under the curve is what was cleared over the clearance.
        day[0] /= HOURS * elimination * volume


Plan = Iterable[tuple[float, str, float] | Dose]


def doses_by_day(kinetics: Kinetics, plan: Plan, first: int, days: int) -> np.ndarray:
    """Return the amounts that enter the depots on `days` days from `first` on, (days, 48, substances), of doses or their entries.

    Rows 0 to 23 are given at the start of that hour, rows 24 to 47 evenly through hours 0 to 23.
    """
    doses = np.zeros((days, 2 * HOURS, len(kinetics.names)))
    for dose in (Dose(*entry) for entry in plan):
        hour = round(dose.day * HOURS) - first * HOURS
        if hour >= days * HOURS:
            continue
        for k, load, released in kinetics.brought.get(dose.drug, ()):
            release = released or round(dose.over_hours)
            if release == 0:
                if hour >= 0:
                    doses[hour // HOURS, hour % HOURS, k] += dose.amount * load
            elif hour + release > 0:
                last = min(hour + release, days * HOURS)
                for day in range(max(0, hour) // HOURS, -(-last // HOURS)):
                    begin, end = max(hour - day * HOURS, 0), min(last - day * HOURS, HOURS)
                    doses[day, HOURS + begin : HOURS + end, k] += dose.amount * load / release
    return doses
