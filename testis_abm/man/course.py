"""The expected man through time: body, mean cells and tract in one compiled loop, and his rest without a loop over days."""

from __future__ import annotations

import math

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology import axis
from testis_abm.biology.axis import TissueOutput, body_hour, feedback, peripheral_oestradiol, store_target
from testis_abm.biology.kinetics import lh_response, relax
from testis_abm.biology.pharmacology import EXPOSURES, expose
from testis_abm.biology.sertoli import inhibin_output
from testis_abm.biology.steps import COMMITMENT, COUNT, ELONGATED_SPERMATID, SPERMIATION
from testis_abm.biology.tract import CHAIN, dilution, gland_target, motility_target, pressure, transit
from testis_abm.support.compile import compiled
from testis_abm.testis.mean import (
    ANDROGEN,
    FSH,
    LOCAL_OESTRADIOL,
    OESTROGEN,
    Blood,
    Made,
    calendar,
    clones_founded,
    count_steps,
    germ_day,
    normal_share,
    rates_of,
    soma_day,
    stationary,
)

_FAINTEST = 1e-9
_LONG = 1e6  # days in which every first-order response arrives

# State of the tract.
OUTPUT, MOTILITY, BACK_PRESSURE, GLANDS = range(4)
TRACT = 4

# What a day of the expected man is told by.
COLUMNS = (
    "testosterone_nmol_l",
    "free_testosterone_nmol_l",
    "oestradiol_pmol_l",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "shbg_nmol_l",
    "hcg_iu_l",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
    "inhibition_fat",
    "inhibition_testis",
    "testicular_oestradiol_share",
    "released_million",
    "elongated_per_sertoli",
    "back_pressure",
    "collected_million",
    "collected_motile_million",
    "collected_normal_million",
    "glands",
    "bone_oestradiol_pmol_l",
    "androgen",
    "oestrogen",
    "fsh_heard",
    "t_feedback",
    "e2_feedback",
    "bmi",
)
_DAMPING, _TURNS, _SETTLED = 0.25, 4000, 1e-10


@register_jitable
def _settle_germ_line(soma, pressed, p, scale, founders, commitments, spent, descendants, last, counts):
    """Fill the germ line that never changes under the present support; return sperm released per Sertoli cell and day."""
    rates = rates_of(soma, pressed, p)
    commitments[:] = rates[COMMITMENT]
    founders[:] = 0.0
    founders[0] = 2.0 * scale.a_pale * rates[COMMITMENT] / p.germ.cycle_days
    ripe = stationary(founders, rates, spent, last)
    count_steps(founders, spent, descendants, last, scale.a_pale, counts)
    return ripe * descendants[ELONGATED_SPERMATID] * rates[SPERMIATION]


@register_jitable
def find_rest(body, soma, founders, commitments, spent, descendants, last, counts, a, p, scale, t):
    """Bring body, mean cells and germ line to the man's untreated rest; return what the testis makes, and sperm released.

    The steady state solves a fixed point in free testosterone, oestradiol, inhibin B and back-pressure (all relative): each
    turn works out what one level asks of the next and goes part of the way there, on a log scale.
    """
    x, e, b, e_local = 1.0, 1.0, 1.0, 1.0
    soma[LOCAL_OESTRADIOL] = scale.oestradiol * scale.oestradiol_free
    counts[:] = 0.0
    made = Made(1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 0.0)
    released = 0.0
    share_t, share_e = a.testicular_testosterone_share, a.testicular_oestradiol_share
    for _ in range(_TURNS):
        brake_t = feedback(
            x * a.androgen_feedback_sensitivity, a.testosterone_feedback_strength, a.testosterone_feedback_exponent
        )
        brake_e = feedback(
            e * a.oestrogen_feedback_sensitivity, a.oestradiol_feedback_strength, a.oestradiol_feedback_exponent
        )
        drive = a.gnrh_drive * brake_t * brake_e
        store = store_target(drive, a.gonadotroph_store_exponent, a.gonadotroph_store_saturation)
        fsh_store = store_target(drive, a.gonadotroph_store_exponent, a.fsh_store_saturation)
        lh = store * drive
        inhibin_brake = feedback(b, a.inhibin_feedback_strength, a.inhibin_feedback_exponent)
        fsh = a.fsh_secretion * fsh_store * drive * inhibin_brake
        pressed = pressure(e_local, t)
        blood = Blood(max(lh, _FAINTEST), fsh * a.fsh_reference, x, 0.0, pressed, 1.0, 1.0)
        made = soma_day(soma, counts, blood, p, scale, _LONG)
        released = _settle_germ_line(soma, pressed, p, scale, founders, commitments, spent, descendants, last, counts)
        new_x = share_t * made.secretory_capacity * lh_response(lh, p.leydig.lh_saturation) + (1.0 - share_t)
        new_e = share_e * made.oestradiol_output + (1.0 - share_e) * peripheral_oestradiol(x, 0.0, a)
        new_b = inhibin_output(soma[FSH], p)
        far = abs(new_x / x - 1.0) + abs(new_e - e) / (e + 1e-9) + abs(new_b - b) / (b + 1e-9)
        x *= (new_x / x) ** _DAMPING
        e += _DAMPING * (new_e - e)
        b += _DAMPING * (new_b - b)
        e_local = made.oestradiol / scale.oestradiol
        if far < _SETTLED:
            break
    free = x * a.free_testosterone_reference
    by_liver = e
    shbg = (
        a.shbg_production * max(x, 0.02) ** a.shbg_androgen_exponent * max(by_liver, 0.02) ** a.shbg_oestrogen_exponent
    )
    total = free * (1.0 + a.albumin_binding + a.shbg_binding * shbg / (1.0 + a.shbg_binding * free))
    body[:] = 1.0
    body[axis.STORE], body[axis.FSH_STORE], body[axis.LH], body[axis.FSH] = store, fsh_store, lh, fsh
    body[axis.TESTOSTERONE_NMOL_L], body[axis.OESTRADIOL_LEVEL], body[axis.SHBG_NMOL_L] = total, e, shbg
    body[axis.INHIBIN], body[axis.GNRH_TONIC] = b, 0.0
    return made, released


@register_jitable
def _settle_tract(tract, chain, released, normal, x, e_local, t, reference_output):
    tract[OUTPUT], tract[BACK_PRESSURE] = released, pressure(e_local, t)
    tract[MOTILITY], tract[GLANDS] = motility_target(x, e_local, t), gland_target(x, t)
    moved = min(1.0, CHAIN / transit(released / reference_output, t))
    for k in range(CHAIN):
        chain[k, 0], chain[k, 1] = released / moved, released * normal / moved


@register_jitable
def _tract_day(tract, chain, released, normal, x, e_local, t, reference_output):
    """Advance the tract a day; return sperm, motile and normal sperm that the cauda takes in, million."""
    tract[OUTPUT] = relax(tract[OUTPUT], released, t.transit_days, 1.0)
    moved = min(1.0, CHAIN / transit(tract[OUTPUT] / reference_output, t))
    kept = t.collected * min(1.0, dilution(e_local, t))
    out_sperm, out_normal = chain[CHAIN - 1, 0] * moved * kept, chain[CHAIN - 1, 1] * moved * kept
    for k in range(CHAIN - 1, 0, -1):
        for kind in range(2):
            chain[k, kind] += moved * (chain[k - 1, kind] - chain[k, kind])
    chain[0, 0] += released - moved * chain[0, 0]
    chain[0, 1] += released * normal - moved * chain[0, 1]
    tract[MOTILITY] = relax(tract[MOTILITY], motility_target(x, e_local, t), t.motility_days, 1.0)
    tract[BACK_PRESSURE] = relax(tract[BACK_PRESSURE], pressure(e_local, t), t.back_pressure_days, 1.0)
    tract[GLANDS] = relax(tract[GLANDS], gland_target(x, t), t.volume_days, 1.0)
    return out_sperm, out_sperm * tract[MOTILITY], out_normal


@register_jitable
def _row(out, means, made, a, soma, tract, released, elongated, collected):
    peripheral = means[axis.MEAN_PERIPHERAL_E2]
    testicular = a.testicular_oestradiol_share * made.oestradiol_output
    out[0], out[1], out[2] = means[axis.MEAN_T], means[axis.MEAN_FREE_T], means[axis.MEAN_E2]
    out[3], out[4], out[5] = means[axis.MEAN_LH], means[axis.MEAN_FSH], means[axis.MEAN_INHIBIN]
    out[6], out[7] = means[axis.MEAN_SHBG], means[axis.MEAN_HCG]
    out[8], out[9] = made.testosterone, made.oestradiol
    out[10], out[11] = means[axis.MEAN_FAT_INHIBITION], made.testis_inhibition
    out[12] = testicular / max(testicular + peripheral, 1e-12)
    out[13], out[14], out[15] = released, elongated, tract[BACK_PRESSURE]
    out[16], out[17], out[18] = collected[0], collected[1], collected[2]
    out[19], out[20] = tract[GLANDS], means[axis.MEAN_BONE_SIGNAL]
    out[21], out[22], out[23] = soma[ANDROGEN], soma[OESTROGEN], soma[FSH]
    out[24], out[25] = means[axis.MEAN_T_FEEDBACK], means[axis.MEAN_E2_FEEDBACK]


@compiled
def rest_state(
    body,
    soma,
    founders,
    commitments,
    spent,
    descendants,
    tract,
    chain,
    a,
    p,
    scale,
    t,
    sperm,
    reference_output,
    normal,
    dependent,
    heard,
    out,
):
    """Bring the expected man to his rest; fill in his state and the row that tells a day of it. See ExpectedMan.

    Returns the number of days of age of a clone.
    """
    counts = np.zeros(COUNT)
    last = calendar(p, spent, descendants)
    made, released = find_rest(body, soma, founders, commitments, spent, descendants, last, counts, a, p, scale, t)
    x, e_local = _relative(body, a), made.oestradiol / scale.oestradiol
    share = normal_share(soma[ANDROGEN], normal, dependent, p)
    released *= sperm
    _settle_tract(tract, chain, released, share, x * heard, e_local, t, reference_output)
    kept = t.collected * min(1.0, dilution(e_local, t))
    collected = (released * kept, released * kept * tract[MOTILITY], released * share * kept)
    means = np.zeros(axis.MEANS)
    exposure = np.zeros(EXPOSURES)
    tissue = TissueOutput(made.secretory_capacity, made.oestradiol_output, made.inhibin_output, made.aromatase_access)
    for _ in range(axis.HOURS):
        body_hour(body, a, tissue, exposure, means)
    _row(out, means, made, a, soma, tract, released, counts[-1] + counts[-2], collected)
    return last


@register_jitable
def _relative(body, a):
    """Return free testosterone relative to the reference man's."""
    total, shbg = body[axis.TESTOSTERONE_NMOL_L], body[axis.SHBG_NMOL_L]
    unbound = 1.0 + a.albumin_binding
    first = unbound * a.shbg_binding
    second = unbound + a.shbg_binding * (shbg - total)
    free = (math.sqrt(second * second + 4.0 * first * total) - second) / (2.0 * first)
    return free / a.free_testosterone_reference


@compiled
def advance(
    body,
    soma,
    founders,
    commitments,
    spent,
    descendants,
    last,
    tract,
    chain,
    output,
    depot,
    central,
    absorption,
    elimination,
    volume,
    effect,
    doses,
    a,
    p,
    scale,
    t,
    sperm,
    reference_output,
    normal,
    dependent,
    heard,
    out,
):
    """Advance the expected man by the days of `doses` (days, 48, substances); fill a row of `out` a day. See ExpectedMan.

    `output` (4,) holds the TissueOutput of the day before and is renewed.
    """
    counts = np.zeros(COUNT)
    count_steps(founders, spent, descendants, last, scale.a_pale, counts)
    exposure, levels = np.zeros(EXPOSURES), np.zeros((0, 3))
    for day in range(doses.shape[0]):
        means = np.zeros(axis.MEANS)
        tissue = TissueOutput(output[0], output[1], output[2], output[3])
        for hour in range(axis.HOURS):
            expose(
                exposure,
                levels,
                depot,
                central,
                doses[day, hour],
                doses[day, axis.HOURS + hour],
                absorption,
                elimination,
                volume,
                effect,
            )
            body_hour(body, a, tissue, exposure, means)
        x = means[axis.MEAN_FREE_T] / a.free_testosterone_reference
        blood = Blood(
            max(means[axis.MEAN_LH_ACTIVITY], _FAINTEST),
            means[axis.MEAN_FSH],
            x,
            means[axis.MEAN_INHIBITOR],
            tract[BACK_PRESSURE],
            means[axis.MEAN_AROMATASE],
            1.0 / (1.0 + means[axis.MEAN_STEROID_BLOCK]),
        )
        made = soma_day(soma, counts, blood, p, scale, 1.0)
        output[0], output[1], output[2] = made.secretory_capacity, made.oestradiol_output, made.inhibin_output
        output[3] = made.aromatase_access
        rates = rates_of(soma, tract[BACK_PRESSURE], p)
        founded = clones_founded(commitments, rates[COMMITMENT], scale.a_pale, p)
        released = sperm * germ_day(founders, founded, rates, spent, descendants, last)
        count_steps(founders, spent, descendants, last, scale.a_pale, counts)
        e_local = made.oestradiol / scale.oestradiol
        share = normal_share(soma[ANDROGEN], normal, dependent, p)
        collected = _tract_day(tract, chain, released, share, x * heard, e_local, t, reference_output)
        _row(out[day], means, made, a, soma, tract, released, counts[-1] + counts[-2], collected)
