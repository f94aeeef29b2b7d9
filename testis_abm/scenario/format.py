"""The format of the files that users write, and how older ones are read.

A file may say `format = 2`. One that does not is taken as of format 1, from before files said it: what has another name
since is read under the new one, and what there is no more is left out, each with a note.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from testis_abm.support import guard
from testis_abm.support.errors import Note, ScenarioError, shown

KEY = "format"
FORMAT = 2

# Outputs and conditions of format 1 -> of format 2.
_WORDS = {"reported oestradiol": "serum E2 (immunoassay)", "reported estradiol": "serum E2 (immunoassay)"}
_WORD = re.compile("|".join(map(re.escape, _WORDS)), re.IGNORECASE)
_PROSE = {"title", "label", "note", "citation", "name", "source"}
# Parameters of format 1 that the model no longer has, by group.
_GONE: Mapping[str, frozenset[str]] = {
    "axis": frozenset(
        {"fsh_store_saturation", "gonadotroph_store_days", "gonadotroph_store_exponent", "gonadotroph_store_saturation"}
    ),
    "germ": frozenset(
        {
            "androgen_elongation_deprivation",
            "androgen_meiotic_deprivation",
            "androgen_prophase_deprivation",
            "androgen_round_deprivation",
            "androgen_spermatogonial_deprivation",
            "fsh_floor_commitment",
            "fsh_floor_spermiation",
            "fsh_spermatogonial_deprivation",
            "oestrogen_excess",
        }
    ),
    "receptor": frozenset(
        {
            "commitment_androgen_half",
            "elongation_androgen_half",
            "er_alpha_half",
            "er_beta_half",
            "meiosis_androgen_half",
            "oestrogen_exponent",
            "spermiation_androgen_half",
        }
    ),
    "tract": frozenset({"dilution_exponent"}),
    "tissue": frozenset({"output_age_slope"}),
    "outcome": frozenset({"retrieval_share", "retrieval_spermatids"}),
}


def current(raw: dict[str, Any], absent: int = FORMAT) -> dict[str, Any]:
    """Return tables in the present format, without the key that says theirs (`absent`: that of tables without it).

    What is read otherwise than it stands is told as a note.

    Raises:
        ScenarioError: the format is no whole number, or later than this version knows.
    """
    raw = dict(raw)
    with guard.at(KEY):
        given = raw.pop(KEY, absent)
        if isinstance(given, int) and not isinstance(given, bool) and given > FORMAT:
            raise ScenarioError(f"{given} is of a later version of this program, which reads up to {FORMAT}; update it")
        of = guard.whole(given, 1, FORMAT)
    for step in _STEPS[of - 1 :]:
        for note in step(raw):
            warnings.warn(f"of {KEY} {of}: {note}", Note, stacklevel=3)
    return raw


def _second(raw: dict[str, Any]) -> Iterator[str]:
    """Bring tables of format 1 to format 2; yield what was changed."""
    for key in raw.keys() - _PROSE:
        raw[key], found = _renamed(raw[key])
        yield from (f"{shown(old)} is read as {shown(_WORDS[old.lower()])}" for old in dict.fromkeys(found))
    if isinstance(parameters := raw.get("parameters"), Mapping):
        raw["parameters"], gone = _without_gone(parameters)
        yield from (f"parameter {name} is left out: the model no longer has it" for name in gone)


_STEPS: tuple[Callable[[dict[str, Any]], Iterator[str]], ...] = (_second,)


def _renamed(value: Any) -> tuple[Any, list[str]]:
    """Return a value with the words of format 2 for those of format 1, and the words that were replaced."""
    if isinstance(value, str):
        return _WORD.sub(lambda word: _WORDS[word[0].lower()], value), _WORD.findall(value)
    if isinstance(value, list):
        parts = [_renamed(part) for part in value]
        return [part for part, _ in parts], [word for _, found in parts for word in found]
    if isinstance(value, Mapping):
        named = {key: _renamed(part) for key, part in value.items() if key not in _PROSE}
        kept = {key: named[key][0] if key in named else part for key, part in value.items()}
        return kept, [word for _, found in named.values() for word in found]
    return value, []


def _without_gone(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return parameters, by dotted name or in tables of their groups, without those that are gone, and their names."""
    kept: dict[str, Any] = {}
    gone: list[str] = []
    for key, value in parameters.items():
        group, _, name = key.partition(".")
        if isinstance(value, Mapping):
            lost = _GONE.get(key, frozenset()) & value.keys()
            gone += [f"{key}.{name}" for name in sorted(lost)]
            kept[key] = {name: number for name, number in value.items() if name not in lost}
        elif name in _GONE.get(group, ()):
            gone.append(key)
        else:
            kept[key] = value
    return kept, gone
