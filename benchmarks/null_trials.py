"""Run many trials of two untreated arms: what is found where there is nothing to find.

python benchmarks/null_trials.py [SEEDS] [MEN]

Both arms are untreated men of the clinic in the mean-field engine, screened, randomised, measured again and analysed as
any trial. By selection of the men the table has the share without sperm at the last screening visit and at the last
visit of the same men, the mean of the last visit against screening (regression to the mean), and how often p falls
under 0.05, output by output, by ANCOVA and by the mixed model. Of the men without selection the same trials are looked at three times
(by either way to spend alpha), with how often a limit is passed; and a cross-over of two untreated periods is analysed.
"""

from __future__ import annotations

import sys
import tempfile

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm
from table import row, show

from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments.trial import trial
from testis_abm.experiments.trial_estimates import effect
from testis_abm.experiments.trial_result import Result
from testis_abm.parameters import values
from testis_abm.statistics import SPENDING, stopping_limits

SELECTED = {
    "no selection": [],
    "sperm < 15 M/mL": ["sperm concentration < 15 M/mL"],
    "sperm < 1 M/mL": ["sperm concentration < 1 M/mL"],
}
OUTPUTS = ["sperm concentration", "total motile count", "progressive motility", "testosterone", "T/E2", "FSH"]


LOOKS = (0.5, 0.75, 1.0)


def null_trial(where: list[str], men: int, seed: int, **design_too: object) -> Result:
    """Return the analysis of one trial in which nobody is treated."""
    design = {
        "men": men,
        "where": where,
        "engine": "expected",
        "outputs": OUTPUTS,
        "seed": seed,
        "parameters": "tables",
        "secondary": OUTPUTS[1:],
        "at": ["day 10", "end"],
        "missing": 0.1,
        **design_too,
    }
    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    case = {"title": "null", "plan": {"duration": "30 days"}, "trial": design, "arm": arms}
    with tempfile.TemporaryDirectory() as folder:
        found = trial(case, folder, workers=1)
    assert found is not None
    return found


def interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share in %."""
    ends = binomtest(hits, n).proportion_ci(method="wilson")
    return 100.0 * ends.low, 100.0 * ends.high


def _alpha(name: str, p: pd.Series, limit: float = 0.05) -> None:
    """Add the line of how often p falls under a limit."""
    tested = p.dropna()
    hits = int((tested < limit).sum())
    low, high = interval(hits, len(tested)) if len(tested) else (np.nan, np.nan)
    row(name, f"{100 * 0.05:g} %", f"{hits} of {len(tested)} ({low:.1f} to {high:.1f} %)", low <= 5.0 <= high)


def looked_at(found: list[Result]) -> None:
    """Add how often trials pass a limit at any of their looks."""
    laboratory = Laboratory(values())
    for spending in SPENDING:
        limits, passed = stopping_limits(LOOKS, spending), []
        for of in found:
            first = [of.men.iloc[: round(share * len(of.men))] for share in LOOKS]
            column = "testosterone_nmol_l"
            p = [effect(men, (of.names[0], of.names[1]), column, max(of.days), laboratory)["p"] for men in first]
            passed.append(any(norm.isf(one / 2.0) >= limit for one, limit in zip(p, limits, strict=True)))
        _alpha(
            f"looks at {', '.join(map(str, LOOKS))}, {spending}: testosterone passes",
            pd.Series(passed).map({True: 0.0, False: 1.0}),
        )


def summed(name: str, found: list[Result]) -> None:
    """Add the lines of one selection."""
    last = max(int(column[3 : column.index("_")]) for column in found[0].men if column.startswith("day"))
    men = pd.concat([of.men for of in found])
    men = men[men["attended"]]
    after = men[f"day{last}_concentration_million_ml"]
    before, none = men["screened_azoospermic"], after == 0.0
    apart = 100.0 * (none.astype(float) - before.astype(float))
    error = 1.96 * apart.std() / np.sqrt(len(apart))
    row(
        f"{name}: azoospermic at screening, after",
        "as selected" if "<" in name else "equal",
        f"{100 * before.mean():.1f} %, {100 * none.mean():.1f} % ({apart.mean():+.2f} ± {error:.2f})",
        "<" in name or abs(apart.mean()) <= error,
    )
    fold = after.mean() / men["baseline_concentration_million_ml"].mean()
    row(
        f"{name}: last visit over screening, mean sperm concentration",
        "> 1" if "<" in name else "1",
        f"{fold:.3f}",
        fold > 1.0 if "<" in name else abs(fold - 1.0) < 0.03,
    )
    effects = pd.concat([of.effects for of in found])
    for (column, method), rows in pd.concat([of.estimates for of in found]).groupby(["output", "method"], sort=False):
        _alpha(f"{name}: p < 0.05, {column}, {method}", rows["p"])
    mean = effects.groupby("output", sort=False)["difference_pct"].median()
    row(
        f"{name}: median difference, %", "0", ", ".join(f"{value:+.1f}" for value in mean), bool(mean.abs().max() < 8.0)
    )


def main() -> None:
    """Run and print."""
    seeds, men = (int(text) for text in (sys.argv[1:] + ["100", "80"][len(sys.argv) - 1 :])[:2])
    for name, where in SELECTED.items():
        found = [null_trial(where, men, seed) for seed in range(1, seeds + 1)]
        summed(name, found)
        if not where:
            looked_at(found)
            crossed = [null_trial(where, men, seed, design="crossover") for seed in range(1, seeds + 1)]
            for column, rows in pd.concat([of.effects for of in crossed]).groupby("output", sort=False):
                _alpha(f"cross-over: p < 0.05, {column}", rows["p"])
    show()


if __name__ == "__main__":
    main()
