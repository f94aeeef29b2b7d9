"""What if: choose a man, a treatment and a time; watch what it does to him beside his untreated twin."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm import parameters
from testis_abm.app import charts, courses, draft, widgets
from testis_abm.app.labs import Labs
from testis_abm.app.session import Progress, Session
from testis_abm.results import report
from testis_abm.results.run_result import RunResult
from testis_abm.results.treatment import Treatment
from testis_abm.scenario import Scenario

_CELLS = (
    ("dose", "Dose", "1 mg"),
    ("every", "Every", "once"),
    ("from", "Start, day", "0"),
    ("until", "Stop, day", "end"),
)
_OFTEN = (
    ("1 day", "daily"),
    ("12 hours", "twice daily"),
    ("2 days", ""),
    ("3.5 days", "twice weekly"),
    ("7 days", "weekly"),
)
_HEADLINE = ("testosterone_ng_dl", "oestradiol_pg_ml", "testosterone_over_oestradiol", "lh_iu_l",
             "intratesticular_testosterone_ng_ml", "intratesticular_oestradiol_ng_ml", "expected_concentration_million_ml", "expected_total_motile_count_million")  # fmt: skip


@solara.component
def WhatIf(session: Session) -> None:  # noqa: N802
    """Show the controls beside what they bring."""
    now = session.draft.value
    said = solara.use_memo(lambda: draft.understood(now), [now])
    with solara.Div(classes=["ta-split"]):
        with v.Html(tag="section", attributes={"aria-label": "Scenario"}):
            _man(session, said)
            Labs(session)
            _treatment(session, said)
            _plan(session, said)
        with v.Html(tag="section", attributes={"aria-label": "Results"}):
            Results(session)


def _man(session: Session, said: draft.Understanding) -> None:
    now = session.draft.value
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Man")
        presets = [(of.name, of.title) for of in parameters.presets().values()]
        widgets.select(
            "Start from", now["man"].get("preset", "fertile"), presets,
            lambda name: session.draft.set(draft.with_preset(session.draft.peek(), name)), error=said.at("man", "preset"),
        )  # fmt: skip
        for of in draft.SLIDERS[:2]:
            _slider(session, of, said)
        with v.Html(tag="details"):
            v.Html(tag="summary", children=["More of his physiology"])
            for of in draft.SLIDERS[2:]:
                _slider(session, of, said)


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
        of.label, value, of.clamp(value), lambda got: session.draft.set(draft.with_slider(session.draft.peek(), of, got)),
        unit=of.unit, low=of.low, high=of.high, step=of.step, error=error,
    )  # fmt: skip


def _treatment(session: Session, said: draft.Understanding) -> None:
    now = session.draft.value
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Treatment")
        for index in range(len(now.get("therapy", ()))):
            _therapy(session, index, said)
        drugs = [("", "Add a drug …"), *((of.name, of.title) for of in parameters.drugs().values())]
        # The key makes a fresh control each time, so that it goes back to its first option.
        widgets.select(
            "Add",
            "",
            drugs,
            lambda name: session.draft.set(draft.with_therapy(session.draft.peek(), name)) if name else None,
        ).key(f"add-{len(now.get('therapy', ()))}")
        if now.get("weight"):
            told = "; ".join(f"to BMI {of.get('bmi')} until {of.get('until')}" for of in now["weight"])
            widgets.paragraph(f"Weight changes too: {told}.")


def _therapy(session: Session, index: int, said: draft.Understanding) -> None:
    now = session.draft.value
    row = now["therapy"][index]

    def change(key: str) -> Any:
        return lambda text: session.draft.set(draft.with_cell(session.draft.peek(), index, key, text))

    name = str(row.get("drug", ""))
    known = parameters.drugs()
    title = known[name].title if name in known else name
    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[f"{index + 1}. {title}"])
        with solara.Div(classes=["ta-cells"]):
            for key, label, hint in _CELLS:
                widgets.text_field(
                    label, draft.cell(now, index, key), change(key), hint=hint, options=_OFTEN if key == "every" else (),
                    error=said.at("therapy", index, key),
                )  # fmt: skip
        for key in ("drug", "route", "over", "adds"):
            if error := said.at("therapy", index, key):
                widgets.paragraph(error, "ta-error")
        if "when" in row or said.at("therapy", index, "when"):
            widgets.text_field(
                "Only when", row.get("when", ""), change("when"), error=said.at("therapy", index, "when")
            )
        usual = f"Usual: {known[name].usual}." if name in known else ""
        over = f" Over {row['over']}." if "over" in row else ""
        with solara.Div(classes=["ta-row"]):
            widgets.button(
                "Remove", lambda: session.draft.set(draft.without_therapy(session.draft.peek(), index)), small=True,
                says=f"Remove therapy {index + 1}, {title}",
            )  # fmt: skip
            v.Html(tag="span", class_="ta-unit", children=[usual + over])


def _plan(session: Session, said: draft.Understanding) -> None:
    now, progress = session.draft.value, session.progress.value
    plan = now["plan"]

    def change(key: str) -> Any:
        def set_to(text: str) -> None:
            value: Any = int(text) if re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else text
            session.draft.set(draft.with_entry(session.draft.peek(), value, "plan", key))

        return set_to

    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Time")
        with solara.Div(classes=["ta-cells"]):
            widgets.text_field(
                "Duration", plan.get("duration", ""), lambda text: session.draft.set(draft.with_duration(session.draft.peek(), text)),
                error=said.at("plan", "duration"), hint="9 months",
            )  # fmt: skip
            widgets.text_field(
                "Baseline before it", plan.get("baseline", ""), change("baseline"), error=said.at("plan", "baseline")
            )
            widgets.text_field(
                "Replicates", plan.get("replicates", ""), change("replicates"), error=said.at("plan", "replicates")
            )
            widgets.text_field("Seed of chance", plan.get("seed", ""), change("seed"), error=said.at("plan", "seed"))
        if said.problems:
            widgets.note("\n".join(said.lines), wrong=True)
        for told in said.notes:
            widgets.note(told)
        with solara.Div(classes=["ta-row"]):
            ready = said.scenario is not None and not said.problems
            # Not disabled while it runs: a button that is, loses the keyboard.
            widgets.button(
                "Run", lambda: session.run(said.scenario) if said.scenario and not session.progress.peek().busy else None, main=True,
                disabled=not ready,
            )  # fmt: skip
            widgets.button("Cancel", session.cancel, disabled=not progress.busy)


@solara.component
def Results(session: Session) -> None:  # noqa: N802
    """Show what the run has brought so far."""
    progress, now = session.progress.value, session.draft.value
    written = solara.use_memo(lambda: draft.understood(now).scenario, [now])
    _state(progress)
    result = progress.result
    if result is None:
        _welcome(written)
        return
    if result.scenario != written:
        widgets.paragraph("These results are of the scenario that was run; the form has changed since.", "ta-unit")
    done = progress.phase == "done"
    if done:
        _said(result)
        with solara.Div(classes=["ta-row"]):
            widgets.button("Keep as an arm to compare", lambda: session.keep(_given(result), result), small=True)
            names = [name for name, of in session.kept.value if of is result]
            if names:
                told = f"Kept as “{'”, “'.join(names)}”, under “Compare”."
                v.Html(tag="span", class_="ta-unit", children=[told], attributes={"role": "status"})
    v.Html(tag="h2", children=[result.title])
    widgets.html(charts.timeline(*spans(result)), classes=["ta-scroll"])
    arms = courses.arms_of(result)
    widgets.html(_legend(result))
    _charts("Hormones", courses.hormones(arms))
    _charts("Semen", courses.semen(arms))
    if done:
        _charts("Tissue", courses.tissue(arms))
        _charts("Safety and outcome", courses.safety(arms))
        _table(result)


def _state(progress: Progress) -> None:
    if progress.phase == "failed":
        widgets.note(progress.told, wrong=True)
    elif progress.phase != "idle":
        with solara.Div(attributes={"role": "status", "data-phase": progress.phase}):
            first = (
                f"; first results after {progress.first:.2f} s" if progress.phase == "done" and progress.first else ""
            )
            widgets.paragraph(progress.told + first)
        if progress.busy:
            bar = f'<div style="width:{100 * progress.share:.0f}%"></div>'
            widgets.html(
                bar, classes=["ta-bar-line"], role="progressbar", aria_label="Progress", aria_valuenow=f"{100 * progress.share:.0f}",
                aria_valuemin="0", aria_valuemax="100",
            )  # fmt: skip


def _welcome(scenario: Scenario | None) -> None:
    widgets.heading("What would it do to him?")
    widgets.paragraph(
        "Choose a man, add one or more drugs, press Run. Each run simulates his Leydig, Sertoli and germ cells day by day within the loop of "
        "his hormones, and beside him his twin: the same man with the same luck, untreated."
    )
    if scenario is not None:
        days = (-float(scenario.plan.baseline_days), float(scenario.plan.duration_days))
        widgets.heading("The plan", 3)
        widgets.html(charts.timeline(_bars(scenario, days[1]), days), classes=["ta-scroll"])


def _bars(scenario: Scenario, last: float) -> list[tuple[str, float, float]]:
    from testis_abm.results.plots.data import spans as of_plan

    return [(of.label, of.start, of.end) for of in of_plan(scenario, last)]


def spans(result: RunResult) -> tuple[list[tuple[str, float, float]], tuple[float, float]]:
    """Return the treatments of a run as bars, and its first and last day."""
    plan = result.scenario.plan
    last = float(plan.duration_days)
    return _bars(result.scenario, last), (-float(plan.baseline_days), last)


def _given(result: RunResult) -> str:
    """Return what tells a run from others of the man: his treatments, or his title without any."""
    return " + ".join(dict.fromkeys(label for label, _, _ in spans(result)[0])) or f"{result.title}, untreated"


def _legend(result: RunResult) -> str:
    extra = [("ta-dot", "sample as measured"), ("ta-limit", "lower reference limit")]
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


def _said(result: RunResult) -> None:
    """Show the headline figures, the reason, flags and chances."""
    treatment = Treatment.of(result)
    summary = result.summary()
    if treatment is not None:
        facts = []
        for name in _HEADLINE:
            if name in summary.index:
                row = summary.loc[name]
                change = report.change(row["change_pct"], row["low_pct"], row["high_pct"])
                facts.append(
                    f'<div class="ta-fact" data-name="{name}"><span>{row["label"]} ({row["unit"]})</span>'
                    f"<b>{report.number(row['untreated'])} → {report.number(row['treated'])}</b><span>{change[0]} {change[1]}</span></div>"
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


def _table(result: RunResult) -> None:
    summary = result.summary()
    heading = [f"{row.label} ({row.unit})" if row.unit else str(row.label) for row in summary.itertuples()]
    if "treated" in summary:
        changes = [report.change(row.change_pct, row.low_pct, row.high_pct) for row in summary.itertuples()]
        rows = pd.DataFrame(
            {"untreated": summary["untreated"].to_numpy(), "treated": summary["treated"].to_numpy(),
             "change": [of[0] for of in changes], "95 % interval": [of[1].strip("()") for of in changes]}, index=heading, dtype=object,
        )  # fmt: skip
    else:
        rows = pd.DataFrame(
            {"mean": summary["mean"].to_numpy(), "spread": summary["sd"].to_numpy()}, index=heading, dtype=object
        )
    with v.Html(tag="details", attributes={"open": True}):
        v.Html(tag="summary", children=["All levels as a table"])
        widgets.table(rows, " ".join(report.basis(result, Treatment.of(result)).split()), "quantity")
