"""What the table of a trial says of its design: estimand, what befalls men after randomisation, periods, looks, responders."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments.files import ExperimentFile
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, output
from testis_abm.man.regimen import Stop
from testis_abm.scenario import Scenario
from testis_abm.scenario.amounts import NUMBER, number_in, parse_duration, plain
from testis_abm.scenario.condition import Condition, parse_condition
from testis_abm.statistics import MULTIPLICITY, SPENDING
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, shown

TREATMENT_POLICY, HYPOTHETICAL, COMPOSITE = "treatment_policy", "hypothetical", "composite"
WHILE_ON_TREATMENT = "while_on_treatment"
# Estimand (ICH E9 R1) -> what it makes of a man who stopped his treatment.
ESTIMANDS: Mapping[str, str] = {
    TREATMENT_POLICY: "men are measured and analysed whether or not they stopped",
    HYPOTHETICAL: "as if nobody had stopped: what was measured after a stop is left out, and the mixed model takes it as missing at random",
    COMPOSITE: "stopping is a failure: after a stop a man counts with his baseline (no change), and is no responder",
    WHILE_ON_TREATMENT: "the last visit up to a stop stands for the last visit",
}
PARALLEL, CROSSOVER = "parallel", "crossover"
ANCOVA, MIXED = "ancova", "mixed"
_MONTH = 365.25 / 12.0
_MOST_PERIODS, _MOST_LOOKS = 6, 10
_RISE = re.compile(rf"(?:rise|increase) of (?:over |more than )?(?P<number>{NUMBER}) ?%", re.IGNORECASE)
KEYS = (
    "estimand",
    "discontinuation",
    "dropout",
    "design",
    "periods",
    "washout",
    "looks",
    "spending",
    "analysis",
    "responder",
    "secondary",
    "multiplicity",
)


@dataclass(frozen=True)
class Rates:
    """What befalls men at a monthly rate, and when it depends on what is measured of them.

    Attributes:
        monthly: share of men a month; when: what also counts; monthly_when: their share a month where it holds.
    """

    monthly: float = 0.0
    when: Condition | None = None
    monthly_when: float = 0.0

    @property
    def some(self) -> bool:
        """Return whether anybody is struck."""
        return self.monthly > 0.0 or self.when is not None

    def chance(self, days: float, held: np.ndarray) -> np.ndarray:
        """Return the chance to be struck within some days, (men,), of men of whom `when` holds or not."""
        monthly = np.where(held, self.monthly_when, self.monthly)
        return np.asarray(1.0 - (1.0 - monthly) ** (days / _MONTH))

    def days(self, men: int, seed: Sequence[int]) -> np.ndarray:
        """Return the day on which each man is struck at the monthly rate, (men,), from day 1 on; infinite: never."""
        drawn = np.random.default_rng(seed).standard_exponential(men)
        with np.errstate(divide="ignore"):
            return (
                np.ceil(np.maximum(drawn * _MONTH / -np.log1p(-self.monthly), 1e-9))
                if self.monthly
                else np.full(men, math.inf)
            )


@dataclass(frozen=True)
class Design:
    """A design as read.

    Attributes:
        estimand: of ESTIMANDS.
        discontinuation: of treatment: by rate or, for good, once `when` is met at a visit; dropout: loss to follow-up.
        periods: of a cross-over (1: parallel arms); length, washout: of each in days.
        looks: shares of the men after whose last visit the trial is looked at; spending: of alpha.
        analysis: estimators, the first of which decides.
        responder: what makes one at the last visit; None: a rise.
        family: columns of the outcomes whose p are adjusted together, the primary first; multiplicity: how.
    """

    estimand: str = TREATMENT_POLICY
    discontinuation: Rates = Rates()
    dropout: Rates = Rates()
    periods: int = 1
    length: int = 0
    washout: int = 0
    looks: tuple[float, ...] = (1.0,)
    spending: str = SPENDING[0]
    analysis: tuple[str, ...] = (ANCOVA, MIXED)
    responder: Condition | None = None
    family: tuple[str, ...] = ()
    multiplicity: str = MULTIPLICITY[0]

    @property
    def crossover(self) -> bool:
        """Return whether every man has all treatments in turn."""
        return self.periods > 1

    def begins(self, period: int) -> int:
        """Return the first day of a period, counted from 0."""
        return period * (self.length + self.washout)


def read_design(table: Mapping[str, Any], file: ExperimentFile, outcome: str, known: Sequence[str]) -> Design:
    """Return the design of a trial.

    Args:
        table: of the trial; file: its arms; outcome: word of the primary one; known: words that screening measures.

    Raises:
        ScenarioError: an entry that is none, or that does not go with another; named by its key.
    """
    given, assay, days = (
        {key: table[key] for key in KEYS if key in table},
        file.scenario.samples.assay,
        file.scenario.plan.duration_days,
    )
    design = guard.word(given.get("design", PARALLEL), (PARALLEL, CROSSOVER), "design")
    estimand = guard.word(given.get("estimand", TREATMENT_POLICY), ESTIMANDS, "estimand")
    # What is left out after a stop is missing at random, not completely so.
    usual = [MIXED, ANCOVA] if estimand == HYPOTHETICAL else [ANCOVA, MIXED]
    found = Design(
        estimand=estimand,
        discontinuation=_rates(given.get("discontinuation"), "discontinuation", assay),
        dropout=_rates(given.get("dropout"), "dropout", assay),
        looks=_looks(given.get("looks", [1.0])),
        spending=guard.word(given.get("spending", SPENDING[0]), SPENDING, "spending"),
        analysis=_words(given.get("analysis", usual), (ANCOVA, MIXED), "analysis"),
        family=_family(given.get("secondary", []), outcome, known, assay),
        multiplicity=guard.word(given.get("multiplicity", MULTIPLICITY[0]), MULTIPLICITY, "multiplicity"),
    )
    if "responder" in given:
        if "responder_pct" in table:
            raise ScenarioError("responder: and responder_pct both say what a responder is; leave one out")
        found = replace(found, responder=_responder(given["responder"], assay))
    if found.estimand == WHILE_ON_TREATMENT and found.analysis[0] == MIXED:
        raise ScenarioError(
            'analysis: "mixed" takes all visits; while on treatment each man has one value: write analysis = "ancova"'
        )
    if design == PARALLEL:
        for key in ("periods", "washout"):
            if key in given:
                raise ScenarioError(f'{key}: is of a cross-over; write design = "crossover", or leave it out')
        return found
    for key in ("looks", "discontinuation", "estimand", "analysis", "responder", "responder_pct", "allocation"):
        if key in table:
            raise ScenarioError(
                f"{key}: is of parallel arms; leave it out of a cross-over, whose men are compared with themselves"
            )
    arms = len(file.arms)
    periods = guard.whole(given.get("periods", arms), arms, max(arms, _MOST_PERIODS), "periods")
    with guard.at("washout"):
        washout = round(parse_duration(given.get("washout", 0)))
    length, rest = divmod(days - (periods - 1) * washout, periods)
    if length < 1:
        raise ScenarioError(
            f"washout: {periods} periods with {washout} days between them leave no day of treatment in a plan of {days} days; "
            "shorten washout or lengthen plan.duration"
        )
    if rest:
        fit = days - rest
        raise ScenarioError(
            f"periods: {days} days less washout are no {periods} periods of whole days; give plan.duration = "
            f'"{fit} days" or "{fit + periods} days"'
        )
    return replace(found, periods=periods, length=length, washout=washout)


def _rates(given: object, name: str, assay: str) -> Rates:
    """Return rates as `0.03`, or as a table with rate, when and (of drop-out) rate_when."""
    if given is None:
        return Rates()
    table: Mapping[str, Any] = (
        {"rate": given} if guard.is_number(given) else guard.mapping(given, name, "{ rate = 0.03 }")
    )
    of_men = name == "dropout"
    keys = ("rate", "when", "rate_when") if of_men else ("rate", "when")
    with guard.at(name):
        for key in table:
            guard.key(key, keys, "key")
        monthly = guard.number(table.get("rate", 0.0), 0.0, 0.9, "rate", "a month")
        with guard.at("when"):
            # A stop is decided as a dose is; a drop-out follows from what a visit of the trial measured.
            when = parse_condition(table.get("when"), "visit" if of_men else "dose")
            if when is not None and when.days:
                raise ScenarioError(f"{when}: is asked at every visit; leave out the day")
            if when is not None and of_men:
                _at_visits(when, assay)
        if of_men and ("rate_when" in table) != (when is not None):
            raise ScenarioError(
                "rate_when: goes with when: the share that is lost a month of men of whom it held at the last visit"
            )
        return Rates(monthly, when, guard.number(table.get("rate_when", 0.0), 0.0, 0.9, "rate_when", "a month"))


def _at_visits(condition: Condition, assay: str) -> None:
    """Make sure that visits of a trial measure what a condition asks.

    Raises:
        ScenarioError: they do not.
    """
    laboratory = Laboratory({}, assay)
    for clause in condition.clauses:
        if laboratory.column(clause.column) not in (*COLUMNS, "bmi", "age"):
            raise ScenarioError(
                f"{clause.quantity} is not measured at the visits of a trial; known: {', '.join(OUTPUTS)}"
            )


def _looks(given: object) -> tuple[float, ...]:
    usage = "write rising shares of the men that end with 1, as looks = [0.5, 1.0]"
    if not isinstance(given, list) or not given or not all(guard.is_number(share) for share in given):
        raise ScenarioError(f"looks: {shown(given)} is no list of numbers; {usage}")
    shares = [float(share) for share in given]
    if (
        len(shares) > _MOST_LOOKS
        or shares[0] <= 0.0
        or shares[-1] != 1.0
        or any(b <= a for a, b in itertools.pairwise(shares))
    ):
        raise ScenarioError(f"looks: {shown(given)} does not rise to 1 (at most {_MOST_LOOKS}, above 0); {usage}")
    return tuple(shares)


def _words(given: object, known: Sequence[str], name: str) -> tuple[str, ...]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not words:
        raise ScenarioError(f"{name}: {shown(given)} is no list of {', '.join(known)}")
    return tuple(dict.fromkeys(guard.word(word, known, name) for word in words))


def _family(given: object, outcome: str, known: Sequence[str], assay: str) -> tuple[str, ...]:
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list):
        raise ScenarioError(f'secondary: {shown(given)} is no list of outcomes; for example ["testosterone", "LH"]')
    family = [outcome]
    with guard.at("secondary"):
        for word in words:
            family.append(output(word, assay))
            if family[-1] not in known:
                raise ScenarioError(f"{family[-1]} is not measured at screening; known: {', '.join(known)}")
            if family[-1] in family[:-1]:
                raise ScenarioError(f"{family[-1]} is named twice, or is the primary outcome")
    return tuple(OUTPUTS[word].column for word in family)


def _responder(given: object, assay: str) -> Condition | None:
    """Return the condition that makes a responder."""
    with guard.at("responder"):
        if isinstance(given, str) and _RISE.fullmatch(plain(given)):
            return None
        condition = parse_condition(given, "visit")
        if condition is None or condition.days:
            raise ScenarioError(f"{shown(given)}: is asked at the last visit; leave out the day")
        _at_visits(condition, assay)
        return condition


def rise_of(table: Mapping[str, Any]) -> float:
    """Return over what rise in % a man is a responder: of responder = "rise of 50 %", or responder_pct (20)."""
    text = table.get("responder")
    match = _RISE.fullmatch(plain(text)) if isinstance(text, str) else None
    given = number_in(match["number"]) if match else table.get("responder_pct", 20.0)
    return guard.number(given, -100.0, 10_000.0, "responder" if match else "responder_pct")


def stops_of(design: Design, men: int, seed: int, treated: Sequence[bool], visits: Sequence[int]) -> list[Stop | None]:
    """Return when each man leaves his drugs; None of men who have none, or where nobody stops."""
    if not design.discontinuation.some:
        return [None] * men
    days = design.discontinuation.days(men, (seed, 43))
    when = design.discontinuation.when
    return [
        Stop(float(day), when, tuple(visits) if when else ()) if own else None
        for day, own in zip(days, treated, strict=True)
    ]


# ---- cross-over


def sequences(arms: int, periods: int) -> list[tuple[int, ...]]:
    """Return the orders of treatments, balanced for the one before (Williams 1949): rows of one Latin square, or of two for an odd number.

    More periods than treatments go on from the start of the row.
    """
    zigzag = [0, *itertools.chain.from_iterable((k, arms - k) for k in range(1, arms // 2 + 1))][:arms]
    rows = [[(k + shift) % arms for k in zigzag] for shift in range(arms)]
    rows += [row[::-1] for row in rows] if arms % 2 else []
    return [tuple(row[k % arms] for k in range(periods)) for row in rows]


def in_turn(arms: Mapping[str, Scenario], order: Sequence[int], design: Design) -> Scenario:
    """Return the scenario of a man who has treatments in turn, each counted from the start of its period and ended with it.

    Raises:
        ScenarioError: arms that differ in more than therapy.
    """
    cases = list(arms.values())
    for name, case in arms.items():
        if case.weight or case.clamp or _but_therapy(case) != _but_therapy(cases[0]):
            raise ScenarioError(
                f"arm {name}: arms of a cross-over differ in therapy alone; leave out weight, clamp, insult and set"
            )
    therapy = []
    for period, arm in enumerate(order):
        first, end = design.begins(period), design.begins(period) + design.length
        for given in cases[arm].therapy:
            if given.first_day >= design.length:
                continue
            when = given.when and replace(
                given.when,
                clauses=tuple(
                    replace(clause, day=None if clause.day is None else clause.day + first)
                    for clause in given.when.clauses
                ),
            )
            until = math.inf if given.every_days is None else min(first + given.until_day, float(end))
            therapy.append(
                given.model_copy(update={"from_day": given.from_day + first, "until_day": until, "when": when})
            )
    return cases[0].model_copy(update={"therapy": tuple(therapy)})


def _but_therapy(case: Scenario) -> Scenario:
    return case.model_copy(update={"therapy": (), "title": ""})
