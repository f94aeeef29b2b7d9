"""What shells complete."""

from __future__ import annotations

import os
import select
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


ASKED = {
    "ru": "run rules",
    "run obese_an": "obese_anastrozole",
    "run --se": "--set --seed",
    "run mi": "mine.toml mixed",
    "run --out mine.toml fer": "fertile_man",
    "run --units s": "si",
    "run --units = s": "si",  # as bash splits --units=s
    "twin --assay l": "lc-ms",
    "histology obese_anastrozole --arm u": "untreated",
    "new mine.toml --like obese_an": "obese_anastrozole",
    "new mine.toml --like leder_2": "leder_2004",
    "run --no-plots fer": "fertile_man",
    "run --out mi": "",  # left to the shell: files
    "export pet": "petab",
    "drugs letr": "letrozole",
    "drugs mi": "",
}


def test_bash_completes(tmp_path, capsys):
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("no bash")
    assert main(["completion", "bash"]) == 0
    file = tmp_path / "completion.bash"
    file.write_text(capsys.readouterr().out)
    (tmp_path / "mine.toml").touch()
    (tmp_path / "mine.csv").touch()
    (tmp_path / "mixed").mkdir()
    lines = [f"source {file}"]
    for typed in ASKED:
        words = ["bin/testis-abm", *typed.split()]
        lines.append(
            f'COMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; _testis_abm; echo "${{COMPREPLY[*]}}"'
        )
    done = subprocess.run(
        [bash, "--norc", "-c", "\n".join(lines)], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert dict(zip(ASKED, done.stdout.split("\n"))) == ASKED


def test_bash_offers_own_files_and_shipped_names_after_tab_whatever_path_the_command_has(tmp_path, capsys):
    bash = shutil.which("bash")
    pty = pytest.importorskip("pty")
    if bash is None:
        pytest.skip("no bash")
    assert main(["completion", "bash"]) == 0
    (tmp_path / "rc").write_text(capsys.readouterr().out + "PS1='> '\n")
    (tmp_path / "obese an own.toml").touch()
    (tmp_path / "testis-abm").write_text('#!/bin/sh\nfor word; do echo "given: $word"; done\n')
    (tmp_path / "testis-abm").chmod(0o755)
    ours, theirs = pty.openpty()
    shell = subprocess.Popen(
        [bash, "--noprofile", "--rcfile", "rc", "-i"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "TERM": "dumb", "INPUTRC": os.devnull},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    typed = f"./testis-abm run 'obese an' obese\\ \t --units s\t {tmp_path}/obese\t\nexit\n"
    said = b""
    try:
        while select.select([ours], [], [], 20)[0]:
            try:
                said += os.read(ours, 65536)
            except OSError:  # the shell has ended
                break
            if typed and said.endswith(b"> "):
                os.write(ours, typed.encode())
                typed = ""
    finally:
        os.close(ours)
        shell.kill()
        shell.wait(30)
    given = [line.removeprefix("given: ").strip() for line in said.decode().splitlines() if line.startswith("given: ")]
    own = "obese an own.toml"
    assert given == ["run", "obese an", own, "--units", "si", str(tmp_path / own)], said.decode()


def test_another_shell_is_refused(capsys):
    assert main(["completion", "csh"]) == 2
    assert "csh" in capsys.readouterr().err
