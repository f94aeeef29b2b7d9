"""The controls of a scenario: the man, his treatment, the plan, and what came with a file or preset."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, widgets
from testis_abm.app.session import Session
from testis_abm.quantities import ASSAYS
from testis_abm.scenario import Samples, Tissue
from testis_abm.scenario.insult import KINDS, key_of, keys_of

# Field of a therapy or change of weight: label, and what is meant where it is empty.
_FIELDS = {
    "dose": ("Dose", "1 mg"),
    "every": ("Every", "once"),
    "from": ("Start day", "0"),
    "until": ("Stop day", "end"),
    "over": ("Infused over", "at once"),
    "when": ("Only when", "LH at day 0 < 5 IU/L"),
    "bmi": ("BMI reached, kg/m²", "28"),
    "reached": ("Day reached", "180"),
}
_OFTEN = (
    ("1 day", "daily"),
    ("12 hours", "twice daily"),
    ("2 days", ""),
    ("3.5 days", "twice weekly"),
    ("7 days", "weekly"),
)
_ADDS = (("", "replace those of the same drug above"), ("adds", "add to those of the same drug above"))
_CHANGE_OF_WEIGHT = "change of weight"
_SHOWN_EXTRAS = 20


def man(session: Session, said: draft.Understanding) -> None:
    """Show the preset and the physiology."""
    now, match = session.draft.value, session.match.value
    known = draft.presets(now).values()
    presets = [(preset.name, draft.titled(now, "preset", preset.name, preset.title)) for preset in known]
    matched = match is not None and now["man"] == match.man.as_dict()
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Man")
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


def _slider(session: Session, slider: draft.Slider, said: draft.Understanding) -> None:
    now, error = session.draft.value, said.at("man", slider.field)
    try:
        value: Any = slider.shown(now)
        if error and slider.factor != 1.0:
            error = slider.fault(value) or error
    except ValueError:
        value = now["man"][slider.field]
    widgets.slider(slider, value, lambda got: session.edit(draft.with_slider, slider, got), error=error)


def treatment(session: Session, said: draft.Understanding) -> None:
    """Show therapies and changes of weight, and what can be added."""
    now = session.draft.value
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Treatment")
        for index in range(len(now.get("therapy", ()))):
            _therapy(session, index, said)
        for index in range(len(now.get("weight", ()))):
            with v.Html(tag="fieldset", class_="ta-therapy"):
                name = f"Weight change {index + 1}"
                v.Html(tag="legend", children=[name])
                _row(session, said, ("weight", index), ("bmi", "from", "until"))
                with solara.Div(classes=["ta-row"]):
                    _remove(session, ("weight", index), name[:1].lower() + name[1:])
        known = draft.drugs(now).values()
        drugs = [(drug.name, draft.titled(now, "drug", drug.name, drug.title)) for drug in known]
        options = [("", "Add a treatment …"), *drugs, (_CHANGE_OF_WEIGHT, "Weight loss or gain")]
        # The key makes a fresh control each time, so that it goes back to its first option.
        count = len(now.get("therapy", ())) + len(now.get("weight", ()))
        widgets.select("Add", "", options, lambda name: _add(session, name)).key(f"add-{count}")


def _add(session: Session, name: str) -> None:
    if name == _CHANGE_OF_WEIGHT:
        session.edit(draft.with_weight)
    elif name:
        session.edit(draft.with_therapy, name)


def _row(session: Session, said: draft.Understanding, path: tuple[str, int], keys: tuple[str, ...]) -> None:
    """Show text fields of a therapy or of a change of weight."""
    with solara.Div(classes=["ta-cells"]):
        for key in keys:
            label, hint = _FIELDS["reached" if path[0] == "weight" and key == "until" else key]
            widgets.text_field(
                label,
                draft.cell(session.draft.value, *path, key),
                _typed(session, path, key),
                hint=hint,
                options=_OFTEN if key == "every" else (),
                error=said.at(*path, key),
            )


def _typed(session: Session, path: tuple[str, int], key: str) -> Callable[[str], None]:
    return lambda text: session.edit(draft.with_cell, *path, key, text)


def _remove(session: Session, path: draft.Path, name: str) -> None:
    widgets.button("Remove", lambda: session.edit(draft.without, path), small=True, says=f"Remove {name}")


def _therapy(session: Session, index: int, said: draft.Understanding) -> None:
    row, path = session.draft.value["therapy"][index], ("therapy", index)
    drug = draft.drugs(session.draft.value).get(str(row.get("drug", "")))
    title = draft.titled(session.draft.value, "drug", drug.name, drug.title) if drug else str(row.get("drug", ""))
    routes = drug.routes if drug else ()
    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[f"{index + 1}. {title}"])
        _row(session, said, path, ("dose", "every", "from", "until"))
        for key in ("drug", "adds", "route"):
            if error := said.at(*path, key):
                widgets.paragraph(error, "ta-error")
        more = any(key in row for key in ("over", "when", "adds", "route"))
        with v.Html(tag="details", attributes={"open": True} if more else {}):
            v.Html(tag="summary", children=["Infusion, condition, route"])
            _row(session, said, path, ("over", "when"))
            if "when" in row or "adds" in row:
                adds = "adds" if row.get("adds") else ""
                widgets.select("While the condition holds, its doses", adds, _ADDS, _typed(session, path, "adds"))
            if len(routes) > 1 or "route" in row:
                route = str(row.get("route", routes[0] if routes else ""))
                known = [(name, name.replace("_", " ")) for name in routes]
                widgets.select("Route", route, known, _typed(session, path, "route"))
        with solara.Div(classes=["ta-row"]):
            _remove(session, path, f"therapy {index + 1}, {title}")
            v.Html(tag="span", class_="ta-unit", children=[f"Usual: {drug.usual}." if drug else ""])


def injury(session: Session, said: draft.Understanding) -> None:
    """Show insults, each with the keys of its kind (scenario.insult.KINDS, KEYS), and what can be added."""
    rows, kinds = session.draft.value.get("insult", ()), [(name, name.capitalize()) for name in KINDS]
    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Injury")
        for index, row in enumerate(rows):
            _insult(session, index, str(row.get("kind", "")), said, kinds)
        options = [("", "Add an insult …"), *kinds]
        add = widgets.select(
            "Add insult", "", options, lambda name: session.edit(draft.with_insult, name) if name else None
        )
        add.key(f"insult-{len(rows)}")


def _insult(
    session: Session, index: int, kind: str, said: draft.Understanding, kinds: Sequence[tuple[str, str]]
) -> None:
    path, agent = ("insult", index), session.draft.value["insult"][index].get("agent")
    name = f"{index + 1}. {kind}" + (f": {agent} (own)" if agent else "")

    def change(to: str) -> None:
        session.edit(draft.with_kind, index, to)

    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[name])
        widgets.select("Kind", kind, kinds, change, error=said.at(*path, "kind"))
        with solara.Div(classes=["ta-cells"]):
            for key in keys_of(kind):
                _insult_cell(session, path, kind, key, said.at(*path, key))
        with solara.Div(classes=["ta-row"]):
            _remove(session, path, f"insult {name}")


def _insult_cell(session: Session, path: tuple[str, int], kind: str, key: str, error: str) -> None:
    """Show one key of an insult: words to choose from, or a line of text beside what is allowed."""
    now, about, hint = draft.cell(session.draft.value, *path, key), key_of(kind, key), draft.usual(kind, key)
    write = _typed(session, path, key)
    if words := about.words():
        none = [] if hint else [("", "none")]
        widgets.select(about.label, now or hint, [*none, *((word, word) for word in words)], write, error=error)
    else:
        widgets.text_field(about.label, now, write, unit=about.allowed, hint=hint or "for good", error=error)


def plan(session: Session, said: draft.Understanding) -> None:
    """Show title, length, replicates, seed and assay."""
    now = session.draft.value

    def entry(*path: str, whole: bool = False) -> Callable[[str], None]:
        def take(text: str) -> None:
            session.edit(draft.with_entry, _whole(text) if whole else text, *path)

        return take

    with solara.Div(classes=["ta-sheet"]):
        widgets.heading("Plan")
        widgets.text_field("Title", now.get("title", ""), entry("title"), error=said.at("title"))
        with solara.Div(classes=["ta-cells"]):
            widgets.text_field(
                "Duration",
                now["plan"].get("duration", ""),
                lambda text: session.edit(draft.with_duration, text),
                error=said.at("plan", "duration"),
                hint="9 months",
            )
            for key, label in (("baseline", "Baseline period"), ("replicates", "Replicates"), ("seed", "Random seed")):
                value, error = now["plan"].get(key, ""), said.at("plan", key)
                widgets.text_field(label, value, entry("plan", key, whole=True), error=error)
        with v.Html(tag="details"):
            v.Html(tag="summary", children=["Simulated tissue"])
            with solara.Div(classes=["ta-cells"]):
                for key, label in (("tubules", "Tubules"), ("rows", "Sections along each")):
                    value = now.get("tissue", {}).get(key, getattr(Tissue(), key))
                    widgets.text_field(label, value, _sized(session, key), error=said.at("tissue", key))
        widgets.select(
            "Assay of serum E2",
            now.get("samples", {}).get("assay", Samples().assay),
            list(ASSAYS.items()),
            lambda name: session.edit(draft.with_assay, name),
            error=said.at("samples", "assay"),
        )


def _sized(session: Session, key: str) -> Callable[[str], None]:
    return lambda text: session.edit(draft.with_tissue, key, _whole(text))


def _whole(text: str) -> int | str:
    """Return the whole number that was typed, or what was typed instead, to be explained."""
    return int(text) if re.fullmatch(r"\s*[0-9]{1,18}\s*", text) else text


def extras(session: Session, said: draft.Understanding) -> None:
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
                _remove(session, extra.path, extra.text)
        if len(found) > _SHOWN_EXTRAS:
            widgets.paragraph(f"… and {len(found) - _SHOWN_EXTRAS} more.", "ta-unit")
        if len(found) > 1:
            widgets.button("Remove all of these", lambda: session.edit(draft.without_extras), small=True)
