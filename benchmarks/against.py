"""The figures of two checkouts in turn: a process of each, the same interpreter, one call of this, one of that.

`python benchmarks/engine.py --against CHECKOUT` runs it. Both processes run the figures of this checkout over their
own package.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from figures import FIGURES, Figure
from table import aligned
from timing import ROOT, Work, seconds


class Worker:
    """A process that times figures of one checkout when it is asked to."""

    def __init__(self, checkout: Path) -> None:
        # One thread, so that its CPU time is all that is spent.
        env = {**os.environ, "PYTHONPATH": str(checkout), "TESTIS_ABM_THREADS": "1"}
        line = [sys.executable, str(Path(__file__)), str(checkout)]
        self.process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=env)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.kill()
        self.process.wait()

    def time(self, what: str) -> float:
        """Return the seconds a unit of one call of a figure; NaN if the checkout cannot make it.

        Raises:
            SystemExit: if the process has ended.
        """
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(what, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("a process of the comparison ended; what it said is above")
        return float(answer)


def compare(checkout: Path, figures: Sequence[Figure], share: float) -> None:
    """Print figures of another checkout beside this one's; `share` of the usual repeats."""
    rows = []
    with Worker(checkout) as theirs, Worker(ROOT) as ours:
        for figure in figures:
            times = [(theirs.time(figure.what), ours.time(figure.what)) for _ in range(figure.calls(share))]
            then, now = map(min, zip(*times))
            rows.append((figure.what, _text(figure, then), _text(figure, now), f"{then / now:.2f} x"))
            print(f"  {figure.what}: {rows[-1][-1]}", file=sys.stderr)
    aligned(("what", str(checkout), "here", "faster by"), rows)


def _text(figure: Figure, of: float) -> str:
    return figure.text(of) if of == of else "cannot"


def answer(checkout: Path) -> None:
    """Time the figures that standard input names, a call each; print seconds a unit."""
    import testis_abm

    if Path(testis_abm.__file__).resolve().parents[1] != checkout.resolve():
        raise SystemExit(f"{checkout}: no checkout of testis_abm; {testis_abm.__file__} was found instead")
    said, known = sys.stdout, {figure.what: figure for figure in FIGURES}
    name, work = "", None
    for line in sys.stdin:
        if line.strip() != name:
            work = None  # before the next is made: two large tissues may not fit
            name = line.strip()
            work = _prepared(known[name])
        print(seconds(work) if work else "nan", file=said, flush=True)


def _prepared(figure: Figure) -> Work | None:
    """Return the work of a figure, called once; None, and why, if this checkout cannot do it."""
    try:
        with contextlib.redirect_stdout(sys.stderr):
            work = figure.prepare()
            work.do()
    except Exception as error:
        print(f"  {figure.what}: {type(error).__name__}: {error}", file=sys.stderr)
        return None
    return work


if __name__ == "__main__":
    answer(Path(sys.argv[1]))
