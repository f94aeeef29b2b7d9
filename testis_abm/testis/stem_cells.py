"""The stem cells of a tubule at the turns of their niches' clocks, over columns: who renews, leaves, founds and where daughters enter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.draws import child, u64
from testis_abm.biology.germ import COMPLETES, GermParameters, clone_of, first_share, next_event, on_entering
from testis_abm.biology.niche import (
    RENEWED,
    SET_ASIDE,
    Around,
    NicheParameters,
    a_dark_turn,
    a_pale_turn,
    next_turn,
    precedence,
    pull,
    share_of_newborn,
)
from testis_abm.biology.steps import A_DARK, A_PALE, B_SPERMATOGONIUM, COMMITMENT, FED, HAZARD
from testis_abm.support.compile import compiled

GONE = -np.inf  # when the step of a stem cell ended that is no more
# What a stem cell does at its turn, see _decide: whether it waits in a niche that is not open, is lost, wakes, founds, leaves;
# where its daughters knock (-1: none).
DECIDED = np.dtype(
    [
        *((name, np.int64) for name in ("row", "a_pale_knocks", "a_dark_knocks")),
        *((name, np.float64) for name in ("when", "share")),
        *((name, np.bool_) for name in ("waits", "lost", "wakes", "founds", "leaves")),
    ]
)
# What it founds: a B spermatogonium or a stem cell.
_FOUNDED = np.dtype(
    [
        *((name, np.uint64) for name in ("lineage", "clone")),
        *((name, np.int64) for name in ("step", "niche")),
        ("founder", np.uint32),
        ("injury", np.float32),
        *((name, np.float64) for name in ("since", "share")),
    ]
)
# A daughter at the door of a niche: her type, where she knocks and where she was born, the next at that door, whether she
# enters.
_KNOCKING = np.dtype(
    [
        *((name, np.uint64) for name in ("lineage", "precedence")),
        *((name, np.int64) for name in ("step", "niche", "home", "next")),
        ("founder", np.uint32),
        ("injury", np.float32),
        ("since", np.float64),
        ("enters", np.bool_),
    ]
)


@register_jitable
def _wrapped(at, around):
    """Return a place around a section that may lie one beyond its ends."""
    if at < 0:
        return at + around
    return at - around if at >= around else at


class TurnRules(NamedTuple):
    """By what stem cells turn today.

    Attributes:
        germ, niche: GermParameters and NicheParameters; days: germ.durations, (steps,).
        now: end of the `dt` days.
    """

    germ: GermParameters
    niche: NicheParameters
    days: np.ndarray
    now: float
    dt: float


class Turning(NamedTuple):
    """The columns that turns of stem cells read and change: no more, because each that is handed on is counted.

    Attributes:
        completed, deaths: of columns.Events; the others as in columns.GermColumns and columns.SertoliColumns.
        open_niches: room for one number for each niche of a tubule.
    """

    lineage: np.ndarray
    niche: np.ndarray
    step: np.ndarray
    turn: np.ndarray
    share: np.ndarray
    clone: np.ndarray
    founder: np.ndarray
    ends: np.ndarray
    threshold: np.ndarray
    injury: np.ndarray
    gathered: np.ndarray
    rates: np.ndarray
    counts: np.ndarray
    phase: np.ndarray
    able: np.ndarray
    blocked_until: np.ndarray
    completed: np.ndarray
    deaths: np.ndarray
    open_niches: np.ndarray


@register_jitable
def _around(counts, fed, open_niches, wall, niche, length, around):
    """Return what a stem cell of a niche feels of its own and the eight around it (niche.Around); the ends are closed."""
    row, at = niche // around, niche % around
    a_pale, a_dark, niches, all_fed = 0.0, 0.0, 0.0, 0.0
    for along in range(max(row - 1, 0), min(row + 2, length)):
        for beside in range(at - 1, at + 2):
            k = along * around + _wrapped(beside, around)
            is_open = open_niches[k]
            a_pale += is_open * counts[wall + k, A_PALE]
            a_dark += is_open * counts[wall + k, A_DARK]
            niches += is_open
            all_fed += is_open * fed[k]
    return Around(a_pale, a_dark, niches, all_fed)


@register_jitable
def _emptiest(counts, open_niches, wall, lineage, moves, niche, length, around):
    """Return where a daughter born in `niche` knocks: `moves` times at the open niche of the nine with the fewest A-pale."""
    for move in range(moves):
        row, at = niche // around, niche % around
        fewest, strongest = np.int64(1 << 40), u64(0)
        for along in range(max(row - 1, 0), min(row + 2, length)):
            for beside in range(at - 1, at + 2):
                k = along * around + _wrapped(beside, around)
                held = np.int64(counts[wall + k, A_PALE])
                if open_niches[k] > 0.0 and held <= fewest:
                    drawn = pull(lineage, move, k)
                    if held < fewest or drawn > strongest:
                        niche, fewest, strongest = k, held, drawn
    return niche


@register_jitable
def _decide(cells, now, morning, numbers, shape, tubule, due, decided):
    """Let the stem cells among the rows `due` of a tubule decide what they do at their turn, from the counts of the morning.

    Args:
        cells: Turning; now, morning: end and begin of the day.
        numbers: of the niche; shape: sections along the tubule, niches around each.
        due: rows, ascending.
        decided: room for one DECIDED for each of `due`.

    Returns:
        How many of `decided` it has filled in, and the most rows that are needed for their daughters.
    """
    lineages, niches, steps, turns = cells.lineage, cells.niche, cells.step, cells.turn
    shares, ends_on, thresholds = cells.share, cells.ends, cells.threshold
    gathered, rates, counts, open_niches = cells.gathered, cells.rates, cells.counts, cells.open_niches
    able, blocked_until = cells.able, cells.blocked_until
    length, around = shape
    per = length * around
    wall, moves, fed = tubule * per, np.int64(numbers.reach), rates[tubule, FED]
    for k in range(per):
        open_niches[k] = able[wall + k] * (blocked_until[wall + k] <= morning)
    turning, births = 0, np.int64(0)
    for one in range(due.size - 1, -1, -1):
        row = due[one]
        step, niche, ends = np.int64(steps[row]), np.int64(niches[row]), np.float64(ends_on[row])
        if step > A_PALE or ends == GONE:
            continue
        counted, hazard = gathered[tubule, step, niche], rates[tubule, HAZARD + step, niche]
        event, when = next_event(ends, np.float64(thresholds[row]), counted, hazard, now)
        if event != COMPLETES:
            continue
        to, waits, share = decided[turning], open_niches[niche] == 0.0, np.float64(shares[row])
        turning += 1
        lost, wakes, founds, leaves = False, False, False, False
        a_pale_knocks, a_dark_knocks = np.int64(-1), np.int64(-1)
        if not waits:
            lineage, turn = lineages[row], np.int64(turns[row])
            felt = _around(counts, fed, open_niches, wall, niche, length, around)
            if step == A_DARK:
                lost, wakes = a_dark_turn(lineage, turn, felt, numbers)
            else:
                did = a_pale_turn(lineage, turn, share, rates[tubule, COMMITMENT, niche], felt, numbers)
                lost, share, founds, leaves = did.lost, did.share, did.founds, did.leaves
                if did.renews:
                    born = child(lineage, RENEWED + turn)
                    a_pale_knocks = _emptiest(counts, open_niches, wall, born, moves, niche, length, around)
                if did.rests:
                    born = child(lineage, SET_ASIDE + turn)
                    a_dark_knocks = _emptiest(counts, open_niches, wall, born, moves, niche, length, around)
                births += 2 * (np.int64(founds) + np.int64(did.renews) + np.int64(did.rests))
        to.row, to.when, to.share, to.a_pale_knocks, to.a_dark_knocks = row, when, share, a_pale_knocks, a_dark_knocks
        to.waits, to.lost, to.wakes, to.founds, to.leaves = waits, lost, wakes, founds, leaves
    return turning, births


@register_jitable
def _found(newborn, born, lineage, ordinal, mother, since):
    """Put the two B spermatogonia of the clone `ordinal` of a cell behind the `born` that there are.

    `mother`: niche, founder and injury of her who bore it.
    """
    niche, founder, injury = mother
    clone = clone_of(lineage, ordinal)
    for k in range(2):
        to = newborn[born + k]
        to.lineage, to.clone, to.step, to.niche = child(lineage, 2 * ordinal + k), clone, B_SPERMATOGONIUM, niche
        to.founder, to.injury, to.since, to.share = founder, injury, since, 0.0


@compiled(error_model="numpy")
def turn_stem_cells(cells, rules, shape, tubule, due, top, end, decided):
    """Let the stem cells among the rows `due` of a tubule turn, those of open niches; return its first free row then.

    Two phases, so that no order matters: all decide from the counts of the morning; then daughters enter the niches where
    they knock while there is room, by a keyed precedence, and who finds none differentiates where it was born. A stem cell
    that is lost or leaves keeps its row, whose step has ended for ever (GONE). Returns -1, with nothing done, for want of
    rows.

    Args:
        cells, rules: Turning and TurnRules; shape, tubule, due, decided: see `_decide`.
        top: the first free row of the tubule; end: where its rows end.
    """
    germ, numbers, mean_days, now, dt = rules.germ, rules.niche, rules.days, rules.now, rules.dt
    turning, births = _decide(cells, now, now - dt, numbers, shape, tubule, due, decided)
    if top + births > end:
        return -1
    lineages, niches, steps, turns = cells.lineage, cells.niche, cells.step, cells.turn
    shares, clones, founders, ends_on, thresholds = cells.share, cells.clone, cells.founder, cells.ends, cells.threshold
    injuries = cells.injury
    gathered, rates, counts, phases = cells.gathered, cells.rates, cells.counts, cells.phase
    completed, deaths, cycle_days = cells.completed, cells.deaths, germ.cycle_days
    variation, clonal_death = germ.duration_variation, germ.clonal_death
    per = shape[0] * shape[1]
    wall = tubule * per
    knocking, newborn, knocks, born = np.empty(births // 2, _KNOCKING), np.empty(births, _FOUNDED), 0, 0
    for one in range(turning):
        to = decided[one]
        row, when, niche = to.row, to.when, np.int64(niches[to.row])
        step, lineage, turn, founder = np.int64(steps[row]), lineages[row], np.int64(turns[row]), founders[row]
        injury = injuries[row]
        completed[tubule, step] += np.int64(not to.waits)
        if to.founds:
            ordinal = np.int64(clones[row])
            _found(newborn, born, lineage, ordinal, (niche, founder, injury), when)
            clones[row] = ordinal + 1
            born += 2
        for kind in range(A_PALE, A_DARK - 1, -1):
            at = to.a_pale_knocks if kind == A_PALE else to.a_dark_knocks
            if at >= 0:
                daughter = knocking[knocks]
                daughter.lineage = child(lineage, (RENEWED if kind == A_PALE else SET_ASIDE) + turn)
                daughter.step, daughter.niche, daughter.home = kind, at, niche
                daughter.founder, daughter.injury, daughter.since = founder, injury, when
                knocks += 1
        if to.lost or to.leaves:
            deaths[tubule, step] += np.int64(to.lost)
            counts[wall + niche, step] -= 1
            ends_on[row] = GONE
            continue
        turns[row], shares[row], ends_on[row] = turn + 1, to.share, when + cycle_days
        if to.wakes:
            _, budget = on_entering(lineage, u64(clones[row]), np.int64(A_PALE), mean_days, variation, clonal_death)
            counted, hazard = gathered[tubule, A_PALE, niche], rates[tubule, HAZARD + A_PALE, niche]
            place = first_share(lineage, np.int64(A_PALE))
            steps[row], shares[row] = A_PALE, share_of_newborn(place, rates[tubule, COMMITMENT, niche])
            thresholds[row] = budget + (counted - hazard * (now - when))
            counts[wall + niche, A_DARK] -= 1
            counts[wall + niche, A_PALE] += 1
    _admit(knocking, knocks, counts, wall, numbers, per)
    for one in range(knocks):
        daughter = knocking[one]
        if not daughter.enters:
            mother = daughter.home, daughter.founder, daughter.injury
            _found(newborn, born, daughter.lineage, np.int64(0), mother, daughter.since)
            born += 2
            continue
        to = newborn[born]
        born += 1
        to.lineage, to.clone, to.step, to.niche = daughter.lineage, u64(0), daughter.step, daughter.niche
        to.founder, to.injury, to.since, to.share = daughter.founder, daughter.injury, daughter.since, 0.0
        if daughter.step == A_PALE:
            place = first_share(daughter.lineage, daughter.step)
            to.share = share_of_newborn(place, rates[tubule, COMMITMENT, daughter.niche])
    for one in range(born):
        to = newborn[one]
        step, niche, when = to.step, to.niche, to.since
        days, budget = on_entering(to.lineage, to.clone, step, mean_days, variation, clonal_death)
        ends = when + days
        if step <= A_PALE:  # on the clock of the niche
            ends = next_turn(phases[wall + niche], cycle_days, now)
        lineages[top], clones[top], founders[top], niches[top] = to.lineage, to.clone, to.founder, niche
        injuries[top] = to.injury
        steps[top], turns[top], shares[top], ends_on[top] = step, 0, to.share, ends
        thresholds[top] = budget + (gathered[tubule, step, niche] - rates[tubule, HAZARD + step, niche] * (now - when))
        counts[wall + niche, step] += 1
        top += 1
    return top


@register_jitable
def _admit(knocking, knocks, counts, wall, numbers, per):
    """Say which of the daughters that knock enter: those before whom, by precedence, there is room in their niche."""
    first = np.full(per if knocks > 1 else 0, -1, np.int64)  # of those that knock at each niche, each with the next
    for one in range(knocks):
        daughter = knocking[one]
        daughter.precedence, daughter.next = precedence(daughter.lineage), -1
        if knocks > 1:
            daughter.next = first[daughter.niche]
            first[daughter.niche] = one
    for one in range(knocks):
        daughter = knocking[one]
        held = np.int64(counts[wall + daughter.niche, daughter.step])
        other = first[daughter.niche] if knocks > 1 else -1
        while other >= 0:
            before = knocking[other]
            held += np.int64(before.step == daughter.step and before.precedence > daughter.precedence)
            other = before.next
        daughter.enters = held < (numbers.most_a_pale if daughter.step == A_PALE else numbers.most_a_dark)
