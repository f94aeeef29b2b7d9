"""The table that a benchmark prints: what, goal, found, hit or miss; what has no goal is only told."""

from __future__ import annotations

import numpy as np

ROWS: list[tuple[str, str, str, bool | None]] = []


def row(what: str, goal: str, found: str, hit: bool | None) -> None:
    """Add a line to the table; `hit` is None if there is no goal."""
    ROWS.append((what, goal, found, None if hit is None else bool(hit)))


def told(what: str, found: str) -> None:
    """Add a line that has no goal."""
    row(what, "", found, None)


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
    aligned(("what", "goal", "found", ""), [(*texts, _WORDS[hit]) for *texts, hit in ROWS])
    hits = [hit for *_, hit in ROWS if hit is not None]
    print(f"\n{sum(hits)} of {len(hits)} hit")


_WORDS = {True: "hit", False: "MISS", None: ""}


def aligned(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> None:
    """Print rows of text under a head, in columns as wide as they need."""
    widths = [max(map(len, column)) for column in zip(head, *rows)]
    for line in (head, *rows):
        print("  ".join(text.ljust(width) for text, width in zip(line, widths)).rstrip())
