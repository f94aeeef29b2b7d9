"""The mean-field man through time: body, mean cells and tract in one compiled loop, and his steady state without a loop over days."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.axis import (
    BODY,
    DAY,
    HOURS,
    NO_DRUGS,
    AxisParameters,
    body_hour,
    brought,
    damped,
    resting,
    resting_demand,
)
from testis_abm.biology.clamp import nothing
from testis_abm.biology.days import SECRETED, BloodDay, record
from testis_abm.biology.germ import rates_under
from testis_abm.biology.lesions import ailing
from testis_abm.biology.sertoli import signals
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
    COMMITMENT,
    COUNT,
    ELONGATED_SPERMATID,
    ELONGATING_SPERMATID,
    RATES,
    SPERMIATION,
)
from testis_abm.biology.tissue import TissueParameters
from testis_abm.biology.tract import (
    COLLECTED,
    TRACT,
    TractParameters,
    collect,
    emptied,
    normal_forms,
    pressure,
    settle_tract,
    tract_day,
)
from testis_abm.man.body import body_day
from testis_abm.parameters.tubules import ARRESTED, GERMINAL
from testis_abm.support.compile import compiled
from testis_abm.testis.mean import (
    ADHESION,
    AGES,
    ANDROGEN,
    FSH,
    LACK,
    LOCAL_OESTRADIOL,
    SOMA,
    Scale,
    ailing_rates,
    calendar,
    clones_founded,
    count_steps,
    germ_day,
    kill,
    over_tubules,
    rates_of,
    response_of,
    resting_stem_cells,
    soma_day,
    stationary,
    stem_cell_day,
    weight,
)

_FAINTEST = 1e-9
_LONG = 1e6  # days in which every first-order response arrives
_TURNS, _SETTLED = 4000, 1e-10
_UNHELD = nothing(1)

# A morning of the mean-field man: the means of the day before (DAY), what the cauda took in (COLLECTED), and what else
# tells of him.
MORNING = np.dtype(
    [
        *DAY.descr,
        *COLLECTED.descr,
        *record(
            "intratesticular_testosterone_nmol_l",
            "intratesticular_oestradiol_nmol_l",
            "from_leydig",  # parts of the testes' oestradiol
            "from_sertoli",
            "from_germ",
            "inhibition_testis",
            "testicular_oestradiol_share",
            "released_million",
            "elongated_per_sertoli",
            "germ_per_sertoli",
            "a_pale_per_sertoli",
            "a_dark_per_sertoli",
            "back_pressure",
            "glands",
            "fluid",
            "androgen",  # what the Sertoli cells have responded to (sertoli.Response)
            "adhesion",
            "fsh_sensed",
            "lack",
            "bmi",
        ).descr,
    ]
)


class Numbers(NamedTuple):
    """Everything that is fixed about one man; `sperm` is million sperm of one spermatid released per Sertoli cell."""

    axis: AxisParameters
    tissue: TissueParameters
    scale: Scale
    tract: TractParameters
    sperm: float


class MeanTestis(NamedTuple):
    """The mean cells: Leydig and Sertoli (`soma`), and B spermatogonia and their descendants by day of age (see testis/mean.py).

    Attributes:
        stem: (2,) A-dark and A-pale of a niche that keeps germ cells.
        founders, counts, rates: a row for each state of a tubule that holds germ cells (tubules.GERMINAL).
        commitments: (days of a cycle,) clones per cycle that its A-pale have committed to.
    """

    soma: np.ndarray
    stem: np.ndarray
    founders: np.ndarray
    commitments: np.ndarray
    spent: np.ndarray
    descendants: np.ndarray
    counts: np.ndarray
    rates: np.ndarray
    last: int

    @classmethod
    def new(cls, p: TissueParameters) -> MeanTestis:
        """Return cells that have not been settled."""
        spent, descendants = np.zeros((AGES, COUNT)), np.zeros(COUNT)
        last = _calendar(p, spent, descendants)
        commitments = np.zeros(max(1, round(p.germ.cycle_days)))
        founders, counts, rates = (np.zeros((GERMINAL, of)) for of in (AGES, COUNT, len(RATES)))
        return cls(np.ones(SOMA), np.ones(2), founders, commitments, spent, descendants, counts, rates, last)


class State(NamedTuple):
    """The state of a mean-field man: records BODY, TRACT and, of the testis' day before, SECRETED, each in an array (1,)."""

    body: np.ndarray
    tract: np.ndarray
    secreted: np.ndarray
    testis: MeanTestis

    @classmethod
    def new(cls, p: TissueParameters) -> State:
        """Return a state that has not been settled."""
        return cls(np.zeros(1, BODY), np.zeros(1, TRACT), np.zeros(1, SECRETED), MeanTestis.new(p))


@compiled
def _calendar(p, spent, descendants):
    return calendar(p, spent, descendants)


@register_jitable
def _secrete(secreted, made):
    """Keep what the testis gives the body of the next day."""
    secreted.secretory_capacity, secreted.oestradiol_output = made.secretory_capacity, made.oestradiol_output
    secreted.inhibin_output, secreted.aromatase_access = made.inhibin_output, made.aromatase_access


@register_jitable
def _settle_germ_line(testis, pressed, p, scale):
    """Fill the germ line that never changes under the present support; return sperm released per Sertoli cell and day."""
    rates = rates_of(testis.soma, pressed, p)
    resting_stem_cells(testis.stem, rates, p)
    testis.commitments[:] = testis.stem[A_PALE] * rates[COMMITMENT]
    testis.founders[:] = 0.0
    released = 0.0
    for state in range(GERMINAL):
        share, founders, own = weight(state, scale), testis.founders[state], testis.rates[state]
        if share > 0.0:
            ailing_rates(rates, state, p, own)
            founders[0] = 2.0 * testis.stem[A_PALE] * own[COMMITMENT] / p.germ.cycle_days
            ripe = stationary(founders, own, testis.spent, testis.last)
            released += share * ripe * testis.descendants[ELONGATED_SPERMATID] * own[SPERMIATION]
    _count(testis, p, scale)
    return released


@register_jitable
def _count(testis, p, scale):
    """Count the germ cells of each state of a tubule; those that a stop kills have died by then."""
    for state in range(GERMINAL):
        if weight(state, scale) > 0.0:
            founders, counts = testis.founders[state], testis.counts[state]
            count_steps(founders, testis.spent, testis.descendants, testis.last, testis.stem, counts)
            if state == ARRESTED:
                counts[int(p.germ.arrest_before) :] = 0.0


@register_jitable
def _live(testis, rates, blocked, p, scale):
    """Let the germ line live a day under `rates`, the share `blocked` of its niches still; return sperm released per Sertoli cell."""
    stem_cell_day(testis.stem, rates, p)
    founded = clones_founded(testis.commitments, (1.0 - blocked) * testis.stem[A_PALE] * rates[COMMITMENT], p)
    released = 0.0
    for state in range(GERMINAL):
        share, founders, own = weight(state, scale), testis.founders[state], testis.rates[state]
        if share > 0.0:
            ailing_rates(rates, state, p, own)
            entering = ailing(COMMITMENT, founded, state, p)
            released += share * germ_day(founders, entering, own, testis.spent, testis.descendants, testis.last)
    _count(testis, p, scale)
    return released


@register_jitable
def _settle(body, testis, numbers):
    """Bring body, mean cells and germ line to the man's untreated steady state; return what the testis makes, and sperm released.

    The steady state solves a fixed point in free testosterone, oestradiol, inhibin B and back-pressure (all relative):
    each turn works out what one level asks of the next and goes part of the way there, on a log scale.
    """
    a, p, scale = numbers.axis, numbers.tissue, numbers.scale
    x, e2, inhibin, testis_e2 = 1.0, 1.0, 1.0, 1.0
    testis.soma[LOCAL_OESTRADIOL] = scale.oestradiol * scale.oestradiol_free
    for turn in range(_TURNS):
        damping = damped(turn)
        resting(body, x, e2, inhibin, a)
        pressed = pressure(testis_e2, numbers.tract)
        blood = BloodDay(
            max(body.lh, _FAINTEST), body.fsh * a.fsh_reference, x, 0.0, pressed, 1.0, 1.0, x, e2, math.nan, math.nan
        )
        made = soma_day(testis.soma, testis.counts, blood, p, scale, _LONG)
        released = _settle_germ_line(testis, pressed, p, scale)
        new_x, new_e2, new_inhibin = resting_demand(body, x, made, a)
        far = abs(new_x / x - 1.0) + abs(new_e2 - e2) / (e2 + 1e-9) + abs(new_inhibin - inhibin) / (inhibin + 1e-9)
        x *= (new_x / x) ** damping
        e2 += damping * (new_e2 - e2)
        inhibin += damping * (new_inhibin - inhibin)
        testis_e2 = made.oestradiol / scale.oestradiol
        if far < _SETTLED:
            break
    resting(body, x, e2, inhibin, a)
    return made, released, x


@register_jitable
def _tell(morning, made, man, released, numbers):
    """Fill in a morning what body and tract do not."""
    testicular = numbers.axis.testicular_oestradiol_share * made.oestradiol_output
    morning.intratesticular_testosterone_nmol_l = made.testosterone
    morning.intratesticular_oestradiol_nmol_l = made.oestradiol
    morning.from_leydig, morning.from_sertoli, morning.from_germ = made.from_leydig, made.from_sertoli, made.from_germ
    morning.inhibition_testis = made.testis_inhibition
    morning.testicular_oestradiol_share = testicular / max(testicular + morning.peripheral_oestradiol, 1e-12)
    morning.released_million = released
    counts, scale = man.testis.counts, numbers.scale
    elongated = over_tubules(counts, ELONGATING_SPERMATID, scale) + over_tubules(counts, ELONGATED_SPERMATID, scale)
    morning.elongated_per_sertoli = elongated
    morning.a_pale_per_sertoli = over_tubules(counts, A_PALE, scale)
    morning.a_dark_per_sertoli = over_tubules(counts, A_DARK, scale)
    morning.germ_per_sertoli = 0.0
    for step in range(COUNT):
        morning.germ_per_sertoli += over_tubules(counts, step, scale)
    tract = man.tract[0]
    morning.back_pressure, morning.glands, morning.fluid = tract.back_pressure, tract.glands, tract.fluid
    soma = man.testis.soma
    morning.androgen, morning.adhesion = soma[ANDROGEN], soma[ADHESION]
    morning.fsh_sensed, morning.lack = soma[FSH], soma[LACK]


@compiled
def settle(man, numbers, morning):
    """Bring a man (State) of `numbers` (packed) to his untreated steady state; fill in the MORNING that tells of it."""
    numbers = numbers[0]
    body, tract, testis = man.body[0], man.tract[0], man.testis
    made, released, x = _settle(body, testis, numbers)
    released *= numbers.sperm
    testis_e2 = made.oestradiol / numbers.scale.oestradiol
    elongation = signals(response_of(testis.soma), 0.0, numbers.tissue).androgen
    arriving = released * numbers.scale.delivered
    settle_tract(tract, arriving, elongation, x, testis_e2, numbers.tract)
    collect(morning[0], tract, arriving, arriving * normal_forms(elongation, numbers.tract), numbers.tract)
    _secrete(man.secreted[0], made)
    for _ in range(HOURS):
        body_hour(body, numbers.axis, made, NO_DRUGS, _UNHELD[0], morning[0])
    _tell(morning[0], made, man, released, numbers)


@compiled
def settle_each(man, blank, numbers, mornings, shares, abstinence, semen):
    """Bring men of `numbers` (packed) to their untreated steady states, one after another in the state `man`.

    Args:
        man, blank: State, and one that has not been settled.
        mornings: to fill in the MORNING that tells of each.
        shares: of a day's sperm that an ejaculate after `abstinence` days holds, summed over its days.
        semen: to fill in each man's, (men, Emptied).
    """
    testis, new = man.testis, blank.testis
    for i in range(numbers.size):
        man.body[0], man.tract[0], man.secreted[0] = blank.body[0], blank.tract[0], blank.secreted[0]
        testis.soma[:], testis.founders[:], testis.counts[:] = new.soma, new.founders, new.counts
        settle(man, numbers[i : i + 1], mornings[i : i + 1])
        morning = mornings[i]
        sperm, motile = shares * morning.collected_million, shares * morning.collected_motile_million
        normal = shares * morning.collected_normal_million
        tract = numbers[i].tract
        found = emptied(sperm, motile, normal, morning.glands, morning.fluid, abstinence, morning.bmi, tract)
        semen[i, 0], semen[i, 1] = found.volume, found.concentration
        semen[i, 2], semen[i, 3] = found.motility, found.normal


@compiled
def harm(man, survival):
    """Let a share of each type of germ cell of a man (State) survive, (steps,)."""
    kill(man.testis.stem, man.testis.founders, man.testis.spent, survival)


@compiled
def advance(man, numbers, drugs, planned, blocked, mornings):
    """Advance a man (State) of `numbers` (packed) by the days of `planned` (Planned); fill in each MORNING after.

    `blocked`: (days,) share of niches whose stem cells stand still on each day.
    """
    numbers = numbers[0]
    body, tract, secreted, testis = man.body[0], man.tract[0], man.secreted[0], man.testis
    p, scale = numbers.tissue, numbers.scale
    _count(testis, p, scale)
    for day in range(planned.held.size):
        morning, held = mornings[day], planned.held[day]
        body_day(body, numbers.axis, secreted, drugs, planned.doses[day], held, morning)
        blood = brought(morning, tract.back_pressure, held, numbers.axis)
        made = soma_day(testis.soma, testis.counts, blood, p, scale, 1.0)
        _secrete(secreted, made)
        signal = signals(response_of(testis.soma), blood.back_pressure, p)
        rates = rates_under(signal, p)
        released = numbers.sperm * _live(testis, rates, blocked[day], p, scale)
        testis_e2 = made.oestradiol / scale.oestradiol
        arriving = released * scale.delivered
        tract_day(tract, morning, arriving, signal.androgen, blood.tract_androgen, testis_e2, numbers.tract)
        _tell(morning, made, man, released, numbers)
