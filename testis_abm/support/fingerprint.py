"""Hashes of the program's own sources: two programs of one fingerprint give the same results."""

from __future__ import annotations

import contextlib
import hashlib
import platform
import re
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# Folders that show, choose or read what is run; all else decides. Men whom they draw are part of a run's name.
DECIDES_NOTHING = ("app", "cli", "pictures", "population", "scenarios", "studies", "support")
_PACKAGES = ("testis_abm", "mesa", "numpy", "numba", "pandas", "pyarrow", "pydantic", "scipy")
_RULES = re.compile(r"^from (numba|testis_abm\.support\.compile import compiled)\b", re.MULTILINE)
_SOURCES = (".py", ".toml", ".csv")


def deciding(package: Path = PACKAGE) -> list[Path]:
    """Return every source of the package but those that decide on no result, sorted."""
    sources = (path.relative_to(package) for path in package.rglob("*") if path.suffix in _SOURCES)
    kept = (source for source in sources if source.parts[0] not in DECIDES_NOTHING)
    return [package / source for source in sorted(kept, key=Path.as_posix)]


def digest(sources: Iterable[Path], start: str = "", package: Path = PACKAGE) -> str:
    """Return a hash of the names and contents of files in the package, whatever ends their lines."""
    hashed = hashlib.sha256(start.encode())
    for source in sources:
        content = source.read_bytes().replace(b"\r\n", b"\n")
        hashed.update(f"{source.relative_to(package).as_posix()} {len(content)}\n".encode())
        hashed.update(content)
    return hashed.hexdigest()[:16]


@cache
def fingerprint() -> str:
    """Return a hash of all sources that decide on results: how a man goes on, and what is kept of a run."""
    return digest(deciding())


def compiled(package: Path = PACKAGE) -> list[Path]:
    """Return the deciding sources in folders that hold rules to compile; of the package's own, those files alone."""
    every = [path for path in deciding(package) if path.suffix == ".py"]
    rules = [path for path in every if _RULES.search(path.read_text(encoding="utf-8"))]
    folders = {path.parent for path in rules} - {package}
    return [path for path in every if path in rules or path.parent in folders]


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that shape results."""
    installed = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            installed[name] = metadata.version(name)
    return installed
