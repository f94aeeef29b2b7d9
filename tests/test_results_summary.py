"""What a summary says: levels, paired changes, intervals, observed values, flags, recovery."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from test_results_synthetic import make, scenario, short, suppression

from testis_abm import RunResult, parameters
from testis_abm.biology.assay import reported_oestradiol
from testis_abm.results.measures import measures
from testis_abm.results.observed import observed
from testis_abm.results.report import change, crossing, number
from testis_abm.results.summary import render, summarise
from testis_abm.results.treatment import Treatment
from testis_abm.statistics import paired_change
from testis_abm.support.errors import TestisError

LAST = "Research software: a simulation, not medical advice."


@pytest.fixture(scope="module")
def result() -> RunResult:
    return make(sections=False)


def altered(result: RunResult, name: str, **columns: object) -> RunResult:
    """Return a copy of a result with columns of one table set."""
    tables = {**result.tables, name: result.tables[name].assign(**columns)}
    return RunResult(scenario=result.scenario, tables=tables, provenance=result.provenance)


# ---- the run itself


def test_arms_are_filtered_copies(result):
    treated = result.treated()
    assert treated.arms == ("treated",)
    assert set(treated.tissue["arm"]) == {"treated"}
    assert len(treated.hormones) == len(result.hormones) / 2
    assert result.arms == ("untreated", "treated")
    assert set(result.untreated().semen["arm"]) == {"untreated"}


def test_a_missing_arm_is_told():
    alone = make(scenario(therapy=[], observed=[]), sections=False)
    with pytest.raises(TestisError, match="no treated arm; it has: untreated"):
        alone.treated()


def test_a_result_says_what_it_is(result):
    assert "untreated and treated" in repr(result)
    assert "hormones 3,344" in repr(result)


# ---- changes and intervals


@given(
    st.lists(st.tuples(st.floats(0.1, 100.0), st.floats(0.1, 100.0)), min_size=2, max_size=12).filter(
        lambda pairs: len({b / a for a, b in pairs}) > 1
    )
)
def test_the_interval_is_students(pairs):
    untreated, treated = np.array(pairs).T
    centre, low, high = paired_change(untreated, treated)
    known = stats.ttest_1samp(np.log(treated / untreated), 0.0).confidence_interval(0.95)
    assert low == pytest.approx(100 * math.expm1(known.low), rel=1e-6, abs=1e-6)
    assert high == pytest.approx(100 * math.expm1(known.high), rel=1e-6, abs=1e-6)
    assert centre == pytest.approx(100 * (stats.gmean(treated / untreated) - 1), rel=1e-6, abs=1e-6)


def test_luck_that_both_twins_share_does_not_widen_the_interval():
    luck = np.exp(np.random.default_rng(1).normal(0.0, 0.5, 10))
    _, low, high = paired_change(10.0 * luck, 15.0 * luck)
    assert (low, high) == pytest.approx((50.0, 50.0))


def test_one_replicate_has_a_change_but_no_interval():
    centre, low, high = paired_change(np.array([10.0]), np.array([12.0]))
    assert centre == pytest.approx(20.0)
    assert math.isnan(low)
    assert math.isnan(high)


def test_replicates_without_sperm_do_not_spoil_the_change():
    centre, low, high = paired_change(np.array([10.0, 10.0, 20.0]), np.array([0.0, 5.0, 0.0]))
    # Differences of -10, -5 and -20 over a mean of 40/3.
    assert centre == pytest.approx(-87.5)
    assert low < centre < high
    assert paired_change(np.array([10.0, 8.0]), np.zeros(2))[0] == pytest.approx(-100.0)
    assert all(math.isnan(value) for value in paired_change(np.zeros(3), np.array([0.0, 1.0, 0.0])))


def test_levels_are_means_over_the_last_four_weeks_of_treatment(result):
    hormones = result.hormones
    # Treatment ends on the morning of day 150; whatever lies outside the mornings of days 123 to 150 must not count.
    inside = hormones["day"].between(123, 150)
    treated = hormones["arm"] == "treated"
    lh = np.where(inside, np.where(treated, 6.0, 4.0), 1000.0)
    row = summarise(altered(result, "hormones", lh_iu_l=lh)).loc["lh_iu_l"]
    assert (row["untreated"], row["treated"]) == (4.0, 6.0)
    assert (row["change_pct"], row["low_pct"], row["high_pct"]) == pytest.approx((50.0, 50.0, 50.0))
    assert row["replicates"] == 8


def test_semen_counts_up_to_the_sample_that_closes_treatment(result):
    semen = result.semen
    inside = semen["day"].between(123, 150)
    volume = np.where(inside, 3.0, 1000.0)
    row = summarise(altered(result, "semen", expected_volume_ml=volume)).loc["expected_volume_ml"]
    assert (row["untreated"], row["treated"]) == (3.0, 3.0)


def test_a_short_treatment_counts_from_its_first_day():
    brief = make(
        scenario(
            plan={"duration": "60 days", "replicates": 2},
            therapy=[{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "from": "day 10", "until": "day 20"}],
            observed=[],
        ),
        sections=False,
    )
    treatment = Treatment.of(brief)
    assert treatment == Treatment(10.0, 20.0, True)
    assert treatment.window == (11.0, 20.0)
    # No semen sample falls on these days; the nearest one stands in.
    assert summarise(brief)["treated"].notna().all()


def test_the_last_of_several_therapies_ends_treatment():
    steps = [
        {"drug": "anastrozole", "dose": "0.5 mg", "every": "1 day", "until": "day 60"},
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "from": "day 60", "until": "day 120"},
    ]
    assert Treatment.of(make(scenario(therapy=steps), sections=False)) == Treatment(0.0, 120.0, True)


def test_both_unit_systems_tell_the_same(result):
    conventional, si = summarise(result), summarise(result, conventional=False)
    assert list(si.index)[:2] == ["testosterone_nmol_l", "oestradiol_immunoassay_pmol_l"]
    assert conventional["change_pct"].to_numpy() == pytest.approx(si["change_pct"].to_numpy(), nan_ok=True)
    assert conventional.loc["testosterone_ng_dl", "treated"] == pytest.approx(
        28.84 * si.loc["testosterone_nmol_l", "treated"]
    )
    assert [measure.name for measure in measures()] == list(conventional.index)


def test_without_therapy_a_summary_gives_mean_spread_and_drift():
    alone = make(scenario(therapy=[], observed=[]), sections=False)
    day, replicate = alone.hormones["day"], alone.hormones["replicate"]
    # Replicates 0 to 7 around 10, and a rise of a fifth from the first quarter to the last.
    lh = (10.0 + replicate - 3.5) * np.where(day <= 24, 1.0, np.where(day >= 128, 1.2, 1.1))
    row = summarise(altered(alone, "hormones", lh_iu_l=lh)).loc["lh_iu_l"]
    assert row["drift_pct"] == pytest.approx(20.0)
    # The level is that of the last 28 days, as in every command.
    assert row["mean"] == pytest.approx(12.0, rel=0.01)
    assert row["sd"] == pytest.approx(1.2 * math.sqrt(6.0), rel=0.01)


def test_an_empty_run_has_no_summary():
    with pytest.raises(TestisError, match="no tables"):
        summarise(RunResult(scenario=short(), tables={}))


# ---- observed values


def test_observed_values_stand_beside_the_prediction_in_their_own_unit(result):
    flat = altered(result, "hormones", testosterone_nmol_l=480.4 / 28.84 * 1.1)
    row = observed(flat).iloc[0]
    assert (row["variable"], row["unit"], row["observed"]) == ("testosterone_nmol_l", "ng/dL", 480.4)
    assert row["ratio"] == pytest.approx(1.1)


def test_between_samples_the_prediction_is_a_straight_line():
    entry = {"variable": "volume_ml", "day": 7, "value": 3.0, "unit": "mL", "label": "x"}
    made = make(scenario(observed=[entry]), sections=False)
    semen = made.semen
    volume = np.where(semen["arm"] == "untreated", 99.0, 2.0 + semen["day"] / 14.0)
    row = observed(altered(made, "semen", expected_volume_ml=volume)).iloc[0]
    assert row["predicted"] == pytest.approx(2.5)


def test_oestradiol_is_compared_with_what_its_assay_reads():
    entry = {"variable": "oestradiol_pmol_l", "day": 28, "value": 100.0, "unit": "pmol/L", "label": "x"}
    seen = []
    for name in ("immunoassay", "lc-ms"):
        made = altered(
            make(scenario(observed=[entry], samples={"assay": name}), sections=False),
            "hormones",
            oestradiol_pmol_l=40.0,
        )
        # The luck of a sample is no prediction.
        seen.append(observed(altered(made, "blood", oestradiol_pmol_l=900.0))["predicted"].item())
    assert seen[1] == pytest.approx(40.0)
    assert (
        seen[0] == pytest.approx(float(reported_oestradiol(40.0, "immunoassay", parameters.values()))) and seen[0] > 60
    )


def test_men_without_sperm_have_no_observed_motility():
    entry = {"variable": "progressive_motility_pct", "day": 28, "value": 30.0, "unit": "%", "label": "x"}
    made = altered(make(scenario(observed=[entry]), sections=False), "semen", expected_concentration_million_ml=0.0)
    assert np.isnan(observed(made)["predicted"].item())


def test_what_was_not_sampled_is_left_open():
    entry = {"variable": "volume_ml", "day": 7, "value": 3.0, "unit": "mL", "label": "Nobody 1999"}
    made = make(scenario(observed=[entry]), sections=False)
    tables = {name: table for name, table in made.tables.items() if name != "semen"}
    bare = RunResult(scenario=made.scenario, tables=tables)
    assert math.isnan(observed(bare)["predicted"].item())
    assert "Nobody 1999" in render(bare)


# ---- the closing text


def test_the_closing_text(result):
    lines = render(result).splitlines()
    assert lines[0].startswith("Anastrozole 1 mg daily in an obese subfertile man      8 replicates, ")
    assert lines[0].endswith(", seed 1")
    assert any(line.split()[:2] == ["testosterone", "(ng/dL)"] and "+70" in line for line in lines)
    assert any("sperm concentration (M/mL)" in line for line in lines)
    assert any(line.startswith("Why: LH rises because") for line in lines)
    assert any(line.startswith("Observed") for line in lines)
    assert any("Shah 2021" in line for line in lines)
    assert any("serum E2 (LC-MS/MS) under 10 pg/mL: never." in line for line in lines)
    assert "days 123 to 150" in render(result)
    assert lines[-1] == LAST
    assert max(map(len, lines)) <= 110


def test_the_text_warns_and_says_how_little_one_replicate_tells():
    made = make(short(), sections=False)
    made.provenance["warnings"] = ["the tissue is small"]
    text = render(made)
    assert "One replicate: no interval" in text
    assert "interval)" not in text
    assert "1 replicate," in text
    assert "Note: the tissue is small" in text


def test_the_text_of_an_untreated_man():
    text = render(make(scenario(therapy=[], observed=[]), sections=False))
    assert "spread" in text
    assert "drift" in text
    assert "untreated" not in text
    assert text.endswith(LAST)


def test_flags_count_days_and_name_harm(result):
    safety = result.safety
    treated, day = safety["arm"] == "treated", safety["day"]
    harmed = altered(
        result,
        "safety",
        oestradiol_low=treated & day.between(10, 29),
        haematocrit_pct=np.where(treated & day.between(50, 59), 55.0, 45.0),
        libido_score=np.where(treated & (day > 20), 60.0, 90.0),
        vasomotor_pct=np.where(treated & (day > 20), 30.0, 2.0),
        hdl_change_mg_dl=np.where(treated & (day > 20), -8.0, 0.0),
        bone_density_change_pct=np.where(treated, -2.0 / 365.25 * day.clip(0, 150), 0.0),
        bone_density_scan_pct=np.where(treated, -1.2 / 365.25 * day.clip(0, 150), 0.0),
    )
    text = " ".join(render(harmed).split())
    assert "serum E2 (LC-MS/MS) under 10 pg/mL: 20 days." in text
    assert "Peak haematocrit 55.0 % (day 50): over 50 % 10 days, over 54 % 10 days." in text
    assert "Libido score falls from 90 to 60 (day 21)." in text
    assert "Vasomotor symptoms, up to 30 % of visits (day 21)." in text
    assert "HDL cholesterol -8 mg/dL (day 21)." in text
    assert "Bone density -2.0 % a year against untreated, -1.2 on a scan (men on placebo +0.8, -1.9 to 3.4)." in text


def test_recovery_tells_when_sperm_fell_and_came_back():
    made = make(suppression(), effect=-2.5, sections=False)
    day = made.semen["day"]
    # From 60 down to 0 over 16 weeks, nothing until treatment ends in week 26, then up as fast.
    course = np.interp(day, [0, 112, 182, 294], [60.0, 0.0, 0.0, 60.0])
    semen = np.where(made.semen["arm"] == "treated", course, 60.0)
    text = render(altered(made, "semen", expected_concentration_million_ml=semen))
    lines = {line[:12].strip(): line.split() for line in text.splitlines()}
    assert lines["Recovery: ex"][-6:] == ["20", "15", "10", "5", "3", "1"]
    falling = next(line.split() for line in text.splitlines() if "falling below" in line)
    rising = next(line.split() for line in text.splitlines() if "rising above" in line)
    assert [float(cell) for cell in falling[-6:]] == pytest.approx([10.67, 12, 13.33, 14.67, 15.2, 15.73], abs=0.06)
    assert [float(cell) for cell in rising[-6:]] == pytest.approx([5.33, 4, 2.67, 1.33, 0.8, 0.27], abs=0.06)
    assert "followed for 26 weeks" in text


def test_sperm_that_did_not_come_back_are_said_not_to_have():
    made = make(suppression(), effect=-2.5, sections=False)
    treated = (made.semen["arm"] == "treated") & (made.semen["day"] > 70)
    semen = np.where(treated, 0.1, 60.0)
    text = render(altered(made, "semen", expected_concentration_million_ml=semen))
    rising = next(line for line in text.splitlines() if "rising above" in line)
    assert rising.count("not yet") == 6


def test_no_word_of_recovery_where_sperm_did_not_fall(result):
    assert "Recovery" not in render(result)
    assert "Recovery" not in render(make(scenario(therapy=[], observed=[]), sections=False))


def test_a_man_without_sperm_is_summarised(result):
    columns = {name: 0.0 for name in result.semen if name.startswith("expected_") and "volume" not in name}
    tissue = altered(result, "tissue", daily_production_million_g=0.0)
    text = render(altered(tissue, "semen", **columns))
    row = next(line for line in text.splitlines() if "sperm concentration" in line)
    assert row.split()[-1] == "-"
    assert "nan" not in text


def test_where_a_curve_crosses_a_level():
    day, value = np.array([0.0, 10.0, 20.0, 30.0]), np.array([20.0, 10.0, 0.0, 20.0])
    assert crossing(day, value, 15.0, after=0.0, rising=False) == pytest.approx(5.0)
    assert crossing(day, value, 5.0, after=20.0, rising=True) == pytest.approx(22.5)
    assert crossing(day, value, 25.0, after=0.0, rising=True) is None
    assert crossing(day, value, 15.0, after=8.0, rising=False) == 8.0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "-"),
        (0.0, "0"),
        (9e-4, "0"),
        (0.0123, "0.012"),
        (1.234, "1.23"),
        (45.67, "45.7"),
        (99.97, "100"),
        (1234.5, "1,234"),
        (-3.21, "-3.21"),
    ],
)
def test_numbers_have_about_three_figures(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ((70.2, 62.4, 78.3), ("+70 %", "(+62 to +78)")),
        ((-4.26, -6.0, -2.5), ("-4.3 %", "(-6.0 to -2.5)")),
        ((70.2, 70.0, 70.4), ("+70.2 %", "(+70.0 to +70.4)")),
        ((1900.0, 1400.0, 2400.0), ("x 20.0", "(x 15.0 to 25.0)")),
        ((70.2,), ("+70 %", "")),
        ((70.2, 70.19, 70.21, 8), ("+70.2 %", "(±<0.1 %)")),
        ((1900.0, 1899.9, 1900.1, 8), ("x 20.0", "(±<1 %)")),
        ((1.0, 0.13, 1.85, 2), ("+1.0 %", "(+0.1 to +1.9)")),  # a small spread between two is one all the same
        ((70.2, 70.2, 70.2, 8), ("+70 %", "")),  # deterministic
        ((70.2, 66.0, 74.0, 8), ("+70 %", "(+66 to +74)")),
        ((math.nan,), ("-", "")),
    ],
)
def test_changes_as_text(given, told):
    assert change(*given) == told


def test_summaries_are_plain_tables(result):
    table = summarise(result)
    assert isinstance(table, pd.DataFrame)
    assert {"label", "unit", "untreated", "treated", "change_pct", "low_pct", "high_pct"} <= set(table)
    assert not (table["low_pct"] > table["high_pct"]).any()
    pd.testing.assert_frame_equal(result.summary(), table)
