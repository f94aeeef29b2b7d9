"""Laboratory values in the app, those who match them and how they respond."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from small_page import LABS, THERAPY, matched

import testis_abm as ta
from testis_abm.app import matching
from testis_abm.cli.command import main
from testis_abm.population import report
from testis_abm.support.errors import TestisError


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


def test_the_representative_has_the_levels_that_the_table_says(match):
    table = matching.labs_table(match)
    run = ta.run(
        {
            "man": match.man.as_dict(),
            # A tubule of one row has 3 niches around a Sertoli cell instead of 9: less inhibin B, a tenth more FSH.
            "tissue": {"tubules": 30, "rows": 3},
            "plan": {"baseline": 0, "duration": 2, "replicates": 1},
        }
    )
    first = run.summary()["mean"]
    own = table["representative virtual patient"]
    assert match.man.bmi == 33.0 and own["BMI (kg/m2)"] == "33.0"
    for name, heading in (
        ("testosterone_ng_dl", "testosterone (ng/dL)"),
        ("lh_iu_l", "LH (IU/L)"),
        ("fsh_iu_l", "FSH (IU/L)"),
    ):
        assert float(own[heading]) == pytest.approx(first[name], rel=0.05)
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
    assert not report.misfit(matched(t="500 ng/dL", lh="4").found)
    assert "LH" in report.misfit(matched(t="900 ng/dL", lh="0.05", fsh="60").found)


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
    match = matched(**LABS)
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
