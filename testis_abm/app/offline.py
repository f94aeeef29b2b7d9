"""What the page needs of Solara's half in the browser, from this package: no other host is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"
_FACES = "*/dist/source-sans-3-latin-wght-normal.woff2"


def stay_here() -> None:
    """Let Solara's server, if one runs in this process, take its assets from here; it would ask another host for them."""
    if (settings := sys.modules.get("solara.server.settings")) is not None:
        assets: Any = settings.assets
        assets.proxy_cache_dir, assets.fontawesome_enabled = ASSETS, False


def early() -> list[str]:
    """Return the headers `Link` by which a browser fetches at once what it would ask for late: the type face."""
    faces = [path.relative_to(ASSETS).as_posix() for path in (ASSETS / "@widgetti").glob(_FACES)]
    return [f"</_solara/cdn/{face}>; rel=preload; as=font; crossorigin" for face in faces]
