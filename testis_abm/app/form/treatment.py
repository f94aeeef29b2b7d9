"""What is done to the man of the form: drugs, changes of weight, hormones that are held, own rules of cells."""

from __future__ import annotations

from testis_abm.app import draft, fields, typed, widgets
from testis_abm.app.form.controls import Fold, Seen, add, cells, control, lines, row
from testis_abm.quantities import QUANTITIES
from testis_abm.scenario import UNITS, grammar
from testis_abm.scenario.clamp import TARGETS

_CHANGE_OF_WEIGHT = "change of weight"
_ALWAYS = ("dose", "every", "from", "until")
_CONDITION, _TAKEN = ("over", "when"), ("days", "missed", "adherence")


def treatment(seen: Seen) -> None:
    """Show therapies and changes of weight, and what can be added."""
    therapies, weights = (len(draft.rows_of(seen.now, (name,))) for name in ("therapy", "weight"))
    for index in range(therapies):
        _therapy(seen, index)
    for index in range(weights):
        _weight(seen, index)
    drugs = [(of.name, draft.titled(seen.now, "drug", of.name, of.title)) for of in draft.drugs(seen.now).values()]

    def take(name: str) -> None:
        if name == _CHANGE_OF_WEIGHT:
            seen.session.edit(draft.with_weight)
        else:
            seen.session.edit(draft.with_therapy, name)

    options = [*drugs, (_CHANGE_OF_WEIGHT, "Weight loss or gain")]
    add("Add", "Add a treatment …", options, take, therapies + weights)


def _weight(seen: Seen, index: int) -> None:
    path, height = ("weight", index), draft.height(seen.now)

    def show() -> None:
        cells(seen, path, ("bmi", "from", "until"))

    bmi = draft.cell(seen.now, *path, "bmi")
    weighs = f"{typed.number(bmi) * height**2:.0f} kg at {height:g} m." if typed.is_number(bmi) else ""
    row(seen, path, f"Weight change {index + 1}", show, ("bmi", "from", "until"), weighs)


def _therapy(seen: Seen, index: int) -> None:
    now, path = seen.now["therapy"][index], ("therapy", index)
    known = draft.drugs(seen.now)
    drug = known.get(str(now.get("drug", "")))
    title = draft.titled(seen.now, "drug", drug.name, drug.title) if drug else str(now.get("drug", ""))
    routes = drug.routes if drug else ()

    def more() -> None:
        cells(seen, path, _CONDITION)
        if "when" in now or "adds" in now:
            control(seen, *path, "adds")
        if len(routes) > 1 or "route" in now:
            options = [(name, name.replace("_", " ")) for name in routes]
            control(seen, *path, "route", options=options, usual=routes[0] if routes else "")
        cells(seen, path, _TAKEN)
        options = [(of.name, draft.titled(seen.now, "drug", of.name, of.title)) for of in known.values()]
        control(seen, *path, "drug", options=options)

    def show() -> None:
        cells(seen, path, _ALWAYS)
        rare = [key for key in ("over", "when", "adds", "route", *_TAKEN) if key in now]
        faults = sum(of.path[:2] == path and of.path[-1] not in (*path, *_ALWAYS) for of in seen.said.problems)
        told = ", ".join(f"{fields.THERAPY.labelled(key).lower()} {draft.cell(seen.now, *path, key)}" for key in rare)
        Fold(
            seen.session,
            "Infusion, condition, route, doses taken",
            told,
            more,
            faults=faults,
            begun=bool(rare),
            level=3,
        )

    shown = tuple(field.key for field in fields.THERAPY.fields)
    row(
        seen,
        path,
        f"{index + 1}. {title}",
        show,
        shown,
        f"Usual: {drug.usual}." if drug else "",
        f"therapy {index + 1}, {title}",
    )


def clamps(seen: Seen) -> None:
    """Show what is held, rules of the cells, and what can be added."""
    widgets.heading("Clamps", 3)
    widgets.paragraph("A hormone that is held follows no feedback, and all else follows it.", "ta-unit")
    count = len(draft.rows_of(seen.now, ("clamp",)))
    for index in range(count):
        _clamp(seen, index)
    options = [(name, name) for name in TARGETS]
    add("Add clamp", "Hold a hormone …", options, lambda name: seen.session.edit(draft.with_clamp, name), count)
    widgets.heading("Own rules", 3)
    widgets.paragraph("One sentence a rule: in a kind of cell, a signal increases or decreases a behaviour.", "ta-unit")
    Fold(seen.session, "Cells, behaviours, signals", "", _words, level=3)
    lines(seen, fields.RULE, "Add a rule")


def _words() -> None:
    """Show which words a rule may have."""
    for of in grammar.CELLS:
        does = ", ".join(row.label for row in grammar.behaviours_of(of))
        if does:
            widgets.paragraph(f"{of}: {does}", "ta-unit")
    signals = "; ".join(f"{of.label}{f' ({of.unit})' if of.unit else ''}" for of in grammar.SIGNALS.values())
    widgets.paragraph(f"Signals: {signals}; and of a drug its level, such as “anastrozole level”.", "ta-unit")


def _clamp(seen: Seen, index: int) -> None:
    path, quantity = ("clamp", index), draft.cell(seen.now, "clamp", index, "quantity")

    def show() -> None:
        control(seen, *path, "quantity")
        control(seen, *path, "level", hint=_example(quantity), unit=_in_page_units(seen, index))
        cells(seen, path, ("from", "until"))

    row(
        seen,
        path,
        f"Clamp {index + 1}",
        show,
        ("quantity", "level", "from", "until"),
        "Several days: day 0: 100 %, day 84: 10 %.",
    )


def _example(quantity: str) -> str:
    if quantity not in TARGETS:
        return "30 %"
    column = TARGETS[quantity].columns[0]
    unit = QUANTITIES[column].clinical_unit
    return f"30 %, 0.3 x own, or {unit if unit in UNITS.get(column, ()) else QUANTITIES[column].unit}"


def _in_page_units(seen: Seen, index: int) -> str:
    """Return the levels of a clamp in the units of the page, where they were given in others; "" else."""
    if seen.said.scenario is None or index >= len(seen.said.scenario.clamp):
        return ""
    clamp = seen.said.scenario.clamp[index]
    of = QUANTITIES[clamp.columns[0]]
    text = draft.cell(seen.now, "clamp", index, "level")
    if any(point.own for point in clamp.level) or of.clinical_unit in text:
        return ""
    return f"= {', '.join(f'{point.amount * of.factor:.4g}' for point in clamp.level)} {of.clinical_unit}"
