"""Write the tables of docs/injury.md from cells of the simulated testis, each beside what was published.

    python scripts/make_injury.py [--men 12]

What stands between `<!-- made: NAME -->` and `<!-- end -->` is made again, the text around it is kept. Some minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from statistics import NormalDist
from typing import Any

import numpy as np
import pandas as pd
from made_page import make, table

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology import outcome, steps
from testis_abm.experiments.outputs import COLUMNS, of_cells, of_expected
from testis_abm.experiments.task import version
from testis_abm.man.mean_field import ExpectedMan, steady_state
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.parameters import tubules
from testis_abm.results.report import number
from testis_abm.scenario import Man
from testis_abm.support.cores import each

PAGE = Path(__file__).resolve().parents[1] / "docs" / "injury.md"
MONTH, YEAR = 30.4375, 365.25  # days
SMALL = {"tubules": 6, "rows": 3}  # of what is whole or nearly so
WIDE = {"tubules": 6, "rows": 24}  # where few stem cells are left
FOCI = {"tubules": 8, "rows": 120}  # where single ones are: 23 mm of tubule
RARE = {"tubules": 8, "rows": 300}  # 56 mm
PRODUCTION = "daily_production_million_g"
MEN_DIFFER = 0.8  # SD of the log of a man's sensitivity to a course
SOME = 0.05  # of his own production: sperm in the ejaculate
SPREAD = 61  # days over which production is averaged


def case(insults: Sequence[Mapping[str, Any]], days: float, tissue: Mapping[str, int], **more: Any) -> Any:
    """Return a scenario of an injured man."""
    plan = {"baseline": "28 days", "duration": f"{round(days)} days", "replicates": 1}
    return ta.load({"title": "injury", "tissue": dict(tissue), "plan": plan, "insult": list(insults), **more})


class Life:
    """What a man of cells was every morning.

    Attributes:
        days: tissue, hormones and expected semen of every day, a row each; own: their means before the injury.
        clones: of stem cells that were alive at the end.
    """

    def __init__(self, of: Any, rng: int = 1) -> None:
        model = ta.TestisModel(of, rng=rng)
        model.run_for(of.plan.baseline_days + of.plan.duration_days)
        tables = (pd.DataFrame(model.records[name]).set_index("day") for name in ("tissue", "hormones"))
        self.days = pd.concat(tables, axis=1)
        self.semen = pd.DataFrame(model.records["semen"]).set_index("day")
        self.own = self.days.loc[:0].mean()
        self.model = model

    def share(self, column: str = PRODUCTION, window: int = SPREAD) -> pd.Series:
        """Return a quantity as a share of his own, the mean of `window` days around each."""
        return self.days[column].rolling(window, center=True, min_periods=1).mean() / self.own[column]


def lives(cases: Sequence[Any], rng: Sequence[int] | None = None) -> list[Life]:
    """Let men of cells live, on all cores."""
    seeds = rng or [1] * len(cases)
    return list(each(lambda pair: Life(*pair), list(zip(cases, seeds, strict=True))))


@cache
def _values() -> Any:
    return complete(parameters.values())


def mean_man(of: Any) -> ExpectedMan:
    """Take the mean-field man through a scenario."""
    treatment = Treatment(of)
    return treatment.follow(ExpectedMan(_values(), of.man.physiology, treatment.kinetics))


def mean_share(of: Any, days: Sequence[float]) -> np.ndarray:
    """Return daily production of the mean-field man on some days, share of his own."""
    man, place = mean_man(of), COLUMNS.index(PRODUCTION)
    start = of_expected(man, 0, of)[place]
    return np.array([of_expected(man, round(day), of)[place] / start for day in days])


def when(course: pd.Series, share: float, falls_first: float = 0.9) -> str:
    """Return the month on which a course is back at a share for good, after it has fallen; "-" if it never fell to it."""
    after = course.loc[1:]
    below = after[after < min(share, falls_first)]
    if below.empty:
        return "-"
    last = below.index[-1]
    return f"> {last / MONTH:.0f}" if last == after.index[-1] else f"{(last + 1) / MONTH:.0f}"


def percent(x: float) -> str:
    """Return a share in percent."""
    return "-" if not np.isfinite(x) else f"{100.0 * x:.0f}" if x >= 0.0095 or x == 0.0 else f"{100.0 * x:.1g}"


# ---- irradiation


DOSES: Mapping[str, tuple[Mapping[str, Any], float, Mapping[str, int], str]] = {
    "0.44 Gy": ({"dose": "0.44 Gy"}, 3.0, WIDE, "9-19 months (0.3-0.5 Gy); 4-9 M/mL at 3 months (Centola 1994)"),
    "1 Gy": ({"dose": "1 Gy"}, 4.0, WIDE, "9-18 months (Rowley 1974)"),
    "2.5 Gy": ({"dose": "2.5 Gy"}, 6.0, WIDE, "30 months (2-3 Gy)"),
    "5 Gy": ({"dose": "5 Gy"}, 12.0, FOCI, "60 months or more (4-6 Gy)"),
    "0.9 Gy in 25 fractions": ({"dose": "0.9 Gy", "fractions": 25}, 4.0, WIDE, "14-22 months; azoospermic for 5-6"),
    "1.5 Gy in 25 fractions": ({"dose": "1.5 Gy", "fractions": 25}, 5.0, WIDE, "partial, can be permanent"),
}


def irradiated() -> dict[str, list[str]]:
    """Return recovery by dose, and by month."""
    cases = [case([{"kind": "irradiation", **dose}], years * YEAR, tissue) for dose, years, tissue, _ in DOSES.values()]
    found = lives(cases)
    rows, courses = [], {}
    for (name, (_, years, _, told)), of, life in zip(DOSES.items(), cases, found, strict=True):
        share = life.share()
        courses[name] = life
        ends = np.arange(1.0, years * YEAR)
        mean = pd.Series(mean_share(of, ends), ends)
        pale = life.share("a_pale_per_sertoli", 15)
        fsh, inhibin = life.days["fsh_iu_l"], life.days["inhibin_b_pg_ml"]
        rows.append(
            (
                name,
                percent(share.loc[1:].min()),
                percent(pale.loc[round(4 * MONTH)]),
                " / ".join(when(share, level) for level in (SOME, 0.5, 0.8)),
                " / ".join(when(mean, level) for level in (SOME, 0.5, 0.8)),
                f"{fsh.max():.1f} (month {fsh.idxmax() / MONTH:.0f})",
                f"{inhibin.min():.0f}",
                told,
            )
        )
    head = (
        "dose to both testes",
        "lowest, %",
        "A-pale at 4 months, %",
        "months to 5 / 50 / 80 %, cells",
        "the same, mean field",
        "highest FSH, IU/L",
        "lowest inhibin B, pg/mL",
        "published",
    )
    months = (1, 2, 3, 4, 6, 9, 12, 18, 24, 30, 36, 48, 60)
    by_month = []
    for name, life in courses.items():
        row: list[object] = [name]
        for month in months:
            day = round(month * MONTH)
            if day not in life.days.index:
                row.append("")
                continue
            here = life.days.loc[day - 15 : day + 15].mean()
            row.append(
                f"{percent(here[PRODUCTION] / life.own[PRODUCTION])}; {here['fsh_iu_l']:.1f}; {here['inhibin_b_pg_ml']:.0f}"
            )
        by_month.append(row)
    return {
        "irradiation": table(head, rows),
        "irradiation by month": table(("production, %; FSH; inhibin B", *(f"month {k}" for k in months)), by_month),
    }


# ---- cytotoxics


COURSES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "BEP x 2": ({"regimen": "BEP", "courses": 2}, "mean count back at 12 months (Bujan 2013)"),
    "BEP x 4": ({"regimen": "BEP", "courses": 4}, "more than 2: not back at 24 months (Bujan 2013)"),
    "cisplatin x 3": ({"regimen": "cisplatin", "courses": 3}, ""),
    "cisplatin x 4": ({"regimen": "cisplatin", "courses": 4}, "sperm in 50 % at 2, 80 % at 5 years (Howell 2005)"),
    "cisplatin x 6": (
        {"regimen": "cisplatin", "courses": 6},
        "11 years, all treatments: 15 % none, 29 % low (Brydoy 2012)",
    ),
    "MOPP x 6": ({"regimen": "MOPP", "courses": 6}, "15 years: median 1.05 M/mL, inhibin B 17.5 pg/mL (van Beek 2007)"),
}


def with_foci(insults: Sequence[Mapping[str, Any]], days: float, rng: int) -> Life | None:
    """Let a man live in a tissue that is large enough to hold a focus; None if one in 56 mm of tubule is too many."""
    for tissue in (WIDE, FOCI, RARE):
        try:
            return Life(case(insults, days, tissue), rng)
        except ta.TestisError as error:
            if "too small to hold a focus" not in str(error):
                raise
    return None


def cytotoxic(men: int) -> dict[str, list[str]]:
    """Return who has sperm when after courses of cytotoxics; men differ in how sensitive they are."""
    sensitivity = [np.exp(MEN_DIFFER * NormalDist().inv_cdf((k + 0.5) / men)) for k in range(men)]
    rows = []
    years = (0.5, 1, 2, 5, 10)
    for name, (course, told) in COURSES.items():
        days = max(years) * YEAR + 200.0
        insults = [[{"kind": "cytotoxics", **course, "sensitivity": min(10.0, float(of))}] for of in sensitivity]
        end = 21.0 * (int(course["courses"]) - 1)
        at = [round(end + y * YEAR) for y in years]

        def lived(k: int, insults: Any = insults, at: Any = at, days: float = days) -> np.ndarray:
            life = with_foci(insults[k], days, k + 1)
            if life is None:
                return np.full((3, len(years)), np.nan)
            return np.array([life.share().loc[at], life.days["fsh_iu_l"].loc[at], life.days["inhibin_b_pg_ml"].loc[at]])

        found = np.array(each(lived, list(range(men))))
        shares = np.nan_to_num(found[:, 0])
        low = (shares[:, -1] >= SOME) & (shares[:, -1] < 0.25)
        fsh, inhibin = np.nanmean(found[:, 1:, years.index(5)], axis=0)
        rows.append(
            (
                name,
                " / ".join(percent((shares[:, k] >= SOME).mean()) for k in range(len(years))),
                " / ".join(percent(shares[:, k].mean()) for k in range(len(years))),
                percent(low.mean()),
                f"{fsh:.1f}; {inhibin:.0f}",
                told,
            )
        )
    head = (
        "courses",
        "men with sperm at 0.5 / 1 / 2 / 5 / 10 years, %",
        "mean production, % of own",
        "low at 10 years, % of men",
        "FSH, IU/L; inhibin B, pg/mL at 5 years",
        "published",
    )
    return {"cytotoxics": table(head, rows)}


# ---- fever


# Days before a sample on which its sperm were in these cells (Abdelhamid 2019: 12 d epididymis, 22 d spermiogenesis, 24 d meiosis).
DATED = {"spermiogenesis": (12.0, 34.0), "meiosis": (34.0, 58.0)}


def fever() -> dict[str, list[str]]:
    """Return a week of fever by week after it, against the same men without."""
    days, weeks, lasts = 120, range(1, 16), 5
    semen = {"semen": {"every": "1 day", "from": "day 0"}, "abstinence": "3 days"}
    sick = [{"kind": "fever", "days": lasts, "peak": "39 C"}]
    seeds = [1, 2, 3, 4]
    pairs = [case(of, days, WIDE, samples=semen) for of in (sick, []) for _ in seeds]
    found = lives(pairs, seeds * 2)
    quantities = {
        "expected_concentration_million_ml": "concentration, %",
        "expected_progressive_motility_pct": "motile share, %",
        "expected_normal_forms_pct": "normal forms, %",
        "expected_dna_fragmentation_pct": "DNA fragmentation, points",
    }
    index = found[0].semen.index
    # Days after the middle of the fever of those samples whose sperm were then in these cells.
    spans = [(first + lasts / 2.0, last + lasts / 2.0) for first, last in DATED.values()]
    spans += [(7.0 * (week - 1), 7.0 * week) for week in weeks]
    rows = []
    for column, name in quantities.items():
        with_, without = (np.mean([life.semen[column] for life in part], axis=0) for part in (found[:4], found[4:]))
        row: list[object] = [name]
        for first, last in spans:
            here = (index > first) & (index <= last)
            a, b = with_[here].mean(), without[here].mean()
            row.append(f"{a - b:+.1f}" if "points" in name else f"{100 * (a / b - 1):+.0f}")
        rows.append(row)
    head = ("against no fever", *(f"fever in {cells}" for cells in DATED), *(f"week {k}" for k in weeks))
    return {"fever": table(head, rows)}


# ---- varicocele


# Sensitivity of a man to a varicocele -> what is published.
VARICOCELES = {
    1.0: "adolescents, repaired against observed: +13.7 (-1.4 to 28.8) million/mL (PMC4814973)",
    4.0: "infertile men after repair: +9.6 million/mL, motility +8.7, normal forms +2.7, DNA -6.9 points (Birowo 2020)",
}


def varicocele() -> dict[str, list[str]]:
    """Return what a year of a varicocele does to semen, by grade and by how sensitive the man is (mean field)."""
    quantities = {
        "concentration_million_ml": "concentration, million/mL",
        "progressive_motility_pct": "motile sperm, points",
        "normal_forms_pct": "normal forms, points",
        "dna_fragmentation_pct": "DNA fragmentation, points",
    }
    rows = []
    for sensitivity, told in VARICOCELES.items():
        for grade in (1, 2, 3):
            of = case([{"kind": "varicocele", "grade": grade, "sensitivity": sensitivity}], YEAR, SMALL)
            man = mean_man(of)
            before, after = (np.array(of_expected(man, day, of)) for day in (0, round(YEAR) - 1))
            change = dict(zip(COLUMNS, after - before, strict=True))
            row = [f"{sensitivity:g}", grade, *(f"{change[column]:+.1f}" for column in quantities)]
            rows.append([*row, told if grade == 2 else ""])
    return {"varicocele": table(("sensitivity", "grade", *quantities.values(), "published"), rows)}


# ---- the niche


def fsh_and_stem_cells() -> dict[str, list[str]]:
    """Return stem cells and their daughters while FSH is held at twice its own, and at none."""
    days = (7, 16, 28, 60, 120)
    rows = []
    told = {
        "A-pale": "macaque on high FSH: 100 at 7 d, 131-200 at 16 d, 200 at 28 d (van Alphen 1988)",
        "A-dark": "100 throughout",
        "B spermatogonia": "160 at 16 d",
        "pachytene spermatocytes": "129 at 16 d (all spermatocytes)",
    }
    columns = dict(zip(told, ("a_pale", "a_dark", "b_spermatogonium", "pachytene"), strict=True))
    levels = {"2 x own": "2 x own", "none": "0 IU/L"}
    cases = [
        case([], 130, WIDE, clamp=[{"quantity": "FSH", "level": level}] if level else [])
        for level in (*levels.values(), None)
        for _ in range(3)
    ]
    found = lives(cases, [1, 2, 3] * 3)
    for j, level in enumerate(levels):
        for name, column in columns.items():
            row: list[object] = [level, name]
            for day in days:
                part = slice(day - 1, day + 1)
                a, b = (
                    np.mean([life.days[column].loc[part].mean() for life in of])
                    for of in (found[3 * j : 3 * j + 3], found[6:])
                )
                row.append(percent(a / b))
            rows.append([*row, told[name] if not j else ""])
    return {
        "stem cells under FSH": table(("FSH", "cells, % of control", *(f"day {d}" for d in days), "published"), rows)
    }


def founders(model: Any) -> set[int]:
    """Return the clones that have A-pale: those at rest do not drift."""
    cells = model.tissue.columns.germ
    rows = cells.rows()
    return {*cells.founder[rows[cells.step[rows] == steps.A_PALE]].tolist()}


def drift() -> dict[str, list[str]]:
    """Return how many clones of stem cells are left, and the square-root law."""
    cycles = (1, 2, 5, 10, 20, 40, 80, 160)
    rows: dict[str, list[object]] = {}
    for name, tissue in {
        "6 tubules of 24 rows of 26": WIDE,
        "60 tubules of 24 rows of 4": {"tubules": 60, "rows": 24, "sertoli_per_tubule": 4},
    }.items():
        of = case([], 16 * max(cycles), tissue)
        model = ta.TestisModel(of)
        model.run_for(28)
        model.mark_stem_clones()
        first, alive, done = founders(model), [], 0
        for cycle in cycles:
            model.run_for(16 * (cycle - done))
            done = cycle
            alive.append(len(first & founders(model)) / len(first))
        slope = np.polyfit(np.log(cycles[-4:]), np.log(alive[-4:]), 1)[0]
        rows[name] = [name, *map(percent, alive), f"{slope:.2f}"]
    head = (
        "clones of stem cells alive, %",
        *(f"{k} cycles" for k in cycles),
        "slope of the last four (law: -0.5 in one dimension, -1 in two)",
    )
    return {"drift": table(head, list(rows.values()))}


# ---- lesions


# Lesion -> the man, published inhibin B (pg/mL) and FSH (IU/L), tubules that hold it.
LESIONS: Mapping[str, tuple[Mapping[str, object], str, str, int]] = {
    "none": ({}, "170 (125-215)", "4", 24),
    "Sertoli cells only, complete": (
        {"germ_cell_endowment": 0},
        "< 20-40",
        "20-31; normal in 43 % (Bettocchi 1998)",
        24,
    ),
    "Sertoli-cell-only, rare tubules with germ cells": ({"preset": "sertoli_cell_only"}, "< 20-40", "21.7 (3.4)", 24),
    "stop before pachytene": ({"arrested_tubules": 1, "arrest_before": 6}, "low or nil", "", 24),
    "stop at meiosis": ({"arrested_tubules": 1, "arrest_before": 8}, "near normal", "", 24),
    "stop at round spermatids": ({"arrested_tubules": 1, "arrest_before": 10}, "near normal", "5.8 (3.8)", 24),
    "1 of 8 tubules live": ({"germ_cell_endowment": 0.125}, "in proportion", "", 160),
    "half of the tubules live": ({"germ_cell_endowment": 0.5}, "in proportion", "", 160),
    "hypospermatogenesis": ({"preset": "hypospermatogenesis"}, "near normal", "", 24),
    "obstruction": ({"preset": "obstructive_azoospermia"}, "175 (107)", "2-7", 24),
    "mixed atrophy": ({"preset": "mixed_atrophy"}, "29-121", "12-50", 160),
    "Klinefelter's syndrome": ({"preset": "klinefelter"}, "< 20", "31 (22-42)", 400),
}
FOCUS = 1.0  # mm
NORMAL_SECTION = 26  # late spermatids that a 5 um section shows (see stages)
SHARES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0)


def lesions() -> dict[str, list[str]]:
    """Return hormones, size and sections by lesion, of cells beside the mean-field man."""
    rows = []
    for name, (man, inhibin, fsh, many) in LESIONS.items():
        at = steady_state(_values(), Man(**man).physiology)
        model = ta.TestisModel(case([], 14, {"tubules": many, "rows": 2}, man=dict(man)))
        model.run_for(42)
        cells, scores = dict(zip(COLUMNS, of_cells(model), strict=True)), model.sections()
        johnsen = scores["johnsen_score"]
        rows.append(
            (
                name,
                f"{cells['fsh_iu_l']:.1f} / {at['fsh_iu_l']:.1f}",
                fsh,
                f"{cells['inhibin_b_pg_ml']:.0f} / {at['inhibin_b_pg_ml']:.0f}",
                inhibin,
                f"{cells['testis_volume_ml']:.0f}",
                f"{cells['amh_ng_ml']:.1f}",
                percent((scores["late_spermatids"] > 0).mean()),
                f"{johnsen.mean():.1f} (SD {johnsen.std():.1f})",
            )
        )
    head = (
        "lesion",
        "FSH, IU/L: cells / mean field",
        "published",
        "inhibin B, pg/mL: cells / mean field",
        "published",
        "volume of a testis, mL",
        "AMH, ng/mL",
        "sections with late spermatids, %",
        "Johnsen score of sections",
    )
    return {"lesions": table(head, rows)}


def retrieval() -> dict[str, list[str]]:
    """Return sperm in semen and the chance to find some in the testis by share of tubules with germ cells."""
    rows, whole = [], steady_state(_values(), Man().physiology)["elongated_per_sertoli"]
    for share in SHARES:
        physiology = Man(germ_cell_endowment=share).physiology
        at = steady_state(_values(), physiology)
        section = NORMAL_SECTION * at["elongated_per_sertoli"] / whole
        live = at["elongated_per_sertoli"] / share if share else 0.0
        one = outcome.yielding(tubules.passing(tubules.tubules(physiology)), live, _values())
        many = [_values()[f"outcome.{way}_tubules"] for way in outcome.WAYS]
        found = [outcome.found(one, of) for of in many]
        found.append(outcome.found(one, many[-1], _values()["outcome.looked_length"] / FOCUS))
        rows.append(
            (f"{100 * share:g}", f"{section:.1f}", f"{number(at['concentration_million_ml'])}", *map(percent, found))
        )
    head = (
        "tubules with germ cells, %",
        f"late spermatids a 5 um section, mean of all (normal {NORMAL_SECTION})",
        "sperm in semen, M/mL",
        *(
            f"found by {way}, %"
            for way in ("one piece (6 tubules)", "conventional extraction (30)", "microdissection (200)")
        ),
        f"the same where foci are {FOCUS:g} mm long, %",
    )
    return {"retrieval": table(head, rows)}


# ---- stages, and cells beside the mean


def stages() -> dict[str, list[str]]:
    """Return the stages that a section shows, by layout, and the frequencies of stages."""
    rows = []
    for layout, told in (("patches", "2 to 4 a section"), ("helix", "2 to 4 a section")):
        model = ta.TestisModel(case([], 16, {"tubules": 24, "rows": 12, "stages": layout}))
        each_section, by_stage = model.sections(), model.by_stage()
        shown = each_section["stages"].str.split().str.len()
        share = "  ".join(
            f"{row.stage} {row.niches_pct:.0f} ({row.cycle_pct:.0f})" for row in by_stage.itertuples(index=False)
        )
        johnsen = each_section["johnsen_score"]
        rows.append(
            (
                layout,
                f"{shown.mean():.1f}",
                percent(shown.between(2, 4).mean()),
                share,
                f"{each_section['late_spermatids'].mean():.0f} (SD {each_section['late_spermatids'].std():.0f})",
                f"{johnsen.mean():.1f} (SD {johnsen.std():.2f})",
                f"{told}; 17-35 mature spermatids (Silber 1997)",
            )
        )
    head = (
        "layout",
        "stages a section",
        "sections with 2 to 4, %",
        "niches by stage, % (days of the cycle, %)",
        "late spermatids a 5 um section",
        "Johnsen score",
        "published",
    )
    return {"stages": table(head, rows)}


GRAY: Mapping[str, Any] = {"kind": "irradiation"}
COMPARED: Mapping[str, tuple[Mapping[str, Any], float, Mapping[str, int]]] = {
    "at rest": ({}, 1, WIDE),
    "obese man, 180 days of anastrozole": (
        {"man": {"preset": "obese_low_t_e2"}, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]},
        180,
        WIDE,
    ),
    "16 weeks of testosterone enanthate": (
        {"therapy": [{"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days"}]},
        112,
        WIDE,
    ),
    "twice the FSH, day 40": ({"clamp": [{"quantity": "FSH", "level": "2 x own"}]}, 40, WIDE),
    "fever, day 28": ({"insult": [{"kind": "fever", "days": 5, "peak": "39.5 C"}]}, 28, WIDE),
    "1 Gy, month 9": ({"insult": [{**GRAY, "dose": "1 Gy"}]}, 9 * MONTH, WIDE),
    "2.5 Gy, month 18": ({"insult": [{**GRAY, "dose": "2.5 Gy"}]}, 18 * MONTH, WIDE),
    "5 Gy, month 48": ({"insult": [{**GRAY, "dose": "5 Gy"}]}, 48 * MONTH, FOCI),
    "mixed atrophy": ({"man": {"preset": "mixed_atrophy"}}, 1, {"tubules": 200, "rows": 2}),
    "Klinefelter's syndrome": ({"man": {"preset": "klinefelter"}}, 1, {"tubules": 400, "rows": 2}),
}
BESIDE = {
    "daily_production_million_g": "daily production",
    "concentration_million_ml": "concentration",
    "total_motile_count_million": "motile count",
    "a_pale_per_sertoli": "A-pale",
    "fsh_iu_l": "FSH",
    "inhibin_b_pg_ml": "inhibin B",
    "testosterone_nmol_l": "T",
}
SEEDS = (1, 2, 3)
_FAR = 0.1


def against_mean() -> dict[str, list[str]]:
    """Return outputs of cells over those of the mean-field man, in cases where averages suffice and where they do not."""
    rows = []
    for name, (more, days, tissue) in COMPARED.items():
        of = case(
            more.get("insult", []), days, tissue, **{key: value for key, value in more.items() if key != "insult"}
        )

        def lived(rng: int, of: Any = of) -> list[float]:
            model = ta.TestisModel(of, rng=rng)
            model.brief = True
            model.run_for(of.plan.baseline_days + of.plan.duration_days)
            return of_cells(model)

        cells = np.array(each(lived, list(SEEDS)))
        mean = dict(zip(COLUMNS, of_expected(mean_man(of), of.plan.duration_days, of), strict=True))
        row: list[object] = [name]
        for column in BESIDE:
            here, usual = cells[:, COLUMNS.index(column)], mean[column]
            if max(abs(usual), abs(here.mean())) < 1e-3 or not np.isfinite(usual):
                row.append("none" if np.isfinite(usual) else "not told")
                continue
            ratio = here.mean() / usual if usual > 0.0 else np.inf
            text = f"{number(float(here.mean()))} / {number(usual)}"
            row.append(f"**{text}**" if not 1.0 - _FAR < ratio < 1.0 + _FAR else text)
        rows.append(row)
    return {"cells against mean field": table(("cells / mean field", *BESIDE.values()), rows)}


# ---- put together


def main() -> None:
    """Work all parts out, or those that are named, and write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="of the page; all without any")
    parser.add_argument("--men", type=int, default=12, help="men who are given cytotoxics")
    given = parser.parse_args()
    makers: Mapping[str, Callable[[], dict[str, list[str]]]] = {
        "irradiation": irradiated,
        "cytotoxics": lambda: cytotoxic(given.men),
        "fever": fever,
        "varicocele": varicocele,
        "fsh": fsh_and_stem_cells,
        "drift": drift,
        "lesions": lesions,
        "retrieval": retrieval,
        "stages": stages,
        "mean": against_mean,
    }
    basis = f"Made by `make injury` (`scripts/make_injury.py`) with testis_abm {version()}."
    make(PAGE, basis, makers, given.parts)


if __name__ == "__main__":
    main()
