"""Figure: virtual patients who match laboratory values, before a therapy and at its end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from testis_abm.biology.laboratory import Laboratory
from testis_abm.pictures import paper, style
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
    laboratory = Laboratory(case.values())
    with paper.looks():
        figure = paper.page(style.WIDTH, _HEIGHT)
        grid = figure.add_gridspec(2, 3, left=0.095, right=0.985, top=0.865, bottom=0.1, wspace=0.45, hspace=0.28)
        for k, name in enumerate(_PANELS):
            axes, quantity = figure.add_subplot(grid[divmod(k, 3)]), QUANTITIES[name]
            levels = [clinical(name, frame[name]) for frame in (before, after)]
            # Men under what a laboratory tells from none lie on the floor of the panel.
            floor = laboratory.limit(name) * quantity.factor
            word = "none" if quantity.sample == "semen" else f"<{floor:.3g}"
            _panel(axes, [level[np.isfinite(level)] for level in levels], case.plan.duration_days, floor or _TINY, word)
            axes.set_ylabel(f"{quantity.title}{'\n' if len(quantity.heading) > 20 else ' '}({quantity.clinical_unit})")
            paper.letter(axes, k)
        about = f"{len(before):,} matching virtual patients; bars: quartiles, line: median; logarithmic scales"
        paper.write_frame(figure, case.heading, about)
    return figure


def _panel(axes: Axes, levels: list[np.ndarray], days: int, floor: float, word: str) -> None:
    rng = np.random.default_rng(1)
    sparse = any((level < floor).any() for level in levels)
    logs = [np.log10(np.maximum(level, floor)) for level in levels]
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
        median = word if sparse and middle <= np.log10(floor) else number(10**middle)
        paper.note(axes, median, (x + 0.22, middle), (2, 0), style.BLACK, va="center", size=6.5)
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
