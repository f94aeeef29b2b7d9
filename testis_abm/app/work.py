"""Work beside a page: in a thread of its own, one at a time, on one of the places that the cores give."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, copy_context

from testis_abm.support.errors import TestisError

MOST_SECONDS = 300.0  # of the processor, for a run or a film: what the limits of a draft allow takes a third of it
FAULT = "This failed by a fault of the program; the server's log tells more."
# Ten people who press run at once share the cores in turn, so that the pages stay quick.
_places = threading.BoundedSemaphore(max(1, os.cpu_count() or 1))
_log = logging.getLogger(__name__)

type Work = Callable[[threading.Event], None]
type Fail = Callable[[str], None]


class Stopped(Exception):  # noqa: N818 (no error: somebody asked for it)
    """Raised inside work that was cancelled."""


class Background:
    """A thread whose work can be cancelled and ends when its page is left; there is never more than one.

    Args:
        name: of the thread, for who looks at them.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._next: tuple[Work, Fail, threading.Event, Context] | None = None
        self._working = False

    def start(self, work: Work, fail: Fail = lambda reason: None) -> None:
        """Cancel what is running and start `work` once that has ended; it is given the event that cancels it.

        It works in the context of who starts it, such as the units of a page. However often a page asks, one work goes on and one waits. `fail` is told why a work that nobody cancelled
        failed.
        """
        with self._lock:
            self._stop.set()
            self._stop = threading.Event()
            self._next = work, fail, self._stop, copy_context()
            if not self._working:
                self._working = True
                threading.Thread(target=self._run, name=self.name, daemon=True).start()

    def cancel(self) -> None:
        """Ask the work to stop."""
        self._stop.set()

    def _run(self) -> None:
        while True:
            with self._lock:
                if self._next is None:
                    self._working = False
                    return
                (work, fail, stop, context), self._next = self._next, None
            reason = "" if stop.is_set() else context.run(self._attempt, work, stop)
            if reason and not stop.is_set():
                try:
                    fail(reason)
                except Exception:  # else no work of this page would ever begin again
                    _log.exception("%s failed", self.name)

    def _attempt(self, work: Work, stop: threading.Event) -> str:
        """Return why a work failed; "" if it did not, or was cancelled."""
        try:
            with _place(stop):
                work(stop)
        except Stopped:
            return ""
        except TestisError as error:
            return str(error)
        except Exception:
            _log.exception("%s failed", self.name)
            return FAULT
        return ""


@contextmanager
def _place(stop: threading.Event) -> Iterator[None]:
    """Hold one of the places, waiting for it.

    Raises:
        Stopped: cancelled while waiting.
    """
    while not _places.acquire(timeout=0.1):
        if stop.is_set():
            raise Stopped
    try:
        yield
    finally:
        _places.release()


class Allowance:
    """The time of the processor that one work of a page may take, on the thread that does it."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop, self._started = stop, time.thread_time()

    def check(self) -> None:
        """Go on if there is some left.

        Raises:
            Stopped: the work was cancelled.
            TestisError: there is none left.
        """
        if self._stop.is_set():
            raise Stopped
        if time.thread_time() - self._started > MOST_SECONDS:
            raise TestisError(f"it took more than {MOST_SECONDS:.0f} s, the most of this page; use testis-abm run")
