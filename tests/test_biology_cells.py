"""Leydig, Sertoli and germ cells (leydig, sertoli, germ), against hand-worked values of a tissue of round numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from round_tissue import DAYS, P, with_

from testis_abm.biology import germ, leydig, sertoli
from testis_abm.biology.draws import CLONE, COMMIT, ENTRY, RELEASE, bits, child, halves, uniform
from testis_abm.biology.steps import A_DARK, A_PALE, COUNT, NAMES, PROPHASE, RATES, ROUND_SPERMATID

LN2 = math.log(2.0)
NORMAL = germ.NORMAL


# ---- Leydig cell


def test_lh_secretes_at_once_and_sets_capacity_and_aromatase_over_weeks():
    assert leydig.leydig_day(1.0, 1.0, 1.0, 2.0, 1.0, 1.0, P, 1.0) == pytest.approx((1.0, 1.0, 1.5))
    # LH four times: capacity to 2 in twenty days, aromatase to 16 in four, secretion 4 x 4 / 7 at once.
    capacity, expression, secretion = leydig.leydig_day(1.0, 1.0, 1.0, 2.0, 4.0, 1.0, P, 1.0)
    assert capacity == pytest.approx(2.0 - math.exp(-1 / 20)) and expression == pytest.approx(
        16.0 - 15.0 * math.exp(-1 / 4)
    )
    assert secretion == pytest.approx(1.5 * capacity * 16 / 7)
    capacity, expression, secretion = leydig.leydig_day(3.0, 1.0, 2.0, 2.0, 0.25, 0.5, P, 20.0 * LN2)
    assert capacity == pytest.approx(1.75)  # half way from 3 to 1/2
    assert secretion == pytest.approx(1.5 * 0.5 * 2.0 * 1.75 * 4.0 * 0.25 / 3.25)


def test_a_leydig_cell_without_lh_shrinks_and_keeps_its_basal_secretion():
    basal = with_("leydig", basal_secretion=0.1)
    capacity, _expression, secretion = leydig.leydig_day(1.0, 1.0, 1.0, 2.0, 0.0, 1.0, basal, 20.0 * LN2)
    assert capacity == pytest.approx(0.5)
    assert secretion == pytest.approx(1.5 * 0.5 * 0.1)


def test_oestradiol_brakes_a_leydig_cell_only_where_the_brake_is_on():
    assert leydig.leydig_day(1.0, 1.0, 1.0, 20.0, 1.0, 1.0, P, 1.0)[2] == pytest.approx(1.5)
    on = with_("leydig", oestrogen_brake=3.0)
    assert leydig.leydig_day(1.0, 1.0, 1.0, 2.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(1.5)
    assert leydig.leydig_day(1.0, 1.0, 1.0, 10.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(1.5 / 4)  # 4 / (1 + 15)
    assert leydig.leydig_day(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(6.0)
    on.leydig.leydig_er_alpha_sensitivity = 0.5
    assert leydig.leydig_day(1.0, 1.0, 1.0, 4.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(1.5)


def test_aromatase_grows_with_size_and_expression():
    assert leydig.leydig_aromatase(2.0, 3.0, P) == pytest.approx(0.4 * 1.5 * 6.0)


def test_local_testosterone_feeds_aromatase_and_shields_it():
    assert leydig.aromatise(0.7, 10.0, 0.0, P) == pytest.approx(0.7)
    # 30 at Km 30: one half, against 10 / 40.
    assert leydig.aromatise(1.0, 30.0, 0.0, P) == pytest.approx(2.0)
    assert leydig.aromatise(1.0, 30.0, 2.0, P) == pytest.approx(1.0)  # 30 of 90 + 30
    assert leydig.aromatise(1.0, 0.0, 0.0, P) == 0.0


def test_germ_cells_bring_their_aromatase_to_the_niche():
    assert sertoli.niche_aromatase(0, 0, 0, P) == pytest.approx(0.1)
    assert sertoli.niche_aromatase(3, 4, 5, P) == pytest.approx(0.1 + 0.03 + 0.08 + 0.15)
    assert germ.aromatase(P) == pytest.approx((0.0,) * 3 + (0.01,) * 6 + (0.02, 0.03, 0.03))


# ---- Sertoli cell


def test_responses_trail_the_hormones():
    assert sertoli.responses_kept(P, 10.0 * LN2) == pytest.approx((0.25, 0.5, 0.25, math.sqrt(0.5)))
    assert sertoli.responded(8.0, 2.0, 0.25) == pytest.approx(3.5)
    assert sertoli.responded(2.0, 8.0, 0.25) == pytest.approx(6.5)
    # Half of the way in 5 days of transcription, 0.29 of it in adhesion, 0.16 of it in the lack: 0.9 without oestradiol.
    found = sertoli.sertoli_day(sertoli.Response(8.0, 8.0, 1.0, 0.0), 4.0, 0.0, 9.0, P, 5.0 * LN2)
    assert found == pytest.approx((6.0, 4.0 + 4.0 * math.sqrt(0.5), 5.0, 0.9 * (1.0 - 2.0**-0.25)))


@pytest.mark.parametrize(
    ("oestradiol", "alpha", "beta", "lack"),
    [
        (2.0, 1.0, 1.0, 0.0),  # the reference man's
        (200.0, 1.0, 1.0, 0.0),  # excess does nothing
        (2 / 3, 1.0, 1.0, 0.4),  # a third: half of what can lack, less the tenth that lacks in the reference man
        (0.0, 1.0, 1.0, 0.9),
        (2.0, 0.0, 1.0, 0.0),  # either receptor will do
        (2.0, 1.0, 0.0, 0.0),
        (2.0, 1 / 3, 0.1, 0.4),
        (2.0, 0.0, 0.0, 0.9),
    ],
)
def test_oestrogen_lacks_on_one_side_alone(oestradiol, alpha, beta, lack):
    p = with_("receptor", er_alpha_sensitivity=alpha, er_beta_sensitivity=beta)
    assert sertoli.lacking(oestradiol, p) == pytest.approx(lack)


def response(androgen=10.0, adhesion=10.0, fsh=4.0, lack=0.0):
    return sertoli.Response(androgen, adhesion, fsh, lack)


def test_the_reference_man_has_signals_of_one():
    assert sertoli.signals(response(), 0.0, P) == pytest.approx(NORMAL) == (1.0,) * 4 + (0.0, 0.0)


def test_a_signal_is_the_share_of_receptors_bound():
    found = sertoli.signals(response(5.0, 30.0, 12.0, 0.2), 0.3, P)
    assert found.meiosis == pytest.approx(3 / 4)  # 5 of 10, over 2/3
    assert found.androgen == pytest.approx(3 / 2)  # 30 of 40, over 1/2
    assert found.spermiation == pytest.approx(2.0)  # 30 of 60, over 1/4
    assert found.fsh == pytest.approx(1.5)  # 12 of 16, over 1/2
    assert (found.lack, found.pressure) == (0.2, 0.3)
    assert sertoli.signals(response(0.0, 0.0, 0.0), 0.0, P) == (0.0,) * 6
    assert sertoli.signals(response(-1.0, -1.0, -1.0), 0.0, P) == (0.0,) * 6


def test_release_needs_most_androgen_and_meiosis_least():
    for level in (0.1, 1.0, 5.0):
        found = sertoli.signals(response(level, level), 0.0, P)
        assert found.spermiation < found.androgen < found.meiosis < 1.0


def test_steepness_and_sensitivity_are_those_of_the_receptor():
    steep = sertoli.signals(response(5.0, 5.0), 0.0, with_("receptor", androgen_exponent=2.0))
    assert steep[:3] == pytest.approx((0.5 * 1.5, 25 / 125 / 0.5, 25 / 925 / 0.25))
    half = with_("receptor", androgen_sensitivity=0.5, fsh_sensitivity=3.0)
    found = sertoli.signals(response(), 0.0, half)
    assert found[:2] == pytest.approx((3 / 4, 2 / 3)) and found.fsh == pytest.approx(1.5)


def test_oestradiol_is_sensed_in_proportion():
    assert sertoli.oestrogen_signal(2.0, 1.0, P) == pytest.approx(1.0)
    assert sertoli.oestrogen_signal(6.0, 0.5, P) == pytest.approx(1.5)


def test_inhibin_b_follows_fsh_over_a_floor():
    assert sertoli.inhibin_output(4.0, 8.0, P) == pytest.approx(1.0)
    assert sertoli.inhibin_output(0.0, 8.0, P) == pytest.approx(0.2)
    assert sertoli.inhibin_output(12.0, 8.0, P) == pytest.approx(0.2 + 1.6 * 3 / 4)
    assert sertoli.inhibin_output(4.0, 8.0, with_("receptor", fsh_sensitivity=3.0)) == pytest.approx(1.4)


def test_a_sertoli_cell_makes_a_quarter_of_its_inhibin_b_alone_and_most_of_it_for_few_germ_cells():
    assert sertoli.inhibin_output(4.0, 0.0, P) == pytest.approx(0.25)
    assert sertoli.inhibin_output(0.0, 0.0, P) == pytest.approx(0.05)
    # A quarter of normal calls forth half of the most, which is 5 / 4 of normal.
    assert sertoli.inhibin_output(4.0, 2.0, P) == pytest.approx(0.25 + 0.75 * 5 / 8)
    made = [sertoli.inhibin_output(4.0, germ, P) for germ in np.linspace(0.0, 80.0, 30)]
    assert made == sorted(made) and made[-1] < 0.25 + 0.75 * 1.25


def test_the_mean_sertoli_cell_allows_for_clones():
    # The most of a reference man whose clones are half of the normal number around a cell.
    clones = with_("inhibin", inhibin_germ_clone=0.5, inhibin_germ_most=1.25 + 0.25 * 0.5 / 1.25)
    assert sertoli.mean_inhibin_output(4.0, 8.0, 0.0, clones) == pytest.approx(1.0)
    assert sertoli.mean_inhibin_output(4.0, 0.0, 0.0, clones) == pytest.approx(0.25)
    assert sertoli.mean_inhibin_output(9.0, 3.0, 2.0, P) == sertoli.inhibin_output(9.0, 3.0, P)
    smaller = with_("inhibin", inhibin_germ_clone=0.25, inhibin_germ_most=clones.inhibin.inhibin_germ_most)
    assert sertoli.mean_inhibin_output(4.0, 5.0, 5.0, smaller) == sertoli.mean_inhibin_output(4.0, 5.0, 0.0, clones)
    # As they come by chance: it is between the two ends that it errs.
    clone, rng = 4.0, np.random.default_rng(1)
    for mean in (0.4, 4.0, 8.0, 24.0):
        found = sertoli.inhibin_output(4.0, clone * rng.poisson(mean / clone, 200_000), clones).mean()
        close = 0.13 if 0.4 < mean < 24.0 else 0.03
        assert sertoli.mean_inhibin_output(4.0, mean, 0.0, clones) == pytest.approx(found, rel=close), mean


# ---- what germ cells die of


@pytest.mark.parametrize(
    ("androgen", "fsh", "entry"),
    [
        (1.0, 1.0, 1.0),
        (0.0, 0.0, 0.1),  # what needs neither
        (1.0, 0.0, 0.5),  # each stands in for the other within its share
        (0.0, 1.0, 0.6),
        (0.5, 0.5, 0.55),
        (1.0, 3.0, 2.0),
        (0.0, 1.8, 1.0),
    ],
)
def test_fsh_and_androgen_let_germ_cells_enter(androgen, fsh, entry):
    assert germ.entry(NORMAL._replace(androgen=androgen, fsh=fsh), P) == pytest.approx(entry)


def test_sertoli_cells_fill_up():
    # Founders for 1.5 Sertoli cells: hardly more than at rest, however much FSH; at half of normal entry 1.35 of it.
    full = with_("germ", crowding=1.5**4)
    assert germ.entry(NORMAL, full) == pytest.approx(1.0)
    assert germ.entry(NORMAL._replace(fsh=1e6), full) == pytest.approx((1.0 + 1.5**-4) ** 0.25, rel=1e-6)
    half = germ.entry(NORMAL._replace(fsh=0.0), full)
    assert half == pytest.approx(0.5 * ((1.0 + 1.5**4) / (1.0 + 0.75**4)) ** 0.25)
    # Where founders are few there is room for all.
    few = with_("germ", crowding=0.1**4)
    assert germ.entry(NORMAL._replace(fsh=3.0), few) == pytest.approx(2.0, rel=1e-3)


def test_entry_is_decided_by_a_pale_and_by_b_in_halves():
    # A quarter enters: half as many are founded, and of them e^(-2/3) survive.
    quarter = NORMAL._replace(androgen=0.375, fsh=0.0)
    assert germ.entry(quarter, P) == pytest.approx(0.25)
    # Without FSH half as many would enter under normal androgen: the root of it is left of the A-pale, and of that half as
    # many differentiate.
    assert germ.a_pale_fed(quarter, P) == pytest.approx(math.sqrt(0.5))
    assert germ.a_pale_fed(quarter, P) * germ.commitment(quarter, P) == pytest.approx(0.3)
    assert germ.a_pale_fed(NORMAL._replace(androgen=0.2), P) == 1.0
    assert germ.commitment(NORMAL._replace(fsh=0.0), P) == pytest.approx(0.6)
    assert germ.spermatogonial_loss(quarter, P) == pytest.approx(0.8 + 2 / 3)
    for wanted in (0.3, 0.5, 0.7, 0.9, 1.2):
        signals = NORMAL._replace(fsh=2.0 * wanted - 1.0)
        founded = germ.a_pale_fed(signals, P) * germ.commitment(signals, P)
        through = founded / 0.6 * math.exp(0.8 - germ.spermatogonial_loss(signals, P))
        assert through == pytest.approx(wanted, rel=0.03)
    nothing = with_("germ", entry_alone=0.0)
    none = NORMAL._replace(androgen=0.0, fsh=0.0)
    assert germ.commitment(none, nothing) == 0.0 and germ.spermatogonial_loss(none, nothing) == pytest.approx(2.8)
    many = NORMAL._replace(fsh=1e6)
    assert germ.a_pale_fed(many, P) > 100.0 and germ.commitment(many._replace(androgen=1e7), P) == 1.0
    assert germ.spermatogonial_loss(many, P) == 0.0


@pytest.mark.parametrize(
    ("loss", "signals", "hazard"),
    [
        ("spermatogonial", {}, 0.8),
        ("prophase", {}, 0.26),
        ("prophase", {"meiosis": 0.0, "androgen": 0.0}, 0.26),
        ("meiotic", {}, 0.5),
        ("meiotic", {"meiosis": 0.5}, 2.0),
        ("meiotic", {"meiosis": 1.5, "androgen": 0.0}, 0.5),
        ("round", {"androgen": 0.0}, 0.3),
        ("adhesion", {}, 0.0),
        ("adhesion", {"androgen": 0.5}, 3.0),
        ("adhesion", {"androgen": 2.0, "meiosis": 0.0}, 0.0),
        ("elongated", {}, 0.4),
        ("elongated", {"androgen": 0.0}, 0.4),
        ("elongated", {"lack": 0.5}, 1.4),
        ("pressure", {}, 0.0),
        ("pressure", {"pressure": 0.5}, 0.58),
        ("pressure", {"pressure": 1.0}, 2.32),
    ],
)
def test_losses(loss, signals, hazard):
    assert getattr(germ, f"{loss}_loss")(NORMAL._replace(**signals), P) == pytest.approx(hazard)


def test_every_type_meets_its_hazards_spread_over_its_days():
    assert ("commitment", "spermiation", *(f"{name}_hazard" for name in NAMES), "a_pale_fed") == RATES
    rates = germ.rates_under(NORMAL, P)
    # 0.8 in 8 days, 0.26 in the 26 of prophase, 0.5 in 2, 0.3 in 10, 0.4 in 20.
    assert rates == pytest.approx((0.6, 0.8, 0.0, 0.0, 0.1, *[0.01] * 5, 0.25, 0.03, 0.02, 0.02, 1.0))
    # 3.2 in the 16 days of round and elongating spermatids.
    loose = germ.rates_under(NORMAL._replace(androgen=7 / 15), P)
    assert [b - a for a, b in zip(rates, loose, strict=True)][-4:] == pytest.approx([0.2, 0.2, 0.0, 0.0])
    pressed = germ.rates_under(NORMAL._replace(pressure=0.5), P)
    added = [under - rate for under, rate in zip(pressed, rates, strict=True)]
    assert added == pytest.approx((0.0,) * 5 + (0.01,) * 9 + (0.0,))  # 0.58 in the 58 days of the lumen


def test_androgen_releases_all_but_what_needs_none():
    assert germ.spermiation(NORMAL, P) == pytest.approx(0.8)
    assert germ.spermiation(NORMAL._replace(spermiation=0.5), P) == pytest.approx(0.5)
    assert germ.spermiation(NORMAL._replace(spermiation=0.0), P) == pytest.approx(0.2)
    assert germ.spermiation(NORMAL._replace(spermiation=3.0, fsh=0.0), P) == pytest.approx(0.8)


def test_types_have_their_days():
    assert germ.durations(P) == DAYS and sum(DAYS[step] for step in PROPHASE) == 26.0
    assert germ.by_class(1, 2, 3, 4) == (1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 4, 4)


def test_a_rate_changed_from_outside_stays_a_share_or_a_hazard():
    assert germ.changed(0, 0.5, 0.5, 0.1) == pytest.approx(0.35)
    assert germ.changed(1, 0.5, 3.0, 0.0) == 1.0 and germ.changed(2, 0.5, 3.0, 0.0) == 1.5
    assert germ.changed(0, 0.5, 1.0, -2.0) == germ.changed(5, 0.5, 1.0, -2.0) == 0.0


# ---- a cell's life


def test_a_cell_draws_its_days_and_the_hazard_it_can_take():
    lineage, step = 12345, ROUND_SPERMATID
    first, second = halves(bits(lineage, step, ENTRY))
    days, budget = germ.on_entering(lineage, 7, step, DAYS, 0.1, 0.0)
    assert days == pytest.approx(10.0 * (1.0 + 0.1 * math.sqrt(3.0) * (2.0 * first - 1.0)))
    assert budget == pytest.approx(-math.log(1.0 - second))


def test_stem_cells_keep_the_clock_of_their_niche():
    for step in (A_DARK, A_PALE):
        assert germ.on_entering(12345, 7, step, DAYS, 0.1, 1.0)[0] == 16.0
    assert germ.on_entering(12345, 7, A_PALE + 1, DAYS, 0.1, 0.0)[0] != 8.0


def test_cells_of_a_clone_may_die_together_but_stem_cells_alone():
    sisters = [germ.on_entering(lineage, 7, ROUND_SPERMATID, DAYS, 0.1, 1.0) for lineage in (1, 2)]
    assert sisters[0][1] == sisters[1][1] and sisters[0][0] != sisters[1][0]
    assert sisters[0][1] == pytest.approx(-math.log(1.0 - halves(bits(7, ROUND_SPERMATID, ENTRY))[1]))
    alone = [germ.on_entering(lineage, 7, ROUND_SPERMATID, DAYS, 0.1, 0.0)[1] for lineage in (1, 2)]
    assert alone[0] != alone[1]
    assert germ.on_entering(1, 7, A_PALE, DAYS, 0.1, 1.0)[1] != germ.on_entering(2, 7, A_PALE, DAYS, 0.1, 1.0)[1]
    together = [
        germ.on_entering(1, clone, ROUND_SPERMATID, DAYS, 0.1, 0.3)[1]
        != germ.on_entering(1, clone, ROUND_SPERMATID, DAYS, 0.1, 0.0)[1]
        for clone in range(1000)
    ]
    assert (
        together == [uniform(clone, ROUND_SPERMATID, CLONE) < 0.3 for clone in range(1000)]
        and 240 < sum(together) < 360
    )


def test_the_name_of_a_clone_is_odd_and_of_32_bits():
    names = {germ.clone_of(99, ordinal) for ordinal in range(50)}
    assert len(names) == 50 and all(0 < name < 2**32 and name % 2 == 1 for name in names)
    assert not names & {germ.clone_of(98, ordinal) for ordinal in range(50)}
    # Daughters of even ordinals: the upper half of their names, made odd.
    assert germ.clone_of(99, 3) == child(99, 6) >> 32 | 1


def test_an_a_pale_starts_with_a_share_of_its_own():
    assert germ.first_share(5, A_PALE) == uniform(5, A_PALE, COMMIT)


@pytest.mark.parametrize(
    ("ends", "threshold", "gathered", "hazard", "event"),
    [
        (20.0, 3.0, 2.0, 0.5, (germ.LIVES, 10.0)),
        (20.0, 3.0, 4.0, 0.5, (germ.DIES, 8.0)),  # one too much, at a half a day: two days ago
        (20.0, 3.0, 3.0, 0.5, (germ.DIES, 10.0)),
        (9.0, 3.0, 2.0, 0.5, (germ.COMPLETES, 9.0)),
        (10.0, 3.0, 2.0, 0.5, (germ.COMPLETES, 10.0)),
        (7.0, 3.0, 4.0, 0.5, (germ.COMPLETES, 7.0)),  # it was through before
        (8.0, 3.0, 4.0, 0.5, (germ.DIES, 8.0)),
        (20.0, 3.0, 4.0, 0.0, (germ.DIES, -1e300)),  # a hazard that has ended since
    ],
)
def test_a_germ_cell_dies_completes_or_lives_on(ends, threshold, gathered, hazard, event):
    assert germ.next_event(ends, threshold, gathered, hazard, 10.0) == event


def test_who_lets_go_is_freed_and_of_the_others_a_share():
    lost = 6.0 / 16.0  # a day without androgen
    assert germ.freed_share(1.0, 0.04, 0.0, P) == germ.freed_share(9.0, 0.04, 0.0, P) == 0.25
    assert germ.freed_share(0.0, lost, 0.0, P) == 1.0  # they die of nothing else
    assert germ.freed_share(0.6, 2.0 * lost, 0.0, P) == pytest.approx(0.2 + 0.25 * 0.8)
    assert germ.freed_share(0.0, 0.5 * lost, 0.0, P) == 1.0  # a change from outside lets fewer die than would let go
    assert germ.freed_share(0.0, 200.0 + lost, 200.0, P) == pytest.approx(lost / (200.0 + lost))
    assert germ.freed_share(1.0, 0.0, 0.0, P) == germ.freed_share(1.0, 200.0, 200.0, P) == 0.0


def test_the_share_that_is_freed_is_drawn_apart_from_the_release():
    freed = [germ.is_freed(lineage, ROUND_SPERMATID, 0.3) for lineage in range(1000)]
    assert 250 < sum(freed) < 350
    assert not any(germ.is_freed(lineage, ROUND_SPERMATID, 0.0) for lineage in range(1000))
    assert all(germ.is_freed(lineage, ROUND_SPERMATID, 1.0) for lineage in range(1000))
    released = [germ.is_released(lineage, 0.3) for lineage in range(1000)]
    assert 60 < sum(one and other for one, other in zip(freed, released, strict=True)) < 120


def test_the_share_that_spermiation_sets_is_released():
    released = [germ.is_released(lineage, 0.8) for lineage in range(1000)]
    assert released == [uniform(lineage, 0, RELEASE) < 0.8 for lineage in range(1000)]
    assert len(NAMES) == COUNT == 12 and 760 < sum(released) < 840
