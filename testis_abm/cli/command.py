"""The command `testis-abm`."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import DISCLAIMER
from testis_abm.cli import app as app_commands
from testis_abm.cli import experiments as experiment_commands
from testis_abm.cli import men as people
from testis_abm.cli import studies as study_commands
from testis_abm.cli.options import Parser, as_typed, overrides
from testis_abm.cli.options import scenario as scenario_options
from testis_abm.support import files, guard
from testis_abm.support.errors import TestisError, brief, shown
from testis_abm.support.interrupt import Interrupt

if TYPE_CHECKING:
    from testis_abm.parameters import Parameter
    from testis_abm.scenario import Scenario


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code (0 done, 1 runs failed, 2 wrong input, 130 interrupted, 143 terminated)."""
    try:
        try:
            return _called(sys.argv[1:] if arguments is None else arguments)
        finally:
            print(end="", flush=True)  # what is still to be printed is refused here, not when the process has ended
    except BrokenPipeError:
        _mute()  # the reader of a pipe (head, less) has gone: nothing more to say
        return 0
    except OSError as error:
        if error.filename is not None:  # of a file, not of what is printed
            raise
        _mute()
        print(f"standard output: cannot be written: {files.reason(error)}", file=sys.stderr)
        return 2


def _mute() -> None:
    """Let nothing that is still to be printed fail once more as the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _called(arguments: Sequence[str]) -> int:
    try:
        options = _parser().parse_args(_joined(arguments))
    except TestisError as error:
        print(as_typed(error), file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        warnings.formatwarning = lambda message, *_, **__: f"note: {brief(str(message))}\n"
        return _act(options)


def _act(options: argparse.Namespace) -> int:
    with Interrupt() as options.interrupt:
        try:
            return int(options.action(options) or 0)
        except TestisError as error:
            print(as_typed(error), file=sys.stderr)
            return 2
        except KeyboardInterrupt:
            print("\nStopped before the simulation began. Nothing was written.", file=sys.stderr)
            return int(options.interrupt.code)


def _joined(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with "--t -3nmol/L" as "--t=-3nmol/L": argparse would take the value for an option."""
    joined: list[str] = []
    for text in arguments:
        if re.match(r"-[0-9.]", text) and joined and re.fullmatch(r"--[\w-]+", joined[-1]):
            joined[-1] += f"={text}"
        else:
            joined.append(text)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="testis-abm", description="Simulate human spermatogenesis in a closed hormonal loop. " + DISCLAIMER
    )
    parser.add_argument("--version", action="version", version=f"testis-abm {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="run a scenario file", description="Run a scenario file. " + DISCLAIMER)
    run.add_argument(
        "file", help="scenario: a file (TOML), or the name of one of testis-abm scenarios, e.g. fertile_man"
    )
    scenario_options(run)
    run.add_argument("--out", metavar="FOLDER", help="results folder (default runs/NAME-HASH)")
    run.add_argument("--no-plots", action="store_true", help="write tables only")
    run.set_defaults(action=_run)

    for name, what, action in (
        ("parameters", "list and explain the numbers of the model", _parameters),
        ("men", "list the presets, or show one", _men),
        ("drugs", "list the drugs, or show one", _drugs),
        ("scenarios", "list the scenarios that come with the program, or show one", _scenarios),
    ):
        command = commands.add_parser(name, help=what, description=what.capitalize() + ".")
        command.add_argument(
            "word",
            nargs="?",
            help={"parameters": "a word to look for", "drugs": "a generic or brand name"}.get(name, "a name"),
        )
        command.set_defaults(action=action)
        if name == "drugs":
            command.add_argument("--out", metavar="FOLDER", help="draw the drug's course there, as PNG and SVG")
    people.add(commands)
    experiment_commands.add(commands)
    study_commands.add(commands)
    app_commands.add(commands)
    return parser


def _version() -> str:
    from testis_abm import __version__

    return __version__


# ---- run


def _run(options: argparse.Namespace) -> int:
    from testis_abm.scenario import load

    scenario = people.noted(load, options.file, overrides=overrides(options))
    folder = Path(options.out) if options.out else _default_folder(options.file, scenario)
    from testis_abm.results.store import check_writable

    check_writable(folder)
    if not options.no_plots:
        guard.matplotlib()
    options.interrupt.check()
    from testis_abm.pictures.drawing import standing_by

    with nullcontext() if options.no_plots else standing_by() as pool:
        from testis_abm.experiments.simulate import run

        options.interrupt.check()
        where: dict[str, Any] = {"replicate": 0, "arm": "untreated", "day": -scenario.plan.baseline_days}
        try:
            with _progress(scenario, where, options.interrupt) as progress:
                result = run(scenario, progress=progress)
        except KeyboardInterrupt:
            print(
                f"\nStopped in replicate {where['replicate'] + 1} of {scenario.plan.replicates}, {where['arm']} arm, "
                f"day {where['day']} of {scenario.plan.duration_days}. Nothing was written.",
                file=sys.stderr,
            )
            return int(options.interrupt.code)
        return _report(result, folder, pool, options.interrupt)


def _report(result, folder, pool, interrupt: Interrupt) -> int:  # type: ignore[no-untyped-def]
    from testis_abm.pictures.drawing import draw
    from testis_abm.results import store
    from testis_abm.results.summary import render

    try:
        store.save(result, folder)
        interrupt.at_once()
        print(render(result))
        names = draw(result, folder, pool) if pool is not None else ()
    except KeyboardInterrupt:
        saved = f"The tables are in {folder}." if (folder / "run.json").exists() else "Nothing was written."
        print(f"\nStopped after the simulation. {saved}", file=sys.stderr)
        return interrupt.code
    pictures = ", ".join(sorted(Path(name).name for name in names if str(name).endswith(".png")))
    print(f"Results in {folder}/" + (f"  (pictures: {pictures}; each as SVG too)" if pictures else ""))
    return 0


def _default_folder(file: str, scenario: Scenario) -> Path:
    text = json.dumps(scenario.as_dict(), sort_keys=True, default=str)
    return Path("runs") / f"{Path(file).stem}-{hashlib.sha256(text.encode()).hexdigest()[:6]}"


@contextmanager
def _progress(
    scenario: Scenario, where: dict[str, Any], interrupt: Interrupt
) -> Iterator[Callable[[int, str, int], None]]:
    """Show a bar with the day and the time left; keep in `where` how far the run has come."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    arms = 2 if scenario.treated else 1
    days = scenario.plan.baseline_days + scenario.plan.duration_days
    total = days * arms * scenario.plan.replicates
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(40),
        TextColumn("{task.percentage:3.0f}%"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
    )
    with bar:
        task = bar.add_task("starting", total=total)
        done = 0

        def advance(replicate: int, arm: str, day: int) -> None:
            nonlocal done
            done += 1
            where.update(replicate=replicate, arm=arm, day=day)
            interrupt.check()
            if done % 10 == 0 or done == total:
                text = f"replicate {replicate + 1}/{scenario.plan.replicates} {arm:9s} day {day}/{scenario.plan.duration_days}"
                bar.update(task, completed=done, description=text)

        yield advance


# ---- tables to read


def _parameters(options: argparse.Namespace) -> int:
    from testis_abm.parameters import search

    found = search(options.word)
    if not found:
        raise TestisError(f"no parameter speaks of {shown(options.word)} (all of them: testis-abm parameters)")
    for parameter in found:
        print("\n".join(_explained(parameter)))
    print(f'{len(found)} parameters. Change one in a scenario: [parameters] with "name" = value, inside its range.')
    return 0


def _explained(parameter: Parameter) -> Iterator[str]:
    p = parameter
    yield f"{p.name} = {f'{p.value:g} {p.symbol}'.strip()}   (range {p.low:g} to {p.high:g}; {p.confidence})"
    for label, text in (("source", p.source), ("note", p.note)):
        if text:
            yield textwrap.fill(f"{label}: {text}", 110, initial_indent="    ", subsequent_indent="    ")


def _scenarios(options: argparse.Namespace) -> int:
    from testis_abm.scenario.kind import kind
    from testis_abm.scenario.load import read_raw
    from testis_abm.scenario.shipped import shipped
    from testis_abm.support.errors import unknown

    known = shipped()
    if options.word is None:
        for name, path in known.items():
            raw = read_raw(path)
            print(f"{kind(raw)[1]:13s}{name:34s}{raw['title']}")
        print("\nShow one: testis-abm scenarios NAME. Run one with the command before it: testis-abm COMMAND NAME.")
        return 0
    if options.word not in known:
        raise TestisError(unknown("scenario", options.word, known))
    print(known[options.word].read_text(encoding="utf-8"), end="")
    return 0


def _men(options: argparse.Namespace) -> int:
    from testis_abm.parameters import physiology, presets
    from testis_abm.population import men
    from testis_abm.support.errors import unknown

    if options.word is None:
        print("\n".join(men.listed()))
        print("\nShow one: testis-abm men NAME. Every field can be set in a scenario under [man]:")
        for field in physiology().values():
            print(
                f"  {field.name.rpartition('.')[2]:28s}{f'{field.value:g} {field.symbol}'.strip()} ({field.low:g} to {field.high:g})"
            )
        return 0
    if options.word not in presets():
        raise TestisError(unknown("preset", options.word, presets()))
    print("\n".join(men.told(options.word)))
    print(f"\n{DISCLAIMER}")
    return 0


def _drugs(options: argparse.Namespace) -> int:
    from testis_abm.parameters import drug_named, drugs
    from testis_abm.results import KINDS
    from testis_abm.support import outputs

    known = drugs()
    if options.word is None:
        for drug in known.values():
            print(f"{drug.name:26s}{drug.title}; {drug.drug_class}; usual {drug.usual}")
        print("\nShow one with its kinetics and sources: testis-abm drugs NAME.")
        return 0
    drug = known[drug_named(options.word)]
    for kind in KINDS if options.out else ():
        outputs.check(Path(options.out) / f"{drug.name}.{kind}")
    print(f"{drug.name}: {drug.title}, {drug.drug_class}; {', '.join(drug.routes)}; usual {drug.usual}")
    if drug.names:
        print(f"also: {', '.join(drug.names)}")
    for parameter in drug.numbers.values():
        print("\n".join(_explained(parameter)))
    for other, reason in drug.excludes.items():
        print(f"not with {other}: {reason}")
    return _draw_drug(drug.name, Path(options.out)) if options.out else 0


def _draw_drug(name: str, folder: Path) -> int:
    """Write the picture of a drug at its usual regimen."""
    try:
        guard.matplotlib()
    except TestisError as error:
        # The table is what was asked for; the picture is an extra, and so is matplotlib.
        print(f"No picture: {error}", file=sys.stderr)
        return 0
    from testis_abm.experiments.drug_course import drug_course
    from testis_abm.pictures import drug, style
    from testis_abm.pictures.drawing import write_figure

    course = drug_course(name)
    with style.looks():
        paths = write_figure(drug.draw(course), name, folder)
    print(f"Picture: {paths[0]} (SVG beside it)")
    return 0
