"""Scenarios put together in Python: a man and what he is given, without a file."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testis_abm.scenario.amounts import parse_duration
from testis_abm.scenario.load import load
from testis_abm.scenario.prescription import parse_prescription
from testis_abm.scenario.scenario import Scenario
from testis_abm.scenario.schema import Man
from testis_abm.scenario.section import plain
from testis_abm.scenario.therapy import Therapy
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, shown

DAYS = 180  # of a plan without any
_EXAMPLE = 'write for example ta.Therapy("anastrozole", dose="1 mg", every="1 day") or "anastrozole 1 mg daily"'


def read_therapies(given: object) -> list[Therapy]:
    """Return therapies, from one or a list of them: a Therapy, a prescription in words, or a table as a file has it.

    Raises:
        ScenarioError: one is none, by its number.
    """
    listed = given if isinstance(given, list | tuple) else [given]
    found = []
    for k, item in enumerate(listed, 1):
        with guard.at("therapies", str(k)):
            if isinstance(item, Therapy):
                found.append(item)
            elif isinstance(item, str):
                found.append(Therapy(**parse_prescription(item)))
            elif isinstance(item, Mapping):
                found.append(Therapy(**plain(item)))
            else:
                raise ScenarioError(f"{shown(item)} is no therapy; {_EXAMPLE}")
    return found


def read_days(value: object) -> str:
    """Return the length of a plan, from a number of days or a length of time ("6 months")."""
    if not isinstance(value, str):
        return f"{guard.argument('days', value)} days"
    low, high = guard.LIMITS["days"]
    with guard.at("days"):
        if not low <= parse_duration(value) <= high:
            raise ScenarioError(f"{shown(value)} is out of range; allowed: {low} to {high} days")
    return value


def composed(
    man: Man,
    therapies: object = (),
    days: object = None,
    overrides: Mapping[str, object] | None = None,
    **sections: Mapping[str, Any],
) -> Scenario:
    """Return the scenario of a man who is given therapies for some days (default DAYS), titled by what is done.

    Raises:
        ScenarioError: a therapy, or a length of time, is none.
    """
    given = read_therapies(therapies)
    title = " + ".join(therapy.title for therapy in given) or f"{man.preset.replace('_', ' ')}, untreated"
    plan = {"duration": read_days(DAYS if days is None else days), **sections.pop("plan", {})}
    tables = {"title": title[:200], "man": man, "plan": plan, "therapy": given, **sections}
    # Overrides of a man or a therapy need tables.
    return load(
        tables if not overrides else {**tables, "man": man.as_dict(), "therapy": [one.as_dict() for one in given]},
        overrides=overrides,
    )


def with_therapies(scenario: Scenario, therapies: object) -> Scenario:
    """Return a scenario whose man is given therapies besides its own.

    Raises:
        ScenarioError: one is none, or is at odds with the scenario.
    """
    given = read_therapies(therapies)
    own = scenario.as_dict()
    titled = " + ".join([scenario.title, *(therapy.title for therapy in given)])[:200]
    return load({**own, "title": titled, "therapy": [*scenario.therapy, *given]})
