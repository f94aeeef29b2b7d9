"""Figure: what the seminiferous epithelium is made of, how it changes, and the signals that change it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from testis_abm.choices import TREATED, UNTREATED
from testis_abm.pictures import paper, style
from testis_abm.pictures.chart import Panel
from testis_abm.pictures.data import PlotData, weekly
from testis_abm.pictures.steps import GROUPS, STEPS
from testis_abm.testis.kind import Look

# Names and colours of courses.SIGNALS.
_SIGNALS = (("androgen", style.BLUE), ("ER-α", style.VERMILION), ("ER-β", style.ORANGE), ("FSH", style.GREEN))
_DASHED: dict[str, Any] = {"lw": 0.9, "ls": (0, (3, 2))}
# Ticks of the colour scale, fine and coarse; the fine ones serve up to a fold of _FINE.
_FOLDS = ((1, 1.5, 2, 3, 4), (1, 2, 4, 8, 16, 32))
_FINE = 4.5


def draw(data: PlotData) -> Figure:
    """Return the figure of composition, change by step, cells lost, sperm released and Sertoli signals."""
    sheet = paper.Sheet(data, "Seminiferous epithelium", 4, 2, right=0.42)
    both = len(data.arms) == 2
    # What happens in the other arm would mislead here.
    sheet.untreated = {0} if both else set()
    lost, freed, retained, released, meiosis, *signals = data.panels["tissue"]
    _, second, third, *rates, last = sheet.panels
    _compose(sheet, data)
    if both:
        _change(third, data)
    else:
        paper.draw_panel(second, meiosis)
        second.set_ylim(0, 100)
        _lines(third, *data.composition[data.arms[0]])
    for axes, panel in zip(rates, (lost, freed, retained, released), strict=True):
        paper.draw_panel(axes, panel)
        axes.text(0.985, 0.97, "7-day mean", transform=axes.transAxes, ha="right", va="top", size=6.2, color=style.DIM)
    _signals(last, signals)
    handles = [Patch(color=colour, lw=0, label=name) for name, colour in reversed(GROUPS)]
    return sheet.finish(handles, sheet.legend())


def _compose(sheet: paper.Sheet, data: PlotData) -> None:
    top = max(count.sum(axis=1).max() for _, count in data.composition.values())
    for axes, arm in zip(sheet.panels, data.arms, strict=False):
        day, count = data.composition[arm]
        groups = [
            count[:, [k for k, look in enumerate(STEPS) if look.group == group]].sum(axis=1)
            for group in range(len(GROUPS))
        ]
        axes.stackplot(day, groups, colors=[colour for _, colour in GROUPS], lw=0.3, edgecolor="white", zorder=2)
        axes.set_ylim(0, 1.12 * top if top > 0.0 else 1.0)
        paper.round_ticks(axes.yaxis)
        axes.set_ylabel("Germ cells\nper Sertoli cell")
        if not top > 0.0:
            axes.text(0.5, 0.5, "no germ cells", transform=axes.transAxes, ha="center", color=style.DIM)
        axes.text(
            0.985, 0.97, data.called(arm), transform=axes.transAxes, ha="right", va="top", weight="bold", zorder=4
        )


def _change(axes: Axes, data: PlotData) -> None:
    """Draw treated over untreated as a map of step against day: the wave that goes through the germ line."""
    day, untreated = data.composition[UNTREATED]
    _, treated = data.composition[TREATED]
    with np.errstate(divide="ignore", invalid="ignore"):
        fold = np.log2(weekly(treated) / weekly(untreated))
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
    axes.set_yticks(range(len(STEPS)), [_short(look) for look in STEPS], fontsize=5.6)
    axes.tick_params(axis="y", length=0, pad=2)
    bar = axes.inset_axes((1.02, 0.0, 0.025, 1.0))
    scale = _FOLDS[0] if reach <= np.log2(_FINE) else _FOLDS[1]
    folds = [step for step in scale if step <= 2.0**reach * 1.001]
    axes.figure.colorbar(image, cax=bar, ticks=[*(-np.log2(folds[:0:-1])), *np.log2(folds)])
    bar.set_yticklabels([*(f"1/{step:g}" for step in folds[:0:-1]), *(f"{step:g}" for step in folds)], fontsize=5.8)
    bar.tick_params(length=1.5, pad=1)
    axes.set_title(f"{data.called(TREATED)} / {UNTREATED}, 7-day mean", fontsize=6.5, pad=2, loc="right")


def _short(look: Look) -> str:
    """Return the name of a type of germ cell without that of its class."""
    name, _, rest = look.name.rpartition(" ")
    return name if rest in ("spermatogonium", "spermatocyte", "spermatid") else look.name


def _lines(axes: Axes, day: np.ndarray, count: np.ndarray) -> None:
    order = np.argsort(count[-1])
    places = _apart(count[-1, order], 0.062 * float(count.max()))
    for k, place in zip(order, places, strict=True):
        axes.plot(day, count[:, k], color=STEPS[k].fill, lw=1.0)
        axes.annotate(
            _short(STEPS[k]),
            (day[-1], count[-1, k]),
            xytext=(1.025, place),
            textcoords=axes.get_yaxis_transform(),
            size=4.8,
            va="center",
            color=STEPS[k].edge,
            annotation_clip=False,
            arrowprops={"arrowstyle": "-", "lw": 0.4, "color": STEPS[k].edge, **paper.STRAIGHT},
        )
    paper.from_zero(axes)
    axes.set_ylabel("Germ cells\nper Sertoli cell")


def _apart(rising: np.ndarray, gap: float) -> np.ndarray:
    """Return `rising` places with each at least `gap` above the one before."""
    shift = gap * np.arange(len(rising))
    return np.asarray(np.maximum.accumulate(rising - shift) + shift)


def _signals(axes: Axes, signals: Sequence[Panel]) -> None:
    """Draw the signals of Sertoli cells, one colour each; an untreated arm beside a treated one is dashed."""
    both = False
    for panel, (_, colour) in zip(signals, _SIGNALS, strict=True):
        for curve in panel.curves:
            both = len(panel.curves) == 2
            other = both and curve.name == "untreated"
            look = _DASHED if other else {"lw": 1.4, "ls": "-"}
            axes.plot(curve.x, curve.mean, color=colour, zorder=2 if other else 3, **look)
    paper.from_zero(axes)
    axes.set_ylabel("Sertoli signal\n(reference man = 1)")
    handles = [Line2D([], [], color=colour, label=name) for name, colour in _SIGNALS]
    handles += [Line2D([], [], color=style.DIM, label="untreated", **_DASHED)] * both
    axes.set_ylim(top=1.3 * axes.get_ylim()[1])
    axes.legend(handles=handles, ncols=5, loc="upper left", fontsize=6.2, **paper.TIGHT)
