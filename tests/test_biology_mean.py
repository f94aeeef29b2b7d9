"""The mean cells, against hand-worked values of a tissue of round numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from round_tissue import DAYS, P, with_

from testis_abm.biology.days import BloodDay
from testis_abm.biology.steps import COUNT, HAZARD, RATES, SPERMIATION
from testis_abm.parameters.tubules import ARRESTED, COMPLETE, GERMINAL
from testis_abm.testis import mean

SCALE = mean.Scale(
    testosterone=400.0,
    oestradiol=8.0,
    testosterone_free=0.025,
    oestradiol_free=0.25,
    blood_entry=0.25,
    blood_oestradiol_entry=0.5,
    leydig_per_sertoli=0.5,
)
COUNTS = np.zeros((GERMINAL, COUNT))
COUNTS[COMPLETE] = 1.0, 1.0, 2.0, 1.0, 1.0, 1.0, 5.0, 1.0, 1.0, 6.0, 3.0, 7.0
NORMAL = BloodDay(lh_activity=1.0, fsh_iu_l=4.0, free_testosterone=1.0, inhibitor=0.0, back_pressure=0.0)


def soma():
    """Return the reference man's: capacity, expression, androgen (of transcription, of adhesion), FSH, lack, local oestradiol."""
    return np.array([1.0, 1.0, 10.0, 10.0, 4.0, 0.0, 2.0])


# ---- Leydig and Sertoli cell


def test_a_day_of_the_mean_cells():
    state = soma()
    made = mean.soma_day(state, COUNTS, NORMAL, P, SCALE, 1.0)
    # Secretion 1.5, a quarter from blood: 0.75 x 1.5 + 0.25 of 400 nmol/L, a fortieth of it free.
    assert made.testosterone == pytest.approx(550.0)
    free = 13.75
    # Aromatase: Leydig 0.5 x 0.4 x 1.5; niche 0.1, ten spermatocytes, six round and ten later spermatids.
    works = free / (30.0 + free) * 4.0
    assert made.oestradiol_output == pytest.approx((0.3 + 0.1 + 0.1 + 0.12 + 0.3) * works)
    # Half of local oestradiol is that of the blood.
    assert made.oestradiol == pytest.approx(8.0 * (0.46 * works + 0.5)) and made.from_leydig == pytest.approx(
        0.3 * works
    )
    assert made.secretory_capacity == pytest.approx(1.5) and made.inhibin_output == pytest.approx(
        0.25 + 0.75 * 1.25 * 13 / (2 + 13)
    )
    assert made.aromatase_access == pytest.approx(30.0 / 43.75)
    assert (made.leydig_inhibition, made.testis_inhibition) == (0.0, 0.0)
    local, moved = 2.0 * (0.46 * works + 0.5), free - 10.0
    followed = [free - moved * math.exp(-1 / 5), free - moved * math.exp(-1 / 10)]
    assert state == pytest.approx([1.0, 1.0, *followed, 4.0, 0.0, local])


def test_a_day_of_lh_and_drugs():
    state = soma()
    blood = NORMAL._replace(lh_activity=4.0, fsh_iu_l=9.0, free_testosterone=2.0, inhibitor=2.0)
    blood = blood._replace(aromatase_left=0.5, open_lyase=0.1)
    made = mean.soma_day(state, np.zeros((GERMINAL, COUNT)), blood, P, SCALE, 1.0)
    capacity, expression = 2.0 - math.exp(-1 / 20), 16.0 - 15.0 * math.exp(-1 / 4)
    assert state[:2] == pytest.approx([capacity, expression])
    assert made.secretory_capacity == pytest.approx(0.15 * capacity)
    free = 10.0 * (0.75 * 0.15 * capacity * 16 / 7 + 0.5)
    assert made.testosterone == pytest.approx(40.0 * free)
    works = 0.5 * free / (90.0 + free) * 4.0
    assert made.oestradiol_output == pytest.approx((0.3 * expression + 0.1) * works)
    assert made.leydig_inhibition == made.testis_inhibition == pytest.approx(1.0 - 0.5 * (30.0 + free) / (90.0 + free))
    assert made.inhibin_output == pytest.approx(0.25 * (0.2 + 1.6 * state[4] / (4.0 + state[4])))
    assert state[4] == pytest.approx(9.0 - 5.0 * math.exp(-1 / 5))


def test_a_leydig_cell_has_its_own_capacity_and_expression():
    state = soma()
    state[:2] = 0.5, 3.0
    made = mean.soma_day(state, COUNTS, NORMAL, P, SCALE, 1.0)
    assert state[:2] == pytest.approx([1.0 - 0.5 * math.exp(-1 / 20), 1.0 + 2.0 * math.exp(-1 / 4)])
    assert made.secretory_capacity == pytest.approx(1.5 * state[0])


def test_capacity_told_to_the_blood_is_secretion_over_the_response_to_lh():
    state, basal = soma(), with_("leydig", basal_secretion=0.1)
    made = mean.soma_day(state, COUNTS, NORMAL._replace(lh_activity=1e-9), basal, SCALE, 1.0)
    assert made.secretory_capacity == pytest.approx(1.5 * state[0])
    assert made.testosterone == pytest.approx(400.0 * (0.75 * 0.15 * state[0] + 0.25), rel=1e-6)


def test_a_blocked_receptor_feels_less_of_the_same_testosterone():
    open_, blocked = soma(), soma()
    made = mean.soma_day(open_, COUNTS, NORMAL, P, SCALE, 1e6)
    same = mean.soma_day(blocked, COUNTS, NORMAL._replace(open_receptor=0.25), P, SCALE, 1e6)
    assert (same.testosterone, same.oestradiol_output) == (made.testosterone, made.oestradiol_output)
    for signal in (mean.ANDROGEN, mean.ADHESION):
        assert blocked[signal] == pytest.approx(0.25 * open_[signal])


def test_without_any_steroid_nothing_is_inhibited():
    blood = NORMAL._replace(free_testosterone=0.0, open_lyase=0.0)
    made = mean.soma_day(soma(), COUNTS, blood, P, SCALE, 1.0)
    assert (made.testosterone, made.oestradiol_output, made.testis_inhibition) == (0.0, 0.0, 0.0)
    assert made.oestradiol == pytest.approx(4.0)


def test_oestradiol_of_the_blood_enters_and_keeps_lack_away():
    blood = NORMAL._replace(free_testosterone=0.0, open_lyase=0.0)
    levels = {}
    for serum in (0.0, 1.0, 2.0):
        state = soma()
        assert mean.soma_day(state, COUNTS, blood._replace(oestradiol=serum), P, SCALE, 1e6).oestradiol == 4.0 * serum
        levels[serum] = state[mean.LACK]
    # Local oestradiol of none, half and all of normal: 0.9, 4 / 13 - 1 / 10 and 0.
    assert levels == pytest.approx({0.0: 0.9, 1.0: 4 / 13 - 0.1, 2.0: 0.0})


def test_local_oestradiol_of_yesterday_brakes_a_leydig_cell():
    state = soma()
    state[mean.LOCAL_OESTRADIOL] = 10.0
    assert mean.soma_day(
        state, COUNTS, NORMAL, with_("leydig", oestrogen_brake=3.0), SCALE, 1.0
    ).secretory_capacity == (pytest.approx(1.5 / 4))


def test_the_mean_sertoli_cell_sets_the_rates_of_its_signals():
    rates = mean.rates_of(soma(), 0.5, P)
    # As in the reference man, and a hundredth of back-pressure of one half.
    assert rates == pytest.approx((0.6, 0.8, 0.0, 0.0, 0.1, *[0.02] * 5, 0.26, 0.04, 0.03, 0.03, 1.0))


# ---- germ cells, by days since their clone was founded


@pytest.fixture
def clone():
    """Return days by age and type, descendants by type, and the number of days of age."""
    spent, descendants = np.full((mean.AGES, COUNT), 7.0), np.zeros(COUNT)
    return spent, descendants, mean.calendar(P, spent, descendants)


def test_a_clone_has_66_days(clone):
    spent, descendants, last = clone
    assert last == 66 and spent.sum() == pytest.approx(66.0) and (spent[:66].sum(axis=1) == 1.0).all()
    assert spent.sum(axis=0) == pytest.approx([0.0, 0.0, *DAYS[2:]])
    assert (spent[:8, 2] == 1.0).all() and spent[8, 3] == 1.0 and (spent[52:66, 11] == 1.0).all()
    # Two of a B spermatogonium, four of a primary spermatocyte's two divisions.
    assert descendants == pytest.approx([0.0, 0.0, 1.0, *[2.0] * 5, 4.0, *[8.0] * 3])


def test_days_that_are_not_whole_are_shared(clone):
    p = with_("germ", b_spermatogonium_days=2.25, preleptotene_days=0.5)
    spent, descendants = np.zeros((mean.AGES, COUNT)), np.zeros(COUNT)
    last = mean.calendar(p, spent, descendants)
    assert spent[2, 2:5] == pytest.approx([0.25, 0.5, 0.25]) and spent[3, 4] == 1.0 and last == 60
    assert spent.sum(axis=0)[2:] == pytest.approx([2.25, 0.5, *DAYS[4:]])


@pytest.mark.parametrize("ages", [10, 40])
def test_a_clone_that_lasts_longer_is_cut(ages):
    # The steps that begin beyond the last row do not lead beyond it either.
    spent, descendants = np.zeros((ages, COUNT)), np.zeros(COUNT)
    assert mean.calendar(P, spent, descendants) == ages
    assert spent.sum() == pytest.approx(ages)


def rates(**given):
    found = np.zeros(len(RATES))
    for name, rate in given.items():
        found[RATES.index(name)] = rate
    return found


def test_a_day_of_age_is_survived_by_its_hazards(clone):
    hazards, survived = (
        rates(b_spermatogonium_hazard=0.3, preleptotene_hazard=0.7, a_pale_hazard=9.0),
        np.ones(mean.AGES),
    )
    clone[0][5, 3] = 0.5
    mean.survive(hazards, mean.indexed(*clone)[0], survived)
    assert survived[[0, 4, 6, 8]] == pytest.approx(np.exp([-0.3, -0.3, -0.3, -0.7]))
    assert survived[5] == pytest.approx(math.exp(-0.65)) and survived[9] == 1.0


def test_a_calendar_tells_of_each_day_the_types_it_holds_and_whether_it_is_like_the_day_before(clone):
    spent = clone[0]
    spent[5, 3] = 0.5
    known = mean.indexed(*clone)[0]
    for day in range(mean.AGES):
        held = np.flatnonzero(spent[day])
        assert set(held) <= set(range(known.first[day], known.beyond[day]))
        assert known.beyond[day] - known.first[day] <= (held[-1] - held[0] + 1 if len(held) else 0)
        assert known.alike[day] == (day > 0 and spent[day].tolist() == spent[day - 1].tolist())


def test_a_constant_flow_thins_with_age(clone):
    line = mean.new_lines(16.0)[0]
    hazards = rates(
        b_spermatogonium_hazard=math.log(2.0) / 4.0, commitment=0.5, a_pale_fed=256.0 / P.niche.a_pale_present
    )
    flow = mean.stationary(line, hazards, mean.indexed(*clone)[0], P.niche, P.germ.cycle_days)
    founders = line.founders[0]
    assert line.founders[1].tolist() == founders.tolist()
    assert (
        founders[4] == pytest.approx(8.0) and founders[8] == pytest.approx(4.0) and founders[65] == pytest.approx(4.0)
    )
    assert flow == pytest.approx(4.0) and founders[66] == 0.0


def aged():
    """Return a germ line of which each day of age holds one more than its number."""
    line = mean.new_lines(16.0)[0]
    line.founders[:] = np.arange(1.0, 1.0 + mean.AGES)
    line.committed[:, 15] = 99.0 * 8.0
    return line


def a_day(line, hazards, calendar):
    """Let a germ line live a day."""
    mean.survive(hazards, calendar, line.survived)
    return mean.germ_day(line, hazards, calendar, P.niche, P.germ.cycle_days)


def test_a_day_ages_every_clone_and_releases_the_ripe(clone):
    spent, descendants, last = clone
    hazards = rates(b_spermatogonium_hazard=math.log(2.0), elongated_spermatid_hazard=math.log(4.0), spermiation=0.75)
    line = aged()
    released, harm = a_day(line, hazards, mean.indexed(spent, descendants, last)[0])
    founders = line.founders[0]
    assert released == pytest.approx(66.0 / 4.0 * 8.0 * 0.75) and harm == 0.0
    assert founders[:3] == pytest.approx([99.0, 0.5, 1.0]) and founders[10] == pytest.approx(10.0)
    assert founders[65] == pytest.approx(65.0 / 4.0) and founders[8] == pytest.approx(4.0)
    assert founders[66:].tolist() == [67.0, 68.0, 69.0, 70.0, 71.0, 72.0]
    # On their last day half as long at risk, half of the logarithm is lost.
    spent[65, 11] = 0.5
    found = a_day(aged(), hazards, mean.indexed(spent, descendants, last)[0])[0]
    assert found == pytest.approx(66.0 / 2.0 * 8.0 * 0.75)


def test_spermatids_lost_in_a_day_are_those_missing_at_its_end(clone):
    spent, descendants, last = clone
    hazards = rates(
        round_spermatid_hazard=math.log(4.0),
        elongating_spermatid_hazard=math.log(2.0),
        elongated_spermatid_hazard=math.log(2.0),
        spermiation=0.75,
    )

    def fates_of(line, shares):
        calendar = mean.indexed(spent, descendants, last)[0]
        mean.survive(hazards, calendar, line.survived)
        return mean.fates(line, hazards, shares, calendar)

    line = aged()
    lost = fates_of(line, (0.5, 0.25))
    # Ages 36 to 45 are round, 46 to 51 elongating; each age holds one founder more than its number, each eight spermatids.
    assert lost.freed_round == pytest.approx(0.5 * 8.0 * 0.75 * sum(range(37, 47)))
    assert lost.freed_elongating == pytest.approx(0.25 * 8.0 * 0.5 * sum(range(47, 53)))
    assert lost.retained == pytest.approx(66.0 / 2.0 * 8.0 * 0.25)
    assert line.founders.tolist() == aged().founders.tolist()  # which live their day yet
    line.present[1] = 0.0
    assert fates_of(line, (0.5, 0.25)) == pytest.approx([0.5 * of for of in lost])
    # A day that is shared by two types parts its dead by their hazards.
    spent[46, 9], spent[46, 10] = 0.5, 0.5
    line.founders[:] = 0.0
    line.founders[:, 46] = 1.0
    died = 1.0 - math.exp(-0.5 * math.log(8.0))
    both = fates_of(line, (1.0, 1.0))
    assert both.freed_round / both.freed_elongating == pytest.approx(2.0)
    assert both.freed_round + both.freed_elongating == pytest.approx(0.5 * 8.0 * died)


def test_a_stop_frees_nobody(clone):
    p = with_("germ", arrest_before=10.0, adhesion_deprivation=0.0)
    hazards = rates(round_spermatid_hazard=0.1, elongating_spermatid_hazard=200.1)
    assert mean.freed_shares(hazards, ARRESTED, 1.0, p) == pytest.approx((0.25, 0.25 * 0.1 / 200.1))
    assert mean.freed_shares(hazards, COMPLETE, 1.0, p) == pytest.approx((0.25, 0.25))


def test_cells_are_counted_by_type(clone):
    spent, descendants, last = clone
    counts = np.full(COUNT, 7.0)
    line = mean.new_lines(16.0)[0]
    line.founders[:], line.stem[:] = 0.5, 1.0
    mean.count_steps(line, mean.indexed(spent, descendants, last)[0], 1.0, counts)
    assert counts == pytest.approx([1.0, 1.0, 4.0, 1.0, 4.0, 5.0, 15.0, 1.0, 4.0, 40.0, 24.0, 56.0])


def test_what_a_pale_decide_is_founded_a_cycle_later():
    commitments = np.linspace(0.1, 1.6, 16)
    assert mean._founded(commitments, 0.9) == pytest.approx(1.6)
    assert commitments == pytest.approx([0.9, *np.linspace(0.1, 1.5, 15)])
    assert HAZARD == 2 and SPERMIATION == 1
