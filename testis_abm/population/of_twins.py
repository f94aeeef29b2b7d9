"""A population that is the virtual patients of the men of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.population.distribution import LESIONS, Population
from testis_abm.support import files
from testis_abm.support.errors import ScenarioError, TestisError


@dataclass(frozen=True)
class OfTwins(Population):
    """The virtual patients of the men of a table: a man of the table is drawn, each as often, then one of his.

    Attributes:
        rows: physiology, field -> (virtual patients,); kinds: indices into LESIONS of each.
        bounds: of the rows of each man of the table, (men + 1,).
    """

    rows: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    kinds: np.ndarray = field(default_factory=lambda: np.zeros(0, int), repr=False)
    bounds: np.ndarray = field(default_factory=lambda: np.zeros(1, int), repr=False)

    def lesion_shares(self) -> np.ndarray:
        """Return the share of virtual patients with each of LESIONS."""
        return np.bincount(self.kinds, minlength=len(LESIONS)) / len(self.kinds)

    def hidden(self, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Draw `n` men: their place among the virtual patients (n, 1), and lesions (n,), indices into LESIONS."""
        men = len(self.bounds) - 1
        # Whole rounds of the table's men, each in an order of its own: all of them are there as often as can be.
        whose = np.concatenate([rng.permutation(men) for _ in range(-(-n // men))])[:n]
        first, last = self.bounds[whose], self.bounds[whose + 1]
        place = first + (rng.random(n) * (last - first)).astype(int)
        return place[:, None].astype(float), self.kinds[place]

    def fields(self, hidden: np.ndarray, lesions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the physiology of men from their places (see hidden)."""
        place = hidden[:, 0].astype(int)
        return {name: of[place] for name, of in self.rows.items()}


def of_twins(sample: pd.DataFrame, prior: str, source: str) -> OfTwins:
    """Return the population of a sample of virtual patients.

    Args:
        sample: a row a virtual patient, those of a man together: man, lesion, physiology.
        prior: name of the population that they were found in; source: of the men, for messages.

    Raises:
        ScenarioError: nobody is in it.
    """
    if sample.empty:
        raise ScenarioError(f"{source}: no man has a twin")
    sizes = sample.groupby("man", sort=False).size().to_numpy()
    rows = {name: sample[name].to_numpy() for name in parameters.physiology()}
    kinds = sample["lesion"].map({name: k for k, name in enumerate(LESIONS)}).to_numpy()
    of = Population.named(prior)
    return OfTwins(f"men of {source}", of.numbers, of.like, rows, kinds, np.concatenate([[0], np.cumsum(sizes)]))


def read(path: Path, prior: str) -> OfTwins:
    """Return the population of a sample that is kept (sample.parquet of `testis-abm twin --table`).

    Raises:
        TestisError: the file cannot be read, or is no such sample.
    """
    try:
        state = path.stat()
        return _kept(path, prior, state.st_mtime_ns, state.st_size)
    except (OSError, ValueError, KeyError) as error:
        raise TestisError(
            f"{path}: no sample of virtual patients ({files.reason(error)}); make one with testis-abm twin --table FILE"
        ) from None


@cache
def _kept(path: Path, prior: str, *state: int) -> OfTwins:
    return of_twins(pd.read_parquet(path, columns=["man", "lesion", *parameters.physiology()]), prior, path.name)
