"""Every argument of every public function takes anything at all, or refuses it in words: no error is Python's own."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from test_guard import MEN, ODD, SMALL, experiment
from test_results_synthetic import make, short

import testis_abm as ta
from testis_abm import RunResult, parameters, population, scenario
from testis_abm.experiments import design, sensitivity, simulate, sweep
from testis_abm.experiments.experiment import How
from testis_abm.man import parameter_set
from testis_abm.man.physiology import complete
from testis_abm.pictures.drawing import Look
from testis_abm.population import predict
from testis_abm.population.screen import Sampling
from testis_abm.results import store
from testis_abm.studies import Study, calibrate, ensemble, known, load_study, replay, report

pytestmark = pytest.mark.usefixtures("elsewhere")

PACKAGES = ("testis_abm", "testis_abm.population", "testis_abm.studies", "testis_abm.scenario")
# Made by others, of what those have checked.
MADE = {
    "GermCell",
    "LeydigCell",
    "SertoliCell",
    "Cohort",
    "Population",
    "Clause",
    "Condition",
    "PastTherapy",
    "past_doses",
    "clashes",
    "Comparison",
    "PulsesResult",
    "SensitivityResult",
    "SurfaceResult",
    "SweepResult",
    "TrialResult",
    "Twin",
    "TwinResponse",
    "ScenarioError",
    "TestisError",
}
# Functions of the caller's, what only this package hands on, and an address that is waited for.
OWN = {"dask", "progress", "watch", "model", "rng", "settled", "drugs", "reference", "under"}
RESULT = make(short())
MODEL = ta.TestisModel(SMALL)
EXPECTED = ta.ExpectedMan(complete(parameters.values()), MODEL.man)
REPLAYED = pd.DataFrame(
    {of: [1.0] for of in report._COLUMNS}
    | {
        "study": ["a"],
        "citation": ["a"],
        "label": ["a"],
        "unit": ["a"],
        "kind": ["level"],
        "confidence": ["memory"],
        "inside": [True],
        "sign": [True],
        "extrapolation": [""],
    }
)
STORE: dict[str, Any] = {"folder": "none"}
EXPERIMENT: dict[str, Any] = {"folder": "s", "workers": 1}
TREATED = {**SMALL, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]}
TWIN = ta.find_twin({"t": 9.0, "lh": 3.1})
HYPOTHESES = ta.under_hypotheses(TREATED)
SURFACE = ta.surface(SMALL, levels=3, sets=1, hold=28)
# Arguments with which each works, or comes so far that it has looked at all of them.
GOOD: Mapping[str, tuple[Callable[..., object], dict[str, Any]]] = {
    "ExpectedMan": (ta.ExpectedMan, {"values": complete(parameters.values()), "man": MEN.iloc[0]}),
    **{
        f"TestisModel.{name}": (getattr(MODEL, name), {}) for name in ("expected_semen", "semen_sample", "blood_sample")
    },
    **{
        f"ExpectedMan.{name}": (getattr(EXPECTED, name), {"rested": 3.0} if name == "spilled" else {})
        for name in ("semen", "spilled", "daily_production", "spermatids_lost", "readouts")
    },
    "RunResult": (ta.RunResult, {"scenario": ta.load(SMALL), "tables": {}}),
    "RunResult.tables": (
        lambda hormones: ta.RunResult(scenario=ta.load(SMALL), tables={"hormones": hormones}),
        {"hormones": RESULT.hormones},
    ),
    "RunResult.sections": (
        lambda arm: ta.RunResult(scenario=ta.load(SMALL), tables={}, sections={"untreated": arm}),
        {"arm": {}},
    ),
    "RunResult.save": (RESULT.save, {"folder": "new"}),
    "RunResult.load": (ta.RunResult.load, STORE),
    "store.save": (lambda folder: store.save(RESULT, folder), {"folder": "new"}),
    "Scenario": (ta.Scenario, {}),
    "TestisModel": (ta.TestisModel, {"scenario": SMALL}),
    "compare": (ta.compare, {"arms": {"a": SMALL, "b": "nowhere.toml"}, "workers": 1}),
    "find_twin": (ta.find_twin, {"given": {"t": 9.0, "zz": 1}}),
    "load": (ta.load, {"source": SMALL}),
    "pulses": (ta.pulses, {"scenario": TREATED}),
    "run": (ta.run, {"scenario": SMALL}),
    "slide": (ta.slide, {"man": MODEL}),
    "surface": (ta.surface, {"scenario": SMALL, "levels": 3, "sets": 1, "hold": 28}),
    "under_hypotheses": (ta.under_hypotheses, {"scenario": TREATED}),
    "under_hypotheses.text": (HYPOTHESES.text, {"words": ("TMC",)}),
    "surface.text": (SURFACE.text, {"word": "TMC"}),
    "surface.plot": (SURFACE.plot, {"word": "TMC"}),
    "surface.save": (lambda folder: SURFACE.save(folder), {"folder": "new"}),
    "Man": (ta.Man, {}),
    "Man.preset": (lambda name, bmi: ta.Man.preset(name, bmi=bmi), {"name": "fertile", "bmi": 30}),
    "Therapy": (ta.Therapy, {}),
    "Twin.treat": (
        lambda therapy, days, men, seed, ensemble: TWIN.treat(
            therapy, days=days, men=men, seed=seed, ensemble=ensemble
        ),
        {"therapy": "anastrozole 1 mg daily", "days": 1, "men": 1, "seed": 1, "ensemble": False},
    ),
    "RunResult.plot": (lambda figure: RESULT.plot(figure=figure), {"figure": "hormones"}),
    "Clamp": (
        lambda quantity, level, first, last: scenario.Clamp(quantity, level, **{"from": first, "until": last}),
        {"quantity": "LH", "level": "own", "first": "day 0", "last": "day 3"},
    ),
    "Insult": (
        lambda kind, day, dose, fractions: scenario.Insult(kind, day=day, dose=dose, fractions=fractions),
        {"kind": "irradiation", "day": "day 0", "dose": "1 Gy", "fractions": 2},
    ),
    "screen": (ta.screen, {"population": "clinic", "n": 4, "criteria": []}),
    **{
        kind: (getattr(ta, kind), {"source": experiment(kind, outputs=["xyzzy"]), **EXPERIMENT})
        for kind in ("sensitivity", "sweep", "trial")
    },
    "tables": (ta.tables, {"source": {"preset": {"own": {"like": "fertile"}}}}),
    "in_units": (lambda system: ta.in_units(system).__enter__(), {"system": "si"}),
    "using": (lambda tables: ta.using(tables).__enter__(), {"tables": ta.tables({})}),
    "draw": (population.draw, {"population": "clinic", "n": 4}),
    "Study": (Study, {}),
    "known": (known, {}),
    "load_study": (load_study, {"source": "nowhere.toml"}),
    **{
        name: (getattr(scenario, name), {})
        for name in ("Observed", "Partner", "Plan", "Rule", "Samples", "Tissue", "Weight")
    },
    "bmi_on": (scenario.bmi_on, {"day": 3.0, "present": 30.0, "changes": ()}),
    "canonical_unit": (scenario.canonical_unit, {"variable": "lh_iu_l"}),
    "convert": (
        scenario.convert,
        {"variable": "testosterone_nmol_l", "value": 1.0, "unit_from": "nmol/L", "unit_to": "ng/dL"},
    ),
    "predict": (predict.predict, {"men": MEN, "scenario": SMALL}),
    "predict_with": (predict.predict_with, {"men": MEN, "scenario": SMALL, "ensemble": ensemble.best(), "sets": 1}),
    "replay": (replay.replay, {"study": "nowhere", "ensemble": ensemble.best()}),
    "calibrate": (calibrate.calibrate, {"folder": "c", "members": 1}),
    "cross_validate": (calibrate.cross_validate, {"folder": "c", "members": 1}),
    "sweep.results": (sweep.results, STORE),
    "sweep.summary": (sweep.summary, STORE),
    "sensitivity.indices": (sensitivity.indices, STORE),
    "sensitivity.report": (sensitivity.report, STORE),
    "parse_axis": (design.parse_axis, {"path": "man.bmi", "given": [20, 30]}),
    "parse_design": (design.parse_design, {"given": {"over": {"man.bmi": [20, 30]}}}),
    "Ensemble": (ensemble.Ensemble, {"sets": pd.DataFrame(index=[0]), "weights": np.ones(1)}),
    "Ensemble.drawn": (ensemble.shipped().drawn, {"n": 3}),
    "Ensemble.pick": (ensemble.shipped().pick, {"n": 3}),
    "parameter": (parameter_set.parameter, {"name": "axis.testosterone_feedback_strength"}),
    "parameter_set": (parameter_set.parameter_set, {"changed": {}}),
    "parameter_set one": (
        lambda value: parameter_set.parameter_set({"axis.testosterone_feedback_strength": value}),
        {"value": 1.0},
    ),
    "ensemble.read": (ensemble.read, {"path": "nowhere.csv"}),
    "report.text": (report.text, {"table": REPLAYED}),
    "report.score": (report.score, {"table": REPLAYED}),
    "report.save": (report.save, {"table": REPLAYED, "folder": "new"}),
    "report.check_writable": (report.check_writable, {"folder": "new"}),
}


KEYWORDS: Mapping[str, Any] = {
    "How": How,
    "Look": Look,
    "Sampling": Sampling,
    "simulate.Options": simulate.Options,
    "sweeps.Options": sweep.Options,
}


def arguments_of(function: Callable[..., object]) -> list[str]:
    """Return the names of a function's arguments, those of how an experiment is run one by one."""
    found: list[str] = []
    for name, argument in inspect.signature(function).parameters.items():
        if argument.kind is argument.VAR_KEYWORD and (kind := re.search(r"Unpack\[(.+)\]", str(argument.annotation))):
            found += KEYWORDS[kind[1]].__annotations__
        else:  # what compare takes by name is an arm, or How
            found += [name, *How.__annotations__] if function is ta.compare and name == "how" else [name]
    return found


ARGUMENTS = [
    pytest.param(function, good, argument, id=f"{name}-{argument}")
    for name, (function, good) in GOOD.items()
    for argument in arguments_of(function)
    if argument not in OWN
]


def test_no_public_function_is_left_out():
    public = {
        of for name in PACKAGES for of in import_module(name).__all__ if callable(getattr(import_module(name), of))
    }
    assert public - MADE <= GOOD.keys()
    assert public >= MADE


@pytest.mark.parametrize(("function", "good", "argument"), ARGUMENTS)
def test_any_argument_is_taken_or_refused_in_words(function, good, argument):
    for odd in ODD:
        try:
            function(**{**good, argument: odd})
        except ta.TestisError as error:
            assert all(line.isprintable() and line for line in str(error).splitlines()), repr(odd)
        except Exception as error:
            raise AssertionError(f"{argument}={odd!r}: {type(error).__name__}: {error}") from error


@pytest.mark.parametrize("rested", [math.nan, "3", -1, 0.4, 1e9, True, [], [3, "x"], [3, -1], np.zeros(2)])
@pytest.mark.parametrize("of", [MODEL.expected_semen, EXPECTED.semen, EXPECTED.spilled], ids=lambda of: of.__name__)
def test_days_of_abstinence_are_refused_alike_by_both_men(of, rested):
    with pytest.raises(ta.ScenarioError, match=r"^rested: .*allowed: 0\.5 to 9131 days; write for example 3"):
        of(rested)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_sample_is_of_today_alone(engine):
    man = ta.TestisModel(SMALL, engine=engine)
    man.run_for(3)
    for sample in (man.semen_sample, man.blood_sample):
        assert sample(man.day) == sample()
        for day, fault in (
            (man.day - 1, "is over"),
            (man.day + 1, "is still to come"),
            (True, "is not a whole number"),
        ):
            with pytest.raises(ta.ScenarioError, match=rf"^day: .* {fault}; allowed: {man.day}; .*run_for"):
                sample(day)


def test_the_expected_man_tells_of_no_day_that_he_has_not_lived():
    for tell in (EXPECTED.semen, EXPECTED.daily_production, EXPECTED.spermatids_lost, EXPECTED.readouts):
        for day, fault in ((-1, "is over"), (1, "is still to come"), (0.5, "is not a whole number")):
            with pytest.raises(ta.ScenarioError, match=rf"^day: .* {fault}; allowed: 0; .*advance"):
                tell(day=day)


@pytest.mark.parametrize(
    "odd",
    [of for of in ODD if of is not None and not (isinstance(of, str) and of in ("x", "-"))],
    ids=lambda of: type(of).__name__,
)
def test_pictures_go_into_no_odd_folder(odd):
    pytest.importorskip("matplotlib")
    with pytest.raises(ta.TestisError, match="is not a path"):
        RESULT.plot(odd)
    assert not list(Path().iterdir())


def test_pictures_go_into_a_folder_of_their_own_or_of_results(monkeypatch):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("testis_abm.pictures.data.PlotData.figures", lambda _: ("hormones",))  # the others take long
    with pytest.raises(ta.TestisError, match="choose another folder"):
        RESULT.plot("/")
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine", encoding="utf-8")
    Path("others").mkdir()
    Path("others/hormones.png").write_bytes(b"drawn by somebody else")
    Path("file").write_text("", encoding="utf-8")
    for folder, words in (
        ("mine", "holds notes.txt"),
        ("others", "was not written by testis_abm"),
        ("file", "is a file"),
        (".", "choose another"),
    ):
        with pytest.raises(ta.TestisError, match=words):
            RESULT.plot(folder)
    assert sorted(path.name for path in Path().rglob("*")) == ["file", "hormones.png", "mine", "notes.txt", "others"]
    RESULT.save("saved")
    for folder in ("new", "new", "saved"):
        assert {f"{name}.svg" for name in RESULT.plot(folder)} <= {path.name for path in Path(folder).iterdir()}
    assert RunResult.load("saved").title == RESULT.title
