"""Commands of experiments: `testis-abm compare`, `sweep`, `trial`, `sensitivity` and `merge`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from testis_abm.choices import DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import (
    NO_PLOTS,
    REPORT,
    RULES,
    Command,
    option,
    overrides,
    read_shard,
    scenario,
    tables,
    whole,
)
from testis_abm.cli.told import Told
from testis_abm.support import guard

if TYPE_CHECKING:
    from testis_abm.experiments.runner import Progress
    from testis_abm.support.interrupt import Interrupt

_MOST_BARS = 8
_LOG_EVERY = 30.0  # seconds between lines of progress where there is no terminal


class Outcome(NamedTuple):
    """What is printed and written of an experiment: text, tables, what a picture shows (pictures/experiments.py), failed runs."""

    text: str
    tables: Mapping[str, Any]
    picture: str
    drawn: tuple[Any, ...]
    failed: int = 0
    runs: int = 0
    shown: tuple[str, ...] | None = None  # tables that the text tells (default all): others may have a row a man


def _sweep(table: Any, folder: Path) -> Outcome:
    from testis_abm.experiments.sweep import Swept

    swept, failed = Swept.of(folder), table[table["error"] != ""]
    short = swept.summary()
    tables, text = {"results": table, "summary": short}, swept.report(short, failed)
    return Outcome(
        text, tables, "swept" if len(short) else "", (swept, short), len(failed), swept.manifest["runs"], ("summary",)
    )


def _trial(result: Any, folder: Path) -> Outcome:
    names = ("men", "flow", "levels", "effects", "estimates", "responders", "predictors", "power")
    found = {name: getattr(result, name) for name in (*names, "parameters", "under", "looks", "turns")}
    tables = {name: table for name, table in found.items() if name in names or (table is not None and len(table))}
    shown = tuple(name for name in tables if name not in ("men", "parameters"))
    return Outcome(result.text(), tables, "tried", (result,), len(result.failed), len(result.men), shown)


def _sensitivity(table: Any, folder: Path) -> Outcome:
    from testis_abm.experiments.sensitivity import report

    return Outcome(report(folder), {"indices": table}, "ranked", (table,))


def _compare(result: Any, folder: Path) -> Outcome:
    import pandas as pd

    rates = pd.concat([table.assign(arm=arm) for arm, table in result.attribution.items()])
    tables = {"courses": result.courses, "effects": result.effects, "attribution": rates}
    if result.plausible is not None:
        tables["plausible"] = result.plausible
    runs = result.replicates * len(result.arms) + len(result.failed)
    return Outcome(result.text(), tables, "compared", (result,), len(result.failed), runs, ("effects", "attribution"))


_OUTCOMES = {"compare": _compare, "sweep": _sweep, "trial": _trial, "sensitivity": _sensitivity}


def _experiment(options: argparse.Namespace) -> int:
    """Run an experiment into its store; write its tables and pictures, and print what came of it."""
    kind, files = options.kind, options.file if isinstance(options.file, list) else [options.file]
    # Of an experiment with a table of its own the seed is that of its runs and of its design.
    seeds = ("plan.seed",) if kind == "compare" else ("plan.seed", f"{kind}.seed")
    how = {"overrides": overrides(options, seeds), "workers": options.workers, "dask": options.dask}
    how |= {"shard": options.shard}
    if kind == "compare":
        own = printing.own_file(options.rules)
        how |= {"replicates": options.replicates, "rules": own.path if own else None}
    # What --set, --seed and --days change is another experiment, with a folder of its own.
    changes = overrides(options)
    mark = json.dumps(changes, sort_keys=True) if changes else ""
    folder = Path(options.out) if options.out else printing.default_folder(f"{kind}-{Path(files[0]).stem}", mark)
    work = getattr(import_module(f"testis_abm.experiments.{kind}"), kind)
    if not options.no_plots:
        guard.matplotlib()
    told = options.told
    told.place(folder)
    options.interrupt.kept = f"What was finished is in {folder}/; the same command goes on from there."
    with progress_bar(options.interrupt, kind) as progress:
        found = work(files if kind == "compare" else files[0], folder, **how, progress=progress)
    options.interrupt.at_once()
    if found is None or options.shard != (1, 1):
        told.say(
            f"Shard {options.shard[0]} of {options.shard[1]} is done, in {folder}/. "
            f"Put shards together: testis-abm merge INTO {folder} ..."
        )
        return 0
    outcome = _OUTCOMES[kind](found, folder)
    _of_store(folder, told)
    _write(outcome, folder, options)
    if outcome.failed:
        told.note(f"{outcome.failed:,} of {outcome.runs:,} runs failed (exit code 1); what ended is in the results.")
    return 1 if outcome.failed else 0


def _of_store(folder: Path, told: Told) -> None:
    """Take title, seed, marks and scenarios from what a store says of itself."""
    from testis_abm.experiments.store import read_manifest
    from testis_abm.scenario import load

    manifest = read_manifest(folder)
    told.title = str(manifest.get("title", ""))
    cases = {name or told.title: load(tables) for name, tables in manifest["scenario"].items()}
    told.of(*cases.values(), named=list(cases))
    told.facts |= {"runs": manifest["runs"], "engine": manifest["engine"], "days": manifest["days"]}


def _write(outcome: Outcome, folder: Path, options: argparse.Namespace) -> None:
    """Write tables and pictures, each whole or not at all, and print the text, whether or not the disk takes them."""
    pictures: list[Path] = []
    told, form = options.told, options.format or "parquet"
    try:
        for name, table in outcome.tables.items():
            told.write(folder / f"{name}.{form}", table)
            told.files.append(f"{name}.{form}")
        if not options.no_plots and outcome.picture:
            from testis_abm.pictures import experiments

            printing.drawing()
            pictures = getattr(experiments, outcome.picture)(*outcome.drawn, folder)
    finally:
        for name in outcome.tables if outcome.shown is None else outcome.shown:
            told.row(name, outcome.tables[name])
        told.facts["failed"] = outcome.failed
        told.say(f"{outcome.text}\n{DISCLAIMER}")
    printing.results(told, folder, pictures)


@contextmanager
def progress_bar(interrupt: Interrupt, what: str) -> Iterator[Callable[[Progress], None]]:
    """Show runs done, their rate and the time left, below it what is done of each arm or of the points, then of plausible models."""
    from rich.progress import BarColumn, TextColumn

    columns, logged = (
        (TextColumn("{task.description}"), BarColumn(30), TextColumn("{task.fields[text]}")),
        time.monotonic(),
    )
    with printing.bar(*columns, only_terminal=True) as bar:
        lines, what_next = {what: bar.add_task(what, total=None, text="starting")}, "plausible models"

        def show(progress: Progress) -> None:
            interrupt.check()
            nonlocal logged
            if progress.models is not None:
                begun, models = progress.models
                if what_next not in lines:
                    lines[what_next] = bar.add_task(f"  {what_next}", total=models, text="")
                    if not bar.console.is_terminal:
                        print(f"{what}: working out {models:,} {what_next} ...", file=sys.stderr, flush=True)
                bar.update(lines[what_next], completed=begun, text=f"{begun:,}/{models:,}")
                return
            rate = progress.rate
            left = "" if rate <= 0 else f", {rate:.3g} runs/s, {_clock(progress.seconds_left)} left"
            failed = f", {progress.failed} failed" if progress.failed else ""
            found = f" ({progress.found:,} found)" if progress.found else ""
            text = f"{progress.done:,}/{progress.runs:,} runs{found}{left}{failed}"
            ended = progress.done == progress.runs
            if not bar.console.is_terminal and (
                time.monotonic() - logged > _LOG_EVERY or (ended and logged < float("inf"))
            ):
                # A log of a job has no bar: a line now and then, and one at the end.
                logged = float("inf") if ended else time.monotonic()
                print(f"{what}: {text}", file=sys.stderr, flush=True)
            bar.update(lines[what], total=max(1, progress.runs), completed=progress.done, text=text)
            for name, (done, runs) in list(progress.groups.items())[:_MOST_BARS]:
                if name not in lines:
                    lines[name] = bar.add_task(f"  {name}"[:32], total=runs, text="")
                bar.update(lines[name], completed=done, text=f"{done:,}/{runs:,}")

        yield show


def _clock(seconds: float) -> str:
    """Return a time left in words: "40 s", "12 min", "3.2 h"."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _merge(options: argparse.Namespace) -> None:
    from testis_abm.experiments.store import merge

    runs, wanted = merge(options.into, options.folders)
    options.told.facts |= {"runs": runs, "wanted": wanted}
    options.told.say(
        f"{runs:,} of {wanted:,} runs in {options.into}/. "
        f"Run the same command with --out {options.into} for tables and pictures."
    )


def _command(name: str, summary: str, source: tuple[Any, ...], description: str, example: str) -> Command:
    """Return the command of an experiment: all take the same options."""
    shared = (
        *scenario(),
        whole("--workers", "worker processes of this machine; 0: one per core, or one alone for little work", 0),
        option("--dask", 'Dask scheduler, e.g. tcp://host:8786, or "local"', metavar="ADDRESS", default=""),
        option(
            "--shard",
            "do the I-th of N parts, for job arrays",
            metavar="I/N",
            default=(1, 1),
            type=guard.named("--shard", read_shard),
        ),
        option(
            "--out", f"results folder (default runs/{name}-NAME, with a mark of what options change)", metavar="FOLDER"
        ),
        tables("default parquet"),
        REPORT,
        NO_PLOTS,
    )
    return Command(
        name, summary, _experiment, (*source, *shared), f"{description} {DISCLAIMER}", example, {"kind": name}
    )


COMMANDS = (
    _command(
        "compare",
        "compare arms, paired by common random numbers",
        (
            option("file", "scenarios, or one file with [[arm]] tables", nargs="+", metavar="FILE"),
            whole("--replicates", "instead of plan.replicates"),
            RULES,
        ),
        "Compare scenario files, or the [[arm]] tables of one, with common random numbers.",
        "scenarios/experiments/compare_drugs.toml",
    ),
    *(
        _command(
            name,
            summary,
            (option("file", f"scenario with a [{name}] table"),),
            f"{summary[0].upper()}{summary[1:]}. What is finished is kept; call again to go on.",
            f"scenarios/experiments/{name}.toml --workers 2",
        )
        for name, summary in (
            ("sweep", "run a parameter sweep of a scenario: [sweep]"),
            ("trial", "run a virtual randomised [trial] of its [[arm]]s"),
            ("sensitivity", "rank inputs by what they move: [sensitivity]"),
        )
    ),
    Command(
        "merge",
        "put results folders of one experiment together",
        _merge,
        (
            option("into", "folder of the whole", metavar="INTO"),
            option("folders", "results folders of shards", nargs="+", metavar="FOLDER"),
        ),
        "Put the results folders of the shards of an experiment together.",
        unitless=True,
    ),
)
