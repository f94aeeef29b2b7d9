"""The browser app: `testis-abm app`, `solara run testis_abm.app`, or `testis_abm.app.Page()` in a notebook cell.

Only `page` and what it shows import Solara; drafts, links and charts do without.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    """Import the page on first use: Solara asks for `Page` and `routes`."""
    if name in ("Page", "routes"):
        from testis_abm.app import page

        return getattr(page, name)
    raise AttributeError(f"module 'testis_abm.app' has no attribute {name!r}")
