"""Python on pages and in notebooks, read without running it: does it compile, and are the names and keywords of testis_abm there?"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterable, Iterator
from typing import Any

import testis_abm as ta


def faults(sources: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield (number of the source, fault) of sources that one session would run one after the other."""
    known: dict[
        str, Any
    ] = {}  # name -> module, class or function that it means, or the class of what it holds in a tuple
    for number, source in enumerate(sources):
        try:
            tree = ast.parse(source)
            compile(source, "page", "exec")
        except SyntaxError as error:
            yield number, f"line {error.lineno}: {error.msg}"
            continue
        for statement in tree.body:
            for node in ast.walk(statement):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    yield from ((number, fault) for fault in _imported(node, known))
            seen: set[str] = set()
            for node in ast.walk(statement):
                if isinstance(node, ast.Attribute | ast.Call):
                    try:
                        _meant(node, known)
                    except LookupError as error:
                        seen.add(str(error.args[0]))
            yield from ((number, fault) for fault in sorted(seen))
            for node in ast.walk(statement):
                for target, value in _assigned(node):
                    try:
                        known[target] = _meant(value, known) if value is not None else None
                    except LookupError:
                        known[target] = None


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.AST | None]]:
    """Yield name -> what is assigned to it; None where that is not told."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            if isinstance(target, ast.Name):
                yield target.id, node.value
            else:
                yield from ((part.id, None) for part in ast.walk(target) if isinstance(part, ast.Name))
    elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
        yield node.optional_vars.id, None
    elif isinstance(node, ast.For | ast.comprehension):
        yield from ((part.id, None) for part in ast.walk(node.target) if isinstance(part, ast.Name))
    elif isinstance(node, ast.arg):
        yield node.arg, None
    elif isinstance(node, ast.FunctionDef | ast.ClassDef):
        yield node.name, None


def _imported(node: ast.Import | ast.ImportFrom, known: dict[str, Any]) -> Iterator[str]:
    """Yield what cannot be imported from testis_abm; take up the rest. Other packages may not be installed."""
    module = getattr(node, "module", None)
    for name in node.names:
        whole = name.name if module is None else module
        if whole.partition(".")[0] != "testis_abm":
            known[name.asname or name.name.partition(".")[0]] = None
            continue
        try:
            found = importlib.import_module(whole if module or name.asname else "testis_abm")
            known[name.asname or name.name.partition(".")[0]] = _member(found, name.name, whole) if module else found
        except (ModuleNotFoundError, LookupError):
            yield f"no {name.name} to import" + (f" from {module}" if module else "")


def _member(of: Any, name: str, told: str) -> Any:
    """Return what a module or a class has by a name.

    Raises:
        LookupError: it has none.
    """
    if not hasattr(of, name):
        if inspect.ismodule(of):
            try:
                return importlib.import_module(f"{of.__name__}.{name}")
            except ModuleNotFoundError:
                pass
        elif any(_may_have(base, name) for base in of.__mro__):
            return None
        raise LookupError(f"{told} has no {name}")
    return getattr(of, name)


def _may_have(of: type, name: str) -> bool:
    """Return whether objects of a class declare or are given such an attribute, or make theirs up."""
    if not of.__module__.startswith("testis_abm"):
        return False
    if name in inspect.get_annotations(of) or "__getattr__" in vars(of):
        return True
    return bool(re.search(rf"\bself\.{name}(: [^=\n]+)? = ", inspect.getsource(of)))


def _annotated(of: Any, text: str) -> Any:
    """Return the class that an annotation of a function names, one that is imported for type checkers alone too; None if it is no name."""
    module = inspect.getmodule(inspect.unwrap(of))
    first, *more = text.split(".")
    found = getattr(module, first, None)
    if found is None and module is not None:
        for node in ast.walk(ast.parse(inspect.getsource(module))):
            if (
                isinstance(node, ast.ImportFrom)
                and node.module
                and first in {each.asname or each.name for each in node.names}
            ):
                (name,) = (each.name for each in node.names if first == (each.asname or each.name))
                found = getattr(importlib.import_module(node.module), name)
    for name in more:
        found = getattr(found, name, None)
    return found if inspect.isclass(found) else None


def _taken(of: Any) -> set[str] | None:
    """Return the keywords that a function or class takes; None if any."""
    names: set[str] = set()
    for each in inspect.signature(of).parameters.values():
        if each.kind is not each.VAR_KEYWORD:
            names.add(each.name)
            continue
        options = re.fullmatch(r"Unpack\[([\w.]+)\]", str(each.annotation))
        declared = _annotated(of, options[1]) if options else None
        if declared is None:
            return None
        names |= {*inspect.get_annotations(declared)}  # of a TypedDict, with those of its bases
    return names


def _meant(node: ast.AST, known: dict[str, Any]) -> Any:
    """Return what code means as far as it is told: a module, class or function, or (class,) for an object of that class.

    Raises:
        LookupError: a name or a keyword is not there.
    """
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        of = _meant(node.value, known)
        if isinstance(of, tuple):
            found = _member(of[0], node.attr, ast.unparse(node.value))
            return found if inspect.isfunction(found) else None
        ours = inspect.ismodule(of) or inspect.isclass(of)
        return _member(of, node.attr, ast.unparse(node.value)) if ours else None
    if not isinstance(node, ast.Call):
        return None
    of = _meant(node.func, known)
    if not (inspect.isclass(of) or inspect.isroutine(of)):
        return None
    taken = _taken(of)
    for keyword in node.keywords:
        if taken is not None and keyword.arg and keyword.arg not in taken:
            raise LookupError(f"{ast.unparse(node.func)} takes no {keyword.arg}=")
    if inspect.isclass(of):
        return (of,)
    found = _annotated(of, str(inspect.signature(of).return_annotation))
    if found is None or not found.__module__.startswith("testis_abm"):
        return None
    # What Python users get of a function of the inside is of a class of its own, which can plot.
    public = [each for each in (getattr(ta, name) for name in ta.__all__) if inspect.isclass(each)]
    return (next((each for each in public if found in each.__bases__), found),)
