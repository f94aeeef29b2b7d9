"""The way in: find-python picks a working interpreter, and no file ties the project to one package index."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FIND_PYTHON = ROOT / "scripts" / "find-python"
# Put together here so that this file passes its own test.
INDEX_HOSTS = [f"{name}.org" for name in ("pypi", "pythonhosted", "npmjs")]
SKIPPED = {".venv", ".lanes", ".git", "runs", "build", "dist", "__pycache__", ".hypothesis"}
SKIPPED |= {".pytest_cache", ".mypy_cache", ".ruff_cache"}

GOOD = f'exec {shlex.quote(sys.executable)} "$@"'
BROKEN = 'echo "shim: command not found" >&2; exit 127'


def posing_as(change: str) -> str:
    """Return a script that runs this interpreter's `-c` code after a change to what it says of itself."""
    code = f"import sys\n{change}\nexec(sys.argv[-1])"
    return f'exec {shlex.quote(sys.executable)} -I -c {shlex.quote(code)} "$3"'


TOO_OLD = posing_as("sys.version_info = (3, 11, 9)")
NO_ENSUREPIP = posing_as("sys.modules['ensurepip'] = None")
OTHER_KIND = posing_as("sys.implementation.name = 'pypy'")


@pytest.fixture
def computer(tmp_path):
    """Return a function that writes scripts (path: body) into an empty home and runs find-python there."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "sort").symlink_to(shutil.which("sort"))

    def find_python(scripts: dict[str, str], path: tuple[str, ...] = ("bin",), **environment: str):
        for name, body in scripts.items():
            script = tmp_path / name
            script.parent.mkdir(parents=True, exist_ok=True)
            script.write_text(f"#!/bin/sh\n{body}\n")
            script.chmod(0o755)
        folders = [str(tmp_path / folder) for folder in path]
        return subprocess.run(
            ["/bin/sh", FIND_PYTHON],
            env={"PATH": os.pathsep.join([*folders, str(tools)]), "HOME": str(tmp_path), **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    return find_python


def assert_found(result, by: str | Path = sys.executable) -> None:
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.count("\n") == 1
    assert Path(result.stdout.strip()).samefile(by)


def test_failing_shims_are_passed_over(computer):
    assert_found(computer({"bin/python3.13": BROKEN, "bin/python3": BROKEN, "bin/python": GOOD}))


def test_a_good_python_behind_a_shim_of_the_same_name_is_found(computer):
    scripts = {"shims/python3": BROKEN, "real bin/python3": GOOD}
    assert_found(computer(scripts, path=("shims", "real bin")))


UNFIT = {"too old": TOO_OLD, "no ensurepip": NO_ENSUREPIP, "not CPython": OTHER_KIND}


@pytest.mark.parametrize("body", UNFIT.values(), ids=UNFIT)
def test_an_unfit_python_is_refused(computer, body):
    result = computer({"bin/python3": body})
    assert (result.returncode, result.stdout) == (1, "")


def test_nothing_found_gives_one_sentence(computer):
    result = computer({"bin/python3": BROKEN})
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1
    assert "needs Python 3.12 or newer" in result.stderr


def stand_in(path: Path) -> str:
    """Return a script that claims to be `path`, an interpreter outside any virtual environment."""
    return posing_as(f"sys.executable = {str(path)!r}; sys.prefix = sys.base_prefix")


def test_pyenv_is_searched_from_the_highest_version_down(computer, tmp_path):
    root = tmp_path / "my pyenv"
    names = ("3.12.9", "3.12.10", "3.13.0")
    older, newer, broken = (root / "versions" / name / "bin/python3" for name in names)
    scripts = {str(older): stand_in(older), str(newer): stand_in(newer), str(broken): BROKEN}
    assert_found(computer(scripts, PYENV_ROOT=str(root)), by=newer)


def test_a_python_too_new_for_the_libraries_comes_last(computer, tmp_path):
    future, known = tmp_path / "bin/python3", tmp_path / ".pyenv/versions/3.12.1/bin/python3"
    new = posing_as(f"sys.version_info = (3, 14, 0); sys.executable = {str(future)!r}; sys.prefix = sys.base_prefix")
    assert_found(computer({"bin/python3": new}), by=future)
    assert_found(computer({str(known): stand_in(known)}), by=known)


def test_uv_is_asked_and_told_to_ignore_the_projects_own_environment(computer):
    uv = f'[ "$*" = "python find --system --no-project >=3.12" ] && echo {shlex.quote(sys.executable)}'
    assert_found(computer({"bin/uv": uv}))


def test_a_named_python_comes_first_and_a_bad_name_is_said(computer, tmp_path):
    chosen = tmp_path / "mine/python"
    scripts = {"bin/python3.14": GOOD, "mine/python": stand_in(chosen)}
    assert_found(computer(scripts, PYTHON=str(chosen)), by=chosen)
    result = computer({}, PYTHON="nowhere")
    assert result.returncode == 0
    assert "PYTHON=nowhere" in result.stderr


@pytest.mark.slow
def test_an_installed_package_reaches_its_scenarios_by_name(tmp_path):
    # As setup.py maps them; a wheel cannot be built without an index.
    setup = (ROOT / "setup.py").read_text()
    assert '"testis_abm.scenarios": "scenarios"' in setup and '"testis_abm.scenarios.experiments"' in setup
    site = tmp_path / "site"
    shutil.copytree(ROOT / "testis_abm", site / "testis_abm", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "scenarios", site / "testis_abm" / "scenarios")

    def command(*lines: str) -> subprocess.CompletedProcess[str]:
        several = (
            "import sys; from testis_abm.cli.command import main; print(*(main(line.split()) for line in sys.argv[1:]))"
        )
        return subprocess.run(
            [sys.executable, "-c", several, *lines],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(site)},
            capture_output=True,
            text=True,
            check=False,
        )

    names = [str(path.relative_to(ROOT / "scenarios").with_suffix("")) for path in (ROOT / "scenarios").rglob("*.toml")]
    listed = command("scenarios").stdout
    assert len(names) > 10 and all(name in listed for name in names)
    small = "--days 12 --set tissue.tubules=1 --set plan.replicates=1 --no-plots"
    done = command(f"run fertile_man {small}", f"run scenarios/fertile_man.toml {small}", "run fertil_man")
    assert done.stdout.endswith("0 0 2\n") and 'nearest: "fertile_man"' in done.stderr, done.stderr
    assert done.stdout.count("Results in runs/fertile_man-") == 2
    (tmp_path / "fertile_man").write_text('title = "Mine"')  # a file of the user's goes first
    assert "Mine" in command(f"run fertile_man {small}").stdout
    text = (ROOT / "scenarios" / "weight_loss.toml").read_text()
    assert command("scenarios weight_loss").stdout == f"{text}0\n"


def test_a_python_that_the_pins_are_tested_with_goes_before_a_newer_one(computer, tmp_path):
    new = posing_as("sys.version_info = (3, 14, 0)")
    known = tmp_path / "bin/python3.12"
    assert_found(computer({"bin/python3.14": new, "bin/python3": new, "bin/python3.12": stand_in(known)}), by=known)


def project_files() -> list[Path]:
    found = []
    for folder, names, files in os.walk(ROOT):
        names[:] = [name for name in names if name not in SKIPPED and not name.endswith(".egg-info")]
        found += [Path(folder, name) for name in files]
    return found


def test_no_file_names_a_package_index():
    hosts = re.compile("|".join(map(re.escape, INDEX_HOSTS)).encode())
    files = project_files()
    assert FIND_PYTHON in files
    assert [str(path) for path in files if hosts.search(path.read_bytes())] == []


def test_constraints_are_exact_pins_and_nothing_else():
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if not line.startswith("#")]
    assert "Mesa" in {line.partition("==")[0] for line in lines}
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+", line)] == []


@pytest.mark.parametrize("given", [(), ("../examples",), ("lane-old",)], ids=str)
def test_a_lane_that_is_not_known_removes_nothing(tmp_path, given):
    for file in ("scripts/find-python", "scripts/lane"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    kept = [tmp_path / "examples" / "own.py", tmp_path / ".lanes" / "lane-old" / "own.py"]
    for path in kept:
        path.parent.mkdir(parents=True)
        path.touch()
    done = subprocess.run(["sh", "scripts/lane", *given], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and "lane-newest" in done.stderr
    assert all(path.exists() for path in kept)


def test_the_check_of_the_wheel_looks_at_its_pythons_before_it_builds(tmp_path):
    script = [sys.executable, str(ROOT / "scripts" / "check_wheel.py")]
    missing = str(tmp_path / "python3")
    done = subprocess.run([*script, missing, sys.executable], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"not a working CPython >= 3.12: {missing}\n"
    told = subprocess.run([*script, "--help"], capture_output=True, text=True, check=True).stdout
    assert told.startswith("usage: scripts/check-wheel")
