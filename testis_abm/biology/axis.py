"""The hormonal axis: GnRH pulses, gonadotrophs, blood steroids, SHBG, fat, and what drugs act on.

The body advances in hourly steps (exponential Euler: stable for the two-hour life of LH); what changes over weeks
advances by the day. The equations are on the relative scale of the reference man (1 = his value) and are listed with their sources in parameters/model/axis.toml.
They read exposures and never drugs, so that any drugs combine. A mechanism of drugs is a row of MECHANISMS and its
effect in an equation below.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.binding import free_testosterone, total_over_free, total_testosterone
from testis_abm.biology.clamp import hold_body
from testis_abm.biology.days import BloodDay, record
from testis_abm.biology.fixed_point import Search, begin, take
from testis_abm.biology.kinetics import lh_response, relax, relax_by_ratio, shielded_inhibition
from testis_abm.quantities import QUANTITIES

HOURS = 24
_FAINTEST_GNRH = 1e-9  # share of receptors that what is left of an agonist takes
_FAINTEST_LH = 1e-9  # relative; a capacity is secretion over drive, so drive is never quite zero
_FAINTEST = 0.02  # relative oestradiol under which it permits the signal of androgens no less
_SHBG_FOLLOWS = 0.3  # relative steroid under which SHBG follows no more: castrates' total and free T fall alike
_LASTING = (0.05, 4.0)  # relative feedback over which the hypothalamus remembers more
_TURNS, _SETTLED = 4000, 1e-12


class Exposed(NamedTuple):
    """An exposure that a mechanism adds to: the concentration, over one constant of the drug's, times another ("" for 1)."""

    exposure: str
    over: str = ""
    times: str = ""


class Effect(NamedTuple):
    """A line of the picture of a drug.

    `field` is of the day's means, the testis' day, the body or the exposures; `unit` is "share" (of 1), "bound"
    (concentration over constant, shown as the occupied share), "" for a level as it is, or the parameter that it is a
    multiple of.
    """

    label: str
    field: str
    unit: str = "share"


@dataclass(frozen=True)
class Mechanism:
    """What a substance may do, as drugs.toml names it.

    Attributes:
        unit: of its concentration in tables and pictures.
        exposed: the exposures that it adds to, and the constants that it needs for them.
        title: of the axis of its effects.
        effects: what shows them.
        released: whether it joins the blood as a steroid of the body, by the amount that the depot releases in a day.
        pulsed: whether it comes and goes within the hour, so that the lowest level of the hour tells too.
        raises_lh, lowers_lh: how it moves LH, said after the drug's name.
    """

    unit: str
    exposed: tuple[Exposed, ...]
    title: str
    effects: tuple[Effect, ...]
    released: bool = False
    pulsed: bool = False
    raises_lh: str = ""
    lowers_lh: str = ""

    @property
    def share(self) -> bool:
        """Return whether its effects are shares of a whole."""
        return self.effects[0].unit in ("share", "bound")


_INHIBITED = (Effect("in fat", "inhibition_fat"), Effect("in Leydig cells", "leydig_inhibition"))
_T, _E2 = QUANTITIES["testosterone_nmol_l"], QUANTITIES["oestradiol_pmol_l"]
_BLOCKS_GNRH = "keeps GnRH from its receptor"
MECHANISMS: Mapping[str, Mechanism] = {
    "aromatase_inhibitor": Mechanism(
        "nmol/L", (Exposed("aromatase_inhibitor", "inhibition_constant"),), "Aromatase inhibited (%)", _INHIBITED
    ),
    "aromatase_inactivator": Mechanism(
        "nmol/L",
        (Exposed("aromatase_inactivation", times="inactivation_rate"),),  # share of the enzyme lost per day
        "Aromatase inhibited (%)",
        _INHIBITED,
    ),
    "lyase_inhibitor": Mechanism(
        "nmol/L",
        (Exposed("lyase_inhibitor", "lyase_constant"),),
        "17,20-lyase blocked (%)",
        (Effect("17,20-lyase", "lyase_inhibitor", "bound"),),
    ),
    "oestrogen_receptor_modulator": Mechanism(
        "nmol/L",
        (
            Exposed("receptor_bound", "receptor_constant"),
            Exposed("pituitary_agonist", "receptor_constant", "pituitary_activity"),  # at hypothalamus and pituitary
            Exposed("liver_agonist", "receptor_constant", "liver_activity"),  # on SHBG
            Exposed("bone_agonist", "receptor_constant", "bone_activity"),
        ),
        "Oestrogen receptor\ntaken (%)",
        (Effect("receptor", "receptor_bound", "bound"),),
        raises_lh="keeps oestradiol from its receptor",
    ),
    "gnrh_agonist": Mechanism(
        "nmol/L",
        (Exposed("gnrh", "gnrh_constant"), Exposed("gnrh_trough", "gnrh_constant")),  # mean and lowest of the hour
        "Response left to the\ngonadotroph (%)",
        (Effect("response", "gnrh_receptor"),),
        pulsed=True,
        raises_lh="drives the gonadotrophs",
        lowers_lh="desensitises the gonadotrophs",
    ),
    "gnrh_antagonist": Mechanism(
        "nmol/L",
        (Exposed("gnrh_block", "block_constant"),),
        "GnRH receptor\nblocked (%)",
        (Effect("receptor", "gnrh_block", "bound"),),
        raises_lh=_BLOCKS_GNRH,
        lowers_lh=_BLOCKS_GNRH,
    ),
    "lh_activity": Mechanism(
        "IU/L",
        (Exposed("hcg_iu_l"),),
        "LH activity (x normal)",
        (Effect("LH and hCG together", "lh_activity", ""), Effect("his own LH", "lh_iu_l", "axis.lh_reference")),
    ),
    "fsh_activity": Mechanism(
        "IU/L",
        (Exposed("fsh_iu_l"),),
        "FSH in blood (IU/L)",
        (Effect("his own and given", "fsh_iu_l", ""), Effect("his own", "own_fsh_iu_l", "")),
    ),
    "five_alpha_reductase_inactivator": Mechanism(
        "nmol/L",
        (
            Exposed("five_alpha_1_loss", times="inactivation_rate_type_1"),  # share of the enzyme lost per day
            Exposed("five_alpha_2_loss", times="inactivation_rate_type_2"),
        ),
        "DHT in blood (x normal)",
        (Effect("DHT", "dihydrotestosterone_nmol_l", "axis.dihydrotestosterone_reference"),),
    ),
    "androgen_receptor_blocker": Mechanism(
        "nmol/L",
        (Exposed("androgen_block", "androgen_receptor_constant"),),
        "Androgen receptor\ntaken (%)",
        (Effect("receptor", "androgen_block", "bound"),),
        raises_lh="keeps androgens from their receptor",
    ),
    "progestin": Mechanism(
        "nmol/L",
        (Exposed("progestin", "progestin_constant"),),
        "Feedback as progestin\n(x that of normal androgen)",
        (Effect("feedback", "progestin", ""),),
        lowers_lh="slows the pulses of GnRH as a progestin does",
    ),
    "androgen": Mechanism(
        "nmol/L",
        (Exposed("androgen", "androgen_constant"),),
        "Androgen activity in blood\n(x normal)",
        (Effect("given", "androgen", ""), Effect("all", "blood_androgen", "")),
        lowers_lh="acts on the androgen receptor of the hypothalamus",
    ),
    "hypothalamic_inhibitor": Mechanism(
        "nmol/L",
        (Exposed("gnrh_inhibition", "gnrh_inhibition_constant"),),
        "GnRH drive withheld (%)",
        (Effect("GnRH", "gnrh_inhibition", "bound"),),
        lowers_lh="keeps the hypothalamus from sending GnRH",
    ),
    "dopamine_agonist": Mechanism(
        "nmol/L",
        (Exposed("dopamine_agonist", "dopamine_constant"),),
        "Prolactin (x normal)",
        (Effect("prolactin", "prolactin_ug_l", "axis.prolactin_reference"),),
        raises_lh="lowers prolactin",
    ),
    "dihydrotestosterone": Mechanism(
        "nmol/day released",
        (Exposed("dihydrotestosterone"),),
        "DHT in blood (x normal)",
        (Effect("DHT", "dihydrotestosterone_nmol_l", "axis.dihydrotestosterone_reference"),),
        released=True,
        lowers_lh="acts on the androgen receptor of the hypothalamus",
    ),
    "testosterone": Mechanism(
        "nmol/day released",
        (Exposed("testosterone"),),
        f"{_T.title} in blood\n({_T.unit})",
        (Effect(_T.label, _T.column, ""),),
        released=True,
    ),
    "oestradiol": Mechanism(
        "nmol/day released",
        (Exposed("oestradiol"),),
        f"{_E2.title}\n({_E2.unit})",
        (Effect(_E2.label, _E2.column, ""),),
        released=True,
    ),
}
EXPOSURES = tuple(dict.fromkeys(part.exposure for row in MECHANISMS.values() for part in row.exposed))
Exposure = namedtuple("Exposure", EXPOSURES)  # type: ignore[misc]  # what drugs do, summed over all of them
NO_DRUGS = Exposure(*[0.0] * len(EXPOSURES))


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
    dihydrotestosterone_weight: float
    memory_exponent_low: float
    memory_exponent_high: float
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
def feedback(level, strength, exponent):
    """Return the brake of a steroid or inhibin B on GnRH or gonadotroph, 1 at level 1, up to 1 + strength without it."""
    return (1.0 + strength) / (1.0 + strength * max(level, 0.0) ** exponent)


@register_jitable
def saturating(drive, exponent, saturation):
    """Return what a lasting `drive` builds, 1 at drive 1, up to 1 + saturation."""
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

    They displace oestradiol, and what they do themselves is worth `receptor_full_agonist` times the normal level at
    full agonism.
    """
    return (level + agonist * p.receptor_full_agonist) / (1.0 + bound)


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
    by_androgen = max(androgen, _SHBG_FOLLOWS) ** p.shbg_androgen_exponent
    return p.shbg_production * by_androgen * max(e2, _SHBG_FOLLOWS) ** p.shbg_oestrogen_exponent


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
    signal *= max(felt, _FAINTEST) ** p.oestradiol_permission
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
    return saturating(present, p.fsh_unpulsed_exponent, 0.5)


@register_jitable
def remembered(lasting, p):
    """Return the scale of the GnRH drive that lasting feedback (relative) leads to."""
    lasting = min(max(lasting, _LASTING[0]), _LASTING[1])
    return lasting ** (p.memory_exponent_low if lasting < 1.0 else p.memory_exponent_high)


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
