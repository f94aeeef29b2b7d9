"""A study file: who was studied, what they were given, what was seen (see README.md in this folder)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from testis_abm import parameters
from testis_abm.choices import POPULATIONS
from testis_abm.parameters import FrozenMapping
from testis_abm.population.screen import parse_criterion
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY
from testis_abm.scenario.amounts import UNITS, parse_day, parse_duration, parse_unit
from testis_abm.scenario.kind import elsewhere
from testis_abm.scenario.load import read_tables
from testis_abm.scenario.section import Line, Section, one_of, quantity, tables, whole
from testis_abm.scenario.therapy import Therapy
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, TestisError, gathered, shown, unknown

FOLDER = Path(__file__).parent
# Clinical word -> column of the mean-field model's tables; T/E2 is worked out.
VARIABLES: Mapping[str, str] = {
    "testosterone": "testosterone_nmol_l",
    "free testosterone": "free_testosterone_pmol_l",
    "bioavailable testosterone": "free_testosterone_pmol_l",  # a fixed multiple of the free: changes only
    "oestradiol": "oestradiol_pmol_l",
    "T/E2": "t_over_e2",
    "LH": "lh_iu_l",
    "FSH": "fsh_iu_l",
    "inhibin B": "inhibin_b_pg_ml",
    "SHBG": "shbg_nmol_l",
    "intratesticular testosterone": "intratesticular_testosterone_nmol_l",
    "intratesticular oestradiol": "intratesticular_oestradiol_nmol_l",
    "sperm concentration": "concentration_million_ml",
    "total motile count": "total_motile_count_million",
    "progressive motility": "progressive_motility_pct",
    "normal forms": "normal_forms_pct",
    "ejaculate volume": "volume_ml",
}


class Kind(NamedTuple):
    """A kind of published number: the keys that it takes besides those of all, and its printed unit ("": its own)."""

    takes: tuple[str, ...] = ()
    unit: str = ""


KINDS: Mapping[str, Kind] = {
    "change": Kind((), "%"),
    "ratio": Kind(("versus",), "%"),
    "level": Kind(("unit",)),
    "difference": Kind(("unit", "versus")),
    "share_below": Kind(("unit", "limit"), "%"),
    "share_rising": Kind(("limit",), "%"),
    "weeks_below": Kind(("unit", "limit", "since"), "weeks"),
    "weeks_above": Kind(("unit", "limit", "since"), "weeks"),
    "lowest": Kind((), "% of own"),
    "highest": Kind((), "% of own"),
}
_LONGEST = 1100.0


def _window(value: object) -> tuple[float, float]:
    ends = value if isinstance(value, list | tuple) else [value, value]
    if len(ends) != 2:
        raise ScenarioError(f"{shown(value)} is not a day or a window; write 84 or [70, 84]")
    first, last = (parse_day(end) for end in ends)
    if last < first:
        raise ScenarioError(f"window {first:g} to {last:g} ends before it begins")
    return first, last


def _number(value: object) -> float:
    return guard.number(value, -1e12, 1e12)


def _error(value: object) -> float:
    number = _number(value)
    if number <= 0.0:
        raise ScenarioError(f"{number:g} is not above 0; leave se out where the paper gives none")
    return number


def _optional(read: Callable[[object], Any]) -> BeforeValidator:
    """Return the check of what may be left out."""
    return BeforeValidator(lambda value: None if value is None else read(value))


class Arm(Section):
    """One arm: its name and therapies ([]: untreated)."""

    name: Line
    therapy: Annotated[tuple[Therapy, ...], tables("arm.therapy")] = Field(examples=[[]])


class Observation(Section):
    """One published number (see README.md for what each `as` means).

    Attributes:
        arm, variable: of which; kind: the key `as`.
        day: window of days, or None.
        value, se: in the unit that `as` implies; limit, since, versus: where `as` needs them.
        n: men, where other than the study's.
        confidence: "seen", "derived" or "memory"; memory is shown apart and never fitted.
    """

    arm: Line
    variable: Annotated[str, one_of(*VARIABLES)] = Field(examples=["testosterone"])
    kind: Annotated[str, one_of(*KINDS)] = Field(alias="as", examples=["change"])
    day: Annotated[tuple[float, float] | None, _optional(_window)] = None
    value: Annotated[float, BeforeValidator(_number)] = Field(examples=[67])
    unit: Annotated[str, Field(validate_default=True)] = ""
    limit: Annotated[float | None, _optional(_number)] = None
    since: Annotated[float, BeforeValidator(parse_day)] = 0.0
    versus: str = ""
    se: Annotated[float | None, _optional(_error)] = None
    n: Annotated[int | None, _optional(partial(guard.whole, low=1, high=20_000))] = None
    confidence: Annotated[Literal["seen", "derived", "memory"], one_of("seen", "derived", "memory")] = "seen"
    note: str = ""

    def same_as(self, other: Observation) -> bool:
        """Return whether two observations are of the same thing."""
        keys = ("arm", "variable", "kind", "day", "limit", "since", "versus")
        return all(getattr(self, key) == getattr(other, key) for key in keys)

    @property
    def column(self) -> str:
        """Return the column that it is of."""
        return VARIABLES[self.variable]

    @property
    def relative(self) -> bool:
        """Return whether its value is a change in %."""
        return self.kind in ("change", "ratio")

    @property
    def is_share(self) -> bool:
        """Return whether its value is a share of men."""
        return self.kind.startswith("share")

    @property
    def factor(self) -> float:
        """Return how many of the column's unit make one of its unit."""
        return UNITS[self.column][self.unit] if self.unit and self.column in UNITS else 1.0

    @property
    def label(self) -> str:
        """Return it in words: arm, variable, days."""
        if self.kind in ("weeks_below", "weeks_above"):
            when = f"{self.kind.removeprefix('weeks_')} {self.limit:g}"
        elif self.day is None:
            when = ""
        else:
            when = f"day {self.day[0]:g}" if self.day[0] == self.day[1] else f"day {self.day[0]:g}-{self.day[1]:g}"
        rise = f"up by {self.limit:g} %" if self.kind == "share_rising" else ""
        return " ".join(word for word in (self.arm, self.variable, rise, when) if word)

    @property
    def shown_unit(self) -> str:
        """Return the unit of `value` for print."""
        return KINDS[self.kind].unit or self.unit

    @property
    def arms(self) -> tuple[str, ...]:
        """Return the arms that it is of: its own, and the one that it is compared with."""
        return (self.arm, self.versus) if self.versus else (self.arm,)

    @field_validator("unit")
    @classmethod
    def _unit_of_variable(cls, value: object, info: ValidationInfo) -> str:
        variable, kind = info.data.get("variable"), info.data.get("kind")
        if variable is None or kind is None:
            return ""
        if "unit" not in KINDS[kind].takes:
            if value:
                raise ScenarioError(f"{shown(value)} is not used: {kind} is in %; leave unit out")
            return ""
        column = VARIABLES[variable]
        if variable == "bioavailable testosterone":
            raise ScenarioError(
                f"{kind} of bioavailable testosterone is not worked out; use change, ratio, lowest or highest"
            )
        if column not in UNITS:
            return ""
        if value == "":
            raise ScenarioError(f"is missing; {kind} of {variable} is in one of {', '.join(UNITS[column])}")
        try:
            return parse_unit(column, value)
        except ScenarioError:
            raise ScenarioError(f"{shown(value)} is not a unit of {variable}; use {', '.join(UNITS[column])}") from None

    @model_validator(mode="after")
    def _complete(self) -> Observation:
        takes, value = KINDS[self.kind].takes, f"{self.value:g}"
        given = {"limit": self.limit is not None, "versus": self.versus, "since": self.since}
        unused = [key for key, is_given in given.items() if is_given and key not in takes]
        with gathered() as problems:
            if "limit" in takes and self.limit is None:
                problems.add(f"limit is missing; {self.kind} needs one", "limit", named=True)
            elif "versus" in takes and not self.versus:
                problems.add(f"versus is missing; a {self.kind} is to another arm", "versus", named=True)
            elif not self.kind.startswith("weeks") and self.day is None:
                problems.add("day is missing; for example day = 84", "day", named=True)
            for key in unused:
                problems.add(f"is not used by {self.kind}; leave it out", key)
            if self.relative and self.value <= -100.0:
                problems.add(f"{value} % is out of range (above -100 %)", "value")
            if self.kind == "share_rising" and self.limit is not None and self.limit <= 0.0:
                problems.add(f"{self.limit:g} % is out of range (above 0 %); 100 for men whose level doubles", "limit")
            if self.is_share and not 0.0 <= self.value <= 100.0:
                problems.add(f"{value} % is out of range (0 to 100 %)", "value")
            elif not self.relative and self.kind != "difference" and self.value < 0.0:
                problems.add(f"{value} is negative; {self.kind} is 0 or more", "value")
        return self


class Study(Section):
    """A published study, to be replayed.

    Attributes:
        title, citation, doi: what and whose.
        population, where, visits, man: who: a population, criteria at each of so many visits, fields all men share.
        n: men an arm; assay: of oestradiol; duration_days: of the plan.
        baseline: "screening" (what screening measured is the baseline that is printed) or "separate" (measured again).
        design: "paired" (the same men in every arm) or "parallel" (other men in each).
        arm, observed: what they were given, what was seen.
        name: of the file.
    """

    title: Line
    citation: Line
    doi: Line = ""
    population: Annotated[str, one_of(*POPULATIONS)] = "clinic"
    where: tuple[str, ...] = ()
    visits: Annotated[int, whole(1, 10)] = 1
    man: FrozenMapping[float] = FrozenMapping()
    n: Annotated[int, whole(1, 20_000)] = Field(examples=[12])
    assay: Annotated[Literal["lc-ms", "immunoassay"], one_of(*ASSAYS)] = DEFAULT_ASSAY  # type: ignore[assignment]
    baseline: Annotated[Literal["screening", "separate"], one_of("screening", "separate")] = "screening"
    design: Annotated[Literal["paired", "parallel"], one_of("paired", "parallel")] = "paired"
    abstinence_days: Annotated[float, quantity(parse_duration, 0.5, 30, "days")] = Field(3.0, alias="abstinence")
    duration_days: Annotated[float, quantity(parse_duration, 1, _LONGEST, "days")] = Field(
        alias="duration", examples=["84 days"]
    )
    arm: Annotated[tuple[Arm, ...], tables("arm")]
    observed: Annotated[tuple[Observation, ...], tables("observed")]
    name: str = ""

    @field_validator("where", mode="before")
    @classmethod
    def _criteria(cls, value: object) -> tuple[str, ...]:
        criteria = guard.texts(value, "", '["testosterone < 350 ng/dL"]')
        with gathered() as problems:
            for i, text in enumerate(criteria):
                with problems.at(i):
                    parse_criterion(text)
        return criteria

    @field_validator("man", mode="before")
    @classmethod
    def _fields(cls, value: object) -> FrozenMapping[float]:
        table = parameters.physiology()
        if not isinstance(value, Mapping):
            raise ScenarioError(f"{shown(value)} is not a table of physiology fields")
        with gathered() as problems:
            for name, number in value.items():
                if name not in table:
                    problems.add(unknown("field", name, table, see="testis-abm men"), name, named=True)
                elif fault := table[name].fault(number):
                    problems.add(fault, name)
        return FrozenMapping({name: float(number) for name, number in value.items()})

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        names, end = [arm.name for arm in self.arm], self.duration_days
        with gathered() as problems:
            if len(set(names)) < len(names):
                problems.add("two arms have the same name", "arm")
            if not self.observed:
                problems.add("nothing was observed; add [[observed]]", "observed", named=True)
            for i, arm in enumerate(self.arm):
                for k, day in enumerate(therapy.from_day for therapy in arm.therapy):
                    if day >= end:
                        text = f"day {day:g} is not before the end of the study (day {end:g})"
                        problems.add(text, "arm", i, "therapy", k, "from")
            for i, seen in enumerate(self.observed):
                for key, text in self._faults(seen, self.observed[:i], names):
                    problems.add(text, "observed", i, *([key] if key else []))
        return self

    def _faults(self, seen: Observation, others: Sequence[Observation], names: list[str]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with an observation that comes after `others`: key and text."""
        end = self.duration_days
        for key, name in (("arm", seen.arm), ("versus", seen.versus)):
            if name and name not in names:
                yield key, unknown("arm", name, names)
        if seen.versus and seen.versus == seen.arm:
            yield "versus", "is the arm itself"
        begins = [therapy.from_day for arm in self.arm if arm.name == seen.arm for therapy in arm.therapy]
        if seen.day is not None and begins and seen.day[1] <= min(begins) and seen.kind != "level":
            yield "day", f"day {seen.day[1]:g} is not after the first dose (day {min(begins):g})"
        if seen.since >= end:
            yield "since", f"day {seen.since:g} is outside the study (day 0 to {end:g})"
        if any(seen.same_as(other) for other in others):
            yield "", "is observed twice: the same arm, variable, as and day are above"
        if seen.day is not None and not 0 <= seen.day[0] <= seen.day[1] <= end:
            yield "day", f"day {seen.day[1]:g} is outside the study (day 0 to {end:g})"


def load_study(source: str | Path) -> Study:
    """Read a study file.

    Raises:
        TestisError: a line a problem: file, line, place, what is wrong.
    """
    path = guard.path(source, "study")
    raw, text = read_tables(path)
    if place := elsewhere(raw, "studies run"):
        raise TestisError(f"{path}: {place}")
    try:
        return Study(**{**raw, "name": path.stem})
    except ScenarioError as error:
        lines = [f"{path}: line {_line_of(text, problem.path)}: {problem.line()}" for problem in error.problems]
        raise TestisError("\n".join(lines)) from None


def _line_of(text: str, path: tuple[str | int, ...]) -> int:
    """Return the line of a key of a study file (of its table, where the key is missing)."""
    lines = text.splitlines()
    begin, end = 0, len(lines)
    heads = [
        i for i, line in enumerate(lines) if path and re.match(rf"\s*\[\[\s*{re.escape(str(path[0]))}\s*\]\]", line)
    ]
    if heads and len(path) > 1 and isinstance(path[1], int):
        begin = heads[min(path[1], len(heads) - 1)]
        end = next((i for i, line in enumerate(lines) if i > begin and line.lstrip().startswith("[[")), end)
        path = path[2:]
    for key in path[:1]:
        for i in range(begin, end):
            if re.match(rf"\s*{re.escape(str(key))}\s*=", lines[i]):
                return i + 1
    return begin + 1


def known() -> dict[str, Path]:
    """Return the shipped studies, name -> file."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml")) if path.stem != "calibration"}
