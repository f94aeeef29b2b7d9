"""Plausible parameter sets: values of uncertain parameters that the literature leaves open, with weights.

A set is a row: parameter name -> value. Names are dotted ("axis.testosterone_feedback_strength"), those of drugs begin
with "drug.".
"""

from __future__ import annotations

import hashlib
import io
import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.man.parameter_set import ROUNDED, ParameterSet, parameter, parameter_set, within
from testis_abm.parameters import Answer, FrozenMapping, Hypothesis, own
from testis_abm.parameters.tables import NONE, Tables, in_force, using
from testis_abm.statistics import resampled
from testis_abm.support import files, guard
from testis_abm.support.errors import TestisError, shown

_LARGEST_BYTES = 100_000_000  # of an ensemble

FILE = Path(__file__).with_name("ensemble.csv")
_SUM = "# sha256: "  # before the checksum of all lines that are no comments; a file made by hand needs none


@dataclass(frozen=True)
class Ensemble:
    """Parameter sets and their weights (sum 1).

    Attributes:
        sets: a row a set, a column a parameter.
        weights: of the sets.
        known: parameters that have this value in every set, and are no question any more (`knowing`).

    Raises:
        TestisError: a parameter that does not exist, a value outside its range, weights that are no weights.
    """

    sets: pd.DataFrame
    weights: np.ndarray
    known: Mapping[str, float] = FrozenMapping()

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

    def __getitem__(self, k: int) -> ParameterSet:
        """Return set `k`, from 0, with its answers to questions about all men.

        Raises:
            TestisError: there is no such set.
        """
        k = guard.whole(k, 0, len(self) - 1, "k")
        made = k, in_force()
        if made not in self._made:
            row = dict(zip(self.sets.columns, self.sets.iloc[k].to_numpy(dtype=float).tolist(), strict=True))
            # What the user's own tables state is no question.
            row = {name: value for name, value in row.items() if not own.states(in_force(), name)}
            self._made[made] = parameter_set({**row, **self.known})
        return self._made[made]

    @cached_property
    def _made(self) -> dict[tuple[int, Tables], ParameterSet]:
        """Return the sets that have been asked for, under the tables that were in force."""
        return {}

    def knowing(self, known: Mapping[str, float]) -> Ensemble:
        """Return the ensemble with some parameters taken as known.

        Where these answer a question, the sets remain that were calibrated with that answer, if there are any.

        Raises:
            TestisError: what is no mapping of parameters to values in their ranges.
        """
        known = guard.mapping(known, "known", '{"germ.room": 1.5}')
        if not known:
            return self
        for name, value in known.items():
            guard.number(value, *within(parameter(name)), name, parameter(name).unit)
        there = np.ones(len(self), dtype=bool)
        for question in (of for of in parameters.hypotheses().values() if of.sperm_below is None):
            for name in question.parameters & known.keys() & {*self.sets.columns}:
                alike = there & np.isclose(self.sets[name].to_numpy(dtype=float), known[name], rtol=ROUNDED)
                there = alike if alike.any() else there
        return Ensemble(self.sets[there].reset_index(drop=True), self.weights[there], FrozenMapping(known))

    def pick(self, n: int, seed: int = 1) -> np.ndarray:
        """Return `n` sets drawn by weight (systematic), as row numbers: of each answer as many as its weight says, give or take one.

        Raises:
            TestisError: too many or too few, or a seed that is none.
        """
        n, seed = guard.argument("sets", n), guard.argument("seed", seed)
        order = self._by_answer()
        return np.asarray(order[resampled(self.weights[order], n, seed)])

    def _by_answer(self) -> np.ndarray:
        """Return row numbers, sets with the same answers together: else systematic draws may meet the same ones each time."""
        there = {name: self.sets[name].to_numpy(dtype=float) for name in self.sets} | dict(self.known)
        answers = [
            np.all([np.isclose(there[name], value, rtol=ROUNDED) for name, value in answer.parameters.items()], axis=0)
            for of in parameters.hypotheses().values()
            for answer in of.answers.values()
            if of.sperm_below is None and answer.parameters.keys() <= there.keys()
        ]
        return np.lexsort([np.broadcast_to(of, len(self)) for of in answers]) if answers else np.arange(len(self))

    def drawn(self, n: int, seed: int = 1) -> list[ParameterSet]:
        """Return `n` sets drawn by weight, in random order, each with an answer to every question, those about some men by weight too.

        Raises:
            TestisError: as pick.
        """
        n, seed = guard.argument("sets", n), guard.argument("seed", seed)
        order = np.random.default_rng([seed, 43]).permutation(self.pick(n, seed))
        sets = [self[int(k)] for k in order]
        for question in self._about_some():
            names = list(question.answers)
            weights = np.array([answer.weight for answer in question.answers.values()])
            drawn = np.random.default_rng([seed, 41]).permutation(resampled(weights, n, seed))
            sets = [one.answering(question.name, names[at]) for one, at in zip(sets, drawn)]
        return sets

    def by_answers(self, n: int | None = None) -> list[tuple[float, list[ParameterSet]]]:
        """Return the weight of every combination of answers to all questions, and up to `n` sets that have it (default: all).

        Raises:
            TestisError: fewer than one set.
        """
        n = None if n is None else guard.argument("sets", n)
        every = [self[k] for k in range(len(self))]
        groups: dict[tuple[str, ...], list[int]] = {}
        for k, one in enumerate(every):
            groups.setdefault(tuple(one.answers.values()), []).append(k)
        about = self._about_some()
        found = []
        for rows in groups.values():
            sets = [every[k] for k in rows[:n]]
            for answers in itertools.product(*(question.answers.values() for question in about)):
                weight = float(self.weights[rows].sum()) * math.prod(answer.weight for answer in answers)
                named = list(zip(about, answers, strict=True))
                found.append((weight, [_with_answers(one, named) for one in sets]))
        return found

    def _about_some(self) -> list[Hypothesis]:
        """Return the open questions about some men."""
        about = (of for of in parameters.hypotheses().values() if of.sperm_below is not None)
        return [of for of in about if not of.parameters & self.known.keys()]


def _check(name: str, values: np.ndarray, written: pd.Series) -> None:
    """Refuse values of a parameter that are no numbers or lie outside its range.

    Raises:
        TestisError: with the first row that holds one.
    """
    entry = parameter(name)
    low, high = within(entry)
    good = (values >= low) & (values <= high)
    if not good.all():
        row, allowed = int(np.argmin(good)), f"{entry.low:g} to {entry.high:g} {entry.symbol}"
        raise TestisError(f"{name}, row {row + 1}: {shown(written.iloc[row])} lies outside {allowed}".strip())


def _with_answers(one: ParameterSet, answers: Sequence[tuple[Hypothesis, Answer]]) -> ParameterSet:
    for question, answer in answers:
        one = one.answering(question.name, answer.name)
    return one


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
    with using(NONE):
        return read(FILE)
