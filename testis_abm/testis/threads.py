"""Sharing tubules among threads where it pays: compiled loops release the GIL, and no tubule's day depends on another's."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

# Below this many cells handing work to threads costs more than it saves.
WORTH_SHARING = 50_000


def available() -> int:
    """Return how many threads to use: TESTIS_ABM_THREADS, else the cores that this process may use."""
    wanted = os.environ.get("TESTIS_ABM_THREADS", "")
    if wanted.isdigit() and int(wanted) > 0:
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="tubules")


def sharing(tubules: int, cells: int) -> int:
    """Return how many threads share a tissue of that size."""
    return min(available(), tubules) if cells >= WORTH_SHARING else 1


def over_tubules(work: Callable[[int, int], None], tubules: int, cells: int) -> None:
    """Call `work(first, last)` until every tubule has been covered once, sharing them among threads where it pays."""
    threads = sharing(tubules, cells)
    if threads == 1:
        work(0, tubules)
        return
    edges = [tubules * k // threads for k in range(threads + 1)]
    # A forked child must not use its parent's threads, hence the process in the key.
    list(_pool(threads, os.getpid()).map(work, edges[:-1], edges[1:]))
