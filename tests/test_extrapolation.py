"""What lies beyond the evidence is marked in every output: a dose above the largest studied, drugs never given together."""

from __future__ import annotations

import itertools
import json
import warnings

import pytest

from testis_abm import parameters
from testis_abm.experiments.compare import prepare as arms_of
from testis_abm.experiments.sweep import prepare as sweep_of
from testis_abm.scenario import Scenario, load
from testis_abm.scenario.scenario import extrapolated, marked
from testis_abm.studies import Study, report
from testis_abm.studies.ensemble import best
from testis_abm.studies.replay import replay
from testis_abm.support.errors import Note, ScenarioError

PLAN = {"duration": "28 days"}


def given(drug: str, dose: float, days: float = 0.0, **more: object) -> dict[str, object]:
    """Return a therapy, every so many days (0: as is customary)."""
    row = parameters.drugs()[drug]
    return {
        "drug": drug,
        "dose": f"{dose:g} {row.dose_unit}",
        "every": f"{24.0 * (days or row.interval_days):.9g} hours",
    } | more


def scenario(*therapies: tuple[object, ...], **more: object) -> Scenario:
    return Scenario(title="x", plan=PLAN, therapy=[given(*of) for of in therapies], **more)


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


RATE = "shortest customary interval, is above the largest dose"


@pytest.mark.parametrize("drug", parameters.drugs())
def test_a_dose_that_is_known_is_beyond_the_evidence_when_it_is_given_more_often_than_is_customary(drug):
    row = parameters.drugs()[drug]
    assert row.interval_days > 0.0
    often = max(1.0 / 24.0, row.interval_days / 5.0)
    times = row.interval_days / often
    (note,) = extrapolated(scenario((drug, row.largest_dose, often)))
    assert RATE in note and note.startswith(f"extrapolation: {drug} ")
    assert not list(extrapolated(scenario((drug, row.largest_dose / times, often))))


def test_doses_of_one_drug_add_up_and_those_that_take_the_place_of_others_do_not():
    half = given("anastrozole", 12)
    for therapies, beyond in (
        ([half], False),
        ([half, half], True),
        ([half, {**half, "from": "day 10"}], True),
        ([{**half, "until": "day 10"}, {**half, "from": "day 10"}], False),
        ([half, {**half, "from": "day 10", "when": "LH > 1 IU/L"}], False),
        ([half, {**half, "from": "day 10", "when": "LH > 1 IU/L", "adds": True}], True),
    ):
        notes = list(extrapolated(Scenario(title="x", plan=PLAN, therapy=therapies)))
        assert bool(notes) == beyond and all(RATE in note for note in notes), therapies


def test_the_past_counts_by_dose_by_rate_and_by_what_was_given_together():
    def notes(*past: str) -> list[str]:
        return list(extrapolated(scenario(man={"history": list(past)})))

    assert not notes("anastrozole 20 mg every 1 day for 8 weeks")
    assert RATE in notes("anastrozole 20 mg every 5 hours for 8 weeks")[0]
    assert "largest dose" in notes("anastrozole 30 mg every 1 day for 8 weeks")[0]
    morphine, finasteride = ("morphine 20 mg every 1 day for 8 weeks", "finasteride 5 mg every 1 day for 4 weeks")
    assert "finasteride with morphine" in notes(morphine, finasteride)[0]
    assert not notes(f"{morphine}, ended 4 weeks before", finasteride)
    assert (
        scenario(man={"history": morphine.replace("20 mg every 1 day", "60 mg every 1 hour")}).heading
        == "x [extrapolation]"
    )


@pytest.mark.parametrize(("kind", "key"), parameters.insults())
def test_an_insult_is_beyond_the_evidence_above_the_largest_and_refused_above_ten_times_that(kind, key):
    row = parameters.insults()[kind, key]
    unit = {"dose": " Gy", "degrees": " C"}.get(key, "")
    more = {"heat": {"days": "2 days"}}.get(kind, {})

    def hurt(*amounts: float, **other: object) -> Scenario:
        insults = [
            {"kind": kind, "day": 3 * k, key: f"{x:g}{unit}" if unit else x, **more, **other}
            for k, x in enumerate(amounts)
        ]
        return Scenario(title="x", plan=PLAN, tissue={"tubules": 2}, insult=insults)

    assert not list(extrapolated(hurt(row.largest)))
    (note,) = extrapolated(hurt(1.01 * row.largest))
    assert kind in note and f"{row.largest:g} {row.unit}" in note
    assert hurt(1.01 * row.largest).heading == "x [extrapolation]"
    assert bool(list(extrapolated(hurt(0.6 * row.largest, 0.6 * row.largest)))) == row.adds
    with pytest.raises(ScenarioError, match="is out of range; allowed: above 0 to"):
        hurt(1.01 * row.most)


def test_what_two_testes_are_given_does_not_add_up_nor_does_the_past_go_unmarked():
    sides = [{"kind": "irradiation", "dose": "4 Gy", "side": side, "day": -1} for side in ("left", "right")]
    plan = {**PLAN, "baseline": "7 days"}
    assert not list(extrapolated(Scenario(plan=plan, tissue={"tubules": 2}, insult=sides)))
    both = [*sides, {"kind": "irradiation", "dose": "4 Gy", "day": 2}]
    (note,) = extrapolated(Scenario(plan=plan, tissue={"tubules": 2}, insult=both))
    assert "irradiation with dose 8 Gy" in note


def study(**arm: object) -> Study:
    return Study(
        name="small",
        title="x",
        citation="Smith 2000",
        n=12,
        duration="20 days",
        population="healthy",
        arm=[{"name": "none", "therapy": []}, {"name": "given", "therapy": [], **arm}],
        observed=[
            {"arm": name, "variable": "testosterone", "as": "change", "day": 15, "value": 1}
            for name in ("none", "given")
        ],
    )


@pytest.mark.parametrize(
    "arm",
    [
        {"therapy": [given("finasteride", 30)]},
        {"therapy": [given("finasteride", 20, 0.2)]},
        {"insult": [{"kind": "irradiation", "dose": "20 Gy"}]},
    ],
)
def test_a_replay_carries_the_mark_into_text_table_store_and_picture(arm, tmp_path, monkeypatch):
    table = replay(study(**arm), best(), sets=1, men=12, repeats=20)
    assert list(table["extrapolation"] != "") == [False, True]
    text = report.text(table)
    assert text.startswith("small [extrapolation]: Smith 2000") and "Note: extrapolation: " in text
    report.save(table, tmp_path / "kept")
    kept = json.loads((tmp_path / "kept" / "studies.json").read_text(encoding="utf-8"))
    assert [bool(row["extrapolation"]) for row in kept["rows"]] == [False, True]
    pytest.importorskip("matplotlib")
    from testis_abm.pictures import experiments

    drawn = []
    monkeypatch.setattr(experiments, "write_figure", lambda figure, *_: drawn.append(figure) or [])
    experiments.forest(table, tmp_path)
    (axes,) = drawn[0].axes
    assert [label.get_text().endswith("[extrapolation]") for label in axes.get_yticklabels()] == [False, True]


def test_a_replay_within_the_evidence_has_no_mark():
    table = replay(study(therapy=[given("finasteride", 5)]), best(), sets=1, men=12, repeats=20)
    assert "extrapolation" not in report.text(table)
