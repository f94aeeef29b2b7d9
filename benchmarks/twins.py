"""Match fifty made-up patients with zeros, missing and censored laboratory values, and predict a therapy of each.

python benchmarks/twins.py [--first 0] [--last 50]

A patient is measured once; then values are rounded as reports have them, left out, or written as "0" or "< limit". The
search must end with enough virtual patients, or say plainly that it has not, and its text must hold no collapse: no
interval without them.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
import pandas as pd
from table import row, show

from testis_abm import load, parameters
from testis_abm.biology.laboratory import Censored, Laboratory
from testis_abm.population import Population, draw, report
from testis_abm.population.cohort import labs, measure
from testis_abm.population.predict import changes, predict
from testis_abm.population.twin import MEASURES, Given, Twin, column, find
from testis_abm.scenario import Man

SEED, TREATED = 8, 40
WANTED = {
    "normal": 14,
    "few sperm": 14,
    "sertoli_cell_only": 7,
    "obstruction": 5,
    "maturation_arrest": 5,
    "hypogonadotropic": 5,
}
PLACES = {
    "t": 1,
    "e2": 0,
    "lh": 1,
    "fsh": 1,
    "inhibin_b": 0,
    "shbg": 0,
    "concentration": 1,
    "volume": 1,
    "motility": 0,
    "morphology": 0,
    "tmc": 1,
}
THERAPY = {
    "title": "x",
    "plan": {"duration": "90 days"},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}


def patients(rng: np.random.Generator) -> list[tuple[str, dict[str, Given]]]:
    """Return kind and laboratory values of each."""
    clinic = draw(Population.named("clinic"), 1500, seed=SEED)
    seen = clinic.measured[0]
    count, lesion = seen["concentration_million_ml"].to_numpy(), clinic.lesions.to_numpy()
    groups = {
        "normal": (lesion == "none") & (count >= 15.0),
        "few sperm": (lesion == "none") & (count < 15.0),
        **{name: lesion == name for name in ("sertoli_cell_only", "obstruction", "maturation_arrest")},
    }
    found = []
    for kind, of in groups.items():
        chosen = rng.choice(np.flatnonzero(of), WANTED[kind], replace=False)
        found += [(kind, clinic.men.iloc[k], seen.iloc[k]) for k in chosen]
    man = pd.Series(Man(preset="congenital_hypogonadotropic").physiology)
    men = pd.DataFrame([man.copy() for _ in range(WANTED["hypogonadotropic"])])
    men["gnrh_drive"] = rng.uniform(0.02, 0.3, len(men))
    values = parameters.values()
    visit = measure(labs(men, values), Laboratory(values), (SEED, 3))
    found += [("hypogonadotropic", men.iloc[k], visit.iloc[k]) for k in range(len(men))]
    return [(kind, reported(man, seen, rng)) for kind, man, seen in found]


def reported(man: pd.Series, seen: pd.Series, rng: np.random.Generator) -> dict[str, Given]:
    """Return what a report says of a visit: some values are missing, low ones are 0, "< limit" or what was read."""
    laboratory = Laboratory(parameters.values())
    given: dict[str, Given] = {}
    for name, places in PLACES.items():
        if rng.random() < (0.25 if name in ("t", "lh", "fsh", "concentration") else 0.6):
            continue
        value, limit = (
            round(float(seen[column(name, laboratory.assay)]), places),
            laboratory.limit(column(name, laboratory.assay)),
        )
        blood = name not in ("concentration", "volume", "motility", "morphology", "tmc")
        if np.isnan(value):
            value = 0.0
        given[name] = (0.0 if rng.random() < 0.5 else Censored(limit)) if blood and value < limit else value
    if not given:
        given["concentration"] = round(float(seen["concentration_million_ml"]), 1)
    return given | ({"bmi": round(float(man["bmi"]), 1)} if rng.random() < 0.7 else {})


def honest(found: Twin, text: str) -> bool:
    """Return whether a text gives intervals if, and only if, the men carry them."""
    says_so = "cannot be matched with enough virtual patients" in text
    return says_so != found.dependable and ("%)" in text) != says_so


def main() -> None:
    """Print a line a patient, and the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--last", type=int, default=sum(WANTED.values()))
    options = parser.parse_args()
    case, sizes, shapes, misfits, plain = load(THERAPY), [], [], 0, 0
    for number, (kind, given) in list(enumerate(patients(np.random.default_rng(SEED))))[options.first : options.last]:
        began = time.monotonic()
        found = find(given)
        text = report.matches(found, {})
        before, after = predict(found.sample(TREATED), case)
        moved = changes(before, after)["change_pct"]
        text += report.predicted(before, after, found.sample_lesions(TREATED), False, found.dependable)
        wrong = not honest(found, text) or "nan" in text or "inf " in text or np.isinf(moved).any()
        sizes.append(found.effective)
        shapes.append(found.pareto_k)
        misfits += bool(found.misfit)
        plain += not found.dependable
        words = ", ".join(
            f"{name} {value if isinstance(value, Censored) else format(value, 'g')}" for name, value in given.items()
        )
        print(
            f"{number:2d} {kind:18s} ESS {found.effective:6.0f}  k {found.pareto_k:5.2f}  "
            f"misfit {', '.join(f'{k} {z:+.1f}' for k, z in found.misfit.items()) or '-':22s} {time.monotonic() - began:5.1f} s  {words}",
            flush=True,
        )
        row(f"{number} {kind}", "intervals if, and only if, enough match", "wrong" if wrong else "right", not wrong)
    size, shape = np.array(sizes), np.array(shapes)
    print(
        f"\neffective sample size: least {size.min():.0f}, median {np.median(size):.0f}; Pareto k: median {np.median(shape):.2f}, most {shape.max():.2f}"
    )
    print(f"{plain} of {len(size)} said to be too rare; {misfits} with a value that no physiology explains\n")
    show()


if __name__ == "__main__":
    assert set(PLACES) <= set(MEASURES)
    main()
