"""Pictures of experiments: arms over time, sweeps as lines or maps, trials, ranked sensitivities, replays of studies."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from testis_abm.choices import TREATED
from testis_abm.experiments.design import Axis
from testis_abm.experiments.outputs import OUTPUTS, WANTED
from testis_abm.pictures import courses, paper, style, sweeps
from testis_abm.pictures.chart import Curve, Span, band
from testis_abm.pictures.drawing import Figures, write_figure
from testis_abm.quantities import QUANTITIES, Quantity, clinical
from testis_abm.scenario.scenario import EXTRAPOLATION
from testis_abm.statistics import mean_and_half

if TYPE_CHECKING:
    from testis_abm.experiments.compare import Comparison
    from testis_abm.experiments.sweep import Swept
    from testis_abm.experiments.trial_result import Result

_MOST_TICKS = 8


def _sheet(panels: int, height: float = 1.7, title: str = "") -> tuple[Figure, list[Axes]]:
    """Return a figure with a grid of panels, two beside each other."""
    rows = -(-panels // 2)
    figure = paper.page(style.WIDTH, height * rows + 0.6, layout="constrained")
    axes = list(figure.subplots(rows, 2, squeeze=False).ravel())
    for spare in axes[panels:]:
        spare.set_visible(False)
    figure.suptitle(title, fontsize=paper.title_size(title, style.WIDTH), x=0.01, ha="left")
    return figure, axes[:panels]


def _name_level(panel: Axes, quantity: Quantity) -> None:
    """Name a level on the y axis, its unit below it where both are long."""
    text = quantity.heading
    panel.set_ylabel(text.replace(" (", "\n(") if len(text) > 24 else text, fontsize=7)


def compared(found: Comparison, folder: Path) -> list[Path]:
    """Write `draw_compared`."""
    return write_figure(draw_compared(found), "arms", folder)


def draw_compared(found: Comparison) -> Figure:
    """Draw arms over time: means, between which levels the replicates lie, and what injured the men."""
    shown = f"mean and {band(found.replicates)} ({found.replicates}, {found.pairing})"
    title = f"{found.title}: {shown if found.replicates > 1 else 'one replicate'}"
    insults = courses.insults_of(found.scenarios) if found.scenarios else ()
    with paper.looks():
        figure, axes = _sheet(len(WANTED), title=title)
        for panel, word in zip(axes, WANTED, strict=True):
            quantity = OUTPUTS[word]
            for colour, arm in zip(style.PALETTE, found.arms, strict=False):
                rows = found.courses[found.courses["arm"] == arm].pivot(
                    index="replicate", columns="day", values=quantity.column
                )
                rows = rows.dropna(axis="columns", how="all")  # each is known on days of its own
                curve = Curve.of(arm, rows.columns.to_numpy(), quantity.clinical(rows.to_numpy()))
                paper.draw_curve(panel, curve, colour, label=arm)
            _name_level(panel, quantity)
            paper.from_zero(panel)
            panel.set_xlabel("day")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
        _mark(figure, axes, insults)
    return figure


def _mark(figure: Figure, axes: Sequence[Axes], spans: Sequence[Span]) -> None:
    """Mark insults in every panel, by name above those of the first row; one before the first day lengthens the axis."""
    if not spans:
        return
    for panel in axes:
        first, last = panel.get_xlim()
        panel.set_xlim(min(first, min(span.start for span in spans) - 0.02 * (last - first)), last)
    figure.draw_without_rendering()  # lays out the panels, so that their sizes are known
    for k, panel in enumerate(axes):
        box = panel.get_window_extent()
        paper.mark_spans(panel, spans, (box.width / figure.dpi, box.height / figure.dpi) if k < 2 else None)


def swept(found: Swept, table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write `draw_swept`."""
    return [path for name, figure in draw_swept(found, table).items() for path in write_figure(figure, name, folder)]


def draw_swept(found: Swept, table: pd.DataFrame) -> Figures:
    """Draw a sweep's summary: lines over one axis or along a list, a map over a grid of two, clouds over more."""
    axes, outputs, method = found.axes, found.outputs, found.manifest["design"]["method"]
    title = f"{found.manifest['title']}, day {max(found.days)}"
    # Of many the most wanted.
    words = [word for word in (*WANTED, *outputs) if word in outputs] if len(outputs) > len(WANTED) else list(outputs)
    words = list(dict.fromkeys(words))[: len(WANTED)]
    with paper.looks():
        if len(axes) == 2 and method == "grid" and min(table[axis.path].nunique() for axis in axes) > 1:
            figures = [_map(found, table, words, title)]
        else:
            joined = len(axes) == 1 or method == "list"
            most = int(table["replicates"].max())
            title += f": means with 95 % intervals over {most} replicates" if most > 1 else ""
            figures = [_lines(found, table, axis, words, title, joined=joined) for axis in axes]
    names = ["sweep"] if len(figures) == 1 else [f"sweep-{k + 1}" for k in range(len(figures))]
    return Figures(zip(names, figures, strict=True))


def _lines(found: Swept, table: pd.DataFrame, axis: Axis, words: Sequence[str], title: str, *, joined: bool) -> Figure:
    places = sweeps.places(axis, table[axis.path])
    x = places.at if places.numbers is None else places.numbers[places.at]
    # Along a list the points keep their order, whatever becomes of one axis.
    order = np.argsort(x, kind="stable") if len(found.axes) == 1 else np.arange(len(x))
    look: dict[str, Any] = {"markersize": 2.5, "elinewidth": 0.8, "capsize": 1.5, "fmt": "o-" if joined else "o"}
    figure, panels = _sheet(len(words), title=title)
    for panel, word in zip(panels, words, strict=True):
        quantity = OUTPUTS[word]
        for arm, colour in style.COLOUR.items():
            name = f"{quantity.column}, {arm}"
            if name not in table:
                continue
            y, half = (quantity.clinical(table[part].to_numpy())[order] for part in (name, f"{name}_half"))
            bars = np.nan_to_num(half) if np.isfinite(half).any() else None
            panel.errorbar(
                x[order], y, yerr=bars, color=colour, label=found.called(arm), alpha=1.0 if joined else 0.6, **look
            )
        _name_level(panel, quantity)
        panel.set_xlabel(sweeps.name_of(axis, found.case), fontsize=7)
        if places.numbers is None:
            panel.set_xticks(range(len(places.names)), places.names)
        elif axis.log:
            panel.set_xscale("log")
            panel.xaxis.set_major_formatter(paper.PlainPowers())
            panel.xaxis.set_minor_formatter(paper.PlainPowers())
    panels[0].legend(loc="best")
    return figure


def _map(found: Swept, table: pd.DataFrame, words: Sequence[str], title: str) -> Figure:
    axes = found.axes
    figure, panels = _sheet(len(words), height=2.1, title=title)
    for panel, word in zip(panels, words, strict=True):
        change = f"{OUTPUTS[word].column}, change_pct"
        # A level under what is told from none has no percentage: then levels, of the treated.
        kind = sweeps.kinds(table, word)[0]
        if kind == sweeps.CHANGE and table[change].isna().any():
            kind = TREATED
        chart = sweeps.heat_map(table, axes, word, kind, found.called(kind), most=10**9, case=found.case)
        low, high = (np.nanmin(chart.values), np.nanmax(chart.values)) if np.isfinite(chart.values).any() else (0, 1)
        colours: dict[str, Any] = {"cmap": "viridis" if high > 0 else "viridis_r"}
        if chart.change and low < 0 < high:
            most = max(-low, high)
            colours = {"cmap": "RdBu_r", "vmin": -most, "vmax": most}
        drawn = panel.imshow(chart.values, origin="lower", aspect="auto", **colours)
        panel.set_xlabel(chart.names[0], fontsize=7)
        panel.set_ylabel(chart.names[1], fontsize=7)
        panel.set_xticks(*_ticks(axes[0], chart.across))
        panel.set_yticks(*_ticks(axes[1], chart.up))
        figure.colorbar(drawn, ax=panel, shrink=0.9).set_label(
            f"change, {chart.unit}" if chart.change else chart.unit, fontsize=7
        )
        panel.set_title(word if chart.change else chart.label, fontsize=8)
    return figure


def _ticks(axis: Axis, names: Sequence[str]) -> tuple[np.ndarray, list[str]]:
    """Return where an axis of a map is named: at each word, at some of many numbers."""
    words = not all(np.isfinite(axis.number(value)) for value in axis.values)
    some = len(names) if words else min(_MOST_TICKS, len(names))
    at = np.unique(np.linspace(0, len(names) - 1, some).round().astype(int))
    return at, [names[k] for k in at]


def ranked(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Write `draw_ranked`, if anything is ranked."""
    return write_figure(draw_ranked(table), "sensitivity", folder) if len(table) else []


def draw_ranked(table: pd.DataFrame) -> Figure:
    """Draw sensitivities, an output a panel, inputs ranked, with intervals."""
    words = list(dict.fromkeys(table["output"]))[:8]
    morris = "mu_star" in table
    what = "Morris: mean effect of crossing the range" if morris else "Sobol: share of variance"
    with paper.looks():
        height = 0.6 + 0.16 * table.groupby("output").size().max()
        figure, panels = _sheet(len(words), height, f"{what}, 95 % intervals")
        for panel, word in zip(panels, words, strict=True):
            rows = table[table["output"] == word].iloc[::-1]
            if morris:
                _bars(panel, rows, "mu_star", "confidence", style.BLUE, 0.6)
            else:
                _bars(panel, rows, "total", "confidence", style.SKY, 0.7)
                _bars(panel, rows, "first", "first_confidence", style.BLUE, 0.35)
            panel.set_yticks(np.arange(len(rows)), [sweeps.title_of(path) for path in rows["input"]], fontsize=6)
            panel.set_title(word, fontsize=8)
            unit = rows["quantity"].iloc[0]
            of_unit = f"\n({unit})" if unit else ""
            panel.set_xlabel(f"mean size of effect{of_unit}" if morris else "share of variance", fontsize=7)
            panel.set_xlim(left=0)
        if not morris:
            panels[0].legend(loc="lower right")
    return figure


def _bars(panel: Axes, rows: pd.DataFrame, name: str, error: str, colour: str, height: float) -> None:
    words = {"total": "total", "first": "first-order"}.get(name)
    look: Any = {"color": colour, "height": height, "error_kw": {"lw": 0.8}, "label": words}
    panel.barh(np.arange(len(rows)), rows[name], xerr=rows[error], **look)


def tried(found: Result, folder: Path) -> list[Path]:
    """Write `draw_tried`."""
    return write_figure(draw_tried(found), "trial", folder)


def draw_tried(found: Result) -> Figure:
    """Draw a trial: the outcome at visits, men by their change, baseline predictors of response, power.

    Of a cross-over the outcome at visits by sequence, and the differences between treatments.
    """
    arms = sorted(set(found.men["arm"])) if found.design.crossover else found.names
    colours = dict(zip(arms, style.PALETTE, strict=False))
    draws = (_visits, _differences) if found.design.crossover else (_visits, _changes, _predictors, _power)
    with paper.looks():
        figure, panels = _sheet(len(draws), height=2.2, title=found.title)
        for panel, draw in zip(panels, draws, strict=True):
            draw(panel, found, colours)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _days(found: Result) -> list[int]:
    return sorted(
        int(name[3 : name.index("_")]) for name in found.men if re.fullmatch(rf"day\d+_{found.outcome}", name)
    )


def _visits(panel: Axes, found: Result, colours: Mapping[str, str]) -> None:
    baseline, days = f"baseline_{found.outcome}", _days(found)
    columns = [*([baseline] if baseline in found.men else []), *(f"day{day}_{found.outcome}" for day in days)]
    at = [0, *days] if baseline in found.men else days
    for arm, colour in colours.items():
        values = clinical(found.outcome, found.men.loc[found.men["arm"] == arm, columns].to_numpy(dtype=float))
        levels = [mean_and_half(column[np.isfinite(column)]) for column in values.T if np.isfinite(column).any()]
        if len(levels) == len(at):
            middle, half = np.array(levels).T
            half = np.nan_to_num(half)
            below = np.minimum(half, middle)  # no level is under 0
            panel.errorbar(at, middle, yerr=[below, half], color=colour, marker="o", markersize=3, capsize=2, label=arm)
    panel.set_xlabel("day")
    _name_level(panel, QUANTITIES[found.outcome])
    panel.set_title("means as measured, 95 % intervals", fontsize=8)


def _differences(panel: Axes, found: Result, colours: Mapping[str, str]) -> None:
    """Draw the differences of a cross-over in %, with their intervals."""
    rows = found.effects[found.effects["measured"] & found.effects["difference_pct"].notna()].iloc[::-1]
    centre, at = rows["difference_pct"], np.arange(len(rows))
    ends = [centre - rows["low_pct"], rows["high_pct"] - centre]
    panel.errorbar(centre, at, xerr=ends, fmt="o", color=style.BLUE, markersize=3, capsize=2)
    several = len(found.names) > 2
    panel.set_yticks(
        at, [f"{row.output}, {row.arm}" if several else str(row.output) for row in rows.itertuples()], fontsize=6
    )
    panel.axvline(0.0, color=style.LIMIT, linewidth=0.7)
    what = found.names[1] if not several else "treatments"
    panel.set_xlabel(f"difference between {what} and {found.names[0]}, %", fontsize=7)
    panel.set_title("within men, 95 % intervals", fontsize=8)


def _changes(panel: Axes, found: Result, colours: Mapping[str, str]) -> None:
    """Draw the share of the men of each arm under a change; who has some where there was none lies beyond the end."""
    most = 300.0
    before = found.men.get(f"baseline_{found.outcome}", pd.Series(np.nan, found.men.index)).to_numpy(dtype=float)
    after = found.men[f"day{_days(found)[-1]}_{found.outcome}"].to_numpy(dtype=float)
    some = np.where(after > 0.0, 10.0 * most, 0.0)
    change = np.where(before > 0.0, 100.0 * (after / np.where(before > 0.0, before, 1.0) - 1.0), some)
    for arm, colour in colours.items():
        own = np.sort(change[(found.men["arm"] == arm).to_numpy() & np.isfinite(before) & np.isfinite(after)])
        panel.plot(own, np.linspace(0, 100, len(own)), color=colour, label=arm)
    if found.design.responder is None:
        panel.axvline(found.responder_pct, color=style.LIMIT, linewidth=0.7, linestyle=":")
    panel.set_xlim(-100, most)
    panel.set_xlabel(f"change in {QUANTITIES[found.outcome].label}, %\n(from none to some: beyond)", fontsize=7)
    panel.set_ylabel("men measured, %")
    panel.set_title("men by change from baseline", fontsize=8)


def _predictors(panel: Axes, found: Result, colours: Mapping[str, str]) -> None:
    names = list(dict.fromkeys(found.predictors["predictor"]))[::-1]
    for k, (arm, colour) in enumerate(colours.items()):
        rows = found.predictors[found.predictors["arm"] == arm].set_index("predictor").reindex(names)
        ends = [(rows["auc"] - rows["low"]).fillna(0.0), (rows["high"] - rows["auc"]).fillna(0.0)]
        panel.errorbar(rows["auc"], np.arange(len(names)) + 0.12 * k, xerr=ends, fmt="o", color=colour, markersize=3)
    panel.set_yticks(np.arange(len(names)), names)
    panel.axvline(0.5, color=style.LIMIT, linewidth=0.7)
    if found.predictors["auc"].isna().all():
        paper.say(panel, "cannot say: too few men\nresponded or did not")
    panel.set_xlim(0, 1)
    panel.set_xlabel(f"ROC AUC for a response ({found.rise})")
    panel.set_title("baseline predictors of response, 95 % intervals", fontsize=8)


def _power(panel: Axes, found: Result, colours: Mapping[str, str]) -> None:
    for arm, rows in found.power.groupby("arm", sort=False):
        panel.plot(rows["men"], 100 * rows["power"], "o-", color=colours[str(arm)], markersize=3, label=arm)
    panel.axhline(80, color=style.LIMIT, linewidth=0.7, linestyle=":")
    panel.set_xscale("log")
    ticks = sorted(set(found.power["men"])) or [10, 100]
    panel.set_xlim(ticks[0] / 1.2, 1.2 * ticks[-1])  # where nothing is drawn too
    panel.set_xticks(ticks, [str(n) for n in ticks])
    if found.power["power"].isna().all():
        paper.say(panel, "cannot say: no interval of the effect")
    panel.minorticks_off()
    panel.set_xlabel("men randomised per arm")
    panel.set_ylabel("power, %")
    panel.set_ylim(0, 102)
    panel.set_title("power for the primary outcome", fontsize=8)


# Kinds that can be read as a fold, and those that are a change (studies.study.CHANGES).
_CHANGES = ("change", "ratio", "contrast")
_FOLDS = (*_CHANGES, "level", "weeks_below", "weeks_above", "men_weeks_below", "men_weeks_above", "lowest", "highest")


def forest(table: pd.DataFrame, folder: Path) -> list[Path]:
    """Draw a replay of studies: observed over predicted, a line an observation that can be read as a fold."""
    change = table["kind"].isin(_CHANGES)
    names = ["observed", "predicted", "low", "high"]
    folds = table[names].where(~change, 1.0 + table[names] / 100.0)
    good = (folds > 0).all(axis=1) & np.isfinite(folds["predicted"]) & table["kind"].isin(_FOLDS)
    folds = folds.clip(upper=1e9)  # a time that is not reached by the end
    rows, folds = table[good].reset_index(drop=True), folds[good].reset_index(drop=True)
    if rows.empty:
        return []
    figure = paper.page(8.0, 1.2 + 0.19 * len(rows), 200, layout="constrained")
    axes = figure.subplots()
    y = np.arange(len(rows))[::-1]
    middle, low, high = (folds[name] / folds["predicted"] for name in ("observed", "low", "high"))
    axes.hlines(y, low, high, color="#9aa5b1", linewidth=3, zorder=1, label="95 % prediction interval")
    inside = rows["inside"].to_numpy(dtype=bool)
    axes.plot(middle[inside], y[inside], "o", color=style.BLUE, markersize=4, label="observed, inside")
    axes.plot(middle[~inside], y[~inside], "D", color=style.VERMILION, markersize=4, label="observed, outside")
    axes.axvline(1.0, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_xlim(0.1, 10.0)
    ticks = [0.1, 0.2, 0.5, 1, 2, 5, 10]
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    labels = [
        f"{f'{row.citation}: {row.label}'[:78]}{f' [{EXTRAPOLATION}]' * bool(row.extrapolation)}"
        for row in rows.itertuples()
    ]
    axes.set_yticks(y, labels, fontsize=5.5)
    axes.set_ylim(-1, len(rows))
    axes.set_xlabel("observed over predicted")
    axes.legend(loc="upper right", fontsize=6, frameon=False)
    axes.grid(axis="x", color="#e5e8eb", linewidth=0.6)
    axes.spines[["top", "right"]].set_visible(False)
    return write_figure(figure, "studies", folder)
