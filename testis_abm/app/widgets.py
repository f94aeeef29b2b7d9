"""The controls of the page: labelled native inputs, buttons, notes, tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import Any

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm.app import vue
from testis_abm.app.sliders import Slider
from testis_abm.parameters import hypotheses
from testis_abm.results.report import number

EARLIER = "These results are of an earlier form, which has changed since: press Run for results of this one."
LONGEST, LONGEST_SENTENCE = 200, 500  # characters
_STYLES = sorted(Path(__file__).with_name("styles").glob("*.css"), key=lambda path: (path.stem != "base", path.stem))
CSS = "\n".join(path.read_text(encoding="utf-8") for path in _STYLES)

_PERCENT = re.compile(r"(?<=[0-9]) %")  # of a figure, which a line may not part from it


@vue.component("control")
def _Control(field: dict[str, Any], event_change: Callable[[Any], None]) -> None:  # noqa: N802
    """Show a labelled input; `field` holds its kind, label, value and what else control.vue needs."""


@vue.component("browser")
def Address(  # noqa: N802
    fragment: str,
    stored: dict[str, Any] | None,
    units: str,
    dark: bool | None,
    event_opened: Callable[[Any], None],
    event_restored: Callable[[Any], None],
    event_darkened: Callable[[Any], None],
    event_measured: Callable[[Any], None],
) -> None:
    """Report the scenario in the page's address, at first and whenever it changes, and a browser that prefers the dark.

    `fragment` becomes the end of the address; an empty one leaves it alone. `stored` is kept by the tab and reported
    once the page is loaded again; None keeps nothing. The browser remembers choices of `units` and `dark`, and reports
    them; until one was made, it reports whether the system is dark.
    """


@vue.component("steps")
def StepKeys(event_stepped: Callable[[Any], None]) -> None:  # noqa: N802
    """Report Ctrl + Z (True: a step back) and Ctrl + Shift + Z (False: forth) outside of text fields."""


@vue.component("upload")
def Upload(label: str, accept: str, most: int, part: int, event_sent: Callable[[Any], None]) -> None:  # noqa: N802
    """Show a chooser of a file that is sent, if it has at most `most` bytes, in parts of `part` (received.Parts)."""


@vue.component("link")
def Link(label: str, fragment: str) -> None:  # noqa: N802
    """Show the address of this page with a fragment, and a button that copies it."""


def text_field(
    label: str,
    value: object,
    on_change: Callable[[str], None],
    *,
    unit: str = "",
    error: str = "",
    hint: str = "",
    options: Sequence[tuple[str, str]] = (),
    most: int = LONGEST,
) -> Any:
    """Show a line of text of at most so many characters; `options` are suggestions."""
    field = {"kind": "text", "label": label, "value": str(value), "unit": unit, "error": error, "hint": hint}
    more = {"options": [list(option) for option in options], "most": most}
    return _Control(field=field | more, event_change=lambda got: on_change(str(got)[:most]))


def text_area(label: str, value: str, on_change: Callable[[str], None], *, error: str = "", hint: str = "") -> Any:
    """Show a sentence on several lines; line breaks in it are spaces."""
    field = {"kind": "lines", "label": label, "value": value, "error": error, "hint": hint, "most": LONGEST_SENTENCE}
    return _Control(field=field, event_change=lambda got: on_change(" ".join(str(got)[:LONGEST_SENTENCE].split())))


def select(
    label: str, value: str, options: Sequence[tuple[str, str]], on_change: Callable[[str], None], *, error: str = ""
) -> Any:
    """Show a choice of (value, text); what is none of them is not taken."""
    known = {option for option, _ in options}
    field = {
        "kind": "select",
        "label": label,
        "value": value,
        "error": error,
        "options": [list(option) for option in options],
    }

    def take(got: object) -> None:
        if isinstance(got, str) and got in known:
            on_change(got)

    return _Control(field=field, event_change=take)


def slider(look: Slider, value: Any, on_change: Callable[[Any], None], *, error: str = "") -> Any:
    """Show a slider and a number field with `value`."""
    field = {"kind": "range", "value": value, "place": look.clamp(value), "error": error}
    field |= {name: getattr(look, name) for name in ("label", "unit", "low", "high", "step")}
    return _Control(field=field, event_change=on_change)


def button(
    label: str,
    on_click: Callable[[], Any],
    *,
    main: bool = False,
    small: bool = False,
    disabled: bool = False,
    says: str = "",
    about: str = "",
) -> Any:
    """Show a button; `says` is what a screen reader says instead of a label that is short, `about` what is told besides it."""
    classes = ["ta-do", *(["ta-main"] if main else []), *(["ta-small"] if small else [])]
    attributes = ({"aria-label": says} if says else {}) | ({"title": about} if about else {})
    return solara.Button(label, on_click=on_click, classes=classes, disabled=disabled, attributes=attributes)


def download(label: str, data: Callable[[], bytes] | bytes | str, name: str, mime: str) -> Any:
    """Show a button that makes a file when it is pressed and hands it to the browser."""
    with solara.FileDownload(data, filename=name, mime_type=mime) as main:
        solara.Button(label, classes=["ta-do"])
    return main


def html(text: str, tag: str = "div", classes: Sequence[str] = (), **attributes: str) -> Any:
    """Show HTML of our own making."""
    return solara.HTML(
        tag=tag,
        unsafe_innerHTML=text,
        classes=list(classes),
        attributes={k.replace("_", "-"): value for k, value in attributes.items()},
    )


@solara.component
def _Heading2(text: str) -> None:  # noqa: N802
    v.Html(tag="h2", children=[text])


@solara.component
def _Heading3(text: str) -> None:  # noqa: N802
    v.Html(tag="h3", children=[text])


@solara.component
def _Paragraph(text: str, classes: str) -> None:  # noqa: N802
    v.Html(tag="p", class_=classes, children=[text])


def heading(text: str, level: int = 2) -> Any:
    """Show a heading; each tag is a component of its own, as the browser does not change the tag of what it shows already."""
    return (_Heading2 if level == 2 else _Heading3)(text)


def note(text: str, *, wrong: bool = False) -> Any:
    """Show a note; what is wrong is told to a screen reader at once."""
    role = "alert" if wrong else "status"
    return v.Html(
        tag="div", class_="ta-note ta-wrong" if wrong else "ta-note", children=[text], attributes={"role": role}
    )


def paragraph(text: str, classes: str = "") -> Any:
    """Show a paragraph; no line of it begins with the % of a figure."""
    return _Paragraph(unbroken(text), classes)


def unbroken(text: str) -> str:
    """Return a text whose percentages stay on one line."""
    return _PERCENT.sub("\N{NO-BREAK SPACE}%", text)


def table(rows: pd.DataFrame, caption: str, first: str = "", *, words: bool = False) -> Any:
    """Show a table with its index as first column, of numbers or of `words`; on a narrow screen each row becomes a block of named values."""
    names = [escape(str(name), quote=True) for name in rows.columns]
    head = "".join(f'<th scope="col">{name}</th>' for name in [escape(first), *names])
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th>'
        + "".join(f'<td data-name="{column}">{escape(_text(value))}</td>' for column, value in zip(names, row))
        + "</tr>"
        for name, row in zip(rows.index, rows.to_numpy())
    )
    return html(
        f'<table class="ta-table{" ta-words" if words else ""}"><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>',
        classes=["ta-scroll"],
    )


def by_answer(rows: pd.DataFrame, caption: str) -> None:
    """Show, behind a word, the changes under each answer to what the data do not decide (results.plausible.by_answer)."""
    names = rows.index.get_level_values(0)
    with v.Html(tag="details"):
        v.Html(tag="summary", children=["What this hangs on"])
        paragraph(caption, "ta-unit")
        for question in dict.fromkeys(name for name in names if name):
            of, shown = hypotheses()[question], rows[(names == question) | (names == "")].droplevel(0)
            table(shown, f"{of.question} What would decide: {of.decided_by}.", question)


def _text(value: object) -> str:
    return number(float(value)) if isinstance(value, float) else str(value)
