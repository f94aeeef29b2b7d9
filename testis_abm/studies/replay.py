"""A study as a virtual trial: its own selection and number of men, many times, with uncertain parameters and noise.

Each parameter set draws men and screens them by measured labs as the study did, under itself, and runs them through every
arm; each repeat of the trial takes its men from those, lets the laboratory measure them (laboratory.Laboratory, as at any
visit) and works out what the paper printed. What screening measured is the baseline (unless the study had a separate
one), so that men selected on one low value regress to their mean, treated or not.
"""

from __future__ import annotations

import math
import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology import outcome
from testis_abm.biology.laboratory import BLOOD, Laboratory
from testis_abm.biology.safety import Safety, felt
from testis_abm.biology.semen import Semen
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.parameter_set import ParameterSet
from testis_abm.man.treat import Treatment
from testis_abm.quantities import OESTRADIOL, QUANTITIES, RATIO, Censored
from testis_abm.scenario.amounts import DAYS_PER_MONTH
from testis_abm.scenario.scenario import extrapolated
from testis_abm.statistics import nanmean
from testis_abm.studies import score
from testis_abm.studies.ensemble import Ensemble
from testis_abm.studies.men import screened
from testis_abm.studies.statistic import STEP, fold, nanmedian, statistic, step
from testis_abm.studies.study import KINDS, VARIABLES, Group, Observation, Study
from testis_abm.support import guard
from testis_abm.support.cores import Threads, each
from testis_abm.support.errors import TestisError

POOL = 60  # men who pass the screening of a study, for whom the few of a calibration stand
MOST_MEN = 48  # that a parameter set is run on, where nothing else is asked for
_FEWEST_MEN = 12
_APART = 1_000_003  # between the seeds of parameter sets
_REPEATS = 40  # with noise, where an expectation takes them
_SEMEN, _SPERM = tuple(Semen.__dataclass_fields__), "concentration_million_ml"
_CONCEIVED, _BONE, _SIZE = VARIABLES["conception"], VARIABLES["bone density"], VARIABLES["testis volume"]
_GIVEN = ("bmi", "age")  # of a man, and measured of nobody
# What a laboratory reports without error, since its numbers say nothing of that.
_PLAIN = (_BONE, _SIZE, *_GIVEN)


class Sample(NamedTuple):
    """One measurement of the men of an arm: on a day, as the mean of a window, or on the day of an extreme of a column.

    A `kind` of "course" is every `step` days of the study, one of "conceived" whether a couple has conceived by the last
    day. Baseline has no day.
    """

    arm: str
    day: tuple[float, float] | None
    kind: str = "mean"
    column: str = ""
    step: int = 0

    @property
    def is_baseline(self) -> bool:
        """Return whether it is the measurement before treatment."""
        return self.day is None and self.kind == "mean"


def sample_of(observation: Observation, arm: str) -> Sample:
    """Return the measurement of an arm that an observation rests on."""
    if days := step(observation):
        return Sample(arm, None, "course", observation.column, days)
    if observation.kind == "share_conceiving" and observation.day is not None:
        return Sample(arm, (observation.since, observation.day[1]), "conceived", observation.column)
    extreme = observation.kind in ("lowest", "highest")
    return Sample(arm, observation.day, *((observation.kind, observation.column) if extreme else ()))


def _samples_of(group: Group, arm: str) -> list[Sample]:
    """Return the measurements on which it turns whether a man belongs to a group."""
    return [Sample(arm, None if day is None else (day, day)) for day in group.days]


def column_of(column: str, study: Study) -> str:
    """Return the column that a study's laboratory reports of a quantity."""
    by_assay = {"oestradiol_pmol_l": OESTRADIOL, "t_over_e2": RATIO}
    return by_assay.get(column, {}).get(study.assay, column)


def label_of(observation: Observation, study: Study) -> str:
    """Return an observation in words, oestradiol and T/E2 with the study's assay."""
    if observation.column not in ("oestradiol_pmol_l", "t_over_e2"):
        return observation.label
    return observation.label.replace(observation.variable, QUANTITIES[column_of(observation.column, study)].label)


@dataclass(frozen=True)
class Course:
    """What one parameter set gives for some men of a study.

    Attributes:
        true: measurement -> column -> (men,) true levels and expected semen; (men, days) of a course.
        men: which of the screened men; factors: of all of these (see men.Men).
        laboratory: of the study, under the parameter set.
    """

    true: Mapping[Sample, Mapping[str, np.ndarray]]
    men: np.ndarray
    factors: Mapping[str, np.ndarray]
    laboratory: Laboratory


def _columns_of(group: Group) -> set[str]:
    """Return the columns that a group is asked for."""
    if group.condition is None:
        return {VARIABLES[group.variable]}
    return {clause.column for clause in group.condition.clauses}


def _asked(study: Study) -> set[str]:
    """Return the columns that a study's observations are of, or turn on."""
    of = {observation.column for observation in study.observed}
    return of.union(*(_columns_of(observation.among) for observation in study.observed if observation.among))


def _needs(study: Study) -> tuple[tuple[str, ...], bool]:
    """Return the columns of blood that a study's observations take, and whether they take semen."""
    asked = _asked(study) | {"testosterone_nmol_l", "oestradiol_pmol_l"}
    if "free_testosterone_pmol_l" in asked:
        asked |= {"shbg_nmol_l", "free_testosterone_nmol_l"}
    if "t_over_lh" in asked:
        asked.add("lh_iu_l")
    return tuple(name for name in (*BLOOD, "free_testosterone_nmol_l") if name in asked), bool(asked & {*_SEMEN})


def _levels(man: ExpectedMan, sample: Sample, study: Study) -> dict[str, np.ndarray]:
    """Return a man's true levels, column -> (days,), on the mornings of a measurement."""
    days = _days_of(sample, study)
    blood, semen = _needs(study)
    rows = man.days[days]
    found = {name: rows[name] for name in blood}
    if semen:
        each = [man.semen(study.abstinence_days, day) for day in days]
        found |= {name: np.array([levels[name] for levels in each]) for name in _SEMEN}
    asked = {sample.column} if sample.kind == "course" else _asked(study)
    if _BONE in asked:
        found[_BONE] = 100.0 + _bone(man)[days]
    if _SIZE in asked:
        found[_SIZE] = np.array([man.readouts(day)[_SIZE] for day in days])
    return found | {"bmi": rows["bmi"], "age": np.full(len(days), man.man["age"])}


def _bone(man: ExpectedMan) -> np.ndarray:
    """Return the change of a man's bone density since day 0 as scans show it, %, (mornings,)."""
    safety, found = Safety(man.values, felt(man.rest, man.values)), [0.0]
    for day in man.days[1:]:
        safety.day(felt(day, man.values))
        found.append(safety.scanned)
    return np.array(found)


def _conceived(man: ExpectedMan, first: float, last: float, study: Study) -> float:
    """Return the chance that a couple conceives from one day to another, month by month (outcome.conception)."""
    left, day = 1.0, first
    while day < last:
        span = min(DAYS_PER_MONTH, last - day)
        couple = outcome.Couple(study.partner.age, study.partner.cycles_tried + (day - first) / DAYS_PER_MONTH)
        semen = man.semen(study.abstinence_days, round(day))
        monthly = outcome.conception(semen, couple, man.values)[0]
        left *= (1.0 - monthly) ** (span / DAYS_PER_MONTH)
        day += span
    return 1.0 - left


def _days_of(sample: Sample, study: Study) -> list[int]:
    """Return the mornings of a measurement: of a day that morning, of a span those after its days; else the first."""
    end = round(study.duration_days)
    if sample.kind == "course":
        return list(range(0, end + (sample.step > STEP), sample.step))
    if sample.day is None:
        return [0]
    last = min(end, math.ceil(sample.day[1]))
    first = min(last, math.floor(sample.day[0]) + 1)
    return list(range(first, last + 1, max(1, (last - first) // 12)))


def _sampled(sample: Sample, levels: Mapping[str, np.ndarray], laboratory: Laboratory) -> dict[str, Any]:
    """Return the true levels of a measurement: means over its window, or those of the day of its extreme."""
    if sample.kind == "course":
        return dict(levels)
    if sample.kind == "mean":
        return {name: column.mean() for name, column in levels.items()}
    column = levels[sample.column] if sample.column in levels else laboratory.without_error(levels)[sample.column]
    day = int((np.argmin if sample.kind == "lowest" else np.argmax)(column))
    return {name: column[day] for name, column in levels.items()}


def courses(study: Study, own: ParameterSet, men: int, *, pool: int, seed: int) -> Course:
    """Run `men` of a study's screened `pool`, every k-th, through its arms with a parameter set.

    Raises:
        TestisError: hardly anybody passes the screening under this set.
    """
    passed = screened(study, own, pool, seed)
    chosen = np.arange(men) * max(1, pool // men) % pool
    laboratory = Laboratory(own.whole, study.assay)
    cases = {arm.name: study.scenario(k) for k, arm in enumerate(study.arm)}
    treatments = {name: Treatment(case, own.drugs_of(case), history=study.has_past) for name, case in cases.items()}
    samples = set()
    for observation in study.observed:
        for arm in observation.arms:
            samples |= {sample_of(observation, arm), Sample(arm, None)}
            samples.update(_samples_of(observation.among, arm) if observation.among else ())

    def one(numbered: tuple[int, int]) -> dict[Sample, dict[str, Any]]:
        """Return the true levels of a man in every sample."""
        i, at = numbered
        arms = {
            name: treatment.follow(treatment.man(passed.values[at], passed.rows[at]), (seed, i))
            for name, treatment in treatments.items()
        }
        found = {}
        for sample in sorted(samples, key=str):
            man = arms[sample.arm]
            if sample.kind == "conceived" and sample.day is not None:
                found[sample] = {_CONCEIVED: np.float64(_conceived(man, *sample.day, study))}
            else:
                found[sample] = _sampled(sample, _levels(man, sample, study), laboratory)
        return found

    true = each(one, list(enumerate(chosen.tolist())))
    joined = {
        sample: {name: np.array([man[sample][name] for man in true]) for name in levels}
        for sample, levels in true[0].items()
    }
    return Course(joined, chosen, passed.factors, laboratory)


# Of a measurement, a column and a number of men: what was reported, (repeats, men) or (repeats, men, days).
Reported = Callable[[Sample, str, int], np.ndarray]


def _statistics(study: Study, laboratory: Laboratory, reported: Reported) -> np.ndarray:
    """Return the statistic of every observation, (repeats, observations)."""
    columns = []
    for observation in study.observed:
        column, n = column_of(observation.column, study), observation.n or study.n
        arms = [reported(sample_of(observation, arm), column, n) for arm in observation.arms]
        # Nobody has conceived at baseline.
        before = np.zeros_like(arms[0]) if column == _CONCEIVED else reported(Sample(observation.arm, None), column, n)
        among = _among(observation, study, laboratory, reported) if observation.among else None
        beside = arms[1] if len(arms) > 1 else None
        columns.append(statistic(observation, laboratory.limit(column), before, arms[0], beside, among))
    return np.column_stack(columns)


def _among(observation: Observation, study: Study, laboratory: Laboratory, reported: Reported) -> np.ndarray:
    """Return which men of its arm belong to the group that an observation is of, (repeats, men)."""
    group, n = observation.among, observation.n or study.n
    if group is None:
        raise ValueError("it is of all men")
    samples = _samples_of(group, observation.arm)
    if group.condition is None:
        column = column_of(VARIABLES[group.variable], study)
        before, after = (reported(sample, column, n) for sample in samples)
        folds = fold(after, before, laboratory.limit(column))
        moved = 1.0 + group.change / 100.0
        return np.asarray(folds >= moved if group.change > 0.0 else folds <= moved)
    met = []
    for clause, sample in zip(group.condition.clauses, samples, strict=True):
        level = reported(sample, laboratory.column(clause.column), n)
        met.append(np.vectorize(lambda value, of=clause: of.holds(of.in_unit(value)), otypes=[bool])(level))
    return np.asarray(np.all(met, axis=0) if group.condition.joint == "and" else np.any(met, axis=0))


def expectation(study: Study, course: Course, *, pool: int, seed: int) -> np.ndarray:
    """Return the statistic of every observation over all men of a course, without noise but selected as they were.

    What single samples decide (who rises, who reaches a level, who belongs to a group) is the middle of repeats with
    noise: how far a man's own samples lie apart decides how many seem to.
    """
    factors = course.factors
    selected = {name: float(nanmean(factor)) for name, factor in factors.items() if np.isfinite(factor).any()}

    def reported(sample: Sample, column: str, _: int) -> np.ndarray:
        true = course.true[sample]
        if column == _CONCEIVED:  # which no laboratory reports
            return true[column][None]
        level = np.asarray(course.laboratory.without_error(true)[column][None])
        return level * selected.get(column, 1.0) if sample.is_baseline else level

    found = np.asarray(_statistics(study, course.laboratory, reported)[0])
    draws = np.array([KINDS[of.kind].draws or of.among is not None for of in study.observed])
    if draws.any():
        noisy = _noisy(study, course, pool, seed)
        timed = np.array([of.timed for of in study.observed])
        found[draws] = np.where(timed, nanmedian(noisy.T), nanmean(noisy, axis=0))[draws]
    return found


@dataclass(frozen=True)
class _Trials:
    """Repeats of a study with the men of one parameter set.

    Attributes:
        study, course: what is repeated.
        chosen: arm -> (repeats, men) which men of the course it has; key: of the random draws.
    """

    study: Study
    course: Course
    chosen: Mapping[str, np.ndarray]
    key: tuple[int, ...]

    def statistics(self) -> np.ndarray:
        """Return what each repeat prints, (repeats, observations)."""
        measured = cache(self.measured)
        return _statistics(
            self.study, self.course.laboratory, lambda sample, column, n: measured(sample)[column][:, :n]
        )

    def measured(self, sample: Sample) -> dict[str, np.ndarray]:
        """Return what the laboratory reports of the men of each repeat, column -> (repeats, men)."""
        laboratory, chosen = self.course.laboratory, self.chosen[sample.arm]
        true = {name: column[chosen] for name, column in self.course.true[sample].items()}
        # The men of a paired study have one baseline, whatever the arm.
        arm = "" if sample.is_baseline and self.study.design == "paired" else sample.arm
        key, day = (*self.key, zlib.crc32(arm.encode())), -1 if sample.day is None else round(sample.day[0])
        if sample.kind == "conceived":
            drawn = np.random.default_rng([*key, round(sample.day[1] if sample.day else 0), 7])
            return {_CONCEIVED: (drawn.random(true[_CONCEIVED].shape) < true[_CONCEIVED]).astype(float)}
        if sample.kind == "course" and sample.column == _SPERM:
            return {_SPERM: laboratory.count(true[_SPERM], key, day)[0]}
        seen = laboratory.blood(true, key, day) | {name: true[name] for name in _PLAIN if name in true}
        if "volume_ml" in true:
            seen |= vars(laboratory.semen(Semen(**{name: true[name] for name in _SEMEN}), key, day))
        factors = self.course.factors
        if not sample.is_baseline or not factors:
            return seen
        plain = laboratory.without_error(true)
        for name in seen.keys() & plain.keys() & factors.keys():
            at_screening = plain[name] * factors[name][self.course.men[chosen]]
            seen[name] = np.where(np.isfinite(at_screening), at_screening, seen[name])
        return seen


def _noisy(study: Study, course: Course, pool: int, seed: int) -> np.ndarray:
    """Return what repeats print, (repeats, observations): each man of a course stands for all up to the next of the pool.

    They have his true levels and what screening measured of themselves over theirs: the chance of a rise is in that.
    """
    each = max(1, pool // len(course.men))
    true = {
        sample: {name: np.repeat(column, each, axis=0) for name, column in levels.items()}
        for sample, levels in course.true.items()
    }
    men = ((course.men[:, None] + np.arange(each)) % pool).ravel()
    most = max(observation.n or study.n for observation in study.observed)
    chosen = {
        arm.name: np.random.default_rng([seed, 16, k]).integers(len(men), size=(_REPEATS, most))
        for k, arm in enumerate(study.arm)
    }
    return _Trials(study, Course(true, men, course.factors, course.laboratory), chosen, (seed, 16)).statistics()


def men_run(study: Study, men: int | None = None) -> int:
    """Return how many men a parameter set is run on: as many as the study had, 12 to MOST_MEN, or `men`."""
    most = max(observation.n or study.n for observation in study.observed)
    return men or min(max(_FEWEST_MEN, most), MOST_MEN)


def replay(
    study: Study,
    ensemble: Ensemble,
    *,
    sets: int = 24,
    men: int | None = None,
    repeats: int = 240,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> pd.DataFrame:
    """Replay a study many times; return a row an observation: observed, predicted median and 95 % interval.

    The interval holds men, measurement, parameters (of the ensemble) and what studies of the same thing differ by
    (`between_studies`); `inside_same_laboratory` is without the last. A time that a repeat does not reach by the end of
    the study is infinite, and counts (`censored`, share of repeats). What fewer than half of the repeats could print
    (`unprinted`, share of repeats that could not) is NaN, which is inside no interval. `men` are those that a set was
    run on; where they are fewer than `n`, repeats draw from them with replacement.

    Args:
        study: from load_study.
        ensemble: parameter sets; `sets` of them are run, on `men` men each (see men_run).
        repeats: of the trial.
        seed: of everything.
        progress: called with the parameter sets that have run, and all.

    Raises:
        TestisError: an argument is none, or out of range; nobody passes the study's screening.
    """
    if not isinstance(study, Study) or not isinstance(ensemble, Ensemble):
        raise TestisError(
            "replay takes a Study (load_study) and an Ensemble (studies.ensemble: best(), shipped(), read(file))"
        )
    guard.function(progress, "progress")
    sets, repeats = guard.argument("sets", sets), guard.argument("repeats", repeats)
    seed, men = guard.argument("seed", seed), None if men is None else guard.argument("men", men)
    men = men_run(study, men)
    drawn, without = _drawn(study, ensemble.drawn(sets, seed), men, repeats, seed, progress)
    unprinted = np.isnan(drawn).mean(axis=0)
    drawn[:, unprinted > 0.5] = np.nan
    table = _table(study, drawn, score.between(study.observed, drawn, seed))
    table["extrapolation"] = [beyond_evidence(study, observation.arms) for observation in study.observed]
    return table.assign(unprinted=unprinted, men=men, sets_without_men=without)


def beyond_evidence(study: Study, arms: Sequence[str]) -> str:
    """Return what of some arms lies beyond the evidence (scenario.extrapolated), a line a note; "" if nothing does."""
    of = [study.scenario(k) for k, arm in enumerate(study.arm) if arm.name in arms]
    return "\n".join(dict.fromkeys(note for scenario in of for note in extrapolated(scenario)))


def scores_by_answer(
    study: Study, ensemble: Ensemble, *, sets: int = 8, repeats: int = 240, seed: int = 1
) -> pd.DataFrame:
    """Return the log score of every observation under each answer to what the data do not decide.

    A row an observation, question and answer. Answers to a question are compared over the same draws and parameter sets,
    else as these are; one about some men is left out of a study without such men.
    """
    whole = ensemble.drawn(sets, seed)
    men, questions = screened(study, whole[0], POOL, seed).drawn, parameters.hypotheses()
    asked = {of.name for man in men[:: len(men) // 8] for of in whole[0].asked(man)}
    rows = []
    for name, question in questions.items():
        for answer in question.answers if question.sperm_below is None or name in asked else ():
            chosen = [own.answering(name, answer) for own in whole]
            drawn, _ = _drawn(study, chosen, men_run(study), repeats, seed)
            other = score.between(study.observed, drawn, seed)
            for k, of in enumerate(study.observed):
                about = (study.name, of.arm, of.label, of.variable, of.confidence)
                rows.append((*about, name, answer, score.log_score(of, other[:, k])))
    return pd.DataFrame(
        rows, columns=["study", "arm", "label", "variable", "confidence", "question", "answer", "log_score"]
    )


def _drawn(
    study: Study,
    own: list[ParameterSet],
    men: int,
    repeats: int,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[np.ndarray, int]:
    """Return what repeats of a study print, (repeats, observations), the parameter sets `own` taken in turn.

    Also how many sets have no men who pass its screening: the repeats of the others stand for all.

    Raises:
        TestisError: no set has.
    """
    most, sets = max(observation.n or study.n for observation in study.observed), len(own)
    tell = guard.function(progress, "progress") or (lambda done, of: None)

    def one(numbered: tuple[int, ParameterSet]) -> Course | TestisError:
        i, own = numbered
        try:
            return courses(study, own, men, pool=men, seed=seed + _APART * i)
        except TestisError as error:
            return error

    first, *others = enumerate(own)
    ran = [one(first)]  # compiles before threads begin
    with Threads(os.cpu_count() or 1) as threads:
        try:
            tell(1, sets)
            for course in threads.map(one, others):
                ran.append(course)
                tell(len(ran), sets)
        except BaseException:
            threads.shutdown(cancel_futures=True)  # who stops it waits for no sets that have not begun
            raise
    known = [course for course in ran if isinstance(course, Course)]
    if not known:
        raise next(error for error in ran if isinstance(error, TestisError))

    def some(arm: str) -> np.ndarray:
        """Return which men each repeat has in an arm, (repeats, most), none twice where there are enough."""
        rng = np.random.default_rng([seed, 17, zlib.crc32(arm.encode())])
        if most > men:
            return rng.integers(men, size=(repeats, most))
        return rng.permuted(np.tile(np.arange(men), (repeats, 1)), axis=1)[:, :most]

    chosen = {arm.name: some("" if study.design == "paired" else arm.name) for arm in study.arm}
    drawn = np.full((repeats, len(study.observed)), np.nan)
    for i, course in enumerate(known[:repeats]):
        rows = {arm: order[i :: len(known)] for arm, order in chosen.items()}
        drawn[i :: len(known)] = _Trials(study, course, rows, (seed, 18, i)).statistics()
    return drawn, sets - len(known)


def _table(study: Study, drawn: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    rows = []
    for k, observation in enumerate(study.observed):
        near, middle, far = _quantiles(drawn[:, k], 0.025, 0.5, 0.975)
        low, high = _quantiles(other[:, k], 0.025, 0.975)
        ends = (study.duration_days - observation.since) / 7.0 if observation.timed else np.nan
        row: dict[str, Any] = {"study": study.name, "citation": study.citation}
        row |= {name: getattr(observation, name) for name in ("arm", "variable", "kind")}
        row |= {"label": label_of(observation, study), "unit": observation.shown_unit}
        row |= {"confidence": observation.confidence, "n": observation.n or study.n, "observed": observation.number}
        row |= {"beyond": observation.value.sign if isinstance(observation.value, Censored) else ""}
        row |= {"predicted": middle, "low": low, "high": high}
        row |= {"inside": score.inside(observation, low, high)}
        row |= {"inside_same_laboratory": score.inside(observation, near, far)}
        row |= {"fold": score.fold_error(observation, np.minimum(middle, ends) if observation.timed else middle)}
        row |= {"sign": score.same_sign(observation, middle)}
        row |= {"log_score": score.log_score(observation, other[:, k])}
        row |= {"no_change": score.no_change(observation, study.n), "width": score.width(observation, low, high)}
        rows.append(row | {"censored": float(np.isinf(drawn[:, k]).mean()), "ends": ends})
    return pd.DataFrame(rows)


def _quantiles(values: np.ndarray, *shares: float) -> np.ndarray:
    """Return quantiles of what is no NaN, infinite where they lie among what is; NaN of nothing."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.full(len(shares), np.nan)
    if np.isfinite(known).all():
        return np.asarray(np.quantile(known, shares))
    return np.asarray(np.quantile(known, shares, method="inverted_cdf"))
