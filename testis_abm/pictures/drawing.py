"""Drawing a run's figures and writing them, in this process or in two that load matplotlib while the simulation runs."""

from __future__ import annotations

import atexit
import base64
import io
import multiprocessing
import os
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from html import escape
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

from testis_abm.pictures.data import PlotData
from testis_abm.quantities import in_units, unit_system
from testis_abm.results import KINDS
from testis_abm.support import files, guard
from testis_abm.support.errors import Note, ScenarioError, printable, shown
from testis_abm.support.interrupt import follow_parent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from testis_abm.results.run import Run

_PROCESSES = 2


def draw_figures(run: Run, folder: str | Path | None = None) -> Figures:
    """Return the figures of `run` by name; write each as PNG and SVG too if a folder is given.

    Raises:
        TestisError: matplotlib is missing, or the folder cannot be written.
    """
    data = PlotData.of(run)
    figures = Figures({name: draw_figure(data, name) for name in data.figures()})
    if folder is not None:
        for name, figure in figures.items():
            write_figure(figure, name, Path(folder))
    return figures


def draw_figure(data: PlotData, name: str) -> Figure:
    """Return the figure `name` of a run."""
    with _paper().looks():
        if name in ("tissue", "tubules", "wall"):
            figure: Figure = import_module(f"testis_abm.pictures.{name}").draw(data)
        else:
            figure = _paper().draw_courses(data, name)
    return figure


def write_figure(figure: Figure, name: str, folder: Path) -> list[Path]:
    """Write a figure in every format, each file whole or not at all; return the paths.

    Raises:
        TestisError: the folder cannot be written.
    """
    paths, missing = _written(figure, name, folder)
    _note(missing)
    return paths


def _note(missing: set[str]) -> None:
    if missing:
        signs = ", ".join(sorted(missing))
        warnings.warn(f"pictures: their font has no {signs}; a box stands in its place", Note, stacklevel=1)


def _written(figure: Figure, name: str, folder: Path) -> tuple[list[Path], set[str]]:
    """Write a figure; return the paths, and the signs that its fonts do not have."""
    paths = [folder / f"{name}.{kind}" for kind in KINDS]
    for kind, path in zip(KINDS, paths, strict=True):
        with files.whole(path, kept="") as file:
            file.write(rendered(figure, kind))
    return paths, _paper().missing_signs(figure)


def rendered(figure: Figure, kind: str) -> bytes:
    """Return a figure as a file of a kind."""
    file = io.BytesIO()
    with _paper().looks():
        figure.savefig(file, format=kind, dpi=figure.dpi, metadata=_paper().METADATA.get(kind))
    return file.getvalue()


FORMATS = ("png", "svg", "pdf", "tif", "jpg")


class Look(TypedDict, total=False):
    """How a figure is finished.

    Attributes:
        save: file that it is written to too; its suffix is the format (FORMATS).
        dpi: dots an inch, 20 to 1200 (default 150; journals ask for 300 to 600).
        size: width and height in inches, each 1 to 40 (default: two columns of a journal). Letters keep their size.
    """

    save: str | os.PathLike[str]
    dpi: float
    size: tuple[float, float]


def finished[F: Figure](draw: Callable[[], F], look: Look) -> F:
    """Return what is drawn with its size and resolution, written to a file if one is named; `look` is checked first.

    Raises:
        ScenarioError: an argument is none of its values. TestisError: the file cannot be written.
    """
    if unknown := [name for name in look if name not in Look.__annotations__]:
        raise TypeError(f"plot() takes no {unknown[0]}; known: {', '.join(Look.__annotations__)}")
    dpi, sides, save = look.get("dpi"), look.get("size"), look.get("save")
    if dpi is not None:
        dpi = guard.number(dpi, 20.0, 1200.0, "dpi", "dots an inch")
    if sides is not None:
        if not isinstance(sides, list | tuple) or len(sides) != 2:
            raise ScenarioError(f"{shown(sides)} is not a width and a height; write for example (7.2, 4)", "size")
        sides = guard.number(sides[0], 1.0, 40.0, "size", "inches"), guard.number(sides[1], 1.0, 40.0, "size", "inches")
    path, kind = None, ""
    if save is not None:
        path = guard.path(save, "save")
        if not path.name:
            raise ScenarioError(f'{shown(str(save))} names no file; write for example "figure.png"', "save")
        kind = guard.word(path.suffix.lower().removeprefix("."), FORMATS, f"save: {printable(path.name)}: suffix")
    figure = draw()
    if dpi is not None:
        figure.set_dpi(dpi)
    if sides is not None:
        figure.set_size_inches(*sides)
    if path is not None:
        with files.whole(path, kept="") as file:
            file.write(rendered(figure, kind))
    return figure


class Figures(dict[str, "Figure"]):
    """Figures by name. A notebook shows all of them."""

    def _repr_html_(self) -> str:
        shown = []
        for name, figure in self.items():
            data = base64.b64encode(rendered(figure, "png")).decode()
            shown.append(f'<img alt="{escape(name)}" style="max-width:100%" src="data:image/png;base64,{data}">')
        return "<br>".join(shown)

    def __repr__(self) -> str:
        return f"<Figures: {', '.join(self)}; [name] is one of them>"


def _paper() -> Any:
    guard.matplotlib()
    return import_module("testis_abm.pictures.paper")


# ---- in other processes, which saves half of the time to draw


@contextmanager
def standing_by() -> Iterator[Executor]:
    """Start processes that load matplotlib and wait for `draw`."""
    pool = ProcessPoolExecutor(_PROCESSES, multiprocessing.get_context("spawn"), _stand_by)
    try:
        for _ in range(_PROCESSES):
            pool.submit(_paper)
        yield pool
    finally:
        pool.shutdown(cancel_futures=True)


def _stand_by() -> None:
    """Follow the parent, and end at once with it: what was drawn is written, and Python takes seconds to tear figures down."""
    follow_parent()
    atexit.register(os._exit, 0)


def draw(run: Run, folder: str | Path, pool: Executor) -> list[Path]:
    """Write all figures of `run` to `folder` as PNG and SVG; return their paths by figure.

    Raises:
        TestisError: matplotlib is missing, or the folder cannot be written.
    """
    data, target = PlotData.of(run), Path(folder).absolute()
    try:
        # The slowest come last in a run's figures.
        units = unit_system()  # of this thread; those of a process are its own
        tasks = {name: pool.submit(_draw, data.only(name), name, target, units) for name in reversed(data.figures())}
        written = [tasks[name].result() for name in data.figures()]
    except BrokenProcessPool:  # killed, say for want of memory
        written = [_draw(data, name, target, units) for name in data.figures()]
    _note(set().union(*(missing for _, missing in written)))
    return [path for paths, _ in written for path in paths]


def _draw(data: PlotData, name: str, folder: Path, units: str) -> tuple[list[Path], set[str]]:
    with in_units(units):
        return _written(draw_figure(data, name), name, folder)
