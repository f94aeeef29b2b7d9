"""Numbers and first cells of one man's tissue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np

from testis_abm.biology import draws, niche, steps
from testis_abm.biology.germ import NORMAL, durations, rates_under
from testis_abm.biology.kinetics import hill
from testis_abm.biology.lesions import states
from testis_abm.biology.sertoli import uneven
from testis_abm.biology.tissue import NAMES, TissueParameters, parameters
from testis_abm.choices import PATCHES
from testis_abm.parameters import physiology
from testis_abm.parameters import values as tables
from testis_abm.parameters.rooms import once, room
from testis_abm.parameters.tables import NONE, using
from testis_abm.parameters.tubules import GERMINAL, SOUND, Tubules, ends
from testis_abm.testis.columns import GERM_DTYPES, GermColumns, LeydigColumns, SertoliColumns, segments
from testis_abm.testis.fields import Kernels, screening_length
from testis_abm.testis.geometry import CORNERS, Geometry, lattice
from testis_abm.testis.kernel import ROOM
from testis_abm.testis.stage_layout import phases

_STREAM = {
    "leydig": 0x4C455944,
    "sertoli": 0x53455254,
    "a_dark": 0x4441524B,
    "a_pale": 0x50414C45,
    "tubule": 0x54554255,
    "interstice": 0x494E5445,
    "stretch": 0x53545245,
}
_CYCLES_EMPTY = 3.5  # that an A-pale which dies is missing
# What reference_food returns, and where completed values keep it (physiology.complete).
GERM_REFERENCE = {"inhibin_germ_reference": "inhibin.germ_reference", "divided": "inhibin.germ_divided"}
NEIGHBOURHOOD = 9  # Sertoli cells whose germ cells call forth the inhibin B of one (kernel.food)
Amount = Any  # a number, or an array of one for each man


@dataclass(frozen=True)
class TissueScale:
    """What turns relative tissue into concentrations: references in nmol/L (total steroid) and free fractions."""

    testosterone: float
    oestradiol: float
    testosterone_free: float
    oestradiol_free: float
    blood_entry: float
    blood_oestradiol_entry: float
    softening: float


def _log_loss(share: float) -> float:
    return -math.log(1.0 - share)


def _kept(factor: Amount) -> Amount:
    """Return the hazard that a man's completion `factor` (share of normal survival) adds; a factor over 1 takes away."""
    return -np.log(np.maximum(factor, 1e-6))


def standing(rates: Sequence[float], p: TissueParameters) -> np.ndarray:
    """Return expected germ cells by step (float64) of a niche with stem cells that stands under `rates` (steps.RATES) for good.

    Flux times mean time alive as each type; losses thin the flux.
    """
    counts = np.zeros(steps.COUNT)
    counts[steps.A_PALE] = niche.resting_a_pale(rates[steps.FED], p.niche)
    counts[steps.A_DARK] = niche.resting_a_dark(counts[steps.A_PALE], rates[steps.COMMITMENT], p.niche)
    flux = 2.0 * rates[steps.FED] * rates[steps.COMMITMENT] / p.germ.cycle_days
    days = durations(p)
    for step in range(steps.B_SPERMATOGONIUM, steps.COUNT):
        rate, time = rates[steps.HAZARD + step], days[step]
        survival = math.exp(-rate * time)
        counts[step] = flux * ((1.0 - survival) / rate if rate > 0 else time)
        flux *= survival * steps.DAUGHTERS[step]
    return counts


def reference_counts(p: TissueParameters) -> np.ndarray:
    """Return expected germ cells per Sertoli cell by step under reference signals."""
    return standing(rates_under(NORMAL, p), p)


def present(stem_cell_loss: Amount) -> Amount:
    """Return the share of the A-pale that niches feed which are there: the rest has died and is not replaced yet."""
    return 1.0 / (1.0 + _CYCLES_EMPTY * stem_cell_loss)


def standing_elongated(p: TissueParameters, rates: Sequence[float]) -> float:
    """Return elongating and elongated spermatids per niche with stem cells that stands under `rates` for good."""
    return float(standing(rates, p)[steps.ELONGATING_SPERMATID :].sum())


def sertoli_number(values: Mapping[str, float], man: Mapping[str, Amount]) -> Amount:
    """Return a man's Sertoli cells, relative: those that he had at the age of the reference man, less what age has taken."""
    older = np.maximum(0.0, man["age"] - values["axis.age_reference"])
    return man["sertoli_number"] * np.exp(values["tissue.sertoli_age_slope"] * older)


def tissue_parameters(
    values: Mapping[str, float], man: Mapping[str, Amount], cells_ratio: float = 1.0
) -> tuple[TissueParameters, TissueScale]:
    """Fold a man's physiology into the numbers of the tissue.

    Args:
        values: dotted parameter name -> value.
        man: physiology field -> value, or array of the values of many men: numbers that follow are arrays then.
        cells_ratio: ideal over actual number of simulated Leydig cells, so that rounding does not change secretion.
    """
    direct = _folded(values, man, cells_ratio)
    activity = once(_aromatase, values)
    direct |= {name: value * man["testicular_aromatase"] * man[name] for name, value in activity.items()}
    direct["leydig_aromatase"] *= cells_ratio
    direct |= once(_reference_food, values)
    founders = man["spermatogonial_commitment"] * man["spermatogonial_maturity"]
    direct["commitment"] *= founders
    direct["crowding"] = (founders / values["germ.room"]) ** 4
    direct["spermatogonial_hazard"] += _kept(man["spermatogonial_survival"])
    direct["meiotic_hazard"] += _kept(man["meiotic_completion"])
    direct["meiotic_hazard"] -= values["tissue.heat_bmi_slope"] * (man["bmi"] - values["axis.bmi_reference"])
    direct["round_hazard"] += _kept(man["spermatid_elongation"])
    direct["spermiation"] *= man["spermiation"]
    direct["arrest_before"] = np.floor(man["arrest_before"])
    return parameters(direct), tissue_scale(values)


def tissue_scale(values: Mapping[str, float]) -> TissueScale:
    """Return what turns relative tissue into concentrations."""
    names = (
        "intratesticular_testosterone_reference",
        "intratesticular_oestradiol_reference",
        "testosterone_free_fraction",
        "oestradiol_free_fraction",
        "blood_testosterone_entry",
        "blood_oestradiol_entry",
        "cell_radius",
    )
    return TissueScale(*(values[f"tissue.{name}"] for name in names))


def _folded(values: Mapping[str, float], man: Mapping[str, Amount], cells_ratio: float) -> dict[str, Amount]:
    """Return the numbers of the tissue but for aromatase and what a man's germ line lacks."""

    def of(room: str, name: str) -> float:
        return values[f"{room}.{name}"]

    scale = tissue_scale(values)
    attrition = np.maximum(
        0.2, 1.0 - of("tissue", "leydig_attrition") * np.maximum(0.0, man["age"] - values["axis.age_reference"])
    )
    # Immature Sertoli cells make inhibin already: its level asks for the root of their maturity (under 10 pg/mL,
    # Kallmann).
    inhibin = man["inhibin_capacity"] * sertoli_number(values, man) * np.sqrt(man["somatic_maturity"])
    # Before puberty they need no germ cells for it (Andersson & Skakkebaek 2001).
    germ_share = (1.0 - of("inhibin", "base")) * man["somatic_maturity"]
    germ, receptor = room(values, "germ"), room(values, "receptor")
    direct = {
        **man,
        **germ,
        **room(values, "niche"),
        **room(values, "leydig"),
        **receptor,
        "leydig_secretion": man["leydig_capacity"] * man["somatic_maturity"] * attrition * cells_ratio,
        "aromatase_km": of("aromatase", "testicular_km"),
        "er_alpha_sensitivity": man["er_alpha_sensitivity"] * man["sertoli_er_alpha_sensitivity"],
        "leydig_er_alpha_sensitivity": man["er_alpha_sensitivity"] * man["leydig_er_alpha_sensitivity"],
        "androgen_sensitivity": man["androgen_sensitivity"] * man["sertoli_androgen_sensitivity"],
        "meiosis_androgen_half": receptor["androgen_half"] * receptor["meiosis_half_ratio"],
        "spermiation_androgen_half": receptor["androgen_half"] * receptor["spermiation_half_ratio"],
        "free_testosterone_reference": scale.testosterone * scale.testosterone_free,
        "free_oestradiol_reference": scale.oestradiol * scale.oestradiol_free,
        "fsh_reference": of("axis", "fsh_reference"),
        "a_pale_room": germ["a_pale_per_niche"],
        "a_pale_present": present(germ["stem_cell_loss"]),
        "spermatogonial_hazard": _log_loss(germ["spermatogonial_loss"]),
        "prophase_hazard": _log_loss(germ["prophase_loss"]),
        "meiotic_hazard": _log_loss(germ["meiotic_loss"]),
        "round_hazard": _log_loss(germ["round_spermatid_loss"]),
        "elongation_hazard": _log_loss(germ["elongation_loss"]),
        "back_pressure": values["tract.back_pressure_loss"],
        "inhibin_floor": of("inhibin", "floor") * inhibin,
        "inhibin_fsh_gain": of("inhibin", "fsh_gain") * inhibin,
        "inhibin_fsh_half": of("inhibin", "fsh_half"),
        "inhibin_germ_share": germ_share,
        "inhibin_germ_half": of("inhibin", "germ_half"),
    }
    return direct | _reference_occupancies(direct)


def _reference_occupancies(of: Mapping[str, Amount]) -> dict[str, float]:
    """Return how far each receptor's process is occupied, and oestrogen lacks, in the reference man."""
    halves = {
        "androgen": "androgen_half",
        "meiosis": "meiosis_androgen_half",
        "spermiation": "spermiation_androgen_half",
    }
    return {
        **{
            f"{process}_occupancy": hill(of["free_testosterone_reference"], of[half], of["androgen_exponent"])
            for process, half in halves.items()
        },
        "fsh_occupancy": hill(of["fsh_reference"], of["fsh_half"], 1.0),
        "lack_reference": 1.0 - hill(1.0, of["oestrogen_half"], 2.0),
    }


@cache
def _reference_man() -> dict[str, float]:
    return {name: field.value for name, field in physiology().items()}


def _reference_food(values: Mapping[str, float]) -> dict[str, float]:
    """Return the numbers of inhibin B that follow from the germ cells of the reference man."""
    known = {name: values[key] for name, key in GERM_REFERENCE.items() if key in values}  # of many men, who may differ
    found = known if len(known) == len(GERM_REFERENCE) else reference_food(values)
    clone = values["inhibin.germ_clone"] / NEIGHBOURHOOD / found["inhibin_germ_reference"]
    most = uneven(1.0, values["inhibin.germ_half"], clone * (1.0 + found["divided"]))
    return {
        "inhibin_germ_reference": found["inhibin_germ_reference"],
        "inhibin_germ_clone": clone,
        "inhibin_germ_most": most,
    }


def reference_food(values: Mapping[str, float]) -> dict[str, float]:
    """Return pachytene spermatocytes to round spermatids per Sertoli cell of the reference man, and the part that has divided.

    By the names of GERM_REFERENCE.
    """
    cells = _reference_man_counts(values)[steps.PACHYTENE : steps.ROUND_SPERMATID + 1]
    kept = present(values["germ.stem_cell_loss"])
    return {
        "inhibin_germ_reference": float(cells.sum() * kept),
        "divided": float(cells[steps.SECONDARY_SPERMATOCYTE - steps.PACHYTENE :].sum() / cells.sum()),
    }


def _reference_man_counts(values: Mapping[str, float]) -> np.ndarray:
    reference = _folded(values, _reference_man(), 1.0)
    return reference_counts(parameters({**dict.fromkeys(NAMES, 0.0), **reference}))


def _aromatase(values: Mapping[str, float]) -> dict[str, float]:
    """Return the activities of `values` over what the tissue of the tables makes per Sertoli cell in all."""
    whole = _reference_activity()
    return {name: value / whole for name, value in _activities(values).items()}


def _activities(values: Mapping[str, float]) -> dict[str, float]:
    aromatase = room(values, "aromatase")
    germ, sertoli = aromatase["germ_cell_expression"], aromatase["sertoli_expression"]
    return {
        "leydig_aromatase": aromatase["leydig_activity"],
        "sertoli_aromatase": aromatase["sertoli_activity"] * sertoli,
        "spermatocyte_aromatase": aromatase["spermatocyte_activity"] * germ,
        "spermatid_aromatase": aromatase["spermatid_activity"] * germ,
        "elongated_aromatase": aromatase["elongated_activity"] * germ,
    }


@cache
def _reference_activity() -> float:
    """Return the activity of a Sertoli cell of the tables with its share of Leydig cells and its germ cells."""
    with using(NONE):  # what a user's own tables change is other than that, as what a scenario sets
        values = tables()
    made, counts = _activities(values), _reference_man_counts(values)
    by_class = [counts[k == steps.CLASS_OF_STEP].sum() for k in range(4)]
    return float(
        values["tissue.leydig_per_sertoli"] * made["leydig_aromatase"]
        + made["sertoli_aromatase"]
        + by_class[steps.SPERMATOCYTE] * made["spermatocyte_aromatase"]
        + by_class[steps.SPERMATID] * made["spermatid_aromatase"]
        + by_class[steps.ELONGATED] * made["elongated_aromatase"]
    )


def build_geometry(values: Mapping[str, float], tubules: int, around: int, length: int = 1) -> Geometry:
    """Return the lattice for a tissue of `tubules` of `length` sections (the last few are kept, as replicates share one)."""
    diameter, area_fraction = values["tissue.tubule_diameter"], values["tissue.tubule_area_fraction"]
    return _lattice(tubules, around, diameter, area_fraction, length)


def build_kernels(values: Mapping[str, float], geometry: Geometry) -> tuple[Kernels, Kernels]:
    """Return the kernels of testosterone and oestradiol; clearance is production over the reference level."""
    volume = values["tissue.testis_volume"] * 1e-3
    produced = (
        values["axis.testicular_testosterone_share"]
        * values["axis.testosterone_free_clearance"]
        * values["axis.free_testosterone_reference"]
    )
    t_clearance = produced / (values["tissue.intratesticular_testosterone_reference"] * volume)
    produced = (
        values["axis.testicular_oestradiol_share"]
        * values["axis.oestradiol_clearance"]
        * values["axis.oestradiol_reference"]
        * 1e-3
    )
    e_clearance = produced / (values["tissue.intratesticular_oestradiol_reference"] * volume)
    softening, diffusion = values["tissue.cell_radius"], values["tissue.diffusion"]
    return (
        _kernels(geometry, screening_length(diffusion, t_clearance), softening),
        _kernels(geometry, screening_length(diffusion, e_clearance), softening),
    )


_lattice = lru_cache(maxsize=4)(lattice)
_kernels = lru_cache(maxsize=8)(Kernels)


def leydig_count(values: Mapping[str, float], geometry: Geometry) -> int:
    """Return how many Leydig cells the simulated sections hold."""
    return max(1, round(values["tissue.leydig_per_sertoli"] * geometry.tubules * geometry.sertoli_per_tubule))


def _lineages(seed: int, stream: str, n: int) -> np.ndarray:
    return np.asarray(draws.lineages(np.uint64(seed), np.uint64(_STREAM[stream]), n))


def _uniforms(lineages: np.ndarray, purpose: int) -> np.ndarray:
    return np.asarray(draws.uniforms(lineages, 0, purpose))


def _places(seed: int, stream: str, size: np.ndarray) -> np.ndarray:
    """Return a place from 0 to 1 for each of things of such sizes, (n,): in random order and evenly apart.

    So that a tissue holds what shares it can.
    """
    n = len(size)
    lineages = _lineages(seed, stream, n + 1)
    order = np.argsort(_uniforms(lineages[:n], draws.PLACE), kind="stable")
    places = np.empty(n)
    places[order] = np.cumsum(size[order]) - size[order]
    return np.asarray((places + size * _uniforms(lineages[n:], draws.PLACE)) / size.sum())


def _stretches(values: Mapping[str, float], geometry: Geometry, seed: int, lesion_length: float) -> np.ndarray:
    """Return how many sections each stretch of a tubule has that is in one state, stretch after stretch.

    A state goes on from one section to the next unless a draw ends it, so that it holds over `lesion_length` (mm) on average.
    """
    sections = geometry.tubules * geometry.length
    chance = ends(values, geometry.around, lesion_length)
    begins = _uniforms(_lineages(seed, "stretch", sections), draws.PLACE) < chance
    begins[:: geometry.length] = True
    return np.diff(np.append(np.flatnonzero(begins), sections))


def build_leydig(values: Mapping[str, float], geometry: Geometry, seed: int, lost: float = 0.0) -> LeydigColumns:
    """Scatter Leydig cells over the interstitial corners; sizes vary and average 1 less what is `lost`.

    The share `lost` of the interstices has none that lives: those cells have no size.
    """
    n = leydig_count(values, geometry)
    lineage = _lineages(seed, "leydig", n)
    corner = (_uniforms(lineage, draws.PLACE) * CORNERS * geometry.tubules).astype(np.int64)
    variation = values["leydig.size_variation"]
    size = 1.0 + variation * math.sqrt(3.0) * (2.0 * _uniforms(lineage, draws.SIZE) - 1.0)
    one = np.ones(n)
    if lost > 0.0:
        left = size * (_places(seed, "interstice", np.ones(CORNERS * geometry.tubules)) >= lost)[corner]
        size = left if left.any() else size  # none of a tissue as small stands for the cells that are left
    return LeydigColumns(
        lineage, corner, size * ((1.0 - lost) / size.mean()), one.copy(), one.copy(), one.copy(), one.copy()
    )


def build_sertoli(
    values: Mapping[str, float],
    geometry: Geometry,
    seed: int,
    p: TissueParameters,
    shares: Tubules = SOUND,
    *,
    stages: str = PATCHES,
    lesion_length: float = math.inf,
) -> SertoliColumns:
    """Place Sertoli cells, their clocks laid out as `stages` says (choices.STAGE_LAYOUTS).

    Each stretch of a tubule, `lesion_length` (mm) on average, is drawn in one state, of `shares`; that decides which niches
    can keep germ cells.
    """
    n = geometry.tubules * geometry.sertoli_per_tubule
    stretches = _stretches(values, geometry, seed, lesion_length)
    ones, state = np.ones(n), states(shares, _places(seed, "tubule", stretches))
    state = np.repeat(state, stretches * geometry.around)
    return SertoliColumns(
        _lineages(seed, "sertoli", n),
        state,
        phases(stages, values, geometry, seed),
        ones * p.receptor.free_testosterone_reference,
        ones * p.receptor.free_testosterone_reference,
        ones * p.receptor.fsh_reference,
        0.0 * ones,
        ones * p.receptor.free_testosterone_reference,
        ones * p.receptor.free_oestradiol_reference,
        ones.copy(),
        ones.copy(),
        (state < GERMINAL).astype(np.uint8),
        0.0 * ones,
        ones.copy(),
        np.zeros((geometry.tubules, len(steps.RATES), geometry.sertoli_per_tubule)),
        np.zeros((geometry.tubules, steps.COUNT, geometry.sertoli_per_tubule)),
        np.zeros((n, steps.COUNT), dtype=np.uint16),
    )


def expected_counts(sertoli: SertoliColumns, p: TissueParameters) -> np.ndarray:
    """Return how many germ cells of each step niches hold for good under the mean of their present rates, (niches, steps).

    Whole numbers by chance, whose mean is that of `standing`.
    """
    able = sertoli.able > 0
    if not able.any():
        return np.zeros_like(sertoli.counts)
    mean = standing(sertoli.rates.transpose(0, 2, 1).reshape(len(able), -1)[able].mean(axis=0).tolist(), p)
    places = np.stack([draws.uniforms(sertoli.lineage, step, draws.EXPECTED) for step in range(steps.COUNT)], axis=1)
    return np.where(able[:, None], np.floor(mean + places), 0).astype(sertoli.counts.dtype)


def _numbers_around(mean: np.ndarray, lineage: np.ndarray, most: int) -> np.ndarray:
    """Return whole numbers of cells, (niches,), of that `mean` each and a variance of 0.42 beyond it: about that of A-pale.

    The sum of four draws, rounded down, has the mean exactly unless it falls below none.
    """
    spread = sum(np.asarray(draws.uniforms(lineage, k, draws.NUMBER)) for k in range(4))
    mean = np.where(np.isfinite(mean), mean, 0.0)  # of a man who leaves the physical range, which is told later
    return np.asarray(np.clip(np.floor(mean + spread - 1.5), 0, most).astype(np.int64))


def build_germ(
    geometry: Geometry,
    sertoli: SertoliColumns,
    seed: int,
    fed: np.ndarray,
    commitment: np.ndarray,
    p: TissueParameters,
    now: float = 0.0,
) -> GermColumns:
    """Give each able niche stem cells on the clock of its Sertoli cell: as many A-pale as it feeds and the A-dark they keep.

    Numbers and shares are drawn for each niche, as they are long after a start; each stem cell founds a clone of its own.

    Args:
        fed: A-pale that each niche feeds, (niches,); commitment: the share of a clone that each of them gathers in a cycle.
        now: day on the tissue's clock.
    """
    n, per = len(sertoli.lineage), geometry.sertoli_per_tubule
    able = sertoli.able > 0
    resting = niche.resting_a_pale(fed, p.niche)
    pale = np.where(able, _numbers_around(resting, sertoli.lineage, int(p.niche.most_a_pale)), 0)
    kinds, at = np.unique(np.stack([resting, commitment]), axis=1, return_inverse=True)
    wanted = np.array([niche.resting_a_dark(a_pale, share, p.niche) for a_pale, share in kinds.T.tolist()])[at]
    aside = np.floor(wanted + draws.uniforms(sertoli.lineage, 4, draws.NUMBER)).astype(np.int64)
    dark = np.where(able, np.minimum(aside, int(p.niche.most_a_dark)), 0)
    held = np.stack([dark, pale], axis=-1)  # A-dark before A-pale in each niche
    step = np.repeat(np.tile([steps.A_DARK, steps.A_PALE], n), held.ravel())
    home = np.repeat(np.arange(n), held.sum(axis=1))
    slot = np.arange(len(home)) - np.repeat(np.cumsum(held.ravel()) - held.ravel(), held.ravel())
    lineage = np.empty(len(home), dtype=np.uint64)
    for kind, name in ((steps.A_DARK, "a_dark"), (steps.A_PALE, "a_pale")):
        of = step == kind
        lineage[of] = _lineages(seed, name, n * (1 + int(held[:, kind].max(initial=0))))[slot[of] * n + home[of]]
    columns: dict[str, Any] = {name: np.zeros(len(home), dtype=dtype) for name, dtype in GERM_DTYPES.items()}
    columns["lineage"][:], columns["step"][:], columns["niche"][:] = lineage, step, home % per
    clocks, of_clock = np.unique(sertoli.phase, return_inverse=True)  # patches of niches share one
    turns = np.array([niche.next_turn(phase, p.germ.cycle_days, now) for phase in clocks.tolist()])
    columns["ends"][:] = turns[of_clock[home]]
    for kind in (steps.A_DARK, steps.A_PALE):
        of = step == kind
        columns["threshold"][of] = -np.log1p(-draws.uniforms(lineage[of], kind, draws.ENTRY))
        columns["threshold"][of] += sertoli.gathered[home[of] // per, kind, home[of] % per]
    # As far on their way as all that a niche holds for good: from just after founding a clone to the founding of the next.
    first = commitment[home] + draws.uniforms(lineage, 0, draws.COMMIT)
    columns["share"][:] = np.where(step == steps.A_PALE, first, 0.0)
    columns["founder"][:] = np.arange(len(home))
    count = held.sum(axis=1).reshape(-1, per).sum(axis=1)
    return GermColumns(**columns, start=segments(count), count=count)


def give_room(germ: GermColumns, per: int, p: TissueParameters) -> None:
    """Give each tubule of `per` niches room for the germ cells that it will mostly hold."""
    mean = reference_counts(p).sum() * per
    # Clones come and go together and stem cells turn in patches: seven times the variance of single cells.
    room = mean + 4.5 * math.sqrt(7.0 * mean) + ROOM
    germ.grow(np.full(len(germ.count), int(room), dtype=np.int64))
