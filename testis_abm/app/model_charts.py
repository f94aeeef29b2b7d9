"""Charts of a model that somebody steps: components for Mesa's `SolaraViz` and for a notebook, as `tubule.make_tubule` is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import reacton.ipyvuetify as v
import solara

from testis_abm.app import widgets
from testis_abm.app.offline import stay_here
from testis_abm.experiments.simulate import so_far
from testis_abm.pictures import courses, screen
from testis_abm.support.errors import TestisError, shown

stay_here()

_PANELS = {"hormones": courses.hormones, "semen": courses.semen, "tissue": courses.production, "safety": courses.safety}
_TABLES = {"safety": ("safety", "outcome")}


def make_charts(kind: str = "hormones", model: Any = None) -> Callable[..., solara.Element]:
    """Return a component that shows what a model has lived so far, in clinical units and beside reference limits.

    Called with a model, as Mesa does, it shows that one; called without, the one given here.

    Args:
        kind: "hormones", "semen", "tissue" or "safety".
        model: a TestisModel.

    Raises:
        TestisError: for another kind.
    """
    if kind not in _PANELS:
        raise TestisError(f"{shown(kind)} is no kind of chart; known: {', '.join(_PANELS)}")

    def component(of: Any = None) -> solara.Element:
        lives = model if of is None else of
        arm = "treated" if lives.treated and lives.case.treated else "untreated"
        rows = {name: [(arm, 0, *row) for row in lives.records[name]] for name in _TABLES.get(kind, (kind,))}
        arms = courses.arms_of(so_far(lives.case, rows)) or (courses.Arm(arm, so_far(lives.case, {}), arm),)
        with v.Html(tag="div", class_="ta") as main:
            solara.Style(widgets.CSS)
            widgets.html(screen.grid(_PANELS[kind](arms)))
        return main

    return component
