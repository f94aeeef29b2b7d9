"""Tables of men as clinics export them: what is read, what is refused, and that nothing is lost or guessed in silence."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from testis_abm.population import table_file
from testis_abm.population.cells import decimal_signs, with_point
from testis_abm.population.headings import meanings, understood
from testis_abm.population.table_file import MOST_COLUMNS
from testis_abm.population.table_in import read_table
from testis_abm.quantities import GIVEN, Censored
from testis_abm.support.errors import ScenarioError, TestisError

EXAMPLES = Path(__file__).parents[1] / "examples" / "tables"

GERMAN = """\
Andrologische Sprechstunde;;;;;;;;;
;;;Hormone;;;Spermiogramm;;Hodenvolumen;
Pat.-Nr.;Geburtsdatum;Datum;Testosteron;LH;Östradiol;Spermienkonzentration;Normalformen;links;rechts
;;;nmol/l;IU/l;pg/ml;Mio/ml;%;ml;ml
Müller-1;03.05.1986;12.01.2024;9,4;3,1;48;6,2;3;14;15
Weiß;17.11.1990;15.01.2024;15,8;<0,1;31;0;k.A.;18;19
Müller-1;03.05.1986;26.01.2024;10,1;2,8;=1+1;>150;2;14;15
Mittelwert;;;11,0;;;;;;
* nmol/l
"""


def wrote(tmp_path, text: str, name: str = "men.csv", code: str = "utf-8") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode(code))
    return path


def men_of(path, **how):
    return {man.name: [dict(visit.values) for visit in man.visits] for man in read_table(path, **how).men}


@pytest.mark.parametrize("code", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_encodings_and_separators_read_alike(tmp_path, code, mark):
    table = read_table(wrote(tmp_path, GERMAN.replace(";", mark), code=code))
    men = {man.name: man for man in table.men}
    assert list(men) == ["Müller-1", "Weiß"]
    first, second = men["Müller-1"].visits
    assert (first.date, second.date) == (date(2024, 1, 12), date(2024, 1, 26))
    assert first.values["t"] == pytest.approx(9.4) and first.values["e2"] == pytest.approx(48 * 3.67)
    assert first.values["age"] == pytest.approx(37.69, abs=0.01)
    assert first.values["testis_volume"] == 14.5 and first.besides == {}
    assert second.values["concentration"] == Censored(150.0, below=False) and "e2" not in second.values
    other = men["Weiß"].visits[0].values
    assert other["lh"] == Censored(0.1) and other["concentration"] == 0.0 and "morphology" not in other


def test_no_row_is_lost_and_every_fault_has_its_place(tmp_path):
    table = read_table(wrote(tmp_path, GERMAN))
    rows = {visit.row for man in table.men for visit in man.visits} | {fault.row for fault in table.faults}
    assert rows >= set(range(5, 10))
    formula = next(fault for fault in table.faults if fault.found == "=1+1")
    assert (formula.row, formula.column, formula.man) == (7, "Östradiol", "Müller-1")
    assert {"Mittelwert", "* nmol/l"} <= {fault.found for fault in table.faults}
    assert "Mittelwert" in table.text() and "not run" in table.text()


ENGLISH = "ID,{heading},LH (IU/L)\n" + "".join(f"{n},{{{n}}},4\n" for n in range(4))


@pytest.mark.parametrize(
    ("heading", "values", "unit"),
    [
        ("Testosterone", (260, 455, 610, 320), "ng/dL"),
        ("Testosterone", (12, 15.8, 9.4, 21), "nmol/L"),
        ("E2", (20, 31, 25, 44), "pg/mL"),
        ("Prolactin", (212, 300, 150, 190), "mIU/L"),
        ("progressive motility", (0.3, 0.5, 0.45, 0.02), "fraction"),
    ],
)
def test_a_unit_that_is_not_given_is_inferred_only_where_one_fits_and_is_said(tmp_path, heading, values, unit):
    text = ENGLISH.format(*values, heading=heading)
    column = read_table(wrote(tmp_path, text)).columns[1]
    assert (column.unit, column.said) == (unit, "inferred") and "inferred" in column.note


@pytest.mark.parametrize(
    ("heading", "values"), [("Testosterone", (5, 6, 7, 8)), ("E2", (55, 60, 65, 58)), ("T", (1, 9000, 3, 4))]
)
def test_a_unit_that_may_be_two_is_refused_with_the_choices(tmp_path, heading, values):
    path = wrote(tmp_path, ENGLISH.format(*values, heading=heading))
    table = read_table(path)
    column = table.columns[1]
    assert column.use == "left out" and f'--column "{heading}=' in column.note and "nmol/L" in column.note
    assert [fault.column for fault in table.faults] == [heading]
    said = f"{heading}={column.meaning}:{'nmol/L' if heading != 'T' else 'ng/dL'}"
    assert read_table(path, columns=[said]).columns[1].use == "used"


def test_a_heading_that_may_be_two_is_told_by_its_unit_or_refused(tmp_path):
    text = "ID,Sperm count (M/mL),Motility (%)\n1,20,40\n2,30,50\n"
    table = read_table(wrote(tmp_path, text))
    assert table.columns[1].meaning == "concentration"
    assert table.columns[2].use == "left out" and "total_motility" in table.columns[2].note
    assert read_table(wrote(tmp_path, text), columns=["#3=motility"]).columns[2].meaning == "motility"


def test_columns_of_one_meaning_are_used_only_where_they_agree(tmp_path):
    same = "ID,T (nmol/L),T (ng/dL)\n1,10,288\n2,20,577\n"
    assert [column.use for column in read_table(wrote(tmp_path, same)).columns[1:]] == ["used", "read, not used"]
    other = "ID,LH (IU/L),T (nmol/L),T (nmol/L)\n1,4,10,12\n2,5,20,9\n"
    table = read_table(wrote(tmp_path, other))
    assert [column.use for column in table.columns[2:]] == ["left out", "left out"]
    assert "#3=ignore" in table.columns[3].note


def test_treatments_are_read_as_prescriptions_with_their_days(tmp_path):
    text = (
        "ID,Date,LH (IU/L),Treatment,Start\n1,2024-01-01,4,none,\n1,2024-04-10,6,anastrozole 1 mg daily,2024-01-11\n"
        "2,2024-01-01,4,Letrozol 2.5 mg täglich,30 Tage\n3,2024-01-01,4,moonbeam 3 mg daily,2023-12-01\n"
    )
    table = read_table(wrote(tmp_path, text))
    first, second = table.men[0].visits
    assert first.on == () and second.on[0]["drug"] == "anastrozole" and second.days_on == 90
    assert table.man("2").visits[0].days_on == 30
    assert [fault.man for fault in table.faults] == ["3"] and "moonbeam" in table.faults[0].found


def test_a_total_count_that_contradicts_is_left_out(tmp_path):
    text = "ID,Volume (mL),Concentration (M/mL),Total sperm count (million)\n1,3,10,30\n2,3,10,90\n"
    table = read_table(wrote(tmp_path, text))
    assert table.man("1").visits[0].values["total_count"] == 30.0
    assert "total_count" not in table.man("2").visits[0].values
    assert [fault.man for fault in table.faults] == ["2"]


@pytest.mark.parametrize("text", ["4,5", "1.234,5", "0,125", "12,25"])
def test_decimal_commas_are_certain(text):
    assert decimal_signs([text])[:2] == (True, False)
    assert float(with_point(text, comma=True, point=False)) == float(text.replace(".", "").replace(",", "."))


def test_a_number_that_may_be_two_is_a_fault_unless_it_is_said(tmp_path):
    path = wrote(tmp_path, 'ID;"T (ng/dL)";"LH (IU/L)"\n1;1,200;4\n2;1,100;5\n')
    assert [fault.found for fault in read_table(path).faults] == ["1,200", "1,100"]
    assert read_table(path, decimal="point").man("1").visits[0].values["t"] == pytest.approx(1200 / 28.84)


@given(st.binary(max_size=300))
@settings(max_examples=100, deadline=None)
def test_no_bytes_raise_anything_but_one_clear_error(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("any") / "any.csv"
    path.write_bytes(content)
    try:
        read_table(path)
    except TestisError as error:
        assert "any.csv" in str(error)


@given(
    st.lists(
        st.lists(
            st.sampled_from(["", "ID", "T", "LH", "<0.1", "4,5", "1e309", "-3", "=A1", "NA", "E2 (pg/mL)", "ü", "%"]),
            min_size=2,
            max_size=4,
        ),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=150, deadline=None)
def test_no_cells_raise_anything_but_one_clear_error(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("any") / "any.csv"
    path.write_text("\n".join(";".join(row) for row in rows))
    try:
        table = read_table(path)
    except TestisError:
        return
    for man in table.men:
        for visit in man.visits:
            for name, value in visit.values.items():
                limit = value.limit if isinstance(value, Censored) else value
                assert np.isfinite(limit) and limit <= GIVEN[name].high


def test_words_of_a_meaning_lead_to_it_and_to_no_other():
    seen: dict[str, str] = {}
    for name, own in meanings().items():
        for word in own.words:
            assert seen.setdefault(word, name) == name, f"{word}: {name} and {seen[word]}"
            assert understood(word)[0] in (name, "") or own.either


# ---- hostile and broken files


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0abc", "old or encrypted"),
        (b"\x1f\x8b\x08abc", "is an archive"),
        (b"PK\x03\x04abc", "damaged zip"),
        (b"a,b\n" + b"," * (MOST_COLUMNS + 5), "columns"),
        (b'ID,T (nmol/L)\n1,"10\n2,12\n', "quotation mark"),
        (b"just a letter to a colleague\nwithout columns\n", "no separator"),
        (b"apples,pears\n1,2\n", "no heading was understood"),
        (b"\x00\x01\x02\x03,\xff", "no text"),
    ],
)
def test_broken_files_are_refused_with_one_reason(tmp_path, content, said):
    path = tmp_path / "bad.csv"
    path.write_bytes(content)
    with pytest.raises(ScenarioError, match=said):
        read_table(path)


def zipped(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in {"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>", **parts}.items():
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (zipped({"xl/worksheets/sheet1.xml": b"0" * 30_000_000}), "packed"),
        (zipped({"xl/embedded.bin": zipped({})}), "holds an archive"),
        (zipped({"xl/sharedStrings.xml": b'<!DOCTYPE x [<!ENTITY a "b">]><x/>'}), "entities"),
        (zipped({f"xl/{k}": b"" for k in range(2001)}), "parts"),
        (zipped({}), "cannot be read|more package"),
    ],
)
def test_hostile_excel_files_are_refused_before_they_are_unpacked(tmp_path, content, said):
    path = tmp_path / "bad.xlsx"
    path.write_bytes(content)
    with pytest.raises(TestisError, match=said):
        read_table(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    path = tmp_path / "huge.csv"
    with path.open("wb") as file:
        file.truncate(2 * 2**30)  # sparse: no disk is taken
    with pytest.raises(ScenarioError, match="at most 64 MB"):
        read_table(path)


def test_excel_reads_as_text_does(tmp_path):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["Labor", None, None, None])
    sheet.append(["ID", "Datum", "Testosteron (nmol/L)", "FSH (IU/L)"])
    sheet.append(["A", date(2024, 1, 2), 12.5, "<0,1"])
    sheet.append(["B", date(2024, 1, 3), "=1+1", 4])
    book.create_sheet("Notizen").append(["x"])
    path = tmp_path / "men.xlsx"
    book.save(path)
    table = read_table(path)
    assert table.man("A").visits[0].values == {"t": 12.5, "fsh": Censored(0.1)}
    assert table.man("A").visits[0].date == date(2024, 1, 2)
    assert [(fault.row, fault.found, fault.man) for fault in table.faults] == [(4, "=1+1", "B")]
    assert "Notizen" in table.grid.how
    with pytest.raises(ScenarioError, match="known:"):
        read_table(path, sheet="Other")


@pytest.mark.parametrize("name", ["clinic_de.csv", "clinic_en.csv"])
def test_shipped_examples_have_no_column_left_out(name):
    table = read_table(EXAMPLES / name)
    assert len(table.men) >= 6
    assert not [column.heading for column in table.columns if column.use == "left out"]


def test_shipped_examples_of_two_languages_are_the_same_men():
    one, other = (men_of(EXAMPLES / f"clinic_{language}.csv") for language in ("de", "en"))
    assert one.keys() == other.keys()
    for name, visits in one.items():
        for mine, its in zip(visits, other[name], strict=True):
            assert mine.keys() == its.keys()
            for lab, value in mine.items():
                same = its[lab]
                if isinstance(value, Censored):
                    assert same.below == value.below and same.limit == pytest.approx(value.limit, rel=0.01)
                else:
                    assert same == pytest.approx(value, rel=0.01, abs=0.02)


def test_no_sign_that_moves_a_cursor_leaves_a_table(tmp_path):
    evil = "\x1b[2J\x9b31m\u202e\x07"
    text = f'ID;Datum;"Testosteron\n(nmol/L)";LH (IU/L);B{evil};Therapie\n'
    text += (
        f"A{evil};2024-01-10;9,4;4{evil};x;{evil}\nB;{evil};{evil};3;={evil};keine\n{evil};;;;;\nC;2024-01-11;15;3;y;\n"
    )
    table = read_table(wrote(tmp_path, text))
    assert len(table.faults) >= 4
    told = [
        table.text(),
        *(str(cell) for of in (table.plan(), table.fault_table(), table.values()) for cell in of.to_numpy().flat),
    ]
    assert all(sign.isprintable() or sign == "\n" for text in told for sign in text)
    assert all("\n" not in cell for cell in told[1:]) and "\\x1b" in told[0]
    assert "Testosteron (nmol/L)" in {column.heading for column in table.columns}


@pytest.mark.parametrize("cell", ["\u0661\u0662", "9,4 \u0661", "nmol \u0661", "9 " + "x" * 600])
def test_a_cell_that_cannot_be_read_is_a_fault_of_that_cell(tmp_path, cell):
    table = read_table(wrote(tmp_path, f"ID;T (nmol/L);LH\nA;{cell};4 IU/L\nB;12;{cell}\nC;14;3 IU/L\nD;15;5 IU/L\n"))
    assert {(fault.row, fault.column, fault.man) for fault in table.faults} == {(2, "T (nmol/L)", "A"), (3, "LH", "B")}
    assert [len(man.visits[0].values) for man in table.men] == [1, 1, 2, 2]


def test_a_row_that_stands_there_twice_counts_once(tmp_path):
    rows = "A;2024-01-10;12;x\nA;2024-01-10;12;y\nA;2024-02-10;12;x\nA;2024-01-10;13;x\nB;2024-01-10;12;x\nD;;12;x\nD;;12;x\nD;;12;z\n"
    table = read_table(wrote(tmp_path, f"ID;Datum;T (nmol/L);Notiz\n{rows}"))
    assert {man.name: [visit.row for visit in man.visits] for man in table.men} == {
        "A": [2, 5, 4],
        "B": [6],
        "D": [7, 9],
    }
    twice = {(fault.row, fault.man): fault.found for fault in table.faults if "once" in fault.done}
    assert twice == {(3, "A"): "the same as row 2", (8, "D"): "the same as row 7"}
    assert table.skipped["rows that stand there twice"] == 2


def test_visits_of_one_day_that_contradict_each_other_are_noted(tmp_path):
    rows = "A;2024-01-10;12;34;25\nA;2024-01-10;13;38;25,5\nA;2024-01-10;14;34;31\nA;2024-06-10;14;39;32\nB;2024-01-10;9;30;25\nB;2024-01-10;8;31;29\n"
    table = read_table(wrote(tmp_path, f"ID;Datum;T (nmol/L);Alter;BMI\n{rows}"))
    assert {(fault.row, fault.column) for fault in table.faults} == {(3, "age"), (4, "bmi")}
    assert sum(len(man.visits) for man in table.men) == 6


@pytest.mark.parametrize("place", ["XFD1048576", "XFD2", "A1048576", "A100002"])
@pytest.mark.slow
def test_a_cell_beyond_the_limits_is_refused_and_nothing_filled_up(tmp_path, place):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (("ID", "T (nmol/L)"), ("A", 12), ("B", 13)):
        sheet.append(row)
    sheet[place] = "far"
    book.save(path := tmp_path / "far.xlsx")
    with pytest.raises(ScenarioError, match="allowed: at most 1"):
        read_table(path)


def test_cells_that_only_have_a_format_are_no_rows_and_not_without_end(tmp_path, monkeypatch):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (("ID", "T (nmol/L)"), ("A", 12), ("B", 13)):
        sheet.append(row)
    sheet["B200000"].font = sheet["ZZ2"].font = openpyxl.styles.Font(bold=True)
    book.save(path := tmp_path / "formats.xlsx")
    assert [man.name for man in read_table(path).men] == ["A", "B"]
    monkeypatch.setattr(table_file, "_MOST_SPREAD", 500)
    with pytest.raises(ScenarioError, match="without end"):
        read_table(path)


def test_the_headings_are_no_row_of_the_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(table_file, "MOST_ROWS", 3)
    rows = [f"{name};12\n" for name in "ABCD"]
    head = "ID;T (nmol/L)\n"
    assert len(read_table(wrote(tmp_path, head + "".join(rows[:3]))).men) == 3
    with pytest.raises(ScenarioError, match="over 3 rows"):
        read_table(wrote(tmp_path, head + "".join(rows)))


@pytest.mark.parametrize("mark", ["", " L", " (H)", "*", " H*", " ↑"])
@pytest.mark.parametrize("unit", ["IU/L", "mIU/mL", ""])
def test_marks_of_a_laboratory_are_told_from_units_that_end_in_one(tmp_path, mark, unit):
    heading = "LH" if unit else "LH (IU/L)"
    table = read_table(
        wrote(tmp_path, f"ID;{heading};BMI\n" + "".join(f"{n};{n + 2} {unit}{mark};25\n" for n in range(4)))
    )
    assert table.faults == () and [man.visits[0].values["lh"] for man in table.men] == [2.0, 3.0, 4.0, 5.0]
