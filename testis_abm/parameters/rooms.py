"""The numbers of one room of the parameters, and what follows from parameters alone: worked out once and not for every man."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


class Values(dict[str, float]):
    """Dotted parameter name -> value, not changed in place."""

    def __init__(self, values: Mapping[str, float]) -> None:
        super().__init__(values)
        self.known: dict[Any, dict[str, float]] = {}


def once(make: Callable[..., dict[str, float]], values: Mapping[str, float], *which: str) -> dict[str, float]:
    """Return `make(values, *which)`, worked out once for each set of Values; the caller's own."""
    if not isinstance(values, Values):
        return make(values, *which)
    key = (make, *which)
    if key not in values.known:
        values.known[key] = make(values, *which)
    return dict(values.known[key])


def room(values: Mapping[str, float], name: str) -> dict[str, float]:
    """Return the numbers whose dotted names begin with `name`, by the rest of the name; the caller's own."""
    return once(_room, values, name)


def _room(values: Mapping[str, float], name: str) -> dict[str, float]:
    return {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}
