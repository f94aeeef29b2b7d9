"""The steady state of an untreated man, rebuilt from the equations of docs/odd.md and the tables of numbers, with nothing of testis_abm.

python examples/reference_man.py prints the reference man; python examples/reference_man.py gnrh_drive=0.6 bmi=33 another.
"""

from __future__ import annotations

import math
import sys
import tomllib
from pathlib import Path

from scipy.optimize import fsolve

TABLES = Path(__file__).resolve().parents[1] / "testis_abm" / "parameters"
TYPES = ("b_spermatogonium", "preleptotene", "leptotene", "zygotene", "pachytene", "diplotene")
TYPES += ("secondary_spermatocyte", "round_spermatid", "elongating_spermatid", "elongated_spermatid")
DAUGHTERS = dict.fromkeys(TYPES, 1) | {"b_spermatogonium": 2, "diplotene": 2, "secondary_spermatocyte": 2}
# Fields of a man that enter here; the engine has more (lesions, injuries, immaturity).
OWN = {
    "age",
    "bmi",
    "gnrh_drive",
    "androgen_feedback",
    "oestrogen_feedback",
    "leydig_capacity",
    "sertoli_number",
    "inhibin_capacity",
    "adipose_aromatase",
    "testicular_aromatase",
    "leydig_aromatase",
    "sertoli_aromatase",
    "spermatocyte_aromatase",
    "spermatid_aromatase",
    "elongated_aromatase",
    "shbg_production",
    "androgen_sensitivity",
    "sertoli_androgen_sensitivity",
    "tract_androgen_sensitivity",
    "fsh_sensitivity",
    "er_alpha_sensitivity",
    "sertoli_er_alpha_sensitivity",
    "tract_er_alpha_sensitivity",
    "er_beta_sensitivity",
    "fsh_secretion",
    "duct_patency",
    "gland_volume",
}


def numbers():
    """Return every number of the model by dotted name, and a man's fields, all of the reference man."""
    rooms = {}
    for path in (TABLES / "model").glob("*.toml"):
        rooms |= tomllib.loads(path.read_text(encoding="utf-8"))
    model = {f"{room}.{name}": entry["value"] for room, table in rooms.items() for name, entry in table.items()}
    fields = tomllib.loads((TABLES / "men.toml").read_text(encoding="utf-8"))["physiology"]
    return model, {name: entry["value"] for name, entry in fields.items()}


def feedback(level, a, n):
    """Return a brake: 1 at level 1."""
    return (1 + a) / (1 + a * level**n)


def saturating(drive, n, s):
    """Return what a lasting drive builds: 1 at drive 1."""
    return (1 + s) * drive**n / (s + drive**n)


def occupied(level, half, n=1.0):
    """Return the occupancy of a receptor."""
    return level**n / (half**n + level**n)


def free_of(total, shbg, q):
    """Return free testosterone (O1), nmol/L."""
    u, k = 1 + q["axis.albumin_binding"], q["axis.shbg_binding"]
    b = u + k * (shbg - total)
    return (math.sqrt(b * b + 4 * u * k * total) - b) / (2 * u * k)


def body(x, e, b, q, man):
    """Return LH and FSH (relative), SHBG and total testosterone of the blood (nmol/L), and androgen of the tract (B1 to B14)."""
    older, heavier = man["age"] - q["axis.age_reference"], man["bmi"] - q["axis.bmi_reference"]
    a = {name.removeprefix("axis."): value for name, value in q.items() if name.startswith("axis.")}
    free = x * a["free"]
    y = x * (a["five_alpha_km"] + a["free"]) / (a["five_alpha_km"] + free)
    rho = a["dihydrotestosterone_weight"]
    felt = max(e * man["er_alpha_sensitivity"] * man["oestrogen_feedback"], 1e-12)
    signal = (x + rho * y) / (1 + rho) * man["androgen_sensitivity"] * man["androgen_feedback"]
    signal *= max(felt, a["oestradiol_permission_least"]) ** a["oestradiol_permission"]
    phi = feedback(signal, a["testosterone_feedback_strength"], a["testosterone_feedback_exponent"])
    psi = feedback(felt, a["oestradiol_feedback_strength"], a["oestradiol_feedback_exponent"])
    lasting = min(max(phi * psi, a["memory_least"]), a["memory_most"])
    memory = lasting ** a["memory_exponent_low" if lasting < 1 else "memory_exponent_high"]
    own = man["gnrh_drive"] * math.exp(
        a["gnrh_bmi_slope"] * max(0, man["bmi"] - a["gnrh_bmi_from"]) + a["gnrh_age_slope"] * max(0, older)
    )
    share = a["oestradiol_pituitary_share"]
    h = own * memory * phi * psi ** (1 - share)
    d = h * psi**share
    n, s = a["gonadotroph_capacity_exponent"], a["gonadotroph_capacity_saturation"]
    lh = a["lh_floor"] + (1 - a["lh_floor"]) * saturating(d, n, s) * d
    eps = a["fsh_unpulsed_share"]
    z = (1 - eps) * saturating(h, n, s) * h
    z += eps * saturating(h, a["fsh_unpulsed_exponent"], a["fsh_unpulsed_saturation"])
    z *= feedback(felt, a["fsh_oestradiol_strength"], a["fsh_oestradiol_exponent"])
    z *= feedback(b, a["inhibin_feedback_strength"], a["inhibin_feedback_exponent"])
    z *= (1 + a["fsh_ceiling"]) / (a["fsh_ceiling"] + z)
    fsh = man["fsh_secretion"] * (a["fsh_floor"] + (1 - a["fsh_floor"]) * z)
    w = a["blood_dihydrotestosterone_weight"]
    shbg = a["shbg_reference"] * man["shbg_production"]
    shbg *= math.exp(a["shbg_bmi_slope"] * heavier + a["shbg_age_slope"] * older)
    shbg *= max((x + w * y) / (1 + w), a["shbg_follows_from"]) ** a["shbg_androgen_exponent"]
    shbg *= max(e, a["shbg_follows_from"]) ** a["shbg_oestrogen_exponent"]
    total = free * (1 + a["albumin_binding"] + a["shbg_binding"] * shbg / (1 + a["shbg_binding"] * free))
    w = a["tract_dihydrotestosterone_weight"]
    return lh, fsh, shbg, total, (x + w * y) / (1 + w)


def entered(androgen, fsh, q):
    """Return how many germ cells enter (G1)."""
    p0, pa = q["germ.entry_alone"], q["germ.entry_androgen"]
    wanted = p0 + pa * androgen + (1 - p0 - pa) * fsh
    crowding = q["germ.room"] ** -4
    return wanted * ((1 + crowding) / (1 + crowding * wanted**4)) ** 0.25


def germ_line(meiosis, adhesion, release, fsh, lack, pressed, q, heavier=0.0):
    """Return stem cells and other germ cells by type per Sertoli cell, and sperm released per Sertoli cell and day (G1 to G8)."""
    days = {name: q[f"germ.{name}_days"] for name in TYPES}
    entry, fed = entered(adhesion, fsh, q), math.sqrt(entered(1.0, fsh, q))
    commitment = min(1, q["germ.commitment"] * math.sqrt(entry) / fed)

    def short(signal):
        return max(0, 1 - signal)

    prophase = TYPES[1:6]
    root = math.sqrt(entry)
    losses = (
        (TYPES[:1], max(0, -math.log(1 - q["germ.spermatogonial_loss"]) + 2 * (1 - root) / (1 + root))),
        (prophase, -math.log(1 - q["germ.prophase_loss"])),
        (
            TYPES[6:7],
            -math.log(1 - q["germ.meiotic_loss"])
            - q["tissue.heat_bmi_slope"] * heavier
            + q["germ.meiosis_deprivation"] * short(meiosis),
        ),
        (TYPES[7:8], -math.log(1 - q["germ.round_spermatid_loss"])),
        (TYPES[7:9], q["germ.adhesion_deprivation"] * short(adhesion)),
        (TYPES[8:], -math.log(1 - q["germ.elongation_loss"]) + q["germ.oestrogen_lack"] * lack),
        (TYPES[1:], q["tract.back_pressure_loss"] * pressed**2),
    )
    hazard = dict.fromkeys(TYPES, 0.0)
    for types, cumulative in losses:
        for name in types:
            hazard[name] += cumulative / sum(days[each] for each in types)
    pale = q["germ.a_pale_per_niche"] * fed / (1 + 3.5 * q["germ.stem_cell_loss"])
    born = pale * (1 - q["germ.stem_cell_loss"]) * (1 - commitment * q["niche.used"]) * q["niche.refill"]
    stem = {"a_pale": pale, "a_dark": born / (born / q["niche.a_dark_room"] + q["niche.dark_loss"])}
    flux, cells = 2 * pale * commitment / q["germ.cycle_days"], {}
    for name in TYPES:
        survival = math.exp(-hazard[name] * days[name])
        cells[name] = flux * ((1 - survival) / hazard[name] if hazard[name] else days[name])
        flux *= survival * DAUGHTERS[name]
    alone = q["germ.spermiation_alone"]
    return stem, cells, flux * min(1, q["germ.spermiation"] * (alone + (1 - alone) * min(1, release)))


def food(cells):
    """Return pachytene spermatocytes to round spermatids, and the part that has been through the first division."""
    divided = cells["secondary_spermatocyte"] + cells["round_spermatid"]
    every = cells["pachytene"] + cells["diplotene"] + divided
    return every, divided / every


def activities(cells, q, man):
    """Return the aromatase of Leydig, Sertoli and germ cells per Sertoli cell, fmol/h per million."""
    germ, a = q["aromatase.germ_cell_expression"], man["testicular_aromatase"]
    meiotic = sum(cells[name] for name in TYPES[1:7])
    return (
        q["tissue.leydig_per_sertoli"] * q["aromatase.leydig_activity"] * a * man["leydig_aromatase"],
        q["aromatase.sertoli_activity"] * q["aromatase.sertoli_expression"] * a * man["sertoli_aromatase"],
        germ * a * q["aromatase.spermatocyte_activity"] * meiotic * man["spermatocyte_aromatase"]
        + germ * a * q["aromatase.spermatid_activity"] * cells["round_spermatid"] * man["spermatid_aromatase"]
        + germ
        * a
        * q["aromatase.elongated_activity"]
        * (cells["elongating_spermatid"] + cells["elongated_spermatid"])
        * man["elongated_aromatase"],
    )


def testis(lh, fsh, x, e, pressed, q, man):
    """Return what the testes make of relative LH, FSH, free T and E2 of the blood (L1 to L4, S1 to S4, G1 to G7)."""
    older, heavier = max(0, man["age"] - q["axis.age_reference"]), man["bmi"] - q["axis.bmi_reference"]
    sat, basal = q["leydig.lh_saturation"], q["leydig.basal_secretion"]
    leydig = man["leydig_capacity"] * max(0.2, 1 - q["tissue.leydig_attrition"] * older)
    capacity = leydig * lh ** q["leydig.trophic_exponent"]
    secretion = capacity * (basal + (1 - basal) * (1 + sat) * lh / (sat + lh))
    t_ref = q["tissue.intratesticular_testosterone_reference"] * q["tissue.testosterone_free_fraction"]
    entry = q["tissue.blood_testosterone_entry"]
    t = (1 - entry) * secretion + entry * x
    sensed, half, n = (
        t * t_ref * man["androgen_sensitivity"] * man["sertoli_androgen_sensitivity"],
        q["receptor.androgen_half"],
        q["receptor.androgen_exponent"],
    )

    def androgen(ratio):
        return occupied(sensed, half * ratio, n) / occupied(t_ref, half * ratio, n)

    felt_fsh = occupied(fsh * q["axis.fsh_reference"] * man["fsh_sensitivity"], q["receptor.fsh_half"])
    felt_fsh /= occupied(q["axis.fsh_reference"], q["receptor.fsh_half"])
    signals = androgen(q["receptor.meiosis_half_ratio"]), androgen(1.0), androgen(q["receptor.spermiation_half_ratio"])
    normal = germ_line(1, 1, 1, 1, 0, 0, q)[1]
    km = q["aromatase.testicular_km"]
    # Aromatase acts over what the reference tissue makes, whose A-pale are all there.
    whole = sum(
        activities(
            {name: of * (1 + 3.5 * q["germ.stem_cell_loss"]) for name, of in normal.items()}, q, dict.fromkeys(man, 1.0)
        )
    )
    e_entry, local = q["tissue.blood_oestradiol_entry"], 1.0
    for _ in range(50):  # lack of oestrogen costs germ cells, and these make oestradiol
        level = local * max(
            man["er_alpha_sensitivity"] * man["sertoli_er_alpha_sensitivity"], man["er_beta_sensitivity"]
        )
        he = q["receptor.oestrogen_half"] ** 2
        lack = max(0, he / (he + level**2) - he / (he + 1))
        stem, cells, released = germ_line(*signals, felt_fsh, lack, pressed, q, heavier)
        sites = activities(cells, q, man)
        shielded = t * t_ref / (km + t * t_ref) * (km + t_ref) / t_ref
        sites = (sites[0] * leydig * lh ** q["leydig.aromatase_lh_exponent"], *sites[1:])
        e2 = shielded * sum(sites) / whole
        local = (1 - e_entry) * e2 + e_entry * e
    called, divided = food(cells)
    reference, was_divided = food(normal)
    fed, half = called / reference, q["inhibin.germ_half"]
    clone = q["inhibin.germ_clone"] / 9 / reference

    def uneven(level, size):
        return half + level + half * size / (half + level)

    most = uneven(1.0, clone * (1 + was_divided))
    share, rel = 1 - q["inhibin.base"], fsh * man["fsh_sensitivity"]
    inhibin = q["inhibin.floor"] + q["inhibin.fsh_gain"] * rel / (q["inhibin.fsh_half"] + rel)
    inhibin *= 1 - share + share * most * fed / uneven(fed, clone * (1 + divided))
    sertoli = man["sertoli_number"] * math.exp(q["tissue.sertoli_age_slope"] * older)
    return {
        "secretion": secretion,
        "testosterone": t,
        "made": e2,
        "oestradiol": local,
        "inhibin": inhibin * man["inhibin_capacity"] * sertoli,
        "stem": stem,
        "cells": cells,
        "released": released * q["tissue.sertoli_per_man"] * sertoli / 1e6,
    }


def steady_state(**own):
    """Return the untreated levels of a man (fields of men.toml that are his own)."""
    q, man = numbers()
    if strangers := set(own) - OWN:
        raise SystemExit(
            f"not among what may be his own here: {', '.join(sorted(strangers))}; these are: {', '.join(sorted(OWN))}"
        )
    man |= own
    free = free_of(q["axis.testosterone_reference"], q["axis.shbg_reference"], q)
    q["axis.free"] = free
    share_t, share_e = q["axis.testicular_testosterone_share"], q["axis.testicular_oestradiol_share"]
    older, heavier = man["age"] - q["axis.age_reference"], man["bmi"] - q["axis.bmi_reference"]
    adrenal = math.exp(
        q["axis.adrenal_age_slope"] * older
        + q["axis.adrenal_bmi_slope"] * min(heavier, q["axis.adrenal_bmi_most"] - q["axis.bmi_reference"])
    )
    fat = man["adipose_aromatase"] * math.exp(
        q["axis.peripheral_aromatase_bmi_slope"] * heavier + q["axis.peripheral_aromatase_age_slope"] * older
    )
    km, precursor = q["axis.peripheral_aromatase_km"], q["axis.adrenal_oestradiol_share"]

    def pressed(local):  # fluid that the ductules leave, and its pressure (D2, D3)
        ligand = occupied(local, q["tract.reabsorption_er_half"]) / occupied(1, q["tract.reabsorption_er_half"])
        alone, er, most = (q[f"tract.reabsorption{name}"] for name in ("_ligand_free", "_er_share", ""))
        signal = (alone + (1 - alone) * min(1, ligand)) * min(
            1, man["er_alpha_sensitivity"] * man["tract_er_alpha_sensitivity"]
        )
        left, worst = (1 - most * (1 - er * (1 - signal))) / (1 - most), (1 - most * (1 - er)) / (1 - most)
        return left, max(0, left - q["tract.harmless_fluid"]) / (worst - q["tract.harmless_fluid"])

    def asked(levels):
        x, e, b, local = math.exp(levels[0]), max(levels[1], 0), max(levels[2], 0), max(levels[3], 0)
        lh, fsh, *_ = body(x, e, b, q, man)
        there = testis(lh, fsh, x, e, pressed(local)[1], q, man)
        made = share_t * there["secretion"] + (1 - share_t) * adrenal
        substrate = x * free / (km + x * free) * (km + free) / free
        e2 = share_e * there["made"] + (1 - share_e) * fat * ((1 - precursor) * substrate + precursor)
        return math.log(made / x), e2 - e, there["inhibin"] - b, there["oestradiol"] - local

    # From far off: the reference man is a result and not a start.
    found, _, fine, said = fsolve(asked, (math.log(0.6), 0.7, 0.8, 0.7), full_output=True, xtol=1e-12)
    if fine != 1:
        raise SystemExit(said)
    x, e, b, local = math.exp(found[0]), *found[1:]
    lh, fsh, shbg, total, tract = body(x, e, b, q, man)
    fluid, back = pressed(local)
    there = testis(lh, fsh, x, e, back, q, man)
    felt = tract * man["androgen_sensitivity"] * man["tract_androgen_sensitivity"]
    size = occupied(felt, q["tract.volume_androgen_half"], q["tract.volume_androgen_exponent"])
    size /= occupied(1, q["tract.volume_androgen_half"], q["tract.volume_androgen_exponent"])
    volume = q["tract.volume_reference"] * math.exp(q["tract.volume_age_slope"] * older) * man["gland_volume"]
    volume *= size * math.exp(q["tract.volume_bmi_slope"] * heavier)
    volume += q["tract.fluid_volume"] * (fluid - 1)
    collected = q["tract.collected"] * man["duct_patency"] * min(1, size)
    total_count = 3 * there["released"] * collected  # one ejaculate every three days empties what three days bring
    return {
        "lh_iu_l": lh * q["axis.lh_reference"],
        "fsh_iu_l": fsh * q["axis.fsh_reference"],
        "testosterone_nmol_l": total,
        "free_testosterone_nmol_l": x * free,
        "oestradiol_pmol_l": e * q["axis.oestradiol_reference"],
        "shbg_nmol_l": shbg,
        "inhibin_b_pg_ml": b * q["axis.inhibin_b_reference"],
        "intratesticular_testosterone_nmol_l": there["testosterone"]
        * q["tissue.intratesticular_testosterone_reference"],
        "intratesticular_oestradiol_nmol_l": local * q["tissue.intratesticular_oestradiol_reference"],
        "a_pale_per_sertoli": there["stem"]["a_pale"],
        "a_dark_per_sertoli": there["stem"]["a_dark"],
        "germ_per_sertoli": sum(there["stem"].values()) + sum(there["cells"].values()),
        "released_million": there["released"],
        "volume_ml": volume,
        "total_count_million": total_count,
        "concentration_million_ml": total_count / volume,
    }


if __name__ == "__main__":
    for name, value in steady_state(
        **{name: float(value) for name, value in (word.split("=") for word in sys.argv[1:])}
    ).items():
        print(f"{name:<38} {value:.4g}")
