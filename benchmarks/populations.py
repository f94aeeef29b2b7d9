"""Print the virtual populations beside the published ones: quartiles, share azoospermic, sperm retrieval,
correlations, slopes on BMI and age.

python benchmarks/populations.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from table import near, row, show, within

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
from fit_population import TARGETS, statistics

from testis_abm import parameters
from testis_abm.man.physiology import complete
from testis_abm.population import Cohort, Population, draw
from testis_abm.population.cohort import labs, retrieval
from testis_abm.scenario import Man

MEN = 3497  # as many as Tradewell 2022
EMAS = {  # contrast with BMI under 25
    "T, BMI 25-30 (nmol/L)": -2.32,
    "T, BMI >= 30 (nmol/L)": -5.09,
    "free T, BMI 25-30 (pmol/L)": -17.6,
    "free T, BMI >= 30 (pmol/L)": -53.7,
}


def surgeons(clinic: Cohort) -> None:
    """Add microdissection: of men of the clinic in whom no sperm were counted, and of presets."""
    values = complete(parameters.values())
    chance = 100.0 * retrieval(clinic.men, clinic.true, values)[:, 0]
    none = (clinic.measured[0]["concentration_million_ml"] == 0.0).to_numpy() & ~np.isnan(chance)
    for lesion, low, high in (("sertoli_cell_only", 15.0, 41.0), ("maturation_arrest", 44.0, 75.0)):
        of = none & (clinic.lesions == lesion).to_numpy()
        within(f"clinic: sperm retrieval, {lesion.replace('_', ' ')}", chance[of].mean(), low, high, "%")
    of = none & (clinic.lesions != "obstruction").to_numpy()
    for whose, published in (("idiopathic", 48.7), ("all", 51.9)):
        near(f"clinic: sperm retrieval, not obstructive ({whose})", chance[of].mean(), published, "%", 0.1)
    for preset, low, high in (
        ("klinefelter", 29.8, 32.1),
        ("sertoli_cell_only", 15.0, 41.0),
        ("maturation_arrest", 44.0, 75.0),
    ):
        man = pd.DataFrame([Man(preset=preset).physiology])
        within(
            f"preset: sperm retrieval, {preset}",
            100.0 * retrieval(man, labs(man, values), values)[0, 0],
            low,
            high,
            "%",
        )


def main() -> None:
    """Draw both populations and print the table."""
    clinic = draw(Population.named("clinic"), MEN, seed=5)
    found = statistics(clinic)
    for name, (target, _) in TARGETS.items():
        close = abs(found[name] - target) <= (0.15 if name.startswith("r ") else 0.12 * target)
        row(f"clinic: {name}", f"{target:g}", f"{found[name]:.3g}", close)
    surgeons(clinic)
    men = draw(Population.named("community"), MEN, seed=6, assay="lc-ms")
    bmi, age = men.men["bmi"].to_numpy(), men.men["age"].to_numpy()
    lean, over, obese = bmi < 25, (bmi >= 25) & (bmi < 30), bmi >= 30
    t, free = men.true["testosterone_nmol_l"].to_numpy(), 1e3 * men.true["free_testosterone_nmol_l"].to_numpy()
    for (name, target), (level, group) in zip(
        EMAS.items(), ((t, over), (t, obese), (free, over), (free, obese)), strict=True
    ):
        value = level[group].mean() - level[lean].mean()
        row(f"community against EMAS: {name}", f"{target:g}", f"{value:.3g}", abs(value / target - 1) < 0.3)
    slope = np.polyfit(age, free, 1)[0]
    row("community against EMAS: free T by age (pmol/L a year)", "-3.12", f"{slope:.3g}", abs(slope / -3.12 - 1) < 0.3)
    lh = men.true["lh_iu_l"].to_numpy()
    change = lh[obese].mean() - lh[lean].mean()
    row("community against EMAS: LH, BMI >= 30 (IU/L)", "unchanged or lower", f"{change:.2g}", change <= 0.1)
    show()


if __name__ == "__main__":
    main()
