"""Units of clinical reports, against molar masses and factors typed from the literature; amounts as people write them."""

from __future__ import annotations

import numpy as np
import pytest

from testis_abm.quantities import QUANTITIES, Censored, clinical, clinical_ratio, column_of, label
from testis_abm.scenario import convert
from testis_abm.scenario.amounts import (
    UNITS,
    UNITS_OF_MAN,
    comma_note,
    number_in,
    parse_day,
    parse_dose,
    parse_duration,
    parse_unit,
    quantity,
    unit_key,
)
from testis_abm.support.errors import ScenarioError

# g/mol (PubChem): C19H28O2 and C18H24O2.
TESTOSTERONE, OESTRADIOL = 288.42, 272.38
# Column -> unit -> how many of it are one of the column's own; mass units from molar masses.
TABLE = {
    "testosterone_nmol_l": {
        "nmol/L": 1.0,
        "pmol/L": 1000.0,
        "ng/dL": TESTOSTERONE / 10.0,  # 28.84
        "ng/mL": TESTOSTERONE / 1000.0,  # 0.2884, or 3.467 nmol/L in 1 ng/mL
        "ug/L": TESTOSTERONE / 1000.0,
    },
    "free_testosterone_pmol_l": {
        "pmol/L": 1.0,
        "nmol/L": 0.001,
        "pg/mL": TESTOSTERONE / 1000.0,
        "ng/dL": TESTOSTERONE / 10_000.0,  # 1 ng/dL is 34.67 pmol/L
    },
    "oestradiol_pmol_l": {
        "pmol/L": 1.0,
        "nmol/L": 0.001,
        "pg/mL": OESTRADIOL / 1000.0,  # 1 pg/mL is 3.671 pmol/L
        "ng/L": OESTRADIOL / 1000.0,
        "ng/mL": OESTRADIOL / 1e6,
    },
    "lh_iu_l": {"IU/L": 1.0, "mIU/mL": 1.0, "U/L": 1.0},
    "fsh_iu_l": {"IU/L": 1.0, "mIU/mL": 1.0, "U/L": 1.0},
    "hcg_iu_l": {"IU/L": 1.0, "mIU/mL": 1.0, "U/L": 1.0},
    "inhibin_b_pg_ml": {"pg/mL": 1.0, "ng/L": 1.0},
    "dihydrotestosterone_nmol_l": {"nmol/L": 1.0, "pmol/L": 1000.0, "ng/dL": 29.04, "ng/mL": 0.2904, "pg/mL": 290.4},
    "prolactin_ug_l": {"ug/L": 1.0, "ng/mL": 1.0, "mIU/L": 21.2},  # WHO standard 84/500
    "shbg_nmol_l": {"nmol/L": 1.0},
    "intratesticular_testosterone_nmol_l": {
        "nmol/L": 1.0,
        "pmol/L": 1000.0,
        "ng/dL": TESTOSTERONE / 10.0,
        "ng/mL": TESTOSTERONE / 1000.0,
        "ug/L": TESTOSTERONE / 1000.0,
    },
    "intratesticular_oestradiol_nmol_l": {
        "nmol/L": 1.0,
        "pmol/L": 1000.0,
        "pg/mL": OESTRADIOL,
        "ng/L": OESTRADIOL,
        "ng/mL": OESTRADIOL / 1000.0,
    },
    "volume_ml": {"mL": 1.0},
    "concentration_million_ml": {"million/mL": 1.0, "M/mL": 1.0, "10^6/mL": 1.0},
    "total_count_million": {"million": 1.0, "M": 1.0, "10^6": 1.0},
    "total_motile_count_million": {"million": 1.0, "M": 1.0, "10^6": 1.0},
    "progressive_motility_pct": {"%": 1.0},
    "normal_forms_pct": {"%": 1.0},
    "dna_fragmentation_pct": {"%": 1.0},
}


def test_the_table_holds_every_unit_of_every_published_quantity():
    assert {column: set(units) for column, units in TABLE.items()} == {
        column: set(units) for column, units in UNITS.items()
    }


@pytest.mark.parametrize(("column", "unit"), [(column, unit) for column, units in TABLE.items() for unit in units])
def test_a_unit_is_worth_what_chemistry_says_and_back(column, unit):
    own = QUANTITIES[column].unit
    assert column.endswith(own.lower().replace("/", "_").replace("%", "pct"))
    there = convert(column, 7.0, own, unit)
    assert there == pytest.approx(7.0 * TABLE[column][unit], rel=5e-4)
    assert convert(column, there, unit, own) == pytest.approx(7.0, rel=1e-12)


@pytest.mark.parametrize(
    ("column", "level", "reported"),
    [
        ("testosterone_nmol_l", 10.4, 300.0),  # ng/dL, the limit of the Endocrine Society's and AUA's guidelines
        ("oestradiol_pmol_l", 146.8, 40.0),  # pg/mL
        ("oestradiol_immunoassay_pmol_l", 146.8, 40.0),
        ("free_testosterone_pmol_l", 225.0, 64.9),  # pg/mL
        ("intratesticular_testosterone_nmol_l", 2080.0, 600.0),  # ng/mL
        ("intratesticular_oestradiol_nmol_l", 7.34, 2.0),  # ng/mL
        ("lh_iu_l", 4.5, 4.5),
        ("inhibin_b_pg_ml", 150.0, 150.0),
        ("concentration_million_ml", 16.0, 16.0),
    ],
)
def test_reports_are_in_the_units_of_clinics(column, level, reported):
    assert clinical(column, [level, 2.0 * level]) == pytest.approx([reported, 2.0 * reported], rel=2e-3)


def test_t_over_e2_of_a_clinic():
    # 300 ng/dL over 30 pg/mL; the ratio under which Pavlovich (2001) treated men was 10.
    assert clinical_ratio(300.0 / 28.84, 30.0 * 3.671) == pytest.approx(10.0, rel=1e-3)
    assert np.isnan(clinical_ratio([10.0, 10.0], [0.0, 100.0])).tolist() == [True, False]


@pytest.mark.parametrize(
    ("written", "key"),
    [
        ("mUI / mL", "miu/ml"),
        ("U/l", "iu/l"),
        ("international units per L", "iu/l"),
        ("x10^6/mL", "million/ml"),
        ("10⁶/ml", "million/ml"),
        ("10^9/L", "million/ml"),
        ("Mio/mL", "million/ml"),
        ("M/mL", "million/ml"),
        ("percent", "%"),
        ("mcg/L", "ug/l"),
        ("µg/l", "ug/l"),
        ("mM/mL", "mm/ml"),  # no millions
    ],
)
def test_laboratories_write_one_unit_in_many_ways(written, key):
    assert unit_key(written) == key


def test_a_unit_is_found_as_the_table_spells_it():
    assert parse_unit("lh_iu_l", "mui/ml") == "mIU/mL" and parse_unit("concentration_million_ml", "m/ml") == "M/mL"
    assert parse_unit("testosterone_nmol_l", "mcg / L") == "ug/L"
    with pytest.raises(ScenarioError, match='"g" is not a unit of lh_iu_l; known: IU/L, mIU/mL, U/L'):
        parse_unit("lh_iu_l", "g")


def test_a_comma_that_could_be_a_decimal_is_explained():
    assert comma_note("1,500 mg") == " (1,500 is read as 1500; for a decimal write 1.500)"
    assert comma_note("1,5 mg") == comma_note("1.500 mg") == comma_note(1500) == ""
    with pytest.raises(ScenarioError, match="its points cannot be read"):
        number_in("1.2.3")


def test_a_quantity_is_a_number_and_what_follows():
    assert quantity("4,5 mIU/mL", "a level") == (4.5, "mIU/mL") and quantity("12", "a level") == (12.0, "")


@pytest.mark.parametrize(
    ("text", "days"),
    [("24 h", 1.0), ("1440 min", 1.0), ("12 months", 365.25), ("1 year", 365.25), ("2 wks", 14.0), ("36 hrs", 1.5)],
)
def test_lengths_of_time_in_every_unit(text, days):
    assert parse_duration(text) == pytest.approx(days)


def test_days_are_within_a_century():
    assert parse_day("week -2") == -14.0 and parse_day("months 12") == 365.25 and parse_day(36525) == 36525.0
    for beyond in (36526, "day -36526"):
        with pytest.raises(ScenarioError, match="not within a century"):
            parse_day(beyond)


def test_doses_in_every_unit():
    assert [parse_dose(text) for text in ("1 g", "1 mg", "1 ug")] == pytest.approx([1000.0, 1.0, 0.001])
    assert [parse_dose(text, "IU") for text in ("2 kIU", "2 IU", "2 units", "2 UI")] == [2000.0, 2.0, 2.0, 2.0]


def test_age_is_in_years_and_bmi_in_one_unit():
    assert set(UNITS_OF_MAN["age"].values()) == {1.0} and UNITS_OF_MAN["bmi"] == {"kg/m2": 1.0}


# ---- words


def test_every_word_of_a_quantity_means_its_column():
    for column, row in QUANTITIES.items():
        for word in (row.label, *row.words):
            assert column_of(word) == column_of(f"  {word.upper()} ") == column, word


@pytest.mark.parametrize("word", ["E2", "oestradiol", "estradiol", "serum E2"])
def test_oestradiol_without_an_assay_is_that_of_the_assay_in_use(word):
    assert column_of(word) == column_of(word, "immunoassay") == "oestradiol_immunoassay_pmol_l"
    assert column_of(word, "lc-ms") == "oestradiol_pmol_l"
    assert column_of("T/E2", "lc-ms") == "t_over_e2" and column_of("T/E2") == "t_over_e2_immunoassay"


def test_a_word_that_is_none_gets_the_nearest():
    with pytest.raises(
        ScenarioError, match='"testosteron" is not a quantity that is known here; nearest: "testosterone"'
    ):
        column_of("testosteron")
    with pytest.raises(ScenarioError, match=r"known: LH, FSH$"):
        column_of("testosterone", among={name: QUANTITIES[name] for name in ("lh_iu_l", "fsh_iu_l")})


def test_headings_and_titles_are_those_of_print():
    assert label("testosterone_nmol_l") == "testosterone (ng/dL)"
    titles = {column: QUANTITIES[column].title for column in ("testosterone_nmol_l", "lh_iu_l", "t_over_e2", "age")}
    assert titles == {
        "testosterone_nmol_l": "Testosterone",
        "lh_iu_l": "LH",
        "t_over_e2": "T/E2 (LC-MS/MS)",
        "age": "Age",
    }
    assert str(Censored(0.1)) == "<0.1" and str(Censored(1500.0, below=False)) == ">1500"
