"""Results on disk: what is saved comes back, and nothing is ever half-written."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from test_results_synthetic import make, scenario, short

from testis_abm import RunResult
from testis_abm.results import store
from testis_abm.support.errors import TestisError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def result() -> RunResult:
    made = make(scenario(plan={"duration": "180 days", "replicates": 2}))
    made.attribution = pd.DataFrame({"rate": ["meiosis", "elongation"], "change_pct": [12.0, -3.0]})
    made.provenance |= {"engine_seconds": np.float64(1.5), "warnings": ["a warning"], "gap": float("nan")}
    return made


def tree(folder: Path) -> dict[str, str]:
    """Return every file under a folder with its checksum."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_what_is_saved_comes_back(result, tmp_path):
    loaded = RunResult.load(result.save(tmp_path / "new" / "run"))
    assert loaded.scenario == result.scenario
    for name, table in result.tables.items():
        pd.testing.assert_frame_equal(loaded.tables[name], table, obj=name)
    pd.testing.assert_frame_equal(loaded.attribution, result.attribution)
    assert loaded.sections.keys() == result.sections.keys()
    for arm, section in result.sections.items():
        for key, value in section.items():
            np.testing.assert_array_equal(loaded.sections[arm][key], value)
    assert loaded.sections["treated"]["germ_step"].dtype == np.uint8
    assert loaded.provenance["engine_seconds"] == 1.5
    assert loaded.provenance["warnings"] == ["a warning"]
    assert loaded.provenance["gap"] is None
    pd.testing.assert_frame_equal(loaded.summary(), result.summary())


def test_run_json_tells_where_a_result_comes_from(result, tmp_path):
    result.save(tmp_path / "run")
    run = json.loads((tmp_path / "run" / "run.json").read_text())
    assert run["rows"] == {name: len(table) for name, table in result.tables.items()}
    assert run["provenance"]["seed"] == 1
    assert run["provenance"]["platform"]
    assert run["provenance"]["versions"]["pandas"] == pd.__version__
    assert run["scenario"] == result.scenario.as_dict()


def test_saved_again_a_result_keeps_its_versions(tmp_path):
    made = make(short(), sections=False)
    made.provenance["versions"] = {"testis_abm": "0.0.1"}
    RunResult.load(made.save(tmp_path / "first")).save(tmp_path / "second")
    run = json.loads((tmp_path / "second" / "run.json").read_text())
    assert run["provenance"]["versions"] == {"testis_abm": "0.0.1"}


@pytest.mark.slow
def test_another_process_writes_the_same_bytes(tmp_path):
    here = make(short())
    here.save(tmp_path / "here")
    # npz files carry the time of day if one lets them.
    time.sleep(2.1)
    code = "from test_results_synthetic import *; import sys;make(short()).save(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", code, tmp_path / "there"],
        env={**os.environ, "PYTHONPATH": str(HERE), "PYTHONHASHSEED": "7"},
        check=True,
    )
    one, other = tree(tmp_path / "here"), tree(tmp_path / "there")
    assert one.pop("run.json")
    assert other.pop("run.json")
    assert one == other
    assert {"hormones.parquet", "sections.npz", "scenario.toml"} <= one.keys()


def test_parquet_files_hold_units_but_no_versions(result, tmp_path):
    schema = pq.read_schema(result.save(tmp_path / "run") / "hormones.parquet")
    assert schema.field("lh_iu_l").metadata == {b"unit": b"IU/L"}
    assert schema.metadata is None


def test_earlier_results_are_replaced_and_notes_kept(result, tmp_path):
    folder = result.save(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    (folder / "figure of mine.png").write_text("mine too")
    (folder / "hormones.png").write_text("of the earlier run")
    shorter = make(short(), sections=False)
    shorter.save(folder)
    assert len(RunResult.load(folder).hormones) == len(shorter.hormones)
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "figure of mine.png").exists()
    assert not (folder / "hormones.png").exists()
    assert not (folder / "sections.npz").exists()
    assert os.listdir(tmp_path) == ["run"]


def test_the_folder_is_as_open_as_any_other(result, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    assert result.save(tmp_path / "run").stat().st_mode == plain.stat().st_mode


def test_a_link_to_a_folder_is_followed(result, tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "far")
    result.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "run.json").exists()


def other_software(folder: Path) -> None:
    (folder / "run.json").write_text('{"software": "something else"}')


@pytest.mark.parametrize(
    "fill",
    [
        lambda folder: (folder / "thesis.docx").write_text("years of work"),
        lambda folder: (folder / "run.json").write_text('{"software": "testis_abm", "form'),
        other_software,
    ],
    ids=["foreign files", "cut run.json", "another software's run.json"],
)
def test_a_folder_without_results_is_refused(result, tmp_path, fill):
    target = tmp_path / "mine"
    target.mkdir()
    fill(target)
    before = tree(tmp_path)
    for refuse in (store.check_writable, result.save):
        with pytest.raises(TestisError, match="holds no results") as caught:
            refuse(target)
        assert "\n" not in str(caught.value)
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "place",
    ["/dev/null/run", "{tmp}/a file", "{tmp}/a file/run", "{tmp}/" + "x" * 300, "{tmp}/nul\0l"],
    ids=["device", "file", "under a file", "long name", "null byte"],
)
def test_an_impossible_place_is_told_before_the_run(result, tmp_path, place):
    (tmp_path / "a file").write_text("content")
    target = place.format(tmp=tmp_path)
    for refuse in (store.check_writable, result.save):
        with pytest.raises(TestisError) as caught:
            refuse(target)
        assert "\n" not in str(caught.value)
        assert "\0" not in str(caught.value)
    assert tree(tmp_path) == {"a file": hashlib.sha256(b"content").hexdigest()}


def test_the_check_leaves_no_trace(tmp_path):
    store.check_writable(tmp_path / "deep" / "down" / "run")
    store.check_writable(tmp_path)
    assert os.listdir(tmp_path) == []


def test_without_permission_nothing_is_written(result, tmp_path, monkeypatch):
    # Root, who runs many a container, is refused nothing: the refusal is made up.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "mkdir", refuse)
    with pytest.raises(TestisError, match="cannot be written: Permission denied"):
        store.check_writable(tmp_path / "run")


@pytest.mark.parametrize("earlier", [False, True], ids=["new folder", "earlier results"])
@pytest.mark.parametrize(
    ("stroke", "seen"),
    [(OSError(errno.ENOSPC, "No space left on device"), TestisError), (KeyboardInterrupt(), KeyboardInterrupt)],
    ids=["full disk", "Ctrl-C"],
)
@pytest.mark.parametrize("where", ["savez_compressed", "fsync", "rename"])
def test_a_broken_save_leaves_what_was_there(result, tmp_path, monkeypatch, earlier, stroke, seen, where):
    target = tmp_path / "run"
    if earlier:
        make(short(), sections=False).save(target)
    before = tree(tmp_path)
    rename = os.rename

    def strike(*given: object, **_: object) -> None:
        # The first renaming of a replacement moves the old results aside; the blow falls after it.
        if where == "rename" and given[0] == target:
            rename(*given)
            return
        monkeypatch.undo()
        raise stroke

    monkeypatch.setattr(np if where == "savez_compressed" else os, where, strike)
    with pytest.raises(seen) as caught:
        result.save(target)
    if seen is TestisError:
        assert str(caught.value) == f"{target}: cannot be written: the disk is full; nothing was saved"
    assert tree(tmp_path) == before
    assert os.listdir(tmp_path) == (["run"] if earlier else [])


def test_a_disk_that_fills_up_for_real(tmp_path):
    # The process may write no file beyond 20 kB, as a quota would have it.
    code = """
import resource, signal, sys
from test_results_synthetic import make
from testis_abm.support.errors import TestisError
result = make(sections=False)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
try:
    result.save(sys.argv[1])
except TestisError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "run"],
        env={**os.environ, "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.count("\n") == 1
    assert "cannot be written" in done.stdout
    assert os.listdir(tmp_path) == []


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (lambda f: cut(f / "hormones.parquet"), "damaged"),
        (lambda f: (f / "semen.parquet").unlink(), "damaged"),
        (lambda f: cut(f / "run.json"), "run.json is damaged"),
        (lambda f: (f / "run.json").unlink(), "holds no results of a run"),
        (lambda f: cut(f / "sections.npz"), "damaged"),
        (lambda f: (f / "run.json").write_text('{"software": "testis_abm", "format": 99}'), "written in format 99"),
        (lambda f: (f / "run.json").write_text("[]"), "not written by testis_abm"),
    ],
)
def test_damaged_results_are_told_in_a_line(result, tmp_path, damage, told):
    folder = result.save(tmp_path / "run")
    damage(folder)
    with pytest.raises(TestisError, match=told) as caught:
        RunResult.load(folder)
    assert "\n" not in str(caught.value)
    assert str(folder) in str(caught.value)
