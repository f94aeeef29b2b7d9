"""The mean-field man through time: body, mean cells and tract in one compiled loop, and his steady state without a loop over days."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba.extending import register_jitable

from testis_abm.biology.axis import (
    BODY,
    DAY,
    AxisParameters,
    body_hour,
    brought,
    resting,
    resting_demand,
    resting_tract_androgen,
)
from testis_abm.biology.clamp import nothing
from testis_abm.biology.days import HOURS, SECRETED, BloodDay, record
from testis_abm.biology.fixed_point import Search, begin, take
from testis_abm.biology.germ import rates_under
from testis_abm.biology.mechanisms import NO_DRUGS
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
    collect_settled,
    emptied,
    hurt_in_transit,
    hurt_row,
    pressure,
    settle_tract,
    tract_day,
)
from testis_abm.man.body import body_day
from testis_abm.parameters.tubules import ARRESTED, COMPLETE, GERMINAL
from testis_abm.support.compile import compiled
from testis_abm.testis.mean import (
    ADHESION,
    AGES,
    ANDROGEN,
    FSH,
    LACK,
    LOCAL_OESTRADIOL,
    SOMA,
    Fates,
    Scale,
    ailing_rates,
    calendar,
    count_steps,
    fates,
    freed_shares,
    germ_day,
    indexed,
    new_lines,
    of_testes,
    over_tubules,
    rates_of,
    response_of,
    soma_day,
    stationary,
    survive,
)
from testis_abm.testis.mean import inhibin as inhibin_of

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
            "freed_round_million",  # and spermatids lost on the way to release
            "freed_elongating_million",
            "retained_million",
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


class MeanTestis(NamedTuple):
    """The mean cells: Leydig and Sertoli (`soma`), and the germ line (see testis/mean.py); its clone's `calendar`, (1,) of CALENDAR.

    `lines` (of GERM_LINE), `counts` and `rates` have a row for each state of a tubule that holds germ cells (tubules.GERMINAL).
    """

    soma: np.ndarray
    lines: np.ndarray
    calendar: np.ndarray
    counts: np.ndarray
    rates: np.ndarray

    @classmethod
    def new(cls, p: TissueParameters) -> MeanTestis:
        """Return cells that have not been settled."""
        spent, descendants = np.zeros((AGES, COUNT)), np.zeros(COUNT)
        known = indexed(spent, descendants, _calendar(p, spent, descendants))
        counts, rates = np.zeros((GERMINAL, COUNT)), np.zeros((GERMINAL, len(RATES)))
        return cls(np.ones(SOMA), new_lines(p.germ.cycle_days), known, counts, rates)


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


@compiled(error_model="numpy")
def _calendar(p, spent, descendants):
    return calendar(p, spent, descendants)


@register_jitable
def _secrete(secreted, made):
    """Keep what the testis gives the body of the next day."""
    secreted.secretory_capacity, secreted.oestradiol_output = made.secretory_capacity, made.oestradiol_output
    secreted.inhibin_output, secreted.aromatase_access = made.inhibin_output, made.aromatase_access


@register_jitable
def _settle_germ_line(testis, pressed, change, p, scale):
    """Fill the germ line that never changes under the present support and `change` (see ailing_rates); return sperm released per Sertoli cell and day."""
    rates, calendar, shares, released = rates_of(testis.soma, pressed, p), testis.calendar[0], _shares(scale), 0.0
    lines, own = testis.lines, testis.rates
    for state in range(GERMINAL):
        if shares[state] > 0.0:
            there = own[state]
            ailing_rates(rates, state, change, p, there)
            ripe = stationary(lines[state], there, calendar, p.niche, p.germ.cycle_days)
            released += shares[state] * (ripe * calendar.descendants[ELONGATED_SPERMATID] * there[SPERMIATION])
    _count(testis, p, scale)
    return released


@register_jitable
def _shares(scale):
    """Return the shares of the man's tubules in each state that holds germ cells (tubules.GERMINAL)."""
    return scale.complete, scale.reduced, scale.arrested


@register_jitable
def _count(testis, p, scale):
    """Count the germ cells of every state that the man has."""
    lines, counts, calendar, shares = testis.lines, testis.counts, testis.calendar[0], _shares(scale)
    for state in range(GERMINAL):
        if shares[state] > 0.0:
            count_steps(lines[state], calendar, 1.0, counts[state])
    if scale.arrested > 0.0:  # those that a stop kills have died by the time that cells are counted
        counts[ARRESTED, int(p.germ.arrest_before) :] = 0.0


@register_jitable
def _live(testis, rates, change, androgen, p, scale):
    """Let the germ line live a day under `rates`; return sperm released per Sertoli cell, the mean harm they carry, and the Fates of the lost.

    `change`: see ailing_rates; `androgen`: signal for adhesion.
    """
    lines, own, calendar, shares = testis.lines, testis.rates, testis.calendar[0], _shares(scale)
    released, carried, freed_round, freed_elongating, retained = 0.0, 0.0, 0.0, 0.0, 0.0
    for state in range(GERMINAL):
        share = shares[state]
        if share > 0.0:
            there, line = own[state], lines[state]
            ailing_rates(rates, state, change, p, there)
            survive(there, calendar, line.survived)
            lost = fates(line, there, freed_shares(there, state, androgen, p), calendar)
            sperm, harm = germ_day(line, there, calendar, p.niche, p.germ.cycle_days)
            released, carried = released + share * sperm, carried + share * sperm * harm
            freed_round += share * lost.freed_round
            freed_elongating += share * lost.freed_elongating
            retained += share * lost.retained
    _count(testis, p, scale)
    lost = Fates(freed_round, freed_elongating, retained)
    return released, carried / released if released > 0.0 else 0.0, lost


@register_jitable
def _fates(testis, androgen, p, scale):
    """Return what becomes of the spermatids that are lost in a day at rest (Fates), per Sertoli cell."""
    lines, own, calendar, shares = testis.lines, testis.rates, testis.calendar[0], _shares(scale)
    freed_round, freed_elongating, retained = 0.0, 0.0, 0.0
    for state in range(GERMINAL):
        share = shares[state]
        if share > 0.0:
            lost = fates(lines[state], own[state], freed_shares(own[state], state, androgen, p), calendar)
            freed_round += share * lost.freed_round
            freed_elongating += share * lost.freed_elongating
            retained += share * lost.retained
    return Fates(freed_round, freed_elongating, retained)


@register_jitable
def _settle(body, testis, change, numbers):
    """Bring body, mean cells and germ line to the man's untreated steady state under a `change` (see ailing_rates); return what the testis makes, and sperm released.

    The steady state solves a fixed point in free testosterone, oestradiol, inhibin B and back-pressure (all relative):
    each turn works out what one level asks of the next (see fixed_point).
    """
    a, p, scale = numbers.axis, numbers.tissue, numbers.scale
    testis_e2 = 1.0
    testis.soma[LOCAL_OESTRADIOL] = scale.oestradiol * scale.oestradiol_free
    search = Search(np.empty(3), np.empty(3), np.empty((3, 3)), np.empty(3))
    asked = np.empty(3)
    begin(search)
    for turn in range(_TURNS):
        x, e2, inhibin = math.exp(search.level[0]), search.level[1], search.level[2]
        resting(body, x, e2, inhibin, a)
        pressed = pressure(testis_e2, numbers.tract)
        tract = resting_tract_androgen(x, a)
        blood = BloodDay(
            max(body.lh, _FAINTEST),
            body.fsh * a.fsh_reference,
            x,
            0.0,
            pressed,
            1.0,
            1.0,
            tract,
            e2,
            math.nan,
            math.nan,
            1.0,
        )
        made = soma_day(testis.soma, testis.counts, blood, p, scale, _LONG)
        released = _settle_germ_line(testis, pressed, change, p, scale)
        new_x, new_e2, _before = resting_demand(body, x, made, a)
        # Of the germ cells that now are there.
        new_inhibin = inhibin_of(testis.soma[FSH], testis.counts, p, scale)
        asked[0], asked[1], asked[2] = math.log(new_x / x), new_e2 - e2, new_inhibin - inhibin
        far = abs(asked[0]) + abs(asked[1]) / (e2 + 1e-9) + abs(asked[2]) / (inhibin + 1e-9)
        far += abs(made.oestradiol / scale.oestradiol - testis_e2)
        testis_e2 = made.oestradiol / scale.oestradiol
        if far < _SETTLED:
            break
        take(search, turn, asked)
    return made, released, x


@register_jitable
def _arriving(released, harm, opened, lost, pace, sperm, scale):
    """Return what the tract gets (Arriving) of `released` million sperm and what was `lost` (Fates); `sperm`: see Numbers."""
    freed = (lost.freed_round + lost.freed_elongating) * sperm
    return Arriving(released * scale.delivered, harm, opened, freed * scale.delivered, pace)


@register_jitable
def _tell(morning, made, man, released, lost, numbers):
    """Fill in a morning what body and tract do not; `lost`: Fates per Sertoli cell."""
    testicular = numbers.axis.testicular_oestradiol_share * made.oestradiol_output
    morning.intratesticular_testosterone_nmol_l = made.testosterone
    morning.intratesticular_oestradiol_nmol_l = made.oestradiol
    morning.from_leydig, morning.from_sertoli, morning.from_germ = made.from_leydig, made.from_sertoli, made.from_germ
    morning.inhibition_testis = made.testis_inhibition
    morning.testicular_oestradiol_share = testicular / max(testicular + morning.peripheral_oestradiol, 1e-12)
    morning.released_million = released
    morning.freed_round_million = lost.freed_round * numbers.sperm
    morning.freed_elongating_million = lost.freed_elongating * numbers.sperm
    morning.retained_million = lost.retained * numbers.sperm
    present, counts, scale = man.testis.lines[COMPLETE].present, man.testis.counts, numbers.scale
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


@compiled(error_model="numpy")
def settle(man, numbers, change, morning):
    """Bring a man (State) of `numbers` (packed) to his untreated steady state; fill in the MORNING that tells of it.

    `change` (2, steps.RATES, 0 or 1): factors of and additions to the rates that Sertoli cells set, from outside.
    """
    numbers = numbers[0]
    body, tract, testis = man.body[0], man.tract[0], man.testis
    made, released, x = _settle(body, testis, change, numbers)
    released *= numbers.sperm
    testis_e2 = made.oestradiol / numbers.scale.oestradiol
    p, scale = numbers.tissue, numbers.scale
    elongation = signals(response_of(testis.soma), 0.0, p).androgen
    lost = _fates(testis, elongation, p, scale)
    arriving = _arriving(released, 0.0, 1.0, lost, 1.0, numbers.sperm, scale)
    settle_tract(tract, arriving, elongation, resting_tract_androgen(x, numbers.axis), testis_e2, numbers.tract)
    collect_settled(morning[0], tract, arriving, elongation, numbers.tract)
    _secrete(man.secreted[0], made)
    for _ in range(HOURS):
        body_hour(body, numbers.axis, made, NO_DRUGS, _UNHELD[0], morning[0])
    _tell(morning[0], made, man, released, lost, numbers)


@compiled(error_model="numpy")
def hurt(man, numbers, harm):
    """Let the sperm in the epididymis of a man (State) take harm; of those in the cauda his mornings tell."""
    hurt_in_transit(man.tract[0], harm, numbers[0].tract)


@compiled(error_model="numpy")
def hurt_mornings(mornings, numbers, harm):
    """Let the sperm that the cauda took in before such `mornings` take harm."""
    for day in range(mornings.size):
        hurt_row(mornings[day], harm, numbers[0].tract)


@compiled(error_model="numpy")
def settle_each(man, blank, numbers, change, mornings, shares, rested, semen):
    """Bring men of `numbers` (packed) to their untreated steady states, one after another in the state `man`.

    Args:
        man, blank: State, and one that has not been settled.
        change: see settle.
        mornings: to fill in the MORNING that tells of each.
        shares: of a day's sperm that an ejaculate holds, summed over its days; rested: its abstinence and aged (tract.Rest).
        semen: to fill in each man's, (men, Emptied).
    """
    testis, new = man.testis, blank.testis
    for i in range(numbers.size):
        man.body[0], man.tract[0], man.secreted[0] = blank.body[0], blank.tract[0], blank.secreted[0]
        testis.soma[:], testis.counts[:] = new.soma, new.counts
        testis.lines[:] = new.lines
        settle(man, numbers[i : i + 1], change, mornings[i : i + 1])
        morning = mornings[i]
        stored = Stored(
            shares * morning.collected_million,
            shares * morning.collected_motile_million,
            shares * morning.collected_normal_million,
            shares * morning.collected_fragmented_million,
            shares * morning.collected_immature_million,
        )
        tract = numbers[i].tract
        found = emptied(stored, morning.glands, morning.fluid, rested[0], rested[1], morning.bmi, tract)
        semen[i, 0], semen[i, 1] = found.volume, found.concentration
        semen[i, 2], semen[i, 3], semen[i, 4] = found.motility, found.normal, found.fragmented
        semen[i, 5] = found.immature


@compiled(error_model="numpy")
def advance(man, numbers, drugs, planned, opened, change, mornings):
    """Advance a man (State) of `numbers` (packed) by the days of `planned` (Planned); fill in each MORNING after.

    `opened`: share of the testes that are there whose duct is open; `change`: see settle.
    """
    numbers = numbers[0]
    body, tract, secreted, testis = man.body[0], man.tract[0], man.secreted[0], man.testis
    p, scale = numbers.tissue, numbers.scale
    _count(testis, p, scale)
    present = testis.lines[COMPLETE].present
    there = 0.5 * (present[0] + present[1])
    for day in range(planned.held.size):
        morning, held = mornings[day], planned.held[day]
        body_day(body, numbers.axis, secreted, drugs, planned.doses[day], held, morning)
        blood = brought(morning, tract.back_pressure, held, numbers.axis)
        made = of_testes(soma_day(testis.soma, testis.counts, blood, p, scale, 1.0), there)
        _secrete(secreted, made)
        signal = signals(response_of(testis.soma), blood.back_pressure, p)
        rates = rates_under(signal, p)
        released, harm, lost = _live(testis, rates, change, signal.androgen, p, scale)
        released *= numbers.sperm
        testis_e2 = made.oestradiol / scale.oestradiol
        arriving = _arriving(released, harm, opened, lost, planned.pace[day], numbers.sperm, scale)
        tract_day(tract, morning, arriving, signal.androgen, blood.tract_androgen, testis_e2, numbers.tract)
        _tell(morning, made, man, released, lost, numbers)
