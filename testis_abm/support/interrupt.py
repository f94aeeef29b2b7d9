"""Stopping a command by Ctrl-C or SIGTERM where it can stop cleanly, and nowhere else.

An exception out of a signal handler may land inside the import of a package, which can swallow it or leave the
interpreter to end as if nobody had caught it. So the signal is noted, and raised at the next safe place.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import parent_process
from types import FrameType, TracebackType
from typing import Any, Self

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupt:
    """Notes SIGINT and SIGTERM while it is entered; a second one ends the process at once.

    Attributes:
        kept: what the command would leave behind if it stopped now, in words.
    """

    def __init__(self) -> None:
        self.signal = 0
        self.kept = "Nothing was written."
        self._at_once = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal:
            os._exit(128 + number)
        self.signal = number
        if self._at_once:
            raise KeyboardInterrupt

    @property
    def code(self) -> int:
        """Return the exit code of a process ended by the signal (130 for SIGINT, 143 for SIGTERM)."""
        return 128 + (self.signal or int(signal.SIGINT))

    def check(self) -> None:
        """Stop here if a signal has come.

        Raises:
            KeyboardInterrupt: if one has.
        """
        if self.signal:
            raise KeyboardInterrupt

    def at_once(self) -> None:
        """Let signals stop whatever runs from here on, since nothing can be lost any more."""
        self.check()
        self._at_once = True


def follow_parent() -> None:
    """Let this process leave Ctrl-C to its parent, and end when that is gone: a killed parent tells nobody."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        if (parent := parent_process()) is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextmanager
def held() -> Iterator[None]:
    """Hold an interrupt (Ctrl-C) back until the block has ended, which should take less than a second."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield  # none is raised there, or none by Python
        return
    waiting: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _frame: waiting.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if waiting:
        signal.raise_signal(signal.SIGINT)  # for whoever listens outside
