"""Pages of docs/ whose tables are made by a script: what stands between `<!-- made: NAME -->` and `<!-- end -->` is made again."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from testis_abm.support import files

Table = Sequence[Sequence[object]]
MADE = re.compile(r"(<!-- made: (?P<name>.+?) -->\n).*?(?=<!-- end -->)", re.DOTALL)


def filled(path: Path, page: str, made: Mapping[str, Sequence[str]], whole: bool = True) -> str:
    """Return a page with the parts that were made replaced, the text around them kept.

    Args:
        whole: whether all parts of the page must be there.

    Raises:
        SystemExit: the page lacks a part, or has one that is not made.
    """
    there = [found["name"] for found in MADE.finditer(page)]
    twice = {name for name in there if there.count(name) > 1}
    if wrong := twice | ({*there} ^ {*made} if whole else {*made} - {*there}):
        sys.exit(f"{path}: parts and markers differ, or one stands twice: {', '.join(sorted(wrong))}")

    def put(found: re.Match[str]) -> str:
        return found[1] + "\n".join(["", *made[found["name"]], "", ""]) if found["name"] in made else found[0]

    return MADE.sub(put, page)


def report(what: str) -> None:
    """Print what is worked out now."""
    print(what, file=sys.stderr, flush=True)


def table(head: Sequence[str], rows: Table) -> list[str]:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(map(str, row)) + " |" for row in (head, *rows)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def make(
    page: Path, basis: str, makers: Mapping[str, Callable[[], dict[str, list[str]]]], names: Sequence[str]
) -> None:
    """Work out the parts of a page that are named (all without any), print them and write them into it; `basis`: how it is made."""
    made = {"basis": [basis]}
    for name in names or makers:
        report(name)
        part = makers[name]()
        for lines in part.values():
            print("\n".join(lines), flush=True)
        made |= part
    files.write(page, filled(page, page.read_text(encoding="utf-8"), made, whole=not names).encode())


def anchors(text: str) -> list[str]:
    """Return the anchors of the headings of a page, as forges and the site name them."""
    found: list[str] = []
    for heading in re.findall(r"^#+ (.+?)\s*$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S), re.M):
        plain = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", heading).lower()).replace(" ", "-")
        found.append(plain + (f"-{found.count(plain)}" if plain in found else ""))
    return found
