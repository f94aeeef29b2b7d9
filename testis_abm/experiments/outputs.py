"""What is kept of a run of an experiment: levels of one man on chosen days, and the words for them."""

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

# All but what is measured at screening or read out of safety.
COLUMNS = tuple(name for name in QUANTITIES if name not in ("t_over_lh", "hcg_iu_l", "haematocrit_pct", "bmi", "age"))
OUTPUTS: Mapping[str, Quantity] = {QUANTITIES[column].label: QUANTITIES[column] for column in COLUMNS}
# Kept, but shown only on demand.
_ASKED_FOR = ("free_testosterone_pmol_l", "shbg_nmol_l", "volume_ml", "conception_pct")
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
    """Return the mean of the last `window` rows of a table after day 0 (on day 0 and before, the last row)."""
    rows = model.records[table][-window:]
    mean = np.mean([row for row in rows if row.day > 0 or row is rows[-1]], axis=0)
    return dict(zip(rows[-1]._fields, mean.tolist(), strict=True))


def of_expected(man: ExpectedMan, day: int, abstinence: float) -> list[float]:
    """Return the outputs (COLUMNS) of a mean-field man on the morning of a day, as `of_cells`."""
    from testis_abm.man.mean_field import mean_morning

    mean = mean_morning(man.days[min(day, max(1, day + 1 - WINDOW)) : day + 1])
    made = {"daily_production_million_g": man.daily_production(day)}
    return _outputs({**mean, **man.semen(abstinence, day), **made}, man.values)


def _outputs(true: Mapping[str, Any], values: Mapping[str, float]) -> list[float]:
    laboratory = Laboratory(values)
    inside = (true["intratesticular_testosterone_nmol_l"], true["intratesticular_oestradiol_nmol_l"])
    known = inside[1] >= laboratory.limit("intratesticular_oestradiol_nmol_l")
    report = laboratory.without_error(true) | {
        "intratesticular_t_over_e2": inside[0] / inside[1] if known else float("nan"),
        "conception_pct": 100.0 * conception(float(true["concentration_million_ml"]), values)[0],
    }
    return [float(report[column]) for column in COLUMNS]
