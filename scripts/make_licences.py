"""Make the tables of docs/licences.md from the metadata of what is installed: `make licences`."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from made_page import filled
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from testis_abm.support import files

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/licences.md"
WORK = ("test", "dev")  # extras of those who work on the package; nothing of them is needed to use it
_SHORT = {
    "BSD License": "BSD",
    "MIT License": "MIT",
    "Apache Software License": "Apache-2.0",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "GNU Lesser General Public License v3 (LGPLv3)": "LGPL-3.0",
    "GNU General Public License v3 or later (GPLv3+)": "GPL-3.0-or-later",
    "Python Software Foundation License": "PSF-2.0",
}


def licence(name: str) -> str:
    """Return the licence that an installed package names: its expression, its classifiers, or the first line of its text."""
    told = distribution(name).metadata
    if expression := told.get("License-Expression"):
        return str(expression)
    classes = [text.rpartition(" :: ")[2] for text in told.get_all("Classifier", []) if text.startswith("License :: ")]
    classes = [_SHORT.get(text, text) for text in classes if text != "OSI Approved"]
    first = str(told.get("License") or "").strip().splitlines()
    if first and len(first[0]) < 60 and (not classes or first[0].upper() in ("MIT", "BSD-3-CLAUSE", "APACHE-2.0")):
        return first[0]
    return ", ".join(dict.fromkeys(classes)) or "not named in its metadata"


def asked() -> dict[str, list[str]]:
    """Return direct dependency -> the extras that ask for it ("" for the package itself); `bench`, a peer to time, is left out."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, list[str]] = {}
    for extra, lines in {"": project["dependencies"], **project["optional-dependencies"]}.items():
        for name in (canonicalize_name(Requirement(line).name) for line in lines):
            if extra != "bench" and name != "testis-abm":
                found.setdefault(name, []).append(extra)
    return found


def needed(name: str, extras: frozenset[str] = frozenset()) -> Iterator[tuple[str, frozenset[str]]]:
    """Yield what an installed package asks for on this machine, with its extras."""
    for text in distribution(name).requires or []:
        requirement = Requirement(text)
        if any(requirement.marker is None or requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield canonicalize_name(requirement.name), frozenset(requirement.extras)


def closure(direct: list[str]) -> set[str]:
    """Return all that is installed because of some packages, themselves left out."""
    found: set[tuple[str, frozenset[str]]] = set()
    waiting = [(name, frozenset[str]()) for name in direct]
    while waiting:
        for more in needed(*waiting.pop()):
            if more not in found:
                try:
                    distribution(more[0])
                except PackageNotFoundError:  # of another system, or optional
                    continue
                found.add(more)
                waiting.append(more)
    return {name for name, _ in found} - {*direct}


def rows() -> list[str]:
    """Return the table of direct dependencies."""
    table = ["| package | needed by | licence |", "| --- | --- | --- |"]
    for name, extras in sorted(asked().items()):
        by = ", ".join(f"`{extra}`" if extra else "all" for extra in extras)
        table.append(f"| {name} | {by} | {licence(name)} |")
    return table


def page() -> str:
    """Return the page.

    Raises:
        SystemExit: a direct dependency is not installed.
    """
    direct = asked()
    use = [name for name, extras in direct.items() if not {*extras} <= {*WORK}]
    try:
        by_licence: dict[str, list[str]] = {}
        for name in sorted(closure(use)):
            by_licence.setdefault(licence(name), []).append(name)
        table = rows()
    except PackageNotFoundError as error:
        sys.exit(f"{error.name} is not installed: its licence cannot be told (make licences installs all)")
    others = ["| licence | packages |", "| --- | --- |"]
    others += [f"| {name} | {', '.join(packages)} |" for name, packages in sorted(by_licence.items())]
    return filled(PAGE, PAGE.read_text(encoding="utf-8"), {"direct": table, "others": others})


if __name__ == "__main__":
    files.write(PAGE, page())
