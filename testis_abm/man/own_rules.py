"""What a scenario's rules of cells do on a day: Hill curves of what was read of the man the day before, as changes of rates."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from testis_abm.biology.pharmacology import Kinetics
from testis_abm.scenario import grammar
from testis_abm.support.errors import TestisError
from testis_abm.testis.changes import Change

if TYPE_CHECKING:
    from testis_abm.scenario import Rule

# What is read of a man for a signal: one number, or (`by_cell`) one for each Sertoli cell.
Read = Callable[[grammar.Signal, bool], Any]
ENOUGH = 1e-9  # of a factor or hazard: a steady state is found
ABOUT = 0.01  # of a tissue of single cells, whose numbers are drawn
TURNS = 200


def hill(signal: Any, half: float, power: float) -> np.ndarray:
    """Return how far a signal (a number or an array, 0 or more) is at work, 0 to 1, as an array of one dimension."""
    level = np.maximum(np.atleast_1d(np.asarray(signal, dtype=float)), 0.0)
    with np.errstate(divide="ignore", over="ignore"):
        return np.asarray(1.0 / (1.0 + (half / level) ** power))


def at_work(rules: Sequence[Rule], day: float, read: Read) -> list[np.ndarray]:
    """Return how far each of the rules is at work on a day, 0 to 1, each (1,) or (sertoli,); 0 of those that do not hold."""
    return [
        hill(read(rule.senses, rule.acts.of_rates), rule.half, rule.power) if rule.holds(day) else np.zeros(1)
        for rule in rules
    ]


def changes(rules: Sequence[Rule], day: float, work: Sequence[np.ndarray]) -> Iterator[Change]:
    """Yield what rules that are so far at `work` do on a day."""
    for i, (rule, share) in enumerate(zip(rules, work, strict=True), 1):
        if not rule.holds(day):
            continue
        name, to = f"rule {i}: {rule.label}", rule.to
        fold = np.ones(1) if to.added else 1.0 + (to.amount - 1.0) * share
        added = to.amount * share if to.added else np.zeros(1)
        for rate, power in rule.powers.items():
            yield Change(name, rate, fold if power == 1.0 else fold**power, added)


def drug_level(name: str, kinetics: Kinetics, levels: np.ndarray) -> float:
    """Return the level of a drug of which a body holds these levels (Depots.levels): all its substances', 0 of one not given."""
    return float(sum(levels[k, 0] for k, drug in enumerate(kinetics.drugs) if drug == name))


def follow_levels(rules: Sequence[Rule]) -> bool:
    """Return whether some of the rules follow the level of a drug."""
    return any(rule.senses.where == grammar.DRUG for rule in rules)


def settled(rules: Sequence[Rule], last: Sequence[np.ndarray], new: Sequence[np.ndarray], within: float) -> bool:
    """Return whether what rules do has arrived where it stays."""
    return all(
        (1.0 if rule.to.added else abs(rule.to.amount - 1.0)) * abs(float(one.mean() - other.mean())) <= within
        for rule, one, other in zip(rules, last, new, strict=True)
    )


def damped(turn: int, last: Sequence[np.ndarray], new: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return how far rules are at work in the next turn of a search for the steady state under them."""
    share = 1.0 if turn < 8 else 0.5 if turn < 30 else 0.15
    return [one + share * (other - one) for one, other in zip(last, new, strict=True)]


def refuse_unsettled(rules: Sequence[Rule]) -> None:
    """Raise, because no steady state was found.

    Raises:
        TestisError: naming the rules.
    """
    names = " and ".join(rule.label for rule in rules)
    raise TestisError(
        f'rule: under {names} the man comes to no steady state; lower power or to, or let it begin: from = "day 0"'
    )


def check_mean_field(rules: Sequence[Rule]) -> None:
    """Raise if a rule changes what the mean-field man has not.

    Raises:
        TestisError: naming it.
    """
    for i, rule in enumerate(rules, 1):
        if not rule.acts.mean_field:
            raise TestisError(
                f"rule {i}: {rule.behaviour}: the mean-field man has none that changes; ask cells (testis-abm run, or "
                'engine = "cells")'
            )
