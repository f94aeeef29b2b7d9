"""Durations, days, doses and clinical units as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testis_abm.scenario import UNITS, canonical_unit, convert
from testis_abm.scenario.amounts import parse_day, parse_dose, parse_duration
from testis_abm.support.errors import ScenarioError, written

AMOUNTS = st.floats(1e-6, 1e6)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("28 days", 28),
        ("1 day", 1),
        ("28d", 28),
        ("4 weeks", 28),
        (" 2  Weeks ", 14),
        ("8 hours", 1 / 3),
        ("90 minutes", 1 / 16),
        ("6 months", 182.625),
        ("34 years", 12418.5),
        ("1.5e1 days", 15),
        (".5 day", 0.5),
        (7, 7),
        (0.25, 0.25),
        ("0 days", 0),
    ],
)
def test_durations(text, days):
    assert parse_duration(text) == pytest.approx(days, rel=1e-15)


@pytest.mark.parametrize(
    ("text", "day"),
    [("day 30", 30), ("Day 0", 0), ("day -28", -28), ("week 6", 42), ("month 2", 60.875), ("day30", 30), (30, 30)],
)
def test_days(text, day):
    assert parse_day(text) == day


@pytest.mark.parametrize(
    ("text", "unit", "dose"),
    [
        ("1 mg", "mg", 1),
        ("0.5mg", "mg", 0.5),
        ("250 ug", "mg", 0.25),
        ("250 \u00b5g", "mg", 0.25),
        ("250 \u03bcg", "mg", 0.25),
        ("250 mcg", "mg", 0.25),
        ("1 g", "mg", 1000),
        ("1 MG", "mg", 1),
        ("1500 IU", "IU", 1500),
        ("1.5 kIU", "IU", 1500),
        ("75 iu", "IU", 75),
        ("+2 mg", "mg", 2),
    ],
)
def test_doses(text, unit, dose):
    assert parse_dose(text, unit) == pytest.approx(dose, rel=1e-15)


@pytest.mark.parametrize(
    ("parse", "value", "said"),
    [
        (parse_duration, "-1 day", '"-1 day" is negative'),
        (parse_duration, -3, "-3 is negative"),
        (parse_duration, "28", '"28" has no unit'),
        (parse_duration, "28 dayz", 'unit "dayz" is not one of time; nearest: "day'),
        (parse_duration, "28 mg", "known: hours, days, weeks, months, years"),
        (parse_duration, "soon", '"soon" is not a length of time'),
        (parse_duration, "1e999 days", "is not a finite number"),
        (parse_duration, math.nan, "nan is not a finite number"),
        (parse_duration, 10**400, "is not a finite number"),
        (parse_duration, True, "true is not a length of time"),
        (parse_duration, None, "is not a length of time"),
        (parse_duration, ["1 day"], '["1 day"] is not a length of time'),
        (parse_day, "30 days", '"30 days" is not a day; write "day 30"'),
        (parse_day, "30", '"30" is not a day'),
        (parse_day, math.inf, "inf is not a finite number"),
        (parse_day, "day 1e9", "is not within a century"),
        (parse_day, "day nan", "is not a day"),
        (parse_day, False, "false is not a day"),
        (parse_dose, "-1 mg", '"-1 mg" is negative; a dose must be above 0 mg'),
        (parse_dose, "\u22121 mg", "is negative"),
        (parse_dose, "0 mg", '"0 mg" is zero; a dose must be above 0 mg'),
        (parse_dose, "1e-400 mg", "is zero"),
        (parse_dose, "1 mL", 'unit "mL" does not fit; the dose is in mg, g or ug'),
        (parse_dose, "10 kg", 'unit "kg" does not fit'),
        (parse_dose, "5 IU", 'unit "IU" does not fit'),
        (parse_dose, "1 mg/day", 'unit "mg/day" does not fit'),
        (parse_dose, "1", '"1" has no unit'),
        (parse_dose, 1, '1 has no unit; write it as text with one: "1 mg"'),
        (parse_dose, "1,2,3 mg", "its comma cannot be read"),
        (parse_dose, "nan mg", "is not a dose"),
        (parse_dose, "mg", "is not a dose"),
        (parse_dose, True, "true is not a dose"),
        (parse_dose, "1 mg\n" + "x" * 500, "..."),
    ],
)
def test_what_is_refused_and_why(parse, value, said):
    with pytest.raises(ScenarioError) as caught:
        parse(value)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@given(AMOUNTS)
def test_what_is_written_reads_back_exactly(number):
    assert parse_duration(f"{written(number)} days") == number
    assert parse_dose(f"{written(number)} mg") == number
    assert parse_dose(f"{written(number)} IU", "IU") == number


@given(st.floats(-1e4, 1e4))
def test_written_days_read_back_exactly(day):
    assert parse_day(f"day {written(day)}") == day


@given(st.text())
def test_any_text_is_read_or_refused_in_one_line(text):
    for parse in (parse_duration, parse_day, parse_dose):
        try:
            assert math.isfinite(parse(text))
        except ScenarioError as error:
            assert str(error).isprintable()


@given(st.data(), AMOUNTS)
def test_conversion_goes_there_and_back(data, value):
    variable = data.draw(st.sampled_from(sorted(UNITS)))
    one, other = (data.draw(st.sampled_from(sorted(UNITS[variable]))) for _ in range(2))
    there = convert(variable, value, one, other)
    assert there > 0
    assert convert(variable, there, other, one) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("variable", "value", "unit", "canonical", "unit_to"),
    [
        ("testosterone_nmol_l", 288.4, "ng/dL", 10.0, "nmol/L"),
        ("testosterone_nmol_l", 2.884, "ng/mL", 10.0, "nmol/L"),
        ("oestradiol_pmol_l", 10, "pg/mL", 36.7, "pmol/L"),
        ("intratesticular_testosterone_nmol_l", 600, "ng/mL", 2080.4, "nmol/L"),
        ("intratesticular_oestradiol_nmol_l", 2.4, "ng/mL", 8.808, "nmol/L"),
        ("intratesticular_oestradiol_nmol_l", 8808, "pmol/L", 8.808, "nmol/L"),
        ("free_testosterone_pmol_l", 100, "pg/mL", 346.74, "pmol/L"),
        ("lh_iu_l", 4.2, "mIU/mL", 4.2, "IU/L"),
        ("inhibin_b_pg_ml", 170, "ng/L", 170, "pg/mL"),
        ("concentration_million_ml", 15, "M/mL", 15, "million/mL"),
        ("progressive_motility_pct", 32, "%", 32, "%"),
    ],
)
def test_clinical_units(variable, value, unit, canonical, unit_to):
    assert canonical_unit(variable) == unit_to
    assert convert(variable, value, unit, unit_to) == pytest.approx(canonical, rel=1e-4)


def test_units_may_be_written_in_any_case_but_must_fit():
    assert convert("testosterone_nmol_l", 28.84, "NG/DL", "nmol/l") == pytest.approx(1.0)
    with pytest.raises(ScenarioError, match='"IU/L" is not a unit of testosterone_nmol_l; known: nmol/L'):
        convert("testosterone_nmol_l", 1, "IU/L", "nmol/L")
    with pytest.raises(ScenarioError, match='"testosteron" is not known; nearest: "testosterone_nmol_l"'):
        convert("testosteron", 1, "nmol/L", "nmol/L")
