"""A lean start: modules of others that are read when they are first looked into, and no search for garbage meanwhile."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any


@contextmanager
def unswept() -> Iterator[None]:
    """Let Python look for no garbage within it, where modules are imported or rules compiled.

    It would find none, as all of that stays, and take a tenth of the time.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


@contextmanager
def lazily(*names: str) -> Iterator[None]:
    """Within it, an import of one of the modules `names` is put off until something in the module is asked for.

    The module is the real one: it has its file and its path at once, so that who only lists modules (`inspect` does, for
    Mesa's log) does not make it be read, as `importlib.util.LazyLoader` would have it. One that is loaded stays so.
    """
    finder = _Finder(names)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder:
    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path, target) if name in self.names else None
        if spec is not None and spec.loader is not None:
            spec.loader = _Later(spec.loader)  # type: ignore[assignment]
        return spec


class _Later:
    """Loads a module with the loader it has, when a name that it lacks is first asked for."""

    def __init__(self, loader: Any) -> None:
        self.loader = loader

    def create_module(self, spec: ModuleSpec) -> Any:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        def read(name: str) -> Any:
            if vars(module).pop("__getattr__", None) is not None:
                assert module.__spec__ is not None
                module.__spec__.loader = module.__loader__ = self.loader
                self.loader.exec_module(module)
            return getattr(module, name)

        module.__getattr__ = read  # type: ignore[method-assign]
