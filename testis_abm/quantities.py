"""The quantities that are measured or reported: one row each, with its words, units and the least that a laboratory sees.

Column names carry the unit in which a value is stored. Oestradiol has two rows, since two assays of one serum disagree: what
depends on an assay says which. Everything that prints, selects, measures or draws a quantity takes it from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from testis_abm.support.errors import ScenarioError, nearest, shown

if TYPE_CHECKING:
    import numpy as np

TESTOSTERONE_NG_DL = 28.84  # ng/dL in 1 nmol/L
OESTRADIOL_PMOL_L = 3.67  # pmol/L in 1 pg/mL

# Assay of oestradiol -> how it is printed. Andrology clinics report immunoassays, so that is what is meant where none is named.
ASSAYS: Mapping[str, str] = MappingProxyType({"immunoassay": "immunoassay", "lc-ms": "LC-MS/MS"})
DEFAULT_ASSAY = "immunoassay"
OESTRADIOL: Mapping[str, str] = MappingProxyType(
    {"immunoassay": "oestradiol_immunoassay_pmol_l", "lc-ms": "oestradiol_pmol_l"}
)
RATIO: Mapping[str, str] = MappingProxyType({"immunoassay": "t_over_e2_immunoassay", "lc-ms": "t_over_e2"})


@dataclass(frozen=True)
class Censored:
    """A value that a laboratory gave as "< limit", or as "> limit" (`below` is False)."""

    limit: float
    below: bool = True

    def __str__(self) -> str:
        """Return it as a report has it."""
        return f"{self.sign}{self.limit:g}"

    @property
    def sign(self) -> str:
        """Return the sign before the limit."""
        return "<" if self.below else ">"


@dataclass(frozen=True)
class Quantity:
    """One quantity.

    Attributes:
        column: its name in tables, unit included.
        label: as printed within a sentence; `unit` of the column, `clinical_unit` of reports.
        factor: clinical units in one of the column's.
        words: other spellings that users may write; the label is one too.
        sample: what it takes to measure it: "blood", "semen", "testis", or "" for what no sample tells.
        limit: parameter that holds the least a laboratory tells from none ("" where there is no such limit).
        daily: whether it is recorded of every day.
    """

    column: str
    label: str
    unit: str
    clinical_unit: str = ""
    factor: float = 1.0
    words: tuple[str, ...] = ()
    sample: str = "blood"
    limit: str = ""
    daily: bool = False

    def __post_init__(self) -> None:
        if not self.clinical_unit:
            object.__setattr__(self, "clinical_unit", self.unit)

    @property
    def heading(self) -> str:
        """Return the label with its clinical unit, as a column of a report is headed."""
        return f"{self.label} ({self.clinical_unit})" if self.clinical_unit else self.label

    @property
    def title(self) -> str:
        """Return the label as it begins a sentence or an axis."""
        return (
            self.label
            if self.label[1:2].isupper() or self.label[1:2] == "/"
            else self.label[0].upper() + self.label[1:]
        )


def _e2(assay: str) -> tuple[Quantity, Quantity]:
    """Return serum oestradiol and the T/E2 ratio by an assay."""
    title = ASSAYS[assay]
    limit = f"laboratory.oestradiol_{'immunoassay_' if assay == 'immunoassay' else ''}limit"
    return (
        Quantity(
            OESTRADIOL[assay],
            f"serum E2 ({title})",
            "pmol/L",
            "pg/mL",
            1.0 / OESTRADIOL_PMOL_L,
            (f"oestradiol ({title})", f"estradiol ({title})", f"E2 ({title})"),
            limit=limit,
            daily=assay == "lc-ms",  # the true level
        ),
        Quantity(
            RATIO[assay],
            f"T/E2 ({title})",
            "ng/dL per pg/mL",
            "",
            1.0,
            (f"testosterone/oestradiol ({title})", f"testosterone/estradiol ({title})"),
        ),
    )


_ALL = (
    Quantity(
        "testosterone_nmol_l",
        "testosterone",
        "nmol/L",
        "ng/dL",
        TESTOSTERONE_NG_DL,
        ("total testosterone", "T"),
        limit="laboratory.testosterone_limit",
        daily=True,
    ),
    Quantity(
        "free_testosterone_pmol_l",
        "free testosterone",
        "pmol/L",
        "pg/mL",
        TESTOSTERONE_NG_DL / 100.0,
        limit="laboratory.free_testosterone_limit",
        daily=True,
    ),
    *(row for pair in zip(_e2("immunoassay"), _e2("lc-ms")) for row in pair),
    Quantity(
        "lh_iu_l",
        "LH",
        "IU/L",
        words=("luteinising hormone", "luteinizing hormone"),
        limit="laboratory.gonadotrophin_limit",
        daily=True,
    ),
    Quantity(
        "fsh_iu_l",
        "FSH",
        "IU/L",
        words=("follicle-stimulating hormone",),
        limit="laboratory.gonadotrophin_limit",
        daily=True,
    ),
    Quantity("t_over_lh", "T/LH", "ng/dL per IU/L", words=("testosterone/LH",)),
    Quantity("inhibin_b_pg_ml", "inhibin B", "pg/mL", limit="laboratory.inhibin_b_limit", daily=True),
    Quantity("shbg_nmol_l", "SHBG", "nmol/L", limit="laboratory.shbg_limit", daily=True),
    Quantity("hcg_iu_l", "hCG", "IU/L", limit="laboratory.gonadotrophin_limit", daily=True),
    Quantity("haematocrit_pct", "haematocrit", "%", words=("hematocrit",)),
    Quantity(
        "intratesticular_testosterone_nmol_l",
        "intratesticular testosterone",
        "nmol/L",
        "ng/mL",
        TESTOSTERONE_NG_DL / 100.0,
        ("ITT",),
        "testis",
        "laboratory.intratesticular_testosterone_limit",
        daily=True,
    ),
    Quantity(
        "intratesticular_oestradiol_nmol_l",
        "intratesticular E2",
        "nmol/L",
        "ng/mL",
        1.0 / OESTRADIOL_PMOL_L,
        ("intratesticular oestradiol", "intratesticular estradiol", "ITE"),
        "testis",
        "laboratory.intratesticular_oestradiol_limit",
        daily=True,
    ),
    Quantity("intratesticular_t_over_e2", "intratesticular T/E2", "molar", sample="testis"),
    Quantity(
        "daily_production_million_g",
        "daily sperm production",
        "million/g/day",
        words=("sperm production",),
        sample="testis",
        limit="laboratory.daily_production_limit",
    ),
    Quantity(
        "volume_ml", "ejaculate volume", "mL", words=("semen volume",), sample="semen", limit="laboratory.volume_limit"
    ),
    Quantity(
        "concentration_million_ml",
        "sperm concentration",
        "million/mL",
        "M/mL",
        sample="semen",
        limit="outcome.azoospermic_below",
    ),
    Quantity(
        "total_count_million",
        "total sperm count",
        "million",
        words=("sperm count", "total count"),
        sample="semen",
        limit="outcome.azoospermic_below",
    ),
    Quantity(
        "total_motile_count_million",
        "total motile count",
        "million",
        words=("motile count", "TMC"),
        sample="semen",
        limit="outcome.azoospermic_below",
    ),
    Quantity("progressive_motility_pct", "progressive motility", "%", words=("motility",), sample="semen"),
    Quantity("normal_forms_pct", "normal forms", "%", words=("morphology",), sample="semen"),
    Quantity("conception_pct", "fecundability", "% per cycle", words=("chance of conception",), sample=""),
    Quantity("bmi", "BMI", "kg/m2", words=("body mass index",), sample=""),
    Quantity("age", "age", "years", sample=""),
)
QUANTITIES: Mapping[str, Quantity] = MappingProxyType({row.column: row for row in _ALL})
_WORDS = {word.lower(): row.column for row in _ALL for word in (row.label, *row.words)}
# Words that name no assay: they mean the one that is in use.
_OF_ASSAY: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(
        ("oestradiol", "estradiol", "e2", "serum e2", "serum oestradiol", "reported oestradiol", "reported estradiol"),
        OESTRADIOL,
    ),
    **dict.fromkeys(("t/e2", "testosterone/oestradiol", "testosterone/estradiol"), RATIO),
}


def column_of(word: str, assay: str = DEFAULT_ASSAY, among: Iterable[str] | None = None) -> str:
    """Return the column that a word means, whatever its case; "oestradiol" and "T/E2" alone are those of `assay`.

    Args:
        word: a label or one of its other spellings.
        assay: of oestradiol where the word names none.
        among: columns that are meant (default all); others are refused.

    Raises:
        ScenarioError: no quantity is called so.
    """
    columns = tuple(QUANTITIES if among is None else among)
    plain = " ".join(str(word).split()).lower()
    found = _OF_ASSAY[plain][assay] if plain in _OF_ASSAY else _WORDS.get(plain)
    if found in columns and isinstance(word, str):
        return str(found)
    labels = [QUANTITIES[column].label for column in columns]
    close = nearest(word, labels)
    hint = (f'nearest: "{close}"; ' if close else "") + f"known: {', '.join(labels)}"
    raise ScenarioError(f"{shown(word)} is not a quantity that is known here; {hint}")


def label(column: str) -> str:
    """Return a column's label with its clinical unit."""
    return QUANTITIES[column].heading


def clinical(column: str, values: Any) -> np.ndarray:
    """Return values of a column (any shape) in its clinical unit."""
    import numpy as np

    return np.asarray(values, dtype=float) * QUANTITIES[column].factor


def clinical_ratio(testosterone_nmol_l: Any, oestradiol_pmol_l: Any) -> np.ndarray:
    """Return testosterone over oestradiol as clinics do, ng/dL per pg/mL; NaN without oestradiol."""
    import numpy as np  # here, as scenarios are read without it

    testosterone, oestradiol = (np.asarray(x, dtype=float) for x in (testosterone_nmol_l, oestradiol_pmol_l))
    pg_ml = np.where(oestradiol > 0.0, oestradiol / OESTRADIOL_PMOL_L, np.nan)
    with np.errstate(over="ignore"):  # of next to none
        return np.asarray(testosterone * TESTOSTERONE_NG_DL / pg_ml)
