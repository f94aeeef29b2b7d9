"""The steady state of an untreated man, rebuilt from the equations of docs/odd.md and the tables of numbers, with nothing of testis_abm.

python examples/reference_man.py prints the reference man; python examples/reference_man.py gnrh_drive=0.6 bmi=33 another, and
python examples/reference_man.py leydig.oestrogen_brake=0.5 him under another number of the model.
"""

from __future__ import annotations

import math
import sys
import tomllib
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import numpy as np

TABLES = Path(__file__).resolve().parents[1] / "testis_abm" / "parameters"
TYPES = ("b_spermatogonium", "preleptotene", "leptotene", "zygotene", "pachytene", "diplotene")
TYPES += ("secondary_spermatocyte", "round_spermatid", "elongating_spermatid", "elongated_spermatid")
DAUGHTERS = dict.fromkeys(TYPES, 1) | {"b_spermatogonium": 2, "diplotene": 2, "secondary_spermatocyte": 2}  # G6
# Fields of a man that are not in these equations: his lesions, and what is immature.
LEFT_OUT = {"hyalinised_tubules", "germ_cell_endowment", "arrested_tubules", "reduced_tubules", "leydig_patches"}
LEFT_OUT |= {"somatic_maturity", "spermatogonial_maturity"}


@cache
def tables():
    """Return the numbers of the model and the fields of a man (group `man`) of the tables, by group."""
    groups = {"man": tomllib.loads((TABLES / "men.toml").read_text(encoding="utf-8"))["physiology"]}
    for path in (TABLES / "model").glob("*.toml"):
        groups |= tomllib.loads(path.read_text(encoding="utf-8"))
    return {group: {name: entry["value"] for name, entry in of.items()} for group, of in groups.items()}


def numbers(own):
    """Return all numbers by group and, as `reference`, what follows for the reference man; `own`: those other than in the tables."""
    groups = {group: dict(of) for group, of in tables().items()}
    for key, value in own.items():
        group, _, name = key.rpartition(".")
        if name in LEFT_OUT or name not in groups.get(group or "man", ()):
            raise SystemExit(f"{key}: no number of the model and no field of a man that these equations have")
        groups[group or "man"][name] = value
    him = groups | {"man": tables()["man"] | {"bmi": groups["axis"]["bmi_reference"]}}
    q, him, usual = (
        SimpleNamespace(**{group: SimpleNamespace(**of) for group, of in kind.items()})
        for kind in (groups, him, tables())
    )
    # Aromatase acts over what the tissue of the tables makes, whose A-pale are all there.
    missing = 1 + 3.5 * usual.germ.stem_cell_loss
    every = {name: of * missing for name, of in germ_line((1, 1, 1), 1, 0, 0, usual)[1].items()}
    q.reference = SimpleNamespace(
        free=free_reference(him), cells=germ_line((1, 1, 1), 1, 0, 0, him)[1], aromatase=aromatase(1, every, usual)
    )
    return q


def brake(z, a, n):
    """Return a brake: 1 at 1."""
    return (1 + a) / (1 + a * z**n)


def build(z, n, s):
    """Return what a lasting drive builds: 1 at 1."""
    return (1 + s) * z**n / (s + z**n)


def occ(z, h, n=1.0):
    """Return an occupancy."""
    return z**n / (h**n + z**n)


def rel(z, h, n=1.0):
    """Return an occupancy over that at 1."""
    return occ(z, h, n) / occ(1, h, n)


def shielded(x, f0, km):
    """Return what an enzyme makes of relative substrate x: 1 at 1, where it is f0 nmol/L (B2, B13, L4)."""
    return x * (km + f0) / (km + x * f0)


def free_reference(q):
    """Return free testosterone of the reference man, nmol/L (B1)."""
    a, k, total, shbg = (
        q.axis.albumin_binding,
        q.axis.shbg_binding,
        q.axis.testosterone_reference,
        q.axis.shbg_reference,
    )
    b = 1 + a + k * (shbg - total)
    return (math.sqrt(b * b + 4 * (1 + a) * k * total) - b) / (2 * (1 + a) * k)


def body(x, e, b, q):
    """Return LH and FSH (relative), SHBG and total testosterone (nmol/L) and androgen of the tract of a blood (B1 to B11, B14)."""
    ax, man, f0 = q.axis, q.man, q.reference.free
    older, heavier = man.age - ax.age_reference, man.bmi - ax.bmi_reference
    y = shielded(x, f0, ax.five_alpha_km)

    def androgen(w):
        return (x + w * y) / (1 + w)

    felt = e * man.er_alpha_sensitivity * man.oestrogen_feedback
    a = androgen(ax.dihydrotestosterone_weight) * man.androgen_sensitivity * man.androgen_feedback
    a *= max(felt, ax.oestradiol_permission_least) ** ax.oestradiol_permission
    phi = brake(a, ax.testosterone_feedback_strength, ax.testosterone_feedback_exponent)
    psi = brake(felt, ax.oestradiol_feedback_strength, ax.oestradiol_feedback_exponent)
    lasting = min(max(phi * psi, ax.memory_least), ax.memory_most)
    memory = lasting ** (ax.memory_exponent_low if lasting < 1 else ax.memory_exponent_high)
    g = ax.gnrh_bmi_slope * max(0, man.bmi - ax.gnrh_bmi_from) + ax.gnrh_age_slope * max(0, older)
    h = man.gnrh_drive * math.exp(g) * memory * phi * psi ** (1 - ax.oestradiol_pituitary_share)
    n = ax.prolactin_exponent
    h *= 1 - ax.prolactin_most * (1 - brake(man.prolactin, ax.prolactin_half**-n, n))
    d = h * psi**ax.oestradiol_pituitary_share
    capacity = ax.gonadotroph_capacity_exponent, ax.gonadotroph_capacity_saturation
    lh = ax.lh_floor + (1 - ax.lh_floor) * build(d, *capacity) * d
    eps = ax.fsh_unpulsed_share
    z = (1 - eps) * build(h, *capacity) * h + eps * build(h, ax.fsh_unpulsed_exponent, ax.fsh_unpulsed_saturation)
    z *= brake(felt, ax.fsh_oestradiol_strength, ax.fsh_oestradiol_exponent)
    z *= brake(b, ax.inhibin_feedback_strength, ax.inhibin_feedback_exponent)
    z *= (1 + ax.fsh_ceiling) / (ax.fsh_ceiling + z)
    fsh = man.fsh_secretion * (ax.fsh_floor + (1 - ax.fsh_floor) * z)
    slopes = ax.shbg_bmi_slope * heavier + ax.shbg_lost_slope * man.bmi_lost + ax.shbg_age_slope * older
    shbg = ax.shbg_reference * man.shbg_production * math.exp(slopes)
    shbg *= max(androgen(ax.blood_dihydrotestosterone_weight), ax.shbg_follows_from) ** ax.shbg_androgen_exponent
    shbg *= max(e, ax.shbg_follows_from) ** ax.shbg_oestrogen_exponent
    total = x * f0 * (1 + ax.albumin_binding + ax.shbg_binding * shbg / (1 + ax.shbg_binding * x * f0))
    return lh, fsh, shbg, total, androgen(ax.tract_dihydrotestosterone_weight)


def production(x, secretion, made, q):
    """Return the testosterone and oestradiol that blood gets, relative (B12, B13)."""
    ax, man = q.axis, q.man
    older, heavier = man.age - ax.age_reference, man.bmi - ax.bmi_reference
    adrenal = math.exp(
        ax.adrenal_age_slope * older + ax.adrenal_bmi_slope * min(heavier, ax.adrenal_bmi_most - ax.bmi_reference)
    )
    repeats = min(max(man.cyp19a1_repeats - 7.5, -0.5), 0.5)
    slope = ax.peripheral_aromatase_bmi_slope * (1 + ax.aromatase_repeat_slope * repeats)
    fat = man.adipose_aromatase * math.exp(
        slope * heavier + ax.peripheral_aromatase_age_slope * older + ax.aromatase_repeat_effect * repeats
    )
    j, t, e = ax.adrenal_oestradiol_share, ax.testicular_testosterone_share, ax.testicular_oestradiol_share
    by_fat = fat * ((1 - j) * shielded(x, q.reference.free, ax.peripheral_aromatase_km) + j)
    return t * secretion + (1 - t) * adrenal, e * made + (1 - e) * by_fat


def of_flux(founded, hazard, days):
    """Return cells by type where so many B spermatogonia are founded a day, and how many cells ripen a day."""
    cells = {}
    for name in TYPES:
        survival = math.exp(-hazard[name] * days[name])
        cells[name] = founded * ((1 - survival) / hazard[name] if hazard[name] else days[name])
        founded *= survival * DAUGHTERS[name]
    return cells, founded


def of_whole_days(founded, hazard, days):
    """Return what `of_flux` does, as the engine's mean man counts: who dies on a day of age is there until it ends."""
    spent, begun, clone, size = {}, 0.0, {}, 1
    for name in TYPES:
        end = begun + days[name]
        for day in range(int(begun), math.ceil(end)):
            spent.setdefault(day, {})[name] = min(end, day + 1) - max(begun, day)
        begun, clone[name], size = end, size, size * DAUGHTERS[name]
    cells = dict.fromkeys(TYPES, 0.0)
    for parts in spent.values():
        for name, part in parts.items():
            cells[name] += founded * clone[name] * part
        founded *= math.exp(-sum(hazard[name] * part for name, part in parts.items()))
    return cells, founded * size


def germ_line(signals, fsh, lack, pressure, q, whole_days=False):
    """Return stem cells and other germ cells by type per Sertoli cell, and sperm released per Sertoli cell and day (G1 to G8)."""
    germ, man, (meiosis, adhesion, release) = q.germ, q.man, signals

    def entry(androgen):
        v = germ.entry_alone + germ.entry_androgen * androgen + (1 - germ.entry_alone - germ.entry_androgen) * fsh
        kappa = (man.spermatogonial_commitment / germ.room) ** 4
        return v * ((1 + kappa) / (1 + kappa * v**4)) ** 0.25

    root, fed = math.sqrt(entry(adhesion)), math.sqrt(entry(1.0))
    commitment = min(1, man.spermatogonial_commitment * germ.commitment * root / fed)
    pale = germ.a_pale_per_niche * fed / (1 + 3.5 * germ.stem_cell_loss)
    aside = pale * (1 - germ.stem_cell_loss) * (1 - commitment * q.niche.used) * q.niche.refill
    stem = {"a_pale": pale, "a_dark": aside / (aside / q.niche.a_dark_room + q.niche.dark_loss)}

    def loss(share, survival=1.0):
        return -math.log(1 - share) - math.log(max(survival, 1e-6))

    heat = q.tissue.heat_bmi_slope * (man.bmi - q.axis.bmi_reference)
    entering = loss(germ.spermatogonial_loss, man.spermatogonial_survival) + 2 * (1 - root) / (1 + root)
    dividing = loss(germ.meiotic_loss, man.meiotic_completion) + germ.meiosis_deprivation * max(0, 1 - meiosis)
    losses = (
        (TYPES[:1], max(0, entering)),
        (TYPES[1:6], loss(germ.prophase_loss)),
        (TYPES[6:7], dividing - heat),
        (TYPES[7:8], loss(germ.round_spermatid_loss, man.spermatid_elongation)),
        (TYPES[7:9], germ.adhesion_deprivation * max(0, 1 - adhesion)),
        (TYPES[8:], loss(germ.elongation_loss) + germ.oestrogen_lack * lack),
        (TYPES[1:], q.tract.back_pressure_loss * pressure**2),
    )
    days, hazard = {name: getattr(germ, f"{name}_days") for name in TYPES}, dict.fromkeys(TYPES, 0.0)
    for types, cumulative in losses:
        for name in types:
            hazard[name] += cumulative / sum(days[each] for each in types)
    founded = 2 * pale * commitment / germ.cycle_days
    cells, ripe = (of_whole_days if whole_days else of_flux)(founded, hazard, days)
    alone = germ.spermiation_alone
    return stem, cells, ripe * min(1, man.spermiation * germ.spermiation * (alone + (1 - alone) * min(1, release)))


def aromatase(leydig, cells, q):
    """Return the aromatase activity E of L4 of `leydig` (size times expression) and of germ cells per Sertoli cell."""
    a, man, germ = q.aromatase, q.man, q.aromatase.germ_cell_expression
    elongated = cells["elongating_spermatid"] + cells["elongated_spermatid"]
    return man.testicular_aromatase * (
        man.leydig_aromatase * q.tissue.leydig_per_sertoli * a.leydig_activity * leydig
        + man.sertoli_aromatase * a.sertoli_activity * a.sertoli_expression
        + man.spermatocyte_aromatase * germ * a.spermatocyte_activity * sum(cells[name] for name in TYPES[1:7])
        + man.spermatid_aromatase * germ * a.spermatid_activity * cells["round_spermatid"]
        + man.elongated_aromatase * germ * a.elongated_activity * elongated
    )


def called(cells, q):
    """Return what germ cells call forth of inhibin B, but for a factor (g/N of S4)."""

    def food(of):
        divided = of["secondary_spermatocyte"] + of["round_spermatid"]
        whole = of["pachytene"] + of["diplotene"] + divided
        return whole, divided / whole if whole else 0.0

    (whole, divided), (normal, _), half = food(cells), food(q.reference.cells), q.inhibin.germ_half
    g, k = whole / normal, q.inhibin.germ_clone * (1 + divided) / (9 * normal)
    return g / (half + g + half * k / (half + g))


def testis(lh, fsh, x, e, u, q, whole_days):
    """Return what the testes make under relative LH, FSH, free T and E2 of blood and E2 of their own (L1 to L4, S1 to S4, G1 to G8)."""
    man, ly, re, ih, ti = q.man, q.leydig, q.receptor, q.inhibin, q.tissue
    older = max(0, man.age - q.axis.age_reference)
    size = man.leydig_capacity * max(0.2, 1 - ti.leydig_attrition * older)
    secretion = size * lh**ly.trophic_exponent
    secretion *= ly.basal_secretion + (1 - ly.basal_secretion) * (1 + ly.lh_saturation) * lh / (ly.lh_saturation + lh)
    secretion *= brake(u * man.er_alpha_sensitivity * man.leydig_er_alpha_sensitivity, ly.oestrogen_brake, 1)
    t = (1 - ti.blood_testosterone_entry) * secretion + ti.blood_testosterone_entry * x
    t0 = ti.intratesticular_testosterone_reference * ti.testosterone_free_fraction
    felt = t * t0 * man.androgen_sensitivity * man.sertoli_androgen_sensitivity
    halves = [re.androgen_half * ratio for ratio in (re.meiosis_half_ratio, 1, re.spermiation_half_ratio)]
    signals = [occ(felt, half, re.androgen_exponent) / occ(t0, half, re.androgen_exponent) for half in halves]
    normal_fsh, own_fsh = q.axis.fsh_reference, fsh * man.fsh_sensitivity
    fsh_signal = occ(own_fsh * normal_fsh, re.fsh_half) / occ(normal_fsh, re.fsh_half)
    er = max(man.er_alpha_sensitivity * man.sertoli_er_alpha_sensitivity, man.er_beta_sensitivity)
    lack = max(0, occ(1, re.oestrogen_half, 2) - occ(u * er, re.oestrogen_half, 2))
    stem, cells, released = germ_line(signals, fsh_signal, lack, fluid(u, q)[1], q, whole_days)
    made = aromatase(size * lh**ly.aromatase_lh_exponent, cells, q) / q.reference.aromatase
    made *= shielded(t, t0, q.aromatase.testicular_km)
    inhibin = ih.floor + ih.fsh_gain * own_fsh / (ih.fsh_half + own_fsh)
    inhibin *= ih.base + (1 - ih.base) * called(cells, q) / called(q.reference.cells, q)
    sertoli = man.sertoli_number * math.exp(ti.sertoli_age_slope * older)
    return SimpleNamespace(
        secretion=secretion,
        testosterone=t,
        made=made,
        oestradiol=(1 - ti.blood_oestradiol_entry) * made + ti.blood_oestradiol_entry * e,
        inhibin=inhibin * man.inhibin_capacity * sertoli,
        adhesion=signals[1],
        stem=stem,
        cells=cells,
        released=released * ti.sertoli_per_man * sertoli / 1e6,
    )


def fluid(u, q):
    """Return the rete fluid that is left, relative, and its pressure (D2, D3)."""
    tr, man = q.tract, q.man
    ligand = tr.reabsorption_ligand_free + (1 - tr.reabsorption_ligand_free) * min(1, rel(u, tr.reabsorption_er_half))
    signal = ligand * min(1, man.er_alpha_sensitivity * man.tract_er_alpha_sensitivity)

    def left(r):
        return (1 - tr.reabsorption * (1 - tr.reabsorption_er_share * (1 - r))) / (1 - tr.reabsorption)

    return left(signal), max(0, left(signal) - tr.harmless_fluid) / (left(0) - tr.harmless_fluid)


def semen(released, androgen, u, adhesion, days, q):
    """Return volume (mL), sperm (million) and shares (%) of one of the ejaculates of a man with so many days between them (D4 to D9)."""
    tr, man = q.tract, q.man
    older, heavier, left = man.age - q.axis.age_reference, man.bmi - q.axis.bmi_reference, fluid(u, q)[0]
    z = androgen * man.androgen_sensitivity * man.tract_androgen_sensitivity
    er = man.er_alpha_sensitivity * man.tract_er_alpha_sensitivity
    glands = rel(z, tr.volume_androgen_half, tr.volume_androgen_exponent)
    volume = tr.volume_reference + tr.volume_slope * (min(max(days, tr.volume_slope_from), tr.volume_slope_until) - 3)
    volume -= tr.volume_slope_early * max(0, tr.volume_slope_from - days)
    volume *= man.gland_volume * glands
    volume *= math.exp(tr.volume_age_slope * older + tr.volume_bmi_slope * heavier)
    shaped = 1 - min(1, adhesion)
    motility = tr.motility_reference * man.motility * math.exp(tr.motility_age_slope * older)
    motility *= rel(z, tr.motility_androgen_half) * min(1, rel(u * er, tr.motility_oestrogen_half))
    motility *= (1 - tr.motility_elongation_share * shaped) / (1 + tr.fluid_maturation_loss * (left - 1))
    late = tr.motility_abstinence_slope * max(0, days - tr.motility_abstinence_from)
    normal = tr.morphology_reference * man.morphology * math.exp(tr.morphology_age_slope * older)
    normal *= 1 - tr.morphology_androgen_share * shaped
    # The engine looks six ejaculates back.
    count = days * (1 - (1 - tr.ejaculated) ** 6) * released * tr.collected * man.duct_patency * min(1, glands)
    return (
        max(0.3, volume) + tr.fluid_volume * man.duct_patency * (left - 1),
        count,
        100 * (count > 0) * max(0, min(0.95, motility) + late),
        100 * (count > 0) * min(0.6, normal),
        100 * (count > 0) * tr.dna_fragmentation * (1 + tr.dna_fragmentation_abstinence_slope * (days - 3)),
    )


def solve(asked, start):
    """Return the levels at which what is `asked` of them is what they are: Newton's method on logarithms, in short steps."""
    z = np.log(start)

    def missing(at):
        return np.log(np.maximum(asked(*np.exp(at)), 1e-12)) - at

    for _ in range(400):
        here = missing(z)
        if abs(here).max() < 1e-11:
            return np.exp(z).tolist()
        slopes = np.array([(missing(z + 1e-6 * side) - here) / 1e-6 for side in np.eye(len(z))]).T
        step = np.linalg.solve(slopes, -here)
        z = z + step * min(1, 1 / abs(step).max())
    raise SystemExit("no steady state found")


def steady_state(own, whole_days=True, abstinence=3.0):
    """Return the untreated levels of a man whose `own` fields (`bmi`) and numbers of the model (`axis.lh_floor`) are not those of the tables."""
    q = numbers(own)
    if abstinence > q.tract.reserve_days:
        raise SystemExit(f"{abstinence:g} days of abstinence: beyond reserve_days these equations do not hold")

    def asked(x, e, b, u):
        lh, fsh, *_ = body(x, e, b, q)
        there = testis(lh, fsh, x, e, u, q, whole_days)
        return *production(x, there.secretion, there.made, q), there.inhibin, there.oestradiol

    # From far off: the reference man is a result and not a start.
    x, e, b, u = solve(asked, (0.6, 0.7, 0.8, 0.7))
    lh, fsh, shbg, total, androgen = body(x, e, b, q)
    there = testis(lh, fsh, x, e, u, q, whole_days)
    volume, count, motility, normal, broken = semen(there.released, androgen, u, there.adhesion, abstinence, q)
    return {
        "lh_iu_l": lh * q.axis.lh_reference,
        "fsh_iu_l": fsh * q.axis.fsh_reference,
        "testosterone_nmol_l": total,
        "free_testosterone_nmol_l": x * q.reference.free,
        "oestradiol_pmol_l": e * q.axis.oestradiol_reference,
        "shbg_nmol_l": shbg,
        "inhibin_b_pg_ml": b * q.axis.inhibin_b_reference,
        "intratesticular_testosterone_nmol_l": there.testosterone * q.tissue.intratesticular_testosterone_reference,
        "intratesticular_oestradiol_nmol_l": u * q.tissue.intratesticular_oestradiol_reference,
        "a_pale_per_sertoli": there.stem["a_pale"],
        "a_dark_per_sertoli": there.stem["a_dark"],
        "germ_per_sertoli": sum(there.stem.values()) + sum(there.cells.values()),
        "released_million": there.released,
        "volume_ml": volume,
        "total_count_million": count,
        "concentration_million_ml": count / volume,
        "progressive_motility_pct": motility,
        "normal_forms_pct": normal,
        "dna_fragmentation_pct": broken,
    }


if __name__ == "__main__":
    given = dict(word.split("=") for word in sys.argv[1:])
    for name, value in steady_state({name: float(value) for name, value in given.items()}).items():
        print(f"{name:<38} {value:.4g}")
