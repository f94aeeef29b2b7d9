"""The command as a user types it: what it prints, what it writes, how it fails, how it stops."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from testis_abm.cli import command as cli
from testis_abm.cli import printing
from testis_abm.cli.command import main

pytestmark = pytest.mark.usefixtures("elsewhere")

SCENARIOS = Path(__file__).resolve().parents[1] / "scenarios"
SHORT = ["--set", "plan.replicates=2", "--set", "tissue.tubules=2", "--days", "30"]
TINY = ["--set", "plan.replicates=1", "--set", "tissue.tubules=1", "--days", "3"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return what a run with its pictures prints, and its folder."""
    out, text = tmp_path_factory.mktemp("run") / "here", io.StringIO()
    with contextlib.redirect_stdout(text):
        assert main(["run", str(SCENARIOS / "obese_anastrozole.toml"), *SHORT, "--out", str(out)]) == 0
    return text.getvalue(), out


def test_run_prints_a_summary_and_fills_one_folder(drawn):
    text, folder = drawn
    for piece in (
        "testosterone (ng/dL)",
        "95 % interval",
        "Shah 2021",
        "Why: ",
        "not medical advice",
        f"Results in {folder}/",
    ):
        assert piece in text
    results = {path.suffix for path in folder.iterdir()} - {".png", ".svg"}
    assert results == {".parquet", ".json", ".toml", ".npz"}


def test_without_plots_there_are_no_pictures(tmp_path, capsys):
    assert main(["run", str(SCENARIOS / "obese_anastrozole.toml"), *TINY, "--out", "here", "--no-plots"]) == 0
    assert {path.suffix for path in (tmp_path / "here").iterdir()} == {".parquet", ".json", ".toml", ".npz"}
    assert "Drawing" not in capsys.readouterr().err


def test_run_draws_every_picture_as_png_and_svg(drawn):
    pictures = {path.name for path in drawn[1].iterdir() if path.suffix in (".png", ".svg")}
    names = ("hormones", "intratesticular", "semen", "tissue", "tubules", "wall")
    assert pictures == {f"{name}.{kind}" for name in names for kind in ("png", "svg")}


def test_the_default_folder_is_named_by_the_scenario_as_understood(tmp_path):
    file = str(SCENARIOS / "fertile_man.toml")
    for seed in ("1", "2", "1"):
        assert main(["run", file, *TINY, "--seed", seed, "--no-plots"]) == 0
    assert len(list((tmp_path / "runs").glob("fertile_man-*"))) == 2


def test_a_shortened_run_says_which_therapies_it_leaves_out(capsys):
    scenario = str(SCENARIOS / "anastrozole_titrated.toml")
    assert main(["run", scenario, *TINY, "--no-plots"]) == 0
    notes = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert len(notes) == 1
    assert notes[0].startswith("Note: left out, as they begin after the last day, 3: therapy 2 (anastrozole ")
    assert " from day 30, when oestradiol " in notes[0]


BAD = {
    'dose = "-1 mg"': "negative",
    'dose = "1 mL"': "mL",
    'dose = "1 mg"\nevery = "0 days"': "every",
    'dose = "1 mg"\nfrom = "day 50"\nuntil = "day 20"': "until",
    'dose = "1 mg"\nroute = "intravenous"': "oral",
    'dose = "1 mg"\nsize = 3': "size",
}


@pytest.mark.parametrize("entry, named", BAD.items())
def test_a_wrong_therapy_is_one_line_and_nothing_is_written(entry, named, tmp_path, capsys):
    Path("bad.toml").write_text(f'[[therapy]]\ndrug = "anastrozole"\n{entry}\n')
    assert main(["run", "bad.toml"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1 and re.match(r"bad\.toml:\d+: therapy 1", told.err) and named in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


@pytest.mark.parametrize(
    "content, named",
    [
        (b'[man]\npreset = "obese_low_te"', 'nearest: "obese_low_t_e2"'),
        (b'[[therapy]]\ndrug = "anastrazole"\ndose = "1 mg"', 'nearest: "anastrozole"'),
        (b"[tissue]\ntubules = 0", "1"),
        (b'title = "cut', "line"),
        (bytes(range(256)) * 4, "bad.toml"),
        (b"", "bad.toml"),
    ],
)
def test_a_wrong_file_is_refused(content, named, tmp_path, capsys):
    Path("bad.toml").write_bytes(content)
    assert main(["run", "bad.toml"]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["bad.toml"]


def test_an_impossible_output_folder_is_refused_before_the_run(capsys):
    Path("file").write_text("not a folder")
    started = time.perf_counter()
    assert main(["run", str(SCENARIOS / "fertile_man.toml"), "--out", "file/inside"]) == 2
    assert "file" in capsys.readouterr().err
    assert time.perf_counter() - started < 30
    assert Path("file").read_text() == "not a folder"


@pytest.mark.parametrize("setting", ["man.bmi", "=3", "man.nose=1", "man.bmi=900", "therapy.1.dose=1 mg"])
def test_a_wrong_setting_is_named(setting, capsys):
    assert main(["run", str(SCENARIOS / "fertile_man.toml"), "--set", setting]) == 2
    assert capsys.readouterr().err.startswith(f"--set {setting}")


def test_a_name_that_begins_as_the_word_is_the_nearest(capsys):
    assert main(["men", "obese"]) == 2
    assert 'nearest: "obese_low_t_e2"' in capsys.readouterr().err


def test_drugs_that_act_alike_are_noted_in_one_line(capsys, few_men):
    both = ["--give", "anastrozole 1mg daily", "--give", "letrozole 2.5mg daily", "--days", "20", "--men", "3"]
    assert main(["twin", "--t", "9nmol/L", *both, "--no-ensemble"]) == 0
    note = "Note: anastrozole and letrozole act alike (aromatase inhibitor) at the same time; their effects add\n"
    beyond = "Note: extrapolation: no study is known here that gave anastrozole with letrozole"
    told = capsys.readouterr().err
    assert told.count(note) == 1 and told.count(beyond) == 1


def test_the_summary_says_why_an_immunoassay_sees_less(drawn):
    text = " ".join(drawn[0].split())
    assert "T/E2 (immunoassay) (ng/dL per pg/mL)" in text and "Assay: serum E2 (LC-MS/MS) -" in text


def test_lists_part_names_from_what_is_said_of_them(capsys):
    print(printing.listed(iter([("a", "x"), ("a_very_long_name_of_a_drug_by_mouth", "z")])))
    first, last = capsys.readouterr().out.splitlines()
    assert first.index("x") == last.index("z") and last.endswith("mouth   z")


@pytest.mark.parametrize(
    ("where", "said"),
    [
        ("testosterone < 300 kg", 'unit "kg" is not one of testosterone; known: nmol/L, pmol/L, ng/dL, ng/mL, ug/L\n'),
        ("xyz < 300", "T/E2 (immunoassay), T/E2 (LC-MS/MS)\n"),
    ],
)
def test_a_wrong_criterion_lists_units_or_quantities(where, said, capsys):
    assert main(["cohort", "--men", "5", "--where", where]) == 2
    assert capsys.readouterr().err.endswith(said)


def test_lists_explain_and_unknown_names_are_refused(capsys):
    assert main(["parameters", "aromatase"]) == 0
    text = capsys.readouterr().out
    assert "aromatase.testicular_km" in text and "range" in text and "source:" in text
    assert main(["men", "obese_low_t_e2"]) == 0 and "bmi" in capsys.readouterr().out
    assert main(["drugs", "hcg"]) == 0 and "half_life" in capsys.readouterr().out
    for command in ("parameters", "men", "drugs"):
        assert main([command, "xyzzy"]) == 2
        assert capsys.readouterr().err.count("\n") == 1


def test_every_shipped_scenario_loads():
    from testis_abm.scenario import load

    files = sorted(SCENARIOS.glob("*.toml"))
    assert len(files) >= 5
    for file in files:
        assert load(file).title


@pytest.mark.parametrize(
    ("sent", "code", "wait"),
    [
        (signal.SIGINT, 130, 0.8),
        (signal.SIGTERM, 143, 1.5),
        *(pytest.param(signal.SIGINT, 130, wait, marks=pytest.mark.slow) for wait in (0.15, 0.45, 3.0)),
        pytest.param(signal.SIGTERM, 143, 0.3, marks=pytest.mark.slow),
    ],
)
def test_interrupted_it_says_where_it_stands_and_leaves_nothing_half_written(sent, code, wait, tmp_path):
    # The handler stands before anything heavy is imported: from then on every moment is the same.
    begin = "import sys, testis_abm.cli.command as c; print('ready', flush=True); sys.exit(c.main(sys.argv[1:]))"
    command = [sys.executable, "-c", begin, "run", str(SCENARIOS / "fertile_man.toml"), "--no-plots"]
    run = subprocess.Popen(
        [*command, "--out", str(tmp_path / "here"), "--set", "plan.replicates=500"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert run.stdout.readline() == "ready\n"
    time.sleep(wait)
    os.killpg(run.pid, sent)
    _, error = run.communicate(timeout=60)
    assert run.returncode == code
    assert "Traceback" not in error and "Nothing was written" in error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("at", "said"), [("draw", "The tables are in"), ("standing_by", "Results are in")])
@pytest.mark.slow
def test_stopped_after_the_simulation_it_says_what_is_kept(at, said, tmp_path, monkeypatch, capsys):
    @contextlib.contextmanager
    def standing_by():
        yield "pool"
        if at == "standing_by":
            signal.raise_signal(signal.SIGINT)

    def draw(*_):
        if at == "draw":
            signal.raise_signal(signal.SIGINT)
        return []

    monkeypatch.setattr("testis_abm.pictures.drawing.standing_by", standing_by)
    monkeypatch.setattr("testis_abm.pictures.drawing.draw", draw)
    assert main(["run", "obese_anastrozole", *TINY, "--out", str(tmp_path / "here")]) == 130
    error = capsys.readouterr().err
    assert error.endswith(f"\nStopped. {said} {tmp_path / 'here'}/.\n") and error.count("Drawing pictures") == 1
    assert (tmp_path / "here" / "run.json").exists()


@pytest.mark.parametrize("command", ["", "run", "parameters", "men", "drugs", "twin", "cohort", "studies", "calibrate"])
def test_every_command_has_help(command, capsys):
    with pytest.raises(SystemExit) as left:
        main([*command.split(), "--help"])
    assert left.value.code == 0 and "usage: testis-abm" in capsys.readouterr().out


def test_help_needs_no_heavy_package():
    code = "import sys, testis_abm.cli.command as c\ntry:\n c.main(['--help'])\nexcept SystemExit: pass\nprint(sorted(set(sys.modules) & {'mesa','numba','pandas','matplotlib','numpy','pydantic'}))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.rstrip().endswith("[]")


def commands():
    """Return the parser of each command by name."""
    (of,) = (action for action in cli._parser()._actions if hasattr(action, "choices") and action.choices)
    return of.choices


@pytest.mark.parametrize("name", commands())
def test_no_command_takes_a_part_of_an_option_for_the_whole(name, capsys):
    """Half an option would be another one: "--out", where there is no such option, was read as "--output"."""
    parser = commands()[name]
    given = (action for action in parser._actions if not action.option_strings and action.nargs in (None, "+"))
    needed = ["bash" if action.dest == "shell" else "x" for action in given]
    for action in parser._actions:
        for whole in (of for of in action.option_strings if of.startswith("--")):
            for part in {whole[:end] for end in range(3, len(whole))} - parser._option_string_actions.keys():
                typed = part if action.nargs == 0 else f"{part}=1"
                with pytest.raises(SystemExit) as left:
                    cli._parser().parse_args([name, *needed, typed])
                assert left.value.code == 2
                assert "unrecognized arguments" in capsys.readouterr().err
