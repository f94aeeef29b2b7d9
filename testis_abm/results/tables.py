"""The tables of a run: what columns each has, in what unit and type, and their conversion to other units.

Every table is tidy: a row is one arm and replicate at one day. Columns carry their unit in the name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from testis_abm.errors import TestisError, shown

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


_ARM = {"arm": Column("text", "", "Arm")}
_REPLICATE = {"replicate": Column("integer", "", "Replicate")}
_DAILY = {**_ARM, **_REPLICATE, "day": Column("integer", "day", "Day")}
# A sample or a dose may fall between two midnights.
_SAMPLED = {**_ARM, **_REPLICATE, "day": Column("number", "day", "Day")}
_BLOOD = _numbers(
    ("testosterone_nmol_l", "nmol/L", "Testosterone"),
    ("oestradiol_pmol_l", "pmol/L", "Oestradiol"),
    ("lh_iu_l", "IU/L", "LH"),
    ("fsh_iu_l", "IU/L", "FSH"),
    ("inhibin_b_pg_ml", "pg/mL", "Inhibin B"),
    ("shbg_nmol_l", "nmol/L", "SHBG"),
)
_SEMEN = _numbers(
    ("volume_ml", "mL", "Ejaculate volume"),
    ("concentration_million_ml", "million/mL", "Sperm concentration"),
    ("total_count_million", "million", "Total sperm count"),
    ("progressive_motility_pct", "%", "Progressive motility"),
    ("normal_forms_pct", "%", "Normal forms"),
    ("total_motile_count_million", "million", "Total motile count"),
)

SCHEMAS: Mapping[str, Mapping[str, Column]] = {
    "hormones": {
        **_DAILY,
        "testosterone_nmol_l": _BLOOD["testosterone_nmol_l"],
        **_numbers(("free_testosterone_pmol_l", "pmol/L", "Free testosterone")),
        **{name: column for name, column in _BLOOD.items() if name != "testosterone_nmol_l"},
        **_numbers(
            ("hcg_iu_l", "IU/L", "hCG"),
            ("intratesticular_testosterone_nmol_l", "nmol/L", "Intratesticular testosterone"),
            ("intratesticular_oestradiol_nmol_l", "nmol/L", "Intratesticular oestradiol"),
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
    "blood": {**_SAMPLED, **_BLOOD},
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
        "concentration": Column("number", "as unit", "Concentration"),
        "unit": Column("text", "", "Unit of the concentration"),
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

    if name not in SCHEMAS:
        raise TestisError(f"{shown(name)} is not a table of a run; tables: {', '.join(SCHEMAS)}")
    schema = SCHEMAS[name]
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


# As in scenario.quantities, which the figures would have to import with all of its room.
TESTOSTERONE_NG_DL = 28.84  # ng/dL in 1 nmol/L
TESTOSTERONE_NMOL_L = 100.0 / TESTOSTERONE_NG_DL  # nmol/L in 1 ng/mL
OESTRADIOL_PMOL_L = 3.67  # pmol/L in 1 pg/mL

# Column in SI -> column in conventional units, factor.
CONVENTIONAL: Mapping[str, tuple[str, str, float]] = {
    "testosterone_nmol_l": ("testosterone_ng_dl", "ng/dL", TESTOSTERONE_NG_DL),
    "free_testosterone_pmol_l": ("free_testosterone_pg_ml", "pg/mL", TESTOSTERONE_NG_DL / 100.0),
    "oestradiol_pmol_l": ("oestradiol_pg_ml", "pg/mL", 1.0 / OESTRADIOL_PMOL_L),
    "intratesticular_testosterone_nmol_l": (
        "intratesticular_testosterone_ng_ml",
        "ng/mL",
        1.0 / TESTOSTERONE_NMOL_L,
    ),
    "intratesticular_oestradiol_nmol_l": (
        "intratesticular_oestradiol_ng_ml",
        "ng/mL",
        1.0 / OESTRADIOL_PMOL_L,
    ),
}


def to_conventional(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy with testosterone in ng/dL, oestradiol in pg/mL, intratesticular levels in ng/mL.

    Columns are renamed to match, such as `testosterone_ng_dl`; all others stay.
    """
    copy = table.copy()
    for name, (_, _, factor) in CONVENTIONAL.items():
        if name in copy:
            copy[name] = copy[name] * factor
    return copy.rename(columns={name: new for name, (new, _, _) in CONVENTIONAL.items()})


def clinical_ratio(testosterone_nmol_l: np.ndarray, oestradiol_pmol_l: np.ndarray) -> np.ndarray:
    """Return testosterone over oestradiol as clinics do, ng/dL per pg/mL; infinite without oestradiol."""
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return np.asarray(
            testosterone_nmol_l * TESTOSTERONE_NG_DL / (oestradiol_pmol_l / OESTRADIOL_PMOL_L), dtype=float
        )
