"""A man as a mixture of tubules, each in one state along its length or along a stretch of it.

In men tubules are empty beside full ones, in every biopsy of the same testis (Silber 1997, 2000). How long a stretch is
(`lesion_length` of the man's physiology) has not been measured.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

# States, of which the first hold germ cells.
COMPLETE, REDUCED, ARRESTED, SERTOLI_ONLY, HYALINISED = range(5)
GERMINAL = 3
NAMES = ("complete", "reduced", "arrested", "Sertoli cells only", "hyalinised")


class Tubules(NamedTuple):
    """The share of a man's tubules in each state, by state."""

    complete: float
    reduced: float
    arrested: float
    sertoli_cells_only: float
    hyalinised: float


def live(shares: Tubules) -> Any:
    """Return the share of all tubules that hold germ cells and let them pass."""
    return shares.complete + shares.reduced


def passing(shares: Tubules) -> Any:
    """Return what share of the tubules with Sertoli cells is `live`."""
    return live(shares) / max(1.0 - shares.hyalinised, 1e-12)


def section_spacing(values: Mapping[str, float], around: int) -> float:
    """Return how far apart the sections of `around` Sertoli cells lie along a tubule, um."""
    return values["section.tubule_per_sertoli"] * around


def ends(values: Mapping[str, float], around: int, lesion_length: float) -> float:
    """Return the chance that a state which holds over `lesion_length` (mm) on average ends between a section and the next."""
    return -math.expm1(-section_spacing(values, around) * 1e-3 / lesion_length)


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
