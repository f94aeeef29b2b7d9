"""Figure: what the seminiferous epithelium is made of, how it changes, and the signals that change it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from testis_abm.results import tables
from testis_abm.pictures import style
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.steps import GROUPS, STEPS

_SIGNALS = {
    "androgen_signal": ("androgen", "#0072B2"),
    "er_alpha_signal": ("ER-α", "#D55E00"),
    "er_beta_signal": ("ER-β", "#E69F00"),
    "fsh_signal": ("FSH", "#009E73"),
}
_WEEK = 7
# Ticks of the colour scale, fine and coarse; the fine ones serve up to a fold of _FINE.
_FOLDS = ((1, 1.5, 2, 3, 4), (1, 2, 4, 8, 16, 32))
_FINE = 4.5


def draw(data: PlotData) -> Figure:
    """Return the figure of composition, change by step, sperm released and Sertoli signals."""
    sheet = style.Sheet(data, "Seminiferous epithelium", 3, 2, right=0.42)
    # What happens in the other arm would mislead here.
    sheet.untreated = {0} if len(data.arms) == 2 else set()
    counts = {arm: _per_sertoli(data, arm) for arm in data.arms}
    _compose(sheet, data, counts)
    if len(data.arms) == 2:
        _change(sheet.panels[2], data, counts)
    else:
        _lines(sheet.panels[2], data.arms[0], counts)
    _rate(sheet.panels[3], data, "apoptosis", "Germ cells lost a day\n(per 100 Sertoli cells)")
    _rate(sheet.panels[4], data, "sperm_released", "Sperm released a day\n(per 100 Sertoli cells)")
    _signals(sheet.panels[5], data)
    handles = [Patch(color=colour, lw=0, label=name) for name, colour in reversed(GROUPS)]
    return sheet.finish(handles, style.legend_of(data))


def _per_sertoli(data: PlotData, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Return days and germ cells per Sertoli cell, (days, steps), mean over replicates."""
    grid = data.grids["tissue", arm]
    counts = np.stack([grid.values[name] for name in tables.STEPS], axis=-1)
    return grid.day, np.nanmean(counts / grid.values["sertoli"][:, :, None], axis=0)


def _compose(sheet: style.Sheet, data: PlotData, counts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    top = max(count.sum(axis=1).max() for _, count in counts.values())
    for axes, arm in zip(sheet.panels, data.arms, strict=False):
        day, count = counts[arm]
        groups = [
            count[:, [k for k, look in enumerate(STEPS) if look.group == group]].sum(axis=1)
            for group in range(len(GROUPS))
        ]
        axes.stackplot(day, groups, colors=[colour for _, colour in GROUPS], lw=0.3, edgecolor="white", zorder=2)
        axes.set_ylim(0, 1.12 * top if top > 0.0 else 1.0)
        style.round_ticks(axes.yaxis)
        axes.set_ylabel("Germ cells\nper Sertoli cell")
        if not top > 0.0:
            axes.text(0.5, 0.5, "no germ cells", transform=axes.transAxes, ha="center", color="#555555")
        axes.text(0.985, 0.97, arm, transform=axes.transAxes, ha="right", va="top", weight="bold", zorder=4)
    if len(data.arms) == 1:
        _loss(sheet.panels[1], data)


def _loss(axes: Axes, data: PlotData) -> None:
    grid = data.grids["tissue", data.arms[0]]
    style.draw_curve(axes, data.curve(grid.day, grid.values["meiotic_loss_pct"]), data.arms[0])
    axes.set_ylim(0, 100)
    axes.set_ylabel("Loss at meiosis (%)")


def _change(axes: Axes, data: PlotData, counts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draw treated over untreated as a map of step against day: the wave that goes through the germ line."""
    day, untreated = counts["untreated"]
    _, treated = counts["treated"]
    with np.errstate(divide="ignore", invalid="ignore"):
        fold = np.log2(_weekly(treated) / _weekly(untreated))
    finite = np.abs(fold[np.isfinite(fold)])
    reach = float(np.quantile(finite, 0.98)) if len(finite) else 0.0
    reach = float(np.clip(reach, 1.0, np.log2(_FOLDS[1][-1])))
    # A step that vanished is at the end of the scale, one that neither arm has is left blank.
    fold = np.clip(fold, -reach, reach)
    half = 0.5 * (day[1] - day[0]) if len(day) > 1 else 0.5
    image = axes.imshow(
        fold.T,
        aspect="auto",
        origin="lower",
        extent=(day[0] - half, day[-1] + half, -0.5, len(STEPS) - 0.5),
        cmap="RdBu_r",
        norm=TwoSlopeNorm(0.0, -reach, reach),
        interpolation="nearest",
        zorder=1,
    )
    axes.set_yticks(range(len(STEPS)), [_short(name) for name in tables.STEPS], fontsize=5.6)
    axes.tick_params(axis="y", length=0, pad=2)
    bar = axes.inset_axes((1.02, 0.0, 0.025, 1.0))
    scale = _FOLDS[0] if reach <= np.log2(_FINE) else _FOLDS[1]
    folds = [of for of in scale if of <= 2.0**reach * 1.001]
    axes.figure.colorbar(image, cax=bar, ticks=[*(-np.log2(folds[:0:-1])), *np.log2(folds)])
    bar.set_yticklabels([*(f"1/{of:g}" for of in folds[:0:-1]), *(f"{of:g}" for of in folds)], fontsize=5.8)
    bar.tick_params(length=1.5, pad=1)
    axes.set_title("treated / untreated, 7-day mean", fontsize=6.5, pad=2, loc="right")


def _short(name: str) -> str:
    return name.replace("_spermatogonium", "").replace("_spermatocyte", "").replace("_spermatid", "").replace("_", " ")


def _weekly(values: np.ndarray) -> np.ndarray:
    """Return the centred running mean over a week, (days, ...); shorter at the ends."""
    total = np.cumsum(np.concatenate([np.zeros((1, *values.shape[1:])), values]), axis=0)
    days = np.arange(len(values))
    first, last = np.maximum(days - _WEEK // 2, 0), np.minimum(days + _WEEK // 2 + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first).reshape(-1, *[1] * (values.ndim - 1)))


def _lines(axes: Axes, arm: str, counts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    day, count = counts[arm]
    order = np.argsort(count[-1])
    places = _apart(count[-1, order], 0.062 * float(count.max()))
    for k, place in zip(order, places, strict=True):
        axes.plot(day, count[:, k], color=STEPS[k].fill, lw=1.0)
        axes.annotate(
            _short(tables.STEPS[k]),
            (day[-1], count[-1, k]),
            xytext=(1.025, place),
            textcoords=axes.get_yaxis_transform(),
            size=4.8,
            va="center",
            color=STEPS[k].edge,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": STEPS[k].edge, "shrinkA": 0, "shrinkB": 0},
        )
    style.from_zero(axes)
    axes.set_ylabel("Germ cells\nper Sertoli cell")


def _apart(rising: np.ndarray, gap: float) -> np.ndarray:
    """Return `rising` places with each at least `gap` above the one before."""
    shift = gap * np.arange(len(rising))
    return np.asarray(np.maximum.accumulate(rising - shift) + shift)


def _rate(axes: Axes, data: PlotData, column: str, label: str) -> None:
    for arm in data.arms:
        grid = data.grids["tissue", arm]
        rate = 100.0 * grid.values[column] / grid.values["sertoli"]
        style.draw_curve(axes, data.curve(grid.day, _weekly(rate.T).T), arm)
    style.from_zero(axes)
    axes.set_ylabel(label)
    axes.text(0.985, 0.97, "7-day mean", transform=axes.transAxes, ha="right", va="top", size=6.2, color="#555555")


def _signals(axes: Axes, data: PlotData) -> None:
    for arm in data.arms:
        grid = data.grids["tissue", arm]
        dashed = arm == "untreated" and len(data.arms) == 2
        for name, (_, colour) in _SIGNALS.items():
            axes.plot(
                grid.day,
                np.nanmean(grid.values[name], axis=0),
                color=colour,
                lw=0.9 if dashed else 1.4,
                ls=(0, (3, 2)) if dashed else "-",
                zorder=2 if dashed else 3,
            )
    style.from_zero(axes)
    axes.set_ylabel("Sertoli signal\n(reference man = 1)")
    handles = [Line2D([], [], color=colour, label=name) for name, colour in _SIGNALS.values()]
    if len(data.arms) == 2:
        handles.append(Line2D([], [], color="#555555", lw=0.9, ls=(0, (3, 2)), label="untreated"))
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.legend(
        handles=handles,
        ncols=5,
        loc="upper left",
        fontsize=6.2,
        handlelength=1.3,
        columnspacing=0.8,
        borderaxespad=0.1,
        handletextpad=0.4,
    )
