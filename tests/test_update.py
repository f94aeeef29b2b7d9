"""The ensemble brought up to studies of the user's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm.cli import main
from testis_abm.man.parameter_set import parameter
from testis_abm.studies.ensemble import read, shipped
from testis_abm.studies.update import update

MOVED = "axis.oestradiol_feedback_strength"
STUDY = """
title = "Own trial"
citation = "Our clinic"
population = "healthy"
n = 400
duration = "28 days"

[[arm]]
name = "anastrozole"
therapy = [{ drug = "anastrozole", dose = "1 mg", every = "1 day" }]

[[observed]]
arm = "anastrozole"
variable = "LH"
as = "change"
day = 28
value = %s
se = 1

[[observed]]
arm = "anastrozole"
variable = "testosterone"
as = "change"
day = 28
value = 40
confidence = "memory"
"""


@pytest.fixture(autouse=True)
def _in_this_process(monkeypatch):
    monkeypatch.setattr("testis_abm.studies.calibrate.ProcessPoolExecutor", lambda **_: ThreadPoolExecutor(1))


def written(folder, value):
    path = folder / "own.toml"
    path.write_text(STUDY % value, encoding="utf-8")
    return path


@pytest.mark.slow
def test_own_data_move_what_is_asked_for_and_nothing_else(tmp_path):
    small = update([written(tmp_path, 2)], tmp_path / "small", move=[MOVED], members=40, rounds=1)
    great = update([written(tmp_path, 400)], tmp_path / "great", move=[MOVED], members=40, rounds=1)
    rises = [of.fit.loc[0, "median_after"] - of.fit.loc[0, "median_before"] for of in (small, great)]
    assert rises[0] < 0 < rises[1]
    assert small.changed.loc[MOVED, "shift"] * great.changed.loc[MOVED, "shift"] < 0
    low, high = parameter(MOVED).low, parameter(MOVED).high
    assert small.ensemble.sets[MOVED].between(low, high).all() and great.ensemble.sets[MOVED].between(low, high).all()
    others = shipped().sets.columns.difference([MOVED])
    pd.testing.assert_frame_equal(small.ensemble.sets[others], great.ensemble.sets[others])
    assert list(small.fit["used"]) == [True, False]
    assert "not used" in small.text() and "Not explained" in great.text()


@pytest.mark.slow
def test_it_goes_on_where_it_was_and_reads_back_equal(tmp_path):
    path, told = written(tmp_path, 60), []
    once = update([path], tmp_path / "out", move=[MOVED], members=40, rounds=1)
    again = update([path], tmp_path / "out", move=[MOVED], members=40, rounds=1, progress=told.append)
    pd.testing.assert_frame_equal(once.changed, again.changed)
    assert not any("studies" in line for line in told)  # nothing ran
    kept = read(tmp_path / "out" / "ensemble.csv")
    np.testing.assert_allclose(kept.sets[MOVED], once.ensemble.sets[MOVED], rtol=1e-5)
    with pytest.raises(ta.TestisError, match="holds another calibration"):
        update([written(tmp_path, 61)], tmp_path / "out", move=[MOVED], members=40, rounds=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--move", "axis.lh_reference"], "name study files before them"),
        (["own.toml", "--move", "axis.lh_referense"], 'is not known; nearest: "axis.lh_reference"'),
        (["nowhere.toml"], "no such file"),
        (["own.toml", "--members", "3"], "--members"),
    ],
)
def test_what_cannot_be_is_one_clear_error(tmp_path, monkeypatch, capsys, arguments, message):
    written(tmp_path, 60)
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", *arguments]) == 2
    assert message in capsys.readouterr().err
