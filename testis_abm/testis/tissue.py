"""One man's tissue through time: Leydig secretion, fields, aromatase, Sertoli support, germ cells, day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache, partial
from typing import Protocol

import numpy as np

from testis_abm.biology import steps
from testis_abm.biology.days import BloodDay, TestisDay
from testis_abm.biology.rules import RULES, Rule
from testis_abm.biology.tissue import TissueParameters, as_array
from testis_abm.testis import build, kernel
from testis_abm.testis.columns import CellArrays, Events, GermColumns, LeydigColumns, SertoliColumns
from testis_abm.testis.geometry import Geometry
from testis_abm.testis.kinds import FURTHER
from testis_abm.testis.levels import Levels
from testis_abm.testis.threads import over_tubules, sharing

_SETTLED = 1e6  # days: long enough that every first-order response has arrived
LIFE_DAYS = 70  # longer than a clone lives from its founding to release


# What comes from outside when nothing does: no factor of, no addition to any rate.
UNCHANGED = np.zeros((2, len(steps.RATES), 0))
_NO_BLOOD = BloodDay(0.0, 0.0, 0.0, 0.0, 0.0)


class Cells(Protocol):
    """An engine: the cells and the rules that move them (compiled columns, or plain Mesa agents)."""

    @property
    def rules(self) -> Mapping[str, Rule]:
        """Return the rules of the cells by name."""

    def day(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> Events:
        """Let all cells live the `dt` days up to `now`; return what happened to the germ cells."""

    def soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, dt: float) -> None:
        """Advance the Leydig cells, the fields and the Sertoli cells, whose rates are changed from outside."""

    def live(self, now: float, p: TissueParameters, dt: float) -> Events:
        """Let the germ cells live the `dt` days up to `now`; return what happened."""


# As the compiled loops take them.
_numbers = lru_cache(maxsize=8)(as_array)


class CompiledCells:
    """The cells as columns, moved by compiled loops."""

    leydig: LeydigColumns
    sertoli: SertoliColumns
    germ: GermColumns
    rules: Mapping[str, Rule] = RULES

    def __init__(self, leydig: LeydigColumns, sertoli: SertoliColumns, germ: GermColumns, levels: Levels) -> None:
        self.leydig, self.sertoli, self.germ, self.levels = leydig, sertoli, germ, levels

    def arrays(self) -> CellArrays:
        """Return the cells as a kernel takes them."""
        return CellArrays(self.leydig.arrays(), self.sertoli.arrays(), self.germ.arrays())

    def day(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> Events:
        """Let all cells live the `dt` days up to `now`; return what happened to the germ cells."""
        today, events = self._today(blood, p, change, now, dt), Events.none(len(self.germ.count))
        if sharing(*self._size()) > 1:
            self._soma(today, events, lives=True)
        elif kernel.whole_day(self.arrays(), self.levels.arrays(), today, events.arrays()):
            return events
        return self._live_on(today, events)

    def soma(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, dt: float) -> None:
        """Advance the Leydig cells, the fields and the Sertoli cells, whose rates are changed from outside."""
        self._soma(self._today(blood, p, change, 0.0, dt), Events.none(len(self.germ.count)), lives=False)

    def live(self, now: float, p: TissueParameters, dt: float) -> Events:
        """Let the germ cells live the `dt` days up to `now`; return what happened."""
        today, events = self._today(_NO_BLOOD, p, UNCHANGED, now, dt), Events.none(len(self.germ.count))
        self._live(today, events)
        return self._live_on(today, events)

    def _today(self, blood: BloodDay, p: TissueParameters, change: np.ndarray, now: float, dt: float) -> kernel.Today:
        entry = self.levels.entry(blood.free_testosterone)
        return kernel.Today(blood, float(entry), float(now), float(dt), change, _numbers(p))

    def _soma(self, today: kernel.Today, events: Events, *, lives: bool) -> None:
        cells, steroids = self.arrays(), self.levels.arrays()
        kernel.secrete(cells.leydig, steroids, today)
        self._shared(partial(kernel.testosterone_and_aromatase, cells.sertoli, steroids.testosterone, today))
        kernel.aromatise_leydig(cells.leydig, steroids, today)
        mean_made = kernel.mean(cells.sertoli.oestradiol_secretion)
        self._shared(
            partial(
                kernel.oestradiol_and_germ_cells, cells, steroids.oestradiol, today, mean_made, events.arrays(), lives
            )
        )

    def _live(self, today: kernel.Today, events: Events) -> None:
        self._shared(partial(kernel.live, self.arrays(), events.arrays(), today))

    def _live_on(self, today: kernel.Today, events: Events) -> Events:
        """Give room to the tubules that have run out of it, until all have lived their day; return what happened."""
        while (crowded := events.progress != kernel.DONE).any():
            room = np.diff(self.germ.start)
            crowded |= room - self.germ.count < 2 * kernel.ROOM  # the next to run out
            self.germ.grow(np.where(crowded, room + room // 4 + 2 * kernel.ROOM, room))
            self._live(today, events)
        return events

    def _shared(self, work: Callable[[int, int], None]) -> None:
        over_tubules(work, *self._size())

    def _size(self) -> tuple[int, int]:
        return len(self.germ.count), self.germ.total


class Tissue:
    """The tissue of one man.

    Args:
        values: dotted parameter name -> value.
        man: physiology field -> value.
        tubules, sertoli_per_tubule: size.
        seed: of every draw.

    Attributes:
        now: days lived since the stem cells were placed; cells end their steps on days of this clock.
        p: numbers of the tissue.
    """

    geometry: Geometry
    levels: Levels
    columns: CompiledCells
    p: TissueParameters

    def __init__(
        self, values: Mapping[str, float], man: Mapping[str, float], tubules: int, sertoli_per_tubule: int, seed: int
    ) -> None:
        self.geometry = build.build_geometry(values, tubules, sertoli_per_tubule)
        self.seed = seed
        self.now = 0.0
        actual = build.leydig_count(values, self.geometry)
        ideal = values["tissue.leydig_per_sertoli"] * tubules * sertoli_per_tubule
        self.p, self.scale = build.tissue_parameters(values, man, 1.0)
        self._leydig_weight = ideal / actual
        self.levels = Levels(values, self.geometry, self.scale, actual, self._leydig_weight)
        sertoli = build.build_sertoli(values, self.geometry, seed, self.p)
        germ = build.build_germ(self.geometry, sertoli, seed, man["germ_cell_endowment"], self.p)
        self.columns = CompiledCells(build.build_leydig(values, self.geometry, seed), sertoli, germ, self.levels)
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
        p = build.with_aromatase(self.p if p is None else p, blood.aromatase_left)
        self.now += 1.0
        self.events = self.cells.day(blood, p, change, self.now, 1.0)
        self._further(p, 1.0)
        return self._report(blood, p)

    def settle_soma(self, blood: BloodDay) -> TestisDay:
        """Bring Leydig and Sertoli cells and fields to their steady state under `blood`."""
        blood = BloodDay(*map(float, blood))
        self.cells.soma(blood, self.p, UNCHANGED, _SETTLED)
        self._further(self.p, _SETTLED)
        return self._report(blood, self.p)

    def live_on(self, days: int) -> Iterator[Events]:
        """Let the germ line live under the present support, its hormones standing still; yield each day's events.

        A clone lives under 60 days from its founding to release, and stem cells start at even phases and shares: after
        `LIFE_DAYS` every living clone's history has been replayed and the germ line is stationary.
        """
        for _ in range(days):
            self.now += 1.0
            self.events = self.cells.live(self.now, self.p, 1.0)
            yield self.events

    def settle_germ_line(self) -> None:
        """Bring the germ line to its stationary state under the present support."""
        for _ in self.live_on(LIFE_DAYS):
            pass

    def _further(self, p: TissueParameters, dt: float) -> None:
        for kind in FURTHER:
            if kind.day:
                kind.day(self, p, dt)

    def _report(self, blood: BloodDay, p: TissueParameters) -> TestisDay:
        of = self.levels
        levels = kernel.LevelArrays(of.testosterone, of.oestradiol, of.corner_testosterone, of.scale.testosterone_free)
        day: TestisDay = kernel.report(
            self.columns.leydig.arrays(),
            self.columns.sertoli.arrays(),
            levels,
            blood,
            float(self._leydig_weight),
            _numbers(p),
        )
        return day

    def counts(self) -> np.ndarray:
        """Return germ cells by step, int64 (steps,)."""
        return np.asarray(kernel.step_totals(self.columns.sertoli.counts))
