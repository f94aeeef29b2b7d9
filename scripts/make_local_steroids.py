"""Write the tables of docs/local_steroids.md from the shipped ensemble, each beside what was published.

    python scripts/make_local_steroids.py [--sets 100]

What stands between `<!-- made: NAME -->` and `<!-- end -->` is made again, the text around it is kept. What was published
is read from docs/local_steroids/published.csv. A few minutes on two
cores.
"""

from __future__ import annotations

import argparse
import copy
import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from made_page import filled, report

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.days import HOURS
from testis_abm.choices import TREATED, UNTREATED
from testis_abm.experiments.hypotheses import Change, UnderHypotheses, arms_under_hypotheses, untreated
from testis_abm.experiments.one_at_a_time import Swing, one_at_a_time
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected
from testis_abm.experiments.surface import Spread
from testis_abm.experiments.task import version
from testis_abm.man.clamps import held_by_day
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.parameter_set import ParameterSet
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.parameters import hypotheses
from testis_abm.quantities import QUANTITIES
from testis_abm.results.plausible import SAME
from testis_abm.scenario import Clamp
from testis_abm.studies.ensemble import shipped
from testis_abm.studies.score import configuration
from testis_abm.support import files
from testis_abm.support.cores import each

PAGE = Path(__file__).resolve().parents[1] / "docs" / "local_steroids.md"
PUBLISHED = PAGE.with_suffix("") / "published.csv"
SETS, ANSWER_SETS = 100, 20  # parameter sets: of the whole ensemble, of each combination of answers
HOLD = 360  # days
T_LEVELS = (2, 5, 7, 10, 15, 22, 40, 60, 100, 200, 300)  # % of his own
E2_LEVELS = (0, 1, 3, 10, 30, 50, 100, 200, 467, 1000)
FSH = {"held": "1 x own", "zero": "0 IU/L", "doubled": "2 x own"}
COURSE_DAYS = (45, 70, 126, 360)
PRODUCTION, CONCENTRATION = "daily_production_million_g", "concentration_million_ml"
SPERM = {
    PRODUCTION: "production",
    CONCENTRATION: "concentration",
    "total_motile_count_million": "total motile count",
    "progressive_motility_pct": "progressive motility",
    "normal_forms_pct": "normal forms",
}
HORMONES = {
    "testosterone_nmol_l": "T",
    "oestradiol_pmol_l": "E2",
    "lh_iu_l": "LH",
    "fsh_iu_l": "FSH",
    "intratesticular_testosterone_nmol_l": "T in the testis",
    "intratesticular_oestradiol_nmol_l": "E2 in the testis",
}

GERM = ("spermatocyte_aromatase", "spermatid_aromatase", "elongated_aromatase")
# What is lost -> fields of the man that are 0. The liver has no field: "fat" stands for all that is outside the testis.
KNOCK_OUTS: Mapping[str, tuple[str, ...]] = {
    "aromatase of Leydig cells": ("leydig_aromatase",),
    "aromatase of Sertoli cells": ("sertoli_aromatase",),
    "aromatase of spermatocytes": GERM[:1],
    "aromatase of round spermatids": GERM[1:2],
    "aromatase of late spermatids": GERM[2:],
    "aromatase of all germ cells": GERM,
    "aromatase of the testis": ("testicular_aromatase",),
    "aromatase of fat": ("adipose_aromatase",),
    "aromatase everywhere": ("testicular_aromatase", "adipose_aromatase"),
    "AR everywhere": ("androgen_sensitivity",),
    "AR of Sertoli cells": ("sertoli_androgen_sensitivity",),
    "AR of the tract": ("tract_androgen_sensitivity",),
    "ER-alpha everywhere": ("er_alpha_sensitivity",),
    "ER-alpha of Sertoli cells": ("sertoli_er_alpha_sensitivity",),
    "ER-alpha of Leydig cells": ("leydig_er_alpha_sensitivity",),
    "ER-alpha of the tract": ("tract_er_alpha_sensitivity",),
    "ER-beta": ("er_beta_sensitivity",),
    "FSH receptor": ("fsh_sensitivity",),
    "FSH": ("fsh_secretion",),
    "FSH receptor and AR of Sertoli cells": ("fsh_sensitivity", "sertoli_androgen_sensitivity"),
    "all germ cells": ("germ_cell_endowment",),
}
START, YEAR = "from the start", "after a year"

# Rule -> the numbers that it rests on.
RULES: Mapping[str, tuple[str, ...]] = {
    "entry of A-pale, survival of B": ("germ.entry_alone", "germ.entry_androgen", "receptor.fsh_half", "germ.room"),
    "meiosis": ("receptor.meiosis_half_ratio", "germ.meiosis_deprivation", "receptor.response_days"),
    "adhesion and elongation": (
        "receptor.androgen_half",
        "receptor.androgen_exponent",
        "germ.adhesion_deprivation",
        "receptor.adhesion_days",
    ),
    "release": ("receptor.spermiation_half_ratio", "germ.spermiation_alone"),
    "lack of E2": ("germ.oestrogen_lack", "receptor.oestrogen_half", "receptor.lack_days"),
    "where local E2 comes from": (
        "aromatase.testicular_km",
        "aromatase.leydig_activity",
        "aromatase.sertoli_expression",
        "aromatase.germ_cell_expression",
        "leydig.aromatase_lh_exponent",
        "tissue.blood_oestradiol_entry",
    ),
    "brake of E2 on Leydig cells": ("leydig.oestrogen_brake",),
    "ducts": (
        "tract.reabsorption_er_share",
        "tract.reabsorption_ligand_free",
        "tract.back_pressure_days",
        "tract.back_pressure_loss",
    ),
    "motility, form, volume": (
        "tract.motility_androgen_half",
        "tract.motility_oestrogen_half",
        "tract.motility_elongation_share",
        "tract.morphology_androgen_share",
        "tract.volume_androgen_half",
    ),
}

MEN = ("fertile", "obese_low_t_e2", "lean_low_t_e2", "idiopathic_oligozoospermia", "secondary_hypogonadism")
OBESE = MEN[1]
DRUGS = {"anastrozole": "1 mg", "letrozole": "2.5 mg"}
DAYS = 180  # of treatment
SEMEN = ("sperm concentration", "total motile count", "progressive motility")
LOCAL = ("intratesticular testosterone", "intratesticular E2")
RANKED = 15
# What is held at the treated man's own untreated level, in turn -> the clamps.
HELD_IN_TURN: Mapping[str, tuple[str, ...]] = {
    "as given": (),
    "FSH held": ("FSH",),
    "T of the testis held": ("intratesticular testosterone",),
    "E2 of the testis held": ("intratesticular oestradiol",),
    "all three held": ("FSH", "intratesticular testosterone", "intratesticular oestradiol"),
}


class Figure(NamedTuple):
    """A published figure, as a row of published.csv.

    Attributes:
        table, at, when: beside what it stands.
        quantity: a column of QUANTITIES.
        unit: "%" of untreated, or "clinical".
        seen: in which species, and what.
        low, high: the range that counts as a hit; none counted is read as under 1 %.
        verified: whether it was checked against its source, "yes" or "no".
    """

    table: str
    at: str
    when: str
    quantity: str
    unit: str
    seen: str
    low: float
    high: float
    source: str
    verified: str

    @property
    def text(self) -> str:
        """Return what was seen, and by whom."""
        return f"{self.seen} ({self.source}{'' if self.verified == 'yes' else '; not verified against the source'})"

    def verdict(self, model: Spread) -> str:
        """Return "yes" if the model's 90 % interval (of few sets the median) meets it, or else on which side the model lies."""
        low, high = (model.low, model.high) if np.isfinite(model.low) else (model.median, model.median)
        if not np.isfinite(low):
            return "no: model has none"
        if low <= self.high and high >= self.low:
            return "yes"
        return "no: model higher" if low > self.high else "no: model lower"


@cache
def published() -> tuple[Figure, ...]:
    """Return all published figures."""
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        rows: list[dict[str, Any]] = list(csv.DictReader(file))
    return tuple(Figure(**{**row, "low": float(row["low"]), "high": float(row["high"])}) for row in rows)


def figures(table: str, at: object = None) -> list[Figure]:
    """Return the published figures of a table (at a level or day)."""
    return [one for one in published() if one.table == table and at in (None, one.at)]


# ---- the fertile man, clamped and without a site or receptor


class Testis(NamedTuple):
    """What the fertile man does under some parameter sets, outputs by COLUMNS.

    Attributes:
        own: (sets, outputs) untreated.
        testosterone: FSH -> (sets, T_LEVELS, outputs).
        oestradiol: (sets, E2_LEVELS, outputs).
        course: what lack of oestradiol does -> daily production on COURSE_DAYS of none, % of his own, (sets, days).
        lost: what is lost -> (sets, START and YEAR, outputs).
    """

    own: np.ndarray
    testosterone: Mapping[str, np.ndarray]
    oestradiol: np.ndarray
    course: Mapping[str, np.ndarray]
    lost: Mapping[str, np.ndarray]

    def spread(self, values: np.ndarray, column: str, unit: str = "%") -> Spread:
        """Return an output of `values`, (sets, outputs), in % of the man's own of the same set, or in its clinical unit."""
        k = COLUMNS.index(column)
        if unit == "%":
            return Spread.of(100.0 * values[:, k] / self.own[:, k])
        return Spread.of(QUANTITIES[column].clinical(values[:, k]))

    def judged(self) -> Iterator[tuple[Figure, Spread, str]]:
        """Yield each mutant and patient with what the model has, and the verdict."""
        for figure in figures("lost"):
            values = self.lost[figure.at][:, (START, YEAR).index(figure.when)]
            spread = self.spread(values, figure.quantity, figure.unit)
            yield figure, spread, figure.verdict(spread)


def fertile(values: Mapping[str, float]) -> ExpectedMan:
    """Return the fertile man under parameters."""
    return ExpectedMan(complete(values), {name: field.value for name, field in parameters.physiology().items()})


def outputs(man: ExpectedMan, day: int) -> np.ndarray:
    """Return what a man has on the morning of a day, by COLUMNS."""
    return np.array(of_expected(man, day, ta.load({})))


def untreated_year() -> np.ndarray:
    """Return a year without doses."""
    return np.zeros((HOLD, 2 * HOURS, 0))


def clamped(rest: ExpectedMan, t: str = "own", e2: str = "own", fsh: str = "own") -> ExpectedMan:
    """Return a man after a year in which the steroids of his testes, LH and FSH are held."""
    man = copy.deepcopy(rest)
    held = zip((*LOCAL, "LH", "FSH"), (t, e2, "own", fsh))
    clamps = [Clamp(quantity.replace("E2", "oestradiol"), level) for quantity, level in held]
    man.advance(untreated_year(), held_by_day(clamps, man.own, man.values, range(HOLD)))
    return man


def of_own(level: int) -> str:
    """Return a level in % as a clamp has it."""
    return f"{level / 100!r} x own"


def without(rest: ExpectedMan, lost: Mapping[str, float]) -> np.ndarray:
    """Return a man who never had what is lost, and one who lost it a year ago, (2, outputs)."""
    late = copy.deepcopy(rest)
    late.change({**rest.man, **lost})
    late.advance(untreated_year())
    return np.stack([outputs(ExpectedMan(rest.values, {**rest.man, **lost}), 0), outputs(late, HOLD)])


def course(man: ExpectedMan) -> np.ndarray:
    """Return daily production on COURSE_DAYS, % of his own."""
    return np.array([man.daily_production(day) for day in COURSE_DAYS]) * 100.0 / man.daily_production(0)


def under(k: int) -> Testis:
    """Return what the fertile man does under set `k` of the ensemble, without the axis of sets."""
    values = shipped()[k].values
    rest = fertile(values)
    held = [clamped(rest, e2=of_own(level)) for level in E2_LEVELS]
    courses = {"the ensemble": course(held[0])}
    for name, answer in hypotheses()["germ.lack"].answers.items():
        courses[f"*{name}* in every set"] = course(clamped(fertile({**values, **answer.parameters}), e2=of_own(0)))
    return Testis(
        outputs(rest, 0),
        {
            name: np.stack([outputs(clamped(rest, t=of_own(level), fsh=fsh), HOLD) for level in T_LEVELS])
            for name, fsh in FSH.items()
        },
        np.stack([outputs(man, HOLD) for man in held]),
        courses,
        {name: without(rest, dict.fromkeys(fields, 0.0)) for name, fields in KNOCK_OUTS.items()},
    )


def testis(sets: int) -> Testis:
    """Return what the fertile man does under `sets` sets of the ensemble."""
    found = each(under, shipped().pick(sets).tolist())

    def stacked(take: Callable[[Testis], Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
        return {name: np.stack([take(one)[name] for one in found]) for name in take(found[0])}

    return Testis(
        np.stack([one.own for one in found]),
        stacked(lambda one: one.testosterone),
        np.stack([one.oestradiol for one in found]),
        stacked(lambda one: one.course),
        stacked(lambda one: one.lost),
    )


# ---- tables


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table in Markdown."""
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def plain(value: float) -> str:
    """Return a level or share, with a figure after the point where it is small, "-" where there is none."""
    if not np.isfinite(value):
        return "-"
    return f"{value:,.0f}" if value >= 9.95 else f"{value:.1f}" if value >= 0.05 else "0"


def interval(spread: Spread) -> str:
    """Return a median with its 90 % interval, where that has a width."""
    middle, low, high = (plain(float(end)) for end in spread)
    return middle if {low, high} <= {middle, "-"} else f"{middle} ({low} to {high})"


def of_levels(found: Testis, name: str, levels: Sequence[int], values: np.ndarray) -> list[str]:
    """Return the table of a steroid's levels, `values` (sets, levels, outputs), beside the figures of table `name`."""
    rows = []
    for i, level in enumerate(levels):
        spread = {column: found.spread(values[:, i], column) for column in SPERM}
        seen = figures(name, str(level))
        rows.append(
            [
                f"{level} %",
                *map(interval, spread.values()),
                "; ".join(figure.text for figure in seen),
                "; ".join(figure.verdict(spread[figure.quantity]) for figure in seen),
            ]
        )
    return table([f"{name[:2].strip()} in the testis", *SPERM.values(), "published, %", "in the interval?"], rows)


def of_course(found: Testis) -> list[str]:
    """Return how fast production falls without oestradiol, and what mouse and monkey had on which day."""
    rows = []
    for name, values in found.course.items():
        days = {str(day): Spread.of(values[:, i]) for i, day in enumerate(COURSE_DAYS)}
        met = [
            f"{figure.at.split()[0]} {figure.when}"
            for figure in figures("course")
            if figure.verdict(days[figure.when]) == "yes"
        ]
        rows.append([name, *map(interval, days.values()), ", ".join(met) or "none"])
    for name in dict.fromkeys(figure.at for figure in figures("course")):
        seen = {figure.when: figure.seen for figure in figures("course", name)}
        source = figures("course", name)[0]._replace(seen=name).text
        rows.append([f"published: {source}", *(seen.get(str(day), "") for day in COURSE_DAYS), ""])
    return table(["lack of E2", *(f"day {day}" for day in COURSE_DAYS), "met on day"], rows)


def of_hormones(found: Testis) -> list[str]:
    """Return hormones without each site and receptor from the start, in clinical units."""
    heads = [f"{head}, {QUANTITIES[column].clinical_unit}" for column, head in HORMONES.items()]
    men = {"none (untreated)": found.own} | {name: values[:, 0] for name, values in found.lost.items()}
    rows = [
        [name, *(interval(found.spread(values, column, "clinical")) for column in HORMONES)]
        for name, values in men.items()
    ]
    return table(["lost", *heads], rows)


def of_sperm(found: Testis) -> list[str]:
    """Return sperm without each site and receptor, % of untreated: from the start, and production a year after."""
    rows = [
        [
            name,
            *(interval(found.spread(values[:, 0], column)) for column in SPERM),
            interval(found.spread(values[:, 1], PRODUCTION)),
        ]
        for name, values in found.lost.items()
    ]
    return table(["lost", *SPERM.values(), "production a year after the loss"], rows)


def of_mutants(found: Testis) -> list[str]:
    """Return what the knock-outs give beside mutants and patients."""
    rows = []
    for figure, spread, verdict in found.judged():
        unit = "%" if figure.unit == "%" else QUANTITIES[figure.quantity].clinical_unit
        what = {**SPERM, **HORMONES}[figure.quantity]
        told = "agrees" if verdict == "yes" else f"misses: {verdict.removeprefix('no: ')}"
        rows.append([figure.at, f"{what}, {figure.when}", f"{interval(spread)} {unit}", figure.text, told])
    return table(["lost", "what, when", "model", "published", "verdict"], rows)


def of_rules() -> list[str]:
    """Return the numbers of each rule: in the tables, in the ensemble, their range and source."""
    ensemble, rows = shipped(), []
    for rule, names in RULES.items():
        for k, name in enumerate(names):
            row = parameters.load()[name]
            moved = "not moved"
            if name in ensemble.sets:
                middle, low, high = Spread.of(ensemble.sets[name].to_numpy()[ensemble.pick(1000)])
                moved = f"{middle:.3g} ({low:.3g} to {high:.3g})"
            value = f"{row.value:.3g} {row.symbol}".strip()
            limits = f"{row.low:.3g} to {row.high:.3g}"
            rows.append(["" if k else rule, f"`{name}`", value, moved, limits, row.confidence, row.source])
    return table(["rule", "number", "tables", "ensemble", "range", "confidence", "source"], rows)


# ---- drugs


def scenario(preset: str, drug: str) -> dict[str, Any]:
    """Return the scenario of a preset on a drug."""
    return {
        "title": f"{drug} in {preset}",
        "man": {"preset": preset},
        "plan": {"baseline": "0 days", "duration": f"{DAYS} days"},
        "therapy": [{"drug": drug, "dose": DRUGS[drug], "every": "1 day"}],
    }


def under_answers(preset: str, drug: str) -> UnderHypotheses:
    """Return a preset untreated and on a drug under every combination of answers."""
    case = ta.load(scenario(preset, drug))
    return arms_under_hypotheses({UNTREATED: untreated(case), TREATED: case}, sets=ANSWER_SETS)


def carried(sets: int, drug: str) -> dict[str, np.ndarray]:
    """Return what is held at the obese man's own level -> changes of SEMEN on a drug, %, (sets, outputs)."""
    columns = [COLUMNS.index(OUTPUTS[word].column) for word in SEMEN]

    def under_set(own: ParameterSet) -> list[np.ndarray]:
        found = []
        for held in HELD_IN_TURN.values():
            clamps = [{"quantity": quantity, "level": "own"} for quantity in held]
            case = ta.load({**scenario(OBESE, drug), "clamp": clamps})
            treatment = Treatment(case, own.drugs_of(case))
            man = treatment.follow(ExpectedMan(own.whole, case.man.physiology, treatment.kinetics))
            found.append(100.0 * (outputs(man, DAYS)[columns] / outputs(man, 0)[columns] - 1.0))
        return found

    changes = np.array(each(under_set, [shipped()[k] for k in shipped().pick(sets).tolist()]))
    return dict(zip(HELD_IN_TURN, changes.swapaxes(0, 1), strict=True))


def of_carried(parts: Mapping[str, Mapping[str, np.ndarray]]) -> list[str]:
    """Return what is left of a drug's change where one of what it moves is held."""
    rows = []
    for drug, changes in parts.items():
        for held, values in changes.items():
            rows.append([drug, held, *(change(Spread.of(values[:, k])) for k in range(len(SEMEN)))])
    return table(["drug", "", *(f"{word}, %" for word in SEMEN)], rows)


def signed(value: float) -> str:
    """Return a change in %, "-" where there is none."""
    return f"{round(value):+d}" if np.isfinite(value) else "-"


def change(spread: Spread | Change) -> str:
    """Return a median change with its 90 % interval."""
    middle, low, high = (signed(float(end)) for end in (spread.median, spread.low, spread.high))
    return middle if low == "-" else f"{middle} ({low} to {high})"


def of_answers(men: Mapping[str, UnderHypotheses], words: Sequence[str]) -> list[str]:
    """Return the median changes under each answer, a column a man, without questions that move none by a point.

    Args:
        men: preset -> UnderHypotheses.
        words: outputs.
    """
    rows = []
    for question, of in hypotheses().items():
        asked = {name: medians(found, question, words) for name, found in men.items() if question in found.open}
        if not any(np.ptp([*by_answer.values()], axis=0).max() >= 1.0 for by_answer in asked.values()):
            continue
        for name, answer in of.answers.items():
            cells = (" / ".join(map(signed, asked.get(man, {}).get(name, []))) or "-" for man in men)
            rows.append([f"`{question}` {name}", f"{answer.weight:.2f}", *cells])
    whole = (" / ".join(signed(found.change(word).median) for word in words) for found in men.values())
    return table(["answer", "weight", *men], [*rows, ["all, by weight", "1.00", *whole]])


def medians(found: UnderHypotheses, question: str, words: Sequence[str]) -> dict[str, list[float]]:
    """Return the median changes of outputs under each answer that is there."""
    answers = dict.fromkeys(one.answers[question] for one in found.combinations)
    return {name: [found.change(word, question, name).median for word in words] for name in answers}


def of_signs(men: Mapping[str, UnderHypotheses]) -> list[str]:
    """Return changes with their interval, the weight under which they rise, stay and fall, and what turns the sign."""
    rows = []
    for word in SEMEN[:2]:
        for name, found in men.items():
            falls, stays, rises = (f"{100.0 * share:.0f} %" for share in found.signs(word))
            turning = ", ".join(f"`{question}`" for question in found.turning(word))
            rows.append([word, name, change(found.change(word)), rises, stays, falls, turning or "no answer"])
    head = ["", "man", "change, %", "rises", f"within {SAME:g} %", "falls", "the sign hangs on"]
    return table(head, rows)


def of_ranks(swings: Sequence[Swing], word: str, answers: UnderHypotheses) -> list[str]:
    """Return the numbers on which a change hangs most, and below them the questions of the hypotheses."""
    moved = dict.fromkeys(configuration()["parameters"], "calibration")
    set_by = {name: f"`{question}`" for question, of in hypotheses().items() for name in of.parameters}
    rows = []
    for rank, swing in enumerate(sorted(swings, key=lambda one: -one.span(word))[:RANKED], 1):
        row, ends = swing.number, [signed(end) for end in swing.of(word)]
        movers = [what for name, what in (*moved.items(), *set_by.items()) if name == swing.name]
        rows.append(
            [
                f"{rank}",
                f"`{swing.name}`",
                f"{row.low:.4g} / {row.value:.4g} / {row.high:.4g} {row.symbol}".strip(),
                " / ".join(ends),
                f"{swing.span(word):.0f}",
                row.confidence,
                " and ".join(movers) or "nothing",
                "yes" if swing.turns(word) else "no",
            ]
        )
    for question in answers.open:
        by_answer = [value for (value,) in medians(answers, question, [word]).values()]
        medians_of = f"{signed(min(by_answer))} to {signed(max(by_answer))}"
        turns = "yes" if question in answers.turning(word) else "no"
        named = ", ".join(hypotheses()[question].answers)
        rows.append(["", f"*`{question}`*", named, medians_of, f"{np.ptp(by_answer):.0f}", "", "weights", turns])
    head = ["", "number", "low / table / high", "change, %", "span, points", "confidence", "moved by", "sign turns?"]
    return table(head, rows)


# ---- the page


def half(found: Testis, fsh: str) -> Spread:
    """Return the testosterone, % of his own, at which half of the production at 100 % is left."""
    made = found.testosterone[fsh][:, :, COLUMNS.index(PRODUCTION)]
    shares = made / made[:, [T_LEVELS.index(100)]]
    log_levels = np.log(T_LEVELS)
    return Spread.of(np.array([np.exp(np.interp(0.5, np.maximum.accumulate(row), log_levels)) for row in shares]))


def steroids_say(found: Testis) -> Iterator[str]:
    """Yield what levels of testosterone, FSH and oestradiol make of sperm."""

    def at(values: np.ndarray, levels: Sequence[int], chosen: Sequence[int], column: str = PRODUCTION) -> str:
        shares = {level: interval(found.spread(values[:, levels.index(level)], column)) for level in chosen}
        return ", ".join(f"{share} at {level} %" for level, share in shares.items())

    held, zero, doubled = (found.testosterone[name] for name in FSH)
    none = ", ".join(f"{interval(Spread.of(values[:, -1]))} ({name})" for name, values in [*found.course.items()][1:])
    yield (
        f"- **Testosterone of the testis**, all else held: daily sperm production, in % of untreated, is "
        f"{at(held, T_LEVELS, (60, 22, 10, 2))} of his own level. Half is lost at {interval(half(found, 'held'))} %. More than his "
        f"own adds nothing ({at(held, T_LEVELS, (300,))})."
    )
    yield (
        f"- **FSH**: without it production is {at(zero, T_LEVELS, (100, 10))} of his own testosterone; with twice his own FSH it is "
        f"{at(doubled, T_LEVELS, (100,))}."
    )
    yield (
        f"- **Oestradiol of the testis**, all else held for a year: production is {at(found.oestradiol, E2_LEVELS, (30, 10, 0))}. "
        f"Without any it is {none}. Progressive motility is {at(found.oestradiol, E2_LEVELS, (30, 10, 0), 'progressive_motility_pct')}. "
        f"Ten times his own does nothing by itself ({at(found.oestradiol, E2_LEVELS, (1000,))}): excess acts through LH and FSH."
    )


def sites_say(found: Testis) -> Iterator[str]:
    """Yield what sites of aromatase and receptors make of hormones and sperm."""

    def made(name: str) -> str:
        return interval(found.spread(found.lost[name][:, 0], PRODUCTION))

    def level(name: str, column: str) -> str:
        return interval(found.spread(found.lost[name][:, 0], column, "clinical"))

    t, local = "testosterone_nmol_l", "intratesticular_testosterone_nmol_l"
    yield (
        f"- **Aromatase**: without that of fat serum T is {level('aromatase of fat', t)} ng/dL and T of the testis "
        f"{level('aromatase of fat', local)} ng/mL (untreated {interval(found.spread(found.own, t, 'clinical'))} and "
        f"{interval(found.spread(found.own, local, 'clinical'))}), production {made('aromatase of fat')} %; without that of the "
        f"testis {level('aromatase of the testis', t)} and {level('aromatase of the testis', local)}, production {made('aromatase of the testis')} %. So "
        "feedback reads fat's oestradiol, and the germ line the testis' own. Of the testis' sites Leydig cells count "
        f"({made('aromatase of Leydig cells')} % without), germ cells do not ({made('aromatase of all germ cells')} %)."
    )
    yield (
        f"- **Receptors**: production is {made('AR of Sertoli cells')} % without AR in Sertoli cells, {made('FSH receptor')} % without the "
        f"FSH receptor, {made('ER-alpha of the tract')} % without ER-alpha in the ducts (fluid that presses), {made('ER-beta')} % without "
        f"ER-beta, {made('ER-alpha of Sertoli cells')} % without ER-alpha in Sertoli cells: either of these two will do."
    )


def drugs_say(
    drugs: Mapping[str, Mapping[str, UnderHypotheses]],
    parts: Mapping[str, Mapping[str, np.ndarray]],
    swings: Mapping[str, Sequence[Swing]],
) -> Iterator[str]:
    """Yield what inhibitors do to the obese man, what carries it, and on what it hangs."""
    word = SEMEN[0]
    for drug, men in drugs.items():
        found = men[OBESE]
        said = ", ".join(f"{label} {change(found.change(label))} %" for label in (*SEMEN[:2], *LOCAL))
        falls, stays, rises = (f"{100.0 * share:.0f} %" for share in found.signs(word))
        turning = " and ".join(f"`{question}`" for question in found.turning(word)) or "no answer"
        held = ", ".join(
            f"{signed(float(np.median(parts[drug][name][:, 0])))} % with {name}" for name in [*HELD_IN_TURN][1:]
        )
        ranked = sorted(swings[drug], key=lambda swing: -swing.span(word))
        most = ", ".join(f"`{swing.name}` ({swing.span(word):.0f})" for swing in ranked[:4])
        alone = ", ".join(f"`{swing.name}`" for swing in ranked if swing.turns(word)) or "none"
        yield f"- **{drug.capitalize()} {DRUGS[drug]} daily, obese man, day {DAYS}**, over all answers by weight: {said}."
        yield (
            f"  - *Sign*: concentration rises under {rises} of the weight, stays within {SAME:g} % under {stays}, falls under "
            f"{falls}; it hangs on {turning}."
        )
        yield f"  - *What carries it*: concentration would change by {held} at his own level."
        yield (
            f"  - *Single numbers* that move concentration most, with percentage points over their range: {most}. Alone turn its "
            f"sign: {alone}."
        )


def of_misses(found: Testis) -> list[str]:
    """Return how many published figures are met, and those that are not."""
    verdicts = [(figure, spread, verdict) for figure, spread, verdict in found.judged()]
    by_table = {f"T at FSH {name}": (T_LEVELS, values) for name, values in found.testosterone.items()}
    for name, (levels, values) in {**by_table, "E2": (E2_LEVELS, found.oestradiol)}.items():
        for figure in figures(name):
            spread = found.spread(values[:, levels.index(int(figure.at))], figure.quantity)
            verdicts.append((figure, spread, figure.verdict(spread)))
    missed = [one for one in verdicts if one[2] != "yes"]
    lines = [
        f"{len(verdicts) - len(missed)} of {len(verdicts)} published figures meet the 90 % interval, which holds the model's "
        "numbers, not how men differ. Missed:",
        "",
    ]
    for figure, spread, verdict in missed:
        lost = f"{figure.table}, {figure.at} %" if figure.table != "lost" else f"without {figure.at}, {figure.when}"
        unit = "% of untreated" if figure.unit == "%" else QUANTITIES[figure.quantity].clinical_unit
        what = {**SPERM, **HORMONES}[figure.quantity]
        side = verdict.removeprefix("no: ")
        lines.append(f"- {lost}: {what} {interval(spread)} {unit}; {figure.text}: {side}.")
    return lines


def sections(sets: int) -> dict[str, list[str]]:
    """Return every made part of the page by name."""
    report("the fertile man, clamped and without sites and receptors")
    found = testis(sets)
    drugs: dict[str, dict[str, UnderHypotheses]] = {}
    for drug in DRUGS:
        report(f"{drug} under hypotheses")
        drugs[drug] = {preset: under_answers(preset, drug) for preset in MEN}
    report("what carries the change, and one number at a time")
    parts = {drug: carried(sets, drug) for drug in DRUGS}
    swings = {drug: one_at_a_time(scenario(OBESE, drug)) for drug in DRUGS}
    made = {
        "basis": [
            f"Made by `make local-steroids` (`scripts/make_local_steroids.py`) with testis_abm {version()}: {sets} parameter sets, "
            f"drawn by weight from the {len(shipped())} of the shipped ensemble."
        ],
        "summary": [*steroids_say(found), *sites_say(found), *drugs_say(drugs, parts, swings)],
        "rules": of_rules(),
        **{
            f"testosterone, FSH {name}": of_levels(found, f"T at FSH {name}", T_LEVELS, values)
            for name, values in found.testosterone.items()
        },
        "oestradiol": of_levels(found, "E2", E2_LEVELS, found.oestradiol),
        "course without oestradiol": of_course(found),
        "hormones without": of_hormones(found),
        "sperm without": of_sperm(found),
        "mutants": of_mutants(found),
        "misses": of_misses(found),
        "carried": of_carried(parts),
    }
    for drug, men in drugs.items():
        made[f"{drug}: sperm"] = of_answers(men, SEMEN)
        made[f"{drug}: testis"] = of_answers(men, LOCAL)
        made[f"{drug}: signs"] = of_signs(men)
        for word in SEMEN[:2]:
            made[f"{drug}: what {word} hangs on"] = of_ranks(swings[drug], word, men[OBESE])
    return made


def main() -> None:
    """Work all parts out and write them into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=SETS, help="parameter sets of the ensemble")
    made = sections(parser.parse_args().sets)
    page = filled(PAGE, PAGE.read_text(encoding="utf-8"), made)
    files.write(PAGE, page.encode())
    print("\n".join(made["summary"]))


if __name__ == "__main__":
    main()
