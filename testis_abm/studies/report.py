"""A replayed study in print and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import __version__
from testis_abm.results.report import number
from testis_abm.scenario.scenario import EXTRAPOLATION
from testis_abm.support import files, guard, outputs, tabular
from testis_abm.support.errors import TestisError

_JSON, _CSV = "studies.json", "studies.csv"
_FILES = (_JSON, _CSV, "studies.xlsx", "studies.parquet", "studies.png", "studies.svg", "results.json", "report.html")
_COLUMNS = (
    "study",
    "citation",
    "n",
    "label",
    "kind",
    "observed",
    "beyond",
    "predicted",
    "low",
    "high",
    "unit",
    "inside",
    "fold",
    "sign",
    "confidence",
    "censored",
    "ends",
    "unprinted",
    "men",
    "sets_without_men",
    "extrapolation",
)

_TEXTS = ("study", "citation", "label", "kind", "beyond", "unit", "confidence", "extrapolation")


def text(table: pd.DataFrame) -> str:
    """Return the lines of a replay: a row an observation.

    Raises:
        TestisError: it is no such table.
    """
    guard.frame(table, "table", _COLUMNS)
    lines = []
    for study, rows in table.groupby("study", sort=False):
        lines.append(f"{mark(str(study), rows)}: {rows['citation'].iloc[0]}, n = {rows['n'].iloc[0]}")
        lines += [f"  Note: {note}" for note in notes(rows)]
        for row in rows.to_dict("records"):
            known = not np.isnan(row["predicted"])
            verdict = "cannot say" if not known else "inside" if row["inside"] else "OUTSIDE"
            fold = "" if np.isnan(row["fold"]) else f"  x{row['fold']:.2f}"
            sign = "" if row["sign"] is None or row["sign"] else "  WRONG SIGN"
            note = "  (not verified)" if row["confidence"] == "memory" else ""
            if known and row["censored"]:
                note += f"  (not reached by the end in {100 * row['censored']:.0f} % of repeats)"
            if known and row["unprinted"]:
                note += f"  (no number to print in {100 * row['unprinted']:.0f} % of repeats)"
            ends = [reached(row[name], row["ends"]) for name in ("predicted", "low", "high")]
            interval = f"{ends[0]} ({ends[1]} to {ends[2]})" if known else "-"
            lines.append(
                f"  {row['label']:62s}{row['beyond'] + number(row['observed']):>9s}  "
                f"{interval:30s}{row['unit']:12s}{verdict}{fold}{sign}{note}"
            )
    return "\n".join(lines)


def reached(value: float, ends: float) -> str:
    """Return a predicted number; a time that is not reached is longer than there was."""
    return f">{number(ends)}" if np.isinf(value) else number(value)


def mark(title: str, rows: pd.DataFrame) -> str:
    """Return the title of rows of a replay, marked if an arm of theirs lies beyond the evidence."""
    return f"{title} [{EXTRAPOLATION}]" if (rows["extrapolation"] != "").any() else title


def notes(rows: pd.DataFrame) -> Iterator[str]:
    """Yield what of a replay lies beyond the evidence, and what it could not do as the study did."""
    yield from dict.fromkeys(note for of in rows["extrapolation"] for note in of.splitlines())
    most, men, without = (int(rows[name].max()) for name in ("n", "men", "sets_without_men"))
    if men < most:
        yield (
            f"each parameter set lives through it with {men} men, from whom repeats draw their {most:,} with "
            f"replacement, which widens intervals; --men {most} takes as many"
        )
    if without:
        yield f"{without} of the parameter sets have no men who pass the screening; the others stand for all"


def score(table: pd.DataFrame) -> str:
    """Return the score of a replay, unverified rows apart.

    Raises:
        TestisError: it is no table of a replay.
    """
    guard.frame(table, "table", _COLUMNS)
    lines = []
    for name, rows in (
        ("seen or derived", table[table["confidence"] != "memory"]),
        ("not verified against the source", table[table["confidence"] == "memory"]),
    ):
        known = rows["inside"][rows["predicted"].notna()].astype(bool).tolist()
        signs = rows["sign"].dropna().astype(bool).tolist()
        parts = []
        if known:
            parts.append(f"{sum(known)} of {len(known)} inside the 95 % interval ({100 * np.mean(known):.0f} %)")
        if rows["fold"].notna().any():
            parts.append(f"median fold error {rows['fold'].median():.2f}")
        if signs:
            parts.append(f"direction right in {sum(signs)} of {len(signs)}")
        if len(known) < len(rows):
            parts.append(f"{len(rows) - len(known)} without a prediction (no number can be printed of the model's men)")
        if parts:
            lines.append(f"{name}: {', '.join(parts)}")
    return "\n".join(lines)


def save(
    table: pd.DataFrame, folder: str | Path, form: str | None = None, about: Mapping[str, object] | None = None
) -> list[Path]:
    """Write studies.json and studies.csv, and the table in the format `form` too (with what `about` says of it), all or none, in place of those of an earlier replay and its picture.

    Raises:
        TestisError: it is no table of a replay, or the folder holds something else, or cannot be written.
    """
    guard.frame(table, "table", _COLUMNS)
    form = None if form is None else outputs.read_format(form)
    rows = json.loads(table.to_json(orient="records"))
    with files.whole_folder(outputs.check_folder(folder, _JSON, _FILES), _FILES) as partial:
        outputs.write_json(partial / _JSON, {"version": __version__, "rows": rows})
        outputs.write_table(partial / _CSV, table)
        added = [f"studies.{form}"] if form in ("xlsx", "parquet") else []
        for name in added:
            outputs.write_table(partial / name, table, about=about)
    return [Path(folder) / name for name in (_JSON, _CSV, *added)]


def read(folder: str | Path) -> pd.DataFrame:
    """Return the table of a replay that `save` wrote.

    Raises:
        TestisError: there is none, or it is damaged.
    """
    path = guard.path(folder, "folder") / _CSV
    try:
        table = tabular.with_texts(pd.read_csv(path), _TEXTS)
        table["sign"] = table["sign"].map({True: True, False: False, "True": True, "False": False}).astype(object)
        table["inside"] = table["inside"].astype(str).eq("True")
    except (OSError, ValueError, KeyError) as error:
        raise TestisError(f"{path}: cannot be read ({files.reason(error)}); run testis-abm studies again") from None
    guard.frame(table, "table", _COLUMNS)
    return table


def check_writable(folder: str | Path) -> None:
    """Make sure, before a replay, that its results can be saved in `folder`.

    Raises:
        TestisError: the folder holds something else, or cannot be written.
    """
    outputs.check_writable(folder, _JSON, _FILES)
