"""Trials: how men are drawn, screened, randomised, measured and analysed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from testis_abm import TestisError
from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments.store import read
from testis_abm.experiments.trial import LEAST, analyse, trial
from testis_abm.experiments.trial import prepare as prepare_trial
from testis_abm.parameters import values as parameter_values
from testis_abm.quantities import OESTRADIOL, RATIO

TRIAL = {
    "title": "trial",
    "plan": {"duration": "120 days", "seed": 2},
    "samples": {"assay": "immunoassay"},
    "trial": {
        "men": 360,
        "where": ["sperm concentration < 15 M/mL", "sperm concentration > 1 M/mL"],
        "engine": "expected",
        "missing": 0.2,
        "allocation": [1, 2],
        "outputs": ["testosterone", "sperm concentration"],
    },
    "arm": [
        {"name": "control", "therapy": []},
        {"name": "clomiphene", "therapy": [{"drug": "clomiphene", "dose": "50 mg", "every": "1 day"}]},
    ],
}


def test_a_trial_randomises_measures_and_analyses(tmp_path):
    found = trial(TRIAL, tmp_path / "t", workers=1)
    assert found.men["arm"].value_counts().to_dict() == {"clomiphene": 240, "control": 120}
    missed = found.men["day120_testosterone_nmol_l"].isna().mean()
    assert 0.1 < missed < 0.3
    effects = found.effects.set_index("column")
    t = effects.loc["testosterone_nmol_l"]
    assert 40 < t["difference_pct"] < 200 and t["low_pct"] > 0 and t["p"] < 1e-6
    # Men selected on one low count rise without treatment.
    control = found.men[found.men["arm"] == "control"]
    rise = control["day120_concentration_million_ml"].mean() / control["baseline_concentration_million_ml"].mean()
    assert rise > 1.0
    power = found.power.set_index("men")["power"]
    assert power.is_monotonic_increasing and power[320] > power[10]
    assert set(found.predictors["arm"]) == {"control", "clomiphene"}
    assert set(found.predictors["predictor"]) >= {"T/LH", "T/E2 (immunoassay)", "FSH", "BMI"}
    came = found.men[found.men["arm"].eq("clomiphene") & found.men["day120_testosterone_nmol_l"].notna()]
    assert t["baseline"] == pytest.approx(28.84 * came["baseline_testosterone_nmol_l"].mean(), rel=1e-3)
    heads = next(line for line in found.text().splitlines() if "difference (95 % interval)" in line)
    assert heads.count("baseline") == 2
    assert "number needed to treat" in found.text() and "Responders" in found.text()
    again = analyse(prepare_trial(TRIAL), tmp_path / "t")
    pd.testing.assert_frame_equal(found.men, again.men)


def test_men_who_lose_all_sperm_stay_in_the_effect_and_a_visit_agrees_with_itself(tmp_path):
    stop = [{"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days"}]
    given = {**TRIAL, "trial": {**TRIAL["trial"], "where": [], "men": 60, "missing": 0}}
    given["arm"] = [TRIAL["arm"][0], {"name": "enanthate", "therapy": stop}]
    found = trial(given, tmp_path / "t", workers=1)
    effect = found.effects.set_index("output").loc["sperm concentration"]
    assert effect["n"] + effect["n_control"] == 60 and effect["difference_pct"] < -60
    men = found.men
    laboratory = Laboratory(parameter_values())
    for by in ("immunoassay", "lc-ms"):
        ratio = laboratory.t_over_e2(men["day120_testosterone_nmol_l"], men[f"day120_{OESTRADIOL[by]}"], by)
        np.testing.assert_allclose(men[f"day120_{RATIO[by]}"], ratio)
    count = (
        men["day120_concentration_million_ml"] * men["day120_volume_ml"] * men["day120_progressive_motility_pct"] / 100
    )
    some = men["day120_concentration_million_ml"] > 0
    np.testing.assert_allclose(men["day120_total_motile_count_million"][some], count[some])
    assert not some.all() and (men["day120_total_motile_count_million"][~some] == 0.0).all()
    assert men["day120_progressive_motility_pct"][~some].isna().all()


def test_arms_of_a_trial_last_as_long_as_it():
    short = {**TRIAL["arm"][1], "set": {"plan.duration": "60 days"}}
    with pytest.raises(TestisError, match="the arms differ in length"):
        prepare_trial({**TRIAL, "arm": [TRIAL["arm"][0], short]})


def test_a_trial_draws_its_men():
    for change in ({"man": {"bmi": 40}}, {"arm": [TRIAL["arm"][0], {**TRIAL["arm"][1], "set": {"man.bmi": 60}}]}):
        with pytest.raises(TestisError, match="draws its men from population"):
            prepare_trial({**TRIAL, **change})


def test_more_men_leave_the_first_as_they_were(tmp_path):
    few, many = ({**TRIAL, "trial": {**TRIAL["trial"], "men": men}} for men in (40, 60))
    first, more = (trial(of, tmp_path / "t", workers=1).men for of in (few, many))
    pd.testing.assert_frame_equal(first, more.iloc[:40])


NONE = {
    **TRIAL,
    "trial": {
        **TRIAL["trial"],
        "men": 60,
        "where": ["sperm concentration <= 0 M/mL"],
        "missing": 0.25,
        "allocation": [1, 1],
        "outputs": ["testosterone", "progressive motility"],
    },
}


def test_sperm_where_none_were_counted_are_a_response_and_every_man_is_accounted_for(tmp_path, monkeypatch):
    """Men without sperm: half of the treated arm is made to have some."""
    from testis_abm.experiments import trial as module

    plain = module._visit

    def some(true, laboratory, seed, day):
        seen = plain(true, laboratory, seed, day)
        gains = true["case"].eq("clomiphene").to_numpy() & (np.arange(len(true)) % 2 == 0)
        seen["concentration_million_ml"] = np.where(gains, 2.0, seen["concentration_million_ml"])
        return seen

    monkeypatch.setattr(module, "_visit", some)
    found = trial(NONE, tmp_path / "t", workers=1)
    men, flow = found.men, found.flow.set_index("arm")
    assert (men["baseline_concentration_million_ml"] == 0).all() and men["screened_azoospermic"].all()
    rows = found.responders.set_index("arm")
    for arm in ("control", "clomiphene"):
        assert flow.loc[arm, "randomised"] == 30 == flow.loc[arm, ["measured", "missed", "failed"]].sum()
        assert (
            flow.loc[arm, "missed"] > 0
            and rows.loc[arm, "n"] == 30
            and rows.loc[arm, "measured"] == flow.loc[arm, "measured"]
        )
        assert flow.loc[arm, "azoospermic_before_pct"] == 100.0
    came = men[men["attended"]]
    wanted = (came["arm"].eq("clomiphene") & (came["day120_concentration_million_ml"] > 0)).sum()
    assert rows.loc["clomiphene", "responders"] == wanted > 5 > rows.loc["control", "responders"]
    assert rows.loc["clomiphene", "share_pct"] == pytest.approx(100 * wanted / 30)
    assert rows.loc["clomiphene", "share_pct"] < rows.loc["clomiphene", "share_measured_pct"]
    assert rows.loc["clomiphene", "nnt"] > 1
    effect = found.effects.set_index("column").loc["concentration_million_ml"]
    # Nothing has no percentage; the difference is told in the unit.
    assert (
        np.isnan(effect["difference_pct"])
        and 0 < effect["low"] < effect["difference"] < effect["high"]
        and effect["p"] < 0.01
    )
    motility = found.effects.set_index("column").loc["progressive_motility_pct"]
    assert motility["n_control"] < LEAST and np.isnan(motility["p"])
    text = found.text()
    count, share = (
        next(line for line in text.splitlines() if name in line) for name in ("concentration (M/mL", "motility (%)")
    )
    assert "M/mL (" in count and "cannot say" in share
    assert "of 30 randomised" in text and "missed the visit" in text and "nan" not in text and "inf " not in text
    head = next(line for line in text.splitlines() if "difference (95 % interval)" in line)
    assert (
        head.index("control") < head.index("clomiphene") < head.index("difference") < head.index(" p ")
        and "->" not in text
    )


def test_failed_runs_are_told_apart_from_missed_visits(tmp_path):
    prepared = prepare_trial(NONE)
    trial(NONE, tmp_path / "t", workers=1)
    import testis_abm.experiments.trial as module

    table = read(tmp_path / "t")
    lost = table["point"].isin([3, 8])
    table = pd.concat(
        [table[~lost], table[lost].groupby("point").head(1).assign(error="he left the physical range", day=0)]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "read", lambda folder: table)
        found = module.analyse(prepared, tmp_path / "t")
    assert found.flow["failed"].sum() == 2 == len(found.failed) and found.responders["n"].sum() == 58
    assert found.flow[["measured", "missed", "failed"]].sum(axis=1).tolist() == found.flow["randomised"].tolist()
    assert "2 runs failed: he left" in found.text()


def test_the_mean_of_screening_holds_its_zeros():
    from testis_abm.experiments.trial import _screened

    case = {**TRIAL, "trial": {**TRIAL["trial"], "men": 200, "where": ["sperm concentration < 1 M/mL"], "visits": 2}}
    cohort = prepare_trial(case).cohort
    seen, (one, two) = _screened(cohort), cohort.cohort.measured
    count = "concentration_million_ml"
    np.testing.assert_allclose(seen[f"baseline_{count}"], (one[count] + two[count]) / 2)
    once = (one[count] == 0) & (two[count] > 0)
    assert once.any() and (seen[f"baseline_{count}"][once] > 0).all()
    motility = "progressive_motility_pct"
    np.testing.assert_allclose(seen[f"baseline_{motility}"][once], two[motility][once])
    assert seen[f"baseline_{motility}"].isna().sum() == ((one[count] == 0) & (two[count] == 0)).sum()


def test_nothing_is_found_where_nothing_is_done(tmp_path):
    """Untreated arms: as many without sperm before and after, p under 0.05 in about 5 %, and regression to the mean."""
    from scipy.stats import binomtest

    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    design = {
        "men": 100,
        "engine": "expected",
        "outputs": ["sperm concentration", "total motile count", "testosterone"],
    }
    p, rises = [], []
    for k, where in enumerate(([], ["sperm concentration < 15 M/mL"])):
        men = []
        for seed in range(1, 6):
            case = {
                "title": "null",
                "plan": {"duration": "20 days"},
                "arm": arms,
                "trial": {**design, "where": where, "seed": seed},
            }
            found = trial(case, tmp_path / f"{k}-{seed}", workers=1)
            p += found.effects["p"].tolist()
            men.append(found.men)
        together = pd.concat(men)
        before, after = together["screened_azoospermic"], together["day20_concentration_million_ml"] == 0.0
        changed = [int((before & ~after).sum()), int((~before & after).sum())]
        if not where:
            assert binomtest(changed[0], sum(changed)).pvalue > 1e-3  # McNemar
        rises.append(
            together["day20_concentration_million_ml"].mean() / together["baseline_concentration_million_ml"].mean()
        )
    assert binomtest(int((np.array(p) < 0.05).sum()), len(p), 0.05).pvalue > 1e-3
    assert rises[0] == pytest.approx(1.0, abs=0.06) and 1.06 < rises[1] < 1.4


def test_screening_takes_semen_after_the_abstinence_of_the_trial(tmp_path):
    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    case = {"title": "null", "plan": {"duration": "20 days"}, "samples": {"abstinence": "8 days"}, "arm": arms}
    men = trial({**case, "trial": {"men": 150, "engine": "expected"}}, tmp_path / "t", workers=1).men
    for name in ("volume_ml", "total_count_million"):
        assert men[f"day20_{name}"].mean() / men[f"baseline_{name}"].mean() == pytest.approx(1.0, abs=0.09)


def test_more_outputs_leave_the_men_as_they_were(tmp_path):
    few, many = (
        {**TRIAL, "trial": {**TRIAL["trial"], "men": 40, "outputs": of}}
        for of in (["LH"], ["LH", "normal forms", "FSH"])
    )
    first, more = (trial(of, tmp_path / f"{k}", workers=1) for k, of in enumerate((few, many)))
    pd.testing.assert_frame_equal(first.men, more.men)
    alike = [of.effects.set_index("column").loc["lh_iu_l"] for of in (first, more)]
    pd.testing.assert_series_equal(*alike)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"where": ["testosteron < 3 nmol/L"]}, "names no measured quantity"),
        ({"allocation": [1]}, "is not one whole number"),
        ({"men": 2}, "men: 2 is out of range"),
        ({"outcome": "sperm"}, 'nearest: "sperm concentration"'),
        ({"missing": 2}, "missing: 2 is out of range"),
        ({"population": "clinik"}, 'nearest: "clinic"'),
        ({"where": ["BMI > 30", "BMI < 25"]}, "meet"),
        ({"outcome": "intratesticular testosterone"}, "is not measured at screening"),
    ],
)
def test_a_wrong_trial_is_told(change, said):
    with pytest.raises(TestisError) as told:
        prepare_trial({**TRIAL, "trial": {**TRIAL["trial"], **change}})
    assert said in str(told.value)
