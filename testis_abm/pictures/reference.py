"""Reference limits that the figures draw behind the curves."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from testis_abm.quantities import QUANTITIES


@dataclass(frozen=True)
class Range:
    """A reference range.

    Attributes:
        low, high: in the unit of the column; 0 and infinity where there is no such limit.
        published: both as published, in `unit`.
        source: what the limits are, and whose.
    """

    low: float
    high: float
    published: tuple[float, float]
    unit: str
    source: str

    @property
    def both(self) -> bool:
        """Return whether there is a lower and an upper limit."""
        return self.low > 0.0 and math.isfinite(self.high)

    @property
    def limit(self) -> float:
        """Return the one limit there is (the lower of two), in the unit of the column."""
        return self.low if self.low > 0.0 else self.high

    @property
    def printed(self) -> str:
        """Return the limit beside its source, as published."""
        low, high = self.published
        text = f"{low:g} to {high:g}" if self.both else f"{low if self.low > 0.0 else high:g}"
        return f"{self.source.partition(':')[0]}: {text}"


@cache
def reference_ranges() -> dict[str, Range]:
    """Return the ranges by column."""
    with open(Path(__file__).with_name("reference_ranges.toml"), "rb") as file:
        entries = tomllib.load(file)
    return {name: _range(name, entry) for name, entry in entries.items()}


def _range(column: str, entry: dict[str, object]) -> Range:
    row, unit = QUANTITIES[column], str(entry["unit"])
    factor = 1.0 if unit == row.unit else row.factor
    published = (float(entry.get("low", 0.0)), float(entry.get("high", math.inf)))  # type: ignore[arg-type]
    return Range(published[0] / factor, published[1] / factor, published, unit, str(entry["source"]))
