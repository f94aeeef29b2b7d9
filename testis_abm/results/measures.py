"""The quantities that a summary reports, and how each is read from the tables of a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from testis_abm import parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.results.tables import CONVENTIONAL, SCHEMAS, clinical_ratio


@dataclass(frozen=True)
class Measure:
    """One quantity of a summary.

    Attributes:
        name: as a column would be called, unit included.
        label, unit: as printed.
        table: the table it is read from.
        read: takes rows of that table, returns the quantity of each.
    """

    name: str
    label: str
    unit: str
    table: str
    read: Callable[[pd.DataFrame], pd.Series]


def measures(conventional: bool = True, overrides: Mapping[str, float] | None = None) -> tuple[Measure, ...]:
    """Return the quantities of a summary, in conventional or SI units.

    `overrides` are the parameters that the scenario changed; the immunoassay's floor is one that matters here.
    """
    return (
        _column("hormones", "testosterone_nmol_l", conventional),
        _column("hormones", "oestradiol_pmol_l", conventional),
        _immunoassay(conventional, parameters.values(overrides or {})),
        Measure(
            "testosterone_over_oestradiol",
            "T/E2",
            "ng/dL per pg/mL",
            "hormones",
            lambda rows: pd.Series(
                clinical_ratio(rows["testosterone_nmol_l"].to_numpy(), rows["oestradiol_pmol_l"].to_numpy()),
                index=rows.index,
            ),
        ),
        _immunoassay_ratio(parameters.values(overrides or {})),
        _column("hormones", "lh_iu_l"),
        _column("hormones", "fsh_iu_l"),
        _column("hormones", "inhibin_b_pg_ml"),
        _column("hormones", "intratesticular_testosterone_nmol_l", conventional),
        _column("hormones", "intratesticular_oestradiol_nmol_l", conventional),
        Measure(
            "intratesticular_testosterone_over_oestradiol",
            "intratesticular T/E2",
            "molar",
            "hormones",
            lambda rows: rows["intratesticular_testosterone_nmol_l"] / rows["intratesticular_oestradiol_nmol_l"],
        ),
        _column("tissue", "daily_production_million_g"),
        _column("semen", "expected_concentration_million_ml"),
        _column("semen", "expected_volume_ml"),
        _column("semen", "expected_total_motile_count_million"),
        _column("semen", "expected_progressive_motility_pct"),
        _column("semen", "expected_normal_forms_pct"),
    )


def _immunoassay(conventional: bool, values: Mapping[str, float]) -> Measure:
    name, unit, factor = CONVENTIONAL["oestradiol_pmol_l"] if conventional else ("oestradiol_pmol_l", "pmol/L", 1.0)
    return Measure(
        f"immunoassay_{name}",
        "oestradiol by immunoassay",
        unit,
        "hormones",
        lambda rows: reported_oestradiol(rows["oestradiol_pmol_l"], "immunoassay", values) * factor,
    )


def _immunoassay_ratio(values: Mapping[str, float]) -> Measure:
    def read(rows: pd.DataFrame) -> pd.Series:
        seen = reported_oestradiol(rows["oestradiol_pmol_l"], "immunoassay", values)
        return pd.Series(clinical_ratio(rows["testosterone_nmol_l"].to_numpy(), seen.to_numpy()), index=rows.index)

    name = "testosterone_over_immunoassay_oestradiol"
    return Measure(name, "T/E2 by immunoassay", "ng/dL per pg/mL", "hormones", read)


def _column(table: str, name: str, conventional: bool = False) -> Measure:
    column = SCHEMAS[table][name]
    if conventional:
        new, unit, factor = CONVENTIONAL[name]
        return Measure(new, column.inline, unit, table, lambda rows: rows[name] * factor)
    return Measure(name, column.inline, column.unit, table, lambda rows: rows[name])
