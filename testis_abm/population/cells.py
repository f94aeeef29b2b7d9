"""Single cells of a table of men: numbers by their decimal sign, units, days, therapies. given.py reads what is left."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from testis_abm import parameters
from testis_abm.population.given import labs
from testis_abm.population.headings import Meaning, folded, lists
from testis_abm.quantities import GIVEN, Censored
from testis_abm.scenario import load
from testis_abm.scenario.amounts import NUMBER, parse_duration, plain, quantity
from testis_abm.scenario.prescription import parse_prescription, rhythm
from testis_abm.support.errors import Note, ScenarioError, TestisError, shown


def number_of(text: str) -> float | None:
    """Return the number with which a cell begins, signs of censoring apart."""
    match = re.match(rf"\s*(?:[<>≤≥]=?)?\s*({NUMBER})", text)
    if match is None:
        return None
    try:
        return float(match[1].replace(",", "."))
    except ValueError:
        return None


def unit_of_cell(text: str) -> str:
    """Return the unit behind the number of a cell, "" where there is none; the marks of a laboratory are none."""
    match = re.fullmatch(rf"\s*(?:[<>≤≥]=?)?\s*{NUMBER}\s*([^\d\s].*)", text)
    if match is None or re.fullmatch(_FLAG, match[1].strip()):
        return ""
    return match[1].strip()


_FLAG = r"\(?[HL*+!↑↓]{1,2}\)?"  # by which laboratories mark what lies outside their range


def decimal_signs(texts: Iterable[str]) -> tuple[bool, bool, bool]:
    """Return whether decimal commas and points are certain in some texts, and whether some number may be either."""
    comma = point = unclear = False
    for text in texts:
        match = re.search(r"\d[\d.,]*", text)
        number = match[0].rstrip(".,") if match else ""
        if "," in number and "." in number:
            comma |= number.rindex(",") > number.rindex(".")
            point |= number.rindex(".") > number.rindex(",")
        elif sign := next((sign for sign in ",." if sign in number), ""):
            parts = number.split(sign)
            certain = len(parts) == 2 and (len(parts[1]) != 3 or parts[0].startswith("0") or len(parts[0]) > 3)
            several = len(parts) > 2
            comma |= (certain and sign == ",") or (several and sign == ".")
            point |= (certain and sign == ".") or (several and sign == ",")
            unclear |= not certain and not several
    return comma, point, unclear


def with_point(text: str, comma: bool, point: bool) -> str:
    """Return a cell whose number has a decimal point and no marks of thousands.

    Raises:
        ScenarioError: a number that may be two.
    """
    match = re.search(r"\d[\d.,]*", text)
    if match is None or not re.search("[.,]", match[0].rstrip(".,")):
        return text
    number = match[0].rstrip(".,")
    own_comma, own_point, unclear = decimal_signs([number])
    if unclear:
        if comma == point:
            if "," not in number and not comma:
                return text  # a single point and nothing against it
            raise ScenarioError(
                f"a number that is not {number.replace(',', '.')} and {re.sub('[.,]', '', number)}; say --decimal comma or point"
            )
        own_comma = comma
    if ("," in number and "." in number) or not unclear:
        own_comma = own_comma and not own_point
    written = number.replace(".", "").replace(",", ".") if own_comma else number.replace(",", "")
    return text[: match.start()] + written + text[match.start() + len(number) :]


def value_of(text: str, written: str, own: Meaning) -> float | Censored | None:
    """Return a cell's value in the unit of the twin, None where it is missing; `written` is the unit of its column.

    Raises:
        ScenarioError: it is none.
    """
    word = folded(text)
    if not text or word in lists()["missing"]:
        return None
    if word in lists()["none"]:
        if own.name not in ("concentration", "total_count", "tmc"):
            raise ScenarioError(f'a number in {own.unit}; of a level under its limit write "<" and the limit')
        return 0.0
    text = plain(text)
    for sign, words in (("<", lists()["below"]), (">", lists()["above"])):
        for said in sorted(words, key=len, reverse=True):
            if word.startswith(f"{said} "):
                text = f"{sign} {text[len(said) :].strip()}"
                break
    # The L of "IU/L" is none: letters that mark stand apart or behind a digit.
    text = re.sub(rf"(?:\s+|(?<=[\d.])|(?=[(*+!↑↓])){_FLAG}$", "", text)
    beyond = re.match(r"[<>]=?", text)
    bare = text[beyond.end() :].strip() if beyond else text
    number, unit = quantity(bare, f"a number in {written or own.unit}")
    known = own.unit_named(unit or written)
    if known is None:
        raise ScenarioError(f"{shown(unit)} is not a unit of {own.name}; known: {', '.join(own.units)}")
    value = number * own.kept(known)
    given = Censored(value, beyond[0].startswith("<")) if beyond else value
    if own.name in GIVEN:
        return labs({own.name: given})[own.name].value
    low, high = own.allowed
    if not (low <= value <= high):
        raise ScenarioError(f"{shown(text)} is implausible; allowed: {low:g} to {high:g} {own.unit}")
    return given


def day_order(texts: Iterable[str]) -> str:
    """Return how numeric dates are written: "dmy", "mdy", or "?" where nothing tells."""
    pairs = [
        (int(m[1]), int(m[3]), m[2]) for text in texts if (m := re.match(r"(\d{1,2})([./-])(\d{1,2})\2\d{2,4}", text))
    ]
    if any(second > 12 for _, second, _ in pairs) and not any(first > 12 for first, *_ in pairs):
        return "mdy"
    if any(first > 12 for first, *_ in pairs) or any(sign == "." for *_, sign in pairs):
        return "dmy"
    return "?" if pairs and any(first != second for first, second, _ in pairs) else "dmy"


def day_of(text: str, order: str) -> date:
    """Return a day.

    Raises:
        ScenarioError: it is none, or may be two.
    """
    text = re.sub(r"[T ]\d{1,2}:\d{2}.*$", "", text.strip())
    try:
        if match := re.fullmatch(r"(\d{4})[-./]?(\d{2})[-./]?(\d{2})", text):
            return date(*map(int, match.groups()))
        if match := re.fullmatch(r"(\d{1,2})[./-](\d{1,2})[./-](\d{2}|\d{4})", text):
            first, second, year = map(int, match.groups())
            if order == "?" and first != second:
                raise ScenarioError("a date whose day and month are told apart; write YYYY-MM-DD")
            year += (1900 if year > date.today().year % 100 else 2000) if year < 100 else 0
            return date(year, first, second) if order == "mdy" else date(year, second, first)
    except ValueError as error:
        raise ScenarioError(f"a day of the calendar ({error})") from None
    raise ScenarioError("a date, as YYYY-MM-DD or DD.MM.YYYY")


def since_of(text: str) -> date | float | None:
    """Return a day or a length of time in days, None where it is neither."""
    try:
        return day_of(text, day_order([text]))
    except ScenarioError:
        try:
            return parse_duration(text)
        except ScenarioError:
            return None


_OFTEN = {
    "täglich": "daily",
    "taeglich": "daily",
    "tgl": "daily",
    "1x täglich": "daily",
    "1x tgl": "daily",
    "1-0-0": "daily",
    "0-0-1": "daily",
    "2x täglich": "twice daily",
    "2x tgl": "twice daily",
    "1-0-1": "twice daily",
    "jeden zweiten tag": "every other day",
    "alle 2 tage": "every 2 days",
    "wöchentlich": "weekly",
    "2x/woche": "twice weekly",
    "3x/woche": "3x/week",
    "2x pro woche": "twice weekly",
    "3x pro woche": "3x/week",
    "par jour": "daily",
    "al giorno": "daily",
    "al día": "daily",
}


def prescription_of(line: str) -> tuple[Mapping[str, Any], str]:
    """Return a therapy of a line, German and other words of how often put into those that prescription.py reads.

    Where a line does not say how often, that is what is usual of the drug, which is returned too; else "".
    """
    text = line.strip().rstrip(".")
    for word, meant in sorted(_OFTEN.items(), key=lambda pair: -len(pair[0])):
        if text.lower().endswith(word):
            text = f"{text[: len(text) - len(word)].strip()} {meant}"
            break
    text = _with_known_name(text)
    assumed = ""
    dosed = re.fullmatch(rf"(\S.*?)\s+{NUMBER}\s*[^\s0-9]+", plain(text))
    if dosed is not None:
        drug = parameters.drugs()[parameters.drug_named(dosed[1])]
        if drug.regimen and drug.regimen[-1].every_days is not None:
            assumed = rhythm(drug.regimen[-1].every_days)
            text = f"{text} {assumed}"
    therapy = parse_prescription(text)
    # The name and the dose are checked here, where the row is known.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Note)
        load({"title": "therapy", "therapy": [dict(therapy)]})
    return therapy, assumed


def _with_known_name(line: str) -> str:
    """Return a line whose drug has the name of the drug table: German names often lack the last e (Anastrozol)."""
    match = re.match(rf"(\S.*?)(?=\s+{NUMBER}\s*[^\s0-9])", line)
    if match is None:
        return line
    for ending in ("", "e"):
        try:
            parameters.drug_named(match[1] + ending)
        except TestisError:
            continue
        return match[1] + ending + line[match.end() :]
    return line
