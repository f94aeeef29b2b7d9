"""What of a draft is the man's own, and what the form has no field for and lists, each with its place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from testis_abm import parameters
from testis_abm.app import fields
from testis_abm.app.draft import Draft, is_past, tables, without
from testis_abm.app.fields import Path
from testis_abm.parameters.tables import KINDS as TABLES
from testis_abm.parameters.tables import using
from testis_abm.scenario import Man


def belongings(draft: Draft) -> tuple[str, ...]:
    """Return in words what of a draft is the man's own, besides his physiology and his title."""
    man, assay = draft["man"], draft.get("samples", {}).get("assay")
    with using(tables(draft)):
        known = man.get("preset") in parameters.presets()
        usual = Man(preset=man["preset"]).as_dict().get("history", ()) if known else ()
    past = [text for text in man.get("history", ()) if text not in usual]
    told = [f"earlier treatment ({text})" for text in past]
    told += [f"injury before day 0 ({_in_words(row)})" for row in draft.get("insult", ()) if is_past(row)]
    told += [f"change of weight ({_in_words(row)})" for row in draft.get("weight", ())]
    told += [f"published value ({_in_words(row)})" for row in draft.get("observed", ())]
    return (*told, *([f"assay of oestradiol ({assay})"] if assay else []))


@dataclass(frozen=True)
class Extra:
    """Something of a draft that the form has no field for.

    Attributes:
        path: where it stands in the draft.
        text: what it says, in words.
    """

    path: Path
    text: str


def extras(draft: Draft) -> tuple[Extra, ...]:
    """Return everything of a draft that is no field of the form, in the order of a scenario file."""
    return tuple(_extras(draft))


def _extras(draft: Draft) -> Iterator[Extra]:
    for section, content in draft.items():
        if section in TABLES:
            for name, table in content.items():
                yield Extra((section, name), f"Own {section}: {_own(str(name), table)}")
            continue
        for path, value in _leaves((section,), content):
            if fields.at(path) is None:
                yield Extra(path, f"{' '.join(map(_counted, path))}: {_value(value)}")


def _leaves(path: Path, content: Any) -> Iterator[tuple[Path, Any]]:
    """Yield what may have a field: the title, entries of sections, keys and lines of rows."""
    rows = fields.rows_at(path)
    if rows is not None and path == rows.path:
        inner: Iterable[tuple[str | int, Any]] = enumerate(content)
    elif isinstance(content, Mapping) and fields.is_table(path):
        inner = content.items()
    else:
        yield path, content
        return
    for key, value in inner:
        yield from _leaves((*path, key), value)


def _counted(key: str | int) -> str:
    return str(key + 1) if isinstance(key, int) else key.replace("_", " ")


def without_extras(draft: Draft) -> Draft:
    """Return a draft of nothing but what the form has fields for."""
    while found := extras(draft):
        draft = without(draft, found[-1].path)
    return draft


def _own(name: str, table: object) -> str:
    """Return an entry of a table of the scenario's own in words: its name, and each number with its range."""
    if not isinstance(table, Mapping):
        return f"{name} {_value(table)}"
    ends = table.get("range", ())
    reach = f"({_value(ends[0])} to {_value(ends[-1])})" if isinstance(ends, list | tuple) and ends else ""
    number = [_value(table["value"])] if "value" in table else []
    inner = ", ".join(_own(str(key), value) for key, value in table.items() if key not in ("value", "range"))
    parts = [*number, *([reach] if reach else []), *([f"({inner})"] if inner else [])]
    return f"{name} {' '.join(parts)}"


def _value(value: object) -> str:
    """Return a value in words; of many days their number, the first and the last."""
    if isinstance(value, list | tuple):
        days = [str(day) for day in value]
        return ", ".join(days) or "none" if len(days) < 7 else f"{len(days)} times, {days[0]} to {days[-1]}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _in_words(row: Mapping[str, Any]) -> str:
    if "variable" in row:
        source = f" ({row['label']})" if row.get("label") else ""
        return f"{row['variable'].replace('_', ' ')} {_value(row.get('value'))} {row.get('unit', '')} on {row.get('day')}{source}"
    return ", ".join(f"{key} {_value(value)}" for key, value in row.items())
