"""The model behind the form: answers to open questions, its parameters, the simulated tissue, own tables of the file."""

from __future__ import annotations

import solara

from testis_abm import parameters
from testis_abm.app import draft, fields, listed, questions, widgets
from testis_abm.app.form.controls import Seen, control, remove
from testis_abm.app.form.patient import own_tables
from testis_abm.parameters import Hypothesis
from testis_abm.parameters.tables import using
from testis_abm.support.errors import shown

_SHOWN_EXTRAS = 20
_OWN = "Drugs, presets, populations, injuries and ranges of parameters of the file’s own. They are written in the file; here they can be removed."


def model(seen: Seen) -> None:
    """Show open questions, parameters, tissue, and what the form has no field for."""
    with using(draft.tables(seen.now)):
        widgets.heading("Open questions", 3)
        for question in parameters.hypotheses().values():
            _question(seen, question)
        widgets.heading("Parameters", 3)
        for name in seen.now.get("parameters", {}):
            _parameter(seen, name)
        AddParameter(seen)
    widgets.heading("Simulated tissue", 3)
    with solara.Div(classes=["ta-cells"]):
        for field in fields.SECTIONS["tissue"]:
            control(seen, "tissue", field.key)
        control(seen, "plan", "engine")
    if found := listed.extras(seen.now):
        widgets.heading("From the file", 3)
        widgets.paragraph(_OWN, "ta-unit")
        own_tables(seen, found[:_SHOWN_EXTRAS])
        if len(found) > _SHOWN_EXTRAS:
            widgets.paragraph(f"… and {len(found) - _SHOWN_EXTRAS} more.", "ta-unit")
        if len(found) > 1:
            widgets.button("Remove all of these", lambda: seen.session.edit(listed.without_extras), small=True)


def _question(seen: Seen, question: Hypothesis) -> None:
    stated, known = questions.stated(seen.now, question), questions.answers(question)
    options = [(questions.OPEN, f"Open; a run takes “{parameters.in_words(question.default)}”")]
    options += [
        (name, f"{parameters.in_words(name)} ({100.0 * question.answers[name].weight:.0f} %)") for name in known
    ]
    options += [(questions.OWN, questions.OWN)] if stated == questions.OWN else []

    def take(answer: str) -> None:
        if answer != questions.OWN:
            seen.session.edit(questions.with_answer, question, answer)

    with solara.Div(classes=["ta-question"]):
        widgets.select(question.question, stated, options, take)
        if stated in known:
            factors = ", ".join(f"{parameters.in_words(field)} x {of:g}" for field, of in known[stated].man.items())
            also = f" His fields are changed too: {factors}." if factors else ""
            widgets.paragraph(f"{question.answers[stated].source}.{also}", "ta-unit")
        others = [parameters.in_words(name) for name in question.answers if name not in known]
        kinds = (
            f" Other answers ({', '.join(others)}) speak of several kinds of men; plausible models take all in turn."
            if others
            else ""
        )
        widgets.paragraph(f"Decided by: {question.decided_by}.{kinds}", "ta-unit")


def _parameter(seen: Seen, name: str) -> None:
    of = parameters.load().get(name)
    with solara.Div(classes=["ta-line-row"]):
        about = f"{of.low:g} to {of.high:g} {of.symbol}".strip() + f"; in the tables {of.value:g}" if of else ""
        control(seen, "parameters", name, unit=about)
        if of:
            widgets.paragraph(of.source, "ta-unit")
        remove(seen, ("parameters", name), f"parameter {name}")


@solara.component
def AddParameter(seen: Seen) -> None:  # noqa: N802
    """Show a field for the name of one more parameter; what is none is told there, and not taken."""
    error, set_error = solara.use_state("")
    count = len(seen.now.get("parameters", {}))
    with using(draft.tables(seen.now)):
        known = parameters.load()

    def take(text: str) -> None:
        name = text.strip()
        if name in known:
            set_error("")
            seen.session.edit(draft.with_parameter, name)
        else:
            set_error(parameters.fault(name, 0.0) or f"{shown(name)} is no parameter" if name else "")

    options = [(name, f"{of.value:g} {of.symbol}".strip()) for name, of in known.items()]
    hint = "axis.lh_reference"
    field = widgets.text_field("Add a parameter", "", take, hint=hint, options=options, error=error)
    field.key(f"parameter-{count}")
