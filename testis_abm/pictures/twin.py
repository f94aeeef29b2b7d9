"""Figure: virtual patients who match laboratory values, before a therapy and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.pictures import style
from testis_abm.quantities import QUANTITIES, clinical
from testis_abm.results.report import number
from testis_abm.statistics import LEAST_MEN, spread_of_men

if TYPE_CHECKING:
    import pandas as pd

    from testis_abm.scenario import Scenario

_PANELS = (
    "testosterone_nmol_l",
    "oestradiol_immunoassay_pmol_l",
    "t_over_e2_immunoassay",
    "lh_iu_l",
    "fsh_iu_l",
    "concentration_million_ml",
)
_HEIGHT, _WIDE = 4.6, 0.7
_TINY = 1e-6  # of a quantity without a limit


def draw(before: pd.DataFrame, after: pd.DataFrame, case: Scenario) -> Figure:
    """Return the distributions before and after: each man a dot, violin, quartiles and median."""
    figure = Figure(figsize=(style.WIDTH, _HEIGHT), dpi=style.DPI)
    FigureCanvasAgg(figure)
    laboratory = Laboratory(parameters.values(case.parameters))
    grid = figure.add_gridspec(2, 3, left=0.095, right=0.985, top=0.865, bottom=0.1, wspace=0.45, hspace=0.28)
    for k, name in enumerate(_PANELS):
        axes = figure.add_subplot(grid[divmod(k, 3)])
        levels = [clinical(name, frame[name]) for frame in (before, after)]
        quantity = QUANTITIES[name]
        # Men under what a laboratory tells from none lie on the floor of the panel.
        floor = laboratory.limit(name) * quantity.factor
        word = "none" if quantity.sample == "semen" else f"<{floor:.3g}"
        _panel(axes, [level[np.isfinite(level)] for level in levels], case.plan.duration_days, floor or _TINY, word)
        axes.set_ylabel(f"{quantity.title}{'\n' if len(quantity.heading) > 20 else ' '}({quantity.clinical_unit})")
        style.letter(axes, k)
    width = 0.09 / style.WIDTH
    size = min(9.5, 9.5 * 92 / max(len(case.title), 1))
    figure.text(width, 0.982, case.title, va="top", weight="bold", size=size)
    about = f"{len(before):,} matching virtual patients; bars: quartiles, line: median; logarithmic scales"
    figure.text(width, 0.943, about, va="top", size=7.5, color="#555555")
    small = "testis_abm: a simulation for research, not medical advice."
    figure.text(1.0 - width, 0.012, small, ha="right", size=6.3, color="#777777")
    return figure


def _panel(axes: Axes, levels: list[np.ndarray], days: int, floor: float, word: str) -> None:
    rng = np.random.default_rng(1)
    sparse = any((of < floor).any() for of in levels)
    logs = [np.log10(np.maximum(of, floor)) for of in levels]
    for x, (log, colour) in enumerate(zip(logs, style.COLOUR.values(), strict=True)):
        if not len(log):
            continue
        if np.ptp(log) > 0.0 and len(log) >= LEAST_MEN:
            violin: Any = axes.violinplot([log], [x], widths=_WIDE, showextrema=False)
            for body in violin["bodies"]:
                body.set(facecolor=colour, edgecolor="none", alpha=0.22)
        axes.plot(x + rng.uniform(-0.13, 0.13, len(log)), log, ".", ms=2.2, mew=0, color=colour, alpha=0.45)
        middle, low, high = spread_of_men(log, 0.25, 0.75)  # NaN draws no bar
        axes.plot([x, x], [low, high], color=colour, lw=4.5, alpha=0.75, solid_capstyle="butt", zorder=3)
        axes.plot([x - 0.2, x + 0.2], [middle, middle], color="black", lw=1.1, zorder=4)
        axes.annotate(
            word if sparse and middle <= np.log10(floor) else number(10**middle),
            (x + 0.22, middle),
            xytext=(2, 0),
            textcoords="offset points",
            size=6.5,
            va="center",
            zorder=5,
            bbox={"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none", "alpha": 0.7},
        )
    axes.set_xlim(-0.5, 1.6)
    axes.set_xticks([0, 1], ["untreated", f"day {days}"])
    if any(map(len, logs)):
        _scale(axes, np.concatenate(logs), {float(np.log10(floor)): word} if sparse else {})


def _scale(axes: Axes, logs: np.ndarray, floor: Mapping[float, str]) -> None:
    """Put some ticks at round numbers, as many as the panel holds; a floor, if men lie on it, has its word."""
    low, high = logs.min(), logs.max()
    room = 0.06 * max(high - low, 0.3)
    for digits in ((1,), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 7)):
        ticks = np.log10([d * 10.0**k for k in range(-2, 5) for d in digits])
        shown = ticks[(ticks > low - room + (0.12 if floor else 0.0)) & (ticks < high + room)]
        if len(shown) > 2:
            break
    axes.set_yticks([*floor, *shown])
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda y, _: next((word for at, word in floor.items() if np.isclose(y, at)), f"{10**y:g}"))
    )
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(low - room, high + room)
