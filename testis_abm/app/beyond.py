"""Beyond one run: kept arms overlaid, a sweep's results folder as heat map, a published study replayed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import solara

from testis_abm.app import charts, courses, widgets
from testis_abm.app.session import FAULT, Session, Stopped, Task, place
from testis_abm.app.stores import SweepStore, opened
from testis_abm.support.errors import TestisError

_log = logging.getLogger(__name__)
_COLOURS = 8
_SETS = 12  # parameter sets of a replay


@solara.component
def Compare(session: Session) -> None:  # noqa: N802
    """Show an overlay of kept arms."""
    kept = session.kept.value
    widgets.heading("Overlay of arms")
    if returning := session.returning.value:
        widgets.note(
            f"{len(returning)} kept {'arm is' if len(returning) == 1 else 'arms are'} run again after the page was loaded anew …"
        )
    if not kept and not returning:
        widgets.paragraph(
            "Nothing is kept yet. Run a scenario under “What if”, press “Keep as an arm to compare”, change it, run it again."
        )
    if not kept:
        return
    arms = [courses.Arm(name, result, result.arms[-1]) for name, result in kept]
    # The untreated control of each man, as far as colours reach; arms of one man share theirs.
    controls = {of.scenario.man: (name, of) for name, of in reversed(kept) if "untreated" in of.arms[:-1]}
    for name, of in list(controls.values())[-max(0, _COLOURS - len(arms)) :]:
        arms.insert(0, courses.Arm(f"untreated ({name})", of, "untreated"))
    for index, (name, _) in enumerate(kept):
        with solara.Div(classes=["ta-row", "ta-arm"]):
            widgets.text_field(
                f"Name of arm {index + 1}",
                name,
                lambda text, index=index: session.rename(index, text),  # type: ignore[misc]
            )
            widgets.button(
                "Remove",
                lambda index=index: _drop(session, index),  # type: ignore[misc]
                small=True,
                says=f"Remove arm {name}",
            )
    widgets.html(charts.legend([of.name for of in arms]))
    widgets.html(charts.grid([*courses.hormones(arms), *courses.semen(arms, dots=False)]))
    widgets.heading("Levels at the end of treatment", 3)
    widgets.table(
        courses.levels(kept),
        "Hormones: means of the last 28 days of treatment; semen and sperm production: expected on its last morning. Arms with the same random seed are paired by common random numbers.",
        "quantity",
    )


def _drop(session: Session, index: int) -> None:
    session.kept.value = tuple(of for i, of in enumerate(session.kept.value) if i != index)


# ---- sweeps


@solara.component
def Sweep() -> None:  # noqa: N802
    """Show the results folders that the server was started with."""
    found = solara.use_memo(opened, [])
    at, set_at = solara.use_state("0")
    widgets.heading("Parameter sweep (heat map)")
    if not found:
        widgets.paragraph(
            "No results folder is open. Start the app with one: testis-abm app --store runs/sweep-mine (testis-abm sweep makes it)."
        )
        return
    widgets.select("Results folder", at, [(str(k), of.title) for k, of in enumerate(found)], set_at)
    _Store(int(at)).key(at)


@solara.component
def _Store(index: int) -> None:  # noqa: N802
    """Show one results folder: which output, which day, as change or level."""
    of = opened()[index]
    word, set_word = solara.use_state(of.outputs[0])
    day, set_day = solara.use_state(str(max(of.days)))
    axes, set_axes = solara.use_state("0,1" if len(of.axes) > 1 else "0")
    kind, set_kind = solara.use_state("")
    table = solara.use_memo(lambda: _summary(of, int(day)), [index, day])
    if isinstance(table, TestisError):
        widgets.note(str(table), wrong=True)
        return
    kinds = of.kinds(table, word)
    kind = kind if kind in kinds else kinds[0]
    with solara.Div(classes=["ta-cells"]):
        widgets.select("Show", word, [(name, name) for name in of.outputs], set_word)
        widgets.select("As", kind, [(name, name) for name in kinds], set_kind)
        widgets.select("Day", day, [(str(k), f"day {k}") for k in of.days], set_day)
        if len(of.axes) > 2:
            pairs = [
                (f"{i},{k}", f"{of.axes[i]} and {of.axes[k]}")
                for i in range(len(of.axes))
                for k in range(i + 1, len(of.axes))
            ]
            widgets.select("Axes", axes, pairs, set_axes)
    if table.empty:
        widgets.paragraph("No run of this folder is finished yet.")
        return
    chosen = [int(k) for k in axes.split(",")]
    widgets.html(of.picture(table, word, kind, chosen), classes=["ta-scroll"])
    told = f"{len(table):,} points, {of.replicates(table)} replicate(s) each. A place without a number has no finished run, or a level that no laboratory sees."
    if len(of.axes) > 2:
        told += " Each cell is the mean over the other axes."
    widgets.paragraph(told, "ta-unit")


def _summary(of: SweepStore, day: int) -> pd.DataFrame | TestisError:
    """Return a folder's summary, or what is wrong with it: a component calls its hooks whatever comes."""
    try:
        return of.summary(day)
    except TestisError as error:
        return error


# ---- studies


@solara.component
def Study() -> None:  # noqa: N802
    """Replay a shipped study, observed beside predicted."""
    from testis_abm.studies import known, load_study

    titles = solara.use_memo(lambda: {name: load_study(path) for name, path in known().items()}, [])
    name, set_name = solara.use_state("shah_2021" if "shah_2021" in titles else next(iter(titles)))
    state, set_state = solara.use_state(("", ""))
    table, set_table = solara.use_state(None, eq=lambda a, b: a is b)
    task = solara.use_memo(lambda: Task("study of a session"), [])
    solara.use_effect(lambda: task.cancel, [])

    def choose(chosen: str) -> None:
        task.cancel()
        set_name(chosen)
        set_table(None)
        set_state(("", ""))

    def replay() -> None:
        set_table(None)
        set_state(("busy", "Replaying the study with its own selection, size and measurement …"))
        study = titles[name]

        def work(stop: threading.Event) -> None:
            from testis_abm.studies.ensemble import shipped
            from testis_abm.studies.replay import replay as replayed

            try:
                with place(stop):
                    found = replayed(study, shipped(), sets=_SETS)
            except Stopped:
                return
            except TestisError as error:
                if not stop.is_set():
                    set_state(("wrong", str(error)))
                return
            except Exception:
                _log.exception("a study could not be replayed")
                if not stop.is_set():
                    set_state(("wrong", FAULT))
                return
            if not stop.is_set():
                set_table(found)
                set_state(("done", ""))

        task.start(work)

    study = titles[name]
    widgets.heading("Published study, replayed")
    widgets.select("Study", name, [(key, f"{of.title} ({of.citation})"[:110]) for key, of in titles.items()], choose)
    arms = "; ".join(
        f"{of.name}: {', '.join(f'{t.drug} {t.dose:g} {t.dose_unit}' for t in of.therapy) or 'untreated'}"
        for of in study.arm
    )
    widgets.paragraph(
        f"{study.n} men per arm, {study.duration_days:g} days. {arms}.{f' doi:{study.doi}' if study.doi else ''}"
    )
    phase, told = state
    with solara.Div(classes=["ta-row"]):
        widgets.button("Replay", replay, main=True, disabled=phase == "busy")
        widgets.button("Cancel", lambda: (task.cancel(), set_state(("", ""))), disabled=phase != "busy")
    if told:
        widgets.note(told, wrong=phase == "wrong")
    if table is not None:
        widgets.html(_key())
        rows: list[Mapping[str, Any]] = table.to_dict("records")
        widgets.html(charts.intervals(rows), classes=["ta-scroll"])
        shown = pd.DataFrame(
            {
                "observed": table["observed"],
                "predicted": table["predicted"],
                "low": table["low"],
                "high": table["high"],
                "inside": np.where(table["inside"], "yes", "no"),
            },
            dtype=object,
        )
        shown.index = pd.Index([f"{of['label']} ({of['unit']})" if of["unit"] else of["label"] for of in rows])
        caption = "95 % interval over men, measurement, parameters and between-study heterogeneity."
        widgets.table(shown, caption, "observation")


def _key() -> str:
    swatch = '<svg class="ta-swatch" viewBox="0 0 26 10" aria-hidden="true">{}</svg>'
    rows = (
        ('<path class="ta-mark" d="M13 0l5 5l-5 5l-5 -5z"/>', "observed, inside the interval"),
        ('<path class="ta-mark ta-outside" d="M13 1l4 4l-4 4l-4 -4z"/>', "observed, outside"),
        (
            '<line class="ta-interval" x1="3" x2="23" y1="5" y2="5"/><circle class="ta-predicted" cx="13" cy="5" r="4"/>',
            "predicted, 95 % interval",
        ),
    )
    return f'<div class="ta-legend">{"".join(f"<span>{swatch.format(mark)}{text}</span>" for mark, text in rows)}</div>'
