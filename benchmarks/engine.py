"""Print what the engine costs beside its targets: rules, cells, memory, start; every figure from this one run.

    python benchmarks/engine.py

A step of the model is one day and exact: there are no sub-steps. Times are the least of several repeats, because
machines are noisy; ratios from one run are worth more than seconds.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from table import row, show

import testis_abm as ta
from testis_abm import parameters
from testis_abm.biology.days import BloodDay
from testis_abm.man.physiology import complete
from testis_abm.testis import kernel, threads
from testis_abm.testis.columns import GERM_DTYPES
from testis_abm.testis.tissue import UNCHANGED, Tissue

ROOT = Path(__file__).resolve().parents[1]
BLOOD = BloodDay(1.0, 4.0, 1.0, 0.0, 0.0)
MILLION = 3_400  # tubules of 26 Sertoli cells
COLUMNS = sum(np.dtype(kind).itemsize for kind in GERM_DTYPES.values())


def least(work: Callable[[], object], repeats: int) -> float:
    """Return the least seconds of several calls."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times)


def with_threads(count: int) -> None:
    """Let the engine use so many threads."""
    os.environ["TESTIS_ABM_THREADS"] = str(count)


def scenario(tubules: int, days: int = 241) -> dict[str, object]:
    """Return a fertile man of that size, 28 days before and `days` after day 0."""
    return {
        "title": "benchmark",
        "tissue": {"tubules": tubules},
        "plan": {"baseline": "28 days", "duration": f"{days} days", "replicates": 1},
    }


def settled(tubules: int) -> Tissue:
    """Return a tissue at rest."""
    man = {name: field.value for name, field in parameters.physiology().items()}
    tissue = Tissue(complete(parameters.values()), man, tubules, 26, 1)
    tissue.settle_soma(BLOOD)
    tissue.settle_germ_line()
    return tissue


def against_reference() -> None:
    """Time a day of the same man in both engines."""
    for tubules, days in ((5, 12), (34, 6)):
        models = {}
        for engine in ("compiled", "reference"):
            model = ta.TestisModel(ta.load(scenario(tubules)), rng=1, engine=engine)
            model.run_for(2)
            models[engine] = model
        cells = models["compiled"].tissue.columns.germ.total
        whole = {name: least(lambda m=model: m.tissue.day(BLOOD), days) for name, model in models.items()}
        ratio = whole["reference"] / whole["compiled"]
        row(f"compiled over reference, day of {cells:,} germ cells", ">= 300 x", f"{ratio:.0f} x", ratio >= 300)


def per_cell() -> None:
    """Time a whole day of the tissue per germ cell on one thread, and its parts."""
    with_threads(1)
    for tubules in (34, 340, MILLION):
        tissue = settled(tubules)
        cells, kinds, p = tissue.columns.germ.total, tissue.cells, tissue.p
        repeats = 12 if tubules == MILLION else 60

        def live(tissue: Tissue = tissue) -> None:
            tissue.now += 1.0
            tissue.events = tissue.cells.live(tissue.now, tissue.p, 1.0)

        parts = {
            "Leydig cells, fields, Sertoli cells": least(
                lambda k=kinds, p=p: k.soma(BLOOD, p, UNCHANGED, 1.0), repeats
            ),
            "germ cells": least(live, repeats),
        }
        whole = 1e9 * least(lambda t=tissue: t.day(BLOOD), repeats) / cells
        split = ", ".join(f"{name} {1e9 * seconds / cells:.1f}" for name, seconds in parts.items())
        row(f"day of {cells:,} germ cells, one core", "<= 10 ns a cell", f"{whole:.1f} ns", whole <= 10)
        print(f"  {cells:,} cells: {split} ns a cell")
        source = np.zeros(COLUMNS * cells, dtype=np.uint8)
        copied = 1e9 * least(lambda a=source: a.copy(), 20) / cells
        print(
            f"  the same {COLUMNS} bytes a cell merely copied by numpy: {copied:.2f} ns a cell; ratio {whole / copied:.1f}"
        )


def million() -> None:
    """Let a million germ cells live 270 days, settling included, on one thread and on two."""
    code = (
        "import os,sys,time;sys.path.insert(0,'benchmarks');import testis_abm as ta;from engine import scenario;"
        "ta.TestisModel(ta.load(scenario(1)),rng=1).run_for(2);"
        "rss=lambda:int(open('/proc/self/statm').read().split()[1])*os.sysconf('SC_PAGE_SIZE');"
        "base=rss();t=time.perf_counter();"
        f"m=ta.TestisModel(ta.load(scenario({MILLION})),rng=1);s=time.perf_counter();m.run_for(270);e=time.perf_counter();"
        "n=m.tissue.columns.germ.total;"
        "peak=[int(l.split()[1])*1024 for l in open('/proc/self/status') if l.startswith('VmHWM')][0];"
        "print(n,s-t,e-s,(rss()-base)/n,(peak-base)/n)"
    )
    seconds = {}
    for count in (1, 2):
        found = []
        for _ in range(2):
            done = subprocess.run(
                [sys.executable, "-c", code],
                capture_output=True,
                text=True,
                check=True,
                cwd=ROOT,
                env={**os.environ, "TESTIS_ABM_THREADS": str(count)},
            )
            found.append([float(word) for word in done.stdout.split()])
        cells, settling, running, held, peak = min(found, key=lambda of: of[1] + of[2])
        seconds[count] = settling + running
        print(
            f"  {cells:,.0f} cells on {count}: settling {settling:.1f} s, 270 days {running:.1f} s; peak {peak:.0f} bytes a cell"
        )
        if count == 1:
            row(
                "a million germ cells, 270 days, one core",
                "< 15 s",
                f"{seconds[1]:.1f} s with settling",
                seconds[1] < 15,
            )
            row("columns of a germ cell", "<= 40 bytes", f"{COLUMNS} bytes", COLUMNS <= 40)
            row("all memory of the tissue over its germ cells", "<= 128 bytes", f"{held:.0f} bytes", held <= 128)
    ratio = seconds[1] / seconds[2]
    row("the same on two cores", ">= 1.6 x faster", f"{ratio:.2f} x", ratio >= 1.6)
    with_threads(threads.available())


def men() -> None:
    """Time the engine for the default man and one of 20,000 cells, 270 days."""
    for tubules, name, target in ((16, "default man", 0.15), (66, "man of 20,000 cells", 0.3)):
        engine = min(ta.run(scenario(tubules)).provenance["engine_seconds"] for _ in range(5))
        row(f"{name}, 270 days: engine time", f"< {target:g} s", f"{engine:.3f} s", engine < target)


PARTS = {
    "secrete": "Leydig cells",
    "leydig_aromatase": "Leydig cells",
    "testosterone_and_aromatase": "testosterone field",
    "oestradiol_and_germ_cells": "oestradiol field and Sertoli cells",
    "live": "germ cells",
}


def split() -> None:
    """Show where the time of the default scenario goes."""
    spent: dict[str, float] = {}

    def timed(name: str, work: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object, **named: object) -> object:
            started = time.perf_counter()
            try:
                return work(*arguments, **named)
            finally:
                spent[name] = spent.get(name, 0.0) + time.perf_counter() - started

        return wrapped

    model = ta.TestisModel(ta.load(ROOT / "scenarios" / "fertile_man.toml"), rng=1)
    model.body.day = timed("body", model.body.day)
    cells = model.tissue.cells

    def in_two_parts(blood, p, change, now, dt):  # the same day, so that each can be timed
        cells.soma(blood, p, change, dt)
        return cells.live(now, p, dt)

    cells.day = in_two_parts
    untimed = {name: getattr(kernel, name) for name in PARTS}
    for name, part in PARTS.items():
        setattr(kernel, name, timed(part, untimed[name]))
    model.tissue._report = timed("tissue report", model.tissue._report)
    model.tract.day = timed("tract", model.tract.day)
    model._record = timed("output", model._record)
    started = time.perf_counter()
    while model.running:
        model.step()
    whole = time.perf_counter() - started
    for name, part in untimed.items():
        setattr(kernel, name, part)
    shares = ", ".join(f"{name} {100 * seconds / whole:.0f} %" for name, seconds in spent.items())
    print(f"  default scenario, {whole:.3f} s: {shares}, the rest {100 * (1 - sum(spent.values()) / whole):.0f} %")


def starts() -> None:
    """Time `testis-abm run` with nothing compiled and with everything."""
    with tempfile.TemporaryDirectory() as temporary:
        case = Path(temporary) / "small.toml"
        case.write_text('title = "small"\n[tissue]\ntubules = 2\n[plan]\nduration = "20 days"\nreplicates = 1\n')
        env = {**os.environ, "TESTIS_ABM_CACHE": temporary}
        line = [sys.executable, "-m", "testis_abm", "run", str(case), "--no-plots", "--out"]

        def run(name: str) -> None:
            subprocess.run([*line, str(Path(temporary) / name)], check=True, capture_output=True, env=env, cwd=ROOT)

        cold = least(lambda: run("cold"), 1)
        warm = min(least(lambda k=k: run(f"warm{k}"), 1) for k in range(3))
    row("testis-abm run, cold start (compiles once)", "< 30 s", f"{cold:.1f} s", cold < 30)
    row("testis-abm run, warm start", "< 3 s", f"{warm:.1f} s", warm < 3)


def main() -> None:
    """Run all parts and print the table."""
    started = time.perf_counter()
    for part in (men, split, against_reference, per_cell, million, starts):
        part()
    show()
    print(f"{time.perf_counter() - started:.0f} s on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
