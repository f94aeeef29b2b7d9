"""The hormonal axis: gonadotrophs with a fast drive and a slow store, blood steroids, SHBG, fat, drugs.

One call advances the body by a day in hourly steps (exponential Euler: stable for the two-hour life of LH). The equations
are on the relative scale of the reference man (1 = his value) and are listed with their sources in parameters/axis.toml.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numba.extending import register_jitable

from testis_abm.body.binding import free_testosterone
from testis_abm.body.pharmacology import (
    AROMATASE_INHIBITOR,
    FSH_ACTIVITY,
    LH_ACTIVITY,
    TESTOSTERONE,
    absorb_and_clear,
)
from testis_abm.kinetics import lh_response, relax, shielded_inhibition

HOURS = 24


class AxisParameters(NamedTuple):
    """Numbers of the axis for one man; names and units as in parameters/axis.toml, man's factors folded in."""

    lh_reference: float
    fsh_reference: float
    testosterone_reference: float
    oestradiol_reference: float
    inhibin_b_reference: float
    testosterone_feedback_strength: float
    testosterone_feedback_exponent: float
    oestradiol_feedback_strength: float
    oestradiol_feedback_exponent: float
    gonadotroph_store_days: float
    gonadotroph_store_exponent: float
    gonadotroph_store_saturation: float
    fsh_store_saturation: float
    lh_clearance_per_day: float
    fsh_clearance_per_day: float
    inhibin_feedback_exponent: float
    inhibin_b_days: float
    testosterone_free_clearance: float
    testosterone_distribution: float
    testicular_testosterone_share: float
    albumin_binding: float
    shbg_binding: float
    shbg_days: float
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
    free_testosterone_reference: float
    gnrh_drive: float
    shbg_production: float
    peripheral_aromatase: float
    oestrogen_feedback_sensitivity: float


class TissueOutput(NamedTuple):
    """What the testes give the blood, relative to the reference man."""

    secretory_capacity: float
    oestradiol_output: float
    inhibin_output: float


# State of the body (float64): relative unless named.
STORE, LH, FSH, TESTOSTERONE_NMOL_L, OESTRADIOL, SHBG_NMOL_L, INHIBIN, FSH_STORE = range(8)
STATE_SIZE = 8

# Daily means that a day returns.
(
    MEAN_LH,
    MEAN_FSH,
    MEAN_T,
    MEAN_FREE_T,
    MEAN_E2,
    MEAN_SHBG,
    MEAN_INHIBIN,
    MEAN_HCG,
    MEAN_LH_ACTIVITY,
    MEAN_FSH_IU_L,
    MEAN_INHIBITOR,
    MEAN_FAT_INHIBITION,
    MEAN_T_FEEDBACK,
    MEAN_E2_FEEDBACK,
    MEAN_PERIPHERAL_E2,
) = range(15)
MEANS = 15


@register_jitable
def feedback(level, strength, exponent):
    """Return the brake of a steroid on GnRH or gonadotroph, 1 at level 1, up to 1 + strength without steroid."""
    return (1.0 + strength) / (1.0 + strength * max(level, 0.0) ** exponent)


@register_jitable
def store_target(drive, exponent, saturation):
    """Return the slow synthetic capacity that a lasting `drive` builds, ceiling 1 + saturation."""
    powered = drive**exponent
    return (1.0 + saturation) * powered / (saturation + powered)


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
def body_hour(state, p, tissue, inhibitor, hcg, fsh_drug, testosterone_input, means):
    """Advance the state by one hour and add this hour's values to `means`.

    inhibitor is the aromatase inhibitor over its constant; hcg, fsh_drug in IU/L; testosterone_input in nmol/day.
    """
    dt = 1.0 / HOURS
    total = state[TESTOSTERONE_NMOL_L]
    free = free_testosterone(total, state[SHBG_NMOL_L], p.shbg_binding, p.albumin_binding)
    x = free / p.free_testosterone_reference
    e2 = state[OESTRADIOL]

    brake_t = feedback(x, p.testosterone_feedback_strength, p.testosterone_feedback_exponent)
    brake_e = feedback(
        e2 * p.oestrogen_feedback_sensitivity, p.oestradiol_feedback_strength, p.oestradiol_feedback_exponent
    )
    drive = p.gnrh_drive * brake_t * brake_e
    store = store_target(drive, p.gonadotroph_store_exponent, p.gonadotroph_store_saturation)
    fsh_store = store_target(drive, p.gonadotroph_store_exponent, p.fsh_store_saturation)
    state[STORE] = relax(state[STORE], store, p.gonadotroph_store_days, dt)
    state[FSH_STORE] = relax(state[FSH_STORE], fsh_store, p.gonadotroph_store_days, dt)
    state[LH] = relax(state[LH], state[STORE] * drive, 1.0 / p.lh_clearance_per_day, dt)
    inhibin_brake = max(state[INHIBIN], 0.02) ** -p.inhibin_feedback_exponent
    state[FSH] = relax(state[FSH], state[FSH_STORE] * drive * inhibin_brake, 1.0 / p.fsh_clearance_per_day, dt)
    state[INHIBIN] = relax(state[INHIBIN], tissue.inhibin_output, p.inhibin_b_days, dt)

    from_hcg = p.hcg_lh_equivalence * hcg
    activity = state[LH] + from_hcg / (1.0 + from_hcg / p.hcg_saturation)
    reference_production = p.testosterone_free_clearance * p.free_testosterone_reference
    share = p.testicular_testosterone_share
    testicular = share * tissue.secretory_capacity * lh_response(activity, p.lh_saturation)
    production = reference_production * (testicular + 1.0 - share) + testosterone_input
    clearance = p.testosterone_free_clearance * free / max(total, 1e-9)
    state[TESTOSTERONE_NMOL_L] = relax(total, production / clearance, p.testosterone_distribution / clearance, dt)

    share = p.testicular_oestradiol_share
    peripheral = (1.0 - share) * peripheral_oestradiol(x, inhibitor, p)
    state[OESTRADIOL] = relax(
        e2, share * tissue.oestradiol_output + peripheral, 1.0 / p.oestradiol_relaxation_per_day, dt
    )
    shbg = p.shbg_production * max(x, 0.02) ** p.shbg_androgen_exponent * max(e2, 0.02) ** p.shbg_oestrogen_exponent
    state[SHBG_NMOL_L] = relax(state[SHBG_NMOL_L], shbg, p.shbg_days, dt)

    means[MEAN_LH] += state[LH] * p.lh_reference * dt
    means[MEAN_FSH_IU_L] += state[FSH] * p.fsh_reference * dt
    means[MEAN_FSH] += (state[FSH] * p.fsh_reference + fsh_drug) * dt
    means[MEAN_T] += state[TESTOSTERONE_NMOL_L] * dt
    means[MEAN_FREE_T] += free * dt
    means[MEAN_E2] += state[OESTRADIOL] * p.oestradiol_reference * dt
    means[MEAN_SHBG] += state[SHBG_NMOL_L] * dt
    means[MEAN_INHIBIN] += state[INHIBIN] * p.inhibin_b_reference * dt
    means[MEAN_HCG] += hcg * dt
    means[MEAN_LH_ACTIVITY] += activity * dt
    means[MEAN_INHIBITOR] += inhibitor * dt
    means[MEAN_T_FEEDBACK] += brake_t * dt
    means[MEAN_E2_FEEDBACK] += brake_e * dt
    means[MEAN_PERIPHERAL_E2] += peripheral * dt
    uninhibited = peripheral_oestradiol(x, 0.0, p)
    if uninhibited > 0.0:
        means[MEAN_FAT_INHIBITION] += (1.0 - peripheral / (1.0 - share) / uninhibited) * dt


@njit(cache=True, nogil=True)
def body_day(state, p, tissue, depot, central, action, absorption, elimination, volume, constant, doses):
    """Advance the body by one day; return the day's means (index constants MEAN_*).

    Args:
        state: float64 (STATE_SIZE,), changed in place.
        p: AxisParameters of the man.
        tissue: TissueOutput of the day before.
        depot, central: drug amounts (drugs,), nmol or IU, changed in place.
        action, absorption, elimination, volume, constant: see pharmacology.Kinetics.
        doses: amounts given in each hour, (24, drugs).
    """
    means = np.zeros(MEANS)
    for hour in range(HOURS):
        inhibitor, hcg, fsh_drug, testosterone_input = 0.0, 0.0, 0.0, 0.0
        for drug in range(depot.size):
            depot[drug] += doses[hour, drug]
            depot[drug], central[drug], absorbed = absorb_and_clear(
                depot[drug], central[drug], absorption[drug], elimination[drug], 1.0
            )
            concentration = central[drug] / volume[drug]
            if action[drug] == AROMATASE_INHIBITOR:
                inhibitor += concentration / constant[drug]
            elif action[drug] == TESTOSTERONE:
                testosterone_input += absorbed * HOURS
            elif action[drug] == LH_ACTIVITY:
                hcg += concentration
            elif action[drug] == FSH_ACTIVITY:
                fsh_drug += concentration
        body_hour(state, p, tissue, inhibitor, hcg, fsh_drug, testosterone_input, means)
    return means
