"""Print the model beside its targets: the reference man, suppression and recovery, anastrozole, speed, reproducibility.

    python benchmarks/reference_man.py [--quick]

Every figure comes from runs made here; a miss is printed as a miss.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from table import near, row, show, within
from timing import ROOT, command

import testis_abm as ta
from testis_abm.quantities import TESTOSTERONE_NG_DL

SCENARIOS = ROOT / "scenarios"


def weekly(frame: pd.DataFrame, column: str) -> np.ndarray:
    """Return the mean over replicates of each whole week."""
    daily = frame.groupby("day")[column].mean()
    weeks = len(daily) // 7
    return daily.to_numpy()[: weeks * 7].reshape(weeks, 7).mean(axis=1)


def drift(series: np.ndarray) -> float:
    """Return the change that a straight line through the weekly means makes over the whole span, %."""
    week = np.arange(len(series))
    slope = np.polyfit(week, series, 1)[0]
    return float(100 * slope * len(series) / series.mean())


def reference_man(replicates: int) -> None:
    """Two untreated years of the fertile man."""
    result = ta.run(
        SCENARIOS / "fertile_man.toml",
        overrides={"plan.duration": "730 days", "plan.replicates": replicates, "samples.semen": {"every": "1 week"}},
    )
    h, t, s = result.hormones, result.tissue, result.semen
    hm, tm, sm = h.mean(numeric_only=True), t.mean(numeric_only=True), s.mean(numeric_only=True)
    within("fertile: testosterone", hm.testosterone_nmol_l, 15, 21, "nmol/L")
    within("fertile: oestradiol", hm.oestradiol_pmol_l, 70, 110, "pmol/L")
    within("fertile: LH", hm.lh_iu_l, 3, 6, "IU/L")
    within("fertile: FSH", hm.fsh_iu_l, 3, 6, "IU/L")
    within("fertile: inhibin B", hm.inhibin_b_pg_ml, 120, 250, "pg/mL")
    within("fertile: intratesticular testosterone", hm.intratesticular_testosterone_nmol_l, 1200, 2500, "nmol/L")
    within("fertile: intratesticular oestradiol", hm.intratesticular_oestradiol_nmol_l, 4, 14, "nmol/L")
    within("fertile: sperm concentration", sm.expected_concentration_million_ml, 50, 90, "million/mL")
    within("fertile: semen volume", sm.expected_volume_ml, 3, 4.2, "mL")
    within("fertile: daily production", tm.daily_production_million_g, 4.5, 7, "million/g")
    within("fertile: meiotic loss", tm.meiotic_loss_pct, 40, 50, "%")
    within("fertile: Sc and Sd spermatids per Sertoli cell", tm.elongated_per_sertoli, 2, 5, "")
    cells = t[[c for c in t.columns if c in _steps()]].sum(axis=1)
    within("fertile: germ cells simulated", cells.mean(), 4000, 6000, "")
    for name, frame, column in (
        ("testosterone", h, "testosterone_nmol_l"),
        ("oestradiol", h, "oestradiol_pmol_l"),
        ("LH", h, "lh_iu_l"),
        ("FSH", h, "fsh_iu_l"),
        ("inhibin B", h, "inhibin_b_pg_ml"),
        ("intratesticular T", h, "intratesticular_testosterone_nmol_l"),
        ("sperm production", t, "daily_production_million_g"),
    ):
        series = weekly(frame, column)
        worst = 100 * np.abs(series / series.mean() - 1).max()
        row(
            f"drift over two years: {name}",
            "< 2 %",
            f"{drift(series):+.2f} %  (worst week {worst:.2f} %)",
            abs(drift(series)) < 2.0,
        )
    concentration = s.groupby("replicate")["expected_concentration_million_ml"]
    cv = float((concentration.std() / concentration.mean()).mean())
    row("sperm output of one default tissue, CV", "< 5 %", f"{100 * cv:.1f} %", cv < 0.05)


def _steps() -> tuple[str, ...]:
    from testis_abm.biology.steps import NAMES

    return NAMES


def crossing(day: np.ndarray, value: np.ndarray, level: float, start: float, up: bool) -> float:
    """Return the week after `start` at which the value first crosses `level` for good, by linear interpolation."""
    over = value >= level if up else value < level
    for k in range(1, len(day)):
        if day[k] > start and over[k] and not over[k - 1]:
            share = (level - value[k - 1]) / (value[k] - value[k - 1])
            return float((day[k - 1] + share * (day[k] - day[k - 1]) - start) / 7)
    return float("nan")


def suppression(replicates: int) -> None:
    """Testosterone enanthate 200 mg weekly for 26 weeks and recovery."""
    result = ta.run(
        SCENARIOS / "testosterone_contraception.toml",
        overrides={"plan.replicates": replicates, "samples.semen": {"every": "2 days"}},
    ).treated()
    h = result.hormones.groupby("day").mean(numeric_only=True)
    base = h[h.index < 0].mean()
    week3 = h.loc[21:23].mean() / base
    near("enanthate, week 3: LH", 100 * week3.lh_iu_l, 5, "% of baseline", 0.25)
    near(
        "enanthate, week 3: intratesticular T",
        100 * week3.intratesticular_testosterone_nmol_l,
        6,
        "% of baseline",
        0.25,
    )
    near("enanthate, week 12: inhibin B", 100 * (h.loc[77:84].mean() / base).inhibin_b_pg_ml, 75, "% of baseline", 0.1)
    s = result.semen.groupby("day")["expected_concentration_million_ml"].mean()
    day, value = s.index.to_numpy(float), s.to_numpy()
    for level, week in ((10, 6.8), (5, 8.7), (3, 10.0), (1, 13.0)):
        near(f"enanthate: sperm under {level} M/mL", crossing(day, value, level, 0, up=False), week, "weeks", 0.15)
    for level, week in ((3, 9.0), (5, 9.9), (10, 11.5), (20, 13.6)):
        near(
            f"after the last injection: over {level} M/mL",
            crossing(day, value, level, 175, up=True),
            week,
            "weeks",
            0.15,
        )
    plateau = 100 * s[s.index > 480].mean() / s[s.index <= 0].mean()
    near("after stopping: recovery plateau", plateau, 85, "% of baseline", 0.2)


def rescue(replicates: int) -> None:
    """Testosterone with hCG: sperm without FSH."""
    result = ta.run(SCENARIOS / "testosterone_plus_hcg.toml", overrides={"plan.replicates": replicates})
    s = result.semen[result.semen.day > 200].groupby("arm")["expected_concentration_million_ml"].mean()
    near("enanthate with hCG: sperm", 100 * s["treated"] / s["untreated"], 40, "% of control", 0.15)
    fsh = result.hormones[(result.hormones.arm == "treated") & (result.hormones.day > 200)].fsh_iu_l.mean()
    row("enanthate with hCG: FSH", "undetectable (< 0.5 IU/L)", f"{fsh:.2f} IU/L", fsh < 0.5)
    for dose, target in ((125, 0.75), (250, 0.93), (500, 1.26)):
        out = ta.run(
            SCENARIOS / "testosterone_plus_hcg.toml",
            overrides={
                "plan.replicates": 1,
                "plan.duration": "24 days",
                "therapy.2.dose": f"{dose} IU",
                "samples.biopsy": ["day 0"],
            },
        )
        h = out.hormones[out.hormones.day.between(20, 23)].groupby("arm")["intratesticular_testosterone_nmol_l"].mean()
        near(
            f"enanthate with hCG {dose} IU: intratesticular T", h["treated"] / h["untreated"], target, "x baseline", 0.2
        )


def shah(replicates: int) -> None:
    """Anastrozole in overweight hypogonadal men; the later values are not fitted."""
    result = ta.run(SCENARIOS / "obese_anastrozole.toml", overrides={"plan.replicates": replicates})
    daily = result.treated().hormones.groupby("day")["testosterone_nmol_l"].mean() * TESTOSTERONE_NG_DL
    near("Shah 2021: T before", daily.loc[-28:-1].mean(), 270.6, "ng/dL", 0.05)
    for day, observed in ((30, 480.4), (90, 460.7), (150, 412.0)):
        near(f"Shah 2021: T on day {day}", daily.loc[day], observed, "ng/dL", 0.15)


def digest(folder: Path) -> str:
    """Return a hash over all tables of a results folder."""
    found = hashlib.sha256()
    for table in sorted(folder.glob("*.parquet")):
        found.update(table.name.encode() + table.read_bytes())
    return found.hexdigest()


def speed_and_reproducibility() -> None:
    """Time the command, by CPU of all its processes; compare tables of two processes byte for byte."""
    scenario = str(SCENARIOS / "obese_anastrozole.toml")
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        bare = command("run", scenario, "--no-plots", "--out", str(place / "a"))
        full = command("run", scenario, "--out", str(place / "b"))
        row("testis-abm run, 8 pairs, without pictures", "< 4 s", str(bare), bare.cpu < 4)
        row("testis-abm run, 8 pairs, with pictures", "< 8 s", str(full), full.cpu < 8)
        peak = max(bare.peak, full.peak)
        row("peak memory of a process", "< 600 MB", f"{peak:.0f} MB", peak < 600)
        same = digest(place / "a") == digest(place / "b")
        row("same seed, other process", "same bytes", "same" if same else "different", same)
    asked = min((command("--help") for _ in range(3)), key=lambda cost: cost.cpu)
    row("testis-abm --help", "< 0.5 s", str(asked), asked.cpu < 0.5)


def main() -> None:
    """Run all parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two replicates instead of eight")
    replicates = 2 if parser.parse_args().quick else 8
    started = time.perf_counter()
    for part in (reference_man, shah, suppression, rescue):
        part(replicates)
    speed_and_reproducibility()
    show()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{time.perf_counter() - started:.0f} s on {os.cpu_count()} cores, {memory:.0f} MB")


if __name__ == "__main__":
    main()
