"""The form of the app as a draft: what it holds, explains and leaves alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as some
from small_page import SCENARIOS, SENT
from whole_scenario import FULL, WHOLE, leaves

import testis_abm as ta
from testis_abm import TestisError, parameters
from testis_abm.app import draft, fields, listed
from testis_abm.app.sliders import LESIONS, OTHERS, SLIDERS
from testis_abm.parameters.tables import KINDS as TABLES
from testis_abm.pictures import courses
from testis_abm.scenario import Clamp, Insult, Observed, Partner, Plan, Samples, Therapy, Tissue, Weight
from testis_abm.scenario.insult import KEYS, KINDS, key_of, keys_of


def with_duration(now, text):
    return draft.with_cell(now, "plan", "duration", text)


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_a_draft_says_what_its_scenario_says(path):
    scenario = ta.load(path)
    assert draft.understood(draft.of(scenario)).scenario == scenario
    assert ta.load(draft.short(scenario)) == scenario


def test_the_first_draft_can_be_run():
    said = draft.understood(draft.start())
    assert said.scenario is not None and not said.problems
    assert said.scenario.plan.duration_days == 270 and not said.scenario.treated


@pytest.mark.parametrize("name", list(parameters.drugs()))
def test_every_drug_can_be_added_as_it_is_usually_given(name):
    said = draft.understood(draft.with_therapy(draft.start(), name))
    assert not said.problems, said.lines
    assert said.scenario.therapy[0].drug == name and said.scenario.treated


@pytest.mark.parametrize("name", list(parameters.presets()))
def test_another_man_keeps_the_treatment(name):
    before = draft.with_therapy(draft.start(), "anastrozole")
    after = draft.with_preset(before, name)
    assert after["therapy"] == before["therapy"] and after["title"] == parameters.presets()[name].title
    assert draft.understood(after).scenario.man.preset == name


def test_changes_leave_the_draft_alone():
    before = draft.with_therapy(draft.start(), "anastrozole")
    kept = json.dumps(before)
    draft.with_cell(before, "therapy", 0, "dose", "2 mg")
    draft.with_slider(before, SLIDERS[0], 30.0)
    with_duration(before, "20")
    draft.without(before, ("therapy", 0))
    draft.with_weight(before)
    draft.with_preset(before, "klinefelter")
    assert json.dumps(before) == kept


@pytest.mark.parametrize("slider", SLIDERS, ids=lambda of: of.field)
def test_a_slider_shows_what_was_set_and_its_ends_are_allowed(slider):
    for value in (slider.low, slider.high, (slider.low + slider.high) / 2.0):
        changed = draft.with_slider(draft.start(), slider, value)
        assert slider.shown(changed) == pytest.approx(value)
        assert draft.understood(changed).scenario is not None
    assert (slider.clamp(-1e9), slider.clamp(1e9)) == (slider.low, slider.high)


@given(SENT)
def test_whatever_a_slider_is_sent_is_taken_or_explained(value):
    for slider in (SLIDERS[0], SLIDERS[3]):
        said = draft.understood(draft.with_slider(draft.start(), slider, value))
        assert said.scenario is not None or said.at("man", slider.field)
        assert slider.low <= slider.clamp(value) <= slider.high


@checked(deadline=None)
@given(some.sampled_from(["dose", "every", "from", "until", "when", "drug"]), some.text(max_size=30))
def test_whatever_is_typed_into_a_therapy_is_taken_or_explained(key, text):
    said = draft.understood(draft.with_cell(draft.with_therapy(draft.start(), "anastrozole"), "therapy", 0, key, text))
    assert said.scenario is not None or said.lines


@checked(deadline=None)
@given(some.text(max_size=30))
def test_whatever_is_typed_as_duration_is_taken_or_explained(text):
    said = draft.understood(with_duration(draft.start(), text))
    assert said.scenario is not None or said.lines


@pytest.mark.parametrize(
    "scenario", [*SCENARIOS, WHOLE, FULL], ids=lambda of: getattr(of, "stem", "full" if of is FULL else "whole")
)
def test_all_of_a_scenario_is_a_field_or_is_listed_and_can_be_removed(scenario):
    now = draft.of(ta.load(scenario))
    listed_at = {extra.path for extra in listed.extras(now)}
    for path, _ in leaves(now):
        assert (fields.at(path) is None) == (path in listed_at), path
        assert fields.group_of(path) in fields.GROUPS
    for extra in listed.extras(now):
        assert len(extra.text) > 10
    bare = listed.without_extras(now)
    assert not listed.extras(bare)
    said = draft.understood(bare)
    assert said.scenario is not None or all(
        problem.path[0] in ("insult", "man", "therapy") for problem in said.problems
    )


def test_what_has_no_field_is_listed_and_removed():
    now = draft.of(ta.load(FULL))
    assert [extra.path for extra in listed.extras(now)] == [
        ("drug", "slowazole"),
        ("preset", "heavier"),
        ("injury", "folfox"),
    ]
    odd = {**now, "shoe": {"size": 44}, "therapy": [{**now["therapy"][0], "colour": "blue"}]}
    assert {("shoe", "size"), ("therapy", 0, "colour")} <= {extra.path for extra in listed.extras(odd)}
    assert "colour" not in listed.without_extras(odd)["therapy"][0] and "shoe" not in listed.without_extras(odd)


def test_every_key_that_a_scenario_may_have_has_a_field():
    """Walk the classes, so that a key which is new there is missed here."""
    rows = {of.path[-1]: of for of in fields.ROWS}
    classes = {"therapy": Therapy, "weight": Weight, "clamp": Clamp, "insult": Insult, "observed": Observed}
    for section, of in classes.items():
        hidden = {name for name, info in of.model_fields.items() if info.exclude}
        assert {field.key for field in rows[section].fields} == set(of.examples()) - hidden, section
    for section, of in (("plan", Plan), ("partner", Partner), ("samples", Samples), ("tissue", Tissue)):
        assert {field.key for field in fields.SECTIONS[section]} == set(of.examples()), section
    assert {slider.field for slider in (*SLIDERS[:2], *OTHERS, *LESIONS)} == set(parameters.physiology())
    known = {"title", "man", "rule", "parameters", *rows, *fields.SECTIONS, *TABLES}
    assert set(ta.Scenario.examples()) <= known


def test_what_a_field_shows_is_what_it_reads():
    now = draft.of(ta.load(FULL))
    before = draft.understood(now).scenario
    for path, _ in leaves(now):
        if fields.at(path) is None or (path[0] == "man" and path[1] != "history") or path[-1] in ("preset", "agent"):
            continue
        text = draft.cell(now, *path)
        assert text == "" or text.isprintable()
        after = draft.understood(draft.with_cell(now, *path, text))
        assert after.scenario == before, (path, text, after.lines)


@pytest.mark.parametrize("name", list(parameters.presets()))
def test_another_man_inherits_nothing_of_the_former(name):
    before = draft.of(ta.load({**WHOLE, "plan": {**WHOLE["plan"], "engine": "compiled"}}))
    after = draft.understood(draft.with_preset(before, name)).scenario
    fresh = ta.load({"man": {"preset": name}, "plan": before["plan"]})
    assert (after.title, after.man, after.weight, after.observed) == (
        parameters.presets()[name].title,
        fresh.man,
        (),
        (),
    )
    assert after.samples.assay == fresh.samples.assay
    whole = ta.load(WHOLE)
    assert (
        after.therapy == whole.therapy
        and after.parameters == whole.parameters
        and after.samples.blood == whole.samples.blood
    )
    told = " ".join(listed.belongings(before))
    for word in ("testosterone_enanthate", "bmi 30", "bmi 33", "oestradiol", "lc-ms"):
        assert word in told
    assert not listed.belongings(draft.with_preset(before, name))


def test_what_injured_a_man_before_day_0_goes_with_him_and_what_is_done_to_him_later_stays():
    insults = [
        {"kind": "irradiation", "dose": "1 Gy", "day": "day -3"},
        {"kind": "fever", "days": "4 days", "day": "day 2"},
    ]
    before = draft.of(ta.load({"plan": {"baseline": "5 days", "duration": "30 days"}, "insult": insults}))
    assert "irradiation" in "".join(listed.belongings(before)) and "fever" not in "".join(listed.belongings(before))
    after = draft.with_preset(before, "obese_low_t_e2")
    assert [insult.kind for insult in draft.understood(after).scenario.insult] == ["fever"]
    alone = draft.with_preset(draft.without(before, ("insult", 1)), "obese_low_t_e2")
    assert "insult" not in alone and draft.understood(alone).scenario is not None
    unread = draft.with_entry(before, "sometime", "insult", 0, "day")
    assert len(draft.with_preset(unread, "obese_low_t_e2")["insult"]) == 2


def test_a_change_of_weight_is_edited_and_removed():
    now = with_duration(
        draft.of(
            ta.load({"plan": {"duration": "200 days"}, "weight": [{"bmi": 20, "from": "day 100", "until": "day 150"}]})
        ),
        "90",
    )
    assert draft.understood(now).scenario is None and "end of the plan" in draft.understood(now).at("weight", 0, "from")
    mended = draft.with_cell(draft.with_cell(now, "weight", 0, "from", "10"), "weight", 0, "bmi", "21.5")
    assert draft.understood(mended).scenario.weight[0].bmi == 21.5 and draft.cell(mended, "weight", 0, "from") == "10"
    assert not draft.understood(draft.without(now, ("weight", 0))).scenario.treated
    assert draft.understood(draft.with_weight(draft.with_weight(draft.start()))).scenario.weight[1].from_day == 90.0


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_insult_is_added_changed_and_removed_with_its_own_keys(kind):
    now = draft.with_insult(draft.start(), kind)
    said = draft.understood(now)
    assert not said.problems and [insult.kind for insult in said.scenario.insult] == [kind]
    assert set(now["insult"][0]) - {"kind"} <= set(keys_of(kind)) <= set(KEYS)
    assert said.scenario == draft.understood(draft.of(said.scenario)).scenario
    assert any(span.drug == "insult" for span in courses.spans(said.scenario)), "the plan shows it"
    for other in KINDS:
        changed = draft.with_kind(now, 0, other)
        assert [insult.kind for insult in draft.understood(changed).scenario.insult] == [other]
    assert "insult" not in draft.without(now, ("insult", 0)) and not listed.extras(now)


@checked(deadline=None, max_examples=40)
@pytest.mark.parametrize("kind", KINDS)
@given(
    key=some.sampled_from([*KEYS]),
    text=some.one_of(some.text(max_size=12), some.sampled_from(["2", "1e3", "-1", "left"])),
)
def test_whatever_is_typed_into_an_insult_is_taken_or_explained_as_a_file_would(kind, key, text):
    now = draft.with_cell(draft.with_insult(draft.start(), kind), "insult", 0, key, text)
    said = draft.understood(now)
    draft.cell(now, "insult", 0, key)
    try:
        ta.load(now)
    except TestisError as error:
        of_a_file = [line.removeprefix("scenario: ") for line in str(error).splitlines()]
        assert said.scenario is None and said.lines == of_a_file
    else:
        assert not said.problems


def test_what_is_wrong_with_an_insult_stands_beside_its_field_and_is_what_the_range_says():
    for kind, name in ((one, key) for one in KINDS for key in keys_of(one)):
        of = key_of(kind, name)
        if not of.allowed:
            continue
        base = draft.with_insult(with_duration(draft.start(), "3650"), kind)
        if name == "strength":
            base = draft.with_cell(base, "insult", 0, "regimen", "")
        ends = (of.high, False), (of.high * 1.01 + 1, True), (of.low, of.low == 0.0), (of.low - 0.5, True)
        for number, wrong in ends:
            text = f"{number:g}{' Gy' if name == 'dose' else ''}"
            said = draft.understood(draft.with_cell(base, "insult", 0, name, text)).at("insult", 0, name)
            # Many fractions or courses do not fit the plan, which is another fault.
            assert bool(said) == wrong or "beyond the plan" in said, (kind, name, text, said)
            if wrong and "range" in said:
                assert any(each.allowed.removesuffix(f" {of.unit}") in said for each in (of, KEYS[name]))
    needed = draft.with_cell(draft.with_insult(draft.start(), "irradiation"), "insult", 0, "dose", "")
    assert draft.understood(needed).at("insult", 0, "dose") == 'dose is missing; for example dose = "2.5 Gy"'
    assert "has no unit" in draft.understood(draft.with_cell(needed, "insult", 0, "dose", "2")).at("insult", 0, "dose")


def test_every_key_of_an_insult_has_a_field_of_its_own():
    assert set(KEYS) == set(Insult.model_fields) - {"kind", "agent"} == {key for kind in KINDS for key in keys_of(kind)}
    for kind in KINDS:
        for key in keys_of(kind):
            assert draft.usual(kind, key) or key in ("until", "regimen", "strength")


def test_the_tissue_that_an_insult_asks_for_can_be_typed():
    odd = draft.with_cell(
        draft.with_insult(draft.with_cell(draft.start(), "tissue", "tubules", 5), "torsion"),
        "insult",
        0,
        "side",
        "left",
    )
    said = draft.understood(odd).at("insult", 0, "side")
    assert "set [tissue] tubules = 6" in said
    assert draft.understood(draft.with_cell(odd, "tissue", "tubules", 6)).scenario.tissue.tubules == 6
    assert draft.understood(draft.with_cell(odd, "tissue", "tubules", "six")).at("tissue", "tubules")


def test_a_wrong_cell_is_told_beside_its_field():
    wrong = draft.with_cell(draft.with_therapy(draft.start(), "anastrozole"), "therapy", 0, "dose", "-1 mg")
    said = draft.understood(wrong)
    assert said.scenario is None
    assert "negative" in said.at("therapy", 0, "dose") and not said.at("therapy", 0, "every")


def test_bare_numbers_are_days():
    now = draft.with_therapy(draft.start(), "anastrozole")
    for key, text in (("from", "30"), ("until", "90"), ("every", "2")):
        now = draft.with_cell(now, "therapy", 0, key, text)
    therapy = draft.understood(with_duration(now, "120")).scenario.therapy[0]
    assert draft.cell(now, "therapy", 0, "from") == "30" and draft.cell(now, "therapy", 0, "until") == "90"
    assert therapy.as_dict()["from"] == "day 30" and therapy.as_dict()["until"] == "day 90"
    assert therapy.as_dict()["every"] == "2 days"


def test_another_drug_takes_its_own_route():
    now = draft.with_therapy(draft.start(), "anastrozole")
    now = draft.with_entry(now, "oral", "therapy", 0, "route")
    now = draft.with_cell(
        draft.with_cell(now, "therapy", 0, "drug", "testosterone_undecanoate"), "therapy", 0, "dose", "1000 mg"
    )
    assert "route" not in now["therapy"][0]


@pytest.mark.parametrize(
    "tables, at",
    [
        ({"tissue": {"tubules": 10_000}}, ("tissue",)),
        ({"plan": {"replicates": 51}}, ("plan", "replicates")),
        ({"plan": {"duration": "11 years"}}, ("plan", "duration")),
        ({"plan": {"engine": "reference"}}, ("plan", "engine")),
        ({"plan": {"replicates": 50, "duration": "9 years"}}, ("plan",)),
    ],
)
def test_what_is_too_large_for_the_page_is_told(tables, at):
    said = draft.understood(draft.of(ta.load(tables)))
    assert said.scenario is not None and "testis-abm run" in said.at(*at)
