"""Laboratory values of a man: the fields of the form, and beside it the virtual patients who match them."""

from __future__ import annotations

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, matching, widgets
from testis_abm.app.session import Session
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY

_EXAMPLES = {
    "t": "260 ng/dL",
    "e2": "30 pg/mL",
    "lh": "3.1 IU/L",
    "fsh": "4.4 IU/L",
    "inhibin-b": "150 pg/mL",
    "shbg": "30 nmol/L",
    "concentration": "6 M/mL",
    "volume": "3 mL",
    "motility": "30 %",
    "morphology": "4 %",
    "bmi": "33",
    "age": "34",
}
_ASSAYS = tuple((name, f"Serum E2 by {title}") for name, title in ASSAYS.items())
_ALL = "Predicted response of all matching virtual patients"


@solara.component
def Labs(session: Session) -> None:  # noqa: N802
    """Show the fields of laboratory values and the button that matches virtual patients to them."""
    measured, set_measured = solara.use_state(DEFAULT_ASSAY)
    texts, (phase, text) = session.labs.value, session.matching.value
    with solara.Div(classes=["ta-sheet"]), v.Html(tag="details"):
        v.Html(tag="summary", children=["… or match laboratory values"])
        widgets.paragraph("Leave unknown values empty. With the unit: 260 ng/dL, 9 nmol/L.", "ta-unit")
        with solara.Div(classes=["ta-cells"]):
            for option, label in matching.FIELDS.items():
                widgets.text_field(
                    label,
                    texts.get(option, ""),
                    lambda text, option=option: _write(session, option, text),  # type: ignore[misc]
                    hint=f"e.g. {_EXAMPLES[option]}",
                    unit=matching.PLAIN.get(option, ""),
                )
        widgets.select("Assay", measured, _ASSAYS, set_measured)
        with solara.Div(classes=["ta-row"]):
            widgets.button("Match virtual patients", lambda: session.find(measured), disabled=phase == "busy")
        if phase in ("wrong", "busy"):
            widgets.note(text, wrong=phase == "wrong")


def _write(session: Session, option: str, text: str) -> None:
    session.labs.value = {**session.labs.peek(), option: text}


@solara.component
def Matched(session: Session, said: draft.Understanding) -> None:  # noqa: N802
    """Show who matches the laboratory values, what these leave open, and what the treatment of the form does to all of them."""
    match, response = session.match.value, session.response.value
    tables = solara.use_memo(
        lambda: None if match is None else (matching.labs_table(match), matching.identifiability(match)), [match]
    )
    if match is None or tables is None:
        return
    from testis_abm.population.report import precision, rare

    labs, fields = tables
    widgets.heading("Matching virtual patients")
    if text := matching.misfit(match):
        widgets.note(text, wrong=True)
    if text := rare(match.found):
        widgets.note(text, wrong=True)
    holds = session.draft.value["man"] == match.man.as_dict()
    widgets.note(
        (
            "The form holds the representative virtual patient. "
            if holds
            else "The form has changed since: its man is no longer the representative virtual patient. "
        )
        + matching.differs(match)
    )
    for line in precision(match.found)[1:]:
        widgets.note(line, wrong=not match.found.dependable)
    for text in match.found.notes:
        widgets.paragraph(f"Note: {text}.")
    caption = "The deviation is that of their median from the value given, in SD of one man’s samples, the laboratory and the assay."
    widgets.table(labs, f"{precision(match.found)[0]}. {caption}", "laboratory value")
    if text := matching.lesions(match):
        widgets.paragraph(text)
    with v.Html(tag="details"):
        v.Html(tag="summary", children=["Identifiability: share of prior variance explained"])
        widgets.table(
            fields, "What the laboratory values determine of the physiology, and what they leave open.", "physiology"
        )
    scenario = said.scenario
    treated = scenario is not None and scenario.treated and not said.problems
    with solara.Div(classes=["ta-row"]):
        widgets.button(
            _ALL,
            lambda: session.respond(scenario) if scenario is not None else None,
            small=True,
            disabled=not treated or session.matching.value[0] == "busy",
        )
        if not treated:
            v.Html(
                tag="span",
                class_="ta-unit",
                children=["Mend the form first." if said.problems else "Add a treatment first."],
            )
    if response is not None:
        _response(match, response, matching.same_treatment(response, scenario))


def _response(match: matching.Match, response: matching.Response, current: bool) -> None:
    from testis_abm.population.report import CAPTION, azoospermic

    widgets.heading(_ALL, 3)
    if not current:
        widgets.note("This prediction is of an earlier treatment or plan; press the button for the one in the form.")
    caption = (
        f"{len(response.before)} matching virtual patients, {response.scenario.plan.duration_days} days. {CAPTION} The interval holds their "
        "spread and that of the model’s parameters (the ensemble), as testis-abm twin --give."
    )
    effects: pd.DataFrame = matching.effects(match, response)
    widgets.table(effects, caption, "quantity")
    if text := azoospermic(response.before, response.after, response.lesions):
        widgets.paragraph(text)
    widgets.table(
        matching.safety(match, response),
        "Means; trends and probabilities of populations, with wide uncertainty: no diagnosis.",
        "safety and outcome",
    )
