"""Scenarios whose man is not the mean-field man: what is left out of them, and who is warned."""

from __future__ import annotations

import warnings

import pandas as pd
import pytest

import testis_abm as ta
from testis_abm.experiments.compare import compare
from testis_abm.experiments.hypotheses import under_hypotheses
from testis_abm.experiments.sensitivity import prepare as prepare_sensitivity
from testis_abm.experiments.sweep import prepare as prepare_sweep
from testis_abm.experiments.trial import trial
from testis_abm.man.injuries import needs_cells
from testis_abm.population.predict import predict
from testis_abm.results.summary import render
from testis_abm.support.errors import Note

BASE = {
    "title": "injured",
    "tissue": {"tubules": 2, "rows": 40, "sertoli_per_tubule": 12},
    "plan": {"baseline": "2 days", "duration": "20 days", "replicates": 1},
}
WEAK, STRONG = ([{"kind": "irradiation", "dose": dose}] for dose in ("1 Gy", "3 Gy"))
FOCI = "sperm come back from foci"


@pytest.mark.parametrize(
    ("insult", "needed"),
    [
        ({"kind": "irradiation", "dose": "1 Gy"}, False),
        ({"kind": "irradiation", "dose": "1 Gy", "sensitivity": 3}, True),
        ({"kind": "irradiation", "dose": "2.5 Gy"}, True),
        ({"kind": "irradiation", "dose": "2.5 Gy", "side": "left"}, True),
        ({"kind": "irradiation", "dose": "2.5 Gy", "day": "day -1"}, True),
        ({"kind": "cytotoxics", "regimen": "BEP", "courses": 2}, False),
        ({"kind": "cytotoxics", "regimen": "BEP", "courses": 4}, True),
        ({"kind": "torsion", "hours": 4, "side": "left"}, False),
        ({"kind": "torsion", "hours": 14, "side": "left"}, True),
        ({"kind": "fever", "days": 10, "peak": "40 C"}, False),
        ({"kind": "orchiectomy", "side": "both"}, False),
        ({"kind": "vasectomy"}, False),
    ],
)
def test_few_stem_cells_need_cells(insult, needed):
    case = ta.load({**BASE, "plan": {"baseline": "2 days", "duration": "100 days"}, "insult": [insult]})
    assert bool(needs_cells(case)) == needed
    assert not needed or FOCI in needs_cells(case)


def test_own_parameters_decide_what_survives():
    resistant = {"irradiation": {"alpha_a_pale": 0.8, "beta_stem_cell": 0.0}}
    case = {**BASE, "insult": [{"kind": "irradiation", "dose": "2.5 Gy"}]}
    assert needs_cells(ta.load(case)) and not needs_cells(ta.load({**case, "parameters": resistant}))


@pytest.fixture(scope="module")
def ran():
    return ta.run({**BASE, "insult": STRONG})


def test_a_run_leaves_plausible_models_out_and_says_why(ran, tmp_path):
    assert ran.plausible is None and "plausible_low_pct" not in ran.summary()
    loaded = ta.RunResult.load(ran.save(tmp_path / "run"))
    for result in (ran, loaded):
        text = " ".join(render(result).split())
        assert "Note: No interval over plausible models: after irradiation 3 Gy (day 0)" in text and FOCI in text
        assert "Plausible models:" not in text and "plausible models, 90 %" not in text


def test_a_comparison_leaves_out_the_arms_that_need_cells():
    arms = {"none": BASE, "weak": {**BASE, "insult": WEAK}, "strong": {**BASE, "insult": STRONG}}
    found = compare(arms)
    by_arm = found.effects.groupby("arm")["plausible_low_pct"]
    assert by_arm.get_group("weak").notna().any() and by_arm.get_group("strong").isna().all()
    assert set(found.plausible["arm"]) == {"none", "weak"} and list(found.left_out) == ["strong"]
    assert "Note: strong: No interval over plausible models" in found.text()
    alone = compare({"none": BASE, "strong": {**BASE, "insult": STRONG}})
    text = alone.text()
    assert alone.plausible is None and "plausible models, 90 %" not in text and "Note: strong:" in text


@pytest.mark.slow
def test_a_trial_leaves_out_the_arms_that_need_cells(tmp_path):
    arms = [{"name": "none", "therapy": []}, {"name": "strong", "insult": STRONG}]
    source = {"title": "trial", "plan": BASE["plan"], "trial": {"men": 8, "engine": "expected"}, "arm": arms}
    with pytest.warns(Note, match="testis-abm run and compare take cells"):
        found = trial(source, tmp_path / "trial")
    assert found.under is None and "Note: strong: No interval over plausible models" in found.text()
    assert len(found.parameters) == 8  # men still live under models of their own


@pytest.mark.slow
def test_who_asks_the_mean_field_man_is_warned():
    with pytest.warns(Note, match=FOCI):
        under_hypotheses({**BASE, "insult": STRONG}, sets=1)
    men = pd.DataFrame([dict(ta.load(BASE).man.physiology)])
    with pytest.warns(Note, match=FOCI):
        predict(men, {**BASE, "insult": STRONG})
    with pytest.warns(Note, match=FOCI):
        ta.surface({**BASE, "insult": STRONG}, levels=3, sets=1, hold=28)
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        under_hypotheses({**BASE, "insult": WEAK}, sets=1)


def test_an_axis_that_reaches_a_dose_is_warned_of():
    over = {"insult.1.dose": ["0.5 Gy", "4 Gy"]}
    with pytest.warns(Note, match="irradiation 4 Gy"):
        prepare_sweep({**BASE, "insult": WEAK, "sweep": {"over": over, "engine": "expected"}})
    ranges = {"insult.1.sensitivity": {"from": 0.5, "to": 4}, "man.age": {"from": 30, "to": 40}}
    with pytest.warns(Note, match=FOCI):
        prepare_sensitivity({**BASE, "insult": WEAK, "sensitivity": {"over": ranges}})
    with warnings.catch_warnings():
        warnings.simplefilter("error", Note)
        prepare_sweep({**BASE, "insult": WEAK, "sweep": {"over": over, "engine": "cells"}})
