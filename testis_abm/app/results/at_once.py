"""What is worked out beside the page at once: the surface of the man in the form, a study replayed."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import solara

from testis_abm.app import widgets
from testis_abm.app.results import parts
from testis_abm.app.results.studies import replayed
from testis_abm.app.session import Session
from testis_abm.app.surface import SurfaceView
from testis_abm.app.units import in_its_units
from testis_abm.app.work import Background

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.studies import Study

_SETS = 12  # parameter sets of a replay


@solara.component
@in_its_units
def AtOnce(session: Session) -> None:  # noqa: N802
    """Show the surface of the man in the form, and a study replayed: quick ones, which no folder keeps."""
    with parts.folded(
        "Quick look, kept in no folder: response surface of the man in the form; a published study replayed"
    ):
        SurfaceView(session)
        Studies(session)


class _Replay:
    """A study that is replayed beside the page."""

    def __init__(self) -> None:
        self.state: solara.Reactive[tuple[str, str]] = solara.Reactive(("", ""))  # phase, in words
        self.table: solara.Reactive[pd.DataFrame | None] = solara.Reactive(None, equals=lambda a, b: a is b)
        self._task = Background("study of a session")

    def start(self, study: Study) -> None:
        """Replay a study."""
        self.table.value = None
        self.state.value = ("busy", "Replaying the study with its own selection, size and measurement …")
        self._task.start(lambda stop: self._work(study, stop), lambda reason: self.state.set(("wrong", reason)))

    def _work(self, study: Study, stop: threading.Event) -> None:
        from testis_abm.studies.ensemble import shipped
        from testis_abm.studies.replay import replay

        found = replay(study, shipped(), sets=_SETS)
        if not stop.is_set():
            self.table.value, self.state.value = found, ("done", "")

    def cancel(self) -> None:
        """Stop it."""
        self._task.cancel()
        self.state.value = ("", "")


@solara.component
@in_its_units
def Studies(session: Session) -> None:  # noqa: N802
    """Replay a shipped study, observed beside predicted."""
    from testis_abm.studies import known, load_study

    studies = solara.use_memo(lambda: {name: load_study(path) for name, path in known().items()}, [])
    name, set_name = solara.use_state("shah_2021" if "shah_2021" in studies else next(iter(studies)))
    replay = solara.use_memo(_Replay, [])
    solara.use_effect(lambda: replay.cancel, [])
    study, table, (phase, text) = studies[name], replay.table.value, replay.state.value

    def choose(chosen: str) -> None:
        replay.cancel()
        replay.table.value = None
        set_name(chosen)

    widgets.heading("Published study, replayed")
    names = [(key, f"{each.title} ({each.citation})"[:110]) for key, each in studies.items()]
    widgets.select("Study", name, names, choose)
    widgets.paragraph(_design(study))
    with solara.Div(classes=["ta-row"]):
        widgets.button("Replay", lambda: replay.start(study), main=True, disabled=phase == "busy")
        widgets.button("Cancel", replay.cancel, disabled=phase != "busy")
    if text:
        widgets.note(text, wrong=phase == "wrong")
    if table is not None:
        replayed(table, study.title)


def _design(study: Study) -> str:
    """Return a study's arms, size and length in words."""
    arms = "; ".join(f"{arm.name}: {arm.label}" for arm in study.arm)
    past = "; ".join([*map(str, study.history), *(insult.dated for insult in study.insult)])
    before = f" Before: {past}." if past else ""
    source = f" doi:{study.doi}" if study.doi else ""
    return f"{study.n} men per arm, {study.duration_days:g} days.{before} {arms}.{source}"
