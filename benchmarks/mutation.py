"""Mutation score of the science: change one operator, number or call in a rule, and see whether a test of the rules notices.

python benchmarks/mutation.py [--all | --sample 120] [--seed 1] [--modules axis tract ...]

Rules run uncompiled and each mutant in a fork of one process that has collected the tests, so that a mutant costs a
second or less. A mutant that nothing can tell from the rule is listed in EQUIVALENT with the reason, and does not
count.
"""

from __future__ import annotations

import os

os.environ["NUMBA_DISABLE_JIT"] = "1"

import argparse
import ast
import copy
import random
import signal
import sys
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = "test_biology_*.py"
SECONDS = 60  # after which a mutant that does not end is caught
_AT_IMPORT = {"_written"}  # run before a mutant can be put in its place
_SKIPPED = {
    "__init__",
    "days",
    "draws",
    "steps",
    "tissue",  # packs numbers for compiled code, which runs under the golden numbers
}  # declarations, and draws that tests/test_draws.py holds by statistics
# (module, function, rule, mutant) -> why no test can tell them apart.
_NO_MAN = "no living man has so little"
_DIFFERENCE = "a constant that cancels in the difference from his own"
_PRODUCT = "the two are multiplied"
_NEVER_BEYOND = "the value never lies beyond"
EQUIVALENT: dict[tuple[str, str, str, str], str] = {
    ("axis", "body_hour", "1e-09", "2e-09"): _NO_MAN,
    ("axis", "resting", "0.0", "1.0"): "without drugs the drive takes tonic GnRH to zero at once, in any time",
    ("pharmacology", "absorb_and_clear", "1e-09", "2e-09"): "rates as close give the same to the last digits",
    ("safety", "Safety._bone_loss", "1.0", "2.0"): _DIFFERENCE,
    ("tract", "collect", "1.0", "2.0"): _NEVER_BEYOND,
    ("tract", "reserve_weights", "1.0", "2.0"): _NEVER_BEYOND,
    **{
        ("sertoli", "signals", f"sense({level}, {sensitivity}, {n})", f"sense({sensitivity}, {level}, {n})"): _PRODUCT
        for level, sensitivity, n in (
            ("androgen", "receptor.androgen_sensitivity", "receptor.androgen_exponent"),
            ("adhesion", "receptor.androgen_sensitivity", "receptor.androgen_exponent"),
        )
    },
    ("mean", "soma_day", "leydig_aromatase(1.0, expression, p)", "leydig_aromatase(expression, 1.0, p)"): _PRODUCT,
    ("mean", "calendar", "0", "1"): "a count that the first type sets",
    (
        "tract",
        "reserve_weights",
        "np.clip(np.minimum(ago + 1.0, start + length) - np.maximum(ago, start), 0.0, 1.0)",
        "np.clip(0.0, np.minimum(ago + 1.0, start + length) - np.maximum(ago, start), 1.0)",
    ): "a value between two others is the middle one in any order",
}

_OPERATORS = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult}
_COMPARISONS = {
    ast.Lt: ast.GtE,
    ast.LtE: ast.Gt,
    ast.Gt: ast.LtE,
    ast.GtE: ast.Lt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_CALLS = {
    "min": "max",
    "max": "min",
    "minimum": "maximum",
    "maximum": "minimum",
    "floor": "ceil",
    "ceil": "floor",
    "exp": "expm1",
    "expm1": "exp",
    "log": "log1p",
    "log1p": "log",
    "sqrt": "abs",
    "abs": "float",
    "round": "float",
    "tanh": "sinh",
    "any": "all",
    "all": "any",
}


@dataclass(frozen=True)
class Mutant:
    """A change of one place of a function."""

    module: str
    function: str
    line: int
    rule: str
    changed: str
    tree: ast.Module
    old: ast.AST
    new: ast.AST

    @property
    def key(self) -> tuple[str, str, str, str]:
        return self.module.rpartition(".")[2], self.function, self.rule, self.changed

    def __str__(self) -> str:
        return (
            f"{self.module.removeprefix('testis_abm.')}:{self.line} {self.function}:  {self.rule}  ->  {self.changed}"
        )

    def apply(self, module: ModuleType) -> None:
        """Give the function its changed code, wherever it has been imported."""
        found: Any = module
        for name in self.function.split("."):
            found = vars(found)[name]
        tree = _Change(self.old, self.new).visit(copy.deepcopy(self.tree, {id(self.old): self.old}))
        code = compile(ast.fix_missing_locations(tree), self.module, "exec")
        for name in self.function.split("."):
            code = next(part for part in code.co_consts if isinstance(part, CodeType) and part.co_name == name)
        _plain(found).__code__ = code


def _plain(found: Any) -> Any:
    """Return the Python function within a property, a class method or a cache."""
    for name in ("fget", "__func__", "func", "__wrapped__", "py_func"):
        while hasattr(found, name):
            found = getattr(found, name)
    return found


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            yield node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from ((f"{node.name}.{part.name}", part) for part in node.body if isinstance(part, ast.FunctionDef))


def _changes(node: ast.AST) -> Iterator[Callable[[Any], ast.AST]]:
    """Yield what can be changed at a node: functions of a copy of it that return what takes its place."""

    def setting(**parts: Any) -> Callable[[Any], ast.AST]:
        def change(place: Any) -> ast.AST:
            for name, part in parts.items():
                setattr(place, name, part)
            return place

        return change

    match node:
        case ast.BinOp(op=op) | ast.AugAssign(op=op) if type(op) in _OPERATORS:
            yield setting(op=_OPERATORS[type(op)]())
        case ast.UnaryOp(op=ast.USub() | ast.Not()):
            yield lambda place: place.operand
        case ast.Compare(ops=[op]) if type(op) in _COMPARISONS:
            yield setting(ops=[_COMPARISONS[type(op)]()])
        case ast.BoolOp(op=op):
            yield setting(op=ast.Or() if isinstance(op, ast.And) else ast.And())
        case ast.Constant(value=bool(value)):
            yield setting(value=not value)
        case ast.Constant(value=int(value)):
            yield setting(value=value + 1)
        case ast.Constant(value=float(value)):
            yield setting(value=2.0 * value if value else 1.0)
        case ast.Return(value=ast.Tuple(elts=elts)) if len(elts) > 1:
            yield lambda place: ast.Return(ast.Tuple([*place.value.elts[1:], place.value.elts[0]], ast.Load()))
        case ast.Return(value=ast.Name()):
            yield lambda place: ast.Return(ast.Constant(0.0))
        case ast.Call(func=function, args=args):
            name = function.id if isinstance(function, ast.Name) else getattr(function, "attr", "")
            if name in _CALLS:
                yield lambda place: _renamed(place, _CALLS[name])
            elif len(args) > 1 and not any(isinstance(arg, ast.Starred) for arg in args):
                yield lambda place: _swapped(place)


def _renamed(call: ast.Call, name: str) -> ast.Call:
    if isinstance(call.func, ast.Name) or name in ("abs", "float"):
        call.func = ast.Name(name, ast.Load())
    else:
        call.func.attr = name  # type: ignore[attr-defined]
    return call


def _swapped(call: ast.Call) -> ast.Call:
    call.args[0], call.args[1] = call.args[1], call.args[0]
    return call


def mutants(module: str, text: str) -> Iterator[Mutant]:
    """Yield every mutant of the functions of a module."""
    tree = ast.parse(text)
    for function, definition in _functions(tree):
        if function in _AT_IMPORT:
            continue
        body = [node for statement in definition.body for node in ast.walk(statement)]
        described = {
            id(node.value) for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        }
        for node in body:
            for change in () if id(node) in described else _changes(node):
                new = change(copy.deepcopy(node))
                if ast.unparse(new) == ast.unparse(node):
                    continue
                yield Mutant(module, function, node.lineno, ast.unparse(node), ast.unparse(new), tree, node, new)


class _Change(ast.NodeTransformer):
    """Puts one node in the place of another, which a deep copy of the tree holds as it is."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return ast.copy_location(self.new, node) if node is self.old else self.generic_visit(node)


class Trial:
    """A plugin of pytest that, instead of running the tests once, runs them in a fork for each mutant."""

    def __init__(self, chosen: list[Mutant], modules: dict[str, ModuleType]) -> None:
        self.chosen, self.modules = chosen, modules
        self.survivors: list[Mutant] = []
        self.sound = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Run the tests of each mutant."""
        warnings.filterwarnings(
            "ignore", "This process", DeprecationWarning
        )  # its threads hold nothing that a fork needs
        self.sound = self._passes(session, None)
        for count, mutant in enumerate(self.chosen if self.sound else (), 1):
            print(
                f"\r{count} of {len(self.chosen)}, {len(self.survivors)} alive", end="", file=sys.__stderr__, flush=True
            )
            if self._passes(session, mutant):
                self.survivors.append(mutant)
                print(f"\ralive  {mutant}", flush=True)
        print(file=sys.__stderr__)
        return True

    def _passes(self, session: pytest.Session, mutant: Mutant | None) -> bool:
        child = os.fork()
        if child == 0:
            signal.alarm(SECONDS)
            if mutant is not None:
                mutant.apply(self.modules[mutant.module])
                session.config.pluginmanager.unregister(name="terminalreporter")
            # The room's own tests first.
            own = "" if mutant is None else mutant.module.rpartition(".")[2]
            items = sorted(session.items, key=lambda item: own not in item.module.__doc__)
            for item, following in zip(items, [*items[1:], None]):
                item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
                if session.testsfailed:
                    os._exit(1)
            os._exit(0)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def main() -> None:
    """Make mutants, run the tests of each, print the score."""
    parser = argparse.ArgumentParser(description="mutation score of the rules")
    parser.add_argument("--all", action="store_true", help="every mutant, which takes long")
    parser.add_argument("--sample", type=int, default=120, help="how many mutants, drawn at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--modules", nargs="*", help="names of modules, as axis")
    parser.add_argument("--package", type=Path, default=ROOT, help="checkout whose package is changed")
    parser.add_argument("--tests", nargs="*", type=Path, help="test files instead of those of the rules")
    given = parser.parse_args()
    sys.path.insert(0, str(given.package))
    rooms = [*sorted((given.package / "testis_abm/biology").glob("*.py")), given.package / "testis_abm/testis/mean.py"]
    every: list[Mutant] = []
    for path in rooms:
        if path.stem not in _SKIPPED and (not given.modules or path.stem in given.modules):
            name = ".".join(path.relative_to(given.package).with_suffix("").parts)
            every += mutants(name, path.read_text(encoding="utf-8"))
    counted = [mutant for mutant in every if mutant.key not in EQUIVALENT]
    size = len(counted) if given.all else min(given.sample, len(counted))
    chosen = sorted(random.Random(given.seed).sample(counted, size), key=lambda mutant: (mutant.module, mutant.line))
    trial = Trial(chosen, {name: import_module(name) for name in {mutant.module for mutant in every}})
    tests = given.tests or sorted((ROOT / "tests").glob(TESTS))
    pytest.main(["-q", "-p", "no:xdist", "-p", "no:cacheprovider", "--no-header", *map(str, tests)], plugins=[trial])
    if not trial.sound:
        sys.exit("the tests fail without any mutant")
    _show(trial, len(every), len(every) - len(counted))


def _show(trial: Trial, every: int, equivalent: int) -> None:
    """Print the score by module, and what survived."""
    tried, alive = (Counter(mutant.module for mutant in part) for part in (trial.chosen, trial.survivors))
    for module, count in sorted(tried.items()):
        print(f"{module:32s} {count - alive[module]:4d} of {count:4d}  {1 - alive[module] / count:5.0%}")
    total, left = len(trial.chosen), len(trial.survivors)
    print(
        f"caught {total - left} of {total} mutants, {1 - left / max(total, 1):.1%} (of {every}; {equivalent} equivalent)"
    )


if __name__ == "__main__":
    main()
