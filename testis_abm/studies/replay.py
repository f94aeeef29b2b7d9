"""A study as a virtual trial: its own selection and number of men, many times, with uncertain parameters and noisy measurement.

Men are drawn and screened by measured labs as the study did; each parameter set runs some of them through every arm; each repeat
of the trial draws its men from those, measures them and works out what the paper printed. What screening measured is the baseline
(unless the study had a separate one), so that men selected on one low value regress to their mean, treated or not.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import guard, parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.errors import TestisError
from testis_abm.expected.course import COLUMNS
from testis_abm.expected.man import ExpectedMan, reference_output
from testis_abm.expected.treat import Treatment
from testis_abm.parameters import Drug
from testis_abm.physiology import complete
from testis_abm.population import Population
from testis_abm.population.screen import screen
from testis_abm.results.tables import clinical_ratio
from testis_abm.scenario import Plan, Samples, Scenario
from testis_abm.studies.ensemble import Ensemble
from testis_abm.studies.study import Observation, Study

CONFIGURATION = Path(__file__).with_name("calibration.toml")
POOL = 240  # men of a study who pass its screening
_MOST_MEN = 48  # of them that a parameter set is run on
_STEP = 3  # days between the samples of a course that is searched for a crossing
_SEMEN = (
    "concentration_million_ml",
    "total_motile_count_million",
    "progressive_motility_pct",
    "normal_forms_pct",
    "volume_ml",
)
_NOISE = {
    "testosterone_nmol_l": ("blood_variation.testosterone",),
    "free_testosterone_pmol_l": ("blood_variation.testosterone",),
    "oestradiol_pmol_l": ("blood_variation.oestradiol",),
    "t_over_e2": ("blood_variation.testosterone", "blood_variation.oestradiol"),
    "lh_iu_l": ("blood_variation.lh",),
    "fsh_iu_l": ("blood_variation.fsh",),
    "inhibin_b_pg_ml": ("blood_variation.inhibin_b",),
    "shbg_nmol_l": ("blood_variation.shbg",),
    "intratesticular_testosterone_nmol_l": ("blood_variation.testosterone",),
    "intratesticular_oestradiol_nmol_l": ("blood_variation.oestradiol",),
    "concentration_million_ml": ("semen_variation.concentration", "semen_variation.technician"),
    "total_motile_count_million": (
        "semen_variation.concentration",
        "semen_variation.volume",
        "semen_variation.motility",
    ),
    "progressive_motility_pct": ("semen_variation.motility",),
    "normal_forms_pct": ("semen_variation.morphology",),
    "volume_ml": ("semen_variation.volume",),
}


@lru_cache(maxsize=128)
def _men(study: Study, n: int, seed: int) -> tuple[pd.DataFrame, Mapping[str, np.ndarray]]:
    """Return men who pass the study's screening, and by column what was measured of each at baseline over his true level.

    The men lie in the order of what the study observed first, so that every k-th of them stands for all.
    """
    try:
        kept = screen(
            Population.named(study.population), n, study.where, visits=study.visits, seed=seed, assay=study.assay,
            fixed=dict(study.man),
        ).cohort  # fmt: skip
    except TestisError as error:
        raise TestisError(f"study {study.name}: {error}") from None
    seen = sum(visit for visit in kept.measured) / len(kept.measured)
    true = kept.true.assign(oestradiol_pmol_l=reported_oestradiol(
        kept.true["oestradiol_pmol_l"].to_numpy(), study.assay, parameters.values()
    ))  # fmt: skip
    for of in (seen, true):
        of["t_over_e2"] = clinical_ratio(of["testosterone_nmol_l"], of["oestradiol_pmol_l"])
    # A laboratory works free testosterone out from what it measures of the total.
    seen["free_testosterone_pmol_l"] = seen["testosterone_nmol_l"]
    true["free_testosterone_pmol_l"] = true["testosterone_nmol_l"]
    first = study.observed[0].column
    order = np.argsort((true[first] if first in true else true["testosterone_nmol_l"]).to_numpy(), kind="stable")
    factors = {
        name: seen[name].to_numpy()[order] / np.maximum(true[name].to_numpy()[order], 1e-12)
        for name in seen
        if study.baseline == "screening"
    }
    return kept.men.iloc[order], factors


@dataclass(frozen=True)
class Course:
    """What one parameter set gives for some men of a study.

    Attributes:
        before: (men, observations), true levels at baseline; after: (men, observations), in the window of each (or the extreme);
            versus: (men, observations), of the arm that a difference is from.
        crossing: (men, observations, days), the concentration every few days, where a crossing is asked for.
        men: which of the screened men.
    """

    before: np.ndarray
    after: np.ndarray
    versus: np.ndarray
    crossing: dict[int, np.ndarray]
    men: np.ndarray


def _scenario(study: Study, arm: int) -> Scenario:
    return Scenario(
        title=study.title[:200],
        plan=Plan(baseline=0, duration=round(study.duration_days), replicates=1),
        therapy=list(study.arm[arm].therapy),
        samples=Samples(assay=study.assay, abstinence=study.abstinence_days, blood=[0], semen=[0]),
    )


def _levels(man: ExpectedMan, column: str, days: list[int], study: Study, values: Mapping[str, float]) -> np.ndarray:
    """Return a man's true (oestradiol: reported) level on days since the start; day -1 is his rest."""
    if column in _SEMEN:
        return np.array([man.semen(study.abstinence_days, day + 1)[column] for day in days])
    rows = np.array([man.rest if day < 0 else man.days[min(day, len(man.days) - 1)] for day in days])
    at = {name: rows[:, k] for k, name in enumerate(COLUMNS)}
    oestradiol = np.asarray(reported_oestradiol(at["oestradiol_pmol_l"], study.assay, values))
    if column == "oestradiol_pmol_l":
        return oestradiol
    if column == "t_over_e2":
        return clinical_ratio(at["testosterone_nmol_l"], np.maximum(oestradiol, 0.1))
    if column == "free_testosterone_pmol_l":
        return 1e3 * at["free_testosterone_nmol_l"]
    return at[column]


def _days_of(of: Observation, study: Study) -> list[int]:
    if of.day is None:
        return list(range(0, round(study.duration_days), _STEP))
    first, last = round(of.day[0]), round(of.day[1])
    step = max(1, (last - first) // 12)
    return list(range(first, last + 1, step))


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
    reference = reference_output(whole, {name: field.value for name, field in parameters.physiology().items()})
    treatments = [Treatment(_scenario(study, arm), drugs) for arm in range(len(study.arm))]
    names = [arm.name for arm in study.arm]
    count = len(study.observed)
    before, after, versus = (np.full((men, count), np.nan) for _ in range(3))
    crossing: dict[int, list[np.ndarray]] = {
        k: [] for k, of in enumerate(study.observed) if of.kind.startswith("weeks")
    }
    for i, row in enumerate(rows.iloc[chosen].to_dict("records")):
        arms = []
        for treatment in treatments:
            man = ExpectedMan(whole, row, treatment.drugs, reference=reference)
            arms.append(treatment.follow(man, np.random.default_rng([seed, i])))
        for k, of in enumerate(study.observed):
            man, days = arms[names.index(of.arm)], _days_of(of, study)
            before[i, k] = _levels(man, of.column, [-1], study, whole)[0]
            level = _levels(man, of.column, days, study, whole)
            if k in crossing:
                crossing[k].append(level)
            extreme = {"lowest": np.min, "highest": np.max}.get(of.kind, np.mean)
            after[i, k] = extreme(level)
            if of.versus:
                versus[i, k] = _levels(arms[names.index(of.versus)], of.column, days, study, whole).mean()
    return Course(before, after, versus, {k: np.array(of) for k, of in crossing.items()}, chosen)


def statistic(
    of: Observation, k: int, course: Course, chosen: np.ndarray, base: np.ndarray, noise: np.ndarray,
    others: np.ndarray, other: np.ndarray,
) -> float:  # fmt: skip
    """Return what a paper would print of an observation.

    Args:
        of, k: the observation and its number; course: what the parameter set gives.
        chosen, others: which of its men the arm and the arm that it is compared with have.
        base, noise, other: (men,) factors of measurement at baseline, at follow-up and in the other arm.
    """
    if of.kind in ("weeks_below", "weeks_above"):
        sperm = np.maximum(course.crossing[k][chosen], 1e-3)
        level = np.exp(np.log(sperm).mean(axis=0)) / of.factor
        days = np.arange(len(level)) * _STEP
        later = days >= of.since
        beyond = (level < of.limit if of.kind == "weeks_below" else level > of.limit) & later
        return float((days[int(beyond.argmax())] - of.since) / 7.0) if beyond.any() else np.nan
    before, after = course.before[chosen, k] * base, course.after[chosen, k] * noise
    if of.kind == "change":
        return float(100.0 * (after.mean() / max(before.mean(), 1e-12) - 1.0))
    if of.kind in ("lowest", "highest"):
        return float(100.0 * after.mean() / max(before.mean(), 1e-12))
    if of.versus:
        beside = (course.versus[others, k] * other).mean()
        if of.kind == "ratio":
            return float(100.0 * (after.mean() / max(beside, 1e-12) - 1.0))
        return float((after.mean() - beside) / of.factor)
    if of.kind == "share_below":
        return float(100.0 * (after / of.factor < of.limit).mean())
    return float(after.mean() / of.factor)


def expectation(study: Study, course: Course, *, pool: int, seed: int) -> np.ndarray:
    """Return the statistic of every observation over all men of a course, measured without noise but selected as they were."""
    everyone, one = np.arange(len(course.men)), np.ones(len(course.men))
    _, factors = _men(study, pool, seed)
    selected = {name: float(factor.mean()) for name, factor in factors.items()}
    return np.array(
        [
            statistic(of, k, course, everyone, one * selected.get(of.column, 1.0), one, everyone, one)
            for k, of in enumerate(study.observed)
        ]
    )


def replay(
    study: Study, ensemble: Ensemble, *, sets: int = 24, men: int | None = None, repeats: int = 240, seed: int = 1
) -> pd.DataFrame:
    """Replay a study many times; return a row an observation: observed, predicted median and 95 % interval.

    The interval holds men, measurement, parameters (of the ensemble) and what studies of the same thing differ by
    (`between_studies`); `inside_same_laboratory` is without the last.

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
    sizes = [of.n or study.n for of in study.observed]
    men = men or min(max(12, *sizes), _MOST_MEN)
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
    values, rng = parameters.values(), np.random.default_rng([seed, 17])
    drawn = np.full((repeats, len(study.observed)), np.nan)

    def some(size: int) -> np.ndarray:
        """Return which of the men a trial of that size has, none twice where there are enough."""
        return np.asarray(rng.permutation(men)[:size] if size <= men else rng.integers(men, size=size))

    for r in range(repeats):
        course = ran[r % len(ran)]
        arms = {size: some(size) for size in sorted(set(sizes))}
        for k, (of, size) in enumerate(zip(study.observed, sizes, strict=True)):
            sigma = float(np.sqrt(sum(np.log1p(values[name] ** 2) for name in _NOISE[of.column])))
            noise, other, base = (np.exp(sigma * rng.standard_normal(size) - 0.5 * sigma**2) for _ in range(3))
            chosen = arms[size]
            if of.column in factors:
                base = factors[of.column][course.men[chosen]]
            others = some(size) if of.versus and study.design == "parallel" else chosen
            drawn[r, k] = statistic(of, k, course, chosen, base, noise, others, other)
    return _table(study, drawn, _between(study, drawn, rng))


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


def _between(study: Study, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the repeats as other studies of the same thing would have printed them."""
    other, spread = drawn.copy(), configuration()["spread"]
    for k, of in enumerate(study.observed):
        luck = rng.standard_normal(len(drawn))
        if of.kind == "share_below":
            other[:, k] = np.clip(drawn[:, k] + 100.0 * spread["share"] * luck, 0.0, 100.0)
        elif of.kind == "difference":
            other[:, k] = drawn[:, k] + spread["difference"] * np.nanmedian(np.abs(drawn[:, k])) * luck
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
                "study": study.name, "citation": study.citation, "arm": of.arm, "variable": of.variable, "kind": of.kind,
                "label": of.label, "unit": of.shown_unit, "confidence": of.confidence, "n": of.n or study.n, "observed": of.value,
                "predicted": middle, "low": low, "high": high, "inside": bool(low <= of.value <= high),
                "inside_same_laboratory": bool(near <= of.value <= far),
                "fold": fold_error(of, middle), "sign": same_sign(of, middle), "log_score": log_score(of, other[:, k]),
            }
        )  # fmt: skip
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
    return None if abs(of.value) <= least else bool(np.sign(predicted) == np.sign(of.value))


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
