"""Every estimator against scipy, statsmodels or numbers worked by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats
from statsmodels.regression.linear_model import OLS

from testis_abm import statistics as own
from testis_abm.statistics import arm_effect, auc, power, share_difference

RNG = np.random.default_rng(7)


# ---- means and quantiles


def test_a_mean_leaves_out_what_is_missing():
    values = np.array([[1.0, np.nan, 3.0], [5.0, np.nan, np.nan]])
    assert own.nanmean(values) == pytest.approx([3.0, np.nan, 3.0], nan_ok=True)
    assert own.nanmean(values, axis=1) == pytest.approx([2.0, 5.0])
    assert own.nanmean(np.array([np.inf, 4.0])) == 4.0


@pytest.mark.parametrize("n", [2, 3, 12, 80])
def test_an_interval_of_a_mean_is_students(n):
    values = RNG.normal(3.0, 2.0, n)
    centre, half = own.mean_and_half(values)
    low, high = stats.t.interval(0.95, n - 1, values.mean(), stats.sem(values))
    assert (centre - half, centre + half) == pytest.approx((low, high))


def test_a_single_value_has_no_interval():
    centre, half = own.mean_and_half(np.array([4.0]))
    assert centre == 4.0 and math.isnan(half)


def test_men_have_a_median_and_quantiles_from_five_on():
    assert own.spread_of_men(np.arange(21.0)) == pytest.approx((10.0, 1.0, 19.0))
    assert own.spread_of_men(np.arange(21.0), 0.25, 0.75) == pytest.approx((10.0, 5.0, 15.0))
    middle, low, high = own.spread_of_men(np.array([1.0, 2.0, 3.0, 40.0]))
    assert middle == 2.5 and math.isnan(low) and math.isnan(high)
    assert np.isfinite(own.spread_of_men(np.arange(5.0))).all()
    assert np.isnan(own.spread_of_men(np.array([]))).all()


@pytest.mark.parametrize(("hits", "n"), [(0, 10), (3, 10), (10, 10), (61, 100)])
def test_a_share_has_wilsons_interval(hits, n):
    share, low, high = own.share_of_men(np.arange(n) < hits)
    p, z = hits / n, 1.959963984540054
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert (share, low, high) == pytest.approx((100 * p, 100 * (middle - half), 100 * (middle + half)), abs=1e-9)


def test_four_men_have_no_share():
    assert np.isnan(own.share_of_men(np.array([True, False, True, True]))).all()
    assert own.cannot_say(1) == "cannot say (1 man)" and own.cannot_say(4) == "cannot say (4 men)"


def test_weights_are_worth_so_many_equal_ones():
    assert own.kish(np.full(8, 0.3)) == pytest.approx(8.0)
    assert own.kish(np.array([1.0, 0.0, 0.0])) == 1.0
    assert own.kish(np.array([3.0, 1.0])) == pytest.approx(16 / 10)
    assert own.kish(np.array([])) == 0.0


def test_quantiles_of_weighted_values_lie_in_the_middle_of_their_weights():
    values, weights = np.array([30.0, 10.0, 20.0]), np.array([1.0, 1.0, 2.0])
    # Middles at 1/8, 1/2 and 7/8 of the weight.
    assert own.weighted_quantiles(values, weights, [0.0, 0.125, 0.3125, 0.5, 0.875, 1.0]) == pytest.approx(
        [10.0, 10.0, 15.0, 20.0, 30.0, 30.0]
    )
    assert own.weighted_quantiles(values, 7.0 * weights, [0.3125]) == pytest.approx([15.0])


def test_men_are_drawn_as_often_as_their_weight_says():
    weights = np.array([0.5, 0.3, 0.0, 0.2])
    drawn = own.resampled(weights, 1000, seed=3)
    # Systematic resampling misses the expected number by less than one.
    assert np.abs(np.bincount(drawn, minlength=4) - 1000 * weights).max() <= 1.0
    assert (np.diff(drawn) >= 0).all() and (own.resampled(weights, 1000, seed=3) == drawn).all()


# ---- changes in pairs


def test_a_change_in_pairs_is_the_geometric_mean_of_ratios():
    before, after = np.array([1.0, 2.0, 4.0, 8.0]), np.array([2.0, 3.0, 10.0, 12.0])
    change, low, high = own.paired_change(before, after)
    log = np.log(after / before)
    ends = stats.t.interval(0.95, 3, log.mean(), stats.sem(log))
    assert change == pytest.approx(100 * (stats.gmean(after / before) - 1))
    assert (low, high) == pytest.approx(tuple(100 * (np.exp(ends) - 1)))
    holes = np.array([1.0, np.nan, 2.0, 4.0, 8.0]), np.array([2.0, 9.0, 3.0, 10.0, 12.0])
    assert own.paired_change(*holes) == pytest.approx((change, low, high))


def test_a_level_of_zero_after_makes_the_change_a_difference_of_means():
    before, after = np.array([10.0, 20.0, 30.0]), np.array([0.0, 20.0, 30.0])
    change, low, high = own.paired_change(before, after)
    assert change == pytest.approx(-50.0 / 3.0)
    half = stats.t.ppf(0.975, 2) * np.std([-50.0, 0.0, 0.0], ddof=1) / math.sqrt(3)
    assert (low, high) == pytest.approx((change - half, change + half))


def test_no_interval_of_a_level_goes_below_minus_100_percent():
    _, low, high = own.paired_change(np.array([10.0, 20.0, 30.0]), np.array([0.0, 0.0, 1.0]))
    assert low == -100.0 < high
    assert np.isnan(own.paired_change(np.array([10.0]), np.array([0.0]))[1:]).all()
    after, treated = np.array([2.0, 4.0, 6.0, 4.0, 0.0, 0.0, 0.0, 0.0]), np.arange(8) >= 4
    percent, plain = own.arm_effect(after, treated, np.full(8, 5.0), least=0.1, cv=0.5)
    assert percent.low == -100.0 < percent.high and plain.low < -4.0


@pytest.mark.parametrize(("before", "least"), [([0.9, 5.0], 1.0), ([0.0, 0.0], 0.0), ([np.nan, np.nan], 0.0)])
def test_nothing_has_no_percentage(before, least):
    assert np.isnan(own.paired_change(np.array(before), np.array([5.0, 6.0]), least)).all()


def test_pairs_that_differ_by_rounding_alone_are_called_the_same():
    before = np.array([10.0, 20.0, 40.0])
    for factors, same in (
        ([1.2, 1.2 + 1e-13, 1.2], True),
        ([1.2, 1.2003, 1.1997], False),
        ([1.2, 1.2 + 1e-7, 1.2], False),
    ):
        assert own.deterministic(*own.paired_change(before, before * factors), pairs=3) is same
    assert own.deterministic(20.0, 20.0, 20.0, pairs=1) is False
    assert own.deterministic(20.0, math.nan, math.nan, pairs=3) is False


def test_pairing_gains_what_the_pairs_have_in_common():
    before = np.exp(np.array([0.0, 1.0, 2.0, 3.0]))
    after = before * np.exp([0.1, -0.1, 0.1, -0.1])
    log = np.log(before), np.log(after)
    unpaired = np.var(log[0], ddof=1) + np.var(log[1], ddof=1)
    assert own.variance_reduction(before, after) == pytest.approx(unpaired / np.var(log[1] - log[0], ddof=1))
    assert math.isnan(own.variance_reduction(before[:2], after[:2]))
    assert math.isnan(own.variance_reduction(before, np.array([0.0, 1.0, 2.0, 3.0])))
    assert math.isnan(own.variance_reduction(before, before))


# ---- arms


def test_an_effect_without_covariate_is_a_difference_of_means_with_robust_errors():
    after, treated = np.array([4.0, 6.0, 5.0, 9.0, 0.0, 8.0, 12.0, 16.0]), np.arange(8) >= 4
    percent, plain = own.arm_effect(after, treated, np.full(8, 3.0), least=20.0, cv=0.3)
    # HC3: each residual over 1 - leverage, a quarter in arms of four.
    arms = after[:4], after[4:]
    error = math.sqrt(sum((((arm - arm.mean()) / 0.75) ** 2).sum() / 16 for arm in arms))
    assert plain.centre == pytest.approx(3.0) and plain.df == 6
    assert plain.high - plain.centre == pytest.approx(stats.t.ppf(0.975, 6) * error)
    assert plain.p == pytest.approx(2 * stats.t.sf(3.0 / error, 6))
    assert math.isnan(percent.centre)  # the control's mean lies under the least
    _, turned = own.arm_effect(after, ~treated, np.full(8, 3.0), least=20.0, cv=0.3)
    assert (turned.centre, turned.low, turned.high) == pytest.approx((-3.0, -plain.high, -plain.low))
    assert turned.p == pytest.approx(plain.p)


def test_an_effect_is_adjusted_for_the_baseline_as_least_squares_do():
    before, treated = RNG.normal(10.0, 2.0, 30), np.arange(30) % 2 == 0
    after = 2.0 + 0.8 * before + 1.5 * treated + RNG.normal(0.0, 0.5, 30)
    _, plain = own.arm_effect(after, treated, before, least=1.0, cv=0.3)
    fit = OLS(after, np.column_stack([np.ones(30), treated, before])).fit(cov_type="HC3", use_t=True)
    low, high = fit.conf_int()[1]
    assert plain[:4] == pytest.approx((fit.params[1], low, high, fit.pvalues[1]), rel=1e-6)


def test_a_fold_is_one_of_means_of_counts():
    after, treated = np.array([2.0, 4.0, 6.0, 3.0, 9.0, 0.0, 30.0, 21.0]), np.arange(8) >= 4
    percent, _ = own.arm_effect(after, treated, np.full(8, 5.0), least=0.1, cv=0.5)
    # Means of 3.75 and 15; without a covariate the regression gives their ratio itself.
    assert percent.centre == pytest.approx(300.0) and -100.0 < percent.low < 300.0 < percent.high
    assert 1.0 + percent.low / 100.0 == pytest.approx(16.0 / (1.0 + percent.high / 100.0))


def test_an_arm_without_any_has_minus_100_percent_and_none_in_either_nothing():
    after, treated = np.array([2.0, 4.0, 6.0, 4.0, 0.0, 0.0, 0.0, 0.0]), np.arange(8) >= 4
    percent, plain = own.arm_effect(after, treated, np.full(8, 5.0), least=0.1, cv=0.5)
    assert percent.centre == pytest.approx(-100.0) and plain.centre == pytest.approx(-4.0)
    assert percent.p == plain.p
    for nothing in (np.zeros(8), np.full(8, 0.05)):
        assert np.isnan([*own.arm_effect(nothing, treated, np.full(8, 5.0), least=0.1, cv=0.5)]).all()


def test_a_difference_of_shares_has_newcombes_interval():
    # Newcombe 1998, method 10, his example (a): 56/70 and 48/80 differ by 0.2, from 0.0524 to 0.3339.
    effect = own.share_difference(56, 70, 48, 80)
    assert (effect.centre, effect.low, effect.high) == pytest.approx((20.0, 5.24, 33.39), abs=0.005)
    assert math.isnan(own.share_difference(0, 0, 3, 9).centre)


def test_an_auc_is_the_share_of_pairs_in_order():
    scores, positive = np.array([1.0, 2, 3, 4, 5, 2, 4, 6, 7, 8, np.nan]), np.arange(11) >= 5
    found = own.auc(scores, positive)
    u = stats.mannwhitneyu(scores[5:10], scores[:5]).statistic
    assert found.centre == pytest.approx(u / 25) and 0.0 < found.low < found.centre < found.high <= 1.0
    assert own.auc(-scores, positive).centre == pytest.approx(1.0 - u / 25)
    assert math.isnan(own.auc(scores[1:], positive[1:]).centre)  # four of a kind
    apart = own.auc(np.arange(10.0), np.arange(10) >= 5)
    assert apart.centre == 1.0 and math.isnan(apart.low)


def test_power_is_that_of_a_t_test_of_the_same_size():
    from statsmodels.stats.power import TTestIndPower

    half = stats.t.ppf(0.975, 38) * 0.25  # an error of 0.25 with 20 men an arm: a size of 0.5 / 0.79
    effect = own.Effect(0.5, 0.5 - half, 0.5 + half, 0.05, 38)
    size = 0.5 / (0.25 / math.sqrt(0.1))
    assert own.power(effect, (20, 20), 60) == pytest.approx(TTestIndPower().power(size, 60, 0.05, df=117.0))
    assert own.power(effect, (20, 20), 120) > own.power(effect, (20, 20), 60)
    assert math.isnan(own.power(own.Effect(), (20, 20), 60)) and math.isnan(own.power(effect, (20, 20), 1))


def test_an_effect_on_another_scale_keeps_its_certainty():
    effect = own.Effect(0.0, -1.0, 1.0, 0.4, 12.0).scaled(lambda x: 10.0 * x + 5.0)
    assert effect == (5.0, -5.0, 15.0, 0.4, 12.0)


def test_equal_weights_have_no_tail_and_a_single_large_one_a_heavy_tail():
    weights, k = own.pareto_smoothed(np.full(200, -3.0))
    assert weights == pytest.approx(np.full(200, 1 / 200)) and k == 0.0
    log = RNG.exponential(1.0, 5000) * 0.4  # weights of a Pareto distribution of shape 0.4
    smooth, k = own.pareto_smoothed(log)
    assert k == pytest.approx(0.4, abs=0.15) and smooth.sum() == pytest.approx(1.0)
    body = np.argsort(log)[:4000]  # only the tail is touched
    assert smooth[body] / smooth[body[0]] == pytest.approx(np.exp(log[body] - log[body[0]]))
    assert own.pareto_smoothed(np.array([0.0, 1.0, 2.0]))[1] == math.inf


def test_the_tail_is_the_largest_fifth_of_few_weights():
    log = np.sort(RNG.exponential(0.5, 100))
    smooth, _ = own.pareto_smoothed(log)
    same = np.isclose(smooth / smooth[0], np.exp(log - log[0]))
    assert same[:80].all() and not same[80:].all() and (np.diff(smooth) >= 0.0).all()
    assert same[80:].mean() < 0.2


# ---- effects of arms, and what predicts them


def test_a_difference_is_that_of_means_whatever_is_near_zero():
    rng = np.random.default_rng(1)
    treated = np.arange(400) % 2 == 1
    base = np.where(rng.random(400) < 0.25, 0.0, rng.lognormal(1.5, 1.2, 400))

    def count(mean):
        return rng.poisson(20.0 * mean * rng.lognormal(-0.045, 0.3, 400)) / 20.0

    before, after = count(base), count(base * np.where(treated, 1.5, 1.0))
    percent, plain = arm_effect(after, treated, before, least=0.05, cv=0.3)
    assert percent.low < 50.0 < percent.high and percent.high - percent.low < 45 and percent.p < 1e-4
    apart = after[treated].mean() - after[~treated].mean()
    assert plain.low < apart + 0.3 * abs(apart) and plain.centre > 0
    # Ten times as little of everything is the same fold, which one on log (count + 0.05) is not.
    small, _ = arm_effect(after / 10.0, treated, before / 10.0, least=0.005, cv=0.3)
    assert small[:3] == pytest.approx(percent[:3], rel=1e-6)
    gone, _ = arm_effect(np.where(treated, 0.0, after), treated, before, least=0.05, cv=0.3)
    assert gone.centre < -50 and np.isfinite(gone.p)
    nothing, apart = arm_effect(np.where(treated, after, 0.0), treated, 0 * before, least=0.05, cv=0.3)
    assert np.isnan(nothing.centre) and apart.centre == pytest.approx(after[treated].mean())


def test_a_share_of_nobody_has_an_interval():
    # Newcombe 1998, method 10: difference 0.5 (0.241 to 0.701).
    apart = share_difference(10, 20, 0, 20)
    assert apart[:3] == pytest.approx([50.0, 24.13, 70.07], abs=0.2)
    assert np.isnan(share_difference(0, 0, 3, 20).centre)


def test_an_auc_is_that_of_its_ranks():
    rng = np.random.default_rng(1)
    score, positive = rng.normal(size=200), np.r_[np.ones(80), np.zeros(120)].astype(bool)
    area, low, high = auc(score + 1.5 * positive, positive)[:3]
    pairs = (score[positive][:, None] + 1.5 > score[~positive][None]).mean()
    assert area == pytest.approx(pairs) and low < area < high <= 1.0
    assert np.isnan(auc(score, np.ones(200, dtype=bool)).centre)
    assert np.isnan(auc(score[:12], np.arange(12) < 4).centre)  # too few
    assert np.isnan(auc(10.0 * positive + score, positive).low) and auc(10.0 * positive + score, positive).centre == 1.0
    missing = np.where(np.arange(200) % 7 == 0, np.nan, score)
    assert auc(missing, positive) == auc(missing[np.isfinite(missing)], positive[np.isfinite(missing)])


@pytest.mark.slow
def test_power_is_the_share_of_trials_that_find_it():
    def found(n, seed):
        treated = np.arange(2 * n) % 2 == 1
        x = np.random.default_rng(seed).normal(size=2 * n)
        y = x + np.where(treated, 0.6, 0.0) + np.random.default_rng([seed, 1]).normal(size=2 * n)
        return arm_effect(y + 50.0, treated, x + 50.0, least=0.0, cv=0.1)[1]

    seen = np.mean([found(30, seed).p < 0.05 for seed in range(400)])
    assert power(found(4000, 7), (4000, 4000), 30) == pytest.approx(seen, abs=0.07)
    assert power(found(4000, 7), (4000, 4000), 30) < power(found(4000, 7), (4000, 4000), 60)
