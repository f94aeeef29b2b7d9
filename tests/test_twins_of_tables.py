"""Twins of the men of a table: what is shared changes no posterior, repeats count once each, and a run goes on."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments import twins as module
from testis_abm.experiments.twins import prepare, reports, twins
from testis_abm.population.cohort import draw
from testis_abm.population.follow import OnTreatment, course, follow
from testis_abm.population.table_in import read_table
from testis_abm.population.twin import find, independent
from testis_abm.quantities import Censored
from testis_abm.statistics import weighted_quantiles
from testis_abm.support.errors import ScenarioError

GIVEN = {"t": 9.0, "e2": 176.0, "lh": 3.1, "fsh": 4.4, "bmi": 33.0, "concentration": 6.0}
TABLE = "ID,BMI (kg/m2),T (nmol/L),LH (IU/L),FSH (IU/L)\nA,33,9,3.1,4.4\nB,25,16,4,5\nC,25,16,4,5\n"


def test_a_pool_says_where_to_draw_and_changes_no_posterior(pool):
    alone, shared = find(GIVEN), find(GIVEN, pool=pool)
    assert shared.dependable
    for name in ("leydig_capacity", "sertoli_number", "adipose_aromatase"):
        one, other = (weighted_quantiles(np.log(of.men[name]), of.weights, (0.16, 0.5, 0.84)) for of in (alone, shared))
        assert abs(one[1] - other[1]) < 0.25 * (one[2] - one[0])
        assert 0.75 < (other[2] - other[0]) / (one[2] - one[0]) < 1.33
    assert set(shared.men["bmi"]) == {33.0}


def test_a_pool_of_other_men_is_refused(pool):
    with pytest.raises(ScenarioError, match="pool"):
        find(GIVEN, population="healthy", pool=pool)


def test_more_reports_of_a_man_narrow_him_and_an_assay_stays_as_wide_as_it_is():
    values = parameters.values()
    laboratory = Laboratory(values)
    levels = np.linspace(20.0, 400.0, 4000)
    true = {"oestradiol_pmol_l": levels, "testosterone_nmol_l": levels / 10.0}

    def spread(column, reported, count):
        log = laboratory.likelihood_of_visits(column, [reported] * count, true, [None] * count)
        weights = np.exp(log - log.max())
        expected = np.log(laboratory.expected(column, true))
        weights *= np.gradient(expected)
        mean = np.average(expected, weights=weights)
        return np.sqrt(np.average((expected - mean) ** 2, weights=weights))

    once, often = (spread("testosterone_nmol_l", 15.0, count) for count in (1, 16))
    assert often == pytest.approx(once / 4.0, rel=0.05)
    apart = values["axis.immunoassay_oestradiol_spread"]
    own = laboratory.log_sd("oestradiol_immunoassay_pmol_l")
    column = "oestradiol_immunoassay_pmol_l"
    assert spread(column, 200.0, 16) == pytest.approx(np.hypot(apart, own / 4.0), rel=0.1)


def test_a_total_count_is_what_it_adds_to_concentration_or_volume():
    laboratory = Laboratory(parameters.values())
    used, _ = independent({"total_count": 60.0, "volume": 3.0}, laboratory)
    assert used == {"volume": 3.0, "concentration": 20.0}
    used, _ = independent({"total_count": 60.0, "concentration": 20.0}, laboratory)
    assert used == {"concentration": 20.0, "volume": 3.0}
    used, _ = independent({"total_count": 60.0, "concentration": 20.0, "volume": 3.0}, laboratory)
    assert "total_count" not in used
    _, notes = independent({"total_count": 300.0, "concentration": 20.0, "volume": 3.0}, laboratory)
    assert any("contradicts" in note for note in notes)
    assert independent({"total_count": 60.0}, laboratory)[0] == {"total_count": 60.0}


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(module, "_POOL", 1500)
    module._pool.cache_clear()
    yield
    module._pool.cache_clear()


def test_all_men_have_a_row_and_men_alike_share_a_search_that_goes_on(tmp_path, small):
    path = tmp_path / "men.csv"
    path.write_text(TABLE)
    table = read_table(path)
    first = twins(table, tmp_path / "twins", ["A"], {"workers": 1}, sample=50)
    found = twins(table, tmp_path / "twins", (), {"workers": 1}, sample=50)
    men = found.men()
    assert list(men["man"]) == ["A", "B", "C"] and set(men["status"]) == {"found"}
    assert len(found.sample) == 150
    one = first.sample.drop(columns="man").reset_index(drop=True)
    again = found.sample[found.sample["man"] == "A"].drop(columns="man").reset_index(drop=True)
    pd.testing.assert_frame_equal(one, again)
    b, c = (found.sample[found.sample["man"] == name].drop(columns="man").to_numpy() for name in "BC")
    assert np.array_equal(b[:, 1:].astype(float), c[:, 1:].astype(float), equal_nan=True)
    parts = {part.name for part in (tmp_path / "twins" / "parts").iterdir()}
    twins(table, tmp_path / "twins", (), {"workers": 1}, sample=50)
    assert {part.name for part in (tmp_path / "twins" / "parts").iterdir()} == parts
    kept, whose = found.screened(["BMI > 30"], each=20)
    assert set(whose) == {"A"} and (kept.cohort.men["bmi"] == 33.0).all()
    population = found.population()
    hidden, lesions = population.hidden(30, np.random.default_rng(1))
    men_drawn = population.fields(hidden, lesions)
    assert sorted(np.bincount(hidden[:, 0].astype(int) // 50, minlength=3)) == [10, 10, 10]
    assert np.sum(men_drawn["bmi"] == 33.0) == 10


def test_visits_that_a_search_cannot_use_are_named(tmp_path):
    path = tmp_path / "men.csv"
    path.write_text(
        "ID,Date,T (nmol/L),Treatment\nA,2024-01-01,9,none\nA,2024-02-01,12,anastrozole 1 mg daily\n"
        "B,2024-01-01,9,anastrozole 1 mg daily since 2023-12-01\nC,2024-01-01,9,anastrozole 1 mg daily since 2023-12-01\n"
        "C,2024-03-01,9,none\n"
    )
    table = read_table(path)
    rest, treated, why = reports(table.man("A"))
    assert len(rest) == 1 and not treated and "not known" in why
    assert "no untreated visit" in reports(table.man("B"))[2]
    assert not reports(table.man("C"))[0]
    assert set(prepare(table).left) == {"A", "B", "C"}


def test_a_course_of_visits_changes_drugs_where_they_change():
    one, other = (
        {"drug": name, "dose": dose, "every": "daily"}
        for name, dose in (("anastrozole", "1 mg"), ("letrozole", "2.5 mg"))
    )
    scenario, days = course([OnTreatment({}, [one], 30), OnTreatment({}, [one], 60), OnTreatment({}, [other], 20)])
    assert days == [30, 60, 80]
    assert [(part.drug, part.from_day, part.until_day) for part in scenario.therapy] == [
        ("anastrozole", 0.0, 60.0),
        ("letrozole", 60.0, 80.0),
    ]
    with pytest.raises(ScenarioError, match="before"):
        course([OnTreatment({}, [one], 60), OnTreatment({}, [one], 30)])


def test_a_visit_is_predicted_before_it_is_used_and_moves_the_man(pool):
    found = find(GIVEN, pool=pool)
    on = [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]
    low, high = (follow(found, [OnTreatment({"t": t}, on, 60)], men=150) for t in (11.0, 20.0))
    assert low.visits["median"].iloc[0] == high.visits["median"].iloc[0] > GIVEN["t"]  # aromatase inhibition raises T
    assert low.visits["fell"].iloc[0] < high.visits["fell"].iloc[0]

    def middle(of, name):
        return weighted_quantiles(of.twin.men[name].to_numpy(), of.twin.weights, (0.5,))[0]

    assert middle(high, "leydig_capacity") > middle(low, "leydig_capacity")
    censored = follow(found, [OnTreatment({"e2": Censored(90.0)}, on, 60)], men=150).visits.iloc[0]
    assert censored["beyond"] == "<" and np.isnan(censored["inside"])


@pytest.mark.slow
def test_twins_of_drawn_men_are_calibrated(pool):
    """Simulation-based calibration: men of the population, their reports, the rank of the truth in the posterior."""
    from scipy.stats import kstest

    men = 60
    cohort = draw("clinic", men, seed=11)
    seen, laboratory = cohort.measured[0], Laboratory(parameters.values())
    rng = np.random.default_rng(5)
    apart = np.exp(laboratory.values["axis.immunoassay_oestradiol_spread"] * rng.standard_normal(men))
    ranks: dict[str, list[float]] = {"leydig_capacity": [], "sertoli_number": [], "gnrh_drive": []}
    inside = []
    for k in range(men):
        given = {
            "t": seen["testosterone_nmol_l"][k],
            "e2": seen["oestradiol_immunoassay_pmol_l"][k] * apart[k],
            "lh": seen["lh_iu_l"][k],
            "fsh": seen["fsh_iu_l"][k],
            "concentration": seen["concentration_million_ml"][k],
        }
        found = find(given, pool=pool, seed=k + 1)
        if not found.dependable:
            continue
        for name, own in ranks.items():
            own.append(float(found.weights @ (found.men[name] < cohort.men[name][k])))
        low, high = weighted_quantiles(found.true["testosterone_nmol_l"].to_numpy(), found.weights, (0.05, 0.95))
        inside.append(low <= cohort.true["testosterone_nmol_l"][k] <= high)
    assert len(inside) > 0.9 * men
    for own in ranks.values():
        assert kstest(own, "uniform").pvalue > 1e-3
    assert 0.78 <= np.mean(inside) <= 0.98


def test_a_trial_draws_its_men_from_the_twins_of_a_table(tmp_path, small, monkeypatch):
    from testis_abm.experiments.trial import prepare as prepare_trial

    monkeypatch.chdir(tmp_path)
    (tmp_path / "men.csv").write_text(TABLE)
    case = {
        "plan": {"duration": "28 days"},
        "trial": {"men": 12, "men_from": "men.csv", "engine": "expected", "parameters": "tables"},
        "arm": [
            {"name": "control", "therapy": []},
            {"name": "drug", "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]},
        ],
    }
    trial = prepare_trial(case, folder=tmp_path / "trial", how={"workers": 1})
    assert sorted(trial.cohort.cohort.men["bmi"].round(3).value_counts()) == [4, 8]
    assert (tmp_path / "trial-twins" / "parts").is_dir() and not (tmp_path / "trial").exists()
    with pytest.raises(ScenarioError, match="men_from"):
        prepare_trial({**case, "trial": {**case["trial"], "men_from": 3}})
