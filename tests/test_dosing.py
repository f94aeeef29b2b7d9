"""Doses by weight and surface, on listed days, missed ones, adherence, and tables of records."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import testis_abm as ta
from testis_abm.cli import main
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.scenario import load
from testis_abm.scenario.records import COLUMNS, read_records, record_text

DAILY = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}


def case(*therapies, days=40, **man):
    return load(
        {"title": "doses", "man": man, "plan": {"baseline": 0, "duration": days, "replicates": 1}, "therapy": therapies}
    )


def mornings(scenario, key=(1,)):
    treatment = Treatment(scenario)
    man = ExpectedMan(complete(scenario.values()), scenario.man.physiology, treatment.kinetics)
    return treatment.follow(man, key).days


def same(one, other):
    np.testing.assert_array_equal(mornings(one), mornings(other))


def alike(one, other):
    """Compare where the same dose is worked out in another order."""
    for column in ("oestradiol_pmol_l", "testosterone_nmol_l", "lh_iu_l"):
        np.testing.assert_allclose(mornings(one)[column], mornings(other)[column], rtol=1e-9)


def test_a_dose_by_weight_is_the_dose_of_that_weight():
    heavy = {"bmi": 36, "height": 1.8}
    weight = 36 * 1.8**2
    surface = (180 * weight / 3600) ** 0.5
    alike(case({**DAILY, "dose": "0.01 mg/kg"}, **heavy), case({**DAILY, "dose": f"{0.01 * weight!r} mg"}, **heavy))
    alike(case({**DAILY, "dose": "0.5 mg/m2"}, **heavy), case({**DAILY, "dose": f"{0.5 * surface!r} mg"}, **heavy))


def test_listed_days_are_those_of_an_interval():
    listed = {key: DAILY[key] for key in ("drug", "dose")} | {"days": [f"day {day}" for day in range(0, 40, 3)]}
    table = {**listed, "days": {"every": "3 days", "until": "day 39"}}
    every = {**DAILY, "every": "3 days"}
    same(case(listed), case(every))
    same(case(table), case(every))


def test_what_is_missed_is_as_if_it_had_not_been_planned():
    without = {key: DAILY[key] for key in ("drug", "dose")} | {"days": [day for day in range(40) if day not in (5, 6)]}
    same(case({**DAILY, "missed": ["day 5", 6]}), case(without))


def test_adherence_goes_from_none_to_all_and_differs_between_men():
    same(case({**DAILY, "adherence": 1}), case(DAILY))
    same(
        case({**DAILY, "adherence": "0 %"}), case({**DAILY, "dose": "1 mg", "missed": {"every": 1, "until": "day 40"}})
    )
    half = case({**DAILY, "adherence": 0.5}, days=200)
    assert not np.array_equal(mornings(half, (1,)), mornings(half, (2,)))
    np.testing.assert_array_equal(mornings(half, (1,)), mornings(half, (1,)))
    runs = [
        ta.run(half, overrides={"plan.duration": 100, "tissue.tubules": 1, "tissue.rows": 1, "plan.seed": seed})
        for seed in (1, 2)
    ]
    taken = [len(run.tables["therapy"]) for run in runs]
    assert all(30 < count < 70 for count in taken)
    assert set(runs[0].tables["therapy"]["day"]) != set(runs[1].tables["therapy"]["day"])


def test_both_engines_give_the_doses_of_the_man():
    odd = {**DAILY, "dose": "0.02 mg/kg", "days": ["day 0", "day 1.5", "day 4"]}
    del odd["every"]
    small = {"tissue.tubules": 1, "tissue.rows": 1, "tissue.sertoli_per_tubule": 6}
    one, other = (
        ta.run(case(odd, days=6), overrides={**small, "plan.engine": engine}) for engine in ("compiled", "reference")
    )
    given = one.tables["therapy"][["day", "dose"]]
    np.testing.assert_allclose(given["dose"], 0.02 * 24 * 1.77**2)
    assert given["day"].tolist() == [0.0, 1.5, 4.0]
    assert given.equals(other.tables["therapy"][["day", "dose"]])
    np.testing.assert_array_equal(one.hormones["oestradiol_pmol_l"], other.hormones["oestradiol_pmol_l"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dose": "200 mg/kg"}, "is too much"),
        ({"dose": "1 mg/l"}, "does not fit"),
        ({"adherence": 1.2}, "adherence: 1.2 is out of range; allowed: 0 to 1"),
        ({"adherence": "often"}, "adherence"),
        ({"days": ["day 3"]}, "every: does not go with days"),
        ({"days": []}, "days: is empty"),
        ({"missed": ["soon"]}, "missed 1"),
        ({"every": None, "days": ["day 99"]}, "is not before the end of the plan"),
    ],
)
def test_what_cannot_be_dosed_is_one_clear_error(change, message):
    therapy = {key: value for key, value in (DAILY | change).items() if value is not None}
    with pytest.raises(ta.TestisError, match=message):
        case(therapy)


def test_what_is_written_is_read_back():
    for more in ({"dose": "0.02 mg/kg"}, {"missed": ["day 3"], "adherence": 0.9}):
        scenario = case(DAILY | more)
        assert load(scenario.as_dict()) == scenario
    assert "adherence" not in case(DAILY).as_dict()["therapy"][0]


# ---- records


@given(
    st.lists(
        st.tuples(
            st.floats(0, 50).map(lambda day: round(day * 24) / 24),
            st.sampled_from([0.5, 1.0, 2.0]),
            st.sampled_from([0.0, 2.0]),
        ),
        min_size=1,
        max_size=25,
    )
)
def test_records_come_back_as_the_doses_of_a_scenario(tmp_path_factory, doses):
    rows = [
        {
            "ID": "7",
            "TIME": 24 * day,
            "AMT": amount,
            "EVID": 1,
            "DRUG": "anastrozole",
            "RATE": amount / hours if hours else None,
        }
        for day, amount, hours in doses
    ]
    file = tmp_path_factory.mktemp("records") / "doses.csv"
    file.write_text(record_text(rows), encoding="utf-8")
    subject = read_records(file)["7"]
    assert len(subject.doses) == len(doses)
    scenario = case(*subject.therapies(), days=60)
    planned = sorted(
        (round(day, 5), part.dose, part.over_hours or 0.0) for part in scenario.therapy for day in part.dose_days()
    )
    np.testing.assert_allclose(
        planned, sorted((round(day, 5), amount, hours) for day, amount, hours in doses), atol=1e-4
    )


def test_further_doses_and_compartments(tmp_path):
    file = tmp_path / "nm.csv"
    file.write_text(
        "# made by hand\nC;ID;TIME;AMT;EVID;ADDL;II;CMT;DV\n.;1;0;1;1;3;24;1;.\n.;1;30;.;0;.;.;2;480\nC;1;0;1;1;3;24;1;.\n"
    )
    records = read_records(file, drugs={"1": "Arimidex"})
    assert records.skipped == 2
    subject = records["1"]
    assert [dose.day for dose in subject.doses] == [0, 1, 2, 3]
    assert {dose.drug for dose in subject.doses} == {"anastrozole"}
    assert [(day, row["DV"]) for day, row in subject.observations] == [(1.25, "480")]
    assert [
        dose.day for dose in read_records(file, time="d", drug="anastrozole", drugs={"1": "anastrozole"})["1"].doses
    ] == [0, 24, 48, 72]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("1,0,1,3,anastrozole", "line 2: EVID: 3 is a reset"),
        ("1,x,1,1,anastrozole", 'line 2: TIME: "x" is no number'),
        ("1,0,-1,1,anastrozole", 'line 2: AMT: "-1" is out of range'),
        ("1,0,1,1,anastrazole", 'line 2: drug.*nearest: "anastrozole"'),
        ("1,0,1,1,.", "line 2: DRUG: no drug is named"),
        ("1,-24,1,1,anastrozole", "before day 0"),
        ("1,0,1,1", "line 2: 4 cells, expected 5"),
        ("1,1e999,1,1,anastrozole", "out of range"),
        ("1,0,1_0,1,anastrozole", 'line 2: AMT: "1_0" is no number'),
        ("1,0,\u0661,1,anastrozole", "line 2: AMT: .* is no number"),
        ("1,0,1,0,anastrozole", "line 2: AMT: 1 beside EVID 0"),
        ("1,0,1,1.5,anastrozole", 'line 2: EVID: "1.5" is no whole number'),
        (",0,1,1,anastrozole", "line 2: ID: is missing"),
    ],
)
def test_a_wrong_record_is_told_by_line_and_column(tmp_path, row, message):
    file = tmp_path / "wrong.csv"
    file.write_text(f"ID,TIME,AMT,EVID,DRUG\n{row}\n", encoding="utf-8")
    with pytest.raises(ta.TestisError, match=message):
        read_records(file)


HEAD = "ID,TIME,AMT,EVID,ADDL,II,DRUG,RATE,UNIT\n"


@pytest.mark.parametrize(
    ("drug", "amount", "unit", "dose"),
    [
        ("anastrozole", 1, "mg", 1.0),
        ("anastrozole", 250, "ug", 0.25),
        ("anastrozole", 250, "\u00b5g", 0.25),
        ("anastrozole", 0.002, "g", 2.0),
        ("anastrozole", 1, ".", 1.0),
        ("hCG", 1500, "IU", 1500.0),
        ("hCG", 1.5, "kIU", 1500.0),
    ],
)
def test_an_amount_is_in_the_unit_of_its_record(tmp_path, drug, amount, unit, dose):
    file = tmp_path / "units.csv"
    file.write_text(f"{HEAD}1,0,{amount},1,.,.,{drug},{amount / 2},{unit}\n", encoding="utf-8")
    (given,) = read_records(file)["1"].doses
    assert given.amount == pytest.approx(dose) and given.hours == pytest.approx(2.0)


@pytest.mark.parametrize("unit", ["IU", "mL", "mg/kg", "mgg"])
def test_a_unit_that_does_not_fit_is_told_by_line_and_column(tmp_path, unit):
    file = tmp_path / "units.csv"
    file.write_text(f"{HEAD}1,0,1,1,.,.,anastrozole,.,{unit}\n")
    with pytest.raises(ta.TestisError, match=r"line 2: UNIT: .*the dose is in mg, g or ug"):
        read_records(file)


def test_a_subject_may_be_called_c_and_a_dose_needs_no_evid(tmp_path):
    file = tmp_path / "c.csv"
    file.write_text("ID,TIME,AMT,DRUG\nC,0,1,anastrozole\nC,24,.,.\n#C,24,1,anastrozole\n")
    records = read_records(file)
    assert [dose.day for dose in records["C"].doses] == [0.0] and len(records["C"].observations) == 1
    assert records.skipped == 1


def test_new_says_what_it_takes_of_the_records(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doses.csv").write_text(f"# by hand\n{HEAD}C,0,500,1,2,24,anastrozole,.,ug\nC,48,.,0,.,.,.,.,.\n")
    assert main(["new", "mine.toml", "--records", "doses.csv"]) == 0
    said = capsys.readouterr().out
    for text in ("3 doses of subject C", "fertile_man", "Measurements are not used: 1 ", "comments: 1 line"):
        assert text in said
    assert {part.dose for part in load("mine.toml").therapy} == {0.5}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("1,0,1,1,.,.,hCG,.,.\n1,0,1,1,3,0.1,anastrozole,.,.\n", "doses.csv: line 3: every: .*out of range"),
        ("1,0,1,1,3,24,anastrozole,0.01,.\n", "doses.csv: line 2: over: "),
    ],
)
def test_what_a_scenario_refuses_of_records_is_told_by_line(tmp_path, monkeypatch, capsys, rows, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "doses.csv").write_text(HEAD + rows)
    assert main(["new", "mine.toml", "--records", "doses.csv"]) == 2
    assert re.search(message, capsys.readouterr().err)


def test_a_table_that_is_none(tmp_path):
    with pytest.raises(ta.TestisError, match="no such file"):
        read_records(tmp_path / "nowhere.csv")
    file = tmp_path / "empty.csv"
    file.write_text("")
    with pytest.raises(ta.TestisError, match="is empty"):
        read_records(file)
    file.write_text(record_text([]).replace("ID", "SUBJECT"))
    file.write_text("SUBJECT,TIME\n1,0\n")
    with pytest.raises(ta.TestisError, match="no column ID"):
        read_records(file)
    assert len(COLUMNS) == len(set(COLUMNS))
