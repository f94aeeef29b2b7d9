"""Violins and reported values: what is drawn is what the men have."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from small_page import drawn

from testis_abm.pictures import spreads
from testis_abm.pictures.reference import Range
from testis_abm.pictures.spreads import Reported, Violin, Violins, violins_svg

SVG = "{http://www.w3.org/2000/svg}"


def level_at(root, x):
    """Return the level of a place across, by the axis that the chart tells."""
    low, high, left, right, log = map(float, root.get("data-axis").split(","))
    share = (x - left) / (right - left)
    return low * (high / low) ** share if log else low + share * (high - low)


def marks(root, style):
    return [of for of in root.iter(f"{SVG}line") if style in of.get("class").split()]


@pytest.mark.parametrize("width", [760.0, 360.0])
@pytest.mark.parametrize("sigma, log", [(0.1, False), (1.2, True)])
def test_quantiles_drawn_are_those_of_the_men(width, sigma, log):
    rng = np.random.default_rng(4)
    groups = tuple(
        Violin(name, np.exp(rng.normal(2.0, sigma, 300)) * size) for name, size in (("before", 1.0), ("A", 1.7))
    )
    chart = Violins("TMC", "million", groups, Range(16.0, math.inf, "16", "WHO 2021: 5th percentile"), 0.01)
    root = drawn(violins_svg(chart, width))
    assert chart.logarithmic == log and len(list(root.iter(f"{SVG}polygon"))) == 2
    for group, median, bar in zip(
        groups, marks(root, "ta-violin-median"), marks(root, "ta-violin-interval"), strict=True
    ):
        middle, low, high = np.quantile(group.values, [0.5, 0.05, 0.95])
        places = [float(median.get("x1")), float(bar.get("x1")), float(bar.get("x2"))]
        assert [level_at(root, x) for x in places] == pytest.approx([middle, low, high], rel=0.01, abs=0.03)
        assert f"median {spreads.number(middle)} ({spreads.number(low)} to {spreads.number(high)})" in root.get(
            "aria-label"
        )
    (limit,) = marks(root, "ta-limit")
    assert level_at(root, float(limit.get("x1"))) == pytest.approx(16.0, rel=0.01)


def test_the_outline_is_widest_where_most_men_are():
    men = np.concatenate([np.full(80, 5.0) + np.linspace(-0.3, 0.3, 80), np.full(20, 9.0) + np.linspace(-0.3, 0.3, 20)])
    group = Violin("before", men)
    levels, density = Violins("T", "", (group,)).outline(group)
    assert levels[density.argmax()] == pytest.approx(5.0, abs=0.4)
    assert density[np.abs(levels - 9.0).argmin()] == pytest.approx(0.25, abs=0.1)


def test_men_without_sperm_are_told_and_not_hidden():
    men = np.concatenate([np.zeros(30), np.geomspace(0.1, 60.0, 70)])
    chart = Violins("TMC", "million", (Violin("before", men), Violin("A", np.zeros(100))), None, 0.01)
    root = drawn(violins_svg(chart))
    assert "none in 30 %" in root.get("aria-label") and "A: median none (none to none), none in 100 %" in root.get(
        "aria-label"
    )
    assert "nan" not in violins_svg(chart)


@given(
    some.lists(some.lists(some.floats(0.0, 1e6), max_size=12), min_size=1, max_size=5),
    some.sampled_from([0.0, 0.01, 3.0]),
    some.sampled_from([None, Range(16.0, math.inf, "16", "WHO"), Range(298.0, 1043.0, "298 to 1043", "label")]),
)
def test_any_men_can_be_drawn(levels, least, reference):
    groups = tuple(Violin(f"<{k}>", np.array(own, dtype=float)) for k, own in enumerate(levels))
    for width in (760.0, 360.0):
        svg = violins_svg(Violins("T & E2", "a<b", groups, reference, least), width)
        drawn(svg)
        assert "nan" not in svg and "inf" not in svg.replace("information", "")


def strip(**changed):
    of = {"given": 100.0, "beyond": "", "own": 120.0, "median": 110.0, "low": 90.0, "high": 200.0, "deviation": 0.4}
    return Reported(
        **{"name": "T", "unit": "ng/dL", **of, "strained": False, "reference": Range(50.0, 300.0, "", ""), **changed}
    )


def test_strips_have_one_axis_of_multiples_of_the_reported_value():
    root = drawn(spreads.strip_svg(strip()))
    centre = float(marks(root, "ta-given-line")[0].get("x1"))
    bar, median = marks(root, "ta-match-interval")[0], marks(root, "ta-match-median")[0]
    unit = (float(bar.get("x2")) - centre) / math.log(2.0)  # 200 is twice the value
    assert float(bar.get("x1")) - centre == pytest.approx(unit * math.log(0.9), abs=0.2)
    assert float(median.get("x1")) - centre == pytest.approx(unit * math.log(1.1), abs=0.2)
    far = drawn(spreads.strip_svg(strip(median=1e6, low=1e5, high=1e7)))
    assert float(marks(far, "ta-match-median")[0].get("x1")) <= spreads._STRIP


@pytest.mark.parametrize(
    "changed", [{"given": 0.0}, {"low": math.nan, "high": math.nan}, {"own": math.nan}, {"reference": None}]
)
def test_values_of_none_and_sets_without_intervals_have_rows(changed):
    html = spreads.reported_html([strip(**changed)], [("BMI", "33 kg/m2")], "caption <b>")
    assert "caption &lt;b&gt;" in html and "33 kg/m2" in html and "nan" not in html
