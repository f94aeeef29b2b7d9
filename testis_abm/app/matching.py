"""Virtual patients who match laboratory values, the one who represents them, and what treatments do to all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from testis_abm import parameters
from testis_abm.app.candidates import letter
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
    import pandas as pd

    from testis_abm.pictures.spreads import Reported
    from testis_abm.population.candidates import Candidates
    from testis_abm.population.twin import Twin
    from testis_abm.scenario import Scenario, Therapy

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
    """What the treatments of some scenarios do to matching virtual patients.

    Attributes:
        scenarios: alike but for title and treatment.
        before: a row a man, untreated; after: the same under each scenario, at its end.
        answers: of each man; lesions: of each man.
    """

    scenarios: tuple[Scenario, ...]
    before: pd.DataFrame
    after: tuple[pd.DataFrame, ...]
    answers: pd.DataFrame
    lesions: pd.Series

    @property
    def values(self) -> dict[str, float]:
        """Return the model's parameters under the scenarios' own."""
        return self.scenarios[0].values()

    @property
    def names(self) -> list[str]:
        """Return what each treatment is called: letter and what is given."""
        return [f"{letter(k)}: {treatment_of(scenario)}" for k, scenario in enumerate(self.scenarios)]

    @cached_property
    def candidates(self) -> Candidates:
        """Return the treatments side by side."""
        from testis_abm.population.candidates import Candidates

        names = [f"{letter(k)} ({treatment_of(scenario)})" for k, scenario in enumerate(self.scenarios)]
        return Candidates(names, self.before, self.after, self.answers, self.values)


def treatment_of(scenario: Scenario) -> str:
    """Return what a scenario gives, in short."""
    parts = [f"{therapy.title}{_when(therapy, scenario)}" for therapy in scenario.therapy]
    parts += [f"BMI {change.bmi:g}" for change in scenario.weight]
    parts += [clamp.label for clamp in scenario.clamp] + [insult.label for insult in scenario.insult if not insult.past]
    return " + ".join([*parts, *(["own rules"] if scenario.rule else [])]) or "no treatment"


def _when(therapy: Therapy, scenario: Scenario) -> str:
    """Return when a therapy begins and ends, where that is not the plan."""
    begins = f" from day {therapy.from_day:g}" if therapy.from_day > 0.0 else ""
    until = therapy.until_day if therapy.every_days is not None else scenario.plan.duration_days
    ends = f" to day {until:g}" if until < scenario.plan.duration_days else ""
    return f"{begins}{ends}{' conditionally' if therapy.when else ''}"


def read_labs(texts: Mapping[str, str]) -> dict[str, Lab]:
    """Return the laboratory values that were typed (by the names of quantities.GIVEN).

    Raises:
        TestisError: one that is none, or that no living man has; a line each.
    """
    given = labs(texts, title)
    if not given.keys() & MEASURES.keys():
        raise TestisError("Give at least one laboratory value: testosterone, LH, or any other above.")
    return given


def unit_shown(name: str) -> str:
    """Return the unit in which a value without one is read, in the system of units in force."""
    measure, quantity = GIVEN[name], QUANTITIES.get(GIVEN[name].column)
    return printed(measure.assumed or (quantity.clinical_unit if quantity else measure.unit))


def printed(unit: str) -> str:
    """Return a unit, or a value with it, as it is printed: kg/m², µg/L; both ways of writing it are read."""
    return unit.replace("kg/m2", "kg/m²").replace("ug/L", "µg/L")


def with_unit(name: str, text: str) -> str:
    """Return a value as it was typed, with the unit shown beside it where it has none and needs one."""
    if GIVEN[name].assumed or not text.strip():
        return text
    last = text.strip()[-1]
    return f"{text.strip()} {unit_shown(name)}" if last.isdigit() else text


def fault(name: str, text: str) -> str:
    """Return what is wrong with a value as it was typed, "" if nothing is."""
    try:
        labs({name: text}, title)
    except TestisError as error:
        return str(error).partition(": ")[2] or str(error)
    return ""


def example(name: str) -> str:
    """Return how a value is written, for example, in the system of units in force."""
    measure: Measure = GIVEN[name]
    quantity = QUANTITIES[measure.column]
    if unit_system() != SI or quantity.clinical_unit == quantity.conventional_unit:
        return printed(measure.example)
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
    # Values that only another report has are in the units of the twin.
    units = {name: (GIVEN[name].unit, 1.0) for name in found.given}
    units |= {name: (lab.unit, lab.factor) for name, lab in given.items()}
    return Match(found, units, found.representative, found.man())


def respond(
    match: Match,
    scenarios: Sequence[Scenario],
    men: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Response:
    """Return what the treatments of scenarios do to matching virtual patients, as `testis-abm twin --give` works out each.

    With the parameter ensemble: the spread holds virtual patients, parameters and answers to what the data do not decide.
    `men` of them are treated (default MEN); `progress` as predict.predict_each.
    """
    from testis_abm.population.predict import predict_each
    from testis_abm.studies.ensemble import shipped

    drawn = match.found.sample(men or MEN)
    before, after, answers = predict_each(drawn, scenarios, shipped(), progress=progress)
    return Response(tuple(scenarios), before, tuple(after), answers, match.found.sample_lesions(men or MEN))


# ---- beside the patient


def _own(match: Match, name: str) -> float:
    """Return what the laboratory would report of the representative, in the unit of population.twin."""
    if name == "t_e2":
        return float(clinical_ratio(*(match.found.predicted(part)[match.row] for part in ("t", "e2"))))
    return as_number(match.found.given[name]) if name in KNOWN else float(match.found.predicted(name)[match.row])


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


def same_treatment(one: Scenario, other: Scenario | None) -> bool:
    """Return whether two scenarios say the same of what is done, how long, and with which model: all but the man decides."""
    if other is None:
        return False
    parts = (*TREATMENTS, "samples", "parameters")
    same = all(getattr(one, part) == getattr(other, part) for part in parts)
    return same and one.plan.duration_days == other.plan.duration_days


def reported(match: Match) -> list[Reported]:
    """Return each laboratory value that was given, as charts show it beside the representative and all who match."""
    from testis_abm.pictures.reference import as_published, reference_ranges
    from testis_abm.pictures.spreads import Reported
    from testis_abm.quantities import RATIO, column

    found, rows, order = match.found, [], ["t", "e2", "t_e2", *GIVEN]
    for name, row in found.labs().sort_index(key=lambda names: names.map(order.index)).iterrows():
        own = RATIO[found.assay] if name == "t_e2" else column(str(name), found.assay)
        quantity, measure = QUANTITIES[own], MEASURES.get(str(name))
        unit, factor = match.units.get(str(name), (quantity.conventional_unit if name == "t_e2" else row["unit"], 1.0))
        limits = reference_ranges().get(own)
        if limits is not None:
            limits = limits.scaled(factor / measure.factor if measure else 1.0)
            limits = replace(limits, printed=" to ".join(map(as_published, limits.limits)))
        z, taken = float(row["deviation_sd"]), name in found.used or name not in found.given
        levels = [float(row[key]) * factor for key in ("given", "median", "low", "high")]
        given, median, low, high = levels
        rows.append(
            Reported(
                title(str(name)) if name in GIVEN and name != "e2" else quantity.title,
                unit,
                given,
                row["beyond"],
                _own(match, str(name)) * factor,
                median,
                low,
                high,
                z,
                _strains(z) and taken,
                limits,
            )
        )
    return rows


def as_given(match: Match) -> list[tuple[str, str]]:
    """Return what was given of the man that every match has: name and value."""
    return [
        (title(name), f"{number(_own(match, name) * match.units[name][1])} {printed(match.units[name][0])}".strip())
        for name in KNOWN
        if name in match.found.given
    ]


def reference(name: str, assay: str) -> str:
    """Return the reference range of a laboratory value in the system of units in force, and whose it is; "" without one."""
    from testis_abm.pictures.reference import reference_ranges
    from testis_abm.quantities import column

    of = reference_ranges().get(column(name, assay))
    if of is None:
        return ""
    bound = "" if len(of.limits) == 2 else "from " if of.low > 0.0 else "up to "
    return f"{bound}{of.printed} ({of.author})"


def _strains(deviation: float) -> bool:
    """Return whether virtual patients give a value only with strain: as it is printed, over one SD."""
    return round(abs(deviation), 1) > 1.0


def fits(match: Match) -> tuple[bool, str]:
    """Return whether virtual patients give the values that were reported, and that in words."""
    names = {str(name): row for name, row in match.found.labs().iterrows()}

    def beside(name: str) -> str:
        (unit, factor), row = match.units.get(name, ("", 1.0)), names[name]
        given = f"{row['beyond']}{number(float(row['given']) * factor)} {unit}".strip()
        return (
            f"{title(name)} is {given}, theirs {number(float(row['median']) * factor)} ({row['deviation_sd']:+.1f} SD)"
        )

    if far := list(match.found.misfit):
        told = "; ".join(map(beside, far))
        return (
            False,
            f"No virtual patient gives these values: {told}. What follows is the nearest match: do not read it as this patient.",
        )
    strained = [name for name in match.found.used if _strains(float(names[name]["deviation_sd"]))]
    if strained:
        return (
            True,
            f"Fits with strain: {'; '.join(map(beside, strained))}. Virtual patients give all other reported values within one SD.",
        )
    fit = "Fits: virtual patients give every value within one SD"
    if "t_e2" in names and _strains(deviation := float(names["t_e2"]["deviation_sd"])):
        fit += f", but T/E2 only with strain ({deviation:+.1f} SD)"
    return True, f"{fit}."
