"""The table that a benchmark prints: what, target, found, hit or miss."""

from __future__ import annotations

import numpy as np

ROWS: list[tuple[str, str, str, bool]] = []


def row(what: str, target: str, found: str, hit: bool) -> None:
    """Add a line to the table."""
    ROWS.append((what, target, found, hit))


def within(what: str, value: float, low: float, high: float, unit: str) -> None:
    """Add a line for a value that should lie in a range."""
    row(what, f"{low:g}-{high:g} {unit}", f"{value:.4g}", low <= value <= high)


def near(what: str, value: float, target: float, unit: str, tolerance: float) -> None:
    """Add a line for a value that should be within a relative tolerance of a published figure."""
    ratio = value / target if np.isfinite(value) else float("nan")
    row(
        what,
        f"{target:g} {unit} (+-{tolerance:.0%})",
        f"{value:.4g}  (x{ratio:.2f})",
        bool(abs(ratio - 1) <= tolerance),
    )


def show() -> None:
    """Print the table."""
    width = max(len(what) for what, *_ in ROWS)
    for what, target, found, hit in ROWS:
        print(f"{what:{width}s}  {target:26s}  {found:24s}  {'hit' if hit else 'MISS'}")
    hits = sum(hit for *_, hit in ROWS)
    print(f"\n{hits} of {len(ROWS)} hit")
