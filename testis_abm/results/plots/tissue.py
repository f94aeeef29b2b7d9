"""Figure: what the seminiferous epithelium is made of, how it changes, and the signals that change it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from testis_abm.results import tables
from testis_abm.results.plots import style
from testis_abm.results.plots.data import PlotData
from testis_abm.results.plots.steps import GROUPS, STEPS

_SIGNALS = {
    "androgen_signal": ("androgen", "#0072B2"),
    "er_alpha_signal": ("ER-α", "#D55E00"),
    "er_beta_signal": ("ER-β", "#E69F00"),
    "fsh_signal": ("FSH", "#009E73"),
}
_WEEK = 7
_FOLD = 2.0  # the colour scale of the change ends at a fold of this at least


def draw(data: PlotData) -> Figure:
    """Return the figure of composition, change by step, sperm released and Sertoli signals."""
    sheet = style.Sheet(data, "Seminiferous epithelium", 3, 2, right=0.3)
    counts = {arm: _per_sertoli(data, arm) for arm in data.arms}
    _compose(sheet, data, counts)
    if len(data.arms) == 2:
        _change(sheet.panels[2], data, counts)
    else:
        _lines(sheet.panels[2], data.arms[0], counts)
    _rate(sheet.panels[3], data, "apoptosis", "Germ cells lost\n(per 100 Sertoli cells a day)")
    _rate(sheet.panels[4], data, "sperm_released", "Sperm released\n(per 100 Sertoli cells a day)")
    _signals(sheet.panels[5], data)
    handles = [Patch(color=colour, lw=0, label=name) for name, colour in reversed(GROUPS)]
    return sheet.finish([*handles, *style.legend_of(data)])


def _per_sertoli(data: PlotData, arm: str) -> tuple[np.ndarray, np.ndarray]:
    """Return days and germ cells per Sertoli cell, (days, steps), mean over replicates."""
    day, grid = data.grid("tissue", arm, [*tables.STEPS, "sertoli"])
    return day, np.nanmean(grid[:, :, :-1] / grid[:, :, -1:], axis=0)


def _compose(sheet: style.Sheet, data: PlotData, counts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    top = max(count.sum(axis=1).max() for _, count in counts.values())
    for axes, arm in zip(sheet.panels, data.arms, strict=False):
        day, count = counts[arm]
        groups = [
            count[:, [k for k, look in enumerate(STEPS) if look.group == group]].sum(axis=1)
            for group in range(len(GROUPS))
        ]
        axes.stackplot(day, groups, colors=[colour for _, colour in GROUPS], lw=0.3, edgecolor="white", zorder=2)
        axes.set_ylim(0, 1.12 * max(top, 1e-9))
        style.round_ticks(axes.yaxis)
        axes.set_ylabel("Germ cells per Sertoli cell")
        axes.text(0.985, 0.97, arm, transform=axes.transAxes, ha="right", va="top", weight="bold", zorder=4)
    if len(data.arms) == 1:
        _loss(sheet.panels[1], data)


def _loss(axes: Axes, data: PlotData) -> None:
    day, grid = data.grid("tissue", data.arms[0], ["meiotic_loss_pct"])
    style.draw_curve(axes, data.curve(day, grid[:, :, 0]), data.arms[0])
    axes.set_ylim(0, 100)
    axes.set_ylabel("Loss at meiosis (%)")


def _change(axes: Axes, data: PlotData, counts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Draw treated over untreated as a map of step against day: the wave that passes through the germ line."""
    day, untreated = counts["untreated"]
    _, treated = counts["treated"]
    with np.errstate(divide="ignore", invalid="ignore"):
        fold = np.log2(_weekly(treated) / _weekly(untreated))
    finite = np.abs(fold[np.isfinite(fold)])
    reach = max(np.log2(_FOLD), float(np.quantile(finite, 0.99)) if len(finite) else 0.0)
    reach = min(reach, 5.0)
    # A step that vanished is at the end of the scale, one that neither arm has is left blank.
    fold = np.clip(fold, -reach, reach)
    half = 0.5 * (day[1] - day[0]) if len(day) > 1 else 0.5
    image = axes.imshow(
        fold.T, aspect="auto", origin="lower", extent=(day[0] - half, day[-1] + half, -0.5, len(STEPS) - 0.5),
        cmap="RdBu_r", norm=TwoSlopeNorm(0.0, -reach, reach), interpolation="nearest", zorder=1,
    )  # fmt: skip
    axes.set_yticks(range(len(STEPS)), [_short(name) for name in tables.STEPS], fontsize=5.6)
    axes.tick_params(axis="y", length=0, pad=2)
    bar = axes.inset_axes((1.02, 0.0, 0.025, 1.0))
    ticks = [of for of in (-5, -4, -3, -2, -1, 0, 1, 2, 3, 4, 5) if abs(of) <= reach]
    axes.figure.colorbar(image, cax=bar, ticks=ticks)
    bar.set_yticklabels([f"{2.0**of:.3g}" for of in ticks], fontsize=6)
    bar.set_title("treated/\nuntreated", fontsize=5.8, pad=3, loc="center")


def _short(name: str) -> str:
    return (
        name.replace("_spermatogonium", "").replace("_spermatocyte", "").replace("_spermatid", "").replace("_", " ")
    )


def _weekly(values: np.ndarray) -> np.ndarray:
    """Return the centred running mean over a week, (days, ...); shorter at the ends."""
    total = np.cumsum(np.concatenate([np.zeros((1, *values.shape[1:])), values]), axis=0)
    days = np.arange(len(values))
    first, last = np.maximum(days - _WEEK // 2, 0), np.minimum(days + _WEEK // 2 + 1, len(values))
    return np.asarray((total[last] - total[first]) / (last - first).reshape(-1, *[1] * (values.ndim - 1)))


def _lines(axes: Axes, arm: str, counts: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    day, count = counts[arm]
    for k, look in enumerate(STEPS):
        axes.plot(day, count[:, k], color=look.fill, lw=1.0)
        axes.text(day[-1], count[-1, k], f" {_short(tables.STEPS[k])}", size=5, va="center", color=look.edge)
    style.from_zero(axes)
    axes.set_ylabel("Cells per Sertoli cell")


def _rate(axes: Axes, data: PlotData, column: str, label: str) -> None:
    for arm in data.arms:
        day, grid = data.grid("tissue", arm, [column, "sertoli"])
        rate = 100.0 * grid[:, :, 0] / grid[:, :, 1]
        style.draw_curve(axes, data.curve(day, _weekly(rate.T).T), arm)
    style.from_zero(axes)
    axes.set_ylabel(label)
    axes.text(0.985, 0.97, "7-day mean", transform=axes.transAxes, ha="right", va="top", size=6.2, color="#555555")


def _signals(axes: Axes, data: PlotData) -> None:
    for arm in data.arms:
        day, grid = data.grid("tissue", arm, list(_SIGNALS))
        dashed = arm == "untreated" and len(data.arms) == 2
        for k, (_, colour) in enumerate(_SIGNALS.values()):
            axes.plot(
                day, np.nanmean(grid[:, :, k], axis=0), color=colour, lw=0.9 if dashed else 1.4,
                ls=(0, (3, 2)) if dashed else "-", zorder=2 if dashed else 3,
            )  # fmt: skip
    style.from_zero(axes)
    axes.set_ylabel("Sertoli signal\n(reference man = 1)")
    handles = [Line2D([], [], color=colour, label=name) for name, colour in _SIGNALS.values()]
    if len(data.arms) == 2:
        handles.append(Line2D([], [], color="#555555", lw=0.9, ls=(0, (3, 2)), label="untreated"))
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.legend(
        handles=handles, ncols=5, loc="upper left", fontsize=6.2, handlelength=1.3, columnspacing=0.8,
        borderaxespad=0.1, handletextpad=0.4,
    )  # fmt: skip
