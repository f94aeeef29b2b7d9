"""The cache of compiled rules is checked, private, never in the way; fingerprints cover every source that decides."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from testis_abm.support import compile as _compile
from testis_abm.support import files, fingerprint

ROOT = Path(__file__).parents[1]
# Two small rules; what they give, and where they are kept, is printed.
SCRIPT = """
import sys
exec(sys.argv[1])
import numpy as np
from testis_abm.support import compile as _compile
from testis_abm.biology import draws
numbers = draws.uniforms(draws.lineages(np.uint64(3), np.uint64(1), 4), np.uint64(2), np.uint64(1)).tolist()
print(numbers, _compile.folder(), sep="|")
"""
ANNOUNCED = "Compiling the rules (up to a minute, once per version) ...\n"


def draw(cache: Path, before: str = "", **more: str) -> tuple[str, Path, str]:
    """Return what the rules give, the folder of the cache and what was said, in a process of their own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TESTIS_ABM_CACHE": str(cache), **more}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, before], env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    numbers, _, folder = done.stdout.strip().rpartition("|")
    return numbers, Path(folder), done.stderr


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """Return a filled cache and what the rules give."""
    cache = tmp_path_factory.mktemp("warm")
    numbers, folder, said = draw(cache)
    assert said == ANNOUNCED and folder.is_relative_to(cache) and len(list(folder.iterdir())) == 2
    return cache, numbers


@pytest.fixture
def cache(warm, tmp_path):
    shutil.copytree(warm[0], tmp_path / "cache")
    return tmp_path / "cache"


def kept(cache: Path) -> list[Path]:
    return sorted(path for path in cache.rglob("draws.*"))


def test_a_second_process_compiles_nothing(cache, warm):
    before = {path: path.stat().st_mtime_ns for path in kept(cache)}
    numbers, _, said = draw(cache, "import numba.core.compiler as c; c.compile_extra = None")
    assert (numbers, said) == (warm[1], "") and {path: path.stat().st_mtime_ns for path in kept(cache)} == before


@pytest.mark.parametrize(
    "harm",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:10],
        lambda content: bytes(len(content)),
        lambda content: content[:-9] + bytes([content[-9] ^ 4]) + content[-8:],
        lambda content: content[:5000] + bytes([content[5000] ^ 128]) + content[5001:],
    ],
    ids=["empty", "cut", "cut short", "zeros", "a bit near the end", "a bit of the machine code"],
)
def test_a_damaged_file_is_not_unpickled(cache, monkeypatch, harm):
    path = kept(cache)[0]
    assert _compile._load(path) is not None
    path.write_bytes(harm(path.read_bytes()))
    monkeypatch.setattr("pickle.loads", lambda content: pytest.fail("it was"))
    assert _compile._load(path) is None and not path.exists()


@pytest.mark.slow
def test_what_is_missing_in_a_cache_of_other_rules_is_announced(cache, warm):
    first, *_ = kept(cache)
    first.unlink()
    assert draw(cache)[::2] == (warm[1], ANNOUNCED) and draw(cache)[::2] == (warm[1], "")


@pytest.mark.slow
def test_a_damaged_rule_is_compiled_again(cache, warm):
    for path in kept(cache):
        content = path.read_bytes()
        path.write_bytes(content[:5000] + bytes([content[5000] ^ 128]) + content[5001:])
    numbers, folder, said = draw(cache)
    assert (
        numbers == warm[1] and "compiled rules were damaged; they are compiled again" in said and said.count("\n") == 1
    )
    assert draw(cache) == (warm[1], folder, "")


@pytest.mark.slow
def test_a_full_disk_under_the_cache_is_said_once_and_stops_nothing(tmp_path, warm):
    full = "import os, errno\ndef no(*_): raise OSError(errno.ENOSPC, 'No space left on device')\nos.fsync = no"
    numbers, folder, said = draw(tmp_path, full)
    assert numbers == warm[1] and "cannot be written: the disk is full" in said and said.count("\n") == 2
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_without_a_cache_of_the_users_temporary_files_do(tmp_path, warm):
    numbers, folder, said = draw(Path("/dev/null/x"), TMPDIR=str(tmp_path))
    assert (numbers, said) == (warm[1], ANNOUNCED) and folder.is_relative_to(tmp_path)


@pytest.mark.slow
def test_without_any_folder_rules_are_compiled_all_the_same(warm):
    numbers, folder, said = draw(Path("/dev/null/x"), "import tempfile; tempfile.tempdir = '/dev/null/y'")
    assert numbers == warm[1] and str(folder) == "None"
    assert said.count("\n") == 1 and "rules are compiled again" in said


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Return a file in a private folder of the cache."""
    monkeypatch.setenv("TESTIS_ABM_CACHE", str(tmp_path / "cache"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    folder = files.private_folder("rules")
    assert folder.is_relative_to(tmp_path / "cache")
    (folder / "rule").write_bytes(b"theirs")
    return folder / "rule"


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("which", [0, 1])
def test_the_cache_of_another_user_is_not_trusted(place, which):
    os.chown(place.parents[which], 12345, 12345)
    other = files.private_folder(place.parent.name)
    assert not other.is_relative_to(place.parents[1]) and other.stat().st_uid == 0
    assert place.read_bytes() == b"theirs"


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="rights of POSIX")
@pytest.mark.parametrize("mode", [0o770, 0o707, 0o1777])
def test_a_cache_that_others_can_write_to_is_not_trusted(place, mode):
    place.parent.chmod(mode)
    other = files.private_folder(place.parent.name)
    assert not other.is_relative_to(place.parents[1]) and other.stat().st_mode & 0o077 == 0


@pytest.mark.slow
def test_a_link_in_the_place_of_the_cache_is_not_followed(cache, tmp_path, warm):
    folder = kept(cache)[0].parent
    folder.rename(tmp_path / "theirs")
    folder.symlink_to(tmp_path / "theirs")
    numbers, other, _ = draw(cache, TMPDIR=str(tmp_path))
    assert numbers == warm[1] and not other.is_relative_to(cache) and "theirs" not in str(other)


def test_where_temporary_files_are_another_users_too_a_fresh_folder_goes_with_the_process(tmp_path, monkeypatch):
    monkeypatch.setenv("TESTIS_ABM_CACHE", str(tmp_path / "file" / "x"))
    (tmp_path / "file").touch()
    (tmp_path / f"testis_abm-{os.getuid()}").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    made = files.private_folder("rules")
    assert made.is_dir() and made.is_relative_to(tmp_path) and made.stat().st_mode & 0o077 == 0
    assert files.private_folder("rules") == made  # and workers find it


def test_every_rule_is_kept_in_this_cache():
    """numba's own cache would fail on a damaged file, and trusts its folder."""
    for path in fingerprint.PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            named = [alias.name for alias in node.names] if isinstance(node, ast.ImportFrom) else []
            assert not {"njit", "jit", "vectorize"} & set(named), f"{path}: use testis_abm.support.compile.compiled"


def fresh(code: str) -> str:
    """Return what code prints in a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_after_the_command_compile_no_run_compiles(tmp_path):
    assert "rules-" in fresh("import testis_abm.cli as c; c.main(['compile'])")
    run = ["run", "obese_anastrozole", "--days", "20", "--set", "tissue.tubules=2", "--set", "plan.replicates=1"]
    none = "import numba.core.compiler as c; c.compile_extra = None; from testis_abm.cli import main"
    assert "Results in" in fresh(f"{none}; main({[*run, '--no-plots', '--out', str(tmp_path / 'run')]})")


# ---- what is imported


def test_a_run_reads_no_spaces_and_no_statistics():
    said = fresh("""
import inspect, sys
before = list(sys.meta_path)
from testis_abm.experiments import simulate
simulate.run("obese_anastrozole", overrides={"tissue.tubules": 1, "plan.duration": 9, "plan.replicates": 1})
inspect.stack()
print({"networkx", "scipy.spatial", "scipy.stats", "scipy.sparse", "matplotlib", "rich"} & set(sys.modules))
print(sys.meta_path == before)
""")
    assert said.split("\n")[:2] == ["set()", "True"]


def test_what_is_put_off_is_the_module_itself():
    said = fresh("""
import testis_abm.agents, testis_abm.support.special, mesa, pickle
from mesa.space import NetworkGrid
from scipy.linalg import solve
print(mesa.discrete_space.Grid.__name__, NetworkGrid.__name__, solve([[2.0]], [4.0])[0])
print(mesa.discrete_space.__loader__ is mesa.discrete_space.__spec__.loader, hasattr(mesa.space, "nothing"))
print(issubclass(testis_abm.GermCell, mesa.Agent), issubclass(testis_abm.TestisModel, mesa.Model))
""")
    assert said.split() == ["Grid", "NetworkGrid", "2.0", "True", "False", "True", "True"]


# ---- fingerprints


@pytest.fixture
def package(tmp_path):
    """Return a copy of the package's sources."""
    skipped = shutil.ignore_patterns("__pycache__", "*.vue", "*.js", "*.css")
    return Path(shutil.copytree(fingerprint.PACKAGE, tmp_path / "testis_abm", ignore=skipped))


@pytest.mark.slow
def test_an_edit_to_any_source_that_decides_is_another_program(package):
    def now() -> str:
        return fingerprint.digest(fingerprint.deciding(package), package=package)

    first = now()
    assert first == fingerprint.fingerprint()
    sources = {path for path in package.rglob("*") if path.suffix in (".py", ".toml", ".csv")}
    idle = sources - set(fingerprint.deciding(package))
    # One of each folder and kind: a digest of many files takes a while.
    for path in {(path.parent, path.suffix, path in idle): path for path in sorted(sources)}.values():
        content = path.read_bytes()
        path.write_bytes(content + b"\n# another word\n")
        assert (now() == first) == (path in idle), path
        path.write_bytes(content.replace(b"\n", b"\r\n"))
        assert now() == first, "line ends decide on nothing"
        path.write_bytes(content)
    for name in (
        "experiments/simulate.py",
        "agents/model.py",
        "results/tables.py",
        "scenario/weight.py",
        "scenario/condition.py",
        "scenario/history.py",
        "parameters/model/axis.toml",
        "man/treat.py",
        "man/regimen.py",
    ):
        assert package / name not in idle
    (package / "laboratory_of_the_future.py").write_text("")
    assert now() != first


def test_what_is_listed_exists_and_what_a_run_loads_decides():
    for name in fingerprint.DECIDES_NOTHING:  # the scenarios lie in an installed package, and beside it in a checkout
        assert (fingerprint.PACKAGE / name).exists() or (ROOT / name).is_dir(), name
    code = """
import sys
from testis_abm.experiments.task import Job, Task, perform
case = {"title": "x", "man": {"preset": "obese_low_t_e2"}, "tissue": {"tubules": 1, "sertoli_per_tubule": 6},
        "plan": {"duration": "12 days", "baseline": "1 day"}, "weight": [{"bmi": 27, "until": "day 10"}],
        "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "when": "LH > 1"}]}
from testis_abm.scenario import load
for engine in ("cells", "expected"):
    perform(Job({"": load(case).as_dict()}, (12,), engine), Task(0, 0))
print(*(module.__file__ for name, module in sys.modules.items() if name.startswith("testis_abm") and module.__file__))
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {Path(name) for name in done.stdout.split()}
    machinery = {path for path in loaded if path.parent.name == "support"}
    assert loaded - machinery <= set(fingerprint.deciding())
    assert len(loaded) > 40 and len(machinery) < 14


def test_an_edit_to_a_compiled_rule_or_its_neighbour_is_another_cache(package):
    names = {path.relative_to(package).as_posix() for path in fingerprint.compiled(package)}
    assert {
        "testis/kernel.py",
        "biology/steps.py",
        "biology/axis.py",
        "biology/pituitary.py",
        "biology/tract.py",
        "biology/kinetics.py",
        "man/course.py",
    } <= names
    assert not {"agents/model.py", "cli/command.py", "app/page.py", "support/compile.py"} & names
    assert _compile._beside(str(package / "app" / "tubule" / "lives.py")) != _compile._beside(
        str(package / "biology" / "axis.py")
    )


def test_rules_run_uncompiled_too():
    """`make mutation` needs them so."""
    code = "from testis_abm.biology.draws import lineages; print(len({*lineages(1, 2, 5).tolist()}))"
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == "5\n", done.stderr
