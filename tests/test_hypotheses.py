"""A treatment under each answer to what the data do not decide, over plausible parameter sets."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

import testis_abm as ta
from testis_abm import TestisError, parameters
from testis_abm.cli.command import main
from testis_abm.experiments.hypotheses import DEFAULT, arms_under_hypotheses, under_hypotheses, untreated
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.treat import Treatment
from testis_abm.results import plausible
from testis_abm.results.summary import render
from testis_abm.scenario import Scenario
from testis_abm.studies.ensemble import best, parameter_set, shipped

OBESE = {"title": "obese", "man": {"preset": "obese_low_t_e2"}, "plan": {"baseline": "0 days", "duration": "180 days"}}
INFERTILE = {**OBESE, "man": {"preset": "idiopathic_oligozoospermia"}}
WORD = "daily sperm production"
COLUMN = COLUMNS.index(OUTPUTS[WORD].column)


def treated(drug, dose, case=OBESE, **more):
    return under_hypotheses({**case, **more, "therapy": [{"drug": drug, "dose": dose, "every": "1 day"}]}, sets=2)


@pytest.fixture(scope="module")
def anastrozole():
    return treated("anastrozole", "1 mg")


@pytest.fixture(scope="module")
def infertile():
    return treated("anastrozole", "1 mg", INFERTILE)


def test_every_answer_to_every_question_is_lived_once(anastrozole, infertile):
    for found, count in ((anastrozole, 9), (infertile, 45)):
        assert len(found.combinations) == count == len({tuple(one.answers.items()) for one in found.combinations})
        assert sum(one.weight for one in found.combinations) == pytest.approx(1.0)
        assert sum(found.signs(WORD)) == pytest.approx(1.0)
    assert "infertility" not in anastrozole.open and "infertility" in infertile.open


def test_the_weight_of_an_answer_is_that_of_the_table(infertile):
    for question in infertile.open:
        for name, answer in parameters.hypotheses()[question].answers.items():
            alike = [one.weight for one in infertile.combinations if one.answers[question] == name]
            assert sum(alike) == pytest.approx(answer.weight, abs=2e-3)


def test_a_life_is_that_of_a_parameter_set_calibrated_with_the_answers(anastrozole):
    case = ta.load({**OBESE, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]})
    for weight, alike in shipped().by_answers(2)[::20]:
        own = alike[0]
        answers = {name: answer for name, answer in own.answers.items() if name != "infertility"}
        one = next(one for one in anastrozole.combinations if one.answers == answers)
        assert weight <= one.weight + 1e-12
        treatment = Treatment(case, own.drugs_of(case), history=True)
        man = treatment.follow(ExpectedMan(own.whole, case.man.physiology, treatment.kinetics), (case.plan.seed,))
        assert one.levels[1, 0] == pytest.approx(of_expected(man, 180, Scenario()), nan_ok=True)
        for question, answer in answers.items():
            for name, value in parameters.hypotheses()[question].answers[answer].parameters.items():
                assert own.values[name] == pytest.approx(value, rel=1e-5)


def test_lack_of_oestradiol_can_only_take_sperm_away(anastrozole):
    none, late, monkey = (anastrozole.change(WORD, "germ.lack", name) for name in ("none", "late", "monkey"))
    assert monkey.low < late.low - 5.0 < none.low and late.high < none.high + 10.0
    assert all(one.low <= one.median <= one.high for one in (none, late, monkey))


def test_no_answer_makes_testosterone_raise_sperm():
    found = treated("testosterone_enanthate", "30 mg")
    assert found.signs(WORD)[0] == pytest.approx(1.0) and not found.turning(WORD)
    text = " ".join(found.text((WORD,)).split())
    assert "falls under 100 % of the weight. No answer turns its sign." in text and "would decide" not in text


@pytest.mark.slow
def test_what_the_scenario_sets_is_no_question():
    """Known Km of one answer: the sets calibrated with it remain; of none: all do, with this Km."""
    for km, sets in ((40.0, 6), (15.0, 6)):
        found = treated("anastrozole", "1 mg", parameters={"aromatase.testicular_km": km})
        assert found.sets == sets and found.open == ("germ.lack",)
        assert "aromatase.testicular_km:" not in found.text()
    known = shipped().knowing({"aromatase.testicular_km": 40.0})
    assert len(known) < len(shipped()) and {own.values["aromatase.testicular_km"] for own in known.drawn(5)} == {40.0}


def test_the_untreated_count_of_an_infertile_man_is_the_same_whatever_the_cause(infertile):
    column = COLUMNS.index("concentration_million_ml")
    for combination in infertile.combinations:
        plain = {**combination.answers, "infertility": "plain"}
        same = next(one for one in infertile.combinations if one.answers == plain)
        assert combination.levels[0, :, column] == pytest.approx(same.levels[0, :, column], rel=2e-3)


def test_a_kind_of_man_is_his_share_of_those_an_answer_speaks_of():
    man = ta.load(INFERTILE).man.physiology
    own = best()[0].answering("infertility", "androgen_limited")
    kinds = {kind: share for share, kind in own.kinds(man)}
    assert sum(kinds.values()) == pytest.approx(1.0) and len(kinds) == 2
    drawn = [own.drawn(man, (1, i)) for i in range(400)]
    limited = next(kind for kind in kinds if kind)
    assert drawn.count(limited) / 400 == pytest.approx(kinds[limited], abs=0.07)
    fertile = ta.load({"title": "fertile"}).man.physiology
    assert own.asked(fertile) == [] and own.drawn(fertile, (1,)) == ()
    assert own.as_kind(fertile, ())[0] == fertile


@pytest.mark.slow
def test_infertile_men_gain_more_on_fsh_if_fsh_is_what_they_lack():
    found = treated("rfsh", "75 IU", INFERTILE)
    plain, limited = (found.change(WORD, "infertility", name).median for name in ("plain", "fsh_limited"))
    assert limited > plain + 5.0


def test_the_tables_are_a_set_with_the_answers_of_the_file():
    usual = {name: of.default for name, of in parameters.hypotheses().items() if of.sperm_below is None}
    assert parameter_set({}).answers == usual
    assert parameter_set({"aromatase.testicular_km": 15.0}).answers == {"germ.lack": usual["germ.lack"]}


def test_arms_are_compared_with_the_first(anastrozole):
    case = ta.load({**OBESE, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]})
    table = arms_under_hypotheses({"none": untreated(case), "drug": case}, sets=2).table()
    assert tuple(table.columns) == plausible.COLUMNS
    row = plausible.of_all(table, "drug").loc[OUTPUTS[WORD].column]
    assert row[["change_pct", "low_pct", "high_pct"]].tolist() == pytest.approx(list(anastrozole.change(WORD)))
    first = plausible.of_all(table, "none")
    assert first["change_pct"].isna().all() and not (first["level_low"] > first["level_high"]).any()
    turned = table[table["turns"] & (table["column"] == OUTPUTS[WORD].column)]
    assert sorted(set(turned["question"])) == sorted(anastrozole.turning(WORD))


def test_a_run_carries_the_interval_and_its_own_rules_do_not(tmp_path):
    small = {
        "title": "small",
        "tissue": {"tubules": 2, "sertoli_per_tubule": 12},
        "plan": {"baseline": "0 days", "duration": "30 days", "replicates": 1},
        "therapy": [{"drug": "letrozole", "dose": "2.5 mg", "every": "1 day"}],
    }
    result = ta.run(small)
    summary = result.summary().set_index("column")
    low, high = summary.loc["lh_iu_l", ["plausible_low_pct", "plausible_high_pct"]]
    assert 0.0 < low <= high
    loaded = ta.RunResult.load(result.save(tmp_path / "run"))
    assert loaded.plausible.equals(result.plausible) and loaded.summary().equals(result.summary())
    assert "Plausible models: 9, of parameter sets" in " ".join(render(result).split())

    class Own(ta.TestisModel):
        pass

    bare = ta.run(small, model=Own)
    assert bare.plausible is None and "plausible_low_pct" not in bare.summary()


@pytest.mark.parametrize(
    "drug", ["clomiphene", *(pytest.param(name, marks=pytest.mark.slow) for name in ("enclomiphene", "tamoxifen"))]
)
def test_a_constant_that_is_nothing_has_no_ratio(drug):
    """SERMs that are no agonists at the pituitary at all: their activity there is varied from 0."""
    found = under_hypotheses(
        {**OBESE, "plan": {"duration": "5 days"}, "therapy": [{"drug": drug, "dose": "25 mg"}]}, sets=1
    )
    assert found.change("LH").median > 0.0


def test_a_man_without_treatment_has_nothing_to_weigh():
    with pytest.raises(TestisError, match=r"has no treatment to weigh; add a \[\[therapy\]\]"):
        ta.under_hypotheses(OBESE)


@pytest.mark.parametrize("sets", [0, 1.5, "six"])
def test_how_many_sets_is_a_whole_number(sets):
    with pytest.raises(TestisError, match="sets"):
        ta.under_hypotheses(
            {**OBESE, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]}, sets=sets
        )


def test_the_command_prints_what_was_asked_for(capsys):
    assert main(["hypotheses", "obese_anastrozole", "--days", "60", "--output", "LH"]) == 0
    printed = capsys.readouterr().out
    assert "LH rises under 100 % of the weight" in printed and "not medical advice" in printed
    assert all(word not in printed for word in DEFAULT)
    assert main(["hypotheses", "obese_anastrozole", "--output", "xyzzy"]) == 2
    assert "--output" in capsys.readouterr().err


def test_what_is_assumed_and_moved_by_nothing_is_said_where_much_hangs_on_it(anastrozole):
    words = (WORD, "sperm concentration")
    text = " ".join(anastrozole.text(words).split())
    assumed = {swing.name: swing for swing in anastrozole.assumed}
    assert all(swing.number.confidence == "assumed" for swing in assumed.values())
    assert {"germ.room", "aromatase.testicular_km", "receptor.oestrogen_half"}.isdisjoint(
        assumed
    )  # calibration, answers
    told = {name for name in assumed if f"moved by nothing: {name};" in text}
    for word in words:
        assert max(assumed, key=lambda name, word=word: assumed[name].span(word)) in told
    assert {name for name, swing in assumed.items() if swing.turns(words[0]) or swing.turns(words[1])} <= told
    volume = assumed["tract.volume_androgen_half"]  # more testosterone, more volume: fewer sperm a millilitre
    low, _, high = volume.of("sperm concentration")
    assert low > high and volume.span(WORD) == 0.0
    for name in told:
        low, _, high = assumed[name].of("sperm concentration")
        assert f"sperm concentration {low:+.0f} % and {high:+.0f} %." in text
    assert ("It alone turns the sign of" in text) == any(
        swing.turns(word) for swing in assumed.values() for word in words
    )


@pytest.mark.slow
def test_an_output_that_is_nothing_has_no_change():
    found = treated("anastrozole", "1 mg", man={"preset": "sertoli_cell_only", "germ_cell_endowment": 0.0})
    assert math.isnan(found.change(WORD).median) and np.isnan(found.change(WORD).low)
    obstructed = treated("anastrozole", "1 mg", man={"preset": "obstructive_azoospermia"})
    assert np.isfinite(obstructed.change(WORD).median) and np.isnan(obstructed.change("sperm concentration").median)
    assert "nan" not in obstructed.text()


def test_levels_of_several_men_are_means_of_each_alone():
    case = ta.load({**OBESE, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]})
    arms = {"untreated": untreated(case), "treated": case}
    men = [
        ta.load({"man": {"preset": preset}}).man.physiology
        for preset in ("obese_low_t_e2", "idiopathic_oligozoospermia")
    ]
    both = arms_under_hypotheses(arms, men=men, sets=1)
    one, other = (arms_under_hypotheses(arms, men=[man], sets=1) for man in men)
    assert len(both.combinations) == len(other.combinations) == 45
    for together in both.combinations:
        alone = [
            next(of for of in found.combinations if of.answers.items() <= together.answers.items())
            for found in (one, other)
        ]
        mean = np.mean([of.levels[:, :, COLUMN] for of in alone], axis=0)
        np.testing.assert_allclose(together.levels[:, :, COLUMN], mean, rtol=1e-9)


def test_few_parameter_sets_have_the_answers_by_weight():
    for n, seed in ((20, 1), (30, 2), (100, 3)):
        sets = shipped().drawn(n, seed)
        for name, of in parameters.hypotheses().items():
            for key, answer in of.answers.items():
                assert abs(sum(own.answers[name] == key for own in sets) - n * answer.weight) < 2.0, (n, name, key)


def test_what_a_later_arm_states_holds_of_every_kind_of_man():
    """FSH-limited men of an arm that states germ.room have that room, as the same men have if the first arm states it."""
    case = ta.load({**INFERTILE, "therapy": [{"drug": "rfsh", "dose": "75 IU", "every": "1 day"}]})
    kind = dict(parameters.hypotheses()["infertility"].answers["fsh_limited"].kinds[0].parameters)
    none, usual = untreated(case), {name: parameters.load()[name].value for name in kind}
    stated = case.model_copy(update={"parameters": usual})
    found = arms_under_hypotheses({"none": none, "as he is": case, "stated": stated}, sets=1)
    change = [found.change(WORD, "infertility", "fsh_limited", arm).median for arm in (1, 2)]
    assert change[1] < change[0] - 1.0


@pytest.mark.parametrize(
    "ask",
    [
        lambda: shipped().knowing(None),
        lambda: shipped().knowing("x"),
        lambda: shipped().knowing({"germ.no_such": 1.0}),
        lambda: shipped().knowing({"germ.entry_alone": "much"}),
        lambda: shipped().by_answers(0),
        lambda: shipped().by_answers("x"),
    ],
)
def test_wrong_arguments_of_an_ensemble_are_one_clear_error(ask):
    with pytest.raises(TestisError):
        ask()


@pytest.mark.slow
def test_a_folder_takes_the_table_and_nobody_elses_file_is_touched(tmp_path, capsys):
    line = ["hypotheses", "obese_anastrozole", "--days", "60", "--output", "LH", "--out"]
    assert main([*line, str(tmp_path / "new")]) == 0
    assert f"Results in {tmp_path / 'new'}/" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "new" / "hypotheses.csv")
    assert tuple(table) == plausible.COLUMNS and "lh_iu_l" in set(table["column"])
    (tmp_path / "hypotheses.csv").write_text("mine\n", encoding="utf-8")
    assert main([*line, str(tmp_path)]) == 2
    assert "was not written by testis_abm" in capsys.readouterr().err
    assert (tmp_path / "hypotheses.csv").read_text(encoding="utf-8") == "mine\n"
