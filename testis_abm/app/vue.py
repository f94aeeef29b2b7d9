"""The page's own Vue components, as one ES module: the browser loads it once and compiles each template once, not one a widget."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ipyvue
import solara

_NAME = "testis_abm"
_FOLDER = Path(__file__).with_name("parts")
_FILE = re.compile(r"<template>\n(?P<template>.*?)\n</template>\n\n<script>\n(?P<script>.*?)</script>", re.DOTALL)


def component(name: str) -> Callable[[Callable[..., None]], Callable[..., solara.Element]]:
    """Return the decorator that shows a component of the folder `parts` (see solara.component_vue)."""
    show: Callable[[Callable[..., None]], Callable[..., solara.Element]] = solara.component_vue(
        esm_module=_NAME, esm_export=name
    )
    return show


def module() -> str:
    """Return all components as one ES module: each a scope of its own, whose `export default` is what it returns, after what they share."""
    parts = [path.read_text(encoding="utf-8") for path in sorted(_FOLDER.glob("*.js"))]
    for path in sorted(_FOLDER.glob("*.vue")):
        found = _FILE.search(path.read_text(encoding="utf-8"))
        if found is None:
            raise ValueError(f"{path.name} is no <template> followed by a <script>")
        script = found["script"].replace("export default", "return", 1)
        template = json.dumps(found["template"])
        parts.append(f"export const {path.stem} = {{ template: {template}, ...(() => {{\n{script}\n}})() }};")
    return "\n".join(parts)


def _define() -> None:
    define: Any = ipyvue.define_module
    define(_NAME, code=module(), dependencies=[])


_define()
