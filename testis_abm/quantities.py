"""The quantities that are measured or reported: one row each, with words, units and the least that a laboratory sees.

Column names carry the unit in which a value is stored. Oestradiol has two rows, since two assays of one serum
disagree: what depends on an assay says which. Everything that prints, selects, measures or draws a quantity takes it
from here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import InitVar, dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from testis_abm.support.errors import ScenarioError, nearest, shown, unknown

if TYPE_CHECKING:
    import numpy as np

TESTOSTERONE_NG_DL = 28.84  # ng/dL in 1 nmol/L
OESTRADIOL_PMOL_L = 3.67  # pmol/L in 1 pg/mL

# Systems of units in which levels are reported; tables on disk keep the units that the names of their columns tell.
CONVENTIONAL, SI = "conventional", "si"
UNIT_SYSTEMS = (CONVENTIONAL, SI)
UNITS_VARIABLE = "TESTIS_ABM_UNITS"
# Of a context: neither threads nor visitors of the page change each other's.
_SYSTEM: ContextVar[str | None] = ContextVar("units", default=None)


def unit_system() -> str:
    """Return the system of units in force: that of `in_units`, else of the environment's TESTIS_ABM_UNITS, else "conventional".

    Raises:
        ScenarioError: the environment names none.
    """
    chosen = _SYSTEM.get()
    if chosen is not None:
        return chosen
    given = os.environ.get(UNITS_VARIABLE, "")
    return _system(given, UNITS_VARIABLE) if given else CONVENTIONAL


@contextmanager
def in_units(system: str) -> Iterator[None]:
    """Report levels in "si" or "conventional" units within a `with` block, in this thread or task alone.

    Raises:
        ScenarioError: it is no such system.
    """
    token = _SYSTEM.set(_system(system, "units"))
    try:
        yield
    finally:
        _SYSTEM.reset(token)


def _system(name: object, place: str) -> str:
    plain = name.strip().lower() if isinstance(name, str) else ""
    if plain not in UNIT_SYSTEMS:
        raise ScenarioError(f"{place}: {unknown('system of units', name, UNIT_SYSTEMS)}")
    return plain


# Assay of oestradiol -> how it is printed. Andrology clinics report immunoassays, so that is what is meant where none
# is named.
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
        column: its name in tables, which ends in its unit.
        label: as printed within a sentence.
        measured_in: the unit of the column, or `units`.
        conventional_unit: the unit of conventional reports (default the column's own).
        words: other spellings that users may write; the label is one too.
        sample: what it takes to measure it: "blood", "semen", "testis", or "" for what no sample tells.
        limit: parameter (laboratory.*_limit by its short name) of the least a laboratory tells from none, or of what no
            laboratory measures the least that is more than rounding; "" for no limit.
        daily: whether it is recorded of every day.
        published: whether an observed value may be of it.
        asked_for: whether experiments print it only where it is named.
        most_held: the highest level at which it can be clamped, in the unit of the column (0: it cannot).
        si: the unit of SI reports, and how many of it one of the column's is (default the column's own, under the
            name that conventional reports have for it).
        units: those that reports use -> how many of the column's own, which is the first, make one.
    """

    column: str
    label: str
    measured_in: InitVar[str | Mapping[str, float]]
    conventional_unit: str = ""
    words: tuple[str, ...] = ()
    sample: str = "blood"
    limit: str | float = ""
    daily: bool = False
    published: bool = True
    asked_for: bool = False
    most_held: float = 0.0
    si: tuple[str, float] = ("", 1.0)
    units: Mapping[str, float] = field(init=False)

    def __post_init__(self, measured_in: str | Mapping[str, float]) -> None:
        units = {measured_in: 1.0} if isinstance(measured_in, str) else measured_in
        object.__setattr__(self, "units", MappingProxyType(units))
        if isinstance(self.limit, str) and self.limit and "." not in self.limit:
            object.__setattr__(self, "limit", f"laboratory.{self.limit}_limit")
        if not self.conventional_unit:
            object.__setattr__(self, "conventional_unit", self.unit)
        if not self.si[0]:
            alike = units[self.conventional_unit] == 1.0
            object.__setattr__(self, "si", (self.conventional_unit if alike else self.unit, 1.0))

    @property
    def unit(self) -> str:
        """Return the unit of the column."""
        return next(iter(self.units))

    @property
    def clinical_unit(self) -> str:
        """Return the unit of reports, in the system of units in force."""
        return self.si[0] if unit_system() == SI else self.conventional_unit

    @property
    def factor(self) -> float:
        """Return how many clinical units one of the column's is."""
        return self.si[1] if unit_system() == SI else 1.0 / self.units[self.conventional_unit]

    def clinical(self, values: Any) -> np.ndarray:
        """Return values of the column (any shape) in its clinical unit."""
        import numpy as np

        return np.asarray(values, dtype=float) * self.factor

    def from_conventional(self, level: float) -> float:
        """Return a level in the conventional unit, as the literature has it, in the clinical unit of the system in force."""
        return (
            level
            if self.clinical_unit == self.conventional_unit
            else level * self.units[self.conventional_unit] * self.factor
        )

    @property
    def heading(self) -> str:
        """Return the label with its clinical unit, as a column of a report is headed."""
        return f"{self.label} ({self.clinical_unit})" if self.clinical_unit else self.label

    @property
    def title(self) -> str:
        """Return the label as it begins a sentence or an axis."""
        proper = self.label[1:2].isupper() or self.label[1:2] == "/"
        return self.label if proper else self.label[0].upper() + self.label[1:]


# Units -> how many of the column's own, the first, make one of them.
_T, _E2, _DHT = TESTOSTERONE_NG_DL, OESTRADIOL_PMOL_L, 29.04  # ng/dL in 1 nmol/L of DHT
_TESTOSTERONE = {"nmol/L": 1.0, "pmol/L": 1e-3, "ng/dL": 1 / _T, "ng/mL": 100 / _T, "ug/L": 100 / _T}
_DIHYDROTESTOSTERONE = {"nmol/L": 1.0, "pmol/L": 1e-3, "ng/dL": 1 / _DHT, "ng/mL": 100 / _DHT, "pg/mL": 0.1 / _DHT}
_FREE_TESTOSTERONE = {"pmol/L": 1.0, "nmol/L": 1e3, "pg/mL": 100 / _T, "ng/dL": 1e3 / _T}
_OESTRADIOL = {"pmol/L": 1.0, "nmol/L": 1e3, "pg/mL": _E2, "ng/L": _E2, "ng/mL": 1e3 * _E2}
_TISSUE_OESTRADIOL = {"nmol/L": 1.0, "pmol/L": 1e-3, "pg/mL": _E2 / 1e3, "ng/L": _E2 / 1e3, "ng/mL": _E2}
_GONADOTROPHIN = {"IU/L": 1.0, "mIU/mL": 1.0, "U/L": 1.0}
# Of what no sample of a living man tells.
_WITHIN: Mapping[str, Any] = MappingProxyType({"sample": "testis", "published": False, "asked_for": True})
# Of what semen, testis and the partner together tell.
_OF_COUPLE: Mapping[str, Any] = MappingProxyType({"sample": "", "published": False, "asked_for": True})
_LEYDIG, _SERTOLI, _GERM = "Leydig cells", "Sertoli cells", "germ cells"
_SPERM = {"million": 1.0, "M": 1.0, "10^6": 1.0}
# Spermatids that are lost on the way to release, by their name in a day of the germ line (kernel.GERM_DAY) -> in words.
LOST_SPERMATIDS: Mapping[str, str] = MappingProxyType(
    {
        "freed_round": "Round spermatids freed into the lumen",
        "freed_elongating": "Elongating spermatids freed into the lumen",
        "retained": "Elongated spermatids retained at spermiation",
    }
)


def _e2(assay: str) -> tuple[Quantity, Quantity]:
    """Return serum oestradiol and the T/E2 ratio by an assay."""
    title = ASSAYS[assay]
    return (
        Quantity(
            OESTRADIOL[assay],
            f"serum E2 ({title})",
            _OESTRADIOL,
            "pg/mL",
            words=(f"oestradiol ({title})", f"estradiol ({title})", f"E2 ({title})"),
            limit="oestradiol_immunoassay" if assay == "immunoassay" else "oestradiol",
            daily=assay == "lc-ms",  # the true level
            published=assay == "lc-ms",
            most_held=20_000.0 if assay == "lc-ms" else 0.0,
        ),
        Quantity(
            RATIO[assay],
            f"T/E2 ({title})",
            "ng/dL per pg/mL",
            words=(f"testosterone/oestradiol ({title})", f"testosterone/estradiol ({title})"),
            published=False,
            si=("molar", 1e3 / (TESTOSTERONE_NG_DL * OESTRADIOL_PMOL_L)),
        ),
    )


_ALL = (
    Quantity(
        "testosterone_nmol_l",
        "testosterone",
        _TESTOSTERONE,
        "ng/dL",
        words=("total testosterone", "T"),
        limit="testosterone",
        daily=True,
        most_held=500.0,
    ),
    Quantity(
        "free_testosterone_pmol_l",
        "free testosterone",
        _FREE_TESTOSTERONE,
        "pg/mL",
        limit="free_testosterone",
        daily=True,
        asked_for=True,
    ),
    *(row for pair in zip(_e2("immunoassay"), _e2("lc-ms")) for row in pair),
    Quantity(
        "lh_iu_l",
        "LH",
        _GONADOTROPHIN,
        words=("luteinising hormone", "luteinizing hormone"),
        limit="gonadotrophin",
        daily=True,
        most_held=500.0,
    ),
    Quantity(
        "fsh_iu_l",
        "FSH",
        _GONADOTROPHIN,
        words=("follicle-stimulating hormone",),
        limit="gonadotrophin",
        daily=True,
        most_held=500.0,
    ),
    Quantity(
        "t_over_lh",
        "T/LH",
        "ng/dL per IU/L",
        words=("testosterone/LH",),
        published=False,
        si=("nmol/L per IU/L", 1.0 / TESTOSTERONE_NG_DL),
    ),
    Quantity(
        "inhibin_b_pg_ml", "inhibin B", {"pg/mL": 1.0, "ng/L": 1.0}, limit="inhibin_b", daily=True, most_held=5_000.0
    ),
    Quantity("shbg_nmol_l", "SHBG", "nmol/L", limit="shbg", daily=True, asked_for=True),
    Quantity(
        "dihydrotestosterone_nmol_l",
        "DHT",
        _DIHYDROTESTOSTERONE,
        "ng/dL",
        words=("dihydrotestosterone",),
        limit="dihydrotestosterone",
        daily=True,
        asked_for=True,
    ),
    Quantity(
        "prolactin_ug_l",
        "prolactin",
        {"ug/L": 1.0, "ng/mL": 1.0, "mIU/L": 1.0 / 21.2},
        limit="prolactin",
        daily=True,
        asked_for=True,
    ),
    Quantity(
        "gnrh_frequency",
        "GnRH pulse frequency",
        "x reference man",
        sample="",
        limit=0.001,
        daily=True,
        published=False,
        asked_for=True,
    ),
    Quantity("hcg_iu_l", "hCG", _GONADOTROPHIN, limit="gonadotrophin", daily=True),
    Quantity("haematocrit_pct", "haematocrit", "%", words=("hematocrit",), published=False),
    Quantity(
        "intratesticular_testosterone_nmol_l",
        "intratesticular testosterone",
        _TESTOSTERONE,
        "ng/mL",
        ("ITT",),
        "testis",
        "intratesticular_testosterone",
        daily=True,
        most_held=100_000.0,
    ),
    Quantity(
        "intratesticular_oestradiol_nmol_l",
        "intratesticular E2",
        _TISSUE_OESTRADIOL,
        "ng/mL",
        ("intratesticular oestradiol", "intratesticular estradiol", "ITE"),
        "testis",
        "intratesticular_oestradiol",
        daily=True,
        most_held=1_000.0,
    ),
    Quantity("intratesticular_t_over_e2", "intratesticular T/E2", "molar", sample="testis", published=False),
    Quantity(
        "free_intratesticular_testosterone_nmol_l",
        "free intratesticular testosterone",
        _TESTOSTERONE,
        "ng/mL",
        ("free ITT",),
        daily=True,
        **_WITHIN,
    ),
    Quantity(
        "free_intratesticular_oestradiol_nmol_l",
        "free intratesticular E2",
        _TISSUE_OESTRADIOL,
        "pg/mL",
        ("free intratesticular oestradiol", "free intratesticular estradiol", "free ITE"),
        daily=True,
        **_WITHIN,
    ),
    Quantity("free_intratesticular_t_over_e2", "free intratesticular T/E2", "molar", **_WITHIN),
    Quantity(
        "daily_production_million_g",
        "daily sperm production",
        "million/g/day",
        words=("sperm production",),
        sample="testis",
        limit="daily_production",
        published=False,
    ),
    *(
        Quantity(
            f"{name}_million_g",
            words[0].lower() + words[1:],
            "million/g/day",
            words=(f"{name.replace('_', ' ')} spermatids",),
            limit="daily_production",
            **_WITHIN,
        )
        for name, words in LOST_SPERMATIDS.items()
    ),
    Quantity("testis_volume_ml", "testis volume", "mL", words=("testicular volume",), limit=0.01, **_WITHIN),
    Quantity("amh_ng_ml", "AMH", "ng/mL", words=("anti-Müllerian hormone",), limit=0.01, **_WITHIN),
    *(
        Quantity(
            f"aromatase_activity_{site}_pct",
            f"aromatase activity in {name}",
            "% of reference E2 output",
            limit=0.001,
            **_WITHIN,
        )
        for site, name in (("leydig", _LEYDIG), ("sertoli", _SERTOLI), ("germ", _GERM), ("fat", "fat"))
    ),
    *(
        Quantity(
            f"aromatase_inhibition_{site}_pct",
            f"aromatase inhibition in {names[0]}",
            "%",
            words=tuple(f"aromatase inhibition in {name}" for name in names[1:]),
            limit=0.001,
            **_WITHIN,
        )
        for site, names in (
            ("leydig", (_LEYDIG,)),
            ("niche", (f"Sertoli and {_GERM}", _SERTOLI, _GERM)),  # of one niche: shielded alike
            ("testis", ("the testis",)),
            ("fat", ("fat",)),
        )
    ),
    Quantity(
        "volume_ml", "ejaculate volume", "mL", words=("semen volume",), sample="semen", limit="volume", asked_for=True
    ),
    Quantity(
        "concentration_million_ml",
        "sperm concentration",
        {"million/mL": 1.0, "M/mL": 1.0, "10^6/mL": 1.0},
        "M/mL",
        sample="semen",
        limit="outcome.azoospermic_below",
    ),
    Quantity(
        "total_count_million",
        "total sperm count",
        _SPERM,
        words=("sperm count", "total count"),
        sample="semen",
        limit="outcome.azoospermic_below",
    ),
    Quantity(
        "total_motile_count_million",
        "total motile count",
        _SPERM,
        words=("motile count", "TMC"),
        sample="semen",
        limit="outcome.azoospermic_below",
    ),
    Quantity("progressive_motility_pct", "progressive motility", "%", words=("motility",), sample="semen"),
    Quantity("normal_forms_pct", "normal forms", "%", words=("morphology",), sample="semen"),
    Quantity(
        "dna_fragmentation_pct", "DNA fragmentation", "%", words=("DFI", "DNA fragmentation index"), sample="semen"
    ),
    Quantity(
        "immature_germ_cells_million_ml",
        "immature germ cells",
        {"million/mL": 1.0, "M/mL": 1.0, "10^6/mL": 1.0},
        "M/mL",
        words=("immature germ cell concentration", "immature germ cells in semen"),
        sample="semen",
        limit="outcome.azoospermic_below",
        published=False,
        asked_for=True,
    ),
    Quantity(
        "immature_germ_cells_million",
        "immature germ cells per ejaculate",
        _SPERM,
        words=("immature germ cell count",),
        sample="semen",
        limit="outcome.azoospermic_below",
        published=False,
        asked_for=True,
    ),
    Quantity("conception_pct", "fecundability", "% per cycle", words=("chance of conception",), **_OF_COUPLE),
    Quantity("conception_year_pct", "conception within 12 cycles", "%", words=("conception in a year",), **_OF_COUPLE),
    Quantity("iui_pct", "pregnancy by IUI", "% per cycle", words=("IUI",), **_OF_COUPLE),
    Quantity("icsi_pct", "live birth by ICSI", "% per cycle", words=("ICSI",), **_OF_COUPLE),
    *(
        Quantity(
            f"{name}_per_sertoli", f"{name[0].upper()}-{name[2:]} per Sertoli cell", "cells per Sertoli cell", **_WITHIN
        )
        for name in ("a_pale", "a_dark")
    ),
    Quantity(
        "abstinence_days",
        "abstinence",
        {**dict.fromkeys(("days", "day", "d"), 1.0), **dict.fromkeys(("hours", "h"), 1 / 24)},
        words=("days of abstinence",),
        sample="",
        published=False,
        asked_for=True,
    ),
    Quantity("bmi", "BMI", "kg/m2", words=("body mass index",), sample="", published=False),
    Quantity("age", "age", dict.fromkeys(("years", "year", "y", "yr", "yrs"), 1.0), sample="", published=False),
)
QUANTITIES: Mapping[str, Quantity] = MappingProxyType({row.column: row for row in _ALL})
# What a clamp can hold (see biology/clamp.py).
HELD = tuple(column for column, row in QUANTITIES.items() if row.most_held)
# Words that name no assay: they mean the one that is in use.
_OF_ASSAY: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(
        ("oestradiol", "estradiol", "e2", "serum e2", "serum oestradiol", "reported oestradiol", "reported estradiol"),
        OESTRADIOL,
    ),
    **dict.fromkeys(("t/e2", "testosterone/oestradiol", "testosterone/estradiol"), RATIO),
}


class Effect(NamedTuple):
    """An effect outside the testis: its column of the safety table ("": no dose-response is known), label, other words, and evidence."""

    column: str
    label: str
    words: tuple[str, ...]
    evidence: str


_NONE_KNOWN = "no dose-response known"
# Effects that men's clinics ask of hormone treatment, with what is known of them by serum testosterone and oestradiol.
EFFECTS: tuple[Effect, ...] = (
    Effect(
        "bone_density_change_pct",
        "bone density",
        ("bone", "BMD", "bone mineral density"),
        "oestradiol under {E2:10} or testosterone under {T:200} (Finkelstein 2016, 437 men); years are extrapolated",
    ),
    Effect(
        "hdl_change_mg_dl",
        "HDL cholesterol",
        ("HDL",),
        "falls with the logarithm of testosterone: +15 mg/dL at castrate levels (Behre 1994, 4 men), -6 on enanthate 200 mg weekly "
        "(63 men, 1995)",
    ),
    Effect(
        "haematocrit_pct",
        "haematocrit",
        ("hematocrit",),
        "rises linearly with testosterone (Coviello 2008, 121 men; Bhasin 2001); older men rise more than it says",
    ),
    Effect(
        "libido_score",
        "libido",
        ("sexual desire", "desire"),
        "falls under {T:100} of testosterone and without oestradiol (Finkelstein 2013, 2020); a score of ours, direction and order only",
    ),
    Effect(
        "vasomotor_pct",
        "flushes",
        ("hot flushes", "hot flashes", "vasomotor symptoms"),
        "38 % of visits at {E2:5 to 9.9} of oestradiol, 16 % at {E2:10 to 14.9|bare}, fewer with testosterone (Taylor 2016, 400 men)",
    ),
    Effect(
        "",
        "LDL cholesterol",
        ("LDL", "cholesterol"),
        "unchanged on enanthate 200 mg weekly (1995), exemestane (Mauras 2003) and anastrozole (2005, 2009); fell less than on placebo on "
        "anastrozole with diet (Colleluori 2020, 23 men)",
    ),
    Effect(
        "",
        "triglycerides",
        ("triglyceride", "TG"),
        "unchanged on enanthate, exemestane and anastrozole; went with the change of oestradiol in 37 men (Dougherty 2005)",
    ),
    Effect(
        "",
        "blood vessels",
        ("cardiovascular events", "cardiovascular", "thrombosis", "MACE", "vessels"),
        "markers of the vessel wall unchanged on anastrozole for 12 weeks (Dougherty 2005); events on testosterone not significant "
        "(Calof 2005, 19 trials); none of either counted by level",
    ),
    Effect(
        "",
        "mood",
        ("depression",),
        "slightly better (T Trials, Snyder 2016) or unchanged (Ponce 2018) on testosterone; no levels",
    ),
)
# Actions of drugs on tissues themselves, of which serum levels do not tell -> the effects that androgen alone decides.
_BY_THEMSELVES: Mapping[str, tuple[str, ...]] = dict.fromkeys(
    ("oestrogen_receptor_modulator", "progestin", "androgen", "hypothalamic_inhibitor"), ("haematocrit_pct",)
)


def untold(actions: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of the safety table that serum testosterone and oestradiol do not tell of a drug of such actions."""
    told = [_BY_THEMSELVES[action] for action in actions if action in _BY_THEMSELVES]
    columns = [effect.column for effect in EFFECTS if effect.column]
    return tuple(column for column in columns if not all(column in of for of in told))


def no_dose_response(effect: Effect) -> str:
    """Return in words that no dose-response of an effect is known, and what is."""
    return f"{effect.label}: {_NONE_KNOWN}: {told(effect.evidence)}"


class _Levels(NamedTuple):
    """Levels of a column, written within a text in its conventional unit."""

    column: str

    def __format__(self, given: str) -> str:
        """Return levels such as "5 to 9.9" with their unit ("|bare": without it), in the system of units in force."""
        levels, _, bare = given.partition("|")
        row = QUANTITIES[self.column]
        if row.clinical_unit != row.conventional_unit:
            levels = " to ".join(f"{row.from_conventional(float(end)):.3g}" for end in levels.split(" to "))
        return levels if bare else f"{levels} {row.clinical_unit}"


def told(text: str) -> str:
    """Return a text of this program with its levels, "{T:200}" and "{E2:5 to 9.9}", in the system of units in force."""
    return text.format(T=_Levels("testosterone_nmol_l"), E2=_Levels(OESTRADIOL["lc-ms"]))


class Measure(NamedTuple):
    """What can be given: column, unit of the twin, lowest and highest value of a living man, and how it is written.

    `assumed` is the unit of a text without one ("": it must have one); `factor` is the column's units in one of the
    twin's.
    """

    column: str
    unit: str
    low: float
    high: float
    assumed: str
    example: str
    factor: float = 1.0


# What a laboratory measures, by name; 0 of a level in blood is "< limit".
MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        "t": Measure("testosterone_nmol_l", "nmol/L", 0.0, 100.0, "", "260 ng/dL"),
        "free_t": Measure("free_testosterone_pmol_l", "nmol/L", 0.0, 5.0, "", "8 pg/mL", 1e3),
        "e2": Measure("oestradiol_pmol_l", "pmol/L", 0.0, 2500.0, "", "30 pg/mL"),
        "lh": Measure("lh_iu_l", "IU/L", 0.0, 150.0, "IU/L", "3.1 IU/L"),
        "fsh": Measure("fsh_iu_l", "IU/L", 0.0, 200.0, "IU/L", "4.4 IU/L"),
        "inhibin_b": Measure("inhibin_b_pg_ml", "pg/mL", 0.0, 1000.0, "pg/mL", "150 pg/mL"),
        "shbg": Measure("shbg_nmol_l", "nmol/L", 0.0, 300.0, "nmol/L", "30 nmol/L"),
        "concentration": Measure("concentration_million_ml", "million/mL", 0.0, 600.0, "million/mL", "6 M/mL"),
        "volume": Measure("volume_ml", "mL", 0.1, 15.0, "mL", "3 mL"),
        "motility": Measure("progressive_motility_pct", "%", 0.0, 98.0, "%", "30 %"),
        "morphology": Measure("normal_forms_pct", "%", 0.0, 60.0, "%", "4 %"),
        "tmc": Measure("total_motile_count_million", "million", 0.0, 2000.0, "million", "12 million"),
        "total_count": Measure("total_count_million", "million", 0.0, 3000.0, "million", "60 million"),
        "testis_volume": Measure("testis_volume_ml", "mL", 0.5, 60.0, "mL", "15 mL"),
    }
)
# What is known of him besides, and taken as it is: the population says nothing of prolactin but that it is normal.
KNOWN: Mapping[str, Measure] = MappingProxyType(
    {
        "bmi": Measure("bmi", "kg/m2", 16.0, 70.0, "kg/m2", "33 kg/m2"),
        "age": Measure("age", "years", 18.0, 80.0, "years", "34 years"),
        "prolactin": Measure("prolactin_ug_l", "ug/L", 0.5, 4000.0, "", "12 ug/L"),
    }
)
# What is known of a visit.
OF_VISIT: Mapping[str, Measure] = MappingProxyType(
    {"abstinence": Measure("abstinence_days", "days", 0.5, 30.0, "days", "4 days")}
)
GIVEN = {**MEASURES, **KNOWN, **OF_VISIT}


def column(name: str, assay: str) -> str:
    """Return the column of the quantity that a name of GIVEN means."""
    return OESTRADIOL[assay] if name == "e2" else GIVEN[name].column


def title(name: str) -> str:
    """Return what a form calls a value; of oestradiol the assay is a field of its own."""
    return "Oestradiol" if name == "e2" else QUANTITIES[GIVEN[name].column].title


def column_of(
    word: str, assay: str = DEFAULT_ASSAY, among: Mapping[str, Quantity] | None = None, known: str = ""
) -> str:
    """Return the column that a word means, whatever its case; "oestradiol" and "T/E2" alone are those of `assay`.

    Args:
        word: a label or one of its other spellings.
        assay: of oestradiol where the word names none.
        among: rows that are meant (default all of QUANTITIES); others are refused.
        known: what a message says is known (default: all labels).

    Raises:
        ScenarioError: no quantity is called so.
    """
    rows = QUANTITIES if among is None else among
    plain = " ".join(str(word).split()).lower()
    words = {word.lower(): row.column for row in rows.values() for word in (row.label, *row.words)}
    column = _OF_ASSAY[plain][assay] if plain in _OF_ASSAY else words.get(plain)
    if column in rows and isinstance(word, str):
        return str(column)
    for effect in EFFECTS:
        if plain in (word.lower() for word in (effect.label, *effect.words)):
            if effect.column:
                raise ScenarioError(
                    f"{shown(word)} is no output of experiments; testis-abm run and twin report it under safety"
                )
            raise ScenarioError(f"{shown(word)} cannot be told: {no_dose_response(effect)}")
    labels = [row.label for row in rows.values()]
    close = nearest(word, [row.label for row in rows.values() if not row.asked_for]) or nearest(word, labels)
    hint = (f'nearest: "{close}"; ' if close else "") + f"known: {known or ', '.join(labels)}"
    raise ScenarioError(f"{shown(word)} is not a quantity that is known here; {hint}")


def label(column: str) -> str:
    """Return a column's label with its clinical unit."""
    return QUANTITIES[column].heading


def clinical(column: str, values: Any) -> np.ndarray:
    """Return values of a column (any shape) in its clinical unit."""
    return QUANTITIES[column].clinical(values)


def clinical_ratio(testosterone_nmol_l: Any, oestradiol_pmol_l: Any) -> np.ndarray:
    """Return testosterone over oestradiol as clinics do, ng/dL per pg/mL; NaN without oestradiol."""
    import numpy as np  # here, as scenarios are read without it

    testosterone, oestradiol = (np.asarray(x, dtype=float) for x in (testosterone_nmol_l, oestradiol_pmol_l))
    pg_ml = np.where(oestradiol > 0.0, oestradiol / OESTRADIOL_PMOL_L, np.nan)
    with np.errstate(over="ignore"):  # of next to none
        return np.asarray(testosterone * TESTOSTERONE_NG_DL / pg_ml)


def ending(unit: str) -> str:
    """Return a unit as the names of columns end in it."""
    return "_" + unit.lower().replace("/", "_")


_ENDINGS = {ending(unit): unit for row in _ALL for unit in row.units} | {
    "_pct": "%",
    "_million_g": "million/g/day",
    "_days": "days",
    "_day": "day",
    "_mg_dl": "mg/dL",
    "_um": "um",
    "_hours": "h",
    "_weeks": "weeks",
}


def unit_of(column: str) -> str:
    """Return the unit in which a column of a table is, as its name tells; "" where it tells none."""
    name = column.rpartition(",")[0] if column.endswith((", low", ", high", ", half")) else column
    if name in QUANTITIES:
        return QUANTITIES[name].unit
    name = f"_{name}".removesuffix("_sd").removesuffix("_low").removesuffix("_high")
    return next((_ENDINGS[end] for end in sorted(_ENDINGS, key=len, reverse=True) if name.endswith(end)), "")
