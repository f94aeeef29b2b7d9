"""An injury to the testes: what, on which day, how much, on which side."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import combinations
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, PrivateAttr, field_serializer

from testis_abm import parameters
from testis_abm.choices import BLOWS_A_DAY
from testis_abm.parameters import FrozenMapping, own
from testis_abm.scenario.amounts import comma_note, parse_day, parse_duration, plain
from testis_abm.scenario.amounts import quantity as read_quantity
from testis_abm.scenario.section import Section, missing_key, one_of, quantity, text, whole
from testis_abm.support import guard
from testis_abm.support.errors import Problem, ScenarioError, gathered, shown, unknown, written

if TYPE_CHECKING:
    from testis_abm.scenario.schema import Plan, Tissue

SIDES = ("left", "right", "both")
_LEFT_AND_RIGHT = SIDES[:2]
_GRAY = {"gy": 1.0, "gray": 1.0, "cgy": 1e-2, "mgy": 1e-3, "rad": 1e-2, "sv": 1.0}
_CELSIUS = ("c", "°c", "deg c", "degrees", "degree", "k")


class _Kind(NamedTuple):
    """A kind of insult.

    Attributes:
        needs: keys that it must have -> an example; takes: those that it may have -> what they are without.
        words: other spellings.
        done: the word for a man to whom it was done.
        lasts: whether it goes on for a time; ducts: whether it closes ducts and does not touch cells.
        most: keys whose numbers end lower than KEYS says -> where.
    """

    needs: Mapping[str, object]
    takes: Mapping[str, object]
    words: tuple[str, ...] = ()
    done: str = "injured"
    lasts: bool = False
    ducts: bool = False
    most: Mapping[str, float] = MappingProxyType({})


KINDS: Mapping[str, _Kind] = MappingProxyType(
    {
        "irradiation": _Kind(
            {"dose": "2.5 Gy"},
            {"fractions": 1, "every": "1 day", "side": "both", "sensitivity": 1.0},
            ("radiation", "radiotherapy", "x-rays"),
            "irradiated",
        ),
        "cytotoxics": _Kind(
            {},
            {"regimen": None, "strength": None, "courses": 1, "every": "21 days", "sensitivity": 1.0},
            ("chemotherapy", "cytotoxic", "cytostatics"),
            "given cytotoxics",
        ),
        "fever": _Kind({"days": "5 days"}, {"peak": "39 C"}, ("febrile illness",), "febrile", lasts=True),
        "heat": _Kind(
            {"days": "30 days", "degrees": "2 C"},
            {"hours": 24.0, "side": "both"},
            ("warmth", "sauna"),
            "warmed",
            lasts=True,
            most=MappingProxyType({"hours": 24.0}),
        ),
        "varicocele": _Kind(
            {}, {"grade": 2, "side": "left", "until": None, "sensitivity": 1.0}, done="with varicocele", lasts=True
        ),
        "cryptorchidism": _Kind(
            {"side": "left"}, {"until": None}, ("undescended testis", "cryptorchid"), "cryptorchid", lasts=True
        ),
        "torsion": _Kind(
            {"hours": 8.0, "side": "left"}, {}, ("testicular torsion", "ischaemia", "ischemia"), "after torsion"
        ),
        "obstruction": _Kind({}, {"side": "both", "until": None}, done="obstructed", lasts=True, ducts=True),
        "vasectomy": _Kind({}, {"side": "both", "until": None}, done="vasectomised", lasts=True, ducts=True),
        "orchiectomy": _Kind({"side": "left"}, {}, ("orchidectomy", "castration"), "after orchiectomy"),
    }
)
_WORDS = {word: name for name, kind in KINDS.items() for word in (name, *kind.words)}
_HIT = ("injury.hit_days", "injury.cycling")
# What the numbers begin with by which a kind does what it does, which an injury of a user's own may have otherwise.
NUMBERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        **dict.fromkeys(KINDS, ()),
        "irradiation": ("irradiation.", *_HIT),
        "cytotoxics": ("cytotoxic.kill_", "cytotoxic.harm_", *_HIT),
        "fever": ("fever.reaches_testis", "heat.kill_", "heat.harm_"),
        "heat": ("heat.kill_", "heat.harm_", "heat.hours_exponent"),
        "varicocele": ("varicocele.", "heat.kill_", "heat.harm_"),
        "cryptorchidism": ("cryptorchidism.", "heat.kill_", "heat.harm_"),
        "torsion": ("torsion.",),
    }
)


def words() -> tuple[str, ...]:
    """Return all that a kind of insult may be called."""
    return tuple(_WORDS)


def regimens() -> tuple[str, ...]:
    """Return the cytotoxic regimens that are known by name, as they are written: "ABVD", "BEP", ..."""
    listed = (name.partition(".")[2] for name, row in parameters.load().items() if row.unit == "hits a course")
    return tuple(name if name in _GENERIC else name.upper() for name in listed)


_GENERIC = ("cisplatin", "busulfan")


def _kind(value: object) -> str:
    if isinstance(value, str) and (name := _WORDS.get(plain(value).lower().replace("_", " "))):
        return name
    raise ScenarioError(unknown("kind of insult", value, {**KINDS, **own.injuries()}))


def _agent(value: object) -> str | None:
    if value is None:
        return None
    return guard.key(value, own.injuries(), "injury of your own")


def _regimen(value: object) -> str | None:
    if value is None:
        return None
    known = {name.lower(): name for name in regimens()}
    if isinstance(value, str) and (name := known.get(plain(value).lower())):
        return name
    raise ScenarioError(f"{unknown('regimen', value, regimens())}; or give strength, hits a course")


def _gray(value: object) -> float:
    number, unit = (0.0, "") if guard.is_number(value) else read_quantity(value, 'a dose, such as "2.5 Gy"')
    if not unit:
        raise ScenarioError(f'{shown(value)} has no unit; write it as text with one: "2.5 Gy"')
    if unit.lower() not in _GRAY:
        raise ScenarioError(f"{shown(value)}: unit {shown(unit)} is not one of dose; known: Gy, cGy, mGy, rad, Sv")
    return number * _GRAY[unit.lower()]


def _celsius(value: object) -> float:
    if guard.is_number(value):
        return float(value)  # type: ignore[arg-type]
    number, unit = read_quantity(value, 'a temperature, such as "39 C"')
    if unit and unit.lower() not in _CELSIUS:
        raise ScenarioError(f"{shown(value)}: unit {shown(unit)} is not one of temperature; write degrees Celsius, C")
    return number


def _hours(value: object) -> float:
    return float(value) if guard.is_number(value) else 24.0 * parse_duration(value)  # type: ignore[arg-type]


class Key(NamedTuple):
    """A key of an insult besides its kind: what is asked for, and what is allowed.

    Attributes:
        label: in words; unit: of the numbers, in messages.
        low, high: of the numbers; above `low` where that is 0.
        words: that are all it takes.
    """

    label: str
    unit: str = ""
    low: float = 0.0
    high: float = math.inf
    words: Callable[[], Sequence[str]] = tuple

    @property
    def allowed(self) -> str:
        """Return the range of the numbers in words: "above 0 to 60 Gy"; "" where it is the plan's."""
        if math.isinf(self.high):
            return ""
        return f"{f'{self.low:g}' if self.low else 'above 0'} to {self.high:g} {self.unit}".strip()


KEYS: Mapping[str, Key] = MappingProxyType(
    {
        "day": Key("Day"),
        "dose": Key("Dose in all", "Gy", 0.0, parameters.insults()["irradiation", "dose"].most),
        "fractions": Key("Fractions", "", 1, 60),
        "regimen": Key("Regimen", words=regimens),
        "strength": Key("Strength instead of a regimen", "hits a course", 0.0, 30.0),
        "courses": Key("Courses", "", 1, 12),
        "every": Key("Every", "days", 1, 366),
        "sensitivity": Key("Sensitivity of his stem cells", "x most men", 0.0, 10.0),
        "days": Key("Lasts", "days", 1, 3653),
        "peak": Key("Core temperature", "deg C", 37.1, 42.0),
        "degrees": Key("Warmer by", "deg C over normal", 0.0, 10.0),
        "hours": Key("Hours (of heat: a day)", "hours", 0.0, 72.0),
        "grade": Key("Grade", "", 1, 3),
        "side": Key("Side", words=lambda: SIDES),
        "until": Key("Until repair, reversal"),
    }
)


def _optional(check: BeforeValidator) -> BeforeValidator:
    return BeforeValidator(lambda value: None if value is None else check.func(value))  # type: ignore[call-arg]


def _count(name: str) -> BeforeValidator:
    return whole(int(KEYS[name].low), int(KEYS[name].high))


def _within(name: str, parse: Callable[[object], float]) -> BeforeValidator:
    return quantity(parse, KEYS[name].low, KEYS[name].high, KEYS[name].unit)


def _whole_days(name: str) -> BeforeValidator:
    """Return what reads a length of whole days: an insult acts on mornings."""
    check = _within(name, parse_duration)

    def read(value: object) -> float:
        days: float = check.func(value)  # type: ignore[call-arg]
        if not float(days).is_integer():
            raise ScenarioError(f"{shown(value)} is not a number of whole days; an insult acts on mornings")
        return days

    return BeforeValidator(read)


def _above_zero(name: str, parse: Callable[[object], float]) -> BeforeValidator:
    def check(value: object) -> float:
        number = parse(value)
        if not 0.0 < number <= KEYS[name].high:
            raise ScenarioError(f"{shown(value)} is out of range; allowed: {KEYS[name].allowed}{comma_note(value)}")
        return number

    return BeforeValidator(check)


def _whole_day(value: object) -> float:
    day = parse_day(value)
    if not day.is_integer():
        raise ScenarioError(f"{shown(value)} is not a whole day; an insult acts on a morning")
    return day


_real: Callable[[object], float] = partial(guard.real)


class Insult(Section, init=False):
    """An injury to the testes.

    `Insult("irradiation", dose="2.5 Gy")`, `Insult("cytotoxics", regimen="BEP", courses=3)`,
    `Insult("fever", days="5 days", peak="39.5 C")`, `Insult("vasectomy", day="day 0", until="day 730")`

    One of day 0 or later is done to the treated man alone. One before day 0, within the baseline, is a part of every
    man's past: of the untreated control too.

    Attributes:
        kind: of KINDS.
        day: on whose morning it acts, or begins.
        dose: of irradiation, in all, Gy; fractions: in so many equal parts; every: days between these, or between courses.
        courses: of cytotoxics; regimen: which (see regimens), or strength: hits a course.
        sensitivity: of this man's stem cells and Sertoli cells to dose or course, or of his germ cells to a varicocele,
            1 = as most; men differ log-normally, by a SD of 0.6 to 1 (assumed). Those whom a varicocele harms: near 4.
        days: for which fever or heat lasts; peak: core temperature of the fever, deg C; degrees: by which the testis is
            warmer than its own normal.
        hours: a day of heat, or without blood (torsion).
        grade: of a varicocele, 1 to 3.
        side: "left", "right" or "both".
        until: morning of repair, orchidopexy or reversal (none: for good).
        agent: the injury of the user's own tables that it is, whose name stands in a scenario file as its kind.
    """

    kind: Annotated[str, BeforeValidator(_kind, json_schema_input_type=Literal[*_WORDS])] = Field(
        examples=["irradiation"]
    )
    day: Annotated[float, BeforeValidator(_whole_day), text("day {}")] = 0.0
    dose: Annotated[float | None, _optional(_above_zero("dose", _gray)), text("{} Gy")] = None
    fractions: Annotated[int | None, _optional(_count("fractions"))] = None
    courses: Annotated[int | None, _optional(_count("courses"))] = None
    every: Annotated[float | None, _optional(_whole_days("every")), text("{} days")] = None
    regimen: Annotated[str | None, BeforeValidator(_regimen)] = None
    strength: Annotated[float | None, _optional(_above_zero("strength", _real))] = None
    sensitivity: Annotated[float | None, _optional(_above_zero("sensitivity", _real))] = None
    days: Annotated[float | None, _optional(_whole_days("days")), text("{} days")] = None
    peak: Annotated[float | None, _optional(_within("peak", _celsius)), text("{} C")] = None
    degrees: Annotated[float | None, _optional(_above_zero("degrees", _celsius)), text("{} C")] = None
    hours: Annotated[float | None, _optional(_above_zero("hours", _hours))] = None
    grade: Annotated[int | None, _optional(_count("grade"))] = None
    side: Annotated[str | None, _optional(one_of(*SIDES))] = None
    until: Annotated[float | None, _optional(BeforeValidator(_whole_day))] = None
    agent: Annotated[str | None, BeforeValidator(_agent)] = None
    _numbers: FrozenMapping[float] = PrivateAttr(FrozenMapping())

    def __init__(self, /, *kind: object, **given: Any) -> None:
        given = _of_agent(self._placed(("kind",), kind, given))
        name = _kind_of(given)
        super().__init__(**({**KINDS[name].takes, **_own(name, given)} if name else given))
        self._check()
        if self.agent is not None:
            self._numbers = own.injuries()[self.agent].numbers

    def _check(self) -> None:
        with gathered() as problems:
            if self.until is not None and self.until <= self.day:
                problems.add(f"day {self.until:g} is not after day {self.day:g}; nothing would happen", "until")
            if self.kind == "cytotoxics" and (self.regimen is None) == (self.strength is None):
                which = "both are" if self.regimen else "neither is"
                example = f'one of regimen = "BEP" (known: {", ".join(regimens())}) and strength = 1.0, hits a course'
                problems.add(f"{which} given; write {example}", "regimen")
            for key in KINDS[self.kind].most:
                if getattr(self, key) > key_of(self.kind, key).high:
                    text = f"{getattr(self, key):g} is out of range for {self.kind}; allowed: {key_of(self.kind, key).allowed}"
                    problems.add(text, key)

    @property
    def numbers(self) -> Mapping[str, float]:
        """Dotted parameters that are other for what it does: those of its agent."""
        return self._numbers

    @field_serializer("until")
    def _end(self, day: float | None) -> str | None:
        return None if day is None else f"day {written(day)}"

    @property
    def past(self) -> bool:
        """Whether it was before the plan's day 0, and so is no part of a treatment."""
        return self.day < 0.0

    @property
    def sides(self) -> tuple[str, ...]:
        """The testes that it reaches."""
        return _LEFT_AND_RIGHT if self.side in (None, "both") else (str(self.side),)

    @property
    def times(self) -> tuple[float, ...]:
        """The days on which it acts, if it does not go on for a time."""
        count = self.fractions or self.courses or 1
        return tuple(self.day + round(k * (self.every or 0.0)) for k in range(count))

    @property
    def ends(self) -> float:
        """The morning from which on it acts no more; infinite if it is for good."""
        if self.days is not None:
            return self.day + round(self.days)
        if KINDS[self.kind].lasts:
            return math.inf if self.until is None else self.until
        return math.inf if self.kind == "orchiectomy" else self.times[-1] + 1.0

    @property
    def label(self) -> str:
        """What it is: "irradiation 2.5 Gy", "3 courses of BEP", "orchiectomy, left"."""
        side = f", {self.side}" if self.side and self.side != "both" else ""
        amounts = {
            "irradiation": lambda: (
                f" {self.dose:g} Gy" + (f" in {self.fractions} fractions" if self.fractions != 1 else "")
            ),
            "cytotoxics": lambda: f", {self.courses} x {self.regimen or f'{self.strength:g} hits'}",
            "fever": lambda: f" {self.peak:g} C for {self.days:g} days",
            "heat": lambda: f" +{self.degrees:g} C, {self.hours:g} h a day for {self.days:g} days",
            "varicocele": lambda: f" of grade {self.grade}",
            "torsion": lambda: f" for {self.hours:g} h",
        }
        named = f"{self.agent} ({self.kind})" if self.agent else self.kind
        return f"{named}{amounts.get(self.kind, str)()}{side}"

    @property
    def dated(self) -> str:
        """What it is, and when: "fever 39 C for 5 days, day 0 to 5"."""
        if math.isfinite(self.ends) and self.ends > self.day + 1.0:
            return f"{self.label}, day {self.day:g} to {self.ends:g}"
        return f"{self.label}, {'from ' if KINDS[self.kind].lasts else ''}day {self.day:g}{' on' if KINDS[self.kind].lasts else ''}"


def _of_agent(given: dict[str, Any]) -> dict[str, Any]:
    """Return what is given with what it has of its agent, an injury of the user's own that stands as its kind."""
    known = own.injuries()
    name = given.get("agent") or (given.get("kind") if isinstance(given.get("kind"), str) else None)
    if not known or not isinstance(name, str) or name not in known:
        return given
    injury = known[name]
    usual = dict(injury.keys)
    if "strength" in given or "regimen" in given:  # one stands for the other
        usual = {key: value for key, value in usual.items() if key not in ("strength", "regimen")}
    return {**usual, **given, "kind": injury.kind, "agent": name}


def _kind_of(given: Mapping[str, Any]) -> str | None:
    try:
        return _kind(given["kind"]) if "kind" in given else None
    except ScenarioError:
        return None  # which the section reports


def key_of(name: str, key: str) -> Key:
    """Return a key as a kind of insult has it."""
    return KEYS[key]._replace(high=KINDS[name].most.get(key, KEYS[key].high))


def keys_of(name: str) -> tuple[str, ...]:
    """Return the keys (of KEYS) that a kind of insult takes besides `kind`."""
    return ("day", *KINDS[name].needs, *KINDS[name].takes)


def _own(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is given of a kind, which has all that it needs and nothing that belongs to another.

    Raises:
        ScenarioError: it has not.
    """
    kind, keys = KINDS[name], ("kind", *keys_of(name))
    known = (*keys, "agent")
    with gathered() as problems:
        for key, value in given.items():
            if key not in known and not (value is None and key in Insult.model_fields):
                if key in Insult.model_fields:
                    problems.add(f"{key} is no key of {name}; it takes: {', '.join(keys)}", key, named=True)
                else:
                    problems.add(unknown("key", key, keys), key, named=True)
        for key, example in kind.needs.items():
            if given.get(key) is None:
                problems.add(missing_key(key, example), key, named=True)
    return {key: value for key, value in given.items() if key in known and not (value is None and key != "until")}


# ---- insults together


def faults(insults: Sequence[Insult], plan: Plan, tissue: Tissue) -> Iterator[Problem]:
    """Yield a problem for each insult outside the plan, that the tissue has no sides for, or that another excludes."""
    for i, insult in enumerate(insults):
        if fault := plan.outside(insult.day):
            yield Problem((i, "day"), fault)
        elif insult.day >= plan.duration_days:
            yield Problem((i, "day"), f"day {insult.day:g} is the end of the plan; nothing would follow, start earlier")
        elif (last := insult.times[-1]) >= plan.duration_days:
            key = "fractions" if insult.kind == "irradiation" else "courses"
            yield Problem(
                (i, key), f"the last is on day {last:g}, beyond the plan (day {plan.duration_days}); lengthen it"
            )
        if insult.side in _LEFT_AND_RIGHT and tissue.tubules % 2:
            text = (
                f"{tissue.tubules} simulated tubule{'s' * (tissue.tubules > 1)} cannot be halved between two testes; "
                f"set [tissue] tubules = {tissue.tubules + 1}"
            )
            yield Problem((i, "side"), text)
    yield from _exclusions(insults)


def most_of(insults: Sequence[Insult], kind: str, key: str, *, adds: bool) -> float:
    """Return the largest amount under a key of insults of a kind, or the most that those `adds` up to in one testis; 0: none."""
    given = [(insult.sides, getattr(insult, key) or 0.0) for insult in insults if insult.kind == kind]
    if adds:
        return max(sum(amount for sides, amount in given if side in sides) for side in _LEFT_AND_RIGHT)
    return max((amount for _, amount in given), default=0.0)


def without_testes(insults: Sequence[Insult]) -> tuple[float, str]:
    """Return the morning from which on a man has no testis, and what took the last away; infinite, "" if one stays."""
    gone: set[str] = set()
    for i, insult in sorted(enumerate(insults), key=lambda numbered: numbered[1].day):
        if insult.kind == "orchiectomy":
            gone |= {*insult.sides}
            if gone == {*_LEFT_AND_RIGHT}:
                return insult.day, _named(i, insult)
    return math.inf, ""


def _exclusions(insults: Sequence[Insult]) -> Iterator[Problem]:
    by_day = sorted(enumerate(insults), key=lambda numbered: numbered[1].day)
    gone: dict[str, str] = {}  # side -> what took the testis away
    for i, insult in by_day:
        left = [side for side in insult.sides if side not in gone]
        taken = [side for side in insult.sides if side in gone]
        # What reaches both testes reaches the one that is left.
        if taken and (insult.kind == "orchiectomy" or not left):
            fix = f'; write side = "{left[0]}"' if left else "; leave one of them out"
            by = " and ".join(dict.fromkeys(gone[side] for side in taken))
            text = (
                f"the {' and '.join(taken)} {'testes are' if len(taken) > 1 else 'testis is'} taken away by {by}{fix}"
            )
            yield Problem((i, "side" if insult.side else "kind"), text)
        elif insult.kind == "orchiectomy":
            gone |= dict.fromkeys(insult.sides, _named(i, insult))
    for (a, first), (b, second) in combinations(by_day, 2):
        if why := _exclusion(first, second, a):
            yield Problem((b, "side" if second.side else "kind"), why)
    yield from _too_many(by_day)


def _too_many(by_day: Sequence[tuple[int, Insult]]) -> Iterator[Problem]:
    """Yield a problem for what is more than a morning can tell apart: draws are keyed to day, kind and number."""
    seen: dict[tuple[str, float], int] = {}
    for i, insult in by_day:
        lasts = KINDS[insult.kind].lasts
        for day in dict.fromkeys((insult.day,) if lasts else insult.times):
            seen[insult.kind, day] = seen.get((insult.kind, day), 0) + 1
            if seen[insult.kind, day] > BLOWS_A_DAY:
                text = f"more than {BLOWS_A_DAY} times {insult.kind} on day {day:g}; put them together in one"
                yield Problem((i, "day"), text)
                break


def _named(place: int, insult: Insult) -> str:
    return f"insult {place + 1} ({insult.label}, day {insult.day:g})"


def _exclusion(first: Insult, second: Insult, place: int) -> str | None:
    """Return why the later of two insults cannot be; `place` of the first, counted from 0."""
    shared, named = [side for side in first.sides if side in second.sides], _named(place, first)
    if second.day >= first.ends:
        return None
    same = first.kind == second.kind and KINDS[first.kind].lasts
    both_ducts = KINDS[first.kind].ducts and KINDS[second.kind].ducts
    if shared and (same or both_ducts):
        until = "is for good" if math.isinf(first.ends) else f"lasts until day {first.ends:g}"
        what = "its duct is closed" if both_ducts else f"it has a {first.kind}" if first.kind != "fever" else "it lasts"
        fix = "leave one out" if math.isinf(first.ends) else "let one begin where the other ends"
        return f"{what} already by {named}, which {until}; {fix}"
    return None


_MOST_SECTIONS = 200_000  # of a tissue that is advised: it takes gigabytes
_FOUNDERS = 5  # expected survivors of a tissue that is advised: of one there are often none


def survivors_fault(alive: float, there: float, tissue: Tissue) -> str:
    """Return the message that a tissue is too small for what survives an insult: `alive` of `there` stem cells are expected."""
    most = tissue.most_rows
    sections = tissue.tubules * tissue.rows * _FOUNDERS / alive
    tubules = max(tissue.tubules, 2 * math.ceil(sections / most / 2.0))  # an even number has both sides
    fix = f"set [tissue] rows = {min(most, math.ceil(sections / tubules))} (of {tubules} tubules), which leaves {_FOUNDERS}"
    if sections > _MOST_SECTIONS:
        fix = "no tissue that can be simulated holds one"
    return (
        f"of {there:,.0f} stem cells of the simulated tissue {alive:.2g} would live: it is too small to hold a focus; {fix}. "
        'The mean-field man needs no tissue, but has no foci and recovers too soon: testis-abm hypotheses, or engine = "expected" of '
        "a [sweep]"
    )
