"""A study file: who was studied, what they were given, what was seen (see README.md in this folder)."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    BeforeValidator,
    Field,
    PlainSerializer,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)

from testis_abm import parameters
from testis_abm.parameters import FrozenMapping, own
from testis_abm.population.screen import parse_criterion
from testis_abm.quantities import ASSAYS, DEFAULT_ASSAY, QUANTITIES, Censored
from testis_abm.scenario import Clamp, Insult, Man, Partner, PastTherapy, Plan, Samples, Scenario, Therapy, Weight
from testis_abm.scenario.amounts import NUMBER, UNITS, number_in, parse_day, parse_duration, plain, spelled
from testis_abm.scenario.condition import Condition, parse_condition
from testis_abm.scenario.history import parse_history
from testis_abm.scenario.kind import elsewhere
from testis_abm.scenario.load import read_tables
from testis_abm.scenario.section import Line, Section, faults, one_of, quantity, table, tables, whole
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
    "DHT": "dihydrotestosterone_nmol_l",
    "prolactin": "prolactin_ug_l",
    "T/LH": "t_over_lh",
    "intratesticular testosterone": "intratesticular_testosterone_nmol_l",
    "intratesticular oestradiol": "intratesticular_oestradiol_nmol_l",
    "sperm concentration": "concentration_million_ml",
    "total motile count": "total_motile_count_million",
    "progressive motility": "progressive_motility_pct",
    "normal forms": "normal_forms_pct",
    "ejaculate volume": "volume_ml",
    "total sperm count": "total_count_million",
    "DNA fragmentation": "dna_fragmentation_pct",
    "testis volume": "testis_volume_ml",
    "bone density": "bone_density_pct",  # % of that of day 0: changes only
    "conception": "conceived",  # of couples, by a day
}
_UNITS = {**UNITS, "testis_volume_ml": QUANTITIES["testis_volume_ml"].units}
_CHANGES_ONLY = ("bioavailable testosterone", "bone density")


class Kind(NamedTuple):
    """A kind of published number.

    Attributes:
        takes: the keys that it takes besides those of all; needs: of these, those that it must have.
        unit: as printed ("": its own).
        timed: whether it is a time, and has no day.
        draws: whether samples of single men decide on it, so that no expectation without their variation gives it.
    """

    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    unit: str = ""
    timed: bool = False
    draws: bool = False


_LIMIT, _BY = ("unit", "limit"), ("unit", "limit", "since", "every")
KINDS: Mapping[str, Kind] = {
    "change": Kind(("average",), unit="%"),
    "ratio": Kind(("versus", "average"), ("versus",), "%"),
    "level": Kind(("unit", "average")),
    "gain": Kind(("unit", "average")),
    "difference": Kind(("unit", "versus", "average"), ("versus",)),
    "contrast": Kind(("average",), ("among",), "%"),
    "share_below": Kind(_LIMIT, ("limit",), "%"),
    "share_above": Kind(_LIMIT, ("limit",), "%"),
    "share_below_by": Kind(_BY, ("limit",), "%", draws=True),
    "share_above_by": Kind(_BY, ("limit",), "%", draws=True),
    "share_rising": Kind(("limit",), ("limit",), "%", draws=True),
    "share_falling": Kind(("limit",), ("limit",), "%", draws=True),
    "share_upgraded": Kind(("unit", "limits"), ("limits",), "%", draws=True),
    "share_downgraded": Kind(("unit", "limits"), ("limits",), "%", draws=True),
    "share_conceiving": Kind(("since",), (), "%"),
    "weeks_below": Kind(("unit", "limit", "since"), ("limit",), "weeks", timed=True),
    "weeks_above": Kind(("unit", "limit", "since"), ("limit",), "weeks", timed=True),
    "men_weeks_below": Kind((*_BY, "average"), ("limit",), "weeks", timed=True, draws=True),
    "men_weeks_above": Kind((*_BY, "average"), ("limit",), "weeks", timed=True, draws=True),
    "lowest": Kind(("average",), unit="% of own"),
    "highest": Kind(("average",), unit="% of own"),
}
CHANGES = ("change", "ratio", "contrast")  # kinds that are changes in %
AVERAGES = MEAN, MEDIAN, GEOMETRIC = ("mean", "median", "geometric mean")
_LONGEST = guard.LIMITS["days"][1]
_EXAMPLES = {
    "limit": "limit is missing; {} needs one",
    "limits": "limits is missing; {} needs the bounds between classes, as limits = [5, 15]",
    "versus": "versus is missing; a {} is to another arm",
    "among": 'among is missing; {} is of men who meet a condition over the others: among = "sperm concentration < 1 M/mL at day 180"',
}
_EVERY = 14  # days between the samples of a man, where nothing is said
_BEYOND = re.compile(rf"([<>])=?\s*({NUMBER})", re.IGNORECASE)
_RISE = re.compile(rf"(?P<of>.+?) (?P<way>up|down) by (?P<by>{NUMBER}) ?% at (?P<day>.+)", re.IGNORECASE)


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


def _value(value: object) -> float | Censored:
    """Return a published number, or the limit below or above which it lies ("<0.1")."""
    if not isinstance(value, str):
        return _number(value)
    match = _BEYOND.fullmatch(plain(value))
    if match is None:
        raise ScenarioError(
            f'{shown(value)} is no number; write 67, or "<0.1" for what lies under a limit of detection'
        )
    return Censored(_number(number_in(match[2])), match[1] == "<")


def _limits(value: object) -> tuple[float, ...]:
    numbers = tuple(_number(one) for one in (value if isinstance(value, list | tuple) else [value]))
    if not numbers or list(numbers) != sorted({*numbers}):
        raise ScenarioError(f"{shown(value)} are no bounds between classes; write rising numbers, as [5, 15]")
    return numbers


class Group(NamedTuple):
    """Men of an arm who meet a condition on what was measured of them; days are those of the study.

    Attributes:
        text: as written.
        condition: on levels, each at its day (none: at baseline); None for one on a change.
        variable, change, day: of VARIABLES, by at least so many % of his own baseline (negative: down), on which day.
    """

    text: str
    condition: Condition | None = None
    variable: str = ""
    change: float = 0.0
    day: float = 0.0

    @property
    def days(self) -> tuple[float | None, ...]:
        """Return the days of the samples that it takes, None for baseline."""
        if self.condition is None:
            return None, self.day
        return tuple(None if clause.day is None else float(clause.day) for clause in self.condition.clauses)


def _group(value: object) -> Group | None:
    """Return the men that a text means: "FSH < 4 IU/L", "sperm concentration up by 100 % at day 90"."""
    if value is None or isinstance(value, Group):
        return value
    match = _RISE.fullmatch(plain(value)) if isinstance(value, str) else None
    if match is None:
        return Group(str(value), parse_condition(value, "visit"))
    word, by = match["of"], number_in(match["by"])
    if word not in VARIABLES or word == "conception":
        raise ScenarioError(unknown("variable", word, [name for name in VARIABLES if name != "conception"]))
    down = match["way"].lower() == "down"
    if not 0.0 < by <= (100.0 if down else 1e6):
        raise ScenarioError(f"{by:g} % is out of range (above 0 %{', at most 100 %' if down else ''})")
    return Group(str(value), None, word, -by if down else by, parse_day(match["day"]))


def _plain_value(value: float | Censored) -> float | str:
    return str(value) if isinstance(value, Censored) else value


def _whole_days(low: int, high: int, value: object) -> float:
    days = parse_duration(value)
    if not low <= days <= high or not days.is_integer():
        raise ScenarioError(f"{shown(value)} is out of range; allowed: {low} to {high} whole days")
    return days


def _error(value: object) -> float:
    number = _number(value)
    if number <= 0.0:
        raise ScenarioError(f"{number:g} is not above 0; leave se out where the paper gives none")
    return number


def _optional(read: Callable[[object], Any], written: Any = float | str) -> BeforeValidator:
    """Return the check of what may be left out; `written`: type in the file."""
    return BeforeValidator(lambda value: None if value is None else read(value), json_schema_input_type=written)


class Arm(Section):
    """One arm: its name and what is done to its men, as in a scenario (therapy []: untreated)."""

    name: Line
    therapy: Annotated[tuple[Therapy, ...], tables("arm.therapy")] = Field(examples=[[]])
    weight: Annotated[tuple[Weight, ...], tables("arm.weight")] = ()
    clamp: Annotated[tuple[Clamp, ...], tables("arm.clamp")] = ()
    insult: Annotated[tuple[Insult, ...], tables("arm.insult")] = ()

    @property
    def label(self) -> str:
        """Return what is done to its men, in words."""
        weight = (f"BMI to {change.bmi:g} by day {change.until_day:g}" for change in self.weight)
        held = (clamp.label for clamp in self.clamp)
        given = (*(part.title for part in self.therapy), *weight, *held, *(part.dated for part in self.insult))
        return ", ".join(given) or "untreated"

    @property
    def begins(self) -> float | None:
        """Return the day on which the first of it is done; None if nothing is."""
        given: tuple[Therapy | Weight | Clamp, ...] = (*self.therapy, *self.weight, *self.clamp)
        return min([*(part.from_day for part in given), *(insult.day for insult in self.insult)], default=None)


def _fields(value: object) -> FrozenMapping[float]:
    """Return physiology fields that men share."""
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


class Diagnosis(Section):
    """A part of a study's men: those of its population with the fields of a preset, and of `man` over these.

    Attributes:
        preset: of testis-abm men; weight: how many of the men drawn, as a part of the sum of all weights; man: fields.
    """

    preset: str = Field(examples=["congenital_hypogonadotropic"])
    weight: float = Field(1.0, examples=[1])
    man: Annotated[FrozenMapping[float], BeforeValidator(_fields)] = FrozenMapping()

    @field_validator("preset", mode="before")
    @classmethod
    def _known(cls, value: object) -> str:
        presets = parameters.presets()
        if not isinstance(value, str) or value not in presets:
            raise ScenarioError(unknown("preset", value, presets, see="testis-abm men"))
        if presets[value].history:
            raise ScenarioError(f"{value} has a history; take another preset and write history = [...] for all men")
        return value

    @field_validator("weight", mode="before")
    @classmethod
    def _part(cls, value: object) -> float:
        number = guard.number(value, 0.0, 1e6)
        if number == 0.0:
            raise ScenarioError("0 is out of range (above 0); leave the diagnosis out")
        return number

    @property
    def fields(self) -> dict[str, float]:
        """Return the physiology fields that its men share."""
        return {**parameters.presets()[self.preset].values, **self.man}


class Observation(Section):
    """One published number (see README.md for what each `as` means).

    Attributes:
        arm, variable: of which; kind: the key `as`.
        day: window of days, or None.
        value, se: in the unit that `as` implies, a value under or over a limit as "<0.1"; limit, limits, since, versus,
            every: where `as` needs them.
        average: of AVERAGES, over men.
        among: the men of the arm that it is of ("": all).
        n: men, where other than the study's.
        confidence: "seen", "derived" or "memory"; memory is shown apart and never fitted.
    """

    arm: Line
    variable: Annotated[str, one_of(*VARIABLES)] = Field(examples=["testosterone"])
    kind: Annotated[str, one_of(*KINDS)] = Field(alias="as", examples=["change"])
    day: Annotated[tuple[float, float] | None, _optional(_window, float | str | list[float | str])] = None
    value: Annotated[
        float | Censored, BeforeValidator(_value, json_schema_input_type=float | str), PlainSerializer(_plain_value)
    ] = Field(examples=[67])
    unit: Annotated[str, Field(validate_default=True)] = ""
    limit: Annotated[float | None, _optional(_number)] = None
    limits: Annotated[
        tuple[float, ...],
        BeforeValidator(
            lambda value: () if value == () else _limits(value), json_schema_input_type=list[float] | float
        ),
    ] = ()
    since: Annotated[float, BeforeValidator(parse_day)] = 0.0
    every: Annotated[float | None, _optional(partial(_whole_days, 1, 366))] = None
    versus: str = ""
    average: Annotated[str | None, _optional(partial(guard.word, names=AVERAGES), Literal[*AVERAGES])] = None
    among: Annotated[Group | None, BeforeValidator(_group, json_schema_input_type=str)] = None
    se: Annotated[float | None, _optional(_error)] = None
    n: Annotated[int | None, _optional(partial(guard.whole, low=1, high=20_000), int)] = None
    confidence: Annotated[Literal["seen", "derived", "memory"], one_of("seen", "derived", "memory")] = "seen"
    note: str = ""

    def same_as(self, other: Observation) -> bool:
        """Return whether two observations are of the same thing."""
        given = ("value", "unit", "se", "n", "confidence", "note")
        return all(getattr(self, key) == getattr(other, key) for key in type(self).model_fields if key not in given)

    @property
    def number(self) -> float:
        """Return its value, or the limit that it lies beyond."""
        return self.value.limit if isinstance(self.value, Censored) else self.value

    @property
    def over(self) -> str:
        """Return how men are averaged: as it says, else times by the median and all else by the mean."""
        return self.average or (MEDIAN if self.kind.startswith("men_weeks") else MEAN)

    @property
    def samples_every(self) -> int:
        """Return the days between the samples of a man that are searched for his own crossing."""
        return round(self.every or _EVERY)

    @property
    def column(self) -> str:
        """Return the column that it is of."""
        return VARIABLES[self.variable]

    @property
    def relative(self) -> bool:
        """Return whether its value is a change in %."""
        return self.kind in CHANGES

    @property
    def signed(self) -> bool:
        """Return whether its value is a difference in its unit, which may be negative."""
        return self.kind in ("difference", "gain")

    @property
    def timed(self) -> bool:
        """Return whether its value is a time."""
        return KINDS[self.kind].timed

    @property
    def is_share(self) -> bool:
        """Return whether its value is a share of men."""
        return self.kind.startswith("share")

    @property
    def factor(self) -> float:
        """Return how many of the column's unit make one of its unit."""
        return _UNITS[self.column][self.unit] if self.unit and self.column in _UNITS else 1.0

    @property
    def label(self) -> str:
        """Return it in words: arm, variable, days."""
        if self.timed:
            when = f"{self.kind.rpartition('_')[2]} {self.limit:g}"
        elif self.day is None:
            when = ""
        elif self.kind.endswith("_by") or self.kind == "share_conceiving":
            when = f"by day {self.day[1]:g}"
        else:
            when = f"day {self.day[0]:g}" if self.day[0] == self.day[1] else f"day {self.day[0]:g}-{self.day[1]:g}"
        moved = {
            "share_rising": f"up by {self.limit or 0:g} %",
            "share_falling": f"down by {self.limit or 0:g} %",
            "share_upgraded": "class up",
            "share_downgraded": "class down",
            "share_above_by": f"above {self.limit or 0:g}",
            "share_below": f"below {self.limit or 0:g}",
            "share_above": f"at least {self.limit or 0:g}",
            "share_below_by": f"below {self.limit or 0:g}",
        }.get(self.kind, "")
        average = "" if self.average is None else f"({self.average})"
        others = " against the others" if self.kind == "contrast" else ""
        among = f"[{self.among.text}{others}]" if self.among else ""
        return " ".join(word for word in (self.arm, self.variable, average, moved, when, among) if word)

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
        if variable in _CHANGES_ONLY:
            raise ScenarioError(
                f"{kind} of {variable} is not worked out; use {', '.join(name for name, of in KINDS.items() if of.unit and 'unit' not in of.takes and name != 'share_conceiving')}"
            )
        if column not in _UNITS:
            return ""
        if value == "":
            raise ScenarioError(f"is missing; {kind} of {variable} is in one of {', '.join(_UNITS[column])}")
        unit = spelled(plain(value), _UNITS[column]) if isinstance(value, str) else None
        if unit is None:
            raise ScenarioError(f"{shown(value)} is not a unit of {variable}; use {', '.join(_UNITS[column])}")
        return unit

    @model_validator(mode="after")
    def _complete(self) -> Observation:
        of, value = KINDS[self.kind], f"{self.number:g}"
        given = {
            "limit": self.limit is not None,
            "limits": self.limits,
            "versus": self.versus,
            "since": self.since,
            "every": self.every is not None,
            "average": self.average is not None,
            "among": self.among is not None,
        }
        unused = [key for key, is_given in given.items() if is_given and key not in (*of.takes, "among")]
        with gathered() as problems:
            missing = next((key for key in of.needs if not given[key]), "" if of.timed or self.day else "day")
            if missing:
                text = _EXAMPLES.get(missing, "day is missing; for example day = 84").format(self.kind)
                problems.add(text, missing, named=True)
            for key in unused:
                problems.add(f"is not used by {self.kind}; leave it out", key)
            if of.timed and self.day is not None:
                problems.add(f"is not used by {self.kind}, which lasts to the end of the study; leave it out", "day")
            if self.day is not None and self.since >= self.day[1] and "since" in of.takes:
                problems.add(f"day {self.since:g} is not before day {self.day[1]:g}", "since")
            if (self.variable == "conception") != (self.kind == "share_conceiving"):
                problems.add("conception is seen as share_conceiving, and nothing else is", "as")
            if self.relative and self.number <= -100.0:
                problems.add(f"{value} % is out of range (above -100 %)", "value")
            if self.kind in ("share_rising", "share_falling") and self.limit is not None:
                most = 100.0 if self.kind == "share_falling" else float("inf")
                if not 0.0 < self.limit <= most:
                    allowed = "above 0 %, at most 100 %" if self.kind == "share_falling" else "above 0 %"
                    fix = (
                        "50 for men whose level halves"
                        if self.kind == "share_falling"
                        else "100 for men whose level doubles"
                    )
                    problems.add(f"{self.limit:g} % is out of range ({allowed}); {fix}", "limit")
            if self.is_share and not 0.0 <= self.number <= 100.0:
                problems.add(f"{value} % is out of range (0 to 100 %)", "value")
            elif not self.relative and not self.signed and self.number < 0.0:
                problems.add(f"{value} is negative; {self.kind} is 0 or more", "value")
        return self


class Study(Section):
    """A published study, to be replayed.

    Attributes:
        title, citation, doi: what and whose.
        population, where, visits, man, men_from: who: a population, criteria at each of so many visits, fields all men share,
            or the virtual patients of men of a table (sample.parquet of twin --table, beside the file).
        diagnosis: of what the men are a mixture (none: the population as it is).
        history, insult: what all men were given or suffered before day 0; they are screened after it.
        n: men an arm; assay: of oestradiol; duration_days: of the plan.
        baseline: "screening" (what screening measured is the baseline that is printed) or "separate" (measured again).
        design: "paired" (the same men in every arm) or "parallel" (other men in each).
        partner: of the men whose couples conceive.
        arm, observed: what they were given, what was seen.
        name: of the file.
    """

    title: Line
    citation: Line
    doi: Line = ""
    population: Annotated[str, BeforeValidator(lambda word: guard.word(word, own.populations()))] = "clinic"
    men_from: Line = ""
    where: tuple[str, ...] = ()
    visits: Annotated[int, whole(1, 10)] = 1
    man: Annotated[FrozenMapping[float], BeforeValidator(_fields)] = FrozenMapping()
    diagnosis: Annotated[tuple[Diagnosis, ...], tables("diagnosis")] = ()
    history: Annotated[
        tuple[PastTherapy, ...], BeforeValidator(parse_history, json_schema_input_type=str | list[str])
    ] = ()
    insult: Annotated[tuple[Insult, ...], tables("insult")] = ()
    n: Annotated[int, whole(1, 20_000)] = Field(examples=[12])
    assay: Annotated[Literal["lc-ms", "immunoassay"], one_of(*ASSAYS)] = DEFAULT_ASSAY  # type: ignore[assignment]
    baseline: Annotated[Literal["screening", "separate"], one_of("screening", "separate")] = "screening"
    design: Annotated[Literal["paired", "parallel"], one_of("paired", "parallel")] = "paired"
    abstinence_days: Annotated[float, quantity(parse_duration, 0.5, 30, "days")] = Field(3.0, alias="abstinence")
    duration_days: Annotated[float, quantity(parse_duration, 1, _LONGEST, "days")] = Field(
        alias="duration", examples=["84 days"]
    )
    partner: Annotated[Partner, table("partner")] = Field(default_factory=Partner)
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

    @field_validator("observed", mode="wrap")
    @classmethod
    def _of_the_study(cls, value: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        """Check arms and days as they are written, so that they are told with what else is wrong with an observation."""
        with gathered() as problems:
            found = None
            try:
                found = read(value)
            except ValidationError as error:
                problems.extend(faults(error, cls))
            names = [arm.name for arm in info.data.get("arm", ())]
            for i, seen in enumerate(value if isinstance(value, list | tuple) else ()):
                for key, text in _outside(seen, names, info.data.get("duration_days")):
                    problems.add(text, i, key)
        return found

    @property
    def has_past(self) -> bool:
        """Return whether anything happened to the men before day 0."""
        return bool(self.history or self.insult)

    def scenario(self, arm: int | None = None) -> Scenario:
        """Return what is done to the men of an arm, as a scenario; without one, what was before day 0."""
        of = Arm(name="past", therapy=()) if arm is None else self.arm[arm]
        before = max((math.ceil(-insult.day) for insult in self.insult), default=0)
        return Scenario(
            title=self.title[:200],
            man=Man(history=self.history),
            plan=Plan(baseline=before, duration=round(self.duration_days), replicates=1),
            therapy=list(of.therapy),
            weight=list(of.weight),
            clamp=list(of.clamp),
            insult=[*self.insult, *of.insult],
            samples=Samples(assay=self.assay, abstinence=self.abstinence_days, blood=[0], semen=[0]),
        )

    @model_validator(mode="after")
    def _consistent(self) -> Study:
        names = [arm.name for arm in self.arm]
        with gathered() as problems:
            if len(set(names)) < len(names):
                problems.add("two arms have the same name", "arm")
            if not self.observed:
                problems.add("nothing was observed; add [[observed]]", "observed", named=True)
            for i, insult in enumerate(self.insult):
                if not insult.past:
                    problems.add("is not before day 0; write it into the arms that had it", "insult", i, "day")
            for i, arm in enumerate(self.arm):
                for k, insult in enumerate(arm.insult):
                    if insult.past:
                        problems.add(
                            "is before day 0; write it as [[insult]], for all men", "arm", i, "insult", k, "day"
                        )
            if not problems:
                for i in range(len(self.arm)):
                    with problems.at("arm", i):
                        self.scenario(i)
            for i, seen in enumerate(self.observed):
                for key, text in self._faults(seen, self.observed[:i]):
                    problems.add(text, "observed", i, *([key] if key else []))
        return self

    def _faults(self, seen: Observation, others: Sequence[Observation]) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with an observation that comes after `others`: key and text."""
        end = self.duration_days
        if seen.versus and seen.versus == seen.arm:
            yield "versus", "is the arm itself"
        begins = next((arm.begins for arm in self.arm if arm.name == seen.arm), None)
        untreated = seen.kind in ("level", "contrast", "share_below", "share_above")
        if seen.day is not None and begins is not None and seen.day[1] <= begins and not untreated:
            yield "day", f"day {seen.day[1]:g} is not after the first dose (day {begins:g})"
        for day in seen.among.days if seen.among else ():
            if day is not None and not 0.0 <= day <= end:
                yield "among", f"day {day:g} is outside the study (day 0 to {end:g})"
        if seen.since >= end:
            yield "since", f"day {seen.since:g} is outside the study (day 0 to {end:g})"
        if any(seen.same_as(other) for other in others):
            yield "", "is observed twice: the same arm, variable, as and day are above"


def _outside(seen: object, names: Sequence[str], end: float | None) -> Iterator[tuple[str, str]]:
    """Yield what of an observation, as written or read, is not of its study: key and text.

    Args:
        names: of the arms (none: not known); end: of the study, in days (None: not known).
    """
    given = seen.as_dict() if isinstance(seen, Observation) else seen
    if not isinstance(given, Mapping):
        return
    for key in ("arm", "versus"):
        if (name := given.get(key)) and isinstance(name, str) and names and name not in names:
            yield key, unknown("arm", name, names)
    if given.get("day") is None or end is None:
        return
    try:
        first, last = _window(given["day"])
    except ScenarioError:  # told where it is read
        return
    if first < 0.0 or last > end:
        yield "day", f"day {first if first < 0.0 else last:g} is outside the study (day 0 to {end:g})"


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
        if isinstance(raw.get("men_from"), str) and raw["men_from"]:
            raw["men_from"] = str((path.parent / raw["men_from"]).resolve())
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
