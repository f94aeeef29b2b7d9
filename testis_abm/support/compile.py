"""Rules that are compiled by numba on their first call, and kept in a folder of the user's own for the next process.

numba's own cache does not notice an edit to a rule that is inlined from another file, fails for ever on a file that is
damaged, ends the program where the disk is full, and unpickles whatever lies in its folder. Here the folder is named
by a hash of every source that holds compiled code and nobody else can write to it; each file holds its checksum; what
cannot be read is compiled again, and what cannot be written is done without.
"""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import sys
from collections.abc import Callable
from functools import cache
from multiprocessing import parent_process
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import _Cache as NumbaCache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

from testis_abm.support import files
from testis_abm.support import fingerprint as sources
from testis_abm.support.errors import TestisError
from testis_abm.support.loading import unswept

_SUM = 32  # bytes of the checksum before the content of a file


def compiled(rule: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Compile a function without Python's lock on its first call; a decorator, with options of `numba.njit` or bare."""
    if rule is None:
        return lambda function: compiled(function, **options)
    dispatcher = numba.njit(nogil=True, **options)(rule)
    if dispatcher is rule:  # NUMBA_DISABLE_JIT, as benchmarks/mutation.py sets it
        return rule
    dispatcher._cache = _Kept(rule, options)
    dispatcher.compile = unswept()(dispatcher.compile)
    return dispatcher


class _Kept(NumbaCache):
    """The compiled forms of one function, a file each."""

    def __init__(self, rule: Callable[..., Any], options: dict[str, Any]) -> None:
        cells = tuple(cell.cell_contents for cell in rule.__closure__ or ())
        self._name = f"{rule.__module__.rpartition('.')[2]}.{rule.__qualname__}".replace("<", "").replace(">", "")
        self._key = (
            _beside(rule.__code__.co_filename),
            rule.__module__,
            rule.__qualname__,
            rule.__code__.co_code,
            dumps(cells),
            sorted(options.items()),
        )
        self._enabled = True

    @property
    def cache_path(self) -> str:
        return str(folder() or "")

    def _path(self, signature: Any, codegen: Any) -> Path | None:
        place = folder() if self._enabled else None
        key = repr((self._key, signature, codegen.magic_tuple())).encode()
        return place and place / f"{self._name}-{hashlib.sha256(key).hexdigest()[:24]}"

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        payload = None if path is None else _load(path)
        if payload is None:
            _announce()
            return None
        return CompileResult._rebuild(target_context, *payload)

    def save_overload(self, sig: Any, data: Any) -> None:
        path = self._path(sig, data.codegen)
        if path is None or data.library.has_dynamic_globals or any(not part.can_cache for part in data.lifted):
            return
        content = dumps(data._reduce())
        try:
            files.write(path, hashlib.sha256(content).digest() + content)
        except TestisError as error:
            _note(f"{error}; rules are compiled again by every command")

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        """Do nothing: a folder is of one version of the sources."""


@cache
def _beside(file: str) -> str:
    """Return a hash of the sources beside a file: they may be inlined, and not all are among those of `folder`."""
    return sources.digest(sorted(Path(file).parent.glob("*.py")), package=Path(file).parent)


def _load(path: Path) -> Any:
    """Return what was kept in a file, None if there is none; one that is damaged is removed."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[_SUM:]).digest() == content[:_SUM]:
        return pickle.loads(content[_SUM:])
    _note(f"{path.parent}: compiled rules were damaged; they are compiled again")
    with contextlib.suppress(OSError):
        path.unlink()
    return None


@cache
def _note(text: str) -> None:
    """Say something once; of the processes of a command, only the first speaks."""
    _spoken.append(text)
    if len(_spoken) == 1 and parent_process() is None:
        print(f"Note: {text}", file=sys.stderr, flush=True)


_spoken: list[str] = []


@cache
def folder() -> Path | None:
    """Return the folder of this version's compiled rules; None where no disk takes one."""
    version = f"{sys.version} {numba.__version__}"
    try:
        return files.private_folder(f"rules-{sources.digest(sources.compiled(), version)}")
    except OSError as error:
        _note(f"{files.reason(error)}; rules are compiled again by every command")
        return None


@cache
def _announce() -> None:
    """Say once that rules are being compiled, unless a note has said why."""
    if not _spoken and parent_process() is None:
        print("Compiling the rules (up to a minute, once per version) ...", file=sys.stderr, flush=True)
