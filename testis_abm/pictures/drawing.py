"""Drawing a run's figures, in this process or in two that were started while the simulation still ran.

The processes are plain interpreters fed through their standard input: they need no guard in the user's
script, and they end when that pipe closes, be it because the parent was killed.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from testis_abm.support import guard
from testis_abm.support.errors import TestisError
from testis_abm.pictures import FIGURES, KINDS
from testis_abm.pictures.data import PlotData
from testis_abm.support import files
from testis_abm.support.outputs import SOFTWARE

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from testis_abm.results.run_result import RunResult

_SLOWEST_FIRST = ("tubules", "tissue", "hormones", "semen", "intratesticular")
_METADATA = {"png": {"Software": SOFTWARE}, "svg": {"Creator": SOFTWARE, "Date": None}}
_PATIENCE = 5.0  # seconds for a process to end by itself


def draw_figures(result: RunResult, folder: str | Path | None = None) -> dict[str, Figure]:
    """Return the figures of `result` by name; write each as PNG and SVG too if a folder is given.

    Raises:
        TestisError: matplotlib is missing, or the folder cannot be written.
    """
    data = PlotData.of(result)
    figures = {name: draw_figure(data, name) for name in data.figures()}
    if folder is not None:
        for name, figure in figures.items():
            write_figure(figure, name, Path(folder))
    return figures


def draw_all(result: RunResult, folder: str | Path, *, processes: int = 2) -> list[Path]:
    """Write all figures of `result` to `folder` as PNG and SVG; return their paths.

    Raises:
        TestisError: matplotlib is missing, or the folder cannot be written.
    """
    with DrawingPool(processes if processes > 1 else 0) as pool:
        return pool.draw(result, folder)


def draw_figure(data: PlotData, name: str) -> Figure:
    """Return the figure `name` of a run."""
    style = _style()
    with style.looks():
        figure: Figure = import_module(f"testis_abm.pictures.{name}").draw(data)
    return figure


def write_figure(figure: Figure, name: str, folder: Path) -> list[Path]:
    """Write a figure in every format, each file whole or not at all; return the paths.

    Raises:
        TestisError: the folder cannot be written.
    """
    return [_write(figure, folder / f"{name}.{kind}", kind) for kind in KINDS]


def _write(figure: Figure, path: Path, kind: str) -> Path:
    with files.whole(path, kept="") as file, _style().looks():
        figure.savefig(file, format=kind, metadata=_METADATA[kind])
    return path


def _style() -> Any:
    guard.matplotlib()
    return import_module("testis_abm.pictures.style")


class DrawingPool:
    """Processes that wait, with matplotlib loaded, for a run to draw.

    Use it as a context, or call `start` and `close`. Whatever the processes fail to draw is drawn here.

    Args:
        processes: how many; 0 draws everything in this process.
    """

    def __init__(self, processes: int = 2) -> None:
        self.processes = processes
        self._workers: list[subprocess.Popen[bytes]] = []
        self._drawing = False

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> Self:
        """Start the processes and return at once; they load matplotlib meanwhile."""
        code = f"import sys; sys.path[:] = {sys.path!r}; from testis_abm.pictures.drawing import serve; serve()"
        # One thread each: the simulation needs the cores.
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        while sys.executable and len(self._workers) < self.processes:
            try:
                worker = subprocess.Popen(
                    [sys.executable, "-c", code],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
            except OSError:
                break
            self._workers.append(worker)
        return self

    def draw(self, result: RunResult, folder: str | Path) -> list[Path]:
        """Write all figures of `result` to `folder` as PNG and SVG; return their paths by figure.

        Raises:
            TestisError: matplotlib is missing, or the folder cannot be written.
        """
        data, target = PlotData.of(result), Path(os.path.abspath(folder))
        names = [name for name in _SLOWEST_FIRST if name in data.figures()]
        written = self._share_out(data, names, target)
        for name in names:
            if name not in written:
                written[name] = write_figure(draw_figure(data, name), name, target)
        return [path for name in FIGURES for path in written.get(name, ())]

    def close(self) -> None:
        """End the processes; a picture that is being written is finished first."""
        for worker in self._workers:
            if not self._drawing:
                worker.kill()
            for pipe in (worker.stdin, worker.stdout):
                with contextlib.suppress(OSError):
                    if pipe:
                        pipe.close()
        for worker in self._workers:
            try:
                worker.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                worker.kill()
                worker.wait()
        self._workers.clear()

    def _share_out(self, data: PlotData, names: Sequence[str], folder: Path) -> dict[str, list[Path]]:
        """Have the processes draw, each the next figure that nobody has taken; return what they wrote."""
        tasks: queue.SimpleQueue[str] = queue.SimpleQueue()
        for name in names:
            tasks.put(name)
        written: dict[str, list[Path]] = {}
        threads = [
            threading.Thread(target=_feed, args=(worker, tasks, data, folder, written), daemon=True)
            for worker in self._workers
        ]
        self._drawing = True
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:
            # Ctrl-C: what nobody has begun is not drawn.
            with contextlib.suppress(queue.Empty):
                while True:
                    tasks.get_nowait()
            raise
        self._drawing = False
        return written


def _feed(
    worker: subprocess.Popen[bytes],
    tasks: queue.SimpleQueue[str],
    data: PlotData,
    folder: Path,
    written: dict[str, list[Path]],
) -> None:
    assert worker.stdin and worker.stdout
    # A process that died leaves its figures, and those still waiting, to the others or to this process.
    with contextlib.suppress(queue.Empty, OSError, EOFError, ValueError, pickle.UnpicklingError):
        while True:
            name = tasks.get_nowait()
            pickle.dump((data.only(name), name, folder), worker.stdin, pickle.HIGHEST_PROTOCOL)
            worker.stdin.flush()
            paths = pickle.load(worker.stdout)
            if paths:
                written[name] = paths


def serve() -> None:
    """Draw what comes through standard input until it closes; the life of a drawing process."""
    # Ctrl-C reaches every process of the terminal; the parent closes the pipe when it is done.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    reply = os.fdopen(os.dup(1), "wb")
    # Nothing that a library prints may mix with the replies.
    os.dup2(2, 1)
    _warm_up()
    with contextlib.suppress(EOFError, OSError):
        while True:
            _answer(sys.stdin.buffer, reply)
    # Nobody is left to read what a normal exit would flush.
    os._exit(0)


def _answer(tasks: IO[bytes], reply: IO[bytes]) -> None:
    data, name, folder = pickle.load(tasks)
    try:
        paths = write_figure(draw_figure(data, name), name, folder)
    except Exception:
        # The parent tries again and shows what is wrong.
        paths = []
    pickle.dump(paths, reply, pickle.HIGHEST_PROTOCOL)
    reply.flush()


def _warm_up() -> None:
    """Load the figures and draw a letter, so that fonts are at hand when the run ends."""
    import io

    with contextlib.suppress(ImportError, TestisError):
        style = _style()
        for name in FIGURES:
            import_module(f"testis_abm.pictures.{name}")
        with style.looks():
            figure = style.Figure(figsize=(1, 1))
            figure.add_subplot().set_ylabel("a", weight="bold")
            for kind in KINDS:
                figure.savefig(io.BytesIO(), format=kind)
