"""What a click on a picture of results means: the scenario of a point, put into the form."""

from __future__ import annotations

from pathlib import Path

from testis_abm.app.results.parts import lowered
from testis_abm.app.session import Session
from testis_abm.experiments.opened import COMPARE, SWEEP, TRIAL, arms_of
from testis_abm.experiments.store import read_manifest
from testis_abm.experiments.swept import Swept
from testis_abm.pictures import sweeps
from testis_abm.scenario import Scenario
from testis_abm.support.errors import TestisError


def scenario_of(folder: str | Path, key: str) -> Scenario:
    """Return the scenario that a key of a picture means: the number of a point of a sweep, the name of an arm.

    Raises:
        TestisError: it means none, or the folder is no such store.
    """
    kind = read_manifest(folder)["kind"]
    if kind == SWEEP:
        found = Swept.of(folder)
        if not key.isdecimal() or len(key) > 9:
            raise TestisError(f"{key[:40]!r} is no point of the sweep")
        case, values = found.case, found.values(int(key))
        named = (
            f"{lowered(sweeps.title_of(axis.path, case))} {sweeps.short(axis, values[axis.path])}"
            for axis in found.axes
        )
        return found.scenario(int(key), ", ".join(named))
    if kind == COMPARE:
        arms = arms_of(Path(folder))
        if key in arms:
            return arms[key]
    what = "men of a trial have scenarios of their own" if kind == TRIAL else f"{key[:40]!r} is no part of it"
    raise TestisError(f"{what}; nothing is loaded")


def load(session: Session, folder: str | Path, key: str) -> None:
    """Put the scenario that a key means into the form, and say so; a wrong key is told."""
    try:
        scenario = scenario_of(folder, key)
    except TestisError as error:
        session.notice.value = ("error", str(error))
        return
    session.take(lambda: scenario, "From the picture")
