"""A rule without coding: in a kind of cell, a signal increases or decreases a behaviour along a Hill curve."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_serializer, field_validator, model_validator

from testis_abm.scenario import grammar
from testis_abm.scenario.amounts import NUMBER, number_in, parse_day, plain, spelled
from testis_abm.scenario.amounts import quantity as read_quantity
from testis_abm.scenario.section import Section
from testis_abm.support import guard
from testis_abm.support.errors import ScenarioError, nearest, shown, written

INCREASES, DECREASES = EFFECTS = ("increases", "decreases")
_MOST_POWER, _MOST_HAZARD = 20.0, 10.0
_USAGE = (
    'write for example "in pachytene spermatocytes, intratesticular E2 increases death from 1 to 3-fold with half-maximum '
    '5 nmol/L and Hill power 4, from day 0 to day 90"'
)
_SENTENCE = re.compile(
    r"in (?:the )?(?P<cell>[^,]+), ?(?P<signal>.+?) (?P<effect>(?:in|de)creases?|raises|lowers|reduces) (?P<behaviour>[^,]+?)"
    rf"(?: from (?P<base>{NUMBER})(?P<base_unit>[^ ]*| per day))? to (?P<to>{NUMBER}[^,]*?)"
    r",? with (?:a )?half[- ]?max(?:imum)? (?:of |at )?(?P<half>.+?)"
    rf"(?:,? (?:and )?(?:a )?hill (?:power|coefficient|exponent)? ?(?:of )?(?P<power>{NUMBER}))?"
    r"(?:,? from (?P<from>(?:day|week|month) [^ ,]+))?(?:,? (?:to|until) (?P<until>(?:day|week|month) [^ ,]+))?\.?",
    re.IGNORECASE,
)
_FOLD = re.compile(rf"({NUMBER})(?: ?-? ?(?:fold|x|times))?", re.IGNORECASE)
_PER_DAY = re.compile(rf"({NUMBER}) ?(?:/|per ) ?(?:d|day)", re.IGNORECASE)
_PERCENT = re.compile(rf"({NUMBER}) ?%", re.IGNORECASE)


class To(NamedTuple):
    """Where a behaviour goes at saturation: a fold of what it is, or (`added`) a hazard a day besides."""

    amount: float
    added: bool = False

    @property
    def base(self) -> float:
        """Return where it comes from."""
        return 0.0 if self.added else 1.0

    def __str__(self) -> str:
        """Return it in words."""
        return f"{written(self.amount)}/day" if self.added else f"{written(self.amount)}-fold"


def _effect(value: object) -> str:
    word = plain(value).lower() if isinstance(value, str) else ""
    known = {
        **dict.fromkeys(("increases", "increase", "raises", "up"), INCREASES),
        **dict.fromkeys(("decreases", "decrease", "lowers", "reduces", "down"), DECREASES),
    }
    if word not in known:
        near = f'; nearest: "{known[guess]}"' if word and (guess := nearest(word, known)) else ""
        raise ScenarioError(f"{shown(value)} is no effect{near}; known: {', '.join(EFFECTS)}")
    return known[word]


def _power(value: object) -> float:
    number: Any = number_in(plain(value)) if isinstance(value, str) and re.fullmatch(NUMBER, plain(value)) else value
    if not guard.is_number(number) or not 0.0 < number <= _MOST_POWER:
        raise ScenarioError(f"{shown(value)} is no Hill power; allowed: above 0 to {_MOST_POWER:g}, usually 1 to 8")
    return guard.real(number)


def _to(value: Any) -> To:
    if isinstance(value, To):
        return value
    if guard.is_number(value):
        return To(guard.real(value))
    text = plain(value) if isinstance(value, str) else ""
    if match := _FOLD.fullmatch(text):
        return To(number_in(match[1]))
    if match := _PERCENT.fullmatch(text):
        return To(number_in(match[1]) / 100.0)
    if match := _PER_DAY.fullmatch(text):
        return To(number_in(match[1]), added=True)
    raise ScenarioError(
        f'{shown(value)} is not where a behaviour goes; write a fold, such as 3.0 or "3-fold", or of death a hazard, "0.05/day"'
    )


def _whole(value: object) -> float:
    return float(round(parse_day(value)))  # it acts from morning to morning


def _day_or_none(value: object) -> float | None:
    return None if value is None else _whole(value)


def _after_baseline(day: float | None) -> float | None:
    if day is not None and day < 0:
        raise ScenarioError(
            f"day {day:g} is in the baseline, which is untreated; start at day 0 or later, or leave out from and until: "
            "it then holds always, in both arms"
        )
    return day


class Rule(Section, init=False):
    """A change of a behaviour of a kind of cell by a signal, along a Hill curve.

    `Rule("pachytene spermatocyte", "intratesticular E2", "death", effect="increases", half="5 nmol/L", to=3)`, or
    `Rule.parse("in pachytene spermatocytes, intratesticular E2 increases death from 1 to 3-fold with half-maximum 5 nmol/L")`

    At a signal s the behaviour is multiplied by 1 + (to - 1) h, or a hazard of h times `to` is added, where h = s^n / (half^n +
    s^n). The signal of a day is that of the row of its morning: what was read of the 24 h before. Several rules on one
    behaviour multiply; added hazards add up.

    Attributes:
        cell, behaviour, signal: as grammar prints them.
        effect: of EFFECTS; `to` has to agree.
        half: signal of half the effect, in its unit.
        to: at saturation.
        power: of Hill.
        from_day, until_day: whole days of the treated man; without both it is a part of the man, in both arms, who finds
            his steady state under it.
    """

    cell: Annotated[str, BeforeValidator(grammar.cell)] = Field(examples=["pachytene spermatocyte"])
    signal: Annotated[str, BeforeValidator(lambda word: grammar.signal(word).label)] = Field(
        examples=["intratesticular E2"]
    )
    behaviour: str = Field(examples=["death"])
    effect: Annotated[str, BeforeValidator(_effect)] = Field(examples=["increases"])
    half: float = Field(examples=["5 nmol/L"])
    power: Annotated[float, BeforeValidator(_power)] = 2.0
    to: Annotated[To, BeforeValidator(_to)] = Field(examples=[3.0])
    from_day: Annotated[float | None, BeforeValidator(_day_or_none)] = Field(None, alias="from")
    until_day: Annotated[float | None, BeforeValidator(_day_or_none)] = Field(None, alias="until")

    def __init__(self, /, *words: object, **given: Any) -> None:
        super().__init__(**self._placed(("cell", "signal", "behaviour"), words, given))

    @classmethod
    def parse(cls, sentence: str) -> Self:
        """Return the rule that a sentence spells.

        Raises:
            ScenarioError: it is none, or one that cannot be.
        """
        return cls(**read(sentence))

    # ---- what it does

    @property
    def standing(self) -> bool:
        """Whether it holds always, in both arms: a part of the man and no part of a treatment."""
        return self.from_day is None and self.until_day is None

    @property
    def begins(self) -> float:
        """The first day that it acts on."""
        return -math.inf if self.standing else self.from_day or 0.0

    @property
    def ends(self) -> float:
        """The morning from which on it acts no more."""
        return math.inf if self.until_day is None else self.until_day

    def holds(self, day: float) -> bool:
        """Return whether it acts on a day."""
        return self.begins <= day < self.ends

    @property
    def senses(self) -> grammar.Signal:
        """The signal."""
        return grammar.SIGNALS.get(self.signal) or grammar.signal(self.signal)

    @property
    def acts(self) -> grammar.Behaviour:
        """The behaviour."""
        return grammar.BEHAVIOURS[self.behaviour]

    @property
    def powers(self) -> Mapping[str, float]:
        """The rates or numbers that it changes, each with the power of the fold by which it does."""
        return self.acts.changes[self.cell]

    @property
    def label(self) -> str:
        """What it changes: "death of pachytene spermatocytes by intratesticular E2"."""
        return f"{self.behaviour} of {grammar.plural(self.cell)} by {self.signal}"

    @property
    def sentence(self) -> str:
        """The rule in one line, as `parse` reads it."""
        span = "" if self.from_day is None else f", from day {written(self.from_day)}"
        if self.until_day is not None:
            span += f"{'' if span else ','} {'to' if span else 'until'} day {written(self.until_day)}"
        return (
            f"in {grammar.plural(self.cell)}, {self.signal} {self.effect} {self.behaviour} from {written(self.to.base)} to {self.to} "
            f"with half-maximum {self._half()} and Hill power {written(self.power)}{span}"
        )

    # ---- reading and writing

    @field_validator("behaviour", mode="before")
    @classmethod
    def _of_cell(cls, value: object, info: ValidationInfo) -> str:
        cell = info.data.get("cell")
        return str(value) if cell is None else grammar.behaviour(value, cell).label

    @field_validator("half", mode="before")
    @classmethod
    def _in_unit(cls, value: object, info: ValidationInfo) -> float:
        label = info.data.get("signal")
        return 1.0 if label is None else _half_of(value, grammar.signal(label))

    @field_validator("to")
    @classmethod
    def _agrees(cls, to: To, info: ValidationInfo) -> To:
        known = info.data
        if "effect" not in known or "cell" not in known or "behaviour" not in known:
            return to
        effect, row = known["effect"], grammar.behaviour(known["behaviour"], known["cell"])
        if to.added and not row.added:
            raise ScenarioError(f"{shown(str(to))} is a hazard, and {row.label} has none; write a fold, such as 3.0")
        low, high = (0.0, _MOST_HAZARD) if to.added else (row.low, row.high)
        if not low <= to.amount <= high:
            unit = "/day" if to.added else "-fold"
            raise ScenarioError(f"{to} is out of range for {row.label}; allowed: {low:g} to {high:g}{unit}")
        if to.added and effect == DECREASES and to.amount:
            raise ScenarioError(
                f'{to} is added and cannot decrease {row.label}; write a fold under 1, or effect = "{INCREASES}"'
            )
        if not to.added and (to.amount - 1.0) * (1.0 if effect == INCREASES else -1.0) < 0.0:
            side, other = ("under", DECREASES) if effect == INCREASES else ("over", INCREASES)
            raise ScenarioError(
                f'{to} is {side} 1 and {other[:-1]}s {row.label}; write effect = "{other}", or to = '
                f"{written(round(1.0 / to.amount, 6)) if to.amount else '2.0'}"
            )
        return to

    @field_validator("from_day", "until_day")
    @classmethod
    def _in_plan(cls, day: float | None) -> float | None:
        return _after_baseline(day)

    @model_validator(mode="after")
    def _takes_time(self) -> Self:
        if self.ends <= self.begins:
            raise ScenarioError(
                f"day {self.ends:g} is not after from (day {self.begins:g}); nothing would be changed", "until"
            )
        return self

    def _half(self) -> str:
        signal = self.senses
        if signal.where == grammar.PLAN:
            return f"day {written(self.half)}"
        return f"{written(self.half)} {signal.unit}"

    @field_serializer("half")
    def _half_with_unit(self, _half: float) -> str:
        return self._half()

    @field_serializer("to")
    def _to_plain(self, to: To) -> float | str:
        return str(to) if to.added else to.amount

    @field_serializer("from_day", "until_day")
    def _days(self, day: float | None) -> str | None:
        return None if day is None else f"day {written(day)}"


def beyond_mean_field(rules: Sequence[Rule]) -> str:
    """Return in a line why the interval over plausible models is left out under such rules; "" where it is not."""
    without = [f"{rule.behaviour} of {grammar.plural(rule.cell)}" for rule in rules if not rule.acts.mean_field]
    if not without:
        return ""
    return f"No interval over plausible models: a rule changes the {without[0]}, which their mean-field man cannot."


def refuse_standing(rules: Sequence[Rule]) -> None:
    """Raise if a rule always holds, where men are found by what was measured of them: as if they had none.

    Raises:
        ScenarioError: naming it.
    """
    for i, rule in enumerate(rules, 1):
        if rule.standing:
            raise ScenarioError(
                f"rule {i}: {rule.label} always holds, and men are found here by their values without it; give it a beginning: "
                'from = "day 0"'
            )


def _half_of(value: Any, signal: grammar.Signal) -> float:
    """Return a half-maximum in the unit of its signal."""
    example = f'a half-maximum, such as "{"day 30" if signal.where == grammar.PLAN else f"2 {signal.unit}"}"'
    if signal.where == grammar.PLAN:
        half = parse_day(value)
    else:
        number, unit = (float(value), "") if guard.is_number(value) else read_quantity(value, example)
        if not unit and len(set(signal.units.values())) > 1 and "" not in signal.units:
            raise ScenarioError(f"{shown(value)} has no unit; write {example}")
        name = spelled(unit, signal.units) if unit else signal.unit
        if name is None:
            known = ", ".join(unit for unit in signal.units if unit)
            raise ScenarioError(f"{shown(value)}: unit {shown(unit)} is not one of {signal.label}; known: {known}")
        half = number * signal.units[name]
    if not 0.0 < half < 1e9:
        raise ScenarioError(f"{shown(value)} is out of range; a half-maximum is above 0")
    return half


def read(sentence: object) -> dict[str, Any]:
    """Return the table of a rule that a sentence spells.

    Raises:
        ScenarioError: it is no such sentence; words and numbers are checked where the table is read.
    """
    match = _SENTENCE.fullmatch(plain(sentence)) if isinstance(sentence, str) else None
    if match is None:
        raise ScenarioError(f"{shown(sentence)} is no rule in words; {_USAGE}")
    given = {key: value for key, value in match.groupdict().items() if value is not None}
    base, unit = given.pop("base", None), given.pop("base_unit", "").strip()
    if base is not None:
        added = bool(_PER_DAY.fullmatch(plain(given["to"])))
        start = number_in(base) / (100.0 if unit == "%" else 1.0)
        if start != (0.0 if added else 1.0):
            wanted = (
                "a hazard that is added comes from 0" if added else "a fold comes from 1, what it is without the rule"
            )
            raise ScenarioError(f"{shown(f'from {base}{unit}')}: {wanted}")
    return given


def as_tables(given: object) -> object:
    """Return rules as a scenario file may have them, sentences among them, as tables; what is neither stays to be told."""
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, list | tuple):
        return given
    found: list[object] = []
    for i, item in enumerate(items):
        try:
            if isinstance(item, str):
                item = read(item)
            elif isinstance(item, Mapping) and "rule" in item:
                more = sorted(set(item) - {"rule"})
                if more:
                    raise ScenarioError(
                        f"has {', '.join(more)} beside rule = ...; write it into the sentence, or all as keys"
                    )
                item = read(item["rule"])
        except ScenarioError as error:
            raise error.at("rule", i) from None
        found.append(item)
    return found
