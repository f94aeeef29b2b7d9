"""A study as a virtual trial: its own selection and number of men, many times, with uncertain parameters and noisy measurement.

Men are drawn and screened by measured labs as the study did; each parameter set runs some of them through every arm; each repeat
of the trial draws its men from those, lets the laboratory measure them (laboratory.Laboratory, as at any visit) and works out what the
paper printed. What screening measured is the baseline (unless the study had a separate one), so that men selected on one low value
regress to their mean, treated or not.
"""

from __future__ import annotations

import math
import os
import tomllib
import zlib
from collections.abc import Mapping
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
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.parameters import Drug
from testis_abm.population import Population
from testis_abm.population.screen import screen
from testis_abm.quantities import OESTRADIOL, QUANTITIES, RATIO
from testis_abm.scenario import Plan, Samples, Scenario
from testis_abm.statistics import nanmean
from testis_abm.studies.ensemble import Ensemble
from testis_abm.studies.study import Observation, Study
from testis_abm.support import guard
from testis_abm.support.errors import TestisError

CONFIGURATION = Path(__file__).with_name("calibration.toml")
POOL = 240  # men of a study who pass its screening
_MOST_MEN = 48  # of them that a parameter set is run on
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


def sample_of(of: Observation, arm: str) -> Sample:
    """Return the measurement of an arm that an observation rests on."""
    if of.kind.startswith("weeks"):
        return Sample(arm, None, "weeks", of.column)
    return Sample(arm, of.day, of.kind, of.column) if of.kind in ("lowest", "highest") else Sample(arm, of.day)


def column_of(of: Observation, study: Study) -> str:
    """Return the column that a study's laboratory reports of an observation."""
    by_assay = {"oestradiol_pmol_l": OESTRADIOL, "t_over_e2": RATIO}
    return by_assay[of.column][study.assay] if of.column in by_assay else of.column


def label_of(of: Observation, study: Study) -> str:
    """Return an observation in words, oestradiol and T/E2 with the study's assay."""
    assayed = of.column in ("oestradiol_pmol_l", "t_over_e2")
    return of.label.replace(of.variable, QUANTITIES[column_of(of, study)].label) if assayed else of.label


@lru_cache(maxsize=128)
def _men(study: Study, n: int, seed: int) -> tuple[pd.DataFrame, Mapping[str, np.ndarray]]:
    """Return men who pass the study's screening, and by column what was measured of each at baseline over his true level.

    NaN where his true level is one that a laboratory cannot tell from none: a fold of nothing tells nothing, and he is measured anew.
    The men lie in the order of what the study observed first, so that every k-th of them stands for all.
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
    true = _expected(laboratory, {name: kept.true[name].to_numpy(dtype=float) for name in kept.true})
    first = column_of(study.observed[0], study)
    order = np.argsort(np.nan_to_num(true[first]), kind="stable")
    factors = {}
    for name in kept.measured[0] if study.baseline == "screening" else ():
        if name in true:
            seen = nanmean(np.array([visit[name] for visit in kept.measured]))[order]
            level = true[name][order]
            told = level >= max(laboratory.limit(name), np.finfo(float).tiny)
            factors[name] = np.where(told, seen / np.where(told, level, 1.0), np.nan)
    return kept.men.iloc[order], factors


def _expected(laboratory: Laboratory, true: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return what the laboratory would report of true levels without error: both oestradiols, percentages where there are sperm."""
    found = {**true, **laboratory.by_assays(true)}
    if "free_testosterone_nmol_l" in true:
        found["free_testosterone_pmol_l"] = 1e3 * true["free_testosterone_nmol_l"]
    return {**found, **laboratory.shares_told({name: true[name] for name in _SEMEN})} if "volume_ml" in true else found


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
    asked = {of.column for of in study.observed}
    if "free_testosterone_pmol_l" in asked:
        asked |= {"shbg_nmol_l", "free_testosterone_nmol_l"}
    always = ("testosterone_nmol_l", "oestradiol_pmol_l", "free_testosterone_nmol_l")
    return tuple(name for name in (*BLOOD, always[2]) if name in asked or name in always[:2]), bool(asked & {*_SEMEN})


def _levels(man: ExpectedMan, days: list[int], study: Study) -> dict[str, np.ndarray]:
    """Return a man's true levels, column -> (days,), on the mornings of days since the start."""
    blood, semen = _needs(study)
    rows = man.days[days]
    found = {name: rows[name] for name in blood}
    if semen:
        each = [man.semen(study.abstinence_days, day) for day in days]
        found |= {name: np.array([of[name] for of in each]) for name in _SEMEN}
    return found


def _days_of(sample: Sample, study: Study) -> list[int]:
    """Return the mornings that tell of a measurement: of a day that morning, of a span those after its days; of none the first."""
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
    column = levels[sample.column] if sample.column in levels else _expected(laboratory, levels)[sample.column]
    day = int((np.argmin if sample.kind == "lowest" else np.argmax)(column))
    return {name: column[day] for name, column in levels.items()}


def courses(
    study: Study,
    values: Mapping[str, float],
    drugs: Mapping[str, Drug],
    men: int,
    *,
    pool: int,
    seed: int,
    offset: int = 0,
) -> Course:
    """Run `men` of the study's screened `pool` through its arms under one parameter set: every k-th of them from `offset` on."""
    rows, _ = _men(study, pool, seed)
    chosen = (offset + np.arange(men) * max(1, len(rows) // men)) % len(rows)
    whole = complete(values)
    laboratory = Laboratory(whole, study.assay)
    treatments = {arm.name: Treatment(_scenario(study, k), drugs) for k, arm in enumerate(study.arm)}
    asked = {arm for of in study.observed for arm in (of.arm, of.versus) if arm}
    samples = {sample_of(of, arm) for of in study.observed for arm in (of.arm, of.versus) if arm}
    samples |= {Sample(arm, None) for arm in asked}
    true: dict[Sample, list[dict[str, Any]]] = {sample: [] for sample in sorted(samples, key=str)}
    for i, row in enumerate(rows.iloc[chosen].to_dict("records")):
        arms = {}
        for name, treatment in treatments.items():
            man = ExpectedMan(whole, row, treatment.drugs)
            arms[name] = treatment.follow(man, (seed, i))
        for sample, found in true.items():
            found.append(_sampled(sample, _levels(arms[sample.arm], _days_of(sample, study), study), laboratory))
    joined = {
        sample: {name: np.array([man[name] for man in found]) for name in found[0]} for sample, found in true.items()
    }
    return Course(joined, chosen, laboratory)


def statistic(
    of: Observation, least: float, before: np.ndarray, after: np.ndarray, beside: np.ndarray | None = None
) -> np.ndarray:
    """Return what papers would print of an observation: (repeats,), NaN where they could print none.

    Means are of the men who have a value. A change and a ratio are of means, and there is none in % of a mean that the laboratory
    cannot tell from none.

    Args:
        of: the observation; least: the least of its column that is told from none.
        before, after: (repeats, men) as reported, at baseline and at follow-up; for weeks (repeats, men, days) after.
        beside: (repeats, men) of the arm that it is compared with.
    """
    limit = float("nan") if of.limit is None else of.limit
    if of.kind in ("weeks_below", "weeks_above"):
        # None counted stands for half a sperm in the chamber, as laboratories report what lies under a limit.
        level = np.exp(np.log(np.maximum(after, 0.5 * least)).mean(axis=1)) / of.factor
        days = np.arange(level.shape[1]) * _STEP
        beyond = (level < limit if of.kind == "weeks_below" else level > limit) & (days >= of.since)
        return np.where(beyond.any(axis=1), (days[beyond.argmax(axis=1)] - of.since) / 7.0, np.nan)
    mean = nanmean(after, axis=1)
    if of.kind == "share_below":
        there = np.isfinite(after)
        return 100.0 * nanmean(np.where(there, after / of.factor < limit, np.nan), axis=1)
    if of.kind == "level":
        return np.asarray(mean / of.factor)
    base = nanmean(before if beside is None else beside, axis=1)
    if of.kind == "difference":
        return np.asarray((mean - base) / of.factor)
    told = base >= max(least, np.finfo(float).tiny)
    fold = np.where(told, mean / np.where(told, base, 1.0), np.nan)
    return 100.0 * (fold if of.kind in ("lowest", "highest") else fold - 1.0)


def expectation(study: Study, course: Course, *, pool: int, seed: int) -> np.ndarray:
    """Return the statistic of every observation over all men of a course, measured without noise but selected as they were."""
    _, factors = _men(study, pool, seed)
    selected = {name: float(nanmean(factor)) for name, factor in factors.items() if np.isfinite(factor).any()}
    found = []
    for of in study.observed:
        column = column_of(of, study)
        after, beside = (_plain(course, sample_of(of, arm), column) if arm else None for arm in (of.arm, of.versus))
        before = _plain(course, Sample(of.arm, None), column) * selected.get(column, 1.0)
        assert after is not None
        found.append(statistic(of, course.laboratory.limit(column), before, after, beside)[0])
    return np.array(found)


def _plain(course: Course, sample: Sample, column: str) -> np.ndarray:
    """Return a column of a measurement as it would be reported without error, as one repeat: (1, men) or (1, men, days)."""
    return _expected(course.laboratory, course.true[sample])[column][None]


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
        reported: dict[Sample, dict[str, np.ndarray]] = {}

        def of_sample(sample: Sample, column: str, n: int) -> np.ndarray:
            if sample not in reported:
                reported[sample] = self.measured(sample)
            return reported[sample][column][:, :n]

        found = []
        for of in self.study.observed:
            column, n = column_of(of, self.study), of.n or self.study.n
            before = of_sample(Sample(of.arm, None), column, n)
            after, beside = (of_sample(sample_of(of, arm), column, n) if arm else None for arm in (of.arm, of.versus))
            assert after is not None
            found.append(statistic(of, self.course.laboratory.limit(column), before, after, beside))
        return np.column_stack(found)

    def measured(self, sample: Sample) -> dict[str, np.ndarray]:
        """Return what the laboratory reports of the men of each repeat, column -> (repeats, men)."""
        laboratory, baseline = self.course.laboratory, sample.day is None and sample.kind == "mean"
        chosen = self.chosen[sample.arm]
        true = {name: column[chosen] for name, column in self.course.true[sample].items()}
        # The men of a paired study have one baseline, whatever the arm.
        arm = "" if baseline and self.study.design == "paired" else sample.arm
        key, day = (*self.key, zlib.crc32(arm.encode())), -1 if sample.day is None else round(sample.day[0])
        if sample.kind == "weeks" and sample.column == _SPERM:
            return {_SPERM: laboratory.count(true[_SPERM], key, day)[0]}
        seen = laboratory.blood(true, key, day)
        if "volume_ml" in true:
            seen |= vars(laboratory.semen(Semen(**{name: true[name] for name in _SEMEN}), key, day))
        if not baseline or not self.factors:
            return seen
        plain = _expected(laboratory, true)
        for name in seen.keys() & self.factors.keys():
            screened = plain[name] * self.factors[name][self.course.men[chosen]]
            seen[name] = np.where(np.isfinite(screened), screened, seen[name])
        return seen


def replay(
    study: Study, ensemble: Ensemble, *, sets: int = 24, men: int | None = None, repeats: int = 240, seed: int = 1
) -> pd.DataFrame:
    """Replay a study many times; return a row an observation: observed, predicted median and 95 % interval.

    The interval holds men, measurement, parameters (of the ensemble) and what studies of the same thing differ by
    (`between_studies`); `inside_same_laboratory` is without the last. What fewer than half of the repeats could print is NaN, which
    is inside no interval.

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
    most = max(of.n or study.n for of in study.observed)
    men = men or min(max(12, most), _MOST_MEN)
    pool = max(POOL, 2 * men)
    _, factors = _men(study, pool, seed)
    picked = ensemble.pick(sets, seed)

    def one(numbered: tuple[int, int]) -> Course:
        i, k = numbered
        values, drugs = ensemble.applied(int(k))
        return courses(study, values, drugs, men, pool=pool, seed=seed, offset=i)

    jobs = list(enumerate(picked))
    ran = [one(jobs[0])]
    with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
        ran += list(threads.map(one, jobs[1:]))

    def some(arm: str) -> np.ndarray:
        """Return which men each repeat has in an arm, (repeats, most), none twice where there are enough."""
        rng = np.random.default_rng([seed, 17, zlib.crc32(arm.encode())])
        if most > men:
            return rng.integers(men, size=(repeats, most))
        return rng.permuted(np.tile(np.arange(men), (repeats, 1)), axis=1)[:, :most]

    paired = study.design == "paired"
    chosen = {arm.name: some("" if paired else arm.name) for arm in study.arm}
    drawn = np.full((repeats, len(study.observed)), np.nan)
    for i, course in enumerate(ran):
        rows = {arm: order[i :: len(ran)] for arm, order in chosen.items()}
        if i < repeats:
            drawn[i :: len(ran)] = _Trials(study, course, factors, rows, (seed, 18, i)).statistics()
    drawn[:, np.isfinite(drawn).mean(axis=0) < 0.5] = np.nan
    return _table(study, drawn, _between(study, drawn, seed))


def between_studies(of: Observation) -> float:
    """Return the SD by which studies of the same thing differ (laboratories, conduct), on a log scale (calibration.toml)."""
    spread = configuration()["spread"]
    return float(spread["weeks" if of.kind.startswith("weeks") else spread_name(of.variable)])


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
    for k, of in enumerate(study.observed):
        luck = np.random.default_rng([seed, 19, zlib.crc32(f"{of.kind} {of.label}".encode())]).standard_normal(
            len(drawn)
        )
        if of.kind == "share_below":
            other[:, k] = np.clip(drawn[:, k] + 100.0 * spread["share"] * luck, 0.0, 100.0)
        elif of.kind == "difference":
            size = np.abs(drawn[:, k][np.isfinite(drawn[:, k])])
            other[:, k] = drawn[:, k] + spread["difference"] * (np.median(size) if len(size) else np.nan) * luck
        else:
            fold = np.exp(between_studies(of) * luck)
            other[:, k] = 100.0 * ((1.0 + drawn[:, k] / 100.0) * fold - 1.0) if of.relative else drawn[:, k] * fold
    return other


def _table(study: Study, drawn: np.ndarray, other: np.ndarray) -> pd.DataFrame:
    rows = []
    for k, of in enumerate(study.observed):
        found = drawn[:, k][np.isfinite(drawn[:, k])]
        near, middle, far = np.quantile(found, [0.025, 0.5, 0.975]) if len(found) else (np.nan,) * 3
        low, high = np.nanquantile(other[:, k], [0.025, 0.975]) if len(found) else (np.nan,) * 2
        rows.append(
            {
                "study": study.name,
                "citation": study.citation,
                "arm": of.arm,
                "variable": of.variable,
                "kind": of.kind,
                "label": label_of(of, study),
                "unit": of.shown_unit,
                "confidence": of.confidence,
                "n": of.n or study.n,
                "observed": of.value,
                "predicted": middle,
                "low": low,
                "high": high,
                "inside": bool(low <= of.value <= high),
                "inside_same_laboratory": bool(near <= of.value <= far),
                "fold": fold_error(of, middle),
                "sign": same_sign(of, middle),
                "log_score": log_score(of, other[:, k]),
            }
        )
    return pd.DataFrame(rows)


def as_fold(of: Observation, value: float) -> float:
    """Return a value as a fold on its own scale: a change of -40 % is 0.6, a level or a time itself."""
    return 1.0 + value / 100.0 if of.relative else value


def fold_error(of: Observation, predicted: float) -> float:
    """Return predicted over observed or its inverse, at least 1; missing where a ratio means nothing (differences, noughts)."""
    seen, said = as_fold(of, of.value), as_fold(of, predicted)
    if of.kind == "difference" or not (seen > 0.0 and said > 0.0):
        return float("nan")
    return float(np.exp(abs(np.log(said / seen))))


def same_sign(of: Observation, predicted: float) -> bool | None:
    """Return whether a change or difference goes the way it was seen to; None where none was (under its error, or 5 %)."""
    if not (of.relative or of.kind == "difference"):
        return None
    least = of.se if of.se is not None else 5.0 if of.relative else 0.0
    return None if abs(of.value) <= least or np.isnan(predicted) else bool(np.sign(predicted) == np.sign(of.value))


def scaled(of: Observation, value: float) -> float:
    """Return a value on the scale it is compared on: log of a fold, or as it is (differences, shares of men)."""
    if of.kind == "difference":
        return value
    if of.kind == "share_below":
        return value / 100.0
    return float(np.log(max(as_fold(of, value), 0.005)))


def log_score(of: Observation, drawn: np.ndarray) -> float:
    """Return the log density of what was observed among predicted trials (normal on the scale of `scaled`); higher is better."""
    told = np.array([scaled(of, value) for value in drawn[np.isfinite(drawn)]])
    if len(told) < 2:
        return float("nan")
    sd = max(float(told.std()), 1e-3)
    return float(-0.5 * ((scaled(of, of.value) - told.mean()) / sd) ** 2 - np.log(sd))
