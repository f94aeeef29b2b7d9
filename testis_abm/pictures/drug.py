"""Figure: a drug at its usual regimen, what it does, and its response to dose."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MultipleLocator, NullFormatter

from testis_abm.pictures import paper, style

if TYPE_CHECKING:
    from testis_abm.experiments.drug_course import DrugCourse, Panel

_HEIGHT, _DAYS = 4.55, (1, 2, 7, 14, 28, 56, 84, 168, 364)
_MANY, _FREQUENT = 60, 200  # doses above which lines are thin, and above which the last days are shown alone
_SHOWN_DAYS = 2.0
_LETTERS = 32  # of names that fit into one row of a legend over a panel


def draw(course: DrugCourse) -> Figure:
    """Return the figure of concentration, effect and blood over days, and of the effect over the dose."""
    with paper.looks():
        figure = paper.page(style.WIDTH, _HEIGHT)
        grid = figure.add_gridspec(2, 2, left=0.095, right=0.965, top=0.85, bottom=0.12, wspace=0.42, hspace=0.58)
        panels = [figure.add_subplot(grid[divmod(k, 2)]) for k in range(4)]
        for k, (axes, panel) in enumerate(zip(panels, (*course.panels, course.response), strict=True)):
            _draw(axes, panel)
            paper.letter(axes, k)
        concentration, effect, blood, response = panels
        for axes in (concentration, effect, blood):
            _days(axes, course.days)
        _close_up(concentration, course)
        blood.axhline(1.0, color="#888888", lw=0.7, zorder=0.5)
        blood.set_ylim(0.0, max(1.12, blood.get_ylim()[1]))
        _over_dose(response, course)
        about = f"{course.drug.drug_class}; in {course.man}"
        paper.write_frame(figure, f"{course.drug.title}: {course.regimen}", about)
    return figure


def _draw(axes: Axes, panel: Panel) -> None:
    for (name, values), (colour, dashes) in zip(panel.lines.items(), style.LINES, strict=False):
        axes.plot(panel.x, values, color=colour, ls=dashes, label=name)
    axes.set_ylabel(panel.label)
    paper.from_zero(axes)
    if panel.share:
        axes.set_ylim(0.0, 104.0)
        axes.yaxis.set_major_locator(MultipleLocator(25))
    if panel.factor:
        paper.second_axis(axes, panel.factor, panel.second)
    if len(panel.lines) > 1:
        rows = 1 if sum(map(len, panel.lines)) < _LETTERS else 2
        axes.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=-(-len(panel.lines) // rows), **paper.TIGHT)


def _days(axes: Axes, days: float) -> None:
    axes.set_xlim(0.0, days)
    axes.xaxis.set_major_locator(MultipleLocator(next((ticks for ticks in _DAYS if days / ticks <= 8), _DAYS[-1])))
    axes.set_xlabel("Day")


def _close_up(axes: Axes, course: DrugCourse) -> None:
    """Show the last days alone where doses are too many to tell apart."""
    every = course.drug.regimen[-1].every_hours
    doses = 0.0 if every is None else course.days * 24.0 / every
    if doses > _MANY:
        for line in axes.lines:
            line.set_linewidth(0.8)
    if doses <= _FREQUENT:
        return
    first = course.days - _SHOWN_DAYS
    axes.set_xlim(first, course.days)
    axes.xaxis.set_major_locator(MultipleLocator(0.5))
    shown = course.panels[0].x >= first
    top = max(float(values[shown].max()) for values in course.panels[0].lines.values())
    axes.set_ylim(0.0, 1.12 * top)
    axes.set_xlabel("Day (the last two)")


def _over_dose(axes: Axes, course: DrugCourse) -> None:
    axes.set_xscale("log")
    axes.set_xlim(course.response.x[0], course.response.x[-1])
    unit, small = course.drug.dose_unit, course.drug.dose_unit == "mg" and course.doses[-1] < 0.1
    factor = 1e3 if small else 1.0
    axes.xaxis.set_major_locator(LogLocator(10.0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{factor * value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel(f"Dose ({'µg' if small else unit}), in the usual rhythm, at steady state")
    for dose in course.doses[-1:]:
        axes.axvline(dose, color=style.LIMIT, lw=0.8, ls=(0, (4, 3)), zorder=1.5)
        paper.note(axes, "usual", (dose, 0), (2.5, 2.5), style.LIMIT, xycoords=("data", "axes fraction"))
