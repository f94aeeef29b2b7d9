"""Figure: hormones in blood."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from testis_abm.results.plots import style
from testis_abm.results.plots.data import PlotData
from testis_abm.results.plots.reference import reference_ranges
from testis_abm.results.tables import OESTRADIOL_PMOL_L, TESTOSTERONE_NG_DL, clinical_ratio

_RATIO = "testosterone_over_oestradiol"
# Column, axis label, factor to and name of the conventional unit.
_PANELS: tuple[tuple[str, str, float, str], ...] = (
    ("testosterone_nmol_l", "Testosterone (nmol/L)", TESTOSTERONE_NG_DL, "ng/dL"),
    ("oestradiol_pmol_l", "Oestradiol (pmol/L)", 1.0 / OESTRADIOL_PMOL_L, "pg/mL"),
    ("lh_iu_l", "LH (IU/L)", 0.0, ""),
    ("fsh_iu_l", "FSH (IU/L)", 0.0, ""),
    ("inhibin_b_pg_ml", "Inhibin B (pg/mL)", 0.0, ""),
    (_RATIO, "T/E2 (ng/dL per pg/mL)", 0.0, ""),
)


def draw(data: PlotData) -> Figure:
    """Return the figure of testosterone, oestradiol, LH, FSH, inhibin B and T/E2 over time."""
    sheet = style.Sheet(data, "Hormones in blood", 3, 2)
    courses = {arm: _course(data, arm) for arm in data.arms}
    for axes, (name, label, factor, unit) in zip(sheet.panels, _PANELS, strict=True):
        for arm, (day, values) in courses.items():
            style.draw_curve(axes, data.curve(day, values[name]), arm)
        style.draw_marks(axes, [mark for mark in data.marks if mark.variable == name])
        known = reference_ranges().get(name)
        style.from_zero(axes, known.low if known else 0.0)
        axes.set_ylabel(label)
        if known and np.isfinite(known.high):
            style.draw_reference(axes, known.low, known.high)
        elif known:
            style.draw_limit(axes, known.low, f"{known.source.partition(':')[0]}: {known.low:g}")
        if factor:
            style.second_axis(axes, factor, unit)
    names = [name for name, *_ in _PANELS]
    return sheet.finish(style.legend_of(data, reference=True, marks=any(mark.variable in names for mark in data.marks)))


def _course(data: PlotData, arm: str) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return the days of an arm and its columns, (replicates, days), the ratio among them."""
    grid = data.grids["hormones", arm]
    ratio = clinical_ratio(grid.values["testosterone_nmol_l"], grid.values["oestradiol_pmol_l"])
    return grid.day, {**grid.values, _RATIO: np.where(np.isfinite(ratio), ratio, np.nan)}
