"""The browser app: what its parts make, and the page itself by real clicks in headless Chromium."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import tomllib
import zipfile
import zlib

import numpy as np
import pytest
from conftest import served

import testis_abm as ta
from testis_abm import ScenarioError, TestisError
from testis_abm.app import charts, draft, share
from testis_abm.scenario import Scenario

OBESE = {
    "title": "Obese, treated", "man": {"preset": "obese_low_t_e2", "bmi": 36.5}, "plan": {"duration": "60 days", "replicates": 1, "seed": 7},
    "therapy": [{"drug": "anastrozole", "dose": "0.5 mg", "every": "2 days", "from": "day 5", "until": "day 50"},
                {"drug": "hcg", "dose": "1500 IU", "every": "3.5 days"}],
    "samples": {"assay": "immunoassay"},
}  # fmt: skip


# ---- drafts


def test_a_draft_says_what_its_scenario_says():
    scenario = ta.load(OBESE)
    assert draft.understood(draft.of(scenario)).scenario == scenario
    assert Scenario(**draft.short(scenario)) == scenario
    assert draft.understood(draft.start()).scenario.title == "Fertile man"


def test_what_is_typed_wrong_is_told_at_its_field_and_kept():
    now = draft.with_cell(draft.of(ta.load(OBESE)), 0, "dose", "-1 mg")
    said = draft.understood(now)
    assert said.scenario is None and "negative" in said.at("therapy", 0, "dose")
    assert draft.cell(now, 0, "dose") == "-1 mg"
    thin = draft.with_slider(draft.start(), draft.SLIDERS[0], "500")
    assert "out of range" in draft.understood(thin).at("man", "bmi")
    word = draft.with_slider(draft.start(), draft.SLIDERS[0], "fat")
    assert draft.understood(word).scenario is None and draft.SLIDERS[0].clamp("fat") == draft.SLIDERS[0].low
    assert draft.SLIDERS[0].clamp(500) == draft.SLIDERS[0].high and draft.SLIDERS[0].clamp(float("nan")) == 16.0


def test_a_slider_shows_per_cent_and_stores_the_physiology():
    slider = next(of for of in draft.SLIDERS if of.field == "gnrh_drive")
    now = draft.with_slider(draft.start(), slider, 70)
    assert now["man"]["gnrh_drive"] == pytest.approx(0.7) and slider.shown(now) == 70.0


def test_a_page_refuses_what_would_hold_the_server():
    for changes, said in (
        ({"tissue.tubules": 4000}, "Sertoli cells"),
        ({"plan.replicates": 500}, "replicates|more than this page runs"),
        ({"plan.engine": '"reference"'}, "too slow"),
    ):
        found = draft.understood(draft.of(ta.load(OBESE, overrides=changes))).problems
        assert found and re.search(said, found[0].line())


# ---- links and files


def test_a_link_and_a_file_restore_the_scenario_exactly():
    scenario = ta.load(OBESE)
    link = share.link(scenario)
    assert re.fullmatch(r"#s=1[A-Za-z0-9_-]+", link) and share.from_link(link) == scenario
    assert share.from_upload("mine.toml", scenario.to_toml().encode()) == scenario
    assert share.file_name(scenario) == "obese_treated.toml"
    assert share.command(scenario) == "testis-abm run obese_treated.toml"


def test_the_python_shown_runs_the_same_scenario(monkeypatch):
    scenario, seen = ta.load(OBESE), []
    monkeypatch.setattr(ta, "run", lambda tables: seen.append(ta.load(tables)) or ta)
    monkeypatch.setattr(ta, "summary", lambda: "", raising=False)
    monkeypatch.setattr(ta, "plot", lambda: None, raising=False)
    exec(share.python(scenario), {})
    assert seen == [scenario]


def packed(content: bytes) -> str:
    return "#s=1" + base64.urlsafe_b64encode(zlib.compress(content, 9)).decode().rstrip("=")


@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("#s=", "was not made by this version"),
        ("#s=9abc", "was not made by this version"),
        ("#s=1%%%", "is damaged or cut short"),
        (share.link(ta.load(OBESE))[:-9], "is damaged or cut short"),
        (packed(b"[1, 2]"), "is damaged"),
        (packed(b"[" * 100_000), "is damaged"),
        (packed(b" " * 5_000_000), "holds more than 200,000 bytes"),
        ("#s=1" + "A" * 30_000, "is longer than"),
        (packed(json.dumps({"man": {"bmi": 400}}).encode()), "link: man: bmi: 400"),
        (packed(json.dumps({"man": {"preset": "../../etc/passwd"}}).encode()), "is not known"),
        (packed(json.dumps({"__class__": "os.system"}).encode()), "__class__"),
    ],
)
def test_a_wrong_link_is_told(link, said):
    with pytest.raises(ScenarioError) as told:
        share.from_link(link)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.toml", b"\xff\xfe\x00", "a.toml"),
        ("a.toml", b"title = ", "a.toml"),
        ("a.toml", b"x" * 300_000, "is larger than 200 kB"),
        ("../../evil\n.toml", b'[man]\npreset = "nobody"\n', "nobody"),
        (None, b"[man]\nbmi = 'thin'\n", "thin"),
    ],
)
def test_a_wrong_file_is_told_and_names_itself_in_one_line(name, content, said):
    with pytest.raises(ScenarioError) as told:
        share.from_upload(name, content)
    assert said in str(told.value) and "\nevil" not in str(told.value)


@pytest.fixture(scope="module")
def result():
    return ta.run(ta.load(OBESE))


def test_downloads_hold_the_run(result):
    for kind in ("csv", "parquet"):
        with zipfile.ZipFile(io.BytesIO(share.tables(result, kind))) as file:
            names = set(file.namelist())
            assert {"scenario.toml", "run.json", f"hormones.{kind}", f"semen.{kind}"} <= names
            assert ta.load(tomllib.loads(file.read("scenario.toml").decode())) == result.scenario
    assert share.tables(result, "csv") == share.tables(result, "csv")


# ---- charts


def test_a_panel_draws_what_it_is_given():
    days = np.array([-10.0, 0.0, 50.0])
    line = charts.Line("treated", days, np.array([1.0, 2.0, 4.0]), np.array([0.5, 1.5, 3.0]), np.array([1.5, 2.5, 5.0]))
    panel = charts.Panel("LH <b>", "IU/L", (line,), (-10.0, 50.0), limit=1.5, source="WHO")
    svg = charts.panel_svg(panel)
    assert "LH &lt;b&gt;" in svg and "<b>" not in svg and 'class="ta-limit"' in svg
    points = [tuple(map(float, of.split(","))) for of in re.search(r'polyline[^>]*points="([^"]+)"', svg)[1].split()]
    assert len(points) == 3 and points[0][0] < points[1][0] < points[2][0] and points[0][1] > points[2][1]
    assert "from 1.00 to 4.00 IU/L on day 50" in charts.told(panel)


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (0.0, 617.0), (-3.0, 0.02), (1e-9, 2e-9)])
def test_ticks_are_round_and_span_the_axis(low, high):
    ticks = charts.nice(low, high, 4)
    assert ticks[0] <= low + 1e-12 and ticks[-1] >= high - 1e-12 and 3 <= len(ticks) <= 9
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0])


# ---- the command


def test_the_app_listens_on_this_machine_alone_unless_told():
    from testis_abm.cli import _parser

    options = _parser().parse_args(["app"])
    assert options.host == "localhost" and options.store == []


def test_only_stores_that_were_named_at_the_start_can_be_opened(tmp_path):
    from testis_abm.app import stores

    with pytest.raises(TestisError, match="holds no experiment"):
        stores.publish([str(tmp_path)])


# ---- the page, by real clicks


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
    command = [sys.executable, "-m", "testis_abm.cli", "app", "--no-browser", "--host", "127.0.0.1"]
    with served([*command, "--store", str(store), "--port"]) as (url, _):
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
        self.page.on("request", lambda of: None if "127.0.0.1" in of.url or of.url.startswith(("data:", "blob:")) else self.outside.append(of.url))  # fmt: skip
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
    page.locator(".tubule-scrub").fill("30")
    page.wait_for_function("window.__tubule.day === 30 && window.__tubule.view.arms[0].motion?.b.day === 30")
    x, y = page.evaluate(
        "(() => { const v = window.__tubule.view, m = v.arms[0].motion, i = m.n - 1, w = v.view; return [(m.x1[i] - w.x) * w.k, (m.y1[i] - w.y) * w.k]; })()"
    )
    box = page.locator("figure canvas").first.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2 + x, box["y"] + box["height"] / 2 - y)
    assert "Lineage and fate" in page.locator(".tubule-panel").inner_text()

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
    page.evaluate("link => { location.hash = link }", share.link(ta.load(OBESE)))
    page.get_by_role("status").filter(has_text="is restored").wait_for()
    visitor.tab("What if")
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
        """[...document.querySelectorAll('main button, main input, main select, main canvas')].filter(of => of.offsetParent && !(
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
        page.get_by_role("button", name="Keep as an arm to compare").click()
        page.get_by_role("button", name=re.compile("Remove therapy 1")).click()
        page.locator("fieldset.ta-therapy").wait_for(state="detached")
    visitor.tab("Compare")
    page.wait_for_function("document.querySelectorAll('.ta-legend span').length === 3")
    visitor.tab("Sweep")
    page.get_by_role("img", name=re.compile("testosterone: change under treatment")).wait_for()
    page.get_by_text("250 ug", exact=True).wait_for()
    page.get_by_label("Show", exact=True).select_option("oestradiol")
    page.get_by_role("img", name=re.compile("oestradiol: change under treatment")).wait_for()
    visitor.tab("Studies")
    page.get_by_role("button", name="Replay").click()
    page.get_by_role("img", name=re.compile("observed .*predicted")).wait_for(timeout=90_000)


def test_dark_and_narrow(browser, address):
    visitor = Visitor(browser, address, color_scheme="dark", viewport={"width": 390, "height": 844})
    page = visitor.page
    page.wait_for_function("document.querySelector('.theme--dark .ta') !== null")
    for name in ("What if", "Tubule", "Compare", "Sweep", "Studies", "Share"):
        visitor.tab(name)
        assert page.evaluate("document.documentElement.scrollWidth <= 390"), name
    visitor.leave()
