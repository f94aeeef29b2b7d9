"""Virtual patients who match laboratory values, the one who represents them, and what a treatment does to all of them; as tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.population.given import KNOWN, MEASURES, Lab, parse
from testis_abm.quantities import QUANTITIES, clinical_ratio
from testis_abm.results.report import number
from testis_abm.scenario import Man
from testis_abm.support.errors import Problem, ScenarioError, TestisError

if TYPE_CHECKING:
    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario

MEN = 200  # virtual patients that are treated, as many as `testis-abm twin` treats
_RARE = 0.005  # share of a lesion that is not worth a word
_OPEN = 0.2  # share of variance explained under which a field is left open
_DIFFERS = 0.1  # share by which the representative differs from a value that was given, from which on it is said


# What the page asks for, by name (population.given), and how it is written.
EXAMPLES = {
    "t": "260 ng/dL",
    "e2": "30 pg/mL",
    "lh": "3.1 IU/L",
    "fsh": "4.4 IU/L",
    "inhibin_b": "150 pg/mL",
    "shbg": "30 nmol/L",
    "concentration": "6 M/mL",
    "volume": "3 mL",
    "motility": "30 %",
    "morphology": "4 %",
    "bmi": "33",
    "age": "34",
}


def field_label(name: str) -> str:
    """Return what the page calls a field; of oestradiol the assay is a field of its own."""
    return "Oestradiol" if name == "e2" else QUANTITIES[{**MEASURES, **KNOWN}[name].column].title


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
    """What a scenario's treatment does to matching virtual patients: a row each before and at its end, and their lesions."""

    scenario: Scenario
    before: pd.DataFrame
    after: pd.DataFrame
    lesions: pd.Series

    @property
    def values(self) -> dict[str, float]:
        """Return the model's parameters under the scenario's own."""
        return parameters.values(self.scenario.parameters)


def read_labs(texts: Mapping[str, str]) -> dict[str, Lab]:
    """Return the laboratory values that were typed (by the names of EXAMPLES).

    Raises:
        TestisError: one that is none, or that no living man has; a line each.
    """
    given: dict[str, Lab] = {}
    problems: list[Problem] = []
    for name, text in texts.items():
        try:
            lab = parse(name, text, field_label(name))
        except ScenarioError as error:
            problems += error.problems
            continue
        if lab is not None:
            given[name] = lab
    if problems:
        raise ScenarioError(problems)
    if not given.keys() & MEASURES.keys():
        raise TestisError("Give at least one laboratory value: testosterone, LH, or any other above.")
    return given


def find(given: Mapping[str, Lab], measured: str, own: Mapping[str, float] | None = None) -> Match:
    """Return the virtual patients who match laboratory values, oestradiol by the assay `measured`.

    Under the scenario's `own` parameters, as `testis-abm twin --scenario`.

    Raises:
        TestisError: see population.twin.find.
    """
    from testis_abm.population import twin

    values = {name: lab.value for name, lab in given.items()}
    found = twin.find(values, assay=measured, values=parameters.values(own))
    row = representative(found)
    own = {str(name): float(found.men[name].iloc[row]) for name in found.men}
    return Match(
        found, {name: (lab.unit, lab.factor) for name, lab in given.items()}, row, Man(preset="fertile", **within(own))
    )


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

    With the parameter ensemble: the spread holds virtual patients and parameters.
    """
    from testis_abm.population.predict import predict_with
    from testis_abm.studies.ensemble import shipped

    before, after = predict_with(match.found.sample(MEN), scenario, shipped())
    return Response(scenario, before, after, match.found.sample_lesions(MEN))


# ---- as tables


def _own(match: Match, name: str) -> float:
    """Return what the laboratory would report of the representative, in the unit of population.twin."""
    if name == "t_e2":
        return float(clinical_ratio(*(match.found.predicted(part)[match.row] for part in ("t", "e2"))))
    return float(match.man[name]) if name in KNOWN else float(match.found.predicted(name)[match.row])


def _heading(match: Match, name: str) -> str:
    from testis_abm.population.report import labels

    label = labels(match.found.assay).get(name) or QUANTITIES[KNOWN[name].column].label
    unit = match.units.get(name, ("", 1.0))[0]
    return f"{label} ({unit})" if unit else label


def _between(middle: float, low: float, high: float) -> str:
    """Return a median with its 90 % interval, alone where too few match for one."""
    return number(middle) if np.isnan(low) else f"{number(middle)} ({number(low)} to {number(high)})"


def labs_table(match: Match) -> pd.DataFrame:
    """Return each value that was given beside the representative's and beside those of all matching virtual patients."""
    rows = {}
    for name, row in match.found.labs().iterrows():
        factor = match.units.get(str(name), ("", 1.0))[1]
        far = row["deviation_sd"]
        rows[_heading(match, str(name))] = (
            f"{row['beyond']}{number(row['given'] * factor)}",
            number(_own(match, str(name)) * factor),
            _between(*(float(row[end]) * factor for end in ("median", "low", "high"))),
            "-" if np.isnan(far) else f"{far:+.1f}",
        )
    for name in (known for known in KNOWN if known in match.found.given):
        own = number(_own(match, name))
        rows[_heading(match, name)] = (own, own, "as given", "-")
    columns = ["given", "representative virtual patient", "all matching, median (90 %)", "deviation in SD (z)"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)


def misfit(match: Match) -> str:
    """Return which values no simulated physiology explains; "" if all are explained."""
    far = [f"{_heading(match, name)} (deviation {value:+.1f} SD)" for name, value in match.found.misfit.items()]
    return (
        f"No simulated physiology explains all of these values. Not explained: {', '.join(far)}. What follows is the nearest match: "
        "do not read it as this patient."
        if far
        else ""
    )


def differs(match: Match) -> str:
    """Return in words where the representative's own values are not those that were given."""
    parts = []
    for name, row in match.found.labs().iterrows():
        factor, given, own = match.units.get(str(name), ("", 1.0))[1], float(row["given"]), _own(match, str(name))
        off = {"": abs(own - given), "<": own - given, ">": given - own}[row["beyond"]]
        if name != "t_e2" and not off <= _DIFFERS * given:
            parts.append(
                f"{_heading(match, str(name))} {number(own * factor)}, given {row['beyond']}{number(given * factor)}"
            )
    text = "He is one simulated man near the centre of those who match, not the patient."
    return (
        f"{text} His own values differ: {'; '.join(parts)}."
        if parts
        else f"{text} His own values are within 10 % of those given."
    )


def identifiability(match: Match) -> pd.DataFrame:
    """Return each field of physiology: population, matching virtual patients, and the share of its prior variance explained."""
    table = match.found.physiology().sort_values("variance_explained", ascending=False, kind="stable")
    rows = {}
    for name, row in table.iterrows():
        share = float(row["variance_explained"])
        text = "-" if np.isnan(share) else f"{100 * share:.0f} %" + (" (open)" if share < _OPEN else "")
        middle = _between(*(float(row[end]) for end in ("median", "low", "high")))
        rows[str(name).replace("_", " ")] = (
            number(row["population_median"]),
            middle,
            "given" if name in match.found.given else text,
        )
    columns = ["population median", "matching, median (90 %)", "prior variance explained"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)


def lesions(match: Match) -> str:
    """Return which lesions could be behind the values, and how often; "" without any, or where too few match."""
    shares = pd.Series(match.found.weights).groupby(match.found.lesion.to_numpy()).sum()
    parts = [
        f"{str(name).replace('_', ' ')} {100 * share:.0f} %"
        for name, share in shares.sort_values(ascending=False).items()
        if name != "none" and share > _RARE and match.found.dependable
    ]
    return f"Lesions that could be behind these values: {', '.join(parts)}." if parts else ""


def effects(match: Match, response: Response) -> pd.DataFrame:
    """Return the predicted response: a row a quantity, medians before and after, change with 90 % interval, share of responders.

    Where too few virtual patients match, medians alone.
    """
    from testis_abm.population.predict import changes
    from testis_abm.population.report import before_and_after, change_cells

    rows = {}
    for label, row in changes(response.before, response.after, response.values).iterrows():
        heading = f"{label} ({row['unit']})" if row["unit"] else str(label)
        text, interval, gain = change_cells(row, len(response.before))
        cells = (interval[1:-1] if interval.startswith("(") else interval, gain or "-")
        rows[heading] = (*before_and_after(str(label), row), text, *(cells if match.found.dependable else ("-", "-")))
    columns = ["before", "after", "change", "90 % interval", "responders (> 20 % increase)"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=object)


def safety(match: Match, response: Response) -> pd.DataFrame:
    """Return readouts of safety and outcome: means before and after, difference with 90 % interval, in their own unit."""
    from testis_abm.population.predict import readouts
    from testis_abm.population.report import readout_cells

    rows = {}
    for label, row in readouts(response.before, response.after).iterrows():
        levels, interval, about = readout_cells(str(label), row, len(response.before))
        own = interval[1:-1] if interval.startswith("(") else interval
        rows[f"{label} ({row['unit']})"] = (
            *levels,
            (f"{own} ({about})" if about else own) if match.found.dependable else "-",
        )
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["before", "after", "difference", "90 % interval"], dtype=object
    )


def same_treatment(response: Response, scenario: Scenario | None) -> bool:
    """Return whether a response is of what a scenario does, how long, and with which model: all but its man decides."""
    if scenario is None:
        return False
    parts = ("therapy", "weight", "samples", "parameters")
    same = all(getattr(response.scenario, part) == getattr(scenario, part) for part in parts)
    return same and response.scenario.plan.duration_days == scenario.plan.duration_days
