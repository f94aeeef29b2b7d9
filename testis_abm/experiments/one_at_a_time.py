"""Which single numbers a treatment's effect hangs on: each at the ends of its range, all others as in the tables.

No calibration, answer or ensemble chooses what is looked at: every number of the model, and of the drugs that are given,
has its turn. What two numbers do together this does not show (`sensitivity`, with Sobol indices, does).
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from testis_abm import parameters
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected
from testis_abm.man.parameter_set import ParameterSet, drugs_with, parameter_set
from testis_abm.man.treat import Treatment
from testis_abm.parameters import Parameter
from testis_abm.parameters.tables import using
from testis_abm.results.plausible import SAME
from testis_abm.results.treatment import Treatment as Span
from testis_abm.scenario import Scenario, load
from testis_abm.support import guard
from testis_abm.support.cores import each
from testis_abm.support.errors import ScenarioError

# Rooms of the tables that no expectation of one man reads.
_DUST = 1e-9  # of any unit: what rounding leaves of nothing
_MEASURED = ("population.", "safety.", "laboratory.", "semen_variation.", "blood_variation.")


class Swing(NamedTuple):
    """What a treatment changes with one number at the low end of its range, as in the tables, and at the high end.

    Attributes:
        name: dotted; of a drug's "drug.NAME.CONSTANT".
        number: its entry in the tables.
        changes: (3, outputs.COLUMNS) at `number.low`, `number.value`, `number.high`: treated over untreated, %; NaN of
            nothing.
    """

    name: str
    number: Parameter
    changes: np.ndarray

    def of(self, word: str) -> tuple[float, float, float]:
        """Return the three changes of an output (a key of OUTPUTS), %."""
        low, usual, high = self.changes[:, COLUMNS.index(OUTPUTS[word].column)].tolist()
        return low, usual, high

    def span(self, word: str) -> float:
        """Return how far an output's change moves, percentage points."""
        return float(np.ptp(self.of(word)))

    def turns(self, word: str) -> bool:
        """Return whether an output rises at one of the three and falls at another, by `SAME` at least."""
        changes = self.of(word)
        return min(changes) <= -SAME and max(changes) >= SAME


def one_at_a_time(
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any], names: Sequence[str] | None = None
) -> tuple[Swing, ...]:
    """Let a scenario's man live untreated and treated with each number at both ends of its range, on all cores.

    Args:
        scenario: a Scenario, a mapping, or the path or name of a scenario file, with a treatment. What it sets itself under
            `[parameters]` is left as it is.
        names: of the numbers (default: all of the model, and of the drugs that are given).

    Returns:
        a Swing of each number that moves some output's change, in the order of the tables: of the day on which treatment
        ends.

    Raises:
        TestisError: a scenario that cannot be understood, or has no treatment; a number that there is not.
    """
    case = load(Path(scenario) if isinstance(scenario, os.PathLike) else scenario)
    if not case.treated:
        raise ScenarioError(
            f"{case.title}: has no treatment to weigh; add a [[therapy]], [[weight]], [[clamp]] or [[insult]]"
        )
    arms = (case.untreated(), case)
    day = Span.planned(case, case.plan.duration_days).morning
    known = numbers(case)
    asked = known if names is None else guard.texts(names, "names", '["germ.room", "aromatase.testicular_km"]')
    rows = {guard.key(name, known, "number of the model or of his drugs", "names"): known[name] for name in asked}

    def changes(changed: Mapping[str, float]) -> np.ndarray:
        with using(case.own_tables):
            return changes_of(changed)

    def changes_of(changed: Mapping[str, float]) -> np.ndarray:
        own = parameter_set({**changed, **case.parameters})
        before, after = (_lived(arm, own, day) for arm in arms)
        return np.asarray(100.0 * (after / np.where(before > _DUST, before, math.nan) - 1.0))

    usual, *ends = each(changes, [{}, *({name: end} for name, row in rows.items() for end in (row.low, row.high))])
    swings = (
        Swing(name, row, np.stack([low, usual, high]))
        for (name, row), low, high in zip(rows.items(), ends[::2], ends[1::2], strict=True)
    )
    return tuple(swing for swing in swings if np.nanmax(np.ptp(swing.changes, axis=0)) > 0.0)


def numbers(case: Scenario) -> dict[str, Parameter]:
    """Return the numbers of the model and of a scenario's drugs by name that could move its man.

    Without those that the scenario sets, that have no range, or that only say how men differ, what is measured and what is
    safe, unless measurements decide on doses.
    """
    drugs = [part.drug for part in case.man.history] + [therapy.drug for therapy in case.therapy]
    constants = {
        f"drug.{drug}.{constant}": row
        for drug in dict.fromkeys(drugs)
        for constant, row in case.drugs[drug].numbers.items()
    }
    with using(case.own_tables):
        both = {**parameters.load(), **constants}
    unread = () if any(therapy.when is not None for therapy in case.therapy) else _MEASURED
    moving = {name: row for name, row in both.items() if not name.startswith(unread) and row.low < row.high}
    return {name: row for name, row in moving.items() if name not in case.parameters}


def _lived(arm: Scenario, own: ParameterSet, day: int) -> np.ndarray:
    """Return the outputs (COLUMNS) of a scenario's man on a day of its plan, under a parameter set."""
    treatment = Treatment(arm, drugs_with(own.of_drugs, arm.drugs), history=True)
    man = treatment.man(own.whole, arm.man.physiology)
    treatment.follow(man, (arm.plan.seed,))
    return np.array(of_expected(man, day, arm))
