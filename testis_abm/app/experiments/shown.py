"""What a results folder holds, as its command printed it."""

from __future__ import annotations

import json
from pathlib import Path

import reacton.ipyvuetify as v
import solara

from testis_abm.app import widgets
from testis_abm.app.jobs.job import WRITTEN
from testis_abm.app.session import Session
from testis_abm.support import files

_LARGEST = 5_000_000  # bytes of what is read


@solara.component
def Shown(session: Session, folder: Path, kind: str) -> None:  # noqa: N802
    """Show the text of a results folder."""
    try:
        told = json.loads(files.content(folder / WRITTEN, _LARGEST))
        title, text = str(told["title"]), "\n".join(map(str, told["text"]))
    except (OSError, ValueError, KeyError, TypeError):
        widgets.note("These results have not been finished.")
        return
    widgets.heading(title, 3)
    v.Html(tag="pre", children=[text])
