"""A study as a virtual trial: its own selection and number of men, many times, with uncertain parameters and noise.

Men are drawn and screened by measured labs as the study did; each parameter set runs some of them through every arm;
each repeat of the trial draws its men from those, lets the laboratory measure them (laboratory.Laboratory, as at any
visit) and works out what the paper printed. What screening measured is the baseline (unless the study had a separate
one), so that men selected on one low value regress to their mean, treated or not.
"""

from __future__ import annotations

import math
import os
import tomllib
import zlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import BLOOD, Laboratory
from testis_abm.biology.semen import Semen
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.parameter_set import ParameterSet
from testis_abm.man.treat import Treatment
from testis_abm.population import Population
from testis_abm.population.screen import screen
from testis_abm.quantities import OESTRADIOL, QUANTITIES, RATIO
from testis_abm.scenario import Plan, Samples, Scenario
from testis_abm.statistics import nanmean
from testis_abm.studies.ensemble import Ensemble
from testis_abm.studies.study import Observation, Study
from testis_abm.support import guard
from testis_abm.support.cores import each
from testis_abm.support.errors import TestisError

CONFIGURATION = Path(__file__).with_name("calibration.toml")
POOL = 240  # men of a study who pass its screening
_MOST_MEN = 48  # of them that a parameter set is run on
_REPEATS = 40  # with noise, where an expectation takes them
_STEP = 3  # days between the samples of a course that is searched for a crossing
_SEMEN, _SPERM = tuple(Semen.__dataclass_fields__), "concentration_million_ml"


class Sample(NamedTuple):
    """One measurement of the men of an arm: on a day, as the mean of a window, or on the day of an extreme of a column.

    A `kind` of "weeks" is every few days of the study. Baseline has no day.
    """

    arm: str
    day: tuple[float, float] | None
    kind: str = "mean"
    column: str = ""

    @property
    def is_baseline(self) -> bool:
        """Return whether it is the measurement before treatment."""
        return self.day is None and self.kind == "mean"


def sample_of(observation: Observation, arm: str) -> Sample:
    """Return the measurement of an arm that an observation rests on."""
    if observation.kind.startswith("weeks"):
        return Sample(arm, None, "weeks", observation.column)
    extreme = observation.kind in ("lowest", "highest")
    return Sample(arm, observation.day, *((observation.kind, observation.column) if extreme else ()))


def column_of(observation: Observation, study: Study) -> str:
    """Return the column that a study's laboratory reports of an observation."""
    by_assay = {"oestradiol_pmol_l": OESTRADIOL, "t_over_e2": RATIO}
    return by_assay.get(observation.column, {}).get(study.assay, observation.column)


def label_of(observation: Observation, study: Study) -> str:
    """Return an observation in words, oestradiol and T/E2 with the study's assay."""
    if observation.column not in ("oestradiol_pmol_l", "t_over_e2"):
        return observation.label
    return observation.label.replace(observation.variable, QUANTITIES[column_of(observation, study)].label)


@lru_cache(maxsize=128)
def _men(study: Study, n: int, seed: int) -> tuple[list[dict[str, Any]], Mapping[str, np.ndarray]]:
    """Return men who pass a study's screening, and by column what was measured at baseline over the true level.

    NaN where his true level is one that a laboratory cannot distinguish from zero: a fold of nothing says nothing, and
    he is measured again. The men lie in the order of what the study observed first, so that every k-th of them stands
    for all.
    """
    try:
        kept = screen(
            Population.named(study.population),
            n,
            study.where,
            visits=study.visits,
            seed=seed,
            assay=study.assay,
            fixed=dict(study.man),
            abstinence=study.abstinence_days,
        ).cohort
    except TestisError as error:
        raise TestisError(f"study {study.name}: {error}") from None
    laboratory = Laboratory(parameters.values(), study.assay)
    true = laboratory.without_error({name: kept.true[name].to_numpy(dtype=float) for name in kept.true})
    first = column_of(study.observed[0], study)
    order = np.argsort(np.nan_to_num(true[first]), kind="stable")
    factors = {}
    for name in kept.measured[0] if study.baseline == "screening" else ():
        if name in true:
            seen = nanmean(np.array([visit[name] for visit in kept.measured]))[order]
            level = true[name][order]
            measurable = level >= max(laboratory.limit(name), np.finfo(float).tiny)
            factors[name] = np.where(measurable, seen / np.where(measurable, level, 1.0), np.nan)
    return kept.men.iloc[order].to_dict("records"), factors


@dataclass(frozen=True)
class Course:
    """What one parameter set gives for some men of a study.

    Attributes:
        true: measurement -> column -> (men,) true levels and expected semen; (men, days) of one of kind "weeks".
        men: which of the screened men.
        laboratory: of the study, under the parameter set.
    """

    true: Mapping[Sample, Mapping[str, np.ndarray]]
    men: np.ndarray
    laboratory: Laboratory


def _scenario(study: Study, arm: int) -> Scenario:
    return Scenario(
        title=study.title[:200],
        plan=Plan(baseline=0, duration=round(study.duration_days), replicates=1),
        therapy=list(study.arm[arm].therapy),
        samples=Samples(assay=study.assay, abstinence=study.abstinence_days, blood=[0], semen=[0]),
    )


def _needs(study: Study) -> tuple[tuple[str, ...], bool]:
    """Return the columns of blood that a study's observations take, and whether they take semen."""
    asked = {observation.column for observation in study.observed} | {"testosterone_nmol_l", "oestradiol_pmol_l"}
    if "free_testosterone_pmol_l" in asked:
        asked |= {"shbg_nmol_l", "free_testosterone_nmol_l"}
    return tuple(name for name in (*BLOOD, "free_testosterone_nmol_l") if name in asked), bool(asked & {*_SEMEN})


def _levels(man: ExpectedMan, days: list[int], study: Study) -> dict[str, np.ndarray]:
    """Return a man's true levels, column -> (days,), on the mornings of days since the start."""
    blood, semen = _needs(study)
    rows = man.days[days]
    found = {name: rows[name] for name in blood}
    if semen:
        each = [man.semen(study.abstinence_days, day) for day in days]
        found |= {name: np.array([levels[name] for levels in each]) for name in _SEMEN}
    return found


def _days_of(sample: Sample, study: Study) -> list[int]:
    """Return the mornings of a measurement: of a day that morning, of a span those after its days; else the first."""
    end = round(study.duration_days)
    if sample.kind == "weeks":
        return list(range(0, end, _STEP))
    if sample.day is None:
        return [0]
    last = min(end, math.ceil(sample.day[1]))
    first = min(last, math.floor(sample.day[0]) + 1)
    return list(range(first, last + 1, max(1, (last - first) // 12)))


def _sampled(sample: Sample, levels: Mapping[str, np.ndarray], laboratory: Laboratory) -> dict[str, Any]:
    """Return the true levels of a measurement: means over its window, or those of the day of its extreme."""
    if sample.kind == "weeks":
        return dict(levels)
    if sample.kind == "mean":
        return {name: column.mean() for name, column in levels.items()}
    column = levels[sample.column] if sample.column in levels else laboratory.without_error(levels)[sample.column]
    day = int((np.argmin if sample.kind == "lowest" else np.argmax)(column))
    return {name: column[day] for name, column in levels.items()}


def courses(study: Study, own: ParameterSet, men: int, *, pool: int, seed: int, offset: int = 0) -> Course:
    """Run `men` of a study's screened `pool`, every k-th from `offset` on, through its arms with a parameter set."""
    rows, _ = _men(study, pool, seed)
    chosen = (offset + np.arange(men) * max(1, len(rows) // men)) % len(rows)
    laboratory = Laboratory(own.whole, study.assay)
    treatments = {arm.name: Treatment(_scenario(study, k), own.drugs) for k, arm in enumerate(study.arm)}
    pairs = [(observation, arm) for observation in study.observed for arm in observation.arms]
    samples = {sample_of(*pair) for pair in pairs} | {Sample(arm, None) for _, arm in pairs}

    def one(numbered: tuple[int, dict[Any, Any]]) -> dict[Sample, dict[str, Any]]:
        """Return the true levels of a man in every sample."""
        i, row = numbered
        man, values = own.as_kind(row, own.drawn(row, (seed, i)))
        arms = {
            name: treatment.follow(ExpectedMan(values, man, treatment.kinetics), (seed, i))
            for name, treatment in treatments.items()
        }
        return {
            sample: _sampled(sample, _levels(arms[sample.arm], _days_of(sample, study), study), laboratory)
            for sample in sorted(samples, key=str)
        }

    true = each(one, [(i, rows[k]) for i, k in enumerate(chosen)])
    joined = {
        sample: {name: np.array([man[sample][name] for man in true]) for name in levels}
        for sample, levels in true[0].items()
    }
    return Course(joined, chosen, laboratory)


def _fold(after: np.ndarray, before: np.ndarray, least: float) -> np.ndarray:
    """Return after over before, NaN where the laboratory cannot distinguish `before` from zero."""
    measurable = before >= max(least, np.finfo(float).tiny)
    return np.where(measurable, after / np.where(measurable, before, 1.0), np.nan)


def statistic(
    observation: Observation, least: float, before: np.ndarray, after: np.ndarray, beside: np.ndarray | None = None
) -> np.ndarray:
    """Return what papers would print of an observation: (repeats,), NaN where they could print none.

    Means are of the men who have a value. A change and a ratio are of means, and there is none in % of a mean that the
    laboratory cannot distinguish from zero; a man who has no such level himself is not among those who rise or do not.

    Args:
        observation: what was seen; least: the least of its column that is distinguished from zero.
        before, after: (repeats, men) as reported, at baseline and at follow-up; for weeks (repeats, men, days) after.
        beside: (repeats, men) of the arm that it is compared with.
    """
    kind, factor = observation.kind, observation.factor
    limit = float("nan") if observation.limit is None else observation.limit
    if kind in ("weeks_below", "weeks_above"):
        # None counted stands for half a sperm in the chamber, as laboratories report what lies under a limit.
        level = np.exp(np.log(np.maximum(after, 0.5 * least)).mean(axis=1)) / factor
        days = np.arange(level.shape[1]) * _STEP
        beyond = (level < limit if kind == "weeks_below" else level > limit) & (days >= observation.since)
        return np.where(beyond.any(axis=1), (days[beyond.argmax(axis=1)] - observation.since) / 7.0, np.nan)
    if kind == "share_below":
        return 100.0 * nanmean(np.where(np.isfinite(after), after / factor < limit, np.nan), axis=1)
    if kind == "share_rising":
        folds = _fold(after, before, least)
        return 100.0 * nanmean(np.where(np.isfinite(folds), folds >= 1.0 + limit / 100.0, np.nan), axis=1)
    mean = nanmean(after, axis=1)
    if kind == "level":
        return np.asarray(mean / factor)
    base = nanmean(before if beside is None else beside, axis=1)
    if kind == "difference":
        return np.asarray((mean - base) / factor)
    fold = _fold(mean, base, least)
    return 100.0 * (fold if kind in ("lowest", "highest") else fold - 1.0)


# Of a measurement, a column and a number of men: what was reported, (repeats, men) or (repeats, men, days).
Reported = Callable[[Sample, str, int], np.ndarray]


def _statistics(study: Study, laboratory: Laboratory, reported: Reported) -> np.ndarray:
    """Return the statistic of every observation, (repeats, observations)."""
    columns = []
    for observation in study.observed:
        column, n = column_of(observation, study), observation.n or study.n
        before = reported(Sample(observation.arm, None), column, n)
        arms = [reported(sample_of(observation, arm), column, n) for arm in observation.arms]
        columns.append(statistic(observation, laboratory.limit(column), before, *arms))
    return np.column_stack(columns)


def expectation(study: Study, course: Course, *, pool: int, seed: int) -> np.ndarray:
    """Return the statistic of every observation over all men of a course, without noise but selected as they were.

    The share of men whose level rises is the mean of repeats with noise: how far a man's own samples lie apart decides
    how many seem to rise.
    """
    _, factors = _men(study, pool, seed)
    selected = {name: float(nanmean(factor)) for name, factor in factors.items() if np.isfinite(factor).any()}

    def reported(sample: Sample, column: str, _: int) -> np.ndarray:
        level = np.asarray(course.laboratory.without_error(course.true[sample])[column][None])
        return level * selected.get(column, 1.0) if sample.is_baseline else level

    found = np.asarray(_statistics(study, course.laboratory, reported)[0])
    rising = [observation.kind == "share_rising" for observation in study.observed]
    if any(rising):
        found[rising] = nanmean(_noisy(study, course, factors, pool, seed), axis=0)[rising]
    return found


@dataclass(frozen=True)
class _Trials:
    """Repeats of a study with the men of one parameter set.

    Attributes:
        study, course: what is repeated; factors: of screening (see _men).
        chosen: arm -> (repeats, men) which men of the course it has; key: of the random draws.
    """

    study: Study
    course: Course
    factors: Mapping[str, np.ndarray]
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
        if sample.kind == "weeks" and sample.column == _SPERM:
            return {_SPERM: laboratory.count(true[_SPERM], key, day)[0]}
        seen = laboratory.blood(true, key, day)
        if "volume_ml" in true:
            seen |= vars(laboratory.semen(Semen(**{name: true[name] for name in _SEMEN}), key, day))
        if not sample.is_baseline or not self.factors:
            return seen
        plain = laboratory.without_error(true)
        for name in seen.keys() & plain.keys() & self.factors.keys():
            screened = plain[name] * self.factors[name][self.course.men[chosen]]
            seen[name] = np.where(np.isfinite(screened), screened, seen[name])
        return seen


def _noisy(study: Study, course: Course, factors: Mapping[str, np.ndarray], pool: int, seed: int) -> np.ndarray:
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
    return _Trials(study, Course(true, men, course.laboratory), factors, chosen, (seed, 16)).statistics()


def replay(
    study: Study, ensemble: Ensemble, *, sets: int = 24, men: int | None = None, repeats: int = 240, seed: int = 1
) -> pd.DataFrame:
    """Replay a study many times; return a row an observation: observed, predicted median and 95 % interval.

    The interval holds men, measurement, parameters (of the ensemble) and what studies of the same thing differ by
    (`between_studies`); `inside_same_laboratory` is without the last. What fewer than half of the repeats could print
    is NaN, which is inside no interval.

    Args:
        study: from load_study.
        ensemble: parameter sets; `sets` of them are run, on `men` men each (as many as the study had, 12 to 48).
        repeats: of the trial.
        seed: of everything.

    Raises:
        TestisError: an argument is none, or out of range; nobody passes the study's screening.
    """
    if not isinstance(study, Study) or not isinstance(ensemble, Ensemble):
        raise TestisError(
            "replay takes a Study (load_study) and an Ensemble (studies.ensemble: best(), shipped(), read(file))"
        )
    sets, repeats = guard.argument("sets", sets), guard.argument("repeats", repeats)
    seed, men = guard.argument("seed", seed), None if men is None else guard.argument("men", men)
    drawn = _drawn(study, ensemble.drawn(sets, seed), men, repeats, seed)
    drawn[:, np.isfinite(drawn).mean(axis=0) < 0.5] = np.nan
    return _table(study, drawn, _between(study, drawn, seed))


def scores_by_answer(
    study: Study, ensemble: Ensemble, *, sets: int = 8, repeats: int = 240, seed: int = 1
) -> pd.DataFrame:
    """Return the log score of every observation under each answer to what the data do not decide.

    A row an observation, question and answer. Answers to a question are compared over the same men, draws and parameter
    sets, else as these are; one about some men is left out of a study without such men.
    """
    whole = ensemble.drawn(sets, seed)
    men, questions = _men(study, POOL, seed)[0], parameters.hypotheses()
    asked = {of.name for man in men[:: len(men) // 8] for of in whole[0].asked(man)}
    rows = []
    for name, question in questions.items():
        for answer in question.answers if question.sperm_below is None or name in asked else ():
            chosen = [own.answering(name, answer) for own in whole]
            other = _between(study, _drawn(study, chosen, None, repeats, seed), seed)
            for k, of in enumerate(study.observed):
                about = (study.name, of.arm, of.label, of.variable, of.confidence)
                rows.append((*about, name, answer, log_score(of, other[:, k])))
    return pd.DataFrame(
        rows, columns=["study", "arm", "label", "variable", "confidence", "question", "answer", "log_score"]
    )


def _drawn(study: Study, own: list[ParameterSet], men: int | None, repeats: int, seed: int) -> np.ndarray:
    """Return what repeats of a study print, (repeats, observations), the parameter sets `own` taken in turn."""
    most = max(observation.n or study.n for observation in study.observed)
    men = men or min(max(12, most), _MOST_MEN)
    pool = max(POOL, 2 * men)
    _, factors = _men(study, pool, seed)

    def one(i: int, own: ParameterSet) -> Course:
        return courses(study, own, men, pool=pool, seed=seed, offset=i)

    first, *others = enumerate(own)
    ran = [one(*first)]  # compiles, and screens the men, before threads begin
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        ran += list(threads.map(lambda numbered: one(*numbered), others))

    def some(arm: str) -> np.ndarray:
        """Return which men each repeat has in an arm, (repeats, most), none twice where there are enough."""
        rng = np.random.default_rng([seed, 17, zlib.crc32(arm.encode())])
        if most > men:
            return rng.integers(men, size=(repeats, most))
        return rng.permuted(np.tile(np.arange(men), (repeats, 1)), axis=1)[:, :most]

    chosen = {arm.name: some("" if study.design == "paired" else arm.name) for arm in study.arm}
    drawn = np.full((repeats, len(study.observed)), np.nan)
    for i, course in enumerate(ran[:repeats]):
        rows = {arm: order[i :: len(ran)] for arm, order in chosen.items()}
        drawn[i :: len(ran)] = _Trials(study, course, factors, rows, (seed, 18, i)).statistics()
    return drawn


def between_studies(observation: Observation) -> float:
    """Return the SD on a log scale of between-study heterogeneity (laboratories, conduct; calibration.toml)."""
    spread = configuration()["spread"]
    return float(spread["weeks" if observation.kind.startswith("weeks") else spread_name(observation.variable)])


def spread_name(variable: str) -> str:
    """Return under which name calibration.toml has a variable's spread."""
    return "free testosterone" if variable == "bioavailable testosterone" else variable


@cache
def configuration() -> dict[str, Any]:
    """Return what calibration declares: parameters, studies set apart, spreads between studies (calibration.toml)."""
    return tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))


def _between(study: Study, drawn: np.ndarray, seed: int) -> np.ndarray:
    """Return the repeats as other studies of the same thing would have printed them."""
    other, spread = drawn.copy(), configuration()["spread"]
    for k, observation in enumerate(study.observed):
        own, stream = drawn[:, k], zlib.crc32(f"{observation.kind} {observation.label}".encode())
        normal = np.random.default_rng([seed, 19, stream]).standard_normal(len(drawn))
        if observation.is_share:
            other[:, k] = np.clip(own + 100.0 * spread["share"] * normal, 0.0, 100.0)
        elif observation.kind == "difference":
            size = np.abs(own[np.isfinite(own)])
            other[:, k] = own + spread["difference"] * (np.median(size) if len(size) else np.nan) * normal
        else:
            fold = np.exp(between_studies(observation) * normal)
            other[:, k] = 100.0 * ((1.0 + own / 100.0) * fold - 1.0) if observation.relative else own * fold
    return other


def _table(study: Study, drawn: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    rows = []
    for k, observation in enumerate(study.observed):
        known = drawn[:, k][np.isfinite(drawn[:, k])]
        near, middle, far = np.quantile(known, [0.025, 0.5, 0.975]) if len(known) else (np.nan,) * 3
        low, high = np.nanquantile(other[:, k], [0.025, 0.975]) if len(known) else (np.nan,) * 2
        row: dict[str, Any] = {"study": study.name, "citation": study.citation}
        row |= {name: getattr(observation, name) for name in ("arm", "variable", "kind")}
        row |= {"label": label_of(observation, study), "unit": observation.shown_unit}
        row |= {"confidence": observation.confidence, "n": observation.n or study.n, "observed": observation.value}
        row |= {"predicted": middle, "low": low, "high": high}
        row |= {"inside": bool(low <= observation.value <= high)}
        row |= {"inside_same_laboratory": bool(near <= observation.value <= far)}
        row |= {"fold": fold_error(observation, middle), "sign": same_sign(observation, middle)}
        row |= {"log_score": log_score(observation, other[:, k]), "no_change": no_change(observation, study.n)}
        rows.append(row | {"width": width(observation, low, high)})
    return pd.DataFrame(rows)


def as_fold(observation: Observation, value: float) -> float:
    """Return a value as a fold on its own scale: a change of -40 % is 0.6, a level or a time itself."""
    return 1.0 + value / 100.0 if observation.relative else value


def fold_error(observation: Observation, predicted: float) -> float:
    """Return predicted over observed or its inverse, at least 1; NaN where a ratio means nothing."""
    seen, fold = as_fold(observation, observation.value), as_fold(observation, predicted)
    if observation.kind == "difference" or not (seen > 0.0 and fold > 0.0):
        return float("nan")
    return float(np.exp(abs(np.log(fold / seen))))


def same_sign(observation: Observation, predicted: float) -> bool | None:
    """Return whether a change or difference has the observed sign; None where that is under its error, or 5 %."""
    if not (observation.relative or observation.kind == "difference"):
        return None
    least = observation.se if observation.se is not None else 5.0 if observation.relative else 0.0
    if abs(observation.value) <= least or np.isnan(predicted):
        return None
    return bool(np.sign(predicted) == np.sign(observation.value))


def scaled(observation: Observation, value: float) -> float:
    """Return a value on the scale it is compared on: log of a fold, or as it is (differences, shares of men)."""
    if observation.kind == "difference":
        return value
    if observation.is_share:
        return value / 100.0
    return float(np.log(max(as_fold(observation, value), 0.005)))


def error(observation: Observation, n: int) -> float:
    """Return the SD of an observation on the scale of `scaled`: its own error and what studies differ by."""
    spread, size = configuration()["spread"], 0.5 / np.sqrt(observation.n or n)
    if observation.is_share:
        return float(np.hypot(spread["share"], size))
    if observation.kind == "difference":
        own = abs(observation.value) * spread["difference"]
        return float(np.hypot(observation.se or own, own) + 1e-6)
    own = size
    if observation.se:
        fold = max(abs(as_fold(observation, observation.value)), 1e-6)
        own = (observation.se / (100.0 if observation.relative else 1.0)) / fold
    return float(np.hypot(own, between_studies(observation)))


def no_change(observation: Observation, n: int) -> float:
    """Return the log score of the forecast that nothing changes, as wide as such studies differ; NaN of what is no change."""
    if not observation.relative and observation.kind != "difference":
        return float("nan")
    sd = error(observation, n)
    return float(-0.5 * ((scaled(observation, observation.value) - scaled(observation, 0.0)) / sd) ** 2 - np.log(sd))


def width(observation: Observation, low: float, high: float) -> float:
    """Return how wide an interval is, as the fold between its middle and an end; NaN where a ratio means nothing."""
    ends = as_fold(observation, low), as_fold(observation, high)
    return float(np.sqrt(ends[1] / ends[0])) if ends[0] > 0.0 and observation.kind != "difference" else float("nan")


def log_score(observation: Observation, drawn: np.ndarray) -> float:
    """Return the log density of what was observed among predicted trials (normal on the scale of `scaled`)."""
    known = np.array([scaled(observation, value) for value in drawn[np.isfinite(drawn)]])
    if len(known) < 2:
        return float("nan")
    sd = max(float(known.std()), 1e-3)
    return float(-0.5 * ((scaled(observation, observation.value) - known.mean()) / sd) ** 2 - np.log(sd))
