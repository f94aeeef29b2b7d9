"""Tables of a user's own as a scenario has them: checked with what mechanisms and insults need."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from testis_abm.parameters import Drug, own
from testis_abm.parameters.own import Injury, built
from testis_abm.parameters.tables import Tables, using
from testis_abm.scenario.insult import KINDS as INSULTS
from testis_abm.scenario.insult import NUMBERS, Insult, words
from testis_abm.support.errors import ScenarioError, gathered, unknown


def checked(raw: Mapping[str, Any]) -> Tables:
    """Return the tables of a mapping, kind -> name -> table.

    Raises:
        ScenarioError: with every fault, by kind, name and key.
    """
    found = own.from_raw(raw)
    whole, given = built(found), found.as_dict()
    with gathered() as problems, using(found):
        for name in given.get("drug", {}):
            for path, text in _lacks(whole.whole["drugs"][name]):
                problems.add(text, "drug", name, *path)
        for name, injury in whole.injuries.items():
            with problems.at("injury", name):
                _check_injury(name, injury)
        for name in given.get("preset", {}):
            from testis_abm.scenario.schema import Man

            with problems.at("preset", name):
                try:
                    Man(preset=name)
                except ScenarioError as error:
                    raise ScenarioError(
                        problem for problem in error.problems if problem.path[:1] == ("history",)
                    ) from None
    return found


def _lacks(drug: Drug) -> list[tuple[tuple[str, ...], str]]:
    """Return what the substances of a drug lack for their mechanisms, each with its place."""
    from testis_abm.biology.pharmacology import constants

    found: list[tuple[tuple[str, ...], str]] = []
    for part in drug.substances:
        place = () if part.name == drug.name else ("substance", part.name)
        needed = constants(part.actions, drug.dose_unit, part.numbers)
        if missing := [name for name in needed if name not in part.numbers]:
            every = ", ".join(f"{name} ({own.unit_of(name)})" for name in needed)
            text = f"lacks {', '.join(missing)}; {' and '.join(part.actions)} needs: {every}"
            found.append((place, text))
    return found


def _check_injury(name: str, injury: Injury) -> None:
    if name in words():
        raise ScenarioError("is the name of a kind of insult; choose another")
    if injury.kind not in INSULTS:
        raise ScenarioError(unknown("kind of insult", injury.kind, INSULTS), "kind")
    allowed = NUMBERS[injury.kind]
    with gathered() as problems:
        for key in injury.numbers:
            if not key.startswith(allowed):
                of = f"those that begin with {', '.join(allowed)}" if allowed else "none"
                problems.add(
                    f"is no number that {injury.kind} goes by; it takes {of} (see: testis-abm parameters)",
                    "numbers",
                    key,
                )
        for key in injury.keys:
            if key in ("day", "kind"):
                problems.add(f"{key} is said in the scenario, under [[insult]]", key, named=True)
    needed = {key: value for key, value in INSULTS[injury.kind].needs.items() if key not in injury.keys}
    if injury.kind == "cytotoxics" and not {"regimen", "strength"} & injury.keys.keys():
        needed["strength"] = 1.0
    Insult(**{"kind": name, **needed})
