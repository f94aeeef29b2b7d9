"""A virtual biopsy: scores of thin sections of tubules, as pathologists give them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from testis_abm.biology import steps
from testis_abm.testis.histology import Sections


class Scores(NamedTuple):
    """What the sections of a biopsy say together.

    Attributes:
        johnsen_score: mean; johnsen_sd: standard deviation over sections.
        elongated_sections_pct: sections with late (elongating or elongated) spermatids; arrested_sections_pct: with germ
            cells and none of these, be it that round spermatids are the last; sertoli_only_sections_pct: with Sertoli and
            without germ cells; hyalinised_sections_pct: with neither. The four are 100 in sum. (A tenth of the first is
            near the score of Bergmann & Kliesch 1998, which counts tubules with elongated spermatids alone.)
        late_spermatids_per_section: elongating and elongated.
        stages_per_section: of the cycle, of sections that show any.

    All are NaN without sections, stages_per_section also if none holds germ cells.
    """

    johnsen_score: float
    johnsen_sd: float
    elongated_sections_pct: float
    arrested_sections_pct: float
    sertoli_only_sections_pct: float
    hyalinised_sections_pct: float
    late_spermatids_per_section: float
    stages_per_section: float


def johnsen_scores(
    nuclei: np.ndarray, values: Mapping[str, float], hyalinised: np.ndarray | bool = False
) -> np.ndarray:
    """Return the score (Johnsen 1970) of each section, 1 to 10, (sections,), from its nuclei by type, (sections, steps).

    10 full spermatogenesis; 9 many late spermatids but fewer than normal men have; 8 few late spermatids; 7 no late
    but many early spermatids; 6 few early; 5 no spermatids, many spermatocytes; 4 few; 3 spermatogonia only; 2 Sertoli
    cells only; 1 `hyalinised`, (sections,). Parameters say what is few and full. (Disorder of an epithelium does not
    arise here.)
    """
    few, full = values["section.few_cells"], values["section.full_spermatids"]
    late = nuclei[:, steps.ELONGATING_SPERMATID :].sum(axis=1)
    early = nuclei[:, steps.ROUND_SPERMATID]
    spermatocytes = nuclei[:, steps.PRELEPTOTENE : steps.ROUND_SPERMATID].sum(axis=1)
    spermatogonia = nuclei[:, : steps.PRELEPTOTENE].sum(axis=1)
    kinds = (late >= full, late >= few, late > 0, early >= few, early > 0)
    earlier = (spermatocytes >= few, spermatocytes > 0, spermatogonia > 0)
    return np.where(hyalinised, 1, np.select([*kinds, *earlier], list(range(10, 2, -1)), 2))


def classes(sections: Sections) -> np.ndarray:
    """Return of what class each section is, one of four, bool (4, sections): see `Scores` for them and their order."""
    hyalinised = np.broadcast_to(sections.hyalinised, sections.late.shape)
    late, germ = sections.late > 0, sections.nuclei.sum(axis=1) > 0
    return np.array([late, germ & ~late, ~germ & ~hyalinised, ~germ & hyalinised])


def scores(sections: Sections, values: Mapping[str, float]) -> Scores:
    """Return what the sections of a biopsy say together."""
    johnsen = johnsen_scores(sections.nuclei, values, sections.hyalinised)
    if not johnsen.size:
        return Scores(*[math.nan] * len(Scores._fields))
    percent = 100.0 * classes(sections).mean(axis=1)
    staged = sections.stages[sections.stages > 0]
    shown = staged.mean() if staged.size else math.nan
    return Scores(*map(float, (johnsen.mean(), johnsen.std(), *percent, sections.late.mean(), shown)))
