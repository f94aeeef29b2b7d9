"""What pages, styles, scripts and pictures of a site would ask another host for without a click of the reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path

# Attributes whose value is loaded, whatever has them; `srcset`, `style`, `srcdoc` and `href` are read below.
_LOADED = {"src", "poster", "data", "background", "manifest", "code", "archive", "codebase", "classid", "ping"}
_PAINT = {
    "style",
    "fill",
    "stroke",
    "filter",
    "mask",
    "clip-path",
    "cursor",
    "marker-start",
    "marker-mid",
    "marker-end",
}
_FOLLOWED = ("a", "area")  # their href is for the reader
_TOLD = {
    "canonical",
    "author",
    "copyright",
    "license",
    "next",
    "prev",
    "help",
    "alternate",
}  # <link rel> that loads nothing
_STYLE = re.compile(
    r"""url\(\s*["']?(?P<url>[^)"']*)|@import\s+["'](?P<style>[^"']*)|(?:image-set|src)\(\s*["'](?P<set>[^"']*)""",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"""\b(?:fetch|import|importScripts|EventSource|WebSocket|(?:Shared)?Worker|Request|sendBeacon)\(\s*["'`](?P<call>[^"'`]*)
    |\.open\(\s*["'][A-Za-z]+["']\s*,\s*["'`](?P<open>[^"'`]*)
    |\.src\s*=\s*["'`](?P<src>[^"'`]*)
    |\b(?:import|from)\s*["'](?P<module>[^"']*)""",
    re.VERBOSE,
)
_ELSEWHERE = re.compile(r"(?:https?|wss?|ftp):|(?:[a-z][a-z0-9+.-]*:)?//", re.IGNORECASE)


def _found(pattern: re.Pattern[str], text: str) -> Iterator[str]:
    for match in pattern.finditer(text):
        yield next(part for part in match.groups() if part is not None)


def _in_style(text: str) -> Iterator[str]:
    return _found(_STYLE, re.sub(r"/\*.*?\*/", " ", text, flags=re.DOTALL))


def _in_script(text: str) -> Iterator[str]:
    yield from _found(_CALL, text)
    yield from _found(_STYLE, text)


class _Page(HTMLParser):
    """Gathers the addresses that a page or an SVG picture loads."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Gather what an element loads."""
        self.inside = tag if tag in ("script", "style") else ""
        own = {name: value or "" for name, value in attrs}
        for name, value in own.items():
            if name in _LOADED or (name.rpartition(":")[2] == "href" and self.loads(tag, own)):
                self.asked += value.split() if name in ("archive", "ping") else [value]
            elif name in ("srcset", "imagesrcset"):
                self.asked += [part.strip(",") for part in value.split()]
            elif name == "srcdoc":
                self.asked += _in_page(value)
            elif name in _PAINT:
                self.asked += _in_style(value)
            elif name.startswith("on"):
                self.asked += _in_script(value)
        if tag == "meta" and own.get("http-equiv", "").strip().lower() == "refresh":
            self.asked += re.findall(
                r"(?:;|,|\s)\s*(?:url\s*=\s*)?[\"']?([^\"']*)", own.get("content", ""), re.IGNORECASE
            )[:1]

    @staticmethod
    def loads(tag: str, own: Mapping[str, str]) -> bool:
        """Return whether the href of an element is loaded."""
        return tag not in _FOLLOWED and not (
            tag == "link" and own.get("rel") and {*own["rel"].lower().split()} <= _TOLD
        )

    def handle_endtag(self, tag: str) -> None:
        """Leave a style or a script."""
        self.inside = ""

    def handle_data(self, data: str) -> None:
        """Read the text of a style or a script."""
        if self.inside:
            self.asked += _in_style(data) if self.inside == "style" else _in_script(data)

    def handle_pi(self, data: str) -> None:
        """Read the style sheet that an SVG picture names."""
        if data.startswith("xml-stylesheet"):
            self.asked += re.findall(r"href\s*=\s*[\"']([^\"']*)", data)

    def unknown_decl(self, data: str) -> None:
        """Read a style of an SVG picture that stands in CDATA."""
        self.handle_data(data.removeprefix("CDATA["))


def _in_page(text: str) -> list[str]:
    page = _Page()
    page.feed(text)
    page.close()
    return page.asked


_READ: Mapping[str, Callable[[str], list[str] | Iterator[str]]] = {
    **dict.fromkeys((".html", ".htm", ".xhtml", ".svg"), _in_page),
    ".css": _in_style,
    **dict.fromkeys((".js", ".mjs"), _in_script),
}


def asked_elsewhere(site: Path) -> list[str]:
    """Return "page: address" of everything that files of a built site would ask another host for."""
    found = []
    for path in sorted(site.rglob("*")):
        if read := _READ.get(path.suffix.lower()):
            for address in read(path.read_text(encoding="utf-8")):
                plain = re.sub(r"[\t\r\n]", "", address).strip().replace("\\", "/")  # as browsers read it
                if _ELSEWHERE.match(plain):
                    found.append(f"{path.relative_to(site)}: {plain}")
    return found
