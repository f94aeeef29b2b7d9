"""Plausible parameter sets: values of uncertain parameters that the literature leaves open, with weights.

A set is a row: parameter name -> value. Names are dotted ("axis.testosterone_feedback_strength"), those of drugs begin with "drug.".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.errors import TestisError
from testis_abm.parameters import Drug, FrozenMapping

FILE = Path(__file__).with_name("ensemble.csv")


@dataclass(frozen=True)
class Ensemble:
    """Parameter sets and their weights (sum 1)."""

    sets: pd.DataFrame
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.sets)

    def applied(self, k: int) -> tuple[dict[str, float], Mapping[str, Drug]]:
        """Return the parameters and the drug table of set `k`."""
        return applied(dict(zip(self.sets.columns, self.sets.iloc[k].to_numpy(dtype=float), strict=True)))

    def pick(self, n: int, seed: int = 1) -> np.ndarray:
        """Return `n` sets drawn by weight (systematic), as row numbers."""
        points = (np.arange(n) + np.random.default_rng(seed).random()) / n
        return np.minimum(np.searchsorted(np.cumsum(self.weights), points), len(self) - 1)


def applied(of: Mapping[str, float]) -> tuple[dict[str, float], Mapping[str, Drug]]:
    """Return the parameter table and the drug table with some numbers replaced."""
    own = {name: value for name, value in of.items() if not name.startswith("drug.")}
    drugs = dict(parameters.drugs())
    for name, value in of.items():
        if name.startswith("drug."):
            _, drug, constant = name.split(".", 2)
            drugs[drug] = _with(drugs[drug], constant, value)
    return parameters.values() | own, FrozenMapping(drugs)


def _with(drug: Drug, constant: str, value: float) -> Drug:
    """Return a drug with one constant of one of its substances replaced ("inhibition_constant", "endoxifen.receptor_constant")."""
    part, _, short = constant.rpartition(".")
    substances = []
    for substance in drug.substances:
        numbers = dict(substance.numbers)
        if (not part or substance.name == part) and short in numbers:
            numbers[short] = replace(numbers[short], value=value)
        substances.append(replace(substance, numbers=FrozenMapping(numbers)))
    return replace(drug, substances=tuple(substances))


def best() -> Ensemble:
    """Return the one set of the parameter tables."""
    return Ensemble(pd.DataFrame(index=[0]), np.ones(1))


def read(path: Path) -> Ensemble:
    """Read an ensemble (a column a parameter, and `weight`).

    Raises:
        TestisError: the file is missing, no ensemble, or holds a parameter that does not exist.
    """
    try:
        table = pd.read_csv(path, comment="#")
        weights = table.pop("weight").to_numpy(dtype=float)
    except (OSError, ValueError, KeyError) as error:
        raise TestisError(
            f"{path}: no ensemble of parameter sets ({error}); make one with testis-abm calibrate"
        ) from None
    drugs = {f"drug.{name}" for name in parameters.drugs()}
    lost = [
        name for name in table.columns if name not in parameters.load() and ".".join(name.split(".")[:2]) not in drugs
    ]
    if lost:
        raise TestisError(f"{path}: {lost[0]} is no parameter of this version; calibrate again")
    return Ensemble(table, weights / weights.sum())


@cache
def shipped() -> Ensemble:
    """Return the ensemble that calibration left in the package (see docs/validation.md)."""
    return read(FILE)
