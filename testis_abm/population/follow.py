"""A man followed under treatment: his next visit predicted from what is known of him so far, then used.

The candidates are the virtual patients who match his untreated reports (twin.py), each taken through his drugs by the
mean-field model. Before a visit is used, the distribution of what the laboratory would report is given beside where the
report fell; then every candidate is weighed by how probable the report is of him on that day.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.mean_field import ExpectedMan, mean_morning
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Life, Treatment, treat
from testis_abm.population.given import as_number
from testis_abm.population.given import values as read_values
from testis_abm.population.twin import Given, Twin, independent
from testis_abm.quantities import MEASURES, Censored, column
from testis_abm.scenario import Scenario, load
from testis_abm.statistics import kish, weighted_quantiles
from testis_abm.support import guard
from testis_abm.support.errors import Note, ScenarioError

MEN = 400  # candidates who are treated
LEAST_EFFECTIVE = 40.0  # effective number of candidates under which no interval is given
_SIZE = "testis_volume_ml"
_INTERVAL = (0.05, 0.5, 0.95)
_LONGEST = 3650  # days
_MORE = 4  # times as many candidates where few of them agree with what was reported


@dataclass(frozen=True)
class OnTreatment:
    """What was reported of a man on a treatment.

    Attributes:
        given: as twin.find takes it.
        on: therapies, tables as a scenario has them (drug, dose, every).
        days_on: days since they began.
    """

    given: object
    on: Sequence[Mapping[str, Any]]
    days_on: float


@dataclass(frozen=True)
class Followed:
    """A man after visits under treatment.

    Attributes:
        twin: his virtual patients, weighed by all that was reported.
        visits: a row a value of a visit, in the unit of quantities.MEASURES: day, lab, what was reported and on which
            side of a limit, `median`, `low` and `high` of what was predicted before it was used (90 %, measurement
            included), `fell`: share of the prediction under the report (of a limit: under the limit), `inside`
            the interval (NaN of a limit), `effective`: number of candidates who carried the prediction.
        effective: number of candidates who carry the weight at the end.
    """

    twin: Twin
    visits: pd.DataFrame
    effective: float

    @property
    def dependable(self) -> bool:
        """Return whether enough candidates are left for intervals to mean something."""
        return self.effective >= LEAST_EFFECTIVE


def course(visits: Sequence[OnTreatment]) -> tuple[Scenario, list[int]]:
    """Return the therapies of visits as one plan, from the day on which the first began, and the day of each visit.

    A therapy lasts until another takes its place, on the day of the last visit before it: when exactly is not known.

    Raises:
        ScenarioError: no visit, a therapy that is none, or visits that contradict each other.
    """
    if not visits:
        raise ScenarioError("is empty; give at least one visit under treatment", "visits")
    therapies: list[dict[str, Any]] = []
    days: list[int] = []
    began, present = 0, None
    for k, visit in enumerate(visits):
        with guard.at("visit", str(k + 1)):
            since = guard.number(visit.days_on, 0.0, _LONGEST, "days_on", "days")
            own = [dict(therapy) for therapy in visit.on]
            if not own:
                raise ScenarioError("is of no treatment; give it to twin.find", "on")
            if own != present:
                began = days[-1] if days else 0
                for therapy in therapies:
                    if "every" in therapy:
                        therapy.setdefault("until", f"day {began}")
                therapies += [therapy | {"from": f"day {began}"} for therapy in own]
                present = own
            day = round(began + since)
            if days and day < days[-1]:
                raise ScenarioError(f"is on day {day}, before the visit on day {days[-1]}", "days_on")
            days.append(day)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        plan = {"duration": f"{max(1, days[-1])} days"}
        return load({"title": "follow-up", "plan": plan, "therapy": therapies}), days


def follow(found: Twin, visits: Sequence[OnTreatment], *, men: int = MEN, seed: int = 1) -> Followed:
    """Predict each visit of a man under treatment, then weigh his virtual patients by it.

    Args:
        found: who match his untreated reports.
        visits: in the order of their days.
        men: candidates, drawn from them by weight.
        seed: of the draw and of the measurements that are predicted.

    Raises:
        TestisError: a visit that is none.
    """
    men, seed = guard.argument("men", men), guard.argument("seed", seed)
    plan = course(visits)
    reports, rested = [], []
    for k, visit in enumerate(visits):
        with guard.at("visit", str(k + 1)):
            given = read_values(visit.given)
            reports.append(independent(given, found.laboratory)[0])
            rested.append(as_number(given["abstinence"]) if "abstinence" in given else None)
    for size in (men, _MORE * men):
        after = _followed(found, reports, _lived(found, plan, rested, size, seed), seed)
        if after.dependable:
            break
    return after


def forecast(
    found: Twin, on: Sequence[Mapping[str, Any]], days_on: float, *, men: int = MEN, seed: int = 1
) -> dict[str, np.ndarray]:
    """Return what a laboratory may report of a man on a day of a treatment, name of MEASURES -> (men,), each as likely.

    Args:
        found: who match his untreated reports.
        on, days_on: as OnTreatment.
        men: candidates, drawn from them by weight; seed: of the draw and of the measurements.

    Raises:
        TestisError: a treatment that is none.
    """
    men, seed = guard.argument("men", men), guard.argument("seed", seed)
    lived = _lived(found, course([OnTreatment({}, on, days_on)]), [None], men, seed)
    return reported_of(lived.true[0], found.laboratory, (seed, 0, 97), lived.days[0], lived.apart)


@dataclass(frozen=True)
class _Lived:
    """Candidates, each as likely, and what became of them under treatment.

    Attributes:
        twin: the candidates, untreated; days: of the visits.
        true: of each visit, true level -> (men,).
        apart: how far an immunoassay of oestradiol reads high in each, log of a factor.
    """

    twin: Twin
    days: Sequence[int]
    true: Sequence[Mapping[str, np.ndarray]]
    apart: np.ndarray


def _lived(
    found: Twin, plan: tuple[Scenario, list[int]], abstinence: Sequence[float | None], men: int, seed: int
) -> _Lived:
    """Take candidates through a plan; `abstinence` before each visit, days, None: the usual."""
    scenario, days = plan
    laboratory, place = found.laboratory, found.places(men, seed)
    treatment, values = Treatment(scenario), complete(parameters.all_values(laboratory.values))
    usual = [scenario.samples.rested(day) for day in days]
    rested = [before if own is None else (own, *before) for own, before in zip(abstinence, usual, strict=True)]

    def look(man: ExpectedMan) -> list[dict[str, float]]:
        return [
            {**mean_morning(man.days[day : day + 1]), **man.semen(interval, day), _SIZE: man.readouts(day)[_SIZE]}
            for day, interval in zip(days, rested)
        ]

    # Systematic resampling repeats men: each lives once.
    alone, whose = np.unique(place, return_inverse=True)
    lived = treat([Life(row, values, treatment) for row in found.men.iloc[alone].to_dict("records")], look, seed=seed)
    candidates, apart = found.of(place), np.zeros(men)
    if laboratory.assay == "immunoassay":
        before = [of["e2"] for of in (found.visits or (found.used,)) if "e2" in of]
        at_rest = {name: candidates.true[name].to_numpy() for name in candidates.true}
        apart = laboratory.immunoassay_apart(before, at_rest, np.random.default_rng([seed, 83]))
    true = [{name: np.array([of[k][name] for of in lived])[whose] for name in lived[0][k]} for k in range(len(days))]
    return _Lived(candidates, days, true, apart)


def _followed(found: Twin, reports: Sequence[Mapping[str, Given]], lived: _Lived, seed: int) -> Followed:
    laboratory, apart, men = found.laboratory, lived.apart, len(lived.apart)
    weights, rows = np.full(men, 1.0 / men), []
    for k, (used, day, true) in enumerate(zip(reports, lived.days, lived.true, strict=True)):
        rows += _predicted(used, weights, day, reported_of(true, laboratory, (seed, k, 97), day, apart))
        log = np.log(np.maximum(weights, 1e-300))
        concentration = used.get("concentration")
        counted = concentration if isinstance(concentration, float) and concentration > 0.0 else None
        for name, value in used.items():
            factor = MEASURES[name].factor
            own = Censored(value.limit * factor, value.below) if isinstance(value, Censored) else value * factor
            if name == "e2" and laboratory.assay == "immunoassay":
                log += laboratory.likelihood_beside(own, true, apart)
            else:
                log += laboratory.likelihood(column(name, laboratory.assay), own, true, counted)[0]
        weights = np.exp(log - log.max())
        weights /= weights.sum()
    table = pd.DataFrame(
        rows, columns=["day", "lab", "unit", "given", "beyond", "median", "low", "high", "fell", "inside", "effective"]
    )
    return Followed(replace(lived.twin, weights=weights), table, kish(weights))


def reported_of(
    true: Mapping[str, np.ndarray], laboratory: Laboratory, key: Sequence[int], day: int, apart: np.ndarray
) -> dict[str, np.ndarray]:
    """Return a report of each man on a day, name of MEASURES -> (men,) in its unit, each man with errors of his own.

    `apart` is the log of the factor by which an immunoassay of oestradiol reads high in each.
    """
    seen = laboratory.visit(true, key, day)
    found = {}
    for name, measure in MEASURES.items():
        of = column(name, laboratory.assay)
        if of in seen:
            found[name] = np.asarray(seen[of], dtype=float) / measure.factor
    if _SIZE in true:
        found["testis_volume"] = laboratory.size(true[_SIZE], key, day)
    if "e2" in found:
        found["e2"] = found["e2"] * np.exp(apart)
    return found


def _predicted(
    used: Mapping[str, Given], weights: np.ndarray, day: int, reports: Mapping[str, np.ndarray]
) -> list[tuple[Any, ...]]:
    """Return a row a value of a visit: what was predicted of it, and where it fell."""
    size, rows = kish(weights), []
    for name, value in used.items():
        level, there = reports[name], np.isfinite(reports[name])
        share = weights[there].sum()
        limit = value.limit if isinstance(value, Censored) else float(value)
        low, middle, high = weighted_quantiles(level[there], weights[there], _INTERVAL) if share > 0.0 else [np.nan] * 3
        # Of reports that come in steps, half of those that are alike lie under it.
        under = weights[there] @ ((level[there] < limit) + 0.5 * (level[there] == limit))
        fell = float(under / share) if share > 0.0 else np.nan
        exact = not isinstance(value, Censored)
        inside = float(low <= limit <= high) if exact and np.isfinite(low) else np.nan
        if size < LEAST_EFFECTIVE:
            low = high = inside = np.nan
        beyond = value.sign if isinstance(value, Censored) else ""
        rows.append((day, name, MEASURES[name].unit, limit, beyond, middle, low, high, fell, inside, size))
    return rows
