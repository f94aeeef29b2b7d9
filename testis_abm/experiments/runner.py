"""Runs tasks on any executor of `concurrent.futures`, keeps them in a store, and goes on where it was stopped."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import active_children
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from testis_abm.experiments.store import Store, table_of
from testis_abm.experiments.task import Job, Task, attempt, version
from testis_abm.support import guard
from testis_abm.support.errors import Note, TestisError, brief, printable
from testis_abm.support.interrupt import follow_parent

if TYPE_CHECKING:
    import pyarrow as pa

_PART = 5.0  # seconds of work a part: little is lost with a process, and parts are few
_LOOK = 0.5  # seconds between looks at the keyboard
_FIRST, _GROWTH, _MOST = 2, 4, 2000  # runs of the first parts; how much longer the next may be; runs of the longest
_ALONE = 8.0  # seconds of work that one process does sooner than others would be warm
_FAILURES = 10  # pools in a row that broke before any part of them was done
_AHEAD = 3  # chunks that wait for a worker
_TRIES = 3  # times a chunk, and then a run, may take its worker along


@dataclass
class Progress:
    """How far an experiment is.

    Attributes:
        runs, done, failed: in all, kept by now, of those failed; found: kept before it began.
        groups: name -> (runs done, runs in all) of each arm, or "points" -> (whole points, points).
        models: plausible models begun, and all of them, once the runs are done and these are worked out; else None.
    """

    runs: int
    done: int = 0
    failed: int = 0
    found: int = 0
    began: float = 0.0
    groups: dict[str, tuple[int, int]] = field(default_factory=dict)
    models: tuple[int, int] | None = None

    @property
    def rate(self) -> float:
        """Return runs a second since it began."""
        return (self.done - self.found) / max(1e-9, time.monotonic() - self.began)

    @property
    def seconds_left(self) -> float:
        """Return the seconds that the rest will take at this rate."""
        return (self.runs - self.done) / self.rate if self.rate > 0 else float("inf")


Tell = Callable[[Progress], None]


class _Groups:
    """Counts what is done of each arm, or else of each point of a design with replicates."""

    def __init__(self, named: Mapping[str, Task]) -> None:
        self.by_arm = len({task.case for task in named.values()}) > 1
        self.group = {name: task.case if self.by_arm else str(task.point) for name, task in named.items()}
        self.runs, self.left = Counter(self.group.values()), Counter(self.group.values())

    def ended(self, names: Iterable[str]) -> dict[str, tuple[int, int]]:
        """Note ended runs; return `Progress.groups`."""
        self.left.subtract(self.group[name] for name in names)
        if self.by_arm:
            return {name: (runs - self.left[name], runs) for name, runs in self.runs.items()}
        if len(self.runs) == len(self.group):
            return {}
        return {"points": (sum(self.left[name] == 0 for name in self.runs), len(self.runs))}


class _Queue:
    """Tasks to do, cut into parts of some seconds of work; what was lost with its process is tried again."""

    def __init__(self, tasks: Sequence[Task], size: int, workers: int) -> None:
        self.tasks, self.fixed, self.workers = deque(tasks), size, workers
        self.size = size or _FIRST
        self.lost: list[tuple[list[Task], int]] = []
        self.given_up = 0

    def __bool__(self) -> bool:
        return bool(self.tasks or self.lost)

    def take(self) -> tuple[list[Task], int]:
        """Return the next part, and how often it was lost."""
        if self.lost:
            return self.lost.pop()
        fair = -(-len(self.tasks) // (2 * self.workers))  # so that all workers end at about the same time
        size = self.fixed or max(1, min(self.size, fair))
        return [self.tasks.popleft() for _ in range(min(size, len(self.tasks)))], 0

    def took(self, runs: int, seconds: float) -> None:
        """Note how long a part took."""
        if not self.fixed:
            wanted = (_PART if self.workers > 1 else _LOOK) * runs / max(seconds, 1e-6)
            self.size = int(min(max(1.0, wanted), _GROWTH * self.size, _MOST))

    def again(self, tasks: list[Task], tries: int) -> None:
        """Queue a lost part again, run by run after `_TRIES` losses; give up a run that was lost as often alone."""
        if tries + 1 < _TRIES:
            self.lost.append((tasks, tries + 1))
        elif len(tasks) > 1:
            self.lost.extend(([task], 0) for task in tasks)
        else:
            self.given_up += 1


class Part(NamedTuple):
    """What a chunk brought: a part of the store, the names of its runs, how many failed, how long it took, and what Python warned of."""

    rows: pa.Table
    names: list[str]
    failed: int
    seconds: float
    warned: tuple[str, ...] = ()


def work(job: Job, tasks: Sequence[Task]) -> Part:
    """Run a chunk (called in a worker).

    Warnings of Python and of libraries are gathered, each once, for the process that asked: a worker would write them
    between the lines of a terminal. Notes on a scenario were told when it was read.
    """
    began = time.perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        ended = [attempt(job, task) for task in tasks]
    rows = table_of(job.columns, ended)
    failed = sum(bool(error) for *_, error in ended)
    told = [f"{of.category.__name__}: {of.message}" for of in caught if not issubclass(of.category, Note)]
    warned = tuple(dict.fromkeys(brief(printable(text)) for text in told))
    return Part(rows, [name for name, *_ in ended], failed, time.perf_counter() - began, warned)


class _Run:
    """The runs that a store lacks: taken part by part, kept, reported."""

    def __init__(self, job: Job, named: Mapping[str, Task], store: Store, chunk: int, workers: int, tell: Tell) -> None:
        kept, self.groups = store.done() & named.keys(), _Groups(named)
        self.job, self.store, self.tell = job, store, tell
        self.warned: set[str] = set()
        self.queue = _Queue([task for name, task in named.items() if name not in kept], chunk, workers)
        groups = self.groups.ended(kept)
        self.progress = Progress(len(named), len(kept), 0, len(kept), time.monotonic(), groups)
        tell(self.progress)

    def take(self) -> tuple[list[Task], int]:
        """Return the next part without what others have written to the same store meanwhile."""
        tasks, tries = self.queue.take()
        others = self.store.done()
        return [task for task in tasks if task.name(self.job) not in others], tries

    def keep(self, part: Part) -> None:
        """Write a part and report it."""
        self.queue.took(len(part.names), part.seconds)
        self.store.write(part.rows, part.names)
        self.progress.done += len(part.names)
        self.progress.failed += part.failed
        self.progress.groups = self.groups.ended(part.names)
        for text in part.warned:
            if text not in self.warned:
                self.warned.add(text)
                warnings.warn(f"in runs: {text}", Note, stacklevel=2)
        self.tell(self.progress)

    def alone(self) -> Part:
        """Do a part in this process."""
        part = work(self.job, self.take()[0])
        self.keep(part)
        return part


def execute(
    job: Job,
    tasks: Sequence[Task],
    store: Store,
    *,
    workers: int = 0,
    dask: str = "",
    shard: tuple[int, int] = (1, 1),
    chunk: int = 0,
    progress: Tell | None = None,
) -> Progress:
    """Run what is not yet in the store.

    Args:
        job, tasks: what to run; store: where runs are kept.
        workers, dask, shard, progress: see experiment.How.
        chunk: runs a part (0: as many as take some seconds).

    Raises:
        TestisError: the disk refuses, the cluster cannot be reached, or runs kill their process; what was finished is
            kept.
    """
    workers, (i, n) = guard.argument("workers", workers), guard.shard(shard)
    cores = os.cpu_count() or 1
    # Points of a design may be one run: it is done once.
    named = {task.name(job): task for k, task in enumerate(tasks) if k % n == i - 1}
    run = _Run(job, named, store, chunk, workers or cores, progress or (lambda _: None))
    queue = run.queue
    if workers == 0 and not dask and queue:
        # A few runs are sooner done here than other processes are warm: one run tells.
        queue.fixed = 1
        seconds = run.alone().seconds
        queue.fixed = chunk
        queue.workers = workers = 1 if len(queue.tasks) * seconds < _ALONE else cores
    if workers == 1 and not dask:
        while queue:
            run.alone()
    elif queue:
        _spread(run, dask, workers)
    if queue.given_up:
        raise TestisError(
            f"{queue.given_up} runs lost their process each of {_TRIES} times (out of memory, or killed); all others "
            "are "
            "kept. The same command tries these again; fewer --workers need less memory"
        )
    return run.progress


def _spread(run: _Run, dask: str, workers: int) -> None:
    """Give parts to an executor, a few ahead of its workers.

    A pool that breaks is made again. A part that was lost with its worker is tried again, then run by run.
    """
    queue, failures = run.queue, 0
    while queue:
        running: dict[Future[Part], tuple[list[Task], int]] = {}
        broken = False
        with _executor(dask, workers) as (pool, slots):
            try:
                while (queue or running) and not broken:
                    while queue and not broken and len(running) < slots() + _AHEAD:
                        tasks, tries = run.take()
                        try:
                            if tasks:
                                running[pool.submit(work, run.job, tasks)] = tasks, tries
                        except BrokenProcessPool:
                            queue.lost.append((tasks, tries))
                            broken = True
                    for future in wait(running, timeout=_LOOK, return_when=FIRST_COMPLETED).done:
                        try:
                            part = future.result()
                        except TestisError:
                            raise
                        except Exception as error:  # a pool or cluster lost the worker: `work` itself never raises
                            broken |= isinstance(error, BrokenProcessPool | CancelledError)
                            queue.again(*running.pop(future))
                            continue
                        del running[future]
                        failures = 0
                        run.keep(part)
                    run.tell(run.progress)
            except BaseException:
                # Nobody waits for what is running: it is done again when the experiment goes on.
                for future in running:
                    future.cancel()
                for process in active_children():
                    process.terminate()
                raise
        for lost in running.values():
            queue.again(*lost)
        failures += broken
        if failures >= _FAILURES:
            raise TestisError(
                f"{workers} worker processes ended {failures} times before any run of theirs was done (out of memory, "
                "killed, "
                "or unable to start); what was finished is kept. Try --workers 1"
            )


@contextmanager
def _executor(dask: str, workers: int) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """Give an executor, and how many runs it does at a time."""
    if dask:
        yield from _dask(dask, workers)
        return
    pool = ProcessPoolExecutor(workers, mp_context=_Spawning(), initializer=_begin)
    try:
        yield pool, lambda: workers
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


class _Process(SpawnProcess):
    """A fresh process that does not run the user's script again: nothing of it is needed there."""

    @staticmethod
    def _Popen(process: Any) -> Any:  # noqa: N802 (multiprocessing looks for this name)
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            return SpawnProcess._Popen(process)
        finally:
            sys.modules["__main__"] = main


class _Spawning(SpawnContext):
    """Makes such processes."""

    Process = _Process


def _begin() -> None:
    """Begin a worker: import the model once, so that it stays warm."""
    follow_parent()
    warnings.simplefilter("ignore")  # those of a run are gathered by `work`, and those of imports are the parent's too
    from testis_abm.agents import model  # noqa: F401


def _dask(address: str, workers: int) -> Iterator[tuple[Executor, Callable[[], int]]]:
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise TestisError('--dask needs one more package: pip install "testis_abm[dask]"') from None
    try:
        if address == "local":
            count = workers or os.cpu_count() or 1
            cluster = LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=None, silence_logs=50)
            client = Client(cluster)
        else:
            cluster, client = None, Client(address, timeout="10s")
    except (OSError, ValueError, TimeoutError) as error:
        raise TestisError(
            f"--dask {address}: no scheduler answers ({type(error).__name__}); write it as tcp://host:8786, start one "
            "with dask scheduler, "
            "or leave --dask out"
        ) from None
    try:
        _check_workers(client, address)
        yield client.get_executor(pure=False), lambda: max(1, sum(client.nthreads().values()))
    finally:
        client.close()
        if cluster is not None:
            cluster.close()


def _check_workers(client: Any, address: str) -> None:
    """Make sure that a cluster has workers, and that they run this version.

    Raises:
        TestisError: it has none, or one that would give other results.
    """
    try:
        client.wait_for_workers(1, timeout=10)
        found = client.run(version, on_error="return")
    except (OSError, TimeoutError) as error:
        raise TestisError(
            f"--dask {address}: the scheduler has no workers ({type(error).__name__}); start some with: dask worker "
            f"{address}"
        ) from None
    for worker, theirs in found.items():
        if theirs != version():
            text = theirs if isinstance(theirs, str) else f"none ({type(theirs).__name__}: {theirs})"
            raise TestisError(
                f"--dask {address}: worker {worker} has testis_abm {text}, not {version()}; install the same there"
            )
