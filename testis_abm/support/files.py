"""Files and folders that are written whole or not at all, on Linux, macOS and Windows.

What is written lies under a hidden name beside its target until it is complete and on the disk. A writer that is
killed leaves that name behind; it says which process of which machine wrote it, so that the next writer can tell a
leftover and removes it. What a user names to be read is opened once it is known to be a file: a pipe would be waited
for, a device read without end. What a disk refuses, or is not as it was written, is a TestisError, unless a function
says that it raises another.
"""

from __future__ import annotations

import atexit
import contextlib
import errno
import hashlib
import json
import os
import platform
import secrets
import shutil
import stat
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from testis_abm.support.errors import TestisError, printable

_MARK, _PARTIAL = ".testis_abm-", ".partial"
_COMMITTED = f"{_MARK}new"  # a whole folder of new files that are about to replace the old ones around it
_COMPLETE = f"new files are complete in {_COMMITTED}, and the next command puts them in place"
_LIST = f"{_MARK}files"  # in it: the names of all of them
_SEAL = "sha256"
_LARGEST_LIST = 1_000_000  # bytes of such a list
_STALE = 86_400.0  # seconds after which what a process of another machine was writing is a leftover
_PATIENCE = 60.0  # seconds to wait for a lock
_RETRIES, _PAUSE = 20, 0.05  # of a replacement: Windows refuses it while somebody reads the file
NOTHING_SAVED = "nothing was saved"
_LARGEST = 1_000_000_000  # bytes of a file that is read into memory as a whole
_AT_ONCE = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)  # opening a pipe waits for nobody


def reason(error: BaseException) -> str:
    """Return in words why a disk refuses, or what is wrong with what it gave."""
    number, text = (error.errno, error.strerror) if isinstance(error, OSError) else (None, None)
    if number in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)):
        return "the disk is full"
    return printable(" ".join((text or str(error)).split()) or type(error).__name__)


@contextlib.contextmanager
def writing(target: str | Path, kept: str = NOTHING_SAVED, act: str = "written") -> Iterator[None]:
    """Turn what a disk refuses into one line that names `target` and ends on what is `kept`: of old or new content ("": nothing)."""
    try:
        yield
    except OSError as error:
        after = f"; {kept}" if kept else ""
        raise TestisError(f"{printable(str(target))}: cannot be {act}: {reason(error)}{after}") from error


def temporary() -> tempfile.TemporaryDirectory[str]:
    """Return a new folder that goes with what is returned, or with the end of its context.

    Raises:
        TestisError: there is no place for it.
    """
    with writing("temporary folder", "set TMPDIR to a folder that can be written", "made"):
        return tempfile.TemporaryDirectory(prefix="testis_abm-", ignore_cleanup_errors=True)


def reading(source: str | Path) -> contextlib.AbstractContextManager[None]:
    """Turn what a disk refuses to give into one line that names `source`."""
    return writing(source, "", "read")


def regular(path: str | Path) -> BufferedReader:
    """Return a file, open to be read.

    Raises:
        OSError: it is none (a folder, a device, a pipe, a socket, no path at all), or cannot be opened.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | _AT_ONCE)
    except ValueError as error:
        raise OSError(errno.EINVAL, "is no path") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder, not a file")
        raise OSError(errno.EINVAL, "is a device or a pipe, not a file")
    return os.fdopen(descriptor, "rb")


def content(path: str | Path, most: int = _LARGEST) -> bytes:
    """Return what a file holds.

    Raises:
        OSError: as `regular`, or it holds more than `most` bytes.
    """
    with regular(path) as file:
        read = file.read(most + 1) or b""
    if len(read) > most:
        raise OSError(errno.EFBIG, f"holds more than {most:,} bytes")
    return read


def resolved(path: str | Path) -> Path:
    """Return the absolute path that `path` leads to, links followed."""
    try:
        return Path(os.path.realpath(Path(path).expanduser()))
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        raise TestisError(f"{printable(str(path))}: cannot be a path: {printable(str(error))}") from error


def check_regular(path: str | Path, kept: str = NOTHING_SAVED) -> Path:
    """Return where `path` leads, if a file can be written there (`kept`: see writing)."""
    target = resolved(path)
    with writing(path, kept):
        try:
            mode = target.lstat().st_mode
        except FileNotFoundError:
            return target
    if stat.S_ISDIR(mode):
        raise TestisError(f"{printable(str(path))}: is a folder; name a file in it")
    if not stat.S_ISREG(mode):
        raise TestisError(f"{printable(str(path))}: is a device or a pipe, not a file; name another file")
    return target


@contextlib.contextmanager
def whole(path: str | Path, *, kept: str = NOTHING_SAVED) -> Iterator[IO[bytes]]:
    """Give a file to write to that becomes `path` at the end, and only then; an exception leaves what was there.

    Missing folders are made; a link is followed; the file is as open to others as any new file of the user.

    Args:
        path: where the content goes.
        kept: how the line of an error ends (see writing).
    """
    target = check_regular(path, kept)
    with writing(path, kept):
        target.parent.mkdir(parents=True, exist_ok=True)
        tidy(target.parent)
        partial = target.parent / _partial_name()
        try:
            with partial.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _replace(partial, target)
            _sync_folder(target.parent)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)


def write(path: str | Path, content: str | bytes, *, kept: str = NOTHING_SAVED) -> None:
    """Write `content` (text as UTF-8) to `path`, whole or not at all."""
    with whole(path, kept=kept) as file:
        file.write(content.encode() if isinstance(content, str) else content)


@contextlib.contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Give an empty folder in `folder`, which goes at the end; that of a killed process goes with the next one.

    Raises:
        OSError: the disk refuses.
    """
    tidy(folder)
    partial = folder / _partial_name()
    try:
        partial.mkdir()
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@contextlib.contextmanager
def whole_folder(path: str | Path, ours: Collection[str]) -> Iterator[Path]:
    """Give an empty folder to fill; at the end its files stand in the folder `path`, all of them, or none.

    Files in `path` that are called as `ours` are replaced or, if there is no new one, removed; all others stay where
    they are. A kill at any moment leaves the old files, or all of the new ones together with the order to put them in
    place, which `settle` follows.
    """
    target = resolved(path)
    settle(target, ours)
    with writing(target):
        beside = target if target.is_dir() else target.parent
        beside.mkdir(parents=True, exist_ok=True)
        with scratch(beside) as partial:
            yield partial
            for file in partial.iterdir():
                _sync(file)
            _sync_folder(partial)
            with lock(target):
                _commit(partial, target, ours)


def _commit(partial: Path, target: Path, ours: Collection[str]) -> None:
    if not target.exists():
        os.rename(partial, target)
    else:
        write(partial / _LIST, sealed({"files": {file.name: checksum(file) for file in sorted(partial.iterdir())}}))
        _settle(target, ours)
        os.rename(partial, target / _COMMITTED)
        with writing(target, _COMPLETE):
            _sync_folder(target)
            _settle(target, ours)
    _sync_folder(target.parent)


def settle(folder: str | Path, ours: Collection[str]) -> None:
    """Finish what a `whole_folder` was killed at: put its complete files into place.

    Nothing is touched unless every one of them is there as it was written: what has come with a folder from elsewhere,
    or was damaged since, moves and removes no file.
    """
    target = resolved(folder)
    if os.path.lexists(target / _COMMITTED):
        with writing(target, _COMPLETE), lock(target):
            _settle(target, ours)


def _settle(target: Path, ours: Collection[str]) -> None:
    """Put committed files into place; each act may have been done before, by a process that was killed here."""
    new = target / _COMMITTED
    if not os.path.lexists(new):
        return
    names = _committed(new, target, ours)
    for name in names:
        if os.path.lexists(new / name):
            _replace(new / name, target / name)
    if names:  # the old ones go once all the new ones are there to stay, and the list last
        _sync_folder(target)
        for name in set(ours) - set(names):
            (target / name).unlink(missing_ok=True)
        (new / _LIST).unlink()
    new.rmdir()


def _committed(new: Path, target: Path, ours: Collection[str]) -> list[str]:
    """Return the names of committed files, each there or in place already; none where only the folder is left."""
    try:
        if not stat.S_ISDIR(new.lstat().st_mode):
            raise ValueError("it is no folder")
        present = {path.name for path in new.iterdir()}
        if not present:
            return []
        sums = unsealed(content(new / _LIST, _LARGEST_LIST))["files"]
        if present - {*sums, _LIST}:
            raise ValueError("it holds what is not on its list")
        for name, expected in sums.items():
            if name not in ours or Path(name).name != name:
                raise ValueError("its list names what is no file of results")
            place = new / name if name in present else target / name
            if not stat.S_ISREG(place.lstat().st_mode) or checksum(place) != expected:
                raise ValueError(f"{name} is not what was written")
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise TestisError(
            f"{printable(str(target))}: a save was cut short, and {_COMMITTED} in it cannot be put in place "
            f"({reason(error)}); nothing was touched: name another folder, or move {_COMMITTED} away to go on with "
            "the files around it"
        ) from error
    return list(sums)


def _replace(source: Path, target: Path) -> None:
    """Rename a file over another; on Windows wait a moment for those who read it."""
    for left in reversed(range(_RETRIES)):
        try:
            os.replace(source, target)
            return
        except PermissionError:
            if os.name != "nt" or not left:
                raise
            time.sleep(_PAUSE)


def _sync(file: Path) -> None:
    with file.open("r+b") as opened:
        os.fsync(opened.fileno())


def _sync_folder(folder: Path) -> None:
    """Have the disk hold the names in a folder; Windows does so by itself and opens no folder."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems sync no folders
            raise
    finally:
        os.close(descriptor)


# ---- leftovers


@cache
def _machine() -> str:
    """Return a word for the machine and, on Linux, the process namespace (a container): where process numbers hold."""
    space = ""
    with contextlib.suppress(OSError):
        space = os.readlink("/proc/self/ns/pid")
    return hashlib.blake2b(f"{platform.node()} {space}".encode(), digest_size=5).hexdigest()


def _partial_name() -> str:
    return f"{_MARK}{_machine()}-{os.getpid()}-{secrets.token_hex(4)}{_PARTIAL}"


def _abandoned(path: Path) -> bool:
    """Return whether nobody writes to a partial file any more."""
    machine, _, rest = path.name.removeprefix(_MARK).partition("-")
    pid = rest.partition("-")[0]
    if machine == _machine() and pid.isdigit():
        import psutil

        if not psutil.pid_exists(int(pid)):
            return True
    return time.time() - path.lstat().st_mtime > _STALE


def tidy(folder: Path) -> None:
    """Remove what killed writers left in a folder (once a process and folder)."""
    if (os.getpid(), folder) in _tidied:
        return
    _tidied.add((os.getpid(), folder))
    for path in folder.glob(f"{_MARK}*{_PARTIAL}"):
        with contextlib.suppress(OSError):  # somebody else may tidy too
            if _abandoned(path):
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


_tidied: set[tuple[int, Path]] = set()


# ---- what belongs to the user alone


def private_folder(name: str) -> Path:
    """Return a folder of this user's own for `name`, which nobody else can write to.

    It lies in TESTIS_ABM_CACHE, else in the user's cache, else among temporary files; where these cannot be written or
    belong to somebody else, it is a fresh one that goes with the process.

    Raises:
        OSError: no disk takes a folder.
    """
    for base in _bases():
        with contextlib.suppress(OSError):
            base.mkdir(parents=True, exist_ok=True)
            if _own(base / "testis_abm") and _own(base / "testis_abm" / name):
                return base / "testis_abm" / name
    raise OSError(errno.EACCES, "no folder for temporary files can be written")


def _bases() -> Iterator[Path]:
    for variable in ("TESTIS_ABM_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        if os.environ.get(variable):
            yield Path(os.environ[variable])
            break
    else:
        with contextlib.suppress(RuntimeError):  # a user without a home
            yield Path.home() / ".cache"
    user = f"-{os.getuid()}" if hasattr(os, "getuid") else ""  # elsewhere each user has temporary files of their own
    yield Path(tempfile.gettempdir()) / f"testis_abm{user}"
    fresh = Path(tempfile.mkdtemp(prefix="testis_abm-"))
    atexit.register(shutil.rmtree, fresh, ignore_errors=True)
    os.environ["TESTIS_ABM_CACHE"] = str(fresh)  # for the rest of this process, and its workers
    yield fresh


def _own(folder: Path) -> bool:
    """Return whether a folder, made if it is not there, is the user's own, writable, and closed to others' writing."""
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or not os.access(folder, os.W_OK | os.X_OK):
        return False
    return not hasattr(os, "getuid") or (status.st_uid == os.getuid() and not status.st_mode & 0o022)


@contextlib.contextmanager
def lock(path: str | Path) -> Iterator[None]:
    """Keep other processes of this user on this machine out of what they do under the same name."""
    from filelock import FileLock, Timeout

    # One of a few files, which are never removed: two names that share one wait for each other a moment.
    name = hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=1).hexdigest()
    try:
        with FileLock(private_folder("locks") / name, timeout=_PATIENCE):
            yield
    except Timeout as error:
        raise TestisError(
            f"{printable(str(path))}: another process has been writing to it for a minute; end it, or name another "
            "folder"
        ) from error


# ---- checksums


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file's content."""
    with regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verified(path: Path, expected: object) -> bytes:
    """Return the content of a file whose checksum must be as `expected`.

    Raises:
        OSError: it cannot be read; TestisError: it is not what was written.
    """
    read = content(path)
    if hashlib.sha256(read).hexdigest() != expected:
        raise TestisError(f"{printable(str(path))}: is damaged: it is not what was written (its checksum differs)")
    return read


def parsed(text: str | bytes) -> Any:
    """Return what JSON says.

    Raises:
        ValueError: it is none, or nested too deeply.
    """
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_json(path: str | Path) -> Any:
    """Return what a file of JSON says.

    Raises:
        OSError: as `content`; ValueError: as `parsed`.
    """
    return parsed(content(path))


def sealed(table: Mapping[str, Any], indent: int | None = 2) -> str:
    """Return a table as JSON that holds its own checksum; numbers of numpy become plain ones."""
    plain = json.loads(json.dumps(table, default=lambda value: value.tolist()))
    return json.dumps({**plain, _SEAL: _seal(plain)}, indent=indent, ensure_ascii=False) + "\n"


def unsealed(text: str | bytes) -> Any:
    """Return what `sealed` made a text of.

    Raises:
        ValueError: it is no JSON, has no checksum, or another one.
    """
    table = parsed(text)
    with contextlib.suppress(RecursionError):
        if isinstance(table, dict) and table.pop(_SEAL, None) == _seal(table):
            return table
    raise ValueError("its checksum is missing or differs")


def _seal(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()
