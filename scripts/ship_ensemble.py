"""Put the ensemble of a calibration into the package's sources, and its middle into the parameter tables: one model.

    python scripts/ship_ensemble.py CALIBRATION_FOLDER

The folder is that of `testis-abm calibrate --out CALIBRATION_FOLDER`. Its ensemble is checked before it replaces the old one.
Each parameter that calibration moves gets the weighted median of the sets that have the tables' answers to what the data do not
decide, to three figures; a drug that is a substance of another (enclomiphene) has its constant.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np

from testis_abm import parameters
from testis_abm.man.parameter_set import drugs_with, parameter_set
from testis_abm.parameters.table import FOLDER
from testis_abm.statistics import weighted_quantiles
from testis_abm.studies.calibrate import configuration
from testis_abm.studies.ensemble import FILE, Ensemble, read
from testis_abm.support import files
from testis_abm.support.errors import TestisError


def middle(ensemble: Ensemble) -> dict[str, float]:
    """Return the middle of each parameter that calibration moves, among the sets with the tables' answers."""
    usual = {name: of.default for name, of in parameters.hypotheses().items()}
    lacking = {
        name
        for of in parameters.hypotheses().values()
        if of.sperm_below is None
        for name in of.parameters - {*ensemble.sets.columns}
    }
    if lacking:
        raise TestisError(f"no column {', '.join(sorted(lacking))}: its sets answer no such question; calibrate again")
    sets = [ensemble[k] for k in range(len(ensemble))]
    alike = np.array([all(usual[name] == answer for name, answer in own.answers.items()) for own in sets])
    weights = ensemble.weights[alike]
    return {
        name: float(f"{weighted_quantiles(ensemble.sets[name].to_numpy()[alike], weights, (0.5,))[0]:.3g}")
        for name in configuration()["parameters"]
    }


def written(text: str, section: str, name: str, value: float) -> str:
    """Return a table with another value of a number of a section; KeyError if it holds none."""
    pattern = re.compile(
        rf"(^\[{re.escape(section)}\]\n(?:(?!\[).*\n)*?{re.escape(name)} = {{ value = )[^,]+", re.MULTILINE
    )
    changed, count = pattern.subn(lambda found: f"{found[1]}{value!r}", text)
    if count != 1:
        raise KeyError(f"[{section}] {name}")
    return changed


def changed_tables(values: dict[str, float]) -> dict[Path, str]:
    """Return the tables with other values, by path; KeyError if one of them is in no table."""
    tables: dict[Path, str] = {}
    drugs = drugs_with(parameter_set(values).of_drugs, parameters.drugs())
    for path in sorted((FOLDER / "model").glob("*.toml")):
        text = path.read_text(encoding="utf-8")
        for name, value in values.items():
            section, _, short = name.partition(".")
            if section != "drug" and f"[{section}]\n" in text:
                text = written(text, section, short, value)
        tables[path] = text
    text = (FOLDER / "drugs.toml").read_text(encoding="utf-8")
    for name in (name for name in values if name.startswith("drug.")):
        _, drug, short = name.split(".")
        for of in drugs[drug].substances:
            if short in of.numbers:
                value = float(f"{of.numbers[short].value:.3g}")
                for section in (drug, f"{drug}.substance.{of.name}", of.name):
                    if re.search(rf"^\[{re.escape(section)}\]\n(?:(?!\[).*\n)*?{short} = ", text, re.MULTILINE):
                        text = written(text, section, short, value)
    tables[FOLDER / "drugs.toml"] = text
    return tables


def main() -> None:
    """Check, copy, write."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1]) / FILE.name
    try:
        ensemble = read(source)
        # All of it is worked out before any of it is written.
        tables = {FILE: source.read_text(encoding="utf-8"), **changed_tables(middle(ensemble))}
        for path, text in tables.items():
            files.write(path, text)
    except TestisError as error:
        sys.exit(str(error))
    except KeyError as error:
        sys.exit(f"{error.args[0]}: no row of the tables has this number; nothing was written")
    print(f"{len(ensemble)} parameter sets in {FILE}; run scripts/make_validation.py, tests/golden.py and the tests")


if __name__ == "__main__":
    main()
