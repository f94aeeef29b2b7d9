"""What the form does to a draft: rows added, edited and removed, faults at their fields, the end of the plan, steps back."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import settings as checked
from hypothesis import strategies as some
from whole_scenario import FULL, leaves

import testis_abm as ta
from testis_abm import parameters
from testis_abm.app import differences, draft, fields, plan_end, questions, typed
from testis_abm.app.history import MOST_STEPS, History
from testis_abm.app.sliders import SLIDERS
from testis_abm.biology import steps
from testis_abm.quantities import in_units
from testis_abm.scenario.grammar import plural

START = draft.start()
RULE, PAST = fields.RULE.example, fields.HISTORY.example
# A row of each kind: what adds it, a key (of a line none), what is right there, what is wrong, and words of the fault.
ROWS = {
    "therapy": (lambda now: draft.with_therapy(now, "anastrozole"), "dose", "0.5 mg", "0.5", "has no unit"),
    "weight": (draft.with_weight, "bmi", "22", "220", "22"),
    "clamp": (lambda now: draft.with_clamp(now, "LH"), "level", "2 IU/L", "2 mg", "unit"),
    "insult": (lambda now: draft.with_insult(now, "fever"), "days", "3 days", "-3", "-3"),
    "observed": (lambda now: draft.with_observed(now, "testosterone_nmol_l"), "value", "480", "much", "plain number"),
    "rule": (
        lambda now: draft.with_line(now, fields.RULE, RULE),
        None,
        RULE.replace("3-fold", "4-fold"),
        "LH up",
        "no rule",
    ),
    "history": (
        lambda now: draft.with_line(now, fields.HISTORY, PAST),
        None,
        PAST.replace("200", "250"),
        "some",
        "past",
    ),
}


@pytest.mark.parametrize("rows", fields.ROWS, ids=lambda rows: rows.path[-1])
def test_rows_are_added_edited_explained_and_removed(rows):
    add, key, right, wrong, told = ROWS[rows.path[-1]]
    now = add(START)
    (path,) = [(*rows.path, i) for i in range(len(draft.rows_of(now, rows.path)))]
    field = path if key is None else (*path, key)
    edited = draft.with_cell(now, *field, right)
    said = draft.understood(edited)
    assert said.scenario is not None, said.lines
    assert draft.cell(edited, *field) == right and said.scenario != draft.understood(START).scenario
    assert draft.understood(draft.of(said.scenario)).scenario == said.scenario, "a reload keeps it"
    spoiled = draft.understood(draft.with_cell(now, *field, wrong))
    assert spoiled.scenario is None and told in (spoiled.at(*field) or spoiled.only_at(*rows.path))
    second = add(edited)
    assert len(draft.rows_of(second, rows.path)) == 2
    back = draft.without(draft.without(second, (*rows.path, 1)), path)
    assert draft.understood(back).scenario == draft.understood(START).scenario


def test_a_line_that_is_emptied_goes_and_a_cell_that_is_emptied_is_left_out():
    now = ROWS["rule"][0](START)
    assert "rule" not in draft.with_cell(now, "rule", 0, " ")
    now = draft.with_cell(draft.with_cell(START, "partner", "age", "36"), "partner", "age", "")
    assert now == START


@pytest.mark.parametrize(
    "section, key, text, value, wrong",
    [
        ("samples", "blood", "0, 28", (0, 28), "0, soon"),
        ("samples", "semen", "every 4 weeks from 0 until 84", (0, 28, 56, 84), "every so often"),
        ("samples", "semen", "none", (), "999"),
        ("samples", "biopsy", "90", (90,), "-99"),
        ("samples", "ejaculations", "every 3 days from 0 until 9; 20", (0, 3, 6, 9, 20), "x"),
        ("samples", "abstinence_days", "5", 5.0, "90"),
        ("samples", "blood_hour", "8", 8.0, "25"),
        ("partner", "age", "36", 36.0, "12"),
        ("partner", "tried_days", "18 months", 548.0, "long"),
        ("tissue", "sertoli_per_tubule", "20", 20, "0"),
        ("tissue", "stages", "helix", "helix", "row"),
        ("plan", "baseline_days", "14", 14, "-1"),
        ("plan", "seed", "5", 5, "five"),
    ],
)
def test_entries_of_sections_are_read_and_explained(section, key, text, value, wrong):
    at = key.removesuffix("_days")
    said = draft.understood(draft.with_cell(START, section, at, text))
    assert not said.problems, said.lines
    got = getattr(getattr(said.scenario, section), key)
    assert got == (pytest.approx(value, abs=1.0) if isinstance(value, float) else value)
    assert draft.understood(draft.with_cell(START, section, at, wrong)).at(section, at)


@given(some.lists(some.integers(-28, 400), unique=True, max_size=30).map(sorted))
def test_days_are_shown_as_they_are_read(days):
    shown = typed.show_days([f"day {day}" for day in days])
    said = draft.understood(
        draft.with_cell(draft.with_cell(START, "plan", "duration", "400"), "samples", "biopsy", shown)
    )
    assert said.scenario.samples.biopsy == tuple(days)


def test_listed_missed_and_conditional_doses_are_typed():
    now = draft.with_therapy(draft.with_therapy(START, "anastrozole"), "anastrozole")
    for key, text in (("when", "testosterone < 300 ng/dL"), ("adds", "yes"), ("adherence", "80 %"), ("missed", "3, 5")):
        now = draft.with_cell(now, "therapy", 1, key, text)
    therapy = draft.understood(now).scenario.therapy[1]
    assert therapy.when and therapy.adds and therapy.adherence == 0.8 and therapy.missed == (3, 5)
    assert not draft.understood(draft.with_cell(now, "therapy", 1, "adds", "")).scenario.therapy[1].adds
    for key, text in (("every", ""), ("from", ""), ("days", "0, 3.5, 7"), ("dose", "0.01 mg/kg")):
        now = draft.with_cell(now, "therapy", 0, key, text)
    therapy = draft.understood(now).scenario.therapy[0]
    assert therapy.days == (0.0, 3.5, 7.0) and therapy.per == "kg"


def test_examples_that_fields_show_are_right_when_typed():
    now = draft.with_observed(draft.with_clamp(draft.with_therapy(START, "anastrozole"), "LH"), "testosterone_nmol_l")
    rows = fields.THERAPY, fields.CLAMP, fields.OBSERVED
    examples = [((*of.path, 0, field.key), field.hint) for of in rows for field in of.fields if field.hint]
    said = [(path, hint) for path, hint in examples if hint not in ("once", "at once", "end", typed.NOTHING, "0, 3, 7")]
    assert len(said) >= 8
    for path, hint in said:
        assert not draft.understood(draft.with_cell(now, *path, hint)).at(*path), (path, hint)
    dosed = draft.with_cell(draft.with_cell(now, "therapy", 0, "every", ""), "therapy", 0, "from", "")
    assert not draft.understood(draft.with_cell(dosed, "therapy", 0, "days", "0, 3, 7")).at("therapy", 0)


def test_weight_may_be_typed_in_kg_of_a_man_of_his_height():
    now = draft.with_weight(draft.with_entry(START, 1.8, "man", "height"))
    said = draft.understood(draft.with_cell(now, "weight", 0, "bmi", "90 kg")).scenario
    assert said.weight[0].bmi == pytest.approx(90 / 1.8**2, abs=1e-3)


def test_a_course_of_a_clamp_is_typed_and_shown():
    now = draft.with_cell(draft.with_clamp(START, "FSH"), "clamp", 0, "level", "day 0: 100 %, day 84: 10 %")
    assert draft.cell(now, "clamp", 0, "level") == "day 0: 100 %, day 84: 10 %"
    assert [point.day for point in draft.understood(now).scenario.clamp[0].level] == [0.0, 84.0]


def test_an_own_injury_is_an_insult_like_the_shipped_ones():
    own = {"folfox": {"kind": "cytotoxics", "strength": 0.6}}
    now = draft.with_insult(draft.of(ta.load({"injury": own})), "folfox")
    assert draft.understood(now).scenario.insult[0].agent == "folfox" and draft.kind_of(now, 0)[0] == "cytotoxics"
    reloaded = draft.of(draft.understood(now).scenario)
    assert draft.kind_of(reloaded, 0)[1].name == "folfox"
    changed = draft.understood(draft.with_kind(reloaded, 0, "irradiation")).scenario.insult[0]
    assert (changed.kind, changed.agent) == ("irradiation", None)
    assert draft.understood(draft.with_kind(draft.with_kind(reloaded, 0, "fever"), 0, "folfox")).scenario is not None


def test_parameters_are_added_at_their_value_and_explained():
    name = "axis.lh_reference"
    now = draft.with_parameter(START, name)
    assert draft.understood(now).scenario.parameters[name] == parameters.load()[name].value
    assert draft.understood(draft.with_cell(now, "parameters", name, "400")).at("parameters", name)
    assert "parameters" not in draft.without(now, ("parameters", name))


@pytest.mark.parametrize("question", parameters.hypotheses().values(), ids=lambda of: of.name)
def test_answers_are_stated_and_taken_back(question):
    assert questions.stated(START, question) == questions.OPEN and questions.answers(question)
    now = START
    for name in questions.answers(question):
        now = questions.with_answer(now, question, name)
        scenario = draft.understood(now).scenario
        assert questions.stated(draft.of(scenario), question) == name
        assert question.parameters & scenario.parameters.keys(), "plausible models ask it no more"
        for field, factor in questions.answers(question)[name].man.items():
            assert scenario.man[field] == pytest.approx(factor)
    assert (
        draft.understood(questions.with_answer(now, question, questions.OPEN)).scenario
        == draft.understood(START).scenario
    )
    own = draft.with_cell(now, "parameters", next(iter(now["parameters"])), "0.0123")
    assert questions.stated(own, question) == questions.OWN


def test_a_published_value_is_in_the_units_of_the_page():
    for system, unit in (("conventional", "ng/dL"), ("si", "nmol/L")):
        with in_units(system):
            assert draft.with_observed(START, "testosterone_nmol_l")["observed"][0]["unit"] == unit
    now = draft.with_observed(START, "testosterone_nmol_l")
    assert "value is missing" in draft.understood(now).at("observed", 0, "value")


def test_the_types_at_which_germ_cells_stop_are_called_as_the_model_numbers_them():
    pytest.importorskip("solara")
    from testis_abm.app.form.patient import ARREST

    for number, name in ARREST:
        assert steps.NAMES[number].split("_")[0] == name.lower().replace("-", "_").split()[0].split("_")[0]
        assert not plural(name).endswith("ums")  # the list has them as many: B spermatogonia


def _within(widget):
    yield widget
    for child in getattr(widget, "children", None) or ():
        yield from _within(child)


def _garbled(now, path):
    return draft.with_entry(now, "?!", *path) if fields.at(path) else now


@pytest.mark.parametrize("wrong", ["nothing", "each", "all"])
def test_every_part_is_shown_and_told_in_words_whatever_is_in_it(session, wrong):
    import reacton
    import solara

    from testis_abm.app import form
    from testis_abm.app.form import words
    from testis_abm.app.form.controls import Seen

    full = draft.of(ta.load(FULL))
    paths = [path for path, _ in leaves(full)]
    drafts = [full] if wrong == "nothing" else [_garbled(full, path) for path in paths]
    if wrong == "all":
        drafts = [full]
        for path in paths:
            drafts[0] = _garbled(drafts[0], path)
    for now in drafts:
        said = draft.understood(now)
        for group in fields.GROUPS:
            assert words.says(group, now, said).strip()
    if wrong == "each":
        return

    @solara.component
    def whole():
        seen = Seen(session, session.draft.value, draft.understood(session.draft.value))
        for group in fields.GROUPS:
            form.shown(seen, group)

    session.draft.value = drafts[0]
    box, shown = reacton.render(whole(), handle_error=False)
    labels = {of.field["label"] for of in _within(box) if hasattr(of, "field")}
    assert {"Dose", "Held", "Level", "Quantity", "Rule 1", "Age of the woman", "Blood on days", "Tubules"} <= labels
    shown.close()


# ---- the end of the plan

LATE = {
    "plan": {"duration": "200 days"},
    "therapy": [
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "from": "day 30", "until": "day 150"},
        {"drug": "letrozole", "dose": "2.5 mg", "every": "1 day", "from": "day 160"},
        {"drug": "hcg", "dose": "1500 IU", "days": ["day 3", "day 100"]},
    ],
    "weight": [{"bmi": 20, "from": "day 0", "until": "day 180"}],
    "clamp": [{"quantity": "FSH", "level": "1 x own", "from": "day 10", "until": "day 120"}],
    "insult": [
        {"kind": "fever", "days": "4 days", "day": "day 150"},
        {"kind": "cytotoxics", "regimen": "BEP", "courses": 4, "day": "day 2"},
    ],
    "rule": [RULE.replace("from day 0", "from day 120")],
    "samples": {
        "semen": ["day 0", "day 150"],
        "biopsy": ["day 190"],
        "blood": {"every": "4 weeks", "until": "day 180"},
    },
    "observed": [{"variable": "testosterone_nmol_l", "day": "day 90", "value": 15.0, "unit": "nmol/L"}],
}


def test_a_shorter_plan_keeps_all_tells_it_and_is_cut_in_one_step():
    long = draft.of(ta.load(LATE))
    now = draft.with_cell(long, "plan", "duration", "60 days")
    assert {**now, "plan": long["plan"]} == long, "nothing goes without being asked"
    said, found = draft.understood(now), plan_end.beyond(now)
    assert said.scenario is None
    for problem in said.problems:
        assert any(problem.path[: len(path)] == path for path in found), problem
    for path in found:
        assert fields.at(path) is not None
    for path in (("therapy", 0, "until"), ("clamp", 0, "until"), ("weight", 0, "until"), ("samples", "semen")):
        assert found[path] != now
    after = draft.understood(plan_end.cut(now)).scenario
    assert after is not None and not plan_end.beyond(plan_end.cut(now))
    assert [t.drug for t in after.therapy] == ["anastrozole", "hcg"] and after.therapy[1].days == (3.0,)
    assert after.weight[0].until_day == 60 and after.weight[0].bmi == pytest.approx(24 - 4 * 60 / 180, abs=0.01)
    assert [of.kind for of in after.insult] == ["cytotoxics"] and after.insult[0].courses == 3
    assert after.samples.semen == (0,) and after.samples.biopsy == () and not after.rule and not after.observed


def test_nothing_lies_beyond_a_plan_that_holds_all_or_cannot_be_read():
    now = draft.of(ta.load(LATE))
    assert not plan_end.beyond(now) and plan_end.cut(now) == now
    for text in ("soon", "", "-3", "0"):
        changed = draft.with_cell(now, "plan", "duration", text)
        assert plan_end.cut(changed) == changed or text == ""


@pytest.mark.parametrize(("days", "given"), [(2, []), (3, []), (4, [(3.0,)]), (101, [(3.0, 100.0)])])
def test_a_therapy_whose_listed_days_lie_beyond_the_end_goes_and_is_not_given_on_others(days, given):
    now = draft.with_cell(draft.of(ta.load(LATE)), "plan", "duration", str(days))
    found = plan_end.beyond(now)
    assert (("therapy", 2, "days") in found) == (days < 101)
    scenario = draft.understood(plan_end.cut(now)).scenario
    assert scenario is not None and [of.days for of in scenario.therapy if of.drug == "hcg"] == given


@checked(max_examples=40)
@example(days=3)
@given(days=some.integers(1, 220))
def test_cut_at_any_day_can_run(days):
    now = plan_end.cut(draft.with_cell(draft.of(ta.load(LATE)), "plan", "duration", str(days)))
    said = draft.understood(now)
    assert said.scenario is not None, said.lines


# ---- steps back and forth

EDITS = [
    (draft.with_therapy, "anastrozole"),
    (draft.with_weight,),
    (draft.with_clamp, "LH"),
    (draft.with_insult, "fever"),
    (draft.with_line, fields.RULE, RULE),
    (draft.with_line, fields.HISTORY, PAST),
    (draft.with_slider, SLIDERS[0], 30.0),
    (draft.with_slider, SLIDERS[1], 40.0),
    (draft.with_cell, "plan", "duration", "90"),
    (draft.with_cell, "title", "Other"),
    (draft.with_cell, "samples", "blood", "0, 7"),
    (draft.with_assay, "lc-ms"),
    (draft.with_parameter, "axis.lh_reference"),
]
PRESETS = ["klinefelter", "obese_low_t_e2"]


@checked(max_examples=40)
@given(some.lists(some.one_of(some.sampled_from(EDITS), some.sampled_from(PRESETS)), max_size=12), some.integers(0, 12))
def test_any_edits_are_taken_back_and_taken_again(edits, some_back):
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    session, seen = Session(), []
    session.labs.value = {"t": "260 ng/dL"}
    for edit in edits:
        seen.append((session.draft.value, dict(session.labs.value)))
        if isinstance(edit, str):
            session.change_man(draft.with_preset(session.draft.value, edit))
        else:
            session.edit(*edit)
            session.history.value = session.history.value.ended()
    end = session.draft.value, dict(session.labs.value)
    for _ in range(min(some_back, len(edits))):
        session.undo()
    for _ in range(20):
        session.redo()
    assert (session.draft.value, dict(session.labs.value)) == end
    while session.history.value.back:
        assert session.history.value.back[-1].name not in ("", "nothing")
        session.undo()
    assert session.draft.value == draft.start() and session.labs.value == {"t": "260 ng/dL"}


def test_a_file_is_a_step_with_the_patient_and_what_is_typed_later_of_him_stays(session):
    session.labs.value = {"t": "260 ng/dL"}
    session.upload("mine.toml", ta.load({"title": "Other"}).to_toml())
    assert session.history.value.back[-1].name == "File “Other”" and not session.labs.value
    session.undo()
    assert session.draft.value == START and session.labs.value == {"t": "260 ng/dL"}
    session.edit(draft.with_therapy, "hcg")
    session.write_lab("lh", "3")
    session.undo()
    assert session.draft.value == START and session.labs.value == {"t": "260 ng/dL", "lh": "3"}


def test_a_page_takes_so_many_rows_and_says_where_more_are_run(session):
    for _ in range(draft.MOST_THERAPIES + 5):
        session.edit(draft.with_line, fields.HISTORY, PAST)
    assert len(draft.rows_of(session.draft.value, fields.HISTORY.path)) == draft.MOST_THERAPIES
    kind, told = session.notice.value
    assert kind == "error" and "earlier treatment" in told and "testis-abm run" in told
    session.edit(draft.without, (*fields.HISTORY.path, 0))
    assert len(draft.rows_of(session.draft.value, fields.HISTORY.path)) == draft.MOST_THERAPIES - 1


@pytest.mark.parametrize("sent", [None, 1, "true", [], {"a": 1}])
def test_a_step_that_is_none_is_not_taken(session, sent):
    session.edit(draft.with_weight)
    now = session.draft.value
    session.step(sent)
    assert session.draft.value is now
    session.step(True)
    assert session.draft.value == START
    session.step(False)
    assert session.draft.value == now


def test_moves_of_one_slider_are_one_step_and_a_new_step_ends_what_could_be_redone():
    now = [0.0]
    steps_back = History(clock=lambda: now[0])
    for k, of in enumerate(("bmi", "bmi", "bmi", "age", "age")):
        now[0] += 0.3
        steps_back = steps_back.step(k, lambda first: f"from {first}", of)
    assert [(step.name, step.state) for step in steps_back.back] == [("from 0", 0), ("from 3", 3)]
    now[0] += 60.0
    steps_back = steps_back.step(5, lambda first: "later", "age")
    assert len(steps_back.back) == 3
    state, undone = steps_back.undone(6)
    assert state == 5 and undone.forth and undone.redone(5)[0] == 6
    assert not undone.step(5, str).forth


def test_steps_are_bounded():
    many = History()
    for k in range(3 * MOST_STEPS):
        many = many.step(k, str)
    assert len(many.back) == MOST_STEPS and many.back[-1].state == 3 * MOST_STEPS - 1
    assert History().undone(0) is None and History().redone(0) is None


@pytest.mark.parametrize(
    "change, words",
    [
        ((draft.with_therapy, "hcg"), "therapy 1 added"),
        ((draft.with_cell, "plan", "duration", "90"), "Duration"),
        ((draft.with_slider, SLIDERS[0], 30.0), "BMI"),
        ((draft.with_preset, "klinefelter"), "another man, Klinefelter"),
        ((draft.with_line, fields.HISTORY, PAST), "earlier treatment 1 added"),
        ((draft.with_cell, "samples", "blood", "every 4 weeks"), "Blood on days"),
    ],
)
def test_a_step_says_what_it_was(change, words):
    assert differences.said(START, change[0](START, *change[1:])).startswith(words)


def test_a_step_says_which_row_it_was():
    two = draft.with_therapy(draft.with_therapy(START, "hcg"), "anastrozole")
    assert differences.said(two, draft.without(two, ("therapy", 0))) == "therapy 1 removed"
    assert differences.said(two, draft.with_cell(two, "therapy", 1, "dose", "2 mg")) == "Dose of therapy 2"
    both = draft.with_cell(draft.with_cell(two, "therapy", 1, "dose", "2 mg"), "title", "Other")
    assert differences.said(two, both).endswith("and 1 more")
