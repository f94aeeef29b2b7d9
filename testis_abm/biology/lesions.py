"""Lesions of the germ line as states of tubules: a man is a mixture of tubules, each in one state along its length.

In men whole tubules are empty beside full ones, in every biopsy of the same testis (Silber 1997, 2000). What ails a
tubule acts on the rates that its Sertoli cells set, or takes their germ cells, or the Sertoli cells too.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.steps import COMMITMENT, HAZARD

# States, of which the first hold germ cells.
COMPLETE, REDUCED, ARRESTED, SERTOLI_ONLY, HYALINISED = range(5)
GERMINAL = 3
NAMES = ("complete", "reduced", "arrested", "Sertoli cells only", "hyalinised")
# Added hazard, per day, of the type that arrested tubules never hold: of a short one (0.8 days) one in ten million passes.
_STOP = 20.0


class Tubules(NamedTuple):
    """The share of a man's tubules in each state, by state."""

    complete: float
    reduced: float
    arrested: float
    sertoli_cells_only: float
    hyalinised: float


SOUND = Tubules(1.0, 0.0, 0.0, 0.0, 0.0)


def tubules(man: Mapping[str, Any]) -> Tubules:
    """Return the shares of a man's tubules, or arrays of those of many men, from his physiology.

    Each field is a share of what those before leave over: hyalinised of all, stem cells in the rest, a stop in those
    that hold stem cells, fewer founders in those that do not stop.
    """
    standing = 1.0 - man["hyalinised_tubules"]
    germinal = standing * man["germ_cell_endowment"]
    passing = germinal * (1.0 - man["arrested_tubules"])
    return Tubules(
        passing * (1.0 - man["reduced_tubules"]),
        passing * man["reduced_tubules"],
        germinal * man["arrested_tubules"],
        standing - germinal,
        man["hyalinised_tubules"] + 0.0 * standing,
    )


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
