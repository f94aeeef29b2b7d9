"""Files are written whole or not at all, never over what is somebody else's, and a kill at any moment is made good."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_results_synthetic import make, short

from testis_abm import RunResult, TestisError, TestisModel, load
from testis_abm.cli.command import main
from testis_abm.experiments.store import merge, read
from testis_abm.experiments.sweep import sweep
from testis_abm.results import store
from testis_abm.studies import ensemble, load_study
from testis_abm.support import files, outputs

ROOT = Path(__file__).parents[1]
SWEEP = {
    "title": "small",
    "man": {"preset": "obese_low_t_e2"},
    "tissue": {"tubules": 1, "sertoli_per_tubule": 6},
    "plan": {"baseline": "1 day", "duration": "20 days"},
    "therapy": [{"drug": "anastrozole", "dose": "1 mg", "every": "1 day"}],
    "sweep": {"engine": "expected", "replicates": 1, "over": {"man.bmi": [22, 26, 30, 34]}},
}


def run(code: str, *given: object, **more) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, given)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        **more,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- one file


def test_a_file_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    with files.whole(path) as file:
        file.write(b"new")
        assert not path.exists()
    plain = tmp_path / "plain"
    plain.touch()
    assert path.read_bytes() == b"new" and path.stat().st_mode == plain.stat().st_mode
    with pytest.raises(KeyboardInterrupt), files.whole(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"new" and names(path.parent) == ["file.txt"]


@pytest.mark.parametrize("act", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EACCES, "Permission denied"),
        (errno.EROFS, "Read-only"),
    ],
)
def test_what_a_disk_refuses_is_one_line(tmp_path, monkeypatch, act, fault, said):
    path = tmp_path / "file.txt"
    files.write(path, "old")
    monkeypatch.setattr(os, act, lambda *_: (_ for _ in ()).throw(OSError(fault, os.strerror(fault))))
    with pytest.raises(TestisError, match=rf"file\.txt: cannot be written: {said}.*; nothing was saved") as told:
        files.write(path, "new")
    assert "\n" not in str(told.value) and path.read_text() == "old" and names(tmp_path) == ["file.txt"]


def test_a_disk_that_is_really_full_is_told(tmp_path):
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], capture_output=True, check=False
    ).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        files.write(tmp_path / "old", b"old")
        for path in (tmp_path / "old", tmp_path / "new"):
            with pytest.raises(TestisError, match="the disk is full"):
                files.write(path, bytes(200_000))
        assert names(tmp_path) == ["old"] and (tmp_path / "old").read_bytes() == b"old"
    finally:
        subprocess.run(["umount", tmp_path], check=True)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_devices_pipes_and_folders_are_refused_and_links_followed(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for place, said in (
        ("/dev/null", "is a device"),
        (tmp_path / "pipe", "is a device or a pipe"),
        (tmp_path, "is a folder"),
    ):
        with pytest.raises(TestisError, match=said):
            files.write(place, "x")
    (tmp_path / "device").symlink_to("/dev/null")
    with pytest.raises(TestisError, match="is a device"):
        files.write(tmp_path / "device", "x")
    (tmp_path / "link").symlink_to(tmp_path / "far")
    files.write(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "far").read_text() == "x"
    for place in ("nul\0l", "x" * 300, "é" * 200):
        with pytest.raises(TestisError) as told:
            files.write(tmp_path / place, "x")
        assert "\n" not in str(told.value)


def test_a_replacement_waits_for_readers_as_windows_wants_it(tmp_path, monkeypatch):
    files.write(tmp_path / "file", "old")
    real, refusals = os.replace, [1, 1, 1]

    def replace(*given):
        if refusals:
            refusals.pop()
            raise PermissionError(errno.EACCES, "in use")
        real(*given)

    monkeypatch.setattr(os, "replace", replace)
    monkeypatch.setattr(files, "_PAUSE", 0.0)
    monkeypatch.setattr("testis_abm.support.files.os.name", "nt")
    files._replace(tmp_path / "file", tmp_path / "moved")
    monkeypatch.undo()
    assert (tmp_path / "moved").read_text() == "old"


def test_threads_that_write_one_file_leave_one_whole(tmp_path):
    path = tmp_path / "file"
    threads = [threading.Thread(target=files.write, args=(path, bytes([k]) * 300_000)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(path.read_bytes())) == 1 and names(tmp_path) == ["file"]


KILL = """
import os, signal, sys
from pathlib import Path
from testis_abm.support import files
folder, strike = Path(sys.argv[1]), int(sys.argv[2])
acts = [0]
def counted(act):
    def acted(*given, **named):
        acts[0] += 1
        if acts[0] == strike:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*given, **named)
    return acted
for name in ("rename", "replace", "unlink", "rmdir", "mkdir", "fsync"):
    setattr(os, name, counted(getattr(os, name)))
"""


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_a_killed_writer_leaves_the_old_file_and_the_next_tidies(tmp_path):
    path = tmp_path / "file"
    for strike in range(1, 20):
        files.write(path, "old")
        done = run(KILL + "files.write(folder / 'file', 'new')", tmp_path, strike)
        assert path.read_text() in ("old", "new")
        files._tidied.clear()
        files.write(path, "again")
        assert names(tmp_path) == ["file"]
        if done.returncode == 0:
            break
    assert strike > 3


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    with files.whole(tmp_path / "one") as file:
        file.write(b"one")
        files._tidied.clear()
        files.write(tmp_path / "other", "other")
    assert names(tmp_path) == ["one", "other"]
    foreign = tmp_path / ".testis_abm-0123456789-1-abcd.partial"  # of another machine
    foreign.touch()
    files._tidied.clear()
    files.tidy(tmp_path)
    assert foreign.exists()
    os.utime(foreign, (0, 0))
    files._tidied.clear()
    files.tidy(tmp_path)
    assert not foreign.exists()


# ---- a folder

FOLDER = """
with files.whole_folder(folder, {"a", "b", "gone"}) as new:
    for name in ("a", "b"):
        (new / name).write_text("new")
"""


@pytest.mark.skipif(os.name == "nt", reason="kills as POSIX does")
def test_a_kill_at_any_moment_leaves_all_old_or_all_new_files_and_those_of_the_user(tmp_path):
    folder, seen, kills = tmp_path / "run", set(), 0
    for strike in range(1, 80):
        subprocess.run(["rm", "-rf", folder], check=True)
        folder.mkdir()
        for name in ("a", "b", "gone", "mine"):
            (folder / name).write_text("old")
        done = run(KILL + FOLDER, folder, strike)
        assert (folder / "mine").read_text() == "old"  # never away, not for a moment
        files._tidied.clear()
        files.settle(folder, {"a", "b", "gone"})
        files.tidy(folder)
        state = {path.name: path.read_text() for path in folder.iterdir()}
        assert state.pop("mine") == "old"
        assert state in ({"a": "old", "b": "old", "gone": "old"}, {"a": "new", "b": "new"})
        seen.add(len(state))
        if done.returncode == 0:
            break
        kills += 1
    assert kills > 12 and seen == {2, 3} and names(tmp_path) == ["run"]


def test_results_cut_short_are_finished_by_whoever_comes_next(tmp_path, monkeypatch):
    made = make(short(), sections=False)
    folder = made.save(tmp_path / "run")
    (folder / "notes.txt").write_text("mine")
    again = make(sections=False)
    real = files._replace

    def strike(source, target):
        if source.name == "semen.parquet":
            raise OSError(errno.EIO, "Input/output error")
        real(source, target)

    monkeypatch.setattr(files, "_replace", strike)
    with pytest.raises(TestisError, match="cannot be written"):
        again.save(folder)
    monkeypatch.undo()
    assert len(RunResult.load(folder).hormones) == len(again.hormones) != len(made.hormones)
    assert (folder / "notes.txt").read_text() == "mine" and not list(folder.glob(".*"))


def interrupted(tmp_path, monkeypatch) -> tuple[Path, RunResult]:
    """Return results whose renewal was killed before the first new file was in place, and the new results."""
    folder, again = make(short(), sections=False).save(tmp_path / "run"), make(sections=False)
    monkeypatch.setattr(files, "_replace", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "Input/output error")))
    monkeypatch.setattr(files, "write", lambda path, text: path.write_text(text))
    with pytest.raises(TestisError, match="cannot be written"):
        again.save(folder)
    monkeypatch.undo()
    return folder, again


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def sealed_list(**sums: str) -> bytes:
    return files.sealed({"files": sums}).encode()


@pytest.mark.parametrize(
    "order",
    [
        b"{",
        b"",
        b"3",
        b"null",
        b"[3]",
        b"\xff",
        b"[" * 100_000,
        b'["../../victim"]',
        b'["a\\u0000"]',
        b'["x"]',
        sealed_list(**{"../../victim": "0"}),
        sealed_list(**{"a\0": "0"}),
        sealed_list(**{"evil.txt": "0"}),
        sealed_list(),
        sealed_list(**{"run.json": "0"}),
        sealed_list(**{".": "0"}),
        files.sealed({}).encode(),
        files.sealed({"files": 3}).encode(),
        files.sealed({"files": ["run.json"]}).encode(),
    ],
    ids=lambda of: repr(of[:24]),
)
def test_an_order_that_is_not_what_was_written_touches_nothing(tmp_path, monkeypatch, order):
    folder, again = interrupted(tmp_path, monkeypatch)
    victim = tmp_path.parent / f"{tmp_path.name}-victim"
    victim.write_text("v")
    (folder / ".testis_abm-new" / ".testis_abm-files").write_bytes(order.replace(b"victim", victim.name.encode()))
    before = everything(folder)
    for act in (lambda: RunResult.load(folder), lambda: store.check_writable(folder), lambda: again.save(folder)):
        with pytest.raises(TestisError, match=r"cut short.*nothing was touched.*move .testis_abm-new away") as told:
            act()
        assert "\n" not in str(told.value) and everything(folder) == before and victim.read_text() == "v"
    (folder / ".testis_abm-new").rename(tmp_path / "away")
    assert len(RunResult.load(folder).hormones) < len(again.hormones)  # the old ones, whole


def test_no_flipped_bit_of_an_order_loses_a_file(tmp_path, monkeypatch):
    folder, again = interrupted(tmp_path, monkeypatch)
    before = everything(folder)
    for path in sorted((folder / ".testis_abm-new").iterdir()):
        for _ in flips(path, 25 if path.name == ".testis_abm-files" else 3, 7):
            harmed = everything(folder)
            with pytest.raises(TestisError, match="nothing was touched"):
                RunResult.load(folder)
            assert everything(folder) == harmed
        content, old = path.read_bytes(), folder / path.name
        if old.exists() and old.read_bytes() == content:  # it is in place already
            continue
        path.unlink()
        with pytest.raises(TestisError, match="nothing was touched"):
            RunResult.load(folder)
        path.write_bytes(content)
    assert everything(folder) == before
    assert len(RunResult.load(folder).hormones) == len(again.hormones) and not list(folder.glob(".*"))


@pytest.mark.skipif(os.name == "nt", reason="links as POSIX has them")
def test_an_order_behind_a_link_or_that_is_no_folder_is_not_followed(tmp_path, monkeypatch):
    folder, _ = interrupted(tmp_path, monkeypatch)
    new = folder / ".testis_abm-new"
    new.rename(tmp_path / "elsewhere")
    for make_it in (lambda: new.symlink_to(tmp_path / "elsewhere"), new.touch):
        make_it()
        with pytest.raises(TestisError, match="it is no folder"):
            RunResult.load(folder)
        new.unlink()
    assert (tmp_path / "elsewhere" / "run.json").exists()


# ---- what is read


def read_every_way(path: Path) -> list[str]:
    """Return what every reader of a path that a user names says of it."""
    said = []
    for act in (
        lambda: load(path),
        lambda: sweep(path, path.parent / "out", workers=1),
        lambda: load_study(path),
        lambda: ensemble.read(path),
        lambda: TestisModel.load(path),
        lambda: RunResult.load(path),
        lambda: read(path),
        lambda: merge(path, [path]),
        lambda: outputs.check(path.with_suffix(".json"), ("x",)),
    ):
        with pytest.raises(TestisError) as told:
            act()
        assert "\n" not in str(told.value) and len(str(told.value)) < 1500
        said.append(str(told.value))
    return said


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names here")
def test_no_reader_waits_for_a_pipe_or_reads_a_device(tmp_path):
    os.mkfifo(tmp_path / "pipe.json")
    said = read_every_way(tmp_path / "pipe.json")
    assert sum("is a device or a pipe" in line for line in said) >= 5
    folder = tmp_path / "results"
    for name in ("run.json", "manifest.json"):
        folder.mkdir(exist_ok=True)
        os.mkfifo(folder / name)
    for act in (lambda: RunResult.load(folder), lambda: read(folder), lambda: store.check_writable(folder)):
        with pytest.raises(TestisError):
            act()
    for device in ("/dev/zero", "/dev/full", "/dev/null"):
        with pytest.raises(OSError, match="is a device or a pipe"):
            files.content(device)
        with pytest.raises(TestisError, match="is a device or a pipe"):
            TestisModel.load(device)


@pytest.mark.parametrize("path", ["x" * 5000, "a/" * 3000, "nul\0", "\ud800"])
def test_what_cannot_be_a_path_is_one_short_line(tmp_path, path):
    for line in read_every_way(tmp_path / path):
        assert line.isprintable()


def test_a_file_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(OSError, match="holds more than 1,000 bytes"):
        files.content(tmp_path / "large", 1000)
    with pytest.raises(TestisError, match="100,000,000 bytes"):
        ensemble.read(tmp_path / "large")


DEEP = [b"[" * 200_000, b'{"a":' * 100_000, b"9" * 10_000, b"\xff", b"", b"[]", b"{}", b"3", b"null", b'"\\ud800"']


@pytest.mark.parametrize("content", DEEP, ids=lambda of: repr(of[:12]))
def test_json_of_any_kind_is_read_or_told_in_a_line(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    (tmp_path / "manifest.json").write_bytes(content)
    for act in (lambda: RunResult.load(tmp_path), lambda: read(tmp_path), lambda: store.check_writable(tmp_path)):
        with pytest.raises(TestisError) as told:
            act()
        assert "\n" not in str(told.value)
    with pytest.raises(ValueError, match=r"."):
        files.unsealed(content)
    with pytest.raises(TestisError, match="was not written by testis_abm"):
        outputs.check(tmp_path / "run.json")


# ---- what is read back


def flips(path: Path, count: int, seed: int):
    """Yield after each of some flipped bits; put the file back at the end."""
    content = path.read_bytes()
    for at in np.random.default_rng(seed).integers(0, 8 * len(content), count).tolist():
        harmed = bytearray(content)
        harmed[at // 8] ^= 1 << at % 8
        path.write_bytes(harmed)
        yield at
    path.write_bytes(content)


@pytest.mark.slow
def test_no_flipped_bit_of_a_result_becomes_a_number(tmp_path):
    folder = make(short()).save(tmp_path / "run")
    whole = RunResult.load(folder)
    for path in sorted(folder.glob("*.*")):
        if path.suffix not in (".parquet", ".npz", ".json"):
            continue
        for _ in flips(path, 5, 3):
            try:
                found = RunResult.load(folder)
            except TestisError as error:
                assert "\n" not in str(error) and str(folder) in str(error)
                continue
            assert path.suffix == ".json"  # a space among its numbers
            assert found.provenance == whole.provenance and found.scenario == whole.scenario
    assert RunResult.load(folder).hormones.equals(whole.hormones)


@pytest.mark.slow
def test_no_flipped_bit_of_a_store_becomes_a_number(tmp_path):
    sweep(SWEEP, tmp_path / "s", workers=1)
    whole, told = read(tmp_path / "s"), 0
    kept = [
        tmp_path / "s" / "design.parquet",
        tmp_path / "s" / "manifest.json",
        *(tmp_path / "s" / "parts").glob("*.parquet"),
    ]
    for path in kept:
        for _ in flips(path, 5, 4):
            try:
                found = read(tmp_path / "s")
            except TestisError as error:
                assert "\n" not in str(error)
                told += 1
                continue
            assert path.suffix == ".json" and found.equals(whole)
    assert told > 8
    next(flips(tmp_path / "s" / "design.parquet", 1, 5))
    assert sweep(SWEEP, tmp_path / "s", workers=1).equals(sweep(SWEEP, tmp_path / "t", workers=1))


@given(
    st.dictionaries(
        st.text(), st.one_of(st.integers(), st.floats(allow_nan=False), st.text(), st.booleans(), st.none())
    )
)
def test_a_sealed_table_comes_back_and_no_other(table):
    table.pop("sha256", None)
    text = files.sealed(table)
    assert files.unsealed(text) == table
    other = {**table, "one more": 1.5}
    with pytest.raises(ValueError, match="checksum"):
        files.unsealed(files.sealed(other).replace("1.5", "1.25"))


# ---- several at once


@pytest.mark.slow
def test_equal_sweeps_at_once_on_one_folder_all_end_well(tmp_path):
    code = (
        "import sys; from testis_abm.cli.command import main; "
        "sys.exit(main(['sweep', sys.argv[1], '--out', sys.argv[2], '--workers', '1', '--no-plots']))"
    )
    file = tmp_path / "small.toml"
    import tomli_w

    file.write_text(tomli_w.dumps(SWEEP))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, str(file), str(tmp_path / "s")]
    at_once = [
        subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    said = [process.communicate(timeout=300)[1] for process in at_once]
    assert [process.returncode for process in at_once] == [0] * 3, said
    table = read(tmp_path / "s")
    assert len(table) == 8 and not table.duplicated(["point", "arm", "day"]).any()
    assert not list((tmp_path / "s").rglob(".*"))
    assert len(pd.read_parquet(tmp_path / "s" / "results.parquet")) == 8


# ---- what a command was asked to write by name


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("men.ods", "suffix must say the format"),
        ("thesis.docx", "not '.docx'"),
        ("men", "not 'nothing'"),
        ("foreign.csv", "exists and was not written by testis_abm"),
        ("foreign.parquet", "exists and was not written by testis_abm"),
        ("folder.csv", "is a folder"),
        ("device.csv", "is a device"),
    ],
)
def test_a_cohort_is_never_written_over_something_else(tmp_path, capsys, name, said):
    (tmp_path / "foreign.csv").write_text("patient,testosterone\n1,9.0\n")
    pd.DataFrame({"patient": [1]}).to_parquet(tmp_path / "foreign.parquet")
    (tmp_path / "thesis.docx").write_text("years of work")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "device.csv").symlink_to("/dev/null")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    assert main(["cohort", "--men", "3", "--out", str(tmp_path / name)]) == 2
    shown = capsys.readouterr()
    assert said in shown.err and shown.err.count("\n") == 1 and shown.out == ""  # before the work
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == before


def test_a_cohort_is_written_as_its_name_says_and_again(tmp_path):
    for seed in ("1", "2"):
        for name in ("men.csv", "men.parquet"):
            assert main(["cohort", "--men", "3", "--seed", seed, "--out", str(tmp_path / name)]) == 0
        csv, parquet = pd.read_csv(tmp_path / "men.csv"), pd.read_parquet(tmp_path / "men.parquet")
        pd.testing.assert_frame_equal(csv, parquet, check_dtype=False)
    assert names(tmp_path) == ["men.csv", "men.parquet"]


@pytest.mark.parametrize(
    ("command", "name"), [(["drugs", "letrozole"], "letrozole.png"), (["drugs", "letrozole"], "letrozole.svg")]
)
def test_no_command_writes_over_a_file_of_its_users(tmp_path, capsys, command, name):
    (tmp_path / name).write_text("years of work")
    assert main([*command, "--out", str(tmp_path)]) == 2
    assert "exists and was not written by testis_abm" in capsys.readouterr().err
    assert (tmp_path / name).read_text() == "years of work" and names(tmp_path) == [name]


TWIN = ["twin", "--t", "9nmol/L", "--lh", "4"]


@pytest.mark.parametrize(
    "name", ["thesis.docx", "run.json", "men.parquet", "twin.json", "manifest.json", "studies.csv"]
)
@pytest.mark.parametrize("command", [TWIN, ["studies", "run", "leder_2004"], ["run", "obese_anastrozole"]], ids=str)
def test_no_command_puts_its_results_among_others(tmp_path, capsys, command, name):
    (tmp_path / name).write_text("years of work")
    assert main([*command, "--out", str(tmp_path)]) == 2
    shown = capsys.readouterr()
    assert "is not empty and holds no results of an earlier run" in shown.err and shown.out == ""  # before the work
    assert (tmp_path / name).read_text() == "years of work" and names(tmp_path) == [name]
    assert main([*command, "--out", str(tmp_path / name)]) == 2
    shown = capsys.readouterr()
    assert "is a file; results need a folder" in shown.err and shown.out == ""


@pytest.mark.slow
def test_a_folder_of_results_holds_those_of_the_last_command_alone(tmp_path, few_men):
    folder = tmp_path / "man"
    therapy = ["--give", "anastrozole 1mg daily", "--days", "30", "--men", "10"]
    assert main([*TWIN, *therapy, "--out", str(folder)]) == 0
    assert {"prediction.parquet", "before_and_after.png"} <= set(names(folder))
    assert main([*TWIN, "--out", str(folder)]) == 0
    assert names(folder) == ["labs.parquet", "men.parquet", "physiology.parquet", "results.json", "twin.json"]
    replay = ["studies", "run", "leder_2004", "--sets", "1", "--repeats", "20", "--out", str(tmp_path / "studies")]
    assert main(replay) == main([*replay, "--no-plots"]) == 0
    assert names(tmp_path / "studies") == ["results.json", "studies.csv", "studies.json"]


@pytest.mark.parametrize("command", [["cohort", "--men", "3", "--out", "{}/men.csv"]])
def test_a_place_that_cannot_be_written_is_told_before_the_work(tmp_path, capsys, monkeypatch, command):
    real = os.access  # root is refused nothing
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path and real(path, mode))
    assert main([word.format(tmp_path) for word in command]) == 2
    shown = capsys.readouterr()
    assert "cannot be written: Permission denied" in shown.err and shown.err.count("\n") == 1 and shown.out == ""


@pytest.mark.slow
def test_what_the_program_wrote_it_may_replace(tmp_path):
    table = pd.DataFrame({"study": ["a"], "x": [1.0]})
    for name in ("t.parquet", "t.csv"):
        outputs.write_table(tmp_path / name, table)
        outputs.check(tmp_path / name, ["study"])
        assert len(pd.read_csv(tmp_path / name) if name.endswith("csv") else pd.read_parquet(tmp_path / name)) == 1
    outputs.write_json(tmp_path / "t.json", {"x": 1})
    outputs.check(tmp_path / "t.json")
    assert (
        main(["drugs", "letrozole", "--out", str(tmp_path)])
        == main(["drugs", "letrozole", "--out", str(tmp_path)])
        == 0
    )


# ---- what a command prints


def commanded(*arguments: str, **more) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "testis_abm.cli", *arguments]
    return subprocess.run(command, env=environment, stderr=subprocess.PIPE, text=True, check=False, **more)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no full disk here")
@pytest.mark.parametrize("arguments", [["men"], ["--help"], ["parameters"], ["--version"]], ids=str)
@pytest.mark.slow
def test_a_full_disk_behind_the_output_is_one_line(arguments):
    with Path("/dev/full").open("w") as full:
        done = commanded(*arguments, stdout=full)
    assert (done.returncode, done.stderr) == (2, "standard output: cannot be written: the disk is full\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes as POSIX has them")
@pytest.mark.slow
def test_a_reader_that_has_gone_is_no_fault():
    out, into = os.pipe()
    os.close(out)
    done = commanded("parameters", stdout=into)
    os.close(into)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "{}"],
        ["run", "fertile_man", "--set", "{}"],
        ["run", "fertile_man", "--set", "man.bmi={}"],
        ["run", "fertile_man", "--set", "{}=3"],
        ["run", "fertile_man", "--out", "{}"],
        ["run", "fertile_man", "{}"],
        ["sweep", "{}"],
        ["merge", "{}", "{}"],
        ["men", "{}"],
        ["drugs", "{}"],
        ["scenarios", "{}"],
        ["parameters", "{}"],
        ["studies", "run", "{}"],
        ["studies", "run", "leder_2004", "--ensemble", "{}"],
        ["{}"],
    ],
    ids=str,
)
@pytest.mark.parametrize("text", ["x" * 100_000, "x y " * 25_000], ids=["a word", "words"])
def test_what_was_given_is_not_repeated_at_length(arguments, text, capsys):
    try:
        code = main([of.replace("{}", text) for of in arguments])
    except SystemExit as ended:
        code = ended.code
    said = capsys.readouterr().err
    assert code == 2 and 0 < len(said) < 1500, said[:3000]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["studies", "run", "scenarios/obese_anastrozole.toml"], "is a scenario; use testis-abm run"),
        (["studies", "run", "scenarios/experiments/sweep.toml"], r"with a \[sweep\] table; use testis-abm sweep"),
        (["run", "scenarios/experiments/trial.toml"], r"with a \[trial\] table; use testis-abm trial"),
        (["run", "scenarios/experiments/compare_drugs.toml"], r"with \[\[arm\]\] tables; use testis-abm compare"),
        (["run", "testis_abm/studies/leder_2004.toml"], "is a study; use testis-abm studies run"),
        (["sweep", "testis_abm/studies/leder_2004.toml"], "is a study; use testis-abm studies run"),
        (["compare", "testis_abm/studies/leder_2004.toml"], "is a study; use testis-abm studies run"),
    ],
    ids=str,
)
def test_a_file_of_another_command_says_which(arguments, said, capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and re.search(said, told)


def test_a_killed_check_is_tidied_by_the_next(tmp_path):
    code = KILL.replace("from testis_abm.support import files", "from testis_abm.results import store")
    assert run(code + "store.check_writable(folder / 'run')", tmp_path, 2).returncode < 0
    assert len(list(tmp_path.glob(".testis_abm-*"))) == 1
    store.check_writable(tmp_path / "run")
    assert not list(tmp_path.iterdir())
