"""A bar of progress that also keeps in a file how far it is, for whoever started the command and sees no terminal."""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from rich.progress import Progress, TaskID

from testis_abm.choices import PROGRESS_FILE
from testis_abm.support import files
from testis_abm.support.errors import TestisError

_BETWEEN = 0.3  # seconds


def reported(place: str | Path) -> type[Progress]:
    """Return the class of a bar that writes `place`: what is done (`what`), `done` and `total`, and when and with how much it began."""

    class Reported(Progress):
        def __init__(self, *given: Any, **named: Any) -> None:
            super().__init__(*given, **named)
            self._keeping, self._kept = threading.Lock(), 0.0
            self._begun: dict[TaskID, tuple[float, float]] = {}
            self._parts: set[TaskID] = set()

        def add_task(self, description: str, *given: Any, **named: Any) -> TaskID:
            first = next(iter(self._tasks.values()), None)
            task = super().add_task(description, *given, **named)
            # Beside the first line these are parts of what it counts; after it, the next thing to do.
            if first is not None and not first.finished:
                self._parts.add(task)
            return task

        def update(self, task_id: TaskID, **fields: Any) -> None:
            super().update(task_id, **fields)
            with self._keeping:
                if task_id not in self._parts:
                    self._keep(task_id)

        def _keep(self, task_id: TaskID) -> None:
            task, now = self._tasks[task_id], time.time()
            if not task.total:
                return
            since, first = self._begun.setdefault(task_id, (now, task.completed))
            due = time.monotonic()  # whatever the time of day is set to
            if due - self._kept < _BETWEEN and task.completed < task.total:
                return
            self._kept = due
            told = {"what": task.description.strip(), "done": task.completed, "total": task.total}
            with contextlib.suppress(TestisError):  # what the disk refuses, the results will tell
                files.write(place, json.dumps({**told, "since": since, "first": first, "now": now}))

    return Reported


def bar_class() -> type[Progress]:
    """Return the class of a command's bar."""
    return reported(place) if (place := os.environ.get(PROGRESS_FILE)) else Progress
