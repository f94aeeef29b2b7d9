"""The plain engine: every cell a registered Mesa agent with its own state, moved by plain Python rules, one cell at a time.

It gives the same cells as the compiled engine, bit for bit, and any rule can be replaced (see biology/rules.py). So the
state is kept as the columns keep it (times and thresholds rounded to float32 at the end of a day), and the arithmetic
runs on plain Python floats and integers: NumPy's scalars and its powers and sums round differently. Fields between the
cells are no rule of a cell: both engines spread them with the same compiled code.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import mesa
import numpy as np

from testis_abm.biology import steps
from testis_abm.biology.clamp import field_held
from testis_abm.biology.draws import child
from testis_abm.biology.germ import DIES, LIVES, changed
from testis_abm.biology.rules import Rule, with_own
from testis_abm.biology.sertoli import Response
from testis_abm.parameters.tubules import HYALINISED
from testis_abm.support.errors import TestisError
from testis_abm.testis import fields, kernel
from testis_abm.testis.columns import GERM_DTYPES, Columns, Events, GermColumns, segments
from testis_abm.testis.tissue import SETTLED, UNCHANGED

if TYPE_CHECKING:
    from testis_abm.biology.days import BloodDay, TestisDay
    from testis_abm.biology.tissue import TissueParameters
    from testis_abm.testis.tissue import Tissue

State = SimpleNamespace  # of one cell, by the names of the columns
_ROUNDED = [name for name, dtype in GERM_DTYPES.items() if dtype is np.float32]


class PlainCell(mesa.Agent):  # type: ignore[misc]
    """A cell with its state: registered with Mesa, and shown as a view of its columns."""

    state: State

    def __init__(self, model: Any, lineage: int, state: State | None = None) -> None:
        super().__init__(model)
        self.lineage = lineage
        if state is not None:
            self.state = state


def _states(columns: Columns, rows: np.ndarray | slice = slice(None)) -> Iterator[State]:
    names = columns.declared()
    values = [getattr(columns, name)[rows].tolist() for name in names]
    return (State(**dict(zip(names, row, strict=True))) for row in zip(*values, strict=True))


def _write(columns: Columns, agents: list[PlainCell], *names: str) -> None:
    for name in names:
        getattr(columns, name)[:] = [getattr(agent.state, name) for agent in agents]


class ReferenceCells:
    """The engine of plain Mesa agents, with the interface of `CompiledCells`.

    The agents take over the state that the columns of `tissue` hold, before each call what a user can have set in them;
    after each call the columns are written again, so that whatever reads them (reports, views, pictures) serves both
    engines.

    Args:
        model: the Mesa model that registers the agents; has `tissue`.
        tissue: whose cells to take over.
        rules: a user's own, by name, in place of those of biology/rules.py.
    """

    def __init__(self, model: Any, tissue: Tissue, rules: Mapping[str, Rule] | None = None) -> None:
        self.model, self.columns, self.levels, self.rules = model, tissue.columns, tissue.levels, with_own(rules or {})
        germ = self.columns.germ
        self.leydig = [PlainCell(model, lineage) for lineage in self.columns.leydig.lineage.tolist()]
        self.sertoli = [PlainCell(model, lineage) for lineage in self.columns.sertoli.lineage.tolist()]
        lineages = iter(germ.compacted("lineage").tolist())
        self.germ = [
            [PlainCell(model, lineage) for lineage in itertools.islice(lineages, count)]
            for count in germ.count.tolist()
        ]

    def _take(self, agents: Iterable[PlainCell], states: Iterable[State]) -> None:
        for agent, state in zip(agents, states, strict=True):
            agent.state = state

    def _take_sertoli(self) -> None:
        cells = self.columns.sertoli
        self._take(self.sertoli, _states(cells))
        for name in ("rates", "gathered"):
            by_cell = getattr(cells, name)
            for agent, values in zip(
                self.sertoli, by_cell.transpose(0, 2, 1).reshape(-1, by_cell.shape[1]).tolist(), strict=True
            ):
                setattr(agent.state, name, values)

    def _write_sertoli(self, *names: str) -> None:
        """Write what lies by tubule: rates, gathered."""
        for name in names:
            by_cell = np.array([getattr(agent.state, name) for agent in self.sertoli])
            written = getattr(self.columns.sertoli, name)
            written[:] = by_cell.reshape(len(self.germ), -1, written.shape[1]).transpose(0, 2, 1)

    def secrete(self, blood: BloodDay, p: TissueParameters, dt: float) -> None:
        """Advance the Leydig cells; put their testosterone into the sources of the levels."""
        local, free = self.levels.corner_oestradiol.ravel().tolist(), self.levels.scale.oestradiol_free
        sources, rule = [0.0] * len(self.levels.sources), self.rules["leydig.day"]
        for agent in self.leydig:
            cell = agent.state
            cell.capacity, cell.aromatase_expression, cell.testosterone_secretion = rule(
                cell.capacity,
                cell.aromatase_expression,
                cell.size,
                local[cell.corner] * free,
                blood.lh_activity,
                blood.open_lyase,
                p,
                dt,
            )
            sources[cell.corner] += cell.testosterone_secretion
        names = ("capacity", "aromatase_expression", "testosterone_secretion")
        _write(self.columns.leydig, self.leydig, *names)
        self.levels.sources[:] = sources

    def aromatise_leydig(self, blood: BloodDay, p: TissueParameters) -> None:
        """Let the Leydig cells make oestradiol; put it into the sources of the levels."""
        local, free = self.levels.corner_testosterone.ravel().tolist(), self.levels.scale.testosterone_free
        sources = [0.0] * len(self.levels.sources)
        activity, aromatise = self.rules["leydig.aromatase"], self.rules["leydig.aromatise"]
        for agent in self.leydig:
            cell = agent.state
            active = activity(cell.size, cell.aromatase_expression, p)
            cell.oestradiol_secretion = aromatise(active, local[cell.corner] * free, blood.inhibitor, p)
            sources[cell.corner] += cell.oestradiol_secretion
        _write(self.columns.leydig, self.leydig, "oestradiol_secretion")
        self.levels.sources[:] = sources

    def aromatise_niches(self, blood: BloodDay, p: TissueParameters) -> None:
        """Spread testosterone; let each Sertoli cell and its germ cells make oestradiol."""
        cells, levels = self.columns.sertoli, self.levels
        entry, made = levels.entering.testosterone * blood.free_testosterone, levels.from_secretion
        times, added = field_held(kernel.field_mean(levels.sources, made, entry), blood.held_testosterone)
        fields_of = levels.testosterone, levels.corner_testosterone
        self._spread(levels.testosterone_kernel, (made, times), *fields_of)
        for field in fields_of:
            field += entry * times + added
        cells.local_testosterone[:] = levels.testosterone.ravel() * levels.scale.testosterone_free
        activity, aromatise = self.rules["sertoli.aromatase"], self.rules["sertoli.aromatise"]
        for agent, counts, local in zip(self.sertoli, cells.counts, cells.local_testosterone.tolist(), strict=True):
            germ = (int(n) for n in kernel.by_class(counts))
            agent.state.local_testosterone = local
            made = aromatise(activity(*germ, p), local, blood.inhibitor, p)
            agent.state.oestradiol_secretion = 0.0 if agent.state.state == HYALINISED else made
        _write(cells, self.sertoli, "oestradiol_secretion")

    def support(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, dt: float) -> None:
        """Spread oestradiol; advance the Sertoli cells and renew the rates that they set, changed from outside."""
        cells, levels, rules = self.columns.sertoli, self.levels, self.rules
        mean_made = kernel.mean(cells.oestradiol_secretion)
        entry = levels.entering.oestradiol * blood.oestradiol
        mean = kernel.field_mean(levels.sources, levels.from_leydig, entry + mean_made * levels.from_niches)
        times, added = field_held(mean, blood.held_oestradiol)
        fields_of = levels.oestradiol, levels.corner_oestradiol
        self._spread(levels.oestradiol_kernel, (levels.from_leydig, times), *fields_of)
        from_niches = levels.from_niches * times
        levels.corner_oestradiol += mean_made * from_niches
        around = self._around(levels.oestradiol_kernel)
        made, room = cells.oestradiol_secretion.reshape(-1, around) * from_niches, np.empty(3 * around)
        for row, by_niches in zip(levels.oestradiol.reshape(-1, around), made, strict=True):
            fields.ring_field(levels.oestradiol_kernel.ring, by_niches, room, row)
        for field in fields_of:
            field += entry * times + added
        cells.local_oestradiol[:] = levels.oestradiol.ravel() * levels.scale.oestradiol_free
        changes, near = change.tolist(), np.empty(len(self.sertoli))
        kernel.food(cells.counts, levels.oestradiol.shape[1], around, near)
        germ = near.tolist()
        for i, (agent, oestradiol) in enumerate(zip(self.sertoli, cells.local_oestradiol.tolist(), strict=True)):
            cell = agent.state
            testosterone = cell.local_testosterone
            response = Response(cell.androgen, cell.adhesion, cell.fsh, cell.lack)
            response = rules["sertoli.day"](response, testosterone, oestradiol, blood.fsh_iu_l, p, dt)
            cell.androgen, cell.adhesion, cell.fsh, cell.lack = response
            inhibin = rules["sertoli.inhibin"](cell.fsh, germ[i], p)
            cell.inhibin = 0.0 if cell.state == HYALINISED else inhibin
            signals = rules["sertoli.signals"](response, blood.back_pressure, p)
            rates = rules["sertoli.rates"](signals, p)
            cell.rates = [rules["sertoli.ailing"](rate, value, cell.state, p) for rate, value in enumerate(rates)]
            if change.size:
                here = i if change.shape[2] > 1 else 0
                for rate, value in enumerate(cell.rates):
                    cell.rates[rate] = changed(rate, value, changes[0][rate][here], changes[1][rate][here])
        _write(cells, self.sertoli, *Response._fields, "inhibin")
        self._write_sertoli("rates")

    def _spread(
        self, kernels: fields.Kernels, made: tuple[float, float], level: np.ndarray, interstitial: np.ndarray
    ) -> None:
        """Fill in the field of the Leydig cells' steroid at niches and in interstices.

        `made`: nmol/L that a mean source of 1 gives, and what a clamp multiplies it by.
        """
        scale, times = made
        weights, rows = kernels.weights, np.empty((fields.TOGETHER, kernels.weights.of.shape[1]))
        around, sources = self._around(kernels), self.levels.sources
        to_niche = scale * fields.conserving(weights.reach, sources, 0, len(level) * around) * times
        to_interstitium = scale * fields.conserving(weights.reach, sources, 1, interstitial.size) * times
        for tubule in range(len(level)):
            fields.interstitial_fields(tubule, tubule + 1, weights, self.levels.neighbours, sources, rows)
            level[tubule].reshape(-1, around)[:] = rows[0, :around] * to_niche
            interstitial[tubule] = rows[0, around:] * to_interstitium

    def _around(self, kernels: fields.Kernels) -> int:
        """Return the niches around a section."""
        return int(kernels.weights.of.shape[1] - self.levels.corner_testosterone.shape[1])

    def day(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> Events:
        """Let all cells live the `dt` days up to `now`; return what happened to the germ cells."""
        self.soma(blood, p, change, dt)
        return self.live(now, p, dt)

    def settle_soma(self, blood: BloodDay, p: TissueParameters, leydig_weight: float) -> TestisDay:
        """Bring all but the germ cells to their steady state; return what the testes then do."""
        self.soma(blood, p, UNCHANGED, SETTLED)
        return self.columns.report(blood, p, leydig_weight)

    def live_on(self, now: float, p: TissueParameters, days: int) -> tuple[np.ndarray, Events]:
        """Let the germ cells live days after `now` under the present support; return a row of each (GERM_DAY) and the last's events."""
        rows, events = np.zeros(days, kernel.GERM_DAY), Events.none(len(self.germ))
        for day in range(days):
            events = self.live(now + day + 1.0, p, 1.0)
            kernel.tell_day(events.arrays(), self.columns.sertoli.arrays(), rows[day : day + 1])
        return rows, events

    def soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, dt: float) -> None:
        """Advance the Leydig cells, the fields and the Sertoli cells."""
        self._take(self.leydig, _states(self.columns.leydig))
        self._take_sertoli()
        self.secrete(blood, p, dt)
        self.aromatise_niches(blood, p)
        self.aromatise_leydig(blood, p)
        self.support(blood, p, change, dt)

    def live(self, now: float, p: TissueParameters, dt: float) -> Events:
        """Let the germ cells live the `dt` days up to `now`; return what happened."""
        germ, cells = self.columns.germ, self.columns.sertoli
        self._take(itertools.chain.from_iterable(self.germ), _states(germ, germ.rows()))
        events = Events.none(len(self.germ))
        events.progress[:] = kernel.DONE
        cells.a_pale[:] = cells.counts[:, steps.A_PALE]
        self._take_sertoli()
        for agent in self.sertoli:
            hazards = agent.state.rates[steps.HAZARD :]
            agent.state.gathered = [
                counted + hazard * dt for counted, hazard in zip(agent.state.gathered, hazards, strict=True)
            ]
        self._write_sertoli("gathered")
        mean_days = self.rules["germ.durations"](p)
        per = len(self.sertoli) // len(self.germ)
        for tubule, living in enumerate(self.germ):
            around = [
                Surroundings(agent.state, now, p, mean_days, events, tubule, self.rules)
                for agent in self.sertoli[tubule * per : (tubule + 1) * per]
            ]
            # From the last to the first, as in the columns: a cell's first descendant takes its place, the others go
            # behind, and the last fills the place of a cell that is lost.
            for place in range(len(living) - 1, -1, -1):
                agent = living[place]
                after = live_germ_cell(agent.state, around[agent.state.niche])
                if after:
                    living[place] = self._follow(agent, after[0])
                    living += [PlainCell(self.model, state.lineage, state) for state in after[1:]]
                else:
                    agent.remove()
                    last = living.pop()
                    if last is not agent:
                        living[place] = last
        self._count(per)
        self.columns.germ = self.to_columns()
        return events

    def _follow(self, agent: PlainCell, state: State) -> PlainCell:
        """Return the agent of `state`: the same cell, or a daughter in place of her mother."""
        if state.lineage == agent.lineage:
            agent.state = state
            return agent
        agent.remove()
        return PlainCell(self.model, state.lineage, state)

    def _count(self, per: int) -> None:
        counts = np.zeros_like(self.columns.sertoli.counts)
        for tubule, cells in enumerate(self.germ):
            for agent in cells:
                counts[tubule * per + agent.state.niche, agent.state.step] += 1
        self.columns.sertoli.counts[:] = counts

    def to_columns(self) -> GermColumns:
        """Return the germ cells as columns without slack."""
        states = [agent.state for cells in self.germ for agent in cells]
        count = np.array([len(cells) for cells in self.germ], dtype=np.int64)
        columns: dict[str, Any] = {
            name: np.array([getattr(state, name) for state in states], dtype=dtype)
            for name, dtype in GERM_DTYPES.items()
        }
        return GermColumns(**columns, start=segments(count), count=count)


class Surroundings(NamedTuple):
    """What a germ cell lives in for a day.

    Attributes:
        sertoli: what its Sertoli cell sets (`rates`), has counted by now of the hazard of each step (`gathered`), and
            the A-pale of its niche at the end of the day before (`a_pale`).
        now: day at the end.
        p, mean_days: numbers of the tissue; mean duration of each step.
        events, tubule: where to count deaths, completed steps and released sperm.
    """

    sertoli: State
    now: float
    p: TissueParameters
    mean_days: steps.ByStep
    events: Events
    tubule: int
    rules: Mapping[str, Rule]


def live_germ_cell(cell: State, around: Surroundings) -> list[State]:
    """Return what is left of a germ cell at the end of the day: itself, nothing, or daughters."""
    if _event(cell, around)[0] == LIVES:
        return [cell]
    alive: list[State] = []
    waiting = [State(**vars(cell))]
    while waiting:
        one = waiting.pop()
        if _live_through(one, around, waiting):
            vars(one).update({name: float(np.float32(getattr(one, name))) for name in _ROUNDED})
            alive.append(one)
    return alive


def _event(cell: State, around: Surroundings) -> tuple[int, float]:
    gathered, hazard = around.sertoli.gathered[cell.step], around.sertoli.rates[steps.HAZARD + cell.step]
    event: tuple[int, float] = around.rules["germ.next_event"](cell.ends, cell.threshold, gathered, hazard, around.now)
    return event


def _live_through(cell: State, around: Surroundings, waiting: list[State]) -> bool:
    """Let a cell live to the end of the day; daughters join `waiting`. Return whether it lives."""
    events, tubule, last = around.events, around.tubule, -math.inf
    while True:
        event, when = _event(cell, around)
        if event == LIVES:
            return True
        if event == DIES:
            events.deaths[tubule, cell.step] += 1
            return False
        if not last < when <= around.now:  # such a rule would go on for ever
            raise TestisError(
                f"rule 'germ.next_event': COMPLETES on day {when:g}; it must be after what the cell completed last "
                f"(day {last:g}) and not after now (day {around.now:g}); return LIVES until then"
            )
        last = when
        events.completed[tubule, cell.step] += 1
        if cell.step <= steps.A_PALE:
            if not _turn(cell, when, around, waiting):
                events.deaths[tubule, cell.step] += 1
                return False
        elif cell.step == steps.ELONGATED_SPERMATID:
            released = around.rules["germ.is_released"](cell.lineage, around.sertoli.rates[steps.SPERMIATION])
            fate = events.released if released else events.retained
            fate[tubule] += 1
            return False
        else:
            if steps.DAUGHTERS[cell.step] == 2:
                waiting.append(_new(child(cell.lineage, 1), cell.clone, cell.niche, cell.step + 1, when, around))
                cell.lineage = child(cell.lineage, 0)
            _enter(cell, cell.step + 1, when, around)


def _turn(cell: State, when: float, around: Surroundings, waiting: list[State]) -> bool:
    """Turn the cycle of a stem cell: found what it founds. Return whether it is kept."""
    lost, cell.share, founds = around.rules["germ.stem_cell_turn"](
        cell.lineage,
        cell.step,
        cell.turn,
        cell.share,
        around.sertoli.rates[steps.COMMITMENT],
        around.sertoli.a_pale,
        around.p.germ.stem_cell_loss,
    )
    if lost:
        return False
    if founds:
        rests = cell.step == steps.A_DARK
        for k in range(1 if rests else 2):
            step = steps.A_PALE if rests else steps.B_SPERMATOGONIUM
            clone = 0 if rests else around.rules["germ.clone_of"](cell.lineage, cell.clone)
            waiting.append(_new(child(cell.lineage, 2 * cell.clone + k), clone, cell.niche, step, when, around))
        cell.clone += 1
    cell.turn += 1
    cell.ends += around.p.germ.cycle_days
    return True


def _new(lineage: int, clone: int, niche: int, step: int, when: float, around: Surroundings) -> State:
    share = around.rules["germ.first_share"](lineage, step) if step == steps.A_PALE else 0.0
    cell = State(lineage=lineage, niche=niche, step=step, turn=0, share=share, clone=clone)
    _enter(cell, step, when, around)
    return cell


def _enter(cell: State, step: int, when: float, around: Surroundings) -> None:
    numbers = around.p.germ
    days, budget = around.rules["germ.on_entering"](
        cell.lineage, cell.clone, step, around.mean_days, numbers.duration_variation, numbers.clonal_death
    )
    hazard = around.sertoli.rates[steps.HAZARD + step]
    cell.step, cell.ends = step, when + days
    cell.threshold = budget + (around.sertoli.gathered[step] - hazard * (around.now - when))
