"""Leydig, Sertoli and germ cells (leydig, sertoli, germ), against hand-worked values of a tissue of round numbers."""

from __future__ import annotations

import math

import pytest
from round_tissue import DAYS, P, with_

from testis_abm.biology import germ, leydig, sertoli
from testis_abm.biology.draws import CLONE, COMMIT, ENTRY, RELEASE, STEM_LOSS, bits, child, halves, uniform
from testis_abm.biology.steps import A_DARK, A_PALE, COUNT, NAMES, PROPHASE, RATES, ROUND_SPERMATID

LN2 = math.log(2.0)
NORMAL = germ.reference_signals(P)


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


def test_oestradiol_brakes_a_leydig_cell_only_where_the_brake_is_on():
    assert leydig.leydig_day(1.0, 1.0, 1.0, 20.0, 1.0, 1.0, P, 1.0)[2] == pytest.approx(1.5)
    on = with_("leydig", oestrogen_brake=3.0)
    assert leydig.leydig_day(1.0, 1.0, 1.0, 2.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(1.5)
    assert leydig.leydig_day(1.0, 1.0, 1.0, 10.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(1.5 / 4)  # 4 / (1 + 15)
    assert leydig.leydig_day(1.0, 1.0, 1.0, 0.0, 1.0, 1.0, on, 1.0)[2] == pytest.approx(6.0)
    on.receptor = with_("receptor", er_alpha_sensitivity=0.5).receptor
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
    assert sertoli.response_kept(P, 5.0 * LN2) == pytest.approx(0.5)
    assert sertoli.responded(8.0, 2.0, 0.25) == pytest.approx(3.5)
    assert sertoli.responded(2.0, 8.0, 0.25) == pytest.approx(6.5)
    half = 5.0 * LN2
    assert sertoli.sertoli_day(8.0, 3.0, 1.0, 4.0, 1.0, 9.0, P, half) == pytest.approx((6.0, 2.0, 5.0))


def test_the_reference_man_has_signals_of_one():
    assert sertoli.signals(10.0, 2.0, 4.0, 0.0, P) == pytest.approx((1.0,) * 6 + (0.2, 0.0))
    assert germ.reference_signals(P) == pytest.approx((1.0,) * 6 + (0.2, 0.0))


def test_a_signal_is_the_share_of_receptors_bound():
    found = sertoli.signals(5.0, 4.0, 12.0, 0.3, P)
    assert found.commitment == pytest.approx(2 / 3)  # 5 of 15, over 1/2
    assert found.meiosis == pytest.approx(3 / 4)  # 5 of 10, over 2/3
    assert found.elongation == pytest.approx(4 / 7)  # 5 of 35, over 1/4
    assert found.spermiation == pytest.approx(4 / 5)  # 5 of 25/3, over 3/4
    assert found.fsh == pytest.approx(1.5)  # 12 of 16, over 1/2
    assert found.er_beta == pytest.approx(16 / 17 / 0.8)
    assert found.er_alpha == pytest.approx(0.5) and found.pressure == 0.3
    assert sertoli.signals(0.0, 0.0, 0.0, 0.0, P) == (0.0,) * 8
    assert sertoli.signals(-1.0, -1.0, -1.0, 0.0, P) == (0.0,) * 8


def test_steepness_and_sensitivity_are_those_of_the_receptor():
    steep = sertoli.signals(5.0, 2.0, 4.0, 0.0, with_("receptor", androgen_exponent=2.0))
    assert steep[:4] == pytest.approx((25 / 125 / 0.5, 0.5 * 1.5, 25 / 925 / 0.25, 25 / (25 + 100 / 9) / 0.75))
    half = with_(
        "receptor", androgen_sensitivity=0.5, fsh_sensitivity=3.0, er_beta_sensitivity=0.5, er_alpha_sensitivity=2.0
    )
    found = sertoli.signals(10.0, 2.0, 4.0, 0.0, half)
    assert found[:2] == pytest.approx((2 / 3, 3 / 4)) and found.fsh == pytest.approx(1.5)
    assert found.er_beta == pytest.approx(0.5 / 0.8) and found.er_alpha == pytest.approx(0.5)
    linear = sertoli.signals(10.0, 4.0, 4.0, 0.0, with_("receptor", oestrogen_exponent=1.0))
    assert (linear.er_beta, linear.er_alpha) == pytest.approx((0.8 / 0.8, 0.5))


def test_inhibin_b_follows_fsh_over_a_floor():
    assert sertoli.inhibin_output(4.0, P) == pytest.approx(1.0)
    assert sertoli.inhibin_output(0.0, P) == pytest.approx(0.2)
    assert sertoli.inhibin_output(12.0, P) == pytest.approx(0.2 + 1.6 * 3 / 4)
    assert sertoli.inhibin_output(4.0, with_("receptor", fsh_sensitivity=3.0)) == pytest.approx(1.4)


# ---- what germ cells die of


def test_a_missing_signal_adds_to_what_is_always_lost():
    assert germ.lost(0.5, 2.0, 1.0) == 0.5
    assert germ.lost(0.5, 2.0, 0.25) == pytest.approx(2.0)
    assert germ.lost(0.5, 2.0, 1.1) == pytest.approx(0.3)
    assert germ.lost(0.5, 2.0, 9.0) == 0.0


@pytest.mark.parametrize(
    ("loss", "signals", "hazard"),
    [
        ("spermatogonial", {}, 0.8),
        ("spermatogonial", {"commitment": 0.5}, 1.0),
        ("spermatogonial", {"fsh": 0.25}, 2.0),
        ("spermatogonial", {"commitment": 0.5, "fsh": 0.25}, 2.2),
        ("spermatogonial", {"commitment": 0.5, "fsh": 1.25}, 0.6),
        ("prophase", {}, 0.26),
        ("prophase", {"meiosis": 0.5}, 0.52),
        ("meiotic", {}, 0.5),
        ("meiotic", {"meiosis": 0.5}, 2.0),
        ("round", {}, 0.3),
        ("round", {"elongation": 0.5}, 3.3),
        ("elongated", {}, 0.4),
        ("elongated", {"elongation": 0.5}, 1.4),
        ("round", {"er_alpha": 0.3}, 0.8),  # five times the tenth in excess
        ("elongated", {"er_alpha": 0.3, "pressure": 0.5}, 1.25),
        ("round", {"er_alpha": 0.1}, 0.3),
        ("oestrogen", {}, 0.0),
        ("oestrogen", {"er_beta": 0.25}, 0.27),
        ("oestrogen", {"er_beta": 2.0}, 0.0),
        ("oestrogen", {"er_alpha": 0.0}, 0.0),
    ],
)
def test_losses(loss, signals, hazard):
    assert getattr(germ, f"{loss}_loss")(NORMAL._replace(**signals), P) == pytest.approx(hazard)


def test_by_a_switch_er_alpha_of_germ_cells_senses_lack():
    half = with_("germ", er_alpha_germ=0.5)
    assert germ.oestrogen_loss(NORMAL._replace(er_alpha=0.1), half) == pytest.approx(0.09)  # signals 1/2 and 1
    assert germ.oestrogen_loss(NORMAL._replace(er_beta=0.5), half) == pytest.approx(0.09)


def test_every_type_meets_its_hazards_spread_over_its_days():
    assert ("commitment", "spermiation", *(f"{name}_hazard" for name in NAMES)) == RATES
    rates = germ.rates_under(NORMAL, P)
    # 0.8 in 8 days, 0.26 in the 26 of prophase, 0.5 in 2, 0.3 in 10, 0.4 in 20.
    assert rates == pytest.approx((0.6, 0.8, 0.0, 0.0, 0.1, *[0.01] * 5, 0.25, 0.03, 0.02, 0.02))
    # Without ER-beta 0.36 in the 36 days of prophase and round spermatids, by expression.
    lack = germ.rates_under(NORMAL._replace(er_beta=0.0), P)
    added = [lacking - rate for lacking, rate in zip(lack, rates, strict=True)]
    assert added == pytest.approx((0.0,) * 4 + (0.001, *[0.01] * 6, 0.005, 0.002, 0.002))


@pytest.mark.parametrize(
    ("label", "signals", "hazard"),
    [
        ("survival of B spermatogonia", {"fsh": 0.25}, 2.0),
        ("survival through prophase", {"meiosis": 0.5}, 0.52),
        ("completion of meiosis", {"meiosis": 0.5}, 2.0),
        ("elongation of round spermatids", {"elongation": 0.5}, 3.3),
        ("survival of elongated spermatids", {"elongation": 0.5}, 1.4),
        # A hundredth a day: a tenth of 8 days, 28 of spermatocytes, half of 10, a fifth of 20.
        ("survival under ER-beta", {"er_beta": 0.0}, 0.378),
    ],
)
def test_a_cell_that_lives_through_meets_the_whole_hazard(label, signals, hazard):
    loss = {loss.label: loss for loss in germ.LOSSES}[label]
    assert loss.through(NORMAL._replace(**signals), P) == pytest.approx(hazard)


def test_fsh_and_androgen_commit_and_release():
    assert germ.commitment(NORMAL, P) == pytest.approx(0.6)
    assert germ.commitment(NORMAL._replace(commitment=0.5), P) == pytest.approx(0.3)
    assert germ.commitment(NORMAL._replace(fsh=0.0), P) == pytest.approx(0.15)  # the floor of a quarter
    assert germ.commitment(NORMAL._replace(fsh=0.5), P) == pytest.approx(0.375)
    assert germ.commitment(NORMAL._replace(fsh=9.0), P) == 1.0
    assert germ.spermiation(NORMAL, P) == pytest.approx(0.8)
    assert germ.spermiation(NORMAL._replace(spermiation=0.5), P) == pytest.approx(0.4)
    assert germ.spermiation(NORMAL._replace(fsh=0.5), P) == pytest.approx(0.6)
    assert germ.spermiation(NORMAL._replace(fsh=9.0), P) == 1.0


def test_types_have_their_days_and_expression():
    assert germ.durations(P) == DAYS and sum(DAYS[step] for step in PROPHASE) == 26.0
    assert germ.er_beta_expression(P) == (0.1,) * 3 + (1.0,) * 6 + (0.5, 0.2, 0.2)
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


def test_a_dark_founds_an_a_pale_where_there_is_none():
    assert germ.stem_cell_turn(5, A_DARK, 3, 0.4, 0.6, 0, 1.0) == (False, 0.4, True)
    assert germ.stem_cell_turn(5, A_DARK, 3, 0.4, 0.6, 1, 1.0) == (False, 0.4, False)


def test_an_a_pale_gathers_a_share_and_founds_a_clone_at_one():
    assert germ.stem_cell_turn(5, A_PALE, 3, 0.4, 0.6, 1, 0.0) == (False, pytest.approx(1.0), False)
    assert germ.stem_cell_turn(5, A_PALE, 3, 1.0, 0.6, 1, 0.0) == (False, pytest.approx(0.6), True)
    assert germ.stem_cell_turn(5, A_PALE, 3, 1.3, 0.6, 1, 0.0) == (False, pytest.approx(0.9), True)
    assert germ.stem_cell_turn(5, A_PALE, 3, 0.4, 0.6, 1, 1.0) == (True, 0.4, False)
    lost = [germ.stem_cell_turn(5, A_PALE, turn, 0.4, 0.6, 1, 0.25)[0] for turn in range(1000)]
    assert lost == [uniform(5, 16 + turn, STEM_LOSS) < 0.25 for turn in range(1000)] and 200 < sum(lost) < 300


def test_the_share_that_spermiation_sets_is_released():
    released = [germ.is_released(lineage, 0.8) for lineage in range(1000)]
    assert released == [uniform(lineage, 0, RELEASE) < 0.8 for lineage in range(1000)]
    assert len(NAMES) == COUNT == 12 and 760 < sum(released) < 840
