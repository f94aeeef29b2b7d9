"""What charts show of a sweep's summary: an output over the axes that were varied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from testis_abm.experiments.design import Axis
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.parameters import Parameter, in_words, load, physiology
from testis_abm.pictures.chart import HeatMap
from testis_abm.statistics import nanmean

CHANGE = "change in %"
_KINDS = {CHANGE: "change_pct", "treated": "treated", "untreated": "untreated"}
_MOST, _BINS = 16, 10  # places on an axis, and bins where there are more


class Places(NamedTuple):
    """The places on an axis: their names, and that of each point; words come as they come, numbers rise."""

    names: list[str]
    at: np.ndarray
    numbers: np.ndarray | None


def places(axis: Axis, values: pd.Series, most: int = 10**9) -> Places:
    """Return the places of values on an axis; of more than `most` numbers, bins."""
    numbers = np.array([axis.number(value) for value in values])
    if not np.isfinite(numbers).all():
        words = list(dict.fromkeys(str(value) for value in values))
        return Places(words, np.array([words.index(str(value)) for value in values]), None)
    known = np.unique(numbers)
    if len(known) <= most:
        return Places([f"{value:.3g}" for value in known], np.searchsorted(known, numbers), known)
    edges = np.linspace(known[0], known[-1], _BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2.0
    at = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, _BINS - 1)
    return Places([f"{value:.3g}" for value in middle], at, middle)


def name_of(axis: Axis) -> str:
    """Return what an axis varies, with its unit."""
    known = _parameter(axis.path)
    unit = axis.unit or (known.symbol if known else "")
    return f"{title_of(axis.path)} ({unit})" if unit else title_of(axis.path)


def title_of(path: str) -> str:
    """Return what a dotted path leads to in words; a path without any as it is."""
    match path.split("."):
        case ["man", key] if _parameter(path):
            return in_words(key, heading=True)
        case ["parameters", group, key] if _parameter(path):
            return f"{in_words(group, heading=True)}: {in_words(key)}"
        case [section, place, key] if place.isdigit():
            return f"{section.capitalize()} {place}: {in_words(key)}"
    return path


def _parameter(path: str) -> Parameter | None:
    section, _, name = path.partition(".")
    return {"man": physiology, "parameters": load}[section]().get(name) if section in ("man", "parameters") else None


def kinds(table: pd.DataFrame, word: str) -> list[str]:
    """Return how an output can be shown: as change in %, or the level of an arm."""
    return [name for name, end in _KINDS.items() if f"{OUTPUTS[word].column}, {end}" in table] or ["untreated"]


def heat_map(
    table: pd.DataFrame, axes: Sequence[Axis], word: str, kind: str, called: str, most: int = _MOST
) -> HeatMap:
    """Return an output over two axes, or as one row over one; the mean over all others. `called`: the kind in print."""
    quantity, changes = OUTPUTS[word], kind == CHANGE
    values = table[f"{quantity.column}, {_KINDS[kind]}"].to_numpy(dtype=float)
    across = places(axes[0], table[axes[0].path], most)
    up = places(axes[1], table[axes[1].path], most) if len(axes) > 1 else Places([""], np.zeros(len(table), int), None)
    grid = np.full((len(up.names), len(across.names)), np.nan)
    for i, k in np.unique(np.stack([up.at, across.at], axis=-1), axis=0):
        grid[i, k] = nanmean(values[(up.at == i) & (across.at == k)])
    return HeatMap(
        f"{word}: change against untreated, %" if changes else f"{quantity.heading}, {called}",
        "change, %" if changes else quantity.clinical_unit,
        grid if changes else quantity.clinical(grid),
        across.names,
        up.names,
        (name_of(axes[0]), name_of(axes[1]) if len(axes) > 1 else ""),
        changes,
    )
