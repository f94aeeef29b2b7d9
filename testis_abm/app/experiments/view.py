"""The view of experiments: a form of each kind, the visitor's jobs, and what they brought."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, own_code, results, share, vue, widgets
from testis_abm.app.experiments import estimate, forms
from testis_abm.app.experiments.asked import Asked, Field, Kept
from testis_abm.app.jobs import desk as desks
from testis_abm.app.jobs import folders, limits
from testis_abm.app.jobs.bench import Bench, Row, can_be_shown
from testis_abm.app.jobs.job import DONE, FAILED, QUEUED, RUNNING, STOPPED, size
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.experiments.opened import COMPARE, SENSITIVITY, STUDIES, SURFACE, SWEEP, TRIAL
from testis_abm.scenario import Scenario
from testis_abm.support import files
from testis_abm.support.errors import TestisError

_USUAL = "dose"
_LEAST = 50_000  # bytes of a job that are worth telling
_LARGEST = 1_000_000  # bytes of an experiment file
_STATES = {QUEUED: "Waiting", RUNNING: "Running", DONE: "Done", FAILED: "Failed", STOPPED: "Stopped"}
_NO_JOBS = (
    "No experiment has run yet. One that you run goes on when the page is closed; this browser finds it again here "
    f"for {limits.KEPT_DAYS} days."
)


@vue.component("visitor")
def _Browser(visitor: str, event_visited: Callable[[object], None]) -> None:  # noqa: N802
    """Report the secret of its visitor that the browser keeps, and keep `visitor` from then on."""


@solara.component
@in_its_units
def Experiments(session: Session) -> None:  # noqa: N802
    """Show the form of a kind of experiment, and the visitor's jobs with their results."""
    solara.use_effect(session.bench.follow, [])
    _Browser(visitor=session.bench.token.value, event_visited=session.bench.admit)
    with solara.Div(classes=["ta-split", "ta-bench"]):
        with v.Html(tag="section", attributes={"aria-label": "New experiment"}):
            _New(session)
        with v.Html(tag="section", attributes={"aria-label": "Results of experiments"}):
            _Jobs(session)
            _Looked(session)


# ---- the form


@solara.component
@in_its_units
def _New(session: Session) -> None:  # noqa: N802
    """Show the form of a kind of experiment."""
    bench, now = session.bench, session.draft.value
    form = bench.typed.value.get("form", _USUAL)
    form = form if form in forms.FORMS else _USUAL
    of = forms.FORMS[form]
    said = solara.use_memo(lambda: draft.understood(now), [now, session.units.value])
    scenario = None if said.problems else said.scenario
    widgets.heading("New experiment")
    kinds = [(name, one.label) for name, one in forms.FORMS.items()]
    widgets.select("Kind", form, kinds, lambda chosen: bench.type("form", chosen))
    widgets.paragraph(of.help, "ta-unit")
    if scenario is None:
        widgets.note("The form under “What if” has errors; correct them first.", wrong=True)
        return
    if form != "study":
        plan = scenario.plan
        widgets.paragraph(f"Starts from the form: {scenario.title}, {plan.duration_days} days.", "ta-bench-from")
    _Fields(session, form, scenario).key(form)


@solara.component
@in_its_units
def _Fields(session: Session, form: str, scenario: Scenario) -> None:  # noqa: N802
    """Show the fields of a form, what they ask for, and what runs it."""
    bench, kept = session.bench, session.kept.value
    typed = bench.of_form(form)
    found = solara.use_memo(lambda: _read(form, scenario, typed, kept), [form, scenario, typed, kept])
    fields, asked, problem = found
    engine = asked.size.engine if asked is not None else ""
    key = scenario, engine
    timed, pace = bench.pace.value
    solara.use_effect(lambda: bench.time(*key, key) if engine and key != timed else None, [scenario, engine])
    with solara.Div(classes=["ta-cells", "ta-bench-fields"]):
        for field in fields:
            with solara.Div(classes=["ta-all"] if field.wide else []):
                _field(bench, form, field, typed)
    if problem:
        widgets.note(problem, wrong=True)
    if asked is not None and asked.note:
        widgets.paragraph(asked.note, "ta-unit")
    here, known = desks.desk().here, pace if timed == key else None
    ready = asked is not None and not problem and bool(bench.token.value)

    def run() -> None:
        if asked is not None and ready:
            own = own_code.given()
            bench.run(form, asked, estimate.alone(asked, known), own.path if own else "")

    if asked is not None:
        runs = f"{asked.size.runs:,} {asked.what}"
        text = estimate.about(estimate.seconds(asked, known, here)) if known is not None else "timing a run …"
        cores = estimate.cores(asked, known, here)
        of_cores = f" on {cores} cores" if cores > 1 and known is not None else ""
        widgets.paragraph(f"{runs}, {text}{of_cores}.", "ta-bench-estimate")
    with solara.Div(classes=["ta-row"]):
        widgets.button("Run experiment", run, main=True, disabled=not ready)
        if asked is not None:
            name = share.file_name(scenario).removesuffix(".toml") + f"-{form}.toml"
            widgets.download("Experiment file (TOML)", asked.file, name, "text/plain")
    if bench.fault.value:
        widgets.note(bench.fault.value, wrong=True)
    if asked is not None:
        with v.Html(tag="details"):
            v.Html(tag="summary", children=["The same in the shell"])
            v.Html(tag="pre", children=[forms.shell(asked, name)])


def _read(form: str, scenario: Scenario, typed: dict[str, str], kept: Kept) -> tuple[list[Field], Asked | None, str]:
    """Return the fields of a form, what they ask for if that can be told, and what is wrong with it."""
    try:
        fields = forms.FORMS[form].fields(scenario, typed, kept)
    except TestisError as error:
        return [], None, str(error)
    try:
        return fields, *forms.asked(form, scenario, typed, kept)
    except TestisError as error:
        return fields, None, str(error)


def _field(bench: Bench, form: str, field: Field, typed: dict[str, str]) -> None:
    def take(text: str) -> None:
        bench.type(f"{form}.{field.name}", text, [f"{form}.{name}" for name in field.resets])

    value = typed.get(field.name, field.value)
    if field.choice:
        known = {option for option, _ in field.options}
        widgets.select(field.label, value if value in known else field.value, field.options, take)
    else:
        widgets.text_field(field.label, value, take, options=field.options)


# ---- jobs


@solara.component
@in_its_units
def _Jobs(session: Session) -> None:  # noqa: N802
    """Show the visitor's jobs, the newest first, and the other folders that may be opened."""
    bench = session.bench
    rows = bench.rows.value
    widgets.heading("Your experiments")
    if not rows:
        widgets.paragraph(_NO_JOBS, "ta-unit")
    with v.Html(tag="ul", class_="ta-jobs"):
        for row in rows:
            _Job(bench, row, _looked(bench) == row.job.name).key(row.job.name)
    found = solara.use_memo(folders.found, [tuple((row.job.name, row.state) for row in rows)])
    if found:
        options = [("", "choose a results folder …")]
        options += [
            (one.name, f"{one.title[:70]} · {_KINDS.get(one.kind, one.kind)} · {_day(one.changed)}") for one in found
        ]
        shown = bench.shown.value if bench.shown.value in {name for name, _ in options} else ""
        widgets.select("Other results folders of this machine", shown, options, bench.shown.set)


_KINDS = {
    SWEEP: "sweep",
    COMPARE: "comparison",
    TRIAL: "trial",
    SENSITIVITY: "sensitivity",
    SURFACE: "surface",
    STUDIES: "study",
}


@solara.component
def _Job(bench: Bench, row: Row, chosen: bool) -> None:  # noqa: N802
    """Show a job: what it is, how far, and what can be done with it."""
    job, name = row.job, row.job.name
    label = forms.FORMS[job.form].label if job.form in forms.FORMS else job.kind
    bytes_ = solara.use_memo(lambda: size(job.folder), [name, row.state])
    classes = "ta-job ta-job-on" if chosen else "ta-job"
    with v.Html(tag="li", class_=classes, attributes={"data-state": row.state}):
        current = {"aria-current": "true"} if chosen else {}
        with solara.Div(classes=["ta-job-head"]):
            solara.Button(
                job.title,
                on_click=lambda: bench.shown.set(name),
                text=True,
                classes=["ta-job-title"],
                attributes=current,
            )
            with solara.Div(classes=["ta-job-do"]):
                if row.state in (QUEUED, RUNNING):
                    widgets.button("Cancel", lambda: bench.cancel(name), small=True, says=f"Cancel {job.title}")
                elif row.state != DONE:
                    widgets.button("Resume", lambda: bench.resume(name), small=True, says=f"Resume {job.title}")
                if row.state not in (QUEUED, RUNNING):
                    widgets.button("Remove", lambda: bench.remove(name), small=True, says=f"Remove {job.title}")
        text = f"{label} · {_STATES[row.state]}{_further(row)} · {_day(job.created)}{f' · {bytes_ / 1e6:.1f} MB' if bytes_ > _LEAST else ''}"
        widgets.paragraph(text, "ta-job-about")
        if row.state == RUNNING:
            share_ = f"{100 * row.progress.share:.0f}"
            values = {"aria_valuenow": share_, "aria_valuemin": "0", "aria_valuemax": "100"}
            line = f'<div style="width:{share_}%"></div>'
            widgets.html(
                line, classes=["ta-bar-line"], role="progressbar", aria_label=f"Progress of {job.title}", **values
            )
        if job.reason and row.state in (FAILED, STOPPED, DONE):
            v.Html(tag="p", class_="ta-job-reason", children=[job.reason])


def _further(row: Row) -> str:
    """Return how far a job is, in words."""
    now = row.progress
    if row.state == QUEUED:
        return ": it starts when there is room"
    if row.state != RUNNING:
        return ""
    if not now.total:
        return ": starting"
    what = f" {now.what}" if now.what == "plausible models" else ""
    left = f", {estimate.about(now.left)} left" if now.left is not None and now.done < now.total else ""
    return f": {now.done:,} of {now.total:,}{what}{left}" if now.done < now.total else ": working out the results"


def _day(seconds: float) -> str:
    """Return a time as the server's clock has it, without the year of today."""
    then, now = time.localtime(seconds), time.localtime()
    return time.strftime("%H:%M" if then[:3] == now[:3] else "%d %b %H:%M" if then[0] == now[0] else "%d %b %Y", then)


# ---- results


def _looked(bench: Bench) -> str:
    """Return the name of the job or folder that is looked at: the newest job until another is chosen."""
    rows = bench.rows.value
    return bench.shown.value or (rows[0].job.name if rows else "")


@solara.component
@in_its_units
def _Looked(session: Session) -> None:  # noqa: N802
    """Show the results of the job or folder that is looked at."""
    bench, name = session.bench, _looked(session.bench)
    if not name:
        return
    row = next((row for row in bench.rows.value if row.job.name == name), None)
    if row is not None:
        if can_be_shown(row):
            with solara.Div(classes=["ta-shown"], attributes={"data-shown": name}):
                results.show(session, row.job.results)
                _file(row)
        return
    _Folder(session, name).key(name)


@solara.component
@in_its_units
def _Folder(session: Session, name: str) -> None:  # noqa: N802
    """Show a results folder that is no job; nothing of a name that is none."""
    found = solara.use_memo(lambda: [one for one in folders.found() if one.name == name], [name])
    for one in found:
        with solara.Div(classes=["ta-shown"], attributes={"data-shown": name}):
            results.show(session, one.folder)


def _file(row: Row) -> None:
    """Show what made the results: the experiment file, and the command."""
    text = ""
    with contextlib.suppress(OSError, UnicodeDecodeError):  # it has gone, or was damaged
        text = files.content(row.job.experiment, _LARGEST).decode()
    if text:
        with solara.Div(classes=["ta-row"]):
            widgets.download("Experiment file of these results (TOML)", text, "experiment.toml", "text/plain")
