"""Where compiled rules are cached: one folder per version of their sources.

numba's own cache does not notice an edit to a rule that is inlined from another file, so stale biology would run. The
cache folder is therefore named by a hash of every source that holds compiled code; it must be chosen before numba is
imported, and its absence is the moment to announce the compile.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from functools import cache
from pathlib import Path

_COMPILED = ("kinetics.py", "body/*.py", "tissue/*.py", "tract/*.py", "expected/*.py")
_RULES = (*_COMPILED[:4], "model.py", "physiology.py", "regimen.py", "parameters/*.toml")
_package = Path(__file__).parent


def _digest(start: str, patterns: tuple[str, ...]) -> str:
    digest = hashlib.sha256(start.encode())
    for source in [source for pattern in patterns for source in sorted(_package.glob(pattern))]:
        digest.update(source.name.encode())
        digest.update(source.read_bytes())
    return digest.hexdigest()[:16]


@cache
def rules_fingerprint() -> str:
    """Return a hash of all sources that decide how a man goes on from a state: rules and parameters."""
    return _digest("", _RULES)


@cache
def results_fingerprint() -> str:
    """Return a hash of all sources that decide on the results of an experiment: rules, parameters, scenarios, what is kept."""
    return _digest("", (*_RULES, "expected/*.py", "scenario/*.py", "experiments/outputs.py", "experiments/task.py"))


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.access(folder, os.W_OK)
    except OSError:
        return False


def cache_folder() -> Path:
    """Return a writable folder for this version's compiled code (the user's cache, else a temporary one)."""
    base = Path(os.environ.get("TESTIS_ABM_CACHE") or os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = base / "testis_abm" / _digest(sys.version, _COMPILED)
    if _usable(folder):
        return folder
    folder = Path(tempfile.gettempdir()) / f"testis_abm-{os.getuid()}" / _digest(sys.version, _COMPILED)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def prepare() -> bool:
    """Point numba at the cache folder; return True when nothing is compiled there yet."""
    if "numba" in sys.modules:
        from numba import config

        folder = cache_folder()
        setattr(config, "CACHE_DIR", str(folder))  # noqa: B010 (numba sets its options at run time)
    else:
        folder = cache_folder()
        os.environ["NUMBA_CACHE_DIR"] = str(folder)
    return not any(folder.rglob("*.nbi"))


_cold = prepare()


def announce() -> None:
    """Say once that the rules are being compiled, if they have not been on this machine."""
    global _cold
    if _cold:
        print("Compiling the rules of the cells (about ten seconds, once per version) ...", file=sys.stderr, flush=True)
        _cold = False
