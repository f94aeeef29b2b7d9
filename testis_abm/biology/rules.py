"""The rules of the cells by name: what the plain engine calls cell by cell, and where a user can put one of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from testis_abm.biology import germ, leydig, sertoli
from testis_abm.support.errors import TestisError, nearest, shown

Rule = Callable[..., Any]
RULES: Mapping[str, Rule] = {
    "leydig.day": leydig.leydig_day,
    "leydig.aromatase": leydig.leydig_aromatase,
    "leydig.aromatise": leydig.aromatise,
    "sertoli.day": sertoli.sertoli_day,
    "sertoli.aromatase": sertoli.niche_aromatase,
    "sertoli.aromatise": leydig.aromatise,
    "sertoli.inhibin": sertoli.inhibin_output,
    "sertoli.signals": sertoli.signals,
    "sertoli.rates": germ.rates_under,
    "germ.durations": germ.durations,
    "germ.on_entering": germ.on_entering,
    "germ.next_event": germ.next_event,
    "germ.stem_cell_turn": germ.stem_cell_turn,
    "germ.first_share": germ.first_share,
    "germ.clone_of": germ.clone_of,
    "germ.is_released": germ.is_released,
}


def with_own(own: Mapping[str, Rule]) -> dict[str, Rule]:
    """Return all rules, a user's own in place of some.

    What one of a user's own returns is checked at each call.

    Raises:
        TestisError: for a name that is no rule's, or what is no function.
    """
    for name, rule in own.items():
        if name not in RULES:
            close = nearest(str(name), RULES)
            raise TestisError(
                f"rule {name!r} is not known" + (f"; nearest: {close!r}" if close else f"; rules: {', '.join(RULES)}")
            )
        if not callable(rule):
            raise TestisError(
                f"rule {name!r} must be a function with the arguments of the one it replaces, not {shown(rule)}"
            )
    return {**RULES, **{name: partial(_called, name, rule) for name, rule in own.items()}}


def _called(name: str, rule: Rule, *arguments: Any) -> Any:
    """Return what a user's own rule returns.

    Raises:
        TestisError: if it fails, or returns what the rule it replaces could not.
    """
    try:
        result, usual = rule(*arguments), RULES[name](*arguments)
        numbers, due = list(_numbers(result)), len(list(_numbers(usual)))
    except TestisError:
        raise
    except Exception as error:
        raise TestisError(f"rule {name!r}: {type(error).__name__}: {error}") from error
    if len(numbers) != due:
        raise TestisError(f"rule {name!r} returned {shown(str(result))}; the rule it replaces returns {due} numbers")
    if any(math.isnan(number) for number in numbers):
        raise TestisError(f"rule {name!r} returned {shown(str(result))}, which holds no number (nan)")
    if name == "germ.durations" and not all(0.0 < days < math.inf for days in numbers):
        raise TestisError(
            f"rule {name!r} returned {shown(str(result))}; every duration must be a number of days over 0"
        )
    return result


def _numbers(result: Any) -> Iterator[float]:
    if isinstance(result, tuple | list):
        for part in result:
            yield from _numbers(part)
    else:
        yield float(result)
