"""The notebooks of docs/notebooks run, show what they say, are stored without outputs, and make the gallery."""

from __future__ import annotations

import re

import page_code
import pytest
from own_scripts import script

pytest.importorskip("IPython")
pytest.importorskip("matplotlib")
notebooks = script("notebooks")
PATHS = notebooks.notebooks()


# Those that take longest are run by `make verify`.
RUN = [
    pytest.param(path, marks=[pytest.mark.slow] * (path.stem in ("what_if", "own_rule", "injury"))) for path in PATHS
]


@pytest.mark.parametrize("path", RUN, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_tables_and_pictures(path):
    cells = list(notebooks.run(path))
    assert all(cell.shown for cell in cells), "a cell that shows nothing"
    shown = [data for cell in cells for data in cell.shown]
    assert sum("image/png" in data for data in shown) >= 1
    assert sum("text/html" in data for data in shown) >= 1
    assert not [data for data in shown if "Error" in data["text/plain"]]
    assert len(notebooks.picture(cells)) < 120_000


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_a_notebook_is_stored_as_a_source(path):
    book = notebooks.read(path)
    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    code = [cell for cell in book["cells"] if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)
    assert sum(len("".join(cell["source"]).splitlines()) for cell in book["cells"]) < 90, "more than two screens"
    text = "".join("".join(cell["source"]) for cell in book["cells"])
    assert "not medical advice" in text
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (path.parent / link).exists(), link


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_cells_compile_and_ask_for_what_is_there(path):
    code = ["".join(cell["source"]) for cell in notebooks.read(path)["cells"] if cell["cell_type"] == "code"]
    found = [f"{path.name}: code cell {k + 1}: {fault}" for k, fault in page_code.faults(code)]
    assert len(code) > 2 and found == []


def test_a_cell_that_fails_names_notebook_and_cell(tmp_path):
    path = tmp_path / "bad.ipynb"
    text = PATHS[0].read_text(encoding="utf-8")
    path.write_text(text.replace("import testis_abm as ta", "import testis_abm as ta; ta.nothing"), encoding="utf-8")
    with pytest.raises(RuntimeError, match=r"bad\.ipynb: code cell 1: AttributeError: .*nothing"):
        list(notebooks.run(path))


def test_the_gallery_is_made_of_the_notebooks():
    assert notebooks.GALLERY.read_text(encoding="utf-8") == notebooks.page(PATHS), "run: make gallery"
    pictures = sorted(notebooks.PICTURES.glob("*"))
    assert [path.name for path in pictures] == sorted(f"{path.stem}.png" for path in PATHS)
    assert sum(path.stat().st_size for path in pictures) < 700_000
