"""The rules of the cells by name: what the plain engine calls cell by cell, and where a user can put one of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    return {**RULES, **own}
