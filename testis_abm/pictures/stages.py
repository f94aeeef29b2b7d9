"""The legend of stages of the cycle on slides and maps, and of niches that hold no germ cells or have stopped their stem cells."""

from __future__ import annotations

from typing import Any

from matplotlib.patches import Patch

from testis_abm.biology.stages import NAMES
from testis_abm.pictures.steps import BLOCKED, EMPTY, STAGE_COLOURS


def handles(*, empty: bool, blocked: bool) -> list[Any]:
    """Return the entries of a legend of stages, and of Sertoli cells without germ cells or that are blocked, if there are any."""
    entries = [*zip(STAGE_COLOURS, NAMES, strict=True)]
    entries += [(EMPTY, "no germ cells")] * empty + [(BLOCKED, "stem cells blocked")] * blocked
    return [Patch(color=colour, lw=0, label=name) for colour, name in entries]


def titled(title: str, entries: list[Any]) -> list[Any]:
    """Return the entries of a legend in one line, its title before them."""
    return [Patch(fc="none", ec="none", label=title), *entries]
