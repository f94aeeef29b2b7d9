"""The mean cell of each kind: Leydig, Sertoli and, by days since their clone was founded, germ cells.

Compiled from the same rules that move single cells (biology/leydig.py, sertoli.py, germ.py). Leydig and Sertoli cells
are one of each; A-dark and A-pale are two numbers a niche; their clones are a flow through ages, thinned by the hazards of
their step. Means hold while many stem cells are left; few, their foci and their drift need cells.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology import injury
from testis_abm.biology.clamp import kept
from testis_abm.biology.germ import aromatase, changed, durations, freed_share, rates_under
from testis_abm.biology.injury import Blow, survival
from testis_abm.biology.kinetics import lh_response
from testis_abm.biology.lesions import ailing
from testis_abm.biology.leydig import aromatise, leydig_aromatase, leydig_day
from testis_abm.biology.niche import mean_cycle, resting_a_dark, resting_a_pale
from testis_abm.biology.sertoli import Response, mean_inhibin_output, sertoli_day, signals
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COMMITMENT,
    COUNT,
    DAUGHTERS,
    DIPLOTENE,
    ELONGATED_SPERMATID,
    ELONGATING_SPERMATID,
    FED,
    HAZARD,
    PACHYTENE,
    ROUND_SPERMATID,
    SECONDARY_SPERMATOCYTE,
    SPERMIATION,
)
from testis_abm.parameters.tubules import ARRESTED, COMPLETE, GERMINAL, REDUCED

AGES = 72  # days a clone may be old: longer than B spermatogonium to release at the longest durations
SIDES = len(injury.SIDES)
BLOCKS = 48  # blocks that a Sertoli cell may have before it, and one
LONGEST_CYCLE = 24  # days of the cycle of the seminiferous epithelium, at most

# State of the mean Leydig and Sertoli cell.
CAPACITY, EXPRESSION, ANDROGEN, ADHESION, FSH, LACK, LOCAL_OESTRADIOL = range(7)
SOMA = 7


class Scale(NamedTuple):
    """What turns relative tissue into concentrations (see build.TissueScale), Leydig cells per Sertoli cell, and the man's tubules.

    Attributes:
        leydig_size: of the mean Leydig cell, those that are lost included.
        complete, reduced, arrested, hyalinised: shares of his tubules in these states (tubules.Tubules); the rest has
            Sertoli cells only.
        delivered: share of released sperm that arrives (lesions.share_delivered).
    """

    testosterone: float
    oestradiol: float
    testosterone_free: float
    oestradiol_free: float
    blood_entry: float
    blood_oestradiol_entry: float
    leydig_per_sertoli: float
    leydig_size: float = 1.0
    complete: float = 1.0
    reduced: float = 0.0
    arrested: float = 0.0
    hyalinised: float = 0.0
    delivered: float = 1.0


class Made(NamedTuple):
    """What the mean cells give back in a day: relative outputs, total steroid in nmol/L, inhibited shares."""

    secretory_capacity: float
    oestradiol_output: float
    inhibin_output: float
    aromatase_access: float
    testosterone: float
    oestradiol: float
    from_leydig: float
    from_sertoli: float
    from_germ: float
    leydig_inhibition: float
    testis_inhibition: float


@register_jitable
def soma_day(soma, counts, blood, p, scale, dt):
    """Advance the mean Leydig and Sertoli cell by `dt` days; return what the testis made.

    `counts` (tubules.GERMINAL, steps) are germ cells per Sertoli cell in tubules of each state that holds any, by step;
    they carry aromatase and call forth inhibin B.
    """
    capacity, expression, secretion = leydig_day(
        soma[CAPACITY],
        soma[EXPRESSION],
        scale.leydig_size,
        soma[LOCAL_OESTRADIOL],
        blood.lh_activity,
        blood.open_lyase,
        p,
        dt,
    )
    soma[CAPACITY], soma[EXPRESSION] = capacity, expression
    made = (1.0 - scale.blood_entry) * secretion + scale.blood_entry * blood.free_testosterone
    testosterone = kept(made * scale.testosterone, blood.held_testosterone)
    free = testosterone * scale.testosterone_free
    sertoli = (1.0 - scale.hyalinised) * p.aromatase.sertoli_aromatase
    niche, by_germ = sertoli, aromatase(p)
    for step in range(COUNT):
        niche += over_tubules(counts, step, scale) * by_germ[step]
    leydig = scale.leydig_per_sertoli * leydig_aromatase(scale.leydig_size, expression, p)
    open_enzyme = aromatise(1.0, free, 0.0, p)
    works = blood.aromatase_left * aromatise(1.0, free, blood.inhibitor, p)
    inhibition = 1.0 - works / open_enzyme if open_enzyme > 0.0 else 0.0
    output = (leydig + niche) * works
    entered = scale.blood_oestradiol_entry
    local = ((1.0 - entered) * output + entered * blood.oestradiol) * scale.oestradiol
    oestradiol = kept(local, blood.held_oestradiol)
    soma[LOCAL_OESTRADIOL] = oestradiol * scale.oestradiol_free
    felt = free * blood.open_receptor
    now = sertoli_day(response_of(soma), felt, soma[LOCAL_OESTRADIOL], blood.fsh_iu_l, p, dt)
    soma[ANDROGEN], soma[ADHESION], soma[FSH], soma[LACK] = now
    return Made(
        secretion / lh_response(blood.lh_activity, p.leydig.lh_saturation, p.leydig.basal_secretion),
        output,
        inhibin(soma[FSH], counts, p, scale),
        p.aromatase.aromatase_km / (p.aromatase.aromatase_km + free),
        testosterone,
        oestradiol,
        leydig * works,
        sertoli * works,
        (niche - sertoli) * works,
        inhibition,
        inhibition,
    )


@register_jitable
def over_tubules(counts, step, scale):
    """Return germ cells of a type per Sertoli cell of all tubules, of `counts` (tubules.GERMINAL, steps) by state."""
    sound = scale.complete * counts[COMPLETE, step] + scale.reduced * counts[REDUCED, step]
    return sound + scale.arrested * counts[ARRESTED, step]


@register_jitable
def inhibin(fsh, counts, p, scale):
    """Return the inhibin B of all Sertoli cells, each in a tubule of its own state."""
    left, made, shares = 1.0 - scale.hyalinised, 0.0, (scale.complete, scale.reduced, scale.arrested)
    for state in range(GERMINAL):
        share = shares[state]
        left -= share
        if share > 0.0:
            divided = counts[state, SECONDARY_SPERMATOCYTE] + counts[state, ROUND_SPERMATID]
            cells = counts[state, PACHYTENE] + counts[state, DIPLOTENE] + divided
            made += share * mean_inhibin_output(fsh, cells, divided, p)
    return made + max(0.0, left) * mean_inhibin_output(fsh, 0.0, 0.0, p)


@register_jitable
def response_of(soma):
    """Return what the mean Sertoli cell has responded to."""
    return Response(soma[ANDROGEN], soma[ADHESION], soma[FSH], soma[LACK])


@register_jitable
def rates_of(soma, back_pressure, p):
    """Return the rates that the mean Sertoli cell sets, in the order of steps.RATES."""
    return rates_under(signals(response_of(soma), back_pressure, p), p)


@register_jitable
def ailing_rates(rates, state, change, p, ailed):
    """Write `rates` as Sertoli cells set them in a tubule of that state into `ailed` (rates,).

    `change` (2, rates, 0 or 1): factors of and additions to them from outside.
    """
    for rate in range(ailed.size):
        ailed[rate] = rates[rate] if state == COMPLETE else ailing(rate, rates[rate], state, p)
    if change.size > 0:
        for rate in range(ailed.size):
            ailed[rate] = changed(rate, ailed[rate], change[0, rate, 0], change[1, rate, 0])


@register_jitable
def calendar(p, spent, descendants):
    """Fill in a clone's calendar: days `spent` (ages, steps) by day of age in each step, and `descendants` (steps,).

    `descendants` of one B spermatogonium that loses none, by step. Returns the number of days of age that hold any; what
    a clone lives beyond the rows of `spent` is cut.
    """
    spent[:] = 0.0
    begun, factor, last, days = 0.0, 1.0, 0, durations(p)
    for step in range(B_SPERMATOGONIUM, COUNT):
        end = begun + days[step]
        day = int(begun)
        while day < end and day < spent.shape[0]:
            spent[day, step] = min(end, day + 1.0) - max(begun, float(day))
            day += 1
        descendants[step] = factor
        factor *= DAUGHTERS[step]
        begun, last = end, min(day, spent.shape[0])
    return last


# A clone's calendar: what `calendar` fills in, and the number of days of age that it returns; of each day of age the first
# type that it holds, the one after the last, and whether it holds what the day before holds, so that as many survive.
CALENDAR = np.dtype(
    [
        ("spent", float, (AGES, COUNT)),
        ("descendants", float, (COUNT,)),
        ("last", np.int64),
        ("first", np.int64, (AGES,)),
        ("beyond", np.int64, (AGES,)),
        ("alike", np.uint8, (AGES,)),
    ]
)


def indexed(spent: np.ndarray, descendants: np.ndarray, last: int) -> np.recarray[Any, Any]:
    """Return what `calendar` has filled in and returned as (1,) of CALENDAR."""
    known, held = np.zeros(1, CALENDAR).view(np.recarray), spent != 0.0
    known.spent, known.descendants, known.last = spent, descendants, last
    known.first = held.argmax(axis=1)
    known.beyond = np.where(held.any(axis=1), COUNT - held[:, ::-1].argmax(axis=1), 0)
    known.alike[:, 1:] = (spent[1:] == spent[:-1]).all(axis=1)
    return known


@register_jitable
def survive(rates, calendar, survived):
    """Fill in the share that lives through each day of age under `rates`, `survived` (ages,)."""
    spent, first, beyond, alike = calendar.spent, calendar.first, calendar.beyond, calendar.alike
    share = 1.0
    for day in range(calendar.last):
        if not alike[day]:
            hazard = 0.0
            for step in range(first[day], beyond[day]):
                hazard += spent[day, step] * rates[HAZARD + step]
            share = math.exp(-hazard)
        survived[day] = share


# The mean germ line of each testis, left and right, per Sertoli cell that kept germ cells to begin with: a record, because
# of arrays in a tuple compiled code counts who holds each, which costs more than a day of theirs.
GERM_LINE = np.dtype(
    [
        ("stem", float, (SIDES, 2)),  # A-dark and A-pale of a niche that is open
        ("waiting", float, (SIDES, 2)),  # of one that is blocked, what the last blow left it
        ("cycle", np.int64),  # days of a cycle
        # Clones per cycle that A-pale have committed to, today and on the days before, of a cycle.
        ("committed", float, (SIDES, LONGEST_CYCLE)),
        (
            "founders",
            float,
            (SIDES, AGES),
        ),  # B spermatogonia, thinned by what their descendants have lost, by day of age
        ("harm", float, (SIDES, AGES)),  # mean harm that these carry (biology/injury.py)
        ("survived", float, (AGES,)),  # share that lives through each day of age under the last rates
        ("able", float, (SIDES,)),  # share of Sertoli cells that still keep germ cells
        ("blocks", float, (SIDES, BLOCKS)),  # share of niches whose Sertoli cell still has so many blocks before it
        ("present", float, (SIDES,)),  # 1, or 0 once the testis has been taken away
        ("lost", float),  # share of the blocks that ends in a day
    ]
)


def new_lines(cycle_days: float) -> np.recarray[Any, Any]:
    """Return the germ line of an uninjured man, which founds nothing yet, in tubules of each state, (GERMINAL,) of GERM_LINE."""
    lines = np.zeros(GERMINAL, GERM_LINE).view(np.recarray)
    lines.stem, lines.waiting, lines.able, lines.present = 1.0, 1.0, 1.0, 1.0
    lines.blocks[..., 0] = 1.0
    lines.cycle = min(max(1, round(cycle_days)), LONGEST_CYCLE)
    return lines


@register_jitable
def stationary(line, rates, calendar, niche, cycle_days):
    """Fill a germ line with what it holds when `rates` never change; return what is ripe a day, per Sertoli cell that keeps germ cells."""
    a_pale = resting_a_pale(rates[FED], niche)
    a_dark, committed = resting_a_dark(a_pale, rates[COMMITMENT], niche), a_pale * rates[COMMITMENT]
    stem, commitments, founders, survived = line.stem, line.committed, line.founders, line.survived
    survive(rates, calendar, survived)
    for side in range(SIDES):  # slices would take longer than all else
        stem[side, A_PALE], stem[side, A_DARK] = a_pale, a_dark
        for day in range(line.cycle):
            commitments[side, day] = committed
    flow = 2.0 * committed / cycle_days
    for day in range(calendar.last):
        founders[0, day] = founders[1, day] = flow
        flow *= survived[day]
    return flow


@register_jitable
def germ_day(line, rates, calendar, niche, cycle_days):
    """Let the germ line live a day; return sperm released per Sertoli cell of both testes, and the mean harm they carry.

    Who lives through the day is in `line` (`survive` under the same `rates`). A Sertoli cell counts here if it kept germ cells to begin with.
    """
    last, stem, blocks, able, present = calendar.last, line.stem, line.blocks, line.able, line.present
    founders, harm, survived = line.founders, line.harm, line.survived
    ripe, carried = 0.0, 0.0
    for side in range(SIDES):
        here = present[side] * founders[side, last - 1] * survived[last - 1] / SIDES
        ripe += here
        carried += here * harm[side, last - 1]
        for day in range(last - 1, 0, -1):
            founders[side, day] = founders[side, day - 1] * survived[day - 1]
            harm[side, day] = harm[side, day - 1]
        _stem_cell_day(stem[side], blocks[side, 0], rates, niche, cycle_days)
        founded = _founded(line.committed[side, : line.cycle], blocks[side, 0] * stem[side, A_PALE] * rates[COMMITMENT])
        founders[side, 0], harm[side, 0] = 2.0 * able[side] * founded / cycle_days, 0.0
        if blocks[side, 0] < 1.0:
            _unblock(blocks[side], line.lost)
    released = ripe * calendar.descendants[ELONGATED_SPERMATID] * rates[SPERMIATION]
    return released, carried / ripe if ripe > 0.0 else 0.0


class Fates(NamedTuple):
    """Spermatids that are lost in a day, per Sertoli cell that kept germ cells: freed into the lumen by type, not released when ripe."""

    freed_round: float
    freed_elongating: float
    retained: float


@register_jitable
def fates(line, rates, shares, calendar):
    """Return what becomes of the spermatids that are lost in the day under `rates` that begins now (Fates).

    `shares`: see freed_shares. `line` stays as it is, so ask before `germ_day`, and after `survive`.
    """
    freed_round = _freed(line, rates, ROUND_SPERMATID, shares[0], calendar)
    freed_elongating = _freed(line, rates, ELONGATING_SPERMATID, shares[1], calendar)
    last = calendar.last - 1
    ripe = _mean_founders(line, last) * line.survived[last]
    kept = ripe * calendar.descendants[ELONGATED_SPERMATID] * (1.0 - rates[SPERMIATION])
    return Fates(freed_round, freed_elongating, kept)


@register_jitable
def freed_shares(rates, state, androgen, p):
    """Return `freed_share` of round and of elongating spermatids in a tubule of that state; `androgen`: signal for adhesion."""
    young, old = HAZARD + ROUND_SPERMATID, HAZARD + ELONGATING_SPERMATID
    return (
        freed_share(androgen, rates[young], ailing(young, 0.0, state, p), p),
        freed_share(androgen, rates[old], ailing(old, 0.0, state, p), p),
    )


@register_jitable
def _freed(line, rates, step, share, calendar):
    """Return the cells of a type that are freed in a day: the `share` of those that die."""
    hazard, spent, died = rates[HAZARD + step], calendar.spent, 0.0
    if share <= 0.0:
        return 0.0
    day, whole = calendar.last - 1, 1.0 - math.exp(-hazard)
    while day >= 0 and spent[day, step] == 0.0:
        day -= 1
    while day >= 0 and spent[day, step] > 0.0:
        dying = whole
        if spent[day, step] < 1.0:  # beside another type, which takes its part of those that die
            survived = line.survived[day]
            dying = (1.0 - survived) * (spent[day, step] * hazard / -math.log(survived)) if survived < 1.0 else 0.0
        died += _mean_founders(line, day) * dying
        day -= 1
    return share * calendar.descendants[step] * died


@register_jitable
def _mean_founders(line, day):
    """Return the thinned founders of an age, of both testes, see germ_day."""
    founders = 0.0
    for side in range(SIDES):
        founders += line.present[side] * line.founders[side, day] / SIDES
    return founders


@register_jitable
def _stem_cell_day(stem, open_share, rates, niche, cycle_days):
    """Let the stem cells of a niche, (2,) A-dark and A-pale, live a day under `rates` (see niche.mean_cycle), in niches that are open."""
    pale, dark = mean_cycle(stem[A_PALE], stem[A_DARK], rates[FED], rates[COMMITMENT], niche)
    stem[A_PALE] = max(0.0, stem[A_PALE] + open_share * pale / cycle_days)
    stem[A_DARK] = max(0.0, stem[A_DARK] + open_share * dark / cycle_days)


@register_jitable
def _founded(commitments, committed):
    """Return clones per cycle founded today; keep what A-pale have `committed` to today for a cycle hence."""
    then = commitments[commitments.size - 1]
    for day in range(commitments.size - 1, 0, -1):
        commitments[day] = commitments[day - 1]
    commitments[0] = committed
    return then


@register_jitable
def _unblock(blocks, lost):
    """End a day's share `lost` of blocks, one after another: their times are exponential."""
    for k in range(1, blocks.size):
        ended = lost * blocks[k]
        blocks[k] -= ended
        blocks[k - 1] += ended


@register_jitable
def count_steps(line, calendar, able, counts):
    """Fill `counts` (steps,) with germ cells per Sertoli cell of the testes that are there; `able`: share that keep any at rest."""
    counts[:] = 0.0
    present, stem, waiting, blocks, founders = line.present, line.stem, line.waiting, line.blocks, line.founders
    spent, first, beyond, descendants = calendar.spent, calendar.first, calendar.beyond, calendar.descendants
    kept = line.able
    there = max(1.0, present[0] + present[1])
    for side in range(SIDES):
        share, opened = able * present[side] / there, blocks[side, 0]
        for kind in range(A_DARK, A_PALE + 1):
            counts[kind] += share * kept[side] * (opened * stem[side, kind] + (1.0 - opened) * waiting[side, kind])
    left, right = able * present[0] / there, able * present[1] / there
    for day in range(calendar.last):
        here = left * founders[0, day] + right * founders[1, day]
        for step in range(first[day], beyond[day]):
            counts[step] += here * spent[day, step] * descendants[step]


def strike(line: np.record, calendar: np.record, fed: float, blow: Blow) -> None:
    """Let a blow fall upon a mean germ line (GERM_LINE) of such a clone (CALENDAR).

    `fed`: A-pale that a niche has at rest, by which those in cycle are told (injury.survival).
    """
    spent = calendar.spent
    passing = spent.sum(axis=1)
    share = np.divide(spent, passing[:, None], out=np.zeros_like(spent), where=passing[:, None] > 0.0)
    able = (1.0 - blow.necrosis) * (1.0 - blow.removed)
    for side in range(SIDES):
        line.founders[side] *= (share @ np.exp(-blow.deadly[side]) + (passing == 0.0)) * able[side]
        line.harm[side] += share @ blow.harm[side]
        density = float(line.stem[side, A_PALE] / fed) if fed > 0.0 else 1.0
        kept = [survival(float(blow.deadly[side, kind]), blow.cycling, density) for kind in (A_DARK, A_PALE)]
        line.stem[side] *= kept
        line.waiting[side] = line.stem[side]
        # Those that a new block meets wait.
        line.committed[side] *= kept[A_PALE] * math.exp(-float(blow.hits[side]))
        line.able[side] *= able[side]
        if blow.hits[side] > 0.0:
            line.blocks[side] = _with_hits(line.blocks[side], float(blow.hits[side]))
            line.lost = 1.0 - math.exp(-1.0 / blow.hit_days)
    line.present[blow.removed > 0.0] = 0.0


def _with_hits(blocks: np.ndarray, hits: float) -> np.ndarray:
    """Return the shares by number of blocks after a Poisson number of hits more; what is beyond the last stays in it."""
    drawn = np.exp(-hits + np.arange(BLOCKS) * math.log(hits) - np.array([math.lgamma(k + 1.0) for k in range(BLOCKS)]))
    after = np.convolve(blocks, drawn)[:BLOCKS]
    after[-1] += 1.0 - after.sum()
    return np.asarray(after)


@register_jitable
def of_testes(made, there):
    """Return what testes make of which the share `there` is there (Made)."""
    level = 1.0 if there > 0.0 else 0.0
    return Made(
        made.secretory_capacity * there,
        made.oestradiol_output * there,
        made.inhibin_output * there,
        made.aromatase_access,
        made.testosterone * level,
        made.oestradiol * level,
        made.from_leydig * there,
        made.from_sertoli * there,
        made.from_germ * there,
        made.leydig_inhibition,
        made.testis_inhibition,
    )
