"""The picture of a drug: what it draws is what the model does, in every drug, and the command writes it."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import numpy as np
import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.pharmacology import Kinetics
from testis_abm.cli.command import main
from testis_abm.experiments.drug_course import amount, drug_course, levels
from testis_abm.pictures import drug
from testis_abm.scenario import Therapy, load

course_drawn = cache(drug_course)  # each takes thirteen men


def course_of(name, dose, every, days):
    """Return the concentration or release of a drug by the hour, its depots together."""
    therapy = Therapy(name, dose=dose, **({"every": every, "until": days} if every else {}))
    return levels(Kinetics.of([parameters.drugs()[name]]), [therapy], days).sum(axis=0)


@pytest.mark.parametrize(
    ("name", "dose", "low", "high"),
    [
        ("testosterone_enanthate", "250 mg", 1.5, 3.0),  # Testoviron Depot Fachinfo
        ("testosterone_cypionate", "200 mg", 2.0, 5.0),  # Nankin 1987
        ("testosterone_undecanoate", "1000 mg", 3.0, 14.0),
    ],
)
def test_an_oil_depot_peaks_after_days(name, dose, low, high):
    released = course_of(name, dose, None, 400)
    assert released[0] < 0.2 * released.max() and low <= released.argmax() / 24 <= high
    mass = sum(released) / 24 * 288.4 / 1e6
    payload = parameters.drugs()[name].numbers["payload_fraction"].value
    assert mass == pytest.approx(float(dose.split()[0]) * payload, rel=0.01)


def test_a_monthly_depot_bursts_and_does_not_overlap():
    """US label: almost 20 ng/mL at 4 h and 0.36 ng/mL at 4 weeks after 7.5 mg of leuprolide."""
    level = course_of("leuprolide", "7.5 mg", "28 days", 112).reshape(112, 24, -1)[:, :, -1] * 1209.4 / 1e3
    assert level[0, 3] == pytest.approx(20.0, rel=0.1)
    assert level[27, 23] == pytest.approx(0.36, rel=0.05)
    late = level[[41, 69, 97]]
    assert late == pytest.approx(np.full_like(late, 0.36), rel=0.05)


DRUGS = sorted(parameters.drugs())
# One of each kind: by mouth, into muscle, under the skin, through it, by pump; those of months are for `make verify`.
SOON = {
    "anastrozole",
    "rfsh",
    "gonadorelin",
    "hcg",
    "testosterone_gel",
    "testosterone_enanthate",
    "tamoxifen",
    "ketoconazole",
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name not in SOON)) for name in DRUGS])
def test_every_drug_has_a_usual_regimen_that_can_be_drawn(name):
    course = course_drawn(name)
    assert course.days >= 14
    for panel in (*course.panels, course.response):
        assert "(" in panel.label
        for values in panel.lines.values():
            assert np.isfinite(values).all() and (values >= 0.0).all()
            assert not panel.share or values.max() <= 100.0
    figure = drug.draw(course)
    figure.set_dpi(40)
    figure.canvas.draw()
    assert [axes.get_xlabel().split()[0] for axes in figure.axes] == ["Day", "Day", "Day", "Dose"]
    low, high = figure.axes[3].get_xlim()
    assert low <= course.doses[-1] <= high <= 1.0001 * parameters.drugs()[name].largest_dose


@pytest.mark.slow
def test_levels_are_named_with_their_assay_as_in_other_pictures():
    in_blood = drug_course("anastrozole").panels[2]
    assert [*in_blood.lines] == ["testosterone", "serum E2 (LC-MS/MS)", "LH", "FSH"]
    effect = drug_course("oestradiol_patch").panels[1]
    assert effect.label == "Serum E2 (LC-MS/MS)\n(pmol/L)"


def test_the_curve_of_anastrozole_is_that_of_a_run():
    course = course_drawn("anastrozole")
    case = {
        "tissue": {"tubules": 1, "sertoli_per_tubule": 6},
        "plan": {"baseline": 0, "duration": 42, "replicates": 1},
        "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
    }
    tissue = ta.run(load(case)).treated().tissue
    fat, leydig = course.panels[1].lines.values()
    np.testing.assert_allclose(fat, tissue.aromatase_inhibition_fat_pct[1:])
    np.testing.assert_allclose(leydig, tissue.aromatase_inhibition_leydig_pct[1:])
    # Mauras 2009: 1 mg daily averages 27 ng/mL at a clearance of 1.54 L/h.
    last = next(iter(course.panels[0].lines.values()))[-24:]
    assert course.panels[0].factor * last.mean() == pytest.approx(27.0, rel=0.03)
    # More drug inhibits more; the usual dose lies on the curve.
    fat_response = next(iter(course.response.lines.values()))
    assert (np.diff(fat_response) > 0).all()
    assert np.interp(1.0, course.response.x, fat_response) == pytest.approx(fat[-7:].mean(), abs=1.5)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rfsh", "rFSH"),
        ("hcg", "hCG"),
        ("hmg", "hMG"),
        ("testosterone_gel", "testosterone gel"),
        ("acyline", "acyline"),
    ],
)
def test_a_drug_has_one_name_in_texts(name, said):
    therapy = Therapy(name, "0.05 mg" if parameters.drugs()[name].dose_unit == "mg" else "75 IU", every="1 day")
    assert parameters.drugs()[name].label == said
    assert therapy.title == f"{said} {therapy.label}" and "ug" not in therapy.title


def test_doses_in_words():
    assert (amount(0.01, "mg"), amount(2.5, "mg"), amount(1500, "IU")) == ("10 µg", "2.5 mg", "1500 IU")
    assert course_drawn("hcg").regimen == "1500 IU every 3.5 days"
    assert course_drawn("rfsh").regimen == "150 IU every 56 h"
    assert course_drawn("degarelix").regimen == "240 mg once, then 80 mg every 4 weeks"


def test_the_command_writes_png_and_svg(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["drugs", "letrozole"]) == main(["drugs"]) == 0
    assert "Picture" not in capsys.readouterr().out and not list(tmp_path.iterdir())  # unasked, nothing is written
    assert main(["drugs", "letrozole", "--out", "pictures"]) == 0
    assert "Picture: pictures/letrozole.png" in capsys.readouterr().out
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == ["letrozole.png", "letrozole.svg"]
    assert main(["drugs", "gonadorelin", "--out", "elsewhere"]) == 0
    assert "not with leuprolide: its depot" in capsys.readouterr().out
    assert (tmp_path / "elsewhere" / "gonadorelin.svg").read_text().startswith("<?xml")


def test_a_place_that_cannot_be_written_is_told(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["drugs", "letrozole", "--out", str(tmp_path / "file")]) == 2
    assert "file/letrozole.png: cannot be written: Not a directory" in capsys.readouterr().err


def test_help_does_without_matplotlib():
    code = (
        "import sys; from testis_abm.cli.command import _parser; _parser(); import testis_abm.parameters; "
        "sys.exit(any(name in sys.modules for name in ('matplotlib', 'numba', 'mesa')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
