"""The slide's module in a page of no framework, as Jupyter and marimo show it: its own state, its messages, and what a hand does."""

from __future__ import annotations

import base64
import json
import struct

import numpy as np
import pytest

import testis_abm as ta
from testis_abm.biology import steps
from testis_abm.quantities import QUANTITIES, in_units

pytest.importorskip("anywidget")

from testis_abm.app.tubule import course
from testis_abm.app.tubule.recording import Recording, follow
from testis_abm.app.tubule.widget import TubuleWidget, answer, kin, module, style

PLAN = {
    "title": "Slide",
    "tissue": {"tubules": 2},
    "plan": {"baseline": "0 days", "duration": "20 days"},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "from": "day 0", "until": "day 20"}],
    "insult": [{"kind": "irradiation", "dose": "1 Gy", "day": "day 5"}],
}


@pytest.fixture(scope="module")
def arms():
    """Return the recordings of an irradiated man and of his control."""
    found = []
    for treated in (True, False):
        model = ta.TestisModel(ta.load(PLAN), rng=1, treated=treated)
        found.append(Recording(model))
        for _ in range(16):
            model.step()
            found[-1].record()
    return tuple(found)


@pytest.fixture
def widget(arms):
    widget = TubuleWidget(recordings=arms, names=("Irradiated and treated", "Untreated control"))
    yield widget
    widget.close()


# ---- what the browser is told


@pytest.mark.parametrize("system", ["conventional", "si"])
def test_the_strip_shows_the_records_of_the_model_in_its_units(arms, system):
    with in_units(system):
        shown = {of["name"]: of for of in course.courses([course.Course(arm) for arm in arms])}
        testosterone = QUANTITIES["testosterone_nmol_l"]
        of = shown[testosterone.title]
        assert of["unit"] == testosterone.clinical_unit
        for recording, arm in zip(arms, of["arms"], strict=True):
            rows = recording.model.records["hormones"]
            assert arm["days"] == [row.day for row in rows]
            assert arm["values"] == pytest.approx(
                [float(testosterone.clinical(row.testosterone_nmol_l)) for row in rows], rel=1e-4
            )
        unit = course.units()["testosterone"]
        inside = shown[QUANTITIES["intratesticular_testosterone_nmol_l"].title]
        assert unit["unit"] == inside["unit"]
        assert arms[0].frame(-1).testosterone.mean() * unit["factor"] == pytest.approx(
            inside["arms"][0]["values"][-1], rel=0.15
        )
    assert len(shown) == 6 and any("sperm" in name.lower() for name in shown)


def test_the_units_of_a_widget_are_its_own(arms):
    with in_units("conventional"):
        widget = TubuleWidget(recordings=arms, system="si")
        assert widget.courses[0]["unit"] == "nmol/L"
        widget.system = "conventional"
        assert widget.courses[0]["unit"] == "ng/dL"
        widget.close()


def test_marks_say_what_happens_to_whom(widget):
    marks = {mark["label"]: mark for mark in widget.marks}
    insult = next(mark for mark in marks.values() if mark["insult"])
    assert (insult["start"], insult["whose"]) == (5, "Irradiated and treated")
    drug = next(mark for mark in marks.values() if not mark["insult"])
    assert (drug["start"], drug["end"]) == (0, 20)


def test_the_scale_of_a_difference_holds_every_recorded_day(arms):
    between = course.Differences(*arms)
    most = between.now()
    gaps = [np.abs(arms[0].frame(k).testosterone - arms[1].frame(k).testosterone).max() for k in range(17)]
    assert most["testosterone"] == pytest.approx(max(gaps)) and most["testosterone"] > 0
    other = ta.TestisModel({**PLAN, "tissue": {"tubules": 3}}, rng=1)
    assert course.Differences(arms[0], Recording(other)).now() == {}


def test_a_family_is_all_who_came_from_one_and_whom_it_came_from(arms):
    recording = arms[1]
    lives = recording.lives
    mothers = {int(of): int(mother) for _, daughters, those in lives.births for of, mother in zip(daughters, those)}
    daughter = next(of for of, mother in mothers.items() if mother in mothers)
    family = lives.family(daughter)
    assert mothers[daughter] in family and mothers[mothers[daughter]] in family and daughter not in family
    assert daughter in lives.family(mothers[daughter])
    assert len(set(family)) == len(family)


def test_only_a_relative_that_there_is_can_be_asked_for(arms):
    shown, key = list(arms), arms[0].key
    lineage = str(int(arms[0].frame(3).lineage[-1]))
    found = kin(shown, {"key": key, "lineage": lineage, "day": 3})
    assert found["lineage"] == lineage and found["day"] == 3
    for bad in (
        {"lineage": "12; drop"},
        {"lineage": None},
        {"lineage": lineage, "day": "3"},
        {"lineage": "9" * 20, "day": 3},
        {"lineage": "1" * 400, "day": 1},
    ):
        assert kin(shown, {"key": key, "day": 3, **bad}) is None
    assert kin(shown, {"key": -1, "lineage": lineage, "day": 3}) is None


def test_messages_that_are_none_change_nothing(widget):
    before = dict(widget.get_state())
    for message in (
        None,
        [],
        "need",
        {},
        {"kind": "pick", "key": "x"},
        {"kind": "kin"},
        {"kind": "seen", "day": "1"},
        {"kind": 3},
    ):
        widget._receive(widget, message, [])
    assert {name: widget.get_state()[name] for name in before} == before


def test_a_widget_that_is_closed_listens_no_longer(arms):
    model = ta.TestisModel(PLAN, rng=1)
    shown = ta.slide(model, tubules=1, units="si")
    recording = follow(model)
    assert shown.recordings == (recording,) and len(recording.listeners) == 1 and shown.courses[0]["unit"] == "nmol/L"
    shown.close()
    assert not recording.listeners


def test_of_a_run_both_arms_live_again():
    run = ta.run(
        {
            **PLAN,
            "plan": {"baseline": "0 days", "duration": "4 days"},
            "insult": [],
            "therapy": [{**PLAN["therapy"][0], "until": "day 4"}],
        }
    )
    shown = ta.slide(run)
    assert shown.names[1] == "Untreated control" and len(shown.recordings) == 2
    done = [of for of in __import__("threading").enumerate() if of.name == "men of a slide"]
    for thread in done:
        thread.join(60)
    assert [of.days[-1] for of in shown.recordings] == [4, 4]
    assert shown.recordings[0].model.records["hormones"][-1].testosterone_nmol_l == pytest.approx(
        float(run.hormones.query("arm == 'treated' and replicate == 0")["testosterone_nmol_l"].iloc[-1])
    )
    shown.close()


# ---- in a browser, without any framework

_HOST = """
    const given = (name, value) => (value && value.__bytes ? new DataView(Uint8Array.from(atob(value.__bytes), (c) => c.charCodeAt(0)).buffer) : value);
    const state = JSON.parse(STATE, given), heard = {};
    const fire = (name, ...what) => (heard[name] || []).forEach((act) => act(...what));
    const model = {
      get: (name) => state[name],
      on: (name, act) => (heard[name] = heard[name] || []).push(act),
      off: (name, act) => { heard[name] = (heard[name] || []).filter((of) => of !== act); },
      async send(message) {
        const { changed, sent } = JSON.parse(await window.toPython(JSON.stringify(message)), given);
        for (const [name, value] of Object.entries(changed)) { state[name] = value; fire(`change:${name}`); }
        for (const [content, buffers] of sent) fire("msg:custom", content, buffers);
      },
    };
    const { default: widget } = await import(URL.createObjectURL(new Blob([CODE], { type: "text/javascript" })));
    window.leave = widget.render({ model, el: document.querySelector("main") });
    window.left = () => Object.values(heard).flat().length;
"""


def _packed(what):
    return json.dumps(what, default=lambda of: {"__bytes": base64.b64encode(bytes(of)).decode()})


@pytest.fixture
def page(browser, widget):
    """Return a bare page that shows the widget; what it sends is answered by the widget itself."""
    page = browser.new_page(viewport={"width": 1200, "height": 1400})
    faults, outside, sent = [], [], []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: outside.append(request.url) if request.url.startswith("http") else None)
    names = ("scenes", "panel", "dark", "units", "courses", "marks", "differences")
    widget.send = lambda content, buffers=(): sent.append([content, list(buffers)])

    def to_python(text):
        sent.clear()
        before = {name: getattr(widget, name) for name in names}
        widget._receive(widget, json.loads(text), [])
        changed = {name: getattr(widget, name) for name in names if getattr(widget, name) is not before[name]}
        return _packed({"changed": changed, "sent": sent})

    page.expose_function("toPython", to_python)
    page.set_content(f"<style>{style()}</style><main></main>")
    state = _packed({name: getattr(widget, name) for name in names})
    host = _HOST.replace("STATE", json.dumps(state)).replace("CODE", json.dumps(module()))
    page.evaluate(f"async () => {{ {host} }}")
    page.wait_for_function("window.__tubule && window.__tubule.cells > 300")
    yield page
    assert not faults and not outside
    page.close()


def _go_to(page, day):
    page.locator(".tubule-scrub").fill(str(day))
    page.wait_for_function(f"window.__tubule.view.arms.every((arm) => arm.motion && arm.motion.b.day === {day})")


def test_a_bare_page_shows_and_leaves_it(page):
    assert page.locator("figure canvas").count() == 2
    assert page.locator(".tubule-recorded").inner_text() == "recorded to day 16 of 20"
    assert page.locator(".tubule-scrub").get_attribute("max") == "20"
    _go_to(page, 3)
    page.locator(".tubule-scrub").fill("20")
    assert page.locator(".tubule-day").inner_text() == "day 16"  # as far as it is recorded
    page.evaluate("window.leave()")
    assert page.locator(".tubule").count() == 0 and page.evaluate("window.left()") == 0


def test_fields_are_shown_side_by_side_and_between_arms(page, widget):
    field = page.get_by_label("Field over the tissue")
    field.select_option("all")
    page.wait_for_function("document.querySelectorAll('.tubule-panes canvas').length === 6")
    assert page.locator(".tubule-scale").count() == 3
    field.select_option("difference oestradiol")
    page.wait_for_function("document.querySelectorAll('.tubule-panes canvas').length === 3")
    page.wait_for_timeout(100)
    shown = page.evaluate("""() => {
        const view = window.__tubule.view, pane = view.panes[2], frames = view.arms.map((arm) => view.nearest(arm));
        const of = view.fieldIn(pane, frames[0]);
        return { values: [...of.values()], low: of.low, high: of.high, middle: of.colour(0.5), bar: view.barOf(pane) };
    }""")
    one, other = (of.frame(-1).oestradiol.ravel() for of in widget.recordings)
    assert shown["values"] == pytest.approx(list(one - other), abs=1e-2 * one.max())
    assert shown["low"] == -shown["high"] and min(shown["middle"]) > 240  # zero is white
    factor = course.units()["oestradiol"]["factor"]
    assert float(shown["bar"]["high"].lstrip("+")) == pytest.approx(shown["high"] * factor, rel=0.01)


def test_a_scale_may_begin_at_zero(page):
    page.get_by_label("Field over the tissue").select_option("testosterone")
    scale = page.locator(".tubule-scale span")
    assert scale.nth(1).inner_text() == "0"
    page.get_by_label("Scale from 0").uncheck()
    page.wait_for_function("document.querySelectorAll('.tubule-scale span')[1].innerText !== '0'")


def test_the_strip_reads_out_the_day_and_a_click_goes_there(page, widget):
    _go_to(page, 8)
    course = widget.courses[0]
    said = page.locator(".tubule-course").first.locator(".tubule-levels b").all_inner_texts()
    shown = [float(text.replace(",", "")) for text in said]
    assert shown == pytest.approx([arm["values"][arm["days"].index(8)] for arm in course["arms"]], rel=5e-3)
    box = page.locator(".tubule-plot").nth(2).bounding_box()
    page.mouse.click(box["x"] + 0.25 * box["width"], box["y"] + 30)
    page.wait_for_function("window.__tubule.day === 5")
    page.get_by_role("button", name="Anastrozole").click()
    page.wait_for_function("window.__tubule.day === 0")


def test_cells_are_counted_in_both_panes(page, widget):
    _go_to(page, 12)
    page.wait_for_function("window.__tubule.view.counted.includes(' 12')")
    entry = page.locator(".tubule-legend li", has_text="round spermatid").locator("b").all_inner_texts()
    wanted = [
        (of.frame(of.days.index(12)).step == steps.NAMES.index("round_spermatid")).sum() / 2 for of in widget.recordings
    ]
    assert [float(text) for text in entry] == pytest.approx(wanted, abs=0.5)
    assert "per tubule cross-section, mean of 2 shown" in page.locator(".tubule-heading").inner_text()


def test_an_insult_is_on_the_picture_and_in_words(page):
    view = "window.__tubule.view"
    _go_to(page, 5)
    assert page.evaluate(f"{view}.acting(0).map((mark) => mark.label)") and not page.evaluate(f"{view}.acting(1)")
    _go_to(page, 12)
    caption = page.locator("figcaption").first
    blocked = int(page.evaluate(f"{view}.arms[0].motion.b.niche.reduce((sum, of) => sum + (of === 2), 0)"))
    assert blocked > 0 and f"{blocked} with blocked stem cells" in caption.inner_text()
    page.get_by_label("Stages", exact=True).uncheck()
    page.get_by_label("Niches, as rings").wait_for()  # what is missing stays marked, and named
    page.evaluate("window.__tubule.view.model.get('scenes')")


def test_a_relative_is_chosen_by_its_button(page, widget):
    _go_to(page, 6)
    page.locator("figure canvas").nth(1).focus()
    recording = widget.recordings[1]
    index = recording.days.index(6)
    frame = recording.frame(index)
    soma = frame.sertoli + frame.others
    row = next(
        row
        for row in range(soma, len(frame.step))
        if (told := recording.describe(index, row))["mother"] and told["born_day"] > 1
    )
    page.evaluate(f"(() => {{ const v = window.__tubule.view; v.take(1, v.arms[1].motion.b, {row}); }})()")
    page.locator(".tubule-panel").wait_for()
    button = page.get_by_role("button", name="Mother")
    name = button.inner_text().split()[1].rstrip(",")
    button.click()
    page.wait_for_function("window.__tubule.view.family && window.__tubule.day < 6")
    assert name in page.locator(".tubule-panel dl").inner_text()
    page.get_by_role("button", name="Daughter").first.wait_for()
    chosen = page.evaluate("(() => { const { chosen } = window.__tubule.view; return [chosen.low, chosen.high]; })()")
    assert f"{(chosen[1] << 32) + chosen[0]:016x}"[:8] == name


def test_the_panel_says_when_the_cell_is_not_there(page, widget):
    recording = widget.recordings[1]
    frame = recording.frame(2)
    row = next(
        row
        for row in range(frame.sertoli + frame.others, len(frame.step))
        if (recording.describe(2, row)["fate_day"] or 99) < 9
    )
    _go_to(page, 2)
    page.evaluate(f"(() => {{ const v = window.__tubule.view; v.take(1, v.arms[1].motion.b, {row}); }})()")
    page.locator(".tubule-panel").wait_for()
    missing = page.get_by_text("Not there on day 12.")
    assert not missing.count()
    page.locator(".tubule-scrub").fill("12")
    missing.wait_for()
    page.locator(".tubule-scrub").fill("2")
    missing.wait_for(state="detached")
    assert "day 2" in page.locator(".tubule-panel").inner_text()


@pytest.mark.slow
def test_a_picture_and_a_film_are_saved(page, tmp_path):
    _go_to(page, 12)
    with page.expect_download() as got:
        page.get_by_role("button", name="Picture").click()
    got.value.save_as(tmp_path / "picture.png")
    width, height = struct.unpack(">2I", (tmp_path / "picture.png").read_bytes()[16:24])
    assert got.value.suggested_filename == "testis_abm-day-12.png" and width > 2 * 1000 and height > 900
    page.get_by_label("Days a second").select_option("16")
    page.get_by_role("button", name="Film").click()
    page.wait_for_function("window.__tubule.day > 1")
    page.get_by_role("button", name="Cancel film").click()
    page.get_by_text("The film was cancelled.").wait_for()
    with page.expect_download(timeout=60_000) as got:
        page.get_by_role("button", name="Film", exact=True).click()
    got.value.save_as(tmp_path / "film.webm")
    assert (tmp_path / "film.webm").read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # EBML
    page.evaluate("delete window.MediaRecorder")
    page.get_by_role("button", name="Film", exact=True).click()
    assert "testis-abm export film" in page.locator(".tubule-status").inner_text()


def test_who_wants_little_motion_sees_whole_days(page):
    page.emulate_media(reduced_motion="reduce")
    page.evaluate("""() => {
        window.days = new Set(); const view = window.__tubule.view, paint = view.paint;
        view.paint = function (pane) { window.days.add(this.day); return paint.call(this, pane); };
    }""")
    page.locator(".tubule-scrub").fill("2")
    page.get_by_label("Days a second").select_option("8")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.__tubule.day >= 5")
    assert all(float(day).is_integer() for day in page.evaluate("[...window.days]"))


def test_it_fits_a_small_screen_and_follows_the_notebook(page):
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")
    page.evaluate("document.body.dataset.jpThemeLight = 'false'; window.__tubule.view.theme()")
    assert page.evaluate("document.querySelector('.tubule').classList.contains('night')")


def test_an_answer_is_as_long_as_what_was_asked_for(arms):
    assert len(answer(list(arms), {"key": arms[1].key, "days": [0, 1]})) == 8 + len(arms[1].link(0)) + len(
        arms[1].link(1)
    )
