"""Readouts of benefit and harm (safety), chances (outcome) and the assay, against hand-worked values of round numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testis_abm import parameters
from testis_abm.biology import outcome
from testis_abm.biology.assay import reported_oestradiol
from testis_abm.biology.safety import Felt, Safety

SAFETY = {
    "axis.testosterone_reference": 9.0,
    "axis.oestradiol_reference": 60.0,
    "safety.bone_oestradiol_half": 30.0,
    "safety.bone_oestradiol_exponent": 2.0,
    "safety.bone_oestradiol_loss": 2.0,
    "safety.bone_testosterone_half": 6.0,
    "safety.bone_testosterone_loss": 1.0,
    "safety.bone_placebo_trend": 0.4,
    "safety.hdl_slope": -5.0,
    "safety.hdl_days": 14.0,
    "safety.haematocrit_reference": 44.0,
    "safety.haematocrit_slope": 8.0,
    "safety.haematocrit_ceiling": 60.0,
    "safety.haematocrit_days": 60.0,
    "safety.libido_testosterone_half": 3.0,
    "safety.libido_oestradiol_half": 20.0,
    "safety.libido_oestradiol_share": 0.4,
    "safety.vasomotor_oestradiol_half": 30.0,
    "safety.vasomotor_exponent": 2.0,
    "safety.vasomotor_top": 50.0,
    "safety.vasomotor_testosterone_half": 20.0,
    "safety.oestradiol_low": 36.7,
}


def feels(androgen, oestradiol):
    return Felt(androgen, oestradiol, oestradiol)


def man(testosterone=12.0, oestradiol=60.0):
    return Safety(SAFETY, feels(testosterone, oestradiol))


def test_bone_is_lost_to_lack_of_oestradiol_and_less_of_testosterone():
    # His own: 2 % x 1/5 + 1 % x 1/5 a year. At both halves: 2 % x 1/2 + 1 % x 1/2.
    lacking = man()
    lacking.day(feels(6.0, 30.0))
    assert lacking.bone == pytest.approx(-0.9 / 365.25)
    lacking.day(feels(6.0, 60.0))
    assert lacking.bone == pytest.approx(-(0.9 + 0.3) / 365.25)
    without = man()
    without.day(feels(12.0, 0.0))
    assert without.bone == pytest.approx(-1.6 / 365.25)
    gaining = man(6.0, 30.0)
    gaining.day(feels(12.0, 60.0))
    assert gaining.bone == pytest.approx(0.9 / 365.25)


def test_hdl_falls_with_the_logarithm_of_testosterone_in_two_weeks():
    more = man()
    more.day(feels(12.0 * math.e, 60.0))
    assert more.hdl == pytest.approx(-5.0 * (1.0 - math.exp(-1 / 14)))
    for _ in range(400):
        more.day(feels(12.0 / math.e, 60.0))
    assert more.hdl == pytest.approx(5.0)
    for _ in range(400):
        more.day(feels(0.0, 60.0))  # as if 0.1
    assert more.hdl == pytest.approx(5.0 * math.log(120.0))
    castrate = man(0.0)
    castrate.day(feels(0.1, 60.0))
    assert castrate.hdl == pytest.approx(0.0)


def test_haematocrit_follows_testosterone_to_a_ceiling_in_two_months():
    assert man(9.0).haematocrit == 44.0
    assert man(18.0).haematocrit == pytest.approx(44.0 + 16.0 * math.tanh(0.5))  # 8 % per reference, of 16 to go
    assert man(0.0).haematocrit == pytest.approx(44.0 - 16.0 * math.tanh(0.5))
    assert man(900.0).haematocrit == pytest.approx(60.0)
    risen = man(9.0)
    risen.day(feels(18.0, 60.0))
    assert risen.haematocrit == pytest.approx(44.0 + 16.0 * math.tanh(0.5) * (1.0 - math.exp(-1 / 60)))
    assert risen.readout(feels(18.0, 60.0)).haematocrit_pct == risen.haematocrit


@pytest.mark.parametrize(
    ("testosterone", "oestradiol", "score"),
    [
        (9.0, 60.0, 100.0),
        (90.0, 600.0, 100.0),
        (3.0, 60.0, 100 * 5 / 9),  # half of the sites against nine tenths
        (9.0, 20.0, 100 * (0.6 + 0.4 * 5 / 9)),
        (3.0, 20.0, 100 * 5 / 9 * (0.6 + 0.4 * 5 / 9)),
        (9.0, 0.0, 60.0),
        (0.0, 60.0, 0.0),
    ],
)
def test_libido_needs_both_hormones(testosterone, oestradiol, score):
    assert man().readout(feels(testosterone, oestradiol)).libido_score == round(score)  # whole: no more is known


@pytest.mark.parametrize(
    ("testosterone", "oestradiol", "share"),
    [(0.0, 0.0, 50.0), (0.0, 30.0, 25.0), (20.0, 30.0, 12.5), (0.0, 60.0, 10.0), (60.0, 0.0, 12.5)],
)
def test_flushes_come_of_lacking_oestradiol_and_testosterone_shields(testosterone, oestradiol, share):
    assert man().readout(feels(testosterone, oestradiol)).vasomotor_pct == round(share)


def test_a_readout_is_of_the_day_and_flags_low_oestradiol():
    day = man().readout(feels(12.0, 36.69))
    assert day.oestradiol_low and not man().readout(feels(12.0, 36.7)).oestradiol_low
    assert (day.bone_density_change_pct, day.hdl_change_mg_dl) == (0.0, 0.0)
    changed = man()
    changed.day(feels(6.0, 30.0))
    day = changed.readout(feels(6.0, 30.0))
    assert (day.bone_density_change_pct, day.hdl_change_mg_dl) == (changed.bone, round(changed.hdl))
    assert changed.hdl > 0 > changed.bone


def test_a_scan_shows_what_men_on_placebo_gain_besides():
    steady, losing = man(), man()
    for _ in range(365):
        steady.day(feels(12.0, 60.0))
        losing.day(feels(12.0, 0.0))
    assert steady.bone == 0.0 and steady.scanned == pytest.approx(0.4, rel=1e-2)
    assert losing.scanned - losing.bone == pytest.approx(steady.scanned)
    assert losing.readout(feels(12.0, 0.0)).bone_density_scan_pct == losing.scanned


# ---- chances


CHANCES = {
    **{name: row.value for name, row in parameters.load().items() if name.startswith(("outcome.", "obstruction."))},
    "outcome.azoospermic_below": 0.05,
    "outcome.microdissection_tubules": 50.0,
    "outcome.conventional_tubules": 20.0,
    "outcome.section_sertoli": 10.0,
    "outcome.spermatids_together": 5.0,
    "outcome.looked_length": 2.0,
    "outcome.retrieval_lh_low": 1.2,
    "outcome.retrieval_fsh_low": 2.0,
}
YOUNG = outcome.Couple(22.0)


def semen(motile=143.0, forms=14.0, broken=15.0, concentration=None):
    return {
        "total_motile_count_million": motile,
        "normal_forms_pct": forms,
        "dna_fragmentation_pct": broken,
        "concentration_million_ml": motile / 1.75 if concentration is None else concentration,
    }


def test_conception_saturates_with_the_total_motile_count():
    of = CHANCES | {
        "outcome.conception_top": 0.3,
        "outcome.conception_half": 40.0,
        "outcome.conception_exponent": 1.0,
        "outcome.conception_dna_half": 1e9,
    }
    chances = [outcome.conception(semen(motile), YOUNG, of)[0] for motile in (0.0, 0.4, 10.0, 40.0, 1e9)]
    assert chances == pytest.approx([0.0, 0.3 / 101, 0.06, 0.15, 0.3])
    steep = of | {"outcome.conception_exponent": 2.0}
    assert outcome.conception(semen(80.0), YOUNG, steep)[0] == pytest.approx(0.24)  # 4 of 1 + 4
    assert outcome.conception(semen(0.0, math.nan, math.nan), YOUNG, of) == (0.0, 0.0, 0.0)
    # What nobody has looked at costs nothing.
    unseen = outcome.conception(semen(143.0, math.nan, math.nan), YOUNG, CHANCES)[0]
    assert unseen > outcome.conception(semen(), YOUNG, CHANCES)[0]


@pytest.mark.parametrize("way", ["conception", "iui", "icsi", "icsi_testicular"])
def test_chances_fall_with_the_age_of_the_partner_and_lie_within_their_ends(way):
    ages = np.linspace(30.0, 50.0, 21)
    found = [outcome.chances(semen(), outcome.NOT_SOUGHT, outcome.Couple(age), CHANCES)[way] for age in ages]
    middles = [middle for middle, _, _ in found]
    assert middles == sorted(middles, reverse=True) and middles[-1] < 0.4 * middles[0]
    assert all(0.0 <= low <= middle <= high <= 1.0 for middle, low, high in found)
    assert found[0][1] < 0.75 * found[0][0] and found[0][2] > 1.2 * found[0][0]


def test_form_and_dna_count_where_they_are_poor():
    usual, formless, broken = (
        outcome.conception(of, YOUNG, CHANCES)[0] for of in (semen(), semen(forms=0.0), semen(broken=50.0))
    )
    assert formless == pytest.approx(0.6 * usual) and broken < 0.3 * usual
    assert outcome.conception(semen(forms=5.0), YOUNG, CHANCES)[0] == pytest.approx(usual)
    direct = outcome.injection(semen(broken=41.0), YOUNG, CHANCES)[0] / outcome.injection(semen(), YOUNG, CHANCES)[0]
    assert 0.55 < direct < 0.9


def cumulative(cycles, motile, age=28.0, tried=0.0, **of):
    couple = outcome.Couple(age, tried)
    return outcome.within(cycles, outcome.conception(semen(motile, **of), couple, CHANCES), couple, CHANCES)[0]


def test_couples_who_have_tried_in_vain_are_those_with_lower_chances():
    # What is left after three cycles conceives as if it had tried for three.
    first, all_six = cumulative(3, 60.0), cumulative(6, 60.0)
    assert 1.0 - all_six == pytest.approx((1.0 - first) * (1.0 - cumulative(3, 60.0, tried=3.0)))
    assert cumulative(1, 60.0) == pytest.approx(outcome.conception(semen(60.0), outcome.Couple(28.0), CHANCES)[0])
    assert cumulative(12, 60.0, tried=24.0) < 0.6 * cumulative(12, 60.0)


def test_published_couples():
    assert 0.2 < cumulative(1, 143.0, 26.0) < 0.25
    assert cumulative(6, 100.0) == pytest.approx(0.65, abs=0.06)  # Bonde 1998: 40 million/mL and more
    assert cumulative(6, 35.0) == pytest.approx(0.51, abs=0.06)  # and less
    assert cumulative(12, 143.0) == pytest.approx(0.82, abs=0.05)  # Zinaman 1996
    # Liu 2009: half of gonadotrophin-deficient men in 28 (22 to 39) months, at 8 million/mL.
    assert cumulative(22, 12.0) < 0.75 and cumulative(42, 12.0, 31.0) > 0.5
    # Idiopathic, after years: 2 of 29 in 5 months (Ding 2015), 12 % in 8 (WHO 1992).
    assert 0.01 < cumulative(5, 10.0, 31.0, 30.0) < 0.2 and 0.04 < cumulative(9, 12.0, 31.0, 20.0) < 0.15


def test_insemination_follows_washed_motile_sperm():
    chances = [
        outcome.insemination(semen(motile), outcome.Couple(28.0), CHANCES)[0] for motile in (0.0, 0.5, 2.5, 25.0)
    ]
    assert chances == sorted(chances) and chances[0] == 0.0 and chances[1] < 0.04
    assert chances[2] == pytest.approx(0.085) and chances[3] > 0.15  # a million washed; ten


def test_injection_needs_sperm_and_no_number_of_them():
    few, many = (outcome.injection(semen(motile), YOUNG, CHANCES) for motile in (0.2, 143.0))
    assert few == many
    assert all(math.isnan(x) for x in outcome.injection(semen(0.0), YOUNG, CHANCES))
    sought = outcome.injection_of_testicular((0.5, 0.3, 0.7), 0.0, YOUNG, CHANCES)
    found = outcome.injection_of_testicular(outcome.NOT_SOUGHT, 5.0, YOUNG, CHANCES)  # he ejaculates some
    silent = outcome.injection_of_testicular(outcome.NOT_SOUGHT, 0.0, YOUNG, CHANCES)
    assert all(math.isnan(x) for x in silent)
    assert sought[0] == pytest.approx(0.5 * found[0]) and sought[1] == pytest.approx(0.3 * found[1])
    assert found[0] == pytest.approx(0.27)


def test_men_clear_after_vasectomy_as_published():
    # Expected of a man at an ejaculate every three days: a store of 0.3 x 6 days of 86 million, in eleven days.
    def share(weeks):
        left = 0.3 * 6.0 * 86.0 * math.exp(-7.0 * weeks / 11.0) * (1.0 - math.exp(-1.0 / 11.0)) * 3.0 / 3.5
        return outcome.cleared(left, 7.0 * weeks / 11.0, CHANCES)

    assert share(12) == pytest.approx(0.67, abs=0.08) and share(10) == pytest.approx(0.5, abs=0.12)
    shares = [share(weeks) for weeks in (0, 2, 6, 12, 26, 52)]
    assert shares == sorted(shares) and shares[0] == 0.0 and shares[-1] > 0.95
    assert outcome.cleared(0.05, 5.0, CHANCES) == pytest.approx(0.5) and outcome.cleared(0.0, 5.0, CHANCES) == 1.0


def test_a_section_yields_if_it_holds_a_group_of_spermatids():
    # 0.5 a Sertoli cell, 10 cells around, groups of five: one group on average.
    assert outcome.yielding(0.4, 0.5, CHANCES) == pytest.approx(0.4 * (1.0 - 1.0 / math.e))
    assert outcome.yielding(0.4, 0.0, CHANCES) == outcome.yielding(0.0, 3.0, CHANCES) == 0.0
    assert outcome.yielding(0.4, 1e6, CHANCES) == pytest.approx(0.4)


def test_what_was_seen_of_a_few_sections_leaves_much_open():
    none, some, all_ = outcome.seen(0, 10), outcome.seen(5, 10), outcome.seen(10, 10)
    assert (none.share, none.low) == (0.0, 0.0) and none.high == pytest.approx(0.2775, abs=1e-4)  # Wilson
    assert (all_.share, all_.high) == (1.0, 1.0) and all_.low == pytest.approx(1.0 - none.high)
    assert some.low == pytest.approx(0.2366, abs=1e-4) and some.high == pytest.approx(0.7634, abs=1e-4)
    assert outcome.seen(500, 1000).high < 0.54


def test_a_surgeon_needs_one_tubule_that_yields():
    tubules = parameters.load()["outcome.microdissection_tubules"]
    assert (tubules.low, tubules.high) == (100.0, 400.0)
    assert outcome.found(0.5, 3.0) == pytest.approx(7 / 8)
    assert (outcome.found(0.0, 200.0), outcome.found(1.0, 6.0)) == (0.0, 1.0)
    of = outcome.Yield(0.01, 0.005, 0.02)
    chance = outcome.retrieval(of, 0.0, 5.0, 20.0, CHANCES)
    assert chance == pytest.approx((1 - 0.99**50, 1 - 0.995**100, 1 - 0.98**400))
    assert outcome.retrieval(of, 0.0, 5.0, 20.0, CHANCES, "conventional")[0] == pytest.approx(1 - 0.99**20)
    chances = [outcome.found(share, 200.0) for share in np.linspace(0.0, 1.0, 50)]
    assert chances == sorted(chances)


def test_short_foci_are_met_more_often_than_whole_tubules():
    of = outcome.Yield(0.01, 0.01, 0.01)
    seek = [
        outcome.retrieval(of, 0.0, 5.0, 20.0, CHANCES, lesion_length=mm)[0] for mm in (math.inf, 870.0, 20.0, 2.0, 0.1)
    ]
    assert seek == sorted(seek) and seek[0] == pytest.approx(seek[1], abs=0.001)
    # 2 mm of each of 50 tubules in foci of 2 mm: as likely as not to lie in one that began before, and a further one on average.
    assert seek[3] == pytest.approx(1.0 - (0.99 * math.exp(-0.01)) ** 50)


@pytest.mark.parametrize(
    ("concentration", "lh", "fsh", "asked"),
    [
        (0.0, 5.0, 20.0, True),
        (0.049, 5.0, 20.0, True),
        (0.05, 5.0, 20.0, False),
        (9.0, 5.0, 20.0, False),
        (0.0, 1.1, 20.0, True),
        (0.0, 5.0, 1.9, True),
        (0.0, 1.1, 1.9, False),
        (0.0, 1.2, 1.9, True),
        (0.0, 1.1, 2.0, True),
    ],
)
def test_sperm_are_looked_for_in_azoospermia_with_gonadotrophins(concentration, lh, fsh, asked):
    chance = outcome.retrieval(outcome.Yield(0.1, 0.1, 0.1), concentration, lh, fsh, CHANCES)
    assert all(math.isnan(x) is not asked for x in chance)


# ---- an assay


def test_an_immunoassay_flatters_low_levels():
    values = {
        "axis.immunoassay_oestradiol_floor": 40.0,
        "axis.oestradiol_reference": 80.0,
        "axis.immunoassay_oestradiol_scale": 1.25,
    }
    assert reported_oestradiol(0.0, "immunoassay", values) == pytest.approx(50.0)
    assert reported_oestradiol(20.0, "immunoassay", values) == pytest.approx(62.5)  # (40 + 20 / 2) x 1.25
    assert reported_oestradiol(80.0, "immunoassay", values) == pytest.approx(100.0)
    assert reported_oestradiol(160.0, "immunoassay", values) == pytest.approx(200.0)
    assert reported_oestradiol(20.0, "lc-ms", values) == 20.0
