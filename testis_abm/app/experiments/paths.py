"""What a sweep of the page may vary: dotted paths in words, each with a range that suits the man in the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from testis_abm import parameters
from testis_abm.app import draft
from testis_abm.app.sliders import SLIDERS
from testis_abm.parameters.tables import using
from testis_abm.scenario import Scenario
from testis_abm.scenario.amounts import quantity
from testis_abm.studies.ensemble import shipped
from testis_abm.support.errors import ScenarioError, shown

LOG, LINEAR = "log", "linear"
_WIDE = 8.0  # ends of a range that are further apart, as a ratio, are spaced in the logarithm
_FIELDS = {"bmi": (22.0, 42.0), "age": (25.0, 60.0)}  # what men have; others vary by half
_DOSES = 1 / 8, 3.0  # of the dose in the form


@dataclass(frozen=True)
class Varied:
    """Something that can be varied.

    Attributes:
        path: dotted, as in `--set`; words: what it is; unit: of both ends ("": a plain number).
        low, high: a range that makes sense here.
    """

    path: str
    words: str
    unit: str
    low: float
    high: float

    @property
    def scale(self) -> str:
        """Return how a range of it is spaced."""
        return LOG if self.low > 0.0 and self.high / self.low >= _WIDE else LINEAR

    def end(self, value: float) -> str:
        """Return an end of the range as it is typed."""
        return f"{value:.4g}{f' {self.unit}' if self.unit else ''}"


def varied(scenario: Scenario) -> Mapping[str, Varied]:
    """Return everything that can be varied of a scenario, by path: doses, the man, the model."""
    with using(scenario.own_tables):
        found = [*doses(scenario).values(), *fields(scenario).values(), *numbers().values()]
    return {of.path: of for of in found}


def doses(scenario: Scenario) -> dict[str, Varied]:
    """Return the doses of a scenario's therapies."""
    found, drugs = {}, parameters.drugs()
    rows = draft.short(scenario).get("therapy", ())
    given = [row["drug"] for row in rows]
    for k, row in enumerate(rows, 1):
        try:
            dose, unit = quantity(row["dose"], "a dose")
        except ScenarioError:
            continue  # a dose in words is not varied
        low, high = (float(f"{share * dose:.2g}") for share in _DOSES)
        drug = drugs[row["drug"]].title if row["drug"] in drugs else row["drug"]
        drug += f" (treatment {k})" if given.count(row["drug"]) > 1 else ""
        path = f"therapy.{k}.dose"
        found[path] = Varied(path, f"Dose of {drug}", unit, low, high)
    return found


def fields(scenario: Scenario) -> dict[str, Varied]:
    """Return the physiology of a scenario's man, his BMI and age first."""
    known, found = parameters.physiology(), {}
    labels = {slider.field: slider.label for slider in SLIDERS}
    for name in (*_FIELDS, *(name for name in known if name not in _FIELDS)):
        row, now = known[name], float(scenario.man.physiology[name])
        low, high = _FIELDS.get(name, (0.5 * now, 1.5 * now))
        low, high = max(row.low, low), min(row.high, high)
        if not low < high:  # where half of nothing is nothing
            low, high = row.low, row.high
        found[f"man.{name}"] = Varied(
            f"man.{name}", f"Man: {labels[name]}", "", float(f"{low:.3g}"), float(f"{high:.3g}")
        )
    return found


def numbers() -> dict[str, Varied]:
    """Return the parameters of the model, over their ranges."""
    found = {}
    for name, row in parameters.load().items():
        group, _, last = name.rpartition(".")
        if group == "man" or not row.low < row.high:
            continue
        unit = f" ({row.symbol})" if row.symbol else ""
        words = f"Model, {group.replace('.', ' ')}: {parameters.in_words(last)}{unit}"
        found[f"parameters.{name}"] = Varied(f"parameters.{name}", words, "", row.low, row.high)
    return found


def uncertain() -> dict[str, Varied]:
    """Return the parameters that published studies leave open, of those of the tables."""
    known = numbers()
    return {path: known[path] for name in shipped().sets if (path := f"parameters.{name}") in known}


def named(scenario: Scenario, text: str) -> Varied:
    """Return what a path, or its words, means.

    Raises:
        ScenarioError: nothing that can be varied.
    """
    known, typed = varied(scenario), text.strip()
    if typed in known:
        return known[typed]
    alike = [of for of in known.values() if of.words.casefold() == typed.casefold()]
    if len(alike) == 1:
        return alike[0]
    raise ScenarioError(f"{shown(typed)} cannot be varied; choose one of the list, for example man.bmi")
