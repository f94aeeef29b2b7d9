"""The answer of a run: a sentence and one large chart of the outcome that is asked for; then levels, reasons, and all charts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import escape

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm.app import cards, charts, draft, widgets
from testis_abm.app.fold import Fold
from testis_abm.app.progress import OVER_MODELS, Progress
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.choices import ARMS, TREATED
from testis_abm.man.injuries import left_out
from testis_abm.pictures import chart, courses, screen
from testis_abm.quantities import unit_system
from testis_abm.results import plausible, report, verdict
from testis_abm.results.run import Run
from testis_abm.results.summary import over_models, summarise
from testis_abm.results.treatment import Treatment
from testis_abm.scenario import Scenario
from testis_abm.support.outputs import SOFTWARE

_HELP = (
    "Choose a man, add one or more drugs, press Run. Each run simulates his Leydig, Sertoli and germ cells day by day within the "
    "feedback of his hormones, and beside him his untreated control (counterfactual): the same man, paired by common random numbers."
)
_WHY_BEFORE = "The reason (Why) is worded in the units of the page when it was run; run it again for the present ones."
_DESK = 600  # pixels of the chart, from which on the first group is open
_MODELS = "90 % over plausible models, end of treatment"


@solara.component
@in_its_units
def Answer(session: Session, said: draft.Understanding) -> None:  # noqa: N802
    """Show what the run has brought so far, the chosen outcome first."""
    column, width = session.outcome.value, session.width.value
    progress, result = session.progress.value, session.progress.value.result
    if said.scenario is not None and not said.scenario.treated and result is None:
        widgets.paragraph(_HELP)
    if progress.phase == "failed":
        widgets.note(progress.text, wrong=True)
    if result is None:
        return
    done = progress.phase == "done"
    v.Html(tag="h2", class_="ta-asked", children=[result.title])
    if result.scenario != said.scenario:
        widgets.note(widgets.EARLIER)
        _timeline(result.scenario)
    summary = summarise(result) if done else None
    with v.Html(tag="div", class_="ta-verdict", attributes={"role": "status"}):
        _verdict(result, progress, summary, column)
    arms = [replace(arm, name=result.called(arm.arm)) for arm in courses.arms_of(result)]
    about = _about(result)
    panel = courses.outcome(arms, column).clinical()
    with solara.Div(classes=["ta-outcome"]):
        widgets.select("Outcome", column, list(courses.outcomes().items()), session.choose_outcome)
        if done:
            _keep(session, result)
    charts.Hero(session, panel, about)
    widgets.html(_legend(result, panel))
    if summary is not None:
        widgets.html(cards.shown(result, summary), classes=["ta-facts"])
        _reasons(result, progress)
        _hangs(result)
    for k, (title, panels) in enumerate(courses.GROUPS.items()):
        if done or title in ("Hormones", "Semen"):  # what is sent while it runs
            Fold(session, title, _group(session, panels, arms, about), k == 0 and width >= _DESK).key(title)
    if summary is not None:
        Fold(session, "All levels as a table", lambda: _table(result, summary), False).key("levels")


def _group(
    session: Session,
    panels: Callable[[list[courses.Arm]], list[chart.Panel]],
    arms: list[courses.Arm],
    about: charts.About,
) -> Callable[[], None]:
    def show() -> None:
        of_group = panels(arms)
        charts.grid(session, of_group, about)
        if limits := screen.sources(of_group):
            widgets.paragraph(limits, "ta-small-text")

    return show


# ---- the answer


def _verdict(result: Run, progress: Progress, summary: pd.DataFrame | None, column: str) -> None:
    """Show the sentence, what makes the change, and how far plausible models are."""
    if summary is None:
        widgets.paragraph("The answer follows when the run has ended." if progress.busy else progress.text, "ta-lead")
        return
    waiting = progress.models == OVER_MODELS
    if column in set(summary["column"]):
        widgets.paragraph(verdict.sentence(result, summary, column, waiting=waiting), "ta-lead")
        if made_of := verdict.made_of(result, summary, column):
            widgets.paragraph(made_of)
    else:
        label = courses.outcomes()[column]
        widgets.paragraph(
            f"{label}: the chart shows its course; its change is not summed up in an interval.", "ta-lead"
        )
    if progress.models and not waiting:
        widgets.note(progress.models)
    if left := left_out(result.scenario):
        widgets.paragraph(left, "ta-small-text")


def _timeline(scenario: Scenario) -> None:
    """Show the treatments of a scenario over its days."""
    days = -float(scenario.plan.baseline_days), float(scenario.plan.duration_days)
    widgets.html(screen.plan(courses.spans(scenario), days))


def _about(result: Run) -> charts.About:
    """Return what a figure of the run says beside its chart."""
    plan, band = result.scenario.plan, chart.band(result.scenario.plan.replicates)
    version = result.provenance.get("versions", {}).get(SOFTWARE, "")
    made = f"{SOFTWARE} {version}".strip() + f", {report.counted(plan.replicates)}, seed {plan.seed}."
    notes = [f"{made} Band: {band}, the same man." if band else made]
    if result.plausible is not None:
        notes.append(f"Bars at the end of treatment: 90 % interval. {plausible.basis(result.plausible)}")
    return charts.About(result.title, courses.spans_given(result), tuple(notes))


def _legend(result: Run, panel: chart.Panel) -> str:
    extra = [("ta-dot", "sample as measured")] if any(curve.dots is not None for curve in panel.curves) else []
    extra += [("ta-limit", "reference limit")] if panel.reference else []
    if panel.whiskers:
        extra.insert(0, ("ta-whisker", _MODELS))
    if (band := chart.band(result.scenario.plan.replicates)) and any(curve.low is not None for curve in panel.curves):
        extra.insert(0, ("ta-band", f"{band} (the same man)"))
    if panel.marks:
        extra.append(("ta-mark", "published value"))
    return screen.legend([result.called(arm) for arm in result.arms], extra)


def _keep(session: Session, result: Run) -> None:
    """Offer to keep a run as an arm, named by what tells it from others of the man: his treatments, or his title without any."""
    labels = dict.fromkeys(span.label for span in courses.spans(result.scenario))
    given = " + ".join(labels) or f"{result.title}, untreated"
    with solara.Div(classes=["ta-row"]):
        widgets.button("Keep as an arm to compare", lambda: session.keep(given, result), small=True)
        names = [name for name, kept in session.kept.value if kept is result]
        if names:
            text = f"Kept as “{'”, “'.join(names)}”, under “Compare”."
            v.Html(tag="span", class_="ta-unit", children=[text], attributes={"role": "status"})


# ---- why, and all levels


def _reasons(result: Run, progress: Progress) -> None:
    """Show the reason, flags, probabilities, decisions and warnings, each behind its name."""
    rows = "".join(f"<dt>{head}</dt><dd>{text}</dd>" for head, text in map(_headed, _texts(result)))
    if rows:
        widgets.html(rows, tag="dl", classes=["ta-reasons"])
    if progress.units != unit_system() and re.search("(ng|pg|nmol|pmol)/", report.why(result)):
        widgets.paragraph(_WHY_BEFORE, "ta-small-text")


def _texts(result: Run) -> Iterator[str]:
    treatment = Treatment.of(result)
    texts = (
        report.why(result),
        report.flags(result, treatment),
        report.chances(result, treatment),
        report.decisions(result),
    )
    yield from (" ".join(re.sub(r"(?<=\w)-\n\s+", "-", text).split()) for text in texts if text)
    yield from filter(None, report.warnings(result).replace("\n     ", " ").split("\n"))


def _headed(text: str) -> tuple[str, str]:
    """Return the name before the first colon of a text, and the rest, as HTML."""
    head, _, rest = text.partition(": ")
    return escape(head), escape(rest)


def _hangs(result: Run) -> None:
    """Show the changes under each answer to what the data do not decide, if there are several."""
    if result.plausible is not None and TREATED in result.arms and result.plausible["question"].any():
        rows = plausible.by_answer(result.plausible, TREATED, ("daily_production_million_g", *plausible.SPERM))
        widgets.by_answer(rows, f"Change, % (90 % interval). {plausible.basis(result.plausible)}")


def _changes(summary: pd.DataFrame) -> list[tuple[str, str]]:
    return [
        report.change(row.change_pct, row.low_pct, row.high_pct, int(row.replicates)) for row in summary.itertuples()
    ]


def _table(result: Run, summary: pd.DataFrame) -> None:
    if "treated" in summary:
        changes, intervals = zip(*_changes(summary), strict=True)
        columns = {result.called(arm): summary[arm].to_numpy() for arm in ARMS}
        columns |= {"change": changes, "95 % interval": [interval.strip("()") for interval in intervals]}
    else:
        columns = {"mean": summary["mean"].to_numpy(), "spread": summary["sd"].to_numpy()}
    if result.plausible is not None:
        unit = "_pct" if "treated" in summary else ""
        columns["plausible models, 90 %"] = [over_models(row, unit) for row in summary.itertuples()]
    rows = pd.DataFrame(columns, index=courses.headings(summary), dtype=object)
    widgets.table(rows, " ".join(report.basis(result, Treatment.of(result), summary).split()), "quantity")
