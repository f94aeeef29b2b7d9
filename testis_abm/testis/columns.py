"""The columns that hold the cells: one structure of arrays per kind, one contiguous segment per tubule for germ cells.

A column is declared once, here: what compiled code takes, what is allocated, saved, shown by agents and held by the
plain engine follows.
"""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass, fields
from typing import Annotated, Any, NamedTuple, get_type_hints

import numpy as np

from testis_abm.biology import steps


class Column(NamedTuple):
    """One value a cell: how it is kept, what it says (with its unit), and whether a user may set it."""

    dtype: type
    doc: str
    settable: bool = False


@dataclass
class Columns:
    """The cells of one kind."""

    lineage: Annotated[np.ndarray, Column(np.uint64, "Name of the cell, which keys its random draws.")]

    @classmethod
    def declared(cls) -> dict[str, Column]:
        """Return the columns of one value a cell, by name."""
        hints = get_type_hints(cls, include_extras=True)
        named = ((field.name, getattr(hints[field.name], "__metadata__", ())) for field in fields(cls))
        return {name: kept[0] for name, kept in named if kept}

    def rows(self) -> np.ndarray:
        """Return the row of every living cell."""
        return np.arange(len(self.lineage))

    def arrays(self) -> Any:
        """Return the columns as compiled code takes them."""
        return _ARRAYS[type(self)](*vars(self).values())


@dataclass
class LeydigColumns(Columns):
    """Leydig cells."""

    corner: Annotated[np.ndarray, Column(np.int64, "Interstice in which it lies; tubule i owns 2 i and 2 i + 1.")]
    size: Annotated[np.ndarray, Column(float, "Secretory size, mean 1.", True)]
    capacity: Annotated[np.ndarray, Column(float, "Trophic capacity to secrete, 1 under normal LH.", True)]
    aromatase_expression: Annotated[np.ndarray, Column(float, "Aromatase expression, 1 under normal LH.", True)]
    testosterone_secretion: Annotated[
        np.ndarray, Column(float, "Testosterone secreted, relative to the mean cell of the reference man.")
    ]
    oestradiol_secretion: Annotated[
        np.ndarray, Column(float, "Oestradiol made; the reference tissue makes 1 per Sertoli cell in all.")
    ]


@dataclass
class SertoliColumns(Columns):
    """Sertoli cells: what they hold, sense and set; one row each, but `rates` and `gathered` lie by tubule.

    Attributes:
        rates: (tubules, steps.RATES, niches), what they set; gathered: (tubules, steps, niches), hazard of each type of
            germ cell counted so far.
        counts: (sertoli, steps) germ cells.
    """

    state: Annotated[
        np.ndarray,
        Column(np.uint8, "State of its tubule: 0 complete, 1 reduced, 2 arrested, 3 Sertoli cells only, 4 hyalinised."),
    ]
    phase: Annotated[np.ndarray, Column(float, "Phase of its clock of the cycle at the start, 0 to 1.")]
    androgen: Annotated[np.ndarray, Column(float, "Androgen that it has responded to, free nmol/L.")]
    adhesion: Annotated[np.ndarray, Column(float, "Androgen that its adhesion has responded to, free nmol/L.")]
    fsh: Annotated[np.ndarray, Column(float, "FSH that it has responded to, IU/L.")]
    lack: Annotated[np.ndarray, Column(float, "Lack of oestrogen that it has responded to, 0 to 1.")]
    local_testosterone: Annotated[np.ndarray, Column(float, "Free testosterone at it, nmol/L.")]
    local_oestradiol: Annotated[np.ndarray, Column(float, "Free oestradiol at it, nmol/L.")]
    oestradiol_secretion: Annotated[np.ndarray, Column(float, "Oestradiol made by it and its germ cells.")]
    inhibin: Annotated[np.ndarray, Column(float, "Inhibin B output, 1 = reference man.")]
    able: Annotated[np.ndarray, Column(np.uint8, "1 if it can keep germ cells, 0 if not (Sertoli cell only).")]
    blocked_until: Annotated[np.ndarray, Column(float, "Day on the tissue's clock until which its stem cells stop.")]
    present: Annotated[np.ndarray, Column(float, "1; 0 once its testis has been taken away.")]
    rates: np.ndarray
    gathered: np.ndarray
    counts: np.ndarray


@dataclass
class GermColumns(Columns):
    """Germ cells in one segment per tubule, with slack for births: 33 bytes a cell.

    Attributes:
        start, count: each tubule's segment; rows beyond the count are unused.
    """

    niche: Annotated[np.ndarray, Column(np.uint16, "Sertoli cell, counted within the tubule.")]
    step: Annotated[np.ndarray, Column(np.uint8, "Type, 0 (A-dark) to 11 (elongated).")]
    turn: Annotated[np.ndarray, Column(np.uint16, "Turns of the cycle that a stem cell has made.")]
    share: Annotated[
        np.ndarray, Column(np.float32, "Share of a clone that an A-pale has gathered; at 1 it differentiates.", True)
    ]
    clone: Annotated[
        np.ndarray, Column(np.uint32, "Name of the clone that bridges join it to; of a stem cell, how many it founded.")
    ]
    founder: Annotated[
        np.ndarray, Column(np.uint32, "Number of the stem cell from which it comes: its stem-cell clone.")
    ]
    ends: Annotated[np.ndarray, Column(np.float32, "Day on which its step (a stem cell's: its cycle) ends.")]
    threshold: Annotated[np.ndarray, Column(np.float32, "Hazard counted by its Sertoli cell at which it dies.")]
    injury: Annotated[
        np.ndarray, Column(np.float32, "Harm that its sperm will carry (biology/injury.py), 0 = none.", True)
    ]
    start: np.ndarray
    count: np.ndarray

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

    def keep(self, alive: np.ndarray) -> None:
        """Leave out the cells whose row is not `alive` (bool, one a row); the others of a tubule stay in order."""
        rows = self.rows()
        stays = alive[rows]
        if stays.all():
            return
        count = np.bincount(self.tubule_of(rows[stays]), minlength=len(self.count))
        before = np.cumsum(count) - count
        to = np.arange(count.sum()) + np.repeat(self.start[:-1] - before, count)
        for name in GERM_DTYPES:
            column = getattr(self, name)
            column[to] = column[rows[stays]]
        self.count[:] = count

    def grow(self, wanted: np.ndarray) -> None:
        """Give each tubule room for `wanted` rows (int64 per tubule), keeping every cell."""
        start = segments(np.maximum(wanted, self.count))
        rows = self.rows()
        moved = np.repeat(start[:-1] - self.start[:-1], self.count) + rows
        for name, dtype in GERM_DTYPES.items():
            new = np.zeros(start[-1], dtype=dtype)
            new[moved] = getattr(self, name)[rows]
            setattr(self, name, new)
        self.start = start


def segments(count: np.ndarray) -> np.ndarray:
    """Return where the segment of each tubule of so many rows begins, and where the last one ends."""
    return np.concatenate([[0], np.cumsum(count)]).astype(np.int64)


GERM_DTYPES = {name: column.dtype for name, column in GermColumns.declared().items()}


@dataclass
class Events:
    """What happened to the germ cells in a day, by tubule: deaths and completed steps, (tubules, steps); fates of sperm.

    `freed` (tubules, steps): of the deaths, those that went into the lumen. `injury`: harm that the released sperm carry, summed over them. `progress`: how far compiled code has taken each tubule (kernel.DONE: to the end of the day).
    """

    deaths: np.ndarray
    completed: np.ndarray
    freed: np.ndarray
    released: np.ndarray
    retained: np.ndarray
    injury: np.ndarray
    progress: np.ndarray

    @classmethod
    def none(cls, tubules: int) -> Events:
        """Return a day on which nothing has happened yet."""
        return cls(
            np.zeros((tubules, steps.COUNT), dtype=np.int64),
            np.zeros((tubules, steps.COUNT), dtype=np.int64),
            np.zeros((tubules, steps.COUNT), dtype=np.int64),
            np.zeros(tubules, dtype=np.int64),
            np.zeros(tubules, dtype=np.int64),
            np.zeros(tubules),
            np.zeros(tubules, dtype=np.uint8),
        )

    def arrays(self) -> Any:
        """Return them as compiled code takes them."""
        return EventArrays(*vars(self).values())


def _arrays(name: str, kind: type) -> Any:
    return namedtuple(name, [field.name for field in fields(kind)], module=__name__)


LeydigArrays = _arrays("LeydigArrays", LeydigColumns)
SertoliArrays = _arrays("SertoliArrays", SertoliColumns)
GermArrays = _arrays("GermArrays", GermColumns)
EventArrays = _arrays("EventArrays", Events)
_ARRAYS = {LeydigColumns: LeydigArrays, SertoliColumns: SertoliArrays, GermColumns: GermArrays}


class CellArrays(NamedTuple):
    """The three kinds that hormones and germ line need, as compiled code takes them."""

    leydig: Any
    sertoli: Any
    germ: Any
