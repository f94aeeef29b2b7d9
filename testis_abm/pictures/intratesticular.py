"""Figure: steroids inside the testis."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from testis_abm.pictures import style
from testis_abm.pictures.data import PlotData
from testis_abm.quantities import QUANTITIES

_COLUMNS = ["intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l"]
_PANELS = (
    ("Testosterone\n(nmol/L)", QUANTITIES[_COLUMNS[0]].factor),
    ("Oestradiol\n(nmol/L)", QUANTITIES[_COLUMNS[1]].factor),
    ("T/E2\n(mol per mol)", 0.0),
)


def draw(data: PlotData) -> Figure:
    """Return the figure of intratesticular testosterone, oestradiol and their ratio over time."""
    sheet = style.Sheet(data, "Steroids inside the testis", 3, 1, height=1.45, right=0.6)
    for arm in data.arms:
        grid = data.grids["hormones", arm]
        testosterone, oestradiol = (grid.values[name] for name in _COLUMNS)
        ratio = testosterone / np.where(oestradiol >= data.limits[_COLUMNS[1]], oestradiol, np.nan)
        for axes, values in zip(sheet.panels, (testosterone, oestradiol, ratio), strict=True):
            style.draw_curve(axes, data.curve(grid.day, values), arm)
    for k, (axes, (label, factor)) in enumerate(zip(sheet.panels, _PANELS, strict=True)):
        marks = [mark for mark in data.marks if mark.variable == "".join(_COLUMNS[k : k + 1])]
        style.draw_marks(axes, marks)
        least = data.limits["".join(_COLUMNS[k : k + 1])] if factor else 0.0
        style.from_zero(axes, least=least)
        style.say_none(axes, least, "nmol/L", "E2")
        axes.set_ylabel(label)
        if factor:
            style.second_axis(axes, factor, "ng/mL")
    return sheet.finish(style.legend_of(data, marks=any(mark.variable in _COLUMNS for mark in data.marks)))
