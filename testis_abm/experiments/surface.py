"""Response surface of the testis: what a man makes of sperm at any local testosterone and oestradiol.

Both are clamped within his testes, so that neither the axis nor an enzyme decides on them. Each point is the
mean-field man after a clamp of constant levels, under each of some plausible parameter sets with their answers to what the
data do not decide: the spread is that of the model, not of men.
"""

from __future__ import annotations

import copy
import math
import os
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from testis_abm.biology.laboratory import Laboratory
from testis_abm.experiments.hypotheses import arms_under_hypotheses, untreated
from testis_abm.experiments.outputs import COLUMNS, OUTPUTS, WEEK, of_expected, output
from testis_abm.experiments.task import version
from testis_abm.man.clamps import held_by_day
from testis_abm.man.injuries import warn_if_cells_are_needed
from testis_abm.man.mean_field import ExpectedMan
from testis_abm.man.parameter_set import ParameterSet
from testis_abm.man.treat import Treatment
from testis_abm.parameters.tables import NONE, using
from testis_abm.quantities import QUANTITIES, Quantity, unit_of
from testis_abm.results import plausible
from testis_abm.results.report import aligned, number
from testis_abm.results.shown import Shown
from testis_abm.results.treatment import Treatment as Span
from testis_abm.scenario import Clamp, load
from testis_abm.scenario.amounts import quantity
from testis_abm.statistics import LEAST_MEN
from testis_abm.studies.ensemble import shipped
from testis_abm.support import files, guard, outputs, tabular
from testis_abm.support.cores import counted, each
from testis_abm.support.errors import ScenarioError, TestisError, shown

if TYPE_CHECKING:
    from testis_abm.scenario import Scenario

T, E2, RATIO = "T", "E2", "T/E2"
# Axis -> quantity, and its range unless another is asked for, in multiples of the man's own.
AXES: Mapping[str, tuple[Quantity, tuple[float, float]]] = {
    T: (QUANTITIES["intratesticular_testosterone_nmol_l"], (0.02, 3.0)),
    E2: (QUANTITIES["intratesticular_oestradiol_nmol_l"], (0.01, 10.0)),
    RATIO: (QUANTITIES["intratesticular_t_over_e2"], (0.1, 10.0)),
}
GONADOTROPHINS = HELD, FREE = ("held", "free")
DEFAULT = "daily sperm production"
LEVELS, SETS, HOLD = 13, 30, 360
_WIDEST = (1e-3, 100.0)  # multiples of his own
_EXAMPLE = '"2 % to 300 %" of his own'
_SHORT, _COLUMNS = 6, 5  # levels of the printed table, down and across
_UNDER_SETS = 3  # parameter sets of each combination of answers, for what treatment does under each
_STATES = OWN, UNTREATED, STEROIDS, TREATED = ("own", "untreated", "steroids alone", "treated")
_MARK, _TEXT = "surface.json", "summary.txt"
_TABLES = ("surface", "path", "states")


class Axis(NamedTuple):
    """One axis of a surface: a key of AXES, and levels that rise and hold 1, in multiples of the man's own."""

    name: str
    levels: np.ndarray

    @property
    def quantity(self) -> Quantity:
        """Return what is varied."""
        return AXES[self.name][0]


class Spread(NamedTuple):
    """Median over parameter sets and the ends of the 90 % interval (NaN of few sets), each of the same shape."""

    median: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Spread:
        """Return the spread of `values`, (sets, ...); NaN is of a set that has none."""
        there = np.isfinite(values).any(axis=0)
        spread = np.nanquantile(np.where(there, values, 0.0), [0.5, 0.05, 0.95], axis=0)
        spread[:, ~there] = np.nan
        if len(values) < LEAST_MEN:
            spread[1:] = np.nan
        return cls(*spread)

    def text(self, unit: str = "") -> str:
        """Return it in words, of one value."""
        middle, low, high = (number(float(value)) for value in self)
        interval = f" ({low} to {high})" if math.isfinite(float(self.low)) else ""
        return f"{middle}{unit}{interval}"


@dataclass(frozen=True)
class Surface(Shown):
    """What a testis makes at each local level of two steroids, and the way that a scenario's treatment takes.

    Attributes:
        scenario: whose man, parameters and treatment.
        axes: testosterone, and oestradiol or their ratio.
        points: a row a set and place: `set`, `t_own` and `e2_own` (multiples of the man's own), levels (outputs.COLUMNS), and
            the set's answer to each question that the data do not decide and that is of this man.
        path: a row a set and day of treatment, from day 0 to its end: `set`, `day`, `t_own`, `e2_own` (means of a week)
            and their levels; no rows without treatment.
        states: a row a set and state ("own": his steady state before any past; "untreated" and "treated" at the end of
            treatment; "steroids alone": clamped at the local levels of the treated man): levels (outputs.COLUMNS) and answers, as in `points`.
        gonadotrophins: of GONADOTROPHINS, in `points` and "steroids alone".
        hold: days of each clamp. end: day on which treatment ends; 0 without.
    """

    scenario: Scenario
    axes: tuple[Axis, Axis]
    points: pd.DataFrame
    path: pd.DataFrame
    states: pd.DataFrame
    gonadotrophins: str
    hold: int
    end: int

    def __repr__(self) -> str:
        across, up = self.axes
        return (
            f"<Surface {self.scenario.title!r}: {across.name} x {up.name}, {len(across.levels)} x {len(up.levels)} "
            f"levels, {self.sets} parameter sets; print(_)>"
        )

    @property
    def sets(self) -> int:
        """Return the number of parameter sets."""
        return int(self.points["set"].nunique())

    @property
    def own(self) -> Mapping[str, float]:
        """Return the man's own levels by axis (AXES), in the unit of the column: medians over sets."""
        rest = self.state(OWN)
        return {name: float(np.median(rest[row.column])) for name, (row, _) in AXES.items()}

    @cached_property
    def under(self) -> pd.DataFrame | None:
        """Return what treatment does by its end under every answer (results.plausible.COLUMNS); None without treatment."""
        if not self.end:
            return None
        arms = {UNTREATED: untreated(self.scenario), TREATED: self.scenario}
        return arms_under_hypotheses(arms, sets=_UNDER_SETS, day=self.end).table()

    def state(self, name: str) -> pd.DataFrame:
        """Return the rows of a state, one a set."""
        return self.states[self.states["state"] == name]

    def grid(self, word: str = DEFAULT) -> Spread:
        """Return an output over the surface in its clinical unit, each (levels up, levels across).

        Raises:
            ScenarioError: there is no such output.
        """
        row, (across, up) = OUTPUTS[output(word)], self.axes
        shape = (self.sets, len(up.levels), len(across.levels))
        return Spread.of(row.clinical(self.points[row.column].to_numpy().reshape(shape)))

    def text(self, word: str = DEFAULT) -> str:
        """Return a table of an output over the surface, and what treatment does on it.

        Raises:
            ScenarioError: there is no such output.
        """
        row, (t, second) = OUTPUTS[output(word)], self.axes
        spread = self.grid(word)
        down, across = (_some(levels.levels, most) for levels, most in ((t, _SHORT), (second, _COLUMNS)))
        head = (f"{t.name}, % of own", *(f"{second.name} {_percent(second.levels[k])}" for k in across))
        cells = [
            (_percent(t.levels[i]), *(Spread(*(part[k, i] for part in spread)).text() for k in across)) for i in down
        ]
        own = self.own
        levels = ", ".join(f"{name} {number(own[name])} {AXES[name][0].unit}" for name in (t.name, second.name))
        return "\n".join(
            [
                f"{self.scenario.heading}: {row.heading} over {t.name} and {second.name} within the testis",
                "",
                aligned([head, *cells]),
                "",
                *_wrapped(self.basis()),
                *_wrapped(
                    f"His own: {levels}; {row.label} {self._spread(UNTREATED, row).text(f' {row.clinical_unit}')}."
                ),
                *_wrapped(self.verdict(word)),
                *self._by_answer(row),
            ]
        )

    def _by_answer(self, row: Quantity) -> list[str]:
        """Return in lines what treatment does to an output by its end under each answer, and what would decide."""
        if self.under is None or not self.told(row, float(self._spread(UNTREATED, row).median)):
            return []
        of = self.under, TREATED, (row.column,)
        told = (
            f"At the end of the path, {self.scenario.called(TREATED)} against {UNTREATED}: {next(plausible.verdicts(*of))}",
            *plausible.deciding(*of),
        )
        return ["", plausible.answered(plausible.by_answer(*of)), *(line for text in told for line in _wrapped(text))]

    def basis(self) -> str:
        """Return in words what a point is, and over what its interval is."""
        held = {HELD: "LH and FSH held at his own levels", FREE: "LH and FSH free to answer"}[self.gonadotrophins]
        interval = "median (90 % interval)" if self.sets >= LEAST_MEN else "median"
        return (
            f"Each level: {interval} over {self.sets} parameter sets that fit published studies, with answers by weight to what "
            f"these do not decide, of the mean-field man after {self.hold} days of a clamp of both steroids within his testes, "
            f"{held}."
        )

    def verdict(self, word: str = DEFAULT) -> str:
        """Return in words what treatment does to the local steroids and an output, and which part the steroids have in it.

        Raises:
            ScenarioError: there is no such output.
        """
        row = OUTPUTS[output(word)]
        if not len(self.path):
            return "The scenario treats him with nothing, so no path is drawn."
        last = self.path[self.path["day"] == self.end]
        reached = " and ".join(
            f"{Spread.of(100.0 * last[name].to_numpy()).text(' %')} of his own {title}"
            for name, title in (("t_own", "testosterone"), ("e2_own", "oestradiol"))
        )
        gonadotrophins = " and ".join(
            f"{QUANTITIES[column].label} {self._share(TREATED, column).text(' %')}"
            for column in ("lh_iu_l", "fsh_iu_l")
        )
        if not self.told(row, float(self._spread(UNTREATED, row).median)):
            return f"By day {self.end} {self.scenario.cause} takes the testis to {reached}; of {row.label} he has none to compare with."
        steroids, treated = (self._share(state, row.column).text(" %") for state in (STEROIDS, TREATED))
        return (
            f"By day {self.end} {self.scenario.cause} takes the testis to {reached}. Held there, {_HELD[self.gonadotrophins]}, {row.label} "
            f"would be {steroids} of {self._own}; of the {self.scenario.called(TREATED)} man it is {treated} on that day, with {gonadotrophins} of {self._own}."
        )

    @property
    def _own(self) -> str:
        """Return what levels are told in shares of: of a man with a past, who goes on recovering, those of the same day."""
        past = self.scenario.man.history or self.scenario.untreated().insult
        return "that untreated on the same day" if past else "his own"

    def told(self, row: Quantity, level: float) -> bool:
        """Return whether a level in its clinical unit is told from none."""
        laboratory = Laboratory(self.scenario.values())
        return level > laboratory.limit(row.column) * row.factor

    def _spread(self, state: str, row: Quantity) -> Spread:
        return Spread.of(row.clinical(self.state(state)[row.column].to_numpy()))

    def _share(self, state: str, column: str) -> Spread:
        """Return a level of a state, % of the untreated one of the same set."""
        rest = self.state(UNTREATED)[column].to_numpy()
        with np.errstate(divide="ignore", invalid="ignore"):
            return Spread.of(np.where(rest > 0.0, 100.0 * self.state(state)[column].to_numpy() / rest, np.nan))

    def save(
        self,
        folder: str | Path,
        words: Sequence[str] = (DEFAULT,),
        more: Mapping[str, bytes] | None = None,
        form: str = "parquet",
        about: Mapping[str, object] | None = None,
    ) -> Path:
        """Write the tables (in the format `form`, with what `about` says of them), surface.json, the text for `words` and `more` files by name, all or none; return the path.

        Raises:
            TestisError: the folder holds something else, or cannot be written.
        """
        ours = known_files()
        target = outputs.check_folder(folder, _MARK, ours)
        with files.whole_folder(target, ours) as partial:
            for name, table in zip(_TABLES, (self.points, self.path, self.states), strict=True):
                units = {column: unit for column in table if (unit := unit_of(str(column)))}
                outputs.write_table(partial / f"{name}.{form}", table, units, about)
            outputs.write_json(partial / _MARK, self._about())
            text = "\n\n".join(self.text(word) for word in words)
            (partial / _TEXT).write_text(text + "\n", encoding="utf-8")
            for name, content in (more or {}).items():
                (partial / name).write_bytes(content)
        return target

    def _about(self) -> dict[str, object]:
        return {
            "version": version(),
            "title": self.scenario.heading,
            "axes": {each_axis.name: each_axis.levels.tolist() for each_axis in self.axes},
            "own": dict(self.own),
            "sets": [int(k) for k in self.points["set"].unique()],
            "gonadotrophins": self.gonadotrophins,
            "hold_days": self.hold,
            "scenario": self.scenario.to_toml(),
        }


def from_tables(about: Mapping[str, Any], points: pd.DataFrame, path: pd.DataFrame, states: pd.DataFrame) -> Surface:
    """Return a surface from what `Surface.save` wrote: surface.json and the tables.

    Raises:
        TestisError: the scenario cannot be read. KeyError, ValueError: they are not those of a surface.
    """
    with using(NONE):  # a scenario carries its tables
        scenario = load(tomllib.loads(about["scenario"]))
    axes = [Axis(name, np.array(levels, dtype=float)) for name, levels in about["axes"].items()]
    if len(points) != len(about["sets"]) * len(axes[0].levels) * len(axes[1].levels):
        raise ValueError("the points are not those of the axes")
    answers = [name for name in points if name not in ("set", "t_own", "e2_own", *COLUMNS)]
    points, states = (tabular.with_texts(rows, answers) for rows in (points, states))
    end = int(path["day"].max()) if len(path) else 0
    return Surface(
        scenario, (axes[0], axes[1]), points, path, states, about["gonadotrophins"], int(about["hold_days"]), end
    )


_HELD = {HELD: "with LH and FSH at his own levels", FREE: "with LH and FSH free to answer"}


def picture_name(word: str) -> str:
    """Return the name of the picture of an output."""
    return "surface_" + re.sub(r"\W+", "_", OUTPUTS[word].label.lower()).strip("_")


def known_files() -> frozenset[str]:
    """Return the names of all files that a folder of a surface may hold."""
    pictures = (f"{picture_name(word)}.{kind}" for word in OUTPUTS for kind in ("png", "svg"))
    tables = (f"{name}.{form}" for name in _TABLES for form in outputs.FORMATS)
    return frozenset({*tables, _MARK, _TEXT, "results.json", "report.html", *pictures})


def check_writable(folder: str | Path) -> None:
    """Make sure, before the work, that a surface can be saved to a folder.

    Raises:
        TestisError: it cannot.
    """
    outputs.check_writable(folder, _MARK, known_files())


def _some(levels: np.ndarray, most: int) -> list[int]:
    """Return the places of at most `most` levels, the first, the last and the man's own among them."""
    own = int(np.abs(levels - 1.0).argmin())
    spaced = np.linspace(0, len(levels) - 1, min(most, len(levels))).round().astype(int).tolist()
    inner = [k for k in spaced[1:-1] if k != own]
    if own not in spaced and inner:  # his own takes the place of the nearest
        spaced.remove(min(inner, key=lambda k: abs(k - own)))
    return sorted({*spaced, own})


def _percent(share: float) -> str:
    return f"{float(f'{100.0 * share:.2g}'):,.6g} %"


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="  ", subsequent_indent="  ")


# ---- what is asked for


def read_axes(given: object, count: int) -> tuple[Axis, Axis]:
    """Return the axes of a surface, of about `count` levels each, evenly spaced in the logarithm.

    Args:
        given: name (AXES) -> range: two multiples of the man's own, "2 % to 300 %", or None for the usual one;
            testosterone and oestradiol where they are not named. Or names alone.
        count: of levels.

    Raises:
        ScenarioError: a name or range that is none.
    """
    if given is None or (isinstance(given, Sequence) and not isinstance(given, str)):
        given = dict.fromkeys(guard.word(name, AXES) for name in given or ())
    table = guard.mapping(given, "", '{"T": "2 % to 300 %", "E2": "1 % to 1000 %"}')
    for name in table:
        guard.word(name, AXES)
    if E2 in table and RATIO in table:
        raise ScenarioError(f"{E2} and {RATIO} are given both; one of them stands beside T, leave the other out")
    across, up = (
        Axis(name, levels(*_range(table.get(name), name), count)) for name in (T, RATIO if RATIO in table else E2)
    )
    return across, up


def levels(low: float, high: float, count: int) -> np.ndarray:
    """Return `count` levels from `low` to `high`, 1 among them, about evenly spaced in the logarithm."""
    share = -math.log(low) / math.log(high / low)
    below = min(max(round((count - 1) * share), int(low < 1.0)), count - 1 - int(high > 1.0))
    return np.concatenate([np.geomspace(low, 1.0, below + 1)[:-1], [1.0], np.geomspace(1.0, high, count - below)[1:]])


def _range(value: object, name: str) -> tuple[float, float]:
    with guard.at(name):
        if value is None:
            return AXES[name][1]
        ends = re.split(r"\s+to\s+|\.\.", value) if isinstance(value, str) else value
        if not isinstance(ends, Sequence) or len(ends) != 2:
            raise ScenarioError(f"{shown(value)} is no range; write for example {_EXAMPLE}")
        low, high = (_multiple(end) for end in ends)
        if not low <= 1.0 <= high or low == high:
            text = (
                f"from {_percent(low)} to {_percent(high)} does not hold his own level (100 %), from which all is read"
            )
            raise ScenarioError(f"{text}; write for example {_EXAMPLE}")
    return low, high


def _multiple(end: object) -> float:
    """Return a multiple of his own, written as one, as "20 %" or as "0.2 x own"."""
    if isinstance(end, str):
        amount, unit = quantity(end, _EXAMPLE)
        factor = {"%": 0.01, "x": 1.0, "x own": 1.0}.get(unit.lower())
        if factor is None:
            fault = f"has the unit {shown(unit)}" if unit else "has no unit"
            raise ScenarioError(f"{shown(end)} {fault}; use % or x own, for example {_EXAMPLE}")
        end = amount * factor
    return guard.number(end, *_WIDEST, unit="x own")


# ---- the work


@dataclass(frozen=True)
class _Work:
    """What is done under each parameter set.

    Attributes:
        case: without clamps. multiples: of testosterone and oestradiol at each place, (places, 2).
        tell: called after each man.
    """

    case: Scenario
    multiples: np.ndarray
    gonadotrophins: str
    hold: int
    tell: Callable[[], None]

    @property
    def end(self) -> int:
        """Return the day on which treatment ends; 0 without."""
        last = self.case.plan.duration_days
        return max(1, round(Span.planned(self.case, last).end)) if self.case.treated else 0

    def under(self, numbered: tuple[int, ParameterSet]) -> _Found:
        """Return what is found under a parameter set, with its number."""
        k, own = numbered
        of_file = self.case.man.physiology
        physiology, values = own.as_kind(of_file, own.drawn(of_file, (self.case.plan.seed, k)))
        treatment = Treatment(self.case, own.drugs_of(self.case), history=True)
        control = treatment.control()
        rest = control.man(values, physiology)
        for name in (T, E2):
            if not float(rest.own[AXES[name][0].column][0]) > 0.0:
                raise TestisError(
                    f"man: he has no {AXES[name][0].label} of his own, so multiples of it are no axis; choose another man"
                )
        day_0 = control.up_to_day_0(copy.deepcopy(rest)) if control.past else rest
        points = [self._clamped(control, day_0, *pair) for pair in self.multiples.tolist()]
        states = {OWN: of_expected(rest, 0, self.case)}
        states[UNTREATED] = self._untreated(control, day_0) if control.past else states[OWN]
        if not self.case.treated:
            return _Found(k, own.answers_of(of_file), np.array(points), np.zeros((0, 2)), states)
        man = treatment.follow(treatment.man(values, physiology), (self.case.plan.seed, k))
        path = _path(man, rest, self.end)
        states[STEROIDS] = self._clamped(control, day_0, *path[-1].tolist())
        states[TREATED] = of_expected(man, self.end, self.case)
        return _Found(k, own.answers_of(of_file), np.array(points), path, states)

    def _untreated(self, control: Treatment, day_0: ExpectedMan) -> list[float]:
        """Return the levels of a man with a past on the morning on which treatment ends, had there been none."""
        held = held_by_day((), day_0.own, day_0.values, range(self.end))
        return of_expected(control.go_on(copy.deepcopy(day_0), held), self.end, self.case)

    def _clamped(self, control: Treatment, day_0: ExpectedMan, testosterone: float, oestradiol: float) -> list[float]:
        """Return the levels of an untreated man at the end of a clamp of both from day 0 on, in multiples of his own."""
        self.tell()
        man = copy.deepcopy(day_0)
        clamps = [
            Clamp("intratesticular testosterone", f"{testosterone!r} x own"),
            Clamp("intratesticular oestradiol", f"{oestradiol!r} x own"),
        ]
        if self.gonadotrophins == HELD:
            clamps.append(Clamp("gonadotrophins", "own"))
        held = held_by_day(clamps, man.own, man.values, range(self.hold))
        control.go_on(man, held)
        return of_expected(man, self.hold, self.case)


class _Found(NamedTuple):
    """Under set `k`, by its answers: levels at each place (places, COLUMNS), the path (days, 2) in multiples of his own, levels by state."""

    k: int
    answers: Mapping[str, str]
    points: np.ndarray
    path: np.ndarray
    states: Mapping[str, list[float]]


def _path(man: ExpectedMan, rest: ExpectedMan, end: int) -> np.ndarray:
    """Return local testosterone and oestradiol in multiples of the man's own, (1 + end, 2), as means of the week before."""
    columns = [AXES[name][0].column for name in (T, E2)]
    days = np.stack([man.days[column][: end + 1] / float(rest.own[column][0]) for column in columns], axis=-1)
    return np.stack([days[min(day, max(1, day + 1 - WEEK)) : day + 1].mean(axis=0) for day in range(end + 1)])


def surface(
    scenario: Scenario | str | os.PathLike[str] | Mapping[str, Any],
    *,
    axes: Mapping[str, Any] | Sequence[str] | None = None,
    levels: int = LEVELS,
    sets: int = SETS,
    gonadotrophins: str = HELD,
    hold: int = HOLD,
    progress: Callable[[int, int], None] | None = None,
) -> Surface:
    """Return the response surface of the testis of a scenario's man, and the path that his treatment takes on it.

    Args:
        scenario: man, parameters and treatment; a Scenario, a mapping, a path or the name of a shipped one. Its own clamps
            are left out.
        axes: "T", and "E2" or "T/E2", with their ranges (see read_axes).
        levels: of each axis.
        sets: of plausible parameters, drawn from the shipped ensemble by the scenario's seed.
        gonadotrophins: "held" at the man's own levels, or "free".
        hold: days of each clamp.
        progress: called with the men done and all men, from several threads; what it raises ends the work.

    Raises:
        TestisError: an argument or scenario that cannot be understood, or levels beyond the physical range.
    """
    case = load(scenario).model_copy(update={"clamp": ()})
    warn_if_cells_are_needed([case])
    levels, sets, hold = (
        guard.argument(name, value) for name, value in (("levels", levels), ("sets", sets), ("hold", hold))
    )
    guard.word(gonadotrophins, GONADOTROPHINS, "gonadotrophins")
    with guard.at("axes"):
        both = read_axes(axes, levels)
    multiples = _multiples(both)
    men = sets * (len(multiples) + int(case.treated))
    guard.few(men, guard.MOST_RUNS, "men", "use fewer levels or sets", "levels")
    work = _Work(case, multiples, gonadotrophins, hold, counted(progress, men))
    with using(case.own_tables):
        drawn = shipped().knowing(case.parameters).drawn(sets, case.plan.seed)
        found = each(work.under, list(enumerate(drawn)))
    return Surface(case, both, *_tables(found, multiples), gonadotrophins, hold, work.end)


def _multiples(axes: tuple[Axis, Axis]) -> np.ndarray:
    """Return multiples of testosterone and oestradiol, (places, 2), the first axis varying fastest."""
    across, up = axes
    second, t = np.meshgrid(up.levels, across.levels, indexing="ij")
    return np.stack([t, second if up.name == E2 else t / second], axis=-1).reshape(-1, 2)


def _tables(found: Sequence[_Found], multiples: np.ndarray) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    points = pd.DataFrame(np.concatenate([one.points for one in found]), columns=COLUMNS)
    points.insert(0, "set", np.repeat([one.k for one in found], len(multiples)))
    for k, name in enumerate(("t_own", "e2_own"), 1):
        points.insert(k, name, np.tile(multiples[:, k - 1], len(found)))
    path = pd.DataFrame(np.concatenate([one.path for one in found]), columns=["t_own", "e2_own"])
    path.insert(0, "set", np.repeat([one.k for one in found], len(found[0].path)))
    path.insert(1, "day", np.tile(np.arange(len(found[0].path)), len(found)))
    answers = pd.DataFrame([one.answers for one in found], index=[one.k for one in found]).fillna("")
    states = pd.DataFrame(_state_rows(found), columns=["set", "state", *COLUMNS])
    return points.join(answers, on="set"), path, states.join(answers, on="set")


def _state_rows(found: Sequence[_Found]) -> Iterator[list[Any]]:
    for one in found:
        for state, row in one.states.items():
            yield [one.k, state, *row]
