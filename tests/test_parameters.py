"""The parameter table: what is read, what is refused, and the package's own tables."""

import copy
import math
import pickle
from dataclasses import FrozenInstanceError

import pytest

from testis_abm import parameters
from testis_abm.parameters import FrozenMapping
from testis_abm.support.errors import ScenarioError, TestisError

ENTRY = 'value = 4, unit = "IU/L", range = [3, 6.5], source = "a paper", confidence = "measured"'
MEN = """
[physiology]
bmi = { value = 24, unit = "kg/m2", range = [16, 70], source = "adult", confidence = "assumed" }
drive = { value = 1, unit = "x", range = [0, 3], source = "fit", confidence = "fitted", note = "of GnRH" }
[preset.big]
title = "Big man"
source = "a cohort"
bmi = 33.5
"""
DRUGS = """
[pill]
title = "Pill"
class = "inhibitor"
action = "aromatase_inhibitor"
dose_unit = "mg"
routes = ["oral", "buccal"]
usual = "1 mg daily"
largest_dose = 20
[pill.clearance]
value = 1.54
unit = "L/h"
range = [1, 2]
source = "label"
confidence = "measured"
"""


@pytest.fixture
def tables(tmp_path):
    """Return a function that writes tables, good ones unless given, and returns their folder."""

    def write(**texts: str):
        good = {"axis": f"[axis]\nlh_reference = {{ {ENTRY} }}", "men": MEN, "drugs": DRUGS}
        (tmp_path / "model").mkdir(exist_ok=True)
        for name, text in (good | texts).items():
            folder = tmp_path if name in ("men", "drugs") else tmp_path / "model"
            (folder / f"{name}.toml").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def test_an_entry_has_a_dotted_name_and_all_that_its_table_says(tables):
    folder = tables(more="[a.b]\nc = { " + ENTRY + ', note = "why" }', axis="")
    (parameter,) = parameters.load(folder).values()
    assert parameter.name == "a.b.c"
    assert (parameter.value, parameter.unit, parameter.low, parameter.high) == (4.0, "IU/L", 3.0, 6.5)
    assert (parameter.source, parameter.confidence, parameter.note) == ("a paper", "measured", "why")
    with pytest.raises(FrozenInstanceError):
        parameter.value = 5.0


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        (ENTRY.replace("value = 4", "value = 9"), "value 9.0 is out of range; allowed: 3 to 6.5"),
        (ENTRY.replace("value = 4", "value = nan"), "value: nan: Input should be a finite number"),
        (ENTRY.replace("value = 4", "value = true"), "value: true: Input should be a valid number"),
        (ENTRY.replace("[3, 6.5]", "[6.5, 3]"), "value 4.0 is out of range; allowed: 6.5 to 3"),
        (ENTRY.replace("[3, 6.5]", "[3]"), "range must be [lowest, highest]"),
        (ENTRY.replace('"measured"', '"guessed"'), "confidence: \"guessed\": Input should be 'measured', "),
        (ENTRY.replace('"a paper"', '""'), 'source: "": String should have at least 1 character'),
        (ENTRY.replace('"IU/L"', "1"), "unit: 1: Input should be a valid string"),
        (ENTRY + ", note = 1", "note: 1: Input should be a valid string"),
        (ENTRY + ", sauce = 1", "sauce: 1: Unexpected keyword argument"),
    ],
)
def test_a_wrong_entry_is_reported_by_file_and_name(tables, entry, said):
    folder = tables(axis=f"[axis]\nlh_reference = {{ {entry} }}")
    with pytest.raises(TestisError) as caught:
        parameters.load(folder)
    line = str(caught.value)
    assert "\n" not in line
    assert "axis.toml: axis.lh_reference: " in line
    assert said in line


def test_a_name_in_two_files_is_refused(tables):
    with pytest.raises(TestisError, match=r"twice\.toml: axis\.lh_reference: is defined twice"):
        parameters.load(tables(twice=f"[axis]\nlh_reference = {{ {ENTRY} }}"))


def test_broken_and_missing_tables_say_which_file(tables, tmp_path):
    with pytest.raises(TestisError, match=r"axis\.toml: not a valid table: .*line 1"):
        parameters.load(tables(axis="[axis\n"))
    (tables() / "men.toml").unlink()
    with pytest.raises(TestisError, match=r"men\.toml: no such file or directory"):
        parameters.physiology(tmp_path)
    with pytest.raises(TestisError, match="no parameter tables"):
        parameters.load(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("bmi = 33.5", "bmy = 33.5"), "preset.big.bmy: is no physiology field; nearest: bmi"),
        (("bmi = 33.5", "bmi = 99"), "preset.big.bmi: 99 is out of range; allowed: 16 to 70 (kg/m2)"),
        (('source = "a cohort"', ""), "preset.big: source: a table: Field required"),
    ],
)
def test_a_wrong_preset_is_reported(tables, change, said):
    with pytest.raises(TestisError) as caught:
        parameters.presets(tables(men=MEN.replace(*change)))
    assert str(caught.value).endswith(said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("largest_dose = 20", "largest_dose = 0"), "pill: largest_dose: 0: Input should be greater than 0"),
        (('["oral", "buccal"]', "[]"), "pill: routes: []: Tuple should have at least 1 item"),
        (('dose_unit = "mg"', ""), "pill: dose_unit: a table: Field required"),
        (('dose_unit = "mg"', 'dose_unit = "mg"\ncolour = "red"'), "drug.pill.colour: must be a table"),
        (("largest_dose = 20", "largest_dose = 20\nregimen = 3"), "pill: regimen: 3: Input should be a valid tuple"),
        (("largest_dose = 20", "largest_dose = 20\nregimen = [3]"), "pill: regimen.0: 3: Input should be a dictionary"),
        (
            ("largest_dose = 20", "largest_dose = 20\nregimen = [{ dose = 1 }]"),
            "regimen.0.days: a table: Field required",
        ),
        (("largest_dose = 20", "largest_dose = 20\nregimen = [{ dose = 30, days = 1 }]"), "above the largest dose, 20"),
        (
            ("largest_dose = 20", "largest_dose = 20\nregimen = [{ doses = 3, days = 1 }]"),
            "pill: regimen.0.doses: 3: Unexpected keyword argument",
        ),
        (
            ("largest_dose = 20", "largest_dose = 20\nexcludes.pil = 'x'"),
            "pill.excludes.pil: is no drug; nearest: pill",
        ),
        (
            ("largest_dose = 20", "largest_dose = 20\nexcludes.pill = 3"),
            "pill: excludes.pill: 3: Input should be a valid string",
        ),
    ],
)
def test_a_wrong_drug_is_reported(tables, change, said):
    with pytest.raises(TestisError) as caught:
        parameters.drugs(tables(drugs=DRUGS.replace(*change)))
    assert said in str(caught.value)


def test_men_and_drugs_have_tables_of_their_own(tables):
    folder = tables()
    assert list(parameters.load(folder)) == ["axis.lh_reference"]
    assert parameters.physiology(folder)["drive"].name == "man.drive"
    big = parameters.presets(folder)["big"]
    assert (big.title, big.source, dict(big.values)) == ("Big man", "a cohort", {"bmi": 33.5})
    pill = parameters.drugs(folder)["pill"]
    assert (pill.dose_unit, pill.routes, pill.largest_dose) == ("mg", ("oral", "buccal"), 20.0)
    assert (pill.drug_class, pill.action, pill.usual) == ("inhibitor", "aromatase_inhibitor", "1 mg daily")
    assert pill.numbers["clearance"].name == "drug.pill.clearance"


def test_overrides_replace_values_and_leave_the_table_alone(tables):
    folder = tables()
    assert parameters.values(folder=folder) == {"axis.lh_reference": 4.0}
    assert parameters.values({"axis.lh_reference": 5}, folder=folder) == {"axis.lh_reference": 5.0}
    assert parameters.values({"axis.lh_reference": 6.5}, folder=folder)["axis.lh_reference"] == 6.5
    assert parameters.values({}, folder=folder) == {"axis.lh_reference": 4.0}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("axis.lh_reference", 7, "axis.lh_reference: 7 is out of range; allowed: 3 to 6.5 (IU/L)"),
        ("axis.lh_reference", math.nan, "axis.lh_reference: nan is out of range"),
        ("axis.lh_reference", -math.inf, "axis.lh_reference: -inf is out of range"),
        ("axis.lh_reference", True, "axis.lh_reference: true is not a plain number"),
        ("axis.lh_reference", "4", 'axis.lh_reference: "4" is not a plain number'),
        pytest.param("axis.lh_reference", 10**5000, "a number of thousands of digits is out of range", id="huge"),
        ("axis.lh_referense", 4, '"axis.lh_referense" is not known; nearest: "axis.lh_reference"'),
        ("lh_reference", 4, 'nearest: "axis.lh_reference"'),
        ("man.bmi", 30, '"man.bmi" belongs to the man; set bmi under [man]'),
        ("drug.pill.clearance", 1.5, "belongs to the drug table"),
    ],
)
def test_a_wrong_override_is_reported(tables, name, value, said):
    with pytest.raises(ScenarioError) as caught:
        parameters.values({name: value}, folder=tables())
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_wrong_override_gets_a_line(tables):
    with pytest.raises(ScenarioError) as caught:
        parameters.values({"axis.lh_reference": 7, "axis.lhh": 1}, folder=tables())
    assert len(str(caught.value).splitlines()) == len(caught.value.problems) == 2


def test_search_looks_in_names_units_sources_and_notes_of_every_table(tables):
    folder = tables()

    def found(word=None):
        return [parameter.name for parameter in parameters.search(word, folder=folder)]

    assert found() == ["axis.lh_reference", "man.bmi", "man.drive", "drug.pill.clearance"]
    assert found("GNRH") == ["man.drive"]
    assert found("l/h") == ["drug.pill.clearance"]
    assert found("A Paper") == found("lh_") == ["axis.lh_reference"]
    assert found("no such thing") == []


def test_a_frozen_mapping_survives_copying_and_pickling_and_hashes_by_content():
    mapping = FrozenMapping({"b": 2.0, "a": 1.0})
    for twin in (pickle.loads(pickle.dumps(mapping)), copy.deepcopy(mapping), copy.copy(mapping)):
        assert twin == mapping == {"a": 1.0, "b": 2.0}
        assert list(twin) == ["b", "a"]
        assert hash(twin) == hash(FrozenMapping({"a": 1.0, "b": 2.0}))
    with pytest.raises(TypeError):
        mapping["a"] = 3.0


def test_the_packages_own_tables_are_sound():
    assert len(parameters.load()) > 50
    assert parameters.load() is parameters.load()
    assert parameters.presets()["fertile"].values == {}
    assert {"bmi", "age", "gnrh_drive"} <= set(parameters.physiology())
    assert {drug.dose_unit for drug in parameters.drugs().values()} <= {"mg", "IU"}
    names = [parameter.name for parameter in parameters.search()]
    assert len(names) == len(set(names))
    for table in (parameters.load(), parameters.drugs(), parameters.presets()):
        assert pickle.loads(pickle.dumps(table)) == table
