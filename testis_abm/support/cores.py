"""Work shared among the cores of this process: compiled loops release Python's lock."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from functools import partial

from testis_abm.support import guard

_MOST = 8  # threads
_PART = 100  # pieces of work that are worth a thread's while


def available() -> int:
    """Return how many threads to use: TESTIS_ABM_THREADS, else the cores that this process may use."""
    wanted = os.environ.get("TESTIS_ABM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


class Threads(ThreadPoolExecutor):
    """Threads in which what is in force where they are asked (context variables) holds too."""

    def submit[**P, Result](self, work: Callable[P, Result], /, *given: P.args, **named: P.kwargs) -> Future[Result]:
        """Do `work` in a thread."""
        return super().submit(copy_context().run, partial(work, *given, **named))


def each[Item, Result](work: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    """Return `work(item)` of all items, on all cores: for work that is mostly compiled loops.

    The first is done alone, so that what it compiles is not compiled by two.
    """
    if available() == 1:
        return [work(item) for item in items]
    first = [work(item) for item in items[:1]]
    with Threads(min(available(), _MOST)) as pool:
        return [*first, *pool.map(work, items[1:])]


def counted(progress: Callable[[int, int], None] | None, pieces: int) -> Callable[[], None]:
    """Return what is called at the beginning of each of `pieces` of work, from any thread, and tells how many have begun."""
    guard.function(progress, "progress")
    begun, lock = 0, threading.Lock()

    def tell() -> None:
        nonlocal begun
        with lock:
            begun += 1
            if progress is not None:
                progress(begun, pieces)

    return tell


def over_parts(work: Callable[[slice], None], count: int) -> None:
    """Call `work` for parts of `count` pieces until all are covered once, on all cores where it pays."""
    threads = max(1, min(available(), _MOST, count // _PART))
    if threads == 1:
        work(slice(0, count))
        return
    edges = [count * k // threads for k in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda first, last: work(slice(first, last)), edges[:-1], edges[1:]))
