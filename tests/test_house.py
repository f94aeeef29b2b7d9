"""Laws of the house: who may import whom, and what is not written twice or passed by position. Sizes have none."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import networkx as nx
import pytest

import testis_abm

PACKAGE = Path(testis_abm.__file__).parent
MEASURES = Path(__file__).parents[1] / "benchmarks" / "house.py"
# Room -> rooms that it may import. A new arrow is a decision: write it here, or move what is asked for.
LAWS = {
    "choices": set(),  # and everything may import it
    "support": set(),
    "quantities": {"support"},
    "statistics": set(),
    "parameters": {"support"},
    "biology": {"quantities", "parameters", "support"},
    "testis": {"biology", "parameters", "support"},
    "scenario": {"biology", "parameters", "quantities", "support"},  # biology: what a drug of one's own needs
    "man": {"biology", "parameters", "quantities", "scenario", "support", "testis"},
    "agents": {"biology", "man", "parameters", "scenario", "support", "testis"},
    "results": {"biology", "man", "parameters", "quantities", "scenario", "statistics", "support"},
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
        "studies",  # the ensemble
        "support",
        "testis",
    },
    "pictures": {
        "biology",
        "experiments",
        "parameters",
        "quantities",
        "results",
        "scenario",
        "statistics",
        "support",
        "testis",  # how each kind of cell looks
    },
    "exports": {
        "agents",
        "biology",
        "experiments",
        "man",
        "parameters",
        "pictures",
        "quantities",
        "results",
        "scenario",
        "studies",
        "support",
        "testis",
    },
}
# Arrows that still run up, module -> room, each with what would take it away.
KNOWN: set[tuple[str, str]] = set()


@pytest.fixture(scope="module")
def house():
    spec = importlib.util.spec_from_file_location("house", MEASURES)
    measures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(measures)
    return measures.House(PACKAGE.parent)


@pytest.fixture(scope="module")
def arrows(house):
    """Return (module, room) for everything that a module takes from another room."""
    taken = {(user, house.room(used)) for user, used in house.imports().edges if used != "__init__"}
    return {(user, room) for user, room in taken if room != house.room(user)}


def test_no_room_imports_what_stands_above_it(house, arrows):
    up = {(user, room) for user, room in arrows if room not in LAWS.get(house.room(user), {room}) | {"choices"}}
    assert up == KNOWN


@pytest.mark.parametrize("face", ["app", "cli", "facade"])
def test_nobody_imports_a_face(arrows, face):
    assert {module for module, room in arrows if room == face} <= {"__init__", "__main__", "cli.app"}


# What is left of each fault. These lists may only get shorter.
CIRCULAR = {  # arrows, late and of types too, without which no modules import one another
    ("agents.model", "agents.checkpoint"),
    ("agents.model", "agents.modifiers"),
    ("experiments.task", "__init__"),
}
SAME_NAMES = {
    ("biology.laboratory", "exports.sbml"),  # which levels are species, and what each is in databases
    ("cli.experiments", "experiments.opened"),  # commands, and what their folders hold
    ("app.draft", "experiments.drug_course"),
    ("app.experiments.sweeps", "experiments.design"),  # the keys of a range, written and read
    ("experiments.sensitivity", "experiments.sweep"),
    ("experiments.store", "experiments.sweep"),
    ("experiments.sweep", "experiments.trial"),
    ("man.diary", "pictures.data"),
    ("man.injuries", "scenario.insult"),
    ("parameters.own", "parameters.tables"),
    ("pictures.data", "results.measures"),
    ("pictures.experiments", "studies.study"),
    ("population.given", "scenario.condition"),
    ("population.predict", "results.measures"),
}


def test_no_modules_import_one_another(house):
    imports = house.imports()
    imports.remove_edges_from(CIRCULAR)
    assert not [sorted(knot) for knot in nx.strongly_connected_components(imports) if len(knot) > 1]


def test_no_function_takes_more_than_eight_parameters(house):
    assert not [name for count, name in house.parameter_lists() if count > 8]


def test_no_function_returns_more_than_four_values_by_position(house):
    assert not [name for count, name in house.returned_tuples() if count > 4]


def test_no_two_modules_hold_the_same_list_of_names(house):
    assert house.repeated_names() <= SAME_NAMES


def test_nothing_is_kept_from_the_formatter(house):
    assert house.skipped() == 0
