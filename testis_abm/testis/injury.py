"""A blow upon the cells of a tissue: who lives, what survivors keep, which Sertoli cells stop (rules: biology/injury.py)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from testis_abm.biology.injury import SIDES, Blow, blocked_days, dies_off, lives, stage_of, survival
from testis_abm.biology.steps import A_PALE, COUNT
from testis_abm.support.compile import compiled
from testis_abm.testis.columns import GermColumns, SertoliColumns

_SIDES = len(SIDES)


class Wall(NamedTuple):
    """How niches lie on the wall of a tubule: sections along it, Sertoli cells around each; A-pale that each has at rest."""

    length: int
    around: int
    a_pale: float


@compiled(error_model="numpy")
def density_around(counts, able, tubule, niche, wall):
    """Return how many A-pale there are for each that is normal in a niche and the able ones around it (1: none is able)."""
    per = wall.length * wall.around
    row, at = niche // wall.around, niche % wall.around
    pale, places = 0.0, 0.0
    for r in range(max(row - 1, 0), min(row + 2, wall.length)):
        for d in range(-1, 2):
            i = tubule * per + r * wall.around + (at + d + wall.around) % wall.around
            pale += counts[i, A_PALE]
            places += able[i]
    return pale / (places * wall.a_pale) if places * wall.a_pale > 0.0 else 1.0


@compiled(error_model="numpy")
def _strike_germ_cells(germ, sertoli, blow, stage, wall, alive):
    """Set which rows of germ cells live, which they do on able Sertoli cells alone; add the harm that they keep."""
    per = wall.length * wall.around
    chance = np.ones((_SIDES, COUNT))
    for side in range(_SIDES):
        for step in range(COUNT):
            chance[side, step] = survival(blow.deadly[side, step], 0.0, 1.0)
    for tubule in range(germ.count.size):
        side = tubule % _SIDES
        for i in range(germ.start[tubule], germ.start[tubule] + germ.count[tubule]):
            kind = np.int64(germ.step[i])
            here = chance[side, kind]
            if blow.cycling > 0.0 and kind <= A_PALE:
                density = density_around(sertoli.counts, sertoli.able, tubule, np.int64(germ.niche[i]), wall)
                here = survival(blow.deadly[side, kind], blow.cycling, density)
            alive[i] = lives(germ.lineage[i], stage, here) and sertoli.able[tubule * per + germ.niche[i]] > 0.0
            germ.injury[i] += blow.harm[side, kind]


@compiled(error_model="numpy")
def _strike_sertoli_cells(sertoli, blow, stage, now, wall):
    """Stop the stem cells of Sertoli cells that are hit; take from others for good what keeps germ cells."""
    per = wall.length * wall.around
    for i in range(sertoli.able.size):
        side = (i // per) % _SIDES
        if blow.hits[side] > 0.0:
            days = blocked_days(sertoli.lineage[i], stage, blow.hits[side], blow.hit_days)
            if days > 0.0:
                sertoli.blocked_until[i] = max(sertoli.blocked_until[i], now) + days
        if blow.removed[side] > 0.0:
            sertoli.able[i] = sertoli.present[i] = 0.0
        elif blow.necrosis[side] > 0.0 and dies_off(sertoli.lineage[i], stage, blow.necrosis[side]):
            sertoli.able[i] = 0.0


def strike_sertoli(sertoli: SertoliColumns, blow: Blow, now: float, wall: Wall) -> None:
    """Let a blow fall upon the Sertoli cells on day `now` of the tissue's clock."""
    if blow.lasting:
        _strike_sertoli_cells(sertoli.arrays(), blow, stage_of(int(now), blow.kind, blow.repeat), float(now), wall)


def strike(germ: GermColumns, sertoli: SertoliColumns, blow: Blow, now: float, wall: Wall) -> None:
    """Let a blow fall upon the cells on day `now` of the tissue's clock; their counts are to be taken again."""
    alive = np.ones(len(germ.lineage), dtype=bool)
    stage = stage_of(int(now), blow.kind, blow.repeat)
    strike_sertoli(sertoli, blow, now, wall)
    _strike_germ_cells(germ.arrays(), sertoli.arrays(), blow, stage, wall, alive)
    germ.keep(alive)


def plain_survival(blow: Blow, sertoli: SertoliColumns, cell: tuple[int, int, int], wall: Wall) -> float:
    """Return the chance of one germ cell to live, of (tubule, niche, step): the same rule, for the plain engine."""
    tubule, niche, step = cell
    density = density_around(sertoli.counts, sertoli.able, tubule, niche, wall) if step <= A_PALE else 1.0
    return float(survival(float(blow.deadly[tubule % _SIDES, step]), blow.cycling if step <= A_PALE else 0.0, density))
