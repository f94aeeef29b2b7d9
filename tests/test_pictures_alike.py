"""One description painted twice: paper and screen show the same labels, units, series, limits and marks."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure

from testis_abm.pictures import paper, plots_screen, screen, style
from testis_abm.pictures.chart import Curve, HeatMap, Mark, Panel, Span, band
from testis_abm.pictures.reference import Range, as_published

DAYS = np.array([0.0, 7.0, 14.0, 21.0])
RANGE = Range(10.0, 30.0, "10 to 30", "Somebody 2020: men of 20 to 40")
VALUES = {
    "untreated": np.array([[18.0, 20.0, 19.0, 21.0], [22.0, 20.0, 21.0, 19.0]]),
    "treated": np.array([[18.0, 25.0, 28.0, 30.0], [22.0, 27.0, 32.0, 34.0]]),
}
PANEL = Panel(
    "testosterone_nmol_l",
    "Testosterone",
    "nmol/L",
    tuple(Curve.of(arm, DAYS, values) for arm, values in VALUES.items()),
    (0.0, 21.0),
    factor=28.84,
    clinical_unit="ng/dL",
    reference=RANGE,
    marks=(Mark(7.0, 24.0, "seen by others"),),
)


def on_paper(panel):
    with mpl.rc_context(style.RC):
        axes = Figure(figsize=(4, 2)).add_subplot()
        paper.draw_panel(axes, panel)
    return axes


def on_screen(panel):
    """Return the drawing, and what turns its heights into values by two of its ticks."""
    root = ElementTree.fromstring(screen.panel_svg(panel))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    ticks = [text for text in root.iter("text") if text.get("text-anchor") == "end" and text.get("class") == "ta-tick"]
    heights = [(float(text.get("y")) - 3.5, float(text.text.replace(",", ""))) for text in ticks]
    (y0, v0), (y1, v1) = heights[0], heights[-1]
    return root, lambda y: v0 + (float(y) - y0) * (v1 - v0) / (y1 - y0)


def points(element):
    return [tuple(map(float, pair.split(","))) for pair in element.get("points").split()]


# ---- both painters


def test_both_name_the_quantity_and_its_unit():
    axes, (root, _) = on_paper(PANEL), on_screen(PANEL)
    assert axes.get_ylabel() == "Testosterone\n(nmol/L)"
    name = next(text for text in root.iter("text") if text.get("class") == "ta-name")
    assert "".join(name.itertext()) == "Testosterone nmol/L"


def test_both_draw_the_same_means():
    axes, (root, value) = on_paper(PANEL), on_screen(PANEL)
    printed = [line.get_ydata() for line in axes.lines[:4] if len(line.get_xdata()) == 4]
    shown = [line for line in root.iter("polyline") if line.get("class").startswith("ta-line")]
    assert [line.get("class") for line in shown] == ["ta-line ta-c0", "ta-line ta-c1"]
    for arm, ink, light in zip(VALUES.values(), printed, shown, strict=True):
        assert ink == pytest.approx(arm.mean(axis=0))
        assert [value(y) for _, y in points(light)] == pytest.approx(arm.mean(axis=0).tolist(), abs=0.05)
    colours = [line.get_color() for line in axes.lines if len(line.get_xdata()) == 4]
    assert colours == [style.COLOUR["untreated"], style.COLOUR["treated"]]


def test_both_draw_the_same_bands():
    axes, (root, value) = on_paper(PANEL), on_screen(PANEL)
    printed = [np.array(band.get_paths()[0].vertices) for band in axes.collections]
    shown = [np.array(points(band)) for band in root.iter("polygon")]
    for arm, ink, light in zip(VALUES.values(), printed, shown, strict=True):
        assert (ink[:, 1].min(), ink[:, 1].max()) == pytest.approx((arm.min(), arm.max()))
        heights = [value(y) for y in light[:, 1]]
        assert heights[:4] == pytest.approx(arm.min(axis=0).tolist(), abs=0.05)
        assert heights[4:] == pytest.approx(arm.max(axis=0)[::-1].tolist(), abs=0.05)


def test_both_draw_the_limits_and_the_screen_names_them():
    axes, (root, value) = on_paper(PANEL), on_screen(PANEL)
    flat = {
        line.get_ydata()[0] for line in axes.lines if len(set(line.get_ydata())) == 1 and len(line.get_xdata()) == 2
    }
    assert flat == {10.0, 30.0}
    shown = [line for line in root.iter("line") if line.get("class") == "ta-limit"]
    assert [value(line.get("y1")) for line in shown] == pytest.approx([10.0, 30.0], abs=0.05)
    figures = [text.text for text in root.iter("text") if text.get("class") == "ta-limit-text"]
    assert figures == ["10", "30"]  # as whoever set them gives them


def test_both_draw_what_was_observed_with_its_label():
    axes, (root, value) = on_paper(PANEL), on_screen(PANEL)
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert [(line.get_xdata()[0], line.get_ydata()[0]) for line in diamonds] == [(7.0, 24.0)]
    assert "seen by others" in [text.get_text() for text in axes.texts]
    (mark,) = [path for path in root.iter("path") if path.get("class") == "ta-mark"]
    x, top = map(float, re.match(r"M([\d.]+) ([\d.]+)", mark.get("d")).groups())
    assert mark.find("title").text == "seen by others" and value(top + 4.0) == pytest.approx(24.0, abs=0.1)
    assert x == pytest.approx(screen.across(PANEL, screen.SMALL, 7.0), abs=0.06)


def test_both_know_the_unit_of_clinics():
    axes = on_paper(PANEL)
    assert [child.get_ylabel() for child in axes.child_axes] == ["ng/dL"]
    forward, back = axes.child_axes[0]._functions
    assert (forward(10.0), back(288.4)) == pytest.approx((288.4, 10.0))
    root, value = on_screen(PANEL.clinical())
    first = next(line for line in root.iter("polyline") if line.get("class") == "ta-line ta-c0")
    expected = 28.84 * VALUES["untreated"].mean(axis=0)
    assert [value(y) for _, y in points(first)] == pytest.approx(expected.tolist(), abs=2.0)
    assert "ng/dL" in root.get("aria-label") and "nmol/L" not in root.get("aria-label")


def test_an_axis_may_begin_above_zero_on_both():
    assert on_paper(PANEL).get_ylim()[0] == 0.0
    high = replace(PANEL, zero=False, reference=None, marks=())
    assert on_paper(high).get_ylim()[0] > 15.0
    for panel, lowest in ((PANEL, 0.0), (high, 15.0)):
        _, value = on_screen(panel)
        assert value(screen.SMALL.height - screen.SMALL.bottom) == pytest.approx(lowest, abs=1e-6), panel.zero


def test_days_before_treatment_are_shaded_up_to_day_0():
    root, _ = on_screen(replace(PANEL, days=(-21.0, 21.0)))
    (box,) = [box for box in root.iter("rect") if box.get("class") == "ta-before"]
    frame = screen.SMALL
    half = (frame.width - frame.left - frame.right) / 2.0
    of_box = [frame.left, half, frame.top, frame.height - frame.top - frame.bottom]
    assert [float(box.get(side)) for side in ("x", "width", "y", "height")] == of_box
    assert not list(on_screen(PANEL)[0].iter("rect"))


# ---- the description


@pytest.mark.parametrize(("limit", "said"), [(9.399999999, "9.4"), (16.0, "16"), (1043.0, "1,043"), (1.4, "1.4")])
def test_a_limit_has_the_figures_of_whoever_set_it(limit, said):
    assert as_published(limit) == said


def test_a_panel_in_words_says_where_each_arm_began_and_ended():
    assert screen.describe(PANEL) == (
        "Testosterone: untreated from 20.0 to 20.0 nmol/L on day 21, treated from 20.0 to 32.0 nmol/L on day 21; "
        "Somebody 2020 10 to 30 nmol/L"
    )
    empty = Panel("lh_iu_l", "LH", "IU/L", (Curve.of("treated", DAYS, np.full((1, 4), np.nan)),), (0.0, 21.0))
    assert screen.describe(empty) == "LH: nothing yet"


@pytest.mark.parametrize(
    ("low", "high", "said"), [(10.0, 30.0, "10 to 30"), (16.0, math.inf, "from 16"), (0.0, 9.4, "up to 9.4")]
)
def test_limits_of_one_side_say_which(low, high, said):
    panel = replace(PANEL, reference=Range(low, high, "", "Somebody 2020: men"), factor=1.0, clinical_unit="")
    assert screen.sources([panel]) == f"Reference limits: Testosterone {said} nmol/L (Somebody 2020)."
    assert screen.sources([replace(panel, reference=None)]) == ""


def test_a_panel_in_the_unit_of_clinics_scales_all_that_it_shows():
    clinical = PANEL.clinical()
    assert clinical.unit == "ng/dL" and clinical.factor == 1.0
    assert clinical.reference.limits == pytest.approx((288.4, 865.2))
    assert clinical.marks[0].value == pytest.approx(24.0 * 28.84) and clinical.marks[0].day == 7.0
    for curve, own in zip(clinical.curves, PANEL.curves, strict=True):
        for part in ("mean", "low", "high"):
            assert getattr(curve, part) == pytest.approx(28.84 * getattr(own, part))
        assert curve.x is own.x


def test_a_band_holds_all_of_few_and_most_of_many():
    assert (band(1), band(2), band(20)) == ("", "range of replicates", "central 95 % of replicates")
    many = np.arange(41.0)[:, None] * np.ones(3)
    curve = Curve.of("treated", DAYS[:3], many)
    assert curve.low == pytest.approx([1.0] * 3) and curve.high == pytest.approx([39.0] * 3)
    few = Curve.of("treated", DAYS[:3], many[:19])
    assert few.low.tolist() == [0.0] * 3 and few.high.tolist() == [18.0] * 3
    gap = Curve.of("treated", DAYS[:2], np.array([[1.0, np.nan], [3.0, np.nan]]))
    assert gap.mean[0] == 2.0 and np.isnan([gap.mean[1], gap.low[1], gap.high[1]]).all()
    single = Curve.of("treated", DAYS, VALUES["treated"][:1])
    assert single.low is None and single.high is None


# ---- other charts of the screen


def drawn(svg):
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def test_bars_of_treatment_stand_on_their_days():
    spans = [Span("anastrozole", "anastrozole 1 mg", 0.0, 50.0), Span("hcg", "hCG 5000 IU", 75.0, 75.0)]
    root = drawn(screen.timeline(spans, (-25.0, 75.0)))
    bars = [box for box in root.iter("rect") if box.get("class") == "ta-span"]
    # 712 units for 100 days, 4 in from the left.
    assert [float(bar.get("x")) for bar in bars] == pytest.approx([4 + 178.0, 716.0])
    assert [float(bar.get("width")) for bar in bars] == pytest.approx([356.0, 4.0])  # a single dose can be seen
    assert root.get("aria-label") == ("Treatment: anastrozole 1 mg from day 0 to 50; hCG 5000 IU from day 75 to 75")
    inside, before = (text for text in root.iter("text") if text.text in ("anastrozole 1 mg", "hCG 5000 IU"))
    # The name of a short bar at the end of the axis stands before it.
    assert inside.get("class") == "ta-span-text" and float(inside.get("x")) == pytest.approx(4 + 178.0 + 6.0)
    assert before.get("text-anchor") == "end" and float(before.get("x")) < 716.0
    late, *_ = drawn(screen.timeline([Span("hcg", "hCG", 0.0, 0.0)], (-25.0, 75.0))).iter("rect")
    assert late.get("class") == "ta-before" and float(late.get("width")) == pytest.approx(178.0)
    assert "no treatment" in screen.timeline([], (0.0, 9.0))


def test_a_heat_map_has_a_cell_for_each_value_with_its_number():
    values = np.array([[1.0, 2.0], [np.nan, 5.0]])
    chart = HeatMap("T", "nmol/L", values, ["24", "32"], ["low", "high"], ("BMI", "dose"), change=False)
    root = drawn(plots_screen.heat_map(chart))
    cells = {group.find("title").text: group for group in root.iter("g")}
    assert set(cells) == {
        "BMI: 24; dose: low: 1.00 nmol/L",
        "BMI: 32; dose: low: 2.00 nmol/L",
        "BMI: 32; dose: high: 5.00 nmol/L",
    }
    low, high = cells["BMI: 24; dose: low: 1.00 nmol/L"], cells["BMI: 32; dose: high: 5.00 nmol/L"]
    assert low.find("rect").get("fill") == "rgb(68,1,84)" and high.find("rect").get("fill") == "rgb(253,231,37)"
    assert low.find("text").get("fill") == "#fff" and high.find("text").get("fill") == "#000"
    assert float(high.find("rect").get("y")) < float(low.find("rect").get("y"))
    assert root.get("aria-label") == "T over BMI and dose: from 1.00 to 5.00 nmol/L"
    # The name of a column stands in its middle, and that of the axis in the middle of all.
    places = {text.text: float(text.get("x")) for text in root.iter("text")}
    for column, name in (("24", "1.00"), ("32", "2.00")):
        assert places[column] == pytest.approx(places[name], abs=1.0)
    assert places["BMI"] == pytest.approx((places["24"] + places["32"]) / 2.0)


def test_changes_are_coloured_about_zero():
    chart = HeatMap("T", "%", np.array([[-10.0, 0.0, 5.0]]), ["a", "b", "c"], ["d"], ("x", "y"), change=True)
    fills = [
        box.get("fill") for box in drawn(plots_screen.heat_map(chart)).iter("rect") if box.get("class") == "ta-cell"
    ]

    assert fills[:2] == ["rgb(140,81,10)", "rgb(246,241,230)"] and fills[2] == "rgb(90,180,172)"


def test_ticks_are_round_and_hold_the_range():
    assert screen.nice(0.0, 34.0, 4) == [0.0, 10.0, 20.0, 30.0, 40.0]
    assert screen.nice(17.0, 21.0, 4) == [17.0, 18.0, 19.0, 20.0, 21.0]
    assert screen.nice(-28.0, 180.0, 5, whole=True) == [0.0, 60.0, 120.0, 180.0]
    assert screen.nice(0.0, 10.0, 5, whole=True) == [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]
