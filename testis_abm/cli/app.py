"""The command `testis-abm app`."""

from __future__ import annotations

import argparse
from importlib.util import find_spec

from testis_abm.choices import DISCLAIMER
from testis_abm.cli import printing
from testis_abm.cli.options import RULES, Command, flag, option, several, whole
from testis_abm.support.errors import TestisError


def _app(options: argparse.Namespace) -> None:
    if find_spec("solara") is None or find_spec("uvicorn") is None:
        raise TestisError('the app needs more packages: pip install "testis_abm[app]"')
    from testis_abm.app.serve import serve

    how = {"origins": options.allow_origin, "rules": printing.own_file(options.rules)}
    how |= {"folder": options.folder, "keep": options.keep}
    serve(options.host, options.port, options.store, browser=not options.no_browser, **how)


COMMANDS = (
    Command(
        "app",
        "run simulations in the browser",
        _app,
        (
            whole("--port", "of the address", 8765),
            option("--host", "address to listen on (default localhost: this machine alone)", default="localhost"),
            flag("--no-browser", "open no browser"),
            several("--store", "FOLDER", "results folder to show, of any experiment, surface or study"),
            option(
                "--folder",
                "where experiments run from the page are kept (default runs/page)",
                metavar="FOLDER",
                default="",
            ),
            whole("--keep", "days for which those that have ended are kept", 30),
            RULES,
            several(
                "--allow-origin",
                "URL",
                "other address by which the page may be reached, as through a proxy: https://abm.example.org",
            ),
        ),
        description=f"Serve the browser app. {DISCLAIMER}",
    ),
)
