"""What is read of a model's cells and blood for the signals that a scenario's rules follow."""

from __future__ import annotations

from typing import Any

import numpy as np

from testis_abm.biology.sertoli import Response, signals
from testis_abm.man.own_rules import drug_level
from testis_abm.scenario import grammar


def read(model: Any, pressure: float, signal: grammar.Signal, by_cell: bool) -> Any:
    """Return a signal as it was in the day before this morning: a number, or of the testis one for each Sertoli cell.

    Args:
        model: TestisModel of which it is read.
        pressure: of fluid in the tract.
        signal: of the grammar.
        by_cell: whether each Sertoli cell senses its own; else it is the mean of those that are there.
    """
    if signal.where == grammar.PLAN:
        return float(model.day)
    if signal.where == grammar.DRUG:
        return drug_level(signal.key, model.body.kinetics, model.body.drugs.levels)
    if signal.where == grammar.BLOOD:
        return float(model.body.means[signal.key][0] * signal.per)
    here = _within(model, signal.key) if signal.where == grammar.TESTIS else _sensed(model, pressure, signal.key)
    if by_cell:
        return here
    present = model.tissue.columns.sertoli.present
    return float((here * present).sum() / max(present.sum(), 1.0))


def _within(model: Any, key: str) -> np.ndarray:
    """Return a level at each Sertoli cell, nmol/L."""
    levels = model.tissue.levels
    share = 1.0
    if key.startswith("free_"):
        key = key.removeprefix("free_")
        share = getattr(levels.scale, f"{key}_free")
    return np.asarray(getattr(levels, key).ravel() * share)


def _sensed(model: Any, pressure: float, key: str) -> np.ndarray:
    """Return a signal of each Sertoli cell."""
    cells, p = model.tissue.columns.sertoli, model.tissue.p
    columns = (getattr(cells, name).tolist() for name in Response._fields)
    return np.array([getattr(signals(Response(*one), pressure, p), key) for one in zip(*columns, strict=True)])
