"""Jobs of the page: their life, what they leave behind, and that nobody reaches another's."""

from __future__ import annotations

import os
import signal
import sys
import time

import psutil
import pytest
from serving import serving

from testis_abm.app.jobs import desk as desks
from testis_abm.app.jobs import job as jobs
from testis_abm.app.jobs import limits
from testis_abm.app.jobs.bench import Bench
from testis_abm.app.jobs.desk import Desk, Order
from testis_abm.app.jobs.job import DONE, FAILED, QUEUED, RUNNING, STOPPED, Refused
from testis_abm.experiments.store import read
from testis_abm.support.errors import TestisError

MINE, OTHER = "0" * 31 + "1", "0" * 31 + "2"
SWEEP = """
title = "Doses"
[man]
preset = "obese_low_t_e2"
[plan]
duration = "{days} days"
[[therapy]]
drug = "anastrozole"
dose = "1 mg"
every = "1 day"
[sweep]
engine = "expected"
outputs = ["testosterone"]
[sweep.over]
"man.bmi" = {{ from = 24, to = 40, steps = {steps} }}
"""


def order(steps=3, days=30, text=SWEEP):
    return Order("sweep", "dose", "Doses", text.format(steps=steps, days=days), ("sweep", jobs.EXPERIMENT), alone=True)


def until(visitor, name, *states, seconds=60.0):
    """Wait until a job is in one of some states; return it."""
    end = time.monotonic() + seconds
    while (job := visitor.job(name)).state not in states:
        assert time.monotonic() < end, (job, job.failure())
        time.sleep(0.05)
    return job


@pytest.fixture
def desk(tmp_path):
    made = Desk(tmp_path / "page", here=True)
    yield made
    made.close()


def test_a_job_runs_as_the_command_does_and_stays_until_it_is_removed(desk):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order()).name, DONE, FAILED, STOPPED)
    assert job.state == DONE and not job.reason
    assert sorted(read(job.results)["man.bmi"].unique()) == [24, 32, 40]
    assert job.progress.done == job.progress.total == 3
    again = Desk(desk.base)  # as a page that is loaded again, and a server that is started again, see it
    again.begin()
    assert again.visitor(MINE).jobs() == [job]
    mine.remove(job.name)
    assert mine.jobs() == [] and not job.folder.exists()


@pytest.mark.slow
def test_a_killed_job_goes_on_and_gives_the_bytes_of_one_that_ran_through(desk):
    mine = desk.visitor(MINE)
    whole = until(mine, mine.submit(order(300, 180)).name, DONE)
    job = mine.submit(order(300, 180))
    end = time.monotonic() + 60.0
    while not 0 < mine.job(job.name).progress.done < 300:
        assert time.monotonic() < end
        time.sleep(0.01)
    os.kill(mine.job(job.name).process[0], signal.SIGKILL)
    job = until(mine, job.name, STOPPED)
    assert "ended from outside" in job.reason and not (job.results / jobs.WRITTEN).exists()
    mine.resume(job.name)
    job = until(mine, job.name, DONE, FAILED)
    assert (job.results / "results.parquet").read_bytes() == (whole.results / "results.parquet").read_bytes()


def test_a_job_whose_server_was_killed_has_stopped_and_can_be_resumed(desk):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order(5000, 3000)).name, RUNNING)
    process = job.process
    later = Desk(desk.base)
    later.begin()
    assert later.visitor(MINE).job(job.name).state == RUNNING  # it went on without its server
    jobs.end(process)
    # The record as a server that was killed together with the job would have left it.
    until(mine, job.name, STOPPED)
    mine.job(job.name).now(verdict="", reason="", ended=0.0)
    later = Desk(desk.base)
    later.begin()
    assert later.visitor(MINE).job(job.name).state == STOPPED
    later.visitor(MINE).cancel(job.name)  # changes nothing
    later.visitor(MINE).resume(job.name)
    assert until(later.visitor(MINE), job.name, RUNNING).process != process
    later.close()


def test_cancel_ends_the_workers_too_and_resume_goes_on(desk):
    mine = desk.visitor(MINE)
    many = Order("sweep", "dose", "Doses", SWEEP.format(steps=5000, days=3000), ("sweep", jobs.EXPERIMENT))
    if limits.workers(here=True) == 1:
        pytest.skip("one core has no workers")
    job = until(mine, mine.submit(many).name, RUNNING)
    main, end = psutil.Process(job.process[0]), time.monotonic() + 60.0
    while len(workers := main.children(recursive=True)) < 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    mine.cancel(job.name)
    assert mine.job(job.name).state == STOPPED and mine.job(job.name).reason == "Cancelled."
    _, alive = psutil.wait_procs([main, *workers], 10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.slow
def test_one_runs_and_the_others_of_a_visitor_wait_in_turn(desk, monkeypatch):
    monkeypatch.setattr(limits, "places", lambda: 2)
    before = psutil.Process().nice()
    mine, other = desk.visitor(MINE), desk.visitor(OTHER)
    first, second = mine.submit(order(5000, 3000)), mine.submit(order())
    third, fourth = other.submit(order(5000, 3000)), desk.visitor("f" * 32).submit(order())
    states = [mine.job(first.name).state, mine.job(second.name).state, other.job(third.name).state]
    assert states == [RUNNING, QUEUED, RUNNING]
    assert desk.visitor("f" * 32).job(fourth.name).state == QUEUED  # all places are taken
    mine.cancel(first.name)
    assert until(mine, second.name, DONE, FAILED).state == DONE
    other.cancel(third.name)
    assert until(desk.visitor("f" * 32), fourth.name, DONE, FAILED).state == DONE
    assert psutil.Process().nice() == before  # it is the jobs that step back


def test_a_job_has_a_low_priority(desk):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order(5000, 3000)).name, RUNNING)
    assert psutil.Process(job.process[0]).nice() == limits.NICE
    mine.cancel(job.name)


def test_limits_name_themselves(desk, monkeypatch):
    mine = desk.visitor(MINE)
    kept = until(mine, mine.submit(order()).name, DONE)
    with monkeypatch.context() as patch, pytest.raises(Refused, match="most of a visitor \\(1\\)"):
        patch.setattr(limits, "MOST_KEPT", 1)
        mine.submit(order())
    with monkeypatch.context() as patch, pytest.raises(Refused, match="MB on disk"):
        patch.setattr(limits, "MOST_BYTES", 10)
        mine.submit(order())
    with monkeypatch.context() as patch, pytest.raises(Refused, match="all jobs together"):
        patch.setattr(limits, "MOST_BYTES_OF_ALL", 10)
        desk.visitor(OTHER).submit(order())
    with monkeypatch.context() as patch, pytest.raises(Refused, match="0 jobs wait"):
        patch.setattr(limits, "MOST_WAITING", 0)
        desk.visitor(OTHER).submit(order())
    assert mine.jobs() == [kept] and desk.visitor(OTHER).jobs() == []


def test_a_job_that_fills_the_disk_is_stopped(desk, monkeypatch):
    monkeypatch.setattr(desks, "_LOOK", 0.1)
    mine = desk.visitor(MINE)
    job = mine.submit(order(5000, 3000))
    monkeypatch.setattr(limits, "MOST_BYTES", 10)
    assert "MB on disk" in until(mine, job.name, STOPPED).reason
    with pytest.raises(Refused, match="MB on disk"):
        mine.resume(job.name)


def full(*_):
    raise TestisError("the disk is full")


@pytest.mark.skipif(sys.platform != "linux", reason="only there a start is told by the time of day")
@pytest.mark.slow
def test_a_clock_that_is_set_hides_no_process(desk, monkeypatch):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order(5000, 3000)).name, RUNNING)
    process = psutil.Process(job.process[0])
    monkeypatch.setattr("psutil._pslinux.boot_time", lambda: 1e9)
    monkeypatch.setattr(time, "time", lambda: 4e9)  # far beyond the longest time of a job
    monkeypatch.setattr(desks, "_LOOK", 0.05)
    time.sleep(2.5)
    assert jobs.alive(job.process) and mine.job(job.name).state == RUNNING
    mine.cancel(job.name)
    assert not psutil.wait_procs([process], 10)[1]


def test_a_job_can_be_cancelled_on_a_full_disk_and_none_is_left_half_made(desk, monkeypatch):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order(5000, 3000)).name, RUNNING)
    monkeypatch.setattr(jobs.Job, "write", full)
    with pytest.raises(TestisError, match="full"):
        mine.submit(order())
    assert [path.name for path in mine.folder.iterdir()] == [job.name]
    with pytest.raises(TestisError, match="full"):
        mine.cancel(job.name)
    until(mine, job.name, STOPPED)


def test_a_process_that_cannot_be_noted_does_not_go_on(desk, monkeypatch):
    mine = desk.visitor(MINE)
    monkeypatch.setattr(limits, "places", lambda: 0)
    job = mine.submit(order(5000, 3000))
    monkeypatch.undo()
    started, popen = [], desks.subprocess.Popen
    monkeypatch.setattr(desks.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[-1])
    monkeypatch.setattr(jobs.Job, "write", full)
    desk.advance()
    assert len(started) == 1 and started[0].poll() is not None
    assert mine.job(job.name).state == QUEUED and not desk.processes
    monkeypatch.undo()
    desk.advance()
    until(mine, job.name, RUNNING)


def test_what_a_disk_refuses_is_told_and_ends_no_thread(tmp_path):
    (tmp_path / "file").write_text("")
    mine = Desk(tmp_path / "file").visitor(MINE)
    assert mine.jobs() == []
    with pytest.raises(TestisError, match="cannot be written"):
        mine.submit(order())
    with pytest.raises(TestisError, match="is no folder"):
        mine.desk.check()
    with pytest.raises(TestisError, match="is no folder"):
        Desk(tmp_path / "file" / "page").check()
    Desk(tmp_path / "new" / "page").check()


def test_a_folder_that_goes_while_it_is_looked_at_holds_nothing(desk, monkeypatch):
    mine = desk.visitor(MINE)
    mine.folder.mkdir(parents=True)
    is_folder = jobs.is_folder

    def looked_at(path):
        there = is_folder(path)
        if there and path == mine.folder:
            path.rmdir()
        return there

    monkeypatch.setattr(jobs, "is_folder", looked_at)
    assert mine.jobs() == []


def test_a_visitor_is_told_no_path_of_the_server(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(desks, "desk", lambda: Desk(tmp_path / "file"))
    bench = Bench()
    bench.token.value = MINE
    bench._try(lambda visitor: visitor.submit(order()))
    assert "cannot be written" in bench.fault.value and str(tmp_path) not in bench.fault.value


def test_a_job_that_cannot_run_says_why_and_names_no_path(desk):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order(text=SWEEP.replace('"man.bmi"', '"man.bmy"'))).name, DONE, FAILED)
    assert job.state == FAILED and "bmy" in job.reason and str(desk.base) not in job.reason


@pytest.mark.parametrize(
    "said", [None, 3, "", "0" * 31, "0" * 33, "G" * 32, "../" + "0" * 29, "0" * 31 + "\n", ["0"] * 32]
)
def test_what_is_no_token_gets_a_new_one(said):
    new = desks.token(said)
    assert new != said and desks.token(new) == new and len(new) == 32


def test_no_listing_of_the_disk_tells_a_token(desk):
    job = desk.visitor(MINE).submit(order())
    assert MINE not in str(job.folder)
    until(desk.visitor(MINE), job.name, DONE)
    for path in desk.base.rglob("*"):
        assert MINE not in path.name and (path.is_dir() or MINE.encode() not in path.read_bytes())


def test_nobody_reaches_the_jobs_of_another(desk):
    mine, other = desk.visitor(MINE), desk.visitor(OTHER)
    job = until(mine, mine.submit(order()).name, DONE)
    other.folder.mkdir()
    names = [
        job.name,
        f"../{mine.folder.name}/{job.name}",
        str(job.folder),
        f"{job.name}/",
        f"./{job.name}",
        "..",
        ".",
        "",
        None,
        7,
    ]
    for name in names:
        assert other.job(name) is None
        other.cancel(name), other.resume(name), other.remove(name)
    assert mine.job(job.name) == job and mine.jobs() == [job]
    # Links, whoever has put them there, are no jobs and no visitors.
    (other.folder / job.name).symlink_to(job.folder)
    assert other.job(job.name) is None and other.jobs() == []
    other.remove(job.name)
    third = desk.visitor("3" * 32)
    third.folder.symlink_to(mine.folder)
    assert third.jobs() == []
    assert third.job(job.name) is None
    third.remove(job.name)
    assert mine.job(job.name) == job


def test_a_damaged_record_is_no_job_and_spoils_no_other(desk):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order()).name, DONE)
    damaged = mine.folder / ("a" * 16)
    damaged.mkdir()
    for content in (
        "",
        "{}",
        "[]",
        '{"kind": "sweep"}',
        "\0",
        (job.folder / "job.json").read_text().replace("sweep", "trial"),
    ):
        (damaged / "job.json").write_text(content)
        assert mine.jobs() == [job] and mine.job("a" * 16) is None


@pytest.mark.slow
def test_what_is_old_goes_while_the_server_lives(desk, monkeypatch):
    mine = desk.visitor(MINE)
    job = until(mine, mine.submit(order()).name, DONE)
    monkeypatch.setattr(desks, "_DAY", 0.05)
    desk.keep = 1.0
    desk.tidy_daily()
    end = time.monotonic() + 10.0
    while mine.job(job.name) is not None:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.slow
def test_what_is_old_goes_and_what_runs_stays(desk):
    mine = desk.visitor(MINE)
    old, new = (until(mine, mine.submit(order()).name, DONE) for _ in range(2))
    old.now(ended=time.time() - 31 * 86_400, started=1.0, queued=1.0)
    waiting = mine.submit(order(5000, 3000))
    Desk(desk.base, keep=30).begin()
    assert {job.name for job in mine.jobs()} == {new.name, waiting.name}
    mine.cancel(waiting.name)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (limits.Size(limits.MOST_RUNS + 1, 10, "expected"), "20,001 runs are more"),
        (limits.Size(20_000, 3_000, "expected"), "days are more"),
        (limits.Size(20_000, 500, "cells", 468), "468 Sertoli cells are more"),
        (limits.Size(20_000, 500, "expected", 468), ""),
    ],
)
def test_an_experiment_has_limits(size, text):
    said = limits.too_large(size)
    assert (text in said) if text else not said


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pytest.importorskip("solara")
    place = tmp_path_factory.mktemp("page")
    with serving(place / "log", "-m", "testis_abm", "app", "--no-browser", "--folder", str(place / "jobs")) as url:
        yield url


def _to_experiments(page, address):
    page.set_default_timeout(60_000)
    page.goto(address)
    page.get_by_label("Start from").wait_for()
    page.get_by_role("button", name="Experiments", exact=True).click()
    page.get_by_label("Kind").wait_for()


def test_a_job_that_was_started_is_found_again_finished_after_a_reload_and_by_nobody_else(browser, address):
    context = browser.new_context()
    page = context.new_page()
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    _to_experiments(page, address)
    steps = page.get_by_label("Doses", exact=True)
    steps.fill("3")
    steps.press("Tab")
    page.get_by_text("3 runs, about").wait_for()
    page.get_by_role("button", name="Run experiment").click()
    page.locator(".ta-job[data-state=running], .ta-job[data-state=done]").wait_for()
    page.reload()  # which brings the view back
    page.get_by_role("button", name="Experiments", exact=True).click()
    page.locator(".ta-job[data-state=done]").wait_for()
    page.locator("[data-shown]").wait_for()  # the newest is looked at
    other = browser.new_context().new_page()
    _to_experiments(other, address)
    other.get_by_text("No experiment has run yet").wait_for()
    assert other.locator(".ta-job").count() == 0
    token = page.evaluate("localStorage.getItem('testis_abm.visitor')")
    other.evaluate("localStorage.setItem('testis_abm.visitor', '../' + 'a'.repeat(29))")
    other.reload()  # no token of ours: a new one takes its place
    other.wait_for_function("/^[0-9a-f]{32}$/.test(localStorage.getItem('testis_abm.visitor'))")
    assert other.evaluate("localStorage.getItem('testis_abm.visitor')") != token
    page.get_by_role("button", name="Remove").click()
    page.get_by_text("No experiment has run yet").wait_for()
    assert not faults
    context.close()
    other.context.close()
