"""JSON Schemas of the files that users write: for editors, which complete and check keys and values while one types.

The files beside this one are written by `make schemas`. They follow from the classes and tables that read the files. A schema is wider than they: it knows no units and no
relations between keys, so a file that it passes may still be refused; one that is read is never refused by it.
"""

from __future__ import annotations

import inspect
import json
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, PydanticJsonSchemaWarning
from pydantic_core import CoreSchema

from testis_abm import parameters
from testis_abm.choices import TREATMENTS
from testis_abm.experiments import sensitivity, sweep, trial
from testis_abm.experiments.files import ARM_KEYS, SHARED_KEYS
from testis_abm.parameters import Parameter
from testis_abm.scenario import Man, Scenario
from testis_abm.scenario.format import FORMAT, KEY
from testis_abm.scenario.section import Section
from testis_abm.studies.study import Study
from testis_abm.support import guard

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_ENTRY = re.compile(r"(?:^|; )((?:\w+(?:, )?)+): ")
type Schema = dict[str, Any]


def schema(kind: str) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a kind of file: of KINDS.

    Raises:
        TestisError: there is no such kind.
    """
    made = KINDS[guard.key(kind, KINDS, "kind of file")]()
    made["properties"] = {
        KEY: {"description": "Format of this file.", "type": "integer", "minimum": 1, "maximum": FORMAT},
        **made["properties"],
    }
    return {"$schema": _DRAFT, "title": f"testis_abm {kind}", **{k: v for k, v in made.items() if k != "title"}}


def text(kind: str) -> str:
    """Return a schema as the text of a file."""
    return json.dumps(schema(kind), indent=1, ensure_ascii=False) + "\n"


def path(kind: str) -> Path:
    """Return the file of a schema in the package.

    Raises:
        TestisError: there is no such kind.
    """
    return Path(__file__).with_name(f"{guard.key(kind, KINDS, 'kind of file')}.json")


def _scenario() -> Schema:
    made = _of(Scenario)
    made["properties"]["parameters"] = _parameters(made["$defs"])
    tables = {"sweep": sweep.KEYS, "trial": trial.KEYS, "sensitivity": sensitivity.KEYS}
    for name, keys in tables.items():
        made["properties"][name] = _table(f"Makes this file a {name}.", {key: {} for key in (*keys, *SHARED_KEYS)})
    own = {key: made["properties"][key] for key in TREATMENTS}
    arm = {"name": {"type": "string"}, **own, "set": {"type": "object", "description": "Dotted path = value."}}
    made["properties"]["arm"] = {"type": "array", "items": _table("An arm.", {key: arm[key] for key in ARM_KEYS})}
    return made


def _study() -> Schema:
    made = _of(Study)
    del made["properties"]["name"]
    physiology = _table(
        "Fields that all men share.", {name: _number(of) for name, of in parameters.physiology().items()}
    )
    made["properties"]["man"] = made["$defs"]["Diagnosis"]["properties"]["man"] = physiology
    return made


KINDS: Mapping[str, Callable[[], Schema]] = {"scenario": _scenario, "study": _study}


class _Schema(GenerateJsonSchema):
    """What pydantic makes of a class, as the file has it: numbers may be texts with units, and words follow the docstring."""

    def handle_invalid_for_json_schema(self, schema: CoreSchema, error_info: str) -> JsonSchemaValue:
        """Return that anything may stand there."""
        return {}

    def generate(self, schema: CoreSchema, mode: JsonSchemaMode = "validation") -> JsonSchemaValue:
        """Return the schema of a section and those of its parts."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PydanticJsonSchemaWarning)
            return super().generate(schema, mode)


def _of(section: type[Section]) -> Schema:
    made = section.model_json_schema(schema_generator=_Schema)
    classes = {one.__name__: one for one in _sections(Section)}
    for name, part in ((section.__name__, made), *made.get("$defs", {}).items()):
        if name in classes:
            _as_written(part, classes[name])
    parts = made["$defs"]
    if "Man" in parts:
        parts["Man"] = _man()
    named = {name: drug.title for name, drug in parameters.drugs().items()}
    parts["Therapy"]["properties"]["drug"] = _one_of(named, "A drug: generic or brand name.")
    return made


def _sections(base: type[Section]) -> Iterable[type[Section]]:
    for one in base.__subclasses__():
        yield one
        yield from _sections(one)


def _as_written(part: Schema, section: type[Section]) -> None:
    """Put the docstring of a section into its schema, and a text beside each number, which may come with its unit."""
    said, of_keys = _said(section)
    aliases = {name: field.alias or name for name, field in section.model_fields.items()}
    told = {aliases.get(name, name): words for name, words in of_keys.items()}
    part["description"] = said
    for key, entry in part["properties"].items():
        entry.pop("title", None)
        default = entry.get("default")
        # What a default stands for is written otherwise (28 is "28 days"), or is no JSON.
        if not isinstance(default, str | bool) or (isinstance(default, float) and not math.isfinite(default)):
            entry.pop("default", None)
        if key in told:
            entry["description"] = told[key]
        ways = [way for way in entry.pop("anyOf", []) if way.get("type") != "null"]  # TOML has no null
        if {way.get("type") for way in ways} <= {"number", "string"}:
            ways = ways[:1]
        entry |= ways[0] if len(ways) == 1 else {"anyOf": ways} if ways else {}
        for way in (entry, *ways):
            if way.get("type") == "number":
                way["type"] = ["number", "string"]


def _said(section: type[Section]) -> tuple[str, dict[str, str]]:
    """Return the first paragraph of a docstring, and what it says of each attribute."""
    whole = inspect.cleandoc(section.__doc__ or "")
    first, _, rest = whole.partition("\n\n")
    of_keys: dict[str, str] = {}
    lines = rest.partition("Attributes:\n")[2].partition("\n\n")[0].partition("\nRaises:")[0]
    for line in re.split(r"\n    (?! )", "\n" + lines)[1:]:
        flat = " ".join(line.split())
        marks = [*_ENTRY.finditer(flat)]
        for mark, following in zip(marks, [*(m.start() for m in marks[1:]), len(flat)], strict=True):
            for name in mark[1].split(", "):
                of_keys[name.strip()] = flat[mark.end() : following].strip()
    return " ".join(first.split()), of_keys


def _table(said: str, properties: Mapping[str, Schema]) -> Schema:
    return {"description": said, "type": "object", "properties": dict(properties), "additionalProperties": False}


def _one_of(named: Mapping[str, str], said: str) -> Schema:
    """Return a text, those of the tables offered with their titles: a file may bring others of its own."""
    return {"description": said, "anyOf": [*({"const": k, "title": v} for k, v in named.items()), {"type": "string"}]}


def _number(of: Parameter) -> Schema:
    unit = f"{of.symbol}; " if of.symbol else ""
    told = f"{unit}{of.low:g} to {of.high:g}, usually {of.value:g}. {of.source}"
    return {"type": ["number", "string"], "minimum": of.low, "maximum": of.high, "description": told}


def _parameters(parts: Schema) -> Schema:
    """Return the schema of overrides, the numbers themselves put into `parts`."""
    groups: dict[str, dict[str, Schema]] = {}
    dotted: dict[str, Schema] = {}
    for name, of in parameters.load().items():
        group, _, short = name.partition(".")
        parts[name] = _number(of)
        dotted[name] = groups.setdefault(group, {})[short] = {"$ref": f"#/$defs/{name}"}
    tables = {group: _table(parameters.in_words(group, heading=True), of) for group, of in groups.items()}
    return _table("Overrides of model parameters, by dotted name or in a table of their group.", {**tables, **dotted})


def _man() -> Schema:
    presets = {name: of.title for name, of in parameters.presets().items()}
    history = {"description": "What he was given before the plan begins.", "type": ["string", "array"]}
    preset = _one_of(presets, "Whom he resembles.")
    fields = {name: _number(of) for name, of in parameters.physiology().items()}
    return _table(_said(Man)[0], {"preset": preset, "history": history, **fields})
