"""The three kinds of cell as Mesa agents, and the sets of them that a model shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np
from mesa.agentset import AbstractAgentSet

from testis_abm.agents.agent_sets import ColumnAgentSet, UnionAgentSet
from testis_abm.agents.views import Cell, Reading, Rows, column, index_of, not_negative, step_number, writer
from testis_abm.biology import rules, steps
from testis_abm.biology.kinetics import hill
from testis_abm.testis.places import (
    germ_places,
    germ_positions,
    leydig_places,
    leydig_positions,
    sertoli_places,
    sertoli_positions,
)

if TYPE_CHECKING:
    from testis_abm.testis.tissue import Tissue

_PMOL = 1e3  # pmol in a nmol
_NAMES = np.array(steps.NAMES)

# ---- what all kinds read


def _pairs(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _each_niche(niches: Rows, value: Callable[[int], float]) -> np.ndarray:
    """Return `value` of each niche, worked out once a niche."""
    which, back = np.unique(niches, return_inverse=True)
    return np.array([value(int(niche)) for niche in which], dtype=float)[back]


def _androgen_signal(tissue: Tissue, niches: Rows) -> np.ndarray:
    p, level = tissue.p, tissue.columns.sertoli.androgen
    return _each_niche(
        niches, lambda i: rules.androgen_signal(float(level[i]), p.meiosis_androgen_half, p.meiosis_occupancy, p)
    )


def _fsh_signal(tissue: Tissue, niches: Rows) -> np.ndarray:
    return _each_niche(niches, lambda i: rules.fsh_signal(float(tissue.columns.sertoli.fsh[i]), tissue.p))


def _er_beta_signal(tissue: Tissue, niches: Rows) -> np.ndarray:
    return _each_niche(niches, lambda i: rules.er_beta_signal(float(tissue.columns.sertoli.oestrogen[i]), tissue.p))


def _er_alpha_signal(tissue: Tissue, niches: Rows) -> np.ndarray:
    p, level = tissue.p, tissue.columns.sertoli.oestrogen
    reference = hill(p.free_oestradiol_reference, p.er_alpha_half, p.oestrogen_exponent)
    return _each_niche(niches, lambda i: rules.er_alpha_occupancy(float(level[i]), p) / reference)


# ---- Leydig cell


def _leydig_corner(tissue: Tissue, rows: Rows) -> Rows:
    return np.asarray(tissue.columns.leydig.corner[rows])


def _leydig_aromatase(tissue: Tissue, rows: Rows) -> np.ndarray:
    p, cell = tissue.p, tissue.columns.leydig
    return np.asarray(p.leydig_aromatase * p.leydig_secretion * cell.size[rows] * cell.expression[rows])


def _leydig_er_alpha(tissue: Tissue, rows: Rows) -> np.ndarray:
    level = tissue.levels.corner_oestradiol.ravel()[_leydig_corner(tissue, rows)] / tissue.scale.oestradiol
    return np.asarray(tissue.p.er_alpha_sensitivity * level)


class LeydigCell(Cell):
    """A Leydig cell in an interstice: makes testosterone under LH, and some oestradiol."""

    kind = "leydig"
    corner = Reading(_leydig_corner, doc="Interstice in which it lies; tubule i owns 2 i and 2 i + 1.")
    size = Reading(column("leydig", "size"), writer("leydig", "size"), "Secretory size, mean 1.")
    capacity = Reading(
        column("leydig", "capacity"), writer("leydig", "capacity"), "Trophic capacity to secrete, 1 under normal LH."
    )
    aromatase_expression = Reading(
        column("leydig", "expression"), writer("leydig", "expression"), "Aromatase expression, 1 under normal LH."
    )
    aromatase = Reading(
        _leydig_aromatase, doc="Aromatase activity; the reference tissue has 1 per Sertoli cell in all."
    )
    testosterone_secretion = Reading(
        column("leydig", "testosterone"), doc="Testosterone secreted, relative to the mean cell of the reference man."
    )
    oestradiol_secretion = Reading(
        column("leydig", "oestradiol"), doc="Oestradiol made; the reference tissue makes 1 per Sertoli cell in all."
    )
    er_alpha_signal = Reading(_leydig_er_alpha, doc="Local oestradiol through ER-alpha, 1 = reference man.")
    testosterone_nmol_l = Reading(
        lambda tissue, rows: tissue.levels.corner_testosterone.ravel()[_leydig_corner(tissue, rows)],
        doc="Total testosterone in its interstice, nmol/L.",
    )
    oestradiol_pmol_l = Reading(
        lambda tissue, rows: _PMOL * tissue.levels.corner_oestradiol.ravel()[_leydig_corner(tissue, rows)],
        doc="Total oestradiol in its interstice, pmol/L.",
    )
    position = Reading(lambda tissue, rows: _pairs(*leydig_places(tissue, rows)), doc="x, y in um.")


# ---- Sertoli cell


def _rate(name: str) -> Callable[[Tissue, Rows], np.ndarray]:
    which = steps.RATES.index(name)

    def read(tissue: Tissue, rows: Rows) -> np.ndarray:
        tubule, niche = np.divmod(rows, tissue.geometry.sertoli_per_tubule)
        return np.asarray(tissue.columns.sertoli.rates[tubule, which, niche])

    return read


class SertoliCell(Cell):
    """A Sertoli cell: reads testosterone, oestradiol and FSH and supports the germ cells of its niche."""

    kind = "sertoli"
    phase = Reading(column("sertoli", "phase"), doc="Phase of its clock of the cycle at the start, 0 to 1.")
    tubule = Reading(
        lambda tissue, rows: rows // tissue.geometry.sertoli_per_tubule, doc="Tubule on whose wall it stands."
    )
    androgen_signal = Reading(_androgen_signal, doc="AR signal for meiosis, 1 = reference man.")
    fsh_signal = Reading(_fsh_signal, doc="FSH signal, 1 = reference man.")
    er_alpha_signal = Reading(_er_alpha_signal, doc="ER-alpha occupancy, 1 = reference man.")
    er_beta_signal = Reading(_er_beta_signal, doc="ER-beta signal, 1 = reference man.")
    aromatase = Reading(
        lambda tissue, rows: np.full(len(rows), tissue.p.sertoli_aromatase), doc="Its own aromatase activity."
    )
    oestradiol_secretion = Reading(
        column("sertoli", "oestradiol_made"), doc="Oestradiol made by it and its germ cells."
    )
    inhibin = Reading(column("sertoli", "inhibin"), doc="Inhibin B output, 1 = reference man.")
    testosterone_nmol_l = Reading(
        lambda tissue, rows: tissue.testosterone.ravel()[rows], doc="Total testosterone at it, nmol/L."
    )
    oestradiol_pmol_l = Reading(
        lambda tissue, rows: _PMOL * tissue.oestradiol.ravel()[rows], doc="Total oestradiol at it, pmol/L."
    )
    germ_cells = Reading(
        lambda tissue, rows: tissue.columns.sertoli.counts[rows].sum(axis=1), doc="Germ cells that it supports."
    )
    position = Reading(lambda tissue, rows: _pairs(*sertoli_places(tissue, rows)), doc="x, y of its foot in um.")
    commitment = Reading(_rate("commitment"), doc="Share of a clone that an A-pale gathers at each turn of the cycle.")
    spermiation = Reading(_rate("spermiation"), doc="Share of elongated spermatids that it releases.")


for _name in steps.NAMES:
    _hazard_of_step = Reading(_rate(f"{_name}_hazard"), doc=f"Hazard that it sets for the step {_name}, per day.")
    setattr(SertoliCell, f"{_name}_hazard", _hazard_of_step)


# ---- germ cell


def _niche(tissue: Tissue, rows: Rows) -> Rows:
    germ = tissue.columns.germ
    return np.asarray(germ.tubule_of(rows) * tissue.geometry.sertoli_per_tubule + germ.niche[rows])


def _hazard(tissue: Tissue, rows: Rows) -> np.ndarray:
    germ = tissue.columns.germ
    rate = steps.HAZARD + germ.step[rows].astype(np.int64)
    return np.asarray(tissue.columns.sertoli.rates[germ.tubule_of(rows), rate, germ.niche[rows]])


def _counted(tissue: Tissue, rows: Rows) -> np.ndarray:
    """Return the hazard that the Sertoli cell of each germ cell has counted for its step."""
    germ = tissue.columns.germ
    return np.asarray(tissue.columns.sertoli.gathered[germ.tubule_of(rows), germ.step[rows], germ.niche[rows]])


def _remaining(tissue: Tissue, rows: Rows) -> np.ndarray:
    return np.asarray(tissue.columns.germ.ends[rows] - tissue.now, dtype=float)


def _end_in(tissue: Tissue, rows: Rows, value: Any) -> None:
    tissue.columns.germ.ends[rows] = tissue.now + not_negative("remaining_days", value)


def _budget(tissue: Tissue, rows: Rows) -> np.ndarray:
    return np.asarray(np.maximum(tissue.columns.germ.threshold[rows] - _counted(tissue, rows), 0.0))


def _take(tissue: Tissue, rows: Rows, value: Any) -> None:
    budget = not_negative("hazard_budget", value)
    # Nought kills today, whatever the hazard.
    tissue.columns.germ.threshold[rows] = np.where(budget > 0, _counted(tissue, rows) + budget, -np.inf)


def _by_step(value: Callable[[int, rules.TissueParameters], float]) -> Callable[[Tissue, Rows], np.ndarray]:
    """Return a reader of what depends on a cell's step alone."""

    def read(tissue: Tissue, rows: Rows) -> np.ndarray:
        table = np.array([value(step, tissue.p) for step in range(steps.COUNT)], dtype=float)
        return np.asarray(table[tissue.columns.germ.step[rows]])

    return read


_er_beta_expression = _by_step(rules.er_beta_expression)


def _enter_step(tissue: Tissue, rows: Rows, value: Any) -> None:
    """Let cells enter a step now, with the duration and the budget that their luck holds for it."""
    to, germ, counts = step_number(value), tissue.columns.germ, tissue.columns.sertoli.counts
    mean_days = [rules.mean_duration(step, tissue.p) for step in range(steps.COUNT)]
    for row, niche in zip(rows, _niche(tissue, rows), strict=True):
        lineage = int(germ.lineage[row])
        if to <= steps.A_PALE:
            germ.clone[row] = 0
        elif germ.step[row] <= steps.A_PALE:
            germ.clone[row] = rules.clone_of(lineage, int(germ.clone[row]))
        counts[niche, germ.step[row]] -= 1
        counts[niche, to] += 1
        days, budget = rules.on_entering(
            lineage, int(germ.clone[row]), to, mean_days, tissue.p.duration_variation, tissue.p.clonal_death
        )
        germ.step[row], germ.turn[row] = to, 0
        germ.share[row] = rules.first_share(lineage, to) if to == steps.A_PALE else 0.0
        germ.ends[row] = tissue.now + days
        germ.threshold[row] = _counted(tissue, np.array([row]))[0] + budget


def _clone(tissue: Tissue, rows: Rows) -> np.ndarray:
    germ = tissue.columns.germ
    return np.where(germ.step[rows] <= steps.A_PALE, 0, germ.clone[rows])


class GermCell(Cell):
    """A germ cell in the niche of a Sertoli cell, from A-dark spermatogonium to elongated spermatid."""

    kind = "germ"
    step = Reading(lambda tissue, rows: _NAMES[tissue.columns.germ.step[rows]], _enter_step, "Name of its step.")
    step_index = Reading(column("germ", "step"), _enter_step, "Index of its step, 0 (A-dark) to 11 (elongated).")
    niche = Reading(_niche, doc="Index of its Sertoli cell.")
    tubule = Reading(
        lambda tissue, rows: _niche(tissue, rows) // tissue.geometry.sertoli_per_tubule, doc="Tubule in which it lies."
    )
    remaining_days = Reading(_remaining, _end_in, "Days until its step (stem cells: its cycle) ends.")
    hazard_budget = Reading(_budget, _take, "Hazard that it can still take in this step before it dies.")
    turn = Reading(column("germ", "turn"), doc="Turns of the cycle that a stem cell has made.")
    share = Reading(
        column("germ", "share"),
        writer("germ", "share"),
        "Share of a clone that an A-pale has gathered; at 1 it differentiates.",
    )
    clone = Reading(_clone, doc="Name of the clone that bridges join it to; 0 for a stem cell.")
    hazard_per_day = Reading(_hazard, doc="Hazard under the support of its Sertoli cell, per day.")
    aromatase = Reading(_by_step(rules.germ_aromatase), doc="Aromatase activity.")
    er_beta_signal = Reading(
        lambda tissue, rows: _er_beta_expression(tissue, rows) * _er_beta_signal(tissue, _niche(tissue, rows)),
        doc="ER-beta signal: that of its niche (1 = reference man) times the expression in its step.",
    )
    er_alpha_signal = Reading(
        lambda tissue, rows: _er_alpha_signal(tissue, _niche(tissue, rows)),
        doc="ER-alpha occupancy of its niche, 1 = reference.",
    )
    testosterone_nmol_l = Reading(
        lambda tissue, rows: tissue.testosterone.ravel()[_niche(tissue, rows)],
        doc="Total testosterone in its niche, nmol/L.",
    )
    oestradiol_pmol_l = Reading(
        lambda tissue, rows: _PMOL * tissue.oestradiol.ravel()[_niche(tissue, rows)],
        doc="Total oestradiol in its niche, pmol/L.",
    )
    position = Reading(lambda tissue, rows: _pairs(*germ_places(tissue, rows)[:2]), doc="x, y in um.")

    @property
    def sertoli(self) -> SertoliCell:
        """Return the Sertoli cell that supports it."""
        index, niche = index_of(self.model.tissue, "sertoli"), self.niche
        return SertoliCell.at(self.model, index, niche, int(index.lineage[niche]))


# ---- the sets that a model shows

KINDS: tuple[type[Cell], ...] = (LeydigCell, SertoliCell, GermCell)


class PlainCell(mesa.Agent):  # type: ignore[misc]
    """A cell of the reference engine (see reference.py): registered with Mesa, and shown as a view of its columns."""

    def __init__(self, model: Any, lineage: int, state: Any) -> None:
        super().__init__(model)
        self.lineage, self.state = lineage, state


def agent_sets(model: Any, own: AbstractAgentSet) -> tuple[AbstractAgentSet, dict[type, AbstractAgentSet]]:
    """Return all agents of a model, and each type's.

    Args:
        model: has `tissue`, whose columns hold the cells, whatever engine moves them.
        own: the agents that are registered with Mesa: a user's, and the plain cells of the reference engine.
    """
    # Mesa's own sets by type, which the model overrides.
    registered = dict(mesa.Model.agents_by_type.fget(model))
    if getattr(model, "tissue", None) is None:
        return own, registered
    cells = {kind: ColumnAgentSet(model, kind, own.random) for kind in KINDS}
    others = {of: found for of, found in registered.items() if not issubclass(of, PlainCell)}
    return UnionAgentSet({**cells, **others}, own.random), {**cells, **others}


__all__ = [
    "KINDS",
    "ColumnAgentSet",
    "GermCell",
    "LeydigCell",
    "PlainCell",
    "SertoliCell",
    "agent_sets",
    "germ_positions",
    "leydig_positions",
    "sertoli_positions",
]
