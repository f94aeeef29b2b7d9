"""A user's own rules, in plain Python, in the reference engine."""

from __future__ import annotations

import math
import re
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from small_tissue import assert_same

import testis_abm as ta
from testis_abm.agents.cells import GermCell
from testis_abm.agents.model import TestisModel
from testis_abm.biology import germ, steps
from testis_abm.biology.rules import RULES
from testis_abm.support.errors import TestisError

CASE = {
    "title": "own rules",
    "tissue": {"tubules": 1, "sertoli_per_tubule": 10},
    "plan": {"baseline": "2 days", "duration": "20 days", "seed": 5, "replicates": 1},
}
GUIDE = Path(__file__).parents[1] / "docs" / "python.md"


def slow_pachytene(p):
    days = germ.durations(p)
    return days._replace(pachytene=3.0 * days.pachytene)


class Slow(TestisModel):
    """A man whose spermatocytes stay pachytene for three times as long."""

    def __init__(self, scenario, **settings):
        super().__init__(scenario, **{**settings, "engine": "reference", "rules": {"germ.durations": slow_pachytene}})


@pytest.fixture(scope="module")
def normal():
    return TestisModel(CASE)


@pytest.fixture(scope="module")
def slow():
    return Slow(CASE)


def test_rules_that_do_the_same_give_the_same_cells(normal):
    same = {name: lambda *arguments, rule=rule: rule(*arguments) for name, rule in RULES.items()}
    other, compiled = TestisModel(CASE, engine="reference", rules=same), normal.branch()
    for model in (other, compiled):
        model.run_for(5)
    assert_same(compiled.tissue, other.tissue)
    assert repr(compiled.records) == repr(other.records)


def test_a_duration_is_open_and_the_steady_state_follows(normal, slow):
    before, after = normal.tissue.counts(), slow.tissue.counts()
    assert after[steps.PACHYTENE] > 1.8 * before[steps.PACHYTENE]
    cells = [cell for cell in slow.agents_by_type[GermCell] if cell.step == "round_spermatid"]
    cells[0].step = "pachytene"  # what a user sets follows the rule too
    assert cells[0].remaining_days > 2 * germ.durations(slow.tissue.p).pachytene


def test_a_release_that_never_happens():
    man = TestisModel(CASE, engine="reference", rules={"germ.is_released": lambda lineage, spermiation: False})
    assert man.flux["released"].sum() == 0
    assert np.all(man.expected_semen(3.0).total_count_million == 0)


def test_spermatids_that_are_all_freed_or_none():
    free = {
        name: TestisModel(CASE, engine="reference", rules={"germ.is_freed": lambda *_, name=name: name})
        for name in (True, False)
    }
    died = {name: man.flux["freed_round"].sum() + man.flux["freed_elongating"].sum() for name, man in free.items()}
    assert died[True] > 0 == died[False]
    assert free[False].expected_semen(3.0).immature_germ_cells_million == 0.0
    assert_same_but_freed(*free.values())


def assert_same_but_freed(one: TestisModel, other: TestisModel) -> None:
    one.tissue.events.freed[:] = other.tissue.events.freed
    assert_same(one.tissue, other.tissue)


def test_branch_checkpoint_and_untreated_control_keep_them(slow, tmp_path):
    branch, saved = slow.branch(), slow.save(tmp_path / "slow.npz")
    loaded = Slow.load(saved)
    for model in (branch, loaded):
        model.run_for(3)
    assert_same(branch.tissue, loaded.tissue)
    with pytest.raises(
        ta.TestisError, match=r"rules of the user's own \(germ.durations\).*TestisModel sets others \(none\)"
    ):
        TestisModel.load(saved)
    control = Slow(CASE, treated=False, settled=slow)
    assert control.tissue.cells.rules["germ.durations"].args[-1] is slow_pachytene
    with pytest.raises(ta.TestisError, match="settled under other rules"):
        TestisModel(CASE, settled=slow)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rules": {"germ.duration": slow_pachytene}}, "rule 'germ.duration' is not known; nearest: 'germ.durations'"),
        ({"rules": {"germ.durations": 3}}, "rule 'germ.durations' must be a function"),
        ({"rules": {"germ.durations": slow_pachytene}}, "cannot run within compiled loops; give engine='reference'"),
        ({"rules": slow_pachytene}, "is not a table"),
    ],
)
def test_what_cannot_be_a_rule_is_refused(settings, message):
    with pytest.raises(ta.TestisError, match=re.escape(message)):
        TestisModel(CASE, **settings)


def test_the_example_of_the_guide_runs():
    code = GUIDE.read_text(encoding="utf-8").split("from testis_abm.biology import germ")[1].split("```")[0]
    small = {"tissue.sertoli_per_tubule": 10, "plan.duration": "3 days", "plan.replicates": 1}
    run = partial(ta.run, overrides=small)
    names = {"ta": SimpleNamespace(TestisModel=TestisModel, run=run)}
    exec("from testis_abm.biology import germ" + code, names)
    assert names["SlowPachytene"].__name__ == "SlowPachytene"


def changed(name, **numbers):
    """Return the rule `name` with other numbers in what it returns: by field, or `of` by place."""
    places = numbers.pop("of", {})

    def rule(*arguments):
        usual = RULES[name](*arguments)
        if numbers:
            return usual._replace(**numbers)
        return tuple(places.get(place, number) for place, number in enumerate(usual))

    return rule


def fail(*_):
    raise ZeroDivisionError("by nobody")


SMALL = {"tissue": {"tubules": 1, "sertoli_per_tubule": 10}, "plan": {"duration": "1 day", "replicates": 1}}


@pytest.mark.parametrize(
    ("name", "rule", "complaint"),
    [
        ("sertoli.aromatase", lambda *_: -1.0, "returned -1.0; it must be a finite number of 0 or more"),
        ("sertoli.inhibin", lambda *_: math.inf, "returned inf; it must be a finite number"),
        ("leydig.aromatase", lambda *_: "1", 'returned "1"; it must be a finite number'),
        ("leydig.aromatase", lambda *_: None, "returned None; it must be"),
        ("leydig.aromatise", lambda *_: True, "returned true; it must be"),
        ("leydig.day", changed("leydig.day", of={1: -1.0}), "returned -1.0 as number 2; it must be"),
        ("sertoli.day", lambda *_: None, "returned None; the rule it replaces returns 4 numbers"),
        ("sertoli.day", lambda *_: (x for x in (1.0, 1.0, 1.0)), "the rule it replaces returns 4 numbers"),
        ("sertoli.day", lambda *_: ((1.0, 1.0), 1.0), "of 2; the rule it replaces returns 4 numbers"),
        ("sertoli.signals", changed("sertoli.signals", lack=2.0), "2.0 as lack; it must be a number from 0 to 1"),
        ("sertoli.rates", changed("sertoli.rates", pachytene_hazard=-0.1), "-0.1 as pachytene_hazard; it must be"),
        (
            "germ.durations",
            changed("germ.durations", pachytene=math.nan),
            "nan as pachytene; it must be a finite number of",
        ),
        ("germ.durations", changed("germ.durations", pachytene=-5.0), "number of days over 0"),
        ("germ.durations", changed("germ.durations", pachytene="16 days"), 'returned "16 days" as pachytene'),
        ("germ.durations", lambda p: 3, "returns 12 numbers: a_dark, a_pale"),
        ("germ.durations", lambda: 3, "TypeError"),
        ("germ.durations", fail, "ZeroDivisionError: by nobody"),
        ("germ.on_entering", changed("germ.on_entering", of={0: -50.0}), "-50.0 as number 1; it must be"),
        ("germ.on_entering", lambda *_: [(1.0, 2.0), 3.0], "as number 1; it must be"),
        ("germ.first_share", lambda *_: -1, "returned -1; it must be a number from 0 to 1"),
        ("germ.clone_of", lambda *_: -5, "a whole number from 0 to 4294967295"),
        ("germ.clone_of", lambda *_: 2**70, "a whole number from 0 to 4294967295"),
        ("germ.clone_of", lambda *_: 0.5, "a whole number from 0 to 4294967295"),
        ("germ.is_released", lambda *_: "no", 'returned "no"; it must be True or False'),
        ("germ.freed_share", lambda *_: 1.5, "returned 1.5; it must be a number from 0 to 1"),
        ("germ.is_freed", lambda *_: None, "returned None; it must be True or False"),
        (
            "niche.a_pale_turn",
            changed("niche.a_pale_turn", lost="no"),
            'returned "no" as lost; it must be True or False',
        ),
        (
            "niche.a_pale_turn",
            lambda *_: (False, 0.5),
            "the rule it replaces returns 6 numbers: lost, share, founds, leaves",
        ),
        ("niche.a_dark_turn", lambda *_: 1, "the rule it replaces returns 2 numbers"),
        ("germ.next_event", lambda *_: (7, 0.0), "returned 7 as number 1; it must be germ.LIVES"),
        ("germ.next_event", lambda ends, *_: (germ.COMPLETES, ends), "COMPLETES on day"),
        ("germ.next_event", lambda *arguments: (germ.COMPLETES, arguments[-1]), "COMPLETES on day"),
    ],
)
def test_what_a_rule_of_ones_own_returns_is_checked(name, rule, complaint):
    with pytest.raises(TestisError, match=re.escape(f"rule '{name}'")) as refused:
        TestisModel(SMALL, engine="reference", rules={name: rule}).run_for(1)
    assert complaint in str(refused.value) and "\n" not in str(refused.value)


def test_a_rule_may_return_arrays_and_plain_tuples(normal):
    as_arrays = {
        name: lambda *arguments, rule=RULES[name]: np.array(rule(*arguments))
        for name in ("sertoli.day", "sertoli.signals", "sertoli.rates", "germ.durations", "leydig.aromatase")
    }
    other, compiled = TestisModel(CASE, engine="reference", rules=as_arrays), normal.branch()
    for model in (other, compiled):
        model.run_for(2)
    assert_same(compiled.tissue, other.tissue)
