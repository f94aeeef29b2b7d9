"""Wrong scenarios are answered with file, place, value, what is allowed and the nearest name."""

import errno
import os
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from testis_abm.scenario import Man, Plan, Samples, Scenario, Therapy, Tissue, load
from testis_abm.support.errors import ScenarioError, TestisError


def refusal(source, **overrides) -> str:
    with pytest.raises(ScenarioError) as caught:
        load(source, overrides=overrides or None)
    message = str(caught.value)
    assert message.replace("\n", "").isprintable()
    assert "pydantic" not in message
    assert "Traceback" not in message
    return message


def pill(**changes):
    """Return a scenario with one good therapy, changed."""
    words = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"} | changes
    return {"therapy": [{key: value for key, value in words.items() if value is not None}]}


USUAL = " (usual for anastrozole: 0.5 to 1 mg daily)"


@pytest.mark.parametrize(
    ("dose", "said"),
    [
        ("-1 mg", '"-1 mg" is negative; a dose must be above 0 mg'),
        ("0 mg", '"0 mg" is zero; a dose must be above 0 mg'),
        ("210 mg", '"210 mg" is too much; a single dose may be up to 200 mg'),
        ("1 g", '"1 g" is too much; a single dose may be up to 200 mg'),
        ("1 mL", '"1 mL": unit "mL" does not fit; the dose is in mg, g or ug'),
        ("10 kg", '"10 kg": unit "kg" does not fit; the dose is in mg, g or ug'),
        ("5 IU", '"5 IU": unit "IU" does not fit; the dose is in mg, g or ug'),
        ("1", '"1" has no unit; write a dose, such as "1 mg"'),
        (1, '1 has no unit; write it as text with one: "1 mg"'),
        (True, 'true is not a dose, such as "1 mg"'),
        ("nan mg", '"nan mg" is not a dose, such as "1 mg"'),
    ],
)
def test_a_wrong_dose_says_what_is_usual(dose, said):
    assert refusal(pill(dose=dose)) == f"scenario: therapy 1: dose: {said}{USUAL}"


def test_milligrams_of_a_drug_in_units_are_refused():
    said = refusal(pill(drug="hcg", dose="5 mg"))
    assert '"5 mg": unit "mg" does not fit; the dose is in IU or kIU (usual for hcg: ' in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"drug": "anastrazole"}, 'drug "anastrazole" is not known; nearest: "anastrozole" (see: testis-abm drugs)'),
        ({"drug": 3}, "drug 3 is not known (see: testis-abm drugs)"),
        ({"drug": None}, 'drug is missing; for example drug = "anastrozole"'),
        ({"dose": None}, 'dose is missing; for example dose = "1 mg"'),
        ({"evry": "1 day"}, 'key "evry" is not known; nearest: "every"'),
        (
            {"colour": 1},
            'key "colour" is not known; known: drug, per, dose, every, over, from, until, days, missed, adherence, when, adds, route',
        ),
        ({"every": "0 days"}, 'every: "0 days" is not above 0; write every = "1 day"'),
        ({"every": "-1 day"}, 'every: "-1 day" is negative'),
        ({"every": "1"}, 'every: "1" has no unit'),
        ({"every": float("nan")}, "every: nan is not a finite number"),
        ({"every": True}, "every: true is not a length of time"),
        ({"every": "5 minutes"}, "is out of range; allowed: 1 hour to 10 years"),
        ({"every": "1 mg"}, 'unit "mg" is not one of time'),
        ({"from": "day -5"}, "from: day -5 is in the baseline, which is untreated; start at day 0 or later"),
        ({"from": "day 180"}, "from: day 180 is not before the end of the plan (day 180)"),
        ({"from": "5 days"}, 'from: "5 days" is not a day; write "day 30"'),
        ({"from": float("inf")}, "from: inf is not a finite number"),
        ({"from": "day 9", "until": "day 9"}, "until: day 9 is not after from (day 9); no dose would be given"),
        ({"from": "day 9", "until": "day 5"}, "until: day 5 is not after from (day 9)"),
        ({"until": "day -40"}, "until: day -40 is not after from (day 0)"),
        ({"every": None, "until": "day 5"}, "until: a single dose has no end; add every"),
        ({"route": "patch"}, 'route: "patch" is not a route of anastrozole; known: oral'),
        ({"route": 1}, "route: 1 is not a route of anastrozole"),
    ],
)
def test_a_wrong_therapy(changes, said):
    message = refusal(pill(**changes))
    assert message.startswith("scenario: therapy 1: ")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("man", "said"),
    [
        ({"preset": "obese_low_te"}, 'preset "obese_low_te" is not known; nearest: "obese_low_t_e2"'),
        ({"preset": 3}, "preset 3 is not known (see: testis-abm men)"),
        ({"bmii": 30}, 'key "bmii" is not known; nearest: "bmi" (see: testis-abm men)'),
        ({"physiology": {}}, 'key "physiology" is not known'),
        ({"self": 1}, 'key "self" is not known'),
        ({"bmi": 200}, "bmi: 200 is out of range; allowed: 16 to 70 (kg/m2)"),
        ({"bmi": "31"}, 'bmi: "31" is not a plain number; allowed: 16 to 70 (kg/m2)'),
        ({"bmi": True}, "bmi: true is not a plain number"),
        ({"bmi": float("nan")}, "bmi: nan is out of range"),
        ({"bmi": float("-inf")}, "bmi: -inf is out of range"),
        ({"age": "340 years"}, "age: 340 is out of range; allowed: 18 to 80 (year)"),
        ({"age": "34 yeers"}, 'age: "34 yeers": unit "yeers" is not one of time; nearest: "year'),
        ({"gnrh_drive": -0.1}, "gnrh_drive: -0.1 is out of range; allowed: 0 to 3"),
    ],
)
def test_a_wrong_man(man, said):
    message = refusal({"man": man})
    assert message.startswith(f"scenario: man: {said}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"tissue": {"tubules": 0}}, "tissue: tubules: 0 is out of range; allowed: 1 to 200000"),
        ({"tissue": {"tubules": 200001}}, "tissue: tubules: 200001 is out of range"),
        ({"tissue": {"sertoli_per_tubule": 0}}, "tissue: sertoli_per_tubule: 0 is out of range; allowed: 1 to 200"),
        ({"tissue": {"rows": 0}}, "tissue: rows: 0 is out of range; allowed: 1 to 10000"),
        ({"tissue": {"rows": 2.5}}, "tissue: rows: 2.5 is not a whole number"),
        (
            {"tissue": {"rows": 3000}},
            "tissue: rows: 3000 rows of 26 Sertoli cells are too many for one tubule; up to 2520",
        ),
        ({"tissue": {"tubules": True}}, "tissue: tubules: true is not a whole number; allowed: 1 to 200000"),
        ({"tissue": {"tubules": 1.5}}, "tissue: tubules: 1.5 is not a whole number"),
        ({"tissue": {"tubules": "12"}}, 'tissue: tubules: "12" is not a whole number'),
        ({"tissue": {"tubule": 12}}, 'tissue: key "tubule" is not known; nearest: "tubules"'),
        ({"plan": {"replicates": 0}}, "plan: replicates: 0 is out of range; allowed: 1 to 10000"),
        ({"plan": {"replicates": float("nan")}}, "plan: replicates: nan is out of range"),
        ({"plan": {"seed": -1}}, "plan: seed: -1 is out of range"),
        ({"plan": {"seed": float("inf")}}, "plan: seed: inf is out of range"),
        ({"plan": {"baseline": "-1 day"}}, 'plan: baseline: "-1 day" is negative'),
        ({"plan": {"duration": "0 days"}}, 'plan: duration: "0 days" is out of range; allowed: 1 to 9131 days'),
        ({"plan": {"duration": "90 years"}}, 'plan: duration: "90 years" is out of range'),
        ({"plan": {"duration": "180"}}, 'plan: duration: "180" has no unit'),
        ({"plan": {"duration": False}}, "plan: duration: false is not a length of time"),
        ({"plan": {"engine": "compield"}}, 'plan: engine: "compield" is not one of compiled, reference; nearest: '),
        ({"plan": {"engine": ["compiled"]}}, 'plan: engine: ["compiled"] is not one of compiled, reference'),
        ({"plan": {"days": 3}}, 'plan: key "days" is not known'),
        ({"plan": {"duration_days": 3}}, 'plan: key "duration_days" is not known; nearest: "duration"'),
        ({"title": 3}, "title: 3 is not text; put it in quotes"),
        ({"title": "a\nb"}, 'title: "a\\nb" must be one line'),
        ({"mann": {}}, 'key "mann" is not known; nearest: "man"'),
        ({"path": "x"}, 'key "path" is not known; known: title, man, '),
        ({"man": 3}, "man: 3 is not a table; write [man] and its keys below it"),
        ({"man": [{}]}, "man: is a list; write one table, [man] in single brackets"),
        ({"plan": "x"}, 'plan: "x" is not a table'),
        ({"samples": []}, "samples: [] is not a table"),
        ({"parameters": 3}, "parameters: 3 is not a table"),
        ({"therapy": {"drug": "hcg"}}, "therapy: is one table and not a list of them; write [[therapy]]"),
        ({"therapy": 3}, "therapy: 3 is not a list of tables; write [[therapy]]"),
        ({"therapy": [3]}, "therapy 1: 3 is not a table; write [[therapy]]"),
        ({"observed": {}}, "observed: is one table and not a list of them; write [[observed]]"),
    ],
)
def test_a_wrong_section(section, said):
    message = refusal(section)
    assert message.startswith(f"scenario: {said}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("samples", "said"),
    [
        ({"blood": ["day 181"]}, "blood: day 181 is outside the plan; allowed: day -28 to day 180"),
        ({"semen": ["day -29"]}, "semen: day -29 is outside the plan"),
        ({"biopsy": {"every": "1 week", "until": 999}}, "biopsy: day 182 is outside the plan"),
        ({"blood": ["day 1", "soon"]}, 'blood 2: "soon" is not a day; write "day 30"'),
        ({"blood": [1.5]}, "blood 1: 1.5 is not a whole day"),
        ({"blood": [True]}, "blood 1: true is not a day"),
        ({"blood": "day 1"}, 'blood: "day 1" is not a list of days; write ["day 0", "day 30"] or { every ='),
        ({"biopsy": {"from": 3}}, 'biopsy: every is missing; for example every = "4 weeks"'),
        ({"semen": {"evry": "1 week"}}, 'semen: key "evry" is not known; nearest: "every"'),
        ({"semen": {"every": "0 days"}}, 'semen: every: "0 days" is too short'),
        ({"semen": {"every": "1"}}, 'semen: every: "1" has no unit'),
        ({"semen": {"from": 9, "until": 3}}, "semen: until: day 3 is before from (day 9)"),
        ({"semen": {"abstinence": "2 days"}, "abstinence": "3 days"}, "semen: abstinence: is given under samples too"),
        ({"abstinence": "6 hours"}, 'abstinence: "6 hours" is out of range; allowed: 0.5 to 30 days'),
        ({"abstinence": "31 days"}, 'abstinence: "31 days" is out of range; allowed: 0.5 to 30 days'),
        ({"assay": "lcms"}, 'assay: "lcms" is not one of immunoassay, lc-ms; nearest: "lc-ms"'),
        ({"bloods": []}, 'key "bloods" is not known; nearest: "blood"'),
    ],
)
def test_wrong_samples(samples, said):
    message = refusal({"samples": samples})
    assert message.startswith(f"scenario: samples: {said}")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"variable": "testosterone"}, 'variable: "testosterone" is not known; nearest: "testosterone_nmol_l"'),
        ({"unit": "pg/ml/d"}, 'unit: "pg/ml/d" is not a unit of oestradiol_pmol_l; known: pmol/L, '),
        ({"unit": "IU/L"}, 'unit: "IU/L" is not a unit of oestradiol_pmol_l'),
        ({"unit": 3}, 'unit: 3 is not a unit, such as "pmol/L"'),
        ({"value": "12 pg/mL"}, 'value: "12 pg/mL" is not a plain number; its unit goes in unit'),
        ({"value": -1}, "value: -1 is out of range"),
        ({"value": float("nan")}, "value: nan is out of range"),
        ({"value": True}, "value: true is not a plain number"),
        ({"day": "day 400"}, "day: day 400 is outside the plan; allowed: day -28 to day 180"),
        ({"label": 3}, "label: 3 is not text"),
        ({"units": "x"}, 'key "units" is not known; nearest: "unit"'),
    ],
)
def test_a_wrong_published_value(changes, said):
    good = {"variable": "oestradiol_pmol_l", "day": 30, "value": 20, "unit": "pg/mL"}
    message = refusal({"observed": [good, good | changes]})
    assert message == message.splitlines()[0]
    assert message.startswith(f"scenario: observed 2: {said}")


@pytest.mark.parametrize(
    ("given_parameters", "said"),
    [
        ({"axis.lh_referense": 4}, 'parameter "axis.lh_referense" is not known; nearest: "axis.lh_reference"'),
        ({"axis": {"lh_reference": 100}}, "axis.lh_reference: 100 is out of range; allowed: 3 to 6 (IU/L)"),
        ({"axis.lh_reference": True}, "axis.lh_reference: true is not a plain number"),
        ({"axis.lh_reference": float("nan")}, "axis.lh_reference: nan is out of range"),
        ({"axis": {"lh_reference": 4}, "axis.lh_reference": 5}, "axis.lh_reference: is given twice"),
        ({"man.bmi": 30}, '"man.bmi" belongs to the man; set bmi under [man]'),
    ],
)
def test_a_wrong_parameter(given_parameters, said):
    assert refusal({"parameters": given_parameters}).startswith(f"scenario: parameters: {said}")


def test_every_problem_gets_one_line():
    source = pill(dose="-1 mg", every="0 days") | {"man": {"bmi": 1, "preset": "x"}, "tissue": {"tubules": 0}}
    source["therapy"].append({"drug": "hcg", "dose": "5 mg"})
    lines = refusal(source).splitlines()
    places = [line.split(": ")[1:3] for line in lines]
    assert ["man", "bmi"] in places
    assert ["tissue", "tubules"] in places
    assert ["therapy 1", "dose"] in places
    assert ["therapy 1", "every"] in places
    assert ["therapy 2", "dose"] in places
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: Man("obese_low_te"), 'preset "obese_low_te" is not known; nearest: "obese_low_t_e2"'),
        (lambda: Man(bmi=1), "bmi: 1 is out of range"),
        (lambda: Tissue(tubules=0), "tubules: 0 is out of range"),
        (lambda: Plan(duration="1 mg"), 'duration: "1 mg"'),
        (lambda: Therapy("anastrozole", dose="-1 mg"), 'dose: "-1 mg" is negative'),
        (lambda: Therapy("anastrozole"), "dose is missing"),
        (lambda: Samples(blood={"every": "1 day"}), "blood: until is missing"),
        (lambda: Scenario(therapy=Therapy("hcg", "5 IU")), "therapy: is one table and not a list"),
        (lambda: Scenario(therapy=[{"drug": "hcg", "dose": "5"}]), 'therapy 1: dose: "5" has no unit'),
    ],
)
def test_python_objects_are_refused_in_the_same_words(build, said):
    with pytest.raises(ScenarioError) as caught:
        build()
    assert str(caught.value).startswith(said)


def test_the_error_is_one_of_ours_and_survives_a_worker_process():
    with pytest.raises(TestisError) as caught:
        load({"man": {"bmi": 1}})
    again = pickle.loads(pickle.dumps(caught.value))
    assert type(again) is ScenarioError
    assert (str(again), again.problems) == (str(caught.value), caught.value.problems)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", 'is empty; a scenario can be as short as title = "Fertile man"'),
        (b"\xef\xbb\xbf \r\n", "is empty"),
        (b"# only a comment\n", "has no settings in it"),
        (b'title = "x"\n[samples]\nblood = ["day 0",', "line 3: invalid value, and the file ends there"),
        (b'title = "x"\n\n[pla', "line 3: expected ']'"),
        (b'title = "x"\n[man\nbmi = 3\n', "line 2, column 5: expected ']'"),
        (b"[man]\nbmi 31\n", "line 2, column 5: expected '='"),
        (b"[man]\n[man]\n", "line 2, column 5: cannot declare"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "is a binary file; a scenario is TOML text"),
        (bytes(range(256)), "is a binary file"),
        (b'title = "x"\n# caf\xe9\n', "line 2: byte 0xe9 is not UTF-8 text; save the file as UTF-8"),
        ('title = "x"'.encode("utf-16"), "is UTF-16 text; save it as UTF-8"),
        (b"x = " + b"[" * 100_000, "is nested too deeply"),
        (b"[parameters]\n" + b"a." * 2_000 + b"b = 1", "is nested too deeply"),
        (b"[man]\n" + b"a." * 2_000 + b"b = 1", "is nested too deeply"),
        (b"x = " + b"9" * 5000, "is not valid TOML: a number has thousands of digits"),
        (b"[man]\nbmi = 0x" + b"f" * 5000, ":2: man: bmi: a number of thousands of digits is out of range"),
        (b"#" * 1_000_001, "is larger than 1 MB"),
        (b"[man]\nage = 1979-05-27", ':2: man: age: "1979-05-27" is not a plain number'),
        (b'"a\\u001b[31m" = 1', ':1: key "a\\x1b[31m" is not known'),
        (b'[man]\r\nbmi = "x"\r\n', ':2: man: bmi: "x" is not a plain number'),
    ],
)
def test_a_wrong_file_is_told_by_name_and_line(folder, content, said):
    (folder / "mine.toml").write_bytes(content)
    message = refusal("mine.toml")
    assert message.startswith(f"mine.toml{'' if said.startswith(':') else ': '}{said}")
    assert "\n" not in message


def test_bom_and_windows_line_ends_are_fine(folder):
    (folder / "mine.toml").write_bytes(b'\xef\xbb\xbftitle = "x"\r\n[man]\r\nbmi = 31 # kg/m2\r\n')
    scenario = load(folder / "mine.toml")
    assert (scenario.title, scenario.man.bmi) == ("x", 31.0)


def test_a_file_without_a_title_takes_its_own_name(folder):
    (folder / "my man.toml").write_text("[man]\nbmi = 31")
    assert load("my man.toml").title == "my man"


def test_missing_files_and_directories(folder):
    (folder / "fertile_man.toml").write_text('title = "x"')
    assert refusal("fertile_men.toml") == 'fertile_men.toml: no such file; nearest: "fertile_man.toml"'
    assert refusal("nothing/like/it.toml") == "nothing/like/it.toml: no such file"
    assert refusal(".") == ".: is a directory; name a scenario file (*.toml) in it"
    assert refusal("a\0b.toml").startswith("a\\x00b.toml: cannot be read: ")
    assert refusal("fertile_man.toml/x").startswith("fertile_man.toml/x: cannot be read: ")


def test_a_forbidden_file(monkeypatch):
    # Simulated, because the superuser may read everything.
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    assert refusal("mine.toml") == "mine.toml: cannot be read: permission denied"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_bytes(content)
    try:
        load(path)
    except ScenarioError as error:
        assert str(path) in str(error)


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)
KEYS = {
    "title": (),
    "man": ("preset", "bmi", "age"),
    "tissue": ("tubules",),
    "plan": ("baseline", "duration", "replicates", "seed", "engine"),
    "therapy": ("drug", "dose", "every", "from", "until", "route"),
    "samples": ("blood", "semen", "biopsy", "abstinence", "assay"),
    "observed": ("variable", "day", "value", "unit", "label"),
    "parameters": ("axis", "axis.lh_reference"),
}


@given(st.data())
def test_junk_anywhere_is_understood_or_refused_in_plain_lines(data):
    section = data.draw(st.sampled_from(sorted(KEYS)))
    value = data.draw(JUNK)
    if KEYS[section]:
        table = {data.draw(st.sampled_from(KEYS[section])): value}
        value = data.draw(st.sampled_from([value, table, [table]]))
    try:
        scenario = load({section: value})
    except ScenarioError as error:
        for line in str(error).splitlines():
            assert line.isprintable()
            assert line.startswith("scenario: ")
    else:
        assert load(scenario.as_dict()) == scenario


SETTABLE = pill() | {"plan": {"seed": 1}, "samples": {"blood": ["day 0"]}}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("man.bmi", "200", "overrides: man.bmi=200: 200 is out of range; allowed: 16 to 70 (kg/m2)"),
        ("man.bmi", 200, "overrides: man.bmi=200: 200 is out of range"),
        ("man.bmi", "fat", 'overrides: man.bmi=fat: "fat" is not a plain number'),
        ("man.bmi", "nan", "overrides: man.bmi=nan: nan is out of range"),
        ("man.bmi", "true", "overrides: man.bmi=true: true is not a plain number"),
        ("man.preset", "fertil", 'overrides: man.preset=fertil: preset "fertil" is not known; nearest: "fertile"'),
        ("man.bmii", "31", 'overrides: man.bmii=31: key "bmii" is not known; nearest: "bmi"'),
        ("mann.bmi", "31", 'overrides: mann.bmi=31: key "mann" is not known; nearest: "man"'),
        ("man", "31", "overrides: man=31: 31 is not a table"),
        ("therapy.1.dose", "-2 mg", 'overrides: therapy.1.dose=-2 mg: "-2 mg" is negative'),
        ("therapy.1.doses", "2 mg", 'overrides: therapy.1.doses=2 mg: key "doses" is not known; nearest: "dose"'),
        (
            "therapy.2.dose",
            "2 mg",
            "overrides: therapy.2.dose=2 mg: the scenario has 1 [[therapy]]; write therapy.1.<key>",
        ),
        ("therapy.0.dose", "2 mg", "overrides: therapy.0.dose=2 mg: the scenario has 1 [[therapy]]"),
        ("therapy.dose", "2 mg", "overrides: therapy.dose=2 mg: the scenario has 1 [[therapy]]; write therapy.1.<key>"),
        ("therapy.1", "x", "overrides: therapy.1=x: say which key of therapy"),
        ("therapy.1.dose.x", "1", 'overrides: therapy.1.dose.x=1: dose is "1 mg" in the scenario and holds no keys'),
        ("observed.1.day", "1", "overrides: observed.1.day=1: the scenario has no [[observed]]"),
        ("plan.seed.x", "3", "overrides: plan.seed.x=3: seed is 1 in the scenario and holds no keys"),
        ("plan.seed", "1.5", "overrides: plan.seed=1.5: 1.5 is not a whole number"),
        ("samples.blood", '["day 999"]', 'overrides: samples.blood=["day 999"]: day 999 is outside the plan'),
        (
            "parameters.axis.lh_ref",
            "4",
            'overrides: parameters.axis.lh_ref=4: parameter "axis.lh_ref" is not known; near',
        ),
        ("parameters.axis.lh_reference", "100", "overrides: parameters.axis.lh_reference=100: 100 is out of range"),
        ("man.", "1", "overrides: man.=1: is not a place in a scenario; write for example man.bmi=31"),
        ("", "1", "overrides: =1: is not a place in a scenario"),
        ("man.bmi", "[" * 50 + "]" * 50, "overrides: man.bmi=[[["),
        ("man" + ".a" * 50, "1", "overrides: man.a.a"),
        ("parameters.axis", "{" + "a." * 50 + "b = 1}", "overrides: parameters.axis={a.a."),
        ("a\nb", "1\n2", 'overrides: a\\nb=1\\n2: key "a\\nb" is not known'),
    ],
)
def test_a_wrong_setting_is_told_as_it_was_typed(key, value, said):
    message = refusal(SETTABLE, **{key: value})
    assert message.startswith(said)
    assert "\n" not in message


def test_settings_are_read_as_values_or_as_text():
    settings = {
        "title": "Two words",
        "man.bmi": "31.5",
        "man.age": "40 years",
        "plan.seed": "3",
        "plan.replicates": 2,
        "therapy.1.dose": "2 mg",
        "samples.semen": '{ every = "1 week", until = "day 7" }',
        "samples.blood": ["day 5"],
        "parameters.axis.lh_reference": "4.5",
    }
    scenario = load(SETTABLE, overrides=settings)
    assert (scenario.title, scenario.man.bmi, scenario.man.age) == ("Two words", 31.5, 40.0)
    assert (scenario.plan.seed, scenario.plan.replicates, scenario.therapy[0].dose) == (3, 2, 2.0)
    assert scenario.samples.semen == (-28, -21, -14, -7, 0, 7)
    assert scenario.samples.blood == (5,)
    assert scenario.parameters == {"axis.lh_reference": 4.5}
    assert load(SETTABLE, overrides={"therapy": "[]"}).therapy == ()


def test_a_problem_that_a_setting_did_not_name_stays_with_the_file(folder):
    (folder / "mine.toml").write_text('[samples]\nblood = ["day -90"]\n[man]\nbmi = 1')
    lines = refusal("mine.toml", **{"plan.duration": "60 days", "man.age": "7 years"}).splitlines()
    assert sorted(lines) == [
        "mine.toml:2: samples: blood: day -90 is outside the plan; allowed: day -28 to day 60",
        "mine.toml:4: man: bmi: 1 is out of range; allowed: 16 to 70 (kg/m2)",
        "overrides: man.age=7 years: 7 is out of range; allowed: 18 to 80 (year)",
    ]


def test_a_wrong_list_is_shown_as_far_as_it_is_readable():
    from testis_abm.support.errors import shown

    assert shown([]) == "[]" and shown([0, 1.5, "x", None, [1], []]) == '[0, 1.5, "x", None, [...], []]'
    itself: list[object] = []
    itself.append(itself)
    assert shown(itself) == "[[...]]"
    assert len(shown(["word"] * 10**6)) <= 60 and shown(["word"] * 99).endswith("...]")
