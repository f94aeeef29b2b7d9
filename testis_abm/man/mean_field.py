"""One mean-field man: made from parameters and a physiology, at once in his steady state, then through any regimen day by day.

A row of his days describes a morning, before that day's doses (see agents/model.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm import parameters
from testis_abm.biology import readouts
from testis_abm.biology.axis import lh_activity
from testis_abm.biology.days import SECRETIONS, named, packed
from testis_abm.biology.injury import Blow
from testis_abm.biology.lesions import share_delivered
from testis_abm.biology.leydig import er_alpha_signal
from testis_abm.biology.pharmacology import Depots, Kinetics
from testis_abm.biology.semen import Semen
from testis_abm.biology.sertoli import Response, oestrogen_signal, signals
from testis_abm.biology.size import of_testis
from testis_abm.biology.tract import Emptied, ejaculate, intervals_of, rest, spilled
from testis_abm.man import course, own_rules
from testis_abm.man.body import Planned
from testis_abm.man.clamps import own_levels
from testis_abm.man.course import MORNING, Numbers, State
from testis_abm.man.physical import HIGHEST_TESTOSTERONE, beyond
from testis_abm.man.physiology import axis_parameters, is_adult, matured, testis_mass, tract_parameters
from testis_abm.parameters import Drug
from testis_abm.parameters.tubules import COMPLETE, live, tubules
from testis_abm.quantities import LOST_SPERMATIDS
from testis_abm.scenario import grammar
from testis_abm.support import guard
from testis_abm.support.cores import over_parts
from testis_abm.support.errors import TestisError
from testis_abm.testis.build import sertoli_number, tissue_parameters
from testis_abm.testis.changes import UNCHANGED, Change, together
from testis_abm.testis.mean import Scale, strike

if TYPE_CHECKING:
    from testis_abm.scenario import Rule

_CYCLE = 16  # days over which production is averaged, as the agent-based model does
_WEEK = 7  # days after which an immature testis is looked at again
_HISTORY = 192  # days whose sperm an ejaculate may still hold


def _numbers(values: Mapping[str, float], man: Mapping[str, Any]) -> Numbers:
    """Return a man's numbers; of many men, arrays (see tissue_parameters)."""
    p, scale = tissue_parameters(values, man)
    own, tract = tubules(man), tract_parameters(values, man)
    of_cells = Scale(
        scale.testosterone,
        scale.oestradiol,
        scale.testosterone_free,
        scale.oestradiol_free,
        scale.blood_entry,
        scale.blood_oestradiol_entry,
        values["tissue.leydig_per_sertoli"],
        1.0 - man["leydig_patches"],
        own.complete,
        own.reduced,
        own.arrested,
        own.hyalinised,
        share_delivered(live(own), tract.delivery_exponent),
    )
    sperm = values["tissue.sertoli_per_man"] * sertoli_number(values, man) / 1e6
    return Numbers(axis_parameters(values, man), p, of_cells, tract, sperm)


class ExpectedMan:
    """A man's expectation: in his untreated steady state when made, then advanced by days under doses.

    Args:
        values: dotted parameter name -> value, completed (`physiology.complete`).
        man: physiology field -> value.
        drugs: rows of the drug table that will be given, or their Kinetics.
        rules: of his cells (scenario.Rule); under those that always hold he finds his steady state.

    Attributes:
        own: levels of his untreated steady state that can be held, (1,) of clamp.HELD.
        open: share of the testes that are there whose duct is open, from this morning on.
        days: (1 + days lived,) of MORNING, the mornings since he was untreated, or since `begin` was called.
    """

    def __init__(
        self,
        values: Mapping[str, float],
        man: Mapping[str, float],
        drugs: Sequence[Drug] | Kinetics = (),
        rules: Sequence[Rule] = (),
    ) -> None:
        guard.entries(values, parameters.load(), "values", "physiology.complete(parameters.values())")
        guard.entries(man, parameters.physiology(), "man", "testis_abm.load(...).man.physiology")
        self.values = values
        self.kinetics = drugs if isinstance(drugs, Kinetics) else Kinetics.of(drugs)
        own_rules.check_mean_field(rules)
        self.rules = tuple(rules)
        self._drugs = self.kinetics.depots(levels=own_rules.follow_levels(rules))
        self._become(man)
        self._settle()
        self.own = own_levels(named(self.rest))
        self._earlier = np.repeat(self.days, _HISTORY - 1)
        self.open = 1.0
        self._hurts: list[tuple[int, float]] = []

    def _settle(self) -> None:
        """Bring him to his steady state under the rules that always hold."""
        standing = [rule for rule in self.rules if rule.standing]
        work = [np.zeros(1) for _ in standing]
        for turn in range(own_rules.TURNS):
            self._state = State.new(self._numbers.tissue)
            self.days = np.zeros(1, MORNING)
            self.days["bmi"] = self.man["bmi"]
            numbers, change = self._under(own_rules.changes(standing, 0.0, work))
            course.settle(self._state, numbers, change, self.days)
            found = own_rules.at_work(standing, 0.0, self._read(0.0))
            if own_rules.settled(standing, work, found, own_rules.ENOUGH):
                return
            work = own_rules.damped(turn, work, found)
        own_rules.refuse_unsettled(standing)

    def _under(self, changes: Iterable[Change]) -> tuple[np.ndarray, np.ndarray]:
        """Return his numbers (packed) and the change of rates of a day."""
        p, change, _ = together(changes, self._numbers.tissue, 1)
        if p is self._numbers.tissue:
            return self._packed, change
        return packed(self._numbers._replace(tissue=p)), change

    def _read(self, day: float) -> own_rules.Read:
        """Return what reads him for the rules of the day that begins."""
        morning, p, scale = named(self.days[-1]), self._numbers.tissue, self._numbers.scale
        testosterone = morning["intratesticular_testosterone_nmol_l"]
        oestradiol = morning["intratesticular_oestradiol_nmol_l"]
        response = Response(morning["androgen"], morning["adhesion"], morning["fsh_sensed"], morning["lack"])
        within = {
            "testosterone": testosterone,
            "oestradiol": oestradiol,
            "free_testosterone": testosterone * scale.testosterone_free,
            "free_oestradiol": oestradiol * scale.oestradiol_free,
            **signals(response, morning["back_pressure"], p)._asdict(),
        }

        def read(signal: grammar.Signal, by_cell: bool) -> float:
            if signal.where == grammar.PLAN:
                return day
            if signal.where == grammar.DRUG:
                return own_rules.drug_level(signal.key, self.kinetics, self._drugs.levels)
            if signal.where == grammar.BLOOD:
                return float(morning[signal.key] * signal.per)
            return float(within[signal.key])

        return read

    def __repr__(self) -> str:
        return f"<ExpectedMan, day {len(self.days) - 1}>"

    @property
    def rest(self) -> np.void:
        """Return the morning of day 0, before anything is given (MORNING)."""
        first: np.void = self.days[0]
        return first

    @property
    def numbers(self) -> Numbers:
        """Return what is fixed about him as long as his physiology is."""
        return self._numbers

    @property
    def state(self) -> State:
        """Return his state this morning, but for his drugs."""
        return self._state

    @property
    def drugs(self) -> Depots:
        """Return the amounts of his drugs in him this morning."""
        return self._drugs

    def change(self, man: Mapping[str, float]) -> None:
        """Give the man another physiology from this morning on (weight, for one), his state unchanged."""
        self._become(man)
        self.days["bmi"][-1] = man["bmi"]

    def strike(self, blow: Blow) -> None:
        """Let a blow fall upon him this morning."""
        testis, p = self._state.testis, self._numbers.tissue
        before = float(testis.lines[COMPLETE].present.sum())
        for line in testis.lines:
            strike(line, testis.calendar[0], float(p.niche.a_pale_room * p.niche.a_pale_present), blow)
        if np.any(blow.removed) and before > 0.0:  # the blood of this day gets nothing from it any more
            left = float(testis.lines[COMPLETE].present.sum()) / before
            for name in SECRETIONS:
                self._state.secreted[name] *= left
        if blow.stored > 0.0:
            course.hurt(self._state, self._packed, float(blow.stored))
            self._hurts.append((len(self.days) - 1, float(blow.stored)))

    def _become(self, man: Mapping[str, float]) -> None:
        self.man = dict(man)
        self._numbers = _numbers(self.values, man)
        self._packed = packed(self._numbers)

    def advance(
        self, doses: np.ndarray, held: np.ndarray | None = None, pace: np.ndarray | None = None, first: int = 0
    ) -> np.ndarray:
        """Live the days of `doses`; return the mornings after them.

        Args:
            doses: (days, 48, substances), see pharmacology.doses_by_day.
            held: what is clamped, (days,) of clamp.HELD (default: nothing).
            pace: of ejaculations, (days,), over one every three days (default: 1).
            first: which day of the plan the first of them is, for rules that begin or end.
        """
        doses = np.ascontiguousarray(doses)
        planned = Planned.of(doses, held, pace)
        if any(rule.ends > first and rule.begins < first + len(doses) for rule in self.rules):
            days = range(len(doses))
            return _joined(*(self._advance(planned.part(day, day + 1), first + day) for day in days))
        if is_adult(self.man) or len(doses) <= _WEEK:
            return self._advance(planned)
        return _joined(*(self._advance(planned.part(day, day + _WEEK)) for day in range(0, len(doses), _WEEK)))

    def _advance(self, planned: Planned, day: int | None = None) -> np.ndarray:
        """Live the days that are `planned`; under rules a single one, `day`."""
        rows = np.zeros(len(planned.held), MORNING)
        rows["bmi"] = self.man["bmi"]
        numbers, change = self._packed, UNCHANGED
        if day is not None:
            work = own_rules.at_work(self.rules, day, self._read(day))
            numbers, change = self._under(own_rules.changes(self.rules, day, work))
        course.advance(self._state, numbers, self._drugs, planned, float(self.open), change, rows)
        highest = rows[int(np.argmax(rows["testosterone_nmol_l"]))] if len(rows) else self.rest
        if not highest["testosterone_nmol_l"] <= HIGHEST_TESTOSTERONE:
            raise TestisError(f"{beyond(highest)}; lower the doses, or bring the man's physiology nearer to 1")
        self.days = _joined(self.days, rows)
        if not is_adult(self.man) and len(rows):
            self._mature(rows)
        return rows

    def _mature(self, rows: np.ndarray) -> None:
        """Let an immature testis come of age by what the days of `rows` brought."""
        mean, p, axis = mean_morning(rows), self._numbers.tissue, self._numbers.axis
        activity = lh_activity(mean["lh_iu_l"] / axis.lh_reference, mean["hcg_iu_l"], axis)
        signal = signals(Response(mean["androgen"], mean["adhesion"], mean["fsh_sensed"], 0.0), 0.0, p)
        support = signal.fsh * signal.androgen
        self.change({**self.man, **matured(self.man, activity, support, len(rows), self.values)})

    def semen(self, rested: float | Sequence[float] = 3.0, day: int | None = None) -> dict[str, float]:
        """Return the expected ejaculate of the morning of `day` (default: of the last), named as the semen table.

        `rested`: days of abstinence before it, and before those before it (tract.intervals_of).
        """
        rows = self._mornings(day)
        last = rows[-1]
        return vars(ejaculate(rows[::-1], last["glands"], last["fluid"], rested, last["bmi"], self._numbers.tract))

    def spilled(self, rested: float | Sequence[float], day: int | None = None) -> float:
        """Return how many million sperm have spilled into the urine since the last ejaculate before the morning of `day`."""
        return spilled(self._mornings(day)[::-1], rested, self._numbers.tract)

    def daily_production(self, day: int | None = None) -> float:
        """Return the sperm released a day over the cycle before the morning of `day` (default: the last), million per g."""
        return self._per_gram("released_million", day)

    def spermatids_lost(self, day: int | None = None) -> dict[str, float]:
        """Return spermatids freed too early and not released a day, as `daily_production` does, by column."""
        return {f"{name}_million_g": self._per_gram(f"{name}_million", day) for name in LOST_SPERMATIDS}

    def _per_gram(self, of: str, day: int | None) -> float:
        """Return the mean of a column (million a day) over the cycle before a morning, million per g."""
        rows = self._mornings(day)
        there = float(rows["testes"][-1]) or 1.0
        return float(rows[of][-_CYCLE:].mean() / (testis_mass(self.values) * self.man["sertoli_number"] * there))

    def readouts(self, day: int) -> dict[str, float]:
        """Return what is read of the testis on the morning of a day, by column: of the cells, and of aromatase by site."""
        morning, numbers = named(self.days[self._lived(day)]), self._numbers
        p = numbers.tissue
        response = Response(morning["androgen"], morning["adhesion"], morning["fsh_sensed"], morning["lack"])
        signal = signals(response, morning["back_pressure"], p)
        local = morning["intratesticular_oestradiol_nmol_l"] * numbers.scale.oestradiol_free
        oestrogen = {
            (readouts.LEYDIG, "er_alpha"): er_alpha_signal(local, p),
            (readouts.SERTOLI, "er_alpha"): oestrogen_signal(local, p.receptor.er_alpha_sensitivity, p),
            (readouts.SERTOLI, "er_beta"): oestrogen_signal(local, p.receptor.er_beta_sensitivity, p),
        }
        testis = morning | dict.fromkeys(
            ("aromatase_inhibition", "leydig_inhibition", "niche_inhibition"), morning["inhibition_testis"]
        )
        return {
            **readouts.of_mean_cells(signal, oestrogen, p),
            **readouts.of_aromatase(testis, morning, numbers.axis.testicular_oestradiol_share),
            **of_testis(self.man, morning["germ_per_sertoli"], morning["testes"], self.values),
        }

    def _mornings(self, day: int | None) -> np.ndarray:
        """Return the last rows up to the morning of `day` (default: the last), the past included."""
        known = self.days if day is None else self.days[: self._lived(day) + 1]
        rows = _joined(self._earlier, known)[-_HISTORY:]
        for morning, harm in self._hurts:
            if morning < len(known) - 1:  # what was in store then, and not yet hurt in the rows
                course.hurt_mornings(rows[: len(rows) - (len(known) - 1 - morning)], self._packed, harm)
        return rows

    def _lived(self, day: int) -> int:
        return guard.lived(day, 0, len(self.days) - 1, "let him live on with advance() first")

    def begin(self) -> None:
        """Count days from this morning on: what has been lived so far is his past."""
        self._earlier, lived = self._mornings(None)[:-1], len(self.days) - 1
        self._hurts = [(0, harm) for morning, harm in self._hurts if morning == lived]
        self.days = self.days[-1:].copy()


def _plain(rows: np.ndarray) -> np.ndarray:
    return rows.view(float).reshape(len(rows), MORNING.itemsize // 8)


def _joined(*parts: np.ndarray) -> np.ndarray:
    """Return MORNING rows one after another (numpy joins records field by field, which takes longer than to live them)."""
    return np.concatenate([_plain(rows) for rows in parts]).view(MORNING)[:, 0]


def mean_morning(rows: np.ndarray) -> dict[str, float]:
    """Return the mean of MORNING rows, by name."""
    return named(_plain(rows).mean(axis=0).view(MORNING)[0])


def steady_state(values: Mapping[str, float], man: Mapping[str, float], *, abstinence: float = 3.0) -> dict[str, float]:
    """Return a man's untreated levels and semen: MORNING and the semen table's names (after days of `abstinence`)."""
    men = {name: np.array([value], float) for name, value in man.items()}
    return {name: float(level[0]) for name, level in steady_states(values, men, abstinence=abstinence).items()}


def steady_states(
    values: Mapping[str, float], men: Mapping[str, np.ndarray], *, abstinence: float | Sequence[float] = 3.0
) -> dict[str, np.ndarray]:
    """Return the untreated levels and semen of many men, each (men,), as `steady_state` of one; on all cores.

    Args:
        values: dotted parameter name -> value, completed (`physiology.complete`), or each man's own, (men,); what germ
            cells take and lose at rest and how long the tract holds sperm is one number for all.
        men: physiology field -> (men,).
    """
    guard.entries(values, parameters.load(), "values", "physiology.complete(parameters.values())")
    guard.entries(men, parameters.physiology(), "men", "testis_abm.load(...).man.physiology")
    count = len(men["bmi"])
    mornings, semen = np.zeros(count, MORNING), np.zeros((count, len(Emptied._fields)))
    numbers = _numbers(values, men)
    packs = packed(numbers, count) if count > 1 else packed(_numbers(values, {key: of[0] for key, of in men.items()}))
    mornings["bmi"] = men["bmi"]
    p = numbers.tract
    kept = rest(intervals_of(abstinence), p.reserve_days, p.ejaculated, _HISTORY)
    shares, rested = float(kept.weights.sum()), (kept.abstinence, kept.aged)
    blank = State.new(numbers.tissue)

    def settle(part: slice) -> None:
        own = State.new(numbers.tissue)
        course.settle_each(own, blank, packs[part], UNCHANGED, mornings[part], shares, rested, semen[part])

    over_parts(settle, count)
    levels = {name: mornings[name].copy() for name in MORNING.names or () if name != "bmi"}  # that is given, not found
    return levels | vars(Semen.of(*semen.T))
