"""Reference limits that charts show beside the curves."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from testis_abm.quantities import QUANTITIES, in_units, unit_system


@dataclass(frozen=True)
class Range:
    """A reference range.

    Attributes:
        low, high: in the unit of the column; 0 and infinity where there is no such limit.
        printed: both as published, in another system of units as they come out there.
        source: what the limits are, and whose.
    """

    low: float
    high: float
    printed: str
    source: str

    @property
    def limits(self) -> tuple[float, ...]:
        """Return the limits there are, one or two."""
        return tuple(end for end in (self.low, self.high) if 0.0 < end < math.inf)

    @property
    def author(self) -> str:
        """Return whose they are."""
        return self.source.partition(":")[0]

    def scaled(self, factor: float) -> Range:
        """Return it in another unit."""
        return replace(self, low=self.low * factor, high=self.high * factor)


def as_published(limit: float) -> str:
    """Return a limit with the figures that whoever set it gives, not with those of a level: 16 and 9.4, not 16.0 and 9.40."""
    return f"{float(f'{limit:.4g}'):,g}"


def reference_ranges() -> Mapping[str, Range]:
    """Return the ranges by column, printed in the system of units in force."""
    return _ranges(unit_system())


@cache
def _ranges(system: str) -> Mapping[str, Range]:
    entries = tomllib.loads(Path(__file__).with_name("reference_ranges.toml").read_text(encoding="utf-8"))
    found = {}
    for column, entry in entries.items():
        row = QUANTITIES[column]
        factor = 1.0 / row.units[entry["unit"]]
        low, high = entry.get("low", 0.0) / factor, entry.get("high", math.inf) / factor
        with in_units(system):
            limits = {"low": row.clinical(low), "high": row.clinical(high)} if row.factor != factor else entry
            figures = ".3g" if row.factor != factor else "g"
        printed = " to ".join(f"{limits[end]:{figures}}" for end in ("low", "high") if end in entry)
        found[column] = Range(low, high, printed, entry["source"])
    return found
