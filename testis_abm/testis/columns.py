"""The columns that hold the cells: one structure of arrays per kind, one contiguous segment per tubule for germ cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from testis_abm.biology import steps
from testis_abm.testis.kernel import GermArrays, LeydigArrays, SertoliArrays


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

    def arrays(self) -> LeydigArrays:
        """Return the columns as a kernel takes them."""
        return LeydigArrays(self.corner, self.size, self.capacity, self.expression, self.testosterone, self.oestradiol)


@dataclass
class SertoliColumns:
    """Sertoli cells: what they hold, hear and set; one row each, but `rates` and `gathered` lie by tubule.

    Attributes:
        lineage, phase: name; phase of the clock of the cycle at the start.
        androgen, oestrogen, fsh: what they have responded to (free nmol/L, free nmol/L, IU/L).
        local_testosterone, local_oestradiol: free nmol/L; oestradiol_made: by them and their germ cells; inhibin.
        rates: (tubules, steps.RATES, niches), what they set; gathered: (tubules, steps, niches), hazard of each step
            counted so far.
        counts: (sertoli, steps) germ cells; a_pale: of them A-pale when the day began.
    """

    lineage: np.ndarray
    phase: np.ndarray
    androgen: np.ndarray
    oestrogen: np.ndarray
    fsh: np.ndarray
    local_testosterone: np.ndarray
    local_oestradiol: np.ndarray
    oestradiol_made: np.ndarray
    inhibin: np.ndarray
    rates: np.ndarray
    gathered: np.ndarray
    counts: np.ndarray
    a_pale: np.ndarray

    def arrays(self) -> SertoliArrays:
        """Return the columns as a kernel takes them."""
        return SertoliArrays(
            self.androgen,
            self.oestrogen,
            self.fsh,
            self.local_testosterone,
            self.local_oestradiol,
            self.oestradiol_made,
            self.inhibin,
            self.rates,
            self.gathered,
            self.counts,
            self.a_pale,
        )


@dataclass
class GermColumns:
    """Germ cells in one segment per tubule, with slack for births: 29 bytes a cell.

    Attributes:
        lineage, niche, step: name, Sertoli cell (counted within the tubule), step.
        turn, share: turns of the cycle that a stem cell has made, share of a clone that an A-pale has gathered.
        clone: name of the clone that bridges join it to; of a stem cell, how many it has founded.
        ends: day on which the step (a stem cell's cycle) ends.
        threshold: the cell dies when its Sertoli cell has counted so much hazard for its step.
        start, count: each tubule's segment; rows beyond the count are unused.
    """

    lineage: np.ndarray
    niche: np.ndarray
    step: np.ndarray
    turn: np.ndarray
    share: np.ndarray
    clone: np.ndarray
    ends: np.ndarray
    threshold: np.ndarray
    start: np.ndarray
    count: np.ndarray

    def arrays(self) -> GermArrays:
        """Return the columns as a kernel takes them."""
        return GermArrays(
            self.lineage,
            self.niche,
            self.step,
            self.turn,
            self.share,
            self.clone,
            self.ends,
            self.threshold,
            self.start,
            self.count,
        )

    @property
    def total(self) -> int:
        """Return the number of living germ cells."""
        return int(self.count.sum())

    def rows(self) -> np.ndarray:
        """Return the row of every living cell, by tubule."""
        before = np.cumsum(self.count) - self.count
        return np.asarray(np.arange(self.total) + np.repeat(self.start[:-1] - before, self.count))

    def tubule_of(self, rows: np.ndarray) -> np.ndarray:
        """Return the tubule of each row."""
        return np.asarray(np.searchsorted(self.start, rows, side="right") - 1)

    def compacted(self, name: str) -> np.ndarray:
        """Return a copy of one column without slack."""
        return np.asarray(getattr(self, name)[self.rows()])

    def grow(self, wanted: np.ndarray) -> None:
        """Give each tubule room for `wanted` rows (int64 per tubule), keeping every cell."""
        start = np.concatenate([[0], np.cumsum(np.maximum(wanted, self.count))]).astype(np.int64)
        rows = self.rows()
        moved = np.repeat(start[:-1] - self.start[:-1], self.count) + rows
        for name, dtype in GERM_DTYPES.items():
            new = np.zeros(start[-1], dtype=dtype)
            new[moved] = getattr(self, name)[rows]
            setattr(self, name, new)
        self.start = start


GERM_DTYPES = {
    "lineage": np.uint64,
    "niche": np.uint16,
    "step": np.uint8,
    "turn": np.uint16,
    "share": np.float32,
    "clone": np.uint32,
    "ends": np.float32,
    "threshold": np.float32,
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
