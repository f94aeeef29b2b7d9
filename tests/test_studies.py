"""Study files and their replay: format, errors, selection, statistics, the ensemble."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from testis_abm import TestisError, parameters
from testis_abm.cli.command import main
from testis_abm.man.parameter_set import drugs_with, parameter, parameter_set
from testis_abm.studies import known, load_study, report
from testis_abm.studies.calibrate import Calibration, _found, _inputs, _ranges, _same, calibrate, hidden_of, to_values
from testis_abm.studies.ensemble import Ensemble, best, read, shipped, write
from testis_abm.studies.replay import courses, expectation, label_of, replay
from testis_abm.studies.score import configuration, error, log_score, same_sign, scaled
from testis_abm.studies.statistic import statistic
from testis_abm.studies.study import Observation
from testis_abm.support import arrays

GUIDE = (known()["leder_2004"].parent / "README.md").read_text(encoding="utf-8")
# What anastrozole's effect on testosterone and oestradiol turns on.
FEEDBACK = (
    "drug.anastrozole.inhibition_constant",
    "axis.oestradiol_feedback_strength",
    "axis.oestradiol_feedback_exponent",
    "axis.immunoassay_oestradiol_floor",
    "axis.testosterone_feedback_strength",
)
TEXT = GUIDE.split("```toml\n")[1].split("```")[0]  # the guide's own example


@pytest.mark.parametrize("name", known())
def test_a_shipped_study_is_read(name):
    study = load_study(known()[name])
    assert study.observed and study.arm and study.name == name


def test_what_is_set_apart_exists():
    assert set(configuration()["apart"]) <= set(known())
    for name in configuration()["parameters"]:
        low, high, _ = _ranges(name)
        assert low < high, name


def broken(tmp_path, old: str, new: str) -> str:
    assert old in TEXT
    path = tmp_path / "study.toml"
    path.write_text(TEXT.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(TestisError) as told:
        load_study(path)
    return str(told.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"anastrozole", dose', '"anastrozol", dose', 'drug "anastrozol" is not known; nearest: "anastrozole"'),
        (
            'variable = "testosterone"',
            'variable = "testosteron"',
            '"testosteron" is not known; nearest: "testosterone"',
        ),
        ("day = 84 ", "day = 840 ", "day 840 is outside the study (day 0 to 84)"),
        ('arm = "anastrozole"', 'arm = "placebo"', 'arm "placebo" is not known'),
        ('as = "change"', 'as = "level"', "unit: is missing; level of testosterone is in one of"),
        ('as = "change"', 'as = "chang"', "is not"),
        ('"testosterone < 350 ng/dL"', '"testosteron < 350 ng/dL"', "names no measured quantity"),
        ("n = 12", "n = 0", "out of range"),
        ('population = "community"', 'population = "comunity"', 'nearest: "community"'),
        ("duration = ", "durations = ", "duration is missing"),
        ("n = 12", "n = 12 =", "study.toml"),
        ("value = 67", "value = nan", "value: nan is out of range"),
        ("value = 67", "value = -150", "-150 % is out of range (above -100 %)"),
        ("value = 67", "value = 67\nlimit = 3", "limit: is not used by change"),
        ("value = 67", 'value = 67\nunit = "ng/dL"', '"ng/dL" is not used: change is in %'),
        ("se = 13", "se = -3", "-3 is not above 0"),
        ("se = 13", "n = 0 #", "out of range"),
        ("therapy = [", "therapy_ = [", "therapy is missing"),
        ('dose = "1 mg", every = "1 day"', 'dose = "1 mg", every = "1 day", from = "day 84"', "is not before the end"),
        ('design = "paired"', 'design = "parallell"', 'nearest: "parallel"'),
        ('as = "change"', 'as = "share_rising"', "limit is missing; share_rising needs one"),
        ('as = "change"', 'as = "share_rising"\nlimit = 0', "0 % is out of range (above 0 %)"),
        ('as = "change"', 'as = "share_rising"\nlimit = 9\nunit = "%"', '"%" is not used: share_rising is in %'),
        ('as = "change"\n', 'as = "share_rising"\nlimit = 9\nversus = "x"\n', "versus: is not used by share_rising"),
    ],
)
def test_a_wrong_study_is_told_with_its_line(tmp_path, old, new, said):
    message = broken(tmp_path, old, new)
    assert said in message and "line" in message


def test_the_line_is_that_of_the_fault(tmp_path):
    message = broken(tmp_path, 'variable = "testosterone"', 'variable = "LHH"')
    wanted = 1 + TEXT[: TEXT.index('variable = "testosterone"')].count("\n")
    assert f"line {wanted}:" in message


OF = {"arm": "a", "variable": "LH", "day": 10, "value": 1.0}


def printed(before: list[float], after: list[float], least: float = 0.1, beside: float = 1.0, **more: object) -> float:
    """Return what one repeat of a study prints."""
    of = Observation(**{**OF, **more})
    levels = [np.array([column]) for column in (before, after, [beside] * len(before))]
    return float(statistic(of, least, levels[0], levels[1], levels[2] if of.versus else None)[0])


def test_statistics_are_what_a_paper_prints():
    seen = [2.0, 6.0], [4.0, 8.0]
    assert printed(*seen, **{"as": "change"}) == pytest.approx(50.0)
    assert printed(*seen, **{"as": "level", "unit": "IU/L"}) == pytest.approx(6.0)
    assert printed(*seen, **{"as": "difference", "unit": "IU/L", "versus": "b"}) == pytest.approx(5.0)
    assert printed(*seen, **{"as": "share_below", "unit": "IU/L", "limit": 5.0}) == pytest.approx(50.0)
    assert printed(*seen, **{"as": "ratio", "versus": "b"}) == pytest.approx(500.0)
    assert printed(*seen, **{"as": "lowest"}) == pytest.approx(150.0)


def test_the_share_who_rise_is_of_the_men_who_have_a_baseline():
    doubles = {"as": "share_rising", "limit": 100.0}
    assert printed([2.0, 6.0], [4.0, 11.9], **doubles) == pytest.approx(50.0)
    assert printed([2.0, 6.0], [4.0, 12.0], **doubles) == pytest.approx(100.0)
    assert printed([2.0, 6.0], [1.0, 6.0], **doubles) == 0.0
    # Each by his own baseline: the mean doubles, one man of two does not.
    assert printed([1.0, 9.0], [11.0, 9.0], **doubles) == pytest.approx(50.0)
    # A man with nothing to begin with cannot be said to have doubled it, nor one without a value.
    assert printed([0.0, 6.0], [8.0, 12.0], **doubles) == pytest.approx(100.0)
    motile = {"variable": "progressive motility", "least": 0.5, **doubles}
    assert printed([20.0, 20.0], [np.nan, 30.0], **motile) == 0.0
    assert np.isnan(printed([0.05, 0.0], [4.0, 8.0], **doubles))


def test_untreated_men_seem_to_double_by_chance_in_replay_and_in_calibration_alike():
    """Of men selected on a low count some double untreated; the expectation that is fitted knows it too."""
    study = load_study(known()["foresta_1998"])
    untreated = study.model_copy(update={"observed": study.observed[1:]})
    drawn = replay(untreated, best(), sets=1, men=40, repeats=240)["predicted"].iloc[0]
    few, many = (courses(untreated, best()[0], men, pool=240, seed=1) for men in (4, 40))
    expected, more = (expectation(untreated, course, pool=240, seed=1)[0] for course in (few, many))
    # What screening measured of 40 men is one draw, of which one in ten doubles.
    assert 2 < expected < 40 and drawn == pytest.approx(expected, abs=8)
    assert expected == pytest.approx(more, abs=3)  # as few men as a calibration runs stand for all
    assert expectation(untreated, few, pool=240, seed=1)[0] == expected


def test_a_level_that_follows_from_another_needs_no_screening(tmp_path):
    """SHBG with testosterone gives free testosterone, which screening did not measure apart."""
    path = tmp_path / "shbg.toml"
    path.write_text(TEXT.replace('variable = "testosterone"', 'variable = "SHBG"'), encoding="utf-8")
    assert np.isfinite(replay(load_study(path), best(), sets=1, men=12, repeats=20)["predicted"]).all()


def test_there_is_no_percentage_of_what_a_laboratory_cannot_see():
    low = [0.05, 0.05], [4.0, 8.0]
    for kind in ("change", "lowest", "highest"):
        assert np.isnan(printed(*low, **{"as": kind}))
    assert np.isnan(printed(*low, beside=0.05, **{"as": "ratio", "versus": "b"}))
    assert printed(*low, **{"as": "level", "unit": "IU/L"}) == pytest.approx(6.0)
    # Men without sperm have no percentage; the mean is of the others.
    motile = {"variable": "progressive motility", "as": "change", "least": 0.5}
    assert printed([np.nan, 20.0], [40.0, 30.0], **motile) == pytest.approx(75.0)
    assert np.isnan(printed([np.nan, np.nan], [40.0, 30.0], **motile))
    share = {"variable": "progressive motility", "as": "share_below", "limit": 32.0, "unit": "%"}
    assert printed([20.0, 20.0], [np.nan, 30.0], **share) == pytest.approx(100.0)


def test_men_in_whom_none_were_counted_are_counted_as_such():
    days = 30
    level = np.full((1, 2, days), 8.0)
    level[0, :, 10:] = 0.0
    of = Observation(
        arm="a", variable="sperm concentration", value=4.0, limit=1.0, unit="M/mL", **{"as": "weeks_below"}
    )
    assert statistic(of, 0.05, level[:, :, 0], level)[0] == pytest.approx(30 / 7)
    assert np.isinf(statistic(of, 0.05, level[:, :, 0], np.full((1, 2, days), 8.0))[0])
    # One azoospermic man among two: a geometric mean of 8 and half a sperm in the chamber.
    level[0, 1] = 8.0
    assert statistic(of, 0.05, level[:, :, 0], level)[0] == pytest.approx(30 / 7)
    below = Observation(
        arm="a", variable="sperm concentration", day=10, value=50.0, limit=0.1, unit="M/mL", **{"as": "share_below"}
    )
    assert statistic(below, 0.05, level[:, :, 0], level[:, :, -1])[0] == pytest.approx(50.0)


HCG = """
title = "x"
citation = "x"
population = "healthy"
n = 30
duration = "120 days"
baseline = "separate"
man = { duct_patency = 0.0 }
[[arm]]
name = "none"
therapy = []
[[observed]]
arm = "none"
variable = "sperm concentration"
as = "change"
day = 100
value = 10
[[observed]]
arm = "none"
variable = "progressive motility"
as = "level"
unit = "%"
day = 100
value = 30
[[observed]]
arm = "none"
variable = "sperm concentration"
as = "share_below"
unit = "M/mL"
limit = 0.1
day = 100
value = 100
[[observed]]
arm = "none"
variable = "testosterone"
as = "change"
day = 100
value = 1
"""


def test_a_study_without_a_number_says_so(tmp_path):
    path = tmp_path / "none.toml"
    path.write_text(HCG, encoding="utf-8")
    table = replay(load_study(path), best(), sets=2, men=12, repeats=30)
    assert table["predicted"].isna().tolist() == [True, True, False, False]
    assert table["predicted"][2] == 100.0 and table["low"][2] > 60.0
    text = f"{report.text(table)}\n{report.score(table)}"
    assert text.count("cannot say") == 2 and "nan" not in text and "inf" not in text.replace("inside", "")
    assert "1 of 2 inside" in text or "2 of 2 inside" in text
    alone = report.score(table.assign(fold=np.nan, sign=None))
    assert "nan" not in alone and "fold" not in alone and "direction" not in alone


def test_oestradiol_of_a_study_names_its_assay():
    study = load_study(known()["leder_2004"])
    labels = {
        assay: [label_of(of, study.model_copy(update={"assay": assay})) for of in study.observed]
        for assay in ("immunoassay", "lc-ms")
    }
    assert "anastrozole serum E2 (immunoassay) day 84" in labels["immunoassay"]
    assert "anastrozole serum E2 (LC-MS/MS) day 84" in labels["lc-ms"]
    assert "anastrozole testosterone day 84" in labels["lc-ms"]


def test_an_observation_leaves_the_draws_of_the_others(tmp_path):
    few, many = tmp_path / "few.toml", tmp_path / "many.toml"
    open_ = HCG.replace("man = { duct_patency = 0.0 }\n", "")
    few.write_text(open_[: open_.rindex("[[observed]]")], encoding="utf-8")
    many.write_text(open_, encoding="utf-8")
    first, more = (replay(load_study(path), best(), sets=2, men=12, repeats=20) for path in (few, many))
    numbers = ["predicted", "low", "high"]
    assert np.array_equal(first[numbers], more[numbers].iloc[:3])


def test_a_replay_counts_at_every_visit(tmp_path):
    """Untreated men near zero: as many without sperm at follow-up as at a baseline of its own."""
    path = tmp_path / "near.toml"
    shares = "".join(
        f'[[observed]]\narm = "none"\nvariable = "sperm concentration"\nas = "{kind}"\nunit = "M/mL"\n{more}day = {day}\nvalue = 20\n'
        for kind, more, day in (("share_below", "limit = 0.01\n", 0), ("share_below", "limit = 0.01\n", 60))
    )
    path.write_text(
        'title = "x"\ncitation = "x"\npopulation = "clinic"\nn = 40\nduration = "70 days"\nwhere = ["sperm concentration < 1 M/mL"]\n'
        f'[[arm]]\nname = "none"\ntherapy = []\n{shares}'.replace("day = 0\n", "day = 1\n"),
        encoding="utf-8",
    )
    study = load_study(path)
    table = replay(study, best(), sets=1, men=40, repeats=60)
    ran = courses(study, best()[0], 40, pool=240, seed=1)
    expected = next(true for sample, true in ran.true.items() if sample.day == (60.0, 60.0))["concentration_million_ml"]
    none = (
        100.0 * np.exp(-20.0 * np.outer(expected, np.exp(0.3 * np.random.default_rng(1).standard_normal(2000)))).mean()
    )
    assert 40 < none < 98
    assert table["predicted"].to_numpy() == pytest.approx([none, none], abs=4.0)


def nothing(tmp_path, where: str, variable: str, **more: object) -> float:
    """Return the predicted change of men who are selected and given nothing."""
    path = tmp_path / "nothing.toml"
    top = "".join(f"{name} = {value!r}\n".replace("'", '"') for name, value in more.items())
    path.write_text(
        f'title = "x"\ncitation = "x"\npopulation = "clinic"\nn = 200\nduration = "30 days"\nwhere = ["{where}"]\n{top}'
        f'[[arm]]\nname = "none"\ntherapy = []\n[[observed]]\narm = "none"\nvariable = "{variable}"\nas = "change"\nday = 30\nvalue = 10\n',
        encoding="utf-8",
    )
    return float(replay(load_study(path), best(), sets=2, men=120, repeats=40)["predicted"].iloc[0])


@pytest.mark.slow
def test_what_men_were_selected_on_regresses_and_nothing_else(tmp_path):
    assert nothing(tmp_path, "T/E2 < 10", "T/E2") > 5
    assert nothing(tmp_path, "testosterone < 300 ng/dL", "free testosterone") > 3
    assert abs(nothing(tmp_path, "T/E2 < 10", "sperm concentration")) < 12
    assert abs(nothing(tmp_path, "T/E2 < 10", "T/E2", baseline="separate")) < 3


def test_a_log_score_prefers_what_lies_near_and_is_sure_of_it():
    of = Observation(arm="a", variable="LH", day=10, value=50.0, **{"as": "change"})
    near, far = np.random.default_rng(1).normal(50, 10, 400), np.random.default_rng(1).normal(150, 10, 400)
    vague = np.random.default_rng(1).normal(50, 60, 400)
    assert log_score(of, near) > log_score(of, vague) > log_score(of, far)


def test_a_direction_is_right_or_wrong_and_asked_only_where_there_is_one():
    of = {"arm": "a", "variable": "LH", "day": 10, "as": "change"}
    assert same_sign(Observation(value=120.0, **of), 2.0) is True
    assert same_sign(Observation(value=120.0, **of), -4.0) is False
    assert same_sign(Observation(value=20.0, se=30.0, **of), -4.0) is None
    assert same_sign(Observation(value=3.0, **of), -4.0) is None


def test_men_of_other_arms_are_other_men(tmp_path):
    text = TEXT.replace('name = "anastrozole"', 'name = "none"\ntherapy = []\n[[arm]]\nname = "anastrozole"')
    text = text.replace('as = "change"', 'as = "ratio"\nversus = "none"')
    wide = []
    for design in ("paired", "parallel"):
        path = tmp_path / f"{design}.toml"
        path.write_text(text.replace('design = "paired"', f'design = "{design}"'), encoding="utf-8")
        table = replay(load_study(path), best(), sets=2, men=40, repeats=80)
        assert table["predicted"].iloc[0] > 30
        drawn = table["high"].iloc[0] - table["low"].iloc[0]
        wide.append(drawn)
    assert wide[1] > wide[0]


@pytest.mark.slow
def test_a_study_that_is_left_out_moves_nothing(tmp_path, monkeypatch):
    names = ("leder_2004", "hcg_single_dose")
    monkeypatch.setattr("testis_abm.studies.calibrate.ProcessPoolExecutor", lambda **_: ThreadPoolExecutor(1))
    with Calibration.begun(tmp_path, 40, 1, 1, print) as calibration:
        both = calibration.posterior(names, "both")
        one, again = (calibration.posterior(names[:1], "one") for _ in range(2))
    assert np.array_equal(one, again)
    assert not np.allclose(both, one)
    prior = np.random.default_rng(1).standard_normal(one.shape)
    moved = np.abs(one.mean(axis=1) - prior.mean(axis=1))
    assert moved.argmax() in [configuration()["parameters"].index(name) for name in FEEDBACK]


def test_every_member_of_a_calibration_is_a_whole_set_with_its_answers(tmp_path, monkeypatch):
    monkeypatch.setattr("testis_abm.studies.calibrate.ProcessPoolExecutor", lambda **_: ThreadPoolExecutor(1))
    with Calibration.begun(tmp_path, 45, 1, 1, print) as calibration:
        table = calibration.table(np.zeros((len(configuration()["parameters"]), 45)))
    whole = Ensemble(table.drop(columns="weight"), table["weight"].to_numpy())
    combinations = whole.by_answers(5)
    assert sum(len(alike) for _, alike in whole.by_answers()) == 45 * len(combinations) / 9  # all by default
    questions = parameters.hypotheses()
    assert len(combinations) == math.prod(len(of.answers) for of in questions.values())
    for weight, alike in combinations:
        answers = alike[0].answers
        assert len(alike) == 5 and all(own.answers == answers for own in alike) and {*answers} == {*questions}
        assert weight == pytest.approx(math.prod(questions[name].answers[to].weight for name, to in answers.items()))


def test_a_changed_input_is_another_calibration(tmp_path, monkeypatch):
    first = _inputs()
    extra = tmp_path / "extra.toml"
    extra.write_text("x = 1", encoding="utf-8")
    monkeypatch.setattr("testis_abm.studies.calibrate.known", lambda: {"extra": extra})
    assert _inputs() != first


def test_untreated_men_selected_on_a_low_count_rise(tmp_path):
    path = tmp_path / "nothing.toml"
    path.write_text(
        'title = "x"\ncitation = "x"\npopulation = "clinic"\nn = 200\nduration = "30 days"\n'
        'where = ["sperm concentration < 10 M/mL", "sperm concentration > 1 M/mL"]\n[[arm]]\nname = "none"\ntherapy = []\n[[observed]]\n'
        'arm = "none"\nvariable = "sperm concentration"\nas = "change"\nday = 30\nvalue = 0\n',
        encoding="utf-8",
    )
    once = replay(load_study(path), best(), sets=2, men=40, repeats=40)["predicted"].iloc[0]
    path.write_text(path.read_text(encoding="utf-8").replace("n = 200", "n = 200\nvisits = 3"), encoding="utf-8")
    thrice = replay(load_study(path), best(), sets=2, men=40, repeats=40)["predicted"].iloc[0]
    assert once > 8 and once > thrice


def test_a_replay_is_the_same_again_and_wider_for_fewer_men(tmp_path, monkeypatch):
    monkeypatch.setattr("testis_abm.studies.score.between_studies", lambda of: 0.0)
    study = load_study(known()["tsjoen_2005_young"])
    first, second = (replay(study, best(), sets=3, men=6, repeats=80) for _ in range(2))
    assert first.equals(second)
    path = tmp_path / "more.toml"
    path.write_text(
        known()["tsjoen_2005_young"].read_text(encoding="utf-8").replace("n = 10", "n = 200"), encoding="utf-8"
    )
    more = replay(load_study(path), best(), sets=3, men=6, repeats=80)
    assert ((more["high"] - more["low"]) < (first["high"] - first["low"])).all()


def test_the_ensemble_stays_inside_its_ranges():
    of = shipped()
    assert len(of) >= 150 and of.weights.sum() == pytest.approx(1.0)
    for name in of.sets.columns:
        entry = parameter(name)
        low, high = entry.low, entry.high
        assert of.sets[name].between(low * (1 - 1e-5 * np.sign(low)), high * (1 + 1e-5 * np.sign(high))).all(), name
    own = of[0]
    assert own.values["axis.testicular_oestradiol_share"] == of.sets["axis.testicular_oestradiol_share"].iloc[0]


def test_the_substances_of_a_drug_keep_their_ratio_of_potency():
    drugs = drugs_with(parameter_set({"drug.tamoxifen.receptor_constant": 240.0}).of_drugs, parameters.drugs())
    parent, active = (of.numbers["receptor_constant"].value for of in drugs["tamoxifen"].substances)
    usual = [of.numbers["receptor_constant"].value for of in parameters.drugs()["tamoxifen"].substances]
    assert parent == 240.0 and active / parent == pytest.approx(usual[1] / usual[0])
    drugs = drugs_with(parameter_set({"drug.tamoxifen.endoxifen.receptor_constant": 20.0}).of_drugs, parameters.drugs())
    assert [of.numbers["receptor_constant"].value for of in drugs["tamoxifen"].substances] == [usual[0], 20.0]


def test_what_answers_no_question_about_all_men_takes_no_set_away():
    assert len(shipped().knowing({"germ.entry_alone": 0.02})) == len(shipped())


def test_the_hidden_scale_of_an_ensemble_is_the_one_that_calibration_moved():
    hidden = np.random.default_rng(3).uniform(-3.0, 3.0, len(configuration()["parameters"]))
    back = [float(hidden_of(name, np.array(value))) for name, value in to_values(hidden).items()]
    np.testing.assert_allclose(back, hidden, atol=1e-6)


def test_the_prior_is_centred_on_the_range_and_bounded():
    middle = to_values(np.zeros(len(configuration()["parameters"])))
    for name, value in middle.items():
        low, high, log = _ranges(name)
        if known := configuration()["prior"].get(name):
            assert low < known[0] < value < known[1] < high, name
        else:
            assert value == pytest.approx((low * high) ** 0.5 if log else 0.5 * (low + high)), name
    for end in (-9.0, 9.0):
        for name, value in to_values(np.full(len(configuration()["parameters"]), end)).items():
            low, high, _ = _ranges(name)
            assert low - 1e-9 <= value <= high + 1e-9, name


def test_a_folder_of_another_calibration_is_refused(tmp_path):
    (tmp_path / "calibration.json").write_text('{"members": 3}', encoding="utf-8")
    with pytest.raises(TestisError, match="holds another calibration"):
        calibrate(tmp_path, members=40, rounds=1)
    with pytest.raises(TestisError, match="members: 3 is out of range; allowed: 40 to 10000"):
        calibrate(tmp_path, members=3, rounds=1)


def test_what_is_no_ensemble_is_told(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("axis.lh_referenc,weight\n4.0,1\n", encoding="utf-8")
    with pytest.raises(TestisError, match=r"axis\.lh_referenc is no parameter of this version"):
        read(path)
    with pytest.raises(TestisError, match="no ensemble"):
        read(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,nan\n1,1", r"weight \(row 1: nan\): use a number from 0 upwards"),
        ("1,1\n1,-0.5", r"weight \(row 2: -0.5\)"),
        ("1,inf", r"weight \(row 1: inf\)"),
        ("1,x", r"weight \(row 1: nan\)"),
        ("1,0\n1,0", r"weight \(their sum is 0\)"),
        ("", r"weight \(their sum is 0\)"),
        ("1,1\n1e9,1", r"axis\.testosterone_feedback_strength, row 2: 1000000000.0 lies outside 0\."),
        ("-1,1", r"axis\.testosterone_feedback_strength, row 1: -1 lies outside"),
        ("nan,1", r"axis\.testosterone_feedback_strength, row 1: nan lies outside"),
        ("high,1", r'axis\.testosterone_feedback_strength, row 1: "high" lies outside'),
    ],
)
def test_an_ensemble_holds_what_parameter_sets_can(tmp_path, rows, said):
    path = tmp_path / "e.csv"
    path.write_text(f"axis.testosterone_feedback_strength,weight\n{rows}\n", encoding="utf-8")
    with pytest.raises(TestisError, match=said) as told:
        read(path)
    assert str(told.value).startswith(str(path)) and "\n" not in str(told.value)


@pytest.mark.parametrize(
    "name", ["drug.nothing.half_life", "drug.anastrozole.colour", "drug.anastrozole", "drug.", "axis"]
)
def test_a_column_of_an_ensemble_is_a_parameter(tmp_path, name):
    path = tmp_path / "e.csv"
    path.write_text(f"{name},weight\n1,1\n", encoding="utf-8")
    with pytest.raises(TestisError, match="is no parameter of this version; calibrate again"):
        read(path)


def test_an_edited_or_damaged_ensemble_is_told_and_one_made_by_hand_is_not(tmp_path):
    table = shipped().sets.assign(weight=shipped().weights)
    path = tmp_path / "e.csv"
    write(path, table, "for a test")
    np.testing.assert_allclose(read(path).sets, table.drop(columns="weight"), rtol=1e-5)
    text = path.read_text(encoding="utf-8")
    path.write_text(text, encoding="utf-8", newline="\r\n")  # as Windows has it
    assert len(read(path)) == len(table)
    digit = next(k for k in range(len(text) - 1, 0, -1) if text[k] in "12345678")
    harmed = text[:digit] + chr(ord(text[digit]) ^ 1) + text[digit + 1 :]
    path.write_text(harmed, encoding="utf-8")
    with pytest.raises(TestisError, match="is damaged, or was edited"):
        read(path)
    path.write_text("".join(line for line in harmed.splitlines(True) if not line.startswith("#")), encoding="utf-8")
    assert len(read(path)) == len(table)


def test_a_damaged_round_of_a_calibration_is_done_again(tmp_path):
    said: list[str] = []
    hidden, made = np.zeros((3, 4)), np.ones((2, 4))
    arrays.write(tmp_path / "round-0.npz", {"hidden": hidden, "made": made}, {})
    np.testing.assert_array_equal(_found(tmp_path / "round-0.npz", hidden, said.append), made)
    assert _found(tmp_path / "round-0.npz", hidden + 1.0, said.append) is None
    content = bytearray((tmp_path / "round-0.npz").read_bytes())
    content[content.index(made.tobytes()) + 6] ^= 1
    (tmp_path / "round-0.npz").write_bytes(content)
    assert _found(tmp_path / "round-0.npz", hidden, said.append) is None
    assert len(said) == 2 and all("the round is done again" in text for text in said)


def test_a_damaged_note_of_a_calibration_is_told(tmp_path):
    _same(tmp_path, {"seed": 1})
    _same(tmp_path, {"seed": 1})
    note = tmp_path / "calibration.json"
    note.write_text(note.read_text().replace("1", "2", 1))
    with pytest.raises(TestisError, match=r"or calibration\.json is damaged"):
        _same(tmp_path, {"seed": 1})


def test_errors_and_scales():
    of = Observation(arm="a", variable="LH", day=10, value=-50, **{"as": "change"})
    assert scaled(of, -50.0) == pytest.approx(np.log(0.5))
    assert error(of, 4) > error(of, 400) >= configuration()["spread"]["LH"]


def test_the_command_replays(tmp_path, capsys):
    assert main(["studies", "run", "mauras_2003", "--sets", "4", "--out", str(tmp_path)]) == 0
    assert "inside the 95 % interval" in capsys.readouterr().out
    assert {"studies.json", "studies.csv", "studies.png", "studies.svg"} <= {path.name for path in tmp_path.iterdir()}
    assert main(["studies", "run", "ledr_2004"]) == 2
    assert 'nearest: "leder_2004"' in capsys.readouterr().err
