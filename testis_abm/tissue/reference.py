"""The reference engine: every cell a registered Mesa agent with its own state, moved by the plain rules.

It must give the same cells as the compiled engine, bit for bit. So the state is kept as the columns keep it
(remaining days and budgets rounded to float32 at the end of a day), and the arithmetic runs on plain Python
floats and integers: NumPy's scalars and its powers and sums round differently.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import mesa
import numpy as np

from testis_abm.tissue import rules, steps
from testis_abm.tissue.agents import GermCell, LeydigCell, SertoliCell
from testis_abm.tissue.cells import GERM_DTYPES, Events, GermColumns
from testis_abm.tissue.luck import child, u64

if TYPE_CHECKING:
    from testis_abm.tissue.rules import TissueParameters
    from testis_abm.tissue.tissue import BloodInput, Tissue

_ENDLESS = 1e30  # a stem cell's budget: it is lost at the turn of its cycle, not by a hazard


@dataclass(slots=True)
class LeydigState:
    """What a plain Leydig cell holds."""

    corner: int
    size: float
    capacity: float
    expression: float
    testosterone: float
    oestradiol: float


@dataclass(slots=True)
class SertoliState:
    """What a plain Sertoli cell holds."""

    androgen: float
    oestrogen: float
    fsh: float
    support: tuple[float, ...]


@dataclass(slots=True)
class GermState:
    """What a plain germ cell holds."""

    lineage: int
    niche: int
    step: int
    turn: int
    remaining: float
    budget: float

    def stored(self) -> GermState:
        """Return the state as the columns store it."""
        remaining, budget = float(np.float32(self.remaining)), float(np.float32(self.budget))
        return GermState(self.lineage, self.niche, self.step, self.turn, remaining, budget)


class PlainLeydigCell(LeydigCell):
    """A Leydig cell that holds its own state and is registered with Mesa."""

    def __init__(self, model: Any, lineage: int) -> None:
        _register(self, model)
        self.refresh()

    def refresh(self) -> None:
        """Take the state from the columns."""
        row, cell = self.row, self.model.tissue.columns.leydig
        self.state = LeydigState(
            int(cell.corner[row]), float(cell.size[row]), float(cell.capacity[row]),
            float(cell.expression[row]), float(cell.testosterone[row]), float(cell.oestradiol[row]),
        )  # fmt: skip


class PlainSertoliCell(SertoliCell):
    """A Sertoli cell that holds its own state and is registered with Mesa."""

    def __init__(self, model: Any, lineage: int) -> None:
        _register(self, model)
        self.refresh()

    def refresh(self) -> None:
        """Take the state from the columns."""
        row, cell = self.row, self.model.tissue.columns.sertoli
        self.state = SertoliState(
            float(cell.androgen[row]),
            float(cell.oestrogen[row]),
            float(cell.fsh[row]),
            tuple(cell.support[row].tolist()),
        )


class PlainGermCell(GermCell):
    """A germ cell that holds its own state and is registered with Mesa."""

    def __init__(self, model: Any, lineage: int, state: GermState | None = None) -> None:
        _register(self, model)
        if state is None:
            self.refresh()
        else:
            self.state = state

    def __new__(cls, model: Any = None, lineage: int = 0, state: GermState | None = None) -> PlainGermCell:
        """Name the cell at once."""
        return super().__new__(cls, model, lineage)

    def refresh(self) -> None:
        """Take the state from the columns."""
        row, germ = self.row, self.model.tissue.columns.germ
        self.state = GermState(
            self.lineage, int(germ.niche[row]), int(germ.step[row]), int(germ.turn[row]),
            float(germ.remaining[row]), float(germ.budget[row]),
        )  # fmt: skip


PlainCell = PlainLeydigCell | PlainSertoliCell | PlainGermCell


def _register(cell: PlainCell, model: Any) -> None:
    mesa.Agent.__init__(cell, model)
    cell.unique_id = cell.lineage  # Mesa has just numbered it
    cell._seen = None


class ReferenceCells:
    """The engine of plain Mesa agents, with the interface of `CompiledCells`.

    The agents take over the state that the columns of `tissue` hold; after each call the columns are written
    again, so that whatever reads them (reports, views, pictures) serves both engines.

    Args:
        model: the Mesa model that registers the agents; has `tissue`.
        tissue: whose cells to take over.
    """

    def __init__(self, model: Any, tissue: Tissue) -> None:
        self.model, self.columns, self.p = model, tissue.columns, tissue.p
        self.seed = int(u64(tissue.seed))
        self.leydig = [PlainLeydigCell(model, int(of)) for of in self.columns.leydig.lineage]
        self.sertoli = [PlainSertoliCell(model, int(of)) for of in self.columns.sertoli.lineage]
        germ = self.columns.germ
        self.germ = [
            [PlainGermCell(model, int(of)) for of in germ.lineage[start : start + count]]
            for start, count in zip(germ.start[:-1], germ.count, strict=True)
        ]

    def secrete(self, oestradiol_at_corner: np.ndarray, activity: float, dt: float) -> np.ndarray:
        """Advance the Leydig cells; return their testosterone (relative, one a cell)."""
        at_corner = oestradiol_at_corner.tolist()
        for agent in self.leydig:
            cell = agent.state
            cell.capacity, cell.expression, cell.testosterone = rules.leydig_day(
                cell.capacity, cell.expression, cell.size, at_corner[cell.corner], activity, self.p, dt
            )
        written = self.columns.leydig
        written.capacity[:] = [agent.state.capacity for agent in self.leydig]
        written.expression[:] = [agent.state.expression for agent in self.leydig]
        written.testosterone[:] = [agent.state.testosterone for agent in self.leydig]
        return written.testosterone

    def aromatise_leydig(self, testosterone_at_corner: np.ndarray, inhibitor: float) -> np.ndarray:
        """Return the oestradiol of each Leydig cell."""
        at_corner, p = testosterone_at_corner.tolist(), self.p
        for agent in self.leydig:
            cell = agent.state
            activity = p.leydig_aromatase * p.leydig_secretion * cell.size * cell.expression
            cell.oestradiol = rules.aromatise(activity, at_corner[cell.corner], inhibitor, p)
        self.columns.leydig.oestradiol[:] = [agent.state.oestradiol for agent in self.leydig]
        return self.columns.leydig.oestradiol

    def aromatise_niches(self, inhibitor: float) -> np.ndarray:
        """Return the oestradiol of each Sertoli cell and its germ cells."""
        cells, p = self.columns.sertoli, self.p
        by_step = [rules.germ_aromatase(step, p) for step in range(steps.COUNT)]
        made = []
        for counts, testosterone in zip(cells.counts.tolist(), cells.local_testosterone.tolist(), strict=True):
            activity = p.sertoli_aromatase
            for step in range(steps.COUNT):
                activity += counts[step] * by_step[step]
            made.append(rules.aromatise(activity, testosterone, inhibitor, p))
        cells.oestradiol_made[:] = made
        return cells.oestradiol_made

    def support(self, blood: BloodInput, dt: float) -> np.ndarray:
        """Advance the Sertoli cells; return their inhibin B (relative, one a cell)."""
        written, p = self.columns.sertoli, self.p
        local = zip(written.local_testosterone.tolist(), written.local_oestradiol.tolist(), strict=True)
        for agent, (testosterone, oestradiol) in zip(self.sertoli, local, strict=True):
            cell = agent.state
            cell.androgen, cell.oestrogen, cell.fsh = rules.sertoli_day(
                cell.androgen, cell.oestrogen, cell.fsh, testosterone, oestradiol, blood.fsh_iu_l, p, dt
            )
            cell.support = rules.sertoli_support(cell.androgen, cell.oestrogen, cell.fsh, blood.back_pressure, p)
        written.androgen[:] = [agent.state.androgen for agent in self.sertoli]
        written.oestrogen[:] = [agent.state.oestrogen for agent in self.sertoli]
        written.fsh[:] = [agent.state.fsh for agent in self.sertoli]
        written.support[:] = [agent.state.support for agent in self.sertoli]
        written.inhibin[:] = [rules.inhibin_output(agent.state.fsh, p) for agent in self.sertoli]
        return written.inhibin

    def live(self, dt: float) -> Events:
        """Advance the germ cells; return what happened."""
        events = Events.none(len(self.germ))
        a_pale = self.columns.sertoli.counts[:, steps.A_PALE].tolist()
        per = len(self.sertoli) // len(self.germ)
        around = [
            Surroundings(agent.state.support, a_pale[niche], self.seed, self.p, events, niche // per)
            for niche, agent in enumerate(self.sertoli)
        ]
        for tubule, cells in enumerate(self.germ):
            kept: list[PlainGermCell] = []
            born: list[GermState] = []
            for agent in cells:
                after = live_germ_cell(agent.state, around[agent.state.niche], dt)
                # The first of its descendants takes a cell's place, as in the columns; the others go behind.
                if after:
                    kept.append(self._follow(agent, after[0]))
                    born += after[1:]
                else:
                    mesa.Agent.remove(agent)
            self.germ[tubule] = kept + [PlainGermCell(self.model, state.lineage, state) for state in born]
        self._count()
        self.columns.germ = self.to_columns()
        return events

    def _follow(self, agent: PlainGermCell, state: GermState) -> PlainGermCell:
        """Return the agent of `state`: the same cell, or a daughter in place of her mother."""
        if state.lineage == agent.lineage:
            agent.state = state
            return agent
        mesa.Agent.remove(agent)
        return PlainGermCell(self.model, state.lineage, state)

    def _count(self) -> None:
        counts = [[0] * steps.COUNT for _ in self.sertoli]
        for cells in self.germ:
            for agent in cells:
                counts[agent.state.niche][agent.state.step] += 1
        self.columns.sertoli.counts[:] = counts

    def to_columns(self) -> GermColumns:
        """Return the germ cells as columns without slack."""
        states = [agent.state for cells in self.germ for agent in cells]
        count = np.array([len(cells) for cells in self.germ], dtype=np.int64)
        columns = {
            name: np.array([getattr(state, name) for state in states], dtype=dtype)
            for name, dtype in GERM_DTYPES.items()
        }
        return GermColumns(**columns, start=np.concatenate([[0], np.cumsum(count)]).astype(np.int64), count=count)


class Surroundings(NamedTuple):
    """What a germ cell lives in for a day.

    Attributes:
        support: what its Sertoli cell gives, in the order of steps.SUPPORT.
        a_pale: A-pale in its niche at the end of the day before.
        seed: of the draws.
        p: numbers of the tissue.
        events, tubule: where to count deaths, completed steps and released sperm.
    """

    support: tuple[float, ...]
    a_pale: int
    seed: int
    p: TissueParameters
    events: Events
    tubule: int


def live_germ_cell(cell: GermState, around: Surroundings, dt: float) -> list[GermState]:
    """Return what is left of a germ cell after `dt` days: itself, nothing, or daughters; `cell` is kept."""
    alive: list[GermState] = []
    waiting = [(GermState(cell.lineage, cell.niche, cell.step, cell.turn, cell.remaining, cell.budget), dt)]
    while waiting:
        one, left = waiting.pop()
        if _live_through(one, left, around, waiting):
            alive.append(one.stored())
    return alive


def _live_through(cell: GermState, left: float, around: Surroundings, waiting: list[tuple[GermState, float]]) -> bool:
    """Advance a cell by `left` days; daughters join `waiting` with theirs. Return whether it lives."""
    support, seed, events, tubule = around.support, around.seed, around.events, around.tubule
    while True:
        stem = cell.step <= steps.A_PALE
        hazard = rules.germ_hazard(cell.step, support, around.p)
        event, elapsed = rules.germ_cell_step(cell.remaining, _ENDLESS if stem else cell.budget, hazard, left)
        if event == rules.LIVES:
            cell.remaining -= left
            if not stem:
                cell.budget -= hazard * left
            return True
        if event == rules.DIES:
            events.deaths[tubule, cell.step] += 1
            return False
        left -= elapsed
        events.completed[tubule, cell.step] += 1
        if stem:
            if not _turn(cell, left, around, waiting):
                events.deaths[tubule, cell.step] += 1
                return False
        elif cell.step == steps.ELONGATED_SPERMATID:
            fate = (
                events.released
                if rules.is_released(seed, cell.lineage, support[steps.SPERMIATION])
                else events.retained
            )
            fate[tubule] += 1
            return False
        else:
            if steps.DAUGHTERS[cell.step] == 2:
                waiting.append((_new(child(cell.lineage, 1), cell.niche, cell.step + 1, around), left))
                cell.lineage = child(cell.lineage, 0)
            _enter(cell, cell.step + 1, around)


def _turn(cell: GermState, left: float, around: Surroundings, waiting: list[tuple[GermState, float]]) -> bool:
    """Turn the cycle of a stem cell: found what it founds. Return whether it is kept."""
    lost, cell.budget, founds = rules.stem_cell_turn(
        around.seed,
        cell.lineage,
        cell.step,
        cell.turn,
        cell.budget,
        around.support[steps.COMMITMENT],
        around.a_pale,
        around.p,
    )
    if lost:
        return False
    if founds:
        rests = cell.step == steps.A_DARK
        for k in range(1 if rests else 2):
            step = steps.A_PALE if rests else steps.B_SPERMATOGONIUM
            waiting.append((_new(child(cell.lineage, 2 * cell.turn + k), cell.niche, step, around), left))
    cell.turn += 1
    cell.remaining = around.p.cycle_days
    return True


def _new(lineage: int, niche: int, step: int, around: Surroundings) -> GermState:
    cell = GermState(lineage, niche, step, 0, 0.0, 0.0)
    _enter(cell, step, around)
    return cell


def _enter(cell: GermState, step: int, around: Surroundings) -> None:
    cell.step = step
    cell.remaining = rules.draw_duration(around.seed, cell.lineage, step, around.p)
    cell.budget = rules.draw_budget(around.seed, cell.lineage, step)
