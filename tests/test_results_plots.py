"""The figures: every kind of run can be drawn, axes carry units, and what is drawn is what the run holds."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_results_synthetic import make, scenario, section, short, suppression

from testis_abm import RunResult
from testis_abm.pictures import paper, style
from testis_abm.pictures.chart import Curve, Span, band
from testis_abm.pictures.data import PlotData
from testis_abm.pictures.packing import Crowd, spread
from testis_abm.pictures.reference import reference_ranges
from testis_abm.pictures.view import View


@pytest.fixture(scope="module")
def result() -> RunResult:
    return make()


@pytest.fixture(scope="module")
def figures(result) -> dict[str, Any]:
    return result.plot()


def without_sperm() -> RunResult:
    made = make(short())
    semen = {name: 0.0 for name in made.semen if "concentration" in name or "count" in name or "pct" in name}
    cells = dict.fromkeys(list(made.tissue)[3:15], 0) | {"apoptosis": 0, "sperm_released": 0}
    tables = made.tables | {"semen": made.semen.assign(**semen), "tissue": made.tissue.assign(**cells)}
    sections = {
        arm: of | {name: np.empty(0) for name in of if name.startswith("germ_")} for arm, of in made.sections.items()
    }
    return RunResult(scenario=made.scenario, tables=tables, sections=sections)


def one_tubule() -> RunResult:
    made = make(short())
    for arm, of in made.sections.items():
        height = 2 * 192.0
        near = np.hypot(of["germ_x"] - of["tubule_x"][0], of["germ_y"] - of["tubule_y"][0]) < 97.0
        kept = {name: of[name][near] for name in of if name.startswith("germ_")}
        first = {name: of[name][:1] for name in of if name.startswith(("tubule_", "wall_"))}
        made.sections[arm] = of | kept | first | {"extent": np.array([221.655, height])}
    return made


def without_semen() -> RunResult:
    made = make(short(), sections=False)
    tables = {name: table for name, table in made.tables.items() if name != "semen"}
    return RunResult(scenario=made.scenario, tables=tables)


@pytest.mark.parametrize(
    ("made", "names"),
    [
        pytest.param(lambda: make(scenario(therapy=[], observed=[])), 6, marks=pytest.mark.slow),
        pytest.param(lambda: make(suppression(), effect=-2.5), 6, marks=pytest.mark.slow),
        (without_sperm, 6),
        (one_tubule, 6),
        (without_semen, 3),
        pytest.param(lambda: make(short()).treated(), 6, marks=pytest.mark.slow),
    ],
    ids=["untreated", "suppression", "no sperm", "one tubule", "no semen", "treated only"],
)
def test_every_kind_of_run_can_be_drawn(made, names):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figures = made().plot()
        for figure in figures.values():
            figure.set_dpi(40)  # what is drawn and where, not how finely
            figure.canvas.draw()
    assert len(figures) == names


def test_bands_show_extremes_of_few_and_quantiles_of_many():
    values = np.arange(40.0).reshape(40, 1)
    few = Curve.of("treated", np.zeros(1), values[:8])
    assert (few.low, few.mean, few.high) == (0.0, 3.5, 7.0)
    many = Curve.of("treated", np.zeros(1), values)
    assert many.low is not None
    assert 0.0 < many.low[0] < 2.0
    assert Curve.of("treated", np.zeros(1), values[:1]).low is None
    assert (band(1), band(8), band(40)) == ("", "range of replicates", "central 95 % of replicates")


def test_lines_are_means_over_replicates(result, figures):
    panel = figures["hormones"].axes[0]
    table = result.hormones[result.hormones["arm"] == "treated"]
    mean = table.groupby("day")["testosterone_nmol_l"].mean()
    line = next(line for line in panel.lines if line.get_color() == style.COLOUR["treated"])
    np.testing.assert_allclose(line.get_ydata(), mean)
    np.testing.assert_array_equal(line.get_xdata(), mean.index)


def test_every_axis_has_a_unit(figures):
    labels = {name: [axes.get_ylabel() for axes in figure.axes] for name, figure in figures.items()}
    assert labels["hormones"] == [
        "Testosterone\n(nmol/L)",
        "LH\n(IU/L)",
        "Serum E2 (immunoassay)\n(pmol/L)",
        "FSH\n(IU/L)",
        "Serum E2 (LC-MS/MS)\n(pmol/L)",
        "Inhibin B\n(pg/mL)",
        "T/E2 (immunoassay)\n(ng/dL per pg/mL)",
        "T/E2 (LC-MS/MS)\n(ng/dL per pg/mL)",
    ]
    assert all("(" in label for label in labels["semen"] + labels["intratesticular"])
    assert labels["tubules"][-2] == "Testosterone (nmol/L)"
    for name in ("hormones", "semen", "tissue", "intratesticular"):
        assert figures[name].axes[-1].get_xlabel() == "Day"


def test_the_right_axis_is_conventional(figures):
    panel = figures["hormones"].axes[0]
    figures["hormones"].canvas.draw()
    right = panel.child_axes[0]
    assert right.get_ylabel() == "ng/dL"
    np.testing.assert_allclose(right.get_ylim(), np.array(panel.get_ylim()) * 28.84)
    figures["intratesticular"].canvas.draw()
    inside = figures["intratesticular"].axes[1].child_axes[0]
    np.testing.assert_allclose(inside.get_ylim(), np.array(figures["intratesticular"].axes[1].get_ylim()) / 3.67)


def test_observed_values_are_drawn_where_they_belong(figures):
    panel = figures["hormones"].axes[0]
    mark = next(line for line in panel.lines if line.get_marker() == "D")
    assert mark.get_xdata() == [90.0]
    assert mark.get_ydata()[0] == pytest.approx(480.4 / 28.84)
    assert "Shah 2021" in [text.get_text() for text in panel.texts]


def test_treatment_is_named_and_spans_its_days(result, figures):
    panel = figures["hormones"].axes[0]
    assert "Anastrozole 1 mg daily" in [text.get_text() for text in panel.texts]
    assert PlotData.of(result).spans == (Span("anastrozole", "Anastrozole 1 mg daily", 0.0, 150.0),)
    # The composition of the untreated arm shows no treatment.
    assert figures["tissue"].axes[0].texts[0].get_text() == "untreated"
    assert "Anastrozole 1 mg daily" not in [text.get_text() for text in figures["tissue"].axes[0].texts]


def test_types_of_germ_cells_are_named_as_on_the_slide(figures):
    names = [label.get_text() for label in figures["tissue"].axes[2].get_yticklabels()]
    assert names[:4] == ["A dark", "A pale", "B", "preleptotene"] and names[-2:] == ["elongating", "elongated"]


def test_a_single_dose_is_a_line_not_a_span():
    once = make(scenario(therapy=[{"drug": "anastrozole", "dose": "1 mg"}], observed=[]), sections=False)
    span = PlotData.of(once).spans[0]
    assert (span.label, span.start, span.end) == ("Anastrozole 1 mg once", 0.0, 0.0)


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 200)), max_size=12), st.floats(2.0, 6.0))
def test_therapies_of_one_row_do_not_cover_one_another(days, inches):
    """Neither their bars nor their names, which end with the axis."""
    axis = (-28.0, 500.0)
    spans = [Span("drug", f"drug {start} mg", float(start), float(start + length)) for start, length in days]
    rows = paper.lanes(spans, axis, inches)
    assert sorted(map(id, (span for row in rows for span in row))) == sorted(map(id, spans))
    for row in rows:
        for one, next_one in itertools.pairwise(row):
            assert max(one.end, paper.name_days(one, axis, inches)[1]) <= min(
                next_one.start, paper.name_days(next_one, axis, inches)[0]
            )


def test_the_name_of_a_late_therapy_ends_with_the_axis():
    start, end = paper.name_days(Span("hcg", "Human chorionic gonadotrophin 1500 IU", 110.0, 120.0), (0.0, 120.0), 2.8)
    assert start < 110.0 and end <= 120.0 + 1e-9


def test_who_limits_are_those_of_the_2021_manual(figures):
    limits = {
        "concentration_million_ml": 16.0,
        "total_count_million": 39.0,
        "volume_ml": 1.4,
        "progressive_motility_pct": 30.0,
        "normal_forms_pct": 4.0,
    }
    assert {name: reference_ranges()[name].low for name in limits} == limits
    drawn = [text.get_text() for axes in figures["semen"].axes for text in axes.texts]
    assert sum(text.startswith("WHO 2021") for text in drawn) == 5


def test_only_what_a_figure_needs_travels(result):
    data = PlotData.of(result)
    assert set(data.only("intratesticular").panels) == {"intratesticular"}
    assert data.only("hormones").sections == {}
    assert data.only("tubules").panels == {}


# ---- the section


@settings(deadline=None, max_examples=25)
@given(st.integers(-5, 5), st.integers(-5, 5), st.floats(0.0, 40.0))
def test_a_window_shows_each_repeat_of_a_periodic_tissue(right, up, margin):
    base = section("untreated")
    view = View.of(base, 2.08)
    x, y = base["germ_x"], base["germ_y"]
    place, index = view.tile(x, y, margin)
    width, height = view.period
    off = (place - np.stack([x[index], y[index]], axis=-1)) / [width, height]
    np.testing.assert_allclose(off, np.round(off), atol=1e-9)
    # Cells may be given in any repeat of the patch.
    moved, _ = view.tile(x + right * width, y + up * height, margin)
    np.testing.assert_allclose(ordered(place), ordered(moved), atol=1e-6)
    beyond = np.abs(place - [view.left + view.width / 2, view.bottom + view.height / 2])
    assert (beyond <= [view.width / 2 + margin, view.height / 2 + margin]).all()
    # As many as the window, widened by the margin, has room for.
    density = len(x) / (width * height)
    area = (view.width + 2 * margin) * (view.height + 2 * margin)
    assert len(place) == pytest.approx(density * area, rel=0.1)


def ordered(place: np.ndarray) -> np.ndarray:
    return place[np.lexsort(np.round(place, 5).T)]


def test_a_window_wider_than_the_tissue_shows_it_more_than_once():
    view = View(0.0, 0.0, 25.0, 10.0, (10.0, 10.0))
    place, index = view.tile(np.array([1.0]), np.array([1.0]), 0.0)
    assert sorted(place[:, 0]) == [1.0, 11.0, 21.0]
    assert list(index) == [0, 0, 0]


def crowd(n: int = 60) -> Crowd:
    rng = np.random.default_rng(2)
    angle = rng.uniform(0, 2 * np.pi, n)
    return Crowd(
        80.0 * np.stack([np.cos(angle), np.sin(angle)], axis=-1) + rng.normal(0, 1, (n, 2)),
        radius=np.full(n, 4.0),
        group=np.zeros(n),
        fixed=np.arange(n) < 5,
        centre=np.zeros((n, 2)),
        nearest=np.full(n, 34.0),
        furthest=np.full(n, 97.0),
    )


def overlap(place: np.ndarray, radius: np.ndarray) -> float:
    """Return the mean depth to which cells overlap, um."""
    gap = np.hypot(*(place[:, None] - place[None]).T)
    deep = np.clip(radius[:, None] + radius - gap, 0, None)
    return float(np.triu(deep, 1).sum() / len(place))


def test_crowded_nuclei_make_room():
    cells = crowd()
    moved = spread(cells, 30)
    assert overlap(moved, cells.radius) < 0.1 * overlap(cells.to, cells.radius)
    distance = np.hypot(*moved.T)
    free = ~cells.fixed
    assert (distance[free] >= 34.0 - 1e-9).all()
    assert (distance[free] <= 93.0 + 1e-9).all()
    np.testing.assert_array_equal(moved[cells.fixed], cells.to[cells.fixed])


def test_cells_with_room_stay_where_they_are():
    cells = crowd(4)._replace(to=np.array([[60.0, 0.0], [-60.0, 0.0], [0.0, 60.0], [0.0, -60.0]]))
    np.testing.assert_allclose(spread(cells, 30), cells.to)


def test_cells_of_different_tubules_do_not_push():
    cells = crowd()._replace(fixed=np.zeros(60, dtype=bool), group=np.arange(60))
    np.testing.assert_allclose(spread(cells, 30), cells.to)


def test_nobody_needs_no_room():
    assert spread(Crowd(*(column[:0] for column in crowd())), 30).shape == (0, 2)
