"""The page: what if, patients, the slide, compare, experiments, share; and below each the plan and Run."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import reacton.ipyvuetify as v
import solara
import solara.lab

from testis_abm.app import draft, gate, own_code, share, widgets
from testis_abm.app.bar import Bar
from testis_abm.app.compare import Compare
from testis_abm.app.experiments import Experiments
from testis_abm.app.patients import Patients
from testis_abm.app.serve import FREED_AFTER
from testis_abm.app.session import REMOVED, RUNS, Session, warm
from testis_abm.app.sharing import Sharing
from testis_abm.app.tidy import tidy
from testis_abm.app.what_if import WhatIf
from testis_abm.choices import DISCLAIMER
from testis_abm.quantities import CONVENTIONAL, SI

_LIMITS = (
    "A preset is one physiology that could give such laboratory values; intervals of a run are over replicates of that "
    "one man, plausible ones over the model’s own parameters and hypotheses; they hold no spread of men. Probabilities are those of "
    "populations."
)
_UNITS = {CONVENTIONAL: "Conventional units", SI: "SI units"}
_SAID = {CONVENTIONAL: "conventional units (ng/dL, pg/mL)", SI: "SI units (nmol/L, pmol/L)"}


@solara.component
def Page() -> None:  # noqa: N802 (Solara looks for this name)
    """Show the app; its state is made here, so that two browsers never share one."""
    session = solara.use_memo(Session, [])
    solara.use_effect(lambda: _stay(session), [])
    dark = session.dark.value
    solara.Title("testis_abm: human spermatogenesis, simulated")
    solara.Style(widgets.CSS)
    shown = session.tab.value
    with v.Html(
        tag="div", class_="ta" if dark is None else "ta ta-night" if dark else "ta ta-day", attributes={"lang": "en"}
    ):
        _Address(session)
        with solara.Div(classes=["ta-head"]):
            with solara.Div():
                v.Html(tag="h1", children=["Human spermatogenesis, simulated"])
                with v.Html(tag="details", class_="ta-limits"):
                    v.Html(tag="summary", children=[DISCLAIMER])
                    widgets.paragraph(f"{_LIMITS} {own_code.said()}".strip())
            with solara.Div(classes=["ta-row"]):
                other = CONVENTIONAL if session.units.value == SI else SI
                widgets.button(
                    _UNITS[other], lambda: session.measure(other), small=True, says=f"Show levels in {_SAID[other]}"
                )
                widgets.button(
                    "Light" if dark else "Dark",
                    lambda: session.dark.set(not dark),
                    small=True,
                    says="Switch to light colours" if dark else "Switch to dark colours",
                )
        with v.Html(tag="nav", class_="ta-tabs", attributes={"aria-label": "Views"}):
            for name in VIEWS:
                classes = ["ta-tab", *(["ta-on"] if name == shown else [])]
                attributes = {"aria-current": "page"} if name == shown else {}
                solara.Button(name, on_click=_to(session, name), classes=classes, text=True, attributes=attributes)
        # Always there, so that what follows stays as it is when something is said.
        with solara.Div(classes=["ta-notice"]):
            _notice(session)
        with v.Html(tag="main", class_="ta-view"):
            VIEWS.get(shown, WhatIf)(session)
        Bar(session)


def _notice(session: Session) -> None:
    kind, text = session.notice.value
    if not text:
        return
    with solara.Div(classes=["ta-row"]):
        widgets.note(text, wrong=kind == "error")
        if kind == REMOVED:
            widgets.button("Undo", session.undo, small=True, says="Bring back the former patient")
        widgets.button("Dismiss", lambda: session.notice.set(("", "")), small=True)


@solara.component
def _Address(session: Session) -> None:  # noqa: N802
    """Read the scenario of the address, and keep there the one that was run; let the tab keep what a reload brings back."""
    now = session.progress.value
    # The address and the storage of a notebook are not ours.
    fragment = solara.use_memo(
        lambda: share.link(now.scenario) if now.scenario is not None and _served() else "", [now.scenario]
    )
    state = [
        session.draft.value,
        now.scenario,
        now.phase,
        session.kept.value,
        session.returning.value,
        session.tab.value,
        session.labs.value,
        session.assay.value,
    ]
    stored = solara.use_memo(lambda: session.stored() if _served() else None, state)
    widgets.Address(
        fragment=fragment,
        stored=stored,
        units=session.units.value,
        event_opened=session.open_link,
        event_restored=session.restore,
        dark=session.dark.value,
        event_darkened=session.darken,
        event_measured=session.measure,
    )
    widgets.StepKeys(event_stepped=session.step)


def _served() -> bool:
    """Return whether Solara's own server shows the page."""
    return "solara.server.starlette" in sys.modules


def _to(session: Session, tab: str) -> Callable[[], None]:
    return lambda: session.tab.set(tab)


@solara.component
def Slide(session: Session) -> None:  # noqa: N802
    """Show the living cross-section of the last run."""
    recordings, scenario, now = session.recordings.value, session.progress.value.scenario, session.draft.value
    solara.use_effect(session.film, [scenario])
    look = {"dark": session.dark.value, "units": session.units.value}
    written = solara.use_memo(lambda: draft.understood(now).scenario, [now])
    if scenario is not None and scenario != written:
        widgets.note(widgets.EARLIER)
    if scenario is not None and not recordings:
        widgets.note("The tubules are being recorded …")
    elif not recordings:
        widgets.paragraph("Run a scenario under “What if” first: the tubules are recorded day by day.")
    else:
        from testis_abm.app.tubule import TubuleView

        if "treated" in recordings:
            names = recordings["treated"].model.case.done.capitalize(), "Untreated control"
            TubuleView(recordings["treated"], control=recordings["untreated"], names=names, **look)
        else:
            TubuleView(recordings["untreated"], names=("Untreated", ""), **look)


def _stay(session: Session) -> Callable[[], None]:
    """Begin what a page needs; return what frees it when the page is left."""
    warm()
    if _served():
        kernel: Any = sys.modules["solara.server.settings"].kernel
        if kernel.cull_timeout == "24h":  # its default, which `solara run` leaves
            kernel.cull_timeout = FREED_AFTER

    def leave() -> None:
        session.close()
        tidy()

    return leave


def _keep_to_itself() -> None:
    """Keep Solara from calling home, which it does for its statistics and, in a notebook, to see whether widgets work."""
    settings: Any = sys.modules["solara.server.settings"]
    settings.telemetry.mixpanel_enable = False
    solara.checks.should_perform_jupyter_check = solara.checks.should_perform_solara_check = lambda: False
    if _served():  # by `solara run`, which knows nothing of the gate
        gate.put_up()


VIEWS: dict[str, Callable[[Session], solara.Element]] = {
    RUNS: WhatIf,
    "Patients": Patients,
    "Slide": Slide,
    "Compare": Compare,
    "Experiments": Experiments,
    "Share": Sharing,
}

# Before the page is shown: in a notebook Solara calls before anything of ours is.
_keep_to_itself()
routes = [solara.Route("/", component=Page, label="testis_abm")]
