"""Commands and options as they are declared; support/guard.py checks what they are given as the line is read."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple, NoReturn

from testis_abm.choices import DISCLAIMER
from testis_abm.quantities import UNIT_SYSTEMS, UNITS_VARIABLE
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, TestisError, brief, printable, shown
from testis_abm.support.outputs import FORMATS, SOFTWARE, read_format

AS_JSON: ContextVar[bool] = ContextVar("json", default=False)  # whether faults of a command line are told as JSON
AGAIN = "; may be given again"


class Option(NamedTuple):
    """An option or argument: its name, what argparse takes of it, and words that a shell offers for it."""

    name: str
    settings: dict[str, Any]
    words: Sequence[str] = ()


class Command(NamedTuple):
    """A command: its line in the list, what it does, and its options; `also` stands in their namespace too; `unitless`: it shows no levels."""

    name: str
    summary: str
    action: Callable[[argparse.Namespace], int | None]
    options: Sequence[Option] = ()
    description: str = ""
    example: str = ""
    also: dict[str, Any] = {}  # noqa: RUF012 (never changed)
    unitless: bool = False

    def add(self, commands: Any) -> None:
        """Add the command to the parser of `testis-abm`."""
        epilog = f"Example: testis-abm {self.name} {self.example}" if self.example else None
        description = self.description or f"{self.summary[0].upper()}{self.summary[1:]}. {DISCLAIMER}"
        parser = commands.add_parser(self.name, help=self.summary, description=description, epilog=epilog)
        for option in (*self.options, TABLES, JSON, *([] if self.unitless else [UNITS])):
            parser.add_argument(option.name, **option.settings)
            parser.words[option.name] = option.words
        parser.set_defaults(action=self.action, **self.also)


class Parser(argparse.ArgumentParser):
    """A parser whose faults are one line, and to which an option is known by its whole name alone.

    Argparse would take "--out" for "--output" where a command has no --out, and do something else than was asked for.
    """

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **{**settings, "allow_abbrev": False})
        self.words: dict[str, Sequence[str]] = {}  # option -> what a shell offers for it

    def error(self, message: str) -> NoReturn:
        """Leave with what is wrong."""
        text = f"{brief(printable(message))} (see: {self.prog} --help)"
        if AS_JSON.get():
            self.exit(2, json.dumps({"software": SOFTWARE, "errors": [{"place": self.prog, "text": text}]}) + "\n")
        self.exit(2, f"{self.prog}: {text}\n")


def option(name: str, what: str, words: Sequence[str] = (), **settings: Any) -> Option:
    """Return an option that takes a text, or as `settings` say; a shell offers `words` for it."""
    return Option(name, {"help": what} | settings, words)


def flag(name: str, what: str) -> Option:
    """Return an option that is there or not."""
    return option(name, what, action="store_true")


def several(name: str, metavar: str, what: str) -> Option:
    """Return an option that may be given again."""
    return option(name, what + AGAIN, action="append", default=[], metavar=metavar)


def whole(name: str, what: str, default: int | None = None, limit: tuple[int, int] | None = None) -> Option:
    """Return an option that takes a whole number within `limit` (default guard.LIMITS of its name)."""
    low, high = limit or guard.LIMITS[name.removeprefix("--")]
    read = guard.named(name, partial(read_whole, low=low, high=high))
    least = f"at least {low}" if low > 1 else ""
    more = "; ".join(filter(None, [least, "" if default is None else f"default {default}"]))
    return option(name, f"{what} ({more})" if more else what, type=read, default=default, metavar="N")


def word(
    name: str, what: str, words: Sequence[str], default: str, known: Callable[[], Sequence[str]] | None = None
) -> Option:
    """Return an option that takes one of a few words; `known` are those of the day, with the user's own."""
    others = " or ".join(f'"{other}"' for other in words if other != default)
    read = guard.named(name, lambda text: guard.word(text, names=words if known is None else known()))
    what = f'{what}: "{default}" (default) or {others}'
    return option(name, what, words, type=read, default=default, metavar="WORD")


def read_whole(text: str, low: int, high: int) -> int:
    """Return the whole number that `text` spells.

    Raises:
        ScenarioError: it spells none, or one out of range.
    """
    from testis_abm.scenario.amounts import NUMBER, number_in, plain

    written = plain(text)
    if re.fullmatch(r"[+-]?[0-9]{1,300}", written):
        return guard.whole(int(written), low, high)
    return guard.whole(number_in(written) if re.fullmatch(NUMBER, written, re.IGNORECASE) else text, low, high)


def day_of(text: str | None, last: int) -> int:
    """Return the day of a plan up to day `last` that --day spells (None: the last).

    Raises:
        TestisError: it spells none, or one out of the plan.
    """
    return last if text is None else guard.named("--day", partial(read_whole, low=0, high=last))(text)


def read_shard(text: str) -> tuple[int, int]:
    """Return (i, n) of "i/n".

    Raises:
        ScenarioError: it is no part.
    """
    from testis_abm.scenario.amounts import plain

    parts = re.fullmatch(r"([0-9]{1,9}) ?/ ?([0-9]{1,9})", plain(text))
    return guard.shard((int(parts[1]), int(parts[2])) if parts else text, "")


TABLES = option(
    "--tables", "folder of drugs, presets, populations, ... of your own (docs/own_tables.md)", metavar="FOLDER"
)
SEED = whole("--seed", "random seed", 1)
NO_PLOTS = flag("--no-plots", "write tables only")
RULES = option(
    "--rules", "a file of Python of your own, which is run: RULES, modifiers(model) (docs/rules.md)", metavar="FILE"
)
REPORT = flag("--report", "write report.html there too: one page of all that was found, which needs nothing else")
JSON = flag("--json", "print one JSON document instead of text; faults are JSON on standard error")
UNITS = option(
    "--units",
    f"of levels: {' or '.join(UNIT_SYSTEMS)} (default that of {UNITS_VARIABLE}, or conventional)",
    tuple(UNIT_SYSTEMS),
    type=guard.named("--units", partial(guard.word, names=UNIT_SYSTEMS)),
    metavar="SYSTEM",
)


def tables(usual: str) -> Option:
    """Return the option of the format of tables; `usual` says what is written without it."""
    read = guard.named("--format", read_format)
    return option("--format", f"of tables: {', '.join(FORMATS)} ({usual})", tuple(FORMATS), type=read, metavar="FORMAT")


def need_out(options: argparse.Namespace) -> None:
    """Make sure that what is to be written has its folder.

    Raises:
        TestisError: --report or --format without --out.
    """
    given = [name for name in ("report", "format") if getattr(options, name, None)]
    if given and not options.out:
        raise TestisError(f"--{given[0]}: name a folder for it, --out FOLDER")


def scenario(days: str = "instead of plan.duration") -> tuple[Option, ...]:
    """Return the options that change a scenario: --set, --seed and --days."""
    return (
        several("--set", "PATH=VALUE", "change one entry, e.g. man.bmi=31"),
        whole("--seed", "random seed, instead of plan.seed"),
        whole("--days", days),
    )


def overrides(options: argparse.Namespace, seeds: Iterable[str] = ("plan.seed",)) -> dict[str, str | int]:
    """Return what the options of `scenario` put into a scenario, dotted path -> value.

    Args:
        options: as parsed.
        seeds: the paths that --seed sets.

    Raises:
        TestisError: one that is not PATH=VALUE, or a path that is given twice.
    """
    changes: dict[str, str | int] = {}

    def put(path: str, value: str | int, flag: str) -> None:
        if path in changes:
            raise TestisError(f"{flag}: {shown(path)[1:-1]} is given twice; leave one out")
        changes[path] = value

    for entry in options.set:
        path, equals, value = entry.partition("=")
        if not equals or not path.strip():
            raise TestisError(f"--set {shown(entry)[1:-1]}: write it as PATH=VALUE, for example --set man.bmi=31")
        put(path.strip(), value.strip(), f"--set {shown(entry)[1:-1]}")
    if options.seed is not None:
        for path in seeds:
            put(path, options.seed, "--seed")
    if options.days is not None:
        put("plan.duration", f"{options.days} days", "--days")
    return changes


def as_typed(error: TestisError | str) -> str:
    """Return an error as the command line says it: an override stands under its option."""
    if not isinstance(error, ScenarioError):
        return str(error)
    return str(ScenarioError(map(under_its_option, error.problems)))


def under_its_option(problem: Problem) -> Problem:
    """Return a problem of an override under the option that set it."""
    match problem.path:
        case ("overrides", entry, *inner):
            return problem._replace(path=(f"--set {entry}", *inner))
    return problem
