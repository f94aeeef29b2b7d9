"""Time the same day of germ cells written in several ways, side by side, on one core.

    python benchmarks/peers.py [--cells 100000] [--repeats 12]

Everywhere a day is this: the hazard of its step adds up, and a cell whose budget is spent dies; one whose step ends draws
duration and budget of the next and, in three of the twelve steps, has a sister; an elongated spermatid leaves; B
spermatogonia are founded so that as many cells come as go. About one cell in six has an event a day. The peers do no more;
testis_abm does all that the column "without" of the others names.

How to read it: "fastest" is claimed for equal biology. Against NumPy columns, compare "germ cells alone"; the whole day of
testis_abm is a richer day. Times are CPU time of the thread, the least of many, and all take turns within one process, so
the last column holds on a busy machine too.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Any, NamedTuple

import mesa
import numpy as np
from figures import living, man_at_rest
from table import aligned
from timing import Work, least_in_turn, threads

from testis_abm.biology import steps
from testis_abm.biology.steps import B_SPERMATOGONIUM, ELONGATED_SPERMATID

# Days of each step and its hazard a day, about those of the reference man; stem cells stay as they are.
DAYS = np.array([1e9, 1e9, 6.0, 2.0, 4.0, 5.5, 17.0, 2.0, 1.0, 8.0, 9.0, 7.0], np.float32)
HAZARD = np.array([0.0, 0.0, 0.017, 0.002, 0.002, 0.002, 0.002, 0.002, 0.55, 0.005, 0.003, 0.003], np.float32)
DIVIDES = steps.DAUGHTERS == 2
FIRST = B_SPERMATOGONIUM


def _at_rest() -> np.ndarray:
    """Return cells of each step that stand for each B spermatogonium founded a day, when as many come as go."""
    entering, standing = 1.0, np.zeros(steps.COUNT)
    for step in range(FIRST, steps.COUNT):
        left = np.exp(-HAZARD[step] * DAYS[step])
        standing[step] = entering * (1.0 - left) / HAZARD[step]
        entering *= left * steps.DAUGHTERS[step]
    return standing


STANDING = _at_rest()
SPREAD = 0.05  # of durations


@dataclass
class Columns:
    """Germ cells as arrays: step (uint8), the day on which it ends and the hazard left until death (float32)."""

    step: np.ndarray
    ends: np.ndarray
    budget: np.ndarray

    @classmethod
    def at_rest(cls, cells: int, rng: np.random.Generator) -> Columns:
        """Return cells of all steps at any moment of them."""
        step = rng.choice(steps.COUNT, cells, p=STANDING / STANDING.sum()).astype(np.uint8)
        return cls(step, DAYS[step] * rng.random(cells, np.float32), rng.standard_exponential(cells, np.float32))

    @classmethod
    def entering(cls, step: np.ndarray, since: np.ndarray, rng: np.random.Generator) -> Columns:
        """Return cells that entered their steps on the days `since`."""
        spread = np.float32(1.0 - SPREAD) + np.float32(2.0 * SPREAD) * rng.random(len(step), np.float32)
        return cls(step, since + DAYS[step] * spread, rng.standard_exponential(len(step), np.float32))

    def day(self, now: float, founded: int, rng: np.random.Generator) -> tuple[np.ndarray, Columns]:
        """Live the day up to `now`, in place; return which cells are gone (mask) and those that are new, so many `founded`."""
        self.budget -= HAZARD[self.step]
        due = self.ends <= now
        gone = (self.budget <= 0.0) | (due & (self.step == ELONGATED_SPERMATID))
        on = np.flatnonzero(due & ~gone)
        before, since = self.step[on], self.ends[on]
        moved = self.entering(before + 1, since, rng)
        self.step[on], self.ends[on], self.budget[on] = moved.step, moved.ends, moved.budget
        divides = DIVIDES[before]
        sisters = self.entering(before[divides] + 1, since[divides], rng)
        fresh = np.full(founded, FIRST, np.uint8)
        return gone, sisters.with_more(self.entering(fresh, np.full(founded, now, np.float32), rng))

    def with_more(self, more: Columns, kept: np.ndarray | slice = slice(None)) -> Columns:
        """Return the `kept` of these cells and more."""
        return Columns(
            *(np.concatenate([own[kept], others]) for own, others in zip(vars(self).values(), vars(more).values()))
        )


def founded(cells: int) -> int:
    """Return the B spermatogonia a day that keep so many cells."""
    return round(cells / STANDING.sum())


class MesaColumns(mesa.Model):
    """NumPy columns under a Mesa model."""

    def __init__(self, cells: int) -> None:
        super().__init__(rng=1)
        self.now, self.founded, self.draws = 0.0, founded(cells), np.random.default_rng(1)
        self.cells = Columns.at_rest(cells, self.draws)

    def step(self) -> None:
        """Live a day."""
        self.now += 1.0
        gone, born = self.cells.day(self.now, self.founded, self.draws)
        self.cells = self.cells.with_more(born, ~gone)


class MesaCell(mesa.Agent):
    """A germ cell as a plain Mesa agent."""

    days, hazard, divides = DAYS.tolist(), HAZARD.tolist(), DIVIDES.tolist()  # lists: faster than arrays one by one

    def __init__(self, model: MesaObjects, stage: int, ends: float, budget: float) -> None:
        super().__init__(model)
        self.stage, self.ends, self.budget = stage, ends, budget

    @classmethod
    def entering(cls, model: MesaObjects, stage: int, since: float) -> None:
        """Add a cell that entered its step on the day `since`."""
        cls(model, stage, since + cls.duration(model, stage), model.random.expovariate(1.0))

    @classmethod
    def duration(cls, model: MesaObjects, stage: int) -> float:
        """Return the days that a cell spends in a step."""
        return cls.days[stage] * model.random.uniform(1.0 - SPREAD, 1.0 + SPREAD)

    def step(self) -> None:
        """Live a day."""
        model = self.model
        self.budget -= self.hazard[self.stage]
        due = self.ends <= model.now
        if self.budget <= 0.0 or (due and self.stage == ELONGATED_SPERMATID):
            self.remove()
        elif due:
            if self.divides[self.stage]:
                model.born.append((self.stage + 1, self.ends))
            self.stage += 1
            self.ends += self.duration(model, self.stage)
            self.budget = model.random.expovariate(1.0)


class MesaObjects(mesa.Model):
    """Germ cells as Mesa agents, one object each."""

    def __init__(self, cells: int) -> None:
        super().__init__(rng=1)
        self.now, self.founded, self.born = 0.0, founded(cells), list[tuple[int, float]]()
        for values in zip(
            *(column.tolist() for column in vars(Columns.at_rest(cells, np.random.default_rng(1))).values())
        ):
            MesaCell(self, *values)

    def step(self) -> None:
        """Live a day."""
        self.now += 1.0
        self.born = []
        self.agents.do("step")
        for stage, since in self.born:
            MesaCell.entering(self, stage, since)
        for _ in range(self.founded):
            MesaCell.entering(self, FIRST, self.now)


def starsim_model(cells: int) -> Any:
    """Return a Starsim simulation whose people are germ cells and whose states are Starsim's arrays."""
    import starsim as ss

    class GermLine(ss.Disease):
        def __init__(self) -> None:
            super().__init__(name="germ_line")
            self.define_states(
                ss.FloatArr("stage", default=FIRST), ss.FloatArr("ends", default=0), ss.FloatArr("budget", default=1)
            )
            self.clock, self.draws = 0.0, np.random.default_rng(1)

        def init_post(self) -> None:
            super().init_post()
            self.put(self.sim.people.auids, Columns.at_rest(cells, self.draws))

        def put(self, who: Any, columns: Columns) -> None:
            self.stage[who], self.ends[who], self.budget[who] = columns.step, columns.ends, columns.budget

        def step(self) -> None:
            self.clock += 1.0
            people = self.sim.people
            who = people.auids
            columns = Columns(self.stage[who].astype(np.uint8), self.ends[who], self.budget[who])
            gone, born = columns.day(self.clock, founded(cells), self.draws)
            self.put(who, columns)
            self.put(people.grow(len(born.step)), born)
            people.request_death(who[gone])

    sim = ss.Sim(people=ss.People(cells), diseases=GermLine(), start=0, dur=ss.days(10_000), dt=ss.days(1), verbose=0)
    sim.init()
    return sim


class Peer(NamedTuple):
    """One way to write the day.

    Attributes:
        name: what it is; without: what of testis_abm's day it leaves out.
        prepare: number of cells -> what is timed, a unit a day of a cell.
        needs: package that only this one needs.
    """

    name: str
    without: str
    prepare: Callable[[int], Work]
    needs: str = ""


def _germ_cells_alone(cells: int) -> Work:
    tissue = man_at_rest(cells).tissue
    return Work(partial(tissue.live_on, 20), 20 * tissue.columns.germ.total)


def _stepping(model: Callable[[int], Any], method: str, days: int) -> Callable[[int], Work]:
    """Return what prepares days of a model, each a call of its method."""

    def prepare(cells: int) -> Work:
        step = getattr(model(cells), method)

        def live() -> None:
            for _ in range(days):
                step()

        return Work(live, days * cells)

    return prepare


_GERM_ONLY = "hormones, fields, Leydig and Sertoli cells, stem cells that divide, lineage, clones, keyed random draws"
OURS = "testis_abm, the whole day"
PEERS = (
    Peer(OURS, "nothing", lambda cells: living(cells, 20)),
    Peer(
        "testis_abm, germ cells alone", "hormones, fields, Leydig cells; Sertoli cells that respond", _germ_cells_alone
    ),
    Peer(
        "testis_abm, reference engine",
        "nothing (plain Mesa agents under the same rules)",
        lambda cells: living(cells, 1, "reference"),
    ),
    Peer("NumPy columns under a Mesa model", _GERM_ONLY, _stepping(MesaColumns, "step", 5)),
    Peer("Starsim, states as arrays", _GERM_ONLY, _stepping(starsim_model, "run_one_step", 5), "starsim"),
    Peer("Mesa objects", _GERM_ONLY, _stepping(MesaObjects, "step", 1)),
)


def installed() -> list[Peer]:
    """Return the peers that can run here; say which cannot."""
    for peer in PEERS:
        if peer.needs and not importlib.util.find_spec(peer.needs):
            print(
                f"{peer.name}: left out, {peer.needs} is not installed (make bench-peers installs it where this Python can have it)"
            )
    return [peer for peer in PEERS if not peer.needs or importlib.util.find_spec(peer.needs)]


def table(peers: list[Peer], spent: Mapping[str, float]) -> None:
    """Print the peers, seconds a unit of each given."""
    rows = [
        (
            peer.name,
            f"{1e9 * spent[peer.name]:,.1f}",
            f"{1e-6 / spent[peer.name]:,.2f}",
            f"{spent[peer.name] / spent[OURS]:,.2f}",
            peer.without,
        )
        for peer in peers
    ]
    aligned(("", "ns a cell-day", "M cell-days/s", "times ours", "without"), rows)


def main() -> None:
    """Let the peers live their days in turn and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=12)
    options = parser.parse_args()
    peers = installed()
    with threads(1):
        spent = least_in_turn({peer.name: peer.prepare(options.cells) for peer in peers}, options.repeats)
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("mesa", "numpy", *(peer.needs for peer in peers if peer.needs))
    )
    print(f"{options.cells:,} germ cells, one core, {packages}")
    table(peers, spent)
    print("\nmesa-frames is not here: its release asks for NumPy 1.26, which this project cannot use.")


if __name__ == "__main__":
    main()
