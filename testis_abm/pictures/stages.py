"""How stages of the cycle look on slides and maps, and niches that hold no germ cells or have stopped their stem cells."""

from __future__ import annotations

from typing import Any

from matplotlib.patches import Patch

from testis_abm.biology.stages import NAMES
from testis_abm.pictures import style

# Along the cycle, of Okabe and Ito: dark and light in turn, so that neighbours differ without colour too.
STAGE_COLOURS = (style.BLUE, style.SKY, style.GREEN, "#F0E442", style.ORANGE, style.VERMILION)
NOT_ABLE, BLOCKED = "#C9C9C9", style.BLACK


def handles(*, empty: bool, blocked: bool) -> list[Any]:
    """Return the entries of a legend of stages, and of Sertoli cells without germ cells or that are blocked, if there are any."""
    entries = [*zip(STAGE_COLOURS, NAMES, strict=True)]
    entries += [(NOT_ABLE, "Sertoli cell only")] * empty + [(BLOCKED, "stem cells blocked")] * blocked
    return [Patch(color=colour, lw=0, label=name) for colour, name in entries]


def titled(title: str, entries: list[Any]) -> list[Any]:
    """Return the entries of a legend in one line, its title before them."""
    return [Patch(fc="none", ec="none", label=title), *entries]
