"""The insults of a plan in one man, day by day: the blows of a morning, the testes that are there, the ducts that are open."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.biology import injury
from testis_abm.biology.injury import SIDES, Blow
from testis_abm.biology.steps import A_DARK, A_PALE
from testis_abm.scenario.insult import KINDS, survivors_fault
from testis_abm.support.errors import Note, TestisError

if TYPE_CHECKING:
    from testis_abm.scenario import Insult, Scenario, Tissue

_ASK_CELLS = 'testis-abm run and compare take cells, as does engine = "cells" of a [sweep], [sensitivity] or [trial]'
# Share of the A-pale that must live for the mean of many niches to stand for them: under it sperm come back from foci.
FEW_A_PALE = 0.1


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

    def closed_since(self, day: int) -> float | None:
        """Return the day since which, on `day`, no testis that is there has an open duct; None where one has, or none is there."""
        there, since = self.present(day), []
        for side, present in zip(SIDES, there.tolist(), strict=True):
            closing = [
                insult.day
                for insult in self.insults
                if KINDS[insult.kind].ducts and side in insult.sides and insult.day <= day < insult.ends
            ]
            if present:
                since.append(min(closing, default=math.inf))
        return max(since) if since and max(since) < math.inf else None

    def surviving(self) -> Iterator[tuple[int, Insult, np.ndarray]]:
        """Yield each insult that acts at once, its number from 1, and the expected shares of A-dark and A-pale that live on by then.

        The shares are (sides, 2), without what grows back between them.
        """
        alive = np.ones((len(SIDES), 2))
        for i, insult in enumerate(self.insults, 1):
            if KINDS[insult.kind].lasts or insult.kind == "orchiectomy":
                continue
            for day in insult.times:
                for blow in _blows(insult, int(day), self.values):
                    alive *= np.exp(-blow.deadly[:, [A_DARK, A_PALE]])
            yield i, insult, alive.copy()

    def founders(self, niches: float, day: int) -> float:
        """Return how many stem cells of the man's `niches` are expected to have lived through all blows before `day`."""
        past = [alive for _, insult, alive in self.surviving() if insult.times[-1] < day]
        return niches * float(past[-1].mean(axis=0).sum()) if past else 2.0 * niches

    def check(self, tissue: Tissue, niches: float, endowed: float, source: str = "") -> None:
        """Raise if what survives in the man, of `niches`, is too little to be found in his simulated tissue.

        `endowed`: share of the Sertoli cells that keep stem cells. `source`: the file that the insults are of, which the error names.

        Raises:
            TestisError: naming the size that would hold it.
        """
        stem_cells = 2.0 * endowed * tissue.sertoli
        if stem_cells < 1.0:  # none to lose: so small a tissue holds none of the man's live tubules
            return
        for i, insult, alive in self.surviving():
            reached = [SIDES.index(side) for side in insult.sides]
            share = float(alive[reached].sum() / 2.0) / len(SIDES)
            simulated, there = share * stem_cells, len(reached) / len(SIDES) * stem_cells
            if simulated < 1.0 <= share * niches * 2.0:
                place = f"{source}: " if source else ""
                fault = survivors_fault(simulated, there, tissue)
                raise TestisError(f"{place}insult {i} ({insult.label}): {fault}")


def needs_cells(scenario: Scenario) -> str:
    """Return why a scenario's man is not what the mean-field man is taken to be, in words; "" where he is.

    The mean-field man has a mean niche alone. Once an insult leaves few A-pale, sperm come back from foci, niches far
    apart that grow into what is empty around them: later than in the mean.
    """
    injuries = Injuries(scenario.insult, scenario.values())
    for _, insult, alive in injuries.surviving():
        share = float(alive[[SIDES.index(side) for side in insult.sides], 1].min())
        if share < FEW_A_PALE:
            left = f"{100.0 * share:.1g} %" if share >= 1e-4 else "under 0.01 %"
            return f"after {insult.label} (day {insult.day:g}) {left} of the A-pale are left, and sperm come back from foci"
    return ""


def left_out(scenario: Scenario) -> str:
    """Return in a line why the interval over plausible models is left out of a scenario; "" where it is not."""
    reason = needs_cells(scenario)
    return reason and f"No interval over plausible models: {reason}, which their mean-field man does not have."


def warn_if_cells_are_needed(scenarios: Iterable[Scenario]) -> None:
    """Warn who asks the mean-field man about scenarios that need cells, once for all, and name what takes cells."""
    if reason := next(filter(None, map(needs_cells, scenarios)), ""):
        text = f"{reason}, which the mean-field man does not have: he recovers much too soon; {_ASK_CELLS}"
        warnings.warn(text, Note, stacklevel=3)


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
    return _KINDS[insult.kind](insult, {**values, **insult.numbers} if insult.numbers else values)


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
    met = insult.sensitivity * values["varicocele.susceptibility"]  # type: ignore[operator]
    degrees = met * values[f"varicocele.degrees_grade_{insult.grade}"]
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
