"""Many expected men through the plan and therapies of one scenario."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.body.pharmacology import Kinetics, hourly_doses
from testis_abm.expected.man import COLUMNS, ExpectedMan, reference_output
from testis_abm.parameters import Drug
from testis_abm.physiology import complete

Dose = tuple[float, str, float]  # day, drug, amount


def dose_table(drugs: Sequence[Drug], doses: Sequence[Dose], first: int, last: int) -> np.ndarray:
    """Return what enters each depot in each hour of days `first` to `last`, (days, 24, substances)."""
    kinetics = Kinetics.of(drugs)
    plan = sorted(doses)
    lasting = max([0.0, *kinetics.release]) / 24.0
    days = np.array([day for day, _, _ in plan])
    table = np.zeros((last - first + 1, 24, len(kinetics.names)))
    for i, day in enumerate(range(first, last + 1)):
        # Only doses that can still enter the body today are looked at.
        begin, end = np.searchsorted(days, [day - lasting - 1.0, day + 1.0])
        table[i] = hourly_doses(kinetics, plan[begin:end], day)
    return table


def treat(
    men: pd.DataFrame,
    drugs: Sequence[Drug],
    table: np.ndarray,
    values: Mapping[str, float],
    *,
    look: Callable[[ExpectedMan], np.ndarray] | None = None,
) -> np.ndarray:
    """Run men through doses from their own rest, on all cores.

    Args:
        men: a row of physiology fields each.
        drugs: rows of the drug table, in the order of `table`.
        table: from dose_table.
        values: dotted parameters.
        look: what to keep of each man (default: all his days, (days, COLUMNS)).

    Returns:
        (men, ...) what was kept.
    """
    values = complete(values)
    reference = reference_output(values, {name: field.value for name, field in parameters.physiology().items()})
    names = list(men.columns)

    def one(row: np.ndarray) -> np.ndarray:
        man = ExpectedMan(values, dict(zip(names, row, strict=True)), drugs, reference=reference)
        man.advance(table)
        return man.days if look is None else look(man)

    rows = men.to_numpy(dtype=float)
    if len(rows) == 0:
        return np.zeros((0, len(table), len(COLUMNS)))
    first = one(rows[0])  # compiles once, before threads could do it twice
    with ThreadPoolExecutor(min(os.cpu_count() or 1, 8)) as pool:
        rest = list(pool.map(one, rows[1:], chunksize=8))
    return np.stack([first, *rest])
