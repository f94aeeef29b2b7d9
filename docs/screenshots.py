"""Take the screenshots of the browser page that docs/app.md shows; with a folder, every view in every look into that.

Needs the extras `app` and `test` and Debian's chromium: .venv/bin/python docs/screenshots.py [FOLDER]
"""

from __future__ import annotations

import contextlib
import io
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

import testis_abm as ta

FOLDER = Path(__file__).with_name("app")
LOOKS = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "light-narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
    "dark-narrow": {"color_scheme": "dark", "viewport": {"width": 390, "height": 844}},
}
# What is kept in docs: few, as pictures are large.
KEPT = {
    "light": ("what-if", "patients", "slide", "compare", "sweep", "surface"),
    "dark": ("what-if", "slide"),
    "light-narrow": ("what-if", "experiments"),
    "dark-narrow": ("patients",),
}
DRUG = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}
REPORT = {"Testosterone": "240", "Oestradiol": "46", "LH": "3", "FSH": "5", "Sperm concentration": "4"}


class Visit:
    """One look at the page: writes what is wanted of it."""

    def __init__(self, page: Page, look: str, folder: Path | None) -> None:
        self.page, self.look, self.folder = page, look, folder

    def take(self, name: str, tallest: int = 1700) -> None:
        """Write what the page shows, whole, with few colours, if it is wanted."""
        if self.folder is None and name not in KEPT[self.look]:
            return
        page = self.page
        page.mouse.move(0, 0)
        page.evaluate("document.querySelectorAll('*').forEach(of => { of.scrollTop = 0 })")
        scrolled = "Math.max(...[...document.querySelectorAll('*')].map(of => of.scrollHeight))"
        size = page.viewport_size or {"width": 1280, "height": 900}
        page.set_viewport_size({"width": size["width"], "height": max(900, min(tallest, page.evaluate(scrolled)))})
        page.wait_for_timeout(900)
        picture = Image.open(io.BytesIO(page.screenshot()))
        picture.convert("RGB").quantize(224).save((self.folder or FOLDER) / f"{name}-{self.look}.png", optimize=True)
        page.set_viewport_size(size)

    def whole(self) -> None:
        """Go through all views as a user would."""
        page = self.page
        page.get_by_label("Start from").select_option("obese_low_t_e2")
        for drug in ("anastrozole", "clomiphene"):
            page.get_by_label("Add", exact=True).select_option(drug)
            page.locator("fieldset.ta-therapy").wait_for()
            page.wait_for_timeout(500)
            page.get_by_role("button", name="Run", exact=True).click()
            page.locator("[data-phase=waiting], [data-phase=running]").wait_for()
            page.locator("[data-phase=done]").wait_for()
            page.locator(".ta-verdict", has_text="plausible models:").wait_for()
            page.get_by_role("button", name="Keep as an arm to compare").click()
            if drug == "anastrozole":
                self.take("what-if")
                self.slide()
                tab(page, "What if")
                page.get_by_role("button", name="Remove therapy 1, Anastrozole").click()
                page.locator("fieldset.ta-therapy").wait_for(state="detached")
        tab(page, "Compare")
        self.take("compare")
        self.experiments()
        self.patients()
        tab(page, "Share")
        self.take("share")

    def slide(self) -> None:
        """Show the slide on its last day, with a cell chosen."""
        page = self.page
        tab(page, "Slide")
        page.wait_for_function("window.__tubule && window.__tubule.cells > 1000")
        page.wait_for_function("window.__tubule.last === 270")
        page.locator(".tubule-scrub").fill("270")
        page.wait_for_timeout(1500)
        box = page.locator("figure canvas").first.bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
        page.mouse.click(box["x"] + 0.42 * box["width"], box["y"] + 0.52 * box["height"])
        page.wait_for_timeout(800)
        self.take("slide")

    def experiments(self) -> None:
        """Show a dose-response, the sweep of the server, and a surface."""
        page = self.page
        tab(page, "Experiments")
        page.get_by_role("button", name="Run experiment").click()
        page.locator(".ta-job[data-state=done]").wait_for()
        page.locator("[data-at]").first.wait_for(state="attached")
        self.take("experiments")
        folder = page.locator("option", has_text="· sweep ·").first.get_attribute("value")
        page.get_by_label("Other results folders of this machine").select_option(folder)
        page.get_by_role("group", name=re.compile("change against untreated")).first.wait_for()
        self.take("sweep")
        page.get_by_label("Kind", exact=True).select_option("surface")
        page.get_by_label("LH and FSH").wait_for()
        page.get_by_role("button", name="Run experiment").click()
        page.locator("circle[data-at]").first.wait_for(state="attached")
        self.take("surface")

    def patients(self) -> None:
        """Match a report, and compare two treatments."""
        page = self.page
        tab(page, "Patients")
        for label, text in REPORT.items():
            field = page.get_by_label(re.compile(f"^{label}\\W")).first
            field.fill(text)
            field.press("Tab")
        page.get_by_role("button", name="Match virtual patients").click()
        page.get_by_role("heading", name="Treatment decision").wait_for()
        for drug in ("anastrozole", "clomiphene"):
            page.locator("select").filter(has=page.locator(f"option[value={drug}]")).last.select_option(drug)
            page.wait_for_timeout(700)
        page.get_by_role("button", name="Predict responses").click()
        page.locator(".ta-violin").first.wait_for(state="attached")
        self.take("patients")


def visit(browser: Browser, address: str, look: str, folder: Path | None) -> None:
    """Open the page in a look of its own, and go through it."""
    page = browser.new_context(**LOOKS[look], reduced_motion="reduce").new_page()
    page.set_default_timeout(90_000)
    page.goto(address)
    page.get_by_label("Start from").wait_for()
    Visit(page, look, folder).whole()
    page.context.close()


def tab(page: Page, name: str) -> None:
    """Go to a view."""
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_timeout(1200)


def _wait(port: int) -> None:
    """Wait until a server listens."""
    for _ in range(600):
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), 1):
            return
        time.sleep(0.1)


def main() -> None:
    """Serve the app with a small sweep, and visit it in each look."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    (folder or FOLDER).mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        store = Path(temporary) / "doses"
        over = {"man.bmi": [22, 26, 30, 34, 38], "therapy.1.dose": [f"{dose} mg" for dose in (0.1, 0.25, 0.5, 1, 2)]}
        ta.sweep(
            {
                "title": "Anastrozole by dose and body mass index",
                "man": {"preset": "obese_low_t_e2"},
                "plan": {"duration": "120 days"},
                "therapy": [DRUG],
                "sweep": {"engine": "expected", "over": over},
            },
            store,
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "testis_abm",
                "app",
                "--no-browser",
                "--port",
                str(port),
                "--store",
                str(store),
                "--folder",
                f"{temporary}/jobs",
            ]
        )
        try:
            _wait(port)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
                )
                for look in LOOKS:
                    visit(browser, f"http://localhost:{port}", look, folder)
                    print(look)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
