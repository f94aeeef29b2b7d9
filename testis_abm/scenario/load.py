"""Reads scenario files and names every fault by file and place."""

from __future__ import annotations

import os
import re
import tomllib
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from testis_abm.choices import TREATMENTS
from testis_abm.scenario.amounts import parse_day, parse_duration
from testis_abm.scenario.format import current
from testis_abm.scenario.kind import elsewhere
from testis_abm.scenario.scenario import Scenario, alike, extrapolated, too_small, unusual
from testis_abm.scenario.section import flat, plain
from testis_abm.scenario.shipped import found, shipped
from testis_abm.support import files, guard
from testis_abm.support.errors import Note, Problem, ScenarioError, gathered, nearest, printable, shown

# Scenarios are a few kB; this stops a slip such as /dev/zero or a results file.
_LARGEST_BYTES = 1_000_000
_SHORTEST = 'a scenario can be as short as title = "Fertile man"'
_LISTS = (*TREATMENTS, "observed")
_TOML_FAULT = re.compile(r"(.*?) \(at (?:line (\d+), column (\d+)|end of document)\)", re.DOTALL)

type Place = tuple[str | int, ...]


def load(
    source: str | os.PathLike[str] | Mapping[str, Any] | Scenario,
    *,
    overrides: Mapping[str, object] | None = None,
    name: str = "scenario",
) -> Scenario:
    """Read a scenario from a TOML file, or from a mapping of the same shape.

    Args:
        source: path of the file, the mapping, or a Scenario (to change it).
        overrides: values by dotted path: "man.bmi", "therapy.1.dose" (counted from 1), "parameters.axis.lh_reference".
            Text is read as a TOML value where it is one: "31" is a number. A shorter "plan.duration" also leaves out
            the samples, observations and therapies of the file that lie beyond it.
        name: what problems call a mapping.

    Raises:
        ScenarioError: one problem a fault: file (or "overrides" and the entry), place, value, what is allowed.
    """
    settings = _Settings(overrides)
    if isinstance(source, Scenario):
        if not settings.paths:
            return source
        source = source.as_dict()
    source = guard.readable(source)
    if isinstance(source, Mapping):
        return _understood(source, printable(str(name)), settings)
    path = os.fspath(source)
    scenario = _understood(read_raw(Path(path)), printable(path), settings, Path(path).stem)
    scenario._path = path
    return scenario


def load_bytes(content: bytes, name: str) -> Scenario:
    """Read a scenario from the content of a TOML file that is called `name`; no file is touched.

    Raises:
        ScenarioError: as `load` does.
    """
    with guard.at(printable(name)):
        raw = _parsed(_text(content))
    return _understood(raw, printable(name), _Settings(None), Path(name).stem)


def _understood(source: object, name: str, settings: _Settings, title: str | None = None) -> Scenario:
    """Return the scenario of some tables; `title` is its title if it has none of its own."""
    with guard.at(name):
        raw = _tidy(source)
        if place := elsewhere(raw, "run"):
            raise ScenarioError(place)
    if title is not None:
        raw.setdefault("title", printable(title)[:200] or "Untitled")
    settings.apply(raw)
    if "plan.duration" in settings.paths:
        cut(raw)
    try:
        scenario = Scenario(**raw)
    except ScenarioError as error:
        raise ScenarioError(settings.placed(problem, name) for problem in error.problems) from None
    for note in (*alike(scenario.therapy), *unusual(scenario), *too_small(scenario), *extrapolated(scenario)):
        warnings.warn(note, Note, stacklevel=3)
    return scenario


def changed(source: Mapping[str, Any], overrides: Mapping[str, object]) -> dict[str, Any]:
    """Return the tables of a scenario with overrides in place, as `load` would read them.

    Raises:
        ScenarioError: an override that is no place in a scenario.
    """
    raw, settings = _tidy(source), _Settings(overrides)
    settings.apply(raw)
    if "plan.duration" in settings.paths:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # `load` has reported what is left out
            cut(raw)
    return raw


class _Settings:
    """The overrides of one load: puts them in place and recognises the problems they cause."""

    def __init__(self, overrides: object) -> None:
        self._given = {key: (_split(key), value) for key, value in guard.changes(overrides).items()}
        with gathered() as problems:
            for key, (path, value) in self._given.items():
                if not path:
                    problems.add("is not a place in a scenario; write for example man.bmi=31", *_label(key, value))

    @property
    def paths(self) -> set[str]:
        """Return the dotted paths that are overridden."""
        return {key.strip() for key in self._given}

    def apply(self, raw: dict[str, Any]) -> None:
        with gathered() as problems:
            for key, (path, value) in self._given.items():
                if text := _put(raw, path, toml_value(value)):
                    problems.add(text, *_label(key, value))

    def placed(self, problem: Problem, source: str) -> Problem:
        """Return the problem under the override that caused it, or else under the source."""
        causes = [(path, key) for key, (path, _) in self._given.items() if _overlap(path, problem.path)]
        if not causes:
            return problem.at(source)
        path, key = max(causes, key=lambda cause: len(cause[0]))
        # What lies below the overridden place still has to be named.
        below = problem.path[len(path) :]
        inner = Problem(below, problem.text, named=problem.named and bool(below))
        return inner.at(*_label(key, self._given[key][1]))


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
                samples[name] = [day for day in days if not beyond(day, end)]
    late: list[str] = []
    for section, key in (
        ("observed", "day"),
        ("therapy", "from"),
        ("weight", "from"),
        ("clamp", "from"),
        ("insult", "day"),
    ):
        if isinstance(items := raw.get(section), list):
            # An insult on the last morning would be followed by nothing.
            last = end - 1.0 if section == "insult" else end
            are_late = [isinstance(item, dict) and beyond(item.get(key, 0), last) for item in items]
            raw[section] = [item for item, is_late in zip(items, are_late) if not is_late]
            if section != "observed":
                numbered = enumerate(zip(items, are_late), 1)
                late += [f"{section} {k} ({_in_short(item)})" for k, (item, is_late) in numbered if is_late]
    if late:
        warnings.warn(f"left out, as they begin after the last day, {end:g}: {', '.join(late)}", Note, stacklevel=4)


def _in_short(item: Mapping[str, Any]) -> str:
    """Return a therapy, a weight, a clamp or an insult as a few words: what, from when, and what would have decided."""
    what = [printable(str(item[key])) for key in ("drug", "kind", "dose", "bmi", "quantity") if key in item]
    when = f", when {printable(str(item['when']))}" if "when" in item else ""
    return f"{' '.join(what)} from {printable(str(item.get('from', item.get('day', 0))))}{when}"


def beyond(day: object, end: float) -> bool:
    """Return whether a day lies after the last; what is no day does not, and stays for the checks to name."""
    try:
        return parse_day(day) > end
    except ScenarioError:
        return False


def _label(key: str, value: object) -> tuple[str, str]:
    """Return the place of an override: what it is called, and as it was written."""
    text = shown(value)
    return "overrides", f"{shown(key)[1:-1]}={text[1:-1] if isinstance(value, str) else text}"


def _overlap(one: Place, other: Place) -> bool:
    return bool(one and other) and all(a == b for a, b in zip(one, other))


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
    section, *inner = path
    place: Any = raw
    if section in _LISTS and inner:
        place = raw.get(str(section), [])
        if fault := _position_fault(place, str(section), inner[0]):
            return fault
        if len(inner) == 1:
            return f"say which key of {section}, as in {section}.1.<key>"
        path = tuple(inner)
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
        tables = plain(tomllib.loads(f"value = {value}"))
    except (ValueError, RecursionError):
        return value
    # A comment or a line break would hide part of what was typed.
    whole = tables.keys() == {"value"} and "#" not in value and "\n" not in value
    return tables["value"] if whole and isinstance(tables["value"], int | float | str | list | dict) else value


def _tidy(source: object) -> dict[str, Any]:
    """Return plain tables of our own; parameters by dotted name, so that settings find them."""
    raw = current(plain(source))
    if isinstance(raw.get("parameters"), dict):
        numbers: dict[str, Any] = {}
        for key, value in flat(raw["parameters"]):
            if key in numbers:
                raise ScenarioError("is given twice", "parameters", key)
            numbers[key] = value
        raw["parameters"] = numbers
    return raw


# ---- files


def read_raw(path: Path) -> dict[str, Any]:
    """Return the tables of a TOML file as they stand.

    Raises:
        ScenarioError: it is missing, or no TOML.
    """
    return read_tables(path)[0]


def read_tables(path: Path) -> tuple[dict[str, Any], str]:
    """Return the tables of a TOML file as they stand, and its text.

    Raises:
        ScenarioError: it is missing, or no TOML.
    """
    with guard.at(printable(str(path))):
        text = _text(_content(path))
        return _parsed(text), text


def _content(path: Path) -> bytes:
    try:
        with files.regular(found(path)) as file:
            return file.read(_LARGEST_BYTES + 1) or b""
    except FileNotFoundError:
        raise ScenarioError(f"no such file{_neighbour(path)}") from None
    except IsADirectoryError:
        raise ScenarioError("is a directory; name a scenario file (*.toml) in it") from None
    except (OSError, ValueError) as error:
        raise ScenarioError(f"cannot be read: {files.reason(error).lower()}") from None


def _neighbour(path: Path) -> str:
    try:
        names = {other.stem: other.name for other in path.parent.glob("*.toml")}
    except OSError:
        return ""
    if guess := nearest(path.stem, names):
        return f'; nearest: "{printable(str(path.parent / names[guess]))}"'
    guess = nearest(path.stem, shipped())
    return f'; nearest: "{guess}" (see: testis-abm scenarios)' if guess else ""


def _text(content: bytes) -> str:
    if len(content) > _LARGEST_BYTES:
        raise ScenarioError("is larger than 1 MB and no scenario")
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ScenarioError("is UTF-16 text; save it as UTF-8")
    if b"\0" in content:
        raise ScenarioError("is a binary file; a scenario is TOML text")
    try:
        # Windows editors put a byte-order mark in front.
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        wrong = f"byte 0x{content[error.start]:02x} is not UTF-8 text"
        raise ScenarioError(f"line {line}: {wrong}; save the file as UTF-8") from None
    if not text.strip():
        raise ScenarioError(f"is empty; {_SHORTEST}")
    return text


def _parsed(text: str) -> dict[str, Any]:
    try:
        raw = tomllib.loads(text)
    except RecursionError:
        raise ScenarioError("is nested too deeply to be a scenario") from None
    except ValueError as error:
        raise ScenarioError(_toml_fault(str(error), text)) from None
    if not raw:
        raise ScenarioError(f"has no settings in it; {_SHORTEST}")
    return current(plain(raw), absent=1)


def _toml_fault(message: str, text: str) -> str:
    fault = _TOML_FAULT.fullmatch(message)
    if fault is None:
        # Python's own limit on the digits of an integer comes without a place.
        digits = "digits" in message
        return f"is not valid TOML: {'a number has thousands of digits' if digits else printable(message)}"
    what, line, column = fault.groups()
    what = printable(what[:1].lower() + what[1:])
    if line is None:
        last = text.rstrip().count("\n") + 1
        return f"line {last}: {what}, and the file ends there; is it cut short?"
    # "cannot ..." is a table or key given twice; all else is a matter of punctuation.
    hint = "" if what.startswith("cannot") else "; is a quote, bracket or = missing?"
    return f"line {line}, column {column}: {what}{hint}"
