"""The hormonal axis: gonadotrophs with a fast drive and a slow store, blood steroids, SHBG, fat, drugs.

One call advances the body by a day in hourly steps (exponential Euler: stable for the two-hour life of LH). The equations
are on the relative scale of the reference man (1 = his value) and are listed with their sources in parameters/axis.toml.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.binding import free_testosterone
from testis_abm.biology.kinetics import lh_response, relax, shielded_inhibition
from testis_abm.biology.pharmacology import (
    BONE_AGONIST,
    EXPOSURES,
    FSH_IU,
    GNRH,
    GNRH_BLOCK,
    GNRH_TROUGH,
    INACTIVATION,
    INHIBITOR,
    LH_IU,
    LIVER_AGONIST,
    OESTRADIOL,
    PITUITARY_AGONIST,
    RECEPTOR_BOUND,
    STEROID_BLOCK,
    TESTOSTERONE,
    expose,
    gather_levels,
)
from testis_abm.support.compile import compiled

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
    oestradiol_pituitary_share: float
    gnrh_agonist_maximum: float
    gnrh_desensitising_level: float
    gnrh_desensitising_exponent: float
    gnrh_desensitising_days: float
    gnrh_tonic_hours: float
    receptor_full_agonist: float
    aromatase_turnover_days: float
    gonadotroph_store_days: float
    gonadotroph_store_exponent: float
    gonadotroph_store_saturation: float
    fsh_store_saturation: float
    lh_clearance_per_day: float
    fsh_clearance_per_day: float
    inhibin_feedback_strength: float
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
    fsh_secretion: float
    shbg_production: float
    peripheral_aromatase: float
    oestrogen_feedback_sensitivity: float
    androgen_feedback_sensitivity: float


class TissueOutput(NamedTuple):
    """What the testes give the blood, relative to the reference man.

    `aromatase_access` is the share of time in which testicular aromatase is not held by its substrate: an inactivator
    reaches it only then.
    """

    secretory_capacity: float
    oestradiol_output: float
    inhibin_output: float
    aromatase_access: float = 1.0


# State of the body (float64): relative unless named.
(
    STORE,
    LH,
    FSH,
    TESTOSTERONE_NMOL_L,
    OESTRADIOL_LEVEL,
    SHBG_NMOL_L,
    INHIBIN,
    FSH_STORE,
    AROMATASE_LEFT,  # share of fat's enzyme that has not been inactivated
    TESTIS_AROMATASE_LEFT,
    GNRH_TONIC,  # exposure to agonist that never ceases between pulses
    GNRH_RECEPTOR,  # share of the gonadotroph's response that is not desensitised
) = range(12)
STATE_SIZE = 12

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
    MEAN_AROMATASE,
    MEAN_STEROID_BLOCK,
    MEAN_BONE_SIGNAL,
    MEAN_GNRH_DRIVE,
    MEAN_ADRENAL_E2,
) = range(20)
MEANS = 20


@register_jitable
def feedback(level, strength, exponent):
    """Return the brake of a steroid or inhibin B on GnRH or gonadotroph, 1 at level 1, up to 1 + strength without it."""
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
def modulated(level, bound, agonist, p):
    """Return the oestradiol level that a receptor feels among modulators (`bound`, of which `agonist` act like it).

    They displace oestradiol, and what they do themselves is worth `receptor_full_agonist` times the normal level at full
    agonism.
    """
    return (level + agonist * p.receptor_full_agonist) / (1.0 + bound)


@register_jitable
def enzyme_left(left, lost, p, dt):
    """Return the share of aromatase that works after `dt` days in which a share `lost` per day is inactivated."""
    renewal = 1.0 / p.aromatase_turnover_days
    return relax(left, renewal / (renewal + lost), 1.0 / (renewal + lost), dt)


@register_jitable
def pituitary_drive(state, x, e2, exposure, p, dt):
    """Return the drive of the gonadotrophs and the two steroids' brakes; advance what GnRH agonists do.

    Testosterone slows the hypothalamus; oestradiol brakes hypothalamus and pituitary. Given GnRH adds to what the
    hypothalamus sends and is braked at the pituitary alone; given without pause it desensitises, after a flare.
    """
    felt = modulated(e2 * p.oestrogen_feedback_sensitivity, exposure[RECEPTOR_BOUND], exposure[PITUITARY_AGONIST], p)
    brake_t = feedback(
        x * p.androgen_feedback_sensitivity, p.testosterone_feedback_strength, p.testosterone_feedback_exponent
    )
    brake_e = feedback(felt, p.oestradiol_feedback_strength, p.oestradiol_feedback_exponent)
    at_pituitary = brake_e**p.oestradiol_pituitary_share
    given, left = exposure[GNRH], exposure[GNRH_TROUGH]
    # Pulses fall to little between doses; only what never ceases counts as tonic.
    if left < state[GNRH_TONIC]:
        state[GNRH_TONIC] = left
    else:
        state[GNRH_TONIC] = relax(state[GNRH_TONIC], left, p.gnrh_tonic_hours / HOURS, dt)
    tonic = (state[GNRH_TONIC] / p.gnrh_desensitising_level) ** p.gnrh_desensitising_exponent
    state[GNRH_RECEPTOR] = relax(state[GNRH_RECEPTOR], 1.0 / (1.0 + tonic), p.gnrh_desensitising_days, dt)
    signal = p.gnrh_drive * brake_t * (brake_e / at_pituitary) + p.gnrh_agonist_maximum * given / (1.0 + given)
    signal *= state[GNRH_RECEPTOR] / (1.0 + exposure[GNRH_BLOCK])
    return signal * at_pituitary, brake_t, brake_e


@register_jitable
def body_hour(state, p, tissue, exposure, means):
    """Advance the state by one hour under drug `exposure` (pharmacology.EXPOSURES) and add this hour's values to `means`."""
    dt = 1.0 / HOURS
    total = state[TESTOSTERONE_NMOL_L]
    free = free_testosterone(total, state[SHBG_NMOL_L], p.shbg_binding, p.albumin_binding)
    x = free / p.free_testosterone_reference
    e2 = state[OESTRADIOL_LEVEL]
    inhibitor, hcg = exposure[INHIBITOR], exposure[LH_IU]

    drive, brake_t, brake_e = pituitary_drive(state, x, e2, exposure, p, dt)
    store = store_target(drive, p.gonadotroph_store_exponent, p.gonadotroph_store_saturation)
    fsh_store = store_target(drive, p.gonadotroph_store_exponent, p.fsh_store_saturation)
    state[STORE] = relax(state[STORE], store, p.gonadotroph_store_days, dt)
    state[FSH_STORE] = relax(state[FSH_STORE], fsh_store, p.gonadotroph_store_days, dt)
    state[LH] = relax(state[LH], state[STORE] * drive, 1.0 / p.lh_clearance_per_day, dt)
    inhibin_brake = feedback(state[INHIBIN], p.inhibin_feedback_strength, p.inhibin_feedback_exponent)
    fsh = p.fsh_secretion * state[FSH_STORE] * drive * inhibin_brake
    state[FSH] = relax(state[FSH], fsh, 1.0 / p.fsh_clearance_per_day, dt)
    state[INHIBIN] = relax(state[INHIBIN], tissue.inhibin_output, p.inhibin_b_days, dt)

    from_hcg = p.hcg_lh_equivalence * hcg
    activity = state[LH] + from_hcg / (1.0 + from_hcg / p.hcg_saturation)
    reference_production = p.testosterone_free_clearance * p.free_testosterone_reference
    share = p.testicular_testosterone_share
    open_lyase = 1.0 / (1.0 + exposure[STEROID_BLOCK])
    testicular = share * tissue.secretory_capacity * lh_response(activity, p.lh_saturation)
    # The testis has its share of the block in its capacity.
    production = reference_production * (testicular + (1.0 - share) * open_lyase) + exposure[TESTOSTERONE]
    clearance = p.testosterone_free_clearance * free / max(total, 1e-9)
    state[TESTOSTERONE_NMOL_L] = relax(total, production / clearance, p.testosterone_distribution / clearance, dt)

    # Inactivated enzyme is lost until it is made anew.
    left = state[AROMATASE_LEFT]
    in_fat = p.peripheral_aromatase_km / (p.peripheral_aromatase_km + free)
    state[AROMATASE_LEFT] = enzyme_left(left, in_fat * exposure[INACTIVATION], p, dt)
    state[TESTIS_AROMATASE_LEFT] = enzyme_left(
        state[TESTIS_AROMATASE_LEFT], tissue.aromatase_access * exposure[INACTIVATION], p, dt
    )
    share = p.testicular_oestradiol_share
    open_fat = (1.0 - share) * peripheral_oestradiol(x, 0.0, p)
    peripheral = left * (1.0 - share) * peripheral_oestradiol(x, inhibitor, p)
    given = exposure[OESTRADIOL] / (p.oestradiol_clearance * p.oestradiol_reference * 1e-3)
    state[OESTRADIOL_LEVEL] = relax(
        e2, share * tissue.oestradiol_output + peripheral + given, 1.0 / p.oestradiol_relaxation_per_day, dt
    )
    by_liver = modulated(e2, exposure[RECEPTOR_BOUND], exposure[LIVER_AGONIST], p)
    shbg = (
        p.shbg_production * max(x, 0.02) ** p.shbg_androgen_exponent * max(by_liver, 0.02) ** p.shbg_oestrogen_exponent
    )
    state[SHBG_NMOL_L] = relax(state[SHBG_NMOL_L], shbg, p.shbg_days, dt)

    means[MEAN_LH] += state[LH] * p.lh_reference * dt
    means[MEAN_FSH_IU_L] += state[FSH] * p.fsh_reference * dt
    means[MEAN_FSH] += (state[FSH] * p.fsh_reference + exposure[FSH_IU]) * dt
    means[MEAN_T] += state[TESTOSTERONE_NMOL_L] * dt
    means[MEAN_FREE_T] += free * dt
    means[MEAN_E2] += state[OESTRADIOL_LEVEL] * p.oestradiol_reference * dt
    means[MEAN_SHBG] += state[SHBG_NMOL_L] * dt
    means[MEAN_INHIBIN] += state[INHIBIN] * p.inhibin_b_reference * dt
    means[MEAN_HCG] += hcg * dt
    means[MEAN_LH_ACTIVITY] += activity * dt
    means[MEAN_INHIBITOR] += inhibitor * dt
    means[MEAN_T_FEEDBACK] += brake_t * dt
    means[MEAN_E2_FEEDBACK] += brake_e * dt
    means[MEAN_PERIPHERAL_E2] += peripheral * dt
    from_adrenal = p.peripheral_aromatase * p.adrenal_oestradiol_share / (1.0 + inhibitor)
    means[MEAN_ADRENAL_E2] += left * (1.0 - share) * from_adrenal * dt
    means[MEAN_AROMATASE] += state[TESTIS_AROMATASE_LEFT] * dt
    means[MEAN_STEROID_BLOCK] += exposure[STEROID_BLOCK] * dt
    means[MEAN_BONE_SIGNAL] += (
        modulated(e2, exposure[RECEPTOR_BOUND], exposure[BONE_AGONIST], p) * p.oestradiol_reference * dt
    )
    means[MEAN_GNRH_DRIVE] += drive * dt
    if open_fat > 0.0:
        means[MEAN_FAT_INHIBITION] += (1.0 - peripheral / open_fat) * dt


@compiled
def body_day(state, p, tissue, depot, central, absorption, elimination, volume, effect, doses, levels):
    """Advance the body by one day; return the day's means (index constants MEAN_*).

    Args:
        state: float64 (STATE_SIZE,), changed in place.
        p: AxisParameters of the man.
        tissue: TissueOutput of the day before.
        depot, central: amounts (substances,), nmol or IU, changed in place.
        absorption, elimination, volume, effect: see pharmacology.Kinetics.
        doses: amounts given at the start of each hour, then evenly through it, (48, substances).
        levels: (substances, 3), filled with each one's mean, lowest and highest level of the day (see pharmacology.expose).
    """
    means = np.zeros(MEANS)
    exposure = np.zeros(EXPOSURES)
    hourly = np.zeros(levels.shape)
    for hour in range(HOURS):
        expose(
            exposure, hourly, depot, central, doses[hour], doses[HOURS + hour], absorption, elimination, volume, effect
        )
        gather_levels(levels, hourly, hour, elimination, volume)
        body_hour(state, p, tissue, exposure, means)
    return means


def resting_state(p: AxisParameters) -> np.ndarray:
    """Return a first state of the body to settle from, float64 (STATE_SIZE,)."""
    state = np.ones(STATE_SIZE)
    state[TESTOSTERONE_NMOL_L], state[SHBG_NMOL_L] = p.testosterone_reference, p.shbg_production
    state[GNRH_TONIC] = 0.0
    return state
