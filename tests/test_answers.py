"""Lives under plausible models by their answers to what the data do not decide: of one man, and of men who match laboratory values."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from testis_abm import TestisError, load, parameters
from testis_abm.choices import TREATED
from testis_abm.population import report
from testis_abm.population.predict import by_answer, predict, predict_with
from testis_abm.results import plausible
from testis_abm.scenario import Man
from testis_abm.statistics import LEAST_MEN
from testis_abm.studies.ensemble import best, shipped

LETROZOLE = {"drug": "letrozole", "dose": "2.5 mg", "every": "1 day"}
CASE = load({"title": "x", "plan": {"duration": "60 days"}, "therapy": [LETROZOLE]})
QUESTIONS = parameters.hypotheses()
OF_ALL = {name: of for name, of in QUESTIONS.items() if of.sperm_below is None}
COLUMN = plausible.SPERM[0]


class Alone:
    """An ensemble of one set, whatever the men."""

    def __init__(self, **answers):
        self.own = best()[0]
        for question, answer in answers.items():
            self.own = self.own.answering(question, answer)

    def knowing(self, known):
        return self

    def drawn(self, n, seed=1):
        return [self.own] * n


def men(*presets):
    return pd.DataFrame([Man(preset=name).physiology for name in presets])


# ---- draws of an ensemble


@pytest.mark.parametrize("n", [9, 20, 27, 100])
def test_draws_hold_each_combination_of_answers_as_often_as_it_weighs(n):
    counts = Counter(tuple(own.answers[name] for name in OF_ALL) for own in shipped().drawn(n, seed=3))
    for answers in itertools.product(*(of.answers.values() for of in OF_ALL.values())):
        expected = n * math.prod(answer.weight for answer in answers)
        assert abs(counts[tuple(answer.name for answer in answers)] - expected) < 1.0


def test_the_first_draws_are_no_one_answer():
    first = {tuple(own.answers[name] for name in OF_ALL) for own in shipped().drawn(100)[:20]}
    assert len(first) > 4


# ---- what becomes of men


@pytest.fixture(scope="module")
def prediction():
    several = men(*["idiopathic_oligozoospermia"] * 20, *["fertile"] * 20, "sertoli_cell_only")
    return several, predict_with(several, CASE, shipped())


def test_answers_partition_the_men_and_a_fertile_man_has_no_question_of_infertility(prediction):
    several, (before, after, answers) = prediction
    assert answers.index.equals(several.index) and [*answers] == [*QUESTIONS]
    for name, of in OF_ALL.items():
        assert set(answers[name]) <= of.answers.keys()
    assert set(answers["infertility"][:20]) <= QUESTIONS["infertility"].answers.keys()
    assert (answers["infertility"][20:40] == "").all()
    table = plausible.by_answer(by_answer(before, after, answers), TREATED, men=True)
    counts = table["men"].astype(int).groupby(level=0).sum()
    assert counts["germ.lack"] == counts["aromatase.testicular_km"] == counts[""] == 40  # who have sperm
    assert counts["infertility"] == 20


def test_a_man_under_a_set_is_the_man_alone():
    alone, together = (
        predict(men("fertile", "obese_low_t_e2"), CASE),
        predict_with(men("fertile", "obese_low_t_e2"), CASE, best()),
    )
    for one, other in zip(alone, together):
        pd.testing.assert_frame_equal(one, other)


def test_an_answer_that_sets_nothing_changes_nothing():
    several = men("idiopathic_oligozoospermia", "idiopathic_oligozoospermia")
    plain, regression, limited = (
        predict_with(several, CASE, Alone(infertility=name)) for name in ("plain", "regression", "androgen_limited")
    )
    for one, other in zip(plain[:2], regression[:2]):
        pd.testing.assert_frame_equal(one, other)
    assert [*plain[2]["infertility"]] == ["plain"] * 2 and [*limited[2]["infertility"]] == ["androgen_limited"] * 2


def test_each_man_is_of_a_kind_by_a_draw_of_his_own():
    """Of men alike, each under a set of his own, three in five are limited by FSH."""
    several = men(*["idiopathic_oligozoospermia"] * 60)
    _, after, _ = predict_with(several, CASE, Alone(infertility="fsh_limited"))
    kinds = after["concentration_million_ml"].round(6).value_counts(normalize=True)
    assert len(kinds) == 2 and 0.45 < kinds.max() < 0.75


def test_what_the_scenario_sets_is_no_question():
    known = load({**CASE.as_dict(), "parameters": {"aromatase": {"testicular_km": 40.0}}})
    before, after, answers = predict_with(men(*["fertile"] * 12), known, shipped())
    assert set(answers["aromatase.testicular_km"]) == {"high"} and len(set(answers["germ.lack"])) > 1
    table = by_answer(before, after, answers)
    assert set(table["question"]) == {"", "germ.lack"}
    assert "testicular_km:" not in report.answered(before, after, answers)
    known = load({**CASE.as_dict(), "parameters": {"aromatase": {"testicular_km": 15.0}}})
    assert set(predict_with(men(*["fertile"] * 3), known, shipped())[2]["aromatase.testicular_km"]) == {""}


def test_the_prediction_prints_what_it_hangs_on(prediction):
    several, (before, after, answers) = prediction
    text = " ".join(report.predicted(before, after, pd.Series(["none"] * len(several)), answers).split())
    for name, of in QUESTIONS.items():
        assert f"{name}: {of.question}" in text
    assert "Sperm concentration " in text and " of the men" in text and not re.search(r"\bnan\b", text)
    alone = report.predicted(before, after, pd.Series(["none"] * len(several)), None)
    assert "by answer" not in alone and "germ.lack" not in alone
    few = report.predicted(before, after, pd.Series(["none"] * len(several)), answers, dependable=False)
    assert "germ.lack" not in few


@pytest.mark.parametrize(("sets", "ensemble"), [(0, best()), ("many", best()), (2, "ensemble.csv"), (2, None)])
def test_a_prediction_needs_an_ensemble_and_a_number_of_sets(sets, ensemble):
    with pytest.raises(TestisError, match=r"sets|ensemble"):
        predict_with(men("fertile"), CASE, ensemble, sets=sets)


# ---- signs and what they hang on


def lives(changes, answers, weights=None):
    """Return lives of one quantity with such changes, %."""
    levels = {COLUMN: 10.0 * np.array([np.ones(len(changes)), 1.0 + np.asarray(changes) / 100.0])}
    return plausible.Lives(pd.DataFrame(answers), ("untreated", TREATED), levels, {COLUMN: 0.05}, weights)


def turned(found):
    return plausible.turning(found.table(), TREATED, [COLUMN])


def lack(*names):
    return {"germ.lack": list(names), "aromatase.testicular_km": ["low"] * len(names)}


def test_a_sign_hangs_on_the_answer_that_turns_it():
    assert turned(lives([10, -10], lack("none", "monkey"), np.array([0.9, 0.1]))) == ["germ.lack"]
    assert turned(lives([10, 12], lack("none", "monkey"), np.array([0.9, 0.1]))) == []
    assert turned(lives([10, -1], lack("none", "monkey"), np.array([0.9, 0.1]))) == []


def test_a_sign_hangs_on_both_answers_of_a_corner():
    corner = {"germ.lack": ["late", "late", "monkey", "monkey"], "aromatase.testicular_km": ["low", "high"] * 2}
    found = lives([10, 8, 9, -30], corner, np.full(4, 0.25))
    assert turned(found) == ["germ.lack", "aromatase.testicular_km"]


def test_few_men_turn_no_sign_and_have_no_interval():
    few, enough = LEAST_MEN - 1, LEAST_MEN
    for count, expected in ((few, []), (enough, ["germ.lack"])):
        changes, names = [10.0] * 30 + [-10.0] * count, ["none"] * 30 + ["monkey"] * count
        found = lives(changes, lack(*names))
        assert turned(found) == expected
        row = plausible.by_answer(found.table(), TREATED, [COLUMN], men=True).loc[("germ.lack", "monkey")]
        assert row["men"] == str(count) and ("(" in row.iloc[1]) == (count >= LEAST_MEN)


def test_chance_among_men_turns_no_sign():
    """Two men in three of an answer fall: as many do of ten by chance."""
    names = ["none"] * 30 + ["monkey"] * 9
    assert turned(lives([10.0] * 30 + [-10.0] * 6 + [10.0] * 3, lack(*names))) == []


def test_the_questions_of_a_verdict_are_decided_by_what_the_file_says():
    table = lives([10, -10], lack("none", "monkey"), np.array([0.75, 0.25])).table()
    (verdict,), (decides,) = plausible.verdicts(table, TREATED, [COLUMN]), plausible.deciding(table, TREATED)
    assert verdict == (
        "Sperm concentration rises under 75 % of the weight, falls under 25 %. Its sign hangs on "
        f'"{QUESTIONS["germ.lack"].question}" (germ.lack).'
    )
    assert QUESTIONS["germ.lack"].decided_by in decides


def test_of_nothing_there_is_no_change_and_some_of_nothing_is_a_rise():
    levels = {COLUMN: np.array([[0.0, 0.01, 0.0], [0.0, 0.02, 3.0]])}
    table = plausible.Lives(pd.DataFrame(lack(*["none"] * 3)), ("untreated", TREATED), levels, {COLUMN: 0.05}).table()
    row = plausible.of_all(table, TREATED).loc[COLUMN]
    assert np.isnan(row[["change_pct", "low_pct", "high_pct"]].astype(float)).all() and row["rises"] == 1.0
    none = {COLUMN: np.zeros((2, 9))}
    table = plausible.Lives(pd.DataFrame(lack(*["none"] * 9)), ("untreated", TREATED), none, {COLUMN: 0.05}).table()
    assert list(plausible.verdicts(table, TREATED, [COLUMN])) == ["Sperm concentration: none to compare with."]


@settings(max_examples=30)
@given(
    some.lists(
        some.tuples(
            some.sampled_from([*QUESTIONS["germ.lack"].answers]),
            some.sampled_from([*QUESTIONS["aromatase.testicular_km"].answers]),
            some.floats(-90.0, 200.0),
            some.floats(0.01, 1.0),
        ),
        min_size=1,
        max_size=40,
    )
)
def test_answers_partition_lives(rows):
    first, second, changes, raw = zip(*rows)
    weights = np.array(raw) / sum(raw)
    answers = {"germ.lack": first, "aromatase.testicular_km": second}
    for given_weights in (weights, None):
        table = lives(changes, answers, given_weights).table()
        treated = table[table["arm"] == TREATED]
        whole = treated[treated["question"] == ""].iloc[0]
        assert whole[["falls", "stays", "rises"]].sum() == pytest.approx(1.0)
        for question, of in treated.groupby("question"):
            assert of["sets"].sum() == len(rows)
            if given_weights is not None:
                assert of["weight"].sum() == pytest.approx(1.0)
            assert question == "" or len(of) > 1
        both = {change < -plausible.SAME for change in changes if abs(change) >= plausible.SAME}
        assert len(both) == 2 or not treated["turns"].any()
