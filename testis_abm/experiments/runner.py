"""Runs tasks on any executor of `concurrent.futures`, keeps them in a store, and goes on where it was stopped."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import active_children, get_context
from typing import TYPE_CHECKING, Any

from testis_abm.errors import TestisError
from testis_abm.experiments.store import Store, table_of
from testis_abm.experiments.task import Job, Task, attempt

if TYPE_CHECKING:
    import pyarrow as pa

_LONGEST_CHUNK = {"cells": 8, "expected": 100}  # runs: some seconds of work, so little is lost with a process
_AHEAD = 3  # chunks that wait for a worker
_STRIKES = 3  # times a chunk, and then a run, may take its worker along
_LOOK = 0.5  # seconds between looks at the keyboard


@dataclass
class Progress:
    """How far an experiment is.

    Attributes:
        runs, done, failed: in all, kept by now, of those failed; found: kept before it began.
    """

    runs: int
    done: int = 0
    failed: int = 0
    found: int = 0
    began: float = 0.0

    @property
    def rate(self) -> float:
        """Return runs a second since it began."""
        return (self.done - self.found) / max(1e-9, time.monotonic() - self.began)

    @property
    def seconds_left(self) -> float:
        """Return the seconds that the rest will take at this rate."""
        return (self.runs - self.done) / self.rate if self.rate > 0 else float("inf")


def work(job: Job, tasks: Sequence[Task]) -> tuple[pa.Table, list[str], int]:
    """Run a chunk; return its part, the names of its runs, and how many failed (called in a worker)."""
    found = [(task, *attempt(job, task)) for task in tasks]
    part = table_of((name, task.case, task.point, task.replicate, rows, error) for task, name, rows, error in found)
    return part, [name for _, name, _, _ in found], sum(bool(error) for *_, error in found)


def execute(
    job: Job,
    tasks: Sequence[Task],
    store: Store,
    *,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    chunk: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Progress:
    """Run what is not yet in the store.

    Args:
        job, tasks: what to run.
        store: where runs are kept.
        workers: local processes (0: one a core; 1: this process alone).
        dask: address of a Dask scheduler ("tcp://host:8786"), or "local" for a cluster on this machine.
        shard: (i, n), the i-th of n parts of the tasks, for job arrays; shards may share a store.
        chunk: runs a part (0: chosen).
        progress: told after every part.

    Raises:
        TestisError: the disk refuses, the cluster cannot be reached, or runs kill their process; what was finished is kept.
    """
    i, n = shard
    own = [task for k, task in enumerate(tasks) if k % n == i - 1]
    kept = store.done()
    todo = [task for task in own if task.name(job) not in kept]
    told = Progress(len(own), len(own) - len(todo), 0, len(own) - len(todo), time.monotonic())
    tell = progress or (lambda _: None)
    tell(told)
    workers = workers or os.cpu_count() or 1
    if not todo:
        return told
    size = chunk or max(1, min(_LONGEST_CHUNK[job.engine], -(-len(todo) // (4 * workers))))
    chunks = [todo[k : k + size] for k in range(0, len(todo), size)]

    def keep(part: pa.Table, names: list[str], failed: int) -> None:
        store.write(part, names)
        told.done, told.failed = told.done + len(names), told.failed + failed
        tell(told)

    if workers == 1 and not dask:
        for one in chunks:
            keep(*work(job, one))
        return told
    given_up = _spread(job, chunks, keep, dask, workers, lambda: tell(told))
    if given_up:
        raise TestisError(
            f"{given_up} runs lost their process each of {_STRIKES} times (out of memory, or killed); all others are kept. "
            "The same command tries these again; fewer --workers need less memory"
        )
    return told


def _spread(
    job: Job,
    chunks: list[list[Task]],
    keep: Callable[[Any, list[str], int], None],
    dask: str,
    workers: int,
    look: Callable[[], None],
) -> int:
    """Give chunks to an executor, a few ahead of its workers; return how many runs took their worker along each time.

    A pool that breaks is made anew. A chunk that was lost with its worker is tried again, then run by run.
    """
    waiting, given_up = [(tasks, 0) for tasks in reversed(chunks)], 0
    while waiting:
        running: dict[Future[Any], tuple[list[Task], int]] = {}
        broken = False
        with _executor(dask, workers) as pool:
            try:
                while (waiting or running) and not broken:
                    while waiting and len(running) < workers + _AHEAD:
                        one = waiting.pop()
                        try:
                            running[pool.submit(work, job, one[0])] = one
                        except BrokenProcessPool:
                            waiting.append(one)
                            broken = True
                            break
                    for future in wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                        try:
                            found = future.result()
                        except (BrokenProcessPool, CancelledError):
                            broken = True
                            continue
                        except TestisError:
                            raise
                        except Exception:  # a cluster lost the worker: `work` itself never raises
                            given_up += _again(waiting, *running.pop(future))
                            continue
                        del running[future]
                        keep(*found)
                    look()
            except BaseException:
                # Nobody waits for what is running: it is done again when the experiment goes on.
                for future in running:
                    future.cancel()
                for process in active_children():
                    process.terminate()
                raise
        if broken:
            for one in running.values():
                given_up += _again(waiting, *one)
    return given_up


def _again(waiting: list[tuple[list[Task], int]], tasks: list[Task], tries: int) -> int:
    """Queue a lost chunk again, run by run after `_STRIKES` losses; return 1 for a run that is given up."""
    if tries + 1 < _STRIKES:
        waiting.append((tasks, tries + 1))
    elif len(tasks) > 1:
        waiting.extend(([task], 0) for task in tasks)
    else:
        return 1
    return 0


@contextmanager
def _executor(dask: str, workers: int) -> Iterator[Executor]:
    if dask:
        yield from _dask(dask, workers)
        return
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_follow, initargs=(os.getpid(),))
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _follow(parent: int) -> None:
    """End this worker should its parent be gone: a killed parent tells nobody. Leave Ctrl-C to the parent."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    from testis_abm import model  # noqa: F401  (imported once, so that the worker stays warm)


def _dask(address: str, workers: int) -> Iterator[Executor]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise TestisError('--dask needs one more package: pip install "testis_abm[dask]"') from None
    try:
        if address == "local":
            cluster = LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, silence_logs=50)
            client = Client(cluster)
        else:
            cluster, client = None, Client(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        raise TestisError(
            f"--dask {address}: no scheduler answers ({type(error).__name__}); start one with dask scheduler, or leave --dask out"
        ) from None
    try:
        yield client.get_executor(pure=False)
    finally:
        client.close()
        if cluster is not None:
            cluster.close()
