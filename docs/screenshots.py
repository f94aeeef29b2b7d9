"""Take the screenshots of the browser app that docs/app.md shows: each view, wide and narrow, light and dark.

Needs the extras `app` and `test` and Debian's chromium: .venv/bin/python docs/screenshots.py
"""

from __future__ import annotations

import io
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
DRUG = {"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}


def take(page: Page, name: str, tallest: int = 2000) -> None:
    """Write what the page shows, whole, with few colours."""
    page.evaluate("document.querySelectorAll('*').forEach(of => { of.scrollTop = 0 })")
    scrolled = "Math.max(...[...document.querySelectorAll('*')].map(of => of.scrollHeight))"
    size = page.viewport_size or {"width": 1280, "height": 900}
    page.set_viewport_size({"width": size["width"], "height": min(tallest, page.evaluate(scrolled))})
    page.wait_for_timeout(700)
    picture = Image.open(io.BytesIO(page.screenshot()))
    picture.convert("RGB").quantize(224).save(FOLDER / f"{name}.png", optimize=True)
    page.set_viewport_size(size)


def visit(browser: Browser, address: str, look: str) -> None:
    """Go through all views as a user would."""
    page = browser.new_context(**LOOKS[look], reduced_motion="reduce").new_page()
    page.set_default_timeout(90_000)
    page.goto(address)
    page.get_by_label("Start from").wait_for()
    page.get_by_label("Start from").select_option("obese_low_t_e2")
    for drug in ("anastrozole", "clomiphene"):
        page.get_by_label("Add", exact=True).select_option(drug)
        page.locator("fieldset.ta-therapy").wait_for()
        page.wait_for_timeout(500)
        page.get_by_role("button", name="Run", exact=True).click()
        page.locator("[data-phase=waiting], [data-phase=running]").wait_for()
        page.locator("[data-phase=done]").wait_for()
        page.get_by_role("button", name="Keep as an arm to compare").click()
        page.mouse.move(0, 0)
        if drug == "anastrozole":
            take(page, f"what-if-{look}")
            tab(page, "Slide")
            page.wait_for_function("window.__tubule && window.__tubule.cells > 1000")
            page.wait_for_function("window.__tubule.last === 270")
            page.locator(".tubule-scrub").fill("270")
            page.wait_for_timeout(1500)
            box = page.locator("figure canvas").first.bounding_box() or {"x": 0, "y": 0, "width": 0, "height": 0}
            page.mouse.click(box["x"] + 0.42 * box["width"], box["y"] + 0.52 * box["height"])
            page.wait_for_timeout(800)
            take(page, f"tubule-{look}")
            tab(page, "What if")
            page.get_by_role("button", name="Remove therapy 1, Anastrozole").click()
            page.locator("fieldset.ta-therapy").wait_for(state="detached")
    tab(page, "Compare")
    take(page, f"compare-{look}")
    tab(page, "Experiments")
    folder = page.locator("option", has_text="· sweep ·").first.get_attribute("value")
    page.get_by_label("Other results folders of this machine").select_option(folder)
    page.locator(".ta-when-wide [data-at], .ta-when-narrow [data-at]").first.wait_for(state="attached")
    take(page, f"sweep-{look}")
    page.get_by_text("Quick look").click()
    page.get_by_role("button", name="Work out").click()
    page.locator("circle[data-at]").first.wait_for()
    take(page, f"surface-{look}")
    page.get_by_role("button", name="Replay").click()
    page.locator(".ta-interval").first.wait_for(state="attached")
    take(page, f"studies-{look}")
    tab(page, "Share")
    take(page, f"share-{look}")
    page.context.close()


def tab(page: Page, name: str) -> None:
    """Go to a view."""
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_timeout(1200)


def main() -> None:
    """Serve the app with a small sweep, and visit it in each look."""
    FOLDER.mkdir(exist_ok=True)
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
            [sys.executable, "-m", "testis_abm", "app", "--no-browser", "--port", str(port), "--store", str(store)]
        )
        try:
            time.sleep(5)
            with sync_playwright() as playwright:
                browser = playwright.chromium.launch(
                    executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"]
                )
                for look in sys.argv[1:] or LOOKS:
                    visit(browser, f"http://localhost:{port}", look)
                    print(look)
                browser.close()
        finally:
            server.terminate()


if __name__ == "__main__":
    main()
