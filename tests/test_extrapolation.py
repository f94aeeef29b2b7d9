"""What lies beyond the evidence is marked in every output: a dose above the largest studied, drugs never given together."""

from __future__ import annotations

import itertools
import warnings

import pytest

from testis_abm import parameters
from testis_abm.experiments.compare import prepare as arms_of
from testis_abm.experiments.sweep import prepare as sweep_of
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.scenario import extrapolated, marked
from testis_abm.support.errors import Note, ScenarioError

PLAN = {"duration": "28 days"}


def scenario(*therapies: tuple[str, float], **more: object) -> Scenario:
    known = parameters.drugs()
    given = [{"drug": drug, "dose": f"{dose:g} {known[drug].dose_unit}", "every": "7 days"} for drug, dose in therapies]
    return Scenario(title="x", plan=PLAN, therapy=given, **more)


@pytest.mark.parametrize("drug", parameters.drugs())
def test_a_dose_is_beyond_the_evidence_above_the_largest_and_a_slip_above_ten_times_that(drug):
    largest = parameters.drugs()[drug].largest_dose
    assert not list(extrapolated(scenario((drug, largest))))
    (note,) = extrapolated(scenario((drug, 1.01 * largest)))
    assert note.startswith("extrapolation: ") and drug in note and "largest dose" in note
    with pytest.raises(ScenarioError, match="is too much"):
        scenario((drug, 10.1 * largest))


def test_a_pair_is_known_whichever_of_the_two_says_so_and_noted_otherwise():
    known = parameters.drugs()
    for one, other in itertools.combinations(known, 2):
        told = {one, known[one].action} & set(known[other].studied_with)
        told |= {other, known[other].action} & set(known[one].studied_with)
        hormone = known[one].action == known[other].action == "testosterone"
        assert known[one].known_with(known[other]) == known[other].known_with(known[one]) == bool(told or hormone)
    assert not list(extrapolated(scenario(("testosterone_gel", 50), ("nestorone_gel", 8))))
    (note,) = extrapolated(scenario(("finasteride", 5), ("methadone", 20)))
    assert "finasteride with methadone" in note


def test_a_past_dose_counts_and_drugs_that_do_not_meet_do_not():
    (note,) = extrapolated(scenario(man={"history": "testosterone_enanthate 2000 mg every 7 days for 8 weeks"}))
    assert "2000 mg" in note
    apart = Scenario(
        title="x",
        plan={"duration": "365 days"},
        therapy=[
            {"drug": "morphine", "dose": "20 mg", "every": "1 day", "until": "day 10"},
            {"drug": "finasteride", "dose": "5 mg", "every": "1 day", "from": "day 200"},
        ],
    )
    assert not list(extrapolated(apart))


def test_titles_of_outputs_are_marked_and_the_scenario_itself_is_as_written():
    usual, beyond = scenario(("finasteride", 5)), scenario(("finasteride", 30))
    assert (usual.heading, beyond.heading) == ("x", "x [extrapolation]")
    assert marked("all", usual) == "all" and marked("all", usual, beyond) == "all [extrapolation]"
    assert beyond.title == "x" and load(beyond.as_dict()).title == "x"


def test_experiments_are_marked_if_one_arm_or_end_of_an_axis_is_beyond():
    arms = {"control": scenario(), "beyond": scenario(("finasteride", 30))}
    assert arms_of(arms).about()["title"].endswith("[extrapolation]")
    assert "extrapolation" not in arms_of({**arms, "beyond": scenario(("finasteride", 5))}).about()["title"]
    swept = {**scenario(("finasteride", 5)).as_dict(), "sweep": {"over": {"therapy.1.dose": ["1 mg", "30 mg"]}}}
    assert sweep_of(swept).about()["title"] == "x [extrapolation]"


def test_a_reader_is_told_when_the_scenario_is_read():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        load(scenario(("finasteride", 30)).as_dict())
    assert [str(note.message) for note in caught if issubclass(note.category, Note)] == list(
        extrapolated(scenario(("finasteride", 30)))
    )
