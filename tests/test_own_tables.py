"""Drugs, presets, populations, injuries and parameters of a user's own: as shipped ones in every way, and of nobody else."""

from __future__ import annotations

import json
import pickle
import tomllib
from collections.abc import Mapping
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.mechanisms import MECHANISMS
from testis_abm.biology.pharmacology import constants
from testis_abm.cli import main
from testis_abm.experiments.store import merge
from testis_abm.experiments.sweep import results
from testis_abm.experiments.sweep import sweep as run_sweep
from testis_abm.man.injuries import Injuries
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.physiology import complete
from testis_abm.man.treat import Treatment
from testis_abm.parameters import own
from testis_abm.parameters.table import FOLDER, drug_rows
from testis_abm.parameters.tables import NONE, in_force
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.blame import blamed
from testis_abm.scenario.insult import KINDS, NUMBERS, Insult
from testis_abm.scenario.load import load_bytes
from testis_abm.studies.ensemble import shipped
from testis_abm.support.errors import ScenarioError
from testis_abm.support.lines import dotted, lines

_SLOW = {"drug": {"slowazole": {"like": "anastrozole", "half_life": {"value": 120, "range": [80, 160]}}}}
_SMALL = {"tissue": {"tubules": 1, "sertoli_per_tubule": 12}, "plan": {"duration": "20 days", "replicates": 1}}


def _scenario(given: str, dose: str = "1 mg", /, **more: Any) -> dict[str, Any]:
    return {**_SMALL, "therapy": [{"drug": given, "dose": dose, "every": "1 day"}], **more}


def _lived(case: Scenario) -> np.ndarray:
    treatment = Treatment(case, history=True)
    man = ExpectedMan(complete(case.values()), case.man.physiology, treatment.kinetics)
    return np.asarray(treatment.follow(man).days.tolist())


# ---- a copy is the shipped one


@pytest.mark.parametrize("name", [*parameters.drugs()])
def test_a_copied_drug_gives_equal_bits(name: str) -> None:
    """Under another name, the whole table copied as it stands in drugs.toml, and by `like`."""
    row = {key: value for key, value in drug_rows(FOLDER)[name].items() if key != "names"}
    dose = f"{parameters.drugs()[name].regimen[0].dose!r} {parameters.drugs()[name].dose_unit}"
    shipped_one = ta.load(_scenario(name, dose))
    of_shipped = _lived(shipped_one)
    for table in (row, {"like": name}):
        case = ta.load(_scenario("copied", dose, drug={"copied": table}))
        assert case.therapy[0].title.endswith(shipped_one.therapy[0].label)
        assert np.array_equal(_lived(case), of_shipped)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_copied_drug_and_preset_give_equal_cells(engine: str) -> None:
    plan = {**_SMALL["plan"], "duration": "6 days", "engine": engine}
    mine = {"drug": {"copied": {"like": "letrozole"}}, "preset": {"he": {"like": "obese_low_t_e2"}}}
    men = []
    for drug, preset, tables in (("letrozole", "obese_low_t_e2", {}), ("copied", "he", mine)):
        case = ta.load(_scenario(drug, "2.5 mg", man={"preset": preset}, **tables) | {"plan": plan})
        man = ta.TestisModel(case)
        man.run_for(6)
        men.append(man)
    one, other = men
    assert np.array_equal(one.tissue.columns.germ.arrays().step, other.tissue.columns.germ.arrays().step)
    assert [row[1:] for row in one.records["hormones"]] == [row[1:] for row in other.records["hormones"]]


def test_a_changed_number_changes_the_man_and_nothing_shipped() -> None:
    before = _lived(ta.load(_scenario("anastrozole")))
    assert not np.array_equal(_lived(ta.load(_scenario("slowazole", **_SLOW))), before)
    strong = {"drug": {"anastrozole": {"like": "anastrozole", "replaces": True, "inhibition_constant": 1.0}}}
    with pytest.warns(match="drug anastrozole is of your own tables, in place of the shipped one"):
        case = ta.load(_scenario("Arimidex", **strong))
    assert not np.array_equal(_lived(case), before)
    assert np.array_equal(_lived(ta.load(_scenario("anastrozole"))), before)


def test_a_parameter_of_a_table_is_as_one_of_the_scenario_and_may_lie_beyond_the_shipped_range() -> None:
    name, known = "axis.lh_reference", parameters.load()["axis.lh_reference"]
    stated = ta.load(_scenario("anastrozole", parameters={name: known.low}))
    of_table = ta.load(_scenario("anastrozole", parameter={"axis": {"lh_reference": known.low}}))
    assert np.array_equal(_lived(stated), _lived(of_table)) and stated != of_table
    beyond = 1.5 * known.high
    wide = ta.load(_scenario("anastrozole", parameter={name: {"value": beyond, "range": [1.0, 2.0 * known.high]}}))
    assert wide.values()[name] == beyond
    again = ta.load(wide.as_dict(), overrides={f"parameters.{name}": known.low})
    assert again.values()[name] == known.low
    narrow = {"parameter": {name: {"range": [known.value, known.value]}}}
    with pytest.raises(ScenarioError, match=f"{known.low:g}.*allowed"):
        ta.load(_scenario("anastrozole", parameters={name: known.low}, **narrow))


def test_plausible_models_leave_what_tables_state() -> None:
    column = next(name for name in shipped().sets if not name.startswith("drug."))
    of_drug = next(name for name in shipped().sets if name.startswith("drug."))
    drug = of_drug.split(".")[1]
    free = shipped()[0]
    state = {"parameter": {column: parameters.load()[column].value}, "drug": {drug: {"like": drug, "replaces": True}}}
    with ta.using(ta.tables(state)):
        bound = shipped()[0]
        assert bound.values[column] == parameters.load()[column].value != free.values[column]
        assert not any(name.startswith(f"drug.{drug}.") for name in bound.of_drugs)
    assert shipped()[0] is free


# ---- what goes with a scenario


def test_tables_go_with_a_scenario_and_tell_it_from_others() -> None:
    case = ta.load(_scenario("slowazole", **_SLOW))
    again = ta.load(tomllib.loads(case.to_toml()))
    assert again == case == pickle.loads(pickle.dumps(case)) and hash(again) == hash(case)
    faster = ta.load(_scenario("slowazole", drug={"slowazole": {"like": "anastrozole"}}))
    assert faster != case
    assert "drug" not in ta.load(_scenario("anastrozole")).as_dict()
    with (
        pytest.raises(ScenarioError, match="given otherwise in the tables that are in force"),
        ta.using(case.own_tables),
    ):
        ta.load(faster.as_dict())


def test_tables_in_force_are_those_of_a_scenario_made_within() -> None:
    with ta.using(ta.tables(_SLOW)):
        case = ta.load(_scenario("Slowazole"))
    assert case == ta.load(_scenario("slowazole", **_SLOW))
    with pytest.raises(ScenarioError, match="slowazole"):
        ta.load(_scenario("slowazole"))


def test_nothing_of_one_visitor_reaches_another() -> None:
    seen: dict[str, bool] = {}

    def look() -> None:
        seen["slowazole"] = "slowazole" in parameters.drugs()

    with ta.using(ta.tables(_SLOW)):
        assert "slowazole" in parameters.drugs()
        visitor = Thread(target=look)
        visitor.start()
        visitor.join()
        case = load_bytes(ta.load(_scenario("slowazole")).to_toml().encode(), "his.toml")
    assert not seen["slowazole"] and in_force() is NONE
    assert case.drugs["slowazole"].numbers["half_life"].value == 120
    assert "slowazole" not in parameters.drugs()


def test_arms_may_have_different_drugs_of_one_name(tmp_path: Path) -> None:
    weak = {"drug": {"mine": {"like": "anastrozole", "inhibition_constant": 15}}}
    strong = {"drug": {"mine": {"like": "anastrozole", "inhibition_constant": 1}}}
    cases = [ta.load(_scenario("mine", title=title, **of)) for title, of in (("weak", weak), ("strong", strong))]
    found = ta.compare(cases, tmp_path / "compared", workers=1)
    assert found is not None
    alone = [_lived(case) for case in cases]
    assert not np.array_equal(*alone)


def _sweep_of() -> dict[str, Any]:
    over = {"drug.slowazole.inhibition_constant": [2.0, 12.0], "drug.slowazole.half_life.value": [90, 150]}
    return {**_scenario("slowazole", **_SLOW), "sweep": {"over": over, "engine": "expected"}}


@pytest.mark.slow
def test_sweeps_of_own_numbers_are_sharded_and_resumed(tmp_path: Path) -> None:
    whole = run_sweep(_sweep_of(), tmp_path / "whole", workers=1)
    for k in (1, 2):
        run_sweep(_sweep_of(), tmp_path / f"part{k}", workers=1, shard=(k, 2))
    merge(tmp_path / "parts", [tmp_path / "part1", tmp_path / "part2"])
    assert whole is not None and whole.equals(results(tmp_path / "parts"))
    assert whole["oestradiol_pmol_l"].nunique() >= 4
    told: list[int] = []
    run_sweep(_sweep_of(), tmp_path / "whole", workers=1, progress=lambda progress: told.append(progress.found))
    assert told[0] == 4
    # The same numbers from tables in force, and in processes of their own.
    plain = {key: value for key, value in _sweep_of().items() if key != "drug"}
    with ta.using(ta.tables(_SLOW)):
        spread = run_sweep(plain, tmp_path / "spread", workers=2)
    assert spread is not None and spread.equals(whole)


# ---- populations and injuries


def test_a_population_has_its_own_numbers_and_the_rest_of_whom_it_is_like() -> None:
    with ta.using(
        ta.tables(
            {
                "population": {
                    "same": {"like": "obese"},
                    "heavy": {"like": "obese", "bmi_median": {"value": 40, "range": [35, 45]}},
                    "heavier": {"like": "heavy", "gnrh_drive": 0.5},
                }
            }
        )
    ):
        base, same, heavy, heavier = (ta.screen(name, 50).cohort.men for name in ("obese", "same", "heavy", "heavier"))
    assert same.equals(base)
    others = [name for name in base if name != "bmi"]
    assert heavy[others].equals(base[others]) and heavy["bmi"].median() > base["bmi"].median()
    assert heavier["bmi"].equals(heavy["bmi"]) and heavier["gnrh_drive"].median() < 0.7 * heavy["gnrh_drive"].median()
    with pytest.raises(ScenarioError, match="heavy"):
        ta.screen("heavy", 10)


@pytest.mark.parametrize("kind", [kind for kind, of in NUMBERS.items() if of])
def test_every_number_of_an_injury_of_ones_own_moves_what_it_does(kind: str) -> None:
    needs = {**KINDS[kind].needs, **({"strength": 1.0} if kind == "cytotoxics" else {})}
    known = [row for name, row in parameters.load().items() if name.startswith(NUMBERS[kind])]
    assert known
    values = complete(parameters.values())

    def struck(insult: Insult) -> list[Any]:
        return [list(map(np.ravel, map(np.asarray, blow))) for blow in Injuries([insult], values).blows(0)]

    for row in known:
        more = (
            {"grade": int(row.name[-1])}
            if "grade_" in row.name
            else {"hours": 12.0}
            if row.name.endswith("hours_exponent")
            else {}
        )
        other = row.low if row.value != row.low else row.high
        with ta.using(ta.tables({"injury": {"blow": {"kind": kind, "numbers": {row.name: other}}}})):
            given = {**needs, **more}
            assert str(struck(Insult("blow", **given))) != str(struck(Insult(kind, **given))), row.name


def test_an_injury_has_its_keys_unless_the_scenario_says_otherwise() -> None:
    mine = {"injury": {"folfox": {"kind": "cytotoxics", "strength": 0.6, "courses": 12, "every": "14 days"}}}
    plan = {"duration": "200 days"}
    case = ta.load(
        {"plan": plan, "insult": [{"kind": "folfox"}, {"kind": "folfox", "strength": 2.0, "courses": 1}], **mine}
    )
    one, other = case.insult
    assert (one.kind, one.agent, one.strength, one.courses, one.every) == ("cytotoxics", "folfox", 0.6, 12, 14)
    assert (other.strength, other.courses) == (2.0, 1) and "folfox" in one.label
    assert ta.load(case.as_dict()) == case


# ---- mechanisms


@pytest.mark.parametrize("action", [*MECHANISMS])
def test_a_drug_lacks_nothing_that_its_mechanism_needs(action: str) -> None:
    """What `constants` asks for is enough to run, each of it is needed, and has a unit in the shipped table."""
    assert action in own.actions()
    needed = constants([action], "mg")
    row = {"action": action, "largest_dose": 10, **dict.fromkeys(needed, 0.5)}
    assert len(_lived(ta.load(_scenario("mine", "0.01 mg", drug={"mine": row}))))
    for name in needed:
        assert own.unit_of(name)
        short = {key: value for key, value in row.items() if key != name}
        with pytest.raises(ScenarioError, match=rf"drug: mine: lacks {name}; {action} needs: .*{name} \("):
            ta.load(_scenario("mine", drug={"mine": short}))


# ---- faults


@pytest.mark.parametrize(
    ("table", "place", "told"),
    [
        ('[drug.x]\nlike = "anastrozol"', 2, 'drug "anastrozol" is not known; nearest: "anastrozole"'),
        ('[drug.x]\naction = "magic"\nlargest_dose = 1', 2, 'mechanism "magic" is not known'),
        ('[drug.x]\nlike = "anastrozole"\nhalf_lif = 3', 3, 'key "half_lif" is not known; nearest: "half_life"'),
        ('[drug.x]\nlike = "anastrozole"\nhalf_life = 400', 3, "400 is out of range; allowed: 40 to 55"),
        ('[drug.x]\nlike = "anastrozole"\n[drug.x.half_life]\nvalue = 1\nrange = [0, 2]', 3, "must be above 0"),
        ('[drug.x]\nlike = "anastrozole"\nhalf_life = { value = 2, range = [1, 3], unit = "day" }', 3, "not its unit"),
        ('[drug.x]\nlike = "anastrozole"\nbioavailability = { value = 2, range = [1, 3] }', 3, "cannot be above 1"),
        ('[drug.x]\nlike = "anastrozole"\nnames = ["Femara"]', 1, "is a name of two drugs"),
        ('[drug.x]\nlike = "y"\n[drug.y]\nlike = "x"', 2, "goes round in a circle"),
        ('[drug.letrozole]\nlike = "anastrozole"', 1, "is the name of a shipped drug"),
        ('[drug.x]\nlike = "anastrozole"\nreplaces = true', 3, "no shipped drug is called x"),
        ('[drug."../x"]\nlike = "anastrozole"', 1, "is no name"),
        ('[drug.x]\nlike = "anastrozole"\ntitle = "a\\u001b[2Jb"', 3, "must be one line"),
        ("[drug.x]\nlike = 1979-05-27", 2, "is no text, number"),
        ("[drug]\nx = 3", 2, "is not a table"),
        ('[preset.x]\nlike = "fertile"\nbmi = 200', 3, "200 is out of range"),
        ("[preset.x]\ngnrh_driv = 1", 2, "is no physiology field"),
        ('[preset.x]\nhistory = ["nothing 1 mg"]', 2, "is not a past therapy"),
        ('[population.x]\nlike = "clinic"\nbmi_media = 3', 3, 'nearest: "bmi_median"'),
        ('[population.x]\nlike = "clinic"\nage_mean = 80', 3, "80 is out of range"),
        ("[population.x]\nage_mean = 36", 1, "the population that it is like"),
        ('[injury.x]\nkind = "cytotoxic"', 2, 'nearest: "cytotoxics"'),
        ('[injury.fever]\nkind = "heat"', 1, "is the name of a kind of insult"),
        ('[injury.x]\nkind = "heat"\nnumbers = { "axis.lh_reference" = 4 }', 3, "is no number that heat goes by"),
        ('[injury.x]\nkind = "fever"\npeak = "99 C"', 3, "out of range"),
        ("[parameter]\naxis.lh_referenc = 3", 2, 'nearest: "axis.lh_reference"'),
        ("[parameter]\naxis.lh_reference = 1e9", 2, "give range ="),
        ("[parameter.axis.lh_reference]\nrange = [9, 8]", 2, "is no range"),
        ("[drugs.x]\nlike = 1", 1, 'nearest: "drug"'),
    ],
)
def test_every_fault_of_tables_names_file_and_line(table: str, place: int, told: str, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    file = folder / "a.toml"
    file.write_text(f"# mine\n{table}\n")
    with pytest.raises(ScenarioError) as error:
        ta.tables(folder)
    line = next(line for line in str(error.value).splitlines() if told in line)
    assert line.startswith(f"{file}:{place + 1}: ") and line.isprintable()
    if not table.startswith("[drugs"):
        scenario = tmp_path / "scenario.toml"
        scenario.write_text(f"{table}\n")
        with pytest.raises(ScenarioError) as error:
            ta.load(scenario)
        assert any(line.startswith(f"{scenario}:{place}: ") and told in line for line in str(error.value).splitlines())
    assert in_force() is NONE


def test_files_that_do_not_go_together_are_told(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.toml").write_text('\n[drug.x]\nlike = "letrozole"\n')
    with pytest.raises(ScenarioError, match=r"b\.toml:2: drug: x: is given twice, in .*a\.toml:2 too"):
        ta.tables(tmp_path)
    (tmp_path / "b.toml").write_text("#" * 1_100_000)
    with pytest.raises(ScenarioError, match="larger than 1 MB"):
        ta.tables(tmp_path)
    (tmp_path / "b.toml").unlink()
    assert repr(ta.tables(tmp_path)) == "<Tables: drug x>" == repr(ta.tables(tmp_path / "a.toml"))
    with pytest.raises(ScenarioError, match="no such folder"):
        ta.tables(tmp_path / "c")


def _paths(value: object, path: tuple[str | int, ...] = ()) -> Any:
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from _paths(inner, (*path, key))


@pytest.mark.parametrize(
    "path", sorted(Path(parameters.__file__).parents[1].rglob("*.toml"))[::9], ids=lambda path: path.stem
)
def test_lines_are_those_of_the_keys(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    found, rows = lines(text), text.split("\n")
    for keys in _paths(tomllib.loads(text)):
        if dotted(keys) in found and isinstance(keys[-1], str):
            assert keys[-1] in rows[found[dotted(keys)] - 1]
    assert len(found) > 1


def test_commands_see_the_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.toml").write_text('[drug.slowazole]\nlike = "anastrozole"\n[parameter.axis]\nlh_reference = 5\n')
    assert main(["drugs", "--tables", str(tmp_path)]) == 0
    assert "[own] Slowazole" in capsys.readouterr().out
    assert main(["drugs", "slowazole", f"--tables={tmp_path}"]) == 0
    assert "slowazole: [own] Slowazole" in capsys.readouterr().out
    assert main(["parameters", "axis.lh_reference", "--tables", str(tmp_path)]) == 0
    assert "axis.lh_reference = 5" in (out := capsys.readouterr().out) and "own" in out
    assert main(["drugs", "slowazole"]) == 2
    assert in_force() is NONE


_ZERO = """\
title = "zero"
plan = { baseline = 2, duration = 3, replicates = 1 }
[[therapy]]
drug = "anastrozole"
dose = "1 mg"
every = "1 day"
[parameter.axis.lh_reference]
value = 0
range = [0, 9]
"""


@pytest.mark.parametrize("command", ["run", "pulses", "histology", "compare"])
def test_a_number_that_leaves_the_equations_without_a_result_is_named(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("zero.toml").write_text(_ZERO)
    Path("other.toml").write_text(_ZERO.replace('"zero"', '"other"'))
    files = ["zero.toml", "other.toml"] if command == "compare" else ["zero.toml"]
    assert main([command, *files, "--json", "--out", "out.png"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "axis.lh_reference = 0" in json.loads(said)["errors"][0]["text"]


def test_a_fault_of_the_equations_under_shipped_numbers_stays_one_of_the_program() -> None:
    shipped, own = load({"title": "own"}), load({"title": "own", "parameters": {"axis.lh_reference": 4.0}})
    fault = OverflowError("too large")
    with pytest.raises(OverflowError):
        blamed(fault, [shipped])
    assert "axis.lh_reference = 4" in str(blamed(fault, [shipped, own]))


def test_a_trial_is_analysed_under_own_numbers(tmp_path):
    own = {"axis": {"lh_reference": {"value": 7, "range": [3, 9]}}}  # outside the shipped range
    file = {
        "title": "own",
        "plan": {"duration": "20 days"},
        "parameter": own,
        "trial": {"men": 12, "engine": "expected", "parameters": "tables", "at": ["end"]},
        "arm": [{"name": "control", "therapy": []}, {"name": "other", "therapy": []}],
    }
    men = ta.trial(file, tmp_path / "own").men
    usual = ta.trial({key: value for key, value in file.items() if key != "parameter"}, tmp_path / "usual").men
    assert men["baseline_lh_iu_l"].median() > 1.2 * usual["baseline_lh_iu_l"].median()
