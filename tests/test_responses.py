"""What a therapy is predicted to do to all men of a table, what a report says besides, and whether predictions are calibrated."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.cli.command import main
from testis_abm.experiments import twins as module
from testis_abm.experiments.responses import responses
from testis_abm.experiments.twins import reports, twins
from testis_abm.population.cohort import labs
from testis_abm.population.follow import OnTreatment, follow
from testis_abm.population.predict import READOUTS, SHOWN, predict
from testis_abm.population.table_in import read_table
from testis_abm.population.twin import find
from testis_abm.quantities import Censored, clinical
from testis_abm.scenario import Man, load
from testis_abm.statistics import weighted_quantiles
from testis_abm.support.errors import TestisError

PILL = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
CASE = {"title": "pill", "plan": {"duration": "60 days"}, "therapy": [PILL]}
GIVEN = {"t": 9.0, "e2": 176.0, "lh": 3.1, "fsh": 4.4, "bmi": 33.0, "concentration": 6.0, "volume": 2.5}
HEAD = "ID,BMI (kg/m2),T (nmol/L),LH (IU/L),FSH (IU/L),Sperm concentration (M/mL),Volume (mL)\n"
TABLE = f"{HEAD}A,33,9,3.1,4.4,6,2.5\nB,25,16,4,5,30,3\nC,25,16,4,5,30,3\nD,28,2,0.3,0.5,0,1\n"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("men")
    (folder / "men.csv").write_text(TABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_POOL", 1500)
        module._pool.cache_clear()
        of = twins(read_table(folder / "men.csv"), folder / "twins", (), {"workers": 1}, sample=60)
        module._pool.cache_clear()
    return of


def test_every_man_has_every_outcome_and_men_alike_share_a_run(tmp_path, found):
    response = responses(found, CASE, tmp_path / "r", {"workers": 1}, men=10)
    table = response.table()
    assert len(table) == 4 * len((*SHOWN, *READOUTS)) and set(table["man"]) == set("ABCD")
    assert not table.duplicated(["man", "outcome"]).any()
    assert sum(len(pd.read_parquet(part)["run"].unique()) for part in (tmp_path / "r" / "parts").iterdir()) == 3
    t = table[table["outcome"] == "testosterone_nmol_l"].set_index("man")
    assert (
        (t["change"] > 0.0).all() and (t["change_low"] <= t["change"]).all() and (t["change"] <= t["change_high"]).all()
    )
    count = table[table["outcome"] == "total_motile_count_million"].set_index("man")
    assert count.loc["A", "virtual_patients"] == 10 and 0.0 <= count.loc["A", "rises_pct"] <= 100.0
    text = response.text()
    assert "4 men, 10 virtual patients each" in text and "nan" not in text


def test_a_chance_falls_with_the_rise_that_is_asked_for_and_nothing_is_run_again(tmp_path, found):
    response = responses(found, CASE, tmp_path / "r", {"workers": 1}, men=10)
    chance = [
        response.table(rise).set_index(["man", "outcome"]).loc[("A", "testosterone_nmol_l"), "rises_pct"]
        for rise in (0.0, 40.0, 5000.0)
    ]
    assert chance[0] == 100.0 and chance[0] >= chance[1] >= chance[2] == 0.0
    with pytest.raises(TestisError, match="rise"):
        response.table(-1.0)


def test_a_man_of_a_table_responds_as_one_alone_does(tmp_path, found):
    response = responses(found, CASE, tmp_path / "r", {"workers": 1}, men=12, ensemble=False)
    own = found.sample[found.sample["man"] == "A"]
    before, after = predict(own[[*parameters.physiology()]].iloc[::5].reset_index(drop=True), load(CASE))
    table = response.table().set_index(["man", "outcome"]).loc["A"]
    for name in ("testosterone_nmol_l", "concentration_million_ml", "fsh_iu_l"):
        low, middle, high = np.quantile(100.0 * (after[name] / before[name] - 1.0), (0.05, 0.5, 0.95))
        assert table.loc[name, ["change_low", "change", "change_high"]].to_numpy(float) == pytest.approx(
            [low, middle, high]
        )
        assert table.loc[name, "after"] == pytest.approx(np.median(clinical(name, after[name])))
    assert table.loc["haematocrit_pct", "change"] == pytest.approx((after - before)["haematocrit_pct"].median())


def test_a_man_whose_twin_cannot_be_trusted_has_no_interval_and_no_chance(tmp_path, found):
    response = responses(found, CASE, tmp_path / "r", {"workers": 1}, men=10)
    table = type(response)(response.scenario, response.lives, response.failed, {"A": False, "B": True}).table()
    own = table[table["man"] == "A"]
    assert own[["change_low", "change_high", "rises_pct", "after_low"]].isna().all(axis=None)
    assert own["change"].notna().any() and table.loc[table["man"] == "B", "change_low"].notna().any()


def parts(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("parts/*.parquet")}


def killed_at(command: list[str], place: Path, pattern: str) -> None:
    """Run a command and kill it as soon as a part is there that fits `pattern`."""
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        end = time.monotonic() + 120.0
        while not list(place.glob(pattern)) and run.poll() is None and time.monotonic() < end:
            time.sleep(0.01)
        assert run.poll() is None, "it ended before it could be killed"
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
@pytest.mark.slow
def test_a_killed_prediction_goes_on_and_ends_as_one_that_was_not(tmp_path, capsys):
    rows = "".join(f"M{k},{24 + k},{9 + k},3.{k},4.4,{4 + k},2.5\n" for k in range(6))
    (tmp_path / "men.csv").write_text(HEAD + rows)

    def command(name: str) -> list[str]:
        how = ["--workers", "1", "--men", "40", "--days", "90", "--out", str(tmp_path / name)]
        return ["twin", "--table", str(tmp_path / "men.csv"), "--give", "anastrozole 1mg daily", *how]

    once = [sys.executable, "-m", "testis_abm", *command("killed")]
    folder = tmp_path / "killed"
    killed_at(once, folder, "parts/*.parquet")
    first = parts(folder)
    assert first and not (folder / "men.parquet").exists()
    killed_at(once, folder, "response-*/parts/*.parquet")
    assert first <= parts(folder)
    (inner,) = folder.glob("response-*")
    second = parts(inner)
    assert second and not (inner / "responses.parquet").exists()
    assert main(command("killed")) == 0 and main(command("whole")) == 0
    assert "more likely than not" in capsys.readouterr().out
    assert first <= parts(folder) and second <= parts(inner)
    for name in ("sample.parquet", f"{inner.name}/responses.parquet"):
        ended, whole = (pd.read_parquet(tmp_path / of / name) for of in ("killed", "whole"))
        pd.testing.assert_frame_equal(ended, whole)


# ---- what a report says besides


def middle(of, name):
    return weighted_quantiles(of.men[name].to_numpy(dtype=float), of.weights, (0.5,))[0]


def test_semen_is_compared_with_that_of_the_days_of_abstinence(pool):
    usual, stated, long = (find(GIVEN | extra, pool=pool) for extra in ({}, {"abstinence": 3.0}, {"abstinence": 8.0}))
    assert np.array_equal(usual.weights, stated.weights) and usual.at_visit is None
    assert (long.seen["volume_ml"] > long.true["volume_ml"]).all()
    expected = labs(long.men, parameters.values(), (8.0, 3.0))
    assert np.allclose(long.seen["concentration_million_ml"], expected["concentration_million_ml"])
    assert middle(long, "gland_volume") < middle(usual, "gland_volume")
    assert long.labs().loc["volume", "median"] == pytest.approx(
        weighted_quantiles(long.seen["volume_ml"].to_numpy(), long.weights, (0.5,))[0]
    )


def test_reports_after_other_abstinence_are_of_one_man(pool):
    man, values = pd.DataFrame([Man(preset="fertile").physiology]), parameters.values()
    days = (1.0, 7.0)
    seen = [labs(man, values, (rested, 3.0)).iloc[0] for rested in days]
    given = [
        {"t": one["testosterone_nmol_l"], "concentration": one["concentration_million_ml"], "volume": one["volume_ml"]}
        for one in seen
    ]
    told = find(given[0] | {"abstinence": 1.0}, again=[given[1] | {"abstinence": 7.0}], pool=pool)
    blind = find(given[0], again=[given[1]], pool=pool)

    def fit(of, rested):
        true, laboratory = labs(of.men, values, (rested, 3.0)), Laboratory(values)
        k = days.index(rested)
        return of.weights @ laboratory.likelihood("volume_ml", given[k]["volume"], true)[0]

    assert sum(fit(told, rested) for rested in days) > sum(fit(blind, rested) for rested in days)


def test_small_testes_hold_few_sertoli_cells(pool):
    small, large = (find(GIVEN | {"testis_volume": volume}, pool=pool) for volume in (8.0, 22.0))
    assert small.dependable and large.dependable
    assert middle(small, "sertoli_number") < 0.7 * middle(large, "sertoli_number")
    assert small.labs().loc["testis_volume", "median"] < 14.0 < large.labs().loc["testis_volume", "median"]
    after = follow(small, [OnTreatment({"testis_volume": 9.0, "abstinence": 5.0}, [PILL], 60)], men=100).visits
    assert list(after["lab"]) == ["testis_volume"] and 5.0 < after["median"].iloc[0] < 16.0


def test_prolactin_is_taken_as_it_is(pool):
    values = parameters.values()
    high, normal = find(GIVEN | {"prolactin": 80.0}, pool=pool), find(GIVEN, pool=pool)
    assert set(high.men["prolactin"]) == {80.0 / values["axis.prolactin_reference"]}
    assert set(normal.men["prolactin"]) == {1.0}
    assert middle(high, "gnrh_drive") > middle(normal, "gnrh_drive")  # less of it is free: more must be there
    assert any("prolactin" in note for note in high.notes)
    limit = find(GIVEN | {"prolactin": Censored(4.0)}, pool=pool)
    assert set(limit.men["prolactin"]) == {4.0 / values["axis.prolactin_reference"]}


def test_a_table_gives_abstinence_testis_volume_and_prolactin_to_the_twin(tmp_path):
    path = tmp_path / "men.csv"
    path.write_text(
        "ID,Date,T (nmol/L),Prolactin (mIU/L),Abstinence (days),Testis left (mL),Testis right (mL),Total motility (%),Treatment\n"
        "A,2024-01-01,9,,4,12,16,50,none\nA,2024-03-01,15,20,3,,15,50,cabergoline 0.5 mg weekly since 2024-02-01\n"
        "B,2024-01-01,9,424,90,,,50,none\n"
    )
    table = read_table(path)
    rest, treated, why = reports(table.man("A"))
    assert rest == [{"t": 9.0, "abstinence": 4.0, "testis_volume": 14.0}] and not why
    assert treated[0].given == {
        "t": 15.0,
        "abstinence": 3.0,
        "testis_volume": 15.0,
    }  # prolactin on cabergoline is no trait
    (other,), _, _ = reports(table.man("B"))
    assert other["prolactin"] == pytest.approx(20.0) and "abstinence" not in other
    assert any(fault.man == "B" and "30" in fault.expected for fault in table.faults)
    uses = {column.meaning: column.use for column in table.columns}
    assert uses["testis_left"] == uses["prolactin"] == uses["abstinence"] == "used"
    assert uses["total_motility"] == "read, not used"


# ---- calibration


@pytest.fixture(scope="module")
def benchmark():
    place = Path(__file__).parents[1] / "benchmarks"
    sys.path.insert(0, str(place))
    try:
        spec = importlib.util.spec_from_file_location("follow_benchmark", place / "follow.py")
        found = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(found)
        return found
    finally:
        sys.path.remove(str(place))


def fair(rows, benchmark, error):
    """Check that each interval holds as many as a calibrated one does, but for chance of `error`."""
    table = benchmark.summary(rows)
    for of in table.itertuples():
        for share, inside in ((50, of.inside_50), (90, of.inside_90)):
            low, high = (binom.ppf(q, of.n, share / 100.0) for q in (error / 2.0, 1.0 - error / 2.0))
            assert low <= round(of.n * inside / 100.0) <= high, (
                f"{of.therapy} {of.outcome}: {inside:.0f} % in {share} %"
            )
        assert of.p > error, f"{of.therapy} {of.outcome}: ranks {of.bins}"
    return table


@pytest.mark.slow
def test_predictions_of_a_visit_under_treatment_are_calibrated(benchmark, pool):
    rows = benchmark.judged(10, 5, pool, ("anastrozole",), candidates=40)
    assert rows["man"].nunique() >= 8
    table = fair(rows, benchmark, 1e-4).set_index("outcome")
    assert table.loc["t", "twin"] < table.loc["t", "carried"] and table.loc["e2", "twin"] < table.loc["e2", "carried"]
    chance = rows.loc[rows["outcome"] == "tmc", "chance"].dropna()
    assert ((chance >= 0.0) & (chance <= 1.0)).all() and chance.nunique() > 3


@pytest.mark.parametrize("power", [0.3, 4.0])
def test_predictions_that_are_too_narrow_or_too_high_are_told(benchmark, power):
    rng = np.random.default_rng(3)
    rank = rng.random(200) ** power
    rows = pd.DataFrame({"rank": rank, "reported": 1.0, "base": 1.0, "median": 1.0, "therapy": "x", "outcome": "t"})
    with pytest.raises(AssertionError):
        fair(rows, benchmark, 1e-4)
    fair(rows.assign(rank=rng.random(200)), benchmark, 1e-4)


@pytest.mark.slow
def test_predictions_under_two_drugs_are_calibrated(benchmark, pool):
    rows = benchmark.judged(150, 7, pool)
    table = fair(rows, benchmark, 1e-3).set_index(["therapy", "outcome"])
    for therapy in benchmark.THERAPIES:
        assert table.loc[(therapy, "t"), "twin"] < table.loc[(therapy, "t"), "mean_change"]
        assert benchmark.responders(rows, therapy)["auc"] > 0.6
