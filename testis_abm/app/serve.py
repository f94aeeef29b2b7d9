"""Serving the app: Solara's server, all assets local, on this machine alone unless told otherwise."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from testis_abm.app import addresses
from testis_abm.choices import DISCLAIMER
from testis_abm.support import guard
from testis_abm.support.errors import TestisError

if TYPE_CHECKING:
    from testis_abm.agents.own_file import OwnFile

_FILES = 4096  # that the process may hold open: each page takes four
# A browser that closes its page says so, and its session is freed at once; one that is cut off may come back for so
# long.
FREED_AFTER = "2m"
# Before Solara is imported.
_SETTINGS = {
    "SOLARA_APP": "testis_abm.app",
    "SOLARA_MODE": "production",
    "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "False",
    "SOLARA_THEME_SHOW_BANNER": "False",
    "SOLARA_THEME_TITLE": "testis_abm",
    "SOLARA_KERNEL_CULL_TIMEOUT": FREED_AFTER,
}


def check_port(host: str, port: int) -> None:
    """Make sure that the address can be listened on.

    Raises:
        TestisError: it cannot, or is none.
    """
    port = guard.argument("port", port)
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TestisError(f"{host}:{port} cannot be listened on: {reason}; try --port {port % 65535 + 1}") from None


def serve(
    host: str,
    port: int,
    stores: Sequence[str],
    *,
    browser: bool,
    origins: Sequence[str] = (),
    rules: OwnFile | None = None,
    folder: str = "",
    keep: int | None = None,
) -> None:
    """Serve the app until it is stopped.

    Args:
        host, port: to listen on.
        stores: results folders to show.
        browser: whether to open one.
        origins: of proxies through which the app is reached, as in `https://abm.example.org`.
        rules: a file of Python by which all men of the page live.
        folder: in which the experiments of visitors are kept ("": runs/page); keep: for how many days.

    Raises:
        TestisError: a store is none, an origin is none, `folder` cannot be written, or the address is taken.
    """
    from testis_abm.app import gate, own_code
    from testis_abm.app.jobs import desk as desks
    from testis_abm.app.jobs import folders, limits

    allowed = [addresses.origin(name) for name in origins]
    folders.publish(stores)
    here = is_alone(host, allowed)
    desks.publish(folder or desks.USUAL, here=here, keep=limits.KEPT_DAYS if keep is None else keep)
    if folder:
        desks.Desk(Path(folder)).check()
    own_code.publish(rules)
    check_port(host, port)
    os.environ.update(_SETTINGS)
    import uvicorn

    from testis_abm.app.connection import Connection
    from testis_abm.app.messages import LARGEST_MESSAGE
    from testis_abm.app.session import warm

    config = uvicorn.Config(
        gate.put_up(host, allowed),
        host=host,
        port=port,
        http=Connection,
        log_level="warning",
        ws_max_size=LARGEST_MESSAGE,
        h11_max_incomplete_event_size=gate.LONGEST_HEADER,
        server_header=False,
        proxy_headers=bool(allowed),
        log_config=None,  # so that `log` keeps all of it short
    )
    server = uvicorn.Server(config)
    address = f"http://{addresses.public_name(host)}:{port}"
    print(f"The app is at {address} (Ctrl-C stops it). {DISCLAIMER}", flush=True)
    if not addresses.is_here(host):
        print(_beyond(host, port), flush=True)
    if not here:
        print(f"Experiments of visitors are kept in {desks.desk().base}/ for {desks.desk().keep:g} days.", flush=True)
    _allow_files()
    desks.desk()  # takes up what an earlier server left
    warm()
    if browser:
        threading.Timer(1.0, webbrowser.open, args=(address,)).start()
    server.run()


def is_alone(host: str, origins: Sequence[str]) -> bool:
    """Return whether only this machine reaches the app: through a proxy others come, whatever is listened on."""
    return addresses.is_here(host) and not origins


def _beyond(host: str, port: int) -> str:
    """Return what to know of an app that others reach."""
    named = addresses.machine_names() if addresses.is_any(host) else (addresses.public_name(host),)
    where = ", ".join(f"http://{name}:{port}" for name in named) + (
        " and by its IP address" if addresses.is_any(host) else ""
    )
    return (
        f"It listens beyond this machine: whoever reaches {where} can run simulations on it. "
        "By another name or through a proxy: --allow-origin."
    )


def _allow_files() -> None:
    """Let the process hold as many connections as its limits say; some systems begin with 256."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
