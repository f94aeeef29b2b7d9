"""Times that survive a busy machine: CPU time, the least of many repeats, variants in turn.

What else a machine does adds to a time and never takes from it, so the least of many is nearest to the cost. What is
compared runs in turn within one process (or in processes that take turns), so that a busy minute meets all of it.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
_THREADS = "TESTIS_ABM_THREADS"


class Work(NamedTuple):
    """What is timed: `do` does so many `units` (days, men, cells times days) at each call."""

    do: Callable[[], object]
    units: float = 1.0


def seconds(work: Work, clock: Callable[[], float] = time.thread_time) -> float:
    """Return what one call takes a unit, seconds (default: of CPU, of this thread alone)."""
    began = clock()
    work.do()
    return (clock() - began) / work.units


def least_in_turn(
    works: Mapping[str, Work], repeats: int, clock: Callable[[], float] = time.thread_time
) -> dict[str, float]:
    """Return the least seconds a unit of each work, which take turns; each is called once before, untimed."""
    for work in works.values():
        work.do()
    best = dict.fromkeys(works, float("inf"))
    for _ in range(repeats):
        for name, work in works.items():
            best[name] = min(best[name], seconds(work, clock))
    return best


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let the engine use so many threads within; with 1, a thread's own CPU time is all that work costs."""
    before = os.environ.get(_THREADS)
    os.environ[_THREADS] = str(count)
    try:
        yield
    finally:
        os.environ.pop(_THREADS)
        if before is not None:
            os.environ[_THREADS] = before


class Cost(NamedTuple):
    """What a command took: seconds on the clock, seconds of CPU, most memory of one process in MB."""

    wall: float
    cpu: float
    peak: float

    def __str__(self) -> str:
        return f"{self.cpu:.2f} s ({self.wall:.2f} s on the clock)"


# A small process starts it, because a process begins with the peak memory of the one that it was forked from.
_START = """
import resource, subprocess, sys, time
began = time.perf_counter()
done = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
sys.stderr.buffer.write(done.stderr)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
sys.exit(done.returncode)
"""


def command(*arguments: str, env: Mapping[str, str] | None = None) -> Cost:
    """Run `testis-abm` with these arguments in a process of its own; return what it and its workers took.

    Raises:
        SystemExit: if it failed, with what it said.
    """
    line: Sequence[str] = [sys.executable, "-c", _START, sys.executable, "-m", "testis_abm", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **(env or {})})
    if done.returncode:
        raise SystemExit(f"testis-abm {' '.join(arguments)} failed:\n{done.stderr}")
    return Cost(*map(float, done.stdout.split()))
