"""The men of a study: of what population and diagnoses they are, what was before day 0, and who passes its screening.

They live, and are screened, under the parameter set that follows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.course import MORNING
from testis_abm.man.parameter_set import ParameterSet
from testis_abm.man.treat import Treatment
from testis_abm.parameters.rooms import Values
from testis_abm.population import Population, of_twins
from testis_abm.population.screen import screen
from testis_abm.statistics import nanmean
from testis_abm.studies.statistic import fold
from testis_abm.studies.study import Study
from testis_abm.support.cores import each
from testis_abm.support.errors import TestisError

_GOLDEN = 0.6180339887498949  # its multiples fill the unit interval evenly, however many are taken


@dataclass(frozen=True)
class Mixture(Population):
    """A population some of whose fields are those of diagnoses.

    Attributes:
        parts: the share of the men drawn, and the fields, of each diagnosis.
    """

    parts: tuple[tuple[float, Mapping[str, float]], ...] = ()

    def fields(self, hidden: np.ndarray, lesions: np.ndarray) -> dict[str, np.ndarray]:
        """Return the physiology of men (see Population), each with the fields of the diagnosis that his place gives him."""
        men = super().fields(hidden, lesions)
        ends = np.cumsum([share for share, _ in self.parts])
        of = np.minimum(np.searchsorted(ends, np.arange(1, len(hidden) + 1) * _GOLDEN % 1.0), len(self.parts) - 1)
        for k, (_, fields) in enumerate(self.parts):
            for name, value in fields.items():
                men[name][of == k] = value
        return men


def population(study: Study) -> Population:
    """Return the population that a study's men are drawn from."""
    if study.men_from:
        return of_twins.read(Path(study.men_from), study.population)
    whole = Population.named(study.population)
    if not study.diagnosis:
        return whole
    total = sum(part.weight for part in study.diagnosis)
    return Mixture(
        whole.name, whole.numbers, whole.like, tuple((part.weight / total, part.fields) for part in study.diagnosis)
    )


class Men(NamedTuple):
    """Men who pass a study's screening.

    Attributes:
        rows: physiology of each; values: his parameters, completed; drawn: physiology before he is of a kind.
        factors: column -> what screening measured over his true level, (men,): NaN where that is one that a laboratory
            cannot distinguish from zero, since a fold of nothing says nothing, and he is measured again.
    """

    rows: list[dict[Any, Any]]
    values: list[Values]
    drawn: list[dict[Any, Any]]
    factors: Mapping[str, np.ndarray]


def screened(study: Study, own: ParameterSet, n: int, seed: int) -> Men:
    """Return `n` men who pass a study's screening under a parameter set, in the order of what the study observed first.

    So every k-th of them stands for all.

    Raises:
        TestisError: hardly anybody passes.
    """
    past = _Past(study, own) if study.has_past and study.where else None
    try:
        kept = screen(
            population(study),
            n,
            study.where,
            visits=study.visits,
            seed=seed,
            assay=study.assay,
            fixed=dict(study.man),
            abstinence=study.abstinence_days,
            under=lambda _: [own],
            past=past,
        ).cohort
    except TestisError as error:
        raise TestisError(f"study {study.name}: {error}") from None
    laboratory = Laboratory(own.whole, study.assay)
    true = laboratory.without_error({name: kept.true[name].to_numpy(dtype=float) for name in kept.true})
    first = study.observed[0].column
    order = np.argsort(np.nan_to_num(true[first]), kind="stable") if first in true else np.arange(n)
    factors = {}
    # Men of whom nothing was asked are measured but once: at the baseline of the trial, after what was before.
    if study.baseline == "screening" and (past or not study.has_past):
        for name in kept.measured[0]:
            if name in true:
                seen = nanmean(np.array([visit[name] for visit in kept.measured]))
                factors[name] = fold(seen, true[name], laboratory.limit(name))[order]
    drawn = kept.men if kept.drawn is None else kept.drawn
    rows, before = (frame.iloc[order].to_dict("records") for frame in (kept.men, drawn))
    return Men(rows, [kept.lives[i].values for i in order.tolist()], before, factors)


class _Past:
    """What all men of a study were given or suffered before day 0."""

    def __init__(self, study: Study, own: ParameterSet) -> None:
        case = study.scenario()
        plan = case.plan.model_copy(update={"duration_days": 0})  # the past alone
        self._treatment = Treatment(case.model_copy(update={"plan": plan}), own.drugs_of(case), history=True)
        self._abstinence = study.abstinence_days

    def __call__(self, men: pd.DataFrame, values: Sequence[Values]) -> pd.DataFrame:
        """Return true levels and semen of men on the morning of day 0."""

        def one(man: tuple[dict[Any, Any], Values]) -> dict[str, float]:
            lived = self._treatment.follow(self._treatment.man(man[1], man[0]))
            morning = lived.days[-1]
            return {name: float(morning[name]) for name in MORNING.names or ()} | lived.semen(self._abstinence)

        found = each(one, list(zip(men.to_dict("records"), values, strict=True)))
        return pd.DataFrame(found, index=men.index).drop(columns="bmi")
