"""The page of the browser app, by real clicks in headless Chromium."""

from __future__ import annotations

import json
import re
import struct
import time
import zipfile
from pathlib import Path

import pytest
from serving import serving
from small_page import packed

import testis_abm as ta
from testis_abm.app import share

SIZES = ((1400, 900), (390, 844))  # a desk and a phone
OBESE = {
    "title": "Obese, treated",
    "man": {"preset": "obese_low_t_e2", "bmi": 36.5},
    "plan": {"duration": "60 days", "replicates": 1, "seed": 7},
    "therapy": [
        {"drug": "anastrozole", "dose": "0.5 mg", "every": "2 days", "from": "day 5", "until": "day 50"},
        {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"},
    ],
    "samples": {"assay": "immunoassay"},
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("app") / "sweep"
    ta.sweep(
        {
            "title": "Doses",
            "man": {"preset": "obese_low_t_e2"},
            "plan": {"duration": "60 days"},
            "therapy": OBESE["therapy"][:1],
            "sweep": {
                "engine": "expected",
                "outputs": ["testosterone", "serum E2 (immunoassay)"],
                "over": {"man.bmi": [24, 36], "therapy.1.dose": ["250 ug", "1 mg"]},
            },
        },
        folder,
        workers=1,
    )
    return folder


@pytest.fixture(scope="module")
def address(store):
    pytest.importorskip("solara")
    log = store.parent / "log"
    with serving(
        log,
        str(Path(__file__).with_name("small_app.py")),
        "app",
        "--no-browser",
        "--store",
        str(store),
        "--folder",
        str(store.parent / "jobs"),
    ) as url:
        yield url


def window(browser, width=1280, height=900, **how):
    """Return a browser without cookies or anything kept."""
    return browser.new_context(viewport={"width": width, "height": height}, accept_downloads=True, **how)


class Visitor:
    """Someone at a page of their own."""

    def __init__(self, context, address):
        self.page = context.new_page()
        self.page.set_default_timeout(60_000)
        self.faults, self.outside = [], []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda of: self.faults.append(of.text) if of.type == "error" else None)
        self.page.on(
            "request",
            lambda of: (
                None
                if "//localhost:" in of.url or of.url.startswith(("data:", "blob:"))
                else self.outside.append(of.url)
            ),
        )
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

    def lab(self, label, text):
        """Write a laboratory value, whose label has its unit too."""
        field = self.page.get_by_label(re.compile(f"^{label}\\W")).first
        field.fill(text)
        field.press("Tab")

    def open(self, part):
        """Unfold a part of the form."""
        summary = self.page.locator("summary").filter(has=self.page.get_by_text(part, exact=True))
        summary.click()
        self.page.locator("details[open] > summary").filter(has=self.page.get_by_text(part, exact=True)).wait_for()

    def short(self):
        self.write("Duration", "60 days")
        self.write("Replicates", "1")

    def run(self):
        run = self.page.get_by_role("button", name="Run", exact=True)
        self.page.wait_for_function(
            "![...document.querySelectorAll('button')].find(of => of.innerText === 'Run').disabled"
        )
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
        self.page.context.clear_cookies()
        self.page.close()
        assert not self.faults and not self.outside


@pytest.fixture(scope="module")
def context(browser):
    """Return one browser for all who come one after another: it loads the page's scripts once."""
    return window(browser)


@pytest.fixture
def visitor(context, address):
    one = Visitor(context, address)
    yield one
    one.leave()


def test_an_obese_man_on_anastrozole(visitor, tmp_path):
    """Open, choose, treat, run, see T rise and E2 fall, scrub, click a cell, download, restore."""
    page = visitor.page
    visitor.choose("obese_low_t_e2")
    visitor.give("anastrozole")
    visitor.short()
    visitor.open("Laboratory and samples")
    page.get_by_label("Assay of serum E2").select_option("lc-ms")
    visitor.run()
    before, after = visitor.fact("testosterone_ng_dl")
    assert before < 330 and after > 1.4 * before
    before, after = visitor.fact("oestradiol_pg_ml")
    assert after < 0.5 * before
    assert "because oestradiol falls" in page.locator(".ta-reasons").inner_text()
    answer = page.locator(".ta-lead", has_text="over plausible models")
    answer.wait_for()
    assert answer.inner_text().startswith("Total motile count ") and "of their weight" in answer.inner_text()
    assert "plausible: " in page.locator("[data-name=testosterone_ng_dl]").inner_text()
    assert page.get_by_role("img", name=re.compile("^Testosterone: untreated from")).count() == 1

    visitor.tab("Slide")
    page.wait_for_function("window.__tubule && window.__tubule.cells > 1000")
    page.wait_for_function("window.__tubule.last === 60")  # filmed to the end
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
    page.get_by_role("status").filter(has_text="is loaded").wait_for()
    visitor.tab("What if")
    assert page.get_by_label("Dose", exact=True).input_value() == "1 mg"


def test_a_chart_is_read_enlarged_and_saved(visitor, tmp_path):
    page = visitor.page
    visitor.choose("obese_low_t_e2")
    visitor.give("anastrozole")
    visitor.short()
    visitor.run()
    page.get_by_label("Outcome").select_option("testosterone_nmol_l")
    page.locator(".ta-lead", has_text=re.compile("^Testosterone rises by .*over plausible models")).wait_for()
    chart = page.locator(".ta-fills .ta-read").first
    box = chart.bounding_box()
    chart.hover(position={"x": box["width"] / 2, "y": 100})
    said = page.locator(".ta-fills > .ta-said")
    said.filter(has_text=re.compile(r"^Day \d+: untreated \d.*; treated \d.* ng/dL$")).wait_for()
    page.mouse.move(0, 0)
    chart.focus()
    for key, day in (("End", 60), ("ArrowLeft", 59), ("Home", -28)):
        page.keyboard.press(key)
        said.filter(has_text=re.compile(f"^Day {day}:")).wait_for()
    page.keyboard.press("End")
    last = said.inner_text()
    page.keyboard.press("Enter")
    large = page.get_by_role("dialog")
    large.get_by_role("img", name=re.compile("^Obese.*Testosterone: untreated from")).wait_for()
    assert large.locator(".ta-said").inner_text() == last
    page.keyboard.press("Escape")
    large.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.className") == "ta-read", "the keyboard is where it was"
    files = {}
    for kind in ("PNG", "SVG", "CSV"):
        with page.expect_download() as got:
            page.get_by_role("button", name=f"Save Testosterone as {kind}", exact=True).first.click()
        got.value.save_as(tmp_path / got.value.suggested_filename)
        files[kind] = (tmp_path / f"testosterone.{kind.lower()}").read_bytes()
    width, height = struct.unpack(">II", files["PNG"][16:24])
    assert files["PNG"][:4] == b"\x89PNG" and width >= 2 * 700 and height > width / 3
    drawn = files["SVG"].decode()
    for text in ("Testosterone", "ng/dL", "seed 1", "not medical advice", "Anastrozole 1 mg daily"):
        assert text in drawn, text
    assert "class=" not in drawn and "var(" not in drawn and "stroke: rgb(0, 114, 178)" in drawn
    rows = files["CSV"].decode().splitlines()
    assert rows[0] == 'day,arm,"Testosterone, mean (ng/dL)",low (ng/dL),high (ng/dL)' and len(rows) == 1 + 2 * 89
    assert f"{float(rows[-1].split(',')[2]):,.0f}" in last


def test_two_browsers_hold_two_men(browser, address):
    one, other = Visitor(window(browser), address), Visitor(window(browser), address)
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


@pytest.mark.slow
def test_a_wrong_link_or_file_changes_nothing(context, address, tmp_path):
    visitor = Visitor(context, address + packed(json.dumps({"man": {"bmi": 400}}).encode()))
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


def soon(holds):
    """Return whether something holds within five seconds: the page is laid out after what was asked of it."""
    return any(holds() or time.sleep(0.1) for _ in range(50))


def within(page, locator):
    """Return whether an element lies within the window, and nothing but its own box over its middle."""
    box, size = locator.bounding_box(), page.viewport_size
    on_top = locator.evaluate(
        "of => { const r = of.getBoundingClientRect(); const top = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2); return of.parentElement.contains(top); }"
    )
    inside = (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= size["width"]
        and box["y"] + box["height"] <= size["height"]
    )
    return inside and on_top


def cut_off(page):
    """Return what is cut off, on a desk or a phone, in a box that hides or scrolls sideways: pictures may, text may not."""
    found = []
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        found += page.evaluate(CUT_OFF)
    return found


CUT_OFF = """[...document.querySelectorAll('.ta pre, .ta table, .ta .ta-note, .ta .ta-fact, .ta p, .ta legend')].filter(of => of.offsetParent && (
            of.scrollWidth > of.clientWidth + 1 && getComputedStyle(of).display !== 'inline' ||
            of.getBoundingClientRect().right > (of.closest('section') || document.body).getBoundingClientRect().right + 1))
            .map(of => of.outerHTML.slice(0, 120))"""


def test_run_and_cancel_are_always_in_sight(visitor):
    page = visitor.page
    buttons = [page.get_by_role("button", name=name, exact=True) for name in ("Run", "Cancel")]

    def in_sight(what):
        for width, height in SIZES:
            page.set_viewport_size({"width": width, "height": height})
            what()
            assert soon(lambda: all(within(page, button) for button in buttons)), width

    in_sight(lambda: None)
    for count, treatment in enumerate(("anastrozole", "hcg", "change of weight"), 1):
        visitor.give(treatment, count)
    visitor.short()
    in_sight(lambda: None)
    visitor.run()
    for name in ("Semen", "Safety and outcome"):
        heading = page.get_by_role("heading", name=name, exact=True)
        in_sight(lambda heading=heading: heading.evaluate("of => of.scrollIntoView()"))
    # What has the keyboard is not under the bar.
    for width, height in SIZES:
        page.set_viewport_size({"width": width, "height": height})
        for label in ("Replicates", "Stop day"):
            field = page.get_by_label(label, exact=True).first
            field.focus()
            page.wait_for_timeout(100)
            assert within(page, field), label


def test_all_of_a_file_is_shown_and_goes_with_its_man(visitor, tmp_path):
    page = visitor.page
    file = tmp_path / "surgery.toml"
    scenario = {
        **OBESE,
        "plan": {"duration": "200 days", "replicates": 1},
        "weight": [{"bmi": 28, "from": "day 100", "until": "day 180"}],
        "parameters": {"axis.immunoassay_oestradiol_scale": 1.1},
        "samples": {"assay": "lc-ms", "biopsy": ["day 150"]},
    }
    file.write_text(ta.load(scenario).to_toml())
    visitor.tab("Share")
    page.get_by_label("Scenario file (TOML)").set_input_files(file)
    page.get_by_role("status").filter(has_text="is loaded").wait_for()
    visitor.tab("What if")
    change = page.locator("fieldset", has_text="Weight change 1")
    assert change.get_by_label("BMI reached, kg/m²").input_value() == "28"
    visitor.write("Duration", "90 days")
    change.get_by_text("is not before the end of the plan").wait_for()
    start, until = change.get_by_label("Start day"), change.get_by_label("Day reached")
    start.fill("10"), start.press("Tab")
    until.fill("80"), until.press("Tab")
    visitor.open("Model")
    scale = page.get_by_label("axis.immunoassay_oestradiol_scale").first
    assert scale.input_value() == "1.1"
    page.get_by_role("button", name="Remove parameter axis.immunoassay_oestradiol_scale").click()
    scale.wait_for(state="detached")
    visitor.open("Laboratory and samples")
    page.get_by_text("day 150 is outside the plan").first.wait_for()
    page.get_by_role("button", name="Cut samples biopsy to day 90").click()
    page.wait_for_function("![...document.querySelectorAll('button')].find(of => of.innerText === 'Run').disabled")
    page.get_by_role("img", name=re.compile("to BMI 28 kg.m2 from day 10 to 80")).wait_for()  # the plan of the form
    visitor.choose("klinefelter")
    page.get_by_role("status").filter(has_text="change of weight (bmi 28").wait_for()
    change.wait_for(state="detached")
    assert page.locator("legend").all_inner_texts() == ["1. Anastrozole", "2. Human chorionic gonadotrophin"]
    page.get_by_role("button", name="Bring back the former patient").click()
    change.wait_for()
    change.get_by_role("button", name="Remove weight change 1").click()
    change.wait_for(state="detached")


@pytest.mark.slow
def test_results_of_an_earlier_form_are_marked(visitor):
    page = visitor.page
    visitor.give("anastrozole")
    visitor.short()
    visitor.run()
    earlier = page.get_by_text("These results are of an earlier form")
    assert not earlier.count()
    visitor.write("Start day", "30")
    earlier.wait_for()
    page.get_by_role("img", name="Treatment: Anastrozole 1 mg daily from day 30 to 60").wait_for()
    page.get_by_role("img", name="Treatment: Anastrozole 1 mg daily from day 0 to 60").wait_for()
    visitor.tab("Slide")
    earlier.wait_for()
    visitor.tab("What if")
    visitor.write("Start day", "0")
    earlier.wait_for(state="detached")


@pytest.mark.slow
def test_a_reload_brings_back_results_and_arms(visitor):
    page = visitor.page
    visitor.give("anastrozole")
    visitor.short()
    visitor.run()
    facts = visitor.fact("testosterone_ng_dl")
    page.get_by_role("button", name="Keep as an arm to compare").click()
    page.get_by_text("Kept as “Anastrozole 1 mg daily”").wait_for()
    visitor.tab("Compare")
    visitor.write("Name of arm 1", "mine")
    page.get_by_role("rowheader", name="mine").wait_for()
    for _ in range(2):
        page.reload()
        page.locator("[data-phase=done]").wait_for()
        visitor.tab("What if")
        assert visitor.fact("testosterone_ng_dl") == facts
        assert page.get_by_label("Duration", exact=True).input_value() == "60 days"
        visitor.tab("Compare")
        page.get_by_role("rowheader", name="mine").wait_for()  # and a reload stays in this view
    # Another address is another wish: its scenario opens, the arms stay.
    page.evaluate("link => { history.replaceState(null, '', location.pathname + link) }", share.link(ta.load(OBESE)))
    page.reload()
    page.get_by_role("status").filter(has_text="is loaded").wait_for()
    assert not page.locator("[data-phase]").count()
    visitor.tab("Compare")
    page.get_by_role("rowheader", name="mine").wait_for()


@pytest.mark.slow
def test_laboratory_values_are_matched_and_nothing_is_cut_off(visitor):
    page = visitor.page
    visitor.give("clomiphene")
    visitor.tab("Patients")
    for label, text in (("Testosterone", "900"), ("LH", "0.05"), ("FSH", "60"), ("Sperm concentration", "4 M/mL")):
        visitor.lab(label, text)
    page.wait_for_function("[...document.querySelectorAll('input')].some(of => of.value === '900 ng/dL')")
    page.get_by_role("button", name="Match virtual patients").click()
    page.get_by_role("alert").filter(has_text="No virtual patient gives these values: ").wait_for()
    for label, text in (("Testosterone", "260 ng/dL"), ("LH", "3.1"), ("FSH", "4.4")):
        visitor.lab(label, text)
    page.get_by_role("button", name="Match virtual patients").click()
    page.get_by_role("alert").first.wait_for(state="detached")
    page.get_by_role("status").filter(has_text=re.compile("^Fits")).wait_for()
    page.get_by_role("row", name=re.compile("^Sperm concentration M.mL 4.00 .* from 16 ")).wait_for()
    page.get_by_text("Identifiability: share of prior variance explained").click()
    page.get_by_label("Candidate A: drug").select_option("anastrozole")
    page.get_by_label("Candidate B: drug").select_option("the treatment of the form")
    page.get_by_role("group", name="Candidate B").get_by_text("Clomiphene").first.wait_for()
    page.get_by_role("button", name="Predict responses").click()
    page.get_by_text("in the tables of this program").wait_for()
    assert cut_off(page) == []
    page.get_by_label("Outcome").select_option("concentration_million_ml")
    page.get_by_text("Reference limit 16 M/mL").first.wait_for()
    visitor.write("Dose", "0.5 mg")
    page.get_by_text("These responses are of earlier candidates").wait_for()
    visitor.tab("What if")
    visitor.short()
    visitor.tab("Patients")
    page.get_by_role("button", name="Run him day by day").click()
    page.locator("[data-phase=done]").wait_for()
    assert cut_off(page) == []
    visitor.tab("Share")
    page.get_by_text("The same in Python").wait_for()
    assert cut_off(page) == []
    visitor.tab("What if")
    visitor.choose("klinefelter")
    page.get_by_text("laboratory values. Treatment and plan stay.").wait_for()
    visitor.tab("Patients")
    assert page.get_by_label("Testosterone ng/dL").input_value() == ""
    assert not page.get_by_role("heading", name="Treatment decision").count()


def test_from_laboratory_values_to_a_treatment_decision_in_eight_clicks(visitor):
    page = visitor.page
    page.evaluate("window.clicks = 0; addEventListener('click', of => { window.clicks += of.isTrusted }, true)")
    choices = 0
    page.get_by_role("button", name="Patients", exact=True).click()
    page.get_by_role("button", name="Match virtual patients").wait_for()
    visitor.lab("Testosterone", "260")
    visitor.lab("LH", "3.1")
    visitor.lab("Sperm concentration", "6")
    page.get_by_role("button", name="Match virtual patients").click()
    for letter, drug in (("A", "anastrozole"), ("B", "clomiphene")):
        chooser = page.get_by_label(f"Candidate {letter}: drug")
        chooser.click()
        page.keyboard.press("Escape")
        chooser.select_option(drug)  # the choice from the list that the click opened
        choices += 1
        page.get_by_role("group", name=f"Candidate {letter}").get_by_role("button", name="Remove").wait_for()
    page.get_by_role("button", name="Predict responses").click()
    page.get_by_role(
        "img", name=re.compile("^Total motile count .*before: median .*A: anastrozole 1 mg daily: median .*B: clom")
    ).first.wait_for()
    page.get_by_role("status").filter(has_text="total motile count").wait_for()
    assert 5 <= page.evaluate("window.clicks") + choices <= 8


ODD = """Pat,Datum,Testo,LH (IU/L),Motility,Notiz <img src=x onerror=alert(1)>
<b>A</b>,2024-01-03,9.1 ng/mL,3.1,40,
B-2,2024-01-04,2.1 ng/mL,=HYPERLINK("http://elsewhere.example"),55,
C-3,2024-01-05,4.2 ng/mL,3.8,62,
"""


@pytest.mark.slow
def test_a_man_of_a_clinics_table_is_chosen_and_matched(visitor, tmp_path):
    page = visitor.page
    visitor.tab("Patients")
    page.get_by_role("button", name="Table of men").click()
    chooser = page.get_by_label("Table (CSV or .xlsx)")
    # 2.5 MB, which no single message may hold.
    wide = ODD.splitlines()[:2] + [f"M-{k},2024-02-01,4.{k % 9} ng/mL,3.1,,{'x' * 500}" for k in range(5_000)]
    odd, large, bad = (tmp_path / name for name in ("odd.csv", "large.csv", "bad.xlsx"))
    odd.write_text(ODD), large.write_text("\n".join(wide))
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as into:
        into.writestr("[Content_Types].xml", "x")
        into.writestr("xl/worksheets/sheet1.xml", b"0" * (40 * 2**20))
    chooser.set_input_files(large)
    page.get_by_text("5,001 men with 5,001 visits").wait_for()
    page.get_by_text("The first 300 are listed").wait_for()
    visitor.write("Identifier holds", "row 77")
    page.get_by_text("The first 300 are listed").wait_for(state="detached")
    chooser.set_input_files(odd)
    page.get_by_role("heading", name="odd.csv").wait_for()
    assert "it was not run" in page.get_by_role("row", name=re.compile("^row 3 LH")).inner_text()
    assert "ng/mL (cells)" in page.get_by_role("row", name=re.compile("^Testo")).inner_text()
    page.get_by_label("Motility means").select_option("motility")
    page.get_by_text("Used, as said.").wait_for()
    page.get_by_label("Pat means").select_option("id")
    page.get_by_role("button", name="<b>A</b>").wait_for()
    assert cut_off(page) == []
    chooser.set_input_files(bad)
    page.get_by_role("alert").filter(has_text="bad.xlsx").wait_for()
    assert page.get_by_role("heading", name="odd.csv").is_visible(), "the former table stays"

    chooser.set_input_files(Path(__file__).parents[1] / "examples" / "tables" / "clinic_de.csv")
    page.get_by_role("heading", name="clinic_de.csv").wait_for()
    page.get_by_role("row", name=re.compile("^A-02")).get_by_role("cell").first.click()
    page.get_by_text("A-02 of clinic_de.csv, untreated report").wait_for()
    page.get_by_role("button", name="Table of men").click()
    page.get_by_role("button", name="A-01").press("Enter")
    page.get_by_text("A-01 of clinic_de.csv, untreated report of 2024-01-12.").wait_for()
    names = ("Testosterone", "Oestradiol")
    shown = {label: page.get_by_label(re.compile(f"^{label}\\W")).first.input_value() for label in names}
    assert shown == {"Testosterone": "9.4 nmol/L", "Oestradiol": "48 pg/mL"}
    page.get_by_role("button", name="Match virtual patients").click()
    page.get_by_text("He is now the man of the form").wait_for()
    page.get_by_text("Of 2 untreated reports, the first is given here.").wait_for()
    assert cut_off(page) == []
    visitor.tab("What if")
    assert page.get_by_label("Body mass index, kg/m²").input_value() == "32.82"
    # Another visitor has nothing of it.
    other = Visitor(page.context, page.url.split("#")[0])
    other.tab("Patients")
    other.page.get_by_role("button", name="Table of men").click()
    assert not other.page.get_by_role("heading", name="clinic_de.csv").count()
    assert "A-01" not in other.page.content()
    other.page.close()
    assert "A-01" not in page.evaluate("JSON.stringify([{...sessionStorage}, {...localStorage}, location.href])")


@pytest.mark.slow
def test_levels_are_shown_in_si_units_and_the_browser_remembers_that(browser, address):
    visitor = Visitor(window(browser), address)
    page = visitor.page
    visitor.give("anastrozole")
    visitor.short()
    visitor.run()
    conventional, e2 = visitor.fact("testosterone_ng_dl"), visitor.fact("oestradiol_immunoassay_pg_ml")
    page.get_by_role("button", name="Show levels in SI units").click()
    page.get_by_role("img", name=re.compile("^Testosterone: untreated from .* nmol.L")).wait_for()
    si = visitor.fact("testosterone_nmol_l"), visitor.fact("oestradiol_immunoassay_pmol_l")
    assert si[0] == pytest.approx([level / 28.84 for level in conventional], rel=0.01)
    assert si[1] == pytest.approx([level * 3.67 for level in e2], rel=0.02)
    page.get_by_role("button", name="All levels as a table").click()
    page.get_by_role("row", name=re.compile(r"^testosterone .nmol.L")).wait_for()
    visitor.tab("Patients")
    assert page.get_by_label("Testosterone nmol/L").get_attribute("placeholder") == "e.g. 9 nmol/L"
    visitor.tab("Share")
    page.get_by_text("--units si").wait_for()
    # Those of another page stay as they are; a reload and a new page of this browser have these.
    other = Visitor(window(browser), address)
    other.page.get_by_role("button", name="Show levels in SI units").wait_for()
    other.leave()
    page.reload()
    page.get_by_role("button", name="Show levels in conventional units").wait_for()
    page.locator("[data-phase=done]").wait_for()
    visitor.tab("What if")
    assert visitor.fact("testosterone_nmol_l") == si[0]
    page.get_by_role("button", name="Show levels in conventional units").click()
    page.get_by_role("button", name="Show levels in SI units").wait_for()
    assert visitor.fact("testosterone_ng_dl") == conventional
    visitor.leave()


OWN = """title = "Own"
rule = ["in pachytene spermatocytes, intratesticular E2 increases death from 1 to 12-fold with half-maximum 6 nmol/L, from day 0"]
[drug.slowazole]
like = "anastrozole"
inhibition_constant = 6
[preset.heavier]
like = "obese_low_t_e2"
bmi = 38
[injury.folfox]
kind = "cytotoxics"
strength = 0.6
[man]
preset = "heavier"
[plan]
duration = "40 days"
replicates = 1
[[therapy]]
drug = "slowazole"
dose = "1 mg"
every = "1 day"
[[insult]]
kind = "folfox"
courses = 2
every = "14 days"
"""


@pytest.mark.slow
def test_own_tables_and_rules_open_run_and_say_that_they_are_own(visitor, tmp_path):
    page, file = visitor.page, tmp_path / "own.toml"
    file.write_text(OWN)
    visitor.tab("Share")
    page.get_by_label("Scenario file (TOML)").set_input_files(file)
    page.get_by_role("status").filter(has_text="is loaded").wait_for()
    visitor.tab("What if")
    assert page.get_by_label("Start from").locator("option:checked").inner_text() == "Heavier (own)"
    visitor.open("Lesions and injury")
    assert page.locator("legend").all_inner_texts() == ["1. Slowazole (own)", "1. cytotoxics: folfox (own)"]
    visitor.open("Clamps and rules")
    assert page.get_by_label("Rule 1", exact=True).input_value().startswith("in pachytene spermatocytes")
    visitor.open("Model")
    listed = page.locator(".ta-extra").all_inner_texts()
    for text in ("Own drug: slowazole (like anastrozole", "Own preset: heavier", "Own injury: folfox"):
        assert any(one.startswith(text) for one in listed), text
    page.get_by_role("img", name=re.compile("Slowazole 1 mg daily from day 0 to 40; .*folfox")).wait_for()
    visitor.run()
    page.get_by_role("heading", name="Own [own rule]").wait_for()
    assert visitor.fact("testosterone_ng_dl")[1] > visitor.fact("testosterone_ng_dl")[0]
    assert cut_off(page) == []


@pytest.mark.slow
def test_arms_a_store_and_a_study(visitor):
    page = visitor.page
    visitor.short()
    for drug in ("anastrozole", "clomiphene"):
        visitor.give(drug)
        visitor.run()
        # A second run leaves every tag as it was.
        assert page.locator(".ta-reasons").evaluate("of => of.tagName") == "DL"
        assert {"Hormones", "Semen", "Safety and outcome"} <= set(page.locator("h2").all_inner_texts())
        page.get_by_role("button", name="Keep as an arm to compare").click()
        page.get_by_role("button", name=re.compile("Remove therapy 1")).click()
        page.locator("fieldset.ta-therapy").wait_for(state="detached")
    visitor.tab("Compare")
    page.wait_for_function("document.querySelectorAll('.ta-legend span').length === 3")
    for index in (1, 2):
        visitor.write(f"Name of arm {index}", "same")
    page.get_by_role("rowheader", name="same (2)").wait_for()
    page.locator(".ta-answer", has_text="Total motile count").wait_for()
    page.get_by_label("Compared with").select_option("same")
    page.get_by_role("rowheader", name="same", exact=True).locator("..").get_by_text("reference").wait_for()
    visitor.tab("Experiments")
    folder = page.locator("option", has_text="Doses · sweep").get_attribute("value")
    page.get_by_label("Other results folders of this machine").select_option(folder)
    page.get_by_role("group", name=re.compile("Testosterone, change against untreated")).wait_for()
    page.locator(".ta-when-wide").get_by_text("250 ug", exact=True).wait_for()
    page.get_by_label("Show", exact=True).select_option("serum E2 (immunoassay)")
    page.get_by_role("group", name=re.compile(r"Serum E2 \(immunoassay\), change against untreated")).wait_for()
    # A click on a cell, and Enter on it, load its scenario.
    for key, way, man in (("1", "click", "24"), ("3", "Enter", "36")):
        cell = page.locator(f".ta-when-wide [data-at='{key}']")
        cell.click() if way == "click" else cell.press("Enter")
        page.get_by_text(f"body mass index {man} kg/m2, anastrozole dose 1 mg").first.wait_for()
    visitor.tab("What if")
    assert page.get_by_label("Body mass index, kg/m²").input_value() == "36"
    assert page.get_by_label("Dose", exact=True).first.input_value() == "1 mg"


@pytest.mark.slow
def test_a_surface_is_worked_out_and_a_place_of_it_loaded(visitor):
    page = visitor.page
    visitor.short()
    visitor.tab("Experiments")
    page.get_by_label("Kind", exact=True).select_option("surface")
    page.get_by_label("LH and FSH").wait_for()
    page.get_by_role("button", name="Run experiment").click()
    page.locator(".ta-job[data-state=done]").wait_for(timeout=90_000)
    page.get_by_label("Output", exact=True).select_option("sperm concentration")
    page.get_by_role("group", name=re.compile("Sperm concentration over Intratesticular testosterone")).wait_for()
    page.locator("[data-at='0,0']").click()
    page.get_by_text("Loaded into the form as clamps").wait_for()
    visitor.tab("What if")
    visitor.open("Clamps and rules")
    levels = [of.input_value() for of in page.get_by_label("Level", exact=True).all()]
    assert levels[:2] == ["1 x own", "0.02 x own"], "gonadotrophins held, testosterone at the lowest"


@pytest.mark.slow
def test_dark_and_narrow(browser, address):
    visitor = Visitor(window(browser, 390, 844, color_scheme="dark"), address)
    page = visitor.page
    page.wait_for_function("document.querySelector('.ta.ta-night') !== null")
    for name in ("What if", "Patients", "Slide", "Compare", "Experiments", "Share"):
        visitor.tab(name)
        assert page.evaluate("document.documentElement.scrollWidth <= 390"), name
    visitor.leave()


@pytest.mark.slow
def test_insults_are_added_changed_removed_explained_and_part_of_the_plan(visitor):
    page = visitor.page
    visitor.open("Lesions and injury")
    page.get_by_label("Add insult").select_option("irradiation")
    field = page.get_by_role("group", name="1. irradiation")
    dose = field.get_by_label(re.compile("^Dose in all"))
    assert dose.input_value() == "2.5 Gy"
    page.get_by_role("img", name=re.compile("irradiation 2.5 Gy from day 0")).wait_for()
    dose.fill("90 Gy")
    dose.press("Tab")
    field.get_by_text('"90 Gy" is out of range; allowed: above 0 to 60 Gy').wait_for()
    assert soon(page.get_by_role("button", name="Run", exact=True).is_disabled)
    dose.fill("0.5 Gy")
    field.get_by_label("Day", exact=True).fill("-3")
    field.get_by_label("Day", exact=True).press("Tab")
    page.get_by_role("img", name=re.compile("irradiation 0.5 Gy from day -3")).wait_for()
    page.get_by_label("Add insult").select_option("orchiectomy")
    other = page.get_by_role("group", name="2. orchiectomy")
    other.get_by_label("Side").select_option("right")
    page.get_by_role("img", name=re.compile("orchiectomy, right from day 0")).wait_for()
    other.get_by_label("Kind").select_option("torsion")
    torsion = page.get_by_role("group", name="2. torsion")
    torsion.get_by_label(re.compile("^Hours")).wait_for()
    assert torsion.get_by_label("Side").input_value() == "right", "what the new kind takes too stays"
    page.get_by_role("button", name="Remove insult 1. irradiation").click()
    page.get_by_role("group", name="1. torsion").wait_for()
    page.get_by_role("img", name=re.compile("^Treatment: torsion for 8 h, right from day 0 to 1$")).wait_for()


@pytest.mark.slow
def test_every_part_of_a_scenario_is_edited_and_each_step_taken_back(visitor):
    page = visitor.page
    visitor.open("Clamps and rules")
    page.get_by_label("Add clamp").select_option("LH")
    clamp = page.get_by_role("group", name="Clamp 1")
    clamp.get_by_label("Level").fill("2 mg")
    clamp.get_by_label("Level").press("Tab")
    clamp.get_by_text(re.compile("unit .*mg")).wait_for()
    clamp.get_by_label("Level").fill("2 IU/L")
    clamp.get_by_label("Level").press("Tab")
    page.get_by_role("img", name=re.compile("LH held at 2 IU.L from day 0")).wait_for()
    page.locator("summary", has_text="Earlier treatment").focus()
    page.keyboard.press("Enter")
    page.get_by_label("Add an earlier treatment").fill("testosterone_enanthate 200 mg every 7 days for 52 weeks")
    page.get_by_label("Add an earlier treatment").press("Tab")
    past = page.get_by_label("Earlier treatment 1", exact=True)
    past.wait_for()
    assert page.get_by_label("Add an earlier treatment").input_value() == ""
    undo, redo = (page.get_by_role("button", name=name, exact=True) for name in ("Undo", "Redo"))
    page.locator("button[title='Undo: earlier treatment 1 added']").wait_for()
    undo.click()
    past.wait_for(state="detached")
    redo.click()
    past.wait_for()
    page.locator("summary", has_text="Earlier treatment").focus()
    for _ in range(4):
        page.keyboard.press("Control+z")
    clamp.wait_for(state="detached")
    page.locator("button[title='Undo: nothing']").wait_for()
    page.keyboard.press("Control+Shift+z")
    clamp.wait_for()
    # In a text field the browser takes its own steps back.
    visitor.write("Title", "Mine")
    page.locator("button[title='Undo: Title']").wait_for()
    page.get_by_label("Title", exact=True).focus()
    page.keyboard.press("Control+z")
    page.locator("button[title='Undo: Title']").wait_for()


def test_a_shorter_plan_says_what_lies_beyond_it_and_cuts_it(visitor):
    page = visitor.page
    visitor.give("anastrozole")
    visitor.write("Start day", "100")
    visitor.give("change of weight", 2)
    visitor.write("Duration", "60 days")
    page.get_by_text("is not before the end of the plan").first.wait_for()
    assert soon(page.get_by_role("button", name="Run", exact=True).is_disabled)
    change = page.locator("fieldset", has_text="Weight change 1")
    change.get_by_role("button", name="Cut weight 1 to day 60").click()
    page.get_by_text("Beyond day 60: therapy 1.").wait_for()
    assert change.get_by_label("Day reached").input_value() == "60"
    page.get_by_role("button", name="Cut all to day 60").click()
    page.wait_for_function("![...document.querySelectorAll('button')].find(of => of.innerText === 'Run').disabled")
    assert page.locator("legend").all_inner_texts() == ["Weight change 1"]
    page.get_by_role("button", name="Undo", exact=True).click()
    page.locator("legend", has_text="Anastrozole").wait_for()
