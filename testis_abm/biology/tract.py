"""The tract: plain scalar functions of one man's ductules, epididymis, glands and ejaculate, and a day of it.

Relative testosterone and oestradiol are over those of the reference man.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.days import record
from testis_abm.biology.kinetics import relative_hill, relax
from testis_abm.biology.semen import Semen

CHAIN = 5  # compartments of the epididymis
_ABSTINENCE_REFERENCE = 3.0
_LONGEST_RESTED = 7.0  # days of abstinence over which the ejaculate still grows
_MOTILE_UNTIL = 5.0  # days of abstinence, after which motility falls
_LEAST_VOLUME = 0.3  # mL
_MOST_MOTILE, _MOST_NORMAL = 0.95, 0.6
_EJACULATES = 6  # how many emptied ejaculates back a reserve still holds a trace of (0.2^6 < 1e-4)

# State of the tract: sperm output that transit has adapted to (million a day), progressively motile share,
# back-pressure (0 to 1), relative size of the glands, fluid left over (relative), and sperm and normal sperm in each
# compartment (million).
TRACT = np.dtype(
    [*record("output", "motility", "back_pressure", "glands", "fluid").descr, ("chain", float, (CHAIN, 2))]
)
# What the cauda takes in on a day, million.
COLLECTED = record("collected_million", "collected_motile_million", "collected_normal_million")


class TractParameters(NamedTuple):
    """Numbers of the tract for one man: names and units as in parameters/model/tract.toml, his factors folded in."""

    reabsorption: float
    reabsorption_er_half: float
    reabsorption_ligand_free: float
    reabsorption_er_share: float
    fluid_volume: float
    fluid_maturation_loss: float
    harmless_fluid: float
    back_pressure_days: float
    transit_days: float
    transit_output_exponent: float
    collected: float
    motility_reference: float
    motility_androgen_half: float
    motility_oestrogen_half: float
    motility_elongation_share: float
    motility_days: float
    volume_reference: float
    volume_slope: float
    volume_androgen_half: float
    volume_androgen_exponent: float
    volume_days: float
    volume_bmi_slope: float
    bmi_reference: float
    er_alpha_sensitivity: float
    androgen_sensitivity: float
    morphology_reference: float
    morphology_androgen_share: float
    motility_abstinence_slope: float
    reserve_days: float
    ejaculated: float
    delivery_exponent: float
    reference_output: float


@register_jitable
def uptake(testis_e2, p):
    """Return the share of rete fluid taken up: part of the action of ER-alpha needs no oestradiol."""
    ligand = relative_hill(testis_e2, p.reabsorption_er_half, 1.0, 1.0)
    signal = p.reabsorption_ligand_free + (1.0 - p.reabsorption_ligand_free) * min(1.0, ligand)
    signal *= min(1.0, p.er_alpha_sensitivity)
    return p.reabsorption * (1.0 - p.reabsorption_er_share * (1.0 - signal))


@register_jitable
def fluid_left(testis_e2, p):
    """Return the rete fluid that is not taken up, relative to the reference man: it dilutes sperm and deletes none."""
    return (1.0 - uptake(testis_e2, p)) / (1.0 - p.reabsorption)


@register_jitable
def pressure(testis_e2, p):
    """Return the back-pressure, 0 to 1, that builds up in time at this intratesticular oestradiol (relative).

    1 without ER-alpha; up to `harmless_fluid` the ducts hold what is left.
    """
    most = (1.0 - p.reabsorption * (1.0 - p.reabsorption_er_share)) / (1.0 - p.reabsorption)
    return max(0.0, fluid_left(testis_e2, p) - p.harmless_fluid) / (most - p.harmless_fluid)


@register_jitable
def transit(output, p):
    """Return days of epididymal transit at a sperm output relative to the reference man's: longer when it is low."""
    return p.transit_days * min(3.0, max(0.1, output)) ** p.transit_output_exponent


@register_jitable
def motility_target(elongation, free_testosterone, testis_e2, p):
    """Return the progressively motile share that sperm acquire under androgen and oestrogen, too much fluid slowing them.

    `elongation` is the androgen signal under which they were shaped.
    """
    by_androgen = relative_hill(free_testosterone, p.motility_androgen_half, 1.0, 1.0)
    by_oestrogen = relative_hill(testis_e2 * p.er_alpha_sensitivity, p.motility_oestrogen_half, 1.0, 1.0)
    shaped = 1.0 - p.motility_elongation_share * (1.0 - min(1.0, elongation))
    matured = shaped / (1.0 + p.fluid_maturation_loss * (fluid_left(testis_e2, p) - 1.0))
    return min(_MOST_MOTILE, p.motility_reference * by_androgen * min(1.0, by_oestrogen) * matured)


@register_jitable
def gland_target(free_testosterone, p):
    """Return the size of the glands that free testosterone keeps up, relative."""
    return relative_hill(free_testosterone, p.volume_androgen_half, p.volume_androgen_exponent, 1.0)


@register_jitable
def volume(size, abstinence, bmi, p):
    """Return the expected ejaculate volume in mL of glands of relative `size` after `abstinence` days."""
    rested = p.volume_reference + p.volume_slope * (min(abstinence, _LONGEST_RESTED) - _ABSTINENCE_REFERENCE)
    return max(_LEAST_VOLUME, rested * size * math.exp(p.volume_bmi_slope * (bmi - p.bmi_reference)))


@register_jitable
def normal_forms(elongation, p):
    """Return the share of normal forms among released sperm: short of its androgen signal, `elongation` shapes heads badly."""
    lacking = 1.0 - min(1.0, elongation)
    return min(_MOST_NORMAL, p.morphology_reference * (1.0 - p.morphology_androgen_share * lacking))


@register_jitable
def moved_a_day(tract, p):
    """Return the share of a compartment of the epididymis that moves on in a day."""
    return min(1.0, CHAIN / transit(tract.output / p.reference_output, p))


@register_jitable
def collect(collected, tract, sperm, normal, p):
    """Set what the cauda takes in (COLLECTED) of the `sperm` and `normal` sperm that arrive, million."""
    collected.collected_million = sperm * p.collected
    collected.collected_motile_million = sperm * p.collected * tract.motility
    collected.collected_normal_million = normal * p.collected


@register_jitable
def settle_tract(tract, released, elongation, androgen, testis_e2, p):
    """Bring the tract (TRACT) to its steady state under a constant daily release; see tract_day."""
    tract.output, tract.back_pressure, tract.fluid = released, pressure(testis_e2, p), fluid_left(testis_e2, p)
    tract.motility = motility_target(elongation, androgen * p.androgen_sensitivity, testis_e2, p)
    tract.glands = gland_target(androgen * p.androgen_sensitivity, p)
    moved, normal = moved_a_day(tract, p), normal_forms(elongation, p)
    for k in range(CHAIN):
        tract.chain[k, 0], tract.chain[k, 1] = released / moved, released * normal / moved


@register_jitable
def tract_day(tract, collected, released, elongation, androgen, testis_e2, p):
    """Advance the tract (TRACT) by a day; set what the cauda takes in (COLLECTED).

    Args:
        released: sperm released by the testes, million; elongation: androgen signal under which they were shaped.
        androgen: of the blood, relative; testis_e2: intratesticular oestradiol, relative: it leaves with the fluid.
    """
    chain, normal = tract.chain, normal_forms(elongation, p)
    tract.output = relax(tract.output, released, p.transit_days, 1.0)
    moved = moved_a_day(tract, p)
    sperm, normal_out = moved * chain[CHAIN - 1, 0], moved * chain[CHAIN - 1, 1]
    for i in range(CHAIN - 1, 0, -1):
        for kind in range(2):
            chain[i, kind] += moved * (chain[i - 1, kind] - chain[i, kind])
    chain[0, 0] += released - moved * chain[0, 0]
    chain[0, 1] += released * normal - moved * chain[0, 1]
    felt = androgen * p.androgen_sensitivity
    tract.motility = relax(tract.motility, motility_target(elongation, felt, testis_e2, p), p.motility_days, 1.0)
    tract.fluid = fluid_left(testis_e2, p)
    tract.back_pressure = relax(tract.back_pressure, pressure(testis_e2, p), p.back_pressure_days, 1.0)
    tract.glands = relax(tract.glands, gland_target(felt, p), p.volume_days, 1.0)
    collect(collected, tract, sperm, normal_out, p)


@lru_cache(maxsize=64)
def reserve_weights(abstinence: float, reserve_days: float, emptied: float, days: int) -> np.ndarray:
    """Return the share of what the cauda took in today, yesterday, ... (days,) that an ejaculate holds.

    The man is taken to ejaculate every `abstinence` days: each time the share `emptied` of the store leaves, the rest
    waits. Beyond `reserve_days` the store spills.
    """
    ago, length = np.arange(days), min(abstinence, reserve_days)
    weights = np.zeros(days)
    for ejaculate in range(_EJACULATES):
        start = ejaculate * abstinence
        share = np.clip(np.minimum(ago + 1.0, start + length) - np.maximum(ago, start), 0.0, 1.0)
        weights += emptied * (1.0 - emptied) ** ejaculate * share
    weights.flags.writeable = False
    return weights


class Emptied(NamedTuple):
    """An ejaculate: mL, million/mL, and the shares that move and that are of normal form."""

    volume: float
    concentration: float
    motility: float
    normal: float


@register_jitable
def emptied(sperm, motile, normal, glands, fluid, abstinence, bmi, p):
    """Return the ejaculate (Emptied) of so many million `sperm`, and `motile` and `normal` among them, after `abstinence` days.

    `fluid` that the ductules leave (relative) comes with it.
    """
    ml = volume(glands, abstinence, bmi, p) + p.fluid_volume * (fluid - 1.0)
    motility = normal_share = 0.0
    if sperm > 0.0:
        late = max(0.0, abstinence - _MOTILE_UNTIL)
        motility, normal_share = max(0.0, motile / sperm + p.motility_abstinence_slope * late), normal / sperm
    return Emptied(ml, sperm / ml, motility, normal_share)


def ejaculate(
    store: np.ndarray, glands: float, fluid: float, abstinence: float, bmi: float, p: TractParameters
) -> Semen:
    """Return the ejaculate after `abstinence` days, without day-to-day variation or counting error.

    Args:
        store: what the cauda took in by day (COLLECTED and more), the newest first.
        glands: their relative size; fluid: left by the ductules, relative.
    """
    weights = reserve_weights(abstinence, p.reserve_days, p.ejaculated, len(store))
    sperm, motile, normal = (float(weights @ store[name]) for name in COLLECTED.names or ())
    return Semen.of(*emptied(sperm, motile, normal, float(glands), float(fluid), abstinence, float(bmi), p))
