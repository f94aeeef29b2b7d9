"""Rules without coding: words and units, the same bits in both engines, the mean-field man, arms, sweeps and own files."""

from __future__ import annotations

import math
import re

import numpy as np
import pandas as pd
import pytest
from small_tissue import assert_same

import testis_abm as ta
from testis_abm import TestisError, TestisModel, load
from testis_abm.agents.own_file import OwnFile
from testis_abm.biology import axis, steps
from testis_abm.biology.sertoli import Signals
from testis_abm.choices import EXPECTED, TREATED, UNTREATED
from testis_abm.experiments.outputs import COLUMNS
from testis_abm.experiments.task import Job, Task, perform
from testis_abm.man.own_rules import hill
from testis_abm.scenario import Rule, grammar
from testis_abm.testis.changes import NUMBERS

CASE = {
    "title": "with rules",
    "tissue": {"tubules": 1, "rows": 2, "sertoli_per_tubule": 10},
    "plan": {"baseline": "2 days", "duration": "40 days", "seed": 2},
}
DEATH = "in pachytene spermatocytes, intratesticular E2 increases death from 1 to {}-fold with half-maximum 6 nmol/L and Hill power 2"
MANY = [
    DEATH.format(6) + ", from day 3 to day 25",
    "in round spermatids, androgen signal decreases death to 0.2-fold with half-maximum 1 x, from day 0",
    "in Sertoli cells, testosterone decreases inhibin B to 0.5-fold with half-maximum 10 nmol/L",
    "in elongated spermatids, intratesticular T decreases release to 0.3-fold with half-maximum 300 nmol/L and Hill power 8",
    "in Leydig cells, FSH increases testosterone output to 1.5-fold with half-maximum 4 IU/L, from day 5",
    "in pachytene spermatocytes, day increases duration to 1.2-fold with half-maximum day 10, from day 1",
    "in primary spermatocytes, anastrozole level increases death from 0 to 0.05/day with half-maximum 20 ng/mL, from day 1",
]
ON_DRUG = CASE | {"rule": MANY, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]}


def lived(case, days=42, **settings):
    man = TestisModel(load(case), rng=5, **settings)
    man.run_for(days)
    return man


def expected(case, days=(0, 40), arms=(UNTREATED, TREATED), **overrides):
    """Return levels of the mean-field man: (arm, day) -> output -> level."""
    job = Job({"": load(case, overrides=overrides).as_dict()}, days, EXPECTED, arms)
    return {(arm, day): dict(zip(COLUMNS, levels, strict=True)) for arm, day, *levels in perform(job, Task(0, 0))}


# ---- words


def test_every_word_names_what_there_is():
    for row in grammar.BEHAVIOURS.values():
        for cell, changed in row.changes.items():
            assert cell in grammar.CELLS
            assert set(changed) <= {*(steps.RATES if row.of_rates else NUMBERS)}
    for row in grammar.SIGNALS.values():
        assert row.where != grammar.BLOOD or row.key in axis.DAY.names
        assert row.where != grammar.SENSED or row.key in Signals._fields
    assert {step for of in grammar.CELLS.values() for step in of} == set(steps.NAMES) - {"a_dark"}


@pytest.mark.parametrize("cell", grammar.CELLS)
def test_a_sentence_says_the_rule_and_reads_back(cell):
    for row in grammar.behaviours_of(cell):
        for signal in [*grammar.SIGNALS.values(), grammar.signal("level of anastrozole")]:
            half = "day 9" if signal.where == grammar.PLAN else f"2.5 {signal.unit}"
            for given in (
                {"effect": "increases", "to": 1.5, "from_": "day 2"},
                {"effect": "decreases", "to": "60 %", "until": "day 9", "power": 3.5},
            ):
                rule = Rule(cell, signal.label, row.label, half=half, **given)
                assert Rule.parse(rule.sentence) == rule
                assert Rule(**rule.as_dict()) == rule


@pytest.mark.parametrize("signal", grammar.SIGNALS.values(), ids=lambda row: row.label)
def test_units_are_converted(signal):
    if signal.where != grammar.PLAN:
        for unit, factor in signal.units.items():
            rule = Rule("B spermatogonium", signal.label, "death", effect="increases", to=2, half=f"3 {unit}")
            assert rule.half == pytest.approx(3.0 * factor)


def test_words_that_clinics_write_mean_the_same():
    one = Rule("pachytene", "ITE", "apoptosis", effect="raises", to="3-fold", half="5 nmol/L")
    assert one == Rule(
        "pachytene spermatocytes", "intratesticular estradiol", "death", effect="increases", to=3, half="5 nmol/L"
    )
    assert Rule("Leydig", "E2", "testosterone", effect="reduces", to=0.5, half="30 pg/mL").half == pytest.approx(110.1)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"to": 0.5}, 'to: 0.5-fold is under 1 and decreases death; write effect = "decreases", or to = 2'),
        (
            {"effect": "decreases"},
            'to: 3-fold is over 1 and increases death; write effect = "increases", or to = 0.333333',
        ),
        ({"cell": "pachitene"}, 'nearest: "pachytene spermatocyte"'),
        (
            {"cell": "Sertoli cell"},
            "Sertoli cells have no death that a rule can change; Sertoli cells have: aromatase, inhibin B",
        ),
        ({"behaviour": "deth"}, 'nearest: "death"; pachytene spermatocytes have: death, duration'),
        ({"signal": "intratesticlar E2"}, 'nearest: "intratesticular E2"'),
        ({"signal": "testosterone_enanthate level"}, "name the hormone"),
        ({"half": "5 IU/L"}, 'unit "IU/L" is not one of intratesticular E2; known: nmol/L'),
        ({"half": 5}, "has no unit"),
        ({"half": "0 nmol/L"}, "above 0"),
        ({"to": "much"}, "write a fold"),
        ({"to": math.nan}, "allowed: 0 to 1000-fold"),
        ({"to": "0.1/day", "effect": "decreases"}, "cannot decrease death"),
        ({"behaviour": "duration", "to": "0.1/day"}, "is a hazard, and duration has none"),
        ({"power": 0}, "allowed: above 0 to 20"),
        ({"from": "day -3"}, "day -3 is in the baseline"),
        ({"until": "day 0"}, "not after from"),
        ({"from": "day 99"}, "not before the end of the plan"),
        ({"colour": 1}, 'key "colour" is not known'),
    ],
)
def test_bad_input_is_one_error_with_the_fix(changed, said):
    table = {
        "cell": "pachytene",
        "signal": "ITE",
        "behaviour": "death",
        "effect": "increases",
        "half": "5 nmol/L",
        "to": 3.0,
    }
    with pytest.raises(TestisError, match=re.escape(said)) as error:
        load(CASE | {"rule": [table | changed]})
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            ["in pachytene spermatocytes something"],
            'rule 1: "in pachytene spermatocytes something" is no rule in words; write',
        ),
        ([DEATH.format(2).replace("from 1", "from 0")], "a fold comes from 1"),
        ([{"rule": DEATH.format(2), "to": 3}], "rule 1: has to beside rule"),
        ([3], "rule 1: 3 is not a table"),
    ],
)
def test_a_wrong_sentence_is_told(rules, said):
    with pytest.raises(TestisError, match=re.escape(said)):
        load(CASE | {"rule": rules})


def test_a_hill_curve_is_half_at_its_half_and_none_of_none():
    np.testing.assert_allclose(hill(np.array([0.0, 5.0, 1e9]), 5.0, 4.0), [0.0, 0.5, 1.0], atol=1e-12)
    assert hill(10.0, 5.0, 2.0)[0] == pytest.approx(0.8)


# ---- arms


def test_a_rule_with_days_is_of_the_treated_man_and_one_without_of_both():
    scenario = load(CASE | {"rule": [DEATH.format(6), DEATH.format(2) + ", from day 3"]})
    assert scenario.treated
    assert [rule.standing for rule in scenario.rule] == [True, False]
    assert scenario.untreated().rule == scenario.rule[:1]
    assert not load(CASE | {"rule": DEATH.format(6)}).treated
    assert scenario.heading == "with rules [own rule]"
    assert load(scenario.as_dict()) == scenario


def test_the_untreated_control_does_not_know_of_a_rule_with_days():
    control = lived(CASE | {"rule": [DEATH.format(9) + ", from day 0"]}, treated=False)
    assert_same(control.tissue, lived(CASE, treated=False).tissue)
    assert not control.records["modifiers"]


# ---- engines


def tables(man):
    return {name: [tuple(row) for row in rows] for name, rows in man.records.items() if name != "modifiers"}


def test_both_engines_give_the_same_bits_under_rules_and_go_on_so():
    man = lived(ON_DRUG)
    other = lived(ON_DRUG, engine="reference")
    assert_same(man.tissue, other.tissue)
    assert str(man.records) == str(other.records)
    assert {row.modifier.split(":")[0] for row in man.records["modifiers"]} == {f"rule {i}" for i in range(1, 8)}


def test_a_saved_man_goes_on_under_his_rules(tmp_path):
    man = lived(ON_DRUG, 20)
    again = TestisModel.load(man.save(tmp_path / "man.npz"))
    for one in (man, again):
        one.run_for(22)
    assert_same(man.tissue, again.tissue)
    assert str(tables(man)["hormones"]) == str(tables(again)["hormones"])
    assert str(man.records["modifiers"]) == str(again.records["modifiers"])


@pytest.mark.parametrize("span", ["", ", from day 0"])
def test_a_rule_that_changes_nothing_gives_the_same_bits(span):
    output = f"in Leydig cells, LH increases testosterone output to 1-fold with half-maximum 4 IU/L{span}"
    neutral = CASE | {"rule": [DEATH.format(1) + span, output]}
    assert str(tables(lived(CASE))) == str(tables(lived(neutral)))
    assert str(expected(CASE, arms=(UNTREATED,))) == str(expected(neutral, arms=(UNTREATED,)))
    on_drug = {"therapy": ON_DRUG["therapy"]}
    assert str(expected(CASE | on_drug)) == str(expected(neutral | on_drug))


def test_a_rule_is_the_same_as_a_modifier_of_the_same_numbers():
    ruled = lived(CASE | {"rule": [DEATH.format(6) + ", from day 0"]})
    man = TestisModel(load(CASE), rng=5)

    def fold(model):
        local = model.tissue.levels.oestradiol.ravel()
        return 1.0 + 5.0 * hill(local, 6.0, 2.0) if model.day >= 0 else 1.0

    man.modify("by hand", "pachytene_hazard", factor=fold)
    man.run_for(42)
    assert str(tables(man)) == str(tables(ruled))


def test_a_rule_that_is_always_at_work_is_the_man_who_was_born_so():
    rule = "in Sertoli cells, FSH decreases androgen sensitivity to 0.6-fold with half-maximum 0.0001 IU/L and Hill power 20"
    ruled = expected(CASE | {"rule": [rule]}, arms=(UNTREATED,))[UNTREATED, 40]
    born = expected(CASE | {"man": {"sertoli_androgen_sensitivity": 0.6}}, arms=(UNTREATED,))[UNTREATED, 40]
    for name in ("daily_production_million_g", "inhibin_b_pg_ml", "fsh_iu_l", "testosterone_nmol_l"):
        assert ruled[name] == pytest.approx(born[name], rel=1e-6), name


def test_the_steady_state_is_found_under_a_rule_that_always_holds():
    rules = [
        DEATH.format(12),
        "in Leydig cells, E2 decreases testosterone output to 0.5-fold with half-maximum 30 pg/mL",
        "in A-pale spermatogonia, FSH decreases commitment to 0.5-fold with half-maximum 4 IU/L",
    ]
    course = expected(CASE | {"rule": rules}, days=(0, 20, 40), arms=(UNTREATED,))
    first, *later = course.values()
    for levels in later:
        for name in ("testosterone_nmol_l", "lh_iu_l", "daily_production_million_g"):
            assert levels[name] == pytest.approx(first[name], rel=1e-4), name
    assert (
        first["lh_iu_l"] > 1.1 * expected(CASE, arms=(UNTREATED,))[UNTREATED, 0]["lh_iu_l"]
    )  # feedback makes up for it
    cells = lived(CASE | {"rule": rules}, 30)
    blood = [row.testosterone_nmol_l for row in cells.records["hormones"]]
    assert blood[-1] == pytest.approx(blood[0], rel=0.02)
    assert blood[-1] == pytest.approx(first["testosterone_nmol_l"], rel=0.02)


def test_the_mean_field_man_agrees_with_cells():
    case = CASE | {"tissue": {"tubules": 12, "rows": 2}, "rule": [DEATH.format(12) + ", from day 0"]}
    case["plan"] = {"baseline": "1 day", "duration": "100 days"}
    cells = [TestisModel(load(case), rng=seed, treated=treated) for seed in (1, 2) for treated in (False, True)]
    for man in cells:
        man.run_for(101)
    made = np.array([man.daily_production() for man in cells]).reshape(2, 2)
    mean = expected(case, days=(100,))
    of = [mean[arm, 100]["daily_production_million_g"] for arm in (UNTREATED, TREATED)]
    ratio = made[:, 1] / made[:, 0]
    assert of[1] / of[0] < 0.85
    assert ratio.mean() == pytest.approx(of[1] / of[0], abs=0.05)


@pytest.mark.parametrize(
    "row", [row for row in grammar.BEHAVIOURS.values() if row.mean_field], ids=lambda row: row.label
)
def test_direction_of_each_behaviour(row):
    """What is told of more of a behaviour holds in the mean-field man."""
    cell = next(iter(row.changes))
    rule = f"in {grammar.plural(cell)}, FSH decreases {row.label} to 0.5-fold with half-maximum 0.001 IU/L, from day 0"
    case = CASE | {"rule": [rule], "plan": {"duration": "140 days", "baseline": "1 day"}}
    course = expected(case, days=(140,))
    falls, rises = {
        "death": ((), ("daily_production_million_g",)),
        "commitment": (("daily_production_million_g",), ()),
        "number": (("daily_production_million_g",), ()),
        "release": (("daily_production_million_g",), ()),
        "aromatase": (("intratesticular_oestradiol_nmol_l",), ()),
        "testosterone output": (("testosterone_nmol_l",), ("lh_iu_l",)),
        "inhibin B": (("inhibin_b_pg_ml",), ("fsh_iu_l",)),
        "androgen sensitivity": (("daily_production_million_g",), ()),
        "FSH sensitivity": (("daily_production_million_g",), ()),
        "oestrogen sensitivity": (("daily_production_million_g",), ()),
    }[row.label]
    ratio = {name: course[TREATED, 140][name] / course[UNTREATED, 140][name] for name in (*falls, *rises)}
    assert all(ratio[name] < 0.999 for name in falls), ratio
    assert all(ratio[name] > 1.001 for name in rises), ratio


def test_a_sweep_over_the_fold_is_monotone():
    case = CASE | {"rule": [DEATH.format(2) + ", from day 0"], "plan": {"duration": "100 days", "baseline": "1 day"}}
    made = [
        expected(case, (100,), (TREATED,), **{"rule.1.to": to})[TREATED, 100]["daily_production_million_g"]
        for to in (1.0, 2.0, 5.0, 20.0, 100.0)
    ]
    assert np.all(np.diff(made) < 0.0)


def test_several_rules_multiply_and_hazards_add_up():
    rules = [DEATH.format(3) + ", from day 0", DEATH.format(2) + ", from day 0"]
    added = DEATH.replace("from 1 to {}-fold", "from 0 to 0.01/day") + ", from day 0"
    man = lived(CASE | {"rule": [*rules, added, added]}, 3)
    _, change, _ = man._changed()
    at = steps.RATES.index("pachytene_hazard")
    work = hill(man.tissue.levels.oestradiol.ravel(), 6.0, 2.0)
    np.testing.assert_allclose(change[0, at], (1.0 + 2.0 * work) * (1.0 + work))
    np.testing.assert_allclose(change[1, at], 0.02 * work)


def test_what_the_mean_field_man_has_not_is_refused():
    rule = "in pachytene spermatocytes, day increases duration to 1.2-fold with half-maximum day 10, from day 1"
    with pytest.raises(TestisError, match="rule 1: duration: the mean-field man has none that changes; ask cells"):
        expected(CASE | {"rule": [rule]})


# ---- a file of Python


def own(tmp_path, text, name="mine.py"):
    (tmp_path / name).write_text(text)
    return OwnFile.at(tmp_path / name)


def test_a_file_of_rules_is_lived_by(tmp_path):
    slow = """
from testis_abm.biology import germ
def durations(p):
    return germ.durations(p)._replace(pachytene=15.0)
RULES = {"germ.durations": durations}
"""
    file = own(tmp_path, slow)
    man = file.model(load(CASE), rng=5)
    assert man.engine == "reference"
    assert file.about["rules"] == ["germ.durations"]
    man.run_for(2)
    heat = own(tmp_path, "def modifiers(model):\n    model.modify('heat', 'pachytene_hazard', added=0.4)\n", "heat.py")
    assert heat.digest != file.digest
    hot = heat.model(load(CASE), rng=5)
    hot.run_for(2)
    assert [row.modifier for row in hot.records["modifiers"]] == ["heat", "heat"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\n", "defines neither RULES nor modifiers"),
        ("RULES = {'germ.duration': len}\n", "nearest: 'germ.durations'"),
        ("RULES = [1]\n", "RULES is"),
        ("modifiers = 3\n", "modifiers is 3"),
        ("x = 1\ny = 1 / 0\n", "line 2: ZeroDivisionError"),
        ("def f(:\n", "line 1: SyntaxError"),
    ],
)
def test_a_file_of_rules_that_is_none_is_told(tmp_path, text, said):
    with pytest.raises(TestisError, match=said):
        _ = own(tmp_path, text).model


def test_a_file_that_changed_is_not_run(tmp_path):
    file = own(tmp_path, "RULES = {}\ndef modifiers(model):\n    pass\n")
    (tmp_path / "mine.py").write_text("def modifiers(model):\n    raise ValueError\n")
    with pytest.raises(TestisError, match="has changed since"):
        _ = file.model
    with pytest.raises(TestisError, match="cannot be read"):
        OwnFile.at(tmp_path / "none.py")


@pytest.mark.slow
def test_a_comparison_lives_by_a_file_of_rules_in_every_process(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("def modifiers(model):\n    model.modify('halved', 'spermiation', factor=0.5)\n")
    small = {
        "tissue": {"tubules": 1, "rows": 1, "sertoli_per_tubule": 8},
        "plan": {"baseline": 0, "duration": 30, "replicates": 2},
    }
    arms = {"one": {"title": "one", **small}, "two": {"title": "two", **small, "man": {"bmi": 30}}}
    plain = ta.compare(arms, tmp_path / "store")
    own = ta.compare(arms, tmp_path / "store", rules=file)  # one store holds the runs of both
    two = ta.compare(arms, tmp_path / "two", rules=file, workers=2)
    made = [of.courses.groupby("arm")["daily_production_million_g"].last() for of in (plain, own, two)]
    assert (made[1] < 0.8 * made[0]).all()
    pd.testing.assert_series_equal(made[1], made[2])
    assert own.plausible is None and "own.py" in own.left_out["two"]
    file.write_text("def modifiers(model):\n    model.modify('halved', 'spermiaton', factor=0.5)\n")
    with pytest.raises(ta.TestisError, match="spermiaton"):
        ta.compare(arms, tmp_path / "three", rules=file)
    file.write_text("x = (\n")
    with pytest.raises(ta.TestisError, match=r"own\.py: line"):
        ta.compare(arms, tmp_path / "three", rules=file)
