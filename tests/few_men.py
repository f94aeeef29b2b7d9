"""Searches of few virtual patients and few plausible models, for tests of what is done with them; their statistics have tests of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from testis_abm.app import matching
from testis_abm.experiments import hypotheses
from testis_abm.population import search, twin

_FEW = {
    "_FEWEST": 3,
    "_MOST": 10,
    "_DRAWS": 300,
    "_CARRIED": 30.0,
    "GOOD_SIZE": 60.0,
    "LEAST_SIZE": 5.0,
    "WORST_SHAPE": 9.0,
}


def shrink(change: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let searches draw hundreds of men instead of thousands, and the page treat 20 of them."""
    for name, value in _FEW.items():
        for module in (search, twin):
            if hasattr(module, name):
                change(module, name, value)
    change(matching, "MEN", 20)


def few_models(change: Callable[[Any, str, Any], None] = setattr) -> None:
    """Let plausible models be one of each combination of answers."""
    change(hypotheses, "SETS", 1)
