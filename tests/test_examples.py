"""The examples run as their first lines say."""

from __future__ import annotations

import ast
import pkgutil
import re
import runpy
import sys
import textwrap
import tomllib
from pathlib import Path

import pytest

import testis_abm as ta

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
ROOT = EXAMPLES.parent
PAGES = [
    ROOT / "README.md",
    *sorted(path for path in ROOT.glob("docs/**/*.md") if path.parent.name != "made"),
    *sorted(ROOT.glob("testis_abm/**/*.md")),
]
SCRIPTS = sorted(path for room in ("examples", "docs", "benchmarks", "scripts") for path in (ROOT / room).glob("*.py"))


def python_of(path):
    """Return the Python of a file: all of it, or the blocks of a page."""
    text = path.read_text(encoding="utf-8")
    blocks = (
        re.findall(r"^ *```python\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL) if path.suffix == ".md" else [text]
    )
    return [ast.parse(textwrap.dedent(block)) for block in blocks]


def imported(tree):
    """Yield the dotted names of ours that a program imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "testis_abm":
            yield from (f"{node.module}:{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "testis_abm")


def resolved(name):
    try:  # a module may be named as a name of its package
        return pkgutil.resolve_name(name)
    except AttributeError:
        return pkgutil.resolve_name(name.replace(":", "."))


@pytest.mark.parametrize("path", [*PAGES, *SCRIPTS], ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_pages_and_scripts_name_is_there(path):
    for tree in python_of(path):
        for name in imported(tree):
            resolved(name)
    if path in PAGES:
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"\btestis_abm(?:\.[A-Za-z_]\w*)+", text):
            resolved(name)
        for place in re.findall(
            r"`((?:testis_abm|tests|docs|examples|benchmarks|scripts|scenarios)/[^`*\s<>{}]*)`", text
        ):
            assert place.startswith("docs/made/") or (ROOT / place).exists(), place  # there once `make docs` has run


def test_the_rule_of_the_scenario_of_the_files_page_fires():
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    case = tomllib.loads(text)
    case["plan"] |= {"duration": "60 days", "replicates": 1}
    case["samples"]["blood"], case["weight"][0]["until"] = ["day 0"], "day 60"
    run = ta.run({**case, "tissue": {"tubules": 2}})
    assert len(run.decisions) and run.decisions["taken"].all()


@pytest.mark.slow
def test_heat_stress_from_outside(tmp_path, monkeypatch, capsys):
    picture = tmp_path / "heat.png"
    monkeypatch.setattr(sys, "argv", ["heat_stress.py", "--plot", str(picture)])
    runpy.run_path(str(EXAMPLES / "heat_stress.py"), run_name="__main__")
    share = {int(row.split()[0]): float(row.split()[2]) for row in capsys.readouterr().out.splitlines()[1:-1]}
    assert share[-2] == 100 and share[5] < 50 and share[14] > 90
    assert picture.stat().st_size > 10_000


def test_heat_stress_runs_on_both_engines():
    heat = runpy.run_path(str(EXAMPLES / "heat_stress.py"))
    case = ta.load({**heat["SCENARIO"], "tissue": {"tubules": 1}})
    collected = []
    for engine in ("compiled", "reference"):
        model = heat["HeatStress"](case, engine=engine)
        model.run_for(3)
        collected.append(model.collector.get_model_vars_dataframe())
    assert len(collected[0]) == 3 and collected[0].equals(collected[1])


def run_as_script(name, monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    return runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_mesas_collector_sees_man_and_cells(monkeypatch, capsys):
    made = run_as_script("mesa_datacollector.py", monkeypatch, "--days", "20")
    assert "oestradiol at the Leydig cells" in capsys.readouterr().out
    man = made["Counted"]({"title": "Counted", "tissue": {"tubules": 1}}, rng=1)
    man.step()
    table = man.datacollector.get_model_vars_dataframe()
    assert table["day"].tolist() == [-28, -27]
    assert table["germ_cells"].iloc[-1] == man.tissue.counts().sum() and table["pachytene"].gt(0).all()
    leydig = man.datacollector.get_agenttype_vars_dataframe(ta.LeydigCell)
    assert len(leydig) == 2 * len(man.agents_by_type[ta.LeydigCell]) and leydig["oestradiol_pmol_l"].gt(0).all()


def test_mesas_batch_runner_runs_it(monkeypatch, capsys):
    run_as_script("mesa_batch.py", monkeypatch)
    released = [float(row.split()[1]) for row in capsys.readouterr().out.splitlines()[2:]]
    assert len(released) == 3 and released[0] > released[1] > released[2]


def test_agents_of_ones_own_act_on_cells_and_are_felt_by_the_axis(monkeypatch, capsys):
    run_as_script("own_agent.py", monkeypatch)
    *rows, kinds = capsys.readouterr().out.splitlines()[1:]
    day = {int(cells[0]): (float(cells[3]), float(cells[4])) for cells in map(str.split, rows)}
    assert day[15][0] < 0.8 * day[10][0] and day[20][1] > 1.3 * day[10][1]  # testosterone falls, LH rises
    assert day[60][0] > 0.95 * day[10][0] and "Macrophage 40" in kinds


@pytest.mark.parametrize("settings", [{}, {"bmi": 26, "dose": 0.0, "rng": "7"}], ids=["as it opens", "after sliders"])
def test_mesas_own_page_shows_a_man(monkeypatch, settings):
    solara = pytest.importorskip("solara")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    page = runpy.run_path(str(EXAMPLES / "mesa_page.py"))
    _, context = solara.render(page["Page"](), handle_error=False)
    context.close()
    man = page["Counted"](**settings)
    assert man.case.treated == (settings.get("dose", 1.0) > 0) and man.seed == int(settings.get("rng", 1))
    assert man.case.man.bmi == settings.get("bmi", 33) and settings.keys() <= page["PARAMETERS"].keys()
