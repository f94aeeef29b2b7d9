"""The rules of the tract: plain scalar functions of one man's ductules, epididymis and glands.

Relative testosterone and oestradiol are over those of the reference man. The same functions serve the man of cells
(epididymis.py) and the expected man (testis_abm/expected), where they run compiled.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from numba.extending import register_jitable
from numba.np.unsafe.ndarray import to_fixed_tuple

from testis_abm.biology.kinetics import relative_hill, relax
from testis_abm.parameters.rooms import room
from testis_abm.support.compile import compiled

CHAIN = 5  # compartments of the epididymis
_ABSTINENCE_REFERENCE = 3.0
_LONGEST_RESTED = 7.0  # days of abstinence over which the ejaculate still grows


class TractParameters(NamedTuple):
    """Numbers of the tract for one man: names and units as in parameters/tract.toml, his factors folded in."""

    reabsorption: float
    reabsorption_er_half: float
    reabsorption_ligand_free: float
    reabsorption_er_share: float
    dilution_exponent: float
    back_pressure_days: float
    transit_days: float
    transit_output_exponent: float
    collected: float
    motility_reference: float
    motility_androgen_half: float
    motility_oestrogen_half: float
    motility_days: float
    volume_reference: float
    volume_slope: float
    volume_androgen_half: float
    volume_androgen_exponent: float
    volume_days: float
    volume_bmi_slope: float
    bmi_reference: float
    er_alpha_sensitivity: float


def tract_parameters(values: Mapping[str, float], man: Mapping[str, float]) -> TractParameters:
    """Fold a man's physiology into the numbers of the tract (dotted parameter name -> value, field -> value)."""
    of = room(values, "tract")
    of["collected"] *= man["duct_patency"]
    of["motility_reference"] *= man["motility"]
    of["volume_reference"] *= man["gland_volume"]
    of["volume_slope"] *= man["gland_volume"]
    of["bmi_reference"] = values["axis.bmi_reference"]
    of["er_alpha_sensitivity"] = man["er_alpha_sensitivity"]
    return TractParameters(**{name: float(of[name]) for name in TractParameters._fields})


@register_jitable
def uptake(testis_e2, p):
    """Return the share of rete fluid taken up: part of the action of ER-alpha needs no oestradiol."""
    ligand = relative_hill(testis_e2, p.reabsorption_er_half, 1.0, 1.0)
    signal = p.reabsorption_ligand_free + (1.0 - p.reabsorption_ligand_free) * min(1.0, ligand)
    signal *= min(1.0, p.er_alpha_sensitivity)
    return p.reabsorption * (1.0 - p.reabsorption_er_share * (1.0 - signal))


@register_jitable
def pressure(testis_e2, p):
    """Return the back-pressure, 0 to 1, that builds up in time at this intratesticular oestradiol (relative)."""
    lacking = (1.0 - uptake(testis_e2, p) / p.reabsorption) / p.reabsorption_er_share
    return lacking * lacking


@register_jitable
def dilution(testis_e2, p):
    """Return the factor of collected sperm that fluid left unabsorbed brings (1 in the reference man)."""
    return ((1.0 - p.reabsorption) / (1.0 - uptake(testis_e2, p))) ** p.dilution_exponent


@register_jitable
def transit(output, p):
    """Return days of epididymal transit at a sperm output relative to the reference man's: longer when it is low."""
    return p.transit_days * min(3.0, max(0.1, output)) ** p.transit_output_exponent


@register_jitable
def motility_target(free_testosterone, testis_e2, p):
    """Return the progressively motile share that sperm acquire under androgen and oestrogen."""
    by_androgen = relative_hill(free_testosterone, p.motility_androgen_half, 1.0, 1.0)
    by_oestrogen = relative_hill(testis_e2 * p.er_alpha_sensitivity, p.motility_oestrogen_half, 1.0, 1.0)
    return min(0.95, p.motility_reference * by_androgen * min(1.0, by_oestrogen))


@register_jitable
def gland_target(free_testosterone, p):
    """Return the size of the glands that free testosterone keeps up, relative."""
    return relative_hill(free_testosterone, p.volume_androgen_half, p.volume_androgen_exponent, 1.0)


@register_jitable
def volume(size, abstinence, bmi, p):
    """Return the expected ejaculate volume in mL of glands of relative `size` after `abstinence` days."""
    rested = p.volume_reference + p.volume_slope * (min(abstinence, _LONGEST_RESTED) - _ABSTINENCE_REFERENCE)
    return max(0.3, rested * size * math.exp(p.volume_bmi_slope * (bmi - p.bmi_reference)))


_SIZE = len(TractParameters._fields)


@compiled
def tract_day(
    chain, numbers, output, motility, back_pressure, released, normal, free_testosterone, testis_e2, reference
):
    """Advance the chain (CHAIN, 2) by a day; return output, motility, back-pressure, dilution, and sperm and normal sperm collected."""
    p = TractParameters(*to_fixed_tuple(numbers, _SIZE))  # type: ignore[call-arg]
    output = relax(output, released, p.transit_days, 1.0)
    moved = min(1.0, CHAIN / transit(output / reference, p))
    sperm, normal_out = moved * chain[CHAIN - 1, 0], moved * chain[CHAIN - 1, 1]
    for i in range(CHAIN - 1, -1, -1):
        for k in range(2):
            entering = (released, normal)[k] if i == 0 else moved * chain[i - 1, k]
            chain[i, k] = chain[i, k] - moved * chain[i, k] + entering
    motility = relax(motility, motility_target(free_testosterone, testis_e2, p), p.motility_days, 1.0)
    back_pressure = relax(back_pressure, pressure(testis_e2, p), p.back_pressure_days, 1.0)
    diluted = dilution(testis_e2, p)
    kept = p.collected * min(1.0, diluted)
    return output, motility, back_pressure, diluted, sperm * kept, normal_out * kept
