"""The bar at the lower edge of every view: the plan that the form describes, Run, Cancel, and how far the run is."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, vue, widgets
from testis_abm.app.history import Step
from testis_abm.app.progress import Progress
from testis_abm.app.session import RUNS, Form, Session
from testis_abm.app.units import in_its_units
from testis_abm.pictures import courses, screen


@solara.component
@in_its_units
def Bar(session: Session) -> None:  # noqa: N802
    """Show the plan of the form, whatever was run last, and what runs it."""
    now, progress = session.draft.value, session.progress.value
    said = solara.use_memo(lambda: draft.understood(now), [now, session.units.value])
    scenario = None if said.problems else said.scenario

    def run() -> None:
        if scenario is not None and not session.progress.peek().busy:
            session.run(scenario)

    with v.Html(tag="div", class_="ta-bar", attributes={"role": "region", "aria-label": "Plan and run"}):
        with solara.Div(classes=["ta-bar-buttons"]):
            # Not disabled while it runs: a button that is, loses the keyboard.
            widgets.button("Run", run, main=True, disabled=scenario is None)
            widgets.button("Cancel", session.cancel, disabled=not progress.going)
            _step("Undo", session.undo, session.history.value.back)
            _step("Redo", session.redo, session.history.value.forth)
        with solara.Div(classes=["ta-bar-plan"]):
            if said.scenario is not None:
                plan = said.scenario.plan
                times = "replicate" if plan.replicates == 1 else "replicates"
                title = f"{said.scenario.title} · {plan.duration_days} days, {plan.replicates} {times}"
                widgets.paragraph(title, "ta-bar-man")
                days = -float(plan.baseline_days), float(plan.duration_days)
                widgets.html(screen.plan(courses.spans(said.scenario), days))
        with solara.Div(classes=["ta-bar-said"]):
            if said.problems or said.scenario is None:
                more = f" (and {len(said.lines) - 1} more)" if len(said.lines) > 1 else ""
                widgets.note(said.lines[0] + more, wrong=True)
            for text in said.notes:
                widgets.note(text)
            _state(progress)
            if progress.result is not None:
                _Jump(here=session.tab.value == RUNS, event_asked=lambda _: session.tab.set(RUNS))


@vue.component("jump")
def _Jump(here: bool, event_asked: Callable[[object], None]) -> None:  # noqa: N802
    """Show a button that brings the results into sight; `here`: they are in the view that is shown."""


def _step(label: str, take: Callable[[], None], steps: Sequence[Step[Form]]) -> None:
    """Show the button of a step back or forth, which says what it is."""
    about = f"{label}: {steps[-1].name}" if steps else f"{label}: nothing"
    widgets.button(label, take, small=True, disabled=not steps, about=about)


def _state(progress: Progress) -> None:
    if progress.phase in ("idle", "failed"):
        return
    with solara.Div(attributes={"role": "status", "data-phase": progress.phase}):
        first = f"; first results after {progress.first:.2f} s" if progress.phase == "done" and progress.first else ""
        widgets.paragraph(progress.text + first)
    if progress.busy:
        share = f"{100 * progress.share:.0f}"
        values = {"aria_valuenow": share, "aria_valuemin": "0", "aria_valuemax": "100"}
        bar, classes = f'<div style="width:{share}%"></div>', ["ta-bar-line"]
        widgets.html(bar, classes=classes, role="progressbar", aria_label="Progress", **values)
