"""The numbers of one room of the parameters, picked out of a whole set once and not for every man of a cohort."""

from __future__ import annotations

from collections.abc import Mapping


class Values(dict[str, float]):
    """Dotted parameter name -> value, not changed in place; `room` picks from it once."""

    def __init__(self, values: Mapping[str, float]) -> None:
        super().__init__(values)
        self.rooms: dict[str, dict[str, float]] = {}


def room(values: Mapping[str, float], name: str) -> dict[str, float]:
    """Return the numbers whose dotted names begin with `name`, by the rest of the name; the caller's own."""
    if not isinstance(values, Values):
        return {key.removeprefix(f"{name}."): value for key, value in values.items() if key.startswith(f"{name}.")}
    if name not in values.rooms:
        values.rooms[name] = room(dict(values), name)
    return dict(values.rooms[name])
