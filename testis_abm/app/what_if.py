"""What if: choose a man, a treatment and a time; watch what it does to him beside his untreated control."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm.app import charts, draft, form, widgets
from testis_abm.app.labs import Labs, Matched
from testis_abm.app.session import Progress, Session
from testis_abm.app.units import in_its_units
from testis_abm.choices import ARMS, TREATED
from testis_abm.man.injuries import left_out
from testis_abm.pictures import chart, courses, screen
from testis_abm.quantities import unit_system
from testis_abm.results import plausible, report
from testis_abm.results.run import Run
from testis_abm.results.summary import over_models, summarise
from testis_abm.results.treatment import Treatment
from testis_abm.scenario import Scenario

_WHY_BEFORE = "The reason (Why) is worded in the units of the page when it was run; run it again for the present ones."
_HELP = (
    "Choose a man, add one or more drugs, press Run. Each run simulates his Leydig, Sertoli and germ cells day by day within the "
    "feedback of his hormones, and beside him his untreated control (counterfactual): the same man, paired by common random numbers."
)


@solara.component
@in_its_units
def WhatIf(session: Session) -> None:  # noqa: N802
    """Show the controls beside what they bring."""
    now = session.draft.value
    said = solara.use_memo(lambda: draft.understood(now), [now, session.units.value])
    with solara.Div(classes=["ta-split"]):
        with v.Html(tag="section", attributes={"aria-label": "Scenario"}):
            form.man(session, said)
            Labs(session)
            form.treatment(session, said)
            form.injury(session, said)
            form.plan(session, said)
            form.extras(session, said)
        with v.Html(tag="section", attributes={"aria-label": "Results"}):
            Results(session, said)


@solara.component
@in_its_units
def Results(session: Session, said: draft.Understanding) -> None:  # noqa: N802
    """Show who matches laboratory values, and what the run has brought so far."""
    progress, result = session.progress.value, session.progress.value.result
    if said.scenario is not None and not said.scenario.treated and result is None:
        widgets.paragraph(_HELP)
    Matched(session, said)
    if progress.phase == "failed":
        widgets.note(progress.text, wrong=True)
    if result is None:
        return
    v.Html(tag="h2", children=[result.title])
    if result.scenario != said.scenario:
        widgets.note(widgets.EARLIER)
        _timeline(result.scenario)
    done = progress.phase == "done"
    if done:
        _effects(result)
        _over_models(result, progress.models)
        _reasons(result, progress)
        _keep(session, result)
    arms = [replace(arm, name=result.called(arm.arm)) for arm in courses.arms_of(result)]
    widgets.html(_legend(result))
    _charts(session, "Hormones", courses.hormones(arms))
    _charts(session, "Semen", courses.semen(arms))
    if done:
        _charts(session, "Tissue", courses.production(arms))
        _charts(session, "Safety and outcome", courses.safety(arms))
        _table(result)


def _timeline(scenario: Scenario) -> None:
    """Show the treatments of a scenario over its days."""
    days = -float(scenario.plan.baseline_days), float(scenario.plan.duration_days)
    widgets.html(screen.timeline(courses.spans(scenario), days), classes=["ta-scroll"])


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


def _legend(result: Run) -> str:
    extra = [("ta-dot", "sample as measured"), ("ta-limit", "reference limit")]
    if band := chart.band(result.scenario.plan.replicates):
        extra.insert(0, ("ta-band", band))
    if result.scenario.observed:
        extra.append(("ta-mark", "published value"))
    return screen.legend([result.called(arm) for arm in result.arms], extra)


def _charts(session: Session, title: str, panels: list[chart.Panel]) -> None:
    widgets.heading(title)
    charts.grid(session, panels)
    if limits := screen.sources(panels):
        widgets.paragraph(limits, "ta-unit")


def _changes(summary: pd.DataFrame) -> list[tuple[str, str]]:
    return [
        report.change(row.change_pct, row.low_pct, row.high_pct, int(row.replicates)) for row in summary.itertuples()
    ]


def _effects(result: Run) -> None:
    """Show the headline figures of a treatment."""
    summary = summarise(result)
    if "treated" not in summary:
        return
    shown = summary.loc[[name for name in courses.headline(result) if name in summary.index]]
    facts = [
        f'<div class="ta-fact" data-name="{row.Index}"><span>{escape(heading)}</span>'
        f"<b>{report.number(row.untreated)} → {report.number(row.treated)}</b><span>{' '.join(change)}</span>"
        f"{_plausible(over_models(row, '_pct'))}</div>"
        for row, heading, change in zip(shown.itertuples(), courses.headings(shown), _changes(shown), strict=True)
    ]
    widgets.html("".join(facts), classes=["ta-facts"])


def _plausible(interval: str) -> str:
    return f"<span>plausible: {interval}</span>" if interval else ""


def _over_models(result: Run, how_far: str) -> None:
    """Show whether the sign of the effect on sperm hangs on what the data do not decide."""
    if how_far:
        widgets.note(how_far)
    if left := left_out(result.scenario):
        widgets.paragraph(left)
    if result.plausible is None or TREATED not in result.arms:
        return
    (verdict,) = plausible.verdicts(result.plausible, TREATED, plausible.SPERM[:1])
    widgets.paragraph(f"Over plausible models: {verdict[0].lower()}{verdict[1:]}")
    if result.plausible["question"].any():
        rows = plausible.by_answer(result.plausible, TREATED, ("daily_production_million_g", *plausible.SPERM))
        widgets.by_answer(rows, f"Change, % (90 % interval). {plausible.basis(result.plausible)}")


def _reasons(result: Run, progress: Progress) -> None:
    """Show the reason, flags, probabilities, decisions and warnings."""
    treatment = Treatment.of(result)
    texts = (
        report.why(result),
        report.flags(result, treatment),
        report.chances(result, treatment),
        report.decisions(result),
        report.warnings(result),
    )
    for text in filter(None, texts):
        widgets.paragraph(" ".join(text.split()), "ta-why" if text.startswith("Why") else "")
    if progress.units != unit_system() and re.search("(ng|pg|nmol|pmol)/", report.why(result)):
        widgets.paragraph(_WHY_BEFORE, "ta-unit")


def _table(result: Run) -> None:
    summary = summarise(result)
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
    with v.Html(tag="details", attributes={"open": True}):
        v.Html(tag="summary", children=["All levels as a table"])
        widgets.table(rows, " ".join(report.basis(result, Treatment.of(result), summary).split()), "quantity")
