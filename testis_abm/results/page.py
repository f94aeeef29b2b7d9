"""Results as one page that stands alone: no script, nothing that is asked of the network, fit for screens and A4 paper."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

from testis_abm.support.outputs import SOFTWARE

_TYPES = {".svg": "image/svg+xml", ".png": "image/png"}
_LARGEST_DRAWING = 700_000  # bytes of an SVG; of a larger one the page holds the PNG
_GAP = 2  # blanks between the columns of a table in print
_COLUMNS = re.compile(r"\S {2,}\S")
_NUMBER = re.compile(r"[<>x±(+\-–]?\s*[<>]?[+\-]?[0-9][0-9,.]*")
_HEAD = re.compile(r"([A-Z][\w ()-]{1,40}): (?=\S)")
_WRAPPED = 109  # signs: no shorter line was broken for want of room
_BEGINS = re.compile(r"[A-Z]|[^.:]{1,60}: [A-Z]")  # how a sentence begins, or what is said of an arm
_NOTHING = ("-", "")


class Section(NamedTuple):
    """A part of the page: its heading, and paragraphs of terms and what is said of each."""

    heading: str
    entries: Sequence[tuple[str, str]]


def render(
    title: str,
    about: Sequence[str],
    marks: Sequence[str],
    text: Sequence[str],
    pictures: Mapping[str, Path],
    sections: Sequence[Section],
    sources: Mapping[str, str],
    disclaimer: str,
) -> str:
    """Return the page.

    Args:
        title: of the results; about: facts under it, in a line.
        marks: what of them lies beyond the evidence, and warnings.
        text: what the command printed, line by line: its tables become tables, its paragraphs paragraphs.
        pictures: caption -> file, SVG with a PNG beside it or either.
        sections: what follows: methods, versions, limits, citation.
        sources: name -> text of what reproduces the results.
        disclaimer: in the head and the foot.
    """
    marked = "".join(f"<li>{escape(mark)}</li>" for mark in marks)
    body = [
        f"<header><p class=kicker>{SOFTWARE} report</p><h1>{escape(title)}</h1>",
        f"<p class=about>{' <span>·</span> '.join(map(escape, about))}</p>",
        f"<p class=limits>{escape(disclaimer)}</p></header>",
        f"<section class=marks><h2>Read this first</h2><ul>{marked}</ul></section>" if marks else "",
        f"<section><h2>Results</h2>{''.join(typeset(text))}</section>",
        *([f"<section class=figures><h2>Figures</h2>{''.join(_figures(pictures))}</section>"] if pictures else []),
        *(_section(section) for section in sections if section.entries),
        *([f"<section><h2>To reproduce</h2>{''.join(_sources(sources))}</section>"] if sources else []),
        f"<footer>{escape(disclaimer)}</footer>",
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="generator" content="{SOFTWARE}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head>\n<body><main>\n"
        + "\n".join(filter(None, body))
        + "\n</main></body></html>\n"
    )


def fragment(text: str) -> str:
    """Return text as a part of another page, such as a notebook: its tables and paragraphs, in the colours of that page."""
    return f'<div class="testis-abm"><style>{_FRAGMENT}</style>{"".join(typeset(text.splitlines()))}</div>'


# ---- text


def typeset(lines: Sequence[str]) -> Iterator[str]:
    """Yield the HTML of text as commands print it."""
    for block in _blocks(lines):
        table = _table(block)
        if table:
            yield _html_table(table)
        else:
            yield from _paragraphs(block)


def _blocks(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yield runs of lines that are all of one table, or of none."""
    block: list[str] = []
    tabled = False
    for line in lines:
        head = bool(re.match(r" {8,}\S", line))  # of a table whose first column has no name
        of_table = head or bool(_COLUMNS.search(line))
        another = of_table and tabled and not line.startswith(" ") and block and block[-1].startswith(" ")
        if block and (not line.strip() or of_table != tabled or another):
            yield block
            block = []
        if line.strip():
            block.append(line)
            tabled = of_table
    if block:
        yield block


def _table(lines: Sequence[str]) -> list[list[str]]:
    """Return the cells of lines of a table: columns stand under each other, or, where they do not, blanks part them; else none."""
    if len(lines) < 2 or not all(_COLUMNS.search(line) or line.startswith(" " * 8) for line in lines):
        return []
    ragged = [re.split(" {2,}", line.strip().replace("->  ", "-> ")) for line in lines]
    most = max(map(len, ragged))
    width = max(map(len, lines))
    padded = [line.ljust(width) for line in lines]
    blank = [all(line[k] == " " for line in padded) for k in range(width)]
    ends, start = [], None
    for k in range(width + 1):
        if start is None and k < width and not blank[k]:
            start = k
        elif start is not None and (k == width or all(blank[k : k + _GAP])):
            ends.append((start, k))
            start = None
    if len(ends) < most:
        return [row + [""] * (most - len(row)) for row in ragged]
    return [[line[first:last].strip() for first, last in ends] for line in padded]


def _html_table(rows: list[list[str]]) -> str:
    head, *others = rows
    with_head = not any(re.match(r"[<>+±-]*[0-9]", cell) for cell in head) and bool(others)
    numeric = [all(_NUMBER.match(row[k]) or row[k] in _NOTHING for row in others or rows) for k in range(len(head))]
    made = ["<div class=scroll><table>"]
    if with_head:
        cells = "".join(f"<th scope=col{_right(numeric[k])}>{escape(cell)}</th>" for k, cell in enumerate(head))
        made.append(f"<thead><tr>{cells}</tr></thead>")
    made.append("<tbody>")
    for row in others if with_head else rows:
        first, *rest = row
        cells = "".join(f"<td{_right(numeric[k])}>{escape(cell)}</td>" for k, cell in enumerate(rest, 1))
        made.append(f"<tr><th scope=row>{escape(first)}</th>{cells}</tr>")
    made.append("</tbody></table></div>")
    return "".join(made)


def _right(numeric: bool) -> str:
    return " class=n" if numeric else ""


def _paragraphs(lines: Sequence[str]) -> Iterator[str]:
    """Yield paragraphs: a line goes on with the one before where its first word had no room there."""
    texts: list[str] = []
    last = ""
    for line in lines:
        word = line.split(maxsplit=1)[0]
        ended = last.endswith(".") and bool(_BEGINS.match(line.strip()))
        if last and not ended and len(last) + 1 + len(word) > _WRAPPED:
            texts[-1] += f" {line.strip()}"
        else:
            texts.append(line.strip())
        last = line
    for text in texts:
        head = _HEAD.match(text)
        yield f"<p><b>{escape(head[1])}:</b> {escape(text[head.end() :])}</p>" if head else f"<p>{escape(text)}</p>"


# ---- the rest


def _figures(pictures: Mapping[str, Path]) -> Iterator[str]:
    for number, (caption, path) in enumerate(pictures.items(), 1):
        chosen = path
        beside = path.with_suffix(".png")
        if path.suffix == ".svg" and path.stat().st_size > _LARGEST_DRAWING and beside.exists():
            chosen = beside
        data = base64.b64encode(chosen.read_bytes()).decode()
        yield (
            f'<figure><img alt="{escape(caption, quote=True)}" src="data:{_TYPES[chosen.suffix]};base64,{data}">'
            f"<figcaption><b>Figure {number}.</b> {escape(caption)}</figcaption></figure>"
        )


def _section(section: Section) -> str:
    inner = "".join(f"<dt>{escape(term)}</dt><dd>{escape(text)}</dd>" for term, text in section.entries)
    return f"<section><h2>{escape(section.heading)}</h2><dl>{inner}</dl></section>"


def _sources(sources: Mapping[str, str]) -> Iterator[str]:
    for name, text in sources.items():
        yield f"<h3>{escape(name)}</h3><pre>{escape(text.rstrip())}</pre>"


_STYLE = """
:root{color-scheme:light dark;--ground:#fff;--ink:#1b2530;--dim:#55616d;--rule:#d5dbe1;--strong:#0b5394;--warn:#9a4a00;--sheet:#f5f7f9}
@media (prefers-color-scheme:dark){:root{--ground:#12171d;--ink:#e8edf2;--dim:#a9b4bf;--rule:#37424d;--strong:#8cc4ff;--warn:#ffb86b;--sheet:#1b222a}}
*{box-sizing:border-box}
html{background:var(--ground);color:var(--ink);font:15px/1.5 "Helvetica Neue",Helvetica,Arial,"Liberation Sans",sans-serif;-webkit-text-size-adjust:100%}
body{margin:0}
main{max-width:1000px;margin:0 auto;padding:40px 28px 56px}
header{border-top:4px solid var(--strong);padding-top:14px}
h1{font-size:28px;line-height:1.2;margin:2px 0 8px;font-weight:700;letter-spacing:-.01em;overflow-wrap:anywhere;max-width:32em}
h2{font-size:17px;margin:34px 0 10px;padding-top:8px;border-top:1px solid var(--rule);color:var(--strong)}
h3{font-size:15px;margin:16px 0 6px;overflow-wrap:anywhere}
p{margin:0 0 10px;max-width:46em;overflow-wrap:anywhere}
.kicker{font-size:13px;color:var(--strong);font-weight:700;margin:0}
.about{color:var(--dim);margin:0 0 4px}
.about span{padding:0 2px}
.limits{color:var(--warn);font-weight:700;margin:0}
.marks{border-left:4px solid var(--warn);background:var(--sheet);padding:2px 16px 8px;margin-top:22px}
.marks h2{border:0;margin:8px 0 4px;padding:0;color:var(--warn)}
.marks ul{margin:0;padding-left:18px}
.marks li{max-width:46em;overflow-wrap:anywhere}
.scroll{overflow-x:auto;margin:12px 0 18px}
table{border-collapse:collapse;font-size:13.5px;line-height:1.35;font-variant-numeric:tabular-nums;border-top:1.5px solid var(--ink);border-bottom:1.5px solid var(--ink)}
th,td{padding:3px 14px 3px 0;text-align:left;vertical-align:top;font-weight:400}
td{white-space:nowrap}
th[scope=row]{min-width:11em}
th:last-child,td:last-child{padding-right:0}
thead th{font-weight:700;border-bottom:1px solid var(--ink);vertical-align:bottom;padding-bottom:5px}
.n{text-align:right}
tbody tr+tr>*{border-top:1px solid var(--rule)}
figure{margin:0 0 26px}
figure img{display:block;max-width:100%;height:auto;background:#fff;padding:6px}
figcaption{font-size:13.5px;color:var(--dim);margin-top:6px}
dl{display:grid;grid-template-columns:minmax(9em,13em) minmax(0,46em);gap:6px 20px;margin:0}
dt{font-weight:700;overflow-wrap:anywhere}
dd{margin:0;overflow-wrap:anywhere;white-space:pre-line}
pre{font:inherit;font-size:13px;line-height:1.4;white-space:pre-wrap;overflow-wrap:anywhere;background:var(--sheet);padding:10px 14px;margin:0 0 14px}
footer{margin-top:40px;padding-top:10px;border-top:1px solid var(--rule);color:var(--dim);font-size:13px}
@media (max-width:640px){main{padding:22px 16px 40px}h1{font-size:23px}dl{grid-template-columns:minmax(0,1fr);gap:0}dd{margin-bottom:10px}
th,td{padding-right:10px}th[scope=row]{min-width:8.5em}}
@page{size:A4;margin:16mm 15mm 18mm}
@media print{:root{color-scheme:light;--ground:#fff;--ink:#000;--dim:#444;--rule:#bbb;--strong:#0b3d6e;--warn:#7a3b00;--sheet:#f5f7f9}
html{font-size:9.5pt;line-height:1.4}main{max-width:none;padding:0}h1{font-size:18pt}h2{font-size:11.5pt;break-after:avoid}h3{font-size:10pt;break-after:avoid}
table{font-size:8pt}td{white-space:normal}th,td{padding-right:8px}th[scope=row]{min-width:0}.scroll{overflow:visible}thead{display:table-header-group}
tr,figure,dt,dd{break-inside:avoid}figure img{max-height:215mm;padding:0}pre{font-size:8pt;line-height:1.3}p{orphans:3;widows:3}.marks{print-color-adjust:exact;-webkit-print-color-adjust:exact}}
""".strip().replace("\n", "")
_FRAGMENT = """
.testis-abm{max-width:62em}
.testis-abm p{margin:.3em 0}
.testis-abm .scroll{overflow-x:auto;margin:.5em 0}
.testis-abm table{border-collapse:collapse;font-variant-numeric:tabular-nums}
.testis-abm th,.testis-abm td{padding:2px 14px 2px 0;text-align:left;font-weight:400}
.testis-abm thead th{font-weight:700;border-bottom:1px solid currentcolor}
.testis-abm .n{text-align:right}
""".strip().replace("\n", "")
