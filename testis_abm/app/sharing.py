"""Share: the link, files in and out, and the same run as a command and in Python."""

from __future__ import annotations

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, share, widgets
from testis_abm.app.received import PART
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.quantities import in_units
from testis_abm.scenario import Scenario

_OPEN = "A link opens by itself: paste it into the address bar. An invalid file or link is rejected with a message."
_PRIVATE = "The scenario is in the part after #, which browsers keep to themselves: no server logs it."
_CANCELLED = "The last run was cancelled; only whole runs are shared."


@solara.component
@in_its_units
def Sharing(session: Session) -> None:  # noqa: N802
    """Show what leaves and enters the page."""
    now = session.draft.value
    scenario = solara.use_memo(lambda: draft.understood(now).scenario, [now])
    with solara.Div(classes=["ta-split"]):
        with v.Html(tag="section", attributes={"aria-label": "Open"}), solara.Div(classes=["ta-sheet"]):
            widgets.heading("Open a scenario")
            widgets.Upload(
                label="Scenario file (TOML)",
                accept=".toml,text/plain",
                most=share.LARGEST_UPLOAD,
                part=PART,
                event_sent=session.receive,
            )
            widgets.paragraph(_OPEN, "ta-unit")
        with v.Html(tag="section", attributes={"aria-label": "Share"}):
            if scenario is None:
                widgets.note("The form has errors; correct them under “What if”.", wrong=True)
                return
            _scenario(scenario)
            _results(session)
            with solara.Div(classes=["ta-sheet"]):
                widgets.heading("The same in the shell")
                widgets.paragraph("With the scenario file that you download above:")
                v.Html(tag="pre", children=[share.command(scenario)])
                widgets.heading("The same in Python")
                v.Html(tag="pre", children=[share.python(scenario)])


def _scenario(scenario: Scenario) -> None:
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("This scenario")
        widgets.Link(label="Link that restores it exactly", fragment=share.link(scenario))
        widgets.paragraph(_PRIVATE, "ta-unit")
        with solara.Div(classes=["ta-row"]):
            widgets.download("Scenario (TOML)", scenario.to_toml(), share.file_name(scenario), "text/plain")


def _results(session: Session) -> None:
    progress = session.progress.value

    def pictures() -> bytes:
        with in_units(session.units.peek()):
            return share.pictures(result)

    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Results of the last run")
        result = progress.result
        if result is None or progress.phase != "done":
            cancelled = progress.phase == "cancelled"
            widgets.paragraph(_CANCELLED if cancelled else "Run a scenario first.")
            return
        made = {
            "Tables (CSV)": ("csv", lambda: share.tables(result, "csv")),
            "Tables (Parquet)": ("parquet", lambda: share.tables(result, "parquet")),
            "Pictures (PNG, SVG)": ("pictures", pictures),
        }
        with solara.Div(classes=["ta-row"]):
            for label, (kind, make) in made.items():
                widgets.download(label, make, share.file_name(result.scenario, f"{kind}.zip"), "application/zip")
        widgets.paragraph("Pictures take some seconds to draw.", "ta-unit")
