"""A saved, loaded or branched man goes on as the unbroken one would; a bad file is refused and never runs code."""

from __future__ import annotations

import io
import json
import math
import pickle
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import mesa
import numpy as np
import pytest
from mesa.time import Schedule
from small_tissue import assert_same

from testis_abm import GermCell, TestisError, TestisModel, load, parameters
from testis_abm.agents import checkpoint
from testis_abm.support import arrays as sealed

CASE = {
    "title": "to be continued",
    "tissue": {"tubules": 2, "sertoli_per_tubule": 10},
    "plan": {"baseline": "5 days", "duration": "60 days", "seed": 4},
    "therapy": [
        {"drug": "anastrozole", "dose": "1 mg", "every": "1 day", "until": "day 25"},
        {"drug": "testosterone_pellets", "dose": "400 mg", "from": "day 10"},
    ],
    "samples": {"semen": {"every": "10 days"}, "blood": ["day 20", "day 40"], "biopsy": ["day 30"]},
}


class Heated(TestisModel):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.modify("heat", "pachytene_hazard", added=lambda model: 0.5 if model.day > 8 else 0.0)


def model(engine="compiled", kind=TestisModel):
    return kind(load(CASE), rng=9, engine=engine)


def same_course(one, other):
    assert (one.day, one.time, one.running) == (other.day, other.time, other.running)
    for name, rows in one.records.items():
        assert len(rows) == len(other.records[name]), name
        for left, right in zip(rows, other.records[name], strict=True):
            pairs = zip(left, right, strict=True)
            assert all(a == b or (math.isnan(a) and math.isnan(b)) for a, b in pairs), name
    assert_same(one.tissue, other.tissue)
    assert one.body.state == other.body.state
    assert one.rng.bit_generator.state == other.rng.bit_generator.state
    assert one.random.getstate() == other.random.getstate()


@pytest.mark.parametrize("engine", ["compiled", "reference"])
@pytest.mark.parametrize("days", [0, 18])
def test_a_loaded_man_goes_on_as_the_unbroken_one(tmp_path, engine, days):
    unbroken = model(engine)
    if days:
        unbroken.run_for(days)
    loaded = TestisModel.load(unbroken.save(tmp_path / "man.npz"))
    branched = unbroken.branch()
    for one in (unbroken, loaded, branched):
        one.run_for(15)
    again = TestisModel.load(loaded.save(tmp_path / "man.npz"))
    for one in (unbroken, loaded, branched, again):
        one.run_for(12)
    for other in (loaded, branched, again):
        same_course(unbroken, other)


def test_a_man_who_comes_of_age_goes_on_where_he_was(tmp_path):
    case = {
        **CASE,
        "man": {"preset": "congenital_hypogonadotropic"},
        "therapy": [{"drug": "hcg", "dose": "1500 IU", "every": "3 days"}],
    }
    unbroken = TestisModel(load(case), rng=9)
    unbroken.run_for(30)
    loaded = TestisModel.load(unbroken.save(tmp_path / "man.npz"))
    branch = unbroken.branch()
    for man in (unbroken, loaded, branch):
        man.run_for(20)
    assert unbroken.maturity[0] > 0.05
    same_course(unbroken, loaded)
    same_course(unbroken, branch)


@pytest.mark.parametrize("engine", ["compiled", "reference"])
def test_a_man_goes_on_from_within_a_day(tmp_path, engine):
    unbroken = model(engine)
    unbroken.run_for(2.5)
    men = [unbroken, TestisModel.load(unbroken.save(tmp_path / "man.npz")), unbroken.branch()]
    for days in (0.9, 3, 0.25):
        for one in men:
            one.run_for(days)
        same_course(men[0], men[1])
        same_course(men[0], men[2])
    assert [getattr(one, "steps", None) for one in men] == [getattr(unbroken, "steps", None)] * 3


class Copied(TestisModel):
    """Saves, branches and pickles itself after each day, and on an event between two days."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.copies = {}

    def step(self):
        super().step()
        self.copy()

    def copy(self):
        kept, self.copies = self.copies, {}
        place = self.folder / f"{self.time}.npz"
        kept[self.time] = self.save(place), self.branch(), pickle.loads(pickle.dumps(self))
        self.copies = kept


def test_a_man_copies_himself_within_a_step_or_an_event(tmp_path):
    unbroken, Copied.folder = model(kind=Copied), tmp_path
    unbroken.run_for(4)
    unbroken.schedule_event(unbroken.copy, at=4.5)
    unbroken.run_for(3)
    assert list(unbroken.copies) == [1.0, 2.0, 3.0, 4.0, 4.5, 5.0, 6.0, 7.0]
    for saved_at, (place, *others) in list(unbroken.copies.items()):
        for other in (TestisModel.load(place), *others):
            assert other.time == saved_at and other.pending_events() == 0
            other.copy = lambda: None
            if saved_at < 7.0:
                other.run_for(7.0 - saved_at)
                same_course(unbroken, other)
            other.run_for(2)
            assert other.day == unbroken.day + 2


def test_a_day_that_is_not_over_cannot_be_copied(tmp_path):
    class Early(TestisModel):
        def step(self):
            for attempt in (self.branch, lambda: self.save(tmp_path / "x.npz"), lambda: pickle.dumps(self)):
                with pytest.raises(TestisError, match=r"day -5 is not over.* do it after super\(\)\.step\(\)"):
                    attempt()
            super().step()

    one = Early(load(CASE), rng=9)
    one.step()
    assert one.day == -4 and not list(tmp_path.iterdir())


def test_a_recurring_event_is_still_to_come_while_it_runs(tmp_path):
    one, told = model(), []

    def tick():
        with pytest.raises(TestisError, match="1 scheduled events still to come"):
            one.save(tmp_path / "x.npz")
        told.append(one.branch())

    one.schedule_recurring(tick, Schedule(interval=2.0, start=1.5, count=3))
    one.run_for(2)
    told[0].run_for(4)
    assert len(told) == 3 and told[0].pending_events() == 0


def test_a_branch_shares_nothing():
    one = model()
    one.run_for(3)
    other = one.branch()
    other.modify("arrest", "secondary_spermatocyte_hazard", added=9.0)
    before = one.tissue.columns.germ.compacted("lineage")
    other.run_for(30)
    assert np.array_equal(before, one.tissue.columns.germ.compacted("lineage"))
    one.run_for(30)
    assert other.tissue.counts()[9] < one.tissue.counts()[9]


def test_modifiers_come_back_with_their_class(tmp_path):
    unbroken = model(kind=Heated)
    unbroken.run_for(12)
    path = unbroken.save(tmp_path / "heated.npz")
    with pytest.raises(TestisError, match=r"heated\.npz.*'heat'.*class that adds them"):
        TestisModel.load(path)
    loaded = Heated.load(path)
    for one in (unbroken, loaded):
        one.run_for(10)
    same_course(unbroken, loaded)


def test_a_modifier_that_was_deleted_stays_so(tmp_path):
    unbroken = model(kind=Heated)
    unbroken.modify("cold", "pachytene_hazard", factor=0.5)
    unbroken.modify("frost", "pachytene_hazard", factor=0.3)
    del unbroken.modifiers["heat"], unbroken.modifiers["cold"]
    unbroken.modify("cold", "pachytene_hazard", factor=0.5)
    unbroken.run_for(2)

    class Frozen(Heated):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            self.modify("cold", "pachytene_hazard", factor=0.5)
            self.modify("frost", "pachytene_hazard", factor=0.3)

    with pytest.warns(UserWarning, match=r"man\.npz: saved without the modifiers 'heat', which Frozen adds"):
        loaded = Frozen.load(unbroken.save(tmp_path / "man.npz"))
    assert list(loaded.modifiers) == list(unbroken.modifiers) == ["frost", "cold"]


def test_what_a_file_cannot_hold_is_refused(tmp_path):
    one = model()
    one.schedule_event(one.run_model, at=30.0)
    with pytest.raises(TestisError, match="1 scheduled events still to come"):
        one.save(tmp_path / "x.npz")
    other = model()
    mesa.Agent(other)
    with pytest.raises(TestisError, match=r"agents of your own \(Agent\)"):
        other.save(tmp_path / "x.npz")
    with pytest.raises(TestisError, match="drugs of your own"):
        TestisModel(one.case, drugs=dict(parameters.drugs())).save(tmp_path / "x.npz")
    assert list(tmp_path.iterdir()) == []


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    one = model()
    path = one.save(tmp_path / "man.npz")
    before = path.read_bytes()
    monkeypatch.setattr(np, "savez", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(TestisError, match=r"man\.npz: cannot be written: the disk is full; nothing was saved"):
        one.save(path)
    assert path.read_bytes() == before and list(tmp_path.iterdir()) == [path]
    with pytest.raises(TestisError, match="cannot be written"):
        one.save(Path("/proc/nowhere/man.npz"))
    with pytest.raises(TestisError, match="is a folder; name a file in it"):
        one.save(".")
    for call in (one.save, TestisModel.load):
        with pytest.raises(TestisError, match="checkpoint: None is not a path"):
            call(None)


def rewritten(path, change):
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files}
    change(arrays)
    state = json.loads(arrays["state"].tobytes())
    if isinstance(state, dict):  # with checksums that agree, so that what they cannot tell is looked for
        state.pop("sha256", None)
        del arrays["state"]
        sealed.write(path, arrays, state)
    else:
        np.savez(path, **arrays)
    return path


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    one = model()
    one.run_for(8)
    return one.save(tmp_path_factory.mktemp("saved") / "man.npz").read_bytes()


@pytest.fixture
def path(tmp_path, saved):
    place = tmp_path / "man.npz"
    place.write_bytes(saved)
    return place


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_cut_file_is_refused(path, saved, share):
    path.write_bytes(saved[: int(share * len(saved))])
    with pytest.raises(TestisError, match=r"man\.npz: not a checkpoint of testis_abm, or damaged"):
        TestisModel.load(path)


def test_another_files_bytes_are_refused(path, tmp_path):
    with pytest.raises(TestisError, match="there is no such file"):
        TestisModel.load(tmp_path / "none.npz")
    for content in (b"hello", np.random.default_rng(0).bytes(5000), b"PK\x03\x04" + bytes(100)):
        path.write_bytes(content)
        with pytest.raises(TestisError, match="not a checkpoint"):
            TestisModel.load(path)


class Trap:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return Path.touch, (self.place,)


def test_no_code_runs_on_loading(path, tmp_path):
    sprung = tmp_path / "sprung"
    path.write_bytes(pickle.dumps(Trap(sprung)))
    with pytest.raises(TestisError, match="not a checkpoint"):
        TestisModel.load(path)
    buffer = io.BytesIO()
    np.save(buffer, np.array([Trap(sprung)], dtype=object), allow_pickle=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("state.npy", buffer.getvalue())
    with pytest.raises(TestisError, match="not a checkpoint"):
        TestisModel.load(path)
    assert not sprung.exists()


def put(name, at, value):
    def change(arrays):
        arrays[name].flat[at] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("germ.niche", 0, 200), "its cells lie outside the tissue"),
        (put("germ.step", 1, 200), "its cells lie outside the tissue"),
        (put("germ.count", 0, 10**6), "its cells lie outside the tissue"),
        (put("germ.start", 0, -5), "its cells lie outside the tissue"),
        (put("leydig.corner", 0, 99), "its cells lie outside the tissue"),
        (lambda arrays: arrays.pop("germ.ends"), "damaged"),
        (lambda arrays: arrays.pop("sertoli.rates"), "damaged"),
        (lambda arrays: arrays.update({"sertoli.fsh": arrays["sertoli.fsh"][:-1]}), r"sertoli\.fsh is float64\(59,\)"),
        (lambda arrays: arrays.update({"germ.ends": arrays["germ.ends"][:-1]}), "its cells lie outside"),
        (lambda arrays: arrays.update({"state": np.frombuffer(b"[1]", np.uint8)}), "its state is no table"),
        (lambda arrays: arrays.update({"state": np.frombuffer(b"{}", np.uint8)}), "saved by testis_abm None"),
        *[
            (lambda arrays, name=name: arrays.update({name: arrays[name][..., :-1]}), rf"{name} is [a-z0-9]+\(")
            for name in (
                "body.state",
                "body.means",
                "body.depot",
                "body.central",
                "model.flux",
                "tract.state",
                "tract.store",
                "model.report",
                "events.deaths",
                "events.released",
                "levels.sources",
                "sertoli.counts",
            )
        ],
        *[
            (lambda arrays, name=name: arrays.update({name: arrays[name].astype(np.float32)}), rf"{name} is float32")
            for name in ("body.state", "model.flux", "events.deaths")
        ],
        *[
            (put(name, 0, math.nan), f"damaged: .*{said}")
            for name, said in {
                "body.state": "no finite number",
                "body.means": "no finite number",
                "tract.state": "no finite number",
                "model.report": "no finite number",
                "safety.haematocrit": "no finite number",
                "sertoli.rates": "no finite number",
                "model.flux": "no finite number",
                "germ.ends": "germ.ends",
                "germ.threshold": "germ.threshold",
                "germ.share": "germ.share",
            }.items()
        ],
        *[
            (put(name, 0, -1), f"damaged: {said}")
            for name, said in {
                "sertoli.gathered": "sertoli.gathered holds a negative number",
                "germ.ends": "germ.ends lie in the past",
                "sertoli.androgen": "sertoli.androgen holds a negative",
                "tract.state": "tract.state holds a negative",
                "tract.store": "tract.store holds a negative",
                "sertoli.rates": "sertoli.rates holds a negative",
                "germ.threshold": "germ.threshold or germ.share are negative",
                "levels.testosterone": "levels.testosterone",
            }.items()
        ],
        (put("sertoli.counts", 0, 65535), "sertoli.counts do not agree with its germ cells"),
        (put("germ.step", 0, 5), "sertoli.counts do not agree with its germ cells"),
    ],
)
def test_a_damaged_array_is_told(path, change, said):
    with pytest.raises(TestisError, match=said):
        TestisModel.load(rewritten(path, change))


def test_a_flipped_bit_is_told_wherever_it_matters(path, saved):
    """Bits of the zip's own bookkeeping that nobody reads (times, say) may differ: then the same man is loaded."""
    whole = TestisModel.load(path)
    told = 0
    for at in np.random.default_rng(5).integers(0, 8 * len(saved), 60).tolist():
        harmed = bytearray(saved)
        harmed[at // 8] ^= 1 << at % 8
        path.write_bytes(harmed)
        try:
            same_course(TestisModel.load(path), whole)
        except TestisError as error:
            assert "\n" not in str(error)
            told += 1
    assert told > 50


def test_no_bit_of_the_bookkeeping_is_a_surprise(tmp_path):
    """Every bit of a small archive: the zip's own tables, numpy's headers, state and numbers."""
    place = tmp_path / "small.npz"
    sealed.write(place, {"x": np.arange(3.0)}, {"format": 1})
    whole = place.read_bytes()
    told = 0
    for at in range(8 * len(whole)):
        harmed = bytearray(whole)
        harmed[at // 8] ^= 1 << at % 8
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = sealed.Archive(io.BytesIO(harmed)).arrays()
            assert found["x"].tolist() == [0.0, 1.0, 2.0]
        except sealed.FAULTS:
            told += 1
    assert told > 4 * len(whole)


@pytest.mark.parametrize(
    "text", [b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b"[]", b"\xff"], ids=lambda of: repr(of[:12])
)
def test_a_state_of_any_json_is_told_in_a_line(tmp_path, text):
    np.savez(tmp_path / "man.npz", state=np.frombuffer(text, dtype=np.uint8))
    with pytest.raises(TestisError, match=r"man\.npz: .*damaged") as told:
        TestisModel.load(tmp_path / "man.npz")
    assert "\n" not in str(told.value) and len(str(told.value)) < 1500


def bomb(path, shape, content, kind=zipfile.ZIP_STORED):
    """Add an array to a checkpoint whose header promises `shape`."""
    with np.load(path) as file:
        arrays = {name: file[name].copy() for name in file.files}
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    del arrays["model.flux"]
    np.savez(path, **arrays)
    with zipfile.ZipFile(path, "a", kind) as archive, archive.open("model.flux.npy", "w") as member:
        member.write(header.getvalue())
        for _ in range(content // 10**6):
            member.write(bytes(10**6))


@pytest.mark.parametrize(
    ("shape", "content", "kind"),
    [
        ((10**12, 3), 0, zipfile.ZIP_STORED),
        ((125 * 10**5,), 10**8, zipfile.ZIP_DEFLATED),
        ((125 * 10**5,), 10**8, zipfile.ZIP_STORED),
        ((-1, -3), 0, zipfile.ZIP_STORED),
    ],
    ids=["a header of terabytes", "zeros in a small zip", "more than the tissue holds", "a negative shape"],
)
def test_no_file_fills_the_memory(path, shape, content, kind):
    bomb(path, shape, content, kind)
    tracemalloc.start()
    with pytest.raises(TestisError, match=r"man\.npz: .*(of the size that it promises|compressed|more than a tissue)"):
        TestisModel.load(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * 10**7


def test_only_a_checkpoint_is_replaced(tmp_path):
    one, thesis = model(), tmp_path / "thesis.txt"
    thesis.write_text("years of work")
    with pytest.raises(TestisError, match="exists and is no checkpoint"):
        one.save(thesis)
    assert thesis.read_text() == "years of work"
    with pytest.raises(TestisError, match="is a device or a pipe"):
        one.save("/dev/null")


def restated(path, change):
    def rewrite(arrays):
        state = json.loads(arrays["state"].tobytes())
        change(state)
        arrays["state"] = np.frombuffer(json.dumps(state).encode(), np.uint8)

    return rewritten(path, rewrite)


@pytest.mark.parametrize(
    "key",
    [
        "scenario",
        "seed",
        "treated",
        "engine",
        "records",
        "time",
        "next_step",
        "rng",
        "random",
        "modifiers",
        "scalars",
        "now",
    ],
)
def test_a_missing_or_wrong_word_of_the_state_is_told(path, saved, key):
    for change in (lambda state: state.pop(key), lambda state: state.update({key: "?"})):
        path.write_bytes(saved)
        with pytest.raises(TestisError, match=r"man\.npz: damaged: .*; save it again|engine: .* is not one of"):
            TestisModel.load(restated(path, change))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda state: state["records"].pop("semen"), "semen"),
        (lambda state: state["scalars"].pop("day"), "day"),
        (lambda state: state.update(next_step=-5.0), "next_step -5.0 does not follow time 8.0"),
        (lambda state: state.update(now=5000.0), "germ.ends lie in the past"),
        (lambda state: state.update(now=1e7), "now is 10000000.0, not a number from 0 to 100000"),
        (lambda state: state.update(now=-5.0), "now is -5.0"),
        (lambda state: state["scalars"].update(day=10**9), "day is 1000000000, not a number from -5 to"),
        (lambda state: state["scalars"].update(day=-6), "day is -6, not a number from -5"),
        (lambda state: state["scalars"].update(day=50), "day 50 is not that of time 8.0"),
        (lambda state: state["scalars"].update(engine_seconds=True), "engine_seconds is true"),
        (lambda state: state["records"].update(hormones=[["x"] * 11]), "records of hormones hold"),
        (lambda state: state["records"]["hormones"][0].pop(), "records of hormones hold"),
        (lambda state: state["records"]["therapy"][0].__setitem__(2, 7), "records of therapy hold"),
        (lambda state: state["rng"].pop("state"), "state"),
        (lambda state: state["random"].pop(), "damaged"),
        (lambda state: state.update(format=99), "a checkpoint of format 99, and this testis_abm .* reads format"),
        (lambda state: state.update(rules="other"), "with other rules or parameters than this one"),
    ],
)
def test_a_damaged_state_is_told(path, change, said):
    with pytest.raises(TestisError, match=rf"man\.npz: .*{said}"):
        TestisModel.load(restated(path, change))


def test_a_budget_of_nought_is_no_damage(tmp_path):
    one = model()
    one.agents_by_type[GermCell].select(at_most=20).set("hazard_budget", 0.0)
    loaded = TestisModel.load(one.save(tmp_path / "man.npz"))
    for man in (one, loaded):
        man.run_for(1)
    same_course(one, loaded)


def test_another_version_is_refused_with_a_clear_word(path, monkeypatch):
    monkeypatch.setattr(checkpoint, "__version__", "9.9.9")
    with pytest.raises(TestisError, match=r"saved by testis_abm .*, and this is 9\.9\.9: its rules may differ"):
        TestisModel.load(path)


def test_the_state_is_plain_json(path):
    with np.load(path, allow_pickle=False) as file:
        state = json.loads(file["state"].tobytes())
        assert all(file[name].dtype != object for name in file.files)
    assert state["scenario"]["title"] == CASE["title"] and state["scalars"]["day"] == 3
