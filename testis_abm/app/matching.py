"""Virtual patients who match laboratory values, the one who represents them, and what a treatment does to all of them; as tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.choices import TREATMENTS
from testis_abm.population.given import Lab, as_number, labs
from testis_abm.quantities import (
    GIVEN,
    KNOWN,
    MEASURES,
    QUANTITIES,
    SI,
    Censored,
    Measure,
    clinical_ratio,
    title,
    unit_system,
)
from testis_abm.results.report import number
from testis_abm.scenario import Man
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario

MEN = 200  # virtual patients that are treated, as many as `testis-abm twin` treats
_DIFFERS = 0.1  # share by which the representative differs from a value that was given, from which on it is said


@dataclass(frozen=True)
class Match:
    """Virtual patients who match laboratory values.

    Attributes:
        found: the weighted set; units: of each value, and its factor from that of the set.
        row: of the representative among the set's men; man: his physiology.
    """

    found: Twin
    units: Mapping[str, tuple[str, float]]
    row: int
    man: Man


@dataclass(frozen=True)
class Response:
    """What a scenario's treatment does to matching virtual patients: a row each before, at its end, their answers and lesions."""

    scenario: Scenario
    before: pd.DataFrame
    after: pd.DataFrame
    answers: pd.DataFrame
    lesions: pd.Series

    @property
    def values(self) -> dict[str, float]:
        """Return the model's parameters under the scenario's own."""
        return self.scenario.values()


def read_labs(texts: Mapping[str, str]) -> dict[str, Lab]:
    """Return the laboratory values that were typed (by the names of quantities.GIVEN).

    Raises:
        TestisError: one that is none, or that no living man has; a line each.
    """
    given = labs(texts, title)
    if not given.keys() & MEASURES.keys():
        raise TestisError("Give at least one laboratory value: testosterone, LH, or any other above.")
    return given


def example(name: str) -> str:
    """Return how a value is written, for example, in the system of units in force."""
    measure: Measure = GIVEN[name]
    quantity = QUANTITIES[measure.column]
    if unit_system() != SI or quantity.clinical_unit == quantity.conventional_unit:
        return measure.example
    level = float(labs({name: measure.example})[name].value) * measure.factor * quantity.factor  # type: ignore[arg-type]
    return f"{level:.2g} {quantity.clinical_unit}"


def find(
    given: Mapping[str, Lab],
    measured: str,
    own: Mapping[str, float] | None = None,
    again: Sequence[Mapping[str, float | Censored]] = (),
) -> Match:
    """Return the virtual patients who match laboratory values, oestradiol by the assay `measured`.

    Under the scenario's `own` parameters, as `testis-abm twin --scenario`. `again` are more untreated reports of him, in
    the units of the twin.

    Raises:
        TestisError: see population.twin.find.
    """
    from testis_abm.population import twin

    values = {name: lab.value for name, lab in given.items()}
    found = twin.find(values, again=again, assay=measured, values=parameters.values(own))
    row = representative(found)
    own = {str(name): float(found.men[name].iloc[row]) for name in found.men}
    # Values that only another report has are in the units of the twin.
    units = {name: (GIVEN[name].unit, 1.0) for name in found.given}
    units |= {name: (lab.unit, lab.factor) for name, lab in given.items()}
    return Match(found, units, row, Man(preset="fertile", **within(own)))


def representative(found: Twin) -> int:
    """Return the row of the virtual patient who represents a set: of the likelier half, the nearest to the weighted mean."""
    fields = [name for name in found.men if np.ptp(found.men[name].to_numpy()) > 0.0]
    logs = np.log(np.maximum(found.men[fields].to_numpy(dtype=float), 1e-6))
    mean = found.weights @ logs
    spread = np.sqrt(found.weights @ (logs - mean) ** 2)
    apart = (((logs - mean) / np.maximum(spread, 1e-6)) ** 2).sum(axis=1)
    likely = found.weights >= np.median(found.weights[found.weights > found.weights.max() * 1e-3])
    return int(np.where(likely, apart, np.inf).argmin())


def within(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return physiology fields held to their ranges, which a population's tails can leave."""
    from testis_abm.parameters import physiology

    known = physiology()
    return {name: min(max(value, known[name].low), known[name].high) for name, value in fields.items()}


def respond(match: Match, scenario: Scenario) -> Response:
    """Return what a scenario's treatment does to all matching virtual patients, as `testis-abm twin --give` works it out.

    With the parameter ensemble: the spread holds virtual patients, parameters and answers to what the data do not decide.
    """
    from testis_abm.population.predict import predict_with
    from testis_abm.studies.ensemble import shipped

    predicted = predict_with(match.found.sample(MEN), scenario, shipped())
    return Response(scenario, *predicted, match.found.sample_lesions(MEN))


# ---- as tables


def _own(match: Match, name: str) -> float:
    """Return what the laboratory would report of the representative, in the unit of population.twin."""
    if name == "t_e2":
        return float(clinical_ratio(*(match.found.predicted(part)[match.row] for part in ("t", "e2"))))
    return as_number(match.found.given[name]) if name in KNOWN else float(match.found.predicted(name)[match.row])


def labs_table(match: Match) -> pd.DataFrame:
    """Return each value that was given beside the representative's and beside those of all matching virtual patients."""
    from testis_abm.population import report

    table, names = report.labs(match.found, match.units), match.found.labs().index
    own = [number(_own(match, name) * match.units.get(name, ("", 1.0))[1]) for name in names]
    table.insert(1, "representative virtual patient", own)
    for name in (known for known in KNOWN if known in match.found.given):
        own_level = number(_own(match, name) * match.units[name][1])
        table.loc[report.heading(match.found, name, match.units[name][0])] = (own_level, own_level, "as given", "-")
    return table


def differs(match: Match) -> str:
    """Return in words where the representative's own values are not those that were given."""
    from testis_abm.population.report import heading

    parts = []
    for name, row in match.found.labs().drop("t_e2", errors="ignore").iterrows():
        (unit, factor), given, own = match.units[str(name)], float(row["given"]), _own(match, str(name))
        off = {"": abs(own - given), "<": own - given, ">": given - own}[row["beyond"]]
        if not off <= _DIFFERS * given:
            levels = f"{number(own * factor)}, given {row['beyond']}{number(given * factor)}"
            parts.append(f"{heading(match.found, str(name), unit)} {levels}")
    own_values = f"differ: {'; '.join(parts)}" if parts else "are within 10 % of those given"
    return f"He is one simulated man near the centre of those who match, not the patient. His own values {own_values}."


def same_treatment(response: Response, scenario: Scenario | None) -> bool:
    """Return whether a response is of what a scenario does, how long, and with which model: all but its man decides."""
    if scenario is None:
        return False
    parts = (*TREATMENTS, "samples", "parameters")
    same = all(getattr(response.scenario, part) == getattr(scenario, part) for part in parts)
    return same and response.scenario.plan.duration_days == scenario.plan.duration_days
