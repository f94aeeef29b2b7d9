"""Tables of a user's own that are in force beside the shipped ones: in a context, and never for all of a process.

What is in them and what follows from it is worked out in parameters/own.py.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from testis_abm.support.errors import gathered

KINDS = ("drug", "preset", "population", "injury", "parameter")


@dataclass(frozen=True)
class Tables:
    """Drugs, presets, populations, injuries and parameters of a user's own; immutable, hashable, false if there are none.

    Attributes:
        text: the tables as they were written, by kind and name, as JSON. Order counts: that of a drug's substances does.
    """

    text: str = ""

    @classmethod
    def unchecked(cls, raw: Mapping[str, Any]) -> Tables:
        """Return tables as they stand, by kind and name (scenario.own.tables checks them)."""
        some = {kind: dict(raw[kind]) for kind in KINDS if raw.get(kind)}
        return cls(json.dumps(some, separators=(",", ":")) if some else "")

    def __bool__(self) -> bool:
        return bool(self.text)

    def __repr__(self) -> str:
        return f"<Tables: {', '.join(f'{kind} {name}' for kind, rows in self.as_dict().items() for name in rows)}>"

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Return the tables as a scenario file would have them, kind -> name -> table; the caller's own."""
        return dict(json.loads(self.text)) if self.text else {}

    def has(self, kind: str, name: str) -> bool:
        """Return whether an entry of a kind is the user's own; a parameter by its dotted name."""
        return name in self.as_dict().get(kind, {})

    def beside(self, other: Tables) -> Tables:
        """Return these and others.

        Raises:
            ScenarioError: both have an entry of one name, that is not the same.
        """
        if not self or not other or self == other:
            return self or other
        whole = self.as_dict()
        with gathered() as problems:
            for kind, rows in other.as_dict().items():
                for name, row in rows.items():
                    if whole.setdefault(kind, {}).setdefault(name, row) != row:
                        problems.add("is given otherwise in the tables that are in force; rename one", kind, name)
        return Tables.unchecked(whole)


NONE = Tables()
_IN_FORCE: ContextVar[Tables] = ContextVar("tables", default=NONE)


def in_force() -> Tables:
    """Return the tables that are in force here."""
    return _IN_FORCE.get()


_built: list[Callable[[Tables], Mapping[str, Mapping[str, Any]]]] = []


def building[Build: Callable[[Tables], Mapping[str, Mapping[str, Any]]]](build: Build) -> Build:
    """Let a function tell what readers of the tables return (parameters/own.py, which reads them itself)."""
    _built.append(build)
    return build


def whole(tables: Tables) -> Mapping[str, Mapping[str, Any]]:
    """Return what readers of table.py return with tables beside the shipped ones, by name; those that it changes."""
    return _built[0](tables)


@contextmanager
def using(tables: Tables) -> Iterator[Tables]:
    """Let tables, and no others beside the shipped ones, be in force within it: for this thread or task alone."""
    token = _IN_FORCE.set(tables)
    try:
        yield tables
    finally:
        _IN_FORCE.reset(token)
