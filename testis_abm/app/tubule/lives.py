"""Who came from whom, and how each ended: what a recording notes of the cells that it no longer shows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm.biology import draws, steps
from testis_abm.biology.draws import child
from testis_abm.biology.niche import RENEWED, SET_ASIDE
from testis_abm.support.compile import compiled

LIVES, RELEASED, RETAINED, DIED, DIVIDED = range(5)
FATES = ("lives", "released", "retained", "died", "divided")
_GENERATIONS = 3  # that may pass between two records, a few days apart


@dataclass(frozen=True, eq=False)
class Germ:
    """The germ cells of a section on one day.

    Attributes:
        lineage, step, clone, turn, ends, threshold: see GermColumns; niche: row of their Sertoli cell; x, y: um.
    """

    lineage: np.ndarray
    step: np.ndarray
    clone: np.ndarray
    turn: np.ndarray
    ends: np.ndarray
    threshold: np.ndarray
    niche: np.ndarray
    x: np.ndarray
    y: np.ndarray


class Hazard(NamedTuple):
    """What the Sertoli cells of some germ cells count of one type: by now, and a day."""

    gathered: np.ndarray
    a_day: np.ndarray

    def killed(self, threshold: np.ndarray, ends: np.ndarray, now: float) -> np.ndarray:
        """Return which cells of such thresholds have died before their step ended (germ.next_event)."""
        beyond = self.gathered - threshold
        ago = np.divide(beyond, self.a_day, out=np.full(len(beyond), np.inf), where=self.a_day > 0.0)
        return np.asarray((beyond >= 0.0) & (now - ago <= ends))


def find(among: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Return where each of `wanted` is in `among`, each once, -1 where it is not (uint64)."""
    return np.asarray(pd.Index(among).get_indexer(pd.Index(wanted)))


@compiled
def _daughters(lineage: np.ndarray, ordinal: np.ndarray) -> np.ndarray:
    made = np.empty(lineage.size, np.uint64)
    for i in range(lineage.size):
        made[i] = child(lineage[i], ordinal[i])
    return made


@dataclass
class Lives:
    """Births and ends, day by day: of each day its date and the arrays (daughter, mother) and (lineage, fate)."""

    births: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)
    ends: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)

    def note(self, day: int, before: Germ, now: Germ, today: float, spermiation: np.ndarray, hazard: Hazard) -> None:
        """Note what happened between two records.

        Args:
            day: of the later.
            before, now: the cells.
            today: the clock by which steps end.
            spermiation: share of sperm that the niche of each cell of `before` releases; hazard: of elongated spermatids
                there.
        """
        after = find(now.lineage, before.lineage)
        new = np.ones(len(now.lineage), dtype=bool)
        new[after[after >= 0]] = False
        daughters, mothers = _births(before, now, after, now.lineage[new])
        self.births.append((day, daughters, mothers))
        gone = after < 0
        of, step = before.lineage[gone], before.step[gone]
        fate = np.full(len(of), DIED, dtype=np.uint8)
        spent = (step == steps.ELONGATED_SPERMATID) & (before.ends[gone] <= today)
        spent &= ~hazard.killed(before.threshold, before.ends, today)[gone]
        lets_go = draws.uniforms(of, 0, draws.RELEASE) < spermiation[gone]
        fate[spent] = np.where(lets_go, RELEASED, RETAINED)[spent]
        fate[np.isin(of, mothers)] = DIVIDED
        self.ends.append((day, of, fate))

    def ancestors(self, lineage: np.ndarray, known: np.ndarray, after: int, until: int) -> np.ndarray:
        """Return where each cell of day `until`, or who it came from, is among those `known` on day `after`; -1: nowhere."""
        daughters, mothers = _joined(self.births, after, until)
        found, of = find(known, lineage), lineage.copy()
        for _ in range(2 * _GENERATIONS):
            lost = np.flatnonzero(found < 0)
            at = find(daughters, of[lost])
            lost, at = lost[at >= 0], at[at >= 0]
            if not len(lost):
                break
            of[lost] = mothers[at]
            found[lost] = find(known, of[lost])
        return found

    def fates(self, lineage: np.ndarray, after: int, until: int) -> np.ndarray:
        """Return what has become of each cell of day `after` by day `until`, uint8 (index of FATES)."""
        of, fate = _joined(self.ends, after, until)
        at = find(of, lineage)
        return np.where(at >= 0, fate[at] if len(fate) else 0, LIVES).astype(np.uint8)

    def end(self, lineage: int) -> tuple[int, int] | None:
        """Return the day on which a cell was gone and its fate, or None if it was not seen to go."""
        return _first(self.ends, lineage)

    def mother(self, lineage: int) -> tuple[int, int] | None:
        """Return the day on which a cell was first seen and its mother, or None if it was there from the beginning."""
        return _first(self.births, lineage)

    def daughters(self, lineage: int) -> list[tuple[int, int]]:
        """Return day and lineage of each daughter of a cell, in order."""
        return [
            (day, int(of)) for day, daughters, mothers in self.births for of in daughters[mothers == np.uint64(lineage)]
        ]

    def family(self, lineage: int) -> list[int]:
        """Return whom a cell came from and all who came from it, as far as they were seen."""
        came, one = [], lineage
        while (birth := self.mother(one)) is not None:
            one = birth[1]
            came.append(one)
        known = np.array([lineage], dtype=np.uint64)
        for _, daughters, mothers in self.births:  # a daughter of a day may be a mother of that day
            while len(new := np.setdiff1d(daughters[np.isin(mothers, known)], known)):
                known = np.concatenate([known, new])
        return [*came, *(int(of) for of in known[1:])]


def _first(days: list[tuple[int, np.ndarray, np.ndarray]], lineage: int) -> tuple[int, int] | None:
    """Return the day that notes a cell, and what it notes of it."""
    notes = ((day, what[of == np.uint64(lineage)]) for day, of, what in days)
    return next(((day, int(what[0])) for day, what in notes if len(what)), None)


def _joined(days: list[tuple[int, np.ndarray, np.ndarray]], after: int, until: int) -> tuple[np.ndarray, np.ndarray]:
    some = [(first, second) for day, first, second in days if after < day <= until]
    if not some:
        return np.zeros(0, dtype=np.uint64), np.zeros(0, dtype=np.uint64)
    return np.concatenate([first for first, _ in some]), np.concatenate([second for _, second in some])


def _numbered(mothers: np.ndarray, first: np.ndarray, many: np.ndarray | int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mother and the ordinal of each of the `many` daughters that follow the `first` of each mother."""
    count = np.broadcast_to(many, mothers.shape)
    nth = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(mothers, count), np.repeat(first, count) + nth


def _births(before: Germ, now: Germ, after: np.ndarray, born: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return daughters and their mothers, by trying every daughter that the cells of `before` can have had.

    `after` is where each of `before` is in `now`, -1: nowhere. A daughter that divided in turn before she was seen is
    among them when one of hers is there.
    """
    stem, kept = before.step <= steps.A_PALE, after >= 0
    names = before.lineage
    # A stem cell numbers its daughters by the clones that it has founded, two to each, and by its turns: one that renews,
    # one that it sets aside. One that is gone may have turned once more.
    clones, turns = np.ones(len(after), dtype=np.int64), np.ones(len(after), dtype=np.int64)
    clones[kept] = now.clone[after[kept]].astype(np.int64) - before.clone[kept]
    turns[kept] = now.turn[after[kept]].astype(np.int64) - before.turn[kept]
    parts = [_numbered(names[~stem & ~kept], np.zeros((~stem & ~kept).sum(), np.int64), 2)]
    parts.append(_numbered(names[stem], 2 * before.clone[stem].astype(np.int64), 2 * np.maximum(clones[stem], 0)))
    for begin in (RENEWED, SET_ASIDE):
        parts.append(_numbered(names[stem], begin + before.turn[stem].astype(np.int64), np.maximum(turns[stem], 0)))
    mother, ordinal = (np.concatenate(column) for column in zip(*parts, strict=True))
    generations = [(_daughters(mother, ordinal), mother)]
    for _ in range(_GENERATIONS - 1):
        unseen = generations[-1][0]
        unseen = unseen[~np.isin(unseen, born)]
        mother = np.repeat(unseen, 2)
        generations.append((_daughters(mother, np.tile(np.arange(2), len(unseen))), mother))
    daughters = np.concatenate([of for of, _ in generations])
    mothers = np.concatenate([of for _, of in generations])
    seen = np.isin(daughters, born)
    for _ in range(_GENERATIONS):
        seen |= np.isin(daughters, mothers[seen])
    return daughters[seen], mothers[seen]
