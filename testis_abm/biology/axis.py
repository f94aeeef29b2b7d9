"""The body: blood steroids, SHBG and fat about the hypothalamus and the gonadotrophs (pituitary.py), by the hour and the day.

The body advances in hourly steps (exponential Euler: stable for the two-hour life of LH); what changes over weeks
advances by the day. The equations are on the relative scale of the reference man (1 = his value) and are listed with
their sources in parameters/model/axis.toml. They read exposures and never drugs (mechanisms.py).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.binding import free_testosterone, total_over_free, total_testosterone
from testis_abm.biology.clamp import hold_body
from testis_abm.biology.days import HOURS, BloodDay, record
from testis_abm.biology.fixed_point import Search, begin, take
from testis_abm.biology.kinetics import lh_response, relax, relax_by_ratio, shielded_inhibition
from testis_abm.biology.mechanisms import NO_DRUGS
from testis_abm.biology.pituitary import (
    desensitise,
    fsh_secretion,
    lh_secretion,
    modulated,
    pituitary_drive,
    remembered,
    saturating,
    unpulsed_fsh,
)

_FAINTEST_LH = 1e-9  # relative; a capacity is secretion over drive, so drive is never quite zero
_TURNS, _SETTLED = 4000, 1e-12


# State of the body; relative unless named.
BODY = record(
    "lh_capacity",  # of the gonadotroph to secrete at a given drive
    "fsh_capacity",
    "fsh_unpulsed",  # secretion of FSH that needs GnRH and not its pulses
    "memory",  # scale of the GnRH drive that lasting feedback has set
    "lh",
    "fsh",
    "testosterone_nmol_l",
    "oestradiol",
    "shbg_nmol_l",
    "inhibin",
    "fat_aromatase",  # fraction of the enzyme that no drug has inactivated
    "testis_aromatase",
    "five_alpha_1",  # as fat_aromatase, of both 5-alpha-reductases
    "five_alpha_2",
    "gnrh_mean",  # receptors that an agonist takes, mean of some hours
    "gnrh_tonic",  # those that it never leaves between pulses
    "gnrh_receptor",  # share of the gonadotroph's response that is not desensitised
)
# Means of a day.
DAY = record(
    "testosterone_nmol_l",
    "free_testosterone_nmol_l",
    "oestradiol_pmol_l",
    "lh_iu_l",
    "fsh_iu_l",  # his own and given
    "own_fsh_iu_l",
    "inhibin_b_pg_ml",
    "shbg_nmol_l",
    "hcg_iu_l",
    "lh_activity",  # of LH and hCG, relative
    "aromatase_inhibitor",
    "lyase_inhibitor",
    "testis_aromatase",
    "inhibition_fat",
    "dihydrotestosterone_nmol_l",
    "blood_androgen",  # of liver, marrow, bone and brain: what the receptor feels of all androgens, relative
    "tract_androgen",  # of epididymis and glands
    "androgen_block",  # concentration over constant
    "liver_oestradiol",  # as the liver feels it, relative
    "prolactin_ug_l",
    "gnrh_frequency",  # of pulses, relative
    "lh_amplitude",
    "testosterone_brake",
    "oestradiol_brake",
    "memory",
    "gonadotroph_drive",
    "gnrh_signal",
    "gnrh_present",
    "peripheral_oestradiol",
    "adrenal_oestradiol",
    "bone_oestradiol_pmol_l",
    "testicular_testosterone_share",  # of testosterone that enters the blood
)


class AxisParameters(NamedTuple):
    """Numbers of the axis for one man; names and units as in parameters/model/axis.toml, man's factors folded in."""

    lh_reference: float
    fsh_reference: float
    testosterone_reference: float
    oestradiol_reference: float
    inhibin_b_reference: float
    dihydrotestosterone_reference: float
    prolactin_reference: float
    testosterone_feedback_strength: float
    testosterone_feedback_exponent: float
    oestradiol_feedback_strength: float
    oestradiol_feedback_exponent: float
    oestradiol_pituitary_share: float
    oestradiol_permission: float
    oestradiol_permission_least: float
    dihydrotestosterone_weight: float
    memory_exponent_low: float
    memory_exponent_high: float
    memory_least: float
    memory_most: float
    memory_falling_days: float
    memory_rising_days: float
    prolactin_half: float
    prolactin_exponent: float
    prolactin_most: float
    gnrh_agonist_maximum: float
    gnrh_block_exponent: float
    gnrh_desensitising_level: float
    gnrh_desensitising_exponent: float
    gnrh_desensitising_days: float
    gnrh_tonic_hours: float
    receptor_full_agonist: float
    aromatase_turnover_days: float
    gonadotroph_capacity_days: float
    gonadotroph_capacity_exponent: float
    gonadotroph_capacity_saturation: float
    lh_floor: float
    fsh_floor: float
    fsh_ceiling: float
    fsh_unpulsed_share: float
    fsh_unpulsed_exponent: float
    fsh_unpulsed_saturation: float
    fsh_unpulsed_days: float
    fsh_oestradiol_strength: float
    fsh_oestradiol_exponent: float
    lh_clearance_per_day: float
    fsh_clearance_per_day: float
    inhibin_feedback_strength: float
    inhibin_feedback_exponent: float
    inhibin_b_days: float
    testosterone_free_clearance: float
    testosterone_distribution: float
    testicular_testosterone_share: float
    five_alpha_km: float
    five_alpha_1_share: float
    five_alpha_clearance_share: float
    five_alpha_turnover_days: float
    dihydrotestosterone_production: float
    tract_dihydrotestosterone_weight: float
    blood_dihydrotestosterone_weight: float
    albumin_binding: float
    shbg_binding: float
    shbg_days: float
    shbg_follows_from: float
    shbg_androgen_exponent: float
    shbg_oestrogen_exponent: float
    oestradiol_clearance: float
    oestradiol_relaxation_per_day: float
    testicular_oestradiol_share: float
    adrenal_oestradiol_share: float
    peripheral_aromatase_km: float
    hcg_lh_equivalence: float
    hcg_saturation: float
    lh_saturation: float
    basal_secretion: float
    free_testosterone_reference: float
    gnrh_drive: float
    axis_recovery: float
    prolactin: float
    adrenal_androgen: float
    fsh_secretion: float
    shbg_production: float
    peripheral_aromatase: float
    oestrogen_feedback_sensitivity: float
    androgen_feedback_sensitivity: float


@register_jitable
def peripheral_oestradiol(free_t, inhibitor, p):
    """Return relative peripheral E2 production from relative free T (Michaelis-Menten) and adrenal precursor."""
    km = p.peripheral_aromatase_km
    substrate = free_t * p.free_testosterone_reference
    from_testosterone = shielded_inhibition(substrate, km, inhibitor) / shielded_inhibition(
        p.free_testosterone_reference, km, 0.0
    )
    share = p.adrenal_oestradiol_share
    return p.peripheral_aromatase * ((1.0 - share) * from_testosterone + share / (1.0 + inhibitor))


@register_jitable
def active_enzyme(active, lost, turnover_days, dt):
    """Return the active fraction of an enzyme after `dt` days in which a share `lost` per day is inactivated."""
    if lost == 0.0 and active == 1.0:
        return 1.0
    renewal = 1.0 / turnover_days
    return relax(active, renewal / (renewal + lost), 1.0 / (renewal + lost), dt)


@register_jitable
def shbg_target(androgen, e2, p):
    """Return the SHBG that the liver keeps up at relative blood androgen and the oestradiol that it feels, nmol/L."""
    by_androgen = max(androgen, p.shbg_follows_from) ** p.shbg_androgen_exponent
    return p.shbg_production * by_androgen * max(e2, p.shbg_follows_from) ** p.shbg_oestrogen_exponent


@register_jitable
def five_alpha_left(body, p):
    """Return the share of 5-alpha-reductase that drugs have left, by what each type makes of blood DHT."""
    return p.five_alpha_1_share * body.five_alpha_1 + (1.0 - p.five_alpha_1_share) * body.five_alpha_2


@register_jitable
def dihydrotestosterone(x, active, given, p):
    """Return relative blood DHT from relative free T, the active share of 5-alpha-reductase, and DHT `given` (nmol/day)."""
    free = x * p.free_testosterone_reference
    made = x * (p.five_alpha_km + p.free_testosterone_reference) / (p.five_alpha_km + free)
    return active * made + given / p.dihydrotestosterone_production


@register_jitable
def lh_activity(lh, hcg, p):
    """Return the LH activity of relative `lh` and of `hcg` in IU/L, which the receptor does not tell from it."""
    given = p.hcg_lh_equivalence * hcg
    return lh + given / (1.0 + given / p.hcg_saturation)


@register_jitable
def with_dihydrotestosterone(x, dht, weight):
    """Return what a tissue feels of relative free T and DHT that counts for `weight` times as much."""
    return (x + weight * dht) / (1.0 + weight)


@register_jitable
def resting_tract_androgen(x, p):
    """Return what epididymis and glands feel at relative free T without drugs."""
    return with_dihydrotestosterone(x, dihydrotestosterone(x, 1.0, 0.0, p), p.tract_dihydrotestosterone_weight)


@register_jitable
def testosterone_secreted(testis, activity, p):
    """Return the testosterone that the testes secrete, relative to the production of the reference man."""
    response = lh_response(activity, p.lh_saturation, p.basal_secretion)
    return p.testicular_testosterone_share * testis.secretory_capacity * response


@register_jitable
def testosterone_made(testis, activity, cyp17a1, p):
    """Return testosterone production relative to the reference man's; the testis has its share of CYP17A1 in its capacity."""
    adrenal = (1.0 - p.testicular_testosterone_share) * p.adrenal_androgen * cyp17a1
    return testosterone_secreted(testis, activity, p) + adrenal


@register_jitable
def body_night(body, p, means):
    """Advance by a day what changes over weeks: capacities of the gonadotroph, memory of the hypothalamus, SHBG.

    `means` (DAY) are those of the day. Memory deepens under lasting feedback and comes back at the man's own rate.
    """
    exponent, saturation, days = (
        p.gonadotroph_capacity_exponent,
        p.gonadotroph_capacity_saturation,
        p.gonadotroph_capacity_days,
    )
    body.lh_capacity = relax(body.lh_capacity, saturating(means.gonadotroph_drive, exponent, saturation), days, 1.0)
    body.fsh_capacity = relax(body.fsh_capacity, saturating(means.gnrh_signal, exponent, saturation), days, 1.0)
    body.fsh_unpulsed = relax(body.fsh_unpulsed, unpulsed_fsh(means.gnrh_present, p), p.fsh_unpulsed_days, 1.0)
    target = remembered(means.testosterone_brake * means.oestradiol_brake, p)
    days = p.memory_falling_days if target < body.memory else p.memory_rising_days / p.axis_recovery
    body.memory = relax_by_ratio(body.memory, target, days, 1.0)
    shbg = shbg_target(means.blood_androgen, means.liver_oestradiol, p)
    body.shbg_nmol_l = relax(body.shbg_nmol_l, shbg, p.shbg_days, 1.0)


@register_jitable
def body_hour(body, p, testis, exposure, held, means):
    """Advance the body (BODY) by one hour of the `testis` of yesterday (TestisDay); add the hour's values to `means` (DAY).

    What is `held` (HELD) has its level already when the hour begins.
    """
    dt = 1.0 / HOURS
    total, e2 = body.testosterone_nmol_l, body.oestradiol
    free = free_testosterone(total, body.shbg_nmol_l, p.shbg_binding, p.albumin_binding)
    x = free / p.free_testosterone_reference

    left, turnover = five_alpha_left(body, p), p.five_alpha_turnover_days
    dht = dihydrotestosterone(x, left, exposure.dihydrotestosterone, p)
    body.five_alpha_1 = active_enzyme(body.five_alpha_1, exposure.five_alpha_1_loss, turnover, dt)
    body.five_alpha_2 = active_enzyme(body.five_alpha_2, exposure.five_alpha_2_loss, turnover, dt)
    blocked = 1.0 + exposure.androgen_block
    blood_androgen = (
        with_dihydrotestosterone(x, dht, p.blood_dihydrotestosterone_weight) + exposure.androgen
    ) / blocked
    androgen = (with_dihydrotestosterone(x, dht, p.dihydrotestosterone_weight) + exposure.androgen) / blocked
    tract_androgen = (
        with_dihydrotestosterone(x, dht, p.tract_dihydrotestosterone_weight) + exposure.androgen
    ) / blocked

    agonist = desensitise(body, exposure, p, dt)
    drive = pituitary_drive(body, androgen, e2, agonist, exposure, p)
    body.lh = relax(body.lh, lh_secretion(drive, body.lh_capacity, p), 1.0 / p.lh_clearance_per_day, dt)
    fsh = fsh_secretion(drive, body.fsh_capacity, body.fsh_unpulsed, body.inhibin, p)
    body.fsh = relax(body.fsh, fsh, 1.0 / p.fsh_clearance_per_day, dt)
    body.inhibin = relax(body.inhibin, testis.inhibin_output, p.inhibin_b_days, dt)
    hold_body(body, held, p)

    activity = lh_activity(body.lh, exposure.hcg_iu_l, p)
    reference_production = p.testosterone_free_clearance * p.free_testosterone_reference
    made = testosterone_made(testis, activity, 1.0 / (1.0 + exposure.lyase_inhibitor), p)
    production = reference_production * made + exposure.testosterone
    # Of the total; without any testosterone too, where it is that of the first molecules.
    bound = total_over_free(free, body.shbg_nmol_l, p.shbg_binding, p.albumin_binding)
    # What 5-alpha-reductase takes is a share of it.
    clearance = p.testosterone_free_clearance * (1.0 - p.five_alpha_clearance_share * (1.0 - left)) / bound
    body.testosterone_nmol_l = relax(total, production / clearance, p.testosterone_distribution / clearance, dt)

    # Inactivated enzyme is lost until it is made again.
    in_fat = body.fat_aromatase
    access = p.peripheral_aromatase_km / (p.peripheral_aromatase_km + free)
    inactivation = exposure.aromatase_inactivation
    turnover = p.aromatase_turnover_days
    body.fat_aromatase = active_enzyme(in_fat, access * inactivation, turnover, dt)
    in_testis = testis.aromatase_access * inactivation
    body.testis_aromatase = active_enzyme(body.testis_aromatase, in_testis, turnover, dt)
    share, inhibitor = p.testicular_oestradiol_share, exposure.aromatase_inhibitor
    uninhibited = (1.0 - share) * peripheral_oestradiol(x, 0.0, p)
    peripheral = in_fat * (1.0 - share) * peripheral_oestradiol(x, inhibitor, p)
    given = exposure.oestradiol / (p.oestradiol_clearance * p.oestradiol_reference * 1e-3)
    production = share * testis.oestradiol_output + peripheral + given
    body.oestradiol = relax(e2, production, 1.0 / p.oestradiol_relaxation_per_day, dt)
    hold_body(body, held, p)
    # Held is the whole that tissues see: what has been given is then part of it.
    given_fsh = exposure.fsh_iu_l if math.isnan(held.fsh_iu_l) else 0.0

    means.testosterone_nmol_l += body.testosterone_nmol_l * dt
    means.free_testosterone_nmol_l += free * dt
    means.oestradiol_pmol_l += body.oestradiol * p.oestradiol_reference * dt
    means.lh_iu_l += body.lh * p.lh_reference * dt
    means.fsh_iu_l += (body.fsh * p.fsh_reference + given_fsh) * dt
    means.own_fsh_iu_l += body.fsh * p.fsh_reference * dt
    means.inhibin_b_pg_ml += body.inhibin * p.inhibin_b_reference * dt
    means.shbg_nmol_l += body.shbg_nmol_l * dt
    means.hcg_iu_l += exposure.hcg_iu_l * dt
    means.lh_activity += activity * dt
    means.aromatase_inhibitor += inhibitor * dt
    means.lyase_inhibitor += exposure.lyase_inhibitor * dt
    means.testis_aromatase += body.testis_aromatase * dt
    means.dihydrotestosterone_nmol_l += dht * p.dihydrotestosterone_reference * dt
    means.blood_androgen += blood_androgen * dt
    means.tract_androgen += tract_androgen * dt
    means.androgen_block += exposure.androgen_block * dt
    means.prolactin_ug_l += p.prolactin / (1.0 + exposure.dopamine_agonist) * p.prolactin_reference * dt
    means.gnrh_frequency += drive.frequency * dt
    means.lh_amplitude += body.lh_capacity * drive.at_pituitary * dt
    means.liver_oestradiol += modulated(e2, exposure.receptor_bound, exposure.liver_agonist, p) * dt
    means.testosterone_brake += drive.by_androgen * dt
    means.oestradiol_brake += drive.by_oestradiol * dt
    means.memory += body.memory * dt
    means.gonadotroph_drive += drive.lh * dt
    means.gnrh_signal += drive.signal * dt
    means.gnrh_present += drive.present * dt
    means.peripheral_oestradiol += peripheral * dt
    from_adrenal = p.peripheral_aromatase * p.adrenal_oestradiol_share / (1.0 + inhibitor)
    means.adrenal_oestradiol += in_fat * (1.0 - share) * from_adrenal * dt
    by_bone = modulated(e2, exposure.receptor_bound, exposure.bone_agonist, p)
    means.bone_oestradiol_pmol_l += by_bone * p.oestradiol_reference * dt
    entered = reference_production * made + exposure.testosterone
    if entered > 0.0:
        secreted = reference_production * testosterone_secreted(testis, activity, p)
        means.testicular_testosterone_share += secreted / entered * dt
    if uninhibited > 0.0:
        means.inhibition_fat += (1.0 - peripheral / uninhibited) * dt


@register_jitable
def resting(body, x, e2, inhibin, p):
    """Bring the body to the steady state without drugs that relative free testosterone, oestradiol and inhibin B hold up."""
    body.gnrh_mean, body.gnrh_tonic, body.gnrh_receptor = 0.0, 0.0, 1.0
    body.fat_aromatase, body.testis_aromatase = 1.0, 1.0
    body.five_alpha_1, body.five_alpha_2 = 1.0, 1.0
    dht = dihydrotestosterone(x, 1.0, 0.0, p)
    androgen = with_dihydrotestosterone(x, dht, p.dihydrotestosterone_weight)
    body.memory = 1.0
    bare = pituitary_drive(body, androgen, e2, 0.0, NO_DRUGS, p)
    body.memory = remembered(bare.by_androgen * bare.by_oestradiol, p)
    drive = pituitary_drive(body, androgen, e2, 0.0, NO_DRUGS, p)
    exponent, saturation = p.gonadotroph_capacity_exponent, p.gonadotroph_capacity_saturation
    body.lh_capacity = saturating(drive.lh, exponent, saturation)
    body.fsh_capacity = saturating(drive.signal, exponent, saturation)
    body.fsh_unpulsed = unpulsed_fsh(drive.present, p)
    body.lh = lh_secretion(drive, body.lh_capacity, p)
    body.fsh = fsh_secretion(drive, body.fsh_capacity, body.fsh_unpulsed, inhibin, p)
    body.oestradiol, body.inhibin = e2, inhibin
    body.shbg_nmol_l = shbg_target(with_dihydrotestosterone(x, dht, p.blood_dihydrotestosterone_weight), e2, p)
    free = x * p.free_testosterone_reference
    body.testosterone_nmol_l = total_testosterone(free, body.shbg_nmol_l, p.shbg_binding, p.albumin_binding)


@register_jitable
def resting_demand(body, x, testis, p):
    """Return the relative free testosterone, oestradiol and inhibin B that a resting body and `testis` bring about in time."""
    share = p.testicular_oestradiol_share
    e2 = share * testis.oestradiol_output + (1.0 - share) * peripheral_oestradiol(x, 0.0, p)
    return testosterone_made(testis, body.lh, 1.0, p), e2, testis.inhibin_output


@register_jitable
def settle_body(body, testis, p):
    """Bring the body to the steady state without drugs beside a `testis` that stays as it is.

    Solves the fixed point of free testosterone and oestradiol: see fixed_point.
    """
    search = Search(np.empty(2), np.empty(2), np.empty((2, 2)), np.empty(2))
    asked = np.empty(2)
    begin(search)
    for turn in range(_TURNS):
        x, e2 = math.exp(search.level[0]), search.level[1]
        resting(body, x, e2, testis.inhibin_output, p)
        new_x, new_e2, _inhibin = resting_demand(body, x, testis, p)
        asked[0], asked[1] = math.log(new_x / x), new_e2 - e2
        if abs(asked[0]) + abs(asked[1]) / (e2 + 1e-9) < _SETTLED:
            break
        take(search, turn, asked)


@register_jitable
def brought(means, back_pressure, held, p):
    """Return what the blood of a day of these `means` (DAY) brings the testis and the tract, and what is `held` there (HELD)."""
    x = means.free_testosterone_nmol_l / p.free_testosterone_reference
    return BloodDay(
        max(means.lh_activity, _FAINTEST_LH),
        means.fsh_iu_l,
        x,
        means.aromatase_inhibitor,
        back_pressure,
        means.testis_aromatase,
        1.0 / (1.0 + means.lyase_inhibitor),
        means.tract_androgen,
        means.oestradiol_pmol_l / p.oestradiol_reference,
        held.intratesticular_testosterone_nmol_l,
        held.intratesticular_oestradiol_nmol_l,
        1.0 / (1.0 + means.androgen_block),
    )
