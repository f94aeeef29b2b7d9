"""Figure: hormones in blood."""

from __future__ import annotations

from matplotlib.figure import Figure

from testis_abm.pictures import style
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.reference import reference_ranges
from testis_abm.quantities import QUANTITIES

_PANELS = (
    "testosterone_nmol_l",
    "lh_iu_l",
    "oestradiol_immunoassay_pmol_l",
    "fsh_iu_l",
    "oestradiol_pmol_l",
    "inhibin_b_pg_ml",
    "t_over_e2_immunoassay",
    "t_over_e2",
)


def draw(data: PlotData) -> Figure:
    """Return the figure of testosterone, LH, FSH, inhibin B, and oestradiol and T/E2 by both assays, over time."""
    sheet = style.Sheet(data, "Hormones in blood", 4, 2)
    for axes, name in zip(sheet.panels, _PANELS, strict=True):
        row = QUANTITIES[name]
        for arm in data.arms:
            grid = data.grids["hormones", arm]
            style.draw_curve(axes, data.curve(grid.day, grid.values[name]), arm)
        style.draw_marks(axes, [mark for mark in data.marks if mark.variable == name])
        known = reference_ranges().get(name)
        least = data.limits.get(name, 0.0)
        style.from_zero(axes, known.low if known else 0.0, least)
        style.say_none(axes, least, row.unit, "E2")
        axes.set_ylabel(f"{row.title}\n({row.unit})")
        if known and known.both:
            style.draw_reference(axes, known.low, known.high)
        elif known:
            style.draw_limit(axes, known.limit, known.printed)
        if row.factor != 1.0:
            style.second_axis(axes, row.factor, row.clinical_unit)
    return sheet.finish(
        style.legend_of(data, reference=True, marks=any(mark.variable in _PANELS for mark in data.marks))
    )
