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
from testis_abm.biology.germ import COMPLETES, DIES, HOLDING_ON, LIVES, changed
from testis_abm.biology.injury import Blow, lives, stage_of
from testis_abm.biology.niche import RENEWED, SET_ASIDE, Around, Turn, next_turn, precedence, pull, share_of_newborn
from testis_abm.biology.rules import Rule, with_own
from testis_abm.biology.sertoli import Response
from testis_abm.parameters.tubules import HYALINISED
from testis_abm.support.errors import TestisError
from testis_abm.testis import fields, injury, kernel
from testis_abm.testis.columns import GERM_DTYPES, Columns, Events, GermColumns, segments
from testis_abm.testis.stem_cells import GONE
from testis_abm.testis.tissue import SETTLED

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
        self.leydig = [PlainCell(model, lineage) for lineage in self.columns.leydig.lineage.tolist()]
        self.sertoli = [PlainCell(model, lineage) for lineage in self.columns.sertoli.lineage.tolist()]
        self.germ = self._agents_of(self.columns.germ)

    def begin_with(self, germ: GermColumns) -> None:
        """Put other germ cells in the place of all that are there."""
        for agent in itertools.chain.from_iterable(self.germ):
            agent.remove()
        self.columns.begin_with(germ)
        self.germ = self._agents_of(germ)

    def _agents_of(self, germ: GermColumns) -> list[list[PlainCell]]:
        lineages = iter(germ.compacted("lineage").tolist())
        return [
            [PlainCell(self.model, lineage) for lineage in itertools.islice(lineages, count)]
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
            testosterone = cell.local_testosterone * blood.open_receptor
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

    def settle_soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, leydig_weight: float) -> TestisDay:
        """Bring all but the germ cells to their steady state; return what the testes then do."""
        self.soma(blood, p, change, SETTLED)
        return self.columns.report(blood, p, leydig_weight)

    def live_on(self, now: float, p: TissueParameters, days: int) -> tuple[np.ndarray, Events]:
        """Let the germ cells live days after `now` under the present support; return a row of each (GERM_DAY) and the last's events."""
        rows, events = np.zeros(days, kernel.GERM_DAY), Events.none(len(self.germ))
        for day in range(days):
            events = self.live(now + day + 1.0, p, 1.0)
            kernel.tell_day(
                events.arrays(), self.columns.sertoli.arrays(), self.columns.levels.shape, rows[day : day + 1]
            )
        return rows, events

    def strike(self, blow: Blow, now: float, wall: injury.Wall) -> None:
        """Let a blow fall upon the cells on day `now`; who lives stays in order."""
        germ, sertoli = self.columns.germ, self.columns.sertoli
        self._take(itertools.chain.from_iterable(self.germ), _states(germ, germ.rows()))
        stage, harm = stage_of(int(now), blow.kind, blow.repeat), blow.harm.tolist()
        injury.strike_sertoli(sertoli, blow, now, wall)
        able = sertoli.able.reshape(len(self.germ), -1).tolist()
        for tubule, living in enumerate(self.germ):
            for agent in living.copy():
                cell = agent.state
                chance = injury.plain_survival(blow, sertoli, (tubule, cell.niche, cell.step), wall)
                if lives(cell.lineage, stage, chance) and able[tubule][cell.niche] > 0.0:
                    cell.injury = float(np.float32(cell.injury + harm[tubule % len(harm)][cell.step]))
                else:
                    living.remove(agent)
                    agent.remove()
        self._count(len(self.sertoli) // len(self.germ))
        self.columns.germ = self.to_columns()

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
        self._take_sertoli()
        for agent in self.sertoli:
            hazards = agent.state.rates[steps.HAZARD : steps.FED]
            agent.state.gathered = [
                counted + hazard * dt for counted, hazard in zip(agent.state.gathered, hazards, strict=True)
            ]
        self._write_sertoli("gathered")
        mean_days = self.rules["germ.durations"](p)
        per = len(self.sertoli) // len(self.germ)
        for tubule, living in enumerate(self.germ):
            around = [
                Surroundings(agent.state, now, dt, p, mean_days, events, tubule, self.rules)
                for agent in self.sertoli[tubule * per : (tubule + 1) * per]
            ]
            wall = Wall(around, cells.counts[tubule * per : (tubule + 1) * per], *self.levels.shape)
            for state in turn_stem_cells([agent.state for agent in living], wall):
                living.append(PlainCell(self.model, state.lineage, state))
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
            whether and when it keeps germ cells (`able`, `blocked_until`).
        now: day at the end of the `dt` days.
        p, mean_days: numbers of the tissue; mean duration of each step.
        events, tubule: where to count deaths, completed steps and released sperm.
    """

    sertoli: State
    now: float
    dt: float
    p: TissueParameters
    mean_days: steps.ByStep
    events: Events
    tubule: int
    rules: Mapping[str, Rule]


def live_germ_cell(cell: State, around: Surroundings) -> list[State]:
    """Return what is left of a germ cell at the end of the day: itself, nothing, or daughters."""
    if cell.ends == GONE:
        return []
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
            if cell.step in HOLDING_ON:
                events.freed[tubule, cell.step] += int(_goes_free(cell, around))
            return False
        if not last < when <= around.now:  # such a rule would go on for ever
            raise TestisError(
                f"rule 'germ.next_event': COMPLETES on day {when:g}; it must be after what the cell completed last "
                f"(day {last:g}) and not after now (day {around.now:g}); return LIVES until then"
            )
        last = when
        events.completed[tubule, cell.step] += 1
        if cell.step == steps.ELONGATED_SPERMATID:
            released = around.rules["germ.is_released"](cell.lineage, around.sertoli.rates[steps.SPERMIATION])
            fate = events.released if released else events.retained
            fate[tubule] += 1
            if released:
                events.injury[tubule] += cell.injury
            return False
        else:
            if steps.DAUGHTERS[cell.step] == 2:
                daughter = State(**{**vars(cell), "lineage": child(cell.lineage, 1)})
                waiting.append(_enter(daughter, cell.step + 1, when, around))
                cell.lineage = child(cell.lineage, 0)
            _enter(cell, cell.step + 1, when, around)


def _goes_free(cell: State, around: Surroundings) -> bool:
    """Return whether a spermatid that dies (germ.HOLDING_ON) goes into the lumen."""
    sertoli, rules, p = around.sertoli, around.rules, around.p
    response = Response(sertoli.androgen, sertoli.adhesion, sertoli.fsh, sertoli.lack)
    androgen = rules["sertoli.signals"](response, 0.0, p).androgen
    rate = steps.HAZARD + cell.step
    stop = rules["sertoli.ailing"](rate, 0.0, sertoli.state, p)
    share = rules["germ.freed_share"](androgen, sertoli.rates[rate], stop, p)
    return bool(rules["germ.is_freed"](cell.lineage, cell.step, share))


def _enter(cell: State, step: int, when: float, around: Surroundings) -> State:
    """Let a cell enter a step, with the duration and the budget that it draws for it; return it."""
    numbers = around.p.germ
    days, budget = around.rules["germ.on_entering"](
        cell.lineage, cell.clone, step, around.mean_days, numbers.duration_variation, numbers.clonal_death
    )
    hazard = around.sertoli.rates[steps.HAZARD + step]
    cell.step, cell.ends = step, when + days
    cell.threshold = budget + (around.sertoli.gathered[step] - hazard * (around.now - when))
    return cell


# ---- stem cells


class Wall(NamedTuple):
    """The niches of a tubule: `length` sections of `around` niches.

    Attributes:
        niches: what a germ cell of each lives in; counts: (niches, steps) germ cells, which follow the turns of stem cells.
    """

    niches: list[Surroundings]
    counts: np.ndarray
    length: int
    around: int

    def is_open(self, niche: int) -> bool:
        """Return whether stem cells turn and settle in a niche today."""
        here = self.niches[niche]
        return bool(here.sertoli.able) and bool(here.sertoli.blocked_until <= here.now - here.dt)

    def nine(self, niche: int) -> Iterator[int]:
        """Yield the niche and those around it, section by section: the ends of the tubule are closed."""
        row, at = divmod(niche, self.around)
        for along in range(max(row - 1, 0), min(row + 2, self.length)):
            for beside in (at - 1, at, at + 1):
                yield along * self.around + beside % self.around

    def felt(self, niche: int) -> Around:
        """Return what a stem cell of a niche feels."""
        a_pale, a_dark, niches, fed = 0.0, 0.0, 0.0, 0.0
        for k in self.nine(niche):
            if self.is_open(k):
                a_pale += int(self.counts[k, steps.A_PALE])
                a_dark += int(self.counts[k, steps.A_DARK])
                niches += 1.0
                fed += self.niches[k].sertoli.rates[steps.FED]
        return Around(a_pale, a_dark, niches, fed)

    def emptiest(self, lineage: int, niche: int) -> int:
        """Return where a daughter born in `niche` knocks: at the open niche with the fewest A-pale, some times over."""
        for move in range(int(self.niches[niche].p.niche.reach)):
            pulls = {k: pull(lineage, move, k) for k in self.nine(niche) if self.is_open(k)}
            fewest = min(int(self.counts[k, steps.A_PALE]) for k in pulls)
            niche = max((k for k in pulls if self.counts[k, steps.A_PALE] == fewest), key=pulls.__getitem__)
        return niche


class Daughter(NamedTuple):
    """A daughter of a stem cell at the door of a niche: her type, where she knocks, and who bore her when."""

    lineage: int
    step: int
    niche: int
    mother: State
    since: float


class Decided(NamedTuple):
    """What a stem cell does at its turn, whether it wakes, and where its daughters of each type knock (-1: none)."""

    does: Turn
    wakes: bool
    knocks: tuple[int, int]


def turn_stem_cells(cells: list[State], wall: Wall) -> list[State]:
    """Let the stem cells of a tubule whose cycle has ended turn; return the cells that they found.

    All decide from the counts of the morning; then daughters enter, see stem_cells.turn_stem_cells.
    """
    turning = []
    for cell in reversed(cells):
        if cell.step <= steps.A_PALE:
            event, when = _event(cell, wall.niches[cell.niche])
            if event == COMPLETES:
                turning.append((cell, when, _decide(cell, wall)))
    knocking: list[Daughter] = []
    born: list[State] = []
    for cell, when, decided in turning:
        _turn(cell, when, decided, wall, born, knocking)
    admitted = [_enters(daughter, knocking, wall) for daughter in knocking]
    for daughter, enters in zip(knocking, admitted, strict=True):
        born += _settle(daughter, wall) if enters else _differentiate(daughter, wall)
    for state in (*born, *(cell for cell, _, _ in turning)):
        vars(state).update({name: float(np.float32(getattr(state, name))) for name in _ROUNDED})
    return born


def _decide(cell: State, wall: Wall) -> Decided | None:
    """Return what a stem cell does; None if its niche is not open."""
    here = wall.niches[cell.niche]
    if not wall.is_open(cell.niche):
        return None
    felt = wall.felt(cell.niche)
    if cell.step == steps.A_DARK:
        lost, wakes = here.rules["niche.a_dark_turn"](cell.lineage, cell.turn, felt, here.p.niche)
        return Decided(Turn(lost, cell.share, False, False, False, False), wakes, (-1, -1))
    commitment = here.sertoli.rates[steps.COMMITMENT]
    does = here.rules["niche.a_pale_turn"](cell.lineage, cell.turn, cell.share, commitment, felt, here.p.niche)
    rests = wall.emptiest(child(cell.lineage, SET_ASIDE + cell.turn), cell.niche) if does.rests else -1
    renews = wall.emptiest(child(cell.lineage, RENEWED + cell.turn), cell.niche) if does.renews else -1
    return Decided(does, False, (rests, renews))


def _turn(
    cell: State, when: float, decided: Decided | None, wall: Wall, born: list[State], knocking: list[Daughter]
) -> None:
    """Let a stem cell do what it has decided: clones that it founds join `born`, daughters `knocking`."""
    here, at, turn = wall.niches[cell.niche], (cell.niche, cell.step), cell.turn
    ends = when + here.p.germ.cycle_days
    if decided is None:
        cell.turn, cell.ends = turn + 1, ends
        return
    does, wakes, knocks = decided
    here.events.completed[here.tubule, cell.step] += 1
    if does.founds:
        born += _found(cell.lineage, cell.clone, cell, when, here)
        cell.clone += 1
    for step in (steps.A_PALE, steps.A_DARK):
        if knocks[step] >= 0:
            lineage = child(cell.lineage, (RENEWED if step == steps.A_PALE else SET_ASIDE) + turn)
            knocking.append(Daughter(lineage, step, knocks[step], cell, when))
    if does.lost or does.leaves:
        here.events.deaths[here.tubule, cell.step] += int(does.lost)
        wall.counts[at] -= 1
        cell.ends = GONE
        return
    cell.turn, cell.share, cell.ends = turn + 1, does.share, ends
    if wakes:
        _enter(cell, steps.A_PALE, when, here)
        cell.ends, cell.share = ends, _share_of_newborn(cell.lineage, here)
        wall.counts[at] -= 1
        wall.counts[cell.niche, steps.A_PALE] += 1


def _share_of_newborn(lineage: int, here: Surroundings) -> float:
    place = here.rules["germ.first_share"](lineage, steps.A_PALE)
    return float(share_of_newborn(place, here.sertoli.rates[steps.COMMITMENT]))


def _found(lineage: int, ordinal: int, mother: State, when: float, here: Surroundings) -> list[State]:
    """Return the two B spermatogonia of the clone `ordinal` of a cell, in the niche and of the founder of `mother`."""
    clone = here.rules["germ.clone_of"](lineage, ordinal)
    common = {
        "niche": mother.niche,
        "founder": mother.founder,
        "injury": mother.injury,
        "turn": 0,
        "share": 0.0,
        "clone": clone,
    }
    pair = (State(lineage=child(lineage, 2 * ordinal + k), **common) for k in range(2))
    return [_enter(state, steps.B_SPERMATOGONIUM, when, here) for state in pair]


def _enters(daughter: Daughter, knocking: list[Daughter], wall: Wall) -> bool:
    """Return whether there is room for a daughter after those who go before her."""
    numbers = wall.niches[daughter.niche].p.niche
    before = sum(
        (other.niche, other.step) == (daughter.niche, daughter.step)
        and precedence(other.lineage) > precedence(daughter.lineage)
        for other in knocking
    )
    most = numbers.most_a_pale if daughter.step == steps.A_PALE else numbers.most_a_dark
    return bool(int(wall.counts[daughter.niche, daughter.step]) + before < most)


def _settle(daughter: Daughter, wall: Wall) -> list[State]:
    """Return a daughter that has entered the niche where she knocked, on its clock."""
    lineage, step, here = daughter.lineage, daughter.step, wall.niches[daughter.niche]
    state = State(lineage=lineage, niche=daughter.niche, founder=daughter.mother.founder, turn=0, share=0.0, clone=0)
    state.injury = daughter.mother.injury
    _enter(state, step, daughter.since, here)
    state.ends = next_turn(here.sertoli.phase, here.p.germ.cycle_days, here.now)
    if step == steps.A_PALE:
        state.share = _share_of_newborn(lineage, here)
    return [state]


def _differentiate(daughter: Daughter, wall: Wall) -> list[State]:
    """Return the clone that a daughter without room founds where she was born."""
    return _found(daughter.lineage, 0, daughter.mother, daughter.since, wall.niches[daughter.mother.niche])
