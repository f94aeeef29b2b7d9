"""Tables of a user's own as a scenario has them: checked with what mechanisms and insults need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from testis_abm.parameters import Drug, own
from testis_abm.parameters.own import Injury, built
from testis_abm.parameters.tables import Tables, in_force, using
from testis_abm.scenario.insult import KINDS as INSULTS
from testis_abm.scenario.insult import NUMBERS, Insult, words
from testis_abm.support.errors import ScenarioError, TestisError, gathered, shown, unknown

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

_FEW = 12  # numbers that a message lists


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


def blamed(error: ArithmeticError, cases: Iterable[Scenario]) -> TestisError:
    """Return what to tell of an error of the equations (a division by 0, an overflow) under numbers of the user's own.

    Args:
        error: as it was raised.
        cases: that were simulated; tables in force count too.

    Raises:
        ArithmeticError: `error` itself, where all numbers are the shipped ones: it is a fault of the program.
    """
    cases = tuple(cases)
    numbers: dict[str, Any] = {}
    for tables in (in_force(), *(case.own_tables for case in cases)):
        for kind, rows in tables.as_dict().items():
            for name, row in rows.items():
                own = {key: value for key, value in row.items() if isinstance(value, int | float)}
                if kind == "parameter":
                    numbers |= {name: own["value"]} if "value" in own else {}
                else:
                    numbers |= {f"{kind}.{name}.{key}": value for key, value in own.items()}
    for case in cases:
        numbers |= dict(case.parameters)
    if not numbers:
        raise error
    # What is 0 is what may have been divided by.
    texts = [f"{name} = {shown(value)}" for name, value in sorted(numbers.items(), key=lambda pair: pair[1] != 0)]
    more = f" and {len(texts) - _FEW} more" if len(texts) > _FEW else ""
    return TestisError(
        f"the equations of the model have no result ({error}) with numbers of your own: {', '.join(texts[:_FEW])}{more}; "
        "change them (a quantity that others are divided by cannot be 0)"
    )
