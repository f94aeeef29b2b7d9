"""The columns that hold the cells: one structure of arrays per kind, one contiguous segment per tubule for germ cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from testis_abm.tissue import steps
from testis_abm.tissue.kernel import GermArrays


@dataclass
class LeydigColumns:
    """Leydig cells: lineage, corner (interstice), relative size, trophic capacity, aromatase expression, secretions."""

    lineage: np.ndarray
    corner: np.ndarray
    size: np.ndarray
    capacity: np.ndarray
    expression: np.ndarray
    testosterone: np.ndarray
    oestradiol: np.ndarray


@dataclass
class SertoliColumns:
    """Sertoli cells: lineage, clock phase, what they have responded to, local free steroids, support, germ-cell counts."""

    lineage: np.ndarray
    phase: np.ndarray
    androgen: np.ndarray
    oestrogen: np.ndarray
    fsh: np.ndarray
    local_testosterone: np.ndarray
    local_oestradiol: np.ndarray
    oestradiol_made: np.ndarray
    inhibin: np.ndarray
    support: np.ndarray
    counts: np.ndarray


@dataclass
class GermColumns:
    """Germ cells in one segment per tubule, with slack for births.

    Columns take 23 bytes a cell. `start`, `count` give each tubule's segment; rows beyond the count are unused.
    """

    lineage: np.ndarray
    niche: np.ndarray
    step: np.ndarray
    turn: np.ndarray
    remaining: np.ndarray
    budget: np.ndarray
    start: np.ndarray
    count: np.ndarray

    def arrays(self) -> GermArrays:
        """Return the columns as a kernel takes them."""
        return GermArrays(*(getattr(self, name) for name in GermArrays._fields))

    @property
    def total(self) -> int:
        """Return the number of living germ cells."""
        return int(self.count.sum())

    def rows(self) -> np.ndarray:
        """Return the row of every living cell, by tubule."""
        return np.concatenate([np.arange(s, s + n) for s, n in zip(self.start[:-1], self.count, strict=True)])

    def compacted(self, name: str) -> np.ndarray:
        """Return a copy of one column without slack."""
        return np.asarray(getattr(self, name)[self.rows()])

    def grow(self, wanted: np.ndarray) -> None:
        """Give each tubule room for `wanted` rows (int64 per tubule), keeping every cell."""
        start = np.concatenate([[0], np.cumsum(np.maximum(wanted, self.count))]).astype(np.int64)
        for name in GERM_DTYPES:
            old = getattr(self, name)
            new = np.zeros(start[-1], dtype=old.dtype)
            for tubule, n in enumerate(self.count):
                new[start[tubule] : start[tubule] + n] = old[self.start[tubule] : self.start[tubule] + n]
            setattr(self, name, new)
        self.start = start


GERM_DTYPES = {
    "lineage": np.uint64,
    "niche": np.uint32,
    "step": np.uint8,
    "turn": np.uint16,
    "remaining": np.float32,
    "budget": np.float32,
}


@dataclass
class Events:
    """What happened to the germ cells in a day, by tubule: deaths and completed steps, (tubules, steps); fates of sperm."""

    deaths: np.ndarray
    completed: np.ndarray
    released: np.ndarray
    retained: np.ndarray

    @classmethod
    def none(cls, tubules: int) -> Events:
        """Return a day on which nothing has happened yet."""
        return cls(
            np.zeros((tubules, steps.COUNT), dtype=np.int64),
            np.zeros((tubules, steps.COUNT), dtype=np.int64),
            np.zeros(tubules, dtype=np.int64),
            np.zeros(tubules, dtype=np.int64),
        )
