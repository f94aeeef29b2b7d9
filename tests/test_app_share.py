"""Links, files and downloads of the app."""

from __future__ import annotations

import ast
import io
import json
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as some
from small_page import GOOD, SCENARIOS, SMALL, packed

import testis_abm as ta
from testis_abm.app import share
from testis_abm.cli.command import main
from testis_abm.support.errors import ScenarioError


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
        (packed(b"0" * 10_000_000), "holds more than"),
        (packed(b"[" * 100_000), "damaged"),
        (packed(b"9" * 10_000), "damaged"),
        (packed(b"[1]"), "damaged"),
        (packed(b"\xff\xfe"), "damaged"),
        (packed(b'{"man": 3}'), "man"),
        (packed(b'{"man": {"bmi": NaN}}'), "bmi"),
        (packed(b'{"man": {"preset": "obese_low_te"}}'), "obese_low_t_e2"),
        (packed(b'{"__class__": "os.system"}'), "__class__"),
    ],
)
def test_a_bad_link_is_refused_with_the_reason(link, told):
    with pytest.raises(ScenarioError, match=told) as error:
        share.from_link(link)
    assert all(line.startswith("link: ") for line in str(error.value).splitlines())


@checked(deadline=None)
@given(some.one_of(some.text(max_size=60), some.binary(max_size=60).map(packed)))
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


@pytest.mark.slow
def test_pictures_are_downloaded_as_png_and_svg(result):
    with zipfile.ZipFile(io.BytesIO(share.pictures(result))) as files:
        names = files.namelist()
        assert {"hormones.png", "hormones.svg", "tubules.png"} <= set(names)
        assert files.read("hormones.png").startswith(b"\x89PNG")
