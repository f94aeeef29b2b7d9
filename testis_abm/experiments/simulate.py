"""Run a scenario: every replicate of the treated man beside his untreated twin, into tidy tables."""

from __future__ import annotations

import gc
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
import pandas as pd

from testis_abm.agents.model import TestisModel
from testis_abm.biology.draws import mix
from testis_abm.biology.tissue import TissueParameters
from testis_abm.choices import ARMS, TREATED, UNTREATED
from testis_abm.man.diary import COLUMNS, SCHEMAS
from testis_abm.man.injuries import needs_cells
from testis_abm.parameters import Drug
from testis_abm.results import attribution
from testis_abm.results.run import Run
from testis_abm.results.tables import conform
from testis_abm.results.treatment import Treatment, within
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.blame import blamed
from testis_abm.scenario.rule import beyond_mean_field
from testis_abm.scenario.scenario import extrapolated
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, shown
from testis_abm.support.fingerprint import versions
from testis_abm.testis.changes import Change, together
from testis_abm.testis.memory import check_fits

Progress = Callable[[int, str, int], None]
Watch = Callable[[int, Mapping[str, TestisModel]], None]


class Options(TypedDict, total=False):
    """How a run is made: see run."""

    seed: int | None
    replicates: int | None
    overrides: Mapping[str, Any] | None
    progress: Progress | None
    watch: Watch | None
    model: type[TestisModel]
    plausible: bool


_WEEK = 7
_LARGE = 20_000  # Sertoli cells: their replicate takes seconds, a search for free memory a tenth of one


def replicate_seed(seed: int, replicate: int) -> int:
    """Return the seed of a replicate: replicate 0 keeps the scenario's own, the others are hashed from it."""
    return seed if replicate == 0 else mix(seed, replicate) >> 1


def run(
    scenario: Scenario | str | Path | Mapping[str, Any],
    *,
    seed: int | None = None,
    replicates: int | None = None,
    overrides: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
    watch: Watch | None = None,
    model: type[TestisModel] = TestisModel,
    plausible: bool = True,
) -> Run:
    """Simulate a scenario.

    Args:
        scenario: a Scenario, a mapping, or the path of a scenario file.
        seed, replicates: instead of those of the scenario.
        overrides: dotted path -> value, as `--set` of the command.
        progress: called as progress(replicate, arm, day) as the run goes on, several times a second, with the day that begins.
        watch: called as watch(replicate, {arm: model}) when the men of a replicate are made and after at most a week
            that all of them have lived; it only looks, and may raise to stop the run.
        model: TestisModel, or a subclass with rules of its own.
        plausible: whether levels and changes over plausible models are worked out too (over_models), which takes seconds.

    Returns:
        The tables of all replicates; arm "untreated" is the same man with the same random draws and no therapy.

    Raises:
        TestisError: for a scenario that cannot be understood, or a man outside the physical range, or whose numbers of the
            user's own leave the equations without a result.
    """
    changes = guard.changes(overrides)
    if seed is not None:
        changes["plan.seed"] = guard.argument("seed", seed)
    if replicates is not None:
        changes["plan.replicates"] = guard.argument("replicates", replicates)
    if not (isinstance(model, type) and issubclass(model, TestisModel)):
        raise TestisError(f"model: {shown(model)} is not TestisModel or a subclass of it")
    progress, watch = guard.function(progress, "progress"), guard.function(watch, "watch")
    plausible = guard.flag(plausible, "plausible")
    scenario = load(scenario, overrides=changes)
    started = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            collected, models, engine = _simulate(scenario, progress, watch, model)
        except ArithmeticError as error:
            if model is not TestisModel:  # code of the user's own, whose traceback tells more
                raise
            raise blamed(error, (scenario,)) from error
    tables = {name: _frame(name, rows) for name, rows in collected.items() if name in SCHEMAS}
    signals = pd.DataFrame(collected["signals"], columns=["arm", "replicate", *COLUMNS["signals"]])
    provenance: dict[str, Any] = {
        "title": scenario.heading,
        "extrapolation": list(extrapolated(scenario)),
        **({"own_rules": [rule.sentence for rule in scenario.rule]} if scenario.rule else {}),
        "seed": scenario.plan.seed,
        "cells": int(models[UNTREATED].tissue.columns.germ.total),
        "versions": versions(),
        "engine": models[UNTREATED].engine,
        "engine_seconds": engine,
        "warnings": sorted({str(entry.message) for entry in caught}),
    }
    provenance["wall_seconds"] = time.perf_counter() - started
    # Rules of the user's own are no parameters: no other model holds them.
    found = over_models(scenario) if plausible and model is TestisModel else None
    explained = _attribution(scenario, tables, signals, models[UNTREATED])
    if explained is not None:
        provenance["why"] = explained[1]
    return Run(
        scenario=scenario,
        tables=tables,
        provenance=provenance,
        sections={arm: model.section for arm, model in models.items()},
        attribution=None if explained is None else explained[0],
        plausible=found,
    )


def over_models(scenario: Scenario, *, progress: Callable[[int, int], None] | None = None) -> pd.DataFrame | None:
    """Return the levels and changes of a scenario's man over plausible models (results.plausible.COLUMNS).

    None of a scenario that needs cells (man.injuries.needs_cells): the models are those of a mean-field man.

    `progress` is called with the models begun and all of them, from several threads; what it raises ends the work.
    """
    from testis_abm.experiments.hypotheses import arms_under_hypotheses, began, untreated

    if needs_cells(scenario) or beyond_mean_field(scenario.rule):
        return None
    arms = {UNTREATED: untreated(scenario)} | ({TREATED: scenario} if scenario.treated else {})
    first = began(scenario) if scenario.treated else 0
    return arms_under_hypotheses(arms, first=first, progress=progress).table()


def men_of(scenario: Scenario, replicate: int = 0, model: type[TestisModel] = TestisModel) -> dict[str, TestisModel]:
    """Return the men of a replicate before their first day, by arm; one where there is no therapy."""
    seed = replicate_seed(scenario.plan.seed, replicate)
    men = {UNTREATED: model(scenario, rng=seed, treated=False)}
    if scenario.treated:
        # The twin is made before the first step, from the same steady state.
        men[TREATED] = model(scenario, rng=seed, settled=men[UNTREATED])
    return men


def _simulate(
    scenario: Scenario, progress: Progress | None, watch: Watch | None, model_class: type[TestisModel]
) -> tuple[dict[str, list[tuple[Any, ...]]], dict[str, TestisModel], float]:
    arms = ARMS if scenario.treated else (UNTREATED,)
    collected: dict[str, list[tuple[Any, ...]]] = {}
    first: dict[str, TestisModel] = {}
    engine = 0.0
    last = _treatment_end(scenario)
    size, replicates = scenario.tissue, scenario.plan.replicates
    # The men of the first replicate are kept beside those of the present one.
    check_fits(size.tubules, size.rows, size.sertoli_per_tubule, men=len(arms) * min(2, replicates), pictures=len(arms))
    for replicate in range(replicates):
        men = men_of(scenario, replicate, model_class)
        if watch is not None:
            watch(replicate, men)
        while any(model.running for model in men.values()):
            for arm, model in men.items():
                if model.running:
                    before = model.day
                    ahead = (last if model.day < last else model.last_day) - model.day
                    model.run_for(min(ahead, model.days_a_call, ahead if watch is None else _WEEK))
                    if model.day == before:  # it would go on for ever
                        raise TestisError(
                            f"{type(model).__name__}.step() lived no day (day {before}); call super().step() in it"
                        )
                    if replicate == 0 and model.day == last:
                        model.section = model.cross_section()
                    if progress is not None:
                        progress(replicate, arm, model.day)
            if watch is not None:
                watch(replicate, men)
        for arm, model in men.items():
            engine += model.engine_seconds
            for name, rows in model.records.items():
                collected.setdefault(name, []).extend((arm, replicate, *row) for row in rows)
            if replicate == 0:
                first[arm] = model
        del men, model
        if size.sertoli > _LARGE:
            gc.collect()  # a model refers to itself: free it before the next is made
    return collected, first, engine


def _treatment_end(scenario: Scenario) -> int:
    """Return the morning after the last day under treatment (the plan's last day where there is none)."""
    end = scenario.plan.duration_days
    return min(end, Treatment.planned(scenario, end).morning) if scenario.treated else end


def so_far(scenario: Scenario, rows: Mapping[str, list[tuple[Any, ...]]]) -> Run:
    """Return what a run has brought so far: table name -> rows of (arm, replicate, *record of the model)."""
    return Run(scenario=scenario, tables={name: _frame(name, of) for name, of in rows.items()})


def _frame(name: str, rows: list[tuple[Any, ...]]) -> pd.DataFrame:
    return conform(name, pd.DataFrame(rows, columns=list(SCHEMAS[name])))


def _attribution(
    scenario: Scenario, tables: Mapping[str, pd.DataFrame], signals: pd.DataFrame, model: TestisModel
) -> tuple[pd.DataFrame, str] | None:
    if not scenario.treated:
        return None
    first, last = Treatment.planned(scenario, scenario.plan.duration_days).window

    def mean(frame: pd.DataFrame, arm: str) -> pd.Series:
        rows = within(frame[frame["arm"] == arm], first, last)
        return rows.drop(columns="arm").mean(numeric_only=True)

    def levels(arm: str) -> dict[str, float]:
        blood = mean(tables["hormones"], arm)
        return dict(mean(signals, arm)) | {"lh": blood["lh_iu_l"], "serum_testosterone": blood["testosterone_nmol_l"]}

    before, after = levels(UNTREATED), levels(TREATED)
    p, table = model.tissue.p, attribution.attribute(before, after, model.tissue.p)
    if scenario.rule:
        acted = {arm: _acted(tables["modifiers"], arm, (first, last), p) for arm in ARMS}
        table = attribution.with_rules(table, before, after, p, [acted[arm] for arm in ARMS])
    tissue = {arm: dict(mean(tables["tissue"], arm)) for arm in ARMS}
    share, given = model.values["axis.oestradiol_pituitary_share"], _by_action(tables["therapy"], scenario.drugs)
    return table, attribution.explain(
        before, after, table, tissue, model.tissue.p, share, drugs=given, laboratory=model.laboratory
    )


def _acted(
    table: pd.DataFrame, arm: str, window: tuple[float, float], p: TissueParameters
) -> dict[str, attribution.Acted]:
    """Return what each own rule did in an arm over some days on average, by its name in the table of modifiers."""
    rows, found = within(table[table["arm"] == arm], *window), {}
    for name, of in rows[rows["modifier"].str.startswith("rule ")].groupby("modifier", sort=False):
        means = of.groupby("rate")[["factor", "added"]].mean()
        changes = [Change(name, str(rate), *(np.array([x]) for x in row)) for rate, *row in means.itertuples()]
        changed, of_rates, _ = together(changes, p, 1)
        found[str(name)] = attribution.Acted(changed, of_rates[..., 0])
    return found


def _by_action(given: pd.DataFrame, known: Mapping[str, Drug]) -> dict[str, list[str]]:
    """Return action -> names of the drugs of the therapy log."""
    found: dict[str, list[str]] = {}
    for name in given["drug"].unique():
        for action in {action for part in known[name].substances for action in part.actions}:
            found.setdefault(action, []).append(known[name].label)
    return found
