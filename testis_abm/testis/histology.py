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
from testis_abm.parameters.tubules import HYALINISED, section_spacing
from testis_abm.support.compile import compiled
from testis_abm.testis.places import sertoli_there, tubules_there

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
        spacing = section_spacing(values, tissue.geometry.around)
        return cls(values["section.thickness"], spacing, heights, values["section.sertoli_diameter"])

    def chance(self, heights: Any) -> np.ndarray:
        """Return the chance that a section shows a nucleus of such a height, um, that lies anywhere in its disc."""
        return np.asarray(np.minimum(1.0, 2.0 * self.reach(heights)))

    def reach(self, heights: Any) -> Any:
        """Return how far from the middle of its disc, over the spacing of discs, a nucleus of such a height is still seen."""
        return 0.5 * (self.thickness + heights) / self.spacing


@dataclass(frozen=True, eq=False)
class Sections:
    """Sections of a tissue, one a row of Sertoli cells: rows of each tubule along its length, tubule after tubule.

    Attributes:
        cut: how they were cut.
        tubule, row: of each section, (sections,), from 0.
        nuclei: germ cells counted by type, (sections, steps); sertoli: Sertoli cells counted, (sections,).
        around: stage that each niche around the section shows, (sections, around), 0 to 5; stages.NONE without germ cells.
        hyalinised: whether each has lost its Sertoli cells, (sections,).
    """

    cut: Cut
    tubule: np.ndarray
    row: np.ndarray
    nuclei: np.ndarray
    sertoli: np.ndarray
    around: np.ndarray
    hyalinised: np.ndarray | bool = False

    @property
    def stages(self) -> np.ndarray:
        """Return how many stages each section shows, (sections,); none where it has no germ cells."""
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

    Of a testis that has been taken away nothing is cut: if both have been, there are no sections. Keyed draws place nuclei
    along the tubule, so that a cell that stays what it is stays in its section.
    """
    geometry, germ, cut = tissue.geometry, tissue.columns.germ, Cut.of(values, tissue)
    sections, around = geometry.tubules * geometry.length, geometry.around
    nuclei = np.zeros((sections, steps.COUNT), dtype=np.int64)
    _count(germ.arrays(), cut.reach(cut.heights), around, nuclei)
    along = draws.uniforms(tissue.columns.sertoli.lineage, _ALONG, draws.PLACE)
    shown = np.flatnonzero(np.repeat(tubules_there(tissue), geometry.length))
    seen = sertoli_there(tissue) & (np.abs(along - 0.5) < cut.reach(cut.sertoli_height))
    return Sections(
        cut,
        np.repeat(np.arange(geometry.tubules), geometry.length)[shown],
        np.tile(np.arange(geometry.length), geometry.tubules)[shown],
        nuclei[shown],
        seen.reshape(sections, around)[shown].sum(axis=1),
        tissue.stages_shown().reshape(sections, around)[shown],
        tissue.columns.sertoli.state.reshape(sections, around)[shown, 0] == HYALINISED,
    )


@compiled
def _count(germ, reach, around, nuclei):
    """Count the nuclei that sections show into `nuclei`, (sections, steps); `reach` by step: see Cut."""
    length = nuclei.shape[0] // germ.count.size
    for tubule in range(germ.count.size):
        for row in range(germ.start[tubule], germ.start[tubule] + germ.count[tubule]):
            step = germ.step[row]
            if abs(draws.uniform(germ.lineage[row], _ALONG, draws.PLACE) - 0.5) < reach[step]:
                nuclei[tubule * length + germ.niche[row] // around, step] += 1


@dataclass(frozen=True, eq=False)
class ByStage:
    """The epithelium by stage.

    Attributes:
        niches: with germ cells that are in each stage, (6,); expected: share of the cycle, by duration.
        counts: germ cells per Sertoli cell, (6, steps); apoptosis: of them a day, as many as their hazards let expect.
    """

    niches: np.ndarray
    expected: np.ndarray
    counts: np.ndarray
    apoptosis: np.ndarray

    @property
    def share(self) -> np.ndarray:
        """Return the share of the niches with germ cells that is in each stage, (6,); NaN if there are none."""
        return np.asarray(self.niches / (self.niches.sum() or np.nan))


def by_stage(tissue: Tissue) -> ByStage:
    """Return what the niches of each stage hold and lose; NaN of a stage that no niche is in.

    Niches without germ cells show no stage and are left out.
    Deaths are cells times the hazard that their Sertoli cell sets today: what all days of such cells average, without
    their noise. Stem cells, which die at the turn of their cycle alone, are left out of them.
    """
    sertoli, shown = tissue.columns.sertoli, tissue.stages_shown().ravel()
    staged = shown != stages.NONE
    stage = shown[staged]

    def mean(of_niches: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.bincount(stage, of_niches[staged], stages.COUNT_OF_STAGES) / niches)

    niches = np.bincount(stage, minlength=stages.COUNT_OF_STAGES)
    hazards = sertoli.rates[:, steps.HAZARD : steps.HAZARD + steps.COUNT].swapaxes(0, 1).reshape(steps.COUNT, -1)
    counts = sertoli.counts.T
    return ByStage(
        niches,
        tissue.clock.shares,
        np.stack([mean(cells) for cells in counts], axis=1),
        np.stack([mean(cells * hazard) for cells, hazard in zip(counts, hazards, strict=True)], axis=1),
    )
