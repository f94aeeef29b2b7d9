"""The whole man as a Mesa model: one clock that moves body, tissue and tract, a day a step.

What a day means, everywhere: day d of the plan is the morning of day d, before the doses of that day. A row of any
table labelled d describes the man at that moment: hormones, drug concentrations and signals are those of the 24 h that
end then, semen and biopsy what would be collected then. So day 0 is untreated in every arm, a dose of day d shows from
row d + 1 on, and row N is that after N days of treatment. A sample of day d is taken at that moment too; its result is
known the next day.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import mesa
import numpy as np

from testis_abm.agents import checkpoint, histology, mesa_clock, recording, sensing
from testis_abm.agents.cells import GermCell, LeydigCell, SertoliCell, agent_sets
from testis_abm.agents.checkpoint import Checkpoint
from testis_abm.agents.modifiers import Effect, Modifier, Modifiers
from testis_abm.agents.reference import ReferenceCells
from testis_abm.biology import readouts, steps
from testis_abm.biology.clamp import HELD
from testis_abm.biology.days import HOURS, NORMAL, SECRETIONS, TESTIS, TestisDay, named, record
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.lesions import delivered
from testis_abm.biology.pharmacology import Kinetics, doses_by_day
from testis_abm.biology.pulses import sampled
from testis_abm.biology.rules import Rule, with_own
from testis_abm.biology.safety import Felt, Safety, SafetyDay, felt
from testis_abm.biology.semen import Semen
from testis_abm.biology.size import of_testis
from testis_abm.biology.tissue import TissueParameters
from testis_abm.biology.tract import Arriving
from testis_abm.choices import CELL_ENGINES, REFERENCE, TREATED, UNTREATED
from testis_abm.man import cell_days, own_rules
from testis_abm.man.body import Body, Planned
from testis_abm.man.cell_days import Lived
from testis_abm.man.clamps import held_by_day, own_levels
from testis_abm.man.diary import LOST, Diary, semen_days
from testis_abm.man.ejaculations import pace_of
from testis_abm.man.injuries import Injuries
from testis_abm.man.physical import beyond, is_physical
from testis_abm.man.physiology import (
    MATURITY,
    axis_parameters,
    complete,
    is_adult,
    matured,
    sperm_per_release,
    testis_mass,
    tract_parameters,
    weighed,
)
from testis_abm.man.regimen import Regimen
from testis_abm.man.tract import Tract
from testis_abm.parameters import Drug, tubules
from testis_abm.scenario import Clamp, Clause, Insult, Scenario, bmi_on, clashes, past_doses
from testis_abm.scenario import load as load_scenario
from testis_abm.scenario.clamp import without_place
from testis_abm.scenario.insult import faults
from testis_abm.support import guard, interrupt
from testis_abm.support.errors import TestisError
from testis_abm.testis import kernel
from testis_abm.testis.build import tissue_parameters
from testis_abm.testis.changes import together
from testis_abm.testis.columns import Events
from testis_abm.testis.kinds import FURTHER
from testis_abm.testis.memory import check_fits
from testis_abm.testis.section import cross_section
from testis_abm.testis.tissue import Tissue, numbers_of

if TYPE_CHECKING:
    import pandas as pd

# A call of compiled code takes about this long, so that an interrupt is heard; what a day and a cell-day take, seconds.
_LONGEST_CALL, _DAY_SECONDS, _CELL_SECONDS = 0.2, 50e-6, 20e-9
_LONGEST_RUN = 1e6  # days
_TRANSIT_DAYS = 40  # the last days of the settled germ line that the tract still holds
# A day of the germ line: primary spermatocytes that divided, round spermatids made, sperm released, spermatids freed too
# early and not released (kernel.GERM_DAY); kept over one cycle.
_FLUX = record("divided", "round_spermatids", "released", *LOST)
_FLUX_DAYS = 16


class TestisModel(mesa.Model):  # type: ignore[misc]
    """A man under a scenario, as a Mesa model whose agents are his Leydig, Sertoli and germ cells.

    `step()` is one day; `run_for(days)` several. The man starts at his own steady state on day `-baseline`, whose rows
    are there before the first step; each step then lives a day and records the rows of the day that begins (see the
    module).

    Args:
        scenario: what to simulate: a Scenario, a mapping, or the path of a scenario file.
        rng: seed of every draw (an integer; default the scenario's).
        treated: whether the scenario's therapies are given (False: his untreated twin, with common random numbers).
        engine: "compiled" columns or the "reference" engine of plain Mesa agents (default the scenario's).
        settled: a model of the same man, scenario and seed that has not taken a step: its steady state is copied
            instead of sought again (`load` passes a checkpoint).
        rules: name -> a function in place of a rule of the cells (biology/rules.py), from the search for the steady
            state on; the reference engine alone can run it.
        drugs: rows of the drug table by name (default: the table's).

    Attributes:
        day: the day that begins now; within a step, the day that is lived.
        modifiers: changes from outside to named rates (see `modify`).
        injuries: the insults that happen to him, of the scenario and of `injure`.
        own_rules: of the scenario for the cells of this arm (scenario.Rule; `rules` are functions of Python).
        clamps: what is held, of the scenario and of `clamp`; own: the levels of his untreated steady state that can be,
            (1,) of clamp.HELD.
        records: table name -> rows (named tuples), the last of them of `day`.
        observers: functions that are called with the model after each day; while there is one, `run_for` goes day by day.
        brief: set, a run records its hormones and decisions only, for experiments that look at little.

    A subclass that adds rules of its own keeps these arguments, so that `load`, `testis_abm.run` and the untreated twin
    can make it.

    Raises:
        TestisError: if the tissue does not fit into memory, a rule is not known or the engine cannot run it, or the man
            has no steady state within the physical range.
    """

    __test__ = False
    STATE = ("flux", "report", "maturity", "own")  # of its own; body, tract, safety and tissue declare theirs

    def __init__(
        self,
        scenario: Scenario | str | Path | Mapping[str, Any],
        *,
        rng: int | None = None,
        treated: bool = True,
        engine: str | None = None,
        settled: TestisModel | Checkpoint | None = None,
        rules: Mapping[str, Rule] | None = None,
        drugs: Mapping[str, Drug] | None = None,
    ) -> None:
        scenario = load_scenario(scenario)
        engine = None if engine is None else guard.word(engine, CELL_ENGINES, "engine")
        rng = None if rng is None else guard.whole(rng, 0, 2**64 - 1, "rng")
        size = scenario.tissue
        check_fits(size.tubules, size.rows, size.sertoli_per_tubule)
        seed = scenario.plan.seed if rng is None else int(rng)
        super().__init__(rng=seed)
        self._step, self.step = self.step, self._whole_step  # type: ignore[method-assign]
        self.case = scenario
        self.seed = seed
        self.treated = guard.flag(treated, "treated")
        self.values = complete(scenario.values())
        self.laboratory = Laboratory(self.values, scenario.samples.assay)
        self.man = dict(scenario.man.physiology)
        self.engine = engine or scenario.plan.engine
        self.rules = self._own_rules({} if rules is None else rules, settled)
        self.drugs = None if drugs is None else guard.entries(drugs, scenario.drugs, "drugs", "parameters.drugs()")
        self.day = -scenario.plan.baseline_days
        self.last_day = scenario.plan.duration_days
        self.engine_seconds = 0.0
        self.brief = False
        self.semen_days = semen_days(scenario)
        self.sampled = {*self.semen_days, *scenario.samples.blood, *scenario.samples.biopsy}
        self.observers: list[Callable[[TestisModel], None]] = []
        self._lived_at = 0.0  # Mesa's time of the last whole day
        self.section: dict[str, Any] = {}
        self.modifiers, self.modified = Modifiers(), list[tuple[Any, ...]]()
        self.clamps: tuple[Clamp, ...] = ()
        lives = scenario if self.treated else scenario.untreated()
        self.own_rules = lives.rule
        self.injuries = Injuries(lives.insult, self.values)
        self.injuries.check(scenario.tissue, self._niches(), self.man["germ_cell_endowment"], scenario.path or "")
        self.records = Diary()
        self._build()
        if settled is None:
            self._settle()
            self._live_history()
        elif isinstance(settled, Checkpoint):
            settled.put_cells(self)
        else:
            self.body.take(settled.body)
            for name in ("tissue", "tract", "safety", *self.STATE):
                setattr(self, name, copy.deepcopy(getattr(settled, name)))
        self._hold(scenario.clamp if self.treated else ())
        if not self._adult:
            self._come_of_age()
        if self.engine == REFERENCE and getattr(self.tissue.cells, "model", None) is not self:
            self.tissue.cells = ReferenceCells(self, self.tissue, self.rules)
        if not isinstance(settled, Checkpoint):
            self._record(self._this_morning(self._changed()[0]), [self.safety.readout(self._felt())])

    # ---- before the first day

    def _own_rules(self, rules: object, settled: TestisModel | Checkpoint | None) -> dict[str, Rule]:
        own = dict(guard.mapping(rules, "rules", '{"germ.on_entering": my_function}'))
        with_own(own)
        if own and self.engine != REFERENCE:
            raise TestisError(
                f"rules ({', '.join(own)}): a rule in Python cannot run within compiled loops; give engine='reference' too, or "
                "change named rates and numbers with modify()"
            )
        if isinstance(settled, TestisModel) and settled.rules.keys() != own.keys():
            raise TestisError("settled: that man was settled under other rules; give him the same")
        return own

    def _build(self) -> None:
        """Make the man, not yet settled, and plan his doses."""
        case, values, man = self.case, self.values, self.man
        known, given = self.drugs or case.drugs, case.therapy if self.treated else ()
        names = dict.fromkeys([*(part.drug for part in case.man.history), *(therapy.drug for therapy in given)])
        kinetics = Kinetics.of([known[name] for name in names])
        release = max(kinetics.release, default=0.0)
        self.regimen = Regimen(given, release, case.samples.assay, man=man, key=(self.seed,))
        self.body = Body(axis_parameters(values, man), kinetics)
        size = case.tissue
        self.tissue = Tissue(values, man, size.tubules, size.sertoli_per_tubule, self.seed, size.rows, size.stages)
        self.tract = Tract(tract_parameters(values, man))
        self.safety = Safety(values, Felt(1.0, 1.0, 1.0))
        self.report = NORMAL
        self.own = np.zeros(1, HELD)
        self.flux = np.zeros(_FLUX_DAYS, _FLUX)
        self.maturity = np.array([man[name] for name in MATURITY])
        self._sperm = sperm_per_release(values, man, self.tissue.sertoli_count)

    def _settle(self) -> None:
        """Bring body, tissue and tract to the man's own untreated steady state."""
        tissue, body, tract = self.tissue, self.body, self.tract
        if self.rules:  # without any, compiled loops find the same steady state sooner
            tissue.cells = ReferenceCells(self, tissue, self.rules)
        free = Planned.of(np.zeros((1, 2 * HOURS, len(body.kinetics.names))))
        pressure, standing = 0.0, [rule for rule in self.own_rules if rule.standing]
        work = [np.zeros(1) for _ in standing]
        for turn in range(own_rules.TURNS):
            p, change, _ = together(own_rules.changes(standing, 0.0, work), tissue.p, tissue.sertoli_count)
            body.settle(self.report)
            blood = body.day(self.report, free, pressure)
            self.report = tissue.settle_soma(blood, p, change)
            pressure = tract.pressure(self._testis_oestradiol())
            if turn < 12:
                tissue.expect_germ_line(p)
            elif turn == 12 or (turn > 25 and turn % 8 == 0):
                tissue.settle_germ_line(p)
            found = own_rules.at_work(standing, 0.0, partial(sensing.read, self, pressure))
            if turn >= 25 and own_rules.settled(standing, work, found, own_rules.ABOUT):
                break
            work = own_rules.damped(turn, work, found)
        else:
            own_rules.refuse_unsettled(standing)
        self._check()
        self.own = own_levels(
            {
                **self.means,
                "intratesticular_testosterone_nmol_l": self.report.testosterone_nmol_l,
                "intratesticular_oestradiol_nmol_l": self.report.oestradiol_nmol_l,
            }
        )
        days = tissue.live_on(_TRANSIT_DAYS, p)
        self._keep_flux(days)
        self.flux = self.flux[-_FLUX_DAYS:]
        arriving = [self._arriving(day) for day in days]
        conditions = self.report.androgen_signal, blood.tract_androgen, self._testis_oestradiol()
        tract.settle(Arriving(*np.mean(arriving, axis=0).tolist()), *conditions)
        for of_day in arriving:
            tract.day(of_day, *conditions)
        self.safety = Safety(self.values, self._felt())

    def _testis_oestradiol(self) -> float:
        """Return intratesticular oestradiol relative to the reference man: it leaves with the fluid."""
        return self.report.oestradiol_nmol_l / self.tissue.scale.oestradiol

    def _arriving(self, germ: np.void, harm: float = 0.0, opened: float = 1.0, pace: float = 1.0) -> Arriving:
        """Return what the tract gets of a day of the germ line (GERM_DAY)."""
        live = germ["live"], tubules.live(self.tissue.shares), self.tract.p.delivery_exponent
        sperm, freed = (float(delivered(germ[name], *live) * self._sperm) for name in ("of_side", "freed_of_side"))
        return Arriving(sperm, harm, opened, freed, pace)

    def _felt(self) -> Felt:
        """Return what tissues beyond testis and tract felt in the day before this morning."""
        return felt(self.body.means[0], self.values)

    def _told(self) -> np.ndarray:
        """Return what the germ line did in the day before this morning, (1,) of GERM_DAY."""
        told, tissue = np.zeros(1, kernel.GERM_DAY), self.tissue
        kernel.tell_day(tissue.events.arrays(), tissue.columns.sertoli.arrays(), tissue.levels.shape, told)
        return told

    def _keep_flux(self, days: np.ndarray) -> None:
        """Keep what the germ line did in some days (GERM_DAY) behind the cycle before."""
        flux = np.zeros(_FLUX_DAYS + len(days), _FLUX)
        flux[:_FLUX_DAYS] = self.flux[-_FLUX_DAYS:]
        for name in _FLUX.names or ():
            flux[name][_FLUX_DAYS:] = days[name]
        self.flux = flux

    @property
    def means(self) -> dict[str, float]:
        """Return the means of the last 24 h of blood by name (axis.DAY)."""
        return named(self.body.means[0])

    def _check(self) -> None:
        """Stop when the man leaves the range in which the equations mean anything."""
        means = self.body.means
        if is_physical(means[0]):
            return
        what = beyond(means[0])
        labels = [rule.label for rule in self.own_rules]
        own: dict[str, Iterable[str]] = {"rules": [*self.rules, *labels], "modifiers": self.modifiers}
        looks = [f"your own {kind} ({', '.join(names)})" for kind, names in own.items() if names]
        fix = f"look at {' and '.join(looks)}, " if looks else ""
        raise TestisError(f"day {self.day}: {what}; {fix}lower the doses, or bring the man's physiology nearer to 1")

    # ---- a day

    def step(self) -> None:
        """Live day `day` and record the morning of the next."""
        self._live_days(1)

    def _whole_step(self) -> None:
        """Let Mesa take a step; an interrupt waits until it has."""
        with interrupt.held():
            self._step()

    def run_for(self, duration: float) -> None:
        """Run for `duration` days: as many at once as go by without anything that looks at the man, the rest step by step.

        The same, bit for bit, as so many steps. What looks: events of the user's own, `observers`, a `step` of a
        subclass, samples, doses that hang on a measurement, rules that are functions of the model.

        Raises:
            TestisError: if `duration` is no number of days above 0 up to a million.
        """
        if guard.is_number(duration) and duration <= 0:
            raise TestisError(f"duration: {duration:g} is out of range; allowed: above 0 to {_LONGEST_RUN:g} days")
        duration = guard.number(duration, 0, _LONGEST_RUN, "duration", "days")
        end = self.time + duration
        if mesa_clock.stepping(self):
            super().run_for(duration)
            return
        while self.time < end:
            with interrupt.held():
                if (days := self._at_once(end)) > 1:
                    self._live_days(days)
                    mesa_clock.pass_steps(self, days)
                    self._lived_at = self.time
                else:
                    super().run_for(min(1.0, end - self.time))

    def run_until(self, end_time: float) -> None:
        """Run until that time, as `run_for` does."""
        end_time = guard.number(end_time, -_LONGEST_RUN, _LONGEST_RUN, "end_time", "days")
        if end_time > self.time:
            self.run_for(end_time - self.time)
        else:
            super().run_until(end_time)

    def _at_once(self, until: float) -> int:
        """Return how many days up to time `until` can be lived in one call."""
        watched = self.observers or type(self).step is not TestisModel.step
        if watched or self.engine == REFERENCE or not self._flows():
            return 1
        most = min(mesa_clock.steps_ahead(self, until), self.days_a_call)
        if self.day < self.last_day:
            most = min(most, self.last_day - self.day)
        looked = () if self.brief else self.sampled
        ahead = min((day - self.day for day in looked if day > self.day), default=most)
        most = self.injuries.quiet(self.day, min(most, ahead))
        return self.regimen.quiet(self.day, most, self.records) if most > 1 else most

    def _flows(self) -> bool:
        """Return whether days follow one another without Python in between."""
        weighed = self.treated and bool(self.case.weight)
        changing = any(rule.ends > self.day for rule in self.own_rules)
        steady = self.modifiers.steady and not changing
        return self._adult and not weighed and steady and not any(kind.day for kind in FURTHER)

    @property
    def days_a_call(self) -> int:
        """Return how many days one call may live, so that an interrupt is heard within a second."""
        return max(1, round(_LONGEST_CALL / (_DAY_SECONDS + _CELL_SECONDS * self.tissue.columns.germ.total)))

    def _live_history(self) -> None:
        """Live through what the man was given before the plan begins, from his own steady state."""
        day, doses = past_doses(self.case.man.history)
        first = self.day
        while day < 0:
            days = min(-day, self.days_a_call) if self.engine != REFERENCE and self._flows() else 1
            self.day = first + day
            self._live(Planned.of(doses_by_day(self.body.kinetics, doses, day, days)))
            day += days
        self.day, self.safety.bone, self.safety.scanned = first, 0.0, 0.0

    def _live_days(self, days: int) -> None:
        """Live some days (more than one if nothing looks at them) and record the mornings after them."""
        started = time.perf_counter()
        self._strike()
        doses = self.regimen.days(self.day, days, self._measured, self.records)
        held = held_by_day(self.clamps, self.own, self.values, range(self.day, self.day + days))
        pace = pace_of(self.case.samples, range(self.day, self.day + days))
        lived, safety = self._live(Planned(doses_by_day(self.body.kinetics, doses, self.day, days), held, pace))
        self.engine_seconds += time.perf_counter() - started
        self.day += days
        self._weigh()
        self._record(lived, safety)
        self.flux = self.flux[-_FLUX_DAYS:]
        self._lived_at = self.time
        if self.day >= self.last_day:
            self.running = False
        for observer in self.observers:
            observer(self)

    def _strike(self) -> None:
        """Let the insults of this morning act."""
        for blow in self.injuries.blows(self.day):
            before = float(self.tissue.columns.sertoli.present.mean())
            self.tissue.strike(blow)
            if np.any(blow.removed) and before > 0.0:  # the blood of this day gets nothing from it any more
                left = float(self.tissue.columns.sertoli.present.mean()) / before
                less = {name: getattr(self.report, name) * left for name in SECRETIONS}
                self.report = self.report._replace(**less)
            if blow.stored > 0.0:
                self.tract.hurt(blow.stored)

    @property
    def germ_cells_live(self) -> bool:
        """Whether some stem cell of the whole man is expected to live, whatever the tissue holds."""
        return self.injuries.founders(self._niches(), self.day) >= 1.0

    def _niches(self) -> float:
        """Return how many niches of the man hold stem cells."""
        return float(
            self.values["tissue.sertoli_per_man"] * self.man["sertoli_number"] * self.man["germ_cell_endowment"]
        )

    def _live(self, planned: Planned) -> tuple[Lived, list[SafetyDay]]:
        """Live the days that are `planned`; return what they were."""
        p, change, self.modified = self._changed()
        compiled = self.engine != REFERENCE and not any(kind.day for kind in FURTHER)
        lived = (self._in_one_call if compiled else self._one_day)(planned, p, change)
        self._keep_flux(lived.germ)
        safety = []
        for day in lived.blood:
            feels = felt(day, self.values)
            self.safety.day(feels)
            if not self.brief:
                safety.append(self.safety.readout(feels))
        if not self._adult:
            self._mature(float(lived.blood["lh_activity"][-1]))
        return lived, safety

    def _changed(self) -> tuple[TissueParameters, np.ndarray, list[tuple[Any, ...]]]:
        """Return numbers of the tissue and change of the rates on the day that begins (changes.together)."""
        count = self.tissue.sertoli_count
        read = partial(sensing.read, self, self.tract.back_pressure)
        work = own_rules.at_work(self.own_rules, self.day, read)
        every = [*self.modifiers.today(self, count), *own_rules.changes(self.own_rules, self.day, work)]
        return together(every, self.tissue.p, count)

    def _in_one_call(self, planned: Planned, p: TissueParameters, change: np.ndarray) -> Lived:
        """Live days in compiled code, by any number of threads."""
        body, tract, tissue = self.body, self.tract, self.tissue
        count = len(planned.held)
        lived = Lived.none(count, len(body.kinetics.names), surveyed=not self.brief)
        testis = np.array([self.report], TESTIS)
        scale = tissue.scale
        numbers = cell_days.Numbers(
            body.numbers,
            tract.numbers,
            numbers_of(p),
            change,
            self._sperm,
            self.injuries.open(self.day),
            float(tubules.live(tissue.shares)),
            tissue.leydig_weight,
            tissue.levels.entering,
            float(scale.oestradiol),
        )
        day, begun = 0, False
        while True:
            events = tissue.events if begun else Events.none(self.tissue.geometry.tubules)
            cells, steroids = tissue.columns.arrays(), tissue.levels.arrays()
            tissue.events = events
            man = cell_days.Man(
                body.state, testis, body.drugs, tract.state, tract.store, cells, steroids, events.arrays()
            )
            days = partial(cell_days.advance, man, numbers, planned, lived, day, begun, tissue.now)
            day = tissue.columns.together(days)
            if day == count:
                break
            self.body.means, self.day = lived.blood[day : day + 1].copy(), self.day + day
            self._check()
            self.day -= day
            tissue.columns.give_room(events)
            begun = True
        tissue.now += count
        self.body.means, self.report = lived.blood[-1:].copy(), TestisDay(*lived.testis[-1].item())
        return lived

    def _one_day(self, planned: Planned, p: TissueParameters, change: np.ndarray) -> Lived:
        """Live a day with cells that are moved in Python."""
        blood = self.body.day(self.report, planned, self.tract.back_pressure)
        self._check()
        self.report = self.tissue.day(blood, p, change)
        germ = self._told()[0]
        harm = float(germ["injury"] / germ["released"]) if germ["released"] > 0 else 0.0
        arriving = self._arriving(germ, harm, self.injuries.open(self.day), float(planned.pace[0]))
        self.tract.day(arriving, self.report.androgen_signal, blood.tract_androgen, self._testis_oestradiol())
        return self._this_morning(p)

    def _this_morning(self, p: TissueParameters | None = None) -> Lived:
        """Return the day that ended this morning; `p`: numbers of the tissue that day, if not its own."""
        testis = np.array([self.report], TESTIS)
        pressure = np.array([self.tract.back_pressure])
        levels, cells = self.body.drugs.levels[None].copy(), self.tissue.survey(self.tract.back_pressure, p)
        return Lived(self.body.means, testis, self._told(), pressure, levels, cells)

    @property
    def _adult(self) -> bool:
        return is_adult(self.man)

    def _mature(self, lh_activity: float) -> None:
        """Let an immature testis come of age by what the day brought."""
        report = self.report
        reached = matured(self.man, lh_activity, report.fsh_signal * report.androgen_signal, 1.0, self.values)
        self.maturity = np.array([reached[name] for name in MATURITY])
        self._come_of_age()

    def _come_of_age(self) -> None:
        """Give the tissue the numbers of the present maturity."""
        self.man |= dict(zip(MATURITY, self.maturity.tolist(), strict=True))
        self.tissue.p = tissue_parameters(self.values, self.man)[0]

    def _weigh(self) -> None:
        """Let fat, GnRH, SHBG, heat and glands follow the body mass index of this morning, if the treatment changes it."""
        if self.treated and self.case.weight:
            self.man |= weighed(self.case.man.physiology, bmi_on(self.day, self.case.man.bmi, self.case.weight))
            self.body.change(axis_parameters(self.values, self.man))
            self.tissue.p = tissue_parameters(self.values, self.man)[0]

    def _measured(self, clause: Clause, day: int) -> float:
        """Return what the laboratory reports of the man now for a clause of a therapy, in its unit, with the draws of `day`."""
        if clause.column == "haematocrit_pct":
            return clause.in_unit(self.safety.haematocrit)
        if clause.in_semen:
            seen = vars(self.laboratory.semen(self.expected_semen(), (self.seed,), day))
        else:
            seen = self.laboratory.blood(self.means, (self.seed,), day)
        return clause.in_unit(seen[self.laboratory.column(clause.column)])

    # ---- what is kept

    def __repr__(self) -> str:
        arm = TREATED if self.treated else UNTREATED
        return f"<{type(self).__name__} {self.case.title!r}: {arm}, day {self.day}, {self.tissue.columns.germ.total:,} germ cells>"

    def _record(self, lived: Lived, safety: list[SafetyDay]) -> None:
        recording.record(self, lived, safety)

    def daily_production(self) -> float:
        """Return the sperm released a day over the last cycle, million per g of testis."""
        return float(self.per_gram(self.over_cycle(1)["released"])[0])

    def spermatids_lost(self) -> dict[str, float]:
        """Return the spermatids freed too early and not released a day over the last cycle, million per g of testis, by column."""
        cycle = self.over_cycle(1)
        return {f"{name}_million_g": float(self.per_gram(cycle[name])[0]) for name in LOST}

    def stem_cells(self) -> dict[str, float]:
        """Return A-pale and A-dark per Sertoli cell: `a_pale_per_sertoli`, `a_dark_per_sertoli`."""
        mean = self.tissue.counts() / self.tissue.present_count
        return {f"{steps.NAMES[step]}_per_sertoli": float(mean[step]) for step in (steps.A_PALE, steps.A_DARK)}

    def stem_clones(self) -> dict[int, int]:
        """Return the clones of stem cells that are alive: founder -> its A-dark and A-pale, which are descendants of one cell.

        Clones are counted from the beginning of the untreated steady state, or from the last `mark_stem_clones`.
        """
        germ = self.tissue.columns.germ
        rows = germ.rows()
        founders, cells = np.unique(germ.founder[rows[germ.step[rows] <= steps.A_PALE]], return_counts=True)
        return dict(zip(founders.tolist(), cells.tolist(), strict=True))

    def mark_stem_clones(self) -> None:
        """Begin to count clones of stem cells from now on: each one alive founds its own (0, 1, ...); others keep what they came from."""
        germ = self.tissue.columns.germ
        rows = germ.rows()
        stem = rows[germ.step[rows] <= steps.A_PALE]
        germ.founder[stem] = np.arange(len(stem))

    def per_gram(self, released: np.ndarray) -> np.ndarray:
        """Return how many million per g of testis and day so many released (freed, retained) in a cycle are."""
        there = self.tissue.present_count / self.tissue.sertoli_count
        mass = testis_mass(self.values) * self.man["sertoli_number"] * there
        return np.asarray(released / _FLUX_DAYS * self._sperm / mass)

    def over_cycle(self, days: int) -> dict[str, np.ndarray]:
        """Return the sums over the cycle that ends on each of the last mornings, (days,), of what the germ line did."""
        flux = self.flux.view(float).reshape(len(self.flux), -1).T
        summed = np.zeros((len(flux), flux.shape[1] + 1))
        flux.cumsum(axis=1, out=summed[:, 1:])
        cycles = summed[:, _FLUX_DAYS:] - summed[:, :-_FLUX_DAYS]
        return dict(zip(_FLUX.names or (), cycles[:, -days:], strict=True))

    def readouts(self) -> dict[str, float]:
        """Return what is read of the testis this morning, by column: of the cells, and of aromatase by site."""
        share = self.body.p.testicular_oestradiol_share
        cells = readouts.named(self.tissue.survey(self.tract.back_pressure))
        of_cells = {column: float(values[0]) for column, values in cells.items()}
        size = of_testis(self.man, *self.tissue.germ_cells(self.tissue.counts()), self.values)
        return of_cells | readouts.of_aromatase(self.report._asdict(), self.means, share) | size

    def expected_semen(self, rested: float | Sequence[float] | None = None) -> Semen:
        """Return this morning's ejaculate, without variation or counting error.

        `rested`: days of abstinence before it and before those before it (biology.tract.intervals_of; default: by the calendar
        of the scenario).

        Raises:
            ScenarioError: `rested` is none (guard.intervals).
        """
        return self.tract.semen(self.case.samples.rested(self.day) if rested is None else rested, self.man["bmi"])

    def semen_sample(self, day: int | None = None) -> Semen:
        """Return this morning's ejaculate as the laboratory reports it; its random draws are keyed to the day.

        Raises:
            ScenarioError: `day` is given and not the day that begins now.
        """
        return self.laboratory.semen(self.expected_semen(), (self.seed,), self._today(day))

    def blood_sample(self, day: int | None = None, hour: float | None = None) -> dict[str, Any]:
        """Return this morning's blood as the laboratory reports it, by column; its random draws are keyed to the day.

        Args:
            day: the day that begins now (default).
            hour: of the clock, 0 to 24, in the 24 h that ended this morning (default: `samples.blood_hour`; without that
                either, the means of those 24 h). LH and testosterone are then those of his pulses (biology/pulses.py).

        Raises:
            ScenarioError: `day` is given and not the day that begins now; for another hour.
        """
        hour = self.case.samples.blood_hour if hour is None else guard.hour(hour, "hour")
        held = held_by_day(self.clamps, self.own, self.values, range(self.day - 1, self.day))[0]
        at = sampled(hour, self.means, self.values, self.man["age"], held)
        return self.laboratory.blood(self.means, (self.seed,), self._today(day), at)

    def _today(self, day: int | None) -> int:
        fix = "a sample is taken of the man as he is now: leave day out, or bring him there with run_for() first"
        return self.day if day is None else guard.lived(day, self.day, self.day, fix)

    def cross_section(self) -> dict[str, Any]:
        """Return the cells and fields as they lie this morning, for a picture (see testis/section.py)."""
        return cross_section(self.tissue, self.day)

    # ---- histology

    def stages(self) -> np.ndarray:
        """Return the stage that each niche shows this morning, 1 (I) to 6 (VI), (tubules, rows along, around).

        0 where it holds no germ cells, which tell stages apart.
        """
        return self.tissue.stages_shown() + 1

    def stage_map(self) -> pd.DataFrame:
        """Return a row a niche with its place, stage and stem cells (see agents/histology.py)."""
        return histology.stage_map(self)

    def by_stage(self) -> pd.DataFrame:
        """Return a row a stage: its niches, their germ cells and deaths (see agents/histology.py)."""
        return histology.by_stage(self)

    def sections(self) -> pd.DataFrame:
        """Return a row a thin section: stages, nuclei by type, Johnsen score (see agents/histology.py)."""
        return histology.sections(self)

    def nuclei(self) -> pd.DataFrame:
        """Return a row a type of germ cell: counted in thin sections, corrected, and true (see agents/histology.py)."""
        return histology.nuclei(self)

    # ---- a user's own rules

    def modify(
        self, name: str, rates: str | Iterable[str], *, factor: Effect | None = None, added: Effect | None = None
    ) -> Modifier:
        """Change named rates from outside from the day that begins now: rate * factor + added.

        Args:
            name: what does it; a second modifier of the same name replaces the first.
            rates: of `steps.RATES` ("commitment", "spermiation", "pachytene_hazard", ...) or numbers of the tissue
                (`modifiers.NUMBERS`: "leydig_secretion", "sertoli_aromatase", ...).
            factor, added: a number, one for each Sertoli cell, or a function of the model that returns either each day;
                what is added to a hazard is per day.

        Raises:
            TestisError: for a rate that is not known or an amount that is no number; on the day, for one that does not
                fit.
        """
        return self.modifiers.change(name, rates, factor=factor, added=added)

    def clamp(self, quantity: str, level: object, *, from_: object = None, until: object = None) -> Clamp:
        """Hold a quantity at a level, whatever body and testis would make of it; a clamp of a scenario in Python.

        `model.clamp("intratesticular testosterone", "30 %", until="day 90")`

        Args:
            quantity, level: see scenario.Clamp.
            from_, until: days (default: from the day that begins now, of the plan at the earliest, for good).

        Raises:
            TestisError: see scenario.Clamp; the day is over; it does not go with another clamp or a therapy.
        """
        now = max(self.day, 0)
        until = {} if until is None else {"until": until}
        clamp = Clamp(quantity, level, from_=now if from_ is None else from_, **until)
        if clamp.from_day < now:
            raise TestisError(f"from: day {clamp.from_day:g} is over; the day that begins now is day {now}")
        clamps = (*self.clamps, clamp)
        therapies = self.case.therapy if self.treated else ()
        for problem in (*clashes(clamps, therapies), *without_place(clamps, self.injuries.insults)):
            raise TestisError(f"clamp {int(problem.path[0]) + 1}: {problem.text}")
        self._hold(clamps)
        return clamp

    def injure(self, kind: str, *, day: object = None, **given: Any) -> Insult:
        """Let an insult happen to the man: one of a scenario in Python.

        `model.injure("irradiation", dose="2.5 Gy")`

        Args:
            kind, given: see scenario.Insult.
            day: on whose morning it acts or begins (default: the day that begins now).

        Raises:
            TestisError: see scenario.Insult; the day is over; another excludes it, or the tissue is too small for it.
        """
        insult = Insult(kind, day=self.day if day is None else day, **given)
        if insult.day < self.day:
            raise TestisError(f"day: day {insult.day:g} is over; the day that begins now is day {self.day}")
        insults = (*self.injuries.insults, insult)
        for problem in faults(insults, self.case.plan, self.case.tissue):
            raise TestisError(f"insult {int(problem.path[0]) + 1}: {problem.text}")
        for problem in without_place(self.clamps, insults):
            raise TestisError(f"clamp {int(problem.path[0]) + 1}: {problem.text}")
        injuries = Injuries(insults, self.values)
        injuries.check(self.case.tissue, self._niches(), self.man["germ_cell_endowment"])
        self.injuries = injuries
        return insult

    def _hold(self, clamps: tuple[Clamp, ...]) -> None:
        """Take clamps, none of which goes beyond the physical range while the plan lasts."""
        held_by_day(clamps, self.own, self.values, range(max(self.day, 0), self.last_day + 1))
        self.clamps = clamps

    # ---- saving, resuming, branching

    def save(self, path: str | Path) -> Path:
        """Write the state to `path` (numbers only), to go on with `load`; see checkpoint.save for errors."""
        return checkpoint.save(self, path)

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Return the model that was saved in `path`; it goes on as the unbroken one would, bit for bit.

        No code is run from the file. What it cannot hold is what a user hung on: reporters, attributes, callbacks.

        Raises:
            TestisError: if the file is missing, damaged, of other rules, or needs the class that adds its modifiers or
                rules.
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


__all__ = ["GermCell", "LeydigCell", "SertoliCell", "TestisModel"]
