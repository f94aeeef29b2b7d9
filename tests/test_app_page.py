"""The page of the browser app, by real clicks in headless Chromium."""

from __future__ import annotations

import base64
import json
import re
import zipfile
import zlib

import pytest
from serving import serving

import testis_abm as ta
from testis_abm.app import share

OBESE = {
    "title": "Obese, treated", "man": {"preset": "obese_low_t_e2", "bmi": 36.5}, "plan": {"duration": "60 days", "replicates": 1, "seed": 7},
    "therapy": [{"drug": "anastrozole", "dose": "0.5 mg", "every": "2 days", "from": "day 5", "until": "day 50"},
                {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"}],
    "samples": {"assay": "immunoassay"},
}  # fmt: skip


def packed(content: bytes) -> str:
    return "#s=1" + base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app") / "sweep"
    ta.sweep(
        {"title": "Doses", "man": {"preset": "obese_low_t_e2"}, "plan": {"duration": "60 days"}, "therapy": OBESE["therapy"][:1],
         "sweep": {"engine": "expected", "outputs": ["testosterone", "oestradiol"],
                   "over": {"man.bmi": [24, 36], "therapy.1.dose": ["250 ug", "1 mg"]}}}, folder, workers=1,
    )  # fmt: skip
    return folder


@pytest.fixture(scope="module")
def address(store):
    pytest.importorskip("solara")
    log = store.parent / "log"
    with serving(log, "-m", "testis_abm.cli", "app", "--no-browser", "--store", str(store)) as url:
        yield url


class Visitor:
    """Someone at a browser of their own."""

    def __init__(self, browser, address, **how):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, "accept_downloads": True, **how})
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.faults, self.outside = [], []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda of: self.faults.append(of.text) if of.type == "error" else None)
        self.page.on("request", lambda of: None if "//localhost:" in of.url or of.url.startswith(("data:", "blob:")) else self.outside.append(of.url))  # fmt: skip
        self.page.goto(address)
        self.page.get_by_label("Start from").wait_for()

    def choose(self, preset):
        self.page.get_by_label("Start from").select_option(preset)
        self.page.wait_for_function(f"[...document.querySelectorAll('select')].some(of => of.value === '{preset}')")

    def give(self, drug, count=1):
        self.page.get_by_label("Add", exact=True).select_option(drug)
        self.page.locator("fieldset.ta-therapy").nth(count - 1).wait_for()

    def write(self, label, text):
        field = self.page.get_by_label(label, exact=True).first
        field.fill(text)
        field.press("Tab")

    def short(self):
        self.write("Duration", "60 days")
        self.write("Replicates", "1")

    def run(self):
        run = self.page.get_by_role("button", name="Run", exact=True)
        self.page.wait_for_function("![...document.querySelectorAll('button')].find(of => of.innerText === 'Run').disabled")
        run.click()
        self.page.locator("[data-phase=waiting], [data-phase=running]").wait_for()
        self.page.locator("[data-phase=done]").wait_for()

    def fact(self, name):
        """Return a headline quantity, untreated and treated."""
        text = self.page.locator(f"[data-name={name}] b").inner_text()
        return tuple(float(of.replace(",", "")) for of in text.split("→"))

    def tab(self, name):
        self.page.get_by_role("button", name=name, exact=True).click()
        self.page.wait_for_function(f"document.querySelector('.ta-on')?.innerText.trim() === '{name}'")

    def leave(self):
        self.context.close()
        assert not self.faults and not self.outside


@pytest.fixture
def visitor(browser, address):
    one = Visitor(browser, address)
    yield one
    one.leave()


def test_an_obese_man_on_anastrozole(visitor, tmp_path):
    """Open, choose, treat, run, see T rise and E2 fall, scrub, click a cell, download, restore."""
    page = visitor.page
    visitor.choose("obese_low_t_e2")
    visitor.give("anastrozole")
    visitor.short()
    visitor.run()
    before, after = visitor.fact("testosterone_ng_dl")
    assert before < 330 and after > 1.4 * before
    before, after = visitor.fact("oestradiol_pg_ml")
    assert after < 0.5 * before
    assert "because oestradiol falls" in page.locator(".ta-why").inner_text()
    assert page.get_by_role("img", name=re.compile("^Testosterone: untreated from")).count() == 1

    visitor.tab("Tubule")
    page.wait_for_function("window.__tubule && window.__tubule.cells > 1000")
    page.wait_for_function("document.querySelector('.tubule-scrub').max === '60'")  # filmed to the end
    page.locator(".tubule-scrub").fill("30")
    page.wait_for_function("window.__tubule.day === 30 && window.__tubule.view.arms[0].motion?.b.day === 30")
    x, y = page.evaluate(
        "(() => { const v = window.__tubule.view, m = v.arms[0].motion, i = m.n - 1, w = v.view; return [(m.x1[i] - w.x) * w.k, (m.y1[i] - w.y) * w.k]; })()"
    )
    box = page.locator("figure canvas").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 - y)
    panel = page.locator(".tubule-panel")
    assert "Lineage and fate" in panel.inner_text() and "day 30" in panel.inner_text()
    page.locator(".tubule-scrub").fill("50")  # the panel follows the clock, also to frames that are still to come
    page.wait_for_function("/day 50/.test(document.querySelector('.tubule-panel').innerText)")

    visitor.tab("Share")
    link = page.get_by_label("Link that restores it exactly").input_value()
    with page.expect_download() as got:
        page.get_by_role("button", name="Scenario (TOML)").click()
    path = tmp_path / got.value.suggested_filename
    got.value.save_as(path)
    scenario = ta.load(path)
    assert scenario.therapy[0].drug == "anastrozole" and share.from_link("#" + link.split("#")[1]) == scenario
    with page.expect_download() as got:
        page.get_by_role("button", name="Tables (CSV)").click()
    got.value.save_as(tmp_path / "tables.zip")
    assert "hormones.csv" in zipfile.ZipFile(tmp_path / "tables.zip").namelist()

    page.get_by_label("Scenario file (TOML)").set_input_files(path)
    page.get_by_role("status").filter(has_text="is restored").wait_for()
    visitor.tab("What if")
    assert page.get_by_label("Dose", exact=True).input_value() == "1 mg"


def test_two_browsers_hold_two_men(browser, address):
    one, other = Visitor(browser, address), Visitor(browser, address)
    for visitor, preset, drug in ((one, "obese_low_t_e2", "anastrozole"), (other, "fertile", "testosterone_enanthate")):
        visitor.choose(preset)
        visitor.give(drug)
        visitor.short()
    for visitor in (one, other):
        visitor.page.get_by_role("button", name="Run", exact=True).click()
    for visitor in (one, other):
        visitor.page.locator("[data-phase=done]").wait_for()
    assert one.fact("lh_iu_l")[1] > 1.3 * one.fact("lh_iu_l")[0]
    assert other.fact("lh_iu_l")[1] < 0.3 * other.fact("lh_iu_l")[0]
    assert one.page.locator("legend").all_inner_texts() == ["1. Anastrozole"]
    assert "enanthate" in other.page.locator("legend").inner_text()
    one.leave()
    other.leave()


def test_a_wrong_link_or_file_changes_nothing(browser, address, tmp_path):
    visitor = Visitor(browser, address + packed(json.dumps({"man": {"bmi": 400}}).encode()))
    page = visitor.page
    assert "400" in page.get_by_role("alert").inner_text()
    assert page.get_by_label("Start from").input_value() == "fertile"
    visitor.choose("klinefelter")
    page.evaluate("link => { location.hash = link }", share.link(ta.load(OBESE))[:-7])
    page.get_by_role("alert").filter(has_text="damaged or cut short").wait_for()
    assert page.get_by_label("Start from").input_value() == "klinefelter"
    visitor.tab("Share")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('[man]\npreset = "klinefelterr"\n')
    page.get_by_label("Scenario file (TOML)").set_input_files(wrong)
    page.get_by_role("alert").filter(has_text="wrong.toml").wait_for()
    wrong.write_bytes('title = "Über"'.encode("latin-1"))
    page.get_by_label("Scenario file (TOML)").set_input_files(wrong)
    page.get_by_role("alert").filter(has_text="UTF-8").wait_for()
    visitor.tab("What if")
    for _ in range(2):  # the same link opens again
        visitor.write("Duration", "77 days")
        page.evaluate("link => { location.hash = link }", share.link(ta.load(OBESE)))
        page.wait_for_function("[...document.querySelectorAll('input')].some(of => of.value === '60 days')")
    page.locator("legend").filter(has_text="1. Anastrozole").wait_for()
    visitor.leave()


def test_fields_explain_and_a_run_can_be_cancelled(visitor):
    page = visitor.page
    visitor.give("anastrozole")
    visitor.write("Dose", "-1 mg")
    page.get_by_text("is negative").first.wait_for()
    page.wait_for_function("[...document.querySelectorAll('button')].find(of => of.innerText === 'Run').disabled")
    visitor.write("Dose", "1 mg")
    visitor.write("Duration", "9 years")
    page.wait_for_function("![...document.querySelectorAll('button')].find(of => of.innerText === 'Run').disabled")
    page.get_by_role("button", name="Run", exact=True).click()
    page.locator("[data-phase=running]").wait_for()
    page.locator(".ta-panels").first.wait_for()
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.locator("[data-phase=cancelled]").wait_for()
    assert page.locator(".ta-panels").count() >= 1


def test_the_keyboard_is_enough_and_everything_has_a_name(visitor):
    page = visitor.page
    page.get_by_label("Start from").focus()
    page.keyboard.type("Obese")
    page.keyboard.press("Tab")
    page.wait_for_function("[...document.querySelectorAll('select')].some(of => of.value.startsWith('obese'))")
    nameless = page.evaluate(
        """[...document.querySelectorAll('.ta button, .ta input, .ta select, .ta canvas')].filter(of => of.offsetParent && !(
            of.getAttribute('aria-label') || of.textContent?.trim() || of.labels?.length)).map(of => of.outerHTML.slice(0, 200))"""
    )
    assert nameless == []
    visitor.short()
    page.get_by_role("button", name="Run", exact=True).focus()
    page.keyboard.press("Enter")
    page.locator("[data-phase=done]").wait_for()


def test_arms_a_store_and_a_study(visitor):
    page = visitor.page
    visitor.short()
    for drug in ("anastrozole", "clomiphene"):
        visitor.give(drug)
        visitor.run()
        # A second run leaves every tag as it was.
        assert page.locator(".ta-why").evaluate("of => of.tagName") == "P"
        assert {"Hormones", "Semen", "Safety and outcome"} <= set(page.locator("h2").all_inner_texts())
        page.get_by_role("button", name="Keep as an arm to compare").click()
        page.get_by_role("button", name=re.compile("Remove therapy 1")).click()
        page.locator("fieldset.ta-therapy").wait_for(state="detached")
    visitor.tab("Compare")
    page.wait_for_function("document.querySelectorAll('.ta-legend span').length === 3")
    for index in (1, 2):
        visitor.write(f"Name of arm {index}", "same")
    page.locator("th", has_text="same (2)").wait_for()
    visitor.tab("Sweep")
    page.get_by_role("img", name=re.compile("testosterone: change under treatment")).wait_for()
    page.get_by_text("250 ug", exact=True).wait_for()
    page.get_by_label("Show", exact=True).select_option("oestradiol")
    page.get_by_role("img", name=re.compile("oestradiol: change under treatment")).wait_for()
    visitor.tab("Studies")
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("img", name=re.compile("observed .*predicted")).first.wait_for(timeout=90_000)


def test_dark_and_narrow(browser, address):
    visitor = Visitor(browser, address, color_scheme="dark", viewport={"width": 390, "height": 844})
    page = visitor.page
    page.wait_for_function("document.querySelector('.theme--dark .ta') !== null")
    for name in ("What if", "Tubule", "Compare", "Sweep", "Studies", "Share"):
        visitor.tab(name)
        assert page.evaluate("document.documentElement.scrollWidth <= 390"), name
    visitor.leave()
