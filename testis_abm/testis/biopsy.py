"""A virtual biopsy: scores of thin sections of tubules, as pathologists give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from testis_abm.biology import steps
from testis_abm.testis.histology import Sections


class Scores(NamedTuple):
    """What the sections of a biopsy say together.

    Attributes:
        johnsen_score: mean; johnsen_sd: standard deviation over sections.
        elongated_sections_pct: sections with elongating or elongated spermatids (a tenth of it is the score of Bergmann &
            Kliesch 1998); arrested_sections_pct: sections with germ cells and no spermatids; sertoli_only_sections_pct:
            sections with Sertoli and without germ cells.
        late_spermatids_per_section: elongating and elongated; stages_per_section: of the cycle.
    """

    johnsen_score: float
    johnsen_sd: float
    elongated_sections_pct: float
    arrested_sections_pct: float
    sertoli_only_sections_pct: float
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


def scores(sections: Sections, values: Mapping[str, float]) -> Scores:
    """Return what the sections of a biopsy say together."""
    johnsen, late = johnsen_scores(sections.nuclei, values, sections.hyalinised), sections.late
    none = sections.nuclei.sum(axis=1) == 0
    arrested = ~none & (sections.nuclei[:, steps.ROUND_SPERMATID :].sum(axis=1) == 0)
    percent = (100.0 * kind.mean() for kind in (late > 0, arrested, none & ~np.asarray(sections.hyalinised)))
    found = (johnsen.mean(), johnsen.std(), *percent, late.mean(), sections.stages.mean())
    return Scores(*map(float, found))
