"""Which effects outside the testis cannot be told of the drugs that a man is given, and from when on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from testis_abm.quantities import untold

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario


def untold_since(scenario: Scenario, decisions: Iterable[Any] | None = None) -> dict[str, float]:
    """Return columns of the safety table -> the day from which on a drug, by itself, makes them unknown.

    Args:
        scenario: whose history and therapies.
        decisions: rows of the diary's decisions: a therapy with a condition counts from the first that gave it (None: from its
            first day).
    """
    since: dict[str, float] = {}
    given = [(part.drug, -float("inf")) for part in scenario.man.history]
    for number, therapy in enumerate(scenario.therapy, 1):
        days = [therapy.first_day]
        if therapy.when is not None and decisions is not None:
            days = [row.day for row in decisions if row.therapy == number and row.taken]
        given += [(therapy.drug, min(days))] if days else []
    for drug, day in given:
        columns = untold(scenario.drugs[drug].actions)
        more = ("bone_density_scan_pct",) if "bone_density_change_pct" in columns else ()
        for column in (*columns, *more):
            since[column] = min(day, since.get(column, day))
    return since


def drugs_of(scenario: Scenario, column: str) -> tuple[str, ...]:
    """Return the drugs of a scenario of which an effect, by its column, is unknown."""
    drugs = [part.drug for part in scenario.man.history] + [therapy.drug for therapy in scenario.therapy]
    return tuple(drug for drug in dict.fromkeys(drugs) if column in untold(scenario.drugs[drug].actions))
