"""Plausible parameter sets: values of uncertain parameters that the literature leaves open, with weights.

A set is a row: parameter name -> value. Names are dotted ("axis.testosterone_feedback_strength"), those of drugs begin
with "drug.".
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.parameters import Drug, FrozenMapping, Parameter
from testis_abm.statistics import resampled
from testis_abm.support import files, guard
from testis_abm.support.errors import TestisError, printable, shown

_LARGEST_BYTES = 100_000_000  # of an ensemble

FILE = Path(__file__).with_name("ensemble.csv")
_SUM = "# sha256: "  # before the checksum of all lines that are no comments; a file made by hand needs none
_ROUNDED = 1e-5  # values are written with six digits


@dataclass(frozen=True)
class Ensemble:
    """Parameter sets and their weights (sum 1).

    Raises:
        TestisError: a parameter that does not exist, a value outside its range, weights that are no weights.
    """

    sets: pd.DataFrame
    weights: np.ndarray

    def __repr__(self) -> str:
        return f"<Ensemble of {len(self.sets):,} parameter sets>"

    def __post_init__(self) -> None:
        guard.frame(self.sets, "sets")
        try:
            weights = np.asarray(self.weights, dtype=float)
        except (TypeError, ValueError, OverflowError):
            raise TestisError(f"weights: {shown(self.weights)} are no numbers") from None
        good = np.isfinite(weights) & (weights >= 0.0)
        if weights.shape != (len(self.sets),):
            raise TestisError(f"weights: {shown(self.weights)} is not a number for each of {len(self.sets)} rows")
        if not good.all() or not weights.sum() > 0.0:
            bad = (
                f"row {int(np.argmin(good)) + 1}: {weights[np.argmin(good)]:g}" if not good.all() else "their sum is 0"
            )
            raise TestisError(
                f"weight ({bad}): use a number from 0 upwards for each of {len(self.sets)} rows, not all 0"
            )
        object.__setattr__(self, "weights", weights / weights.sum())
        for name in self.sets.columns:
            _check(name, pd.to_numeric(self.sets[name], errors="coerce").to_numpy(dtype=float), self.sets[name])

    def __len__(self) -> int:
        return len(self.sets)

    def applied(self, k: int) -> tuple[dict[str, float], Mapping[str, Drug]]:
        """Return the parameters and the drug table of set `k`, from 0.

        Raises:
            TestisError: there is no such set.
        """
        k = guard.whole(k, 0, len(self) - 1, "k")
        return applied(dict(zip(self.sets.columns, self.sets.iloc[k].to_numpy(dtype=float), strict=True)))

    def pick(self, n: int, seed: int = 1) -> np.ndarray:
        """Return `n` sets drawn by weight (systematic), as row numbers.

        Raises:
            TestisError: too many or too few, or a seed that is none.
        """
        return resampled(self.weights, guard.argument("sets", n), guard.argument("seed", seed))


def parameter(name: str) -> Parameter:
    """Return the entry of the tables that a column of an ensemble stands for.

    Raises:
        TestisError: there is none.
    """
    if not isinstance(name, str):
        raise TestisError(f"{shown(name)} is no name of a parameter")
    if name.startswith("drug."):
        _, drug, constant = (*name.split(".", 2), "", "")[:3]
        numbers = parameters.drugs()[drug].numbers if drug in parameters.drugs() else {}
        entry = next((number for key, number in numbers.items() if f".{key}".endswith(f".{constant}")), None)
    else:
        entry = parameters.load().get(name)
    if entry is None:
        raise TestisError(f"{printable(name)} is no parameter of this version; calibrate again")
    return entry


def _check(name: str, values: np.ndarray, written: pd.Series) -> None:
    """Refuse values of a parameter that are no numbers or lie outside its range.

    Raises:
        TestisError: with the first row that holds one.
    """
    entry = parameter(name)
    low, high = _range(entry)
    good = (values >= low) & (values <= high)
    if not good.all():
        row, allowed = int(np.argmin(good)), f"{entry.low:g} to {entry.high:g} {entry.symbol}"
        raise TestisError(f"{name}, row {row + 1}: {shown(written.iloc[row])} lies outside {allowed}".strip())


def _range(entry: Parameter) -> tuple[float, float]:
    """Return what a written value may be."""
    room = _ROUNDED * max(abs(entry.low), abs(entry.high))
    return entry.low - room, entry.high + room


def applied(changed: Mapping[str, float]) -> tuple[dict[str, float], Mapping[str, Drug]]:
    """Return the parameter table and the drug table with some numbers replaced.

    Raises:
        TestisError: a parameter that does not exist, or a value outside its range.
    """
    own: dict[str, float] = {}
    drugs = dict(parameters.drugs())
    for name, value in guard.mapping(changed, "parameters", '{"axis.testosterone_feedback_strength": 0.5}').items():
        entry = parameter(name)
        guard.number(value, *_range(entry), name, entry.unit)
        if name.startswith("drug."):
            _, drug, constant = name.split(".", 2)
            drugs[drug] = _with(drugs[drug], constant, value)
        else:
            own[name] = value
    return parameters.values() | own, FrozenMapping(drugs)


def _with(drug: Drug, constant: str, value: float) -> Drug:
    """Return a drug with a constant replaced ("inhibition_constant", "endoxifen.receptor_constant" of a substance)."""
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


def read(path: str | Path) -> Ensemble:
    """Read an ensemble (a column a parameter, and `weight`).

    Raises:
        TestisError: the file is missing, damaged, no ensemble, or holds what no parameter set can.
    """
    path = guard.path(path, "ensemble")
    try:
        text = files.content(path, _LARGEST_BYTES).decode().replace("\r\n", "\n")
        table = pd.read_csv(io.StringIO(text), comment="#")
        if "weight" not in table:
            raise ValueError("it has no column weight")
        weights = pd.to_numeric(table.pop("weight"), errors="coerce").to_numpy(dtype=float)
    except (OSError, ValueError) as error:
        raise TestisError(
            f"{path}: no ensemble of parameter sets ({files.reason(error)}); make one with testis-abm calibrate"
        ) from None
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("#"))
    stated = re.search(rf"^{_SUM}(\S*)", text, re.MULTILINE)
    if stated and stated[1] != hashlib.sha256(body.encode()).hexdigest():
        raise TestisError(
            f"{path}: is damaged, or was edited (its checksum differs); calibrate again, or remove its line {_SUM}..."
        )
    try:
        return Ensemble(table, weights)
    except TestisError as error:
        raise TestisError(f"{path}: {error}") from None


def write(path: Path, table: pd.DataFrame, about: str) -> None:
    """Write an ensemble (a column a parameter, and `weight`) with its checksum, and what it is about in a line.

    Raises:
        TestisError: the disk refuses.
    """
    body = table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    files.write(path, f"# {about}\n{_SUM}{hashlib.sha256(body.encode()).hexdigest()}\n{body}")


@cache
def shipped() -> Ensemble:
    """Return the ensemble that calibration left in the package (see docs/validation.md)."""
    return read(FILE)
