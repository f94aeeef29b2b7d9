"""Pictures of experiments: arms over time, sweeps as lines or maps, trials, ranked sensitivities."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from testis_abm.experiments.design import Axis
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.pictures import style
from testis_abm.pictures.drawing import write_figure
from testis_abm.quantities import QUANTITIES, clinical, label
from testis_abm.statistics import mean_and_half, nanmean

if TYPE_CHECKING:
    from testis_abm.experiments.compare import Comparison
    from testis_abm.experiments.trial import Result

# Okabe and Ito, the grey of the untreated first.
COLOURS = ("#6E6E6E", "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MOST_TICKS = 8
_SHOWN = (
    "testosterone",
    "serum E2 (immunoassay)",
    "T/E2 (immunoassay)",
    "LH",
    "FSH",
    "intratesticular testosterone",
    "sperm concentration",
    "total motile count",
)


def _sheet(panels: int, columns: int = 2, height: float = 1.7, title: str = "") -> tuple[Figure, list[Axes]]:
    rows = -(-panels // columns)
    figure = Figure(figsize=(style.WIDTH, height * rows + 0.6), dpi=style.DPI, layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(rows, columns, squeeze=False)).ravel())
    for spare in axes[panels:]:
        spare.set_visible(False)
    figure.suptitle(title, fontsize=9.5, x=0.01, ha="left")
    return figure, axes[:panels]


def _name_level(panel: Axes, column: str) -> None:
    """Name a level on the y axis, its unit below it where both are long."""
    text = label(column)
    panel.set_ylabel(text.replace(" (", "\n(") if len(text) > 24 else text, fontsize=7)


def compared(of: Comparison, folder: Path) -> list[Path]:
    """Draw arms over time: mean and 95 % interval over replicates."""
    with style.looks():
        figure, axes = _sheet(
            len(_SHOWN),
            title=f"{of.title}: mean and 95 % of {of.replicates} replicates, paired by common random numbers",
        )
        for panel, word in zip(axes, _SHOWN):
            column = OUTPUTS[word].column
            for colour, arm in zip(COLOURS, of.arms):
                rows = of.courses[of.courses["arm"] == arm].pivot(index="day", columns="replicate", values=column)
                values = clinical(column, rows.to_numpy())
                panel.plot(rows.index, nanmean(values, axis=1), color=colour, label=arm)
                if values.shape[1] > 1:
                    some = np.where(np.isfinite(values).any(axis=1)[:, None], values, 0.0)
                    low, high = np.nanquantile(some, [0.025, 0.975], axis=1)
                    panel.fill_between(rows.index, low, high, color=colour, alpha=0.15, linewidth=0)
            _name_level(panel, column)
            panel.set_ylim(bottom=0)
            panel.set_xlabel("day")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return write_figure(figure, "arms", folder)


def swept(
    table: pd.DataFrame, axes: Sequence[Axis], outputs: Sequence[str], folder: Path, method: str, title: str
) -> list[Path]:
    """Draw a sweep's summary: lines over one axis or along a list, a map over a grid of two, clouds over more.

    Args:
        table: from sweep.summary; axes: as varied; outputs: clinical words; method: of the design; title: of the pictures.
    """
    # Of many the most wanted.
    words = [word for word in (*_SHOWN, *outputs) if word in outputs] if len(outputs) > len(_SHOWN) else list(outputs)
    words = list(dict.fromkeys(words))[: len(_SHOWN)]
    if len(axes) == 2 and method == "grid" and min(table[axis.path].nunique() for axis in axes) > 1:
        return _map(table, axes, words, folder, title)
    return _lines(table, axes, words, folder, title, joined=len(axes) == 1 or method == "list")


def _places(axis: Axis, column: pd.Series) -> tuple[np.ndarray, list[str]]:
    """Return positions on an axis, and the words there where it has words instead of numbers."""
    found = np.array([axis.number(value) for value in column])
    if np.isfinite(found).all():
        return found, []
    words = list(dict.fromkeys(str(value) for value in column))
    return np.array([words.index(str(value)) for value in column], dtype=float), words


def _name_of(axis: Axis) -> str:
    return f"{axis.path} ({axis.unit})" if axis.unit else axis.path


def _lines(
    table: pd.DataFrame, axes: Sequence[Axis], words: Sequence[str], folder: Path, title: str, *, joined: bool
) -> list[Path]:
    paths = []
    with style.looks():
        for k, axis in enumerate(axes):
            x, names = _places(axis, table[axis.path])
            # Along a list the points keep their order, whatever becomes of one axis.
            order = np.argsort(x, kind="stable") if len(axes) == 1 else np.arange(len(x))
            most = int(table["replicates"].max())
            told = f": means with 95 % intervals over {most} replicates" if most > 1 else ""
            figure, panels = _sheet(len(words), title=f"{title}{told}")
            for panel, word in zip(panels, words):
                column = OUTPUTS[word].column
                for arm in ("untreated", "treated"):
                    name = f"{column}, {arm}"
                    if name not in table:
                        continue
                    y, half = (clinical(column, table[of].to_numpy())[order] for of in (name, f"{name}_half"))
                    panel.errorbar(
                        x[order],
                        y,
                        yerr=np.nan_to_num(half) if np.isfinite(half).any() else None,
                        fmt="o-" if joined else "o",
                        markersize=2.5,
                        elinewidth=0.8,
                        capsize=1.5,
                        color=style.COLOUR[arm],
                        label=arm,
                        alpha=1.0 if joined else 0.6,
                    )
                _name_level(panel, column)
                panel.set_xlabel(_name_of(axis), fontsize=7)
                if names:
                    panel.set_xticks(range(len(names)), names)
                elif axis.log:
                    panel.set_xscale("log")
            panels[0].legend(loc="best")
            paths += write_figure(figure, "sweep" if len(axes) == 1 else f"sweep-{k + 1}", folder)
    return paths


def _map(table: pd.DataFrame, axes: Sequence[Axis], words: Sequence[str], folder: Path, title: str) -> list[Path]:
    with style.looks():
        figure, panels = _sheet(len(words), height=2.1, title=title)
        places = [_places(axis, table[axis.path]) for axis in axes]
        ticks = [np.unique(of) for of, _ in places]
        cells = tuple(np.searchsorted(tick, of) for tick, (of, _) in zip(ticks, places))
        for panel, word in zip(panels, words):
            column = OUTPUTS[word].column
            change = f"{column}, change_pct"
            # A level under what is told from none has no percentage: then levels, of the treated.
            treated = change in table and table[change].notna().all()
            arm = "treated" if f"{column}, treated" in table else "untreated"
            value = table[change].to_numpy() if treated else clinical(column, table[f"{column}, {arm}"])
            grid = np.full((len(ticks[1]), len(ticks[0])), np.nan)
            grid[cells[1], cells[0]] = value
            low, high = (np.nanmin(grid), np.nanmax(grid)) if np.isfinite(grid).any() else (0.0, 1.0)
            kind: dict[str, Any] = {"cmap": "viridis" if high > 0 else "viridis_r"}
            if treated and low < 0 < high:
                most = np.nanmax(np.abs(grid)) or 1.0
                kind = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
            drawn = panel.imshow(grid, origin="lower", aspect="auto", **kind)
            for axis, tick, (_, names), which in zip(axes, ticks, places, "xy"):
                # Of words each is named; of many numbers some.
                some = len(tick) if names else min(_MOST_TICKS, len(tick))
                at = np.unique(np.linspace(0, len(tick) - 1, some).round().astype(int))
                (panel.set_xticks if which == "x" else panel.set_yticks)(
                    at, [names[i] if names else f"{tick[i]:.3g}" for i in at]
                )
                (panel.set_xlabel if which == "x" else panel.set_ylabel)(_name_of(axis), fontsize=7)
            bar = figure.colorbar(drawn, ax=panel, shrink=0.9)
            bar.set_label("change, %" if treated else OUTPUTS[word].clinical_unit, fontsize=7)
            panel.set_title(word if treated else f"{label(column)}, {arm}", fontsize=8)
    return write_figure(figure, "sweep", folder)


def ranked(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw sensitivities, an output a panel, inputs ranked, with intervals."""
    words = list(dict.fromkeys(table["output"]))[:8]
    if not words:
        return []
    morris = "mu_star" in table
    with style.looks():
        inputs = table.groupby("output").size().max()
        figure, panels = _sheet(
            len(words),
            height=0.6 + 0.16 * inputs,
            title=("Morris: mean effect of crossing the range" if morris else "Sobol: share of variance")
            + ", 95 % intervals",
        )
        for panel, word in zip(panels, words):
            rows = table[table["output"] == word].iloc[::-1]
            y = np.arange(len(rows))
            if morris:
                panel.barh(
                    y, rows["mu_star"], xerr=rows["confidence"], color=COLOURS[1], height=0.6, error_kw={"lw": 0.8}
                )
            else:
                panel.barh(
                    y,
                    rows["total"],
                    xerr=rows["confidence"],
                    color="#56B4E9",
                    height=0.7,
                    error_kw={"lw": 0.8},
                    label="total",
                )
                panel.barh(
                    y,
                    rows["first"],
                    color=COLOURS[1],
                    height=0.35,
                    xerr=rows["first_confidence"],
                    error_kw={"lw": 0.6},
                    label="first-order",
                )
            panel.set_yticks(y, rows["input"], fontsize=6)
            panel.set_title(word, fontsize=8)
            unit = rows["quantity"].iloc[0]
            panel.set_xlabel(
                f"mean size of effect{f'\n({unit})' if unit else ''}" if morris else "share of variance", fontsize=7
            )
            panel.set_xlim(left=0)
        if not morris:
            panels[0].legend(loc="lower right")
    return write_figure(figure, "sensitivity", folder)


def tried(of: Result, folder: Path) -> list[Path]:
    """Draw a trial: the outcome at visits, men by their change, baseline predictors of response, power."""
    control = of.responders["arm"].iloc[0]
    arms = [control, *(arm for arm in dict.fromkeys(of.men["arm"]) if arm != control)]
    colours = dict(zip(arms, COLOURS))
    with style.looks():
        figure, panels = _sheet(4, height=2.2, title=of.title)
        _visits(panels[0], of, colours)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        _changes(panels[1], of, colours)
        _predictors(panels[2], of, colours)
        _power(panels[3], of, colours)
    return write_figure(figure, "trial", folder)


def _days(of: Result) -> list[int]:
    return sorted(int(name[3 : name.index("_")]) for name in of.men if re.fullmatch(rf"day\d+_{of.outcome}", name))


def _visits(panel: Axes, of: Result, colours: Mapping[str, str]) -> None:
    baseline, days = f"baseline_{of.outcome}", _days(of)
    columns = [*([baseline] if baseline in of.men else []), *(f"day{day}_{of.outcome}" for day in days)]
    at = [0, *days] if baseline in of.men else days
    for arm, colour in colours.items():
        values = clinical(of.outcome, of.men.loc[of.men["arm"] == arm, columns].to_numpy(dtype=float))
        levels = [mean_and_half(column[np.isfinite(column)]) for column in values.T if np.isfinite(column).any()]
        if len(levels) == len(at):
            middle, half = np.array(levels).T
            half = np.nan_to_num(half)
            below = np.minimum(half, middle)  # no level is under 0
            panel.errorbar(at, middle, yerr=[below, half], color=colour, marker="o", markersize=3, capsize=2, label=arm)
    panel.set_xlabel("day")
    _name_level(panel, of.outcome)
    panel.set_title("means as measured, 95 % intervals", fontsize=8)


def _changes(panel: Axes, of: Result, colours: Mapping[str, str]) -> None:
    """Draw the share of the men of each arm under a change; who has some where there was none lies beyond the end."""
    most = 300.0
    before = of.men.get(f"baseline_{of.outcome}", pd.Series(np.nan, of.men.index)).to_numpy(dtype=float)
    after = of.men[f"day{_days(of)[-1]}_{of.outcome}"].to_numpy(dtype=float)
    some = np.where(after > 0.0, 10.0 * most, 0.0)
    change = np.where(before > 0.0, 100.0 * (after / np.where(before > 0.0, before, 1.0) - 1.0), some)
    for arm, colour in colours.items():
        own = np.sort(change[(of.men["arm"] == arm).to_numpy() & np.isfinite(before) & np.isfinite(after)])
        panel.plot(own, np.linspace(0, 100, len(own)), color=colour, label=arm)
    panel.axvline(of.responder_pct, color="#444444", linewidth=0.7, linestyle=":")
    panel.set_xlim(-100, most)
    panel.set_xlabel(f"change in {QUANTITIES[of.outcome].label}, %\n(from none to some: beyond)", fontsize=7)
    panel.set_ylabel("men measured, %")
    panel.set_title("men by change from baseline", fontsize=8)


def _predictors(panel: Axes, of: Result, colours: Mapping[str, str]) -> None:
    names = list(dict.fromkeys(of.predictors["predictor"]))[::-1]
    for k, (arm, colour) in enumerate(colours.items()):
        rows = of.predictors[of.predictors["arm"] == arm].set_index("predictor").reindex(names)
        ends = [(rows["auc"] - rows["low"]).fillna(0.0), (rows["high"] - rows["auc"]).fillna(0.0)]
        panel.errorbar(rows["auc"], np.arange(len(names)) + 0.12 * k, xerr=ends, fmt="o", color=colour, markersize=3)
    panel.set_yticks(np.arange(len(names)), names)
    panel.axvline(0.5, color="#444444", linewidth=0.7)
    if of.predictors["auc"].isna().all():
        style.say(panel, "cannot say: too few men\nresponded or did not")
    panel.set_xlim(0, 1)
    panel.set_xlabel(f"ROC AUC for a response (> {of.responder_pct:g} % increase)")
    panel.set_title("baseline predictors of response, 95 % intervals", fontsize=8)


def _power(panel: Axes, of: Result, colours: Mapping[str, str]) -> None:
    for arm, rows in of.power.groupby("arm", sort=False):
        panel.plot(rows["men"], 100 * rows["power"], "o-", color=colours[str(arm)], markersize=3, label=arm)
    panel.axhline(80, color="#444444", linewidth=0.7, linestyle=":")
    panel.set_xscale("log")
    ticks = sorted(set(of.power["men"])) or [10, 100]
    panel.set_xlim(ticks[0] / 1.2, 1.2 * ticks[-1])  # where nothing is drawn too
    panel.set_xticks(ticks, [str(n) for n in ticks])
    if of.power["power"].isna().all():
        style.say(panel, "cannot say: no interval of the effect")
    panel.minorticks_off()
    panel.set_xlabel("men randomised per arm")
    panel.set_ylabel("power, %")
    panel.set_ylim(0, 102)
    panel.set_title("power for the primary outcome", fontsize=8)


_FOLDS = ("change", "level", "weeks_below", "weeks_above", "lowest", "highest")  # kinds that can be read as one


def forest(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw a replay of studies: observed over predicted, a line an observation that can be read as a fold."""
    change = table["kind"].eq("change")
    names = ["observed", "predicted", "low", "high"]
    folds = table[names].where(~change, 1.0 + table[names] / 100.0)
    good = (folds > 0).all(axis=1) & table["kind"].isin(_FOLDS)
    rows, folds = table[good].reset_index(drop=True), folds[good].reset_index(drop=True)
    if rows.empty:
        return []
    figure = Figure(figsize=(8.0, 1.2 + 0.19 * len(rows)), dpi=200, layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(rows))[::-1]
    middle, low, high = (folds[name] / folds["predicted"] for name in ("observed", "low", "high"))
    axes.hlines(y, low, high, color="#9aa5b1", linewidth=3, zorder=1, label="95 % prediction interval")
    inside = rows["inside"].to_numpy(dtype=bool)
    axes.plot(middle[inside], y[inside], "o", color=COLOURS[1], markersize=4, label="observed, inside")
    axes.plot(middle[~inside], y[~inside], "D", color=COLOURS[2], markersize=4, label="observed, outside")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 10.0)
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_yticks(y, [f"{row.citation}: {row.label}"[:78] for row in rows.itertuples()], fontsize=5.5)
    axes.set_ylim(-1, len(rows))
    axes.set_xlabel("observed over predicted")
    axes.legend(loc="upper right", fontsize=6, frameon=False)
    axes.grid(axis="x", color="#e5e8eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return write_figure(figure, "studies", folder)
