"""The equations of the axis, each against hand-worked values of a man of round numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from testis_abm.biology import axis, pituitary
from testis_abm.biology.axis import BODY, DAY, AxisParameters
from testis_abm.biology.clamp import nothing
from testis_abm.biology.days import NORMAL
from testis_abm.biology.mechanisms import MECHANISMS, NO_DRUGS

LN2 = math.log(2.0)
# Exponents of one and strengths that give fractions: brakes of 2 / (1 + androgen), 4 / (1 + 3 E2) and 3 / (1 + 2
# inhibin); DHT of x = 2 is 1.5, and counts as much as T.
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
    oestradiol_permission=0.5,
    oestradiol_permission_least=0.02,
    dihydrotestosterone_weight=1.0,
    memory_exponent_low=2.0,
    memory_exponent_high=0.5,
    memory_least=0.05,
    memory_most=4.0,
    memory_falling_days=400.0,
    memory_rising_days=200.0,
    dihydrotestosterone_reference=1.0,
    prolactin_reference=1.0,
    prolactin_most=1.0,
    blood_dihydrotestosterone_weight=0.0,
    prolactin_half=4.0,
    prolactin_exponent=2.0,
    gnrh_agonist_maximum=4.0,
    gnrh_block_exponent=2.0,
    gnrh_desensitising_level=0.5,
    gnrh_desensitising_exponent=2.0,
    gnrh_desensitising_days=6.0,
    gnrh_tonic_hours=8.0,
    receptor_full_agonist=3.0,
    aromatase_turnover_days=2.0,
    gonadotroph_capacity_days=10.0,
    gonadotroph_capacity_exponent=2.0,
    gonadotroph_capacity_saturation=1.0,
    lh_floor=0.1,
    fsh_floor=0.2,
    fsh_ceiling=3.0,
    fsh_unpulsed_share=0.25,
    fsh_unpulsed_exponent=2.0,
    fsh_unpulsed_saturation=0.5,
    fsh_unpulsed_days=20.0,
    fsh_oestradiol_strength=1.0,
    fsh_oestradiol_exponent=1.0,
    lh_clearance_per_day=8.0,
    fsh_clearance_per_day=2.0,
    inhibin_feedback_strength=2.0,
    inhibin_feedback_exponent=1.0,
    inhibin_b_days=1.5,
    testosterone_free_clearance=40_000.0,
    testosterone_distribution=100.0,
    testicular_testosterone_share=0.9,
    five_alpha_km=1.0,
    five_alpha_1_share=0.25,
    five_alpha_clearance_share=0.1,
    five_alpha_turnover_days=4.0,
    dihydrotestosterone_production=1000.0,
    tract_dihydrotestosterone_weight=4.0,
    albumin_binding=20.0,
    shbg_binding=1.0,
    shbg_days=12.0,
    shbg_follows_from=0.3,
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
    basal_secretion=0.2,
    free_testosterone_reference=0.5,
    gnrh_drive=1.0,
    axis_recovery=1.0,
    prolactin=1.0,
    adrenal_androgen=1.0,
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
    state.testosterone_nmol_l, state.shbg_nmol_l = 20.5, 30.0
    state.gnrh_mean = state.gnrh_tonic = 0.0
    for name, level in levels.items():
        setattr(state, name, level)
    return state


def hour(state, testis=NORMAL, p=P, **drugs):
    """Advance the body by an hour; return its means, as if the whole day were like it."""
    means = np.zeros(1, DAY).view(np.recarray)[0]
    axis.body_hour(state, p, testis, NO_DRUGS._replace(**drugs), UNHELD, means)
    for name in DAY.names:
        setattr(means, name, 24.0 * float(getattr(means, name)))
    return means


def drive(androgen=1.0, e2=1.0, agonist=0.0, p=P, state=None, **drugs):
    """Return what drives the gonadotrophs of a man."""
    return pituitary.pituitary_drive(
        body() if state is None else state, androgen, e2, agonist, NO_DRUGS._replace(**drugs), p
    )


def day_of(**means):
    """Return means of a day like the reference man's, with some of their own."""
    day = np.zeros(1, DAY).view(np.recarray)[0]
    for name in DAY.names:
        setattr(day, name, means.get(name, 1.0))
    return day


def test_effects_of_a_mechanism_are_shares_or_levels():
    shares = {name for name, mechanism in MECHANISMS.items() if mechanism.share}
    assert shares == {
        "aromatase_inhibitor",
        "aromatase_inactivator",
        "lyase_inhibitor",
        "oestrogen_receptor_modulator",
        "gnrh_agonist",
        "gnrh_antagonist",
        "androgen_receptor_blocker",
        "hypothalamic_inhibitor",
    }


# ---- feedback


def test_a_brake_is_one_at_one_and_lets_go_without_its_hormone():
    assert pituitary.feedback(1.0, 3.0, 1.7) == 1.0
    assert pituitary.feedback(0.0, 3.0, 2.0) == pituitary.feedback(-1.0, 3.0, 2.0) == 4.0
    assert pituitary.feedback(2.0, 3.0, 1.0) == pytest.approx(4 / 7)
    assert pituitary.feedback(2.0, 3.0, 2.0) == pytest.approx(4 / 13)
    assert pituitary.feedback(1e9, 3.0, 1.0) == pytest.approx(0.0, abs=1e-8)


def test_what_a_lasting_drive_builds_is_one_at_one_and_ends_at_its_ceiling():
    assert pituitary.saturating(1.0, 1.3, 1.6) == pytest.approx(1.0)
    assert pituitary.saturating(3.0, 1.0, 1.0) == pytest.approx(1.5)  # 2 x 3 / 4
    assert pituitary.saturating(2.0, 2.0, 1.6) == pytest.approx(10.4 / 5.6)
    assert pituitary.saturating(1e9, 1.0, 1.6) == pytest.approx(2.6)
    assert pituitary.saturating(0.0, 1.3, 1.6) == 0.0


def test_a_receptor_among_modulators():
    assert pituitary.modulated(2.0, 0.0, 0.0, P) == 2.0
    assert pituitary.modulated(2.0, 3.0, 0.0, P) == 0.5  # an antagonist leaves a quarter
    assert pituitary.modulated(2.0, 3.0, 1.0, P) == 1.25  # (2 + 3) / 4
    assert pituitary.modulated(0.0, 1e9, 1e9, P) == pytest.approx(3.0)  # a full agonist is worth three times the normal


# ---- drive of the gonadotrophs


def test_nothing_moves_the_reference_man():
    assert drive() == pytest.approx((1.0,) * 8)


@pytest.mark.parametrize(
    ("androgen", "e2", "by_androgen", "by_oestradiol"),
    [
        (3.0, 1.0, 1 / 2, 1.0),
        (0.0, 1.0, 2.0, 1.0),
        (1.0, 4.0, 2 / 3, 4 / 13),  # the androgen acts twice as much
        (3.0, 0.25, 2 / 2.5, 16 / 7),  # and here half as much
        (0.0, 0.0, 2.0, 4.0),
    ],
)
def test_androgen_slows_pulses_and_oestradiol_brakes_pituitary_too(androgen, e2, by_androgen, by_oestradiol):
    found = drive(androgen, e2)
    assert (found.by_androgen, found.by_oestradiol, found.felt) == pytest.approx((by_androgen, by_oestradiol, e2))
    assert found.lh == pytest.approx(by_androgen * by_oestradiol)
    # Half of oestradiol's brake is the pituitary's, on a log scale.
    assert found.at_pituitary == pytest.approx(math.sqrt(by_oestradiol))
    assert found.frequency == found.signal == found.present == pytest.approx(by_androgen * math.sqrt(by_oestradiol))


def test_the_pituitary_has_its_share_of_the_brake_of_oestradiol():
    found = drive(0.0, 5.0, p=P._replace(oestradiol_pituitary_share=0.25))
    assert found.at_pituitary == pytest.approx(0.25**0.25) and found.frequency == pytest.approx(2.0 * 0.25**0.75)


def test_without_oestradiol_androgens_are_felt_a_little():
    # As much as at a fiftieth of it.
    assert drive(9.0, 0.0).by_androgen == drive(9.0, 0.02).by_androgen == pytest.approx(2 / (1 + 9 * math.sqrt(0.02)))
    unpermitted = P._replace(oestradiol_permission=0.0)
    assert drive(9.0, 0.0, p=unpermitted).by_androgen == pytest.approx(0.2)


def test_a_modulator_takes_the_brake_of_oestradiol_and_its_permission():
    # It is felt as 1 / 4: 4 / 1.75, and androgen as a half.
    clomiphene = drive(receptor_bound=3.0)
    assert (clomiphene.by_oestradiol, clomiphene.by_androgen) == pytest.approx((16 / 7, 4 / 3))
    given = drive(3.0, receptor_bound=3.0).by_androgen / clomiphene.by_androgen
    assert given > drive(3.0).by_androgen / drive().by_androgen  # androgens suppress less under it
    assert drive(receptor_bound=3.0, pituitary_agonist=1.0).felt == 1.0  # (1 + 3) / 4
    assert drive(liver_agonist=9.0, bone_agonist=9.0) == drive()


def test_sensitivity_of_the_feedback_scales_its_hormone():
    deaf = drive(1.0, 5.0, p=P._replace(oestrogen_feedback_sensitivity=0.0, androgen_feedback_sensitivity=3.0))
    assert (deaf.felt, deaf.by_oestradiol) == (0.0, 4.0)
    assert deaf.by_androgen == pytest.approx(2 / (1 + 3 * math.sqrt(0.02)))


def test_a_progestin_stands_in_for_androgens_whatever_their_receptor():
    assert drive(0.0, progestin=1.0) == pytest.approx(drive(1.0))
    assert drive(1.0, progestin=2.0) == pytest.approx(drive(3.0))
    deaf = P._replace(androgen_feedback_sensitivity=0.0)
    assert drive(9.0, progestin=3.0, p=deaf).by_androgen == pytest.approx(0.5)


def test_prolactin_slows_pulses_until_a_dopamine_agonist_lowers_it():
    prolactinoma = P._replace(prolactin=4.0)
    found = drive(p=prolactinoma)
    assert (found.frequency, found.at_pituitary, found.by_androgen) == pytest.approx((17 / 32, 1.0, 1.0))
    assert drive(p=prolactinoma, dopamine_agonist=3.0) == pytest.approx(drive())
    assert drive(dopamine_agonist=1.0).frequency == pytest.approx((17 / 16) / (1 + 1 / 64))  # hardly more than at 1
    assert drive(gnrh_inhibition=1.0).frequency == 0.5


def test_given_gnrh_adds_to_the_hypothalamus_and_is_braked_at_the_pituitary_alone():
    given = drive(agonist=0.5)  # of a maximum of 4
    assert (given.frequency, given.present, given.signal, given.lh) == pytest.approx((1.0, 3.0, 3.0, 3.0))
    # Testosterone halves what the hypothalamus sends and not what is given.
    assert drive(3.0, agonist=0.5).lh == pytest.approx(2.5)
    # Without androgen and oestradiol the hypothalamus sends four times as much, and the pituitary passes on twice of all.
    assert drive(0.0, 0.0, 0.5).lh == pytest.approx(2.0 * (4.0 + 2.0))
    assert drive(agonist=0.5, p=P._replace(gnrh_drive=0.0)).lh == pytest.approx(2.0)


def test_memory_scales_what_the_hypothalamus_sends_and_not_what_is_given():
    assert drive(state=body(memory=0.25)).frequency == 0.25
    assert drive(agonist=0.5, state=body(memory=0.25)).present == pytest.approx(2.25)


def test_an_antagonist_blocks_all_gnrh_and_desensitisation_its_pulses():
    blocked = drive(agonist=0.5, gnrh_block=3.0)  # 1 + 3 squared
    assert (blocked.present, blocked.signal, blocked.lh) == pytest.approx((0.3, 0.3, 0.3))
    assert blocked.frequency == 1.0
    spent = drive(agonist=0.5, state=body(gnrh_receptor=0.1))
    assert (spent.present, spent.signal, spent.lh) == pytest.approx((3.0, 0.3, 0.3))


# ---- gonadotrophins


def test_lh_has_a_floor():
    assert pituitary.lh_secretion(drive(), 1.0, P) == pytest.approx(1.0)
    assert pituitary.lh_secretion(drive(3.0), 0.5, P) == pytest.approx(0.1 + 0.9 * 0.25)
    assert pituitary.lh_secretion(drive(gnrh_block=1e9), 1.0, P) == pytest.approx(0.1)


def test_fsh_is_made_by_pulses_and_by_gnrh_whatever_its_rhythm():
    def fsh(found=None, capacity=1.0, unpulsed=1.0, inhibin=1.0, p=P):
        return pituitary.fsh_secretion(found or drive(), capacity, unpulsed, inhibin, p)

    def of(made):
        return 0.2 + 0.8 * made * 4 / (3 + made)

    assert fsh() == pytest.approx(1.0) == of(1.0)
    assert fsh(drive(3.0), capacity=0.5) == pytest.approx(of(0.75 * 0.25 + 0.25))
    assert fsh(unpulsed=0.0) == pytest.approx(of(0.75))
    assert fsh(drive(e2=3.0), inhibin=0.25) == pytest.approx(of(0.5 * 2.0 * (0.75 * drive(e2=3.0).signal + 0.25)))
    # The pituitary's own share of oestradiol's brake is not FSH's.
    assert fsh(drive(0.0, 0.0), unpulsed=0.0) == pytest.approx(of(2.0 * 0.75 * 4.0))
    # Between its floor and its ceiling.
    assert fsh(capacity=0.0, unpulsed=0.0) == pytest.approx(0.2)
    assert fsh(capacity=1e12) == pytest.approx(0.2 + 0.8 * 4)
    assert fsh(capacity=1e12, p=P._replace(fsh_secretion=0.5)) == pytest.approx(1.7)


def test_unpulsed_fsh_comes_back_under_an_agonist_and_not_under_an_antagonist():
    agonist = drive(0.0, agonist=0.5, state=body(gnrh_receptor=0.0))
    assert agonist.signal == 0.0 and pituitary.unpulsed_fsh(agonist.present, P) == pytest.approx(1.5 * 16 / 16.5)
    antagonist = drive(0.0, gnrh_block=3.0)
    assert pituitary.unpulsed_fsh(antagonist.present, P) == pytest.approx(1.5 * 0.04 / 0.54)


def test_capacities_turn_over_in_days_and_steeply():
    man, week = body(), day_of(gonadotroph_drive=0.5, gnrh_signal=3.0, gnrh_present=0.0)
    axis.body_night(man, P, week)
    # Of squares, to 2 x 1/4 / (1 + 1/4) and 2 x 9 / 10.
    assert man.lh_capacity == pytest.approx(0.4 + 0.6 * math.exp(-1 / 10))
    assert man.fsh_capacity == pytest.approx(1.8 - 0.8 * math.exp(-1 / 10))
    assert man.fsh_unpulsed == pytest.approx(math.exp(-1 / 20))
    for _ in range(300):
        axis.body_night(man, P, week)
    assert (man.lh_capacity, man.fsh_capacity, man.fsh_unpulsed) == pytest.approx((0.4, 1.8, 0.0), abs=1e-6)


# ---- memory of the hypothalamus


def test_memory_deepens_slowly_and_comes_back_at_the_mans_own_rate():
    # Feedback of 1/4 squared: to 1/16, by 1/400 of the way a day on a log scale.
    man, held_down = body(), day_of(testosterone_brake=0.5, oestradiol_brake=0.5)
    for _ in range(400):
        axis.body_night(man, P, held_down)
    assert man.memory == pytest.approx((1 / 16) ** (1 - math.exp(-1)))
    deep = float(man.memory)
    for recovery in (1.0, 4.0):
        man = body(memory=deep)
        for _ in range(50):
            axis.body_night(man, P._replace(axis_recovery=recovery), day_of())
        assert man.memory == pytest.approx(deep ** math.exp(-recovery / 4))


def test_memory_rises_above_normal_without_steroids():
    assert pituitary.remembered(1.0, P) == 1.0
    assert pituitary.remembered(4.0, P) == pituitary.remembered(9.0, P) == 2.0  # no further than that of four
    assert pituitary.remembered(0.5, P) == 0.25
    assert pituitary.remembered(0.0, P) == pituitary.remembered(0.05, P) == pytest.approx(0.0025)


@pytest.mark.parametrize("drugs", [{"gnrh_block": 9.0}, {"gnrh_inhibition": 9.0}])
def test_memory_follows_feedback_and_neither_lh_nor_itself(drugs):
    # A hypothalamus or pituitary that sends little is not told to remember it: otherwise few would ever recover.
    lives = [body(memory=memory, lh=lh) for memory, lh in ((0.01, 0.0), (1.0, 1.0), (8.0, 9.0))]
    for man in lives:
        means = hour(man, **drugs)
        for _ in range(9000):
            axis.body_night(man, P, means)
    assert [man.memory for man in lives] == pytest.approx([1.0] * 3)


# ---- desensitisation


def test_gnrh_without_pause_desensitises_in_days_and_pulses_do_not():
    # At its constant half of the receptors are taken. In eight hours times ln 2 half of that counts, mean and lowest alike.
    tonic, man = NO_DRUGS._replace(gnrh=1.0, gnrh_trough=1.0), body()
    assert pituitary.desensitise(man, tonic, P, LN2 / 3.0) == 0.5
    assert (man.gnrh_mean, man.gnrh_tonic) == pytest.approx((0.25, 0.25))
    # A half of the desensitising level, squared: to 1 / 1.25, in six days.
    assert man.gnrh_receptor == pytest.approx(0.8 + 0.2 * 2.0 ** (-1 / 18))
    # What a pause leaves is the ceiling at once, and counts by the cube of its share of the mean.
    man = body(gnrh_mean=0.5, gnrh_tonic=0.5)
    pituitary.desensitise(man, NO_DRUGS._replace(gnrh=1.0, gnrh_trough=1 / 3), P, LN2 / 3.0)
    assert (man.gnrh_mean, man.gnrh_tonic) == pytest.approx((0.5, 0.25))
    unceasing = 0.25 / 8 / 0.5
    target = 1 / (1 + unceasing**2)
    assert man.gnrh_receptor == pytest.approx(target + (1 - target) * 2.0 ** (-1 / 18))
    pulsed = body()
    pituitary.desensitise(pulsed, NO_DRUGS._replace(gnrh=5.0), P, 30.0)
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


def test_inactivated_enzymes_are_made_again_in_days():
    # Renewal 1/2 a day, loss 1/2 a day: to one half, with a time constant of one day.
    assert axis.active_enzyme(1.0, 0.5, 2.0, LN2) == pytest.approx(0.75)
    assert axis.active_enzyme(0.0, 0.0, 2.0, 2.0 * LN2) == pytest.approx(0.5)
    assert axis.active_enzyme(1.0, 1.5, 2.0, 1e3) == pytest.approx(0.25)


def test_dihydrotestosterone_saturates_with_testosterone_and_is_given():
    # Km 1, free T 0.5: 1.5 x / (1 + x / 2).
    assert axis.dihydrotestosterone(1.0, 1.0, 0.0, P) == 1.0
    assert axis.dihydrotestosterone(2.0, 1.0, 0.0, P) == pytest.approx(1.5)
    assert axis.dihydrotestosterone(1e9, 1.0, 0.0, P) == pytest.approx(3.0)
    assert axis.dihydrotestosterone(2.0, 0.4, 500.0, P) == pytest.approx(0.6 + 0.5)
    assert axis.dihydrotestosterone(0.0, 1.0, 0.0, P) == 0.0


def test_finasteride_leaves_type_1_and_dutasteride_nothing():
    assert axis.five_alpha_left(body(), P) == 1.0
    assert axis.five_alpha_left(body(five_alpha_2=0.0), P) == 0.25
    assert axis.five_alpha_left(body(five_alpha_1=0.4, five_alpha_2=0.2), P) == pytest.approx(0.25)


def test_a_tissue_feels_testosterone_and_its_weight_of_dihydrotestosterone():
    assert axis.with_dihydrotestosterone(2.0, 0.5, 4.0) == pytest.approx(0.8)
    assert axis.resting_tract_androgen(2.0, P) == pytest.approx((2.0 + 4.0 * 1.5) / 5.0)


def test_androgen_lowers_and_oestrogen_raises_shbg():
    assert axis.shbg_target(1.0, 1.0, P) == 30.0
    assert axis.shbg_target(4.0, 1.0, P) == pytest.approx(15.0)
    assert axis.shbg_target(1.0, 4.0, P) == pytest.approx(60.0)
    # Under 0.3 of normal it follows no more.
    assert axis.shbg_target(0.0, 1.0, P) == axis.shbg_target(0.3, 1.0, P) == pytest.approx(30.0 / math.sqrt(0.3))
    assert axis.shbg_target(1.0, 0.0, P) == axis.shbg_target(1.0, 0.3, P) == pytest.approx(30.0 * math.sqrt(0.3))


def test_hcg_acts_as_lh_and_saturates():
    assert axis.lh_activity(0.7, 0.0, P) == 0.7
    assert axis.lh_activity(1.0, 10.0, P) == pytest.approx(1.0 + 2 / 3)  # 1 / (1 + 1/2)
    assert axis.lh_activity(1.0, 20.0, P) == pytest.approx(2.0)  # 2 / (1 + 1)
    assert axis.lh_activity(0.0, 1e12, P) == pytest.approx(2.0)


def test_testosterone_is_made_by_testes_and_adrenals():
    testis = NORMAL._replace(secretory_capacity=2.0)
    # 0.9 x 2 x (0.2 + 0.8 x 2 x 3 / 4) and a tenth of which half is blocked.
    assert axis.testosterone_made(testis, 3.0, 0.5, P) == pytest.approx(2.57)
    assert axis.testosterone_made(testis, 3.0, 0.5, P._replace(adrenal_androgen=3.0)) == pytest.approx(2.67)
    assert axis.testosterone_made(NORMAL, 1.0, 1.0, P) == pytest.approx(1.0)
    assert axis.testosterone_made(NORMAL, 0.0, 1.0, P) == pytest.approx(0.28)  # without LH


# ---- an hour


def test_the_reference_man_stands_still():
    man = body()
    means = hour(man)
    for name in BODY.names:
        assert getattr(man, name) == pytest.approx(getattr(body(), name)), name
    day = {name: float(getattr(means, name)) for name in DAY.names}
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
            "dihydrotestosterone_nmol_l": 1.0,
            "blood_androgen": 1.0,
            "tract_androgen": 1.0,
            "androgen_block": 0.0,
            "liver_oestradiol": 1.0,
            "prolactin_ug_l": 1.0,
            "gnrh_frequency": 1.0,
            "lh_amplitude": 1.0,
            "testosterone_brake": 1.0,
            "oestradiol_brake": 1.0,
            "memory": 1.0,
            "gonadotroph_drive": 1.0,
            "gnrh_signal": 1.0,
            "gnrh_present": 1.0,
            "peripheral_oestradiol": 0.8,
            "adrenal_oestradiol": 0.08,
            "bone_oestradiol_pmol_l": 100.0,
            "testicular_testosterone_share": 0.9,
        },
        abs=1e-12,
    )


# Free testosterone 1 nmol/L (x = 2): 1 + 20 + 30 / 2 = 36 in all, DHT 1.5. Oestradiol at a quarter.
OFF = {"testosterone_nmol_l": 36.0, "oestradiol": 0.25, "lh": 0.5, "fsh": 2.0, "inhibin": 0.25}
# Androgen (2 + 1.5) / 2, felt as half of that: 2 / 1.875; oestradiol 4 / 1.75.
BRAKES = 16 / 15, 16 / 7


def test_gonadotrophins_follow_the_drive_and_inhibin():
    man = body(**OFF, lh_capacity=0.6, fsh_capacity=0.8, fsh_unpulsed=0.4, memory=0.5)
    means = hour(man, NORMAL._replace(inhibin_output=0.5))
    assert (means.testosterone_brake, means.oestradiol_brake) == pytest.approx(BRAKES)
    frequency, amplitude = 0.5 * BRAKES[0] * math.sqrt(BRAKES[1]), 0.6 * math.sqrt(BRAKES[1])
    assert (means.gnrh_frequency, means.lh_amplitude) == pytest.approx((frequency, amplitude))
    assert (means.gonadotroph_drive, means.gnrh_signal) == pytest.approx((BRAKES[0] * 8 / 7, frequency))
    # LH leaves by a third an hour; FSH by a twelfth, raised by inhibin B of a quarter and oestradiol of a quarter.
    lh = 0.1 + 0.9 * frequency * amplitude
    assert man.lh == pytest.approx(lh + (0.5 - lh) * math.exp(-1 / 3))
    made = 2.0 * 1.6 * (0.75 * 0.8 * frequency + 0.1)
    fsh = 0.2 + 0.8 * made * 4 / (3 + made)
    assert man.fsh == pytest.approx(fsh + (2.0 - fsh) * math.exp(-1 / 12))
    assert man.inhibin == pytest.approx(0.5 - 0.25 * math.exp(-1 / 36))
    # What changes over weeks waits for the night.
    assert (man.lh_capacity, man.fsh_capacity, man.fsh_unpulsed, man.memory) == (0.6, 0.8, 0.4, 0.5)
    assert means.lh_iu_l == pytest.approx(4.0 * man.lh)
    assert means.own_fsh_iu_l == means.fsh_iu_l == pytest.approx(5.0 * man.fsh)
    assert means.inhibin_b_pg_ml == pytest.approx(200.0 * man.inhibin)


def test_given_gnrh_acts_within_the_hour():
    man = body()
    means = hour(man, gnrh=1.0)  # half of the receptors, of a maximum of 4
    assert (means.gnrh_present, means.gnrh_frequency) == pytest.approx((3.0, 1.0))
    assert man.lh == pytest.approx(2.8 - 1.8 * math.exp(-1 / 3))


def test_androgens_of_all_kinds_are_felt_where_their_receptor_is():
    # Blood: T and what is given; hypothalamus (2 + 1.5) / 2, epididymis and glands (2 + 6) / 5, and what is given.
    means = hour(body(**OFF), androgen=0.5)
    assert (means.blood_androgen, means.tract_androgen) == pytest.approx((2.5, 2.1))
    assert means.testosterone_brake == pytest.approx(2 / (1 + 2.25 * 0.5))
    blocked = hour(body(**OFF), androgen=0.5, androgen_block=4.0)
    assert (blocked.blood_androgen, blocked.tract_androgen, blocked.androgen_block) == pytest.approx((0.5, 0.42, 4.0))
    assert blocked.testosterone_brake == pytest.approx(2 / (1 + 0.45 * 0.5))
    assert blocked.dihydrotestosterone_nmol_l == means.dihydrotestosterone_nmol_l == pytest.approx(1.5)


def test_five_alpha_reductase_inactivated_leaves_testosterone_and_takes_dht():
    man = body(**OFF, five_alpha_1=0.8, five_alpha_2=0.4)  # a half of it in all
    means = hour(man, five_alpha_1_loss=1.0, five_alpha_2_loss=0.25, dihydrotestosterone=100.0)
    assert means.dihydrotestosterone_nmol_l == pytest.approx(0.75 + 0.1)
    assert means.testosterone_brake == pytest.approx(2 / (1 + 0.5 * (2.0 + 0.85) / 2))
    # Renewal a quarter a day: to a fifth and a half.
    assert man.five_alpha_1 == pytest.approx(0.2 + 0.6 * math.exp(-1.25 / 24))
    assert man.five_alpha_2 == pytest.approx(0.5 - 0.1 * math.exp(-0.5 / 24))
    # A twentieth less is cleared.
    made = 20_000.0 * (0.9 * (0.2 + 0.8 * 2.0 * man.lh / (1.0 + man.lh)) + 0.1)
    clearance = 0.95 * 10_000 / 9
    target = made / clearance
    assert man.testosterone_nmol_l == pytest.approx(target + (36.0 - target) * math.exp(-clearance / 100 / 24))


def test_prolactin_is_told_as_drugs_leave_it():
    means = hour(body(), p=P._replace(prolactin=20.0), dopamine_agonist=3.0)
    assert means.prolactin_ug_l == pytest.approx(5.0)


def test_fsh_secretion_is_the_mans_own_and_given_fsh_is_added_in_blood():
    man = body()
    means = hour(man, p=P._replace(fsh_secretion=3.0), fsh_iu_l=7.0)
    assert man.fsh == pytest.approx(3.0 - 2.0 * math.exp(-1 / 12))
    assert means.own_fsh_iu_l == pytest.approx(5.0 * man.fsh)
    assert means.fsh_iu_l == pytest.approx(5.0 * man.fsh + 7.0)


def test_testosterone_goes_to_production_over_clearance():
    man = body(**OFF)
    means = hour(man, NORMAL._replace(secretory_capacity=2.0), hcg_iu_l=20.0, lyase_inhibitor=1.0, testosterone=1000.0)
    # hCG adds 1 to LH; 40,000 L a day of the free are 40,000 nmol of 36 nmol/L: 10,000 / 9 L a day of all.
    activity = man.lh + 1.0
    made = 20_000.0 * (1.8 * (0.2 + 0.8 * 2.0 * activity / (1.0 + activity)) + 0.05) + 1000.0
    target = made * 9 / 10_000
    assert man.testosterone_nmol_l == pytest.approx(target + (36.0 - target) * math.exp(-10_000 / 900 / 24))
    assert means.testosterone_nmol_l == pytest.approx(man.testosterone_nmol_l)
    assert means.testicular_testosterone_share == pytest.approx((made - 2000.0) / made)  # but what is given and adrenal
    assert means.free_testosterone_nmol_l == pytest.approx(1.0)
    assert means.lh_activity == pytest.approx(activity)
    assert means.hcg_iu_l == pytest.approx(20.0)
    assert means.lyase_inhibitor == pytest.approx(1.0)


def test_oestradiol_is_that_of_testis_fat_and_drug():
    man = body(**OFF, fat_aromatase=0.5)
    means = hour(man, NORMAL._replace(oestradiol_output=3.0), aromatase_inhibitor=1.0, oestradiol=15.0)
    # Fat: 1 of 2 x 2 + 1 over 0.2 is 1; 0.9 + 0.05, four fifths of it, half the enzyme. Given: 15 nmol of 150 a day.
    peripheral = 0.5 * 0.8 * 0.95
    target = 0.6 + peripheral + 0.1
    assert man.oestradiol == pytest.approx(target + (0.25 - target) * math.exp(-1 / 4))
    assert means.oestradiol_pmol_l == pytest.approx(100.0 * man.oestradiol)
    assert means.peripheral_oestradiol == pytest.approx(peripheral)
    assert means.adrenal_oestradiol == pytest.approx(0.5 * 0.8 * 0.05)
    assert means.aromatase_inhibitor == pytest.approx(1.0)
    # Uninhibited: 1 of 2 + 1 over 0.2 is 5/3; 0.8 x (1.5 + 0.1).
    assert means.inhibition_fat == pytest.approx(1.0 - peripheral / 1.28)


def test_the_inhibited_share_of_fat_is_against_no_drug():
    # 0.5 of 4 + 0.5 over 0.2 is 5/9: 0.5 and half of the adrenal tenth are left.
    assert hour(body(), aromatase_inhibitor=1.0).inhibition_fat == pytest.approx(0.45)


def test_fat_of_twice_the_aromatase_gives_twice_the_adrenal_share():
    means = hour(body(fat_aromatase=0.5), p=P._replace(peripheral_aromatase=2.0), aromatase_inhibitor=3.0)
    assert means.adrenal_oestradiol == pytest.approx(0.5 * 0.8 * 2.0 * 0.1 / 4.0)
    assert hour(body(), p=P._replace(peripheral_aromatase=0.0)).inhibition_fat == 0.0


def test_an_inactivator_reaches_the_enzyme_that_substrate_leaves_free():
    man = body(fat_aromatase=0.9, testis_aromatase=0.7)
    means = hour(man, NORMAL._replace(aromatase_access=0.25), aromatase_inactivation=2.0)
    # Fat: 2 / 2.5 of the time, 1.6 a day beside a renewal of 0.5; testis: a quarter of it, 0.5 a day.
    assert man.fat_aromatase == pytest.approx(5 / 21 + (0.9 - 5 / 21) * math.exp(-2.1 / 24))
    assert man.testis_aromatase == pytest.approx(0.5 + 0.2 * math.exp(-1 / 24))
    assert means.testis_aromatase == pytest.approx(man.testis_aromatase)


def test_shbg_and_bone_feel_oestradiol_among_modulators():
    man = body(oestradiol=2.0)
    means = hour(man, receptor_bound=3.0, liver_agonist=2.0, bone_agonist=1.0)
    # Liver (2 + 6) / 4 = 2; bone (2 + 3) / 4.
    assert (means.liver_oestradiol, means.bone_oestradiol_pmol_l) == pytest.approx((2.0, 125.0))
    assert means.shbg_nmol_l == man.shbg_nmol_l == 30.0
    # SHBG turns over in 12 days, at night.
    axis.body_night(man, P, day_of(liver_oestradiol=2.0, blood_androgen=4.0))
    target = 15.0 * math.sqrt(2.0)
    assert man.shbg_nmol_l == pytest.approx(target + (30.0 - target) * math.exp(-1 / 12))


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
    man = body(gnrh_tonic=3.0, gnrh_mean=3.0, gnrh_receptor=0.2, fat_aromatase=0.1, testis_aromatase=0.1)
    man.five_alpha_1, man.five_alpha_2, man.memory = 0.3, 0.3, 0.3
    axis.resting(man, x, e2, inhibin, P)
    rested = man.copy()
    # A testis that keeps it so: production 0.6 at his LH, and what fat leaves of oestradiol.
    response = 0.2 + 0.8 * 2.0 * float(man.lh) / (1.0 + float(man.lh))
    fat = 0.8 * float(axis.peripheral_oestradiol(x, 0.0, P))
    testis = NORMAL._replace(
        secretory_capacity=0.5 / 0.9 / response, oestradiol_output=(e2 - fat) / 0.2, inhibin_output=inhibin
    )
    for _ in range(48):
        axis.body_night(man, P, hour(man, testis))
    for name in BODY.names:
        assert getattr(man, name) == pytest.approx(getattr(rested, name), rel=1e-9), name
    assert axis.resting_demand(rested, x, testis, P) == pytest.approx((x, e2, inhibin))


def test_rest_is_that_of_the_formulas():
    man = body()
    axis.resting(man, 2.0, 0.25, 0.25, P)
    bare = BRAKES[0] * BRAKES[1]
    assert man.memory == pytest.approx(math.sqrt(bare))
    signal = math.sqrt(bare) * BRAKES[0] * math.sqrt(BRAKES[1])
    found = signal * math.sqrt(BRAKES[1])
    assert man.lh_capacity == pytest.approx(2 * found**2 / (1 + found**2))
    assert man.fsh_capacity == pytest.approx(2 * signal**2 / (1 + signal**2))
    assert man.fsh_unpulsed == pytest.approx(1.5 * signal**2 / (0.5 + signal**2))
    assert man.lh == pytest.approx(0.1 + 0.9 * man.lh_capacity * found)
    made = 2.0 * 1.6 * (0.75 * man.fsh_capacity * signal + 0.25 * man.fsh_unpulsed)
    assert man.fsh == pytest.approx(0.2 + 0.8 * made * 4 / (3 + made))
    assert man.shbg_nmol_l == pytest.approx(30.0 / math.sqrt(2.0) * math.sqrt(0.3))
    assert man.testosterone_nmol_l == pytest.approx(21.0 + man.shbg_nmol_l / 2.0)
    assert (man.oestradiol, man.inhibin) == pytest.approx((0.25, 0.25))
    assert (man.gnrh_mean, man.gnrh_tonic, man.gnrh_receptor, man.fat_aromatase, man.testis_aromatase) == (
        0.0,
        0.0,
        1.0,
        1.0,
        1.0,
    )


def test_what_the_blood_brings():
    means = np.zeros(1, DAY).view(np.recarray)[0]
    means.free_testosterone_nmol_l, means.fsh_iu_l, means.own_fsh_iu_l = 0.75, 9.0, 2.0
    means.aromatase_inhibitor, means.testis_aromatase, means.lyase_inhibitor = 4.0, 0.3, 1.0
    means.oestradiol_pmol_l = 3.0 * P.oestradiol_reference
    means.tract_androgen, means.androgen_block = 1.25, 3.0
    blood = axis.brought(means, 0.2, UNHELD, P)
    nan = math.nan
    assert blood == pytest.approx((1e-9, 9.0, 1.5, 4.0, 0.2, 0.3, 0.5, 1.25, 3.0, nan, nan, 0.25), nan_ok=True)
    means.lh_activity = 1.7
    assert axis.brought(means, 0.2, UNHELD, P)[0] == 1.7
