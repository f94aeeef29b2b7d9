"""A man's plan and body: due days of every rhythm by hand, weight over days, maturity, and what physiology scales."""

from __future__ import annotations

import math

import pytest

from testis_abm.biology import steps
from testis_abm.man import physiology
from testis_abm.man.diary import Diary
from testis_abm.man.regimen import Regimen
from testis_abm.scenario import Therapy, Weight, bmi_on
from testis_abm.scenario.weight import overlaps
from testis_abm.support.errors import ScenarioError
from testis_abm.testis.build import reference_counts, tissue_parameters


def course(*therapies, days, release_hours=0.0, levels=None):
    """Return the diary of a man, and what acts on each day; samples show `levels` by day."""
    regimen, diary = Regimen(therapies, release_hours), Diary()
    acting = {day: regimen.day(day, lambda clause, on: levels[on], diary) for day in range(days)}
    return diary, acting


def given(diary, therapy=1):
    return [row.day for row in diary["therapy"] if row.therapy == therapy]


# ---- rhythms


@pytest.mark.parametrize(
    ("every", "first", "until", "due"),
    [
        ("1 day", 0, 4, [0, 1, 2, 3]),
        ("1 day", 2, 5, [2, 3, 4]),
        ("every other day", 0, 7, [0, 2, 4, 6]),
        ("1 week", 3, 25, [3, 10, 17, 24]),
        ("1 week", 3, 24, [3, 10, 17]),
        ("BID", 0, 2, [0, 0.5, 1, 1.5]),
        ("8 hours", 1, 2, [1, 4 / 3, 5 / 3]),
        ("3.5 days", 0, 14, [0, 3.5, 7, 10.5]),
        ("3x/week", 0, 7, [0, 7 / 3, 14 / 3]),
        ("twice weekly", 0, 7, [0, 3.5]),
        ("1 month", 0, 92, [0, 30.4375, 60.875, 91.3125]),
    ],
)
def test_doses_are_due_on_the_days_of_their_rhythm(every, first, until, due):
    therapy = Therapy("hcg", "1500 IU", every=every, **{"from": first, "until": until})
    assert therapy.dose_days() == pytest.approx(due)
    diary, _ = course(therapy, days=until + 3)
    assert given(diary) == pytest.approx(due)
    assert {(row.drug, row.dose, row.unit) for row in diary["therapy"]} == {("hcg", 1500.0, "IU")}


def test_a_single_dose_is_given_once():
    diary, _ = course(Therapy("hcg", "5000 IU", **{"from": 4}), days=40)
    assert given(diary) == [4.0]


def test_a_dose_of_the_last_minutes_of_a_day_is_one_of_the_next():
    # Three eighths of a day less a third of an hour: to the nearest hour.
    therapy = Therapy("hcg", "1500 IU", every="0.99 days", until=3, **{"from": 0})
    assert therapy.dose_days() == pytest.approx([0.0, 0.99, 1.98, 2.97])
    regimen, diary = Regimen([therapy], 0.0), Diary()
    regimen.day(0, math.nan, diary)
    assert given(diary) == [0.0]
    regimen.day(1, math.nan, diary)  # 0.99 is 23.76 hours, the 24th
    assert given(diary) == [0.0, 0.99]


def test_doses_act_for_as_long_as_they_are_released():
    infusion = Therapy("hcg", "1500 IU", over="36 hours", **{"from": 1})
    _, acting = course(infusion, days=6)
    assert [len(acting[day]) for day in range(6)] == [0, 1, 1, 1, 0, 0]  # 1.5 days and the day of rounding
    assert acting[2][0].day == 1.0 and acting[2][0].over_hours == 36.0
    _, depot = course(Therapy("hcg", "1500 IU"), days=6, release_hours=72.0)
    assert [len(depot[day]) for day in range(6)] == [1, 1, 1, 1, 1, 0]


def test_doses_of_a_day_are_in_the_order_of_their_hours():
    night = Therapy("anastrozole", "1 mg", every="1 day", until=3, **{"from": 0.5})
    morning = Therapy("letrozole", "2.5 mg", every="1 day", until=3)
    _, acting = course(night, morning, days=2)
    assert [(dose.day, dose.drug) for dose in acting[0]] == [(0.0, "letrozole"), (0.5, "anastrozole")]


def test_a_condition_is_asked_of_the_morning_before():
    rule = Therapy("anastrozole", "1 mg", every="1 day", until=6, when="oestradiol > 50 pg/mL")
    levels = {-1: 60.0, 0: 40.0, 1: 70.0, 2: 50.0, 3: 50.1, 4: 0.0, 5: 0.0}
    diary, _ = course(rule, days=6, levels=levels)
    assert given(diary) == [0, 2, 4]
    assert [row.measured_day for row in diary["decisions"]] == [-1, 0, 1, 2, 3, 4]
    assert [row.taken for row in diary["decisions"]] == [True, False, True, False, True, False]


def test_a_condition_of_a_day_is_decided_once():
    rule = Therapy("anastrozole", "1 mg", every="2 days", until=9, when="oestradiol > 50 pg/mL at day 2", **{"from": 2})
    for level, days in ((60.0, [3, 5, 7]), (40.0, [])):
        diary, _ = course(rule, days=10, levels={2: level})
        assert given(diary) == days and len(diary["decisions"]) == 1


def test_while_its_condition_holds_a_later_therapy_takes_the_place_of_an_earlier_one():
    usual = Therapy("anastrozole", "1 mg", every="1 day", until=4)
    levels = {-1: 40.0, 0: 60.0, 1: 60.0, 2: 40.0, 3: 40.0}
    more = {"every": "1 day", "until": 4, "when": "oestradiol > 50 pg/mL"}
    diary, _ = course(usual, Therapy("anastrozole", "2 mg", **more), days=4, levels=levels)
    assert given(diary, 1) == [0, 3] and given(diary, 2) == [1, 2]
    diary, _ = course(usual, Therapy("anastrozole", "2 mg", **more, adds=True), days=4, levels=levels)
    assert given(diary, 1) == [0, 1, 2, 3] and given(diary, 2) == [1, 2]
    diary, _ = course(usual, Therapy("letrozole", "2.5 mg", **more), days=4, levels=levels)
    assert given(diary, 1) == [0, 1, 2, 3] and given(diary, 2) == [1, 2]


# ---- weight


@pytest.mark.parametrize(
    ("day", "bmi"),
    [(-5, 32), (10, 32), (20, 31), (30, 30), (50, 28), (55, 28), (60, 28), (70, 29), (80, 30), (900, 30)],
)
def test_weight_changes_in_straight_lines_and_is_held(day, bmi):
    loss = Weight(bmi=28, until="day 50", **{"from": "day 10"})
    regain = Weight(bmi=30, until="day 80", **{"from": "day 60"})
    assert bmi_on(day, 32.0, [regain, loss]) == pytest.approx(bmi)


def test_a_change_cut_short_by_the_next_is_refused():
    first = Weight(bmi=28, until=50)
    for second, said in (
        (Weight(bmi=30, until=90, **{"from": 49}), [(1, "from")]),
        (Weight(bmi=30, until=90, **{"from": 50}), []),
    ):
        assert [problem.path for problem in overlaps([first, second])] == said
    with pytest.raises(ScenarioError, match=r"^until: day 10 is not after from \(day 10\)"):
        Weight(bmi=28, until=10, **{"from": 10})


# ---- the body


def test_free_testosterone_and_output_of_the_reference_man_follow_from_the_table(values, fertile):
    free, total = values["axis.free_testosterone_reference"], values["axis.testosterone_reference"]
    bound = values["axis.shbg_binding"] * values["axis.shbg_reference"] / (1.0 + values["axis.shbg_binding"] * free)
    assert free * (1.0 + values["axis.albumin_binding"] + bound) == pytest.approx(total)
    p, _ = tissue_parameters(values, fertile)
    released = reference_counts(p)[steps.ELONGATED_SPERMATID] / p.germ.elongated_spermatid_days * p.germ.spermiation
    assert values["tract.reference_output"] == pytest.approx(released * values["tissue.sertoli_per_man"] / 1e6)


def test_a_released_spermatid_stands_for_its_share_of_the_sertoli_cells(values, fertile):
    numbers = values | {"tissue.sertoli_per_man": 4e8}
    assert physiology.sperm_per_release(numbers, fertile, 200) == pytest.approx(2.0)
    assert physiology.sperm_per_release(numbers, fertile | {"sertoli_number": 0.5}, 200) == pytest.approx(1.0)
    weights = {"tissue.testis_volume": 40.0, "tissue.testis_density": 1.05}
    assert physiology.testis_mass(weights) == pytest.approx(42.0)


def test_fat_and_age_act_on_a_log_scale(values, fertile):
    own = {"peripheral_aromatase_bmi_slope": 0.04, "peripheral_aromatase_age_slope": 0.01}
    own |= {"shbg_bmi_slope": -0.05, "shbg_age_slope": 0.02, "bmi_reference": 24.0}
    own |= {"aromatase_repeat_slope": 0.5, "aromatase_repeat_effect": 0.2}
    numbers = values | {f"axis.{name}": value for name, value in own.items()}

    def axis(**man):
        return physiology.axis_parameters(numbers, fertile | {"bmi": 24.0, "age": 34.0, "cyp19a1_repeats": 7.5} | man)

    assert axis().peripheral_aromatase == pytest.approx(1.0)
    assert axis().shbg_production == pytest.approx(values["axis.shbg_reference"])
    heavy = axis(bmi=34.0, age=44.0, adipose_aromatase=2.0, shbg_production=0.5)
    assert heavy.peripheral_aromatase == pytest.approx(2.0 * math.exp(0.4 + 0.1))
    assert heavy.shbg_production == pytest.approx(0.5 * values["axis.shbg_reference"] * math.exp(-0.5 + 0.2))
    # Alleles are half a unit off the mean, however many repeats they have: the slope by a quarter, the level by a tenth.
    assert axis(cyp19a1_repeats=8.0) == axis(cyp19a1_repeats=11.0)
    assert axis(cyp19a1_repeats=8.0, bmi=34.0).peripheral_aromatase == pytest.approx(math.exp(0.4 * 1.25 + 0.1))
    assert axis(cyp19a1_repeats=7.0, bmi=34.0).peripheral_aromatase == pytest.approx(math.exp(0.4 * 0.75 - 0.1))


def test_a_mans_ducts_and_glands_scale_his_semen(values, fertile):
    usual = physiology.tract_parameters(values, fertile)
    man = {"duct_patency": 0.5, "motility": 0.8, "morphology": 0.7, "gland_volume": 1.2}
    own = physiology.tract_parameters(values, fertile | man)
    changed = {
        "collected": 0.5,
        "fluid_volume": 0.5,
        "motility_reference": 0.8,
        "morphology_reference": 0.7,
        "volume_reference": 1.2,
        "volume_slope": 1.2,
        "volume_slope_early": 1.2,
    }
    for name in usual._fields:
        assert getattr(own, name) == pytest.approx(changed.get(name, 1.0) * getattr(usual, name)), name


# ---- maturity


NUMBERS = {"leydig.maturation_days": 100.0, "germ.pool_growth": 0.02}
BOY = {"somatic_maturity": 0.2, "spermatogonial_maturity": 0.1}


def test_leydig_cells_come_of_age_one_by_one():
    for activity, days, rate in ((1.0, 50.0, 0.01), (0.5, 50.0, 0.0025), (3.0, 50.0, 0.01), (0.0, 50.0, 0.0)):
        grown = physiology.matured(BOY, activity, 0.0, days, NUMBERS)
        assert grown["somatic_maturity"] == pytest.approx(1.0 - 0.8 * math.exp(-rate * days))
        assert grown["spermatogonial_maturity"] == pytest.approx(0.1)


def test_spermatogonia_fill_their_niches_as_a_logistic():
    for support, rate in ((1.0, 0.02), (0.5, 0.01), (4.0, 0.02)):
        grown = physiology.matured(BOY, 0.0, support, 80.0, NUMBERS)["spermatogonial_maturity"]
        assert math.log(grown / (1.0 - grown)) == pytest.approx(math.log(0.1 / 0.9) + 80.0 * rate)


def test_two_halves_of_a_year_mature_a_man_as_the_year():
    half = physiology.matured(BOY, 0.7, 0.6, 180.0, NUMBERS)
    assert physiology.matured(half, 0.7, 0.6, 180.0, NUMBERS) == pytest.approx(
        physiology.matured(BOY, 0.7, 0.6, 360.0, NUMBERS)
    )


def test_an_adult_matures_no_more():
    adult = dict.fromkeys(physiology.MATURITY, 1.0)
    assert physiology.is_adult(adult) and physiology.matured(adult, 0.0, 0.0, 9.0, NUMBERS) == adult
    for name in physiology.MATURITY:
        assert not physiology.is_adult(adult | {name: 0.999})
