"""The Leydig cell, and aromatase wherever it is: scalar rules, as in sertoli.py and germ.py.

The same functions run compiled over columns (testis/kernel.py), on plain agents (agents/reference.py) and on the mean
cell (testis/mean.py), with the same result to the last bit. `x * (1.0 / constant)` lets the compiler divide once for
all cells. Concentrations are free steroid in nmol/L, times in days, hazards per day.
"""

from __future__ import annotations

from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.kinetics import lh_response, relax, shielded_inhibition


class LeydigParameters(NamedTuple):
    """Numbers of the Leydig cells of one man."""

    lh_saturation: float
    basal_secretion: float
    trophic_exponent: float
    trophic_days: float
    aromatase_lh_exponent: float
    aromatase_days: float
    oestrogen_brake: float
    leydig_er_alpha_sensitivity: float
    leydig_secretion: float


class AromataseParameters(NamedTuple):
    """Affinity and activities of testicular aromatase, over what the reference tissue makes per Sertoli cell in all."""

    aromatase_km: float
    leydig_aromatase: float
    sertoli_aromatase: float
    spermatocyte_aromatase: float
    spermatid_aromatase: float
    elongated_aromatase: float


@register_jitable
def er_alpha_signal(oestradiol, p):
    """Return free local oestradiol as ER-alpha of a Leydig cell senses it, 1 in the reference man."""
    return p.leydig.leydig_er_alpha_sensitivity * oestradiol / p.receptor.free_oestradiol_reference


@register_jitable
def leydig_day(capacity, expression, size, oestradiol, activity, open_lyase, p, dt):
    """Return the capacity, aromatase expression and testosterone secretion of a Leydig cell after `dt`.

    LH activity (LH and hCG, relative) secretes at once and, over weeks, sets capacity; it also raises aromatase.
    `oestradiol` is the free local level: with the brake switched on, ER-alpha slows secretion. `open_lyase` is the
    share of steroid synthesis that no drug blocks. Secretion is relative to the mean cell of the reference man.
    """
    capacity = relax(capacity, activity**p.leydig.trophic_exponent, p.leydig.trophic_days, dt)
    expression = relax(expression, activity**p.leydig.aromatase_lh_exponent, p.leydig.aromatase_days, dt)
    level = er_alpha_signal(oestradiol, p)
    brake = (1.0 + p.leydig.oestrogen_brake) / (1.0 + p.leydig.oestrogen_brake * level)
    response = lh_response(activity, p.leydig.lh_saturation, p.leydig.basal_secretion)
    secretion = p.leydig.leydig_secretion * open_lyase * size * capacity * brake * response
    return capacity, expression, secretion


@register_jitable
def leydig_aromatase(size, expression, p):
    """Return the aromatase activity of a Leydig cell."""
    return p.aromatase.leydig_aromatase * p.leydig.leydig_secretion * size * expression


@register_jitable
def aromatise(activity, testosterone, inhibitor, p):
    """Return the oestradiol made by aromatase of that activity at local free testosterone (relative to reference)."""
    km = p.aromatase.aromatase_km
    reference = shielded_inhibition(p.receptor.free_testosterone_reference, km, 0.0)
    return activity * shielded_inhibition(testosterone, km, inhibitor) * (1.0 / reference)
