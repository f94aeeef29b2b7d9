"""Options that commands share; what they are given is checked by support/guard.py while the command line is read."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any, NoReturn

from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, TestisError, brief, printable, shown

SEED = "random seed"


class Once(argparse.Action):
    """Stores what is known of a patient, and refuses a second value: the last would win silently."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Store the value.

        Raises:
            TestisError: there is one already.
        """
        if getattr(namespace, self.dest) is not None:
            raise TestisError(f"{self.option_strings[0]} is given twice; leave one out")
        setattr(namespace, self.dest, values)


class Parser(argparse.ArgumentParser):
    """A parser whose faults are one line."""

    def error(self, message: str) -> NoReturn:
        """Leave with what is wrong."""
        self.exit(2, f"{self.prog}: {brief(printable(message))} (see: {self.prog} --help)\n")


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


def whole(command: Any, flag: str, what: str, default: int | None = None, limit: tuple[int, int] | None = None) -> None:
    """Add an option that takes a whole number within `limit` (default guard.LIMITS of its name)."""
    low, high = limit or guard.LIMITS[flag.removeprefix("--")]
    read = guard.named(flag, partial(read_whole, low=low, high=high))
    told = what if default is None else f"{what} (default {default})"
    command.add_argument(flag, type=read, default=default, metavar="N", help=told)


def word(command: Any, flag: str, what: str, names: Sequence[str], default: str) -> None:
    """Add an option that takes one of a few words."""
    others = " or ".join(f'"{name}"' for name in names if name != default)
    read = guard.named(flag, partial(guard.word, names=names))
    command.add_argument(
        flag, type=read, default=default, metavar="WORD", help=f'{what}: "{default}" (default) or {others}'
    )


def scenario(command: Any, *, days: str = "instead of plan.duration") -> None:
    """Add the options that change a scenario: --set, --seed and --days."""
    command.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="PATH=VALUE",
        help="change one entry, e.g. man.bmi=31; may be given again",
    )
    whole(command, "--seed", f"{SEED}, instead of plan.seed")
    whole(command, "--days", days)


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


def as_typed(error: TestisError) -> str:
    """Return an error as the command line says it: an override stands under its option."""
    if not isinstance(error, ScenarioError):
        return str(error)
    return str(ScenarioError(map(_under_its_option, error.problems)))


def _under_its_option(problem: Problem) -> Problem:
    match problem.path:
        case ("overrides", entry, *inner):
            return problem._replace(path=(f"--set {entry}", *inner))
    return problem


def read_shard(text: str) -> tuple[int, int]:
    """Return (i, n) of "i/n".

    Raises:
        ScenarioError: it is no part.
    """
    from testis_abm.scenario.amounts import plain

    found = re.fullmatch(r"([0-9]{1,9}) ?/ ?([0-9]{1,9})", plain(text))
    return guard.shard((int(found[1]), int(found[2])) if found else text, "")
