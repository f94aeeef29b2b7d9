"""The rules of the body as formulas: they are called with symbols in the place of numbers, so that no equation is written twice.

A rule (biology/*.py) is a plain function of numbers. Here it is read again with `max`, `math` and first-order steps that
take symbols, and gives expressions. A step `relax(value, target, days, dt)` is exact for the equation
d value / dt = (target - value) / days, which is what it stands for here; `dt` drops out.
"""

from __future__ import annotations

import ast
import inspect
import math
import textwrap
from collections.abc import Callable, Mapping
from types import FunctionType, SimpleNamespace
from typing import Any

_PACKAGE = "testis_abm."
_BINDING = {"+": 1, "-": 1, "*": 2, "/": 2, "^": 4}


class Node:
    """An expression, with its value now.

    Attributes:
        op: "symbol", "number", an operator of _BINDING, or the name of a function of SBML's formulas.
        args: of the operator; name: of a symbol; label: what to call the expression where it is used.
        value: with all symbols at theirs; fixed: whether it holds at all times.
        rate: of a symbol after a first-order step, its derivative in 1/day; else None.
    """

    fixed: bool
    __array_ufunc__ = None  # a number of NumPy beside it asks it what to do

    def __init__(self, op: str, value: float, *args: Node, name: str = "", fixed: bool = True) -> None:
        self.op, self.args, self.value, self.name = op, args, value, name
        self.fixed = fixed and all(arg.fixed for arg in args)
        self.label = ""
        self.rate: Node | None = None

    def __add__(self, other: Any) -> Node:
        return _node("+", lambda a, b: a + b, self, other)

    def __radd__(self, other: Any) -> Node:
        return _node("+", lambda a, b: a + b, other, self)

    def __sub__(self, other: Any) -> Node:
        return _node("-", lambda a, b: a - b, self, other)

    def __rsub__(self, other: Any) -> Node:
        return _node("-", lambda a, b: a - b, other, self)

    def __mul__(self, other: Any) -> Node:
        return _node("*", lambda a, b: a * b, self, other)

    def __rmul__(self, other: Any) -> Node:
        return _node("*", lambda a, b: a * b, other, self)

    def __truediv__(self, other: Any) -> Node:
        return _node("/", lambda a, b: a / b, self, other)

    def __rtruediv__(self, other: Any) -> Node:
        return _node("/", lambda a, b: a / b, other, self)

    def __pow__(self, other: Any) -> Node:
        return _node("^", lambda a, b: a**b, self, other)

    def __rpow__(self, other: Any) -> Node:
        return _node("^", lambda a, b: a**b, other, self)

    def __neg__(self) -> Node:
        return 0.0 - self

    def __lt__(self, other: Any) -> Any:
        return _compared("lt", self, other)

    def __gt__(self, other: Any) -> Any:
        return _compared("gt", self, other)

    def __eq__(self, other: object) -> bool:
        """Return whether two are equal for good: what follows on a state that happens to be equal is but a short cut."""
        other = node(other)
        return self.fixed and other.fixed and self.value == other.value

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        """Return which way a rule goes: where a state decides, the general one, of which the other is the limit at zero."""
        return bool(self.value) if self.fixed else True


def node(value: Any) -> Node:
    """Return a number as an expression; an expression as it is."""
    return value if isinstance(value, Node) else Node("number", float(value))


def symbol(name: str, value: float, *, fixed: bool = False) -> Node:
    """Return a symbol with its value now."""
    return Node("symbol", float(value), name=name, fixed=fixed)


def _node(op: str, do: Callable[..., float], *given: Any) -> Node:
    args = [node(one) for one in given]
    value = do(*(arg.value for arg in args))
    if all(arg.op == "number" for arg in args):
        return node(value)
    if op in ("+", "-") and args[1].op == "number" and args[1].value == 0.0:
        return args[0]
    if op == "+" and args[0].op == "number" and args[0].value == 0.0:
        return args[1]
    zero = [arg.op == "number" and arg.value == 0.0 for arg in args]
    if (op == "*" and any(zero)) or (op == "/" and zero[0]):
        return node(0.0)
    if op in ("*", "/") and args[1].op == "number" and args[1].value == 1.0:
        return args[0]
    if op == "*" and args[0].op == "number" and args[0].value == 1.0:
        return args[1]
    return Node(op, value, *args)


def _compared(op: str, one: Node, other: Any) -> Any:
    than = node(other)
    holds = one.value < than.value if op == "lt" else one.value > than.value
    return holds if one.fixed and than.fixed else Node(op, float(holds), one, than)


def _chosen(test: Any, one: Callable[[], Any], other: Callable[[], Any]) -> Any:
    if not isinstance(test, Node) or test.fixed:
        return one() if test else other()
    first, second = node(one()), node(other())
    return Node("piecewise", first.value if test.value else second.value, first, test, second)


def _called(name: str, do: Callable[..., float]) -> Callable[..., Any]:
    def call(*given: Any) -> Any:
        return _node(name, do, *given) if any(isinstance(one, Node) for one in given) else do(*given)

    return call


def _stepped(value: Any, rate: Node) -> Node:
    after = symbol(value.name, value.value)
    after.rate = rate
    return after


def _relax(value: Any, target: Any, days: Any, dt: Any) -> Node:
    return _stepped(value, (node(target) - value) / days)


def _relax_by_ratio(value: Any, target: Any, days: Any, dt: Any) -> Node:
    ratio = node(target) / value
    return _stepped(value, value * _node("ln", math.log, ratio) / days)


def _named(name: str, value: Any) -> Any:
    if isinstance(value, Node) and not value.label and value.op not in ("symbol", "number"):
        value.label = name
    return value


_MATH = SimpleNamespace(
    exp=_called("exp", math.exp),
    sqrt=_called("sqrt", math.sqrt),
    log=_called("ln", math.log),
    isnan=lambda value: math.isnan(value.value if isinstance(value, Node) else value),
    nan=math.nan,
)
_WORDS: Mapping[str, Any] = {
    "math": _MATH,
    "max": _called("max", max),
    "min": _called("min", min),
    "relax": _relax,
    "relax_by_ratio": _relax_by_ratio,
    "__chosen": _chosen,
    "__named": _named,
}


class Tracer:
    """Rules that take symbols.

    Args:
        steps: further rules that stand for a first-order step, by name.
    """

    def __init__(self, steps: Mapping[str, Any]) -> None:
        self._words = {**_WORDS, **steps}
        self._made: dict[Any, Any] = {}

    def of(self, rule: Any) -> Any:
        """Return a rule that takes symbols, and so all that it calls."""
        if rule not in self._made:
            tree = _Symbolic().visit(ast.parse(textwrap.dedent(inspect.getsource(rule))))
            tree.body[0].decorator_list = []
            names: dict[str, Any] = {}
            exec(compile(ast.fix_missing_locations(tree), inspect.getfile(rule), "exec"), names)
            made = self._made[rule] = self._naming(rule.__name__, names[rule.__name__])
            names.update({name: self._global(name, value) for name, value in rule.__globals__.items()})
            names.update(self._words)
            return made
        return self._made[rule]

    def _global(self, name: str, value: Any) -> Any:
        if isinstance(value, FunctionType) and (value.__module__ or "").startswith(_PACKAGE):
            return _Late(self, value)
        return value

    def _naming(self, name: str, rule: Any) -> Any:
        def call(*given: Any) -> Any:
            result = rule(*given)
            if isinstance(result, tuple) and hasattr(result, "_fields"):
                for field, value in zip(result._fields, result, strict=True):
                    _named(f"{name}_{field}", value)
            return _named(name, result)

        return call


class _Late:
    """A rule that is read when it is called."""

    def __init__(self, tracer: Tracer, rule: Any) -> None:
        self._tracer, self._rule = tracer, rule

    def __call__(self, *given: Any) -> Any:
        return self._tracer.of(self._rule)(*given)


class _Symbolic(ast.NodeTransformer):
    """Lets a rule choose between expressions, and name them as its variables."""

    def visit_IfExp(self, place: ast.IfExp) -> ast.AST:
        """Return a choice whose parts are worked out when they are asked for."""
        self.generic_visit(place)
        return _call("__chosen", place.test, _later(place.body), _later(place.orelse))

    def visit_Assign(self, place: ast.Assign) -> ast.AST:
        """Return the assignment of an expression that bears the name of its variable."""
        self.generic_visit(place)
        target = place.targets[0]
        if isinstance(target, ast.Name):
            place.value = _call("__named", ast.Constant(target.id), place.value)
        elif isinstance(target, ast.Tuple) and isinstance(place.value, ast.Tuple):
            pairs = zip(target.elts, place.value.elts, strict=True)
            place.value.elts = [
                _call("__named", ast.Constant(one.id), value) if isinstance(one, ast.Name) else value
                for one, value in pairs
            ]
        return place

    def visit_AugAssign(self, place: ast.AugAssign) -> ast.AST:
        """Return the change of a variable as an assignment."""
        self.generic_visit(place)
        if not isinstance(place.target, ast.Name):
            return place
        changed = ast.BinOp(ast.Name(place.target.id, ast.Load()), place.op, place.value)
        return ast.Assign([place.target], _call("__named", ast.Constant(place.target.id), changed))


def _later(expression: ast.expr) -> ast.Lambda:
    return ast.Lambda(ast.arguments([], [], None, [], [], None, []), expression)


def _call(name: str, *given: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(given), [])


class Symbols:
    """Numbers of a named tuple (of such) as fixed symbols, made when a rule asks for them, kept in `used`."""

    def __init__(self, numbers: Any, prefix: str, used: dict[str, Node]) -> None:
        self._numbers, self._prefix, self._used = numbers, prefix, used

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._numbers, name)
        if isinstance(value, tuple):
            return Symbols(value, f"{name}_", self._used)
        key = f"{self._prefix}{name}"
        return self._used.setdefault(key, symbol(key, value, fixed=True))


class States:
    """A record as states of `names`, whose rates a rule sets by its steps; `plain`, what it sets at once, by name."""

    symbols: dict[str, Node]
    rates: dict[str, Node]
    plain: dict[str, Node]
    names: list[str]

    def __init__(self, values: Mapping[str, float], prefix: str, fixed: tuple[str, ...] = ()) -> None:
        own = {name: symbol(prefix + name, value, fixed=name in fixed) for name, value in values.items()}
        fixed_ones = {name: node(values[name]) for name in fixed}
        self.__dict__.update(symbols=own | fixed_ones, rates={}, plain={}, names=[prefix + name for name in values])

    def __getattr__(self, name: str) -> Node:
        found: Node = self.plain.get(name) or self.symbols[name]
        return found

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Node) and value.op == "symbol" and value.name == self.symbols[name].name:
            if value.rate is not None:
                self.rates[name] = value.rate
        else:
            self.plain[name] = _named(name, node(value))


class Means:
    """What a rule adds up over an hour: here what it adds, in a day."""

    def __init__(self) -> None:
        self.__dict__["added"] = {}

    def __getattr__(self, name: str) -> Any:
        return self.added.get(name, 0.0)

    def __setattr__(self, name: str, value: Any) -> None:
        self.added[name] = value


class Formulas:
    """Formulas of expressions, in which those with a label are variables.

    Args:
        levels: expressions by names of their own.
        taken: names that are something else.

    Attributes:
        variables: name -> formula.
    """

    def __init__(self, levels: Mapping[str, Any], taken: set[str]) -> None:
        self._taken = {*taken, *levels}
        self._names: dict[int, str] = {}
        self._by_formula: dict[str, str] = {}
        self._kept = levels
        for name, expression in levels.items():
            if isinstance(expression, Node) and expression.op not in ("symbol", "number"):
                self._names.setdefault(id(expression), name)
        self.variables: dict[str, str] = {}
        for name, expression in levels.items():
            first = self._names.get(id(expression), name)
            self.variables[name] = self._formula(node(expression), top=True) if first == name else first

    def of(self, expression: Any) -> str:
        """Return the formula of an expression."""
        return self._formula(node(expression))

    def _formula(self, of: Node, binding: int = 0, *, top: bool = False) -> str:
        if of.op == "symbol":
            return of.name
        if of.op == "number":
            return repr(of.value) if of.value >= 0 else f"({of.value!r})"
        if not top and (of.label or id(of) in self._names):
            return self._variable(of)
        if of.op not in _BINDING:
            return f"{of.op}({', '.join(self._formula(arg) for arg in of.args)})"
        own = _BINDING[of.op]
        right = own + (of.op in "-/^")
        text = f"{self._formula(of.args[0], own + (of.op == '^'))} {of.op} {self._formula(of.args[1], right)}"
        return f"({text})" if own < binding else text

    def _variable(self, of: Node) -> str:
        if id(of) not in self._names:
            formula = self._formula(of, top=True)
            if formula not in self._by_formula:
                name, k = of.label, 1
                while name in self._taken:
                    k += 1
                    name = f"{of.label}_{k}"
                self._taken.add(name)
                self._by_formula[formula] = name
                self.variables[name] = formula
            self._names[id(of)] = self._by_formula[formula]
        return self._names[id(of)]
