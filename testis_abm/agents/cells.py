"""The three kinds of cell as Mesa agents, and the sets of them that a model shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import mesa
import numpy as np
from mesa.agentset import AbstractAgentSet

from testis_abm.agents.agent_sets import ColumnAgentSet, UnionAgentSet
from testis_abm.agents.reference import PlainCell
from testis_abm.agents.views import Cell, Read, Reading, Rows, column, index_of, not_negative, step_number
from testis_abm.biology import germ, steps
from testis_abm.biology.leydig import leydig_aromatase
from testis_abm.biology.niche import share_of_newborn
from testis_abm.biology.sertoli import Response, oestrogen_signal, signals
from testis_abm.testis.columns import GermColumns, LeydigColumns, SertoliColumns
from testis_abm.testis.kind import Kind
from testis_abm.testis.kinds import FURTHER
from testis_abm.testis.places import germ_niche, germ_places, leydig_places, sertoli_places

if TYPE_CHECKING:
    from testis_abm.biology.tissue import TissueParameters
    from testis_abm.testis.tissue import Tissue

_PMOL = 1e3  # pmol in a nmol
_NAMES = np.array(steps.NAMES)

# ---- what all kinds read


def _pairs(x: np.ndarray, y: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(x.tolist(), y.tolist(), strict=True))


def _here(tissue: Tissue, rows: Rows) -> Rows:
    return rows


def _signal(name: str, of: Callable[[Tissue, Rows], Rows] = _here) -> Read:
    """Return a reader of a signal (see sertoli.Signals) of Sertoli cells, or of those that `of` names, 1 = reference man."""

    def read(tissue: Tissue, rows: Rows) -> np.ndarray:
        # Worked out once a niche.
        niches, back = np.unique(of(tissue, rows), return_inverse=True)
        cells = tissue.columns.sertoli
        levels = (getattr(cells, of)[niches].tolist() for of in Response._fields)
        found = [getattr(signals(Response(*response), 0.0, tissue.p), name) for response in zip(*levels, strict=True)]
        return np.array(found, dtype=float)[back]

    return read


def _sensed(receptor: str, of: Callable[[Tissue, Rows], Rows] = _here) -> Read:
    """Return a reader of oestradiol as a receptor of the Sertoli cells that `of` names senses it, 1 = reference man."""

    def read(tissue: Tissue, rows: Rows) -> np.ndarray:
        sensitivity = getattr(tissue.p.receptor, f"{receptor}_sensitivity")
        level = tissue.columns.sertoli.local_oestradiol[of(tissue, rows)]
        return np.asarray(oestrogen_signal(level, sensitivity, tissue.p))

    return read


def _level(steroid: str, of: Callable[[Tissue, Rows], Rows], factor: float = 1.0) -> Read:
    """Return a reader of the level of a steroid at the niches or in the interstices that `of` names."""
    return lambda tissue, rows: factor * getattr(tissue.levels, steroid).ravel()[of(tissue, rows)]


# ---- Leydig cell


_leydig_corner = column("leydig", "corner")


def _leydig_aromatase(tissue: Tissue, rows: Rows) -> np.ndarray:
    cell = tissue.columns.leydig
    return np.asarray(leydig_aromatase(cell.size[rows], cell.aromatase_expression[rows], tissue.p))


def _leydig_er_alpha(tissue: Tissue, rows: Rows) -> np.ndarray:
    level = _level("corner_oestradiol", _leydig_corner)(tissue, rows) / tissue.scale.oestradiol
    return np.asarray(tissue.p.leydig.leydig_er_alpha_sensitivity * level)


class LeydigCell(Cell, columns=LeydigColumns):
    """A Leydig cell in an interstice: makes testosterone under LH, and some oestradiol."""

    kind = "leydig"
    aromatase = Reading(
        _leydig_aromatase, doc="Aromatase activity; the reference tissue has 1 per Sertoli cell in all."
    )
    er_alpha_signal = Reading(_leydig_er_alpha, doc="Local oestradiol through ER-alpha, 1 = reference man.")
    testosterone_nmol_l = Reading(
        _level("corner_testosterone", _leydig_corner), doc="Total testosterone in its interstice, nmol/L."
    )
    oestradiol_pmol_l = Reading(
        _level("corner_oestradiol", _leydig_corner, _PMOL), doc="Total oestradiol in its interstice, pmol/L."
    )
    position = Reading(lambda tissue, rows: _pairs(*leydig_places(tissue, rows)), doc="x, y in um.")


# ---- Sertoli cell


def _rate(name: str) -> Read:
    which = steps.RATES.index(name)

    def read(tissue: Tissue, rows: Rows) -> np.ndarray:
        tubule, niche = np.divmod(rows, tissue.geometry.sertoli_per_tubule)
        return np.asarray(tissue.columns.sertoli.rates[tubule, which, niche])

    return read


class SertoliCell(Cell, columns=SertoliColumns):
    """A Sertoli cell: reads testosterone, oestradiol and FSH and supports the germ cells of its niche."""

    kind = "sertoli"
    tubule = Reading(
        lambda tissue, rows: rows // tissue.geometry.sertoli_per_tubule, doc="Tubule on whose wall it stands."
    )
    along = Reading(lambda tissue, rows: tissue.geometry.along(rows), doc="Section of its tubule, from 0 at one end.")
    androgen_signal = Reading(_signal("androgen"), doc="AR signal for entry and adhesion, 1 = reference man.")
    fsh_signal = Reading(_signal("fsh"), doc="FSH signal, 1 = reference man.")
    er_alpha_signal = Reading(_sensed("er_alpha"), doc="Oestradiol through ER-alpha, 1 = reference man.")
    er_beta_signal = Reading(_sensed("er_beta"), doc="Oestradiol through ER-beta, 1 = reference man.")
    aromatase = Reading(
        lambda tissue, rows: np.full(len(rows), tissue.p.aromatase.sertoli_aromatase), doc="Its own aromatase activity."
    )
    testosterone_nmol_l = Reading(_level("testosterone", _here), doc="Total testosterone at it, nmol/L.")
    oestradiol_pmol_l = Reading(_level("oestradiol", _here, _PMOL), doc="Total oestradiol at it, pmol/L.")
    germ_cells = Reading(
        lambda tissue, rows: tissue.columns.sertoli.counts[rows].sum(axis=1), doc="Germ cells that it supports."
    )
    position = Reading(lambda tissue, rows: _pairs(*sertoli_places(tissue, rows)), doc="x, y of its foot in um.")
    a_pale = Reading(lambda tissue, rows: tissue.columns.sertoli.counts[rows, steps.A_PALE], doc="A-pale in its niche.")
    a_dark = Reading(lambda tissue, rows: tissue.columns.sertoli.counts[rows, steps.A_DARK], doc="A-dark in its niche.")
    a_pale_fed = Reading(_rate("a_pale_fed"), doc="A-pale that it feeds.")
    commitment = Reading(_rate("commitment"), doc="Share of a clone that an A-pale gathers at each turn of the cycle.")
    spermiation = Reading(_rate("spermiation"), doc="Share of elongated spermatids that it releases.")


for _name in steps.NAMES:
    _hazard_of_step = Reading(_rate(f"{_name}_hazard"), doc=f"Hazard that it sets for the step {_name}, per day.")
    setattr(SertoliCell, f"{_name}_hazard", _hazard_of_step)


# ---- germ cell


def _niche(tissue: Tissue, rows: Rows) -> Rows:
    return germ_niche(tissue, rows)


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
    # Zero kills today, whatever the hazard.
    tissue.columns.germ.threshold[rows] = np.where(budget > 0, _counted(tissue, rows) + budget, -np.inf)


def _by_step(value: Callable[[TissueParameters], steps.ByStep]) -> Read:
    """Return a reader of what depends on a cell's step alone."""
    return lambda tissue, rows: np.array(value(tissue.p))[tissue.columns.germ.step[rows]]


def _enter_step(tissue: Tissue, rows: Rows, value: Any) -> None:
    """Let cells enter a step now, with the duration and the budget that they draw for it."""
    to, cells, counts_of = step_number(value), tissue.columns.germ, tissue.columns.sertoli
    counts = counts_of.counts
    numbers, rules = tissue.p.germ, tissue.cells.rules
    mean_days = rules["germ.durations"](tissue.p)
    for row, niche in zip(rows, _niche(tissue, rows), strict=True):
        lineage = int(cells.lineage[row])
        if to <= steps.A_PALE:
            cells.clone[row] = 0
        elif cells.step[row] <= steps.A_PALE:
            cells.clone[row] = rules["germ.clone_of"](lineage, int(cells.clone[row]))
        counts[niche, cells.step[row]] -= 1
        counts[niche, to] += 1
        days, budget = rules["germ.on_entering"](
            lineage, int(cells.clone[row]), to, mean_days, numbers.duration_variation, numbers.clonal_death
        )
        cells.step[row], cells.turn[row] = to, 0
        cells.share[row] = 0.0
        if to == steps.A_PALE:
            tubule, at = divmod(int(niche), tissue.geometry.sertoli_per_tubule)
            gathers = float(counts_of.rates[tubule, steps.COMMITMENT, at])
            cells.share[row] = share_of_newborn(rules["germ.first_share"](lineage, to), gathers)
        cells.ends[row] = tissue.now + days
        cells.threshold[row] = _counted(tissue, np.array([row]))[0] + budget


def _clone(tissue: Tissue, rows: Rows) -> np.ndarray:
    cells = tissue.columns.germ
    return np.where(cells.step[rows] <= steps.A_PALE, 0, cells.clone[rows])


class GermCell(Cell, columns=GermColumns):
    """A germ cell in the niche of a Sertoli cell, from A-dark spermatogonium to elongated spermatid."""

    kind = "germ"
    step = Reading(lambda tissue, rows: _NAMES[tissue.columns.germ.step[rows]], _enter_step, "Name of its step.")
    step_index = Reading(column("germ", "step"), _enter_step, "Index of its step, 0 (A-dark) to 11 (elongated).")
    niche = Reading(_niche, doc="Index of its Sertoli cell.")
    tubule = Reading(
        lambda tissue, rows: _niche(tissue, rows) // tissue.geometry.sertoli_per_tubule, doc="Tubule in which it lies."
    )
    along = Reading(
        lambda tissue, rows: tissue.geometry.along(_niche(tissue, rows)),
        doc="Section of its tubule, from 0 at one end.",
    )
    remaining_days = Reading(_remaining, _end_in, "Days until its step (stem cells: its cycle) ends.")
    hazard_budget = Reading(_budget, _take, "Hazard that it can still take in this step before it dies.")
    clone = Reading(_clone, doc="Name of the clone that bridges join it to; 0 for a stem cell.")
    hazard_per_day = Reading(_hazard, doc="Hazard under the support of its Sertoli cell, per day.")
    aromatase = Reading(_by_step(germ.aromatase), doc="Aromatase activity.")
    er_beta_signal = Reading(_sensed("er_beta", _niche), doc="Oestradiol of its niche through ER-beta, 1 = reference.")
    er_alpha_signal = Reading(
        _sensed("er_alpha", _niche), doc="Oestradiol of its niche through ER-alpha, 1 = reference."
    )
    testosterone_nmol_l = Reading(_level("testosterone", _niche), doc="Total testosterone in its niche, nmol/L.")
    oestradiol_pmol_l = Reading(_level("oestradiol", _niche, _PMOL), doc="Total oestradiol in its niche, pmol/L.")
    position = Reading(lambda tissue, rows: _pairs(*germ_places(tissue, rows)[:2]), doc="x, y in um.")

    @property
    def sertoli(self) -> SertoliCell:
        """Return the Sertoli cell that supports it."""
        index, niche = index_of(self.model.tissue, "sertoli"), self.niche
        return SertoliCell.at(self.model, index, niche, int(index.lineage[niche]))


# ---- the sets that a model shows


def _cell_type(kind: Kind) -> type[Cell]:
    position = Reading(lambda tissue, rows: _pairs(*kind.places(tissue, rows)[:2]), doc="x, y in um.")
    members = {"kind": kind.name, "position": position, "__doc__": kind.doc, "__module__": __name__}
    return type(f"{kind.name.capitalize()}Cell", (Cell,), members, columns=kind.columns)


FURTHER_CELLS = {kind.name: _cell_type(kind) for kind in FURTHER}
globals().update({cell_type.__name__: cell_type for cell_type in FURTHER_CELLS.values()})  # where pickle looks for them
CELLS: tuple[type[Cell], ...] = (LeydigCell, SertoliCell, GermCell, *FURTHER_CELLS.values())


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
    cells = {kind: ColumnAgentSet(model, kind, own.random) for kind in CELLS}
    others = {of: found for of, found in registered.items() if not issubclass(of, PlainCell)}
    return UnionAgentSet({**cells, **others}, own.random), {**cells, **others}


__all__ = ["CELLS", "ColumnAgentSet", "GermCell", "LeydigCell", "SertoliCell", "agent_sets"]
