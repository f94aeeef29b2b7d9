"""What is kept of a run of an experiment: levels of one man on chosen days, and the words under which they are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.outcome import conception
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES, Quantity, column_of
from testis_abm.results.tables import SIGNALS
from testis_abm.results.treatment import WINDOW

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.man.mean_field import ExpectedMan

COLUMNS = (
    "testosterone_nmol_l",
    "free_testosterone_pmol_l",
    "oestradiol_immunoassay_pmol_l",
    "oestradiol_pmol_l",
    "t_over_e2_immunoassay",
    "t_over_e2",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "shbg_nmol_l",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
    "intratesticular_t_over_e2",
    "daily_production_million_g",
    "concentration_million_ml",
    "total_count_million",
    "total_motile_count_million",
    "progressive_motility_pct",
    "normal_forms_pct",
    "volume_ml",
    "conception_pct",
)
OUTPUTS: Mapping[str, Quantity] = {QUANTITIES[column].label: QUANTITIES[column] for column in COLUMNS}
_ASKED_FOR = (
    "free_testosterone_pmol_l",
    "shbg_nmol_l",
    "volume_ml",
    "conception_pct",
)  # kept, but shown only on demand
DEFAULT = tuple(word for word, row in OUTPUTS.items() if row.column not in _ASKED_FOR)
WEEK = 7  # the same within a course


def output(word: object, assay: str = DEFAULT_ASSAY) -> str:
    """Return the label of an output, a key of OUTPUTS; "oestradiol" and "T/E2" alone are those of the assay.

    Raises:
        ScenarioError: it is none.
    """
    return QUANTITIES[column_of(word, assay, COLUMNS)].label  # type: ignore[arg-type]


def of_cells(model: TestisModel, window: int = WINDOW) -> list[float]:
    """Return the outputs (COLUMNS) of an agent-based man this morning: semen as expected, hormones over the last days.

    Hormones are means of the last `window` rows after day 0 (on day 0 and before, of the row alone).
    """
    hormones = _recent(model, "hormones", window)
    semen = vars(model.expected_semen(model.case.samples.abstinence_days))
    return _outputs({**hormones, **semen, "daily_production_million_g": model.daily_production()}, model.values)


def of_signals(model: TestisModel) -> list[float]:
    """Return the signals (SIGNALS) of an agent-based man, as means of the last days."""
    mean = _recent(model, "signals", WINDOW)
    return [mean[signal] for signal in SIGNALS]


def _recent(model: TestisModel, table: str, window: int) -> dict[str, float]:
    """Return the mean of the last `window` rows of a table, those after day 0 (of day 0 or the baseline, the row alone)."""
    rows = model.records[table][-window:]
    mean = np.mean([row for row in rows if row.day > 0 or row is rows[-1]], axis=0)
    return dict(zip(rows[-1]._fields, mean.tolist(), strict=True))


def of_expected(man: ExpectedMan, day: int, abstinence: float) -> list[float]:
    """Return the outputs (COLUMNS) of a mean-field man on the morning of a day, as `of_cells`."""
    from testis_abm.man.mean_field import mean_morning

    hormones = mean_morning(man.days[min(day, max(1, day + 1 - WINDOW)) : day + 1])
    hormones["free_testosterone_pmol_l"] = 1e3 * hormones["free_testosterone_nmol_l"]
    made = man.daily_production(day)
    return _outputs({**hormones, **man.semen(abstinence, day), "daily_production_million_g": made}, man.values)


def _outputs(true: Mapping[str, Any], values: Mapping[str, float]) -> list[float]:
    laboratory = Laboratory(values)
    inside = (true["intratesticular_testosterone_nmol_l"], true["intratesticular_oestradiol_nmol_l"])
    known = inside[1] >= laboratory.limit("intratesticular_oestradiol_nmol_l")
    found = {
        **laboratory.shares_told(true),
        **laboratory.by_assays(true),
        "intratesticular_t_over_e2": inside[0] / inside[1] if known else float("nan"),
        "conception_pct": 100.0 * conception(float(true["concentration_million_ml"]), values)[0],
    }
    return [float(found[column]) for column in COLUMNS]
