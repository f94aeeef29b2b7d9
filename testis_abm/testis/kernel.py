"""The rules looped over columns: compiled, releasing the GIL, over a range of tubules so that threads can share them.

A cell that lives through the day as its type costs two comparisons and nothing is stored: its step ends on a day that
is fixed, and it dies when the hazard that its Sertoli cell has counted passes a threshold that is fixed. Only what is
due is worked on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.clamp import field_held
from testis_abm.biology.days import BloodDay
from testis_abm.biology.draws import child
from testis_abm.biology.germ import (
    DIES,
    LIVES,
    changed,
    durations,
    feeding,
    freed_share,
    is_freed,
    is_released,
    next_event,
    on_entering,
    rates_fed,
    rates_under,
)
from testis_abm.biology.injury import SIDES
from testis_abm.biology.kinetics import lh_response, shielded_inhibition
from testis_abm.biology.lesions import ailing
from testis_abm.biology.leydig import aromatise, leydig_aromatase, leydig_day
from testis_abm.biology.sertoli import (
    Response,
    androgen_signal,
    halves,
    inhibin_output,
    lacking,
    niche_aromatase,
    oestrogen_signal,
    responded,
    responses_kept,
    sense,
    signals,
    signals_from,
)
from testis_abm.biology.steps import (
    A_PALE,
    COUNT,
    DAUGHTERS,
    DIPLOTENE,
    ELONGATED_SPERMATID,
    ELONGATING_SPERMATID,
    HAZARD,
    PACHYTENE,
    PRELEPTOTENE,
    RATES,
    ROUND_SPERMATID,
    SECONDARY_SPERMATOCYTE,
    SPERMIATION,
)
from testis_abm.biology.tissue import from_array
from testis_abm.parameters.tubules import ARRESTED, HYALINISED, REDUCED
from testis_abm.support.compile import compiled
from testis_abm.testis.fields import TOGETHER, Weights, conserving, interstitial_fields, ring_field
from testis_abm.testis.geometry import CORNERS
from testis_abm.testis.stem_cells import DECIDED, GONE, Turning, TurnRules, turn_stem_cells
from testis_abm.testis.threads import first_of, last_of, wait

# Rows that the progeny of one cell may need in a step of some days, and daughters that may wait for their turn.
ROOM = 16
_SIDES = len(SIDES)
# Tubules that a kernel takes at a time: what their cells hold fits into the cache of a core.
BLOCK = 16
NOT_BEGUN, BEGUN, DONE = range(3)
# Rows of what Sertoli cells sense: one array, because more than a few that might overlap would keep loops from
# vectorising.
_ANDROGEN, _ADHESION, _FSH, _LACK = range(4)
_SENSED = 4
_NEWBORN = np.dtype(
    [("lineage", np.uint64), ("clone", np.uint64), ("step", np.int64), ("since", np.float64), ("injury", np.float32)]
)


class FieldArrays(NamedTuple):
    """One steroid between the cells, as a kernel takes it (see fields.Kernels, levels.Levels).

    Attributes:
        sources: what the Leydig cells of each interstice make; the last is the empty site, which makes none.
        level: total nmol/L at each niche, (tubules, niches); interstitial: (tubules, 2). free: their free share.
        from_leydig, from_niches: nmol/L that a mean source of 1 gives.
    """

    weights: Weights
    ring: np.ndarray
    neighbours: np.ndarray
    sources: np.ndarray
    level: np.ndarray
    interstitial: np.ndarray
    free: float
    from_leydig: float
    from_niches: float


class Steroids(NamedTuple):
    """Both fields."""

    testosterone: FieldArrays
    oestradiol: FieldArrays


# What the germ line did in a day (cells), and what stands at its end: sections that are live, cells by step.
GERM_DAY = np.dtype(
    [
        *((name, np.int64) for name in ("divided", "round_spermatids", "released", "apoptosis")),
        # Of those lost: spermatids freed into the lumen by type, and elongated ones that were not released.
        *((name, np.int64) for name in ("freed_round", "freed_elongating", "retained")),
        ("injury", np.float64),  # harm that the released sperm carry, summed over them
        ("of_side", np.int64, (_SIDES,)),  # sperm released in each testis
        ("freed_of_side", np.int64, (_SIDES,)),
        ("live", np.float64, (_SIDES,)),  # see `live_shares`
        ("counts", np.int64, (COUNT,)),
    ]
)


class Today(NamedTuple):
    """What is the same for all cells in a step of `dt` days that ends on day `now`.

    Attributes:
        entry: what enters with the blood of each steroid, nmol/L, for the blood of the reference man (levels.Entering).
        change: (2, steps.RATES, 1 or sertoli), a factor of and an addition to each rate that comes from outside.
        numbers: of the tissue, see tissue.as_array.
    """

    blood: BloodDay
    entry: Any
    now: float
    dt: float
    change: np.ndarray
    numbers: np.ndarray


class _Supply(NamedTuple):
    """What turns sources into nmol/L, and room to work in.

    Attributes:
        to_niche, to_interstitium: of the field of the Leydig cells.
        from_niches: of what niches make; beside: nmol/L everywhere besides.
        rows: (TOGETHER, around + 2); made: (around,); round: three times that; section: (around,).
    """

    to_niche: float
    to_interstitium: float
    from_niches: float
    beside: float
    rows: np.ndarray
    made: np.ndarray
    round: np.ndarray
    section: np.ndarray


@compiled(error_model="numpy")
def _supply(field, entry, mean_made, held):
    """Return what spreads a field, its mean as `held`; `entry`: nmol/L with the blood, `mean_made`: by a niche on average."""
    sections, interstices = field.level.shape[0], field.interstitial.size
    around = around_of(field)
    times, added = field_held(field_mean(field.sources, field.from_leydig, entry + mean_made * field.from_niches), held)
    return _Supply(
        field.from_leydig * conserving(field.weights.reach, field.sources, 0, sections * around) * times,
        field.from_leydig * conserving(field.weights.reach, field.sources, 1, interstices) * times,
        field.from_niches * times,
        entry * times + added,
        np.empty((TOGETHER, around + field.interstitial.shape[1])),
        np.empty(around),
        np.empty(3 * around),
        np.empty(around),
    )


@compiled(error_model="numpy")
def around_of(field):
    """Return the niches around a section."""
    return field.weights.of.shape[1] - field.interstitial.shape[1]


@compiled(error_model="numpy")
def shape_of(field):
    """Return the sections along a tubule and the niches around each."""
    around = around_of(field)
    return field.level.shape[1] // around, around


@compiled(error_model="numpy")
def field_mean(sources, from_leydig, beside):
    """Return the mean of a field at the niches, nmol/L: as fields conserve mass, that of its sources and what is `beside`."""
    total = 0.0
    for corner in range(sources.size - 1):
        total += sources[corner]
    return from_leydig * (total / (sources.size - 1)) + beside


@compiled(error_model="numpy")
def secrete(leydig, steroids, today):
    """Advance every Leydig cell by the days of `today`; put its testosterone into the sources."""
    p, blood = from_array(today.numbers), today.blood
    local, free = steroids.oestradiol.interstitial.reshape(-1), steroids.oestradiol.free
    sources = steroids.testosterone.sources
    sources[:] = 0.0
    for i in range(leydig.size.size):
        corner = leydig.corner[i]
        leydig.capacity[i], leydig.aromatase_expression[i], leydig.testosterone_secretion[i] = leydig_day(
            leydig.capacity[i],
            leydig.aromatase_expression[i],
            leydig.size[i],
            local[corner] * free,
            blood.lh_activity,
            blood.open_lyase,
            p,
            today.dt,
        )
        sources[corner] += leydig.testosterone_secretion[i]


@compiled(error_model="numpy")
def aromatise_leydig(leydig, steroids, today):
    """Make oestradiol in every Leydig cell from the local free testosterone; put it into the sources."""
    p, inhibitor = from_array(today.numbers), today.blood.inhibitor
    local, free = steroids.testosterone.interstitial.reshape(-1), steroids.testosterone.free
    sources = steroids.oestradiol.sources
    sources[:] = 0.0
    for i in range(leydig.size.size):
        corner = leydig.corner[i]
        activity = leydig_aromatase(leydig.size[i], leydig.aromatase_expression[i], p)
        leydig.oestradiol_secretion[i] = aromatise(activity, local[corner] * free, inhibitor, p)
        sources[corner] += leydig.oestradiol_secretion[i]


@compiled(error_model="numpy")
def testosterone_and_aromatase(sertoli, field, today, first, last):
    """Spread testosterone over tubules `first` to `last`; let their niches make oestradiol from it."""
    p, inhibitor = from_array(today.numbers), today.blood.inhibitor
    entry = today.entry.testosterone * today.blood.free_testosterone
    per, around = field.level.shape[1], around_of(field)
    supply = _supply(field, entry, 0.0, today.blood.held_testosterone)
    activity = np.empty(BLOCK * per)
    for begin in range(first, last, BLOCK):
        end = min(begin + BLOCK, last)
        for four in range(begin, end, TOGETHER):
            beyond = min(four + TOGETHER, end)
            interstitial_fields(four, beyond, field.weights, field.neighbours, field.sources, supply.rows)
            for tubule in range(four, beyond):
                row, level = supply.rows[tubule - four], field.level[tubule]
                for k in range(field.interstitial.shape[1]):
                    field.interstitial[tubule, k] = row[around + k] * supply.to_interstitium + supply.beside
                for section in range(0, per, around):
                    here = level[section : section + around]
                    for k in range(around):
                        here[k] = row[k] * supply.to_niche + supply.beside
        # Cut out, so that no index can be below zero, which would keep the loops from vectorising; few columns in a
        # loop, because more than a few that might overlap would do so too.
        level = field.level.reshape(-1)[begin * per : end * per]
        local = sertoli.local_testosterone[begin * per : end * per]
        made = sertoli.oestradiol_secretion[begin * per : end * per]
        _activity(sertoli.counts[begin * per : end * per], p, activity)
        for k in range(level.size):
            local[k] = level[k] * field.free
        for k in range(level.size):
            made[k] = aromatise(activity[k], local[k], inhibitor, p)
        _silence(sertoli, made, begin, end)


@compiled(error_model="numpy")
def _silence(sertoli, made, begin, end):
    """Let what is hyalinised of tubules `begin` to `end` make nothing of what is `made` by niche."""
    first = begin * (made.size // (end - begin))
    for k in range(made.size):
        if sertoli.state[first + k] == HYALINISED:
            made[k] = 0.0


class ByClass(NamedTuple):
    """Germ cells with aromatase, by class."""

    spermatocytes: np.int32
    spermatids: np.int32
    elongated: np.int32


@compiled(error_model="numpy")
def _activity(counts, p, activity):
    """Write the aromatase activity of Sertoli cells with such `counts` (n, steps) of germ cells into `activity`."""
    for i in range(counts.shape[0]):
        germ = by_class(counts[i])
        activity[i] = niche_aromatase(germ.spermatocytes, germ.spermatids, germ.elongated, p)


@compiled(error_model="numpy")
def by_class(counts):
    """Return the germ cells of a Sertoli cell by class, from its counts by step."""
    spermatocytes = np.int32(0)
    for step in range(PRELEPTOTENE, ROUND_SPERMATID):
        spermatocytes += np.int32(counts[step])
    elongated = np.int32(counts[ELONGATING_SPERMATID]) + np.int32(counts[ELONGATED_SPERMATID])
    return ByClass(np.int32(spermatocytes), np.int32(counts[ROUND_SPERMATID]), np.int32(elongated))


@compiled(error_model="numpy")
def food(counts, per, round_section, near):
    """Write the germ cells that call forth inhibin B, per Sertoli cell among it and its neighbours, into `near` (n,).

    Neighbours are the eight around it, fewer at the closed ends of a tubule.

    Args:
        counts: (n, steps), of whole tubules of `per` Sertoli cells each, of which `round_section` lie in a ring.
    """
    own, beside = np.empty(per, np.int64), np.empty(per, np.int64)
    for first in range(0, counts.shape[0], per):
        for k in range(per):
            cells = np.int64(0)
            for step in range(PACHYTENE, ROUND_SPERMATID + 1):
                cells += counts[first + k, step]
            own[k] = cells
        for row in range(0, per, round_section):
            for k in range(round_section):
                left, right = k - 1 if k > 0 else round_section - 1, k + 1 if k + 1 < round_section else 0
                beside[row + k] = own[row + left] + own[row + k] + own[row + right]
        for row in range(0, per, round_section):
            for k in range(row, row + round_section):
                cells, niches = beside[k], 3
                if row > 0:
                    cells, niches = cells + beside[k - round_section], niches + 3
                if row + round_section < per:
                    cells, niches = cells + beside[k + round_section], niches + 3
                near[first + k] = cells / niches


@compiled(error_model="numpy")
def _respond(response, level, felt, kept):
    for k in range(level.size):
        response[k] = responded(response[k], level[k] * felt, kept)


@compiled(error_model="numpy")
def _sense(level, sensitivity, exponent, sensed):
    """Write `sense` into `sensed`: a loop of its own for the usual exponent, which then vectorises."""
    if exponent == 3.0:
        for k in range(level.size):
            sensed[k] = sense(level[k], sensitivity, 3.0)
    else:
        for k in range(level.size):
            sensed[k] = sense(level[k], sensitivity, exponent)


@compiled(error_model="numpy")
def _oestradiol(sertoli, field, supply, mean_made, first, last):
    """Spread oestradiol over tubules `first` to `last`."""
    per, around, made, there = field.level.shape[1], around_of(field), supply.made, supply.section
    for four in range(first, last, TOGETHER):
        beyond = min(four + TOGETHER, last)
        interstitial_fields(four, beyond, field.weights, field.neighbours, field.sources, supply.rows)
        for tubule in range(four, beyond):
            row, level = supply.rows[tubule - four], field.level[tubule]
            for k in range(field.interstitial.shape[1]):
                by_leydig = row[around + k] * supply.to_interstitium
                field.interstitial[tubule, k] = by_leydig + mean_made * supply.from_niches + supply.beside
            for section in range(0, per, around):
                first_niche = tubule * per + section
                by_niches = sertoli.oestradiol_secretion[first_niche : first_niche + around]
                here = level[section : section + around]
                for k in range(around):
                    there[k] = row[k] * supply.to_niche
                    made[k] = by_niches[k] * supply.from_niches
                ring_field(field.ring, made, supply.round, there)
                for k in range(around):
                    here[k] = there[k] + supply.beside


def _storing(last):
    """Return what writes the values 0 to `last` of a tuple into column `k` of `rows`.

    One by one: an index into a tuple that is not a constant would keep the loop around it from vectorising.
    """
    before = _storing(last - 1) if last > 0 else None

    @register_jitable
    def store(rows, k, values):
        if before is not None:
            before(rows, k, values)
        rows[last, k] = values[last]

    return store


_store_rates = _storing(len(RATES) - 1)


@compiled(error_model="numpy")
def _support(sertoli, field, today, half, sensed, first, last):
    """Let the Sertoli cells of tubules `first` to `last` respond and renew what they set; `sensed`: room, (4, block)."""
    p = from_array(today.numbers)
    receptor, change, pressure = p.receptor, today.change, today.blood.back_pressure
    per = field.level.shape[1]
    begin, end = first * per, last * per
    flat, local = field.level.reshape(-1)[begin:end], sertoli.local_oestradiol[begin:end]
    for k in range(local.size):
        local[k] = flat[k] * field.free
    kept = responses_kept(p, today.dt)
    androgen, adhesion = sertoli.androgen[begin:end], sertoli.adhesion[begin:end]
    fsh, lack = sertoli.fsh[begin:end], sertoli.lack[begin:end]
    testosterone, felt = sertoli.local_testosterone[begin:end], today.blood.open_receptor
    _respond(androgen, testosterone, felt, kept.androgen)
    _respond(adhesion, testosterone, felt, kept.adhesion)
    for k in range(fsh.size):
        fsh[k] = responded(fsh[k], today.blood.fsh_iu_l, kept.fsh)
    for k in range(lack.size):
        lack[k] = responded(lack[k], lacking(local[k], p), kept.lack)
    inhibin, germ = sertoli.inhibin[begin:end], np.empty(end - begin)
    food(sertoli.counts[begin:end], per, around_of(field), germ)
    for k in range(fsh.size):
        inhibin[k] = inhibin_output(fsh[k], germ[k], p)
    _silence(sertoli, inhibin, first, last)
    _sense(androgen, receptor.androgen_sensitivity, receptor.androgen_exponent, sensed[_ANDROGEN])
    _sense(adhesion, receptor.androgen_sensitivity, receptor.androgen_exponent, sensed[_ADHESION])
    for k in range(fsh.size):
        sensed[_FSH, k], sensed[_LACK, k] = fsh[k], lack[k]
    # FSH is mostly the same everywhere, and what it feeds takes roots.
    alike = True
    for k in range(fsh.size):
        alike &= fsh[k] == fsh[0]
    first_cell = Response(androgen[0], adhesion[0], fsh[0], lack[0])
    fed = feeding(signals_from(first_cell, pressure, half, p).fsh, p)
    for tubule in range(first, last):
        rates = sertoli.rates[tubule]
        here = sensed[:, (tubule - first) * per : (tubule - first + 1) * per]
        if alike:
            for k in range(per):
                response = Response(here[_ANDROGEN, k], here[_ADHESION, k], here[_FSH, k], here[_LACK, k])
                _store_rates(rates, k, rates_fed(signals_from(response, pressure, half, p), fed, p))
        else:
            for k in range(per):
                response = Response(here[_ANDROGEN, k], here[_ADHESION, k], here[_FSH, k], here[_LACK, k])
                _store_rates(rates, k, rates_under(signals_from(response, pressure, half, p), p))
        for k in range(per):
            state = sertoli.state[tubule * per + k]
            if state in (REDUCED, ARRESTED):
                for rate in range(len(RATES)):
                    rates[rate, k] = ailing(rate, rates[rate, k], state, p)
        if change.size > 0:
            for rate in range(len(RATES)):
                for k in range(per):
                    one = tubule * per + k if change.shape[2] > 1 else 0
                    rates[rate, k] = changed(rate, rates[rate, k], change[0, rate, one], change[1, rate, one])


@compiled(error_model="numpy")
def oestradiol_and_germ_cells(cells, field, today, mean_made, events, first, last):
    """Spread oestradiol over tubules `first` to `last`; let their Sertoli cells respond, and their germ cells live.

    Some tubules at a time, so that what a Sertoli cell sets is still near when its germ cells ask for it. `mean_made`:
    oestradiol that a niche makes on average, for the interstices.
    """
    half, entry = halves(from_array(today.numbers)), today.entry.oestradiol * today.blood.oestradiol
    supply = _supply(field, entry, mean_made, today.blood.held_oestradiol)
    sensed = np.empty((_SENSED, BLOCK * field.level.shape[1]))
    for begin in range(first, last, BLOCK):
        end = min(begin + BLOCK, last)
        _oestradiol(cells.sertoli, field, supply, mean_made, begin, end)
        _support(cells.sertoli, field, today, half, sensed, begin, end)
        live(cells, events, today, shape_of(field), begin, end)


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
def soma_and_germ_cells(cells, steroids, today, events, crew):
    """Advance Leydig cells, fields and Sertoli cells by the days of `today`, and germ cells that have not yet lived them."""
    tubules = cells.germ.count.size
    first, last = first_of(crew, tubules), last_of(crew, tubules)
    if crew.rank == 0:
        secrete(cells.leydig, steroids, today)
    wait(crew)
    testosterone_and_aromatase(cells.sertoli, steroids.testosterone, today, first, last)
    wait(crew)
    if crew.rank == 0:
        aromatise_leydig(cells.leydig, steroids, today)
    mean_made = mean(cells.sertoli.oestradiol_secretion)
    wait(crew)
    oestradiol_and_germ_cells(cells, steroids.oestradiol, today, mean_made, events, first, last)
    wait(crew)


@compiled(error_model="numpy")
def whole_day(cells, steroids, today, events, crew):
    """Let all cells live a day; return whether all tubules had room for it."""
    soma_and_germ_cells(cells, steroids, today, events, crew)
    return all_done(events)


@compiled(error_model="numpy")
def clear(events):
    """Begin a day on which nothing has happened yet."""
    events.deaths[:, :] = 0
    events.completed[:, :] = 0
    events.freed[:, :] = 0
    events.released[:] = 0
    events.retained[:] = 0
    events.injury[:] = 0.0
    events.progress[:] = NOT_BEGUN


@compiled(error_model="numpy")
def all_done(events):
    """Return whether all tubules had room for the day."""
    done = True
    for tubule in range(events.progress.size):
        done &= events.progress[tubule] == DONE
    return done


@compiled(error_model="numpy")
def germ_cells(cells, today, events, shape, crew):
    """Let the germ cells that have not yet done so live the days of `today`; return whether all tubules had room for it.

    `shape`: sections along a tubule, niches around each.
    """
    tubules = cells.germ.count.size
    live(cells, events, today, shape, first_of(crew, tubules), last_of(crew, tubules))
    wait(crew)
    return all_done(events)


@compiled(error_model="numpy")
def germ_days(cells, today, events, shape, rows, day, begun, crew):
    """Let the germ cells live days under support that stands still; fill in `rows` (GERM_DAY) from `day` on.

    `today` is the day before the first of `rows`. Returns the number of days lived: fewer if a tubule runs out of room
    within a day, which is then `begun`.
    """
    while day < rows.size:
        if not begun and crew.rank == 0:
            clear(events)
        wait(crew)
        now = Today(today.blood, today.entry, today.now + day + 1.0, today.dt, today.change, today.numbers)
        if not germ_cells(cells, now, events, shape, crew):
            return day
        begun = False
        if crew.rank == 0:
            tell(events, cells.sertoli, shape, rows[day])
        wait(crew)
        day += 1
    return day


@compiled(error_model="numpy")
def _goes_free(sertoli, today, tubule, niche, step, lineage):
    """Return whether a spermatid that dies (germ.HOLDING_ON) goes into the lumen, 1 or 0."""
    p, cell = from_array(today.numbers), tubule * (sertoli.state.size // sertoli.rates.shape[0]) + niche
    hazard, stop = sertoli.rates[tubule, HAZARD + step, niche], ailing(HAZARD + step, 0.0, sertoli.state[cell], p)
    share = freed_share(androgen_signal(sertoli.adhesion[cell], p), hazard, stop, p)
    return np.int64(is_freed(lineage, step, share))


@compiled(error_model="numpy")
def live(cells, events, today, shape, first, last):
    """Let the germ cells of tubules `first` to `last` live the days of `today`.

    Stem cells whose cycle ends turn first, all of a tubule together. Then each cell from the last row to the first: its
    first descendant takes its row, the others go behind, the last row fills the place of a cell that is lost. A tubule that
    runs out of rows is left before the next cell and not marked done: give it room and call again, and it goes on where it
    was. `shape`: sections along a tubule, niches around each.

    One function on purpose: passing the columns on to another costs more than most cells' day.
    """
    p = from_array(today.numbers)
    numbers, niche_numbers = p.germ, p.niche
    now, dt = today.now, today.dt
    mean_days = np.array(durations(p))
    variation, clonal_death = numbers.duration_variation, numbers.clonal_death
    germ, sertoli = cells.germ, cells.sertoli
    # Taken out once: an array taken out of a tuple within the loop would be counted there.
    lineages, niches, steps, turns = germ.lineage, germ.niche, germ.step, germ.turn
    shares, clones, ends_on, thresholds = germ.share, germ.clone, germ.ends, germ.threshold
    founders, injuries, start, count = germ.founder, germ.injury, germ.start, germ.count
    gathered, rates, counts = sertoli.gathered, sertoli.rates, sertoli.counts
    progress, deaths, completed, freed = events.progress, events.deaths, events.completed, events.freed
    released, retained, carried = events.released, events.retained, events.injury
    newborn = np.empty(ROOM, _NEWBORN)
    per = counts.shape[0] // count.size
    widest = 0
    for tubule in range(first, last):
        widest = max(widest, start[tubule + 1] - start[tubule])
    due, decided = np.empty(widest + 1, np.int64), np.empty(0, DECIDED)
    turning = Turning(
        lineages,
        niches,
        steps,
        turns,
        shares,
        clones,
        founders,
        ends_on,
        thresholds,
        injuries,
        gathered,
        rates,
        counts,
        sertoli.phase,
        sertoli.able,
        sertoli.blocked_until,
        completed,
        deaths,
        np.empty(per),
    )
    for tubule in range(first, last):
        if progress[tubule] == NOT_BEGUN:
            for one in range(COUNT):
                for k in range(per):
                    gathered[tubule, one, k] += rates[tubule, HAZARD + one, k] * dt
            progress[tubule] = BEGUN
        if progress[tubule] == DONE:
            continue
        begin, wall = start[tubule], tubule * per
        top = begin + count[tubule]
        # Unsigned, so that no index needs a look at its sign.
        listed = np.uint64(0)
        for i in range(np.uint64(begin), np.uint64(top)):
            due[listed] = i
            counted = gathered[np.uint64(tubule), np.uint64(steps[i]), np.uint64(niches[i])]
            listed += np.uint64((ends_on[i] <= now) | (thresholds[i] <= counted))
        stem_cells = np.int64(0)
        for one in range(np.int64(listed)):
            stem_cells += np.int64(steps[due[one]] <= A_PALE)
        if stem_cells > 0:
            if decided.size < stem_cells:
                decided = np.empty(2 * stem_cells, DECIDED)
            before = top
            rows, end = due[: np.int64(listed)], start[tubule + 1]
            rules = TurnRules(numbers, niche_numbers, mean_days, now, dt)
            top = turn_stem_cells(turning, rules, shape, tubule, rows, top, end, decided)
            if top < 0:
                continue
            for i in range(np.uint64(before), np.uint64(top)):
                due[listed] = i
                counted = gathered[np.uint64(tubule), np.uint64(steps[i]), np.uint64(niches[i])]
                listed += np.uint64((ends_on[i] <= now) | (thresholds[i] <= counted))
            count[tubule] = top - begin
        enough = True
        for next_due in range(np.int64(listed) - 1, -1, -1):
            if top + ROOM > start[tubule + 1]:
                enough = False
                break
            row = due[next_due]
            lineage, clone = lineages[row], np.uint64(clones[row])
            step, niche = np.int64(steps[row]), np.int64(niches[row])
            ends, threshold = float(ends_on[row]), float(thresholds[row])
            if step <= A_PALE:  # its turn is over; it has left, or dies of a hazard
                gone = ends == GONE
                if not gone:
                    event, when = next_event(
                        ends, threshold, gathered[tubule, step, niche], rates[tubule, HAZARD + step, niche], now
                    )
                    gone = event == DIES
                    if gone:
                        deaths[tubule, step] += 1
                        counts[wall + niche, step] -= 1
                if gone:
                    top -= 1
                    lineages[row] = lineages[top]
                    niches[row] = niches[top]
                    steps[row] = steps[top]
                    turns[row] = turns[top]
                    shares[row] = shares[top]
                    clones[row] = clones[top]
                    founders[row] = founders[top]
                    injuries[row] = injuries[top]
                    ends_on[row] = ends_on[top]
                    thresholds[row] = thresholds[top]
                continue
            founder, injury = founders[row], injuries[row]
            counts[wall + niche, step] -= 1
            waiting = 0
            place = row
            while True:
                alive = True
                while True:
                    event, when = next_event(
                        ends, threshold, gathered[tubule, step, niche], rates[tubule, HAZARD + step, niche], now
                    )
                    if event == LIVES:
                        break
                    if event == DIES:
                        deaths[tubule, step] += 1
                        if step in (ROUND_SPERMATID, ELONGATING_SPERMATID):
                            freed[tubule, step] += _goes_free(sertoli, today, tubule, niche, step, lineage)
                        alive = False
                        break
                    completed[tubule, step] += 1
                    if step == ELONGATED_SPERMATID:
                        if is_released(lineage, rates[tubule, SPERMIATION, niche]):
                            released[tubule] += 1
                            carried[tubule] += injury
                        else:
                            retained[tubule] += 1
                        alive = False
                        break
                    else:
                        if DAUGHTERS[step] == 2:
                            newborn[waiting].lineage = child(lineage, 1)
                            newborn[waiting].clone = clone
                            newborn[waiting].step = step + 1
                            newborn[waiting].since = when
                            newborn[waiting].injury = injury
                            waiting += 1
                            lineage = child(lineage, 0)
                        step += 1
                        days, budget = on_entering(lineage, clone, step, mean_days, variation, clonal_death)
                        ends = when + days
                        threshold = budget + (
                            gathered[tubule, step, niche] - rates[tubule, HAZARD + step, niche] * (now - when)
                        )
                if alive:
                    if place < 0:
                        place = top
                        top += 1
                    lineages[place] = lineage
                    if place != row:
                        niches[place] = niche
                        clones[place] = clone
                        founders[place] = founder
                        injuries[place] = injury
                        turns[place] = 0
                        shares[place] = 0.0
                    steps[place] = step
                    ends_on[place] = ends
                    thresholds[place] = threshold
                    counts[wall + niche, step] += 1
                    place = -1
                if waiting == 0:
                    break
                waiting -= 1
                lineage, clone = newborn[waiting].lineage, newborn[waiting].clone
                step, when, injury = newborn[waiting].step, newborn[waiting].since, newborn[waiting].injury
                days, budget = on_entering(lineage, clone, step, mean_days, variation, clonal_death)
                ends = when + days
                threshold = budget + (
                    gathered[tubule, step, niche] - rates[tubule, HAZARD + step, niche] * (now - when)
                )
            if place >= 0:
                top -= 1
                lineages[place] = lineages[top]
                niches[place] = niches[top]
                steps[place] = steps[top]
                turns[place] = turns[top]
                shares[place] = shares[top]
                clones[place] = clones[top]
                founders[place] = founders[top]
                ends_on[place] = ends_on[top]
                thresholds[place] = thresholds[top]
                injuries[place] = injuries[top]
        count[tubule] = top - begin
        if enough:
            progress[tubule] = DONE


@compiled(error_model="numpy")
def report(cells, steroids, today, leydig_weight, made):
    """Set what the testes did in a day (TESTIS); `leydig_weight`: ideal over actual number of Leydig cells."""
    p, blood, leydig, sertoli = from_array(today.numbers), today.blood, cells.leydig, cells.sertoli
    left, per = blood.aromatase_left, sertoli.counts.shape[0] // cells.germ.count.size
    there = mean(sertoli.present)
    # The means are of the testes that are there, and of both where none is: these then make nothing.
    none = 1.0 if there == 0.0 else 0.0
    n, m = 0.0, 0.0
    secreted, oestradiol_made = 0.0, 0.0
    for i in range(leydig.size.size):
        weight = sertoli.present[leydig.corner[i] // CORNERS * per] + none
        n += weight
        secreted += weight * leydig.testosterone_secretion[i]
        oestradiol_made += weight * leydig.oestradiol_secretion[i]
    androgen, adhesion, fsh, lack = 0.0, 0.0, 0.0, 0.0
    inhibin, in_niche, mean_t, mean_e2 = 0.0, 0.0, 0.0, 0.0
    spermatocytes, spermatids, elongated, standing = 0, 0, 0, 0.0
    at_niche_t, at_niche_e2 = steroids.testosterone.level.reshape(-1), steroids.oestradiol.level.reshape(-1)
    free = steroids.testosterone.free
    for i in range(sertoli.present.size):
        weight = sertoli.present[i] + none
        m += weight
        androgen += weight * sertoli.androgen[i]
        adhesion += weight * sertoli.adhesion[i]
        fsh += weight * sertoli.fsh[i]
        lack += weight * sertoli.lack[i]
        inhibin += weight * sertoli.inhibin[i]
        in_niche += weight * sertoli.oestradiol_secretion[i]
        mean_t += weight * at_niche_t[i]
        mean_e2 += weight * at_niche_e2[i]
        standing += weight if sertoli.state[i] != HYALINISED else 0.0
        germ_cells = by_class(sertoli.counts[i])
        spermatocytes += germ_cells.spermatocytes
        spermatids += germ_cells.spermatids
        elongated += germ_cells.elongated
    response = Response(androgen / m, adhesion / m, fsh / m, lack / m)
    in_niche, mean_t, mean_e2 = in_niche / m, (1.0 - none) * (mean_t / m), (1.0 - none) * (mean_e2 / m)
    in_leydig = in_niches = 1.0 - left
    if blood.inhibitor > 0.0:
        local, total = np.empty(leydig.size.size), steroids.testosterone.interstitial.reshape(-1)
        for i in range(leydig.size.size):
            local[i] = total[leydig.corner[i]] * free
        in_leydig = inhibited_share(local, p.aromatase.aromatase_km, blood.inhibitor, left)
        in_niches = inhibited_share(sertoli.local_testosterone, p.aromatase.aromatase_km, blood.inhibitor, left)
    germ = spermatocytes / m * p.aromatase.spermatocyte_aromatase + spermatids / m * p.aromatase.spermatid_aromatase
    germ += elongated / m * p.aromatase.elongated_aromatase
    share = germ / (germ + p.aromatase.sertoli_aromatase * (standing / m)) if germ > 0.0 else 0.0
    by_leydig = there * (leydig_weight * (oestradiol_made / n) * leydig.size.size / sertoli.present.size)
    by_sertoli, by_germ = there * (in_niche * (1.0 - share)), there * (in_niche * share)
    whole = by_leydig + by_sertoli + by_germ
    open_whole = by_leydig / max(1.0 - in_leydig, 1e-12) + (by_sertoli + by_germ) / max(1.0 - in_niches, 1e-12)
    inhibition = 1.0 - whole / open_whole if open_whole > 0.0 else 0.0
    signal, oestradiol = signals(response, blood.back_pressure, p), mean_e2 * steroids.oestradiol.free
    made.secretory_capacity = there * (
        secreted / n / lh_response(blood.lh_activity, p.leydig.lh_saturation, p.leydig.basal_secretion)
    )
    made.oestradiol_output, made.inhibin_output = whole, there * (inhibin / m)
    made.testosterone_nmol_l, made.oestradiol_nmol_l = mean_t, mean_e2
    made.aromatase_inhibition, made.leydig_inhibition, made.niche_inhibition = inhibition, in_leydig, in_niches
    made.from_leydig, made.from_sertoli, made.from_germ = by_leydig, by_sertoli, by_germ
    made.androgen_signal, made.fsh_signal = signal.androgen, signal.fsh
    made.er_alpha_signal = oestrogen_signal(oestradiol, p.receptor.er_alpha_sensitivity, p)
    made.er_beta_signal = oestrogen_signal(oestradiol, p.receptor.er_beta_sensitivity, p)
    made.aromatase_access = p.aromatase.aromatase_km / (p.aromatase.aromatase_km + mean_t * free)
    made.androgen, made.adhesion, made.fsh, made.lack = (
        response.androgen,
        response.adhesion,
        response.fsh,
        response.lack,
    )


@compiled(error_model="numpy")
def settle_soma(cells, steroids, today, events, leydig_weight, made, crew):
    """Advance all but the germ cells by the days of `today`; set what the testes then do, `made` (1,) of TESTIS."""
    if crew.rank == 0:
        events.progress[:] = DONE  # so the germ cells stay as they are
    soma_and_germ_cells(cells, steroids, today, events, crew)
    if crew.rank == 0:
        report(cells, steroids, today, leydig_weight, made[0])


@compiled(error_model="numpy")
def report_day(cells, steroids, today, leydig_weight, made):
    """Set what the testes did in a day (see report), `made` (1,) of TESTIS."""
    report(cells, steroids, today, leydig_weight, made[0])


@compiled(error_model="numpy")
def tell(events, sertoli, shape, row):
    """Set what the germ line did in a day of such `events`, and what stands at its end (GERM_DAY); `shape` as `live` takes it."""
    divided, second, released, lost, injury = 0, 0, 0, 0, 0.0
    row.of_side[:], row.freed_of_side[:] = 0, 0
    freed_round, freed_elongating, retained = 0, 0, 0
    for tubule in range(events.released.size):
        divided += events.completed[tubule, DIPLOTENE]
        second += events.completed[tubule, SECONDARY_SPERMATOCYTE]
        released += events.released[tubule]
        row.of_side[tubule % _SIDES] += events.released[tubule]
        injury += events.injury[tubule]
        freed_round += events.freed[tubule, ROUND_SPERMATID]
        freed_elongating += events.freed[tubule, ELONGATING_SPERMATID]
        row.freed_of_side[tubule % _SIDES] += events.freed[tubule, ROUND_SPERMATID]
        row.freed_of_side[tubule % _SIDES] += events.freed[tubule, ELONGATING_SPERMATID]
        retained += events.retained[tubule]
        lost += events.retained[tubule]
        for step in range(COUNT):
            lost += events.deaths[tubule, step]
    row.divided, row.round_spermatids, row.released, row.apoptosis = divided, 2 * second, released, lost
    row.freed_round, row.freed_elongating, row.retained = freed_round, freed_elongating, retained
    row.injury = injury
    live_shares(sertoli, shape, row.live)
    totals = step_totals(sertoli.counts)
    for step in range(COUNT):
        row.counts[step] = totals[step]


@compiled(error_model="numpy")
def live_shares(sertoli, shape, live):
    """Fill in for each testis, (sides,), which share of the sections that could let germ cells pass hold any.

    `shape`: sections along a tubule, niches around each; left and right tubules take turns. What the man's own lesion leaves of sections
    that could is known of him (tubules.live): a tissue of few tubules may have none of it in one testis.
    """
    around = shape[1]
    per = shape[0] * around
    for side in range(_SIDES):
        could, hold = 0, 0
        for tubule in range(side, sertoli.state.size // per, _SIDES):
            for first in range(tubule * per, (tubule + 1) * per, around):
                if sertoli.present[first] > 0.0 and sertoli.state[first] <= REDUCED:
                    could += 1
                    hold += _any_cell(sertoli.counts[first : first + around])
        live[side] = hold / could if could > 0 else 0.0


@compiled(error_model="numpy")
def _any_cell(counts):
    for i in range(counts.shape[0]):
        for step in range(COUNT):
            if counts[i, step] > 0:
                return True
    return False


@compiled(error_model="numpy")
def tell_day(events, sertoli, shape, rows):
    """Do `tell` for the one row of `rows`."""
    tell(events, sertoli, shape, rows[0])


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
