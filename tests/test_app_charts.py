"""Courses and charts of the app: what they draw is what the tables hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from small_page import SMALL, drawn

import testis_abm as ta
from testis_abm.experiments.simulate import so_far
from testis_abm.pictures import courses, plots_screen, screen
from testis_abm.pictures.chart import Curve, HeatMap, Mark, Panel, Span
from testis_abm.pictures.reference import Range


def test_courses_show_what_the_tables_hold(result):
    arms = courses.arms_of(result)
    assert [of.name for of in arms] == ["untreated", "treated"]
    panel = courses.hormones(arms)[0].clinical()
    assert (panel.label, panel.unit) == ("Testosterone", "ng/dL")
    table = result.tables["hormones"]
    treated = table[table["arm"] == "treated"].pivot(index="day", columns="replicate", values="testosterone_nmol_l")
    line = panel.curves[1]
    assert np.array_equal(line.x, treated.index) and panel.days == (-4.0, 30.0)
    assert line.mean == pytest.approx(treated.mean(axis=1).to_numpy() * 28.84, rel=1e-3)
    assert line.low == pytest.approx(treated.min(axis=1).to_numpy() * 28.84, rel=1e-3)
    assert line.high == pytest.approx(treated.max(axis=1).to_numpy() * 28.84, rel=1e-3)


def test_semen_has_dots_as_measured_and_reference_limits(result):
    panels = {of.label: of for of in courses.semen(courses.arms_of(result))}
    concentration = next(of for name, of in panels.items() if "oncentration" in name)
    rows = result.tables["semen"]
    rows = rows[rows["arm"] == "treated"]
    assert np.allclose(concentration.curves[1].dots[1], rows["concentration_million_ml"])
    assert concentration.reference.limits == pytest.approx((16.0,)) and "WHO" in concentration.reference.source


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(result):
    rows = {
        name: [tuple(row) for row in result.tables[name].itertuples(index=False) if row.replicate == 0 or row.day < 5]
        for name in ("hormones", "semen")
    }
    shown = so_far(result.scenario, rows)
    line = courses.hormones(courses.arms_of(shown))[0].curves[0]
    whole = courses.hormones(courses.arms_of(result))[0].curves[0]
    early = line.x < 5
    assert np.allclose(line.mean[early], whole.mean[early])
    assert np.isfinite(line.mean).all() and np.allclose(line.low[~early], line.high[~early])
    assert "nan" not in screen.grid(courses.hormones(courses.arms_of(shown)))


def test_before_the_first_ejaculate_charts_say_nothing_yet(result):
    shown = so_far(
        result.scenario, {"hormones": [tuple(row) for row in result.tables["hormones"].itertuples(index=False)]}
    )
    picture = screen.grid(courses.semen(courses.arms_of(shown)))
    assert "nothing yet" in picture and "nan" not in picture


@given(
    some.lists(some.floats(-1e6, 1e6), min_size=1, max_size=12),
    some.lists(some.floats(-1e6, 1e6), max_size=2).map(tuple),
    some.booleans(),
)
def test_a_panel_is_drawn_within_its_box(values, limits, zero):
    curve = Curve("a", np.arange(len(values), dtype=float), np.array(values))
    low, high = (*sorted(map(abs, limits)), math.inf, math.inf)[:2] if limits else (0.0, math.inf)
    reference = Range(low, high, "", "WHO") if 0.0 < low < math.inf else None
    panel = Panel("lh_iu_l", "Level", "IU/L", (curve,), (-10.0, 20.0), reference=reference, zero=zero)
    root = drawn(screen.panel_svg(panel))
    _, _, width, height = map(float, root.get("viewBox").split())
    points = root.find(".//{*}polyline").get("points").split()
    assert len(points) == len(values)
    for point in points:
        x, y = map(float, point.split(","))
        assert 0 <= x <= width and 0 <= y <= height


def test_a_gap_is_no_point():
    curve = Curve("a", np.arange(3.0), np.array([1.0, np.nan, 2.0]))
    root = drawn(screen.panel_svg(Panel("lh_iu_l", "Level", "", (curve,), (0.0, 2.0))))
    assert len(root.find(".//{*}polyline").get("points").split()) == 2


@pytest.mark.parametrize("name", ["=1+1", "@x", "\t=1+1", "\r-1"])
def test_a_name_of_an_arm_is_no_formula_in_the_file(name):
    charts = pytest.importorskip("testis_abm.app.charts")
    x = np.arange(2.0)
    text = charts.csv_of(Panel("t", "T", "nmol/L", (Curve(name, x, x),), (0, 1)))
    assert f"'{name}" in text and f",{name}" not in text


def test_names_are_text_and_not_markup():
    evil = '"><script>alert(1)</script>'
    curve, reference = Curve(evil, np.arange(2.0), np.ones(2)), Range(1.0, math.inf, evil, evil)
    panel = Panel(evil, evil, evil, (curve,), (0.0, 1.0), reference=reference, marks=(Mark(0.0, 1.0, evil),))
    for svg in (
        screen.panel_svg(panel),
        screen.timeline([Span(evil, evil, 0.0, 1.0)], (0.0, 9.0)),
        plots_screen.heat_map(HeatMap(evil, evil, np.ones((1, 1)), [evil], [evil], (evil, evil), change=True)),
        screen.legend([evil]),
    ):
        assert "<script" not in svg
    drawn(screen.panel_svg(panel))


@given(some.floats(-1e5, 1e5), some.floats(1e-3, 1e5))
def test_ticks_span_the_axis_and_are_few(low, size):
    ticks = screen.nice(low, low + size, 4)
    assert ticks[0] <= low + 1e-6 * abs(low) + 1e-9 * size and ticks[-1] >= low + size - 1e-6 * (abs(low) + size)
    assert 2 <= len(ticks) <= 8 and len(set(np.round(np.diff(ticks), 9 - int(np.log10(size + 1))))) <= 2


def test_a_heat_map_writes_each_number_and_leaves_gaps():
    values = np.array([[10.0, -20.0], [np.nan, 5.0]])
    root = drawn(
        plots_screen.heat_map(HeatMap("T", "%", values, ["24", "32"], ["low", "high"], ("BMI", "dose"), change=True))
    )
    texts = [text.text for text in root.findall("{*}g/{*}text")]
    assert sorted(texts) == ["+10", "+5.0", "-20"]


def test_the_low_t_e2_man_lies_below_the_limit_of_his_assay(result):
    panels = {panel.label: panel for panel in courses.hormones(courses.arms_of(result))}
    ratio = panels["T/E2 (immunoassay)"]
    assert ratio.curves[0].mean[0] < ratio.reference.low == 10.0
    said = screen.sources(panels.values())
    assert "LH up to 9.4" in said and "T/E2 (immunoassay) from 10" in said and "Testosterone 298 to 1,043" in said
    assert not panels["T/E2 (LC-MS/MS)"].reference and not panels["Serum E2 (immunoassay)"].reference
    assert not [label for label in panels if "E2" in label and "(" not in label and "ntratesticular" not in label]


@pytest.mark.parametrize("assay, title", [("immunoassay", "immunoassay"), ("lc-ms", "LC-MS/MS")])
def test_a_published_oestradiol_lies_on_the_panel_of_its_assay(result, assay, title):
    observed = [{"variable": "oestradiol_pmol_l", "day": "day 28", "value": 20.0, "unit": "pg/mL"}]
    scenario = ta.load({**SMALL, "samples": {"assay": assay}, "observed": observed})
    rows = {name: [tuple(row) for row in result.tables[name].itertuples(index=False)] for name in ("hormones", "semen")}
    panels = [panel.clinical() for panel in courses.hormones(courses.arms_of(so_far(scenario, rows)))]
    assert [(panel.label, round(panel.marks[0].value, 6)) for panel in panels if panel.marks] == [
        (f"Serum E2 ({title})", 20.0)
    ]


def test_levels_of_kept_arms_stand_side_by_side(result):
    table = courses.levels([("mine", result), ("yours", result)])
    assert list(table) == ["mine", "yours"] and (table["mine"] == table["yours"]).all() and len(table) > 5
