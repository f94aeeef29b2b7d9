"""Let synthetic patients be reported twice untreated and once under treatment, and judge what the twin predicts of that visit.

python benchmarks/follow.py [--men 200] [--seed 1] [--candidates 100]

Patients are drawn from the population, their reports from their true levels by the laboratory of the model: what is judged is
the inference (search, weights, prediction with its errors of measurement), and not whether the model is true of living men.
Where the truth falls among the predictions (its rank, ties broken at random) is uniform if they are calibrated.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import binom, chisquare
from table import aligned

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.mean_field import mean_morning
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Life, Treatment, treat
from testis_abm.population.cohort import Cohort, draw
from testis_abm.population.follow import OnTreatment, course, forecast, reported_of
from testis_abm.population.twin import Pool, find
from testis_abm.quantities import MEASURES, column
from testis_abm.statistics import auc

POPULATION, DAY = "clinic", 90
GIVEN = "t", "e2", "lh", "fsh", "concentration", "volume", "motility"  # in both reports, with age and BMI
OUTCOMES = "t", "e2", "lh", "fsh", "concentration", "motility", "tmc"
RISE = 1.5  # times the total motile count before
BINS = 10
THERAPIES: Mapping[str, Mapping[str, str]] = {
    "anastrozole": {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"},
    "clomiphene": {"drug": "clomiphene", "dose": "25 mg", "every": "1 day"},
}


def judged(
    men: int, seed: int, pool: Pool, therapies: Sequence[str] = tuple(THERAPIES), candidates: int = 100
) -> pd.DataFrame:
    """Return a row a patient, treatment and outcome.

    Columns: man, therapy, outcome, reported, base (geometric mean of the reports before), median of the prediction, rank
    (0 to 1, share of the prediction under the report, ties at random), chance (predicted, of RISE from base; of the count).
    """
    values, rng = parameters.values(), np.random.default_rng([seed, 11])
    laboratory = Laboratory(values)
    cohort = draw(POPULATION, men, seed=seed, visits=2)
    # One immunoassay reads all samples of a man alike high.
    apart = values["axis.immunoassay_oestradiol_spread"] * rng.standard_normal(men)
    treated = {
        name: _treated(cohort, THERAPIES[name], laboratory, (seed, k, 13), apart) for k, name in enumerate(therapies)
    }
    rows: list[dict[str, Any]] = []
    for k in range(men):
        before = [_report(visit.iloc[k], cohort.men.iloc[k], laboratory, apart[k]) for visit in cohort.measured]
        found = find(before[0], again=before[1:], population=POPULATION, pool=pool, seed=k + 1)
        if not found.dependable:
            continue
        base = {name: _base(name, cohort, k, laboratory, apart[k]) for name in OUTCOMES}
        for therapy in therapies:
            predicted = forecast(found, [THERAPIES[therapy]], DAY, men=candidates, seed=k + 1)
            for name in OUTCOMES:
                truth, own = treated[therapy][name][k], predicted[name][np.isfinite(predicted[name])]
                if not np.isfinite(truth) or not len(own):
                    continue
                under, alike = (own < truth).sum(), (own == truth).sum()
                row = {"man": k, "therapy": therapy, "outcome": name, "reported": truth, "base": base[name]}
                row |= {"median": np.median(own), "rank": (under + rng.random() * (alike + 1.0)) / (len(own) + 1.0)}
                rows.append(row | {"chance": float((own >= RISE * base[name]).mean()) if base[name] > 0.0 else np.nan})
    return pd.DataFrame(rows)


def _treated(
    cohort: Cohort, therapy: Mapping[str, str], laboratory: Laboratory, key: tuple[int, ...], apart: np.ndarray
) -> dict[str, np.ndarray]:
    """Return what is reported of each patient on the day, name of MEASURES -> (men,)."""
    scenario, (day,) = course([OnTreatment({}, [therapy], DAY)])
    treatment, values = Treatment(scenario), complete(laboratory.values)

    def look(man: Any) -> dict[str, float]:
        return {**mean_morning(man.days[day : day + 1]), **man.semen(scenario.samples.rested(day), day)}

    lived = treat([Life(row, values, treatment) for row in cohort.men.to_dict("records")], look, seed=key[0])
    true = {name: np.array([of[name] for of in lived]) for name in lived[0]}
    return reported_of(true, laboratory, key, day, apart)


def _value(name: str, visit: pd.Series, laboratory: Laboratory, apart: float) -> float:
    value = float(visit[column(name, laboratory.assay)]) / MEASURES[name].factor
    return value * float(np.exp(apart)) if name == "e2" else value


def _report(visit: pd.Series, man: pd.Series, laboratory: Laboratory, apart: float) -> dict[str, float]:
    given = {name: _value(name, visit, laboratory, apart) for name in GIVEN}
    return {name: of for name, of in given.items() if np.isfinite(of)} | {name: man[name] for name in ("age", "bmi")}


def _base(name: str, cohort: Cohort, k: int, laboratory: Laboratory, apart: float) -> float:
    levels = np.array([_value(name, visit.iloc[k], laboratory, apart) for visit in cohort.measured])
    levels = levels[np.isfinite(levels)]
    return float(np.exp(np.log(levels).mean())) if len(levels) and (levels > 0.0).all() else 0.0


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a treatment and outcome: how many, % inside the 50 and 90 % interval, median fold errors, chi-square.

    Fold errors, of patients with numbers before and after: of the prediction's median, of what was before (`carried`), and of
    that with the mean change of the other patients (`mean_change`). `p` is that of uniform ranks in BINS bins.
    """
    found = []
    for (therapy, outcome), own in rows.groupby(["therapy", "outcome"], sort=False):
        rank = own["rank"].to_numpy()
        there = own[(own["base"] > 0.0) & (own["reported"] > 0.0) & (own["median"] > 0.0)]
        change = np.log(there["reported"] / there["base"]).to_numpy()
        others = (change.sum() - change) / max(1, len(change) - 1)
        errors = np.log(there["reported"] / there["median"]), change, change - others
        row: dict[str, Any] = {"therapy": therapy, "outcome": outcome, "n": len(own)}
        row |= {f"inside_{share}": 100.0 * np.mean(abs(rank - 0.5) <= share / 200.0) for share in (50, 90)}
        row |= {name: np.exp(np.median(abs(of))) for name, of in zip(("twin", "carried", "mean_change"), errors)}
        row["bins"] = np.histogram(rank, BINS, (0.0, 1.0))[0]
        found.append(row | {"p": float(chisquare(row["bins"]).pvalue)})
    return pd.DataFrame(found)


def responders(rows: pd.DataFrame, therapy: str) -> dict[str, float]:
    """Return of the total motile count's rise to RISE times: share, ROC AUC of the predicted chance, and of a low count before."""
    own = rows[(rows["therapy"] == therapy) & (rows["outcome"] == "tmc") & (rows["base"] > 0.0)]
    rose = (own["reported"] >= RISE * own["base"]).to_numpy()
    by = {"auc": own["chance"].to_numpy(), "auc_low_before": -own["base"].to_numpy()}
    areas = {name: auc(score, rose).centre for name, score in by.items()}
    return {"n": len(own), "share": 100.0 * rose.mean(), "predicted": 100.0 * own["chance"].mean(), **areas}


def main() -> None:
    """Judge, and print the tables."""
    parser = argparse.ArgumentParser()
    for name, usual in (("--men", 200), ("--seed", 1), ("--candidates", 100)):
        parser.add_argument(name, type=int, default=usual)
    options = parser.parse_args()
    began = time.monotonic()
    rows = judged(options.men, options.seed, Pool.draw(POPULATION, 20_000, 3), candidates=options.candidates)
    table = summary(rows)
    used = rows["man"].nunique()
    print(
        f"{options.men} patients of {POPULATION!r}, {used} with a dependable twin; day {DAY}; {time.monotonic() - began:.0f} s"
    )
    expected = [f"{p} %: {lo:.0f}-{hi:.0f}" for p in (50, 90) for lo, hi in [_fair(p, used)]]
    print(f"calibrated predictions have inside (99 % of samples so large): {', '.join(expected)}\n")
    head = ("therapy", "outcome", "n", "in 50 %", "in 90 %", "fold error: twin", "carried", "mean change", "ranks", "p")
    aligned(
        head,
        [
            (
                of.therapy,
                of.outcome,
                str(of.n),
                *(f"{share:.0f}" for share in (of.inside_50, of.inside_90)),
                *(f"{fold:.2f}" for fold in (of.twin, of.carried, of.mean_change)),
                " ".join(map(str, of.bins)),
                f"{of.p:.3f}",
            )
            for of in table.itertuples()
        ],
    )
    for therapy in THERAPIES:
        of = responders(rows, therapy)
        print(
            f"\n{therapy}: {of['share']:.0f} % of {of['n']:.0f} rose to {RISE:g} times their total motile count "
            f"({of['predicted']:.0f} % predicted); AUC of the chance {of['auc']:.2f}, of a low count before {of['auc_low_before']:.2f}"
        )


def _fair(percent: int, n: int) -> tuple[float, float]:
    return tuple(100.0 * binom.ppf(q, n, percent / 100.0) / n for q in (0.005, 0.995))  # type: ignore[return-value]


if __name__ == "__main__":
    main()
