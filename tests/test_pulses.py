"""Pulses of LH through a day (biology/pulses.py), the command and what a script gets of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm.biology import pulses
from testis_abm.biology.axis import DAY
from testis_abm.biology.clamp import nothing
from testis_abm.biology.pulses import DayMeans, PulseParameters
from testis_abm.cli import main

MAN = DayMeans(4.0, 18.0, frequency=1.0, pulsed=0.99, own_activity=1.0, hcg_activity=0.0, testicular=0.967, given=0.0)
DAYS, STEPS = 400, 720
EIGHT, SIXTEEN = 240, 480  # steps from midnight


@pytest.fixture(scope="module")
def draw(values):
    def drawn(means=MAN, age=34.0, days=DAYS, key=(1,), **numbers):
        return pulses.draw(means, PulseParameters.of(values, age)._replace(**numbers), key, days)

    return drawn


def by_day(levels):
    return levels.reshape(-1, STEPS)


def test_a_young_man_is_as_men_are(draw):
    day = draw()
    lh, testosterone = by_day(day.lh_iu_l), by_day(day.testosterone_nmol_l)
    assert lh.mean() == pytest.approx(4.0, rel=0.02) and testosterone.mean() == pytest.approx(18.0, rel=0.02)
    # Guldhaug 2022: 26 and 16 % (with the days between samples); 11.5 to 16 % seen.
    assert lh[:, EIGHT].std() / lh[:, EIGHT].mean() == pytest.approx(0.25, abs=0.03)
    assert 0.11 < testosterone[:, EIGHT].std() / testosterone[:, EIGHT].mean() < 0.16
    # Brambilla 2009: 20 to 25 % lower at 16 h, 10 % at 70 years.
    fall = testosterone[:, SIXTEEN].mean() / testosterone[:, EIGHT].mean() - 1.0
    assert fall == pytest.approx(-0.22, abs=0.03)
    old = by_day(draw(age=70.0).testosterone_nmol_l)
    assert old[:, SIXTEEN].mean() / old[:, EIGHT].mean() - 1.0 == pytest.approx(-0.10, abs=0.03)
    # Veldhuis 1987: 95 (SE 11) minutes between those that samples each ten minutes find.
    assert 5.8 < len(pulses.rises(day.lh_iu_l)) / (2 * DAYS) < 8.6
    assert day.pulses.size / (2 * DAYS) == pytest.approx(9.0, rel=0.03)


@pytest.mark.parametrize("frequency", [0.05, 0.5, 3.0])
def test_the_mean_is_the_days_whatever_the_frequency(draw, frequency):
    days = 4000 if frequency < 0.1 else DAYS
    day = draw(MAN._replace(frequency=frequency, lh_iu_l=2.0, own_activity=0.5), days=days)
    assert day.lh_iu_l.mean() == pytest.approx(2.0, rel=0.05)
    # High pulses saturate the Leydig cell a little.
    assert day.testosterone_nmol_l.mean() == pytest.approx(18.0, rel=0.07 if frequency < 0.1 else 0.05)
    assert day.pulses.size / (2 * days) == pytest.approx(9.0 * frequency, rel=0.06)


def test_slower_pulses_of_the_same_mean_are_higher(draw):
    heights = [np.mean(pulses.rises(draw(MAN._replace(frequency=f)).lh_iu_l)) for f in (0.4, 1.0, 2.0)]
    assert heights == sorted(heights, reverse=True)


def test_pulses_are_more_regular_than_chance(draw):
    gaps = np.diff(draw().pulses)
    assert gaps.std() / gaps.mean() == pytest.approx(0.428, abs=0.03)  # of a Weibull of shape 2.5
    # As found at any time: as many begin in the first minutes of a day as later.
    first = [draw(key=(seed,), days=1).pulses for seed in range(1500)]
    counts = np.histogram(np.concatenate(first), bins=8, range=(0.0, pulses.DAY))[0]
    assert counts.min() / counts.max() > 0.93


def test_a_key_draws_the_same_and_arms_are_paired(draw):
    one, again, other = draw(days=1), draw(days=1), draw(days=1, key=(2,))
    assert np.array_equal(one.lh_iu_l, again.lh_iu_l) and not np.array_equal(one.lh_iu_l, other.lh_iu_l)
    twice = draw(MAN._replace(lh_iu_l=8.0, own_activity=2.0), days=1)
    np.testing.assert_allclose(twice.lh_iu_l, 2.0 * one.lh_iu_l)
    assert np.array_equal(twice.pulses, one.pulses)


def test_what_does_not_pulse_is_steady(draw):
    none = draw(MAN._replace(pulsed=0.0, testicular=0.0), days=2)
    assert (none.lh_iu_l == 4.0).all() and none.pulses.size == 0
    np.testing.assert_allclose(none.testosterone_nmol_l, 18.0)
    # hCG hides the pulses of LH from the testis.
    hcg = MAN._replace(lh_iu_l=0.4, own_activity=0.1, hcg_activity=1.4)
    free = by_day(draw(hcg, clock_amplitude=0.0).testosterone_nmol_l)
    own = by_day(draw(clock_amplitude=0.0).testosterone_nmol_l)
    assert free[:, EIGHT].std() < 0.2 * own[:, EIGHT].std()


def test_samples_find_pulses_that_rise_and_fall():
    series = np.repeat([1.0, 1.1, 2.0, 1.6, 1.5, 1.7, 1.6, 3.0, 2.9, 1.0], 5)  # each ten minutes
    # From 1 to 2; from 1.5 to 3 (1.7 is no rise of a fifth).
    assert pulses.rises(series) == pytest.approx([1.0, 1.5])
    assert pulses.rises(series[:20]).size == 1 and pulses.rises(np.ones(100)).size == 0
    assert pulses.rises(np.repeat([1.0, 1.05, 1.15, 1.05, 1.15, 1.0], 5)).size == 0


def test_what_is_drawn_about_is_the_day_of_the_axis(values):
    p, free = PulseParameters.of(values, 34.0), nothing(1)[0]
    day = np.zeros(1, DAY)[0]
    for name, level in (
        ("lh_iu_l", 2.0),
        ("testosterone_nmol_l", 9.0),
        ("gnrh_frequency", 0.6),
        ("gnrh_present", 0.6),
        ("lh_activity", 0.7),
        ("testicular_testosterone_share", 0.5),
    ):
        day[name] = level
    means = DayMeans.of(day, p, free)
    assert means == pytest.approx((2.0, 9.0, 0.6, 1.0 - p.lh_floor / 0.5, 0.5, 0.2, 0.5, 0.0))
    day["gnrh_present"] = 1.2  # half of it is given
    assert DayMeans.of(day, p, free).pulsed == pytest.approx(0.5 * means.pulsed)
    assert DayMeans.of(day, p, free).given == pytest.approx(0.5)
    day["gnrh_present"] = 0.1  # an antagonist
    assert DayMeans.of(day, p, free) == means
    for column in ("lh_iu_l", "testosterone_nmol_l"):
        held = nothing(1)
        held[column] = 2.0
        kept = DayMeans.of(day, p, held[0])
        assert (kept.pulsed == 0.0, kept.testicular == 0.0) == (column == "lh_iu_l", column != "lh_iu_l")
    day["gnrh_frequency"] = 0.0
    assert DayMeans.of(day, p, free).pulsed == 0.0


CASE = {
    "title": "Pulses",
    "plan": {"baseline": "1 day", "duration": "60 days", "seed": 3},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}


def test_an_inhibitor_raises_pulses_and_enanthate_slows_them():
    found = ta.pulses(CASE).summary().set_index("arm")
    before, inhibitor = found.loc["untreated"], found.loc["treated"]
    assert inhibitor["pulse_height_iu_l"] > 1.2 * before["pulse_height_iu_l"]
    assert inhibitor["pulses_per_12_h"] > 0.95 * before["pulses_per_12_h"]
    slow = {**CASE, "therapy": [{"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days"}]}
    enanthate = ta.pulses(slow, day=10, arm="treated").summary().iloc[0]
    assert enanthate["pulses_per_12_h"] < 0.75 * before["pulses_per_12_h"]
    # What is given knows no clock.
    assert enanthate["testosterone_cv_pct"] < 0.3 * before["testosterone_cv_pct"]


def test_a_day_is_drawn_about_its_row_of_the_man(values, fertile):
    case = ta.load(CASE)
    man = ta.ExpectedMan(values, fertile)
    found = ta.pulses(case, day=0)
    assert list(found.arms) == ["untreated", "treated"]
    for arm in found.arms.values():
        assert arm.means.lh_iu_l == pytest.approx(float(man.rest["lh_iu_l"]))
    one, other = found.table(), ta.pulses(case, day=0).table()
    pd.testing.assert_frame_equal(one, other)
    assert list(one) == ["arm", "hour", "lh_iu_l", "testosterone_nmol_l"] and len(one) == 2 * 144
    assert one["hour"].iloc[:3].tolist() == pytest.approx([0.0, 1 / 6, 1 / 3])
    assert "GnRH that is given is taken as steady" not in found.text()
    pump = {**CASE, "therapy": [{"drug": "gonadorelin", "dose": "10 ug", "every": "2 hours"}]}
    untreated, _, treated, _ = ta.pulses(pump).text().splitlines()
    told = "GnRH that is given is taken as steady and its pulses are not drawn; his own: "
    assert told not in untreated and told in treated.partition("pulses in 12 h")[0]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"day": 61}, "day: 61 is out of range; allowed: 0 to 60"),
        ({"day": -1}, "day: -1 is out of range"),
        ({"every": 7}, "every: 7 is odd"),
        ({"every": 120}, "every: 120 is out of range; allowed: 2 to 60"),
        ({"arm": "both"}, "arm: 'both' is not one of untreated, treated"),
        ({"arm": "treated", "therapy": []}, "arm: 'treated': nothing is done to the man of this scenario"),
    ],
)
def test_bad_arguments_are_told(given, said):
    therapy = given.pop("therapy", CASE["therapy"])
    with pytest.raises(ta.TestisError) as error:
        ta.pulses({**CASE, "therapy": therapy}, **given)
    assert said in str(error.value).replace('"', "'")


def test_the_command_writes_table_summary_and_picture(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    out = tmp_path / "day"
    assert (
        main(["pulses", "obese_anastrozole", "--day", "14", "--arm", "treated", "--every", "20", "--out", str(out)])
        == 0
    )
    said = capsys.readouterr().out
    assert "treated: LH" in said and "untreated" not in said
    table = pd.read_csv(out / "pulses.csv")
    assert len(table) == 72 and set(table["arm"]) == {"treated"}
    assert pd.read_csv(out / "summary.csv")["pulses_per_12_h"].iloc[0] > 3.0
    assert {"pulses.png", "pulses.svg"} <= {path.name for path in out.iterdir()}
    assert main(["pulses", "obese_anastrozole", "--every", "7", "--out", str(out)]) == 2
    assert capsys.readouterr().err.startswith("--every: 7 is odd")


@pytest.mark.parametrize("command", ["pulses", "histology"])
def test_a_man_to_whom_nothing_is_done_has_no_treated_arm(command, tmp_path, capsys):
    assert main([command, "fertile_man", "--arm", "treated", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err.startswith('--arm: "treated": nothing is done')
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", ["pulses", "histology"])
@pytest.mark.parametrize("day", ["-3", "9000"])
def test_days_before_and_after_the_plan_have_one_answer(command, day, capsys):
    assert main([command, "obese_anastrozole", "--days", "60", "--day", day]) == 2
    assert capsys.readouterr().err.startswith(f"--day: {day} is out of range; allowed: 0 to 60")
