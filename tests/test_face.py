"""The Python face: a man, therapies, twins and results that say, show and draw themselves (docs/python.md)."""

from __future__ import annotations

import copy
import pickle
import re
import sys
import tempfile
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import testis_abm as ta
from testis_abm.scenario.insult import Insult
from testis_abm.support import notebook

SHORT = {"tissue": {"tubules": 2}, "plan": {"baseline": "7 days", "duration": "30 days", "replicates": 2}}
DRUG = ta.Therapy("anastrozole", dose="1 mg", every="1 day")


@pytest.fixture(scope="module")
def run() -> ta.RunResult:
    return ta.run({**SHORT, "title": "Obese", "man": {"preset": "obese_low_t_e2"}}, therapies=[DRUG])


@pytest.fixture(scope="module")
def twin() -> ta.Twin:
    return ta.find_twin({"t": 9.0, "e2": 176, "lh": 3.1, "fsh": 4.4, "bmi": 33})


def test_a_man_is_of_a_preset_and_says_how_he_differs():
    man = ta.Man.preset("obese_low_t_e2", bmi="36 kg/m2", age="34 years")
    assert man == ta.Man(preset="obese_low_t_e2", bmi=36, age=34)
    assert man.preset == "obese_low_t_e2" and man.bmi == 36 and man["age"] == 34
    assert eval(repr(man), {"Man": ta.Man}) == man and "shbg" not in str(man)
    assert ta.load({"man": man}).man == ta.load({"man": man.as_dict()}).man


def test_a_man_and_what_he_is_given_are_the_scenario_that_a_file_says():
    man = ta.Man.preset("obese_low_t_e2", bmi=36)
    short = {"tissue.tubules": 2, "plan.baseline": "7 days", "plan.replicates": 1}
    ways: list[Any] = [
        DRUG,
        [DRUG],
        "anastrozole 1 mg daily",
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"},
    ]
    runs = [ta.run(man, therapies=way, days=10, seed=3, overrides=short, plausible=False) for way in ways]
    file = {
        "man": {"preset": "obese_low_t_e2", "bmi": 36},
        "tissue": {"tubules": 2},
        "plan": {"baseline": "7 days", "duration": "10 days", "replicates": 1, "seed": 3},
        "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
    }
    written = ta.run(file, plausible=False)
    for one in runs:
        assert one.hormones.equals(written.hormones) and one.title == "anastrozole 1 mg daily"
    assert ta.run(man, days="10 days", overrides=short, plausible=False).arms == ("untreated",)


def test_therapies_come_besides_those_of_a_scenario():
    both = ta.run(
        {**SHORT, "therapy": [DRUG]},
        therapies=["hCG 1500 IU three times weekly"],
        days=3,
        replicates=1,
        plausible=False,
    )
    assert [therapy.drug for therapy in both.scenario.therapy] == ["anastrozole", "hcg"]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ta.Therapy("anastrozole", dose="-1 mg"), 'dose: "-1 mg" is negative; a dose must be above 0 mg'),
        (lambda: ta.Man.preset("obese_low_te"), 'preset "obese_low_te" is not known; nearest: "obese_low_t_e2"'),
        (lambda: ta.Man.preset(bmj=30), 'key "bmj" is not known; nearest: "bmi"'),
        (
            lambda: ta.run(ta.Man(), therapies=[DRUG, "anastrozol 1 mg daily"]),
            'therapies: 2: drug "anastrozol" is not known',
        ),
        (lambda: ta.run(ta.Man(), therapies=7), "therapies: 1: 7 is no therapy; write for example ta.Therapy("),
        (lambda: ta.run(ta.Man(), days=0), "days: 0 is out of range; allowed: 1 to 9131"),
        (lambda: ta.run(ta.Man(), days="x"), 'days: "x" is not a length of time'),
        (lambda: ta.run("fertile_man", days="26 years"), 'days: "26 years" is out of range; allowed: 1 to 9131 days'),
        (lambda: ta.run(ta.Man(), progress=5), "progress: 5 is not a function"),
        (lambda: ta.run(ta.Man(), watch=5), "watch: 5 is not a function"),
        (lambda: ta.sweep("fertile_man", over={"man.bmi": [30]}, progress=5), "progress: 5 is not a function"),
        (lambda: ta.surface("fertile_man", progress=5), "progress: 5 is not a function"),
        (lambda: ta.Therapy("anastrozole", drug="letrozole"), "drug: is given twice, by place and as drug="),
        (lambda: Insult("heat", kind="torsion"), "kind: is given twice"),
        (lambda: ta.Man.preset("fertile", preset="fertile"), "preset: is given twice"),
        (lambda: ta.compare({"a": "fertile_man"}), "1 arm: compare needs two or more"),
        (lambda: ta.sweep("fertile_man", over={"man.bmj": [1, 2]}), 'sweep: over: man.bmj=1: key "bmj" is not known'),
    ],
)
def test_what_is_wrong_is_answered_as_of_a_file(call, message):
    with pytest.raises(ta.TestisError, match=re.escape(message)) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_a_twin_is_treated_by_words_and_by_therapy(twin):
    one, other = (twin.treat(way, days=60, men=8, ensemble=False) for way in ("anastrozole 1 mg daily", DRUG))
    assert one.after.equals(other.after) and len(one.before) == 8 and one.scenario.plan.duration_days == 60
    assert one.summary().loc["testosterone", "change_pct"] > 20
    assert one.answers is None and "under one set of parameters" in one.text()
    own = ta.load({"therapy": [DRUG], "plan": {"duration": "60 days"}})
    assert twin.treat(own, men=8, ensemble=False).after.equals(one.after)
    spread = twin.treat(DRUG, days=60, men=8)
    assert len(spread.answers) == 8 and "by answer" in spread.text()
    with pytest.raises(ta.ScenarioError, match="name a therapy"):
        twin.treat()


def test_the_man_of_laboratory_values_can_be_run(twin):
    man = twin.man()
    assert man.bmi == 33 and man["leydig_capacity"] == twin.men["leydig_capacity"].iloc[twin.representative]
    run = ta.run(twin, days=2, replicates=1, overrides={"tissue.tubules": 1}, plausible=False)
    assert run.scenario.man == man


def test_runs_are_compared_by_name_with_one_another_and_with_scenarios(run):
    found = ta.compare(untreated=run.untreated(), treated=run)
    effects = found.summary()
    summary = run.summary().set_index("column")
    assert found.arms == ("untreated", "treated")
    assert effects.loc[("treated", "LH"), "change_pct"] == pytest.approx(summary.loc["lh_iu_l", "change_pct"])
    course = found.courses.query("arm == 'treated' and replicate == 0 and day == 14")["testosterone_nmol_l"]
    day = run.hormones.query("arm == 'treated' and replicate == 0 and day == 14")["testosterone_nmol_l"]
    assert course.item() == pytest.approx(day.item())
    mixed = ta.compare({"run": run, "file": {**SHORT, "title": "Obese", "man": {"preset": "obese_low_t_e2"}}})
    assert mixed.summary().loc[("file", "LH"), "low_pct"] == pytest.approx(
        mixed.summary().loc[("file", "LH"), "high_pct"], abs=5
    )
    with pytest.raises(ta.ScenarioError, match="replicates: is of arms that are still to be run"):
        ta.compare({"a": run, "b": run.untreated()}, replicates=3)
    with pytest.raises(ta.ScenarioError, match='two arms are called "Obese'):
        ta.compare([run, run])


def test_runs_of_different_length_are_not_compared(run):
    nine = {**SHORT, "title": "Nine", "plan": {"baseline": "7 days", "duration": "9 days"}}
    short = ta.run(nine, replicates=1, plausible=False)
    for other in (short, nine):
        with pytest.raises(ta.TestisError, match=r"differ in length \(a: 7 \+ 30 days, b: 7 \+ 9 days\)"):
            ta.compare(a=run, b=other)


def test_a_comparison_of_runs_says_which_are_pairs_and_over_which_replicates(run):
    pytest.importorskip("matplotlib")
    case = run.scenario
    first = ta.run(case, replicates=1, plausible=False)
    cut = ta.compare(few=first, all=run)
    assert cut.replicates == 1 and cut.more == {"all": 2} and set(cut.courses["replicate"]) == {0}
    text = re.sub(r"\n +", " ", cut.text())
    assert "1 replicate, arms paired by common random numbers" in text
    assert "over replicate 1, which all arms have (all has 2)" in text
    row = cut.summary().loc[("all", "testosterone")]
    assert row["level"] == pytest.approx(row["reference"]) and row["change_pct"] == pytest.approx(0.0)
    other = ta.run(case, seed=9, plausible=False)
    apart = ta.compare(one=run, two=other)
    text = re.sub(r"\n +", " ", apart.text())
    assert "2 replicates, arms not paired\n" in text and "No interval: no arm is paired with one." in text
    assert "paired by" not in text + apart.plot().get_suptitle() and "by pairing" not in text
    mixed = ta.compare(one=run, same=run.untreated(), two=other)
    assert "2 replicates, same and one paired by common random numbers; two not\n" in mixed.text()


@pytest.mark.parametrize("name", ["", "a\nb", "a\x1b[2Jb", 5, None, "x" * 201])
def test_names_of_arms_are_one_line_wherever_they_come_from(run, name):
    file = {"title": "t", "arm": [{"name": name}, {"name": "b"}]}
    for arms in ({name: run, "b": run}, {name: "fertile_man", "b": "fertile_man"}, file):
        with pytest.raises(ta.ScenarioError, match=r"name|must be one line") as raised:
            ta.compare(arms)
        assert str(raised.value).isprintable()


@pytest.mark.parametrize("title", [None, float("nan"), "a\nb", 5])
def test_a_title_is_one_line(run, title):
    for arm in (run, "fertile_man"):
        with pytest.raises(ta.ScenarioError, match=r"title: .*(is not text|one line)"):
            ta.compare({"a": arm, "b": arm}, title=title)


def test_a_dollar_in_names_and_titles_begins_no_formula(run, tmp_path):
    pytest.importorskip("matplotlib")
    found = ta.compare({"$x^$_{": run.untreated(), "$": run}, title="$a_{$")
    found.plot(save=tmp_path / "arms.svg")
    drawn = (tmp_path / "arms.svg").read_text(encoding="utf-8")
    assert "$x^$_{" in drawn and "$a_{$" in drawn
    named = ta.run(SHORT, days=2, replicates=1, overrides={"title": "$x^$_{"}, plausible=False)
    named.plot(figure="hormones", save=tmp_path / "run.svg")
    assert "$x^$_{" in (tmp_path / "run.svg").read_text(encoding="utf-8")


def test_a_logarithmic_axis_has_plain_numbers(tmp_path):
    pytest.importorskip("matplotlib")
    over = {"therapy.1.dose": {"from": "0.1 mg", "to": "10 mg", "steps": 3, "scale": "log"}}
    found = ta.sweep({**SHORT, "therapy": [DRUG]}, over=over, engine="expected", outputs=["LH"])
    found.plot(save=tmp_path / "line.svg")
    drawn = (tmp_path / "line.svg").read_text(encoding="utf-8")
    assert ">0.1<" in drawn and ">10<" in drawn and "mathdefault" not in drawn


def test_copies_of_a_sweep_share_its_runs_and_only_a_folder_is_pickled(tmp_path):
    over, folder = {"man.bmi": [26, 34]}, tmp_path / "own"
    found = ta.sweep(SHORT, over=over, engine="expected", outputs=["LH"])
    twins = [copy.deepcopy(found), copy.copy(found)]
    with pytest.raises(ta.TestisError, match=r"cannot be pickled; give ta.sweep a folder"):
        pickle.dumps(found)
    table, place = found.table, found.folder
    del found
    assert all(twin.table.equals(table) for twin in twins)
    del twins
    assert not place.exists()
    kept = ta.sweep(SHORT, folder, over=over, engine="expected", outputs=["LH"])
    assert pickle.loads(pickle.dumps(kept)).table.equals(table)


def test_without_a_temporary_folder_there_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    for call in (
        lambda: ta.sweep("fertile_man", over={"man.bmi": [30]}),
        lambda: ta.compare({"a": "fertile_man", "b": "fertile_man"}),
    ):
        with pytest.raises(ta.TestisError, match=r"temporary folder: cannot be made: .*; set TMPDIR"):
            call()


def test_what_is_set_in_a_part_of_a_scenario_is_refused_with_the_way_to_do_it():
    man, drug = ta.Man.preset("obese_low_t_e2", bmi=36), ta.Therapy("anastrozole", "1 mg", every="1 day", until="day 9")
    with pytest.raises(ta.ScenarioError, match="bmi: cannot be set, as a Man is frozen") as raised:
        man.bmi = 30  # type: ignore[misc]
    words = str(raised.value).partition("make another: ")[2].replace("...", "30")
    assert eval(words, {"Man": ta.Man, "man": man}) == ta.Man.preset("obese_low_t_e2", bmi=30)
    with pytest.raises(ta.ScenarioError, match="until_day: cannot be set") as raised:
        drug.until_day = 3  # type: ignore[misc]
    words = str(raised.value).partition("make another: ")[2].replace("...", "'day 3'")
    assert eval(words, {"Therapy": ta.Therapy, "therapy": drug}).until_day == 3.0
    with pytest.raises(ta.ScenarioError, match="dose: cannot be set"):
        del drug.dose


def test_a_sweep_is_read_drawn_and_gone(tmp_path):
    pytest.importorskip("matplotlib")
    over = {"man.bmi": [26, 34], "therapy.1.dose": ["0.5 mg", "1 mg"]}
    found = ta.sweep({**SHORT, "therapy": [DRUG]}, over=over, engine="expected", outputs=["LH"])
    assert len(found.table) == 8 and {"man.bmi", "lh_iu_l", "arm"} <= set(found.table)
    assert len(found.summary()) == 4 and found.summary()["lh_iu_l, change_pct"].gt(0).all()
    picture = tmp_path / "map.png"
    found.plot(save=picture, dpi=60)
    assert picture.stat().st_size > 3000
    with pytest.raises(TypeError, match="sweep\\(\\) takes no colour"):
        ta.sweep("fertile_man", over=over, colour="red")
    folder = found.folder
    assert folder.exists()
    del found
    assert not folder.exists()


def test_every_result_shows_in_a_notebook_what_it_prints(run, twin):
    sweep = ta.sweep({**SHORT}, over={"man.bmi": [26, 34]}, engine="expected")
    compared = ta.compare(untreated=run.untreated(), treated=run)
    for result in (run, twin, sweep, compared, twin.treat(DRUG, days=10, men=6, ensemble=False)):
        text, html = str(result), result._repr_html_()
        assert text == result.text() and "<table>" in html and "<style>" in html and len(repr(result)) < 200
        numbers = re.findall(r"[0-9][0-9.,]*[0-9]", text)
        shown = re.sub(r"<[^>]*>", " ", html)
        assert len(numbers) > 5 and all(number in shown for number in numbers)
        assert len(result.summary())


def test_figures_show_themselves_and_take_size_resolution_and_file(run, tmp_path):
    pytest.importorskip("matplotlib")
    figure = run.plot(figure="hormones", save=tmp_path / "hormones.pdf", dpi=40, size=(5, 3))
    data, look = figure._repr_png_()
    assert data.startswith(b"\x89PNG") and look["width"] == 550
    assert np.frombuffer(data[16:24], dtype=">u4").tolist() == [200, 120]
    assert (tmp_path / "hormones.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(ta.TestisError, match="no window can be opened"):
        figure.show()
    for wrong, message in (
        ({"save": "a.doc"}, "one of png"),
        ({"save": "."}, 'save: "." names no file'),
        ({"size": 3}, "a width and a height"),
        ({"dpi": 5}, "dpi: 5 is out of range"),
        ({"figure": None, "dpi": 90}, "dpi: is of one figure"),
        ({"figure": "semn"}, 'nearest: "semen"'),
    ):
        with pytest.raises(ta.ScenarioError, match=message):
            run.plot(**{"figure": "hormones", **wrong})


def test_progress_in_a_notebook_is_one_line_that_goes(monkeypatch):
    shown: list[str] = []
    handle = SimpleNamespace(update=lambda data, raw: shown.append(data["text/plain"]))

    def display(data, raw, display_id):
        shown.append(data["text/plain"])
        return handle

    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=True))
    monkeypatch.setitem(sys.modules, "IPython", ipython)
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display))
    monkeypatch.setattr(notebook, "_PATIENCE", 0.0)
    monkeypatch.setattr(notebook, "_EVERY", 0.0)
    ta.run(SHORT, days=20, replicates=3, plausible=False)  # not the 2 of the plan
    assert shown[0].endswith("replicate 1 of 3") and shown[-2].startswith("100 %") and shown[-1] == ""
    del shown[:]
    ta.sweep(SHORT, over={"man.bmi": [26, 34]}, engine="expected")
    assert any("of 2 runs" in text for text in shown) and shown[-1] == ""
    del shown[:]
    ta.run(SHORT, days=3, plausible=False, progress=False)
    assert not shown
    monkeypatch.setattr(notebook, "_PATIENCE", 100.0)  # what is soon done shows nothing
    ta.run(SHORT, days=3, plausible=False)
    assert not shown
