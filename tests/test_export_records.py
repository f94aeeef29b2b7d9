"""Doses and measurements of a run as records, and back."""

from __future__ import annotations

import numpy as np
import pytest

import testis_abm as ta
from testis_abm.cli import main
from testis_abm.exports import export_records
from testis_abm.exports.records import records
from testis_abm.results import store
from testis_abm.scenario.records import read_records

CASE = {
    "title": "records",
    "tissue": {"tubules": 1, "rows": 1, "sertoli_per_tubule": 6},
    "plan": {"baseline": "2 days", "duration": "6 days", "replicates": 2},
    "samples": {"blood": ["day 0", "day 5"], "semen": ["day 5"]},
    "therapy": [
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "missed": ["day 3"]},
        {"drug": "gonadorelin", "dose": "0.005 mg", "over": "2 hours", "days": ["day 1", "day 2.5"]},
    ],
}


@pytest.fixture(scope="module")
def run():
    return ta.run(CASE)


def test_doses_read_back_are_those_that_were_given(run, tmp_path):
    subjects = read_records(export_records(run, tmp_path / "records.csv"))
    assert list(subjects) == ["1", "2"]
    given = run.tables["therapy"]
    for name, subject in subjects.items():
        own = given[given["replicate"] == int(name) - 1].sort_values(["day", "drug"])
        doses = sorted(subject.doses, key=lambda dose: (dose.day, dose.drug))
        assert [dose.drug for dose in doses] == own["drug"].tolist()
        np.testing.assert_allclose([dose.day for dose in doses], own["day"], atol=1e-6)
        np.testing.assert_allclose([dose.amount for dose in doses], own["dose"])
        np.testing.assert_allclose([dose.hours for dose in doses], own["over_hours"])
    again = ta.load({"title": "again", "plan": {"duration": "6 days"}, "therapy": subjects["1"].therapies()})
    assert sum(part.dose_count for part in again.therapy) == 5 + 2


def test_measurements_are_what_the_laboratory_reported(run):
    seen = [row for row in records(run) if row["EVID"] == 0 and row["ID"] == 2 and row["DVID"] == "testosterone"]
    blood = run.tables["blood"]
    own = blood[(blood["arm"] == "treated") & (blood["replicate"] == 1)]
    assert [row["TIME"] for row in seen] == [24.0 * day for day in own["day"]]
    assert [row["DV"] for row in seen] == own["testosterone_nmol_l"].tolist()
    assert {row["UNIT"] for row in seen} == {"nmol/L"}


def test_the_command_writes_what_a_folder_holds(run, tmp_path, capsys):
    store.save(run, tmp_path / "run")
    assert main(["export", "records", str(tmp_path / "run"), "--out", str(tmp_path / "out.csv")]) == 0
    assert (tmp_path / "out.csv").read_text() == export_records(run, tmp_path / "same.csv").read_text()
    for arguments in (["nowhere"], [], [str(tmp_path / "run"), "two"]):
        assert main(["export", "records", *arguments, "--out", str(tmp_path / "x.csv")]) == 2
        assert not (tmp_path / "x.csv").exists()
    (tmp_path / "mine.csv").write_text("mine")
    assert main(["export", "records", str(tmp_path / "run"), "--out", str(tmp_path / "mine.csv")]) == 2
    assert "was not written by" in capsys.readouterr().err
