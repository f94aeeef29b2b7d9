"""Mean-field men through the plan and therapies of a scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from testis_abm.biology.days import HOURS
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.pharmacology import Kinetics, doses_by_day
from testis_abm.biology.pulses import sampled
from testis_abm.biology.safety import Safety, felt
from testis_abm.biology.semen import Semen
from testis_abm.man.clamps import held_by_day
from testis_abm.man.diary import Diary
from testis_abm.man.ejaculations import pace_of
from testis_abm.man.injuries import Injuries
from testis_abm.man.mean_field import ExpectedMan, mean_morning
from testis_abm.man.physiology import weighed
from testis_abm.man.regimen import RECORDS, Regimen, Stop
from testis_abm.scenario import bmi_on, past_doses
from testis_abm.support.cores import each

if TYPE_CHECKING:
    from testis_abm.parameters import Drug
    from testis_abm.scenario import Clause, Scenario


class Treatment:
    """The therapies of a scenario, for any number of mean-field men.

    Args:
        scenario: whose plan, therapies, weight changes, samples.
        drugs: rows of the drug table by name (default: the table's).
        history: whether the men share the history of the scenario's man.
        stop: when they leave their drugs (default: never).

    Attributes:
        ended: first day without doses of the man who was followed last (infinite: he never stopped).
    """

    def __init__(
        self,
        scenario: Scenario,
        drugs: Mapping[str, Drug] | None = None,
        *,
        history: bool = False,
        stop: Stop | None = None,
    ) -> None:
        self._stop = stop or Stop()
        self.ended = self._stop.day
        known = scenario.drugs if drugs is None else drugs
        self.scenario, self._known, self._history = scenario, known, history
        past = scenario.man.history if history else ()
        self._past = past_doses(past)
        names = [part.drug for part in past] + [therapy.drug for therapy in scenario.therapy]
        self.drugs = [known[name] for name in dict.fromkeys(names)]
        self.kinetics = Kinetics.of(self.drugs)
        apart = self.decides or scenario.weight or any(part.per or part.adherence < 1.0 for part in scenario.therapy)
        self._table = None if apart else self.doses()  # the doses that all men have

    def control(self) -> Treatment:
        """Return what happens to the same men untreated: their past alone."""
        return Treatment(self.scenario.untreated(), self._known, history=self._history)

    @property
    def past(self) -> bool:
        """Return whether the men have one, drugs or injuries, from which they go on recovering: they are in no steady state."""
        return self._past[0] < 0 or any(insult.past for insult in self.scenario.insult)

    @property
    def decides(self) -> bool:
        """Return whether measurements of the man decide on doses."""
        return self._stop.when is not None or any(therapy.when is not None for therapy in self.scenario.therapy)

    def man(self, values: Mapping[str, float], physiology: Mapping[str, float]) -> ExpectedMan:
        """Return a man at his steady state who can be taken through it: of its drugs, under its rules."""
        return ExpectedMan(values, physiology, self.kinetics, self.scenario.rule)

    def _regimen(self, man: Mapping[str, float] | None = None, key: Sequence[int] = (0,)) -> Regimen:
        case, release = self.scenario, max(self.kinetics.release, default=0.0)
        regimen = Regimen(case.therapy, release, case.samples.assay, man=man, key=key)
        regimen.stop = self._stop
        return regimen

    def doses(self, man: Mapping[str, float] | None = None, key: Sequence[int] = (0,)) -> np.ndarray:
        """Return what enters each depot on each day of the plan, (days, 48, substances), where no measurement decides."""
        regimen, diary = self._regimen(man, key), Diary(RECORDS)

        def none(clause: Clause, day: int) -> float:
            raise AssertionError("a plan without conditions measures nothing")

        days = self.scenario.plan.duration_days
        return doses_by_day(self.kinetics, regimen.days(0, days, none, diary), 0, days)

    def before(self, man: ExpectedMan) -> np.ndarray:
        """Take an untreated man through the history, if there is one; return its mornings."""
        begin, doses = self._past
        if begin == 0:
            return man.days[1:]
        lived = man.advance(doses_by_day(self.kinetics, doses, begin, -begin), first=begin)
        man.begin()
        return lived

    def follow(self, man: ExpectedMan, key: Sequence[int] = (0,)) -> ExpectedMan:
        """Take a man at steady state through the plan, from day 0 to its last; the samples that decide are keyed to `key`."""
        if self.decides or self.scenario.weight:
            return self._day_by_day(man, -self._baseline, key)
        doses = self.doses(man.man, key) if self._table is None else self._table
        self.up_to_day_0(man)
        self._live(man, doses, self.held(man, 0, len(doses)))
        return man

    @property
    def _baseline(self) -> int:
        # A man in his steady state stays there; one with a past goes on recovering through the baseline.
        return self.scenario.plan.baseline_days if self.past else 0

    def up_to_day_0(self, man: ExpectedMan) -> ExpectedMan:
        """Take a man at steady state through his past and the baseline; his days count from that morning on."""
        self.before(man)
        self._live(man, self.nothing(self._baseline), self.held(man, -self._baseline, self._baseline), -self._baseline)
        man.begin()
        return man

    def go_on(self, man: ExpectedMan, held: np.ndarray) -> ExpectedMan:
        """Take a man from day 0 on through days without drugs, (days,) of clamp.HELD, and their insults."""
        self._live(man, self.nothing(len(held)), held)
        return man

    def nothing(self, days: int) -> np.ndarray:
        """Return the doses of days on which nothing is given, (days, 48, substances)."""
        return np.zeros((days, 2 * HOURS, len(self.kinetics.names)))

    def _live(self, man: ExpectedMan, doses: np.ndarray, held: np.ndarray, first: int = 0) -> None:
        """Take a man through the days of `doses` from `first` on, and their insults."""
        injuries, lived = Injuries(self.scenario.insult, man.values), 0
        while lived < len(doses):
            day = first + lived
            days = injuries.quiet(day, len(doses) - lived)
            _strike(man, injuries, day)
            part = slice(lived, lived + days)
            man.advance(doses[part], held[part], pace_of(self.scenario.samples, range(day, day + days)), day)
            lived += days

    def held(self, man: ExpectedMan, first: int, days: int) -> np.ndarray:
        """Return what the plan holds in a man on `days` from `first` on, (days,) of clamp.HELD."""
        return held_by_day(self.scenario.clamp, man.own, man.values, range(first, first + days))

    def _day_by_day(self, man: ExpectedMan, first: int, key: Sequence[int]) -> ExpectedMan:
        regimen, diary, case, present = self._regimen(man.man, key), Diary(RECORDS), self.scenario, man.man
        safety, injuries = Safety(man.values, felt(man.rest, man.values)), Injuries(case.insult, man.values)
        for row in self.before(man):
            safety.day(felt(row, man.values))

        def measure(clause: Clause, day: int) -> float:
            if clause.column == "haematocrit_pct":
                return clause.in_unit(safety.haematocrit)
            return self._measured(clause, man, key, day)

        for day in range(first, case.plan.duration_days):
            if day == 0:
                man.begin()
            doses = regimen.day(day, measure, diary)
            _strike(man, injuries, day)
            pace = pace_of(case.samples, range(day, day + 1))
            man.advance(doses_by_day(self.kinetics, doses, day, 1), self.held(man, day, 1), pace, day)
            safety.day(felt(man.days[-1], man.values))
            if case.weight:
                man.change({**man.man, **weighed(present, bmi_on(day + 1, present["bmi"], case.weight))})
        self.ended = regimen.ended(diary)
        return man

    def _measured(self, clause: Clause, man: ExpectedMan, key: Sequence[int], day: int) -> float:
        """Return what the laboratory reports of the man now, in the unit of the clause, with the random draws of `day`."""
        laboratory = Laboratory(man.values, self.scenario.samples.assay)
        if clause.in_semen:
            seen = vars(laboratory.semen(Semen(**man.semen(self.scenario.samples.rested(day))), key, day))
        else:
            true = mean_morning(man.days[-1:])
            at = sampled(
                self.scenario.samples.blood_hour, true, man.values, man.man["age"], self.held(man, day - 1, 1)[0]
            )
            seen = laboratory.blood(true, key, day, at)
        return clause.in_unit(seen[laboratory.column(clause.column)])


def _strike(man: ExpectedMan, injuries: Injuries, day: int) -> None:
    """Let the insults of a morning act on a man."""
    for blow in injuries.blows(day):
        man.strike(blow)
    man.open = injuries.open(day)


class Life(NamedTuple):
    """A man's physiology by field, his parameters (dotted, completed), and what is done to him."""

    man: Mapping[str, float]
    values: Mapping[str, float]
    treatment: Treatment


def treat[Kept](
    lives: Sequence[Life],
    look: Callable[[ExpectedMan], Kept],
    *,
    seed: int = 1,
    begin: Callable[[], None] = lambda: None,
) -> list[Kept]:
    """Take men from their own steady state through their treatments, on all cores; return `look(man)` of each at the end.

    `seed` and a man's place are the key of the measurements that decide on his doses; `begin` is called as each begins.
    """

    def one(numbered: tuple[int, Life]) -> Kept:
        begin()
        i, (physiology, values, treatment) = numbered
        return look(treatment.follow(treatment.man(values, physiology), (seed, i)))

    return each(one, list(enumerate(lives)))
