"""One man's tissue through time: Leydig secretion, fields, aromatase, Sertoli support, germ cells, day by day."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

import numpy as np

from testis_abm.kinetics import lh_response, shielded_inhibition
from testis_abm.tissue import build, kernel
from testis_abm.tissue.cells import Events, GermColumns, LeydigColumns, SertoliColumns
from testis_abm.tissue.fields import spread_from_corners, spread_from_niches, sum_to_corners
from testis_abm.tissue.geometry import CORNERS
from testis_abm.tissue.rules import TissueParameters, androgen_signal, er_alpha_occupancy, er_beta_signal, fsh_signal

_SETTLED = 1e6  # days: long enough that every first-order response has arrived
_PARALLEL_FROM = 100_000


class BloodInput(NamedTuple):
    """What the blood brings to the testes in a day."""

    lh_activity: float
    fsh_iu_l: float
    free_testosterone: float
    inhibitor: float
    back_pressure: float


class TissueDay(NamedTuple):
    """What the testes did in a day: outputs relative to the reference man, levels in nmol/L of total steroid."""

    secretory_capacity: float
    oestradiol_output: float
    inhibin_output: float
    testosterone_nmol_l: float
    oestradiol_nmol_l: float
    aromatase_inhibition: float
    androgen_signal: float
    er_alpha_signal: float
    er_beta_signal: float
    fsh_signal: float


class Cells(Protocol):
    """An engine: the cells and the rules that move them (compiled columns, or plain Mesa agents)."""

    def secrete(self, oestradiol_at_corner: np.ndarray, activity: float, dt: float) -> np.ndarray:
        """Advance the Leydig cells; return their testosterone (relative, one a cell)."""

    def aromatise_leydig(self, testosterone_at_corner: np.ndarray, inhibitor: float) -> np.ndarray:
        """Return the oestradiol of each Leydig cell."""

    def aromatise_niches(self, inhibitor: float) -> np.ndarray:
        """Return the oestradiol of each Sertoli cell and its germ cells."""

    def support(self, blood: BloodInput, dt: float) -> np.ndarray:
        """Advance the Sertoli cells; return their inhibin B (relative, one a cell)."""

    def live(self, dt: float) -> Events:
        """Advance the germ cells; return what happened."""


class CompiledCells:
    """The cells as columns, moved by compiled loops."""

    def __init__(
        self, leydig: LeydigColumns, sertoli: SertoliColumns, germ: GermColumns, p: TissueParameters, seed: int
    ) -> None:
        self.leydig, self.sertoli, self.germ, self.p, self.seed = leydig, sertoli, germ, p, np.uint64(seed)

    def secrete(self, oestradiol_at_corner: np.ndarray, activity: float, dt: float) -> np.ndarray:
        """Advance the Leydig cells; return their testosterone (relative, one a cell)."""
        cell = self.leydig
        kernel.leydig_cells(
            cell.capacity,
            cell.expression,
            cell.size,
            cell.testosterone,
            cell.corner,
            oestradiol_at_corner,
            activity,
            self.p,
            dt,
        )
        return cell.testosterone

    def aromatise_leydig(self, testosterone_at_corner: np.ndarray, inhibitor: float) -> np.ndarray:
        """Return the oestradiol of each Leydig cell."""
        cell = self.leydig
        kernel.leydig_aromatase(
            cell.expression, cell.size, cell.oestradiol, cell.corner, testosterone_at_corner, inhibitor, self.p
        )
        return cell.oestradiol

    def aromatise_niches(self, inhibitor: float) -> np.ndarray:
        """Return the oestradiol of each Sertoli cell and its germ cells."""
        cell = self.sertoli
        kernel.niche_aromatase(cell.counts, cell.oestradiol_made, cell.local_testosterone, inhibitor, self.p)
        return cell.oestradiol_made

    def support(self, blood: BloodInput, dt: float) -> np.ndarray:
        """Advance the Sertoli cells; return their inhibin B (relative, one a cell)."""
        cell = self.sertoli
        kernel.sertoli_cells(
            cell.androgen, cell.oestrogen, cell.fsh, cell.local_testosterone, cell.local_oestradiol, cell.support,
            cell.inhibin, blood.fsh_iu_l, blood.back_pressure, self.p, dt,
        )  # fmt: skip
        return cell.inhibin

    def live(self, dt: float) -> Events:
        """Advance the germ cells; return what happened."""
        germ = self.germ
        events = Events.none(len(germ.count))
        done = np.zeros(len(germ.count), dtype=np.bool_)
        loop = kernel.germ_cells_parallel if germ.total >= _PARALLEL_FROM else kernel.germ_cells
        while not done.all():
            day = kernel.EventArrays(events.deaths, events.completed, events.released, events.retained, done)
            loop(germ.arrays(), self.sertoli.support, self.sertoli.counts, day, self.seed, self.p, dt)
            if not done.all():
                germ.grow(np.where(done, np.diff(germ.start), 2 * np.diff(germ.start) + 64))
        kernel.count_steps(germ.arrays(), self.sertoli.counts)
        return events


class Tissue:
    """The tissue of one man.

    Args:
        values: dotted parameter name -> value.
        man: physiology field -> value.
        tubules, sertoli_per_tubule: size.
        seed: of every draw.
    """

    def __init__(
        self, values: Mapping[str, float], man: Mapping[str, float], tubules: int, sertoli_per_tubule: int, seed: int
    ) -> None:
        self.geometry = build.build_geometry(values, tubules, sertoli_per_tubule)
        self.seed = seed
        actual = build.leydig_count(values, self.geometry)
        ideal = values["tissue.leydig_per_sertoli"] * tubules * sertoli_per_tubule
        self.p, self.scale = build.tissue_parameters(values, man, 1.0)
        self._leydig_weight = ideal / actual
        self.testosterone_kernel, self.oestradiol_kernel = build.build_kernels(values, self.geometry)
        sertoli = build.build_sertoli(values, self.geometry, seed, self.p)
        germ = build.build_germ(self.geometry, sertoli, seed, man["germ_cell_endowment"], self.p)
        self.columns = CompiledCells(build.build_leydig(values, self.geometry, seed), sertoli, germ, self.p, seed)
        self.cells: Cells = self.columns
        kernel.count_steps(germ.arrays(), sertoli.counts)
        shape = (tubules, sertoli_per_tubule)
        self.testosterone = np.full(shape, self.scale.testosterone)
        self.oestradiol = np.full(shape, self.scale.oestradiol)
        self.corner_testosterone = np.full((tubules, CORNERS), self.scale.testosterone)
        self.corner_oestradiol = np.full((tubules, CORNERS), self.scale.oestradiol)
        self.events = Events.none(tubules)

    @property
    def sertoli_count(self) -> int:
        """Return the number of simulated Sertoli cells."""
        return self.geometry.tubules * self.geometry.sertoli_per_tubule

    def day(self, blood: BloodInput) -> TissueDay:
        """Advance the tissue by one day under `blood`."""
        result = self._soma(blood, 1.0)
        self.events = self.cells.live(1.0)
        return result

    def settle_soma(self, blood: BloodInput) -> TissueDay:
        """Bring Leydig and Sertoli cells and fields to their steady state under `blood`."""
        return self._soma(blood, _SETTLED)

    def settle_germ_line(self) -> np.ndarray:
        """Fill the germ line to its stationary state under the present support: every living clone's history, replayed.

        A clone lives under 60 days from its founding to release; stem cells start at even phases and shares, so clones
        are founded at the stationary rate from the second cycle on.

        Returns:
            Sperm released on each replayed day, (80,); stationary only if the germ line was settled before.
        """
        released = np.zeros(80)
        for day in range(80):
            self.events = self.cells.live(1.0)
            released[day] = self.events.released.sum()
        return released

    def _soma(self, blood: BloodInput, dt: float) -> TissueDay:
        scale, cells = self.scale, self.cells
        secretion = cells.secrete(self.corner_oestradiol.ravel() * scale.oestradiol_free, blood.lh_activity, dt)
        self._diffuse_testosterone(secretion, blood.free_testosterone)
        free = self.corner_testosterone.ravel() * scale.testosterone_free
        leydig = cells.aromatise_leydig(free, blood.inhibitor)
        niches = cells.aromatise_niches(blood.inhibitor)
        self._diffuse_oestradiol(leydig, niches)
        inhibin = cells.support(blood, dt)
        capacity = float(np.mean(secretion)) / lh_response(blood.lh_activity, self.p.lh_saturation)
        made = (self._leydig_weight * float(np.sum(leydig)) + float(np.sum(niches))) / self.sertoli_count
        return self._report(blood, capacity, made, float(np.mean(inhibin)))

    def _diffuse_testosterone(self, secretion: np.ndarray, blood_free: float) -> None:
        corners = build_corners(secretion, self.columns.leydig.corner, self.geometry.tubules)
        corners *= len(corners) / len(secretion)
        entry = self.scale.blood_entry
        for weights, level in (
            (self.testosterone_kernel.niche, self.testosterone),
            (self.testosterone_kernel.corner, self.corner_testosterone),
        ):
            level[:] = 0.0
            spread_from_corners(weights, self.geometry.neighbours, corners, level)
            _conserve(level, float(corners.mean()))
            level *= (1.0 - entry) * self.scale.testosterone
            level += entry * blood_free * self.scale.testosterone
        self.columns.sertoli.local_testosterone[:] = self.testosterone.ravel() * self.scale.testosterone_free

    def _diffuse_oestradiol(self, leydig: np.ndarray, niches: np.ndarray) -> None:
        shape = self.testosterone.shape
        corners = build_corners(leydig, self.columns.leydig.corner, self.geometry.tubules)
        corners *= self._leydig_weight * len(corners) / self.sertoli_count
        per_niche = niches.reshape(shape)
        self.oestradiol[:] = 0.0
        spread_from_corners(self.oestradiol_kernel.niche, self.geometry.neighbours, corners, self.oestradiol)
        _conserve(self.oestradiol, float(corners.mean()))
        spread_from_niches(self.oestradiol_kernel.ring, per_niche, self.oestradiol)
        self.oestradiol *= self.scale.oestradiol
        self.corner_oestradiol[:] = per_niche.mean()
        spread_from_corners(self.oestradiol_kernel.corner, self.geometry.neighbours, corners, self.corner_oestradiol)
        self.corner_oestradiol *= self.scale.oestradiol
        self.columns.sertoli.local_oestradiol[:] = self.oestradiol.ravel() * self.scale.oestradiol_free

    def _report(self, blood: BloodInput, capacity: float, made: float, inhibin: float) -> TissueDay:
        p, sertoli = self.p, self.columns.sertoli
        androgen, oestrogen = float(sertoli.androgen.mean()), float(sertoli.oestrogen.mean())
        testosterone, oestradiol = float(self.testosterone.mean()), float(self.oestradiol.mean())
        free = testosterone * self.scale.testosterone_free
        open_velocity = shielded_inhibition(free, p.aromatase_km, 0.0)
        inhibition = (
            1.0 - shielded_inhibition(free, p.aromatase_km, blood.inhibitor) / open_velocity if free > 0 else 0.0
        )
        alpha = er_alpha_occupancy(oestrogen, p) / p.er_alpha_reference
        return TissueDay(
            capacity, made, inhibin, testosterone, oestradiol, inhibition,
            androgen_signal(androgen, p.meiosis_androgen_half, p.meiosis_occupancy, p), alpha, er_beta_signal(oestrogen, p),
            fsh_signal(float(sertoli.fsh.mean()), p),
        )  # fmt: skip

    def counts(self) -> np.ndarray:
        """Return germ cells by step, int64 (steps,)."""
        return self.columns.sertoli.counts.sum(axis=0, dtype=np.int64)


def _conserve(level: np.ndarray, mean: float) -> None:
    """Scale a field to the mean that production and clearance fix (a lattice with empty sites would miss it a little)."""
    found = float(level.mean())
    if found > 0.0:
        level *= mean / found


def build_corners(value: np.ndarray, corner: np.ndarray, tubules: int) -> np.ndarray:
    """Return the sum of each Leydig cell's value at its corner, (corners,)."""
    total = np.zeros(CORNERS * tubules)
    sum_to_corners(value, corner, total)
    return total
