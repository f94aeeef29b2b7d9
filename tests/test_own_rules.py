"""A user's own rules, in plain Python, in the reference engine."""

from __future__ import annotations

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


@pytest.mark.parametrize(
    ("rule", "complaint"),
    [
        (lambda p: germ.durations(p)._replace(pachytene=float("nan")), "holds no number"),
        (lambda p: germ.durations(p)._replace(pachytene=-5.0), "over 0"),
        (lambda p: 3, "returns 12 numbers"),
        (lambda: 3, "TypeError"),
        (lambda p: germ.durations(p)._replace(pachytene="16 days"), "ValueError"),
    ],
)
def test_what_a_rule_of_ones_own_returns_is_checked(rule, complaint):
    case = {"tissue": {"tubules": 1}, "plan": {"duration": "1 day"}}
    with pytest.raises(TestisError, match=r"germ\.durations") as refused:
        TestisModel(case, engine="reference", rules={"germ.durations": rule})
    assert complaint in str(refused.value)
