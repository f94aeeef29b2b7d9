"""Published values beside what the run predicts for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from testis_abm.results.run_result import RunResult
from testis_abm.results.tables import SCHEMAS
from testis_abm.scenario import convert

COLUMNS = ("variable", "day", "label", "unit", "observed", "predicted", "ratio")


def observed(result: RunResult) -> pd.DataFrame:
    """Return the observed values of the scenario beside the prediction, in the unit they were given in.

    The prediction is the mean over replicates of the treated arm (or the only one), between samples by
    straight line: true levels of hormones, expected semen; oestradiol as the laboratory reports it if the
    scenario names an immunoassay. It is missing where the run has nothing to compare. `ratio` is predicted
    over observed.
    """
    rows = []
    for entry in result.scenario.observed:
        stored = predict(result, entry.variable, entry.day)
        predicted = convert(entry.variable, stored, entry.canonical_unit, entry.unit)
        ratio = predicted / entry.value if entry.value else np.nan
        rows.append((entry.variable, entry.day, entry.label, entry.unit, entry.value, predicted, ratio))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def predict(result: RunResult, variable: str, day: float) -> float:
    """Return the prediction of `observed` for `variable` at `day`, in the unit of its column; NaN without."""
    for name, column in _sources(result, variable):
        table = result.tables[name]
        curve = table[table["arm"] == result.arms[-1]].groupby("day")[column].mean().dropna()
        if len(curve) and curve.index[0] <= day <= curve.index[-1]:
            return float(np.interp(day, curve.index, curve))
    return float("nan")


def _sources(result: RunResult, variable: str) -> Iterator[tuple[str, str]]:
    """Yield table and column that may hold the variable, the best first."""
    if variable == "oestradiol_pmol_l" and result.scenario.samples.assay == "immunoassay":
        yield "blood", variable
    for name, column in (("hormones", variable), ("semen", f"expected_{variable}")):
        if column in SCHEMAS[name]:
            yield name, column
