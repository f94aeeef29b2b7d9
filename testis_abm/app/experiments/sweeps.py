"""Sweeps as forms: a dose-response, a map over two things; and what forms of experiments share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testis_abm import parameters
from testis_abm.app import draft
from testis_abm.app.experiments import paths
from testis_abm.app.experiments.asked import Asked, Field, Kept, Typed, choice, size, written
from testis_abm.app.experiments.paths import LINEAR, LOG, Varied
from testis_abm.choices import CELLS, EXPECTED, PLAUSIBLE, TABLES
from testis_abm.experiments.outputs import DEFAULT, OUTPUTS
from testis_abm.parameters.tables import using
from testis_abm.scenario import Scenario
from testis_abm.scenario.amounts import quantity
from testis_abm.support.errors import ScenarioError

_FIRST = "add anastrozole"  # of the drugs that an untreated man may be given
_PLAUSIBLE_SETS = 20  # of a sweep under plausible parameter sets
ENGINE = choice(
    "engine", "Simulated men", (EXPECTED, "mean-field model: milliseconds a run"), (CELLS, "tissue of cells"), wide=True
)
_SCALE = ((LOG, "logarithmic"), (LINEAR, "linear"))
_UNDER = choice(
    "parameters",
    "Parameters",
    (TABLES, "of the tables: one line"),
    (PLAUSIBLE, f"{_PLAUSIBLE_SETS} plausible sets: an interval"),
    wide=True,
)
OUTPUTS_KEPT = choice(
    "outputs", "Outputs", ("usual", "the usual ones"), ("all", "all, with the rates of cells"), wide=True
)


def _days(scenario: Scenario) -> Field:
    end = scenario.plan.duration_days
    days = [str(day) for day in (30, 90) if day < end]
    return Field("at", "Days to look at", ", ".join([*days, "end"]))


def _replicates(scenario: Scenario) -> Field:
    return Field("replicates", "Replicates of each point", str(scenario.plan.replicates))


def _at(typed: Typed) -> list[str]:
    """Return the days to look at as the experiment file has them; wrong ones are told where it is read."""
    days = [text.strip().removeprefix("day ") for text in typed["at"].split(",") if text.strip()]
    return [text if text == "end" else f"day {text}" for text in days]


def outputs_of(typed: Typed) -> list[str]:
    """Return the outputs that are asked for."""
    return list(OUTPUTS if typed["outputs"] == "all" else DEFAULT)


def _points(scenario: Scenario, engine: str) -> list[Field]:
    more = [_replicates(scenario)] if engine == CELLS else [_UNDER]
    return [ENGINE, *more, _days(scenario), OUTPUTS_KEPT]


def _range(of: Varied, typed: Typed, k: str = "") -> dict[str, Any]:
    """Return the range of an axis as the experiment file has it."""
    return {
        "from": _end(typed[f"from{k}"], of),
        "to": _end(typed[f"to{k}"], of),
        "steps": typed.whole(f"steps{k}", 2, 200),
        "scale": typed[f"scale{k}"] or of.scale,
    }


def _end(text: str, of: Varied) -> float | str:
    """Return an end of a range as a scenario has it: with the unit of the others if none was typed."""
    try:
        number, unit = quantity(text, "a number")
    except ScenarioError:
        return text  # told where it is read
    if of.unit:
        return f"{number:g} {unit or of.unit}"
    return text if unit else number


def _sweep(scenario: Scenario, typed: Typed, title: str, over: Mapping[str, dict[str, Any]]) -> Asked:
    """Return a sweep over ranges of a scenario."""
    from testis_abm.experiments.sweep import prepare

    engine, points = typed["engine"], 1
    table: dict[str, Any] = {"engine": engine, "method": "grid", "at": _at(typed), "outputs": outputs_of(typed)}
    replicates = 1
    if engine == CELLS:
        table["replicates"] = replicates = typed.whole("replicates", 1, draft.MOST_REPLICATES)
    elif typed["parameters"] == PLAUSIBLE:
        table |= {"parameters": PLAUSIBLE, "replicates": _PLAUSIBLE_SETS}
        replicates = _PLAUSIBLE_SETS
    for axis in over.values():
        points *= axis["steps"]
    tables = {**written(scenario), "title": title[:200], "sweep": {**table, "over": dict(over)}}
    arms = 2 if scenario.treated else 1
    large = size(scenario, points * replicates, engine, arms)
    return Asked("sweep", title, tables, ("sweep",), large, lambda: prepare(tables))


def dose_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a dose-response."""
    with using(scenario.own_tables):
        known = paths.doses(scenario)
        rows = [(path, of.words.removeprefix("Dose of ")) for path, of in known.items()]
        usual = ""
        if not rows:
            drugs = sorted(parameters.drugs().values(), key=lambda drug: drug.title)
            rows = [(f"add {drug.name}", f"{drug.title} (added: {drug.usual})") for drug in drugs]
            usual = _FIRST if _FIRST in dict(rows) else ""
        ends = ("from", "to")
        path = choice("path", "Drug", *rows, value=usual, wide=True, resets=ends)
        of = _dosed(*_with_drug(scenario, Typed([path], said)["path"]))
    engine = Typed([ENGINE], said)["engine"]
    return [
        path,
        Field("from", "Lowest dose", of.end(of.low)),
        Field("to", "Highest dose", of.end(of.high)),
        Field("steps", "Doses", "8"),
        choice("scale", "Spacing", *_SCALE, value=LOG),
        *_points(scenario, engine),
    ]


def _with_drug(scenario: Scenario, chosen: str) -> tuple[Scenario, str]:
    """Return a scenario with the drug that is added, if one is, and the path of its dose."""
    if not chosen.startswith("add "):
        return scenario, chosen
    treated = draft.understood(draft.with_therapy(draft.of(scenario), chosen.removeprefix("add "))).scenario
    if treated is None:
        raise ScenarioError("the drug cannot be added to this scenario; add it under “What if”")
    return treated, f"therapy.{len(treated.therapy)}.dose"


def _dosed(scenario: Scenario, path: str) -> Varied:
    """Return the dose at a path."""
    if (of := paths.doses(scenario).get(path)) is None:
        raise ScenarioError("this dose is no number and a unit; write one under “What if”", "Drug")
    return of


def dose(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a dose-response as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    case, path = _with_drug(scenario, typed["path"])
    with using(case.own_tables):
        of = _dosed(case, path)
        title = f"{of.words.removeprefix('Dose of ')} by dose: {case.title}"
        return _sweep(case, typed, title, {path: _range(of, typed)})


def over_two_fields(scenario: Scenario, said: Mapping[str, str], kept: Kept) -> list[Field]:
    """Return the fields of a map over two things."""
    known = paths.varied(scenario)
    options = tuple((of.words, of.path) for of in known.values())
    first = "therapy.1.dose" if "therapy.1.dose" in known else "man.leydig_capacity"
    found = []
    for k, label, usual, steps in (("1", "Across", first, "7"), ("2", "Up", "man.bmi", "6")):
        ends = (f"from{k}", f"to{k}", f"scale{k}")
        path = Field(f"path{k}", label, known[usual].words, options, wide=True, resets=ends)
        try:
            of = paths.named(scenario, Typed([path], said)[f"path{k}"])
        except ScenarioError:  # told where it is read
            of = Varied("", "", "", 0.0, 1.0)
        spacing = choice(f"scale{k}", f"{label}: spacing", *_SCALE, value=of.scale)
        found += [
            path,
            Field(f"from{k}", f"{label}: from", of.end(of.low)),
            Field(f"to{k}", f"{label}: to", of.end(of.high)),
            Field(f"steps{k}", f"{label}: values", steps),
            spacing,
        ]
    return [*found, *_points(scenario, Typed([ENGINE], said)["engine"])]


def over_two(scenario: Scenario, typed: Typed, kept: Kept) -> Asked:
    """Return a map over two things as it is asked for.

    Raises:
        ScenarioError: what is wrong.
    """
    axes = {k: paths.named(scenario, typed[f"path{k}"]) for k in ("1", "2")}
    if axes["1"].path == axes["2"].path:
        raise ScenarioError(f"Across and Up: both are {axes['1'].words}; choose two")
    words = " by ".join(of.words.removeprefix("Man: ") for of in axes.values())
    title = f"{words}: {scenario.title}"
    with using(scenario.own_tables):
        return _sweep(scenario, typed, title, {of.path: _range(of, typed, k) for k, of in axes.items()})
