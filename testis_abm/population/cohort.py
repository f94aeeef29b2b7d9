"""Cohorts: men drawn from a population, their true labs and what a clinic measures of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology import outcome
from testis_abm.biology.laboratory import BLOOD, Laboratory
from testis_abm.biology.semen import Semen
from testis_abm.biology.size import of_testis
from testis_abm.man.mean_field import steady_states
from testis_abm.man.parameter_set import (
    ABSTINENCE,
    Kinds,
    ParameterSet,
    of_kinds,
    stacked,
    unlike_tables,
    untreated_sperm,
)
from testis_abm.man.physiology import complete
from testis_abm.parameters import tubules
from testis_abm.parameters.rooms import Values
from testis_abm.population.distribution import LESIONS, Population
from testis_abm.quantities import DEFAULT_ASSAY, QUANTITIES
from testis_abm.support import guard

BLOCK = 400  # men who are drawn together, so that more men leave the first as they are
_WITH_PAST = 40  # of them where each lives through a past first, which takes a thousand times as long
APART = 7919  # between the seeds of blocks
# Of men (a row of physiology each) and the parameters of each: their true levels and semen, after what was before.
Past = Callable[[pd.DataFrame, Sequence[Values]], pd.DataFrame]


def labs(
    men: pd.DataFrame, values: Mapping[str, float], abstinence: float | Sequence[float] = ABSTINENCE
) -> pd.DataFrame:
    """Return true untreated levels and semen (after days of `abstinence`, see tract.intervals_of) of men (a row of physiology each)."""
    return _labs(men, complete(values), abstinence)


def testis_volume(men: pd.DataFrame, true: pd.DataFrame, values: Mapping[str, float]) -> np.ndarray:
    """Return each man's mean testis volume, mL, from his true untreated levels (see labs), (men,)."""
    held, there = (true[name].to_numpy() for name in ("germ_per_sertoli", "testes"))
    return np.asarray(of_testis(_columns(men), held, there, complete(values))["testis_volume_ml"])


def _labs(men: pd.DataFrame, values: Mapping[str, Any], abstinence: float | Sequence[float]) -> pd.DataFrame:
    return pd.DataFrame(steady_states(values, _columns(men), abstinence=abstinence), index=men.index)


def _columns(men: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: men[name].to_numpy(dtype=float) for name in men.columns}


def retrieval(men: pd.DataFrame, true: pd.DataFrame, values: Mapping[str, float]) -> np.ndarray:
    """Return each man's chance that micro-TESE finds sperm, and its ends, (men, 3)."""
    rows = zip(men.to_dict("records"), true.to_dict("records"), strict=True)
    return np.array([retrieval_of(man, levels, values) for man, levels in rows]).reshape(-1, 3)


def retrieval_of(
    man: Mapping[Any, float], true: Mapping[Any, float], values: Mapping[str, float]
) -> tuple[float, float, float]:
    """Return the chance that micro-TESE finds sperm in a man of such physiology and true levels, and its ends: see biology/outcome.py."""
    shares = tubules.tubules(man)
    live = tubules.live(shares)
    held = true["elongated_per_sertoli"] / live if live > 0.0 else 0.0
    share = float(outcome.yielding(tubules.passing(shares), held, values))
    gonadotrophins = true["lh_iu_l"] + true["hcg_iu_l"], true["fsh_iu_l"]
    return outcome.retrieval(
        outcome.Yield(share, share, share),
        true["concentration_million_ml"],
        *gonadotrophins,
        values,
        lesion_length=man["lesion_length"],
    )


def measure(true: pd.DataFrame, laboratory: Laboratory, key: Sequence[int], *, visit: int = 0) -> pd.DataFrame:
    """Return one blood sample and one semen analysis of each man at a visit: see Laboratory.visit.

    Clinics take no sample of the testis at a visit. `key` is that of the cohort: it, the number of the visit and a
    man's place decide on his random draws.
    """
    names = [
        name for name in (*BLOOD, *Semen.__dataclass_fields__) if name in true and QUANTITIES[name].sample != "testis"
    ]
    columns = {name: true[name].to_numpy(dtype=float) for name in names}
    return pd.DataFrame(laboratory.visit(columns, key, visit), index=true.index)


@dataclass(frozen=True)
class OwnModel:
    """The plausible model under which a man lives.

    Attributes:
        own: his parameter set.
        answers: of it to what the data do not decide, those that are about him; kinds: of what kinds they make him.
        values: his parameters as such a man, completed.
    """

    own: ParameterSet
    answers: Mapping[str, str]
    kinds: Kinds
    values: Values

    @property
    def parameters(self) -> dict[str, float]:
        """Return in what he is unlike the tables, by dotted name (parameter_set makes it of them)."""
        return {**unlike_tables(self.values), **self.own.of_drugs}


@dataclass(frozen=True)
class Cohort:
    """Men of a population.

    Attributes:
        men: physiology, one row a man; `lesion` apart.
        lesions: name of each man's lesion.
        true: his true labs and semen (course.MORNING and the semen table's names).
        measured: of each visit, what a clinic saw.
        lives: of each man, the model under which he lives; none where all live under the same parameters.
        drawn: physiology before they are of the kinds that their lives make them.
    """

    men: pd.DataFrame
    lesions: pd.Series
    true: pd.DataFrame
    measured: Sequence[pd.DataFrame]
    lives: Sequence[OwnModel] = ()
    drawn: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.men)

    def __repr__(self) -> str:
        return f"<Cohort of {len(self):,} men, measured {len(self.measured)} times>"


def draw(
    population: Population | str,
    n: int,
    *,
    seed: int = 1,
    visits: int = 1,
    values: Mapping[str, float] | None = None,
    assay: str = DEFAULT_ASSAY,
    fixed: Mapping[str, float] | None = None,
    abstinence: float = 3.0,
) -> Cohort:
    """Draw `n` men of a population and measure each at so many visits.

    Args:
        population: from Population.named, or its name.
        seed: of the draw; more men or visits leave the first as they are.
        visits: baseline measurements of each man.
        values: dotted parameters (default: the table's).
        assay: of oestradiol, "immunoassay" or "lc-ms".
        fixed: physiology fields that all men share.
        abstinence: days before semen is given.

    Raises:
        TestisError: an argument is out of range, or no such word.
    """
    values = parameters.all_values(values)
    population, laboratory = Population.of_name(population, values), Laboratory(values, assay)
    n, visits, seed = guard.argument("men", n), guard.argument("visits", visits), guard.argument("seed", seed)
    abstinence = guard.number(abstinence, 0.5, 30.0, "abstinence", "days")
    men, lesions = _men(population, n, seed, fixed)
    true = labs(men, values, abstinence)
    return Cohort(men, lesions, true, _visits(true, laboratory, seed, visits))


def draw_living(
    population: Population | str,
    sets: Sequence[ParameterSet],
    *,
    seed: int = 1,
    visits: int = 1,
    assay: str = DEFAULT_ASSAY,
    fixed: Mapping[str, float] | None = None,
    abstinence: float = 3.0,
    past: Past | None = None,
) -> Cohort:
    """Draw BLOCK men of a population (fewer with a past), the men of `draw`, who live under parameter sets in turn; see draw.

    Infertile men are of a kind that the answers of their set have, drawn by the seed.

    Args:
        sets: plausible parameter sets.
        past: what was before they are measured (none: they are in their untreated steady state).
    """
    population = Population.of_name(population, sets[0].values)
    visits, seed = guard.argument("visits", visits), guard.argument("seed", seed)
    abstinence = guard.number(abstinence, 0.5, 30.0, "abstinence", "days")
    men_drawn = BLOCK if past is None else _WITH_PAST
    drawn, lesions = _men(population, men_drawn, seed, fixed)
    own, columns = [sets[i % len(sets)] for i in range(men_drawn)], _columns(drawn)
    wholes = [one.whole for one in own]
    true = _labs(drawn, stacked(wholes), abstinence)
    same = abstinence == ABSTINENCE
    sperm = true["concentration_million_ml"].to_numpy() if same else untreated_sperm(wholes, columns)
    kinds = [one.drawn({}, (seed, i), of) for i, (one, of) in enumerate(zip(own, sperm.tolist(), strict=True))]
    answers = [one.answers_of({}, of) for one, of in zip(own, sperm.tolist(), strict=True)]
    others, values = of_kinds(columns, own, kinds, sperm)
    men, other = pd.DataFrame(others), [i for i, of in enumerate(kinds) if of]
    if other:
        true.iloc[other] = _labs(men.iloc[other], stacked([values[i] for i in other]), abstinence)
    if past is not None:
        true = past(men, values)
    measured = _visits(true, Laboratory(stacked(values), assay), seed, visits)
    lives = [OwnModel(*of) for of in zip(own, answers, kinds, values, strict=True)]
    return Cohort(men, lesions, true, measured, lives, drawn)


def _men(
    population: Population, n: int, seed: int, fixed: Mapping[str, float] | None
) -> tuple[pd.DataFrame, pd.Series]:
    """Return `n` men of a population with what all share, a row of physiology each, and the name of each man's lesion."""
    for name, value in guard.mapping({} if fixed is None else fixed, "fixed", '{"bmi": 31}').items():
        field = parameters.physiology()[guard.key(name, parameters.physiology(), "field", "fixed", "testis-abm men")]
        guard.number(value, field.low, field.high, name, f"({field.unit})")
    blocks = [
        population.hidden(BLOCK, np.random.default_rng(seed + APART * BLOCK * k)) for k in range(max(1, -(-n // BLOCK)))
    ]
    hidden, lesions = (np.concatenate(parts)[:n] for parts in zip(*blocks))
    men = pd.DataFrame(population.fields(hidden, lesions)).assign(**(fixed or {}))
    return men, pd.Series(np.array(LESIONS)[lesions])


def _visits(true: pd.DataFrame, laboratory: Laboratory, seed: int, visits: int) -> list[pd.DataFrame]:
    return [measure(true, laboratory, (seed, 53), visit=visit) for visit in range(visits)]
