"""The mean cell of each kind: Leydig, Sertoli and, by days since their clone was founded, germ cells.

Compiled from the same rules that move single cells (biology/leydig.py, sertoli.py, germ.py). Leydig and Sertoli cells
are one of each; A-dark and A-pale are two numbers a niche; their clones are a flow through ages, thinned by the hazards of
their step. Means hold while many stem cells are left; few, their foci and their drift need cells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.clamp import kept
from testis_abm.biology.germ import aromatase, durations, rates_under
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
    FED,
    HAZARD,
    PACHYTENE,
    ROUND_SPERMATID,
    SECONDARY_SPERMATOCYTE,
    SPERMIATION,
)
from testis_abm.parameters.tubules import COMPLETE, GERMINAL, REDUCED

AGES = 72  # days a clone may be old: longer than B spermatogonium to release at the longest durations

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
    now = sertoli_day(response_of(soma), free, soma[LOCAL_OESTRADIOL], blood.fsh_iu_l, p, dt)
    soma[ANDROGEN], soma[ADHESION], soma[FSH], soma[LACK] = now
    return Made(
        secretion / lh_response(blood.lh_activity, p.leydig.lh_saturation),
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
def weight(state, scale):
    """Return the share of the man's tubules in a state that holds germ cells."""
    if state == COMPLETE:
        return scale.complete
    return scale.reduced if state == REDUCED else scale.arrested


@register_jitable
def over_tubules(counts, step, scale):
    """Return germ cells of a type per Sertoli cell of all tubules, of `counts` (tubules.GERMINAL, steps) by state."""
    cells = 0.0
    for state in range(GERMINAL):
        cells += weight(state, scale) * counts[state, step]
    return cells


@register_jitable
def inhibin(fsh, counts, p, scale):
    """Return the inhibin B of all Sertoli cells, each in a tubule of its own state."""
    left = 1.0 - scale.hyalinised
    made = 0.0
    for state in range(GERMINAL):
        share = weight(state, scale)
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
def ailing_rates(rates, state, p, ailed):
    """Write `rates` as Sertoli cells set them in a tubule of that state into `ailed` (rates,)."""
    for rate in range(ailed.size):
        ailed[rate] = ailing(rate, rates[rate], state, p)


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


@register_jitable
def survival_on(day, rates, spent):
    """Return the share that lives through one day of age."""
    hazard = 0.0
    for step in range(B_SPERMATOGONIUM, COUNT):
        hazard += spent[day, step] * rates[HAZARD + step]
    return math.exp(-hazard)


@register_jitable
def stationary(founders, rates, spent, last):
    """Fill `founders` (ages,) with what one turn of the germ line holds when `rates` never change."""
    flow = founders[0]
    for day in range(last):
        founders[day] = flow
        flow *= survival_on(day, rates, spent)
    return flow


@register_jitable
def germ_day(founders, founded, rates, spent, descendants, last):
    """Let the germ cells live a day; return sperm released per Sertoli cell.

    `founders` (ages,) are B spermatogonia, thinned by what their descendants have lost, by day of age; `founded` new
    ones enter.
    """
    ripe = founders[last - 1] * survival_on(last - 1, rates, spent)
    for day in range(last - 1, 0, -1):
        founders[day] = founders[day - 1] * survival_on(day - 1, rates, spent)
    founders[0] = founded
    return ripe * descendants[ELONGATED_SPERMATID] * rates[SPERMIATION]


@register_jitable
def count_steps(founders, spent, descendants, last, stem, counts):
    """Fill `counts` (steps,) with germ cells per Sertoli cell, of which each has `stem` (2,) A-dark and A-pale."""
    counts[:] = 0.0
    counts[A_DARK], counts[A_PALE] = stem[A_DARK], stem[A_PALE]
    for day in range(last):
        for step in range(B_SPERMATOGONIUM, COUNT):
            counts[step] += founders[day] * spent[day, step] * descendants[step]


@register_jitable
def resting_stem_cells(stem, rates, p):
    """Fill `stem` (2,) with the A-dark and A-pale of a niche that has long stood under `rates`: as many A-pale as it feeds."""
    stem[A_PALE] = resting_a_pale(rates[FED], p.niche)
    stem[A_DARK] = resting_a_dark(stem[A_PALE], rates[COMMITMENT], p.niche)


@register_jitable
def stem_cell_day(stem, rates, p):
    """Let the stem cells of a niche, (2,) A-dark and A-pale, live a day under `rates` (see niche.mean_cycle)."""
    pale, dark = mean_cycle(stem[A_PALE], stem[A_DARK], rates[FED], rates[COMMITMENT], p.niche)
    stem[A_PALE] = max(0.0, stem[A_PALE] + pale / p.germ.cycle_days)
    stem[A_DARK] = max(0.0, stem[A_DARK] + dark / p.germ.cycle_days)


@register_jitable
def clones_founded(commitments, committed, p):
    """Return B spermatogonia founded today per Sertoli cell; keep what A-pale decide today for a cycle hence.

    Args:
        commitments: (days of a cycle,), clones that the A-pale of a niche committed to on each day of the last cycle, per
            cycle; committed: today.
    """
    then = commitments[commitments.size - 1]
    for day in range(commitments.size - 1, 0, -1):
        commitments[day] = commitments[day - 1]
    commitments[0] = committed
    return 2.0 * then / p.germ.cycle_days


@register_jitable
def kill(stem, founders, spent, survival):
    """Let a share of each type survive, (steps,): of stem cells, and of clones, (tubules.GERMINAL, ages), by the types of each day of age."""
    stem[A_DARK] *= survival[A_DARK]
    stem[A_PALE] *= survival[A_PALE]
    for day in range(founders.shape[1]):
        kept, present = 0.0, 0.0
        for step in range(B_SPERMATOGONIUM, COUNT):
            kept += spent[day, step] * survival[step]
            present += spent[day, step]
        if present > 0.0:
            founders[:, day] *= kept / present
