"""Progress in a notebook: one line, rewritten in place a few times a second, that goes when the work is done. Elsewhere none."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

_PATIENCE, _EVERY = 1.0, 0.3  # seconds until the line appears, and between two of its states


def in_notebook() -> bool:
    """Return whether this runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None


class Line:
    """The line: a bar and a few words."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._handle: Any = None

    def show(self, share: float, words: str) -> None:
        """Show how much is done, unless it was shown just now."""
        now = time.monotonic()
        if now - self._began < _PATIENCE or now - self._last < _EVERY:
            return
        self._last = now
        text = f"{100.0 * share:.0f} %, {words}"
        self._put({"text/plain": text, "text/html": f'<progress value="{share:.4f}"></progress> {escape(text)}'})

    def end(self) -> None:
        """Take it away."""
        if self._handle is not None:
            self._put({"text/plain": "", "text/html": ""})

    def _put(self, shown: dict[str, str]) -> None:
        from IPython.display import display

        if self._handle is None:
            self._handle = display(shown, raw=True, display_id=True)
        else:
            self._handle.update(shown, raw=True)


@contextmanager
def _line(how: Any) -> Iterator[Line | None]:
    """Give the line, where there is a notebook and no progress of the caller's own (False: none at all)."""
    if how.get("progress") is False:
        how["progress"] = None
        yield None
    elif how.get("progress") is not None or not in_notebook():
        yield None
    else:
        line = Line()
        try:
            yield line
        finally:
            line.end()


@contextmanager
def days_lived(case: Any, how: Any) -> Iterator[None]:
    """Let options of simulate.run show the days that the men of a scenario have lived."""
    with _line(how) as line:
        if line is not None:
            plan = case.plan
            days = plan.baseline_days + plan.duration_days

            def progress(replicate: int, arm: str, day: int) -> None:
                replicates = plan.replicates if how.get("replicates") is None else how["replicates"]
                lived = (replicate + min(1.0, (day + plan.baseline_days) / days)) / replicates
                line.show(lived, f"{arm}, day {day}, replicate {replicate + 1} of {replicates}")

            how["progress"] = progress
        yield


@contextmanager
def parts_done(how: Any) -> Iterator[None]:
    """Let options of experiment.run show the runs that are done."""
    with _line(how) as line:
        if line is not None:

            def progress(by_now: Any) -> None:
                if by_now.models is not None:
                    line.show(by_now.models[0] / by_now.models[1], f"of {by_now.models[1]:,} plausible models")
                else:
                    line.show(by_now.done / max(1, by_now.runs), f"{by_now.done:,} of {by_now.runs:,} runs")

            how["progress"] = progress
        yield
