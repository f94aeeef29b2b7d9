"""What a day means: day d is the morning of day d, before its doses, in every table, engine and command (see agents/model.py)."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import testis_abm as ta
from testis_abm import TestisModel, load, parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.safety import Safety, felt
from testis_abm.biology.semen import Semen
from testis_abm.experiments import compare, sweep, trial
from testis_abm.experiments.outputs import COLUMNS as OUTPUTS
from testis_abm.experiments.task import perform
from testis_abm.man.mean_field import ExpectedMan, mean_morning
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.studies import replay
from testis_abm.studies.ensemble import best
from testis_abm.studies.men import Men
from testis_abm.studies.study import Study

DAILY = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
ROUTES = [(drug.name, route) for drug in parameters.drugs().values() for route in drug.routes]
BASELINE, DAYS, SEED = 2, 9, 5


def case(*therapy: dict[str, Any], days: int = DAYS, **more: Any) -> dict[str, Any]:
    every = {"every": 1, "from": -BASELINE}
    plan = {"baseline": BASELINE, "duration": days, "replicates": 1, "seed": SEED}
    samples = {"blood": every, "semen": every, "biopsy": every, "assay": "lc-ms"}
    tissue = {"tubules": 1, "sertoli_per_tubule": 6}
    return {"title": "days", "tissue": tissue, "plan": plan, "samples": samples, "therapy": list(therapy)} | more


@cache
def at_rest(engine: str, days: int = DAYS) -> TestisModel:
    return TestisModel(load(case(days=days)), treated=False, engine=engine)


def lived(engine: str, *therapy: dict[str, Any], **more: Any) -> TestisModel:
    """Return a man who has lived the plan under `therapy`."""
    days = more.get("days", DAYS)
    model = TestisModel(load(case(*therapy, **more)), engine=engine, settled=at_rest(engine, days))
    while model.running:
        model.step()
    return model


def followed(*therapy: dict[str, Any], man: dict[str, float] | None = None, **more: Any) -> ExpectedMan:
    """Return a mean-field man who has lived the plan."""
    scenario = load(case(*therapy, **more))
    treatment = Treatment(scenario)
    values = complete(parameters.values())
    return treatment.follow(ExpectedMan(values, man or scenario.man.physiology, treatment.drugs), (SEED,))


def rows(model: TestisModel, table: str, *, upto: int) -> str:
    """Return the rows of a table up to a day, to the last bit."""
    return repr([tuple(map(float, row)) for row in model.records[table] if row[0] <= upto])


def row(model: TestisModel, table: str, day: int) -> tuple[Any, ...]:
    return next(of for of in model.records[table] if of[0] == day)


SAMPLED = ("hormones", "tissue", "safety", "signals", "semen", "outcome", "blood", "biopsy")


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_run_is_told_by_its_mornings_and_day_0_is_untreated(engine):
    treated = lived(engine, DAILY, weight=[{"bmi": 24, "until": "day 8"}])
    untreated = lived(engine)
    assert treated.day == treated.last_day == DAYS and treated.time == BASELINE + DAYS
    for name in SAMPLED:
        assert [of[0] for of in treated.records[name]] == list(range(-BASELINE, DAYS + 1)), name
        assert rows(treated, name, upto=0) == rows(untreated, name, upto=0), name
        assert row(treated, name, 1) != row(untreated, name, 1) or name == "biopsy", name
    drugs = pd.DataFrame(treated.records["drugs"], columns=["day", "drug", "mean", "lowest", "highest", "unit"])
    assert drugs["day"].tolist() == list(range(-BASELINE, DAYS + 1))
    assert (drugs.loc[drugs["day"] <= 0, ["mean", "lowest", "highest"]] == 0.0).all(axis=None)
    assert [dose[0] for dose in treated.records["therapy"]] == list(range(DAYS))


@settings(max_examples=40)
@given(st.sampled_from(ROUTES), st.integers(0, DAYS - 2), st.integers(0, 20))
def test_a_dose_leaves_its_morning_and_changes_the_next(of, day, hour):
    drug, route = of
    known = parameters.drugs()[drug]
    single = {
        "drug": drug,
        "route": route,
        "dose": f"{known.regimen[0].dose} {known.dose_unit}",
        "from": day + hour / 24,
    }
    untreated, treated = at_rest_lived(), lived("compiled", single)
    for name in SAMPLED:
        assert rows(treated, name, upto=day) == rows(untreated, name, upto=day), name
    assert row(treated, "hormones", day + 1) != row(untreated, "hormones", day + 1)
    highest = {when: max(other[4] for other in treated.records["drugs"] if other[0] == when) for when in (day, day + 1)}
    assert highest[day] == 0.0 < highest[day + 1]
    mean_field = followed(single).days
    assert np.array_equal(mean_field[: day + 1], at_rest_followed()[: day + 1])
    assert not np.array_equal(mean_field[day + 1], at_rest_followed()[day + 1])


@cache
def at_rest_lived() -> TestisModel:
    return lived("compiled")


@cache
def at_rest_followed() -> np.ndarray:
    return followed().days


def test_weight_of_the_mean_field_man_is_that_of_the_morning():
    loses = followed(weight=[{"bmi": 22, "until": "day 6"}])
    stays = followed()
    assert len(loses.days) == DAYS + 1 and np.array_equal(loses.days[0], stays.days[0])
    assert loses.semen(3.0, 0) == stays.semen(3.0, 0)
    cells = lived("compiled", weight=[{"bmi": 22, "until": "day 6"}])
    volume = {of.day: of.expected_volume_ml for of in cells.records["semen"]}
    for day in range(DAYS + 1):
        assert loses.semen(3.0, day)["volume_ml"] == pytest.approx(volume[day], rel=2e-3), day


# ---- concentrations


@pytest.mark.parametrize(
    "drug",
    [
        "hcg",
        *(
            pytest.param(name, marks=pytest.mark.slow)
            for name in ("anastrozole", "clomiphene", "gonadorelin", "testosterone_enanthate")
        ),
    ],
)
def test_concentrations_do_not_depend_on_the_hour_of_the_dose(drug):
    known = parameters.drugs()[drug]
    dose = {"drug": drug, "dose": f"{known.regimen[0].dose} {known.dose_unit}", "every": "1 day"}
    courses = [lived("compiled", {**dose, "from": hour / 24}, days=90).records["drugs"] for hour in (0, 9, 21)]
    last = np.array([[of[2:5] for of in course if of[0] == 90] for course in courses])
    mean, lowest, highest = last[:, 0].T
    for level in (mean, lowest, highest):
        assert level == pytest.approx(level[0], rel=0.02), drug
    assert (lowest < mean).all() and (mean < highest).all()


def test_both_engines_know_the_same_concentrations():
    therapy = DAILY, {"drug": "gonadorelin", "dose": "10 ug", "every": "2 hours", "from": "day 3"}
    compiled, reference = (lived(engine, *therapy) for engine in ("compiled", "reference"))
    assert compiled.records["drugs"] == reference.records["drugs"]


# ---- decisions

CLAUSES = (
    "testosterone",
    "oestradiol",
    "LH",
    "sperm concentration",
    "progressive motility",
    "normal forms",
    "haematocrit",
)
COLUMN = {
    "testosterone": "testosterone_nmol_l",
    "oestradiol": "oestradiol_pmol_l",
    "LH": "lh_iu_l",
    "sperm concentration": "concentration_million_ml",
    "progressive motility": "progressive_motility_pct",
    "normal forms": "normal_forms_pct",
    "haematocrit": "haematocrit_pct",
}
SHOWN = {"haematocrit": "safety", "testosterone": "blood", "sperm concentration": "semen"}  # the table with its column
UNIT = {"testosterone": "nmol/L", "oestradiol": "pmol/L", "LH": "IU/L", "sperm concentration": "million/mL"}


def reported(man: ExpectedMan, quantity: str, day: int) -> float:
    """Return what the laboratory reports of a mean-field man's row of a day."""
    if quantity == "haematocrit":
        safety = Safety(man.values, felt(man.rest, man.values))
        for lived in man.days[1 : day + 1]:
            safety.day(felt(lived, man.values))
        return safety.haematocrit
    laboratory = Laboratory(man.values, "lc-ms")
    true = mean_morning(man.days[day : day + 1])
    seen = laboratory.blood(true, (SEED,), day) | vars(laboratory.semen(Semen(**man.semen(3.0, day)), (SEED,), day))
    return float(seen[COLUMN[quantity]])


@pytest.mark.parametrize("quantity", CLAUSES)
@pytest.mark.parametrize("named", [True, False])
def test_a_decision_is_made_on_the_row_of_its_day(quantity, named):
    """The rule of a later therapy turns with a limit just under and over what the table of the sample's day shows."""
    first = {"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days"}
    begins = 6
    at = f" at day {begins}" if named else ""
    sample, decided = (begins, begins + 1) if named else (begins - 1, begins)
    man = followed(first)
    value = reported(man, quantity, sample)
    for limit, taken in ((value * (1 - 1e-9), True), (value * (1 + 1e-9), False)):
        rule = f"{quantity} > {limit!r} {UNIT.get(quantity, '%')}{at}"
        second = {"drug": "anastrozole", "dose": "1 mg", "from": f"day {begins}", "when": rule}
        ruled = followed(first, second)
        assert np.array_equal(ruled.days[: decided + 1], man.days[: decided + 1]), rule
        assert np.array_equal(ruled.days[decided + 1], man.days[decided + 1]) != taken, rule
        cells = lived("compiled", first, second)
        ((day, _, _, _, on, _, measured, *_),) = cells.records["decisions"]
        assert (day, on) == (decided, sample)
        if quantity in SHOWN:
            shown = getattr(row(cells, SHOWN[quantity], sample), COLUMN[quantity])
            assert measured == pytest.approx(shown, rel=1e-12)


def test_draws_of_one_clause_do_not_move_those_of_another():
    """One clause more, always met, changes no decision."""
    one = {**DAILY, "when": "testosterone > 17 nmol/L"}
    more = {**DAILY, "when": "testosterone > 17 nmol/L and LH > 0 IU/L and ejaculate volume > 0 mL"}
    other, both = followed(one), followed(more)
    assert np.array_equal(other.days, both.days)
    assert not np.array_equal(other.days, at_rest_followed()) and not np.array_equal(other.days, followed(DAILY).days)


def test_a_seed_counts_in_full():
    low, high = (TestisModel(load(case()), rng=of, settled=at_rest("compiled")) for of in (7, 7 + 2**32))
    assert low.blood_sample() != high.blood_sample()


def test_a_man_with_a_past_is_sampled_in_his_baseline():
    """The sample of a day before day 0 shows a man who is still recovering, in both engines."""
    man = {"history": "testosterone_enanthate 200 mg every 7 days for 20 weeks"}
    for limit, taken in ((0.5, False), (0.02, True)):
        rule = {**DAILY, "from": "day 20", "when": f"LH > {limit} IU/L at day -2"}
        scenario = load(case(rule, days=30, man=man))
        treatment = Treatment(scenario, history=True)
        values = complete(parameters.values())
        one = treatment.follow(ExpectedMan(values, scenario.man.physiology, treatment.drugs), (SEED,))
        model = TestisModel(scenario)
        model.run_for(BASELINE + 30)
        given = [dose[0] for dose in model.records["therapy"]]
        assert given == (list(range(20, 30)) if taken else [])
        fallen = one.days["oestradiol_pmol_l"][22] < 0.7 * one.days["oestradiol_pmol_l"][20]
        assert fallen == taken


# ---- every command

SHARED = {
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 1, "sertoli_per_tubule": 6},
    "plan": {"baseline": 2, "duration": 35, "seed": SEED, "replicates": 1},
    "samples": {"blood": [0, 35], "semen": [0, 35]},
}


def test_every_command_means_the_same_day():
    run = ta.run({**SHARED, "therapy": [DAILY]}, replicates=1)
    hormones = run.hormones.set_index(["arm", "day"])["testosterone_nmol_l"]
    sperm = run.semen.set_index(["arm", "day"])["expected_concentration_million_ml"]
    want = {
        (arm, day): (hormones[arm].loc[max(1, day - 27) if day else 0 : day].mean(), sperm[arm][day])
        for arm in ("untreated", "treated")
        for day in (0, 35)
    }
    assert want["untreated", 0] == want["treated", 0] and want["untreated", 35] != want["treated", 35]
    arms = {"untreated": load(SHARED), "treated": load({**SHARED, "therapy": [DAILY]})}
    arms = compare.prepare(arms, 1)
    found = [row for task in arms.tasks for row in perform(arms.job, task)]
    table = {
        "over": {"man.bmi": [run.scenario.man.physiology["bmi"]]},
        "at": [0, "end"],
        "replicates": 1,
        "engine": "cells",
    }
    points = sweep.prepare({**SHARED, "therapy": [DAILY], "sweep": table})
    found += [row for task in points.tasks for row in perform(points.job, task)]
    seen = 0
    for arm, day, *levels in found:
        if (arm, day) in want:
            at = dict(zip(OUTPUTS, levels, strict=False))
            assert (at["testosterone_nmol_l"], at["concentration_million_ml"]) == pytest.approx(
                want[arm, day], rel=1e-12
            )
            seen += 1
    assert seen == 8


def test_trials_and_studies_mean_the_same_day(monkeypatch):
    """Mean-field men of a trial, a sweep and a replayed study: day 0 is untreated, day 35 follows 35 days with a dose."""
    arms = [{"name": "control", "therapy": []}, {"name": "drug", "therapy": [DAILY]}]
    plan = {"men": 4, "population": "community", "engine": "expected", "at": [0, "end"], "parameters": "tables"}
    design = trial.prepare({"plan": SHARED["plan"], "trial": plan, "arm": arms})
    values, scenario = complete(parameters.values()), load({"plan": SHARED["plan"], "therapy": [DAILY]})
    treatment = Treatment(scenario)
    given = set()
    for task in design.tasks:
        man = ExpectedMan(
            values, load({}, overrides={f"man.{k}": v for k, v in task.man.items()}).man.physiology, treatment.drugs
        )
        if task.case == "drug":
            treatment.follow(man)
        else:
            man.advance(np.zeros((35, 48, len(man.kinetics.names))))
        found = {day: dict(zip(OUTPUTS, levels, strict=True)) for _, day, *levels in perform(design.job, task)}
        assert found[0]["testosterone_nmol_l"] == man.rest["testosterone_nmol_l"]
        assert found[35]["testosterone_nmol_l"] == pytest.approx(
            man.days["testosterone_nmol_l"][8:36].mean(), rel=1e-12
        )
        for day in (0, 35):
            assert found[day]["concentration_million_ml"] == man.semen(3.0, day)["concentration_million_ml"]
        given.add(task.case)
    assert given == {"control", "drug"}
    observed = [
        {"arm": "drug", "variable": word, "as": "change", "day": day, "value": 1.0}
        for word in ("testosterone", "sperm concentration")
        for day in (35, [0, 7])
    ]
    study = Study(title="x", citation="x", n=4, duration="35 days", arm=arms, observed=observed)
    rows = pd.DataFrame([dict(load({"man": {"bmi": bmi}}).man.physiology) for bmi in (24, 36)])
    men = Men(rows.to_dict("records"), [values] * len(rows), [], {})
    monkeypatch.setattr(replay, "screened", lambda *_: men)
    course = replay.courses(study, best()[0], 2, pool=2, seed=1)
    for i, at in enumerate(course.men):
        man = treatment.follow(ExpectedMan(values, rows.iloc[at].to_dict(), treatment.drugs))
        sperm = [man.semen(3.0, day)["concentration_million_ml"] for day in range(36)]
        found = {(sample.kind, sample.day): levels for sample, levels in course.true.items()}
        seen = {
            day: (levels["testosterone_nmol_l"][i], levels["concentration_million_ml"][i])
            for (_, day), levels in found.items()
        }
        testosterone = man.days["testosterone_nmol_l"]
        assert seen[None] == pytest.approx((testosterone[0], sperm[0]))
        assert seen[(35.0, 35.0)] == pytest.approx((testosterone[35], sperm[35]))
        assert seen[(0.0, 7.0)] == pytest.approx((testosterone[1:8].mean(), np.mean(sperm[1:8])))
