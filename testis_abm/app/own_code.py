"""The file of rules in Python that the server was started with, by which all men of the page live; no visitor can name one."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testis_abm.agents.model import TestisModel
    from testis_abm.agents.own_file import OwnFile

# How the command tells the page, which Solara imports by itself.
VARIABLE = "TESTIS_ABM_APP_RULES"


def publish(own: OwnFile | None) -> None:
    """Let the men of this process's page live by the rules of a file (None: by those of the program)."""
    os.environ.pop(VARIABLE, None)
    if own is not None:
        os.environ[VARIABLE] = own.path
    given.cache_clear()


@cache
def given() -> OwnFile | None:
    """Return the file that the server was started with."""
    if not (path := os.environ.get(VARIABLE, "")):
        return None
    from testis_abm.agents.own_file import OwnFile

    return OwnFile.at(path)


def model() -> type[TestisModel]:
    """Return the class of the page's men."""
    from testis_abm.agents.model import TestisModel

    own = given()
    return TestisModel if own is None else own.model


def said() -> str:
    """Return what the page says of the file, "" without one."""
    own = given()
    return "" if own is None else f"Men live by the rules of {Path(own.path).name}, with which this server was started."
