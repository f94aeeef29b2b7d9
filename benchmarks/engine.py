"""Print what the engine costs beside its goals: days, men, cells, cores, memory, start; every figure from this one run.

    python benchmarks/engine.py [--quick] [--only WORD] [--trial]
    python benchmarks/engine.py --against CHECKOUT [--quick] [--only WORD]

A step of the model is one day and exact: there are no sub-steps. What one core pays is CPU time of its thread, least of
many (timing.py); so are ratios within this run. Two cores are timed on the clock: they need both cores idle.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from against import compare
from experiments import thousand
from figures import ONE_ARM, Figure, chosen, living, man_at_rest
from table import row, show, told
from timing import ROOT, Work, command, least_in_turn, threads

from testis_abm.testis.columns import GERM_DTYPES

COLUMNS = sum(np.dtype(kind).itemsize for kind in GERM_DTYPES.values())  # bytes of a germ cell
QUICK = 0.25  # share of the repeats


def one_core(figures: list[Figure], share: float) -> None:
    """Time each figure on one core; work out a trial from the cost of its men."""
    for figure in figures:
        with threads(1):
            spent = least_in_turn({"": figure.prepare()}, figure.calls(share))[""]
        row(figure.what, figure.goal_text, figure.text(spent), figure.hit(spent))
        if figure.what == ONE_ARM:
            whole = 1000 * spent / 2
            row("1,000-man, two-arm trial on two cores, worked out", "<= 15 s", f"{whole:.1f} s", whole <= 15)


def ratios(cells: int, repeats: int) -> None:
    """Compare a day with the reference engine's, with the germ cells' alone, and with copying the columns."""
    tissue = man_at_rest(cells).tissue
    cells = tissue.columns.germ.total
    source = np.ones(COLUMNS * cells, np.uint8)
    into = np.zeros_like(source)
    works = {
        "whole": living(cells, 10),
        "germ": Work(lambda: tissue.live_on(10), 10 * cells),
        "copy": Work(lambda: [np.copyto(into, source) for _ in range(10)], 10 * cells),
        "reference": living(cells, 1, "reference"),
    }
    with threads(1):
        of = least_in_turn(works, repeats)
    ratio = of["reference"] / of["whole"]
    row(f"reference engine over compiled, day of {cells:,} cells", ">= 300 x", f"{ratio:.0f} x", ratio >= 300)
    told("germ cells' share of the day", f"{of['germ'] / of['whole']:.0%}")
    told(f"day over copying the cells' {COLUMNS} bytes into an array", f"{of['whole'] / of['copy']:.1f} x")


def two_cores(cells: int, repeats: int) -> None:
    """Compare days of one man on one thread with days on two, on the clock."""
    man = living(cells, 10)

    def on(count: int) -> Work:
        def days() -> None:
            with threads(count):
                man.do()

        return Work(days)

    of = least_in_turn({"one": on(1), "two": on(2)}, repeats, time.perf_counter)
    faster = of["one"] / of["two"]
    row(f"{cells:,} cells on two cores", ">= 1.7 x faster", f"{faster:.2f} x", faster >= 1.7)


# Run in a process of its own; prints bytes of resident memory a germ cell.
_MEMORY = """
import gc, os, sys
from figures import living
def resident():
    gc.collect()
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
living(1000, 2).do()
before = resident()
work = living(int(sys.argv[1]), 20)
work.do()
print((resident() - before) / (work.units / 20))
"""


def memory(cells: int) -> None:
    """Measure all that a man's tissue holds after some days."""
    if not Path("/proc/self/statm").exists():
        return
    line = [sys.executable, "-c", _MEMORY, str(cells)]
    done = subprocess.run(
        line, stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT / "benchmarks", env=_own_package()
    )
    held = float(done.stdout)
    row(f"memory of {cells:,} cells, all of the tissue", "<= 80 bytes a cell", f"{held:.0f} bytes", held <= 80)


def _own_package() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


SMALL = 'title = "small"\n[tissue]\ntubules = 2\n[plan]\nduration = "20 days"\nreplicates = 1\n'
PATIENT = [
    "--t",
    "260ng/dL",
    "--e2",
    "48pg/mL",
    "--lh",
    "3.1",
    "--fsh",
    "4.4",
    "--bmi",
    "33",
    "--concentration",
    "6M/mL",
]


def commands(repeats: int) -> None:
    """Time `testis-abm run` with nothing compiled and with everything, and `testis-abm twin`; by CPU of all processes."""
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        (place / "small.toml").write_text(SMALL)

        def run(name: str, env: dict[str, str] | None = None):
            return command("run", str(place / "small.toml"), "--no-plots", "--out", str(place / name), env=env)

        cold = run("cold", {"TESTIS_ABM_CACHE": str(place / "cache")})
        run("first")
        warm = [run(f"warm{k}") for k in range(repeats)]
        row("testis-abm run, cold (compiles once)", "<= 8 s", str(cold), cold.cpu <= 8)
        best = min(warm, key=lambda cost: cost.cpu)
        row("testis-abm run, warm", "<= 1.2 s", str(best), best.cpu <= 1.2)
        row("the same, memory", "<= 250 MB", f"{best.peak:.0f} MB", best.peak <= 250)
    treated = ("twin", *PATIENT, "--give", "anastrozole 1mg daily")
    twin = min((command(*treated) for _ in range(repeats)), key=lambda cost: cost.cpu)
    row("testis-abm twin, with a therapy", "<= 3 s", str(twin), twin.cpu <= 3)


def main() -> None:
    """Run all parts, or what was asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repeats, no tissue of a million cells")
    parser.add_argument("--only", metavar="WORD", default="", help="only the figures of one core whose name holds it")
    parser.add_argument("--trial", action="store_true", help="really run the trial of 1,000 men too")
    parser.add_argument("--against", metavar="CHECKOUT", type=Path, help="compare with that checkout, in turns")
    options = parser.parse_args()
    began, share = time.perf_counter(), QUICK if options.quick else 1.0
    sizes = (100_000,) if options.quick else (100_000, 1_000_000)
    figures = chosen(options.only, options.quick)
    if not figures:
        parser.error(f"--only {options.only}: no figure's name holds that; without it all are timed")
    if options.against:
        compare(options.against.resolve(), figures, share)
        return
    one_core(figures, share)
    if not options.only:
        ratios(10_000, round(40 * share))
        for cells in sizes:
            two_cores(cells, round(20 * share))
        memory(sizes[-1])
        commands(2 if options.quick else 5)
    if options.trial:
        with tempfile.TemporaryDirectory() as folder:
            thousand(Path(folder))
    show()
    print(f"{time.perf_counter() - began:.0f} s on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
