"""A treatment decision: candidates side by side, and the predicted response of all matching virtual patients to each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import reacton.ipyvuetify as v
import solara

from testis_abm.app import candidates, draft, matching, widgets
from testis_abm.app.labs import Working
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.quantities import QUANTITIES

_FORM = "the treatment of the form"
_FIELDS = {"dose": "Dose", "every": "Every"}
_OFTEN = (("1 day", "daily"), ("12 hours", "twice daily"), ("2 days", ""), ("3.5 days", "twice weekly"), ("7 days", ""))
_HELP = (
    f"Up to {candidates.MOST} candidates, each of one or more drugs from day 0 on. All matching virtual patients have each of them, and "
    "none: the same man under the same plausible parameter set and answers to what the data do not decide, so that candidates are compared man by man."
)
_EARLIER = "These responses are of earlier candidates: press “Predict responses” for those above."
_ROLE = "Predicted response of all matching virtual patients"


@solara.component
@in_its_units
def Decision(session: Session) -> None:  # noqa: N802
    """Show candidates, and what is predicted of them once virtual patients match."""
    form, choice, match = session.draft.value, session.choice.value, session.match.value
    man = None if match is None else match.man
    said = solara.use_memo(
        lambda: [] if man is None else candidates.understood(form, choice, man),
        [form, choice.candidates, choice.duration, man, session.units.value],
    )
    if match is None:
        return
    with v.Html(tag="section", class_="ta-step", attributes={"aria-label": "Treatment decision"}):
        widgets.heading("Treatment decision")
        widgets.paragraph(_HELP, "ta-unit ta-read")
        with solara.Div(classes=["ta-candidates"]):
            for index in range(min(candidates.MOST, len(choice.candidates) + 1)):
                _candidate(session, index, said[index] if index < len(said) else None)
        _ask(session, said)
        if (response := session.response.value) is not None:
            scenarios = [of.scenario for of in said]
            same = len(scenarios) == len(response.scenarios) and all(
                map(matching.same_treatment, response.scenarios, scenarios)
            )
            if not same:
                widgets.note(_EARLIER)
            Responses(session, match, response)


def _candidate(session: Session, index: int, said: draft.Understanding | None) -> None:
    """Show one candidate: its drugs with dose and rhythm, and what adds a drug; an empty one, what begins it."""
    form, choice = session.draft.value, session.choice.value
    own = choice.candidates[index] if index < len(choice.candidates) else {}
    name = f"Candidate {candidates.letter(index)}"

    def change(how: Callable[..., candidates.Candidate], *given: Any) -> None:
        now = session.choice.peek()
        row = now.candidates[index] if index < len(now.candidates) else {}
        session.choice.value = now.with_candidate(index, how(row, *given))

    def add(drug: str) -> None:
        if drug == _FORM:
            change(lambda row: candidates.of_form(session.draft.peek()))
        elif drug:
            change(lambda row: candidates.with_drug(session.draft.peek(), row, drug))

    known = draft.drugs(form).values()
    options = [(drug.name, draft.titled(form, "drug", drug.name, drug.title)) for drug in known]
    whole = [] if own or not candidates.of_form(form) else [(_FORM, "The treatment under “What if”")]
    with v.Html(
        tag="div",
        class_=f"ta-candidate ta-k{index + 1 if own else 0}",
        attributes={"role": "group", "aria-label": name},
    ):
        widgets.heading(name, 3)
        for k, row in enumerate(own.get("therapy", ())):
            _therapy(form, own, k, row, said, change)
        if said is not None and said.scenario is not None and any(key != "therapy" for key in own):
            widgets.paragraph(matching.treatment_of(said.scenario))
        for problem in said.problems if said else ():
            in_a_field = problem.path[:1] == ("therapy",) and problem.path[2:3] in (("dose",), ("every",))
            if not in_a_field and problem.path[:1] != ("plan",):
                widgets.paragraph(problem.line(), "ta-error")
        label = f"{name}: add a drug" if own else f"{name}: drug"
        first = ("", "and another drug …" if own else "Choose a drug …")
        widgets.select(label, "", [first, *whole, *options], add).key(f"add-{index}-{len(own.get('therapy', ()))}")


def _therapy(
    form: draft.Draft,
    own: candidates.Candidate,
    k: int,
    row: Any,
    said: draft.Understanding | None,
    change: Callable[..., None],
) -> None:
    drug = draft.drugs(form).get(str(row.get("drug", "")))
    title = draft.titled(form, "drug", drug.name, drug.title) if drug else str(row.get("drug", ""))
    with solara.Div(classes=["ta-dose"]):
        widgets.paragraph(title)
        for key, label in _FIELDS.items():

            def write(text: str, key: str = key) -> None:
                change(lambda now: candidates.with_cell(form, now, k, key, text))

            widgets.text_field(
                label,
                draft.cell({**form, **own}, "therapy", k, key),
                write,
                hint="once" if key == "every" else "",
                options=_OFTEN if key == "every" else (),
                error=said.at("therapy", k, key) if said else "",
            )
        widgets.button("Remove", lambda: change(candidates.without_drug, k), small=True, says=f"Remove {title}")


def _ask(session: Session, said: list[draft.Understanding]) -> None:
    """Show duration, number of virtual patients and the button that predicts."""
    choice = session.choice.value
    scenarios = [of.scenario for of in said if of.scenario is not None and not of.problems]
    whole = bool(scenarios) and len(scenarios) == len(choice.candidates)
    limit = candidates.refused(choice, scenarios) if whole else ""
    fault = next((text for of in said if (text := of.at("plan", "duration") or of.at("plan"))), "")

    def respond() -> None:
        if whole and not limit:
            session.respond(scenarios, choice.men)

    with solara.Div(classes=["ta-asked"]):
        widgets.text_field("Duration of treatment", choice.duration, _chosen(session, "duration"), error=fault)
        sizes = [(str(size), f"{size:,}") for size in candidates.SIZES]
        widgets.select("Virtual patients", str(choice.men), sizes, lambda got: _chosen(session, "men")(int(got)))
        busy = session.matching.value[0] == "busy"
        widgets.button("Predict responses", respond, main=True, disabled=not whole or bool(limit) or busy)
    if limit:
        widgets.note(limit, wrong=True)
    for k, of in enumerate(said):
        for text in of.notes:
            widgets.paragraph(f"Candidate {candidates.letter(k)}: {text}.", "ta-unit ta-read")
    Working(session)


def _chosen(session: Session, name: str) -> Callable[[Any], None]:
    return lambda value: session.choice.set(replace(session.choice.peek(), **{name: value}))


@solara.component
@in_its_units
def Responses(session: Session, match: matching.Match, response: matching.Response) -> None:  # noqa: N802
    """Show which candidate does most for the outcome looked at, the distributions, and the tables of all outcomes."""
    from testis_abm.app import responses
    from testis_abm.pictures import spreads
    from testis_abm.population import report
    from testis_abm.population.predict import SHOWN, SPERM
    from testis_abm.results import plausible

    column, dependable = session.choice.value.outcome, match.found.dependable
    widgets.heading(_ROLE, 3)
    outcomes = [(name, QUANTITIES[name].title) for name in dict.fromkeys((candidates.OUTCOME, *SPERM, *SHOWN))]
    with solara.Div(classes=["ta-asked"]):
        widgets.select("Outcome", column, outcomes, _chosen(session, "outcome"))
    of_column, of_all = [response, column, session.units.value], [response, session.units.value]
    verdict = solara.use_memo(lambda: response.candidates.verdict(column), of_column)
    chart = solara.use_memo(lambda: responses.violins(response, column), of_column)
    one = solara.use_memo(lambda: responses.of_outcome(response, column, dependable), of_column)
    every = solara.use_memo(
        lambda: (responses.of_all(response, dependable), responses.safety(response, dependable)), of_all
    )
    if dependable:
        first, *hangs = verdict
        v.Html(tag="p", class_="ta-fits", children=[first], attributes={"role": "status"})
        for text in hangs:
            widgets.paragraph(text, "ta-read")
    else:
        widgets.note("No verdict: too few virtual patients match all that was reported.", wrong=True)
    with solara.Div(classes=["ta-violins-wide"]):
        widgets.html(spreads.violins_svg(chart))
    with solara.Div(classes=["ta-violins-small"]):
        widgets.html(spreads.violins_svg(chart, 360.0))
    widgets.paragraph(responses.caption(chart, response), "ta-unit ta-read")
    widgets.table(one, responses.basis(response), "candidate")
    if dependable and column in plausible.SPERM and response.answers.ne("").any(axis=None):
        caption = (
            f"Change of {QUANTITIES[column].label}, % (90 % of the men), under each candidate. {report.ABOUT_ANSWERS}"
        )
        widgets.by_answer(responses.by_answer(response, column), caption)
    widgets.table(every[0], responses.CELLS, "outcome, median")
    for text in responses.azoospermic(response):
        widgets.paragraph(text, "ta-read")
    widgets.table(every[1], f"{responses.MEANS} {report.OF_POPULATIONS}", "safety and outcome, mean")
    widgets.paragraph(responses.unknown(), "ta-unit ta-read")
    _in_the_shell(session, match, response)


def _in_the_shell(session: Session, match: matching.Match, response: matching.Response) -> None:
    """Show the commands that give the same numbers."""
    texts, reports = session.labs.value, session.chosen.value
    with v.Html(tag="details"):
        v.Html(tag="summary", children=["The same in the shell"])
        if reports is not None and reports.again:
            text = f"With the other reports of {reports.name}: testis-abm twin --table FILE --row ID --give ..."
            widgets.paragraph(text, "ta-unit")
            return
        lines = [candidates.command(texts, match.found.assay, of, len(response.before)) for of in response.scenarios]
        v.Html(tag="pre", children=["\n".join(lines)])
