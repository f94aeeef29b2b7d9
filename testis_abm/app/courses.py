"""What the page shows of runs: the courses of arms as panels, levels as a table."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testis_abm.app.charts import Line, Panel
from testis_abm.pictures.data import measured_as
from testis_abm.pictures.reference import reference_ranges
from testis_abm.quantities import OESTRADIOL, RATIO
from testis_abm.results.measures import Measure, measures
from testis_abm.results.run import Run
from testis_abm.results.tables import CONVENTIONAL, SCHEMAS

_SEMEN = tuple(name for name in SCHEMAS["semen"] if f"expected_{name}" in SCHEMAS["semen"])
_HEADLINE = (
    "lh_iu_l",
    "intratesticular_testosterone_nmol_l",
    "intratesticular_oestradiol_nmol_l",
    "expected_concentration_million_ml",
    "expected_total_motile_count_million",
)
_SAFETY = ("haematocrit_pct", "bone_density_change_pct", "hdl_change_mg_dl", "libido_score", "vasomotor_pct")
_FROM_ZERO = ("libido_score", "vasomotor_pct", "conception_pct")
_DOTS = 400  # of a panel and arm, above which samples are not drawn


@dataclass(frozen=True)
class Arm:
    """One arm of one run, under the name that a chart shows."""

    name: str
    result: Run
    arm: str


def arms_of(result: Run) -> tuple[Arm, ...]:
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

    return Measure(name, name.removeprefix("expected_"), label, unit, table, read)


def _panel(arms: Sequence[Arm], measure: Measure, *, dots: str = "", zero: bool = True) -> Panel:
    factor = (
        CONVENTIONAL[measure.column][2] if measure.name != measure.column and measure.column in CONVENTIONAL else 1.0
    )
    scenarios = [arm.result.scenario for arm in arms]
    marks = {
        (observation.day, observation.canonical_value * factor, observation.label)
        for scenario in scenarios
        for observation in scenario.observed
        if measured_as(observation.variable, scenario) == measure.column
    }
    days = (
        -float(max(scenario.plan.baseline_days for scenario in scenarios)),
        float(max(scenario.plan.duration_days for scenario in scenarios)),
    )
    known = reference_ranges().get(measure.column)
    limits = tuple(end * factor for end in (known.low, known.high) if 0.0 < end < math.inf) if known else ()
    return Panel(
        measure.label[:1].upper() + measure.label[1:],
        measure.unit,
        tuple(_line(arm, measure, dots) for arm in arms),
        days,
        limits,
        known.source.partition(":")[0] if known else "",
        tuple(sorted(marks)),
        zero,
        upper=bool(known and not known.low > 0.0),
    )


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


def levels(arms: Sequence[tuple[str, Run]]) -> pd.DataFrame:
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
    """Return the label of each row of a summary with its unit."""
    return [f"{label} ({unit})" if unit else str(label) for label, unit in zip(summary["label"], summary["unit"])]


def headline(result: Run) -> list[str]:
    """Return the names in a summary of what is told first; oestradiol and T/E2 are those of the scenario's assay."""
    measured = result.scenario.samples.assay
    return [
        CONVENTIONAL.get(column, (column,))[0]
        for column in ("testosterone_nmol_l", OESTRADIOL[measured], RATIO[measured], *_HEADLINE)
    ]
