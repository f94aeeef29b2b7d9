"""The picture of a drug: what it draws is what the model does, in every drug, and the command writes it."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.cli import main
from testis_abm.drug_course import amount, drug_course
from testis_abm.results.plots import drug, style
from testis_abm.scenario import load

DRUGS = sorted(parameters.drugs())


@pytest.mark.parametrize("name", DRUGS)
def test_every_drug_has_a_usual_regimen_that_can_be_drawn(name):
    course = drug_course(name)
    assert course.days >= 14
    for panel in (*course.panels, course.response):
        assert "(" in panel.label
        for line in panel.lines:
            assert np.isfinite(line.values).all() and (line.values >= 0.0).all()
            assert not panel.share or line.values.max() <= 100.0
    with style.looks():
        figure = drug.draw(course)
        figure.canvas.draw()
    assert [axes.get_xlabel().split()[0] for axes in figure.axes] == ["Day", "Day", "Day", "Dose"]
    low, high = figure.axes[3].get_xlim()
    assert low <= course.doses[-1] <= high <= 1.0001 * parameters.drugs()[name].largest_dose


def test_the_curve_of_anastrozole_is_that_of_a_run():
    course = drug_course("anastrozole")
    case = {"tissue": {"tubules": 1, "sertoli_per_tubule": 6}, "plan": {"baseline": 0, "duration": 42, "replicates": 1},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]}  # fmt: skip
    tissue = ta.run(load(case)).treated().tissue
    fat, leydig = course.panels[1].lines
    np.testing.assert_allclose(fat.values, tissue.aromatase_inhibition_fat_pct[:42])
    np.testing.assert_allclose(leydig.values, tissue.aromatase_inhibition_leydig_pct[:42])
    # Mauras 2009: 1 mg daily averages 27 ng/mL at a clearance of 1.54 L/h.
    last = course.panels[0].lines[0].values[-24:]
    assert course.panels[0].factor * last.mean() == pytest.approx(27.0, rel=0.03)
    # More drug inhibits more; the usual dose lies on the curve.
    fat_response = course.response.lines[0]
    assert (np.diff(fat_response.values) > 0).all()
    assert np.interp(1.0, fat_response.x, fat_response.values) == pytest.approx(fat.values[-7:].mean(), abs=1.0)


def test_doses_in_words():
    assert (amount(0.01, "mg"), amount(2.5, "mg"), amount(1500, "IU")) == ("10 ug", "2.5 mg", "1500 IU")
    assert drug_course("hcg").regimen == "1500 IU every 3.5 days"
    assert drug_course("rfsh").regimen == "150 IU every 56 h"
    assert drug_course("degarelix").regimen == "240 mg once, then 80 mg every 4 weeks"


def test_the_command_writes_png_and_svg(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["drugs", "letrozole"]) == 0
    assert "Picture: pictures/letrozole.png" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["letrozole.png", "letrozole.svg"]
    assert main(["drugs", "gonadorelin", "--out", "elsewhere"]) == 0
    assert "not with leuprolide: its depot" in capsys.readouterr().out
    assert (tmp_path / "elsewhere" / "gonadorelin.svg").read_text().startswith("<?xml")
    assert main(["drugs", "letrozole", "--no-plots", "--out", "nowhere"]) == 0
    assert main(["drugs"]) == 0
    assert not (tmp_path / "nowhere").exists()


def test_a_place_that_cannot_be_written_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["drugs", "letrozole", "--out", str(tmp_path / "file")]) == 2
    assert "pictures cannot be written" in capsys.readouterr().err


def test_help_does_without_matplotlib():
    code = (
        "import sys; from testis_abm.cli import _parser; _parser(); import testis_abm.parameters; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'numba', 'mesa')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
