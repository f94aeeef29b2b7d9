"""What a kind of cell declares (the kinds: kinds.py)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm.testis.columns import Columns

Tissue = Any  # of tissue.py, which lists the kinds
TissueParameters = Any


@dataclass(frozen=True)
class Look:
    """One kind of cell as drawn.

    Attributes:
        name: for the legend.
        length, width: of the nucleus, um.
        fill, edge: colours of the nucleus.
        specks: number of dark chromatin clumps.
        speck: diameter of a clump, um.
        group: index into pictures.steps.GROUPS; -1 for a cell that is no germ cell.
    """

    name: str
    length: float
    width: float
    fill: str
    edge: str
    specks: int
    speck: float
    group: int = -1


def _same(tissue: Tissue, rows: np.ndarray) -> np.ndarray:
    return rows


@dataclass(frozen=True)
class Kind:
    """A kind of cell.

    Attributes:
        name: of its columns; `doc` says what it is.
        columns: what each cell holds, with dtype, unit and meaning.
        places: (tissue, rows) -> x, y in um.
        build: tissue -> its first cells; day: (tissue, p, dt) -> None, lets them live `dt` days after the others (None:
            the engines do).
        niche: (tissue, rows) -> the Sertoli cell whose levels each shares on the slide (by default that of its row).
        row: (tissue, rows) -> the section of the tubules in or beside which each lies (None: that of its Sertoli cell).
        there: tissue -> which rows are cells that lesions have left (None: all but those of a testis
            that has been taken away).
        look: how it is drawn: a flat nucleus along the wall.
    """

    name: str
    doc: str
    columns: type[Columns]
    places: Callable[[Tissue, np.ndarray], tuple[np.ndarray, ...]]
    build: Callable[[Tissue], Columns] | None = None
    day: Callable[[Tissue, TissueParameters, float], None] | None = None
    niche: Callable[[Tissue, np.ndarray], np.ndarray] = _same
    look: Look | None = None
    row: Callable[[Tissue, np.ndarray], np.ndarray] | None = None
    there: Callable[[Tissue], np.ndarray] | None = None

    def in_section(self, tissue: Tissue) -> np.ndarray:
        """Return the rows of the columns of its cells that the section of a picture holds."""
        rows = getattr(tissue.columns, self.name).rows()
        geometry = tissue.geometry
        along = self.row(tissue, rows) if self.row else geometry.along(self.niche(tissue, rows))
        there = self.there(tissue) if self.there else tissue.columns.sertoli.present[self.niche(tissue, rows)] > 0.0
        return np.asarray(rows[(along == geometry.middle) & there])
