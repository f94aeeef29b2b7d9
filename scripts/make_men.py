"""Write the tables of docs/men.md: how men's axis answers, how they recover, age and gain weight, each beside what was published.

    python scripts/make_men.py [PARTS] [--men 60]

Mean-field men. What stands between `<!-- made: NAME -->` and `<!-- end -->` is made again, the text around it is kept. Some
minutes on two cores.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from made_page import make, report, table

from testis_abm import parameters
from testis_abm.biology.pharmacology import Kinetics, doses_by_day
from testis_abm.experiments.task import version
from testis_abm.man.mean_field import ExpectedMan, steady_states
from testis_abm.man.physiology import complete
from testis_abm.population import Population, draw
from testis_abm.quantities import OESTRADIOL_PMOL_L, TESTOSTERONE_NG_DL
from testis_abm.support.cores import each

PAGE = Path(__file__).resolve().parents[1] / "docs" / "men.md"
MONTH = 30.4375  # days
WEEK = 7
ENANTHATE = "testosterone_enanthate"
COUNT, TESTICULAR = "concentration_million_ml", "intratesticular_testosterone_nmol_l"
SOUND = 15.0  # million/mL: volunteers are normozoospermic
NONE = 0.1  # million/mL, which counts as azoospermia

Plan = Sequence[tuple[float, str, float]]


@cache
def _values() -> Any:
    return complete(parameters.values())


def usual(**man: float) -> dict[str, float]:
    """Return the physiology of the reference man, but for some fields."""
    return {name: field.value for name, field in parameters.physiology().items()} | man


def every(drug: str, dose: float, days: float, until: float, since: float = 0.0) -> list[tuple[float, str, float]]:
    """Return doses on days `since`, `since + days`, ... before `until`."""
    return [(float(day), drug, dose) for day in np.arange(since, until, days)]


def lived(man: Mapping[str, float], plan: Plan, days: int) -> ExpectedMan:
    """Return a man after `days` of a plan."""
    drugs = parameters.drugs()
    kinetics = Kinetics.of([drugs[name] for name in dict.fromkeys(drug for _, drug, _ in plan)])
    found = ExpectedMan(_values(), man, kinetics)
    found.advance(doses_by_day(kinetics, plan, 0, days))
    return found


def of_own(man: ExpectedMan, column: str, first: int, last: int) -> float:
    """Return the mean of a column over some mornings, of his own level in %."""
    return 100.0 * float(man.days[column][first : last + 1].mean() / man.rest[column])


def short(value: float) -> str:
    """Return a number to two figures, without an exponent."""
    return f"{value:.0f}" if value >= 10.0 else f"{value:.2g}" if value >= 0.01 else "< 0.01"


def men_of(population: str, n: int, criterion: Callable[[Mapping[str, float]], bool], seed: int = 1) -> list[Any]:
    """Return men of a population and their sperm concentration, as far as they meet a criterion."""
    men = Population.named(population, _values())
    fields = men.fields(*men.hidden(n, np.random.default_rng(seed)))
    found = steady_states(_values(), fields)
    rows = [{name: float(column[i]) for name, column in fields.items()} for i in range(n)]
    levels = [{COUNT: float(found[COUNT][i])} for i in range(n)]
    return [(row, level[COUNT]) for row, level in zip(rows, levels, strict=True) if criterion(level)]


# ---- the axis


def steady_testosterone() -> dict[str, list[str]]:
    """Return what half a year of testosterone does to the reference man, by dose."""
    published = {
        25.0: "",
        50.0: "LH, FSH and sperm halved (Matsumoto 1990: 25 to 50 mg)",
        100.0: "LH and FSH 3 to 14 (Amory 2001), T 150; about half azoospermic",
        200.0: "LH 5, FSH 3 or less, ITT 6 at three weeks (Coviello 2005); T 250 (Wallace 1993)",
        300.0: "LH and FSH 3 to 14, T 300",
        600.0: "",
    }
    days = 182

    def one(dose: float) -> tuple[object, ...]:
        man = lived(usual(), every(ENANTHATE, dose, WEEK, days), days)
        first = days - 28
        columns = ("testosterone_nmol_l", "lh_iu_l", "fsh_iu_l", TESTICULAR)
        sperm = 100.0 * man.semen(3.0)[COUNT] / man.semen(3.0, 0)[COUNT]
        return (f"{dose:g} mg", *(short(of_own(man, name, first, days)) for name in columns), short(sperm))

    rows = [(*row, told) for row, told in zip(each(one, list(published)), published.values(), strict=True)]
    head = (
        "enanthate a week, % of own at 6 months",
        "T",
        "LH",
        "FSH",
        "intratesticular T",
        "concentration",
        "published",
    )
    return {"steady testosterone": table(head, rows)}


def castrate() -> dict[str, list[str]]:
    """Return levels under what castrates, by age and weight."""
    cases: dict[str, tuple[dict[str, float], Plan, int, str]] = {
        "goserelin, 34 years, day 112": (
            usual(),
            every("goserelin", 3.6, 28, 112),
            112,
            "T 44 (young men, Finkelstein 2016)",
        ),
        "leuprolide, 70 years, day 336": (
            usual(age=70.0, bmi=26.0),
            every("leuprolide", 7.5, 28, 336),
            336,
            "T 13 (Smith 2007)",
        ),
        "leuprolide, 70 years, BMI 34, day 336": (
            usual(age=70.0, bmi=34.0),
            every("leuprolide", 7.5, 28, 336),
            336,
            "T 1.8 times that of lean men (Smith 2007)",
        ),
        "degarelix, 70 years, day 3": (usual(age=70.0, bmi=26.0), [(0.0, "degarelix", 240.0)], 3, "T <= 50 in 96 %"),
        "degarelix, 70 years, day 364": (
            usual(age=70.0, bmi=26.0),
            [(0.0, "degarelix", 240.0), *every("degarelix", 80.0, 28, 364, 28.0)],
            364,
            "T 8.7 (SmPC)",
        ),
        "acyline, 34 years, day 7": (usual(), [(0.0, "acyline", 22.5)], 7, "intratesticular T 2 % (Roth 2013)"),
    }

    def one(name: str) -> tuple[object, ...]:
        who, plan, days, told = cases[name]
        man = lived(who, plan, days)
        now = man.days[-1]
        t = now["testosterone_nmol_l"] * TESTOSTERONE_NG_DL
        return (
            name,
            short(t),
            short(now["oestradiol_pmol_l"]),
            short(now["lh_iu_l"]),
            short(now["fsh_iu_l"]),
            short(of_own(man, TESTICULAR, days, days)),
            told,
        )

    head = ("castrate", "T, ng/dL", "E2, pmol/L", "LH, IU/L", "FSH, IU/L", "intratesticular T, % of own", "published")
    return {"castrate levels": table(head, list(each(one, list(cases))))}


# ---- recovery


class Recovered:
    """How a man came back after `weeks` of enanthate: days to a share of his own LH and sperm, and to 20 million/mL."""

    def __init__(
        self, man: Mapping[str, float], weeks: int, months: float, aid: Sequence[tuple[str, float, float]]
    ) -> None:
        last = weeks * WEEK
        days = last + round(months * MONTH)
        plan = every(ENANTHATE, 200.0, WEEK, last)
        for drug, dose, days_apart in aid:
            plan += every(drug, dose, days_apart, min(days, last + 182), float(last))
        found = lived(man, sorted(plan), days)
        self.own = found.semen(3.0, 0)[COUNT]
        mornings = list(range(last, days + 1, WEEK))
        count = np.array([found.semen(3.0, day)[COUNT] for day in mornings])
        lh = found.days["lh_iu_l"][last + 14 :] / found.rest["lh_iu_l"]
        self.lowest = count[:3].min()
        self.lh = _first(lh >= 0.8) + 14.0
        self.twenty = _first(count >= 20.0) * WEEK
        self.sperm = _first(count >= 0.85 * self.own) * WEEK
        t = found.days["testosterone_nmol_l"] / found.rest["testosterone_nmol_l"]
        self.testosterone = [float(t[min(days, last + day)]) for day in (90, 365)]


def _first(reached: np.ndarray) -> float:
    return float(reached.argmax()) if reached.any() else np.inf


def _quantiles(days: Sequence[float], unit: float) -> str:
    low, middle, high = np.quantile(np.array(days), (0.1, 0.5, 0.9), method="nearest") / unit
    return " / ".join("-" if not np.isfinite(x) else f"{x:.1f}" for x in (low, middle, high))


def recovery(men: int) -> dict[str, list[str]]:
    """Return recovery after enanthate by its duration, by age, by what is given after it, and by population."""
    volunteers = men_of("healthy", 2 * men, lambda level: level[COUNT] > SOUND)[:men]
    asian = men_of("asian", 2 * men, lambda level: level[COUNT] > SOUND)[:men]
    cases: dict[str, tuple[Sequence[Any], int, float, Sequence[tuple[str, float, float]], dict[str, float], str]] = {
        "12 weeks": (volunteers, 12, 18, (), {}, ""),
        "26 weeks": (
            volunteers,
            26,
            18,
            (),
            {},
            "20 M/mL at 13.6 weeks (Ly 2005); sperm back by a year in 94.8 % (Behre 2016)",
        ),
        "52 weeks": (volunteers, 52, 24, (), {}, ""),
        "156 weeks": (
            volunteers,
            156,
            36,
            (),
            {},
            "after years of abuse: LH 10.7, sperm 14.1 months, means (Shankara 2020)",
        ),
        "26 weeks, men of East Asia": (asian, 26, 18, (), {}, "azoospermic 91 % (others 60 to 70 %)"),
        "52 weeks, age 25": (volunteers, 52, 24, (), {"age": 25.0}, ""),
        "52 weeks, age 55": (volunteers, 52, 24, (), {"age": 55.0}, "slower with age (Kohn 2017)"),
        "52 weeks, then hCG 2000 IU twice a week": (volunteers, 52, 24, (("hcg", 2000.0, 3.5),), {}, ""),
        "52 weeks, then clomiphene 25 mg": (volunteers, 52, 24, (("clomiphene", 25.0, 1.0),), {}, ""),
        "52 weeks, then hCG and FSH 150 IU": (
            volunteers,
            52,
            24,
            (("hcg", 2000.0, 3.5), ("rfsh", 150.0, 7 / 3)),
            {},
            "",
        ),
    }
    rows = []
    for name, (who, weeks, months, aid, changed, told) in cases.items():
        report(name)
        found = each(
            lambda pair, changed=changed, weeks=weeks, months=months, aid=aid: Recovered(
                {**pair[0], **changed}, weeks, months, aid
            ),
            list(who),
        )
        rows.append(
            (
                name,
                f"{100.0 * np.mean([man.lowest < NONE for man in found]):.0f}",
                _quantiles([man.lh for man in found], MONTH),
                _quantiles([man.twenty for man in found], WEEK),
                _quantiles([man.sperm for man in found], MONTH),
                f"{100.0 * np.mean([man.sperm <= 365 for man in found]):.0f}",
                " / ".join(f"{100.0 * (np.mean([man.testosterone[k] for man in found]) - 1.0):+.0f}" for k in (0, 1)),
                told,
            )
        )
    head = (
        "after enanthate 200 mg a week",
        f"under {NONE:g} M/mL at the end, %",
        "LH to 80 % of own, months: 10th / median / 90th",
        "20 M/mL, weeks",
        "85 % of own sperm, months",
        "so by a year, %",
        "T at 90 / 365 days, %",
        "published",
    )
    return {"recovery": table(head, rows)}


# ---- age, weight, chance


_SHOWN = (
    "testosterone_nmol_l",
    "free_testosterone_nmol_l",
    "lh_iu_l",
    "fsh_iu_l",
    "inhibin_b_pg_ml",
    COUNT,
    "volume_ml",
)


def _at_rest(who: Sequence[Mapping[str, float]]) -> dict[str, np.ndarray]:
    return steady_states(_values(), {name: np.array([man[name] for man in who]) for name in who[0]})


def age() -> dict[str, list[str]]:
    """Return the reference man by decade."""
    decades = (25, 35, 45, 55, 65, 75)
    found = _at_rest([usual(age=float(years)) for years in decades])
    rows = [
        (
            f"{years} years",
            f"{found['testosterone_nmol_l'][k] * TESTOSTERONE_NG_DL:.0f}",
            f"{1e3 * found['free_testosterone_nmol_l'][k]:.0f}",
            f"{found['lh_iu_l'][k]:.1f}",
            f"{found['fsh_iu_l'][k]:.1f}",
            f"{found['inhibin_b_pg_ml'][k]:.0f}",
            f"{found[COUNT][k]:.0f}",
            f"{found['volume_ml'][k]:.1f}",
            f"{found['progressive_motility_pct'][k]:.0f}",
            f"{found['normal_forms_pct'][k]:.0f}",
        )
        for k, years in enumerate(decades)
    ]
    head = ("age", "T, ng/dL", "free T, pmol/L", "LH", "FSH", "inhibin B", "M/mL", "mL", "motile, %", "normal, %")
    return {"age": table(head, rows)}


def weight() -> dict[str, list[str]]:
    """Return the reference man by body mass index."""
    indices = (20, 24, 28, 32, 36, 42, 48)
    found = _at_rest([usual(bmi=float(bmi)) for bmi in indices])
    rows = [
        (
            f"{bmi}",
            f"{found['testosterone_nmol_l'][k] * TESTOSTERONE_NG_DL:.0f}",
            f"{1e3 * found['free_testosterone_nmol_l'][k]:.0f}",
            f"{found['oestradiol_pmol_l'][k] / OESTRADIOL_PMOL_L:.0f}",
            f"{found['shbg_nmol_l'][k]:.0f}",
            f"{found['lh_iu_l'][k]:.1f}",
            f"{found['fsh_iu_l'][k]:.1f}",
            f"{found[COUNT][k]:.0f}",
            f"{found['volume_ml'][k]:.1f}",
        )
        for k, bmi in enumerate(indices)
    ]
    head = ("BMI", "T, ng/dL", "free T, pmol/L", "E2, pg/mL", "SHBG", "LH", "FSH", "M/mL", "mL")
    return {"weight": table(head, rows)}


def chance(men: int) -> dict[str, list[str]]:
    """Return what untreated men who were selected on one or on two low counts give the next time."""
    rows = []
    for population, below, told in (
        ("healthy", 40.0, "donors under 40 M/mL: 28, then 56 (Baker & Kovacs 1985)"),
        ("clinic", 15.0, ""),
        ("clinic", 5.0, ""),
    ):
        cohort = draw(population, max(4000, 60 * men), visits=3)
        first, second, third = (visit[COUNT].to_numpy() for visit in cohort.measured)
        once = (first < below) & (first > 0.0)
        twice = once & (second < below) & (second > 0.0)
        both = 0.5 * (first + second)
        rows += [
            (
                f"{population}, one count under {below:g} M/mL",
                f"{once.sum()}",
                f"{first[once].mean():.1f}",
                f"{second[once].mean():.1f}",
                f"{100.0 * (second[once].mean() / first[once].mean() - 1.0):+.0f}",
                told,
            ),
            (
                f"{population}, two counts under {below:g} M/mL",
                f"{twice.sum()}",
                f"{both[twice].mean():.1f}",
                f"{third[twice].mean():.1f}",
                f"{100.0 * (third[twice].mean() / both[twice].mean() - 1.0):+.0f}",
                "",
            ),
        ]
    head = (
        "untreated men selected by",
        "men",
        "mean of what selected them, M/mL",
        "next, M/mL",
        "change, %",
        "published",
    )
    return {"chance": table(head, rows)}


# ---- put together


def main() -> None:
    """Work all parts out, or those that are named, and write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", help="of the page; all without any")
    parser.add_argument("--men", type=int, default=60, help="men who recover")
    given = parser.parse_args()
    makers: Mapping[str, Callable[[], dict[str, list[str]]]] = {
        "steady": steady_testosterone,
        "castrate": castrate,
        "recovery": lambda: recovery(given.men),
        "age": age,
        "weight": weight,
        "chance": lambda: chance(given.men),
    }
    basis = f"Made by `make men` (`scripts/make_men.py`) with testis_abm {version()}."
    make(PAGE, basis, makers, given.parts)


if __name__ == "__main__":
    main()
