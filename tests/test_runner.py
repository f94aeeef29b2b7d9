"""One runner: results do not depend on how, where and in how many pieces they were computed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import Future
from pathlib import Path

import pandas as pd
import pytest
import warning_runs
from small_sweep import ABOUT, EXAMPLES, ONCE, SMALL, SWEEP, runs_of, same_bytes

import testis_abm as ta
from testis_abm import TestisError
from testis_abm.cli.command import main
from testis_abm.experiments import runner
from testis_abm.experiments.outputs import COLUMNS
from testis_abm.experiments.runner import execute
from testis_abm.experiments.store import Store, merge, read
from testis_abm.experiments.sweep import sweep
from testis_abm.experiments.task import Job, Task, perform
from testis_abm.support.errors import Note


def test_a_run_gives_what_the_model_gives():
    job = Job({"": SMALL}, (40,), "cells")
    rows = perform(job, Task(0, 0, {"man.bmi": 30}))
    run = ta.run(SMALL, overrides={"man.bmi": 30}, replicates=1)
    last = run.hormones[run.hormones["day"].between(13, 40)]
    for arm, day, *values in rows:
        found = dict(zip(COLUMNS, values, strict=True))
        mean = last[last["arm"] == arm].mean(numeric_only=True)
        assert day == 40 and found["testosterone_nmol_l"] == pytest.approx(mean["testosterone_nmol_l"])
        assert found["fsh_iu_l"] == pytest.approx(mean["fsh_iu_l"])
    assert [row[0] for row in rows] == ["untreated", "treated"]


def test_the_expected_man_is_the_mean_of_the_cells():
    case = {**SMALL, "tissue": {"tubules": 40}, "plan": {**SMALL["plan"], "duration": "120 days"}}
    both = [perform(Job({"": case}, (120,), engine), Task(0, 0)) for engine in ("cells", "expected")]
    for cells, expected in zip(*both, strict=True):
        one, other = (dict(zip(COLUMNS, row[2:], strict=True)) for row in (cells, expected))
        for name in ("testosterone_nmol_l", "oestradiol_pmol_l", "lh_iu_l", "t_over_e2"):
            assert one[name] == pytest.approx(other[name], rel=0.02), name
        assert one["concentration_million_ml"] == pytest.approx(other["concentration_million_ml"], rel=0.15)


def test_results_do_not_depend_on_how_they_were_computed(tmp_path):
    job, tasks = runs_of(SWEEP)

    def done(name: str, **how: object) -> Path:
        execute(job, tasks, Store.of(tmp_path / name, job, tasks, ABOUT), **how)
        return tmp_path / name

    alone = same_bytes(done("alone", workers=1), tmp_path)
    assert same_bytes(done("chunks", workers=1, chunk=3), tmp_path) == alone
    assert same_bytes(done("two", workers=2), tmp_path) == alone
    shards = [done(f"shard{i}", workers=1, shard=(i, 3)) for i in (1, 2, 3)]
    merge(tmp_path / "merged", shards)
    assert same_bytes(tmp_path / "merged", tmp_path) == alone
    # Stopped after each of five parts, and one part lost.
    broken = tmp_path / "broken"
    for k in range(5):
        with pytest.raises(KeyboardInterrupt):
            execute(job, tasks, Store.of(broken, job, tasks, ABOUT), workers=1, chunk=1, progress=_stop_after(k + 1))
    next((broken / "parts").glob("*.parquet")).unlink()
    assert same_bytes(done("broken", workers=1), tmp_path) == alone
    # Runs that two stores share are not doubled, not for those who read the parts themselves either.
    merge(tmp_path / "all", [tmp_path / "chunks", tmp_path / "shard1", tmp_path / "two"])
    assert same_bytes(tmp_path / "all", tmp_path) == alone
    assert len(pd.read_parquet(tmp_path / "all" / "parts")) == len(read(tmp_path / "alone"))


def _stop_after(runs: int):
    def tell(of) -> None:
        if of.done >= runs and of.done > of.found:
            raise KeyboardInterrupt

    return tell


@pytest.mark.slow
def test_dask_gives_the_same_bytes(tmp_path):
    pytest.importorskip("distributed")
    job, tasks = runs_of(ONCE)
    execute(job, tasks, Store.of(tmp_path / "alone", job, tasks, ABOUT), workers=1)
    execute(job, tasks, Store.of(tmp_path / "dask", job, tasks, ABOUT), dask="local", workers=2)
    assert same_bytes(tmp_path / "dask", tmp_path) == same_bytes(tmp_path / "alone", tmp_path)
    with pytest.raises(TestisError, match="no scheduler answers"):
        execute(job, tasks, Store.of(tmp_path / "none", job, tasks, ABOUT), dask="tcp://127.0.0.1:9")


def test_what_is_kept_is_not_done_again(tmp_path, monkeypatch):
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 1}}, tmp_path / "s", workers=1)
    monkeypatch.setattr(runner, "work", lambda job, tasks: pytest.fail("a kept run was done again"))
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 1}}, tmp_path / "s", workers=1)


def test_a_run_that_fails_is_recorded_and_stops_nobody(tmp_path):
    given = {**SMALL, "sweep": {"replicates": 1, "over": {"man.bmi": [24, 30]}}}
    job, tasks = runs_of(given)
    tasks.append(Task(2, 0, {"man.bmi": 500}))
    store = Store.of(tmp_path / "s", job, tasks, ABOUT)
    found = execute(job, tasks, store, workers=1)
    table = read(tmp_path / "s")
    assert (found.done, found.failed) == (3, 1)
    assert "500 is out of range" in table.loc[table["point"] == 2, "error"].iloc[0]
    assert (table[table["point"] < 2]["error"] == "").all() and len(table) == 5
    assert execute(job, tasks, store, workers=1).found == 3


def test_both_engines_let_a_man_with_a_past_recover_through_the_baseline():
    case = {"man": {"preset": "recovering_from_testosterone"}, "tissue": {"tubules": 8}}
    case["plan"] = {"baseline": "28 days", "duration": "10 days"}
    rows = [perform(Job({"": case}, (0, 10), engine), Task(0, 0)) for engine in ("cells", "expected")]
    for cells, expected in zip(*rows, strict=True):
        one, other = (dict(zip(COLUMNS, row[2:], strict=True)) for row in (cells, expected))
        assert cells[:2] == expected[:2]
        # FSH follows the germ cells of single niches, which lie apart while a testis refills.
        for name, within in {"testosterone_nmol_l": 0.03, "lh_iu_l": 0.03, "fsh_iu_l": 0.1}.items():
            assert one[name] == pytest.approx(other[name], rel=within), (name, cells[1])


def test_a_run_that_failed_by_no_fault_of_its_own_is_tried_again(tmp_path, monkeypatch):
    from testis_abm.experiments import task

    job, tasks = runs_of({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}})
    store = Store.of(tmp_path / "s", job, tasks, ABOUT)
    real, ill = task._expected, [1]

    def once(*given):
        if ill and ill.pop():
            raise MemoryError("for a while")
        return real(*given)

    monkeypatch.setattr(task, "_expected", once)
    assert execute(job, tasks, store, workers=1).failed == 1
    table = read(tmp_path / "s")
    assert (table["error"] == "fault: MemoryError: for a while").sum() == 1
    again = execute(job, tasks, Store.of(tmp_path / "s", job, tasks, ABOUT), workers=1)
    assert (again.found, again.failed) == (3, 0)
    assert (read(tmp_path / "s")["error"] == "").all() and len(read(tmp_path / "s")) == 16


def test_two_processes_on_one_store_share_the_work(tmp_path):
    job, tasks = runs_of({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected"}})
    one, other = (Store.of(tmp_path / "s", job, tasks, ABOUT) for _ in range(2))

    def meanwhile(of):
        if of.done == 2:
            execute(job, tasks[:6], other, workers=1)

    execute(job, tasks, one, workers=1, chunk=2, progress=meanwhile)
    assert len(pd.read_parquet(tmp_path / "s" / "parts")) == len(read(tmp_path / "s")) == len(tasks) * 4


def test_a_part_takes_some_seconds():
    queue = runner._Queue([Task(k, 0) for k in range(1000)], 0, 2)
    sizes = []
    while queue:
        tasks, _ = queue.take()
        sizes.append(len(tasks))
        queue.took(len(tasks), 0.1 * len(tasks))
    assert sum(sizes) == 1000 and max(sizes) == 50 and sizes[0] == 2 and sizes[-1] == 1
    slow = runner._Queue([Task(k, 0) for k in range(10)], 0, 2)
    slow.took(2, 120.0)
    assert len(slow.take()[0]) == 1


# A plain script, which needs no guard for the processes that it starts.
KILLED = """
import sys
from testis_abm.experiments.sweep import sweep
case = {case!r}
sweep(case, sys.argv[1], workers=2)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or not Path("/proc").exists(), reason="needs Linux")
@pytest.mark.slow
def test_killed_workers_and_parents_lose_and_double_nothing(tmp_path):
    many = {**SMALL, "plan": {**SMALL["plan"], "duration": "60 days"}}
    many["sweep"] = {"replicates": 1, "engine": "cells", "over": {"man.bmi": {"from": 20, "to": 40, "steps": 16}}}
    script = tmp_path / "run.py"
    script.write_text(KILLED.format(case=many))
    folder = tmp_path / "s"
    parts = folder / "parts"
    for who in ("parent", "worker"):  # the second goes on where the first was killed
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.DEVNULL)
        began, before = time.monotonic(), len(list(parts.glob("*.parquet")))
        while time.monotonic() - began < 60 and process.poll() is None:
            if len(list(parts.glob("*.parquet"))) > before:
                break
            time.sleep(0.02)
        children = _workers_of(process.pid)
        assert children, "all was over before anybody could be killed"
        if who == "worker":
            os.kill(children[0], signal.SIGKILL)
            assert process.wait(120) == 0
        else:
            process.kill()
            process.wait(20)
            deadline = time.monotonic() + 20
            while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not any(Path(f"/proc/{child}").exists() for child in children), "workers outlived their parent"
    table = sweep(many, folder, workers=1)
    assert len(table) == 32 and not table.duplicated(["point", "arm"]).any() and (table["error"] == "").all()


def _workers_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            line = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"spawn_main" in line:
            found.append(int(path.parent.name))
    return found


def test_runs_that_kill_their_process_are_told_and_not_recorded(tmp_path, monkeypatch):
    calls = []

    class Cluster:
        """An executor that loses the worker of one run each time."""

        def __enter__(self):
            return self, lambda: 2

        def __exit__(self, *error):
            return None

        def submit(self, work, job, tasks):
            future = Future()
            calls.append(len(tasks))
            if any(task.point == 1 for task in tasks):
                future.set_exception(RuntimeError("KilledWorker"))
            else:
                future.set_result(work(job, tasks))
            return future

    monkeypatch.setattr(runner, "_executor", lambda dask, workers: Cluster())
    job, tasks = runs_of(SWEEP)
    store = Store.of(tmp_path / "s", job, tasks, ABOUT)
    with pytest.raises(TestisError, match="2 runs lost their process"):
        execute(job, tasks, store, workers=2, chunk=4)
    assert len(store.done()) == 6 and (read(tmp_path / "s")["error"] == "").all()


def test_a_command_does_a_part(tmp_path, capsys):
    part = ["--workers", "1", "--shard", "1/8", "--out", str(tmp_path / "s")]
    assert main(["sensitivity", str(EXAMPLES / "sensitivity.toml"), *part]) == 0
    assert "Shard 1 of 8 is done" in capsys.readouterr().out


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.slow
def test_what_python_warns_of_in_runs_is_told_once_by_the_process_that_asked(workers, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(runner, "work", warning_runs.work)
    job, tasks = runs_of(SWEEP)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        execute(job, tasks, Store.of(tmp_path / "s", job, tasks, ABOUT), workers=workers, chunk=1)
    assert sorted(str(of.message) for of in caught) == [
        "in runs: FutureWarning: odd\\nnumber 0",
        "in runs: FutureWarning: odd\\nnumber 1",
        "in runs: RuntimeWarning: divide by zero encountered in log",
    ]
    assert all(issubclass(of.category, Note) for of in caught)
    told = capfd.readouterr()
    assert "Warning" not in told.err + told.out
