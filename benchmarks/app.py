"""Print what the browser app costs: first paint, first results, nine months, frames a second, ten sessions at once.

python benchmarks/app.py (needs the extras `app` and `test`, and chromium)
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright
from table import row, show

import testis_abm as ta
from testis_abm.app import share

MAN = {"man": {"preset": "obese_low_t_e2"}, "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}]}
NINE_MONTHS = {**MAN, "plan": {"duration": "270 days", "replicates": 4}}
SESSIONS = 10


@contextmanager
def served() -> Iterator[tuple[str, int]]:
    """Serve the app; give its address and the server's process."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "testis_abm", "app", "--no-browser", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        while True:
            try:
                socket.create_connection(("localhost", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        time.sleep(4)  # the first run is compiled meanwhile
        yield f"http://localhost:{port}/", server.pid
    finally:
        server.terminate()
        server.wait()


def opened(browser: Browser, address: str, case: dict[str, object] | None = None) -> Page:
    """Open the app in a browser of its own, with a scenario in the link."""
    page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(120_000)
    page.goto(address + (share.link(ta.load(case)) if case else ""))
    page.get_by_label("Start from").wait_for()
    if case:
        page.get_by_text("is loaded").wait_for()
    return page


def left(page: Page) -> None:
    """Leave as a user does who closes the tab."""
    context = page.context
    page.close(run_before_unload=True)
    context.close()


def megabytes(pid: int) -> float:
    """Return the resident memory of a process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return float("nan")


def one(browser: Browser, address: str) -> None:
    """Time one user."""
    began = time.perf_counter()
    left(opened(browser, address))
    paint = time.perf_counter() - began
    row("first useful paint", "< 3 s", f"{paint:.1f} s", paint < 3)
    first, whole = [], []
    for _ in range(3):
        page = opened(browser, address, NINE_MONTHS)
        began = time.perf_counter()
        page.get_by_role("button", name="Run", exact=True).click()
        page.locator(".ta-figure").first.wait_for()
        first.append(time.perf_counter() - began)
        page.locator("[data-phase=done]").wait_for()
        page.locator(".ta-reasons").wait_for()
        whole.append(time.perf_counter() - began)
        left(page)
    row("first results after Run", "< 1 s", f"{statistics.median(first):.2f} s", statistics.median(first) < 1)
    row(
        "nine months, four pairs of men, all shown",
        "< 5 s",
        f"{statistics.median(whole):.1f} s",
        statistics.median(whole) < 5,
    )


def frames(browser: Browser, address: str) -> None:
    """Measure frames a second of a playing section."""
    page = opened(browser, address, {"plan": {"duration": "40 days", "replicates": 1}, "tissue": {"tubules": 21}})
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("[data-phase=done]").wait_for()
    page.get_by_role("button", name="Slide", exact=True).click()
    page.wait_for_function("window.__tubule && window.__tubule.cells > 1000")
    page.wait_for_function("window.__tubule.last === 40")
    page.locator(".tubule-scrub").fill("0")
    page.get_by_role("button", name="Play").click()
    page.wait_for_timeout(6000)
    rate, cells = page.evaluate("[window.__tubule.fps, window.__tubule.cells]")
    row(f"frames a second, {cells:,} cells playing", ">= 30", f"{rate:.0f}", rate >= 30 and cells >= 10_000)
    left(page)


def many(browser: Browser, address: str, pid: int) -> None:
    """Have ten users press Run at once while one more goes through the views."""

    def together() -> tuple[list[float], float]:
        pages = [opened(browser, address, NINE_MONTHS) for _ in range(SESSIONS)]
        for page in pages:
            page.get_by_role("button", name="Run", exact=True).click()
        waits, began = [], time.perf_counter()
        while time.perf_counter() - began < 15:
            for name in ("Share", "Compare", "What if"):
                clicked = time.perf_counter()
                idle.get_by_role("button", name=name, exact=True).click()
                idle.wait_for_function(f"document.querySelector('.ta-on')?.innerText.trim() === '{name}'")
                waits.append(time.perf_counter() - clicked)
                time.sleep(0.2)
        for page in pages:
            page.locator("[data-phase=done]").wait_for()
        most = megabytes(pid)
        for page in pages:
            left(page)
        return waits, most

    idle = opened(browser, address)
    together()
    time.sleep(8)
    before = megabytes(pid)
    waits, most = together()
    time.sleep(8)
    after = megabytes(pid)
    row(
        f"a click while {SESSIONS} others run: median, worst",
        "< 1 s",
        f"{statistics.median(waits):.2f}, {max(waits):.2f} s",
        statistics.median(waits) < 1,
    )
    row(
        "server's memory before, with ten sessions, after they left",
        "returns",
        f"{before:.0f}, {most:.0f}, {after:.0f} MB",
        after < 1.1 * before,
    )


def main() -> None:
    """Measure all and print the table."""
    with served() as (address, pid), sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
        )
        one(browser, address)
        frames(browser, address)
        many(browser, address, pid)
        browser.close()
    show()
    print(f"{os.cpu_count()} cores, server and browser on the same")


if __name__ == "__main__":
    main()
