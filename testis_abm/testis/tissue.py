"""One man's tissue through time: Leydig secretion, fields, aromatase, Sertoli support, germ cells, day by day."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Any, Protocol

import numpy as np

from testis_abm.biology import steps
from testis_abm.biology.days import TESTIS, BloodDay, TestisDay
from testis_abm.biology.germ import durations
from testis_abm.biology.injury import Blow
from testis_abm.biology.readouts import READOUTS
from testis_abm.biology.rules import RULES, Rule
from testis_abm.biology.stages import NONE, Clock
from testis_abm.biology.tissue import TissueParameters, as_array, from_array, with_aromatase
from testis_abm.choices import PATCHES
from testis_abm.parameters.tubules import tubules as tubules_of
from testis_abm.testis import build, injury, kernel
from testis_abm.testis.changes import UNCHANGED
from testis_abm.testis.columns import CellArrays, Events, GermColumns, LeydigColumns, SertoliColumns
from testis_abm.testis.geometry import Geometry
from testis_abm.testis.kinds import FURTHER
from testis_abm.testis.levels import Levels
from testis_abm.testis.survey import survey
from testis_abm.testis.threads import Crew, together

SETTLED = 1e6  # days: long enough that every first-order response has arrived
LIFE_DAYS = 70  # longer than a clone lives from its founding to release


_SPREAD = 1.1  # of a life over its mean, at most
_NO_BLOOD = BloodDay(0.0, 0.0, 0.0, 0.0, 0.0)


class Cells(Protocol):
    """An engine: the cells and the rules that move them (compiled columns, or plain Mesa agents)."""

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Return the rules of the cells by name."""

    def begin_with(self, germ: GermColumns) -> None:
        """Put other germ cells in the place of all that are there."""

    def day(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> Events:
        """Let all cells live the `dt` days up to `now`; return what happened to the germ cells."""

    def settle_soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, leydig_weight: float) -> TestisDay:
        """Bring all but the germ cells to their steady state; return what the testes then do."""

    def live_on(self, now: float, p: TissueParameters, days: int) -> tuple[np.ndarray, Events]:
        """Let the germ cells live days after `now` under the present support; return a row of each (GERM_DAY) and the last's events."""

    def strike(self, blow: Blow, now: float, wall: injury.Wall) -> None:
        """Let a blow fall upon the cells on day `now`."""


# As the compiled loops take them.
numbers_of = lru_cache(maxsize=8)(as_array)


class CompiledCells:
    """The cells as columns, moved by compiled loops."""

    leydig: LeydigColumns
    sertoli: SertoliColumns
    germ: GermColumns
    rules: Mapping[str, Rule] = RULES

    def __init__(self, leydig: LeydigColumns, sertoli: SertoliColumns, germ: GermColumns, levels: Levels) -> None:
        self.leydig, self.sertoli, self.germ, self.levels = leydig, sertoli, germ, levels

    def begin_with(self, germ: GermColumns) -> None:
        """Put other germ cells in the place of all that are there."""
        self.germ = germ
        kernel.count_steps(germ.arrays(), self.sertoli.counts)

    def arrays(self) -> CellArrays:
        """Return the cells as a kernel takes them."""
        return CellArrays(self.leydig.arrays(), self.sertoli.arrays(), self.germ.arrays())

    def day(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> Events:
        """Let all cells live the `dt` days up to `now`; return what happened to the germ cells."""
        today, events = self.today(blood, p, change, now, dt), Events.none(len(self.germ.count))
        done = self.together(partial(kernel.whole_day, self.arrays(), self.levels.arrays(), today, events.arrays()))
        while not done:
            self.give_room(events)
            done = self.together(partial(kernel.germ_cells, self.arrays(), today, events.arrays(), self.levels.shape))
        return events

    def settle_soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, leydig_weight: float) -> TestisDay:
        """Bring all but the germ cells to their steady state; return what the testes then do."""
        today, made = self.today(blood, p, change, 0.0, SETTLED), np.zeros(1, TESTIS)
        arrays, events = (self.arrays(), self.levels.arrays()), Events.none(len(self.germ.count)).arrays()
        self.together(partial(kernel.settle_soma, *arrays, today, events, leydig_weight, made))
        return TestisDay(*made[0].item())

    def live_on(self, now: float, p: TissueParameters, days: int) -> tuple[np.ndarray, Events]:
        """Let the germ cells live days after `now` under the present support; return a row of each (GERM_DAY) and the last's events."""
        today, rows = self.today(_NO_BLOOD, p, UNCHANGED, now, 1.0), np.zeros(days, kernel.GERM_DAY)
        day, events = 0, Events.none(len(self.germ.count))
        while True:
            begun = bool((events.progress != kernel.NOT_BEGUN).any())
            day = self.together(
                partial(kernel.germ_days, self.arrays(), today, events.arrays(), self.levels.shape, rows, day, begun)
            )
            if day == days:
                return rows, events
            self.give_room(events)

    def strike(self, blow: Blow, now: float, wall: injury.Wall) -> None:
        """Let a blow fall upon the cells on day `now`."""
        injury.strike(self.germ, self.sertoli, blow, now, wall)
        kernel.count_steps(self.germ.arrays(), self.sertoli.counts)

    def report(self, blood: BloodDay, p: TissueParameters, leydig_weight: float) -> TestisDay:
        """Return what the testes did in a day (see kernel.report)."""
        today, made = self.today(blood, p, UNCHANGED, 0.0, 1.0), np.zeros(1, TESTIS)
        kernel.report_day(self.arrays(), self.levels.arrays(), today, leydig_weight, made)
        return TestisDay(*made[0].item())

    def today(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> kernel.Today:
        """Return what is the same for all cells, as a kernel takes it."""
        return kernel.Today(blood, self.levels.entering, float(now), float(dt), change, numbers_of(p))

    def give_room(self, events: Events) -> None:
        """Give room to the tubules that have run out of it within a day of such `events`, and to those that will next."""
        room = np.diff(self.germ.start)
        crowded = (events.progress != kernel.DONE) | (room - self.germ.count < 2 * kernel.ROOM)
        self.germ.grow(np.where(crowded, room + room // 4 + 2 * kernel.ROOM, room))

    def together(self, work: Callable[[Crew], Any]) -> Any:
        """Call compiled `work` on the threads that share a tissue of this size; return what the first returns."""
        return together(work, len(self.germ.count), self.germ.total)


class Tissue:
    """The tissue of one man.

    Args:
        values: dotted parameter name -> value.
        man: physiology field -> value.
        tubules: their number; sertoli_per_tubule: Sertoli cells around a section of each.
        seed: of every draw.
        rows: sections along each tubule.
        stages: how the stages of the cycle lie along them, of choices.STAGE_LAYOUTS.

    Attributes:
        now: days lived since the stem cells were placed; cells end their steps on days of this clock.
        p: numbers of the tissue.
        shares: of the man's tubules in each state (tubules.Tubules), of which those of the tissue are a sample.
        clock: reads the stage of a niche off the phase of its clock.
    """

    geometry: Geometry
    levels: Levels
    columns: CompiledCells
    p: TissueParameters

    def __init__(
        self,
        values: Mapping[str, float],
        man: Mapping[str, float],
        tubules: int,
        sertoli_per_tubule: int,
        seed: int,
        rows: int = 1,
        stages: str = PATCHES,
    ) -> None:
        self.geometry = build.build_geometry(values, tubules, sertoli_per_tubule, rows)
        self.seed = seed
        self.now = 0.0
        actual = build.leydig_count(values, self.geometry)
        ideal = values["tissue.leydig_per_sertoli"] * self.sertoli_count
        self.p, self.scale = build.tissue_parameters(values, man, 1.0)
        self.clock = Clock.of(values, self.p)
        self.leydig_weight = float(ideal / actual)
        self.levels = Levels(values, self.geometry, self.scale, actual, self.leydig_weight)
        self.shares = tubules_of(man)
        sertoli = build.build_sertoli(
            values, self.geometry, seed, self.p, self.shares, stages=stages, lesion_length=man["lesion_length"]
        )
        fed, commitment = np.full((2, self.sertoli_count), [[self.p.niche.a_pale_room], [self.p.germ.commitment]])
        germ = build.build_germ(self.geometry, sertoli, seed, fed, commitment, self.p)
        leydig = build.build_leydig(values, self.geometry, seed, man["leydig_patches"])
        self.columns = CompiledCells(leydig, sertoli, germ, self.levels)
        self.cells: Cells = self.columns
        for kind in FURTHER:
            setattr(self.columns, kind.name, kind.build(self))  # type: ignore[misc]
        kernel.count_steps(germ.arrays(), sertoli.counts)
        self.events = Events.none(tubules)

    @property
    def sertoli_count(self) -> int:
        """Return the number of simulated Sertoli cells."""
        return self.geometry.tubules * self.geometry.sertoli_per_tubule

    @property
    def present_count(self) -> int:
        """Return the number of simulated Sertoli cells of the testes that are there; of both where none is."""
        return int(self.columns.sertoli.present.sum()) or self.sertoli_count

    @property
    def testosterone(self) -> np.ndarray:
        """Return total testosterone at each niche, nmol/L, (tubules, niches)."""
        return self.levels.testosterone

    @property
    def oestradiol(self) -> np.ndarray:
        """Return total oestradiol at each niche, nmol/L, (tubules, niches)."""
        return self.levels.oestradiol

    def day(self, blood: BloodDay, p: TissueParameters | None = None, change: np.ndarray = UNCHANGED) -> TestisDay:
        """Advance the tissue by one day under `blood`.

        Args:
            blood: what it brings.
            p: numbers of the tissue today, if not its own.
            change: (2, steps.RATES, 1 or sertoli), factors of and additions to the rates that Sertoli cells set.
        """
        blood = BloodDay(*map(float, blood))  # compiled code is made for floats
        p = self.p if p is None else p
        if blood.aromatase_left != 1.0:
            p = from_array(with_aromatase(numbers_of(p), blood.aromatase_left))
        self.now += 1.0
        self.events = self.cells.day(blood, p, change, self.now, 1.0)
        self._further(p, 1.0)
        return self.columns.report(blood, p, self.leydig_weight)

    def settle_soma(
        self, blood: BloodDay, p: TissueParameters | None = None, change: np.ndarray = UNCHANGED
    ) -> TestisDay:
        """Bring Leydig and Sertoli cells and fields to their steady state under `blood` (p, change: see day)."""
        blood = BloodDay(*map(float, blood))
        p = self.p if p is None else p
        made = self.cells.settle_soma(blood, p, change, self.leydig_weight)
        self._further(p, SETTLED)
        return made

    def live_on(self, days: int, p: TissueParameters | None = None) -> np.ndarray:
        """Let the germ line live under the present support, its hormones standing still; return a row of each day (GERM_DAY).

        A clone lives under 60 days from its founding to release, and stem cells start at even phases and shares: after
        `LIFE_DAYS` every living clone's history has been replayed and the germ line is stationary, as far as numbers and
        shares of stem cells and support were when it began.
        """
        rows, self.events = self.cells.live_on(self.now, self.p if p is None else p, days)
        self.now += days
        return rows

    def settle_germ_line(self, p: TissueParameters | None = None) -> None:
        """Bring the germ line to its stationary state under the present support (p: see day).

        The first time, each niche is given the stem cells that it feeds now: from one each they would take a year.
        """
        p = self.p if p is None else p
        if self.now == 0.0:
            sertoli = self.columns.sertoli
            fed, commitment = (sertoli.rates[:, rate].ravel() for rate in (steps.FED, steps.COMMITMENT))
            germ = build.build_germ(self.geometry, sertoli, self.seed, fed, commitment, p)
            build.give_room(germ, self.geometry.sertoli_per_tubule, p)
            self.cells.begin_with(germ)
        longest = math.ceil(_SPREAD * sum(durations(p)[steps.B_SPERMATOGONIUM :]))
        self.live_on(max(LIFE_DAYS, longest), p)

    def expect_germ_line(self, p: TissueParameters | None = None) -> None:
        """Let Sertoli cells count, before the germ line has lived, the germ cells that their present support would keep.

        So that hormones are near where they stay when it begins to live.
        """
        self.columns.sertoli.counts[:] = build.expected_counts(self.columns.sertoli, self.p if p is None else p)

    def strike(self, blow: Blow) -> None:
        """Let a blow fall upon the cells this morning."""
        self.cells.strike(blow, self.now, self._wall())

    def _wall(self) -> injury.Wall:
        niche = self.p.niche
        return injury.Wall(self.geometry.length, self.geometry.around, float(niche.a_pale_room * niche.a_pale_present))

    def _further(self, p: TissueParameters, dt: float) -> None:
        for kind in FURTHER:
            if kind.day:
                kind.day(self, p, dt)

    def survey(self, pressure: float, p: TissueParameters | None = None) -> np.ndarray:
        """Return what is read of the cells now, (1, READOUTS) (see readouts.named).

        Args:
            pressure: of fluid in the tract.
            p: numbers of the tissue today, if not its own.
        """
        found, numbers = np.zeros((1, len(READOUTS))), numbers_of(self.p if p is None else p)
        survey(self.columns.arrays(), self.levels.arrays().oestradiol, float(pressure), numbers, found[0])
        return found

    def stages(self) -> np.ndarray:
        """Return the stage of the cycle of each niche by its clock, 0 (I) to 5 (VI), (tubules, rows along, around).

        The clock goes on where no germ cells are; what an eye could tell is `stages_shown`.
        """
        geometry = self.geometry
        found = self.clock.stage_at(self.columns.sertoli.phase, self.now)
        return found.reshape(geometry.tubules, geometry.length, geometry.around)

    def stages_shown(self) -> np.ndarray:
        """Return the stage that the germ cells of each niche show, as `stages`; stages.NONE where it has none."""
        found = self.stages()
        return np.where(self.columns.sertoli.counts.any(axis=1).reshape(found.shape), found, np.int8(NONE))

    def germ_cells(self, counts: np.ndarray) -> tuple[np.ndarray, float]:
        """Return germ cells per Sertoli cell of the testes that are there, of `counts` (..., steps), and what share of them is."""
        there = float(self.columns.sertoli.present.mean())
        return np.asarray(counts.sum(axis=-1) / (self.sertoli_count * there or 1.0)), there

    def counts(self) -> np.ndarray:
        """Return germ cells by step, int64 (steps,)."""
        return np.asarray(kernel.step_totals(self.columns.sertoli.counts))
