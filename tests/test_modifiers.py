"""Named rates changed from outside: checked, composed, recorded, and the same in both engines."""

from __future__ import annotations

import numpy as np
import pytest
from small_tissue import assert_same

import testis_abm as ta
from testis_abm import TestisError, TestisModel, load
from testis_abm.biology import steps

CASE = {
    "title": "changed from outside",
    "tissue": {"tubules": 2, "rows": 1, "sertoli_per_tubule": 10},
    "plan": {"baseline": "2 days", "duration": "120 days", "seed": 2},
}


def model(engine="compiled"):
    return TestisModel(load(CASE), rng=5, engine=engine)


@pytest.mark.parametrize(
    ("rates", "amount", "said"),
    [
        ("pachyten_hazard", {}, "rate 'pachyten_hazard' is not known; nearest: 'pachytene_hazard'"),
        ("meiosis_occupancy", {"factor": 2}, "is not known"),
        ("pachytene_hazard", {"factor": -1.0}, "factor -1 is negative"),
        ("pachytene_hazard", {"added": float("nan")}, "added must be one finite number.*, not nan$"),
        ("pachytene_hazard", {"added": [0.1, 0.2]}, r"one for each of 20 Sertoli cells, not an array of shape \(2,\)$"),
        ("pachytene_hazard", {"added": [0.1] * 19 + [np.inf]}, r"not an array of shape \(20,\) with inf"),
        ("pachytene_hazard", {"added": []}, r"not an array of shape \(0,\)$"),
        ("pachytene_hazard", {"factor": lambda model: 1 / 0}, "factor: ZeroDivisionError: division by zero"),
        ("leydig_secretion", {"factor": np.ones(20)}, "holds for the whole tissue"),
        ("pachytene_hazard", {"added": lambda model: "x"}, 'added must be a number.*, not "x"'),
    ],
)
def test_what_is_no_change_is_told(rates, amount, said):
    one = model()
    with pytest.raises(TestisError, match=f"modifier 'mine'.*{said}"):
        one.modify("mine", rates, **amount)
        one.step()


@pytest.mark.parametrize(
    ("rates", "amount", "said"),
    [
        (5, {}, "name a rate or a list of rates, not 5"),
        ([], {}, "name a rate or a list of rates"),
        ("pachytene_hazard", {}, "give factor, added or both"),
        ("pachytene_hazard", {"added": "x"}, 'added must be a number.*, not "x"'),
        ("pachytene_hazard", {"factor": [[1], [2, 3]]}, "factor must be a number.*, not \\[\\[...\\], \\[...\\]\\]"),
    ],
)
def test_what_is_no_change_is_told_at_once(rates, amount, said):
    one = model()
    with pytest.raises(TestisError, match=f"modifier 'mine': {said}"):
        one.modify("mine", rates, **amount)
    assert not one.modifiers


@pytest.mark.parametrize("name", [None, 5, "", " ", "a\nb"])
def test_a_modifier_has_a_name(name):
    one = model()
    with pytest.raises(TestisError, match="name it by a line of text") as refused:
        one.modify(name, "pachytene_hazard", factor=2.0)
    assert "\n" not in str(refused.value) and not one.modifiers


def test_what_leaves_the_physical_range_is_named_with_what_was_put_in():
    one = model()
    one.modify("flood", "leydig_secretion", factor=1e308)
    with pytest.raises(TestisError) as refused:
        one.run_for(5)
    assert "testosterone_nmol_l" in str(refused.value) and "look at your own modifiers (flood)" in str(refused.value)
    rules = {"sertoli.inhibin": lambda fsh, germ, p: 1e308}
    with pytest.raises(TestisError) as refused:
        TestisModel({"tissue": {"tubules": 1}}, engine="reference", rules=rules)
    assert "inhibin" in str(refused.value) and "your own rules (sertoli.inhibin)" in str(refused.value)
    assert "testosterone" not in str(refused.value)


class Still(ta.TestisModel):
    """A man whose step lives no day."""

    def step(self):
        pass


def test_a_step_that_lives_no_day_is_refused():
    with pytest.raises(TestisError, match=r"Still.step\(\) lived no day.*call super\(\).step\(\)"):
        ta.run(CASE, model=Still)


@pytest.mark.parametrize(
    "change",
    [
        {"rates": "pachytene_hazard", "added": 0.3},
        {"rates": ["round_spermatid_hazard", "spermiation"], "factor": np.linspace(0.2, 3.0, 20)},
        {"rates": "a_pale_hazard", "added": lambda one: 0.2 if one.day % 3 == 0 else 0.0},
        {"rates": ["leydig_secretion", "sertoli_aromatase"], "factor": 0.4},
        {"rates": "androgen_half", "factor": 8.0},
    ],
)
def test_engines_agree_under_a_change(change):
    pair = [model(engine) for engine in ("compiled", "reference")]
    for one in pair:
        one.modify("mine", **change)
        one.run_for(25)
    assert_same(pair[0].tissue, pair[1].tissue)
    assert repr(pair[0].records) == repr(pair[1].records)
    untouched = model()
    untouched.run_for(25)
    assert repr(untouched.records["tissue"]) != repr(pair[0].records["tissue"])


def test_factors_multiply_and_additions_add_up():
    one = model()
    one.modify("a", "pachytene_hazard", factor=2.0, added=0.1)
    one.modify("b", ["pachytene_hazard", "commitment"], factor=np.linspace(0.5, 1.5, 20), added=0.05)
    plain = model()
    for of in (one, plain):
        of.run_for(1)
    rates, before = (of.tissue.columns.sertoli.rates for of in (one, plain))
    at = steps.RATES.index("pachytene_hazard")
    factor = 2.0 * np.linspace(0.5, 1.5, 20).reshape(2, 10)
    np.testing.assert_allclose(rates[:, at], before[:, at] * factor + 0.15)
    assert rates[:, steps.COMMITMENT].max() <= 1.0
    named = [(name, rate) for _, name, rate, *_ in one.records["modifiers"]]
    assert named == [("a", "pachytene_hazard"), ("b", "pachytene_hazard"), ("b", "commitment")]
    del one.modifiers["b"]
    one.modify("a", "pachytene_hazard", factor=1.0)
    one.run_for(1)
    assert one.records["modifiers"][-1][1:] == ("a", "pachytene_hazard", 1.0, 0.0)


class Heat(ta.TestisModel):
    """Three hot days."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.modify("heat", "pachytene_hazard", added=lambda one: 1.0 if 0 <= one.day < 3 else 0.0)


def test_heat_on_spermatocytes_lowers_sperm_a_month_later_and_is_recorded():
    case = {**CASE, "tissue": {"tubules": 24}, "samples": {"semen": {"every": "2 days"}}}
    case["plan"] = {**CASE["plan"], "replicates": 2}
    hot = ta.run(case, model=Heat)
    cool = ta.run(case)
    course = [of.semen.groupby("day")["expected_concentration_million_ml"].mean() for of in (hot, cool)]
    ratio = course[0] / course[1]
    assert ratio.loc[:16].min() > 0.97  # sperm that were past meiosis come through
    assert 28 <= ratio.idxmin() <= 50 and ratio.min() < 0.7
    assert ratio.loc[90:].mean() == pytest.approx(1.0, abs=0.1)
    table = hot.tables["modifiers"]
    assert set(table.query("added > 0")["day"]) == {1, 2, 3}  # the mornings after the days of heat
    assert cool.tables["modifiers"].empty
