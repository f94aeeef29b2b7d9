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
from testis_abm.biology.sertoli import signals
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
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
    Arriving,
    Stored,
    TractParameters,
    collect,
    emptied,
    hurt_in_transit,
    hurt_row,
    normal_forms,
    pressure,
    settle_tract,
    tract_day,
)
from testis_abm.man.body import body_day
from testis_abm.parameters.tubules import ARRESTED, COMPLETE, GERMINAL, REDUCED
from testis_abm.support.compile import compiled
from testis_abm.testis.mean import (
    ADHESION,
    AGES,
    ANDROGEN,
    FSH,
    LACK,
    LOCAL_OESTRADIOL,
    SOMA,
    Calendar,
    GermLine,
    Scale,
    ailing_rates,
    calendar,
    count_steps,
    germ_day,
    of_testes,
    over_tubules,
    rates_of,
    response_of,
    soma_day,
    stationary,
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
            "testes",  # share of them that is there
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


class Lines(NamedTuple):
    """The germ line in tubules of each state that holds germ cells (tubules.GERMINAL).

    Compiled code takes them by name: a place that is no constant costs more than a turn of the search for a steady state.
    """

    complete: GermLine
    reduced: GermLine
    arrested: GermLine


class MeanTestis(NamedTuple):
    """The mean cells: Leydig and Sertoli (`soma`), and the germ line (see testis/mean.py).

    `counts` and `rates` have a row for each state of a tubule that holds germ cells (tubules.GERMINAL).
    """

    soma: np.ndarray
    lines: Lines
    calendar: Calendar
    counts: np.ndarray
    rates: np.ndarray

    @classmethod
    def new(cls, p: TissueParameters) -> MeanTestis:
        """Return cells that have not been settled."""
        spent, descendants = np.zeros((AGES, COUNT)), np.zeros(COUNT)
        last = _calendar(p, spent, descendants)
        counts, rates = np.zeros((GERMINAL, COUNT)), np.zeros((GERMINAL, len(RATES)))
        lines = Lines(*(GermLine.new(p.germ.cycle_days) for _ in range(GERMINAL)))
        return cls(np.ones(SOMA), lines, Calendar(spent, descendants, last), counts, rates)


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


# The states are spelled out, and a state takes no more than it needs: handing on a tuple of all numbers, or picking a
# line by a place that is no constant, costs more than what is done with them.


@register_jitable
def _settle_germ_line(testis, pressed, p, scale):
    """Fill the germ line that never changes under the present support; return sperm released per Sertoli cell and day."""
    rates, lines, own, counts = rates_of(testis.soma, pressed, p), testis.lines, testis.rates, testis.counts
    calendar, niche, cycle, released = testis.calendar, p.niche, p.germ.cycle_days, 0.0
    if scale.complete > 0.0:
        ailing_rates(rates, COMPLETE, p, own[COMPLETE])
        released += scale.complete * _rest(lines.complete, own[COMPLETE], counts[COMPLETE], calendar, niche, cycle)
    if scale.reduced > 0.0:
        ailing_rates(rates, REDUCED, p, own[REDUCED])
        released += scale.reduced * _rest(lines.reduced, own[REDUCED], counts[REDUCED], calendar, niche, cycle)
    if scale.arrested > 0.0:
        ailing_rates(rates, ARRESTED, p, own[ARRESTED])
        released += scale.arrested * _rest(lines.arrested, own[ARRESTED], counts[ARRESTED], calendar, niche, cycle)
        _stop(counts, p)
    return released


@register_jitable
def _rest(line, rates, counts, calendar, niche, cycle_days):
    """Fill and count a germ line at rest; return what it releases a day."""
    ripe = stationary(line, rates, calendar, niche, cycle_days)
    count_steps(line, calendar, 1.0, counts)
    return ripe * calendar.descendants[ELONGATED_SPERMATID] * rates[SPERMIATION]


@register_jitable
def _stop(counts, p):
    """Leave out those that a stop kills: they have died by the time that cells are counted."""
    counts[ARRESTED, int(p.germ.arrest_before) :] = 0.0


@register_jitable
def _count(testis, p, scale):
    """Count the germ cells of every state that the man has."""
    lines, counts, calendar = testis.lines, testis.counts, testis.calendar
    if scale.complete > 0.0:
        count_steps(lines.complete, calendar, 1.0, counts[COMPLETE])
    if scale.reduced > 0.0:
        count_steps(lines.reduced, calendar, 1.0, counts[REDUCED])
    if scale.arrested > 0.0:
        count_steps(lines.arrested, calendar, 1.0, counts[ARRESTED])
        _stop(counts, p)


@register_jitable
def _live(testis, rates, p, scale):
    """Let the germ line live a day under `rates`; return sperm released per Sertoli cell, and the mean harm they carry."""
    lines, own, calendar, niche, cycle = testis.lines, testis.rates, testis.calendar, p.niche, p.germ.cycle_days
    released, carried = 0.0, 0.0
    if scale.complete > 0.0:
        ailing_rates(rates, COMPLETE, p, own[COMPLETE])
        sperm, harm = germ_day(lines.complete, own[COMPLETE], calendar, niche, cycle)
        released, carried = scale.complete * sperm, scale.complete * sperm * harm
    if scale.reduced > 0.0:
        ailing_rates(rates, REDUCED, p, own[REDUCED])
        sperm, harm = germ_day(lines.reduced, own[REDUCED], calendar, niche, cycle)
        released, carried = released + scale.reduced * sperm, carried + scale.reduced * sperm * harm
    if scale.arrested > 0.0:
        ailing_rates(rates, ARRESTED, p, own[ARRESTED])
        sperm, harm = germ_day(lines.arrested, own[ARRESTED], calendar, niche, cycle)
        released, carried = released + scale.arrested * sperm, carried + scale.arrested * sperm * harm
    _count(testis, p, scale)
    return released, carried / released if released > 0.0 else 0.0


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
    present, counts, scale = man.testis.lines.complete.present, man.testis.counts, numbers.scale
    morning.testes = 0.5 * (present[0] + present[1])
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
    collect(morning[0], tract, arriving, arriving * normal_forms(elongation, numbers.tract), 0.0, numbers.tract)
    _secrete(man.secreted[0], made)
    for _ in range(HOURS):
        body_hour(body, numbers.axis, made, NO_DRUGS, _UNHELD[0], morning[0])
    _tell(morning[0], made, man, released, numbers)


@compiled
def hurt(man, numbers, harm):
    """Let the sperm in the epididymis of a man (State) take harm; of those in the cauda his mornings tell."""
    hurt_in_transit(man.tract[0], harm, numbers[0].tract)


@compiled
def hurt_mornings(mornings, numbers, harm):
    """Let the sperm that the cauda took in before such `mornings` take harm."""
    for day in range(mornings.size):
        hurt_row(mornings[day], harm, numbers[0].tract)


@compiled
def settle_each(man, blank, numbers, mornings, shares, rested, semen):
    """Bring men of `numbers` (packed) to their untreated steady states, one after another in the state `man`.

    Args:
        man, blank: State, and one that has not been settled.
        mornings: to fill in the MORNING that tells of each.
        shares: of a day's sperm that an ejaculate holds, summed over its days; rested: its abstinence and aged (tract.Rest).
        semen: to fill in each man's, (men, Emptied).
    """
    testis, new = man.testis, blank.testis
    for i in range(numbers.size):
        man.body[0], man.tract[0], man.secreted[0] = blank.body[0], blank.tract[0], blank.secreted[0]
        testis.soma[:], testis.counts[:] = new.soma, new.counts
        lines, empty = testis.lines, new.lines
        lines.complete.founders[:] = empty.complete.founders
        lines.reduced.founders[:] = empty.reduced.founders
        lines.arrested.founders[:] = empty.arrested.founders
        settle(man, numbers[i : i + 1], mornings[i : i + 1])
        morning = mornings[i]
        stored = Stored(
            shares * morning.collected_million,
            shares * morning.collected_motile_million,
            shares * morning.collected_normal_million,
            shares * morning.collected_fragmented_million,
        )
        tract = numbers[i].tract
        found = emptied(stored, morning.glands, morning.fluid, rested[0], rested[1], morning.bmi, tract)
        semen[i, 0], semen[i, 1] = found.volume, found.concentration
        semen[i, 2], semen[i, 3], semen[i, 4] = found.motility, found.normal, found.fragmented


@compiled
def advance(man, numbers, drugs, planned, opened, mornings):
    """Advance a man (State) of `numbers` (packed) by the days of `planned` (Planned); fill in each MORNING after.

    `opened`: share of the testes that are there whose duct is open.
    """
    numbers = numbers[0]
    body, tract, secreted, testis = man.body[0], man.tract[0], man.secreted[0], man.testis
    p, scale = numbers.tissue, numbers.scale
    _count(testis, p, scale)
    present = testis.lines.complete.present
    there = 0.5 * (present[0] + present[1])
    for day in range(planned.held.size):
        morning, held = mornings[day], planned.held[day]
        body_day(body, numbers.axis, secreted, drugs, planned.doses[day], held, morning)
        blood = brought(morning, tract.back_pressure, held, numbers.axis)
        made = of_testes(soma_day(testis.soma, testis.counts, blood, p, scale, 1.0), there)
        _secrete(secreted, made)
        signal = signals(response_of(testis.soma), blood.back_pressure, p)
        rates = rates_under(signal, p)
        released, harm = _live(testis, rates, p, scale)
        released *= numbers.sperm
        testis_e2 = made.oestradiol / scale.oestradiol
        arriving = Arriving(released * scale.delivered, harm, opened, planned.pace[day])
        tract_day(tract, morning, arriving, signal.androgen, blood.tract_androgen, testis_e2, numbers.tract)
        _tell(morning, made, man, released, numbers)
