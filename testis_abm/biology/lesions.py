"""What ails a tubule (see parameters/tubules.py) and does to the rates that its Sertoli cells set, and to sperm on their way out."""

from __future__ import annotations

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.steps import COMMITMENT, HAZARD
from testis_abm.parameters.tubules import ARRESTED, COMPLETE, HYALINISED, REDUCED, SERTOLI_ONLY, Tubules

# Added hazard, per day, of the type that arrested tubules never hold: so that hardly any is ever there.
_STOP = 200.0


def states(shares: Tubules, places: np.ndarray) -> np.ndarray:
    """Return the state (uint8) of tubules at such places (0 to 1) among all of a man's: the hyalinised come first."""
    ends = np.cumsum([shares[state] for state in (HYALINISED, SERTOLI_ONLY, ARRESTED, REDUCED)])
    ordered = np.array([HYALINISED, SERTOLI_ONLY, ARRESTED, REDUCED, COMPLETE], dtype=np.uint8)
    return ordered[np.searchsorted(ends, places, side="right")]


@register_jitable
def ailing(rate, value, state, p):
    """Return a rate (index in steps.RATES) that a Sertoli cell would set, as it sets it in a tubule of that state.

    Where few clones are founded all types are fewer, and those that enter go through (hypospermatogenesis, Arch Pathol
    Lab Med 1982); where germ cells stop they die as they become `arrest_before`.
    """
    if state == REDUCED and rate == COMMITMENT:
        return value * p.germ.reduced_founding
    if state == ARRESTED and rate == HAZARD + p.germ.arrest_before:
        return value + _STOP
    return value


@register_jitable
def share_delivered(live, exponent):
    """Return the share of released sperm that reaches the epididymis when the share `live` of tubules bears germ cells that pass.

    Hypothesis: sperm travel with the fluid and the contractions of a whole testis; those of few live tubules among dead
    ones are lost on the way through rete and efferent ductules. So a man with few full tubules has none in semen
    (Silber 1997: 4 to 6 mature spermatids a section are needed of 17 to 35), and one whose tubules all make a tenth of
    normal has (Centola 1994: 4 to 9 million/mL after 0.44 Gy).
    """
    return live**exponent


@register_jitable
def delivered(released, live, could, exponent):
    """Return how many of the sperm `released` in each testis, (sides,), reach the epididymides: each has ducts of its own.

    Args:
        live: in each testis, (sides,), share of the sections that could let germ cells pass which hold any.
        could: share of the man's tubules that they are, known of him and not of the few that are simulated.
        exponent: see `share_delivered`.
    """
    arrive = 0.0
    for side in range(len(released)):
        arrive += released[side] * share_delivered(could * live[side], exponent)
    return arrive
