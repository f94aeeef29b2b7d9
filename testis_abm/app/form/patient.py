"""The man of the form: where he starts from, his physiology, his lesions and injuries, what he was given before."""

from __future__ import annotations

from typing import Any

import solara

from testis_abm.app import draft, fields, widgets
from testis_abm.app.form.controls import Fold, Seen, add, control, lines, remove, row
from testis_abm.app.sliders import LESIONS, OTHERS, SLIDERS, Slider
from testis_abm.scenario.grammar import CELLS, plural
from testis_abm.scenario.insult import KINDS, key_of, keys_of

# Types of germ cell in the order in which their numbers count them, from a_dark, 0.
_TYPES = [cell for cell, steps in CELLS.items() if len(steps) == 1]
ARREST = tuple((number, name) for number, name in enumerate(_TYPES, 1) if number > 1)


def man(seen: Seen) -> None:
    """Show whom he starts from, weight and age, and under a fold the rest of his physiology."""
    now, match = seen.now, seen.session.match.value
    known = draft.presets(now).values()
    presets = [(preset.name, draft.titled(now, "preset", preset.name, preset.title)) for preset in known]
    matched = match is not None and now["man"] == match.man.as_dict()
    widgets.select(
        fields.PRESET.label,
        "" if matched else now["man"].get("preset", "fertile"),
        [("", draft.OF_LABS), *presets] if matched else presets,
        lambda name: seen.session.change_man(draft.with_preset(seen.session.draft.peek(), name)) if name else None,
        error=seen.said.at("man", "preset"),
    )
    for slider in SLIDERS[:2]:
        _slider(seen, slider)
    physiology(seen)


def physiology(seen: Seen) -> None:
    """Show the sliders of his hormones, cells, receptors and semen."""

    def show() -> None:
        for slider in OTHERS:
            _slider(seen, slider)

    others = {slider.field for slider in OTHERS}
    faults = sum(of.path[:1] == ("man",) and of.path[-1] in others for of in seen.said.problems)
    changed = [slider.label for slider in OTHERS if draft.differs_from_preset(seen.now, slider.field)]
    says = f"{len(changed)} changed: {', '.join(changed[:3])}" if changed else "as the preset has it"
    Fold(seen.session, "More of his physiology", says, show, faults=faults, level=3)


def _slider(seen: Seen, slider: Slider) -> None:
    now, error = seen.now, seen.said.at("man", slider.field)
    try:
        value: Any = slider.shown(now)
        if error and slider.factor != 1.0:
            error = slider.fault(value) or error
    except ValueError:
        value = now["man"][slider.field]
    if slider.field == "arrest_before" and not error:
        options = [(str(number), f"before {plural(name)}") for number, name in ARREST]
        chosen = str(int(float(value)))
        widgets.select("Arrest", chosen, options, lambda got: seen.session.edit(draft.with_slider, slider, got))
        return
    widgets.slider(slider, value, lambda got: seen.session.edit(draft.with_slider, slider, got), error=error)


def lesions(seen: Seen) -> None:
    """Show lesions, and insults, each with the keys of its kind (scenario.insult.KINDS, KEYS), and what can be added."""
    widgets.heading("Lesions", 3)
    for slider in LESIONS:
        _slider(seen, slider)
    widgets.heading("Insults", 3)
    rows, own = draft.rows_of(seen.now, ("insult",)), draft.own_injuries(seen.now).values()
    kinds = [(name, name.capitalize()) for name in KINDS]
    kinds += [(of.name, draft.titled(seen.now, "injury", of.name, of.title)) for of in own]
    for index in range(len(rows)):
        _insult(seen, index, kinds)
    add("Add insult", "Add an insult …", kinds, lambda name: seen.session.edit(draft.with_insult, name), len(rows))


def _insult(seen: Seen, index: int, kinds: list[tuple[str, str]]) -> None:
    path, (kind, injury) = ("insult", index), draft.kind_of(seen.now, index)
    name = f"{index + 1}. {kind or draft.cell(seen.now, *path, 'kind')}" + (f": {injury.name} (own)" if injury else "")
    keys = keys_of(kind) if kind else ()

    def show() -> None:
        chosen = injury.name if injury else kind
        error = seen.said.at(*path, "kind")
        widgets.select("Kind", chosen, kinds, lambda to: seen.session.edit(draft.with_kind, index, to), error=error)
        with solara.Div(classes=["ta-cells"]):
            for key in keys:
                about, hint = key_of(kind, key), draft.usual(kind, key, injury)
                if words := about.words():
                    none = [] if hint else [("", "none")]
                    control(seen, *path, key, options=[*none, *((word, word) for word in words)], usual=hint)
                else:
                    control(seen, *path, key, hint=hint or "for good", unit=about.allowed)

    row(seen, path, name, show, ("kind", *keys), called=f"insult {name}")


def past(seen: Seen) -> None:
    """Show what he was given before the plan begins."""
    widgets.paragraph("What he was given before the simulated time begins, a line each.", "ta-unit")
    lines(seen, fields.HISTORY, "Add an earlier treatment")


def own_tables(seen: Seen, found: tuple[Any, ...]) -> None:
    """List what the form has no field for, each with a button that removes it."""
    for extra in found:
        with solara.Div(classes=["ta-extra"]):
            widgets.paragraph(extra.text)
            if error := seen.said.at(*extra.path):
                widgets.paragraph(error, "ta-error")
            remove(seen, extra.path, extra.text)
