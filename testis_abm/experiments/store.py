"""Where the runs of an experiment are kept: a folder with a manifest and Parquet parts, each written whole or not at all.

A part holds a chunk of runs; a run is known by the hash of all that decides on it, so it is never done twice, wherever it was done.
Parts can be read while others are still being written: `pandas.read_parquet(folder / "parts")`, or in DuckDB
`SELECT * FROM 'folder/parts/*.parquet'`.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm import __version__
from testis_abm.errors import TestisError
from testis_abm.experiments.outputs import COLUMNS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

FORMAT = 1
_STALE = 86_400.0  # seconds after which a part that is still being written is a ruin
KEYS = ("run", "case", "point", "replicate", "arm", "day")
MANIFEST, PARTS = "manifest.json", "parts"


class Store:
    """A folder of runs.

    Args:
        folder: made if it is not there.
        manifest: what the experiment is (JSON); a folder that holds another is refused.

    Raises:
        TestisError: the folder holds another experiment, or something else, or cannot be written.
    """

    def __init__(self, folder: str | Path, manifest: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.manifest = json.loads(
            json.dumps({"format": FORMAT, "version": __version__, **manifest}, sort_keys=True, default=str)
        )
        with told(self.folder):
            if self.folder.exists() and not self.folder.is_dir():
                raise TestisError(f"{self.folder}: is a file; name a folder")
            found = self.folder / MANIFEST
            if found.exists():
                self._same(read_manifest(self.folder))
            elif self.folder.exists() and any(self.folder.iterdir()):
                raise TestisError(f"{self.folder}: holds something else than an experiment; name another folder")
            (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
            for left in (self.folder / PARTS).glob(".*.partial-*"):
                if time.time() - left.stat().st_mtime > _STALE:  # another machine may be writing it now
                    left.unlink(missing_ok=True)
            if not found.exists():
                _write(found, (json.dumps(self.manifest, indent=1) + "\n").encode())

    def _same(self, other: Mapping[str, Any]) -> None:
        for key in ("version", "format", *self.manifest):
            if other.get(key) != self.manifest.get(key):
                raise TestisError(
                    f"{self.folder}: was written by a different {_KEY.get(key, key)} ({_brief(other.get(key))}, now "
                    f"{_brief(self.manifest.get(key))}); name another folder, or remove this one"
                )

    def done(self) -> set[str]:
        """Return the names of the runs that are kept, failed ones too."""
        return set(runs_in(self.folder))

    def write(self, rows: pa.Table, names: Sequence[str]) -> Path:
        """Keep a chunk of runs as one part, whole or not at all.

        Raises:
            TestisError: the disk refuses; what was kept before stays.
        """
        import pyarrow.parquet as pq

        name = hashlib.blake2b("\n".join(sorted(names)).encode(), digest_size=10).hexdigest()
        path = self.folder / PARTS / f"{name}.parquet"
        partial = path.with_name(f".{name}.partial-{os.getpid()}")
        with told(self.folder):
            try:
                pq.write_table(rows, partial)
                with partial.open("rb") as file:
                    os.fsync(file.fileno())
                partial.replace(path)
            finally:
                partial.unlink(missing_ok=True)
        return path


_KEY = {"version": "version of testis_abm", "format": "format of the store", "design": "design", "scenario": "scenario"}


def _brief(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _write(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


@contextlib.contextmanager
def told(folder: Path) -> Iterator[None]:
    """Turn what a disk refuses into one clear line."""
    try:
        yield
    except OSError as error:
        what = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else (error.strerror or str(error))
        raise TestisError(f"{folder}: cannot be written: {what.lower()}; what was finished before is kept") from error


def schema() -> pa.Schema:
    """Return the columns of a part."""
    import pyarrow as pa

    keys = [
        ("run", pa.string()),
        ("case", pa.string()),
        ("point", pa.int32()),
        ("replicate", pa.int32()),
        ("arm", pa.string()),
        ("day", pa.int32()),
    ]
    return pa.schema([*keys, *((name, pa.float64()) for name in COLUMNS), ("error", pa.string())])


def table_of(found: Iterable[tuple[str, str, int, int, Sequence[Sequence[Any]], str]]) -> pa.Table:
    """Return a part from runs: name, case, point, replicate, rows (arm, day, outputs), error."""
    import pyarrow as pa

    columns: list[list[Any]] = [[] for _ in schema()]
    for name, case, point, replicate, rows, error in found:
        for row in rows or [("", 0, *(float("nan") for _ in COLUMNS))]:
            for column, value in zip(columns, (name, case, point, replicate, *row, error), strict=True):
                column.append(value)
    return pa.table(columns, schema=schema())


def runs_in(folder: Path) -> Iterator[str]:
    """Yield the names of the runs in a folder, each once a part."""
    import pyarrow.parquet as pq

    for path in sorted((folder / PARTS).glob("*.parquet")):
        try:
            yield from pq.read_table(path, columns=["run"])["run"].unique().to_pylist()
        except (OSError, ValueError) as error:
            raise TestisError(
                f"{path}: is damaged ({type(error).__name__}); remove it, and its runs are done again"
            ) from error


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """Return the manifest of a store.

    Raises:
        TestisError: there is none.
    """
    path = Path(folder) / MANIFEST
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise TestisError(f"{folder}: holds no experiment (no {MANIFEST})") from None
    except (OSError, ValueError) as error:
        raise TestisError(f"{path}: cannot be read ({type(error).__name__}); remove the folder and run again") from None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise TestisError(f"{path}: is not a manifest of format {FORMAT}")
    return found


def read(folder: str | Path) -> pd.DataFrame:
    """Return all runs of a store, sorted, each once: point, replicate, arm, day, outputs, error.

    The same experiment gives the same table, however it was computed. Can be called while runs are still being added.

    Raises:
        TestisError: it is no store, or a part is damaged.
    """
    return sorted_table(folder).to_pandas()


def _part(path: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, schema=schema())
    except (OSError, ValueError, pa.ArrowException) as error:
        raise TestisError(
            f"{path}: is damaged ({type(error).__name__}); remove it, and its runs are done again"
        ) from error


def sorted_table(folder: str | Path) -> pa.Table:
    """Return all runs of a store as an Arrow table, sorted, each once."""
    import pyarrow as pa

    read_manifest(folder)
    parts = []
    seen: set[str] = set()
    for path in sorted((Path(folder) / PARTS).glob("*.parquet")):
        part = _part(path)
        names = part["run"].to_pylist()
        new = [name not in seen for name in names]
        seen.update(names)
        parts.append(part if all(new) else part.filter(pa.array(new)))
    whole = pa.concat_tables(parts) if parts else schema().empty_table()
    return whole.sort_by(
        [(key, "ascending") for key in ("point", "replicate", "case", "arm", "day", "run")]
    ).combine_chunks()


def merge(into: str | Path, folders: Sequence[str | Path]) -> int:
    """Copy the parts of stores of one experiment into one; return how many runs it holds now.

    Raises:
        TestisError: they are of different experiments, or one is no store.
    """
    first = {key: value for key, value in read_manifest(folders[0]).items() if key not in ("format", "version")}
    store = Store(into, first)
    import pyarrow as pa

    kept = store.done()
    for folder in folders:
        store._same(read_manifest(folder))
        for path in sorted((Path(folder) / PARTS).glob("*.parquet")):
            part = _part(path)
            names = part["run"].to_pylist()
            new = [name not in kept for name in names]
            if any(new):
                store.write(part.filter(pa.array(new)), sorted({name for name, is_new in zip(names, new) if is_new}))
                kept.update(names)
    return len(kept)
