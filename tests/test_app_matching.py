"""Laboratory values in the app, those who match them and how they respond."""

from __future__ import annotations

import copy
import dataclasses
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from small_page import LABS, THERAPY, matched

import testis_abm as ta
from testis_abm.app import candidates, draft, matching, responses
from testis_abm.cli.command import main
from testis_abm.population import report
from testis_abm.quantities import GIVEN
from testis_abm.support.errors import TestisError

HCG = {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"}


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


def test_a_number_alone_is_in_the_unit_shown_beside_it():
    for system in ("conventional", "si"):
        with ta.in_units(system):
            for name, measure in GIVEN.items():
                number = matching.example(name).split()[0]
                text = matching.with_unit(name, number)
                assert matching.fault(name, text) == "" and text == (
                    number if measure.assumed else f"{number} {matching.unit_shown(name)}"
                )
                assert matching.with_unit(name, matching.example(name)) == matching.example(name)
    assert matching.with_unit("t", "<0.1") == "<0.1 ng/dL" and matching.with_unit("t", " ") == " "
    assert "implausible" in matching.fault("t", "9000 ng/dL") and "furlongs" in matching.fault("e2", "30 furlongs")


def test_the_representative_has_the_levels_that_are_shown(match):
    rows = {row.name: row for row in matching.reported(match)}
    run = ta.run(
        {
            "man": match.man.as_dict(),
            # A tubule of one row has 3 niches around a Sertoli cell instead of 9: less inhibin B, a tenth more FSH.
            "tissue": {"tubules": 30, "rows": 3},
            "plan": {"baseline": 0, "duration": 2, "replicates": 1},
        }
    )
    first = run.summary()["mean"]
    assert match.man.bmi == 33.0 and matching.as_given(match) == [("BMI", "33.0 kg/m²")]
    for name, shown in (("testosterone_ng_dl", "Testosterone"), ("lh_iu_l", "LH"), ("fsh_iu_l", "FSH")):
        assert rows[shown].own == pytest.approx(first[name], rel=0.05)
    assert {"Serum E2 (immunoassay)", "T/E2 (immunoassay)"} <= rows.keys()


def test_what_is_shown_beside_the_patient_is_what_the_set_holds(match):
    labs = match.found.labs()
    for system in ("conventional", "si"):
        with ta.in_units(system):
            rows = matching.reported(match)
        assert [row.given for row in rows[:2]] == pytest.approx([260.0, 48.0], rel=1e-9), "in the units as typed"
        names = ["t", "e2", "t_e2", "lh", "fsh", "concentration"]
        for row, (_, of) in zip(rows, labs.loc[names].iterrows(), strict=True):
            assert row.deviation == of["deviation_sd"] and row.median / row.given == pytest.approx(
                of["median"] / of["given"]
            )
        limits = {row.name: row.reference.limits for row in rows if row.reference}
        assert limits["Testosterone"] == pytest.approx((298.0, 1043.0)) and limits["Sperm concentration"] == (16.0,)
        assert limits["T/E2 (immunoassay)"] == (10.0,)


def test_where_the_representative_is_not_the_patient_is_said(match):
    said = matching.differs(match)
    assert "not the patient" in said
    for row in matching.reported(match):
        if "T/E2" not in row.name and abs(row.own - row.given) > 0.11 * row.given:
            assert f"{report.number(row.own)}, given {report.number(row.given)}" in said


def test_fit_and_misfit_are_said(few_men):
    fit, said = matching.fits(matched(t="500 ng/dL", lh="4"))
    assert fit and said.startswith("Fits")
    fit, said = matching.fits(matched(t="900 ng/dL", lh="0.05", fsh="60"))
    assert not fit and said.startswith("No virtual patient gives these values: ") and "LH is 0.05 IU/L, theirs" in said


def test_what_is_marked_as_strained_is_not_said_to_fit_within_one_sd(match):
    def altered(deviation):
        labs = match.found.labs()
        labs["deviation_sd"] = 0.4
        labs.loc["t_e2", "deviation_sd"] = deviation
        found = copy.copy(match.found)
        object.__setattr__(found, "labs", lambda: labs)
        return dataclasses.replace(match, found=found)

    for deviation, marked in ((1.04, False), (1.3, True), (-1.3, True)):
        of = altered(deviation)
        row = next(row for row in matching.reported(of) if row.name.startswith("T/E2"))
        assert row.strained == marked
        assert ("T/E2 only with strain" in matching.fits(of)[1]) == marked


def test_a_level_that_rounds_to_none_has_no_sign():
    row = pd.Series({"before": 0.0, "after": -0.02, "difference": -0.02, "men": 200, "low": -0.3, "high": 0.2})
    assert report.readout_cells("bone density on a scan against day 0 (%)", row, 200)[0] == ("0.0", "0.0", "+0.0")


def test_too_few_who_match_have_no_intervals(match, monkeypatch):
    monkeypatch.setattr(matching, "MEN", 4)
    weights = np.zeros(len(match.found.men))
    weights[match.row] = 1.0
    few = dataclasses.replace(match, found=dataclasses.replace(match.found, weights=weights))
    assert not few.found.dependable and match.found.dependable
    response = matching.respond(few, [ta.load({"plan": {"duration": "30 days"}, "therapy": [THERAPY]})])
    for table, columns in (
        (report.effects(response.before, response.after[0], False), 3),
        (report.safety(response.before, response.after[0], False), 3),
        (report.physiology(few.found), 2),
    ):
        assert len(table.columns) == columns and not any("%" in name for name in table)
    assert all(np.isnan(row.low) and np.isfinite(row.median) for row in matching.reported(few)) and not report.lesions(
        few.found
    )
    for table in (responses.of_all(response, False), responses.safety(response, False)):
        assert not table.map(lambda cell: " to " in cell).any(axis=None)
    assert [*responses.of_outcome(response, "testosterone_nmol_l", False)] == ["before", "after", "change"]


def test_page_and_command_agree_on_each_candidate(match, capsys):
    assert match.found.dependable
    choice = candidates.Choice(({"therapy": [THERAPY]}, {"therapy": [HCG]}, {"therapy": [THERAPY, HCG]}), "60 days", 20)
    said = candidates.understood(draft.start() | {"samples": {"assay": "immunoassay"}}, choice, match.man)
    response = matching.respond(match, [of.scenario for of in said], 20)
    shown, limits = responses.of_all(response, True), responses.of_outcome(response, "total_motile_count_million", True)
    for k, scenario in enumerate(response.scenarios):
        line = candidates.command(LABS, "immunoassay", scenario, 20)
        capsys.readouterr()
        assert main(shlex.split(line)[1:]) == 0
        printed = [text.split() for text in capsys.readouterr().out.splitlines()]
        for heading in shown.index:
            words = heading.split()
            (row,) = [
                text[len(words) :] for text in printed if text[: len(words)] == words and any("%" in of for of in text)
            ]
            before, after = shown.loc[heading, "before"], shown.iloc[:, k + 1][heading]
            assert row[:2] == [before, after.split()[0]], heading
            change = re.sub("[(),]", "", after.partition("(")[2])  # "+87 % +58 to +126"
            assert re.sub("[(),]", "", " ".join(row[2:])).startswith(change), heading
        assert limits.iloc[k]["after"] == shown.iloc[:, k + 1]["total motile count (million)"].split()[0]


def test_violins_of_the_page_hold_the_men_of_its_tables(match):
    scenario = ta.load({"plan": {"duration": "30 days"}, "therapy": [THERAPY]})
    response = matching.respond(match, [scenario, scenario], 12)
    for system in ("conventional", "si"):
        with ta.in_units(system):
            for column in ("total_motile_count_million", "testosterone_nmol_l"):
                chart, table = responses.violins(response, column), responses.of_outcome(response, column, True)
                medians = [report.number(group.spread[0]) for group in chart.groups]
                assert medians == [table["before"].iloc[0], *table["after"]]
                assert [len(group.values) for group in chart.groups] == [12, 12, 12]
    pair = response.candidates.paired("testosterone_nmol_l", 1, 2)
    assert pair.same == 100.0, "the same treatment does the same to the same man"


def test_a_prediction_belongs_to_its_treatment(match):
    case = ta.load({"plan": {"duration": "30 days"}, "therapy": [THERAPY]})
    assert matching.same_treatment(case, ta.load({**case.as_dict(), "man": {"bmi": 40}, "title": "Other"}))
    for other in (
        {"therapy": [{**THERAPY, "dose": "0.5 mg"}]},
        {"plan": {"duration": "40 days"}},
        {"weight": [{"bmi": 25, "until": "day 20"}]},
    ):
        assert not matching.same_treatment(case, ta.load({**case.as_dict(), "samples": {}, **other}))
    assert not matching.same_treatment(case, None)


# ---- candidates


def test_candidates_are_edited_one_by_one_and_empty_ones_go():
    form = draft.start()
    one = candidates.with_drug(form, {}, "anastrozole")
    both = candidates.with_drug(form, one, "hcg")
    assert [row["drug"] for row in both["therapy"]] == ["anastrozole", "hcg"] and len(one["therapy"]) == 1
    changed = candidates.with_cell(form, both, 1, "dose", "3,000 IU")
    choice = candidates.Choice().with_candidate(0, one).with_candidate(1, changed)
    said = candidates.understood(form, choice, ta.load({}).man)
    assert [matching.treatment_of(of.scenario) for of in said] == [
        "anastrozole 1 mg daily",
        "anastrozole 1 mg daily + hCG 3000 IU every 3.5 days",
    ]
    assert choice.with_candidate(0, candidates.without_drug(one, 0)).candidates == (changed,)
    wrong = choice.with_candidate(0, candidates.with_cell(form, one, 0, "dose", "many"))
    assert candidates.understood(form, wrong, ta.load({}).man)[0].at("therapy", 0, "dose")
    for _ in range(9):
        choice = choice.with_candidate(len(choice.candidates), one)
    assert len(choice.candidates) == candidates.MOST


def test_what_the_form_treats_with_is_a_candidate_under_its_parameters():
    form = draft.of(
        ta.load(
            {
                "therapy": [THERAPY],
                "weight": [{"bmi": 28, "until": "day 20"}],
                "parameters": {"tract": {"collected": 0.3}},
            }
        )
    )
    (said,) = candidates.understood(form, candidates.Choice((candidates.of_form(form),), "90 days"), ta.load({}).man)
    assert (
        said.scenario.weight
        and said.scenario.plan.duration_days == 90
        and said.scenario.parameters == {"tract.collected": 0.3}
    )
    assert "--scenario" in candidates.command({"t": "9 nmol/L"}, "lc-ms", said.scenario, 200)


@pytest.mark.parametrize(
    "men, count, days, refused", [(200, 4, 180, False), (800, 1, 365, False), (800, 2, 180, True), (200, 4, 3000, True)]
)
def test_what_is_too_much_is_refused_with_the_command(men, count, days, refused):
    scenario = ta.load({"plan": {"duration": f"{days} days"}, "therapy": [THERAPY]})
    said = candidates.refused(candidates.Choice(({},) * count, "", men), [scenario] * count)
    assert bool(said) == refused and ("testis-abm twin --give" in said) == refused
