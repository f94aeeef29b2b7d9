"""The command `testis-abm export`."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from testis_abm.choices import ARMS, DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import Command, option, overrides, several, whole
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, TestisError, shown


class _What(NamedTuple):
    """A thing to be exported: what it needs, the options that it takes besides, and how it is written."""

    source: str
    takes: Sequence[str]
    write: Callable[[argparse.Namespace], Path]


_SCENARIO = ("set", "seed")


def _case(options: argparse.Namespace) -> Any:
    from testis_abm.scenario import load

    case = printing.noted(options.told, load, options.source[0], overrides=overrides(_without_days(options)))
    options.told.of(case)
    return case


def _without_days(options: argparse.Namespace) -> argparse.Namespace:
    return argparse.Namespace(set=options.set, seed=options.seed, days=None)


def _tracks(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_tracks

    return export_tracks(_case(options), options.out, days=options.days, arm=options.arm)


def _cells(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_cells

    return export_cells(_case(options), options.out, day=options.day, arm=options.arm)


def _film(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_film

    field = options.field or "testosterone"
    return export_film(_case(options), options.out, days=options.days, field=field, arm=options.arm)


def _parameters(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_parameters

    return export_parameters(options.out)


def _sbml(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_sbml

    return export_sbml(_case(options) if options.source else "fertile_man", options.out)


def _petab(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_petab

    return export_petab(options.source, options.out)


def _records(options: argparse.Namespace) -> Path:
    from testis_abm.exports import export_records
    from testis_abm.results import store

    run = store.load(options.source[0])
    options.told.of(run.scenario)
    return export_records(run, options.out)


WHAT = {
    "tracks": _What("a scenario", ("days", "arm", *_SCENARIO), _tracks),
    "cells": _What("a scenario", ("day", "arm", *_SCENARIO), _cells),
    "film": _What("a scenario", ("days", "field", "arm", *_SCENARIO), _film),
    "parameters": _What("nothing", (), _parameters),
    "sbml": _What("a scenario or nothing", _SCENARIO, _sbml),
    "petab": _What("studies", (), _petab),
    "records": _What("a results folder", (), _records),
}


def _export(options: argparse.Namespace) -> None:
    what = WHAT[guard.word(options.what, WHAT, "WHAT")]
    given = len(options.source)
    one = dict.fromkeys(("a scenario", "a results folder"), given == 1)
    fits = {**one, "nothing": given == 0, "a scenario or nothing": given < 2, "studies": given > 0}
    if not fits[what.source]:
        raise TestisError(f"export {options.what}: takes {what.source}, not {given} names ({shown(options.source)})")
    for name in ("days", "day", "arm", "field", "set", "seed"):
        if getattr(options, name) not in (None, []) and name not in what.takes:
            raise TestisError(f"--{name}: is not used by export {options.what}; leave it out")
    if options.out is None:
        raise TestisError("--out: is missing; name what is to be written, for example --out FILE")
    try:
        path = what.write(options)
    except ScenarioError as error:
        raise ScenarioError(map(_as_option, error.problems)) from None
    told = options.told
    told.title = told.title or f"Export: {options.what}"
    told.files.append(str(path))
    told.facts["written"] = str(path)
    told.say(f"Written: {path}\n{DISCLAIMER}")


def _as_option(problem: Problem) -> Problem:
    match problem.path:
        case (("days" | "day" | "arm" | "field") as name,):
            return problem._replace(path=(f"--{name}",))
    return problem


COMMANDS = (
    Command(
        "export",
        "files for other tools: cell tracks, states of cells, films, parameters, equations, observations",
        _export,
        (
            option("what", f"one of {', '.join(WHAT)}"),
            option(
                "source",
                "scenario (a file, or a name of testis-abm scenarios); petab: studies; records: results folder of run",
                nargs="*",
            ),
            option(
                "--out",
                "what to write: tracks .simularium, .csv or .parquet; cells .h5ad; film .mp4 or .gif; "
                "parameters .csv or .json; sbml .xml; petab a folder; records .csv",
                metavar="FILE",
            ),
            option("--days", "tracks, film: days of the plan, as 0:16 (all of it)", metavar="FIRST:LAST"),
            whole("--day", "cells: day of the plan (its last)", limit=(0, guard.LIMITS["days"][1])),
            option(
                "--arm", f"tracks, cells, film: {' or '.join(ARMS)}; film: both too", (*ARMS, "both"), metavar="WORD"
            ),
            option(
                "--field",
                "film: testosterone (default), oestradiol or t_over_e2",
                ("testosterone", "oestradiol", "t_over_e2"),
                metavar="WORD",
            ),
            several("--set", "PATH=VALUE", "change one entry of the scenario, e.g. man.bmi=31"),
            whole("--seed", "random seed, instead of plan.seed"),
        ),
        f"Packages that single exports need: pip install 'testis_abm[export]'. See docs/export.md. {DISCLAIMER}",
        "tracks obese_anastrozole --days 0:16 --out tracks.simularium",
    ),
)
