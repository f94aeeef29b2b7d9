"""What the tests share: complete parameters, the reference man, a blood that does not change."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from testis_abm import parameters
from testis_abm.physiology import complete
from testis_abm.tissue.tissue import BloodInput

NORMAL_BLOOD = BloodInput(lh_activity=1.0, fsh_iu_l=4.0, free_testosterone=1.0, inhibitor=0.0, back_pressure=0.0)


@pytest.fixture(scope="session")
def values() -> dict[str, float]:
    """Return every parameter at its default."""
    return complete(parameters.values())


@pytest.fixture(scope="session")
def fertile() -> dict[str, float]:
    """Return the physiology of the reference man."""
    return {name: field.value for name, field in parameters.physiology().items()}


@pytest.fixture(scope="session")
def browser():
    """Return a headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.skip("chromium is not installed")
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
             "--disable-component-update", "--disable-sync"]  # fmt: skip
    with playwright.sync_playwright() as started:
        chrome = started.chromium.launch(executable_path=chromium, args=quiet)
        yield chrome
        chrome.close()


@contextmanager
def served(command: Sequence[str], **how: object) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Run a server, whose command ends with its port; give its address once it answers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([*command, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **how)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address, timeout=5).close()
                break
            except OSError:
                assert server.poll() is None, "the server ended"
                time.sleep(0.25)
        yield address, server
    finally:
        server.terminate()
        server.wait(20)
