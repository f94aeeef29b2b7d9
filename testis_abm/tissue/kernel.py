"""The rules looped over columns: compiled, releasing the GIL, parallel over tubules where it pays."""

from __future__ import annotations

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


@njit(cache=True, nogil=True)
def _room(remaining, start, count, end, dt):
    """Return whether a tubule's slack holds all births that a day could bring (at most three for each cell that turns)."""
    turning = 0
    for i in range(start, start + count):
        if remaining[i] <= dt:
            turning += 1
    return count + 3 * turning <= end - start


@njit(cache=True, nogil=True)
def _tubule(
    tubule,
    lineage,
    niche,
    step,
    turn,
    remaining,
    budget,
    start,
    count,
    support,
    counts,
    done,
    deaths,
    completed,
    released,
    retained,
    seed,
    p,
    dt,
):
    """Advance the germ cells of one tubule in place: survivors stay in order, births follow them."""
    begin = start[tubule]
    end = begin + count[tubule]
    if not _room(remaining, begin, count[tubule], start[tubule + 1], dt):
        return
    done[tubule] = True
    stack_lineage = np.empty(_STACK, np.uint64)
    stack_step = np.empty(_STACK, np.int64)
    stack_left = np.empty(_STACK, np.float64)
    kept, born = begin, end
    for i in range(begin, end):
        where = niche[i]
        of = lineage[i]
        at = np.int64(step[i])
        turns = np.int64(turn[i])
        left_in_step = float(remaining[i])
        purse = float(budget[i])
        left = dt
        waiting = 0
        place_used = False
        while True:
            alive = True
            while True:
                hazard = germ_hazard(at, support[where], p)
                event, elapsed = germ_cell_step(left_in_step, 1e30 if at <= A_PALE else purse, hazard, left)
                if event == LIVES:
                    left_in_step -= left
                    if at > A_PALE:
                        purse -= hazard * left
                    break
                if event == DIES:
                    deaths[tubule, at] += 1
                    alive = False
                    break
                left -= elapsed
                completed[tubule, at] += 1
                if at <= A_PALE:
                    lost, purse, founds = stem_cell_turn(
                        seed, of, at, turns, purse, support[where, COMMITMENT], counts[where, A_PALE], p
                    )
                    if lost:
                        deaths[tubule, at] += 1
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
                    continue
                if at == ELONGATED_SPERMATID:
                    if is_released(seed, of, support[where, SPERMIATION]):
                        released[tubule] += 1
                    else:
                        retained[tubule] += 1
                    alive = False
                    break
                if DAUGHTERS[at] == 2:
                    stack_lineage[waiting] = child(of, 1)
                    stack_step[waiting] = at + 1
                    stack_left[waiting] = left
                    waiting += 1
                    of = child(of, 0)
                at += 1
                left_in_step = draw_duration(seed, of, at, p)
                purse = draw_budget(seed, of, at)
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
            turns = 0  # type: ignore[assignment]
            left_in_step = draw_duration(seed, of, at, p)
            purse = draw_budget(seed, of, at)
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
    count[tubule] = kept - begin


@njit(cache=True, nogil=True)
def germ_cells(
    lineage,
    niche,
    step,
    turn,
    remaining,
    budget,
    start,
    count,
    support,
    counts,
    done,
    deaths,
    completed,
    released,
    retained,
    seed,
    p,
    dt,
):
    """Advance every germ cell by `dt` days; tubules without room for births are left untouched and not marked `done`."""
    for tubule in range(count.size):
        if not done[tubule]:
            _tubule(
                tubule,
                lineage,
                niche,
                step,
                turn,
                remaining,
                budget,
                start,
                count,
                support,
                counts,
                done,
                deaths,
                completed,
                released,
                retained,
                seed,
                p,
                dt,
            )


@njit(cache=True, nogil=True, parallel=True)
def germ_cells_parallel(
    lineage,
    niche,
    step,
    turn,
    remaining,
    budget,
    start,
    count,
    support,
    counts,
    done,
    deaths,
    completed,
    released,
    retained,
    seed,
    p,
    dt,
):
    """Do the same as `germ_cells` with the tubules shared among threads."""
    for tubule in prange(count.size):
        if not done[tubule]:
            _tubule(
                tubule,
                lineage,
                niche,
                step,
                turn,
                remaining,
                budget,
                start,
                count,
                support,
                counts,
                done,
                deaths,
                completed,
                released,
                retained,
                seed,
                p,
                dt,
            )


@njit(cache=True, nogil=True)
def count_steps(step, niche, start, count, counts):
    """Count germ cells by Sertoli cell and step into `counts` (sertoli, steps)."""
    counts[:, :] = 0
    for tubule in range(count.size):
        for i in range(start[tubule], start[tubule] + count[tubule]):
            counts[niche[i], step[i]] += 1
