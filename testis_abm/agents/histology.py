"""What a histologist would write down of a man this morning, as tables: the epithelium by stage, and section by section."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology import stages, steps
from testis_abm.testis import biopsy, histology
from testis_abm.testis.places import sertoli_there

if TYPE_CHECKING:
    import pandas as pd

TestisModel = Any  # of agents/model.py, which calls this


def by_stage(model: TestisModel) -> pd.DataFrame:
    """Return a row a stage: how many niches are in it, what they hold and lose.

    Niches without germ cells show no stage. Columns: stage; niches_pct and cycle_pct, the share of niches with germ cells
    and of the cycle's days; sections_pct, sections that show it, of those that show any; germ cells per Sertoli cell by
    type; apoptosis_per_100_sertoli, expected deaths a day at today's hazards. NaN where no niche is in the stage, and
    shares where none is in any.
    """
    import pandas as pd

    found, places = histology.by_stage(model.tissue), model.tissue.stages_shown()
    showing = (places != stages.NONE).any(axis=-1).sum() or np.nan
    shown = [float((places == one).any(axis=-1).sum() / showing) for one in range(stages.COUNT_OF_STAGES)]
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
    """Return a row a section, one through each row of Sertoli cells of each tubule that is there.

    Columns: tubule and row, from 0; stages, as "I II", "none" without germ cells; nuclei counted by type and of Sertoli
    cells; late_spermatids, elongating and elongated; johnsen_score.
    """
    import pandas as pd

    cut = histology.cut_sections(model.tissue, model.values)
    names = [
        " ".join(stages.names(np.unique(around[around != stages.NONE]))) or stages.NO_STAGE for around in cut.around
    ]
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
    Sertoli cells so corrected; true_per_sertoli, of the Sertoli cells that are there. NaN where there are none.
    """
    import pandas as pd

    cut = histology.cut_sections(model.tissue, model.values)
    none = np.full(steps.COUNT, np.nan)
    of, standing = len(cut.row), int(sertoli_there(model.tissue).sum())
    corrected, sertoli = cut.cells().sum(axis=0), cut.sertoli_cells().sum()
    return pd.DataFrame(
        {
            "type": steps.NAMES,
            "per_section": cut.nuclei.mean(axis=0) if of else none,
            "sd_per_section": cut.nuclei.std(axis=0) if of else none,
            "per_sertoli": corrected / sertoli if sertoli > 0 else none,
            "true_per_sertoli": model.tissue.counts() / standing if standing else none,
        }
    )


def stage_map(model: TestisModel) -> pd.DataFrame:
    """Return a row a niche that is there: tubule, row along it and place around it, from 0; stage; its A-dark and A-pale.

    The stage of a niche without germ cells is "none"; of a testis that has been taken away there are no niches.
    """
    import pandas as pd

    found, counts = model.tissue.stages_shown(), model.tissue.columns.sertoli.counts
    there = np.flatnonzero(model.tissue.columns.sertoli.present > 0.0)
    places = np.unravel_index(there, found.shape)
    return pd.DataFrame(
        {
            **dict(zip(("tubule", "row", "place"), places, strict=True)),
            "stage": stages.names(found.ravel()[there]),
            "a_dark": counts[there, steps.A_DARK],
            "a_pale": counts[there, steps.A_PALE],
        }
    )
