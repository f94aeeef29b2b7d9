"""What commands print and where they write unless told otherwise."""

from __future__ import annotations

import hashlib
import sys
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from testis_abm.support.errors import Note
from testis_abm.support.loading import unswept

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.progress import Progress, ProgressColumn

    from testis_abm.agents.own_file import OwnFile
    from testis_abm.cli.told import Told


def noted[T](told: Told, make: Callable[..., T], *given: Any, **named: Any) -> T:
    """Return what `make` makes; say its warnings as notes, a line each."""
    with warnings.catch_warnings(record=True) as notes:
        warnings.simplefilter("always")
        made = make(*given, **named)
    for note in notes:
        told.note(str(note.message))
    if hasattr(made, "own_tables"):  # a scenario
        told.loaded.append(cast(Any, made))
    return made


def listed(rows: Iterable[tuple[str, str]]) -> str:
    """Return names and what is said of each, in two columns."""
    rows = list(rows)
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"{name:{width}s}   {text}" for name, text in rows)


def results(told: Told, folder: Path, pictures: Iterable[Any]) -> None:
    """Say where results and pictures are."""
    told.files += [Path(path).name for path in pictures]
    names = sorted(Path(path).name for path in pictures if str(path).endswith(".png"))
    told.show(f"Results in {folder}/" + (f"  (pictures: {', '.join(names)}; each as SVG too)" if names else ""))


def drawing() -> None:
    """Say that pictures are drawn, which may take longer than the simulation did."""
    print("Drawing pictures (--no-plots leaves them out) ...", file=sys.stderr, flush=True)


def picture(told: Told, figure: Figure, name: str, folder: Path) -> None:
    """Write a picture, and say where it is."""
    from testis_abm.pictures.drawing import write_figure

    paths = write_figure(figure, name, folder)
    told.files += [path.name for path in paths]
    told.show(f"Picture: {paths[0]} (SVG beside it)")


def default_folder(name: str, text: str) -> Path:
    """Return the folder of results that --out does not name: a `name` and a mark of all that decides on them."""
    return Path("runs") / (f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:6]}" if text else name)


def bar(*columns: ProgressColumn, only_terminal: bool = False) -> Progress:
    """Return a bar of progress on the terminal, gone when it has ended."""
    from rich.console import Console

    from testis_abm.cli.reported import bar_class

    console = Console(stderr=True)
    return bar_class()(*columns, console=console, transient=True, disable=only_terminal and not console.is_terminal)


def own_file(path: str | None) -> OwnFile | None:
    """Return the user's own file of rules in Python, run once, so that a fault of it comes before any work."""
    if path is None:
        return None
    with unswept():
        from testis_abm.agents.own_file import OwnFile

    own = OwnFile.at(path)
    warnings.warn(
        f"{path} is your own code (sha256 {own.digest[:12]}), run as you asked; results are its author's",
        Note,
        stacklevel=2,
    )
    _ = own.model
    return own
