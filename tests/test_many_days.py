"""Many days in one call: the same man, bit for bit, as day by day, and nothing that looks at him is passed over."""

from __future__ import annotations

import os
import random
import signal
import threading
import time

import mesa
import pytest
from mesa.time import Schedule
from test_checkpoint import same_course

from testis_abm import TestisError, TestisModel, load
from testis_abm.support import interrupt

SIZE = {"tubules": 2, "sertoli_per_tubule": 10}
PLAN = {"baseline": "10 days", "duration": "120 days", "seed": 4}
CASES = {
    "plain": {},
    "treated": {
        "man": {"preset": "obese_low_t_e2"},
        "therapy": [
            {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "until": "day 60"},
            {"drug": "testosterone_pellets", "dose": "400 mg", "from": "day 30"},
            {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days", "from": "day 40"},
        ],
        "samples": {"blood": ["day 20", "day 40"], "biopsy": ["day 30"]},
    },
    "decided": {
        "man": {"preset": "obese_low_t_e2"},
        "therapy": [
            {"drug": "anastrozole", "dose": "1 mg", "every": "7 days", "when": "testosterone < 30 nmol/L"},
            {"drug": "hcg", "dose": "1500 IU", "every": "2 days", "from": "day 30", "when": "LH < 9 IU/L at day 25"},
        ],
    },
    "coming of age": {
        "man": {"preset": "congenital_hypogonadotropic"},
        "therapy": [{"drug": "hcg", "dose": "2000 IU", "every": "3 days"}],
    },
    "losing weight": {"man": {"bmi": 36}, "weight": [{"bmi": 30, "from": "day 10", "until": "day 60"}]},
    "with a past": {
        "man": {"history": "testosterone_enanthate 200 mg every 7 days for 20 weeks, ended 4 weeks before"}
    },
}


def made(case, kind=TestisModel, engine="compiled"):
    return kind(load({"title": "many days", "tissue": SIZE, "plan": PLAN, **CASES[case]}), rng=9, engine=engine)


def stepped(model, days):
    for _ in range(days):
        model.step()
    return model


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("brief", [False, True])
def test_many_days_at_once_are_the_days_one_by_one(case, brief):
    one = made(case)
    other = made(case)
    one.brief = other.brief = brief
    stepped(one, 130)
    pieces = random.Random(case)
    while other.day < 120:
        other.run_for(min(pieces.choice([1, 2, 7, 50]), 120 - other.day))
    assert other.steps == one.steps == 130 and not other.running
    same_course(one, other)
    assert (one.flux == other.flux).all() and one.safety.__dict__ == other.safety.__dict__
    stepped(one, 3)
    other.run_for(3)
    same_course(one, other)


def test_the_plain_engine_runs_on_too():
    one, other = stepped(made("plain", engine="reference"), 5), made("plain", engine="reference")
    other.run_for(5)
    same_course(one, other)
    same_course(one, stepped(made("plain"), 5))


def test_most_days_are_lived_in_few_calls(monkeypatch):
    """That it is the same would hold for a run that never lived two days at once."""
    calls = []
    own = TestisModel._live_days
    monkeypatch.setattr(TestisModel, "_live_days", lambda self, days: (calls.append(days), own(self, days)))
    man = made("treated")
    man.brief = True
    man.run_for(130)
    assert sum(calls) == 130 and len(calls) < 5


def test_who_looks_sees_every_day():
    seen = []
    man = made("treated")
    man.observers.append(lambda model: seen.append((model.day, model.time, model.means["lh_iu_l"])))
    man.run_for(20)
    other, days = made("treated"), []
    for _ in range(20):
        other.step()
        days.append((other.day, other.time, other.means["lh_iu_l"]))
    assert seen == days


def test_a_step_of_a_subclass_is_taken_every_day():
    class Watching(TestisModel):
        def step(self):
            super().step()
            self.seen = [*getattr(self, "seen", []), self.day]

    man = made("plain", Watching)
    man.run_for(6)
    assert man.seen == [-9, -8, -7, -6, -5, -4]


def test_events_of_ones_own_come_on_their_day():
    def run(go):
        man, seen = made("plain"), []

        def stress():
            seen.append((man.time, man.day, man.means["testosterone_nmol_l"]))
            man.modify("stress", "leydig_secretion", factor=0.5)

        man.stress = stress  # Mesa holds events weakly
        man.schedule_event(stress, at=12.0)
        man.schedule_event(stress, at=12.5)

        def note():
            seen.append(man.day)

        man.note = note
        man.schedule_recurring(note, Schedule(interval=25.0))
        go(man)
        return man, seen

    one, seen = run(lambda man: stepped(man, 60))
    other, also = run(lambda man: man.run_for(60))
    assert seen == also and len(seen) > 3
    same_course(one, other)


def test_rules_that_are_functions_of_the_model_are_asked_every_day():
    def run(go):
        man, days = made("plain"), []

        def heat(model):
            days.append(model.day)
            return 0.4 if model.day > 3 else 0.0

        man.modify("heat", "pachytene_hazard", added=heat)
        man.modify("less", "leydig_secretion", factor=0.8)
        go(man)
        return man, days

    one, asked = run(lambda man: stepped(man, 30))
    other, also = run(lambda man: man.run_for(30))
    assert asked == also == list(range(-10, 20))
    same_course(one, other)


def test_part_of_a_day_and_times_gone_by_are_as_mesa_has_them():
    man = made("plain")
    man.run_for(2.5)
    assert (man.time, man.day) == (2.5, -8)
    man.run_for(0.5)
    assert (man.time, man.day) == (3.0, -7)
    man.run_until(10)
    assert (man.time, man.day, man.steps) == (10.0, 0, 10)
    with pytest.warns(RuntimeWarning, match="larger than time"):
        man.run_until(4)
    assert man.day == 0 and isinstance(man, mesa.Model)


@pytest.mark.parametrize("days", [float("nan"), float("inf"), "3", None, [], 10**9, True])
def test_what_is_no_number_of_days_is_told_and_harms_nothing(days):
    man = made("plain")
    for run in (man.run_for, man.run_until):
        with pytest.raises(TestisError, match=r"duration|end_time"):
            run(days)
    man.run_for(1)
    assert man.day == -9


@pytest.mark.parametrize("days", [0, 0.0, -3])
def test_no_days_and_days_gone_by_cannot_be_run(days):
    man = made("plain")
    with pytest.raises(TestisError, match=rf"duration: {days:g} is out of range; allowed: above 0 to 1e\+06 days"):
        man.run_for(days)
    assert man.day == -10


def test_a_man_who_leaves_the_physical_range_is_told_of_on_that_day():
    given = {"therapy": [{"drug": "testosterone_enanthate", "dose": "1000 mg", "every": "1 day", "from": "day 3"}]}
    case = load({"title": "too much", "tissue": SIZE, "plan": PLAN, **given})
    said = []
    for go in (lambda man: stepped(man, 60), lambda man: man.run_for(60)):
        with pytest.raises(Exception, match="leaves the physical range") as error:
            go(TestisModel(case))
        said.append(str(error.value))
    assert said[0] == said[1]


# ---- interrupts


@pytest.fixture
def heard():
    """Let SIGINT be Python's, which a shell that runs the tests in the background has it ignore."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heard")
def test_an_interrupt_waits_for_the_block_and_no_longer():
    before = signal.getsignal(signal.SIGINT)
    done = []
    with pytest.raises(KeyboardInterrupt), interrupt.held():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        done.append(True)
    assert done and signal.getsignal(signal.SIGINT) is before
    heard = []
    signal.signal(signal.SIGINT, lambda number, frame: heard.append(number))
    try:
        with interrupt.held():
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            assert not heard
        assert heard == [signal.SIGINT]  # by whoever listened before
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(KeyError), interrupt.held():
        raise KeyError
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("heard")
def test_an_interrupted_run_is_whole_and_goes_on():
    man = made("treated")
    for delay in (0.0, 0.001, 0.004, 0.02):
        timer = threading.Timer(delay, os.kill, (os.getpid(), signal.SIGINT))
        try:
            timer.start()
            man.run_for(25)
            timer.join()
            time.sleep(0.01)
        except KeyboardInterrupt:
            pass
    man.run_until(130)
    same_course(stepped(made("treated"), 130), man)
