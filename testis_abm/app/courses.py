"""What the page shows of runs: the courses of arms as panels, levels as a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testis_abm.app import assay
from testis_abm.app.charts import Line, Panel
from testis_abm.results.measures import Measure, measures
from testis_abm.results.run_result import RunResult
from testis_abm.results.tables import CONVENTIONAL, SCHEMAS

_SEMEN = tuple(name for name in SCHEMAS["semen"] if f"expected_{name}" in SCHEMAS["semen"])
_SAFETY = ("haematocrit_pct", "bone_density_change_pct", "hdl_change_mg_dl", "libido_score", "vasomotor_pct")
_FROM_ZERO = ("libido_score", "vasomotor_pct", "conception_pct")
# Name of a conventional column -> column of the table, factor.
_SOURCE = {new: (name, factor) for name, (new, _, factor) in CONVENTIONAL.items()}
_SOURCE["immunoassay_oestradiol_pg_ml"] = _SOURCE["oestradiol_pg_ml"]
_DOTS = 400  # of a panel and arm, above which samples are not drawn


@dataclass(frozen=True)
class Arm:
    """One arm of one run, under the name that a chart shows."""

    name: str
    result: RunResult
    arm: str


def arms_of(result: RunResult) -> tuple[Arm, ...]:
    """Return the arms of a run."""
    return tuple(Arm(name, result, name) for name in result.arms)


def hormones(arms: Sequence[Arm]) -> list[Panel]:
    """Return the panels of blood and testis, oestradiol and T/E2 by each assay."""
    known = measures(True, arms[0].result.scenario.parameters)
    return [_panel(arms, measure) for measure in known if measure.table == "hormones"]


def semen(arms: Sequence[Arm], *, dots: bool = True) -> list[Panel]:
    """Return the panels of semen: lines as expected, dots (of one man they tell, of many they hide) as the laboratory measured."""
    found = []
    for name in _SEMEN:
        column = SCHEMAS["semen"][name]
        found.append(
            _panel(arms, _plain("semen", f"expected_{name}", column.label, column.unit), dots=name if dots else "")
        )
    return found


def tissue(arms: Sequence[Arm]) -> list[Panel]:
    """Return the panels of sperm production and of what drives it."""
    names = (
        "daily_production_million_g",
        "meiotic_loss_pct",
        "androgen_signal",
        "fsh_signal",
        "er_alpha_signal",
        "er_beta_signal",
    )
    return [_panel(arms, _of("tissue", name)) for name in names]


def safety(arms: Sequence[Arm]) -> list[Panel]:
    """Return the panels of safety and of the chance of conception."""
    found = [_panel(arms, _of("safety", name), zero=name in _FROM_ZERO) for name in _SAFETY]
    return [*found, _panel(arms, _of("outcome", "conception_pct"))]


def _of(table: str, name: str) -> Measure:
    column = SCHEMAS[table][name]
    return _plain(table, name, column.label, column.unit)


def _plain(table: str, name: str, label: str, unit: str) -> Measure:
    def read(rows: pd.DataFrame) -> pd.Series:
        return rows[name]

    return Measure(name, label, unit, table, read)


def _panel(arms: Sequence[Arm], measure: Measure, *, dots: str = "", zero: bool = True) -> Panel:
    column, factor = _SOURCE.get(measure.name, (measure.name.removeprefix("expected_"), 1.0))
    lines = tuple(_line(of, measure, dots) for of in arms)
    limit = assay.limit(measure.name, column)
    marks = {
        (observation.day, observation.canonical_value * factor, observation.label)
        for scenario in (arm.result.scenario for arm in arms)
        for observation in scenario.observed
        if observation.variable == assay.observed_on(measure.name, column, scenario.samples.assay)
    }
    plans = [of.result.scenario.plan for of in arms]
    days = (-float(max(of.baseline_days for of in plans)), float(max(of.duration_days for of in plans)))
    name = assay.label(measure.name, measure.label)
    label = name[:1].upper() + name[1:]
    if limit is None:
        return Panel(label, measure.unit, lines, days, marks=tuple(sorted(marks)), zero=zero)
    source = limit.source.partition(":")[0]
    return Panel(label, measure.unit, lines, days, limit.low * factor, source, tuple(sorted(marks)), zero)


def _line(of: Arm, measure: Measure, dots: str) -> Line:
    table = of.result.tables[measure.table]
    rows = table[table["arm"] == of.arm]
    if rows.empty:
        none = np.zeros(0)
        return Line(of.name, none, none)
    day, values = _matrix(rows, measure.read)
    measured = None
    if dots and len(rows) <= _DOTS:
        measured = (rows["day"].to_numpy(dtype=float), rows[dots].to_numpy(dtype=float))
    with np.errstate(all="ignore"):
        seen = np.isfinite(values)
        mean = np.where(
            seen.any(axis=0), np.where(seen, values, 0.0).sum(axis=0) / np.maximum(seen.sum(axis=0), 1), np.nan
        )
    if len(values) < 2:
        return Line(of.name, day, mean, dots=measured)
    low, high = np.where(seen, values, np.inf).min(axis=0), np.where(seen, values, -np.inf).max(axis=0)
    low, high = (np.where(np.isfinite(end), end, np.nan) for end in (low, high))
    return Line(of.name, day, mean, low, high, measured)


def _matrix(rows: pd.DataFrame, read: Callable[[pd.DataFrame], pd.Series]) -> tuple[np.ndarray, np.ndarray]:
    """Return days, and values as (replicates, days), NaN where a replicate has not come to the day."""
    day, at = np.unique(rows["day"].to_numpy(dtype=float), return_inverse=True)
    replicate, of = np.unique(rows["replicate"].to_numpy(), return_inverse=True)
    values = np.full((len(replicate), len(day)), np.nan)
    values[of, at] = np.asarray(read(rows), dtype=float)
    return day, values


def levels(arms: Sequence[tuple[str, RunResult]]) -> pd.DataFrame:
    """Return a row a quantity, a column an arm: levels at the end of treatment (of an untreated man: of the run)."""
    from testis_abm.results.summary import summarise

    columns: Mapping[str, pd.Series] = {}
    columns = {}
    for name, result in arms:
        table = summarise(result)
        key = "treated" if "treated" in table else "mean"
        columns[name] = pd.Series(table[key].to_numpy(), index=headings(table))
    return pd.DataFrame(columns)


def headings(summary: pd.DataFrame) -> list[str]:
    """Return the label of each row of a summary, with its assay and its unit."""
    labels = [assay.label(str(row.Index), str(row.label)) for row in summary.itertuples()]
    return [f"{label} ({unit})" if unit else label for label, unit in zip(labels, summary["unit"])]
