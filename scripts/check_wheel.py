"""Build wheel and sdist, and try the wheel where no checkout is: `make wheel`, or `scripts/check-wheel PYTHON ...`.

Both must hold what git tracks. Then, on the oldest and the newest Python found here: a venv of its own with the pinned versions, the
command and the page as a user starts them, and the golden numbers with the tests of the sdist.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
EXTRAS = "app,tables,sensitivity"
TESTS = ("test_golden.py", "test_schemas.py", "test_smoother.py", "test_checkpoint.py")
_SHORT = ("--days", "12", "--set", "tissue.tubules=1", "--set", "plan.replicates=1", "--no-plots")
_ASK = "import sys; print(sys.implementation.name, *sys.version_info[:2], sys.prefix == sys.base_prefix)"
_IMPORT = """
import importlib, pkgutil, sys
import testis_abm
assert "site-packages" in testis_abm.__file__, testis_abm.__file__
needed = {"anndata", "distributed", "imageio_ffmpeg", "libsbml", "petab", "simulariumio", "h5py", "yaml"}
for module in pkgutil.walk_packages(testis_abm.__path__, "testis_abm."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ModuleNotFoundError as error:
            assert error.name in needed, f"{module.name} needs {error.name}"
"""


def asked(path: str | Path) -> tuple[tuple[int, int], bool] | None:
    """Return the version of a working CPython >= 3.12, and whether it is no virtual environment; None of anything else."""
    try:
        done = subprocess.run([path, "-I", "-c", _ASK], capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return None
    answer = done.stdout.split()
    if done.returncode or len(answer) != 4 or answer[0] != "cpython":
        return None
    version = int(answer[1]), int(answer[2])
    return (version, answer[3] == "True") if version >= (3, 12) else None


def pythons() -> dict[tuple[int, int], Path]:
    """Return version -> interpreter of every CPython >= 3.12 on PATH and in pyenv's folder, the newest patch of each."""
    names = [shutil.which(f"python3.{minor}") for minor in range(12, 20)]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = sorted(
        pyenv.glob("3.*/bin/python3"), key=lambda path: [int(n) for n in re.findall(r"\d+", path.parts[-3])]
    )
    found: dict[tuple[int, int], Path] = {}
    for path in [*places, *(Path(name) for name in [sys._base_executable, *names] if name)]:  # type: ignore[attr-defined]
        answer = asked(path)
        if answer and answer[1]:
            found[answer[0]] = path
    return found


def chosen(named: Sequence[str]) -> list[Path]:
    """Return the interpreters that are named, or the oldest and the newest that are here.

    Raises:
        SystemExit: one is no CPython that can be tried on.
    """
    if not named:
        found = pythons()
        if not found:
            sys.exit("no CPython >= 3.12 is here: name one, as in scripts/check-wheel /path/to/python3.12")
        return [found[version] for version in sorted({min(found), max(found)})]
    paths = {name: shutil.which(name) or name for name in named}
    if wrong := [name for name, path in paths.items() if asked(path) is None]:
        sys.exit(f"not a working CPython >= 3.12: {', '.join(wrong)}")
    return [Path(path).absolute() for path in paths.values()]


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Run a command; return what it printed.

    Raises:
        SystemExit: it failed.
    """
    kept = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [str(part) for part in command], cwd=cwd, env=kept | environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(
            f"{' '.join(map(str, command))}: exit code {done.returncode}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
        )
    return done.stdout


def _pinned() -> dict[str, str]:
    return dict.fromkeys(("PIP_CONSTRAINT", "PIP_BUILD_CONSTRAINT"), (ROOT / "constraints.txt").as_uri()) | {
        "PIP_DISABLE_PIP_VERSION_CHECK": "1"
    }


def build() -> tuple[Path, Path]:
    """Build both into dist/, the wheel from the sdist; return wheel and sdist."""
    begun = time.monotonic()
    for folder in (DIST, ROOT / "build"):  # what an earlier build left would be packed again
        shutil.rmtree(folder, ignore_errors=True)
    run(sys.executable, "-m", "build", "--outdir", DIST, ROOT, cwd=ROOT, **_pinned())
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    sizes = ", ".join(f"{path.name} {path.stat().st_size / 1e6:.1f} MB" for path in (wheel, sdist))
    print(f"built in {time.monotonic() - begun:.0f} s: {sizes}")
    return wheel, sdist


def missing(wheel: Path, sdist: Path) -> list[str]:
    """Return what git tracks and wheel or sdist lacks, and what an sdist holds that git does not track."""
    tracked = {name for name in run("git", "ls-files", cwd=ROOT).splitlines() if (ROOT / name).exists()}
    in_wheel = set(zipfile.ZipFile(wheel).namelist())
    with tarfile.open(sdist) as archive:
        in_sdist = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    due = {name: name for name in tracked if name.startswith("testis_abm/")}
    due |= {name: f"testis_abm/{name}" for name in tracked if name.startswith("scenarios/")}
    faults = [f"{wheel.name} lacks {name}" for name, inside in due.items() if inside not in in_wheel]
    faults += [f"{sdist.name} lacks {name}" for name in tracked - in_sdist]
    made = ("PKG-INFO", "setup.cfg", "testis_abm.egg-info/")
    return faults + [f"{sdist.name} holds {name}" for name in in_sdist - tracked if not name.startswith(made)]


@contextmanager
def served(scripts: Path, folder: Path) -> Iterator[str]:
    """Serve the page as a user does, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    log, url = folder / "app.log", f"http://localhost:{port}"
    with log.open("w") as said:
        server = subprocess.Popen(
            [scripts / "testis-abm", "app", "--no-browser", "--port", port], cwd=folder, stdout=said, stderr=said
        )
    try:
        end = time.monotonic() + 180
        while True:
            try:
                urllib.request.urlopen(url, timeout=60).close()
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    sys.exit(f"the page does not answer\n{log.read_text()[-3000:]}")
                time.sleep(0.2)
        yield url
    finally:
        server.terminate()
        server.wait(60)


def check_page(scripts: Path, folder: Path, wheel: Path) -> str:
    """Ask for the page, for what it names and for every asset of the wheel."""
    assets = "testis_abm/app/assets/"
    with zipfile.ZipFile(wheel) as packed, served(scripts, folder) as url:
        page = urllib.request.urlopen(url, timeout=60).read().decode()
        named = set(re.findall(r"""(?:src|href)=["'](/[^"'#]+)""", page))
        for address in named:
            urllib.request.urlopen(url + address, timeout=60).close()  # anything but success is an error
        files = [name for name in packed.namelist() if name.startswith(assets) and not name.endswith(("/", ".txt"))]
        for name in files:
            answer = urllib.request.urlopen(f"{url}/_solara/cdn/{name.removeprefix(assets)}", timeout=60)
            if answer.read() != packed.read(name):
                sys.exit(f"{name}: is served otherwise than it is packed")
    if not named or not files:
        sys.exit("the page names nothing, or has no assets")
    return f"page and {len(named)} addresses, {len(files)} assets"


def check(python: Path, wheel: Path, sdist: Path, folder: Path) -> None:
    """Install the wheel into a venv in `folder` and use it there."""
    begun = time.monotonic()
    run(python, "-m", "venv", folder / "venv", cwd=folder)
    scripts = folder / "venv" / ("Scripts" if os.name == "nt" else "bin")
    own = scripts / "python"
    run(own, "-m", "pip", "install", "-qq", f"{wheel}[{EXTRAS}]", "pytest", "hypothesis", cwd=folder, **_pinned())
    installed = time.monotonic()
    home = folder / "home"
    home.mkdir()
    alone = {"HOME": str(home), "USERPROFILE": str(home), "XDG_CACHE_HOME": str(home)}

    def command(*given: str) -> str:
        return run(scripts / "testis-abm", *given, cwd=folder, **alone)

    version = command("--version")
    if (
        version != run(own, "-m", "testis_abm", "--version", cwd=folder, **alone)
        or version.split()[1] not in wheel.name
    ):
        sys.exit(f"--version: {version}")
    run(own, "-c", _IMPORT, cwd=folder, **alone)
    names = {path.stem for path in (ROOT / "scenarios").rglob("*.toml")}
    listed = command("scenarios")
    if absent := sorted(name for name in names if name not in listed):
        sys.exit(f"testis-abm scenarios does not list {', '.join(absent)}")
    command("new", "mine.toml")
    for scenario in ("mine.toml", "obese_anastrozole"):
        if "Results in" not in command("run", scenario, *_SHORT):
            sys.exit(f"testis-abm run {scenario}: no results")
    command("studies", "run", "leder_2004", "--sets", "2", "--repeats", "20", "--no-plots")
    page = check_page(scripts, folder, wheel)
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.glob("testis_abm-*") if path.is_dir())
    shutil.rmtree(unpacked / "testis_abm")  # what is tried is what was installed
    tests = [f"tests/{name}" for name in TESTS]
    said = run(own, "-m", "pytest", "-p", "no:cacheprovider", *tests, cwd=unpacked, **alone).strip().splitlines()[-1]
    print(
        f"{run(own, '--version', cwd=folder).strip()}: installed in {installed - begun:.0f} s, "
        f"tried in {time.monotonic() - installed:.0f} s ({page}; {said})"
    )


def main(named: Sequence[str]) -> None:
    """Build, compare, and try on the Pythons that are `named`, or on the oldest and the newest."""
    parser = argparse.ArgumentParser(
        "scripts/check-wheel", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("python", nargs="*", help="CPython >= 3.12 to try on (else the oldest and the newest here)")
    tried = chosen(parser.parse_args(named).python)
    wheel, sdist = build()
    if faults := missing(wheel, sdist):
        sys.exit("\n".join(sorted(faults)))
    for python in tried:
        with tempfile.TemporaryDirectory(prefix="testis-abm-wheel-", ignore_cleanup_errors=True) as folder:
            check(python, wheel, sdist, Path(folder))


if __name__ == "__main__":
    main(sys.argv[1:])
