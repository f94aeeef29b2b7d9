"""What the app says on the terminal: a short line a fault, and few of them, however often a page makes it happen."""

from __future__ import annotations

import logging
import threading
import time
import traceback

from testis_abm.support.errors import printable

_LONGEST = 200  # characters of a line
_AT_ONCE, _A_SECOND = 20, 0.1  # lines
_OF_A_REFUSAL = (
    "ASGI callable returned without completing handshake."  # Uvicorn says so of each WebSocket that is told why not
)


class Short(logging.Filter):
    """Makes one line of a record, with the place of its error instead of a traceback, and leaves out what comes too fast."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._room, self._at, self._left_out = float(_AT_ONCE), time.monotonic(), 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten a record; return whether there is room for it."""
        if record.msg == _OF_A_REFUSAL:
            return False
        with self._lock:
            now = time.monotonic()
            self._room, self._at = min(float(_AT_ONCE), self._room + _A_SECOND * (now - self._at)), now
            if self._room < 1.0:
                self._left_out += 1
                return False
            self._room -= 1.0
            left_out, self._left_out = self._left_out, 0
        lost = f"({left_out:,} lines left out) " if left_out else ""
        record.msg, record.args = lost + _line(record), ()
        record.exc_info = record.exc_text = record.stack_info = None
        return True


def _line(record: logging.LogRecord) -> str:
    said = " ".join(record.getMessage().split())
    error = record.exc_info[1] if record.exc_info else None
    if error is None:
        return _cut(said)
    while isinstance(error, BaseExceptionGroup):  # threads and tasks wrap what went wrong in one
        error = error.exceptions[0]
    frames = traceback.extract_tb(error.__traceback__)
    place = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{_cut(said)}: {_cut(f'{type(error).__name__}: {error}')}{place}"


def _cut(text: str) -> str:
    text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    return printable(" ".join(text.split()))


def keep_short() -> None:
    """Keep the log short, whichever handlers it has."""
    short = Short()
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    handlers = {handler for logger in loggers for handler in logger.handlers}
    # Those without a handler, as of widgets, go to the last resort.
    for handler in {*handlers, logging.lastResort}:
        if handler is not None and not any(isinstance(present, Short) for present in handler.filters):
            handler.addFilter(short)
