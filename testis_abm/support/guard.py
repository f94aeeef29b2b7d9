"""What every entry point asks of what it is given: one check and one wording for commands, Python, files and the page.

Each function returns the value as the program uses it, or raises a ScenarioError whose problem has the argument's name
as its path, so that any face can print it: `men: 0 is out of range; allowed: 1 to 100000`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from numbers import Integral, Real
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from testis_abm.support.errors import ScenarioError, TestisError, nearest, printable, shown, unknown

if TYPE_CHECKING:
    import pandas as pd

# Whole numbers that several entry points take: name -> lowest and highest.
LIMITS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "seed": (0, 2**63 - 1),
        "days": (1, 9131),
        "replicates": (1, 10_000),
        "men": (1, 100_000),
        "visits": (1, 20),
        "sets": (1, 1000),
        "levels": (3, 60),
        "hold": (28, 3650),
        "repeats": (20, 100_000),
        "members": (40, 10_000),
        "rounds": (1, 50),
        "folds": (2, 100),
        "workers": (0, 1024),
        "port": (1, 65_535),
        "keep": (1, 3650),
    }
)
SHORTEST_REST = 0.5  # days without ejaculation
MOST_RUNS = 1_000_000  # of one experiment: what is listed before the first run fits into memory


def is_number(value: object) -> bool:
    """Return whether `value` is a real number and no truth value."""
    return isinstance(value, Real) and not isinstance(value, bool)


def whole(value: object, low: int, high: int, name: str = "") -> int:
    """Return a whole number from `low` to `high`."""
    number = cast(float, value)
    if not is_number(value):
        fault = "is not a whole number"
    elif not low <= number <= high:  # so written that NaN fails; not made a float first, so that a huge integer does
        fault = "is out of range"
    elif not isinstance(value, Integral) and not float(number).is_integer():
        fault = "is not a whole number"
    else:
        return int(number)
    raise _fault(name, f"{shown(value)} {fault}; allowed: {low} to {high}")


def argument(name: str, value: object) -> int:
    """Return a whole number within LIMITS[name]."""
    return whole(value, *LIMITS[name], name)


def number(value: object, low: float, high: float, name: str = "", unit: str = "") -> float:
    """Return a number from `low` to `high`."""
    if is_number(value) and low <= cast(float, value) <= high:
        return float(cast(float, value))
    fault = "is out of range" if is_number(value) else "is not a plain number"
    raise _fault(name, f"{shown(value)} {fault}; allowed: {low:g} to {high:g} {unit}".rstrip())


def hour(value: object, name: str = "") -> float:
    """Return an hour of the clock."""
    return number(value, 0.0, 24.0, name, "h of the clock")


def intervals(value: object, name: str) -> tuple[float, ...]:
    """Return days of abstinence before an ejaculate, the one before it, ..., from one number or a list of them."""
    given = value if isinstance(value, list | tuple) else (value,)
    low, high = SHORTEST_REST, LIMITS["days"][1]
    fix = f"allowed: {low:g} to {high:g} days; write for example 3, or [3, 2] for what was before it too"
    if not given:
        raise _fault(name, f"is an empty list; {fix}")
    for days in given:
        if not is_number(days):
            raise _fault(name, f"{shown(days)} is not a plain number of days; {fix}")
        if not low <= days <= high:
            raise _fault(name, f"{shown(days)} is out of range; {fix}")
    return tuple(map(float, given))


def lived(day: object, first: int, last: int, fix: str) -> int:
    """Return a day that a man has lived, `first` to `last`; a day that is over or still to come is refused with `fix`."""
    with suppress(ScenarioError):
        return whole(day, first, last)
    when = cast(float, day)
    fault = "is not a whole number"
    if isinstance(day, Integral) and is_number(day):
        fault = "is over" if when < first else "is still to come"
    only = f"{first} to {last}" if first < last else f"{last}"
    raise _fault("day", f"{shown(day)} {fault}; allowed: {only}; {fix}")


def real(value: object, name: str = "") -> float:
    """Return any number, infinite ones and NaN too."""
    if not is_number(value):
        raise _fault(name, f"{shown(value)} is not a plain number")
    try:
        return float(cast(float, value))
    except OverflowError:
        raise _fault(name, f"{shown(value)} is larger than any number that can be computed with") from None


def word(value: object, names: Iterable[str], name: str = "") -> str:
    """Return one of a few words."""
    names = tuple(names)
    if isinstance(value, str) and value in names:
        return value
    if len(names) > 5:
        raise _fault(name, unknown("", value, names))
    guess = nearest(value, names) if isinstance(value, str) else None
    hint = f'; nearest: "{guess}"' if guess else ""
    raise _fault(name, f"{shown(value)} is not one of {', '.join(names)}{hint}")


def key(value: object, known: Iterable[str], what: str, name: str = "", see: str = "") -> str:
    """Return a key of `known`; what is no text is refused before it is looked up."""
    if isinstance(value, str) and value in known:
        return value
    raise _fault(name, unknown(what, value, known, see))


def mapping(value: object, name: str, example: str) -> Mapping[str, Any]:
    """Return a table."""
    if not isinstance(value, Mapping):
        raise _fault(name, f"{shown(value)} is not a table; write for example {example}")
    return value


def frame(value: object, name: str, columns: Iterable[str] = ()) -> pd.DataFrame:
    """Return a DataFrame that has some columns."""
    import pandas as pd

    if not isinstance(value, pd.DataFrame):
        raise _fault(name, f"{shown(value)} is not a DataFrame")
    missing_columns = [column for column in columns if column not in value]
    if missing_columns:
        raise _fault(name, f"lacks {', '.join(missing_columns)}")
    return value


def entries(value: object, names: Mapping[str, Any], name: str, example: str) -> Mapping[str, Any]:
    """Return a table that has an entry for each of `names`."""
    table = mapping(value, name, example)
    if not names.keys() <= table.keys():
        raise _fault(name, f"{next(key for key in names if key not in table)} is missing; use for example {example}")
    return table


def flag(value: object, name: str) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise _fault(name, f"{shown(value)} is not true or false")
    return value


def line(value: object, name: str = "", most: int = 200) -> str:
    """Return text of one line, without signs that move the cursor."""
    if not isinstance(value, str):
        raise _fault(name, f"{shown(value)} is not text; put it in quotes")
    if not value.isprintable() or len(value) > most:
        raise _fault(name, f"{shown(value)} must be one line of at most {most} characters")
    return value


def function[F](value: F, name: str) -> F:
    """Return what is called as the work goes on; None is none."""
    if value is not None and not callable(value):
        raise _fault(name, f"{shown(value)} is not a function; write for example {name}=print")
    return value


def changes(overrides: object) -> dict[str, Any]:
    """Return overrides, dotted path -> value; none for None."""
    table = {} if overrides is None else mapping(overrides, "overrides", '{"man.bmi": 31}')
    return {str(path): value for path, value in table.items()}


def texts(value: object, name: str, example: str) -> tuple[str, ...]:
    """Return texts, from one or from a list of them."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list | tuple) or not all(isinstance(item, str) for item in items):
        raise _fault(name, f"{shown(value)} is not a list of texts; write for example {example}")
    return tuple(items)


def path(value: object, name: str) -> Path:
    """Return the path of a file or folder."""
    text = os.fspath(value) if isinstance(value, str | os.PathLike) else None
    if isinstance(text, str) and text and "\0" not in text:
        with suppress(UnicodeEncodeError):
            os.fsencode(text)
            return Path(text)
    raise _fault(name, f"{shown(value)} is not a path")


def few(count: int, most: int, what: str, fix: str, name: str = "") -> int:
    """Return a count that is at most `most`: counted before anything of that size is made."""
    if count > most:
        text = f"{count:,}" if count < 10**18 else "more than 10^18"
        raise _fault(name, f"{text} {what} are more than {most:,}; {fix}")
    return count


def shard(value: object, name: str = "shard") -> tuple[int, int]:
    """Return (i, n), the i-th of n parts."""
    if isinstance(value, Sequence) and len(value) == 2:
        i, n = value
        if all(isinstance(part, Integral) and not isinstance(part, bool) for part in value) and 1 <= i <= n <= 10**6:
            return int(i), int(n)
        value = "/".join(map(shown, value)) if all(isinstance(part, int) for part in value) else value
    raise _fault(name, f"{shown(value)} is not a part; write it as I/N with I from 1 to N, for example 2/3")


def readable(source: object) -> str | os.PathLike[str] | Mapping[str, Any]:
    """Return what a scenario can be read from: a path, or a mapping."""
    if isinstance(source, Mapping):
        return source
    if isinstance(source, str | os.PathLike) and not isinstance(os.fspath(source), bytes):
        return source
    raise _fault("scenario", f"{shown(source)} is not a path, a table of settings or a Scenario")


def matplotlib() -> None:
    """Make sure, before the work is done, that pictures can be drawn.

    Raises:
        TestisError: matplotlib is not installed.
    """
    try:
        installed = find_spec("matplotlib") is not None
    except (ImportError, ValueError):  # it is kept out
        installed = False
    if not installed:
        raise TestisError(
            'pictures need matplotlib, which is not installed: pip install "testis_abm[plot]", '
            "or leave them out (on a command line: --no-plots)"
        )


def running(folder: object, workers: object, parts: object, dask: object = "") -> Path:
    """Return the folder of an experiment; check how it is to be run before anything is written."""
    argument("workers", workers)
    shard(parts)
    if not isinstance(dask, str):
        raise _fault("dask", f'{shown(dask)} is not an address; write for example "tcp://host:8786" or "local"')
    return path(folder, "folder")


@contextmanager
def at(*place: str | int) -> Iterator[None]:
    """Put a place in front of the problems that are raised inside."""
    try:
        yield
    except ScenarioError as error:
        raise error.at(*place) from None


def named(place: str, read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return `read` with `place` in front of what it refuses, as in "--seed: -1 is out of range"."""

    def check(text: str) -> Any:
        try:
            return read(text)
        except ScenarioError as error:
            # Argparse puts its own words in the place of a ValueError, which a ScenarioError is.
            refused = error.at(place)
            told = TestisError(str(refused))
            told.problems = refused.problems
            raise told from None

    return check


def missing(value: object) -> bool:
    """Return whether a value stands for "not measured": None, NaN, pandas.NA, NaT, empty text."""
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, Real) and bool(value != value)


def _fault(name: str, text: str) -> ScenarioError:
    return ScenarioError(printable(text), *filter(None, [name]))
