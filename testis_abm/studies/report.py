"""A replayed study in print, as a picture and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from testis_abm import __version__
from testis_abm.results.report import number
from testis_abm.support import guard, outputs

_COLUMNS = (
    "study",
    "citation",
    "n",
    "label",
    "kind",
    "observed",
    "predicted",
    "low",
    "high",
    "unit",
    "inside",
    "fold",
    "sign",
    "confidence",
)


def text(table: pd.DataFrame) -> str:
    """Return the lines of a replay: a row an observation.

    Raises:
        TestisError: it is no such table.
    """
    guard.frame(table, "table", _COLUMNS)
    lines = []
    for study, rows in table.groupby("study", sort=False):
        lines.append(f"{study}: {rows['citation'].iloc[0]}, n = {rows['n'].iloc[0]}")
        for row in rows.to_dict("records"):
            told = np.isfinite(row["predicted"])
            mark = "cannot say" if not told else "inside" if row["inside"] else "OUTSIDE"
            fold = "" if np.isnan(row["fold"]) else f"  x{row['fold']:.2f}"
            sign = "" if row["sign"] is None or row["sign"] else "  WRONG SIGN"
            note = "  (not verified)" if row["confidence"] == "memory" else ""
            interval = f"{number(row['predicted'])} ({number(row['low'])} to {number(row['high'])})" if told else "-"
            lines.append(
                f"  {row['label'][:62]:62s}{number(row['observed']):>9s}  {interval:30s}{row['unit']:12s}{mark}{fold}{sign}{note}"
            )
    return "\n".join(lines)


def score(table: pd.DataFrame) -> str:
    """Return the score of a replay, rows from memory apart.

    Raises:
        TestisError: it is no table of a replay.
    """
    guard.frame(table, "table", _COLUMNS)
    lines = []
    for name, rows in (
        ("seen or derived", table[table["confidence"] != "memory"]),
        ("not verified against the source", table[table["confidence"] == "memory"]),
    ):
        known = [bool(of) for of in rows["inside"][rows["predicted"].notna()]]
        signs = [bool(of) for of in rows["sign"].dropna()]
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


def save(table: pd.DataFrame, folder: str | Path, *, plots: bool = True) -> list[Path]:
    """Write studies.json, studies.csv and the forest picture, each whole or not at all.

    Raises:
        TestisError: it is no table of a replay, or the folder cannot be written.
    """
    guard.frame(table, "table", _COLUMNS)
    folder, plots = guard.path(folder, "folder"), guard.flag(plots, "plots")
    paths = [folder / "studies.json", folder / "studies.csv"]
    rows = json.loads(table.to_json(orient="records"))
    outputs.write_json(paths[0], {"version": __version__, "rows": rows})
    outputs.write_table(paths[1], table)
    return paths + (_forest(table, folder) if plots else [])


def check_writable(folder: str | Path) -> None:
    """Make sure, before a replay, that its results can be saved in `folder`.

    Raises:
        TestisError: files of these names were written by somebody else.
    """
    folder = guard.path(folder, "folder")
    for ending in ("json", "csv", "png", "svg"):
        outputs.check(folder / f"studies.{ending}", ("study",))


def _forest(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw observed over predicted, a line an observation: what can be read as a fold."""
    from matplotlib.figure import Figure

    change = table["kind"].eq("change")
    columns = {
        name: np.where(change, 1.0 + table[name] / 100.0, table[name])
        for name in ("observed", "predicted", "low", "high")
    }
    folds = pd.DataFrame(columns)
    good = (folds > 0).all(axis=1) & table["kind"].isin(
        ["change", "level", "weeks_below", "weeks_above", "lowest", "highest"]
    )
    rows, at = table[good].reset_index(drop=True), folds[good].reset_index(drop=True)
    if rows.empty:
        return []
    figure = Figure(figsize=(8.0, 1.2 + 0.19 * len(rows)), dpi=200, layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(rows))[::-1]
    middle = at["observed"] / at["predicted"]
    low, high = at["low"] / at["predicted"], at["high"] / at["predicted"]
    axes.hlines(y, low, high, color="#9aa5b1", linewidth=3, zorder=1, label="95 % prediction interval")
    inside = rows["inside"].to_numpy(dtype=bool)
    axes.plot(middle[inside], y[inside], "o", color="#0072b2", markersize=4, label="observed, inside")
    axes.plot(middle[~inside], y[~inside], "D", color="#d55e00", markersize=4, label="observed, outside")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 10.0)
    axes.set_xticks([0.1, 0.2, 0.5, 1, 2, 5, 10], ["0.1", "0.2", "0.5", "1", "2", "5", "10"])
    axes.set_yticks(y, [f"{row.citation}: {row.label}"[:78] for row in rows.itertuples()], fontsize=5.5)
    axes.set_ylim(-1, len(rows))
    axes.set_xlabel("observed over predicted")
    axes.legend(loc="upper right", fontsize=6, frameon=False)
    axes.grid(axis="x", color="#e5e8eb", linewidth=0.6)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    from testis_abm.pictures.drawing import write_figure

    return write_figure(figure, "studies", folder)
