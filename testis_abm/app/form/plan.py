"""Plan, samples, partner and published values of the form."""

from __future__ import annotations

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, fields, plan_end, typed, widgets
from testis_abm.app.form.controls import Seen, add, cells, control, row
from testis_abm.quantities import QUANTITIES
from testis_abm.scenario import UNITS, convert
from testis_abm.support.errors import TestisError


def plan(seen: Seen) -> None:
    """Show title, length, replicates and seed; what lies beyond the end, and the button that cuts it."""
    control(seen, "title")
    with solara.Div(classes=["ta-cells"]):
        for field in fields.SECTIONS["plan"]:
            if fields.group_of(("plan", field.key)) == fields.PLAN:
                control(seen, "plan", field.key)
    last = plan_end.end(seen.now)
    if seen.beyond and last is not None:
        with solara.Div(classes=["ta-row", "ta-beyond"]):
            found = list(dict.fromkeys(_named(path) for path in seen.beyond))
            told = (
                f"Beyond day {last:g}: {', '.join(found[:4])}{f' and {len(found) - 4} more' if len(found) > 4 else ''}."
            )
            v.Html(tag="span", class_="ta-unit", children=[told])
            widgets.button(f"Cut all to day {last:g}", lambda: seen.session.edit(plan_end.cut), small=True)


def _named(path: fields.Path) -> str:
    rows, field = fields.rows_at(path), fields.at(path)
    if rows is not None:
        return f"{rows.name} {int(path[len(rows.path)]) + 1}"
    return field.label.lower() if field else str(path[-1])


def samples(seen: Seen) -> None:
    """Show what is taken of him, and when."""
    with solara.Div(classes=["ta-cells"]):
        for field in fields.SECTIONS["samples"]:
            control(seen, "samples", field.key, usual="immunoassay" if field.key == "assay" else "")
    widgets.paragraph(f"Days: 0, 28, 56; or every 4 weeks from 0 until 180; or {typed.NOTHING}.", "ta-unit")


def partner(seen: Seen) -> None:
    """Show the woman whom he wants a child with."""
    widgets.paragraph("For the chances of conception, IUI and ICSI; nothing else depends on her.", "ta-unit")
    cells(seen, ("partner",), [field.key for field in fields.SECTIONS["partner"]])


def published(seen: Seen) -> None:
    """Show published values that stand beside the prediction."""
    rows = draft.rows_of(seen.now, ("observed",))
    for index in range(min(len(rows), draft.MOST_THERAPIES)):
        _observed(seen, index)
    if (hidden := len(rows) - draft.MOST_THERAPIES) > 0:
        widgets.paragraph(f"… and {hidden} more of the file, shown once some of these are removed.", "ta-unit")
    (variable, *_) = fields.OBSERVED.fields

    def take(name: str) -> None:
        seen.session.edit(draft.with_observed, name)

    add("Add published value", "Add a published value …", variable.options, take, len(rows))


def _observed(seen: Seen, index: int) -> None:
    path, variable = ("observed", index), draft.cell(seen.now, "observed", index, "variable")

    def show() -> None:
        with solara.Div(classes=["ta-cells"]):
            control(seen, *path, "variable")
            control(seen, *path, "value", unit=_in_page_units(seen, index))
            units = [(name, name) for name in UNITS.get(variable, {}) if name]
            control(seen, *path, "unit", options=units)
            control(seen, *path, "day")
            control(seen, *path, "label")

    shown = tuple(field.key for field in fields.OBSERVED.fields)
    row(seen, path, f"Published value {index + 1}", show, shown)


def _in_page_units(seen: Seen, index: int) -> str:
    """Return a published value in the units of the page, where it was given in others; "" else."""
    now = seen.now["observed"][index]
    try:
        of = QUANTITIES[now["variable"]]
        if now["unit"] == of.clinical_unit or of.clinical_unit not in of.units:
            return ""
        return f"= {convert(now['variable'], now['value'], now['unit'], of.clinical_unit):.4g} {of.clinical_unit}"
    except (TestisError, KeyError, TypeError, ValueError):  # told where it is checked
        return ""
