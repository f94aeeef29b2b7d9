"""The whole man as a Mesa model: one clock that moves body, tissue and tract, a day a step.

What a day means, everywhere: day d of the plan is the morning of day d, before the doses of that day. A row of any table
labelled d describes the man at that moment: hormones, drug concentrations and signals are those of the 24 h that end then,
semen and biopsy what would be collected then. So day 0 is untreated in every arm, a dose of day d shows from row d + 1 on, and
row N is that after N days of treatment. A sample of day d is taken at that moment too; its result is known the next day.
"""

from __future__ import annotations

import copy
import dataclasses
import math
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Self

import mesa
import numpy as np

from testis_abm import parameters as tables
from testis_abm.agents import checkpoint, mesa_clock
from testis_abm.agents.cells import GermCell, LeydigCell, SertoliCell, agent_sets
from testis_abm.agents.checkpoint import Checkpoint
from testis_abm.agents.modifiers import Effect, Modifier, Modifiers
from testis_abm.biology import axis, outcome, steps
from testis_abm.biology.axis import TissueOutput
from testis_abm.biology.days import BloodDay, TestisDay
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.pharmacology import UNITS, Kinetics, hourly_doses
from testis_abm.biology.rules import androgen_signal, sertoli_rates, sertoli_support
from testis_abm.biology.safety import Safety
from testis_abm.biology.semen import Semen
from testis_abm.man.ejaculate import Glands, expected_semen
from testis_abm.man.epididymis import Epididymis
from testis_abm.man.physiology import (
    MATURITY,
    axis_parameters,
    complete,
    is_adult,
    matured,
    sperm_per_release,
    testis_mass,
)
from testis_abm.man.regimen import RECORDS, Regimen
from testis_abm.results.tables import BLOOD_COLUMNS
from testis_abm.results.treatment import semen_days
from testis_abm.scenario import Clause, Scenario, bmi_on, past_doses
from testis_abm.scenario import load as load_scenario
from testis_abm.support import compile as _compile
from testis_abm.support import guard
from testis_abm.support.errors import TestisError
from testis_abm.testis import biopsy, kernel
from testis_abm.testis.build import reference_counts, standing_elongated, tissue_parameters
from testis_abm.testis.memory import check_fits
from testis_abm.testis.reference import ReferenceCells
from testis_abm.testis.section import cross_section
from testis_abm.testis.tissue import Tissue

_HIGHEST_TESTOSTERONE, _HIGHEST_LH = 500.0, 500.0  # nmol/L, IU/L
_FAINTEST_LH = 1e-9  # relative; a capacity is secretion over drive, so drive is never quite nought
_TRANSIT_DAYS = 40  # the last days of the settled germ line that the tract still holds
_FLUX_DAYS = 16  # rates of the germ line are reported over one cycle
_STATE = (
    "_flux",
    "body",
    "tissue",
    "tract",
    "glands",
    "safety",
    "means",
    "report",
    "_output",
    "_million",
    "_reference_output",
    "maturity",
)
_BLOOD = {
    "testosterone_nmol_l": axis.MEAN_T,
    "oestradiol_pmol_l": axis.MEAN_E2,
    "lh_iu_l": axis.MEAN_LH,
    "fsh_iu_l": axis.MEAN_FSH,
    "inhibin_b_pg_ml": axis.MEAN_INHIBIN,
    "shbg_nmol_l": axis.MEAN_SHBG,
}


class TestisModel(mesa.Model):  # type: ignore[misc]
    """A man under a scenario, as a Mesa model whose agents are his Leydig, Sertoli and germ cells.

    `step()` is one day; `run_for(days)` several. The man starts at his own steady state on day `-baseline`, whose rows are
    there before the first step; each step then lives a day and records the rows of the day that begins (see the module).

    Args:
        scenario: what to simulate: a Scenario, a mapping, or the path of a scenario file.
        rng: seed of every draw (an integer; default the scenario's).
        treated: whether the scenario's therapies are given (False: his untreated twin, with the same luck).
        engine: "compiled" columns or the "reference" engine of plain Mesa agents (default the scenario's).
        settled: a model of the same man, scenario and seed that has not taken a step: its steady state is copied instead
            of sought again (`load` passes a checkpoint).

    Attributes:
        day: the day that begins now; within a step, the day that is lived.
        modifiers: changes from outside to named rates (see `modify`).
        records: table name -> rows, the last of them of `day`.
        brief: set, a run records its hormones and decisions only, for experiments that look at little.

    A subclass that adds rules of its own keeps these arguments, so that `load`, `testis_abm.run` and the untreated twin
    can make it.

    Raises:
        TestisError: if the tissue does not fit into memory, or the man has no steady state within the physical range.
    """

    __test__ = False

    def __init__(
        self,
        scenario: Scenario | str | Path | Mapping[str, Any],
        *,
        rng: int | None = None,
        treated: bool = True,
        engine: str | None = None,
        settled: TestisModel | Checkpoint | None = None,
    ) -> None:
        scenario = load_scenario(scenario)
        engine = None if engine is None else guard.word(engine, ("compiled", "reference"), "engine")
        rng = None if rng is None else guard.whole(rng, 0, 2**64 - 1, "rng")
        check_fits(scenario.tissue.tubules, scenario.tissue.sertoli_per_tubule)
        seed = scenario.plan.seed if rng is None else int(rng)
        super().__init__(rng=seed)
        _compile.announce()
        self.case = scenario
        self.seed = seed
        self.treated = guard.flag(treated, "treated")
        self.values = complete(tables.values(scenario.parameters))
        self.laboratory = Laboratory(self.values, scenario.samples.assay)
        self.man = dict(scenario.man.physiology)
        self._adult = is_adult(self.man)
        self.maturity = np.array([self.man[name] for name in MATURITY])
        self.engine = engine or scenario.plan.engine
        self.day = -scenario.plan.baseline_days
        self.last_day = scenario.plan.duration_days
        self.engine_seconds = 0.0
        self.brief = False
        self._semen_days = semen_days(scenario)
        self._lived_at = 0.0  # Mesa's time of the last whole day
        self.section: dict[str, Any] = {}
        self._plan_drugs(scenario)
        self._axis = axis_parameters(self.values, self.man)
        self._flux: list[tuple[float, float, float]] = []
        self.modifiers = Modifiers()
        if settled is None:
            self._settle()
            self._live_history()
        elif isinstance(settled, Checkpoint):
            self._build()
            settled.put_cells(self)
            if not is_adult(self.man):
                self._come_of_age()
        else:
            for name in _STATE:
                setattr(self, name, copy.deepcopy(getattr(settled, name)))
            self.glands._man = self.man  # whose weight may change
            if not is_adult(self.man):
                self._come_of_age()
            # What the history left in the body; its drugs come first in both arms.
            past = settled._depot.size
            self._depot[:past], self._central[:past] = settled._depot, settled._central
            self._levels[:past] = settled._levels
        if self.engine == "reference":
            self.tissue.cells = ReferenceCells(self, self.tissue)
        self.records: dict[str, list[tuple[Any, ...]]] = {
            name: []
            for name in (
                "hormones",
                "tissue",
                "semen",
                "blood",
                "biopsy",
                "safety",
                "outcome",
                "drugs",
                "modifiers",
                "signals",
                *RECORDS,
            )
        }
        if not isinstance(settled, Checkpoint):
            self._record()

    # ---- before the first day

    def _plan_drugs(self, scenario: Scenario) -> None:
        given = scenario.therapy if self.treated else ()
        known = tables.drugs()
        past = [of.drug for of in scenario.man.history]
        names = tuple(dict.fromkeys([*past, *(therapy.drug for therapy in given)]))
        self.kinetics = Kinetics.of([known[name] for name in names])
        self.regimen = Regimen(given, max(self.kinetics.release, default=0.0), scenario.samples.assay)
        substances = len(self.kinetics.names)
        self._depot, self._central = np.zeros(substances), np.zeros(substances)
        self._levels = np.zeros((substances, 3))  # of the last 24 h
        self._modified: list[tuple[Any, ...]] = []

    def _build(self) -> None:
        """Make body and tissue, not yet settled."""
        size = self.case.tissue
        self.body = axis.resting_state(self._axis)
        self.tissue = Tissue(self.values, self.man, size.tubules, size.sertoli_per_tubule, self.seed)

    def _settle(self) -> None:
        """Bring body, tissue and tract to the man's own untreated steady state."""
        self._build()
        tissue = self.tissue
        self._million = sperm_per_release(self.values, self.man, tissue.sertoli_count)
        reference, _ = tissue_parameters(self.values, {name: p.value for name, p in tables.physiology().items()})
        per_day = reference_counts(reference)[steps.ELONGATED_SPERMATID] / reference.elongated_spermatid_days
        self._reference_output = per_day * self.values["tissue.sertoli_per_man"] / 1e6 * reference.spermiation
        self.tract = tract = Epididymis(self.values, self.man, self._reference_output)
        output, pressure = TissueOutput(1.0, 1.0, 1.0), 0.0
        for turn in range(26):
            means = self._settle_body(output, 400 if turn == 0 else 60)
            report = tissue.settle_soma(self._blood(means, pressure))
            output, pressure = _output(report), tract.pressure(self._testis_oestradiol(report))
            if turn in (12, 20):
                tissue.settle_germ_line()
        self._check(means)
        self._output, self.means, self.report = output, means, report
        relative = self._relative_testosterone(means) * self.man["androgen_sensitivity"]
        released = np.zeros(_TRANSIT_DAYS)
        for i, events in enumerate(tissue.live_on(_TRANSIT_DAYS)):
            flux = kernel.flux(events.completed, events.released)
            released[i] = flux[2] * self._million
            self._flux = [*self._flux[-(_FLUX_DAYS - 1) :], flux]
        luminal, normal = self._testis_oestradiol(report), self._normal_share(report)
        tract.settle(released.mean(), released.mean() * normal, relative, luminal)
        for day in released:
            tract.day(day, day * normal, relative, luminal)
        self.glands = Glands(self.values, self.man, relative)
        self.safety = Safety(self.values, means[axis.MEAN_T], means[axis.MEAN_E2])

    def _testis_oestradiol(self, report: TestisDay) -> float:
        """Return intratesticular oestradiol relative to the reference man: it leaves with the fluid."""
        return report.oestradiol_nmol_l / self.tissue.scale.oestradiol

    def _settle_body(self, output: TissueOutput, days: int) -> np.ndarray:
        idle, none, doses = Kinetics.of([]), np.zeros(0), np.zeros((axis.HOURS, 0))
        levels = np.zeros((0, 3))
        for _ in range(days):
            means = axis.body_day(
                self.body, self._axis, output, none, none, none, none, none, idle.effect, doses, levels
            )
        return np.asarray(means)

    def _check(self, means: np.ndarray) -> None:
        """Stop when the man leaves the range in which the equations mean anything."""
        testosterone, lh = means[axis.MEAN_T], means[axis.MEAN_LH]
        if math.isfinite(means.sum()) and testosterone <= _HIGHEST_TESTOSTERONE and lh <= _HIGHEST_LH:
            return
        raise TestisError(
            f"day {self.day}: testosterone {testosterone:.4g} nmol/L and LH {lh:.4g} IU/L leave the physical range "
            f"(up to {_HIGHEST_TESTOSTERONE:g} and {_HIGHEST_LH:g}); lower the doses, or bring the man's physiology nearer to 1"
        )

    # ---- a day

    def step(self) -> None:
        """Live day `day` and record the morning of the next."""
        started = time.perf_counter()
        self._advance()
        self.engine_seconds += time.perf_counter() - started
        self.day += 1
        self._weigh()
        self._record()
        self._lived_at = self.time
        if self.day >= self.last_day:
            self.running = False

    def _live_history(self) -> None:
        """Live through what the man was given before the plan begins, from his own rest."""
        begin, doses = past_doses(self.case.man.history)
        first = self.day
        for day in range(begin, 0):
            self.day = first + day
            self._live(hourly_doses(self.kinetics, doses, day))
        self.day, self.safety.bone = first, 0.0

    def _advance(self) -> None:
        doses = self.regimen.day(self.day, self._measured, self.records)
        self._live(hourly_doses(self.kinetics, doses, self.day))

    def _live(self, doses: np.ndarray) -> None:
        """Live a day in which `doses` (48, substances) enter the depots."""
        kinetics = self.kinetics
        means = axis.body_day(
            self.body,
            self._axis,
            self._output,
            self._depot,
            self._central,
            kinetics.absorption,
            kinetics.elimination,
            kinetics.volume,
            kinetics.effect,
            doses,
            self._levels,
        )
        self.means = means
        self._check(means)
        sertoli = self.tissue.sertoli_count
        p, change, self._modified = self.modifiers.today(self, self.tissue.p, sertoli)
        self.report = self.tissue.day(self._blood(means, self.tract.back_pressure), p, change)
        self._output = _output(self.report)
        events = self.tissue.events
        flux = kernel.flux(events.completed, events.released)
        released = flux[2] * self._million
        relative = self._relative_testosterone(means)
        luminal = self._testis_oestradiol(self.report)
        heard = relative * self.man["androgen_sensitivity"]
        self.tract.day(released, released * self._normal_share(self.report), heard, luminal)
        self.glands.day(heard)
        self.safety.day(float(means[axis.MEAN_T]), float(means[axis.MEAN_E2]))
        self._flux = [*self._flux[-(_FLUX_DAYS - 1) :], flux]
        if not self._adult:
            self._mature()

    def _mature(self) -> None:
        """Let an immature testis come of age by what the day brought."""
        p, report = self.tissue.p, self.report
        androgen = androgen_signal(report.androgen, p.commitment_androgen_half, p.commitment_occupancy, p)
        activity = float(self.means[axis.MEAN_LH_ACTIVITY])
        self.man |= matured(self.man, activity, report.fsh_signal * androgen, 1.0, self.values)
        self.maturity = np.array([self.man[name] for name in MATURITY])
        self._come_of_age()

    def _come_of_age(self) -> None:
        """Give the tissue the numbers of the present maturity."""
        self.man |= dict(zip(MATURITY, self.maturity.tolist(), strict=True))
        self._adult = is_adult(self.man)
        self.tissue.p = tissue_parameters(self.values, self.man)[0]

    def _weigh(self) -> None:
        """Let fat, SHBG and glands follow the body mass index of this morning, if the treatment changes it."""
        if self.treated and self.case.weight:
            self.man["bmi"] = bmi_on(self.day, self.case.man.bmi, self.case.weight)
            self._axis = axis_parameters(self.values, self.man)

    def _measured(self, clause: Clause, day: int) -> float:
        """Return what the laboratory reports of the man now for a clause of a therapy, in its unit, with the draws of `day`."""
        if clause.column == "haematocrit_pct":
            return clause.in_unit(self.safety.haematocrit)
        seen = vars(self.semen_sample(day)) if clause.in_semen else self.blood_sample(day)
        return clause.in_unit(seen[self.laboratory.column(clause.column)])

    def _blood(self, means: np.ndarray, pressure: float) -> BloodDay:
        return BloodDay(
            max(float(means[axis.MEAN_LH_ACTIVITY]), _FAINTEST_LH),
            float(means[axis.MEAN_FSH]),
            self._relative_testosterone(means),
            float(means[axis.MEAN_INHIBITOR]),
            pressure,
            float(means[axis.MEAN_AROMATASE]),
            1.0 / (1.0 + float(means[axis.MEAN_STEROID_BLOCK])),
        )

    def _relative_testosterone(self, means: np.ndarray) -> float:
        return float(means[axis.MEAN_FREE_T] / self._axis.free_testosterone_reference)

    def _normal_share(self, report: TestisDay) -> float:
        """Return the share of normal forms among released sperm: spermiogenesis short of androgen shapes heads badly."""
        p = self.tissue.p
        signal = min(1.0, androgen_signal(report.androgen, p.elongation_androgen_half, p.elongation_occupancy, p))
        dependent = self.values["tract.morphology_androgen_share"]
        share = self.values["tract.morphology_reference"] * self.man["morphology"]
        return float(min(0.6, share * (1.0 - dependent * (1.0 - signal))))

    # ---- what is kept

    def __repr__(self) -> str:
        arm = "treated" if self.treated else "untreated"
        return f"<{type(self).__name__} {self.case.title!r}: {arm}, day {self.day}, {self.tissue.columns.germ.total:,} germ cells>"

    def _record(self) -> None:
        m, r, day = self.means, self.report, self.day
        self.records["hormones"].append(
            (
                day,
                m[axis.MEAN_T],
                1e3 * m[axis.MEAN_FREE_T],
                m[axis.MEAN_E2],
                m[axis.MEAN_LH],
                m[axis.MEAN_FSH],
                m[axis.MEAN_INHIBIN],
                m[axis.MEAN_SHBG],
                m[axis.MEAN_HCG],
                r.testosterone_nmol_l,
                r.oestradiol_nmol_l,
            )
        )
        if self.brief:
            return
        self.records["tissue"].append((day, *self._tissue_row()))
        safe = self.safety.readout(float(m[axis.MEAN_T]), float(m[axis.MEAN_E2]))
        self.records["safety"].append((day, *dataclasses.astuple(safe)))
        self.records["signals"].append((day, *self.signals()))
        self.records["modifiers"].extend((day, *row) for row in self._modified)
        for name, levels, actions in zip(
            self.kinetics.names, self._levels.tolist(), self.kinetics.actions, strict=True
        ):
            self.records["drugs"].append((day, name, *levels, UNITS[actions[0]]))
        samples = self.case.samples
        if day in self._semen_days:
            expected = self.laboratory.shares_told(vars(self.expected_semen(samples.abstinence_days)))
            sample = dataclasses.astuple(self.semen_sample(day))
            self.records["semen"].append((day, samples.abstinence_days, *sample, *expected.values()))
            self.records["outcome"].append((day, *self._outcome(samples.abstinence_days)))
        if day in samples.blood:
            blood = self.blood_sample(day)
            self.records["blood"].append((day, *(blood[column] for column in BLOOD_COLUMNS)))
        if day in samples.biopsy:
            counts = self.tissue.counts()
            score = biopsy.johnsen_score(self.tissue.columns.sertoli.counts, self.tissue.geometry.sertoli_per_tubule)
            self.records["biopsy"].append((day, *(counts / self.tissue.sertoli_count), score))

    def _outcome(self, abstinence: float) -> tuple[float, ...]:
        """Return the chances of this morning in % (see biology/outcome.py).

        Spermatids are the expectation under today's support: the simulated sections are too few to hold rare foci.
        """
        p, r, values = self.tissue.p, self.report, self.values
        concentration = self.expected_semen(abstinence).concentration_million_ml
        rates = sertoli_rates(sertoli_support(r.androgen, r.oestrogen, r.fsh, self.tract.back_pressure, p), p)
        niches = values["tissue.sertoli_per_man"] * self.man["sertoli_number"] * self.man["germ_cell_endowment"]
        lh = float(self.means[axis.MEAN_LH] + self.means[axis.MEAN_HCG])
        found = outcome.retrieval(
            niches, standing_elongated(p, rates), concentration, lh, float(self.means[axis.MEAN_FSH]), values
        )
        return tuple(100.0 * chance for chance in (*outcome.conception(concentration, values), *found))

    def signals(self) -> tuple[float, ...]:
        """Return what has driven the rates in the last 24 h.

        Mean free androgen and oestrogen (nmol/L) and FSH (IU/L) that the Sertoli cells have responded to, back-pressure,
        and the brakes of testosterone and of oestradiol on the gonadotrophs.
        """
        report = self.report
        return (
            report.androgen,
            report.oestrogen,
            report.fsh,
            self.tract.back_pressure,
            float(self.means[axis.MEAN_T_FEEDBACK]),
            float(self.means[axis.MEAN_E2_FEEDBACK]),
        )

    def _tissue_row(self) -> tuple[float, ...]:
        r, events = self.report, self.tissue.events
        released = int(events.released.sum())
        deaths = int(events.deaths.sum() + events.retained.sum())
        flux = np.sum(self._flux, axis=0)
        divided, rounds, _ = flux
        loss = 100.0 * (1.0 - rounds / (4.0 * divided)) if divided > 0 else float("nan")
        counts = self.tissue.counts()
        sertoli = self.tissue.sertoli_count
        elongated = (counts[steps.ELONGATING_SPERMATID] + counts[steps.ELONGATED_SPERMATID]) / sertoli
        part = self._axis.testicular_oestradiol_share
        peripheral, adrenal = float(self.means[axis.MEAN_PERIPHERAL_E2]), float(self.means[axis.MEAN_ADRENAL_E2])
        in_testis = [part * made for made in (r.oestradiol_output, r.from_leydig, r.from_sertoli, r.from_germ)]
        whole = in_testis[0] + peripheral
        shares = [100.0 * made / whole if whole > 0 else 0.0 for made in (*in_testis, peripheral - adrenal, adrenal)]
        return (
            *(int(n) for n in counts),
            sertoli,
            len(self.tissue.columns.leydig.lineage),
            deaths,
            released,
            self.daily_production(),
            loss,
            elongated,
            r.androgen_signal,
            r.er_alpha_signal,
            r.er_beta_signal,
            r.fsh_signal,
            100.0 * self.means[axis.MEAN_FAT_INHIBITION],
            100.0 * r.aromatase_inhibition,
            100.0 * r.leydig_inhibition,
            100.0 * r.niche_inhibition,
            *shares,
        )

    def daily_production(self) -> float:
        """Return the sperm released a day over the last cycle, million per g of testis."""
        released = sum(flux[2] for flux in self._flux) / len(self._flux) * self._million
        return float(released / (testis_mass(self.values) * self.man["sertoli_number"]))

    def expected_semen(self, abstinence: float) -> Semen:
        """Return this morning's ejaculate after `abstinence` days, without variation or counting error."""
        return expected_semen(self.tract, self.glands, abstinence, self.values["tract.motility_abstinence_slope"])

    def semen_sample(self, day: int) -> Semen:
        """Return the present ejaculate as the laboratory reports it; `day` is what its random draws are keyed to."""
        return self.laboratory.semen(self.expected_semen(self.case.samples.abstinence_days), (self.seed,), day)

    def blood_sample(self, day: int) -> dict[str, Any]:
        """Return the present blood as the laboratory reports it, by column; `day` is what its random draws are keyed to."""
        true = {column: float(self.means[place]) for column, place in _BLOOD.items()}
        return self.laboratory.blood(true, (self.seed,), day)

    def cross_section(self) -> dict[str, Any]:
        """Return the cells and fields as they lie this morning, for a picture (see testis/section.py)."""
        return cross_section(self.tissue, self.day)

    # ---- a user's own rules

    def modify(self, name: str, rates: str | Iterable[str], *, factor: Effect = 1.0, added: Effect = 0.0) -> Modifier:
        """Change named rates from outside from the day that begins now: rate * factor + added.

        Args:
            name: what does it; a second modifier of the same name replaces the first.
            rates: of `steps.RATES` ("commitment", "spermiation", "pachytene_hazard", ...) or numbers of the tissue
                (`modifiers.NUMBERS`: "leydig_secretion", "sertoli_aromatase", ...).
            factor, added: a number, one for each Sertoli cell, or a function of the model that returns either each day;
                what is added to a hazard is per day.

        Raises:
            TestisError: for a rate that is not known or an amount that is no number; on the day, for one that does not fit.
        """
        return self.modifiers.change(name, rates, factor=factor, added=added)

    # ---- saving, resuming, branching

    def save(self, path: str | Path) -> Path:
        """Write the state to `path` (numbers only), to go on with `load`; see checkpoint.save for errors."""
        return checkpoint.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the model that was saved in `path`; it goes on as the unbroken one would, bit for bit.

        No code is run from the file. What it cannot hold is what a user hung on: reporters, attributes, callbacks.

        Raises:
            TestisError: if the file is missing, damaged, of other rules, or needs the class that adds its modifiers.
        """
        saved = Checkpoint(path)
        model = cls(
            load_scenario(saved.state["scenario"]),
            rng=saved.state["seed"],
            treated=saved.state["treated"],
            engine=saved.state["engine"],
            settled=saved,
        )
        saved.put_course(model)
        model._weigh()
        mesa_clock.set_time(model, saved.state["time"], saved.state["next_step"])
        return model

    def branch(self) -> Self:
        """Return a copy that shares nothing with this model, its events and a user's own attributes included.

        Raises:
            TestisError: within `step`, before the day has been lived.
        """
        return copy.deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy or pickle takes along."""
        self.check_whole_day()
        return self.__dict__

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take the state of a model that may have been copied by its own step or event, and go on from there."""
        self.__dict__.update(state)
        mesa_clock.go_on(self)

    def check_whole_day(self) -> None:
        """Raise unless the last day has been lived to its end, so that the state is one to go on from.

        Raises:
            TestisError: within `step`, before the day has been lived.
        """
        if mesa_clock.stepping(self) and self._lived_at != self.time:
            raise TestisError(
                f"day {self.day} is not over: the man cannot be saved or copied now; within step() do it after super().step()"
            )

    def pending_events(self) -> int:
        """Return how many events of the user's own are still to come."""
        return mesa_clock.pending_events(self)

    # ---- Mesa's view of the cells

    @property
    def agents(self) -> Any:
        """Return all cells (and any agent that a user registered) as an AgentSet."""
        return agent_sets(self, super().agents)[0]

    @property
    def agents_by_type(self) -> Mapping[type, Any]:
        """Return LeydigCell, SertoliCell, GermCell (and a user's types) -> AgentSet."""
        return agent_sets(self, super().agents)[1]

    @property
    def agent_types(self) -> list[type]:
        """Return the types that are present."""
        return list(self.agents_by_type)


def _output(report: TestisDay) -> TissueOutput:
    return TissueOutput(
        report.secretory_capacity, report.oestradiol_output, report.inhibin_output, report.aromatase_access
    )


__all__ = ["GermCell", "LeydigCell", "SertoliCell", "TestisModel"]
