"""What the headings of clinics and laboratories mean, and in which unit: words.toml, and the units of quantities.py."""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from testis_abm.quantities import GIVEN, QUANTITIES
from testis_abm.scenario.amounts import UNITS, UNITS_OF_MAN, unit_key
from testis_abm.support.errors import ScenarioError

_WORDS = Path(__file__).with_name("words.toml")
_LISTS = ("missing", "none", "below", "above", "untreated", "ignored", "summary")


@dataclass(frozen=True)
class Meaning:
    """What a column may mean.

    Attributes:
        name: of quantities.GIVEN, or of words.toml.
        words: as compared (see `_plain_words`).
        units: as written -> how many of the first of them (of the column of a quantity) make one; none of text.
        unit: in which values are kept; factor: units of `units` in one of it.
        either: other meanings that the heading alone does not tell apart.
        usual: lowest and highest median in `unit`; allowed: lowest and highest value of what given.py does not know.
    """

    name: str
    words: frozenset[str]
    units: Mapping[str, float] = MappingProxyType({})
    unit: str = ""
    factor: float = 1.0
    either: tuple[str, ...] = ()
    usual: tuple[float, float] = (0.0, np.inf)
    allowed: tuple[float, float] = (0.0, np.inf)

    def unit_named(self, text: str) -> str | None:
        """Return a unit as it is known here, None if it is not one of them."""
        try:
            key = unit_key(text)
        except ScenarioError:  # too long, or in digits of another script
            return None
        return next((unit for unit in self.units if unit.lower() == text.lower() or unit_key(unit) == key), None)

    def kept(self, unit: str) -> float:
        """Return how many of `self.unit` one of a unit makes."""
        return self.units[unit] / self.factor


@cache
def lists() -> Mapping[str, frozenset[str]]:
    """Return lists of words by name, as compared (see `folded`)."""
    table = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    return {name: frozenset(folded(word) for word in table[name]) for name in _LISTS}


@cache
def meanings() -> Mapping[str, Meaning]:
    """Return all meanings of columns by name."""
    table = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    found = {}
    for name, row in table.items():
        if name in _LISTS:
            continue
        words = {plain_words(word) for word in row["words"]} | {plain_words(name)}
        units: dict[str, float] = {}
        unit, factor = next(iter(row.get("units", {})), ""), 1.0
        if name in GIVEN:
            measure = GIVEN[name]
            units = dict(UNITS_OF_MAN.get(name) or UNITS[measure.column])
            unit, factor = measure.unit, measure.factor
            own = QUANTITIES[measure.column]
            words |= {plain_words(word) for word in (own.label, *own.words, own.column)}
        units |= row.get("units", {})
        if "either" not in row:
            words -= _either_words(table)
        found[name] = Meaning(
            name,
            frozenset(words),
            units,
            unit,
            factor,
            tuple(row.get("either", ())),
            tuple(row.get("usual", (0.0, np.inf))),
            tuple(row.get("range", (0.0, np.inf))),
        )
    return found


def _either_words(table: Mapping[str, Any]) -> set[str]:
    rows = [row for row in table.values() if isinstance(row, dict) and "either" in row]
    return {plain_words(word) for row in rows for word in row["words"]}


def folded(text: str) -> str:
    """Return text in lower case, without accents, one space between words."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(sign for sign in apart if not unicodedata.combining(sign)).split())


def plain_words(text: str) -> str:
    """Return a heading as it is compared: letters and digits, without what says nothing."""
    words = re.sub(r"[\W_]+", " ", folded(text)).split()
    kept = [word for word in words if word not in _ignored()]
    return " ".join(kept or words)


@cache
def _ignored() -> frozenset[str]:
    table = tomllib.loads(_WORDS.read_text(encoding="utf-8"))
    return frozenset(folded(word) for word in table["ignored"])


def has_units(name: str) -> bool:
    """Return whether what a meaning names is a number."""
    own = meanings()[name]
    return bool(own.units or own.either)


@cache
def by_word() -> Mapping[str, str]:
    """Return the meaning of each word."""
    return {word: name for name, own in meanings().items() for word in own.words}


@cache
def understood(text: str) -> tuple[str, str]:
    """Return meaning and unit of a heading, "" each where there is none."""
    heading, unit = unit_within(text, [*meanings()])
    name = by_word().get(plain_words(heading), "")
    if not name and unit:
        name = by_word().get(plain_words(text), "")
        unit = "" if name else unit
    return (name, unit) if name else ("", "")


def unit_within(text: str, among: Sequence[str]) -> tuple[str, str]:
    """Return a heading without its unit, and the unit: in brackets, after a comma or at the end."""
    known = [meanings()[name] for name in among]

    def is_unit(part: str) -> bool:
        return any(own.unit_named(part) for own in known)

    bracket = re.search(r"[(\[{]([^()\[\]{}]*)[)\]}]\s*$", text)
    if bracket:
        inner = bracket[1].strip().removeprefix("in ").strip()
        if is_unit(inner) or "/" in inner or "%" in inner:
            return text[: bracket.start()].strip() or inner, inner
        return text, ""
    words = re.split(r"[\s,;:_]+", text)
    for size in (1, 2, 3):
        if len(words) > size:
            for mark in ("", " ", "/"):
                part = mark.join(words[-size:])
                if is_unit(part) and not (size == 1 and len(part) == 1 and part.isalpha()):
                    rest = " ".join(words[:-size])
                    return re.sub(r"\s(?:in|en)$", "", rest), part
    return text, ""
