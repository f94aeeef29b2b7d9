"""Measure the structure of the source: sizes, and what makes code hard to change.

python benchmarks/house.py [CHECKOUT]
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations, product
from pathlib import Path

import networkx as nx

PACKAGE = "testis_abm"
HERE = Path(__file__).resolve().parents[1]
LONGEST_LINE, PARAMETERS, RETURNED, SHARED_NAMES = 120, 8, 4, 4
_ALIKE = 2 / 3  # of the names of both, those that two lists must share to be one list written twice
_COLLECTIONS = (ast.Tuple, ast.List, ast.Set, ast.Dict)
_SHOWN = 6


class House:
    """The Python modules of a checkout's package, parsed; their names leave out that of the package."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.texts: dict[str, str] = {}
        self.packages: set[str] = set()
        for path in sorted((checkout / PACKAGE).rglob("*.py")):
            parts = path.relative_to(checkout / PACKAGE).with_suffix("").parts
            name = ".".join(parts).removesuffix(".__init__")
            self.texts[name] = path.read_text(encoding="utf-8")
            if parts[-1] == "__init__":
                self.packages.add(name)
        self.nodes = {name: list(ast.walk(ast.parse(text))) for name, text in self.texts.items()}

    def room(self, module: str) -> str:
        """Return the sub-package, or the module itself where it stands in the root."""
        return module.split(".")[0]

    def lines(self, module: str) -> int:
        return len(self.texts[module].splitlines())

    def functions(self) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """Yield (module.name, definition) of every function and method."""
        for module, nodes in self.nodes.items():
            for node in nodes:
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    yield f"{module}.{node.name}", node

    def function_sizes(self) -> list[tuple[int, str]]:
        return _largest((node.end_lineno - node.lineno + 1, name) for name, node in self.functions())

    def parameter_lists(self) -> list[tuple[int, str]]:
        """Return functions by their number of parameters, `self` and starred ones apart."""
        return _largest((len(_parameters(node)), name) for name, node in self.functions())

    def returned_tuples(self) -> list[tuple[int, str]]:
        """Return functions by the most values that one of their returns, or their annotation, lists by position."""
        return _largest((_returned(node), name) for name, node in self.functions() if _returned(node))

    def literal_indices(self) -> list[str]:
        """Return the places that read a position from 2 on by its number."""
        return [
            f"{module}:{node.lineno}"
            for module, nodes in self.nodes.items()
            for node in nodes
            if isinstance(node, ast.Subscript)
            for index in (node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice])
            if isinstance(index, ast.Constant) and type(index.value) is int and index.value >= 2
        ]

    def imports(self) -> nx.DiGraph:
        """Return who imports whom, at load, within functions and for types alike."""
        graph = nx.DiGraph()
        graph.add_nodes_from(self.nodes)
        for module in self.nodes:
            graph.add_edges_from((module, found) for found in self._imported(module) if found != module)
        return graph

    def _imported(self, module: str) -> Iterator[str]:
        package = module if module in self.packages else module.rpartition(".")[0]
        for node in self.nodes[module]:
            if isinstance(node, ast.ImportFrom):
                above = [PACKAGE, *package.split(".")][: package.count(".") + 3 - node.level] if node.level else []
                source = ".".join([*above, *filter(None, [node.module])])
                names = [_short(f"{source}.{name.name}") for name in node.names]
                yield from (name if name in self.nodes else _short(source) for name in names if _ours(source))
            elif isinstance(node, ast.Import):
                yield from (_short(name.name) for name in node.names if _ours(name.name))

    def cycles(self) -> list[set[str]]:
        """Return the knots of modules that import one another."""
        found = [set(knot) for knot in nx.strongly_connected_components(self.imports()) if len(knot) > 1]
        return sorted(found, key=len, reverse=True)

    def repeated_names(self) -> set[tuple[str, str]]:
        """Return pairs of modules that hold the same list of names, or one that has drifted from the other."""
        listed = {
            module: {
                names for node in nodes if isinstance(node, _COLLECTIONS) and len(names := _names(node)) >= SHARED_NAMES
            }
            for module, nodes in self.nodes.items()
        }
        return {
            (first, second)
            for first, second in combinations(sorted(listed), 2)
            for a, b in product(listed[first], listed[second])
            if len(a & b) >= max(SHARED_NAMES, _ALIKE * len(a | b))
        }

    def long_lines(self) -> int:
        return sum(len(line) > LONGEST_LINE for text in self.texts.values() for line in text.splitlines())

    def skipped(self) -> int:
        """Return how many statements are kept from the formatter."""
        return sum(line.count("# fmt: skip") for text in self.texts.values() for line in text.splitlines())

    def statements(self) -> int:
        """Return the number of statements, which no layout changes; docstrings are none."""
        return sum(
            isinstance(node, ast.stmt) and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
            for nodes in self.nodes.values()
            for node in nodes
        )

    def test_lines(self) -> int:
        return sum(len(path.read_text(encoding="utf-8").splitlines()) for path in self.checkout.glob("tests/*.py"))

    def show(self) -> None:
        """Print the table."""
        rooms, modules = Counter[str](), Counter[str]()
        for module in self.texts:
            rooms[self.room(module)] += self.lines(module)
            modules[self.room(module)] += 1
        total = sum(rooms.values())
        other = Counter[str]()
        for path in (self.checkout / PACKAGE).rglob("*"):
            if path.suffix in {".toml", ".vue", ".js", ".css", ".csv", ".md"}:
                other[path.suffix] += len(path.read_text(encoding="utf-8").splitlines())
        print(f"{'room':14s} {'lines':>6s} {'modules':>8s}")
        for name, lines in rooms.most_common():
            print(f"{name:14s} {lines:6,d} {modules[name]:8d}")
        print(f"{'all':14s} {total:6,d} {len(self.texts):8d}")
        print("beside them    " + ", ".join(f"{suffix} {lines:,d}" for suffix, lines in other.most_common()))
        _row("largest modules", _largest((self.lines(module), module) for module in self.texts)[:_SHOWN])
        _row("largest functions", self.function_sizes()[:_SHOWN])
        _row("most parameters", self.parameter_lists()[:_SHOWN])
        _row("most values returned", self.returned_tuples()[:_SHOWN])
        cycles = self.cycles()
        print()
        for what, count in (
            ("statements", self.statements()),
            (f"functions over {PARAMETERS} parameters", sum(n > PARAMETERS for n, _ in self.parameter_lists())),
            (f"tuples over {RETURNED} returned", sum(n > RETURNED for n, _ in self.returned_tuples())),
            ("literal indices >= 2", len(self.literal_indices())),
            ("import cycles (late and typing imports too)", len(cycles)),
            ("modules in cycles", sum(map(len, cycles))),
            ("pairs of modules with the same list of names", len(self.repeated_names())),
            (f"lines over {LONGEST_LINE}", self.long_lines()),
            ("# fmt: skip", self.skipped()),
        ):
            print(f"{what:48s} {count:6,d}")
        print(f"{'test lines a line of code':48s} {self.test_lines() / total:6.2f}  ({self.test_lines():,d})")


def _ours(module: str) -> bool:
    return module.split(".")[0] == PACKAGE


def _short(module: str) -> str:
    return "__init__" if module == PACKAGE else module.removeprefix(f"{PACKAGE}.")


def _largest(found: Iterator[tuple[int, str]]) -> list[tuple[int, str]]:
    return sorted(found, key=lambda row: (-row[0], row[1]))


def _row(what: str, found: list[tuple[int, str]]) -> None:
    print(f"\n{what}")
    for count, name in found:
        print(f"  {count:5,d}  {name}")


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    taken = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    return [arg.arg for arg in taken if arg.arg not in ("self", "cls")]


def _returned(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the length of the longest tuple that a function returns, 0 for none; not that of functions within it."""
    longest, waiting = 0, list(node.body)
    annotated = node.returns
    if isinstance(annotated, ast.Subscript) and getattr(annotated.value, "id", "") == "tuple":
        longest = len(getattr(annotated.slice, "elts", ()))
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        if isinstance(inner, ast.Return) and isinstance(inner.value, ast.Tuple):
            longest = max(longest, len(inner.value.elts))
        waiting.extend(ast.iter_child_nodes(inner))
    return longest


def _names(node: ast.expr) -> frozenset[str]:
    parts = node.keys if isinstance(node, ast.Dict) else node.elts  # type: ignore[attr-defined]
    return frozenset(part.value for part in parts if isinstance(part, ast.Constant) and isinstance(part.value, str))


if __name__ == "__main__":
    House(Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else HERE).show()
