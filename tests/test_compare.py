"""Comparisons of arms that share their random draws."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from small_sweep import SMALL, same_bytes

import testis_abm as ta
from testis_abm import TestisError
from testis_abm.experiments import runner
from testis_abm.experiments.compare import compare, read_arms
from testis_abm.experiments.store import read
from testis_abm.experiments.task import Task
from testis_abm.quantities import QUANTITIES, clinical

ARMS = {
    "title": "arms",
    **{key: value for key, value in SMALL.items() if key not in ("therapy", "title")},
    "arm": [
        {"name": "none", "therapy": []},
        {"name": "anastrozole", "therapy": SMALL["therapy"]},
        {"name": "lighter", "weight": [{"bmi": 27, "until": "day 30"}]},
    ],
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return the folder and the outcome of a comparison in its store."""
    from testis_abm.experiments.files import read_experiment

    folder = tmp_path_factory.mktemp("compare") / "store"
    arms = read_experiment(ARMS, "compare", ()).arms
    return arms, folder, compare(arms, folder, replicates=4, title="arms")


def test_arms_share_their_luck(compared):
    arms, _, found = compared
    effects = found.effects.set_index(["arm", "output"])
    run = ta.run(SMALL, replicates=4).summary().loc["testosterone_ng_dl"]
    mine = effects.loc[("anastrozole", "testosterone")]
    assert mine["change_pct"] == pytest.approx(run["change_pct"], abs=1.5)
    assert mine["low_pct"] < mine["change_pct"] < mine["high_pct"] and mine["worth"] > 1
    assert effects.loc[("lighter", "serum E2 (LC-MS/MS)"), "change_pct"] < 0
    assert set(found.attribution) == {"anastrozole", "lighter"}
    same = compare({"a": arms["anastrozole"], "b": arms["anastrozole"]}, replicates=2)
    assert (same.effects["change_pct"].dropna() == 0.0).all()
    fewer = ta.load({**SMALL, "parameters": {"germ": {"commitment": 0.4}}})
    rates = compare({"a": ta.load(SMALL), "b": fewer}, replicates=2).attribution["b"].set_index("rate")
    assert rates.loc["A-pale to B differentiation", "numbers"] == pytest.approx(np.log(0.4 / 0.6))
    assert rates.loc["A-pale to B differentiation", "output_change_pct"] == pytest.approx(-33.3, abs=1.0)
    assert "anastrozole" in found.text() and "4 replicates" in found.text()


def test_large_ratios_and_widths_are_printed_as_plain_numbers():
    from testis_abm.experiments import compare as comparisons
    from testis_abm.experiments import swept as sweeps
    from testis_abm.results import attribution

    effect = {"reference": 300.0, "level": 600.0, "change_pct": 100.0, "low_pct": 90.0, "high_pct": 110.0}
    effect |= {"plausible_low_pct": 80.0, "plausible_high_pct": 120.0, "worth": 174.6}
    cells = comparisons._cells(pd.Series(effect, name="testosterone"), 4)
    assert cells[-1] == "x 175" and cells[4] == "+80 to +120"
    name = "testosterone_nmol_l, untreated"
    point = pd.Series({"replicates": 4, name: 20.0, f"{name}_half": 6.0})
    assert sweeps._level(point, QUANTITIES["testosterone_nmol_l"]) == "577 ± 173"
    assert attribution._changed(0.998) == "falls to 99.8 % of untreated"


def test_an_arm_is_the_man_that_run_makes(compared):
    _, _, found = compared
    run = ta.run(SMALL, replicates=1)
    days = run.hormones[(run.hormones["arm"] == "treated") & run.hormones["day"].between(8, 14)]
    mine = found.courses.set_index(["arm", "replicate", "day"]).loc[("anastrozole", 0, 14)]
    assert mine["testosterone_nmol_l"] == pytest.approx(days["testosterone_nmol_l"].mean(), rel=1e-12)
    assert mine["lh_iu_l"] == pytest.approx(days["lh_iu_l"].mean(), rel=1e-12)


def test_the_picture_says_what_its_band_is(compared, tmp_path, monkeypatch):
    from testis_abm.pictures import experiments

    drawn = []
    monkeypatch.setattr(experiments, "write_figure", lambda figure, *_: drawn.append(figure) or [])
    experiments.compared(compared[2], tmp_path)
    assert "mean and range of replicates (4, paired" in drawn[0].get_suptitle()
    band = drawn[0].axes[0].collections[0].get_paths()[0].vertices[:, 1]
    course = compared[2].courses.query("arm == 'none'")["testosterone_nmol_l"]
    assert band.max() == pytest.approx(clinical("testosterone_nmol_l", course.max()))


@pytest.mark.slow
def test_a_comparison_is_kept_grows_and_does_not_depend_on_workers(compared, tmp_path, monkeypatch):
    arms, folder, found = compared
    compare(arms, tmp_path / "two", replicates=4, title="arms", workers=2)
    for i in (1, 2):
        assert (compare(arms, tmp_path / "shards", replicates=4, title="arms", shard=(i, 2)) is None) == (i == 1)
    for other in ("two", "shards"):
        assert same_bytes(tmp_path / other, tmp_path) == same_bytes(folder, tmp_path)
    real = runner.work
    monkeypatch.setattr(runner, "work", lambda job, tasks: (done.extend(tasks), real(job, tasks))[1])
    done: list[Task] = []
    again = compare(arms, tmp_path / "two", replicates=4)
    pd.testing.assert_frame_equal(again.effects, found.effects)
    more = {**arms, "half a dose": ta.load({**SMALL, "therapy": [{**SMALL["therapy"][0], "dose": "0.5 mg"}]})}
    compare(more, tmp_path / "two", replicates=4)
    assert not done[4:] and {task.case for task in done} == {"half a dose"}
    other = ta.load(SMALL, overrides={"man.bmi": 31})
    with pytest.raises(TestisError, match=r"different scenario \(anastrozole.man.bmi"):
        compare({**arms, "anastrozole": other}, tmp_path / "two", replicates=4)


def test_a_replicate_that_fails_in_one_arm_is_left_out_in_all(compared):
    from testis_abm.experiments.compare import analyse as analyse_arms

    arms, folder, _ = compared
    table = read(folder)
    ill = (table["case"] == "lighter") & (table["replicate"] == 2)
    lost = table[ill].head(1).assign(error="he left the physical range", day=0)
    found = analyse_arms(arms, pd.concat([table[~ill], lost]), "arms")
    assert found.replicates == 3 and "1 runs failed: lighter: he left" in found.text()


def test_arms_of_different_length_or_name_are_told(tmp_path):
    one, other = (ta.load({**SMALL, "plan": {"duration": days}}) for days in ("40 days", "60 days"))
    with pytest.raises(TestisError, match="differ in length"):
        compare({"a": one, "b": other})
    with pytest.raises(TestisError, match="two or more"):
        compare({"a": one})
    path = tmp_path / "one.toml"
    path.write_text('title = "x"\n[[arm]]\nname = "a"\ntherapy = []\n[[arm]]\nname = "a"\n')
    with pytest.raises(TestisError, match='name "a" is that of another arm'):
        read_arms([path])
    path.write_text(
        'title = "x"\n[[arm]]\nname = "a"\ntherapy = [{ drug = "anastrozol", dose = "1 mg", every = "1 day" }]\n'
    )
    with pytest.raises(TestisError, match='nearest: "anastrozole"'):
        read_arms([path])


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        (5, "arm 1: name: 5 is no text"),
        ("", "arm 1: name is missing"),
        ("a\nb", r"arm 1 (a\nb): name: "),
        ("x" * 400, "): name: "),
    ],
)
def test_a_name_that_is_none_is_named(name, complaint):
    with pytest.raises(TestisError) as refused:
        read_arms({"arm": [{"name": name}, {"name": "b"}]})
    assert complaint in str(refused.value) and "title" not in str(refused.value)


def test_arms_of_several_files_are_plain_scenarios():
    with pytest.raises(TestisError, match=r"\[\[arm\]\] tables; use testis-abm compare with this file alone"):
        read_arms([ARMS, ARMS])


def test_the_command_says_that_it_works_out_plausible_models(tmp_path, capsys, monkeypatch):
    import tomli_w

    from testis_abm.cli.command import main

    monkeypatch.chdir(tmp_path)
    (tmp_path / "arms.toml").write_text(tomli_w.dumps(ARMS), encoding="utf-8")
    assert main(["compare", "arms.toml", "--replicates", "1", "--days", "20", "--no-plots", "--workers", "1"]) == 0
    said = capsys.readouterr().err.splitlines()
    (at,) = [
        k for k, line in enumerate(said) if re.fullmatch(r"compare: working out \d+ plausible models \.\.\.", line)
    ]
    assert any(line.startswith("compare: 3/3 runs") for line in said[:at])


def test_models_are_told_as_they_begin_and_what_is_raised_then_ends_the_work(compared):
    arms, folder, _ = compared
    told = []

    def tell(progress):
        if progress.models is not None:
            told.append(progress.models)

    compare(arms, folder, replicates=4, title="arms", progress=tell)
    assert sorted(begun for begun, _ in told) == list(range(1, told[0][1] + 1))
    assert len({of for _, of in told}) == 1

    def stop(progress):
        if progress.models is not None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(arms, folder, replicates=4, title="arms", progress=stop)


def test_the_picture_marks_what_injured_whom_and_a_run_marks_the_same(tmp_path, monkeypatch):
    from matplotlib.text import Text

    from testis_abm.pictures import courses, experiments, paper

    drawn, past, fever = (
        [],
        {"kind": "irradiation", "dose": "0.5 Gy", "day": "day -1"},
        {"kind": "fever", "days": "3 days"},
    )
    tables = {key: value for key, value in ARMS.items() if key != "arm"} | {"insult": [past, fever]}
    arms = {**tables, "arm": [{"name": "control"}, {"name": "cool", "insult": [past]}]}
    found = compare(arms, replicates=1)
    spans = courses.insults_of(found.scenarios)
    assert [(span.label, span.start, span.end) for span in spans] == [
        ("irradiation 0.5 Gy", -1.0, 0.0),
        ("fever 39 C for 3 days (control)", 0.0, 3.0),
    ]
    of_a_run = courses.spans(found.scenarios["control"])
    assert [(span.start, span.end) for span in of_a_run] == [(span.start, span.end) for span in spans]
    monkeypatch.setattr(experiments, "write_figure", lambda figure, *_: drawn.append(figure) or [])
    marked = []
    monkeypatch.setattr(paper, "_shade", lambda axes, shaded: marked.append((axes, shaded)))
    experiments.compared(found, tmp_path)
    assert [axes for axes, _ in marked] == drawn[0].axes and all(shaded == spans for _, shaded in marked)
    told = " ".join(text.get_text().replace("\n", " ") for text in drawn[0].findobj(Text))
    assert "irradiation 0.5 Gy" in told and "(control)" in told
    assert all(axes.get_xlim()[0] < -1.0 for axes in drawn[0].axes)
