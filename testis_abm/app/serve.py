"""Serving the app: Solara's server, all assets local, on this machine alone unless told otherwise."""

from __future__ import annotations

import os
import socket
import threading
import webbrowser
from collections.abc import Sequence

from testis_abm.errors import TestisError

_LARGEST_MESSAGE = 2_000_000  # bytes that a browser may send at once
# A browser that closes its page says so, and its session is freed at once; one that is cut off may come back for so long.
FREED_AFTER = "2m"
# Before Solara is imported.
_SETTINGS = {
    "SOLARA_APP": "testis_abm.app",
    "SOLARA_MODE": "production",
    "SOLARA_TELEMETRY_MIXPANEL_ENABLE": "False",
    "SOLARA_THEME_SHOW_BANNER": "False",
    "SOLARA_THEME_TITLE": "testis_abm",
    "SOLARA_KERNEL_CULL_TIMEOUT": FREED_AFTER,
    "SOLARA_ASSETS_FONTAWESOME_ENABLED": "True",
}


def check_port(host: str, port: int) -> None:
    """Make sure that the address can be listened on.

    Raises:
        TestisError: it cannot.
    """
    if not 0 < port < 65536:
        raise TestisError(f"--port {port} is out of range; allowed: 1 to 65535")
    try:
        kind, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(kind, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise TestisError(f"{host}:{port} cannot be listened on: {reason}; try --port {port % 65535 + 1}") from None


def serve(host: str, port: int, stores: Sequence[str], *, browser: bool) -> None:
    """Serve the app until it is stopped.

    Raises:
        TestisError: a store is none, or the address is taken.
    """
    from testis_abm.app import stores as shown

    shown.publish(stores)
    check_port(host, port)
    os.environ.update(_SETTINGS)
    import solara.server.starlette
    import uvicorn

    from testis_abm.app.session import warm

    config = uvicorn.Config(
        solara.server.starlette.app, host=host, port=port, log_level="warning", ws_max_size=_LARGEST_MESSAGE
    )
    server = uvicorn.Server(config)
    name = "localhost" if host in ("127.0.0.1", "::1") else f"[{host}]" if ":" in host else host
    address = f"http://{name}:{port}"
    print(
        f"The app is at {address} (Ctrl-C stops it). Research software: a simulation, not medical advice.", flush=True
    )
    if host not in ("localhost", "127.0.0.1", "::1"):
        print("It listens beyond this machine: whoever reaches the address can run simulations on it.", flush=True)
    warm()
    if browser:
        threading.Timer(1.0, webbrowser.open, args=(address,)).start()
    server.run()
