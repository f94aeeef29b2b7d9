"""Controls that follow from the description of the form (app.fields), and the folds that they stand in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import reacton.ipyvuetify as v
import solara

from testis_abm.app import draft, fields, plan_end, widgets
from testis_abm.app.draft import Draft, Understanding
from testis_abm.app.fields import Path
from testis_abm.app.session import Session
from testis_abm.app.units import in_its_units

_MOST = 2000  # characters: many listed days


@dataclass(frozen=True)
class Seen:
    """What a form shows at one time: the session, the draft as it was then, and what it says.

    A fold is made again when one of these is another.
    """

    session: Session
    now: Draft
    said: Understanding

    @cached_property
    def beyond(self) -> dict[Path, Draft]:
        """Return what lies beyond the end of the plan (plan_end.beyond)."""
        return plan_end.beyond(self.now)

    def faults(self, group: str) -> int:
        """Return how many faults there are in a group of the form."""
        return sum(fields.group_of(problem.path) == group for problem in self.said.problems)


def control(
    seen: Seen,
    *path: str | int,
    label: str = "",
    hint: str = "",
    unit: str = "",
    options: Sequence[tuple[str, str]] = (),
    several: bool = False,
    usual: str = "",
) -> None:
    """Show the field at a path of the draft; what is wrong or lies beyond the plan is told beside it.

    Args:
        label, hint, options: in the place of the field's own; usual: which option holds where none is chosen.
        several: whether it is shown on several lines.
    """
    field = fields.at(path)
    if field is None:
        raise KeyError(path)
    value, error = draft.cell(seen.now, *path), seen.said.at(*path)
    chosen = [*(options or field.options)]

    def write(text: str) -> None:
        seen.session.edit(draft.with_cell, *path, text)

    with solara.Div(classes=["ta-all"] if field.wide or several else []):
        if chosen:
            value = value or usual or field.hint
            if value not in (option for option, _ in chosen):
                chosen.append((value, value))
            widgets.select(label or field.label, value, chosen, write, error=error)
        elif several:
            widgets.text_area(label or field.label, value, write, hint=hint or field.hint, error=error)
        else:
            widgets.text_field(
                label or field.label,
                value,
                write,
                unit=unit,
                hint=hint or field.hint,
                options=field.suggestions,
                error=error,
                most=_MOST,
            )
        _cut(seen, path, error)


def _cut(seen: Seen, path: Path, error: str) -> None:
    """Offer to end at the end of the plan what lies beyond it."""
    if (changed := seen.beyond.get(path)) is None:
        return
    last = plan_end.end(seen.now)
    gone = len(draft.rows_of(changed, path)) < len(draft.rows_of(seen.now, path))
    if gone and error:  # and a button that removes the row
        return
    with solara.Div(classes=["ta-row", "ta-beyond"]):
        if not error:
            v.Html(tag="span", class_="ta-unit", children=[f"Beyond the plan, which ends on day {last:g}."])
        if not gone:
            says = f"Cut {path[0]} {path[1] + 1 if isinstance(path[1], int) else path[1]} to day {last:g}"
            widgets.button(f"Cut to day {last:g}", lambda: seen.session.edit(_put, changed), small=True, says=says)


def _put(_: Draft, changed: Draft) -> Draft:
    return changed


def cells(seen: Seen, path: Path, keys: Sequence[str]) -> None:
    """Show fields of a table, two beside one another."""
    with solara.Div(classes=["ta-cells"]):
        for key in keys:
            control(seen, *path, key)


def remove(seen: Seen, path: Path, name: str) -> None:
    """Show the button that removes what stands at a path."""
    widgets.button("Remove", lambda: seen.session.edit(draft.without, path), small=True, says=f"Remove {name}")


def row(
    seen: Seen, path: Path, name: str, show: Callable[[], None], shown: Sequence[str], note: str = "", called: str = ""
) -> None:
    """Show a row under its name with a button that removes it; `shown` are the keys whose faults `show` tells.

    What is wrong with others, or with the row as a whole, is told above the button. `called`: what the button calls it.
    """
    with v.Html(tag="fieldset", class_="ta-therapy"):
        v.Html(tag="legend", children=[name])
        show()
        beside = {(*path, key) for key in shown}
        for problem in seen.said.problems:
            if problem.path[: len(path)] == path and problem.path[: len(path) + 1] not in beside:
                widgets.paragraph(problem.text, "ta-error")
        with solara.Div(classes=["ta-row"]):
            remove(seen, path, called or f"{name[:1].lower()}{name[1:]}")
            if note:
                v.Html(tag="span", class_="ta-unit", children=[note])


def lines(seen: Seen, rows: fields.Rows, label: str) -> None:
    """Show a list of lines, each with what is wrong with it, and a field for one more."""
    found = draft.rows_of(seen.now, rows.path)
    for i in range(len(found)):
        path: Path = (*rows.path, i)
        with solara.Div(classes=["ta-line-row"]):
            control(seen, *path, label=f"{rows.name[:1].upper()}{rows.name[1:]} {i + 1}", several=True)
            # Of a list of one, some faults are told of the list.
            if len(found) == 1 and not seen.said.at(*path) and (error := seen.said.only_at(*rows.path)):
                widgets.paragraph(error, "ta-error")
            remove(seen, path, f"{rows.name} {i + 1}")

    def write(text: str) -> None:
        if text:
            seen.session.edit(draft.with_line, rows, text)

    # The key makes a fresh control each time, so that it is empty again.
    more = widgets.text_area(label, "", write, hint=rows.example)
    more.key(f"{rows.name}-{len(found)}")


def add(label: str, first: str, options: Sequence[tuple[str, str]], take: Callable[[str], None], count: int) -> None:
    """Show a choice of what can be added; it goes back to its first option."""
    known = widgets.select(label, "", [("", first), *options], lambda name: take(name) if name else None)
    known.key(f"{label}-{count}")


@solara.component
@in_its_units
def Fold(  # noqa: N802
    session: Session,
    name: str,
    says: str,
    show: Callable[[], None],
    *,
    faults: int = 0,
    begun: bool = False,
    level: int = 2,
) -> None:
    """Show a part of the form under its name; folded, it says in words what is in it, and how much of that is wrong.

    What is folded is not sent to the browser, which keeps the first view light.
    """
    opened, set_opened = solara.use_state(begun)
    attributes = {"open": True} if opened else {}
    with v.Html(tag="details", class_=f"ta-fold ta-fold-{level}", attributes=attributes):
        heading = v.Html(tag="h2" if level == 2 else "span", class_="ta-fold-name", children=[name])
        inner = [heading]
        if faults and not opened:
            inner.append(v.Html(tag="span", class_="ta-error", children=[f"{faults} to correct"]))
        elif says and not opened:
            inner.append(v.Html(tag="span", class_="ta-says", children=[says]))
        summary = v.Html(tag="summary", children=inner)
        solara.v.use_event(summary, "click.prevent", lambda *_: set_opened(lambda was: not was))
        if opened:
            with solara.Div(classes=["ta-fold-in"]):
                show()
