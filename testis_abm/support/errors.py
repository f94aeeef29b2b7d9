"""Errors that a user can act on, and the wording they share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import NamedTuple

_LONGEST_SHOWN = 60
_FEW = 12  # names that a message lists
_LONGEST_WORD = re.compile(r"(\S{120})\S{121,}(\S{120})")
_LONGEST_LINE = re.compile(r"^(.{300}).{601,}(.{600})$", re.MULTILINE)


class TestisError(Exception):
    """A fault of the input or the machine, described in one line (exit code 2)."""

    # Stops pytest from collecting the class for its name.
    __test__ = False
    problems: tuple[Problem, ...] = ()  # each with its place, where it is known

    def __init__(self, message: str) -> None:
        # What a user wrote may hold signs that move the cursor, or be thousands of signs long.
        super().__init__("\n".join(brief(printable(line)) for line in str(message).split("\n")))


class Problem(NamedTuple):
    """One fault of an input.

    Attributes:
        path: keys from the outside in; list positions count from 0, as in ("therapy", 1, "dose").
        text: what is wrong, what is allowed and what to do, on one line.
        named: whether the text itself names the last key of the path.
    """

    path: tuple[str | int, ...]
    text: str
    named: bool = False

    def at(self, *place: str | int) -> Problem:
        """Return it with a place in front of its path."""
        return self._replace(path=(*place, *self.path))

    def without(self, place: str) -> Problem:
        """Return it without a place that its path begins with."""
        return self._replace(path=self.path[1:]) if self.path[:1] == (place,) else self

    def line(self) -> str:
        """Return the problem as users read it: `therapy 2: dose: ...`."""
        path = self.path[:-1] if self.named else self.path
        return "".join(f"{part}: " for part in _parts(path)) + self.text


class ScenarioError(TestisError, ValueError):
    """A scenario that cannot be understood or lies outside the allowed range, one line a problem.

    It is a ValueError too, so that pydantic gathers it with its neighbours.

    Args:
        message: what is wrong, or every problem.
        path: of the message.

    Attributes:
        problems: every fault found, with its path.
    """

    def __init__(self, message: str | Iterable[Problem], *path: str | int) -> None:
        self.problems = (Problem(path, message),) if isinstance(message, str) else tuple(message)
        super().__init__("\n".join(problem.line() for problem in self.problems))

    def at(self, *place: str | int) -> ScenarioError:
        """Return the same problems with a place in front of their paths."""
        return ScenarioError(problem.at(*place) for problem in self.problems)


class Note(UserWarning):
    """What a user should know though nothing is wrong; commands print it, whatever Python does with warnings."""


class Problems(list[Problem]):
    """Faults that are gathered to be raised together (see `gathered`)."""

    def add(self, text: str, *path: str | int, named: bool = False) -> None:
        """Note a fault."""
        self.append(Problem(path, text, named))

    @contextmanager
    def at(self, *place: str | int) -> Iterator[None]:
        """Note what is raised inside, under a place."""
        try:
            yield
        except ScenarioError as error:
            self.extend(problem.at(*place) for problem in error.problems)


@contextmanager
def gathered() -> Iterator[Problems]:
    """Give a list for faults; those that are in it at the end are raised.

    Raises:
        ScenarioError: with all of them.
    """
    problems = Problems()
    yield problems
    refuse(problems)


def refuse(problems: Iterable[Problem]) -> None:
    """Raise problems together, if there are any.

    Raises:
        ScenarioError: with all of them.
    """
    if every := list(problems):
        raise ScenarioError(every)


def _parts(path: tuple[str | int, ...]) -> list[str]:
    parts: list[str] = []
    for key in path:
        if isinstance(key, int) and parts:
            parts[-1] += f" {key + 1}"
        else:
            parts.append(printable(str(key)))
    return parts


def brief(text: str) -> str:
    """Return `text` without the middle of overlong words and lines (a path, an argument of thousands of signs)."""
    return _LONGEST_LINE.sub(r"\1...\2", _LONGEST_WORD.sub(r"\1...\2", text))


def printable(text: str) -> str:
    """Return `text` on one line: what cannot be printed is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def shown(value: object) -> str:
    """Return `value` as a user wrote it, on one line and cut to a readable length."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list | tuple):
        return _listed(value)
    if value is None:
        return "None"
    # Arrays and tables of other libraries spread over many lines, and what can be called has an address for a name.
    if (hasattr(value, "__array__") and getattr(value, "shape", None)) or callable(value):
        return f"a {getattr(value, '__name__', type(value).__name__)}"
    try:
        # An integer of thousands of digits refuses to become text.
        text = str(value)
    except ValueError:
        return "a number of thousands of digits"
    text = printable(text)
    if len(text) > _LONGEST_SHOWN:
        text = text[: _LONGEST_SHOWN - 3] + "..."
    return text if isinstance(value, Real) else f'"{text}"'


def _listed(values: Sequence[object]) -> str:
    """Return the first values of a list, as many as are readable."""
    inner = [
        "[...]" if isinstance(value, list | tuple) and value else shown(value) for value in values[:_LONGEST_SHOWN]
    ]
    text = f"[{', '.join(inner)}]"
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 4]}...]"


def written(number: float) -> str:
    """Return `number` so that it reads back exactly, without a bare ".0"."""
    return repr(float(number)).removesuffix(".0")


def nearest(word: object, names: Iterable[str]) -> str | None:
    """Return the name most like `word`, or None where nothing is alike.

    The last part of a dotted name counts as a name too: "lh_reference" finds "axis.lh_reference".
    """
    import difflib

    spellings: dict[str, str] = {}
    for name in names:
        spellings.setdefault(name.lower().split(".")[-1], name)
    spellings |= {name.lower(): name for name in names}
    sought = str(word)[:_LONGEST_SHOWN].strip().lower()
    close = difflib.get_close_matches(sought, spellings, n=1, cutoff=0.6)
    if not close and len(sought) > 2:
        # "obese" is too short to be alike: a name that begins with it, or holds it, is meant.
        holding = (name for name in spellings if sought in name)
        close = sorted(holding, key=lambda name: (not name.startswith(sought), name))
    return spellings[close[0]] if close else None


def unknown(what: str, word: object, names: Iterable[str], see: str = "") -> str:
    """Return the message for a name that does not exist: the nearest one, and all where they are few or nothing else tells.

    Args:
        what: kind of the name, such as "preset"; may be empty.
        word: the name that was given.
        names: the names that exist.
        see: the command that lists them.
    """
    names = sorted(names)
    guess = nearest(word, names) if isinstance(word, str) else None
    message = f"{what} {shown(word)} is not known".strip()
    if guess:
        message += f'; nearest: "{guess}"'
    if len(names) <= _FEW or not (guess or see):
        message += "; known: " + ", ".join(names)
    return message + (f" (see: {see})" if see else "")
