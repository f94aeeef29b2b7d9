"""The page: what if, the tubule, compare and sweep, share."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import reacton.ipyvuetify as v
import solara
import solara.lab

from testis_abm.app import beyond, widgets
from testis_abm.app.session import Session, recorder, warm
from testis_abm.app.sharing import Sharing
from testis_abm.app.what_if import WhatIf

_TABS = ("What if", "Tubule", "Compare", "Sweep", "Studies", "Share")
_LEFT = 2.0  # seconds after a page was left until its memory is given back
_CSS = Path(__file__).with_name("app.css").read_text(encoding="utf-8")
_LIMITS = (
    "Research software: a simulation, not medical advice. A preset is one physiology that could give such a man’s labs; intervals are over "
    "replicates of that one man and hold no spread of men or of the model’s own parameters. Chances are those of populations."
)


@solara.component
def Page() -> None:  # noqa: N802 (Solara looks for this name)
    """Show the app; its state is made here, so that two browsers never share one."""
    session = solara.use_memo(Session, [])
    solara.use_effect(lambda: _stay(session), [])
    dark = solara.lab.use_dark_effective()
    solara.Title("testis_abm: human spermatogenesis, simulated")
    solara.Style(_CSS)
    tab = session.tab.value
    with v.Html(tag="main", class_="ta", attributes={"lang": "en"}):
        widgets.Address(event_opened=session.open_link, event_darkened=lambda _: _colour(True))
        with solara.Div(classes=["ta-head"]):
            v.Html(tag="h1", children=["Human spermatogenesis, simulated"])
            widgets.button(
                "Light" if dark else "Dark", lambda: _colour(not dark), small=True,
                says="Switch to light colours" if dark else "Switch to dark colours",
            )  # fmt: skip
        widgets.paragraph(_LIMITS, "ta-limits")
        with v.Html(tag="nav", class_="ta-tabs", attributes={"aria-label": "Views"}):
            for k, name in enumerate(_TABS):
                classes = ["ta-tab", *(["ta-on"] if k == tab else [])]
                attributes = {"aria-current": "page"} if k == tab else {}
                solara.Button(name, on_click=_to(session, k), classes=classes, text=True, attributes=attributes).key(
                    f"{name}-{k == tab}"
                )
        kind, told = session.notice.value
        if told:
            with solara.Div(classes=["ta-row"]):
                widgets.note(told, wrong=kind == "error")
                widgets.button("Dismiss", lambda: session.notice.set(("", "")), small=True)
        _view(session, tab)


def _colour(dark: bool) -> None:
    solara.lab.theme.dark = dark


def _to(session: Session, tab: int) -> Callable[[], None]:
    return lambda: session.tab.set(tab)


def _view(session: Session, tab: int) -> None:
    match _TABS[tab]:
        case "What if":
            WhatIf(session)
        case "Tubule":
            Tubule(session)
        case "Compare":
            beyond.Compare(session)
        case "Sweep":
            beyond.Sweep()
        case "Studies":
            beyond.Study()
        case _:
            Sharing(session)


@solara.component
def Tubule(session: Session) -> None:  # noqa: N802
    """Show the living cross-section of the last run."""
    recordings, scenario = session.recordings.value, session.progress.value.scenario
    solara.use_effect(session.film, [scenario])
    dark = solara.lab.use_dark_effective()
    if recorder() is None:
        widgets.paragraph("The view of the tubule is not part of this installation.")
    elif scenario is not None and not recordings:
        widgets.note("His tubules are being recorded …")
    elif not recordings:
        widgets.paragraph("Run a scenario under “What if” first: his tubules are recorded day by day.")
    else:
        from testis_abm.app.tubule import TubuleView

        if "treated" in recordings:
            TubuleView(recordings["treated"], twin=recordings["untreated"], dark=dark)
        else:
            TubuleView(recordings["untreated"], names=("Untreated", ""), dark=dark)


def _stay(session: Session) -> Callable[[], None]:
    """Begin what a page needs; return what frees it when the page is left."""
    warm()
    settings: Any = sys.modules.get("solara.server.settings")
    if settings is not None:
        # Solara's own counting of visitors asks the network.
        settings.telemetry.mixpanel_enable = False

    def leave() -> None:
        session.close()
        # Solara still holds the page now.
        timer = threading.Timer(_LEFT, _give_back)
        timer.daemon = True
        timer.start()

    return leave


def _give_back() -> None:
    """Return the memory of what is no longer used: models refer to themselves, and glibc keeps what Python frees."""
    gc.collect()
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)


routes = [solara.Route("/", component=Page, label="testis_abm")]
