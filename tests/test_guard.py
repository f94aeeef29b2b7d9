"""One guard: what one entry point refuses all refuse, in the same words, before anything is run or written."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import testis_abm as ta
from testis_abm import RunResult, parameters
from testis_abm.app.draft import understood
from testis_abm.cli.command import main
from testis_abm.man.physiology import complete
from testis_abm.population import draw
from testis_abm.population.given import labs
from testis_abm.population.predict import predict, predict_with
from testis_abm.population.screen import parse_criterion
from testis_abm.quantities import Censored
from testis_abm.scenario import Scenario
from testis_abm.scenario.prescription import parse_every, parse_prescription
from testis_abm.studies import load_study
from testis_abm.studies.calibrate import calibrate, cross_validate
from testis_abm.studies.ensemble import best, shipped
from testis_abm.studies.replay import replay
from testis_abm.studies.study import known

pytestmark = pytest.mark.usefixtures("elsewhere")

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
FILE = str(SCENARIOS / "fertile_man.toml")
PILL = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
SMALL: dict[str, Any] = {
    "title": "small",
    "plan": {"duration": "10 days", "baseline": "2 days", "replicates": 1},
    "tissue": {"tubules": 1},
    "therapy": [PILL],
}
OVER = {"man.bmi": {"from": 22, "to": 30}, "man.age": {"from": 30, "to": 40}}
TABLES: Mapping[str, dict[str, Any]] = {
    "sweep": {"over": {"man.bmi": [22, 30]}, "engine": "expected"},
    "trial": {"men": 4, "engine": "expected", "parameters": "tables"},
    "sensitivity": {"over": OVER},
}
ARMS = [{"name": "control"}, {"name": "pill", "therapy": [PILL]}]
MEN = pd.DataFrame([dict(ta.load(SMALL).man.physiology)])


def toml(value: object) -> str:
    """Return a value as TOML has it, good enough for tables of this file."""
    import tomli_w

    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()


def experiment(kind: str, **entries: object) -> dict[str, Any]:
    """Return the tables of an experiment with some entries of its own table."""
    tables = copy.deepcopy({**SMALL, kind: {**TABLES[kind], **entries}})
    if kind == "trial":
        tables |= {"arm": ARMS, "therapy": []}
    return tables


def prepared(kind: str, **entries: object) -> object:
    return import_module(f"testis_abm.experiments.{kind}").prepare(experiment(kind, **entries))


def command(*words: str) -> Callable[[], object]:
    """Return the call of a command; its message is raised, as Python's would be."""

    def call() -> None:
        code = main(list(words))
        raise AssertionError(f"exit code {code}")

    return call


def study(**entries: object) -> object:
    text = known()["leder_2004"].read_text(encoding="utf-8")
    for key, value in entries.items():
        lines = [f"{key} = {toml(value)}" if line.startswith(f"{key} =") else line for line in text.splitlines()]
        text = "\n".join(lines)
    Path("study.toml").write_text(text, encoding="utf-8")
    try:
        return load_study("study.toml")
    finally:
        Path("study.toml").unlink()


# What is wrong -> core words, and the entry points that must refuse with them: commands as words, the rest as calls.
SEED = "-1 is out of range; allowed: 0 to 9223372036854775807"
MEN_OUT = "is out of range; allowed: 1 to 100000"
NOT_SOURCE = "is not a path, a table of settings or a Scenario"
NAME = str(known()["leder_2004"])
REFUSED: Mapping[str, tuple[str, list[Any]]] = {
    "seed": (
        SEED,
        [
            ["run", FILE, "--seed", "-1"],
            ["cohort", "--seed", "-1"],
            ["twin", "--t", "9nmol/L", "--seed", "-1"],
            ["studies", "run", "leder_2004", "--seed", "-1"],
            ["calibrate", "--seed", "-1"],
            *(
                ["compare" if kind == "compare" else kind, FILE, "--seed", "-1"]
                for kind in ("compare", "sweep", "trial", "sensitivity")
            ),
            lambda: ta.run(SMALL, seed=-1),
            lambda: ta.find_twin({"t": 9.0}, seed=-1),
            lambda: ta.screen("clinic", 4, [], seed=-1),
            lambda: draw("clinic", 4, seed=-1),
            lambda: replay(load_study(NAME), best(), seed=-1),
            lambda: calibrate(Path("c"), members=40, seed=-1),
            lambda: predict_with(MEN, SMALL, shipped(), seed=-1),
            *(lambda kind=kind: prepared(kind, seed=-1) for kind in TABLES),
            lambda: ta.load({**SMALL, "plan": {"seed": -1}}),
            lambda: raise_first(understood({**SMALL, "plan": {"seed": -1}}).lines),
            lambda: ta.compare({"a": SMALL, "b": SMALL}, overrides={"plan.seed": -1}),
        ],
    ),
    "no men": (
        f"0 {MEN_OUT}",
        [
            ["cohort", "--men", "0"],
            ["twin", "--t", "9nmol/L", "--men", "0", "--give", "anastrozole 1mg daily"],
            lambda: ta.screen("clinic", 0, []),
            lambda: draw("clinic", 0),
            lambda: replay(load_study(NAME), best(), men=0),
        ],
    ),
    "too many men": (
        f"1000000000 {MEN_OUT}",
        [
            ["cohort", "--men", "1000000000"],
            ["twin", "--t", "9nmol/L", "--men", "1000000000"],
            lambda: ta.screen("clinic", 10**9, []),
            lambda: draw("clinic", 10**9),
        ],
    ),
    "no number": (
        '"ten" is not a whole number; allowed: 1 to',
        [
            ["cohort", "--men", "ten"],
            ["twin", "--men", "ten"],
            ["run", FILE, "--days", "ten"],
            ["studies", "run", "--sets", "ten"],
            lambda: ta.screen("clinic", "ten", []),
            lambda: ta.run(SMALL, replicates="ten"),
            lambda: ta.compare({"a": SMALL, "b": SMALL}, replicates="ten"),
            lambda: prepared("sweep", replicates="ten"),
        ],
    ),
    "replicates": (
        "0 is out of range; allowed: 1 to 10000",
        [
            ["compare", FILE, FILE, "--replicates", "0"],
            lambda: ta.run(SMALL, replicates=0),
            lambda: prepared("sweep", replicates=0),
            lambda: ta.compare({"a": SMALL, "b": SMALL}, replicates=0),
            lambda: ta.load({**SMALL, "plan": {"replicates": 0}}),
        ],
    ),
    "workers": (
        "-2 is out of range; allowed: 0 to 1024",
        [
            *([kind, FILE, "--workers", "-2"] for kind in ("compare", *TABLES)),
            lambda: ta.compare({"a": SMALL, "b": SMALL}, workers=-2),
            *(lambda kind=kind: getattr(ta, kind)(experiment(kind), "s", workers=-2) for kind in TABLES),
        ],
    ),
    "shard": (
        '"3/2" is not a part; write it as I/N with I from 1 to N',
        [
            *([kind, FILE, "--shard", "3/2"] for kind in ("compare", *TABLES)),
            lambda: ta.compare({"a": SMALL, "b": SMALL}, shard=(3, 2)),
            *(lambda kind=kind: getattr(ta, kind)(experiment(kind), "s", shard=(3, 2)) for kind in TABLES),
        ],
    ),
    "assay": (
        '"Immunoassay" is not one of',
        [
            ["twin", "--t", "9nmol/L", "--assay", "Immunoassay"],
            ["cohort", "--assay", "Immunoassay"],
            lambda: ta.find_twin({"t": 9.0}, assay="Immunoassay"),
            lambda: ta.screen("clinic", 4, [], assay="Immunoassay"),
            lambda: draw("clinic", 4, assay="Immunoassay"),
            lambda: ta.load({**SMALL, "samples": {"assay": "Immunoassay"}}),
            lambda: study(assay="Immunoassay"),
        ],
    ),
    "population": (
        '"clinc" is not',
        [
            ["twin", "--t", "9nmol/L", "--population", "clinc"],
            ["cohort", "--population", "clinc"],
            lambda: ta.find_twin({"t": 9.0}, population="clinc"),
            lambda: ta.screen("clinc", 4, []),
            lambda: draw("clinc", 4),
            lambda: prepared("trial", population="clinc"),
            lambda: study(population="clinc"),
        ],
    ),
    "criterion": (
        "is not measured at a screening visit; measured there: testosterone",
        [
            ["cohort", "--where", "haematocrit > 50 %"],
            lambda: ta.screen("clinic", 4, ["haematocrit > 50 %"]),
            lambda: prepared("trial", where=["haematocrit > 50 %"]),
            lambda: study(where=["haematocrit > 50 %"]),
            lambda: parse_criterion("haematocrit > 50 %"),
        ],
    ),
    "rule of a dose": (
        "BMI is not measured when a dose is decided; measured there: testosterone",
        [
            lambda: ta.load({**SMALL, "therapy": [{**PILL, "when": "BMI > 30"}]}),
            lambda: raise_first(understood({**SMALL, "therapy": [{**PILL, "when": "BMI > 30"}]}).lines),
        ],
    ),
    "no source": (
        f"None {NOT_SOURCE}",
        [
            lambda: ta.run(None),
            lambda: ta.load(None),
            lambda: ta.TestisModel(None),
            lambda: predict(MEN, None),
            lambda: ta.compare({"a": None, "b": SMALL}),
            *(lambda kind=kind: getattr(ta, kind)(None, "s") for kind in TABLES),
        ],
    ),
    "no file": (
        "nowhere.toml: no such file",
        [
            ["run", "nowhere.toml"],
            *([kind, "nowhere.toml"] for kind in ("compare", *TABLES)),
            ["twin", "--t", "9nmol/L", "--scenario", "nowhere.toml"],
            ["studies", "run", "nowhere.toml"],
            lambda: ta.run("nowhere.toml"),
            lambda: ta.compare(["nowhere.toml", FILE]),
            lambda: ta.compare({"a": "nowhere.toml", "b": SMALL}),
            lambda: predict(MEN, "nowhere.toml"),
            lambda: load_study("nowhere.toml"),
            *(lambda kind=kind: getattr(ta, kind)("nowhere.toml", "s") for kind in TABLES),
        ],
    ),
    "drug": (
        'drug "anastrazole" is not known; nearest: "anastrozole"',
        [
            ["drugs", "anastrazole"],
            ["twin", "--t", "9nmol/L", "--give", "anastrazole 1mg daily"],
            lambda: ta.load({**SMALL, "therapy": [{**PILL, "drug": "anastrazole"}]}),
            lambda: ta.load({**SMALL, "man": {"history": "anastrazole 1 mg every 1 day for 9 days"}}),
        ],
    ),
    "laboratory value": (
        "is implausible; allowed: LH of 0 to 150 ",
        [
            ["twin", "--lh", "900"],
            lambda: ta.find_twin({"lh": 900.0}),
            lambda: ta.find_twin({"lh": "900 mUI/mL"}),
            lambda: ta.find_twin(pd.Series({"lh": 900})),
            lambda: labs({"lh": np.float64(900.0)}),
        ],
    ),
    "unit": ("has no unit; write for example 260 ng/dL", [["twin", "--t", "260"], lambda: ta.find_twin({"t": "260"})]),
    "output": (
        "known: testosterone, serum E2 (immunoassay)",
        [
            *(lambda kind=kind: prepared(kind, outputs=["xyzzy"]) for kind in TABLES),
            lambda: prepared("trial", outcome="xyzzy"),
            lambda: prepared("sweep", outputs=[["testosterone"]]),
        ],
    ),
    "override": (
        "man.bmi=900: 900 is out of range; allowed: 16 to 70 (kg/m2)",
        [
            ["run", FILE, "--set", "man.bmi=900"],
            ["compare", FILE, FILE, "--set", "man.bmi=900"],
            ["sweep", "sweep.toml", "--set", "man.bmi=900"],
            ["sensitivity", "sensitivity.toml", "--set", "man.bmi=900"],
            ["twin", "--t", "9nmol/L", "--scenario", FILE, "--set", "man.bmi=900"],
            lambda: ta.run(SMALL, overrides={"man.bmi": 900}),
            lambda: ta.compare({"a": SMALL, "b": SMALL}, overrides={"man.bmi": 900}),
            lambda: ta.sweep(experiment("sweep"), "s", overrides={"man.bmi": 900}),
        ],
    ),
}


def raise_first(lines: list[str]) -> None:
    if lines:
        raise ta.TestisError(lines[0])


def cases() -> list[Any]:
    return [
        pytest.param(
            entry, words, id=f"{what}-{' '.join(entry) if isinstance(entry, list) else k}".replace(str(SCENARIOS), "")
        )
        for what, (words, entries) in REFUSED.items()
        for k, entry in enumerate(entries)
    ]


@pytest.mark.parametrize(("entry", "words"), cases())
def test_all_entry_points_refuse_with_the_same_words_and_write_nothing(entry, words, tmp_path, capsys):
    files = set()
    if isinstance(entry, list) and len(entry) > 1 and entry[1].removesuffix(".toml") in TABLES:
        import tomli_w

        Path(entry[1]).write_text(tomli_w.dumps(experiment(entry[0])), encoding="utf-8")
        files.add(entry[1])
    if isinstance(entry, list):
        assert main(entry) == 2
        told = capsys.readouterr()
        assert words in told.err and told.out == ""
        assert told.err.count("\n") == 1, told.err
    else:
        with pytest.raises(ta.TestisError) as caught:
            entry()
        assert words in str(caught.value)
        assert str(caught.value).isprintable()
    assert {path.name for path in tmp_path.iterdir()} == files


# ---- anything at all

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1.5,
    math.nan,
    math.inf,
    10**400,
    "",
    "x",
    "x\0y",
    "-",
    b"x",
    [],
    [["x"]],
    {1: 2},
    {"a": [{}]},
    object(),
    np.zeros(3),
    np.array(3),
    pd.DataFrame({"a": [1]}),
    pd.Series({"t": "x"}),
    pd.NA,
    pd.NaT,
    {"man": np.zeros(3)},
    lambda: 1,
    int,
    3 + 4j,
]
FUNCTIONS: Mapping[str, Callable[[Any], object]] = {
    "load": ta.load,
    "run": ta.run,
    "overrides": lambda x: ta.run("nowhere.toml", overrides=x),
    "TestisModel": ta.TestisModel,
    "compare": ta.compare,
    "compare an arm": lambda x: ta.compare({"a": x, "b": "nowhere.toml"}),
    "sweep": lambda x: ta.sweep(x, "s"),
    "sweep into": lambda x: ta.sweep("nowhere.toml", x),
    "trial": lambda x: ta.trial(x, "s"),
    "sensitivity": lambda x: ta.sensitivity(x, "s"),
    "find_twin": ta.find_twin,
    "find_twin t": lambda x: ta.find_twin({"t": x, "population": 1}),
    "find_twin assay": lambda x: ta.find_twin({"t": 9.0}, assay=x),
    "screen population": lambda x: ta.screen(x, 4, []),
    "screen criteria": lambda x: ta.screen("nowhere", 4, x),
    "draw": lambda x: draw("nowhere", x),
    "predict men": lambda x: predict(x, SMALL),
    "predict scenario": lambda x: predict(MEN, x),
    "replay": lambda x: replay(x, x),
    "load_study": load_study,
    "cross_validate": lambda x: cross_validate(Path("c"), folds=x, members=1),
    "RunResult.load": RunResult.load,
    "ExpectedMan": lambda x: ta.ExpectedMan(x, MEN.iloc[0]),
    "ExpectedMan of nobody": lambda x: ta.ExpectedMan(complete(parameters.values()), x),
    "parameters.values": lambda x: parameters.values({"a": x}),
    "drug_named": parameters.drug_named,
    "Scenario": lambda x: Scenario(therapy=x, man=x),
    "arm set": lambda x: ta.compare({**SMALL, "arm": [{"name": "a", "set": x}]}),
    "arm": lambda x: ta.compare({**SMALL, "arm": x}),
    "dose": lambda x: Scenario(therapy=[{"drug": x, "dose": x, "every": x, "when": x, "route": x}]),
    **{
        f"{kind} {key}": lambda x, kind=kind, key=key: prepared(kind, **{key: x}, colour="red")
        for kind in TABLES
        for key in (
            "outputs",
            "at",
            "engine",
            "method",
            "samples",
            "seed",
            "over",
            "where",
            "men",
            "outcome",
            "allocation",
        )
    },
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_anything_odd_is_refused_in_words(function, tmp_path):
    for k, value in enumerate(ODD):
        with pytest.raises(ta.TestisError) as caught:
            function(value)
            pytest.fail(f"value {k} is taken")
        assert all(line.isprintable() and line for line in str(caught.value).splitlines()), k
        assert list(tmp_path.iterdir()) == [], k


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1 mg", "day 3", "anastrozole", "cells"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["from", "to", "man.bmi", "name", "x"]) | st.text(max_size=4), inner, max_size=3
        )
    ),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(sorted(TABLES)),
    st.sampled_from(["over", "outputs", "at", "engine", "seed", "samples", "method", "where", "missing"]),
    JSON,
)
def test_any_entry_of_an_experiment_is_read_or_refused(kind, key, value):
    try:
        prepared(kind, **{key: value})
    except ta.TestisError as error:
        assert all(line.isprintable() for line in str(error).splitlines())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["t", "lh", "bmi", "age", "concentration"]), JSON | st.text())
def test_any_laboratory_value_is_a_number_missing_or_refused(name, raw):
    try:
        value = getattr(labs({name: raw}).get(name), "value", None)
    except ta.ScenarioError as error:
        assert str(error).startswith(f"{name}: ") and str(error).isprintable()
    else:
        assert value is None or isinstance(value, Censored) or math.isfinite(value)


# ---- what is counted before it is made, a user's text in a pattern, what is not installed


@pytest.mark.parametrize(
    ("kind", "entries", "said"),
    [
        (
            "sweep",
            {
                "over": {
                    "man.bmi": {"from": 20, "to": 30, "steps": 1000},
                    "man.age": {"from": 20, "to": 30, "steps": 1000},
                },
                "replicates": 10_000,
            },
            "10,000,000,000 runs are more than 1,000,000",
        ),
        (
            "sweep",
            {"over": {f"man.x{k}": {"from": 1, "to": 2} for k in range(50)}, "method": "sobol", "samples": 1_000_000},
            "50,000,000 values (samples times axes) are more than",
        ),
        (
            "sensitivity",
            {"samples": 100_000, "over": {f"man.x{k}": {"from": 1, "to": 2} for k in range(20)}},
            "2,200,000 runs are more than",
        ),
    ],
)
def test_runs_are_counted_before_they_are_listed(kind, entries, said):
    with pytest.raises(ta.TestisError, match=said.replace("(", r"\(").replace(")", r"\)")):
        prepared(kind, **entries)


def test_arms_times_replicates_are_counted_too():
    arms = {f"arm {k}": SMALL for k in range(101)}
    with pytest.raises(ta.TestisError, match="1,010,000 runs are more than 1,000,000"):
        ta.compare(arms, replicates=10_000)


@pytest.mark.parametrize("key", ["(", "[", "(a+)+$", "(.*)*x", "\\"])
def test_a_key_of_a_study_is_text_and_no_pattern(key):
    text = known()["leder_2004"].read_text(encoding="utf-8")
    Path("study.toml").write_text(f"{toml_key(key)} = 1\n{'a' * 40} = 2\n{text}", encoding="utf-8")
    with pytest.raises(ta.TestisError, match=r"study\.toml: line \d+: "):
        load_study("study.toml")


def toml_key(key: str) -> str:
    return '"' + key.replace("\\", "\\\\") + '"'


@pytest.mark.parametrize(
    "text", ["<" * 400, " " * 400 + "x", "LH" + " " * 400 + "<", "a and " * 80, "1" * 400, "3 " * 200]
)
def test_no_text_takes_long(text):
    began = time.process_time()
    for read in (parse_criterion, parse_every, parse_prescription, parameters.drug_named, lambda x: labs({"t": x})):
        with pytest.raises(ta.TestisError):
            read(text)
    assert time.process_time() - began < 5.0


def test_without_matplotlib_the_work_is_not_begun(monkeypatch, tmp_path, capsys):
    import tomli_w

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    lines = [
        ["run", FILE],
        ["studies", "run", "leder_2004"],
        ["twin", "--t", "9nmol/L", "--give", "hCG 1500 IU BIW", "--out", "x"],
    ]
    for kind in TABLES:
        Path(f"{kind}.toml").write_text(tomli_w.dumps(experiment(kind)), encoding="utf-8")
        lines.append([kind, f"{kind}.toml"])
    lines.append(["compare", FILE, FILE])
    before = set(tmp_path.iterdir())
    for line in lines:
        assert main(line) == 2, line
        told = capsys.readouterr()
        assert told.out == "" and told.err.startswith("pictures need matplotlib, which is not installed"), line
        assert 'pip install "testis_abm[plot]"' in told.err and "--no-plots" in told.err, line
    assert set(tmp_path.iterdir()) == before


@pytest.mark.slow
def test_notes_are_printed_once_whatever_python_does_with_warnings():
    import tomli_w

    Path("odd.toml").write_text(tomli_w.dumps({**SMALL, "title": "試験"}), encoding="utf-8")
    arms = {**SMALL, "arm": [{"name": "none", "therapy": []}, {"name": "pill \N{PILL}", "therapy": []}]}
    Path("arms.toml").write_text(tomli_w.dumps(arms), encoding="utf-8")
    Path("sweep.toml").write_text(tomli_w.dumps(experiment("sweep")), encoding="utf-8")
    note = "note: pictures: their font has no {}; a box stands in its place"
    for line, notes in (
        ("run odd.toml --out r", [note.format("試, 験")]),
        ("compare arms.toml --out c --workers 1", [note.format("\N{PILL}")]),
        ("sweep sweep.toml --shard 1/2 --out s --workers 1", []),
    ):
        command = [sys.executable, "-W", "error", "-m", "testis_abm", *line.split()]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONUTF8": "1"}
        )
        assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
        assert [text for text in done.stderr.splitlines() if "note" in text.lower()] == notes
    assert Path("r/tubules.svg").exists()


@pytest.mark.slow
def test_the_package_is_a_command_and_raises_no_warning():
    import tomli_w

    Path("sweep.toml").write_text(tomli_w.dumps(experiment("sweep")), encoding="utf-8")
    Path("small.toml").write_text(tomli_w.dumps(SMALL), encoding="utf-8")
    # Pictures are drawn in the same process: those that draw beside it are held by tests/test_results_draw.py.
    Path("all.py").write_text(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from testis_abm.cli.command import main\n"
        "from testis_abm.pictures import drawing\n"
        "drawing.standing_by = lambda: ThreadPoolExecutor(1)\n"
        "if __name__ == '__main__':\n"
        "    for line in ('drugs Clomid', 'men aromatase_deficiency', 'cohort --men 4', 'run small.toml',\n"
        "                 'sweep sweep.toml --workers 2 --no-plots'):\n"
        "        assert main(line.split()) == 0, line\n"
    )
    for words in (["-m", "testis_abm", "--version"], ["all.py"]):
        line = [sys.executable, "-W", "error", *words]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "Warning" not in done.stderr and "Traceback" not in done.stderr, done.stderr


# ---- the same options for every command that runs a scenario


def test_a_sweep_with_failed_runs_says_so_and_ends_with_1(capsys):
    import tomli_w

    tables = experiment("sweep")
    # Either dose may be given; daily, the larger one takes him out of the physical range.
    tables["therapy"] = [{"drug": "testosterone_enanthate", "dose": "100 mg", "every": "1 day"}]
    tables["sweep"]["over"] = {"therapy.1.dose": ["10 mg", "1000 mg"]}
    tables["sweep"]["engine"] = "cells"
    tables["plan"]["duration"] = "40 days"
    Path("sweep.toml").write_text(tomli_w.dumps(tables), encoding="utf-8")
    assert main(["sweep", "sweep.toml", "--workers", "1", "--no-plots", "--out", "s"]) == 1
    told = capsys.readouterr()
    assert "1 of 2 runs failed (exit code 1)" in told.err and "first failure: " in told.out


def test_set_seed_and_days_change_an_experiment_and_its_folder(tmp_path):
    import tomli_w

    Path("sweep.toml").write_text(tomli_w.dumps(experiment("sweep")), encoding="utf-8")
    line = ["sweep", "sweep.toml", "--workers", "1", "--no-plots"]
    assert main(line) == 0
    assert (
        main([*line, "--set", "man.leydig_capacity=0.5", "--days", "5", "--seed", "9", "--set", "sweep.replicates=2"])
        == 0
    )
    folders = sorted(path.name for path in (tmp_path / "runs").iterdir())
    assert folders[0] == "sweep-sweep" and folders[1].startswith("sweep-sweep-") and len(folders) == 2
    plain, changed = (pd.read_parquet(tmp_path / "runs" / name / "results.parquet") for name in folders)
    assert set(plain["day"]) == {10} and set(changed["day"]) == {5} and len(changed) == 2 * len(plain)
    assert changed["testosterone_nmol_l"].mean() < plain["testosterone_nmol_l"].mean()


def test_set_reaches_every_arm():
    import tomli_w

    Path("arms.toml").write_text(tomli_w.dumps({**SMALL, "therapy": [], "arm": ARMS}), encoding="utf-8")
    from testis_abm.experiments.compare import read_arms

    _, arms = read_arms(["arms.toml"], {"man.bmi": "31", "plan.duration": "5 days"})
    assert [(case.man.bmi, case.plan.duration_days) for case in arms.values()] == [(31.0, 5), (31.0, 5)]


def test_every_entry_point_takes_what_its_neighbours_take(tmp_path):
    path = tmp_path / "small.toml"
    path.write_text(ta.load(SMALL).to_toml(), encoding="utf-8")
    forms = [SMALL, ta.load(SMALL), path, str(path)]
    assert len({ta.load(form) for form in forms}) == 1
    assert len({ta.TestisModel(form).case for form in forms}) == 1
    hormones = [ta.run(form).hormones for form in forms]
    after = [predict(MEN, form)[1] for form in forms]
    levels = [ta.compare({"a": form, "b": SMALL}, workers=1).courses for form in forms]
    for frames in (hormones, after, levels):
        for frame in frames[1:]:
            pd.testing.assert_frame_equal(frame, frames[0])


def test_editing_what_was_taken_out_of_a_result_changes_nothing():
    result = ta.run(SMALL)
    before = result.summary()
    hormones = result.hormones
    hormones.loc[:, "testosterone_nmol_l"] = 0.0
    for table in (hormones, result.tables["hormones"], result.semen):
        for column in table.select_dtypes("number"):
            table[column] = 7
    pd.testing.assert_frame_equal(result.summary(), before)
