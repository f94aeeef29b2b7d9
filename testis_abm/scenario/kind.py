"""What a file holds, and the command that runs it, for a message where it is given to another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXPERIMENTS = ("sweep", "trial", "sensitivity")
_OF_STUDIES = {"citation", "doi", "n", "duration", "baseline", "abstinence", "population", "design", "assay"}
_ALONE = {"compare": " with this file alone (several files must be plain scenarios)"}


def kind(raw: Mapping[str, Any]) -> tuple[str, str]:
    """Return what the tables of a file are, and the command for them."""
    if len(raw.keys() & _OF_STUDIES) > 1:
        return "a study", "studies run"
    for experiment in EXPERIMENTS:
        if experiment in raw:
            return f"a scenario with a [{experiment}] table", experiment
    return ("a scenario with [[arm]] tables", "compare") if "arm" in raw else ("a scenario", "run")


def elsewhere(raw: Mapping[str, Any], *commands: str) -> str | None:
    """Return where a file belongs that none of `commands` runs; None if one does."""
    what, command = kind(raw)
    return None if command in commands else f"is {what}; use testis-abm {command}{_ALONE.get(command, '')}"
