"""What the page needs of Solara's half in the browser, from this package: no other host is asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ASSETS = Path(__file__).parent / "assets"


def stay_here() -> None:
    """Let Solara's server, if one runs in this process, take its assets from here; it would ask another host for them."""
    if (settings := sys.modules.get("solara.server.settings")) is not None:
        assets: Any = settings.assets
        assets.proxy_cache_dir, assets.fontawesome_enabled = ASSETS, False
