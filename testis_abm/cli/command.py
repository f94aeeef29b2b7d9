"""The command `testis-abm`."""

from __future__ import annotations

import argparse
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

from testis_abm.choices import DISCLAIMER, UNTREATED
from testis_abm.cli import (
    app,
    compiling,
    experiments,
    export,
    histology,
    hypotheses,
    men,
    new,
    printing,
    pulses,
    studies,
    surface,
)
from testis_abm.cli.options import NO_PLOTS, Command, Option, Parser, as_typed, option, overrides
from testis_abm.cli.options import scenario as scenario_options
from testis_abm.support import files, guard
from testis_abm.support.errors import Note, TestisError, brief, shown
from testis_abm.support.interrupt import Interrupt
from testis_abm.support.loading import unswept

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
        with unswept():
            options = _parser().parse_args(_joined(arguments))
    except TestisError as error:
        print(as_typed(error), file=sys.stderr)
        return 2
    with warnings.catch_warnings():
        warnings.simplefilter("default", Note)
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
            print(f"\nStopped. {options.interrupt.kept}", file=sys.stderr)
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
    from testis_abm import __version__

    parser = Parser(
        prog="testis-abm", description="Simulate human spermatogenesis in a closed hormonal loop. " + DISCLAIMER
    )
    parser.add_argument("--version", action="version", version=f"testis-abm {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (
        *COMMANDS,
        *new.COMMANDS,
        *men.COMMANDS,
        *experiments.COMMANDS,
        *histology.COMMANDS,
        *pulses.COMMANDS,
        *surface.COMMANDS,
        *hypotheses.COMMANDS,
        *studies.COMMANDS,
        *export.COMMANDS,
        *compiling.COMMANDS,
        *app.COMMANDS,
    ):
        command.add(commands)
    return parser


# ---- run


def _run(options: argparse.Namespace) -> int:
    from testis_abm.scenario import load

    scenario = printing.noted(load, options.file, overrides=overrides(options))
    decides = json.dumps(scenario.as_dict(), sort_keys=True, default=str)
    folder = Path(options.out) if options.out else printing.default_folder(Path(options.file).stem, decides)
    with unswept():
        from testis_abm.experiments.simulate import run
        from testis_abm.results.store import check_writable

    check_writable(folder)
    drawing: Any = nullcontext()
    if not options.no_plots:
        guard.matplotlib()
        from testis_abm.pictures.drawing import standing_by

        drawing = standing_by()
    options.interrupt.check()
    with drawing as pool:
        options.interrupt.check()
        where: dict[str, Any] = {"replicate": 0, "arm": UNTREATED, "day": -scenario.plan.baseline_days}
        try:
            with _progress(scenario, where, options.interrupt) as progress:
                result = run(scenario, progress=progress)
        except KeyboardInterrupt:
            print(
                f"\nStopped in replicate {where['replicate'] + 1} of {scenario.plan.replicates}, {scenario.called(where['arm'])} arm, "
                f"day {where['day']} of {scenario.plan.duration_days}. Nothing was written.",
                file=sys.stderr,
            )
            return int(options.interrupt.code)
        return _report(result, folder, pool, options.interrupt)


def _report(result, folder, pool, interrupt: Interrupt) -> int:  # type: ignore[no-untyped-def]
    from testis_abm.results import store
    from testis_abm.results.summary import render

    names: Sequence[Path] = ()
    store.save(result, folder)
    interrupt.kept = f"The tables are in {folder}/."
    interrupt.at_once()
    print(render(result))
    if pool is not None:
        from testis_abm.pictures.drawing import draw

        printing.drawing()
        names = draw(result, folder, pool)
    interrupt.kept = f"Results are in {folder}/."
    printing.results(folder, names)
    return 0


@contextmanager
def _progress(
    scenario: Scenario, where: dict[str, Any], interrupt: Interrupt
) -> Iterator[Callable[[int, str, int], None]]:
    """Show a bar with the day and the time left; keep in `where` how far the run has come."""
    from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

    plan, done = scenario.plan, 0
    last: dict[tuple[int, str], int] = {}
    total = (plan.baseline_days + plan.duration_days) * (2 if scenario.treated else 1) * plan.replicates
    share = TextColumn("{task.percentage:3.0f}%")
    with printing.bar(TextColumn("{task.description}"), BarColumn(40), share, TimeRemainingColumn()) as bar:
        task = bar.add_task("starting", total=total)

        def advance(replicate: int, arm: str, day: int) -> None:
            nonlocal done
            done += day - last.get((replicate, arm), -plan.baseline_days)
            last[replicate, arm] = day
            where.update(replicate=replicate, arm=arm, day=day)
            interrupt.check()
            text = (
                f"replicate {replicate + 1}/{plan.replicates} {scenario.called(arm):9s} day {day}/{plan.duration_days}"
            )
            bar.update(task, completed=done, description=text)

        yield advance


# ---- tables to read


def _parameters(options: argparse.Namespace) -> None:
    from testis_abm.parameters import search

    found = search(options.word)
    if not found:
        raise TestisError(f"no parameter speaks of {shown(options.word)} (all of them: testis-abm parameters)")
    for parameter in found:
        print("\n".join(_explained(parameter)))
    print(f'{len(found)} parameters. Change one in a scenario: [parameters] with "name" = value, inside its range.')


def _explained(parameter: Parameter) -> Iterator[str]:
    p = parameter
    yield f"{p.name} = {f'{p.value:g} {p.symbol}'.strip()}   (range {p.low:g} to {p.high:g}; {p.confidence})"
    for label, text in (("source", p.source), ("note", p.note)):
        if text:
            yield textwrap.fill(f"{label}: {text}", 110, initial_indent="    ", subsequent_indent="    ")


def _scenarios(options: argparse.Namespace) -> None:
    from testis_abm.scenario.kind import kind
    from testis_abm.scenario.load import read_raw
    from testis_abm.scenario.shipped import shipped

    known = shipped()
    if options.word is not None:
        print(known[guard.key(options.word, known, "scenario")].read_text(encoding="utf-8"), end="")
        return
    raw = {name: read_raw(path) for name, path in known.items()}
    printing.listed((f"{kind(tables)[1]:13s}{name}", tables["title"]) for name, tables in raw.items())
    print("\nShow one: testis-abm scenarios NAME. Run one with the command before it: testis-abm COMMAND NAME.")


def _men(options: argparse.Namespace) -> None:
    from testis_abm.parameters import physiology, presets
    from testis_abm.population import report

    if options.word is not None:
        print("\n".join(report.preset(guard.key(options.word, presets(), "preset"))))
        print(f"\n{DISCLAIMER}")
        return
    print("\n".join(report.presets()))
    print("\nShow one: testis-abm men NAME. Every field can be set in a scenario under [man]:")
    printing.listed(
        (
            f"  {field.name.rpartition('.')[2]}",
            f"{f'{field.value:g} {field.symbol}'.strip()} ({field.low:g} to {field.high:g})",
        )
        for field in physiology().values()
    )


def _drugs(options: argparse.Namespace) -> None:
    from testis_abm.parameters import drug_named, drugs
    from testis_abm.quantities import EFFECTS, no_dose_response, untold
    from testis_abm.results import KINDS
    from testis_abm.support import outputs

    known = drugs()
    if options.word is None:
        printing.listed((drug.name, f"{drug.title}; {drug.drug_class}; usual {drug.usual}") for drug in known.values())
        print("\nShow one with its kinetics and sources: testis-abm drugs NAME.")
        return
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
    unknown = untold(drug.actions)
    for effect in EFFECTS:
        if not effect.column:
            print(no_dose_response(effect))
        elif effect.column in unknown:
            print(
                f"{effect.label}: no dose-response known of {drug.name}: it acts there by itself, serum levels do not tell"
            )
        else:
            print(f"{effect.label}, by serum testosterone and oestradiol: {effect.evidence}")
    if options.out:
        _draw_drug(drug.name, Path(options.out))


def _draw_drug(name: str, folder: Path) -> None:
    """Write the picture of a drug at its usual regimen."""
    try:
        guard.matplotlib()
    except TestisError as error:
        # The table is what was asked for; the picture is an extra, and so is matplotlib.
        print(f"No picture: {error}", file=sys.stderr)
        return
    from testis_abm.experiments.drug_course import drug_course
    from testis_abm.pictures import drug

    printing.picture(drug.draw(drug_course(name)), name, folder)


def _reader(name: str, summary: str, action: Callable[..., Any], what: str, *more: Option) -> Command:
    """Return a command that shows what the program knows."""
    shown = option("word", what, nargs="?")
    return Command(name, summary, action, (shown, *more), f"{summary[0].upper()}{summary[1:]}.")


COMMANDS = (
    Command(
        "run",
        "run a scenario file",
        _run,
        (
            option("file", "scenario: a file (TOML), or the name of one of testis-abm scenarios, e.g. fertile_man"),
            *scenario_options(),
            option("--out", "results folder (default runs/NAME-HASH)", metavar="FOLDER"),
            NO_PLOTS,
        ),
    ),
    _reader("parameters", "list and explain the numbers of the model", _parameters, "a word to look for"),
    _reader("men", "list the presets, or show one", _men, "a name"),
    _reader(
        "drugs",
        "list the drugs, or show one",
        _drugs,
        "a generic or brand name",
        option("--out", "draw the drug's course there, as PNG and SVG", metavar="FOLDER"),
    ),
    _reader("scenarios", "list the scenarios that come with the program, or show one", _scenarios, "a name"),
)
