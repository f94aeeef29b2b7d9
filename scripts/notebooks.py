"""Notebooks read and run in this process: what each cell says and shows. The gallery is made of it: make gallery."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "notebooks"
GALLERY = ROOT / "docs" / "gallery.md"
PICTURES = ROOT / "docs" / "gallery"
_WIDE = 640  # pixels of a picture
_ORDER = ("what_if", "local_steroids", "injury", "sweep", "trial", "own_rule", "own_data")


@dataclass
class Cell:
    """A cell that was run: its source, and what it showed by type."""

    source: str
    shown: list[dict[str, Any]] = field(default_factory=list)


def read(path: Path) -> dict[str, Any]:
    """Return a notebook as it is stored."""
    return json.loads(path.read_text(encoding="utf-8"))


def title_of(path: Path) -> tuple[str, str]:
    """Return the title of a notebook, and its first paragraph."""
    head, text, *_ = "".join(read(path)["cells"][0]["source"]).split("\n\n")
    return head.removeprefix("# "), text


def run(path: Path) -> Iterator[Cell]:
    """Run the code of a notebook cell by cell, in a shell of its own and a folder that goes with it.

    Raises:
        RuntimeError: a cell fails, by its number.
    """
    from IPython.core.displayhook import DisplayHook
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.utils.capture import capture_output

    values: list[dict[str, Any]] = []

    class Kept(DisplayHook):
        """Keeps what the last line of a cell is, in all its forms."""

        def write_output_prompt(self) -> None:
            """Write nothing."""

        def write_format_data(self, format_dict: dict[str, Any], md_dict: dict[str, Any] | None = None) -> None:
            values.append(format_dict)

    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance(history_length=0, displayhook_class=Kept)
    shell.history_manager.enabled = False
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            code = [cell for cell in read(path)["cells"] if cell["cell_type"] == "code"]
            for k, cell in enumerate(code, 1):
                source = "".join(cell["source"])
                with capture_output() as seen:
                    result = shell.run_cell(source)
                if not result.success:
                    fault = result.error_before_exec or result.error_in_exec
                    raise RuntimeError(f"{path.name}: code cell {k}: {type(fault).__name__}: {fault}") from fault
                yield Cell(source, [*(output.data for output in seen.outputs), *values])
                values.clear()
        finally:
            os.chdir(here)
            InteractiveShell.clear_instance()


def picture(cells: list[Cell]) -> bytes:
    """Return the first picture of a notebook, small."""
    import io

    from PIL import Image

    data = next(shown["image/png"] for cell in cells for shown in cell.shown if "image/png" in shown)
    image = Image.open(io.BytesIO(data)).convert("RGB")
    image = image.resize((_WIDE, round(image.height * _WIDE / image.width)), Image.Resampling.LANCZOS)
    file = io.BytesIO()
    image.quantize(96).save(file, "PNG", optimize=True)
    return file.getvalue()


def page(paths: list[Path]) -> str:
    """Return the gallery."""
    parts = [
        "# Gallery",
        "What each notebook of `docs/notebooks/` shows first. Open one in Jupyter (`pip install jupyterlab`, in no extra of ours; then "
        "`jupyter lab docs/notebooks`) or VS Code and run it: each takes seconds. A notebook shows the last line of a cell by itself; in a "
        "plain script wrap it in `print(...)`. "
        "This page is made by `make gallery`.",
    ]
    for path in paths:
        title, text = title_of(path)
        parts += [
            f"## {title}",
            f"Notebook: [{path.name}](notebooks/{path.name})",
            text.replace("](../", "]("),
            f"![{title}](gallery/{path.stem}.png)",
        ]
    return "\n\n".join(parts) + "\n"


def notebooks() -> list[Path]:
    """Return all notebooks, in the order of the gallery; of ones it does not know the names come last."""
    found = {path.stem: path for path in sorted(FOLDER.glob("*.ipynb"))}
    return [found.pop(name) for name in _ORDER if name in found] + [*found.values()]


def main() -> None:
    """Run all notebooks, and write the gallery and its pictures."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    PICTURES.mkdir(exist_ok=True)
    for path in notebooks():
        (PICTURES / f"{path.stem}.png").write_bytes(picture(list(run(path))))
        print(path.name)
    GALLERY.write_text(page(notebooks()), encoding="utf-8")


if __name__ == "__main__":
    main()
