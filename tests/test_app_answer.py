"""Charts that answer: what they say, save and draw is what the tables hold."""

from __future__ import annotations

import io
import math
import xml.etree.ElementTree as ElementTree

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as some
from small_page import SENT, SMALL, drawn

import testis_abm as ta
from testis_abm.app import cards, charts
from testis_abm.app.session import Session
from testis_abm.experiments.simulate import over_models, run
from testis_abm.pictures import courses, figure, screen
from testis_abm.pictures.chart import Curve, Panel, Span
from testis_abm.quantities import CONVENTIONAL, SI, in_units
from testis_abm.results.summary import summarise


@pytest.fixture(scope="module")
def lived():
    result = run(ta.load(SMALL), plausible=False)
    result.plausible = over_models(result.scenario)
    return result


@pytest.mark.parametrize("system, unit, factor", [(CONVENTIONAL, "ng/dL", 28.84), (SI, "nmol/L", 1.0)])
def test_the_csv_of_a_chart_equals_the_tables(lived, system, unit, factor):
    with in_units(system):
        panel = courses.outcome(courses.arms_of(lived), "testosterone_nmol_l").clinical()
        read = pd.read_csv(io.StringIO(charts.csv_of(panel)))
    assert list(read) == ["day", "arm", f"Testosterone, mean ({unit})", f"low ({unit})", f"high ({unit})"]
    by_day = lived.hormones.groupby(["arm", "day"])["testosterone_nmol_l"].agg(["mean", "min", "max"])
    for arm in lived.arms:
        rows = read[read["arm"] == arm].set_index("day")
        wanted = by_day.loc[arm]
        assert (rows.index == wanted.index).all()
        assert rows.iloc[:, 1:].to_numpy() == pytest.approx(wanted.to_numpy() * factor, rel=1e-3)


def test_a_name_in_a_csv_is_no_formula():
    panel = Panel("lh_iu_l", "LH", "IU/L", (Curve("=1+1", np.arange(2.0), np.ones(2)),), (0.0, 1.0))
    assert pd.read_csv(io.StringIO(charts.csv_of(panel)))["arm"].tolist() == ["'=1+1"] * 2


def test_what_is_pointed_at_is_what_the_chart_draws(lived):
    panel = courses.outcome(courses.arms_of(lived), "concentration_million_ml").clinical()
    said = charts.pointed(panel)
    for arm, curve in zip(said["arms"], panel.curves, strict=True):
        at = dict(zip(said["days"], arm["levels"], strict=True))
        assert [at[day] for day in curve.x] == pytest.approx(curve.mean.tolist(), rel=1e-4)
        assert all((level is None) == (not words) for level, words in zip(arm["levels"], arm["words"], strict=True))


@given(SENT, SENT)
def test_what_a_browser_may_send_of_a_chart_is_bounded(kind, sent):
    panel = Panel("lh_iu_l", "LH", "IU/L", (Curve("a", np.arange(2.0), np.ones(2)),), (0.0, 1.0))
    answers = []
    for asked in (sent, {"kind": kind, "n": sent}, {"kind": "figure", "n": 1, "width": sent}):
        charts._reply(Session(), panel, charts.About(), asked, answers.append)
    (answer,) = [of for of in answers if of["kind"] == "figure"]
    width = float(drawn(answer["svg"]).get("viewBox").split()[2])
    assert figure.NARROW <= width <= figure.WIDE
    assert figure.NARROW <= charts.stepped(sent) <= figure.WIDE


@given(some.lists(some.floats(0.0, 200.0), min_size=2, max_size=400), some.booleans())
def test_a_line_with_fewer_places_looks_the_same(levels, backwards):
    x, y = np.linspace(0.0, 280.0, len(levels)), np.array(levels)
    if backwards:
        x, y = x[::-1], y[::-1]
    kept_x, kept_y = screen.simpler(x, y)
    order = np.argsort(kept_x)
    assert np.abs(np.interp(x, kept_x[order], kept_y[order]) - y).max() <= 0.2 + 1e-9
    assert {*kept_x} <= {*x} and len(kept_x) <= len(x)


@pytest.mark.parametrize("width", [320, 560, 1280])
def test_a_figure_keeps_its_text_within_and_names_apart(lived, width):
    spans = [Span("x", "A drug with a very long name indeed, 100 mg daily", 25.0, 30.0)] * 9
    panel = courses.outcome(courses.arms_of(lived), "concentration_million_ml").clinical()
    root = drawn(figure.figure(panel, width, spans, "Title", ["A note that is long. " * 20]))
    _, _, wide, high = map(float, root.get("viewBox").split())
    assert wide == width
    ends = []
    for text in root.iter("{http://www.w3.org/2000/svg}text"):
        x, y = float(text.get("x")), float(text.get("y"))
        assert 0 <= x <= wide and 0 <= y <= high
        ends += [y] if text.get("class").startswith("ta-end") else []
    assert len(ends) == 2 and abs(ends[0] - ends[1]) >= 14.9
    whole = "".join(ElementTree.tostring(root, "unicode", "text"))
    assert "lower limit 16" in whole and "(and 4 more)" in whole


def test_intervals_over_models_stand_at_the_last_treated_day(lived):
    panel = courses.outcome(courses.arms_of(lived), "testosterone_nmol_l").clinical()
    (treated,) = [whisker for whisker in panel.whiskers if whisker.curve == 1]
    rows = lived.plausible[(lived.plausible["question"] == "") & (lived.plausible["column"] == "testosterone_nmol_l")]
    row = rows[rows["arm"] == "treated"].iloc[0]
    assert treated.day == 30.0
    assert (treated.low, treated.high) == pytest.approx((row["level_low"] * 28.84, row["level_high"] * 28.84), rel=1e-3)


def test_every_outcome_of_the_list_has_a_chart(lived):
    arms = courses.arms_of(lived)
    for column, title in courses.outcomes().items():
        panel = courses.outcome(arms, column).clinical()
        assert panel.label == title and "nan" not in figure.figure(panel, 400), column


def test_a_card_shows_the_interval_that_says_most(lived):
    shown = ElementTree.fromstring(f"<div>{cards.shown(lived, summarise(lived))}</div>")
    card = next(of for of in shown if of.get("data-name") == "testosterone_ng_dl")
    said = "".join(card.itertext())
    row = summarise(lived).loc["testosterone_ng_dl"]
    assert f"plausible: +{row['plausible_low_pct']:.0f} to +{row['plausible_high_pct']:.0f} %" in said
    assert "▲" in said and len(shown) == 10
    models, lived.plausible = lived.plausible, None
    try:
        summary = summarise(lived)
        summary.loc["expected_concentration_million_ml", ["low_pct", "high_pct"]] = -5.0, 20.0
        said = "".join(ElementTree.fromstring(f"<div>{cards.shown(lived, summary)}</div>").itertext())
    finally:
        lived.plausible = models
    assert "plausible" not in said and "this one man" in said and "replicates, 95 %: -5.0 to +20.0 %" in said
    assert math.isfinite(row["change_pct"])
