"""Studies made of a table of men: their numbers, their men, and who is left out."""

from __future__ import annotations

import json

import numpy as np
import pytest

import testis_abm as ta
from testis_abm.cli import main
from testis_abm.experiments.table_studies import studies_of
from testis_abm.population import of_twins
from testis_abm.population.table_in import read_table
from testis_abm.studies import load_study
from testis_abm.studies.ensemble import best
from testis_abm.studies.men import screened

HEAD = "ID;Datum;Testosteron (nmol/L);LH (U/L);Konzentration (Mio/mL);BMI;Therapie\n"
ROWS = (
    ("A", 8.0, 16.0, 3.0, 5.0, 0.0, 4.0),
    ("B", 10.0, 15.0, 2.5, 4.0, 6.0, 9.0),
    ("C", 9.0, 15.3, 4.0, 7.0, 12.0, 9.0),
)


def written(folder, rows=ROWS, since="2024-01-12"):
    lines = []
    for name, t, t_on, lh, lh_on, sperm, sperm_on in rows:
        lines.append(f"{name};2024-01-10;{t};{lh};{sperm};29;keine")
        lines.append(f"{name};2024-04-11;{t_on};{lh_on};{sperm_on};29;anastrozole 1 mg daily since {since}")
    path = folder / "klinik.csv"
    path.write_text(HEAD + "\n".join(lines).replace(".", ",").replace("2024,", "2024.") + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    made, left = studies_of(read_table(written(folder)), folder / "studies")
    assert left == [] and len(made) == 1
    return load_study(made[0])


def test_its_numbers_are_the_geometric_means_of_the_mens_own_changes(study):
    seen = {of.variable: of for of in study.observed}
    assert {*seen} == {"testosterone", "LH"}  # of two men alone there was sperm before and after
    logs = np.log([on / before for _, before, on, *_ in ROWS])
    mean = np.exp(logs.mean())
    assert seen["testosterone"].value == pytest.approx(100 * (mean - 1), abs=1e-3)
    assert seen["testosterone"].se == pytest.approx(100 * mean * logs.std(ddof=1) / 3**0.5, abs=1e-3)
    assert seen["testosterone"].day == (90.0, 90.0)
    assert study.arm[0].label == "anastrozole 1 mg daily" and study.n == 3


def test_its_men_are_those_who_match_what_was_untreated(study):
    men = screened(study, best()[0], 30, 1).rows
    assert len(men) == 30
    assert {row["bmi"] for row in men} == {29.0}
    drives = [row["gnrh_drive"] for row in men]
    assert len(set(drives)) > 10


def test_what_no_mean_can_be_taken_of_is_refused(tmp_path):
    with pytest.raises(
        ta.TestisError, match=r"no treatment of which 3 men have values.*anastrozole 1 mg: 2 men, too few"
    ):
        studies_of(read_table(written(tmp_path, ROWS[:2])), tmp_path / "studies")
    (tmp_path / "x.parquet").write_bytes(b"no table")
    with pytest.raises(ta.TestisError, match="no sample of virtual patients"):
        of_twins.read(tmp_path / "x.parquet", "clinic")
    with pytest.raises(ta.TestisError, match="no sample of virtual patients"):
        of_twins.read(tmp_path / "nowhere.parquet", "clinic")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        (["--move", "axis.no_such"], "axis.no_such"),
        (["--move", "drug.anastrozole.no_such"], "no_such"),
        (["--from", "nowhere.csv"], "nowhere.csv"),
    ],
)
def test_what_is_to_move_is_looked_at_before_the_table(tmp_path, monkeypatch, capsys, more, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "klinik.csv").write_text("no table of men")
    assert main(["calibrate", "klinik.csv", "--json", *more]) == 2
    (fault,) = json.loads(capsys.readouterr().err)["errors"]
    assert named in fault["text"] + fault["place"]


def test_faults_of_a_calibration_are_one_document(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, ROWS[:1])
    assert main(["calibrate", path.name, "--json", "--move", "axis.lh_reference"]) == 2
    seen = capsys.readouterr()
    assert "no treatment of which" in json.loads(seen.err)["errors"][0]["text"] and seen.out == ""
    assert main(["calibrate", path.name, "--move", "axis.lh_reference"]) == 2
    assert "headings in row 1" in capsys.readouterr().out
