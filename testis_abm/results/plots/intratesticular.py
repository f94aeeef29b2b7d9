"""Figure: steroids inside the testis."""

from __future__ import annotations

from matplotlib.figure import Figure

from testis_abm.results.plots import style
from testis_abm.results.plots.data import PlotData
from testis_abm.results.tables import OESTRADIOL_PMOL_L, TESTOSTERONE_NMOL_L

_COLUMNS = ["intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l"]
_PANELS = (
    ("Intratesticular\ntestosterone (nmol/L)", 1.0 / TESTOSTERONE_NMOL_L),
    ("Intratesticular\noestradiol (nmol/L)", 1.0 / OESTRADIOL_PMOL_L),
    ("Intratesticular T/E2\n(mol per mol)", 0.0),
)


def draw(data: PlotData) -> Figure:
    """Return the figure of intratesticular testosterone, oestradiol and their ratio over time."""
    sheet = style.Sheet(data, "Steroids in the testis", 3, 1, height=1.45, right=0.7)
    for arm in data.arms:
        day, grid = data.grid("hormones", arm, _COLUMNS)
        values = (grid[:, :, 0], grid[:, :, 1], grid[:, :, 0] / grid[:, :, 1])
        for axes, of in zip(sheet.panels, values, strict=True):
            style.draw_curve(axes, data.curve(day, of), arm)
    for k, (axes, (label, factor)) in enumerate(zip(sheet.panels, _PANELS, strict=True)):
        marks = [mark for mark in data.marks if mark.variable == "".join(_COLUMNS[k : k + 1])]
        style.draw_marks(axes, marks)
        style.from_zero(axes)
        axes.set_ylabel(label)
        if factor:
            style.second_axis(axes, factor, "ng/mL")
    return sheet.finish(style.legend_of(data, marks=any(mark.variable in _COLUMNS for mark in data.marks)))
