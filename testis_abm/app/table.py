"""A clinic's table of men: how it was read, what was not understood, and the man of it who goes into the form."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import reacton.ipyvuetify as v
import solara

from testis_abm.app import vue, widgets
from testis_abm.app.received import PART
from testis_abm.app.session import LARGEST_TABLE, Session

if TYPE_CHECKING:
    from testis_abm.app.clinic import Opened
    from testis_abm.population.table_in import Column

_FILES = ".csv,.tsv,.txt,.xlsx,text/csv,text/plain,application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_HELP = (
    "CSV text or Excel (.xlsx), a row a visit, headings in English, German and more; a unit in the heading, a units row or the cells. "
    "It is read in the memory of the server for this page alone and goes when the page is closed or loaded again. Nothing in it is run. "
    "All men at once: testis-abm twin --table FILE --give ..."
)
_SIGNS = (("", "as the file shows"), ("comma", "comma: 9,4"), ("point", "point: 9.4"))
_PLAN = "How each column was read. Ranges are in the unit in which it was read."
_FAULTS = "What was found and not used as it stands."


@solara.component
def TableOfMen(session: Session) -> None:  # noqa: N802
    """Show the chooser of a file and, of the one that was opened, its men beside its columns."""
    now, (phase, text) = session.table.value, session.opening.value
    with solara.Div(classes=["ta-split"]):
        with v.Html(tag="section", attributes={"aria-label": "Open a table"}), solara.Div():
            widgets.heading("A clinic’s table of men")
            widgets.Upload(
                label="Table (CSV or .xlsx)",
                accept=_FILES,
                most=LARGEST_TABLE,
                part=PART,
                event_sent=session.receive_table,
            )
            widgets.paragraph(_HELP, "ta-unit")
            if text:
                widgets.note(text, wrong=phase == "wrong")
            if now is not None:
                widgets.select("Decimal sign", now.decimal, _SIGNS, session.decimal)
                widgets.button("Close the table", session.close_table, small=True)
        with v.Html(tag="section", attributes={"aria-label": "Men and how they were read"}):
            if now is not None:
                # What was looked for in one file is not in another.
                _Men(session, now).key(f"men-{id(now.table.grid)}")
                _Read(session, now)


@vue.component("men")
def _Rows(heads: list[str], rows: list[Any], chosen: str, event_choose: Callable[[Any], None]) -> None:  # noqa: N802
    """Show men, a row each (identifier, cells); a click on a row, or its button, chooses him."""


@solara.component
def _Men(session: Session, now: Opened) -> None:  # noqa: N802
    """Show the men of a table, a row each; a click on one takes him."""
    from testis_abm.app import clinic

    like, set_like = solara.use_state("")
    found = clinic.men(now.table, like)
    heads, rows = clinic.rows(now.table, found[: clinic.MOST_MEN])
    chosen = session.chosen.value
    widgets.heading("Choose a man")
    widgets.paragraph(
        "A click on his row puts his first untreated report into the fields under “One patient”.", "ta-unit"
    )
    if like or len(found) > clinic.MOST_MEN:
        widgets.text_field("Identifier holds", like, set_like)
    if len(found) > clinic.MOST_MEN:
        widgets.paragraph(f"The first {clinic.MOST_MEN} are listed; write a part of his identifier.", "ta-unit")
    if rows:
        _Rows(heads=heads, rows=rows, chosen=chosen.name if chosen else "", event_choose=session.choose)
    else:
        widgets.note("No man’s identifier holds this.")


@solara.component
def _Read(session: Session, now: Opened) -> None:  # noqa: N802
    """Show what became of columns, rows and cells."""
    from testis_abm.app import clinic

    table = now.table
    widgets.heading(table.grid.source)
    how = table.grid.how
    widgets.paragraph(f"{how[:1].upper()}{how[1:]}; headings in row {table.heading}. {clinic.counts(table)}")
    for text in clinic.of_whole(table):
        widgets.note(text)
    if asked := clinic.refused(now):
        with solara.Div(classes=["ta-sheet"]):
            widgets.heading("Columns that were not read", 3)
            with solara.Div(classes=["ta-panels"]):
                for column in asked[: clinic.MOST_ASKED]:
                    _column(session, now, column)
            if len(asked) > clinic.MOST_ASKED:
                widgets.paragraph(f"… and {len(asked) - clinic.MOST_ASKED:,} more.", "ta-unit")
    widgets.table(clinic.plan(table), _PLAN, "heading", words=True)
    if len(table.columns) > clinic.MOST_COLUMNS:
        widgets.paragraph(f"… and {len(table.columns) - clinic.MOST_COLUMNS:,} more columns.", "ta-unit")
    for text in clinic.notes(table):
        widgets.paragraph(text, "ta-unit")
    faults = clinic.faults(table)
    if len(faults):
        all_of_them = sum(bool(fault.row) for fault in table.faults)
        more = (
            f" {len(faults)} of {all_of_them:,}; testis-abm table --faults writes all."
            if all_of_them > len(faults)
            else ""
        )
        widgets.heading("Not used as written", 3)
        widgets.table(faults, f"{_FAULTS}{more}", "where", words=True)


def _column(session: Session, now: Opened, column: Column) -> None:
    """Show a column that was left out, with what it can be said to mean."""
    from testis_abm.app import clinic

    said, unit = now.said.get(column.number, ("", ""))
    name, known = clinic.heading(column), clinic.units(said or column.meaning)
    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[name])
        widgets.paragraph(clinic.why(column), "" if column.number in now.said else "ta-unit")
        options = [("", "as its heading says"), *clinic.choices(column)]
        widgets.select(f"{name} means", said, options, partial(session.say, column.number))
        if len(known) > 1:
            units = [("", "as the file shows"), *((of, of) for of in known)]
            meaning = said or column.meaning
            widgets.select(f"{name} is in", unit, units, lambda got: session.say(column.number, meaning, got))
