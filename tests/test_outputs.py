"""Tables as files: what is written is read back, in every format, and no spreadsheet runs what somebody wrote."""

from __future__ import annotations

import io
import math
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testis_abm.support import outputs, tabular
from testis_abm.support.errors import ScenarioError, TestisError

openpyxl = pytest.importorskip("openpyxl")

HOSTILE = ("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "'=1", "''=1", '=HYPERLINK("http://x")')
UNITS = {"testosterone_nmol_l": "nmol/L", "concentration_million_ml": "million/mL"}
ABOUT = {"title": "=evil", "version": "1", "seed": 7, "disclaimer": "not medical advice"}
TABLE = pd.DataFrame(
    {
        "arm": ["untreated", "treated", None, "µ – 10 %"],
        "replicate": np.array([0, 1, 2, 2**40]),
        "testosterone_nmol_l": [0.1 + 0.2, math.nan, math.inf, -math.inf],
        "concentration_million_ml": np.array([1e-300, 1.7e308, -0.0, 5e-324]),
        "share": np.array([0.1, 2.5, math.nan, 3.0], dtype="float32"),
        "taken": [True, False, True, True],
        "level": ["<0.1", ">1,000", "12", "-"],  # as a laboratory has it
        "mixed": pd.Series([True, None, False, True], dtype=object),
        "days": np.array([1, -2, 3, 4], dtype="int32"),
        "word": ["", "a", "b\n=c", "_x000B_ \x0b"],
    }
)


def equal(found, wanted):
    pd.testing.assert_frame_equal(found, wanted, check_exact=True, check_column_type=False)


@pytest.mark.parametrize("kind", outputs.FORMATS)
def test_a_table_is_read_back_equal(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    outputs.write_table(path, TABLE, UNITS, ABOUT)
    wanted = TABLE
    if kind == "csv":  # which has one word for no text and a missing one, and text alone in a column of many types
        wanted = TABLE.drop(columns="mixed").assign(arm=TABLE["arm"].fillna("").astype("str"))
        outputs.write_table(path, TABLE.drop(columns="mixed"), UNITS, ABOUT)
    types = {name: str(kind_) for name, kind_ in wanted.dtypes.items()}
    equal(outputs.read_table(path, types if kind == "csv" else None), wanted)


def test_csv_without_types_tells_numbers_from_text(tmp_path):
    table = TABLE[["replicate", "testosterone_nmol_l", "concentration_million_ml", "taken", "level"]]
    outputs.write_table(tmp_path / "t.csv", table)
    equal(outputs.read_table(tmp_path / "t.csv"), table)


texts = st.text(st.characters(codec="utf-8"), max_size=12) | st.sampled_from(HOSTILE)
cells = st.tuples(texts, st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans())


@settings(max_examples=25, deadline=None)
@given(st.lists(cells, max_size=6), texts.filter(lambda name: name not in ("x", "n", "b")))
def test_any_table_is_read_back_equal(rows, name):
    table = pd.DataFrame(
        {
            name: pd.Series([row[0] for row in rows], dtype="str"),
            "x": pd.Series([row[1] for row in rows], dtype=float),
            "n": pd.Series([row[2] for row in rows], dtype="int64"),
            "b": pd.Series([row[3] for row in rows], dtype=bool),
        }
    )
    types = {column: str(kind) for column, kind in table.dtypes.items()}
    equal(tabular.from_json(io.BytesIO(tabular.json_of(table, {}, {}))), table)
    equal(tabular.from_xlsx(io.BytesIO(tabular.xlsx_of(table, "t", {}, {}))), table)
    if "\r" not in name and not any(
        "\r" in row[0] for row in rows
    ):  # a reader of CSV may take it for the end of a line
        equal(tabular.from_csv(io.BytesIO(tabular.csv_of(table)), types), table)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_is_a_formula(tmp_path, text):
    table = pd.DataFrame({text: [text], "x": [1.0]})
    for kind in ("csv", "xlsx"):
        outputs.write_table(tmp_path / f"t.{kind}", table, {text: text}, {"title": text, text: text})
    book = openpyxl.load_workbook(tmp_path / "t.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)
    assert {cell.quotePrefix for cell in cells if text[1:] in str(cell.value)} == {True}  # also where somebody edits it
    content = (tmp_path / "t.csv").read_bytes().decode()
    assert all(not cell.lstrip('"').startswith(("=", "+", "-", "@", "\t", "\r")) for cell in content.split(",x\n"))
    equal(outputs.read_table(tmp_path / "t.csv", {"x": "float64"}).iloc[:, 1:], table.iloc[:, 1:])


def test_numbers_below_zero_and_a_lone_dash_stay_as_they_are(tmp_path):
    outputs.write_table(tmp_path / "t.csv", pd.DataFrame({"x": [-1.5], "text": ["-"]}))
    assert (tmp_path / "t.csv").read_text() == "x,text\n-1.5,-\n"


def test_a_workbook_has_units_a_frozen_head_formats_and_a_page_about_it(tmp_path):
    outputs.write_table(tmp_path / "hormones.xlsx", TABLE, UNITS, ABOUT)
    book = openpyxl.load_workbook(tmp_path / "hormones.xlsx")
    sheet = book["hormones"]
    assert sheet.freeze_panes == "A3"
    names = [cell.value for cell in sheet[1]]
    assert names == list(TABLE)
    assert sheet[2][names.index("testosterone_nmol_l")].value == "nmol/L"
    assert sheet[3][names.index("testosterone_nmol_l")].number_format == "0.0000"
    assert sheet[3][names.index("replicate")].number_format == "0"
    told = {row[0].value: row[1].value for row in book["about"].iter_rows(max_col=2)}
    assert told["title"] == "=evil" and told["seed"] == 7 and told["disclaimer"] == "not medical advice"


@pytest.mark.parametrize("kind", outputs.FORMATS)
def test_no_clock_decides_on_bytes(tmp_path, kind, monkeypatch):
    import time

    made = []
    for k in range(2):
        now = time.time() + 1e5 * k
        monkeypatch.setattr(time, "time", lambda now=now: now)
        monkeypatch.setattr(time, "localtime", lambda *_, now=now: time.gmtime(now))
        outputs.write_table(tmp_path / f"t.{kind}", TABLE, UNITS, ABOUT)
        made.append((tmp_path / f"t.{kind}").read_bytes())
    assert made[0] == made[1]
    if kind == "xlsx":
        with zipfile.ZipFile(tmp_path / "t.xlsx") as parts:
            assert {entry.date_time for entry in parts.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert b"1980-01-01T00:00:00Z" in parts.read("docProps/core.xml")


@pytest.mark.parametrize("kind", outputs.FORMATS)
def test_a_table_of_this_program_is_known_as_its_own(tmp_path, kind):
    path = tmp_path / f"t.{kind}"
    outputs.write_table(path, TABLE)
    outputs.check_table(path, list(TABLE)[:2])
    path.write_bytes(b"somebody else's")
    with pytest.raises(TestisError, match="was not written by testis_abm"):
        outputs.check_table(path, list(TABLE)[:2])


def test_without_openpyxl_there_is_one_clear_error_before_the_work(monkeypatch, tmp_path):
    monkeypatch.setattr(tabular, "find_spec", lambda _: None)
    with pytest.raises(ScenarioError, match=r'pip install "testis_abm\[tables\]"'):
        outputs.read_format("xlsx")
    with pytest.raises(ScenarioError, match=r"testis_abm\[tables\]"):
        outputs.check_table(tmp_path / "men.xlsx", ["a"])
    assert outputs.read_format("CSV") == "csv"


def test_what_a_worksheet_does_not_hold_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(tabular, "SHEET_ROWS", 5)
    with pytest.raises(TestisError, match="more than a worksheet holds"):
        outputs.write_table(tmp_path / "t.xlsx", TABLE)
    assert not (tmp_path / "t.xlsx").exists()
    with pytest.raises(TestisError, match="more than a cell"):
        outputs.write_table(tmp_path / "t.xlsx", pd.DataFrame({"x": ["a" * 40_000]}))


@pytest.mark.parametrize("name", ["t.csv", "t.xlsx", "t.json", "t.parquet", "t.txt"])
def test_what_is_no_table_is_one_error(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\xff{")
    if name != "t.csv":
        with pytest.raises(TestisError, match=name):
            outputs.read_table(tmp_path / name)
    with pytest.raises(TestisError):
        outputs.read_table(tmp_path / f"none-{name}")


def test_a_column_that_was_read_without_any_text_is_text():
    read = pd.read_csv(io.StringIO("name,question,value\na,,1\nb,,2\n"))
    table = tabular.with_texts(read, ["name", "question"])
    assert table["question"].tolist() == ["", ""] and table["name"].tolist() == ["a", "b"]
    assert table["value"].tolist() == [1, 2]
    with pytest.raises(KeyError):
        tabular.with_texts(read, ["answer"])
