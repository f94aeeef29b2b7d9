"""Where jobs are kept and run: a folder per visitor, a few processes at a time, the others in turn.

What is on the disk decides: a page that is loaded again, and a server that was started again, find the jobs as they
are. A visitor is a secret that his browser keeps; the name of his folder is a hash of it, from which it cannot be told.
"""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

import testis_abm
from testis_abm.app.jobs import job as jobs
from testis_abm.app.jobs import limits
from testis_abm.app.jobs.job import (
    DONE,
    EXPERIMENT,
    FAILED,
    LOG,
    QUEUED,
    RESULTS,
    RUNNING,
    STOPPED,
    WRITTEN,
    Job,
    Refused,
)
from testis_abm.choices import PROGRESS_FILE
from testis_abm.support import files
from testis_abm.support.errors import TestisError

# How the command tells the page, which Solara imports by itself.
VARIABLE = "TESTIS_ABM_APP_JOBS"
USUAL = Path("runs") / "page"
_TOKEN = re.compile(r"[0-9a-f]{32}")
_VISITOR = re.compile(r"[0-9a-f]{32}")
_LOOK = 2.0  # seconds between looks at a process: at its time and its disk
_DAY = 86_400.0
_NEW, _GONE = ".new-", ".gone-"  # folders that are no jobs yet, or no more


@dataclass(frozen=True)
class Order:
    """What is to be run.

    Attributes:
        kind: of results (Job.kind); form: by which it was asked for; title: in words.
        experiment: text of the experiment file.
        command: of `testis-abm`, in which EXPERIMENT names that file; without --out and what is of this machine.
        alone: whether one process does it sooner than several would be warm.
    """

    kind: str
    form: str
    title: str
    experiment: str
    command: tuple[str, ...]
    alone: bool = False


class Desk:
    """The jobs of all visitors of one folder.

    Args:
        base: the folder, made when the first job is.
        here: whether only this machine listens, so that a job may have all cores.
        keep: days for which a job that has ended is kept.

    Attributes:
        processes: that this server has started, until their end is noted.
    """

    def __init__(self, base: Path, *, here: bool = False, keep: float = limits.KEPT_DAYS) -> None:
        self.base, self.here, self.keep = Path(os.path.abspath(base)), here, keep
        self.processes: dict[tuple[int, float], subprocess.Popen[bytes]] = {}
        self._closed = threading.Event()

    def visitor(self, token: str) -> Visitor:
        """Return what the visitor of a token may see and do."""
        return Visitor(self, self.base / hashlib.sha256(f"testis_abm visitor {token}".encode()).hexdigest()[:32])

    def all(self) -> list[Job]:
        """Return the jobs of all visitors, as they were queued."""
        folders = [path for path in jobs.inside(self.base) if _VISITOR.fullmatch(path.name)]
        return sorted((job for folder in folders for job in self.of(folder)), key=lambda job: (job.queued, job.name))

    def of(self, visitor: Path) -> list[Job]:
        """Return the jobs in the folder of a visitor; none where that is a link."""
        if not jobs.is_folder(visitor):
            return []
        return [job for path in jobs.inside(visitor) if (job := jobs.read(path, self.processes)) is not None]

    def check(self) -> None:
        """Make sure that the folder, or the one in which it will be made, can be written.

        Raises:
            TestisError: it cannot.
        """
        there = next(path for path in (self.base, *self.base.parents) if os.path.lexists(path))
        if not there.is_dir():
            raise TestisError(f"{there}: is no folder; name another for --folder")
        if not os.access(there, os.R_OK | os.W_OK | os.X_OK):
            raise TestisError(f"{there}: cannot be written; name another folder for --folder")

    def begin(self) -> None:
        """Take up what an earlier server left: watch what still runs, start what waits, remove what is too old."""
        if not self.base.is_dir():
            return
        with self.alone():
            for job in self.all():
                if job.state == RUNNING and job.process not in self.processes:
                    self._watch(job, None)
        self.tidy()
        self.advance()

    def advance(self) -> None:
        """Start the jobs that have waited longest, as far as the limits let them."""
        if not self.base.is_dir():
            return
        with self.alone():
            known = self.all()
            running = [job for job in known if job.state == RUNNING or jobs.alive(job.process)]
            for job in known:
                of_his = sum(other.folder.parent == job.folder.parent for other in running)
                if job.state == QUEUED and len(running) < limits.places() and of_his < limits.MOST_RUNNING:
                    started = self._start(job)
                    running += [started] if started.state == RUNNING else []

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other threads, and other servers of the same folder, out.

        Raises:
            TestisError: the disk refuses, whatever is done with it.
        """
        with files.writing(self.base), files.lock(self.base):
            yield

    # ---- processes

    def _start(self, job: Job) -> Job:
        """Start the process of a job; return it as it is then. One that cannot be noted is ended: nobody would know of it."""
        root = str(Path(testis_abm.__file__).resolve().parents[1])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH", "")])]
        environment = {**os.environ, PROGRESS_FILE: str(job.progress_file), "PYTHONPATH": os.pathsep.join(paths)}
        line = [sys.executable, "-P", "-m", "testis_abm", *job.command]
        try:
            job.progress_file.unlink(missing_ok=True)
            with (job.folder / LOG).open("wb") as log:
                process = subprocess.Popen(
                    line,
                    cwd=job.folder,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
        except OSError as error:
            with contextlib.suppress(TestisError):  # it waits on
                return job.now(verdict=FAILED, ended=time.time(), reason=files.reason(error))
            return job
        _step_back(process.pid)
        known = jobs.of_process(process.pid)
        try:
            started = job.now(started=time.time(), ended=0.0, reason="", process=known)
        except TestisError:
            jobs.end(known)
            process.wait()
            return job
        self.processes[started.process] = process
        self._watch(started, process)
        return started

    def _watch(self, job: Job, process: subprocess.Popen[bytes] | None) -> None:
        threading.Thread(target=self._follow, args=(job, process), name="job of the page", daemon=True).start()

    def _follow(self, job: Job, process: subprocess.Popen[bytes] | None) -> None:
        """Wait for the end of a process, within its limits, and note how it ended; then the next may start."""
        code, stopped = None, ""
        # The time of day may be set while it runs.
        begun = time.monotonic() - (0.0 if process is not None else max(0.0, time.time() - job.started))
        while True:
            if process is not None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    code = process.wait(_LOOK)
                    break
            elif jobs.alive(job.process):
                time.sleep(_LOOK)
            else:
                break
            if not stopped and (stopped := self._too_much(job, time.monotonic() - begun)):
                jobs.end(job.process)
        with (
            contextlib.suppress(TestisError),
            self.alone(),
        ):  # of a disk that is full the state is told by what is there
            known = jobs.read(job.folder)
            if known is not None and not known.verdict and known.process == job.process:
                verdict, reason = _verdict(known, code)
                known.now(verdict=verdict, reason=stopped or reason, ended=time.time())
        self.processes.pop(job.process, None)
        with contextlib.suppress(TestisError):
            self.advance()

    def _too_much(self, job: Job, seconds: float) -> str:
        """Return what limit a job has met that has run for so long, or ""."""
        if seconds > limits.LONGEST_HOURS * 3600.0:
            return (
                f"It took more than {limits.LONGEST_HOURS:g} h, the most of this page. Resume goes on where it stopped."
            )
        if (used := jobs.size(job.folder.parent)) > limits.MOST_BYTES:
            return _full(used)
        return ""

    def close(self) -> None:
        """End what runs, as the server ends; it can be resumed."""
        self._closed.set()
        for process in list(self.processes):
            jobs.end(process)

    # ---- what is too old

    def tidy(self) -> None:
        """Remove what has been kept for long enough, and what a server that was killed has left half-made."""
        with self.alone():
            self._tidy()

    def tidy_daily(self) -> None:
        """Go on removing what is too old for as long as the process lives, in a thread of its own."""

        def work() -> None:
            while not self._closed.wait(_DAY):
                with contextlib.suppress(TestisError):
                    self.tidy()

        threading.Thread(target=work, daemon=True, name="old jobs of the page").start()

    def _tidy(self) -> None:
        for visitor in [path for path in jobs.inside(self.base) if _VISITOR.fullmatch(path.name)]:
            if not jobs.is_folder(visitor):
                continue
            for path in jobs.inside(visitor):
                if path.name.startswith((_NEW, _GONE)) and jobs.is_folder(path):
                    shutil.rmtree(path, ignore_errors=True)
            for job in self.of(visitor):
                last = max(job.ended, job.started, job.queued)
                if job.state not in (QUEUED, RUNNING) and time.time() - last > self.keep * _DAY:
                    shutil.rmtree(job.folder, ignore_errors=True)
            with contextlib.suppress(OSError):  # it holds some
                visitor.rmdir()


@dataclass(frozen=True)
class Visitor:
    """The jobs of one visitor; nothing here reaches another's.

    Attributes:
        desk: of all; folder: his.
    """

    desk: Desk
    folder: Path

    def jobs(self) -> list[Job]:
        """Return his jobs, the newest first."""
        return sorted(self.desk.of(self.folder), key=lambda job: (job.created, job.name), reverse=True)

    def job(self, name: object) -> Job | None:
        """Return his job of a name; None if there is none, whatever the name is."""
        if not isinstance(name, str) or not jobs.is_name(name) or not jobs.is_folder(self.folder):
            return None
        return jobs.read(self.folder / name, self.desk.processes)

    def submit(self, order: Order) -> Job:
        """Queue a job, and start it if there is room.

        Raises:
            Refused: a limit of his, or of all; TestisError: the disk refuses.
        """
        with self.desk.alone():
            self._room()
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            name, now = secrets.token_hex(8), time.time()
            local = [] if order.kind in ("surface", "studies") else ["--workers", self._workers(order)]
            command = (*order.command, "--out", RESULTS, "--no-plots", *local)
            place = self.folder / f"{_NEW}{name}"
            try:
                place.mkdir(mode=0o700)
                files.write(place / EXPERIMENT, order.experiment)
                Job(name, order.kind, order.form, order.title[:200], command, now, now, folder=place).write()
                place.rename(self.folder / name)
            except (OSError, TestisError):
                shutil.rmtree(place, ignore_errors=True)
                raise
        self.desk.advance()
        return self._his(name)

    def _workers(self, order: Order) -> str:
        return "1" if order.alone else str(limits.workers(self.desk.here))

    def _room(self) -> None:
        """Make sure that there is room for one more.

        Raises:
            Refused: there is none.
        """
        mine, all_of_them = self.jobs(), self.desk.all()
        if len(mine) >= limits.MOST_KEPT:
            raise Refused(f"{len(mine)} jobs are kept, the most of a visitor ({limits.MOST_KEPT}); remove one first")
        if (used := jobs.size(self.folder)) > limits.MOST_BYTES:
            raise Refused(_full(used))
        if sum(job.state == QUEUED for job in all_of_them) >= limits.MOST_WAITING:
            raise Refused(f"{limits.MOST_WAITING} jobs wait already, the most of this page; try again later")
        if jobs.size(self.desk.base) > limits.MOST_BYTES_OF_ALL:
            text = f"all jobs together have {limits.MOST_BYTES_OF_ALL / 1e9:g} GB, the most of this page"
            raise Refused(f"{text}; try again later")

    def cancel(self, name: object) -> None:
        """Stop a job of his, queued or running; what it has finished stays, and `resume` goes on from there.

        Raises:
            TestisError: the disk refuses to note it; a process that runs has ended all the same.
        """
        with self.desk.alone():
            job = self.job(name)
            if job is None or job.state not in (QUEUED, RUNNING):
                return
            try:
                job.now(verdict=STOPPED, reason="Cancelled.", ended=time.time())
            except TestisError:
                jobs.end(job.process)  # it may be what fills the disk
                raise
        jobs.end(job.process)
        self.desk.advance()

    def resume(self, name: object) -> None:
        """Queue a job of his again that has stopped or failed: the same command goes on where it stopped.

        Raises:
            Refused: his disk is full.
        """
        if (job := self.job(name)) is None or job.state not in (STOPPED, FAILED):
            return
        jobs.end(job.process)  # of one that was cancelled just now
        with self.desk.alone():
            if (used := jobs.size(self.folder)) > limits.MOST_BYTES:
                raise Refused(_full(used))
            if (job := self.job(name)) is not None and job.state in (STOPPED, FAILED):
                job.now(verdict="", reason="", queued=time.time(), started=0.0, ended=0.0, process=(0, 0.0))
        self.desk.advance()

    def remove(self, name: object) -> None:
        """Remove a job of his with all that it has; one that runs is stopped first."""
        self.cancel(name)
        with self.desk.alone():
            if (job := self.job(name)) is None:
                return
            gone = job.folder.with_name(f"{_GONE}{job.name}")
            job.folder.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)

    def _his(self, name: str) -> Job:
        if (job := self.job(name)) is None:
            raise TestisError("the job was removed while it was started")
        return job


def _verdict(job: Job, code: int | None) -> tuple[str, str]:
    """Return how a process ended and why; `code` is None where another server had started it."""
    if (job.results / WRITTEN).is_file() and code in (None, 0, 1):
        return DONE, "" if not code else "Some runs failed; what ended is in the results."
    if code is None or code < 0 or code >= 128:
        by = f" (signal {-code})" if code is not None and code < 0 else ""
        return STOPPED, f"Its process ended from outside{by}."
    return FAILED, job.failure()


def _full(used: int) -> str:
    return f"the jobs of this browser have {used / 1e6:,.0f} MB on disk, the most is {limits.MOST_BYTES / 1e6:,.0f} MB; remove some first"


def _step_back(number: int) -> None:
    """Give a process, and those that it will start, a low priority."""
    with contextlib.suppress(psutil.Error, OSError):
        of = psutil.Process(number)
        of.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS if os.name == "nt" else limits.NICE)


# ---- tokens, and the desk of this process


def token(said: object) -> str:
    """Return the token that a browser has said, or a new one if that is none."""
    return said if isinstance(said, str) and _TOKEN.fullmatch(said) else secrets.token_hex(16)


def publish(folder: str | Path = USUAL, *, here: bool, keep: float = limits.KEPT_DAYS) -> None:
    """Keep the jobs of this process's page in a folder; `here`: only this machine listens."""
    os.environ[VARIABLE] = json.dumps([os.path.abspath(folder), here, keep])
    desk.cache_clear()


@cache
def desk() -> Desk:
    """Return the desk of this process."""
    folder, here, keep = json.loads(os.environ.get(VARIABLE) or json.dumps([str(USUAL), False, limits.KEPT_DAYS]))
    made = Desk(Path(folder), here=here, keep=keep)
    atexit.register(made.close)
    made.begin()
    made.tidy_daily()
    return made


def shell(command: Sequence[str]) -> str:
    """Return the command as it is typed."""
    import shlex

    return shlex.join(["testis-abm", *command])
