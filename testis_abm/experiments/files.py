"""Reads the files of experiments: a scenario with one more table ([sweep], [trial], [sensitivity]) or arms ([[arm]])."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.errors import ScenarioError, TestisError, shown, unknown
from testis_abm.experiments.outputs import DEFAULT, OUTPUTS, output
from testis_abm.scenario import load
from testis_abm.scenario.load import read_raw
from testis_abm.scenario.quantities import parse_day

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

KINDS = ("sweep", "trial", "sensitivity")


@dataclass(frozen=True)
class Experiment:
    """A file of an experiment.

    Attributes:
        name: to tell faults by; kind: of KINDS ("" for arms alone).
        raw: tables of the scenario as written, without arms and experiments.
        scenario: without arms; arms: name -> scenario (none for a sweep).
        table: the experiment's own table; outputs: columns' clinical words; days: on which they are kept.
    """

    name: str
    kind: str
    raw: Mapping[str, Any]
    scenario: Scenario
    arms: Mapping[str, Scenario]
    table: Mapping[str, Any]
    outputs: tuple[str, ...]
    days: tuple[int, ...]


def read_experiment(source: str | Path | Mapping[str, Any], kind: str, keys: tuple[str, ...]) -> Experiment:
    """Read a file that holds an experiment.

    Args:
        source: path, or a mapping of the same shape.
        kind: of KINDS, or "compare" (arms alone).
        keys: that the table may have besides outputs, at and engine.

    Raises:
        ScenarioError: one line a problem, with the place.
    """
    name = "scenario" if isinstance(source, Mapping) else str(source)
    raw = dict(source) if isinstance(source, Mapping) else read_raw(Path(source))
    tables = {of: raw.pop(of, None) for of in KINDS}
    table, given = tables.get(kind), raw.pop("arm", None)
    if kind == "trial" and _names_a_man(raw, given):
        raise ScenarioError(
            f"{name}: a trial draws its men from population, screened by where; leave out [man] and what an arm sets of it"
        )
    if kind in KINDS:
        if not isinstance(table, Mapping):
            others = [of for of in KINDS if tables[of] is not None]
            hint = f"; it has [{others[0]}]: use testis-abm {others[0]}" if others else ""
            raise ScenarioError(f"{name}: has no [{kind}] table{hint}")
        for key in table:
            if key not in (*keys, "outputs", "at", "engine"):
                raise ScenarioError(f"{name}: {kind}: {unknown('key', key, (*keys, 'outputs', 'at', 'engine'))}")
    table = table or {}
    if not isinstance(source, Mapping):
        raw.setdefault("title", Path(source).stem)
    try:
        scenario = load(raw)
        arms = _arms(raw, given)
        outputs = _outputs(table.get("outputs", list(DEFAULT)), scenario.samples.assay)
        days = _days(table.get("at", "end"), scenario.plan.duration_days)
        if table.get("engine", "cells") not in ("cells", "expected"):
            raise ScenarioError(f"{kind}: engine: {shown(table['engine'])} is not one of cells, expected")
    except ScenarioError as error:
        raise ScenarioError(
            str(error).replace("scenario: ", f"{name}: ", 1)
            if str(error).startswith("scenario: ")
            else f"{name}: {error}"
        ) from None
    return Experiment(name, kind, raw, scenario, arms, table, outputs, days)


def _names_a_man(raw: Mapping[str, Any], arms: object) -> bool:
    sets = [of.get("set") for of in arms if isinstance(of, Mapping)] if isinstance(arms, list) else []
    return "man" in raw or any(str(path).startswith("man.") for of in sets if isinstance(of, Mapping) for path in of)


def _arms(raw: Mapping[str, Any], given: object) -> dict[str, Scenario]:
    """Return arms: each a name, its own therapy and weight, and `set`, dotted paths to change besides."""
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(of, Mapping) for of in given):
        raise ScenarioError('arm: is no list of tables; write [[arm]] and name = "..." below it')
    arms: dict[str, Scenario] = {}
    for k, of in enumerate(given, 1):
        for key in of:
            if key not in ("name", "therapy", "weight", "set"):
                raise ScenarioError(f"arm {k}: {unknown('key', key, ('name', 'therapy', 'weight', 'set'))}")
        name = of.get("name")
        if not isinstance(name, str) or not name.strip():
            raise ScenarioError(f'arm {k}: name is missing; for example name = "anastrozole"')
        if name in arms:
            raise ScenarioError(f'arm {k}: name "{name}" is that of another arm')
        own = {**raw, "therapy": of.get("therapy", []), "weight": of.get("weight", []), "title": name}
        try:
            arms[name] = load(own, overrides=of.get("set", {}))
        except ScenarioError as error:
            raise ScenarioError(f"arm {k} ({name}): {str(error).removeprefix('scenario: ')}") from None
    return arms


def _outputs(given: object, assay: str) -> tuple[str, ...]:
    if not isinstance(given, list) or not given:
        raise ScenarioError(f"outputs: {shown(given)} is not a list of outputs; known: {', '.join(OUTPUTS)}")
    try:
        return tuple(dict.fromkeys(output(word, assay) for word in given))
    except ScenarioError as error:
        raise ScenarioError(f"outputs: {error}") from None


def _days(given: object, end: int) -> tuple[int, ...]:
    days = []
    for value in given if isinstance(given, list) else [given]:
        day = end if value == "end" else round(parse_day(value))
        if not 0 <= day <= end:
            raise ScenarioError(f"at: day {day} is outside the plan (day 0 to {end})")
        days.append(day)
    if not days:
        raise ScenarioError('at: is empty; write for example at = ["day 90", "end"]')
    return tuple(sorted(set(days)))


def whole(table: Mapping[str, Any], key: str, default: int, low: int, high: int) -> int:
    """Return a whole number of a table.

    Raises:
        TestisError: it is none, or out of range.
    """
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TestisError(f"{key}: {shown(value)} is not a whole number ({low} to {high})")
    if not low <= value <= high:
        raise TestisError(f"{key}: {shown(value)} is out of range ({low} to {high})")
    return value


def number(table: Mapping[str, Any], key: str, default: float, low: float, high: float) -> float:
    """Return a number of a table.

    Raises:
        TestisError: it is none, or out of range.
    """
    value = table.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise TestisError(f"{key}: {shown(value)} is out of range ({low:g} to {high:g})")
    return float(value)
