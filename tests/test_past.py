"""What was before day 0 belongs to the man: it is in every arm of every experiment, treated or not."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from small_page import matched

import testis_abm as ta
from testis_abm.app import answer, matching
from testis_abm.experiments.compare import compare
from testis_abm.experiments.hypotheses import arms_under_hypotheses, under_hypotheses
from testis_abm.experiments.one_at_a_time import one_at_a_time
from testis_abm.experiments.outputs import OUTPUTS
from testis_abm.experiments.sensitivity import prepare as prepare_sensitivity
from testis_abm.experiments.surface import surface
from testis_abm.experiments.sweep import Swept, sweep
from testis_abm.experiments.task import perform
from testis_abm.experiments.trial import trial
from testis_abm.parameters import physiology
from testis_abm.pictures import courses
from testis_abm.population.predict import predict, predict_with
from testis_abm.results.summary import render
from testis_abm.scenario.insult import KINDS
from testis_abm.studies.ensemble import shipped
from testis_abm.support.errors import Note

PAST = [{"kind": "irradiation", "dose": "0.6 Gy", "day": "day -10"}]
# So little of a drug that it does nothing: what differs between arms is then what one of them lacks.
NOTHING = [{"drug": "anastrozole", "dose": "1e-9 mg", "every": "1 day"}]
MAN = {
    "title": "irradiated",
    "tissue": {"tubules": 2, "rows": 8, "sertoli_per_tubule": 12},
    "plan": {"baseline": "14 days", "duration": "50 days", "replicates": 1, "seed": 5},
    "samples": {"semen": ["day 0", "day 50"]},
}
INJURED = {**MAN, "insult": PAST, "therapy": NOTHING}
SOUND = {**MAN, "therapy": NOTHING}
COUNT = "concentration_million_ml"
WORD = "sperm concentration"
MEN = pd.DataFrame([{name: row.value for name, row in physiology().items()}] * 3)


@pytest.fixture(autouse=True)
def _quiet():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        yield


def _of_run(case, folder):
    semen = ta.run(case, plausible=False).summary().loc["expected_concentration_million_ml"]
    return semen["untreated"], semen["treated"]


def _of_plausible_models(case, folder):
    table = ta.run(case).plausible
    levels = table[(table["column"] == COUNT) & (table["question"] == "")].set_index("arm")["level"]
    return levels["untreated"], levels["treated"]


def _of_compare(case, folder):
    arms = {"control": {**case, "therapy": []}, "drug": case}
    row = compare(arms, folder / "compare").effects.set_index("output").loc[WORD]
    return row["reference"], row["level"]


def _of_arms_of_a_file(case, folder):
    shared = {key: value for key, value in case.items() if key != "therapy"}
    arms = {**shared, "arm": [{"name": "control"}, {"name": "drug", "therapy": case["therapy"]}]}
    row = compare(arms, folder / "compare").effects.set_index("output").loc[WORD]
    return row["reference"], row["level"]


def _of_trial(case, folder):
    shared = {key: value for key, value in case.items() if key != "therapy"}
    table = {"men": 4, "engine": "expected", "parameters": "plausible", "outputs": [WORD]}
    found = trial(
        {**shared, "arm": [{"name": "control"}, {"name": "drug", "therapy": case["therapy"]}], "trial": table},
        folder / "trial",
        workers=1,
    )
    levels = found.under[(found.under["column"] == COUNT) & (found.under["question"] == "")].set_index("arm")["level"]
    return levels["control"], levels["drug"]


def _of_sweep(engine):
    def both(case, folder):
        table = {"over": {"man.bmi": [24]}, "engine": engine, "outputs": [WORD], "parameters": "tables"}
        rows = sweep({**case, "sweep": table}, folder / engine, workers=1).set_index("arm")
        return rows.loc["untreated", COUNT], rows.loc["treated", COUNT]

    return both


def _of_sensitivity(case, folder):
    pytest.importorskip("SALib")
    over = {"man.bmi": {"from": 24, "to": 25}, "man.age": {"from": 30, "to": 31}}
    found = prepare_sensitivity({**case, "sensitivity": {"over": over, "samples": 4}})
    rows = {row[0]: row for row in perform(found.job, found.tasks[0])}
    at = 2 + list(found.job.columns).index(COUNT)
    return rows["untreated"][at], rows["treated"][at]


def _of_surface(case, folder):
    states = surface(case, levels=3, sets=1, hold=28).states.set_index("state")[COUNT]
    return states["untreated"], states["treated"]


def _of_hypotheses(case, folder):
    found = arms_under_hypotheses({"untreated": ta.load(case).untreated(), "treated": ta.load(case)}, sets=1).table()
    levels = found[(found["column"] == COUNT) & (found["question"] == "")].set_index("arm")["level"]
    assert under_hypotheses(case, sets=1).change(WORD).median == pytest.approx(0.0, abs=0.1)
    return levels["untreated"], levels["treated"]


def _of_twin(case, folder):
    before, after = predict(MEN, case)
    return before[COUNT].median(), after[COUNT].median()


def _of_twin_with_the_ensemble(case, folder):
    before, after, _ = predict_with(MEN, case, shipped())
    return before[COUNT].median(), after[COUNT].median()


def _of_the_page(case, folder):
    found = matching.respond(matched(t="500 ng/dL", lh="4", fsh="4", concentration="60 M/mL"), [ta.load(case)])
    return found.before[COUNT].median(), found.after[0][COUNT].median()


EXPERIMENTS = {
    "run": _of_run,
    "plausible models": _of_plausible_models,
    "compare": _of_compare,
    "arms of a file": _of_arms_of_a_file,
    "trial": _of_trial,
    "sweep of cells": _of_sweep("cells"),
    "sweep, mean field": _of_sweep("expected"),
    "sensitivity": _of_sensitivity,
    "surface": _of_surface,
    "hypotheses": _of_hypotheses,
    "twin": _of_twin,
    "twin, ensemble": _of_twin_with_the_ensemble,
    "page": _of_the_page,
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_both_arms_have_the_past(name, tmp_path):
    control, treated = EXPERIMENTS[name](INJURED, tmp_path / "injured")
    sound, _ = EXPERIMENTS[name](SOUND, tmp_path / "sound")
    assert treated < 0.75 * sound, "the insult does nothing, so this test shows nothing"
    assert control == pytest.approx(treated, rel=2e-3)


def test_no_number_is_judged_against_a_man_without_his_past():
    swings = one_at_a_time(INJURED, ["germ.room", "injury.hit_days"])
    assert all(np.abs(swing.of(WORD)).max() < 0.5 for swing in swings)


# ---- the word for an arm


FEVER, VASECTOMY = {"kind": "fever", "days": "3 days"}, {"kind": "vasectomy"}


@pytest.mark.parametrize(
    ("tables", "word", "cause"),
    [
        ({}, "untreated", "nothing"),
        ({"insult": PAST}, "untreated", "nothing"),
        ({"insult": PAST, "therapy": NOTHING}, "treated", "treatment"),
        ({"insult": [{"kind": "irradiation", "dose": "1 Gy"}]}, "irradiated", "injury"),
        ({"insult": [FEVER, {**FEVER, "day": "day 20"}]}, "febrile", "injury"),
        ({"insult": [FEVER, VASECTOMY]}, "injured", "injury"),
        ({"insult": [FEVER], "therapy": NOTHING}, "febrile and treated", "injury and treatment"),
        ({"weight": [{"bmi": 23, "until": "day 30"}]}, "treated", "treatment"),
        ({"clamp": [{"quantity": "gonadotrophins", "level": "own"}]}, "clamped", "clamp"),
    ],
)
def test_an_arm_is_called_by_what_is_done_in_it(tables, word, cause):
    case = ta.load({**MAN, **tables})
    assert (case.called("treated"), case.called("untreated"), case.cause) == (word, "untreated", cause)
    assert case.treated == (word != "untreated")


def test_every_kind_of_insult_has_a_word_for_the_man():
    assert all(kind.done and kind.done != "treated" for kind in KINDS.values())


def test_no_print_of_an_injured_man_calls_him_treated(tmp_path):
    case = {**MAN, "insult": [{"kind": "irradiation", "dose": "0.6 Gy", "day": "day 2"}]}
    run = ta.run(case)
    figures = run.plot()
    table = {"over": {"man.bmi": [24, 26]}, "engine": "expected", "outputs": [WORD]}
    rows = sweep({**case, "sweep": table}, tmp_path / "sweep", workers=1)
    swept = Swept.of(tmp_path / "sweep")
    texts = [
        render(run),
        *(_texts(figure) for figure in figures.values()),
        swept.report(swept.summary(), rows[:0]),
        surface(case, levels=3, sets=1, hold=28).text(),
        answer._legend(run, courses.outcome(courses.arms_of(run), OUTPUTS[WORD].column)),
    ]
    for text in texts:
        assert not re.search(r"(?<!un)treated", text), text
    assert "irradiated" in texts[0] and "irradiated" in "".join(texts[1:-3]) and "irradiated" in texts[-1]


def _texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))
