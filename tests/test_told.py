"""What commands say: as text, as one JSON document, as a page, in either system of units."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from testis_abm.cli.command import main
from testis_abm.quantities import CONVENTIONAL, QUANTITIES, SI, in_units, told, unit_of, unit_system
from testis_abm.results.page import Section, render, typeset
from testis_abm.support import outputs
from testis_abm.support.errors import ScenarioError

HOME = Path(__file__).resolve().parents[1]
SCENARIOS, CLINIC = HOME / "scenarios", str(HOME / "examples" / "tables" / "clinic_en.csv")
OWN = """
[preset.heavier]
like = "obese_low_t_e2"
bmi = 38

[drug.slowazole]
like = "anastrozole"
inhibition_constant = 6
"""
TINY = ["--set", "plan.replicates=1", "--set", "tissue.tubules=1", "--days", "3"]
LABS = ["--t", "260ng/dL", "--e2", "48pg/mL", "--lh", "3.1", "--fsh", "4.4", "--bmi", "33"]
QUIET = ["--no-plots"]
# Commands of seconds that show levels.
COMMANDS = {
    "men": ["men"],
    "preset": ["men", "obese_low_t_e2"],
    "cohort": ["cohort", "--men", "5", "--seed", "2"],
    "run": ["run", str(SCENARIOS / "anastrozole_titrated.toml"), *TINY, *QUIET],
    "pulses": ["pulses", str(SCENARIOS / "obese_anastrozole.toml"), "--day", "3", "--days", "5", *QUIET],
    "histology": ["histology", str(SCENARIOS / "fertile_man.toml"), "--day", "1", *TINY, *QUIET],
}
# Of quantities whose SI unit is nmol/L or pmol/L; inhibin B and hCG are in pg/mL and IU/L everywhere.
CONVENTIONAL_UNIT = re.compile(r"ng/dL|pg/mL|ng/mL")
_ELSEWHERE = re.compile(r"inhibin B \(pg/mL\)|AMH \(ng/mL\)|per pg/mL")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TESTIS_ABM_UNITS", raising=False)


def said(capsys, arguments):
    assert main(arguments) == 0
    return capsys.readouterr().out


# ---- units


def test_units_are_of_a_context_and_of_the_environment(monkeypatch):
    row = QUANTITIES["testosterone_nmol_l"]
    assert (unit_system(), row.clinical_unit, row.heading) == (CONVENTIONAL, "ng/dL", "testosterone (ng/dL)")
    seen = []
    with in_units("SI"):
        assert (unit_system(), row.clinical_unit, row.factor) == (SI, "nmol/L", 1.0)
        thread = threading.Thread(target=lambda: seen.append(unit_system()))
        thread.start()
        thread.join()
        with in_units(CONVENTIONAL):
            assert row.factor == pytest.approx(28.84)
    assert seen == [CONVENTIONAL]
    monkeypatch.setenv("TESTIS_ABM_UNITS", "si")
    assert row.heading == "testosterone (nmol/L)"
    monkeypatch.setenv("TESTIS_ABM_UNITS", "metric")
    with pytest.raises(ScenarioError, match="TESTIS_ABM_UNITS"):
        unit_system()
    with pytest.raises(ScenarioError, match="units"), in_units("imperial"):
        pass


@pytest.mark.parametrize("column", QUANTITIES)
def test_si_and_conventional_levels_agree_by_the_factor(column):
    row = QUANTITIES[column]
    conventional = float(row.clinical(7.0))
    with in_units(SI):
        assert row.from_conventional(conventional) == pytest.approx(float(row.clinical(7.0)))
        assert row.unit not in ("nmol/L", "pmol/L") or row.clinical_unit == row.unit
        assert not re.search("ng/dL", row.clinical_unit)


def test_ratios_are_molar_in_si():
    row = QUANTITIES["t_over_e2"]
    with in_units(SI):
        # 15 nmol/L over 0.1 nmol/L
        assert float(row.clinical(15 * 28.84 / (100 / 3.67))) == pytest.approx(150.0)
    assert told("under {E2:10} or {T:200}") == "under 10 pg/mL or 200 ng/dL"
    with in_units(SI):
        assert told("under {E2:10} or {T:200}") == "under 36.7 pmol/L or 6.93 nmol/L"


@pytest.mark.parametrize("name", COMMANDS)
def test_under_si_no_command_prints_a_conventional_unit(name, capsys):
    usual = said(capsys, [*COMMANDS[name], *(["--out", "a"] if name not in ("men", "preset", "cohort") else [])])
    si = said(
        capsys, [*COMMANDS[name], "--units", "si", *(["--out", "b"] if name not in ("men", "preset", "cohort") else [])]
    )
    if name != "histology":
        assert CONVENTIONAL_UNIT.search(_ELSEWHERE.sub("", usual)), "says no level: proves nothing"
    left = [line for line in _ELSEWHERE.sub("", si).splitlines() if CONVENTIONAL_UNIT.search(line)]
    # What the literature says is quoted as it was published.
    assert not [line for line in left if "source:" not in line and "published" not in line and "within" not in line]


def test_levels_of_a_run_agree_in_both_systems(capsys):
    arguments = [*COMMANDS["run"], "--json"]
    one = json.loads(said(capsys, [*arguments, "--out", "a"]))
    other = json.loads(said(capsys, [*arguments, "--units", "si", "--out", "b"]))
    assert (one["units"], other["units"]) == (CONVENTIONAL, SI)
    pairs = list(zip(one["tables"]["summary"]["records"], other["tables"]["summary"]["records"], strict=True))
    assert len(pairs) > 20
    for a, b in pairs:
        row = QUANTITIES.get(a["column"])
        if row is None or a["untreated"] is None:
            continue
        assert row.clinical_unit == a["unit"]
        with in_units(SI):
            assert row.clinical_unit == b["unit"]
            assert b["untreated"] == pytest.approx(row.from_conventional(a["untreated"]), rel=1e-9)
        assert a["change_pct"] == pytest.approx(b["change_pct"], nan_ok=True) if a["change_pct"] is not None else True


def test_names_of_columns_tell_their_units():
    assert unit_of("visit1_oestradiol_immunoassay_pmol_l") == "pmol/L"
    assert unit_of("low_pct") == "%" and unit_of("daily_production_million_g") == "million/g/day"
    assert unit_of("arm") == "" and unit_of("concentration_million_ml") == "million/mL"


# ---- JSON


@pytest.mark.parametrize("name", COMMANDS)
def test_json_is_all_that_stands_on_standard_output(name, capsys):
    found = json.loads(said(capsys, [*COMMANDS[name], "--json"]))
    assert {"version", "units", "extrapolation", "warnings", "tables", "text", "disclaimer", "exit_code"} <= set(found)
    assert found["tables"] and all(table["records"] for table in found["tables"].values())
    for table in found["tables"].values():
        names = [column["name"] for column in table["columns"]]
        assert all(list(record) == names for record in table["records"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["parameters", "aromatase"],
        ["drugs"],
        ["drugs", "anastrozole"],
        ["scenarios"],
        ["scenarios", "fever"],
        ["rules"],
        ["rules", "pachytene"],
        ["schema"],
        ["new", "mine.toml"],
        ["table", CLINIC, "--out", "men.xlsx", "--faults", "faults.csv"],
        ["twin", "--table", CLINIC, "--plan-only"],
        ["cohort", "--table", CLINIC, "--plan-only"],
        ["export", "parameters", "--out", "all.csv"],
    ],
)
def test_lists_are_told_as_json_too(arguments, capsys):
    found = json.loads(said(capsys, [*arguments, "--json"]))
    assert found["exit_code"] == 0 and "\n".join(found["text"]).strip()


@pytest.mark.parametrize(
    ("arguments", "place"),
    [
        (["run", "fertile_man", "--set", "man.bmi=900"], "man.bmi"),
        (["run", "no_such_scenario"], ""),
        (["run"], "testis-abm run"),
        (["men", "--units", "imperial"], "--units"),
        (["cohort", "--men", "x"], "--men"),
        (["drugs", "--tables", "nowhere"], "nowhere"),
        (["drugs", "--tables"], "testis-abm"),
        (["hypotheses", "obese_anastrozole", "--report"], ""),
        (["table", "nowhere.csv"], ""),
        (["export", "sbml", "obese_anastrozole"], ""),
    ],
)
def test_faults_are_json_with_place_and_the_same_exit_code(arguments, place, capsys):
    codes = []
    for more in ([], ["--json"]):
        try:
            codes.append(main([*arguments, *more]))
        except SystemExit as error:
            codes.append(error.code)
        seen = capsys.readouterr()
        assert seen.out == ""
    assert codes == [2, 2]
    (first, *_) = json.loads(seen.err)["errors"]
    assert place in first["place"] and first["text"]


def test_marks_of_extrapolation_are_told(capsys):
    found = json.loads(said(capsys, [*COMMANDS["run"], "--set", "therapy.1.dose=50 mg", "--json", "--out", "x"]))
    assert any("extrapolation" in mark for mark in found["extrapolation"])


def test_tables_of_ones_own_are_in_force_for_json_and_the_page(tmp_path, capsys):
    folder = tmp_path / "tables"
    folder.mkdir()
    (folder / "own.toml").write_text(OWN)
    for command, name in (("drugs", "slowazole"), ("men", "heavier")):
        found = json.loads(said(capsys, [command, "--tables", str(folder), "--json"]))
        (table, *_) = found["tables"].values()
        assert [row["name"] for row in table["records"] if row["own"]] == [name]
    arguments = [*COMMANDS["run"], "--tables", str(folder), "--set", "man.preset=heavier", "--set"]
    said(capsys, [*arguments, "therapy.1.drug=slowazole", "--out", "here", "--report"])
    again = ["report", "here"]  # without the folder: the scenario carries its tables
    for _ in range(2):
        made = Path("here/report.html").read_text()
        assert "drug slowazole, preset heavier" in made and "(preset heavier)" in made
        said(capsys, again)


# ---- formats


@pytest.mark.parametrize("kind", outputs.FORMATS)
def test_a_run_has_its_tables_in_another_format_too_and_is_read_back(kind, capsys):
    pytest.importorskip("openpyxl")
    import pandas as pd

    from testis_abm.results.store import load

    said(capsys, [*COMMANDS["run"], "--out", "here", "--format", kind])
    run = load("here")
    for name, table in run.tables.items():
        if len(table):
            types = {column: str(of) for column, of in table.dtypes.items()}
            found = outputs.read_table(f"here/{name}.{kind}", types if kind == "csv" else None)
            pd.testing.assert_frame_equal(found, table, check_exact=True, check_column_type=False)
    sealed = json.loads(Path("here/run.json").read_text())["files"]
    assert f"hormones.{kind}" in sealed


@pytest.mark.parametrize("kind", outputs.FORMATS)
def test_a_cohort_is_written_in_the_format_that_is_asked_for(kind, capsys):
    pytest.importorskip("openpyxl")
    said(capsys, [*COMMANDS["cohort"], "--out", "men", "--format", kind])
    assert len(outputs.read_table(f"men.{kind}")) == 5
    assert main([*COMMANDS["cohort"], "--out", "men.txt", "--format", kind]) == 2


# ---- the page

EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(1)>&'


def page(tmp_path, text=()):
    (tmp_path / "a.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"/>')
    sections = (Section("Methods", [(EVIL, EVIL)]),)
    return render(EVIL, [EVIL], [EVIL], [EVIL, *text], {EVIL: tmp_path / "a.svg"}, sections, {EVIL: EVIL}, EVIL)


def test_text_of_users_is_never_markup(tmp_path):
    made = page(tmp_path)
    assert "<script" not in made and "<img src=x" not in made
    assert made.count("&lt;script&gt;") >= 8
    assert "default-src 'none'" in made and not re.search(r"(src|href)=\"?https?:", made)


def test_printed_tables_become_tables():
    lines = [
        "                 untreated   treated   ",
        "  LH (IU/L)           2.56      4.85   (95 %)",
        "  FSH (IU/L)          3.66",
        "",
        "Why: LH rises because oestradiol falls, which it does for many reasons that do not all fit into this one line of",
        "     text, so it goes on.",
    ]
    table, paragraph = typeset(lines)
    assert table.count("<tr>") == 3 and "<th scope=col class=n>untreated</th>" in table
    assert "<td class=n>2.56</td>" in table and "<th scope=row>FSH (IU/L)</th>" in table
    assert paragraph.startswith("<p><b>Why:</b> LH") and "line of text, so it" in paragraph


@pytest.mark.skipif(shutil.which("chromium") is None, reason="needs chromium")
def test_the_page_of_a_run_stands_alone_and_prints(tmp_path, capsys):
    said(capsys, [*COMMANDS["run"], "--out", "here", "--report", "--set", "title=" + EVIL])
    made = Path("here/report.html").read_text()
    assert "<script" not in made and "&lt;script&gt;" in made
    for piece in (
        "Methods",
        "How to cite",
        "To reproduce",
        "testis-abm run",
        "not medical advice",
        "testosterone (ng/dL)",
    ):
        assert piece in made
    first = Path("here/report.html").read_bytes()
    said(capsys, ["report", "here"])
    again = Path("here/report.html").read_text()
    assert "testosterone (ng/dL)" in again and "[plan]" in again and len(first) > 5000
    pdf = tmp_path / "page.pdf"
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--print-to-pdf={pdf}",
        f"file://{tmp_path}/here/report.html",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300, env={**os.environ, "HOME": str(tmp_path)})
    assert len(re.findall(rb"/Type\s*/Page\b", pdf.read_bytes())) >= 2


def test_a_folder_without_results_has_no_page(tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["report", "empty"]) == 2
    assert "holds no results" in capsys.readouterr().err
    assert main(["report", "nowhere"]) == 2
    (tmp_path / "empty" / "results.json").write_text('{"software": "else"}')
    assert main(["report", "empty"]) == 2
