"""A part of a view that opens at a click; what is closed is not sent to the browser."""

from __future__ import annotations

from collections.abc import Callable

import reacton.ipyvuetify as v
import solara

from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units


@solara.component
@in_its_units
def Fold(session: Session, title: str, show: Callable[[], None], opened: bool) -> None:  # noqa: N802
    """Show a heading that opens and closes what is under it; what is closed is not sent. `opened`: until somebody chooses."""
    chosen, choose = solara.use_state(None)
    is_open = opened if chosen is None else bool(chosen)
    with v.Html(tag="h2", class_="ta-part"):
        solara.Button(
            title,
            on_click=lambda: choose(not is_open),
            text=True,
            classes=["ta-part-button"],
            attributes={"aria-expanded": "true" if is_open else "false"},
        )
    with solara.Div():
        if is_open:
            show()
