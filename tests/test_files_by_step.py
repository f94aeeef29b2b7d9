"""What each step of a save leaves on the disk: all old files or all new ones, and those of others as they were."""

from __future__ import annotations

import hashlib
import os
import time

import pytest

from testis_abm.support import files
from testis_abm.support.errors import TestisError

OURS = ("a.csv", "b.csv", "c.csv")
OLD = {"a.csv": "old a", "c.csv": "old c", "notes.txt": "mine"}
NEW = {"a.csv": "new a", "b.csv": "new b", "notes.txt": "mine"}


class Killed(BaseException):
    """A kill: nothing handles it."""


def held(folder):
    """Return what the files of a folder hold, those on their way apart."""
    return {path.name: path.read_text() for path in folder.iterdir() if not path.name.startswith(".")}


def hidden(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("."))


def fill(folder, texts):
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text)


def save(folder):
    with files.whole_folder(folder, OURS) as new:
        (new / "a.csv").write_text("new a")
        (new / "b.csv").write_text("new b")


# ---- a folder


def test_a_new_folder_appears_with_all_of_its_files(tmp_path):
    target = tmp_path / "made" / "results"
    with files.whole_folder(target, OURS) as new:
        (new / "a.csv").write_text("new a")
        assert not target.exists() and new.parent == target.parent
    assert held(target) == {"a.csv": "new a"} and hidden(target.parent) == []


def test_new_files_replace_ours_and_leave_what_is_anothers(tmp_path):
    target = tmp_path / "results"
    fill(target, OLD)
    with files.whole_folder(target, OURS) as new:
        (new / "a.csv").write_text("new a")
        (new / "b.csv").write_text("new b")
        assert held(target) == OLD
    assert held(target) == NEW and hidden(target) == []


def test_a_fault_while_the_folder_is_filled_leaves_the_old_files(tmp_path):
    target = tmp_path / "results"
    fill(target, OLD)
    with pytest.raises(KeyError), files.whole_folder(target, OURS) as new:
        (new / "a.csv").write_text("half")
        raise KeyError("a fault")
    assert held(target) == OLD and hidden(target) == []


def stopped(folder, monkeypatch, acts):
    """Save into a folder; the disk does so many acts, then the process is killed. Return whether it came to its end."""
    left = [acts]

    def counted(act):
        def done(*args, **kwargs):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return act(*args, **kwargs)

        return done

    with monkeypatch.context() as patched:
        for name in ("rename", "replace", "fsync"):
            patched.setattr(os, name, counted(getattr(os, name)))
        try:
            save(folder)
        except Killed:
            return False
    return True


def test_a_kill_at_each_act_leaves_all_old_files_or_an_order_for_the_new_ones(tmp_path, monkeypatch):
    seen = []
    for acts in range(40):
        target = tmp_path / f"results {acts}"
        fill(target, OLD)
        finished, order = stopped(target, monkeypatch, acts), (target / ".testis_abm-new").exists()
        if not order:  # nothing has begun, or all is done
            assert held(target) == (NEW if "order" in seen else OLD)
        seen.append("done" if finished else "order" if order else "new" if "order" in seen else "old")
        files.settle(target, OURS)
        assert held(target) == (OLD if seen[-1] == "old" else NEW)
        assert not (target / ".testis_abm-new").exists()
        save(target)
        assert held(target) == NEW and hidden(target) == []
        if finished:
            break
    # Old until the order is given; from then on the new ones.
    assert list(dict.fromkeys(seen)) in (["old", "order", "new", "done"], ["old", "order", "done"])
    assert seen.count("old") > 2 and seen.count("order") > 2


def test_a_folder_without_an_order_is_settled_already(tmp_path):
    fill(tmp_path / "results", OLD)
    files.settle(tmp_path / "results", OURS)
    files.settle(tmp_path / "nowhere", OURS)
    assert held(tmp_path / "results") == OLD and not (tmp_path / "nowhere").exists()


# ---- one file


def test_a_file_is_written_through_a_link(tmp_path):
    (tmp_path / "real.txt").write_text("old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    files.write(tmp_path / "link.txt", "new")
    assert (tmp_path / "link.txt").is_symlink() and (tmp_path / "real.txt").read_text() == "new"


def test_text_is_written_as_utf_8_and_bytes_as_they_are(tmp_path):
    files.write(tmp_path / "text", "µg/L\n")
    files.write(tmp_path / "bytes", b"\xff\r\n")
    assert (tmp_path / "text").read_bytes() == b"\xc2\xb5g/L\n" and (tmp_path / "bytes").read_bytes() == b"\xff\r\n"


def test_what_is_kept_is_said(tmp_path, monkeypatch):
    files.write(tmp_path / "file", "old")
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(5, "Input/output error")))
    with pytest.raises(TestisError, match=r"cannot be written: Input/output error; the old one is there$"):
        files.write(tmp_path / "file", "new", kept="the old one is there")
    assert held(tmp_path) == {"file": "old"} and hidden(tmp_path) == []


def test_what_is_kept_is_said_of_a_path_that_cannot_be_looked_at_too(tmp_path):
    (tmp_path / "file").write_text("x")
    for kept, said in (("the old one is there", "; the old one is there"), ("", "")):
        with pytest.raises(TestisError, match=rf"cannot be written: Not a directory{said}$"):
            files.write(tmp_path / "file" / "name", "new", kept=kept)


def test_new_files_that_cannot_be_put_in_place_are_said_to_be_complete(tmp_path, monkeypatch):
    fill(tmp_path / "results", OLD)
    replace = os.replace

    def refused(source, target):
        if ".testis_abm-new" in str(source):
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", refused)
    with pytest.raises(TestisError, match=r"cannot be written: Input/output error; new files are complete in"):
        save(tmp_path / "results")
    monkeypatch.undo()
    files.settle(tmp_path / "results", OURS)
    assert held(tmp_path / "results") == NEW


def test_scratch_goes_with_what_is_in_it(tmp_path):
    with pytest.raises(Killed), files.scratch(tmp_path) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        assert folder.parent == tmp_path and hidden(tmp_path) == [folder.name]
        raise Killed
    assert hidden(tmp_path) == []


# ---- leftovers


def test_only_what_nobody_writes_any_more_is_tidied(tmp_path):
    mark, machine = ".testis_abm-", files._machine()
    dead = next(number for number in range(4_000_000, 1, -1) if not _runs(number))
    mine = tmp_path / f"{mark}{machine}-{os.getpid()}-00.partial"
    gone = tmp_path / f"{mark}{machine}-{dead}-00.partial"
    elsewhere, long_ago = (tmp_path / f"{mark}0123456789-{dead}-{k}.partial" for k in (0, 1))
    folder = tmp_path / f"{mark}{machine}-{dead}-01.partial"
    other = tmp_path / "work.partial"
    for path in (mine, gone, elsewhere, long_ago, other):
        path.write_text("x")
    fill(folder, {"a.csv": "half"})
    day = time.time() - 86_500.0
    for path in (long_ago, other):
        os.utime(path, (day, day))
    files.tidy(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine.name, elsewhere.name, other.name}


def _runs(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


# ---- checksums and limits


def test_a_file_is_read_only_as_it_was_written(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    # FIPS 180-2, appendix B.1.
    sum_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert files.checksum(path) == sum_of_abc == hashlib.sha256(b"abc").hexdigest()
    assert files.verified(path, sum_of_abc) == b"abc"
    path.write_bytes(b"abd")
    with pytest.raises(TestisError, match="is damaged"):
        files.verified(path, sum_of_abc)


def test_a_seal_holds_whatever_the_order_and_breaks_with_any_value():
    text = files.sealed({"b": 2, "a": [1.5, None]})
    assert files.unsealed(text) == {"a": [1.5, None], "b": 2}
    for changed in (text.replace("1.5", "1.6"), text.replace('"b"', '"c"'), '{"a": 1}', "[]"):
        with pytest.raises(ValueError, match="checksum"):
            files.unsealed(changed)


def test_a_file_may_hold_as_much_as_is_allowed_and_no_more(tmp_path):
    (tmp_path / "file").write_bytes(b"12345")
    assert files.content(tmp_path / "file", 5) == b"12345"
    with pytest.raises(OSError, match="holds more than 4 bytes"):
        files.content(tmp_path / "file", 4)
