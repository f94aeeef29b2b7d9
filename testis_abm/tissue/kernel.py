"""The rules looped over columns: compiled, releasing the GIL, over a range of tubules so that threads can share them.

A cell that lives through the day in its step costs two comparisons and nothing is stored: its step ends on a day that is
fixed, and it dies when the hazard that its Sertoli cell has counted passes a threshold that is fixed. Only what is due is
worked on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.np.unsafe.ndarray import to_fixed_tuple

from testis_abm.kinetics import shielded_inhibition
from testis_abm.tissue.fields import conserving, corner_field, ring_field
from testis_abm.tissue.luck import child
from testis_abm.tissue.rules import (
    DIES,
    LIVES,
    TissueParameters,
    aromatise,
    changed,
    first_share,
    germ_aromatase,
    half_powers,
    hormone_powers,
    inhibin_output,
    is_released,
    leydig_day,
    mean_duration,
    next_event,
    on_entering,
    sertoli_day,
    sertoli_rates,
    stem_cell_turn,
    support_from,
)
from testis_abm.tissue.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COMMITMENT,
    COUNT,
    DAUGHTERS,
    ELONGATED_SPERMATID,
    HAZARD,
    RATES,
    SPERMIATION,
)

_SIZE = len(TissueParameters._fields)
# Rows that the progeny of one cell may need in a step of some days, and daughters that may wait for their turn.
ROOM = 16


class LeydigArrays(NamedTuple):
    """The Leydig columns (see cells.LeydigColumns), as a kernel takes them."""

    corner: np.ndarray
    size: np.ndarray
    capacity: np.ndarray
    expression: np.ndarray
    testosterone: np.ndarray
    oestradiol: np.ndarray


class SertoliArrays(NamedTuple):
    """The Sertoli columns (see cells.SertoliColumns), as a kernel takes them."""

    androgen: np.ndarray
    oestrogen: np.ndarray
    fsh: np.ndarray
    local_testosterone: np.ndarray
    local_oestradiol: np.ndarray
    oestradiol_made: np.ndarray
    inhibin: np.ndarray
    rates: np.ndarray
    gathered: np.ndarray
    counts: np.ndarray
    a_pale: np.ndarray


class GermArrays(NamedTuple):
    """The germ columns and their segments (see cells.GermColumns), as a kernel takes them."""

    lineage: np.ndarray
    niche: np.ndarray
    step: np.ndarray
    turn: np.ndarray
    share: np.ndarray
    ends: np.ndarray
    threshold: np.ndarray
    start: np.ndarray
    count: np.ndarray  # type: ignore[assignment]


class EventArrays(NamedTuple):
    """What a day brings, by tubule (see cells.Events), and how far each tubule has lived it."""

    deaths: np.ndarray
    completed: np.ndarray
    released: np.ndarray
    retained: np.ndarray
    progress: np.ndarray


NOT_BEGUN, BEGUN, DONE = range(3)


@njit(cache=True, nogil=True)
def _parameters(numbers):
    """Return the numbers by name (an array crosses into compiled code faster than a tuple of them)."""
    return TissueParameters(*to_fixed_tuple(numbers, _SIZE))  # type: ignore[call-arg]


@njit(cache=True, nogil=True)
def secrete(leydig, oestradiol_at_corner, free, activity, open_lyase, numbers, dt, sources):
    """Advance every Leydig cell by `dt` days of LH `activity`; put its testosterone into `sources` (corners + 1,)."""
    p = _parameters(numbers)
    sources[:] = 0.0
    for i in range(leydig.size.size):
        corner = leydig.corner[i]
        leydig.capacity[i], leydig.expression[i], leydig.testosterone[i] = leydig_day(
            leydig.capacity[i],
            leydig.expression[i],
            leydig.size[i],
            oestradiol_at_corner[corner] * free,
            activity,
            open_lyase,
            p,
            dt,
        )
        sources[corner] += leydig.testosterone[i]


@njit(cache=True, nogil=True)
def leydig_aromatase(leydig, testosterone_at_corner, free, inhibitor, numbers, sources):
    """Make oestradiol in every Leydig cell from the local free testosterone; put it into `sources` (corners + 1,)."""
    p = _parameters(numbers)
    sources[:] = 0.0
    for i in range(leydig.size.size):
        corner = leydig.corner[i]
        leydig.oestradiol[i] = aromatise(
            p.leydig_aromatase * p.leydig_secretion * leydig.size[i] * leydig.expression[i],
            testosterone_at_corner[corner] * free,
            inhibitor,
            p,
        )
        sources[corner] += leydig.oestradiol[i]


@njit(cache=True, nogil=True)
def testosterone_and_aromatase(weights, neighbours, sources, scale, entry, free, level, at_corner, sertoli, inhibitor,
                               numbers, first, last):  # fmt: skip
    """Spread testosterone from the corners over tubules `first` to `last`; let their niches make oestradiol from it.

    Args:
        weights: fields.Weights of testosterone.
        sources: (corners + 1,) secretion; scale: nmol/L that a mean source of 1 gives; entry: nmol/L from the blood.
        free: free share. level (tubules, niches), at_corner (tubules, 2): nmol/L of total steroid, filled in.
    """
    p = _parameters(numbers)
    per = level.shape[1]
    by_step = np.empty(COUNT)
    for step in range(COUNT):
        by_step[step] = germ_aromatase(step, p)
    row = np.empty(weights.of.shape[1])
    to_niche = scale * conserving(weights.reach, sources, 0, level.size)
    to_corner = scale * conserving(weights.reach, sources, 1, at_corner.size)
    for tubule in range(first, last):
        corner_field(tubule, weights, neighbours, sources, row)
        for k in range(at_corner.shape[1]):
            at_corner[tubule, k] = row[per + k] * to_corner + entry
        for k in range(per):
            i = tubule * per + k
            level[tubule, k] = row[k] * to_niche + entry
            testosterone = level[tubule, k] * free
            activity = p.sertoli_aromatase
            for step in range(COUNT):
                activity += sertoli.counts[i, step] * by_step[step]
            sertoli.local_testosterone[i] = testosterone
            sertoli.oestradiol_made[i] = aromatise(activity, testosterone, inhibitor, p)


@njit(cache=True, nogil=True)
def oestradiol_and_support(weights, ring, neighbours, sources, from_leydig, from_niches, free, level, at_corner, mean_made,
                           sertoli, blood_fsh, pressure, change, numbers, dt, first, last):  # fmt: skip
    """Spread oestradiol over tubules `first` to `last`; let their Sertoli cells respond and renew what they set.

    Args:
        weights, ring: fields.Weights and ring of oestradiol; sources: (corners + 1,) made by Leydig cells.
        from_leydig, from_niches: nmol/L that a mean source of 1 gives; mean_made: by the niches, for the interstices.
        free: free share. level (tubules, niches), at_corner (tubules, 2): nmol/L of total steroid, filled in.
        change: (2, steps.RATES, 1 or sertoli), a factor of and an addition to each rate that comes from outside.
    """
    p = _parameters(numbers)
    half = half_powers(p)
    per = level.shape[1]
    row, made, around = np.empty(weights.of.shape[1]), np.empty(per), np.empty(3 * per)
    bound, by_beta, by_alpha, fsh = np.empty(per), np.empty(per), np.empty(per), np.empty(per)
    to_niche = from_leydig * conserving(weights.reach, sources, 0, level.size)
    to_corner = from_leydig * conserving(weights.reach, sources, 1, at_corner.size)
    for tubule in range(first, last):
        corner_field(tubule, weights, neighbours, sources, row)
        for k in range(at_corner.shape[1]):
            at_corner[tubule, k] = row[per + k] * to_corner + mean_made * from_niches
        for k in range(per):
            row[k] *= to_niche
            made[k] = sertoli.oestradiol_made[tubule * per + k] * from_niches
        ring_field(ring, made, around, row)
        for k in range(per):
            i = tubule * per + k
            level[tubule, k] = row[k]
            sertoli.local_oestradiol[i] = row[k] * free
            sertoli.androgen[i], sertoli.oestrogen[i], sertoli.fsh[i] = sertoli_day(
                sertoli.androgen[i], sertoli.oestrogen[i], sertoli.fsh[i],
                sertoli.local_testosterone[i], sertoli.local_oestradiol[i], blood_fsh, p, dt,
            )  # fmt: skip
            bound[k], by_beta[k], by_alpha[k] = hormone_powers(sertoli.androgen[i], sertoli.oestrogen[i], p)
            fsh[k] = sertoli.fsh[i]
            sertoli.inhibin[i] = inhibin_output(sertoli.fsh[i], p)
        rates = sertoli.rates[tubule]
        for k in range(per):
            support = support_from(bound[k], by_beta[k], by_alpha[k], fsh[k], pressure, half, p)
            # One by one: an index into a tuple that is not a constant would keep the loop from vectorising.
            (rates[0, k], rates[1, k], rates[2, k], rates[3, k], rates[4, k], rates[5, k], rates[6, k], rates[7, k],
             rates[8, k], rates[9, k], rates[10, k], rates[11, k], rates[12, k], rates[13, k]) = sertoli_rates(support, p)  # fmt: skip
        if change.size > 0:
            for rate in range(len(RATES)):
                for k in range(per):
                    here = tubule * per + k if change.shape[2] > 1 else 0
                    sertoli.rates[tubule, rate, k] = changed(
                        rate, sertoli.rates[tubule, rate, k], change[0, rate, here], change[1, rate, here]
                    )


@njit(cache=True, nogil=True)
def live(germ, sertoli, events, now, numbers, dt, first, last):
    """Let the germ cells of tubules `first` to `last` live the `dt` days that end on day `now`.

    A cell's first descendant takes its row, the others go behind, the last row fills the place of a cell that is lost;
    cells are taken from the last row to the first. A tubule that runs out of rows is left before the next cell and not
    marked done: give it room and call again, and it goes on where it was.

    One function on purpose: passing the columns on to another costs more than most cells' day.
    """
    p = _parameters(numbers)
    mean_days = np.empty(COUNT)
    for one in range(COUNT):
        mean_days[one] = mean_duration(one, p)
    lineage, niche, step, turn, share = germ.lineage, germ.niche, germ.step, germ.turn, germ.share
    ends, threshold = germ.ends, germ.threshold
    gathered, rates, counts = sertoli.gathered, sertoli.rates, sertoli.counts
    waiting_lineage = np.empty(ROOM, np.uint64)
    waiting_step = np.empty(ROOM, np.int64)
    waiting_since = np.empty(ROOM, np.float64)
    per = sertoli.counts.shape[0] // germ.count.size
    widest = 0
    for tubule in range(first, last):
        widest = max(widest, germ.count[tubule])
    due = np.empty(widest + 1, np.int64)
    for tubule in range(first, last):
        if events.progress[tubule] == NOT_BEGUN:
            for one in range(COUNT):
                for k in range(per):
                    gathered[tubule, one, k] += rates[tubule, HAZARD + one, k] * dt
            for i in range(tubule * per, (tubule + 1) * per):
                sertoli.a_pale[i] = sertoli.counts[i, A_PALE]
            events.progress[tubule] = BEGUN
        if events.progress[tubule] == DONE:
            continue
        begin, wall = germ.start[tubule], tubule * per
        top = begin + germ.count[tubule]
        # Unsigned, so that no index needs a look at its sign.
        found = np.uint64(0)
        for i in range(np.uint64(begin), np.uint64(top)):
            due[found] = i
            counted = gathered[np.uint64(tubule), np.uint64(step[i]), np.uint64(niche[i])]
            found += np.uint64((ends[i] <= now) | (threshold[i] <= counted))
        enough = True
        for next_due in range(np.int64(found) - 1, -1, -1):
            if top + ROOM > germ.start[tubule + 1]:
                enough = False
                break
            row = due[next_due]
            of, at, where = lineage[row], np.int64(step[row]), np.int64(niche[row])
            turns, portion = np.int64(0), 0.0
            if at <= A_PALE:
                turns, portion = np.int64(turn[row]), float(share[row])
            end, limit = float(ends[row]), float(threshold[row])
            counts[wall + where, at] -= 1
            waiting = 0
            place = row
            while True:
                alive = True
                while True:
                    event, when = next_event(
                        end, limit, gathered[tubule, at, where], rates[tubule, HAZARD + at, where], now
                    )
                    if event == LIVES:
                        break
                    if event == DIES:
                        events.deaths[tubule, at] += 1
                        alive = False
                        break
                    events.completed[tubule, at] += 1
                    if at <= A_PALE:
                        lost, portion, founds = stem_cell_turn(
                            of, at, turns, portion, rates[tubule, COMMITMENT, where], sertoli.a_pale[wall + where], p
                        )
                        if lost:
                            events.deaths[tubule, at] += 1
                            alive = False
                            break
                        if founds:
                            daughters = 1 if at == A_DARK else 2
                            for k in range(daughters):
                                waiting_lineage[waiting] = child(of, 2 * turns + k)
                                waiting_step[waiting] = A_PALE if at == A_DARK else B_SPERMATOGONIUM
                                waiting_since[waiting] = when
                                waiting += 1
                        turns += 1
                        end += p.cycle_days
                    elif at == ELONGATED_SPERMATID:
                        if is_released(of, rates[tubule, SPERMIATION, where]):
                            events.released[tubule] += 1
                        else:
                            events.retained[tubule] += 1
                        alive = False
                        break
                    else:
                        if DAUGHTERS[at] == 2:
                            waiting_lineage[waiting] = child(of, 1)
                            waiting_step[waiting] = at + 1
                            waiting_since[waiting] = when
                            waiting += 1
                            of = child(of, 0)
                        at += 1
                        days, budget = on_entering(of, at, mean_days, p.duration_variation)
                        end = when + days
                        limit = budget + (
                            gathered[tubule, at, where] - rates[tubule, HAZARD + at, where] * (now - when)
                        )
                if alive:
                    if place < 0:
                        place = top
                        top += 1
                    lineage[place] = of
                    if place != row:
                        niche[place] = where
                    step[place] = at
                    if at <= A_PALE or place != row:
                        turn[place] = turns
                        share[place] = portion
                    ends[place] = end
                    threshold[place] = limit
                    counts[wall + where, at] += 1
                    place = -1
                if waiting == 0:
                    break
                waiting -= 1
                of, at, when = waiting_lineage[waiting], waiting_step[waiting], waiting_since[waiting]
                turns = np.int64(0)
                portion = first_share(of, at) if at == A_PALE else 0.0
                days, budget = on_entering(of, at, mean_days, p.duration_variation)
                end = when + days
                limit = budget + (gathered[tubule, at, where] - rates[tubule, HAZARD + at, where] * (now - when))
            if place >= 0:
                top -= 1
                lineage[place] = lineage[top]
                niche[place] = niche[top]
                step[place] = step[top]
                turn[place] = turn[top]
                share[place] = share[top]
                ends[place] = ends[top]
                threshold[place] = threshold[top]
        germ.count[tubule] = top - begin
        if enough:
            events.progress[tubule] = DONE


@njit(cache=True, nogil=True)
def step_totals(counts):
    """Return germ cells by step, int64 (steps,), from the counts of each Sertoli cell."""
    total = np.zeros(COUNT, np.int64)
    for i in range(counts.shape[0]):
        for step in range(COUNT):
            total[step] += counts[i, step]
    return total


@njit(cache=True, nogil=True)
def inhibited_share(free, km, inhibitor, left):
    """Return the share of aromatase kept from working, over cells at local `free` testosterone."""
    with_drug, without = 0.0, 0.0
    for i in range(free.size):
        with_drug += shielded_inhibition(free[i], km, inhibitor)
        without += shielded_inhibition(free[i], km, 0.0)
    return 1.0 - left * with_drug / without if without > 0.0 else 0.0


@njit(cache=True, nogil=True)
def count_steps(germ, counts):
    """Count germ cells by Sertoli cell and step into `counts` (sertoli, steps)."""
    counts[:, :] = 0
    per = counts.shape[0] // germ.count.size
    for tubule in range(germ.count.size):
        for i in range(germ.start[tubule], germ.start[tubule] + germ.count[tubule]):
            counts[tubule * per + germ.niche[i], germ.step[i]] += 1
