"""Figure: the tubules in cross-section, cell by cell, over the field of testosterone or oestradiol.

A section is a mapping of one arm at one day: `day`; `extent`, the width and height of the patch that repeats,
um; `tubule_x`, `tubule_y`, `tubule_radius`; `tubule_removed` (flags: of a testis that was taken away; older runs do not have it); `lumen_radius` (one for all, or one each); `sertoli_x`,
`sertoli_y`; `leydig_x`, `leydig_y`; `capillary_x`, `capillary_y`; `germ_x`, `germ_y`, all um; `germ_step` (0
to 11, as `tables.STEPS`); `row` and `wall_...`, see `wall`, which older runs do not have; `field_testosterone`, `field_oestradiol` (nmol/L, rows upwards over the extent).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from testis_abm.pictures import paper, style
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.micrograph import (
    RASTERED,
    draw_capillaries,
    draw_cytoplasm,
    draw_leydig,
    draw_nuclei,
    draw_section,
    draw_sertoli,
    removed,
)
from testis_abm.pictures.stages import handles, titled
from testis_abm.pictures.steps import ELONGATING, FURTHER_LOOKS, LEYDIG, SERTOLI, STEPS
from testis_abm.pictures.view import View
from testis_abm.testis.places import NOTHING_LEFT

DPI = 250  # a nucleus of 5 um needs its ten pixels
_SCALE_BAR = 50.0  # um
FIELDS = {
    "testosterone": "Testosterone (nmol/L)",
    "oestradiol": "Oestradiol (nmol/L)",
    "t_over_e2": "Testosterone over oestradiol (mol/mol)",
}
_COLOURS = LinearSegmentedColormap.from_list("tissue", ["#FFFFFF", "#FDEFCB", "#F7D488", "#E3A94C"])
_MARGIN, _GAP, _BAR, _TOP, _KEY = 0.09, 0.09, 0.62, 0.46, 0.72  # inch
_STAGES = 0.26  # inch, for the stages of the rings
_KEY_ROWS = 3
_ACROSS = 4.16  # tubules across all panels


def field_of(section: Mapping[str, Any], name: str) -> np.ndarray:
    """Return a field of FIELDS of a section, (rows, columns)."""
    if name == "t_over_e2":
        testosterone, oestradiol = (field_of(section, steroid) for steroid in ("testosterone", "oestradiol"))
        ratio = np.zeros_like(testosterone)
        np.divide(testosterone, oestradiol, out=ratio, where=oestradiol > 0.0)
        return ratio
    return np.asarray(section[f"field_{name}"], dtype=float)


def draw(data: PlotData, field: str = "testosterone", *, highest: float | None = None, subtitle: str = "") -> Figure:
    """Return the figure of the sections, one panel an arm, over the field of `field` (of FIELDS).

    `highest`: level at the end of the scale of colours (default: of these sections); `subtitle`: instead of what is shown.
    """
    sections = {arm: data.sections[arm] for arm in data.arms if arm in data.sections}
    view = View.of(next(iter(sections.values())), _ACROSS / len(sections))
    width = (style.WIDTH - 2 * _MARGIN - _GAP * (len(sections) - 1) - _BAR) / len(sections)
    height = width * view.height / view.width
    shown = [section for section in sections.values() if "wall_stage" in section]
    below = 0.2 + _KEY + (_STAGES if shown else 0.08)
    total = _TOP + height + below
    figure = paper.page(style.WIDTH, total, DPI)
    fields = {arm: field_of(section, field) for arm, section in sections.items()}
    left_over = [float(fields[arm].max()) for arm, section in sections.items() if not removed(section).all()]
    norm = Normalize(0.0, max(1e-9, *left_over, 0.0) if highest is None else highest)
    left, bottom = _MARGIN, below
    for k, (arm, section) in enumerate(sections.items()):
        axes = figure.add_axes((left / style.WIDTH, bottom / total, width / style.WIDTH, height / total))
        if removed(section).all():
            axes.set(xticks=[], yticks=[])
            paper.say(axes, NOTHING_LEFT)
        else:
            draw_section(axes, section, view, fields[arm], norm, _COLOURS)
        _frame(axes, view, f"{data.called(arm)}, day {section['day']}", with_bar=k == 0 and not removed(section).all())
        left += width + _GAP
    if left_over:
        bar = figure.add_axes(((left - 0.03) / style.WIDTH, bottom / total, 0.09 / style.WIDTH, height / total))
        figure.colorbar(ScalarMappable(norm, _COLOURS), cax=bar).set_label(FIELDS[field])
    _key(figure, total, view.width / width)
    if shown:
        _stage_key(figure, shown, total)
    shows = subtitle or f"Seminiferous tubules in cross-section; colour: {field}"
    paper.write_frame(figure, data.title, shows, data.footer)
    return figure


def _frame(axes: Axes, view: View, text: str, *, with_bar: bool) -> None:
    for spine in axes.spines.values():
        spine.set(visible=True, linewidth=0.7)
    box = paper.PAPER | {"boxstyle": "round,pad=0.25", "alpha": 0.85}
    axes.text(
        0.02, 0.975, text, transform=axes.transAxes, va="top", weight="bold", size=7.5, bbox=box, zorder=RASTERED + 2
    )
    if with_bar:
        x, y = view.left + 0.03 * view.width, view.bottom + 0.035 * view.height
        axes.plot([x, x + _SCALE_BAR], [y, y], color="black", lw=2.2, solid_capstyle="butt", zorder=RASTERED + 2)
        axes.text(
            x + 0.5 * _SCALE_BAR, y + 5, f"{_SCALE_BAR:g} µm", ha="center", size=6.8, bbox=box, zorder=RASTERED + 1
        )


def _key(figure: Figure, total: float, um_per_inch: float) -> None:
    """Draw a cell of each kind beside its name, at the scale of the sections."""
    wide, high = (style.WIDTH - 2 * _MARGIN) * um_per_inch, _KEY * um_per_inch
    axes = figure.add_axes(
        (_MARGIN / style.WIDTH, 0.2 / total, 1.0 - 2 * _MARGIN / style.WIDTH, _KEY / total),
        xlim=(0, wide),
        ylim=(0, high),
    )
    axes.set_axis_off()
    names = [look.name for look in (*STEPS, SERTOLI, LEYDIG)]
    names += ["capillary", *(look.name for look in FURTHER_LOOKS.values())]
    columns = -(-len(names) // _KEY_ROWS)
    k = np.arange(len(names))
    place = np.stack([9.0 + k // _KEY_ROWS * wide / columns, high * (1.0 - (k % _KEY_ROWS + 0.5) / _KEY_ROWS)], axis=-1)
    _draw_kinds(axes, place)
    for name, (x, y) in zip(names, place, strict=True):
        axes.text(x + 11.0, y, name, va="center", size=6.8)


def _stage_key(figure: Figure, sections: Sequence[Mapping[str, Any]], total: float) -> None:
    """Name the colours of the rings, under the sections."""
    empty, blocked = (
        any(np.asarray(section[f"wall_{name}"])[~removed(section), section["row"]].any() for section in sections)
        for name in ("empty", "blocked")
    )
    entries = titled("Ring, stage of the cycle:", handles(empty=empty, blocked=blocked))
    at = (0.0, (0.2 + _KEY) / total)
    figure.legend(handles=entries, ncols=len(entries), loc="lower left", bbox_to_anchor=at, fontsize=6.8, **paper.TIGHT)


def _draw_kinds(axes: Axes, place: np.ndarray) -> None:
    rng = np.random.default_rng(1)
    level, upright = np.zeros(1), np.full(1, 0.5 * np.pi)
    for code, look in enumerate(STEPS):
        at = place[code : code + 1]
        if code < ELONGATING:
            draw_cytoplasm(axes, at, np.array([code]))
        draw_nuclei(axes, at, level, look, rng)
    sertoli, leydig, capillary, *further = place[len(STEPS) :, None]
    for at, look in zip(further, FURTHER_LOOKS.values(), strict=True):
        draw_nuclei(axes, at, level, look, rng)
    draw_sertoli(axes, sertoli, upright, rng)
    draw_leydig(axes, leydig, rng)
    draw_capillaries(axes, capillary, rng)
