"""Laboratory values of a man: the fields, each with its unit and reference range, and the button that matches virtual patients."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import reacton.ipyvuetify as v
import solara

from testis_abm.app import matching, widgets
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units
from testis_abm.quantities import ASSAYS, title

if TYPE_CHECKING:
    from testis_abm.app.clinic import Reports

_ASSAYS = tuple(ASSAYS.items())
_HELP = (
    "Leave unknown values empty. A number is read in the unit beside it; any other unit may be written: 9 nmol/L, 48 pg/mL, <0.1. "
    "Give untreated values; the physiologies that could have given them are searched in a population of men at clinics."
)
_GROUPS = {
    "Blood": ("t", "e2", "lh", "fsh", "inhibin_b", "shbg", "free_t", "prolactin"),
    "Semen": ("concentration", "volume", "motility", "morphology", "tmc", "total_count", "abstinence"),
    "The man": ("bmi", "age", "testis_volume"),
}


@solara.component
@in_its_units
def Labs(session: Session) -> None:  # noqa: N802
    """Show the fields of laboratory values and the button that matches virtual patients to them."""
    phase, text = session.matching.value
    widgets.paragraph(_HELP, "ta-unit ta-lines")
    if (reports := session.chosen.value) is not None:
        _chosen(session, reports)
    with solara.Div(classes=["ta-labs"]):
        for group, names in _GROUPS.items():
            with v.Html(tag="section", attributes={"aria-label": group}):
                widgets.heading(group, 3)
                for name in names:
                    _field(session, name)
                if group == "The man":
                    _match(session, phase == "busy")
    if phase == "wrong":
        widgets.note(text, wrong=True)


def _field(session: Session, name: str) -> None:
    value, assay = session.labs.value.get(name, ""), session.assay.value
    usual = matching.reference(name, assay)
    with solara.Div(classes=["ta-lab"]):
        widgets.text_field(
            title(name),
            value,
            partial(session.write_lab, name),
            hint=f"e.g. {matching.example(name)}",
            unit=matching.unit_shown(name),
            error=matching.fault(name, value),
        )
        if name == "e2":
            widgets.select("Assay", assay, _ASSAYS, session.assay.set)
        else:
            widgets.paragraph(f"reference {usual}" if usual else "")


def _match(session: Session, busy: bool) -> None:
    with solara.Div(classes=["ta-row"]):
        label = "Match virtual patients"
        widgets.button(label, lambda: session.find(session.assay.peek()), main=True, disabled=busy)


def _chosen(session: Session, reports: Reports) -> None:
    """Say of whom the values are, and which other reports are matched with them."""
    widgets.paragraph(reports.said())
    if reports.again:
        with solara.Div(classes=["ta-row"]):
            widgets.button("First report alone", session.first_report_alone, small=True)


@solara.component
def Working(session: Session) -> None:  # noqa: N802
    """Show how far matching or predicting is, and what stops it."""
    phase, text = session.matching.value
    if phase not in ("busy", "cancelled"):
        return
    with solara.Div(classes=["ta-row"]):
        widgets.note(text)
        if phase == "busy":
            widgets.button("Cancel", session.cancel_matching, small=True, says="Cancel matching or predicting")
