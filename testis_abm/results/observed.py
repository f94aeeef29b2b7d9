"""Published values beside what the run predicts for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import Laboratory
from testis_abm.quantities import SI, unit_system
from testis_abm.results.run import Run
from testis_abm.results.tables import SCHEMAS
from testis_abm.scenario import convert

COLUMNS = ("variable", "day", "label", "unit", "observed", "predicted", "ratio")


def observed(result: Run) -> pd.DataFrame:
    """Return the observed values of the scenario beside the prediction, in the unit they were given in, or in SI units where those are in force.

    The prediction is the mean over replicates of the treated arm (or the only one), between samples by straight line:
    what the scenario's laboratory reports of hormones (oestradiol by its assay) and of expected semen, without random
    error. It is missing where the run has nothing to compare. `ratio` is predicted over observed.
    """
    rows = []
    for entry in result.scenario.observed:
        stored = predict(result, entry.variable, entry.day)
        unit = entry.canonical_unit if unit_system() == SI else entry.unit
        value = convert(entry.variable, entry.value, entry.unit, unit)
        predicted = convert(entry.variable, stored, entry.canonical_unit, unit)
        ratio = predicted / value if value else np.nan
        rows.append((entry.variable, entry.day, entry.label, unit, value, predicted, ratio))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def predict(result: Run, variable: str, day: float) -> float:
    """Return the prediction of `observed` for `variable` at `day`, in the unit of its column; NaN without."""
    for table, level in _sources(result, variable):
        rows = table["arm"] == result.arms[-1]
        curve = level[rows].groupby(table["day"][rows]).mean().dropna()
        if len(curve) and curve.index[0] <= day <= curve.index[-1]:
            return float(np.interp(day, curve.index, curve))
    return float("nan")


def _sources(result: Run, variable: str) -> Iterator[tuple[pd.DataFrame, pd.Series]]:
    """Yield a table and what is reported of the variable in each of its rows."""
    case = result.scenario
    laboratory = Laboratory(case.values(), case.samples.assay)
    if variable == "oestradiol_pmol_l":
        table = result.tables["hormones"]
        yield table, pd.Series(laboratory.by_assays(table)[laboratory.oestradiol], table.index)
    elif variable in SCHEMAS["hormones"]:
        yield result.tables["hormones"], result.tables["hormones"][variable]
    elif f"expected_{variable}" in SCHEMAS["semen"]:
        table = result.tables["semen"]
        known = laboratory.shares_reported(
            {
                "concentration_million_ml": table["expected_concentration_million_ml"],
                variable: table[f"expected_{variable}"],
            }
        )
        yield table, pd.Series(known[variable], table.index)
