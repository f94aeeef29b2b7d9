"""What treatment did, in numbers with intervals, and the text that a run ends with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import Laboratory
from testis_abm.choices import ARMS, DISCLAIMER
from testis_abm.man.injuries import left_out
from testis_abm.results import aromatase, plausible, report
from testis_abm.results.measures import PRINTED, Measure, measures
from testis_abm.results.run import Run
from testis_abm.results.treatment import Treatment, closing, last_window
from testis_abm.scenario.rule import beyond_mean_field
from testis_abm.statistics import nanmean, paired_change
from testis_abm.support.errors import TestisError

_Means = Callable[[str], pd.DataFrame]  # of a table by name


def summarise(result: Run, *, conventional: bool | None = None) -> pd.DataFrame:
    """Return the summary of a run, one row a quantity, indexed by its name with unit.

    Levels are those of every command (see treatment.closing): of hormones means over the last 28 days (of treatment, or
    of an untreated man's run), of ratios those of the means; semen and sperm production as expected on the last of
    these mornings, without variation or counting error. With both arms, `change_pct` is that of the geometric mean of
    treated over untreated control; `low_pct` to `high_pct` is its 95 % interval over replicates (Student's t on the log
    ratios; missing with one replicate). From a level that no laboratory tells from none there is no change in percent.
    Should a treated replicate have none of a quantity, differences in percent of the untreated mean stand in. The
    spread (`..._sd`) is the standard deviation over replicates. `plausible_low_pct` to `plausible_high_pct` is the 90 %
    interval of the change over plausible models (see `plausible`), missing where rules of the user's own took part or the
    scenario needs cells (man.injuries.needs_cells).

    With one arm: level (`mean`) and spread over replicates (`sd`), `drift_pct`, the last quarter of the run against the
    first, and `plausible_low` to `plausible_high`, the 90 % interval of the level over plausible models.

    Args:
        result: the run.
        conventional: testosterone in ng/dL, oestradiol in pg/mL and intratesticular levels in ng/mL, or (False) SI
            (default: the system of units in force).

    Raises:
        TestisError: the run is empty.
    """
    treatment = Treatment.of(result)
    known = measures(conventional, None if result.scenario is None else result.scenario.values())
    read = [measure for measure in known if len(result.tables[measure.table])]
    means = _means(result, treatment.window if treatment else last_window(float(result.hormones["day"].max())))
    rows = [_change(means, measure) if treatment else _course(result, means, measure) for measure in read]
    if not rows:
        raise TestisError("the run has no tables to summarise")
    frame = pd.DataFrame(rows).set_index("name")
    if result.plausible is None:
        return frame
    ends = ("low_pct", "high_pct") if treatment else ("level_low", "level_high")
    found = plausible.of_all(result.plausible, result.arms[-1]).reindex(frame["column"])
    factor = 1.0 if treatment else np.array([measure.factor for measure in read])
    for end in ends:
        frame[f"plausible_{end.removeprefix('level_')}"] = found[end].to_numpy() * factor
    return frame


def _change(means: _Means, measure: Measure) -> dict[str, object]:
    level = _level(means, measure).unstack("arm")
    untreated, treated = level["untreated"].to_numpy(), level["treated"].to_numpy()
    change, low, high = paired_change(untreated, treated, measure.least)
    return {
        **_named(measure),
        "untreated": float(nanmean(untreated)),
        "treated": float(nanmean(treated)),
        "change_pct": change,
        "low_pct": low,
        "high_pct": high,
        "untreated_sd": _sd(untreated),
        "treated_sd": _sd(treated),
        "replicates": int(level.notna().all(axis=1).sum()) or len(level),
    }


def closing_levels(result: Run, measure: Measure) -> pd.Series:
    """Return the level of a measure by replicate and arm, at the end of treatment (of an untreated man: of the run)."""
    treatment = Treatment.of(result)
    window = treatment.window if treatment else last_window(float(result.hormones["day"].max()))
    return _level(_means(result, window), measure)


def _means(result: Run, window: tuple[float, float]) -> _Means:
    """Return what gives the means of a table over a window by replicate and arm; each table's are worked out once."""

    @cache
    def of_table(name: str) -> pd.DataFrame:
        rows = closing(result.tables[name], name, window)
        return rows.groupby(["replicate", "arm"]).mean(numeric_only=True)

    return of_table


def _level(means: _Means, measure: Measure) -> pd.Series:
    """Return the level of a measure by replicate and arm."""
    return _finite(measure, means(measure.table))


def _finite(measure: Measure, rows: pd.DataFrame) -> pd.Series:
    """Return a measure of some rows; a ratio to nothing, as T/E2 without oestradiol, is missing."""
    return measure.read(rows).replace([np.inf, -np.inf], np.nan)


def _course(result: Run, means: _Means, measure: Measure) -> dict[str, object]:
    table = result.tables[measure.table]
    value = _finite(measure, table)
    first, last = table["day"].min(), table["day"].max()
    level = _level(means, measure).to_numpy()
    early = value[table["day"] <= first + (last - first) / 4.0].mean()
    late = value[table["day"] >= last - (last - first) / 4.0].mean()
    return {
        **_named(measure),
        "mean": float(nanmean(level)),
        "sd": _sd(level),
        "drift_pct": 100.0 * (late / early - 1.0) if early > 0.0 and early >= measure.least else np.nan,
        "replicates": len(level),
    }


def _named(measure: Measure) -> dict[str, object]:
    return {name: getattr(measure, name) for name in ("name", "column", "label", "unit")}


def _sd(values: np.ndarray) -> float:
    there = values[np.isfinite(values)]
    return float(there.std(ddof=1)) if len(there) > 1 else float("nan")


def render(result: Run) -> str:
    """Return the text that a run ends with: levels and changes, why, observed values, flags, recovery."""
    treatment = Treatment.of(result)
    summary = summarise(result)
    summary = summary[summary["column"].isin(PRINTED)]
    laboratory = Laboratory(result.scenario.values())
    table = (
        _two_arms(summary, laboratory, [result.called(arm) for arm in ARMS])
        if treatment
        else _one_arm(summary, laboratory)
    )
    blocks = [
        report.title(result),
        report.extrapolation(result),
        table,
        report.basis(result, treatment, summary),
        _plausible(result, treatment is not None),
        report.assay(summary),
        report.held(result),
        report.own_rules(result),
        report.insults(result),
        report.course(result),
        report.lost(result),
        report.why(result),
        aromatase.told(result),
        report.decisions(result),
        report.observed_block(result),
        report.flags(result, treatment),
        report.chances(result, treatment),
        report.clearance(result),
        report.recovery(result, treatment),
        report.warnings(result),
        DISCLAIMER,
    ]
    return "\n".join(block for block in blocks if block)


def _two_arms(summary: pd.DataFrame, laboratory: Laboratory, arms: Sequence[str]) -> str:
    columns = ["", *arms, *plausible.CHANGE]
    rows = [columns]
    for row in summary.itertuples():
        change, interval = report.change(row.change_pct, row.low_pct, row.high_pct, row.replicates)
        levels = [report.level(str(row.column), value, laboratory) for value in (row.untreated, row.treated)]
        rows.append([_heading(row), *levels, change, over_models(row, "_pct"), interval])
    kept = [k for k in range(6) if k < 4 or any(row[k] for row in rows[1:])]
    if summary["replicates"].max() < 2:
        kept = [k for k in kept if k < 5]
    return f"\n{report.aligned([[row[k] for k in kept] for row in rows], right=len([k for k in kept if k < 5]) - 1)}\n"


def over_models(row: object, unit: str = "") -> str:
    """Return the interval over plausible models of a row of a summary as text."""
    low, high = (getattr(row, f"plausible_{end}{unit}", np.nan) for end in ("low", "high"))
    if unit:
        none = hasattr(row, f"plausible_low{unit}") and not np.isfinite(row.change_pct)  # type: ignore[attr-defined]
        return "-" if none else plausible.ends(row.change_pct, low, high)  # type: ignore[attr-defined]
    # The reference man is the same under all models: no interval.
    if not np.isfinite(low + high) or high - low < 1e-3 * abs(high):
        return ""
    return f"{report.number(low)} to {report.number(high)}" if np.isfinite(row.mean) else "-"  # type: ignore[attr-defined]


def _plausible(result: Run, treated: bool) -> str:
    """Return the note on plausible models, if they were worked out and of men in whom they differ, or why there are none."""
    if left := left_out(result.scenario) or beyond_mean_field(result.scenario.rule):
        return report.note(f"Note: {left}")
    if result.plausible is None or not (treated or any(map(over_models, summarise(result).itertuples()))):
        return ""
    return plausible.note(result.plausible, result.arms[-1], treated)


def _one_arm(summary: pd.DataFrame, laboratory: Laboratory) -> str:
    rows = [("", "level", "spread", "drift", "plausible models, 90 %")]
    for row in summary.itertuples():
        drift = report.change(row.drift_pct)[0]
        level = report.level(str(row.column), row.mean, laboratory)
        rows.append((_heading(row), level, report.number(row.sd), drift, over_models(row)))
    if not any(row[4] for row in rows[1:]):
        rows = [row[:4] for row in rows]  # type: ignore[misc]
    return f"\n{report.aligned(rows)}\n"


def _heading(row: object) -> str:
    return f"{row.label} ({row.unit})" if row.unit else str(row.label)  # type: ignore[attr-defined]
