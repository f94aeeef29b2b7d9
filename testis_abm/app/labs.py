"""Laboratory values of a man: the fields of the form, and beside it the virtual patients who match them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, matching, widgets
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.choices import TREATED
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY, GIVEN, KNOWN, title
from testis_abm.results import plausible

if TYPE_CHECKING:
    from testis_abm.app.clinic import Reports

_ASSAYS = tuple((name, f"Serum E2 by {title}") for name, title in ASSAYS.items())
_ALL = "Predicted response of all matching virtual patients"
_HOLDS = "The form holds the representative virtual patient."
_CHANGED = "The form has changed since: its man is no longer the representative virtual patient."
_FIELDS = "What the laboratory values determine of the physiology, and what they leave open."
_EARLIER = "This prediction is of an earlier treatment or plan; press the button for the one in the form."


@solara.component
@in_its_units
def Labs(session: Session) -> None:  # noqa: N802
    """Show the fields of laboratory values and the button that matches virtual patients to them."""
    measured, set_measured = solara.use_state(DEFAULT_ASSAY)
    texts, (phase, text) = session.labs.value, session.matching.value
    with (
        solara.Div(classes=["ta-sheet"]),
        v.Html(tag="details", attributes={"open": True} if session.chosen.value else {}),
    ):
        v.Html(tag="summary", children=["… or match laboratory values"])
        widgets.paragraph("Leave unknown values empty. With the unit: 260 ng/dL, 9 nmol/L.", "ta-unit")
        if (reports := session.chosen.value) is not None:
            _chosen(session, reports)
        with solara.Div(classes=["ta-cells"]):
            for name, measure in GIVEN.items():
                unit, hint = measure.assumed if name in KNOWN else "", f"e.g. {matching.example(name)}"
                write, value = partial(session.write_lab, name), texts.get(name, "")
                widgets.text_field(title(name), value, write, hint=hint, unit=unit)
        widgets.select("Assay", measured, _ASSAYS, set_measured)
        with solara.Div(classes=["ta-row"]):
            widgets.button("Match virtual patients", lambda: session.find(measured), disabled=phase == "busy")
        if phase in ("wrong", "busy"):
            widgets.note(text, wrong=phase == "wrong")


def _chosen(session: Session, reports: Reports) -> None:
    """Say of whom the values are, and which other reports are matched with them."""
    widgets.paragraph(reports.said())
    if reports.again:
        with solara.Div(classes=["ta-row"]):
            widgets.button("First report alone", session.first_report_alone, small=True)


@solara.component
@in_its_units
def Matched(session: Session, said: draft.Understanding) -> None:  # noqa: N802
    """Show who matches the laboratory values, what these leave open, and what the treatment of the form does to all of them."""
    from testis_abm.population import report

    match, response = session.match.value, session.response.value
    tables = solara.use_memo(
        lambda: None if match is None else (matching.labs_table(match), report.physiology(match.found)),
        [match, session.units.value],
    )
    if match is None or tables is None:
        return
    widgets.heading("Matching virtual patients")
    for text in filter(None, (report.misfit(match.found), report.rare(match.found))):
        widgets.note(text, wrong=True)
    holds = session.draft.value["man"] == match.man.as_dict()
    widgets.note(f"{_HOLDS if holds else _CHANGED} {matching.differs(match)}")
    first, *lines = report.precision(match.found)
    for line in lines:
        widgets.note(line, wrong=not match.found.dependable)
    for text in match.found.notes:
        widgets.paragraph(f"Note: {text}.")
    several = [f"Of {n} untreated reports, the first is given here."] if (n := len(match.found.visits)) else []
    widgets.table(tables[0], " ".join([f"{first}.", *several, *report.deviations(tables[0])]), "laboratory value")
    if text := report.lesions(match.found):
        widgets.paragraph(text)
    with v.Html(tag="details"):
        v.Html(tag="summary", children=["Identifiability: share of prior variance explained"])
        named = {"index": lambda field: field.replace("_", " "), "columns": lambda name: name.split(": ")[-1]}
        widgets.table(tables[1].rename(**named), _FIELDS, "physiology")
    _predict(session, said)
    if response is not None:
        _response(match, response, matching.same_treatment(response, said.scenario))


def _predict(session: Session, said: draft.Understanding) -> None:
    """Offer to treat all who match."""
    scenario = said.scenario if said.scenario and said.scenario.treated and not said.problems else None

    def respond() -> None:
        if scenario is not None:
            session.respond(scenario)

    with solara.Div(classes=["ta-row"]):
        busy = session.matching.value[0] == "busy"
        widgets.button(_ALL, respond, small=True, disabled=scenario is None or busy)
        if scenario is None:
            text = "Correct the form first." if said.problems else "Add a treatment first."
            v.Html(tag="span", class_="ta-unit", children=[text])


def _response(match: matching.Match, response: matching.Response, current: bool) -> None:
    from testis_abm.population import report

    before, after = response.before, response.after
    widgets.heading(_ALL, 3)
    if not current:
        widgets.note(_EARLIER)
    caption = (
        f"{len(before)} matching virtual patients, {response.scenario.plan.duration_days} days. {report.CAPTION} "
        f"The interval holds their spread and that of {report.PARAMETERS}, as testis-abm twin --give. {report.past(response.scenario)}"
    )
    widgets.table(report.effects(before, after, match.found.dependable, response.values), caption, "quantity")
    if text := report.azoospermic(before, after, response.lesions, response.values):
        widgets.paragraph(text)
    if match.found.dependable:
        _answers(response)
    readouts = report.safety(before, after, match.found.dependable)
    widgets.table(readouts, f"Means. {report.OF_POPULATIONS}", "safety and outcome")


def _answers(response: matching.Response) -> None:
    """Show whether what becomes of sperm hangs on what the data do not decide."""
    from testis_abm.population import predict, report

    table = predict.by_answer(response.before, response.after, response.answers, response.values)
    if not table["question"].any():
        return
    for text in report.on_answers(table):
        widgets.paragraph(text)
    widgets.by_answer(
        plausible.by_answer(table, TREATED, men=True), f"Change, % (90 % of the men). {report.ABOUT_ANSWERS}"
    )
