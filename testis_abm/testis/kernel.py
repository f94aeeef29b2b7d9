"""The rules looped over columns: compiled, releasing the GIL, over a range of tubules so that threads can share them.

A cell that lives through the day in its step costs two comparisons and nothing is stored: its step ends on a day that is
fixed, and it dies when the hazard that its Sertoli cell has counted passes a threshold that is fixed. Only what is due is
worked on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from testis_abm.biology.kinetics import lh_response, shielded_inhibition
from testis_abm.biology.luck import child, u64
from testis_abm.biology.rules import (
    DIES,
    LIVES,
    TissueParameters,
    androgen_signal,
    aromatise,
    changed,
    clone_of,
    er_alpha_occupancy,
    er_beta_signal,
    first_share,
    fsh_signal,
    half_powers,
    heard,
    inhibin_output,
    is_released,
    leydig_day,
    mean_duration,
    next_event,
    niche_aromatase,
    on_entering,
    responded,
    response_kept,
    sertoli_rates,
    stem_cell_turn,
    support_from,
)
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COMMITMENT,
    COUNT,
    DAUGHTERS,
    DIPLOTENE,
    ELONGATED_SPERMATID,
    HAZARD,
    RATES,
    SECONDARY_SPERMATOCYTE,
    SPERMIATION,
)
from testis_abm.support.compile import compiled
from testis_abm.testis.fields import Weights, conserving, corner_field, ring_field

_SIZE = len(TissueParameters._fields)
# Rows that the progeny of one cell may need in a step of some days, and daughters that may wait for their turn.
ROOM = 16
# Tubules that a kernel takes at a time: what their cells hold fits into the cache of a core.
BLOCK = 16


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
    clone: np.ndarray
    ends: np.ndarray
    threshold: np.ndarray
    start: np.ndarray
    count: np.ndarray  # type: ignore[assignment]


class FieldArrays(NamedTuple):
    """One steroid between the cells, as a kernel takes it (see fields.Kernels, levels.Levels)."""

    weights: Weights
    ring: np.ndarray
    neighbours: np.ndarray
    sources: np.ndarray
    level: np.ndarray
    at_corner: np.ndarray


class Today(NamedTuple):
    """What is the same for all cells in a step of `dt` days that ends on day `now`.

    Attributes:
        lh_activity, open_lyase, inhibitor, fsh, pressure: brought by the blood (see biology/days.py).
        from_secretion, entry: nmol/L of testosterone that a mean source of 1 gives, and that enters with the blood.
        from_leydig, from_niches: nmol/L of oestradiol that a mean source of 1 gives.
        testosterone_free, oestradiol_free: free shares.
    """

    lh_activity: float
    open_lyase: float
    inhibitor: float
    fsh: float
    pressure: float
    from_secretion: float
    entry: float
    from_leydig: float
    from_niches: float
    testosterone_free: float
    oestradiol_free: float
    now: float
    dt: float


class EventArrays(NamedTuple):
    """What a day brings, by tubule (see cells.Events), and how far each tubule has lived it."""

    deaths: np.ndarray
    completed: np.ndarray
    released: np.ndarray
    retained: np.ndarray
    progress: np.ndarray


NOT_BEGUN, BEGUN, DONE = range(3)


@compiled(error_model="numpy")
def _parameters(numbers):
    """Return the numbers by name (an array crosses into compiled code faster than a tuple of them)."""
    return TissueParameters(*to_fixed_tuple(numbers, _SIZE))  # type: ignore[call-arg]


@compiled(error_model="numpy")
def secrete(leydig, oestradiol_at_corner, today, numbers, sources):
    """Advance every Leydig cell by the days of `today`; put its testosterone into `sources` (corners + 1,)."""
    p = _parameters(numbers)
    sources[:] = 0.0
    for i in range(leydig.size.size):
        corner = leydig.corner[i]
        leydig.capacity[i], leydig.expression[i], leydig.testosterone[i] = leydig_day(
            leydig.capacity[i],
            leydig.expression[i],
            leydig.size[i],
            oestradiol_at_corner[corner] * today.oestradiol_free,
            today.lh_activity,
            today.open_lyase,
            p,
            today.dt,
        )
        sources[corner] += leydig.testosterone[i]


@compiled(error_model="numpy")
def leydig_aromatase(leydig, testosterone_at_corner, today, numbers, sources):
    """Make oestradiol in every Leydig cell from the local free testosterone; put it into `sources` (corners + 1,)."""
    p = _parameters(numbers)
    sources[:] = 0.0
    for i in range(leydig.size.size):
        corner = leydig.corner[i]
        leydig.oestradiol[i] = aromatise(
            p.leydig_aromatase * p.leydig_secretion * leydig.size[i] * leydig.expression[i],
            testosterone_at_corner[corner] * today.testosterone_free,
            today.inhibitor,
            p,
        )
        sources[corner] += leydig.oestradiol[i]


@compiled(error_model="numpy")
def testosterone_and_aromatase(field, today, sertoli, numbers, first, last):
    """Spread testosterone from the corners over tubules `first` to `last`; let their niches make oestradiol from it.

    Args:
        field: FieldArrays of testosterone, its levels filled in; today: Today. numbers: TissueParameters.
    """
    p = _parameters(numbers)
    per = field.level.shape[1]
    row, activity = np.empty(field.weights.of.shape[1]), np.empty(BLOCK * per)
    to_niche = today.from_secretion * conserving(field.weights.reach, field.sources, 0, field.level.size)
    to_corner = today.from_secretion * conserving(field.weights.reach, field.sources, 1, field.at_corner.size)
    for begin in range(first, last, BLOCK):
        end = min(begin + BLOCK, last)
        for tubule in range(begin, end):
            corner_field(tubule, field.weights, field.neighbours, field.sources, row)
            for k in range(field.at_corner.shape[1]):
                field.at_corner[tubule, k] = row[per + k] * to_corner + today.entry
            level = field.level[tubule]
            for k in range(per):
                level[k] = row[k] * to_niche + today.entry
        # Cut out, so that no index can be below nought, which would keep the loops from vectorising; few columns in a
        # loop, because more than a few that might overlap would do so too.
        level = field.level.reshape(-1)[begin * per : end * per]
        local, made = (
            sertoli.local_testosterone[begin * per : end * per],
            sertoli.oestradiol_made[begin * per : end * per],
        )
        _activity(sertoli.counts[begin * per : end * per], p, activity)
        for k in range(level.size):
            local[k] = level[k] * today.testosterone_free
        for k in range(level.size):
            made[k] = aromatise(activity[k], local[k], today.inhibitor, p)


@compiled(error_model="numpy")
def _activity(counts, p, activity):
    """Write the aromatase activity of Sertoli cells with such `counts` (n, steps) of germ cells into `activity`."""
    for i in range(counts.shape[0]):
        spermatocytes, spermatids, elongated = _by_class(counts[i])
        activity[i] = niche_aromatase(spermatocytes, spermatids, elongated, p)


@compiled(error_model="numpy")
def _by_class(counts):
    """Return the spermatocytes, round and elongated spermatids of a Sertoli cell from its counts by step."""
    spermatocytes = np.int32(counts[3]) + counts[4] + counts[5] + counts[6] + counts[7] + counts[8]
    return np.int32(spermatocytes), np.int32(counts[9]), np.int32(counts[10]) + np.int32(counts[11])


@compiled(error_model="numpy")
def _respond(response, level, kept):
    for k in range(level.size):
        response[k] = responded(response[k], level[k], kept)


@compiled(error_model="numpy")
def _hear(level, sensitivity, exponent, to):
    """Write `heard` into `to`: a loop of its own for the usual exponent, which then vectorises."""
    if exponent == 2.0:
        for k in range(level.size):
            to[k] = heard(level[k], sensitivity, 2.0)
    else:
        for k in range(level.size):
            to[k] = heard(level[k], sensitivity, exponent)


@compiled(error_model="numpy")
def _oestradiol(field, today, sertoli, to_niche, to_corner, mean_made, row, made, around, first, last):
    """Spread oestradiol over tubules `first` to `last`."""
    per = field.level.shape[1]
    for tubule in range(first, last):
        corner_field(tubule, field.weights, field.neighbours, field.sources, row)
        for k in range(field.at_corner.shape[1]):
            field.at_corner[tubule, k] = row[per + k] * to_corner + mean_made * today.from_niches
        by_niches, level = sertoli.oestradiol_made[tubule * per : (tubule + 1) * per], field.level[tubule]
        for k in range(per):
            row[k] *= to_niche
            made[k] = by_niches[k] * today.from_niches
        ring_field(field.ring, made, around, row)
        for k in range(per):
            level[k] = row[k]


@compiled(error_model="numpy")
def _support(level, today, sertoli, change, p, half, heard_of, first, last):
    """Let the Sertoli cells of tubules `first` to `last` respond and renew what they set; `heard_of`: room, (4, block)."""
    per = level.shape[1]
    begin, end = first * per, last * per
    flat, local = level.reshape(-1)[begin:end], sertoli.local_oestradiol[begin:end]
    for k in range(local.size):
        local[k] = flat[k] * today.oestradiol_free
    kept = response_kept(p, today.dt)
    androgen, oestrogen, fsh = sertoli.androgen[begin:end], sertoli.oestrogen[begin:end], sertoli.fsh[begin:end]
    _respond(androgen, sertoli.local_testosterone[begin:end], kept)
    _respond(oestrogen, local, kept)
    for k in range(fsh.size):
        fsh[k] = responded(fsh[k], today.fsh, kept)
    inhibin = sertoli.inhibin[begin:end]
    for k in range(fsh.size):
        inhibin[k] = inhibin_output(fsh[k], p)
    _hear(androgen, p.androgen_sensitivity, p.androgen_exponent, heard_of[0])
    _hear(oestrogen, p.er_beta_sensitivity, p.oestrogen_exponent, heard_of[1])
    _hear(oestrogen, p.er_alpha_sensitivity, p.oestrogen_exponent, heard_of[2])
    for k in range(fsh.size):
        heard_of[3, k] = fsh[k]
    for tubule in range(first, last):
        rates = sertoli.rates[tubule]
        of = heard_of[:, (tubule - first) * per : (tubule - first + 1) * per]
        for k in range(per):
            support = support_from(of[0, k], of[1, k], of[2, k], of[3, k], today.pressure, half, p)
            # One by one: an index into a tuple that is not a constant would keep the loop from vectorising.
            (
                rates[0, k],
                rates[1, k],
                rates[2, k],
                rates[3, k],
                rates[4, k],
                rates[5, k],
                rates[6, k],
                rates[7, k],
                rates[8, k],
                rates[9, k],
                rates[10, k],
                rates[11, k],
                rates[12, k],
                rates[13, k],
            ) = sertoli_rates(support, p)
        if change.size > 0:
            for rate in range(len(RATES)):
                for k in range(per):
                    one = tubule * per + k if change.shape[2] > 1 else 0
                    rates[rate, k] = changed(rate, rates[rate, k], change[0, rate, one], change[1, rate, one])


@compiled(error_model="numpy")
def oestradiol_and_germ_cells(field, today, mean_made, sertoli, change, germ, events, lives, numbers, first, last):
    """Spread oestradiol over tubules `first` to `last`; let their Sertoli cells respond, and their germ cells live if `lives`.

    Some tubules at a time, so that what a Sertoli cell sets is still near when its germ cells ask for it.

    Args:
        field: FieldArrays of oestradiol, its levels filled in; today: Today. numbers: TissueParameters.
        mean_made: oestradiol that a niche makes on average, for the interstices.
        change: (2, steps.RATES, 1 or sertoli), a factor of and an addition to each rate that comes from outside.
    """
    p = _parameters(numbers)
    half, per = half_powers(p), field.level.shape[1]
    row, made, around = np.empty(field.weights.of.shape[1]), np.empty(per), np.empty(3 * per)
    heard_of = np.empty((4, BLOCK * per))
    to_niche = today.from_leydig * conserving(field.weights.reach, field.sources, 0, field.level.size)
    to_corner = today.from_leydig * conserving(field.weights.reach, field.sources, 1, field.at_corner.size)
    for begin in range(first, last, BLOCK):
        end = min(begin + BLOCK, last)
        _oestradiol(field, today, sertoli, to_niche, to_corner, mean_made, row, made, around, begin, end)
        _support(field.level, today, sertoli, change, p, half, heard_of, begin, end)
        if lives:
            live(germ, sertoli, events, today.now, numbers, today.dt, begin, end)


@compiled(error_model="numpy")
def mean(values):
    """Return the mean of a column, added up four at a time."""
    a, b, c, d = 0.0, 0.0, 0.0, 0.0
    whole = values.size // 4 * 4
    for i in range(0, whole, 4):
        a += values[i]
        b += values[i + 1]
        c += values[i + 2]
        d += values[i + 3]
    for i in range(whole, values.size):
        a += values[i]
    return ((a + b) + (c + d)) / values.size


@compiled(error_model="numpy")
def whole_day(testosterone, oestradiol, today, leydig, sertoli, change, germ, events, numbers):
    """Let all cells live a day on one thread: one call, because handing columns to compiled code takes microseconds.

    Returns whether all tubules had room for it.
    """
    secrete(leydig, oestradiol.at_corner.reshape(-1), today, numbers, testosterone.sources)
    testosterone_and_aromatase(testosterone, today, sertoli, numbers, 0, germ.count.size)
    leydig_aromatase(leydig, testosterone.at_corner.reshape(-1), today, numbers, oestradiol.sources)
    mean_made = mean(sertoli.oestradiol_made)
    oestradiol_and_germ_cells(
        oestradiol, today, mean_made, sertoli, change, germ, events, True, numbers, 0, germ.count.size
    )
    return (events.progress == DONE).all()


@compiled(error_model="numpy")
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
    clone, ends, threshold = germ.clone, germ.ends, germ.threshold
    gathered, rates, counts = sertoli.gathered, sertoli.rates, sertoli.counts
    waiting_lineage = np.empty(ROOM, np.uint64)
    waiting_clone = np.empty(ROOM, np.uint64)
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
            of, at, where, together = lineage[row], np.int64(step[row]), np.int64(niche[row]), np.uint64(clone[row])
            turns, portion, stem = np.int64(0), 0.0, at <= A_PALE
            if stem:
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
                                waiting_lineage[waiting] = child(of, 2 * np.int64(together) + k)
                                waiting_clone[waiting] = u64(0) if at == A_DARK else clone_of(of, np.int64(together))
                                waiting_step[waiting] = A_PALE if at == A_DARK else B_SPERMATOGONIUM
                                waiting_since[waiting] = when
                                waiting += 1
                            together += u64(1)
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
                            waiting_clone[waiting] = together
                            waiting_step[waiting] = at + 1
                            waiting_since[waiting] = when
                            waiting += 1
                            of = child(of, 0)
                        at += 1
                        days, budget = on_entering(of, together, at, mean_days, p.duration_variation, p.clonal_death)
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
                    # A row that was or is a stem cell's, or another's: the daughter of a stem cell that died may take its place.
                    if stem or at <= A_PALE or place != row:
                        clone[place] = together
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
                together = waiting_clone[waiting]
                turns = np.int64(0)
                portion = first_share(of, at) if at == A_PALE else 0.0
                days, budget = on_entering(of, together, at, mean_days, p.duration_variation, p.clonal_death)
                end = when + days
                limit = budget + (gathered[tubule, at, where] - rates[tubule, HAZARD + at, where] * (now - when))
            if place >= 0:
                top -= 1
                lineage[place] = lineage[top]
                niche[place] = niche[top]
                step[place] = step[top]
                turn[place] = turn[top]
                share[place] = share[top]
                clone[place] = clone[top]
                ends[place] = ends[top]
                threshold[place] = threshold[top]
        germ.count[tubule] = top - begin
        if enough:
            events.progress[tubule] = DONE


@compiled(error_model="numpy")
def means(leydig, sertoli, testosterone, oestradiol):
    """Return means over the cells, as `report` takes them; `testosterone` and `oestradiol` at each niche."""
    secreted, by_leydig = 0.0, 0.0
    for i in range(leydig.size.size):
        secreted += leydig.testosterone[i]
        by_leydig += leydig.oestradiol[i]
    androgen, oestrogen, fsh, inhibin, made, first, second = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    spermatocytes, spermatids, elongated = 0, 0, 0
    for i in range(sertoli.androgen.size):
        androgen += sertoli.androgen[i]
        oestrogen += sertoli.oestrogen[i]
        fsh += sertoli.fsh[i]
        inhibin += sertoli.inhibin[i]
        made += sertoli.oestradiol_made[i]
        first += testosterone[i]
        second += oestradiol[i]
        by_class = _by_class(sertoli.counts[i])
        spermatocytes += by_class[0]
        spermatids += by_class[1]
        elongated += by_class[2]
    n, m = leydig.size.size, sertoli.androgen.size
    return (
        secreted / n,
        by_leydig / n,
        androgen / m,
        oestrogen / m,
        fsh / m,
        inhibin / m,
        made / m,
        first / m,
        second / m,
        spermatocytes / m,
        spermatids / m,
        elongated / m,
    )


@compiled(error_model="numpy")
def report(leydig, sertoli, testosterone, oestradiol, at_corner, lh_activity, inhibitor, left, free, weight, numbers):
    """Return what the testes did in a day, in the order of TestisDay.

    Args:
        leydig, sertoli: arrays; testosterone, oestradiol: at each niche; at_corner: testosterone where Leydig cells lie.
        lh_activity, inhibitor: of the blood; left: share of aromatase that is not inactivated.
        free: fraction of testosterone; weight: ideal over actual number of Leydig cells.
        numbers: TissueParameters.
    """
    p = _parameters(numbers)
    made_t, made_e2, androgen, oestrogen, fsh, inhibin, made, mean_t, mean_e2, spermatocytes, spermatids, elongated = (
        means(leydig, sertoli, testosterone, oestradiol)
    )
    in_leydig = in_niches = 1.0 - left
    if inhibitor > 0.0:
        corner = np.empty(leydig.corner.size)
        for i in range(corner.size):
            corner[i] = at_corner[leydig.corner[i]] * free
        in_leydig = inhibited_share(corner, p.aromatase_km, inhibitor, left)
        in_niches = inhibited_share(sertoli.local_testosterone, p.aromatase_km, inhibitor, left)
    germ = spermatocytes * p.spermatocyte_aromatase + spermatids * p.spermatid_aromatase
    germ += elongated * p.elongated_aromatase
    share = germ / (germ + p.sertoli_aromatase) if germ > 0.0 else 0.0
    by_leydig = weight * made_e2 * leydig.size.size / sertoli.androgen.size
    by_sertoli, by_germ = made * (1.0 - share), made * share
    whole = by_leydig + by_sertoli + by_germ
    open_whole = by_leydig / max(1.0 - in_leydig, 1e-12) + (by_sertoli + by_germ) / max(1.0 - in_niches, 1e-12)
    return (
        made_t / lh_response(lh_activity, p.lh_saturation),
        whole,
        inhibin,
        mean_t,
        mean_e2,
        1.0 - whole / open_whole if open_whole > 0.0 else 0.0,
        in_leydig,
        in_niches,
        by_leydig,
        by_sertoli,
        by_germ,
        androgen_signal(androgen, p.meiosis_androgen_half, p.meiosis_occupancy, p),
        er_alpha_occupancy(oestrogen, p) / p.er_alpha_reference,
        er_beta_signal(oestrogen, p),
        fsh_signal(fsh, p),
        p.aromatase_km / (p.aromatase_km + mean_t * free),
        androgen,
        oestrogen,
        fsh,
    )


@compiled(error_model="numpy")
def flux(completed, released):
    """Return a day's primary spermatocytes that divided, round spermatids made, and sperm released, as floats."""
    divided, second, sperm = 0, 0, 0
    for tubule in range(released.size):
        divided += completed[tubule, DIPLOTENE]
        second += completed[tubule, SECONDARY_SPERMATOCYTE]
        sperm += released[tubule]
    return float(divided), 2.0 * second, float(sperm)


@compiled(error_model="numpy")
def step_totals(counts):
    """Return germ cells by step, int64 (steps,), from the counts of each Sertoli cell."""
    total = np.zeros(COUNT, np.int64)
    for i in range(counts.shape[0]):
        for step in range(COUNT):
            total[step] += counts[i, step]
    return total


@compiled(error_model="numpy")
def inhibited_share(free, km, inhibitor, left):
    """Return the share of aromatase kept from working, over cells at local `free` testosterone."""
    with_drug, without = 0.0, 0.0
    for i in range(free.size):
        with_drug += shielded_inhibition(free[i], km, inhibitor)
        without += shielded_inhibition(free[i], km, 0.0)
    return 1.0 - left * with_drug / without if without > 0.0 else 0.0


@compiled(error_model="numpy")
def count_steps(germ, counts):
    """Count germ cells by Sertoli cell and step into `counts` (sertoli, steps)."""
    counts[:, :] = 0
    per = counts.shape[0] // germ.count.size
    for tubule in range(germ.count.size):
        for i in range(germ.start[tubule], germ.start[tubule] + germ.count[tubule]):
            counts[tubule * per + germ.niche[i], germ.step[i]] += 1
