"""Which single numbers a treatment's effect hangs on."""

from __future__ import annotations

import numpy as np
import pytest

import testis_abm as ta
from testis_abm import TestisError, parameters
from testis_abm.experiments.one_at_a_time import numbers, one_at_a_time
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, of_expected
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.scenario import Scenario

WORD = "sperm concentration"
CASE = {
    "title": "obese",
    "man": {"preset": "obese_low_t_e2"},
    "plan": {"baseline": "0 days", "duration": "120 days"},
    "therapy": [{"drug": "letrozole", "dose": "2.5 mg", "every": "1 day", "until": "day 100"}],
}
KM, KI = "aromatase.testicular_km", "drug.letrozole.inhibition_constant"


@pytest.fixture(scope="module")
def swings():
    return {
        swing.name: swing
        for swing in one_at_a_time(CASE, [KM, KI, "outcome.azoospermic_below", "axis.lh_clearance_per_day"])
    }


def test_each_end_is_the_man_with_that_number_alone(swings):
    case = ta.load({**CASE, "parameters": {KM: swings[KM].number.high}})
    treatment = Treatment(case)
    man = ExpectedMan(complete(parameters.values(case.parameters)), case.man.physiology, treatment.kinetics)
    treatment.follow(man)
    column = COLUMNS.index(OUTPUTS[WORD].column)
    before, after = (of_expected(man, day, Scenario())[column] for day in (0, 100))
    assert swings[KM].of(WORD)[2] == pytest.approx(100.0 * (after / before - 1.0), rel=1e-5)


def test_the_middle_is_the_tables_and_the_same_for_all(swings):
    middle = [swing.changes[1] for swing in swings.values()]
    assert all(np.array_equal(one, middle[0], equal_nan=True) for one in middle)


def test_span_and_sign_are_of_the_three(swings):
    low, usual, high = swings[KM].of(WORD)
    assert low >= usual > high  # the less testosterone shields the enzyme, the less local oestradiol is left
    assert swings[KM].span(WORD) == pytest.approx(low - high)
    assert swings[KI].of(WORD)[0] < swings[KI].of(WORD)[2]  # a stronger inhibitor
    column = COLUMNS.index(OUTPUTS[WORD].column)
    for ends, turns in (((-5.0, 1.0, 5.0), True), ((-1.0, 4.0, 5.0), False), ((-5.0, -4.0, 1.0), False)):
        changes = np.zeros((3, len(COLUMNS)))
        changes[:, column] = ends
        assert swings[KM]._replace(changes=changes).turns(WORD) == turns


def test_what_moves_nothing_and_what_the_scenario_sets_is_left_out(swings):
    assert "outcome.azoospermic_below" not in swings
    set_there = ta.load({**CASE, "parameters": {KM: 7.0}})
    assert KM not in numbers(set_there) and KM in numbers(ta.load(CASE)) and KI in numbers(set_there)
    with pytest.raises(TestisError, match=r"aromatase\.testicular_km"):
        one_at_a_time(set_there, [KM])


def test_how_men_are_measured_matters_only_where_it_decides_on_doses():
    rule = {**CASE, "therapy": [{**CASE["therapy"][0], "when": "oestradiol > 20 pg/mL"}]}
    assert "laboratory.oestradiol_limit" not in numbers(ta.load(CASE))
    assert "laboratory.oestradiol_limit" in numbers(ta.load(rule))


def test_wrong_questions_are_refused():
    with pytest.raises(TestisError, match=r"has no treatment to weigh; add a \[\[therapy\]\]"):
        one_at_a_time({**CASE, "therapy": []})
    with pytest.raises(TestisError, match=r"names: .*germ\.rooms.*germ\.room"):
        one_at_a_time(CASE, ["germ.rooms"])
    with pytest.raises(TestisError, match=r"names: .*drug\.anastrozole\.inhibition_constant"):
        one_at_a_time(CASE, ["drug.anastrozole.inhibition_constant"])  # he has letrozole
