"""Sessions of the app without a browser: runs, arms, reloads, films."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as checked
from hypothesis import strategies as some
from small_page import GOOD, LABS, SENT, SMALL, THERAPY, packed, until

import testis_abm as ta
from testis_abm.app import draft, share
from testis_abm.app.candidates import Choice
from testis_abm.cli.command import main
from testis_abm.population import report
from testis_abm.results.summary import summarise
from testis_abm.support.errors import TestisError

OVER_MODELS = "Working out plausible models …"


def test_a_run_tells_how_far_it_is_and_ends_as_the_command_does(session, result):
    seen = []
    session.progress.subscribe(lambda now: seen.append(now))
    session.run(ta.load(SMALL))
    until(lambda: not session.progress.value.busy)
    done = session.progress.value
    assert done.phase == "done" and done.first <= done.seconds
    pd.testing.assert_frame_equal(done.result.tables["hormones"], result.tables["hormones"])
    partial = [now for now in seen if now.phase == "running"]
    assert partial and 0 < partial[0].share < 1 and len(partial[0].result.tables["hormones"])


def test_plausible_models_follow_a_run_and_are_those_of_the_command(session, result):
    seen = []
    session.progress.subscribe(lambda now: seen.append((now.phase, now.models, now.result is not None)))
    session.run(ta.load(SMALL))
    until(lambda: session.progress.value.phase == "done" and not session.progress.value.going)
    assert [of for of in seen if of[0] == "done"] == [("done", OVER_MODELS, True), ("done", "", True)]
    pd.testing.assert_frame_equal(session.progress.value.result.plausible, result.plausible)
    assert "plausible_low_pct" in summarise(session.progress.value.result)


def test_men_of_a_server_with_a_file_of_rules_live_by_them(session, result, tmp_path):
    from testis_abm.agents.own_file import OwnFile
    from testis_abm.app import own_code

    file = tmp_path / "own.py"
    file.write_text("def modifiers(model):\n    model.modify('none', 'spermiation', factor=0.0)\n")
    own_code.publish(OwnFile.at(file))
    try:
        session.run(ta.load(SMALL))
        until(lambda: session.progress.value.phase == "done")
        done = session.progress.value
        assert not done.going and done.result.plausible is None
        made = [of.tissue["daily_production_million_g"].iloc[-1] for of in (done.result, result)]
        assert made[0] < 0.5 * made[1]
        assert "own.py" in own_code.said()
    finally:
        own_code.publish(None)
    assert own_code.said() == ""


def test_work_over_plausible_models_can_be_cancelled_and_the_run_stays(session, monkeypatch):
    begun, goes_on = threading.Event(), threading.Event()

    def slow(scenario, *, progress):
        begun.set()
        assert goes_on.wait(60)
        progress(1, 27)

    monkeypatch.setattr("testis_abm.experiments.simulate.over_models", slow)
    session.run(ta.load(SMALL))
    assert begun.wait(60) and session.progress.value.going and not session.progress.value.busy
    session.cancel()
    goes_on.set()
    until(lambda: not [of for of in threading.enumerate() if of.name.startswith("run of")])
    now = session.progress.value
    assert now.phase == "done" and not now.going and "cancelled" in now.models and now.result.plausible is None


def test_plausible_models_that_fail_leave_the_run_as_it_is(session, monkeypatch):
    def fails(scenario, *, progress):
        raise TestisError("no set of the ensemble suits this man")

    monkeypatch.setattr("testis_abm.experiments.simulate.over_models", fails)
    session.run(ta.load(SMALL))
    until(lambda: session.progress.value.phase == "done" and not session.progress.value.going)
    now = session.progress.value
    assert len(now.result.tables["hormones"]) and now.models.endswith("no set of the ensemble suits this man")


def test_a_cancelled_run_stops_and_keeps_what_it_brought(session):
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    until(lambda: session.progress.value.phase == "running")
    session.cancel()
    now = session.progress.value
    assert now.phase == "cancelled" and len(now.result.tables["hormones"])
    until(lambda: not [of for of in threading.enumerate() if of.name.startswith("run of")])
    assert session.progress.value is now


def test_a_new_run_takes_the_place_of_the_old(session):
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    until(lambda: session.progress.value.phase == "running")
    session.run(ta.load({**SMALL, "title": "Second"}))
    until(lambda: session.progress.value.phase == "done")
    assert session.progress.value.result.title == "Second"


def test_of_many_clicks_one_works_and_the_last_follows():
    pytest.importorskip("solara")
    from testis_abm.app.work import Background

    task, going, let_go = Background("run of clicks"), threading.Event(), threading.Event()
    done, most = [], 0

    def stubborn(stop):
        going.set()
        assert let_go.wait(60)

    task.start(stubborn)
    assert going.wait(60)
    for k in range(50):
        task.start(lambda stop, k=k: done.append(k))
        most = max(most, sum(of.name == "run of clicks" for of in threading.enumerate()))
    assert most == 1 and not done
    let_go.set()
    until(lambda: not [of for of in threading.enumerate() if of.name == "run of clicks"])
    assert done == [49]
    task.start(lambda stop: done.append(1 / 0))
    until(lambda: not [of for of in threading.enumerate() if of.name == "run of clicks"])
    task.start(lambda stop: done.append("again"))
    until(lambda: done[-1] == "again")
    task.start(lambda stop: done.append(1 / 0), lambda reason: done.append(reason[-1_000_000_000_000]))
    until(lambda: not [of for of in threading.enumerate() if of.name == "run of clicks"])
    task.start(lambda stop: done.append("and again"))
    until(lambda: done[-1] == "and again")


def test_a_run_has_an_allowance_of_the_processor(session, monkeypatch):
    monkeypatch.setattr("testis_abm.app.work.MOST_SECONDS", 0.2)
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    until(lambda: not session.progress.value.busy)
    assert session.progress.value.phase == "failed" and "testis-abm run" in session.progress.value.text


def test_of_many_faults_the_first_are_told(session):
    rows = [{**THERAPY, "drug": "anastrozol"}] * 1040
    session.open_link(packed(json.dumps({"therapy": rows}).encode()))
    kind, told = session.notice.value
    assert kind == "error" and len(told.splitlines()) == 21 and told.endswith("1,020 more")


def test_a_man_outside_the_physical_range_is_told(session, monkeypatch):
    def fails(*_, **__):
        raise TestisError("testosterone left the physical range")

    monkeypatch.setattr("testis_abm.experiments.simulate.run", fails)
    session.run(ta.load(SMALL))
    until(lambda: not session.progress.value.busy)
    assert session.progress.value.phase == "failed" and "physical range" in session.progress.value.text


def test_a_fault_of_the_program_is_not_shown_in_detail(session, monkeypatch):
    monkeypatch.setattr("testis_abm.experiments.simulate.run", lambda *_, **__: Path("/secret/path").read_text())
    session.run(ta.load(SMALL))
    until(lambda: not session.progress.value.busy)
    assert session.progress.value.phase == "failed" and "secret" not in session.progress.value.text


def test_two_sessions_share_nothing():
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    one, other = Session(), Session()
    one.draft.value = draft.with_preset(one.draft.value, "klinefelter")
    one.run(ta.load(SMALL))
    until(lambda: one.progress.value.phase == "done")
    assert other.draft.value == draft.start() and other.progress.value.phase == "idle" and not other.recordings.value


@pytest.mark.parametrize(
    "wrong",
    [
        lambda session: session.open_link(GOOD[:-9]),
        lambda session: session.open_link(packed(json.dumps({"therapy": [THERAPY] * 60}).encode())),
        lambda session: session.upload("odd.toml", "[man]\nbmi = 500\n"),
        lambda session: session.upload("lone.toml", "title = '\ud800'"),
        lambda session: session.upload("none.toml", None),
    ],
)
def test_what_is_wrong_changes_nothing(session, wrong):
    session.draft.value = mine = draft.with_therapy(draft.start(), "anastrozole")
    wrong(session)
    kind, told = session.notice.value
    assert kind == "error" and told and session.draft.value is mine


@pytest.mark.parametrize("fragment", [None, 3, {"a": 1}, "", "#other", "s=1"])
def test_what_is_no_link_is_left_alone(session, fragment):
    session.open_link(fragment)
    assert session.notice.value == ("", "") and session.draft.value == draft.start()


def test_a_link_and_a_file_are_taken_over(session):
    session.open_link(GOOD)
    assert draft.understood(session.draft.value).scenario == ta.load(SMALL) and session.notice.value[0] == "info"
    session.upload("mine.toml", ta.load({**SMALL, "title": "Other"}).to_toml())
    assert session.draft.value["title"] == "Other"


def test_a_change_of_man_forgets_the_former_and_can_be_undone(session, match):
    session.draft.value = before = draft.of(ta.load({**SMALL, "weight": [{"bmi": 28, "until": "day 20"}]}))
    session.labs.value, session.match.value = {"t": "260 ng/dL"}, match
    session.change_man(draft.with_preset(before, "klinefelter"))
    kind, told = session.notice.value
    assert kind == "removed" and "change of weight (bmi 28" in told and "laboratory values" in told
    assert not session.labs.value and session.match.value is None and "weight" not in session.draft.value
    session.undo()
    assert (
        session.draft.value == before and session.labs.value == {"t": "260 ng/dL"} and session.notice.value == ("", "")
    )
    assert session.match.value is match
    session.redo()
    assert "weight" not in session.draft.value and not session.labs.value and session.match.value is None


def test_a_file_or_link_forgets_who_was_matched(session, match):
    session.labs.value, session.match.value = {"t": "260 ng/dL"}, match
    session.open_link(GOOD)
    assert not session.labs.value and session.match.value is None and session.response.value is None


def test_matching_makes_the_representative_the_man_of_the_form(session, few_men):
    session.draft.value = draft.of(ta.load({**SMALL, "weight": [{"bmi": 28, "until": "day 20"}]}))
    session.labs.value = {"t": "260 ng/dL", "lh": "3.1", "bmi": "33"}
    session.find("lc-ms")
    until(lambda: session.matching.value[0] == "done")
    scenario = draft.understood(session.draft.value).scenario
    assert (
        scenario.man == session.match.value.man
        and scenario.samples.assay == "lc-ms"
        and scenario.title == draft.OF_LABS
    )
    assert scenario.therapy and not scenario.weight and session.labs.value["t"] == "260 ng/dL"
    session.labs.value = {"t": "9000 ng/dL"}
    session.find("lc-ms")
    assert session.matching.value[0] == "wrong"


def test_matching_and_prediction_are_under_the_parameters_of_the_form(session, few_men, capsys, tmp_path):
    own = {"axis": {"testosterone_feedback_strength": 1.2}, "tract": {"collected": 0.3}}
    case = ta.load({**SMALL, "therapy": [THERAPY], "parameters": own, "samples": {"assay": "immunoassay"}})
    session.draft.value, session.labs.value = draft.of(case), dict(LABS)
    session.find("immunoassay")
    until(lambda: session.matching.value[0] == "done")
    match = session.match.value
    assert match.found.laboratory.values["tract.collected"] == 0.3
    session.respond([draft.understood(session.draft.value).scenario], 20)
    until(lambda: session.response.value is not None)
    response = session.response.value
    table = report.effects(response.before, response.after[0], values=response.values)
    (tmp_path / "own.toml").write_text(case.to_toml(), encoding="utf-8")
    labs = [word for name, text in LABS.items() for word in (f"--{name}", text.replace(" ", ""))]
    assert main(["twin", *labs, "--scenario", str(tmp_path / "own.toml"), "--men", "20"]) == 0
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    rows = [line for line in printed if line[:2] == ["LH", "(IU/L)"] and "%" in line]
    assert [table.loc["LH (IU/L)", name] for name in ("before", "after")] == rows[0][2:4]


@pytest.mark.parametrize("odd", [None, 3, "guess", ["lc-ms"], {"lc-ms": 1}])
def test_a_reload_keeps_how_oestradiol_was_measured(session, odd):
    from testis_abm.app.session import Session

    session.assay.value = "lc-ms"
    session.write_lab("e2", "48")
    again = Session()
    again.restore(json.loads(json.dumps(session.stored())))
    assert again.assay.value == "lc-ms" and again.labs.value == {"e2": "48 pg/mL"}
    again.restore({"assay": odd})
    assert again.assay.value == "lc-ms"
    again.close()


def test_a_prediction_tells_how_far_it_is_and_can_be_cancelled(session, match, monkeypatch):
    from testis_abm.app import matching

    seen, going, real = [], threading.Event(), matching.respond
    session.match.value = match
    session.matching.subscribe(lambda now: seen.append(now[1]))
    monkeypatch.setattr("testis_abm.app.session.BETWEEN", -1.0)

    def slow(match, scenarios, men, progress):
        going.set()
        until(lambda: progress(1, 40) is not None)  # raises once it is cancelled

    case = ta.load({"plan": {"duration": "20 days"}, "therapy": [THERAPY]})
    monkeypatch.setattr(matching, "respond", slow)
    session.respond([case, case], 20)
    assert going.wait(30)
    session.cancel_matching()
    assert session.matching.value == ("cancelled", "Cancelled.")
    monkeypatch.setattr(matching, "respond", real)
    session.respond([case, case], 20)
    until(lambda: session.response.value is not None)
    assert "Treating 1 of 40 virtual patients …" in seen and "Treating 40 of 40 virtual patients …" in seen
    assert len(session.response.value.after) == 2 and session.matching.value == ("done", "")


def test_the_representative_goes_into_the_form_and_is_run_day_by_day(session, match):
    session.labs.value, session.match.value = dict(LABS), match
    session.choice.value = Choice(({"therapy": [THERAPY]},))
    session.draft.value = draft.of(
        ta.load({"weight": [{"bmi": 28, "until": "day 20"}], "plan": {"duration": "20 days", "replicates": 1}})
    )
    session.represent()
    form = session.draft.value
    assert form["man"] == match.man.as_dict() and form["samples"]["assay"] == "immunoassay" and not form.get("weight")
    assert session.match.value is match and session.labs.value == LABS, "they are this patient's"
    assert "change of weight" in session.notice.value[1] and "laboratory values" not in session.notice.value[1]
    session.follow_day_by_day()
    assert session.tab.value == "What if" and session.draft.value["therapy"] == [THERAPY]
    until(lambda: session.progress.value.phase == "done")
    assert session.progress.value.scenario.man == match.man and session.progress.value.scenario.treated
    session.change_man(draft.with_preset(session.draft.value, "klinefelter"))
    assert session.match.value is None and not session.labs.value and session.choice.value.candidates


def test_a_reload_brings_back_form_results_and_arms(session, result):
    from testis_abm.app.session import Session

    session.run(ta.load(SMALL))
    until(lambda: session.progress.value.phase == "done")
    other = ta.run({**SMALL, "title": "Other", "plan": {"duration": "28 days", "replicates": 1}})
    session.keep("mine", session.progress.value.result)
    session.keep("other", other)
    session.draft.value = draft.with_preset(session.draft.value, "klinefelter")
    kept = json.loads(json.dumps(session.stored()))
    again = Session()
    again.restore(kept)
    assert again.stored()["arms"] == kept["arms"]  # also while they are being run
    until(lambda: again.progress.value.phase == "done" and not again.returning.value)
    assert again.draft.value == session.draft.value and again.stored() == kept
    assert [name for name, _ in again.kept.value] == ["mine", "other"]
    for (_, one), (_, same) in zip(session.kept.value, again.kept.value):
        pd.testing.assert_frame_equal(one.tables["semen"], same.tables["semen"])
    again.close()


@checked(max_examples=30)
@given(
    some.one_of(
        SENT,
        some.fixed_dictionaries(
            {}, optional={"form": SENT, "ran": SENT, "arms": some.one_of(SENT, some.lists(SENT, max_size=9))}
        ),
    )
)
def test_what_a_browser_makes_up_brings_nothing_back(kept):
    pytest.importorskip("solara")
    from testis_abm.app.session import Session

    session = Session()
    session.restore(kept)
    assert session.draft.value == draft.start() and session.progress.value.phase == "idle"
    assert not session.kept.value and not session.returning.value


def test_what_is_too_large_is_not_run_after_a_reload(session):
    large = share.link(ta.load({"plan": {"replicates": 50, "duration": "9 years"}}))
    session.restore({"form": large, "ran": large, "arms": [["mine", large], ["cut", GOOD[:-9]], ["good", GOOD]]})
    assert session.progress.value.phase == "idle" and [name for name, _ in session.returning.value] == ["good"]
    assert "2 of 3" in session.notice.value[1]
    until(lambda: len(session.kept.value) == 1)


def test_kept_arms_have_names_of_their_own_and_are_few(session, result):
    from testis_abm.app.session import MOST_ARMS

    for _ in range(MOST_ARMS + 3):
        session.keep("mine", result)
    names = [name for name, _ in session.kept.value]
    assert len(set(names)) == len(names) == MOST_ARMS
    session.rename(0, "a\ud800\nb\u202ec")
    assert session.kept.value[0][0].isprintable()


def test_the_film_shows_the_men_of_the_run_and_is_made_once(session, result):
    session.film()
    assert not session.recordings.value
    session.run(ta.load(SMALL))
    until(lambda: session.progress.value.phase == "done")
    assert not session.recordings.value  # nobody has looked
    session.film()
    until(lambda: len(session.recordings.value) == 2 and session.recordings.value["treated"].days[-1] == 30)
    film = session.recordings.value
    table = result.tables["hormones"]
    for arm, recording in film.items():
        rows = table[(table["arm"] == arm) & (table["replicate"] == 0)]
        assert [tuple(row)[2:] for row in rows.itertuples(index=False)] == recording.model.records["hormones"]
    session.film()
    session.run(ta.load(SMALL))
    assert session.recordings.value is film
    session.run(ta.load({**SMALL, "title": "Other"}))
    assert not session.recordings.value


def test_a_closed_session_stops_its_work(session):
    session.run(ta.load({**SMALL, "plan": {"duration": "9 years", "replicates": 5}}))
    until(lambda: session.progress.value.phase == "running")
    session.film()
    until(lambda: session.recordings.value)
    session.close()
    until(lambda: not [of for of in threading.enumerate() if of.name.startswith(("run of", "film of"))])
