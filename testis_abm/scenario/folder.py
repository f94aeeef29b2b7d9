"""Tables of a user's own, from a folder or a mapping: read, every fault named by file and line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testis_abm.parameters import own
from testis_abm.parameters.tables import KINDS, Tables
from testis_abm.scenario.format import current
from testis_abm.scenario.load import read_tables
from testis_abm.scenario.own import checked
from testis_abm.scenario.section import plain
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
        raw = plain(source)
        with gathered() as problems:
            for kind in raw:
                if kind not in KINDS:
                    problems.add(unknown("kind of table", kind, KINDS), kind, named=True)
        return checked(raw)
    return _read(guard.path(source, "tables"))


def _read(path: Path) -> Tables:
    """Return the tables of a folder's files, or of one file."""
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
                for kind, rows in current(raw).items():
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
