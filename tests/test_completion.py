"""What shells complete."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from testis_abm.cli.command import _parser, main
from testis_abm.cli.completion import SHELLS, script, words


def test_every_command_and_option_is_completed():
    table = words(_parser())
    assert {"run", "app", "completion"} <= table.keys() and "obese_anastrozole" in table["run"][2]
    assert "experiments/sweep" in table["sweep"][2] and "experiments/sweep" not in table["run"][2]
    for shell in SHELLS:
        text = script(shell, _parser())
        flag = "-l {}" if shell == "fish" else "--{}"
        for name, (_, options, taken) in table.items():
            line = [part for part in text.splitlines() if f" {name}" in part]
            assert line and all(flag.format(option[2:]) in text for option in options)
            assert all(word in text for word in taken)


def test_bash_completes(tmp_path, capsys):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    assert main(["completion", "bash"]) == 0
    file = tmp_path / "completion.bash"
    file.write_text(capsys.readouterr().out)
    asked = {"ru": "run rules", "run obese": "obese_anastrozole", "run --se": "--set --seed", "drugs letr": "letrozole"}
    for typed, expected in asked.items():
        line = ["testis-abm", *typed.split()]
        ask = f'source {file}; COMP_WORDS=({" ".join(line)}); COMP_CWORD={len(line) - 1}; _testis_abm; echo "${{COMPREPLY[*]}}"'
        done = subprocess.run([bash, "--norc", "-c", ask], capture_output=True, text=True, check=False)
        assert (done.stdout.strip(), done.stderr) == (expected, ""), typed


def test_another_shell_is_refused(capsys):
    assert main(["completion", "csh"]) == 2
    assert "csh" in capsys.readouterr().err
