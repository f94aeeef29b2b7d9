"""What charts show of a sweep: an output over the axes that were varied, in words and round numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.design import Axis, Value
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.parameters import Parameter, in_words, load, physiology
from testis_abm.pictures.chart import HeatMap
from testis_abm.pictures.plots import Lines, Series, rounded
from testis_abm.pictures.reference import reference_ranges
from testis_abm.statistics import nanmean

if TYPE_CHECKING:
    from testis_abm.experiments.swept import Swept
    from testis_abm.scenario import Scenario

CHANGE = "change in %"
_KINDS = {CHANGE: "change_pct", TREATED: TREATED, UNTREATED: UNTREATED}
_NAMES = {CHANGE: "change"}  # in Swept.spread
_WORDS = {"bmi": "Body mass index", "age": "Age"}
_OF_DRUGS = {"every": "interval", "from": "start", "until": "stop"}
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
        return Places(rounded(known.tolist()), np.searchsorted(known, numbers), known)
    edges = np.linspace(known[0], known[-1], _BINS + 1)
    middle = (edges[1:] + edges[:-1]) / 2.0
    at = np.clip(np.searchsorted(edges, numbers, side="right") - 1, 0, _BINS - 1)
    return Places(rounded(middle.tolist()), at, middle)


def name_of(axis: Axis, case: Scenario | None = None) -> str:
    """Return what an axis varies, with its unit; of a treatment by the name of the drug in `case`."""
    known = _parameter(axis.path)
    unit = axis.unit or (known.symbol if known else "")
    return f"{title_of(axis.path, case)} ({unit})" if unit else title_of(axis.path, case)


def short(axis: Axis, value: Value) -> str:
    """Return a value of an axis in print, with its unit."""
    number = axis.number(value)
    if not np.isfinite(number):
        return str(value)
    known = _parameter(axis.path)
    unit = axis.unit or (known.symbol if known else "")
    return f"{rounded([number])[0]} {unit}".strip()


def title_of(path: str, case: Scenario | None = None) -> str:
    """Return what a dotted path leads to in words; of a treatment by the name of the drug in `case`."""
    match path.split("."):
        case ["man", key] if _parameter(path):
            return _WORDS.get(key) or in_words(key, heading=True)
        case ["parameters", group, key] if _parameter(path):
            return f"{in_words(group, heading=True)}: {in_words(key)}"
        case ["therapy", place, key] if place.isdigit() and case and 0 < int(place) <= len(case.therapy):
            return f"{in_words(case.therapy[int(place) - 1].row.label, heading=True)} {_OF_DRUGS.get(key) or in_words(key)}"
        case [section, place, key] if place.isdigit():
            return f"{in_words(section, heading=True)} {place}: {in_words(key)}"
        case [section, *keys] if keys:
            return f"{in_words(section, heading=True)}: {', '.join(map(in_words, keys))}"
    return in_words(path, heading=True)


def _parameter(path: str) -> Parameter | None:
    section, _, name = path.partition(".")
    return {"man": physiology, "parameters": load}[section]().get(name) if section in ("man", "parameters") else None


def kinds(table: pd.DataFrame, word: str) -> list[str]:
    """Return how an output can be shown: as change in %, or the level of an arm."""
    return [name for name, end in _KINDS.items() if f"{OUTPUTS[word].column}, {end}" in table] or ["untreated"]


def heat_map(
    table: pd.DataFrame,
    axes: Sequence[Axis],
    word: str,
    kind: str,
    called: str,
    most: int = _MOST,
    case: Scenario | None = None,
) -> HeatMap:
    """Return an output over two axes, or as one row over one; the mean over all others.

    Args:
        table: Swept.summary, or the like. called: the kind in print.
        most: places of an axis, of which more become bins. case: the scenario that is varied, by which treatments are named.
    """
    quantity, changes = OUTPUTS[word], kind == CHANGE
    values = table[f"{quantity.column}, {_KINDS[kind]}"].to_numpy(dtype=float)
    across = places(axes[0], table[axes[0].path], most)
    up = places(axes[1], table[axes[1].path], most) if len(axes) > 1 else Places([""], np.zeros(len(table), int), None)
    grid = np.full((len(up.names), len(across.names)), np.nan)
    keys = [[""] * len(across.names) for _ in up.names]
    for i, k in np.unique(np.stack([up.at, across.at], axis=-1), axis=0):
        here = (up.at == i) & (across.at == k)
        grid[i, k] = nanmean(values[here])
        if here.sum() == 1:  # a cell of one point is that point
            keys[i][k] = str(int(table["point"].to_numpy()[here][0]))
    return HeatMap(
        f"{quantity.title}, {'change against untreated' if changes else called}",
        "%" if changes else quantity.clinical_unit,
        grid if changes else quantity.clinical(grid),
        across.names,
        up.names,
        (name_of(axes[0], case), name_of(axes[1], case) if len(axes) > 1 else ""),
        changes,
        keys,
    )


def mapped(
    found: Swept, spread: pd.DataFrame, axes: Sequence[Axis], word: str, kind: str, among: Sequence[int] | None = None
) -> HeatMap:
    """Return the map of what `Swept.spread` gives of an output; points that are still to come have their places (`among`: of these)."""
    rows = spread[spread["kind"] == _NAMES.get(kind, kind)].set_index("point")
    points = pd.DataFrame(found.manifest["design"]["points"], columns=found.manifest["design"]["paths"])
    table = points.loc[points.index if among is None else list(among)]
    table = table.assign(**{f"{OUTPUTS[word].column}, {_KINDS[kind]}": rows["middle"].reindex(table.index)})
    return heat_map(table.rename_axis("point").reset_index(), axes, word, kind, found.called(kind), case=found.case)


def curves(found: Swept, spread: pd.DataFrame, axis: Axis, word: str, kind: str) -> Lines:
    """Return an output over one axis with the interval of each point; a level beside the untreated one.

    Points that have the same value (those of other axes) are averaged, and have no interval.
    """
    quantity, changes = OUTPUTS[word], kind == CHANGE
    shown = ["change"] if changes else [name for name in (UNTREATED, TREATED) if name in set(spread["kind"])]
    points = [point[found.axes.index(axis)] for point in found.manifest["design"]["points"]]
    where = places(axis, pd.Series(points))
    series, at = [], dict(enumerate(where.at.tolist()))
    for name in shown:
        rows = spread[spread["kind"] == name]
        place = rows["point"].map(at)
        mean = rows.groupby(place)[["middle", "low", "high"]].mean().reindex(range(len(where.names)))
        mean.loc[place.value_counts().reindex(mean.index) != 1, ["low", "high"]] = np.nan
        values = [mean[part].to_numpy() if changes else quantity.clinical(mean[part]) for part in mean]
        called = "change" if changes else found.called(name)
        series.append(Series(called, 0 if name == UNTREATED else 1, *values))
    of_place: dict[int, list[int]] = {}
    for point, k in at.items():
        of_place.setdefault(k, []).append(point)
    reference = reference_ranges().get(quantity.column)
    words = where.numbers is None
    return Lines(
        f"{quantity.title}, change against untreated" if changes else quantity.title,
        "%" if changes else quantity.clinical_unit,
        name_of(axis, found.case),
        np.arange(len(where.names)) if where.numbers is None else where.numbers,
        where.names,
        series,
        words,
        axis.log or _geometric(where.numbers),
        [str(of_place[k][0]) if len(of_place[k]) == 1 else "" for k in range(len(where.names))],
        reference.scaled(quantity.factor) if reference and not changes else None,
        signed=changes,
        spread=("90 %" if found.plausible else "95 %") if spread["low"].notna().any() else "",
    )


def _geometric(values: np.ndarray | None) -> bool:
    """Return whether values rise by factors rather than by steps, as doses of a list do."""
    if values is None or len(values) < 3 or values[0] <= 0.0:
        return False
    return bool(
        values[-1] / values[0] >= 8.0 and np.ptp(np.diff(np.log(values))) < np.ptp(np.diff(values)) / np.mean(values)
    )
