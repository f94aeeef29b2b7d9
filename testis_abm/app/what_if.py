"""What if: choose a man, a treatment and a time; watch what it does to him beside his untreated control."""

from __future__ import annotations

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, form
from testis_abm.app.answer import Answer
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units


@solara.component
@in_its_units
def WhatIf(session: Session) -> None:  # noqa: N802
    """Show the controls beside what they bring."""
    now = session.draft.value
    said = solara.use_memo(lambda: draft.understood(now), [now, session.units.value])
    with solara.Div(classes=["ta-split"]):
        with v.Html(tag="section", attributes={"aria-label": "Scenario"}):
            form.man(session, said)
            form.rest(session, said)
        with v.Html(tag="section", attributes={"aria-label": "Results", "tabindex": "-1"}):
            Answer(session, said)
