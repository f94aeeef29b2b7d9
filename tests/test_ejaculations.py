"""A calendar of ejaculations: what it says, what it does to semen, and that cells and the mean-field man follow it alike."""

from __future__ import annotations

import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.man.ejaculations import pace_of
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.scenario import Scenario
from testis_abm.support.errors import ScenarioError

DAILY = {"every": "1 day", "from": "day 1", "until": "day 14"}


def plan(ejaculations=None, semen=(0, 15, 29), days=60, **samples):
    given = {} if ejaculations is None else {"ejaculations": ejaculations}
    return Scenario(
        plan={"baseline": "28 days", "duration": f"{days} days", "replicates": 1},
        samples={"semen": list(semen), **given, **samples},
    )


def lived(case):
    values = complete(parameters.values())
    treatment = Treatment(case)
    return treatment.follow(ExpectedMan(values, case.man.physiology, treatment.kinetics))


def seen(case, day):
    return lived(case).semen(case.samples.rested(day), day)


@pytest.mark.parametrize(
    ("given", "days"),
    [
        ([3, "day 9"], (3, 9)),
        (DAILY, tuple(range(1, 15))),
        ({"every": "30 days"}, (0, 30, 60)),  # the whole plan, counted from day 0, unless it says otherwise
        ({"every": "10 days"}, (-20, -10, 0, 10, 20, 30, 40, 50, 60)),
        ([{"every": "weekly", "from": 0, "until": 14}, "day 20", {"every": 1, "from": 58}], (0, 7, 14, 20, 58, 59, 60)),
        ([], ()),
    ],
)
def test_days_are_listed_or_at_an_interval_or_both(given, days):
    case = plan(given, semen=())
    assert case.samples.ejaculations == days
    assert Scenario(**case.as_dict()) == case
    assert ("ejaculations" in case.as_dict()["samples"]) is bool(days)


@pytest.mark.parametrize(
    ("given", "where", "text"),
    [
        (["day 61"], "samples: ejaculations", "outside the plan; allowed: day -28 to day 60"),
        (["noon"], "samples: ejaculations 1", "is not a day"),
        ([{"every": "6 hours"}], "samples: ejaculations 1: every", "days are a day or more apart"),
        ([{"often": 3}], "samples: ejaculations 1", 'key "often" is not known'),
        (3, "samples: ejaculations", "is not a list of days"),
        (
            ["day -28"],
            "samples: ejaculations",
            "the sample of day 15 is 43 days after the last ejaculation; allowed: up to 30",
        ),
    ],
)
def test_a_wrong_calendar_names_the_entry_and_what_is_allowed(given, where, text):
    with pytest.raises(ScenarioError) as raised:
        plan(given, semen=(15,))
    assert where in str(raised.value) and text in str(raised.value)


def test_abstinence_follows_from_the_calendar_and_samples_are_ejaculations():
    samples = plan([1, 4, 10], semen=(0, 5, 12), abstinence="2 days").samples
    assert samples.rested(-3) == samples.rested(0) == (2.0,)  # his habit, before the first
    assert samples.rested(1) == (1.0, 2.0)
    assert samples.rested(12) == (2.0, 5.0, 1.0, 3.0, 1.0, 2.0)
    assert samples.rested(20)[0] == 8.0
    assert plan(semen=(0, 5), abstinence="2 days").samples.rested(5) == (2.0,)  # no calendar: as asked for


def test_the_pace_is_his_habit_until_the_calendar_begins():
    samples = plan([2, 3], semen=(5,), abstinence="6 days").samples
    assert pace_of(samples, range(-1, 8)).tolist() == [0.5, 0.5, 3.0, 3.0, 0.0, 3.0, 0.0, 0.0, 0.0]
    assert pace_of(plan().samples, range(3)).tolist() == [1.0] * 3


def test_a_calendar_of_the_usual_habit_changes_nothing():
    usual = seen(plan(semen=()), 30)
    assert seen(plan({"every": "3 days", "from": "day 0", "until": "day 27"}, semen=()), 30) == pytest.approx(
        usual, rel=1e-4
    )


def test_a_fortnight_of_daily_ejaculates_empties_the_store_within_days_and_leaves_sperm_as_they_were():
    days = [plan(DAILY, semen=(day,)) for day in (1, 3, 4, 8, 14)]
    first, *later = (seen(case, case.samples.semen[0]) for case in days)
    for name in ("total_count_million", "volume_ml", "total_motile_count_million"):  # Welliver 2016: complete by day 3
        assert later[0][name] < 0.75 * first[name] or name == "volume_ml"
        assert [of[name] for of in later[1:]] == pytest.approx([later[0][name]] * 3, rel=0.1)
    assert later[-1]["volume_ml"] < 0.7 * seen(plan(semen=()), 14)["volume_ml"]
    for name in ("progressive_motility_pct", "normal_forms_pct"):
        assert later[-1][name] == pytest.approx(first[name], rel=0.02)
    assert later[-1]["dna_fragmentation_pct"] == pytest.approx(first["dna_fragmentation_pct"], rel=0.1)


def test_a_rested_ejaculate_is_sixfold_a_daily_one():
    rested = seen(plan(["day 8"], semen=(15,)), 15)["total_count_million"]
    daily = seen(plan(DAILY, semen=(15,)), 15)["total_count_million"]
    assert daily / rested == pytest.approx(0.16, abs=0.04)  # Freund 1963


def test_men_who_ejaculate_more_often_have_fewer_sperm_per_ml():
    week, twice, thrice = (
        seen(plan([*range(-28, 30, 7)][:n] if n == 9 else [round(-28 + 7 * k / n) for k in range(8 * n)], semen=()), 28)
        for n in (1, 2, 3)
    )
    of = [other["concentration_million_ml"] / week["concentration_million_ml"] - 1.0 for other in (twice, thrice)]
    assert of == pytest.approx([-0.29, -0.41], abs=0.1)  # Carlsen 2004


def test_long_abstinence_ages_sperm_and_loses_them_in_urine():
    case = plan(["day 0"], semen=(28,))
    man, rested = lived(case), case.samples.rested(28)
    long, usual = man.semen(rested, 28), man.semen(3.0, 28)
    assert rested[0] == 28.0 and man.spilled(3.0, 28) == 0.0
    assert long["progressive_motility_pct"] < usual["progressive_motility_pct"] - 2.0
    assert long["dna_fragmentation_pct"] > 1.1 * usual["dna_fragmentation_pct"]
    a_day = usual["total_count_million"] / 3.0
    assert long["total_count_million"] == pytest.approx(6.0 * a_day, rel=0.02)
    assert man.spilled(rested, 28) == pytest.approx((28.0 - 6.0 - 3.0 * 0.2 / 0.8 * 0.2) * a_day, rel=0.05)


def small(case):
    return Scenario(**{**case.as_dict(), "tissue": {"tubules": 2, "rows": 2, "sertoli_per_tubule": 24}})


def test_cells_follow_a_calendar_as_the_mean_field_man_does():
    case, usual = plan(DAILY, semen=(0, 8, 15, 29), days=29), plan(semen=(0, 8, 15, 29), days=29)
    model, twin = (ta.TestisModel(small(of), rng=1) for of in (case, usual))
    for of in (model, twin):
        of.run_for(28 + 29)
    man, rows, resting = lived(case), model.records["semen"], twin.records["semen"]
    assert [row.abstinence_days for row in rows] == [3.0, 1.0, 1.0, 14.0]
    for row, rested in zip(rows, resting, strict=True):
        expected, habit = (man.semen(of.samples.rested(row.day), row.day) for of in (case, usual))
        ratio = row.expected_total_count_million / rested.expected_total_count_million
        # A piece as small as this one sheds sperm unevenly.
        assert ratio == pytest.approx(expected["total_count_million"] / habit["total_count_million"], rel=0.4)
        assert row.expected_volume_ml == pytest.approx(expected["volume_ml"], rel=1e-4)
        assert row.expected_dna_fragmentation_pct == pytest.approx(expected["dna_fragmentation_pct"], rel=1e-3)
    assert [row.lost_in_urine_million > 0.0 for row in rows] == [False, False, False, True]


def test_both_engines_keep_the_same_calendar():
    case = plan({"every": "1 day", "from": "day 1"}, semen=(0, 8), days=8).as_dict() | {
        "insult": [{"kind": "vasectomy", "day": -10}]
    }
    one, other = (ta.TestisModel(small(Scenario(**case)), rng=1, engine=of) for of in ("compiled", "reference"))
    for of in (one, other):
        of.run_for(36)
    assert one.records["semen"] == other.records["semen"]


def test_ducts_clear_with_ejaculates():
    def left(*given):
        case = plan(*given, semen=(), days=90)
        case = case.model_copy(update={"insult": Scenario(insult=[{"kind": "vasectomy"}]).insult})
        return lived(case).semen(3.0, 84)["concentration_million_ml"]

    often, usual, never = left({"every": "2 days"}), left(), left(["day 0"])
    assert often < usual / 3.0 and never > 20.0 * usual
