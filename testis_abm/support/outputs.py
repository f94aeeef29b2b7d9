"""Files and folders that a command was asked to write by name, never over what somebody else wrote."""

from __future__ import annotations

import errno
import json
import os
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.support import files, guard, tabular
from testis_abm.support.errors import TestisError, printable
from testis_abm.support.tabular import SOFTWARE as SOFTWARE

if TYPE_CHECKING:
    import pandas as pd

FORMATS = ("csv", "xlsx", "parquet", "json")
TABLES = (".parquet", ".csv", ".xlsx", ".json")
_HEADER = 100_000  # bytes of the names of a table's columns
_PROBE_BYTES = 65536
_HEAD = 4096  # bytes at the beginning or end of a picture or film within which the name of its software stands


def check_table(path: str | Path, columns: Sequence[str]) -> None:
    """Make sure, before the work is done, that a table whose first columns are `columns` can be written to `path`.

    Raises:
        TestisError: a suffix of no format that is written, no regular file, or a file that is no such table of this
            program.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in TABLES:
        hint = "; spreadsheets open .xlsx and .csv" if suffix in (".xls", ".ods") else ""
        raise TestisError(
            f"{printable(str(path))}: the suffix must say the format, {', '.join(TABLES[:-1])} or {TABLES[-1]}, "
            f"not {suffix or 'nothing'!r}{hint}"
        )
    if suffix == ".xlsx":
        tabular.need_openpyxl()
    check(path, columns)


def read_format(text: object) -> str:
    """Return the format of tables that `text` names.

    Raises:
        ScenarioError: it names none, or one for which a package is missing.
    """
    plain = text.lower().removeprefix(".") if isinstance(text, str) else text
    chosen = guard.word(plain, FORMATS)
    if chosen == "xlsx":
        tabular.need_openpyxl()
    return chosen


def check(path: str | Path, columns: Sequence[str] = ()) -> None:
    """Make sure that `path` can be written, and is free or a file of its kind that this program wrote.

    Raises:
        TestisError: it lies in no folder that can be written, is no regular file, or is somebody else's.
    """
    target = files.check_regular(path)
    with files.writing(path):
        parent = next(folder for folder in target.parents if folder.exists())
        if not os.access(parent, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    if target.exists() and not _is_ours(target, columns):
        raise TestisError(
            f"{printable(str(path))}: exists and was not written by {SOFTWARE}; name another file, or remove this one"
        )


def check_free(path: str | Path) -> None:
    """Make sure that nothing is at `path` yet, and that it can be written.

    Raises:
        TestisError: something is there, or its folder cannot be written.
    """
    if files.check_regular(path).exists():
        raise TestisError(f"{printable(str(path))}: exists; name another file, or remove this one")
    check(path)


def check_folder(folder: str | Path, mark: str, ours: Collection[str]) -> Path:
    """Return where a folder for results leads, if it is free or holds earlier ones of the same kind.

    Args:
        folder: to be written by `files.whole_folder`; a save that was cut short there is finished.
        mark: name of the file of JSON, marked as this program's, by which folders of the kind are known.
        ours: names of all files that such a folder may hold.

    Raises:
        TestisError: it is no folder, or holds something else.
    """
    target = files.resolved(guard.path(folder, "folder"))
    with files.writing(target):
        if not target.exists():
            return target
        if not target.is_dir():
            raise TestisError(f"{printable(str(target))}: is a file; results need a folder of their own")
        files.settle(target, ours)
        if any(target.iterdir()) and not _is_ours(target / mark, ()):
            raise TestisError(
                f"{printable(str(target))}: is not empty and holds no results of an earlier run (no {mark} of "
                f"{SOFTWARE}); choose another folder"
            )
    return target


def check_writable(folder: str | Path, mark: str, ours: Collection[str]) -> None:
    """Make sure, before the work, that results can be saved to a folder (see check_folder); leave no trace.

    Raises:
        TestisError: as check_folder, or the place cannot be written.
    """
    parent = target = check_folder(folder, mark, ours)
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    with files.writing(target), files.scratch(parent) as probe:
        # Permission bits tell nothing of a full disk or of a file system mounted read-only.
        (probe / "probe").write_bytes(bytes(_PROBE_BYTES))
        # A path too long for the file system shows here, not after the work.
        (probe / target.name).mkdir()


def _is_ours(path: Path, columns: Sequence[str]) -> bool:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        match path.suffix.lower():
            case ".parquet":
                return (pq.read_schema(path).metadata or {}).get(b"software") == SOFTWARE.encode()
            case ".csv":
                with files.regular(path) as file:
                    names = file.readline(_HEADER).decode().strip().split(",")
                return bool(columns) and names[: len(columns)] == list(columns)
            case ".xlsx":
                with files.regular(path) as file:
                    return tabular.written_here(file)
            case ".json":
                content = files.read_json(path)
                return isinstance(content, dict) and content.get("software") == SOFTWARE
            case ".h5ad":
                import h5py

                with h5py.File(path) as states:
                    return bool(states["uns/software"].asstr()[()] == SOFTWARE)
        with files.regular(path) as picture:
            start = picture.read(_HEAD)
            picture.seek(max(0, path.stat().st_size - _HEAD))
            return SOFTWARE.encode() in start + picture.read(_HEAD)
    except (OSError, ValueError, KeyError, ImportError, zipfile.BadZipFile, pa.ArrowException):
        return False


def write_table(
    path: str | Path,
    table: pd.DataFrame,
    units: Mapping[str, str] | None = None,
    about: Mapping[str, object] | None = None,
) -> None:
    """Write a table without its index as Parquet, CSV, Excel or JSON, as the suffix says.

    Args:
        path: of the file; table: what is written.
        units: column -> its unit, where it has one; in a workbook under the name of the column, in JSON beside it.
        about: what else a workbook and JSON say of the table: title, version, seed, disclaimer ...

    Raises:
        TestisError: the disk refuses, the table is more than a worksheet holds, or openpyxl is missing.
    """
    units, about, suffix = units or {}, about or {}, Path(path).suffix.lower()
    match suffix:
        case ".csv":
            content = tabular.csv_of(table)
        case ".json":
            content = tabular.json_of(table, units, {"table": Path(path).stem, **about})
        case ".xlsx":
            content = tabular.xlsx_of(table, Path(path).stem, units, about)
        case _:
            content = b""
    with files.whole(path) as file:
        if content:
            file.write(content)
            return
        import pyarrow as pa
        import pyarrow.parquet as pq

        arrow = pa.Table.from_pandas(table, preserve_index=False)
        pq.write_table(arrow.replace_schema_metadata({**(arrow.schema.metadata or {}), "software": SOFTWARE}), file)


def read_table(path: str | Path, types: Mapping[str, str] | None = None) -> pd.DataFrame:
    """Return the table that `write_table` wrote, with its types; CSV has none, so `types` may name those of its columns.

    Raises:
        TestisError: it is no such table.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in TABLES:
        raise TestisError(f"{printable(str(path))}: is no table; the suffix must be one of {', '.join(TABLES)}")
    import pyarrow as pa

    try:
        if suffix == ".parquet":
            import pandas as pd

            return pd.read_parquet(path)
        with files.regular(path) as file:
            return tabular.from_csv(file, types) if suffix == ".csv" else tabular.READERS[suffix](file)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, pa.ArrowException) as error:
        raise TestisError(f"{printable(str(path))}: cannot be read as a table: {files.reason(error)}") from error


def write_json(path: str | Path, content: dict[str, object]) -> None:
    """Write JSON that says which program wrote it.

    Raises:
        TestisError: the disk refuses.
    """
    files.write(path, json.dumps({"software": SOFTWARE, **content}, indent=1) + "\n")
