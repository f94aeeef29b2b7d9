"""What is written down of a man: the columns of every table, and its rows, read and written by the names of the columns.

A table is tidy: a row is one morning of one day (see agents/model.py), in the tables of a run with arm and replicate
before it. Columns carry their unit in the name.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from testis_abm.biology.readouts import ROWS as ROWS_OF_CELLS
from testis_abm.biology.steps import NAMES
from testis_abm.quantities import LOST_SPERMATIDS, QUANTITIES
from testis_abm.support.errors import shown

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

Kind = Literal["text", "integer", "number", "flag"]


class Stored(NamedTuple):
    """How a kind of value is held: by Python, and by a column of a table."""

    type: Any
    dtype: str


KINDS: Mapping[Kind, Stored] = {
    "text": Stored(str, "str"),
    "integer": Stored(int, "int64"),
    "number": Stored(int | float, "float64"),
    "flag": Stored(bool, "bool"),
}


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


def _measured(*columns: str) -> dict[str, Column]:
    return {name: Column("number", QUANTITIES[name].unit, QUANTITIES[name].title) for name in columns}


# What Sertoli cells sense.
SIGNALS = _numbers(
    ("androgen", "nmol/L", "androgen that Sertoli cells feel"),  # its free level times the receptors that no drug holds
    ("lack", "", "lack of oestrogen"),
    ("fsh", "IU/L", "FSH"),
    ("back_pressure", "", "back-pressure"),
)
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
    "dihydrotestosterone_nmol_l",
    "prolactin_ug_l",
)
_SEMEN = _measured(
    "volume_ml",
    "concentration_million_ml",
    "total_count_million",
    "progressive_motility_pct",
    "normal_forms_pct",
    "total_motile_count_million",
    "dna_fragmentation_pct",
    "immature_germ_cells_million_ml",
    "immature_germ_cells_million",
)

# Spermatids that are lost on the way to release, by their name in a day of the germ line.
LOST = tuple(LOST_SPERMATIDS)
# Chances of biology/outcome.py, each with its low and high end.
_CHANCES = (
    ("conception", "% a cycle", "Chance of conception"),
    ("conception_year", "%", "Chance of conception within 12 cycles"),
    ("iui", "% a cycle", "Clinical pregnancy by IUI"),
    ("icsi", "% a cycle", "Live birth by ICSI, ejaculated sperm"),
    ("icsi_testicular", "% a cycle", "Live birth by ICSI, testicular sperm"),
    ("retrieval", "%", "Chance that microdissection finds sperm"),
    ("conventional_retrieval", "%", "Chance that conventional extraction finds sperm"),
)
SCHEMAS: Mapping[str, Mapping[str, Column]] = {
    "hormones": {**_DAILY, **_measured(*(row.column for row in QUANTITIES.values() if row.daily))},
    "tissue": {
        **_DAILY,
        **{
            name: Column("integer", "cells", name.replace("_", " ").capitalize())
            for name in (*NAMES, "sertoli", "leydig", "apoptosis", "sperm_released")
        },
        **{name: Column("integer", "cells", label) for name, label in LOST_SPERMATIDS.items()},
        **_numbers(
            ("daily_production_million_g", "million/g/day", "Daily sperm production"),
            ("meiotic_loss_pct", "%", "Loss at meiosis"),
            ("elongated_per_sertoli", "cells per Sertoli cell", "Elongated spermatids"),
        ),
        **_measured(*(f"{name}_million_g" for name in LOST_SPERMATIDS), "a_pale_per_sertoli", "a_dark_per_sertoli"),
        **_numbers(
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
        **_measured(
            *(name for name in QUANTITIES if name.startswith("aromatase_activity")), "testis_volume_ml", "amh_ng_ml"
        ),
        **{name: Column("number", row.unit, row.title) for name, row in ROWS_OF_CELLS.items()},
    },
    "modifiers": {
        **_DAILY,
        "modifier": Column("text", "", "Modifier"),
        "rate": Column("text", "", "Rate"),
        **_numbers(("factor", "", "Factor"), ("added", "1/day", "Addition")),
    },
    "semen": {
        **_SAMPLED,
        **_numbers(
            ("abstinence_days", "day", "Abstinence"),
            ("lost_in_urine_million", "million", "Sperm lost in urine since the last ejaculate"),
        ),
        **_SEMEN,
        **{f"expected_{name}": Column("number", column.unit, column.label) for name, column in _SEMEN.items()},
    },
    "blood": {**_SAMPLED, **_measured(*BLOOD_COLUMNS)},
    "biopsy": {
        **_SAMPLED,
        **{name: Column("number", "cells per Sertoli cell", name.replace("_", " ").capitalize()) for name in NAMES},
        **_numbers(
            ("johnsen_score", "", "Johnsen score"),
            ("johnsen_sd", "", "Johnsen score, SD over sections"),
            ("elongated_sections_pct", "%", "Sections with late spermatids"),
            ("arrested_sections_pct", "%", "Sections with germ cells and no late spermatids"),
            ("sertoli_only_sections_pct", "%", "Sections with Sertoli cells only"),
            ("hyalinised_sections_pct", "%", "Sections that are hyalinised"),
            ("late_spermatids_per_section", "cells per section", "Elongating and elongated spermatids a section"),
            ("stages_per_section", "", "Stages of the cycle a section"),
        ),
    },
    "safety": {
        **_DAILY,
        **_numbers(
            ("bone_density_change_pct", "%", "Bone density against untreated"),
            ("bone_density_scan_pct", "%", "Bone density change on a scan, trend on placebo included"),
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
            *(
                (f"{name}{end}_pct", unit, f"{label}{words}")
                for name, unit, label in _CHANCES
                for end, words in (("", ""), ("_low", ", low"), ("_high", ", high"))
            ),
            ("cleared_pct", "% of men", "Men without sperm after both ducts were closed"),
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

# Kept to go on and to explain, in no table of a run.
_INNER: Mapping[str, Mapping[str, Column]] = {
    "signals": {
        **_DAILY,
        **SIGNALS,
        **_numbers(
            ("oestradiol", "nmol/L", "intratesticular oestradiol"),
            ("testosterone_brake", "", "brake of androgens on the hypothalamus"),
            ("oestradiol_brake", "", "brake of oestradiol on hypothalamus and gonadotrophs"),
            ("memory", "", "scale of the GnRH drive that lasting feedback has set"),
            ("gnrh_frequency", "", "frequency of pulses of GnRH"),
        ),
    },
    "measured": {
        **_ARM,
        **_REPLICATE,
        "therapy": Column("integer", "", "Therapy, counted from 0"),
        "clause": Column("integer", "", "Clause of its condition, counted from 0"),
        **_numbers(("value", "as unit", "Result of the last sample")),
    },
}
COLUMNS: Mapping[str, Mapping[str, Column]] = {
    table: {name: column for name, column in schema.items() if name not in (*_ARM, *_REPLICATE)}
    for table, schema in {**SCHEMAS, **_INNER}.items()
}
# Table -> its rows, tuples with names.
ROWS: Mapping[str, Any] = {table: namedtuple(f"{table.capitalize()}Row", columns) for table, columns in COLUMNS.items()}
_VALUES = {table: itemgetter(*columns) for table, columns in COLUMNS.items()}
globals().update({row.__name__: row for row in ROWS.values()})  # where pickle looks for them


class Diary(dict[str, list[Any]]):
    """Table -> its rows so far."""

    def __init__(self, tables: Iterable[str] = ROWS) -> None:
        super().__init__({table: [] for table in tables})

    def write(self, table: str, **values: Any) -> None:
        """Add a row to a table; values that it has no column for are left out."""
        self[table].append(ROWS[table]._make(_VALUES[table](values)))

    def extend(self, table: str, columns: dict[str, Any], days: int) -> None:
        """Add a row for each of some days to a table: of each column an array of its values, or one that all rows share."""
        values = _VALUES[table](columns)
        of_days = (value.tolist() if isinstance(value, np.ndarray) else repeat(value, days) for value in values)
        self[table].extend(map(ROWS[table]._make, zip(*of_days, strict=True)))

    def read(self, table: str, rows: Any) -> None:
        """Take the rows of a table from a file.

        Raises:
            ValueError, TypeError: one holds what the column cannot.
        """
        kinds = [KINDS[column.kind].type for column in COLUMNS[table].values()]
        for row in rows:
            if len(row) != len(kinds) or not all(
                isinstance(value, kind) for value, kind in zip(row, kinds, strict=True)
            ):
                raise ValueError(f"records of {table} hold {shown(str(row))}")
        self[table] = [ROWS[table](*row) for row in rows]


def treated_span(scenario: Scenario, last: float) -> tuple[float, float]:
    """Return the first and last day of the treatment of a scenario that ends on day `last`.

    A changed weight is held till then, and what an insult did goes on.
    """
    therapies, weights, clamps, rules = scenario.therapy, scenario.weight, scenario.clamp, scenario.changing
    insults = [insult for insult in scenario.insult if not insult.past]
    begin = [part.from_day for parts in (therapies, weights, clamps) for part in parts]
    start = min((*begin, *(insult.day for insult in insults), *(rule.begins for rule in rules)))
    ends = (*(part.until_day for parts in (therapies, clamps) for part in parts), *(rule.ends for rule in rules))
    return start, last if weights or insults else min(last, max(ends))


def semen_days(scenario: Scenario) -> frozenset[int]:
    """Return the mornings of semen analyses: those of the scenario and, if it has any, those that close treatment and plan."""
    asked, end = scenario.samples.semen, scenario.plan.duration_days
    if not asked:
        return frozenset()
    closing = max(1, round(treated_span(scenario, end)[1])) if scenario.treated else end
    return frozenset((*asked, min(end, closing), end))
