"""Trials as statisticians want them: estimators on data of known truth, men who stop or are lost, periods, looks."""

from __future__ import annotations

import itertools
import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, multivariate_normal, norm, ttest_ind
from statsmodels.regression.linear_model import OLS

from testis_abm import TestisError, load
from testis_abm.experiments import trial_result
from testis_abm.experiments.store import read
from testis_abm.experiments.task import STOPPED, Job, Task, essence, perform
from testis_abm.experiments.trial import prepare, trial
from testis_abm.experiments.trial_design import ESTIMANDS, Design, Rates, in_turn, sequences
from testis_abm.experiments.trial_estimates import LOST, as_estimated, interim, levels, responds
from testis_abm.man.regimen import Stop
from testis_abm.scenario.condition import parse_condition
from testis_abm.statistics import (
    SPENDING,
    adjusted,
    arm_effect,
    crossed_over,
    repeated_measures,
    share_difference,
    stopping,
    stopping_limits,
)

PILL = {"drug": "testosterone_enanthate", "dose": "250 mg", "every": "7 days"}
TRIAL = {
    "title": "trial",
    "plan": {"duration": "60 days", "seed": 3},
    "trial": {
        "men": 40,
        "engine": "expected",
        "outputs": ["testosterone", "LH"],
        "parameters": "tables",
        "outcome": "testosterone",
        "at": ["day 20", "day 40", "end"],
    },
    "arm": [{"name": "control", "therapy": []}, {"name": "testosterone", "therapy": [PILL]}],
}


def of(**change):
    return {**TRIAL, "trial": {**TRIAL["trial"], **change}}


def hits(p):
    """Return the p-value of finding so many p under 0.05 where the error is of 5 %."""
    return binomtest(int((np.array(p) < 0.05).sum()), len(p), 0.05).pvalue


def visits(rng, men, effect, loss=0.0):
    """Return levels of three visits, arm and baseline; `loss`: chance to leave after a visit above the mean (MAR)."""
    own, before = np.arange(men) % 2, rng.normal(size=men)
    person = 0.7 * before + rng.normal(size=men)
    seen = person[:, None] + effect * own[:, None] * np.array([0.3, 0.6, 1.0]) + rng.normal(scale=0.6, size=(men, 3))
    for k in (1, 2):
        gone = (rng.random(men) < loss) & ((seen[:, k - 1] > 0.2) & (own == 1) | ~np.isfinite(seen[:, k - 1]))
        seen[gone | ~np.isfinite(seen[:, k - 1]), k:] = np.nan
    return seen, own, before


# ---- estimators


def test_without_missing_visits_the_mixed_model_is_ancova_of_the_last():
    seen, own, before = visits(np.random.default_rng(1), 30, 0.8)
    found = repeated_measures(seen, own, before)
    fit = OLS(seen[:, -1], np.column_stack([np.ones(30), own, before])).fit()
    np.testing.assert_allclose(found[:4], [fit.params[1], *fit.conf_int()[1], fit.pvalues[1]], rtol=1e-4)
    assert found.df == 27 and not np.isfinite(repeated_measures(seen[:2], own[:2], before[:2]).p)


@pytest.mark.slow
def test_the_mixed_model_recovers_what_complete_cases_lose_when_visits_are_missing_at_random():
    rng, mixed, complete, inside = np.random.default_rng(2), [], [], 0
    for _ in range(40):
        seen, own, before = visits(rng, 120, 1.0, loss=0.7)
        found, there = repeated_measures(seen, own, before), np.isfinite(seen[:, -1])
        mixed.append(found.centre)
        inside += found.low < 1.0 < found.high
        x = np.column_stack([np.ones(there.sum()), own[there], before[there]])
        complete.append(OLS(seen[there, -1], x).fit().params[1])
    error = np.std(mixed) / math.sqrt(40)
    assert abs(np.mean(mixed) - 1.0) < 3.0 * error
    assert np.mean(complete) < 1.0 - 6.0 * error
    assert binomtest(inside, 40, 0.95).pvalue > 1e-3


@pytest.mark.slow
def test_every_estimator_finds_nothing_in_about_one_of_twenty_trials_without_effect():
    rng, p = np.random.default_rng(3), {name: [] for name in ("mixed", "ancova", "shares", "crossed")}
    for _ in range(100):
        seen, own, before = visits(rng, 60, 0.0)
        seen[rng.random(seen.shape) < 0.15] = np.nan
        p["mixed"].append(repeated_measures(seen, own, before).p)
        after = np.exp(rng.normal(size=60) + before)
        p["ancova"].append(arm_effect(after, own, np.exp(before), least=0.01, cv=0.3)[0].p)
        given = np.stack([own, 1 - own], axis=1)
        p["crossed"].append(
            crossed_over(3.0 * before[:, None] + [0.0, 0.7] + rng.normal(size=(60, 2)), given, 2).effects[0].p
        )
        share = share_difference(*(int(rng.binomial(60, 0.4)) if k % 2 == 0 else 60 for k in range(4)))
        p["shares"].append(0.0 if share.low * share.high > 0.0 else 1.0)
    assert {name: hits(of_name) > 1e-3 for name, of_name in p.items()} == dict.fromkeys(p, True)


def test_a_crossover_is_the_t_test_of_differences_and_knows_period_and_carry_over():
    rng, given = np.random.default_rng(4), np.array([[0, 1], [1, 0]] * 15)
    seen = 5.0 * rng.normal(size=(30, 1)) + 1.0 * given + [0.0, 2.0] + 0.5 * rng.normal(size=(30, 2))
    found, apart = crossed_over(seen, given, 2), seen[:, 1] - seen[:, 0]
    first, second = apart[given[:, 1] == 1], apart[given[:, 1] == 0]
    assert found.effects[0].p == pytest.approx(ttest_ind(first, second).pvalue)
    assert found.effects[0].centre == pytest.approx((first.mean() - second.mean()) / 2)
    assert found.effects[0].low < 1.0 < found.effects[0].high and found.period < 1e-6 and found.carry_over > 1e-3
    orders = np.array(sequences(3, 3) * 6)
    three = rng.normal(size=(36, 1)) + np.array([0.0, 1.0, 3.0])[orders] + 0.3 * rng.normal(size=(36, 3))
    found = crossed_over(three, orders, 3)
    assert [effect.centre for effect in found.effects] == pytest.approx([1.0, 3.0], abs=0.3) and found.carry_over > 1e-3
    three[:, 1:] += 2.0 * (orders[:, :-1] == 2)
    assert crossed_over(three, orders, 3).carry_over < 1e-6


@pytest.mark.parametrize("arms", [2, 3, 4, 5])
def test_every_treatment_follows_every_other_equally_often(arms):
    orders = sequences(arms, arms)
    after = [pair for row in orders for pair in itertools.pairwise(row)]
    assert len({after.count(pair) for pair in set(after)}) == 1 and len(set(after)) == arms * (arms - 1)
    assert all(sorted(row) == list(range(arms)) for row in orders)


# ---- interim looks


@pytest.mark.parametrize(("spending", "published"), [("obrien_fleming", [2.963, 1.969]), ("pocock", [2.157, 2.201])])
def test_limits_of_looks_are_the_published_ones(spending, published):
    assert stopping_limits([0.5, 1.0], spending) == pytest.approx(published, abs=6e-4)
    looks = np.array([0.3, 0.7, 1.0])
    limits = np.array(stopping_limits(looks, spending))
    assert sum(stopping(looks, limits)) == pytest.approx(0.05, abs=1e-7)
    together = np.sqrt(np.minimum.outer(looks, looks) / np.maximum.outer(looks, looks))
    inside = multivariate_normal.cdf(limits, 1.5 * np.sqrt(looks), together, lower_limit=-limits, rng=1)
    assert sum(stopping(looks, limits, 1.5)) == pytest.approx(1.0 - inside, abs=2e-4)


@pytest.mark.parametrize("spending", SPENDING)
@pytest.mark.slow
def test_looks_keep_alpha_and_unadjusted_ones_would_not(spending):
    design = Design(looks=(0.25, 0.5, 0.75, 1.0), spending=spending)
    limits, y = stopping_limits(design.looks, spending), np.random.default_rng(5).normal(size=(1000, 200))
    p = np.array([ttest_ind(y[:, :n:2], y[:, 1:n:2], axis=1).pvalue for n in (50, 100, 150, 200)])
    passed = int((norm.isf(p / 2.0) >= np.array(limits)[:, None]).any(axis=0).sum())
    naive = int((p.min(axis=0) < 0.05).sum())
    assert binomtest(passed, 1000, 0.05).pvalue > 1e-3 and binomtest(naive, 1000, 0.05).pvalue < 1e-6
    looks = interim(design, 200, lambda men: {50: 0.5, 100: 1e-5}[men])
    assert looks["men"].tolist() == [50, 100] and looks["passed"].tolist() == [False, True]
    assert looks["chance_with_effect_seen"].sum() > looks["chance_without_effect"].sum()


def test_families_of_p():
    p = [0.01, 0.04, 0.03, float("nan")]
    assert adjusted(p, "holm")[:3] == pytest.approx([0.04, 0.09, 0.09]) and math.isnan(adjusted(p, "holm")[3])
    assert adjusted(p, "hierarchical")[:3] == [0.01, 0.04, 0.04]
    assert adjusted([0.2, 0.001], "hierarchical") == [0.2, 0.2] and adjusted(p, "none")[:3] == p[:3]


# ---- men who stop and men who are lost

CASE = load(
    {
        "plan": {"duration": "50 days", "baseline": "0 days", "seed": 4},
        "tissue": {"tubules": 1, "sertoli_per_tubule": 20},
        "therapy": [PILL],
    }
)


@pytest.mark.parametrize("engine", ["expected", "cells"])
def test_a_stop_ends_the_therapy_in_the_body_whether_by_day_or_by_what_a_visit_shows(engine):
    job = Job({"": essence(CASE.as_dict())}, (20, 50), engine, ("treated",), stops=True)
    at = job.columns.index("testosterone_nmol_l") + 2

    def lived(stop):
        return perform(job, Task(0, 0, stop=stop))

    on, by_day = lived(None), lived(Stop(21.0))
    by_rule = lived(Stop(when=parse_condition("LH < 2 IU/L or haematocrit > 70 %"), looks=(20, 50)))
    for one, other in zip(by_day, by_rule, strict=True):
        np.testing.assert_allclose(one[1:], other[1:], rtol=1e-9, equal_nan=True)
    assert by_day[-1][-1] == 21.0 and math.isnan(on[-1][-1])
    np.testing.assert_equal(by_day[0][:-1], on[0][:-1])  # the same man until then
    assert by_day[1][at] < 0.75 * on[1][at]
    never = lived(Stop(when=parse_condition("haematocrit > 70 %"), looks=(20,)))
    np.testing.assert_allclose([row[1:] for row in never], [row[1:] for row in on], rtol=1e-9, equal_nan=True)


def test_a_run_that_stops_has_a_name_of_its_own():
    job = Job({"": {}}, (20,), "expected")
    names = {Task(0, 0, stop=stop).name(job) for stop in (None, Stop(20.0), Stop(21.0), Stop(20.0, None, (3,)))}
    assert len(names) == 4


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial_result, "UNDER_MEN", 2)
        folder = tmp_path_factory.mktemp("stopped") / "t"
        design = {"rate": 0.15, "when": "haematocrit > 52 %"}
        lost = {"rate": 0.0, "when": "testosterone > 600 ng/dL", "rate_when": 0.2}
        case = of(men=60, discontinuation=design, dropout=lost, estimand="hypothetical", secondary=["LH"])
        return trial(case, folder, workers=1), read(folder)


def test_men_stop_are_lost_by_what_was_measured_last_and_every_one_is_accounted_for(stopped):
    found, runs = stopped
    men, flow = found.men, found.flow.set_index("arm")
    assert men.loc[men["arm"] == "control", STOPPED].isna().all()
    ended = runs.groupby("point")[STOPPED].first()
    np.testing.assert_array_equal(men[STOPPED], ended.reindex(men.index))
    assert 5 < flow.loc["testosterone", "stopped"] < 30
    parts = flow[["measured", "missed", "lost", "failed"]].sum(axis=1)
    assert parts.tolist() == flow["randomised"].tolist()
    high = (men[[f"day{day}_testosterone_nmol_l" for day in (20, 40)]] > 600 / 28.842).any(axis=1)
    start = men["baseline_testosterone_nmol_l"] > 600 / 28.842
    gone = men[LOST].notna()
    assert gone.any() and (high | start)[gone].all()
    last = men.loc[gone, "day60_testosterone_nmol_l"]
    assert last.isna().all()
    off = men["attended"] & (men[STOPPED] < 60)
    assert flow["measured"].sum() - flow["analysed"].sum() <= off.sum() and off.any()
    effect = found.effects.set_index("column").loc["testosterone_nmol_l"]
    assert effect["n"] == (men["attended"] & ~off & (men["arm"] == "testosterone")).sum()
    rows = found.estimates.set_index(["column", "method"])
    assert rows.loc[("testosterone_nmol_l", "mixed"), "n"] > rows.loc[("testosterone_nmol_l", "ancova"), "n"]
    assert np.isfinite(rows.xs("mixed", level="method")["p_adjusted"]).all()
    text = found.text()
    assert "Estimand: hypothetical" in text and "haematocrit > 52 %" in text and "stopped treatment" in text
    assert "Holm, 2 comparisons" in text and "->" not in text


MEN = pd.DataFrame(
    {
        "arm": ["a", "a", "b", "b"],
        "baseline_lh_iu_l": [1.0, 2.0, 3.0, 4.0],
        "day10_lh_iu_l": [2.0, 3.0, 4.0, 5.0],
        "day20_lh_iu_l": [5.0, np.nan, 7.0, 8.0],
        STOPPED: [np.nan, np.nan, 15.0, 5.0],
        "attended": [True, False, True, True],
    }
)


@pytest.mark.parametrize(
    ("estimand", "last"),
    [
        ("treatment_policy", [5.0, np.nan, 7.0, 8.0]),
        ("hypothetical", [5.0, np.nan, np.nan, np.nan]),
        ("composite", [5.0, np.nan, 3.0, 4.0]),
        ("while_on_treatment", [5.0, np.nan, 4.0, np.nan]),
    ],
)
def test_what_an_estimand_makes_of_men_who_stopped(estimand, last):
    used = as_estimated(MEN, Design(estimand=estimand), [10, 20])
    np.testing.assert_array_equal(used["day20_lh_iu_l"], last)
    np.testing.assert_array_equal(used["attended"], np.isfinite(last))
    assert set(ESTIMANDS) >= {estimand} and MEN["day20_lh_iu_l"].iloc[3] == 8.0


def test_rates_are_a_month_and_leave_the_first_men_as_they_were():
    rates = Rates(0.1)
    days = rates.days(20_000, (1, 43))
    assert (days <= 365.25 / 12).mean() == pytest.approx(0.1, abs=0.008) and days.min() >= 1
    np.testing.assert_array_equal(rates.days(50, (1, 43)), days[:50])
    assert rates.chance(365.25 / 6, np.zeros(1, bool))[0] == pytest.approx(1 - 0.9**2)
    assert np.isinf(Rates().days(3, (1, 43))).all()


def test_a_responder_is_what_the_file_says():
    laboratory = SimpleNamespace(column=lambda name: name)
    got = responds(MEN, "lh_iu_l", 20, parse_condition("LH >= 7 IU/L", "visit"), laboratory)
    assert got.tolist() == [False, False, True, True]
    assert responds(MEN, "lh_iu_l", 20, 100.0, laboratory).tolist() == [True, False, True, False]
    assert prepare(of(responder="rise of 35 %")).responder_pct == 35.0


def test_levels_tell_baseline_end_and_change_of_the_same_men():
    row = levels(MEN, ["a", "b"], ["lh_iu_l"], 20).set_index("arm").loc["b"]
    assert (row["n"], row["baseline"], row["last"], row["change"]) == (2, 3.5, 7.5, 4.0)
    assert row["last_geometric"] == pytest.approx(math.sqrt(56)) and row["change_sd"] == 0.0


# ---- designs


def test_men_of_a_crossover_have_treatments_in_turn():
    pill = {**PILL, "from": "day 3", "until": "day 400", "when": "LH > 1 IU/L at day 2"}
    arms = {
        "none": load({"plan": {"duration": "500 days"}}),
        "pill": load({"plan": {"duration": "500 days"}, "therapy": [pill]}),
    }
    design = Design(periods=2, length=60, washout=80)
    first, second = (in_turn(arms, order, design).therapy[0] for order in ((1, 0), (0, 1)))
    assert (first.from_day, first.until_day, first.when.days) == (3.0, 60.0, (2,))
    assert (second.from_day, second.until_day, second.when.days) == (143.0, 200.0, (142,))
    with pytest.raises(TestisError, match="differ in therapy alone"):
        in_turn({**arms, "thin": replace_weight(arms["none"])}, (0, 2), design)


def replace_weight(case):
    return load({**case.as_dict(), "weight": [{"bmi": 22, "until": "day 100"}]})


def test_a_crossover_compares_men_with_themselves(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_result, "UNDER_MEN", 2)
    case = {
        **of(design="crossover", washout="40 days", at=["end"], men=24),
        "plan": {"duration": "100 days", "seed": 3},
    }
    letrozole = {"name": "letrozole", "therapy": [{"drug": "letrozole", "dose": "2.5 mg", "every": "1 day"}]}
    found = trial({**case, "arm": [TRIAL["arm"][0], letrozole]}, tmp_path / "t", workers=1)
    assert set(found.men["arm"]) == {"control, then letrozole", "letrozole, then control"} and found.days == (30, 100)
    effect = found.effects.set_index("column").loc["testosterone_nmol_l"]
    assert effect["low_pct"] > 0 and effect["n"] == effect["n_control"] == 24 and effect["df"] == 22
    text = found.text()
    assert "p of carry-over" in text and "washout 40 days" in text and "Responders" not in text and "nan" not in text
    from testis_abm.pictures.experiments import tried

    assert tried(found, tmp_path)


def test_a_trial_that_passes_a_look_ends_there(tmp_path, monkeypatch):
    monkeypatch.setattr(trial_result, "UNDER_MEN", 2)
    found = trial(of(looks=[0.5, 1.0], analysis="mixed"), tmp_path / "t", workers=1)
    assert len(found.men) == 20 == found.flow["randomised"].sum() and found.planned == 40
    assert found.looks["passed"].tolist() == [True] and "stopped at look 1 of 2" in found.text()


CROSS = {"design": "crossover"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"looks": [0.5, 0.4, 1.0]}, "looks: .* does not rise to 1"),
        ({"looks": [0.5, 0.9]}, "looks: .* does not rise to 1"),
        ({"looks": 0.5}, "looks: 0.5 is no list of numbers"),
        ({"estimand": "intention_to_treat"}, "estimand: .* is not one of treatment_policy"),
        ({"discontinuation": {"rate": 2}}, "discontinuation: rate: 2 a month is out of range|discontinuation: rate: 2"),
        ({"discontinuation": {"when": "testosterone > 54"}}, "discontinuation: when"),
        ({"discontinuation": {"when": "haematocrit > 54 % at day 3"}}, "leave out the day"),
        ({"dropout": {"when": "LH > 5 IU/L"}}, "dropout: rate_when: goes with when"),
        ({"dropout": {"when": "haematocrit > 50 %", "rate_when": 0.1}}, "haematocrit is not measured"),
        ({"dropout": {"rates": 0.1}}, 'nearest: "rate"'),
        ({"design": "factorial"}, "design: .* is not one of parallel, crossover"),
        ({"washout": "20 days"}, "washout: is of a cross-over"),
        ({**CROSS, "washout": "70 days"}, "washout: 2 periods with 70 days between them leave no day"),
        ({**CROSS, "washout": "1 day"}, "59 days less washout|no 2 periods of whole days"),
        ({**CROSS, "periods": 1}, "periods: 1 is out of range"),
        ({**CROSS, "looks": [0.5, 1.0]}, "looks: is of parallel arms"),
        ({"spending": "haybittle"}, "spending"),
        ({"multiplicity": "tukey"}, "multiplicity: .* is not one of holm"),
        ({"secondary": ["LH", "LH"]}, "secondary: LH is named twice"),
        ({"secondary": ["daily sperm production"]}, "is not measured at screening"),
        ({"responder": "T/LH > 3"}, "responder: T/LH is not measured at the visits"),
        ({"responder": "LH > 3 IU/L", "responder_pct": 20}, "leave one out"),
        ({"analysis": "anova"}, "analysis: .* is not one of ancova, mixed"),
        ({"estimand": "while_on_treatment", "analysis": "mixed"}, "analysis: .* each man has one value"),
    ],
)
def test_a_wrong_design_is_told(change, said):
    case = of(**{"men": 4, "at": "end", **change})
    with pytest.raises(TestisError, match=said) as told:
        prepare(case)
    assert len(str(told.value).splitlines()) == 1


def test_a_crossover_needs_two_arms_and_looks_two_at_most():
    with pytest.raises(TestisError, match="a trial needs two or more"):
        prepare({**of(**CROSS), "arm": TRIAL["arm"][:1]})
    with pytest.raises(TestisError, match="interim looks compare two"):
        prepare({**of(looks=[0.5, 1.0]), "arm": [*TRIAL["arm"], {"name": "third", "therapy": []}]})
