"""The living cross-section as a component of Solara, and of Mesa's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import solara

from testis_abm.app.offline import stay_here
from testis_abm.app.tubule.recording import Recording, follow
from testis_abm.app.tubule.widget import NAMES, TubuleWidget
from testis_abm.quantities import unit_system

stay_here()


@solara.component
def TubuleView(  # noqa: N802 (a component, as Solara writes them)
    recording: Recording,
    control: Recording | None = None,
    *,
    names: tuple[str, str] = NAMES,
    dark: bool | None = None,
    units: str | None = None,
    on_day: Callable[[int], None] | None = None,
    on_cell: Callable[[dict[str, Any] | None], None] | None = None,
) -> solara.Element:
    """Show a recording as a living slide, and its untreated control beside it on the same clock.

    Args:
        recording: may still grow; new frames appear by themselves.
        control: shown beside it.
        names: of the two, as headings.
        dark: colours (None: as the browser prefers).
        units: system of units of the levels, "conventional" or "si" (None: the one in force).
        on_day: called with the day of the plan when it is scrubbed to or paused at.
        on_cell: called with what `Recording.describe` says of the cell that was clicked, or None.
    """
    return TubuleWidget.element(
        recordings=(recording,) if control is None else (recording, control),
        names=tuple(names),
        dark=dark,
        system=unit_system() if units is None else units,
        on_day=on_day,
        on_cell=on_cell,
    )


def make_tubule(model: Any = None, **look: Any) -> Callable[..., solara.Element]:
    """Return a component that records a model as it steps and shows it, for a notebook and for Mesa's `SolaraViz`.

    Called with a model, as Mesa does, it shows that one (a new model is recorded from its beginning); called without,
    the one given here.

    Args:
        model: a TestisModel.
        look: for `Recording` (`every`, `tubules`, `megabytes`) and `TubuleView` (`dark`, `units`, `names`, `on_day`, `on_cell`).
    """
    kept = {name: look.pop(name) for name in ("every", "tubules", "megabytes") if name in look}
    look.setdefault("names", ("Tubules", ""))
    if model is not None:
        follow(model, **kept)

    def component(shown: Any = None) -> solara.Element:
        return TubuleView(follow(model if shown is None else shown, **kept), **look)

    return component
