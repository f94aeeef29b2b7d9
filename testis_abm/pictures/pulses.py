"""Figure: LH and testosterone through a day, with their pulses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from testis_abm.choices import ARMS
from testis_abm.pictures import paper, style
from testis_abm.quantities import QUANTITIES

if TYPE_CHECKING:
    from testis_abm.experiments.pulses import Pulses

_HEIGHT, _HOURS = 4.3, 24
_TICKS = 0.045  # of a panel's height, a row of pulses under the lower end of LH


def draw(found: Pulses) -> Figure:
    """Return the figure: a panel of LH, the pulses of each arm as ticks under it, and one of testosterone."""
    with paper.looks():
        figure = paper.page(style.WIDTH, _HEIGHT)
        grid = figure.add_gridspec(2, 1, left=0.095, right=0.9, top=0.855, bottom=0.145, hspace=0.2)
        panels = [figure.add_subplot(grid[k, 0]) for k in range(2)]
        for k, (axes, column) in enumerate(zip(panels, ("lh_iu_l", "testosterone_nmol_l"), strict=True)):
            _courses(axes, found, column)
            paper.letter(axes, k)
        _pulses(panels[0], found)
        panels[0].tick_params(labelbottom=False)
        panels[1].set_xlabel("Hour of the clock")
        panels[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=len(found.arms), **paper.TIGHT)
        about = f"Day {found.day}: samples every {found.every} min, means over many such days dashed, pulses of GnRH as ticks"
        paper.write_frame(figure, found.title, about, f"Seed {found.seed}. {style.NOTE}")
    return figure


def _courses(axes: Axes, found: Pulses, column: str) -> None:
    row, table = QUANTITIES[column], found.table()
    for arm, of in found.arms.items():
        seen = table[table["arm"] == arm]
        axes.plot(seen["hour"], seen[column], color=style.COLOUR[arm], lw=1.1, label=arm)
        axes.axhline(getattr(of.means, column), color=style.COLOUR[arm], lw=0.7, ls=(0, (4, 3)), zorder=0.5)
    axes.set_ylabel(f"{row.title} ({row.unit})")
    axes.set_xlim(0.0, _HOURS)
    axes.xaxis.set_major_locator(MultipleLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda hour, _: f"{hour:02.0f}:00"))
    paper.from_zero(axes)
    if row.factor != 1.0:
        paper.second_axis(axes, row.factor, row.clinical_unit)


def _pulses(axes: Axes, found: Pulses) -> None:
    """Mark the pulses under the courses, a row an arm."""
    low, top = axes.get_ylim()
    step = _TICKS * (top - low)
    for arm, of in found.arms.items():
        base = low - (ARMS.index(arm) + 1) * step
        axes.vlines(of.minutes.pulses / 60.0, base + 0.15 * step, base + 0.85 * step, color=style.COLOUR[arm], lw=1.0)
    axes.set_ylim(low - (len(ARMS) + 0.2) * step, top)
