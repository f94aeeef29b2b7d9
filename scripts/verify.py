"""Verification: does the program compute what its equations say? `make verify`, or in some minutes `make verify ARGS=--quick`.

Beside the tests, which are quick and exact: theory of birth and death, steady states that stay over years, pharmacokinetics and mass
balance against closed forms, both engines on random scenarios, and the mutation score of the rules. Random numbers are seeded, so
that a report is made again to the last digit. Writes verify.md and verify.json into runs/verify; exit code 1 if a row fails.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import re
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numba import njit

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from conftest import NORMAL_BLOOD  # noqa: E402 (of the tests: one home for small tissues)
from small_tissue import SmallModel, assert_same  # noqa: E402
from test_reference_engine import balance  # noqa: E402

import testis_abm as ta  # noqa: E402
from testis_abm import parameters  # noqa: E402
from testis_abm.biology import niche, steps  # noqa: E402
from testis_abm.biology.axis import DAY, body_hour, lh_activity, testosterone_made  # noqa: E402
from testis_abm.biology.binding import free_testosterone  # noqa: E402
from testis_abm.biology.clamp import nothing  # noqa: E402
from testis_abm.biology.days import HOURS  # noqa: E402
from testis_abm.biology.draws import child, lineages  # noqa: E402
from testis_abm.biology.germ import durations  # noqa: E402
from testis_abm.biology.mechanisms import EXPOSURES, NO_DRUGS  # noqa: E402
from testis_abm.biology.niche import Around, a_pale_turn  # noqa: E402
from testis_abm.biology.pharmacology import Dose, Kinetics, absorb_and_clear, doses_by_day, expose  # noqa: E402
from testis_abm.man.mean_field import ExpectedMan  # noqa: E402
from testis_abm.man.physiology import complete  # noqa: E402
from testis_abm.support import files  # noqa: E402
from testis_abm.support.errors import Note  # noqa: E402

_ERRORS = 4.0  # standard errors: by chance one row in 16 000 lies beyond
_LEAST_SCORE = 0.9  # of mutants that a test notices


@dataclass(frozen=True)
class Row:
    """One comparison: `found` must lie within `allowed` of `expected`."""

    part: str
    what: str
    expected: float
    found: float
    allowed: float

    @property
    def holds(self) -> bool:
        """Return whether it does."""
        return bool(abs(self.found - self.expected) <= self.allowed)  # a nan does not


def _reference() -> tuple[dict[str, float], dict[str, float]]:
    return complete(parameters.values()), {name: field.value for name, field in parameters.physiology().items()}


# ---- theory of birth and death


@njit
def _lines(founders, around, numbers, turns, counts):
    """Follow the A-pale of each founder, all founding a clone at every turn, through `turns` at a density that stands still."""
    for k in range(founders.size):
        line = np.empty(1, np.uint64)
        line[0] = founders[k]
        for turn in range(turns):
            after = np.empty(2 * line.size, np.uint64)
            n = 0
            for lineage in line:
                did = a_pale_turn(lineage, turn, 1.0, 1.0, around, numbers)
                if did.lost or did.leaves:
                    continue
                after[n] = lineage
                n += 1
                if did.renews:
                    after[n] = child(lineage, niche.RENEWED + turn)
                    n += 1
            line = after[:n]
            counts[turn, k] = n


def turnover(quick: bool) -> Iterator[Row]:
    """Stem cells at a density that stands still are a Galton-Watson process: mean, variance and extinction by generation."""
    part, many, turns = "stem-cell turnover", 4_000 if quick else 40_000, 12
    numbers = SmallModel().tissue.p.niche
    for density, name in ((1.0, "in balance"), (1.4, "in a crowd"), (0.7, "where few are")):
        fed = 9.0
        around = Around(density * fed * numbers.a_pale_present, 9.0, 9.0, fed)
        counts = np.zeros((turns, many), np.int64)
        _lines(lineages(11, 5, many), around, numbers, turns, counts)
        gone = numbers.stem_cell_loss + (1.0 - numbers.stem_cell_loss) * niche.used_up(density, numbers)
        two = (1.0 - gone) * niche.renewal(density, 1.0, numbers)
        one = 1.0 - gone - two
        mean, variance = one + 2.0 * two, one + 4.0 * two - (one + 2.0 * two) ** 2
        extinct = 0.0
        for turn in range(turns):
            extinct = gone + one * extinct + two * extinct**2
            if turn + 1 not in (1, 4, turns):
                continue
            n, expected = turn + 1, mean ** (turn + 1)
            spread = (
                n * variance if abs(mean - 1.0) < 1e-12 else variance * mean ** (n - 1) * (mean**n - 1) / (mean - 1)
            )
            error = _ERRORS * math.sqrt(spread / many)
            yield Row(part, f"{name}, cells of a founder after {n} turns", expected, counts[turn].mean(), error)
            error = _ERRORS * math.sqrt(extinct * (1.0 - extinct) / many)
            yield Row(part, f"{name}, lines extinct after {n} turns", extinct, (counts[turn] == 0).mean(), error)


def drift(quick: bool) -> Iterator[Row]:
    """Clones drift neutrally: the share of the descendants of any half of the stem cells is a martingale."""
    shares, left = [], []
    for seed in range(8 if quick else 40):
        model = SmallModel(seed=seed + 1, tubules=4, sertoli_per_tubule=26, rows=3).settle()
        germ = model.tissue.columns.germ
        rows = germ.rows()
        stem = rows[germ.step[rows] <= steps.A_PALE]
        marked = np.random.default_rng(seed).permutation(len(stem)) % 2
        germ.founder[stem] = np.arange(len(stem)) * 2 + marked
        for _ in range(365 if quick else 1460):
            model.step()
        rows = germ.rows()
        founders = germ.founder[rows[germ.step[rows] <= steps.A_PALE]]
        shares.append((founders % 2).mean())
        left.append(len(np.unique(founders)) / len(stem))
    error = _ERRORS * np.std(shares, ddof=1) / math.sqrt(len(shares))
    yield Row("stem-cell turnover", "share of a marked half of the stem cells", 0.5, float(np.mean(shares)), error)
    # Some clones die out in any drift: a line without turnover would keep all.
    yield Row("stem-cell turnover", "clones left of those marked (0.2 to 0.9)", 0.55, float(np.mean(left)), 0.35)


def survival(quick: bool) -> Iterator[Row]:
    """Survival through each type is exp(-hazard x days), and the time spent in it its integral (Little's law)."""
    part, days, block = "survival through types", 640 if quick else 3200, 32
    withdrawn = NORMAL_BLOOD._replace(lh_activity=0.15, fsh_iu_l=1.0, free_testosterone=0.5)
    for name, blood in (("normal blood", NORMAL_BLOOD), ("hormones withdrawn", withdrawn)):
        model = SmallModel(seed=3, tubules=12, sertoli_per_tubule=26)
        model.blood = blood
        model.settle()
        tissue = model.tissue
        mean_days = np.array(durations(tissue.p))
        width = tissue.p.germ.duration_variation * math.sqrt(3.0)
        here = np.zeros((days, steps.COUNT))
        completed, died = np.zeros_like(here), np.zeros_like(here)
        hazards = np.zeros(steps.COUNT)
        for day in range(days):
            model.step()
            here[day] = tissue.counts()
            completed[day], died[day] = tissue.events.completed.sum(axis=0), tissue.events.deaths.sum(axis=0)
            hazards += (
                tissue.columns.sertoli.rates[:, steps.HAZARD : steps.HAZARD + steps.COUNT].mean(axis=(0, 2)) / days
            )
        for step in range(steps.B_SPERMATOGONIUM, steps.COUNT):
            passed, lost = completed[:, step].sum(), died[:, step].sum()
            total, load = passed + lost, hazards[step] * mean_days[step]
            # A cell's days are uniform within (1 -+ width) of the mean.
            lives = math.exp(-load) * (math.sinh(load * width) / (load * width) if load * width else 1.0)
            label = f"{name}, {steps.NAMES[step]}"
            error = _ERRORS * math.sqrt(lives * (1.0 - lives) / total) + 1e-12
            yield Row(part, f"{label}: share that lives", lives, passed / total, error)
            stays = (1.0 - lives) / hazards[step] if hazards[step] else mean_days[step]
            blocks = here[:, step].reshape(-1, block).sum(axis=1) - stays * (completed + died)[:, step].reshape(
                -1, block
            ).sum(axis=1)
            error = _ERRORS * blocks.std(ddof=1) * math.sqrt(len(blocks)) / total + 0.002 * stays
            yield Row(part, f"{label}: mean days in it", stays, here[:, step].sum() / total, error)


# ---- steady states


def rest(quick: bool) -> Iterator[Row]:
    """Nothing moves by itself: the mean-field man to rounding, cells by less than they fluctuate."""
    years = 3 if quick else 20
    values, fertile = _reference()
    for preset in ("fertile", "obese_low_t_e2", "primary_hypogonadism"):
        man = fertile | dict(ta.load({"man": {"preset": preset}, "plan": {"duration": "12 days"}}).man.physiology)
        found = ExpectedMan(values, man)
        found.advance(np.zeros((365 * years, 2 * HOURS, 0)))
        for column in ("testosterone_nmol_l", "oestradiol_pmol_l", "lh_iu_l", "fsh_iu_l", "released_million"):
            level = found.days[column]
            change = float(np.abs(level / level[0] - 1.0).max()) if level[0] else float(np.abs(level).max())
            yield Row(
                "steady state",
                f"mean-field man, {preset}: {column}, largest change in {years} years",
                0.0,
                change,
                1e-5,
            )
    span, lines, first = (4, 4, 10) if quick else (30, 8, 10)
    by_year = np.zeros((lines, first + span, steps.COUNT))
    for line in range(lines):
        model = SmallModel(seed=100 + line, tubules=12, sertoli_per_tubule=26).settle()
        for year in range(first + span):
            for _ in range(365):
                model.step()
                by_year[line, year] += model.tissue.counts() / 365
    rates = model.tissue.columns.sertoli.rates.mean(axis=(0, 2))
    pale = niche.resting_a_pale(rates[steps.FED], model.tissue.p.niche)
    dark = niche.resting_a_dark(pale, rates[steps.COMMITMENT], model.tissue.p.niche)
    by_year, begun = by_year[:, first:], by_year[:, 0].mean(axis=0) / model.tissue.sertoli_count
    held = by_year.mean(axis=(0, 1)) / model.tissue.sertoli_count
    # Cells feel their neighbourhood, whose numbers vary; the mean-field man has the mean alone.
    for step, mean in ((steps.A_PALE, pale), (steps.A_DARK, dark)):
        what = f"cells, {steps.NAMES[step]} a niche after {first} years (in the first: {begun[step]:.3f}), beside the mean field"
        yield Row("steady state", what, mean, float(held[step]), 0.12 * mean)
    years_on = np.arange(span) - (span - 1) / 2.0
    slopes = np.einsum("y,lys->ls", years_on, by_year) / (years_on**2).sum() / by_year.mean(axis=(0, 1))
    for step in range(steps.A_DARK, steps.COUNT):
        error = _ERRORS * slopes[:, step].std(ddof=1) / math.sqrt(lines)
        yield Row(
            "steady state",
            f"cells, {steps.NAMES[step]}: relative change a year ({lines} tissues, {span} years from the {first}th on)",
            0.0,
            float(slopes[:, step].mean()),
            max(error, 0.005),
        )


# ---- pharmacokinetics


@njit
def _hours(drugs, doses, exposure, amounts):
    for day in range(doses.shape[0]):
        for hour in range(24):
            expose(drugs, doses[day], hour, exposure)
            amounts[24 * day + hour] = drugs.central


def _curve(hours: np.ndarray, absorbed: float, cleared: float) -> np.ndarray:
    """Return the amount in blood and tissues `hours` after a unit has entered the depot (Bateman)."""
    since = np.maximum(hours, 0.0)
    if abs(absorbed - cleared) < 1e-9 * cleared:
        amount = cleared * since * np.exp(-cleared * since)
    else:
        amount = absorbed / (absorbed - cleared) * (np.exp(-cleared * since) - np.exp(-absorbed * since))
    return np.where(hours > 0.0, amount, 0.0)


def kinetics(quick: bool) -> Iterator[Row]:
    """Depot and one compartment, the two that every substance has, against closed forms: one dose, repeated, missed, steady."""
    part, exposure = "pharmacokinetics", np.zeros(len(EXPOSURES))
    once, often, area_is, plateau = (
        "one dose",
        "thirty doses, four of them missed",
        "area under the curve over dose / clearance",
        "released evenly: plateau over rate / clearance",
    )
    worst = dict.fromkeys((once, often, area_is, plateau), 0.0)
    drugs = list(parameters.drugs().values())
    given = np.array([day for day in range(30) if day not in (3, 4, 11, 20)])
    count = 0
    for drug in drugs:
        known = Kinetics.of([drug])
        for k in range(len(known.names)):
            volume, absorbed, cleared = known.volume[k], known.absorption[k], known.elimination[k]
            if volume == 0.0:
                continue
            count += 1
            for name, days in ((once, given[:1]), (often, given)):
                depots, length = known.depots(), 60
                doses = doses_by_day(known, [Dose(float(day), drug.name, 1.0) for day in days], 0, length)
                amounts = np.zeros((24 * length, len(known.names)))
                _hours(depots, doses, exposure, amounts)
                at = 1.0 + np.arange(24 * length)
                # What an hour brings evenly enters at its start; of what comes and goes within the hour, in twelve parts.
                pieces = 12 if depots.pulsed[k] else 1
                expected = np.zeros(len(at))
                for hour in np.flatnonzero(doses[:, :HOURS, k]):
                    expected += doses[:, :HOURS, k].flat[hour] * _curve(at - hour, absorbed, cleared)
                for hour in np.flatnonzero(doses[:, HOURS:, k]):
                    for piece in range(pieces):
                        amount = doses[:, HOURS:, k].flat[hour] / pieces
                        expected += amount * _curve(at - hour - piece / pieces, absorbed, cleared)
                off = np.abs(amounts[:, k] - expected).max() / expected.max()
                worst[name] = max(worst[name], off)
            if known.release[k]:
                depots = known.depots()
                doses = doses_by_day(known, [Dose(0.0, drug.name, 1.0)], 0, round(known.release[k] / HOURS))
                _hours(depots, doses, exposure, np.zeros((doses.shape[0] * HOURS, len(known.names))))
                arrives = -math.expm1(-cleared * (known.release[k] - HOURS))  # not all of it yet, of what leaves slowly
                expected = known.load[k] / known.release[k] / (cleared * volume)
                # Levels are mean over the day.
                before_end = (1.0 - math.exp(-cleared * HOURS)) / (cleared * HOURS)
                arrives = 1.0 - (1.0 - arrives) * before_end
                worst[plateau] = max(worst[plateau], abs(depots.levels[k, 0] / (expected * arrives) - 1.0))
            else:  # all that was given is cleared, in the end
                depot, central, area, step = known.load[k], 0.0, 0.0, max(1.0, 0.2 / min(absorbed, cleared))
                for _ in range(400):
                    before = central
                    depot, central, entered = absorb_and_clear(depot, central, absorbed, cleared, step)
                    area += (before + entered - central) / cleared / volume
                worst[area_is] = max(worst[area_is], abs(area / (known.load[k] / (cleared * volume)) - 1.0))
    for name, off in worst.items():
        yield Row(part, f"{count} substances, {name}: largest relative error", 0.0, off, 1e-9)
    yield from _whole_path(part)


def _whole_path(part: str) -> Iterator[Row]:
    """From the scenario to the table of results: daily means of anastrozole under doses of which some are missed."""
    plan = {"baseline": "2 days", "duration": "40 days", "replicates": 1}
    therapy = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "missed": ["day 12", "day 13", "day 25"]}
    result = ta.run({"plan": plan, "tissue": {"tubules": 1, "sertoli_per_tubule": 6}, "therapy": [therapy]})
    table = result.tables["drugs"]
    table = table[(table["arm"] == "treated") & (table["day"] >= 1)]
    known = Kinetics.of([parameters.drugs()["anastrozole"]])
    (absorbed,), (cleared,), (load,), (volume,) = known.absorption, known.elimination, known.load, known.volume

    def area(hours: np.ndarray) -> np.ndarray:
        """Return the area under _curve up to `hours`."""
        since = np.maximum(hours, 0.0)
        return (
            absorbed
            / (absorbed - cleared)
            * (-np.expm1(-cleared * since) / cleared + np.expm1(-absorbed * since) / absorbed)
        )

    morning = 24.0 * table["day"].to_numpy()
    taken = [24.0 * day for day in range(40) if day not in (12, 13, 25)]
    expected = sum(area(morning - hour) - area(morning - 24.0 - hour) for hour in taken) * load / volume / 24.0
    found = table["concentration_mean"].to_numpy()
    yield Row(
        part,
        "scenario to table, daily mean of anastrozole with three missed doses: largest relative error",
        0.0,
        float(np.abs(found / expected - 1.0).max()),
        1e-6,
    )
    steady = load / (cleared * volume) / 24.0
    yield Row(
        part,
        "anastrozole 1 mg a day, mean on day 12 over dose / (clearance x interval) less what is still to come",
        1.0 - math.exp(-cleared * 24.0 * 12),
        float(found[11] / steady),
        0.01,
    )


# ---- mass balance


def masses(quick: bool) -> Iterator[Row]:
    """What is made is cleared or still there: steroids by the hour, cells by the day."""
    values, fertile = _reference()
    man = ExpectedMan(values, fertile)
    p, body, testis = (
        man.numbers.axis,
        man.state.body.copy().view(np.recarray)[0],
        man.state.secreted.view(np.recarray)[0],
    )
    held = nothing(1).view(np.recarray)[0]
    made_at_reference = p.testosterone_free_clearance * p.free_testosterone_reference

    def flows(exposure: Any, days: int) -> tuple[float, float, float]:
        """Return testosterone made, cleared and more in the body after some days, over what was made."""
        made = cleared = 0.0
        before = body.testosterone_nmol_l
        for _ in range(24 * days):
            start, shbg = body.testosterone_nmol_l, body.shbg_nmol_l
            body_hour(body, p, testis, exposure, held, np.zeros(1, DAY).view(np.recarray)[0])
            activity = lh_activity(body.lh, exposure.hcg_iu_l, p)
            made += (made_at_reference * testosterone_made(testis, activity, 1.0, p) + exposure.testosterone) / 24.0
            free = [
                free_testosterone(total, shbg, p.shbg_binding, p.albumin_binding)
                for total in (start, body.testosterone_nmol_l)
            ]
            cleared += p.testosterone_free_clearance * sum(free) / 2.0 / 24.0
        kept = p.testosterone_distribution * (body.testosterone_nmol_l - before)
        return made, cleared, kept

    part = "mass balance"
    made, cleared, kept = flows(NO_DRUGS, 2)
    yield Row(part, "testosterone at rest: cleared over made", 1.0, cleared / made, 1e-6)
    given = NO_DRUGS._replace(testosterone=20_000.0)
    made, cleared, kept = flows(given, 20)
    yield Row(
        part, "testosterone under 20 umol a day more: cleared and kept over made", 1.0, (cleared + kept) / made, 0.005
    )
    yield from _cells(part, quick)


def _cells(part: str, quick: bool) -> Iterator[Row]:
    """Every day, by tubule and type: what entered less what completed it or died is the change in number."""
    rng, days, off = np.random.default_rng(8), 0, 0
    for seed in range(3 if quick else 20):
        model = SmallModel(seed=seed + 40, tubules=3, sertoli_per_tubule=26).settle()
        for _ in range(120):
            if rng.random() < 0.1:
                model.blood = NORMAL_BLOOD._replace(
                    lh_activity=float(rng.uniform(0.02, 2.0)),
                    fsh_iu_l=float(rng.uniform(0.0, 9.0)),
                    inhibitor=float(rng.choice([0.0, 300.0])),
                )
            before = model.tissue.columns.sertoli.counts.astype(int)
            model.step()
            days += 1
            try:
                balance(before, model.tissue)
            except AssertionError:
                off += 1
    yield Row(
        part, f"cells: days of {days} on which born differs from died, matured and released", 0.0, float(off), 0.0
    )


# ---- engines


def engines(quick: bool) -> Iterator[Row]:
    """The plain agents and the compiled engine give the same tables, to the last bit, on random scenarios."""
    rng, presets, drugs = np.random.default_rng(21), list(parameters.presets()), list(parameters.drugs().values())
    many, differ, refused, tried = 6 if quick else 60, 0, 0, 0
    warnings.simplefilter("ignore", Note)  # of men of whom a small tissue holds too little
    while tried < many and refused < 10 * many:
        table = _random(rng, presets, drugs)
        try:
            ta.load(table)
        except ta.TestisError:  # a route, a dose or an interval that the tables do not allow
            refused += 1
            continue
        tried += 1
        one, other = (ta.run(table, overrides={"plan.engine": engine}) for engine in ("compiled", "reference"))
        differ += any(not one.tables[name].equals(other.tables[name]) for name in one.tables)
    yield Row("engines", f"random scenarios of {tried} on which a table differs", 0.0, float(differ), 0.0)
    yield Row("engines", "random scenarios that were run", float(many), float(tried), 0.0)
    differ = 0
    for seed in range(2 if quick else 12):
        pair = [SmallModel(engine, 900 + seed, 3, 14).settle() for engine in ("compiled", "reference")]
        blood = NORMAL_BLOOD._replace(lh_activity=float(rng.uniform(0.02, 3.0)), fsh_iu_l=float(rng.uniform(0.0, 12.0)))
        for model in pair:
            model.blood = blood
            for _ in range(40):
                model.step()
        try:
            assert_same(pair[0].tissue, pair[1].tissue)
        except AssertionError:
            differ += 1
    yield Row("engines", "tissues under random blood on which a cell differs", 0.0, float(differ), 0.0)


def _random(rng: np.random.Generator, presets: Sequence[str], drugs: Sequence[Any]) -> dict[str, Any]:
    def one(of: Sequence[Any]) -> Any:
        return of[int(rng.integers(len(of)))]

    therapies = []
    for _ in range(int(rng.integers(0, 3))):
        drug = one(drugs)
        if drug.regimen:
            course = drug.regimen[0]
            every = course.every_hours or 24.0 * course.days
            dose = f"{course.dose * one((0.5, 1.0)):g} {drug.dose_unit}"
            therapies.append({"drug": drug.name, "dose": dose, "every": f"{every:g} hours"})
    table: dict[str, Any] = {
        "man": {"preset": one(presets), "bmi": float(round(rng.uniform(20, 38), 1))},
        "plan": {"baseline": "14 days", "duration": "30 days", "replicates": 1, "seed": int(rng.integers(1, 10_000))},
        "tissue": {"tubules": int(rng.integers(1, 3)), "sertoli_per_tubule": int(rng.integers(6, 13))},
        "therapy": therapies,
    }
    if rng.random() < 0.4:
        table["insult"] = [
            one(
                (
                    {"kind": "irradiation", "dose": "1 Gy", "day": "day 5"},
                    {"kind": "fever", "days": "3 days", "peak": "39 C", "day": "day 4"},
                )
            )
        ]
    if rng.random() < 0.3:
        table["weight"] = [{"bmi": 27, "until": "day 30"}]
    return table


# ---- the tests themselves


def mutants(quick: bool) -> Iterator[Row]:
    """Of changes of one place of a rule, drawn at random, most make a test fail."""
    size = 20 if quick else 240
    command = [sys.executable, str(ROOT / "benchmarks/mutation.py"), "--sample", str(size)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    told = re.search(r"caught (\d+) of (\d+) mutants", done.stdout)
    if told is None:
        raise SystemExit(f"{' '.join(command)}: no score\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    print("\n".join(f"  {line}" for line in done.stdout.splitlines() if line.lstrip("\r").startswith("alive")))
    caught, tried = int(told[1]), int(told[2])
    chance = 2.0 * math.sqrt(_LEAST_SCORE * (1.0 - _LEAST_SCORE) / tried)
    what = f"share of {tried} mutants that a test of the rules notices (at least {_LEAST_SCORE:g}, less two standard errors)"
    yield Row("mutation", what, 1.0, caught / tried, 1.0 - _LEAST_SCORE + chance)


def slow(quick: bool) -> Iterator[Row]:
    """The tests that take long (marked slow)."""
    if quick:
        return
    command = [sys.executable, "-m", "pytest", "-q", "-m", "slow", "--numprocesses", "auto", "--maxprocesses", "4"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout)}
    if not counts:
        raise SystemExit(f"{' '.join(command)}: no tests\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    if done.returncode:
        print(done.stdout[-3000:])
    yield Row(
        "slow tests",
        f"failed, of {sum(counts.values())}",
        0.0,
        float(counts.get("failed", 0) + counts.get("error", 0)),
        0.0,
    )


PARTS: dict[str, Callable[[bool], Iterator[Row]]] = {
    check.__name__: check for check in (turnover, drift, survival, rest, kinetics, masses, engines, mutants, slow)
}


# ---- report


def report(rows: Sequence[Row], seconds: dict[str, float], quick: bool) -> str:
    """Return the report as Markdown."""
    failed = [row for row in rows if not row.holds]
    lines = [
        "# Verification",
        "",
        f"Made by `make verify{' ARGS=--quick' if quick else ''}` with testis_abm {ta.__version__}, Python {platform.python_version()}, numpy {np.__version__}: "
        f"{len(rows) - len(failed)} of {len(rows)} comparisons hold; {sum(seconds.values()):.0f} s.",
        "",
    ]
    for part in dict.fromkeys(row.part for row in rows):
        lines += [
            f"## {part[0].upper()}{part[1:]}",
            "",
            "| | expected | found | allowed | |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [
            f"| {row.what} | {row.expected:.6g} | {row.found:.6g} | {row.allowed:.2g} | {'' if row.holds else 'FAILS'} |"
            for row in rows
            if row.part == part
        ]
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Check, report, and say by the exit code whether all holds."""
    parser = argparse.ArgumentParser(description="verification of the program")
    parser.add_argument("--quick", action="store_true", help="smaller samples: some minutes")
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--out", type=Path, default=ROOT / "runs/verify")
    given = parser.parse_args()
    rows: list[Row] = []
    seconds: dict[str, float] = {}
    for name in given.parts:
        begun = time.monotonic()
        found = list(PARTS[name](given.quick))
        seconds[name] = time.monotonic() - begun
        rows += found
        print(f"{name}: {sum(row.holds for row in found)} of {len(found)} hold ({seconds[name]:.0f} s)", flush=True)
        for row in found:
            if not row.holds:
                print(
                    f"  FAILS {row.part}: {row.what}: {row.found:.6g}, expected {row.expected:.6g} +- {row.allowed:.2g}"
                )
    given.out.mkdir(parents=True, exist_ok=True)
    kept = {"version": ta.__version__, "quick": given.quick, "seconds": seconds}
    kept["rows"] = [asdict(row) | {"holds": row.holds} for row in rows]
    files.write(given.out / "verify.json", json.dumps(kept, indent=1) + "\n")
    files.write(given.out / "verify.md", report(rows, seconds, given.quick))
    print(f"{os.path.relpath(given.out / 'verify.md')}: {sum(row.holds for row in rows)} of {len(rows)} hold")
    sys.exit(not all(row.holds for row in rows))


if __name__ == "__main__":
    main()
