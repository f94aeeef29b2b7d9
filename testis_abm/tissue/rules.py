"""The rules of the cells: each a plain scalar function of one cell, its surroundings and the parameters.

The same functions run compiled over columns (kernel.py) and uncompiled over Mesa agent objects (reference.py), with the
same result to the last bit. Concentrations are free steroid in nmol/L, times in days, hazards per day.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.kinetics import hill, lh_response, relax, shielded_inhibition
from testis_abm.tissue.luck import COMMIT, DURATION, RELEASE, STEM_LOSS, SURVIVAL, exponential, spread, uniform
from testis_abm.tissue.steps import (
    A_DARK,
    A_PALE,
    CLASS_OF_STEP,
    HAZARD_OF_STEP,
    OESTROGEN_LACK_HAZARD,
)

LIVES, DIES, COMPLETES = range(3)


class TissueParameters(NamedTuple):
    """Numbers of the tissue for one man: names and units as in parameters/tissue.toml, man's factors folded in."""

    lh_saturation: float
    trophic_exponent: float
    trophic_days: float
    aromatase_lh_exponent: float
    aromatase_days: float
    oestrogen_brake: float
    leydig_secretion: float
    aromatase_km: float
    leydig_aromatase: float
    sertoli_aromatase: float
    spermatocyte_aromatase: float
    spermatid_aromatase: float
    elongated_aromatase: float
    free_testosterone_reference: float
    free_oestradiol_reference: float
    fsh_reference: float
    androgen_sensitivity: float
    fsh_sensitivity: float
    er_alpha_sensitivity: float
    er_beta_sensitivity: float
    commitment_androgen_half: float
    meiosis_androgen_half: float
    elongation_androgen_half: float
    spermiation_androgen_half: float
    androgen_exponent: float
    fsh_half: float
    er_beta_half: float
    er_alpha_half: float
    oestrogen_exponent: float
    response_days: float
    cycle_days: float
    b_spermatogonium_days: float
    preleptotene_days: float
    leptotene_days: float
    zygotene_days: float
    pachytene_days: float
    diplotene_days: float
    secondary_spermatocyte_days: float
    round_spermatid_days: float
    elongating_spermatid_days: float
    elongated_spermatid_days: float
    duration_variation: float
    commitment: float
    stem_cell_loss: float
    spermatogonial_hazard: float
    prophase_hazard: float
    meiotic_hazard: float
    round_hazard: float
    elongation_hazard: float
    spermiation: float
    fsh_floor_commitment: float
    fsh_floor_spermiation: float
    fsh_spermatogonial_deprivation: float
    androgen_spermatogonial_deprivation: float
    androgen_prophase_deprivation: float
    androgen_meiotic_deprivation: float
    androgen_round_deprivation: float
    androgen_elongation_deprivation: float
    oestrogen_lack: float
    oestrogen_excess: float
    back_pressure: float
    er_beta_spermatogonium: float
    er_beta_spermatocyte: float
    er_beta_spermatid: float
    er_beta_elongated: float
    inhibin_floor: float
    inhibin_fsh_gain: float
    inhibin_fsh_half: float
    # Occupancies in the reference man, so that each is worked out once and not in every cell.
    commitment_occupancy: float
    meiosis_occupancy: float
    elongation_occupancy: float
    spermiation_occupancy: float
    fsh_occupancy: float
    er_beta_occupancy: float
    er_alpha_reference: float


# ---- Leydig cell


@register_jitable
def leydig_day(capacity, expression, size, oestradiol, activity, p, dt):
    """Return the capacity, aromatase expression and testosterone secretion of a Leydig cell after `dt`.

    LH activity (LH and hCG, relative) secretes at once and, over weeks, sets capacity; it also raises aromatase.
    `oestradiol` is the free local level: with the brake switched on, ER-alpha slows secretion. Secretion is relative to
    the mean cell of the reference man.
    """
    capacity = relax(capacity, activity**p.trophic_exponent, p.trophic_days, dt)
    expression = relax(expression, activity**p.aromatase_lh_exponent, p.aromatase_days, dt)
    level = p.er_alpha_sensitivity * oestradiol / p.free_oestradiol_reference
    brake = (1.0 + p.oestrogen_brake) / (1.0 + p.oestrogen_brake * level)
    secretion = p.leydig_secretion * size * capacity * brake * lh_response(activity, p.lh_saturation)
    return capacity, expression, secretion


@register_jitable
def aromatise(activity, testosterone, inhibitor, p):
    """Return the oestradiol made by a cell of aromatase `activity` at local free testosterone (relative to reference)."""
    reference = shielded_inhibition(p.free_testosterone_reference, p.aromatase_km, 0.0)
    return activity * shielded_inhibition(testosterone, p.aromatase_km, inhibitor) / reference


@register_jitable
def germ_aromatase(step, p):
    """Return the aromatase activity of a germ cell in `step`."""
    group = CLASS_OF_STEP[step]
    if group == 0:
        return 0.0
    if group == 1:
        return p.spermatocyte_aromatase
    if group == 2:
        return p.spermatid_aromatase
    return p.elongated_aromatase


# ---- Sertoli cell


@register_jitable
def sertoli_day(androgen, oestrogen, fsh, testosterone, oestradiol, blood_fsh, p, dt):
    """Return the androgen, oestrogen and FSH that a Sertoli cell has responded to, after `dt`.

    The responses (transcription, adhesion) trail the hormones by `response_days`.
    """
    held = math.exp(-dt / p.response_days)
    return (
        testosterone + (androgen - testosterone) * held,
        oestradiol + (oestrogen - oestradiol) * held,
        blood_fsh + (fsh - blood_fsh) * held,
    )


@register_jitable
def androgen_signal(androgen, half, reference, p):
    """Return the AR signal of a Sertoli cell for a process of effective half-saturation `half`; 1 = reference.

    `reference` is the occupancy of that process in the reference man (p.meiosis_occupancy, ...).
    """
    return hill(androgen * p.androgen_sensitivity, half, p.androgen_exponent) / reference


@register_jitable
def fsh_signal(fsh, p):
    """Return the FSH signal of a Sertoli cell, 1 = reference."""
    return hill(fsh * p.fsh_sensitivity, p.fsh_half, 1.0) / p.fsh_occupancy


@register_jitable
def er_beta_signal(oestrogen, p):
    """Return the ER-beta signal at free local oestradiol, 1 = reference."""
    return hill(oestrogen * p.er_beta_sensitivity, p.er_beta_half, p.oestrogen_exponent) / p.er_beta_occupancy


@register_jitable
def er_alpha_occupancy(oestrogen, p):
    """Return the ER-alpha occupancy (0 to 1) at free local oestradiol: a sensor of excess."""
    return hill(oestrogen * p.er_alpha_sensitivity, p.er_alpha_half, p.oestrogen_exponent)


@register_jitable
def inhibin_output(fsh, p):
    """Return the inhibin B of a Sertoli cell relative to the reference man."""
    relative = fsh * p.fsh_sensitivity / p.fsh_reference
    return p.inhibin_floor + p.inhibin_fsh_gain * relative / (p.inhibin_fsh_half + relative)


@register_jitable
def lost(base, deprivation, signal):
    """Return a cumulative hazard: what is always lost plus what a missing signal adds; never negative."""
    return max(0.0, base + deprivation * (1.0 - signal))


@register_jitable
def sertoli_support(androgen, oestrogen, fsh, pressure, p):
    """Return the support that a Sertoli cell gives its germ cells, in the order of steps.SUPPORT.

    Commitment (share of A-pale a cycle) and the B spermatogonia depend on FSH and androgen, meiosis and the elongation of
    round spermatids on androgen, spermiation on both. Missing ER-beta signal adds a hazard to spermatogonia to round
    spermatids, excess oestrogen (ER-alpha) and back-pressure of fluid (0 to 1) one to spermatids.
    """
    fsh_drive = fsh_signal(fsh, p)
    base = androgen_signal(androgen, p.commitment_androgen_half, p.commitment_occupancy, p)
    meiosis = androgen_signal(androgen, p.meiosis_androgen_half, p.meiosis_occupancy, p)
    elongation = androgen_signal(androgen, p.elongation_androgen_half, p.elongation_occupancy, p)
    release = androgen_signal(androgen, p.spermiation_androgen_half, p.spermiation_occupancy, p)

    commitment = p.commitment * base * (p.fsh_floor_commitment + (1.0 - p.fsh_floor_commitment) * fsh_drive)
    spermatogonial = lost(p.spermatogonial_hazard, p.androgen_spermatogonial_deprivation, base)
    spermatogonial = lost(spermatogonial, p.fsh_spermatogonial_deprivation, fsh_drive)
    prophase = lost(p.prophase_hazard, p.androgen_prophase_deprivation, meiosis)
    division = lost(p.meiotic_hazard, p.androgen_meiotic_deprivation, meiosis)
    excess = max(0.0, er_alpha_occupancy(oestrogen, p) - p.er_alpha_reference)
    injury = p.oestrogen_excess * excess + p.back_pressure * pressure
    rounds = lost(p.round_hazard, p.androgen_round_deprivation, elongation) + injury
    elongated = lost(p.elongation_hazard, p.androgen_elongation_deprivation, elongation) + injury
    prophase_days = p.preleptotene_days + p.leptotene_days + p.zygotene_days + p.pachytene_days + p.diplotene_days
    release *= p.fsh_floor_spermiation + (1.0 - p.fsh_floor_spermiation) * fsh_drive
    lack = p.oestrogen_lack * max(0.0, 1.0 - er_beta_signal(oestrogen, p))
    return (
        min(1.0, commitment),
        spermatogonial / p.b_spermatogonium_days,
        prophase / prophase_days,
        division / p.secondary_spermatocyte_days,
        rounds / p.round_spermatid_days,
        elongated / (p.elongating_spermatid_days + p.elongated_spermatid_days),
        min(1.0, p.spermiation * release),
        lack / (prophase_days + p.round_spermatid_days),
    )


# ---- germ cell


@register_jitable
def mean_duration(step, p):
    """Return the mean time that a cell spends in `step` (stem cells: one cycle)."""
    if step <= 1:
        return p.cycle_days
    if step == 2:
        return p.b_spermatogonium_days
    if step == 3:
        return p.preleptotene_days
    if step == 4:
        return p.leptotene_days
    if step == 5:
        return p.zygotene_days
    if step == 6:
        return p.pachytene_days
    if step == 7:
        return p.diplotene_days
    if step == 8:
        return p.secondary_spermatocyte_days
    if step == 9:
        return p.round_spermatid_days
    if step == 10:
        return p.elongating_spermatid_days
    return p.elongated_spermatid_days


@register_jitable
def draw_duration(seed, lineage, step, p):
    """Return the time that this cell will spend in `step`; stem cells keep the clock of their niche exactly."""
    if step <= 1:
        return p.cycle_days
    return mean_duration(step, p) * spread(seed, lineage, step, DURATION, p.duration_variation)


@register_jitable
def draw_budget(seed, lineage, step):
    """Return what a cell brings to `step`: for A-pale its first share of a commitment, else its hazard budget."""
    if step == A_PALE:
        return uniform(seed, lineage, step, COMMIT)
    return exponential(seed, lineage, step, SURVIVAL)


@register_jitable
def er_beta_expression(step, p):
    """Return the ER-beta expression of a germ cell in `step`, 0 to 1 (a switch by step)."""
    group = CLASS_OF_STEP[step]
    if group == 0:
        return p.er_beta_spermatogonium
    if group == 1:
        return p.er_beta_spermatocyte
    if group == 2:
        return p.er_beta_spermatid
    return p.er_beta_elongated


@register_jitable
def germ_hazard(step, support, p):
    """Return the hazard of a germ cell in `step` given the support row of its Sertoli cell."""
    which = HAZARD_OF_STEP[step]
    if which < 0:
        return 0.0
    return support[which] + er_beta_expression(step, p) * support[OESTROGEN_LACK_HAZARD]


@register_jitable
def germ_cell_step(remaining, budget, hazard, dt):
    """Return what a germ cell meets first in `dt`, and when: (LIVES | DIES | COMPLETES, elapsed days).

    It dies when the hazard it has accumulated in the stage exceeds its budget: exact for any length of step.
    """
    if hazard * min(remaining, dt) >= budget:
        return DIES, budget / hazard if hazard > 0.0 else 0.0
    if remaining > dt:
        return LIVES, dt
    return COMPLETES, remaining


@register_jitable
def stem_cell_turn(seed, lineage, step, turn, share, commitment, niche_a_pale, p):
    """Return (lost, share, founds) at the turn of a stem cell's cycle.

    A-pale gathers `commitment` at each turn; once its share has reached 1 it differentiates through the next cycle and
    founds a clone at the turn that ends it, so that hormones decide a cycle before B spermatogonia appear (A-pale to
    release takes 70 days in all). Niches share a limited mitogen, so clones follow at regular intervals. A few A-pale are
    lost. A-dark rests, and founds one A-pale when its niche has none.
    """
    if step == A_DARK:
        return False, share, niche_a_pale == 0
    if uniform(seed, lineage, 16 + turn, STEM_LOSS) < p.stem_cell_loss:
        return True, share, False
    founds = share >= 1.0
    if founds:
        share = share - 1.0
    return False, share + commitment, founds


@register_jitable
def is_released(seed, lineage, spermiation):
    """Return whether an elongated spermatid is released at the end of its step; else it is retained and digested."""
    return uniform(seed, lineage, 0, RELEASE) < spermiation
