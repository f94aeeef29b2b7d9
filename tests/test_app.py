"""The app without a browser: drafts, links, uploads, labs, charts, stores, sessions, and how it is served."""

from __future__ import annotations

import ast
import base64
import dataclasses
import io
import json
import math
import socket
import threading
import time
import xml.etree.ElementTree as ElementTree
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as some

import testis_abm as ta
from testis_abm import parameters
from testis_abm.app import draft, matching, serve, share, stores
from testis_abm.cli.command import main
from testis_abm.experiments.simulate import so_far
from testis_abm.experiments.sweep import Swept
from testis_abm.pictures import courses, screen, sweeps
from testis_abm.pictures.chart import Curve, HeatMap, Mark, Panel, Span
from testis_abm.pictures.reference import Range
from testis_abm.population import report
from testis_abm.support import files
from testis_abm.support.errors import ScenarioError, TestisError

SCENARIOS = sorted(Path(__file__).parents[1].joinpath("scenarios").glob("*.toml"))
THERAPY = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
SMALL = {
    "title": "Small",
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 1},
    "plan": {"baseline": "4 days", "duration": "30 days", "replicates": 3},
    "therapy": [THERAPY],
    "samples": {"semen": ["day 0", "day 28"]},
}
# What a browser can put into a message.
SENT = some.one_of(
    some.text(max_size=30),
    some.floats(),
    some.integers(),
    some.booleans(),
    some.none(),
    some.lists(some.integers()),
    some.dictionaries(some.text(max_size=3), some.integers()),
    some.just(10**400),
)


@pytest.fixture(scope="module")
def result():
    return ta.run(SMALL)


# ---- drafts


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_draft_says_what_its_scenario_says(path):
    scenario = ta.load(path)
    assert draft.understood(draft.of(scenario)).scenario == scenario
    assert ta.load(draft.short(scenario)) == scenario


def test_the_first_draft_can_be_run():
    said = draft.understood(draft.start())
    assert said.scenario is not None and not said.problems
    assert said.scenario.plan.duration_days == 270 and not said.scenario.treated


@pytest.mark.parametrize("name", list(parameters.drugs()))
def test_every_drug_can_be_added_as_it_is_usually_given(name):
    said = draft.understood(draft.with_therapy(draft.start(), name))
    assert not said.problems, said.lines
    assert said.scenario.therapy[0].drug == name and said.scenario.treated


@pytest.mark.parametrize("name", list(parameters.presets()))
def test_another_man_keeps_the_treatment(name):
    before = draft.with_therapy(draft.start(), "anastrozole")
    after = draft.with_preset(before, name)
    assert after["therapy"] == before["therapy"] and after["title"] == parameters.presets()[name].title
    assert draft.understood(after).scenario.man.preset == name


def test_changes_leave_the_draft_alone():
    before = draft.with_therapy(draft.start(), "anastrozole")
    kept = json.dumps(before)
    draft.with_cell(before, "therapy", 0, "dose", "2 mg")
    draft.with_slider(before, draft.SLIDERS[0], 30.0)
    draft.with_duration(before, "20")
    draft.without(before, ("therapy", 0))
    draft.with_weight(before)
    draft.with_preset(before, "klinefelter")
    assert json.dumps(before) == kept


@pytest.mark.parametrize("slider", draft.SLIDERS, ids=lambda of: of.field)
def test_a_slider_shows_what_was_set_and_its_ends_are_allowed(slider):
    for value in (slider.low, slider.high, (slider.low + slider.high) / 2.0):
        changed = draft.with_slider(draft.start(), slider, value)
        assert slider.shown(changed) == pytest.approx(value)
        assert draft.understood(changed).scenario is not None
    assert (slider.clamp(-1e9), slider.clamp(1e9)) == (slider.low, slider.high)


@given(SENT)
def test_whatever_a_slider_is_sent_is_taken_or_explained(value):
    for slider in (draft.SLIDERS[0], draft.SLIDERS[3]):
        said = draft.understood(draft.with_slider(draft.start(), slider, value))
        assert said.scenario is not None or said.at("man", slider.field)
        assert slider.low <= slider.clamp(value) <= slider.high


@checked(deadline=None)
@given(some.sampled_from(["dose", "every", "from", "until", "when", "drug"]), some.text(max_size=30))
def test_whatever_is_typed_into_a_therapy_is_taken_or_explained(key, text):
    said = draft.understood(draft.with_cell(draft.with_therapy(draft.start(), "anastrozole"), "therapy", 0, key, text))
    assert said.scenario is not None or said.lines


@checked(deadline=None)
@given(some.text(max_size=30))
def test_whatever_is_typed_as_duration_is_taken_or_explained(text):
    said = draft.understood(draft.with_duration(draft.start(), text))
    assert said.scenario is not None or said.lines


# A scenario of which nothing is left to a default.
WHOLE = {
    "title": "After surgery",
    "man": {
        "preset": "obese_low_t_e2",
        "bmi": 41.5,
        "motility": 0.7,
        "history": "testosterone_enanthate 200 mg every 7 days for 52 weeks",
    },
    "tissue": {"tubules": 3, "sertoli_per_tubule": 20},
    "plan": {"baseline": "14 days", "duration": "300 days", "replicates": 2, "seed": 5, "engine": "reference"},
    "therapy": [
        {
            "drug": "gonadorelin",
            "route": "intravenous",
            "dose": "10 ug",
            "every": "2 hours",
            "from": "day 3",
            "until": "day 30",
            "over": "1 hour",
            "when": "LH < 5 IU/L",
        },
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"},
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "when": "testosterone < 300 ng/dL", "adds": True},
    ],
    "weight": [{"bmi": 30, "until": "day 180"}, {"bmi": 33, "from": "day 200", "until": "day 290"}],
    "samples": {
        "blood": ["day 0", "day 28"],
        "semen": {"every": "30 days"},
        "biopsy": ["day 90"],
        "abstinence": "5 days",
        "assay": "lc-ms",
    },
    "observed": [
        {"variable": "oestradiol_pmol_l", "day": "day 28", "value": 20.0, "unit": "pg/mL", "label": "Somebody 2001"}
    ],
    "parameters": {"axis.immunoassay_oestradiol_scale": 1.1},
}
ROW_FIELDS = {
    "therapy": {"drug", "dose", "every", "from", "until", "over", "when", "adds", "route"},
    "weight": {"bmi", "from", "until"},
}


def _leaves(tables, path=()):
    for key, value in tables.items() if isinstance(tables, dict) else enumerate(tables):
        if isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict)):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


@pytest.mark.parametrize("scenario", [*SCENARIOS, WHOLE], ids=lambda of: getattr(of, "stem", "whole"))
def test_all_of_a_scenario_is_a_field_or_is_listed_and_can_be_removed(scenario):
    now = draft.of(ta.load(scenario))
    listed = {extra.path for extra in draft.extras(now)}
    usual = dict(_leaves(draft.of(ta.Scenario())))
    fields = {("title",), ("man", "preset"), ("samples", "assay")}
    fields |= {("man", slider.field) for slider in draft.SLIDERS} | {
        ("plan", key) for key in ("duration", "baseline", "replicates", "seed")
    }
    for path, value in _leaves(now):
        row = path[0] in ROW_FIELDS and path[2] in ROW_FIELDS[path[0]]
        within = any(path[: len(of)] == of for of in listed) or (
            path == ("man", "history") and any(of[:2] == path for of in listed)
        )
        assert path in fields or row or within or usual.get(path) == value or value == [], path
    for extra in draft.extras(now):
        assert draft.understood(draft.without(now, extra.path)).scenario is not None
    bare = draft.without_extras(now)
    assert not draft.extras(bare) and draft.understood(bare).scenario is not None
    assert all(len(extra.text) > 10 for extra in draft.extras(now))


@pytest.mark.parametrize("name", list(parameters.presets()))
def test_another_man_inherits_nothing_of_the_former(name):
    before = draft.of(ta.load({**WHOLE, "plan": {**WHOLE["plan"], "engine": "compiled"}}))
    after = draft.understood(draft.with_preset(before, name)).scenario
    fresh = ta.load({"man": {"preset": name}, "plan": before["plan"]})
    assert (after.title, after.man, after.weight, after.observed) == (
        parameters.presets()[name].title,
        fresh.man,
        (),
        (),
    )
    assert after.samples.assay == fresh.samples.assay
    whole = ta.load(WHOLE)
    assert (
        after.therapy == whole.therapy
        and after.parameters == whole.parameters
        and after.samples.blood == whole.samples.blood
    )
    told = " ".join(draft.belongings(before))
    for word in ("testosterone_enanthate", "bmi 30", "bmi 33", "oestradiol", "lc-ms"):
        assert word in told
    assert not draft.belongings(draft.with_preset(before, name))


def test_a_change_of_weight_is_edited_and_removed():
    now = draft.with_duration(
        draft.of(
            ta.load({"plan": {"duration": "200 days"}, "weight": [{"bmi": 20, "from": "day 100", "until": "day 150"}]})
        ),
        "90",
    )
    assert draft.understood(now).scenario is None and "end of the plan" in draft.understood(now).at("weight", 0, "from")
    mended = draft.with_cell(draft.with_cell(now, "weight", 0, "from", "10"), "weight", 0, "bmi", "21.5")
    assert draft.understood(mended).scenario.weight[0].bmi == 21.5 and draft.cell(mended, "weight", 0, "from") == "10"
    assert not draft.understood(draft.without(now, ("weight", 0))).scenario.treated
    assert draft.understood(draft.with_weight(draft.with_weight(draft.start()))).scenario.weight[1].from_day == 90.0


def test_a_wrong_cell_is_told_beside_its_field():
    wrong = draft.with_cell(draft.with_therapy(draft.start(), "anastrozole"), "therapy", 0, "dose", "-1 mg")
    said = draft.understood(wrong)
    assert said.scenario is None
    assert "negative" in said.at("therapy", 0, "dose") and not said.at("therapy", 0, "every")


def test_bare_numbers_are_days():
    now = draft.with_therapy(draft.start(), "anastrozole")
    for key, text in (("from", "30"), ("until", "90"), ("every", "2")):
        now = draft.with_cell(now, "therapy", 0, key, text)
    therapy = draft.understood(draft.with_duration(now, "120")).scenario.therapy[0]
    assert draft.cell(now, "therapy", 0, "from") == "30" and draft.cell(now, "therapy", 0, "until") == "90"
    assert therapy.as_dict()["from"] == "day 30" and therapy.as_dict()["until"] == "day 90"
    assert therapy.as_dict()["every"] == "2 days"


def test_another_drug_takes_its_own_route():
    now = draft.with_therapy(draft.start(), "anastrozole")
    now = draft.with_entry(now, "oral", "therapy", 0, "route")
    now = draft.with_cell(
        draft.with_cell(now, "therapy", 0, "drug", "testosterone_undecanoate"), "therapy", 0, "dose", "1000 mg"
    )
    assert "route" not in now["therapy"][0]


def test_a_shorter_plan_drops_the_samples_beyond_it():
    scenario = ta.load({**SMALL, "samples": {"semen": ["day 0", "day 28"], "blood": ["day 0", "day 28"]}})
    said = draft.understood(draft.with_duration(draft.of(scenario), "14"))
    assert said.scenario is not None, said.lines
    assert said.scenario.plan.duration_days == 14


@pytest.mark.parametrize(
    "tables, at",
    [
        ({"tissue": {"tubules": 10_000}}, ("tissue",)),
        ({"plan": {"replicates": 51}}, ("plan", "replicates")),
        ({"plan": {"duration": "11 years"}}, ("plan", "duration")),
        ({"plan": {"engine": "reference"}}, ("plan", "engine")),
        ({"plan": {"replicates": 50, "duration": "9 years"}}, ("plan",)),
    ],
)
def test_what_is_too_large_for_the_page_is_told(tables, at):
    said = draft.understood(draft.of(ta.load(tables)))
    assert said.scenario is not None and "testis-abm run" in said.at(*at)


# ---- links and files


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_link_restores_the_scenario_exactly(path):
    scenario = ta.load(path)
    link = share.link(scenario)
    assert share.is_link(link) and share.from_link(link) == scenario
    assert set(link) <= set("#s=") | set("-_") | set(map(chr, range(48, 58))) | set(map(chr, range(65, 91))) | set(
        map(chr, range(97, 123))
    )


def test_a_link_keeps_every_digit():
    scenario = ta.load({"man": {"leydig_capacity": 0.1 + 0.2, "bmi": 1e2 / 3.0}, "title": "Ünï “co” de"})
    assert share.from_link(share.link(scenario)) == scenario


def _packed(content: bytes) -> str:
    return "#s=1" + base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


GOOD = share.link(ta.load(SMALL))


@pytest.mark.parametrize(
    "link, told",
    [
        (GOOD[:-7], "damaged"),
        (GOOD[:20] + "AAAA" + GOOD[24:], "damaged"),
        (GOOD[:20] + "%3" + GOOD[22:], "damaged"),
        ("#s=", "not made by this version"),
        ("#s=2" + GOOD[4:], "not made by this version"),
        ("#s=1", "damaged"),
        ("#s=1" + "A" * 30_000, "longer than"),
        (_packed(b"0" * 10_000_000), "holds more than"),
        (_packed(b"[" * 100_000), "damaged"),
        (_packed(b"9" * 10_000), "damaged"),
        (_packed(b"[1]"), "damaged"),
        (_packed(b"\xff\xfe"), "damaged"),
        (_packed(b'{"man": 3}'), "man"),
        (_packed(b'{"man": {"bmi": NaN}}'), "bmi"),
        (_packed(b'{"man": {"preset": "obese_low_te"}}'), "obese_low_t_e2"),
        (_packed(b'{"__class__": "os.system"}'), "__class__"),
    ],
)
def test_a_bad_link_is_refused_with_the_reason(link, told):
    with pytest.raises(ScenarioError, match=told) as error:
        share.from_link(link)
    assert all(line.startswith("link: ") for line in str(error.value).splitlines())


@checked(deadline=None)
@given(some.one_of(some.text(max_size=60), some.binary(max_size=60).map(_packed)))
def test_no_link_does_worse_than_be_refused(text):
    try:
        assert isinstance(share.from_link(text), ta.Scenario)
    except ScenarioError as error:
        assert str(error).startswith("link: ")


def test_a_file_restores_its_scenario():
    scenario = ta.load(SMALL)
    assert share.from_upload("mine.toml", scenario.to_toml().encode()) == scenario


@pytest.mark.parametrize(
    "name, content, told",
    [
        ("picture.png", b"\x89PNG\r\n\x1a\n\x00\x00", "picture.png"),
        ("wide.toml", "title = 'x'".encode("utf-16"), "wide.toml"),
        ("large.toml", b"#" * 200_001, "200 kB"),
        ("cut.toml", b"[man\n", "cut.toml"),
        ("odd.toml", b"[man]\nbmi = -3", "bmi"),
        ("../../etc/\x1b[31mpasswd", b"nonsense", "passwd"),
        (None, b"nonsense", "None"),
    ],
)
def test_a_bad_file_is_refused_with_the_reason(name, content, told):
    with pytest.raises(ScenarioError, match=told) as error:
        share.from_upload(name, content)
    assert "\x1b" not in str(error.value)


@pytest.mark.parametrize("title", ["../../etc/passwd", "C:\\x", "Ünï “co” de", "𝟙 ٣", "con", ".", "a" * 200])
def test_a_file_name_is_plain(title):
    stem, _, ending = share.file_name(ta.load({"title": title})).partition(".")
    assert ending == "toml" and stem and set(stem) <= set("abcdefghijklmnopqrstuvwxyz0123456789_") and len(stem) <= 40


@pytest.mark.parametrize("path", SCENARIOS[:6], ids=lambda path: path.stem)
def test_the_python_shown_is_the_same_scenario(path):
    scenario = ta.load(path)
    call = next(node for node in ast.walk(ast.parse(share.python(scenario))) if isinstance(node, ast.Call))
    assert ta.load(ast.literal_eval(call.args[0])) == scenario


def test_the_command_shown_runs_the_file_that_is_downloaded(tmp_path, monkeypatch, capsys):
    scenario = ta.load({**SMALL, "plan": {**SMALL["plan"], "replicates": 1}})
    monkeypatch.chdir(tmp_path)
    (tmp_path / share.file_name(scenario)).write_text(scenario.to_toml(), encoding="utf-8")
    program, *arguments = share.command(scenario).split()
    assert program == "testis-abm" and main([*arguments, "--no-plots"]) == 0
    assert "testosterone" in capsys.readouterr().out


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_tables_are_downloaded_whole(result, kind):
    with zipfile.ZipFile(io.BytesIO(share.tables(result, kind))) as files:
        assert ta.load(_written(files, "scenario.toml")) == result.scenario
        assert json.loads(files.read("run.json"))["seed"] == result.scenario.plan.seed
        read = pd.read_csv if kind == "csv" else pd.read_parquet
        for name in ("hormones", "semen", "tissue"):
            table = read(io.BytesIO(files.read(f"{name}.{kind}")))
            assert list(table) == list(result.tables[name]) and len(table) == len(result.tables[name])
        assert np.allclose(
            read(io.BytesIO(files.read(f"hormones.{kind}")))["testosterone_nmol_l"],
            result.tables["hormones"]["testosterone_nmol_l"],
        )


def _written(files: zipfile.ZipFile, name: str) -> dict:
    import tomllib

    return tomllib.loads(files.read(name).decode())


def test_pictures_are_downloaded_as_png_and_svg(result):
    with zipfile.ZipFile(io.BytesIO(share.pictures(result))) as files:
        names = files.namelist()
        assert {"hormones.png", "hormones.svg", "tubules.png"} <= set(names)
        assert files.read("hormones.png").startswith(b"\x89PNG")


# ---- labs


def test_labs_are_read_with_their_units():
    from testis_abm.app.matching import read_labs

    read = read_labs({"t": "288.4 ng/dL", "e2": "", "bmi": " 33 ", "lh": "3.1 IU/L"})
    assert set(read) == {"t", "bmi", "lh"}
    assert read["t"].value == pytest.approx(10.0, rel=1e-3) and read["bmi"].value == 33.0


@pytest.mark.parametrize(
    "texts, told",
    [
        ({"bmi": "33 kg"}, "not a unit of body mass index"),
        ({"bmi": "nan"}, "not a number"),
        ({"age": "-4"}, "implausible"),
        ({"t": "many"}, "many"),
        ({"t": "9000 ng/dL"}, "Testosterone: .* implausible"),
        ({"e2": "30 furlongs"}, "furlongs"),
    ],
)
def test_labs_that_no_man_has_are_refused(texts, told):
    from testis_abm.app.matching import read_labs

    with pytest.raises(TestisError, match=told):
        read_labs(texts)


LABS = {"t": "260 ng/dL", "e2": "48 pg/mL", "lh": "3.1", "fsh": "4.4", "concentration": "4 M/mL", "bmi": "33"}


def _match(**texts: str) -> matching.Match:
    return matching.find(matching.read_labs(texts), "immunoassay")


@pytest.fixture(scope="module")
def match():
    return _match(**LABS)


def test_the_representative_has_the_levels_that_the_table_says(match):
    table = matching.labs_table(match)
    run = ta.run(
        {"man": match.man.as_dict(), "tissue": {"tubules": 1}, "plan": {"baseline": 0, "duration": 2, "replicates": 1}}
    )
    first = run.summary()["mean"]
    own = table["representative virtual patient"]
    assert match.man.bmi == 33.0 and own["BMI (kg/m2)"] == "33.0"
    for name, heading in (
        ("testosterone_ng_dl", "testosterone (ng/dL)"),
        ("lh_iu_l", "LH (IU/L)"),
        ("fsh_iu_l", "FSH (IU/L)"),
    ):
        assert float(own[heading]) == pytest.approx(first[name], rel=0.1)
    assert own["serum E2 (immunoassay) (pg/mL)"] and "T/E2 (immunoassay)" in table.index


def test_where_the_representative_is_not_the_patient_is_said(match):
    table, said = matching.labs_table(match).drop(index="BMI (kg/m2)"), matching.differs(match)
    assert "not the patient" in said
    for heading, row in table.iterrows():
        given, own = (float(row[name]) for name in ("given", "representative virtual patient"))
        if "T/E2" not in heading and abs(own - given) > 0.11 * given:
            assert f"{heading} {row['representative virtual patient']}, given {row['given']}" in said
        elif abs(own - given) < 0.09 * given:
            assert f"{heading} " not in said


def test_a_misfit_is_said(few_men):
    assert not report.misfit(_match(t="500 ng/dL", lh="4").found)
    assert "LH" in report.misfit(_match(t="900 ng/dL", lh="0.05", fsh="60").found)


def test_too_few_who_match_have_no_intervals(match, monkeypatch):
    monkeypatch.setattr(matching, "MEN", 4)
    weights = np.zeros(len(match.found.men))
    weights[match.row] = 1.0
    few = dataclasses.replace(match, found=dataclasses.replace(match.found, weights=weights))
    assert not few.found.dependable and match.found.dependable
    response = matching.respond(few, ta.load({"plan": {"duration": "30 days"}, "therapy": [THERAPY]}))
    for table, columns in (
        (report.effects(response.before, response.after, False), 3),
        (report.safety(response.before, response.after, False), 3),
        (report.physiology(few.found), 2),
    ):
        assert len(table.columns) == columns and not any("%" in name for name in table)
    levels = matching.labs_table(few)["matching, median"]
    assert not levels.str.contains(r"\(").any() and not report.lesions(few.found)


def test_the_predicted_response_is_that_of_the_command(few_men, capsys):
    match = _match(**LABS)
    case = ta.load({"plan": {"duration": "60 days"}, "therapy": [THERAPY], "samples": {"assay": "immunoassay"}})
    response = matching.respond(match, case)
    table = report.effects(response.before, response.after)
    labs = [word for name, text in LABS.items() for word in (f"--{name}", text.replace(" ", ""))]
    assert main(["twin", *labs, "--give", "anastrozole 1mg daily", "--days", "60", "--men", "20"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    for heading in ("testosterone (ng/dL)", "LH (IU/L)"):
        rows = [line for line in printed if line[: len(heading.split())] == heading.split() and "%" in line]
        assert [table.loc[heading, "before"], table.loc[heading, "after"]] == rows[0][2:4]
        assert table.loc[heading, "change"].split()[0] in rows[0]


def test_matching_and_prediction_are_under_the_parameters_of_the_form(session, few_men, capsys, tmp_path):
    own = {"axis": {"testosterone_feedback_strength": 1.2}, "tract": {"collected": 0.3}}
    case = ta.load({**SMALL, "therapy": [THERAPY], "parameters": own, "samples": {"assay": "immunoassay"}})
    session.draft.value, session.labs.value = draft.of(case), dict(LABS)
    session.find("immunoassay")
    _until(lambda: session.matching.value[0] == "done")
    match = session.match.value
    assert match.found.laboratory.values["tract.collected"] == 0.3
    session.respond(draft.understood(session.draft.value).scenario)
    _until(lambda: session.response.value is not None)
    response = session.response.value
    table = report.effects(response.before, response.after, values=response.values)
    (tmp_path / "own.toml").write_text(case.to_toml(), encoding="utf-8")
    labs = [word for name, text in LABS.items() for word in (f"--{name}", text.replace(" ", ""))]
    assert main(["twin", *labs, "--scenario", str(tmp_path / "own.toml"), "--men", "20"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = [line for line in printed if line[:2] == ["LH", "(IU/L)"] and "%" in line]
    assert [table.loc["LH (IU/L)", name] for name in ("before", "after")] == rows[0][2:4]


def test_a_prediction_belongs_to_its_treatment(match, monkeypatch):
    monkeypatch.setattr(matching, "MEN", 4)
    case = ta.load({"plan": {"duration": "30 days"}, "therapy": [THERAPY]})
    response = matching.respond(match, case)
    assert matching.same_treatment(response, ta.load({**case.as_dict(), "man": {"bmi": 40}, "title": "Other"}))
    for other in (
        {"therapy": [{**THERAPY, "dose": "0.5 mg"}]},
        {"plan": {"duration": "40 days"}},
        {"weight": [{"bmi": 25, "until": "day 20"}]},
    ):
        assert not matching.same_treatment(response, ta.load({**case.as_dict(), "samples": {}, **other}))
    assert not matching.same_treatment(response, None)


# ---- courses and charts


def test_courses_show_what_the_tables_hold(result):
    arms = courses.arms_of(result)
    assert [of.name for of in arms] == ["untreated", "treated"]
    panel = courses.hormones(arms)[0].clinical()
    assert (panel.label, panel.unit) == ("Testosterone", "ng/dL")
    table = result.tables["hormones"]
    treated = table[table["arm"] == "treated"].pivot(index="day", columns="replicate", values="testosterone_nmol_l")
    line = panel.curves[1]
    assert np.array_equal(line.x, treated.index) and panel.days == (-4.0, 30.0)
    assert line.mean == pytest.approx(treated.mean(axis=1).to_numpy() * 28.84, rel=1e-3)
    assert line.low == pytest.approx(treated.min(axis=1).to_numpy() * 28.84, rel=1e-3)
    assert line.high == pytest.approx(treated.max(axis=1).to_numpy() * 28.84, rel=1e-3)


def test_semen_has_dots_as_measured_and_reference_limits(result):
    panels = {of.label: of for of in courses.semen(courses.arms_of(result))}
    concentration = next(of for name, of in panels.items() if "oncentration" in name)
    rows = result.tables["semen"]
    rows = rows[rows["arm"] == "treated"]
    assert np.allclose(concentration.curves[1].dots[1], rows["concentration_million_ml"])
    assert concentration.reference.limits == pytest.approx((16.0,)) and "WHO" in concentration.reference.source


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(result):
    rows = {
        name: [tuple(row) for row in result.tables[name].itertuples(index=False) if row.replicate == 0 or row.day < 5]
        for name in ("hormones", "semen")
    }
    shown = so_far(result.scenario, rows)
    line = courses.hormones(courses.arms_of(shown))[0].curves[0]
    whole = courses.hormones(courses.arms_of(result))[0].curves[0]
    early = line.x < 5
    assert np.allclose(line.mean[early], whole.mean[early])
    assert np.isfinite(line.mean).all() and np.allclose(line.low[~early], line.high[~early])
    assert "nan" not in screen.grid(courses.hormones(courses.arms_of(shown)))


def test_before_the_first_ejaculate_charts_say_nothing_yet(result):
    shown = so_far(
        result.scenario, {"hormones": [tuple(row) for row in result.tables["hormones"].itertuples(index=False)]}
    )
    picture = screen.grid(courses.semen(courses.arms_of(shown)))
    assert "nothing yet" in picture and "nan" not in picture


def _drawn(svg: str) -> ElementTree.Element:
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img" and root.get("aria-label")
    return root


@given(
    some.lists(some.floats(-1e6, 1e6), min_size=1, max_size=12),
    some.lists(some.floats(-1e6, 1e6), max_size=2).map(tuple),
    some.booleans(),
)
def test_a_panel_is_drawn_within_its_box(values, limits, zero):
    curve = Curve("a", np.arange(len(values), dtype=float), np.array(values))
    low, high = (*sorted(map(abs, limits)), math.inf, math.inf)[:2] if limits else (0.0, math.inf)
    reference = Range(low, high, "", "WHO") if 0.0 < low < math.inf else None
    panel = Panel("lh_iu_l", "Level", "IU/L", (curve,), (-10.0, 20.0), reference=reference, zero=zero)
    root = _drawn(screen.panel_svg(panel))
    _, _, width, height = map(float, root.get("viewBox").split())
    points = root.find(".//{*}polyline").get("points").split()
    assert len(points) == len(values)
    for point in points:
        x, y = map(float, point.split(","))
        assert 0 <= x <= width and 0 <= y <= height


def test_a_gap_is_no_point():
    curve = Curve("a", np.arange(3.0), np.array([1.0, np.nan, 2.0]))
    root = _drawn(screen.panel_svg(Panel("lh_iu_l", "Level", "", (curve,), (0.0, 2.0))))
    assert len(root.find(".//{*}polyline").get("points").split()) == 2


def test_names_are_text_and_not_markup():
    evil = '"><script>alert(1)</script>'
    curve, reference = Curve(evil, np.arange(2.0), np.ones(2)), Range(1.0, math.inf, evil, evil)
    panel = Panel(evil, evil, evil, (curve,), (0.0, 1.0), reference=reference, marks=(Mark(0.0, 1.0, evil),))
    for svg in (
        screen.panel_svg(panel),
        screen.timeline([Span(evil, evil, 0.0, 1.0)], (0.0, 9.0)),
        screen.heat_map(HeatMap(evil, evil, np.ones((1, 1)), [evil], [evil], (evil, evil), change=True)),
        screen.legend([evil]),
    ):
        assert "<script" not in svg
    _drawn(screen.panel_svg(panel))


@given(some.floats(-1e5, 1e5), some.floats(1e-3, 1e5))
def test_ticks_span_the_axis_and_are_few(low, size):
    ticks = screen.nice(low, low + size, 4)
    assert ticks[0] <= low + 1e-6 * abs(low) + 1e-9 * size and ticks[-1] >= low + size - 1e-6 * (abs(low) + size)
    assert 2 <= len(ticks) <= 8 and len(set(np.round(np.diff(ticks), 9 - int(np.log10(size + 1))))) <= 2


def test_a_heat_map_writes_each_number_and_leaves_gaps():
    values = np.array([[10.0, -20.0], [np.nan, 5.0]])
    root = _drawn(
        screen.heat_map(HeatMap("T", "%", values, ["24", "32"], ["low", "high"], ("BMI", "dose"), change=True))
    )
    texts = [text.text for text in root.findall("{*}g/{*}text")]
    assert sorted(texts) == ["+10", "+5", "-20"]


def test_the_low_t_e2_man_lies_below_the_limit_of_his_assay(result):
    panels = {panel.label: panel for panel in courses.hormones(courses.arms_of(result))}
    ratio = panels["T/E2 (immunoassay)"]
    assert ratio.curves[0].mean[0] < ratio.reference.low == 10.0
    said = screen.sources(panels.values())
    assert "LH up to 9.4" in said and "T/E2 (immunoassay) from 10" in said and "Testosterone 298 to 1,043" in said
    assert not panels["T/E2 (LC-MS/MS)"].reference and not panels["Serum E2 (immunoassay)"].reference
    assert not [label for label in panels if "E2" in label and "(" not in label and "ntratesticular" not in label]


@pytest.mark.parametrize("assay, title", [("immunoassay", "immunoassay"), ("lc-ms", "LC-MS/MS")])
def test_a_published_oestradiol_lies_on_the_panel_of_its_assay(result, assay, title):
    observed = [{"variable": "oestradiol_pmol_l", "day": "day 28", "value": 20.0, "unit": "pg/mL"}]
    scenario = ta.load({**SMALL, "samples": {"assay": assay}, "observed": observed})
    rows = {name: [tuple(row) for row in result.tables[name].itertuples(index=False)] for name in ("hormones", "semen")}
    panels = [panel.clinical() for panel in courses.hormones(courses.arms_of(so_far(scenario, rows)))]
    assert [(panel.label, round(panel.marks[0].value, 6)) for panel in panels if panel.marks] == [
        (f"Serum E2 ({title})", 20.0)
    ]


def test_levels_of_kept_arms_stand_side_by_side(result):
    table = courses.levels([("mine", result), ("yours", result)])
    assert list(table) == ["mine", "yours"] and (table["mine"] == table["yours"]).all() and len(table) > 5


# ---- stores


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stores") / "sweep-small"
    given = {"title": "Weight & dose", "tissue": {"tubules": 1}, "therapy": [THERAPY]}
    over = {"man.bmi": [24, 32], "therapy.1.dose": ["0.5 mg", "1 mg"]}
    ta.sweep({**given, "sweep": {"replicates": 1, "at": ["day 10"], "over": over}}, folder, workers=1)
    return folder


def _map(store, table, word: str, kind: str, axes: int = 2) -> ElementTree.Element:
    return _drawn(screen.heat_map(sweeps.heat_map(table, store.axes[:axes], word, kind)))


def test_a_store_is_shown_as_a_map(sweep):
    store = Swept.of(sweep)
    assert store.title == "Weight & dose (sweep-small)" and [axis.path for axis in store.axes] == [
        "man.bmi",
        "therapy.1.dose",
    ]
    table = store.summary(store.days[0])
    assert len(table) == 4 and table["replicates"].max() == 1
    for kind in sweeps.kinds(table, store.outputs[0]):
        root = _map(store, table, store.outputs[0], kind)
        assert len(root.findall("{*}g")) == 4
        assert "24" in "".join(root.itertext()) and "0.5" in "".join(root.itertext())


def test_one_axis_is_one_row(sweep):
    store = Swept.of(sweep)
    root = _map(store, store.summary(store.days[0]), store.outputs[0], "treated", 1)
    assert len(root.findall("{*}g")) == 2


def test_what_no_laboratory_sees_has_no_percentage(tmp_path):
    gonadotrophins = [
        {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"},
        {"drug": "rfsh", "dose": "150 IU", "every": "2 days"},
    ]
    case = {
        "man": {"preset": "congenital_hypogonadotropic"},
        "plan": {"duration": "400 days"},
        "therapy": gonadotrophins,
    }
    over = {"therapy.1.dose": ["1000 IU", "2000 IU"]}
    ta.sweep({**case, "sweep": {"engine": "expected", "over": over}}, tmp_path / "store", workers=1)
    store = Swept.of(tmp_path / "store")
    table = store.summary(store.days[0])
    assert len(_map(store, table, "sperm concentration", "treated", 1).findall("{*}g")) == 2
    for word in ("sperm concentration", "total motile count", "progressive motility"):
        assert not _map(store, table, word, "change in %", 1).findall("{*}g")
    known = "ejaculate volume" if "ejaculate volume" in store.outputs else "testosterone"
    assert len(_map(store, table, known, "change in %", 1).findall("{*}g")) == 2


def test_only_the_stores_of_the_command_line_are_open(sweep, monkeypatch):
    monkeypatch.setenv(stores.VARIABLE, "[]")
    stores.opened.cache_clear()
    assert stores.opened() == ()
    stores.publish([str(sweep)])
    stores.opened.cache_clear()
    assert [of.folder for of in stores.opened()] == [sweep.resolve()]
    stores.opened.cache_clear()


def test_what_is_no_sweep_is_no_store(tmp_path, sweep, capsys):
    with pytest.raises(TestisError, match="holds no experiment"):
        Swept.of(tmp_path)
    manifest = files.unsealed((sweep / "manifest.json").read_bytes())
    files.write(tmp_path / "manifest.json", files.sealed({**manifest, "kind": "trial"}))
    with pytest.raises(TestisError, match="trial"):
        Swept.of(tmp_path)


# ---- serving


def _served(monkeypatch, *arguments: str) -> dict:
    pytest.importorskip("solara")
    given = {}
    monkeypatch.setattr(
        serve, "serve", lambda host, port, stores, **named: given.update(host=host, port=port, stores=stores, **named)
    )
    assert main(["app", *arguments]) == 0
    return given


def test_it_listens_on_this_machine_alone_unless_told(monkeypatch):
    assert _served(monkeypatch) == {"host": "localhost", "port": 8765, "stores": [], "browser": True, "origins": []}
    told = _served(
        monkeypatch,
        "--host",
        "0.0.0.0",
        "--port",
        "9000",
        "--no-browser",
        "--store",
        "a",
        "--store",
        "b",
        "--allow-origin",
        "https://a.org",
        "--allow-origin",
        "https://b.org",
    )
    assert told == {
        "host": "0.0.0.0",
        "port": 9000,
        "stores": ["a", "b"],
        "browser": False,
        "origins": ["https://a.org", "https://b.org"],
    }


def test_an_address_that_is_taken_is_told():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TestisError, match=f"127.0.0.1:{port} cannot be listened on.*--port"):
            serve.check_port("127.0.0.1", port)
    serve.check_port("127.0.0.1", port)
    with pytest.raises(TestisError, match="1 to 65535"):
        serve.check_port("localhost", 70_000)


def test_a_wrong_store_ends_the_command_before_it_listens(tmp_path, capsys):
    pytest.importorskip("solara")
    assert main(["app", "--no-browser", "--store", str(tmp_path / "nowhere")]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_the_help_needs_no_solara():
    import subprocess
    import sys

    code = "import sys; sys.modules['solara'] = None; from testis_abm.cli.command import main; main(['app', '--help'])"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert told.returncode == 0 and "localhost" in told.stdout


# ---- sessions


@pytest.fixture
def session():
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    session = Session()
    yield session
    session.close()


def _until(true, seconds=60.0):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_a_run_tells_how_far_it_is_and_ends_as_the_command_does(session, result):
    seen = []
    session.progress.subscribe(lambda now: seen.append(now))
    session.run(ta.load(SMALL))
    _until(lambda: not session.progress.value.busy)
    done = session.progress.value
    assert done.phase == "done" and done.first <= done.seconds
    pd.testing.assert_frame_equal(done.result.tables["hormones"], result.tables["hormones"])
    partial = [now for now in seen if now.phase == "running"]
    assert partial and 0 < partial[0].share < 1 and len(partial[0].result.tables["hormones"])


def test_a_cancelled_run_stops_and_keeps_what_it_brought(session):
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    _until(lambda: session.progress.value.phase == "running")
    session.cancel()
    now = session.progress.value
    assert now.phase == "cancelled" and len(now.result.tables["hormones"])
    _until(lambda: not [of for of in threading.enumerate() if of.name.startswith("run of")])
    assert session.progress.value is now


def test_a_new_run_takes_the_place_of_the_old(session):
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    _until(lambda: session.progress.value.phase == "running")
    session.run(ta.load({**SMALL, "title": "Second"}))
    _until(lambda: session.progress.value.phase == "done")
    assert session.progress.value.result.title == "Second"


def test_of_many_clicks_one_works_and_the_last_follows():
    pytest.importorskip("solara")
    from testis_abm.app.work import Background

    task, going, let_go = Background("run of clicks"), threading.Event(), threading.Event()
    done, most = [], 0

    def stubborn(stop):
        going.set()
        assert let_go.wait(60)

    task.start(stubborn)
    assert going.wait(60)
    for k in range(50):
        task.start(lambda stop, k=k: done.append(k))
        most = max(most, sum(of.name == "run of clicks" for of in threading.enumerate()))
    assert most == 1 and not done
    let_go.set()
    _until(lambda: not [of for of in threading.enumerate() if of.name == "run of clicks"])
    assert done == [49]
    task.start(lambda stop: done.append(1 / 0))
    _until(lambda: not [of for of in threading.enumerate() if of.name == "run of clicks"])
    task.start(lambda stop: done.append("again"))
    _until(lambda: done[-1] == "again")


def test_a_run_has_an_allowance_of_the_processor(session, monkeypatch):
    monkeypatch.setattr("testis_abm.app.work.MOST_SECONDS", 0.2)
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    _until(lambda: not session.progress.value.busy)
    assert session.progress.value.phase == "failed" and "testis-abm run" in session.progress.value.text


def test_of_many_faults_the_first_are_told(session):
    rows = [{**THERAPY, "drug": "anastrozol"}] * 1040
    session.open_link(_packed(json.dumps({"therapy": rows}).encode()))
    kind, told = session.notice.value
    assert kind == "error" and len(told.splitlines()) == 21 and told.endswith("1,020 more")


def test_a_man_outside_the_physical_range_is_told(session, monkeypatch):
    def fails(*_, **__):
        raise TestisError("testosterone left the physical range")

    monkeypatch.setattr("testis_abm.experiments.simulate.run", fails)
    session.run(ta.load(SMALL))
    _until(lambda: not session.progress.value.busy)
    assert session.progress.value.phase == "failed" and "physical range" in session.progress.value.text


def test_a_fault_of_the_program_is_not_shown_in_detail(session, monkeypatch):
    monkeypatch.setattr("testis_abm.experiments.simulate.run", lambda *_, **__: Path("/secret/path").read_text())
    session.run(ta.load(SMALL))
    _until(lambda: not session.progress.value.busy)
    assert session.progress.value.phase == "failed" and "secret" not in session.progress.value.text


def test_two_sessions_share_nothing():
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    one, other = Session(), Session()
    one.draft.value = draft.with_preset(one.draft.value, "klinefelter")
    one.run(ta.load(SMALL))
    _until(lambda: one.progress.value.phase == "done")
    assert other.draft.value == draft.start() and other.progress.value.phase == "idle" and not other.recordings.value


@pytest.mark.parametrize(
    "wrong",
    [
        lambda session: session.open_link(GOOD[:-9]),
        lambda session: session.open_link(_packed(json.dumps({"therapy": [THERAPY] * 60}).encode())),
        lambda session: session.upload("odd.toml", "[man]\nbmi = 500\n"),
        lambda session: session.upload("lone.toml", "title = '\ud800'"),
        lambda session: session.upload("none.toml", None),
    ],
)
def test_what_is_wrong_changes_nothing(session, wrong):
    session.draft.value = mine = draft.with_therapy(draft.start(), "anastrozole")
    wrong(session)
    kind, told = session.notice.value
    assert kind == "error" and told and session.draft.value is mine


@pytest.mark.parametrize("fragment", [None, 3, {"a": 1}, "", "#other", "s=1"])
def test_what_is_no_link_is_left_alone(session, fragment):
    session.open_link(fragment)
    assert session.notice.value == ("", "") and session.draft.value == draft.start()


def test_a_link_and_a_file_are_taken_over(session):
    session.open_link(GOOD)
    assert draft.understood(session.draft.value).scenario == ta.load(SMALL) and session.notice.value[0] == "info"
    session.upload("mine.toml", ta.load({**SMALL, "title": "Other"}).to_toml())
    assert session.draft.value["title"] == "Other"


def test_a_change_of_man_forgets_the_former_and_can_be_undone(session, match):
    session.draft.value = before = draft.of(ta.load({**SMALL, "weight": [{"bmi": 28, "until": "day 20"}]}))
    session.labs.value, session.match.value = {"t": "260 ng/dL"}, match
    session.change_man(draft.with_preset(before, "klinefelter"))
    kind, told = session.notice.value
    assert kind == "info" and "change of weight (bmi 28" in told and "laboratory values" in told
    assert not session.labs.value and session.match.value is None and "weight" not in session.draft.value
    session.undo()
    assert (
        session.draft.value == before and session.labs.value == {"t": "260 ng/dL"} and session.notice.value == ("", "")
    )


def test_a_file_or_link_forgets_who_was_matched(session, match):
    session.labs.value, session.match.value = {"t": "260 ng/dL"}, match
    session.open_link(GOOD)
    assert not session.labs.value and session.match.value is None and session.response.value is None


def test_matching_makes_the_representative_the_man_of_the_form(session, few_men):
    session.draft.value = draft.of(ta.load({**SMALL, "weight": [{"bmi": 28, "until": "day 20"}]}))
    session.labs.value = {"t": "260 ng/dL", "lh": "3.1", "bmi": "33"}
    session.find("lc-ms")
    _until(lambda: session.matching.value[0] == "done")
    scenario = draft.understood(session.draft.value).scenario
    assert (
        scenario.man == session.match.value.man
        and scenario.samples.assay == "lc-ms"
        and scenario.title == draft.OF_LABS
    )
    assert scenario.therapy and not scenario.weight and session.labs.value["t"] == "260 ng/dL"
    session.labs.value = {"t": "9000 ng/dL"}
    session.find("lc-ms")
    assert session.matching.value[0] == "wrong"


def test_a_reload_brings_back_form_results_and_arms(session, result):
    from testis_abm.app.session import Session

    session.run(ta.load(SMALL))
    _until(lambda: session.progress.value.phase == "done")
    other = ta.run({**SMALL, "title": "Other", "plan": {"duration": "28 days", "replicates": 1}})
    session.keep("mine", session.progress.value.result)
    session.keep("other", other)
    session.draft.value = draft.with_preset(session.draft.value, "klinefelter")
    kept = json.loads(json.dumps(session.stored()))
    again = Session()
    again.restore(kept)
    assert again.stored()["arms"] == kept["arms"]  # also while they are being run
    _until(lambda: again.progress.value.phase == "done" and not again.returning.value)
    assert again.draft.value == session.draft.value and again.stored() == kept
    assert [name for name, _ in again.kept.value] == ["mine", "other"]
    for (_, one), (_, same) in zip(session.kept.value, again.kept.value):
        pd.testing.assert_frame_equal(one.tables["semen"], same.tables["semen"])
    again.close()


@checked(max_examples=30)
@given(
    some.one_of(
        SENT,
        some.fixed_dictionaries(
            {}, optional={"form": SENT, "ran": SENT, "arms": some.one_of(SENT, some.lists(SENT, max_size=9))}
        ),
    )
)
def test_what_a_browser_makes_up_brings_nothing_back(kept):
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    session = Session()
    session.restore(kept)
    assert session.draft.value == draft.start() and session.progress.value.phase == "idle"
    assert not session.kept.value and not session.returning.value


def test_what_is_too_large_is_not_run_after_a_reload(session):
    large = share.link(ta.load({"plan": {"replicates": 50, "duration": "9 years"}}))
    session.restore({"form": large, "ran": large, "arms": [["mine", large], ["cut", GOOD[:-9]], ["good", GOOD]]})
    assert session.progress.value.phase == "idle" and [name for name, _ in session.returning.value] == ["good"]
    assert "2 of 3" in session.notice.value[1]
    _until(lambda: len(session.kept.value) == 1)


def test_kept_arms_have_names_of_their_own_and_are_few(session, result):
    from testis_abm.app.session import MOST_ARMS

    for _ in range(MOST_ARMS + 3):
        session.keep("mine", result)
    names = [name for name, _ in session.kept.value]
    assert len(set(names)) == len(names) == MOST_ARMS


def test_the_film_shows_the_men_of_the_run_and_is_made_once(session, result):
    session.film()
    assert not session.recordings.value
    session.run(ta.load(SMALL))
    _until(lambda: session.progress.value.phase == "done")
    assert not session.recordings.value  # nobody has looked
    session.film()
    _until(lambda: len(session.recordings.value) == 2 and session.recordings.value["treated"].days[-1] == 30)
    film = session.recordings.value
    table = result.tables["hormones"]
    for arm, recording in film.items():
        rows = table[(table["arm"] == arm) & (table["replicate"] == 0)]
        assert [tuple(row)[2:] for row in rows.itertuples(index=False)] == recording.model.records["hormones"]
    session.film()
    session.run(ta.load(SMALL))
    assert session.recordings.value is film
    session.run(ta.load({**SMALL, "title": "Other"}))
    assert not session.recordings.value


def test_a_closed_session_stops_its_work(session):
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    _until(lambda: session.progress.value.phase == "running")
    session.film()
    _until(lambda: session.recordings.value)
    session.close()
    _until(lambda: not [of for of in threading.enumerate() if of.name.startswith(("run of", "film of"))])
