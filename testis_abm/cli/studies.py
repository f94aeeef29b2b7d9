"""Commands about studies: `testis-abm studies` and `testis-abm calibrate`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.choices import DISCLAIMER, POPULATIONS
from testis_abm.cli import printing
from testis_abm.cli.options import NO_PLOTS, REPORT, SEED, Command, option, several, tables, whole, word
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, unknown

if TYPE_CHECKING:
    from testis_abm.studies.ensemble import Ensemble
    from testis_abm.studies.study import Study
    from testis_abm.support.interrupt import Interrupt


def _ensemble(name: str) -> Ensemble:
    from testis_abm.studies import ensemble

    if name == "none":
        return ensemble.best()
    return ensemble.shipped() if name == "shipped" else ensemble.read(Path(name))


def _chosen(name: str) -> list[Study]:
    """Return the studies that a name, a file or a folder of files means.

    Raises:
        TestisError: none of these; every fault of every file.
    """
    from testis_abm.studies import load_study

    studies, faults = [], []
    for path in _files(name):
        try:
            studies.append(load_study(path))
        except TestisError as error:
            faults.append(str(error))
    if faults:
        raise TestisError("\n".join(faults))
    return studies


def _files(name: str) -> list[Path]:
    """Return the study files that a name, a file or a folder of files means.

    Raises:
        TestisError: none of these.
    """
    from testis_abm.studies import known

    shipped = known()
    if name == "all":
        return list(shipped.values())
    if name in shipped:
        return [shipped[name]]
    if os.path.isdir(name):
        paths = sorted(path for path in Path(name).glob("*.toml") if path.name != "calibration.toml")
        if not paths:
            raise TestisError(f"{name}: holds no study files (*.toml)")
        return paths
    if name.endswith(".toml") or os.path.exists(name):
        return [Path(name)]
    raise TestisError(unknown("study", name, shipped, see="testis-abm studies"))


_TABLES = (".csv", ".tsv", ".txt", ".xlsx")


def _own_files(name: str, options: argparse.Namespace) -> list[Path]:
    """Return the study files that a name means; of a table of men those that are made of it, in the results folder."""
    if Path(name).suffix.lower() not in _TABLES:
        return _files(name)
    from testis_abm.cli.men import tell_table
    from testis_abm.experiments.table_studies import studies_of
    from testis_abm.population.table_in import read_table

    table = read_table(name)
    tell_table(table, options.told)
    made, left = studies_of(table, Path(options.out) / Path(name).stem, population=options.population)
    for text in left:
        options.told.note(f"not used: {text}")
    return made


@contextmanager
def _progress(studies: int, interrupt: Interrupt) -> Iterator[Callable[[int, Study], Callable[[int, int], None]]]:
    """Show on standard error which study is replayed, and how many of its parameter sets have run."""
    from rich.progress import BarColumn, TextColumn

    columns = TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[text]}")
    with printing.bar(*columns, only_terminal=True) as bar:
        line = bar.add_task("studies", total=None, text="")

        def begin(k: int, study: Study) -> Callable[[int, int], None]:
            heading = f"{study.name} ({k} of {studies})"
            if not bar.console.is_terminal:  # a log has no bar
                print(f"Replaying {heading} ...", file=sys.stderr, flush=True)

            def show(done: int, sets: int) -> None:
                interrupt.check()
                bar.update(line, description=heading, total=sets, completed=done, text=f"{done}/{sets} parameter sets")

            return show

        yield begin


def _default_folder(options: argparse.Namespace, studies: list[Study], ensemble: Ensemble) -> Path:
    """Return a folder named by what is replayed and all that decides on the outcome."""
    from testis_abm.experiments.task import version

    sets = ensemble.sets.assign(weight=ensemble.weights).to_csv()
    decides = [version(), *map(repr, studies), sets, options.sets, options.men, options.repeats, options.seed]
    return printing.default_folder(f"studies-{Path(options.name).resolve().stem}", repr(decides))


def _studies(options: argparse.Namespace) -> None:
    import pandas as pd

    from testis_abm.studies import known, load_study, report
    from testis_abm.studies.replay import replay

    if options.what is None:
        shipped = {name: load_study(path) for name, path in known().items()}
        rows = [(name, of.title, of.citation, of.n) for name, of in shipped.items()]
        options.told.row("studies", pd.DataFrame(rows, columns=["name", "title", "citation", "n"]))
        options.told.say(printing.listed((name, f"{title} ({cited}, n = {n})") for name, title, cited, n in rows))
        options.told.say(
            "\nReplay: testis-abm studies run NAME | FILE | FOLDER | all. Write one: testis_abm/studies/README.md"
        )
        return
    if not options.no_plots:
        guard.matplotlib()
    studies, ensemble = _chosen(options.name), _ensemble(options.ensemble)
    folder = Path(options.out) if options.out else _default_folder(options, studies, ensemble)
    report.check_writable(folder)
    told, found = options.told, []
    told.title, told.seed = f"Studies replayed: {options.name}", options.seed
    told.place(folder)
    how = {"sets": options.sets, "men": options.men, "repeats": options.repeats, "seed": options.seed}
    for k, study in enumerate(studies, 1):
        options.interrupt.check()
        with _progress(len(studies), options.interrupt) as begin:
            found.append(replay(study, ensemble, **how, progress=begin(k, study)))
        told.say(report.text(found[-1]))
    table = pd.concat(found, ignore_index=True)
    told.row("studies", table)
    told.say(f"\n{report.score(table)}")
    told.say(
        "Interval: over men, measurement, between-study heterogeneity and, with an ensemble, parameters. " + DISCLAIMER
    )
    written = report.save(table, folder, options.format, told.about())
    if not options.no_plots:
        from testis_abm.pictures.experiments import forest

        written += forest(table, folder)
    told.files += [path.name for path in written]
    told.show(f"Results in {folder}/  ({', '.join(path.name for path in written)})")


def _calibrate(options: argparse.Namespace) -> None:
    from testis_abm.studies import report
    from testis_abm.studies.calibrate import calibrate, cross_validate

    options.interrupt.kept = f"What was finished is in {options.out}/; the same command goes on from there."
    options.interrupt.at_once()
    # Beside a JSON document standard error holds faults alone, as one document too.
    log = None if options.told.as_json else partial(print, file=sys.stderr, flush=True)
    size = {"members": options.members, "rounds": options.rounds, "seed": options.seed, "progress": log}
    if options.cross_validate and not options.files:
        found = cross_validate(Path(options.out), folds=options.cross_validate, **size)
        options.told.row("left_out", found)
        options.told.say(f"{report.score(found)}\nEvery study left out in turn: {options.out}/left_out.csv")
        return
    if options.files or options.move or options.start != "shipped":
        if not options.files:
            raise TestisError("--move and --from are of data of your own; name study files before them")
        from testis_abm.studies.update import movable, update

        if options.cross_validate:
            raise TestisError("--cross-validate is of the shipped studies; leave your own files out")
        # Before a table is read and the twins of its men are searched, which takes long.
        start = _ensemble(options.start)
        movable(options.move or None, start)
        paths = [path for name in options.files for path in _own_files(name, options)]
        moved = update(paths, Path(options.out), move=options.move or None, start=start, **size)
        options.told.row("changed", moved.changed.reset_index())
        options.told.row("fit", moved.fit)
        options.told.say(f"{moved.text()}\n{DISCLAIMER}")
        options.told.show(
            f"Results in {options.out}/  (changed.csv, fit.csv; its ensemble: testis-abm studies run NAME --ensemble {options.out}/ensemble.csv)"
        )
        return
    table = calibrate(Path(options.out), **size)
    options.told.say(f"{len(table)} parameter sets in {options.out}/ensemble.csv; what they identify: identified.csv")


COMMANDS = (
    Command(
        "studies",
        "list published studies, or replay them as virtual trials",
        _studies,
        (
            option("what", "replay", nargs="?", choices=["run"]),
            option(
                "name", 'a shipped study, a study file, a folder of them, or "all" (default)', nargs="?", default="all"
            ),
            option(
                "--ensemble",
                '"shipped" (default), "none" (the tables\' one set), or a CSV of calibrate',
                ("shipped", "none"),
                default="shipped",
            ),
            whole("--sets", "parameter sets", 24),
            whole(
                "--men",
                "men that each parameter set lives through it with (default as many as the study had, 12 to 48)",
            ),
            whole("--repeats", "virtual trials", 240),
            SEED,
            option("--out", "table, JSON and picture (default runs/studies-NAME-HASH)", metavar="FOLDER"),
            tables("beside the CSV and JSON that are written in any case"),
            REPORT,
            NO_PLOTS,
        ),
        f"List the shipped studies; with run, replay one, a file, a folder, or all. {DISCLAIMER}",
        "run leder_2004",
    ),
    Command(
        "calibrate",
        "fit the ensemble of parameter sets to the studies",
        _calibrate,
        (
            option(
                "files",
                "studies of your own, files or folders, or tables of men (CSV, .xlsx); none: the shipped studies",
                nargs="*",
                metavar="FILE",
            ),
            word("--population", "prior over the men of a table", POPULATIONS, "clinic"),
            several(
                "--move",
                "PARAMETER",
                "that your data may move inside its range (default: all that the ensemble leaves open)",
            ),
            option(
                "--from",
                'the ensemble that your data bring up to date: "shipped" (default), "none" (the tables\' one set), or a CSV of calibrate',
                ("shipped", "none"),
                dest="start",
                default="shipped",
                metavar="ENSEMBLE",
            ),
            whole("--members", "parameter sets", 240),
            whole("--rounds", "rounds of assimilation", 4),
            SEED,
            option("--out", "rounds are kept and resumed there", metavar="FOLDER", default="runs/calibration"),
            whole(
                "--cross-validate",
                "folds of a leave-one-study-out cross-validation, instead of the ensemble "
                "(10 folds: members 100, rounds 3)",
                limit=guard.LIMITS["folds"],
            ),
        ),
        f"Calibrate on the shipped studies (ES-MDA), or bring the ensemble up to studies of your own. {DISCLAIMER}",
        "my_study.toml --move axis.testosterone_feedback_strength --members 120 --rounds 3",
    ),
)
