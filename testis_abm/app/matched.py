"""Who matches the laboratory values: whether they fit, the patient beside his representative and all others, and what stays open."""

from __future__ import annotations

from typing import TYPE_CHECKING

import reacton.ipyvuetify as v
import solara

from testis_abm.app import matching, widgets
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units

if TYPE_CHECKING:
    from testis_abm.pictures.spreads import Reported

_FIELDS = "What the laboratory values determine of the physiology, and what they leave open."
_HOLDS = "He is now the man of the form under “What if”; what was the former man’s there has gone."
_CHANGED = "The form under “What if” has another man now."
_STRIPS = (
    "Strips: multiples of the patient’s value on a logarithmic axis, faint lines at ¼, ½, 2 and 4 times, cut at ⅛ and 8. Deviation: of the median of all who match, "
    "in SD of one man’s samples, the laboratory’s and the assay’s; over 1 they give a value only with strain."
)


@solara.component
@in_its_units
def Matched(session: Session) -> None:  # noqa: N802
    """Show whether virtual patients fit, the patient beside them, and what the values leave open."""
    from testis_abm.population import report

    match = session.match.value
    tables = solara.use_memo(
        lambda: None if match is None else (matching.reported(match), report.physiology(match.found)),
        [match, session.units.value],
    )
    if match is None or tables is None:
        return
    rows, physiology = tables
    with v.Html(tag="section", class_="ta-step", attributes={"aria-label": "Matching virtual patients"}):
        widgets.heading("Matching virtual patients")
        _verdict(match)
        _beside(match, rows)
        _form(session, match)
        first, *lines = report.precision(match.found)
        for line in lines:
            widgets.note(line, wrong=not match.found.dependable)
        for text in (report.rare(match.found), report.lesions(match.found)):
            if text:
                widgets.paragraph(text, "ta-read")
        for text in match.found.notes:
            widgets.paragraph(f"Note: {text}.", "ta-read")
        with v.Html(tag="details"):
            v.Html(tag="summary", children=["Identifiability: share of prior variance explained"])
            named = {"index": lambda field: field.replace("_", " "), "columns": lambda name: name.split(": ")[-1]}
            widgets.table(physiology.rename(**named), f"{first}. {_FIELDS}", "physiology")


def _verdict(match: matching.Match) -> None:
    fit, text = matching.fits(match)
    role = {"role": "status"} if fit else {"role": "alert"}
    v.Html(tag="p", class_="ta-fits" if fit else "ta-fits ta-no", children=[text], attributes=role)


def _beside(match: matching.Match, rows: list[Reported]) -> None:
    from testis_abm.pictures import spreads

    widgets.html(spreads.reported_legend())
    several = f"Of {n} untreated reports, the first is given here. " if (n := len(match.found.visits)) else ""
    table = spreads.reported_html(rows, matching.as_given(match), f"{several}{_STRIPS}")
    widgets.html(table, classes=["ta-scroll"])
    widgets.paragraph(matching.differs(match), "ta-read")


def _form(session: Session, match: matching.Match) -> None:
    holds = session.draft.value["man"] == match.man.as_dict()
    with solara.Div(classes=["ta-row"]):
        if not holds:
            widgets.button("Put the representative into the form", session.represent, small=True)
        widgets.button("Run him day by day under “What if”", session.follow_day_by_day, small=True)
        v.Html(tag="span", class_="ta-unit", children=[_HOLDS if holds else _CHANGED], attributes={"role": "status"})
