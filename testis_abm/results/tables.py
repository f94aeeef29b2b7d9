"""The tables of a run: what columns each has, in what unit and type, and their conversion to other units.

Every table is tidy: a row is one arm and replicate on the morning of one day (see agents/model.py). Columns carry their unit in the
name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from testis_abm.quantities import QUANTITIES
from testis_abm.support import guard
from testis_abm.support.errors import TestisError, shown

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["text", "integer", "number", "flag"]

STEPS = (
    "a_dark",
    "a_pale",
    "b_spermatogonium",
    "preleptotene",
    "leptotene",
    "zygotene",
    "pachytene",
    "diplotene",
    "secondary_spermatocyte",
    "round_spermatid",
    "elongating_spermatid",
    "elongated_spermatid",
)
SIGNALS = ("androgen", "oestrogen", "fsh", "back_pressure")  # what Sertoli cells hear


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        kind: "text", "integer", "number" (floating point) or "flag" (true or false).
        unit: as printed; "" for names, counts and scores without one.
        label: in words, for axes and summaries.
    """

    kind: Kind
    unit: str
    label: str

    @property
    def inline(self) -> str:
        """Return the label as within a sentence: abbreviations keep their case."""
        return self.label if self.label[1:2].isupper() else self.label[0].lower() + self.label[1:]


def _numbers(*entries: tuple[str, str, str]) -> dict[str, Column]:
    return {name: Column("number", unit, label) for name, unit, label in entries}


def _suffix(unit: str) -> str:
    """Return a unit as the names of columns end in it."""
    return "_" + unit.lower().replace("/", "_")


def _measured(*columns: str) -> dict[str, Column]:
    return {name: Column("number", QUANTITIES[name].unit, QUANTITIES[name].title) for name in columns}


_ARM = {"arm": Column("text", "", "Arm")}
_REPLICATE = {"replicate": Column("integer", "", "Replicate")}
_DAILY = {**_ARM, **_REPLICATE, "day": Column("integer", "day", "Day")}
# A dose may fall between two mornings.
_SAMPLED = {**_ARM, **_REPLICATE, "day": Column("number", "day", "Day")}
BLOOD_COLUMNS = (
    "testosterone_nmol_l",
    "free_testosterone_pmol_l",
    "oestradiol_immunoassay_pmol_l",
    "oestradiol_pmol_l",
    "t_over_e2_immunoassay",
    "t_over_e2",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    "shbg_nmol_l",
)
_SEMEN = _measured(
    "volume_ml",
    "concentration_million_ml",
    "total_count_million",
    "progressive_motility_pct",
    "normal_forms_pct",
    "total_motile_count_million",
)

SCHEMAS: Mapping[str, Mapping[str, Column]] = {
    "hormones": {
        **_DAILY,
        **_measured(
            "testosterone_nmol_l",
            "free_testosterone_pmol_l",
            "oestradiol_pmol_l",
            "lh_iu_l",
            "fsh_iu_l",
            "inhibin_b_pg_ml",
            "shbg_nmol_l",
            "hcg_iu_l",
            "intratesticular_testosterone_nmol_l",
            "intratesticular_oestradiol_nmol_l",
        ),
    },
    "tissue": {
        **_DAILY,
        **{
            name: Column("integer", "cells", name.replace("_", " ").capitalize())
            for name in (*STEPS, "sertoli", "leydig", "apoptosis", "sperm_released")
        },
        **_numbers(
            ("daily_production_million_g", "million/g/day", "Daily sperm production"),
            ("meiotic_loss_pct", "%", "Loss at meiosis"),
            ("elongated_per_sertoli", "cells per Sertoli cell", "Elongated spermatids"),
            ("androgen_signal", "x reference", "Androgen signal of Sertoli cells"),
            ("er_alpha_signal", "x reference", "Oestrogen receptor α signal"),
            ("er_beta_signal", "x reference", "Oestrogen receptor β signal"),
            ("fsh_signal", "x reference", "FSH signal of Sertoli cells"),
            ("aromatase_inhibition_fat_pct", "%", "Aromatase inhibition in fat"),
            ("aromatase_inhibition_testis_pct", "%", "Aromatase inhibition in the testis"),
            ("aromatase_inhibition_leydig_pct", "%", "Aromatase inhibition in Leydig cells"),
            ("aromatase_inhibition_niche_pct", "%", "Aromatase inhibition in Sertoli and germ cells"),
            ("testicular_oestradiol_share_pct", "%", "Share of oestradiol from the testis"),
            ("leydig_oestradiol_share_pct", "%", "Share of oestradiol from Leydig cells"),
            ("sertoli_oestradiol_share_pct", "%", "Share of oestradiol from Sertoli cells"),
            ("germ_oestradiol_share_pct", "%", "Share of oestradiol from germ cells"),
            ("fat_oestradiol_share_pct", "%", "Share of oestradiol that fat makes of testosterone"),
            ("adrenal_oestradiol_share_pct", "%", "Share of oestradiol that fat makes of adrenal precursor"),
        ),
    },
    "modifiers": {
        **_DAILY,
        "modifier": Column("text", "", "Modifier"),
        "rate": Column("text", "", "Rate"),
        **_numbers(("factor", "", "Factor"), ("added", "1/day", "Addition")),
    },
    "semen": {
        **_SAMPLED,
        **_numbers(("abstinence_days", "day", "Abstinence")),
        **_SEMEN,
        **{f"expected_{name}": Column("number", column.unit, column.label) for name, column in _SEMEN.items()},
    },
    "blood": {**_SAMPLED, **_measured(*BLOOD_COLUMNS)},
    "biopsy": {
        **_SAMPLED,
        **{name: Column("number", "cells per Sertoli cell", name.replace("_", " ").capitalize()) for name in STEPS},
        **_numbers(("johnsen_score", "", "Johnsen score")),
    },
    "safety": {
        **_DAILY,
        **_numbers(
            ("bone_density_change_pct", "%", "Bone density change"),
            ("hdl_change_mg_dl", "mg/dL", "HDL cholesterol change"),
            ("haematocrit_pct", "%", "Haematocrit"),
            ("libido_score", "of 100", "Libido score"),
            ("vasomotor_pct", "% of visits", "Hot flushes"),
        ),
        "oestradiol_low": Column("flag", "", "Oestradiol under 10 pg/mL"),
    },
    "outcome": {
        **_SAMPLED,
        **_numbers(
            ("conception_pct", "% a month", "Chance of conception"),
            ("conception_low_pct", "% a month", "Chance of conception, low"),
            ("conception_high_pct", "% a month", "Chance of conception, high"),
            ("retrieval_pct", "%", "Chance that microdissection finds sperm"),
            ("retrieval_low_pct", "%", "Chance that microdissection finds sperm, low"),
            ("retrieval_high_pct", "%", "Chance that microdissection finds sperm, high"),
        ),
    },
    "therapy": {
        **_SAMPLED,
        "therapy": Column("integer", "", "Therapy, in the order of the scenario"),
        "drug": Column("text", "", "Drug"),
        "dose": Column("number", "as unit", "Dose"),
        "unit": Column("text", "", "Unit of the dose"),
        "route": Column("text", "", "Route"),
        **_numbers(("over_hours", "h", "Time of infusion")),
    },
    "decisions": {
        **_DAILY,
        "therapy": Column("integer", "", "Therapy, in the order of the scenario"),
        "drug": Column("text", "", "Drug"),
        "clause": Column("text", "", "Condition"),
        "measured_day": Column("integer", "day", "Day of the sample"),
        "quantity": Column("text", "", "Measured quantity"),
        "measured": Column("number", "as unit", "Measured value"),
        "unit": Column("text", "", "Unit of the measured value"),
        "met": Column("flag", "", "Clause met"),
        "taken": Column("flag", "", "Therapy given"),
    },
    "drugs": {
        **_DAILY,
        "drug": Column("text", "", "Drug"),
        **_numbers(
            ("concentration_mean", "as unit", "Mean concentration of the 24 h before"),
            ("concentration_lowest", "as unit", "Lowest concentration of the 24 h before (hourly)"),
            ("concentration_highest", "as unit", "Highest concentration of the 24 h before (hourly)"),
        ),
        "unit": Column("text", "", "Unit of the concentrations"),
    },
}

_DTYPE: Mapping[Kind, str] = {"text": "str", "integer": "int64", "number": "float64", "flag": "bool"}


def empty(name: str) -> pd.DataFrame:
    """Return table `name` without rows."""
    return _empty(name).copy()


@cache
def _empty(name: str) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({column: pd.Series(dtype=_DTYPE[of.kind]) for column, of in SCHEMAS[name].items()})


def conform(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with exactly the columns, order and types of table `name`.

    Columns in another order or of a narrower type are put right.

    Raises:
        TestisError: unknown table; column missing, unexpected or of a type that does not fit.
    """
    import pandas as pd

    if not isinstance(name, str) or name not in SCHEMAS:
        raise TestisError(f"{shown(name)} is not a table of a run; tables: {', '.join(SCHEMAS)}")
    schema = SCHEMAS[name]
    guard.frame(table, f"table {name}")
    missing = [column for column in schema if column not in table]
    extra = [str(column) for column in table if column not in schema]
    if missing or extra:
        faults = [f"lacks {', '.join(missing)}"] * bool(missing) + [f"has no place for {', '.join(extra)}"] * bool(
            extra
        )
        raise TestisError(f"table {name}: {'; '.join(faults)}")
    columns = {column: _typed(name, column, table[column], of.kind) for column, of in schema.items()}
    if list(table) == list(schema) and all(columns[column] is table[column] for column in schema):
        return table.reset_index(drop=True)
    return pd.DataFrame(columns).reset_index(drop=True)


def _typed(name: str, column: str, values: pd.Series, kind: Kind) -> pd.Series:
    try:
        typed = values.astype(_DTYPE[kind])
        fits = kind in ("text", "number") or bool((typed == values).all())
    except (TypeError, ValueError):
        fits = False
    if not fits or (kind == "text" and values.isna().any()):
        raise TestisError(f"table {name}: {column} holds {values.dtype} where {kind} values are expected")
    return typed


# Column in SI -> column in conventional units, factor.
CONVENTIONAL: Mapping[str, tuple[str, str, float]] = {
    row.column: (row.column.removesuffix(_suffix(row.unit)) + _suffix(row.clinical_unit), row.clinical_unit, row.factor)
    for row in QUANTITIES.values()
    if row.factor != 1.0
}
