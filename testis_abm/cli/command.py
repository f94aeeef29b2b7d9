"""The command `testis-abm`."""

from __future__ import annotations

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from testis_abm.choices import DISCLAIMER, UNTREATED
from testis_abm.cli import (
    app,
    compiling,
    completion,
    experiments,
    export,
    histology,
    hypotheses,
    men,
    new,
    printing,
    pulses,
    report,
    studies,
    surface,
)
from testis_abm.cli.options import (
    AS_JSON,
    NO_PLOTS,
    REPORT,
    RULES,
    TABLES,
    Command,
    Option,
    Parser,
    as_typed,
    option,
    overrides,
    tables,
)
from testis_abm.cli.options import scenario as scenario_options
from testis_abm.cli.told import Told, fault, mute, of_line
from testis_abm.quantities import QUANTITIES, in_units, unit_system
from testis_abm.support import files, guard
from testis_abm.support.errors import TestisError, shown
from testis_abm.support.interrupt import Interrupt
from testis_abm.support.loading import unswept

if TYPE_CHECKING:
    import pandas as pd

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
        mute()  # the reader of a pipe (head, less) has gone: nothing more to say
        return 0
    except OSError as error:
        if error.filename is not None:  # of a file, not of what is printed
            raise
        mute()
        print(f"standard output: cannot be written: {files.reason(error)}", file=sys.stderr)
        return 2


def _called(arguments: Sequence[str]) -> int:
    with ExitStack() as stack:
        token = AS_JSON.set("--json" in arguments)
        try:
            if folder := _tables(arguments):
                from testis_abm.parameters.tables import using
                from testis_abm.scenario.folder import tables as tables_of

                stack.enter_context(using(tables_of(folder)))
            with unswept():
                options = _parser().parse_args(_joined(arguments))
        except TestisError as error:
            print(fault(error) if AS_JSON.get() else as_typed(error), file=sys.stderr)
            return 2
        finally:
            AS_JSON.reset(token)
        return _act(options, of_line(options, arguments))


def _tables(arguments: Sequence[str]) -> str | None:
    """Return the folder of --tables, which is in force before the other options are read: they may name what is in it."""
    early = Parser(prog="testis-abm", add_help=False, usage=argparse.SUPPRESS)
    early.add_argument(TABLES.name, **TABLES.settings)
    folder: str | None = early.parse_known_args(list(arguments))[0].tables
    return folder


def _act(options: argparse.Namespace, told: Told) -> int:
    options.told = told
    with Interrupt() as options.interrupt:
        try:
            with in_units(getattr(options, "units", None) or unit_system()):
                with told.listening():
                    code = int(options.action(options) or 0)
                told.end(code)
                return code
        except TestisError as error:
            told.stop(error)
            return 2
        except ArithmeticError as error:
            from testis_abm.scenario.blame import blamed

            if getattr(options, "rules", None):  # code of the user's own, whose traceback tells more
                raise
            told.stop(blamed(error, told.loaded))
            return 2
        except KeyboardInterrupt:
            told.stop(f"\nStopped. {options.interrupt.kept}")
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
        *report.COMMANDS,
        *compiling.COMMANDS,
        completion.command(_parser),
        *app.COMMANDS,
    ):
        command.add(commands)
    return parser


# ---- run


def _run(options: argparse.Namespace) -> int:
    from testis_abm.scenario import load

    told = options.told
    scenario = printing.noted(told, load, options.file, overrides=overrides(options))
    decides = json.dumps(scenario.as_dict(), sort_keys=True, default=str)
    own = printing.own_file(options.rules)
    decides += own.digest if own else ""
    folder = Path(options.out) if options.out else printing.default_folder(Path(options.file).stem, decides)
    with unswept():
        from testis_abm.agents.model import TestisModel
        from testis_abm.experiments.simulate import run
        from testis_abm.results.store import check_writable

    check_writable(folder)
    told.place(folder, kept=False)  # its tables tell it all again
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
                result = run(scenario, progress=progress, model=own.model if own else TestisModel)
        except KeyboardInterrupt:
            told.stop(
                f"\nStopped in replicate {where['replicate'] + 1} of {scenario.plan.replicates}, {scenario.called(where['arm'])} arm, "
                f"day {where['day']} of {scenario.plan.duration_days}. Nothing was written."
            )
            return int(options.interrupt.code)
        if own:
            result.provenance["rules_file"] = own.about
        return _report(result, folder, pool, options)


def _report(result, folder, pool, options: argparse.Namespace) -> int:  # type: ignore[no-untyped-def]
    from testis_abm.results import store

    told, interrupt = options.told, options.interrupt
    names: Sequence[Path] = ()
    told.title, told.seed = result.title, result.scenario.plan.seed
    store.save(result, folder, options.format, told.about())
    told.files += [path.name for path in folder.iterdir()]
    interrupt.kept = f"The tables are in {folder}/."
    interrupt.at_once()
    report.tell_run(result, told)
    if pool is not None:
        from testis_abm.pictures.drawing import draw

        printing.drawing()
        names = draw(result, folder, pool)
    interrupt.kept = f"Results are in {folder}/."
    printing.results(told, folder, names)
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
    told = options.told
    told.row("parameters", _as_table(found).assign(own=[bool(_mark("parameter", row.name)) for row in found]))
    for parameter in found:
        told.say("\n".join(_explained(parameter)))
    told.say(f'{len(found)} parameters. Change one in a scenario: [parameters] with "name" = value, inside its range.')


def _as_table(found: Iterable[Parameter]) -> pd.DataFrame:
    """Return parameters as a table."""
    import pandas as pd

    from testis_abm.exports.table import COLUMNS

    return pd.DataFrame([{name: getattr(p, name) for name in COLUMNS[1:]} | {"unit": p.symbol} for p in found])


def _explained(parameter: Parameter) -> Iterator[str]:
    p = parameter
    mark = "; own" if _mark("parameter", p.name) else ""
    yield f"{p.name} = {f'{p.value:g} {p.symbol}'.strip()}   (range {p.low:g} to {p.high:g}; {p.confidence}{mark})"
    for label, text in (("source", p.source), ("note", p.note)):
        if text:
            yield textwrap.fill(f"{label}: {text}", 110, initial_indent="    ", subsequent_indent="    ")


def _scenarios(options: argparse.Namespace) -> None:
    from testis_abm.scenario.kind import kind
    from testis_abm.scenario.load import read_raw
    from testis_abm.scenario.shipped import shipped

    known = shipped()
    if options.word is not None:
        options.told.say(known[guard.key(options.word, known, "scenario")].read_text(encoding="utf-8"), end="")
        return
    raw = {name: read_raw(path) for name, path in known.items()}
    rows = [(kind(tables)[1], name, tables["title"]) for name, tables in raw.items()]
    options.told.row("scenarios", _named(rows, "command", "name", "title"))
    options.told.say(printing.listed((f"{command:13s}{name}", title) for command, name, title in rows))
    options.told.say(
        "\nShow one: testis-abm scenarios NAME. Run one with the command before it: testis-abm COMMAND NAME."
    )


def _named(rows: Iterable[Sequence[Any]], *names: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(rows), columns=list(names))


def _rules(options: argparse.Namespace) -> None:
    from testis_abm.scenario import grammar

    told = options.told
    of = None if options.word is None else grammar.cell(options.word)
    cells = tuple(grammar.CELLS) if of is None else (of,)
    has = {cell: grammar.behaviours_of(cell) for cell in cells}
    changed = [
        (cell, row.label, row.low, row.high, row.added, row.mean_field, row.does) for cell in cells for row in has[cell]
    ]
    told.row("behaviours", _named(changed, "cell", "behaviour", "low", "high", "added", "mean_field", "does"))
    told.say(
        "In a cell, a signal increases or decreases a behaviour: [[rule]] of a scenario (docs/rules.md).\n\nBehaviours by cell:"
    )
    told.say(printing.listed((f"  {cell}", ", ".join(row.label for row in has[cell])) for cell in cells))
    told.say("\nBehaviours, the fold at saturation that each may have, and what more of it does:")
    for row in dict.fromkeys(row for rows in has.values() for row in rows):
        to = f"{row.low:g} to {row.high:g}-fold" + (', or "0.05/day" added' if row.added else "")
        where = "" if row.mean_field else " (cells alone, not the mean-field man)"
        told.say(textwrap.fill(f"  {row.label}: {to}; {row.does}{where}", 118, subsequent_indent="    "))
    signals = [(of.label, of.where, "; ".join(filter(None, of.units))) for of in grammar.SIGNALS.values()]
    told.row("signals", _named(signals, "signal", "where", "units"))
    told.say("\nSignals:")
    for place, what in grammar.PLACES.items():
        told.say(f"  {what}")
        told.say(
            printing.listed(
                (f"    {row.label}", ", ".join(unit for unit in row.units if unit))
                for row in grammar.SIGNALS.values()
                if row.where == place
            )
        )
    told.say(
        "    level of a drug of the scenario, such as anastrozole level (nmol/L, ng/mL), the day before\n\nFor example:\n"
    )
    told.say(grammar.EXAMPLE)


def _men(options: argparse.Namespace) -> None:
    from testis_abm.parameters import physiology, presets
    from testis_abm.population import men as labs
    from testis_abm.population import report

    told = options.told
    if options.word is not None:
        name = guard.key(options.word, presets(), "preset")
        told.title = presets()[name].title
        found = [
            (
                of.label,
                of.value,
                *((of.published.low, of.published.high, of.published.source) if of.published else (None, None, "")),
            )
            for of in labs.findings(name)
        ]
        told.row("labs", _named(found, "quantity", "value", "published_low", "published_high", "source"))
        told.say("\n".join(report.preset(name)))
        told.say(f"\n{DISCLAIMER}")
        return
    told.row("presets", report.presets_table(), {row.label: row.clinical_unit for row in QUANTITIES.values()})
    told.say("\n".join(report.presets()))
    told.say("\nShow one: testis-abm men NAME. Every field can be set in a scenario under [man]:")
    told.row("fields", _as_table(physiology().values()))
    told.say(
        printing.listed(
            (
                f"  {field.name.rpartition('.')[2]}",
                f"{f'{field.value:g} {field.symbol}'.strip()} ({field.low:g} to {field.high:g})",
            )
            for field in physiology().values()
        )
    )


def _drugs(options: argparse.Namespace) -> None:
    from testis_abm.parameters import drug_named, drugs
    from testis_abm.quantities import EFFECTS, no_dose_response, untold
    from testis_abm.quantities import told as in_force
    from testis_abm.results import KINDS
    from testis_abm.support import outputs

    known, told = drugs(), options.told
    if options.word is None:
        if options.format:
            raise TestisError("--format: name a drug and a folder, --out FOLDER")
        names = ("name", "title", "class", "usual", "own")
        rows = [(of.name, of.title, of.drug_class, of.usual, bool(_mark("drug", of.name))) for of in known.values()]
        told.row("drugs", _named(rows, *names))
        told.say(
            printing.listed(
                (name, f"{_mark('drug', name)}{title}; {kind}; usual {usual}") for name, title, kind, usual, _ in rows
            )
        )
        told.say("\nShow one with its kinetics and sources: testis-abm drugs NAME.")
        return
    drug = known[drug_named(options.word)]
    if options.format and not options.out:
        raise TestisError("--format: name a folder for the table, --out FOLDER")
    for kind in KINDS if options.out else ():
        outputs.check(Path(options.out) / f"{drug.name}.{kind}")
    numbers = _as_table(drug.numbers.values())
    if options.format:
        outputs.check(Path(options.out) / f"{drug.name}.{options.format}", list(numbers)[:2])
    told.title = drug.title
    told.row("numbers", numbers)
    mark = _mark("drug", drug.name)
    told.say(f"{drug.name}: {mark}{drug.title}, {drug.drug_class}; {', '.join(drug.routes)}; usual {drug.usual}")
    if drug.names:
        told.say(f"also: {', '.join(drug.names)}")
    for parameter in drug.numbers.values():
        told.say("\n".join(_explained(parameter)))
    for other, reason in drug.excludes.items():
        told.say(f"not with {other}: {reason}")
    unknown = untold(drug.actions)
    for effect in EFFECTS:
        if not effect.column:
            told.say(no_dose_response(effect))
        elif effect.column in unknown:
            told.say(
                f"{effect.label}: no dose-response known of {drug.name}: it acts there by itself, serum levels do not tell"
            )
        else:
            told.say(f"{effect.label}, by serum testosterone and oestradiol: {in_force(effect.evidence)}")
    if options.format:
        told.write(Path(options.out) / f"{drug.name}.{options.format}", numbers)
        told.files.append(f"{drug.name}.{options.format}")
    if options.out:
        _draw_drug(drug.name, Path(options.out), told)


def _mark(kind: str, name: str) -> str:
    """Return the mark of an entry of the user's own tables."""
    from testis_abm.parameters.own import is_own

    return "[own] " if is_own(kind, name) else ""


def _draw_drug(name: str, folder: Path, told: Told) -> None:
    """Write the picture of a drug at its usual regimen."""
    try:
        guard.matplotlib()
    except TestisError as error:
        # The table is what was asked for; the picture is an extra, and so is matplotlib.
        told.note(f"no picture: {error}")
        return
    from testis_abm.experiments.drug_course import drug_course
    from testis_abm.pictures import drug

    printing.picture(told, drug.draw(drug_course(name)), name, folder)


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
            RULES,
            tables("beside the Parquet that is written in any case"),
            REPORT,
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
        tables("and write its numbers there; without it none"),
    ),
    _reader(
        "rules",
        "list the words of rules without coding: behaviours by cell, signals and units",
        _rules,
        "a cell, such as pachytene",
    ),
    _reader("scenarios", "list the scenarios that come with the program, or show one", _scenarios, "a name"),
)
