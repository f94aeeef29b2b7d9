"""The store of an experiment: what it keeps, how it grows, and what it says of damage."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from small_sweep import ABOUT, ONCE, SWEEP, runs_of, same_bytes

from testis_abm import TestisError
from testis_abm.cli.command import main
from testis_abm.experiments import runner
from testis_abm.experiments import store as experiment_store
from testis_abm.experiments.runner import execute
from testis_abm.experiments.store import Store, merge, read
from testis_abm.experiments.sweep import prepare, results, summary, sweep
from testis_abm.support import files


def test_a_store_of_another_experiment_is_refused(tmp_path):
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 1}}, tmp_path / "s", workers=1)
    before = read(tmp_path / "s")
    other = {**SWEEP, "man": {"preset": "fertile"}, "sweep": {**SWEEP["sweep"], "replicates": 1}}
    with pytest.raises(TestisError, match=r"different scenario .man.preset .obese_low_t_e2., now .fertile."):
        sweep(other, tmp_path / "s", workers=1)
    at = {**SWEEP["sweep"], "replicates": 1, "at": ["end"]}
    with pytest.raises(TestisError, match=r"different choice of days \(at\) \(\[20, 40\], now \[40\]\)"):
        sweep({**SWEEP, "sweep": at}, tmp_path / "s", workers=1)
    manifest = tmp_path / "s" / "manifest.json"
    manifest.write_text(files.sealed({**files.unsealed(manifest.read_bytes()), "version": "0.0.1"}))
    with pytest.raises(TestisError, match="different version of testis_abm"):
        sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 1}}, tmp_path / "s", workers=1)
    assert read(tmp_path / "s").equals(before)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(TestisError, match="holds something else"):
        Store.of(tmp_path / "mine", *runs_of(SWEEP), ABOUT)
    with pytest.raises(TestisError, match="holds no experiment"):
        read(tmp_path / "mine")


def test_a_full_disk_is_told_and_the_finished_part_kept(tmp_path, monkeypatch):
    job, tasks = runs_of(SWEEP)
    store, written = Store.of(tmp_path / "s", job, tasks, ABOUT), []

    def write(table, path, *rest, **more):
        if len(written) == 2:
            raise OSError(28, "No space left on device")
        written.append(path)
        return real(table, path, *rest, **more)

    real = pq.write_table
    monkeypatch.setattr(pq, "write_table", write)
    with pytest.raises(TestisError, match="the disk is full; what was finished before is kept"):
        execute(job, tasks, store, workers=1, chunk=2)
    monkeypatch.setattr(pq, "write_table", real)
    assert len(store.done()) == 4 and not list((tmp_path / "s" / "parts").glob(".*"))


@pytest.mark.parametrize("where", ["end", "data"])
def test_a_damaged_part_is_named_and_its_runs_are_done_again(tmp_path, where):
    once = {**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}
    sweep(once, tmp_path / "s", workers=1)
    before = same_bytes(tmp_path / "s", tmp_path)
    part = next((tmp_path / "s" / "parts").glob("*.parquet"))
    content = bytearray(part.read_bytes())
    part.write_bytes(
        content[:-20]
        if where == "end"
        else bytes([*content[:1500], *(b ^ 255 for b in content[1500:1540]), *content[1540:]])
    )
    with pytest.raises(TestisError, match=r"is damaged.*its runs are done again"):
        read(tmp_path / "s")
    with pytest.warns(UserWarning, match="set aside"):
        sweep(once, tmp_path / "s", workers=1)
    assert same_bytes(tmp_path / "s", tmp_path) == before
    assert len(pd.read_parquet(tmp_path / "s" / "parts")) == 16


def test_a_lost_manifest_is_written_anew(tmp_path):
    once = {**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}
    first = sweep(once, tmp_path / "s", workers=1)
    other = {**once, "man": {"preset": "fertile"}, "title": "of another man"}
    for name, harm, fault in (
        ("manifest.json", lambda path: path.write_text("{"), "damaged"),
        ("manifest.json", Path.unlink, "gone"),
        ("design.parquet", lambda path: path.write_text("{"), "damaged"),
        ("design.parquet", Path.unlink, "gone"),
    ):
        harm(tmp_path / "s" / name)
        before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
        if name == "manifest.json":
            with pytest.raises(
                TestisError, match=rf"manifest.json: is {fault}, and parts beside it holds runs of another"
            ):
                sweep(other, tmp_path / "s", workers=1)
        else:
            with pytest.raises(TestisError, match="was written by a different"):
                sweep(other, tmp_path / "s", workers=1)
        assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
        with pytest.warns(UserWarning, match=f"{name}: is {fault}; it is written again"):
            pd.testing.assert_frame_equal(sweep(once, tmp_path / "s", workers=1), first)


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Return the store of a small sweep."""
    folder = tmp_path_factory.mktemp("kept") / "s"
    sweep(ONCE, folder, workers=1)
    return folder


@pytest.fixture
def own(kept, tmp_path):
    """Return a copy of a store."""
    return Path(shutil.copytree(kept, tmp_path / "s"))


def other_schemas(good):
    """Yield tables that are no parts of a store, as another program may have put them there."""
    text = pa.array(["x"] * len(good))
    yield "no columns", pa.table({"x": [1]})
    yield "whole numbers for names", good.set_column(0, "run", pa.array(range(len(good))))
    yield "no names", good.set_column(0, "run", pa.array([None] * len(good), pa.string()))
    yield "no error", good.set_column(len(good.schema) - 1, "error", pa.array([None] * len(good), pa.string()))
    yield "text for numbers", good.set_column(3, good.schema.names[3], text)
    yield "one more", good.append_column("z", text)
    yield "one less", good.drop_columns([good.schema.names[3]])


@pytest.mark.parametrize("k", range(7))
def test_a_part_of_another_shape_is_refused_or_set_aside(own, tmp_path, k):
    good = pq.read_table(next((own / "parts").glob("*.parquet")))
    what, forged = list(other_schemas(good))[k]
    content = experiment_store._bytes(forged)
    place = own / "parts" / f"{'0' * 20}-{experiment_store._sum(content)}.parquet"
    place.write_bytes(content)
    for act in (lambda: read(own), lambda: summary(own), lambda: merge(tmp_path / "into", [own])):
        with pytest.raises(TestisError, match="is no part of this experiment") as told:
            act()
        assert "\n" not in str(told.value), what
    with pytest.warns(UserWarning, match="set aside"):
        table = sweep(ONCE, own, workers=1)
    place.with_name(f".{place.stem}.damaged").unlink()
    assert not place.exists() and len(table) == 16 and table["error"].eq("").all()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b"3", b"{", b"[" * 99_999, b"9" * 9999, b'{"format": 3}', files.sealed({"format": 3}).encode()],
    ids=lambda of: repr(of[:24]),
)
def test_a_manifest_that_says_too_little_is_named_and_written_anew(own, content):
    whole = summary(own)
    (own / "manifest.json").write_bytes(content)
    for act in (lambda: read(own), lambda: summary(own), lambda: merge(own.parent / "into", [own])):
        with pytest.raises(TestisError, match=r"manifest\.json: is damaged .*: it is written again") as told:
            act()
        assert "\n" not in str(told.value)
    with pytest.warns(UserWarning, match=r"manifest\.json: is damaged; it is written again"):
        sweep(ONCE, own, workers=1)
    pd.testing.assert_frame_equal(summary(own), whole)


def test_runs_that_are_missing_are_told(own, tmp_path):
    job, tasks = runs_of(ONCE)
    shutil.rmtree(own / "parts")
    execute(job, tasks[:3], Store.of(own, job, tasks, prepare(ONCE).about()), workers=1, chunk=1)
    next((own / "parts").glob("*.parquet")).unlink()
    for harm, missing in ((lambda: None, 2), (lambda: shutil.rmtree(own / "parts"), 4)):
        harm()
        for act in (lambda: read(own), lambda: summary(own), lambda: merge(tmp_path / "into", [own])):
            with pytest.warns(UserWarning, match=f"{missing} of 4 runs are missing"):
                act()
            shutil.rmtree(tmp_path / "into", ignore_errors=True)
        with pytest.warns(UserWarning, match=f"into: {missing} of 4 runs are missing"):  # a note on the terminal
            assert main(["merge", str(tmp_path / "into"), str(own)]) == 0
        shutil.rmtree(tmp_path / "into")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(sweep(ONCE, own, workers=1)) == 16


def test_parts_that_are_no_folder_are_refused_everywhere(own, tmp_path):
    shutil.rmtree(own / "parts")
    for put in (lambda place: place.write_text("x"), lambda place: place.symlink_to("/nonexistent/place")):
        put(own / "parts")
        for act in (
            lambda: read(own),
            lambda: summary(own),
            lambda: sweep(ONCE, own, workers=1),
            lambda: merge(tmp_path / "into", [own]),
            lambda: merge(own, [own]),
        ):
            with pytest.raises(TestisError, match="parts: is no folder; move it away"):
                act()
        (own / "parts").unlink()
    assert not (tmp_path / "into").exists()


@pytest.mark.parametrize("place", [None, 3, b"x", "", "x" * 5000, "\0", "\ud800", ["a"], "/dev/null", "/proc/nope/x"])
def test_what_is_no_place_of_a_store_is_told_in_a_line(kept, place):
    for act in (
        lambda: sweep(ONCE, place, workers=1),
        lambda: results(place),
        lambda: summary(place),
        lambda: merge(place, [kept]),
        lambda: merge("into", [place]),
    ):
        with pytest.raises(TestisError) as told:
            act()
        assert str(told.value).isprintable() and len(str(told.value)) < 1500
    assert not Path("into").exists()


def test_a_store_grows_and_keeps_what_it_has(tmp_path, monkeypatch):
    done = []
    real = runner.work
    monkeypatch.setattr(runner, "work", lambda job, tasks: (done.extend(tasks), real(job, tasks))[1])
    table = {**SWEEP["sweep"], "engine": "expected", "outputs": ["testosterone"]}
    first = sweep({**SWEEP, "sweep": table}, tmp_path / "s", workers=1)
    assert len(done) == 8
    # Another title and other outputs cost nothing; one more body mass index its own runs only, though points are
    # numbered again.
    sweep({**SWEEP, "title": "anew", "sweep": {**table, "outputs": ["LH", "FSH"]}}, tmp_path / "s", workers=1)
    assert len(done) == 8 and "lh_iu_l, treated" in summary(tmp_path / "s")
    over = {"man.bmi": [20, 24, 32], "therapy.1.dose": ["0.5 mg", "1 mg"]}
    more = sweep({**SWEEP, "sweep": {**table, "over": over}}, tmp_path / "s", workers=1)
    assert len(done) == 12 and len(more) == 12 * 2 * 2
    keys = ["man.bmi", "therapy.1.dose", "replicate", "arm", "day"]
    both = first.merge(more, on=keys, suffixes=("", "_more"))
    assert len(both) == len(first) and (both["testosterone_nmol_l"] == both["testosterone_nmol_l_more"]).all()
    # Fewer points leave the others out; runs that no point has any more stay for later.
    fewer = sweep({**SWEEP, "sweep": {**table, "over": {**over, "man.bmi": [20]}}}, tmp_path / "s", workers=1)
    assert len(done) == 12 and fewer["man.bmi"].unique().tolist() == [20] and len(fewer) == 2 * 2 * 2 * 2
    # A run that two points share is done once and counted in both.
    twice = sweep({**SWEEP, "sweep": {**table, "over": {**over, "man.bmi": [20, 20]}}}, tmp_path / "s", workers=1)
    assert len(done) == 12 and len(twice) == 2 * len(fewer)
