"""A hormone that is held at a level, in the blood or in the testis, whatever body and testis would make of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_serializer, field_validator, model_validator

from testis_abm.quantities import QUANTITIES
from testis_abm.scenario.amounts import UNITS, comma_note, parse_day, parse_unit, plain
from testis_abm.scenario.amounts import quantity as read_quantity
from testis_abm.scenario.insult import Insult, without_testes
from testis_abm.scenario.schedule import TreatmentDay
from testis_abm.scenario.section import Section, text
from testis_abm.scenario.therapy import Therapy
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, gathered, nearest, shown, written

if TYPE_CHECKING:
    import numpy as np

_MOST_TIMES = 100.0  # his own level
_MOST_POINTS = 1000
_EXAMPLE = 'a level, such as "{} {}" or "30 %" of his own'


class Target(NamedTuple):
    """What a clamp can hold: the columns, and the parameter that is the free share of what they tell ("": all of it)."""

    columns: tuple[str, ...]
    free: str = ""


_LOCAL_T, _LOCAL_E2 = "intratesticular_testosterone_nmol_l", "intratesticular_oestradiol_nmol_l"
_IN_TESTIS = {_LOCAL_T, _LOCAL_E2}
TARGETS: Mapping[str, Target] = MappingProxyType(
    {
        "LH": Target(("lh_iu_l",)),
        "FSH": Target(("fsh_iu_l",)),
        "gonadotrophins": Target(("lh_iu_l", "fsh_iu_l")),
        "testosterone": Target(("testosterone_nmol_l",)),
        "oestradiol": Target(("oestradiol_pmol_l",)),
        "inhibin B": Target(("inhibin_b_pg_ml",)),
        "intratesticular testosterone": Target((_LOCAL_T,)),
        "intratesticular oestradiol": Target((_LOCAL_E2,)),
        "free intratesticular testosterone": Target((_LOCAL_T,), "tissue.testosterone_free_fraction"),
        "free intratesticular oestradiol": Target((_LOCAL_E2,), "tissue.oestradiol_free_fraction"),
    }
)
# Other spellings of a word of a name; "" for what may be left out.
_SPELLINGS = {
    "estradiol": "oestradiol",
    "e2": "oestradiol",
    "t": "testosterone",
    "itt": "intratesticular testosterone",
    "ite": "intratesticular oestradiol",
    "local": "intratesticular",
    "gonadotropins": "gonadotrophins",
    "serum": "",
    "total": "",
}
# What a drug does -> the column that it adds to.
_GIVES = {"fsh_activity": "fsh_iu_l", "testosterone": "testosterone_nmol_l", "oestradiol": "oestradiol_pmol_l"}


def _name_key(name: str) -> frozenset[str]:
    words = (_SPELLINGS.get(word, word) for word in name.lower().replace("-", " ").split())
    return frozenset(" ".join(words).split())


_NAMES = {_name_key(name): name for name in TARGETS}


class Point(NamedTuple):
    """A level on a day: in the unit of the column, or (`own`) a multiple of the man's own."""

    day: float
    amount: float
    own: bool


def _quantity(value: object) -> str:
    name = _NAMES.get(_name_key(plain(value))) if isinstance(value, str) else None
    if name is None:
        guess = nearest(value, TARGETS)
        near = f'; nearest: "{guess}"' if guess else ""
        raise ScenarioError(f"{shown(value)} cannot be held{near}; can be: {', '.join(TARGETS)}")
    return name


def _point(value: object, day: float, name: str) -> Point:
    column = TARGETS[name].columns[0]
    row = QUANTITIES[column]
    example = _EXAMPLE.format(2, row.unit)
    if guard.is_number(value) and value == 0:
        return Point(day, 0.0, False)
    if isinstance(value, str) and plain(value).lower() == "own":
        return Point(day, 1.0, True)
    number, unit = (0.0, "") if guard.is_number(value) else read_quantity(value, example)
    own = {"%": 0.01, "x": 1.0}.get(unit.lower().removesuffix("own").removesuffix(" of ").strip())
    if not unit:
        raise ScenarioError(f"{shown(value)} has no unit; write {example}")
    if own is not None:
        if not 0.0 <= number * own <= _MOST_TIMES:
            raise ScenarioError(
                f"{shown(value)} is out of range; allowed: 0 to {_MOST_TIMES:g} x own{comma_note(value)}"
            )
        return Point(day, number * own, True)
    try:
        amount = number * UNITS[column][parse_unit(column, unit)]
    except ScenarioError:
        known = ", ".join((*UNITS[column], "x own", "%"))
        raise ScenarioError(f"{shown(value)}: unit {shown(unit)} is not one of {name}; known: {known}") from None
    if not 0.0 <= amount <= row.most_held:
        allowed = f"{name} can be held at 0 to {row.most_held:g} {row.unit}"
        raise ScenarioError(f"{shown(value)} is out of the physical range; {allowed}{comma_note(value)}")
    return Point(day, amount, False)


def _course(value: Mapping[str, Any], name: str) -> tuple[Point, ...]:
    """Return the points of a course, { "day 0" = "100 %", "day 84" = "10 %" }, in time."""
    if not value:
        raise ScenarioError('is an empty course; write { "day 0" = "100 %", "day 84" = "10 %" }')
    guard.few(len(value), _MOST_POINTS, "days of a course", "use fewer: levels between them are on a straight line")
    points: dict[float, Point] = {}
    with gathered() as problems:
        for key, level in value.items():
            with problems.at(str(key)):
                day = parse_day(float(key) if str(key).strip().isdecimal() else key)
                if day in points:
                    raise ScenarioError("is the day of another level too")
                points[day] = _point(level, day, name)
    return tuple(points[day] for day in sorted(points))


def _whole(day: float) -> float:
    return day if math.isinf(day) else float(round(day))  # held from morning to morning


class Clamp(Section, init=False):
    """A quantity that is held at a level, from the morning of one day to that of another.

    `Clamp("LH", "2 IU/L")`, `Clamp("free intratesticular testosterone", "30 %", until="day 90")`,
    `Clamp("FSH", {"day 0": "1 x own", "day 84": "0.1 x own"})`

    What is held follows no feedback, and all else follows it: of serum testosterone, free testosterone by way of SHBG.
    In the testis it is the mean over all niches; they keep their differences. LH and FSH both held ("gonadotrophins")
    make an isolated testis: gonadotrophins given, no feedback. What is held is the whole that tissues see, so no drug can
    give the same hormone meanwhile; hCG is none of LH and adds to it.

    Attributes:
        quantity: of TARGETS. Of serum oestradiol it is the true level (LC-MS/MS).
        level: on one day or more, in between on a straight line, before and after as on the nearest.
        from_day: first day that is lived so, at least 0.
        until_day: the morning on which it is let go; infinite until a scenario sets it to the end of its plan.
    """

    quantity: Annotated[str, BeforeValidator(_quantity, json_schema_input_type=str)] = Field(examples=["LH"])
    level: tuple[Point, ...] = Field(examples=["0.3 x own"])
    from_day: Annotated[TreatmentDay, BeforeValidator(lambda day: _whole(parse_day(day)))] = Field(0.0, alias="from")
    until_day: Annotated[float, BeforeValidator(lambda day: _whole(parse_day(day))), text("day {}")] = Field(
        math.inf, alias="until"
    )

    def __init__(self, /, *quantity_and_level: object, **given: Any) -> None:
        super().__init__(**self._placed(("quantity", "level"), quantity_and_level, given))

    @property
    def columns(self) -> tuple[str, ...]:
        """The quantities that are held, by column."""
        return TARGETS[self.quantity].columns

    @property
    def label(self) -> str:
        """What is held, and at which levels: "LH held at 0.3 x own", "FSH held at 1 x own to 0.1 x own"."""
        return f"{self.quantity} held at {' to '.join(self._written(point) for point in self.level)}"

    def levels(self, days: np.ndarray, own: float, column: str, values: Mapping[str, float]) -> np.ndarray:
        """Return the level of a column on `days` in a man of that `own` level and of parameters `values`, in its unit."""
        import numpy as np  # here, as scenarios are read without it

        free = TARGETS[self.quantity].free
        share = values[free] if free else 1.0
        points = [point.amount * own if point.own else point.amount / share for point in self.level]
        return np.asarray(np.interp(days, [point.day for point in self.level], points))

    @field_validator("level", mode="before", json_schema_input_type=int | str | dict[str, int | str])
    @classmethod
    def _level_of_quantity(cls, value: object, info: ValidationInfo) -> tuple[Point, ...]:
        name = info.data.get("quantity")
        if name is None:
            return ()
        return _course(value, name) if isinstance(value, Mapping) else (_point(value, 0.0, name),)

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if self.until_day <= self.from_day:
            fault = f"day {self.until_day:g} is not after from (day {self.from_day:g}); nothing would be held"
            raise ScenarioError(fault, "until")
        return self

    def _written(self, point: Point) -> str:
        unit = "x own" if point.own else QUANTITIES[self.columns[0]].unit
        return f"{written(point.amount)} {unit}"

    @field_serializer("level")
    def _level_with_unit(self, level: tuple[Point, ...]) -> str | dict[str, str]:
        if len(level) == 1:
            return self._written(level[0])
        return {f"day {written(point.day)}": self._written(point) for point in level}

    @field_serializer("until_day")
    def _end(self, day: float) -> str | None:
        return None if math.isinf(day) else f"day {written(day)}"


def clashes(clamps: Sequence[Clamp], therapies: Sequence[Therapy]) -> Iterator[Problem]:
    """Yield a problem for each clamp of what an earlier-listed one, or a drug, sets at the same time."""
    for (k, one), (i, other) in combinations(enumerate(clamps), 2):
        if one.from_day < other.until_day and other.from_day < one.until_day:
            for column in one.columns:
                if column in other.columns:
                    label = QUANTITIES[column].label
                    text = f"{label} is held by clamp {k + 1} too, {_span(one)}; let one begin where the other ends"
                    yield Problem((i, "quantity"), text)
    for i, clamp in enumerate(clamps):
        for k, therapy in enumerate(therapies):
            if therapy.first_day < clamp.until_day and clamp.from_day < therapy.last_effect_day:
                for column in sorted(_given_by(therapy) & {*clamp.columns}):
                    text = (
                        f"{QUANTITIES[column].label} is held {_span(clamp)}, all that tissues see of it, and {therapy.drug} "
                        f"(therapy {k + 1}) gives it from day {therapy.first_day:g} to {therapy.last_effect_day:g}; leave "
                        "one out, or let one begin where the other ends"
                    )
                    yield Problem((i, "quantity"), text)


def without_place(clamps: Sequence[Clamp], insults: Sequence[Insult]) -> Iterator[Problem]:
    """Yield a problem for each clamp within the testes that goes on when none is left."""
    day, taken = without_testes(insults)
    for i, clamp in enumerate(clamps):
        if clamp.until_day > day and not _IN_TESTIS.isdisjoint(clamp.columns):
            fix = f'write until = "day {day:g}", or ' if clamp.from_day < day else ""
            text = (
                f"{clamp.quantity} is held {_span(clamp)}, and no testis is left from day {day:g} on, by {taken}; "
                f"{fix}leave one of them out"
            )
            yield Problem((i, "quantity"), text)


def _span(clamp: Clamp) -> str:
    end = "" if math.isinf(clamp.until_day) else f" to {clamp.until_day:g}"
    return f"from day {clamp.from_day:g}{end}"


def _given_by(therapy: Therapy) -> set[str]:
    actions = {action for part in therapy.row.substances for action in part.actions}
    return {_GIVES[action] for action in actions if action in _GIVES}
