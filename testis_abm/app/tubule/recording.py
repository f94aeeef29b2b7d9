"""A recording of some tubules of a model, day by day: compact frames for the browser, and what became of each cell."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from testis_abm.agents.cells import LeydigCell
from testis_abm.app.tubule import morning
from testis_abm.app.tubule.frame import EMPTY, LEYDIG, SERTOLI, SOMA, Frame, lineages, unpack
from testis_abm.app.tubule.lives import FATES, Germ, Lives
from testis_abm.app.tubule.section import LUMEN, Fields, Section
from testis_abm.biology import stages, steps
from testis_abm.biology.germ import aromatase, durations
from testis_abm.pictures.packing import ROOM, Crowd, spread
from testis_abm.support.errors import TestisError
from testis_abm.testis.kinds import FURTHER
from testis_abm.testis.places import leydig_there, sertoli_there

_FIRST_ROUNDS, _ROUNDS = 60, 6
_BASAL = 0.85  # of the radius: spermatogonia do not leave the membrane
_LINK = struct.Struct("<5Ii")
_NOWHERE = 0xFFFFFFFF
_PMOL = 1e3  # pmol in a nmol
_KEYS = itertools.count(1)
_NAMES = dict(enumerate(SOMA, start=steps.COUNT))


class Recording:
    """Some tubules of a running model, frame by frame.

    Make it before the first day, and call `record()` after each step. `frames` and `days` are replaced, never changed,
    so that another thread may read them at any time.

    Args:
        model: a TestisModel (anything with `tissue` and `day`).
        every: days between frames; each `record()` notes births and deaths, whether it keeps a frame or not.
        tubules: how many to show (default: as many as hold `MOST_CELLS`).
        megabytes: of frames; a recording that grows beyond drops every other frame and goes on at half the rate.

    Attributes:
        frames: see frame.py. days: of the plan, one each.
        static: the geometry, see `Section.pack`, and the clock of the cycle: its days, the ends of its stages, and where each
            niche stands on day 0 of the plan (all shares of a turn from the start of stage I; float32).
        ranges: quantity -> (lowest, highest) so far, for colour scales: `testosterone`, `oestradiol` (nmol/L), `ratio`,
            `androgen_signal`, `er_alpha_signal`, `er_beta_signal`, `aromatase`.
        tubules: what each is in the last frame (frame.THERE, HYALINISED, REMOVED).
        listeners: called without arguments after each new frame, in the thread that records.
        key: names the recording within this process.
    """

    def __init__(self, model: Any, every: int = 1, *, tubules: int | None = None, megabytes: float = 48.0) -> None:
        tissue = model.tissue
        if every < 1 or megabytes <= 0:
            raise TestisError(f"a recording needs every >= 1 day and megabytes > 0, not {every} and {megabytes}")
        if tubules is not None and not 1 <= tubules <= tissue.geometry.tubules:
            raise TestisError(f"tubules is {tubules}; the tissue has 1 to {tissue.geometry.tubules} to show")
        self.model, self.every, self.megabytes = model, every, megabytes
        self.key = next(_KEYS)
        self.section = Section.of(tissue, tubules or morning.that_fit(tissue))
        self._founding = tissue.now - model.day  # day of the tissue's clock on day 0 of the plan
        self.static = self.section.pack() + self._clock()
        self.ranges: dict[str, tuple[float, float]] = {}
        self.tubules: list[int] = []
        self.listeners: list[Callable[[], None]] = []
        self.lives = Lives()
        self._fields = Fields(tissue, self.section)
        self._kept: tuple[tuple[int, bytes], ...] = ()
        self._germ: Germ | None = None
        self._day: int | None = None
        self.record()

    def _clock(self) -> bytes:
        tissue = self.model.tissue
        turned = tissue.clock.turned(tissue.columns.sertoli.phase[self.section.niches], self._founding)
        numbers = np.concatenate([[tissue.clock.cycle_days], tissue.clock.ends, turned])
        return numbers.astype("<f4").tobytes()

    def _stage(self, place: int, day: int) -> str:
        """Return the stage of the cycle of a shown niche on a day of the plan."""
        tissue = self.model.tissue
        phase = tissue.columns.sertoli.phase[self.section.niches[place]]
        return stages.NAMES[int(tissue.clock.stage_at(phase, self._founding + day))]

    @property
    def frames(self) -> list[bytes]:
        """Return the frames, oldest first."""
        return [frame for _, frame in self._kept]

    @property
    def days(self) -> list[int]:
        """Return the day of each frame."""
        return [day for day, _ in self._kept]

    @property
    def planned(self) -> int:
        """Return the last day of the model's plan."""
        return int(getattr(self.model, "last_day", 0))

    def __call__(self, model: Any) -> None:
        """Note the cells of this morning, as an observer of the model."""
        self.record()

    def record(self) -> None:
        """Note the cells of this morning, unless they are recorded already."""
        day = self.model.day
        if self._day is not None and day <= self._day:
            return
        tissue, section = self.model.tissue, self.section
        rows = morning.rows_of(tissue, section.tubules)
        germ = morning.germ_of(tissue, rows)
        if self._germ is None:
            self._settle(germ, np.arange(len(rows)), germ, _FIRST_ROUNDS)
        else:
            self.lives.note(day, self._germ, germ, tissue.now, *morning.last_step(tissue, self._germ.niche))
            origin = self.lives.ancestors(germ.lineage, self._germ.lineage, day - 1, day)
            self._settle(germ, origin, self._germ, _ROUNDS)
        self._germ, self._day = germ, day
        last = day == getattr(self.model, "last_day", None)
        if self._kept and day - self._kept[-1][0] < self.every and not last:
            return
        frame = self._frame(day, germ, rows)
        self.tubules = frame.tubule.tolist()
        self._widen(frame)
        self._kept = (*self._kept, (day, frame.pack()))
        while sum(len(one) for _, one in self._kept) > 1e6 * self.megabytes and len(self._kept) > 2:
            self.every *= 2
            self._kept = (*self._kept[:-1:2], self._kept[-1]) if last else self._kept[::2]
        for heard in tuple(self.listeners):
            heard()

    def link(self, index: int) -> bytes:
        """Return frame `index` with what ties it to the frame before, for motion between them.

        A header (bytes in all, of the frame, its cells, cells of the frame before, key of the recording; day of the
        frame before), the frame, then for each of its cells the row in the frame before of the cell itself or of who it
        came from (uint32, 0xFFFFFFFF: nobody), and for each cell of the frame before its fate (uint8, index of FATES).
        """
        kept = self._kept
        day, frame = kept[index]
        of = lineages(frame)
        known, after, soma = np.zeros(0, dtype=np.uint64), day, self._soma
        if index > 0:
            after, before = kept[index - 1]
            known = lineages(before)
        origin = np.arange(len(of)) if index else np.full(len(of), -1)
        origin[soma:] = self.lives.ancestors(of[soma:], known[soma:], after, day)
        origin[soma:] += np.where(origin[soma:] >= 0, soma, 0)
        fate = np.zeros(len(known), dtype=np.uint8)
        fate[soma:] = self.lives.fates(known[soma:], after, day)
        body = frame + np.where(origin < 0, _NOWHERE, origin).astype("<u4").tobytes() + fate.tobytes()
        body += bytes(-len(body) % 8)
        return _LINK.pack(_LINK.size + len(body), len(frame), len(of), len(known), self.key, after) + body

    def frame(self, index: int) -> Frame:
        """Return frame `index` as arrays."""
        return unpack(self._kept[index][1], self.section.window)

    def __getstate__(self) -> dict[str, Any]:
        """Leave out who listens: a copy is not shown yet."""
        return {**self.__dict__, "listeners": []}

    # ---- what a click shows

    def describe(self, frame_index: int, cell_index: int) -> dict[str, Any]:
        """Return the state of a cell in a frame, where it came from and what became of it later, ready for JSON.

        Raises:
            IndexError: if there is no such frame or cell.
        """
        day, packed = self._kept[frame_index]
        frame = unpack(packed, self.section.window)
        if not 0 <= cell_index < len(frame.step):
            raise IndexError(f"frame {frame_index} has cells 0 to {len(frame.step) - 1}, not {cell_index}")
        step, lineage, place = (int(of[cell_index]) for of in (frame.step, frame.lineage, frame.place))
        testosterone, oestradiol, *signals = frame.levels[:, place].astype(float).tolist()
        kind = _NAMES.get(step, "germ")
        found: dict[str, Any] = {
            "day": day,
            "index": cell_index,
            "kind": kind,
            "step": steps.NAMES[step] if kind == "germ" else None,
            "lineage": str(lineage),
            "x_um": round(float(frame.x[cell_index]), 1),
            "y_um": round(float(frame.y[cell_index]), 1),
            "testosterone_nmol_l": testosterone,
            "oestradiol_pmol_l": _PMOL * oestradiol,
            "testosterone_over_oestradiol": testosterone / oestradiol if oestradiol > 0 else None,
            **{name: None if np.isnan(value) else value for name, value in zip(morning.SIGNALS, signals, strict=True)},
        }
        if kind != "leydig":
            found["tubule"] = int(self.section.tubules[place // self._around])
            staged = frame.niche[place] != EMPTY
            found["stage"] = self._stage(place, day) if staged else "none: no germ cells"
        if kind != "germ":
            return {**found, "aromatase": float(frame.soma_aromatase[cell_index])}
        stem = step <= steps.A_PALE
        aromatase = float(frame.by_step[0, step])
        return {
            **found,
            "aromatase": aromatase,
            "clone": None if stem else f"{int(frame.clone[cell_index]):08x}",
            "clones_founded": int(frame.clone[cell_index]) if stem else None,
            "age_days": round(float(frame.age[cell_index]), 1),
            "left_days": round(float(frame.left[cell_index]), 1),
            **self._life(frame_index, lineage, step),
        }

    def find(self, lineage: int, day: int) -> tuple[int, int] | None:
        """Return frame and row of a cell, in the kept frame nearest to a day that shows it; None if none does."""
        kept, wanted = self._kept, np.uint64(lineage)
        for index in sorted(range(len(kept)), key=lambda of: (abs(kept[of][0] - day), of)):
            rows = np.flatnonzero(lineages(kept[index][1]) == wanted)
            if len(rows):
                return index, int(rows[0])
        return None

    def mates(self, frame_index: int, cell_index: int) -> list[int]:
        """Return the lineages of the cells that bridges join to a germ cell in a frame."""
        frame = self.frame(frame_index)
        clone, step = frame.clone[cell_index], frame.step
        if not steps.A_PALE < step[cell_index] < steps.COUNT:
            return []
        same = (frame.clone == clone) & (step > steps.A_PALE) & (step < steps.COUNT)
        same[cell_index] = False
        return [int(of) for of in frame.lineage[same]]

    def _life(self, frame_index: int, lineage: int, step: int) -> dict[str, Any]:
        """Return mother, daughters, later steps and end of a germ cell, as far as they were seen."""
        came, went = self.lives.mother(lineage), self.lives.end(lineage)
        later = []
        for day, frame in self._kept[frame_index + 1 :]:
            at = np.flatnonzero(lineages(frame) == np.uint64(lineage))
            if not len(at):
                break
            reached = int(unpack(frame, self.section.window).step[at[0]])
            if reached != step:
                later.append({"day": day, "step": steps.NAMES[reached]})
                step = reached
        return {
            "mother": None if came is None else str(came[1]),
            "born_day": None if came is None else came[0],
            "daughters": [{"day": day, "lineage": str(of)} for day, of in self.lives.daughters(lineage)],
            "later_steps": later,
            "fate": FATES[0] if went is None else FATES[went[1]],
            "fate_day": None if went is None else went[0],
        }

    # ---- a frame

    def _settle(self, germ: Germ, origin: np.ndarray, before: Germ, rounds: int) -> None:
        """Lay germ cells side by side, starting where each, or who it came from (`origin` in `before`), lay."""
        section, tubules, around = self.section, len(self.section.tubules), self._around
        home = np.searchsorted(section.tubules, germ.niche // self.model.tissue.geometry.sertoli_per_tubule)
        # Sertoli nuclei first in each tubule: they stay, and the others give way.
        group = np.concatenate([np.repeat(np.arange(tubules), around), home])
        to = np.stack([germ.x, germ.y], axis=-1)
        seen, was = origin >= 0, to.copy()
        was[seen] = np.stack([before.x, before.y], axis=-1)[origin[seen]]
        step = np.concatenate([np.full(tubules * around, SERTOLI), germ.step])
        crowd = Crowd(
            np.concatenate([section.sertoli_nucleus, to]),
            ROOM[step],
            group,
            step == SERTOLI,
            section.centres[group],
            np.where(step < steps.PRELEPTOTENE, _BASAL, 0.92 * LUMEN) * section.radius,
            np.full(len(group), section.radius - 0.6),
        )
        place = spread(crowd, rounds, np.concatenate([section.sertoli_nucleus, was]))
        germ.x[:], germ.y[:] = place[tubules * around :].T

    @property
    def _around(self) -> int:
        return int(self.model.tissue.geometry.around)

    @property
    def _soma(self) -> int:
        return len(self.section.niches) + len(self.section.leydig) + sum(map(len, self.section.further))

    def _frame(self, day: int, germ: Germ, rows: np.ndarray) -> Frame:
        tissue, section = self.model.tissue, self.section
        cells, p = tissue.columns, tissue.p
        niches, leydig = section.niches, section.leydig
        sertoli, interstitial = len(niches), len(leydig)
        in_niches, in_leydig = morning.working(self.model)
        mean_days = np.array(durations(p))
        days = np.empty(len(rows))
        morning.stays(germ.lineage, germ.step, mean_days, p.germ.duration_variation, days)
        left = germ.ends - tissue.now
        nothing = np.zeros(self._soma)
        further = [(kind, rows) for kind, rows in zip(FURTHER, section.further, strict=True)]
        of_leydig = LeydigCell.aromatase.read(tissue, leydig)
        by_step = np.array(
            [
                in_niches * np.array(aromatase(p)),
                np.concatenate([[0, 0, 0], np.cumsum(mean_days[steps.B_SPERMATOGONIUM : -1])]),
            ]
        )
        around = [np.column_stack(kind.places(tissue, rows)[:2]) for kind, rows in further]
        soma = np.concatenate([section.sertoli_nucleus, section.leydig_place, *around])
        shown_at = [self._local(kind.niche(tissue, rows)) for kind, rows in further]
        codes = [np.full(len(rows), LEYDIG + 1 + k) for k, (_, rows) in enumerate(further)]
        lineages_of = [getattr(cells, kind.name).lineage[rows] for kind, rows in further]
        testosterone, oestradiol = self._fields.today(tissue)
        return Frame(
            day,
            sertoli,
            self._soma - sertoli,
            section.window,
            np.concatenate([cells.sertoli.lineage[niches], cells.leydig.lineage[leydig], *lineages_of, germ.lineage]),
            np.concatenate([nothing, germ.clone]).astype(np.uint32),
            morning.levels_of(tissue, section),
            by_step,
            np.concatenate(
                [
                    np.full(sertoli, in_niches * p.aromatase.sertoli_aromatase),
                    in_leydig * of_leydig,
                    nothing[sertoli + interstitial :],
                ]
            ),
            np.concatenate([soma[:, 0], germ.x]),
            np.concatenate([soma[:, 1], germ.y]),
            np.concatenate([np.arange(sertoli), sertoli + section.leydig_corner, *shown_at, self._local(germ.niche)]),
            np.concatenate([np.full(sertoli, SERTOLI), np.full(interstitial, LEYDIG), *codes, germ.step]),
            *morning.there(tissue, section),
            np.concatenate(
                [
                    sertoli_there(tissue)[niches],
                    leydig_there(tissue)[leydig],
                    *(sertoli_there(tissue)[kind.niche(tissue, rows)] for kind, rows in further),
                ]
            ).astype(np.uint8),
            np.concatenate([nothing, days - left]),
            np.concatenate([nothing, left]),
            testosterone,
            oestradiol,
        )

    def _local(self, niche: np.ndarray) -> np.ndarray:
        """Return the places, among those that are shown, of Sertoli cells of the tissue."""
        per, around = self.model.tissue.geometry.sertoli_per_tubule, self._around
        return np.asarray(np.searchsorted(self.section.tubules, niche // per) * around + niche % around)

    def _widen(self, frame: Frame) -> None:
        """Let the ranges hold what a frame shows."""
        _, _, androgen, er_alpha, er_beta = frame.levels
        made = np.concatenate([frame.by_step[0], frame.soma_aromatase])
        shown = {
            "testosterone": frame.testosterone,
            "oestradiol": frame.oestradiol,
            "ratio": frame.testosterone / np.maximum(frame.oestradiol, 1e-9),
            **dict(zip(morning.SIGNALS, (androgen, er_alpha, er_beta), strict=True)),
            "aromatase": made,
        }
        ranges = {}
        for name, values in shown.items():
            low, high = self.ranges.get(name, (np.inf, -np.inf))
            ranges[name] = min(low, float(np.nanmin(values))), max(high, float(np.nanmax(values)))
        self.ranges = ranges


def follow(model: Any, **kept: Any) -> Recording:
    """Let a model record itself after each day that it lives; return the recording (a model has one).

    Args:
        model: a TestisModel.
        kept: for `Recording`.
    """
    for observer in model.observers:
        if isinstance(observer, Recording):
            return observer
    recording = Recording(model, **kept)
    model.observers.append(recording)
    return recording
