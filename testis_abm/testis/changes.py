"""Changes from outside to named rates and numbers of the tissue, of whatever source, put together for one day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology import steps
from testis_abm.biology.tissue import NAMES, PARTS, TissueParameters

# What comes from outside when nothing does: no factor of, no addition to any rate.
UNCHANGED = np.zeros((2, len(steps.RATES), 0))
# Numbers that follow from others, so that changing them alone would mean nothing.
_DERIVED = tuple(name for name in NAMES if name.endswith(("_occupancy", "_reference")))
NUMBERS = tuple(name for name in NAMES if name not in (*_DERIVED, *steps.RATES))
_PART_OF = {name: of for of, part in PARTS.items() for name in part._fields}  # type: ignore[attr-defined]


class Change(NamedTuple):
    """One rate or number on one day: times a factor, plus an addition, each (1,) or, of a rate, (sertoli,).

    `name` is what does it.
    """

    name: str
    rate: str
    factor: np.ndarray
    added: np.ndarray


def together(
    changes: Iterable[Change], p: TissueParameters, sertoli: int
) -> tuple[TissueParameters, np.ndarray, list[tuple[Any, ...]]]:
    """Return a day's numbers, change of the rates (2, steps.RATES, 0, 1 or sertoli), and a row for each change.

    Factors multiply and additions add up. A row holds what does it, the rate, and its mean factor and addition.
    """
    changes = list(changes)
    if not changes:
        return p, UNCHANGED, []
    factors, additions = np.ones((len(steps.RATES), 1)), np.zeros((len(steps.RATES), 1))
    rows: list[tuple[Any, ...]] = []
    for name, rate, factor, added in changes:
        if max(factor.size, added.size) > factors.shape[1]:
            factors, additions = (np.repeat(known, sertoli, axis=1) for known in (factors, additions))
        if rate in steps.RATES:
            factors[steps.RATES.index(rate)] *= factor
            additions[steps.RATES.index(rate)] += added
        else:
            p = _with(p, rate, float(factor[0]), float(added[0]))
        rows.append((name, rate, float(factor.mean()), float(added.mean())))
    return p, np.stack([factors, additions]), rows


def _with(p: TissueParameters, name: str, factor: float, added: float) -> TissueParameters:
    """Return the numbers with one of them changed."""
    part = getattr(p, _PART_OF[name])
    number = max(0.0, float(getattr(part, name) * factor + added))
    return p._replace(**{_PART_OF[name]: part._replace(**{name: number})})
