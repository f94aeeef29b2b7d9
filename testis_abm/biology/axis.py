"""The hormonal axis: gonadotrophs with a fast drive and a slow store, blood steroids, SHBG, fat, and what drugs act on.

The body advances in hourly steps (exponential Euler: stable for the two-hour life of LH). The equations are on the
relative scale of the reference man (1 = his value) and are listed with their sources in parameters/model/axis.toml.
They read exposures and never drugs, so that any drugs combine. A mechanism of drugs is a row of MECHANISMS and its
effect in an equation below.
"""

from __future__ import annotations

import math
from collections import namedtuple
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from numba.extending import register_jitable

from testis_abm.biology.binding import free_testosterone, total_over_free, total_testosterone
from testis_abm.biology.clamp import hold_body
from testis_abm.biology.days import BloodDay, record
from testis_abm.biology.kinetics import lh_response, relax, shielded_inhibition
from testis_abm.quantities import QUANTITIES

HOURS = 24
_FAINTEST_LH = 1e-9  # relative; a capacity is secretion over drive, so drive is never quite zero
_FAINTEST = 0.02  # relative steroid under which SHBG follows no more
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
    "gonadotroph_store",
    "fsh_store",
    "lh",
    "fsh",
    "testosterone_nmol_l",
    "oestradiol",
    "shbg_nmol_l",
    "inhibin",
    "fat_aromatase",  # fraction of the enzyme that no drug has inactivated
    "testis_aromatase",
    "gnrh_tonic",  # exposure to agonist that never ceases between pulses
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
    "testosterone_brake",
    "oestradiol_brake",
    "peripheral_oestradiol",
    "adrenal_oestradiol",
    "bone_oestradiol_pmol_l",
)


class AxisParameters(NamedTuple):
    """Numbers of the axis for one man; names and units as in parameters/model/axis.toml, man's factors folded in."""

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

    They displace oestradiol, and what they do themselves is worth `receptor_full_agonist` times the normal level at
    full agonism.
    """
    return (level + agonist * p.receptor_full_agonist) / (1.0 + bound)


@register_jitable
def active_aromatase(active, lost, p, dt):
    """Return the active fraction of aromatase after `dt` days in which a share `lost` per day is inactivated."""
    renewal = 1.0 / p.aromatase_turnover_days
    return relax(active, renewal / (renewal + lost), 1.0 / (renewal + lost), dt)


@register_jitable
def shbg_target(x, e2, p):
    """Return the SHBG that the liver keeps up at relative free testosterone and the oestradiol that it feels, nmol/L."""
    by_androgen = max(x, _FAINTEST) ** p.shbg_androgen_exponent
    return p.shbg_production * by_androgen * max(e2, _FAINTEST) ** p.shbg_oestrogen_exponent


@register_jitable
def lh_activity(lh, hcg, p):
    """Return the LH activity of relative `lh` and of `hcg` in IU/L, which the receptor does not tell from it."""
    given = p.hcg_lh_equivalence * hcg
    return lh + given / (1.0 + given / p.hcg_saturation)


@register_jitable
def testosterone_made(testis, activity, cyp17a1, p):
    """Return testosterone production relative to the reference man's; the testis has its share of CYP17A1 in its capacity."""
    share = p.testicular_testosterone_share
    return share * testis.secretory_capacity * lh_response(activity, p.lh_saturation) + (1.0 - share) * cyp17a1


@register_jitable
def pituitary_drive(body, x, e2, exposure, p, dt):
    """Return the drive of the gonadotrophs and the two steroids' brakes; advance what GnRH agonists do.

    Testosterone slows the hypothalamus; oestradiol brakes hypothalamus and pituitary. Given GnRH adds to what the
    hypothalamus sends and is braked at the pituitary alone; given without pause it desensitises, after a flare.
    """
    felt = modulated(e2 * p.oestrogen_feedback_sensitivity, exposure.receptor_bound, exposure.pituitary_agonist, p)
    brake_t = feedback(
        x * p.androgen_feedback_sensitivity, p.testosterone_feedback_strength, p.testosterone_feedback_exponent
    )
    brake_e = feedback(felt, p.oestradiol_feedback_strength, p.oestradiol_feedback_exponent)
    at_pituitary = brake_e**p.oestradiol_pituitary_share
    # Pulses fall to little between doses; only what never ceases counts as tonic.
    if exposure.gnrh_trough < body.gnrh_tonic:
        body.gnrh_tonic = exposure.gnrh_trough
    else:
        body.gnrh_tonic = relax(body.gnrh_tonic, exposure.gnrh_trough, p.gnrh_tonic_hours / HOURS, dt)
    tonic = (body.gnrh_tonic / p.gnrh_desensitising_level) ** p.gnrh_desensitising_exponent
    body.gnrh_receptor = relax(body.gnrh_receptor, 1.0 / (1.0 + tonic), p.gnrh_desensitising_days, dt)
    given = p.gnrh_agonist_maximum * exposure.gnrh / (1.0 + exposure.gnrh)
    signal = p.gnrh_drive * brake_t * (brake_e / at_pituitary) + given
    signal *= body.gnrh_receptor / (1.0 + exposure.gnrh_block)
    return signal * at_pituitary, brake_t, brake_e


@register_jitable
def body_hour(body, p, testis, exposure, held, means):
    """Advance the body (BODY) by one hour of the `testis` of yesterday (TestisDay); add the hour's values to `means` (DAY).

    What is `held` (HELD) has its level already when the hour begins.
    """
    dt = 1.0 / HOURS
    total, e2 = body.testosterone_nmol_l, body.oestradiol
    free = free_testosterone(total, body.shbg_nmol_l, p.shbg_binding, p.albumin_binding)
    x = free / p.free_testosterone_reference

    drive, brake_t, brake_e = pituitary_drive(body, x, e2, exposure, p, dt)
    store = store_target(drive, p.gonadotroph_store_exponent, p.gonadotroph_store_saturation)
    fsh_store = store_target(drive, p.gonadotroph_store_exponent, p.fsh_store_saturation)
    body.gonadotroph_store = relax(body.gonadotroph_store, store, p.gonadotroph_store_days, dt)
    body.fsh_store = relax(body.fsh_store, fsh_store, p.gonadotroph_store_days, dt)
    body.lh = relax(body.lh, body.gonadotroph_store * drive, 1.0 / p.lh_clearance_per_day, dt)
    inhibin_brake = feedback(body.inhibin, p.inhibin_feedback_strength, p.inhibin_feedback_exponent)
    fsh = p.fsh_secretion * body.fsh_store * drive * inhibin_brake
    body.fsh = relax(body.fsh, fsh, 1.0 / p.fsh_clearance_per_day, dt)
    body.inhibin = relax(body.inhibin, testis.inhibin_output, p.inhibin_b_days, dt)
    hold_body(body, held, p)

    activity = lh_activity(body.lh, exposure.hcg_iu_l, p)
    reference_production = p.testosterone_free_clearance * p.free_testosterone_reference
    made = testosterone_made(testis, activity, 1.0 / (1.0 + exposure.lyase_inhibitor), p)
    production = reference_production * made + exposure.testosterone
    # Of the total; without any testosterone too, where it is that of the first molecules.
    bound = total_over_free(free, body.shbg_nmol_l, p.shbg_binding, p.albumin_binding)
    clearance = p.testosterone_free_clearance / bound
    body.testosterone_nmol_l = relax(total, production / clearance, p.testosterone_distribution / clearance, dt)

    # Inactivated enzyme is lost until it is made again.
    in_fat = body.fat_aromatase
    access = p.peripheral_aromatase_km / (p.peripheral_aromatase_km + free)
    inactivation = exposure.aromatase_inactivation
    body.fat_aromatase = active_aromatase(in_fat, access * inactivation, p, dt)
    body.testis_aromatase = active_aromatase(body.testis_aromatase, testis.aromatase_access * inactivation, p, dt)
    share, inhibitor = p.testicular_oestradiol_share, exposure.aromatase_inhibitor
    uninhibited = (1.0 - share) * peripheral_oestradiol(x, 0.0, p)
    peripheral = in_fat * (1.0 - share) * peripheral_oestradiol(x, inhibitor, p)
    given = exposure.oestradiol / (p.oestradiol_clearance * p.oestradiol_reference * 1e-3)
    production = share * testis.oestradiol_output + peripheral + given
    body.oestradiol = relax(e2, production, 1.0 / p.oestradiol_relaxation_per_day, dt)
    by_liver = modulated(e2, exposure.receptor_bound, exposure.liver_agonist, p)
    body.shbg_nmol_l = relax(body.shbg_nmol_l, shbg_target(x, by_liver, p), p.shbg_days, dt)
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
    means.testosterone_brake += brake_t * dt
    means.oestradiol_brake += brake_e * dt
    means.peripheral_oestradiol += peripheral * dt
    from_adrenal = p.peripheral_aromatase * p.adrenal_oestradiol_share / (1.0 + inhibitor)
    means.adrenal_oestradiol += in_fat * (1.0 - share) * from_adrenal * dt
    by_bone = modulated(e2, exposure.receptor_bound, exposure.bone_agonist, p)
    means.bone_oestradiol_pmol_l += by_bone * p.oestradiol_reference * dt
    if uninhibited > 0.0:
        means.inhibition_fat += (1.0 - peripheral / uninhibited) * dt


@register_jitable
def resting(body, x, e2, inhibin, p):
    """Bring the body to the steady state without drugs that relative free testosterone, oestradiol and inhibin B hold up."""
    body.gnrh_tonic, body.gnrh_receptor = 0.0, 1.0
    body.fat_aromatase, body.testis_aromatase = 1.0, 1.0
    drive, _, _ = pituitary_drive(body, x, e2, NO_DRUGS, p, 0.0)
    body.gonadotroph_store = store_target(drive, p.gonadotroph_store_exponent, p.gonadotroph_store_saturation)
    body.fsh_store = store_target(drive, p.gonadotroph_store_exponent, p.fsh_store_saturation)
    body.lh = body.gonadotroph_store * drive
    inhibin_brake = feedback(inhibin, p.inhibin_feedback_strength, p.inhibin_feedback_exponent)
    body.fsh = p.fsh_secretion * body.fsh_store * drive * inhibin_brake
    body.oestradiol, body.inhibin = e2, inhibin
    body.shbg_nmol_l = shbg_target(x, e2, p)
    free = x * p.free_testosterone_reference
    body.testosterone_nmol_l = total_testosterone(free, body.shbg_nmol_l, p.shbg_binding, p.albumin_binding)


@register_jitable
def resting_demand(body, x, testis, p):
    """Return the relative free testosterone, oestradiol and inhibin B that a resting body and `testis` bring about in time."""
    share = p.testicular_oestradiol_share
    e2 = share * testis.oestradiol_output + (1.0 - share) * peripheral_oestradiol(x, 0.0, p)
    return testosterone_made(testis, body.lh, 1.0, p), e2, testis.inhibin_output


@register_jitable
def damped(turn):
    """Return what part of the way to what it asks for a turn of a search for a steady state goes: less if it takes long.

    Found in 40 turns on average of the clinic's men; steep feedback needs small steps.
    """
    return 0.4 * 0.5 ** (turn // 200)


@register_jitable
def settle_body(body, testis, p):
    """Bring the body to the steady state without drugs beside a `testis` that stays as it is.

    Solves the fixed point of free testosterone and oestradiol: each turn goes part of the way to what a level asks for,
    that of testosterone on a log scale.
    """
    x, e2 = 1.0, 1.0
    for turn in range(_TURNS):
        damping = damped(turn)
        resting(body, x, e2, testis.inhibin_output, p)
        new_x, new_e2, _inhibin = resting_demand(body, x, testis, p)
        far = abs(new_x / x - 1.0) + abs(new_e2 - e2) / (e2 + 1e-9)
        x *= (new_x / x) ** damping
        e2 += damping * (new_e2 - e2)
        if far < _SETTLED:
            break
    resting(body, x, e2, testis.inhibin_output, p)


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
        x,
        means.oestradiol_pmol_l / p.oestradiol_reference,
        held.intratesticular_testosterone_nmol_l,
        held.intratesticular_oestradiol_nmol_l,
    )
