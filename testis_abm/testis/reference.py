"""The reference engine: every cell a registered Mesa agent with its own state, moved by the plain rules.

It must give the same cells as the compiled engine, bit for bit. So the state is kept as the columns keep it
(times and thresholds rounded to float32 at the end of a day), and the arithmetic runs on plain Python floats and
integers: NumPy's scalars and its powers and sums round differently. Fields between the cells are no rule of a cell:
both engines spread them with the same compiled code.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from testis_abm.agents.cells import PlainCell
from testis_abm.biology import rules, steps
from testis_abm.biology.luck import child
from testis_abm.testis import fields, kernel
from testis_abm.testis.columns import GERM_DTYPES, Events, GermColumns

if TYPE_CHECKING:
    from testis_abm.biology.days import BloodDay
    from testis_abm.biology.rules import TissueParameters
    from testis_abm.testis.tissue import Tissue


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
    rates: list[float]
    gathered: list[float]


@dataclass(slots=True)
class GermState:
    """What a plain germ cell holds."""

    lineage: int
    niche: int
    step: int
    turn: int
    share: float
    clone: int
    ends: float
    threshold: float

    def stored(self) -> GermState:
        """Return the state as the columns store it."""
        share, ends, threshold = (float(np.float32(x)) for x in (self.share, self.ends, self.threshold))
        return GermState(self.lineage, self.niche, self.step, self.turn, share, self.clone, ends, threshold)


class PlainLeydigCell(PlainCell):
    """A Leydig cell with its LeydigState."""


class PlainSertoliCell(PlainCell):
    """A Sertoli cell with its SertoliState."""


class PlainGermCell(PlainCell):
    """A germ cell with its GermState."""


class ReferenceCells:
    """The engine of plain Mesa agents, with the interface of `CompiledCells`.

    The agents take over the state that the columns of `tissue` hold, before each call what a user can have set in them;
    after each call the columns are written again, so that whatever reads them (reports, views, pictures) serves both
    engines.

    Args:
        model: the Mesa model that registers the agents; has `tissue`.
        tissue: whose cells to take over.
    """

    def __init__(self, model: Any, tissue: Tissue) -> None:
        self.model, self.columns, self.levels = model, tissue.columns, tissue.levels
        leydig, sertoli, germ = self.columns.leydig, self.columns.sertoli, self.columns.germ
        self.leydig = [PlainLeydigCell(model, of, None) for of in leydig.lineage.tolist()]
        states = zip(
            sertoli.androgen.tolist(),
            sertoli.oestrogen.tolist(),
            sertoli.fsh.tolist(),
            sertoli.rates.transpose(0, 2, 1).reshape(-1, len(steps.RATES)).tolist(),
            sertoli.gathered.transpose(0, 2, 1).reshape(-1, steps.COUNT).tolist(),
            strict=True,
        )
        self.sertoli = [
            PlainSertoliCell(model, of, SertoliState(*state))
            for of, state in zip(sertoli.lineage.tolist(), states, strict=True)
        ]
        lineages = iter(germ.compacted("lineage").tolist())
        self.germ = [
            [PlainGermCell(model, of, None) for of in itertools.islice(lineages, count)]
            for count in germ.count.tolist()
        ]

    def _take_leydig(self) -> None:
        of = self.columns.leydig
        columns = (of.corner, of.size, of.capacity, of.expression, of.testosterone, of.oestradiol)
        for agent, *state in zip(self.leydig, *(column.tolist() for column in columns), strict=True):
            agent.state = LeydigState(*state)

    def _take_germ(self) -> None:
        columns = (self.columns.germ.compacted(name).tolist() for name in GERM_DTYPES)
        for agent, *state in zip(itertools.chain.from_iterable(self.germ), *columns, strict=True):
            agent.state = GermState(*state)

    def secrete(self, blood: BloodDay, p: TissueParameters, dt: float) -> None:
        """Advance the Leydig cells; put their testosterone into the sources of the levels."""
        at_corner, free = self.levels.corner_oestradiol.ravel().tolist(), self.levels.scale.oestradiol_free
        sources = [0.0] * len(self.levels.sources)
        for agent in self.leydig:
            cell = agent.state
            cell.capacity, cell.expression, cell.testosterone = rules.leydig_day(
                cell.capacity,
                cell.expression,
                cell.size,
                at_corner[cell.corner] * free,
                blood.lh_activity,
                blood.open_lyase,
                p,
                dt,
            )
            sources[cell.corner] += cell.testosterone
        written = self.columns.leydig
        written.capacity[:] = [agent.state.capacity for agent in self.leydig]
        written.expression[:] = [agent.state.expression for agent in self.leydig]
        written.testosterone[:] = [agent.state.testosterone for agent in self.leydig]
        self.levels.sources[:] = sources

    def aromatise_leydig(self, blood: BloodDay, p: TissueParameters) -> None:
        """Let the Leydig cells make oestradiol; put it into the sources of the levels."""
        at_corner, free = self.levels.corner_testosterone.ravel().tolist(), self.levels.scale.testosterone_free
        sources = [0.0] * len(self.levels.sources)
        for agent in self.leydig:
            cell = agent.state
            activity = p.leydig_aromatase * p.leydig_secretion * cell.size * cell.expression
            cell.oestradiol = rules.aromatise(activity, at_corner[cell.corner] * free, blood.inhibitor, p)
            sources[cell.corner] += cell.oestradiol
        self.columns.leydig.oestradiol[:] = [agent.state.oestradiol for agent in self.leydig]
        self.levels.sources[:] = sources

    def aromatise_niches(self, blood: BloodDay, p: TissueParameters) -> None:
        """Spread testosterone; let each Sertoli cell and its germ cells make oestradiol."""
        cells, of = self.columns.sertoli, self.levels
        entry = of.entry(blood.free_testosterone)
        self._spread(of.testosterone_kernel, of.from_secretion, of.testosterone, of.corner_testosterone)
        of.testosterone += entry
        of.corner_testosterone += entry
        cells.local_testosterone[:] = of.testosterone.ravel() * of.scale.testosterone_free
        made = []
        for counts, testosterone in zip(cells.counts.tolist(), cells.local_testosterone.tolist(), strict=True):
            activity = rules.niche_aromatase(sum(counts[3:9]), counts[9], sum(counts[10:]), p)
            made.append(rules.aromatise(activity, testosterone, blood.inhibitor, p))
        cells.oestradiol_made[:] = made

    def support(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, dt: float) -> None:
        """Spread oestradiol; advance the Sertoli cells and renew the rates that they set, changed from outside."""
        written, of = self.columns.sertoli, self.levels
        mean_made = kernel.mean(written.oestradiol_made)
        self._spread(of.oestradiol_kernel, of.from_leydig, of.oestradiol, of.corner_oestradiol)
        of.corner_oestradiol += mean_made * of.from_niches
        niches = of.oestradiol.shape[1]
        made, around = written.oestradiol_made.reshape(-1, niches) * of.from_niches, np.empty(3 * niches)
        for row, by_niches in zip(of.oestradiol, made, strict=True):
            fields.ring_field(of.oestradiol_kernel.ring, by_niches, around, row)
        written.local_oestradiol[:] = of.oestradiol.ravel() * of.scale.oestradiol_free
        local = zip(written.local_testosterone.tolist(), written.local_oestradiol.tolist(), strict=True)
        changes = change.tolist()
        for i, (agent, (testosterone, oestradiol)) in enumerate(zip(self.sertoli, local, strict=True)):
            cell = agent.state
            cell.androgen, cell.oestrogen, cell.fsh = rules.sertoli_day(
                cell.androgen, cell.oestrogen, cell.fsh, testosterone, oestradiol, blood.fsh_iu_l, p, dt
            )
            given = rules.sertoli_support(cell.androgen, cell.oestrogen, cell.fsh, blood.back_pressure, p)
            cell.rates = list(rules.sertoli_rates(given, p))
            if change.size:
                here = i if change.shape[2] > 1 else 0
                for rate, value in enumerate(cell.rates):
                    cell.rates[rate] = rules.changed(rate, value, changes[0][rate][here], changes[1][rate][here])
        written.androgen[:] = [agent.state.androgen for agent in self.sertoli]
        written.oestrogen[:] = [agent.state.oestrogen for agent in self.sertoli]
        written.fsh[:] = [agent.state.fsh for agent in self.sertoli]
        written.inhibin[:] = [rules.inhibin_output(agent.state.fsh, p) for agent in self.sertoli]
        by_cell = np.array([agent.state.rates for agent in self.sertoli])
        written.rates[:] = by_cell.reshape(-1, niches, len(steps.RATES)).transpose(0, 2, 1)

    def _spread(self, kernels: fields.Kernels, scale: float, level: np.ndarray, at_corner: np.ndarray) -> None:
        """Fill in the field of the Leydig cells' steroid at niches and corners."""
        of, row = kernels.weights, np.empty(kernels.weights.of.shape[1])
        niches = level.shape[1]
        to_niche = scale * fields.conserving(of.reach, self.levels.sources, 0, level.size)
        to_corner = scale * fields.conserving(of.reach, self.levels.sources, 1, at_corner.size)
        for tubule in range(len(level)):
            fields.corner_field(tubule, of, self.levels.neighbours, self.levels.sources, row)
            level[tubule], at_corner[tubule] = row[:niches] * to_niche, row[niches:] * to_corner

    def day(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> Events:
        """Let all cells live the `dt` days up to `now`; return what happened to the germ cells."""
        self.soma(blood, p, change, dt)
        return self.live(now, p, dt)

    def soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, dt: float) -> None:
        """Advance the Leydig cells, the fields and the Sertoli cells."""
        self._take_leydig()
        self.secrete(blood, p, dt)
        self.aromatise_niches(blood, p)
        self.aromatise_leydig(blood, p)
        self.support(blood, p, change, dt)

    def live(self, now: float, p: TissueParameters, dt: float) -> Events:
        """Let the germ cells live the `dt` days up to `now`; return what happened."""
        self._take_germ()
        events = Events.none(len(self.germ))
        written = self.columns.sertoli
        written.a_pale[:] = written.counts[:, steps.A_PALE]
        for agent in self.sertoli:
            hazards = agent.state.rates[steps.HAZARD :]
            agent.state.gathered = [
                sum_ + hazard * dt for sum_, hazard in zip(agent.state.gathered, hazards, strict=True)
            ]
        by_cell = np.array([agent.state.gathered for agent in self.sertoli])
        written.gathered[:] = by_cell.reshape(len(self.germ), -1, steps.COUNT).transpose(0, 2, 1)
        mean_days = [rules.mean_duration(step, p) for step in range(steps.COUNT)]
        per = len(self.sertoli) // len(self.germ)
        for tubule, cells in enumerate(self.germ):
            around = [
                Surroundings(agent.state.rates, agent.state.gathered, a_pale, now, p, mean_days, events, tubule)
                for agent, a_pale in zip(
                    self.sertoli[tubule * per : (tubule + 1) * per],
                    written.a_pale[tubule * per : (tubule + 1) * per].tolist(),
                    strict=True,
                )
            ]
            # From the last to the first, as in the columns: a cell's first descendant takes its place, the others go
            # behind, and the last fills the place of a cell that is lost.
            for place in range(len(cells) - 1, -1, -1):
                agent = cells[place]
                after = live_germ_cell(agent.state, around[agent.state.niche])
                if after:
                    cells[place] = self._follow(agent, after[0])
                    cells += [PlainGermCell(self.model, state.lineage, state) for state in after[1:]]
                else:
                    agent.remove()
                    last = cells.pop()
                    if last is not agent:
                        cells[place] = last
        self._count(per)
        self.columns.germ = self.to_columns()
        return events

    def _follow(self, agent: PlainGermCell, state: GermState) -> PlainGermCell:
        """Return the agent of `state`: the same cell, or a daughter in place of her mother."""
        if state.lineage == agent.lineage:
            agent.state = state
            return agent
        agent.remove()
        return PlainGermCell(self.model, state.lineage, state)

    def _count(self, per: int) -> None:
        counts = [[0] * steps.COUNT for _ in self.sertoli]
        for tubule, cells in enumerate(self.germ):
            for agent in cells:
                counts[tubule * per + agent.state.niche][agent.state.step] += 1
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
        rates, gathered: what its Sertoli cell sets (steps.RATES), and the hazard of each step that it has counted by now.
        a_pale: A-pale in its niche at the end of the day before.
        now: day at the end.
        p, mean_days: numbers of the tissue; mean duration of each step.
        events, tubule: where to count deaths, completed steps and released sperm.
    """

    rates: list[float]
    gathered: list[float]
    a_pale: int
    now: float
    p: TissueParameters
    mean_days: list[float]
    events: Events
    tubule: int


def live_germ_cell(cell: GermState, around: Surroundings) -> list[GermState]:
    """Return what is left of a germ cell at the end of the day: itself, nothing, or daughters."""
    if _event(cell, around)[0] == rules.LIVES:
        return [cell]
    alive: list[GermState] = []
    waiting = [
        GermState(cell.lineage, cell.niche, cell.step, cell.turn, cell.share, cell.clone, cell.ends, cell.threshold)
    ]
    while waiting:
        one = waiting.pop()
        if _live_through(one, around, waiting):
            alive.append(one.stored())
    return alive


def _event(cell: GermState, around: Surroundings) -> tuple[int, float]:
    event: tuple[int, float] = rules.next_event(
        cell.ends, cell.threshold, around.gathered[cell.step], around.rates[steps.HAZARD + cell.step], around.now
    )
    return event


def _live_through(cell: GermState, around: Surroundings, waiting: list[GermState]) -> bool:
    """Let a cell live to the end of the day; daughters join `waiting`. Return whether it lives."""
    events, tubule = around.events, around.tubule
    while True:
        event, when = _event(cell, around)
        if event == rules.LIVES:
            return True
        if event == rules.DIES:
            events.deaths[tubule, cell.step] += 1
            return False
        events.completed[tubule, cell.step] += 1
        if cell.step <= steps.A_PALE:
            if not _turn(cell, when, around, waiting):
                events.deaths[tubule, cell.step] += 1
                return False
        elif cell.step == steps.ELONGATED_SPERMATID:
            released = rules.is_released(cell.lineage, around.rates[steps.SPERMIATION])
            fate = events.released if released else events.retained
            fate[tubule] += 1
            return False
        else:
            if steps.DAUGHTERS[cell.step] == 2:
                waiting.append(_new(child(cell.lineage, 1), cell.clone, cell.niche, cell.step + 1, when, around))
                cell.lineage = child(cell.lineage, 0)
            _enter(cell, cell.step + 1, when, around)


def _turn(cell: GermState, when: float, around: Surroundings, waiting: list[GermState]) -> bool:
    """Turn the cycle of a stem cell: found what it founds. Return whether it is kept."""
    lost, cell.share, founds = rules.stem_cell_turn(
        cell.lineage, cell.step, cell.turn, cell.share, around.rates[steps.COMMITMENT], around.a_pale, around.p
    )
    if lost:
        return False
    if founds:
        rests = cell.step == steps.A_DARK
        for k in range(1 if rests else 2):
            step = steps.A_PALE if rests else steps.B_SPERMATOGONIUM
            clone = 0 if rests else rules.clone_of(cell.lineage, cell.clone)
            waiting.append(_new(child(cell.lineage, 2 * cell.clone + k), clone, cell.niche, step, when, around))
        cell.clone += 1
    cell.turn += 1
    cell.ends += around.p.cycle_days
    return True


def _new(lineage: int, clone: int, niche: int, step: int, when: float, around: Surroundings) -> GermState:
    share = rules.first_share(lineage, step) if step == steps.A_PALE else 0.0
    cell = GermState(lineage, niche, step, 0, share, clone, 0.0, 0.0)
    _enter(cell, step, when, around)
    return cell


def _enter(cell: GermState, step: int, when: float, around: Surroundings) -> None:
    days, budget = rules.on_entering(
        cell.lineage, cell.clone, step, around.mean_days, around.p.duration_variation, around.p.clonal_death
    )
    hazard = around.rates[steps.HAZARD + step]
    cell.step, cell.ends = step, when + days
    cell.threshold = budget + (around.gathered[step] - hazard * (around.now - when))
