"""Screening as a clinic does it: men are measured, and kept if every visit meets every criterion."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testis_abm import guard, parameters
from testis_abm.errors import ScenarioError, TestisError, shown
from testis_abm.population.cohort import Cohort, draw
from testis_abm.population.distribution import Population
from testis_abm.scenario.condition import RATIO, T_OVER_LH, parse_condition

_BATCH, _MOST = 400, 40_000

Criterion = Callable[[pd.DataFrame, pd.DataFrame], np.ndarray]


def parse_criterion(text: object) -> Criterion:
    """Return the test of a criterion: given what a visit measured and the men, which men meet it.

    "BMI > 25 and age < 50", "T/LH >= 100" (ng/dL over IU/L), "testosterone < 350 ng/dL", "T/E2 < 10", "sperm concentration < 15 M/mL":
    the grammar of scenario.condition.

    Raises:
        ScenarioError: it is no criterion.
    """
    condition = parse_condition(text, "visit")
    if condition is None or condition.days:
        raise ScenarioError(f"{shown(text)}: a criterion is met at every visit; leave out the day")

    def met(seen: pd.DataFrame, men: pd.DataFrame) -> np.ndarray:
        levels = [_level(clause.column, seen, men) for clause in condition.clauses]
        each = [
            [clause.holds(clause.in_unit(value)) for value in level]
            for clause, level in zip(condition.clauses, levels, strict=True)
        ]
        return np.all(each, axis=0) if condition.joint == "and" else np.any(each, axis=0)

    return met


def _level(column: str, seen: pd.DataFrame, men: pd.DataFrame) -> pd.Series:
    """Return what a condition asks of each man: measured at a visit, worked out from it, or his own."""
    if column == RATIO:
        return 28.84 * seen["testosterone_nmol_l"] / (seen["oestradiol_pmol_l"] / 3.67)
    if column == T_OVER_LH:
        return 28.84 * seen["testosterone_nmol_l"] / seen["lh_iu_l"]
    return seen[column] if column in seen else men[column]


@dataclass(frozen=True)
class Screened:
    """Men who met the criteria.

    Attributes:
        cohort: the men who were kept.
        seen: men who were measured in all.
        criteria: as written.
    """

    cohort: Cohort
    seen: int
    criteria: tuple[str, ...]

    def table(self) -> pd.DataFrame:
        """Return a row a man: physiology, lesion, true labs (`true_`) and what each visit measured (`visit1_`, ...)."""
        of = self.cohort
        parts = [of.men, of.lesions.rename("lesion"), of.true.add_prefix("true_")]
        parts += [visit.add_prefix(f"visit{k}_") for k, visit in enumerate(of.measured, 1)]
        return pd.concat(parts, axis=1)

    def told(self) -> str:
        """Return who they are: median and quartiles at the first visit, and lesions."""
        first = self.cohort.measured[0]
        kept = len(self.cohort)
        criteria = f" ({'; '.join(self.criteria)})" if self.criteria else ""
        lines = [
            f"{kept:,} men of {self.seen:,} measured{criteria}",
            "",
            f"  {'first visit':30s}{'median':>9s}{'quartiles':>22s}",
        ]
        shown_as = (
            ("BMI (kg/m2)", self.cohort.men["bmi"]),
            ("testosterone (ng/dL)", first["testosterone_nmol_l"] * 28.84),
            ("oestradiol (pg/mL)", first["oestradiol_pmol_l"] / 3.67),
            ("T/E2", 28.84 * first["testosterone_nmol_l"] / (first["oestradiol_pmol_l"] / 3.67)),
            ("LH (IU/L)", first["lh_iu_l"]),
            ("FSH (IU/L)", first["fsh_iu_l"]),
            ("inhibin B (pg/mL)", first["inhibin_b_pg_ml"]),
            ("sperm concentration (M/mL)", first["concentration_million_ml"]),
            ("total motile count (M)", first["total_motile_count_million"]),
        )
        for name, column in shown_as:
            low, middle, high = np.quantile(column, [0.25, 0.5, 0.75])
            lines.append(f"  {name:30s}{middle:9.3g}{f'({low:.3g} to {high:.3g})':>22s}")
        none = 100.0 * float((first["concentration_million_ml"] == 0.0).mean())
        lines.append(f"  {'azoospermic':30s}{none:8.1f} %")
        if len(self.cohort.measured) > 1:
            second = self.cohort.measured[-1]["concentration_million_ml"]
            lines.append(f"  sperm concentration at the last visit: median {second.median():.3g} M/mL")
        return "\n".join(lines)


def screen(
    population: Population | str, n: int, criteria: Sequence[str] | str = (), *, visits: int = 1, seed: int = 1,
    values: Mapping[str, float] | None = None, assay: str = "immunoassay", fixed: Mapping[str, float] | None = None,
) -> Screened:  # fmt: skip
    """Draw men until `n` meet every criterion at every visit.

    Raises:
        TestisError: a criterion that is none, or one that so few men meet that the search was given up.
    """
    n, visits, seed = guard.argument("men", n), guard.argument("visits", visits), guard.argument("seed", seed)
    population, assay = Population.of_name(population), guard.word(assay, guard.ASSAYS, "assay")
    criteria = guard.texts(criteria, "where", '["BMI > 25", "T/E2 < 10"]')
    tests = []
    for text in criteria:
        with guard.at("where"):
            tests.append(parse_criterion(text))
    values = parameters.values() if values is None else values
    kept: list[Cohort] = []
    found = seen = 0
    while found < n:
        batch = draw(
            population,
            max(_BATCH, min(4000, n)),
            seed=seed + 7919 * seen,
            visits=visits,
            values=values,
            assay=assay,
            fixed=fixed,
        )
        good = np.ones(len(batch), dtype=bool)
        for test in tests:
            for visit in batch.measured:
                good &= test(visit, batch.men)
        chosen = np.flatnonzero(good)[: n - found]
        # Only as many as were looked at for the last of them count as measured.
        seen += len(batch) if found + good.sum() <= n else int(chosen[-1]) + 1
        found += len(chosen)
        kept.append(_rows(batch, chosen))
        if found < n and seen >= (_MOST if found else _MOST // 5):
            raise TestisError(
                f"only {found} of {seen:,} men of the {population.name} meet {'; '.join(criteria)}; loosen the criteria or ask for fewer men"
            )
    return Screened(_joined(kept), seen, tuple(criteria))


def _rows(of: Cohort, chosen: np.ndarray) -> Cohort:
    return Cohort(
        of.men.iloc[chosen],
        of.lesions.iloc[chosen],
        of.true.iloc[chosen],
        [visit.iloc[chosen] for visit in of.measured],
    )


def _joined(parts: Sequence[Cohort]) -> Cohort:
    def stack(frames: Sequence[pd.DataFrame | pd.Series]) -> pd.DataFrame:
        return pd.concat(frames, ignore_index=True)

    visits = len(parts[0].measured)
    return Cohort(
        stack([part.men for part in parts]), stack([part.lesions for part in parts]), stack([part.true for part in parts]),
        [stack([part.measured[k] for part in parts]) for k in range(visits)],
    )  # fmt: skip
