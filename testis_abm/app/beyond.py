"""Beyond one run: kept arms overlaid, a sweep's results folder as heat map, a published study replayed."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import solara

from testis_abm.app import widgets
from testis_abm.app.session import Session
from testis_abm.app.stores import opened
from testis_abm.app.surface import SurfaceView
from testis_abm.app.units import in_its_units
from testis_abm.app.work import Background
from testis_abm.experiments.sweep import Swept
from testis_abm.pictures import courses, screen, sweeps
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from testis_abm.results.run import Run
    from testis_abm.studies import Study

_COLOURS = 8
_SETS = 12  # parameter sets of a replay
_LEVELS = (
    "Hormones: means of the last 28 days of treatment; semen and sperm production: expected on its last morning. "
    "Arms with the same random seed are paired by common random numbers."
)
_MARKS = (
    ("ta-mark", "observed, inside the interval"),
    ("ta-outside", "observed, outside"),
    ("ta-predicted", "predicted, 95 % interval"),
)


@solara.component
@in_its_units
def Compare(session: Session) -> None:  # noqa: N802
    """Show an overlay of kept arms."""
    kept = session.kept.value
    widgets.heading("Overlay of arms")
    if returning := session.returning.value:
        widgets.note(
            f"{len(returning)} kept {'arm is' if len(returning) == 1 else 'arms are'} run again after the page was reloaded …"
        )
    if not kept and not returning:
        widgets.paragraph(
            "Nothing is kept yet. Run a scenario under “What if”, press “Keep as an arm to compare”, change it, run it again."
        )
    if not kept:
        return
    arms = [courses.Arm(name, run, run.arms[-1]) for name, run in kept]
    # The untreated control of each man, as far as colours reach; arms of one man share theirs.
    controls = {_whose(run): (name, run) for name, run in reversed(kept) if "untreated" in run.arms[:-1]}
    for name, run in list(controls.values())[-max(0, _COLOURS - len(arms)) :]:
        arms.insert(0, courses.Arm(f"untreated ({name})", run, "untreated"))
    for index, (name, _) in enumerate(kept):
        _kept(session, index, name)
    if insults := courses.insults_of({name: run.scenario for name, run in kept}):
        days = [(run.scenario.plan.baseline_days, run.scenario.plan.duration_days) for _, run in kept]
        first, last = (float(max(ends)) for ends in zip(*days, strict=True))
        widgets.html(screen.timeline(insults, (-first, last)), classes=["ta-scroll"])
    widgets.html(screen.legend([arm.name for arm in arms]))
    widgets.html(screen.grid([*courses.hormones(arms), *courses.semen(arms, dots=False)]))
    widgets.heading("Levels at the end of treatment", 3)
    widgets.table(courses.levels(kept), _LEVELS, "quantity")


def _whose(run: Run) -> Hashable:
    """Return what an untreated control is the same by: the man, and what injured him before day 0."""
    return run.scenario.man, run.scenario.untreated().insult


def _kept(session: Session, index: int, name: str) -> None:
    """Show the name of a kept arm, and a button that removes it."""
    with solara.Div(classes=["ta-row", "ta-arm"]):
        widgets.text_field(f"Name of arm {index + 1}", name, lambda text: session.rename(index, text))
        widgets.button("Remove", lambda: session.drop(index), small=True, says=f"Remove arm {name}")


# ---- experiments


@solara.component
@in_its_units
def Experiments(session: Session) -> None:  # noqa: N802
    """Show the kinds of experiments."""
    SurfaceView(session)
    Sweep(session)
    Studies()


# ---- sweeps


@solara.component
@in_its_units
def Sweep(session: Session) -> None:  # noqa: N802
    """Show the results folders that the server was started with."""
    found = solara.use_memo(opened, [])
    at, set_at = solara.use_state("0")
    widgets.heading("Parameter sweep (heat map)")
    if not found:
        widgets.paragraph(
            "No results folder is open. Start the app with one: testis-abm app --store runs/sweep-mine (testis-abm sweep makes it)."
        )
        return
    widgets.select("Results folder", at, [(str(k), store.title) for k, store in enumerate(found)], set_at)
    _Store(session, int(at)).key(at)


@solara.component
@in_its_units
def _Store(session: Session, index: int) -> None:  # noqa: N802
    """Show one results folder: which output, which day, as change or level."""
    store = opened()[index]
    word, set_word = solara.use_state(store.outputs[0])
    day, set_day = solara.use_state(str(max(store.days)))
    axes, set_axes = solara.use_state("0,1" if len(store.axes) > 1 else "0")
    kind, set_kind = solara.use_state("")
    table = solara.use_memo(lambda: _summary(store, int(day)), [index, day, session.units.value])
    if isinstance(table, TestisError):
        widgets.note(str(table), wrong=True)
        return
    kinds = sweeps.kinds(table, word)
    kind = kind if kind in kinds else kinds[0]
    with solara.Div(classes=["ta-cells"]):
        widgets.select("Show", word, [(name, name) for name in store.outputs], set_word)
        widgets.select("As", kind, [(name, store.called(name)) for name in kinds], set_kind)
        widgets.select("Day", day, [(str(k), f"day {k}") for k in store.days], set_day)
        if len(store.axes) > 2:
            pairs = itertools.combinations(enumerate(store.axes), 2)
            names = [(f"{i},{k}", f"{one.path} and {other.path}") for (i, one), (k, other) in pairs]
            widgets.select("Axes", axes, names, set_axes)
    if table.empty:
        widgets.paragraph("No run of this folder is finished yet.")
        return
    chosen = [store.axes[int(k)] for k in axes.split(",")]
    widgets.html(screen.heat_map(sweeps.heat_map(table, chosen, word, kind, store.called(kind))), classes=["ta-scroll"])
    text = (
        f"{len(table):,} points, {int(table['replicates'].max())} replicate(s) each. "
        "A place without a number has no finished run, or a level that no laboratory sees."
    )
    if len(store.axes) > 2:
        text += " Each cell is the mean over the other axes."
    widgets.paragraph(text, "ta-unit")


def _summary(store: Swept, day: int) -> pd.DataFrame | TestisError:
    """Return a folder's summary, or what is wrong with it: a component calls its hooks whatever comes."""
    try:
        return store.summary(day)
    except TestisError as error:
        return error


# ---- studies


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
def Studies() -> None:  # noqa: N802
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
        _replayed(table)


def _design(study: Study) -> str:
    """Return a study's arms, size and length in words."""
    arms = "; ".join(f"{arm.name}: {arm.label}" for arm in study.arm)
    past = "; ".join([*map(str, study.history), *(insult.dated for insult in study.insult)])
    before = f" Before: {past}." if past else ""
    source = f" doi:{study.doi}" if study.doi else ""
    return f"{study.n} men per arm, {study.duration_days:g} days.{before} {arms}.{source}"


def _replayed(table: pd.DataFrame) -> None:
    """Show observed beside predicted."""
    from testis_abm.studies import report

    for note in report.notes(table):
        widgets.note(note)
    widgets.html(screen.legend((), _MARKS))
    widgets.html(screen.intervals(table.to_dict("records")), classes=["ta-scroll"])
    shown = table[["observed", "predicted", "low", "high"]].astype(object)
    for name in ("predicted", "low", "high"):  # a time that is not reached by the end is longer than there was
        late = np.isinf(table[name])
        shown.loc[late, name] = [
            report.reached(value, ends) for value, ends in table.loc[late, [name, "ends"]].to_numpy()
        ]
    shown["observed"] = [of if not sign else f"{sign}{of:g}" for of, sign in zip(shown["observed"], table["beyond"])]
    shown["inside"] = np.where(table["inside"], "yes", "no")
    units = table["unit"].map(lambda unit: f" ({unit})" if unit else "")
    shown.index = pd.Index(table["label"] + units)
    caption = "95 % interval over men, measurement, parameters and between-study heterogeneity."
    widgets.table(shown, caption, "observation")
