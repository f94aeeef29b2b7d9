"""Hypothalamus and gonadotrophs: what steroids, inhibin B and drugs make of the pulses of GnRH, and these of LH and FSH.

Equations on the relative scale of the reference man; sources in parameters/model/axis.toml, of which `p` is the man's
AxisParameters. Nothing here advances but the receptor of GnRH: the body does (axis.py).
"""

from __future__ import annotations

from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.days import HOURS
from testis_abm.biology.kinetics import relax

_FAINTEST_GNRH = 1e-9  # share of receptors that what is left of an agonist takes


@register_jitable
def feedback(level, strength, exponent):
    """Return the brake of a steroid or inhibin B on GnRH or gonadotroph, 1 at level 1, up to 1 + strength without it."""
    return (1.0 + strength) / (1.0 + strength * max(level, 0.0) ** exponent)


@register_jitable
def saturating(drive, exponent, saturation):
    """Return what a lasting `drive` builds, 1 at drive 1, up to 1 + saturation."""
    powered = drive**exponent
    return (1.0 + saturation) * powered / (saturation + powered)


@register_jitable
def modulated(level, bound, agonist, p):
    """Return the oestradiol level that a receptor feels among modulators (`bound`, of which `agonist` act like it).

    They displace oestradiol, and what they do themselves is worth `receptor_full_agonist` times the normal level at
    full agonism.
    """
    return (level + agonist * p.receptor_full_agonist) / (1.0 + bound)


@register_jitable
def desensitise(body, exposure, p, dt):
    """Advance what a GnRH agonist does to its receptor; return the share of receptors that it takes.

    Pulses let go of the receptor; the part of an exposure that never ceases desensitises, after a flare. It is told by
    the lowest level over the mean of the hours before, so that pulses of any size and pace keep the response.
    """
    if exposure.gnrh == 0.0 and body.gnrh_mean == 0.0 and body.gnrh_receptor == 1.0:
        return 0.0
    taken, left_on = exposure.gnrh / (1.0 + exposure.gnrh), exposure.gnrh_trough / (1.0 + exposure.gnrh_trough)
    hours = p.gnrh_tonic_hours / HOURS
    body.gnrh_mean = relax(body.gnrh_mean, taken, hours, dt)
    body.gnrh_tonic = min(left_on, relax(body.gnrh_tonic, left_on, hours, dt))
    unceasing = body.gnrh_tonic * (body.gnrh_tonic / max(body.gnrh_mean, 1e-12)) ** 3
    tonic = (unceasing / p.gnrh_desensitising_level) ** p.gnrh_desensitising_exponent
    body.gnrh_receptor = relax(body.gnrh_receptor, 1.0 / (1.0 + tonic), p.gnrh_desensitising_days, dt)
    if body.gnrh_mean < _FAINTEST_GNRH and body.gnrh_receptor > 1.0 - _FAINTEST_GNRH:
        body.gnrh_mean, body.gnrh_tonic, body.gnrh_receptor = 0.0, 0.0, 1.0
    return taken


class Drive(NamedTuple):
    """What drives the gonadotrophs, relative.

    Attributes:
        lh: of LH; signal: GnRH that acts on them, pulses and all; present: GnRH whatever its rhythm.
        frequency: of pulses; at_pituitary: brake of oestradiol on the gonadotroph, which sets the amplitude.
        by_androgen, by_oestradiol: brakes on GnRH; felt: oestradiol as its receptor feels it.
    """

    lh: float
    signal: float
    present: float
    frequency: float
    at_pituitary: float
    by_androgen: float
    by_oestradiol: float
    felt: float


@register_jitable
def pituitary_drive(body, androgen, e2, agonist, exposure, p):
    """Return what drives the gonadotrophs (Drive) at relative `androgen` of the hypothalamus and oestradiol.

    Androgens slow the pulses of GnRH, as far as oestradiol permits; progestins do in their stead. Oestradiol brakes
    hypothalamus and pituitary. Given GnRH (`agonist`, share of receptors) adds to what the hypothalamus sends and is
    braked at the pituitary alone.
    """
    felt = modulated(e2 * p.oestrogen_feedback_sensitivity, exposure.receptor_bound, exposure.pituitary_agonist, p)
    signal = androgen * p.androgen_feedback_sensitivity + exposure.progestin
    signal *= max(felt, p.oestradiol_permission_least) ** p.oestradiol_permission
    brake_t = feedback(signal, p.testosterone_feedback_strength, p.testosterone_feedback_exponent)
    brake_e = feedback(felt, p.oestradiol_feedback_strength, p.oestradiol_feedback_exponent)
    at_pituitary = brake_e**p.oestradiol_pituitary_share
    prolactin = p.prolactin / (1.0 + exposure.dopamine_agonist)
    frequency = p.gnrh_drive * body.memory * brake_t * (brake_e / at_pituitary)
    if prolactin != 1.0:
        free = feedback(prolactin, 1.0 / p.prolactin_half**p.prolactin_exponent, p.prolactin_exponent)
        frequency *= 1.0 - p.prolactin_most * (1.0 - free)
    frequency /= 1.0 + exposure.gnrh_inhibition
    present = frequency + p.gnrh_agonist_maximum * agonist
    if exposure.gnrh_block > 0.0:
        present /= 1.0 + exposure.gnrh_block**p.gnrh_block_exponent
    signal = present * body.gnrh_receptor
    return Drive(signal * at_pituitary, signal, present, frequency, at_pituitary, brake_t, brake_e, felt)


@register_jitable
def lh_secretion(drive, capacity, p):
    """Return the LH that a gonadotroph of that capacity keeps up at a `drive` (Drive), relative."""
    return p.lh_floor + (1.0 - p.lh_floor) * capacity * drive.lh


@register_jitable
def fsh_secretion(drive, capacity, unpulsed, inhibin, p):
    """Return the FSH that gonadotrophs keep up: by pulses of GnRH, by GnRH whatever its rhythm, under oestradiol and inhibin B."""
    share = p.fsh_unpulsed_share
    made = (1.0 - share) * capacity * drive.signal + share * unpulsed
    made *= feedback(drive.felt, p.fsh_oestradiol_strength, p.fsh_oestradiol_exponent)
    made *= feedback(inhibin, p.inhibin_feedback_strength, p.inhibin_feedback_exponent)
    made *= (1.0 + p.fsh_ceiling) / (p.fsh_ceiling + made)
    return p.fsh_secretion * (p.fsh_floor + (1.0 - p.fsh_floor) * made)


@register_jitable
def unpulsed_fsh(present, p):
    """Return the secretion of FSH that GnRH builds whatever its rhythm, relative."""
    return saturating(present, p.fsh_unpulsed_exponent, p.fsh_unpulsed_saturation)


@register_jitable
def remembered(lasting, p):
    """Return the scale of the GnRH drive that lasting feedback (relative) leads to."""
    lasting = min(max(lasting, p.memory_least), p.memory_most)
    return lasting ** (p.memory_exponent_low if lasting < 1.0 else p.memory_exponent_high)
