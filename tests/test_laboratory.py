"""The laboratory: counts, limits, percentages out of 200 sperm, keyed draws, and how probable a report is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import erfcinv

import testis_abm as ta
from testis_abm import TestisError, parameters
from testis_abm.biology.laboratory import BLOOD, VARIATION, Censored, Laboratory, draws
from testis_abm.biology.pulses import DayMeans, PulseParameters, Sampled
from testis_abm.biology.semen import Semen
from testis_abm.man.mean_field import ExpectedMan, steady_state
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.population import Population, draw
from testis_abm.population.screen import screen
from testis_abm.quantities import OESTRADIOL, QUANTITIES, RATIO

MEN = 20_000


@pytest.fixture(scope="module")
def laboratory(values) -> Laboratory:
    return Laboratory(values)


def ejaculates(concentration: float, motility: float = 0.55, normal: float = 0.14, men: int = MEN) -> Semen:
    return Semen.of(*(np.full(men, x) for x in (3.5, concentration, motility, normal)))


@settings(max_examples=40)
@given(st.floats(0.0, 400.0), st.floats(0.0, 0.98), st.integers(0, 2**62))
def test_an_analysis_is_physical(laboratory, concentration, motility, seed):
    seen = laboratory.semen(Semen.of(3.5, concentration, motility, 0.14), (seed,), 3)
    assert seen.volume_ml > 0 and seen.concentration_million_ml >= 0
    assert seen.total_count_million == pytest.approx(seen.volume_ml * seen.concentration_million_ml)
    assert seen.total_motile_count_million <= seen.total_count_million
    for share in (seen.progressive_motility_pct, seen.normal_forms_pct):
        assert np.isnan(share) if seen.concentration_million_ml == 0 else 0 <= share <= 100


def test_within_man_variation_is_the_published_one(laboratory):
    seen = laboratory.semen(ejaculates(70.0), (1,), 0).concentration_million_ml
    assert seen.mean() == pytest.approx(70.0, rel=0.02)
    # J Reprod Fert 57:391: 39 %; Alvarez 2003: 28 %.
    assert 0.27 < seen.std() / seen.mean() < 0.40


@pytest.mark.parametrize(
    "column", [*BLOOD, "volume_ml", "concentration_million_ml", "progressive_motility_pct", "normal_forms_pct"]
)
def test_a_report_has_the_mean_and_the_spread_of_its_sources(laboratory, values, fertile, column):
    man = steady_state(values, fertile)
    true = {name: np.full(MEN, man[name]) for name in (*BLOOD, *Semen.__dataclass_fields__)}
    seen = laboratory.visit(true, (5,), 7)[column]
    cv = np.sqrt(np.prod([1.0 + values[name] ** 2 for name in VARIATION[column]]) - 1.0)
    if column == "concentration_million_ml":
        cv = np.hypot(cv, 1.0 / np.sqrt(values["semen_variation.sperm_counted"]))
    assert seen.mean() == pytest.approx(man[column], rel=0.01)
    assert seen.std() / seen.mean() == pytest.approx(cv, rel=0.05)


def test_few_sperm_are_a_count_and_none_of_them_is_azoospermia(laboratory, values):
    few = laboratory.semen(ejaculates(0.05), (2,), 0).concentration_million_ml
    one = 1.0 / (
        1e3 * values["semen_variation.chamber_dilution"]
    )  # million/mL that one sperm in the chamber stands for
    assert np.mean(few == 0.0) == pytest.approx(np.exp(-0.05 / one), abs=0.03)
    assert few.mean() == pytest.approx(0.05, rel=0.05) and few.std() / few.mean() > 0.9
    none = laboratory.semen(ejaculates(0.0, men=3), (2,), 0)
    assert (none.concentration_million_ml == 0.0).all() and (none.total_motile_count_million == 0.0).all()
    assert np.isnan(none.progressive_motility_pct).all() and np.isnan(none.normal_forms_pct).all()


def test_none_of_200_is_common_where_one_in_a_hundred_is_normal(laboratory):
    seen = laboratory.semen(ejaculates(60.0, normal=0.01), (3,), 0).normal_forms_pct
    assert np.mean(seen == 0.0) == pytest.approx(0.99**200, abs=0.05)
    assert seen.mean() == pytest.approx(1.0, rel=0.05)
    assert np.allclose(seen * 2.0, np.round(seen * 2.0))  # out of 200
    assert np.mean(laboratory.semen(ejaculates(60.0, normal=0.14), (3,), 0).normal_forms_pct == 0.0) == 0.0


def test_a_share_that_is_not_known_stays_so(laboratory):
    seen = laboratory.semen(Semen(3.5, 5.0, 17.5, float("nan"), 14.0, 8.0), (1,), 0)
    assert seen.concentration_million_ml > 0 and np.isnan(seen.progressive_motility_pct)


@pytest.mark.parametrize("column", ["testosterone_nmol_l", "lh_iu_l", "fsh_iu_l", "inhibin_b_pg_ml"])
def test_what_lies_under_a_limit_is_half_of_it_and_has_no_percentage(laboratory, values, fertile, column):
    man = steady_state(values, fertile)
    limit = laboratory.limit(column)
    assert limit > 0
    true = {name: np.full(50, man[name]) for name in BLOOD} | {column: np.full(50, 1e-3 * limit)}
    seen = laboratory.blood(true, (1,), 0)
    assert (seen[column] == 0.5 * limit).all()
    if column in ("testosterone_nmol_l", "lh_iu_l"):
        assert np.isnan(seen["t_over_lh"]).all()
    change = laboratory.percent_change(column, np.array([0.0, 0.5 * limit, 2.0 * limit]), 3.0 * limit)
    assert np.isnan(change[:2]).all() and change[2] == pytest.approx(50.0)


def test_one_serum_has_two_oestradiols_and_the_low_man_reads_higher(laboratory, values, fertile):
    man = {name: np.full(200, level) for name, level in steady_state(values, {**fertile, "bmi": 24.0}).items()}
    man["oestradiol_pmol_l"] = np.full(200, 20.0)
    seen = laboratory.blood({name: man[name] for name in BLOOD}, (1,), 0)
    mass, immuno = (seen[OESTRADIOL[by]] for by in ("lc-ms", "immunoassay"))
    assert mass.mean() == pytest.approx(20.0, rel=0.03) and (immuno > 1.5 * mass).all()
    assert np.corrcoef(mass, immuno)[0, 1] > 0.95
    assert (seen[RATIO["immunoassay"]] < seen[RATIO["lc-ms"]]).all()


def test_another_quantity_man_or_visit_moves_no_draw(laboratory, values, fertile):
    man = steady_state(values, fertile)
    true = {name: np.full(9, man[name]) for name in (*BLOOD, *Semen.__dataclass_fields__)}
    whole = laboratory.visit(true, (4,), 30)
    few = laboratory.blood({name: true[name][:5] for name in ("testosterone_nmol_l", "oestradiol_pmol_l")}, (4,), 30)
    for name in ("testosterone_nmol_l", "oestradiol_pmol_l", "t_over_e2"):
        assert np.array_equal(few[name], whole[name][:5])
    semen = vars(laboratory.semen(Semen(**{name: true[name][:5] for name in Semen.__dataclass_fields__}), (4,), 30))
    for name, seen in semen.items():
        assert np.array_equal(seen, whole[name][:5])
    assert not np.array_equal(laboratory.visit(true, (4,), 31)["lh_iu_l"], whole["lh_iu_l"])
    assert draws((1,), 0, "a").random() != draws((1,), 0, "b").random()


def test_paired_arms_share_their_draws(laboratory):
    ratio = laboratory.semen(ejaculates(84.0), (1,), 9).concentration_million_ml
    ratio = ratio / laboratory.semen(ejaculates(70.0), (1,), 9).concentration_million_ml
    assert np.median(ratio) == pytest.approx(1.2, rel=0.01) and ratio.std() < 0.03


def test_more_men_or_visits_leave_those_there_as_they_are():
    few, many = draw(Population.named("clinic"), 30, seed=3), draw(Population.named("clinic"), 430, seed=3, visits=2)
    pd.testing.assert_frame_equal(few.men, many.men.iloc[:30])
    pd.testing.assert_frame_equal(few.measured[0], many.measured[0].iloc[:30])
    where = ["sperm concentration < 15 M/mL"]
    some, more = (screen(Population.named("clinic"), n, where, seed=3).table() for n in (50, 300))
    pd.testing.assert_frame_equal(some, more.iloc[:50])


@pytest.mark.parametrize("word", ["Immunoassay", "LC-MS", "", None, 3])
def test_every_entry_point_checks_the_assay_before_any_work(values, word, monkeypatch):
    def never(*args, **kwargs):
        raise AssertionError("worked before it checked")

    monkeypatch.setattr("testis_abm.population.cohort.labs", never)
    for call in (
        lambda: Laboratory(values, word),
        lambda: draw(Population.named("clinic"), 10, assay=word),
        lambda: screen(Population.named("clinic"), 10, [], assay=word),
    ):
        with pytest.raises(TestisError, match="assay"):
            call()


# ---- how probable a report is


@pytest.mark.parametrize("share", [0.0, 0.3, 4.0, 55.0, 95.0])
def test_the_probabilities_of_all_percentages_make_one(laboratory, share):
    true = {"normal_forms_pct": np.array([share]), "concentration_million_ml": np.array([60.0])}
    every = [np.exp(laboratory.likelihood("normal_forms_pct", 0.5 * k, true)[0][0]) for k in range(201)]
    assert sum(every) == pytest.approx(1.0, abs=1e-3)
    under = np.exp(laboratory.likelihood("normal_forms_pct", Censored(2.0), true)[0][0])
    assert under == pytest.approx(sum(every[:4]), abs=1e-3)


def test_percentages_of_few_sperm_are_those_of_that_many(laboratory):
    true = {"progressive_motility_pct": np.array([30.0, 2.0]), "concentration_million_ml": np.array([0.005, 60.0])}
    for sperm in (1, 7, 50):
        every = [
            np.exp(laboratory.likelihood("progressive_motility_pct", 100.0 * k / sperm, true, sperm * 1.0001e-4)[0])
            for k in range(1, sperm + 1)
        ]
        none = np.exp(
            laboratory.likelihood(
                "progressive_motility_pct",
                0.0,
                true | {"concentration_million_ml": np.full(2, sperm * 1.0001e-4)},
                sperm * 1.0001e-4,
            )[0]
        )
        assert np.sum(every, axis=0) + none == pytest.approx(1.0, abs=1e-3)


@given(st.floats(0.05, 97.0), st.floats(0.0, 0.004))
def test_a_percentage_above_zero_is_never_that_of_next_to_no_sperm(percent, concentration):
    laboratory = Laboratory(parameters.values())
    men = {
        "progressive_motility_pct": np.array([percent, percent]),
        "concentration_million_ml": np.array([concentration, 20.0]),
    }
    log, _ = laboratory.likelihood("progressive_motility_pct", percent, men)
    assert log[0] < log[1] - 15.0
    more, _ = laboratory.likelihood("progressive_motility_pct", Censored(percent, below=False), men)
    assert more[0] < more[1]


def test_a_percentage_is_reported_as_often_as_men_have_a_whole_count(laboratory):
    level = np.array([0.01, 0.02, 0.022, 0.03])
    true = {"progressive_motility_pct": np.full(4, 40.0), "concentration_million_ml": level}
    log = laboratory.likelihood("progressive_motility_pct", 40.0, true)[0]
    assert (np.diff(log) > 0).all()


def test_none_seen_is_as_probable_as_the_laboratory_sees_none(laboratory):
    for level in (0.0, 0.02, 0.1, 1.0):
        true = {"concentration_million_ml": np.array([level])}
        log, _ = laboratory.likelihood("concentration_million_ml", 0.0, true)
        seen = laboratory.semen(ejaculates(level), (8,), 0).concentration_million_ml
        assert np.exp(log[0]) == pytest.approx(np.mean(seen == 0.0), abs=0.02)


def test_a_report_of_no_normal_forms_is_explained_by_men_with_few(laboratory):
    true = {"normal_forms_pct": np.array([0.5, 1.0, 4.0, 14.0]), "concentration_million_ml": np.full(4, 20.0)}
    log, off = laboratory.likelihood("normal_forms_pct", 0.0, true)
    assert np.all(np.diff(log) < 0) and off[1] < 2.5 < off[3]


def test_the_deviation_of_a_level_is_that_of_its_spread(laboratory):
    sd = laboratory.log_sd("lh_iu_l")
    level = np.exp(sd * np.array([-2.0, 0.0, 1.0]) + 0.5 * sd**2)  # of which 4 would be the median report
    log, off = laboratory.likelihood("lh_iu_l", 4.0, {"lh_iu_l": 4.0 * level})
    assert off == pytest.approx([-2.0, 0.0, 1.0]) and log.argmax() == 1
    under, _ = laboratory.likelihood("lh_iu_l", Censored(4.0), {"lh_iu_l": 4.0 * level})
    assert np.exp(under[1]) == pytest.approx(0.5) and np.exp(under[0]) == pytest.approx(1 - 0.02275, abs=1e-3)
    assert erfcinv(2 * (1 - np.exp(under[0]))) * np.sqrt(2) == pytest.approx(2.0, rel=1e-3)


def test_every_quantity_with_a_limit_has_its_parameter(laboratory, values):
    for column, quantity in QUANTITIES.items():
        limit = quantity.limit if isinstance(quantity.limit, float) else values.get(quantity.limit, 0.0)
        assert not quantity.limit or laboratory.limit(column) == limit > 0


# ---- a sample at an hour


def sampled_at(values, hour, age=34.0, **means):
    """Return the reference man's blood at an hour, 700 days of it, column -> (days,)."""
    numbers = PulseParameters.of(values, age)
    day = DayMeans(4.0, 18.0, 1.0, 1.0 - numbers.lh_floor, 1.0, 0.0, 0.967, 0.0)._replace(**means)
    true = {"testosterone_nmol_l": day.testosterone_nmol_l, "oestradiol_pmol_l": 90.0, "lh_iu_l": day.lh_iu_l}
    at = None if hour is None else Sampled(hour, day, numbers)
    seen = [Laboratory(values).blood(true, (7,), day, at) for day in range(700)]
    return {column: np.array([sample[column] for sample in seen]) for column in seen[0]}


def cv(levels):
    return levels.std() / levels.mean()


@pytest.mark.parametrize(("age", "least", "most"), [(34.0, 0.75, 0.80), (70.0, 0.88, 0.92)])
def test_testosterone_falls_until_the_afternoon_and_less_in_old_men(values, age, least, most):
    early, late = (sampled_at(values, hour, age)["testosterone_nmol_l"] for hour in (8.0, 16.0))
    # Brambilla 2009: 20 to 25 % lower at 16 h in men of 30 to 40, 10 % at 70.
    assert least < late.mean() / early.mean() < most


def test_samples_at_an_hour_have_the_days_lh_and_no_more_variation_than_samples_without(values):
    for hour in (8.0, 16.0):
        seen = sampled_at(values, hour)
        assert seen["lh_iu_l"].mean() == pytest.approx(4.0, rel=0.02)
        # Pulses and days make up the CV of the table; either is counted once.
        for column, name in (("lh_iu_l", "lh"), ("testosterone_nmol_l", "testosterone")):
            assert cv(seen[column]) == pytest.approx(values[f"blood_variation.{name}"], rel=0.08)
    plain = sampled_at(values, None)
    assert np.array_equal(plain["oestradiol_pmol_l"], seen["oestradiol_pmol_l"])
    assert plain["testosterone_nmol_l"].mean() == pytest.approx(18.0, rel=0.02)


def test_what_does_not_pulse_varies_from_day_to_day_alone(values):
    steady = sampled_at(values, 8.0, pulsed=0.0, testicular=0.0)
    laboratory = Laboratory(values)
    for column in ("lh_iu_l", "testosterone_nmol_l"):
        left = laboratory.log_sd_from_day_to_day(column)
        assert 0.0 < left < 0.75 * laboratory.log_sd(column)
        assert np.log(steady[column]).std() == pytest.approx(left, rel=0.06)
    assert steady["testosterone_nmol_l"].mean() == pytest.approx(18.0, rel=0.02)
    # What does not pulse in anybody keeps all of its variation.
    assert laboratory.log_sd_from_day_to_day("fsh_iu_l") == laboratory.log_sd("fsh_iu_l")
    # Pulses that vary more than samples do leave nothing, and not less than that.
    wild = Laboratory({**values, "blood_variation.lh": 0.2})
    assert wild.log_sd_from_day_to_day("lh_iu_l") == 0.0


CASE = {"title": "Hours", "plan": {"baseline": "1 day", "duration": "3 days"}, "tissue": {"tubules": 1}}


def _testosterone(model, seed, hour):
    """Return what the laboratory reports of the man as he is, with the errors of a seed."""
    model.seed = seed
    return model.blood_sample(hour=hour)["testosterone_nmol_l"]


def test_a_scenario_asks_for_an_hour_and_python_for_another():
    def model(**samples):
        return ta.TestisModel(ta.load({**CASE, "samples": samples}))

    usual, afternoon = model(), model(blood_hour=16)
    assert afternoon.blood_sample() == usual.blood_sample(hour=16) != usual.blood_sample()
    assert usual.blood_sample(hour=8) == afternoon.blood_sample(hour=8)
    ratio = [_testosterone(usual, seed, 16) / _testosterone(usual, seed, 8) for seed in range(200)]
    assert 0.74 < np.mean(ratio) < 0.86
    assert "blood_hour" not in ta.load(CASE).as_dict().get("samples", {})
    assert ta.load(ta.load({**CASE, "samples": {"blood_hour": 16}}).as_dict()).samples.blood_hour == 16.0


def test_what_is_held_has_its_level_at_any_hour():
    clamp = {"quantity": "testosterone", "level": "30 nmol/L"}
    model = ta.TestisModel(ta.load({**CASE, "clamp": [clamp]}))
    model.run_for(2)
    early, late = ([_testosterone(model, seed, hour) for seed in range(300)] for hour in (8, 18))
    assert early == pytest.approx(late) and np.mean(early) == pytest.approx(30.0, rel=0.02)


def test_a_decision_on_doses_reads_the_blood_of_the_hour():
    def given(hour):
        case = {
            "title": "Titrated",
            "plan": {"baseline": "1 day", "duration": "40 days", "seed": 2},
            "samples": {"blood_hour": hour},
            "therapy": [
                {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "when": "testosterone < 500 ng/dL at day 0"}
            ],
        }
        case = ta.load(case)
        values = complete(parameters.values())
        read = []
        for seed in range(60):
            treatment = Treatment(case)
            man = treatment.follow(ExpectedMan(values, case.man.physiology, treatment.kinetics), (seed,))
            read.append(float(man.days["aromatase_inhibitor"][10]) > 0.0)
        return np.mean(read)

    assert given(20) > given(8) + 0.2


@pytest.mark.parametrize("hour", [25, -1, float("nan"), "16:00", True])
def test_an_hour_that_is_none_is_refused(hour):
    with pytest.raises(ta.TestisError, match=r"samples: blood_hour: .*allowed: 0 to 24 h of the clock"):
        ta.load({**CASE, "samples": {"blood_hour": hour}})
    model = ta.TestisModel(ta.load(CASE))
    with pytest.raises(ta.TestisError, match=r"^hour: .*allowed: 0 to 24 h of the clock"):
        model.blood_sample(0, hour)


def test_a_trial_says_that_its_visits_know_no_hour(tmp_path):
    table = {
        "plan": {"baseline": "7 days", "duration": "30 days"},
        "samples": {"blood_hour": 16},
        "trial": {"men": 8, "engine": "expected"},
        "arm": [{"name": "a", "therapy": []}, {"name": "b", "therapy": []}],
    }
    with pytest.raises(ta.TestisError, match=r"samples\.blood_hour: visits of a trial"):
        ta.trial(table, tmp_path / "trial")


@pytest.mark.parametrize("column", ["testosterone_nmol_l", "lh_iu_l", "oestradiol_immunoassay_pmol_l"])
def test_reports_of_a_level_speak_for_it_and_for_no_other(column):
    """Factors of variation have mean 1, so that their median lies under it."""
    laboratory = Laboratory(parameters.values())
    levels = {"testosterone_nmol_l": 15.0, "lh_iu_l": 4.0, "oestradiol_pmol_l": 150.0, "free_testosterone_nmol_l": 0.3}
    levels |= {"fsh_iu_l": 4.0, "inhibin_b_pg_ml": 150.0, "shbg_nmol_l": 30.0, "hcg_iu_l": 0.0}
    levels |= {"dihydrotestosterone_nmol_l": 1.5, "prolactin_ug_l": 8.0}
    reports = [float(laboratory.blood(levels, (3,), day)[column]) for day in range(1500)]
    source = "oestradiol_pmol_l" if column.startswith("oestradiol") else column
    factors = np.exp(np.linspace(-0.15, 0.15, 61))
    candidates = {source: levels[source] * factors}
    total = np.sum([laboratory.likelihood(column, report, candidates)[0] for report in reports], axis=0)
    best = factors[total.argmax()]
    error = laboratory.spread(column) / len(reports) ** 0.5
    assert abs(np.log(best)) < 3.0 * error + 0.005
