"""Designs of experiments: grids, lists and samples of what is varied."""

from __future__ import annotations

import numpy as np
import pytest

from testis_abm import TestisError
from testis_abm.experiments.design import Design, parse_axis, parse_design, sampled
from testis_abm.experiments.task import Job, Task, attempt


def test_a_grid_has_every_pair_and_a_list_the_first_of_each():
    over = {"man.bmi": [22, 30], "therapy.1.dose": {"from": "0.25 mg", "to": "1 mg", "steps": 3, "scale": "log"}}
    grid = parse_design({"over": over})
    assert grid.points == tuple((bmi, dose) for bmi in (22, 30) for dose in ("0.25 mg", "0.5 mg", "1 mg"))
    both = parse_design({"over": {**over, "man.bmi": [22, 26, 30]}, "method": "list"})
    assert both.points == ((22, "0.25 mg"), (26, "0.5 mg"), (30, "1 mg"))
    assert grid.overrides(1) == {"man.bmi": 22, "therapy.1.dose": "0.5 mg"}


@pytest.mark.parametrize("method", ["latin_hypercube", "sobol"])
def test_a_sample_fills_its_ranges(method):
    over = {"man.bmi": {"from": 20, "to": 40}, "x": {"from": 0.1, "to": 10, "scale": "log"}}
    design = parse_design({"over": over, "method": method, "samples": 64, "seed": 5})
    bmi, x = np.array(design.points, dtype=float).T
    assert len(bmi) == 64 and np.histogram(bmi, 8, (20, 40))[0].min() >= 6
    assert np.histogram(np.log10(x), 8, (-1, 1))[0].min() >= 6
    assert design == parse_design({"over": over, "method": method, "samples": 64, "seed": 5})
    assert design != parse_design({"over": over, "method": method, "samples": 64, "seed": 6})
    assert sampled("sobol", 2, 5, 1).shape == (5, 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"over": {}}, "nothing is varied"),
        ({"over": {"man.bmi": []}}, "man.bmi: is an empty list"),
        ({"over": {"man.bmi": 3}}, "neither a list"),
        ({"over": {"man.bmi": {"from": 3, "to": 2, "steps": 3}}}, "from 3 is not below to 2"),
        ({"over": {"man.bmi": {"from": 0, "to": 2, "steps": 3, "scale": "log"}}}, "from 0 is not above 0"),
        ({"over": {"d": {"from": "1 mg", "to": "2 g", "steps": 3}}}, "different units"),
        ({"over": {"man.bmi": {"from": 20, "to": 30}}}, "steps is missing"),
        ({"over": {"man.bmi": {"from": 20, "to": 30, "step": 3}}}, 'key "step" is not known; nearest: "steps"'),
        ({"over": {"man.bmi": [22, 24]}, "method": "soboll"}, 'nearest: "sobol"'),
        ({"over": {"man.bmi": [22, 24]}, "method": "sobol"}, "is a list; sobol samples a range"),
        ({"over": {"a": [1, 2], "b": [1, 2, 3]}, "method": "list"}, "the axes differ in length (a 2, b 3)"),
        ({"over": {"a": list(range(2000)), "b": list(range(2000))}}, "4,000,000 points are more than"),
    ],
)
def test_a_wrong_design_is_told(given, said):
    with pytest.raises(TestisError) as told:
        parse_design(given)
    assert said in str(told.value)


def test_a_design_has_no_points_of_its_own_making():
    assert Design((parse_axis("a", [1]),), ((1,),)).overrides(0) == {"a": 1}
    name, rows, error = attempt(Job({"": {"title": "x"}}, (1,)), Task(0, 0, {"man.bmi": "thin"}))
    assert rows == [] and "thin" in error and len(name) == 16
