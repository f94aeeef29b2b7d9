"""The answer of a run in a sentence: what it says is what the tables hold, and it says what is not known."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from small_page import SMALL

import testis_abm as ta
from testis_abm.experiments.simulate import over_models, run
from testis_abm.results import plausible, verdict
from testis_abm.results.summary import summarise

MOTILE = "total_motile_count_million"
RATIOS = some.floats(0.05, 20.0)


@pytest.fixture(scope="module")
def treated():
    result = run(ta.load(SMALL), plausible=False)
    models = over_models(result.scenario)
    return result, models


@pytest.fixture(autouse=True)
def without_models(treated):
    treated[0].plausible = None


def made(ratios, outcome=MOTILE):
    """Return a summary of factors that changed by ratios, and of what they make."""
    powers = verdict.FACTORS[outcome]
    whole = math.prod(ratio**power for ratio, power in zip(ratios, powers.values(), strict=True))
    rows = dict(zip(powers, ratios, strict=True)) | {outcome: whole}
    return pd.DataFrame({"column": list(rows), "change_pct": [100.0 * (ratio - 1.0) for ratio in rows.values()]})


@given(some.sampled_from(sorted(verdict.FACTORS)).flatmap(
    lambda name: some.tuples(some.just(name), some.lists(RATIOS, min_size=len(verdict.FACTORS[name]), max_size=len(verdict.FACTORS[name])))
))  # fmt: skip
def test_log_changes_of_factors_add_up(case):
    outcome, ratios = case
    summary = made(ratios, outcome)
    found = verdict.factors(summary, outcome)
    whole = 1.0 + summary["change_pct"].iloc[-1] / 100.0
    if abs(math.log(whole)) < 1e-3:
        assert not found
        return
    assert sum(factor.share for factor in found) == pytest.approx(1.0, abs=0.01)
    for factor, ratio, power in zip(found, ratios, verdict.FACTORS[outcome].values(), strict=True):
        assert factor.share * math.log(whole) == pytest.approx(power * math.log(ratio), abs=1e-9)
        assert 1.0 + factor.without / 100.0 == pytest.approx(whole / ratio**power)


@given(some.lists(RATIOS, min_size=3, max_size=3), some.sampled_from([-100.0, math.nan, math.inf]), some.integers(0, 3))
def test_a_level_of_zero_or_none_is_not_decomposed(ratios, bad, at):
    summary = made(ratios)
    summary.loc[at, "change_pct"] = bad
    assert verdict.factors(summary, MOTILE) == []


def test_what_its_factors_do_not_make_is_not_decomposed():
    summary = made([1.2, 1.1, 1.0])
    summary.loc[3, "change_pct"] += 5.0
    assert verdict.factors(summary, MOTILE) == []
    assert verdict.factors(made([1.2, 1.1, 1.0]), "lh_iu_l") == []


def test_factors_of_a_run_make_its_change(treated):
    result, _ = treated
    summary = summarise(result)
    for outcome in verdict.FACTORS:
        assert len(verdict.factors(summary, outcome)) == len(verdict.FACTORS[outcome]), outcome


def test_a_large_change_of_volume_is_said_to_rest_on_an_assumption(treated):
    result, _ = treated
    text = verdict.made_of(result, made([1.2, 1.1, 1.0]), MOTILE)
    assert "sperm concentration (+20 %)" in text and "ejaculate volume (+10 %)" in text
    assert "tract.volume_androgen_exponent = 1.1" in text and "without it: +20 %" in text
    assert "assumed" not in verdict.made_of(result, made([1.2, 1.01, 1.0]), MOTILE)
    assert "partly offset by progressive motility (-10 %)" in verdict.made_of(result, made([1.5, 1.1, 0.9]), MOTILE)


@pytest.mark.parametrize(
    "shares", [(0.626, 0.256, 0.118), (1 / 3, 1 / 3, 1 / 3), (0.995, 0.0049, 0.0001), (1.004, -0.004)]
)
def test_shares_that_are_printed_add_up(shares):
    printed = verdict._hundred(shares)
    assert sum(printed) == 100
    assert all(abs(whole - 100.0 * share) < 1.0 for whole, share in zip(printed, shares, strict=True))


def test_before_plausible_models_it_says_so_and_after_them_their_interval(treated):
    result, models = treated
    summary = summarise(result)
    before = verdict.sentence(result, summary, "testosterone_nmol_l", waiting=True)
    assert (
        "plausible models are being worked out" in before and "much the same in 3 replicates of this one man" in before
    )
    assert "not worked out" in verdict.sentence(result, summary, "testosterone_nmol_l")
    result.plausible = models
    summary = summarise(result)
    row = plausible.of_all(models, "treated").loc["testosterone_nmol_l"]
    after = verdict.sentence(result, summary, "testosterone_nmol_l")
    assert f"+{row['low_pct']:.0f} to +{row['high_pct']:.0f} %" in after and "rises under 100 %" in after
    assert after.count(". ") == 0 and after.endswith(".")


def test_a_sign_that_hangs_on_a_question_names_it(treated):
    result, models = treated
    models = models.copy()
    models.loc[(models["column"] == MOTILE) & (models["question"] == "germ.lack"), "turns"] = True
    result.plausible = models
    assert "its sign hangs on" in verdict.sentence(result, summarise(result), MOTILE)
    assert "(germ.lack)" in verdict.sentence(result, summarise(result), MOTILE)


def summary_of(**row):
    whole = {"column": MOTILE, "label": "total motile count", "unit": "million", "replicates": 4}
    return pd.DataFrame([whole | {"low_pct": math.nan, "high_pct": math.nan} | row])


@pytest.mark.parametrize(
    "row, words",
    [
        ({"untreated": 50.0, "treated": 0.0, "change_pct": -100.0}, "falls to none (from 50.0 million)"),
        ({"untreated": 0.0, "treated": 12.0, "change_pct": math.nan}, "comes to 12.0 million, where the control has none"),
        ({"untreated": 0.0, "treated": 0.0, "change_pct": math.nan}, "none that can be measured, with or without"),
        ({"untreated": 9.0, "treated": math.nan, "change_pct": math.nan}, "cannot be measured under treatment"),
        ({"untreated": math.nan, "treated": math.nan, "change_pct": math.nan}, "cannot be measured in the control"),
        ({"untreated": 1.0, "treated": 21.0, "change_pct": 2000.0}, "rises to 21.0 times the control’s"),
        ({"untreated": 50.0, "treated": 50.5, "change_pct": 1.0}, "stays within 2 %"),
        (
            {"untreated": 50.0, "treated": 60.0, "change_pct": 20.0, "low_pct": -10.0, "high_pct": 60.0},
            "shows no change beyond chance in 4 replicates (+20 %; 95 %: -10 to +60 %)",
        ),
        ({"untreated": 50.0, "treated": 40.0, "change_pct": -20.0, "low_pct": -30.0, "high_pct": -8.0}, "falls by 20 %"),
    ],
)  # fmt: skip
def test_levels_of_zero_and_small_changes_are_worded_as_such(treated, row, words):
    text = verdict.sentence(treated[0], summary_of(**row), MOTILE)
    assert text.startswith("Total motile count ") and words in text
    assert "nan" not in text and "inf" not in text


def test_an_untreated_man_has_a_level_and_no_change(treated):
    result = treated[0].untreated()
    text = verdict.sentence(result, summarise(result), MOTILE)
    assert "in this untreated man" in text and "SD over 3 replicates" in text and "rises" not in text
    assert verdict.made_of(result, summarise(result), MOTILE) == ""


@given(some.floats(-99.0, 5000.0), some.floats(0.1, 200.0), some.floats(0.1, 200.0))
def test_every_change_has_a_sentence_with_its_direction(treated_small, change, down, up):
    low, high = max(change - down, -100.0), change + up
    text = verdict.sentence(
        treated_small, summary_of(untreated=50.0, treated=50.0 * (1 + change / 100), change_pct=change, low_pct=low, high_pct=high), MOTILE
    )  # fmt: skip
    assert "nan" not in text
    beyond = not low < 0.0 < high
    assert ("rises" in text) == (beyond and change >= plausible.SAME)
    assert ("falls" in text) == (beyond and change <= -plausible.SAME)


@pytest.fixture(scope="module")
def treated_small(treated):
    return treated[0]


def test_numbers_of_a_sentence_are_finite_for_every_quantity(treated):
    result, models = treated
    result.plausible = models
    summary = summarise(result)
    for column in summary["column"]:
        text = verdict.sentence(result, summary, column)
        assert not {"nan", "inf"} & set(text.replace("(", " ").replace(")", " ").split()), text
    assert np.isfinite(summary["untreated"]).any()
