"""Print what experiments cost and whether they lose anything: the runner against bare runs, a trial, kills, memory.

python benchmarks/experiments.py [--quick]
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path

from figures import SIX_MONTHS
from table import row, show, told
from timing import ROOT, Work, least_in_turn, seconds

from testis_abm.experiments.compare import compare
from testis_abm.experiments.files import read_experiment
from testis_abm.experiments.runner import execute
from testis_abm.experiments.store import Store
from testis_abm.experiments.sweep import sweep
from testis_abm.experiments.task import Job, Task, attempt
from testis_abm.experiments.trial import trial


def throughput(folder: Path) -> None:
    """Compare bare runs with the same behind the runner, in turn; then with a process on each core."""
    job, cores, rounds = Job({"": SIX_MONTHS}, (180,)), os.cpu_count() or 1, count()

    def behind(tasks: list[Task], workers: int) -> None:
        store = Store.of(folder / str(next(rounds)), job, tasks, {"kind": "sweep"})
        execute(job, tasks, store, workers=workers)

    tasks = [Task(i, i) for i in range(12)]
    works = {
        "bare": Work(lambda: [attempt(job, task) for task in tasks], len(tasks)),
        "runner": Work(lambda: behind(tasks, 1), len(tasks)),
    }
    of = least_in_turn(works, 6, time.process_time)
    over = 100 * (of["runner"] / of["bare"] - 1)
    row(
        "two arms, six months, default tissue, one core",
        ">= 30 men/s",
        f"{1 / of['bare']:.1f} men/s",
        1 / of["bare"] >= 30,
    )
    row("overhead of the runner over bare runs", "< 10 %", f"{over:.1f} %", over < 10)
    many = [Task(i, i) for i in range(60 * cores)]
    took = seconds(Work(lambda: behind(many, cores), len(many)), time.perf_counter)
    told(
        f"the same on {cores} cores, on the clock, starting the workers included",
        f"{1 / took / cores:.1f} men/s and core",
    )


def thousand(folder: Path) -> None:
    """Run a trial of 1,000 men on the default tissue, on all cores; on the clock."""
    case = {
        **{key: value for key, value in SIX_MONTHS.items() if key not in ("man", "therapy")},
        "samples": {"assay": "immunoassay"},
        "trial": {"men": 1000, "where": ["T/E2 < 10", "sperm concentration < 15 M/mL"], "engine": "cells"},
        "arm": [{"name": "control", "therapy": []}, {"name": "anastrozole", "therapy": SIX_MONTHS["therapy"]}],
    }
    began = time.perf_counter()
    found = trial(case, folder / "trial")
    took = time.perf_counter() - began
    row("1,000-man, two-arm, six-month trial, default tissue", "<= 15 s", f"{took:.1f} s", took <= 15)
    print(found.text() if found else "")


def pairing() -> None:
    """Measure what common random numbers save."""
    raw = ROOT / "scenarios" / "experiments" / "compare_drugs.toml"
    found = compare(read_experiment(raw, "compare", ()).arms, replicates=12)
    for word in ("testosterone", "intratesticular testosterone", "sperm concentration"):
        worth = found.effects[found.effects["output"] == word].groupby("arm")["worth"].first()
        told = ", ".join(f"{arm} x{worth[arm]:.1f}" for arm in worth.index)
        row(f"unpaired over paired variance: {word}", "> 1", told, float(worth.min()) > 1)


def kills(folder: Path, times: int) -> None:
    """Kill workers and parents at random moments; nothing may be lost or doubled."""
    case = {
        "title": "kill",
        "tissue": {"tubules": 2, "sertoli_per_tubule": 10},
        "plan": {"baseline": "2 days", "duration": "60 days"},
        "therapy": SIX_MONTHS["therapy"],
        "sweep": {"replicates": 1, "over": {"man.bmi": {"from": 20, "to": 40, "steps": 4000}}},
    }
    script = folder / "kill.py"
    script.write_text(
        "import sys\nfrom testis_abm.experiments.sweep import sweep\n"
        f"if __name__ == '__main__':\n    sweep({case!r}, sys.argv[1], workers=2)\n"
    )
    luck, killed = random.Random(1), {"worker": 0, "parent": 0}
    store = folder / "killed"
    process = None
    for k in range(times):
        if process is None or process.poll() is not None:
            process = subprocess.Popen([sys.executable, str(script), str(store)], stderr=subprocess.DEVNULL)
        time.sleep(luck.uniform(3, 9))
        if process.poll() is not None:
            break
        children = _workers(process.pid)
        if k % 2 and children:
            os.kill(luck.choice(children), signal.SIGKILL)
            killed["worker"] += 1
        else:
            process.kill()
            process.wait()
            killed["parent"] += 1
    if process is not None:
        process.kill()
        process.wait()
    table = sweep(case, store)
    whole = len(table) == 8000 and not table.duplicated(["point", "arm"]).any() and bool((table["error"] == "").all())
    row(
        "kill -9 at random moments, nothing lost or doubled",
        "20 kills",
        f"{killed['worker']} workers, {killed['parent']} parents",
        whole and sum(killed.values()) == times,
    )


def _workers(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
            spawned = b"spawn_main" in (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if parent == pid and spawned:
            found.append(int(path.parent.name))
    return found


def memory(folder: Path, runs: int) -> None:
    """Write and sum up a store of many small runs in a process of its own; tell its peak."""
    code = f"""
import resource, sys
from testis_abm.experiments.outputs import COLUMNS, DEFAULT
from testis_abm.experiments.store import Store, table_of
from testis_abm.experiments.sweep import summary
from testis_abm.experiments.task import Job, Task
bmi = [20 + 20 * i / {runs} for i in range({runs})]
job, tasks = Job({{"": {{"title": "many"}}}}, (180,)), [Task(i, 0, {{"man.bmi": x}}) for i, x in enumerate(bmi)]
design = {{"paths": ["man.bmi"], "units": [""], "log": [False], "method": "list", "points": [[x] for x in bmi]}}
store = Store.of(sys.argv[1], job, tasks, {{"kind": "sweep", "title": "many", "outputs": list(DEFAULT), "design": design}})
names = store.index["run"].to_pylist()
for first in range(0, {runs}, 400):
    found = [
        (name, [(arm, 180, *(float(i + k) for k in range(len(COLUMNS)))) for arm in ("untreated", "treated")], "")
        for i, name in enumerate(names[first : first + 400], first)
    ]
    store.write(table_of(job.columns, found), names[first : first + 400])
print(len(summary(sys.argv[1])), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder / "many")], capture_output=True, text=True, check=True
    )
    points, peak = done.stdout.split()
    row(
        f"a store of {runs:,} runs, written and summed up: peak memory",
        "< 1000 MB",
        f"{float(peak):.0f} MB",
        int(points) == runs and float(peak) < 1000,
    )


def main() -> None:
    """Run all parts and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="neither the trial, nor pairing, nor kills")
    quick = parser.parse_args().quick
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        throughput(folder)
        memory(folder, 100_000)
        if not quick:
            pairing()
            thousand(folder)
            kills(folder, 20)
        shutil.rmtree(folder, ignore_errors=True)
    show()
    print(
        f"{time.perf_counter() - began:.0f} s on {os.cpu_count()} cores, {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
