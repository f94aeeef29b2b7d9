"""Chances that follow from semen, testis and partner: conception, IUI, ICSI, sperm found in the testis, clearance of closed ducts.

They are population curves with wide uncertainty, for comparison of treatments; no couple's chance.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from functools import cache
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from testis_abm import parameters

CYCLES = 12  # of what is called a year
_TELLS = 0.9  # the widest interval of a chance that says anything
_Z = 1.959963985  # of a 95 % interval
OF_SEMEN = ("conception", "conception_year", "iui", "icsi")  # chances of a couple that need no biopsy
WAYS = ("piece", "conventional", "microdissection")  # of looking for sperm in the testis


class Couple(NamedTuple):
    """What besides semen decides on conception: the partner's age in years, and cycles in which they have tried in vain."""

    age: float
    tried: float = 0.0


Chance = tuple[float, float, float]  # a chance, 0 to 1, and its low and high end
NOT_SOUGHT: Chance = (math.nan, math.nan, math.nan)


def _by_age(way: str, age: float, values: Mapping[str, float]) -> float:
    """Return a chance at the partner's age over that at the reference, by straight lines between the ages of the table."""
    ages = _ages(way)
    return float(np.interp(age, [*ages], [values[name] for name in ages.values()]))


@cache
def _ages(way: str) -> dict[int, str]:
    """Return the ages of the table of one way to conceive, rising, with the names of their parameters."""
    start = f"outcome.{way}_age_"
    return dict(sorted((int(name.removeprefix(start)), name) for name in parameters.load() if name.startswith(start)))


def _ends(top: str, factor: float, share: Callable[[float], float], half: str, values: Mapping[str, float]) -> Chance:
    """Return top x factor x share(half), and the least and most of it where both numbers are at an end of their range."""
    most, middle = parameters.load()[f"outcome.{top}"], parameters.load()[f"outcome.{half}"]
    own = values[f"outcome.{top}"] * share(values[f"outcome.{half}"])
    ends = [of * share(end) for of in (most.low, most.high) for end in (middle.low, middle.high)]
    return factor * own, factor * min(own, *ends), factor * max(own, *ends)


def conception(semen: Mapping[str, float], couple: Couple, values: Mapping[str, float]) -> Chance:
    """Return the chance of conception in the next cycle, and its low and high end.

    It saturates with the total motile count, falls where normal forms are few and DNA is fragmented, and follows the
    partner's age; couples differ (a beta distribution), so those who have tried in vain are those with lower chances.

    Args:
        semen: expected, by columns of the semen table; percentages may be missing (NaN).
        values: dotted parameter name -> value.
    """
    n, motile = values["outcome.conception_exponent"], semen["total_motile_count_million"]
    if not motile > 0.0:
        return 0.0, 0.0, 0.0
    prior = values["outcome.conception_prior"]
    factor = _by_age("conception", couple.age, values) * _by_quality(semen, values) * prior / (prior + couple.tried)
    return _ends("conception_top", factor, lambda half: 1.0 / (1.0 + (half / motile) ** n), "conception_half", values)


def _by_quality(semen: Mapping[str, float], values: Mapping[str, float]) -> float:
    forms, broken = semen["normal_forms_pct"], semen["dna_fragmentation_pct"]
    factor = 1.0
    if not math.isnan(forms):
        least = values["outcome.conception_least_forms"]
        factor *= least + (1.0 - least) * min(1.0, forms / values["outcome.conception_forms"])
    if not math.isnan(broken):
        factor /= 1.0 + (broken / values["outcome.conception_dna_half"]) ** values["outcome.conception_dna_exponent"]
    return factor


def within(cycles: int, chance: Chance, couple: Couple, values: Mapping[str, float]) -> Chance:
    """Return the chance of conceiving within so many cycles from that in the next (of `conception`)."""
    told = values["outcome.conception_prior"] + couple.tried

    def none(first: float) -> float:
        return math.prod(((1.0 - first) * told + k) / (told + k) for k in range(cycles))

    low, middle, high = (1.0 - none(first) for first in (chance[1], chance[0], chance[2]))
    return middle, low, high


def insemination(semen: Mapping[str, float], couple: Couple, values: Mapping[str, float]) -> Chance:
    """Return the chance of a clinical pregnancy in one stimulated cycle of intrauterine insemination; arguments as `conception`.

    Of couples who are treated for it, whatever they have tried.
    """
    washed = values["outcome.insemination_washed"] * max(semen["total_motile_count_million"], 0.0)
    age = _by_age("insemination", couple.age, values)
    return _ends("insemination_top", age, lambda half: washed / (washed + half), "insemination_half", values)


def injection(semen: Mapping[str, float], couple: Couple, values: Mapping[str, float]) -> Chance:
    """Return the chance of a live birth of one cycle of ICSI with ejaculated sperm; NaN where there are none. Arguments as `conception`."""
    if semen["concentration_million_ml"] < values["outcome.azoospermic_below"]:
        return NOT_SOUGHT
    broken = semen["dna_fragmentation_pct"]
    known = 0.0 if math.isnan(broken) else broken
    return _ends(
        "injection_top",
        _by_age("injection", couple.age, values),
        lambda half: 1.0 / (1.0 + (known / half) ** 2),
        "injection_dna_half",
        values,
    )


def injection_of_testicular(found: Chance, concentration: float, couple: Couple, values: Mapping[str, float]) -> Chance:
    """Return the chance of a live birth of one ICSI with testicular sperm, their retrieval (`found`) included.

    A man with sperm in the ejaculate (`concentration`, million/mL) has some in the testis; where he has none and no
    chance of retrieval is worked out (NaN), neither is this.
    """
    ejaculated = concentration >= values["outcome.azoospermic_below"]
    sought = (1.0, 1.0, 1.0) if math.isnan(found[0]) and ejaculated else found
    if math.isnan(sought[0]):
        return NOT_SOUGHT
    age = _by_age("injection", couple.age, values)
    each = _ends("injection_top", age, lambda share: share, "injection_testicular", values)
    middle, low, high = (of * chance for of, chance in zip(sought, each, strict=True))
    return middle, min(low, middle), max(high, middle)


def chances(
    semen: Mapping[str, float], found: Chance, couple: Couple, values: Mapping[str, float]
) -> dict[str, Chance]:
    """Return every chance of a couple by the beginning of its columns; `found`: of retrieval by microdissection."""
    next_cycle = conception(semen, couple, values)
    of_semen = (
        next_cycle,
        within(CYCLES, next_cycle, couple, values),
        insemination(semen, couple, values),
        injection(semen, couple, values),
    )
    return {
        **dict(zip(OF_SEMEN, of_semen, strict=True)),
        "icsi_testicular": injection_of_testicular(found, semen["concentration_million_ml"], couple, values),
    }


def cleared(concentration: float, effort: float, values: Mapping[str, float]) -> float:
    """Return the share of men with both ducts closed who have no sperm in the ejaculate, where the expected man has `concentration` left.

    Args:
        concentration: million/mL; what was beyond the ducts leaves exponentially in `effort`.
        effort: over the mean time in which it leaves: ejaculates and days since (tract.clearing).
    """
    if not effort > 0.0:
        return 0.0
    needed = effort + math.log(max(concentration, sys.float_info.min) / values["outcome.azoospermic_below"])
    if needed <= 0.0:
        return 1.0
    return NormalDist().cdf(math.log(effort / needed) / values["obstruction.clearing_spread"])


class Yield(NamedTuple):
    """The share of a man's tubule sections in which sperm are seen, and its low and high end."""

    share: float
    low: float
    high: float


def yielding(passing: float, spermatids: float, values: Mapping[str, float]) -> float:
    """Return the share of tubule sections in which at least one elongating or elongated spermatid is expected.

    Args:
        passing: share of the tubules with Sertoli cells whose germ cells are there and pass (tubules.Tubules).
        spermatids: elongating and elongated, per Sertoli cell of such a tubule.
        values: dotted parameter name -> value.
    """
    groups = spermatids * values["outcome.section_sertoli"] / values["outcome.spermatids_together"]
    return -passing * math.expm1(-groups)


def seen(sections: int, of: int) -> Yield:
    """Return the share of passing tubules' sections that yield, `sections` seen `of` so many, and what chance leaves open (95 %).

    Wilson's interval: of none in few sections much is left open.
    """
    square = _Z * _Z
    share = sections / of
    middle = (share + square / (2.0 * of)) / (1.0 + square / of)
    half = _Z / (1.0 + square / of) * math.sqrt(share * (1.0 - share) / of + square / (4.0 * of * of))
    return Yield(share, 0.0 if sections == 0 else middle - half, 1.0 if sections == of else middle + half)


def told(low: float, high: float) -> bool:
    """Return whether an interval of a chance (0 to 1) says anything: one from nearly never to nearly always does not."""
    return high - low <= _TELLS


def sections_to_tell() -> int:
    """Return in how many sections none must be seen for a chance by microdissection that says something (`told`), in a man all of whose tubules pass."""
    most = -math.expm1(math.log1p(-_TELLS) / parameters.load()["outcome.microdissection_tubules"].high)
    return math.ceil(_Z * _Z * (1.0 / most - 1.0))


def found(share: float, tubules: float, stretches: float = 0.0) -> float:
    """Return the chance that in so many tubules that are looked at some section is of the `share` that yields sperm.

    A piece of tissue samples the whole testis: foci are spread diffusely (Silber 2000). `stretches`: in how many further
    stretches, each in a state of its own, the length that is seen of a tubule lies.
    """
    return 1.0 if share >= 1.0 else -math.expm1(tubules * (math.log1p(-share) - share * stretches))


def retrieval(
    of: Yield,
    concentration: float,
    lh: float,
    fsh: float,
    values: Mapping[str, float],
    way: str = "microdissection",
    *,
    lesion_length: float = math.inf,
) -> tuple[float, float, float]:
    """Return the chance that a surgeon finds sperm in the testis, and its low and high end.

    The ends are those of what is known of the tissue and of the range of the number of tubules that are looked at.

    NaN for a man who has sperm in his ejaculate (expected `concentration`, million/mL), and for one whose
    gonadotrophins `lh` and `fsh` (IU/L, given ones included) are both low: he is treated with gonadotrophins first.

    Args:
        of: sections that yield.
        way: of WAYS, how he looks for them.
        lesion_length: over which a tubule is in one state, mm; infinite for whole tubules.
    """
    off = lh < values["outcome.retrieval_lh_low"] and fsh < values["outcome.retrieval_fsh_low"]
    if off or concentration >= values["outcome.azoospermic_below"]:
        return math.nan, math.nan, math.nan
    tubules = parameters.load()[f"outcome.{way}_tubules"]
    stretches = values["outcome.looked_length"] / lesion_length
    return (
        found(of.share, values[f"outcome.{way}_tubules"], stretches),
        found(of.low, tubules.low, stretches),
        found(of.high, tubules.high, stretches),
    )
