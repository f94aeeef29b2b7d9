"""Virtual randomised trials: a cohort screened as a clinic would, randomised, treated, measured with noise and missing visits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import guard
from testis_abm.body.assay import reported_oestradiol
from testis_abm.errors import ScenarioError, TestisError, shown
from testis_abm.experiments.files import Experiment, Source, output_word, read_experiment
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, clinical, label
from testis_abm.experiments.runner import Progress, execute
from testis_abm.experiments.store import Store, read, read_manifest
from testis_abm.experiments.task import TREATED, UNTREATED, Job, Task, essence
from testis_abm.parameters import values as parameter_values
from testis_abm.population.screen import Screened, screen
from testis_abm.results import report
from testis_abm.results.tables import clinical_ratio

KEYS = ("men", "population", "where", "visits", "allocation", "missing", "outcome", "responder_pct", "seed")
_Z = 1.959964
# Log of the CVs within a man and of the laboratory, of what is measured itself; the rest of a visit follows from it.
_NOISE: Mapping[str, tuple[str, ...]] = {
    "testosterone_nmol_l": ("blood_variation.testosterone",),
    "oestradiol_pmol_l": ("blood_variation.oestradiol",),
    "lh_iu_l": ("blood_variation.lh",),
    "fsh_iu_l": ("blood_variation.fsh",),
    "inhibin_b_pg_ml": ("blood_variation.inhibin_b",),
    "shbg_nmol_l": ("blood_variation.shbg",),
    "intratesticular_testosterone_nmol_l": ("blood_variation.testosterone",),
    "intratesticular_oestradiol_nmol_l": ("blood_variation.oestradiol",),
    "concentration_million_ml": ("semen_variation.concentration", "semen_variation.technician"),
    "volume_ml": ("semen_variation.volume",),
    "progressive_motility_pct": ("semen_variation.motility",),
    "normal_forms_pct": ("semen_variation.morphology",),
}
# Counts can be 0: what is added before the log, so that men without sperm stay in (million/mL, million).
_COUNTS = {"concentration_million_ml": 0.05, "total_motile_count_million": 0.05}
PREDICTORS = ("T/LH", "T/E2", "testosterone", "LH", "FSH", "BMI", "sperm concentration")


@dataclass(frozen=True)
class Trial:
    """A trial as designed.

    Attributes:
        experiment: file; cohort: the men, screened.
        arm: of each man; job, tasks: what is run.
        outcome: column of the primary outcome; responder_pct: rise that makes a responder; missing: share of visits.
        seed: of randomisation, measurement and missing visits.
    """

    experiment: Experiment
    cohort: Screened
    arm: np.ndarray
    job: Job
    tasks: list[Task]
    outcome: str
    responder_pct: float
    missing: float
    seed: int


def prepare(source: Source, overrides: Mapping[str, object] | None = None) -> Trial:
    """Read a trial; draw, screen and randomise its men.

    Raises:
        TestisError: a wrong key, fewer than two arms, criteria that nearly nobody meets.
    """
    experiment = read_experiment(source, "trial", KEYS, overrides)
    table = experiment.table
    try:
        if len(experiment.arms) < 2:
            raise TestisError(
                f"{len(experiment.arms)} [[arm]]: a trial needs two or more; a control is an arm with therapy = []"
            )
        men = guard.whole(table.get("men", 100), 4, guard.LIMITS["men"][1], "men")
        seed = guard.argument("seed", table.get("seed", experiment.scenario.plan.seed))
        where = table.get("where", [])
        outcome = output_word(table.get("outcome", "sperm concentration"), "outcome")
        allocation = table.get("allocation", [1] * len(experiment.arms))
        if (
            not isinstance(allocation, list)
            or len(allocation) != len(experiment.arms)
            or not all(isinstance(of, int) and not isinstance(of, bool) and 1 <= of <= 20 for of in allocation)
        ):
            raise TestisError(
                f"allocation: {shown(allocation)} is not one whole number (1 to 20) for each of {len(experiment.arms)} arms"
            )
        missing = guard.number(table.get("missing", 0.0), 0.0, 0.9, "missing")
        responder = guard.number(table.get("responder_pct", 20.0), -100.0, 10_000.0, "responder_pct")
        cohort = screen(
            table.get("population", "clinic"), men, where, visits=table.get("visits", 1),
            seed=seed, assay=experiment.scenario.samples.assay, values=parameter_values(experiment.scenario.parameters),
        )  # fmt: skip
    except TestisError as error:
        raise ScenarioError(f"{experiment.name}: trial: {error}") from None
    _check(experiment, outcome, cohort)
    names = list(experiment.arms)
    arm = _randomised(names, allocation, men, seed)
    cases = {name: _for_trial(essence(case.as_dict())) for name, case in experiment.arms.items()}
    job = Job(cases, experiment.days, table.get("engine", "cells"), (TREATED,))
    rows = cohort.cohort.men.to_dict("records")
    tasks = [
        Task(i, i, {}, row, name, (TREATED if experiment.arms[name].treated else UNTREATED,))
        for i, (row, name) in enumerate(zip(rows, arm))
    ]
    return Trial(experiment, cohort, arm, job, tasks, OUTPUTS[outcome][0], responder, missing, seed)


def _check(experiment: Experiment, outcome: str, cohort: Screened) -> None:
    """Make sure that all arms last as long as the trial, and that screening measures the outcome.

    Raises:
        ScenarioError: they do not.
    """
    name = f"{experiment.name}: trial"
    lengths = {of: case.plan.duration_days for of, case in experiment.arms.items()}
    if len({*lengths.values(), experiment.scenario.plan.duration_days}) > 1:
        told = ", ".join(f"{of}: {days} days" for of, days in lengths.items())
        raise ScenarioError(f"{name}: the arms differ in length ({told}); give them the same plan")
    known = [word for word, (column, _, _) in OUTPUTS.items() if f"baseline_{column}" in _screened(cohort)]
    if outcome not in known:
        raise ScenarioError(f"{name}: outcome: {outcome} is not measured at screening; known: {', '.join(known)}")


def _for_trial(case: dict[str, Any]) -> dict[str, Any]:
    """Return a scenario for men of a cohort: no preset or past of its own."""
    return {**case, "man": {}}


def _randomised(names: list[str], allocation: list[int], men: int, seed: int) -> np.ndarray:
    """Return the arm of each man: permuted blocks."""
    rng = np.random.default_rng([seed, 31])
    block = [name for name, count in zip(names, allocation) for _ in range(2 * count)]
    drawn = [rng.permutation(block) for _ in range(men // len(block) + 1)]
    return np.concatenate(drawn)[:men]


def trial(
    source: Source,
    folder: str | Path,
    *,
    overrides: Mapping[str, object] | None = None,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    progress: Callable[[Progress], None] | None = None,
) -> Result | None:
    """Run a virtual trial (what is missing of it); return its analysis, None while shards of it are still to come.

    Arguments as `sweep.sweep`.

    Raises:
        TestisError: see prepare, Store and execute.
    """
    folder = guard.running(folder, workers, shard, dask)
    of = prepare(source, overrides)
    store = Store.of(folder, of.job, of.tasks, _about(of))
    execute(of.job, of.tasks, store, workers=workers, dask=dask, shard=shard, progress=progress)
    return None if store.missing() else analyse(of, folder)


def _about(of: Trial) -> dict[str, Any]:
    """Return what a store says of a trial besides its runs; more men, another analysis or outcome are still the same trial."""
    table = json.loads(json.dumps(dict(of.experiment.table), default=str))
    cohort = {key: table.get(key) for key in ("population", "where", "visits", "seed")}
    return {
        "kind": "trial", "title": of.experiment.scenario.title, "cohort": cohort, "design": table,
        "outputs": list(of.experiment.outputs),
    }  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What a trial found.

    Attributes:
        men: a row a man: arm, what screening measured (`baseline_`), what each visit measured (`day<d>_`), NaN where it was missed.
        effects: a row an arm (against the first) and output at the last visit: means, difference in %, 95 % interval, p.
        responders: a row an arm: share with a rise over `responder_pct`, number needed to treat with its interval.
        predictors: a row an arm and baseline measure: AUC for a rise with its 95 % interval. What foretells a rise in the control
            arm too foretells regression to the mean, not response.
        power: a row an active arm and number of men randomised to an arm: share of trials of that size with p under 0.05.
        failed: men whose run failed, with the error.
    """

    title: str
    outcome: str
    responder_pct: float
    men: pd.DataFrame
    effects: pd.DataFrame
    responders: pd.DataFrame
    predictors: pd.DataFrame
    power: pd.DataFrame
    failed: pd.DataFrame

    def text(self) -> str:
        """Return the result in words and tables."""
        word = next(word for word, of in OUTPUTS.items() if of[0] == self.outcome)
        lines = [f"{self.title}: {len(self.men):,} men, primary outcome {word} at the last visit", ""]
        for row in self.effects.itertuples():
            name = label(row.column)
            mark = "*" if row.column == self.outcome else " "
            effect = (
                f"{row.difference_pct:+7.1f} % ({row.low_pct:+.1f} to {row.high_pct:+.1f})  p {f'{row.p:.2g}' if row.p > 1e-99 else '< 1e-99'}"
                if np.isfinite(row.p)
                else "not estimable"
            )
            lines.append(
                f" {mark}{name:38s}{row.arm:24.24s}{report.number(row.control_mean):>10s} -> {report.number(row.mean):10s}{effect}, n {row.n_control} and {row.n}"
            )
        lines.append(
            "  Means as measured; differences of log levels, adjusted for the baseline, of men who came to the last visit."
        )
        lines.append(f"\n  Responders (rise of over {self.responder_pct:g} % in {word}, as measured):")
        for row in self.responders.itertuples():
            lines.append(
                f"    {row.arm:24.24s}{report.number(row.share_pct):>5s} %  ({row.responders} of {row.n}){_needed(row.nnt, row.nnt_low, row.nnt_high)}"
            )
        lines.append(
            "\n  What foretells such a rise (AUC, 0.5 is chance; under 0.5: low values rise). In the control arm it is regression to the mean:"
        )
        for arm, rows in self.predictors.groupby("arm", sort=False):
            told = (
                ", ".join(
                    f"{row.predictor} {row.auc:.2f} ({row.low:.2f} to {row.high:.2f})"
                    for row in rows.itertuples()
                    if np.isfinite(row.auc)
                )
                or "too few of either kind"
            )
            lines.append(f"    {arm}: {told}")
        lines.append(
            "\n  Power by men an arm (resampled from these men with the visits they missed, analysed as above; the effect as seen here):"
        )
        for arm, rows in self.power.groupby("arm", sort=False):
            sizes = [f"{row.men} men {100 * row.power:.0f} %" for row in rows.itertuples() if np.isfinite(row.power)]
            lines.append(f"    {arm}: {', '.join(sizes) or 'not estimable'}")
        if len(self.failed):
            lines.append(f"\n  {len(self.failed)} runs failed: {self.failed['error'].iloc[0]}")
        return "\n".join(lines)


def _needed(nnt: float, low: float, high: float) -> str:
    """Return the number needed to treat (negative: to harm) in words."""
    if not np.isfinite(nnt):
        return ""
    few, many = sorted((abs(low), abs(high)))
    interval = f" ({few:.1f} to {many:.1f})" if np.isfinite(low + high) else " (interval includes no effect)"
    return f"; number needed to {'treat' if nnt > 0 else 'harm'} {abs(nnt):.1f}{interval}"


def analyse(of: Trial, folder: str | Path) -> Result:
    """Measure the men of a finished trial and analyse it.

    Levels are compared on a log scale, adjusted for the baseline (analysis of covariance); men who missed the last visit are left out,
    men without sperm are not.
    """
    read_manifest(folder)
    table = read(folder)
    failed = table[table["error"] != ""][["point", "case", "error"]].drop_duplicates()
    men = _measured(of, table[table["error"] == ""])
    last, names = f"day{max(of.job.days)}_", list(of.experiment.arms)
    effects, columns = [], [OUTPUTS[word][0] for word in of.experiment.outputs]
    for column in dict.fromkeys([of.outcome, *columns]):
        for name in names[1:]:
            word, unit = next((word, of_word[1]) for word, of_word in OUTPUTS.items() if of_word[0] == column)
            effects.append((name, column, word, unit, *_effect(men, names[0], name, column, last)))
    found = pd.DataFrame(
        effects,
        columns=[
            "arm",
            "column",
            "output",
            "unit",
            "n_control",
            "n",
            "control_mean",
            "mean",
            "difference_pct",
            "low_pct",
            "high_pct",
            "p",
        ],
    )
    base = _base(men, of.outcome)
    rise = 100.0 * (men[f"{last}{of.outcome}"] / base - 1.0)
    seen = rise.notna() & np.isfinite(rise)
    responds = (rise > of.responder_pct)[seen]
    arm = men["arm"][seen]
    return Result(
        of.experiment.scenario.title, of.outcome, of.responder_pct, men, found, _responders(responds, arm, names),
        _predictors(men[seen], responds, arm, names), _power(men, of.outcome, last, names, of.seed), failed.reset_index(drop=True),
    )  # fmt: skip


def _base(men: pd.DataFrame, column: str) -> pd.Series:
    """Return the baseline of a column (NaN where it was not measured, or there was none of it)."""
    name = f"baseline_{column}"
    return men[name].where(men[name] > 0) if name in men else pd.Series(np.nan, men.index)


def _measured(of: Trial, table: pd.DataFrame) -> pd.DataFrame:
    """Return the men with what was measured of them at baseline and, with noise and missing visits, on each day."""
    men = pd.DataFrame({"arm": of.arm, "age": of.cohort.cohort.men["age"], "bmi": of.cohort.cohort.men["bmi"]})
    men["lesion"] = of.cohort.cohort.lesions.to_numpy()
    men = pd.concat([men, _screened(of.cohort)], axis=1)
    values = parameter_values(of.experiment.scenario.parameters)
    for day in of.job.days:
        true = table[table["day"] == day].set_index("point").reindex(men.index)
        seen = _visit(true, values, of.experiment.scenario.samples.assay, [of.seed, 37, day])
        there = np.random.default_rng([of.seed, 39, day]).random(len(men)) >= of.missing
        for column in COLUMNS:
            men[f"day{day}_{column}"] = np.where(there, seen[column], np.nan)
    return men


def _screened(cohort: Screened) -> pd.DataFrame:
    """Return what screening measured of the men, the mean of its visits, under `baseline_` and the names of outputs."""
    visits = cohort.cohort.measured
    before = sum(visit for visit in visits) / len(visits)
    found = {f"baseline_{name}": before[name].to_numpy() for name in before if name in COLUMNS}
    del found["baseline_oestradiol_pmol_l"]  # what was measured is reported oestradiol
    found["baseline_reported_oestradiol_pmol_l"] = before["oestradiol_pmol_l"].to_numpy()
    found["baseline_t_over_e2"] = (
        28.84 * before["testosterone_nmol_l"] / (before["oestradiol_pmol_l"] / 3.67)
    ).to_numpy()
    return pd.DataFrame(found)


def _visit(true: pd.DataFrame, values: Mapping[str, float], assay: str, seed: list[int]) -> dict[str, np.ndarray]:
    """Return what a visit measures: levels with their variation, and what is worked out from them.

    Each quantity has a stream of luck of its own: more men leave the luck of the first as it was.
    """
    seen = {name: true[name].to_numpy(dtype=float) for name in COLUMNS}
    for k, (name, cvs) in enumerate(_NOISE.items()):
        rng = np.random.default_rng([*seed, k])
        sigma = float(np.sqrt(sum(np.log1p(values[cv] ** 2) for cv in cvs)))
        luck = np.exp(sigma * rng.standard_normal(len(true)) - 0.5 * sigma**2)
        if name == "testosterone_nmol_l":
            seen["free_testosterone_pmol_l"] = seen["free_testosterone_pmol_l"] * luck
        seen[name] = seen[name] * luck
    motile = np.minimum(seen["progressive_motility_pct"], 98.0)
    reported = np.asarray(reported_oestradiol(seen["oestradiol_pmol_l"], assay, values), dtype=float)
    return {
        **seen,
        "progressive_motility_pct": motile,
        "reported_oestradiol_pmol_l": reported,
        "t_over_e2": np.asarray(clinical_ratio(seen["testosterone_nmol_l"], np.maximum(reported, 0.1)), dtype=float),
        "total_motile_count_million": seen["concentration_million_ml"] * seen["volume_ml"] * motile / 100.0,
    }


def _effect(men: pd.DataFrame, control: str, name: str, column: str, last: str) -> tuple[float, ...]:
    """Return n of both, means of both (clinical unit), difference in % with interval, p.

    The log of the level (of a count with `_COUNTS` added) on the arm and, where it was measured, on the log of the baseline.
    """
    from scipy.stats import t as student

    more = _COUNTS.get(column, 0.0)
    after = men[f"{last}{column}"] + more
    before = men.get(f"baseline_{column}", pd.Series(np.nan, men.index)) + more
    adjusted = before.notna().any()
    used = men["arm"].isin([control, name]) & (after > 0) & ((before > 0) if adjusted else True)
    y, treated = np.log(after[used].to_numpy(dtype=float)), (men["arm"][used] == name).to_numpy(dtype=float)
    parts = [np.ones(len(y)), treated] + ([np.log(before[used].to_numpy(dtype=float))] if adjusted else [])
    x = np.column_stack(parts)
    n_c, n = int((treated == 0).sum()), int(treated.sum())
    shown = clinical(column, after[used] - more)
    level = [float(shown[treated == flag].mean()) if m else np.nan for flag, m in ((0, n_c), (1, n))]
    free = len(y) - x.shape[1]
    if min(n_c, n) < 2 or free < 1:
        return n_c, n, *level, np.nan, np.nan, np.nan, np.nan
    fit, *_ = np.linalg.lstsq(x, y, rcond=None)
    variance = float(((y - x @ fit) ** 2).sum() / free)
    error = float(np.sqrt(variance * np.linalg.pinv(x.T @ x)[1, 1]))
    half = float(student.ppf(0.975, free)) * error
    p = float(2.0 * student.sf(abs(fit[1]) / error, free)) if error > 0 else float("nan")
    change = 100.0 * np.expm1([fit[1], fit[1] - half, fit[1] + half])
    return n_c, n, *level, *(float(of) for of in change), p


def _responders(responds: pd.Series, arm: pd.Series, names: list[str]) -> pd.DataFrame:
    rows = []
    shares = {name: (responds[arm == name].mean(), int((arm == name).sum())) for name in names}
    control, n_control = shares[names[0]]
    for name in names:
        share, n = shares[name]
        if name == names[0] or not min(n, n_control) or share == control:
            rows.append((name, int(responds[arm == name].sum()), n, 100.0 * share, np.nan, np.nan, np.nan))
            continue
        difference = share - control
        # Newcombe 1998: from the score intervals of both shares.
        (low_c, high_c), (low, high) = _wilson(control, n_control), _wilson(share, n)
        least = difference - np.sqrt((share - low) ** 2 + (high_c - control) ** 2)
        most = difference + np.sqrt((high - share) ** 2 + (control - low_c) ** 2)
        ends = (1.0 / most, 1.0 / least) if least * most > 0 else (np.nan, np.nan)
        rows.append((name, int(responds[arm == name].sum()), n, 100.0 * share, 1.0 / difference, *ends))
    return pd.DataFrame(rows, columns=["arm", "responders", "n", "share_pct", "nnt", "nnt_low", "nnt_high"])


def _wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % score interval of a share of n."""
    middle, half = share + _Z**2 / (2 * n), _Z * np.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    return float((middle - half) / (1 + _Z**2 / n)), float((middle + half) / (1 + _Z**2 / n))


def auc(scores: np.ndarray, positive: np.ndarray) -> tuple[float, float, float]:
    """Return the area under the ROC curve and its 95 % interval (Hanley & McNeil 1982); NaN without both kinds."""
    from scipy.stats import rankdata

    n1, n0 = int(positive.sum()), int((~positive).sum())
    if n1 == 0 or n0 == 0:
        return float("nan"), float("nan"), float("nan")
    area = float((rankdata(scores)[positive].sum() - n1 * (n1 + 1) / 2.0) / (n1 * n0))
    # Where the kinds do not overlap the error is that of half a pair the other way: it is not nought.
    a = float(np.clip(area, 0.5 / (n1 * n0), 1.0 - 0.5 / (n1 * n0)))
    q1, q2 = a / (2.0 - a), 2.0 * a * a / (1.0 + a)
    error = np.sqrt(max(0.0, a * (1 - a) + (n1 - 1) * (q1 - a**2) + (n0 - 1) * (q2 - a**2)) / (n1 * n0))
    return area, float(max(0.0, area - _Z * error)), float(min(1.0, area + _Z * error))


def _predictors(men: pd.DataFrame, responds: pd.Series, arm: pd.Series, names: list[str]) -> pd.DataFrame:
    columns = {
        "T/LH": 28.84 * men["baseline_testosterone_nmol_l"] / men["baseline_lh_iu_l"],
        "T/E2": men["baseline_t_over_e2"],
        "testosterone": men["baseline_testosterone_nmol_l"],
        "LH": men["baseline_lh_iu_l"],
        "FSH": men["baseline_fsh_iu_l"],
        "BMI": men["bmi"],
        "sperm concentration": men["baseline_concentration_million_ml"],
    }
    rows = []
    for name in names:
        own = (arm == name).to_numpy()
        for predictor in PREDICTORS:
            rows.append((name, predictor, *auc(columns[predictor].to_numpy()[own], responds.to_numpy()[own])))
    return pd.DataFrame(rows, columns=["arm", "predictor", "auc", "low", "high"])


def _power(men: pd.DataFrame, column: str, last: str, names: list[str], seed: int, trials: int = 1000) -> pd.DataFrame:
    """Return the share of trials with p < 0.05 by men randomised to an arm.

    Men are drawn anew from those of each arm, with their missed visits, and analysed as the trial is (`_effect`).
    """
    from scipy.stats import t as student

    more = _COUNTS.get(column, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.log(men[f"{last}{column}"].to_numpy(dtype=float) + more)
        name = f"baseline_{column}"
        x = np.log(men[name].to_numpy(dtype=float) + more) if name in men else np.zeros(len(men))
    adjusted = f"baseline_{column}" in men
    rng, rows = np.random.default_rng([seed, 41]), []
    of = {name: np.flatnonzero((men["arm"] == name).to_numpy()) for name in names}
    for name in names[1:]:
        for n in (10, 20, 40, 80, 160, 320):
            if min(len(of[name]), len(of[names[0]])) < 3:
                continue
            sums = [
                _sums(x[drawn], y[drawn]) for drawn in (rng.choice(of[arm], (trials, n)) for arm in (names[0], name))
            ]
            (n0, mx0, my0, xx0, xy0, yy0), (n1, mx1, my1, xx1, xy1, yy1) = sums
            with np.errstate(divide="ignore", invalid="ignore"):
                # Analysis of covariance in closed form: one slope within both arms.
                xx, xy, yy = xx0 + xx1, xy0 + xy1, yy0 + yy1
                slope = xy / xx if adjusted else np.zeros(trials)
                free = n0 + n1 - (3 if adjusted else 2)
                effect = my1 - my0 - slope * (mx1 - mx0)
                spread = (yy - slope * xy) / free
                apart = 1.0 / n0 + 1.0 / n1 + ((mx1 - mx0) ** 2 / xx if adjusted else 0.0)
                p = 2.0 * student.sf(np.abs(effect) / np.sqrt(spread * apart), free)
            tested = np.isfinite(p)
            rows.append((name, n, float((p[tested] < 0.05).mean()) if tested.mean() > 0.5 else np.nan))
    return pd.DataFrame(rows, columns=["arm", "men", "power"])


def _sums(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return (trials,) counts, means of x and y, and sums of squares and products about them, of men who were measured."""
    there = np.isfinite(x) & np.isfinite(y)
    n = there.sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        mx, my = (np.where(there, of, 0.0).sum(axis=1) / n for of in (x, y))
    dx, dy = (np.where(there, of - mean[:, None], 0.0) for of, mean in ((x, mx), (y, my)))
    return n, mx, my, (dx * dx).sum(axis=1), (dx * dy).sum(axis=1), (dy * dy).sum(axis=1)
