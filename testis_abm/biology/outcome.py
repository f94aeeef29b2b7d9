"""Chances that follow from semen and testis: conception in a month, sperm found in the testis.

They are population curves with wide uncertainty, for comparison of treatments; no couple's chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from testis_abm import parameters

_TELLS = 0.9  # the widest interval of a chance that says anything
_Z = 1.959963985  # of a 95 % interval
WAYS = ("piece", "conventional", "microdissection")  # of looking for sperm in the testis


def conception(concentration: float, values: Mapping[str, float]) -> tuple[float, float, float]:
    """Return the monthly chance of conception at an expected sperm concentration (million/mL), and its low and high end.

    A saturating curve; its ends are those of the ranges of its top and half (parameters/model/outcome.toml).
    """
    table, n = parameters.load(), values["outcome.conception_exponent"]
    top, half = table["outcome.conception_top"], table["outcome.conception_half"]

    def at(most: float, middle: float) -> float:
        powered = max(concentration, 0.0) ** n
        return float(most * powered / (middle**n + powered))

    return (
        at(values["outcome.conception_top"], values["outcome.conception_half"]),
        at(top.low, half.high),
        at(top.high, half.low),
    )


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


def sections_to_tell(way: str = "microdissection") -> int:
    """Return in how many sections none must be seen for a chance that says something (`told`), in a man all of whose tubules pass."""
    most = -math.expm1(math.log1p(-_TELLS) / parameters.load()[f"outcome.{way}_tubules"].high)
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
