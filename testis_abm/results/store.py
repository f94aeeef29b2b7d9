"""Results on disk: one folder a run, written whole or not at all.

A folder holds a Parquet file for each table, `run.json` (provenance, and the checksums of all these files),
`scenario.toml`, `sections.npz` (drawn cross-sections) and, if known, `attribution.parquet`. Whatever differs between
two runs of one seed (clock times, versions) stands in `run.json` only, so that the other files can be compared byte by
byte.
"""

from __future__ import annotations

import io
import platform
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from pydantic_core import to_jsonable_python

from testis_abm.parameters.tables import NONE, using
from testis_abm.results import FIGURES, KINDS
from testis_abm.results.run import Run
from testis_abm.results.tables import SCHEMAS
from testis_abm.support import files, guard, outputs
from testis_abm.support.errors import TestisError, printable
from testis_abm.support.fingerprint import versions
from testis_abm.support.outputs import SOFTWARE

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

FORMAT = 3

_RUN, _SCENARIO, _SECTIONS = "run.json", "scenario.toml", "sections.npz"
_KNOWN = ("attribution", "plausible")  # tables that a run has only if they were worked out
FILES = frozenset(
    {_RUN, _SCENARIO, _SECTIONS}
    | {f"{name}.parquet" for name in (*SCHEMAS, *_KNOWN)}
    | {f"{name}.{form}" for name in (*SCHEMAS, *_KNOWN) for form in outputs.FORMATS}
    | {"report.html"}
    | (_PICTURES := {f"{name}.{kind}" for name in FIGURES for kind in KINDS})
)


def check_writable(folder: str | Path) -> None:
    """Make sure, before a run, that its results can be saved to `folder`; leave no trace.

    Raises:
        TestisError: the place cannot be written, is no folder, or holds something else than results.
    """
    outputs.check_writable(folder, _RUN, FILES)


def check_pictures(folder: str | Path) -> Path:
    """Return the folder for pictures, if it is new, or holds results of a run, or nothing but such pictures.

    Raises:
        TestisError: it holds something else, or is no folder.
    """
    target = files.resolved(guard.path(folder, "folder"))
    with files.writing(target):
        if target.exists() and not target.is_dir():
            raise TestisError(f"{target}: is a file; pictures need a folder of their own")
        strange = [path.name for path in target.iterdir() if path.name not in _PICTURES] if target.is_dir() else []
    if strange and not _is_marked(target):
        raise TestisError(
            f"{target}: holds {printable(strange[0])}, which is no picture of a run; choose another folder"
        )
    for name in sorted(_PICTURES):
        outputs.check(target / name)
    return target


def save(result: Run, folder: str | Path, form: str | None = None, about: Mapping[str, object] | None = None) -> Path:
    """Write `result` to `folder`, whole or not at all, and return the folder.

    Earlier results in the folder are replaced; files in it that are no results stay where they are.

    Args:
        result: what is written.
        folder: where.
        form: another format (outputs.FORMATS) in which its tables with rows are written too, beside the Parquet that
            `load` reads.
        about: what such files say of themselves (default: the title and seed of the run).

    Raises:
        TestisError: the folder holds something else than results, or the disk refuses.
    """
    target = outputs.check_folder(folder, _RUN, FILES)
    named = {"title": result.title, "seed": result.provenance.get("seed", "")} if about is None else about
    form = None if form is None else guard.word(form, outputs.FORMATS, "form")
    with files.whole_folder(target, FILES) as partial:
        _write(result, partial, None if form == "parquet" else form, named)
    return target


def load(folder: str | Path) -> Run:
    """Read the results in `folder`.

    Raises:
        TestisError: there are none, they are damaged, or another version wrote what this one cannot read.
    """
    import pyarrow
    import pyarrow.parquet as pq

    folder = guard.path(folder, "folder")
    files.settle(folder, FILES)
    run = _read_run(folder)

    def read(name: str) -> io.BytesIO:
        return io.BytesIO(files.verified(folder / name, run["files"][name]))

    try:
        return Run(
            scenario=_scenario(run["scenario"]),
            tables={name: pq.read_table(read(f"{name}.parquet")).to_pandas() for name in SCHEMAS},
            provenance=run["provenance"],
            sections=_read_sections(read(_SECTIONS)) if _SECTIONS in run["files"] else {},
            **{
                name: pq.read_table(read(f"{name}.parquet")).to_pandas()
                for name in _KNOWN
                if f"{name}.parquet" in run["files"]
            },
        )
    except TestisError as error:
        line = str(error).splitlines()[0]
        raise TestisError(line if line.startswith(str(folder)) else f"{folder}: {line}") from error
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile, zlib.error, pyarrow.ArrowException) as error:
        raise TestisError(f"{folder}: the results are damaged: {files.reason(error)}") from error


def _scenario(tables: Any) -> Scenario:
    """Return the scenario of a run, which carries its own tables."""
    from testis_abm.scenario import load as load_scenario

    with using(NONE):
        return load_scenario(tables)


def _is_marked(folder: Path) -> bool:
    try:
        run = files.read_json(folder / _RUN)
    except (OSError, ValueError):
        return False
    return isinstance(run, dict) and run.get("software") == SOFTWARE


def _read_run(folder: Path) -> dict[str, Any]:
    try:
        text = files.content(folder / _RUN)
        run = files.parsed(text)
    except OSError as error:
        raise TestisError(f"{folder}: holds no results of a run ({_RUN}: {files.reason(error)})") from error
    except ValueError as error:
        raise TestisError(f"{folder}: {_RUN} is damaged: {files.reason(error)}") from error
    if not isinstance(run, dict) or run.get("software") != SOFTWARE:
        raise TestisError(f"{folder}: {_RUN} was not written by {SOFTWARE}")
    if run.get("format") != FORMAT:
        raise TestisError(
            f"{folder}: written in format {run.get('format')}; this version reads format {FORMAT}: run the scenario again"
        )
    try:
        return dict(files.unsealed(text))
    except ValueError as error:
        raise TestisError(f"{folder}: {_RUN} is damaged: {files.reason(error)}") from error


def is_run(folder: Path) -> bool:
    """Return whether a folder holds results of a run."""
    return (folder / _RUN).exists()


def _write(result: Run, folder: Path, form: str | None, about: Mapping[str, object]) -> None:
    for name, table in result.tables.items():
        units = {c: of.unit for c, of in SCHEMAS[name].items()}
        write_table(table, folder / f"{name}.parquet", units)
        if form is not None and len(table):
            outputs.write_table(folder / f"{name}.{form}", table, units, about)
    for name in _KNOWN:
        if (table := getattr(result, name)) is not None:
            write_table(table, folder / f"{name}.parquet", {})
            if form is not None and len(table):
                outputs.write_table(folder / f"{name}.{form}", table, {}, about)
    if result.sections:
        arrays = {f"{arm}/{key}": v for arm, section in result.sections.items() for key, v in section.items()}
        plain: Any = {key: np.asarray(value) for key, value in arrays.items()}
        np.savez_compressed(folder / _SECTIONS, **plain)
    (folder / _SCENARIO).write_text(result.scenario.to_toml(), encoding="utf-8", newline="\n")
    sums = {path.name: files.checksum(path) for path in sorted(folder.iterdir())}
    (folder / _RUN).write_text(files.sealed({**_run(result), "files": sums}), encoding="utf-8", newline="\n")


def write_table(table: pd.DataFrame, to: Path | IO[bytes], units: Mapping[str, str]) -> None:
    """Write a table as Parquet to a path or an open file, the unit of each column with it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    arrow = pa.Table.from_pandas(table, preserve_index=False)
    fields = [
        field.with_metadata({"unit": units[field.name]} if units.get(field.name) else None) for field in arrow.schema
    ]
    # The units stand in for pandas' own notes, which name its version.
    pq.write_table(arrow.cast(pa.schema(fields)), to, compression="zstd")


def _read_sections(file: IO[bytes]) -> dict[str, dict[str, Any]]:
    sections: dict[str, dict[str, Any]] = {}
    with np.load(file, allow_pickle=False) as arrays:
        for key in arrays.files:
            arm, _, name = key.partition("/")
            value = arrays[key]
            sections.setdefault(arm, {})[name] = value.item() if value.ndim == 0 else value
    return sections


def _run(result: Run) -> dict[str, Any]:
    run = {
        "software": SOFTWARE,
        "format": FORMAT,
        "title": result.title,
        "rows": {name: len(table) for name, table in result.tables.items()},
        # Results that were loaded and saved again keep the versions and platform they were computed with.
        "provenance": {"platform": platform.platform(), "versions": versions(), **result.provenance},
        "scenario": result.scenario.as_dict(),
    }
    # Numpy's numbers as Python's, what is not finite as null.
    return dict(to_jsonable_python(run, inf_nan_mode="null", fallback=_plain))


def _plain(value: Any) -> Any:
    """Return what JSON has no word for as what it has."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return dict(value) if isinstance(value, Mapping) else str(value)
