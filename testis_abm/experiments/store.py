"""The store of an experiment: a folder with a manifest, a design and Parquet parts, each written whole or not at all.

A part holds a chunk of runs, and its name ends with its checksum; a run is known by the hash of all that decides on its
results, so it is never done twice, wherever and for whatever design it was done. `design.parquet` says which runs the
experiment has: a row a run, with its point, replicate and the values put in. Parts can be read while others are still
being written: `pandas.read_parquet(folder / "parts")`, or in DuckDB `SELECT * FROM 'folder/design.parquet' JOIN
'folder/parts/*.parquet' USING (run)`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.experiments.task import FAULT, version
from testis_abm.support import files, guard
from testis_abm.support.errors import Note, TestisError, printable

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from testis_abm.experiments.task import Job, Task

FORMAT = 3
_KEPT = "what was finished before is kept"
_DIGITS = 32  # of a checksum in the name of a part
_LOOKS, _PAUSE = 10, 0.1  # at a design that may be renewed meanwhile; seconds between them
MANIFEST, DESIGN, PARTS = "manifest.json", "design.parquet", "parts"
# What two experiments of one store have in common; all else (points, replicates, outputs, title) may grow or change.
_IDENTITY = ("version", "format", "kind", "engine", "days", "columns", "cohort", "scenario")
_NAMED = {"version": "version of testis_abm", "format": "format of the store", "days": "choice of days (at)"}
_DIFFERENCES = 3  # that are named of two scenarios
# What the manifest of any experiment says, and the design of one that has axes.
_KEYS: Mapping[str, type] = {
    **dict.fromkeys(("version", "kind", "title", "engine"), str),
    **dict.fromkeys(("days", "columns", "outputs"), list),
    "scenario": dict,
    "runs": int,
    "files": dict,
}
_AXES = ("paths", "units", "log", "points")
_SWEPT = ("sweep", "sensitivity")


class _DamagedError(TestisError):
    """A manifest that can be written again, as runs are known by their names."""


class Store:
    """A folder of runs.

    Args:
        folder: made if it is not there.
        manifest: what the experiment is (JSON); a folder whose experiment is not the same but for its design is
            refused.
        index: the runs it has (see `index_of`).

    Raises:
        TestisError: the folder holds another experiment, or something else, or cannot be written.
    """

    def __init__(self, folder: str | Path, manifest: Mapping[str, Any], index: pa.Table) -> None:
        self.folder, self.index = guard.path(folder, "folder"), index
        self._read: set[Path] = set()
        self._done: set[str] = set()
        self.manifest = json.loads(
            json.dumps({"format": FORMAT, "version": version(), **manifest}, sort_keys=True, default=str)
        )
        with files.writing(self.folder, _KEPT):
            if self.folder.exists() and not self.folder.is_dir():
                raise TestisError(f"{self.folder}: is a file; name a folder")
            self.folder.mkdir(parents=True, exist_ok=True)
            with files.lock(self.folder):
                self._open()

    def _open(self) -> None:
        """Make the folder a store: parts, design and, last, the manifest, each written where it is new."""
        design, manifest = self.folder / DESIGN, self.folder / MANIFEST
        fault, kept = "gone", None
        try:
            kept = check(self.manifest, self.folder) if manifest.exists() else None
        except _DamagedError:
            fault = "damaged"
        if kept is None and any(self.folder.iterdir()) and not (self.folder / PARTS).is_dir():
            raise TestisError(f"{self.folder}: holds something else than an experiment; name another folder")
        if _parts(self.folder) and kept is None:
            self._take_over(f"{manifest}: is {fault}")
        (self.folder / PARTS).mkdir(exist_ok=True)
        content = _bytes(self.index)
        self.manifest["files"] = {DESIGN: hashlib.sha256(content).hexdigest()}
        there = files.checksum(design) if design.exists() else ""
        if kept is not None and there not in (kept["files"][DESIGN], self.manifest["files"][DESIGN]):
            warnings.warn(f"{design}: is {'damaged' if there else 'gone'}; it is written again", Note, stacklevel=2)
        if there != self.manifest["files"][DESIGN]:
            files.write(design, content, kept=_KEPT)
        if kept != self.manifest:
            files.write(manifest, files.sealed(self.manifest, indent=1), kept=_KEPT)

    def _take_over(self, fault: str) -> None:
        """Note that a manifest will be written again; runs are known by their names, which must all be of this experiment.

        Raises:
            TestisError: some are not, or no part can be read.
        """
        names: set[str] = set()
        for path in _parts(self.folder):
            with contextlib.suppress(TestisError):  # such a part is set aside
                names.update(_part(path, self.manifest["columns"])["run"].to_pylist())
        if not names or names - set(self.index["run"].to_pylist()):
            raise TestisError(
                f"{fault}, and {PARTS} beside it holds runs of another experiment; name another folder, or remove this one"
            )
        warnings.warn(f"{fault}; it is written again, as all runs beside it are of this experiment", Note, stacklevel=2)

    @classmethod
    def of(cls, folder: str | Path, job: Job, tasks: Sequence[Task], about: Mapping[str, Any]) -> Store:
        """Return the store of an experiment: its job and tasks, and what else is said of it (`kind`, `title` ...)."""
        shared = {"engine": job.engine, "days": list(job.days), "columns": list(job.columns)}
        runs = {"scenario": dict(job.cases), "runs": len(tasks)}
        return cls(folder, {**about, **shared, **runs}, index_of(job, tasks))

    def done(self) -> set[str]:
        """Return the names of the runs that are kept, with those that their scenario made fail.

        A part that is damaged is set aside with a warning. What others write to the store meanwhile is in the next
        answer.
        """
        for path in sorted(set(_parts(self.folder)) - self._read):
            try:
                part = _part(path, self.manifest["columns"])
                names, errors = (part[name].to_pylist() for name in ("run", "error"))
            except TestisError:
                with files.writing(self.folder, _KEPT), contextlib.suppress(FileNotFoundError):
                    path.replace(path.with_name(f".{path.stem}.damaged"))
                warnings.warn(f"{path}: is damaged; it is set aside, and its runs are done again", Note, stacklevel=2)
                continue
            self._read.add(path)
            self._done.update(name for name, error in zip(names, errors) if not error.startswith(FAULT))
        return set(self._done)

    def missing(self) -> int:
        """Return how many runs of the experiment are still to come."""
        return len(set(self.index["run"].to_pylist()) - self.done())

    def write(self, rows: pa.Table, names: Sequence[str]) -> Path:
        """Keep a chunk of runs as one part, whole or not at all, without those that another process has kept meanwhile.

        Raises:
            TestisError: the disk refuses; what was kept before stays.
        """
        import pyarrow as pa

        known = self.done()
        if any(name in known for name in names):
            rows = rows.filter(pa.array([name not in known for name in rows["run"].to_pylist()]))
            names = [name for name in names if name not in known]
        if not names:
            return self.folder / PARTS
        name = hashlib.blake2b("\n".join(sorted(names)).encode(), digest_size=10).hexdigest()
        with files.writing(self.folder, _KEPT):
            content = _bytes(rows)
            path = self.folder / PARTS / f"{name}-{_sum(content)}.parquet"
            files.write(path, content, kept=_KEPT)
        return path


def _bytes(table: pa.Table) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = pa.BufferOutputStream()
    pq.write_table(table, sink)
    return bytes(sink.getvalue())


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGITS]


def _parts(folder: Path) -> list[Path]:
    """Return the parts of a store, sorted.

    Raises:
        TestisError: what should hold them is no folder.
    """
    place = folder / PARTS
    if os.path.lexists(place) and not place.is_dir():
        raise TestisError(f"{place}: is no folder; move it away, and call the experiment again")
    return sorted(place.glob("*.parquet"))


def check(mine: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the manifest of a folder, refused if it is of another experiment than the manifest `mine`.

    Raises:
        TestisError: with the first values that differ.
    """
    manifest = read_manifest(folder)
    for key in _IDENTITY:
        one, other = manifest.get(key), mine.get(key)
        if key == "scenario" and one and other:
            # An experiment may gain arms: those that both have are compared.
            shared = [name for name in one if name in other] or list(one)
            one, other = ({name: cases.get(name) for name in shared} for cases in (one, other))
        if one != other:
            found = list(_differences(one, other))
            more = f" and {len(found) - _DIFFERENCES} more" if len(found) > _DIFFERENCES else ""
            raise TestisError(
                f"{folder}: was written by a different {_NAMED.get(key, key)} "
                f"({'; '.join(found[:_DIFFERENCES])}{more}); "
                "name another folder, or remove this one"
            )
    return manifest


def _differences(one: object, other: object, path: str = "") -> Iterator[str]:
    """Yield where two values differ, as `path was, now`."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        for key in dict.fromkeys([*one, *other]):
            if one.get(key) != other.get(key):
                yield from _differences(
                    one.get(key), other.get(key), f"{path}.{key}" if path and key else path or str(key)
                )
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other) and path:
        for k, (mine, its) in enumerate(zip(one, other), 1):
            if mine != its:
                yield from _differences(mine, its, f"{path}.{k}")
    else:
        yield f"{path} {_brief(one)}, now {_brief(other)}".strip()


def _brief(value: object) -> str:
    text = "none" if value is None else json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."


def schema(columns: Sequence[str]) -> pa.Schema:
    """Return the columns of a part whose runs keep `columns`."""
    import pyarrow as pa

    keys = [("run", pa.string()), ("arm", pa.string()), ("day", pa.int32())]
    return pa.schema([*keys, *((name, pa.float64()) for name in columns), ("error", pa.string())])


def table_of(columns: Sequence[str], found: Iterable[tuple[str, Sequence[Sequence[Any]], str]]) -> pa.Table:
    """Return a part from runs: name, rows (arm, day, levels), error."""
    import pyarrow as pa

    cells: list[list[Any]] = [[] for _ in range(len(columns) + 4)]
    for name, rows, error in found:
        for row in rows or [("", 0, *(float("nan") for _ in columns))]:
            for column, value in zip(cells, (name, *row, error), strict=True):
                column.append(value)
    return pa.table(cells, schema=schema(columns))


def index_of(job: Job, tasks: Sequence[Task]) -> pa.Table:
    """Return a row a run: run, point, replicate, case, and what is put into the scenario, a column a path."""
    import pyarrow as pa

    paths = dict.fromkeys(path for task in tasks for path in task.overrides)
    return pa.table(
        {
            "run": [task.name(job) for task in tasks],
            "point": pa.array([task.point for task in tasks], pa.int32()),
            "replicate": pa.array([task.replicate for task in tasks], pa.int32()),
            "case": [task.case for task in tasks],
            **{path: _column([task.overrides.get(path) for task in tasks]) for path in paths},
        }
    )


def _column(values: list[Any]) -> list[Any]:
    """Return values of one type: numbers where all are, else text."""
    kinds = {bool if isinstance(value, bool) else float if isinstance(value, int | float) else str for value in values}
    if len(kinds) < 2 and any(isinstance(value, float) for value in values):
        return [float(value) for value in values]
    return values if len(kinds) < 2 else [str(value) for value in values]


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a store.

    Raises:
        TestisError: there is none.
    """
    path = guard.path(folder, "folder") / MANIFEST
    try:
        text = files.content(path)
    except (FileNotFoundError, NotADirectoryError):
        raise TestisError(f"{printable(str(folder))}: holds no experiment (no {MANIFEST})") from None
    except OSError as error:
        raise TestisError(f"{printable(str(path))}: cannot be read: {files.reason(error)}") from None
    try:
        found = files.parsed(text)
        if isinstance(found, dict) and found.get("format", FORMAT) != FORMAT:
            raise TestisError(
                f"{path}: was written by a different version of testis_abm (its format is not {FORMAT}); name another "
                "folder, or remove this one"
            )
        return _checked(files.unsealed(text))
    except ValueError as error:
        raise _DamagedError(
            f"{path}: is damaged ({files.reason(error)}); call the experiment again: it is written again"
        ) from None


def _checked(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest that says all that an experiment is read by.

    Raises:
        ValueError: it does not.
    """
    for key, kind in _KEYS.items():
        if not isinstance(manifest.get(key), kind):
            raise ValueError(f"{key} is missing or no {kind.__name__}")
    if not isinstance(manifest["files"].get(DESIGN), str):
        raise ValueError(f"the checksum of {DESIGN} is missing")
    if not all(isinstance(column, str) for column in manifest["columns"]) or not manifest["days"]:
        raise ValueError("columns or days are none")
    if manifest["kind"] in _SWEPT:
        design = manifest.get("design")
        if not isinstance(design, dict) or not all(isinstance(design.get(key), list) for key in _AXES):
            raise ValueError("design lacks its axes")
    return manifest


def read(folder: str | Path) -> pd.DataFrame:
    """Return all runs of a store, sorted, each once: run, point, replicate, case, values, arm, day, outputs, error.

    The same experiment gives the same table, however it was computed. Can be called while runs are still being added.

    Raises:
        TestisError: it is no store, or a part is damaged.
    """
    return sorted_table(folder).to_pandas()


def _part(path: Path, columns: Sequence[str]) -> pa.Table:
    """Return a part, whose name ends with the checksum of its content and whose runs keep `columns`.

    Raises:
        TestisError: it is damaged, or no such part.
    """
    part = _table(path, path.stem.rpartition("-")[2])
    expected = schema(columns)
    if not part.schema.equals(expected) or any(part[name].null_count for name in ("run", "arm", "day", "error")):
        raise TestisError(
            f"{path}: is no part of this experiment (its columns are others, or lack values); move it away, "
            "and call the experiment again"
        )
    return part


def _design(folder: Path) -> pa.Table:
    """Return the design of a store, whose checksum stands in its manifest; somebody may just be renewing both."""
    for left in reversed(range(_LOOKS)):
        expected = read_manifest(folder)["files"][DESIGN]
        try:
            return _table(folder / DESIGN, expected)
        except TestisError:
            if not left:
                raise
            time.sleep(_PAUSE)
    raise AssertionError


def _table(path: Path, checksum: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        content = files.content(path)
        if _sum(content) != checksum[:_DIGITS]:
            raise ValueError("its checksum differs")
        return pq.read_table(pa.BufferReader(content))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise TestisError(
            f"{path}: is damaged ({files.reason(error)}); call the experiment again: its runs are done again"
        ) from error


def progress(folder: str | Path) -> tuple[int, int]:
    """Return how many runs of its design a store holds by now, and how many it has.

    Raises:
        TestisError: it is no store, or a part is damaged.
    """
    columns, wanted = read_manifest(folder)["columns"], set(_design(Path(folder))["run"].to_pylist())
    kept = {name for path in _parts(Path(folder)) for name in _part(path, columns)["run"].to_pylist()}
    return len(wanted & kept), len(wanted)


def sorted_table(folder: str | Path) -> pa.Table:
    """Return all runs of a store as an Arrow table, sorted, each once; a warning says how many are missing."""
    import pyarrow as pa

    columns = read_manifest(folder)["columns"]
    parts = [_part(path, columns) for path in _parts(Path(folder))]
    seen: set[str] = set()
    kept = [schema(columns).empty_table()]
    for faulty in (False, True):  # the fault of a run that was done later is left out
        for part in parts:
            runs = list(zip(part["run"].to_pylist(), part["error"].to_pylist()))
            new = [error.startswith(FAULT) == faulty and name not in seen for name, error in runs]
            kept.append(part.filter(pa.array(new, pa.bool_())))
            seen.update(name for (name, _), is_new in zip(runs, new) if is_new)
    index = _design(Path(folder))
    wanted = set(index["run"].to_pylist())
    _warn_missing(folder, len(wanted - seen), len(wanted))
    order = [(key, "ascending") for key in ("point", "replicate", "case", "arm", "day", "run")]
    return index.join(pa.concat_tables(kept), "run", join_type="inner").sort_by(order).combine_chunks()


def _warn_missing(folder: str | Path, missing: int, wanted: int) -> None:
    if missing:
        warnings.warn(
            f"{folder}: {missing:,} of {wanted:,} runs are missing (still to come, or their parts are gone); "
            "call the experiment again, or merge its shards",
            Note,
            stacklevel=4,
        )


def merge(into: str | Path, folders: Sequence[str | Path]) -> tuple[int, int]:
    """Copy the parts of stores of one experiment into one; return how many of its runs it holds now, and of how many.

    `into` keeps its design if it is there already; a new one takes that of the first.

    Raises:
        TestisError: they are of different experiments, or one is no store.
    """
    into, places = guard.path(into, "into"), [guard.path(folder, "folder") for folder in folders]
    with files.reading(into):
        whole = into if (into / MANIFEST).exists() else places[0]
    manifest = read_manifest(whole)
    for folder in places:  # before anything is written
        check(manifest, folder)
        _parts(folder)
    store = Store(into, manifest, _design(whole))
    for path in (path for folder in places for path in _parts(folder)):
        part = _part(path, manifest["columns"])
        store.write(part, sorted(set(part["run"].to_pylist())))
    kept, wanted = store.done(), set(store.index["run"].to_pylist())
    _warn_missing(into, len(wanted - kept), len(wanted))
    return len(wanted & kept), len(wanted)
