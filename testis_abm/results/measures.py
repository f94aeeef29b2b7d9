"""The quantities that a summary reports, and how each is read from the tables of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory
from testis_abm.biology.readouts import ROWS as ROWS_OF_CELLS
from testis_abm.quantities import CONVENTIONAL, LOST_SPERMATIDS, QUANTITIES, SI, in_units, unit_system
from testis_abm.results.tables import reported


@dataclass(frozen=True)
class Measure:
    """One quantity of a summary.

    Attributes:
        name: as a column would be called, unit included.
        column: of the quantity (see quantities.QUANTITIES).
        label, unit: as printed.
        table: the table it is read from.
        read: takes rows of that table, returns the quantity of each.
        least: the least that a laboratory tells from none, in the unit.
        factor: from the unit of the quantity to this one.
    """

    name: str
    column: str
    label: str
    unit: str
    table: str
    read: Callable[[pd.DataFrame], pd.Series]
    least: float = 0.0
    factor: float = 1.0


# Table -> the columns that a summary prints.
_PRINTED = {
    "hormones": (
        "testosterone_nmol_l",
        "oestradiol_immunoassay_pmol_l",
        "oestradiol_pmol_l",
        "t_over_e2_immunoassay",
        "t_over_e2",
        "lh_iu_l",
        "fsh_iu_l",
        "inhibin_b_pg_ml",
        "intratesticular_testosterone_nmol_l",
        "intratesticular_oestradiol_nmol_l",
        "intratesticular_t_over_e2",
    ),
    "tissue": ("daily_production_million_g",),
    "semen": (
        "concentration_million_ml",
        "volume_ml",
        "total_count_million",
        "total_motile_count_million",
        "progressive_motility_pct",
        "normal_forms_pct",
        "dna_fragmentation_pct",
    ),
}
# Table -> those that it holds besides: what is read within the testis.
_FURTHER: Mapping[str, tuple[str, ...]] = {
    "hormones": tuple(name for name in QUANTITIES if name.startswith("free_intratesticular")),
    "tissue": (
        *(name for name in QUANTITIES if name.startswith("aromatase") or name.endswith("_per_sertoli")),
        *(f"{name}_million_g" for name in LOST_SPERMATIDS),
        *ROWS_OF_CELLS,
    ),
    "semen": ("immature_germ_cells_million_ml", "immature_germ_cells_million"),
}
PRINTED = frozenset(column for columns in _PRINTED.values() for column in columns)


def measures(
    conventional: bool | None = None, values: Mapping[str, float] | None = None, *, stored: bool = False
) -> tuple[Measure, ...]:
    """Return the quantities of a summary, in conventional or SI units (None: as in force), or in those of the tables (`stored`).

    `values` are dotted parameters (default: the table's); those of the laboratory matter here.
    """
    laboratory = Laboratory(parameters.values() if values is None else values)
    with in_units(unit_system() if conventional is None else CONVENTIONAL if conventional else SI):
        return tuple(
            _measure(table, column, stored, laboratory)
            for known in (_PRINTED, _FURTHER)
            for table, columns in known.items()
            for column in columns
        )


def _measure(table: str, column: str, stored: bool, laboratory: Laboratory) -> Measure:
    row = ROWS_OF_CELLS.get(column) or QUANTITIES[column]
    unit, factor = (row.unit, 1.0) if stored else (row.clinical_unit, row.factor)
    name = column if stored or column in ROWS_OF_CELLS else reported(column)
    expected = "expected_" if table == "semen" else ""
    read = _READ.get(column) or (lambda rows, _: rows[f"{expected}{column}"])

    def value(rows: pd.DataFrame) -> pd.Series:
        return pd.Series(np.asarray(read(rows, laboratory), dtype=float) * factor, index=rows.index)

    return Measure(
        f"{expected}{name}", column, row.label, unit, table, value, laboratory.limit(column) * factor, factor
    )


def _by_assay(column: str) -> Callable[[pd.DataFrame, Laboratory], Any]:
    return lambda rows, laboratory: laboratory.by_assays(rows)[column]


def _inside(column: str) -> Callable[[pd.DataFrame, Laboratory], Any]:
    return lambda rows, laboratory: laboratory.inside(rows)[column]


# Columns that no table holds: how they follow from its rows.
_READ: Mapping[str, Callable[[pd.DataFrame, Laboratory], Any]] = {
    **{name: _by_assay(name) for name in ("oestradiol_immunoassay_pmol_l", "t_over_e2_immunoassay", "t_over_e2")},
    **{name: _inside(name) for name in ("intratesticular_t_over_e2", "free_intratesticular_t_over_e2")},
}
