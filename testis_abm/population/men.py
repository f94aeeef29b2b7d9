"""The presets: the laboratory values and semen that follow from their physiology, published ranges beside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.man.mean_field import ExpectedMan, mean_morning
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.quantities import QUANTITIES, clinical, label
from testis_abm.scenario import Man, Scenario


@dataclass(frozen=True)
class Finding:
    """One quantity of a man beside what was published of men like him."""

    label: str
    value: float
    published: parameters.Range | None

    @property
    def fits(self) -> bool | None:
        """Return whether the value lies within the published range; None without either."""
        if self.published is None or np.isnan(self.value):
            return None
        return bool(self.published.low - 1e-9 <= self.value <= self.published.high + 1e-9)


def labs(man: Man, values: Mapping[str, float] | None = None) -> dict[str, float]:
    """Return a man's untreated laboratory values and semen by column, after his history, in clinical units.

    NaN for what no laboratory could tell: percentages of no sperm, ratios to a level under its limit.
    """
    values = complete(parameters.all_values(values))
    past = Treatment(Scenario(man=man), history=True)
    one = ExpectedMan(values, man.physiology, past.drugs)
    past.before(one)
    true = mean_morning(one.days[:1]) | one.semen(3.0)
    report = Laboratory(values).without_error(true)
    sampled = [name for name, row in QUANTITIES.items() if row.sample and name in report and name != "hcg_iu_l"]
    return {name: float(clinical(name, report[name])) for name in sampled}


def findings(preset: str) -> list[Finding]:
    """Return what follows from a preset's physiology, quantity by quantity, beside published ranges."""
    published = parameters.observed_in(preset)
    found = labs(Man(preset=preset)).items()
    return [Finding(label(column), value, _reported(column, published.get(column))) for column, value in found]


def _reported(column: str, published: parameters.Range | None) -> parameters.Range | None:
    """Return a published range, which the tables have in conventional units, in the system of units in force."""
    row = QUANTITIES[column]
    if published is None or row.clinical_unit == row.conventional_unit:
        return published
    low, high = (float(f"{row.from_conventional(end):.3g}") for end in (published.low, published.high))
    return replace(published, low=low, high=high)
