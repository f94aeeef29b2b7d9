"""The shape of the tables, and their units."""

from __future__ import annotations

import pandas as pd
import pytest
from test_results_synthetic import make

from testis_abm.biology import steps
from testis_abm.quantities import QUANTITIES, clinical_ratio, column_of
from testis_abm.results.tables import SCHEMAS, STEPS, conform, empty
from testis_abm.scenario import convert
from testis_abm.scenario.amounts import UNITS
from testis_abm.support.errors import TestisError


def test_the_steps_are_those_of_the_tissue():
    assert steps.NAMES == STEPS


def test_columns_end_in_their_unit():
    endings = {
        "nmol/L": "nmol_l",
        "pmol/L": "pmol_l",
        "IU/L": "iu_l",
        "pg/mL": "pg_ml",
        "%": "pct",
        "mL": "ml",
        "million/mL": "million_ml",
        "million": "million",
        "million/g/day": "million_g",
        "mg/dL": "mg_dl",
    }
    for schema in SCHEMAS.values():
        for name, column in schema.items():
            if column.unit in endings:
                assert name.endswith(endings[column.unit]), name


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_table_conforms(name):
    table = empty(name)
    assert list(table) == list(SCHEMAS[name])
    pd.testing.assert_frame_equal(conform(name, table), table)


def test_order_and_narrower_types_are_put_right():
    table = make(sections=False).semen
    odd = table[list(table)[::-1]].astype({"replicate": "int8", "day": "int64"})
    pd.testing.assert_frame_equal(conform("semen", odd), table)


def test_filtered_rows_are_counted_anew():
    table = make(sections=False).hormones
    later = conform("hormones", table[table["day"] > 0])
    assert list(later.index) == list(range(len(later)))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda t: t.drop(columns="lh_iu_l"), "table hormones: lacks lh_iu_l"),
        (lambda t: t.assign(lh=1.0), "table hormones: has no place for lh"),
        (lambda t: t.assign(lh_iu_l="high"), "table hormones: lh_iu_l holds .* where number"),
        (lambda t: t.assign(day=t["day"] + 0.5), "table hormones: day holds float64 where integer"),
        (lambda t: t.assign(arm=None), "table hormones: arm holds .* where text"),
    ],
)
def test_a_table_that_does_not_conform_is_named(change, told):
    with pytest.raises(TestisError, match=told):
        conform("hormones", change(make(sections=False).hormones))


def test_an_unknown_table_is_refused():
    with pytest.raises(TestisError, match='"hormone" is not a table'):
        conform("hormone", empty("hormones"))


@pytest.mark.parametrize("name", [name for name, row in QUANTITIES.items() if row.factor != 1.0 and name in UNITS])
def test_conventional_units_are_those_of_scenarios(name):
    row = QUANTITIES[name]
    assert row.factor == pytest.approx(convert(name, 1.0, row.unit, row.clinical_unit), rel=1e-12)


@pytest.mark.parametrize("column", QUANTITIES)
def test_every_word_of_a_quantity_finds_its_column(column):
    row = QUANTITIES[column]
    assert {column_of(word.upper()) for word in (row.label, *row.words)} == {column}


def test_oestradiol_without_an_assay_is_that_of_the_assay_in_use():
    assert column_of("oestradiol") == column_of("estradiol", "immunoassay") == "oestradiol_immunoassay_pmol_l"
    assert (column_of("E2", "lc-ms"), column_of("T/E2", "lc-ms")) == ("oestradiol_pmol_l", "t_over_e2")


def test_the_clinical_ratio_is_missing_in_a_man_without_oestradiol():
    ratio = clinical_ratio(pd.Series([10.4, 10.4]).to_numpy(), pd.Series([110.1, 0.0]).to_numpy())
    assert ratio[0] == pytest.approx(10.0, rel=0.002)
    assert pd.isna(ratio[1])
