"""What the views of all kinds of results share: the picture, the sentence that answers, tables to unfold and to take home."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import reacton.ipyvuetify as v
import solara

from testis_abm.app import vue, widgets
from testis_abm.experiments.opened import quietly
from testis_abm.pictures.plots_screen import NARROW, WIDE
from testis_abm.support.errors import TestisError
from testis_abm.support.tabular import defended

_log = logging.getLogger(__name__)
FAULT = "These results cannot be shown, by a fault of the program or of the folder; the server's log tells more."
FIRST = ("total motile count", "sperm concentration", "testosterone")  # the output that is shown at first
_MOST_ROWS = 300  # of a table that is unfolded; the file has all


@dataclass(frozen=True)
class Refused:
    """Why something cannot be shown, in words."""

    why: str


def tried[T](make: Callable[[], T], folder: str | Path = "") -> T | Refused:
    """Return what `make` makes of a folder, or why it does not: a component calls its hooks whatever comes."""
    try:
        with quietly():
            return make()
    except Exception as error:  # a folder that somebody else wrote must not end the page
        return refused(error, folder)


def refused(error: BaseException, folder: str | Path = "") -> Refused:
    """Return in words why a folder cannot be shown.

    Where it lies on the server is nobody's business: it is told by its name.
    """
    if isinstance(error, TestisError):
        return Refused(str(error).replace(str(folder), Path(folder).name) if str(folder) else str(error))
    _log.error("results cannot be shown", exc_info=error)
    return Refused(FAULT)


@vue.component("picture")
def _Picture(wide: str, narrow: str, name: str, event_pointed: Callable[[object], None]) -> None:  # noqa: N802
    """Show a picture of our own making, painted for a wide and a narrow window; report the `data-at` of what is clicked."""


def picture(
    wide: str, name: str, on_point: Callable[[str], None] = lambda key: None, narrow: str = ""
) -> solara.Element:
    """Show a picture that can be saved; `on_point` is told the key of what is clicked or entered."""

    def pointed(at: object) -> None:
        if isinstance(at, str) and len(at) < 200:
            on_point(at)

    return _Picture(wide=wide, narrow=narrow, name=name, event_pointed=pointed)


def painted(
    paint: Callable[[float], str], name: str, on_point: Callable[[str], None] = lambda key: None
) -> solara.Element:
    """Show a picture that is painted as wide as it is asked to be."""
    return picture(paint(WIDE), name, on_point, paint(NARROW))


def answer(text: str) -> None:
    """Show the sentence that answers."""
    widgets.paragraph(text, "ta-answer")


@contextmanager
def folded(label: str) -> Iterator[None]:
    """Show what follows behind a word."""
    with v.Html(tag="details", class_="ta-folded"):
        v.Html(tag="summary", children=[label])
        yield


def table(rows: pd.DataFrame, caption: str, first: str, exact: pd.DataFrame, name: str) -> None:
    """Show a table behind a word, in print, and offer it `exact` as a file."""
    with folded("As a table"):
        more = f" The first {_MOST_ROWS:,} of {len(rows):,} rows; the file has all." if len(rows) > _MOST_ROWS else ""
        widgets.table(rows.head(_MOST_ROWS), caption + more, first)
        download(exact, name)


def download(exact: pd.DataFrame, name: str) -> None:
    """Offer a table as CSV, its numbers as they are."""
    stem = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower() or "table"
    widgets.download("Table (CSV)", lambda: csv_of(exact), f"{stem}.csv", "text/csv")


def csv_of(rows: pd.DataFrame) -> bytes:
    """Return a table as CSV; text that a spreadsheet would take for a formula is marked as text."""
    texts = rows.select_dtypes(exclude="number").columns
    safe = rows.assign(**{str(name): [defended(value) for value in rows[name]] for name in texts})
    text = safe.rename(columns=defended).to_csv(index=False, lineterminator="\r\n")
    return bytes(text.encode(errors="backslashreplace"))


def lowered(words: str) -> str:
    """Return words as they stand within a sentence; "GnRH drive" and "T/E2" stay."""
    return words if not words[1:2].islower() or words[:2] == "Gn" else words[:1].lower() + words[1:]


def opening(word: str) -> str:
    """Return a word as it begins a sentence; "hCG" and "LH" are no words."""
    return word if word[1:2].isupper() or word[1:2] == "/" else word[:1].upper() + word[1:]
