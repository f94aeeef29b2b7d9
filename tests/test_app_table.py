"""A clinic's table of men in a session of the page, and the session's units; without a browser."""

from __future__ import annotations

import base64
import io
import zipfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from small_page import SENT, SMALL, until

import testis_abm as ta
from testis_abm.app import clinic, matching, received, share
from testis_abm.experiments.twins import reports
from testis_abm.population.given import labs
from testis_abm.quantities import GIVEN, KNOWN, Censored, unit_system
from testis_abm.support.errors import ScenarioError

TABLES = sorted(Path(__file__).parents[1].joinpath("examples", "tables").glob("*.csv"))
ODD = (
    "Pat,Datum,Testo,LH (IU/L),Motility\n"
    "<b>A</b>,2024-01-03,9.1 ng/mL,3.1,40\n"
    "B-2,2024-01-04,<0.1 ng/mL,=1+1,55\n"
    "C-3,2024-01-05,4.2 ng/mL H,3.8,62\n"
)


def parts(content: bytes, name: str = "t.csv", part: int = received.PART) -> list[dict[str, object]]:
    """Return what a browser sends of a file."""
    return [
        {"name": name, "size": len(content), "at": at, "data": base64.b64encode(content[at : at + part]).decode()}
        for at in range(0, max(1, len(content)), part)
    ]


def open_table(session, content: bytes, name: str = "t.csv") -> None:
    for part in parts(content, name):
        session.receive_table(part)
    until(lambda: session.opening.value[0] != "busy")


# ---- parts of a file


@given(some.binary(max_size=400), some.integers(1, 90))
def test_a_file_in_parts_arrives_as_it_was(content, size):
    into = received.Parts(400, "")
    *before, last = parts(content, part=size)
    assert [into.take(part) for part in before] == [None] * len(before)
    assert into.take(last) == ("t.csv", content)


@given(some.lists(some.fixed_dictionaries({}, optional=dict.fromkeys(("name", "size", "at", "data"), SENT)) | SENT))
def test_whatever_a_browser_sends_is_refused_in_one_line_and_never_kept_beyond_the_limit(sent):
    into = received.Parts(50, "")
    for part in sent:
        try:
            got = into.take(part)
        except ScenarioError as error:
            assert "\n" not in str(error)
        else:
            assert got is None or len(got[1]) <= 50


def test_parts_that_are_missing_repeated_or_too_many_are_told():
    first, second, third = parts(b"abcdef", part=2)
    for order in ([first, third], [second], [first, first | {"at": 2, "data": base64.b64encode(b"x" * 9).decode()}]):
        into = received.Parts(100, "")
        with pytest.raises(ScenarioError, match="has not come whole"):
            for part in order:
                into.take(part)
        # It begins again.
        assert [into.take(part) for part in (first, second, third)][-1] == ("t.csv", b"abcdef")
    with pytest.raises(ScenarioError, match="larger than 5 MB, the most"):
        received.Parts(5_000_000, ", the most").take(first | {"size": 5_000_001, "data": ""})


# ---- the table


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_the_form_holds_what_the_table_has_in_the_unit_in_which_it_was_read(path):
    now = clinic.opened(path.read_bytes(), path.name)
    units = {column.meaning: column.unit for column in now.table.columns}
    assert len(now.table.men) > 3
    for man in now.table.men:
        (first, *again), _, _ = reports(man)
        of = clinic.reports_of(now, man.name)
        assert list(of.again) == again
        read = labs(of.texts)
        assert read.keys() == first.keys()
        for name, value in first.items():
            got = read[name].value
            if isinstance(value, Censored):
                assert got.below == value.below and got.limit == pytest.approx(value.limit, rel=1e-9)
            else:
                assert got == pytest.approx(value, rel=1e-3 if name in KNOWN else 1e-9, abs=1e-12)
            if name not in KNOWN and name in units:  # else it follows from other columns
                assert of.texts[name].endswith(f" {units[name]}")


def test_a_column_that_is_refused_can_be_said_and_taken_back():
    now = clinic.opened(ODD.encode(), "odd.csv")
    asked = {clinic.heading(column): column for column in clinic.refused(now)}
    assert asked.keys() == {"Pat", "Motility"}
    assert "progressive motility or total motility" in clinic.why(asked["Motility"])
    assert clinic.choices(asked["Motility"])[0] == ("motility", "Progressive motility")
    assert now.table.men[0].name == "row 2" and "motility" not in now.table.men[0].visits[0].values
    said = clinic.read_again(now, said={1: ("id", ""), 5: ("motility", "%")})
    assert [man.name for man in said.table.men] == ["<b>A</b>", "B-2", "C-3"]
    assert said.table.men[0].visits[0].values["motility"] == 40.0
    assert [clinic.why(column) for column in clinic.refused(said)] == ["Used, as said."] * 2
    back = clinic.read_again(said, said={**said.said, 5: ("", "")})
    assert "motility" not in back.table.men[0].visits[0].values and back.table.men[0].name == "<b>A</b>"
    for opened in (now, said, back):
        shown = [clinic.plan(opened.table).to_string(), clinic.faults(opened.table).to_string()]
        shown += [*clinic.notes(opened.table), *map(clinic.why, clinic.refused(opened))]
        assert "--column" not in " ".join(shown), "the page has controls and no options"
    assert "it was not run" in clinic.faults(now.table).to_string()


def test_units_in_cells_may_end_as_the_mark_of_a_laboratory_does():
    table = clinic.opened(ODD.encode(), "odd.csv").table
    values = [man.visits[0].values["t"] for man in table.men]
    assert values[0] == pytest.approx(910 / 28.84) and values[2] == pytest.approx(420 / 28.84)
    assert values[1].below and values[1].limit == pytest.approx(10 / 28.84)


@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.stem)
def test_rows_of_men_hold_their_first_untreated_values(path):
    now = clinic.opened(path.read_bytes(), path.name)
    heads, rows = clinic.rows(now.table, clinic.men(now.table))
    assert [name for name, _ in rows] == [man.name for man in now.table.men]
    for name, cells in rows:
        texts = clinic.reports_of(now, name).texts
        assert len(cells) == len(heads) and cells[heads.index("LH")] == texts.get("lh", "")
    some_of_them = clinic.men(now.table, rows[0][0][-2:].upper())
    assert some_of_them and all(rows[0][0][-2:].casefold() in man.name.casefold() for man in some_of_them)


def test_what_a_man_has_on_a_treatment_is_told_and_not_put_into_the_form(session):
    open_table(session, TABLES[0].read_bytes())
    session.of_table.value = True
    session.choose("A-01")
    chosen = session.chosen.value
    assert session.labs.value == chosen.texts and not session.of_table.value
    assert len(chosen.again) == 1 and "1 on a treatment" in chosen.said() and "2024-01-12" in chosen.said()
    for odd in (None, 3, ["A-01"], {"name": "A-01"}):
        session.choose(odd)
    assert session.chosen.value is chosen
    session.choose("nobody")
    assert "nobody" in session.opening.value[1] and session.chosen.value is chosen


def _zip(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as into:
        into.writestr("[Content_Types].xml", "x")
        for name, content in members.items():
            into.writestr(name.replace("__", "/"), content)
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "is empty"),
        (b"\xd0\xcf\x11\xe0 old", "old or encrypted"),
        (b"PK\x03\x04 no zip", "damaged zip"),
        (_zip(xl__sheet1=b"0" * (40 * 2**20)), "packed"),
        (_zip(xl__media=b"PK\x03\x04"), "holds an archive"),
        (_zip(**{"xl__sheet1.xml": b"<!DOCTYPE x [<!ENTITY a 'b'>]>"}), "defines entities"),
        (b"a,b\n" + b"1,2\n" * 120_000, "over 100,000 rows"),
        (b"x" * 8_000_001, "larger than 8 MB"),
    ],
)
def test_a_hostile_file_is_refused_in_one_line_and_changes_nothing(session, content, told):
    open_table(session, TABLES[0].read_bytes())
    before = session.table.value
    open_table(session, content, "bad\n.xlsx")
    kind, text = session.opening.value
    assert kind == "wrong" and told in text and "\n" not in text and session.table.value is before


def test_nothing_of_a_table_is_written_to_disk(session, monkeypatch):
    real, touched = open, []

    def watched(file, mode="r", *args, **kwargs):
        if set(mode) & set("wxa+"):
            touched.append(file)
        return real(file, mode, *args, **kwargs)

    monkeypatch.setattr("builtins.open", watched)
    monkeypatch.setattr("io.open", watched)
    open_table(session, TABLES[0].read_bytes())
    session.choose("A-02")
    assert session.labs.value and not touched
    assert "A-02" not in str(session.stored()) and not session.stored()["labs"]


def test_two_sessions_hold_two_tables(session):
    other = type(session)()
    open_table(session, TABLES[0].read_bytes())
    open_table(other, ODD.encode())
    session.choose("A-02")
    assert len(session.table.value.table.men) == 6 and len(other.table.value.table.men) == 3
    assert not other.labs.value and other.chosen.value is None
    session.close_table()
    assert session.table.value is None and other.table.value is not None and session.labs.value
    other.close()


def test_all_untreated_reports_are_matched_and_go_with_the_man(session, monkeypatch, few_men):
    asked, real = [], matching.find
    monkeypatch.setattr(matching, "find", lambda *given: asked.append(given[3]) or real(*given))
    open_table(session, TABLES[0].read_bytes())
    session.choose("A-01")
    chosen = session.chosen.value
    session.find("immunoassay")
    until(lambda: session.matching.value[0] in ("done", "wrong"))
    assert session.matching.value == ("done", "") and len(session.match.value.found.visits) == 2
    assert session.chosen.value is chosen and session.labs.value == chosen.texts
    assert matching.reported(session.match.value) and matching.differs(session.match.value)
    session.first_report_alone()
    session.find("immunoassay")
    until(lambda: session.matching.value[0] in ("done", "wrong"))
    assert asked == [chosen.again, ()] and not session.match.value.found.visits
    session.change_man(session.draft.value | {"title": "another"})
    assert session.chosen.value is None and not session.labs.value
    session.undo()
    assert session.chosen.value.name == "A-01" and session.labs.value == chosen.texts


# ---- units


def test_work_beside_a_page_is_in_its_units_and_in_no_other_pages(session):
    other, seen = type(session)(), {}

    def work(name):
        def look(stop):
            seen[name] = unit_system()

        return look

    session.measure("si")
    for odd in (None, 3, "SI units", ["si"]):
        other.measure(odd)
    session._start(session._running, work("si"), print)
    other._start(other._running, work("other"), print)
    until(lambda: len(seen) == 2)
    assert seen == {"si": "si", "other": "conventional"} and unit_system() == "conventional"
    other.close()


def test_a_run_says_in_which_units_its_reason_is(session):
    session.measure("si")
    session.run(
        ta.load(SMALL | {"plan": {"duration": "20 days", "baseline": "2 days", "replicates": 1}, "samples": {}})
    )
    until(lambda: session.progress.value.phase == "done")
    assert session.progress.value.units == "si"


@pytest.mark.parametrize("name", [*GIVEN])
def test_examples_can_be_typed_and_mean_the_same_in_both_systems(name):
    with ta.in_units("si"):
        si = matching.example(name)
    texts = {"conventional": matching.example(name), "si": si}
    levels = {system: labs({name: text})[name].value for system, text in texts.items()}
    assert levels["si"] == pytest.approx(levels["conventional"], rel=0.05)
    if name in ("t", "e2", "free_t"):
        assert si.endswith("mol/L") and not texts["conventional"].endswith("mol/L")


def test_a_link_is_the_same_in_both_systems_and_commands_say_which():
    scenario = ta.load(SMALL)
    link = share.link(scenario)
    with ta.in_units("si"):
        assert share.link(scenario) == link and share.from_link(link) == scenario
        assert share.command(scenario).endswith(" --units si") and 'in_units("si")' in share.python(scenario)
        compile(share.python(scenario), "shown", "exec")
    assert "units" not in share.command(scenario) + share.python(scenario)
