"""What if: choose a man, a treatment and a time; watch what it does to him beside his untreated control."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from typing import Any

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm import parameters
from testis_abm.app import charts, courses, draft, widgets
from testis_abm.app.labs import Labs, Matched
from testis_abm.app.session import Progress, Session
from testis_abm.quantities import ASSAYS
from testis_abm.results import report
from testis_abm.results.run import Run
from testis_abm.results.summary import summarise
from testis_abm.results.treatment import Treatment
from testis_abm.scenario import Samples, Scenario

_CELLS = (
    ("dose", "Dose", "1 mg"),
    ("every", "Every", "once"),
    ("from", "Start day", "0"),
    ("until", "Stop day", "end"),
)
_MORE = (("over", "Infused over", "at once"), ("when", "Only when", "LH at day 0 < 5 IU/L"))
_WEIGHT = (("bmi", "BMI reached, kg/m²", "28"), ("from", "Start day", "0"), ("until", "Day reached", "180"))
_OFTEN = (
    ("1 day", "daily"),
    ("12 hours", "twice daily"),
    ("2 days", ""),
    ("3.5 days", "twice weekly"),
    ("7 days", "weekly"),
)
_CHANGE_OF_WEIGHT = "change of weight"
_SHOWN_EXTRAS = 20


@solara.component
def WhatIf(session: Session) -> None:  # noqa: N802
    """Show the controls beside what they bring, and Run where it is always seen."""
    now = session.draft.value
    said = solara.use_memo(lambda: draft.understood(now), [now])
    with solara.Div(classes=["ta-split", "ta-what"]):
        with v.Html(tag="section", attributes={"aria-label": "Scenario"}):
            _man(session, said)
            Labs(session)
            _treatment(session, said)
            _plan(session, said)
            _extras(session, said)
        _run_bar(session, said)
        with v.Html(tag="section", attributes={"aria-label": "Results"}):
            Results(session, said)


def _man(session: Session, said: draft.Understanding) -> None:
    now = session.draft.value
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Man")
        presets = [(preset.name, preset.title) for preset in parameters.presets().values()]
        match = session.match.value
        matched = match is not None and now["man"] == match.man.as_dict()
        widgets.select(
            "Start from",
            "" if matched else now["man"].get("preset", "fertile"),
            [("", draft.OF_LABS), *presets] if matched else presets,
            lambda name: session.change_man(draft.with_preset(session.draft.peek(), name)) if name else None,
            error=said.at("man", "preset"),
        )
        for slider in draft.SLIDERS[:2]:
            _slider(session, slider, said)
        with v.Html(tag="details"):
            v.Html(tag="summary", children=["More of his physiology"])
            for slider in draft.SLIDERS[2:]:
                _slider(session, slider, said)


def _slider(session: Session, of: draft.Slider, said: draft.Understanding) -> None:
    now = session.draft.value
    error = said.at("man", of.field)
    try:
        value: Any = of.shown(now)
        if error and of.factor != 1.0:
            known = parameters.physiology()[of.field]
            error = f"{value:g} % is out of range; allowed: {of.factor * known.low:g} to {of.factor * known.high:g} %"
    except ValueError:
        value = now["man"][of.field]
    widgets.slider(
        of.label,
        value,
        of.clamp(value),
        lambda got: session.draft.set(draft.with_slider(session.draft.peek(), of, got)),
        unit=of.unit,
        low=of.low,
        high=of.high,
        step=of.step,
        error=error,
    )


def _treatment(session: Session, said: draft.Understanding) -> None:
    now = session.draft.value
    count = sum(len(now.get(section, ())) for section in ("therapy", "weight"))
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Treatment")
        for index in range(len(now.get("therapy", ()))):
            _therapy(session, index, said)
        for index in range(len(now.get("weight", ()))):
            _weight(session, index, said)
        drugs = [(drug.name, drug.title) for drug in parameters.drugs().values()]
        options = [("", "Add a treatment …"), *drugs, (_CHANGE_OF_WEIGHT, "Weight loss or gain")]
        # The key makes a fresh control each time, so that it goes back to its first option.
        widgets.select("Add", "", options, lambda name: _add(session, name)).key(f"add-{count}")


def _add(session: Session, name: str) -> None:
    now = session.draft.peek()
    if name == _CHANGE_OF_WEIGHT:
        session.draft.value = draft.with_weight(now)
    elif name:
        session.draft.value = draft.with_therapy(now, name)


def _row(
    session: Session, said: draft.Understanding, section: str, index: int, cells: Sequence[tuple[str, str, str]]
) -> None:
    """Show text fields of a therapy or of a change of weight."""
    now = session.draft.value
    with solara.Div(classes=["ta-cells"]):
        for key, label, hint in cells:
            widgets.text_field(
                label,
                draft.cell(now, section, index, key),
                _typed(session, section, index, key),
                hint=hint,
                options=_OFTEN if key == "every" else (),
                error=said.at(section, index, key),
            )


def _typed(session: Session, section: str, index: int, key: str) -> Callable[[str], None]:
    return lambda text: session.draft.set(draft.with_cell(session.draft.peek(), section, index, key, text))


def _remove(session: Session, path: draft.Path, says: str) -> None:
    widgets.button(
        "Remove", lambda: session.draft.set(draft.without(session.draft.peek(), path)), small=True, says=says
    )


def _therapy(session: Session, index: int, said: draft.Understanding) -> None:
    row = session.draft.value["therapy"][index]
    drug = parameters.drugs().get(str(row.get("drug", "")))
    title = drug.title if drug else str(row.get("drug", ""))
    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[f"{index + 1}. {title}"])
        _row(session, said, "therapy", index, _CELLS)
        for key in ("drug", "adds", "route"):
            if error := said.at("therapy", index, key):
                widgets.paragraph(error, "ta-error")
        more = any(key in row for key in ("over", "when", "adds", "route"))
        with v.Html(tag="details", attributes={"open": True} if more else {}):
            v.Html(tag="summary", children=["Infusion, condition, route"])
            _row(session, said, "therapy", index, _MORE)
            if "when" in row or "adds" in row:
                widgets.select(
                    "While the condition holds, its doses",
                    "adds" if row.get("adds") else "",
                    [("", "replace those of the same drug above"), ("adds", "add to those of the same drug above")],
                    _typed(session, "therapy", index, "adds"),
                )
            routes = drug.routes if drug else ()
            if len(routes) > 1 or "route" in row:
                known = [(route, route.replace("_", " ")) for route in routes]
                widgets.select(
                    "Route",
                    str(row.get("route", routes[0] if routes else "")),
                    known,
                    _typed(session, "therapy", index, "route"),
                )
        with solara.Div(classes=["ta-row"]):
            _remove(session, ("therapy", index), f"Remove therapy {index + 1}, {title}")
            v.Html(tag="span", class_="ta-unit", children=[f"Usual: {drug.usual}." if drug else ""])


def _weight(session: Session, index: int, said: draft.Understanding) -> None:
    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[f"Weight change {index + 1}"])
        _row(session, said, "weight", index, _WEIGHT)
        with solara.Div(classes=["ta-row"]):
            _remove(session, ("weight", index), f"Remove weight change {index + 1}")


def _plan(session: Session, said: draft.Understanding) -> None:
    now = session.draft.value
    plan = now["plan"]

    def change_to(key: str) -> Callable[[str], None]:
        def set_to(text: str) -> None:
            value: Any = int(text) if re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else text
            session.draft.set(draft.with_entry(session.draft.peek(), value, "plan", key))

        return set_to

    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Plan")
        widgets.text_field(
            "Title",
            now.get("title", ""),
            lambda text: session.draft.set(draft.with_entry(session.draft.peek(), text, "title")),
            error=said.at("title"),
        )
        with solara.Div(classes=["ta-cells"]):
            widgets.text_field(
                "Duration",
                plan.get("duration", ""),
                lambda text: session.draft.set(draft.with_duration(session.draft.peek(), text)),
                error=said.at("plan", "duration"),
                hint="9 months",
            )
            for key, label in (("baseline", "Baseline period"), ("replicates", "Replicates"), ("seed", "Random seed")):
                widgets.text_field(label, plan.get(key, ""), change_to(key), error=said.at("plan", key))
        known = list(ASSAYS.items())
        widgets.select(
            "Assay of serum E2",
            now.get("samples", {}).get("assay", Samples().assay),
            known,
            lambda name: session.draft.set(draft.with_assay(session.draft.peek(), name)),
            error=said.at("samples", "assay"),
        )


def _extras(session: Session, said: draft.Understanding) -> None:
    """List what a file or a preset has brought and no field shows, each with a button that removes it."""
    found = draft.extras(session.draft.value)
    if not found:
        return
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("From the file or preset")
        for extra in found[:_SHOWN_EXTRAS]:
            with solara.Div(classes=["ta-extra"]):
                widgets.paragraph(extra.text)
                if error := said.at(*extra.path):
                    widgets.paragraph(error, "ta-error")
                _remove(session, extra.path, f"Remove {extra.text}")
        if len(found) > _SHOWN_EXTRAS:
            widgets.paragraph(f"… and {len(found) - _SHOWN_EXTRAS} more.", "ta-unit")
        if len(found) > 1:
            widgets.button(
                "Remove all of these", lambda: session.draft.set(draft.without_extras(session.draft.peek())), small=True
            )


def _run_bar(session: Session, said: draft.Understanding) -> None:
    """Show Run, Cancel and how far the run is, at the lower edge of the window wherever the page is scrolled."""
    progress = session.progress.value
    with v.Html(tag="div", class_="ta-run", attributes={"role": "region", "aria-label": "Run"}):
        ready = said.scenario is not None and not said.problems
        # Not disabled while it runs: a button that is, loses the keyboard.
        widgets.button(
            "Run",
            lambda: session.run(said.scenario) if said.scenario and not session.progress.peek().busy else None,
            main=True,
            disabled=not ready,
        )
        widgets.button("Cancel", session.cancel, disabled=not progress.busy)
        with solara.Div(classes=["ta-run-said"]):
            if said.problems:
                more = f" (and {len(said.lines) - 1} more)" if len(said.lines) > 1 else ""
                widgets.note(said.lines[0] + more, wrong=True)
            for text in said.notes:
                widgets.note(text)
            _state(progress)


@solara.component
def Results(session: Session, said: draft.Understanding) -> None:  # noqa: N802
    """Show the plan of the form, who matches laboratory values, and what the run has brought so far."""
    progress, written = session.progress.value, said.scenario
    result = progress.result
    _form(said)
    Matched(session, said)
    if progress.phase == "failed":
        widgets.note(progress.told, wrong=True)
    if result is None:
        return
    v.Html(tag="h2", children=[result.title])
    if result.scenario != written:
        widgets.note(widgets.EARLIER)
        widgets.html(charts.timeline(*spans(result.scenario)), classes=["ta-scroll"])
    done = progress.phase == "done"
    if done:
        _said(result)
        with solara.Div(classes=["ta-row"]):
            widgets.button("Keep as an arm to compare", lambda: session.keep(_given(result), result), small=True)
            names = [name for name, kept in session.kept.value if kept is result]
            if names:
                text = f"Kept as “{'”, “'.join(names)}”, under “Compare”."
                v.Html(tag="span", class_="ta-unit", children=[text], attributes={"role": "status"})
    arms = courses.arms_of(result)
    widgets.html(_legend(result))
    _charts("Hormones", courses.hormones(arms))
    _charts("Semen", courses.semen(arms))
    if done:
        _charts("Tissue", courses.tissue(arms))
        _charts("Safety and outcome", courses.safety(arms))
        _table(result)


def _state(progress: Progress) -> None:
    if progress.phase in ("idle", "failed"):
        return
    with solara.Div(attributes={"role": "status", "data-phase": progress.phase}):
        first = f"; first results after {progress.first:.2f} s" if progress.phase == "done" and progress.first else ""
        widgets.paragraph(progress.told + first)
    if progress.busy:
        bar = f'<div style="width:{100 * progress.share:.0f}%"></div>'
        widgets.html(
            bar,
            classes=["ta-bar-line"],
            role="progressbar",
            aria_label="Progress",
            aria_valuenow=f"{100 * progress.share:.0f}",
            aria_valuemin="0",
            aria_valuemax="100",
        )


def _form(said: draft.Understanding) -> None:
    """Show the plan that the form describes, whatever was run last."""
    widgets.heading("The plan in the form")
    if said.scenario is None:
        widgets.note("\n".join(said.lines), wrong=True)
        return
    if not said.scenario.treated:
        widgets.paragraph(
            "Choose a man, add one or more drugs, press Run. Each run simulates his Leydig, Sertoli and germ cells day by day within the "
            "feedback of his hormones, and beside him his untreated control (counterfactual): the same man, paired by common random numbers."
        )
    widgets.html(charts.timeline(*spans(said.scenario)), classes=["ta-scroll"])


def _bars(scenario: Scenario, last: float) -> list[tuple[str, float, float]]:
    from testis_abm.pictures.data import spans as of_plan

    return [(of.label, of.start, of.end) for of in of_plan(scenario, last)]


def spans(scenario: Scenario) -> tuple[list[tuple[str, float, float]], tuple[float, float]]:
    """Return the treatments of a scenario as bars, and its first and last day."""
    last = float(scenario.plan.duration_days)
    return _bars(scenario, last), (-float(scenario.plan.baseline_days), last)


def _given(result: Run) -> str:
    """Return what tells a run from others of the man: his treatments, or his title without any."""
    labels = dict.fromkeys(label for label, _, _ in spans(result.scenario)[0])
    return " + ".join(labels) or f"{result.title}, untreated"


def _legend(result: Run) -> str:
    extra = [("ta-dot", "sample as measured"), ("ta-limit", "reference limit")]
    if result.scenario.plan.replicates > 1:
        extra.insert(0, ("ta-band", "range of replicates"))
    if result.scenario.observed:
        extra.append(("ta-mark", "published value"))
    return charts.legend(result.arms, extra)


def _charts(title: str, panels: list[charts.Panel]) -> None:
    widgets.heading(title)
    widgets.html(charts.grid(panels))
    if limits := charts.sources(panels):
        widgets.paragraph(limits, "ta-unit")


def _said(result: Run) -> None:
    """Show the headline figures, the reason, flags and probabilities."""
    treatment = Treatment.of(result)
    summary = summarise(result)
    if treatment is not None:
        facts = []
        shown = summary.loc[[name for name in courses.headline(result) if name in summary.index]]
        for row, heading in zip(shown.itertuples(), courses.headings(shown)):
            text = " ".join(report.change(row.change_pct, row.low_pct, row.high_pct, int(row.replicates)))
            facts.append(
                f'<div class="ta-fact" data-name="{row.Index}"><span>{escape(heading)}</span>'
                f"<b>{report.number(row.untreated)} → {report.number(row.treated)}</b><span>{text}</span></div>"
            )
        widgets.html("".join(facts), classes=["ta-facts"])
    for head, text in (
        ("", report.why(result)),
        ("", report.flags(result, treatment)),
        ("", report.chances(result, treatment)),
    ):
        if text:
            told = " ".join(text.split())
            widgets.paragraph(head + told, "ta-why" if told.startswith("Why") else "")
    for text in (report.decisions(result), report.warnings(result)):
        if text:
            widgets.paragraph(" ".join(text.split()))


def _table(result: Run) -> None:
    summary = summarise(result)
    heading = courses.headings(summary)
    if "treated" in summary:
        changes = [
            report.change(row.change_pct, row.low_pct, row.high_pct, int(row.replicates))
            for row in summary.itertuples()
        ]
        rows = pd.DataFrame(
            {
                "untreated": summary["untreated"].to_numpy(),
                "treated": summary["treated"].to_numpy(),
                "change": [of[0] for of in changes],
                "95 % interval": [of[1].strip("()") for of in changes],
            },
            index=heading,
            dtype=object,
        )
    else:
        rows = pd.DataFrame(
            {"mean": summary["mean"].to_numpy(), "spread": summary["sd"].to_numpy()}, index=heading, dtype=object
        )
    with v.Html(tag="details", attributes={"open": True}):
        v.Html(tag="summary", children=["All levels as a table"])
        widgets.table(rows, " ".join(report.basis(result, Treatment.of(result), summary).split()), "quantity")
