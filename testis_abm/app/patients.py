"""Patients: one man's laboratory values, who matches them and what treatments would do; or a clinic's table of men."""

from __future__ import annotations

import reacton.ipyvuetify as v
import solara

from testis_abm.app import widgets
from testis_abm.app.decision import Decision
from testis_abm.app.labs import Labs, Working
from testis_abm.app.matched import Matched
from testis_abm.app.session import Session
from testis_abm.app.table import TableOfMen


@solara.component
def Patients(session: Session) -> None:  # noqa: N802
    """Show one patient or the table of men."""
    of_table = session.of_table.value
    with v.Html(tag="div", class_="ta-modes", attributes={"role": "group", "aria-label": "Laboratory values from"}):
        for label, this in (("One patient", False), ("Table of men", True)):
            solara.Button(
                label,
                on_click=lambda this=this: session.of_table.set(this),
                classes=["ta-do"],
                attributes={"aria-pressed": "true" if this == of_table else "false"},
            )
    if of_table:
        TableOfMen(session)
        return
    with v.Html(tag="section", class_="ta-step", attributes={"aria-label": "Laboratory values"}):
        widgets.heading("Laboratory values")
        Labs(session)
        if session.match.value is None:
            Working(session)
    Matched(session)
    Decision(session)
