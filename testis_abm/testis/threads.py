"""Threads that stay inside a compiled run: each takes its share of the tubules, and they wait for one another between the parts of a day.

No tubule's day depends on another's within a part, and what is summed over all tubules is summed by each thread or by
the first, in the same order: the bits do not depend on the number of threads.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, register_jitable

from testis_abm.support.cores import available

# Below this many cells handing work to threads costs more than it saves.
WORTH_SHARING = 50_000
_ARRIVED, _ROUND, _GATES = 0, 8, 16  # of a gate, on cache lines of their own
_SPINS = 4000  # looks at the gate before the core is offered to others


class Crew(NamedTuple):
    """One of the threads of a call.

    Attributes:
        rank: which, from 0; size: of how many.
        gate: where they wait for one another.
    """

    rank: int
    size: int
    gate: np.ndarray


def alone() -> Crew:
    """Return the crew of a call on one thread."""
    return Crew(0, 1, np.zeros(_GATES, np.int64))


@intrinsic
def _add(typing_context, array, index, amount):
    """Add to a number of an array as one step that no other thread can split; return what it was."""
    if not isinstance(array, types.Array) or array.dtype != types.int64:
        return None

    def make(context, builder, signature, arguments):
        held = context.make_array(array)(context, builder, arguments[0])
        place = cgutils.get_item_pointer(context, builder, array, held, [arguments[1]])
        return builder.atomic_rmw("add", place, arguments[2], "seq_cst")

    return types.int64(array, types.intp, types.int64), make


@register_jitable
def _nobody_else() -> int:
    return 0


# Offers the core to whoever waits for one.
_offer = types.ExternalFunction("sched_yield", types.int32()) if os.name == "posix" else _nobody_else


@register_jitable
def wait(crew):
    """Wait until all threads of the crew are here."""
    if crew.size == 1:
        return
    gate = crew.gate
    present = _add(gate, _ROUND, 0)  # type: ignore[var-annotated,call-arg]
    if _add(gate, _ARRIVED, 1) == crew.size - 1:
        _add(gate, _ARRIVED, -crew.size)
        _add(gate, _ROUND, 1)
        return
    looks = 0
    while _add(gate, _ROUND, 0) == present:
        looks += 1
        if looks > _SPINS:
            _offer()


@register_jitable
def first_of(crew, tubules):
    """Return the first tubule that a thread takes; the next thread's first is where it ends."""
    return tubules * crew.rank // crew.size


@register_jitable
def last_of(crew, tubules):
    """Return where the tubules of a thread end."""
    return tubules * (crew.rank + 1) // crew.size


@lru_cache(maxsize=4)
def _pool(threads: int, process: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads, thread_name_prefix="tubules")


def sharing(tubules: int, cells: int) -> int:
    """Return how many threads share a tissue of that size."""
    return min(available(), tubules) if cells >= WORTH_SHARING else 1


# Threads that wait for others which have not got a thread would wait for ever: one crew at a time.
_busy = threading.Lock()


def together(work: Callable[[Crew], Any], tubules: int, cells: int) -> Any:
    """Call `work(crew)` on each of the threads that share a tissue of that size; return what the first returns."""
    size = sharing(tubules, cells)
    if size == 1 or not _busy.acquire(blocking=False):
        return work(alone())
    try:
        gate = np.zeros(_GATES, np.int64)
        crew = [Crew(rank, size, gate) for rank in range(size)]
        # A forked child must not use its parent's threads, hence the process in the key.
        first, *_others = _pool(size, os.getpid()).map(work, crew)
        return first
    finally:
        _busy.release()
