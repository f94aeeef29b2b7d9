"""Make the site of the documentation: python scripts/make_docs.py [--out build/docs] [--pages].

Pages in docs/made follow from the tables and the code. Any fault of a page fails the build, and so does a page of the built
site that would ask another host for anything.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from made_page import table
from other_hosts import asked_elsewhere

import testis_abm as ta
from testis_abm import parameters
from testis_abm.quantities import QUANTITIES
from testis_abm.support import files
from testis_abm.testis.columns import GermColumns, LeydigColumns, SertoliColumns

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
MADE = DOCS / "made"

# What each group of numbers is about, in the order of the model.
GROUPS = {
    "axis": "Hypothalamus, pituitary, blood and fat",
    "pulses": "Pulses within a day",
    "tissue": "The testis: counts, sizes and fields",
    "leydig": "Leydig cells",
    "aromatase": "Aromatase",
    "receptor": "Receptors of Sertoli cells",
    "germ": "Germ cells",
    "niche": "Niche of the stem cells",
    "inhibin": "Inhibin B",
    "tract": "Ducts and ejaculate",
}


def cell(text: object) -> str:
    """Return a text as a cell of a table."""
    return str(text).replace("|", "\\|").replace("\n", " ")


def code(text: str) -> str:
    """Return a text as code."""
    return f"`{text}`"


def by_group() -> dict[str, list[parameters.Parameter]]:
    """Return the parameters of the model by group, those of GROUPS first."""
    groups: dict[str, list[parameters.Parameter]] = {name: [] for name in GROUPS}
    for name, parameter in parameters.load().items():
        groups.setdefault(name.split(".")[0], []).append(parameter)
    return groups


def rows_of(entries: Iterable[parameters.Parameter]) -> list[list[str]]:
    """Return rows of a table of parameters."""
    return [
        [
            code(each.name.split(".")[-1]),
            f"{each.value:g}",
            f"{each.low:g} to {each.high:g}",
            cell(each.unit),
            each.confidence,
            cell(f"{each.source}. {each.note}" if each.note else each.source),
        ]
        for each in entries
    ]


HEAD = ("name", "value", "range", "unit", "confidence", "source; note")


def parameter_page() -> list[str]:
    """Return the page of the numbers of the model."""
    groups, fields, whole = by_group(), parameters.physiology(), parameters.search()
    every = [each for group in groups.values() for each in group]
    counts = {
        kind: sum(each.confidence == kind for each in every) for kind in ("measured", "derived", "fitted", "assumed")
    }
    lines = [
        "# Parameters",
        "",
        f"All {len(every)} numbers of the tissue and body and {len(fields)} fields of a man, made from `testis_abm/parameters/`; with the constants of "
        f"drugs (`testis-abm drugs NAME`) they are {len(whole)} (`testis-abm parameters`), {sum(each.confidence == 'assumed' for each in whole)} of these assumed. A value may be "
        "changed within its range in a scenario (`[parameters]`), and beyond it by a table of your own (`docs/own_tables.md`). Of the "
        f"numbers of the tissue and body {counts['measured']} are measured, {counts['derived']} derived from measurements, {counts['fitted']} fitted "
        f"to studies and {counts['assumed']} assumed. Unit 1: a plain number.",
    ]
    for name, entries in groups.items():
        title = GROUPS.get(name) or parameters.in_words(name, heading=True)
        lines += ["", f"## {title} ({code(name)})", "", *table(HEAD, rows_of(entries))]
    lines += ["", "## A man (`man`)", "", "In a scenario under `[man]`; those of the reference man stand here.", ""]
    return [*lines, *table(HEAD, rows_of(fields.values()))]


def question_page() -> list[str]:
    """Return the page of the questions that the data do not decide."""
    every = parameters.hypotheses()
    lines = [
        "# Open questions",
        "",
        "Questions that the data do not decide, made from `testis_abm/parameters/hypotheses.toml`. Each set of the shipped ensemble has an "
        "answer to each, drawn by weight; every summary says on which of them the sign of a change hangs. "
        "`testis-abm hypotheses SCENARIO` shows a treatment under each answer.",
    ]
    for name, question in every.items():
        whom = (
            "all men"
            if question.sperm_below is None
            else f"men with some sperm and under {question.sperm_below:g} million/mL untreated"
        )
        rows = [
            [
                f"**{code(key)}**" if key == question.default else code(key),
                f"{answer.weight:g}",
                "; ".join(kind_in_words(kind) for kind in answer.kinds) or "nothing",
                cell(answer.source),
            ]
            for key, answer in question.answers.items()
        ]
        lines += [
            "",
            f"## {question.question} ({code(name)})",
            "",
            f"Of {whom}. The tables hold the answer in bold.",
            "",
            *table(("answer", "weight", "what it sets", "evidence"), rows),
            "",
            f"**What would decide it:** {question.decided_by}.",
            "",
            f"Weights: {question.source.removeprefix('weights: ')}.",
        ]
    return lines


def kind_in_words(kind: parameters.ManKind) -> str:
    """Return what an answer sets, of which share of the men."""
    sets = ", ".join(f"{code(name)} = {value:g}" for name, value in {**kind.parameters, **kind.man}.items())
    return sets if kind.share == 1 else f"in {kind.share:.0%} of them {sets}"


def table_page() -> list[str]:
    """Return the page of the columns of results and of cells, with units and shapes."""
    lines = [
        "# Columns: units and shapes",
        "",
        "## What is measured or reported",
        "",
        "A column of a table has one value a row; its name ends in its unit. Levels are reported in the conventional unit, or in SI units "
        'with `--units si` and `ta.in_units("si")`; tables on disk keep the unit of the column.',
        "",
        *table(
            ("column", "quantity", "unit", "reported in", "sample"),
            [
                [
                    code(each.column),
                    cell(each.label),
                    cell(each.unit),
                    cell(each.conventional_unit),
                    each.sample or "none",
                ]
                for each in QUANTITIES.values()
            ],
        ),
    ]
    kinds: Mapping[str, type] = {
        "Leydig cells": LeydigColumns,
        "Sertoli cells": SertoliColumns,
        "Germ cells": GermColumns,
    }
    for title, columns in kinds.items():
        rows = [
            [code(name), f"(cells,) {column.dtype.__name__}", cell(column.doc), "yes" if column.settable else ""]
            for name, column in columns.declared().items()
        ]
        lines += [
            "",
            f"## {title}",
            "",
            "One value a cell, from `model.agents_by_type[...]`: `array(name)` has the shape below.",
            "",
        ]
        lines += table(("name", "shape, type", "what, with its unit", "may be set"), rows)
    return lines


# Bases from elsewhere, whose members are described there.
FOREIGN = ("object", "Exception", "BaseModel", "Model", "Agent")


def api_page() -> list[str]:
    """Return the page of the Python interface: every public name, from its docstring."""
    classes = [name for name in ta.__all__ if inspect.isclass(getattr(ta, name))]
    functions = [name for name in ta.__all__ if name not in classes]
    lines = [
        "# Python reference",
        "",
        "Everything that `import testis_abm as ta` offers. Units are SI and stand in the names of columns: ",
    ]
    lines[-1] += "[Columns: units and shapes](tables.md). How to work with it: `docs/python.md`."
    for title, names, directive, options in (
        ("Functions", functions, "autofunction", []),
        ("Classes", classes, "autoclass", ["   :members:", f"   :inherited-members: {', '.join(FOREIGN)}"]),
    ):
        lines += ["", f"## {title}"]
        for name in names:
            lines += ["", "```{eval-rst}", f".. {directive}:: testis_abm.{name}", *options, "```"]
    return lines


PAGES: Mapping[str, Callable[[], list[str]]] = {
    "parameters": parameter_page,
    "questions": question_page,
    "tables": table_page,
    "api": api_page,
}


def make_pages() -> None:
    """Write the pages that follow from tables and code."""
    MADE.mkdir(exist_ok=True)
    for name, make in PAGES.items():
        text = "\n".join([*make(), ""])
        path = MADE / f"{name}.md"
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # Sphinx reads again what has changed
            files.write(path, text.encode())


def build(out: Path) -> int:
    """Build the site; return 0, or what failed."""
    from sphinx.cmd.build import build_main

    make_pages()
    if failed := build_main(["-b", "html", "-W", "--keep-going", "-q", "-E", str(DOCS), str(out)]):
        return int(failed)
    if elsewhere := asked_elsewhere(out):
        print("\n".join(["The site asks other hosts:", *elsewhere]), file=sys.stderr)
        return 1
    return 0


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build" / "docs", help="where the site goes (default build/docs)"
    )
    parser.add_argument("--pages", action="store_true", help="make the pages of docs/made alone")
    given = parser.parse_args()
    if given.pages:
        make_pages()
        return 0
    began = time.perf_counter()
    if failed := build(given.out):
        return failed
    there = [path for path in given.out.rglob("*") if path.is_file()]
    size, pages = sum(path.stat().st_size for path in there) / 1e6, sum(path.suffix == ".html" for path in there)
    print(f"{given.out / 'index.html'}: {pages} pages, {size:.1f} MB, in {time.perf_counter() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
