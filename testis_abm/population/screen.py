"""Screening as a clinic does it: men are measured, and kept if every visit meets every criterion."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict, Unpack

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import SHARES, Laboratory
from testis_abm.man.parameter_set import ParameterSet
from testis_abm.population.cohort import APART, BLOCK, Cohort, Past, draw, draw_living
from testis_abm.population.distribution import Population
from testis_abm.quantities import DEFAULT_ASSAY
from testis_abm.results.shown import Shown
from testis_abm.scenario.condition import parse_condition
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, shown

_MOST = 40_000

Criterion = Callable[[pd.DataFrame, pd.DataFrame, Laboratory], np.ndarray]


def parse_criterion(text: object) -> Criterion:
    """Return the test of a criterion: given what a visit measured and the men, which men meet it.

    "BMI > 25 and age < 50", "T/LH >= 100" (ng/dL over IU/L), "testosterone < 350 ng/dL", "T/E2 < 10", "sperm
    concentration < 15 M/mL": the grammar of scenario.condition.

    Raises:
        ScenarioError: it is no criterion.
    """
    condition = parse_condition(text, "visit")
    if condition is None or condition.days:
        raise ScenarioError(f"{shown(text)}: a criterion is met at every visit; leave out the day")

    def met(seen: pd.DataFrame, men: pd.DataFrame, laboratory: Laboratory) -> np.ndarray:
        each = []
        for clause in condition.clauses:
            name = laboratory.column(clause.column)
            level = seen[name] if name in seen else men[name]
            each.append([clause.holds(clause.in_unit(value)) for value in level])
        return np.all(each, axis=0) if condition.joint == "and" else np.any(each, axis=0)

    return met


@dataclass(frozen=True)
class Screened(Shown):
    """Men who met the criteria.

    Attributes:
        cohort: the men who were kept.
        seen: men who were measured in all.
        criteria: as written.
        laboratory: that measured them.
    """

    cohort: Cohort
    seen: int
    criteria: tuple[str, ...]
    laboratory: Laboratory

    def __repr__(self) -> str:
        criteria = f" ({'; '.join(self.criteria)})" if self.criteria else ""
        return f"<Screened: {len(self.cohort):,} of {self.seen:,} men measured{criteria}>"

    def table(self) -> pd.DataFrame:
        """Return a row a man: physiology, lesion, true levels (`true_`) and what each visit measured (`visit1_`, ...).

        Men without visible sperm have no percentages, true ones neither.
        """
        cohort, names = self.cohort, ("concentration_million_ml", *SHARES)
        true = cohort.true.assign(**self.laboratory.shares_reported({name: cohort.true[name] for name in names}))
        parts = [cohort.men, cohort.lesions.rename("lesion"), true.add_prefix("true_")]
        parts += [visit.add_prefix(f"visit{k}_") for k, visit in enumerate(cohort.measured, 1)]
        return pd.concat(parts, axis=1)

    def text(self) -> str:
        """Return who they are: median and quartiles of what each visit reported, and how many have no sperm."""
        from testis_abm.population.report import screened

        return screened(self.cohort, self.seen, self.criteria)


class Sampling(TypedDict, total=False):
    """How men are sampled, as `cohort.draw` takes it.

    Attributes:
        visits: baseline measurements of each man; fixed: physiology fields that all men share.
        abstinence: days before semen is given.
        past: what was before the screening, of men who live under parameter sets (see cohort.draw_living).
    """

    visits: int
    fixed: Mapping[str, float] | None
    abstinence: float
    past: Past | None


def screen(
    population: Population | str,
    n: int,
    criteria: Sequence[str] | str = (),
    *,
    seed: int = 1,
    values: Mapping[str, float] | None = None,
    assay: str = DEFAULT_ASSAY,
    under: Callable[[int], Sequence[ParameterSet]] | None = None,
    **sampling: Unpack[Sampling],
) -> Screened:
    """Draw men until `n` meet every criterion at every visit.

    Args:
        population, n, seed, values, assay: see cohort.draw.
        criteria: see parse_criterion.
        under: returns the parameter sets under which the men of a block live in turn, by its seed (default: all live
            under `values`).

    Raises:
        TestisError: a criterion that is none, or one that so few men meet that the search was given up.
    """
    n, seed, values = guard.argument("men", n), guard.argument("seed", seed), parameters.all_values(values)
    population, laboratory = Population.of_name(population, values), Laboratory(values, assay)
    criteria = guard.texts(criteria, "where", '["BMI > 25", "T/E2 < 10"]')
    if under is not None and not callable(under):
        raise ScenarioError(f"{shown(under)} is not a function of a seed; use partial(shipped().drawn, 40)", "under")
    with guard.at("where"):
        tests = [parse_criterion(text) for text in criteria]
    kept: list[tuple[Cohort, np.ndarray]] = []
    found = seen = 0
    while found < n:
        # Blocks of one size, so that more men leave the first as they are.
        own = seed + APART * seen
        if under is None:
            how: dict[str, Any] = dict(sampling)
            if how.pop("past", None) is not None:
                raise ScenarioError("is of men who live under parameter sets; give under too", "past")
            batch = draw(population, BLOCK, seed=own, values=values, assay=assay, **how)
        else:
            batch = draw_living(population, under(own), seed=own, assay=assay, **sampling)
        good = np.ones(len(batch), dtype=bool)
        for test in tests:
            for visit in batch.measured:
                good &= test(visit, batch.men, laboratory)
        chosen = np.flatnonzero(good)[: n - found]
        # Only as many as were looked at for the last of them count as measured.
        seen += len(batch) if found + good.sum() <= n else int(chosen[-1]) + 1
        found += len(chosen)
        kept.append((batch, chosen))
        if found < n and seen >= (_MOST if found else _MOST // 5):
            raise ScenarioError(
                f"only {found} of {seen:,} men of the {population.name} meet {'; '.join(criteria)}; loosen the "
                "criteria or ask for fewer men"
            )
    return Screened(_joined(kept), seen, tuple(criteria), laboratory)


def _joined(parts: Sequence[tuple[Cohort, np.ndarray]]) -> Cohort:
    """Return the men of several cohorts, of each those that are chosen."""

    def stack(frames: Iterable[Any]) -> Any:
        return pd.concat([frame.iloc[chosen] for frame, (_, chosen) in zip(frames, parts)], ignore_index=True)

    men, lesions, true = (stack(getattr(cohort, name) for cohort, _ in parts) for name in ("men", "lesions", "true"))
    measured = [stack(visits) for visits in zip(*(cohort.measured for cohort, _ in parts))]
    lives = [cohort.lives[i] for cohort, chosen in parts if cohort.lives for i in chosen]
    return Cohort(men, lesions, true, measured, lives, stack(cohort.drawn for cohort, _ in parts) if lives else None)
