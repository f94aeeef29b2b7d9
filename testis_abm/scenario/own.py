"""Tables of a user's own, from a folder or a mapping: read, checked, every fault named by file and line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testis_abm.parameters import Drug, own
from testis_abm.parameters.own import Injury, Tables, built, using
from testis_abm.parameters.tables import KINDS
from testis_abm.scenario.insult import KINDS as INSULTS
from testis_abm.scenario.insult import NUMBERS, Insult, words
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, gathered, printable, unknown
from testis_abm.support.lines import line_of, lines, placed

_MOST_FILES = 200


def tables(source: Mapping[str, Any] | str | os.PathLike[str] | Tables) -> Tables:
    """Return a user's own tables: drugs, presets, populations, injuries and parameters; see docs/own_tables.md.

    `with testis_abm.using(testis_abm.tables("my_tables")): ...` lets everything inside see them.

    Args:
        source: a folder of TOML files, one such file, or a mapping of the same shape, kind -> name -> table.

    Raises:
        ScenarioError: with every fault: file, line, place, value, what is allowed.
    """
    if isinstance(source, Tables):
        return source
    if isinstance(source, Mapping):
        from testis_abm.scenario.section import plain

        raw = plain(source)
        with gathered() as problems:
            for kind in raw:
                if kind not in KINDS:
                    problems.add(unknown("kind of table", kind, KINDS), kind, named=True)
        return checked(raw)
    return _read(guard.path(source, "tables"))


def checked(raw: Mapping[str, Any]) -> Tables:
    """Return the tables of a mapping, kind -> name -> table.

    Raises:
        ScenarioError: with every fault, by kind, name and key.
    """
    found = own.from_raw(raw)
    whole, given = built(found), found.as_dict()
    with gathered() as problems, using(found):
        for name in given.get("drug", {}):
            for path, text in _lacks(whole.whole["drugs"][name]):
                problems.add(text, "drug", name, *path)
        for name, injury in whole.injuries.items():
            with problems.at("injury", name):
                _check_injury(name, injury)
        for name in given.get("preset", {}):
            from testis_abm.scenario.schema import Man

            with problems.at("preset", name):
                try:
                    Man(preset=name)
                except ScenarioError as error:
                    raise ScenarioError(
                        problem for problem in error.problems if problem.path[:1] == ("history",)
                    ) from None
    return found


def _lacks(drug: Drug) -> list[tuple[tuple[str, ...], str]]:
    """Return what the substances of a drug lack for their mechanisms, each with its place."""
    from testis_abm.biology.pharmacology import constants

    found = []
    for part in drug.substances:
        place = () if part.name == drug.name else ("substance", part.name)
        needed = constants(part.actions, drug.dose_unit, part.numbers)
        if missing := [name for name in needed if name not in part.numbers]:
            every = ", ".join(f"{name} ({own.unit_of(name)})" for name in needed)
            text = f"lacks {', '.join(missing)}; {' and '.join(part.actions)} needs: {every}"
            found.append((place, text))
    return found


def _check_injury(name: str, injury: Injury) -> None:
    if name in words():
        raise ScenarioError("is the name of a kind of insult; choose another")
    if injury.kind not in INSULTS:
        raise ScenarioError(unknown("kind of insult", injury.kind, INSULTS), "kind")
    allowed = NUMBERS[injury.kind]
    with gathered() as problems:
        for key in injury.numbers:
            if not key.startswith(allowed):
                of = f"those that begin with {', '.join(allowed)}" if allowed else "none"
                problems.add(
                    f"is no number that {injury.kind} goes by; it takes {of} (see: testis-abm parameters)",
                    "numbers",
                    key,
                )
        for key in injury.keys:
            if key in ("day", "kind"):
                problems.add(f"{key} is said in the scenario, under [[insult]]", key, named=True)
    needed = {key: value for key, value in INSULTS[injury.kind].needs.items() if key not in injury.keys}
    if injury.kind == "cytotoxics" and not {"regimen", "strength"} & injury.keys.keys():
        needed["strength"] = 1.0
    Insult(**{"kind": name, **needed})


# ---- files


def _read(path: Path) -> Tables:
    """Return the tables of a folder's files, or of one file."""
    from testis_abm.scenario.load import read_tables

    if path.is_dir():
        files = sorted(path.glob("*.toml"))
        if not files:
            raise ScenarioError("holds no tables (*.toml)", printable(str(path)))
        guard.few(len(files), _MOST_FILES, "files of tables", "put them together")
    elif path.is_file():
        files = [path]
    else:
        raise ScenarioError("no such folder or file of tables", printable(str(path)))
    whole: dict[str, dict[str, Any]] = {}
    found: dict[str, Mapping[str, int]] = {}
    home: dict[tuple[str, str], str] = {}
    with gathered() as problems:
        for file in files:
            name = printable(str(file))
            with problems.at():
                raw, text = read_tables(file)
                found[name] = lines(text)
                for kind, rows in raw.items():
                    if kind not in KINDS:
                        text = f"{unknown('kind of table', kind, KINDS)}; scenarios hold the rest"
                        problems.append(placed(Problem((kind,), text, named=True), name, found[name]))
                        continue
                    rows = dict(own._dotted(rows)) if kind == "parameter" and isinstance(rows, Mapping) else rows
                    if not isinstance(rows, Mapping):
                        text = f"is not a table; write [{kind}.NAME] and its keys below it"
                        problems.append(placed(Problem((kind,), text), name, found[name]))
                        continue
                    for key, row in rows.items():
                        if (kind, key) in home:
                            other = home[kind, key]
                            at = f"{other}:{line_of(found[other], (kind, key)) or 1}"
                            text = f"is given twice, in {at} too; leave one out"
                            problems.append(placed(Problem((kind, key), text), name, found[name]))
                            continue
                        home[kind, key] = name
                        whole.setdefault(kind, {})[key] = row
    try:
        return checked(whole)
    except ScenarioError as error:
        raise ScenarioError(_in_its_file(problem, home, found, files[0]) for problem in error.problems) from None


def _in_its_file(
    problem: Problem, home: Mapping[tuple[str, str], str], found: Mapping[str, Mapping[str, int]], first: Path
) -> Problem:
    kind, name = (*map(str, problem.path[:2]), "", "")[:2]
    file = home.get((kind, name), printable(str(first)))
    return placed(problem, file, found[file])
