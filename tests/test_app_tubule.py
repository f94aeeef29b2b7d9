"""The living cross-section: frames, what a click tells, and the page in a real browser."""

from __future__ import annotations

import json
import pickle
import re
import textwrap
from importlib.resources import files

import numpy as np
import pytest
from serving import serving

import testis_abm as ta
from testis_abm.biology import stages, steps
from testis_abm.parameters.tubules import HYALINISED as LOST
from testis_abm.pictures.packing import ROOM, Crowd, spread
from testis_abm.pictures.steps import slide
from testis_abm.testis.places import tubules_there

solara = pytest.importorskip("solara")

from testis_abm.app.tubule import Recording, TubuleView, make_tubule  # noqa: E402
from testis_abm.app.tubule.frame import EMPTY, HYALINISED, LEYDIG, REMOVED, SERTOLI, THERE, unpack  # noqa: E402
from testis_abm.app.tubule.lives import DIED, DIVIDED, RELEASED, RETAINED  # noqa: E402
from testis_abm.app.tubule.recording import follow  # noqa: E402
from testis_abm.app.tubule.widget import answer, clicked  # noqa: E402
from testis_abm.app.tubule.words import describe  # noqa: E402

SCENARIO = {
    "title": "Section",
    "tissue": {"tubules": 4, "rows": 1},
    "plan": {"baseline": "0 days", "duration": "60 days"},
}
DAYS = 40


@pytest.fixture(scope="module")
def settled():
    return ta.TestisModel(ta.load(SCENARIO), rng=1)


@pytest.fixture
def model(settled):
    return settled.branch()


def test_of_longer_tubules_the_middle_section_is_shown():
    model = ta.TestisModel({**SCENARIO, "tissue": {"tubules": 2, "rows": 3}}, rng=1)
    recording = Recording(model)
    for _ in range(3):
        model.step()
        recording.record()
    frame, cells = recording.frame(-1), model.agents_by_type
    germ, sertoli = cells[ta.GermCell], cells[ta.SertoliCell]
    shown = germ.select(lambda cell: cell.along == 1)
    assert 0 < len(shown) < len(germ)
    assert np.array_equal(frame.lineage[frame.step < steps.COUNT], shown.array("lineage"))
    at = np.concatenate([np.arange(26, 52), np.arange(104, 130)])
    assert np.array_equal(recording.section.niches, at) and (sertoli.array("along")[at] == 1).all()
    assert len(recording.section.sertoli_foot) == 52
    drawn = model.cross_section()
    assert len(drawn["germ_step"]) == len(drawn["germ_x"]) == len(shown) and len(drawn["sertoli_x"]) == 52
    assert 0 < len(drawn["leydig_x"]) < len(cells[ta.LeydigCell])


def test_a_cell_says_in_which_stage_its_niche_is(settled):
    model = settled.branch()
    recording = Recording(model)
    seen = []
    for _ in range(5):
        seen.append(model.stages()[:, 0].ravel())
        model.step()
        recording.record()
    for day in (0, 2, 4):
        frame, found = recording.frame(day), []
        for index in (*range(0, frame.sertoli, 7), len(frame.step) - 1):
            of = recording.describe(day, index)
            assert of["stage"] == stages.NAMES[seen[day][frame.place[index]] - 1]
            found.append(of["stage"])
        assert len(set(found)) > 2 and ("Stage of niche", found[-1]) in describe(of)["rows"]
    leydig = int(np.flatnonzero(frame.step == LEYDIG)[0])
    assert "stage" not in recording.describe(0, leydig)


@pytest.fixture(scope="module")
def recorded(settled):
    """Return a recording of all tubules and, for each day, what the tissue itself says happened and where its cells were."""
    model = settled.branch()
    recording, seen = Recording(model, tubules=4), []
    for _ in range(DAYS):
        model.step()
        recording.record()
        germ, events = model.tissue.columns.germ, model.tissue.events
        seen.append(
            (germ.compacted("lineage"), germ.compacted("step"), int(events.released.sum()), int(events.retained.sum()))
        )
    return recording, seen


# ---- frames


def test_a_frame_holds_the_columns(model):
    recording = Recording(model, tubules=4)
    model.step()
    recording.record()
    frame, cells = recording.frame(-1), model.agents_by_type
    germ, sertoli, leydig = cells[ta.GermCell], cells[ta.SertoliCell], cells[ta.LeydigCell]
    assert frame.day == model.day and recording.days == [0, 1]
    mine = frame.step < steps.COUNT
    assert np.array_equal(frame.lineage[mine], germ.array("lineage"))
    assert np.array_equal(frame.step[mine], germ.array("step_index"))
    assert np.array_equal(frame.clone[mine], model.tissue.columns.germ.compacted("clone"))
    assert np.allclose(frame.left[mine], germ.array("remaining_days"), atol=0.051)
    assert np.array_equal(frame.lineage[frame.step == SERTOLI], sertoli.array("lineage"))
    assert set(frame.lineage[frame.step == LEYDIG]) == set(leydig.array("lineage"))
    at = frame.place[mine]
    assert np.allclose(frame.levels[0, at], germ.array("testosterone_nmol_l"), rtol=1e-6)
    assert np.allclose(1e3 * frame.levels[1, at], germ.array("oestradiol_pmol_l"), rtol=1e-6)
    assert np.allclose(frame.levels[3, at], germ.array("er_alpha_signal"), rtol=1e-6)
    assert np.allclose(frame.levels[4, at], germ.array("er_beta_signal"), rtol=1e-6)
    assert np.allclose(frame.levels[2, : frame.sertoli], sertoli.array("androgen_signal"), rtol=1e-6)
    assert np.allclose(frame.by_step[0, frame.step[mine]], germ.array("aromatase"), rtol=1e-6)


def test_a_frame_is_the_same_after_its_bytes(recorded):
    recording, _ = recorded
    packed = recording.frames[3]
    assert len(packed) % 8 == 0 and len(packed) < 25 * len(recording.frame(3).step) + 20_000
    assert unpack(packed, recording.section.window).pack() == packed


def test_cells_lie_in_their_tubule_side_by_side(recorded):
    recording, _ = recorded
    frame, section = recording.frame(-1), recording.section
    germ = frame.step < steps.COUNT
    centre = section.centres[frame.place[germ] // 26]
    away = np.hypot(frame.x[germ] - centre[:, 0], frame.y[germ] - centre[:, 1])
    assert away.max() < section.radius and away.min() > 0.25 * section.radius
    assert away[frame.step[germ] <= steps.A_PALE].min() > 0.75 * section.radius
    gap = np.hypot(frame.x[germ][:, None] - frame.x[germ], frame.y[germ][:, None] - frame.y[germ])
    np.fill_diagonal(gap, np.inf)
    room = ROOM[frame.step[germ]]
    pressed = gap < 0.6 * (room[:, None] + room)
    assert pressed.any(axis=1).mean() < 0.12


def test_a_fixed_cell_stays_and_the_other_yields():
    place, one = np.array([[0.0, 50.0], [1.0, 50.0]]), np.ones(2)
    moved = spread(Crowd(place, 4 * one, 0 * one, np.array([True, False]), 0 * place, 0 * one, 90 * one), 40)
    assert (moved[0] == place[0]).all() and np.hypot(*(moved[1] - moved[0])) > 7.0


def test_fields_agree_with_the_levels_at_the_cells(recorded):
    recording, _ = recorded
    frame, tissue = recording.frame(-1), recording.model.tissue
    assert frame.testosterone.mean() == pytest.approx(tissue.testosterone.mean(), rel=0.12)
    assert frame.oestradiol.mean() == pytest.approx(tissue.oestradiol.mean(), rel=0.12)
    low, high = recording.ranges["testosterone"]
    assert low <= frame.testosterone.min() * 1.01 and frame.testosterone.max() <= high * 1.01


# ---- what became of whom


def test_every_cell_comes_from_somewhere(recorded):
    recording, _ = recorded
    for k in range(1, DAYS + 1):
        before, now = recording.frame(k - 1), recording.frame(k)
        soma, day = now.sertoli + now.others, recording.days[k]
        origin = recording.lives.ancestors(now.lineage[soma:], before.lineage[soma:], day - 1, day)
        assert (origin >= 0).all()


def test_ends_are_those_that_the_tissue_counts(recorded):
    recording, seen = recorded
    for (_, _, fate), (_, _, released, retained) in zip(recording.lives.ends, seen, strict=True):
        # One that dies on its last day may be told as released or retained.
        assert 0 <= (fate == RELEASED).sum() - released <= 1 and 0 <= (fate == RETAINED).sum() - retained <= 1
    fates = np.concatenate([fate for _, _, fate in recording.lives.ends])
    assert (fates == DIED).any() and (fates == DIVIDED).any()


def _cell(recording, fate, index=2):
    """Return the row in frame `index` of a germ cell that ends so."""
    frame = recording.frame(index)
    for row in range(frame.sertoli + frame.others, len(frame.step)):
        went = recording.lives.end(int(frame.lineage[row]))
        if went is not None and went[1] == fate:
            return row, int(frame.lineage[row]), went[0]
    raise AssertionError("no such cell")


def test_a_click_tells_state_and_fate(recorded):
    recording, _ = recorded
    row, lineage, day = _cell(recording, RELEASED)
    told_of = recording.describe(2, row)
    assert told_of["lineage"] == str(lineage) and told_of["kind"] == "germ" and told_of["day"] == recording.days[2]
    assert (told_of["fate"], told_of["fate_day"]) == ("released", day)
    assert told_of["step"] in steps.NAMES and 0 <= told_of["left_days"] < 20
    assert json.loads(json.dumps(told_of)) == told_of
    assert any("released as sperm" in line for line in describe(told_of)["story"])


def test_a_divided_cell_knows_its_daughters_and_they_their_mother(recorded):
    recording, _ = recorded
    row, lineage, day = _cell(recording, DIVIDED)
    daughters = recording.describe(2, row)["daughters"]
    assert daughters  # two, and more of a stem cell that renewed before
    index = recording.days.index(day)
    frame = recording.frame(index)
    at = np.flatnonzero(frame.lineage == np.uint64(int(daughters[0]["lineage"])))
    if len(at):  # unless she divided within the day too
        assert recording.describe(index, int(at[0]))["mother"] == str(lineage)


def test_the_soma_is_told_too(recorded):
    recording, _ = recorded
    sertoli, leydig = recording.describe(0, 0), recording.describe(0, recording.frame(0).sertoli)
    assert sertoli["kind"] == "sertoli" and sertoli["androgen_signal"] > 0
    assert leydig["kind"] == "leydig" and leydig["androgen_signal"] is None and leydig["testosterone_nmol_l"] > 0
    assert describe(leydig)["title"] == "Leydig cell"
    with pytest.raises(IndexError, match="cells 0 to"):
        recording.describe(0, 10**6)


# ---- memory


def test_a_full_recording_halves_its_rate(model):
    recording = Recording(model, megabytes=0.3, tubules=2)
    for _ in range(30):
        model.step()
        recording.record()
    assert sum(len(frame) for frame in recording.frames) <= 0.3e6
    gaps = set(np.diff(recording.days))
    assert recording.every > 1 and gaps == {recording.every}
    assert recording.days[0] == 0
    assert [day for day, _, _ in recording.lives.ends] == list(range(1, 31))  # births and deaths are noted every day


def test_thinned_frames_are_still_tied(model):
    recording = Recording(model, every=4, tubules=2)
    for _ in range(12):
        model.step()
        recording.record()
    assert recording.days == [0, 4, 8, 12]
    before, now = recording.frame(1), recording.frame(2)
    soma = now.sertoli + now.others
    assert (recording.lives.ancestors(now.lineage[soma:], before.lineage[soma:], 4, 8) >= 0).all()
    assert len(recording.link(2)) % 8 == 0


@pytest.mark.parametrize("wrong", [{"every": 0}, {"tubules": 0}, {"tubules": 5}, {"megabytes": 0}])
def test_a_recording_refuses_what_cannot_be(model, wrong):
    with pytest.raises(ta.TestisError):
        Recording(model, **wrong)


# ---- the component


def test_a_page_gets_only_what_there_is(recorded):
    recording, _ = recorded
    good = answer([recording], {"key": recording.key, "days": [3, 4, 999]})
    assert len(good) == 8 + len(recording.link(3)) + len(recording.link(4))
    for bad in ({}, {"key": "x"}, {"key": recording.key, "days": "../etc"}, {"key": recording.key, "days": [None, {}]}):
        assert len(answer([recording], bad)) == 8
    assert clicked([recording], {"key": recording.key, "day": 3, "index": -1}) is None
    assert clicked([recording], {"key": recording.key, "day": "now", "index": 1}) is None
    assert clicked([recording], {"key": recording.key, "day": 3, "index": 5})["day"] == 3


def test_a_followed_model_records_itself_and_can_still_be_copied(model):
    recording = follow(model, tubules=1)
    assert follow(model) is recording
    model.run_for(3)
    assert recording.days == [0, 1, 2, 3]
    branch = pickle.loads(pickle.dumps(model.branch()))
    branch.run_for(2)
    assert follow(branch).days == [0, 1, 2, 3, 4, 5] and recording.days == [0, 1, 2, 3]


def test_mesa_is_given_a_component(model):
    component = make_tubule(tubules=1)
    _, context = solara.render(component(model), handle_error=False)
    model.step()
    assert follow(model).days == [0, 1] and len(follow(model).listeners) == 1
    context.close()
    assert not follow(model).listeners


def test_a_view_shows_two_arms(recorded):
    recording, _ = recorded
    element, context = solara.render(TubuleView(recording, recording), handle_error=False)
    (widget,) = element.children
    assert widget.recordings == (recording, recording) and len(widget.names) == 2
    context.close()


# ---- the page

_PAGE = """
    import solara, testis_abm as ta
    from mesa.visualization import SolaraViz
    from testis_abm.app.model_charts import make_charts
    from testis_abm.app.tubule import Recording, TubuleView, make_tubule

    plan = {"title": "Page", "tissue": {"tubules": 3}, "plan": {"baseline": "0 days", "duration": "12 days"},
            "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "from": "day 0", "until": "day 12"}]}
    arms = []
    for treated in (True, False):
        model = ta.TestisModel(ta.load(plan), rng=1, treated=treated)
        arms.append(Recording(model))
        for _ in range(12):
            model.step()
            arms[-1].record()

    @solara.component
    def Page():
        TubuleView(*arms)

    @solara.component
    def Mesa():
        model = solara.use_memo(lambda: ta.TestisModel(ta.load(plan), rng=1), [])
        SolaraViz(model, components=[make_tubule(model), make_charts("hormones"), make_charts("semen")], name="A testis")

    routes = [solara.Route("/", component=Page), solara.Route("mesa", component=Mesa)]
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    page = folder / "page.py"
    page.write_text(textwrap.dedent(_PAGE), encoding="utf-8")
    with serving(folder / "log", "-m", "solara", "run", str(page), "--no-open", "--production") as url:
        yield url


def test_the_looks_of_cells_are_said_once():
    """The slide of the browser and that of the pictures had drifted apart."""
    folder = files("testis_abm.app.tubule")
    drawn = "".join(
        of.read_text(encoding="utf-8") for of in folder.iterdir() if of.name.endswith((".js", ".css"))
    ).lower()
    looks = slide()
    colours = [of[part] for of in looks["cells"] for part in ("fill", "edge")] + list(looks["stain"].values())
    assert [of for of in colours if of.lower() in drawn] == []
    assert [of["name"] for of in looks["cells"] if of["name"] in drawn] == []
    assert len(looks["cells"]) == steps.COUNT + 2 and len(looks["cells"]) == len(ROOM)


@pytest.fixture
def page(browser, address):
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    outside = []
    page.on(
        "request",
        lambda request: (
            outside.append(request.url)
            if "//localhost:" not in request.url and request.url.startswith("http")
            else None
        ),
    )
    page.goto(address)
    page.wait_for_function("window.__tubule && window.__tubule.cells > 1000", timeout=90_000)
    yield page
    assert not faults and not outside
    page.close()


def test_the_browser_draws_the_looks_of_the_pictures(page):
    looks = slide()
    assert page.evaluate("window.__tubule.view.draw.LOOKS") == looks["cells"]
    assert page.evaluate("window.__tubule.view.draw.NAMES") == [of["name"] for of in looks["cells"]]
    light, dark = (page.evaluate(f"window.__tubule.view.draw.{tone}") for tone in ("LIGHT", "DARK"))
    assert looks["stain"].items() <= light.items() and dark.keys() == light.keys()


@pytest.mark.slow
def test_the_rings_of_the_slide_are_the_stages_of_its_niches(page):
    """The page moves the clock by itself; what it is told of a cell comes from the model."""
    page.evaluate("window.__tubule.view.playing = false")
    shown = page.evaluate("""() => {
        const view = window.__tubule.view, section = view.arms[0].section, days = [0, 5, 11, 16];
        return days.map((day) => [...section.turned.keys()].map((niche) => view.draw.stageOf(section, niche, day)));
    }""")
    share = np.bincount(np.concatenate(shown[:3]), minlength=6) / np.size(shown[:3])
    assert share == pytest.approx(np.array([4.8, 3.1, 1.0, 1.2, 5.0, 0.8]) / 15.9, abs=0.15)
    assert shown[0] == shown[3] and shown[0] != shown[1]
    before = page.locator("figure canvas").first.screenshot()
    page.get_by_label("Stages", exact=True).uncheck()
    page.wait_for_timeout(300)
    assert page.locator("figure canvas").first.screenshot() != before
    assert not page.get_by_label("Stages of the cycle, as rings").is_visible()


def _probe(page, name):
    return page.evaluate(f"window.__tubule.{name}")


def test_the_slide_shows_both_arms_and_plays(page):
    assert page.locator("figure canvas").count() == 2
    assert page.locator("figcaption").all_inner_texts() == ["Treated", "Untreated control"]
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("window.__tubule.day > 1.5 && window.__tubule.fps > 0", timeout=60_000)
    print(f"{_probe(page, 'fps'):.0f} frames a second, {_probe(page, 'cells')} cells")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Pause").click()
    assert not page.evaluate("window.__tubule.view.playing")


def test_scrubbing_changes_the_day_of_both(page):
    page.locator(".tubule-scrub").fill("4")
    page.wait_for_function("window.__tubule.day === 4")
    assert page.locator(".tubule-day").inner_text() == "day 4"
    page.locator("figure canvas").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("window.__tubule.day === 5")
    page.wait_for_function("window.__tubule.view.arms.every(arm => arm.motion && arm.motion.b.day === 5)")


def test_a_click_opens_the_panel_of_the_cell_and_escape_closes_it(page):
    page.locator(".tubule-scrub").fill("2")
    page.wait_for_function("window.__tubule.view.arms[1].motion.b.day === 2")
    # In one go: what comes later moves the picture.
    x, y = page.evaluate("""() => {
        const v = window.__tubule.view, m = v.arms[1].motion, i = m.n - 1, box = v.panes[1].canvas.getBoundingClientRect();
        return [box.left + box.width / 2 + (m.x1[i] - v.view.x) * v.view.k, box.top + box.height / 2 - (m.y1[i] - v.view.y) * v.view.k];
    }""")
    page.mouse.click(x, y)
    panel = page.locator(".tubule-panel")
    panel.wait_for(timeout=20_000)
    assert "spermatid" in panel.inner_text() and "day 2" in panel.inner_text() and "Lineage" in panel.inner_text()
    page.keyboard.press("Escape")
    panel.wait_for(state="detached", timeout=20_000)


def test_colours_fields_and_night_are_drawn(page):
    picture = "document.querySelector('figure canvas').toDataURL()"
    before = page.evaluate(picture)
    page.get_by_label("Colour of the cells").select_option("er_beta_signal")
    page.get_by_label("Field over the tissue").select_option("ratio")
    page.wait_for_function("document.querySelectorAll('.tubule-scale').length === 2")
    page.wait_for_timeout(200)
    coloured = page.evaluate(picture)
    page.emulate_media(color_scheme="dark")
    page.wait_for_function("document.querySelector('.tubule').classList.contains('night')")
    page.wait_for_timeout(200)
    assert len({before, coloured, page.evaluate(picture)}) == 3
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")


def test_mesa_shows_the_components_and_steps_its_model(browser, address):
    page = browser.new_page(viewport={"width": 1200, "height": 800})
    page.goto(f"{address}/mesa")
    page.wait_for_function("window.__tubule && window.__tubule.cells > 500", timeout=90_000)
    assert page.locator("figure canvas").count() == 1
    chart = page.get_by_role("img", name="Testosterone:")
    assert " on day 0" in chart.first.get_attribute("aria-label")  # the morning from which he starts
    page.get_by_role("button", name="Step").click()
    page.wait_for_function("window.__tubule.view.last === 1", timeout=30_000)
    page.get_by_role("img", name=re.compile("^Testosterone: (un)?treated from .* on day 1")).wait_for()
    page.close()


# ---- what is not there


def test_a_frame_says_what_is_left_of_tubules_niches_and_cells():
    """Two tubules in four are hyalinised; the left testis, half of them, goes on day 2; irradiation has emptied nothing yet."""
    plan = {
        "man": {"preset": "fertile", "hyalinised_tubules": 0.5},
        "tissue": {"tubules": 4, "rows": 1, "sertoli_per_tubule": 12},
        "plan": {"baseline": "0 days", "duration": "4 days"},
        "insult": [{"kind": "orchiectomy", "side": "left", "day": "day 2"}],
    }
    model = ta.TestisModel(ta.load(plan), rng=1)
    recording = Recording(model)
    for _ in range(3):
        model.step()
        recording.record()
    before, after = recording.frame(0), recording.frame(3)
    lost = (model.tissue.columns.sertoli.state[:: model.tissue.geometry.sertoli_per_tubule] == LOST).astype(int)
    gone = ~tubules_there(model.tissue)
    assert lost.sum() == 2 and gone.sum() == 2
    assert before.tubule.tolist() == [HYALINISED if one else THERE for one in lost]
    assert after.tubule.tolist() == [REMOVED if away else one for away, one in zip(gone, before.tubule)]
    assert recording.tubules == after.tubule.tolist()
    for frame in (before, after):
        home = frame.place[: frame.sertoli] // recording.model.tissue.geometry.around
        assert (frame.present[: frame.sertoli] == (frame.tubule[home] == THERE)).all()
        germ_home = frame.place[frame.sertoli + frame.others :] // recording.model.tissue.geometry.around
        assert (frame.tubule[germ_home] == THERE).all(), "a tubule that is not there has no cells"
        assert (frame.niche[frame.tubule[home] != THERE] == EMPTY).all()
        counts = np.bincount(frame.place[frame.sertoli + frame.others :], minlength=frame.sertoli)
        assert ((frame.niche == EMPTY) == (counts[: frame.sertoli] == 0)).all()
    leydig = slice(after.sertoli, None)
    assert before.present[leydig].all() and 0 < after.present[leydig].sum() < after.others
    assert 0 < after.interstice.sum() < len(after.interstice)
    empty = int(np.flatnonzero(after.niche == EMPTY)[0])
    assert recording.describe(3, empty)["stage"] == "none: no germ cells"


def test_the_browser_draws_only_what_is_there(page):
    """Cells of tubules that are gone are in no motion, and rings of empty niches have no stage's colour."""
    page.evaluate("window.__tubule.view.playing = false")
    drawn = page.evaluate("""() => {
        const { draw, arms } = window.__tubule.view, arm = arms[0], frame = [...arm.frames.values()][0];
        const all = draw.motion(frame, frame, arm.section).n;
        const gone = { ...frame, tubule: frame.tubule.map((_, k) => (k === 0 ? draw.REMOVED : draw.HYALINISED)) };
        gone.present = frame.present.map(() => 0);
        const some = draw.motion(gone, gone, arm.section);
        const said = [], colours = [];
        const g = new Proxy({}, {
          get: (_, name) => name === "fillText" ? (word) => said.push(word) : name === "stroke" ? () => colours.push(g_stroke.now) : () => {},
          set: (_, name, value) => { if (name === "strokeStyle") g_stroke.now = value; return true; },
        }), g_stroke = { now: "" };
        draw.paintTissue(g, arm.section, draw.LIGHT, { x: 0, y: 0, width: 1, height: 1 }, gone);
        const none = { ...frame, niche: frame.niche.map(() => 1) };
        colours.length = 0;
        draw.paintStages(g, arm.section, 0, none);
        const rings = [...new Set(colours)];
        colours.length = 0;
        draw.paintStages(g, arm.section, 0, gone);
        return { all, soma: frame.soma, shown: some.n, said, rings, left: colours.length, grey: draw.NO_STAGE[0].colour };
    }""")
    assert drawn["all"] - drawn["shown"] == drawn["soma"] > 0
    assert drawn["said"].count("removed") == 1 and set(drawn["said"]) <= {"removed", "hyalinised"}
    assert drawn["rings"] == [drawn["grey"]] and drawn["left"] == 0


def test_the_slide_on_paper_draws_scars_in_their_place_too():
    import matplotlib.pyplot as plt
    from matplotlib.colors import Normalize

    from testis_abm.pictures import micrograph
    from testis_abm.pictures.view import View

    man = {"preset": "fertile", "hyalinised_tubules": 0.5}
    model = ta.TestisModel(ta.load({**SCENARIO, "man": man}), rng=1)
    section = model.cross_section()
    scarred = micrograph.hyalinised(section)
    per = model.tissue.geometry.sertoli_per_tubule
    assert scarred.tolist() == (model.tissue.columns.sertoli.state[::per] == LOST).tolist() and scarred.sum() == 2
    assert not micrograph.hyalinised(ta.TestisModel(ta.load(SCENARIO), rng=1).cross_section()).any()
    figure, axes = plt.subplots()
    view = View.of(section, 2.0)
    micrograph.draw_section(axes, section, view, section["field_testosterone"], Normalize(), "viridis")
    assert {text.get_text() for text in axes.texts} == {"hyalinised"}
    plt.close(figure)
