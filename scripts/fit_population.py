"""Fit the population of the infertility clinic to published quartiles and correlations; print what to put in the table.

    python scripts/fit_population.py [MEN]

Least squares on common random numbers, every number inside its range of parameters/model/population.toml. Targets:
Tradewell 2022 (n = 3497: quartiles of T, LH, FSH, concentration, share azoospermic) and correlations of inhibin B
(PMID 16764873, Pierik 1998).
"""

from __future__ import annotations

import sys

import numpy as np
from scipy.optimize import least_squares

from testis_abm import parameters
from testis_abm.population import Cohort, Population, draw
from testis_abm.quantities import TESTOSTERONE_NG_DL

FITTED = (
    "gnrh_drive_spread",
    "leydig_capacity_spread",
    "endowment_spread",
    "fsh_secretion_spread",
    "clinic_leydig_capacity",
    "clinic_gnrh_drive",
    "clinic_germ_cell_endowment",
    "clinic_commitment",
    "clinic_meiotic_completion",
    "clinic_meiotic_completion_spread",
    "quality_to_leydig",
    "quality_to_endowment",
    "quality_to_commitment",
    "quality_to_meiosis",
    "sertoli_cell_only_share",
)
# What is compared, published value, tolerance (log for quartiles of hormones, else as is).
TARGETS = {
    "T q1 (ng/dL)": (320.0, 0.05),
    "T median": (429.0, 0.03),
    "T q3": (547.0, 0.05),
    "LH q1 (IU/L)": (3.1, 0.07),
    "LH median": (4.5, 0.05),
    "LH q3": (6.2, 0.07),
    "FSH q1 (IU/L)": (3.4, 0.07),
    "FSH median": (5.7, 0.05),
    "FSH q3": (10.6, 0.07),
    "concentration median (M/mL)": (7.6, 0.1),
    "concentration q3": (23.8, 0.1),
    "azoospermic (%)": (22.5, 1.0),
    "under 0.2 M/mL (%)": (25.0, 1.0),
    "r inhibin B, FSH": (-0.75, 0.06),
    "r inhibin B, LH": (-0.52, 0.15),
    "r inhibin B, T": (0.40, 0.15),
    "r inhibin B, count": (0.48, 0.08),
    "r FSH, concentration": (-0.57, 0.08),
}


def statistics(cohort: Cohort) -> dict[str, float]:
    """Return what TARGETS names, of a cohort's first visit."""
    seen = cohort.measured[0]
    found: dict[str, float] = {}
    for name, series in (
        ("T", seen["testosterone_nmol_l"] * TESTOSTERONE_NG_DL),
        ("LH", seen["lh_iu_l"]),
        ("FSH", seen["fsh_iu_l"]),
        ("concentration", seen["concentration_million_ml"]),
    ):
        for label, value in zip(("q1", "median", "q3"), np.quantile(series, [0.25, 0.5, 0.75]), strict=True):
            found[next((key for key in TARGETS if key.startswith(f"{name} {label}")), f"{name} {label}")] = float(value)
    count = seen["concentration_million_ml"].to_numpy()
    found["azoospermic (%)"] = 100.0 * float((count <= 0.0).mean())
    found["under 0.2 M/mL (%)"] = 100.0 * float((count <= 0.2).mean())
    # Men without gonadotrophins are low in all of them; the correlations are those of the others.
    seen = seen[cohort.lesions != "hypogonadotropic"]
    inhibin, log = seen["inhibin_b_pg_ml"], np.log10(seen["concentration_million_ml"] + 0.1)
    for name, x, y in (
        ("r inhibin B, FSH", np.log(inhibin), np.log(seen["fsh_iu_l"])),
        ("r inhibin B, LH", inhibin, seen["lh_iu_l"]),
        ("r inhibin B, T", inhibin, seen["testosterone_nmol_l"]),
        ("r inhibin B, count", inhibin, log),
        ("r FSH, concentration", np.log(seen["fsh_iu_l"]), log),
    ):
        found[name] = float(np.corrcoef(x, y)[0, 1])
    return found


def residuals(found: dict[str, float]) -> np.ndarray:
    """Return how far each statistic is from its target, in tolerances."""
    far = []
    for name, (target, tolerance) in TARGETS.items():
        if name.startswith(("T ", "LH", "FSH ", "concentration")):
            far.append(np.log(max(found[name], 1e-3) / target) / tolerance)
        else:
            far.append((found[name] - target) / tolerance)
    return np.array(far)


def main() -> None:
    """Fit and print."""
    men = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    table = {name: parameters.load()[f"population.{name}"] for name in FITTED}
    values = parameters.values()

    def cohort(x: np.ndarray, n: int, seed: int) -> Cohort:
        own = values | {f"population.{name}": float(np.exp(v)) for name, v in zip(FITTED, x, strict=True)}
        return draw(Population.named("clinic", own), n, seed=seed, values=own)

    low = np.log([max(entry.low, 0.02) for entry in table.values()])
    high = np.log([entry.high for entry in table.values()])
    start = np.clip(np.log([max(entry.value, 0.03) for entry in table.values()]), low + 1e-6, high - 1e-6)
    fit = least_squares(
        lambda x: residuals(statistics(cohort(x, men, 1))), start, bounds=(low, high), diff_step=0.06, max_nfev=10
    )
    for name, v in zip(FITTED, fit.x, strict=True):
        print(f"{name:28s}{np.exp(v):8.3f}   was {table[name].value:g} ({table[name].low:g} to {table[name].high:g})")
    for name, value in statistics(cohort(fit.x, 3000, 2)).items():
        if name in TARGETS:
            print(f"{name:30s}{value:9.3f}   published {TARGETS[name][0]:g}")


if __name__ == "__main__":
    main()
