"""The living cross-section in a notebook: `testis_abm.slide`."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from testis_abm.choices import TREATED, UNTREATED
from testis_abm.quantities import UNIT_SYSTEMS, unit_system
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, shown

if TYPE_CHECKING:
    from testis_abm.app.tubule.widget import TubuleWidget

_MOST_MEGABYTES = 1000.0  # of frames: more than a notebook's page holds


def slide(
    man: Any,
    *,
    every: int = 1,
    tubules: int | None = None,
    megabytes: float = 48.0,
    dark: bool | None = None,
    units: str | None = None,
) -> TubuleWidget:
    """Return the tubules of a man as a living slide: a widget for Jupyter, VS Code and marimo (an `anywidget`).

    A model is recorded from now on, each day that it lives; `step()` and `run_for()` move the slide on. Of a run the men of the first
    replicate live again beside the notebook, cell for cell as they did, the untreated control beside the treated man.

    Args:
        man: a TestisModel, or what `run` returned.
        every: days between frames.
        tubules: how many to show (default: as many as hold 10,000 cells).
        megabytes: of frames; a recording that grows beyond goes on at half the rate.
        dark: colours (default: as the notebook is).
        units: system of units of the levels, "conventional" or "si" (default: the one in force).

    Raises:
        TestisError: `man` is neither, an argument is not what it can be, or anywidget is not installed.
    """
    scenario: Any = getattr(man, "scenario", None)
    model = hasattr(man, "tissue") and hasattr(man, "observers")
    if not model and not hasattr(scenario, "plan"):
        raise TestisError(f"slide() shows a TestisModel or what run() returned, not {shown(man)}")
    case = man.case if model else scenario
    kept: dict[str, Any] = {
        "every": guard.whole(every, 1, 3653, "every"),
        "megabytes": guard.number(megabytes, 0.1, _MOST_MEGABYTES, "megabytes"),
    }
    kept["tubules"] = None if tubules is None else guard.whole(tubules, 1, case.tissue.tubules, "tubules")
    look = {
        "dark": None if dark is None else guard.flag(dark, "dark"),
        "system": unit_system() if units is None else guard.word(units, UNIT_SYSTEMS, "units"),
    }
    try:
        from testis_abm.app.tubule.recording import Recording, follow
        from testis_abm.app.tubule.widget import NAMES, TubuleWidget
    except ModuleNotFoundError as error:
        if error.name != "anywidget":
            raise
        raise TestisError('a slide needs anywidget: pip install "testis_abm[app]"') from None
    if model:
        return TubuleWidget(recordings=(follow(man, **kept),), names=("Tubules",), **look)
    from testis_abm.experiments.simulate import men_of

    men = men_of(case)
    recordings = {arm: Recording(one, **kept) for arm, one in men.items()}
    arms = [arm for arm in (TREATED, UNTREATED) if arm in men]
    names = (case.done.capitalize(), NAMES[1]) if len(arms) == 2 else ("Untreated",)
    widget = TubuleWidget(recordings=tuple(recordings[arm] for arm in arms), names=names, **look)
    threading.Thread(target=_live, args=(men, recordings), name="men of a slide", daemon=True).start()
    return widget


def _live(men: Mapping[str, Any], recordings: Mapping[str, Any]) -> None:
    """Let men live to the end of their plan, day by day together."""
    while any(man.running for man in men.values()):
        for arm, man in men.items():
            if man.running:
                man.step()
                recordings[arm].record()
