"""What is kept of a run of an experiment: levels of one man on chosen days, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology import outcome
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.readouts import ROWS as ROWS_OF_CELLS
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES, Quantity, column_of
from testis_abm.results.tables import SIGNALS
from testis_abm.results.treatment import WINDOW

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.man.mean_field import ExpectedMan
    from testis_abm.scenario import Scenario

# All but what is measured at screening or read out of safety: column -> its row.
ROWS: Mapping[str, Quantity] = {
    name: row
    for name, row in {**QUANTITIES, **ROWS_OF_CELLS}.items()
    if name not in ("t_over_lh", "hcg_iu_l", "haematocrit_pct", "bmi", "age", "abstinence_days")
}
COLUMNS = tuple(ROWS)
OUTPUTS: Mapping[str, Quantity] = {row.label: row for row in ROWS.values()}
# The others are kept, but shown only on demand.
DEFAULT = tuple(word for word, row in OUTPUTS.items() if not row.asked_for)
WEEK = 7  # the same within a course
# The most wanted, of which pictures of several show the first.
WANTED = (
    "testosterone",
    "serum E2 (immunoassay)",
    "T/E2 (immunoassay)",
    "LH",
    "FSH",
    "intratesticular testosterone",
    "sperm concentration",
    "total motile count",
)
_KNOWN = f"{', '.join(DEFAULT)}, and {len(OUTPUTS) - len(DEFAULT)} more in docs/experiments.md (Outputs)"


def output(word: object, assay: str = DEFAULT_ASSAY) -> str:
    """Return the label of an output, a key of OUTPUTS; "oestradiol" and "T/E2" alone are those of the assay.

    Raises:
        ScenarioError: it is none.
    """
    return ROWS[column_of(word, assay, ROWS, _KNOWN)].label  # type: ignore[arg-type]


def of_cells(model: TestisModel, window: int = WINDOW) -> list[float]:
    """Return the outputs (COLUMNS) of an agent-based man this morning: semen as expected, hormones over the last days.

    Hormones are means of the last `window` rows after day 0 (on day 0 and before, of the row alone); signals, rates and
    aromatase are those of the last 24 h.
    """
    hormones = _recent(model, "hormones", window)
    semen = vars(model.expected_semen())
    made = {"daily_production_million_g": model.daily_production(), **model.stem_cells(), **model.spermatids_lost()}
    return _outputs({**hormones, **semen, **made, **model.readouts()}, model.values, model.case)


def of_signals(model: TestisModel) -> list[float]:
    """Return the signals (SIGNALS) of an agent-based man, as means of the last days."""
    mean = _recent(model, "signals", WINDOW)
    return [mean[signal] for signal in SIGNALS]


def _recent(model: TestisModel, table: str, window: int) -> dict[str, float]:
    """Return the mean of the last `window` rows of a table after day 0 (on day 0 and before, the last row)."""
    rows = model.records[table][-window:]
    mean = np.mean([row for row in rows if row.day > 0 or row is rows[-1]], axis=0)
    return dict(zip(rows[-1]._fields, mean.tolist(), strict=True))


def of_expected(man: ExpectedMan, day: int, case: Scenario, first: int = 0) -> list[float]:
    """Return the outputs (COLUMNS) of a mean-field man on the morning of a day of a plan, as `of_cells`; hormones of no morning up to `first`."""
    from testis_abm.man.mean_field import mean_morning

    mean = mean_morning(man.days[min(day, max(first + 1, day + 1 - WINDOW)) : day + 1])
    made = {"daily_production_million_g": man.daily_production(day), **man.spermatids_lost(day)}
    return _outputs({**mean, **man.semen(case.samples.rested(day), day), **made, **man.readouts(day)}, man.values, case)


def _outputs(true: Mapping[str, Any], values: Mapping[str, float], case: Scenario) -> list[float]:
    laboratory = Laboratory(values)
    report = laboratory.without_error(true) | laboratory.inside(true)
    chances = outcome.chances(
        true, outcome.NOT_SOUGHT, outcome.Couple(case.partner.age, case.partner.cycles_tried), values
    )
    report |= {f"{name}_pct": 100.0 * chance for name, (chance, *_) in chances.items()}
    return [float(report[column]) for column in COLUMNS]
