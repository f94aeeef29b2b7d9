"""The Sertoli cell: what it has responded to, the signals that follow, its aromatase and inhibin B (see leydig.py)."""

from __future__ import annotations

import math
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.kinetics import occupied, power


class ReceptorParameters(NamedTuple):
    """Sensitivities of a man's receptors, half-effects, and how far each is occupied in the reference man.

    Halves of androgen are free nmol/L and that of FSH IU/L; `oestrogen_half` is relative to the reference man.
    """

    free_testosterone_reference: float
    free_oestradiol_reference: float
    fsh_reference: float
    androgen_sensitivity: float
    fsh_sensitivity: float
    er_alpha_sensitivity: float
    er_beta_sensitivity: float
    androgen_half: float
    meiosis_androgen_half: float
    spermiation_androgen_half: float
    androgen_exponent: float
    fsh_half: float
    oestrogen_half: float
    response_days: float
    adhesion_days: float
    lack_days: float
    # In the reference man, worked out once and not in every cell.
    androgen_occupancy: float
    meiosis_occupancy: float
    spermiation_occupancy: float
    fsh_occupancy: float
    lack_reference: float


class InhibinParameters(NamedTuple):
    """Inhibin B of one man's Sertoli cells against FSH and their germ cells.

    Attributes:
        inhibin_germ_share: of the output of the reference man that germ cells call forth; inhibin_germ_half: germ cells
            that call forth half of the most of it, relative; inhibin_germ_clone: spermatocytes of one clone, relative;
            inhibin_germ_most: so much that Sertoli cells of the reference man make 1 on average;
            inhibin_germ_reference: his germ cells per Sertoli cell.
    """

    inhibin_floor: float
    inhibin_fsh_gain: float
    inhibin_fsh_half: float
    inhibin_germ_share: float
    inhibin_germ_half: float
    inhibin_germ_clone: float
    inhibin_germ_most: float
    inhibin_germ_reference: float


class Response(NamedTuple):
    """What a Sertoli cell has responded to.

    Attributes:
        androgen: free nmol/L, and fsh, IU/L, at the pace of transcription; adhesion: androgen at that of the adhesion
            proteins, which outlive it.
        lack: of oestrogen, 0 to 1, beyond that of the reference man; it builds up over months.
    """

    androgen: float
    adhesion: float
    fsh: float
    lack: float


class Signals(NamedTuple):
    """What a Sertoli cell tells its germ cells, 1 in the reference man unless said otherwise.

    Attributes:
        meiosis, androgen, spermiation: AR, for the process of that name; `androgen` for entry and adhesion. Release needs
            the most androgen and meiosis the least, so they fail in that order.
        fsh: of its receptor.
        lack: of oestrogen, and pressure: of fluid in the tract, 0 to 1, none in the reference man.
    """

    meiosis: float
    androgen: float
    spermiation: float
    fsh: float
    lack: float
    pressure: float


class Halves(NamedTuple):
    """The half-effect of androgen on each process, raised to its Hill exponent."""

    meiosis: float
    androgen: float
    spermiation: float


@register_jitable
def responses_kept(p, dt):
    """Return the share of a Sertoli cell's old responses that is left after `dt`, the same for all of them (Response)."""
    fast = math.exp(-dt / p.receptor.response_days)
    return Response(fast, math.exp(-dt / p.receptor.adhesion_days), fast, math.exp(-dt / p.receptor.lack_days))


@register_jitable
def responded(response, level, kept):
    """Return what a Sertoli cell has responded to once it has `kept` so much of the old."""
    return level + (response - level) * kept


@register_jitable
def lacking(oestradiol, p):
    """Return the lack of oestrogen, 0 to 1, that a local level (free nmol/L) brings in time; excess does nothing.

    Either receptor will do: mice without ER-beta make sperm in full, and those without ER-alpha lose them to their ducts.
    """
    receptor = p.receptor
    sensitivity = max(receptor.er_alpha_sensitivity, receptor.er_beta_sensitivity)
    level = oestradiol * (sensitivity / receptor.free_oestradiol_reference)
    half = receptor.oestrogen_half * receptor.oestrogen_half
    return max(0.0, half / (half + level * level) - receptor.lack_reference)


@register_jitable
def sertoli_day(response, testosterone, oestradiol, blood_fsh, p, dt):
    """Return what a Sertoli cell has responded to (Response) after `dt` at such local levels."""
    kept = responses_kept(p, dt)
    return Response(
        responded(response.androgen, testosterone, kept.androgen),
        responded(response.adhesion, testosterone, kept.adhesion),
        responded(response.fsh, blood_fsh, kept.fsh),
        responded(response.lack, lacking(oestradiol, p), kept.lack),
    )


@register_jitable
def sense(level, sensitivity, exponent):
    """Return a level as receptors of that sensitivity sense it, raised to its exponent."""
    return power(max(level * sensitivity, 0.0), exponent)


@register_jitable
def halves(p):
    """Return `Halves`."""
    receptor, n = p.receptor, p.receptor.androgen_exponent
    return Halves(
        power(receptor.meiosis_androgen_half, n),
        power(receptor.androgen_half, n),
        power(receptor.spermiation_androgen_half, n),
    )


@register_jitable
def signals(response, pressure, p):
    """Return the signals of a Sertoli cell that has so responded, under such pressure of fluid."""
    receptor = p.receptor
    sensed = Response(
        sense(response.androgen, receptor.androgen_sensitivity, receptor.androgen_exponent),
        sense(response.adhesion, receptor.androgen_sensitivity, receptor.androgen_exponent),
        response.fsh,
        response.lack,
    )
    return signals_from(sensed, pressure, halves(p), p)


@register_jitable
def signals_from(sensed, pressure, half, p):
    """Return `signals` from responses whose androgen has been sensed: no branch, so that many cells go at once."""
    receptor = p.receptor
    bound = max(sensed.fsh * receptor.fsh_sensitivity, 0.0)
    return Signals(
        occupied(sensed.androgen, half.meiosis) * (1.0 / receptor.meiosis_occupancy),
        occupied(sensed.adhesion, half.androgen) * (1.0 / receptor.androgen_occupancy),
        occupied(sensed.adhesion, half.spermiation) * (1.0 / receptor.spermiation_occupancy),
        occupied(bound, receptor.fsh_half) * (1.0 / receptor.fsh_occupancy),
        sensed.lack,
        pressure,
    )


@register_jitable
def androgen_signal(adhesion, p):
    """Return the androgen signal for adhesion and elongation alone, as `signals` does."""
    receptor, n = p.receptor, p.receptor.androgen_exponent
    sensed, half = sense(adhesion, receptor.androgen_sensitivity, n), power(receptor.androgen_half, n)
    return occupied(sensed, half) * (1.0 / receptor.androgen_occupancy)


@register_jitable
def oestrogen_signal(oestradiol, sensitivity, p):
    """Return local oestradiol (free nmol/L) as a receptor of that sensitivity senses it, 1 in the reference man."""
    return oestradiol * sensitivity * (1.0 / p.receptor.free_oestradiol_reference)


@register_jitable
def niche_aromatase(spermatocytes, spermatids, elongated, p):
    """Return the aromatase activity of a Sertoli cell with so many germ cells of each class (integers)."""
    activity = p.aromatase
    germ = spermatocytes * activity.spermatocyte_aromatase + spermatids * activity.spermatid_aromatase
    return activity.sertoli_aromatase + (germ + elongated * activity.elongated_aromatase)


@register_jitable
def inhibin_output(fsh, germ, p):
    """Return the inhibin B of a Sertoli cell relative to the reference man.

    A grown Sertoli cell makes little without germ cells. Pachytene spermatocytes to round spermatids call forth the
    rest, and a few of them nearly all: inhibin B is low or nil in Sertoli-cell-only and early arrest, near normal in
    late arrest and obstruction (Andersson & Skakkebaek 2001). FSH drives both.

    Args:
        fsh: that it has responded to, IU/L.
        germ: pachytene spermatocytes to round spermatids per Sertoli cell, it and its neighbours (see kernel.food).
        p: numbers of the tissue.
    """
    fed = germ * (1.0 / p.inhibin.inhibin_germ_reference)
    return inhibin_called(fsh, fed / (p.inhibin.inhibin_germ_half + fed), p)


@register_jitable
def mean_inhibin_output(fsh, germ, divided, p):
    """Return the mean `inhibin_output` of Sertoli cells that have so many germ cells around them on average.

    Germ cells lie in clones, so that some niches have more than enough and others few, which a saturating answer does
    not make up for. Exact for many clones around a cell, to the second order, and for few. `divided` is the part of
    `germ` that has been through the first meiotic division: of those clones are twice as large.
    """
    fed = germ * (1.0 / p.inhibin.inhibin_germ_reference)
    clone = p.inhibin.inhibin_germ_clone * (1.0 + divided / germ) if germ > 0.0 else 0.0
    return inhibin_called(fsh, fed / uneven(fed, p.inhibin.inhibin_germ_half, clone), p)


@register_jitable
def uneven(fed, half, clone):
    """Return what `fed` is over, of the share called forth, where germ cells lie in clones of such size (all relative)."""
    return half + fed + half * clone / (half + fed)


@register_jitable
def inhibin_called(fsh, called, p):
    """Return the inhibin B of Sertoli cells in which germ cells call forth the share `called` of the most they can."""
    inhibin = p.inhibin
    relative = fsh * p.receptor.fsh_sensitivity * (1.0 / p.receptor.fsh_reference)
    driven = inhibin.inhibin_floor + inhibin.inhibin_fsh_gain * relative / (inhibin.inhibin_fsh_half + relative)
    share = inhibin.inhibin_germ_share
    return driven * (1.0 - share + share * inhibin.inhibin_germ_most * called)
