"""What insults do to a cell, a Sertoli cell and the mean germ line, against hand-worked values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testis_abm import parameters
from testis_abm.biology import injury
from testis_abm.biology.draws import mix
from testis_abm.biology.germ import NORMAL, rates_under
from testis_abm.biology.steps import (
    A_DARK,
    A_PALE,
    B_SPERMATOGONIUM,
    COUNT,
    ELONGATED_SPERMATID,
    PACHYTENE,
    PRELEPTOTENE,
    ROUND_SPERMATID,
)
from testis_abm.man.physiology import complete
from testis_abm.testis import mean
from testis_abm.testis.build import tissue_parameters

VALUES = dict(parameters.values())


def lineages(n):
    return [mix(k, 3) for k in range(n)]


# ---- a cell


def test_survival_is_linear_quadratic_and_ordered_by_type():
    gray = 2.0
    blow = injury.irradiation(
        injury.both(gray), VALUES | {"irradiation.alpha_a_dark": 0.5, "irradiation.beta_stem_cell": 0.1}
    )
    assert blow.deadly[:, A_DARK] == pytest.approx([0.5 * gray + 0.1 * gray**2] * 2)
    order = [B_SPERMATOGONIUM, A_PALE, PRELEPTOTENE, PACHYTENE, ROUND_SPERMATID, ELONGATED_SPERMATID]
    assert list(blow.deadly[0, order]) == sorted(blow.deadly[0, order], reverse=True)


def test_stem_cells_called_into_cycle_are_more_sensitive():
    assert injury.survival(1.0, 0.5, 1.0) == injury.survival(1.0, 0.5, 3.0) == pytest.approx(math.exp(-1.0))
    assert injury.survival(1.0, 0.5, 0.0) == pytest.approx(math.exp(-1.5))
    assert injury.survival(math.inf, 0.0, 1.0) == 0.0 and injury.survival(0.0, 2.0, 0.0) == 1.0


def test_who_survives_a_worse_blow_survives_a_lesser_one():
    stage = injury.stage_of(12, injury.IRRADIATION, 0)
    worse, lesser = ([injury.lives(cell, stage, chance) for cell in lineages(4000)] for chance in (0.3, 0.6))
    assert all(not a or b for a, b in zip(worse, lesser, strict=True))
    assert np.mean(worse) == pytest.approx(0.3, abs=0.03) and np.mean(lesser) == pytest.approx(0.6, abs=0.03)


def test_blows_of_one_morning_and_of_others_draw_apart():
    stages = {injury.stage_of(day, kind, repeat) for day in range(4) for kind in range(8) for repeat in range(8)}
    assert len(stages) == 4 * 8 * 8


def test_blocks_are_a_poisson_number_of_exponential_times():
    days = np.array([injury.blocked_days(cell, 40, 1.5, 100.0) for cell in lineages(20_000)])
    assert (days == 0.0).mean() == pytest.approx(math.exp(-1.5), abs=0.01)
    assert days.mean() == pytest.approx(150.0, rel=0.03) and days.var() == pytest.approx(2 * 1.5 * 1e4, rel=0.08)
    assert injury.blocked_days(5, 40, 0.0, 100.0) == 0.0


def test_a_side_is_reached_or_both():
    assert injury.sided(2.0, "right").tolist() == [0.0, 2.0] and injury.sided(2.0, "both").tolist() == [2.0, 2.0]
    blow = injury.torsion(12.0, "left", VALUES)
    assert blow.deadly[0].min() > 0.0 and not blow.deadly[1].any() and not blow.harm[1].any()


def test_torsion_spares_sertoli_cells_longer_than_germ_cells():
    early, late = (injury.torsion(hours, "both", VALUES) for hours in (4.0, 24.0))
    assert 1.0 - math.exp(-early.deadly[0, PACHYTENE]) > early.necrosis[0]
    assert early.necrosis[0] < 0.05 and late.necrosis[0] > 0.85 and math.exp(-late.deadly[0, A_DARK]) < 0.01


def test_short_heat_counts_more_than_its_share_of_the_day():
    assert injury.warmth(2.0, 24.0, VALUES) == pytest.approx(2.0)
    assert injury.warmth(2.0, 6.0, VALUES | {"heat.hours_exponent": 0.5}) == pytest.approx(1.0)


# ---- the mean germ line


@pytest.fixture(scope="module")
def clone():
    man = {name: row.value for name, row in parameters.physiology().items()}
    p, _ = tissue_parameters(complete(VALUES), man)
    spent, descendants = np.zeros((mean.AGES, COUNT)), np.zeros(COUNT)
    last = mean.calendar(p, spent, descendants)
    return mean.indexed(spent, descendants, last)[0], p


def stood(clone):
    calendar, p = clone
    line = mean.new_lines(p.germ.cycle_days)[0]
    mean.stationary(line, rates_under(NORMAL, p), calendar, p.niche, p.germ.cycle_days)
    return line


def struck(clone, *blows):
    calendar, p = clone
    line = stood(clone)
    for blow in blows:
        mean.strike(line, calendar, p.niche.a_pale_room * p.niche.a_pale_present, blow)
    return line


def test_a_blow_thins_each_age_by_what_it_is_then(clone):
    line, before = struck(clone, injury.heat(injury.sided(2.0, "left"), VALUES)), stood(clone)
    spent = clone[0].spent
    assert np.array_equal(line.founders[1], before.founders[1]) and not line.harm[1].any()
    pachytene = int(np.flatnonzero(spent[:, PACHYTENE] == 1.0)[3])
    assert line.founders[0, pachytene] / before.founders[0, pachytene] == pytest.approx(
        math.exp(-2.0 * VALUES["heat.kill_pachytene"])
    )
    round_ones = int(np.flatnonzero(spent[:, ROUND_SPERMATID] == 1.0)[2])
    assert line.harm[0, round_ones] == pytest.approx(2.0 * VALUES["heat.harm_spermatid"])
    assert line.harm[0, pachytene] == pytest.approx(2.0 * VALUES["heat.harm_spermatocyte"])


def test_blocked_shares_are_those_of_the_cells_and_end_in_time(clone):
    line = struck(clone, injury.irradiation(injury.both(0.75), VALUES | {"injury.hit_days": 100.0}))
    hits = 0.75 / VALUES["irradiation.gray_per_hit"]
    assert line.blocks[0, 0] == pytest.approx(math.exp(-hits)) and line.blocks[0].sum() == pytest.approx(1.0)
    days = np.array([injury.blocked_days(cell, 7, hits, 100.0) for cell in lineages(20_000)])
    for day in range(1, 401):
        mean._unblock(line.blocks[0], line.lost)
        if day in (50, 200, 400):
            assert line.blocks[0, 0] == pytest.approx((days <= day).mean(), abs=0.015)


def test_two_blows_block_as_one_of_both(clone):
    apart = struck(clone, *(injury.irradiation(injury.both(gray), VALUES) for gray in (0.5, 1.0)))
    once = struck(clone, injury.irradiation(injury.both(1.5), VALUES))
    assert apart.blocks == pytest.approx(once.blocks)


def a_day(line, rates, calendar, p):
    """Let a germ line live a day."""
    mean.survive(rates, calendar, line.survived)
    return mean.germ_day(line, rates, calendar, p.niche, p.germ.cycle_days)


def test_stem_cells_stand_still_where_they_are_blocked_and_regrow_where_not(clone):
    calendar, p = clone
    rates = rates_under(NORMAL, p)
    free, blocked = (
        struck(clone, injury.irradiation(injury.both(1.0), VALUES | {"irradiation.gray_per_hit": gray}))
        for gray in (1e6, 0.05)
    )
    before = blocked.stem.copy()
    for _ in range(64):
        for line in (free, blocked):
            a_day(line, rates, calendar, p)
    rest = stood(clone).stem[0, A_PALE]
    assert free.stem[0, A_PALE] > 0.7 * rest
    assert blocked.stem[:, A_PALE] == pytest.approx(before[:, A_PALE], rel=0.05)
    assert blocked.founders[0, 0] < 0.01 * free.founders[0, 0]


def test_dead_sertoli_cells_found_nothing_any_more(clone):
    calendar, p = clone
    line = struck(clone, injury.torsion(20.0, "left", VALUES))
    alive = 1.0 - injury.torsion(20.0, "left", VALUES).necrosis[0]
    assert line.able.tolist() == pytest.approx([alive, 1.0])
    for _ in range(2000):
        a_day(line, rates_under(NORMAL, p), calendar, p)
    assert line.founders[0, 0] == pytest.approx(alive * line.founders[1, 0], rel=0.02)


def test_what_is_taken_away_releases_nothing(clone):
    calendar, p = clone
    rates, whole, half = rates_under(NORMAL, p), stood(clone), struck(clone, injury.orchiectomy("left"))
    (both, _), (one, _) = (a_day(line, rates, calendar, p) for line in (whole, half))
    assert one == pytest.approx(both / 2.0)
    counts, with_both = np.zeros(COUNT), np.zeros(COUNT)
    mean.count_steps(half, calendar, 0.9, counts)
    mean.count_steps(whole, calendar, 0.9, with_both)
    assert counts[A_PALE] == pytest.approx(with_both[A_PALE])  # for each Sertoli cell that is there
