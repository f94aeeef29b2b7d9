"""Chances that follow from semen and testis: conception in a month, sperm found by microdissection.

They are population curves with wide uncertainty, for comparison of treatments; no couple's chance.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from testis_abm import parameters


def conception(concentration: float, values: Mapping[str, float]) -> tuple[float, float, float]:
    """Return the monthly chance of conception at an expected sperm concentration (million/mL), and its low and high end.

    A saturating curve; its ends are those of the ranges of its top and half (parameters/outcome.toml).
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


def retrieval(spermatids: float, concentration: float, values: Mapping[str, float]) -> float:
    """Return the chance that microdissection finds sperm in a man with so many elongated spermatids in his testes.

    Each is found with the same small chance. NaN for a man who has sperm in his ejaculate (expected `concentration`).
    """
    if concentration >= values["outcome.azoospermic_below"]:
        return math.nan
    return 1.0 - math.exp(-spermatids * values["outcome.retrieval_share"])
