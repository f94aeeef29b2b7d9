"""Forms of experiments: what they ask for is what the commands run; what is wrong, or too large, is said."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.app.experiments import estimate, paths
from testis_abm.app.experiments.arms import _ESTIMANDS
from testis_abm.app.experiments.asked import Typed
from testis_abm.app.experiments.forms import FORMS, asked, shell
from testis_abm.app.jobs import desk as desks
from testis_abm.app.jobs import folders
from testis_abm.choices import CELLS, EXPECTED
from testis_abm.experiments.trial_design import ESTIMANDS
from testis_abm.scenario import load
from testis_abm.scenario.shipped import shipped
from testis_abm.support.errors import TestisError

PLAIN = [name for name in shipped() if "/" not in name]
OTHER = {"other1": "clomiphene 25 mg daily"}


def said(form):
    return OTHER if form in ("compare", "trial") else {}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", PLAIN)
def test_every_form_takes_every_scenario_as_it_is_prefilled(name, form):
    made, limit = asked(form, load(name), said(form))
    assert not limit and made.size.runs > 0 and made.title
    again = tomllib.loads(made.file)
    assert form == "study" or again["plan"]["seed"]
    assert shell(made).startswith(f"testis-abm {' '.join(made.command)} ")


def test_a_ranking_of_his_physiology_varies_no_lesion_that_he_does_not_have():
    over = asked("sensitivity", load("obese_anastrozole"), {})[0].tables["sensitivity"]["over"]
    assert "man.bmi" in over and "man.hyalinised_tubules" not in over and "man.arrested_tubules" not in over
    his = load("obese_anastrozole", overrides={"man.hyalinised_tubules": 0.4})
    row = asked("sensitivity", his, {})[0].tables["sensitivity"]["over"]["man.hyalinised_tubules"]
    assert (row["from"], row["to"]) == (0.2, 0.6)


@pytest.mark.parametrize(
    "form", ["dose", "map", "compare", pytest.param("trial", marks=pytest.mark.slow), "sensitivity"]
)
def test_the_file_is_what_the_command_runs(form, tmp_path):
    case = load("obese_anastrozole", overrides={"plan.duration": "20 days", "samples.blood": ["day 0"], "observed": []})
    small = {"dose": {"steps": "2"}, "map": {"steps1": "2", "steps2": "2"}, "compare": {**OTHER, "replicates": "2"}}
    small |= {"trial": {**OTHER, "men": "5", "weeks": "3"}, "sensitivity": {"samples": "4"}}
    made, limit = asked(form, case, small[form])
    assert not limit
    file = tmp_path / "experiment.toml"
    file.write_text(made.file)
    if form == "sensitivity":  # of 45 inputs: reading it is enough here
        from testis_abm.experiments.sensitivity import prepare

        assert len(prepare(file).tasks) == made.size.runs
        return
    run = getattr(ta, made.kind)
    found = run(file, tmp_path / "out")
    if form in ("dose", "map"):
        rows = found.table
        assert rows["point"].nunique() == made.size.runs and not (rows["error"] != "").any()
    elif form == "trial":
        assert len(found.men) == made.size.runs
    else:
        assert len(found.arms) * found.replicates == made.size.runs
        assert list(found.arms) == ["untreated", "anastrozole 1 mg daily", "clomiphene 25 mg daily"]


def test_a_dose_response_is_of_the_drug_of_the_form_or_of_one_that_is_added():
    treated, _ = asked("dose", load("obese_anastrozole"), {})
    assert treated.tables["sweep"]["over"] == {
        "therapy.1.dose": {"from": "0.12 mg", "to": "3 mg", "steps": 8, "scale": "log"}
    }
    added, _ = asked(
        "dose", load("fertile_man"), {"path": "add letrozole", "from": "1", "to": "4 mg", "scale": "linear"}
    )
    assert added.tables["therapy"][0]["drug"] == "letrozole"
    assert added.tables["sweep"]["over"]["therapy.1.dose"] == {
        "from": "1 mg",
        "to": "4 mg",
        "steps": 8,
        "scale": "linear",
    }


def test_every_drug_can_be_added_and_be_an_alternative():
    case = load("fertile_man")
    fields = {field.name: field for field in FORMS["compare"].fields(case, {}, ())}
    lines = [line for line, _ in fields["other1"].options]
    assert len(lines) == len(parameters.drugs())
    for line in lines:
        assert len(asked("compare", case, {"other1": line})[0].tables["arm"]) == 2
        assert asked("dose", case, {"path": f"add {line.partition(' ')[0]}"})


def test_untreated_arms_have_no_insult_of_the_plan_and_alternatives_have():
    made, _ = asked("compare", load("fever"), OTHER)
    insults = [bool(arm.get("insult", made.tables["insult"])) for arm in made.tables["arm"]]
    assert insults == [False, True, True]


def test_kept_arms_bring_their_men():
    class Run:
        scenario = load("fertile_man", overrides={"man.bmi": 31})

    made, _ = asked("compare", load("obese_anastrozole"), {}, [("another man", Run())])
    kept = made.tables["arm"][-1]
    assert kept["name"] == "another man" and kept["set"]["man.bmi"] == 31 and kept["therapy"] == []
    from testis_abm.experiments.compare import read_arms

    assert dict(read_arms(made.tables)[1]["another man"].man.physiology) == dict(Run.scenario.man.physiology)


def test_everything_that_is_offered_can_be_varied_over_its_range():
    from testis_abm.experiments.design import Design, parse_axis
    from testis_abm.experiments.files import read_experiment
    from testis_abm.experiments.sweep import KEYS, check_axes

    case = load("obese_anastrozole")
    known = paths.varied(case)
    assert len({of.words for of in known.values()}) == len(known)
    offered = [of for k, of in enumerate(known.values()) if k < 60 or k % 9 == 0]  # each takes three readings
    over = {
        of.path: {"from": of.end(of.low) if of.unit else of.low, "to": of.end(of.high) if of.unit else of.high}
        for of in offered
    }
    tables = {
        "man": {"preset": "obese_low_t_e2"},
        "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
    }
    file = read_experiment({**tables, "sweep": {"engine": EXPECTED, "over": over}}, "sweep", KEYS)
    check_axes(file, Design(tuple(parse_axis(path, given) for path, given in over.items()), ()), EXPECTED)
    for of in offered:
        assert paths.named(case, of.words.upper()) == paths.named(case, of.path) == of


@pytest.mark.parametrize(
    ("form", "typed", "words"),
    [
        ("dose", {"steps": "many"}, 'Doses: "many" is not a number'),
        ("dose", {"steps": "1"}, "Doses: 1 is out of range; allowed: 2 to 200"),
        ("dose", {"steps": "1e999"}, "Doses"),
        ("dose", {"from": "5 mg", "to": "1 mg"}, "is not below"),
        ("dose", {"from": "5 pg"}, "units"),
        ("dose", {"from": "nothing"}, "nothing"),
        ("dose", {"at": "day 9999"}, "day 9999 is outside the plan"),
        ("dose", {"at": "soon"}, "soon"),
        ("map", {"path1": "man.colour"}, '"man.colour" cannot be varied'),
        ("map", {"path1": "../../etc/passwd"}, "cannot be varied"),
        ("map", {"path1": "man.bmi"}, "both are"),
        ("compare", {"untreated": "no"}, "nothing to compare"),
        ("compare", {"other1": "clomiphene"}, "Alternative 1"),
        ("compare", {"other1": "arsenic 1 mg daily"}, "arsenic"),
        ("trial", {"where": "colour > 3"}, "colour"),
        ("trial", {"men": "3"}, "Men per arm: 3 is out of range"),
        ("trial", {"stops": "90"}, "Stop treatment"),
        ("sensitivity", {"method": "sobol", "samples": "24"}, "use 16 or 32"),
        ("study", {"sets": "0"}, "Parameter sets"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(form, typed, words):
    case = load("obese_anastrozole")
    with pytest.raises(TestisError, match=re.escape(words)):
        made, limit = asked(form, case, typed)
        if form == "trial" and not limit:  # criteria are read when the men are drawn
            from testis_abm.experiments.trial import prepare

            prepare(dict(made.tables))


@pytest.mark.slow
def test_a_closed_list_takes_nothing_else():
    case = load("obese_anastrozole")
    for form, of in FORMS.items():
        fields = of.fields(case, {}, ())
        usual = asked(form, case, said(form))[0]
        for field in (one for one in fields if one.choice):
            for text in ("--out", ""):
                typed = {**said(form), field.name: text}
                assert Typed(of.fields(case, typed, ()), typed)[field.name] == field.value
                assert asked(form, case, typed)[0].command == usual.command
                assert asked(form, case, typed)[0].after == usual.after


def test_what_is_too_large_names_the_limit_and_the_command_and_has_a_file():
    case = load("obese_anastrozole")
    made, limit = asked("map", case, {"steps1": "200", "steps2": "200"})
    assert "40,000 runs are more than this page runs (20,000)" in limit and "testis-abm sweep experiment.toml" in limit
    assert "sweep" in tomllib.loads(made.file)
    with pytest.raises(TestisError, match="Men per arm"):
        asked("trial", case, {"men": "5000"})
    assert "men are more" in asked("trial", case, {"men": "1500"})[1]
    cells = {"engine": CELLS, "replicates": "50", "steps1": "20", "steps2": "20"}
    assert "Sertoli cells" in asked("map", case, cells)[1]
    for size in ("coarse", "fine"):
        assert not asked("surface", case, {"size": size})[1]


def test_estimands_are_those_of_trials():
    assert _ESTIMANDS.keys() == ESTIMANDS.keys()


def test_times_are_in_words_that_are_no_more_exact_than_known():
    told = [estimate.about(value) for value in (0.2, 2.4, 7.6, 33.0, 70.0, 1000.0, 20000.0, float("inf"))]
    assert told == [
        "about 1 s",
        "about 2 s",
        "about 10 s",
        "about 35 s",
        "about 1 min",
        "about 15 min",
        "about 5.6 h",
        "a long time",
    ]


def test_a_run_is_timed_and_more_of_them_take_longer():
    case = load("obese_anastrozole", overrides={"tissue.tubules": 1})
    for engine in (EXPECTED, CELLS):
        pace = estimate.pace(case, engine)
        assert pace.seconds(100) > 0.0 and pace.strain >= 1.0
        few, many = (
            asked("map", case, {"engine": engine, "steps1": steps, "steps2": steps, "replicates": "1"})[0]
            for steps in ("2", "20")
        )
        assert estimate.seconds(many, pace, here=True) > estimate.seconds(few, pace, here=True) > estimate.START


def test_only_this_machine_sees_its_results_folders_and_never_those_of_visitors(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(folders.VARIABLE, raising=False)
    tables = {
        "title": "Doses",
        "plan": {"duration": "20 days"},
        "sweep": {"engine": EXPECTED, "over": {"man.bmi": [24, 36]}},
    }
    place = tmp_path / "runs"
    for name in ("mine", "page/visitor/job/results"):
        ta.sweep(tables, place / name, workers=1)
    (tmp_path / "elsewhere").mkdir()
    ta.sweep(tables, tmp_path / "elsewhere" / "secret", workers=1)
    (place / "link").symlink_to(tmp_path / "elsewhere" / "secret")
    (place / "deep").symlink_to(tmp_path / "elsewhere")
    (place / "broken").mkdir()
    (place / "broken" / "manifest.json").write_text("{}")
    desks.publish(place / "page", here=True)
    try:
        assert [(one.folder.name, one.kind, one.title) for one in folders.found()] == [("mine", "sweep", "Doses")]
        assert "mine" not in folders.found()[0].name and str(tmp_path) not in folders.found()[0].name
        desks.publish(place / "page", here=False)
        assert folders.found() == []
        folders.publish([str(place / "mine")])
        assert [one.folder for one in folders.found()] == [(place / "mine").resolve()]
        with pytest.raises(TestisError):
            folders.publish([str(Path(place))])
    finally:
        monkeypatch.delenv(desks.VARIABLE)
        desks.desk.cache_clear()


def test_a_machine_that_others_use_takes_longer():
    made, _ = asked("dose", load("obese_anastrozole"), {})
    alone, shared = (estimate.seconds(made, estimate.Pace(0.001, 1e-5, strain), here=True) for strain in (1.0, 3.0))
    assert 2.0 * alone < shared < 3.1 * alone
