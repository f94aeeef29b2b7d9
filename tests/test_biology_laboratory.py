"""The laboratory, against hand-worked values: spreads of 0.3, 0.4 and 0.5, and none at all."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from testis_abm import parameters
from testis_abm.biology.laboratory import Laboratory, _binomial, _poisson, draws
from testis_abm.biology.semen import Semen
from testis_abm.quantities import Censored


def cv(sigma):
    """Return the CV of a log-normal quantity of that SD on a log scale."""
    return math.sqrt(math.expm1(sigma * sigma))


VALUES = parameters.values() | {
    "blood_variation.testosterone": cv(0.3),
    "blood_variation.oestradiol": cv(0.4),
    "semen_variation.concentration": cv(0.3),
    "semen_variation.technician": cv(0.4),
    "semen_variation.volume": cv(1.2),
    # Of the variance of motility, a count of 200 sperm half of which are motile explains 1 / 200.
    "tract.motility_reference": 0.5,
    "semen_variation.motility": math.sqrt(math.expm1(0.01) + 0.005),
    "tract.morphology_reference": 0.1,
    "semen_variation.morphology": 0.2,  # less than the 0.9 / (0.1 x 200) of its count
    "semen_variation.sperm_counted": 400.0,
    "semen_variation.chamber_dilution": 0.02,
    "laboratory.sperm_assessed": 200.0,
    "laboratory.wet_preparation": 10.0,
    "axis.immunoassay_oestradiol_spread": 0.3,
}
LABORATORY = Laboratory(VALUES)
EXACT = Laboratory(
    VALUES
    | {name: 0.0 for name in VALUES if name.startswith(("blood_variation.", "semen_variation."))}
    | {"semen_variation.sperm_counted": 400.0, "semen_variation.chamber_dilution": 0.02}
)


# ---- spreads


@pytest.mark.parametrize(
    ("column", "sigma"),
    [
        ("testosterone_nmol_l", 0.3),
        ("oestradiol_pmol_l", 0.4),
        ("t_over_e2", 0.5),
        ("concentration_million_ml", 0.5),
        ("total_count_million", 1.3),
        ("total_motile_count_million", math.sqrt(1.7)),
        ("progressive_motility_pct", 0.1),
        ("normal_forms_pct", 0.0),
    ],
)
def test_independent_sources_of_variation_add_their_variances(column, sigma):
    assert LABORATORY.log_sd(column) == pytest.approx(sigma, abs=1e-9)


def test_an_immunoassay_varies_between_laboratories_too():
    assert LABORATORY.spread("oestradiol_immunoassay_pmol_l") == pytest.approx(0.5)
    assert LABORATORY.spread("oestradiol_pmol_l") == pytest.approx(0.4)


def test_a_sample_varies_about_the_mans_level():
    true = {"testosterone_nmol_l": np.full(40_000, 20.0), "oestradiol_pmol_l": np.full(40_000, 100.0)}
    seen = LABORATORY.blood(true, (3,), 5)
    log = np.log(seen["testosterone_nmol_l"] / 20.0)
    assert seen["testosterone_nmol_l"].mean() == pytest.approx(20.0, rel=0.01)
    assert log.std() == pytest.approx(0.3, rel=0.02) and log.mean() == pytest.approx(-0.045, abs=0.006)
    assert np.log(seen["oestradiol_pmol_l"]).std() == pytest.approx(0.4, rel=0.02)


def test_draws_are_those_of_man_day_and_quantity():
    first = draws((1, 2), 3, "lh").random()
    assert draws((1, 2), 3, "lh").random() == first
    assert (
        len({first, *(draws(*key).random() for key in (((1, 3), 3, "lh"), ((1, 2), 4, "lh"), ((1, 2), 3, "fsh")))}) == 4
    )
    draws((0,), -100_000, "lh")  # a day long before the first


# ---- limits and ratios


def test_the_least_that_is_told_from_none():
    assert LABORATORY.limit("normal_forms_pct") == LABORATORY.limit("progressive_motility_pct") == 0.5
    assert LABORATORY.limit("testosterone_nmol_l") == VALUES["laboratory.testosterone_limit"]
    assert LABORATORY.limit("of nothing") == 0.0


def test_t_over_e2_is_in_the_units_of_clinics_and_only_of_levels_that_are_told():
    # 10 nmol/L are 288.4 ng/dL, 100 pmol/L 27.24 pg/mL.
    assert EXACT.t_over_e2(10.0, 100.0, "lc-ms") == pytest.approx(10.59, rel=1e-3)
    low_t, low_e = EXACT.limit("testosterone_nmol_l"), EXACT.limit("oestradiol_pmol_l")
    ratios = EXACT.t_over_e2(
        np.array([low_t, 0.99 * low_t, 9.0, 9.0]), np.array([90.0, 90.0, low_e, 0.99 * low_e]), "lc-ms"
    )
    assert np.isnan(ratios).tolist() == [False, True, False, True]
    assert math.isnan(EXACT.t_over_e2(9.0, 0.99 * EXACT.limit("oestradiol_immunoassay_pmol_l"), "immunoassay"))
    assert not math.isnan(EXACT.t_over_e2(9.0, 0.99 * EXACT.limit("oestradiol_immunoassay_pmol_l"), "lc-ms"))


def test_a_change_is_in_percent_of_a_level_that_is_told():
    assert EXACT.percent_change("testosterone_nmol_l", 10.0, 15.0) == pytest.approx(50.0)
    assert EXACT.percent_change("testosterone_nmol_l", 10.0, 0.0) == pytest.approx(-100.0)
    low = EXACT.limit("testosterone_nmol_l")
    assert math.isnan(EXACT.percent_change("testosterone_nmol_l", 0.99 * low, 15.0))
    assert EXACT.percent_change("testosterone_nmol_l", low, 3.0 * low) == pytest.approx(200.0)
    assert math.isnan(EXACT.percent_change("bmi", 0.0, 15.0)) and EXACT.percent_change(
        "bmi", 30.0, 27.0
    ) == pytest.approx(-10.0)


def test_a_sample_without_variation_is_the_truth_and_what_follows():
    true = {"testosterone_nmol_l": 10.0, "oestradiol_pmol_l": 100.0, "lh_iu_l": 4.0, "shbg_nmol_l": 30.0}
    seen = EXACT.blood(true, (1,), 0)
    assert {name: seen[name] for name in true} == pytest.approx(true)
    assert seen["t_over_lh"] == pytest.approx(28.84 * 10.0 / 4.0, rel=1e-3)
    assert seen["t_over_e2"] == pytest.approx(10.59, rel=1e-3)
    assert seen["oestradiol_immunoassay_pmol_l"] == pytest.approx(100.0 * VALUES["axis.immunoassay_oestradiol_scale"])
    free, binding = 1e-3 * seen["free_testosterone_pmol_l"], VALUES["axis.shbg_binding"]
    assert free * (1.0 + VALUES["axis.albumin_binding"] + 30.0 * binding / (1.0 + binding * free)) == pytest.approx(
        10.0
    )


def test_a_report_without_error_is_the_truth_and_what_follows():
    true = {"testosterone_nmol_l": 10.0, "oestradiol_pmol_l": 100.0, "lh_iu_l": 4.0, "free_testosterone_nmol_l": 0.3}
    report = LABORATORY.without_error(true | {"concentration_million_ml": 0.0, "normal_forms_pct": 4.0})
    assert report["t_over_lh"] == pytest.approx(72.1) and report["free_testosterone_pmol_l"] == pytest.approx(300.0)
    assert report["t_over_e2"] == pytest.approx(10.59, rel=1e-3) and math.isnan(report["normal_forms_pct"])
    assert "t_over_lh" not in LABORATORY.without_error({name: true[name] for name in list(true)[:2]})


def test_oestradiol_alone_is_that_of_the_laboratorys_assay():
    sensitive = Laboratory(VALUES, "lc-ms")
    for laboratory, suffix in ((LABORATORY, "_immunoassay"), (sensitive, "")):
        assert laboratory.column("oestradiol") == laboratory.oestradiol == f"oestradiol{suffix}_pmol_l"
        assert laboratory.column("testosterone_over_oestradiol") == laboratory.ratio == f"t_over_e2{suffix}"
        assert laboratory.column("lh_iu_l") == "lh_iu_l"


def test_under_its_limit_a_level_is_half_of_it_and_has_no_ratio():
    low = EXACT.limit("lh_iu_l")
    seen = EXACT.blood({"testosterone_nmol_l": 10.0, "oestradiol_pmol_l": 1.0, "lh_iu_l": 0.9 * low}, (1,), 0)
    assert seen["lh_iu_l"] == 0.5 * low and math.isnan(seen["t_over_lh"])
    assert seen["oestradiol_pmol_l"] == 0.5 * EXACT.limit("oestradiol_pmol_l") and math.isnan(seen["t_over_e2"])
    at = EXACT.blood({"testosterone_nmol_l": 10.0, "oestradiol_pmol_l": 100.0, "lh_iu_l": low}, (1,), 0)
    assert at["lh_iu_l"] == low and at["t_over_lh"] > 0.0


def test_men_without_visible_sperm_have_no_percentages():
    low = EXACT.limit("concentration_million_ml")
    semen = {
        "concentration_million_ml": np.array([low, 0.99 * low]),
        "expected_normal_forms_pct": np.array([4.0, 4.0]),
        "volume_ml": 3.0,
    }
    told = EXACT.shares_reported(semen)
    assert told["expected_normal_forms_pct"][0] == 4.0 and np.isnan(told["expected_normal_forms_pct"][1])
    assert told["volume_ml"] == 3.0


# ---- counting


def test_a_chamber_holds_twenty_sperm_a_million_and_counting_ends_at_400():
    assert LABORATORY._counted(np.array([0.0, 10.0, 20.0, 30.0])).tolist() == [0.0, 200.0, 400.0, 400.0]


def test_up_to_200_sperm_of_a_wet_preparation_are_assessed():
    assert LABORATORY._assessed([0.0, 1e-5, 0.00199, 0.01, 0.02, 5.0]).tolist() == [1.0, 1.0, 19.0, 100.0, 200.0, 200.0]


def test_quantiles_of_a_count():
    # Mean 2: none with 0.135, up to one with 0.406, up to two with 0.677.
    assert _poisson(2.0, np.array([0.0, 0.13, 0.14, 0.40, 0.41, 0.67, 0.68])).tolist() == [0, 0, 1, 1, 2, 2, 3]
    assert _poisson(0.0, 0.5) == 0.0
    # Two sperm, each motile with 1/2: none with 1/4, up to one with 3/4.
    assert _binomial(2, 0.5, np.array([0.2, 0.3, 0.7, 0.8])).tolist() == [0.0, 1.0, 1.0, 2.0]


def test_a_counted_concentration_is_a_whole_number_of_sperm_in_the_chamber():
    read, truly = EXACT.count(np.full(4000, 10.0), (1,), 0)
    assert (truly == 10.0).all() and np.allclose(read * 20.0, np.round(read * 20.0))
    assert read.mean() == pytest.approx(10.0, rel=0.01) and read.std() == pytest.approx(
        math.sqrt(200.0) / 20.0, rel=0.05
    )
    many = EXACT.count(np.full(4000, 100.0), (1,), 0)[0]
    assert many.std() / many.mean() == pytest.approx(1 / 20, rel=0.05)
    assert EXACT.count(0.0, (1,), 0) == (0.0, 0.0)


def test_technicians_read_and_men_vary():
    read, truly = LABORATORY.count(np.full(20_000, 100.0), (1,), 0)
    assert np.log(truly).std() == pytest.approx(0.3, rel=0.03) and truly.mean() == pytest.approx(100.0, rel=0.01)
    assert np.log(read / truly).std() == pytest.approx(math.hypot(0.4, 0.05), rel=0.03)


def test_an_analysis_without_variation_counts_200_sperm():
    seen = EXACT.semen(Semen.of(*(np.full(4000, x) for x in (3.0, 50.0, 0.4, 0.1))), (1,), 0)
    assert (seen.volume_ml == 3.0).all()
    for percent, share in ((seen.progressive_motility_pct, 0.4), (seen.normal_forms_pct, 0.1)):
        assert np.allclose(percent * 2.0, np.round(percent * 2.0)) and percent.mean() == pytest.approx(
            100.0 * share, rel=0.02
        )
        assert percent.std() == pytest.approx(100.0 * math.sqrt(share * (1.0 - share) / 200.0), rel=0.05)
    assert np.corrcoef(seen.progressive_motility_pct, seen.normal_forms_pct)[0, 1] == pytest.approx(0.0, abs=0.06)
    none = EXACT.semen(Semen.of(3.0, 0.0, 0.4, 0.1), (1,), 0)
    assert none.concentration_million_ml == 0.0 and math.isnan(none.progressive_motility_pct)
    all_motile = EXACT.semen(Semen.of(*(np.full(500, x) for x in (3.0, 50.0, 1.0, 0.0))), (1,), 0)
    assert all_motile.progressive_motility_pct.mean() == pytest.approx(98.0, abs=0.2)  # never quite all
    assert (all_motile.normal_forms_pct == 0.0).all()


# ---- how probable a report is


_OF_10 = 10.0 * math.exp(0.5 * 0.3**2)  # a mean of factors of which 10 is the median


def test_a_level_is_log_normal_about_the_mans():
    log, off = LABORATORY.likelihood(
        "testosterone_nmol_l", 10.0, {"testosterone_nmol_l": _OF_10 * np.exp([0.6, 0.0, -0.3])}
    )
    assert off == pytest.approx([2.0, 0.0, -1.0], abs=1e-9)
    assert log == pytest.approx([-2.0 - math.log(0.3), -math.log(0.3), -0.5 - math.log(0.3)])


def test_a_censored_level_is_anywhere_beyond_its_limit():
    true = {"testosterone_nmol_l": _OF_10 * np.exp([0.3, 0.0, -0.3])}
    below = 0.15865525393145707  # of a normal distribution, beyond one SD
    log, off = LABORATORY.likelihood("testosterone_nmol_l", Censored(10.0), true)
    assert np.exp(log) == pytest.approx([below, 0.5, 1.0 - below]) and off == pytest.approx([1.0, 0.0, 0.0], abs=1e-9)
    log, off = LABORATORY.likelihood("testosterone_nmol_l", Censored(10.0, below=False), true)
    assert np.exp(log) == pytest.approx([1.0 - below, 0.5, below]) and off == pytest.approx([0.0, 0.0, -1.0], abs=1e-9)


def test_a_level_under_the_limit_is_understood_as_that():
    low = LABORATORY.limit("lh_iu_l")
    assert LABORATORY.understood("lh_iu_l", 0.0) == LABORATORY.understood("lh_iu_l", 0.9 * low) == Censored(low)
    assert LABORATORY.understood("lh_iu_l", low) == low
    assert LABORATORY.understood("concentration_million_ml", 0.0) == 0.0
    assert LABORATORY.understood("lh_iu_l", Censored(9.0)) == Censored(9.0)


def test_what_is_expected_of_a_report():
    true = {"oestradiol_pmol_l": np.array([100.0]), "free_testosterone_nmol_l": np.array([0.3])}
    assert LABORATORY.expected("oestradiol_pmol_l", true) == pytest.approx([100.0])
    scale = VALUES["axis.immunoassay_oestradiol_scale"]
    assert LABORATORY.expected("oestradiol_immunoassay_pmol_l", true) == pytest.approx([100.0 * scale])
    assert LABORATORY.expected("free_testosterone_pmol_l", true) == pytest.approx([300.0])
    own = true | {"free_testosterone_pmol_l": np.array([250.0])}
    assert LABORATORY.expected("free_testosterone_pmol_l", own) == pytest.approx([250.0])
    few = {"concentration_million_ml": np.array([0.0, 9.0]), "normal_forms_pct": np.array([4.0, 4.0])}
    assert np.isnan(LABORATORY.expected("normal_forms_pct", few)).tolist() == [True, False]


def test_a_count_has_the_error_of_its_chamber():
    true = {"concentration_million_ml": np.array([10.0])}
    log, off = EXACT.likelihood("concentration_million_ml", 10.0 / math.e, true)
    # 200 / e sperm were counted: an SD of their root on a log scale.
    sigma = math.sqrt(math.e / 200.0)
    assert off == pytest.approx([1.0 / sigma]) and log == pytest.approx([-0.5 / sigma**2 - math.log(sigma)])
    varied = LABORATORY.likelihood("concentration_million_ml", 10.0 / math.e, true)[1]
    assert varied == pytest.approx([(1.0 - 0.5 * 0.25) / math.sqrt(0.25 + math.e / 200.0)])
    # A total is counted in the same chamber: 30 million in 3 mL.
    total = {"concentration_million_ml": np.array([10.0]), "total_count_million": np.array([30.0])}
    assert EXACT.likelihood("total_count_million", 30.0 / math.e, total)[1] == pytest.approx([1.0 / sigma])


def test_none_is_seen_if_the_chamber_holds_none():
    true = {"concentration_million_ml": np.array([0.0, 0.05, 0.1])}
    log, off = EXACT.likelihood("concentration_million_ml", 0.0, true)
    assert log == pytest.approx([0.0, -1.0, -2.0], abs=1e-9)
    assert off == pytest.approx([0.0, math.sqrt(2.0), 2.0], abs=1e-6)
    # Over the variation within a man: the mean of exp(-x) over a log-normal x of mean 1 and SD 0.5 on a log scale.
    x = np.exp(0.5 * np.linspace(-8, 8, 20_001) - 0.125)
    weight = np.exp(-0.5 * np.linspace(-8, 8, 20_001) ** 2)
    mixed = (weight * np.exp(-x)).sum() / weight.sum()
    log, _ = LABORATORY.likelihood("concentration_million_ml", 0.0, {"concentration_million_ml": np.array([0.05])})
    assert math.exp(log[0]) == pytest.approx(mixed, rel=1e-6)


def pmf(k, n, p):
    return math.comb(n, k) * p**k * (1.0 - p) ** (n - k)


def test_a_percentage_is_a_count_among_200():
    true = {"progressive_motility_pct": np.array([40.0, 50.0]), "concentration_million_ml": np.array([20.0, 20.0])}
    log, off = EXACT.likelihood("progressive_motility_pct", 40.0, true, 20.0)
    assert log == pytest.approx([math.log(pmf(80, 200, 0.4)), math.log(pmf(80, 200, 0.5))], rel=1e-6)
    assert off == pytest.approx([0.0, 0.1 / math.sqrt(0.25 / 200 + 0.25 / 40_000)], abs=1e-9)
    few = {name: level[:1] for name, level in true.items()}
    log, _ = EXACT.likelihood("progressive_motility_pct", 40.0, few, 0.001)  # ten sperm
    assert math.exp(log[0]) == pytest.approx(pmf(4, 10, 0.4), rel=1e-6)
    log, _ = EXACT.likelihood(
        "progressive_motility_pct", 0.0, few | {"concentration_million_ml": np.array([0.001])}, 0.001
    )
    assert math.exp(log[0]) == pytest.approx(0.6**10, rel=1e-6)


def test_a_censored_percentage_is_a_tail_of_the_count():
    true = {"normal_forms_pct": np.array([1.0]), "concentration_million_ml": np.array([20.0])}
    none, one, two = (pmf(k, 200, 0.01) for k in range(3))
    under, off = EXACT.likelihood("normal_forms_pct", Censored(1.0), true, 20.0)
    assert math.exp(under[0]) == pytest.approx(none + one, rel=1e-6) and off[0] == 0.0
    over, off = EXACT.likelihood("normal_forms_pct", Censored(1.0, below=False), true, 20.0)
    assert math.exp(over[0]) == pytest.approx(1.0 - none - one - two, rel=1e-6) and off[0] == 0.0
    far, off = EXACT.likelihood("normal_forms_pct", Censored(2.0, below=False), true, 20.0)
    assert far[0] < over[0] and off[0] == pytest.approx(-0.01 / math.sqrt(0.0099 / 200 + 0.25 / 40_000))
    assert EXACT.likelihood("normal_forms_pct", Censored(0.5), true, 20.0)[1][0] > 0.0


def test_a_percentage_of_no_sperm_says_nothing():
    true = {"normal_forms_pct": np.array([4.0]), "concentration_million_ml": np.array([0.0])}
    log, off = EXACT.likelihood("normal_forms_pct", 0.0, true)
    assert (log[0], off[0]) == (pytest.approx(0.0), 0.0)
    assert EXACT.likelihood("normal_forms_pct", 4.0, true)[0][0] == pytest.approx(-700.0)


def test_a_total_of_none_motile_is_none_counted_or_none_moving():
    true = {
        "total_motile_count_million": np.array([1.0]),
        "progressive_motility_pct": np.array([1.0]),
        "concentration_million_ml": np.array([20.0]),
    }
    log, _ = EXACT.likelihood("total_motile_count_million", 0.0, true)
    assert math.exp(log[0]) == pytest.approx(0.99**200, rel=1e-6)


# ---- samples in closed form


def test_a_ratio_to_lh_asks_both_for_their_own_limit():
    low_t, low_lh = EXACT.limit("testosterone_nmol_l"), EXACT.limit("lh_iu_l")
    levels = np.array([0.9 * low_t, low_t, 10.0, 10.0]), np.array([10.0, 10.0, 0.9 * low_lh, low_lh])
    found = EXACT.t_over_lh(*levels)
    assert np.isnan(found).tolist() == [True, False, True, False]
    assert found[1] == pytest.approx(2.884 * low_t) and found[3] == pytest.approx(288.4 / low_lh)


def test_variation_keeps_the_mean_of_volume_count_and_motility():
    # Dividing by what varies, instead, would raise a mean by exp(SD squared).
    usual = Semen.of(*(np.full(40_000, x) for x in (3.0, 4.0, 0.4, 0.05)))
    seen = LABORATORY.semen(usual, (5,), 2)
    assert seen.volume_ml.mean() == pytest.approx(3.0, rel=0.05)
    assert np.log(seen.volume_ml).std() == pytest.approx(1.2, rel=0.02)
    assert seen.concentration_million_ml.mean() == pytest.approx(4.0, rel=0.02)
    assert seen.progressive_motility_pct.mean() == pytest.approx(40.0, rel=0.004)
    # A tenth of variation within a man, and a count of 200.
    spread = math.sqrt(40.0**2 * math.expm1(0.01) + 100.0**2 * 0.24 / 200.0)
    assert seen.progressive_motility_pct.std() == pytest.approx(spread, rel=0.02)


def test_few_sperm_have_percentages_as_soon_as_one_is_counted():
    seen = EXACT.semen(Semen.of(*(np.full(4000, x) for x in (3.0, 0.05, 0.4, 0.1))), (1,), 0)
    counted = seen.concentration_million_ml > 0.0
    assert counted.mean() == pytest.approx(1.0 - math.exp(-1.0), abs=0.025)
    assert (np.isfinite(seen.progressive_motility_pct) == counted).all()
    assert (np.isfinite(seen.normal_forms_pct) == counted).all()


def test_a_visit_is_a_blood_sample_and_an_ejaculate_of_the_day():
    expected = Semen.of(3.0, 40.0, 0.5, 0.1, 0.15, 0.3)
    true = {"testosterone_nmol_l": 20.0, "oestradiol_pmol_l": 100.0, "lh_iu_l": 4.0} | vars(expected)
    visit = LABORATORY.visit(true, (2, 3), 9)
    assert visit == LABORATORY.blood(true, (2, 3), 9) | vars(LABORATORY.semen(expected, (2, 3), 9))
    assert visit["volume_ml"] != 3.0 and LABORATORY.visit(true, (2, 3), 10) != visit
    assert LABORATORY.visit(true | {"lh_iu_l": 8.0}, (2, 3), 9)["lh_iu_l"] == pytest.approx(2.0 * visit["lh_iu_l"])


@pytest.mark.parametrize(("mean", "quantile"), [(0.3, 0.2), (0.3, 0.9), (7.0, 0.01), (7.0, 0.5), (7.0, 0.999)])
def test_a_count_is_the_quantile_of_its_distribution(mean, quantile):
    assert _poisson(mean, quantile) == stats.poisson.ppf(quantile, mean)
    assert _binomial(200, mean / 200.0, quantile) == stats.binom.ppf(quantile, 200, mean / 200.0)


def test_a_count_of_none_has_no_sign():
    from testis_abm.biology.laboratory import _binomial, _poisson

    quantile = np.linspace(0.001, 0.999, 400)
    for count in (_poisson(1e-9, quantile), _poisson(0.0, quantile), _binomial(200, 0.0, quantile)):
        assert (count == 0.0).all() and not np.signbit(count).any()


def test_a_share_that_is_unknown_stays_so():
    seen = EXACT.semen(Semen.of(3.0, 50.0, math.nan, 0.1), (1,), 0)
    assert math.isnan(seen.progressive_motility_pct) and seen.normal_forms_pct > 0.0


# ---- likelihood in closed form


def test_a_level_has_the_density_of_a_log_normal_up_to_what_all_men_share():
    true = {"lh_iu_l": np.array([2.0, 4.0, 8.0])}
    sigma = math.sqrt(math.log1p(VALUES["blood_variation.lh"] ** 2))
    log, off = LABORATORY.likelihood("lh_iu_l", 5.0, true)
    usual = np.log(true["lh_iu_l"]) - 0.5 * sigma**2
    exact = stats.norm.logpdf(math.log(5.0), usual, sigma)
    assert log - log[0] == pytest.approx(exact - exact[0])
    assert off == pytest.approx((usual - math.log(5.0)) / sigma)
    for censored, tail in ((Censored(5.0), stats.norm.cdf), (Censored(5.0, below=False), stats.norm.sf)):
        log, _ = LABORATORY.likelihood("lh_iu_l", censored, true)
        assert np.exp(log) == pytest.approx(tail(math.log(5.0), usual, sigma))


def test_a_count_of_few_has_an_error_of_at_most_one_on_a_log_scale():
    true = {"concentration_million_ml": np.array([0.02])}
    # 0.05 million/mL are one sperm in the chamber, 0.1 two; a fifth of one is no less sure than one.
    for reported, sigma in ((0.01, 1.0), (0.05, 1.0), (0.1, math.sqrt(0.5))):
        log, off = EXACT.likelihood("concentration_million_ml", reported, true)
        assert off == pytest.approx([math.log(0.02 / reported) / sigma])
        assert log == pytest.approx([-0.5 * off[0] ** 2 - math.log(sigma)])


def test_a_total_of_a_man_of_few_sperm_is_counted_at_his_concentration():
    # 0.8 million in 2 mL: a total of 0.5 million is a concentration of 0.25, five sperm.
    true = {"concentration_million_ml": np.array([0.4]), "total_count_million": np.array([0.8])}
    _, off = EXACT.likelihood("total_count_million", 0.5, true)
    assert off == pytest.approx([math.log(1.6) * math.sqrt(5.0)])
    _, off = EXACT.likelihood("total_count_million", Censored(0.5), true)
    assert off == pytest.approx([math.log(1.6) * math.sqrt(5.0)])


def test_a_man_without_sperm_is_far_from_any_count_and_one_of_many_from_none():
    none = {"concentration_million_ml": np.array([0.0]), "total_count_million": np.array([0.0])}
    log, off = EXACT.likelihood("total_count_million", 0.1, none)
    assert np.isfinite(log).all() and log[0] < -100.0 and off[0] < -30.0
    # As of one millilitre: two sperm counted.
    assert off == pytest.approx([math.log(1e-12 / 0.1) * math.sqrt(2.0)])
    large = Laboratory({**EXACT.values, "semen_variation.sperm_counted": 1e5})
    log, off = large.likelihood("concentration_million_ml", 0.0, {"concentration_million_ml": np.array([1000.0])})
    assert log == pytest.approx([-700.0]) and off == pytest.approx([math.sqrt(1400.0)])


def test_a_total_motile_count_of_none_is_whichever_is_the_likelier():
    true = {
        "total_motile_count_million": np.array([1.0, 1.0]),
        "progressive_motility_pct": np.array([50.0, 50.0]),
        "concentration_million_ml": np.array([0.05, 20.0]),
    }
    log, _ = EXACT.likelihood("total_motile_count_million", 0.0, true)
    # A chamber of one sperm is empty with 1/e, and says nothing then; of 400 sperm, 200 are assessed.
    assert math.exp(log[0]) == pytest.approx(math.exp(-1.0), rel=1e-6)
    assert log[1] == pytest.approx(200.0 * math.log(0.5), rel=1e-6)


def mixed(probability, share, sigma):
    """Return a probability over the log-normal variation within a man, by a fine sum."""
    z = np.linspace(-8.0, 8.0, 16_001)
    weight = stats.norm.pdf(z)
    return (weight * probability(share * np.exp(sigma * z - 0.5 * sigma * sigma))).sum() / weight.sum()


@pytest.mark.parametrize(("reported", "count"), [(40.0, 80), (36.0, 72), (55.0, 110)])
def test_a_percentage_is_mixed_over_the_variation_within_a_man(reported, count):
    true = {"progressive_motility_pct": np.array([40.0]), "concentration_million_ml": np.array([20.0])}
    log, off = LABORATORY.likelihood("progressive_motility_pct", reported, true, 20.0)
    exact = mixed(lambda p: stats.binom.pmf(count, 200, p), 0.4, 0.1)
    assert math.exp(log[0]) == pytest.approx(exact, rel=1e-3)
    spread = math.sqrt(0.24 / 200.0 + 0.04**2 + 0.25 / 200.0**2)
    assert off == pytest.approx([(0.4 - reported / 100.0) / spread], abs=1e-9)


def test_a_censored_percentage_is_mixed_too():
    true = {"progressive_motility_pct": np.array([40.0]), "concentration_million_ml": np.array([20.0])}
    for limit, below, tail in (
        (32.0, True, lambda p: stats.binom.cdf(63, 200, p)),
        (42.0, False, lambda p: stats.binom.sf(84, 200, p)),
    ):
        log, _ = LABORATORY.likelihood("progressive_motility_pct", Censored(limit, below=below), true, 20.0)
        assert math.exp(log[0]) == pytest.approx(mixed(tail, 0.4, 0.1), rel=1e-3)


def test_under_one_sperm_in_200_is_none():
    true = {"normal_forms_pct": np.array([1.0]), "concentration_million_ml": np.array([20.0])}
    for limit in (0.2, 0.5):
        log, _ = EXACT.likelihood("normal_forms_pct", Censored(limit), true, 20.0)
        assert math.exp(log[0]) == pytest.approx(0.99**200, rel=1e-6)
    # And some, however few, are one at least.
    log, _ = EXACT.likelihood("normal_forms_pct", 0.2, true, 20.0)
    assert math.exp(log[0]) == pytest.approx(pmf(1, 200, 0.01), rel=1e-6)


@pytest.mark.parametrize(("reported", "n", "k"), [(1.0, 100, 1), (3.0, 34, 1), (0.1, 200, 1), (50.0, 10, 5)])
def test_a_percentage_of_few_sperm_was_counted_on_as_many_as_it_takes(reported, n, k):
    # Ten sperm were seen, but one in a hundred takes a hundred.
    true = {"normal_forms_pct": np.array([5.0]), "concentration_million_ml": np.array([0.001])}
    log, _ = EXACT.likelihood("normal_forms_pct", reported, true, 0.001)
    assert math.exp(log[0]) == pytest.approx(pmf(k, n, 0.05), rel=1e-6)


def test_without_a_reported_count_a_percentage_asks_for_a_whole_preparation():
    concentration = np.array([0.0199, 0.02, 5.0])  # 199, 200 and far more sperm
    true = {"progressive_motility_pct": np.full(3, 40.0), "concentration_million_ml": concentration}
    log, _ = EXACT.likelihood("progressive_motility_pct", 40.0, true)
    seen = 1.0 - np.exp(-np.minimum(20.0 * concentration, 400.0))
    assert log[0] == pytest.approx(-700.0)
    assert np.exp(log[1:]) == pytest.approx(seen[1:] * pmf(80, 200, 0.4), rel=1e-6)


def test_how_often_a_man_has_a_whole_preparation():
    concentration = 0.02 * np.exp([-9.0, -0.6, -0.1, 0.0, 0.1, 0.6, 3.0])
    quantile = (np.arange(200_000) + 0.5) / 200_000
    drawn = np.exp(0.3 * stats.norm.ppf(quantile) - 0.045)  # of mean 1, its SD on a log scale 0.3
    counted = np.floor(1e4 * np.outer(concentration, drawn))
    found = LABORATORY._reaches(concentration, 200.0)
    assert found == pytest.approx((counted >= 200.0).mean(axis=1), abs=2e-5)
    assert LABORATORY._reaches(np.zeros(1), 200.0) == [0.0]


def test_all_motile_is_almost_all_and_more_than_all_is_all():
    true = {"progressive_motility_pct": np.array([100.0]), "concentration_million_ml": np.array([20.0])}
    for reported in (100.0, 150.0):
        log, off = EXACT.likelihood("progressive_motility_pct", reported, true, 20.0)
        assert log[0] == pytest.approx(200.0 * math.log(0.98), rel=1e-6)
        assert off == pytest.approx([-0.02 / math.sqrt(0.0196 / 200.0 + 0.25 / 40_000.0)])


def test_a_percentage_of_none_is_likely_of_men_who_have_no_sperm():
    concentration = np.array([0.0, 0.01, 0.05, 20.0])
    true = {"normal_forms_pct": np.full(4, 4.0), "concentration_million_ml": concentration}
    log, off = EXACT.likelihood("normal_forms_pct", 0.0, true)
    none = np.exp(-np.minimum(20.0 * concentration, 400.0))
    assessed = np.array([1.0, 100.0, 200.0, 200.0])
    assert np.exp(log) == pytest.approx(none + (1.0 - none) * 0.96**assessed, rel=1e-6)
    assert (off[:2] == 0.0).all()  # none is to be expected of them
    assert off[2:] == pytest.approx([0.04 / math.sqrt(0.0384 / 200.0 + 0.25 / 40_000.0)] * 2)


def test_beyond_a_limit_a_man_is_as_far_as_his_expectation_and_within_it_not_at_all():
    true = {"normal_forms_pct": np.array([1.0, 3.0]), "concentration_million_ml": np.array([20.0, 20.0])}
    spread = [math.sqrt(p * (1.0 - p) / 200.0 + 0.25 / 40_000.0) for p in (0.01, 0.03)]
    _, off = EXACT.likelihood("normal_forms_pct", Censored(2.0), true, 20.0)
    assert off == pytest.approx([0.0, 0.01 / spread[1]])
    _, off = EXACT.likelihood("normal_forms_pct", Censored(2.9), true, 20.0)
    assert off == pytest.approx([0.0, 0.001 / spread[1]])  # a small one is kept as it is
    _, off = EXACT.likelihood("normal_forms_pct", Censored(2.0, below=False), true, 20.0)
    assert off == pytest.approx([-0.01 / spread[0], 0.0])
