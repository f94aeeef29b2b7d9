"""Print FSH and inhibin B by lesion beside published values, and sperm in semen and their retrieval by share of complete tubules.

python benchmarks/lesions.py [TUBULES]

With TUBULES, cells of a tissue of so many stand beside the mean-field man.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology import outcome
from testis_abm.man.mean_field import steady_state
from testis_abm.man.physiology import complete
from testis_abm.parameters import tubules
from testis_abm.scenario import Man

# Lesion -> the man, published inhibin B (pg/mL) and FSH (IU/L).
LESIONS: Mapping[str, tuple[Mapping[str, object], str, str]] = {
    "none": ({}, "170 (125-215)", "4"),
    "Sertoli cells only, complete": ({"germ_cell_endowment": 0}, "< 20-40", "20-31"),
    "preset Sertoli-cell-only": ({"preset": "sertoli_cell_only"}, "< 20-40", "21.7 (3.4)"),
    "stop before pachytene": ({"arrested_tubules": 1, "arrest_before": 6}, "low or nil", ""),
    "stop at meiosis": ({"arrested_tubules": 1, "arrest_before": 8}, "near normal", ""),
    "stop at round spermatids": ({"arrested_tubules": 1, "arrest_before": 10}, "near normal", "5.8 (3.8)"),
    "1 of 8 tubules live": ({"germ_cell_endowment": 0.125}, "in proportion", ""),
    "half of the tubules live": ({"germ_cell_endowment": 0.5}, "in proportion", ""),
    "hypospermatogenesis": ({"preset": "hypospermatogenesis"}, "near normal", ""),
    "obstruction": ({"preset": "obstructive_azoospermia"}, "175 (107)", "2-7"),
    "mixed atrophy": ({"preset": "mixed_atrophy"}, "29-121", "12-50"),
    "Klinefelter": ({"preset": "klinefelter"}, "< 20", "31 (22-42)"),
}
SHARES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 0.75, 1.0)


def by_cells(man: Mapping[str, object], size: int) -> tuple[float, float]:
    """Return inhibin B and FSH of a man whose tissue of `size` tubules lives a fortnight."""
    plan = {"baseline": "0 days", "duration": "14 days", "replicates": 1}
    run = ta.run(ta.load({"title": "lesion", "man": dict(man), "tissue": {"tubules": size}, "plan": plan}))
    mean = run.hormones[["inhibin_b_pg_ml", "fsh_iu_l"]].mean()
    return float(mean["inhibin_b_pg_ml"]), float(mean["fsh_iu_l"])


def hormones(size: int) -> None:
    """Print hormones by lesion."""
    values = complete(parameters.values())
    print(f"{'lesion':30s}{'inhibin B':>10s}{'FSH':>7s}" + (f"{'cells':>10s}{'':7s}" if size else "") + "   published")
    for name, (man, inhibin, fsh) in LESIONS.items():
        at = steady_state(values, Man(**man).physiology)
        line = f"{name:30s}{at['inhibin_b_pg_ml']:10.1f}{at['fsh_iu_l']:7.1f}"
        if size:
            line += "{:10.1f}{:7.1f}".format(*by_cells(man, size))
        print(f"{line}   {inhibin}; {fsh}")


def sperm() -> None:
    """Print sperm in semen and the chance to find some in the testis by share of complete tubules."""
    values = complete(parameters.values())
    print(
        f"\n{'complete, %':>12s}{'a section':>11s}{'M/mL':>10s}{'piece':>9s}{'conventional':>14s}{'micro-TESE, %':>15s}"
    )
    for share in SHARES:
        physiology = Man(germ_cell_endowment=share).physiology
        at = steady_state(values, physiology)
        shares, section = tubules.tubules(physiology), at["elongated_per_sertoli"] * values["outcome.section_sertoli"]
        one = outcome.yielding(tubules.passing(shares), at["elongated_per_sertoli"] / share if share else 0.0, values)
        found = [outcome.found(one, values[f"outcome.{way}_tubules"]) for way in outcome.WAYS]
        print(
            f"{100 * share:12.1f}{section:11.2f}{at['concentration_million_ml']:10.4f}"
            + "".join(f"{100 * chance:{wide}.1f}" for chance, wide in zip(found, (9, 14, 15), strict=True))
        )


if __name__ == "__main__":
    hormones(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    sperm()
