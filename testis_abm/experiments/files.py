"""Files of experiments: a scenario with one more table ([sweep], [trial], [sensitivity]) or arms ([[arm]])."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from testis_abm.choices import CELLS, ENGINES, TREATMENTS
from testis_abm.experiments.outputs import DEFAULT, OUTPUTS, output
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.amounts import parse_day
from testis_abm.scenario.format import current
from testis_abm.scenario.kind import EXPERIMENTS as KINDS
from testis_abm.scenario.kind import elsewhere
from testis_abm.scenario.load import beyond, changed, read_raw, toml_value
from testis_abm.scenario.section import plain
from testis_abm.support import guard
from testis_abm.support.errors import Note, Problem, ScenarioError, printable, shown, unknown

_MOST_ARMS = 100
ARM_KEYS = ("name", *TREATMENTS, "set")
SHARED_KEYS = ("outputs", "at", "engine")  # of the tables of all experiments

type Source = str | os.PathLike[str] | Mapping[str, Any] | Scenario


@dataclass(frozen=True)
class ExperimentFile:
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


def read_experiment(
    source: Source, kind: str, keys: tuple[str, ...], overrides: Mapping[str, object] | None = None
) -> ExperimentFile:
    """Read a file that holds an experiment.

    Args:
        source: path, a mapping of the same shape, or a Scenario (which has no table of an experiment).
        kind: of KINDS, or "compare" (arms alone).
        keys: that the table may have besides outputs, at and engine.
        overrides: dotted path -> value, as `--set`: of the scenario and all arms, or of the experiment's own table
            ("trial.men").

    Raises:
        ScenarioError: one line a problem, with the place.
    """
    if isinstance(source, Scenario):
        source = source.as_dict()
    given_source = guard.readable(source)
    name = "scenario" if isinstance(given_source, Mapping) else printable(os.fspath(given_source))
    raw = current(plain(given_source)) if isinstance(given_source, Mapping) else read_raw(Path(given_source))
    if (place := elsewhere(raw, *KINDS, "compare", "run")) and not isinstance(given_source, Mapping):
        raise ScenarioError(f"{name}: {place}")
    tables = {name: raw.pop(name, None) for name in KINDS}
    table, given = tables.get(kind), raw.pop("arm", None)
    overrides = guard.changes(overrides)
    own = {key: value for key, value in overrides.items() if key.partition(".")[0] in KINDS}
    changes = {key: value for key, value in overrides.items() if key not in own}
    if kind == "trial" and (_names_a_man(raw, given) or any(key.partition(".")[0] == "man" for key in changes)):
        raise ScenarioError(
            f"{name}: a trial draws its men from population, screened by where; leave out [man] and what an arm or "
            "an override sets of it"
        )
    if kind in KINDS:
        if not isinstance(table, Mapping):
            others = [name for name in KINDS if tables[name] is not None]
            hint = f"; it has [{others[0]}]: use testis-abm {others[0]}" if others else ""
            raise ScenarioError(f"{name}: has no [{kind}] table{hint}")
        table = dict(table) | _own_entries(own, kind)
        for key in table:
            if key not in (*keys, *SHARED_KEYS):
                raise ScenarioError(f"{name}: {kind}: {unknown('key', key, (*keys, *SHARED_KEYS))}")
    elif own:
        raise ScenarioError(f"{next(iter(own))}: a comparison has no such table")
    table = table or {}
    if not isinstance(given_source, Mapping):
        raw.setdefault("title", printable(Path(given_source).stem)[:200] or "Untitled")
    try:
        scenario = load(raw, overrides=changes)
        arms = _arms(raw, given, changes)
        if "plan.duration" in changes and isinstance(table.get("at"), list):
            table = {**table, "at": _within(table["at"], scenario.plan.duration_days)}
        outputs = _outputs(table.get("outputs", list(DEFAULT)), scenario.samples.assay)
        days = _days(table.get("at", "end"), scenario.plan.duration_days)
        with guard.at(kind):
            guard.word(table.get("engine", CELLS), ENGINES, "engine")
    except ScenarioError as error:
        raise ScenarioError(_placed(problem, name) for problem in error.problems) from None
    raw = changed(raw, changes) if changes else raw
    return ExperimentFile(name, kind, raw, scenario, arms, table, outputs, days)


def _within(days: list[object], end: int) -> list[object]:
    """Return the days of `at` up to the end of a shortened plan."""
    if late := [day for day in days if beyond(day, end)]:
        text = f"left out of at, as they lie after the last day, {end}: {', '.join(map(shown, late))}"
        warnings.warn(text, Note, stacklevel=4)
    return [day for day in days if not beyond(day, end)] or ["end"]


def _placed(problem: Problem, name: str) -> Problem:
    """Return a problem under the file's name; an override is a place of its own."""
    return problem if problem.path[:1] == ("overrides",) else problem.without("scenario").at(name)


def _own_entries(overrides: Mapping[str, object], kind: str) -> dict[str, Any]:
    """Return what overrides such as "trial.men" put into the experiment's own table.

    Raises:
        ScenarioError: one that names another table, or lies deeper.
    """
    found = {}
    for path, value in overrides.items():
        table, _, key = path.partition(".")
        if table != kind or not key or "." in key:
            raise ScenarioError(
                f"{path}: is not an entry of [{kind}] that can be set; write for example {kind}.at=day 90"
            )
        found[key] = toml_value(value)
    return found


def _names_a_man(raw: Mapping[str, Any], arms: object) -> bool:
    arms = [arm for arm in arms if isinstance(arm, Mapping)] if isinstance(arms, list) else []
    sets = [arm["set"] for arm in arms if isinstance(arm.get("set"), Mapping)]
    return "man" in raw or any(str(path).startswith("man.") for changes in sets for path in changes)


def _arms(raw: Mapping[str, Any], given: object, overrides: Mapping[str, object]) -> dict[str, Scenario]:
    """Return arms: each a name, its own therapy, weight, clamp and insult, and `set`, dotted paths to change besides."""
    if given is None:
        return {}
    if not isinstance(given, list) or not all(isinstance(arm, Mapping) for arm in given):
        raise ScenarioError('arm: is no list of tables; write [[arm]] and name = "..." below it')
    arms: dict[str, Scenario] = {}
    for k, arm in enumerate(given, 1):
        with guard.at(f"arm {k}"):
            for key in arm:
                guard.key(key, ARM_KEYS, "key")
        name = arm.get("name", "")
        if not isinstance(name, str):
            raise ScenarioError(f'arm {k}: name: {shown(name)} is no text; write for example name = "anastrozole"')
        if not name.strip():
            raise ScenarioError(f'arm {k}: name is missing; for example name = "anastrozole"')
        if name in arms:
            raise ScenarioError(f"arm {k}: name {shown(name)} is that of another arm")
        guard.few(k, _MOST_ARMS, "arms", "make several experiments of them")
        # What injured the men is shared by all arms, but for one that has its own.
        shared = {"insult": raw.get("insult", [])}
        own = {**raw, **{part: arm.get(part, shared.get(part, [])) for part in TREATMENTS}, "title": name}
        try:
            sets = guard.mapping(arm.get("set", {}), "set", '{ "man.age" = 40 }')
            arms[name] = load(own, overrides={**overrides, **sets})
        except ScenarioError as error:
            place = f"arm {k} ({printable(name)})"
            inner = (problem.without("scenario").without("overrides") for problem in error.problems)
            # Its name is the title of its scenario.
            raise ScenarioError(
                problem._replace(path=(place, *("name" if key == "title" else key for key in problem.path)))
                for problem in inner
            ) from None
    return arms


def _outputs(given: object, assay: str) -> tuple[str, ...]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not words:
        raise ScenarioError(f"outputs: {shown(given)} is not a list of outputs; known: {', '.join(OUTPUTS)}")
    with guard.at("outputs"):
        return tuple(dict.fromkeys(output(word, assay) for word in words))


def _days(given: object, end: int) -> tuple[int, ...]:
    days = []
    for value in given if isinstance(given, list) else [given]:
        with guard.at("at"):
            day = end if isinstance(value, str) and value == "end" else round(parse_day(value))
        if not 0 <= day <= end:
            raise ScenarioError(f"at: day {day} is outside the plan (day 0 to {end})")
        days.append(day)
    if not days:
        raise ScenarioError('at: is empty; write for example at = ["day 90", "end"]')
    return tuple(sorted(set(days)))
