"""Print the main published effect of each of the drugs beside the model's, from runs made here.

    python benchmarks/drugs.py [DRUG ...]

The studies are in drugs.toml beside this file. A miss is printed as a miss.
"""

from __future__ import annotations

import sys
import time
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory

STUDIES = Path(__file__).with_suffix(".toml")
COLUMNS = {
    "testosterone": ("hormones", "testosterone_nmol_l", "nmol/L"),
    "oestradiol": ("hormones", "oestradiol_pmol_l", "pmol/L"),
    "LH": ("hormones", "lh_iu_l", "IU/L"),
    "FSH": ("hormones", "fsh_iu_l", "IU/L"),
    "SHBG": ("hormones", "shbg_nmol_l", "nmol/L"),
    "intratesticular testosterone": ("hormones", "intratesticular_testosterone_nmol_l", "nmol/L"),
    "sperm concentration": ("semen", "expected_concentration_million_ml", "M/mL"),
    "T/E2": ("hormones", "", ""),
}
FACTOR = 1.3
POINTS = 10.0  # percentage points within which "unchanged" is a hit


def run(study: dict[str, Any], therapy: list[dict[str, Any]]) -> ta.RunResult:
    """Run one arm of a study beside the untreated man."""
    days = study["days"]
    return ta.run(
        {
            "title": study["source"][:200],
            "man": study.get("man", {}),
            "tissue": {"tubules": 4},
            "plan": {"baseline": "7 days", "duration": f"{days} days", "replicates": 1, "seed": 1},
            "samples": {"blood": [], "semen": {"every": 7, "from": 0}},
            "therapy": therapy,
        }
    )


def course(result: ta.RunResult, arm: str, measure: dict[str, Any]) -> pd.Series:
    """Return a quantity of one arm on the days of the measure."""
    table, column, _ = COLUMNS[measure["what"]]
    rows = result.tables[table].query("arm == @arm").set_index("day")
    laboratory = Laboratory(parameters.values(), measure.get("assay", "lc-ms"))
    asked = {"oestradiol": laboratory.oestradiol, "T/E2": laboratory.ratio}.get(measure["what"])
    if asked:
        rows, column = rows.assign(**laboratory.by_assays(rows)), asked
    first, last = measure["day"]
    # A span is told by the mornings after its days.
    return rows.loc[min(first + 1, last) : last, column]


def predicted(measure: dict[str, Any], base: pd.Series, treated: pd.Series) -> float:
    """Return the model's number for a measure."""
    kind, own = measure["as"], float(base.mean())
    if kind == "level":
        return float(treated.mean())
    if kind == "difference":
        return float(treated.mean()) - own
    if kind == "change":
        return 100 * (float(treated.mean()) / own - 1)
    return 100 * float(treated.min() if kind == "lowest" else treated.max()) / own


def hit(measure: dict[str, Any], found: float) -> bool:
    """Return whether the model's number agrees with the published one."""
    if "low" in measure:
        return bool(measure["low"] <= found <= measure["high"])
    one, other = measure["observed"], found
    if measure["as"] == "change":
        if one == 0:
            return abs(other) <= POINTS
        one, other = 100 + one, 100 + other
    return bool(1 / FACTOR <= other / one <= FACTOR)


def unit(measure: dict[str, Any]) -> str:
    """Return the unit in which a measure is told."""
    if measure["as"] in ("level", "difference"):
        return COLUMNS[measure["what"]][2]
    return "%" if measure["as"] == "change" else "% of own"


def main() -> None:
    """Run every study and print the table."""
    started, lines, hits = time.perf_counter(), [], []
    studies = tomllib.loads(STUDIES.read_text(encoding="utf-8"))["study"]
    wanted = sys.argv[1:] or list(parameters.drugs())
    lacking = sorted(set(wanted) - {study["drug"] for study in studies})
    for study in (of for name in wanted for of in studies if of["drug"] == name):
        result = run(study, study["therapy"])
        other, arm = (run(study, study["base"]), "treated") if "base" in study else (result, "untreated")
        untreated = {name: result.untreated().hormones[COLUMNS[name][1]].mean() for name in ("testosterone", "LH")}
        own = f"his T {untreated['testosterone']:.1f} nmol/L, LH {untreated['LH']:.1f}"
        lines.append((f"{study['drug']}: {study['source']} [{own}]", "", "", ""))
        for measure in study["measure"]:
            found = predicted(measure, course(other, arm, measure), course(result, "treated", measure))
            good = hit(measure, found)
            hits.append(good)
            span = f" ({measure['low']:g} to {measure['high']:g})" if "low" in measure else ""
            said = f"{measure['observed']:g}{span} {unit(measure)}"
            days = "-".join(dict.fromkeys(map(str, measure["day"])))
            what = f"  {measure['what']}, day {days}" + (" (immunoassay)" if measure.get("assay") else "")
            lines.append((what, said, f"{found:.3g}", "hit" if good else "MISS"))
    print(f"{'':44s}{'published':>28s}{'model':>10s}")
    for what, said, found, verdict in lines:
        print(f"{what:44s}{said:>28s}{found:>10s}  {verdict}".rstrip() if said else what)
    print(f"\n{np.sum(hits)} of {len(hits)} hit")
    print(f"{time.perf_counter() - started:.0f} s", file=sys.stderr)
    if lacking:
        print("no study of:", ", ".join(lacking))


if __name__ == "__main__":
    main()
