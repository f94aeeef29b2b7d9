"""The tract: plain scalar functions of one man's ductules, epididymis, glands and ejaculate, and a day of it.

Relative testosterone and oestradiol are over those of the reference man.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.days import record
from testis_abm.biology.kinetics import relative_hill, relax
from testis_abm.biology.semen import Semen
from testis_abm.support import guard

CHAIN = 5  # compartments of the epididymis
ABSTINENCE_REFERENCE = 3.0  # days, of all that is told of the reference man's ejaculate
_LEAST_VOLUME = 0.3  # mL
_MOST_MOTILE, _MOST_NORMAL = 0.95, 0.6
_EJACULATES = 6  # how many emptied ejaculates back a reserve still holds a trace of (0.2^6 < 1e-4)

_SPERM, _NORMAL, _HARM, _IMMATURE = range(4)  # columns of the chain
# What the cauda takes in on a day, million.
COLLECTED = record(
    "collected_million",
    "collected_motile_million",
    "collected_normal_million",
    "collected_fragmented_million",
    "collected_immature_million",
)
# State of the tract: sperm output that transit has adapted to (million a day), progressively motile share,
# back-pressure (0 to 1), relative size of the glands, fluid left over (relative), the part of the pressure that closed
# ducts make, share of the testes whose duct is open, sperm, normal sperm (million), harm that they carry (summed over million) and
# spermatids freed too early (million) in each compartment, and what lies beyond a closed duct (COLLECTED).
TRACT = np.dtype(
    [
        *record("output", "motility", "back_pressure", "glands", "fluid", "dilated", "open").descr,
        ("chain", float, (CHAIN, 4)),
        ("beyond", float, (len(COLLECTED.names or ()),)),
    ]
)


class Arriving(NamedTuple):
    """What the testes send on a day, and what the man does.

    Attributes:
        sperm: million; harm: mean that each carries.
        open: share of testes whose duct is open.
        immature: million spermatids that were freed too early.
        pace: of ejaculations, over one every three days.
    """

    sperm: float
    harm: float = 0.0
    open: float = 1.0
    immature: float = 0.0
    pace: float = 1.0


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
    immature_survival: float
    motility_reference: float
    motility_androgen_half: float
    motility_oestrogen_half: float
    motility_elongation_share: float
    motility_days: float
    volume_reference: float
    volume_slope: float
    volume_slope_early: float
    volume_slope_from: float
    volume_slope_until: float
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
    motility_abstinence_from: float
    reserve_days: float
    ejaculated: float
    delivery_exponent: float
    dna_fragmentation: float
    dna_fragmentation_abstinence_slope: float
    harm_motility: float
    harm_normal_forms: float
    harm_dna: float
    closed_pressure: float
    closed_pressure_days: float
    beyond: float
    beyond_days: float
    beyond_alone: float
    beyond_motile_days: float
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
    grown = min(max(abstinence, p.volume_slope_from), p.volume_slope_until) - ABSTINENCE_REFERENCE
    rested = p.volume_reference + p.volume_slope * grown
    rested -= p.volume_slope_early * max(0.0, p.volume_slope_from - abstinence)
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
def whole(harm, effect):
    """Return the share of sperm that a mean `harm` of `effect` (log) leaves as they were."""
    return math.exp(-effect * harm)


@register_jitable
def fragmented(harm, p):
    """Return the share of sperm with fragmented DNA at such a mean harm."""
    return 1.0 - (1.0 - p.dna_fragmentation) * whole(harm, p.harm_dna)


@register_jitable
def collect(collected, tract, sperm, normal, harm, immature, p):
    """Set what the cauda takes in (COLLECTED) of the `sperm`, `normal` sperm and `immature` spermatids that arrive, million.

    `harm`: mean of the sperm. Short of androgen the epididymis regresses with the glands, and stores so much less.
    """
    share = p.collected * min(1.0, tract.glands)
    collected.collected_million = sperm * share
    collected.collected_motile_million = sperm * share * tract.motility * whole(harm, p.harm_motility)
    collected.collected_normal_million = normal * share
    collected.collected_fragmented_million = sperm * share * fragmented(harm, p)
    collected.collected_immature_million = immature * share


@register_jitable
def hurt_stored(tract, store, harm, p):
    """Let sperm in epididymis and cauda (`store`, COLLECTED by day) take harm: their form is fixed, motility and DNA are not."""
    hurt_in_transit(tract, harm, p)
    for day in range(store.size):
        hurt_row(store[day], harm, p)


@register_jitable
def hurt_in_transit(tract, harm, p):
    """Let sperm in the epididymis, and those beyond a closed duct, take harm."""
    for k in range(CHAIN):
        tract.chain[k, _HARM] += harm * tract.chain[k, _SPERM]
    unbroken = tract.beyond[0] - tract.beyond[3]
    tract.beyond[1] *= whole(harm, p.harm_motility)
    tract.beyond[3] = tract.beyond[0] - unbroken * whole(harm, p.harm_dna)


@register_jitable
def hurt_row(collected, harm, p):
    """Let what the cauda took in on a day (COLLECTED) take harm."""
    collected.collected_motile_million *= whole(harm, p.harm_motility)
    unbroken = collected.collected_million - collected.collected_fragmented_million
    collected.collected_fragmented_million = collected.collected_million - unbroken * whole(harm, p.harm_dna)


@register_jitable
def _close(tract, collected, opened, p):
    """Leave beyond ducts that close today their share of what a day of `collected`, with the share `opened`, has stored."""
    share = p.beyond * p.reserve_days * (tract.open - opened) / tract.open
    tract.beyond[0] += share * collected.collected_million
    tract.beyond[1] += share * collected.collected_motile_million
    tract.beyond[2] += share * collected.collected_normal_million
    tract.beyond[3] += share * collected.collected_fragmented_million
    tract.beyond[4] += share * collected.collected_immature_million


@register_jitable
def clearing(pace, p):
    """Return how much of the clearing of closed ducts a day brings at a `pace` of ejaculations (Arriving): 1 at one every three days."""
    return p.beyond_alone + (1.0 - p.beyond_alone) * pace


@register_jitable
def _clear(tract, collected, pace, p):
    """Let sperm beyond closed ducts leave, for the most part with ejaculates, and stop moving."""
    leaving = 1.0 - math.exp(-clearing(pace, p) / p.beyond_days)
    collected.collected_million += leaving * tract.beyond[0]
    collected.collected_motile_million += leaving * tract.beyond[1]
    collected.collected_normal_million += leaving * tract.beyond[2]
    collected.collected_fragmented_million += leaving * tract.beyond[3]
    collected.collected_immature_million += leaving * tract.beyond[4]
    for kind in range(tract.beyond.size):
        tract.beyond[kind] *= 1.0 - leaving
    tract.beyond[1] *= math.exp(-1.0 / p.beyond_motile_days)


@register_jitable
def _scaled(collected, share):
    collected.collected_million *= share
    collected.collected_motile_million *= share
    collected.collected_normal_million *= share
    collected.collected_fragmented_million *= share
    collected.collected_immature_million *= share


@register_jitable
def settle_tract(tract, arriving, elongation, androgen, testis_e2, p):
    """Bring the tract (TRACT) to its steady state under the same sperm and immature cells every day; see tract_day."""
    released = arriving.sperm
    tract.output, tract.back_pressure, tract.fluid = released, pressure(testis_e2, p), fluid_left(testis_e2, p)
    tract.motility = motility_target(elongation, androgen * p.androgen_sensitivity, testis_e2, p)
    tract.glands = gland_target(androgen * p.androgen_sensitivity, p)
    moved, normal = moved_a_day(tract, p), normal_forms(elongation, p)
    tract.open, tract.dilated, tract.beyond[:] = 1.0, 0.0, 0.0
    for k in range(CHAIN):
        tract.chain[k, _SPERM], tract.chain[k, _NORMAL] = released / moved, released * normal / moved
        tract.chain[k, _HARM], tract.chain[k, _IMMATURE] = 0.0, arriving.immature * p.immature_survival / moved


@register_jitable
def collect_settled(collected, tract, arriving, elongation, p):
    """Set what the cauda of a settled tract takes in a day (see settle_tract)."""
    normal, immature = arriving.sperm * normal_forms(elongation, p), arriving.immature * p.immature_survival
    collect(collected, tract, arriving.sperm, normal, 0.0, immature, p)


@register_jitable
def tract_day(tract, collected, arriving, elongation, androgen, testis_e2, p):
    """Advance the tract (TRACT) by a day; set what the cauda takes in (COLLECTED).

    Args:
        arriving: what the testes send (Arriving); elongation: androgen signal under which its sperm were shaped.
        androgen: of the blood, relative; testis_e2: intratesticular oestradiol, relative: it leaves with the fluid.
    """
    chain, released = tract.chain, arriving.sperm
    normal = normal_forms(elongation, p) * whole(arriving.harm, p.harm_normal_forms)
    tract.output = relax(tract.output, released, p.transit_days, 1.0)
    moved = moved_a_day(tract, p)
    last = chain[CHAIN - 1]
    sperm, normal_out, immature = moved * last[_SPERM], moved * last[_NORMAL], moved * last[_IMMATURE]
    harm = last[_HARM] / last[_SPERM] if last[_SPERM] > 0.0 else 0.0
    for i in range(CHAIN - 1, 0, -1):
        for kind in range(chain.shape[1]):
            chain[i, kind] += moved * (chain[i - 1, kind] - chain[i, kind])
    chain[0, _SPERM] += released - moved * chain[0, _SPERM]
    chain[0, _NORMAL] += released * normal - moved * chain[0, _NORMAL]
    chain[0, _HARM] += released * arriving.harm - moved * chain[0, _HARM]
    chain[0, _IMMATURE] += arriving.immature * p.immature_survival - moved * chain[0, _IMMATURE]
    felt = androgen * p.androgen_sensitivity
    tract.motility = relax(tract.motility, motility_target(elongation, felt, testis_e2, p), p.motility_days, 1.0)
    tract.fluid = fluid_left(testis_e2, p) * arriving.open
    by_fluid = relax(tract.back_pressure - tract.dilated, pressure(testis_e2, p), p.back_pressure_days, 1.0)
    tract.dilated = relax(tract.dilated, p.closed_pressure * (1.0 - arriving.open), p.closed_pressure_days, 1.0)
    tract.back_pressure = min(1.0, by_fluid + tract.dilated)
    tract.glands = relax(tract.glands, gland_target(felt, p), p.volume_days, 1.0)
    collect(collected, tract, sperm, normal_out, harm, immature, p)
    if arriving.open < tract.open:
        _close(tract, collected, arriving.open, p)
    tract.open = arriving.open
    _scaled(collected, arriving.open)
    if tract.beyond[0] > 0.0:
        _clear(tract, collected, arriving.pace, p)


class Rest(NamedTuple):
    """How the sperm of an ejaculate have been kept.

    Attributes:
        weights: share of what the cauda took in today, yesterday, ... (days,) that it holds.
        spilled: share of it that has spilled into the urine since the ejaculate before, (days,).
        abstinence: days since then.
        aged: days of regular abstinence, beyond three, after which sperm are of the same mean age.
    """

    weights: np.ndarray
    spilled: np.ndarray
    abstinence: float
    aged: float


def intervals_of(rested: float | Sequence[float]) -> tuple[float, ...]:
    """Return days of abstinence before this ejaculate, the one before, ...; the last holds for all before (one number: for all).

    Raises:
        ScenarioError: they are none.
    """
    return guard.intervals(rested, "rested")


@lru_cache(maxsize=256)
def rest(intervals: tuple[float, ...], reserve_days: float, emptied: float, days: int) -> Rest:
    """Return how the sperm of an ejaculate have been kept, over the last `days` days.

    Each time the share `emptied` of the store leaves, the rest waits. The store holds as much as a man has who ejaculates
    every `reserve_days`; once it is full, it spills, young and old alike (the distal cauda mixes), as much as comes in.

    Args:
        intervals: days of abstinence before this ejaculate, the one before, ...; the last holds for all before.
    """
    weights, spilled, age = _kept(intervals, reserve_days, emptied, days)
    usual = _kept((ABSTINENCE_REFERENCE,), reserve_days, emptied, 1)[2]
    for shares in (weights, spilled):
        shares.flags.writeable = False
    return Rest(weights, spilled, intervals[0], ABSTINENCE_REFERENCE * (age / usual - 1.0))


def _kept(
    intervals: tuple[float, ...], reserve_days: float, emptied: float, days: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Return weights and spilled of a Rest, and the mean age of the sperm in days."""
    lengths = (intervals + intervals[-1:] * _EJACULATES)[: max(_EJACULATES, min(len(intervals), 2 * _EJACULATES))]
    room = reserve_days / emptied  # what a full store holds, in days of intake
    full, held = [], min(room, lengths[-1] / emptied)
    for length in reversed(lengths):  # days for which the store was full before each ejaculate
        waiting = (1.0 - emptied) * held
        full.append(max(0.0, length - (room - waiting)))
        held = min(room, waiting + length)
    full.reverse()
    ago = np.arange(max(days, math.ceil(sum(lengths))))
    weights, spilled = np.zeros(len(ago)), np.zeros(len(ago))
    start, passed, since, age = 0.0, 1.0, 1.0, 0.0
    for k, length in enumerate(lengths):
        first, last = np.maximum(ago, start), np.minimum(ago + 1.0, start + length)
        middle = 0.5 * (first + last)
        stays = np.exp(-np.clip(middle - start, 0.0, full[k]) / room)
        share = emptied * (1.0 - emptied) ** k * passed * np.clip(last - first, 0.0, 1.0) * stays
        weights += share
        age += float((share * middle).sum())
        lately = stays if k == 0 else since
        spilled += share / emptied * (1.0 / lately - 1.0)
        passed *= math.exp(-full[k] / room)
        since = passed if k == 0 else since
        start += length
    return weights[:days], spilled[:days], age / float(weights.sum())


class Emptied(NamedTuple):
    """An ejaculate: mL, million sperm/mL, the shares that move, that are of normal form and whose DNA is fragmented, and million immature germ cells/mL."""

    volume: float
    concentration: float
    motility: float
    normal: float
    fragmented: float
    immature: float


class Stored(NamedTuple):
    """Cells of an ejaculate, million: sperm, those that move, that are of normal form, whose DNA is fragmented; immature germ cells."""

    sperm: float
    motile: float
    normal: float
    fragmented: float
    immature: float


@register_jitable
def emptied(stored, glands, fluid, abstinence, aged, bmi, p):
    """Return the ejaculate (Emptied) of such sperm (Stored) after `abstinence` days, `aged` as in Rest.

    `fluid` that the ductules leave (relative) comes with it.
    """
    ml = volume(glands, abstinence, bmi, p) + p.fluid_volume * (fluid - 1.0)
    motility = normal_share = broken_share = 0.0
    sperm = stored.sperm
    if sperm > 0.0:
        late = max(0.0, aged - (p.motility_abstinence_from - ABSTINENCE_REFERENCE))
        motility, normal_share = (
            max(0.0, stored.motile / sperm + p.motility_abstinence_slope * late),
            stored.normal / sperm,
        )
        broken_share = min(1.0, stored.fragmented / sperm * (1.0 + p.dna_fragmentation_abstinence_slope * aged))
    return Emptied(ml, sperm / ml, motility, normal_share, broken_share, stored.immature / ml)


def ejaculate(
    store: np.ndarray, glands: float, fluid: float, rested: float | Sequence[float], bmi: float, p: TractParameters
) -> Semen:
    """Return the ejaculate, without day-to-day variation or counting error.

    Args:
        store: what the cauda took in by day (COLLECTED and more), the newest first.
        glands: their relative size; fluid: left by the ductules, relative.
        rested: days of abstinence before it and before those before it (intervals_of).
    """
    kept = rest(intervals_of(rested), p.reserve_days, p.ejaculated, len(store))
    stored = Stored(*(float(kept.weights @ store[name]) for name in COLLECTED.names or ()))
    return Semen.of(*emptied(stored, float(glands), float(fluid), kept.abstinence, kept.aged, float(bmi), p))


def spilled(store: np.ndarray, rested: float | Sequence[float], p: TractParameters) -> float:
    """Return how many million sperm have spilled into the urine since the last ejaculate; arguments as `ejaculate`."""
    return float(
        rest(intervals_of(rested), p.reserve_days, p.ejaculated, len(store)).spilled @ store["collected_million"]
    )
