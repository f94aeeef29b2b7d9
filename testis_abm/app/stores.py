"""The results folders that the server was started with; a browser chooses among them and names no path."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import cache

from testis_abm.experiments.opened import Folder

# How the command tells the page, which Solara imports by itself.
VARIABLE = "TESTIS_ABM_APP_STORES"


def publish(folders: Sequence[str]) -> None:
    """Let the page of this process show the results in `folders`."""
    os.environ[VARIABLE] = json.dumps([str(Folder.of(folder).folder.resolve()) for folder in folders])


@cache
def opened() -> tuple[Folder, ...]:
    """Return the results folders that the server was started with."""
    return tuple(Folder.of(folder) for folder in json.loads(os.environ.get(VARIABLE, "[]")))
