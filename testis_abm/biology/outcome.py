"""Chances that follow from semen and testis: conception in a month, sperm found by microdissection.

They are population curves with wide uncertainty, for comparison of treatments; no couple's chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from testis_abm import parameters


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


def retrieval(
    niches: float, spermatids: float, concentration: float, lh: float, fsh: float, values: Mapping[str, float]
) -> tuple[float, float, float]:
    """Return the chance that microdissection finds sperm, and its low and high end (range of outcome.retrieval_share).

    The surgeon looks for foci: each of a man's `niches` that hold stem cells is found with the same small chance and
    yields sperm once it holds a few per cent of the normal number of elongating and elongated `spermatids` (per niche).
    So the number of foci limits, and hormones hardly move it unless they make foci complete.

    NaN for a man who has sperm in his ejaculate (expected `concentration`, million/mL), and for one whose
    gonadotrophins `lh` and `fsh` (IU/L, given ones included) are both low: he is treated with gonadotrophins first.
    """
    off = lh < values["outcome.retrieval_lh_low"] and fsh < values["outcome.retrieval_fsh_low"]
    if off or concentration >= values["outcome.azoospermic_below"]:
        return math.nan, math.nan, math.nan
    yielding = niches * -math.expm1(-spermatids / values["outcome.retrieval_spermatids"])
    share = parameters.load()["outcome.retrieval_share"]

    def at(found: float) -> float:
        return -math.expm1(-found * yielding)

    return at(values["outcome.retrieval_share"]), at(share.low), at(share.high)
