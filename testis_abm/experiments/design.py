"""Which runs an experiment has: axes over dotted paths, and points by a grid, a list or a sampler."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from testis_abm.scenario.amounts import quantity
from testis_abm.scenario.section import flat
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, printable, shown

METHODS = ("grid", "list", "latin_hypercube", "sobol")
MOST_POINTS, MOST_VALUES = 1_000_000, 20_000_000
_RANGE = ("from", "to", "steps", "scale")

Value = float | int | str | bool


@dataclass(frozen=True)
class Axis:
    """One thing that is varied.

    Attributes:
        path: dotted, as in `--set`; unit: that every value carries ("mg"; empty for a plain number).
        values: as they are put into the scenario (empty for a range that is only sampled).
        low, high, log: of a range.
    """

    path: str
    unit: str = ""
    values: tuple[Value, ...] = ()
    low: float = math.nan
    high: float = math.nan
    log: bool = False

    @property
    def ranged(self) -> bool:
        """Return whether it is a range that can be sampled."""
        return math.isfinite(self.low)

    def at(self, share: float) -> Value:
        """Return the value at a share (0 to 1) of the range."""
        number = self.low * (self.high / self.low) ** share if self.log else self.low + share * (self.high - self.low)
        return self.written(float(f"{number:.6g}"))

    def written(self, number: float) -> Value:
        """Return a number as it is put into the scenario."""
        return f"{number:g} {self.unit}" if self.unit else number

    def number(self, value: Value) -> float:
        """Return the number in a value, NaN where it is a word, or carries another unit than the others of the axis."""
        if isinstance(value, bool | int | float):
            return float(value)
        try:
            number, unit = quantity(value, "a number")
        except ScenarioError:
            return math.nan
        return number if unit == self.unit else math.nan


@dataclass(frozen=True)
class Design:
    """Axes and points.

    Attributes:
        axes: what is varied.
        points: (points, axes) values, in order.
    """

    axes: tuple[Axis, ...]
    points: tuple[tuple[Value, ...], ...]

    def overrides(self, point: int) -> dict[str, Value]:
        """Return what a point puts into the scenario, path -> value."""
        return dict(zip((axis.path for axis in self.axes), self.points[point], strict=True))


def parse_axis(path: str, given: object) -> Axis:
    """Return an axis from a list of values or a table { from, to, steps, scale }.

    Raises:
        ScenarioError: what is wrong with it.
    """
    if not isinstance(path, str):
        raise ScenarioError(f"{shown(path)} is not a path; write for example man.bmi")
    with guard.at(printable(path)):
        if isinstance(given, list):
            return _listed(path, given)
        if isinstance(given, Mapping):
            return _ranged(path, given)
        raise ScenarioError(f"{shown(given)} is neither a list of values nor {{ from = ..., to = ..., steps = ... }}")


def _listed(path: str, given: list[Any]) -> Axis:
    if not given:
        raise ScenarioError("is an empty list; name at least one value")
    if not all(isinstance(value, bool | int | float | str) for value in given):
        raise ScenarioError(f"{shown(given)} holds more than numbers and text")
    units = {_unit(value) for value in given}
    return Axis(path, units.pop() if len(units) == 1 else "", tuple(given))


def _ranged(path: str, given: Mapping[str, Any]) -> Axis:
    for key in given:
        guard.key(key, _RANGE, "key")
    for key in ("from", "to"):
        if key not in given:
            raise ScenarioError(f"{key} is missing")
    (low, unit), (high, other) = _split(given["from"]), _split(given["to"])
    if unit != other:
        raise ScenarioError(f"from {shown(given['from'])} and to {shown(given['to'])} are in different units")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ScenarioError(f"from {low:g} to {high:g} has no end; name two numbers")
    if not low < high:
        raise ScenarioError(f"from {low:g} is not below to {high:g}")
    scale = guard.word(given.get("scale", "linear"), ("linear", "log"), "scale")
    if scale == "log" and low <= 0.0:
        raise ScenarioError(f"from {low:g} is not above 0; a log scale has no place for it")
    axis = Axis(path, unit, (), low, high, scale == "log")
    if given.get("steps") is None:
        return axis
    steps = guard.whole(given["steps"], 2, 10_000, "steps")
    return replace(axis, values=tuple(axis.at(i / (steps - 1)) for i in range(steps)))


def _unit(value: object) -> str:
    """Return the unit of a value of a list, "" where it is a plain number or a word."""
    try:
        return quantity(value, "a number")[1]
    except ScenarioError:
        return ""


def _split(value: object) -> tuple[float, str]:
    if isinstance(value, str):
        return quantity(value, "a number with a unit")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ScenarioError(f"{shown(value)} is no number")
    try:
        return float(value), ""
    except OverflowError:
        return math.inf, ""


def parse_design(given: Mapping[str, Any], *, sampler: str = "") -> Design:
    """Return the design of a [sweep] or [sensitivity] table; `sampler` is what errors call the method.

    Raises:
        ScenarioError: nothing is varied, or a key is wrong.
    """
    over = guard.mapping(given, "design", '{"over": {"man.bmi": [22, 28, 34]}}').get("over")
    if not isinstance(over, Mapping) or not over:
        raise ScenarioError('over is empty: nothing is varied; write for example "man.bmi" = [22, 28, 34]')
    axes = tuple(parse_axis(path, value) for path, value in flat(over, _RANGE))
    samples = guard.whole(given.get("samples", 64), 2, MOST_POINTS, "samples")
    seed = guard.argument("seed", given.get("seed", 1))
    method = guard.key(given.get("method", "grid"), METHODS, "method")
    if method in ("grid", "list"):
        return Design(axes, _points(axes, method))
    for axis in axes:
        if not axis.ranged:
            raise ScenarioError(
                f"{printable(axis.path)}: is a list; {sampler or method} samples a range: {{ from = ..., to = ... }}"
            )
    guard.few(samples * len(axes), MOST_VALUES, "values (samples times axes)", "use fewer samples or axes")
    return design_at(axes, sampled(method, len(axes), samples, seed))


def design_at(axes: tuple[Axis, ...], shares: np.ndarray) -> Design:
    """Return the design with the points at (points, axes) shares (0 to 1) of the ranges."""
    return Design(axes, tuple(tuple(axis.at(x) for axis, x in zip(axes, row)) for row in shares))


def _points(axes: tuple[Axis, ...], method: str) -> tuple[tuple[Value, ...], ...]:
    """Return the points of a grid or a list."""
    sizes = {printable(axis.path): len(axis.values) for axis in axes}
    for path, size in sizes.items():
        if not size:
            raise ScenarioError(f"{path}: steps is missing; a {method} needs a number of values")
    if method == "list" and len({*sizes.values()}) > 1:
        text = ", ".join(f"{path} {size}" for path, size in sizes.items())
        raise ScenarioError(f"method list takes the first of each, then the second: the axes differ in length ({text})")
    values = [axis.values for axis in axes]
    count = math.prod(map(len, values)) if method == "grid" else len(values[0])
    guard.few(count, MOST_POINTS, "points", 'use fewer values, or method = "sobol" with samples')
    return tuple(itertools.product(*values) if method == "grid" else zip(*values))


def sampled(method: str, axes: int, samples: int, seed: int) -> np.ndarray:
    """Return (samples, axes) shares in [0, 1) of a Latin hypercube or a scrambled Sobol sequence."""
    from scipy.stats import qmc

    if method == "latin_hypercube":
        return np.asarray(qmc.LatinHypercube(axes, rng=seed).random(samples))
    # A Sobol sequence is balanced at powers of two: the rest of the last one is left out.
    whole = qmc.Sobol(axes, rng=seed).random_base2(max(1, math.ceil(math.log2(samples))))
    return np.asarray(whole[:samples])
