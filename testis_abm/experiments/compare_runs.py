"""Arms that were run one by one, compared as `compare` compares those of a file."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.compare import Comparison
from testis_abm.experiments.outputs import ROWS, WEEK
from testis_abm.results import plausible
from testis_abm.results.measures import Measure, measures
from testis_abm.results.run import Run
from testis_abm.results.summary import closing_levels
from testis_abm.results.treatment import Treatment
from testis_abm.statistics import nanmean, paired_change
from testis_abm.support.errors import TestisError

UNPAIRED = "another man, seed or plan than the reference: its means are compared, without an interval"

_DRAWN = ("man", "insult", "rule", "tissue", "parameters", "own_tables")
_PLANNED = ("seed", "baseline_days", "engine")


class Lived(NamedTuple):
    """One arm of a run."""

    run: Run
    arm: str

    @property
    def whose(self) -> Hashable:
        """Return what an untreated control is the same by: the man, and what injured him before day 0."""
        return self.run.scenario.man, self.run.scenario.untreated().insult

    def paired_with(self, other: Lived) -> bool:
        """Return whether replicates of both have the same man and draws, so that they are pairs."""
        one, two = (of.run.scenario.untreated() for of in (self, other))
        same = all(getattr(one, name) == getattr(two, name) for name in _DRAWN)
        return same and all(getattr(one.plan, name) == getattr(two.plan, name) for name in _PLANNED)


def of_runs(arms: Mapping[str, Lived], title: str = "Kept arms") -> Comparison:
    """Return arms beside the first of them: levels at the end of treatment, changes, and why each man makes what he makes.

    Of arms with more replicates than another the first count, as many as all have. Those of the same man and seed are pairs; else the change is that of means, and has no interval. The interval over plausible models
    and the reason are those of an arm against its own untreated control, so none where the reference is another treatment.

    Raises:
        TestisError: fewer than two arms.
    """
    if len(arms) < 2:
        raise TestisError(f"{len(arms)} arm: comparing needs two or more")
    names = tuple(arms)
    first, left, why, models = arms[names[0]], dict[str, str](), dict[str, str](), list[pd.DataFrame]()
    rows: list[dict[str, Any]] = []
    known = [measure for measure in measures(values=first.run.scenario.values()) if measure.column in ROWS]
    runs = {id(of.run): of.run for of in arms.values()}  # one holds a man and his control
    count = min(run.replicates for run in runs.values())  # replicates that all arms have
    tables = {
        key: {m.column: closing_levels(run, m).loc[: count - 1].unstack("arm") for m in known}
        for key, run in runs.items()
    }
    levels = {
        name: {column: table[of.arm] for column, table in tables[id(of.run)].items()} for name, of in arms.items()
    }
    for name in names[1:]:
        of = arms[name]
        paired = of.paired_with(first)
        against_own = first.arm == UNTREATED and of.arm == TREATED and of.whose == first.whose
        if not paired:
            left[name] = UNPAIRED
        if against_own:
            why[name] = _reason(of.run)
        if against_own and of.run.plausible is not None:
            models.append(_named(of.run.plausible, name))
        for measure in known:
            column = measure.column
            rows.append(_effect(measure, name, levels[names[0]][column], levels[name][column], paired=paired))
    effects = pd.DataFrame(rows)
    over_models = pd.concat(models, ignore_index=True) if models else None
    effects = effects.join(_ends(effects, over_models))
    failed = pd.DataFrame(columns=["arm", "replicate", "error"])
    scenarios = {
        name: of.run.scenario if of.arm == TREATED else of.run.scenario.untreated() for name, of in arms.items()
    }
    courses = pd.concat([_course(name, of) for name, of in arms.items()], ignore_index=True)
    courses = courses[courses["replicate"] < count].reset_index(drop=True)
    kept = Comparison(title, names, count, courses, effects, {}, why, failed, over_models, left, scenarios)
    treatment = next((found for of in arms.values() if (found := Treatment.of(of.run))), None)
    return replace(
        kept,
        window=treatment.window if treatment else None,
        unpaired=tuple(name for name in names if left.get(name) == UNPAIRED),
        more={name: of.run.replicates for name, of in arms.items() if of.run.replicates > count},
    )


def _course(name: str, of: Lived) -> pd.DataFrame:
    """Return the outputs of an arm by replicate and day, in the units of their columns: each on the days of its own table, weekly at most."""
    levels = {}
    for measure in measures(values=of.run.scenario.values(), stored=True):
        table = of.run.tables[measure.table]
        rows = table[(table["arm"] == of.arm) & ((table["day"] % WEEK == 0) | (table["day"] == table["day"].max()))]
        if measure.column in ROWS and len(rows):
            levels[measure.column] = measure.read(rows.set_index(["replicate", "day"])).groupby(level=[0, 1]).mean()
    return pd.DataFrame(levels).rename_axis(["replicate", "day"]).reset_index().assign(arm=name)


def _named(table: pd.DataFrame, name: str, arm: str = TREATED) -> pd.DataFrame:
    return table[table["arm"] == arm].assign(arm=name)


def _reason(run: Run) -> str:
    text = str(run.provenance.get("why") or "").removeprefix("Why:").strip()
    return text.rstrip(".")


def _effect(measure: Measure, name: str, first: pd.Series, level: pd.Series, *, paired: bool) -> dict[str, Any]:
    one, other = first.to_numpy(dtype=float), level.to_numpy(dtype=float)
    if paired:
        change = paired_change(one, other, measure.least)
    else:
        change = paired_change(nanmean(one)[None], nanmean(other)[None], measure.least)
    row: dict[str, Any] = {"arm": name, "output": ROWS[measure.column].label, "unit": measure.unit}
    row |= {"reference": float(nanmean(one)), "level": float(nanmean(other))}
    return row | dict(zip(("change_pct", "low_pct", "high_pct"), change)) | {"worth": np.nan, "column": measure.column}


def _ends(effects: pd.DataFrame, over_models: pd.DataFrame | None) -> pd.DataFrame:
    """Return the ends of the interval over plausible models of each effect."""
    found = []
    tables = {} if over_models is None else {arm: plausible.of_all(over_models, arm) for arm in effects["arm"].unique()}
    for row in effects.itertuples():
        of = tables.get(row.arm)
        if of is None or row.column not in of.index:
            found.append([np.nan, np.nan])
        else:
            found.append(of.loc[row.column, ["low_pct", "high_pct"]].tolist())
    return pd.DataFrame(found, effects.index, ["plausible_low_pct", "plausible_high_pct"])
