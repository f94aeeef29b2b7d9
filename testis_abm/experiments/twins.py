"""Twins of all men of a table: one search a man, on all cores, kept as they end; a run that is stopped goes on.

Searches start near the men of one pool, which each process draws once (population.twin.Pool). What is kept of a man is
a sample of equal weight of the virtual patients who match him, and how far it can be trusted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import BLOOD, Laboratory
from testis_abm.biology.semen import Semen
from testis_abm.choices import EXPECTED
from testis_abm.experiments.experiment import Experiment, How, run
from testis_abm.experiments.store import read
from testis_abm.experiments.task import Job, Row, Task
from testis_abm.population.cohort import Cohort, measure
from testis_abm.population.distribution import Population
from testis_abm.population.follow import LEAST_EFFECTIVE, OnTreatment, follow
from testis_abm.population.of_twins import OfTwins, of_twins
from testis_abm.population.screen import Screened, parse_criterion
from testis_abm.population.search import LEAST_SIZE, WORST_SHAPE
from testis_abm.population.table_in import Patient, Table, known_of
from testis_abm.population.twin import Pool, find
from testis_abm.quantities import DEFAULT_ASSAY, KNOWN, MEASURES, Censored
from testis_abm.results.report import aligned
from testis_abm.results.shown import Shown
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError

SAMPLE = 200  # virtual patients kept of a man
_LISTED = 40  # men up to whom each is named in a text
_POOL = 20_000  # men of the pool
_TRUE = tuple(dict.fromkeys((*BLOOD, *Semen.__dataclass_fields__)))
_ABOUT = ("effective", "pareto_k", "followed", *(f"z_{name}" for name in MEASURES))
_QUANTILES = {"low": 0.05, "median": 0.5, "high": 0.95}


@dataclass(frozen=True)
class TwinJob(Job):
    """What the searches of a table share: the one case holds population, assay, seed and sizes."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Return what is kept of each virtual patient: physiology, true levels untreated, and of the search."""
        return (*parameters.physiology(), *(f"true_{name}" for name in _TRUE), *_ABOUT)

    def perform(self, task: Task) -> list[Row]:
        """Find the twin of a man; return a row a virtual patient: lesion, number, levels."""
        case: Any = self.cases[""]
        rest, treated = _read(task.overrides["visits"])
        own = case.get("parameters", {})
        pool = _pool(case["population"], case["seed"], tuple(own.items()))
        how = {name: case[name] for name in ("population", "assay", "seed")}
        found = find(rest[0], again=rest[1:], values=parameters.values(own), pool=pool, **how)
        effective, followed = found.effective, np.nan
        if treated:
            after = follow(found, treated, seed=case["seed"])
            found, followed = after.twin, after.effective
        off = found.labs()["deviation_sd"]
        about = [effective, found.pareto_k, followed, *(float(off.get(name, np.nan)) for name in MEASURES)]
        men, lesions = (draw(case["sample"], case["seed"]) for draw in (found.sample, found.sample_lesions))
        true = found.true.iloc[found.places(case["sample"], case["seed"])]
        fields = men[list(parameters.physiology())].to_numpy(dtype=float)
        levels = true[list(_TRUE)].to_numpy(dtype=float)
        return [(lesions.iloc[k], k, *fields[k], *levels[k], *about) for k in range(len(men))]


@cache
def _pool(population: str, seed: int, own: tuple[tuple[str, float], ...]) -> Pool:
    """Return the pool of this process, under the tables' parameters but for its `own`."""
    return Pool.draw(population, _POOL, seed, parameters.values(dict(own)))


def _written(rest: Sequence[Mapping[str, float | Censored]], treated: Sequence[OnTreatment]) -> str:
    """Return the reports of a man as JSON, exactly."""

    def values(given: Mapping[str, float | Censored]) -> dict[str, Any]:
        return {name: [of.sign, of.limit] if isinstance(of, Censored) else float(of) for name, of in given.items()}

    own = [[values(given), [], 0.0] for given in rest]
    own += [[values(of.given), [dict(one) for one in of.on], of.days_on] for of in treated]  # type: ignore[arg-type]
    return json.dumps(own, sort_keys=True)


def _read(text: str) -> tuple[list[dict[str, float | Censored]], list[OnTreatment]]:
    rest: list[dict[str, float | Censored]] = []
    treated: list[OnTreatment] = []
    for values, on, days in json.loads(text):
        given = {name: Censored(of[1], of[0] == "<") if isinstance(of, list) else of for name, of in values.items()}
        if on:
            treated.append(OnTreatment(given, on, days))
        else:
            rest.append(given)
    return rest, treated


def reports(man: Patient) -> tuple[list[dict[str, float | Censored]], list[OnTreatment], str]:
    """Return the untreated reports of a man, those under treatment, and why visits are not used ("" if all are).

    Visits untreated, before any treatment, describe him at rest; those on a treatment since a known day follow. What he
    is after a treatment depends on how long ago it ended, which a table does not tell. What is known of him besides
    (table_in.known_of) is that of his first visit that has it.
    """
    rest: list[dict[str, float | Censored]] = []
    treated: list[OnTreatment] = []
    left = []
    known = known_of(man.visits)
    for visit in man.visits:
        given = {name: value for name, value in visit.values.items() if name not in KNOWN} | known
        if not visit.on and not treated:
            rest.append(given)
        elif not visit.on:
            left.append(f"row {visit.row}: untreated after a treatment, whose end is not known")
        elif visit.days_on is None:
            left.append(f"row {visit.row}: on a treatment since a day that is not known")
        else:
            treated.append(OnTreatment(given, visit.on, visit.days_on))
    if not rest:
        return [], [], "; ".join([*left, "no untreated visit"])
    return rest, treated, "; ".join(left)


@dataclass(frozen=True)
class Twins(Experiment["Found"]):
    """The searches of a table.

    Attributes:
        table: as read; men: those who have a search; left: of others, and of visits not used, why.
        job, tasks: what is run.
    """

    table: Table
    men: tuple[Patient, ...]
    left: Mapping[str, str]
    job: Job
    tasks: list[Task]

    def about(self) -> dict[str, Any]:
        """Return what its store says of it."""
        return {"kind": "twins", "title": self.table.grid.source, "outputs": []}

    def analyse(self, folder: Path, models: Callable[[int, int], None]) -> Found:
        """Read the sample of each man."""
        names = dict(enumerate(man.name for man in self.men))
        kept = read(folder)
        kept.insert(0, "man", kept["point"].map(names))
        failed = kept.loc[kept["error"] != "", ["man", "error"]].reset_index(drop=True)
        sample = kept[kept["error"] == ""].rename(columns={"arm": "lesion", "day": "number"})
        sample = sample[["man", "lesion", "number", *self.job.columns]]
        return Found(self.table, sample.reset_index(drop=True), failed, self.left, dict(self.job.cases[""]))


def prepare(
    table: Table,
    rows: Sequence[str] = (),
    *,
    population: str = "clinic",
    assay: str = DEFAULT_ASSAY,
    seed: int = 1,
    sample: int = SAMPLE,
    own: Mapping[str, float] | None = None,
) -> Twins:
    """Return the searches of the men of a table.

    Args:
        table: as read.
        rows: identifiers of those who are wanted (default: all).
        population, assay, seed: see twin.find; sample: virtual patients kept of each.
        own: parameters that replace those of the tables, by dotted name.

    Raises:
        ScenarioError: no such man, or nobody has a report that a search can use.
    """
    wanted = [table.man(name) for name in rows] if rows else list(table.men)
    case = {
        "population": population,
        "assay": assay,
        "seed": guard.argument("seed", seed),
        "sample": guard.argument("men", sample),
        "pool": _POOL,
        **({"parameters": dict(sorted(own.items()))} if own else {}),
    }
    # A mistyped word is told here once, and not by each man.
    Population.named(population)
    men: list[Patient] = []
    tasks, left = [], {}
    for man in wanted:
        rest, treated, why = reports(man)
        if why:
            left[man.name] = why
        if rest:
            tasks.append(Task(len(men), 0, {"visits": _written(rest, treated)}))
            men.append(man)
    if not men:
        raise ScenarioError(f"{table.grid.source}: no man has an untreated report ({next(iter(left.values()), '')})")
    return Twins(table, tuple(men), left, TwinJob({"": case}, (0,), EXPECTED), tasks)


def twins(
    table: Table, folder: str | Path, rows: Sequence[str] = (), how: How | None = None, **search: Any
) -> Found | None:
    """Find the twins of the men of a table (what is missing of them); None while shards are still to come.

    Args:
        table: as read; rows: see prepare, as `search` (population, assay, seed, sample, own).
        folder: the store; a run that was stopped goes on there.
        how: workers, dask, shard, progress (experiment.How).

    Raises:
        TestisError: see prepare and experiment.run.
    """
    return run(lambda: prepare(table, rows, **search), folder, **(how or {}))


@dataclass(frozen=True)
class Found(Shown):
    """The twins of the men of a table.

    Attributes:
        table: as read; sample: a row a virtual patient, equal weights within a man: man, lesion, number, physiology, true
            untreated levels (`true_`), and of the search: effective, pareto_k, followed, z_ (deviation in SD).
        failed: men whose search failed, with the error; left: men and visits not used, with the reason.
        search: population, assay, seed and sizes.
    """

    table: Table
    sample: pd.DataFrame = field(repr=False)
    failed: pd.DataFrame
    left: Mapping[str, str]
    search: Mapping[str, Any]

    def men(self) -> pd.DataFrame:
        """Return a row a man of the table: how many visits, how far his twin can be trusted, median and 90 % interval.

        `dependable` is False where intervals mean little; `unexplained` names values that no physiology gives; `status`
        is "found", "failed" or why there is no twin.
        """
        by = dict(iter(self.sample.groupby("man", sort=False)))
        errors = dict(zip(self.failed["man"], self.failed["error"]))
        rows = []
        for man in self.table.men:
            row: dict[str, Any] = {"man": man.name, "rows": ",".join(str(visit.row) for visit in man.visits)}
            row |= {"visits": len(man.visits), "not_used": self.left.get(man.name, "")}
            if man.name not in by:
                if man.name in errors or man.name in self.left:
                    rows.append(row | {"status": f"failed: {errors[man.name]}" if man.name in errors else "no twin"})
                continue
            own = by[man.name]
            first = own.iloc[0]
            followed = first["followed"]
            sound = first["effective"] >= LEAST_SIZE and first["pareto_k"] <= WORST_SHAPE
            shares = own["lesion"].value_counts(normalize=True)
            row |= {
                "status": "found",
                "effective": first["effective"],
                "pareto_k": first["pareto_k"],
                "followed": followed,
            }
            row["dependable"] = bool(sound and not followed < LEAST_EFFECTIVE)
            far = [name for name in MEASURES if abs(first[f"z_{name}"]) > 3.0]
            row |= {"unexplained": ",".join(far), "lesion": shares.index[0], "lesion_share": shares.iloc[0]}
            for name in (*parameters.physiology(), *(f"true_{name}" for name in _TRUE)):
                quantiles = own[name].quantile([*_QUANTILES.values()])
                row |= {f"{name}_{word}": value for word, value in zip(_QUANTILES, quantiles)}
            rows.append(row)
        return pd.DataFrame(rows)

    def text(self) -> str:
        """Return in words how many twins were found, and how far they can be trusted."""
        men = self.men()
        found = men[men["status"] == "found"]
        lines = [f"{len(found):,} of {len(men):,} men have a twin of {self.search['sample']} virtual patients each."]
        if len(found):
            rough = int((~found["dependable"].astype(bool)).sum())
            lines.append(
                f"  dependable: {len(found) - rough:,}; too few virtual patients match for intervals: {rough:,}"
            )
            odd = found[found["unexplained"] != ""]
            if len(odd):
                names = ", ".join(f"{row.man} ({row.unexplained})" for row in odd.head(10).itertuples())
                lines.append(f"  values that no physiology gives, in {len(odd):,}: {names}")
        if 0 < len(found) <= _LISTED:
            rows = [("man", "virtual patients", "dependable", "most probable lesion", "not explained")]
            for row in found.itertuples():
                lesion = (
                    "none"
                    if row.lesion == "none"
                    else f"{str(row.lesion).replace('_', ' ')} {100.0 * row.lesion_share:.0f} %"
                )
                sound = "yes" if row.dependable else "no"
                rows.append((str(row.man), f"{row.effective:.0f}", sound, lesion, row.unexplained or "-"))
            lines.append(aligned(rows))
        for name, why in list(self.left.items())[:10]:
            lines.append(f"  {name}: not used: {why}")
        if len(self.failed):
            lines.append(f"  failed: {', '.join(self.failed['man'].head(10))}: {self.failed['error'].iloc[0]}")
        return "\n".join(lines)

    def population(self) -> OfTwins:
        """Return the population from which a cohort or trial draws the virtual patients of these men."""
        return of_twins(self.sample, self.search["population"], self.table.grid.source)

    def screened(
        self, criteria: Sequence[str] = (), *, each: int = SAMPLE, visits: int = 1, seed: int = 1
    ) -> tuple[Screened, pd.Series]:
        """Return the first `each` virtual patients of every man who meet all criteria at all visits, and whose they are.

        Args:
            criteria: see population.screen.parse_criterion.
            visits: measurements of each; seed: of their errors.

        Raises:
            ScenarioError: a criterion that is none, or that nobody meets.
        """
        with guard.at("where"):
            tests = [parse_criterion(text) for text in criteria]
        own = self.sample[self.sample["number"] < each].reset_index(drop=True)
        men, lesions = own[list(parameters.physiology())], own["lesion"]
        true = own[[f"true_{name}" for name in _TRUE]].rename(columns=lambda name: name.removeprefix("true_"))
        laboratory = Laboratory(parameters.values(self.search.get("parameters")), self.search["assay"])
        measured = [measure(true, laboratory, (seed, 53), visit=visit) for visit in range(visits)]
        good = np.ones(len(own), dtype=bool)
        for test in tests:
            for visit in measured:
                good &= test(visit, men, laboratory)
        if not good.any():
            raise ScenarioError(f"no virtual patient of {self.table.grid.source} meets {'; '.join(criteria)}", "where")

        def of(frame: Any) -> Any:
            return frame[good].reset_index(drop=True)

        cohort = Cohort(of(men), of(lesions), of(true), [of(visit) for visit in measured])
        return Screened(cohort, len(own), tuple(criteria), laboratory), of(own["man"])
