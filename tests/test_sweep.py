"""Sweeps: what is refused before they run, and their summaries."""

from __future__ import annotations

import numpy as np
import pytest
from small_sweep import EXAMPLES, SMALL, SWEEP

from testis_abm import TestisError
from testis_abm.experiments.design import Axis
from testis_abm.experiments.outputs import OUTPUTS, of_expected
from testis_abm.experiments.sweep import Swept, prepare, results, summary, sweep
from testis_abm.experiments.task import Task, perform
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.parameter_set import parameter_set
from testis_abm.parameters import hypotheses
from testis_abm.scenario import Scenario, load


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"over": {"man.bmii": [22, 24]}}, 'nearest: "bmi"'),
        ({"over": {"man.bmi": [22, 240]}}, "240 is out of range"),
        ({"over": {"therapy.2.dose": ["1 mg"]}}, "the scenario has 1 [[therapy]]"),
        ({"over": {"parameters.aromatase.testicular_kmm": [1, 2]}}, "testicular_km"),
        ({"outputs": ["testosteron"]}, 'nearest: "testosterone"'),
        ({"at": ["day 90"]}, "day 90 is outside the plan (day 0 to 40)"),
        ({"engine": "fast"}, "is not one of cells, expected"),
        ({"replicates": 0}, "replicates: 0 is out of range"),
        ({"replicate": 3}, 'nearest: "replicates"'),
        ({"over": {"plan.duration": ["30 days", "60 days"]}}, "name the days to look at in at"),
        ({"method": "sobol", "samples": 4, "over": {"tissue.tubules": {"from": 2, "to": 4}}}, "whole number"),
        ({"over": {"man.bmi": {"from": 20, "to": float("inf"), "steps": 3}}}, "has no end"),
        ({"parameters": "plausibl"}, 'parameters: "plausibl" is not one of plausible, tables; nearest: "plausible"'),
    ],
)
def test_a_wrong_sweep_is_told_before_it_runs(change, said):
    with pytest.raises(TestisError) as told:
        prepare({**SWEEP, "sweep": {**SWEEP["sweep"], **change}})
    assert said in str(told.value) and "\n" not in str(told.value)


def test_a_file_of_another_kind_names_its_command():
    with pytest.raises(TestisError, match="use testis-abm trial"):
        prepare(EXAMPLES / "trial.toml")


@pytest.mark.parametrize(
    ("path", "unit", "said"),
    [
        ("man.bmi", "", "Body mass index (kg/m2)"),
        ("man.gnrh_drive", "", "GnRH drive (x reference)"),
        ("parameters.aromatase.testicular_km", "", "Aromatase: testicular Km (nmol/L free T)"),
        ("parameters.axis.hcg_saturation", "", "Axis: hCG saturation (relative LH)"),
        ("parameters.receptor.oestrogen_half", "", "Receptor: oestrogen half (x normal local E2)"),
        ("therapy.1.dose", "mg", "Therapy 1: dose (mg)"),
        ("plan.duration", "days", "Plan: duration (days)"),
    ],
)
def test_axes_of_pictures_are_named_in_words_with_units(path, unit, said):
    from testis_abm.pictures import sweeps

    assert sweeps.name_of(Axis(path, unit)) == said


def test_what_the_man_is_made_of_can_be_swept(tmp_path):
    over = {"man.preset": ["obese_low_t_e2", "fertile"], "plan.baseline": ["2 days", "7 days"]}
    given = {**SMALL, "sweep": {"replicates": 1, "engine": "expected", "over": over}}
    table = summary_of(given, tmp_path)
    assert table.loc[("fertile", "2 days")] > 1.5 * table.loc[("obese_low_t_e2", "2 days")]


def summary_of(given, tmp_path):
    """Return untreated testosterone by the axes of a sweep."""
    sweep(given, tmp_path / "s", workers=1)
    return summary(tmp_path / "s").set_index(["man.preset", "plan.baseline"])["testosterone_nmol_l, untreated"]


def test_a_summary_has_the_intervals_of_its_replicates(tmp_path):
    from testis_abm.statistics import paired_change

    given = {**SMALL, "sweep": {"replicates": 4, "over": {"man.bmi": [24, 32]}, "outputs": ["sperm concentration"]}}
    table = sweep(given, tmp_path / "s", workers=1)
    column = "concentration_million_ml"
    points = summary(tmp_path / "s")
    assert len(points) == 2
    for _, row in points.iterrows():
        arms = table[table["point"] == row["point"]].pivot(index="replicate", columns="arm", values=column)
        change = paired_change(arms["untreated"].to_numpy(), arms["treated"].to_numpy())
        np.testing.assert_allclose([row[f"{column}, change{end}_pct"] for end in ("", "_low", "_high")], change)
        assert row[f"{column}, treated_half"] == pytest.approx(3.1824 * arms["treated"].std() / 2, rel=1e-4)


def test_a_sweep_is_summed_up(tmp_path):
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}, tmp_path / "s", workers=1)
    short, long = summary(tmp_path / "s"), results(tmp_path / "s")
    assert len(short) == 4 and len(long) == 4 * 2 * 2
    assert short["testosterone_nmol_l, change_low_pct"].isna().all()  # one replicate has no interval
    change = short.pivot(
        index="man.bmi", columns="therapy.1.dose", values=f"{OUTPUTS['testosterone'].column}, change_pct"
    )
    assert (change["1 mg"] > change["0.5 mg"]).all() and (change.loc[32] > change.loc[24]).all()
    early = summary(tmp_path / "s", day=20)
    assert not np.allclose(early["testosterone_nmol_l, treated"], short["testosterone_nmol_l, treated"])


def test_points_of_a_plausible_sweep_are_paired_set_by_set(tmp_path):
    table = {"engine": "expected", "replicates": 6, "over": {"man.bmi": [24, 32]}, "parameters": "plausible"}
    given = {**SMALL, "sweep": {**table, "outputs": ["LH"]}}
    sweep_of = prepare(given)
    by_set = [[task.parameters for task in sweep_of.tasks if task.replicate == k] for k in range(6)]
    assert all(one == other for one, other in by_set) and len({str(one) for one, _ in by_set}) == 6
    runs = sweep(given, tmp_path / "s", workers=1)
    arms = runs[runs["point"] == 0].pivot(index="replicate", columns="arm", values="lh_iu_l")
    changes = 100.0 * (arms["treated"] / arms["untreated"] - 1.0)
    row = summary(tmp_path / "s").iloc[0]
    found = [row[f"lh_iu_l, change{end}_pct"] for end in ("", "_low", "_high")]
    np.testing.assert_allclose(found, np.quantile(changes, [0.5, 0.05, 0.95]))
    swept = Swept.of(tmp_path / "s")
    text = " ".join(swept.report(swept.summary(), runs[runs["error"] != ""]).split())
    assert "90 % interval over 6 parameter sets that fit published studies" in text and "tables" not in text
    usual = prepare({**given, "sweep": {key: of for key, of in given["sweep"].items() if key != "replicates"}})
    assert len(usual.tasks) == 40


def test_a_sweep_under_the_tables_says_so(tmp_path):
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}, tmp_path / "s", workers=1)
    swept = Swept.of(tmp_path / "s")
    text = " ".join(swept.report(swept.summary(), results(tmp_path / "s").query("error != ''")).split())
    assert "All under the parameters of the tables but for what is varied" in text


def test_a_run_under_a_model_is_the_man_of_its_answers_and_of_what_is_varied():
    """An infertile man is of the kind that the answer has; what the scenario sets of a question is no question."""
    infertile = {**SMALL, "man": {"preset": "idiopathic_oligozoospermia"}, "therapy": []}
    over = {"parameters.axis.lh_reference": [4.0]}
    job = prepare({**infertile, "sweep": {"engine": "expected", "over": over}}).job
    of_all = next(iter(hypotheses()["infertility"].answers["fsh_limited"].kinds))
    own = parameter_set({"germ.entry_alone": 0.05}).answering("infertility", "fsh_limited")
    man = load(infertile).man.physiology
    found = set()
    for replicate in range(8):
        task = Task(0, replicate, parameters=own.changed, answers=own.of_some)
        kinds = own.drawn(man, (SMALL["plan"]["seed"], replicate))
        physiology, values = own.as_kind(man, kinds)
        expected = of_expected(ExpectedMan(values, physiology), 0, Scenario())
        np.testing.assert_allclose(perform(job, task)[0][2:], expected, rtol=1e-5, atol=1e-9)
        found.add(kinds)
    assert found == {(), (of_all,)}
    known = {"parameters.germ.room": 2.0, "parameters.germ.entry_alone": 0.08}
    plain = of_expected(
        ExpectedMan(parameter_set({"germ.room": 2.0, "germ.entry_alone": 0.08}).whole, man), 0, Scenario()
    )
    for k in range(4):
        (row,) = perform(job, Task(0, k, known, parameters=own.changed, answers=own.of_some))
        np.testing.assert_allclose(row[2:], plain, rtol=1e-5, atol=1e-9)
