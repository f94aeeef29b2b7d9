"""The equations of a man as names and formulas: body, mean Leydig and Sertoli cell, drugs in him, and his doses.

The model advances the body by hours and the cells by days, each by first-order steps that are exact while their target stands
still. Here the targets move on: the same equations in continuous time. The germ line is held at its state of day 0 (what it
adds to aromatase and calls forth of inhibin B), and so are the tract and its pressure, which the blood does not feel.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from testis_abm.biology import axis, sertoli
from testis_abm.biology.clamp import nothing
from testis_abm.biology.days import HOURS, named
from testis_abm.biology.mechanisms import EXPOSURES, MECHANISMS, NO_DRUGS
from testis_abm.biology.sertoli import Response
from testis_abm.biology.steps import NAMES
from testis_abm.choices import TREATMENTS
from testis_abm.exports.trace import Formulas, Means, Node, States, Symbols, Tracer, node, symbol
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete, is_adult
from testis_abm.man.treat import Treatment
from testis_abm.parameters.tubules import Tubules
from testis_abm.scenario import Scenario
from testis_abm.support import guard
from testis_abm.support.errors import TestisError
from testis_abm.testis import mean

MOST_DOSES = 2000  # changes of dosing: doses of one size and rhythm are one
_SOMA = (
    "capacity",
    "expression",
    "androgen",
    "adhesion",
    "fsh",
    "lack",
    "local_oestradiol",
)  # in the order of mean.SOMA
_LAG_DAYS = 1.0  # of what Leydig cells sense of oestradiol: in the model, that of the day before
# States that only drugs move: without such an exposure they stand still.
_MOVED_BY = {
    "fat_aromatase": "aromatase_inactivation",
    "testis_aromatase": "aromatase_inactivation",
    "five_alpha_1": "five_alpha_1_loss",
    "five_alpha_2": "five_alpha_2_loss",
}
_GNRH = ("gnrh_mean", "gnrh_tonic", "gnrh_receptor")


class Doses(NamedTuple):
    """Equal doses in a regular rhythm: which substance, its amount (nmol or IU) at the absorption site, days."""

    substance: int
    amount: float
    first: float
    every: float
    times: int


class Infusion(NamedTuple):
    """What enters evenly, from a day on: which substance, nmol or IU a day."""

    substance: int
    day: float
    per_day: float


@dataclass(frozen=True)
class Equations:
    """A man as equations; time in days from the morning of day 0.

    Attributes:
        constants: name -> value; states: name -> value on day 0; rates: state -> formula, 1/day.
        variables: name -> formula.
        levels: variables that are levels of the model (axis.DAY, total steroid of the testis, and what the testis secretes).
        substances: name of each substance, its amount in depot and blood being states `depot_NAME` and `central_NAME`.
        doses, infusions: given within the plan.
        man: on day 0.
    """

    constants: Mapping[str, float]
    states: Mapping[str, float]
    rates: Mapping[str, str]
    variables: Mapping[str, str]
    levels: tuple[str, ...]
    substances: tuple[str, ...]
    doses: tuple[Doses, ...]
    infusions: tuple[Infusion, ...]
    man: ExpectedMan


def equations(case: Scenario, physiology: Mapping[str, float] | None = None) -> Equations:
    """Return the equations of a scenario's man (or of one of that physiology), as he is on the morning of day 0, under its doses.

    Raises:
        TestisError: the scenario does what the equations do not hold (see `_check`).
    """
    treatment = Treatment(case, history=True)
    _check(case, treatment)
    man = treatment.man(complete(case.values()), case.man.physiology if physiology is None else physiology)
    treatment.up_to_day_0(man)
    if not is_adult(man.man):
        raise TestisError("man: an immature testis comes of age, which the equations do not hold; take a grown man")
    return _traced(man, treatment)


def _check(case: Scenario, treatment: Treatment) -> None:
    """Refuse what changes the man in other ways than by doses that are known beforehand, or within the hour."""
    for name in TREATMENTS:
        if name != "therapy" and getattr(case, name):
            raise TestisError(f"{name}: the equations hold drugs alone; leave [[{name}]] out")
    if treatment.decides:
        raise TestisError(
            "therapy: the equations cannot decide on doses by measurements; write when = ... as plain doses"
        )
    if any(therapy.adherence < 1.0 for therapy in case.therapy):
        raise TestisError("adherence: the equations hold doses that are known beforehand; leave it out")
    for drug in treatment.drugs:
        for substance in drug.substances:
            if any(MECHANISMS[action].pulsed for action in substance.actions):
                raise TestisError(
                    f"therapy: {drug.name} comes and goes within the hour, which the equations do not hold; leave it out"
                )


def _traced(man: ExpectedMan, treatment: Treatment) -> Equations:
    used: dict[str, Node] = {}
    numbers, state = man.numbers, man.state
    p_axis, p_tissue = Symbols(numbers.axis, "axis_", used), Symbols(numbers.tissue, "", used)
    scale, unheld = Symbols(numbers.scale, "scale_", used), SimpleNamespace(**named(nothing(1)[0]))
    drugs, exposure = _drugs(man, treatment, used)
    still = tuple(name for name, by in _MOVED_BY.items() if by not in exposure)
    body = States(named(state.body[0]), "body_", (*still, *_GNRH))
    soma = _Soma(dict(zip(_SOMA, state.testis.soma.tolist(), strict=True)))
    secreted = named(state.secreted[0])
    testis = SimpleNamespace(**{name: symbol(f"testis_{name}", value) for name, value in secreted.items()})
    exposed = type(NO_DRUGS)(*(exposure.get(name, 0.0) for name in EXPOSURES))

    tracer, means = Tracer(_STEPS), Means()
    tracer.of(axis.body_hour)(body, p_axis, testis, exposed, unheld, means)
    day = SimpleNamespace(**{name: _in_a_day(value) for name, value in means.added.items()})
    tracer.of(axis.body_night)(body, p_axis, day)
    blood = tracer.of(axis.brought)(day, 0.0, unheld, p_axis)
    counts = _Counts(state.testis.counts, used)
    made = tracer.of(mean.soma_day)(soma, counts, blood, p_tissue, scale, 1.0)
    now = soma.states.plain["local_oestradiol"]
    lagged = soma.states.symbols["local_oestradiol"]
    rates = {**soma.states.rates, "local_oestradiol": (now - lagged) / _LAG_DAYS}

    levels = {**vars(day), "intratesticular_testosterone_nmol_l": made.testosterone}
    levels["intratesticular_oestradiol_nmol_l"] = made.oestradiol
    levels |= {f"testis_{name}": getattr(made, name) for name in secreted}
    formulas = Formulas(levels, {*used, *body.names, *soma.states.names, *drugs.states, *drugs.inputs})
    moved = {f"body_{name}": formulas.of(rate) for name, rate in body.rates.items() if name not in still}
    moved |= {f"soma_{name}": formulas.of(rate) for name, rate in rates.items()}
    moved |= {name: formulas.of(rate) for name, rate in drugs.rates.items()}
    states = {f"body_{name}": value for name, value in named(state.body[0]).items()}
    states |= {f"soma_{name}": soma.states.symbols[name].value for name in _SOMA} | drugs.states
    bolus, infusions = _given(man, treatment)
    return Equations(
        {name: one.value for name, one in used.items()},
        {name: states[name] for name in moved},
        moved,
        formulas.variables,
        tuple(levels),
        drugs.names,
        bolus,
        infusions,
        man,
    )


def _in_a_day(added: Any) -> Any:
    """Return what an hour adds to a mean, over its share of the day."""
    one = node(added)
    hour = one.args[1] if one.op == "*" and len(one.args) == 2 else None
    if hour is not None and hour.op == "number" and math.isclose(hour.value, 1.0 / HOURS):
        return one.args[0]
    return node(one.value * HOURS) if one.op == "number" else one * float(HOURS)


def _responses_kept(p: Any, dt: Any) -> Response:
    """Return, in the place of the shares kept, the days of each response."""
    receptor = p.receptor
    return Response(receptor.response_days, receptor.adhesion_days, receptor.response_days, receptor.lack_days)


def _responded(response: Any, level: Any, days: Any) -> Node:
    after = symbol(response.name, response.value)
    after.rate = (node(level) - response) / days
    return after


# Rules of the Sertoli cell that take a first-order step in two parts.
_STEPS = {sertoli.responses_kept.__name__: _responses_kept, sertoli.responded.__name__: _responded}


class _Soma:
    """The mean Leydig and Sertoli cell by the numbers that rules know them by."""

    def __init__(self, values: Mapping[str, float]) -> None:
        self.states = States(values, "soma_")

    def __getitem__(self, which: int) -> Node:
        return getattr(self.states, _SOMA[which])  # type: ignore[no-any-return]

    def __setitem__(self, which: int, value: Any) -> None:
        setattr(self.states, _SOMA[which], value)


class _Counts:
    """Germ cells per Sertoli cell, as constants where there are any."""

    def __init__(self, counts: np.ndarray, used: dict[str, Node]) -> None:
        self._counts, self._used = counts, used

    def __getitem__(self, place: tuple[int, int]) -> Any:
        state, step = place
        name = f"germ_{Tubules._fields[state]}_{NAMES[step]}"
        return self._used.setdefault(name, symbol(name, float(self._counts[state, step]), fixed=True))


class _Drugs(NamedTuple):
    """The substances: what enters each evenly (`inputs`), their amounts and rates."""

    names: tuple[str, ...]
    inputs: tuple[str, ...]
    states: dict[str, float]
    rates: dict[str, Node]


def _drugs(man: ExpectedMan, treatment: Treatment, used: dict[str, Node]) -> tuple[_Drugs, dict[str, Any]]:
    """Return the compartments of each substance, and what they add to the exposures."""
    kinetics, amounts = man.kinetics, man.drugs
    pairs = [(drug, part) for drug in treatment.drugs for part in drug.substances]
    names, states, rates = [], {}, {}
    exposure: dict[str, Any] = {}

    def constant(name: str, value: float) -> Node:
        return used.setdefault(name, symbol(name, value, fixed=True))

    for k, (drug, part) in enumerate(pairs):
        name = drug.name if part.name == drug.name else f"{drug.name}_{part.name}"
        names.append(name)
        absorption = constant(f"absorption_{name}", float(kinetics.absorption[k]) * HOURS)
        depot = symbol(f"depot_{name}", float(amounts.depot[k]))
        rates[depot.name] = symbol(f"release_{name}", 0.0) - absorption * depot
        states[depot.name], leaving = depot.value, absorption * depot
        if kinetics.elimination[k] > 0.0:
            elimination = constant(f"elimination_{name}", float(kinetics.elimination[k]) * HOURS)
            central = symbol(f"central_{name}", float(amounts.central[k]))
            states[central.name], rates[central.name] = central.value, leaving - elimination * central
            leaving = elimination * central
        level = leaving
        if not kinetics.releases(k):
            level = symbol(f"central_{name}", states[f"central_{name}"]) / constant(
                f"volume_{name}", float(kinetics.volume[k])
            )
        level.label = f"level_{name}"
        numbers = {key: number.value for key, number in part.numbers.items()}
        for row in (row for action in part.actions for row in MECHANISMS[action].exposed):
            added = level / constant(f"{row.over}_{name}", numbers[row.over]) if row.over else level
            if row.times:
                added = added * constant(f"{row.times}_{name}", numbers[row.times])
            exposure[row.exposure] = exposure.get(row.exposure, 0.0) + added
    return _Drugs(tuple(names), tuple(f"release_{name}" for name in names), states, rates), exposure


def _given(man: ExpectedMan, treatment: Treatment) -> tuple[tuple[Doses, ...], tuple[Infusion, ...]]:
    """Return what the plan gives: doses by rhythm, and changes of what enters evenly."""
    table = treatment.doses(man.man)
    if not table.shape[2]:
        return (), ()
    bolus = [run for k in range(table.shape[2]) for run in _rhythms(k, table[:, :HOURS, k].ravel())]
    infusions = [change for k in range(table.shape[2]) for change in _changes(k, table[:, HOURS:, k].ravel())]
    guard.few(len(bolus) + len(infusions), MOST_DOSES, "changes of dosing", "plan fewer days", "therapy")
    return tuple(bolus), tuple(infusions)


def _rhythms(k: int, hourly: np.ndarray) -> Iterator[Doses]:
    hours = np.flatnonzero(hourly)
    i = 0
    while i < len(hours):
        amount, j = hourly[hours[i]], i + 1
        gap = int(hours[j] - hours[i]) if j < len(hours) else 0
        while j < len(hours) and hours[j] - hours[j - 1] == gap and math.isclose(hourly[hours[j]], amount):
            j += 1
        yield Doses(k, float(amount), float(hours[i]) / HOURS, gap / HOURS, j - i)
        i = j


def _changes(k: int, hourly: np.ndarray) -> Iterator[Infusion]:
    before = 0.0
    for hour, amount in enumerate([*hourly.tolist(), 0.0]):
        if not math.isclose(amount, before, rel_tol=1e-9, abs_tol=1e-15):
            yield Infusion(k, hour / HOURS, amount * HOURS)
            before = amount
