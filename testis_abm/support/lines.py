"""Where the keys of a TOML text stand: its lines by key path, which tomllib does not tell."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Iterable, Mapping

from testis_abm.support.errors import Problem

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[\s]|#[^\n]*)*")
_STRING = re.compile(
    r'"""(?:[^"\\]|\\.|"(?!""))*"{3,5}|' r"'''(?:[^']|'(?!''))*'{3,5}|" r'"(?:[^"\\\n]|\\.)*"|' r"'[^'\n]*'", re.DOTALL
)
_PLAIN = re.compile(r"[^,\]}\n#]*")

type Keys = tuple[str | int, ...]


def lines(text: str) -> Mapping[str, int]:
    """Return the line (from 1) on which each key of a TOML text stands, by `dotted` path; places in lists count from 0.

    Empty for a text that is no TOML.
    """
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (IndexError, ValueError, RecursionError, AttributeError):
        return {}
    return scanner.found


def dotted(path: Iterable[str | int]) -> str:
    """Return a path as one text, the same however its keys are quoted."""
    return ".".join(map(str, path))


def line_of(found: Mapping[str, int], path: Iterable[str | int]) -> int | None:
    """Return the line of a path, or of the innermost table around it that stands in the text; None where none does."""
    name = dotted(path)
    while name:
        if name in found:
            return found[name]
        name = name.rpartition(".")[0]
    return None


def placed(problem: Problem, file: str, found: Mapping[str, int]) -> Problem:
    """Return a problem under the file and the line that it is of."""
    line = line_of(found, problem.path)
    return problem.at(file if line is None else f"{file}:{line}")


class _Scanner:
    """Reads the keys of a valid TOML text and steps over its values."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0
        self.found: dict[str, int] = {}
        self._starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._counts: dict[str, int] = {}  # of [[tables]] so far, by path

    def document(self) -> None:
        table: Keys = ()
        while self._next() is not None:
            if self.text[self.at] == "[":
                begun, double = self.at, self.text.startswith("[[", self.at)
                self.at += 1 + double
                table = self._placed(self._key(), double)
                self.found.setdefault(dotted(table), self._line(begun))
                self.at = self.text.index("]", self.at) + 1 + double
            else:
                self._pair(table)

    def _next(self) -> str | None:
        self.at = _BLANK.match(self.text, self.at).end()  # type: ignore[union-attr]
        return self.text[self.at] if self.at < len(self.text) else None

    def _line(self, at: int) -> int:
        return bisect_right(self._starts, at)

    def _placed(self, key: Keys, double: bool) -> Keys:
        """Return the path of a header, with the place of each list of tables on its way."""
        path: Keys = ()
        for k, part in enumerate(key):
            path = (*path, part)
            name = dotted(path)
            if double and k == len(key) - 1:
                self._counts[name] = self._counts.get(name, -1) + 1
            self.found.setdefault(name, self._line(self.at - 1))
            if name in self._counts:
                path = (*path, self._counts[name])
        return path

    def _key(self) -> Keys:
        parts: list[str] = []
        while True:
            self.at = _SPACE.match(self.text, self.at).end()  # type: ignore[union-attr]
            if self.text[self.at] in "\"'":
                match = _STRING.match(self.text, self.at)
                parts.append(tomllib.loads(f"k = {match[0]}")["k"])  # type: ignore[index]
            else:
                match = _BARE.match(self.text, self.at)
                parts.append(match[0])  # type: ignore[index]
            self.at = _SPACE.match(self.text, match.end()).end()  # type: ignore[union-attr]
            if self.text[self.at] != ".":
                return tuple(parts)
            self.at += 1

    def _pair(self, table: Keys) -> None:
        begun = self.at
        path = (*table, *self._key())
        for k in range(len(table) + 1, len(path) + 1):
            self.found.setdefault(dotted(path[:k]), self._line(begun))
        self.at = self.text.index("=", self.at) + 1
        self._value(path)

    def _value(self, path: Keys) -> None:
        sign = self._next()
        if sign == "{":
            self.at += 1
            while self._next() != "}":
                self._pair(path)
                if self._next() == ",":
                    self.at += 1
            self.at += 1
        elif sign == "[":
            self.at += 1
            place = 0
            while self._next() != "]":
                self.found.setdefault(dotted((*path, place)), self._line(self.at))
                self._value((*path, place))
                place += 1
                if self._next() == ",":
                    self.at += 1
            self.at += 1
        else:
            string = _STRING.match(self.text, self.at) if sign in ('"', "'") else None
            self.at = (string or _PLAIN.match(self.text, self.at)).end()  # type: ignore[union-attr]
