"""What is kept of a run of an experiment: levels of one man on chosen days, under the names that clinicians use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from testis_abm.body.assay import reported_oestradiol
from testis_abm.errors import ScenarioError, unknown
from testis_abm.results.tables import SCHEMAS, SIGNALS, clinical_ratio
from testis_abm.tract.outcome import conception

if TYPE_CHECKING:
    from testis_abm.expected.man import ExpectedMan
    from testis_abm.model import TestisModel
    from testis_abm.tract.semen import Semen

# Clinical word -> column, label, unit of clinical reports and how many of it make one of the column's unit.
OUTPUTS: Mapping[str, tuple[str, str, float]] = {
    "testosterone": ("testosterone_nmol_l", "ng/dL", 28.84),
    "free testosterone": ("free_testosterone_pmol_l", "pmol/L", 1.0),
    "oestradiol": ("oestradiol_pmol_l", "pg/mL", 1.0 / 3.67),
    "reported oestradiol": ("reported_oestradiol_pmol_l", "pg/mL", 1.0 / 3.67),
    "T/E2": ("t_over_e2", "", 1.0),
    "LH": ("lh_iu_l", "IU/L", 1.0),
    "FSH": ("fsh_iu_l", "IU/L", 1.0),
    "inhibin B": ("inhibin_b_pg_ml", "pg/mL", 1.0),
    "SHBG": ("shbg_nmol_l", "nmol/L", 1.0),
    "intratesticular testosterone": ("intratesticular_testosterone_nmol_l", "nmol/L", 1.0),
    "intratesticular oestradiol": ("intratesticular_oestradiol_nmol_l", "nmol/L", 1.0),
    "sperm concentration": ("concentration_million_ml", "million/mL", 1.0),
    "total motile count": ("total_motile_count_million", "million", 1.0),
    "progressive motility": ("progressive_motility_pct", "%", 1.0),
    "normal forms": ("normal_forms_pct", "%", 1.0),
    "ejaculate volume": ("volume_ml", "mL", 1.0),
    "chance of conception": ("conception_pct", "% a month", 1.0),
}
COLUMNS = tuple(column for column, _, _ in OUTPUTS.values())
DEFAULT = (
    "testosterone", "oestradiol", "reported oestradiol", "T/E2", "LH", "FSH", "inhibin B", "intratesticular testosterone",
    "intratesticular oestradiol", "sperm concentration", "total motile count", "progressive motility", "normal forms",
)  # fmt: skip
WINDOW = 28  # days up to the day that is asked for, over which hormones are averaged
WEEK = 7  # the same within a course
_HORMONES = tuple(name for name in SCHEMAS["hormones"] if name.endswith(("_l", "_ml")))
_PLACE = {name: 1 + i for i, name in enumerate(_HORMONES)}


def output(word: object) -> str:
    """Return the column of an output.

    Raises:
        ScenarioError: it is none.
    """
    if not isinstance(word, str) or word not in OUTPUTS:
        raise ScenarioError(unknown("output", word, OUTPUTS))
    return OUTPUTS[word][0]


def of_cells(model: TestisModel, window: int = WINDOW) -> list[float]:
    """Return the outputs (COLUMNS) of a man of cells this morning: hormones as means of the last `window` days (after day 0, or
    of day 0 itself), semen as expected."""
    mean = _recent(model, "hormones", window)
    hormones = {name: float(mean[place]) for name, place in _PLACE.items()}
    case = model.case.samples
    return _outputs(hormones, model.expected_semen(case.abstinence_days), case.assay, model.values)


def of_signals(model: TestisModel) -> list[float]:
    """Return the signals (SIGNALS) of a man of cells, as means of the last days."""
    return [float(value) for value in _recent(model, "signals", WINDOW)[1 : 1 + len(SIGNALS)]]


def _recent(model: TestisModel, table: str, window: int) -> np.ndarray:
    """Return the mean of the last `window` rows of a table, those after day 0 (of day 0 or the baseline, the row alone)."""
    rows = model.records[table][-window:]
    return np.array([row for row in rows if row[0] > 0 or row is rows[-1]]).mean(axis=0)


def of_expected(man: ExpectedMan, day: int, abstinence: float, assay: str) -> list[float]:
    """Return the outputs (COLUMNS) of an expected man on the morning of a day, as `of_cells`."""
    from testis_abm.expected.course import COLUMNS as OF_MAN

    mean = man.days[min(day, max(1, day + 1 - WINDOW)) : day + 1].mean(axis=0)
    hormones = dict(zip(OF_MAN, (float(x) for x in mean), strict=True))
    hormones["free_testosterone_pmol_l"] = 1e3 * hormones["free_testosterone_nmol_l"]
    return _outputs(hormones, man.semen(abstinence, day), assay, man.values)


def _outputs(
    hormones: Mapping[str, float], semen: Semen | Mapping[str, float], assay: str, values: Mapping[str, float]
) -> list[float]:
    of = dict(semen) if isinstance(semen, Mapping) else vars(semen)
    reported = float(reported_oestradiol(hormones["oestradiol_pmol_l"], assay, values))
    found = {
        **hormones, **of,
        "reported_oestradiol_pmol_l": reported,
        "t_over_e2": float(clinical_ratio(hormones["testosterone_nmol_l"], max(reported, 0.1))),  # type: ignore[arg-type]
        "conception_pct": 100.0 * conception(float(of["concentration_million_ml"]), values)[0],
    }  # fmt: skip
    return [float(found[column]) for column in COLUMNS]


def clinical(column: str, values: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return values of a column in the unit of clinical reports."""
    factor = next(of[2] for of in OUTPUTS.values() if of[0] == column)
    return np.asarray(values, dtype=float) * factor


def label(column: str) -> str:
    """Return a column's name with its clinical unit."""
    word, unit = next((word, of[1]) for word, of in OUTPUTS.items() if of[0] == column)
    return f"{word} ({unit})" if unit else word
