"""Reference ranges that the figures draw behind the curves."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Range:
    """A range in the unit of its column; `high` is infinite for a mere lower limit."""

    low: float
    high: float
    source: str


@cache
def reference_ranges() -> dict[str, Range]:
    """Return the ranges by column name."""
    with open(Path(__file__).with_name("reference_ranges.toml"), "rb") as file:
        entries = tomllib.load(file)
    return {
        name: Range(entry["low"], entry.get("high", float("inf")), entry["source"]) for name, entry in entries.items()
    }
