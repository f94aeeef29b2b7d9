"""The rules looped over columns: compiled, releasing the GIL, parallel over tubules where it pays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit, prange

from testis_abm.tissue.luck import child
from testis_abm.tissue.rules import (
    DIES,
    LIVES,
    aromatise,
    draw_budget,
    draw_duration,
    germ_aromatase,
    germ_cell_step,
    germ_hazard,
    inhibin_output,
    is_released,
    leydig_day,
    sertoli_day,
    sertoli_support,
    stem_cell_turn,
)
from testis_abm.tissue.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COMMITMENT,
    COUNT,
    DAUGHTERS,
    ELONGATED_SPERMATID,
    SPERMIATION,
)

_STACK = 16


@njit(cache=True, nogil=True)
def leydig_cells(capacity, expression, size, testosterone, corner, oestradiol_at_corner, activity, p, dt):
    """Advance every Leydig cell by `dt` days of LH `activity`."""
    for i in range(capacity.size):
        capacity[i], expression[i], testosterone[i] = leydig_day(
            capacity[i], expression[i], size[i], oestradiol_at_corner[corner[i]], activity, p, dt
        )


@njit(cache=True, nogil=True)
def leydig_aromatase(expression, size, oestradiol, corner, testosterone_at_corner, inhibitor, p):
    """Make oestradiol in every Leydig cell from the local free testosterone."""
    for i in range(expression.size):
        oestradiol[i] = aromatise(
            p.leydig_aromatase * p.leydig_secretion * size[i] * expression[i],
            testosterone_at_corner[corner[i]],
            inhibitor,
            p,
        )


@njit(cache=True, nogil=True)
def niche_aromatase(counts, made, local_testosterone, inhibitor, p):
    """Make oestradiol in every Sertoli cell and its germ cells."""
    for i in range(made.size):
        activity = p.sertoli_aromatase
        for step in range(COUNT):
            activity += counts[i, step] * germ_aromatase(step, p)
        made[i] = aromatise(activity, local_testosterone[i], inhibitor, p)


@njit(cache=True, nogil=True)
def sertoli_cells(
    androgen, oestrogen, fsh, local_testosterone, local_oestradiol, support, inhibin, blood_fsh, pressure, p, dt
):
    """Advance every Sertoli cell by `dt` days and renew the support that it gives."""
    for i in range(androgen.size):
        androgen[i], oestrogen[i], fsh[i] = sertoli_day(
            androgen[i], oestrogen[i], fsh[i], local_testosterone[i], local_oestradiol[i], blood_fsh, p, dt
        )
        given = sertoli_support(androgen[i], oestrogen[i], fsh[i], pressure, p)
        for k in range(len(given)):
            support[i, k] = given[k]
        inhibin[i] = inhibin_output(fsh[i], p)


class GermArrays(NamedTuple):
    """The germ columns and their segments (see cells.GermColumns), as a kernel takes them."""

    lineage: np.ndarray
    niche: np.ndarray
    step: np.ndarray
    turn: np.ndarray
    remaining: np.ndarray
    budget: np.ndarray
    start: np.ndarray
    count: np.ndarray  # type: ignore[assignment]


class EventArrays(NamedTuple):
    """What a day brings, by tubule (see cells.Events), and which tubules have lived it."""

    deaths: np.ndarray
    completed: np.ndarray
    released: np.ndarray
    retained: np.ndarray
    done: np.ndarray


@njit(cache=True, nogil=True)
def _room(germ, tubule, dt):
    """Return whether a tubule's slack holds all births that a day could bring (at most three for each cell that turns)."""
    start, count = germ.start[tubule], germ.count[tubule]
    turning = 0
    for i in range(start, start + count):
        if germ.remaining[i] <= dt:
            turning += 1
    return count + 3 * turning <= germ.start[tubule + 1] - start


@njit(cache=True, nogil=True)
def _tubule(tubule, germ, support, counts, events, seed, p, dt):
    """Advance the germ cells of one tubule in place: survivors stay in order, births follow them.

    One function on purpose: passing the columns on to another costs more than most cells' day.
    """
    if events.done[tubule] or not _room(germ, tubule, dt):
        return
    events.done[tubule] = True
    lineage, niche, step, turn = germ.lineage, germ.niche, germ.step, germ.turn
    remaining, budget = germ.remaining, germ.budget
    stack_lineage = np.empty(_STACK, np.uint64)
    stack_step = np.empty(_STACK, np.int64)
    stack_left = np.empty(_STACK, np.float64)
    begin = germ.start[tubule]
    end = begin + germ.count[tubule]
    kept, born = begin, end
    for i in range(begin, end):
        where = niche[i]
        at = np.int64(step[i])
        left_in_step = float(remaining[i])
        purse = float(budget[i])
        hazard = germ_hazard(at, support[where], p)
        event, elapsed = germ_cell_step(left_in_step, 1e30 if at <= A_PALE else purse, hazard, dt)
        if event == LIVES:
            # Most cells live through the day in their step: nothing but their clocks is stored.
            if kept != i:
                lineage[kept] = lineage[i]
                niche[kept] = where
                step[kept] = at
                turn[kept] = turn[i]
                budget[kept] = purse
            remaining[kept] = left_in_step - dt
            if at > A_PALE:
                budget[kept] = purse - hazard * dt
            kept += 1
            continue
        of = lineage[i]
        turns = np.int64(turn[i])
        left = dt
        waiting = 0
        place_used = False
        while True:
            alive = True
            while True:
                if event == LIVES:
                    left_in_step -= left
                    if at > A_PALE:
                        purse -= hazard * left
                    break
                if event == DIES:
                    events.deaths[tubule, at] += 1
                    alive = False
                    break
                left -= elapsed
                events.completed[tubule, at] += 1
                if at <= A_PALE:
                    lost, purse, founds = stem_cell_turn(
                        seed, of, at, turns, purse, support[where, COMMITMENT], counts[where, A_PALE], p
                    )
                    if lost:
                        events.deaths[tubule, at] += 1
                        alive = False
                        break
                    if founds:
                        daughters = 1 if at == A_DARK else 2
                        for k in range(daughters):
                            stack_lineage[waiting] = child(of, 2 * turns + k)
                            stack_step[waiting] = A_PALE if at == A_DARK else B_SPERMATOGONIUM
                            stack_left[waiting] = left
                            waiting += 1
                    turns += 1
                    left_in_step = p.cycle_days
                elif at == ELONGATED_SPERMATID:
                    if is_released(seed, of, support[where, SPERMIATION]):
                        events.released[tubule] += 1
                    else:
                        events.retained[tubule] += 1
                    alive = False
                    break
                else:
                    if DAUGHTERS[at] == 2:
                        stack_lineage[waiting] = child(of, 1)
                        stack_step[waiting] = at + 1
                        stack_left[waiting] = left
                        waiting += 1
                        of = child(of, 0)
                    at += 1
                    left_in_step = draw_duration(seed, of, at, p)
                    purse = draw_budget(seed, of, at)
                hazard = germ_hazard(at, support[where], p)
                event, elapsed = germ_cell_step(left_in_step, 1e30 if at <= A_PALE else purse, hazard, left)
            if alive:
                if place_used:
                    row = born
                    born += 1
                else:
                    row = kept
                    kept += 1
                    place_used = True
                lineage[row] = of
                niche[row] = where
                step[row] = at
                turn[row] = turns
                remaining[row] = left_in_step
                budget[row] = purse
            if waiting == 0:
                break
            waiting -= 1
            of = stack_lineage[waiting]
            at = np.int64(stack_step[waiting])
            left = stack_left[waiting]
            turns = np.int64(0)
            left_in_step = draw_duration(seed, of, at, p)
            purse = draw_budget(seed, of, at)
            hazard = germ_hazard(at, support[where], p)
            event, elapsed = germ_cell_step(left_in_step, 1e30 if at <= A_PALE else purse, hazard, left)
    if kept < end:
        for i in range(end, born):
            lineage[kept] = lineage[i]
            niche[kept] = niche[i]
            step[kept] = step[i]
            turn[kept] = turn[i]
            remaining[kept] = remaining[i]
            budget[kept] = budget[i]
            kept += 1
    else:
        kept = born
    germ.count[tubule] = kept - begin


@njit(cache=True, nogil=True)
def germ_cells(germ, support, counts, events, seed, p, dt):
    """Advance every germ cell by `dt` days; a tubule without room for births is left untouched and not marked done."""
    for tubule in range(germ.count.size):
        _tubule(tubule, germ, support, counts, events, seed, p, dt)


@njit(cache=True, nogil=True, parallel=True)
def germ_cells_parallel(germ, support, counts, events, seed, p, dt):
    """Do the same as `germ_cells` with the tubules shared among threads."""
    for tubule in prange(germ.count.size):
        _tubule(tubule, germ, support, counts, events, seed, p, dt)


@njit(cache=True, nogil=True)
def count_steps(germ, counts):
    """Count germ cells by Sertoli cell and step into `counts` (sertoli, steps)."""
    counts[:, :] = 0
    for tubule in range(germ.count.size):
        for i in range(germ.start[tubule], germ.start[tubule] + germ.count[tubule]):
            counts[germ.niche[i], germ.step[i]] += 1
