"""The command `testis-abm app`."""

from __future__ import annotations

import argparse
from importlib.util import find_spec
from typing import Any

from testis_abm.choices import DISCLAIMER
from testis_abm.cli.options import whole
from testis_abm.support.errors import TestisError


def add(commands: Any) -> None:
    """Add the command to the parser of `testis-abm`."""
    command = commands.add_parser(
        "app", help="run simulations in the browser", description="Serve the browser app. " + DISCLAIMER
    )
    whole(command, "--port", "of the address", 8765)
    command.add_argument(
        "--host", default="localhost", help="address to listen on (default localhost: this machine alone)"
    )
    command.add_argument("--no-browser", action="store_true", help="open no browser")
    command.add_argument(
        "--store",
        action="append",
        default=[],
        metavar="FOLDER",
        help="results folder of a sweep to show; may be given again",
    )
    command.add_argument(
        "--allow-origin",
        action="append",
        default=[],
        metavar="URL",
        help="other address by which the page may be reached, as through a proxy: https://abm.example.org; may be given again",
    )
    command.set_defaults(action=_app)


def _app(options: argparse.Namespace) -> int:
    if find_spec("solara") is None or find_spec("uvicorn") is None:
        raise TestisError('the app needs more packages: pip install "testis_abm[app]"')
    from testis_abm.app.serve import serve

    serve(options.host, options.port, options.store, browser=not options.no_browser, origins=options.allow_origin)
    return 0
