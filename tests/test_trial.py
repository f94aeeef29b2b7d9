"""Trials: how men are drawn, screened, randomised, measured and analysed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from testis_abm import TestisError
from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments import trial_result
from testis_abm.experiments.outputs import COLUMNS
from testis_abm.experiments.store import read
from testis_abm.experiments.task import perform
from testis_abm.experiments.trial import analyse, trial
from testis_abm.experiments.trial import prepare as prepare_trial
from testis_abm.experiments.trial_estimates import LEAST
from testis_abm.man.parameter_set import parameter_set
from testis_abm.parameters import hypotheses
from testis_abm.parameters import values as parameter_values
from testis_abm.population.cohort import draw
from testis_abm.quantities import OESTRADIOL, RATIO
from testis_abm.results import plausible

TRIAL = {
    "title": "trial",
    "plan": {"duration": "120 days", "seed": 2},
    "samples": {"assay": "immunoassay"},
    "trial": {
        "men": 360,
        "where": ["sperm concentration < 15 M/mL", "sperm concentration > 1 M/mL"],
        "engine": "expected",
        "missing": 0.2,
        "allocation": [1, 2],
        "outputs": ["testosterone", "sperm concentration"],
        "parameters": "tables",
    },
    "arm": [
        {"name": "control", "therapy": []},
        {"name": "clomiphene", "therapy": [{"drug": "clomiphene", "dose": "50 mg", "every": "1 day"}]},
    ],
}


def test_a_trial_randomises_measures_and_analyses(tmp_path):
    found = trial(TRIAL, tmp_path / "t", workers=1)
    assert found.men["arm"].value_counts().to_dict() == {"clomiphene": 240, "control": 120}
    missed = found.men["day120_testosterone_nmol_l"].isna().mean()
    assert 0.1 < missed < 0.3
    effects = found.effects.set_index("column")
    t = effects.loc["testosterone_nmol_l"]
    assert 40 < t["difference_pct"] < 200 and t["low_pct"] > 0 and t["p"] < 1e-6
    # Men selected on one low count rise without treatment.
    control = found.men[found.men["arm"] == "control"]
    rise = control["day120_concentration_million_ml"].mean() / control["baseline_concentration_million_ml"].mean()
    assert rise > 1.0
    power = found.power.set_index("men")["power"]
    assert power.is_monotonic_increasing and power[320] > power[10]
    assert set(found.predictors["arm"]) == {"control", "clomiphene"}
    assert set(found.predictors["predictor"]) >= {"T/LH", "T/E2 (immunoassay)", "FSH", "BMI"}
    came = found.men[found.men["arm"].eq("clomiphene") & found.men["day120_testosterone_nmol_l"].notna()]
    assert t["baseline"] == pytest.approx(28.84 * came["baseline_testosterone_nmol_l"].mean(), rel=1e-3)
    heads = next(line for line in found.text().splitlines() if "difference from control (95 % interval)" in line)
    assert heads.index(" n ") < heads.index("baseline") < heads.index("day 120") < heads.index("change")
    assert "number needed to treat" in found.text() and "Responders" in found.text()
    again = analyse(prepare_trial(TRIAL), tmp_path / "t")
    pd.testing.assert_frame_equal(found.men, again.men)


def test_men_who_lose_all_sperm_stay_in_the_effect_and_a_visit_agrees_with_itself(tmp_path):
    stop = [{"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days"}]
    given = {**TRIAL, "trial": {**TRIAL["trial"], "where": [], "men": 60, "missing": 0}}
    given["arm"] = [TRIAL["arm"][0], {"name": "enanthate", "therapy": stop}]
    found = trial(given, tmp_path / "t", workers=1)
    effect = found.effects.set_index("output").loc["sperm concentration"]
    assert effect["n"] + effect["n_control"] == 60 and effect["difference_pct"] < -60
    men = found.men
    laboratory = Laboratory(parameter_values())
    for by in ("immunoassay", "lc-ms"):
        ratio = laboratory.t_over_e2(men["day120_testosterone_nmol_l"], men[f"day120_{OESTRADIOL[by]}"], by)
        np.testing.assert_allclose(men[f"day120_{RATIO[by]}"], ratio)
    count = (
        men["day120_concentration_million_ml"] * men["day120_volume_ml"] * men["day120_progressive_motility_pct"] / 100
    )
    some = men["day120_concentration_million_ml"] > 0
    np.testing.assert_allclose(men["day120_total_motile_count_million"][some], count[some])
    assert not some.all() and (men["day120_total_motile_count_million"][~some] == 0.0).all()
    assert men["day120_progressive_motility_pct"][~some].isna().all()


def test_arms_of_a_trial_last_as_long_as_it():
    short = {**TRIAL["arm"][1], "set": {"plan.duration": "60 days"}}
    with pytest.raises(TestisError, match="the arms differ in length"):
        prepare_trial({**TRIAL, "arm": [TRIAL["arm"][0], short]})


def test_a_trial_draws_its_men():
    for change in ({"man": {"bmi": 40}}, {"arm": [TRIAL["arm"][0], {**TRIAL["arm"][1], "set": {"man.bmi": 60}}]}):
        with pytest.raises(TestisError, match="draws its men from population"):
            prepare_trial({**TRIAL, **change})


def test_more_men_leave_the_first_as_they_were(tmp_path):
    few, many = ({**TRIAL, "trial": {**TRIAL["trial"], "men": men}} for men in (40, 60))
    first, more = (trial(of, tmp_path / "t", workers=1).men for of in (few, many))
    pd.testing.assert_frame_equal(first, more.iloc[:40])


NONE = {
    **TRIAL,
    "trial": {
        **TRIAL["trial"],
        "men": 60,
        "where": ["sperm concentration <= 0 M/mL"],
        "missing": 0.25,
        "allocation": [1, 1],
        "outputs": ["testosterone", "progressive motility"],
    },
}


def test_sperm_where_none_were_counted_are_a_response_and_every_man_is_accounted_for(tmp_path, monkeypatch):
    """Men without sperm: half of the treated arm is made to have some."""
    from testis_abm.experiments import trial as module

    plain = module._visit

    def some(true, laboratory, seed, day):
        seen = plain(true, laboratory, seed, day)
        gains = true["case"].eq("clomiphene").to_numpy() & (np.arange(len(true)) % 2 == 0)
        seen["concentration_million_ml"] = np.where(gains, 2.0, seen["concentration_million_ml"])
        return seen

    monkeypatch.setattr(module, "_visit", some)
    found = trial(NONE, tmp_path / "t", workers=1)
    men, flow = found.men, found.flow.set_index("arm")
    assert (men["baseline_concentration_million_ml"] == 0).all() and men["screened_azoospermic"].all()
    rows = found.responders.set_index("arm")
    for arm in ("control", "clomiphene"):
        assert flow.loc[arm, "randomised"] == 30 == flow.loc[arm, ["measured", "missed", "failed"]].sum()
        assert (
            flow.loc[arm, "missed"] > 0
            and rows.loc[arm, "n"] == 30
            and rows.loc[arm, "measured"] == flow.loc[arm, "measured"]
        )
        assert flow.loc[arm, "azoospermic_before_pct"] == 100.0
    came = men[men["attended"]]
    wanted = (came["arm"].eq("clomiphene") & (came["day120_concentration_million_ml"] > 0)).sum()
    assert rows.loc["clomiphene", "responders"] == wanted > 5 > rows.loc["control", "responders"]
    assert rows.loc["clomiphene", "share_pct"] == pytest.approx(100 * wanted / 30)
    assert rows.loc["clomiphene", "share_pct"] < rows.loc["clomiphene", "share_measured_pct"]
    assert rows.loc["clomiphene", "nnt"] > 1
    effect = found.effects.set_index("column").loc["concentration_million_ml"]
    # Nothing has no percentage; the difference is told in the unit.
    assert (
        np.isnan(effect["difference_pct"])
        and 0 < effect["low"] < effect["difference"] < effect["high"]
        and effect["p"] < 0.01
    )
    motility = found.effects.set_index("column").loc["progressive_motility_pct"]
    assert motility["n_control"] < LEAST and np.isnan(motility["p"])
    text = found.text()
    lines = text.splitlines()
    # The control's row, then the arm's.
    count, share = (
        lines[next(k for k, line in enumerate(lines) if name in line) + 2]
        for name in ("concentration (M/mL", "motility (%)")
    )
    assert "M/mL (" in count and "cannot say" in share
    assert "of 30 randomised" in text and "missed the visit" in text and "nan" not in text and "inf " not in text
    head = next(line for line in text.splitlines() if "difference from control (95 % interval)" in line)
    assert (
        head.index("baseline") < head.index("day 120") < head.index("difference") < head.index(" p")
        and "->" not in text
    )


def test_failed_runs_are_told_apart_from_missed_visits(tmp_path):
    prepared = prepare_trial(NONE)
    trial(NONE, tmp_path / "t", workers=1)
    import testis_abm.experiments.trial as module

    table = read(tmp_path / "t")
    lost = table["point"].isin([3, 8])
    table = pd.concat(
        [table[~lost], table[lost].groupby("point").head(1).assign(error="he left the physical range", day=0)]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "read", lambda folder: table)
        found = module.analyse(prepared, tmp_path / "t")
    assert found.flow["failed"].sum() == 2 == len(found.failed) and found.responders["n"].sum() == 58
    assert found.flow[["measured", "missed", "failed"]].sum(axis=1).tolist() == found.flow["randomised"].tolist()
    assert "2 runs failed: he left" in found.text()


def test_the_mean_of_screening_holds_its_zeros():
    from testis_abm.experiments.trial import _screened

    case = {**TRIAL, "trial": {**TRIAL["trial"], "men": 200, "where": ["sperm concentration < 1 M/mL"], "visits": 2}}
    cohort = prepare_trial(case).cohort
    seen, (one, two) = _screened(cohort), cohort.cohort.measured
    count = "concentration_million_ml"
    np.testing.assert_allclose(seen[f"baseline_{count}"], (one[count] + two[count]) / 2)
    once = (one[count] == 0) & (two[count] > 0)
    assert once.any() and (seen[f"baseline_{count}"][once] > 0).all()
    motility = "progressive_motility_pct"
    np.testing.assert_allclose(seen[f"baseline_{motility}"][once], two[motility][once])
    assert seen[f"baseline_{motility}"].isna().sum() == ((one[count] == 0) & (two[count] == 0)).sum()


@pytest.mark.slow
def test_nothing_is_found_where_nothing_is_done(tmp_path):
    """Untreated arms: as many without sperm before and after, p under 0.05 in about 5 %, and regression to the mean."""
    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    design = {
        "men": 100,
        "engine": "expected",
        "outputs": ["sperm concentration", "total motile count", "testosterone"],
        "parameters": "tables",
    }
    p, rises = [], []
    for k, where in enumerate(([], ["sperm concentration < 15 M/mL"])):
        men = []
        for seed in range(1, 6):
            case = {
                "title": "null",
                "plan": {"duration": "20 days"},
                "arm": arms,
                "trial": {**design, "where": where, "seed": seed},
            }
            found = trial(case, tmp_path / f"{k}-{seed}", workers=1)
            p += found.effects["p"].tolist()
            men.append(found.men)
        together = pd.concat(men)
        before, after = together["screened_azoospermic"], together["day20_concentration_million_ml"] == 0.0
        changed = [int((before & ~after).sum()), int((~before & after).sum())]
        if not where:
            assert binomtest(changed[0], sum(changed)).pvalue > 1e-3  # McNemar
        rises.append(
            together["day20_concentration_million_ml"].mean() / together["baseline_concentration_million_ml"].mean()
        )
    assert binomtest(int((np.array(p) < 0.05).sum()), len(p), 0.05).pvalue > 1e-3
    assert rises[0] == pytest.approx(1.0, abs=0.06) and 1.06 < rises[1] < 1.4


def test_screening_takes_semen_after_the_abstinence_of_the_trial(tmp_path):
    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    case = {"title": "null", "plan": {"duration": "20 days"}, "samples": {"abstinence": "8 days"}, "arm": arms}
    men = trial(
        {**case, "trial": {"men": 150, "engine": "expected", "parameters": "tables"}}, tmp_path / "t", workers=1
    ).men
    for name in ("volume_ml", "total_count_million"):
        assert men[f"day20_{name}"].mean() / men[f"baseline_{name}"].mean() == pytest.approx(1.0, abs=0.09)


def test_more_outputs_leave_the_men_as_they_were(tmp_path):
    few, many = (
        {**TRIAL, "trial": {**TRIAL["trial"], "men": 40, "outputs": of}}
        for of in (["LH"], ["LH", "normal forms", "FSH"])
    )
    first, more = (trial(of, tmp_path / f"{k}", workers=1) for k, of in enumerate((few, many)))
    pd.testing.assert_frame_equal(first.men, more.men)
    alike = [of.effects.set_index("column").loc["lh_iu_l"] for of in (first, more)]
    pd.testing.assert_series_equal(*alike)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"where": ["testosteron < 3 nmol/L"]}, "names no measured quantity"),
        ({"allocation": [1]}, "is not one whole number"),
        ({"men": 2}, "men: 2 is out of range"),
        ({"outcome": "sperm"}, 'nearest: "sperm concentration"'),
        ({"missing": 2}, "missing: 2 is out of range"),
        ({"population": "clinik"}, 'nearest: "clinic"'),
        ({"where": ["BMI > 30", "BMI < 25"]}, "meet"),
        ({"outcome": "intratesticular testosterone"}, "is not measured at screening"),
        ({"parameters": "plausibel"}, 'parameters: "plausibel" is not one of plausible, tables; nearest: "plausible"'),
        ({"parameters": True}, "parameters: true is not one of plausible, tables"),
    ],
)
def test_a_wrong_trial_is_told(change, said):
    with pytest.raises(TestisError) as told:
        prepare_trial({**TRIAL, "trial": {**TRIAL["trial"], **change}})
    assert said in str(told.value)


# ---- each man under a plausible model


LIVING = {
    **TRIAL,
    "trial": {**TRIAL["trial"], "men": 40, "missing": 0, "allocation": [1, 1], "parameters": "plausible"},
    "arm": [
        TRIAL["arm"][0],
        {"name": "letrozole", "therapy": [{"drug": "letrozole", "dose": "2.5 mg", "every": "1 day"}]},
    ],
}
COUNT = "concentration_million_ml"


@pytest.fixture(scope="module", autouse=True)
def few_under_each_answer():
    """Let two men stand for all, and one parameter set for a combination of answers: it takes a tenth of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_result, "UNDER_MEN", 2)
        patch.setattr(trial_result, "UNDER_SETS", 1)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("living") / "t"


@pytest.fixture(scope="module")
def living(folder):
    return trial(LIVING, folder, workers=1)


def test_each_man_is_screened_and_lives_under_a_model_of_his_own(living, folder):
    prepared = prepare_trial(LIVING)
    assert len({id(life.own.values) for life in prepared.lives}) > 25
    for life, task in zip(prepared.lives, prepared.tasks, strict=True):
        own = parameter_set(task.parameters)
        assert own.values == life.values and own.of_drugs == life.own.of_drugs
    # The untreated stay at what screening saw the truth of: under other parameters they would not.
    true, end = prepared.cohort.cohort.true, read(folder).query("day == 120 and case == 'control'").set_index("point")
    for column in ("lh_iu_l", "fsh_iu_l", COUNT):
        np.testing.assert_allclose(end[column], true.loc[end.index, column], rtol=1e-4)
    number = "axis.oestradiol_feedback_strength"
    assert living.parameters[number].tolist() == [life.values[number] for life in prepared.lives]
    assert living.parameters.notna().all(axis=None) and len(living.parameters) == len(living.men)


def test_answers_are_dealt_by_weight_and_infertile_men_are_of_their_kinds():
    case = {**LIVING, "trial": {**LIVING["trial"], "men": 400, "where": []}}
    cohort = prepare_trial(case).cohort.cohort
    about = hypotheses()["infertility"]
    asked = [life for life in cohort.lives if "infertility" in life.answers]
    fewer = (cohort.true[COUNT] < about.sperm_below) & (cohort.true[COUNT] > 0.0)
    assert [("infertility" in life.answers) for life in cohort.lives] == fewer.tolist()
    assert not any(life.kinds for life in cohort.lives if "infertility" not in life.answers)
    for question, lives in (("infertility", asked), ("germ.lack", cohort.lives)):
        for name, answer in hypotheses()[question].answers.items():
            hits = sum(life.answers[question] == name for life in lives)
            assert binomtest(hits, len(lives), answer.weight).pvalue > 1e-4, (question, name)
    limited = [life for life in asked if life.answers["infertility"] == "fsh_limited"]
    share = about.answers["fsh_limited"].kinds[0].share
    assert binomtest(sum(bool(life.kinds) for life in limited), len(limited), share).pvalue > 1e-4
    # A kind changes why a man has few sperm, not how few.
    plain = draw("clinic", 400, seed=LIVING["plan"]["seed"])
    kinds = np.array([bool(life.kinds) for life in cohort.lives])
    pd.testing.assert_frame_equal(cohort.drawn, plain.men)
    assert (cohort.men[kinds] != plain.men[kinds]).any(axis=1).all()
    pd.testing.assert_frame_equal(cohort.men[~kinds], plain.men[~kinds])
    again = [own.own.as_kind(row, own.kinds)[0] for own, row in zip(cohort.lives, plain.men.to_dict("records"))]
    pd.testing.assert_frame_equal(pd.DataFrame(again)[kinds], cohort.men[kinds], rtol=1e-9)


def test_same_seed_same_men_and_more_men_leave_the_first_as_they_were():
    few, again, many, other = (
        [(task.man, task.parameters, task.name(prepared.job)) for task in prepared.tasks]
        for change in ({}, {}, {"men": 60}, {"seed": 3})
        for prepared in (prepare_trial({**LIVING, "trial": {**LIVING["trial"], **change}}),)
    )
    assert few == again == many[:40] and not {name for *_, name in few} & {name for *_, name in other}


def test_a_plausible_trial_goes_on_where_it_was_stopped_and_is_no_trial_under_the_tables(living, tmp_path):
    assert trial(LIVING, tmp_path / "t", workers=1, shard=(1, 3)) is None
    parts = list((tmp_path / "t" / "parts").glob("*.parquet"))
    assert 0 < sum(len(pd.read_parquet(part)) for part in parts) < 40
    whole = trial(LIVING, tmp_path / "t", workers=1)
    pd.testing.assert_frame_equal(whole.men, living.men)
    pd.testing.assert_frame_equal(whole.under, living.under)
    tables = {**LIVING, "trial": {**LIVING["trial"], "parameters": "tables"}}
    with pytest.raises(TestisError, match=r'a different cohort.*parameters "plausible", now "tables"'):
        trial(tables, tmp_path / "t", workers=1)


def test_the_outcome_is_expected_under_every_answer_with_what_would_decide(living):
    table, text = living.under, " ".join(living.text().split())
    of = table[(table["arm"] == "letrozole") & (table["column"] == COUNT)].set_index("answer")
    weights = of[of["question"] == "germ.lack"]["weight"]
    assert weights.sum() == pytest.approx(1.0) and set(weights.index) == set(hypotheses()["germ.lack"].answers)
    assert {"none", "late", "monkey"} < set(of.index) and of.loc["monkey", "change_pct"] < of.loc["none", "change_pct"]
    whole = of.loc[""]
    assert whole["low_pct"] < whole["change_pct"] < whole["high_pct"]
    assert "Expected difference from control in sperm concentration at the last visit under each answer" in text
    assert "2 of the men" in text and "letrozole: Sperm concentration" in text
    turning = plausible.turning(table, "letrozole", [COUNT])
    assert (
        "germ.lack" in turning
        and f"What would decide {plausible.asked('germ.lack')}: {hypotheses()['germ.lack'].decided_by}" in text
    )
    assert set(hypotheses()) & set(living.men.columns) >= {"germ.lack", "infertility"}


def test_what_a_scenario_sets_is_no_question_and_the_same_in_every_man(tmp_path):
    known = {"aromatase.testicular_km": 40.0}
    case = {**LIVING, "plan": {"duration": "20 days"}, "parameters": known, "trial": {**LIVING["trial"], "men": 12}}
    found = trial(case, tmp_path / "t", workers=1)
    assert (found.parameters["aromatase.testicular_km"] == 40.0).all()
    assert (found.men["aromatase.testicular_km"] == "high").all() and "aromatase.testicular_km:" not in found.text()


def test_men_without_sperm_have_no_percentage_under_any_answer(tmp_path):
    trial_of = {**LIVING["trial"], "men": 10, "where": ["sperm concentration <= 0 M/mL"], "outputs": ["LH"]}
    text = trial({**LIVING, "plan": {"duration": "20 days"}, "trial": trial_of}, tmp_path / "t", workers=1).text()
    assert "the men in control are expected to have none to compare with" in text and "nan" not in text


def test_cells_live_under_the_models_of_their_men_drugs_included(tmp_path):
    """Of one man: the mean-field man and the tissue of cells both follow the parameters and drugs of a task."""
    few = {"men": 4, "where": [], "outputs": ["LH"], "outcome": "testosterone", "parameters": "plausible"}
    case = {
        "title": "cells",
        "plan": {"baseline": "2 days", "duration": "10 days"},
        "tissue": {"tubules": 1, "sertoli_per_tubule": 24},
        "arm": LIVING["arm"],
    }
    job = prepare_trial({**case, "trial": {**few, "engine": "cells"}})
    task = next(task for task in job.tasks if task.case == "letrozole")
    column = 2 + COLUMNS.index("oestradiol_pmol_l")
    (row,) = perform(job.job, task)
    strong = {
        name: 0.1 * value if name.startswith("drug.letrozole") else value for name, value in task.parameters.items()
    }
    (lower,) = perform(job.job, replace(task, parameters=strong))
    assert lower[column] < row[column]
    mean = replace(job.job, engine="expected")
    assert perform(mean, task)[0][column] == pytest.approx(row[column], rel=0.15)
