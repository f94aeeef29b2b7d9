"""A study as a virtual trial: its own selection and number of men, many times, with uncertain parameters and noisy measurement.

Men are drawn and screened by measured labs as the study did; each parameter set runs some of them through every arm; each repeat
of the trial draws its men from those, measures them anew and works out what the paper printed.
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

from testis_abm import parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.expected.course import COLUMNS
from testis_abm.expected.man import ExpectedMan, reference_output
from testis_abm.expected.treat import Treatment
from testis_abm.parameters import Drug
from testis_abm.physiology import complete
from testis_abm.population import Population
from testis_abm.population.screen import screen
from testis_abm.scenario import Plan, Samples, Scenario
from testis_abm.studies.ensemble import Ensemble
from testis_abm.studies.study import Observation, Study

CONFIGURATION = Path(__file__).with_name("calibration.toml")
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
def _men(study: Study, n: int, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Return men who pass the study's screening, their true labs, and what was measured of them (mean of the visits)."""
    kept = screen(
        Population.named(study.population), n, study.where, visits=study.visits, seed=seed, assay=study.assay,
        fixed=dict(study.man),
    ).cohort  # fmt: skip
    seen = sum(visit for visit in kept.measured) / len(kept.measured)
    return kept.men, kept.true, seen


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
        return 28.84 * at["testosterone_nmol_l"] / (np.maximum(oestradiol, 0.1) / 3.67)
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
    """Run `men` of the study's screened `pool` through its arms under one parameter set."""
    rows, _, _ = _men(study, pool, seed)
    chosen = (offset * men + np.arange(men)) % len(rows)
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
    of: Observation, k: int, course: Course, chosen: np.ndarray, base: np.ndarray, noise: np.ndarray, other: np.ndarray
) -> float:
    """Return what a paper would print of an observation.

    Args:
        of, k: the observation and its number; course: what the parameter set gives.
        chosen: which of its men the trial has; base, noise, other: (men,) factors of measurement at baseline, at follow-up and in the
            other arm.
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
    if of.kind == "difference":
        return float((after.mean() - (course.versus[chosen, k] * other).mean()) / of.factor)
    if of.kind == "share_below":
        return float(100.0 * (after / of.factor < of.limit).mean())
    return float(after.mean() / of.factor)


def expectation(study: Study, course: Course) -> np.ndarray:
    """Return the statistic of every observation over all men of a course, without noise of measurement."""
    everyone, one = np.arange(len(course.men)), np.ones(len(course.men))
    return np.array([statistic(of, k, course, everyone, one, one, one) for k, of in enumerate(study.observed)])


def replay(
    study: Study, ensemble: Ensemble, *, sets: int = 24, men: int = 10, repeats: int = 240, seed: int = 1
) -> pd.DataFrame:
    """Replay a study many times; return a row an observation: observed, predicted median and 95 % interval.

    The interval holds men, measurement, parameters (of the ensemble) and what studies of the same thing differ by
    (`between_studies`); `inside_same_laboratory` is without the last.

    Args:
        study: from load_study.
        ensemble: parameter sets; `sets` of them are run, on `men` men each.
        repeats: of the trial.
        seed: of everything.
    """
    pool = max(40, min(2 * men * 4, 4 * men))
    _, true, seen = _men(study, pool, seed)
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
    size = min(study.n, 4000)
    for r in range(repeats):
        course = ran[r % len(ran)]
        chosen = rng.integers(len(course.men), size=size)
        for k, of in enumerate(study.observed):
            sigma = float(np.sqrt(sum(np.log1p(values[name] ** 2) for name in _NOISE[of.column])))
            noise, other, base = (np.exp(sigma * rng.standard_normal(size) - 0.5 * sigma**2) for _ in range(3))
            if of.column in seen:
                # The baseline is what screening measured: men selected on a low value were partly low by chance.
                whom = course.men[chosen]
                own = true[of.column].to_numpy()[whom]
                known = (
                    np.asarray(reported_oestradiol(own, study.assay, values))
                    if of.column == "oestradiol_pmol_l"
                    else own
                )
                base = seen[of.column].to_numpy()[whom] / np.maximum(known, 1e-12)
            drawn[r, k] = statistic(of, k, course, chosen, base, noise, other)
    return _table(study, drawn, _between(study, drawn, rng))


def between_studies(of: Observation) -> float:
    """Return the SD by which studies of the same thing differ (laboratories, conduct), on a log scale (calibration.toml)."""
    if of.kind.startswith("weeks"):
        return 0.12
    return float(configuration()["spread"][of.variable])


@cache
def configuration() -> dict[str, Any]:
    """Return what calibration declares: parameters, studies set apart, spreads between studies (calibration.toml)."""
    return tomllib.loads(CONFIGURATION.read_text(encoding="utf-8"))


def _between(study: Study, drawn: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the repeats as other studies of the same thing would have printed them."""
    other = drawn.copy()
    for k, of in enumerate(study.observed):
        luck = rng.standard_normal(len(drawn))
        if of.kind == "share_below":
            other[:, k] = np.clip(drawn[:, k] + 10.0 * luck, 0.0, 100.0)
        elif of.kind == "difference":
            other[:, k] = drawn[:, k] + 0.3 * np.nanmedian(np.abs(drawn[:, k])) * luck
        else:
            fold = np.exp(between_studies(of) * luck)
            other[:, k] = (
                100.0 * ((1.0 + drawn[:, k] / 100.0) * fold - 1.0) if of.kind == "change" else drawn[:, k] * fold
            )
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
                "label": of.label, "unit": of.shown_unit, "confidence": of.confidence, "n": study.n, "observed": of.value,
                "predicted": middle, "low": low, "high": high, "inside": bool(low <= of.value <= high),
                "inside_same_laboratory": bool(near <= of.value <= far),
                "fold": fold_error(of, middle), "sign": same_sign(of, middle),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def as_fold(of: Observation, value: float) -> float:
    """Return a value as a fold on its own scale: a change of -40 % is 0.6, a level or a time itself."""
    return 1.0 + value / 100.0 if of.kind == "change" else value


def fold_error(of: Observation, predicted: float) -> float:
    """Return predicted over observed or its inverse, at least 1; missing where a ratio means nothing (differences, noughts)."""
    seen, said = as_fold(of, of.value), as_fold(of, predicted)
    if of.kind == "difference" or not (seen > 0.0 and said > 0.0):
        return float("nan")
    return float(np.exp(abs(np.log(said / seen))))


def same_sign(of: Observation, predicted: float) -> bool | None:
    """Return whether a change or difference goes the way it was seen to (within 5 % of nought counts as none)."""
    if of.kind not in ("change", "difference"):
        return None
    flat = 5.0 if of.kind == "change" else 0.05 * max(abs(of.value), abs(predicted))
    signs = [0.0 if abs(value) <= flat else float(np.sign(value)) for value in (of.value, predicted)]
    return bool(signs[0] == signs[1] or 0.0 in signs)
