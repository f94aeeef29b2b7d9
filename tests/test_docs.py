"""The documentation: what its pages tell to run runs, links and anchors lead somewhere, quoted numbers agree, the site builds and asks no other host."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import own_scripts
import page_code
import pytest
from PIL import Image

from testis_abm import TestisError, cli, parameters
from testis_abm.cli import command
from testis_abm.man.mean_field import steady_state
from testis_abm.man.physiology import complete
from testis_abm.studies.ensemble import shipped
from testis_abm.studies.study import known

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    *sorted(path for path in DOCS.rglob("*.md") if path.parent.name != "made"),
]
anchors = own_scripts.script("made_page").anchors
MADE = ("api", "parameters", "questions", "tables")  # pages that `make docs` makes

# What stands on the line before a block of code says what becomes of it:
#   <!-- run -->                  it is run by the tests
#   <!-- run: short -->           so, each `testis-abm run` with SHORT added
#   <!-- run: slow -->            by `make verify`
#   <!-- run: needs PACKAGE -->   where PACKAGE is installed
#   <!-- file: NAME -->           it is a file that later blocks use
#   <!-- elsewhere: FILE::TEST --> that test runs it
#   <!-- not run: WHY -->         nobody does
BLOCK = re.compile(
    r"^(?:<!-- (?P<mark>run|file|elsewhere|not run)(?:: (?P<how>.+?))? -->\n)?```(?P<kind>[\w{}-]*)[^\n]*\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
MARK = re.compile(r"^<!-- (?:run|file|elsewhere|not run)\b.*$", re.MULTILINE)
SHORT = ["--days", "20", "--set", "plan.replicates=1", "--set", "tissue.tubules=1", "--no-plots"]
# Pages for those who begin: every block of theirs has a mark.
FIRST = [ROOT / "README.md", DOCS / "install.md", DOCS / "tutorial.md", *sorted((DOCS / "how_to").glob("*.md"))]


def named(path):
    return path.relative_to(ROOT).as_posix()


def place(path, block):
    """Return where a block stands, for a message."""
    return f"{named(path)}:{path.read_text(encoding='utf-8').count(chr(10), 0, block.start()) + 1}"


def blocks(path):
    """Return the blocks of code of a page."""
    found = BLOCK.finditer(path.read_text(encoding="utf-8"))
    return [block for block in found if not block["kind"].startswith("{")]


def commands(block):
    """Return the lines of a terminal in a block, those that go on joined."""
    return block["text"].replace("\\\n", " ").splitlines()


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_every_block_says_whether_it_is_run(path):
    there = blocks(path)
    marks = [block for block in there if block["mark"]]
    assert len(marks) == len(MARK.findall(path.read_text(encoding="utf-8"))), f"{named(path)}: a mark without a block"
    for block in there:
        mark, how, where = block["mark"], block["how"], place(path, block)
        assert mark or path not in FIRST, f"{where}: no mark says whether this block is run"
        assert mark != "run" or re.fullmatch(r"short|slow|needs \w+", how or "short"), f"{where}: unknown mark"
        assert mark != "file" or re.fullmatch(r"[\w.-]+", how or ""), f"{where}: no name of a file"
        if mark == "elsewhere":
            file, _, test = how.partition("::")
            assert f"def {test}(" in (ROOT / file).read_text(encoding="utf-8"), f"{where}: no test {how}"
        assert mark != "not run" or (how and path.name != "README.md"), f"{where}: README's blocks are all run"


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_python_on_a_page_compiles_and_asks_for_what_is_there(path):
    there = [block for block in blocks(path) if block["kind"] == "python"]
    found = page_code.faults(block["text"] for block in there)
    assert [f"{place(path, there[k])}: {fault}" for k, fault in found] == []


def test_python_on_a_page_that_asks_for_what_is_not_there_is_found():
    code = """\
import testis_abm as ta
from testis_abm import nothing
ta.no_such("x")
ta.Man.no_preset("x")
ta.run("obese", dais=20)
surface = ta.surface("obese", levels=5)
surface.plot(savee="x.png")
surface.no_such_table
twin = surface if surface else None
twin.anything
"""
    assert [fault for _, fault in page_code.faults([code, "ta = = 1"])] == [
        "no nothing to import from testis_abm",
        "ta has no no_such",
        "ta.Man has no no_preset",
        "ta.run takes no dais=",
        "surface.plot takes no savee=",
        "surface has no no_such_table",
        "line 1: invalid syntax",
    ]


def run_line(line, more=()):
    """Run a line of a terminal, as far as pages may have them."""
    words = shlex.split(line, comments=True)
    if not words:
        return
    assert words[0] == "testis-abm", f"a page's block that is run may call testis-abm alone, not {words[0]}"
    try:
        code = cli.main([*words[1:], *(more if words[1] == "run" else ())])
    except SystemExit as stop:
        code = stop.code
    assert not code, f"{line}: exit code {code}"


def run_page(path, folder, slow):
    """Do what a page tells, in a folder; without the blocks that are `slow`, unless told so."""
    (folder / "examples").symlink_to(ROOT / "examples")
    session = {"__name__": "page"}
    for block in blocks(path):
        how = block["how"] or ""
        if block["mark"] == "file":
            (folder / how).write_text(block["text"], encoding="utf-8")
        if block["mark"] != "run" or (how == "slow" and not slow):
            continue
        if how.startswith("needs ") and importlib.util.find_spec(how.removeprefix("needs ")) is None:
            continue
        if block["kind"] == "python":
            above = int(place(path, block).rpartition(":")[2]) + 1
            exec(compile("\n" * above + block["text"], named(path), "exec"), session)
            continue
        for line in commands(block):
            run_line(line, SHORT if how == "short" else ())


def has(path, slow):
    return any(block["mark"] == "run" and (block["how"] == "slow") == slow for block in blocks(path))


@pytest.mark.parametrize("path", [path for path in PAGES if has(path, slow=False)], ids=named)
def test_what_a_page_tells_to_run_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_page(path, tmp_path, slow=False)
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("path", [path for path in PAGES if has(path, slow=True)], ids=named)
def test_what_takes_long_on_a_page_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    run_page(path, tmp_path, slow=True)
    assert "Traceback" not in capsys.readouterr().err


# ---- commands that are named


SOURCES = [*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "testis_abm" / "studies" / "README.md"]
SUBCOMMANDS = [
    name
    for action in command._parser()._actions
    for name in (action.choices if isinstance(action.choices, dict) else ())
]
TARGETS = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)[1].split()


def terminal(block):
    """Return whether a block is what one types, not what is printed."""
    return block["kind"] in ("", "sh") and not block["text"].startswith("what ")


def inline(path):
    """Return what a page has as code within its text."""
    return re.findall(
        r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    )


def parse(line, where, capsys):
    """Read a line of a terminal, and do nothing."""
    words = shlex.split(line, comments=True)
    words = words[: next((k for k, word in enumerate(words) if word in (">", ">>")), None)]
    try:
        command._parser().parse_args(command._joined(words[1:]))
    except (SystemExit, TestisError):
        pytest.fail(f"{where}: {line}: {capsys.readouterr().err}")


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_commands_that_a_page_names_are_there(path, capsys):
    for block in blocks(path):
        for line in commands(block) if terminal(block) else ():
            if not line.startswith("testis-abm ") or "$" in line:
                continue
            parse(line, place(path, block), capsys)
    for text in inline(path):
        if text.startswith("testis-abm ") and re.match(r"[a-z]", text.split()[1]):
            for name in text.split()[1].split("|"):
                assert name in SUBCOMMANDS, f"{named(path)}: no command {text}"
            if path.stem == "commands":
                parse(text, named(path), capsys)


@pytest.mark.parametrize("path", SOURCES, ids=named)
def test_targets_of_make_are_there(path):
    lines = [line for block in blocks(path) if terminal(block) for line in commands(block)]
    for line in [*lines, *inline(path)]:
        if line.startswith("make "):
            for word in line.partition("#")[0].split()[1:]:
                if "=" in word or word.startswith(("-", '"')):
                    break
                assert word in TARGETS, f"{named(path)}: Makefile has no target {word} ({line})"


def fault_of_target(makefile, target):
    """Return what is wrong with a target of a Makefile: it fails, or has no rule and so does nothing."""
    done = subprocess.run(
        ["make", "-n", "-f", makefile, target],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, "LC_ALL": "C"},
    )
    if done.returncode:
        return f"make {target}: {done.stderr}"
    idle = re.fullmatch(r"(make\S*: (Nothing to be done|'.*' is up to date).*\s*)*", done.stdout)
    return f"make {target}: no rule does anything" if idle else None


@pytest.mark.parametrize("target", TARGETS)
def test_targets_of_make_do_something(target):
    assert fault_of_target(ROOT / "Makefile", target) is None


def test_a_target_of_make_without_a_rule_is_found(tmp_path):
    file = tmp_path / "Makefile"
    file.write_text(
        ".PHONY: idle busy above broken\nbusy:\n\t@echo busy\nabove: busy\nbroken: absent\n", encoding="utf-8"
    )
    assert "no rule" in fault_of_target(file, "idle") and "absent" in fault_of_target(file, "broken")
    assert fault_of_target(file, "busy") is None and fault_of_target(file, "above") is None


def test_the_commands_page_has_them_all():
    lines = inline(DOCS / "commands.md")
    words = {tuple(line.split()[:2]) for line in lines}
    assert [name for name in SUBCOMMANDS if ("testis-abm", name) not in words] == []
    made = {word for line in lines if line.startswith("make ") for word in line.partition("#")[0].split()}
    assert [target for target in TARGETS if target not in made] == []


@pytest.mark.slow
def test_shards_of_the_cluster_page_merge_to_what_one_machine_finds(tmp_path):
    for block in blocks(DOCS / "how_to" / "cluster.md"):
        if block["mark"] == "file":
            (tmp_path / block["how"]).write_text(block["text"], encoding="utf-8")
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


# ---- files that are named


KEPT = re.compile(
    r"[\w.*-]+(?:/[\w.*-]+)+\.(?:md|py|toml|csv|json|ipynb)"
)  # a path of a kind of file that the checkout keeps
BASES = (ROOT, DOCS, ROOT / "testis_abm")


def named_paths(text):
    """Yield the paths that a page has as code within its text; of `a/{b,c}.py` each, and none of what runs write."""
    for code in re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        for word in re.split(r"[\s\"'()]+", code):
            place = word.partition("::")[0].partition("#")[0].rstrip(",;:")
            head, _, tail = place.partition("{")
            inside, _, end = tail.partition("}")
            for part in inside.split(","):
                path = head + part + end
                if KEPT.fullmatch(path) and path.partition("/")[0] not in ("runs", "results"):
                    yield path


def is_there(path, page):
    return any(next(base.glob(path), None) for base in (*BASES, page.parent))


@pytest.mark.parametrize("page", sorted({ROOT / "CONTRIBUTING.md", *PAGES} - {ROOT / "CHANGELOG.md"}), ids=named)
def test_files_that_a_page_names_are_there(page):
    absent = [path for path in named_paths(page.read_text(encoding="utf-8")) if not is_there(path, page)]
    assert not absent, f"{named(page)}: no file {', '.join(absent)}"


def test_a_file_that_is_named_and_not_there_is_found():
    text = "`docs/no.md`, `biology/{axis,nowhere}.py`, `x --out runs/a/b.csv`, `mine.toml`, `testis-abm run scenarios/no*.toml`"
    absent = [path for path in named_paths(text) if not is_there(path, ROOT / "README.md")]
    assert absent == ["docs/no.md", "biology/nowhere.py", "scenarios/no*.toml"]


# ---- links


@pytest.mark.parametrize("path", PAGES, ids=named)
def test_links_images_and_anchors_lead_somewhere(path):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
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


def script(name):
    """Return what a script of scripts/ defines."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return SimpleNamespace(**runpy.run_path(str(ROOT / "scripts" / f"{name}.py")))
    finally:
        sys.path.pop(0)


def readme_text():
    return (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rebuilt():
    return SimpleNamespace(**runpy.run_path(str(ROOT / "examples" / "reference_man.py")))


FIELDS = {field.name: field for field in parameters.physiology().values()}
REFERENCE_MAN = {name: field.value for name, field in parameters.physiology().items()}
REBUILT = (
    "axis",
    "tissue",
    "leydig",
    "aromatase",
    "receptor",
    "germ",
    "niche",
    "inhibin",
    "tract",
)  # groups of numbers


def off(rebuilt, own, abstinence=3.0, **how):
    """Return by how much of itself each level of a man, rebuilt from the equations of the page, is off the engine's."""
    numbers = {name: value for name, value in own.items() if "." in name}
    man = {name: value for name, value in own.items() if name not in numbers}
    values = complete({**parameters.values(), **numbers})
    engine = steady_state(values, {**REFERENCE_MAN, **man}, abstinence=abstinence)
    found = rebuilt.steady_state(own, abstinence=abstinence, **how)
    # Beside so little there is none.
    return {name: abs(level - engine[name]) / max(abs(engine[name]), 1e-2) for name, level in found.items()}


MEN = [
    *(
        {name: value}
        for name, values in {
            "age": (20.0, 75.0),
            "bmi": (18.0, 45.0),
            "cyp19a1_repeats": (7.0, 9.0),
            "bmi_lost": (8.0,),
            "prolactin": (0.3, 20.0),
            "gnrh_drive": (0.0, 0.05, 2.5),
            "spermatogonial_commitment": (0.5, 1.6),
            "spermatogonial_survival": (0.0, 0.5, 1.1),
            "meiotic_completion": (0.4, 1.6),
            "spermiation": (0.5, 1.03),
            "motility": (0.5, 1.6),
            "morphology": (0.5, 3.0),
        }.items()
        for value in values
    ),
    *({name: 0.4} for name, field in parameters.physiology().items() if field.unit == "x reference"),
    {"duct_patency": 0.0},
    {"androgen_sensitivity": 0.0},
    {"fsh_secretion": 0.0},
    {"er_alpha_sensitivity": 0.0, "er_beta_sensitivity": 0.0},
    {"testicular_aromatase": 0.0, "adipose_aromatase": 0.0},
    {"er_alpha_sensitivity": 0.2, "duct_patency": 0.5, "gland_volume": 0.05},
    {"age": 80.0, "bmi": 60.0, "cyp19a1_repeats": 12.0, "bmi_lost": 5.0},
    {"age": 20.0, "motility": 1.6, "morphology": 3.0, "tract.morphology_reference": 0.3},
    {"spermatogonial_survival": 1.1, "fsh_sensitivity": 3.0, "fsh_secretion": 3.0, "germ.spermatogonial_loss": 0.02},
    {"leydig.oestrogen_brake": 0.5, "leydig_er_alpha_sensitivity": 0.3},
]


@pytest.mark.parametrize("own", MEN, ids=str)
def test_the_equations_of_the_odd_page_give_the_engines_man(rebuilt, own):
    assert max(off(rebuilt, own).values()) < 1e-6


@pytest.mark.parametrize("seed", range(4))
def test_the_equations_of_the_odd_page_give_him_under_other_numbers_of_the_model(rebuilt, seed):
    rng = np.random.default_rng(seed)
    own = {}
    for name, field in parameters.load().items():
        if name.partition(".")[0] in REBUILT:
            own[name] = field.value + rng.uniform(0.02, 0.15) * (rng.choice((field.low, field.high)) - field.value)
    assert max(off(rebuilt, own).values()) < 1e-6


@pytest.mark.parametrize("days", [1.0, 2.5, 6.0])
def test_the_equations_of_the_odd_page_give_ejaculates_after_other_abstinence(rebuilt, days):
    assert max(off(rebuilt, {"age": 50.0}, abstinence=days).values()) < 1e-6


def odd_page():
    return (DOCS / "odd.md").read_text(encoding="utf-8")


AGREEMENT = re.findall(r"^\| (no other|`man\.[^|]*) \| ([\d.]+) \| ([\d.]+) \(([^)]+)\) \|$", odd_page(), re.MULTILINE)
OFF_MOST = {"FSH": "fsh_iu_l", "inhibin B": "inhibin_b_pg_ml"}
OFF_MOST["intratesticular oestradiol"] = "intratesticular_oestradiol_nmol_l"


@pytest.mark.parametrize(("man", "cells", "others", "which"), AGREEMENT)
def test_the_odd_page_tells_how_far_its_formula_of_flux_alone_is_off(rebuilt, man, cells, others, which):
    own = {name: float(value) for name, value in re.findall(r"`man\.(\w+)` ([\d.]+)", man)}
    found = off(rebuilt, own, whole_days=False)
    assert 100 * found.pop("germ_per_sertoli") == pytest.approx(float(cells), abs=0.006)
    most = max(found, key=found.get)
    assert (most, 100 * found[most]) == (OFF_MOST[which], pytest.approx(float(others), abs=0.006))


def test_the_odd_page_has_its_table_of_agreement():
    assert len(AGREEMENT) == 15 and AGREEMENT[0][0] == "no other"


@pytest.mark.parametrize(
    "own", [{"hyalinised_tubules": 0.5}, {"somatic_maturity": 0.5}, {"axis.no_such": 1.0}], ids=str
)
def test_the_rebuilt_man_refuses_what_it_does_not_know(rebuilt, own):
    with pytest.raises(SystemExit, match=next(iter(own))):
        rebuilt.steady_state(own)


def test_the_rebuilt_man_refuses_abstinence_beyond_the_reserve(rebuilt):
    with pytest.raises(SystemExit, match="reserve_days"):
        rebuilt.steady_state({}, abstinence=7.0)


def names_of_submodels():
    """Return what section 7 calls numbers by: (part of it, the dotted names that each code in it may mean)."""
    page = odd_page()
    parts = re.split(r"^### (7\.\d .*)$", page[page.index("## 7. Submodels") :], flags=re.MULTILINE)
    for heading, text in zip(["7", *parts[1::2]], parts[::2]):
        text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        groups = re.findall(r"`(\w+)`", heading)
        for name in re.findall(r"`([a-z]\w+(?:\.\w+)?)`", text):
            yield heading, name, {name} if "." in name else {f"{group}.{name}" for group in groups}


NUMBERS = {**parameters.load(), **FIELDS}


def test_every_name_of_the_submodels_is_that_of_one_number():
    for heading, name, meant in names_of_submodels():
        found = meant & NUMBERS.keys()
        assert len(found) == 1, f"docs/odd.md, {heading}: `{name}` is the name of {len(found)} numbers"


def test_all_that_moves_the_rebuilt_man_is_named_on_the_odd_page(rebuilt):
    named = set().union(*(meant for _, _, meant in names_of_submodels()))
    named |= {f"germ.{name}_days" for name in rebuilt.TYPES}  # `TYPE_days`
    man = {"age": 50.0, "bmi": 33.0, "cyp19a1_repeats": 7.3, "prolactin": 2.0, "bmi_lost": 2.0, "leydig_capacity": 0.3}
    man |= {"er_alpha_sensitivity": 0.05, "er_beta_sensitivity": 0.04, "leydig.oestrogen_brake": 0.1}
    # So that no signal of his is at its most.
    man |= {"sertoli_androgen_sensitivity": 0.3, "testicular_aromatase": 0.3}
    found, moving = rebuilt.steady_state(man, abstinence=5.5), 0
    for name, field in NUMBERS.items():
        group, _, short = name.partition(".")
        key = short if group == "man" else name
        if group not in (*REBUILT, "man") or short in rebuilt.LEFT_OUT:
            continue
        value = man.get(key, field.value)
        there = rebuilt.steady_state({**man, key: value * 0.999 if value else 0.001}, abstinence=5.5)
        if any(abs(there[level] / found[level] - 1) > 1e-7 for level in found):
            moving += 1
            assert name in named, f"docs/odd.md, 7: nothing of {name}"
    assert moving > 150


def test_numbers_of_the_reference_man_that_the_odd_page_checks_a_rebuild_by(rebuilt):
    of = rebuilt.numbers({}).reference
    divided = of.cells["secondary_spermatocyte"] + of.cells["round_spermatid"]
    food = of.cells["pachytene"] + of.cells["diplotene"] + divided
    quoted = re.search(
        r"G₀ = ([\d.]+), s₀ = ([\d.]+) and, with the tables, E₀ = ([\d.]+) \(F₀ of B1 is ([\d.]+)", odd_page()
    )
    assert quoted.groups() == (f"{food:.2f}", f"{divided / food:.3f}", f"{of.aromatase:.1f}", f"{of.free:.3f}")


def test_the_odd_page_quotes_what_its_equations_give(rebuilt):
    found, text = rebuilt.steady_state({}), odd_page()
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


@pytest.fixture(scope="module")
def readme():
    return script("make_readme")


def test_what_is_made_in_readme_follows_from_what_is_stored(readme):
    text = readme_text()
    stored = json.loads(readme.ANSWER.read_text(encoding="utf-8"))
    assert text == readme.filled(ROOT / "README.md", text, readme.parts(stored)), "README.md: make readme"
    assert stored["ensemble"] == readme.ensemble_sum() and stored["sets"] == len(readme.shipped()), "make readme"


def test_the_volume_that_readme_quotes_is_that_of_the_model(readme):
    stored = json.loads(readme.ANSWER.read_text(encoding="utf-8"))
    for end, row in readme.of_volume(readme.cases()[readme.LOW]).items():
        assert stored["volume"][end] == pytest.approx(row, abs=0.02)


@pytest.mark.slow
def test_the_answer_that_readme_quotes_is_that_of_the_model(readme):
    stored, found = json.loads(readme.ANSWER.read_text(encoding="utf-8")), readme.answer()
    for man, of in found["men"].items():
        assert of["falls_where"] == stored["men"][man]["falls_where"]
        for word, row in of["rows"].items():
            old = stored["men"][man]["rows"][word]
            assert row["hangs_on"] == old["hangs_on"], word
            assert row["change"] == pytest.approx(old["change"], abs=0.05), word
            assert row["rises"] == pytest.approx(old["rises"], abs=0.005), word


def test_the_picture_shows_what_is_stored(readme):
    stored = json.loads(readme.ANSWER.read_text(encoding="utf-8"))
    if importlib.metadata.version("matplotlib") in (ROOT / "constraints.txt").read_text(encoding="utf-8"):
        made, there = (Image.open(data) for data in (BytesIO(readme.picture(stored)), readme.PICTURE))
        assert made.size == there.size == (1600, 940)
        assert np.abs(np.asarray(made, float) - np.asarray(there, float)).mean() < 1.0, "make readme"


COUNTED = [
    ("docs/odd.md", r"^(\d+) published studies", "studies"),
    ("docs/validation.md", r"(\d+) studies, \d+ observations", "studies"),
    ("docs/validation.md", r"(\d+) parameter sets \(ES-MDA", "sets"),
    ("docs/local_steroids.md", r"drawn by weight from the (\d+) of the shipped ensemble", "sets"),
]


def test_the_install_page_names_every_extra():
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    rows = re.findall(r"^\| (`.*?) \|", (DOCS / "install.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {*extras}


@pytest.mark.parametrize(("page", "quoted", "what"), COUNTED)
def test_pages_count_what_is_there(page, quoted, what):
    there = {"studies": len(known()), "sets": len(shipped())}[what]
    assert re.findall(quoted, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE) == [str(there)], (
        f"{page}: {what}"
    )


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
    return script("make_docs")


ASKING = {  # each asks x.example, as a browser would when it shows the file
    "html": [
        "<img src='//x.example/a'>",
        "<img src=https://x.example/a>",
        '<img src=" https://x.example/a">',
        '<img\nSRC = "https://x.example/a">',
        '<img src="&#104;ttps://x.example/a">',
        '<img src="a.png" srcset="b.png 1x, https://x.example/a 2x">',
        '<script src="https://x.example/a"></script>',
        "<script>fetch('https://x.example/a')</script>",
        '<script type="module">import a from "https://x.example/a"</script>',
        '<link rel="stylesheet" href="//x.example/a">',
        '<link rel="alternate stylesheet" href="//x.example/a">',
        '<link rel="preconnect" href="https://x.example">',
        '<object data="https://x.example/a"></object>',
        '<video poster="https://x.example/a"></video>',
        '<video><track src="https://x.example/a"></video>',
        '<iframe srcdoc="&lt;img src=//x.example/a&gt;"></iframe>',
        '<meta http-equiv="Refresh" content="0; URL=https://x.example/a">',
        "<meta http-equiv=refresh content=\"0;url='https://x.example/a'\">",
        '<svg><image href="https://x.example/a"/></svg>',
        '<svg><use xlink:href="https://x.example/a"/></svg>',
        '<p style="background: url(https://x.example/a)">',
        "<style>@import '//x.example/a';</style>",
        '<body onload="fetch(`https://x.example/a`)">',
        '<base href="https://x.example/">',
    ],
    "svg": [
        '<svg xmlns="http://www.w3.org/2000/svg"><image xlink:href="https://x.example/a"/></svg>',
        '<?xml-stylesheet href="https://x.example/a"?><svg/>',
        '<svg><style><![CDATA[@import url("https://x.example/a");]]></style></svg>',
        '<svg><rect fill="url(https://x.example/a#b)"/></svg>',
    ],
    "css": [
        "@import '//x.example/a';",
        "p { background: url(http://x.example/a) }",
        "p { background: url( '//x.example/a' ) }",
    ],
    "js": [
        "fetch('https://x.example/a')",
        "import('//x.example/a')",
        "new WebSocket(`wss://x.example`)",
        "i.src='//x.example/a'",
    ],
}
ASKING_NOBODY = {
    "html": '<a href="https://doi.org/x">a</a> <link rel="canonical" href="https://x.example"> <img src="b.png" alt="//x.example">'
    '<img src="data:image/png;base64,//8A" srcset="data:image/png;base64,//8A 1x"> <code>&lt;img src=//x.example&gt;</code>'
    '<meta property="og:image" content="https://x.example/a">',
    "svg": '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://x.example/svg.dtd"><svg xmlns="http://www.w3.org/2000/svg">'
    '<a xlink:href="https://x.example"><use xlink:href="#b"/></a></svg>',
    "css": "/* url(https://x.example/a) */ p { background: url(\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'/>\") }",
    "js": "fetch('a.json'); open('https://x.example')",
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in ASKING.items() for text in texts])
def test_a_file_of_a_site_that_asks_another_host_is_found(tmp_path, kind, text):
    (tmp_path / f"a.{kind}").write_text(text, encoding="utf-8")
    found = own_scripts.script("other_hosts").asked_elsewhere(tmp_path)
    assert len(found) == 1 and re.fullmatch(rf"a\.{kind}: (\w+:)?//x\.example.*", found[0])


@pytest.mark.parametrize("kind", ASKING_NOBODY)
def test_a_file_of_a_site_that_has_links_and_own_files_asks_nobody(tmp_path, kind):
    (tmp_path / f"a.{kind}").write_text(ASKING_NOBODY[kind], encoding="utf-8")
    assert own_scripts.script("other_hosts").asked_elsewhere(tmp_path) == []


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
