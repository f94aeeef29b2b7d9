"""Experiments: designs, the store, the runner; results do not depend on how they were computed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from concurrent.futures import Future
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import testis_abm as ta
from testis_abm import TestisError
from testis_abm.biology.laboratory import Laboratory
from testis_abm.cli.command import main
from testis_abm.experiments import runner
from testis_abm.experiments import store as experiment_store
from testis_abm.experiments.compare import compare, read_arms
from testis_abm.experiments.design import Axis, Design, parse_axis, parse_design, sampled
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS
from testis_abm.experiments.runner import execute
from testis_abm.experiments.sensitivity import indices, sensitivity
from testis_abm.experiments.store import Store, merge, read, sorted_table
from testis_abm.experiments.sweep import prepare, results, summary, sweep
from testis_abm.experiments.task import Job, Task, attempt, perform
from testis_abm.experiments.trial import LEAST, analyse, trial
from testis_abm.experiments.trial import prepare as prepare_trial
from testis_abm.parameters import values as parameter_values
from testis_abm.quantities import OESTRADIOL, RATIO
from testis_abm.statistics import arm_effect, auc, power, share_difference
from testis_abm.support import files

EXAMPLES = Path(__file__).parents[1] / "scenarios" / "experiments"
SMALL = {
    "title": "small",
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 2, "sertoli_per_tubule": 10},
    "plan": {"baseline": "2 days", "duration": "40 days", "seed": 3},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
}
SWEEP = {
    **SMALL,
    "sweep": {
        "replicates": 2,
        "at": ["day 20", "end"],
        "over": {"man.bmi": [24, 32], "therapy.1.dose": ["0.5 mg", "1 mg"]},
    },
}


AXES = {"paths": [], "units": [], "log": [], "points": []}
ABOUT = {"kind": "sweep", "title": "small", "outputs": [], "design": AXES}


def runs_of(given):
    """Return job and tasks of a sweep."""
    experiment = prepare(given)
    return experiment.job, experiment.tasks


def same_bytes(folder, tmp_path):
    """Return the bytes of a store's sorted table."""
    path = tmp_path / "sorted.parquet"
    pq.write_table(sorted_table(folder), path)
    return path.read_bytes()


# ---- designs


def test_a_grid_has_every_pair_and_a_list_the_first_of_each():
    over = {"man.bmi": [22, 30], "therapy.1.dose": {"from": "0.25 mg", "to": "1 mg", "steps": 3, "scale": "log"}}
    grid = parse_design({"over": over})
    assert grid.points == tuple((bmi, dose) for bmi in (22, 30) for dose in ("0.25 mg", "0.5 mg", "1 mg"))
    both = parse_design({"over": {**over, "man.bmi": [22, 26, 30]}, "method": "list"})
    assert both.points == ((22, "0.25 mg"), (26, "0.5 mg"), (30, "1 mg"))
    assert grid.overrides(1) == {"man.bmi": 22, "therapy.1.dose": "0.5 mg"}


@pytest.mark.parametrize("method", ["latin_hypercube", "sobol"])
def test_a_sample_fills_its_ranges(method):
    over = {"man.bmi": {"from": 20, "to": 40}, "x": {"from": 0.1, "to": 10, "scale": "log"}}
    design = parse_design({"over": over, "method": method, "samples": 64, "seed": 5})
    bmi, x = np.array(design.points, dtype=float).T
    assert len(bmi) == 64 and np.histogram(bmi, 8, (20, 40))[0].min() >= 6
    assert np.histogram(np.log10(x), 8, (-1, 1))[0].min() >= 6
    assert design == parse_design({"over": over, "method": method, "samples": 64, "seed": 5})
    assert design != parse_design({"over": over, "method": method, "samples": 64, "seed": 6})
    assert sampled("sobol", 2, 5, 1).shape == (5, 2)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"over": {}}, "nothing is varied"),
        ({"over": {"man.bmi": []}}, "man.bmi: is an empty list"),
        ({"over": {"man.bmi": 3}}, "neither a list"),
        ({"over": {"man.bmi": {"from": 3, "to": 2, "steps": 3}}}, "from 3 is not below to 2"),
        ({"over": {"man.bmi": {"from": 0, "to": 2, "steps": 3, "scale": "log"}}}, "from 0 is not above 0"),
        ({"over": {"d": {"from": "1 mg", "to": "2 g", "steps": 3}}}, "different units"),
        ({"over": {"man.bmi": {"from": 20, "to": 30}}}, "steps is missing"),
        ({"over": {"man.bmi": {"from": 20, "to": 30, "step": 3}}}, 'key "step" is not known; nearest: "steps"'),
        ({"over": {"man.bmi": [22, 24]}, "method": "soboll"}, 'nearest: "sobol"'),
        ({"over": {"man.bmi": [22, 24]}, "method": "sobol"}, "is a list; sobol samples a range"),
        ({"over": {"a": [1, 2], "b": [1, 2, 3]}, "method": "list"}, "the axes differ in length (a 2, b 3)"),
        ({"over": {"a": list(range(2000)), "b": list(range(2000))}}, "4,000,000 points are more than"),
    ],
)
def test_a_wrong_design_is_told(given, said):
    with pytest.raises(TestisError) as told:
        parse_design(given)
    assert said in str(told.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"over": {"man.bmii": [22, 24]}}, 'nearest: "bmi"'),
        ({"over": {"man.bmi": [22, 240]}}, "240 is out of range"),
        ({"over": {"therapy.2.dose": ["1 mg"]}}, "the scenario has 1 [[therapy]]"),
        ({"over": {"parameters.aromatase.testicular_kmm": [1, 2]}}, "testicular_km"),
        ({"outputs": ["testosteron"]}, 'nearest: "testosterone"'),
        ({"at": ["day 90"]}, "day 90 is outside the plan (day 0 to 40)"),
        ({"engine": "fast"}, "is not one of cells, expected"),
        ({"replicates": 0}, "replicates: 0 is out of range"),
        ({"replicate": 3}, 'nearest: "replicates"'),
        ({"over": {"plan.duration": ["30 days", "60 days"]}}, "name the days to look at in at"),
        ({"method": "sobol", "samples": 4, "over": {"tissue.tubules": {"from": 2, "to": 4}}}, "whole number"),
        ({"over": {"man.bmi": {"from": 20, "to": float("inf"), "steps": 3}}}, "has no end"),
    ],
)
def test_a_wrong_sweep_is_told_before_it_runs(change, said):
    with pytest.raises(TestisError) as told:
        prepare({**SWEEP, "sweep": {**SWEEP["sweep"], **change}})
    assert said in str(told.value) and "\n" not in str(told.value)


def test_a_file_of_another_kind_names_its_command():
    with pytest.raises(TestisError, match="use testis-abm trial"):
        prepare(EXAMPLES / "trial.toml")


# ---- one runner, one store


def test_a_run_gives_what_the_model_gives():
    job = Job({"": SMALL}, (40,), "cells")
    rows = perform(job, Task(0, 0, {"man.bmi": 30}))
    run = ta.run(SMALL, overrides={"man.bmi": 30}, replicates=1)
    last = run.hormones[run.hormones["day"].between(13, 40)]
    for arm, day, *values in rows:
        found = dict(zip(COLUMNS, values, strict=True))
        mean = last[last["arm"] == arm].mean(numeric_only=True)
        assert day == 40 and found["testosterone_nmol_l"] == pytest.approx(mean["testosterone_nmol_l"])
        assert found["fsh_iu_l"] == pytest.approx(mean["fsh_iu_l"])
    assert [row[0] for row in rows] == ["untreated", "treated"]


def test_the_expected_man_is_the_mean_of_the_cells():
    case = {**SMALL, "tissue": {"tubules": 40}, "plan": {**SMALL["plan"], "duration": "120 days"}}
    both = [perform(Job({"": case}, (120,), engine), Task(0, 0)) for engine in ("cells", "expected")]
    for cells, expected in zip(*both, strict=True):
        one, other = (dict(zip(COLUMNS, row[2:], strict=True)) for row in (cells, expected))
        for name in ("testosterone_nmol_l", "oestradiol_pmol_l", "lh_iu_l", "t_over_e2"):
            assert one[name] == pytest.approx(other[name], rel=0.02), name
        assert one["concentration_million_ml"] == pytest.approx(other["concentration_million_ml"], rel=0.15)


def test_results_do_not_depend_on_how_they_were_computed(tmp_path):
    job, tasks = runs_of(SWEEP)

    def done(name: str, **how: object) -> Path:
        execute(job, tasks, Store.of(tmp_path / name, job, tasks, ABOUT), **how)
        return tmp_path / name

    alone = same_bytes(done("alone", workers=1), tmp_path)
    assert same_bytes(done("chunks", workers=1, chunk=3), tmp_path) == alone
    assert same_bytes(done("two", workers=2), tmp_path) == alone
    shards = [done(f"shard{i}", workers=1, shard=(i, 3)) for i in (1, 2, 3)]
    merge(tmp_path / "merged", shards)
    assert same_bytes(tmp_path / "merged", tmp_path) == alone
    # Stopped after each of five parts, and one part lost.
    broken = tmp_path / "broken"
    for k in range(5):
        with pytest.raises(KeyboardInterrupt):
            execute(job, tasks, Store.of(broken, job, tasks, ABOUT), workers=1, chunk=1, progress=_stop_after(k + 1))
    next((broken / "parts").glob("*.parquet")).unlink()
    assert same_bytes(done("broken", workers=1), tmp_path) == alone
    # Runs that two stores share are not doubled, not for those who read the parts themselves either.
    merge(tmp_path / "all", [tmp_path / "chunks", tmp_path / "shard1", tmp_path / "two"])
    assert same_bytes(tmp_path / "all", tmp_path) == alone
    assert len(pd.read_parquet(tmp_path / "all" / "parts")) == len(read(tmp_path / "alone"))


def _stop_after(runs: int):
    def tell(of) -> None:
        if of.done >= runs and of.done > of.found:
            raise KeyboardInterrupt

    return tell


def test_dask_gives_the_same_bytes(tmp_path):
    pytest.importorskip("distributed")
    job, tasks = runs_of(SWEEP)
    execute(job, tasks, Store.of(tmp_path / "alone", job, tasks, ABOUT), workers=1)
    execute(job, tasks, Store.of(tmp_path / "dask", job, tasks, ABOUT), dask="local", workers=2)
    assert same_bytes(tmp_path / "dask", tmp_path) == same_bytes(tmp_path / "alone", tmp_path)
    with pytest.raises(TestisError, match="no scheduler answers"):
        execute(job, tasks, Store.of(tmp_path / "none", job, tasks, ABOUT), dask="tcp://127.0.0.1:9")


def test_what_is_kept_is_not_done_again(tmp_path, monkeypatch):
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 1}}, tmp_path / "s", workers=1)
    monkeypatch.setattr(runner, "work", lambda job, tasks: pytest.fail("a kept run was done again"))
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 1}}, tmp_path / "s", workers=1)


def test_a_run_that_fails_is_recorded_and_stops_nobody(tmp_path):
    given = {**SMALL, "sweep": {"replicates": 1, "over": {"man.bmi": [24, 30]}}}
    job, tasks = runs_of(given)
    tasks.append(Task(2, 0, {"man.bmi": 500}))
    store = Store.of(tmp_path / "s", job, tasks, ABOUT)
    found = execute(job, tasks, store, workers=1)
    table = read(tmp_path / "s")
    assert (found.done, found.failed) == (3, 1)
    assert "500 is out of range" in table.loc[table["point"] == 2, "error"].iloc[0]
    assert (table[table["point"] < 2]["error"] == "").all() and len(table) == 5
    assert execute(job, tasks, store, workers=1).found == 3


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
    for harm in (lambda path: path.write_text("{"), Path.unlink):
        harm(tmp_path / "s" / "manifest.json")
        pd.testing.assert_frame_equal(sweep(once, tmp_path / "s", workers=1), first)


ONCE = {**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}


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


def test_what_the_man_is_made_of_can_be_swept(tmp_path):
    over = {"man.preset": ["obese_low_t_e2", "fertile"], "plan.baseline": ["2 days", "7 days"]}
    given = {**SMALL, "sweep": {"replicates": 1, "engine": "expected", "over": over}}
    table = summary_of(given, tmp_path)
    assert table.loc[("fertile", "2 days")] > 1.5 * table.loc[("obese_low_t_e2", "2 days")]


def summary_of(given, tmp_path):
    """Return untreated testosterone by the axes of a sweep."""
    sweep(given, tmp_path / "s", workers=1)
    return summary(tmp_path / "s").set_index(["man.preset", "plan.baseline"])["testosterone_nmol_l, untreated"]


def test_both_engines_let_a_man_with_a_past_recover_through_the_baseline():
    case = {"man": {"preset": "recovering_from_testosterone"}, "tissue": {"tubules": 8}}
    case["plan"] = {"baseline": "28 days", "duration": "10 days"}
    rows = [perform(Job({"": case}, (0, 10), engine), Task(0, 0)) for engine in ("cells", "expected")]
    for cells, expected in zip(*rows, strict=True):
        one, other = (dict(zip(COLUMNS, row[2:], strict=True)) for row in (cells, expected))
        assert cells[:2] == expected[:2]
        for name in ("testosterone_nmol_l", "lh_iu_l", "fsh_iu_l"):
            assert one[name] == pytest.approx(other[name], rel=0.03), (name, cells[1])


def test_a_run_that_failed_by_no_fault_of_its_own_is_tried_again(tmp_path, monkeypatch):
    from testis_abm.experiments import task

    job, tasks = runs_of({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}})
    store = Store.of(tmp_path / "s", job, tasks, ABOUT)
    real, ill = task._expected, [1]

    def once(*given):
        if ill and ill.pop():
            raise MemoryError("for a while")
        return real(*given)

    monkeypatch.setattr(task, "_expected", once)
    assert execute(job, tasks, store, workers=1).failed == 1
    table = read(tmp_path / "s")
    assert (table["error"] == "fault: MemoryError: for a while").sum() == 1
    again = execute(job, tasks, Store.of(tmp_path / "s", job, tasks, ABOUT), workers=1)
    assert (again.found, again.failed) == (3, 0)
    assert (read(tmp_path / "s")["error"] == "").all() and len(read(tmp_path / "s")) == 16


def test_two_processes_on_one_store_share_the_work(tmp_path):
    job, tasks = runs_of({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected"}})
    one, other = (Store.of(tmp_path / "s", job, tasks, ABOUT) for _ in range(2))

    def meanwhile(of):
        if of.done == 2:
            execute(job, tasks[:6], other, workers=1)

    execute(job, tasks, one, workers=1, chunk=2, progress=meanwhile)
    assert len(pd.read_parquet(tmp_path / "s" / "parts")) == len(read(tmp_path / "s")) == len(tasks) * 4


def test_a_part_takes_some_seconds(tmp_path):
    queue = runner._Queue([Task(k, 0) for k in range(1000)], 0, 2)
    sizes = []
    while queue:
        tasks, _ = queue.take()
        sizes.append(len(tasks))
        queue.took(len(tasks), 0.1 * len(tasks))
    assert sum(sizes) == 1000 and max(sizes) == 50 and sizes[0] == 2 and sizes[-1] == 1
    slow = runner._Queue([Task(k, 0) for k in range(10)], 0, 2)
    slow.took(2, 120.0)
    assert len(slow.take()[0]) == 1


def test_a_plain_script_needs_no_guard(tmp_path):
    script = tmp_path / "plain.py"
    given = {**SWEEP, "sweep": {**SWEEP["sweep"], "replicates": 4}}
    script.write_text(
        f"import testis_abm as ta\ntable = ta.sweep({given!r}, {str(tmp_path / 's')!r}, workers=2)\nprint(len(table))\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == [str(4 * 4 * 2 * 2)]


KILLED = """
import sys
from testis_abm.experiments.sweep import sweep
case = {case!r}
sweep(case, sys.argv[1], workers=2)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL") or not Path("/proc").exists(), reason="needs Linux")
def test_killed_workers_and_parents_lose_and_double_nothing(tmp_path):
    many = {**SMALL, "plan": {**SMALL["plan"], "duration": "60 days"}}
    many["sweep"] = {"replicates": 1, "engine": "cells", "over": {"man.bmi": {"from": 20, "to": 40, "steps": 60}}}
    script = tmp_path / "run.py"
    script.write_text(KILLED.format(case=many))
    folder = tmp_path / "s"
    for who in ("worker", "parent"):
        process = subprocess.Popen([sys.executable, str(script), str(folder)], stderr=subprocess.DEVNULL)
        parts, began = folder / "parts", time.monotonic()
        before = len(list(parts.glob("*.parquet"))) if parts.exists() else 0
        while time.monotonic() - began < 60 and process.poll() is None:
            if parts.exists() and len(list(parts.glob("*.parquet"))) > before:
                break
            time.sleep(0.05)
        children = _workers_of(process.pid)
        if who == "worker":
            os.kill(children[0], signal.SIGKILL)
            assert process.wait(120) == 0
            shutil.rmtree(folder / "parts")
            (folder / "parts").mkdir()
        else:
            process.kill()
            process.wait(20)
            deadline = time.monotonic() + 20
            while any(Path(f"/proc/{child}").exists() for child in children) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not any(Path(f"/proc/{child}").exists() for child in children), "workers outlived their parent"
    table = sweep(many, folder, workers=1)
    assert len(table) == 120 and not table.duplicated(["point", "arm"]).any() and (table["error"] == "").all()


def _workers_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
            line = (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if int(fields[1]) == pid and b"spawn_main" in line:
            found.append(int(path.parent.name))
    return found


# ---- comparisons, trials, sensitivity


ARMS = {
    "title": "arms",
    **{key: value for key, value in SMALL.items() if key not in ("therapy", "title")},
    "arm": [
        {"name": "none", "therapy": []},
        {"name": "anastrozole", "therapy": SMALL["therapy"]},
        {"name": "lighter", "weight": [{"bmi": 27, "until": "day 30"}]},
    ],
}


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    """Return the folder and the outcome of a comparison in its store."""
    from testis_abm.experiments.files import read_experiment

    folder = tmp_path_factory.mktemp("compare") / "store"
    arms = read_experiment(ARMS, "compare", ()).arms
    return arms, folder, compare(arms, folder, replicates=4, title="arms")


def test_arms_share_their_luck(compared):
    arms, _, found = compared
    effects = found.effects.set_index(["arm", "output"])
    run = ta.run(SMALL, replicates=4).summary().loc["testosterone_ng_dl"]
    mine = effects.loc[("anastrozole", "testosterone")]
    assert mine["change_pct"] == pytest.approx(run["change_pct"], abs=1.5)
    assert mine["low_pct"] < mine["change_pct"] < mine["high_pct"] and mine["worth"] > 1
    assert effects.loc[("lighter", "serum E2 (LC-MS/MS)"), "change_pct"] < 0
    assert set(found.attribution) == {"anastrozole", "lighter"}
    same = compare({"a": arms["anastrozole"], "b": arms["anastrozole"]}, replicates=2)
    assert (same.effects["change_pct"].dropna() == 0.0).all()
    fewer = ta.load({**SMALL, "parameters": {"germ": {"commitment": 0.4}}})
    rates = compare({"a": ta.load(SMALL), "b": fewer}, replicates=2).attribution["b"].set_index("rate")
    assert rates.loc["A-pale to B differentiation", "numbers"] == pytest.approx(np.log(0.4 / 0.6))
    assert rates.loc["A-pale to B differentiation", "output_change_pct"] == pytest.approx(-33.3, abs=1.0)
    assert "anastrozole" in found.text() and "4 replicates" in found.text()


def test_large_ratios_and_widths_are_printed_as_plain_numbers():
    from testis_abm.experiments import compare as comparisons
    from testis_abm.experiments import sweep as sweeps
    from testis_abm.results import attribution

    effect = {"reference": 300.0, "level": 600.0, "change_pct": 100.0, "low_pct": 90.0, "high_pct": 110.0}
    cells = comparisons._cells(pd.Series({**effect, "worth": 174.6}, name="testosterone"), 4)
    assert cells[-1] == "x 175"
    name = "testosterone_nmol_l, untreated"
    point = pd.Series({"replicates": 4, name: 20.0, f"{name}_half": 6.0})
    assert sweeps._level(point, "testosterone_nmol_l") == "577 ± 173"
    assert attribution._changed(0.998) == "falls to 99.8 % of untreated"


@pytest.mark.parametrize(
    ("path", "unit", "said"),
    [
        ("man.bmi", "", "BMI (kg/m2)"),
        ("man.gnrh_drive", "", "GnRH drive (x reference)"),
        ("parameters.aromatase.testicular_km", "", "Aromatase: testicular Km (nmol/L free T)"),
        ("parameters.axis.hcg_saturation", "", "Axis: hCG saturation (relative LH)"),
        ("parameters.er_alpha_expression.germ_cell", "", "ER-α expression: germ cell"),
        ("therapy.1.dose", "mg", "Therapy 1: dose (mg)"),
        ("plan.duration", "days", "plan.duration (days)"),
    ],
)
def test_axes_of_pictures_are_named_in_words_with_units(path, unit, said):
    from testis_abm.pictures import sweeps

    assert sweeps.name_of(Axis(path, unit)) == said


def test_an_arm_is_the_man_that_run_makes(compared):
    _, _, found = compared
    run = ta.run(SMALL, replicates=1)
    days = run.hormones[(run.hormones["arm"] == "treated") & run.hormones["day"].between(8, 14)]
    mine = found.courses.set_index(["arm", "replicate", "day"]).loc[("anastrozole", 0, 14)]
    assert mine["testosterone_nmol_l"] == pytest.approx(days["testosterone_nmol_l"].mean(), rel=1e-12)
    assert mine["lh_iu_l"] == pytest.approx(days["lh_iu_l"].mean(), rel=1e-12)


def test_a_comparison_is_kept_grows_and_does_not_depend_on_workers(compared, tmp_path, monkeypatch):
    arms, folder, found = compared
    compare(arms, tmp_path / "two", replicates=4, title="arms", workers=2)
    for i in (1, 2):
        assert (compare(arms, tmp_path / "shards", replicates=4, title="arms", shard=(i, 2)) is None) == (i == 1)
    for other in ("two", "shards"):
        assert same_bytes(tmp_path / other, tmp_path) == same_bytes(folder, tmp_path)
    real = runner.work
    monkeypatch.setattr(runner, "work", lambda job, tasks: (done.extend(tasks), real(job, tasks))[1])
    done: list[Task] = []
    again = compare(arms, tmp_path / "two", replicates=4)
    pd.testing.assert_frame_equal(again.effects, found.effects)
    more = {**arms, "half a dose": ta.load({**SMALL, "therapy": [{**SMALL["therapy"][0], "dose": "0.5 mg"}]})}
    compare(more, tmp_path / "two", replicates=4)
    assert not done[4:] and {task.case for task in done} == {"half a dose"}
    with pytest.raises(TestisError, match=r"different scenario \(anastrozole.man.bmi"):
        other = ta.load(SMALL, overrides={"man.bmi": 31})
        compare({**arms, "anastrozole": other}, tmp_path / "two", replicates=4)


def test_a_replicate_that_fails_in_one_arm_is_left_out_in_all(compared):
    from testis_abm.experiments.compare import analyse as analyse_arms

    arms, folder, _ = compared
    table = read(folder)
    ill = (table["case"] == "lighter") & (table["replicate"] == 2)
    lost = table[ill].head(1).assign(error="he left the physical range", day=0)
    found = analyse_arms(arms, pd.concat([table[~ill], lost]), "arms")
    assert found.replicates == 3 and "1 runs failed: he left" in found.text()


def test_arms_of_different_length_or_name_are_told(tmp_path):
    one, other = (ta.load({**SMALL, "plan": {"duration": days}}) for days in ("40 days", "60 days"))
    with pytest.raises(TestisError, match="differ in length"):
        compare({"a": one, "b": other})
    with pytest.raises(TestisError, match="two or more"):
        compare({"a": one})
    path = tmp_path / "one.toml"
    path.write_text('title = "x"\n[[arm]]\nname = "a"\ntherapy = []\n[[arm]]\nname = "a"\n')
    with pytest.raises(TestisError, match='name "a" is that of another arm'):
        read_arms([path])
    path.write_text(
        'title = "x"\n[[arm]]\nname = "a"\ntherapy = [{ drug = "anastrozol", dose = "1 mg", every = "1 day" }]\n'
    )
    with pytest.raises(TestisError, match='nearest: "anastrozole"'):
        read_arms([path])


TRIAL = {
    "title": "trial",
    "plan": {"duration": "120 days", "seed": 2},
    "samples": {"assay": "immunoassay"},
    "trial": {
        "men": 360,
        "where": ["sperm concentration < 15 M/mL", "sperm concentration > 1 M/mL"],
        "engine": "expected",
        "missing": 0.2,
        "allocation": [1, 2],
        "outputs": ["testosterone", "sperm concentration"],
    },
    "arm": [
        {"name": "control", "therapy": []},
        {"name": "clomiphene", "therapy": [{"drug": "clomiphene", "dose": "50 mg", "every": "1 day"}]},
    ],
}


def test_a_trial_randomises_measures_and_analyses(tmp_path):
    found = trial(TRIAL, tmp_path / "t", workers=1)
    assert found.men["arm"].value_counts().to_dict() == {"clomiphene": 240, "control": 120}
    missed = found.men["day120_testosterone_nmol_l"].isna().mean()
    assert 0.1 < missed < 0.3
    effects = found.effects.set_index("column")
    t = effects.loc["testosterone_nmol_l"]
    assert 40 < t["difference_pct"] < 200 and t["low_pct"] > 0 and t["p"] < 1e-6
    # Men selected on one low count rise without treatment.
    control = found.men[found.men["arm"] == "control"]
    rise = control["day120_concentration_million_ml"].mean() / control["baseline_concentration_million_ml"].mean()
    assert rise > 1.0
    power = found.power.set_index("men")["power"]
    assert power.is_monotonic_increasing and power[320] > power[10]
    assert set(found.predictors["arm"]) == {"control", "clomiphene"}
    assert set(found.predictors["predictor"]) >= {"T/LH", "T/E2 (immunoassay)", "FSH", "BMI"}
    assert "number needed to treat" in found.text() and "Responders" in found.text()
    again = analyse(prepare_trial(TRIAL), tmp_path / "t")
    pd.testing.assert_frame_equal(found.men, again.men)


def test_men_who_lose_all_sperm_stay_in_the_effect_and_a_visit_agrees_with_itself(tmp_path):
    stop = [{"drug": "testosterone_enanthate", "dose": "200 mg", "every": "7 days"}]
    given = {**TRIAL, "trial": {**TRIAL["trial"], "where": [], "men": 60, "missing": 0}}
    given["arm"] = [TRIAL["arm"][0], {"name": "enanthate", "therapy": stop}]
    found = trial(given, tmp_path / "t", workers=1)
    effect = found.effects.set_index("output").loc["sperm concentration"]
    assert effect["n"] + effect["n_control"] == 60 and effect["difference_pct"] < -60
    men = found.men
    laboratory = Laboratory(parameter_values())
    for by in ("immunoassay", "lc-ms"):
        ratio = laboratory.t_over_e2(men["day120_testosterone_nmol_l"], men[f"day120_{OESTRADIOL[by]}"], by)
        np.testing.assert_allclose(men[f"day120_{RATIO[by]}"], ratio)
    count = (
        men["day120_concentration_million_ml"] * men["day120_volume_ml"] * men["day120_progressive_motility_pct"] / 100
    )
    some = men["day120_concentration_million_ml"] > 0
    np.testing.assert_allclose(men["day120_total_motile_count_million"][some], count[some])
    assert not some.all() and (men["day120_total_motile_count_million"][~some] == 0.0).all()
    assert men["day120_progressive_motility_pct"][~some].isna().all()


def test_arms_of_a_trial_last_as_long_as_it():
    short = {**TRIAL["arm"][1], "set": {"plan.duration": "60 days"}}
    with pytest.raises(TestisError, match="the arms differ in length"):
        prepare_trial({**TRIAL, "arm": [TRIAL["arm"][0], short]})


def test_a_trial_draws_its_men():
    for change in ({"man": {"bmi": 40}}, {"arm": [TRIAL["arm"][0], {**TRIAL["arm"][1], "set": {"man.bmi": 60}}]}):
        with pytest.raises(TestisError, match="draws its men from population"):
            prepare_trial({**TRIAL, **change})


def test_runs_that_kill_their_process_are_told_and_not_recorded(tmp_path, monkeypatch):
    calls = []

    class Cluster:
        """An executor that loses the worker of one run each time."""

        def __enter__(self):
            return self, lambda: 2

        def __exit__(self, *error):
            return None

        def submit(self, work, job, tasks):
            future = Future()
            calls.append(len(tasks))
            if any(task.point == 1 for task in tasks):
                future.set_exception(RuntimeError("KilledWorker"))
            else:
                future.set_result(work(job, tasks))
            return future

    monkeypatch.setattr(runner, "_executor", lambda dask, workers: Cluster())
    job, tasks = runs_of(SWEEP)
    store = Store.of(tmp_path / "s", job, tasks, ABOUT)
    with pytest.raises(TestisError, match="2 runs lost their process"):
        execute(job, tasks, store, workers=2, chunk=4)
    assert len(store.done()) == 6 and (read(tmp_path / "s")["error"] == "").all()


def test_more_men_leave_the_first_as_they_were(tmp_path):
    few, many = ({**TRIAL, "trial": {**TRIAL["trial"], "men": men}} for men in (40, 60))
    first, more = (trial(of, tmp_path / "t", workers=1).men for of in (few, many))
    pd.testing.assert_frame_equal(first, more.iloc[:40])


NONE = {
    **TRIAL,
    "trial": {
        **TRIAL["trial"],
        "men": 60,
        "where": ["sperm concentration <= 0 M/mL"],
        "missing": 0.25,
        "allocation": [1, 1],
        "outputs": ["testosterone", "progressive motility"],
    },
}


def test_sperm_where_none_were_counted_are_a_response_and_every_man_is_accounted_for(tmp_path, monkeypatch):
    """Men without sperm: half of the treated arm is made to have some."""
    from testis_abm.experiments import trial as module

    plain = module._visit

    def some(true, laboratory, seed, day):
        seen = plain(true, laboratory, seed, day)
        gains = true["case"].eq("clomiphene").to_numpy() & (np.arange(len(true)) % 2 == 0)
        seen["concentration_million_ml"] = np.where(gains, 2.0, seen["concentration_million_ml"])
        return seen

    monkeypatch.setattr(module, "_visit", some)
    found = trial(NONE, tmp_path / "t", workers=1)
    men, flow = found.men, found.flow.set_index("arm")
    assert (men["baseline_concentration_million_ml"] == 0).all() and men["screened_azoospermic"].all()
    rows = found.responders.set_index("arm")
    for arm in ("control", "clomiphene"):
        assert flow.loc[arm, "randomised"] == 30 == flow.loc[arm, ["measured", "missed", "failed"]].sum()
        assert (
            flow.loc[arm, "missed"] > 0
            and rows.loc[arm, "n"] == 30
            and rows.loc[arm, "measured"] == flow.loc[arm, "measured"]
        )
        assert flow.loc[arm, "azoospermic_before_pct"] == 100.0
    came = men[men["attended"]]
    wanted = (came["arm"].eq("clomiphene") & (came["day120_concentration_million_ml"] > 0)).sum()
    assert rows.loc["clomiphene", "responders"] == wanted > 5 > rows.loc["control", "responders"]
    assert rows.loc["clomiphene", "share_pct"] == pytest.approx(100 * wanted / 30)
    assert rows.loc["clomiphene", "share_pct"] < rows.loc["clomiphene", "share_measured_pct"]
    assert rows.loc["clomiphene", "nnt"] > 1
    effect = found.effects.set_index("column").loc["concentration_million_ml"]
    # Nothing has no percentage; the difference is told in the unit.
    assert (
        np.isnan(effect["difference_pct"])
        and 0 < effect["low"] < effect["difference"] < effect["high"]
        and effect["p"] < 0.01
    )
    motility = found.effects.set_index("column").loc["progressive_motility_pct"]
    assert motility["n_control"] < LEAST and np.isnan(motility["p"])
    text = found.text()
    count, share = (
        next(line for line in text.splitlines() if name in line) for name in ("concentration (M/mL", "motility (%)")
    )
    assert "M/mL (" in count and "cannot say" in share
    assert "of 30 randomised" in text and "missed the visit" in text and "nan" not in text and "inf " not in text
    head = next(line for line in text.splitlines() if "difference (95 % interval)" in line)
    assert (
        head.index("control") < head.index("clomiphene") < head.index("difference") < head.index(" p ")
        and "->" not in text
    )


def test_failed_runs_are_told_apart_from_missed_visits(tmp_path):
    prepared = prepare_trial(NONE)
    trial(NONE, tmp_path / "t", workers=1)
    import testis_abm.experiments.trial as module

    table = read(tmp_path / "t")
    lost = table["point"].isin([3, 8])
    table = pd.concat(
        [table[~lost], table[lost].groupby("point").head(1).assign(error="he left the physical range", day=0)]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "read", lambda folder: table)
        found = module.analyse(prepared, tmp_path / "t")
    assert found.flow["failed"].sum() == 2 == len(found.failed) and found.responders["n"].sum() == 58
    assert found.flow[["measured", "missed", "failed"]].sum(axis=1).tolist() == found.flow["randomised"].tolist()
    assert "2 runs failed: he left" in found.text()


def test_the_mean_of_screening_holds_its_zeros():
    from testis_abm.experiments.trial import _screened

    case = {**TRIAL, "trial": {**TRIAL["trial"], "men": 200, "where": ["sperm concentration < 1 M/mL"], "visits": 2}}
    cohort = prepare_trial(case).cohort
    seen, (one, two) = _screened(cohort), cohort.cohort.measured
    count = "concentration_million_ml"
    np.testing.assert_allclose(seen[f"baseline_{count}"], (one[count] + two[count]) / 2)
    once = (one[count] == 0) & (two[count] > 0)
    assert once.any() and (seen[f"baseline_{count}"][once] > 0).all()
    motility = "progressive_motility_pct"
    np.testing.assert_allclose(seen[f"baseline_{motility}"][once], two[motility][once])
    assert seen[f"baseline_{motility}"].isna().sum() == ((one[count] == 0) & (two[count] == 0)).sum()


def test_nothing_is_found_where_nothing_is_done(tmp_path):
    """Untreated arms: as many without sperm before and after, p under 0.05 in about 5 %, and regression to the mean."""
    from scipy.stats import binomtest

    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    design = {
        "men": 100,
        "engine": "expected",
        "outputs": ["sperm concentration", "total motile count", "testosterone"],
    }
    p, rises = [], []
    for k, where in enumerate(([], ["sperm concentration < 15 M/mL"])):
        men = []
        for seed in range(1, 6):
            case = {
                "title": "null",
                "plan": {"duration": "20 days"},
                "arm": arms,
                "trial": {**design, "where": where, "seed": seed},
            }
            found = trial(case, tmp_path / f"{k}-{seed}", workers=1)
            p += found.effects["p"].tolist()
            men.append(found.men)
        together = pd.concat(men)
        before, after = together["screened_azoospermic"], together["day20_concentration_million_ml"] == 0.0
        changed = [int((before & ~after).sum()), int((~before & after).sum())]
        if not where:
            assert binomtest(changed[0], sum(changed)).pvalue > 1e-3  # McNemar
        rises.append(
            together["day20_concentration_million_ml"].mean() / together["baseline_concentration_million_ml"].mean()
        )
    assert binomtest(int((np.array(p) < 0.05).sum()), len(p), 0.05).pvalue > 1e-3
    assert rises[0] == pytest.approx(1.0, abs=0.06) and 1.06 < rises[1] < 1.4


def test_screening_takes_semen_after_the_abstinence_of_the_trial(tmp_path):
    arms = [{"name": name, "therapy": []} for name in ("control", "untreated")]
    case = {"title": "null", "plan": {"duration": "20 days"}, "samples": {"abstinence": "8 days"}, "arm": arms}
    men = trial({**case, "trial": {"men": 150, "engine": "expected"}}, tmp_path / "t", workers=1).men
    for name in ("volume_ml", "total_count_million"):
        assert men[f"day20_{name}"].mean() / men[f"baseline_{name}"].mean() == pytest.approx(1.0, abs=0.09)


def test_more_outputs_leave_the_men_as_they_were(tmp_path):
    few, many = (
        {**TRIAL, "trial": {**TRIAL["trial"], "men": 40, "outputs": of}}
        for of in (["LH"], ["LH", "normal forms", "FSH"])
    )
    first, more = (trial(of, tmp_path / f"{k}", workers=1) for k, of in enumerate((few, many)))
    pd.testing.assert_frame_equal(first.men, more.men)
    alike = [of.effects.set_index("column").loc["lh_iu_l"] for of in (first, more)]
    pd.testing.assert_series_equal(*alike)


# ---- estimators of a trial


def test_a_difference_is_that_of_means_whatever_is_near_zero():
    rng = np.random.default_rng(1)
    treated = np.arange(400) % 2 == 1
    base = np.where(rng.random(400) < 0.25, 0.0, rng.lognormal(1.5, 1.2, 400))

    def count(mean):
        return rng.poisson(20.0 * mean * rng.lognormal(-0.045, 0.3, 400)) / 20.0

    before, after = count(base), count(base * np.where(treated, 1.5, 1.0))
    percent, plain = arm_effect(after, treated, before, least=0.05, cv=0.3)
    assert percent.low < 50.0 < percent.high and percent.high - percent.low < 45 and percent.p < 1e-4
    apart = after[treated].mean() - after[~treated].mean()
    assert plain.low < apart + 0.3 * abs(apart) and plain.centre > 0
    # Ten times as little of everything is the same fold, which one on log (count + 0.05) is not.
    small, _ = arm_effect(after / 10.0, treated, before / 10.0, least=0.005, cv=0.3)
    assert small[:3] == pytest.approx(percent[:3], rel=1e-6)
    gone, _ = arm_effect(np.where(treated, 0.0, after), treated, before, least=0.05, cv=0.3)
    assert gone.centre < -50 and np.isfinite(gone.p)
    nothing, apart = arm_effect(np.where(treated, after, 0.0), treated, 0 * before, least=0.05, cv=0.3)
    assert np.isnan(nothing.centre) and apart.centre == pytest.approx(after[treated].mean())


def test_a_share_of_nobody_has_an_interval():
    # Newcombe 1998, method 10: difference 0.5 (0.241 to 0.701).
    apart = share_difference(10, 20, 0, 20)
    assert apart[:3] == pytest.approx([50.0, 24.13, 70.07], abs=0.2)
    assert np.isnan(share_difference(0, 0, 3, 20).centre)


def test_an_auc_is_that_of_its_ranks():
    rng = np.random.default_rng(1)
    score, positive = rng.normal(size=200), np.r_[np.ones(80), np.zeros(120)].astype(bool)
    area, low, high = auc(score + 1.5 * positive, positive)[:3]
    pairs = (score[positive][:, None] + 1.5 > score[~positive][None]).mean()
    assert area == pytest.approx(pairs) and low < area < high <= 1.0
    assert np.isnan(auc(score, np.ones(200, dtype=bool)).centre)
    assert np.isnan(auc(score[:12], np.arange(12) < 4).centre)  # too few
    assert np.isnan(auc(10.0 * positive + score, positive).low) and auc(10.0 * positive + score, positive).centre == 1.0
    missing = np.where(np.arange(200) % 7 == 0, np.nan, score)
    assert auc(missing, positive) == auc(missing[np.isfinite(missing)], positive[np.isfinite(missing)])


def test_power_is_the_share_of_trials_that_find_it():
    def found(n, seed):
        treated = np.arange(2 * n) % 2 == 1
        x = np.random.default_rng(seed).normal(size=2 * n)
        y = x + np.where(treated, 0.6, 0.0) + np.random.default_rng([seed, 1]).normal(size=2 * n)
        return arm_effect(y + 50.0, treated, x + 50.0, least=0.0, cv=0.1)[1]

    seen = np.mean([found(30, seed).p < 0.05 for seed in range(400)])
    assert power(found(4000, 7), (4000, 4000), 30) == pytest.approx(seen, abs=0.07)
    assert power(found(4000, 7), (4000, 4000), 30) < power(found(4000, 7), (4000, 4000), 60)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"where": ["testosteron < 3 nmol/L"]}, "names no measured quantity"),
        ({"allocation": [1]}, "is not one whole number"),
        ({"men": 2}, "men: 2 is out of range"),
        ({"outcome": "sperm"}, 'nearest: "sperm concentration"'),
        ({"missing": 2}, "missing: 2 is out of range"),
        ({"population": "clinik"}, 'nearest: "clinic"'),
        ({"where": ["BMI > 30", "BMI < 25"]}, "meet"),
        ({"outcome": "intratesticular testosterone"}, "is not measured at screening"),
    ],
)
def test_a_wrong_trial_is_told(change, said):
    with pytest.raises(TestisError) as told:
        prepare_trial({**TRIAL, "trial": {**TRIAL["trial"], **change}})
    assert said in str(told.value)


@pytest.mark.parametrize("method", ["morris", "sobol"])
def test_sensitivity_finds_what_matters_and_what_does_not(tmp_path, method):
    pytest.importorskip("SALib")
    case = {
        **SMALL,
        "sensitivity": {
            "method": method,
            "samples": 8,
            "of": "untreated",
            "engine": "expected",
            "outputs": ["testosterone"],
            "over": {
                "man.gnrh_drive": {"from": 0.4, "to": 1.2},
                "man.motility": {"from": 0.5, "to": 1.5},
                "man.leydig_capacity": {"from": 0.9, "to": 1.0},
            },
        },
    }
    table = sensitivity(case, tmp_path / "s", workers=1).set_index("input")
    rank = table["mu_star" if method == "morris" else "total"]
    assert rank["man.gnrh_drive"] > 5 * rank["man.leydig_capacity"] and rank["man.motility"] == pytest.approx(
        0, abs=1e-6
    )
    assert rank.idxmax() == "man.gnrh_drive"
    next((tmp_path / "s" / "parts").glob("*.parquet")).unlink()
    with pytest.raises(TestisError, match="still to come"):
        indices(tmp_path / "s")


def test_a_summary_has_the_intervals_of_its_replicates(tmp_path):
    from testis_abm.statistics import paired_change

    given = {**SMALL, "sweep": {"replicates": 4, "over": {"man.bmi": [24, 32]}, "outputs": ["sperm concentration"]}}
    table = sweep(given, tmp_path / "s", workers=1)
    column = "concentration_million_ml"
    for _, row in summary(tmp_path / "s").iterrows():
        arms = table[table["point"] == row["point"]].pivot(index="replicate", columns="arm", values=column)
        change = paired_change(arms["untreated"].to_numpy(), arms["treated"].to_numpy())
        np.testing.assert_allclose([row[f"{column}, change{end}_pct"] for end in ("", "_low", "_high")], change)
        assert row[f"{column}, treated_half"] == pytest.approx(3.1824 * arms["treated"].std() / 2, rel=1e-4)


def test_a_sobol_sample_is_a_power_of_two():
    pytest.importorskip("SALib")
    over = {"man.bmi": {"from": 20, "to": 40}, "man.age": {"from": 25, "to": 45}}
    with pytest.raises(TestisError, match=r"24 is not a power of two.*use 16 or 32"):
        sensitivity({**SMALL, "sensitivity": {"method": "sobol", "samples": 24, "over": over}}, "never")


def test_a_sweep_is_summed_up(tmp_path):
    sweep({**SWEEP, "sweep": {**SWEEP["sweep"], "engine": "expected", "replicates": 1}}, tmp_path / "s", workers=1)
    short, long = summary(tmp_path / "s"), results(tmp_path / "s")
    assert len(short) == 4 and len(long) == 4 * 2 * 2
    assert short["testosterone_nmol_l, change_low_pct"].isna().all()  # one replicate has no interval
    change = short.pivot(
        index="man.bmi", columns="therapy.1.dose", values=f"{OUTPUTS['testosterone'].column}, change_pct"
    )
    assert (change["1 mg"] > change["0.5 mg"]).all() and (change.loc[32] > change.loc[24]).all()
    early = summary(tmp_path / "s", day=20)
    assert not np.allclose(early["testosterone_nmol_l, treated"], short["testosterone_nmol_l, treated"])


def test_a_design_has_no_points_of_its_own_making():
    assert Design((parse_axis("a", [1]),), ((1,),)).overrides(0) == {"a": 1}
    name, rows, error = attempt(Job({"": {"title": "x"}}, (1,)), Task(0, 0, {"man.bmi": "thin"}))
    assert rows == [] and "thin" in error and len(name) == 16


def test_the_commands_run(tmp_path):
    line = [sys.executable, "-m", "testis_abm"]
    done = subprocess.run(
        [
            *line,
            "sensitivity",
            str(EXAMPLES / "sensitivity.toml"),
            "--workers",
            "1",
            "--shard",
            "1/8",
            "--out",
            str(tmp_path / "s"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0 and "Shard 1 of 8 is done" in done.stdout, done.stderr
    wrong = subprocess.run(
        [*line, "sweep", str(EXAMPLES / "sweep.toml"), "--shard", "3/2"], capture_output=True, text=True, check=False
    )
    assert wrong.returncode == 2 and "write it as I/N" in wrong.stderr
