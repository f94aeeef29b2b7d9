"""Laws of the house: who may import whom, at load and within functions alike."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import testis_abm

PACKAGE = Path(testis_abm.__file__).parent
# Room -> rooms that it may import. A new arrow is a decision: write it here, or move what is asked for.
LAWS = {
    "choices": set(),
    "support": set(),
    "quantities": {"support"},
    "statistics": set(),
    "parameters": {"support"},
    "biology": {"quantities", "parameters", "support"},
    "testis": {"biology", "parameters", "support"},
    "scenario": {"parameters", "quantities", "support"},
    "man": {"biology", "parameters", "quantities", "scenario", "support", "testis"},
    "agents": {"biology", "man", "parameters", "scenario", "support", "testis"},
    "results": {"biology", "parameters", "quantities", "scenario", "statistics", "support"},
    "population": {"biology", "man", "parameters", "quantities", "results", "scenario", "statistics", "support"},
    "studies": {
        "biology",
        "man",
        "parameters",
        "population",
        "quantities",
        "results",
        "scenario",
        "statistics",
        "support",
    },
    "experiments": {
        "agents",
        "biology",
        "man",
        "parameters",
        "population",
        "quantities",
        "results",
        "scenario",
        "statistics",
        "support",
        "testis",
    },
    "pictures": {"biology", "experiments", "parameters", "quantities", "results", "scenario", "statistics", "support"},
}
# Arrows that still run up, module -> room, each with what would take it away.
KNOWN = {
    ("testis.reference", "agents"),  # the plain engine is made of agents
    ("testis.section", "agents"),  # names of the kinds of cells
    ("agents.model", "results"),
    ("agents.checkpoint", "results"),  # the schemas of the tables
    ("results.run_result", "pictures"),
    ("results.store", "pictures"),
    ("studies.report", "pictures"),  # conveniences that draw
    ("population.predict", "studies"),  # the type of an ensemble
}


def _room(module: str) -> str:
    return module.split(".")[0]


def _imports(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, without its first name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and _room(node.module) == "testis_abm":
            for name in node.names:
                found.add(f"{node.module}.{name.name}".removeprefix("testis_abm."))
        elif isinstance(node, ast.Import):
            found |= {
                name.name.removeprefix("testis_abm.") for name in node.names if name.name.startswith("testis_abm.")
            }
    return found - {"__version__"}


def _arrows() -> set[tuple[str, str]]:
    """Return (module, room) for everything that a module takes from another room."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        found |= {(module, _room(name)) for name in _imports(path) if _room(name) != _room(module)}
    return found


def test_no_room_imports_what_stands_above_it():
    up = {
        (module, room)
        for module, room in _arrows()
        if _room(module) in LAWS and room not in LAWS[_room(module)] | {"choices"}
    }
    assert {arrow for arrow in up if (PACKAGE / arrow[1]).exists() or (PACKAGE / f"{arrow[1]}.py").exists()} == KNOWN


@pytest.mark.parametrize("face", ["app", "cli"])
def test_nobody_imports_a_face(face):
    assert {module for module, room in _arrows() if room == face} <= {"__main__", "cli.app"}
