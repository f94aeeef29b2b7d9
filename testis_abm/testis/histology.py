"""What a histologist sees of a tissue: thin sections with their nuclei, the stages around them, counts by stage.

A row of Sertoli cells is a disc of a tubule, as thick as its cells need. A section is cut through the middle
of each; what it shows of a nucleus is what of its height along the tubule lies in it. So large nuclei are counted too
often, and Abercrombie (1946) takes that back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from testis_abm.biology import draws, stages, steps

Tissue = Any  # of tissue.py
_ALONG = 4  # which of a cell's draws of its place


@dataclass(frozen=True, eq=False)
class Cut:
    """How sections are cut.

    Attributes:
        thickness: of a section; spacing: of rows of Sertoli cells along the tubule, um.
        heights: of nuclei along the tubule by type, um, (steps,); sertoli_height: of those of Sertoli cells.
    """

    thickness: float
    spacing: float
    heights: np.ndarray
    sertoli_height: float

    @classmethod
    def of(cls, values: Mapping[str, float], tissue: Tissue) -> Cut:
        """Return how the sections of a tissue are cut under such parameters (dotted name -> value)."""
        heights = np.array([values[f"section.{name}_diameter"] for name in steps.NAMES])
        spacing = values["section.tubule_per_sertoli"] * tissue.geometry.around
        return cls(values["section.thickness"], spacing, heights, values["section.sertoli_diameter"])

    def chance(self, heights: Any) -> np.ndarray:
        """Return the chance that a section shows a nucleus of such a height, um, that lies anywhere in its disc."""
        return np.asarray(np.minimum(1.0, (self.thickness + heights) / self.spacing))

    def shows(self, along: np.ndarray, heights: Any) -> np.ndarray:
        """Return whether the section shows nuclei that lie `along` their disc, 0 to 1, and have such heights, um."""
        return np.asarray(np.abs(along - 0.5) * self.spacing < 0.5 * (self.thickness + heights))


@dataclass(frozen=True, eq=False)
class Sections:
    """Sections of a tissue, one a row of Sertoli cells: rows of each tubule along its length, tubule after tubule.

    Attributes:
        cut: how they were cut.
        tubule, row: of each section, (sections,), from 0.
        nuclei: germ cells counted by type, (sections, steps); sertoli: Sertoli cells counted, (sections,).
        around: stage of each niche around the section, (sections, around), 0 to 5.
    """

    cut: Cut
    tubule: np.ndarray
    row: np.ndarray
    nuclei: np.ndarray
    sertoli: np.ndarray
    around: np.ndarray

    @property
    def stages(self) -> np.ndarray:
        """Return how many stages each section shows, (sections,)."""
        return stages.stages_a_section(self.around)

    @property
    def late(self) -> np.ndarray:
        """Return the elongating and elongated spermatids of each section, (sections,)."""
        return np.asarray(self.nuclei[:, steps.ELONGATING_SPERMATID :].sum(axis=1))

    def cells(self) -> np.ndarray:
        """Return the germ cells of each disc by type as Abercrombie (1946) estimates them, (sections, steps)."""
        return np.asarray(self.nuclei / self.cut.chance(self.cut.heights))

    def sertoli_cells(self) -> np.ndarray:
        """Return the Sertoli cells of each disc as Abercrombie (1946) estimates them, (sections,)."""
        return np.asarray(self.sertoli / self.cut.chance(self.cut.sertoli_height))


def cut_sections(tissue: Tissue, values: Mapping[str, float]) -> Sections:
    """Cut a section through the middle of each row of Sertoli cells; return what it shows this morning.

    Keyed draws place nuclei along the tubule, so that a cell that stays what it is stays in its section.
    """
    geometry, columns, cut = tissue.geometry, tissue.columns, Cut.of(values, tissue)
    sections, around = geometry.tubules * geometry.length, geometry.around
    germ, rows = columns.germ, columns.germ.rows()
    step = germ.step[rows].astype(np.intp)
    section = (germ.tubule_of(rows) * geometry.sertoli_per_tubule + germ.niche[rows]) // around
    seen = cut.shows(draws.uniforms(germ.lineage[rows], _ALONG, draws.PLACE), cut.heights[step])
    nuclei = np.zeros((sections, steps.COUNT), dtype=np.int64)
    np.add.at(nuclei, (section[seen], step[seen]), 1)
    sertoli = columns.sertoli.lineage
    shown = cut.shows(draws.uniforms(sertoli, _ALONG, draws.PLACE), cut.sertoli_height)
    return Sections(
        cut,
        np.repeat(np.arange(geometry.tubules), geometry.length),
        np.tile(np.arange(geometry.length), geometry.tubules),
        nuclei,
        shown.reshape(sections, around).sum(axis=1),
        tissue.stages().reshape(sections, around),
    )


@dataclass(frozen=True, eq=False)
class ByStage:
    """The epithelium by stage.

    Attributes:
        share: of niches, (6,); expected: of the cycle, by duration.
        counts: germ cells per Sertoli cell, (6, steps); apoptosis: of them a day, as many as their hazards let expect.
    """

    share: np.ndarray
    expected: np.ndarray
    counts: np.ndarray
    apoptosis: np.ndarray


def by_stage(tissue: Tissue) -> ByStage:
    """Return what the niches of each stage hold and lose; NaN of a stage that no niche is in.

    Deaths are cells times the hazard that their Sertoli cell sets today: what all days of such cells average, without
    their noise. Stem cells, which die at the turn of their cycle alone, are left out of them.
    """
    sertoli, stage = tissue.columns.sertoli, tissue.stages().ravel()
    counts = sertoli.counts.astype(float)
    hazards = sertoli.rates[:, steps.HAZARD :].transpose(0, 2, 1).reshape(counts.shape)
    niches = np.bincount(stage, minlength=stages.COUNT_OF_STAGES)
    sums = np.zeros((2, stages.COUNT_OF_STAGES, steps.COUNT))
    np.add.at(sums[0], stage, counts)
    np.add.at(sums[1], stage, counts * hazards)
    with np.errstate(invalid="ignore", divide="ignore"):
        means = sums / niches[:, None]
    return ByStage(niches / stage.size, tissue.clock.shares, *means)
