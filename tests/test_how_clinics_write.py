"""Laboratory values, doses, intervals, conditions and drug names as clinics write them."""

from __future__ import annotations

import math
import re
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.cli.command import main
from testis_abm.parameters import drug_named, drugs
from testis_abm.population.given import labs, values
from testis_abm.population.screen import parse_criterion
from testis_abm.quantities import MEASURES, Censored
from testis_abm.scenario import Therapy
from testis_abm.scenario.amounts import NUMBER, UNITS, UNITS_OF_MAN, number_in, parse_dose, parse_duration, parse_unit
from testis_abm.scenario.condition import parse_condition
from testis_abm.scenario.prescription import parse_every, parse_prescription
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError


def laboratory_value(name: object, raw: object) -> object:
    """Return one laboratory value as a number, None where it is missing."""
    lab = labs({name: raw}).get(name)
    return None if lab is None else lab.value


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("4,5", 4.5),
        ("4,55", 4.55),
        ("0,125", 0.125),
        ("1,5000", 1.5),
        ("-4,5", -4.5),
        ("1,500", 1500),
        ("1,234,567", 1234567),
        ("1,500.5", 1500.5),
        ("1.500,5", 1500.5),
        ("1500", 1500),
        ("1.500", 1.5),
        ("3,2e2", 320),
        ("4.5", 4.5),
        ("12,345,678", 12_345_678),
        ("1234,567", 1234.567),
        ("-2,5e3", -2500),
        (".5", 0.5),
        ("7.", 7),
    ],
)
def test_a_comma_is_a_decimal_unless_it_groups_three_digits(text, number):
    assert number_in(text) == pytest.approx(number)


@pytest.mark.parametrize("text", ["1,2,3 mg", "1,23,456 mg", "1.2.3 mg", "1,500,5 mg"])
def test_a_comma_that_can_be_read_in_no_way_is_named(text):
    with pytest.raises(ScenarioError, match=r"its (comma|points) cannot be read; write 1\.5 and 1500, without commas"):
        parse_dose(text)


@given(st.decimals(0, 999_999, places=2))
def test_thousands_and_decimals_read_back(number):
    assert number_in(f"{number:,}") == pytest.approx(float(number))
    assert number_in(f"{number}".replace(".", ",")) == pytest.approx(float(number))


def test_a_refused_comma_says_how_it_was_read():
    with pytest.raises(ScenarioError, match=r"1,250 is read as 1250; for a decimal write 1\.250"):
        Therapy("anastrozole", "1,250 mg")
    with pytest.raises(ScenarioError, match=r"4,123 is read as 4123; for a decimal write 4\.123"):
        laboratory_value("lh", "4,123 IU/L")


@pytest.mark.parametrize(
    ("variable", "unit", "own"),
    [
        ("lh_iu_l", "mUI/mL", "mIU/mL"),
        ("lh_iu_l", "UI/L", "IU/L"),
        ("lh_iu_l", "mIU/ml", "mIU/mL"),
        ("fsh_iu_l", "IE/L", "IU/L"),
        ("lh_iu_l", "mU/mL", "mIU/mL"),
        ("concentration_million_ml", "x10^6/mL", "million/mL"),
        ("concentration_million_ml", "×10⁶/mL", "million/mL"),
        ("concentration_million_ml", "10^6/ml", "10^6/mL"),
        ("concentration_million_ml", "Mio/mL", "million/mL"),
        ("concentration_million_ml", "Mio. / ml", "million/mL"),
        ("concentration_million_ml", "×10⁹/L", "million/mL"),
        ("concentration_million_ml", "x 10^6 per mL", "million/mL"),
        ("total_count_million", "Mio", "million"),
        ("total_count_million", "×10⁶", "million"),
        ("testosterone_nmol_l", "\u00b5g/L", "ug/L"),
        ("testosterone_nmol_l", "\u03bcg/l", "ug/L"),
        ("testosterone_nmol_l", "mcg/L", "ug/L"),
        ("testosterone_nmol_l", "NG / DL", "ng/dL"),
        ("progressive_motility_pct", "percent", "%"),
    ],
)
def test_units_of_reports(variable, unit, own):
    assert parse_unit(variable, unit) == own


@pytest.mark.parametrize(
    ("variable", "unit"),
    [("lh_iu_l", "ng/mL"), ("testosterone_nmol_l", "mg/L"), ("volume_ml", "L"), ("lh_iu_l", "mmol")],
)
def test_units_of_another_kind_stay_refused(variable, unit):
    with pytest.raises(ScenarioError, match="is not a unit of"):
        parse_unit(variable, unit)


@pytest.mark.parametrize(
    ("name", "raw", "value"),
    [
        ("bmi", "33 kg/m2", 33),
        ("bmi", "33,5 kg/m²", 33.5),
        ("bmi", "33", 33),
        ("age", "34 years", 34),
        ("age", "34 yrs", 34),
        ("age", 34, 34),
        ("t", "288.4 ng/dL", 10),
        ("t", "9,0 nmol/L", 9),
        ("t", 9.0, 9),
        ("lh", "4,5 mUI/mL", 4.5),
        ("lh", "4.5", 4.5),
        ("lh", np.int64(4), 4),
        ("concentration", "6 ×10⁶/mL", 6),
        ("concentration", "0", 0),
        ("motility", "32 %", 32),
        ("tmc", "9 Mio", 9),
    ],
)
def test_laboratory_values(name, raw, value):
    assert laboratory_value(name, raw) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("raw", [None, math.nan, np.nan, np.float32("nan"), "", "  ", pd.NA, pd.NaT])
def test_missing_is_missing(raw):
    assert laboratory_value("lh", raw) is None
    assert values({"t": 9.0, "lh": raw}) == {"t": 9.0}


def test_a_row_of_a_table_is_a_patient():
    table = pd.DataFrame({"t": ["260 ng/dL", "9 nmol/L"], "lh": [np.nan, 3.1], "e2": [None, ""]})
    assert values(table.iloc[1]) == {"t": 9.0, "lh": 3.1}
    assert values(table.iloc[0]).keys() == {"t"}
    with pytest.raises(
        ScenarioError, match=r"a DataFrame is not a table of laboratory values.*give one man: table\.iloc\[0\]"
    ):
        values(table)
    twice = pd.Series([9.0, 10.0], index=["t", "t"])
    with pytest.raises(ScenarioError, match="t: is given twice"):
        values(twice)


def test_all_faults_of_a_patient_are_told_at_once():
    with pytest.raises(ScenarioError) as caught:
        values({"t": True, "lh": "many", "fsh": 1e9, "tt": 3})
    assert [line.partition(":")[0] for line in str(caught.value).splitlines()] == [
        "t",
        "lh",
        "fsh",
        'laboratory value "tt" is not known; nearest',
    ]


@pytest.mark.parametrize(
    ("name", "raw", "censored"),
    [
        ("lh", "<0.1", Censored(0.1)),
        ("lh", "< 0,1 mUI/mL", Censored(0.1)),
        ("fsh", ">200", Censored(200.0, below=False)),
        ("lh", "<0.001", Censored(0.001)),
        ("lh", Censored(0.1), Censored(0.1)),
    ],
)
def test_values_beyond_a_limit_of_quantitation_are_kept_as_such(name, raw, censored):
    assert laboratory_value(name, raw) == censored


@pytest.mark.parametrize("raw", ["<0", "<-1", "<", "<x", ">1e9", "<1e9", "<nan"])
def test_a_limit_that_is_none_is_refused(raw):
    with pytest.raises(ScenarioError):
        laboratory_value("lh", raw)


def test_every_laboratory_value_has_its_units():
    for name, measure in MEASURES.items():
        units = UNITS_OF_MAN.get(name) or UNITS[measure.column]
        assert not measure.assumed or measure.assumed in units
        assert units[measure.unit] == measure.factor


def test_a_value_given_twice_is_refused(capsys):
    assert main(["twin", "--t", "9 nmol/L", "--t", "260ng/dL"]) == 2
    assert capsys.readouterr().err == "--t is given twice; leave one out\n"
    assert main(["run", "x.toml", "--set", "man.bmi=3", "--set", "man.bmi=31"]) == 2
    assert "man.bmi is given twice" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("daily", 1),
        ("QD", 1),
        ("q.d.", 1),
        ("BID", 1 / 2),
        ("b.i.d.", 1 / 2),
        ("TID", 1 / 3),
        ("QID", 1 / 4),
        ("QOD", 2),
        ("EOD", 2),
        ("QW", 7),
        ("TIW", 7 / 3),
        ("three times weekly", 7 / 3),
        ("3x/week", 7 / 3),
        ("3 x weekly", 7 / 3),
        ("twice a week", 3.5),
        ("twice weekly", 3.5),
        ("2 per week", 3.5),
        ("every other day", 2),
        ("every second day", 2),
        ("every third day", 3),
        ("every 3 days", 3),
        ("every two weeks", 14),
        ("every 12 hours", 0.5),
        ("q12h", 0.5),
        ("12 hourly", 0.5),
        ("weekly", 7),
        ("once a week", 7),
        ("monthly", 28),
        ("2 day", 2),
        ("1 month", 30.4375),
        ("28 days", 28),
        ("1,5 days", 1.5),
        (3, 3),
    ],
)
def test_intervals_of_prescriptions_in_files_and_on_the_command_line(text, days):
    assert parse_every(text) == pytest.approx(days)
    assert Therapy("hCG", "500 IU", every=text).every_days == pytest.approx(days)
    if isinstance(text, str):
        table = parse_prescription(f"hCG 1,500 IU {text}")
        assert Therapy(**table).every_days == pytest.approx(days) and Therapy(**table).dose == 1500


def test_samples_are_taken_at_the_same_intervals():
    case = ta.load(
        {
            "samples": {"blood": {"every": "fortnightly"}, "semen": {"every": "every other week"}},
            "plan": {"duration": "28 days"},
        }
    )
    assert case.samples.blood == (0, 14, 28) and case.samples.semen[:2] == (-28, -14)


@pytest.mark.parametrize("text", ["3 weekly", "0x/week", "sometimes", "every", "x/week", "-1x/week", "q0h"])
def test_intervals_that_say_nothing_or_two_things_are_refused(text):
    with pytest.raises(ScenarioError):
        Therapy("hCG", "500 IU", every=text)


@pytest.mark.parametrize(
    ("text", "drug", "dose", "every"),
    [
        ("testosterone cypionate 100 mg weekly", "testosterone_cypionate", 100, 7),
        ("Gonal-F 150 IU three times weekly", "rfsh", 150, 7 / 3),
        ("clomid 25mg QOD", "clomiphene", 25, 2),
        ("Arimidex 1mg daily", "anastrozole", 1, 1),
        ("degarelix 240 mg once", "degarelix", 240, None),
        ("Femara 2,5 mg daily", "letrozole", 2.5, 1),
        ("Nolvadex 20 mg qd", "tamoxifen", 20, 1),
        ("hCG 1,500 UI BIW", "hcg", 1500, 3.5),
    ],
)
def test_prescriptions(text, drug, dose, every):
    therapy = Therapy(**parse_prescription(text))
    assert (therapy.drug, therapy.dose) == (drug, dose)
    assert therapy.every_days == (pytest.approx(every) if every else None)


@pytest.mark.parametrize("drug", drugs().values(), ids=lambda drug: drug.name)
def test_a_prescription_without_a_frequency_is_refused_with_the_usual_one(drug):
    part = drug.regimen[-1]
    text = f"{drug.name} {part.dose:g} {drug.dose_unit}"
    with pytest.raises(ScenarioError, match="does not say how often") as refused:
        parse_prescription(text)
    assert drug.usual in str(refused.value)
    fix = re.search('add "([^"]+)"', str(refused.value))[1]
    assert Therapy(**parse_prescription(f"{text} {fix}")).every_days == pytest.approx(part.every_days)
    assert Therapy(**parse_prescription(f"{text} once")).every_days is None


def test_the_command_refuses_a_missing_frequency_and_repeats_the_one_given(capsys, few_men):
    labs = ["twin", "--t", "267ng/dL", "--lh", "3", "--men", "2"]
    assert main([*labs, "--give", "Nebido 1000 mg"]) == 2
    assert 'add "every 12 weeks" or "once"' in capsys.readouterr().err
    assert main([*labs, "--give", "Nebido 1000 mg every 12 weeks", "--days", "30"]) == 0
    assert "testosterone undecanoate 1000 mg every 12 weeks, day 0 to 30" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("drug", "dose", "note"),
    [
        (
            "hcg",
            "1.500 IU",
            r"hcg 1.5 IU is 1/1,000 of the usual 1500 IU .*; 1.500 is read as 1.5: for thousands write 1500",
        ),
        ("hcg", "1,500 IU", None),
        ("hcg", "15 IU", None),
        ("letrozole", "2.500 mg", None),
        ("letrozole", "25 ug", None),
        ("Nebido", "1.000 mg", "for thousands write 1000"),
        ("gonadorelin", "10 mg", "gonadorelin 10 mg is 1,000 times the usual 10 µg"),
    ],
)
def test_a_dose_far_from_the_usual_one_is_noted(drug, dose, note):
    for case in (
        {"therapy": [{"drug": drug, "dose": dose}]},
        {"man": {"history": f"{drug} {dose} weekly for 20 weeks"}},
    ):
        with warnings.catch_warnings(record=True) as notes:
            warnings.simplefilter("always")
            try:
                ta.load(case)
            except ScenarioError as error:
                assert note and "is too much" in str(error)
                continue
        assert bool(notes) == bool(note)
        assert note is None or re.search(note, str(notes[0].message))


def test_no_name_means_two_drugs():
    names = Counter(
        name
        for drug in drugs().values()
        for name in {"".join(sign for sign in name.casefold() if sign.isalnum()) for name in (drug.name, *drug.names)}
    )
    assert [name for name, count in names.items() if count > 1] == []
    for drug in drugs().values():
        for name in (drug.name, *drug.names):
            assert (
                drug_named(name)
                == drug_named(name.upper())
                == drug_named(name.replace("-", " ").replace(" ", "_"))
                == drug.name
            )


def test_two_drugs_of_one_name_stop_the_table(tmp_path):
    source = (parameters.table.FOLDER / "drugs.toml").read_text(encoding="utf-8")
    (tmp_path / "drugs.toml").write_text(source.replace('names = ["Femara"]', 'names = ["arimidex"]'), encoding="utf-8")
    with pytest.raises(ta.TestisError, match="letrozole: 'arimidex' is a name of two drugs"):
        drug_named("hcg", tmp_path)


def test_brand_names_work_wherever_a_drug_is_named(capsys):
    case = ta.load(
        {
            "man": {"history": "Depo-Testosterone 100 mg weekly for 20 weeks"},
            "therapy": [{"drug": "Pregnyl", "dose": "2,000 IU", "every": "BIW"}],
        }
    )
    assert case.man.history[0].drug == "testosterone_cypionate" and case.therapy[0].drug == "hcg"
    assert ta.load(case.as_dict()) == case
    assert main(["drugs", "Clomid"]) == 0
    assert capsys.readouterr().out.startswith("clomiphene: ")


@pytest.mark.parametrize(
    "text",
    [
        "BMI ≥ 25",
        "BMI > 25 and age < 40",
        "age < 40 years and BMI >= 25 kg/m²",
        "T/LH < 100",
        "T/E2 < 10,5",
        "sperm concentration < 15 ×10⁶/mL or LH > 8 mUI/mL",
    ],
)
def test_criteria_in_one_grammar(text):
    men = pd.DataFrame({"bmi": [20.0, 25.0, 33.0], "age": [30.0, 39.0, 50.0]})
    seen = pd.DataFrame(
        {
            "t_over_lh": [130.0, 64.9, 28.8],
            "lh_iu_l": [4.0, 4.0, 9.0],
            "t_over_e2_immunoassay": [23.8, 9.5, 7.3],
            "concentration_million_ml": [60.0, 14.0, 20.0],
        }
    )
    met = parse_criterion(text)(seen, men, Laboratory(parameters.values()))
    assert met.dtype == bool and not met[0]
    assert met[1] == {"BMI > 25 and age < 40": False}.get(text, True)


def test_a_criterion_and_its_text_agree():
    condition = parse_condition("BMI ≥ 25 and T/LH < 100", "visit")
    assert str(condition) == "BMI >= 25 kg/m2 and T/LH < 100" and parse_condition(str(condition), "visit") == condition


@pytest.mark.parametrize("digits", ["٣", "３", "३"])
def test_digits_of_other_scripts_are_refused_everywhere(digits, capsys):
    for read, text in (
        (parse_duration, f"{digits} days"),
        (parse_dose, f"{digits} mg"),
        (parse_condition, f"LH > {digits}"),
        (parse_every, f"{digits}x/week"),
        (lambda x: laboratory_value("lh", x), digits),
        (parse_prescription, f"hcg {digits} IU daily"),
    ):
        with pytest.raises(ScenarioError, match="digits of another script; write 0 to 9"):
            read(text)
    for line in (
        ["cohort", "--men", digits],
        ["run", "x.toml", "--days", digits],
        ["sweep", "x.toml", "--shard", f"{digits}/4"],
    ):
        assert main(line) == 2
        assert "digits of another script" in capsys.readouterr().err


@given(st.text(alphabet="0123456789,.eE+-x ", max_size=12))
def test_a_number_is_finite_or_refused(text):
    if re.fullmatch(NUMBER, text, re.IGNORECASE):
        try:
            assert not math.isnan(number_in(text))
        except guard.ScenarioError as error:
            assert "cannot be read" in str(error)
