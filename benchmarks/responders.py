"""Print who responds to anastrozole 1 mg daily for six months, preset by preset, and through which rate of the germ line.

python benchmarks/responders.py
"""

from __future__ import annotations

import numpy as np

import testis_abm as ta
from testis_abm import parameters
from testis_abm.body.assay import reported_oestradiol
from testis_abm.expected import COLUMNS, ExpectedMan
from testis_abm.expected.treat import Treatment
from testis_abm.physiology import complete
from testis_abm.results.attribution import attribute
from testis_abm.scenario import Man
from testis_abm.tissue.build import tissue_parameters

SIGNALS = {"androgen": "androgen", "oestrogen": "oestrogen", "fsh": "fsh_heard", "back_pressure": "back_pressure"}


def course(preset: str) -> tuple[dict[str, float], dict[str, float], str]:
    """Return a man's labs without and with six months of anastrozole, and the rate that moved most."""
    values = complete(parameters.values())
    man = Man(preset=preset)
    plan = {"duration": "180 days"}
    pill = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
    ends = []
    for therapy in ([], [pill]):
        of = Treatment(
            ta.load({"title": preset, "man": {"preset": preset}, "plan": plan, "therapy": therapy}), history=True
        )
        one = of.follow(ExpectedMan(values, man.physiology, of.drugs))
        row = dict(zip(COLUMNS, one.days[-28:].mean(axis=0), strict=True)) | one.semen(3.0)
        row["immunoassay"] = float(reported_oestradiol(row["oestradiol_pmol_l"], "immunoassay", values))
        ends.append(row)
    before, after = ends
    p, _ = tissue_parameters(values, man.physiology)
    table = attribute(*({name: row[column] for name, column in SIGNALS.items()} for row in ends), p)
    strongest = table.loc[table["output_change_pct"].abs().idxmax()]
    why = f"{strongest['rate']} {strongest['output_change_pct']:+.0f} %"
    return (
        before,
        after,
        why if before["released_million"] > 1e-9 or after["released_million"] > 1e-9 else "no germ cells to gain",
    )


def main() -> None:
    """Run all presets and print the table."""
    print(
        "anastrozole 1 mg daily, 6 months: untreated twin -> treated (expected values); T ng/dL, E2 pg/mL, sperm M/mL, TMC M"
    )
    head = ("preset", "T/LH", "T/E2*", "T", "E2", "E2*", "LH", "FSH", "ITT", "sperm", "TMC", "gain", "most through")
    print(
        f"{head[0]:31s}{head[1]:>6s}{head[2]:>6s}{head[3]:>12s}{head[4]:>11s}{head[5]:>11s}{head[6]:>10s}{head[7]:>12s}{head[8]:>7s}{head[9]:>13s}{head[10]:>14s}{head[11]:>8s}  {head[12]}"
    )
    for preset in parameters.presets():
        before, after, why = course(preset)
        t, e = before["testosterone_nmol_l"] * 28.84, before["immunoassay"] / 3.67

        def pair(name: str, factor: float = 1.0, digits: int = 0, a: dict = before, b: dict = after) -> str:
            return f"{a[name] * factor:.{digits}f}>{b[name] * factor:.{digits}f}"

        fold = after["intratesticular_testosterone_nmol_l"] / max(before["intratesticular_testosterone_nmol_l"], 1e-9)
        sperm, more = before["concentration_million_ml"], after["concentration_million_ml"]
        gain = f"{100 * (more / sperm - 1):+.0f} %" if sperm > 0.05 else "none" if more < 0.05 else "appears"
        ratio = t / before["lh_iu_l"] if before["lh_iu_l"] > 0.01 else np.inf
        print(
            f"{preset:31s}{ratio:6.0f}{t / e:6.1f}{pair('testosterone_nmol_l', 28.84):>12s}{pair('oestradiol_pmol_l', 1 / 3.67, 1):>11s}"
            f"{pair('immunoassay', 1 / 3.67):>11s}{pair('lh_iu_l', 1, 1):>10s}{pair('fsh_iu_l', 1, 1):>12s}{fold:6.1f}x"
            f"{pair('concentration_million_ml', 1, 1):>13s}{pair('total_motile_count_million', 1, 1):>14s}{gain:>8s}  {why}"
        )
    print("* as an andrology clinic's immunoassay reads it; gain: of sperm concentration")


if __name__ == "__main__":
    main()
