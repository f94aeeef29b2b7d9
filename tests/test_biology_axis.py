"""The equations of the axis, each against hand-worked values of a man of round numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testis_abm.biology import axis
from testis_abm.biology.axis import BODY, DAY, NO_DRUGS, AxisParameters
from testis_abm.biology.clamp import nothing
from testis_abm.biology.days import NORMAL

LN2 = math.log(2.0)
# Exponents of one and strengths that give fractions: brakes of 2 / (1 + T), 4 / (1 + 3 E2) and 3 / (1 + 2 inhibin).
P = AxisParameters(
    lh_reference=4.0,
    fsh_reference=5.0,
    testosterone_reference=20.5,
    oestradiol_reference=100.0,
    inhibin_b_reference=200.0,
    testosterone_feedback_strength=1.0,
    testosterone_feedback_exponent=1.0,
    oestradiol_feedback_strength=3.0,
    oestradiol_feedback_exponent=1.0,
    oestradiol_pituitary_share=0.5,
    gnrh_agonist_maximum=4.0,
    gnrh_desensitising_level=0.5,
    gnrh_desensitising_exponent=2.0,
    gnrh_desensitising_days=6.0,
    gnrh_tonic_hours=8.0,
    receptor_full_agonist=3.0,
    aromatase_turnover_days=2.0,
    gonadotroph_store_days=10.0,
    gonadotroph_store_exponent=1.0,
    gonadotroph_store_saturation=1.0,
    fsh_store_saturation=0.5,
    lh_clearance_per_day=8.0,
    fsh_clearance_per_day=2.0,
    inhibin_feedback_strength=2.0,
    inhibin_feedback_exponent=1.0,
    inhibin_b_days=1.5,
    testosterone_free_clearance=40_000.0,
    testosterone_distribution=100.0,
    testicular_testosterone_share=0.9,
    albumin_binding=20.0,
    shbg_binding=1.0,
    shbg_days=12.0,
    shbg_androgen_exponent=-0.5,
    shbg_oestrogen_exponent=0.5,
    oestradiol_clearance=1500.0,
    oestradiol_relaxation_per_day=6.0,
    testicular_oestradiol_share=0.2,
    adrenal_oestradiol_share=0.1,
    peripheral_aromatase_km=2.0,
    hcg_lh_equivalence=0.1,
    hcg_saturation=2.0,
    lh_saturation=1.0,
    free_testosterone_reference=0.5,
    gnrh_drive=1.0,
    fsh_secretion=1.0,
    shbg_production=30.0,
    peripheral_aromatase=1.0,
    oestrogen_feedback_sensitivity=1.0,
    androgen_feedback_sensitivity=1.0,
)


UNHELD = nothing(1).view(np.recarray)[0]


def body(**levels):
    """Return the reference man's body, with some levels of its own."""
    state = np.ones(1, BODY).view(np.recarray)[0]
    state.testosterone_nmol_l, state.shbg_nmol_l, state.gnrh_tonic = 20.5, 30.0, 0.0
    for name, level in levels.items():
        setattr(state, name, level)
    return state


def hour(state, testis=NORMAL, p=P, **drugs):
    means = np.zeros(1, DAY).view(np.recarray)[0]
    axis.body_hour(state, p, testis, NO_DRUGS._replace(**drugs), UNHELD, means)
    return means


def test_effects_of_a_mechanism_are_shares_or_levels():
    shares = {name for name, mechanism in axis.MECHANISMS.items() if mechanism.share}
    assert shares == {
        "aromatase_inhibitor",
        "aromatase_inactivator",
        "lyase_inhibitor",
        "oestrogen_receptor_modulator",
        "gnrh_agonist",
        "gnrh_antagonist",
    }


# ---- feedback


def test_a_brake_is_one_at_one_and_lets_go_without_its_hormone():
    assert axis.feedback(1.0, 3.0, 1.7) == 1.0
    assert axis.feedback(0.0, 3.0, 2.0) == axis.feedback(-1.0, 3.0, 2.0) == 4.0
    assert axis.feedback(2.0, 3.0, 1.0) == pytest.approx(4 / 7)
    assert axis.feedback(2.0, 3.0, 2.0) == pytest.approx(4 / 13)
    assert axis.feedback(1e9, 3.0, 1.0) == pytest.approx(0.0, abs=1e-8)


def test_the_store_is_one_at_one_and_ends_at_its_ceiling():
    assert axis.store_target(1.0, 1.3, 1.6) == pytest.approx(1.0)
    assert axis.store_target(3.0, 1.0, 1.0) == pytest.approx(1.5)  # 2 x 3 / 4
    assert axis.store_target(2.0, 2.0, 1.6) == pytest.approx(10.4 / 5.6)
    assert axis.store_target(1e9, 1.0, 1.6) == pytest.approx(2.6)
    assert axis.store_target(0.0, 1.3, 1.6) == 0.0


def test_a_receptor_among_modulators():
    assert axis.modulated(2.0, 0.0, 0.0, P) == 2.0
    assert axis.modulated(2.0, 3.0, 0.0, P) == 0.5  # an antagonist leaves a quarter
    assert axis.modulated(2.0, 3.0, 1.0, P) == 1.25  # (2 + 3) / 4
    assert axis.modulated(0.0, 1e9, 1e9, P) == pytest.approx(3.0)  # a full agonist is worth three times the normal


# ---- drive of the gonadotrophs


@pytest.mark.parametrize(
    ("x", "e2", "drive", "brake_t", "brake_e"),
    [
        (1.0, 1.0, 1.0, 1.0, 1.0),
        (3.0, 1.0, 0.5, 0.5, 1.0),
        (0.0, 1.0, 2.0, 2.0, 1.0),
        (1.0, 0.0, 4.0, 1.0, 4.0),
        (1.0, 5.0, 0.25, 1.0, 0.25),
        (3.0, 5.0, 0.125, 0.5, 0.25),
    ],
)
def test_steroids_brake_lh(x, e2, drive, brake_t, brake_e):
    assert axis.pituitary_drive(body(), x, e2, NO_DRUGS, P, 0.0) == pytest.approx((drive, brake_t, brake_e))


def test_sensitivity_of_the_feedback_scales_its_hormone():
    deaf = P._replace(oestrogen_feedback_sensitivity=0.0, androgen_feedback_sensitivity=3.0)
    assert axis.pituitary_drive(body(), 1.0, 5.0, NO_DRUGS, deaf, 0.0) == pytest.approx((2.0, 0.5, 4.0))


def test_a_modulator_at_the_pituitary_takes_the_brake_of_oestradiol():
    clomiphene = NO_DRUGS._replace(receptor_bound=4.0)
    # It is felt as 1 / 5: 4 / (1 + 0.6).
    assert axis.pituitary_drive(body(), 1.0, 1.0, clomiphene, P, 0.0)[2] == pytest.approx(2.5)
    partly = clomiphene._replace(pituitary_agonist=1.0)  # (1 + 3) / 5
    assert axis.pituitary_drive(body(), 1.0, 1.0, partly, P, 0.0)[2] == pytest.approx(4 / 3.4)
    elsewhere = NO_DRUGS._replace(liver_agonist=9.0, bone_agonist=9.0)
    assert axis.pituitary_drive(body(), 1.0, 1.0, elsewhere, P, 0.0)[2] == 1.0


def test_given_gnrh_adds_to_the_hypothalamus_and_is_braked_at_the_pituitary_alone():
    given = NO_DRUGS._replace(gnrh=1.0)  # half of its maximum: 4 / 2 = 2
    assert axis.pituitary_drive(body(), 1.0, 1.0, given, P, 0.0)[0] == pytest.approx(3.0)
    # Testosterone at 3 halves what the hypothalamus sends and not what is given.
    assert axis.pituitary_drive(body(), 3.0, 1.0, given, P, 0.0)[0] == pytest.approx(2.5)
    # Without oestradiol the hypothalamus sends twice as much, and the pituitary passes on twice as much of all.
    assert axis.pituitary_drive(body(), 1.0, 0.0, given, P, 0.0)[0] == pytest.approx(8.0)
    # Of a brake of 1/4 the pituitary has the share 0.25: 4^-0.25 there, the rest above.
    mostly_above = P._replace(oestradiol_pituitary_share=0.25)
    drive = axis.pituitary_drive(body(), 1.0, 5.0, given, mostly_above, 0.0)[0]
    assert drive == pytest.approx((0.25**0.75 + 2.0) * 0.25**0.25)
    none_of_his_own = P._replace(gnrh_drive=0.0)
    assert axis.pituitary_drive(body(), 1.0, 1.0, given, none_of_his_own, 0.0)[0] == pytest.approx(2.0)


def test_an_antagonist_and_a_desensitised_receptor_weaken_all_of_it():
    given = NO_DRUGS._replace(gnrh=1.0, gnrh_block=3.0)
    assert axis.pituitary_drive(body(), 1.0, 1.0, given, P, 0.0)[0] == pytest.approx(0.75)
    assert axis.pituitary_drive(body(gnrh_receptor=0.5), 1.0, 1.0, given, P, 0.0)[0] == pytest.approx(0.375)


def test_gnrh_without_pause_desensitises_in_days_and_pulses_do_not():
    tonic = NO_DRUGS._replace(gnrh=1.0, gnrh_trough=1.0)
    # Eight hours times ln 2: tonic exposure is half way to 1, at the desensitising level, and the target is one half.
    man = body()
    axis.pituitary_drive(man, 1.0, 1.0, tonic, P, 2.0 * LN2 / 3.0)
    assert man.gnrh_tonic == pytest.approx(0.75)
    man = body()
    axis.pituitary_drive(man, 1.0, 1.0, tonic, P, LN2 / 3.0)
    assert man.gnrh_tonic == pytest.approx(0.5)
    assert man.gnrh_receptor == pytest.approx(0.5 + 0.5 * 2.0 ** (-1 / 18))  # six days' time constant
    # What the hour leaves is the ceiling at once.
    man = body(gnrh_tonic=1.0)
    axis.pituitary_drive(man, 1.0, 1.0, tonic._replace(gnrh_trough=0.25), P, LN2 / 3.0)
    assert man.gnrh_tonic == 0.25
    # (0.25 / 0.5)^2 = 1/4: to 1 / 1.25.
    assert man.gnrh_receptor == pytest.approx(0.8 + 0.2 * 2.0 ** (-1 / 18))
    pulsed = body()
    axis.pituitary_drive(pulsed, 1.0, 1.0, NO_DRUGS._replace(gnrh=5.0), P, 30.0)
    assert pulsed.gnrh_receptor == 1.0


# ---- production


def test_oestradiol_of_fat_follows_free_testosterone_and_adrenal_precursor():
    assert axis.peripheral_oestradiol(1.0, 0.0, P) == pytest.approx(1.0)
    # 2 nmol/L free at Km 2: half of Vmax, against 0.5 / 2.5 in the reference man; 0.9 x 2.5 + 0.1.
    assert axis.peripheral_oestradiol(4.0, 0.0, P) == pytest.approx(2.35)
    # The inhibitor at its constant: 2 / 6 over 0.2, and half of the adrenal share.
    assert axis.peripheral_oestradiol(4.0, 1.0, P) == pytest.approx(0.9 * 5 / 3 + 0.05)
    assert axis.peripheral_oestradiol(0.0, 0.0, P) == pytest.approx(0.1)
    fat = P._replace(peripheral_aromatase=2.0)
    assert axis.peripheral_oestradiol(4.0, 0.0, fat) == pytest.approx(4.7)


def test_inactivated_aromatase_is_made_again_in_days():
    # Renewal 1/2 a day, loss 1/2 a day: to one half, with a time constant of one day.
    assert axis.active_aromatase(1.0, 0.5, P, LN2) == pytest.approx(0.75)
    assert axis.active_aromatase(0.0, 0.0, P, 2.0 * LN2) == pytest.approx(0.5)
    assert axis.active_aromatase(1.0, 1.5, P, 1e3) == pytest.approx(0.25)


def test_androgen_lowers_and_oestrogen_raises_shbg():
    assert axis.shbg_target(1.0, 1.0, P) == 30.0
    assert axis.shbg_target(4.0, 1.0, P) == pytest.approx(15.0)
    assert axis.shbg_target(1.0, 4.0, P) == pytest.approx(60.0)
    # Under a fiftieth of normal it follows no more.
    assert axis.shbg_target(0.0, 1.0, P) == axis.shbg_target(0.02, 1.0, P) == pytest.approx(30.0 * math.sqrt(50.0))
    assert axis.shbg_target(1.0, 0.0, P) == axis.shbg_target(1.0, 0.02, P) == pytest.approx(30.0 / math.sqrt(50.0))


def test_hcg_acts_as_lh_and_saturates():
    assert axis.lh_activity(0.7, 0.0, P) == 0.7
    assert axis.lh_activity(1.0, 10.0, P) == pytest.approx(1.0 + 2 / 3)  # 1 / (1 + 1/2)
    assert axis.lh_activity(1.0, 20.0, P) == pytest.approx(2.0)  # 2 / (1 + 1)
    assert axis.lh_activity(0.0, 1e12, P) == pytest.approx(2.0)


def test_testosterone_is_made_by_testes_and_adrenals():
    testis = NORMAL._replace(secretory_capacity=2.0)
    # 0.9 x 2 x (2 x 3 / 4) and a tenth of which half is blocked.
    assert axis.testosterone_made(testis, 3.0, 0.5, P) == pytest.approx(2.75)
    assert axis.testosterone_made(NORMAL, 1.0, 1.0, P) == pytest.approx(1.0)


# ---- an hour


def test_the_reference_man_stands_still():
    man = body()
    means = hour(man)
    for name in BODY.names:
        assert getattr(man, name) == pytest.approx(getattr(body(), name)), name
    day = {name: 24.0 * float(getattr(means, name)) for name in DAY.names}
    assert day == pytest.approx(
        {
            "testosterone_nmol_l": 20.5,
            "free_testosterone_nmol_l": 0.5,
            "oestradiol_pmol_l": 100.0,
            "lh_iu_l": 4.0,
            "fsh_iu_l": 5.0,
            "own_fsh_iu_l": 5.0,
            "inhibin_b_pg_ml": 200.0,
            "shbg_nmol_l": 30.0,
            "hcg_iu_l": 0.0,
            "lh_activity": 1.0,
            "aromatase_inhibitor": 0.0,
            "lyase_inhibitor": 0.0,
            "testis_aromatase": 1.0,
            "inhibition_fat": 0.0,
            "testosterone_brake": 1.0,
            "oestradiol_brake": 1.0,
            "peripheral_oestradiol": 0.8,
            "adrenal_oestradiol": 0.08,
            "bone_oestradiol_pmol_l": 100.0,
        },
        abs=1e-12,
    )


# Free testosterone 1 nmol/L (x = 2): 1 + 20 + 30 / 2 = 36 in all. Oestradiol at a third.
OFF = {"testosterone_nmol_l": 36.0, "oestradiol": 1 / 3, "lh": 0.5, "fsh": 2.0, "inhibin": 0.25}


def test_gonadotrophins_follow_their_stores_the_drive_and_inhibin():
    man = body(**OFF, gonadotroph_store=0.6, fsh_store=0.8)
    means = hour(man, NORMAL._replace(inhibin_output=0.5))
    # Brakes 2/3 of testosterone, 2 of oestradiol: a drive of 4/3. Stores go to 8/7 and 12/11 with ten days.
    store, fsh_store = 8 / 7 - (8 / 7 - 0.6) * math.exp(-1 / 240), 12 / 11 - (12 / 11 - 0.8) * math.exp(-1 / 240)
    assert (man.gonadotroph_store, man.fsh_store) == pytest.approx((store, fsh_store))
    assert 24.0 * means.testosterone_brake == pytest.approx(2 / 3) and 24.0 * means.oestradiol_brake == pytest.approx(
        2.0
    )
    # LH leaves by a third an hour; FSH by a twelfth, doubled by inhibin B of a quarter.
    lh = store * 4 / 3
    assert man.lh == pytest.approx(lh + (0.5 - lh) * math.exp(-1 / 3))
    fsh = fsh_store * 8 / 3
    assert man.fsh == pytest.approx(fsh + (2.0 - fsh) * math.exp(-1 / 12))
    assert man.inhibin == pytest.approx(0.5 - 0.25 * math.exp(-1 / 36))
    assert 24.0 * means.lh_iu_l == pytest.approx(4.0 * man.lh)
    assert 24.0 * means.own_fsh_iu_l == 24.0 * means.fsh_iu_l == pytest.approx(5.0 * man.fsh)
    assert 24.0 * means.inhibin_b_pg_ml == pytest.approx(200.0 * man.inhibin)


def test_fsh_secretion_is_the_mans_own_and_given_fsh_is_added_in_blood():
    man = body()
    means = hour(man, p=P._replace(fsh_secretion=3.0), fsh_iu_l=7.0)
    assert man.fsh == pytest.approx(3.0 - 2.0 * math.exp(-1 / 12))
    assert 24.0 * means.own_fsh_iu_l == pytest.approx(5.0 * man.fsh)
    assert 24.0 * means.fsh_iu_l == pytest.approx(5.0 * man.fsh + 7.0)


def test_testosterone_goes_to_production_over_clearance():
    man = body(**OFF)
    means = hour(man, NORMAL._replace(secretory_capacity=2.0), hcg_iu_l=20.0, lyase_inhibitor=1.0, testosterone=1000.0)
    # hCG adds 1 to LH; 40,000 L a day of the free are 40,000 nmol of 36 nmol/L: 10,000 / 9 L a day of all.
    activity = man.lh + 1.0
    made = 20_000.0 * (1.8 * 2.0 * activity / (1.0 + activity) + 0.05) + 1000.0
    target = made * 9 / 10_000
    assert man.testosterone_nmol_l == pytest.approx(target + (36.0 - target) * math.exp(-10_000 / 900 / 24))
    assert 24.0 * means.testosterone_nmol_l == pytest.approx(man.testosterone_nmol_l)
    assert 24.0 * means.free_testosterone_nmol_l == pytest.approx(1.0)
    assert 24.0 * means.lh_activity == pytest.approx(activity)
    assert 24.0 * means.hcg_iu_l == pytest.approx(20.0)
    assert 24.0 * means.lyase_inhibitor == pytest.approx(1.0)


def test_oestradiol_is_that_of_testis_fat_and_drug():
    man = body(**OFF, fat_aromatase=0.5)
    means = hour(man, NORMAL._replace(oestradiol_output=3.0), aromatase_inhibitor=1.0, oestradiol=15.0)
    # Fat: 1 of 2 x 2 + 1 over 0.2 is 1; 0.9 + 0.05, four fifths of it, half the enzyme. Given: 15 nmol of 150 a day.
    peripheral = 0.5 * 0.8 * 0.95
    target = 0.6 + peripheral + 0.1
    assert man.oestradiol == pytest.approx(target + (1 / 3 - target) * math.exp(-1 / 4))
    assert 24.0 * means.oestradiol_pmol_l == pytest.approx(100.0 * man.oestradiol)
    assert 24.0 * means.peripheral_oestradiol == pytest.approx(peripheral)
    assert 24.0 * means.adrenal_oestradiol == pytest.approx(0.5 * 0.8 * 0.05)
    assert 24.0 * means.aromatase_inhibitor == pytest.approx(1.0)
    # Uninhibited: 1 of 2 + 1 over 0.2 is 5/3; 0.8 x (1.5 + 0.1).
    assert 24.0 * means.inhibition_fat == pytest.approx(1.0 - peripheral / 1.28)


def test_the_inhibited_share_of_fat_is_against_no_drug():
    # 0.5 of 4 + 0.5 over 0.2 is 5/9: 0.5 and half of the adrenal tenth are left.
    assert 24.0 * hour(body(), aromatase_inhibitor=1.0).inhibition_fat == pytest.approx(0.45)


def test_fat_of_twice_the_aromatase_gives_twice_the_adrenal_share():
    means = hour(body(fat_aromatase=0.5), p=P._replace(peripheral_aromatase=2.0), aromatase_inhibitor=3.0)
    assert 24.0 * means.adrenal_oestradiol == pytest.approx(0.5 * 0.8 * 2.0 * 0.1 / 4.0)
    assert 24.0 * hour(body(), p=P._replace(peripheral_aromatase=0.0)).inhibition_fat == 0.0


def test_an_inactivator_reaches_the_enzyme_that_substrate_leaves_free():
    man = body(fat_aromatase=0.9, testis_aromatase=0.7)
    means = hour(man, NORMAL._replace(aromatase_access=0.25), aromatase_inactivation=2.0)
    # Fat: 2 / 2.5 of the time, 1.6 a day beside a renewal of 0.5; testis: a quarter of it, 0.5 a day.
    assert man.fat_aromatase == pytest.approx(5 / 21 + (0.9 - 5 / 21) * math.exp(-2.1 / 24))
    assert man.testis_aromatase == pytest.approx(0.5 + 0.2 * math.exp(-1 / 24))
    assert 24.0 * means.testis_aromatase == pytest.approx(man.testis_aromatase)


def test_shbg_and_bone_feel_oestradiol_among_modulators():
    man = body(oestradiol=2.0)
    means = hour(man, receptor_bound=3.0, liver_agonist=2.0, bone_agonist=1.0)
    # Liver (2 + 6) / 4 = 2; bone (2 + 3) / 4.
    target = 30.0 * math.sqrt(2.0)
    assert man.shbg_nmol_l == pytest.approx(target + (30.0 - target) * math.exp(-1 / 288))
    assert 24.0 * means.bone_oestradiol_pmol_l == pytest.approx(125.0)
    assert 24.0 * means.shbg_nmol_l == pytest.approx(man.shbg_nmol_l)


@pytest.mark.parametrize("name", BODY.names)
def test_a_level_of_exactly_zero_goes_on_as_one_of_next_to_none(name):
    none, hardly = body(**{name: 0.0}), body(**{name: 1e-12})
    means, nearly = hour(none), hour(hardly)
    assert np.isfinite(none.item()).all() and np.isfinite(means.item()).all()
    assert none.item() == pytest.approx(hardly.item(), rel=1e-6, abs=1e-9)
    assert means.item() == pytest.approx(nearly.item(), rel=1e-6, abs=1e-9)


def test_without_testosterone_the_first_is_cleared_as_the_free_share_of_so_little():
    man = body(testosterone_nmol_l=0.0)
    hour(man, p=P._replace(testicular_testosterone_share=0.0))
    # 1 + 20 + 30 of it for each free one: 40,000 / 51 L a day of the 20,000 nmol made, and of a volume of 100 L.
    clearance = 40_000.0 / 51.0
    assert man.testosterone_nmol_l == pytest.approx(20_000.0 / clearance * -math.expm1(-clearance / 100.0 / 24.0))


# ---- rest, and what the blood brings


def test_the_body_stands_still_at_rest():
    x, e2, inhibin = 0.6, 0.7, 0.4
    man = body(gnrh_tonic=3.0, gnrh_receptor=0.2, fat_aromatase=0.1, testis_aromatase=0.1)
    axis.resting(man, x, e2, inhibin, P)
    rested = man.copy()
    # A testis that keeps it so: production 0.6 at his LH, and what fat leaves of oestradiol.
    activity = 2.0 * float(man.lh) / (1.0 + float(man.lh))
    fat = 0.8 * float(axis.peripheral_oestradiol(x, 0.0, P))
    testis = NORMAL._replace(
        secretory_capacity=0.5 / 0.9 / activity, oestradiol_output=(e2 - fat) / 0.2, inhibin_output=inhibin
    )
    for _ in range(48):
        hour(man, testis)
    for name in BODY.names:
        assert getattr(man, name) == pytest.approx(getattr(rested, name), rel=1e-9), name
    assert axis.resting_demand(rested, x, testis, P) == pytest.approx((x, e2, inhibin))


def test_rest_is_that_of_the_formulas():
    man = body()
    axis.resting(man, 2.0, 1 / 3, 0.25, P)  # the drive of 4/3, and stores of 8/7 and 12/11
    assert (man.gonadotroph_store, man.fsh_store) == pytest.approx((8 / 7, 12 / 11))
    assert (man.lh, man.fsh) == pytest.approx((32 / 21, 32 / 11))
    assert man.shbg_nmol_l == pytest.approx(30.0 / math.sqrt(6.0))
    assert man.testosterone_nmol_l == pytest.approx(21.0 + 15.0 / math.sqrt(6.0))
    assert (man.oestradiol, man.inhibin) == pytest.approx((1 / 3, 0.25))
    assert (man.gnrh_tonic, man.gnrh_receptor, man.fat_aromatase, man.testis_aromatase) == (0.0, 1.0, 1.0, 1.0)


def test_what_the_blood_brings():
    means = np.zeros(1, DAY).view(np.recarray)[0]
    means.free_testosterone_nmol_l, means.fsh_iu_l, means.own_fsh_iu_l = 0.75, 9.0, 2.0
    means.aromatase_inhibitor, means.testis_aromatase, means.lyase_inhibitor = 4.0, 0.3, 1.0
    means.oestradiol_pmol_l = 3.0 * P.oestradiol_reference
    blood = axis.brought(means, 0.2, UNHELD, P)
    assert blood == pytest.approx((1e-9, 9.0, 1.5, 4.0, 0.2, 0.3, 0.5, 1.5, 3.0, math.nan, math.nan), nan_ok=True)
    means.lh_activity = 1.7
    assert axis.brought(means, 0.2, UNHELD, P)[0] == 1.7
