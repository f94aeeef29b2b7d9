"""What results folders of all kinds show in the page: the sentence that answers, the picture, the table.

`show` takes any folder that a command or a job of the page writes, finished or not.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import solara

from testis_abm.app import widgets
from testis_abm.app.results.parts import Refused, refused, tried
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments.opened import Folder
from testis_abm.support.errors import TestisError

MOST_RUNS = 20_000  # of a folder that the page reads; larger ones are for the shell and for Python
MOST_GOING = 2_000  # of one that is read again and again while it grows

type Stamp = tuple[int, ...]
type View = Callable[[Session, Folder, Stamp], solara.Element]


def show(session: Session, folder: str | Path, kind: str = "") -> solara.Element:
    """Show a results folder as it is now.

    Args:
        session: of the page. folder: that a command wrote or writes; the page names it, never a browser.
        kind: of opened.KINDS, which the folder has to hold ("": whatever it holds).
    """
    place = Path(folder)
    return _Results(session, str(place), "studies" if kind == "study" else kind, stamp(place)).key(str(place))


def stamp(folder: Path) -> Stamp:
    """Return what changes whenever something is written to a folder."""
    found = []
    for place in (folder, folder / "parts"):
        with contextlib.suppress(OSError):  # it has gone
            found.append(place.stat().st_mtime_ns)
    return tuple(found)


@solara.component
@in_its_units
def _Results(session: Session, folder: str, kind: str, now: Stamp) -> None:  # noqa: N802
    """Show a results folder, or why it cannot be shown; a fault of a folder that somebody else wrote ends here, and not the page."""
    fault, clear = solara.use_exception()
    solara.use_effect(clear, [now])  # what was written since may be sound
    failed = solara.use_memo(lambda: None if fault is None else refused(fault, folder), [fault])
    found = solara.use_memo(lambda: tried(lambda: _opened(folder, kind), folder), [folder, kind, now])
    if isinstance(found, Refused):
        widgets.note(found.why, wrong=True)
        return
    if failed is not None:
        widgets.note(failed.why, wrong=True)
        return
    with solara.Div(classes=["ta-results"], attributes={"data-kind": found.kind}):
        widgets.heading(found.title, 3)
        if found.missing:
            widgets.note(f"{found.done:,} of {found.runs:,} runs are done; what follows is of these.")
        _view(found.kind)(session, found, now)


def _opened(folder: str, kind: str) -> Folder:
    found = Folder.of(folder)
    if kind and found.kind != kind:
        raise TestisError(f"{Path(folder).name}: holds a {found.kind}, not a {kind}")
    if found.runs > MOST_RUNS:
        text = f"{Path(folder).name}: {found.runs:,} runs are more than the page reads ({MOST_RUNS:,})"
        raise TestisError(f"{text}; the command writes pictures and tables of them into the folder")
    if found.missing and found.runs > MOST_GOING:
        text = f"{found.done:,} of {found.runs:,} runs are done; so many are shown once all have ended"
        raise TestisError(f"{text} (up to {MOST_GOING:,} as they come)")
    return found


def _view(kind: str) -> View:
    """Return the view of a kind; its charts are imported once somebody looks."""
    view: View = import_module(f"testis_abm.app.results.{kind}").View
    return view
