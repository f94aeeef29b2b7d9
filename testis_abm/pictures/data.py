"""What the figures of a run show, described once: quick to send to another process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from testis_abm.pictures import courses
from testis_abm.pictures.chart import Curve, Panel, Span, band
from testis_abm.pictures.style import NOTE
from testis_abm.results import FIGURES
from testis_abm.results.report import counted
from testis_abm.results.tables import STEPS

if TYPE_CHECKING:
    from testis_abm.results.run import Run

_HORMONES = (
    "testosterone_nmol_l",
    "lh_iu_l",
    "oestradiol_immunoassay_pmol_l",
    "fsh_iu_l",
    "oestradiol_pmol_l",
    "inhibin_b_pg_ml",
    "t_over_e2_immunoassay",
    "t_over_e2",
)
_INSIDE = ("intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l", "intratesticular_t_over_e2")
_WEEK = 7


@dataclass(frozen=True)
class PlotData:
    """A run as the figures see it.

    Attributes:
        footer: the small print. band: what the bands show, in words.
        days: first and last.
        panels: figure -> its panels; those of "tissue" are of cells lost, of sperm released, of loss at meiosis and of
            courses.SIGNALS.
        composition: arm -> days, and germ cells per Sertoli cell, (days, steps), mean over replicates.
        sections: arm -> arrays of a cross-section (see `tubules`).
        words: arm -> the word for it in print, where that is another.
    """

    title: str
    arms: tuple[str, ...]
    footer: str
    band: str
    days: tuple[float, float]
    spans: tuple[Span, ...]
    panels: Mapping[str, tuple[Panel, ...]]
    composition: Mapping[str, tuple[np.ndarray, np.ndarray]]
    sections: Mapping[str, Mapping[str, Any]]
    words: Mapping[str, str] = field(default_factory=dict)

    def called(self, arm: str) -> str:
        """Return the word for an arm in print."""
        return self.words.get(arm, arm)

    @classmethod
    def of(cls, run: Run) -> PlotData:
        """Return what the figures need of `run`."""
        arms, days = courses.arms_of(run), run.hormones["day"]
        panels, composition = {}, {}
        if len(run.hormones):
            blood = {panel.column: panel for panel in courses.hormones(arms)}
            panels["hormones"] = tuple(blood[name] for name in _HORMONES)
            panels["intratesticular"] = tuple(blood[name] for name in _INSIDE)
        if len(run.semen):
            panels["semen"] = tuple(courses.semen(arms))
        if len(run.tissue):
            rows = {arm.name: arm.rows("tissue") for arm in arms}
            panels["tissue"] = _tissue(arms, rows)
            composition = {name: _per_sertoli(table) for name, table in rows.items()}
        return cls(
            run.title,
            run.arms,
            _footer(run),
            band(run.replicates),
            (float(days.min()), float(days.max())) if len(days) else (0.0, 1.0),
            courses.spans_given(run) if "treated" in run.arms else (),
            panels,
            composition,
            run.sections,
            {arm: run.called(arm) for arm in run.arms},
        )

    def figures(self) -> tuple[str, ...]:
        """Return the names of the figures that this run has something for."""
        return tuple(name for name in FIGURES if name in self.panels or self._drawn_sections(name))

    def only(self, figure: str) -> PlotData:
        """Return a copy with no more than `figure` needs."""
        panels = {figure: self.panels[figure]} if figure in self.panels else {}
        return replace(self, panels=panels, sections=self._drawn_sections(figure))

    def _drawn_sections(self, figure: str) -> Mapping[str, Mapping[str, Any]]:
        """Return the sections that a figure draws; walls are in those that know them."""
        if figure == "wall":
            return {arm: section for arm, section in self.sections.items() if "wall_stage" in section}
        return self.sections if figure == "tubules" else {}


def _footer(run: Run) -> str:
    """Return the small print: replicates, seed, and what this is not."""
    seed = f", seed {run.provenance['seed']}" if "seed" in run.provenance else ""
    return f"{counted(run.replicates)}{seed}. {NOTE}"


def _tissue(arms: tuple[courses.Arm, ...], rows: Mapping[str, pd.DataFrame]) -> tuple[Panel, ...]:
    found = [
        Panel(
            column,
            f"{label} a day",
            "per 100 Sertoli cells",
            tuple(_rate(name, table, column) for name, table in rows.items()),
            (0.0, 1.0),
        )
        for column, label in (
            ("apoptosis", "Germ cells lost"),
            ("freed_round", "Round cells freed"),
            ("retained", "Sperm retained"),
            ("sperm_released", "Sperm released"),
        )
    ]
    others = {panel.column: panel for panel in courses.production(arms)}
    return (*found, others["meiotic_loss_pct"], *(others[name] for name in courses.SIGNALS))


def _rate(arm: str, rows: pd.DataFrame, column: str) -> Curve:
    day, values = courses.matrix(rows, 100.0 * rows[column] / rows["sertoli"])
    return Curve.of(arm, day, weekly(values.T).T)


def _per_sertoli(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    shares = rows[list(STEPS)].div(rows["sertoli"], axis=0).groupby(rows["day"]).mean()
    return shares.index.to_numpy(dtype=float), shares.to_numpy()


def weekly(values: np.ndarray) -> np.ndarray:
    """Return the centred running mean over a week, (days, ...); shorter at the ends."""
    return np.asarray(pd.DataFrame(values).rolling(_WEEK, min_periods=1, center=True).mean())
