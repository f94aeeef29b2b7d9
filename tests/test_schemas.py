"""JSON Schemas of users' files, formats of older files, and files begun like an example."""

from __future__ import annotations

import json
import tomllib
import warnings
from pathlib import Path

import pytest

import testis_abm as ta
from testis_abm import parameters, schemas
from testis_abm.cli import main
from testis_abm.scenario import load
from testis_abm.scenario.format import _GONE, FORMAT
from testis_abm.scenario.kind import kind
from testis_abm.scenario.load import read_raw
from testis_abm.scenario.shipped import shipped
from testis_abm.studies import known, load_study

jsonschema = pytest.importorskip("jsonschema")
EXAMPLES = {**shipped(), **known()}


@pytest.fixture(scope="module")
def check():
    """Return what finds the faults of tables by their schema."""
    made = {name: jsonschema.Draft202012Validator(schemas.schema(name)) for name in schemas.KINDS}
    return lambda what, tables: [error.message for error in made[what].iter_errors(tables)]


def _what(path: Path) -> str:
    return "study" if kind(tomllib.loads(path.read_text(encoding="utf-8")))[1] == "studies run" else "scenario"


@pytest.mark.parametrize("name", schemas.KINDS)
def test_the_file_of_a_schema_is_what_the_classes_say(name):
    assert schemas.path(name).read_text(encoding="utf-8") == schemas.text(name), "run: make schemas"
    jsonschema.Draft202012Validator.check_schema(json.loads(schemas.text(name)))


def test_a_schema_passes_every_file_that_is_read(check):
    for path in EXAMPLES.values():
        assert check(_what(path), tomllib.loads(path.read_text(encoding="utf-8"))) == [], path.name
    for name, path in shipped().items():
        if "/" not in name:  # and what is written of it, every default filled in
            assert check("scenario", tomllib.loads(load(path).to_toml())) == [], name


@pytest.mark.parametrize(
    ("what", "tables"),
    [
        ("scenario", {"titel": "x"}),
        ("scenario", {"man": {"bmj": 30}}),
        ("scenario", {"man": {"bmi": 3000}}),
        ("scenario", {"plan": {"replicates": 0}}),
        ("scenario", {"plan": {"engine": "fast"}}),
        ("scenario", {"therapy": {"drug": "anastrozole", "dose": "1 mg"}}),
        ("scenario", {"therapy": [{"drug": "anastrozole"}]}),
        ("scenario", {"parameters": {"axis.lh_referense": 4}}),
        ("scenario", {"parameters": {"axis": {"lh_reference": 400}}}),
        ("scenario", {"insult": [{"kind": "curse"}]}),
        ("scenario", {"sweep": {"ovr": {}}}),
        ("scenario", {"format": 99}),
        ("study", {"title": "x"}),
    ],
)
def test_what_a_schema_refuses_is_refused_when_it_is_read(check, tmp_path, what, tables):
    tomli_w = pytest.importorskip("tomli_w")
    assert check(what, tables)
    file = tmp_path / "own.toml"
    file.write_text(tomli_w.dumps(tables))
    with pytest.raises(ta.TestisError):
        if "sweep" in tables:
            ta.sweep(file, tmp_path / "out")
        (load if what == "scenario" else load_study)(file)


def test_every_word_of_a_section_is_explained_where_its_docstring_does():
    therapy = schemas.schema("scenario")["$defs"]["Therapy"]["properties"]
    assert therapy["every"]["description"].startswith("interval between doses")
    assert {one.get("const") for one in therapy["drug"]["anyOf"]} >= {*parameters.drugs()}


# ---- formats


def _read(path: Path, text: str):
    path.write_text(text, encoding="utf-8")
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        scenario = load(path)
    return scenario, [str(note.message) for note in notes]


def test_a_file_of_the_first_format_is_read_without_what_is_gone(tmp_path):
    text = 'title = "old"\n[parameters]\n"receptor.commitment_androgen_half" = 5\n[parameters.axis]\nlh_reference = 5\ngonadotroph_store_days = 9\n'
    scenario, notes = _read(tmp_path / "old.toml", text)
    assert dict(scenario.parameters) == {"axis.lh_reference": 5.0}
    assert [note.partition(" is left out")[0] for note in notes] == [
        "of format 1: parameter receptor.commitment_androgen_half",
        "of format 1: parameter axis.gonadotroph_store_days",
    ]
    with pytest.raises(ta.TestisError, match="commitment_androgen_half"):
        _read(tmp_path / "new.toml", f"format = {FORMAT}\n{text}")


def test_words_of_the_first_format_are_read_as_those_of_today(tmp_path):
    old = '[[therapy]]\ndrug = "anastrozole"\ndose = "1 mg"\nevery = "1 day"\nwhen = "reported oestradiol > 50 pg/mL"\n'
    scenario, notes = _read(tmp_path / "old.toml", f'title = "by reported oestradiol"\n{old}')
    assert scenario.title == "by reported oestradiol"
    assert str(scenario.therapy[0].when) == "serum E2 (immunoassay) > 50 pg/mL"
    assert any('"reported oestradiol" is read as "serum E2 (immunoassay)"' in note for note in notes)


def test_nothing_that_the_model_has_is_taken_for_gone():
    assert not {f"{group}.{name}" for group, names in _GONE.items() for name in names} & {*parameters.load()}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("99", "99 is of a later version"),
        ("0", "0 is out of range"),
        ('"2"', "is not a whole number"),
        ("true", "whole"),
    ],
)
def test_a_format_that_is_none_is_refused(tmp_path, given, message):
    with pytest.raises(ta.TestisError, match=rf"own\.toml: format: .*{message}"):
        _read(tmp_path / "own.toml", f'format = {given}\ntitle = "x"\n')


def test_what_is_written_says_its_format_and_is_read_back(tmp_path):
    scenario = load(shipped()["obese_anastrozole"])
    again, notes = _read(tmp_path / "again.toml", scenario.to_toml())
    assert scenario.to_toml().startswith(f"format = {FORMAT}\n")
    assert again == scenario
    assert not [note for note in notes if "format" in note]


# ---- testis-abm new


@pytest.mark.parametrize("like", ["fertile_man", "experiments/trial", "shah_2021"])
def test_a_new_file_reads_as_its_example(tmp_path, capsys, like):
    file = tmp_path / "mine.toml"
    assert main(["new", str(file), "--like", like]) == 0
    assert f"testis-abm {kind(read_raw(EXAMPLES[like]))[1]} {file}" in capsys.readouterr().out
    assert read_raw(file) == read_raw(EXAMPLES[like])
    schema = file.read_text(encoding="utf-8").splitlines()[0].removeprefix("#:schema ")
    assert Path(schema.removeprefix("file://")).is_file()
    assert main(["new", str(file), "--like", like]) == 2
    assert "exists; name another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["x.txt"], "give it the suffix .toml"), (["x.toml", "--like", "fertil_man"], 'nearest: "fertile_man"')],
)
def test_a_new_file_that_cannot_be_is_refused(tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    assert main(["new", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
