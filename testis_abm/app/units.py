"""The system of units of a page: what its components show is in it, whatever another page has."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate

from testis_abm.app.session import Session
from testis_abm.quantities import in_units


def in_its_units[**P, R](component: Callable[Concatenate[Session, P], R]) -> Callable[Concatenate[Session, P], R]:
    """Return a component that shows levels in the units of the session, its first argument.

    Each component needs it: one that another shows is rendered later, and on the thread that changed something.
    """

    @wraps(component)
    def shown(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> R:
        with in_units(session.units.value):
            return component(session, *args, **kwargs)

    return shown
