"""Cohorts: men drawn from a population, their true labs and what a clinic measures of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from testis_abm import guard, parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.expected import rest
from testis_abm.expected.man import reference_output
from testis_abm.physiology import complete
from testis_abm.population.distribution import Population
from testis_abm.tract import outcome
from testis_abm.tract.semen import Semen, analyse

# What a clinic measures: hormones by blood sample, semen by analysis.
BLOOD = ("testosterone_nmol_l", "oestradiol_pmol_l", "lh_iu_l", "fsh_iu_l", "inhibin_b_pg_ml", "shbg_nmol_l")
_VARIATION = dict(zip(BLOOD, ("testosterone", "oestradiol", "lh", "fsh", "inhibin_b", "shbg"), strict=True))
_SEMEN = (
    "volume_ml", "concentration_million_ml", "total_count_million", "progressive_motility_pct", "normal_forms_pct",
    "total_motile_count_million",
)  # fmt: skip


def labs(men: pd.DataFrame, values: Mapping[str, float]) -> pd.DataFrame:
    """Return the true untreated labs and semen of men (a row of physiology fields each), one row a man."""
    values = complete(values)
    reference = reference_output(values, {name: field.value for name, field in parameters.physiology().items()})
    names = list(men.columns)
    rows = [rest(values, dict(zip(names, row, strict=True)), reference=reference) for row in men.to_numpy()]
    return pd.DataFrame(rows, index=men.index)


def retrieval(men: pd.DataFrame, true: pd.DataFrame, values: Mapping[str, float]) -> np.ndarray:
    """Return each man's chance that microdissection finds sperm, and its low and high end, (men, 3): see tract/outcome.py."""
    share = men["germ_cell_endowment"].to_numpy()
    niches = values["tissue.sertoli_per_man"] * men["sertoli_number"].to_numpy() * share
    held = np.divide(true["elongated_per_sertoli"].to_numpy(), share, out=np.zeros(len(men)), where=share > 0.0)
    rows = zip(
        niches,
        held,
        true["concentration_million_ml"],
        true["lh_iu_l"] + true["hcg_iu_l"],
        true["fsh_iu_l"],
        strict=True,
    )
    return np.array([outcome.retrieval(*row, values) for row in rows]).reshape(-1, 3)


def measure(
    true: pd.DataFrame, values: Mapping[str, float], rng: np.random.Generator, *, assay: str = "immunoassay"
) -> pd.DataFrame:
    """Return one blood sample and one semen analysis of each man, with within-man and laboratory variation."""
    seen = pd.DataFrame(index=true.index)
    for name, short in _VARIATION.items():
        cv = values[f"blood_variation.{short}"]
        sigma = np.sqrt(np.log1p(cv * cv))
        seen[name] = true[name] * np.exp(sigma * rng.standard_normal(len(true)) - 0.5 * sigma * sigma)
    seen["oestradiol_pmol_l"] = reported_oestradiol(seen["oestradiol_pmol_l"], assay, values)
    report = analyse(Semen(**{name: true[name].to_numpy() for name in _SEMEN}), values, rng)
    for name in _SEMEN:
        seen[name] = getattr(report, name)
    return seen


@dataclass(frozen=True)
class Cohort:
    """Men of a population.

    Attributes:
        men: physiology, one row a man; `lesion` apart.
        lesions: name of each man's lesion.
        true: his true labs and semen (expected.COLUMNS and the semen table's names).
        measured: of each visit, what a clinic saw.
    """

    men: pd.DataFrame
    lesions: pd.Series
    true: pd.DataFrame
    measured: Sequence[pd.DataFrame]

    def __len__(self) -> int:
        return len(self.men)


def draw(
    population: Population | str, n: int, *, seed: int = 1, visits: int = 1, values: Mapping[str, float] | None = None,
    assay: str = "immunoassay", fixed: Mapping[str, float] | None = None,
) -> Cohort:  # fmt: skip
    """Draw `n` men of a population and measure each at so many visits.

    Args:
        population: from Population.named, or its name.
        seed: of the draw.
        visits: baseline measurements of each man.
        values: dotted parameters (default: the table's).
        assay: of oestradiol, "immunoassay" or "lc-ms".
        fixed: physiology fields that all men share.

    Raises:
        TestisError: an argument is out of range, or no such word.
    """
    population, assay = Population.of_name(population), guard.word(assay, guard.ASSAYS, "assay")
    n, visits, seed = guard.argument("men", n), guard.argument("visits", visits), guard.argument("seed", seed)
    for name, value in guard.mapping({} if fixed is None else fixed, "fixed", '{"bmi": 31}').items():
        field = parameters.physiology()[guard.key(name, parameters.physiology(), "field", "fixed", "testis-abm men")]
        guard.number(value, field.low, field.high, name, f"({field.unit})")
    values = parameters.values() if values is None else values
    rng = np.random.default_rng(seed)
    hidden, lesions = population.hidden(n, rng)
    men = pd.DataFrame(population.fields(hidden, lesions)).assign(**(fixed or {}))
    true = labs(men, values)
    measured = [measure(true, values, rng, assay=assay) for _ in range(visits)]
    from testis_abm.population.distribution import LESIONS

    return Cohort(men, pd.Series(np.array(LESIONS)[lesions]), true, measured)
