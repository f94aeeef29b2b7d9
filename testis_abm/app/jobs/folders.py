"""Results folders that are no jobs: those that the server was started with, and those of this machine's `runs`.

A browser chooses one by a name that tells nothing of where it lies.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testis_abm.app.jobs import desk as desks
from testis_abm.app.jobs.job import inside, is_folder
from testis_abm.experiments.opened import Folder
from testis_abm.support.errors import TestisError

# How the command tells the page, which Solara imports by itself.
VARIABLE = "TESTIS_ABM_APP_STORES"
_RUNS = "runs"
_DEPTH, _MOST = 2, 200  # folders below `runs`; how many are listed
_MARKS = ("manifest.json", "surface.json", "studies.json")


@dataclass(frozen=True)
class Found:
    """A results folder.

    Attributes:
        name: opaque; folder: where it is; kind, title: of its results (experiments.opened); changed: in seconds since 1970.
    """

    name: str
    folder: Path
    kind: str
    title: str
    changed: float


def publish(folders: Sequence[str]) -> None:
    """Let the page of this process show the results in `folders`.

    Raises:
        TestisError: one holds none.
    """
    os.environ[VARIABLE] = json.dumps([str(Folder.of(folder).folder.resolve()) for folder in folders])


def found() -> list[Found]:
    """Return the folders that may be shown: the server's own first, then the newest."""
    given = [Path(text) for text in json.loads(os.environ.get(VARIABLE, "[]"))]
    below = sorted(_below(Path(_RUNS).absolute()), key=_changed, reverse=True) if desks.desk().here else []
    opened = (_opened(path) for path in dict.fromkeys([*given, *below[:_MOST]]))
    return [one for one in opened if one is not None]


def _below(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Yield the results folders below one, without links and without the jobs of visitors."""
    if not depth or not is_folder(folder):
        return
    for path in inside(folder):
        if path.name.startswith(".") or not is_folder(path) or path.resolve() == desks.desk().base.resolve():
            continue
        if any(os.path.isfile(path / mark) for mark in _MARKS):
            yield path
        else:
            yield from _below(path, depth - 1)


def _changed(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except OSError:
        return 0.0


def _opened(folder: Path) -> Found | None:
    try:
        of = Folder.of(folder)
    except (TestisError, OSError, ValueError):  # what cannot be opened is not offered
        return None
    name = hashlib.sha256(str(folder).encode()).hexdigest()[:16]
    return Found(name, folder, of.kind, of.title, _changed(folder))
