"""The Sertoli cell: what it has responded to, the signals that follow, its aromatase and inhibin B (see leydig.py)."""

from __future__ import annotations

import math
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.kinetics import occupied, power


class ReceptorParameters(NamedTuple):
    """Sensitivities of a man's receptors, half-saturations, and how far each is occupied in the reference man."""

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
    # In the reference man, worked out once and not in every cell.
    commitment_occupancy: float
    meiosis_occupancy: float
    elongation_occupancy: float
    spermiation_occupancy: float
    fsh_occupancy: float
    er_beta_occupancy: float
    er_alpha_reference: float


class InhibinParameters(NamedTuple):
    """Inhibin B of one man's Sertoli cells against FSH."""

    inhibin_floor: float
    inhibin_fsh_gain: float
    inhibin_fsh_half: float


class Signals(NamedTuple):
    """What a Sertoli cell tells its germ cells, 1 in the reference man unless said otherwise.

    Attributes:
        commitment, meiosis, elongation, spermiation: AR, for the process of that name.
        fsh, er_beta: of those receptors. er_alpha: occupancy, 0 to 1, a sensor of excess.
        pressure: of fluid in the tract, 0 to 1.
    """

    commitment: float
    meiosis: float
    elongation: float
    spermiation: float
    fsh: float
    er_beta: float
    er_alpha: float
    pressure: float


class Sensed(NamedTuple):
    """Levels as receptors of a man's sensitivity sense them, raised to their Hill exponent: the rest is plain arithmetic."""

    androgen: float
    er_beta: float
    er_alpha: float


class Halves(NamedTuple):
    """The half-saturation of each process, raised to its Hill exponent."""

    commitment: float
    meiosis: float
    elongation: float
    spermiation: float
    er_beta: float
    er_alpha: float


@register_jitable
def response_kept(p, dt):
    """Return the share of a Sertoli cell's old response that is left after `dt`: the same for all of them.

    The responses (transcription, adhesion) trail the hormones by `response_days`.
    """
    return math.exp(-dt / p.receptor.response_days)


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
def sense(level, sensitivity, exponent):
    """Return a level as receptors of that sensitivity sense it, raised to its exponent."""
    return power(max(level * sensitivity, 0.0), exponent)


@register_jitable
def halves(p):
    """Return `Halves`."""
    receptor = p.receptor
    n, m = receptor.androgen_exponent, receptor.oestrogen_exponent
    return Halves(
        power(receptor.commitment_androgen_half, n),
        power(receptor.meiosis_androgen_half, n),
        power(receptor.elongation_androgen_half, n),
        power(receptor.spermiation_androgen_half, n),
        power(receptor.er_beta_half, m),
        power(receptor.er_alpha_half, m),
    )


@register_jitable
def signals(androgen, oestrogen, fsh, pressure, p):
    """Return the signals of a Sertoli cell that has responded to so much androgen, oestrogen and FSH."""
    receptor = p.receptor
    sensed = Sensed(
        sense(androgen, receptor.androgen_sensitivity, receptor.androgen_exponent),
        sense(oestrogen, receptor.er_beta_sensitivity, receptor.oestrogen_exponent),
        sense(oestrogen, receptor.er_alpha_sensitivity, receptor.oestrogen_exponent),
    )
    return signals_from(sensed, fsh, pressure, halves(p), p)


@register_jitable
def signals_from(sensed, fsh, pressure, half, p):
    """Return `signals` from what has been raised to its exponent: no branch, so that many cells go at once."""
    receptor = p.receptor
    bound = max(fsh * receptor.fsh_sensitivity, 0.0)
    return Signals(
        occupied(sensed.androgen, half.commitment) * (1.0 / receptor.commitment_occupancy),
        occupied(sensed.androgen, half.meiosis) * (1.0 / receptor.meiosis_occupancy),
        occupied(sensed.androgen, half.elongation) * (1.0 / receptor.elongation_occupancy),
        occupied(sensed.androgen, half.spermiation) * (1.0 / receptor.spermiation_occupancy),
        occupied(bound, receptor.fsh_half) * (1.0 / receptor.fsh_occupancy),
        occupied(sensed.er_beta, half.er_beta) * (1.0 / receptor.er_beta_occupancy),
        occupied(sensed.er_alpha, half.er_alpha),
        pressure,
    )


@register_jitable
def elongation_signal(androgen, p):
    """Return the androgen signal for the elongation of spermatids alone, as `signals` does."""
    receptor, n = p.receptor, p.receptor.androgen_exponent
    sensed, half = sense(androgen, receptor.androgen_sensitivity, n), power(receptor.elongation_androgen_half, n)
    return occupied(sensed, half) * (1.0 / receptor.elongation_occupancy)


@register_jitable
def niche_aromatase(spermatocytes, spermatids, elongated, p):
    """Return the aromatase activity of a Sertoli cell with so many germ cells of each class (integers)."""
    activity = p.aromatase
    germ = spermatocytes * activity.spermatocyte_aromatase + spermatids * activity.spermatid_aromatase
    return activity.sertoli_aromatase + (germ + elongated * activity.elongated_aromatase)


@register_jitable
def inhibin_output(fsh, p):
    """Return the inhibin B of a Sertoli cell relative to the reference man."""
    relative = fsh * p.receptor.fsh_sensitivity * (1.0 / p.receptor.fsh_reference)
    return p.inhibin.inhibin_floor + p.inhibin.inhibin_fsh_gain * relative / (p.inhibin.inhibin_fsh_half + relative)
