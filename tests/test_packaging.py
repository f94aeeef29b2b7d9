"""What a package tells of itself: one version, citation, licences of what it needs."""

from __future__ import annotations

import json
import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

import testis_abm

ROOT = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT / "scripts"))

import make_licences  # noqa: E402

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_citation_and_metadata_tell_the_same_as_the_project():
    yaml = pytest.importorskip("yaml")
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    told = json.loads((ROOT / "codemeta.json").read_text(encoding="utf-8"))
    versions = {
        "pyproject.toml": PROJECT["version"],
        "testis_abm/__init__.py": testis_abm.__version__,
        "CITATION.cff": cited["version"],
        "codemeta.json": told["version"],
    }
    assert len({*versions.values()}) == 1, f"versions differ: {versions}"
    # A list in CITATION.cff would be a choice, so it has the licence of our own work alone.
    licences = PROJECT["license"].split(" AND ")
    assert licences == [address.rpartition("/")[2] for address in told["license"]], "pyproject.toml, codemeta.json"
    assert licences[0] == cited["license"] == "MIT", "pyproject.toml, CITATION.cff"
    assert PROJECT["keywords"] == cited["keywords"] == told["keywords"], "pyproject.toml, CITATION.cff, codemeta.json"
    assert PROJECT["description"] == told["description"], "pyproject.toml, codemeta.json"
    authors = [{"name": of["name"]} for of in told["author"]]
    assert PROJECT["authors"] == cited["authors"] == authors, "pyproject.toml, CITATION.cff, codemeta.json"
    known = {f"3.{minor}" for minor in (12, 13)}
    assert known == {text.rpartition(" ")[2] for text in PROJECT["classifiers"] if re.search(r":: 3\.\d+$", text)}


def test_the_licence_of_the_type_face_is_declared_and_packed():
    faces = [*(ROOT / "testis_abm").rglob("*.woff2")]
    assert faces and "OFL-1.1" in PROJECT["license"]
    packed = [path for pattern in PROJECT["license-files"] for path in ROOT.glob(pattern)]
    assert any("SIL OPEN FONT LICENSE" in path.read_text(encoding="utf-8") for path in packed)
    # setuptools refuses other characters in names of such files.
    assert all(re.fullmatch(r"[\w./-]+", path.relative_to(ROOT).as_posix()) for path in packed)


def test_the_page_of_licences_holds_every_direct_dependency_as_installed():
    lines = make_licences.PAGE.read_text(encoding="utf-8").splitlines()
    table = {
        line.split(" | ")[0].removeprefix("| "): line for line in lines if re.match(r"\| [a-z][\w-]* \| [a`]", line)
    }
    asked = make_licences.asked()
    assert table.keys() == asked.keys(), "make licences"
    compared = 0
    for name, extras in asked.items():
        by = ", ".join(f"`{extra}`" if extra else "all" for extra in extras)
        try:
            assert table[name] == f"| {name} | {by} | {make_licences.licence(name)} |", "make licences"
            compared += 1
        except PackageNotFoundError:  # an extra that is not installed here
            continue
    assert compared > 12


def test_nothing_that_users_install_is_under_the_gpl():
    page = make_licences.PAGE.read_text(encoding="utf-8")
    tables = [line for line in page.splitlines() if line.startswith("|")]
    # docutils, which builds the site alone, is in the public domain but for some files; its GPL is of one for an editor.
    named = [line for line in tables if not line.rstrip(" |").endswith("| docutils")]
    assert not [line for line in named if re.search(r"(?<!L)GPL|General Public", line.replace("LGPL", ""))]
