"""What is given of a patient: laboratory values as a report, a table or Python has them, in the units of the twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any, cast

from testis_abm.quantities import DEFAULT_ASSAY, GIVEN, MEASURES, QUANTITIES, Censored, column
from testis_abm.scenario.amounts import UNITS, UNITS_OF_MAN, comma_note, plain, quantity, spelled
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, gathered, shown


@dataclass(frozen=True)
class Lab:
    """A laboratory value in the unit of the twin, the unit it was written in, and the factor to that."""

    value: float | Censored
    unit: str
    factor: float = 1.0


def labs(given: object, called: Callable[[str], str] = str) -> dict[str, Lab]:
    """Return what is given of a patient without what is missing, in the units of the twin.

    Args:
        given: name of MEASURES or KNOWN -> a number in the twin's unit, or text as a report has it: "260 ng/dL", "4,5
            mUI/mL", "<0.1"; a mapping, or a row of a table (a pandas Series). None, NaN, pandas.NA and empty text are
            missing.
        called: what messages call a name.

    Raises:
        ScenarioError: with every fault: no such name or value, or one that no living man has.
    """
    found: dict[str, Lab] = {}
    with gathered() as problems:
        for name, raw in _items(given):
            with problems.at():
                guard.key(name, GIVEN, "laboratory value")
                if guard.missing(raw):
                    continue
                with guard.at(called(name)):
                    if name in found:
                        raise ScenarioError("is given twice; leave one out")
                    found[name] = _text(name, raw) if isinstance(raw, str) else _number(name, raw)
    return found


def values(given: object, called: Callable[[str], str] = str) -> dict[str, float | Censored]:
    """Return what is given of a patient as numbers (`called`: see `labs`).

    Raises:
        ScenarioError: as `labs`; or nothing is given that a laboratory measures.
    """
    found = {name: lab.value for name, lab in labs(given, called).items()}
    if not found.keys() & MEASURES.keys():
        raise ScenarioError(f"give at least one laboratory value: {', '.join(map(called, MEASURES))}")
    return found


def as_number(value: float | Censored) -> float:
    """Return what is known of a man or a visit as a number: of one that is beyond a limit the limit, the nearest there is."""
    return value.limit if isinstance(value, Censored) else float(value)


def _items(given: object) -> Iterator[tuple[Any, object]]:
    if isinstance(given, Mapping) or (getattr(given, "ndim", 0) == 1 and hasattr(given, "items")):
        yield from cast(Mapping[Any, object], given).items()
        return
    hint = "; give one man: table.iloc[0]" if getattr(given, "ndim", 0) == 2 else ""
    raise ScenarioError(
        f'{shown(given)} is not a table of laboratory values; write for example {{"t": 9.0, "lh": 4.2}}{hint}'
    )


def _number(name: str, raw: object) -> Lab:
    measure = GIVEN[name]
    if isinstance(raw, Censored):
        return _checked(name, raw, raw.limit, Lab(0.0, measure.unit), raw.below)
    if isinstance(raw, bool) or not isinstance(raw, Real):
        raise ScenarioError(
            f"{shown(raw)} is not a laboratory value; write a number in {measure.unit}, or text such as "
            f"{measure.example}"
        )
    return _checked(name, raw, raw, Lab(0.0, measure.unit))


def _text(name: str, raw: str) -> Lab:
    """Return the value of text, "<" and ">" in front for one beyond a limit of quantitation."""
    measure, text = GIVEN[name], plain(raw)
    beyond = next((sign for sign in ("<=", ">=", "<", ">") if text.startswith(sign)), "")
    number, written = quantity(
        text.removeprefix(beyond).strip(), f"a number with a unit; write for example {measure.example}"
    )
    units = UNITS_OF_MAN.get(name) or UNITS[measure.column]
    lab = Lab(0.0, measure.unit)
    if written := written or measure.assumed:
        unit = spelled(written, units)
        if unit is None:
            raise ScenarioError(f"{shown(written)} is not a unit of {_label(name)}; known: {', '.join(units)}")
        lab = Lab(0.0, measure.unit if name in UNITS_OF_MAN else unit, measure.factor / units[unit])
    elif number > 0.0:
        raise ScenarioError(f"{shown(raw)} has no unit; write for example {measure.example} ({', '.join(units)})")
    return _checked(name, raw, number / lab.factor, lab, beyond.startswith("<") if beyond else None)


def _checked(name: str, raw: object, value: Any, lab: Lab, below: bool | None = None) -> Lab:
    """Return a value in the unit and factor of `lab`; `below` of a limit is which side of it is meant."""
    low, high = GIVEN[name].low, GIVEN[name].high
    # A limit of quantitation may lie under what a living man has, but is no zero.
    least = low if below is not True else min(low, 1e-9) if low > 0.0 else 1e-9
    # Written so that NaN fails; compared before it is made a float, so that a huge integer fails too.
    if not least <= value <= high:
        allowed = f"{low * lab.factor:.3g} to {high * lab.factor:.4g} {lab.unit}"
        raise ScenarioError(f"{shown(raw)} is implausible{comma_note(raw)}; allowed: {_label(name)} of {allowed}")
    return Lab(float(value) if below is None else Censored(float(value), below), lab.unit, lab.factor)


def _label(name: str) -> str:
    return {"bmi": "body mass index"}.get(name) or QUANTITIES[column(name, DEFAULT_ASSAY)].label
