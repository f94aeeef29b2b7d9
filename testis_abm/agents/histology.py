"""What a histologist would write down of a man this morning, as tables: the epithelium by stage, and section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology import stages, steps
from testis_abm.testis import biopsy, histology

if TYPE_CHECKING:
    import pandas as pd

TestisModel = Any  # of agents/model.py, which calls this


def by_stage(model: TestisModel) -> pd.DataFrame:
    """Return a row a stage: how many niches are in it, what they hold and lose.

    Columns: stage; niches_pct and cycle_pct, the share of niches and of the cycle's days; sections_pct, sections that show
    it; germ cells per Sertoli cell by type; apoptosis_per_100_sertoli, expected deaths a day at today's hazards.
    """
    import pandas as pd

    found, places = histology.by_stage(model.tissue), model.tissue.stages()
    shown = [float((places == one).any(axis=-1).mean()) for one in range(stages.COUNT_OF_STAGES)]
    return pd.DataFrame(
        {
            "stage": stages.NAMES,
            "niches_pct": 100.0 * found.share,
            "cycle_pct": 100.0 * found.expected,
            "sections_pct": 100.0 * np.array(shown),
            **dict(zip(steps.NAMES, found.counts.T, strict=True)),
            "apoptosis_per_100_sertoli": 100.0 * found.apoptosis.sum(axis=1),
        }
    )


def scores(model: TestisModel) -> biopsy.Scores:
    """Return what its thin sections say together (see testis/biopsy.py)."""
    return biopsy.scores(histology.cut_sections(model.tissue, model.values), model.values)


def sections(model: TestisModel) -> pd.DataFrame:
    """Return a row a section, one through each row of Sertoli cells of each tubule.

    Columns: tubule and row, from 0; stages, as "I II"; nuclei counted by type and of Sertoli cells; late_spermatids,
    elongating and elongated; johnsen_score.
    """
    import pandas as pd

    cut = histology.cut_sections(model.tissue, model.values)
    names = [" ".join(stages.NAMES[one] for one in np.unique(around)) for around in cut.around]
    return pd.DataFrame(
        {
            "tubule": cut.tubule,
            "row": cut.row,
            "stages": names,
            **dict(zip(steps.NAMES, cut.nuclei.T, strict=True)),
            "sertoli": cut.sertoli,
            "late_spermatids": cut.late,
            "johnsen_score": biopsy.johnsen_scores(cut.nuclei, model.values, cut.hyalinised),
        }
    )


def nuclei(model: TestisModel) -> pd.DataFrame:
    """Return a row a type of germ cell: what sections count of it, beside what is there.

    Columns: type; per_section and its SD over sections, as counted; per_sertoli, corrected after Abercrombie, over the
    Sertoli cells so corrected; true_per_sertoli.
    """
    import pandas as pd

    cut = histology.cut_sections(model.tissue, model.values)
    corrected, sertoli = cut.cells().mean(axis=0), cut.sertoli_cells().mean()
    return pd.DataFrame(
        {
            "type": steps.NAMES,
            "per_section": cut.nuclei.mean(axis=0),
            "sd_per_section": cut.nuclei.std(axis=0),
            "per_sertoli": corrected / sertoli if sertoli > 0 else np.full(steps.COUNT, np.nan),
            "true_per_sertoli": model.tissue.counts() / model.tissue.sertoli_count,
        }
    )


def stage_map(model: TestisModel) -> pd.DataFrame:
    """Return a row a niche: tubule, row along it and place around it, from 0; stage; its A-dark and A-pale."""
    import pandas as pd

    found, counts = model.tissue.stages(), model.tissue.columns.sertoli.counts
    places = np.unravel_index(np.arange(found.size), found.shape)
    return pd.DataFrame(
        {
            **dict(zip(("tubule", "row", "place"), places, strict=True)),
            "stage": np.array(stages.NAMES)[found.ravel()],
            "a_dark": counts[:, steps.A_DARK],
            "a_pale": counts[:, steps.A_PALE],
        }
    )
