"""Published values beside what the run predicts for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from testis_abm.errors import TestisError
from testis_abm.results.run_result import RunResult
from testis_abm.results.tables import SCHEMAS, in_column_unit

COLUMNS = ("variable", "day", "label", "unit", "observed", "predicted", "ratio")


def observed(result: RunResult) -> pd.DataFrame:
    """Return the observed values of the scenario beside the prediction, in the unit they were given in.

    The prediction is the mean over replicates of the treated arm (or the only one), between samples by straight line:
    true levels of hormones, expected semen; oestradiol as the laboratory reports it if the scenario names an
    immunoassay. It is missing where the run has nothing to compare. `ratio` is predicted over observed.
    """
    rows = []
    for entry in result.scenario.observed:
        value, predicted = float(entry.value), predict(result, entry.variable, entry.unit, float(entry.day))
        ratio = predicted / value if value else np.nan
        rows.append((entry.variable, float(entry.day), entry.label, entry.unit, value, predicted, ratio))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def predict(result: RunResult, variable: str, unit: str, day: float) -> float:
    """Return the prediction for `variable` at `day` in `unit`, NaN if there is none (see `observed`)."""
    for name, column in _sources(result, variable):
        table = result.tables[name]
        table = table[table["arm"] == result.arms[-1]]
        try:
            factor = in_column_unit(1.0, unit, variable)
        except TestisError:
            continue
        curve = table.groupby("day")[column].mean().dropna()
        if len(curve) and curve.index[0] <= day <= curve.index[-1]:
            return float(np.interp(day, curve.index, curve)) / factor
    return float("nan")


def _sources(result: RunResult, variable: str) -> Iterator[tuple[str, str]]:
    samples = getattr(result.scenario, "samples", None)
    if variable == "oestradiol_pmol_l" and getattr(samples, "assay", "") == "immunoassay":
        yield "blood", variable
    expected = f"expected_{variable}"
    if expected in SCHEMAS["semen"]:
        yield "semen", expected
    for name, schema in SCHEMAS.items():
        if variable in schema:
            yield name, variable
