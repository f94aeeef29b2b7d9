"""The words of rules without coding: which cells there are, what of theirs can be changed, and which signals they sense.

After the cell-behaviour grammar of Johnson et al. ("In [cell], [signal] increases [behaviour] from [base] to [saturated]
with half-maximum [h] and Hill power [n]"). What a word means stands here once: a behaviour names rates that a Sertoli cell
sets (biology/steps.py) or numbers of the tissue (biology/tissue.py), a signal what is read of the man.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from testis_abm import parameters
from testis_abm.quantities import QUANTITIES
from testis_abm.support.errors import ScenarioError, nearest, shown

SERTOLI, LEYDIG = "Sertoli cell", "Leydig cell"
_PROPHASE = ("preleptotene", "leptotene", "zygotene", "pachytene", "diplotene")
_SPERMATIDS = ("round_spermatid", "elongating_spermatid", "elongated_spermatid")
_LATE = _SPERMATIDS[1:]
# Cell, as it is printed -> the types of germ cell that it is (none of a somatic cell). Groups are behind single types.
CELLS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "A-pale spermatogonium": ("a_pale",),
        "B spermatogonium": ("b_spermatogonium",),
        **{f"{step} spermatocyte": (step,) for step in _PROPHASE},
        "secondary spermatocyte": ("secondary_spermatocyte",),
        **{step.replace("_", " "): (step,) for step in _SPERMATIDS},
        "primary spermatocyte": _PROPHASE,
        "spermatocyte": (*_PROPHASE, "secondary_spermatocyte"),
        "late spermatid": _LATE,
        "spermatid": _SPERMATIDS,
        SERTOLI: (),
        LEYDIG: (),
    }
)
_OTHER_CELLS = {
    "a pale": "A-pale spermatogonium",
    "apale": "A-pale spermatogonium",
    "stem cell": "A-pale spermatogonium",
    "type b spermatogonium": "B spermatogonium",
    **{step: f"{step} spermatocyte" for step in _PROPHASE},
    "elongating and elongated spermatid": "late spermatid",
    "leydig": LEYDIG,
    "sertoli": SERTOLI,
}


@dataclass(frozen=True, eq=False)
class Behaviour:
    """What of a cell a rule can change.

    Attributes:
        label, words: as it is printed, and other spellings.
        changes: cell -> name of a rate or number -> the power of the fold by which that changes.
        low, high: of the fold at saturation.
        added: whether a hazard a day can be given in place of a fold.
        mean_field: whether the mean-field man has it.
        does: what more of it does, for the table.
    """

    label: str
    words: tuple[str, ...]
    changes: Mapping[str, Mapping[str, float]]
    low: float
    high: float
    does: str
    added: bool = False
    mean_field: bool = True

    @property
    def of_rates(self) -> bool:
        """Return whether each Sertoli cell sets it for its own germ cells (else it is one number of the whole tissue)."""
        return self.label in ("death", "commitment", "number", "release")


def _each(pattern: str, cells: Iterable[str]) -> dict[str, dict[str, float]]:
    return {cell: {pattern.format(step): 1.0 for step in CELLS[cell]} for cell in cells}


_DYING = [cell for cell, steps in CELLS.items() if steps and steps != ("a_pale",)]
BEHAVIOURS: Mapping[str, Behaviour] = MappingProxyType(
    {
        row.label: row
        for row in (
            Behaviour(
                "death",
                ("apoptosis", "loss", "hazard of death", "hazard", "degeneration"),
                _each("{}_hazard", _DYING),
                0.0,
                1000.0,
                "more cells of the type die; a hazard added per day where a fold of next to none is none",
                added=True,
            ),
            Behaviour(
                "commitment",
                ("division", "differentiation", "commitment to differentiation", "proliferation", "entry"),
                {"A-pale spermatogonium": {"commitment": 1.0}},
                0.0,
                10.0,
                "more clones a cycle enter, a cycle later; a share, at most 1",
            ),
            Behaviour(
                "number",
                ("number fed", "renewal", "self-renewal", "abundance"),
                {"A-pale spermatogonium": {"a_pale_fed": 1.0}},
                0.0,
                10.0,
                "a niche feeds more of them, over some cycles",
            ),
            Behaviour(
                "release",
                ("spermiation",),
                {"elongated spermatid": {"spermiation": 1.0}},
                0.0,
                10.0,
                "more of the ripe are released; a share, at most 1, and near it at rest",
            ),
            Behaviour(
                "duration",
                ("time", "length", "duration of the step", "length of the step"),
                _each("{}_days", [cell for cell in _DYING if cell != "spermatocyte"]),
                0.5,
                2.0,
                "those that enter stay longer; what they die of is spread over it",
                mean_field=False,
            ),
            Behaviour(
                "aromatase",
                ("aromatase activity", "oestradiol output", "estradiol output"),
                {
                    LEYDIG: {"leydig_aromatase": 1.0},
                    SERTOLI: {"sertoli_aromatase": 1.0},
                    "spermatocyte": {"spermatocyte_aromatase": 1.0},
                    "round spermatid": {"spermatid_aromatase": 1.0},
                    "late spermatid": {"elongated_aromatase": 1.0},
                },
                0.0,
                100.0,
                "more oestradiol of the same testosterone",
            ),
            Behaviour(
                "testosterone output",
                ("testosterone", "testosterone secretion", "steroidogenesis", "secretion"),
                # The activity of a Leydig cell's aromatase goes by its secretion too, which a rule leaves alone.
                {LEYDIG: {"leydig_secretion": 1.0, "leydig_aromatase": -1.0}},
                0.001,
                100.0,
                "more testosterone of the same LH; aromatase as it was",
            ),
            Behaviour(
                "inhibin B",
                ("inhibin", "inhibin B output"),
                {SERTOLI: {"inhibin_floor": 1.0, "inhibin_fsh_gain": 1.0}},
                0.0,
                100.0,
                "more inhibin B of the same FSH and germ cells",
            ),
            Behaviour(
                "androgen sensitivity",
                ("androgen receptor", "AR sensitivity"),
                {SERTOLI: {"androgen_sensitivity": 1.0}},
                0.001,
                100.0,
                "the same testosterone does more",
            ),
            Behaviour(
                "FSH sensitivity",
                ("FSH receptor",),
                {SERTOLI: {"fsh_sensitivity": 1.0}},
                0.001,
                100.0,
                "the same FSH does more",
            ),
            Behaviour(
                "oestrogen sensitivity",
                ("estrogen sensitivity", "oestradiol sensitivity", "oestrogen receptors"),
                {SERTOLI: {"er_alpha_sensitivity": 1.0, "er_beta_sensitivity": 1.0}},
                0.001,
                100.0,
                "local oestradiol lacks later",
            ),
        )
    }
)


class Signal(NamedTuple):
    """What a rule can follow.

    Attributes:
        label, words: as it is printed, and other spellings.
        units: unit -> how many of the first make one.
        where: what is read: BLOOD, TESTIS (each Sertoli cell its own; the mean for the whole tissue), SENSED (what a
            Sertoli cell has responded to, likewise), PLAN (the day), DRUG.
        key: of what is read there, in the first of the units times `per`.
    """

    label: str
    words: tuple[str, ...]
    units: Mapping[str, float]
    where: str
    key: str
    per: float = 1.0

    @property
    def unit(self) -> str:
        """Return the unit in which it is read."""
        return next(iter(self.units))


BLOOD, TESTIS, SENSED, PLAN, DRUG = "blood", "testis", "sensed", "plan", "drug"
DAYS = "day"
# Where it is read, in words.
PLACES: Mapping[str, str] = MappingProxyType(
    {
        BLOOD: "of the blood, mean of the day before:",
        TESTIS: "within the testis, the day before (each Sertoli cell its own for its germ cells, else the mean):",
        SENSED: "what a Sertoli cell has responded to (likewise), and fluid:",
        PLAN: "of the plan:",
    }
)
EXAMPLE = """[[rule]]
cell      = "pachytene spermatocyte"
signal    = "intratesticular oestradiol"
behaviour = "death"
effect    = "increases"   # or "decreases"
half      = "5 nmol/L"    # signal of half the effect
power     = 4             # of Hill; 2 unless told
to        = 3.0           # fold at saturation; of death also "0.05/day"
from      = "day 0"       # without from and until it holds always, in both arms
until     = "day 90"

or in one line, as one of a list above all tables:

rule = [
  "in pachytene spermatocytes, intratesticular E2 increases death from 1 to 3-fold with half-maximum 5 nmol/L and Hill power 4, \
from day 0 to day 90",
]"""
_RELATIVE = {"x reference man": 1.0, "x": 1.0, "x reference": 1.0, "%": 0.01}
# Column of a quantity -> what is read of the blood, if it is not called so, and in how many of its unit.
_IN_BLOOD = {
    "testosterone_nmol_l": ("testosterone_nmol_l", 1.0),
    "free_testosterone_pmol_l": ("free_testosterone_nmol_l", 1000.0),
    "dihydrotestosterone_nmol_l": ("dihydrotestosterone_nmol_l", 1.0),
    "oestradiol_pmol_l": ("oestradiol_pmol_l", 1.0),
    "lh_iu_l": ("lh_iu_l", 1.0),
    "fsh_iu_l": ("fsh_iu_l", 1.0),
    "hcg_iu_l": ("hcg_iu_l", 1.0),
    "inhibin_b_pg_ml": ("inhibin_b_pg_ml", 1.0),
    "shbg_nmol_l": ("shbg_nmol_l", 1.0),
    "prolactin_ug_l": ("prolactin_ug_l", 1.0),
    "gnrh_frequency": ("gnrh_frequency", 1.0),
}
_WITHIN = {
    "intratesticular_testosterone_nmol_l": "testosterone",
    "intratesticular_oestradiol_nmol_l": "oestradiol",
    "free_intratesticular_testosterone_nmol_l": "free_testosterone",
    "free_intratesticular_oestradiol_nmol_l": "free_oestradiol",
}
_MORE_WORDS = {
    "oestradiol_pmol_l": ("oestradiol", "estradiol", "E2", "serum oestradiol", "serum estradiol", "serum E2"),
    "testosterone_nmol_l": ("serum testosterone", "serum T"),
    "lh_iu_l": ("serum LH",),
    "fsh_iu_l": ("serum FSH",),
    "intratesticular_testosterone_nmol_l": ("intratesticular T", "local testosterone"),
    "intratesticular_oestradiol_nmol_l": ("local oestradiol", "local estradiol", "local E2"),
}


def _signals() -> Iterator[Signal]:
    for column, (key, per) in _IN_BLOOD.items():
        row = QUANTITIES[column]
        yield Signal(row.label, (*row.words, *_MORE_WORDS.get(column, ())), row.units, BLOOD, key, per)
    for column, key in _WITHIN.items():
        row = QUANTITIES[column]
        yield Signal(row.label, (*row.words, *_MORE_WORDS.get(column, ())), row.units, TESTIS, key)
    yield Signal(
        "androgen signal",
        ("androgen receptor occupancy", "androgen receptor", "AR signal"),
        _RELATIVE,
        SENSED,
        "androgen",
    )
    yield Signal("FSH signal", ("FSH receptor occupancy", "FSH receptor"), _RELATIVE, SENSED, "fsh")
    yield Signal(
        "oestrogen lack", ("lack of oestrogen", "estrogen lack"), {"of 1": 1.0, "": 1.0, "%": 0.01}, SENSED, "lack"
    )
    yield Signal(
        "back-pressure",
        ("back pressure", "pressure of fluid", "pressure"),
        {"of 1": 1.0, "": 1.0, "%": 0.01},
        SENSED,
        "pressure",
    )
    yield Signal(DAYS, ("day of the plan", "time"), {"days": 1.0, "day": 1.0, "weeks": 7.0, "week": 7.0}, PLAN, DAYS)


SIGNALS: Mapping[str, Signal] = MappingProxyType({row.label: row for row in _signals()})
_LEVEL = ("concentration of ", "level of ", "serum ", "plasma "), (" concentration", " level", " in serum")


def _plain(word: object) -> str:
    return " ".join(str(word).replace("-", " ").lower().split())


def _singular(word: str) -> str:
    word = word.replace("spermatogonia", "spermatogonium")
    return word.removesuffix("s")


_CELL_WORDS = {_plain(cell): cell for cell in CELLS} | _OTHER_CELLS
_BEHAVIOUR_WORDS = {_plain(word): row for row in BEHAVIOURS.values() for word in (row.label, *row.words)}
_SIGNAL_WORDS = {_plain(word): row for row in SIGNALS.values() for word in (row.label, *row.words)}


def cell(word: object) -> str:
    """Return the cell that a word means, as it is printed.

    Raises:
        ScenarioError: there is none.
    """
    plain = _plain(word).removeprefix("the ")
    found = _CELL_WORDS.get(plain) or _CELL_WORDS.get(_singular(plain)) if isinstance(word, str) else None
    if found is None:
        guess = nearest(plain, _CELL_WORDS)
        near = f'; nearest: "{_CELL_WORDS[guess]}"' if guess else ""
        raise ScenarioError(f"{shown(word)} is no cell that a rule can change{near}; known: {', '.join(CELLS)}")
    return found


def plural(of: str) -> str:
    """Return a cell, as it is printed, as many of them."""
    return of.replace("spermatogonium", "spermatogonia") if "spermatogonium" in of else f"{of}s"


def behaviours_of(of: str) -> tuple[Behaviour, ...]:
    """Return what of a cell a rule can change."""
    return tuple(row for row in BEHAVIOURS.values() if of in row.changes)


def behaviour(word: object, of: str) -> Behaviour:
    """Return the behaviour of a cell that a word means.

    Raises:
        ScenarioError: there is none, or the cell does not have it.
    """
    plain = _plain(word).removeprefix("the ").removeprefix("their ")
    row = _BEHAVIOUR_WORDS.get(plain) if isinstance(word, str) else None
    here = behaviours_of(of)
    has = f"{plural(of)} have: {', '.join(each.label for each in here)}"
    if row is None:
        guess = nearest(plain, _BEHAVIOUR_WORDS)
        near = f'nearest: "{_BEHAVIOUR_WORDS[guess].label}"; ' if guess else ""
        raise ScenarioError(f"{shown(word)} is no behaviour that is known here; {near}{has}")
    if row not in here:
        raise ScenarioError(f"{plural(of)} have no {row.label} that a rule can change; {has}")
    return row


def _drug(word: str) -> Signal | None:
    """Return the level of a drug that a text names, in any of the forms "anastrozole level", "level of anastrozole"."""
    plain = " ".join(word.lower().split())
    for front in _LEVEL[0]:
        plain = plain.removeprefix(front)
    for behind in _LEVEL[1]:
        plain = plain.removesuffix(behind)
    known = parameters.drugs()
    try:
        name = parameters.drug_named(plain) if plain else ""
    except Exception:  # no drug: told with the other signals
        return None
    return level_of(known[name]) if name in known else None


def level_of(drug: parameters.Drug) -> Signal:
    """Return the level of a drug in the blood as a signal.

    Raises:
        ScenarioError: it has none of its own.
    """
    numbers = [part.numbers for part in drug.substances]
    if any("clearance" not in part or "half_life" not in part for part in numbers):
        raise ScenarioError(
            f"{drug.name} turns into a hormone of the blood and has no level of its own; name the hormone, such as testosterone"
        )
    if drug.dose_unit != "mg":
        return Signal(f"{drug.name} level", (), {f"{drug.dose_unit}/L": 1.0}, DRUG, drug.name)
    units = {"nmol/L": 1.0, "umol/L": 1e3}
    if len(numbers) == 1 and "molar_mass" in numbers[0]:
        mass = numbers[0]["molar_mass"].value
        units |= {"ng/mL": 1e3 / mass, "ug/L": 1e3 / mass, "ug/mL": 1e6 / mass}
    return Signal(f"{drug.name} level", (), units, DRUG, drug.name)


def signal(word: object) -> Signal:
    """Return the signal that a word means.

    Raises:
        ScenarioError: there is none.
    """
    found = _SIGNAL_WORDS.get(_plain(word).removeprefix("the ")) if isinstance(word, str) else None
    if found is None and isinstance(word, str):
        found = _drug(word)
    if found is None:
        guess = nearest(_plain(word), [*_SIGNAL_WORDS, *parameters.drugs()])
        meant = _SIGNAL_WORDS[guess].label if guess in _SIGNAL_WORDS else f"{guess} level" if guess else ""
        near = f'nearest: "{meant}"; ' if meant else ""
        raise ScenarioError(
            f"{shown(word)} is no signal that cells can sense here; {near}known: {', '.join(SIGNALS)}, or the level of a drug"
        )
    return found
