"""The rules of the cells: each a plain scalar function of one cell, its surroundings and the parameters.

The same functions run compiled over columns (kernel.py) and uncompiled over Mesa agent objects (reference.py), with the
same result to the last bit. `x * (1.0 / constant)` lets the compiler divide once for all cells. Concentrations are free steroid in nmol/L, times in days, hazards per day.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.kinetics import hill, lh_response, power, relax, shielded_inhibition
from testis_abm.biology.luck import (
    CLONE,
    COMMIT,
    ENTRY,
    RELEASE,
    STEM_LOSS,
    bits,
    child,
    exponential,
    halves,
    spread,
    u64,
    uniform,
)
from testis_abm.biology.steps import A_DARK, A_PALE, CLASS_OF_STEP, HAZARD

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
    clonal_death: float
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
    er_alpha_germ: float
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
def leydig_day(capacity, expression, size, oestradiol, activity, open_lyase, p, dt):
    """Return the capacity, aromatase expression and testosterone secretion of a Leydig cell after `dt`.

    `open_lyase` is the share of steroid synthesis that no drug blocks.

    LH activity (LH and hCG, relative) secretes at once and, over weeks, sets capacity; it also raises aromatase.
    `oestradiol` is the free local level: with the brake switched on, ER-alpha slows secretion. Secretion is relative to
    the mean cell of the reference man.
    """
    capacity = relax(capacity, activity**p.trophic_exponent, p.trophic_days, dt)
    expression = relax(expression, activity**p.aromatase_lh_exponent, p.aromatase_days, dt)
    level = p.er_alpha_sensitivity * oestradiol / p.free_oestradiol_reference
    brake = (1.0 + p.oestrogen_brake) / (1.0 + p.oestrogen_brake * level)
    secretion = p.leydig_secretion * open_lyase * size * capacity * brake * lh_response(activity, p.lh_saturation)
    return capacity, expression, secretion


@register_jitable
def aromatise(activity, testosterone, inhibitor, p):
    """Return the oestradiol made by a cell of aromatase `activity` at local free testosterone (relative to reference)."""
    reference = shielded_inhibition(p.free_testosterone_reference, p.aromatase_km, 0.0)
    return activity * shielded_inhibition(testosterone, p.aromatase_km, inhibitor) * (1.0 / reference)


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


@register_jitable
def niche_aromatase(spermatocytes, spermatids, elongated, p):
    """Return the aromatase activity of a Sertoli cell with so many germ cells of each class (integers)."""
    germ = spermatocytes * p.spermatocyte_aromatase + spermatids * p.spermatid_aromatase
    return p.sertoli_aromatase + (germ + elongated * p.elongated_aromatase)


# ---- Sertoli cell


@register_jitable
def response_kept(p, dt):
    """Return the share of a Sertoli cell's old response that is left after `dt`: the same for all of them.

    The responses (transcription, adhesion) trail the hormones by `response_days`.
    """
    return math.exp(-dt / p.response_days)


@register_jitable
def responded(response, level, kept):
    """Return what a Sertoli cell has responded to (androgen, oestrogen, FSH) once it has `kept` so much of the old."""
    return level + (response - level) * kept


@register_jitable
def sertoli_day(androgen, oestrogen, fsh, testosterone, oestradiol, blood_fsh, p, dt):
    """Return the androgen, oestrogen and FSH that a Sertoli cell has responded to, after `dt`."""
    kept = response_kept(p, dt)
    return (
        responded(androgen, testosterone, kept),
        responded(oestrogen, oestradiol, kept),
        responded(fsh, blood_fsh, kept),
    )


@register_jitable
def androgen_signal(androgen, half, reference, p):
    """Return the AR signal of a Sertoli cell for a process of effective half-saturation `half`; 1 = reference.

    `reference` is the occupancy of that process in the reference man (p.meiosis_occupancy, ...).
    """
    return hill(androgen * p.androgen_sensitivity, half, p.androgen_exponent) * (1.0 / reference)


@register_jitable
def fsh_signal(fsh, p):
    """Return the FSH signal of a Sertoli cell, 1 = reference."""
    bound = max(fsh * p.fsh_sensitivity, 0.0)
    return bound / (p.fsh_half + bound) * (1.0 / p.fsh_occupancy)


@register_jitable
def er_beta_signal(oestrogen, p):
    """Return the ER-beta signal at free local oestradiol, 1 = reference."""
    return hill(oestrogen * p.er_beta_sensitivity, p.er_beta_half, p.oestrogen_exponent) * (1.0 / p.er_beta_occupancy)


@register_jitable
def er_alpha_occupancy(oestrogen, p):
    """Return the ER-alpha occupancy (0 to 1) at free local oestradiol: a sensor of excess."""
    return hill(oestrogen * p.er_alpha_sensitivity, p.er_alpha_half, p.oestrogen_exponent)


@register_jitable
def inhibin_output(fsh, p):
    """Return the inhibin B of a Sertoli cell relative to the reference man."""
    relative = fsh * p.fsh_sensitivity * (1.0 / p.fsh_reference)
    return p.inhibin_floor + p.inhibin_fsh_gain * relative / (p.inhibin_fsh_half + relative)


@register_jitable
def lost(base, deprivation, signal):
    """Return a cumulative hazard: what is always lost plus what a missing signal adds; never negative."""
    return max(0.0, base + deprivation * (1.0 - signal))


class Powers(NamedTuple):
    """Hormones, or half-saturations, raised to their Hill exponent: worked out once, so that the rest is plain arithmetic."""

    commitment: float
    meiosis: float
    elongation: float
    spermiation: float
    er_beta: float
    er_alpha: float


@register_jitable
def half_powers(p):
    """Return the half-saturation of each process raised to its exponent."""
    n, m = p.androgen_exponent, p.oestrogen_exponent
    return Powers(
        power(p.commitment_androgen_half, n),
        power(p.meiosis_androgen_half, n),
        power(p.elongation_androgen_half, n),
        power(p.spermiation_androgen_half, n),
        power(p.er_beta_half, m),
        power(p.er_alpha_half, m),
    )


@register_jitable
def hormone_powers(androgen, oestrogen, p):
    """Return the androgen and, through ER-beta and ER-alpha, the oestrogen of a Sertoli cell raised to their exponents."""
    return (
        heard(androgen, p.androgen_sensitivity, p.androgen_exponent),
        heard(oestrogen, p.er_beta_sensitivity, p.oestrogen_exponent),
        heard(oestrogen, p.er_alpha_sensitivity, p.oestrogen_exponent),
    )


@register_jitable
def heard(level, sensitivity, exponent):
    """Return a hormone's level as a receptor of that sensitivity hears it, raised to its exponent."""
    return power(max(level * sensitivity, 0.0), exponent)


@register_jitable
def sertoli_support(androgen, oestrogen, fsh, pressure, p):
    """Return what hormones make of a Sertoli cell's support, in the order of steps.SUPPORT (shares, hazards per day).

    Commitment (share of A-pale a cycle) and the B spermatogonia depend on FSH and androgen, meiosis and the elongation of
    round spermatids on androgen, spermiation on both. Missing oestrogen signal (ER-beta, or by a switch ER-alpha, of germ
    cells) adds a hazard to spermatogonia to round spermatids, excess oestrogen (ER-alpha) and back-pressure of fluid (0 to 1)
    one to spermatids.
    """
    bound, by_beta, by_alpha = hormone_powers(androgen, oestrogen, p)
    return support_from(bound, by_beta, by_alpha, fsh, pressure, half_powers(p), p)


@register_jitable
def support_from(bound, by_beta, by_alpha, fsh, pressure, half, p):
    """Return `sertoli_support` from `hormone_powers` and `half_powers`: no branch, so that many cells go at once."""
    fsh_drive = fsh_signal(fsh, p)
    base = bound / (half.commitment + bound) * (1.0 / p.commitment_occupancy)
    meiosis = bound / (half.meiosis + bound) * (1.0 / p.meiosis_occupancy)
    elongation = bound / (half.elongation + bound) * (1.0 / p.elongation_occupancy)
    release = bound / (half.spermiation + bound) * (1.0 / p.spermiation_occupancy)

    commitment = p.commitment * base * (p.fsh_floor_commitment + (1.0 - p.fsh_floor_commitment) * fsh_drive)
    spermatogonial = lost(p.spermatogonial_hazard, p.androgen_spermatogonial_deprivation, base)
    spermatogonial = lost(spermatogonial, p.fsh_spermatogonial_deprivation, fsh_drive)
    prophase = lost(p.prophase_hazard, p.androgen_prophase_deprivation, meiosis)
    division = lost(p.meiotic_hazard, p.androgen_meiotic_deprivation, meiosis)
    excess = max(0.0, by_alpha / (half.er_alpha + by_alpha) - p.er_alpha_reference)
    injury = p.oestrogen_excess * excess + p.back_pressure * pressure
    rounds = lost(p.round_hazard, p.androgen_round_deprivation, elongation) + injury
    elongated = lost(p.elongation_hazard, p.androgen_elongation_deprivation, elongation) + injury
    prophase_days = p.preleptotene_days + p.leptotene_days + p.zygotene_days + p.pachytene_days + p.diplotene_days
    release *= p.fsh_floor_spermiation + (1.0 - p.fsh_floor_spermiation) * fsh_drive
    by_alpha_share = by_alpha / (half.er_alpha + by_alpha) * (1.0 / p.er_alpha_reference)
    by_beta_share = by_beta / (half.er_beta + by_beta) * (1.0 / p.er_beta_occupancy)
    heard = p.er_alpha_germ * by_alpha_share + (1.0 - p.er_alpha_germ) * by_beta_share
    lack = p.oestrogen_lack * max(0.0, 1.0 - heard)
    return (
        min(1.0, commitment),
        min(1.0, p.spermiation * release),
        spermatogonial * (1.0 / p.b_spermatogonium_days),
        prophase * (1.0 / prophase_days),
        division * (1.0 / p.secondary_spermatocyte_days),
        rounds * (1.0 / p.round_spermatid_days),
        elongated * (1.0 / (p.elongating_spermatid_days + p.elongated_spermatid_days)),
        lack * (1.0 / (prophase_days + p.round_spermatid_days)),
    )


@register_jitable
def sertoli_rates(support, p):
    """Return the rates that a Sertoli cell sets, in the order of steps.RATES: two shares and the hazard of each step.

    Stem cells have no hazard of their own (they are lost at the turn of a cycle). Where a step expresses ER-beta, a
    missing signal adds to its hazard.
    """
    commitment, spermiation, spermatogonial, prophase, meiotic, rounds, elongation, lack = support
    prophase = prophase + p.er_beta_spermatocyte * lack
    elongation = elongation + p.er_beta_elongated * lack
    return (
        commitment,
        spermiation,
        0.0,
        0.0,
        spermatogonial + p.er_beta_spermatogonium * lack,
        prophase,
        prophase,
        prophase,
        prophase,
        prophase,
        meiotic + p.er_beta_spermatocyte * lack,
        rounds + p.er_beta_spermatid * lack,
        elongation,
        elongation,
    )


@register_jitable
def changed(rate, value, factor, added):
    """Return a named rate (index in steps.RATES) after a change from outside: a share stays within 0 and 1, a hazard >= 0."""
    value = max(0.0, value * factor + added)
    return min(1.0, value) if rate < HAZARD else value


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
def clone_of(lineage, ordinal):
    """Return the name of the clone that an A-pale founds after `ordinal` others: 32 bits, never 0.

    Not named by the turn: a treatment that lets it found earlier shifts its clones in time and leaves each its luck.
    """
    return u64(child(lineage, 2 * ordinal) >> u64(32)) | u64(1)


@register_jitable
def on_entering(lineage, clone, step, mean_days, variation, clonal_death):
    """Return how long a cell will stay in `step`, days, and what hazard it can take there: drawn once, on entering.

    Stem cells keep the clock of their niche exactly. `mean_days` holds `mean_duration` of every step. With the chance
    `clonal_death` the cells of a clone, which bridges join, share what they can take in the step: they die together.
    """
    first, second = halves(bits(lineage, step, ENTRY))
    if clonal_death > 0.0 and step > A_PALE and uniform(clone, step, CLONE) < clonal_death:
        second = halves(bits(clone, step, ENTRY))[1]
    days = mean_days[step]
    if step > 1:
        days = days * spread(first, variation)
    return days, exponential(second)


@register_jitable
def first_share(lineage, step):
    """Return the share of a clone that an A-pale starts with, so that neighbours do not found theirs together."""
    return uniform(lineage, step, COMMIT)


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
def next_event(ends, threshold, gathered, hazard, now):
    """Return what a germ cell meets first up to day `now`, and when: (LIVES | DIES | COMPLETES, day).

    Its Sertoli cell counts the hazard of each step since the beginning; by now it has `gathered` and grows by `hazard`
    a day. The cell dies when that count passes its `threshold` (the count at its entry plus its budget): exact for any
    history of hazards and any length of step.
    """
    if threshold <= gathered:
        died = now - (gathered - threshold) / hazard if hazard > 0.0 else -1e300
        if died <= ends:
            return DIES, died
    if ends <= now:
        return COMPLETES, ends
    return LIVES, now


@register_jitable
def stem_cell_turn(lineage, step, turn, share, commitment, niche_a_pale, p):
    """Return (lost, share, founds) at the turn of a stem cell's cycle.

    A-pale gathers `commitment` at each turn; once its share has reached 1 it differentiates through the next cycle and
    founds a clone at the turn that ends it, so that hormones decide a cycle before B spermatogonia appear (A-pale to
    release takes 70 days in all). Niches share a limited mitogen, so clones follow at regular intervals. A few A-pale are
    lost. A-dark rests, and founds one A-pale when its niche has none.
    """
    if step == A_DARK:
        return False, share, niche_a_pale == 0
    if uniform(lineage, 16 + turn, STEM_LOSS) < p.stem_cell_loss:
        return True, share, False
    founds = share >= 1.0
    if founds:
        share = share - 1.0
    return False, share + commitment, founds


@register_jitable
def is_released(lineage, spermiation):
    """Return whether an elongated spermatid is released at the end of its step; else it is retained and digested."""
    return uniform(lineage, 0, RELEASE) < spermiation
