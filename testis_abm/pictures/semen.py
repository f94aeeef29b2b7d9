"""Figure: semen analyses."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from testis_abm.pictures import style
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.reference import reference_ranges

_MANY = 250  # dots of a panel and arm, above which they shrink
_PANELS = {
    "concentration_million_ml": "Sperm concentration\n(M/mL)",
    "total_count_million": "Total sperm count\n(million)",
    "total_motile_count_million": "Total motile count\n(million)",
    "volume_ml": "Ejaculate volume (mL)",
    "progressive_motility_pct": "Progressive motility (%)",
    "normal_forms_pct": "Normal forms (%)",
}


def draw(data: PlotData) -> Figure:
    """Return the figure of semen over time: lines as expected, dots as the laboratory measured."""
    sheet = style.Sheet(data, "Semen", 3, 2, right=0.1)
    for arm in data.arms:
        grid = data.grids["semen", arm]
        # The arms' dots stand a day apart, or one would hide the other.
        day = grid.day + (1.0 if arm == "treated" else 0.0)
        for axes, name in zip(sheet.panels, _PANELS, strict=True):
            style.draw_curve(axes, data.curve(grid.day, grid.values[f"expected_{name}"]), arm)
            axes.plot(
                day,
                grid.values[name].T,
                ".",
                ms=3.6 if grid.values[name].size < _MANY else 2.2,
                mew=0,
                color=style.COLOUR[arm],
                alpha=0.5,
                zorder=1.8,
                rasterized=data.replicates > 100,
            )
    for axes, (name, label) in zip(sheet.panels, _PANELS.items(), strict=True):
        style.draw_marks(axes, [mark for mark in data.marks if mark.variable == name])
        limit = reference_ranges().get(name)
        style.from_zero(axes, limit.low if limit else 0.0)
        axes.set_ylabel(label)
        if limit:
            style.draw_limit(axes, limit.limit, limit.printed)
    handles = style.legend_of(data, marks=any(mark.variable in _PANELS for mark in data.marks))
    handles.insert(
        len(data.arms), Line2D([], [], ls="", marker=".", ms=5, mew=0, color="#555555", label="measured sample")
    )
    return sheet.finish(handles)
