"""What is given of a patient: laboratory values as a report, a table or Python has them, in the units of the twin."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from testis_abm.quantities import DEFAULT_ASSAY, OESTRADIOL, QUANTITIES, Censored
from testis_abm.scenario.amounts import UNITS, UNITS_OF_MAN, comma_note, plain, quantity, spelled
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, gathered, shown


class Measure(NamedTuple):
    """What can be given: column, unit of the twin, lowest and highest value of a living man, and how it is written.

    `assumed` is the unit of a text without one ("": it must have one); `factor` is the column's units in one of the
    twin's.
    """

    column: str
    unit: str
    low: float
    high: float
    assumed: str
    example: str
    factor: float = 1.0


# What a laboratory measures, by name; 0 of a level in blood is "< limit".
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "t": Measure("testosterone_nmol_l", "nmol/L", 0.0, 100.0, "", "260 ng/dL"),
        "free_t": Measure("free_testosterone_pmol_l", "nmol/L", 0.0, 5.0, "", "8 pg/mL", 1e3),
        "e2": Measure("oestradiol_pmol_l", "pmol/L", 0.0, 2500.0, "", "30 pg/mL"),
        "lh": Measure("lh_iu_l", "IU/L", 0.0, 150.0, "IU/L", "3.1 IU/L"),
        "fsh": Measure("fsh_iu_l", "IU/L", 0.0, 200.0, "IU/L", "4.4 IU/L"),
        "inhibin_b": Measure("inhibin_b_pg_ml", "pg/mL", 0.0, 1000.0, "pg/mL", "150 pg/mL"),
        "shbg": Measure("shbg_nmol_l", "nmol/L", 0.0, 300.0, "nmol/L", "30 nmol/L"),
        "concentration": Measure("concentration_million_ml", "million/mL", 0.0, 600.0, "million/mL", "6 M/mL"),
        "volume": Measure("volume_ml", "mL", 0.1, 15.0, "mL", "3 mL"),
        "motility": Measure("progressive_motility_pct", "%", 0.0, 98.0, "%", "30 %"),
        "morphology": Measure("normal_forms_pct", "%", 0.0, 60.0, "%", "4 %"),
        "tmc": Measure("total_motile_count_million", "million", 0.0, 2000.0, "million", "12 million"),
    }
)
# What is known of him besides.
KNOWN: Mapping[str, Measure] = MappingProxyType(
    {
        "bmi": Measure("bmi", "kg/m2", 16.0, 70.0, "kg/m2", "33 kg/m2"),
        "age": Measure("age", "years", 18.0, 80.0, "years", "34 years"),
    }
)
ALL = {**MEASURES, **KNOWN}


@dataclass(frozen=True)
class Lab:
    """A laboratory value in the unit of the twin, the unit it was written in, and the factor to that."""

    value: float | Censored
    unit: str
    factor: float = 1.0


def column(name: str, assay: str) -> str:
    """Return the column of the quantity (quantities.QUANTITIES) that a name means."""
    return OESTRADIOL[assay] if name == "e2" else ALL[name].column


def title(name: str) -> str:
    """Return what a form calls a value; of oestradiol the assay is a field of its own."""
    return "Oestradiol" if name == "e2" else QUANTITIES[ALL[name].column].title


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
                guard.key(name, ALL, "laboratory value")
                if guard.missing(raw):
                    continue
                with guard.at(called(name)):
                    if name in found:
                        raise ScenarioError("is given twice; leave one out")
                    found[name] = _text(name, raw) if isinstance(raw, str) else _number(name, raw)
    return found


def values(given: object) -> dict[str, float | Censored]:
    """Return what is given of a patient as numbers (see `labs`).

    Raises:
        ScenarioError: as `labs`; or nothing is given that a laboratory measures.
    """
    found = {name: lab.value for name, lab in labs(given).items()}
    if not found.keys() & MEASURES.keys():
        raise ScenarioError(f"give at least one laboratory value: {', '.join(MEASURES)}")
    return found


def _items(given: object) -> Iterator[tuple[Any, object]]:
    if isinstance(given, Mapping) or (getattr(given, "ndim", 0) == 1 and hasattr(given, "items")):
        yield from cast(Mapping[Any, object], given).items()
        return
    hint = "; give one man: table.iloc[0]" if getattr(given, "ndim", 0) == 2 else ""
    raise ScenarioError(
        f'{shown(given)} is not a table of laboratory values; write for example {{"t": 9.0, "lh": 4.2}}{hint}'
    )


def _number(name: str, raw: object) -> Lab:
    measure = ALL[name]
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
    measure, text = ALL[name], plain(raw)
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
        lab = Lab(0.0, measure.unit if name in KNOWN else unit, measure.factor / units[unit])
    elif number > 0.0:
        raise ScenarioError(f"{shown(raw)} has no unit; write for example {measure.example} ({', '.join(units)})")
    return _checked(name, raw, number / lab.factor, lab, beyond.startswith("<") if beyond else None)


def _checked(name: str, raw: object, value: Any, lab: Lab, below: bool | None = None) -> Lab:
    """Return a value in the unit and factor of `lab`; `below` of a limit is which side of it is meant."""
    low, high = ALL[name].low, ALL[name].high
    # A limit of quantitation may lie under what a living man has, but is no zero.
    least = low if below is not True else min(low, 1e-9) if low > 0.0 else 1e-9
    # Written so that NaN fails; compared before it is made a float, so that a huge integer fails too.
    if not least <= value <= high:
        allowed = f"{low * lab.factor:.3g} to {high * lab.factor:.4g} {lab.unit}"
        raise ScenarioError(f"{shown(raw)} is implausible{comma_note(raw)}; allowed: {_label(name)} of {allowed}")
    return Lab(float(value) if below is None else Censored(float(value), below), lab.unit, lab.factor)


def _label(name: str) -> str:
    return {"bmi": "body mass index"}.get(name) or QUANTITIES[column(name, DEFAULT_ASSAY)].label
