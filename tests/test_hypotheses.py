"""A treatment under each answer to what the data do not decide."""

from __future__ import annotations

import pytest

import testis_abm as ta
from testis_abm import TestisError, parameters
from testis_abm.cli.command import main
from testis_abm.experiments.hypotheses import DEFAULT, under_hypotheses
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment

OBESE = {"title": "obese", "man": {"preset": "obese_low_t_e2"}, "plan": {"baseline": "0 days", "duration": "180 days"}}
WORD = "daily sperm production"


def treated(drug, dose, **more):
    return under_hypotheses({**OBESE, **more, "therapy": [{"drug": drug, "dose": dose, "every": "1 day"}]})


@pytest.fixture(scope="module")
def anastrozole():
    return treated("anastrozole", "1 mg")


def test_every_answer_to_every_question_is_lived_once(anastrozole):
    combinations = anastrozole.combinations
    assert len(combinations) == 45 == len({tuple(one.answers.items()) for one in combinations})
    assert sum(one.weight for one in combinations) == pytest.approx(1.0)
    assert sum(anastrozole.signs(WORD)) == pytest.approx(1.0)
    for question, of in parameters.hypotheses().items():
        whole = sum(answer.weight * anastrozole.mean(WORD, question, name) for name, answer in of.answers.items())
        assert whole == pytest.approx(anastrozole.mean(WORD))


def test_the_answers_of_the_tables_are_the_model_as_it_stands(anastrozole):
    usual = {name: of.default for name, of in parameters.hypotheses().items()}
    plain = next(one for one in anastrozole.combinations if one.answers == usual)
    case = anastrozole.scenario
    treatment = Treatment(case)
    man = ExpectedMan(complete(parameters.values()), case.man.physiology, treatment.kinetics)
    treatment.follow(man)
    assert plain.treated == pytest.approx(of_expected(man, 180, 3.0), nan_ok=True)
    assert plain.untreated == pytest.approx(of_expected(man, 0, 3.0), rel=1e-6, nan_ok=True)


def test_an_inhibitor_falls_only_where_it_reaches_the_testis_and_lack_acts_at_once(anastrozole):
    falling = [one.answers for one in anastrozole.combinations if one.change(WORD) < -2.0]
    assert falling and all((one["germ.lack"], one["aromatase.testicular_km"]) == ("monkey", "high") for one in falling)
    assert set(anastrozole.turning(WORD)) == {"germ.lack", "aromatase.testicular_km"}
    text = " ".join(anastrozole.text().split())
    assert "Its sign hangs on germ.lack and aromatase.testicular_km." in text and "What would decide germ.lack" in text


def test_no_answer_makes_testosterone_raise_sperm():
    found = treated("testosterone_enanthate", "30 mg")
    assert found.signs(WORD)[0] == pytest.approx(1.0) and not found.turning(WORD)
    text = " ".join(found.text((WORD,)).split())
    assert "No answer turns its sign." in text and "would decide" not in text


def test_what_the_scenario_sets_is_no_question():
    found = treated("anastrozole", "1 mg", parameters={"aromatase.testicular_km": 40.0})
    assert len(found.combinations) == 15 and "aromatase.testicular_km" not in found.combinations[0].answers
    assert "aromatase.testicular_km:" not in found.text()


def test_a_kind_of_man_is_his_share_of_those_an_answer_speaks_of(anastrozole):
    """The androgen-limited are three in ten; their change is that of means over men, untreated and treated."""
    answers = {"germ.lack": "late", "aromatase.testicular_km": "low"}
    by_answer = {
        one.answers["infertility"]: one for one in anastrozole.combinations if one.answers.items() >= answers.items()
    }
    column = COLUMNS.index(OUTPUTS[WORD].column)
    limited = parameters.hypotheses()["infertility"].answers["androgen_limited"].kinds[0]
    field, factor = next(iter(limited.man.items()))
    own = anastrozole.scenario.man.physiology
    man = {**own, field: own[field] * factor}
    before = ExpectedMan(complete(parameters.values()), man).daily_production()
    expected = 0.3 * before + 0.7 * by_answer["plain"].untreated[column]
    assert by_answer["androgen_limited"].untreated[column] == pytest.approx(expected, rel=1e-6)


def test_a_man_without_treatment_has_nothing_to_weigh():
    with pytest.raises(TestisError, match=r"has no treatment to weigh; add a \[\[therapy\]\]"):
        ta.under_hypotheses(OBESE)


def test_the_command_prints_what_was_asked_for(capsys):
    assert main(["hypotheses", "obese_anastrozole", "--days", "60", "--output", "LH"]) == 0
    printed = capsys.readouterr().out
    assert "LH: rises under 100 % of the weight" in printed and "not medical advice" in printed
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
    assert f"sperm concentration {low:+.0f} % and {high:+.0f} %." in text
    assert ("It alone turns the sign of" in text) == any(
        swing.turns(word) for swing in assumed.values() for word in words
    )
