"""A file of Python with rules of the user's own, for commands: code that is run because its user says so.

It may define `RULES = {"germ.durations": my_function}` (names of biology/rules.py; the reference engine then moves the
cells) and `modifiers(model)`, called once for each man before his first day, which calls `model.modify`. A scenario never
names such a file.
"""

from __future__ import annotations

import hashlib
import importlib.util
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from testis_abm.agents.model import TestisModel
from testis_abm.biology.rules import with_own
from testis_abm.choices import REFERENCE
from testis_abm.support import files
from testis_abm.support.errors import TestisError, printable, shown

_LARGEST = 1_000_000


class OwnFile(NamedTuple):
    """A file of rules: its path, and the hash of its content."""

    path: str
    digest: str

    @classmethod
    def at(cls, path: str | Path) -> OwnFile:
        """Return the file at a path, read but not run.

        Raises:
            TestisError: there is none, or it is no text of Python.
        """
        place = Path(path).resolve()
        return cls(str(place), hashlib.sha256(_content(place)).hexdigest())

    @property
    def about(self) -> dict[str, Any]:
        """Return what results say of it."""
        return {"file": Path(self.path).name, "sha256": self.digest, "rules": sorted(_module(self)[0])}

    @property
    def model(self) -> type[TestisModel]:
        """Return the model that lives by its rules.

        Raises:
            TestisError: the file has changed, fails, or defines nothing that is known.
        """
        return _model(self)


def _content(path: Path) -> bytes:
    name = printable(str(path))
    try:
        with files.regular(path) as file:
            content = file.read(_LARGEST + 1) or b""
    except OSError as error:
        raise TestisError(f"{name}: cannot be read: {files.reason(error).lower()}; name a file of Python") from None
    if path.suffix != ".py" or len(content) > _LARGEST:
        raise TestisError(f"{name}: is no file of rules; name a file of Python (*.py) of up to 1 MB")
    return bytes(content)


@lru_cache(maxsize=8)
def _module(file: OwnFile) -> tuple[dict[str, Any], Any]:
    """Run a file; return its rules by name and its function `modifiers`, None without."""
    path, name = Path(file.path), printable(file.path)
    if hashlib.sha256(_content(path)).hexdigest() != file.digest:
        raise TestisError(f"{name}: has changed since the command began; start it again")
    spec = importlib.util.spec_from_file_location(f"own_rules_{file.digest[:12]}", path)
    assert spec is not None and spec.loader is not None  # of a file that ends in .py
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        line = getattr(error, "lineno", None) or getattr(_last(error), "tb_lineno", 0)
        raise TestisError(f"{name}: line {line}: {type(error).__name__}: {error}") from error
    rules, modifiers = getattr(module, "RULES", {}), getattr(module, "modifiers", None)
    if not isinstance(rules, dict):
        raise TestisError(f'{name}: RULES is {shown(rules)}; write RULES = {{"germ.durations": my_function}}')
    if modifiers is not None and not callable(modifiers):
        raise TestisError(f"{name}: modifiers is {shown(modifiers)}; write def modifiers(model): model.modify(...)")
    if not rules and modifiers is None:
        raise TestisError(f"{name}: defines neither RULES nor modifiers(model); see docs/rules.md")
    try:
        with_own(rules)
    except TestisError as error:
        raise TestisError(f"{name}: {error}") from None
    return rules, modifiers


def _last(error: BaseException) -> Any:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace


@lru_cache(maxsize=8)
def _model(file: OwnFile) -> type[TestisModel]:
    rules, modifiers = _module(file)

    class OwnModel(TestisModel):
        """A man who lives by the rules of a file."""

        def __init__(self, *args: Any, **settings: Any) -> None:
            if rules:
                settings |= {"engine": REFERENCE, "rules": rules}
            super().__init__(*args, **settings)
            if modifiers is not None:
                try:
                    modifiers(self)
                except TestisError:
                    raise
                except Exception as error:
                    raise TestisError(f"{printable(file.path)}: modifiers: {type(error).__name__}: {error}") from error

    return OwnModel
