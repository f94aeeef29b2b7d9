"""Scenarios as objects: what is understood, defaults, and what comes back out."""

import copy
import pickle
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testis_abm import parameters
from testis_abm.scenario import Man, Observed, Plan, Samples, Scenario, Therapy, Tissue, load
from testis_abm.support.errors import ScenarioError

EXAMPLES = sorted((Path(__file__).parent.parent / "scenarios").glob("*.toml"))

FULL = {
    "title": "All of it",
    "man": {"preset": "obese_low_t_e2", "bmi": 31, "age": "37 years"},
    "tissue": {"tubules": 3, "sertoli_per_tubule": 10},
    "plan": {"baseline": "2 weeks", "duration": "6 months", "replicates": 2, "seed": 7, "engine": "reference"},
    "therapy": [
        {"drug": "anastrozole", "dose": "500 ug", "every": "8 hours", "from": "day 3", "until": "week 20"},
        {"drug": "hcg", "dose": "1.5 kIU", "route": "intramuscular"},
    ],
    "samples": {
        "blood": ["day 30", 0, "week 1"],
        "semen": {"every": "1 month", "abstinence": "5 days"},
        "biopsy": ["day 0"],
        "assay": "lc-ms",
    },
    "observed": [{"variable": "testosterone_nmol_l", "day": 30, "value": 480.4, "unit": "NG/DL", "label": "S"}],
    "parameters": {"axis": {"lh_reference": 4.5}, "axis.fsh_reference": 5},
}


def test_the_shortest_scenario_is_a_fertile_man_untreated():
    scenario = load({})
    assert scenario == Scenario()
    assert (scenario.man.preset, scenario.man.bmi, scenario.therapy) == ("fertile", 24.0, ())
    assert (scenario.tissue.tubules, scenario.tissue.rows, scenario.tissue.sertoli_per_tubule) == (6, 3, 26)
    assert scenario.tissue.sertoli == 468
    plan = scenario.plan
    assert (plan.baseline_days, plan.duration_days, plan.replicates, plan.seed) == (28, 180, 8, 1)
    assert plan.engine == "compiled"
    samples = scenario.samples
    assert samples.blood == tuple(range(0, 181, 28))
    assert samples.semen == tuple(range(-28, 181, 14))
    assert (samples.biopsy, samples.abstinence_days, samples.assay) == ((), 3.0, "immunoassay")


def test_everything_is_understood_in_days_and_dose_units():
    scenario = load(FULL)
    assert (scenario.man["bmi"], scenario.man.age) == (31.0, 37.0)
    preset = parameters.presets()["obese_low_t_e2"].values
    assert {name: scenario.man[name] for name in preset if name != "bmi"} == {
        name: value for name, value in preset.items() if name != "bmi"
    }
    assert set(scenario.man.physiology) == set(parameters.physiology())
    assert (scenario.plan.baseline_days, scenario.plan.duration_days) == (14, 183)
    pills, shot = scenario.therapy
    assert (pills.dose, pills.dose_unit, pills.route) == (0.5, "mg", "oral")
    assert (pills.every_days, pills.from_day, pills.until_day) == (8 / 24, 3.0, 140.0)
    assert (shot.dose, shot.dose_unit, shot.route) == (1500.0, "IU", "intramuscular")
    assert (shot.every_days, shot.from_day, shot.until_day) == (None, 0.0, 183.0)
    assert scenario.samples.blood == (0, 7, 30)
    assert scenario.samples.semen == (-14, 16, 47, 77, 108, 138, 169)
    assert (scenario.samples.abstinence_days, scenario.samples.assay) == (5.0, "lc-ms")
    assert scenario.parameters == {"axis.lh_reference": 4.5, "axis.fsh_reference": 5.0}
    (seen,) = scenario.observed
    assert (seen.value, seen.unit, seen.label, seen.day) == (480.4, "ng/dL", "S", 30.0)
    assert (seen.canonical_value, seen.canonical_unit) == (pytest.approx(16.657, rel=1e-4), "nmol/L")


def test_an_override_of_a_preset_leaves_the_rest_of_it():
    plain, changed = Man("obese_low_t_e2"), Man(preset="obese_low_t_e2", gnrh_drive=0.5)
    assert plain["gnrh_drive"] != changed["gnrh_drive"] == 0.5
    different = [name for name in plain.physiology if plain[name] != changed[name]]
    assert different == ["gnrh_drive"]


def test_python_objects_and_mappings_say_the_same():
    built = Scenario(
        title="All of it",
        man=Man("obese_low_t_e2", bmi=31, age="37 years"),
        tissue=Tissue(tubules=3, sertoli_per_tubule=10),
        plan=Plan(baseline=14, duration="6 months", replicates=2, seed=np.int64(7), engine="reference"),
        therapy=[
            Therapy("anastrozole", "0.5 mg", every="8 hours", from_="day 3", until=140),
            Therapy("hcg", dose="1500 IU", route="intramuscular"),
        ],
        samples=Samples(
            blood=[0, 7, 30],
            semen={"every": "1 month", "from": -14, "until": 183},
            biopsy=[0],
            abstinence=5,
            assay="lc-ms",
        ),
        observed=[Observed(variable="testosterone_nmol_l", day=30, value=480.4, unit="ng/dL", label="S")],
        parameters={"axis.fsh_reference": 5, "axis.lh_reference": np.float64(4.5)},
    )
    assert built == load(FULL)
    assert hash(built) == hash(load(FULL))


def test_what_a_samples_object_leaves_out_follows_the_plan_it_joins():
    scenario = Scenario(plan=Plan(baseline=7, duration=40), samples=Samples(assay="lc-ms", biopsy=[3]))
    assert scenario.samples.semen == (-7, 7, 21, 35)
    assert scenario.samples.blood == (0, 28)
    assert (scenario.samples.biopsy, scenario.samples.assay) == ((3,), "lc-ms")
    assert Scenario(samples={"blood": []}).samples.blood == ()


def test_a_schedule_includes_both_ends_and_may_leave_out_its_interval():
    samples = load({"samples": {"blood": {"every": "30 days", "until": "day 90"}, "semen": {"from": 160}}}).samples
    assert samples.blood == (0, 30, 60, 90)
    assert samples.semen == (160, 174)


@pytest.mark.parametrize(
    ("words", "days"),
    [
        ({"every": "1 week", "until": 21}, (0, 7, 14)),
        ({"every": "1 week", "until": 21.5}, (0, 7, 14, 21)),
        ({"every": "10 days", "from": "day 5"}, (5, 15, 25)),
        ({}, (0,)),
        ({"from": "day 29.5"}, (29.5,)),
        ({"every": "1 year"}, (0,)),
        ({"every": "1 day", "from": 28, "until": "day 400"}, (28, 29)),
    ],
)
def test_doses_start_at_from_and_stop_before_until(words, days):
    scenario = load({"plan": {"duration": 30}, "therapy": [{"drug": "letrozole", "dose": "2.5 mg", **words}]})
    assert scenario.therapy[0].dose_days() == days


@given(st.integers(1, 48), st.integers(1, 200))
def test_intervals_in_hours_give_no_dose_at_the_excluded_end(hours, doses):
    therapy = Therapy("anastrozole", "1 mg", every=f"{hours} hours", until=doses * hours / 24)
    assert len(therapy.dose_days()) == doses


def test_a_therapy_outside_a_scenario_has_no_end():
    with pytest.raises(ScenarioError, match="no end yet"):
        Therapy("hcg", "500 IU", every="2 days").dose_days()
    with pytest.raises(TypeError, match="by name"):
        Therapy("hcg", "500 IU", "2 days")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_each_example_is_understood_and_comes_back_out_the_same(path):
    scenario = load(path)
    assert scenario.path == str(path)
    assert scenario.title
    assert load(tomllib.loads(scenario.to_toml())) == scenario


def test_as_dict_and_toml_lead_back_to_an_equal_scenario(tmp_path):
    scenario = load(FULL)
    again = load(scenario.as_dict())
    assert again == scenario
    assert again.as_dict() == scenario.as_dict()
    path = tmp_path / "again.toml"
    path.write_text(scenario.to_toml(), encoding="utf-8")
    assert load(path) == scenario
    assert load(path).to_toml() == scenario.to_toml()


@given(
    bmi=st.floats(16, 70),
    dose=st.floats(1e-3, 20),
    every=st.floats(0.05, 100),
    start=st.floats(0, 99),
    abstinence=st.floats(0.5, 30),
    seed=st.integers(0, 2**63 - 1),
    blood=st.lists(st.integers(-28, 100)),
)
def test_any_numbers_come_back_exactly(bmi, dose, every, start, abstinence, seed, blood):
    scenario = load(
        {
            "man": {"bmi": bmi},
            "plan": {"duration": 100, "seed": seed},
            "therapy": [{"drug": "anastrozole", "dose": f"{dose} mg", "every": every, "from": start}],
            "samples": {"blood": blood, "abstinence": abstinence},
        }
    )
    assert load(tomllib.loads(scenario.to_toml())) == scenario
    assert (scenario.man.bmi, scenario.plan.seed, scenario.therapy[0].dose) == (bmi, seed, dose)
    assert scenario.samples.blood == tuple(sorted(set(blood)))


def test_a_scenario_is_frozen_hashable_and_travels_whole():
    scenario = load(FULL)
    for twin in (pickle.loads(pickle.dumps(scenario)), copy.deepcopy(scenario), copy.copy(scenario)):
        assert twin == scenario
        assert hash(twin) == hash(scenario)
        assert twin.therapy[0].dose_days() == scenario.therapy[0].dose_days()
    for thing, name in [(scenario, "title"), (scenario.man, "preset"), (scenario.plan, "seed")]:
        with pytest.raises(ValueError, match="frozen"):
            setattr(thing, name, "x")
    with pytest.raises(TypeError):
        scenario.man.physiology["bmi"] = 20.0


def test_the_path_travels_but_is_no_part_of_equality(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('title = "x"', encoding="utf-8")
    scenario = load(path)
    assert scenario == load({"title": "x"})
    assert load({"title": "x"}).path is None
    assert pickle.loads(pickle.dumps(scenario)).path == str(path)
    assert scenario != load({"title": "y"})
    assert scenario != "x"


def test_a_mapping_given_to_load_is_left_as_it_was():
    given_mapping = copy.deepcopy(FULL)
    load(given_mapping, overrides={"therapy.1.dose": "1 mg", "parameters.axis.lh_reference": 5})
    assert given_mapping == FULL


def test_importing_scenarios_brings_in_nothing_heavy():
    code = "import sys, testis_abm.scenario; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(run.stdout.split())
    assert "testis_abm.scenario.load" in loaded
    assert not loaded & {"mesa", "numba", "numpy", "pandas", "matplotlib", "networkx", "tomli_w"}


def test_loading_takes_a_moment():
    load(FULL)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        load(FULL)
        times.append(time.perf_counter() - start)
    assert min(times) < 0.05


def test_a_shorter_plan_leaves_out_what_lies_beyond_it():
    case = {
        "samples": {"blood": ["day 0", "day 90"], "semen": {"every": "2 weeks"}},
        "observed": [{"variable": "lh_iu_l", "day": 90, "value": 4, "unit": "IU/L"}],
        "therapy": [{"drug": "hcg", "dose": "500 IU", "every": "2 days", "from": "day 70"}],
    }
    with pytest.warns(UserWarning, match=r"left out, .* 60: therapy 1 \(hcg 500 IU from day 70\)"):
        cut = load(case, overrides={"plan.duration": "60 days"})
    assert cut.samples.blood == (0,) and max(cut.samples.semen) <= 60
    assert cut.observed == () and cut.therapy == ()
    assert load(case).samples.blood == (0, 90)
