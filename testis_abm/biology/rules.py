"""The rules of the cells by name: what the plain engine calls cell by cell, and where a user can put one of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology import germ, lesions, leydig, niche, sertoli
from testis_abm.biology.sertoli import Response, Signals
from testis_abm.biology.steps import COUNT, ByStep, Rates
from testis_abm.support.errors import TestisError, nearest, shown
from testis_abm.support.guard import is_number

Rule = Callable[..., Any]
_CLONES = 2**32


class Allowed(NamedTuple):
    """What a number that a rule returns may be: in words, and as a test of any value at all."""

    words: str
    holds: Callable[[Any], bool]


AMOUNT = Allowed("a finite number of 0 or more", lambda x: is_number(x) and 0.0 <= x < math.inf)
SHARE = Allowed("a number from 0 to 1", lambda x: is_number(x) and 0.0 <= x <= 1.0)
DURATION = Allowed("a finite number of days over 0", lambda x: is_number(x) and 0.0 < x < math.inf)
DAY = Allowed("a finite number", lambda x: is_number(x) and -math.inf < x < math.inf)
EVENT = Allowed(
    "germ.LIVES, germ.DIES or germ.COMPLETES", lambda x: is_number(x) and x in (germ.LIVES, germ.DIES, germ.COMPLETES)
)
FLAG = Allowed("True or False", lambda x: isinstance(x, bool | np.bool_) or (is_number(x) and x in (0, 1)))
CLONE = Allowed(f"a whole number from 0 to {_CLONES - 1}", lambda x: is_number(x) and 0 <= x < _CLONES and x % 1 == 0)

# Name -> the rule, and what it returns: one such number, or some in a tuple of its form.
_DECLARED: Mapping[str, tuple[Rule, Any]] = {
    "leydig.day": (leydig.leydig_day, (AMOUNT, AMOUNT, AMOUNT)),
    "leydig.aromatase": (leydig.leydig_aromatase, AMOUNT),
    "leydig.aromatise": (leydig.aromatise, AMOUNT),
    "sertoli.day": (sertoli.sertoli_day, Response._make([*[AMOUNT] * 3, SHARE])),
    "sertoli.aromatase": (sertoli.niche_aromatase, AMOUNT),
    "sertoli.aromatise": (leydig.aromatise, AMOUNT),
    "sertoli.inhibin": (sertoli.inhibin_output, AMOUNT),
    "sertoli.signals": (sertoli.signals, Signals._make([*[AMOUNT] * 4, SHARE, AMOUNT])),
    "sertoli.rates": (germ.rates_under, Rates._make([SHARE, SHARE, *[AMOUNT] * COUNT, AMOUNT])),
    "sertoli.ailing": (lesions.ailing, AMOUNT),
    "germ.durations": (germ.durations, ByStep._make([DURATION] * COUNT)),
    "germ.on_entering": (germ.on_entering, (DURATION, AMOUNT)),
    "germ.next_event": (germ.next_event, (EVENT, DAY)),
    "germ.first_share": (germ.first_share, SHARE),
    "germ.clone_of": (germ.clone_of, CLONE),
    "germ.is_released": (germ.is_released, FLAG),
    "germ.freed_share": (germ.freed_share, SHARE),
    "germ.is_freed": (germ.is_freed, FLAG),
    "niche.renewal": (niche.renewal, SHARE),
    "niche.used_up": (niche.used_up, SHARE),
    "niche.aside": (niche.aside, SHARE),
    "niche.wake": (niche.wake, SHARE),
    "niche.a_pale_turn": (niche.a_pale_turn, niche.Turn._make([FLAG, AMOUNT, *[FLAG] * 4])),
    "niche.a_dark_turn": (niche.a_dark_turn, (FLAG, FLAG)),
}
RULES: Mapping[str, Rule] = {name: rule for name, (rule, _) in _DECLARED.items()}


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
    """Return what a user's own rule returns, in the form of the rule it replaces.

    Raises:
        TestisError: if it fails, or returns what the rule it replaces could not.
    """
    try:
        result = rule(*arguments)
    except TestisError:
        raise
    except Exception as error:
        raise TestisError(f"rule {name!r}: {type(error).__name__}: {error}") from error
    allowed, result = _DECLARED[name][1], result.tolist() if isinstance(result, np.ndarray) else result
    if isinstance(allowed, Allowed):
        _check(name, result, allowed)
        return result
    fields = getattr(allowed, "_fields", [f"number {place}" for place, _ in enumerate(allowed, 1)])
    if not isinstance(result, tuple | list) or len(result) != len(allowed):
        of = f" of {len(result)}" if isinstance(result, tuple | list) else ""
        raise TestisError(
            f"rule {name!r} returned {shown(result)}{of}; the rule it replaces returns {len(allowed)} numbers"
            + (f": {', '.join(fields)}" if hasattr(allowed, "_fields") else "")
        )
    for number, one, field in zip(result, allowed, fields, strict=True):
        _check(name, number, one, f" as {field}")
    return allowed._make(result) if hasattr(allowed, "_make") else tuple(result)


def _check(name: str, number: object, allowed: Allowed, place: str = "") -> None:
    if not allowed.holds(number):
        raise TestisError(f"rule {name!r} returned {shown(number)}{place}; it must be {allowed.words}")
