"""The insults of a plan in one man, day by day: the blows of a morning, the testes that are there, the ducts that are open."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.biology import injury
from testis_abm.biology.injury import SIDES, Blow
from testis_abm.biology.steps import A_DARK, A_PALE
from testis_abm.scenario.insult import KINDS, survivors_fault
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.scenario import Insult, Tissue


class Injuries:
    """The insults of a man.

    Args:
        insults: of the plan, those that happen to him.
        values: dotted parameter name -> value.
    """

    def __init__(self, insults: Sequence[Insult], values: Mapping[str, float]) -> None:
        self.insults, self.values = tuple(insults), values
        self._changes = sorted({day for insult in self.insults for day in _changes(insult)})

    def __bool__(self) -> bool:
        return bool(self.insults)

    def blows(self, day: int) -> list[Blow]:
        """Return the blows of the morning of `day`, in the order of the plan; those of one kind are numbered."""
        found: list[Blow] = []
        for insult in self.insults:
            for blow in _blows(insult, day, self.values):
                found.append(blow._replace(repeat=sum(other.kind == blow.kind for other in found)))
        return found

    def quiet(self, day: int, most: int) -> int:
        """Return for how many days from `day` on, at most `most`, no blow falls and no duct changes but in the first morning."""
        if any(_daily(insult) and insult.day < day + 1 < insult.ends for insult in self.insults):
            return 1
        return next((max(1, int(change) - day) for change in self._changes if day < change < day + most), most)

    def present(self, day: int) -> np.ndarray:
        """Return which testes are there on `day`, (2,) of 1 and 0."""
        gone = {
            side
            for insult in self.insults
            if insult.kind == "orchiectomy" and insult.day <= day
            for side in insult.sides
        }
        return np.array([float(side not in gone) for side in SIDES])

    def open(self, day: int) -> float:
        """Return the share of the testes that are there whose duct is open on `day` (1 where none is)."""
        closed = {
            side
            for insult in self.insults
            if KINDS[insult.kind].ducts and insult.day <= day < insult.ends
            for side in insult.sides
        }
        there = self.present(day)
        ducts = np.array([float(side not in closed) for side in SIDES])
        return float((there * ducts).sum() / there.sum()) if there.any() else 1.0

    def check(self, tissue: Tissue, niches: float) -> None:
        """Raise if what survives in the man, of `niches`, is too little to be found in his simulated tissue.

        Raises:
            TestisError: naming the size that would hold it.
        """
        alive = np.ones((len(SIDES), A_PALE + 1))
        for i, insult in enumerate(self.insults, 1):
            if KINDS[insult.kind].lasts or insult.kind == "orchiectomy":
                continue
            for day in insult.times:
                for blow in _blows(insult, int(day), self.values):
                    alive *= np.exp(-blow.deadly[:, : A_PALE + 1])
            reached = [SIDES.index(side) for side in insult.sides]
            share = float(alive[reached][:, [A_DARK, A_PALE]].sum() / 2.0) / len(SIDES)
            simulated, there = share * tissue.sertoli * 2.0, len(reached) / len(SIDES) * tissue.sertoli * 2.0
            if simulated < 1.0 <= share * niches * 2.0:
                raise TestisError(
                    f"insult {i} ({insult.label}): {survivors_fault(simulated, there, tissue.rows, tissue.tubules)}"
                )


def _daily(insult: Insult) -> bool:
    """Return whether it brings a blow every day for a time."""
    return KINDS[insult.kind].lasts and not KINDS[insult.kind].ducts


def _changes(insult: Insult) -> tuple[float, ...]:
    return tuple(day for day in (insult.day, *insult.times, insult.ends) if math.isfinite(day))


def _blows(insult: Insult, day: int, values: Mapping[str, float]) -> tuple[Blow, ...]:
    """Return what an insult does on the morning of `day`."""
    if KINDS[insult.kind].ducts or not (insult.day <= day < insult.ends):
        return ()
    if not _daily(insult) and day not in insult.times:
        return ()
    return _KINDS[insult.kind](insult, values)


def _irradiation(insult: Insult, values: Mapping[str, float]) -> tuple[Blow, ...]:
    dose = insult.dose * insult.sensitivity / insult.fractions  # type: ignore[operator]
    return (injury.irradiation(injury.sided(dose, str(insult.side)), values),)


def _cytotoxics(insult: Insult, values: Mapping[str, float]) -> tuple[Blow, ...]:
    named = f"cytotoxic.{str(insult.regimen).lower()}"
    hits = insult.strength if insult.strength is not None else values[named]
    return (injury.cytotoxics(hits * insult.sensitivity, values),)  # type: ignore[operator]


def _fever(insult: Insult, values: Mapping[str, float]) -> tuple[Blow, ...]:
    rise = max(0.0, insult.peak - values["heat.body_temperature"])  # type: ignore[operator]
    return (injury.heat(injury.both(rise * values["fever.reaches_testis"]), values),)


def _heat(insult: Insult, values: Mapping[str, float]) -> tuple[Blow, ...]:
    degrees = injury.warmth(insult.degrees, insult.hours, values)  # type: ignore[arg-type]
    return (injury.heat(injury.sided(degrees, str(insult.side)), values),)


def _varicocele(insult: Insult, values: Mapping[str, float]) -> tuple[Blow, ...]:
    degrees = values[f"varicocele.degrees_grade_{insult.grade}"]
    other = degrees * values["varicocele.other_side"]
    return (injury.heat(np.maximum(injury.both(other), injury.sided(degrees, str(insult.side))), values),)


_KINDS = {
    "irradiation": _irradiation,
    "cytotoxics": _cytotoxics,
    "fever": _fever,
    "heat": _heat,
    "varicocele": _varicocele,
    "cryptorchidism": lambda insult, values: injury.cryptorchidism(str(insult.side), values),
    "torsion": lambda insult, values: (injury.torsion(float(insult.hours), str(insult.side), values),),
    "orchiectomy": lambda insult, values: (injury.orchiectomy(str(insult.side)),),
}
