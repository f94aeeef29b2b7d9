"""Results folders of every kind, opened again: what a command or the page wrote, as what made it.

A sweep, a comparison and a ranking are worked out again from the runs of their store, finished or not; a trial, a surface and a
replay are read from the tables that were written beside them once they had ended.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from testis_abm.experiments.store import MANIFEST, progress, read, read_manifest
from testis_abm.parameters.tables import NONE, using
from testis_abm.scenario import Scenario, load
from testis_abm.support import files, guard, tabular
from testis_abm.support.errors import Note, TestisError, printable

if TYPE_CHECKING:
    from testis_abm.experiments.compare import Comparison
    from testis_abm.experiments.surface import Surface
    from testis_abm.experiments.trial_result import Result

SWEEP, COMPARE, TRIAL, SENSITIVITY, SURFACE, STUDIES = KINDS = (
    "sweep",
    "compare",
    "trial",
    "sensitivity",
    "surface",
    "studies",
)
# File that marks a folder of a kind that has no store.
_MARKS = {SURFACE: "surface.json", STUDIES: "studies.json"}
FORMATS = (".parquet", ".csv")  # of tables that are read again
_LARGEST = 200 * 2**20  # bytes of a table


@dataclass(frozen=True)
class Folder:
    """A results folder.

    Attributes:
        folder: where it is. kind: of KINDS. title: of the results.
        done, runs: by now, and of the whole design (both 1 of a kind that is written at its end).
    """

    folder: Path
    kind: str
    title: str
    done: int = 1
    runs: int = 1

    @property
    def missing(self) -> int:
        """Return how many runs are still to come."""
        return self.runs - self.done

    @classmethod
    def of(cls, folder: str | Path) -> Folder:
        """Return what a folder holds.

        Raises:
            TestisError: no results of a kind that can be opened.
        """
        folder = guard.path(folder, "folder")
        for kind, mark in _MARKS.items():
            if (folder / mark).is_file() and not (folder / MANIFEST).exists():
                return cls(folder, kind, _title(folder / mark, kind))
        manifest = read_manifest(folder)
        if manifest["kind"] not in KINDS:
            raise TestisError(
                f"{folder}: holds {printable(manifest['kind'])}, which is not shown here; known: {', '.join(KINDS)}"
            )
        return cls(folder, manifest["kind"], manifest["title"], *progress(folder))


def _title(path: Path, kind: str) -> str:
    content = files.read_json(path)
    if not isinstance(content, Mapping) or not isinstance(
        content.get("rows" if kind == STUDIES else "scenario"), list | str
    ):
        raise TestisError(f"{path}: is no such file of testis_abm; run the command again")
    if kind == SURFACE:
        return str(content.get("title", "Surface"))
    cited = list(dict.fromkeys(str(row.get("citation")) for row in content["rows"] if isinstance(row, Mapping)))
    return f"{cited[0]}, replayed" if len(cited) == 1 else f"{len(cited)} studies, replayed"


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Read what is there by now: that runs are missing is known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        yield


def table(folder: Path, name: str, *, needed: bool = True) -> pd.DataFrame | None:
    """Return a table that was written beside a store, None if there is none.

    Raises:
        TestisError: it is needed, is too large, or cannot be read.
    """
    for suffix in FORMATS:
        path = folder / f"{name}{suffix}"
        if not path.is_file():
            continue
        if path.stat().st_size > _LARGEST:
            raise TestisError(
                f"{path}: has {path.stat().st_size / 2**20:,.0f} MB; at most {_LARGEST / 2**20:,.0f} MB are opened"
            )
        try:
            return pd.read_parquet(path) if suffix == ".parquet" else pd.read_csv(path)
        except (OSError, ValueError, KeyError) as error:
            raise TestisError(f"{path}: is damaged ({files.reason(error)}); run the same command again") from None
    if needed:
        raise TestisError(f"{folder}: holds no {name}.parquet; once all runs are done, the same command writes it")
    return None


def arms_of(folder: Path) -> dict[str, Scenario]:
    """Return the scenarios of a store by name, each under it as its title.

    Raises:
        TestisError: it is no store.
    """
    manifest = read_manifest(folder)
    cases: Mapping[str, Any] = manifest["scenario"]
    order = [name for name in manifest.get("arms", ()) if name in cases]  # the manifest itself is sorted
    with using(NONE):  # a case carries its tables
        return {
            name: load({**cases[name], "title": name or manifest["title"]}) for name in dict.fromkeys([*order, *cases])
        }


def comparison(folder: str | Path) -> Comparison:
    """Return a comparison from the runs that its store holds by now, with the plausible models that were written beside it.

    Raises:
        TestisError: it is no comparison, or no replicate has ended in all arms.
    """
    from testis_abm.experiments.compare import analyse

    folder = _store(folder, COMPARE)
    known = table(folder, "plausible", needed=False)
    with quietly():
        runs = read(folder)
    if runs.empty:
        raise TestisError("No run is finished yet.")
    models = pd.DataFrame() if known is None else tabular.with_texts(known, ("question", "answer"))
    return analyse(arms_of(folder), runs, read_manifest(folder)["title"], known=models)


def trial(folder: str | Path) -> Result:
    """Return a trial that has ended, from the tables that were written beside its store.

    Raises:
        TestisError: it is no trial, or has not ended.
    """
    from testis_abm.experiments.trial import from_tables

    folder = _store(folder, TRIAL)
    manifest = read_manifest(folder)
    names = ("men", "flow", "levels", "effects", "responders", "predictors", "power")
    found: dict[str, Any] = {name: table(folder, name) for name in names}
    found |= {
        name: table(folder, name, needed=False) for name in ("estimates", "parameters", "under", "looks", "turns")
    }
    with quietly():
        runs = read(folder)
    failed = runs[runs["error"] != ""][["point", "case", "error"]].drop_duplicates().reset_index(drop=True)
    scenario = next(iter(arms_of(folder).values()))
    return from_tables(manifest, scenario, found, failed)


def surface(folder: str | Path) -> Surface:
    """Return a surface from the tables of its folder.

    Raises:
        TestisError: it is none, or a table is missing or damaged.
    """
    from testis_abm.experiments.surface import from_tables

    folder = guard.path(folder, "folder")
    about = files.read_json(folder / _MARKS[SURFACE])
    points, path, states = (table(folder, name) for name in ("surface", "path", "states"))
    try:
        return from_tables(about, points, path, states)
    except (KeyError, TypeError, ValueError) as error:
        raise TestisError(
            f"{folder}: {_MARKS[SURFACE]} is damaged ({files.reason(error)}); run the command again"
        ) from None


def _store(folder: str | Path, kind: str) -> Path:
    folder = guard.path(folder, "folder")
    if (of := read_manifest(folder)["kind"]) != kind:
        raise TestisError(f"{folder}: holds a {printable(of)}, not a {kind}")
    return folder
