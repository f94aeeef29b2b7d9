"""All numbers of one man's tissue: names and units as in parameters/model/tissue.toml, his physiology folded in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numba.np.unsafe.ndarray import to_fixed_tuple

from testis_abm.biology.days import number
from testis_abm.biology.germ import GermParameters
from testis_abm.biology.leydig import AromataseParameters, LeydigParameters
from testis_abm.biology.niche import NicheParameters
from testis_abm.biology.sertoli import InhibinParameters, ReceptorParameters
from testis_abm.support.compile import compiled


class TissueParameters(NamedTuple):
    """The numbers that the rules of the cells take."""

    leydig: LeydigParameters
    aromatase: AromataseParameters
    receptor: ReceptorParameters
    inhibin: InhibinParameters
    germ: GermParameters
    niche: NicheParameters

    def flat(self) -> dict[str, float]:
        """Return all numbers by name (no two parts share one)."""
        return {name: value for part in self for name, value in part._asdict().items()}


_PARTS = (LeydigParameters, AromataseParameters, ReceptorParameters, InhibinParameters, GermParameters, NicheParameters)
PARTS = dict(zip(TissueParameters._fields, _PARTS, strict=True))
NAMES = tuple(name for part in _PARTS for name in part._fields)


def parameters(numbers: Mapping[str, Any]) -> TissueParameters:
    """Return the parameters with those numbers (or arrays of many men), by name; others are left out."""
    return TissueParameters(*(part(*(number(numbers[name]) for name in part._fields)) for part in _PARTS))  # type: ignore[arg-type]


def as_array(p: TissueParameters) -> np.ndarray:
    """Return the numbers as an array, which crosses into compiled code faster than so many of them."""
    return np.array([number for part in p for number in part])


_ENZYME = NAMES.index("aromatase_km") + 1, NAMES.index("aromatase_km") + len(AromataseParameters._fields)


@compiled(error_model="numpy")
def with_aromatase(numbers, left):
    """Return the numbers (see `as_array`) of a tissue of whose aromatase only the share `left` works."""
    if left == 1.0:
        return numbers
    today = numbers.copy()
    for i in range(_ENZYME[0], _ENZYME[1]):  # arrays of two shapes would take a second to compile, for their error
        today[i] *= left
    return today


_LEYDIG, _AROMATASE, _RECEPTOR, _INHIBIN, _GERM, _NICHE = (len(part._fields) for part in _PARTS)


@compiled(error_model="numpy")
def from_array(numbers):
    """Return the parameters that `as_array` made an array of."""
    leydig, rest = to_fixed_tuple(numbers, _LEYDIG), numbers[_LEYDIG:]  # type: ignore[var-annotated,call-arg]
    aromatase, rest = to_fixed_tuple(rest, _AROMATASE), rest[_AROMATASE:]
    receptor, rest = to_fixed_tuple(rest, _RECEPTOR), rest[_RECEPTOR:]
    inhibin, rest = to_fixed_tuple(rest, _INHIBIN), rest[_INHIBIN:]
    germ, rest = to_fixed_tuple(rest, _GERM), rest[_GERM:]
    return TissueParameters(
        LeydigParameters(*leydig),
        AromataseParameters(*aromatase),
        ReceptorParameters(*receptor),
        InhibinParameters(*inhibin),
        GermParameters(*germ),
        NicheParameters(*to_fixed_tuple(rest, _NICHE)),
    )
