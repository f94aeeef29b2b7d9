"""What is given of a patient: laboratory values as a report, a table or Python has them, in the units of the twin."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Any, cast

from testis_abm.quantities import Censored
from testis_abm.scenario.amounts import (
    UNITS,
    UNITS_OF_MAN,
    canonical_unit,
    comma_note,
    convert,
    plain,
    quantity,
    spelled,
)
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, shown

# Name of the twin -> variable whose units are known, and the unit if none is written (None: one must be).
VARIABLES: Mapping[str, tuple[str, str | None]] = MappingProxyType(
    {
        "t": ("testosterone_nmol_l", None),
        "free_t": ("free_testosterone_pmol_l", None),
        "e2": ("oestradiol_pmol_l", None),
        "lh": ("lh_iu_l", "IU/L"),
        "fsh": ("fsh_iu_l", "IU/L"),
        "inhibin_b": ("inhibin_b_pg_ml", "pg/mL"),
        "shbg": ("shbg_nmol_l", "nmol/L"),
        "concentration": ("concentration_million_ml", "million/mL"),
        "volume": ("volume_ml", "mL"),
        "motility": ("progressive_motility_pct", "%"),
        "morphology": ("normal_forms_pct", "%"),
        "tmc": ("total_motile_count_million", "million"),
    }
)
_EXAMPLES = {"t": "260 ng/dL", "free_t": "8 pg/mL", "e2": "30 pg/mL", "bmi": "33 kg/m2", "age": "34 years"}
_LABELS = {"bmi": "body mass index", "age": "age"}


@dataclass(frozen=True)
class Lab:
    """A laboratory value as it was given: in the unit of the twin, the unit it was written in, and the factor to that."""

    value: float | Censored
    unit: str
    factor: float = 1.0


def parse(name: str, raw: object, place: str = "") -> Lab | None:
    """Return a laboratory value, None where it is missing.

    Args:
        name: of twin.MEASURES or twin.KNOWN.
        raw: a number in the twin's unit, or text: "260 ng/dL", "4,5 mUI/mL", "<0.1", "".
        place: what a message calls it (default its name).

    Raises:
        ScenarioError: it is no such value, or one that no living man has.
    """
    with guard.at(place or name):
        if guard.missing(raw):
            return None
        return _text(name, raw) if isinstance(raw, str) else _number(name, raw)


def read(name: str, raw: object) -> float | Censored | None:
    """Return a laboratory value in the unit of `twin.MEASURES` or `twin.KNOWN`; None where it is missing.

    Args:
        name: of MEASURES or KNOWN, such as "t" or "bmi".
        raw: a number in that unit, or text as a report has it: "260 ng/dL", "4,5 IU/L", "<0.1", "". None, NaN, pandas.NA and
            empty text are missing.

    Raises:
        ScenarioError: it is no such value, or one that no living man has.
    """
    lab = parse(guard.key(name, _limits(), "laboratory value"), raw)
    return None if lab is None else lab.value


def values(given: object) -> dict[str, float | Censored]:
    """Return what is given of a patient without what is missing, in the units of the twin.

    Args:
        given: name -> number or text; a mapping, or a row of a table (a pandas Series).

    Raises:
        ScenarioError: with every fault; or nothing is given that a laboratory measures.
    """
    found: dict[str, float | Censored] = {}
    problems: list[Problem] = []
    for name, raw in _items(given):
        try:
            lab = parse(guard.key(name, _limits(), "laboratory value"), raw)
            if name in found:
                raise ScenarioError([Problem((name,), "is given twice; leave one out")])
        except ScenarioError as error:
            problems += error.problems
            continue
        if lab is not None:
            found[name] = lab.value
    if problems:
        raise ScenarioError(problems)
    if not found.keys() & VARIABLES.keys():
        raise ScenarioError(f"give at least one laboratory value: {', '.join(VARIABLES)}")
    return found


def _items(given: object) -> Iterator[tuple[Any, object]]:
    if isinstance(given, Mapping) or (getattr(given, "ndim", 0) == 1 and hasattr(given, "items")):
        yield from cast(Mapping[Any, object], given).items()
        return
    hint = "; give one man: table.iloc[0]" if getattr(given, "ndim", 0) == 2 else ""
    raise ScenarioError(
        f'{shown(given)} is not a table of laboratory values; write for example {{"t": 9.0, "lh": 4.2}}{hint}'
    )


def _limits() -> Mapping[str, tuple[str, float, float]]:
    """Return name -> unit of the twin, lowest and highest value of a living man."""
    from testis_abm.population.twin import KNOWN, MEASURES

    return {name: (unit, low, high) for name, (_, unit, low, high) in MEASURES.items()} | KNOWN


def _number(name: str, raw: object) -> Lab:
    unit, low, high = _limits()[name]
    if isinstance(raw, Censored):
        return _checked(name, raw, raw.limit, unit, 1.0, raw.below, low, high)
    if isinstance(raw, bool) or not isinstance(raw, Real):
        raise ScenarioError(
            f"{shown(raw)} is not a laboratory value; write a number in {unit}, or text such as {_example(name)}"
        )
    return _checked(name, raw, raw, unit, 1.0, None, low, high)


def _text(name: str, raw: str) -> Lab:
    """Return the value of text, "<" and ">" in front for one beyond a limit of quantitation."""
    canonical, low, high = _limits()[name]
    text = plain(raw)
    beyond = next((sign for sign in ("<=", ">=", "<", ">") if text.startswith(sign)), "")
    number, written = quantity(
        text.removeprefix(beyond).strip(), f"a number with a unit; write for example {_example(name)}"
    )
    unit, factor = canonical, 1.0
    if name in UNITS_OF_MAN:
        unit = _spelled(name, written or canonical)
    else:
        variable, usual = VARIABLES[name]
        if not written and usual is None and number > 0.0:
            raise ScenarioError(
                f"{shown(raw)} has no unit; write for example {_example(name)} ({', '.join(UNITS[variable])})"
            )
        if written or usual:
            unit = _spelled(name, written or cast(str, usual))
            # The free testosterone of the twin is in nmol/L.
            factor = convert(variable, 1e3 if name == "free_t" else 1.0, canonical_unit(variable), unit)
    below = beyond.startswith("<") if beyond else None
    return _checked(name, raw, number / factor, unit, factor, below, low, high)


def _spelled(name: str, unit: str) -> str:
    """Return a unit as the program spells it.

    Raises:
        ScenarioError: the value is not measured in it.
    """
    known = UNITS_OF_MAN[name] if name in UNITS_OF_MAN else UNITS[VARIABLES[name][0]]
    if own := spelled(unit, known):
        return next(iter(known)) if name in UNITS_OF_MAN else own
    raise ScenarioError(f"{shown(unit)} is not a unit of {_label(name)}; known: {', '.join(known)}")


def _checked(
    name: str, raw: object, value: Any, unit: str, factor: float, below: bool | None, low: float, high: float
) -> Lab:
    # A limit of quantitation may lie under what a living man has, but is no zero.
    least = low if below is not True else min(low, 1e-9) if low > 0.0 else 1e-9
    # Written so that NaN fails; compared before it is made a float, so that a huge integer fails too.
    if not least <= value <= high:
        allowed = f"{low * factor:.3g} to {high * factor:.4g} {unit}"
        raise ScenarioError(f"{shown(raw)} is implausible{comma_note(raw)}; allowed: {_label(name)} of {allowed}")
    return Lab(float(value) if below is None else Censored(float(value), below), unit, factor)


def _label(name: str) -> str:
    from testis_abm.population.told import LABELS

    return _LABELS.get(name) or LABELS[name]


def _example(name: str) -> str:
    return _EXAMPLES.get(name, "4.4")
