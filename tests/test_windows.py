"""Which days tell what a treatment did, worked by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from test_results_synthetic import make, scenario, short

from testis_abm import load
from testis_abm.results import treatment
from testis_abm.results.treatment import Treatment

WEEKLY = pd.DataFrame({"day": [0, 7, 14, 21, 28, 35], "level": [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]})


def plan(*therapy, days=180, **sections):
    case = {"title": "days", "plan": {"baseline": "28 days", "duration": f"{days} days"}, "therapy": list(therapy)}
    return load(case | sections)


def pill(**keys):
    return {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"} | keys


@pytest.mark.parametrize(
    ("start", "end", "window", "morning"),
    [
        (0.0, 90.0, (63.0, 90.0), 90),
        (0.0, 28.0, (1.0, 28.0), 28),
        (0.0, 10.0, (1.0, 10.0), 10),
        (80.0, 90.0, (81.0, 90.0), 90),
        (0.0, 0.3, (1.0, 0.3), 1),
        (0.0, 90.6, (63.6, 90.6), 91),
    ],
)
def test_hormones_are_averaged_over_the_last_28_mornings_of_treatment(start, end, window, morning):
    found = Treatment(start, end, stops_early=False)
    assert found.window == pytest.approx(window) and found.morning == morning


@pytest.mark.parametrize(("end", "window"), [(90.0, (63.0, 90.0)), (28.0, (1.0, 28.0)), (5.0, (1.0, 5.0))])
def test_a_level_of_a_morning_averages_28_from_day_1_on(end, window):
    assert treatment.last_window(end) == window


def test_treatment_runs_from_the_first_dose_to_the_end_of_the_last_therapy():
    two = plan(pill(until="day 60"), pill(drug="hcg", dose="1500 IU", **{"from": "day 30", "until": "day 90"}))
    assert Treatment.planned(two, 180.0) == Treatment(0.0, 90.0, stops_early=True)
    assert Treatment.planned(plan(pill(**{"from": "day 20"})), 180.0) == Treatment(20.0, 180.0, stops_early=False)
    # A run cut short ends its treatment.
    assert Treatment.planned(two, 70.0) == Treatment(0.0, 70.0, stops_early=False)
    # A weight that was lost is held to the end.
    lighter = plan(pill(until="day 60"), weight=[{"bmi": 23, "from": "day 10", "until": "day 40"}])
    assert Treatment.planned(lighter, 180.0) == Treatment(0.0, 180.0, stops_early=False)


def test_a_run_has_a_treatment_if_one_arm_is_treated_beside_one_that_is_not():
    both = make(short(), sections=False)
    last = float(both.hormones["day"].max())
    assert Treatment.of(both) == Treatment.planned(both.scenario, last)
    assert Treatment.of(both.treated()) is None
    assert Treatment.of(make(scenario(therapy=[], observed=[]), sections=False)) is None


def test_the_words_of_a_window_are_its_days():
    assert treatment.basis(63.0, 90.0).startswith("Hormones: means of days 63 to 90; semen")
    assert treatment.basis(63.0, 90.0).endswith("expected on the morning of day 90, no counting error.")
    assert treatment.basis(63.0, 90.0, sampled=True).endswith(
        "day 90; samples add variation within the man, assay and counting error."
    )
    assert treatment.basis(1.0, 1.0).startswith("Hormones: means of day 1;")


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [(7, 21, [7, 14, 21]), (8, 20, [14]), (8, 13, [14]), (8, 10, [7]), (50, 60, [35]), (-20, -10, [0]), (35, 35, [35])],
)
def test_rows_of_a_window_or_else_of_the_day_nearest_to_its_end(first, last, days):
    assert treatment.within(WEEKLY, first, last)["day"].tolist() == days


def test_a_window_of_an_empty_table_is_empty():
    assert treatment.within(WEEKLY.iloc[:0], 0, 9).empty


def test_semen_closes_with_its_last_sample_and_hormones_with_the_whole_window():
    assert treatment.closing(WEEKLY, "hormones", (7.0, 28.0))["day"].tolist() == [7, 14, 21, 28]
    for last, day in ((28.0, 28), (30.0, 28), (34.9, 28), (99.0, 35), (-3.0, 0)):
        assert treatment.closing(WEEKLY, "semen", (7.0, last))["day"].tolist() == [day], last
    twice = pd.concat([WEEKLY, WEEKLY])  # replicates
    assert treatment.closing(twice, "tissue", (7.0, 30.0))["level"].tolist() == [5.0, 5.0]
    empty = treatment.closing(WEEKLY.iloc[:0], "semen", (7.0, 30.0))
    assert empty.empty and np.array_equal(empty.columns, WEEKLY.columns)
