"""The command `testis-abm report`: one page of the results in a folder."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testis_abm.choices import DISCLAIMER
from testis_abm.cli.options import Command, option
from testis_abm.cli.page import DOCUMENT, PAGE, write_page
from testis_abm.cli.told import Told
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import TestisError, printable


def document_of(folder: Path, told: Told) -> Mapping[str, Any]:
    """Return what was said of the results in a folder: as kept there, or of a run, as its tables tell.

    Raises:
        TestisError: it holds no results.
    """
    from testis_abm.results import store

    with files.reading(folder):
        names = {path.name for path in folder.iterdir()}
    if DOCUMENT in names:
        kept = files.read_json(folder / DOCUMENT)
        if isinstance(kept, dict) and kept.get("software") == outputs.SOFTWARE and isinstance(kept.get("text"), list):
            return kept
        raise TestisError(f"{printable(str(folder / DOCUMENT))}: was not written by {outputs.SOFTWARE}")
    if store.is_run(folder):
        tell_run(store.load(folder), told)
        return told.document() | {"methods": told.methods(), "command": ["run", "scenario.toml"]}
    raise TestisError(
        f"{printable(str(folder))}: holds no results of a run and no {DOCUMENT}; call the command that made it again with "
        "--out and --report: what is finished is kept"
    )


def tell_run(result: Any, told: Told) -> None:
    """Say what a run ends with."""
    from testis_abm.results.observed import observed
    from testis_abm.results.summary import render, summarise

    told.of(result.scenario)
    told.notes += [str(text) for text in result.provenance.get("warnings") or ()]
    told.row("summary", summarise(result).reset_index(drop=True))
    seen = observed(result)
    if len(seen):
        told.row("observed", seen)
    told.facts |= {
        "replicates": result.replicates,
        "arms": list(result.arms),
        "why": result.provenance.get("why") or "",
    }
    told.say(render(result))


def _report(options: argparse.Namespace) -> None:
    folder = guard.path(options.folder, "folder")
    told: Told = options.told
    quiet = Told(("run",))
    quiet.as_json = True  # what it says goes to the page alone
    document = document_of(folder, quiet)
    told.title = str(document["title"])
    told.facts["page"] = str(write_page(folder, document))
    told.say(f"Report: {told.facts['page']}")


COMMANDS = (
    Command(
        "report",
        "make one page of the results in a folder",
        _report,
        (option("folder", "results folder of a command", metavar="FOLDER"),),
        f"Write {PAGE} into a results folder: what was printed, drawn and done, how to cite and to reproduce it, in one file that "
        f"needs nothing else. {DISCLAIMER}",
        "runs/obese_anastrozole-1a2b3c",
    ),
)
