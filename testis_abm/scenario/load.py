"""Reads scenario files and names every fault by file and place."""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from testis_abm.scenario.kind import elsewhere
from testis_abm.scenario.quantities import parse_day, parse_duration
from testis_abm.scenario.scenario import Scenario, alike, flat, unusual
from testis_abm.scenario.section import plain
from testis_abm.scenario.shipped import found, shipped
from testis_abm.support import files, guard
from testis_abm.support.errors import Problem, ScenarioError, nearest, printable, shown

# Scenarios are a few kB; this stops a slip such as /dev/zero or a results file.
_LARGEST_BYTES = 1_000_000
_SHORTEST = 'a scenario can be as short as title = "Fertile man"'
# Command -> the table of its experiments; a trial has arms too, so arms go last.
_LISTS = ("therapy", "weight", "observed")
_TOML_FAULT = re.compile(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

type Place = tuple[str | int, ...]


def load(
    source: str | os.PathLike[str] | Mapping[str, Any] | Scenario, *, overrides: Mapping[str, object] | None = None
) -> Scenario:
    """Read a scenario from a TOML file, or from a mapping of the same shape.

    Args:
        source: path of the file, the mapping, or a Scenario (to change it).
        overrides: values by dotted path, as in `--set`: "man.bmi", "therapy.1.dose" (counted from 1),
            "parameters.axis.lh_reference". Text is read as a TOML value where it is one: "31" is a number. A shorter
            "plan.duration" also leaves out the samples, observations and therapies of the file that lie beyond it.

    Raises:
        ScenarioError: one line a problem: file, place, value, what is allowed.
    """
    if isinstance(source, Scenario):
        source = source.as_dict()
    source = guard.readable(source)
    path = None if isinstance(source, Mapping) else os.fspath(source)
    name = "scenario" if path is None else printable(path)
    raw = source if path is None else _read(Path(path), name)
    scenario = _made(raw, name, "" if path is None else path, overrides)
    scenario._path = path
    return scenario


def load_bytes(content: bytes, name: str) -> Scenario:
    """Read a scenario from the content of a TOML file that is called `name`; no file is touched.

    Raises:
        ScenarioError: as `load` does.
    """
    shown_name = printable(name)
    return _made(_parsed(_small(content, shown_name), shown_name), shown_name, name)


def _made(source: object, name: str, path: str, overrides: Mapping[str, object] | None = None) -> Scenario:
    """Return the scenario of some tables; `path` is what it is called if it has no title."""
    raw = _tidy(source, name)
    if place := elsewhere(raw, "run"):
        raise ScenarioError(f"{name}: {place}")
    if path:
        raw.setdefault("title", printable(Path(path).stem)[:200] or "Untitled")
    settings = _Settings(overrides)
    settings.apply(raw)
    if "plan.duration" in settings.paths:
        cut(raw)
    try:
        scenario = Scenario(**raw)
    except ScenarioError as error:
        raise _lines(settings.line(problem, name) for problem in error.problems) from None
    for note in (*alike(scenario.therapy), *unusual(scenario)):
        warnings.warn(note, stacklevel=3)
    return scenario


def _lines(lines: Iterable[str]) -> ScenarioError:
    return ScenarioError(Problem((), line) for line in lines)


def changed(source: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    """Return the tables of a scenario with overrides in place, as `load` would read them.

    Raises:
        ScenarioError: an override that is no place in a scenario.
    """
    raw, settings = _tidy(source, "scenario"), _Settings(overrides)
    settings.apply(raw)
    if "plan.duration" in settings.paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `load` has told what is left out
            cut(raw)
    return raw


class _Settings:
    """The overrides of one load: puts them in place and recognises the problems they cause."""

    def __init__(self, overrides: Mapping[str, object] | None) -> None:
        self._given = {str(key): (_split(str(key)), value) for key, value in guard.changes(overrides).items()}
        faults = [
            f"{_label(key, value)}: is not a place in a scenario; write for example man.bmi=31"
            for key, (path, value) in self._given.items()
            if not path
        ]
        if faults:
            raise _lines(faults)

    @property
    def paths(self) -> set[str]:
        """Return the dotted paths that are overridden."""
        return {key.strip() for key in self._given}

    def apply(self, raw: dict[str, Any]) -> None:
        faults = []
        for key, (path, value) in self._given.items():
            if text := _put(raw, path, toml_value(value)):
                faults.append(f"{_label(key, value)}: {text}")
        if faults:
            raise _lines(faults)

    def line(self, problem: Problem, source: str) -> str:
        """Return the problem as one line, under the override that caused it or else under the source."""
        causes = [(path, key) for key, (path, _) in self._given.items() if _overlap(path, problem.path)]
        if not causes:
            return f"{source}: {problem.line()}"
        path, key = max(causes, key=lambda cause: len(cause[0]))
        # What lies below the overridden place still has to be named.
        below = problem.path[len(path) :]
        inner = Problem(below, problem.text, named=problem.named and bool(below))
        return f"{_label(key, self._given[key][1])}: {inner.line()}"


def cut(raw: dict[str, Any]) -> None:
    """Leave out what lies beyond the plan's end; what cannot be read stays for the checks to name."""
    plan, samples = raw.get("plan"), raw.get("samples")
    if not isinstance(plan, dict):
        return
    try:
        end = parse_duration(plan.get("duration"))
    except ScenarioError:
        return
    if isinstance(samples, dict):
        for name, days in samples.items():
            if isinstance(days, list):
                samples[name] = [day for day in days if not _beyond(day, end)]
    late: list[str] = []
    for section, key in (("observed", "day"), ("therapy", "from"), ("weight", "from")):
        if isinstance(items := raw.get(section), list):
            beyond = [isinstance(item, dict) and _beyond(item.get(key, 0), end) for item in items]
            raw[section] = [item for item, of in zip(items, beyond, strict=True) if not of]
            if section != "observed":
                told = zip(range(1, len(items) + 1), items, beyond, strict=True)
                late += [f"{section} {k} ({_in_short(item)})" for k, item, of in told if of]
    if late:
        warnings.warn(f"left out, as they begin after the last day, {end:g}: {', '.join(late)}", stacklevel=4)


def _in_short(item: Mapping[str, Any]) -> str:
    """Return a therapy or a weight as a few words: what, from when, and what would have decided."""
    what = [printable(str(item[key])) for key in ("drug", "dose", "bmi") if key in item]
    when = f", when {printable(str(item['when']))}" if "when" in item else ""
    return f"{' '.join(what)} from {printable(str(item.get('from', 0)))}{when}"


def _beyond(day: object, end: float) -> bool:
    try:
        return parse_day(day) > end
    except ScenarioError:
        return False


def _label(key: str, value: object) -> str:
    text = shown(value)
    return f"--set {shown(key)[1:-1]}={text[1:-1] if isinstance(value, str) else text}"


def _overlap(one: Place, other: Place) -> bool:
    return bool(one and other) and all(a == b for a, b in zip(one, other, strict=False))


def _split(key: str) -> Place:
    """Return the path of "therapy.1.dose" as ("therapy", 0, "dose"); empty if it is none."""
    section, _, rest = key.strip().partition(".")
    if section == "parameters" and rest:
        return section, rest
    parts: list[str | int] = [part.strip() for part in key.split(".")]
    if "" in parts:
        return ()
    if section in _LISTS and len(parts) > 1 and re.fullmatch(r"[0-9]{1,6}", str(parts[1])):
        parts[1] = int(parts[1]) - 1
    return tuple(parts)


def _put(raw: dict[str, Any], path: Place, value: object) -> str | None:
    """Set a value inside `raw`; return what is wrong with the path, or None."""
    place: Any = raw
    if path[0] in _LISTS and len(path) > 1:
        if fault := _position_fault(raw.get(str(path[0]), []), str(path[0]), path[1]):
            return fault
        place = raw[str(path[0])]
        if len(path) == 2:
            return f"say which key of {path[0]}, as in {path[0]}.1.<key>"
        path = path[1:]
    for key in path[:-1]:
        place = place[key] if isinstance(key, int) else place.setdefault(key, {})
        if not isinstance(place, dict):
            return f"{key} is {shown(place)} in the scenario and holds no keys"
    place[path[-1]] = value
    return None


def _position_fault(items: object, section: str, position: str | int) -> str | None:
    if not isinstance(items, list) or not items:
        return f"the scenario has no [[{section}]]"
    if isinstance(position, int) and 0 <= position < len(items):
        return None if isinstance(items[position], dict) else f"{section} {position + 1} is not a table"
    last = f" to {section}.{len(items)}.<key>" if len(items) > 1 else ""
    return f"the scenario has {len(items)} [[{section}]]; write {section}.1.<key>{last}"


def toml_value(value: object) -> object:
    """Return the value that text spells in TOML, or the text itself; other values as lists and tables."""
    if not isinstance(value, str):
        return plain(value)
    try:
        found = plain(tomllib.loads(f"value = {value}"))
    except (ValueError, RecursionError):
        return value
    # A comment or a line break would hide part of what was typed.
    whole = found.keys() == {"value"} and "#" not in value and "\n" not in value
    return found["value"] if whole and isinstance(found["value"], int | float | str | list | dict) else value


def _tidy(source: object, name: str) -> dict[str, Any]:
    """Return plain tables of our own; parameters by dotted name, so that settings find them."""
    try:
        raw: dict[str, Any] = plain(source)
    except ScenarioError as error:
        raise ScenarioError(f"{name}: {error}") from None
    if isinstance(raw.get("parameters"), dict):
        numbers: dict[str, Any] = {}
        for key, value in flat(raw["parameters"]):
            if key in numbers:
                raise ScenarioError(f"{name}: parameters: {printable(key)}: is given twice")
            numbers[key] = value
        raw["parameters"] = numbers
    return raw


def read_raw(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file as they stand.

    Raises:
        ScenarioError: it is missing, or no TOML.
    """
    return _read(path, printable(str(path)))


def read_tables(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tables of a TOML file as they stand, and its text.

    Raises:
        ScenarioError: it is missing, or no TOML.
    """
    name = printable(str(path))
    content = _bytes(path, name)
    return _parsed(content, name), _decoded(content, name)


def _read(path: Path, name: str) -> dict[str, Any]:
    return _parsed(_bytes(path, name), name)


def _parsed(content: bytes, name: str) -> dict[str, Any]:
    text = _decoded(content, name)
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise ScenarioError(f"{name}: is nested too deeply to be a scenario") from None
    except ValueError as error:
        raise ScenarioError(f"{name}: {_toml_fault(str(error), text)}") from None
    if not raw:
        raise ScenarioError(f"{name}: has no settings in it; {_SHORTEST}")
    return raw


def _bytes(path: Path, name: str) -> bytes:
    try:
        with files.regular(found(path)) as file:
            content = file.read(_LARGEST_BYTES + 1) or b""
    except FileNotFoundError:
        raise ScenarioError(f"{name}: no such file{_neighbour(path)}") from None
    except IsADirectoryError:
        raise ScenarioError(f"{name}: is a directory; name a scenario file (*.toml) in it") from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"{name}: cannot be read: {files.reason(error).lower()}") from None
    return _small(content, name)


def _small(content: bytes, name: str) -> bytes:
    if len(content) > _LARGEST_BYTES:
        raise ScenarioError(f"{name}: is larger than 1 MB and no scenario")
    return content


def _neighbour(path: Path) -> str:
    try:
        names = {other.stem: other.name for other in path.parent.glob("*.toml")}
    except OSError:
        return ""
    guess = nearest(path.stem, names)
    if guess:
        return f'; nearest: "{printable(str(path.parent / names[guess]))}"'
    guess = nearest(path.stem, shipped())
    return f'; nearest: "{guess}" (see: testis-abm scenarios)' if guess else ""


def _decoded(content: bytes, name: str) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ScenarioError(f"{name}: is UTF-16 text; save it as UTF-8")
    if b"\0" in content:
        raise ScenarioError(f"{name}: is a binary file; a scenario is TOML text")
    try:
        # Windows editors put a byte-order mark in front.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong = f"byte 0x{content[error.start]:02x} is not UTF-8 text"
        raise ScenarioError(f"{name}: line {line}: {wrong}; save the file as UTF-8") from None
    if not text.strip():
        raise ScenarioError(f"{name}: is empty; {_SHORTEST}")
    return text


def _toml_fault(message: str, text: str) -> str:
    found = _TOML_FAULT.fullmatch(message)
    if found is None:
        # Python's own limit on the digits of an integer comes without a place.
        long = "digits" in message
        return f"is not valid TOML: {'a number has thousands of digits' if long else printable(message)}"
    said, line, column = found.groups()
    said = printable(said[:1].lower() + said[1:])
    if line is None:
        last = text.rstrip().count("\n") + 1
        return f"line {last}: {said}, and the file ends there; is it cut short?"
    # "cannot ..." is a table or key given twice; all else is a matter of punctuation.
    hint = "" if said.startswith("cannot") else "; is a quote, bracket or = missing?"
    return f"line {line}, column {column}: {said}{hint}"
