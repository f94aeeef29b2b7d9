"""Write the tables of docs/drugs.md: what drugs and weight do to a man, beside what was published.

    python scripts/make_drugs.py

Mean-field men. What stands between `<!-- made: NAME -->` and `<!-- end -->` is made again, the text around it is kept. Some
seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from made_page import filled, table

from testis_abm import parameters
from testis_abm.biology.pharmacology import Kinetics, doses_by_day
from testis_abm.experiments.task import version
from testis_abm.man.mean_field import ExpectedMan, steady_states
from testis_abm.man.physiology import complete, weighed
from testis_abm.quantities import TESTOSTERONE_NG_DL
from testis_abm.support import files

PAGE = Path(__file__).resolve().parents[1] / "docs" / "drugs.md"
WEEK = 7
LOWEST = 0.01  # million/mL, and a share: what is less is said to be

# What the tables call a column of the mornings, and of the ejaculate.
LEVELS = {
    "T": "testosterone_nmol_l",
    "free T": "free_testosterone_nmol_l",
    "DHT": "dihydrotestosterone_nmol_l",
    "E2": "oestradiol_pmol_l",
    "LH": "lh_iu_l",
    "FSH": "fsh_iu_l",
    "SHBG": "shbg_nmol_l",
    "prolactin": "prolactin_ug_l",
    "intratesticular T": "intratesticular_testosterone_nmol_l",
}
SEMEN = {"volume": "volume_ml", "motility": "progressive_motility_pct"}
COUNT = "concentration_million_ml"

Given = tuple[str, float, float]  # drug, dose, days between doses (more than the row's days: one dose)
Told = Callable[[ExpectedMan], str]


@cache
def _values() -> Any:
    return complete(parameters.values())


@cache
def usual(preset: str = "fertile") -> dict[str, float]:
    """Return the physiology of a preset."""
    own = parameters.presets()[preset].values
    return {name: field.value for name, field in parameters.physiology().items()} | dict(own)


def treated(given: Sequence[Given], days: int, preset: str) -> ExpectedMan:
    """Return a man on the morning after `days` of drugs."""
    drugs = parameters.drugs()
    kinetics = Kinetics.of([drugs[drug] for drug in dict.fromkeys(drug for drug, _, _ in given)])
    plan = [(float(day), drug, dose) for drug, dose, every in given for day in np.arange(0.0, days, every)]
    man = ExpectedMan(_values(), usual(preset), kinetics)
    man.advance(doses_by_day(kinetics, sorted(plan), 0, days))
    return man


def ratio(value: float) -> str:
    """Return a share of what was before, to two decimals."""
    return f"{value:.2f}" if value >= LOWEST else f"under {LOWEST:g}"


def level(man: ExpectedMan, name: str, day: int | None = None) -> float:
    """Return a level over the untreated one: on a morning, else over the last week."""
    days = man.days[LEVELS[name]]
    return float((days[-WEEK:].mean() if day is None else days[day]) / man.rest[LEVELS[name]])


def _change(man: ExpectedMan, name: str) -> float:
    if name in LEVELS:
        return level(man, name)
    now, before = man.semen(), man.semen(day=0)
    if name == "count":
        return now[COUNT] * now["volume_ml"] / (before[COUNT] * before["volume_ml"])
    return now[SEMEN[name]] / before[SEMEN[name]]


def changes(names: str) -> Told:
    """Return what tells of changes by their names: of LEVELS over the last week, of the ejaculate of the last morning."""
    return lambda man: ", ".join(f"{name} {ratio(_change(man, name))}" for name in names.split(", "))


def on(day: int, names: str) -> Told:
    """Return what tells of levels on a morning."""
    return lambda man: (
        f"on day {day} " + ", ".join(f"{name} {ratio(level(man, name, day))}" for name in names.split(", "))
    )


def sperm(man: ExpectedMan) -> str:
    """Return the sperm concentration of the last morning."""
    now = man.semen()[COUNT]
    return f"{now:.0f} M/mL" if now >= 10.0 else f"{now:.2g} M/mL" if now >= LOWEST else f"under {LOWEST:g} M/mL"


def testosterone(man: ExpectedMan) -> str:
    """Return testosterone of the last week."""
    return f"T {man.days[LEVELS['T']][-WEEK:].mean() * TESTOSTERONE_NG_DL:.0f} ng/dL"


def peak(man: ExpectedMan) -> str:
    """Return castration after a flare."""
    t = man.days[LEVELS["T"]]
    return f"T {t[-1]:.1f} nmol/L, after a flare to {t.max() / t[0]:.1f} times"


@dataclass(frozen=True)
class Row:
    """A row of the table: the drugs given, what was published of them on a day, and how the model's man tells of it."""

    name: str
    given: Sequence[Given]
    day: int
    published: str
    told: Sequence[Told]
    preset: str = "fertile"
    remark: str = ""
    beside: Mapping[str, Sequence[Given]] = field(
        default_factory=dict
    )  # others to compare with: name -> what they are given

    def cells(self) -> tuple[object, ...]:
        """Return the cells of the row."""
        man = treated(self.given, self.day, self.preset)
        said = [of(man) for of in self.told]
        said += [f"{name} {sperm(treated(given, self.day, self.preset))}" for name, given in self.beside.items()]
        return (self.name, self.day, self.published, "; ".join(said) + self.remark)


GEL: Given = ("testosterone_gel", 100.0, 1.0)
NESTORONE: Given = ("nestorone_gel", 8.0, 1.0)
ENANTHATE: Given = ("testosterone_enanthate", 100.0, 7.0)
PELLETS: Given = ("testosterone_pellets", 300.0, 84.0)
ONE_MILLION = "% of men at 1 M/mL or less"


def _desogestrel(dose: float) -> Sequence[Given]:
    return (PELLETS, ("desogestrel", dose, 1.0))


ROWS = (
    Row(
        "finasteride 5 mg",
        [("finasteride", 5.0, 1.0)],
        182,
        "DHT 0.27, T 1.15, volume 0.79 to 0.86, count 0.66 to 0.84, motility 0.88 to 0.94",
        [changes("DHT, T, volume, count, motility")],
    ),
    Row(
        "finasteride 1 mg",
        [("finasteride", 1.0, 1.0)],
        336,
        "volume 0.97 against placebo",
        [changes("volume, DHT")],
        remark=": missed, DHT is nearly as low as on 5 mg",
    ),
    Row(
        "dutasteride 0.5 mg",
        [("dutasteride", 0.5, 1.0)],
        182,
        "DHT 0.06, T 1.20, volume 0.70 to 0.76, count 0.71 to 0.75, motility 0.88 to 0.94",
        [changes("DHT, T, volume, count, motility")],
    ),
    Row(
        "DHT gel 125 mg twice daily",
        [("dihydrotestosterone_gel", 125.0, 0.5)],
        10,
        "T 0.18, LH 0.54, E2 0.43; DHT on day 2 7.1",
        [on(10, "T, LH, E2"), on(2, "DHT")],
    ),
    Row(
        "bicalutamide 150 mg",
        [("bicalutamide", 150.0, 1.0)],
        168,
        "LH 2.02, FSH 1.07, T 1.66, free T 1.57, E2 1.66, DHT 1.24, SHBG 1.08",
        [changes("LH, FSH, T, free T, E2, DHT, SHBG")],
    ),
    Row("spironolactone 200 mg", [("spironolactone", 200.0, 1.0)], 7, "T and LH unchanged", [on(7, "T, LH")]),
    Row("enanthate 100 mg weekly", [ENANTHATE], 175, "LH 0.08, FSH 0.08, T 1.50", [changes("LH, FSH, T")]),
    Row(
        "same with levonorgestrel 47 ug",
        [ENANTHATE, ("levonorgestrel", 0.047, 1.0)],
        175,
        "LH 0.02, FSH 0.03, T 1.26, intratesticular T 0.016, sperm 1.3 M/mL",
        [changes("LH, FSH, T, intratesticular T"), sperm],
    ),
    Row(
        "undecanoate 1000 mg with norethisterone enanthate 200 mg every 8 weeks",
        [("testosterone_undecanoate", 1000.0, 56.0), ("norethisterone_enanthate", 200.0, 56.0)],
        168,
        f"96 {ONE_MILLION}",
        [sperm],
    ),
    Row(
        "undecanoate 1000 mg every 12 weeks with etonogestrel implants (204 mg)",
        [("testosterone_undecanoate", 1000.0, 84.0), ("etonogestrel_implant", 204.0, 1000.0)],
        112,
        f"89 {ONE_MILLION}",
        [sperm],
    ),
    Row(
        "pellets 300 mg with desogestrel 75, 150, 300 ug",
        _desogestrel(0.075),
        56,
        "3, 1, 7 of 10 men severely oligozoospermic",
        [sperm],
        beside={"then": _desogestrel(0.15), "and": _desogestrel(0.3)},
    ),
    Row(
        "gel 100 mg with medroxyprogesterone depot 300 mg",
        [GEL, ("medroxyprogesterone_depot", 300.0, 84.0)],
        168,
        f"80 to 90 {ONE_MILLION}; intratesticular T 35 nmol/L",
        [sperm, changes("intratesticular T")],
    ),
    Row("gel 100 mg with nestorone gel 8 mg", [GEL, NESTORONE], 154, f"89 {ONE_MILLION}", [sperm]),
    Row(
        "nestorone gel 8 mg alone", [NESTORONE], 20, "suppresses less than testosterone gel alone", [on(20, "LH, FSH")]
    ),
    Row("gel 100 mg alone", [GEL], 20, "", [on(20, "LH, FSH")]),
    Row(
        "nandrolone decanoate 200 mg weekly",
        [("nandrolone_decanoate", 200.0, 7.0)],
        84,
        "its like, dimethandrolone: LH and FSH under 1 IU/L, T under 50 ng/dL",
        [changes("LH, FSH, T"), testosterone],
    ),
    Row(
        "raloxifene 120 mg",
        [("raloxifene", 120.0, 1.0)],
        90,
        "LH 1.29, FSH 1.21, T 1.20, E2 1.21, SHBG 1.07",
        [changes("LH, FSH, T, E2, SHBG")],
    ),
    Row(
        "cabergoline 0.5 mg twice weekly, macroprolactinoma",
        [("cabergoline", 0.5, 3.5)],
        180,
        "prolactin 0.022 on day 30; T 230 ng/dL before, normal in 61 % by day 180",
        [on(30, "prolactin"), changes("T"), testosterone],
        preset="prolactinoma",
    ),
    Row(
        "testosterone by the nose, 11 mg three times daily, secondary hypogonadism",
        [("testosterone_nasal", 11.0, 1.0 / 3.0)],
        90,
        "421 ng/dL (label, memory)",
        [testosterone],
        preset="secondary_hypogonadism",
    ),
    Row(
        "testosterone undecanoate by mouth, 237 mg twice daily, primary hypogonadism",
        [("testosterone_undecanoate_oral", 237.0, 0.5)],
        42,
        "489 to 628 ng/dL",
        [testosterone],
        preset="primary_hypogonadism",
    ),
    Row("triptorelin 3.75 mg", [("triptorelin", 3.75, 28.0)], 28, "castrate", [peak]),
    Row("prednisolone 20 mg", [("prednisolone", 20.0, 1.0)], 84, "T 0.47, LH not raised", [changes("T, LH")]),
    Row("methadone 80 mg", [("methadone", 80.0, 1.0)], 84, "T 0.24", [changes("T")]),
    Row(
        "morphine 60 mg twice daily",
        [("morphine", 60.0, 0.5)],
        84,
        "T 0.63 (opioids of all kinds, -165 ng/dL)",
        [changes("T")],
    ),
)


def drugs() -> list[str]:
    """Return the table of drugs."""
    return table(("drug", "day", "published", "model"), [row.cells() for row in ROWS])


# ---- weight


def _steady(*men: Mapping[str, float]) -> list[dict[str, float]]:
    found = steady_states(_values(), {name: np.array([man[name] for man in men], float) for name in men[0]})
    return [{name: float(column[k]) for name, column in found.items()} for k in range(len(men))]


def weight() -> list[str]:
    """Return the table of weight: men of one weight beside those of another, and men who have lost it."""
    man = usual()

    def compared(first: float, second: float) -> list[dict[str, float]]:
        return _steady(man | {"bmi": first}, man | {"bmi": second})

    def lost(before: float, after: float) -> list[dict[str, float]]:
        heavy = man | {"bmi": before}
        return _steady(heavy, heavy | weighed(heavy, after))

    def gain(pair: Sequence[Mapping[str, float]], name: str, unit: float = 1.0) -> float:
        return unit * (pair[1][LEVELS[name]] - pair[0][LEVELS[name]])

    emas, surgery, diet = compared(23.5, 33.0), lost(44.0, 29.5), lost(37.0, 33.0)
    liraglutide, lh = lost(41.1, 38.5), compared(32.0, 43.0)
    rows = [
        (
            "BMI 33 against 23.5 (EMAS)",
            "T -5.1 nmol/L, free T -54 pmol/L",
            f"{gain(emas, 'T'):+.1f}, {gain(emas, 'free T', 1e3):+.0f}",
        ),
        (
            "44 to 29.5, surgery",
            "T +8 nmol/L, SHBG +18 nmol/L, free T +58 pmol/L",
            f"{gain(surgery, 'T'):+.1f}, {gain(surgery, 'SHBG'):+.1f}, {gain(surgery, 'free T', 1e3):+.0f}",
        ),
        ("37 to 33, diet", "T +2.7 nmol/L", f"{gain(diet, 'T'):+.1f}"),
        ("41.1 to 38.5, liraglutide", "T +2.6 nmol/L", f"{gain(liraglutide, 'T'):+.1f}"),
        ("LH at BMI 43 over 32", "0.69", ratio(lh[1][LEVELS["LH"]] / lh[0][LEVELS["LH"]])),
        (
            "sperm per mL after weight loss",
            "x1.49; in other series unchanged or less",
            f"x{diet[1][COUNT] / diet[0][COUNT]:.2f} from 37 to 33, x{surgery[1][COUNT] / surgery[0][COUNT]:.2f} from 44 to 29.5",
        ),
    ]
    return table(("", "published", "model"), rows)


def main() -> None:
    """Work the tables out and write them into the page."""
    made = {
        "basis": [f"Made by `make drugs-page` (`scripts/make_drugs.py`) with testis_abm {version()}."],
        "drugs": drugs(),
        "weight": weight(),
    }
    for lines in made.values():
        print("\n".join(lines), flush=True)
    files.write(PAGE, filled(PAGE, PAGE.read_text(encoding="utf-8"), made).encode())


if __name__ == "__main__":
    main()
