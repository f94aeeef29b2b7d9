"""A server in a process of its own, for tests of pages in a real browser."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def serving(log: Path, *command: str, seconds: float = 120.0) -> Iterator[str]:
    """Run `python *command --port …` until it answers, and return its address; what it says goes to `log`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with log.open("w") as said:
        server = subprocess.Popen([sys.executable, *command, "--port", str(port)], stdout=said, stderr=said)
    url = f"http://localhost:{port}"
    try:
        end = time.monotonic() + seconds
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None and time.monotonic() < end, log.read_text()
                time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait(60)
