"""The documentation: what its pages tell to run runs, links and anchors lead somewhere, quoted numbers agree, the site builds and asks no other host."""

from __future__ import annotations

import importlib.util
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import own_scripts
import pytest

from testis_abm import cli, parameters
from testis_abm.man.mean_field import steady_state
from testis_abm.man.physiology import complete

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "made"),
]
anchors = own_scripts.script("made_page").anchors
MADE = ("api", "parameters", "questions", "tables")  # pages that `make docs` makes

# A block of a page that is marked: `<!-- run -->`, `<!-- run: needs PACKAGE -->` or `<!-- file: NAME -->` on the line before it.
BLOCK = re.compile(
    r"^<!-- (run|run: needs (?P<needs>\w+)|file: (?P<file>[\w.-]+)) -->\n```(?P<kind>\w*)\n(?P<text>.*?)^```$",
    re.M | re.S,
)
MARK = re.compile(r"^<!-- (run|file:).*$", re.M)


def named(path):
    return path.relative_to(ROOT).as_posix()


def marked(path):
    """Return the marked blocks of a page."""
    text = path.read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    assert len(blocks) == len(MARK.findall(text)), f"{named(path)}: a mark without a block, or one that is not known"
    return blocks


RUN = [path for path in PAGES if marked(path)]


def run_line(line):
    """Run a line of a terminal, as far as pages may have them."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "testis-abm", f"a page's block that is run may call testis-abm alone, not {words[0]}"
    try:
        code = cli.main(words[1:])
    except SystemExit as stop:
        code = stop.code
    assert not code, f"{line}: exit code {code}"


# The tutorial's commands add up: make verify runs them.
PARTS = [pytest.param(path, id=named(path), marks=[pytest.mark.slow] * (path.stem == "tutorial")) for path in RUN]


@pytest.mark.parametrize("path", PARTS)
def test_what_a_page_tells_to_run_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    session = {"__name__": "page"}
    for block in marked(path):
        line = path.read_text(encoding="utf-8").count("\n", 0, block.start()) + 1
        if block["file"]:
            (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
        elif block["needs"] and importlib.util.find_spec(block["needs"]) is None:
            continue
        elif block["kind"] == "python":
            exec(compile("\n" * line + block["text"], named(path), "exec"), session)
        else:
            for command in block["text"].replace("\\\n", " ").splitlines():
                run_line(command)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
def test_shards_of_the_cluster_page_merge_to_what_one_machine_finds(tmp_path):
    for block in marked(DOCS / "how_to" / "cluster.md"):
        (tmp_path / block["file"]).write_text(block["text"], encoding="utf-8")
    command = tmp_path / "bin" / "testis-abm"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m testis_abm "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    env = {**os.environ, "PATH": f"{command.parent}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    for task in ("1", "2"):
        subprocess.run(
            ["sh", "sweep.slurm"],
            cwd=tmp_path,
            env={**env, "SLURM_ARRAY_TASK_ID": task},
            check=True,
            capture_output=True,
        )
    for line in (
        "merge store store-1 store-2",
        "sweep small.toml --no-plots --out store",
        "sweep small.toml --no-plots --out alone",
    ):
        subprocess.run([command, *line.split()], cwd=tmp_path, env=env, check=True, capture_output=True)
    assert (tmp_path / "store" / "results.parquet").read_bytes() == (
        tmp_path / "alone" / "results.parquet"
    ).read_bytes()


# ---- links


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_images_and_anchors_lead_somewhere(path):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        place, _, anchor = target.partition("#")
        there = (path.parent / place).resolve() if place else path
        if there.parent == DOCS / "made":
            assert there.stem in MADE, f"{named(path)}: no page {target}"
            continue
        assert there.exists(), f"{named(path)}: nothing at {target}"
        assert not anchor or anchor in anchors(there.read_text(encoding="utf-8")), (
            f"{named(path)}: no heading for {target}"
        )


# ---- numbers


@pytest.fixture(scope="module")
def rebuilt():
    return SimpleNamespace(**runpy.run_path(str(ROOT / "examples" / "reference_man.py")))


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"gnrh_drive": 0.5},
        {"bmi": 33.0},
        {"age": 60.0},
        {"leydig_capacity": 0.4},
        {"er_alpha_sensitivity": 0.2},
        {"androgen_sensitivity": 0.1},
        {"testicular_aromatase": 0.1, "adipose_aromatase": 0.05},
    ],
    ids=str,
)
def test_the_equations_of_the_odd_page_give_the_engines_man(rebuilt, own):
    reference = {name: field.value for name, field in parameters.physiology().items()}
    engine = steady_state(complete(parameters.values()), {**reference, **own})
    found = rebuilt.steady_state(**own)
    cells = found.pop("germ_per_sertoli")
    assert engine["germ_per_sertoli"] == pytest.approx(cells, rel=0.014)  # the engine counts them by whole days of age
    assert {name: engine[name] for name in found} == pytest.approx(found, rel=0.002)


def test_the_rebuilt_man_refuses_what_it_does_not_know(rebuilt):
    with pytest.raises(SystemExit, match="hyalinised_tubules"):
        rebuilt.steady_state(hyalinised_tubules=0.5)


def test_the_odd_page_quotes_what_its_equations_give(rebuilt):
    found, text = rebuilt.steady_state(), (DOCS / "odd.md").read_text(encoding="utf-8")
    quoted = re.search(
        r"LH ([\d.]+) and FSH ([\d.]+) IU/L, testosterone ([\d.]+) nmol/L, oestradiol ([\d.]+) pmol/L, (\d+) million sperm a day and ([\d.]+) million/mL",
        text,
    )
    names = (
        "lh_iu_l",
        "fsh_iu_l",
        "testosterone_nmol_l",
        "oestradiol_pmol_l",
        "released_million",
        "concentration_million_ml",
    )
    for number, name in zip(quoted.groups(), names):
        digits = len(number.partition(".")[2])
        assert f"{found[name]:.{digits}f}" == number, name


def test_readme_counts_what_is_there():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    studies = len(list((ROOT / "testis_abm" / "studies").glob("*.toml"))) - 1  # and calibration.toml
    assert (
        f"There are {len(parameters.presets())} presets of men, {len(parameters.drugs())} drugs and {studies} studies."
        in text
    )


def test_readme_quotes_the_validation_page():
    readme, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/validation.md"))
    rows = {}
    for name in ("**fitted, each study left out in turn**", "- hormones", "- semen"):
        cells = [
            part.strip()
            for part in next(line for line in page.splitlines() if line.startswith(f"| {name} ")).split("|")
        ]
        rows[name] = cells[2:6]
    (count, inside, _, fold), (_, by_hormones, _, fold_h), (_, by_semen, _, fold_s) = rows.values()
    wanted = f"{inside} of {count} observations lie inside the 95 % interval, with a median fold error of {fold}: hormones {by_hormones} and {fold_h}, semen and times {by_semen} and {fold_s}"
    assert wanted in " ".join(readme.split())


def test_readme_quotes_the_misses_of_the_tables_page():
    readme, page = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/tables.md"))
    parts = {part.split()[0]: part for part in re.split(r"^## ", page, flags=re.M)[1:]}
    for heading, words in {"Drugs": "drug rows", "Presets": "preset rows", "Populations": "of populations"}.items():
        hits, every = map(int, re.search(r"^(\d+) of (\d+) hit$", parts[heading], re.M).groups())
        assert f"{every - hits} of {every} {words}" in readme, heading


def test_the_model_page_quotes_the_weights_of_the_hypotheses():
    text = (DOCS / "model.md").read_text(encoding="utf-8")
    for name, question in parameters.hypotheses().items():
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}`")).replace("*", "")
        for key, answer in question.answers.items():
            assert re.search(rf"\b{key}( \([\d.]+\))? {answer.weight:.2f}", row), f"{name}: {key} {answer.weight}"


# ---- the site


@pytest.fixture(scope="module")
def maker():
    pytest.importorskip("sphinx", reason='needs pip install ".[docs]"')
    pytest.importorskip("myst_parser")
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return SimpleNamespace(**runpy.run_path(str(ROOT / "scripts" / "make_docs.py")))
    finally:
        sys.path.pop(0)


def test_a_site_that_asks_another_host_is_found(maker, tmp_path):
    (tmp_path / "a.html").write_text(
        '<a href="https://doi.org/x">fine</a><img src="b.png"><script src="https://cdn.example/x.js"></script>'
        '<link rel="stylesheet" href="//fonts.example/y.css">',
        encoding="utf-8",
    )
    (tmp_path / "b.css").write_text(
        "@import 'https://a.example/z.css'; p { background: url(http://b.example/i.png) }", encoding="utf-8"
    )
    assert [line.split("://")[-1].split("//")[-1] for line in maker.asked_elsewhere(tmp_path)] == [
        "cdn.example/x.js",
        "fonts.example/y.css",
        "a.example/z.css",
        "b.example/i.png",
    ]


def test_every_made_page_is_linked_and_holds_its_table(maker):
    assert sorted(maker.PAGES) == sorted(MADE)
    made = {name: "\n".join(make()) for name, make in maker.PAGES.items()}
    for name, parameter in parameters.load().items():
        assert f"| `{name.split('.')[-1]}` | {parameter.value:g} |" in made["parameters"], name
    for question in parameters.hypotheses().values():
        assert question.decided_by in made["questions"]
        for answer in question.answers.values():
            assert f"{answer.weight:g}" in made["questions"]


def test_a_broken_link_fails_the_build(maker, tmp_path):
    from sphinx.cmd.build import build_main

    shutil.copy(DOCS / "conf.py", tmp_path)
    (tmp_path / "index.md").write_text("# A page\n\n[there](nowhere.md), `no_such_page.md`\n", encoding="utf-8")
    log = tmp_path / "log"
    assert build_main(["-b", "html", "-W", "--keep-going", "-q", "-w", str(log), str(tmp_path), str(tmp_path / "out")])
    said = log.read_text(encoding="utf-8")
    assert "index.md:3" in said and "nowhere.md" in said and "no page no_such_page.md" in said
