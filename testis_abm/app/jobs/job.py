"""A job: a folder with an experiment file, the command that runs it, its results, its log, and what is known of its process."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Container
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil

from testis_abm.support import files
from testis_abm.support.errors import TestisError

EXPERIMENT, RESULTS, LOG = "experiment.toml", "results", "log"
_RECORD, _PROGRESS = "job.json", "progress.json"
WRITTEN = "results.json"  # in the results: the last thing that a command writes
QUEUED, RUNNING, DONE, FAILED, STOPPED = "queued", "running", "done", "failed", "stopped"
_ID = re.compile(r"[0-9a-f]{16}")
_LARGEST = 1_000_000  # bytes of what is read of a record or of the end of a log
_LINES = 6  # of a log that tell why a job failed
_SHORTEST = 0.5  # seconds after which a rate is one
_STARTED = 19  # place of the start of a process in what follows its name in /proc/<number>/stat
_TICK = 0.05  # seconds within which two starts are one


@dataclass(frozen=True)
class Progress:
    """How far a job is.

    Attributes:
        what: is being done; done, total: of it.
        left: seconds that the rest takes at the rate so far; None while there is none.
    """

    what: str = ""
    done: int = 0
    total: int = 0
    left: float | None = None

    @property
    def share(self) -> float:
        """Return the share that is done."""
        return self.done / self.total if self.total else 0.0


@dataclass(frozen=True)
class Job:
    """A job as its folder has it.

    Attributes:
        name: 16 hexadecimal digits, the name of its folder.
        kind: of results: sweep, compare, trial, sensitivity, surface or studies (experiments.opened); form: by which it was asked for.
        title: in words.
        command: what follows `testis-abm`, with the folder of the job as working folder.
        created, queued, started, ended: in seconds since 1970, 0 where not yet; queued again by a resume.
        process: number and start of its process (`of_process`), (0, 0) without one.
        verdict: how it ended: DONE, FAILED or STOPPED, or "".
        reason: why it did not end well, or what is to be known of what it brought.
    """

    name: str
    kind: str
    form: str
    title: str
    command: tuple[str, ...]
    created: float
    queued: float
    started: float = 0.0
    ended: float = 0.0
    process: tuple[int, float] = (0, 0.0)
    verdict: str = ""
    reason: str = ""
    folder: Path = field(default=Path(), compare=False)
    watched: bool = field(default=False, compare=False)  # its process has ended or not: how is still to be noted

    @property
    def state(self) -> str:
        """Return QUEUED, RUNNING, DONE, FAILED or STOPPED; a process that has gone without a word has stopped."""
        if self.verdict:
            return self.verdict
        if not self.started:
            return QUEUED
        if self.watched or alive(self.process):
            return RUNNING
        return DONE if (self.results / WRITTEN).is_file() else STOPPED

    @property
    def results(self) -> Path:
        """Return the folder of its results."""
        return self.folder / RESULTS

    @property
    def experiment(self) -> Path:
        """Return its experiment file."""
        return self.folder / EXPERIMENT

    @property
    def progress_file(self) -> Path:
        """Return the file in which its process keeps how far it is (cli/reported.py)."""
        return self.folder / _PROGRESS

    @property
    def progress(self) -> Progress:
        """Return how far it is."""
        try:
            told = json.loads(files.content(self.progress_file, _LARGEST))
            done, total = int(told["done"]), int(told["total"])
            seconds, new = float(told["now"]) - float(told["since"]), done - int(told["first"])
            what = str(told["what"])[:80]
        except (OSError, ValueError, KeyError, TypeError, OverflowError):  # none yet
            return Progress()
        left = (total - done) * seconds / new if new > 0 and seconds > _SHORTEST else None
        return Progress(what, done, total, left)

    def failure(self) -> str:
        """Return the last lines of its log, which say why it failed, without the paths of this machine."""
        try:
            text = files.content(self.folder / LOG, _LARGEST).decode("utf-8", "replace")
        except OSError:
            return "it left no log"
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        return "\n".join(lines[-_LINES:]).replace(f"{self.folder}{os.sep}", "") or "it said nothing"

    def write(self) -> None:
        """Keep what is known of it, whole or not at all.

        Raises:
            TestisError: the disk refuses.
        """
        table = {key: value for key, value in asdict(self).items() if key not in ("folder", "name", "watched")}
        files.write(self.folder / _RECORD, files.sealed(table))

    def now(self, **changed: Any) -> Job:
        """Return it with something changed, which is kept.

        Raises:
            TestisError: the disk refuses.
        """
        new = replace(self, **changed)
        new.write()
        return new


def is_name(name: object) -> bool:
    """Return whether something may be the name of a job."""
    return isinstance(name, str) and _ID.fullmatch(name) is not None


def is_folder(path: Path) -> bool:
    """Return whether a path is a folder itself, and no link to one."""
    try:
        return stat.S_ISDIR(path.lstat().st_mode)
    except OSError:
        return False


def inside(folder: Path) -> list[Path]:
    """Return what lies in a folder; nothing of one that is gone, or that nobody may read."""
    try:
        return list(folder.iterdir())
    except OSError:
        return []


def read(folder: Path, watched: Container[tuple[int, float]] = ()) -> Job | None:
    """Return the job of a folder; None if it holds none, or one that is damaged. `watched` are processes whose end will be noted."""
    if not is_name(folder.name) or not is_folder(folder):
        return None
    try:
        table = files.unsealed(files.content(folder / _RECORD, _LARGEST))
        number, start = table.pop("process")
        process = int(number), float(start)
        given = {**table, "command": tuple(table["command"]), "process": process}
        return Job(name=folder.name, folder=folder, watched=process in watched, **given)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def of_process(number: int) -> tuple[int, float]:
    """Return by what a process is known again: its number, which another may have later, and its start."""
    with contextlib.suppress(psutil.Error):
        return number, _start(number)
    return number, time.time()


def _start(number: int) -> float:
    """Return when a process started, in seconds of a clock that nobody sets: of Linux since it was booted, where other clocks move whenever the time of day is set.

    Raises:
        psutil.Error: there is no such process.
    """
    try:
        told = Path(f"/proc/{number}/stat").read_text(errors="replace")
        return int(told.rpartition(")")[2].split()[_STARTED]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):  # another system, or it has gone
        return float(psutil.Process(number).create_time())


def alive(process: tuple[int, float]) -> bool:
    """Return whether a process goes on."""
    return (found := _found(process)) is not None and _runs(found)


def _found(process: tuple[int, float]) -> psutil.Process | None:
    number, start = process
    with contextlib.suppress(psutil.Error):
        found = psutil.Process(number) if number else None
        return found if found is not None and abs(_start(number) - start) < _TICK else None
    return None


def _runs(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end(process: tuple[int, float], patience: float = 5.0) -> None:
    """End a process and those that it has started: asked first, then without asking."""
    if (main := _found(process)) is None:
        return
    with contextlib.suppress(psutil.Error):
        others = main.children(recursive=True)
        main.terminate()
        until = time.monotonic() + patience
        while _runs(main) and time.monotonic() < until:
            time.sleep(0.05)
        for one in (main, *others):
            with contextlib.suppress(psutil.Error):
                if _runs(one):
                    one.kill()


def size(folder: Path) -> int:
    """Return the bytes of all files in a folder; links are not followed."""
    total = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(place, name)).st_size
    return total


class Refused(TestisError):  # noqa: N818 (no fault: a limit)
    """Raised where a limit of jobs is met; its text names it."""
