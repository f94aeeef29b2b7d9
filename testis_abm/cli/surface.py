"""The command `testis-abm surface`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.choices import DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import NO_PLOTS, REPORT, Command, option, overrides, scenario, several, tables, whole, word
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, shown

if TYPE_CHECKING:
    from testis_abm.support.interrupt import Interrupt


def _surface(options: argparse.Namespace) -> int:
    from testis_abm.scenario import load

    case = printing.noted(options.told, load, options.file, overrides=overrides(options))
    from testis_abm.experiments import surface as experiment
    from testis_abm.experiments.outputs import output

    axes = _axes(options.axis)
    with guard.at("--axis"):
        experiment.read_axes(axes, options.levels)
    words = [guard.named("--output", output)(text) for text in options.output or [experiment.DEFAULT]]
    how = {
        "levels": options.levels,
        "sets": options.sets,
        "hold": options.hold,
        "gonadotrophins": options.gonadotrophins,
    }
    decides = json.dumps([case.as_dict(), axes, how], sort_keys=True, default=str)
    folder = Path(options.out or printing.default_folder(f"surface-{Path(options.file).stem}", decides))
    experiment.check_writable(folder)
    told = options.told
    told.of(case)
    told.place(folder)
    if not options.no_plots:
        guard.matplotlib()
    try:
        with _bar(options.interrupt) as progress:
            found = experiment.surface(case, axes=axes, **how, progress=progress)
        options.interrupt.at_once()
        files = {}
        if not options.no_plots:
            from testis_abm.pictures.surface import pictures

            files = pictures(found, words)
        found.save(folder, words, files, options.format or "parquet", told.about())
    except KeyboardInterrupt:
        told.stop("\nStopped. Nothing was written.")
        return int(options.interrupt.code)
    told.row("states", found.states)
    told.row("path", found.path)
    told.facts |= {"own": dict(found.own)}
    told.say("\n\n".join(found.text(text) for text in words))
    told.say(f"\n{DISCLAIMER}")
    printing.results(told, folder, files)
    return 0


def _axes(given: list[str]) -> dict[str, str | None]:
    """Return the axes that options name, each with its range if it has one."""
    axes: dict[str, str | None] = {}
    for text in given:
        name, equals, ends = (part.strip() for part in text.partition("="))
        if name in axes:
            raise TestisError(f"--axis {shown(name)[1:-1]}: is given twice; leave one out")
        axes[name] = ends if equals else None
    return axes


@contextmanager
def _bar(interrupt: Interrupt) -> Iterator[Callable[[int, int], None]]:
    """Show men done and the time left."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("surface"), BarColumn(40), MofNCompleteColumn(), TextColumn("men"), TimeRemainingColumn())
    with printing.bar(*columns) as bar:
        task = bar.add_task("surface", total=None)

        def show(done: int, men: int) -> None:
            interrupt.check()
            bar.update(task, total=men, completed=done)

        yield show


COMMANDS = (
    Command(
        "surface",
        "sperm output over testosterone and oestradiol within the testis, both clamped",
        _surface,
        (
            option(
                "file",
                "scenario: a file (TOML), or the name of one of testis-abm scenarios; his treatment is drawn as a path",
            ),
            several(
                "--output",
                "WORD",
                'what is drawn and printed (default "daily sperm production"), e.g. "total motile count"',
            ),
            several("--axis", "NAME=RANGE", 'T, and E2 or T/E2, in multiples of his own, e.g. "T/E2=10 %% to 1000 %%"'),
            whole("--levels", "levels of each axis", 13),
            whole("--sets", "plausible parameter sets", 30),
            word("--gonadotrophins", "LH and FSH at his own levels, or not", ("held", "free"), "held"),
            whole("--hold", "days of each clamp", 360),
            *scenario(),
            option("--out", "results folder (default runs/surface-NAME-HASH)", metavar="FOLDER"),
            tables("default parquet"),
            REPORT,
            NO_PLOTS,
        ),
        "Sperm output over testosterone and oestradiol within a man's testes, both clamped, with the path that his treatment takes. "
        f"About 100 men a second and core: a minute with the usual 13 x 13 levels and 30 parameter sets. {DISCLAIMER}",
        'obese_anastrozole --output "sperm concentration" --output "daily sperm production"',
    ),
)
