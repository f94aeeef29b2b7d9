"""Pages of docs/ whose tables are made by a script: what stands between `<!-- made: NAME -->` and `<!-- end -->` is made again."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

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
