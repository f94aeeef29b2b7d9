"""The memory of pages that were left."""

from __future__ import annotations

import _thread
import ctypes
import gc
import os
import threading
import time

_tidying = threading.Lock()
_TIDIED_AFTER = 2.0  # seconds, in which others may leave too


def tidy() -> None:
    """Soon give the memory of sessions that have gone back to the system.

    A model refers to itself and waits for the collector; and frames that a thread has freed stay in the C library's
    heap of that thread, which grows from session to session unless it is told to let go.
    """
    if _tidying.acquire(blocking=False):
        # Solara lets a threading.Thread hold the session that started it, the one that is to be freed.
        _thread.start_new_thread(_tidy, ())


def _tidy() -> None:
    time.sleep(_TIDIED_AFTER)
    _tidying.release()
    gc.collect()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:  # of glibc
        trim(0)
