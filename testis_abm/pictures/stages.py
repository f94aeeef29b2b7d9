"""The legend of stages of the cycle on slides and maps, and of niches that hold no germ cells or have stopped their stem cells."""

from __future__ import annotations

from typing import Any

from matplotlib.patches import Patch

from testis_abm.biology.stages import NAMES
from testis_abm.pictures.steps import NO_STAGE, STAGE_COLOURS


def handles(*, empty: bool, blocked: bool) -> list[Any]:
    """Return the entries of a legend of stages, and of Sertoli cells without germ cells or that are blocked, if there are any."""
    entries = [*zip(NAMES, STAGE_COLOURS, strict=True)]
    entries += [entry for entry, there in zip(NO_STAGE, (empty, blocked), strict=True) if there]
    return [Patch(color=colour, lw=0, label=name) for name, colour in entries]


def titled(title: str, entries: list[Any]) -> list[Any]:
    """Return the entries of a legend in one line, its title before them."""
    return [Patch(fc="none", ec="none", label=title), *entries]
